/* SPDX-License-Identifier: Apache-2.0
 *
 * From the settled batch to the sink: sink topic and partition, hand-over, delivery reports, and the way back after an
 * abort.
 *
 * An ordinary pass: a transformed batch is queued; at its turn every record gets its sink partition, the batch is handed
 * to the producer as a whole, and comes back when its last record is acknowledged, which moves the partition's acked
 * mark and lets the partition's next batch go.
 *
 * Two batches of a partition at a time: one on its way, one ready to follow. An idempotent librdkafka has one request a
 * partition under way whatever is queued, and its broker thread spins for as long as more is queued than it may send
 * (rd_kafka_msgq_allow_wakeup_at() wakes it for a batch that is ready, rd_kafka_toppar_producer_serve() then finds five
 * messages in flight and leaves). With everything queued at once, on two busy cores, that took the flow from 400,000 to
 * 140,000 records/s and tripled the CPU time. When the sink answers slowly the spinning would be long and the second batch
 * gains little, so then it is one.
 *
 * A failing pass: the sink refuses a record (too large, a timestamp it does not take). The broker refuses the whole
 * message set it travelled in and the report does not say which record it was, so the cycle is aborted, the partition is
 * read again "carefully" (one record in flight at a time), the one that fails then is known, and the next time it comes
 * by it is treated as the error policy says. Poison found by the chain needs none of that: it is settled before sending (bridge/settle.c).
 *
 * Several records of one: a step may make a group of one source record (base/record.h). Errors and positions are about source
 * records, so a group goes or stays as a whole. The careful way sends a group at a time. A full producer may take half of a group. Then the batch goes to the queue's front,
 * positions stay before the group, and exactly_once starts no commit before the rest is handed over: a crash behind that
 * commit would have the first half sent twice. The wait ends by itself, for the producer needs no commit to make room; a
 * revocation waits with it, and only this batch is sent then.
 *
 * Invariants: batches of a partition are sent in the order they were read; a batch is in exactly one place: the queue, or
 * the producer. What is in the queue has not been sent, except the produced prefix of its head. The careful batch is
 * narrowed to what may be under way, also while it stands at the queue's head with half a group handed over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/worker.h"

#define BLOCKED_LIMIT (60 * AQ_SEC)

/* ---- the queue ---------------------------------------------------------------------------------------------------- */

static void push(struct br_queue *queue, struct aq_batch *batch)
{
    batch->next = NULL;
    if (queue->tail)
        queue->tail->next = batch;
    else
        queue->head = batch;
    queue->tail = batch;
}

static void push_front(struct br_queue *queue, struct aq_batch *batch)
{
    batch->next = queue->head;
    queue->head = batch;
    if (!queue->tail) queue->tail = batch;
}

static struct aq_batch *pop(struct br_queue *queue)
{
    struct aq_batch *batch = queue->head;
    queue->head = batch->next;
    if (!queue->head) queue->tail = NULL;
    batch->next = NULL;
    return batch;
}

static void take_out(struct br_queue *queue, struct aq_batch *before, const struct aq_batch *batch,
                     struct aq_batch *next)
{
    if (before)
        before->next = next;
    else
        queue->head = next;
    if (queue->tail == batch) queue->tail = before;
}

static void give_back(struct br_worker *worker, struct aq_batch *batch)
{
    AQ_ASSERT(worker->in_flight >= batch->bytes);
    worker->in_flight -= batch->bytes;
    aq_batch_release(batch);
}

void br_outflow_enqueue(struct br_worker *worker, struct aq_batch *batch)
{
    /* What the chain added stays in memory as long as what was read. */
    batch->bytes += batch->added;
    worker->in_flight += batch->added;
    batch->added = 0;
    push(&worker->queue, batch);
}

/* ---- where to ----------------------------------------------------------------------------------------------------- */

