/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding the position of a task that was just assigned.
 *
 * An ordinary pass: ask the sink's coordinator for the committed pointer of partition t of the state topic, in the form
 * that refuses to answer while a transaction still holds it (require_stable); read exactly the record it points to;
 * compare its sequence and checksum with the pointer's metadata. Two requests, however long the route has run.
 *
 * While the former owner's last transaction is open, the answer is UNSTABLE and we ask again: reading anything else
 * instead would repeat or skip what that transaction is about to commit. It ends when its owner commits or aborts, or
 * when transaction_timeout is over.
 *
 * A failing pass: no pointer, but the state partition has records: the group's offsets expired or were deleted. We are a
 * member by now, so older owners are fenced; take the high watermark, read committed records up to it (which waits for
 * every open transaction below it), use the newest snapshot and say so.
 *
 * Invariants: a task becomes OWNED only with a verified snapshot, or with the certainty that there is none.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "bridge/worker.h"

#define COMMITTED_TIMEOUT_MS 2000
#define READ_TIMEOUT_MS      10000
#define BELIEVE_AFTER        (5 * AQ_SEC)
#define RETRY_US             (20 * AQ_MS)

static int scan_for_snapshot(struct br_worker *worker, int32_t task, struct aq_arena *arena,
                             struct kc_stored *ret, struct aq_err *err)
{
    const char *topic = worker->route->state_topic;
    int64_t low, high;
    ret->offset = -1;
    int rc = worker->ops->admin_watermarks(br_catalog_sink(worker->catalog), topic, task, READ_TIMEOUT_MS,
                                           &low, &high, err);
    if (rc != 0 || high <= low) return rc;
    rc = worker->ops->reader_scan_last(worker->reader, topic, task, AQ_LIT(KC_POSITION_KEY), high,
                                       READ_TIMEOUT_MS, arena, ret, err);
    if (rc == 0 && ret->offset >= 0)
        aq_log(
            AQ_WARN,
            "no committed pointer leads to a position (expired, deleted or compacted); using the newest in the state topic",
            aq_fs("route", worker->route->name), aq_fs("topic", topic), aq_fi("task", task),
            aq_fi("offset", ret->offset));
    return rc;
}

static int check_snapshot(struct br_worker *worker, int32_t task, const struct kc_snapshot *snapshot,
                          struct aq_err *err)
{
    int rc = kc_facts_check(&snapshot->facts, br_catalog_facts(worker->catalog), err);
    if (rc == 0 && snapshot->task != task)
        rc = aq_fail(err, AQ_E_CORRUPT, "the position found belongs to task %d", snapshot->task);
    return rc;
}

static void adopt(struct br_worker *worker, int32_t index, const struct kc_snapshot *snapshot)
{
    struct br_task *task = &worker->tasks[index];
    task->had_snapshot = true;
    task->seq = snapshot->seq;
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        struct br_partition *p = br_ownership_add(worker, index, position->topic, position->partition);
        struct br_mark mark;
        br_mark_from_position(position, &mark);
        br_partition_set(p, &mark);
        memcpy(p->topic_id, position->topic_id, sizeof(p->topic_id));
        p->has_position = true;
        if (position->sink_offset < 0) continue;
        p->sink_topic = aq_names_intern(&worker->names, aq_slice_str(position->sink_topic));
        p->sink_partition = position->sink_partition;
        p->sink_offset = position->sink_offset;
    }
}

/* The sink must still have what the positions say was written: a topic deleted behind our back, or a log that lost its
 * tail, would otherwise become a hole that nobody hears of. */
static int check_sink(struct br_worker *worker, const struct kc_snapshot *snapshot, struct aq_arena *arena,
                      struct aq_err *err)
{
    struct kc_end *ends = aq_arena_zalloc(arena, snapshot->count * sizeof(*ends));
    size_t n = 0;
    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->list[i].sink_offset >= 0)
            ends[n++] = (struct kc_end){.topic = snapshot->list[i].sink_topic,
                                        .partition = snapshot->list[i].sink_partition};
    if (n == 0) return 0;
    int rc = worker->ops->admin_ends(br_catalog_sink(worker->catalog), ends, n, READ_TIMEOUT_MS, err);
    for (size_t i = 0, at = 0; rc == 0 && i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        if (position->sink_offset < 0 || ends[at++].end > position->sink_offset) continue;
        int64_t end = ends[at - 1].end;
        return aq_fail(
            err, AQ_E_MISMATCH,
            "%s[%d] was mirrored up to offset %" PRId64 ", but topic %s[%d] on cluster %s %s record %" PRId64
            " that was written there: it was deleted, recreated or lost its tail. Restore it, or mirror again with "
            "`aqueduct positions --reset earliest --topic %s`",
            position->topic, position->partition, position->next, position->sink_topic,
            position->sink_partition, worker->route->sink->name,
            end < 0 ? "does not exist any more, and with it" : "no longer has", position->sink_offset,
            position->topic);
    }
    return rc;
}

/* One task whose pointer is known; `stored` is the record it points to, or has no value when there is no pointer. */
static int take_task(struct br_worker *worker, const struct kc_pointer *pointer, struct kc_stored *stored,
                     struct aq_arena *arena, struct aq_err *err)
{
    int32_t index = pointer->partition;
    struct kc_snapshot snapshot;
    int rc = 0;
    if (pointer->offset <= 0) rc = scan_for_snapshot(worker, index, arena, stored, err);
    if (rc != 0) return rc;
    if (stored->value.ptr) {
        rc = kc_snapshot_decode(stored->value, arena, &snapshot, err);
        if (rc == 0) rc = check_snapshot(worker, index, &snapshot, err);
        if (rc == 0) rc = check_sink(worker, &snapshot, arena, err);
        if (rc == 0 && pointer->offset > 0)
            rc = kc_metadata_check(pointer->metadata, snapshot.seq, stored->value, err);
        if (rc != 0) return rc;
        adopt(worker, index, &snapshot);
    }
    br_ownership_own(worker, index);
    return 0;
}

