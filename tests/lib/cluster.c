/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics of a cluster for tests, over librdkafka's admin calls.
 *
 * An ordinary pass: an admin request goes out with a queue of its own, the answer is awaited there, the per-topic
 * error decides, then metadata is asked until it shows the change: brokers answer a creation before they all know it.
 * A failing pass: a broker that is just being restarted; requests are tried again until ADMIN_MS are over. Threads:
 * one owner per handle.
 */
#include "tests/lib/cluster.h"

#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/wait.h"

#define ADMIN_MS    60000
#define MAX_CONFIGS 32

struct t_cluster {
    rd_kafka_t *rk;
    rd_kafka_queue_t *answers;
    char brokers[512];
};

static void quiet(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    /* Broker restarts are the point of some tests; what matters comes back as an error code. */
    if (level <= 3 && getenv("AQUEDUCT_TEST_VERBOSE"))
        fprintf(stderr, "%s %s: %s\n", rd_kafka_name(rk), facility, text);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) T_FAIL("%s", error);
}

rd_kafka_t *t_client_with(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers,
                          const char *const *properties)
{
    char error[512];
    set(conf, "bootstrap.servers", brokers);
    /* A restarted broker is looked for at once, not after ten seconds of growing pauses. */
    set(conf, "reconnect.backoff.ms", "50");
    set(conf, "reconnect.backoff.max.ms", "500");
    set(conf, "topic.metadata.refresh.fast.interval.ms", "100");
    rd_kafka_conf_set_log_cb(conf, quiet);
    for (; properties && *properties; properties++) {
        const char *equals = strchr(*properties, '=');
        if (!equals) T_FAIL("'%s' is not key=value", *properties);
        char *name = t_printf("%.*s", (int)(equals - *properties), *properties);
        set(conf, name, equals + 1);
        free(name);
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof error);
    if (!rk) T_FAIL("client: %s", error);
    return rk;
}

rd_kafka_t *t_client(rd_kafka_type_t type, const char *brokers, const char *const *properties)
{
    return t_client_with(type, rd_kafka_conf_new(), brokers, properties);
}

bool t_client_knows(const char *property)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    size_t size = 0;
    bool known = rd_kafka_conf_get(conf, property, NULL, &size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return known;
}

struct t_cluster *t_cluster_open(const char *brokers)
{
    struct t_cluster *cluster = t_alloc(sizeof *cluster);
    snprintf(cluster->brokers, sizeof cluster->brokers, "%s", brokers);
    /* Else a watermark query answers with the last stable offset, also on a producer's handle. */
    const char *properties[] = {"isolation.level=read_uncommitted", NULL};
    cluster->rk = t_client(RD_KAFKA_PRODUCER, brokers, properties);
    cluster->answers = rd_kafka_queue_new(cluster->rk);
    return cluster;
}

void t_cluster_close(struct t_cluster *cluster)
{
    if (!cluster) return;
    rd_kafka_queue_destroy(cluster->answers);
    rd_kafka_destroy(cluster->rk);
    free(cluster);
}

const char *t_brokers(const struct t_cluster *cluster)
{
    return cluster->brokers;
}

