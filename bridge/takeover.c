/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over tasks that were just assigned: from TAKING to OWNED.
 *
 * An ordinary pass: the tasks in TAKING are put to kafka/lookup.c, which finds their positions on the sink on a thread of
 * its own; the answer is adopted, and their partitions are read from there. Tasks we have already flow meanwhile.
 *
 * A failing pass: an open transaction of the former owner still holds a pointer, or brokers do not answer: the task is
 * asked for again in a moment, and a wait that is longer than such a transaction may last is told. A task that was taken
 * from us and given back while the question was under way has a newer assignment: what was found is thrown away, because
 * another owner may have committed in between.
 *
 * Invariants: a task becomes OWNED only with a verified snapshot, or with the certainty that there is none, looked up
 * after it was assigned.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/lookup.h"
#include "bridge/worker.h"

#define BELIEVE_AFTER (5 * AQ_SEC)
#define RETRY_US      (20 * AQ_MS)

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

/* A wait that lasts longer than an open transaction can is worth a line, and what to do about it. */
static void tell_waiting(struct br_worker *worker, int32_t index, int64_t now, const struct aq_err *err)
{
    int64_t waited_ms = (now - worker->tasks[index].taking_since_us) / AQ_MS;
    bool too_long = waited_ms > 2 * worker->route->transaction_timeout_ms;
    static const struct aq_field none = {.key = NULL};
    struct aq_field hint = aq_fs(
        "hint", "transaction_timeout is long over; if this goes on, the sink's coordinator has forgotten the "
                "transaction: doc/operations.md, A transaction that does not end");
    aq_log(too_long ? AQ_WARN : AQ_DEBUG, "waiting to take over a task", aq_fs("route", worker->route->name),
           aq_fi("task", index), aq_fi("waited_ms", waited_ms), aq_fs("reason", err->text),
           too_long && (err->code == AQ_E_UNSTABLE || err->code == AQ_E_TIMEOUT) ? hint : none);
}

/* What could not be found: to be asked again, or the end of the route. */
static void put_off(struct br_worker *worker, const struct kc_found *found, int64_t now)
{
    struct br_task *task = &worker->tasks[found->task];
    /* What a broker that has just come up says of topics and ends is believed when it goes on saying so. */
    bool passing = (found->code == AQ_E_UNKNOWN_TOPIC || found->code == AQ_E_MISMATCH) &&
                   now - task->taking_since_us < BELIEVE_AFTER;
    if (aq_code_class(found->code) == AQ_CLASS_RETRY || passing) {
        task->retry_us = now + RETRY_US;
        tell_waiting(worker, found->task, now, &found->err);
        return;
    }
    struct aq_err err = found->err;
    aq_err_in(&err, "state topic %s, task %d", worker->route->state_topic, found->task);
    br_worker_fail(worker, &err);
}

static void take_answer(struct br_worker *worker, int64_t now)
{
    size_t n;
    const struct kc_found *list = kc_lookup_answer(worker->lookup, &n);
    for (size_t i = 0; i < n && worker->err.code == 0; i++) {
        const struct kc_found *found = &list[i];
        struct br_task *task = &worker->tasks[found->task];
        if (task->state != BR_TASK_TAKING || task->assignment != found->assignment) continue;
        if (found->code != 0) {
            put_off(worker, found, now);
            continue;
        }
        if (found->has_snapshot) adopt(worker, found->task, &found->snapshot);
        task->pointer = found->pointer;
        br_ownership_own(worker, found->task);
    }
    kc_lookup_taken(worker->lookup);
}

static void ask(struct br_worker *worker, int64_t now)
{
    struct kc_found *list = kc_lookup_list(worker->lookup);
    size_t n = 0;
    for (int32_t i = 0; i < worker->n_tasks; i++) {
        const struct br_task *task = &worker->tasks[i];
        if (task->state != BR_TASK_TAKING || now < task->retry_us) continue;
        list[n].task = i;
        list[n++].assignment = task->assignment;
    }
    if (n > 0) kc_lookup_ask(worker->lookup, n);
}

void br_takeover_turn(struct br_worker *worker, int64_t now)
{
    if (!br_ownership_is_settled(worker) || worker->err.code) return;
    if (kc_lookup_state(worker->lookup) == KC_LOOKUP_ANSWERED) take_answer(worker, now);
    if (kc_lookup_state(worker->lookup) == KC_LOOKUP_IDLE && worker->err.code == 0) ask(worker, now);
}
