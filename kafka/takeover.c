/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over tasks that were just assigned: from TAKING to OWNED.
 *
 * An ordinary pass: the tasks in TAKING are put to kafka/lookup.c, which finds their positions on the sink on a thread of
 * its own; the host gets each with its snapshot, and goes on from there. Tasks we have already flow meanwhile. A simulation
 * has no such thread: the look-up runs where it is asked for, and the answer is taken in the next turn. Beside it
 * kafka/fencing.c ends what dead writers left open.
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
#include "base/crash.h"
#include "base/log.h"
#include "kafka/ownership.h"

#define BELIEVE_AFTER (5 * AQ_SEC)
#define RETRY_US      (20 * AQ_MS)

void kc_takeover_begin(struct kc_ownership *own, struct kc_task *task, int64_t now)
{
    task->state = KC_TASK_TAKING;
    task->assignment = ++own->assignments;
    task->taking_since_us = now;
    task->retry_us = 0;
}

void kc_ownership_retake(struct kc_ownership *own, int64_t now)
{
    AQ_ASSERT(kc_ownership_is_idle(own));
    own->retake_due = false;
    for (int32_t t = 0; t < own->n_tasks; t++) {
        if (own->tasks[t].state != KC_TASK_OWNED) continue;
        kc_ownership_drop(own, t);
        kc_takeover_begin(own, &own->tasks[t], now);
    }
}

/* The task is ours from here on. */
static void take(struct kc_ownership *own, const struct kc_found *found)
{
    struct kc_task *task = &own->tasks[found->task];
    AQ_ASSERT(task->state == KC_TASK_TAKING);
    task->had_snapshot = found->has_snapshot;
    task->seq = found->has_snapshot ? found->snapshot.seq : 0;
    task->pointer = found->pointer;
    task->state = KC_TASK_OWNED;
    own->host.own(own->host.ctx, found->task, found->has_snapshot ? &found->snapshot : NULL);
    AQ_CRASH_POINT(AFTER_RESUME);
}

/* A wait that lasts longer than an open transaction can is worth a line, and what to do about it. */
static void tell_waiting(struct kc_ownership *own, int32_t index, int64_t now, const struct aq_err *err)
{
    int64_t waited_ms = (now - own->tasks[index].taking_since_us) / AQ_MS;
    bool too_long = waited_ms > 2 * own->flow->transaction_timeout_ms;
    static const struct aq_field none = {.key = NULL};
    struct aq_field hint = aq_fs(
        "hint", "transaction_timeout is long over; if this goes on, the sink's coordinator has forgotten the "
                "transaction: doc/operations.md, A transaction that does not end");
    aq_log(too_long ? AQ_WARN : AQ_DEBUG, "waiting to take over a task",
           aq_fs(own->flow->noun, own->flow->name), aq_fi("task", index), aq_fi("waited_ms", waited_ms),
           aq_fs("reason", err->text),
           too_long && (err->code == AQ_E_UNSTABLE || err->code == AQ_E_TIMEOUT) ? hint : none);
}

/* What could not be found: to be asked again, or the end of the flow. */
static void put_off(struct kc_ownership *own, const struct kc_found *found, int64_t now)
{
    struct kc_task *task = &own->tasks[found->task];
    /* What a broker that has just come up says of topics and ends is believed when it goes on saying so. */
    bool passing = (found->code == AQ_E_UNKNOWN_TOPIC || found->code == AQ_E_MISMATCH) &&
                   now - task->taking_since_us < BELIEVE_AFTER;
    if (aq_code_class(found->code) == AQ_CLASS_RETRY || passing) {
        task->retry_us = now + RETRY_US;
        tell_waiting(own, found->task, now, &found->err);
        return;
    }
    struct aq_err err = found->err;
    aq_err_in(&err, "state topic %s, task %d", own->flow->state_topic, found->task);
    kc_ownership_fail(own, &err);
}

static void take_answer(struct kc_ownership *own, int64_t now)
{
    size_t n;
    const struct kc_found *list = kc_lookup_answer(own->lookup, &n);
    for (size_t i = 0; i < n && own->err.code == 0; i++) {
        const struct kc_found *found = &list[i];
        struct kc_task *task = &own->tasks[found->task];
        if (task->state != KC_TASK_TAKING || task->assignment != found->assignment) continue;
        if (found->code != 0) {
            put_off(own, found, now);
            continue;
        }
        take(own, found);
    }
    kc_lookup_taken(own->lookup);
}

static void ask(struct kc_ownership *own, int64_t now)
{
    struct kc_found *list = kc_lookup_list(own->lookup);
    size_t n = 0;
    for (int32_t i = 0; i < own->n_tasks; i++) {
        const struct kc_task *task = &own->tasks[i];
        if (task->state != KC_TASK_TAKING || now < task->retry_us) continue;
        list[n].task = i;
        list[n++].assignment = task->assignment;
    }
    if (n > 0) kc_lookup_ask(own->lookup, n);
}

void kc_takeover_turn(struct kc_ownership *own, int64_t now)
{
    if (own->inline_lookup && own->fencing) kc_fencing_step(own->fencing);
    if (!kc_ownership_is_settled(own) || own->err.code) return;
    if (kc_lookup_state(own->lookup) == KC_LOOKUP_ANSWERED) take_answer(own, now);
    if (kc_lookup_state(own->lookup) == KC_LOOKUP_IDLE && own->err.code == 0) ask(own, now);
    if (own->inline_lookup && kc_lookup_state(own->lookup) == KC_LOOKUP_ASKED) kc_lookup_run(own->lookup);
}