struct t_name t_unique(const char *stem)
{
    static int count;
    struct t_name name;
    snprintf(name.text, sizeof name.text, "%s-%lld-%d-%d", stem, (long long)(t_wall_ms() / 1000),
             (int)getpid(), ++count);
    return name;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

int t_partitions(struct t_cluster *cluster, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(cluster->rk, topic, NULL);
    rd_kafka_resp_err_t error = rd_kafka_metadata(cluster->rk, 0, rkt, &metadata, 5000);
    rd_kafka_topic_destroy(rkt);
    if (error) return -1;
    int led = 0;
    for (int t = 0; t < metadata->topic_cnt; t++) {
        const rd_kafka_metadata_topic_t *found = &metadata->topics[t];
        if (strcmp(found->topic, topic) != 0 || found->err) continue;
        for (int p = 0; p < found->partition_cnt; p++) {
            if (!found->partitions[p].err && found->partitions[p].leader >= 0) led++;
        }
    }
    rd_kafka_metadata_destroy(metadata);
    return led;
}

bool t_watermarks(struct t_cluster *cluster, const char *topic, int partition, int64_t timeout_ms,
                  int64_t *ret_low, int64_t *ret_high)
{
    return T_WAIT(timeout_ms, rd_kafka_query_watermark_offsets(cluster->rk, topic, partition, ret_low,
                                                               ret_high, 2000) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

int64_t t_log_span(struct t_cluster *cluster, const char *topic)
{
    int partitions = t_partitions(cluster, topic);
    if (partitions < 0) return -1;
    int64_t sum = 0, low, high;
    for (int p = 0; p < partitions; p++) {
        if (!t_watermarks(cluster, topic, p, 5000, &low, &high)) return -1;
        sum += high - low;
    }
    return sum;
}

/* ---- changing ---------------------------------------------------------------------------------------------------- */

static rd_kafka_AdminOptions_t *options(struct t_cluster *cluster, rd_kafka_admin_op_t op)
{
    char error[256];
    rd_kafka_AdminOptions_t *made = rd_kafka_AdminOptions_new(cluster->rk, op);
    if (rd_kafka_AdminOptions_set_request_timeout(made, 15000, error, sizeof error) != 0) T_FAIL("%s", error);
    return made;
}

/* The first error in a list of per-topic results, its text in `text`. */
static rd_kafka_resp_err_t first_error(const rd_kafka_topic_result_t **results, size_t n, char *text,
                                       size_t size)
{
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
        if (!error) continue;
        const char *reason = rd_kafka_topic_result_error_string(results[i]);
        snprintf(text, size, "%s", reason ? reason : rd_kafka_err2str(error));
        return error;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Waits for the answer to a request just sent and returns its error. */
static rd_kafka_resp_err_t answer(struct t_cluster *cluster, char *text, size_t size)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(cluster->answers, 20000);
    if (!event) {
        snprintf(text, size, "no answer");
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    if (error) snprintf(text, size, "%s", rd_kafka_event_error_string(event));
    const rd_kafka_topic_result_t **results = NULL;
    size_t n = 0;
    if (!error) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
            results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
            break;
        case RD_KAFKA_EVENT_DELETETOPICS_RESULT:
            results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
            break;
        case RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT:
            results =
                rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
            break;
        case RD_KAFKA_EVENT_ALTERCONFIGS_RESULT: {
            const rd_kafka_ConfigResource_t **resources =
                rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n);
            if (n == 1) error = rd_kafka_ConfigResource_error(resources[0]);
            n = 0;
            break;
        }
        case RD_KAFKA_EVENT_DELETERECORDS_RESULT: {
            const rd_kafka_topic_partition_list_t *list =
                rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
            if (list->cnt == 1) error = list->elems[0].err;
            break;
        }
        default: error = RD_KAFKA_RESP_ERR__FAIL; break;
        }
        if (error) snprintf(text, size, "%s", rd_kafka_err2str(error));
    }
    if (!error) error = first_error(results, n, text, size);
    rd_kafka_event_destroy(event);
    return error;
}

static bool passing(rd_kafka_resp_err_t error)
{
    switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return true;
    default: return false;
    }
}

/* Sends by `send(cluster, arg)` until the answer is success or `fine`, or an error that time does not heal. */
static void request(struct t_cluster *cluster, void (*send)(struct t_cluster *, const void *),
                    const void *arg, rd_kafka_resp_err_t fine, const char *what)
{
    int64_t deadline = t_now_ms() + ADMIN_MS;
    char text[512] = "";
    for (;;) {
        send(cluster, arg);
        rd_kafka_resp_err_t error = answer(cluster, text, sizeof text);
        if (!error || error == fine) return;
        if (!passing(error) || t_now_ms() >= deadline) T_FAIL("%s: %s", what, text);
        t_sleep_ms(100);
    }
}

struct creation {
    const char *topic;
    int partitions;
    int replicas;
    const char *const *configs;
};