/* A wait that lasts longer than an open transaction can is worth a line. */
static void tell_waiting(struct br_worker *worker, int32_t index, int64_t now, const struct aq_err *err)
{
    int64_t waited_ms = (now - worker->tasks[index].taking_since_us) / AQ_MS;
    enum aq_level level = waited_ms > 2 * worker->route->transaction_timeout_ms ? AQ_WARN : AQ_DEBUG;
    aq_log(level, "waiting to take over a task", aq_fs("route", worker->route->name), aq_fi("task", index),
           aq_fi("waited_ms", waited_ms), aq_fs("reason", err->text));
}

/* What came of one task: owned, to be asked again, or the end of the route. */
static void settle(struct br_worker *worker, int32_t index, int rc, struct aq_err *err, int64_t now)
{
    if (rc == 0) return;
    /* What a broker that has just come up says of topics and ends is believed when it goes on saying so. */
    bool passing = (rc == AQ_E_UNKNOWN_TOPIC || rc == AQ_E_MISMATCH) &&
                   now - worker->tasks[index].taking_since_us < BELIEVE_AFTER;
    if (aq_code_class(rc) == AQ_CLASS_RETRY || passing) {
        worker->tasks[index].retry_us = now + RETRY_US;
        tell_waiting(worker, index, now, err);
        return;
    }
    aq_err_in(err, "state topic %s, task %d", worker->route->state_topic, index);
    br_worker_fail(worker, err);
}

/* The records all stable pointers point to, in one request; *ret_stored is parallel to the pointers. */
static int read_all_stored(struct br_worker *worker, const struct kc_pointer *pointers, size_t n,
                           struct kc_stored *stored, struct aq_arena *arena, struct aq_err *err)
{
    struct kc_stored *wanted = aq_arena_alloc(arena, n * sizeof(*wanted));
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        stored[i] = (struct kc_stored){.partition = pointers[i].partition, .offset = -1};
        if (pointers[i].code == 0 && pointers[i].offset > 0)
            wanted[m++] =
                (struct kc_stored){.partition = pointers[i].partition, .offset = pointers[i].offset - 1};
    }
    if (m == 0) return 0;
    int rc = worker->ops->reader_read(worker->reader, worker->route->state_topic, wanted, m, READ_TIMEOUT_MS,
                                      arena, err);
    for (size_t i = 0, at = 0; rc == 0 && i < n; i++)
        if (pointers[i].code == 0 && pointers[i].offset > 0) stored[i] = wanted[at++];
    return rc;
}

/* The same, but a record that is not there any more makes its task look for the newest snapshot instead: a snapshot without
 * a pointer (at_least_once died between the two, a reset was interrupted) lets compaction take the one pointed to. */
static int read_stored(struct br_worker *worker, struct kc_pointer *pointers, size_t n,
                       struct kc_stored *stored, struct aq_arena *arena, struct aq_err *err)
{
    int rc = read_all_stored(worker, pointers, n, stored, arena, err);
    if (rc != AQ_E_STATE) return rc;
    for (size_t i = 0; i < n; i++) {
        rc = read_all_stored(worker, &pointers[i], 1, &stored[i], arena, err);
        if (rc == AQ_E_STATE) {
            pointers[i].offset = -1;
            stored[i] = (struct kc_stored){.partition = pointers[i].partition, .offset = -1};
        } else if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static size_t tasks_to_take(const struct br_worker *worker, int64_t now, struct kc_pointer *ret)
{
    size_t n = 0;
    for (int32_t i = 0; i < worker->n_tasks; i++)
        if (worker->tasks[i].state == BR_TASK_TAKING && now >= worker->tasks[i].retry_us)
            ret[n++].partition = i;
    return n;
}

void br_takeover_turn(struct br_worker *worker, int64_t now)
{
    if (!br_ownership_is_settled(worker) || worker->err.code) return;
    struct aq_arena arena;
    struct aq_err err = {0};
    aq_arena_init(&arena, 8192);
    struct kc_pointer *pointers = aq_arena_zalloc(&arena, (size_t)worker->n_tasks * sizeof(*pointers));
    size_t n = tasks_to_take(worker, now, pointers);
    struct kc_stored *stored = aq_arena_zalloc(&arena, n * sizeof(*stored));
    int rc = 0;
    if (n > 0) {
        rc = worker->ops->reader_committed(worker->reader, worker->route->state_topic, pointers, n,
                                           COMMITTED_TIMEOUT_MS, &err);
        if (rc == 0) rc = read_stored(worker, pointers, n, stored, &arena, &err);
        now = aq_mono_us();
    }
    for (size_t i = 0; i < n && worker->err.code == 0; i++) {
        int one = rc ? rc : pointers[i].code;
        if (!rc && one) aq_fail(&err, one, "%s", aq_code_text(one));
        if (one == 0) one = take_task(worker, &pointers[i], &stored[i], &arena, &err);
        settle(worker, pointers[i].partition, one, &err, now);
    }
    aq_arena_finish(&arena);
}
