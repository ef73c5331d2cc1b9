/* SPDX-License-Identifier: Apache-2.0
 *
 * The embedded clusters of `aqueduct demo`, on librdkafka's mock cluster.
 *
 * What it is: one client handle that only hosts the mock brokers, and short-lived producers and consumers
 * that talk to them over loopback like any client.
 * An ordinary pass: open, create topics, produce, (the bridge does its work through the public brokers
 * string,) read, close.
 * A failing one: every call has a deadline and returns with the client's own words; nothing is left running
 * but the mock itself, which ends with close.
 *
 * Invariants: the mock cluster is destroyed before the handle that hosts it. Topics are created here and not
 * by the bridge, because the mock answers no CreateTopics request.
 * Threads: one owner. The mock has a thread of its own inside the library.
 */
#include "kafka/mock.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

struct kc_mock {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
};

/* The mock is noisy about what it does not know; the demo says what matters itself. */
static void say_nothing(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    (void)level;
    (void)facility;
    (void)text;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct aq_err *err)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK) return 0;
    return aq_fail(err, AQ_E_INVALID, "embedded cluster: %s=%s: %s", name, value, text);
}

/* brokers NULL: the host of a mock, which connects nowhere. */
static int open_handle(rd_kafka_type_t type, const char *brokers, rd_kafka_t **ret, struct aq_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, say_nothing);
    int rc = set(conf, "client.id", "aqueduct-demo", err);
    if (rc == 0 && brokers) rc = set(conf, "bootstrap.servers", brokers, err);
    if (rc == 0 && type == RD_KAFKA_PRODUCER && brokers) rc = set(conf, "linger.ms", "5", err);
    if (rc == 0 && type == RD_KAFKA_PRODUCER && brokers) rc = set(conf, "partitioner", "murmur2_random", err);
    if (rc == 0 && type == RD_KAFKA_CONSUMER) rc = set(conf, "group.id", "aqueduct-demo-reader", err);
    if (rc == 0 && type == RD_KAFKA_CONSUMER) rc = set(conf, "enable.auto.commit", "false", err);
    if (rc == 0 && type == RD_KAFKA_CONSUMER) rc = set(conf, "enable.partition.eof", "true", err);
    if (rc < 0) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    char text[256];
    *ret = rd_kafka_new(type, conf, text, sizeof(text));
    if (*ret) return 0;
    rd_kafka_conf_destroy(conf);
    return aq_fail(err, AQ_E_FATAL, "embedded cluster: %s", text);
}

int kc_mock_open(struct kc_mock **ret, struct aq_err *err)
{
    struct kc_mock *mock = aq_calloc(1, sizeof(*mock));
    int rc = open_handle(RD_KAFKA_PRODUCER, NULL, &mock->host, err);
    if (rc == 0) {
        mock->cluster = rd_kafka_mock_cluster_new(mock->host, 1);
        if (!mock->cluster) rc = aq_fail(err, AQ_E_FATAL, "the embedded cluster does not start");
    }
    if (rc < 0) {
        kc_mock_close(mock);
        return rc;
    }
    *ret = mock;
    return 0;
}

void kc_mock_close(struct kc_mock *mock)
{
    if (!mock) return;
    if (mock->cluster) rd_kafka_mock_cluster_destroy(mock->cluster);
    if (mock->host) rd_kafka_destroy(mock->host);
    free(mock);
}

const char *kc_mock_brokers(const struct kc_mock *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

int kc_mock_create_topic(struct kc_mock *mock, const char *topic, int32_t partitions, struct aq_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, topic, partitions, 1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
    return aq_fail(err, AQ_E_FATAL, "embedded cluster: topic %s: %s", topic, rd_kafka_err2str(code));
}

/* Hands one record to the client, waiting for room in its queue. */
static int produce_one(rd_kafka_t *rk, const char *topic, struct aq_slice key, struct aq_slice value,
                       int64_t deadline, struct aq_err *err)
{
    for (;;) {
        rd_kafka_resp_err_t code =
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key.ptr, key.len),
                              RD_KAFKA_V_VALUE((void *)value.ptr, value.len),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || aq_mono_us() > deadline)
            return aq_fail(err, AQ_E_DELIVERY, "embedded cluster: producing to %s: %s", topic,
                           rd_kafka_err2str(code));
        rd_kafka_poll(rk, 10);
    }
}

int kc_mock_produce(struct kc_mock *mock, const char *topic, uint32_t n, kc_mock_make *make,
                    int64_t timeout_ms, struct aq_err *err)
{
    rd_kafka_t *rk;
    int rc = open_handle(RD_KAFKA_PRODUCER, kc_mock_brokers(mock), &rk, err);
    if (rc < 0) return rc;
    int64_t deadline = aq_mono_us() + timeout_ms * AQ_MS;
    char buf[1024];
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        struct aq_slice key, value;
        make(i, buf, sizeof(buf), &key, &value);
        AQ_ASSERT(key.ptr && value.ptr);
        rc = produce_one(rk, topic, key, value, deadline, err);
    }
    int64_t left_ms = (deadline - aq_mono_us()) / AQ_MS;
    if (rc == 0 && rd_kafka_flush(rk, left_ms > 0 ? (int)left_ms : 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        rc = aq_fail(err, AQ_E_TIMEOUT, "embedded cluster: %d records of %s are still undelivered",
                     rd_kafka_outq_len(rk), topic);
    rd_kafka_destroy(rk);
    return rc;
}

static int assign_all(rd_kafka_t *rk, const char *topic, int32_t partitions, struct aq_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
    return aq_fail(err, AQ_E_FATAL, "embedded cluster: reading %s: %s", topic, rd_kafka_err2str(code));
}

static int read_to_ends(rd_kafka_t *rk, const char *topic, int32_t partitions, int64_t deadline,
                        kc_mock_visit *visit, void *arg, struct aq_err *err)
{
    int32_t ended = 0;
    while (ended < partitions) {
        if (aq_mono_us() > deadline)
            return aq_fail(err, AQ_E_TIMEOUT, "embedded cluster: reading %s timed out", topic);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);
        if (!message) continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ended++;
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            struct kc_mock_record record = {.partition = message->partition,
                                            .offset = message->offset,
                                            .key = aq_slice_of(message->key, message->key_len),
                                            .value = aq_slice_of(message->payload, message->len)};
            visit(arg, &record);
        }
        rd_kafka_message_destroy(message);
    }
    return 0;
}

int kc_mock_read(struct kc_mock *mock, const char *topic, int32_t partitions, int64_t timeout_ms,
                 kc_mock_visit *visit, void *arg, struct aq_err *err)
{
    rd_kafka_t *rk;
    int rc = open_handle(RD_KAFKA_CONSUMER, kc_mock_brokers(mock), &rk, err);
    if (rc < 0) return rc;
    rd_kafka_poll_set_consumer(rk);
    rc = assign_all(rk, topic, partitions, err);
    int64_t deadline = aq_mono_us() + timeout_ms * AQ_MS;
    if (rc == 0) rc = read_to_ends(rk, topic, partitions, deadline, visit, arg, err);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return rc;
}
