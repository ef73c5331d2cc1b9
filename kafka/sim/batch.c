/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches of consumed records: a free list, and the source functions that tie records to the log entries they borrow
 * their bytes from. A batch never reaches over the end of a log segment and pins that segment, so deleting records or
 * the topic leaves its bytes alone.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

struct sim_batch {
    struct aq_batch base; /* first: the two have one address */
    struct kc_consumer *consumer;
    struct sim_segment *segment;
};

static void load_headers(struct aq_record *rec)
{
    const struct sim_entry *entry = rec->origin;
    if (entry->n_headers == 0) return;
    rec->headers = aq_arena_alloc(&rec->batch->arena, entry->n_headers * sizeof(*rec->headers));
    memcpy(rec->headers, entry->headers, entry->n_headers * sizeof(*rec->headers));
    rec->n_headers = entry->n_headers;
}

static void read_entry(struct aq_record *rec, const struct sim_entry *entry)
{
    rec->key = entry->key;
    rec->value = entry->value;
    rec->timestamp = entry->timestamp;
    rec->time_type = entry->append_time ? AQ_TIME_APPEND : AQ_TIME_CREATE;
}

static void restore(struct aq_record *rec)
{
    read_entry(rec, rec->origin);
    rec->headers = NULL;
    rec->n_headers = 0;
    rec->flags &= (uint16_t) ~(AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED);
}

static void release(struct aq_batch *base)
{
    struct sim_batch *batch = (struct sim_batch *)base;
    struct kc_consumer *consumer = batch->consumer;
    AQ_ASSERT(batch->segment && consumer->batches_out > 0);
    sim_segment_unref(batch->segment);
    batch->segment = NULL;
    base->owner = NULL;
    consumer->batches_out--;
    base->next = consumer->free;
    consumer->free = base;
}

static const struct aq_batch_source batch_source = {
    .load_headers = load_headers,
    .restore = restore,
    .release = release,
};

struct aq_batch *sim_batch_take(struct kc_consumer *consumer, const struct sim_part *part,
                                struct sim_segment *segment)
{
    struct aq_batch *batch = consumer->free;
    if (batch) {
        consumer->free = batch->next;
    } else {
        struct sim_batch *made = aq_calloc(1, sizeof(*made));
        aq_batch_init(&made->base, consumer->batch_records < 64 ? consumer->batch_records : 64);
        made->consumer = consumer;
        batch = &made->base;
    }
    AQ_ASSERT(batch->n == 0 && batch->outstanding == 0);
    ((struct sim_batch *)batch)->segment = sim_segment_ref(segment);
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

void sim_batch_append(struct aq_batch *batch, struct sim_entry *entry, int64_t offset)
{
    AQ_DASSERT(entry->kind == SIM_DATA);
    struct aq_record *rec = aq_batch_add(batch);
    read_entry(rec, entry);
    rec->offset = offset;
    rec->leader_epoch = 0;
    rec->origin = entry;
    batch->bytes += rec->key.len + rec->value.len;
}

void sim_batches_finish(struct kc_consumer *consumer)
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