static void send_create(struct t_cluster *cluster, const void *arg)
{
    const struct creation *c = arg;
    char error[512];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(c->topic, c->partitions, c->replicas, error, sizeof error);
    if (!topic) T_FAIL("%s: %s", c->topic, error);
    for (const char *const *config = c->configs; config && *config; config++) {
        const char *equals = strchr(*config, '=');
        if (!equals) T_FAIL("'%s' is not key=value", *config);
        char *name = t_printf("%.*s", (int)(equals - *config), *config);
        rd_kafka_NewTopic_set_config(topic, name, equals + 1);
        free(name);
    }
    rd_kafka_AdminOptions_t *opts = options(cluster, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(cluster->rk, &topic, 1, opts, cluster->answers);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_NewTopic_destroy(topic);
}

void t_topic_create_with(struct t_cluster *cluster, const char *topic, int partitions, int replicas,
                         const char *const *configs)
{
    struct creation creation = {topic, partitions, replicas, configs};
    request(cluster, send_create, &creation, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, topic);
    int led = 0;
    if (!T_WAIT(ADMIN_MS, (led = t_partitions(cluster, topic)) == partitions))
        T_FAIL("%s: %d of %d partitions have a leader", topic, led, partitions);
}

static void collect(va_list args, const char *configs[MAX_CONFIGS + 1])
{
    int n = 0;
    while ((configs[n] = va_arg(args, const char *)) && n < MAX_CONFIGS) n++;
    configs[n] = NULL;
}

void t_topic_create(struct t_cluster *cluster, const char *topic, int partitions, ...)
{
    const char *configs[MAX_CONFIGS + 1];
    va_list args;
    va_start(args, partitions);
    collect(args, configs);
    va_end(args);
    t_topic_create_with(cluster, topic, partitions, -1, configs);
}

static void send_delete(struct t_cluster *cluster, const void *arg)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(arg);
    rd_kafka_AdminOptions_t *opts = options(cluster, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(cluster->rk, &topic, 1, opts, cluster->answers);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_DeleteTopic_destroy(topic);
}

void t_topic_delete(struct t_cluster *cluster, const char *topic)
{
    request(cluster, send_delete, topic, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, topic);
    if (!T_WAIT(ADMIN_MS, t_partitions(cluster, topic) == 0)) T_FAIL("%s is still there", topic);
}

void t_topics_delete(struct t_cluster *cluster, const char *prefix)
{
    const struct rd_kafka_metadata *all;
    T_CHECK(
        T_WAIT(ADMIN_MS, rd_kafka_metadata(cluster->rk, 1, NULL, &all, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR),
        "no list of topics");
    for (int t = 0; t < all->topic_cnt; t++)
        if (strncmp(all->topics[t].topic, prefix, strlen(prefix)) == 0)
            t_topic_delete(cluster, all->topics[t].topic);
    rd_kafka_metadata_destroy(all);
}

static void send_grow(struct t_cluster *cluster, const void *arg)
{
    const struct creation *c = arg;
    char error[512];
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(c->topic, (size_t)c->partitions, error, sizeof error);
    if (!more) T_FAIL("%s: %s", c->topic, error);
    rd_kafka_AdminOptions_t *opts = options(cluster, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    rd_kafka_CreatePartitions(cluster->rk, &more, 1, opts, cluster->answers);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_NewPartitions_destroy(more);
}

void t_topic_grow(struct t_cluster *cluster, const char *topic, int partitions)
{
    struct creation creation = {topic, partitions, -1, NULL};
    request(cluster, send_grow, &creation, RD_KAFKA_RESP_ERR_NO_ERROR, topic);
    if (!T_WAIT(ADMIN_MS, t_partitions(cluster, topic) == partitions)) T_FAIL("%s did not grow", topic);
}

static void send_config(struct t_cluster *cluster, const void *arg)
{
    const struct creation *c = arg;
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, c->topic);
    for (const char *const *config = c->configs; *config; config++) {
        const char *equals = strchr(*config, '=');
        if (!equals) T_FAIL("'%s' is not key=value", *config);
        char *name = t_printf("%.*s", (int)(equals - *config), *config);
        rd_kafka_ConfigResource_set_config(resource, name, equals + 1);
        free(name);
    }
    rd_kafka_AdminOptions_t *opts = options(cluster, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(cluster->rk, &resource, 1, opts, cluster->answers);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_ConfigResource_destroy(resource);
}

void t_topic_config(struct t_cluster *cluster, const char *topic, ...)
{
    const char *configs[MAX_CONFIGS + 1];
    va_list args;
    va_start(args, topic);
    collect(args, configs);
    va_end(args);
    struct creation change = {topic, 0, 0, configs};
    request(cluster, send_config, &change, RD_KAFKA_RESP_ERR_NO_ERROR, topic);
}

static void send_cut(struct t_cluster *cluster, const void *arg)
{
    rd_kafka_DeleteRecords_t *cut = rd_kafka_DeleteRecords_new(arg);
    rd_kafka_AdminOptions_t *opts = options(cluster, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    rd_kafka_DeleteRecords(cluster->rk, &cut, 1, opts, cluster->answers);
    rd_kafka_AdminOptions_destroy(opts);
    rd_kafka_DeleteRecords_destroy(cut);
}

void t_delete_records(struct t_cluster *cluster, const char *topic, int partition, int64_t before)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset =
        before < 0 ? RD_KAFKA_OFFSET_END : before;
    request(cluster, send_cut, list, RD_KAFKA_RESP_ERR_NO_ERROR, topic);
    rd_kafka_topic_partition_list_destroy(list);
}
