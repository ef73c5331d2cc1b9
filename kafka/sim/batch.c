/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches of consumed records: the source functions that tie records to the log entries they borrow their bytes from. A
 * batch never reaches over the end of a log segment and pins that segment, so deleting records or the topic leaves its
 * bytes alone.
 */
#include "base/assert.h"
#include "kafka/sim/client.h"

static void load_headers(struct aq_record *rec)
{
    const struct sim_entry *entry = rec->origin;
    if (entry->n_headers == 0) return;
    rec->headers = aq_arena_alloc(&rec->batch->arena, entry->n_headers * sizeof(*rec->headers));
    memcpy(rec->headers, entry->headers, entry->n_headers * sizeof(*rec->headers));
    rec->n_headers = entry->n_headers;
}

static void read_entry(struct aq_record *rec)
{
    const struct sim_entry *entry = rec->origin;
    rec->key = entry->key;
    rec->value = entry->value;
    rec->timestamp = entry->timestamp;
    rec->time_type = entry->append_time ? AQ_TIME_APPEND : AQ_TIME_CREATE;
}

static void release(struct aq_batch *batch)
{
    AQ_ASSERT(batch->source_data);
    sim_segment_unref(batch->source_data);
    batch->source_data = NULL;
}

const struct aq_batch_source sim_batch_source = {
    .load_headers = load_headers,
    .restore = read_entry,
    .release = release,
};

struct aq_batch *sim_batch_take(struct kc_consumer *consumer, const struct sim_part *part,
                                struct sim_segment *segment)
{
    struct aq_batch *batch = aq_batch_take(&consumer->batches, part->topic, part->partition, part->owner);
    batch->source_data = sim_segment_ref(segment);
    return batch;
}

void sim_batch_append(struct aq_batch *batch, struct sim_entry *entry, int64_t offset)
{
    AQ_DASSERT(entry->kind == SIM_DATA);
    struct aq_record *rec = aq_batch_add(batch);
    rec->origin = entry;
    rec->offset = offset;
    rec->leader_epoch = 0;
    read_entry(rec);
    batch->bytes += rec->key.len + rec->value.len;
}