static struct br_known_sink *known_sink(struct br_worker *worker, const struct aq_name *name)
{
    for (uint32_t i = 0; i < worker->known_count; i++)
        if (worker->known[i].name == name) return &worker->known[i];
    if (worker->known_count == worker->known_cap) {
        worker->known_cap = worker->known_cap ? worker->known_cap * 2 : 16;
        worker->known = aq_realloc(worker->known, worker->known_cap * sizeof(*worker->known));
    }
    worker->known[worker->known_count] = (struct br_known_sink){.name = name};
    return &worker->known[worker->known_count++];
}

/* Partitions of the record's sink topic; 0: not known yet, negative: cannot be. */
static int32_t sink_partitions(struct br_worker *worker, const struct aq_record *rec, int32_t least,
                               struct aq_err *err)
{
    if (worker->last_sink.name == rec->topic && worker->last_sink.partitions >= least)
        return worker->last_sink.partitions;
    struct br_known_sink *known = known_sink(worker, rec->topic);
    if (known->partitions < least) {
        const struct br_source_topic *source =
            worker->view ? br_catalog_find(worker->view, rec->batch->topic->text) : NULL;
        bool dead = (rec->flags & AQ_REC_DEAD_LETTER) != 0;
        int32_t wanted = dead || !source || source->partitions < least ? least : source->partitions;
        int32_t n = br_catalog_sink_partitions(worker->catalog, rec->topic->text, least, wanted,
                                               dead ? NULL : rec->batch->topic->text, err);
        if (n <= 0) return n;
        known->partitions = n;
    }
    worker->last_sink = *known;
    return known->partitions;
}

/* The sink partition of one record. 0, AGAIN while its topic is being created, or why it cannot be sent. */
static int route_record(struct br_worker *worker, struct aq_record *rec, struct aq_err *err)
{
    bool by_source = worker->route->partitioning == BR_PARTITION_SOURCE && !(rec->flags & AQ_REC_DEAD_LETTER);
    int32_t least = by_source ? rec->batch->partition + 1 : 1;
    int32_t n = sink_partitions(worker, rec, least, err);
    if (n == 0) return aq_fail(err, AQ_E_AGAIN, "sink topic %s is being created or grown", rec->topic->text);
    if (n < 0) return n;
    if (by_source)
        rec->partition = rec->batch->partition;
    else if (worker->route->partitioning == BR_PARTITION_KEY && !aq_slice_is_null(rec->key))
        rec->partition = aq_partition_for_key(rec->key, n);
    else
        rec->partition = (int32_t)(worker->round_robin++ % (uint32_t)n);
    AQ_DASSERT(rec->partition >= 0 && rec->partition < n);
    return 0;
}

