/* SPDX-License-Identifier: Apache-2.0
 *
 * A producer for tests. Delivery reports only count; t_flush waits until none is missing and fails the test when one
 * was bad. Threads: one owner per producer.
 */
#include "tests/lib/produce.h"

#include "tests/lib/check.h"
#include "tests/lib/wait.h"

#define FLUSH_MS 120000
#define TXN_MS   60000

struct t_producer {
    rd_kafka_t *rk;
    int64_t sent;
    int64_t reported;
    rd_kafka_resp_err_t failure;
    bool transactional;
    bool open;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct t_producer *producer = opaque;
    producer->reported++;
    if (message->err) producer->failure = message->err;
}

static void end_txn_error(rd_kafka_error_t *error, const char *what)
{
    if (!error) return;
    char *text = t_printf("%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    T_FAIL("%s", text);
}

struct t_producer *t_producer_open(const char *brokers, const char *transactional_id,
                                   const char *const *properties)
{
    struct t_producer *producer = t_alloc(sizeof *producer);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256];
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set(conf, "enable.idempotence", "true", error, sizeof error);
    rd_kafka_conf_set(conf, "linger.ms", "5", error, sizeof error);
    rd_kafka_conf_set(conf, "message.max.bytes", "16000000", error, sizeof error);
    if (transactional_id) {
        rd_kafka_conf_set(conf, "transactional.id", transactional_id, error, sizeof error);
        rd_kafka_conf_set(conf, "retry.backoff.ms", "10", error, sizeof error);
    } else {
        rd_kafka_conf_set(conf, "message.timeout.ms", "0", error, sizeof error);
    }
    producer->rk = t_client_with(RD_KAFKA_PRODUCER, conf, brokers, properties);
    producer->transactional = transactional_id != NULL;
    if (transactional_id)
        end_txn_error(rd_kafka_init_transactions(producer->rk, TXN_MS), "init_transactions");
    return producer;
}

static void settle(struct t_producer *producer)
{
    int64_t deadline = t_now_ms() + FLUSH_MS;
    while (producer->reported < producer->sent && t_now_ms() < deadline) rd_kafka_poll(producer->rk, 20);
    T_CHECK(producer->reported == producer->sent, "%lld deliveries are missing",
            (long long)(producer->sent - producer->reported));
}

void t_flush(struct t_producer *producer)
{
    settle(producer);
    T_CHECK(!producer->failure, "delivery: %s", rd_kafka_err2str(producer->failure));
}

void t_producer_close(struct t_producer *producer)
{
    if (!producer) return;
    settle(producer);
    rd_kafka_destroy(producer->rk);
    free(producer);
}

void t_send(struct t_producer *producer, const char *topic, const struct t_record *record)
{
    T_CHECK(!producer->transactional || producer->open, "t_begin first");
    rd_kafka_headers_t *headers = record->n_headers ? rd_kafka_headers_new(record->n_headers) : NULL;
    for (size_t i = 0; i < record->n_headers; i++) {
        const struct t_header *h = &record->headers[i];
        rd_kafka_header_add(headers, h->name, -1, h->value.ptr, (ssize_t)h->value.len);
    }
    for (;;) {
        rd_kafka_resp_err_t error = rd_kafka_producev(
            producer->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(record->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(uintptr_t)record->key.ptr, record->key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.ptr, record->value.len),
            RD_KAFKA_V_TIMESTAMP(record->timestamp), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (!error) break;
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            T_FAIL("produce to %s: %s", topic, rd_kafka_err2str(error));
        rd_kafka_poll(producer->rk, 10);
    }
    producer->sent++;
    rd_kafka_poll(producer->rk, 0);
}

void t_send_text(struct t_producer *producer, const char *topic, int partition, const char *key,
                 const char *value)
{
    struct t_record record = {
        .key = aq_slice_str(key),
        .value = aq_slice_str(value),
        .partition = partition,
    };
    t_send(producer, topic, &record);
}

void t_begin(struct t_producer *producer)
{
    end_txn_error(rd_kafka_begin_transaction(producer->rk), "begin");
    producer->open = true;
}

void t_commit(struct t_producer *producer)
{
    t_flush(producer);
    end_txn_error(rd_kafka_commit_transaction(producer->rk, TXN_MS), "commit");
    producer->open = false;
}

void t_abort(struct t_producer *producer)
{
    /* Delivered first: an aborted record that never reached the log would test nothing. */
    t_flush(producer);
    end_txn_error(rd_kafka_abort_transaction(producer->rk, TXN_MS), "abort");
    producer->open = false;
}

void t_produce_some(const char *brokers, const char *topic, int partitions, int first, int n)
{
    struct t_producer *producer = t_producer_open(brokers, NULL, NULL);
    char key[32], value[32];
    for (int i = first; i < first + n; i++) {
        snprintf(key, sizeof key, "k%d", i);
        snprintf(value, sizeof value, "v%d", i);
        t_send_text(producer, topic, i % partitions, key, value);
    }
    t_flush(producer);
    t_producer_close(producer);
}
