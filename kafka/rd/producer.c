/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink producer: opening, what comes back (finished batches, the first failure), closing. Handing records over is
 * send.c, transactions are txn.c.
 *
 * Ordinary pass: the worker sends a batch, goes on, and krd_producer_drain() gives the batch back once every record of
 * it has its delivery report. Values are not copied, so the batch (and the consumer's messages it pins) belongs to the
 * producer until then.
 * Failing pass: the first report with an error becomes the sticky failure; the owner aborts at once (a flush would wait
 * for the rest of the queue, which the client holds back after an error) and takes all batches back through drain.
 * Closing throws away what is queued, collects the reports and returns the batches. When the client cannot be ended in
 * time it is left behind together with its batches: it may still read their bytes.
 *
 * Invariants: in_flight counts records whose report is to come, own records included; a batch is in the done list
 * exactly when produced == n and outstanding == 0 and it was not taken yet.
 * Threads: the worker; while a commit or abort is under way the helper thread of txn.c instead (krd_txn_busy).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define FIRST_TOPICS 32 /* slots; a power of two */

/* What a record costs the client beside its payload, so that small records are bounded too: its message structure and
 * the consumer's pinned one. */
#define RECORD_COST 512

static int set_idempotent(rd_kafka_conf_t *rk_conf, const struct kc_producer_conf *conf, struct aq_err *err)
{
    int code =
        krd_conf_set(rk_conf, "enable.idempotence", "true", err); /* order and no duplicates on retry */
    if (!code) code = krd_conf_set(rk_conf, "acks", "all", err);
    if (!code)
        code = krd_conf_set(rk_conf, "partitioner", "murmur2_random",
                            err); /* Java's; the client's own is CRC32 */
    if (!code) code = krd_conf_set_int(rk_conf, "linger.ms", conf->linger_ms, err);
    if (!code) code = krd_conf_set_int(rk_conf, "batch.size", conf->batch_bytes, err);
    if (!code)
        code = krd_conf_set_int(rk_conf, "batch.num.messages",
                                conf->batch_records > 0 ? conf->batch_records : 10000, err);
    if (!code && conf->compression) code = krd_conf_set(rk_conf, "compression.type", conf->compression, err);
    /* Ours are the bounds (max_bytes, max_records): the client's would refuse for ever a record larger than its whole
     * queue. And the sink's own limit decides about size, so that its answer names the record. */
    if (!code) code = krd_conf_set(rk_conf, "queue.buffering.max.messages", "0", err);
    if (!code) code = krd_conf_set(rk_conf, "queue.buffering.max.kbytes", "2147483647", err);
    if (!code) code = krd_conf_set(rk_conf, "message.max.bytes", "1000000000", err);
    return code;
}

static int set_transactional(rd_kafka_conf_t *rk_conf, const struct kc_producer_conf *conf,
                             struct aq_err *err)
{
    if (!conf->transactional_id) {
        return krd_conf_set_int(rk_conf, "message.timeout.ms", conf->delivery_timeout_ms, err);
    }
    int code = krd_conf_set(rk_conf, "transactional.id", conf->transactional_id, err);
    if (!code) code = krd_conf_set_int(rk_conf, "transaction.timeout.ms", conf->transaction_timeout_ms, err);
    /* The coordinator answers CONCURRENT_TRANSACTIONS while the markers of the last transaction are written; at the
     * default of 100 ms every transaction after the first waits 70 to 100 ms for the retry. */
    if (!code) code = krd_conf_set(rk_conf, "retry.backoff.ms", "5", err);
#if KRD_AT_LEAST(2, 3)
    if (!code) code = krd_conf_set(rk_conf, "retry.backoff.max.ms", "200", err); /* polite in a real outage */
#endif
    return code;
}

int krd_producer_open(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                      struct kc_producer **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->queue_bytes > 0 && conf->batch_bytes > 0);
    rd_kafka_conf_t *rk_conf = krd_conf_new(cluster, KRD_PRODUCER, conf->client_id, err);
    if (!rk_conf) return err ? err->code : AQ_E_CONFIG;
    int code = set_idempotent(rk_conf, conf, err);
    if (!code) code = set_transactional(rk_conf, conf, err);
    if (code) {
        rd_kafka_conf_destroy(rk_conf);
        return code;
    }
    rd_kafka_conf_set_dr_msg_cb(rk_conf, krd_delivered);

    struct kc_producer *producer = aq_calloc(1, sizeof(*producer));
    code = krd_client_open(&producer->client, cluster, KRD_PRODUCER, producer, rk_conf, err);
    if (code) {
        free(producer);
        return code;
    }
    atomic_store(&producer->client.quiet, conf->failures_expected);
    producer->max_bytes = (uint64_t)conf->queue_bytes;
    producer->max_records =
        producer->max_bytes / RECORD_COST < 1000 ? 1000 : producer->max_bytes / RECORD_COST;
    producer->topic_mask = FIRST_TOPICS - 1;
    producer->topics = aq_calloc(FIRST_TOPICS, sizeof(*producer->topics));
    if (conf->transactional_id) producer->txn = krd_txn_start(producer, conf->transaction_timeout_ms);
    *ret = producer;
    return 0;
}

