/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit cycle.
 *
 * An ordinary pass, exactly_once. The worker sends its first batch: the cycle begins a transaction (IDLE -> OPEN). When
 * the interval is over, or a commit was requested, intake stops and one position record per touched task follows the
 * data into the same transaction (-> DRAINING); the records of a task are final only behind its position, so nothing
 * is sent after them. When every delivery report is in, the producer's helper thread sends the pointers (offset of each
 * position record + 1) to the sink's group coordinator under the membership the cycle was opened with, and commits
 * (-> COMMITTING). The coordinator refuses a generation that is no longer current: that is the fence. On success the
 * host learns which tasks are durable (-> IDLE). While COMMITTING the worker goes on reading and transforming; only
 * sending waits. A host may have further offsets committed with the pointers (those of the source topics, so that tools
 * which show the lag of a group see it); positions never come from them.
 *
 * An ordinary pass, at_least_once: the same steps without a transaction, and without stopping: positions cover what is
 * acknowledged, are written while records go on (OPEN -> WRITING), then the pointers are committed (-> COMMITTING ->
 * OPEN or IDLE). A crash between the two repeats records; it never skips one, because a position never covers a
 * record that was not acknowledged.
 *
 * A failing pass: a delivery report says a record was refused, a position could not be written, the membership is lost
 * or the commit is fenced. The transaction is aborted at once (never flushed first: a failed queue is held back until
 * its time-out), the worker takes all its batches back, rewinds to the committed positions, and the next cycle starts.
 * A producer whose abort threw records away is replaced before the next cycle (txn_tainted, kafka/rd/txn.c).
 *
 * Invariants: a commit never carries an empty list of pointers (the client would make it a silent success without any
 * fencing); positions are written only after the data they cover was handed to the same producer; the membership is the
 * snapshot taken when the group assigned the tasks, never re-read at commit time; in COMMITTING and ABORTING only the
 * helper thread touches the producer.
 */
#include "kafka/cycle.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/crash.h"
#include "base/mem.h"

/* What a commit may carry: as many partitions as a cluster has, at the very most. */
#define MOST_OFFSETS ((size_t)1 << 20)

void kc_cycle_init(struct kc_cycle *cycle, const struct kc_ops *ops, const struct kc_cycle_conf *conf,
                   const struct kc_cycle_host *host)
{
    AQ_ASSERT(conf->tasks > 0 && conf->interval_us >= 0);
    size_t n = (size_t)conf->tasks;
    memset(cycle, 0, sizeof(*cycle));
    cycle->ops = ops;
    cycle->conf = *conf;
    cycle->host = *host;
    cycle->state = KC_CYCLE_BROKEN;
    cycle->dirty = aq_calloc(n, sizeof(*cycle->dirty));
    cycle->writing = aq_calloc(n, sizeof(*cycle->writing));
    cycle->acks = aq_calloc(n, sizeof(*cycle->acks));
    cycle->offsets = aq_calloc(n, sizeof(*cycle->offsets));
    cycle->offsets_cap = n;
    cycle->metadata = aq_calloc(n, sizeof(*cycle->metadata));
    aq_arena_init(&cycle->arena, 4096);
}

void kc_cycle_finish(struct kc_cycle *cycle)
{
    if (cycle->membership) cycle->ops->membership_unref(cycle->membership);
    free(cycle->dirty);
    free(cycle->writing);
    free(cycle->acks);
    free(cycle->offsets);
    free(cycle->metadata);
    aq_arena_finish(&cycle->arena);
}

void kc_cycle_set_producer(struct kc_cycle *cycle, struct kc_producer *producer)
{
    AQ_ASSERT(cycle->state == KC_CYCLE_BROKEN || cycle->state == KC_CYCLE_IDLE);
    cycle->producer = producer;
    cycle->state = producer ? KC_CYCLE_IDLE : KC_CYCLE_BROKEN;
}

void kc_cycle_set_member(struct kc_cycle *cycle, struct kc_member *member)
{
    cycle->member = member;
}

bool kc_cycle_is_idle(const struct kc_cycle *cycle)
{
    return cycle->state == KC_CYCLE_IDLE || cycle->state == KC_CYCLE_BROKEN;
}

bool kc_cycle_owns_producer(const struct kc_cycle *cycle)
{
    if (cycle->state == KC_CYCLE_BROKEN) return true;
    return cycle->conf.exactly_once &&
           (cycle->state == KC_CYCLE_COMMITTING || cycle->state == KC_CYCLE_ABORTING);
}

