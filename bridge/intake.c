/* SPDX-License-Identifier: Apache-2.0
 *
 * The source side of a turn: which batch comes in next, and what the source says besides records.
 *
 * An ordinary pass: bounds are looked at first (bytes in flight, throttle, rebalance); then one batch of one partition is
 * polled, its mark is noted (before any step changes bytes), and it goes to the chain.
 *
 * A failing pass: after a take-over the first record read is the last one mirrored, read again to prove that the log is
 * still the same; it is compared with the stored fingerprint and skipped. If it differs, or the log ends before our
 * position, or the offset is no longer in the log, anomaly.c decides.
 *
 * Invariants: offsets of a partition only ever grow here; a record below the partition's read mark is never passed on.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "bridge/worker.h"

#define PAUSE_US (500 * AQ_MS)

/* Bounds: at any of them nothing is polled, and the client's own small queue fills up. */
static bool may_read(struct br_worker *worker, int64_t now)
{
    if (worker->state != BR_WORKER_RUNNING || worker->own.rewind_due) return false;
    if (!kc_ownership_is_settled(&worker->own)) return false;
    if (worker->in_flight >= (uint64_t)worker->route->in_flight_bytes) return false;
    if (worker->own.lanes.sending->cycle.state == KC_CYCLE_BROKEN && worker->queue.head) return false;
    if (now < worker->own.pause_until_us) return false;
    return br_throttle_allows(&worker->throttle, now);
}

/* The first record after a verifying assignment: true when the batch may go on. */
static bool verify_first(struct br_worker *worker, struct br_partition *p, struct aq_batch *batch)
{
    struct aq_record *first = &batch->records[0];
    p->verify = false;
    /* Gone by compaction: nothing to compare with, and the topic's id or age must do. */
    if (first->offset != p->read.last_offset) return true;
    bool same = first->timestamp == p->read.last_timestamp &&
                kc_fingerprint(first->key, first->value, first->timestamp) == p->read.last_hash;
    if (same) return true;
    br_anomaly_fingerprint(worker, p, first);
    return false;
}

/* Records the partition has passed already are marked; returns how many are left. */
static uint32_t skip_known(struct br_partition *p, struct aq_batch *batch)
{
    uint32_t fresh = 0;
    int64_t before = -1;
    for (uint32_t i = 0; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        AQ_ASSERT(rec->offset > before);
        before = rec->offset;
        if (rec->offset < p->read.next)
            rec->flags |= AQ_REC_SKIP | AQ_REC_DROPPED;
        else
            fresh++;
    }
    return fresh;
}

static void suspect_all(struct br_worker *worker)
{
    for (int32_t t = 0; t < worker->own.n_tasks; t++)
        for (size_t i = 0; i < worker->tasks[t].count; i++)
            worker->tasks[t].partitions[i]->suspect =
                worker->tasks[t].partitions[i]->state == BR_PARTITION_READING;
    worker->suspects = true;
}

/* A process that stood still (stopped, its machine suspended) has not seen what happened to the source meanwhile: a
 * topic can have been deleted, recreated and filled past our position between two of its fetches. */
static void notice_pause(struct br_worker *worker)
{
    int64_t now = aq_mono_us();
    if (worker->awake_us && now - worker->awake_us > PAUSE_US) suspect_all(worker);
    worker->awake_us = now;
}

