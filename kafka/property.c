/* SPDX-License-Identifier: Apache-2.0
 *
 * Client properties: one table of the names that do not pass through, each row with the reason, and the scope of the
 * ones that do.
 *
 * Everything else is the client library's own: it is asked on a scratch configuration, so that an unknown name or a
 * bad value is reported at its place in the file and not when a route starts. Names that only Java clients know are
 * answered with ours, because that is what people paste. File names in ssl.* stay allowed: the file is a local,
 * trusted one, and operators need their keys; whatever can run a program, load code or send tokens elsewhere is not.
 *
 * Threads: none; start-up only.
 */
#include "kafka/property.h"

#include <fnmatch.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/secret.h"

enum kind {
    FORCED,    /* set by this program, always */
    OPTION,    /* has an option of its own */
    DANGEROUS, /* could run, load or reach what a configuration file must not */
    FOREIGN,   /* Java's name, or useless here */
};

struct row {
    const char *pattern; /* fnmatch */
    enum kind kind;
    const char *answer; /* follows "<name> ": a half sentence */
};

static const struct row rows[] = {
    /* ours, always */
    {"bootstrap.servers", OPTION, "is the option 'brokers' of the cluster"},
    {"metadata.broker.list", OPTION, "is the option 'brokers' of the cluster"},
    {"client.id", FORCED, "is made from route and worker, so that brokers' logs and quotas tell them apart"},
    {"group.id", FORCED, "is made from the route's name: it decides who owns a task"},
    {"group.instance.id", FORCED, "would keep tasks of a dead instance unowned until the session expires"},
    {"group.protocol", FORCED, "is 'classic': tasks are shared out by its assign callbacks"},
    {"group.remote.assignor", FORCED, "belongs to the consumer protocol, which is not used"},
    {"transactional.id", FORCED, "is made from route, instance and worker"},
    {"enable.idempotence", FORCED, "is always true: without it retries duplicate and reorder"},
    {"enable.gapless.guarantee", FORCED, "would end the producer where an abort is enough"},
    {"acks", FORCED, "is always 'all': a record that one broker can lose is not delivered"},
    {"request.required.acks", FORCED, "is always 'all': a record that one broker can lose is not delivered"},
    {"enable.auto.commit", FORCED, "is always false: positions are kept on the sink"},
    {"auto.commit.*", FORCED, "has no use: positions are kept on the sink"},
    {"enable.auto.offset.store", FORCED, "is always false: positions are kept on the sink"},
    {"offset.store.*", FORCED, "has no use: positions are kept on the sink"},
    {"auto.offset.reset", OPTION,
     "is always 'error', so that lost records are reported; where a new route starts is "
     "its option 'start'"},
    {"enable.partition.eof", FORCED, "is always true: the end of a partition must be seen"},
    {"partition.assignment.strategy", FORCED, "is chosen by the version of the client library"},
    {"partitioner", FORCED, "is murmur2, as in Java, wherever a key decides"},
    {"allow.auto.create.topics", FORCED,
     "is always false; topics are created by the route's option 'create_topics'"},
    {"statistics.interval.ms", FORCED, "is 0: metrics are served over HTTP"},
    {"enable.metrics.push", FORCED, "is false: metrics are served over HTTP"},
    {"socket.nagle.disable", FORCED, "is always true"},
    {"check.crcs", FORCED, "would only be checked twice: TLS and the broker do"},
    {"queue.buffering.max.kbytes", FORCED, "is bounded by the route's option 'in_flight'"},
    {"queue.buffering.max.messages", FORCED, "is bounded by the route's option 'in_flight'"},
    {"queue.buffering.backpressure.threshold", FORCED, "has no use here"},
    {"message.max.bytes", FORCED,
     "is the largest possible: the sink's own limit decides and names the record"},
    {"fetch.max.bytes", FORCED, "follows the route's option 'queue'"},
    {"queued.min.messages", FORCED, "follows the route's option 'queue'"},
    {"fetch.queue.backoff.ms", FORCED, "is set so that a full queue never stalls the fetcher"},
    {"retry.backoff.ms", FORCED, "is 5: at the default every transaction would wait 100 ms"},
    {"retry.backoff.max.ms", FORCED, "is 200"},
    {"max.in.flight*", FORCED, "is set by idempotence"},
    {"retries", FORCED, "is without end: the delivery timeout decides"},
    {"message.send.max.retries", FORCED, "is without end: the delivery timeout decides"},
    {"batch.num.messages", FORCED, "is without bound: bytes decide"},
    {"delivery.report.only.error", FORCED, "is false: every report counts a record"},
    {"log.queue", FORCED, "is false: log lines go straight to our log"},
    {"log_level", FORCED, "follows the log level of this program"},

    /* have options of their own */
    {"isolation.level", OPTION, "is the route's option 'isolation'"},
    {"queued.max.messages.kbytes", OPTION, "is the route's option 'queue'"},
    {"transaction.timeout.ms", OPTION, "is the route's option 'transaction_timeout'"},
    {"session.timeout.ms", OPTION, "is the route's option 'session_timeout'"},
    {"heartbeat.interval.ms", OPTION,
     "is 500 ms, or a quarter of the route's option 'session_timeout' when that is less"},
    {"max.poll.interval.ms", OPTION, "follows the route's option 'session_timeout'"},
    {"linger.ms", OPTION, "is the route's option 'linger'"},
    {"queue.buffering.max.ms", OPTION, "is the route's option 'linger'"},
    {"batch.size", OPTION, "is the route's option 'batch_size'"},
    {"compression.type", OPTION, "is the route's option 'compression'"},
    {"compression.codec", OPTION, "is the route's option 'compression'"},
    {"delivery.timeout.ms", FORCED, "is set from the route: in a transaction its timeout is the limit"},
    {"message.timeout.ms", FORCED, "is set from the route: in a transaction its timeout is the limit"},

    /* could do harm */
    {"sasl.kerberos.kinit.cmd", DANGEROUS, "runs a shell command; run kinit or k5start beside this program"},
    {"plugin.library.paths", DANGEROUS, "loads code into the process"},
    {"ssl.engine.*", DANGEROUS, "loads code into the process"},
    {"ssl_engine_callback_data", DANGEROUS, "loads code into the process"},
    {"ssl.providers", DANGEROUS, "loads code into the process"},
    {"*.token.endpoint.url", DANGEROUS, "sends credentials to any address it names"},
    {"sasl.oauthbearer.assertion.file", DANGEROUS, "sends the content of a file elsewhere"},
    {"test.mock.*", DANGEROUS, "replaces the cluster by a mock"},
    {"debug", DANGEROUS, "writes tokens and record contents into the log"},
    {"enable.ssl.certificate.verification", DANGEROUS,
     "cannot be turned off: give the CA in ssl.ca.location"},
    {"enable.sasl.oauthbearer.unsecure.jwt", DANGEROUS, "accepts unsigned tokens"},
    {"*_cb", DANGEROUS, "is a function pointer"},
    {"ssl_ca", DANGEROUS, "is a pointer; use ssl.ca.location"},
    {"ssl_certificate", DANGEROUS, "is a pointer; use ssl.certificate.location"},
    {"ssl_key", DANGEROUS, "is a pointer; use ssl.key.location"},
    {"ssl.certificate.verify_cb", DANGEROUS, "is a function pointer"},
    {"opaque", DANGEROUS, "is a pointer"},
    {"interceptors", DANGEROUS, "is a pointer"},
    {"default_topic_conf", DANGEROUS, "is a pointer"},
    {"enabled_events", DANGEROUS, "takes delivery reports away from this program"},

    /* Java's */
    {"sasl.jaas.config", FOREIGN, "is Java's: write sasl.username and sasl.password"},
    {"sasl.login.callback.handler.class", FOREIGN, "is Java's and has no counterpart"},
    {"sasl.client.callback.handler.class", FOREIGN, "is Java's and has no counterpart"},
    {"ssl.truststore.location", FOREIGN, "is Java's: write ssl.ca.location with a PEM file"},
    {"ssl.truststore.certificates", FOREIGN, "is Java's: write ssl.ca.pem"},
    {"ssl.truststore.*", FOREIGN, "is Java's: a PEM file in ssl.ca.location needs none"},
    {"ssl.keystore.type", FOREIGN, "is Java's: ssl.keystore.location takes PKCS#12"},
    {"ssl.keystore.key", FOREIGN, "is Java's: write ssl.key.pem"},
    {"ssl.keystore.certificate.chain", FOREIGN, "is Java's: write ssl.certificate.pem"},
    {"ssl.enabled.protocols", FOREIGN, "is Java's and has no counterpart"},
    {"ssl.protocol", FOREIGN, "is Java's and has no counterpart"},
    {"ssl.provider", FOREIGN, "is Java's and has no counterpart"},
    {"key.serializer", FOREIGN, "is Java's: records are bytes here; formats are the route's option 'format'"},
    {"value.serializer", FOREIGN,
     "is Java's: records are bytes here; formats are the route's option 'format'"},
    {"key.deserializer", FOREIGN,
     "is Java's: records are bytes here; formats are the route's option 'format'"},
    {"value.deserializer", FOREIGN,
     "is Java's: records are bytes here; formats are the route's option 'format'"},
    {"max.poll.records", FOREIGN, "is Java's: batches follow the route's option 'queue'"},
    {"fetch.max.wait.ms", FOREIGN, "is Java's: write fetch.wait.max.ms"},
    {"buffer.memory", FOREIGN, "is Java's: use the route's option 'in_flight'"},
    {"max.request.size", FOREIGN, "is Java's: the sink's own limit decides here"},
    {"receive.buffer.bytes", FOREIGN, "is Java's: write socket.receive.buffer.bytes"},
    {"send.buffer.bytes", FOREIGN, "is Java's: write socket.send.buffer.bytes"},
    {"request.timeout.ms", FOREIGN, "is set from the route; for the connection write socket.timeout.ms"},
    {"default.api.timeout.ms", FOREIGN, "is Java's: write socket.timeout.ms"},
    {"max.block.ms", FOREIGN, "is Java's: nothing blocks here"},
    {"interceptor.classes", FOREIGN, "is Java's: write a transform"},
    {"metric.reporters", FOREIGN, "is Java's: metrics are served over HTTP"},
    {"metrics.*", FOREIGN, "is Java's: metrics are served over HTTP"},
    {"partitioner.class", FOREIGN, "is Java's: use the route's option 'partition'"},
    {"security.providers", FOREIGN, "is Java's and has no counterpart"},
    {"exclude.internal.topics", FOREIGN, "is Java's: internal topics are never mirrored"},
    {"producer.*", FOREIGN, "has a prefix of Connect or MirrorMaker: write the name without it"},
    {"consumer.*", FOREIGN, "has a prefix of Connect or MirrorMaker: write the name without it"},
    {"admin.*", FOREIGN, "has a prefix of Connect or MirrorMaker: write the name without it"},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Names that only one kind of handle knows, and that pass through; the others are for both. */
static const char *const consumer_only[] = {
    "coordinator.query.interval.ms",
    "fetch.error.backoff.ms",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "group.protocol.type",
    "max.partition.fetch.bytes",
    "consume.callback.max.messages",
};
static const char *const producer_only[] = {
    "compression.level",
    "produce.offset.report",
    "queuing.strategy",
    "sticky.partitioning.linger.ms",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct row *find_row(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (fnmatch(rows[i].pattern, name, 0) == 0) return &rows[i];
    }
    return NULL;
}

static bool is_in(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], name) == 0) return true;
    }
    return false;
}