static void forget_dirty(struct kc_cycle *cycle)
{
    memset(cycle->dirty, 0, (size_t)cycle->conf.tasks * sizeof(*cycle->dirty));
    memset(cycle->writing, 0, (size_t)cycle->conf.tasks * sizeof(*cycle->writing));
    cycle->n_dirty = 0;
    cycle->requested = false;
}

/* Opens a cycle under the membership the group gave us last. */
static int open_cycle(struct kc_cycle *cycle, int64_t now, struct aq_err *err)
{
    struct kc_membership *membership = cycle->ops->member_membership(cycle->member);
    if (!membership) return aq_fail(err, AQ_E_AGAIN, "no membership in the sink's group");
    if (cycle->membership) cycle->ops->membership_unref(cycle->membership);
    cycle->membership = membership;
    if (cycle->conf.exactly_once) {
        enum kc_txn_state state = cycle->ops->txn_poll(cycle->producer, NULL, NULL, NULL);
        if (state == KC_TXN_STARTING) return aq_fail(err, AQ_E_AGAIN, "the producer is still starting");
        int rc = cycle->ops->txn_begin(cycle->producer, err);
        if (rc != 0) return rc;
        AQ_CRASH_POINT(TXN_BEGIN);
    }
    cycle->state = KC_CYCLE_OPEN;
    cycle->opened_us = now;
    return 0;
}

bool kc_cycle_accepts(struct kc_cycle *cycle, int64_t now, struct aq_err *err)
{
    aq_err_clear(err);
    switch (cycle->state) {
    case KC_CYCLE_IDLE: return open_cycle(cycle, now, err) == 0;
    case KC_CYCLE_OPEN: return true;
    case KC_CYCLE_WRITING: return true;
    case KC_CYCLE_COMMITTING: return !cycle->conf.exactly_once;
    case KC_CYCLE_DRAINING:
    case KC_CYCLE_ABORTING:
    case KC_CYCLE_BROKEN: return false;
    }
    return false;
}

void kc_cycle_break(struct kc_cycle *cycle, const struct aq_err *err)
{
    AQ_ASSERT(cycle->state == KC_CYCLE_IDLE);
    cycle->err = *err;
    cycle->state = KC_CYCLE_BROKEN;
}

void kc_cycle_touch(struct kc_cycle *cycle, int32_t task)
{
    AQ_ASSERT(task >= 0 && task < cycle->conf.tasks);
    if (cycle->dirty[task]) return;
    cycle->dirty[task] = true;
    cycle->n_dirty++;
}

void kc_cycle_request(struct kc_cycle *cycle)
{
    if (cycle->state != KC_CYCLE_IDLE && cycle->state != KC_CYCLE_BROKEN) cycle->requested = true;
}

void kc_cycle_hold(struct kc_cycle *cycle, bool hold)
{
    cycle->hold = hold;
}

bool kc_cycle_is_due(const struct kc_cycle *cycle, int64_t now)
{
    if (cycle->state != KC_CYCLE_OPEN) return false;
    return cycle->requested || now - cycle->opened_us >= cycle->conf.interval_us;
}

void kc_cycle_idle(struct kc_cycle *cycle, int64_t now)
{
    if (cycle->state != KC_CYCLE_OPEN) return;
    if (now - cycle->last_start_us >= cycle->conf.interval_us) cycle->requested = true;
}

/* Gives the cycle up; `answer` is what the worker hears when the records are back. */
static void begin_abort(struct kc_cycle *cycle, enum kc_cycle_result answer, int64_t now)
{
    cycle->after_abort = answer;
    cycle->state = KC_CYCLE_ABORTING;
    cycle->drain_start_us = now;
    cycle->consecutive_aborts++;
    if (!cycle->conf.exactly_once)
        return; /* nothing to undo: what is in flight is awaited, then read again */
    struct aq_err err;
    if (cycle->ops->txn_abort(cycle->producer, &err) == 0) return;
    cycle->err = err;
    cycle->state = KC_CYCLE_BROKEN;
}

void kc_cycle_abort(struct kc_cycle *cycle, int64_t now)
{
    switch (cycle->state) {
    case KC_CYCLE_OPEN:
    case KC_CYCLE_DRAINING:
    case KC_CYCLE_WRITING: begin_abort(cycle, KC_CYCLE_ABORTED, now); return;
    case KC_CYCLE_COMMITTING:
        /* Without a transaction the pointer commit needs no waiting for: give up the cycle at once. */
        if (!cycle->conf.exactly_once) begin_abort(cycle, KC_CYCLE_ABORTED, now);
        return;
    case KC_CYCLE_IDLE:
    case KC_CYCLE_ABORTING:
    case KC_CYCLE_BROKEN: return;
    }
}

