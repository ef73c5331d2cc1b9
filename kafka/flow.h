/* SPDX-License-Identifier: Apache-2.0
 *
 * A flow: what a route of the bridge and an application of the streams engine have in common. Records are read from one
 * cluster and written to another (for streams: the same one); who works on what is shared out by a consumer group that
 * subscribes to a state topic on the sink, whose partitions are the tasks; positions are written there and committed in
 * cycles. Everything in kafka/ that serves both layers is told by this what it works for.
 *
 * Ownership: filled by the layer above, which keeps the texts alive; read-only while anything runs, any thread.
 */
#ifndef AQ_KAFKA_FLOW_H
#define AQ_KAFKA_FLOW_H

#include "base/clock.h"
#include "kafka/cluster.h"

/* Bytes of an instance's address, with the zero at its end. */
#define KC_ADDRESS_MAX 262

/* What client ids begin with where nothing else is said; the longest such prefix; bytes of an id, with the zero at its end. */
#define KC_CLIENT_PREFIX     "aqueduct"
#define KC_CLIENT_PREFIX_MAX 100
#define KC_CLIENT_ID_MAX     (KC_CLIENT_PREFIX_MAX + 64)

struct kc_flow {
    const char *noun; /* "route", "application": key in the log, word in messages */
    const char *name;
    const char *group;       /* the consumer group on the sink */
    const char *state_topic; /* on the sink; its partitions are the tasks */
    const struct kc_cluster *source;
    const struct kc_cluster *sink; /* the same pointer as source: one cluster, reached once */
    int32_t tasks;
    bool exactly_once;
    const char *transactional_prefix; /* of transactional ids: "aqueduct.<route>", "<application id>" */
    int64_t commit_interval_ms;
    int64_t session_timeout_ms;
    int64_t transaction_timeout_ms;
    int64_t delivery_timeout_ms; /* at_least_once: how long the client retries a record */
    int64_t linger_ms;
    int64_t batch_bytes;
    int64_t batch_records;   /* what makes a produce request full */
    int64_t in_flight_bytes; /* per worker; the producer's queue may hold twice as much */
    const char *compression;
    int32_t replication_factor; /* of topics we create; -1: the brokers' default */
    int workers;                /* per process */
    const char
        *instance_id; /* static membership: group.instance.id without the worker's number; NULL: none */
    const char
        *client_prefix; /* of client ids; NULL: KC_CLIENT_PREFIX. No '@', behind which the address stands */
    /* Where other instances reach this one, "host:port": the group is told it; NULL: nobody is. */
    const char *address;
    /* for messages: what an operator can do */
    const char *reset_command; /* takes "--topic NAME": "aqueduct positions --reset earliest"; NULL: none */
    const char *at_least_once_hint; /* "delivery = \"at_least_once\"" */
};

/* The id of a client: PREFIX-ROLE, the prefix being that of a flow (NULL: ours). Returns `id`. */
const char *kc_client_id(const char *prefix, const char *role, char id[KC_CLIENT_ID_MAX]);

/* What one produce request takes when the sink answers quickly: it is worth having a second one ready behind it. When it
 * does not, the client's broker thread spins while more is ready than it may send (bridge/outflow.c has the measurement); on a busy
 * machine that slows the answers further. */
#define KC_QUICK_ANSWER (6 * AQ_MS)
/* Where the average begins: a sink has to prove that it is quick. */
#define KC_FIRST_ANSWER (2 * KC_QUICK_ANSWER)

static inline bool kc_flow_is_quick(const struct kc_flow *flow, int64_t answer_us)
{
    return answer_us <= KC_QUICK_ANSWER + flow->linger_ms * AQ_MS;
}

/* The average over the last answers, with one more. */
static inline int64_t kc_average_answer(int64_t average_us, int64_t answer_us)
{
    return average_us + (answer_us - average_us) / 16;
}

#endif
