/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests and benchmarks of kafka/ that talk to the two real clusters through struct kc_ops itself: where they are,
 * fresh topic names, sending and reading without a bridge. Ends the program with 1 and the reason when there are no
 * clusters, or when a step that every test needs does not work.
 */
#ifndef AQ_TESTS_LIB_BROKER_ENV_H
#define AQ_TESTS_LIB_BROKER_ENV_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "kafka/kafka.h"

#define KT_TIMEOUT_MS 15000

struct kt_env {
    struct aq_arena arena;
    struct aq_names names;
    struct kc_cluster source;
    struct kc_cluster sink;
    struct kc_admin *source_admin;
    struct kc_admin *sink_admin;
    int replicas; /* of topics to come: 1 unless a test sets it */
    int serial;
};

static inline void kt_check(int code, const struct aq_err *err, const char *what)
{
    if (code == 0) return;
    fprintf(stderr, "%s: %s (%s)\n", what, err->text, aq_code_name(code));
    exit(1);
}

static inline void kt_open(struct kt_env *env)
{
    const char *source = getenv("AQUEDUCT_SOURCE");
    const char *sink = getenv("AQUEDUCT_SINK");
    if (!source || !sink) {
        fprintf(
            stderr,
            "This program needs two real Kafka clusters, and AQUEDUCT_SOURCE or AQUEDUCT_SINK is not set.\n"
            "Start them:  ./dev clusters up && eval \"$(./dev clusters env)\"\n");
        exit(1);
    }
    *env = (struct kt_env){.replicas = 1};
    struct aq_err err = {0};
    aq_arena_init(&env->arena, 4096);
    aq_names_init(&env->names);
    kc_cluster_from_brokers("source", source, &env->arena, &env->source);
    kc_cluster_from_brokers("sink", sink, &env->arena, &env->sink);
    kt_check(kc_rd_ops.admin_open(&env->source, "kt-admin", &env->source_admin, &err), &err,
             "admin of the source");
    kt_check(kc_rd_ops.admin_open(&env->sink, "kt-admin", &env->sink_admin, &err), &err, "admin of the sink");
}

static inline void kt_close(struct kt_env *env)
{
    kc_rd_ops.admin_close(env->source_admin);
    kc_rd_ops.admin_close(env->sink_admin);
    aq_names_finish(&env->names);
    aq_arena_finish(&env->arena);
}

/* "<stem>-<pid>-<n>": never used before on these clusters. */
static inline const char *kt_name(struct kt_env *env, const char *stem)
{
    return aq_arena_printf(&env->arena, "%s-%d-%" PRId64 "-%d", stem, (int)getpid(), aq_wall_ms() % 1000000,
                           env->serial++);
}

static inline const char *kt_topic(struct kt_env *env, struct kc_admin *admin, const char *stem,
                                   int32_t partitions, const struct kc_config_entry *configs,
                                   size_t n_configs)
{
    struct aq_err err = {0};
    /* Tests write old timestamps, and time retention would delete such records while they are read. */
    struct kc_config_entry all[8] = {{"retention.ms", "-1"}};
    size_t n = 1;
    for (size_t i = 0; i < n_configs && n < 8; i++) all[n++] = configs[i];
    struct kc_topic_spec spec = {
        .name = kt_name(env, stem),
        .partitions = partitions,
        .replication_factor = (int16_t)env->replicas,
        .configs = all,
        .n_configs = n,
    };
    /* A broker that was paused or restarted is "fenced" by its controller for a moment: no place for a replica. */
    int64_t until = aq_mono_us() + KT_TIMEOUT_MS * AQ_MS;
    int code;
    while ((code = kc_rd_ops.admin_create_topic(admin, &spec, KT_TIMEOUT_MS, &err)) == AQ_E_CONFIG &&
           aq_mono_us() < until)
        aq_sleep_ms(100);
    kt_check(code, &err, "create topic");
    return spec.name;
}

static inline struct kc_producer *kt_producer(const struct kc_cluster *cluster, const char *transactional_id)
{
    struct aq_err err = {0};
    struct kc_producer *producer = NULL;
    struct kc_producer_conf conf = {
        .client_id = "kt-producer",
        .transactional_id = transactional_id,
        .transaction_timeout_ms = 10000,
        .delivery_timeout_ms = 30000,
        .linger_ms = 5,
        .batch_bytes = 1000000,
        .queue_bytes = 32 << 20,
        .compression = "lz4",
    };
    kt_check(kc_rd_ops.producer_open(cluster, &conf, &producer, &err), &err, "open producer");
    return producer;
}

static inline void kt_close_producer(struct kc_producer *producer)
{
    struct aq_batch *left = NULL;
    kc_rd_ops.producer_close(producer, 5000, &left);
    while (left) {
        struct aq_batch *next = left->next;
        aq_batch_release(left);
        left = next;
    }
}

static inline struct kc_consumer *kt_consumer(struct kt_env *env, const struct kc_cluster *cluster,
                                              bool read_committed)
{
    struct aq_err err = {0};
    struct kc_consumer *consumer = NULL;
    struct kc_consumer_conf conf = {
        .client_id = "kt-consumer",
        .group_id = "kt-none",
        .read_committed = read_committed,
        .queue_bytes = 4 << 20,
        .batch_records = 1000,
    };
    kt_check(kc_rd_ops.consumer_open(cluster, &conf, &env->names, &consumer, &err), &err, "open consumer");
    return consumer;
}

/* Sends a batch that was filled by hand (records without origin) and waits for it. */
static inline void kt_send_all(struct kc_producer *producer, struct aq_batch *batch)
{
    struct aq_err err = {0};
    struct kc_drained drained;
    int64_t until = aq_mono_us() + 60 * AQ_SEC;
    bool back = false;
    while (!back && aq_mono_us() < until) {
        int code = batch->produced < batch->n ? kc_rd_ops.producer_send(producer, batch, &err) : 0;
        if (code && code != AQ_E_FULL) kt_check(code, &err, "send");
        kc_rd_ops.producer_drain(producer, 10, &drained);
        back = drained.done == batch;
    }
    if (!back || kc_rd_ops.producer_failure(producer)->code) {
        fprintf(stderr, "send: %s\n",
                back ? kc_rd_ops.producer_failure(producer)->text : "no delivery in time");
        exit(1);
    }
    batch->produced = 0;
}

/* Waits for the end of a slow transactional call; returns its code. */
static inline int kt_wait_txn(struct kc_producer *producer, enum kc_txn_state while_state, struct aq_err *err)
{
    int64_t until = aq_mono_us() + 60 * AQ_SEC;
    while (aq_mono_us() < until) {
        int code = 0;
        enum kc_txn_state state = kc_rd_ops.txn_poll(producer, &code, NULL, err);
        if (state != while_state) return code;
        aq_sleep_ms(2);
    }
    fprintf(stderr, "transaction call did not end\n");
    exit(1);
}

#endif