/* One position record for every dirty task, behind the data it covers. AQ_E_FULL: some are still to be written. */
static int write_positions(struct kc_cycle *cycle, struct aq_err *err)
{
    for (int32_t task = 0; task < cycle->conf.tasks && cycle->n_dirty > 0; task++) {
        if (!cycle->dirty[task]) continue;
        AQ_ASSERT(!cycle->writing[task]);
        int64_t seq;
        aq_arena_reset(
            &cycle->arena); /* the client copies: while its queue is full, retries must not pile up */
        struct aq_slice value = cycle->host.encode(cycle->host.ctx, task, &seq, &cycle->arena);
        kc_metadata_format(seq, value, cycle->metadata[task], sizeof(cycle->metadata[task]));
        cycle->acks[task] = (struct kc_ack){.offset = -1};
        int rc = cycle->ops->producer_send_own(cycle->producer, cycle->conf.state_topic, task,
                                               AQ_LIT(KC_POSITION_KEY), value, &cycle->acks[task], err);
        if (rc != 0) return rc;
        cycle->dirty[task] = false;
        cycle->writing[task] = true;
        cycle->n_dirty--;
    }
    return 0;
}

/* 1: all written; 0: not yet; negative: one was refused. */
static int positions_written(struct kc_cycle *cycle, struct aq_err *err)
{
    for (int32_t task = 0; task < cycle->conf.tasks; task++) {
        if (!cycle->writing[task]) continue;
        if (!cycle->acks[task].done) return 0;
        if (cycle->acks[task].code != 0)
            return aq_fail(err, cycle->acks[task].code,
                           "position record of task %d was not delivered to topic %s: %s", task,
                           cycle->conf.state_topic, aq_code_text(cycle->acks[task].code));
    }
    return 1;
}

/* Adds what the host wants committed besides the task's pointer. */
static size_t collect_further(struct kc_cycle *cycle, int32_t task, size_t n)
{
    struct kc_task_offset *list = NULL;
    size_t count = 0;
    if (!cycle->host.offsets) return n;
    cycle->host.offsets(cycle->host.ctx, task, &cycle->arena, &list, &count);
    AQ_ASSERT(count <= MOST_OFFSETS - n);
    /* The pointers of all tasks fit without these. */
    size_t needed = n + count + (size_t)cycle->conf.tasks;
    if (needed > cycle->offsets_cap) {
        cycle->offsets_cap = needed > cycle->offsets_cap * 2 ? needed : cycle->offsets_cap * 2;
        cycle->offsets = aq_realloc(cycle->offsets, cycle->offsets_cap * sizeof(*cycle->offsets));
    }
    for (size_t i = 0; i < count; i++) {
        AQ_ASSERT(list[i].topic != NULL && list[i].offset >= 0);
        cycle->offsets[n++] = list[i];
    }
    return n;
}

static size_t collect_offsets(struct kc_cycle *cycle)
{
    size_t n = 0;
    aq_arena_reset(&cycle->arena); /* the client has copied the positions */
    for (int32_t task = 0; task < cycle->conf.tasks; task++) {
        if (!cycle->writing[task]) continue;
        AQ_ASSERT(cycle->acks[task].offset >= 0 && n < cycle->offsets_cap);
        cycle->offsets[n++] = (struct kc_task_offset){
            .partition = task, .offset = cycle->acks[task].offset + 1, .metadata = cycle->metadata[task]};
        n = collect_further(cycle, task, n);
    }
    AQ_ASSERT(n > 0);
    return n;
}

static void tell_committed(struct kc_cycle *cycle)
{
    for (int32_t task = 0; task < cycle->conf.tasks; task++) {
        if (!cycle->writing[task]) continue;
        cycle->writing[task] = false;
        cycle->host.committed(cycle->host.ctx, task);
    }
    cycle->consecutive_aborts = 0;
}

static bool any_writing(const struct kc_cycle *cycle)
{
    for (int32_t task = 0; task < cycle->conf.tasks; task++)
        if (cycle->writing[task]) return true;
    return false;
}