bool kc_property_applies(const char *name, bool producer)
{
    if (producer) return !is_in(name, consumer_only, COUNT(consumer_only));
    return !is_in(name, producer_only, COUNT(producer_only));
}

/* The names of the client library that would be accepted, for suggestions. Adds to list; returns the new count. */
static size_t add_names(const char **dump, size_t n_dump, const char **list, size_t n)
{
    for (size_t i = 0; i + 1 < n_dump; i += 2) {
        if (!find_row(dump[i])) list[n++] = aq_strdup(dump[i]);
    }
    return n;
}

static void complain_unknown(const char *name, struct conf_pos pos, struct conf_diags *diags)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
    size_t n_global = 0;
    size_t n_topic = 0;
    const char **global = rd_kafka_conf_dump(conf, &n_global);
    const char **topic = rd_kafka_topic_conf_dump(topic_conf, &n_topic);
    /* Our own answers are candidates too: "boostrap.servers" should lead to 'brokers'. */
    const char **list = aq_calloc(n_global / 2 + n_topic / 2 + N_ROWS + 1, sizeof(*list));
    size_t n = add_names(global, n_global, list, 0);
    n = add_names(topic, n_topic, list, n);
    size_t owned = n;
    for (size_t i = 0; i < N_ROWS; i++) {
        if (!strchr(rows[i].pattern, '*')) list[n++] = rows[i].pattern;
    }
    const char *near = conf_did_you_mean(name, list, n);
    if (near) {
        conf_diag(diags, CONF_ERROR, pos, "unknown client property '%s'; did you mean '%s'?", name, near);
    } else {
        conf_diag(diags, CONF_ERROR, pos, "unknown client property '%s' (librdkafka %s)", name,
                  rd_kafka_version_str());
    }
    for (size_t i = 0; i < owned; i++) free((char *)list[i]);
    free(list);
    rd_kafka_conf_dump_free(global, n_global);
    rd_kafka_conf_dump_free(topic, n_topic);
    rd_kafka_topic_conf_destroy(topic_conf);
    rd_kafka_conf_destroy(conf);
}

