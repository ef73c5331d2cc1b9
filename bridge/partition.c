/* SPDX-License-Identifier: Apache-2.0
 *
 * A source partition's marks.
 *
 * An ordinary pass: a batch is polled (read moves), transformed, handed to the producer (sent moves), acknowledged
 * (acked moves, but only over the longest prefix of finished batches, since batches that go to different sink
 * partitions may finish in any order), written into a snapshot (writing) and committed (committed).
 *
 * A batch that is handed over in pieces (the client's queue was full, a record was refused, records go one by one) moves
 * sent up to the piece: its records are in the open transaction, and a position that did not cover them would have them
 * sent twice after a crash. A position stands between source records, so a piece that ends inside a group (records a step
 * made of one source record) moves sent to before the group, and the worker lets nothing be committed before the rest of
 * the group is handed over (bridge/outflow.c).
 *
 * A failing pass: an abort. The worker takes every batch back, and br_partition_rewind() puts read, sent and acked back
 * to committed; the consumer is told to read from there.
 *
 * Invariants: acked.next <= sent.next <= read.next and committed.next <= sent.next, asserted at each step; the ring holds
 * exactly the batches between acked and read.
 */
#include "bridge/partition.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

static const struct br_mark earliest = {.next = BR_NEXT_EARLIEST, .last_offset = -1, .leader_epoch = -1};

void br_partition_init(struct br_partition *p, const struct aq_name *topic, int32_t partition, int32_t task)
{
    memset(p, 0, sizeof(*p));
    p->topic = topic;
    p->partition = partition;
    p->task = task;
    p->end = -1;
    p->stop_at = -1;
    p->careful_until = -1;
    p->reset_to = -1;
    p->end_ahead = -1;
    p->sink_offset = -1;
    br_partition_set(p, &earliest);
}

void br_partition_finish(struct br_partition *p)
{
    AQ_ASSERT(p->count == 0);
    free(p->flights);
    free(p->poison);
}

void br_partition_set(struct br_partition *p, const struct br_mark *mark)
{
    AQ_ASSERT(p->count == 0);
    p->under_way = 0;
    p->under_way_records = p->under_way_bytes = 0;
    p->end_ahead = -1;
    p->read = p->sent = p->acked = p->writing = p->committed = *mark;
}

struct br_mark br_mark_after(const struct aq_batch *batch)
{
    AQ_ASSERT(batch->n > 0);
    const struct aq_record *last = &batch->records[batch->n - 1];
    return (struct br_mark){.next = last->offset + 1,
                            .last_offset = last->offset,
                            .last_timestamp = last->timestamp,
                            .last_hash = kc_fingerprint(last->key, last->value, last->timestamp),
                            .leader_epoch = last->leader_epoch};
}

static struct br_flight *flight_at(struct br_partition *p, uint32_t index)
{
    return &p->flights[(p->head + index) % p->cap];
}

static void grow_ring(struct br_partition *p)
{
    uint32_t cap = p->cap ? p->cap * 2 : 8;
    struct br_flight *flights = aq_malloc(cap * sizeof(*flights));
    for (uint32_t i = 0; i < p->count; i++) flights[i] = *flight_at(p, i);
    free(p->flights);
    p->flights = flights;
    p->head = 0;
    p->cap = cap;
}

void br_partition_took(struct br_partition *p, struct aq_batch *batch, const struct br_mark *after)
{
    AQ_ASSERT(after->next > p->read.next);
    if (p->count == p->cap) grow_ring(p);
    p->count++;
    *flight_at(p, p->count - 1) = (struct br_flight){.batch = batch, .after = *after};
    p->read = *after;
}

static struct br_flight *find_flight(struct br_partition *p, const struct aq_batch *batch)
{
    for (uint32_t i = 0; i < p->count; i++) {
        struct br_flight *flight = flight_at(p, i);
        if (flight->batch == batch) return flight;
    }
    return NULL;
}

void br_partition_sent(struct br_partition *p, const struct aq_batch *batch)
{
    struct br_flight *flight = find_flight(p, batch);
    AQ_ASSERT(flight != NULL && flight->after.next > p->sent.next);
    p->sent = flight->after;
    p->under_way++;
    p->under_way_records += batch->n;
    p->under_way_bytes += batch->bytes;
}

