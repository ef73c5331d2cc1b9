/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing records to the client, and the delivery reports that come back for them.
 *
 * Ordinary pass: producev() with the value uncopied (it lives in the batch until the report), the key (which the client
 * always copies), the header list moved from the consumed message to the produced one, the source's timestamp, and the
 * record's address as opaque. The report counts the record off its batch; the last one finishes the batch.
 * Failing pass: when the client takes no more, headers go back to the message they came from and the caller retries
 * the same batch. A report with an error also returns the headers and becomes the failure when it is the first.
 * A broker refuses whole batches: one record too large or with a timestamp too far ahead fails every record that
 * travelled with it, with the same code (brokers tell which one only from 2.4 on, KIP-467, and this client does not
 * read it). So the failure names a suspect; the owner finds the culprit by sending the suspects one by one.
 *
 * Invariants: opaque is a record's address, or an own record's kc_ack with the lowest bit set.
 * Threads: krd_producer_send() the worker; krd_delivered() whoever polls the producer (see producer.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define OWN_BIT            ((uintptr_t)1)
#define REFRESH_US         AQ_SEC
#define REFRESH_TIMEOUT_MS 1000

/* ---- topic handles -------------------------------------------------------------------------------------------------- */

static size_t topic_slot(const struct kc_producer *producer, const struct aq_name *name)
{
    size_t i = ((uintptr_t)name >> 4) & producer->topic_mask;
    while (producer->topics[i].name && producer->topics[i].name != name) i = (i + 1) & producer->topic_mask;
    return i;
}

static void grow_topics(struct kc_producer *producer)
{
    struct krd_topic_slot *old = producer->topics;
    size_t slots = producer->topic_mask + 1;
    producer->topic_mask = slots * 2 - 1;
    producer->topics = aq_calloc(slots * 2, sizeof(*producer->topics));
    for (size_t i = 0; i < slots; i++) {
        if (old[i].name) producer->topics[topic_slot(producer, old[i].name)] = old[i];
    }
    free(old);
}

static struct krd_topic_slot *topic_get(struct kc_producer *producer, const struct aq_name *name)
{
    size_t slot = topic_slot(producer, name);
    if (__builtin_expect(producer->topics[slot].name != NULL, 1)) return &producer->topics[slot];
    if (producer->n_topics * 2 > producer->topic_mask) {
        grow_topics(producer);
        slot = topic_slot(producer, name);
    }
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer->client.rk, name->text, NULL);
    if (!handle) return NULL; /* an impossible name; the caller asks rd_kafka_last_error() */
    producer->topics[slot] = (struct krd_topic_slot){.name = name, .handle = handle};
    producer->n_topics++;
    return &producer->topics[slot];
}

void krd_topics_finish(struct kc_producer *producer)
{
    for (size_t i = 0; i <= producer->topic_mask; i++) {
        if (producer->topics[i].handle) rd_kafka_topic_destroy(producer->topics[i].handle);
        producer->topics[i] = (struct krd_topic_slot){0};
    }
    if (producer->own_handle) rd_kafka_topic_destroy(producer->own_handle);
    producer->own_handle = NULL;
}

/* A partition this client has not heard of may be new: ask once a second at most. Waits for the answer, which is the
 * one exception to "returns at once"; it happens only after the sink topic was grown. */
static bool refresh_topic(struct kc_producer *producer, struct krd_topic_slot *slot)
{
    int64_t now = aq_mono_us();
    if (slot->refreshed_us && now - slot->refreshed_us < REFRESH_US) return false;
    slot->refreshed_us = now;
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(producer->client.rk, 0, slot->handle, &metadata, REFRESH_TIMEOUT_MS)) return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* ---- headers -------------------------------------------------------------------------------------------------------- */

