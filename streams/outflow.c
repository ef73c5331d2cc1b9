/* SPDX-License-Identifier: Apache-2.0
 *
 * From the outbox to the cluster: partitions, hand-over, delivery reports, and what is refused.
 *
 * An ordinary pass: the oldest flight that was not handed over gets a partition for each record (Java's murmur2 of the key, round robin
 * without one), goes to the producer as a whole, and comes back when its last record is acknowledged. exactly_once touches the slots
 * of its feeds when it is sent, at_least_once when it is through.
 *
 * A topic that does not exist yet is asked for; the flight waits, and what is behind it with it, up to task_timeout.
 *
 * A failing pass: a record the client refuses at once (too large for it) is given to the production error handler on the spot. One that
 * the brokers refuse fails everything that travelled with it, and the report does not say which one it was: the cycle is
 * aborted, and records are processed one by one, each acknowledged before the next, until the one that fails alone is known. It is
 * remembered as poison, and given to the handler when it comes by the next time.
 *
 * Invariants: flights are sent in the order of closing; while a flight is handed over by half no commit starts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/worker.h"

#define CAREFUL_RECORDS 5000

/* ---- partitions --------------------------------------------------------------------------------------------------- */

static struct st_known_topic *known_topic(struct st_worker *worker, const struct aq_name *name)
{
    for (size_t i = 0; i < worker->n_known; i++)
        if (worker->known[i].name == name) return &worker->known[i];
    if (worker->n_known == worker->cap_known) {
        worker->cap_known = worker->cap_known ? worker->cap_known * 2 : 8;
        worker->known = aq_realloc(worker->known, worker->cap_known * sizeof(*worker->known));
    }
    worker->known[worker->n_known] = (struct st_known_topic){.name = name};
    return &worker->known[worker->n_known++];
}

static int32_t partitions_of(struct st_worker *worker, const struct aq_name *name, struct aq_err *err)
{
    struct st_known_topic *known = known_topic(worker, name);
    if (__builtin_expect(known->partitions > 0, 1)) return known->partitions;
    int32_t n = st_catalog_partitions(worker->catalog, name->text, err);
    if (n > 0) known->partitions = n;
    if (n == 0) aq_fail(err, AQ_E_AGAIN, "topic %s is being created", name->text);
    return n;
}

static int choose_partition(struct st_worker *worker, struct aq_record *rec, struct aq_err *err)
{
    if (rec->partition >= 0) return 0;
    int32_t n = partitions_of(worker, rec->topic, err);
    if (n <= 0) return err->code;
    struct aq_slice key = rec->key;
    size_t tail = (size_t)(ST_BY_KEY - rec->partition);
    if (!aq_slice_is_null(key)) key.len -= tail < key.len ? tail : key.len;
    rec->partition =
        aq_slice_is_null(key) ? (int32_t)(worker->round_robin++ % (uint32_t)n) : aq_partition_for_key(key, n);
    return 0;
}

/* ---- poison ------------------------------------------------------------------------------------------------------- */

static const struct st_poison *find_poison(const struct st_worker *worker, const struct aq_record *rec)
{
    const struct aq_record *source = st_outbox_source(rec);
    for (size_t i = 0; source && i < worker->n_poison; i++) {
        const struct st_poison *poison = &worker->poison[i];
        if (poison->offset == source->offset && poison->partition == source->batch->partition &&
            poison->topic == source->batch->topic && poison->sink == rec->topic)
            return poison;
    }
    return NULL;
}

static void add_poison(struct st_worker *worker, const struct aq_record *rec, int code)
{
    const struct aq_record *source = st_outbox_source(rec);
    AQ_ASSERT(source != NULL);
    if (worker->n_poison == worker->cap_poison) {
        worker->cap_poison = worker->cap_poison ? worker->cap_poison * 2 : 4;
        worker->poison = aq_realloc(worker->poison, worker->cap_poison * sizeof(*worker->poison));
    }
    worker->poison[worker->n_poison++] = (struct st_poison){.topic = source->batch->topic,
                                                            .partition = source->batch->partition,
                                                            .offset = source->offset,
                                                            .sink = rec->topic,
                                                            .code = code};
}

void st_outflow_forget_poison(struct st_worker *worker, const struct st_feed *feed)
{
    size_t kept = 0;
    for (size_t i = 0; i < worker->n_poison; i++) {
        const struct st_poison *poison = &worker->poison[i];
        bool past = poison->topic == feed->topic && poison->partition == feed->partition &&
                    poison->offset < feed->committed.next;
        if (!past) worker->poison[kept++] = *poison;
    }
    worker->n_poison = kept;
}

/* The production handler's verdict. Its dead letter is in the open flight, behind the marks that pass the record. */
static int drop_refused(struct st_worker *worker, struct aq_record *rec, int code, const char *reason,
                        struct aq_err *err)
{
    uint64_t letters = worker->shop.tally.dead_letters;
    int rc = st_production_error(&worker->shop, rec, code, reason, err);
    if (worker->shop.tally.dead_letters > letters) worker->letter = worker->outbox.open;
    return rc;
}