static enum kc_cycle_result turn_open(struct kc_cycle *cycle, int64_t now)
{
    if (!kc_cycle_is_due(cycle, now) || cycle->hold) return KC_CYCLE_NOTHING;
    if (cycle->n_dirty == 0) {
        /* at_least_once: nothing was acknowledged yet; when nothing is under way either, the cycle is over. */
        uint64_t in_flight = cycle->ops->producer_in_flight(cycle->producer, NULL);
        if (cycle->conf.exactly_once || in_flight > 0) return KC_CYCLE_NOTHING;
        cycle->state = KC_CYCLE_IDLE;
        cycle->requested = false;
        return KC_CYCLE_NOTHING;
    }
    cycle->last_start_us = now;
    cycle->drain_start_us = now;
    AQ_CRASH_POINT(BEFORE_POSITIONS);
    int rc = write_positions(cycle, &cycle->err);
    AQ_CRASH_POINT(AFTER_POSITIONS);
    if (rc != 0 && rc != AQ_E_FULL) {
        begin_abort(cycle, KC_CYCLE_ABORTED, now);
        return KC_CYCLE_NOTHING;
    }
    /* A full queue: exactly_once writes the rest while it drains, at_least_once leaves the rest to the next cycle. */
    if (cycle->conf.exactly_once) {
        cycle->state = KC_CYCLE_DRAINING;
    } else if (any_writing(cycle)) {
        cycle->state = KC_CYCLE_WRITING;
        /* This commit is what was asked for. While records come the cycle is never idle: a request that outlived its commit would
         * make every later one begin at once. */
        cycle->requested = false;
    }
    return KC_CYCLE_NOTHING;
}

/* exactly_once: everything, data and positions, must be acknowledged before the pointers are sent. */
static enum kc_cycle_result turn_draining(struct kc_cycle *cycle, int64_t now)
{
    if (cycle->n_dirty > 0) {
        int rc = write_positions(cycle, &cycle->err);
        if (rc == AQ_E_FULL) return KC_CYCLE_NOTHING;
        if (rc != 0) begin_abort(cycle, KC_CYCLE_ABORTED, now);
        return KC_CYCLE_NOTHING;
    }
    if (cycle->ops->producer_in_flight(cycle->producer, NULL) > 0) return KC_CYCLE_NOTHING;
    int written = positions_written(cycle, &cycle->err);
    AQ_ASSERT(written != 0);
    AQ_CRASH_POINT(AFTER_DELIVERY);
    if (written < 0) {
        begin_abort(cycle, KC_CYCLE_ABORTED, now);
        return KC_CYCLE_NOTHING;
    }
    size_t n = collect_offsets(cycle);
    int rc = cycle->ops->txn_commit(cycle->producer, cycle->membership, cycle->conf.state_topic,
                                    cycle->offsets, n, &cycle->err);
    if (rc != 0) {
        begin_abort(cycle, KC_CYCLE_ABORTED, now);
        return KC_CYCLE_NOTHING;
    }
    cycle->state = KC_CYCLE_COMMITTING;
    return KC_CYCLE_NOTHING;
}

static enum kc_cycle_result turn_writing(struct kc_cycle *cycle, int64_t now)
{
    int written = positions_written(cycle, &cycle->err);
    if (written == 0) return KC_CYCLE_NOTHING;
    if (written > 0) {
        size_t n = collect_offsets(cycle);
        written = cycle->ops->member_commit(cycle->member, cycle->offsets, n, &cycle->err);
        cycle->pointer_pending = written == 0;
        cycle->state = KC_CYCLE_COMMITTING;
    }
    if (written < 0) begin_abort(cycle, written == AQ_E_FENCED ? KC_CYCLE_FENCED : KC_CYCLE_ABORTED, now);
    return KC_CYCLE_NOTHING;
}

static enum kc_cycle_result end_pointer_commit(struct kc_cycle *cycle, int64_t now)
{
    int code;
    if (!cycle->ops->member_commit_poll(cycle->member, &code)) return KC_CYCLE_NOTHING;
    cycle->pointer_pending = false;
    if (code != 0) {
        aq_fail(&cycle->err, code, "positions could not be committed: %s", aq_code_text(code));
        begin_abort(cycle, code == AQ_E_FENCED ? KC_CYCLE_FENCED : KC_CYCLE_ABORTED, now);
        return KC_CYCLE_NOTHING;
    }
    tell_committed(cycle);
    uint64_t in_flight = cycle->ops->producer_in_flight(cycle->producer, NULL);
    bool more = cycle->n_dirty > 0 || in_flight > 0;
    cycle->state = more ? KC_CYCLE_OPEN : KC_CYCLE_IDLE;
    cycle->opened_us = now;
    if (!more) cycle->requested = false;
    return KC_CYCLE_COMMITTED;
}