static bool ask_client(const char *name, const char *value, struct conf_pos pos, struct conf_diags *diags)
{
    char text[512] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, text, sizeof(text));
    rd_kafka_conf_destroy(conf);
    if (result == RD_KAFKA_CONF_OK) return true;
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        complain_unknown(name, pos, diags);
        return false;
    }
    /* The library's sentence may quote the value. */
    if (conf_secret_property(name)) {
        conf_diag(diags, CONF_ERROR, pos, "client property '%s' has a bad value", name);
    } else {
        conf_diag(diags, CONF_ERROR, pos, "client property '%s': %s", name, text);
    }
    return false;
}

bool kc_property_is_known(const char *name)
{
    AQ_ASSERT(name);
    if (find_row(name)) return true;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    size_t size = 0;
    bool known = rd_kafka_conf_get(conf, name, NULL, &size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return known;
}

bool kc_property_check(const char *name, const char *value, struct conf_pos pos, struct conf_diags *diags)
{
    AQ_ASSERT(name && value);
    const struct row *row = find_row(name);
    if (!row) return ask_client(name, value, pos, diags);
    switch (row->kind) {
    case DANGEROUS:
        conf_diag(diags, CONF_ERROR, pos, "client property '%s' is refused: it %s", name, row->answer);
        break;
    case FORCED:
        conf_diag(diags, CONF_ERROR, pos, "client property '%s' cannot be set: it %s", name, row->answer);
        break;
    default: conf_diag(diags, CONF_ERROR, pos, "client property '%s' %s", name, row->answer);
    }
    return false;
}