static int route_batch(struct br_worker *worker, struct aq_batch *batch, struct aq_err *err)
{
    for (uint32_t i = batch->produced; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        if (rec->flags & (AQ_REC_DROPPED | AQ_REC_SKIP)) continue;
        int rc = route_record(worker, rec, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* ---- hand-over ---------------------------------------------------------------------------------------------------- */

static bool is_careful(const struct br_partition *p, const struct aq_batch *batch)
{
    return batch->records[0].offset < p->careful_until;
}

/* The head of the queue cannot be sent now. Long enough is an error of its own. */
static void blocked(struct br_worker *worker, int64_t now, const struct aq_err *err)
{
    if (worker->blocked_us == 0) worker->blocked_us = now;
    if (now - worker->blocked_us < BLOCKED_LIMIT) return;
    struct aq_err failure = *err;
    aq_err_in(&failure, "records have waited for %d s", (int)(BLOCKED_LIMIT / AQ_SEC));
    kc_ownership_fail(&worker->own, &failure);
}

static void remember_poison(struct br_worker *worker, struct br_partition *p, int64_t offset, int code,
                            const char *reason)
{
    br_partition_poison(p, offset, code);
    aq_log(AQ_WARN, "the sink refuses a record", aq_fs("route", worker->route->name),
           aq_fs("topic", p->topic->text), aq_fi("partition", p->partition), aq_fi("offset", offset),
           aq_fs("reason", reason));
}

/* A record whose content the client does not take. Alone it is settled now. Others of its group may be in the transaction
 * already, so a group is given up with the cycle, and settled as a whole when it comes by again. */
static void refused_input(struct br_worker *worker, struct aq_batch *batch, int code, struct aq_err *err,
                          int64_t now)
{
    struct aq_record *rec = &batch->records[batch->produced];
    uint32_t begin = aq_batch_group_begin(batch, batch->produced);
    if (aq_batch_group_end(batch, begin) > begin + 1) {
        remember_poison(worker, batch->owner, rec->offset, code, err->text);
        kc_ownership_give_up(&worker->own, err, now);
        return;
    }
    if (code == AQ_E_TOO_LARGE) rec->flags |= AQ_REC_TOO_LARGE;
    aq_record_fail(rec, "sink", "%s", err->text);
    br_settle_record(worker, rec, true);
}

/* A record the client itself refused. The batch may be tried again in the next round. */
static void refused(struct br_worker *worker, struct aq_batch *batch, int code, struct aq_err *err,
                    int64_t now)
{
    AQ_ASSERT(batch->produced < batch->n);
    const struct aq_record *rec = &batch->records[batch->produced];
    switch (aq_code_class(code)) {
    case AQ_CLASS_RETRY: blocked(worker, now, err); return;
    case AQ_CLASS_INPUT:
        if (rec->flags & AQ_REC_DEAD_LETTER) break; /* refused twice: nothing is left to do with it */
        refused_input(worker, batch, code, err, now);
        return;
    case AQ_CLASS_ABORT:
    case AQ_CLASS_FENCED:
        /* The transaction failed under records sent before; which, and why, their reports tell. */
        kc_ownership_give_up(&worker->own, err, now);
        return;
    default: break;
    }
    if (code == AQ_E_UNKNOWN_TOPIC || code == AQ_E_CONFIG) {
        /* Created or grown a moment ago and not in the client's metadata yet, or refused by a controller that has no broker
         * to put it on at the moment; the catalog has logged the reason and tries again. */
        blocked(worker, now, err);
        return;
    }
    aq_err_in(err, "%s[%d]@%" PRId64, batch->topic->text, batch->partition, rec->offset);
    kc_ownership_fail(&worker->own, err);
}

/* One source record of a careful batch; the rest follows when it is acknowledged. */
static void narrow(struct br_worker *worker, struct aq_batch *batch)
{
    if (worker->careful == batch || !is_careful(batch->owner, batch)) return;
    worker->careful = batch;
    worker->careful_n = batch->n;
    batch->n = aq_batch_group_end(batch, batch->produced);
}

/* The careful batch is whole again, wherever it stands. */
static void widen(struct br_worker *worker)
{
    if (!worker->careful) return;
    AQ_ASSERT(worker->careful->n <= worker->careful_n);
    worker->careful->n = worker->careful_n;
    worker->careful = NULL;
}

static uint32_t whole_length(const struct br_worker *worker, const struct aq_batch *batch)
{
    return batch == worker->careful ? worker->careful_n : batch->n;
}

/* Whether the batch was handed over up to the middle of a group. */
static bool is_split(const struct aq_batch *batch)
{
    if (!batch->grouped || batch->produced == 0 || batch->produced >= batch->n) return false;
    return aq_batch_group_begin(batch, batch->produced) < batch->produced;
}

/* Sends a batch of the queue (`before` is the one in front of it); true when it went through as a whole. */
static bool send_batch(struct br_worker *worker, struct aq_batch *before, struct aq_batch *batch, int64_t now)
{
    struct br_partition *p = batch->owner;
    struct aq_err err = {0};
    if (worker->careful && worker->careful != batch) return false;
    if (!worker->careful && is_careful(p, batch) &&
        worker->ops->producer_in_flight(kc_ownership_producer(&worker->own), NULL) > 0)
        return false;
    int rc = route_batch(worker, batch, &err);
    /* A batch with nothing to deliver is among the finished ones before the call returns, and linked there. */
    struct aq_batch *next = batch->next;
    if (rc == 0) {
        narrow(worker, batch);
        rc = worker->ops->producer_send(kc_ownership_producer(&worker->own), batch, &err);
        if (rc != 0 && !is_split(batch)) widen(worker); /* nothing of it is under way */
        AQ_CRASH_POINT(FIRST_PRODUCE);
    }
    if (rc == AQ_E_FULL) return false;
    if (rc == AQ_E_AGAIN) {
        blocked(worker, now, &err);
        return false;
    }
    if (rc != 0) {
        refused(worker, batch, rc, &err, now);
        return false;
    }
    worker->blocked_us = 0;
    take_out(&worker->queue, before, batch, next);
    if (worker->careful && batch->produced < worker->careful_n) return true; /* note_part() moves the mark */
    if (p->under_way == 0) {
        batch->alone_us = now;
        p->pass = worker->pass;
    }
    br_partition_sent(p, batch);
    if (worker->route->flow.exactly_once) kc_ownership_touch(&worker->own, p->task);
    return true;
}

/* A batch of which only the beginning was handed over, because the producer is full or it goes record by record: that
 * part is in the transaction, so the position must cover it, or a crash behind the commit would repeat it. */
static void note_part(struct br_worker *worker, struct aq_batch *batch)
{
    if (!batch || batch->produced == 0) return;
    struct br_partition *p = batch->owner;
    uint32_t part = batch->n, whole = whole_length(worker, batch);
    if (batch->produced == whole) return;
    batch->n = whole;
    bool moved = br_partition_sent_part(p, batch);
    batch->n = part;
    if (moved && worker->route->flow.exactly_once) kc_ownership_touch(&worker->own, p->task);
}

/* True while enough of this partition is under way: two requests' worth when the sink answers quickly; else one, made of
 * all the batches that waited for the last answer (small ones would otherwise each pay for a round trip of their own). */
static bool is_busy(const struct br_worker *worker, const struct br_partition *p,
                    const struct aq_batch *batch)
{
    if (batch->produced > 0 || p->under_way == 0) return false;
    uint64_t limit = worker->quick ? 2 : 1;
    bool full = p->under_way_records >= limit * BR_BATCH_RECORDS ||
                p->under_way_bytes >= limit * (uint64_t)worker->route->batch_bytes * 15 / 16;
    return full || (!worker->quick && p->pass != worker->pass);
}

/* A batch that could not go. One that is split goes first from now on, before a second one is. */
static void note_stop(struct br_worker *worker, struct aq_batch *before, struct aq_batch *batch)
{
    note_part(worker, batch);
    if (!before || !is_split(batch)) return;
    take_out(&worker->queue, before, batch, batch->next);
    push_front(&worker->queue, batch);
}

/* The oldest batches of every partition that may have more under way. What cannot go ends the round, so that the order
 * within a partition holds. */
static void send_queue(struct br_worker *worker, int64_t now)
{
    struct aq_batch *before = NULL;
    worker->pass++;
    worker->quick = kc_flow_is_quick(&worker->route->flow, worker->answer_us);
    for (struct aq_batch *next, *batch = worker->queue.head; batch && worker->own.err.code == 0;
         batch = next) {
        next = batch->next;
        if (is_busy(worker, batch->owner, batch)) {
            before = batch;
            continue;
        }
        if (!kc_ownership_accepts(&worker->own, now)) return;
        if (!send_batch(worker, before, batch, now)) {
            note_stop(worker, before, batch);
            return;
        }
        note_part(worker, worker->careful);
    }
}

/* Records of half a group are in the transaction: it can be committed with the other half only. */
static bool must_hold(const struct br_worker *worker)
{
    return worker->route->flow.exactly_once && worker->queue.head && is_split(worker->queue.head);
}

/* A revocation waits for the commit, and the commit for the rest of this batch. */
static void send_rest(struct br_worker *worker, int64_t now)
{
    struct aq_batch *batch = worker->queue.head;
    if (!kc_ownership_accepts(&worker->own, now)) return;
    if (!send_batch(worker, NULL, batch, now)) note_stop(worker, NULL, batch);
}

void br_outflow_send(struct br_worker *worker, int64_t now)
{
    if (kc_ownership_may_send(&worker->own))
        send_queue(worker, now);
    else if (must_hold(worker) && kc_ownership_may_finish(&worker->own))
        send_rest(worker, now);
    kc_ownership_hold(&worker->own, must_hold(worker));
}

/* ---- delivery reports --------------------------------------------------------------------------------------------- */

/* A careful batch is back with one more source record through; true when that was the last. */
static bool careful_is_through(struct br_worker *worker, struct aq_batch *batch)
{
    AQ_ASSERT(worker->careful == batch);
    widen(worker);
    if (batch->produced < batch->n) {
        push_front(&worker->queue, batch);
        return false;
    }
    return true;
}

/* The policy has dealt with the record, and still it is refused. */
static void fail_dead_letter(struct br_worker *worker, const struct aq_record *rec,
                             const struct kc_failure *failure)
{
    struct aq_err err;
    aq_fail(&err, failure->code, "%s[%d]@%" PRId64 ": topic %s refuses it, too: %s", rec->batch->topic->text,
            rec->batch->partition, rec->offset, rec->topic->text, failure->text);
    kc_ownership_fail(&worker->own, &err);
}

/* Remembers what the sink refused, before the batch goes: either the very record, or the stretch to go through slowly. */
void br_outflow_failure(void *ctx, const struct kc_failure *failure)
{
    struct br_worker *worker = ctx;
    if (!failure->rec || aq_code_class(failure->code) != AQ_CLASS_INPUT) return;
    const struct aq_record *rec = failure->rec;
    struct br_partition *p = rec->batch->owner;
    if (worker->careful == rec->batch && br_partition_find_poison(p, rec->offset)) {
        fail_dead_letter(worker, rec, failure);
        return;
    }
    if (worker->careful == rec->batch) {
        remember_poison(worker, p, rec->offset, failure->code, failure->text);
        return;
    }
    p->careful_until = p->read.next;
    aq_log(AQ_INFO, "the sink refused records; reading again one by one to find which",
           aq_fs("route", worker->route->name), aq_fs("topic", p->topic->text),
           aq_fi("partition", p->partition), aq_fs("reason", failure->text));
}

static void finish_batch(struct br_worker *worker, struct aq_batch *batch)
{
    struct br_partition *p = batch->owner;
    bool placed = p->sink_offset >= 0;
    /* How long the sink takes for one request, averaged over the last ones. */
    if (batch->alone_us)
        worker->answer_us = kc_average_answer(worker->answer_us, aq_mono_us() - batch->alone_us);
    /* The first record known to stand on the sink is worth a position of its own: the one just written was made before
     * its report came, and a sink topic deleted before the next would be a hole that nobody hears of. */
    if (br_partition_acked(p, batch) || (!placed && p->sink_offset >= 0))
        worker->tasks[p->task].write_first = true;
    if (!worker->route->flow.exactly_once) kc_ownership_touch(&worker->own, p->task);
    br_show_sample(worker, batch);
    give_back(worker, batch);
}

static void drain_lane(struct br_worker *worker, struct kc_lane *lane, int64_t now)
{
    if (!lane->producer || kc_cycle_owns_producer(&lane->cycle)) return;
    bool must_wait = lane->cycle.state == KC_CYCLE_DRAINING ||
                     worker->in_flight >= (uint64_t)worker->route->in_flight_bytes;
    /* While records come in there is better to do than to wait. */
    bool idle = lane == worker->own.lanes.sending && !worker->fed;
    struct kc_drained drained = {0};
    worker->ops->producer_drain(lane->producer, must_wait && idle ? 1 : 0, &drained);
    kc_lane_tell_failure(&worker->own.lanes, lane, false);
    if (drained.records > 0 && aq_counter_get(&worker->counters.first_record_us) == 0)
        aq_counter_set(&worker->counters.first_record_us, (uint64_t)now);
    aq_counter_add(&worker->counters.records_written, drained.records);
    aq_counter_add(&worker->counters.bytes_written, drained.bytes);
    if (worker->ops->producer_failure(lane->producer)->code != 0) {
        /* The cycle will abort; what came back is neither acknowledged nor lost: it will be read again. */
        for (struct aq_batch *next, *batch = drained.done; batch; batch = next) {
            next = batch->next;
            if (batch == worker->careful) widen(worker);
            give_back(worker, batch);
        }
        return;
    }
    for (struct aq_batch *next, *batch = drained.done; batch; batch = next) {
        next = batch->next;
        batch->next = NULL;
        if (batch == worker->careful && !careful_is_through(worker, batch)) continue;
        finish_batch(worker, batch);
    }
}

void br_outflow_drain(struct br_worker *worker, int64_t now)
{
    for (int i = 0; i < worker->own.lanes.n; i++) drain_lane(worker, &worker->own.lanes.list[i], now);
}

/* ---- the way back ------------------------------------------------------------------------------------------------- */

static void release_queue(struct br_worker *worker)
{
    while (worker->queue.head) give_back(worker, pop(&worker->queue));
}

void br_outflow_take_back(void *ctx, struct aq_batch *list)
{
    struct br_worker *worker = ctx;
    for (struct aq_batch *next, *batch = list; batch; batch = next) {
        next = batch->next;
        if (batch == worker->careful) widen(worker);
        give_back(worker, batch);
    }
}

void br_outflow_forget_task(struct br_worker *worker, int32_t task)
{
    struct br_queue rest = {0};
    while (worker->queue.head) {
        struct aq_batch *batch = pop(&worker->queue);
        struct br_partition *p = batch->owner;
        if (p->task == task) {
            if (batch == worker->careful) widen(worker);
            give_back(worker, batch);
        } else
            push(&rest, batch);
    }
    worker->queue = rest;
    for (size_t i = 0; i < worker->tasks[task].count; i++) {
        struct br_partition *p = worker->tasks[task].partitions[i];
        p->count = 0; /* the cycle is idle: what is left in the ring was in the queue */
    }
}

static void rewind_partition(struct br_worker *worker, struct br_partition *p)
{
    struct aq_err err;
    br_partition_rewind(p);
    if (p->state != BR_PARTITION_READING) return;
    if (br_task_read_from_mark(worker, p, true, &err) == 0) return;
    p->suspect = worker->suspects = true;
}

void br_outflow_rewind(void *ctx, int64_t now)
{
    struct br_worker *worker = ctx;
    (void)now;
    widen(worker);
    worker->known_count = 0; /* a sink topic may be gone: the catalog knows */
    worker->last_sink = (struct br_known_sink){0};
    worker->sample_count = worker->samples_committing = 0;
    worker->blocked_us = 0;
    release_queue(worker);
    if (worker->in_flight > 0) {
        /* A client that could not be closed in time keeps batches for good. Nothing of them is committed; a fresh
         * process reads them again. */
        aq_log(AQ_ERROR, "ending the process: the client does not give records back",
               aq_fs("route", worker->route->name), aq_fi("bytes", (int64_t)worker->in_flight));
        _exit(75);
    }
    for (int32_t t = 0; t < worker->own.n_tasks; t++)
        for (size_t i = 0; i < worker->tasks[t].count; i++)
            rewind_partition(worker, worker->tasks[t].partitions[i]);
}