/* ---- what comes back ------------------------------------------------------------------------------------------------ */

void krd_producer_finish_batch(struct kc_producer *producer, struct aq_batch *batch)
{
    AQ_ASSERT(batch->produced == batch->n && batch->outstanding == 0);
    batch->next = NULL;
    if (producer->done_last) {
        producer->done_last->next = batch;
    } else {
        producer->done_first = batch;
    }
    producer->done_last = batch;
}

static struct aq_batch *take_done(struct kc_producer *producer)
{
    struct aq_batch *first = producer->done_first;
    producer->done_first = producer->done_last = NULL;
    return first;
}

void krd_producer_read_notes(struct kc_producer *producer)
{
    struct krd_note note;
    while (krd_take_note(&producer->client, &note)) {
        /* Brokers that are away are the delivery timeout's business; a transactional producer learns of fatal errors
         * from its calls, an idempotent one only here. */
        bool fatal = note.code == AQ_E_FATAL || note.code == AQ_E_FENCED || note.code == AQ_E_AUTH;
        if (!fatal || producer->failure.code) continue;
        producer->failure.code = note.code == AQ_E_AUTH ? AQ_E_FATAL : note.code;
        snprintf(producer->failure.text, sizeof(producer->failure.text), "%s", note.text);
    }
}

void krd_producer_drain(struct kc_producer *producer, int wait_ms, struct kc_drained *ret)
{
    AQ_ASSERT(!producer->txn || !krd_txn_busy(producer->txn));
    rd_kafka_poll(producer->client.rk, 0);
    if (!producer->done_first && producer->acked_records == 0 && wait_ms > 0) {
        rd_kafka_poll(producer->client.rk, wait_ms);
    }
    krd_producer_read_notes(producer);
    *ret = (struct kc_drained){
        .done = take_done(producer),
        .records = producer->acked_records,
        .bytes = producer->acked_bytes,
    };
    producer->acked_records = 0;
    producer->acked_bytes = 0;
}

uint64_t krd_producer_in_flight(const struct kc_producer *producer, uint64_t *ret_bytes)
{
    struct kc_producer *p = (struct kc_producer *)producer;
    if (ret_bytes) *ret_bytes = atomic_load_explicit(&p->in_flight_bytes, memory_order_relaxed);
    return atomic_load_explicit(&p->in_flight, memory_order_relaxed);
}

const struct kc_failure *krd_producer_failure(const struct kc_producer *producer)
{
    return &producer->failure;
}

void krd_producer_forget_failure(struct kc_producer *producer)
{
    producer->failure = (struct kc_failure){0};
}

void krd_producer_seen_versions(const struct kc_producer *producer, struct kc_seen_versions *ret)
{
    struct kc_producer *p = (struct kc_producer *)producer;
    ret->txn_offset_commit = atomic_load(&p->client.traffic[KRD_TXN_OFFSET_COMMIT].version);
    ret->offset_fetch = atomic_load(&p->client.traffic[KRD_OFFSET_FETCH].version);
}

/* ---- closing -------------------------------------------------------------------------------------------------------- */

/* Throws queued and in-flight records away and collects their reports; false when some did not come in time. */
static bool purge(struct kc_producer *producer, int64_t until_us)
{
    producer->purging = true;
    rd_kafka_purge(producer->client.rk,
                   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    do {
        rd_kafka_poll(producer->client.rk, 10);
    } while (krd_producer_in_flight(producer, NULL) > 0 && aq_mono_us() < until_us);
    return krd_producer_in_flight(producer, NULL) == 0;
}

void krd_producer_close(struct kc_producer *producer, int64_t deadline_ms, struct aq_batch **ret_batches)
{
    *ret_batches = NULL;
    if (!producer) return;
    int64_t until_us = aq_mono_us() + deadline_ms * AQ_MS;
    if (producer->txn && !krd_txn_stop(producer->txn, deadline_ms))
        return; /* left behind with all it holds */

    bool empty = purge(producer, until_us);
    *ret_batches = take_done(producer);
    if (!empty) return; /* the rest is still being sent: left behind with it */
    krd_topics_finish(producer);
    int64_t left_ms = (until_us - aq_mono_us()) / AQ_MS;
    if (!krd_client_close(&producer->client, false, left_ms > 100 ? left_ms : 100)) return;
    krd_client_finish(&producer->client);
    free(producer->topics);
    free(producer->own_topic);
    free(producer);
}