struct aq_batch *br_intake_poll(struct br_worker *worker, int64_t now)
{
    bool allowed = may_read(worker, now);
    if (!allowed) {
        /* What we wait for (the group, a commit, an allowance) wakes nobody up: look again in a moment. */
        if (worker->in_flight == 0 || kc_cycle_owns_producer(&worker->own.lanes.sending->cycle))
            aq_sleep_ms(1);
        notice_pause(worker);
        return NULL;
    }
    /* Nothing to do elsewhere: wait here, where new records arrive. */
    bool busy = worker->queue.head || worker->in_flight || !kc_lanes_idle(&worker->own.lanes) ||
                kc_lookup_state(worker->own.lookup) != KC_LOOKUP_IDLE;
    struct aq_batch *batch = worker->ops->consumer_poll(worker->consumer, now, busy ? 1 : 20);
    notice_pause(worker);
    if (!batch) return NULL;
    struct br_partition *p = batch->owner;
    AQ_ASSERT(p != NULL && batch->n > 0);
    /* Of a suspect only what is read again from its last record counts. */
    bool wanted = p->state == BR_PARTITION_READING && p->reset_to < 0 && !p->suspect;
    if (wanted && p->verify) wanted = verify_first(worker, p, batch);
    if (!wanted && p->state == BR_PARTITION_READING) {
        /* Records that nobody took: an end of partition heard of from now on lies behind a hole, and must not be stepped
         * to, until the partition is read again from its mark. */
        p->untaken = true;
        p->suspect = worker->suspects = true;
    }
    uint32_t fresh = wanted ? skip_known(p, batch) : 0;
    if (fresh == 0) {
        aq_batch_release(batch);
        return NULL;
    }
    struct br_mark after = br_mark_after(batch);
    br_partition_took(p, batch, &after);
    worker->in_flight += batch->bytes;
    br_throttle_took(&worker->throttle, fresh, batch->bytes);
    aq_counter_add(&worker->counters.records_read, fresh);
    aq_counter_add(&worker->counters.bytes_read, batch->bytes);
    return batch;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

static void at_end(struct br_worker *worker, struct br_partition *p, int64_t offset)
{
    if (p->state != BR_PARTITION_READING || p->reset_to >= 0 || p->suspect || p->untaken) return;
    /* The record to compare with would have come before an end behind it: it is gone (compaction). An end at or before
     * its place, where read_committed stops at an open transaction, says nothing of it. */
    if (offset > p->read.last_offset) p->verify = false;
    if (p->read.next >= 0 && offset < p->read.next) {
        br_anomaly_short_log(worker, p);
        return;
    }
    int64_t before = p->acked.next;
    br_partition_at_end(p, offset);
    /* Stepping over control records at the end is worth a position only when something was mirrored before. */
    if (p->acked.next != before && before >= 0) worker->tasks[p->task].write_first = true;
}

/* The partition may have changed under us (leader lost, topic deleted): prove it from the last record read. */
static void suspect(struct br_worker *worker, struct br_partition *p, const struct kc_event *event)
{
    aq_log(AQ_WARN, "source partition in trouble", aq_fs("route", worker->route->name),
           aq_fs("topic", p->topic->text), aq_fi("partition", p->partition), aq_fs("reason", event->text));
    if (event->code == AQ_E_DENIED) {
        struct aq_err err;
        aq_fail(&err, AQ_E_DENIED, "%s[%d]: %s", p->topic->text, p->partition, event->text);
        kc_ownership_fail(&worker->own, &err);
        return;
    }
    if (event->code == AQ_E_UNKNOWN_TOPIC) br_catalog_poke(worker->catalog);
    p->suspect = true;
    worker->suspects = true;
}

static void hear(struct br_worker *worker, const struct kc_event *event)
{
    struct br_partition *p = event->owner;
    switch (event->kind) {
    case KC_EVENT_EOF: at_end(worker, p, event->offset); return;
    case KC_EVENT_OUT_OF_RANGE:
        if (p->state == BR_PARTITION_READING && p->reset_to < 0)
            br_anomaly_out_of_range(worker, p, event->offset);
        return;
    case KC_EVENT_PARTITION:
        if (p->state == BR_PARTITION_READING) suspect(worker, p, event);
        return;
    case KC_EVENT_CLUSTER: {
        if (event->code == AQ_E_AUTH || event->code == AQ_E_FATAL) {
            struct aq_err err;
            aq_fail(&err, event->code, "cluster %s: %s", worker->route->source->name, event->text);
            kc_ownership_fail(&worker->own, &err);
            return;
        }
        aq_log(AQ_WARN, "source cluster does not answer; the client keeps trying",
               aq_fs("route", worker->route->name), aq_fs("cluster", worker->route->source->name),
               aq_fs("reason", event->text));
        suspect_all(worker);
        return;
    }
    }
}

/* Reads suspects again from their last record, at most once a second: a moving leader is told many times. */
static void recheck_suspects(struct br_worker *worker, int64_t now)
{
    if (!worker->suspects || now < worker->recheck_us || worker->state != BR_WORKER_RUNNING) return;
    worker->recheck_us = now + AQ_SEC;
    worker->suspects = false;
    for (int32_t t = 0; t < worker->own.n_tasks; t++) {
        for (size_t i = 0; i < worker->tasks[t].count; i++) {
            struct br_partition *p = worker->tasks[t].partitions[i];
            if (!p->suspect || p->state != BR_PARTITION_READING) continue;
            struct aq_err err;
            p->suspect = false;
            if (br_task_read_from_mark(worker, p, true, &err) == 0) continue;
            p->suspect = worker->suspects = true;
        }
    }
}

void br_intake_events(struct br_worker *worker, int64_t now)
{
    struct kc_event event;
    while (worker->state != BR_WORKER_FAILED && worker->ops->consumer_event(worker->consumer, &event)) {
        AQ_ASSERT(event.owner != NULL || event.kind == KC_EVENT_CLUSTER);
        hear(worker, &event);
    }
    recheck_suspects(worker, now);
    br_anomaly_apply_resets(worker);
}