static rd_kafka_headers_t *build_headers(const struct aq_record *rec)
{
    if (rec->n_headers == 0) return NULL;
    rd_kafka_headers_t *list = rd_kafka_headers_new(rec->n_headers);
    for (uint16_t i = 0; i < rec->n_headers; i++) {
        const struct aq_header *header = &rec->headers[i];
        rd_kafka_header_add(list, header->name.ptr, (ssize_t)header->name.len, header->value.ptr,
                            (ssize_t)header->value.len);
    }
    return list;
}

static bool headers_are_moved(const struct aq_record *rec)
{
    return rec->origin && !(rec->flags & AQ_REC_HEADERS_CHANGED);
}

static rd_kafka_headers_t *headers_for(struct aq_record *rec)
{
    if (!headers_are_moved(rec)) return build_headers(rec);
    rd_kafka_headers_t *list = NULL;
    if (rd_kafka_message_detach_headers(rec->origin, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return NULL;
    return list;
}

static void headers_not_sent(struct aq_record *rec, rd_kafka_headers_t *list)
{
    if (!list) return;
    if (headers_are_moved(rec)) {
        krd_record_put_headers(rec, list);
    } else {
        rd_kafka_headers_destroy(list);
    }
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */

static void count_in(struct kc_producer *producer, uint64_t bytes)
{
    uint64_t records = atomic_load_explicit(&producer->in_flight, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&producer->in_flight_bytes, memory_order_relaxed);
    atomic_store_explicit(&producer->in_flight, records + 1, memory_order_relaxed);
    atomic_store_explicit(&producer->in_flight_bytes, sum + bytes, memory_order_relaxed);
}

static void count_out(struct kc_producer *producer, uint64_t bytes)
{
    uint64_t records = atomic_load_explicit(&producer->in_flight, memory_order_relaxed);
    uint64_t sum = atomic_load_explicit(&producer->in_flight_bytes, memory_order_relaxed);
    AQ_ASSERT(records > 0 && sum >= bytes);
    atomic_store_explicit(&producer->in_flight, records - 1, memory_order_relaxed);
    atomic_store_explicit(&producer->in_flight_bytes, sum - bytes, memory_order_relaxed);
}

/* The client reads timestamp 0 as "now"; one millisecond after 1970 is nearer to what the source said. */
static int64_t timestamp_for(const struct aq_record *rec)
{
    if (rec->time_type == AQ_TIME_NONE) return 0;
    return rec->timestamp ? rec->timestamp : 1;
}

static rd_kafka_resp_err_t produce(struct kc_producer *producer, rd_kafka_topic_t *topic,
                                   struct aq_record *rec, rd_kafka_headers_t *headers)
{
    return rd_kafka_producev(producer->client.rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(rec->partition),
                             RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(rec->key.ptr, rec->key.len),
                             RD_KAFKA_V_VALUE((void *)rec->value.ptr, rec->value.len),
                             RD_KAFKA_V_TIMESTAMP(timestamp_for(rec)), RD_KAFKA_V_HEADERS(headers),
                             RD_KAFKA_V_OPAQUE(rec), RD_KAFKA_V_END);
}

/* Where a record goes, and where it came from. */
static void describe(const struct aq_record *rec, char *text, size_t size)
{
    const struct aq_batch *batch = rec->batch;
    snprintf(text, size, "%s[%d]@%" PRId64 " (for %s[%d])", batch->topic ? batch->topic->text : "?",
             batch->partition, rec->offset, rec->topic->text, rec->partition);
}

static int refused(struct kc_producer *producer, const struct aq_record *rec, rd_kafka_resp_err_t error,
                   struct aq_err *err)
{
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return aq_fail(err, AQ_E_FULL, "the producer's queue is full");
    char what[512];
    describe(rec, what, sizeof(what));
    if (error == RD_KAFKA_RESP_ERR__STATE && producer->txn) {
        return aq_fail(err, AQ_E_TXN_ABORT, "record %s: the transaction has failed and must be aborted",
                       what);
    }
    int code = krd_code(error, AQ_E_DELIVERY);
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256] = "";
        int real = rd_kafka_fatal_error(producer->client.rk, text, sizeof(text));
        if (krd_code(real, 0) == AQ_E_FENCED) code = AQ_E_FENCED;
        return aq_fail(err, code, "record %s: producer of cluster %s has failed: %s", what,
                       producer->client.cluster, text);
    }
    if (code == AQ_E_TOO_LARGE) {
        return aq_fail(err, code, "record %s of %zu bytes is larger than the client can send", what,
                       rec->key.len + rec->value.len);
    }
    return aq_fail(err, code, "record %s refused for cluster %s: %s", what, producer->client.cluster,
                   rd_kafka_err2str(error));
}

static int send_one(struct kc_producer *producer, struct aq_record *rec, struct aq_err *err)
{
    AQ_DASSERT(rec->partition >= 0 && rec->topic);
    struct krd_topic_slot *slot = topic_get(producer, rec->topic);
    if (!slot) return refused(producer, rec, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, err);
    rd_kafka_headers_t *headers = headers_for(rec);
    rd_kafka_resp_err_t error = produce(producer, slot->handle, rec, headers);
    if (__builtin_expect(error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, 0) && refresh_topic(producer, slot)) {
        error = produce(producer, slot->handle, rec, headers);
    }
    if (__builtin_expect(error == RD_KAFKA_RESP_ERR_NO_ERROR, 1)) return 0;
    headers_not_sent(rec, headers);
    return refused(producer, rec, error, err);
}

static bool is_full(const struct kc_producer *producer)
{
    uint64_t bytes = 0;
    uint64_t records = krd_producer_in_flight(producer, &bytes);
    return bytes >= producer->max_bytes || records >= producer->max_records;
}

int krd_producer_send(struct kc_producer *producer, struct aq_batch *batch, struct aq_err *err)
{
    AQ_ASSERT(!producer->txn || krd_txn_open(producer->txn));
    while (batch->produced < batch->n) {
        struct aq_record *rec = &batch->records[batch->produced];
        if (rec->flags & (AQ_REC_DROPPED | AQ_REC_SKIP)) {
            batch->produced++;
            continue;
        }
        if (is_full(producer)) return aq_fail(err, AQ_E_FULL, "the producer's queue is full");
        int code = send_one(producer, rec, err);
        if (code) return code;
        count_in(producer, rec->key.len + rec->value.len);
        batch->outstanding++;
        batch->produced++;
    }
    /* Nothing to wait for: all dropped, or all reported before the last part was sent. */
    if (batch->outstanding == 0) krd_producer_finish_batch(producer, batch);
    return 0;
}

int krd_producer_send_own(struct kc_producer *producer, const char *topic, int32_t partition,
                          struct aq_slice key, struct aq_slice value, struct kc_ack *ack, struct aq_err *err)
{
    AQ_ASSERT(((uintptr_t)ack & OWN_BIT) == 0);
    AQ_ASSERT(!producer->txn || krd_txn_open(producer->txn));
    if (!producer->own_topic || strcmp(producer->own_topic, topic) != 0) {
        if (producer->own_handle) rd_kafka_topic_destroy(producer->own_handle);
        free(producer->own_topic);
        producer->own_topic = aq_strdup(topic);
        producer->own_handle = rd_kafka_topic_new(producer->client.rk, topic, NULL);
    }
    *ack = (struct kc_ack){.offset = -1};
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (producer->own_handle) {
        error = rd_kafka_producev(producer->client.rk, RD_KAFKA_V_RKT(producer->own_handle),
                                  RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                  RD_KAFKA_V_KEY(key.ptr, key.len),
                                  RD_KAFKA_V_VALUE((void *)value.ptr, value.len),
                                  RD_KAFKA_V_OPAQUE((void *)((uintptr_t)ack | OWN_BIT)), RD_KAFKA_V_END);
    }
    if (!error) {
        count_in(producer, key.len + value.len);
        return 0;
    }
    if (error == RD_KAFKA_RESP_ERR__STATE && producer->txn) {
        return aq_fail(err, AQ_E_TXN_ABORT, "%s[%d]: the transaction has failed and must be aborted", topic,
                       partition);
    }
    return krd_fail(err, &producer->client, error, NULL, (struct krd_try){"write to", "Write"}, "%s[%d]",
                    topic, partition);
}

/* ---- delivery reports ----------------------------------------------------------------------------------------------- */

/* From 2.4 on (KIP-467) only the culprit has the broker's reason, its neighbours in the batch say so. */
static bool failed_for_another(rd_kafka_resp_err_t error)
{
#if KRD_AT_LEAST(2, 4)
    return error == RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD;
#else
    (void)error;
    return false;
#endif
}

static void note_failure(struct kc_producer *producer, const rd_kafka_message_t *message,
                         struct aq_record *rec)
{
    struct kc_failure *failure = &producer->failure;
    /* A transaction that fails throws away what is queued, and those reports come first: the reason comes behind them. */
    bool purged =
        message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (purged && producer->purging) return;
    bool echo = purged || failed_for_another(message->err);
    if (failure->code && (echo || !producer->failure_is_echo)) return;
    producer->failure_is_echo = echo;
    failure->code = krd_code(message->err, AQ_E_DELIVERY);
    /* A report's own time-out means the record was not delivered; retrying it is not for the caller to decide. */
    if (aq_code_class(failure->code) == AQ_CLASS_RETRY) failure->code = AQ_E_DELIVERY;
    failure->rec = rec;
    char what[160];
    if (rec) {
        describe(rec, what, sizeof(what));
    } else {
        snprintf(what, sizeof(what), "of our own for %s[%d]", rd_kafka_topic_name(message->rkt),
                 message->partition);
    }
    if (failure->code == AQ_E_DENIED) {
        snprintf(failure->text, sizeof(failure->text), "DENIED: Write on topic %s of cluster %s (record %s)",
                 rd_kafka_topic_name(message->rkt), producer->client.cluster, what);
    } else {
        snprintf(failure->text, sizeof(failure->text), "record %s not delivered to cluster %s: %s", what,
                 producer->client.cluster, rd_kafka_err2str(message->err));
    }
}

static void own_delivered(struct kc_producer *producer, const rd_kafka_message_t *message)
{
    struct kc_ack *ack = (struct kc_ack *)((uintptr_t)message->_private & ~OWN_BIT);
    ack->done = true;
    ack->code = krd_code(message->err, AQ_E_DELIVERY);
    ack->offset = message->err ? -1 : message->offset;
    if (message->err) note_failure(producer, message, NULL);
}

void krd_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct kc_producer *producer = ((struct krd_client *)opaque)->self;
    uint64_t bytes = message->key_len + message->len;
    count_out(producer, bytes);
    if (__builtin_expect(message->err != 0, 0)) producer->undelivered = true;
    if ((uintptr_t)message->_private & OWN_BIT) {
        own_delivered(producer, message);
        return;
    }
    struct aq_record *rec = message->_private;
    struct aq_batch *batch = rec->batch;
    AQ_ASSERT(batch->outstanding > 0);
    if (__builtin_expect(message->err != 0, 0)) {
        rd_kafka_headers_t *list = NULL;
        if (headers_are_moved(rec) &&
            !rd_kafka_message_detach_headers((rd_kafka_message_t *)message, &list)) {
            krd_record_put_headers(rec, list);
        }
        note_failure(producer, message, rec);
    } else {
        batch->sink_topic = rec->topic;
        batch->sink_partition = message->partition;
        batch->sink_offset = message->offset;
        producer->acked_records++;
        producer->acked_bytes += bytes;
    }
    if (--batch->outstanding == 0 && batch->produced == batch->n) krd_producer_finish_batch(producer, batch);
}