bool br_partition_sent_part(struct br_partition *p, const struct aq_batch *batch)
{
    AQ_ASSERT(find_flight(p, batch) != NULL && batch->produced < batch->n);
    uint32_t begin = aq_batch_group_begin(batch, batch->produced);
    int64_t next = batch->records[begin].offset;
    if (begin == 0 || next <= p->sent.next) return false;
    /* No fingerprint: the chain has been over the record before, and only the batch's last one was hashed as read. */
    p->sent = (struct br_mark){
        .next = next, .last_offset = -1, .leader_epoch = batch->records[begin - 1].leader_epoch};
    return true;
}

/* Only when nothing is between: then the positions may step over what has no records (control records, compacted ones),
 * and the lag of an idle partition becomes zero. */
static bool step_to_end(struct br_partition *p)
{
    if (p->count > 0 || p->end_ahead <= p->read.next) return false;
    p->read.next = p->sent.next = p->acked.next = p->end_ahead;
    return true;
}

bool br_partition_acked(struct br_partition *p, const struct aq_batch *batch)
{
    struct br_flight *flight = find_flight(p, batch);
    AQ_ASSERT(flight != NULL && flight->after.next <= p->sent.next && p->under_way > 0);
    flight->done = true;
    AQ_ASSERT(p->under_way_records >= batch->n && p->under_way_bytes >= batch->bytes);
    p->under_way--;
    p->under_way_records -= batch->n;
    p->under_way_bytes -= batch->bytes;
    if (batch->sink_topic && batch->sink_offset >= 0) {
        p->sink_topic = batch->sink_topic;
        p->sink_partition = batch->sink_partition;
        p->sink_offset = batch->sink_offset;
    }
    while (p->count > 0 && flight_at(p, 0)->done) {
        AQ_ASSERT(flight_at(p, 0)->after.next > p->acked.next);
        p->acked = flight_at(p, 0)->after;
        p->head = (p->head + 1) % p->cap;
        p->count--;
    }
    return step_to_end(p);
}

void br_partition_rewind(struct br_partition *p)
{
    p->count = 0;
    p->head = 0;
    p->reached_end = false;
    struct br_mark committed = p->committed;
    br_partition_set(p, &committed);
}

void br_partition_at_end(struct br_partition *p, int64_t offset)
{
    p->end = offset > p->end ? offset : p->end;
    p->reached_end = true;
    p->end_ahead = offset;
    step_to_end(p);
}

void br_partition_poison(struct br_partition *p, int64_t offset, int code)
{
    AQ_ASSERT(code != 0);
    if (br_partition_find_poison(p, offset)) return;
    if (p->poison_count == p->poison_cap) {
        p->poison_cap = p->poison_cap ? p->poison_cap * 2 : 4;
        p->poison = aq_realloc(p->poison, p->poison_cap * sizeof(*p->poison));
    }
    p->poison[p->poison_count++] = (struct br_poison){.offset = offset, .code = code};
}

struct br_poison *br_partition_find_poison(const struct br_partition *p, int64_t offset)
{
    for (uint32_t i = 0; i < p->poison_count; i++)
        if (p->poison[i].offset == offset) return &p->poison[i];
    return NULL;
}

void br_partition_forget_poison(struct br_partition *p, int64_t next)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->poison_count; i++)
        if (p->poison[i].offset >= next) p->poison[kept++] = p->poison[i];
    p->poison_count = kept;
}

int64_t br_partition_lag(const struct br_partition *p)
{
    /* Without a single record to mirror (an empty partition, everything aborted) no position is ever written. */
    int64_t from = p->committed.next < 0 && p->acked.last_offset < 0 ? p->acked.next : p->committed.next;
    if (p->end < 0 || from < 0) return -1;
    return p->end > from ? p->end - from : 0;
}

void br_mark_to_position(const struct br_partition *p, const struct br_mark *mark, struct kc_position *ret)
{
    *ret = (struct kc_position){.topic = p->topic->text,
                                .partition = p->partition,
                                .next = mark->next,
                                .leader_epoch = mark->leader_epoch,
                                .last_offset = mark->last_offset,
                                .last_timestamp = mark->last_timestamp,
                                .last_hash = mark->last_hash,
                                .time_ms = -1,
                                .sink_topic = p->sink_topic ? p->sink_topic->text : NULL,
                                .sink_partition = p->sink_partition,
                                .sink_offset = p->sink_topic ? p->sink_offset : -1};
    memcpy(ret->topic_id, p->topic_id, sizeof(ret->topic_id));
}

void br_mark_from_position(const struct kc_position *position, struct br_mark *ret)
{
    *ret = (struct br_mark){.next = position->next,
                            .last_offset = position->last_offset,
                            .last_timestamp = position->last_timestamp,
                            .last_hash = position->last_hash,
                            .leader_epoch = position->leader_epoch};
}
