/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches of consumed records: a free list, and the source functions that tie records to the librdkafka messages they
 * borrow their bytes from.
 *
 * Ordinary pass: krd_batch_take() hands out a batch from the free list, krd_batch_append() pins one message per record
 * (key, value and timestamp are slices of it), aq_batch_release() comes back here, destroys the messages and returns
 * the batch to the list. Headers are parsed by the client only when somebody asks or when they are sent on.
 * Failing pass: a record that could not be delivered gets its headers back (krd_record_put_headers), so that it is
 * whole for a retry or for the dead letter topic.
 *
 * Invariants: pins == number of records with an origin; a batch is either in the free list or counted in batches_out.
 * A pinned message keeps its whole fetch answer in memory, so who holds batches must bound them by bytes.
 * Threads: the consumer's owner.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

static void load_headers(struct aq_record *rec)
{
    rd_kafka_headers_t *list = NULL;
    const rd_kafka_message_t *message = rec->origin;
    /* _NOENT: none. A parse error cannot be told from here; the record then goes on without headers, as it would for
     * any librdkafka consumer. */
    if (rd_kafka_message_headers(message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    size_t n = rd_kafka_header_cnt(list);
    AQ_ASSERT(n <= UINT16_MAX);
    struct aq_header *headers = aq_arena_alloc(&rec->batch->arena, n * sizeof(*headers));
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(list, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) break;
        headers[i].name = aq_slice_str(name);
        headers[i].value = aq_slice_of(value, value ? size : 0);
        rec->n_headers++;
    }
    rec->headers = headers;
}

static void read_message(struct aq_record *rec, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    rec->key = aq_slice_of(message->key, message->key ? message->key_len : 0);
    rec->value = aq_slice_of(message->payload, message->payload ? message->len : 0);
    rec->timestamp = timestamp;
    rec->time_type = type == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? AQ_TIME_CREATE
                     : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? AQ_TIME_APPEND
                                                                  : AQ_TIME_NONE;
}

static void restore(struct aq_record *rec)
{
    read_message(rec, rec->origin);
    rec->headers = NULL;
    rec->n_headers = 0;
    rec->flags &= (uint16_t) ~(AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED);
}

static void release(struct aq_batch *base)
{
    struct krd_batch *batch = (struct krd_batch *)base;
    struct kc_consumer *consumer = batch->consumer;
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < base->n; i++) {
        rd_kafka_message_t *message = base->records[i].origin;
        if (!message) continue;
        rd_kafka_message_destroy(message);
        dropped++;
    }
    AQ_ASSERT(dropped == batch->pins);
    batch->pins = 0;
    base->owner = NULL;
    AQ_ASSERT(consumer->batches_out > 0);
    consumer->batches_out--;
    base->next = consumer->free;
    consumer->free = base;
}

static const struct aq_batch_source batch_source = {
    .load_headers = load_headers,
    .restore = restore,
    .release = release,
};

void krd_record_put_headers(struct aq_record *rec, rd_kafka_headers_t *headers)
{
    AQ_ASSERT(rec->origin && headers);
    /* Replaces (and frees) a list the message may have parsed again meanwhile. */
    rd_kafka_message_set_headers(rec->origin, headers);
}

struct aq_batch *krd_batch_take(struct kc_consumer *consumer, const struct krd_part *part)
{
    struct aq_batch *batch = consumer->free;
    if (batch) {
        consumer->free = batch->next;
    } else {
        struct krd_batch *made = aq_calloc(1, sizeof(*made));
        aq_batch_init(&made->base, consumer->batch_records < 64 ? consumer->batch_records : 64);
        made->consumer = consumer;
        batch = &made->base;
    }
    AQ_ASSERT(batch->n == 0 && batch->outstanding == 0);
    consumer->batches_out++;
    batch->next = NULL;
    batch->source = &batch_source;
    batch->source_data = batch;
    batch->topic = part->topic;
    batch->partition = part->partition;
    batch->owner = part->owner;
    batch->alone_us = 0;
    batch->sink_topic = NULL;
    batch->sink_offset = -1;
    return batch;
}

void krd_batch_append(struct aq_batch *batch, rd_kafka_message_t *message)
{
    AQ_DASSERT(!message->err);
    struct aq_record *rec = aq_batch_add(batch);
    read_message(rec, message);
    rec->offset = message->offset;
    rec->topic = batch->topic;
    rec->partition = -1;
#if KRD_AT_LEAST(2, 1)
    rec->leader_epoch = rd_kafka_message_leader_epoch(message);
#else
    rec->leader_epoch = -1;
#endif
    rec->origin = message;
    ((struct krd_batch *)batch)->pins++;
    batch->bytes += rec->key.len + rec->value.len;
}

void krd_batches_finish(struct kc_consumer *consumer)
{
    AQ_ASSERT(consumer->batches_out == 0);
    while (consumer->free) {
        struct aq_batch *batch = consumer->free;
        consumer->free = batch->next;
        batch->source = NULL; /* nothing pinned: aq_batch_finish() must not put it back into the list */
        aq_batch_finish(batch);
        free(batch);
    }
}
