/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of a handle: our defaults, then the cluster's properties as far as the role can use them, then
 * what must not be otherwise. kafka/property.c refuses the forced names in the file already; setting them last here
 * makes sure of it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "kafka/property.h"
#include "kafka/rd/rd.h"

struct pair {
    const char *name;
    const char *value;
};

/* Good for a bridge, but an operator may know better. */
static const struct pair defaults_all[] = {
    {"socket.keepalive.enable", "true"}, /* firewalls between data centres drop idle connections silently */
    {"log.connection.close", "false"},   /* brokers end idle connections; that is no news */
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "2000"}, /* default 10 s: a restarted broker would be noticed late */
    {NULL, NULL},
};

static const struct pair defaults_consumer[] = {
    {"fetch.wait.max.ms", "100"},     /* how long an empty fetch is held: bounds how late events are seen */
    {"fetch.error.backoff.ms", "50"}, /* default 500 ms: a moved leader would cost half a second */
    {"max.partition.fetch.bytes", "1048576"}, /* with the small queue bounds what one answer can overshoot */
    {NULL, NULL},
};

static const struct pair forced_all[] = {
    {"allow.auto.create.topics", "false"}, /* asking for a topic must never make it */
    {"statistics.interval.ms", "0"},       /* nobody reads them; they cost CPU and queue up */
    {"socket.nagle.disable", "true"},      /* on by default below 2.10: 40 ms in each small request */
#if KRD_AT_LEAST(2, 5)
    {"enable.metrics.push",
     "false"}, /* brokers could subscribe to our client's metrics; ours are served elsewhere */
#endif
    {NULL, NULL},
};

static const struct pair forced_consumer[] = {
    {"enable.auto.commit", "false"}, /* positions live on the sink */
    {"enable.auto.offset.store",
     "false"},                      /* the same; EOF events move stored offsets in 2.2 to 2.13 (#4844) */
    {"auto.offset.reset", "error"}, /* anything else jumps over lost records with a warning only */
    {NULL, NULL},
};

static int set_pairs(rd_kafka_conf_t *conf, const struct pair *pairs, struct aq_err *err)
{
    for (; pairs->name; pairs++) {
        int code = krd_conf_set(conf, pairs->name, pairs->value, err);
        if (code) return code;
    }
    return 0;
}

int krd_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct aq_err *err)
{
    AQ_ASSERT(name && value);
    char text[512] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK) return 0;
    return aq_fail(err, AQ_E_CONFIG, "client property %s: %s", name, text);
}

int krd_conf_set_int(rd_kafka_conf_t *conf, const char *name, int64_t value, struct aq_err *err)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return krd_conf_set(conf, name, text, err);
}

static int set_properties(rd_kafka_conf_t *conf, const struct kc_cluster *cluster, bool producer,
                          struct aq_err *err)
{
    for (size_t i = 0; i < cluster->n_properties; i++) {
        const struct kc_property *property = &cluster->properties[i];
        /* A producer given a consumer's property warns on every start. */
        if (!kc_property_applies(property->name, producer)) continue;
        int code = krd_conf_set(conf, property->name, property->value, err);
        if (code) return aq_err_in(err, "cluster %s", cluster->name);
    }
    return 0;
}

rd_kafka_conf_t *krd_conf_new(const struct kc_cluster *cluster, enum krd_role role, const char *client_id,
                              struct aq_err *err)
{
    AQ_ASSERT(cluster->brokers && client_id);
    bool producer = role == KRD_PRODUCER;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int code = set_pairs(conf, defaults_all, err);
    if (!code && !producer) code = set_pairs(conf, defaults_consumer, err);
    if (!code) code = set_properties(conf, cluster, producer, err);
    if (!code) code = set_pairs(conf, forced_all, err);
    if (!code && !producer) code = set_pairs(conf, forced_consumer, err);
    if (!code) code = krd_conf_set(conf, "bootstrap.servers", cluster->brokers, err);
    if (!code) code = krd_conf_set(conf, "client.id", client_id, err);
    if (!code) return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
