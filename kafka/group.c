/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tasks are ours, as the group on the sink says.
 *
 * An ordinary pass: the group assigns tasks; each is marked TAKING, and kafka/takeover.c finds its position. A rebalance
 * revokes them: the host stops reading and sending (kc_ownership_is_settled), the open cycle is committed, the host drops
 * the tasks, and only then is the revocation answered, so that the next owner finds a position that covers everything we
 * sent.
 *
 * A failing pass: the session expired (we were paused, or cut off). The group says LOST; whatever is open is aborted,
 * never committed, and answered at once. If the cycle cannot commit within REVOKE_PATIENCE, it is aborted: the next
 * owner repeats it.
 *
 * Invariants: a revocation is answered only when the cycle is idle and the host has dropped the tasks.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "kafka/ownership.h"

#define REVOKE_PATIENCE (5 * AQ_SEC)

static void answer(struct kc_ownership *own)
{
    struct aq_err err;
    if (own->ops->member_answer(own->member, &err) != 0)
        aq_log(AQ_WARN, "the group did not take our answer", aq_fs(own->flow->noun, own->flow->name),
               aq_fs("reason", err.text));
}

static void take_tasks(struct kc_ownership *own, const struct kc_member_event *event, int64_t now)
{
    for (size_t i = 0; i < event->n_partitions; i++) {
        int32_t index = event->partitions[i];
        AQ_ASSERT(index >= 0 && index < own->n_tasks);
        struct kc_task *task = &own->tasks[index];
        if (task->state != KC_TASK_FOREIGN) continue;
        kc_takeover_begin(own, task, now);
    }
    aq_log(AQ_INFO, "tasks assigned", aq_fs(own->flow->noun, own->flow->name), aq_fi("worker", own->index),
           aq_fi("tasks", (int64_t)event->n_partitions));
    own->assigned = true;
    own->fenced = false;
    own->rebalances++;
    answer(own);
    AQ_CRASH_POINT(AFTER_ASSIGN);
}

/* The cycle is idle: nothing of these tasks is under way any more. */
static void give_up_tasks(struct kc_ownership *own)
{
    const struct kc_member_event *event = &own->pending;
    AQ_CRASH_POINT(BEFORE_REVOKE);
    for (size_t i = 0; i < event->n_partitions; i++) kc_ownership_drop(own, event->partitions[i]);
    aq_log(AQ_INFO, own->lost ? "tasks lost" : "tasks given up", aq_fs(own->flow->noun, own->flow->name),
           aq_fi("worker", own->index), aq_fi("tasks", (int64_t)event->n_partitions));
    own->revoking = false;
    own->lost = false;
    own->assigned = false;
    answer(own);
}

static void begin_revocation(struct kc_ownership *own, const struct kc_member_event *event, int64_t now)
{
    own->pending = *event;
    own->revoking = true;
    own->lost = event->kind == KC_MEMBER_LOST;
    own->revoking_since_us = now;
    if (own->lost)
        kc_lanes_abort(&own->lanes, now);
    else
        kc_lanes_request(&own->lanes);
}

static void continue_revocation(struct kc_ownership *own, int64_t now)
{
    if (kc_ownership_is_idle(own)) {
        give_up_tasks(own);
        return;
    }
    /* What the host still sends may have opened another cycle. */
    if (!own->lost) kc_lanes_request(&own->lanes);
    if (now - own->revoking_since_us > REVOKE_PATIENCE) kc_lanes_abort(&own->lanes, now);
}

/* With an instance id of its own, being fenced means that another process has the same one: the client gives up then. */
static bool is_displaced(const struct kc_ownership *own, int code)
{
    return own->flow->instance_id && code == AQ_E_FENCED;
}

static void hear_error(struct kc_ownership *own, const struct kc_member_event *event)
{
    const struct kc_flow *flow = own->flow;
    struct aq_err err;
    aq_fail(&err, event->code, "group %s: %s", flow->group, event->text);
    if (is_displaced(own, event->code))
        aq_fail(&err, AQ_E_FATAL, "group %s: %s; instance id %s-%d must not be in use twice", flow->group,
                event->text, flow->instance_id, own->index);
    if (aq_code_class(err.code) == AQ_CLASS_CONFIG || is_displaced(own, event->code))
        kc_ownership_fail(own, &err);
    else
        aq_log(AQ_WARN, "trouble with the sink's group", aq_fs(flow->noun, flow->name),
               aq_fs("group", flow->group), aq_fs("reason", event->text));
}

void kc_group_turn(struct kc_ownership *own, int64_t now)
{
    if (own->revoking) continue_revocation(own, now);
    struct kc_member_event event;
    while (!own->revoking && own->ops->member_poll(own->member, &event)) {
        switch (event.kind) {
        case KC_MEMBER_ASSIGNED: take_tasks(own, &event, now); break;
        case KC_MEMBER_REVOKED:
        case KC_MEMBER_LOST: begin_revocation(own, &event, now); break;
        case KC_MEMBER_ERROR: hear_error(own, &event); break;
        }
    }
    /* The client must be served while we wait, or its heartbeats count as a dead process. */
    if (own->revoking) own->ops->member_poll(own->member, &event);
}