/* 0, or the production handler's verdict on a record that is known to be refused. */
static int settle_poison(struct st_worker *worker, struct aq_record *rec, struct aq_err *err)
{
    const struct st_poison *poison = find_poison(worker, rec);
    if (!poison) return 0;
    return drop_refused(worker, rec, poison->code, aq_code_text(poison->code), err);
}

/* ---- hand-over ---------------------------------------------------------------------------------------------------- */

static int prepare(struct st_worker *worker, struct aq_batch *batch, struct aq_err *err)
{
    for (uint32_t i = batch->produced; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        if (rec->flags & AQ_REC_DROPPED) continue;
        int rc = worker->n_poison > 0 ? settle_poison(worker, rec, err) : 0;
        if (rc == 0 && !(rec->flags & AQ_REC_DROPPED)) rc = choose_partition(worker, rec, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* The flight cannot go now. Long enough is an error of its own. */
static void blocked(struct st_worker *worker, int64_t now, const struct aq_err *err)
{
    if (worker->blocked_us == 0) worker->blocked_us = now;
    if (now - worker->blocked_us < worker->settings->task_timeout_ms * AQ_MS) return;
    struct aq_err failure = *err;
    aq_err_in(&failure, "records have waited for %" PRId64 " s (task_timeout_ms)",
              worker->settings->task_timeout_ms / 1000);
    st_worker_fail(worker, &failure);
}

/* A record the client itself refused. True when the flight may be tried again now. */
static bool refused(struct st_worker *worker, struct aq_batch *batch, int code, struct aq_err *err,
                    int64_t now)
{
    AQ_ASSERT(batch->produced < batch->n);
    struct aq_record *rec = &batch->records[batch->produced];
    switch (aq_code_class(code)) {
    case AQ_CLASS_RETRY: blocked(worker, now, err); return false;
    case AQ_CLASS_INPUT: {
        char reason[sizeof(err->text)];
        snprintf(reason, sizeof(reason), "%s", err->text);
        if (drop_refused(worker, rec, code, reason, err) == 0) return true;
        break;
    }
    case AQ_CLASS_ABORT:
    case AQ_CLASS_FENCED: kc_ownership_give_up(&worker->own, err, now); return false;
    default:
        if (code == AQ_E_UNKNOWN_TOPIC || code == AQ_E_CONFIG) {
            /* Created a moment ago, and not in the client's metadata yet. */
            blocked(worker, now, err);
            return false;
        }
    }
    st_worker_fail(worker, err);
    return false;
}

static void touch_feeds(struct st_worker *worker, const struct st_flight *flight)
{
    for (size_t i = 0; i < flight->n_marks; i++)
        if (flight->marks[i].feed) kc_ownership_touch(&worker->own, flight->marks[i].feed->slot);
}

static void acked(void *ctx, struct st_feed *feed)
{
    struct st_worker *worker = ctx;
    if (!worker->own.flow->exactly_once) kc_ownership_touch(&worker->own, feed->slot);
}

/* Nothing of it is to be delivered (all filtered, all refused). */
static bool has_nothing(const struct aq_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++)
        if (!(batch->records[i].flags & AQ_REC_DROPPED)) return false;
    return true;
}

/* Every record has its partition. Asked before a cycle is opened for the flight, which would stay open while it waits. */
static bool is_ready(struct st_worker *worker, struct st_flight *flight, int64_t now)
{
    struct aq_err err = {0};
    int rc = prepare(worker, &flight->batch, &err);
    if (rc == 0) return true;
    if (rc == AQ_E_AGAIN)
        blocked(worker, now, &err);
    else
        st_worker_fail(worker, &err);
    return false;
}

static bool hand_over(struct st_worker *worker, struct st_flight *flight, int64_t now)
{
    struct aq_err err = {0};
    struct aq_batch *batch = &flight->batch;
    int rc = 0;
    bool nothing = has_nothing(batch);
    if (!nothing) rc = worker->ops->producer_send(kc_ownership_producer(&worker->own), batch, &err);
    AQ_CRASH_POINT(FIRST_PRODUCE);
    if (rc == AQ_E_FULL) return false;
    if (rc != 0) return refused(worker, batch, rc, &err, now);
    worker->blocked_us = 0;
    if (worker->letter == flight) worker->letter = NULL;
    flight->sent_us = now;
    st_outbox_sent(&worker->outbox, flight);
    st_barrier_sent(worker, flight);
    if (worker->own.flow->exactly_once) touch_feeds(worker, flight);
    if (nothing) st_outbox_through(&worker->outbox, flight, acked, worker);
    return true;
}

/* An idempotent client has one request of a partition under way whatever is queued. One flight on its way and one to follow keep it
 * busy; when the cluster answers slowly the second one gains little, and the next ones grow meanwhile. */
bool st_outflow_is_busy(const struct st_worker *worker)
{
    return worker->outbox.under_way >= (kc_flow_is_quick(worker->own.flow, worker->answer_us) ? 2 : 1);
}

void st_outflow_send(struct st_worker *worker, int64_t now)
{
    struct st_flight *flight;
    if (!kc_ownership_may_finish(&worker->own)) return;
    while ((flight = st_outbox_next(&worker->outbox)) != NULL && worker->own.err.code == 0) {
        /* One at a time; one that is held for this one's dead letter is through. */
        if (worker->careful && worker->outbox.under_way > 0) return;
        if (st_outflow_is_busy(worker) || st_barrier_blocks(worker)) return;
        if (!is_ready(worker, flight, now)) return;
        if (!kc_ownership_accepts(&worker->own, now) || !kc_ownership_producer(&worker->own)) return;
        bool again = hand_over(worker, flight, now);
        if (!again) return;
    }
}

/* ---- delivery reports --------------------------------------------------------------------------------------------- */

/* One that was sent behind another had to wait for that one's answer first. */
static void note_answer(struct st_worker *worker, const struct st_flight *flight)
{
    int64_t now = aq_mono_us();
    int64_t began = flight->sent_us > worker->answered_us ? flight->sent_us : worker->answered_us;
    worker->answer_us = kc_average_answer(worker->answer_us, now - began);
    worker->answered_us = now;
}

static void finish(struct st_worker *worker, struct aq_batch *batch)
{
    struct st_flight *flight = st_outbox_flight_of(batch);
    st_show_sample(worker, batch);
    note_answer(worker, flight);
    st_outbox_through(&worker->outbox, flight, acked, worker);
}

static void drain_lane(struct st_worker *worker, struct kc_lane *lane, int64_t now)
{
    if (!lane->producer || kc_cycle_owns_producer(&lane->cycle)) return;
    bool sending = lane->producer == kc_ownership_producer(&worker->own);
    /* With `more` behind it, processing stopped because as much as may wait to be handed over does. */
    bool must_wait = sending && (lane->cycle.state == KC_CYCLE_DRAINING || worker->more ||
                                 worker->in_flight >= (uint64_t)worker->own.flow->in_flight_bytes);
    struct kc_drained drained = {0};
    /* While records come in there is better to do than to wait, unless no more may be made of them. */
    bool idle = worker->may_wait && (!worker->fed || worker->more);
    worker->ops->producer_drain(lane->producer, must_wait && idle ? 1 : 0, &drained);
    kc_lane_tell_failure(&worker->own.lanes, lane, false);
    if (drained.records > 0 && aq_counter_get(&worker->counters.first_record_us) == 0)
        aq_counter_set(&worker->counters.first_record_us, (uint64_t)now);
    aq_counter_add(&worker->counters.records_written, drained.records);
    aq_counter_add(&worker->counters.bytes_written, drained.bytes);
    /* Of a cycle that is about to be aborted nothing counts: its records will be made again. */
    bool failed = worker->ops->producer_failure(lane->producer)->code != 0;
    for (struct aq_batch *next, *batch = drained.done; batch; batch = next) {
        next = batch->next;
        batch->next = NULL;
        if (!failed) finish(worker, batch);
    }
}

void st_outflow_drain(struct st_worker *worker, int64_t now)
{
    for (int i = 0; i < worker->own.lanes.n; i++) drain_lane(worker, &worker->own.lanes.list[i], now);
}

/* ---- the way back ------------------------------------------------------------------------------------------------- */

/* Batches are part of their flights, which st_outbox_clear() takes: nothing to release one by one. */
void st_outflow_take_back(struct st_worker *worker, struct aq_batch *list)
{
    (void)worker;
    for (struct aq_batch *next, *batch = list; batch; batch = next) {
        next = batch->next;
        batch->next = NULL;
        AQ_ASSERT(st_outbox_flight_of(batch)->state == ST_FLIGHT_SENT && batch->outstanding == 0);
    }
}

void st_outflow_failure(struct st_worker *worker, const struct kc_failure *failure)
{
    const struct aq_record *rec = failure->rec;
    if (!rec || aq_code_class(failure->code) != AQ_CLASS_INPUT) return;
    const struct aq_record *source = st_outbox_source(rec);
    struct aq_err err;
    if (!source || find_poison(worker, rec)) {
        aq_fail(&err, failure->code, "topic %s refuses a record%s: %s", rec->topic->text,
                source ? "" : " that a punctuation made", failure->text);
        st_worker_fail(worker, &err);
        return;
    }
    if (worker->careful) {
        add_poison(worker, rec, failure->code);
        return;
    }
    worker->careful = true;
    worker->careful_left = CAREFUL_RECORDS;
    aq_log(AQ_INFO, "the cluster refused records; processing one by one to find which",
           aq_fs("application", worker->settings->application_id), aq_fs("topic", rec->topic->text),
           aq_fs("reason", failure->text));
}