/* What a finished commit or abort call means for the worker. */
static enum kc_cycle_result producer_is_done(struct kc_cycle *cycle)
{
    cycle->state = KC_CYCLE_BROKEN;
    forget_dirty(cycle);
    return KC_CYCLE_REPLACE;
}

static enum kc_cycle_result turn_committing(struct kc_cycle *cycle, int64_t now)
{
    if (!cycle->conf.exactly_once) return end_pointer_commit(cycle, now);
    int code = 0;
    int64_t started = now;
    enum kc_txn_state state = cycle->ops->txn_poll(cycle->producer, &code, &started, &cycle->err);
    if (state == KC_TXN_COMMITTING) {
        if (now - started < cycle->conf.deadline_us) return KC_CYCLE_NOTHING;
        aq_fail(&cycle->err, AQ_E_FATAL,
                "a commit has been running for %lld s: ending the process, which loses nothing",
                (long long)((now - started) / 1000000));
        return KC_CYCLE_FATAL;
    }
    if (state == KC_TXN_FAILED) return producer_is_done(cycle);
    if (code == 0) {
        tell_committed(cycle);
        cycle->state = KC_CYCLE_IDLE;
        cycle->requested = false;
        return KC_CYCLE_COMMITTED;
    }
    begin_abort(cycle, code == AQ_E_FENCED ? KC_CYCLE_FENCED : KC_CYCLE_ABORTED, now);
    return KC_CYCLE_NOTHING;
}

/* A pointer commit that was under way when the cycle was given up must be heard before another may start. */
static bool pointer_outstanding(struct kc_cycle *cycle)
{
    int code;
    if (cycle->pointer_pending && cycle->ops->member_commit_poll(cycle->member, &code))
        cycle->pointer_pending = false;
    return cycle->pointer_pending;
}

static enum kc_cycle_result turn_aborting(struct kc_cycle *cycle, int64_t now)
{
    if (cycle->conf.exactly_once) {
        int code = 0;
        int64_t started = now;
        struct aq_err err = {0};
        enum kc_txn_state state = cycle->ops->txn_poll(cycle->producer, &code, &started, &err);
        if (state == KC_TXN_ABORTING && now - started >= cycle->conf.deadline_us) {
            aq_fail(&cycle->err, AQ_E_FATAL,
                    "an abort overran its deadline: ending the process, which loses nothing");
            return KC_CYCLE_FATAL;
        }
        if (state == KC_TXN_ABORTING) return KC_CYCLE_NOTHING;
        if (state == KC_TXN_FAILED) return producer_is_done(cycle);
    } else if (cycle->ops->producer_in_flight(cycle->producer, NULL) > 0 || pointer_outstanding(cycle)) {
        return KC_CYCLE_NOTHING;
    }
    cycle->state = KC_CYCLE_IDLE;
    forget_dirty(cycle);
    return cycle->after_abort;
}

enum kc_cycle_result kc_cycle_turn(struct kc_cycle *cycle, int64_t now)
{
    bool sending = cycle->state == KC_CYCLE_OPEN || cycle->state == KC_CYCLE_DRAINING ||
                   cycle->state == KC_CYCLE_WRITING ||
                   (cycle->state == KC_CYCLE_COMMITTING && !cycle->conf.exactly_once);
    if (sending) {
        const struct kc_failure *failure = cycle->ops->producer_failure(cycle->producer);
        if (failure->code != 0) {
            aq_fail(&cycle->err, failure->code, "%s", failure->text);
            begin_abort(cycle, KC_CYCLE_ABORTED, now);
        }
    }
    switch (cycle->state) {
    case KC_CYCLE_IDLE: return KC_CYCLE_NOTHING;
    case KC_CYCLE_OPEN: return turn_open(cycle, now);
    case KC_CYCLE_DRAINING: return turn_draining(cycle, now);
    case KC_CYCLE_WRITING: return turn_writing(cycle, now);
    case KC_CYCLE_COMMITTING: return turn_committing(cycle, now);
    case KC_CYCLE_ABORTING: return turn_aborting(cycle, now);
    case KC_CYCLE_BROKEN: return cycle->producer ? producer_is_done(cycle) : KC_CYCLE_NOTHING;
    }
    return KC_CYCLE_NOTHING;
}
