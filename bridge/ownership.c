/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tasks are ours, as the group on the sink says, and which partitions that means.
 *
 * An ordinary pass: the group assigns tasks; each is marked TAKING, takeover.c finds its position, then its partitions
 * are assigned to the source consumer. A rebalance revokes them: reading and sending stop, the open cycle is committed,
 * the partitions are unassigned, and only then is the revocation answered, so that the next owner finds a position that
 * covers everything we sent.
 *
 * A failing pass: the session expired (we were paused, or cut off). The group says LOST; whatever is open is aborted,
 * never committed, and answered at once. If the cycle cannot commit within REVOKE_PATIENCE, it is aborted: the next
 * owner repeats it.
 *
 * Invariants: a partition is assigned to the consumer only while its task is OWNED; a revocation is answered only when
 * the cycle is idle and no batch of the task is left in the queue.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/worker.h"
#include "kafka/task_map.h"

#define REVOKE_PATIENCE  (5 * AQ_SEC)
#define ADMIN_TIMEOUT_MS 5000

bool br_ownership_is_settled(const struct br_worker *worker)
{
    return worker->assigned && !worker->revoking && !worker->fenced;
}

/* ---- partitions of a task ----------------------------------------------------------------------------------------- */

static struct br_partition *find_in_task(const struct br_task *task, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        if (p->partition == partition && strcmp(p->topic->text, topic) == 0) return p;
    }
    return NULL;
}

struct br_partition *br_ownership_add(struct br_worker *worker, int32_t index, const char *topic,
                                      int32_t partition)
{
    struct br_task *task = &worker->tasks[index];
    if (task->count == task->cap) {
        task->cap = task->cap ? task->cap * 2 : 4;
        task->partitions = aq_realloc(task->partitions, task->cap * sizeof(*task->partitions));
    }
    struct br_partition *p = aq_malloc(sizeof(*p));
    br_partition_init(p, aq_names_intern(&worker->names, aq_slice_str(topic)), partition, index);
    task->partitions[task->count++] = p;
    return p;
}

int br_ownership_read_from_mark(struct br_worker *worker, struct br_partition *p, bool verify,
                                struct aq_err *err)
{
    p->verify = verify && p->read.last_offset >= 0;
    p->reached_end = false;
    p->untaken = false;
    p->end_ahead = -1;
    int64_t offset = p->verify ? p->read.last_offset : p->read.next;
    int rc = worker->ops->consumer_assign(worker->consumer, p->topic->text, p->partition, offset, p, err);
    if (rc == 0) p->state = BR_PARTITION_READING;
    return rc;
}

static void stop_reading(struct br_worker *worker, struct br_partition *p)
{
    if (p->state != BR_PARTITION_READING) return;
    struct aq_err err;
    if (worker->ops->consumer_unassign(worker->consumer, p->topic->text, p->partition, &err) != 0)
        aq_log(AQ_WARN, "partition could not be unassigned", aq_fs("route", worker->route->name),
               aq_fs("topic", p->topic->text), aq_fi("partition", p->partition), aq_fs("reason", err.text));
    p->state = BR_PARTITION_PAUSED;
}

void br_ownership_drop_task(struct br_worker *worker, int32_t index)
{
    struct br_task *task = &worker->tasks[index];
    for (size_t i = 0; i < task->count; i++) {
        stop_reading(worker, task->partitions[i]);
        br_partition_finish(task->partitions[i]);
        free(task->partitions[i]);
    }
    free(task->partitions);
    *task = (struct br_task){.state = BR_TASK_FOREIGN};
}

/* What the sink has of the task must be looked up from now on. */
static void begin_taking(struct br_worker *worker, struct br_task *task, int64_t now)
{
    task->state = BR_TASK_TAKING;
    task->assignment = ++worker->assignments;
    task->taking_since_us = now;
    task->retry_us = 0;
}

void br_ownership_retake(struct br_worker *worker, int64_t now)
{
    AQ_ASSERT(worker->in_flight == 0);
    worker->retake_due = false;
    for (int32_t t = 0; t < worker->n_tasks; t++) {
        if (worker->tasks[t].state != BR_TASK_OWNED) continue;
        br_ownership_drop_task(worker, t);
        begin_taking(worker, &worker->tasks[t], now);
    }
}

/* Where a partition that was never mirrored begins. */
static int first_mark(struct br_worker *worker, const struct br_task *task, struct br_partition *p,
                      struct aq_err *err)
{
    const struct br_route *route = worker->route;
    struct br_mark mark = {.next = BR_NEXT_EARLIEST, .last_offset = -1, .leader_epoch = -1};
    /* A task that has run before meets a new partition: everything in it is new. */
    if (route->start == BR_START_EARLIEST || task->had_snapshot) return 0;
    struct kc_admin *source = br_catalog_source(worker->catalog);
    int64_t low, high;
    int rc = worker->ops->admin_watermarks(source, p->topic->text, p->partition, ADMIN_TIMEOUT_MS, &low,
                                           &high, err);
    if (rc != 0) return rc;
    mark.next = high;
    if (route->start == BR_START_OFFSET) {
        mark.next = route->start_offset < low ? low : route->start_offset;
        if (mark.next > high) mark.next = high;
    }
    if (route->start == BR_START_TIMESTAMP)
        rc = worker->ops->admin_offset_for_time(source, p->topic->text, p->partition, route->start_timestamp,
                                                ADMIN_TIMEOUT_MS, &mark.next, err);
    if (rc == 0) br_partition_set(p, &mark);
    return rc;
}

/* stop_at_end: where "what is there" ends. */
static int note_end(struct br_worker *worker, struct br_partition *p, struct aq_err *err)
{
    if (!worker->route->stop_at_end || p->stop_at >= 0) return 0;
    int64_t low, high;
    int rc = worker->ops->admin_watermarks(br_catalog_source(worker->catalog), p->topic->text, p->partition,
                                           ADMIN_TIMEOUT_MS, &low, &high, err);
    if (rc != 0) return rc;
    /* A log that ends before our position is an anomaly to be heard of first. */
    p->stop_at = p->read.next > high ? INT64_MAX : high;
    int64_t from = p->read.next >= 0 && p->read.next > low ? p->read.next : low;
    worker->end_total += high > from ? high - from : 0;
    return 0;
}

static int start_partition(struct br_worker *worker, struct br_task *task,
                           const struct br_source_topic *topic, struct br_partition *p, struct aq_err *err)
{
    int rc = 0;
    if (!p->has_position && p->read.next == BR_NEXT_EARLIEST) rc = first_mark(worker, task, p, err);
    if (rc != 0) return rc;
    if (p->has_position && topic->id[0] && p->topic_id[0] && strcmp(topic->id, p->topic_id) != 0) {
        br_anomaly_topic_id(worker, p, topic->id);
        return 0;
    }
    if (topic->id[0]) memcpy(p->topic_id, topic->id, sizeof(p->topic_id));
    rc = note_end(worker, p, err);
    if (rc != 0) return rc;
    return br_ownership_read_from_mark(worker, p, true, err);
}

/* ---- the view ----------------------------------------------------------------------------------------------------- */

static void follow_topic(struct br_worker *worker, int32_t index, const struct br_source_topic *topic)
{
    struct br_task *task = &worker->tasks[index];
    int32_t n = worker->n_tasks;
    int32_t base = kc_task_of(topic->name, 0, n);
    for (int32_t number = (index - base + n) % n; number < topic->partitions; number += n) {
        AQ_DASSERT(kc_task_of(topic->name, number, n) == index);
        struct br_partition *p = find_in_task(task, topic->name, number);
        if (!p) p = br_ownership_add(worker, index, topic->name, number);
        if (p->state == BR_PARTITION_READING || p->state == BR_PARTITION_HALTED) continue;
        struct aq_err err;
        if (start_partition(worker, task, topic, p, &err) == 0) continue;
        worker->view_again = true; /* most likely a leader that is just moving */
        aq_log(AQ_WARN, "partition cannot be read yet", aq_fs("route", worker->route->name),
               aq_fs("topic", topic->name), aq_fi("partition", number), aq_fs("reason", err.text));
    }
}

static void notice_gone(struct br_worker *worker, struct br_task *task)
{
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        const struct br_source_topic *topic = br_catalog_find(worker->view, p->topic->text);
        if ((topic && p->partition < topic->partitions) || p->state != BR_PARTITION_READING) continue;
        stop_reading(worker, p);
        p->state = BR_PARTITION_GONE;
        aq_log(AQ_WARN, "source topic is gone; its position is kept in case it comes back",
               aq_fs("route", worker->route->name), aq_fs("topic", p->topic->text),
               aq_fi("partition", p->partition), aq_fi("position", p->committed.next));
    }
}

static void follow_view_in_task(struct br_worker *worker, int32_t index)
{
    for (size_t i = 0; i < worker->view->count; i++) follow_topic(worker, index, &worker->view->topics[i]);
    notice_gone(worker, &worker->tasks[index]);
}

void br_ownership_follow_view(struct br_worker *worker, int64_t now)
{
    struct br_catalog_view *view = br_catalog_view(worker->catalog, worker->view ? worker->view->version : 0);
    bool again = worker->view_again && now >= worker->view_again_us;
    if (view) {
        if (worker->view) br_catalog_view_unref(worker->view);
        worker->view = view;
    }
    if (!worker->view || (!view && !again)) return;
    worker->view_again = false;
    worker->view_again_us = now + 500 * AQ_MS;
    for (int32_t i = 0; i < worker->n_tasks; i++)
        if (worker->tasks[i].state == BR_TASK_OWNED) follow_view_in_task(worker, i);
}

void br_ownership_own(struct br_worker *worker, int32_t index)
{
    struct br_task *task = &worker->tasks[index];
    AQ_ASSERT(task->state == BR_TASK_TAKING);
    task->state = BR_TASK_OWNED;
    task->write_first = !task->had_snapshot && worker->route->start != BR_START_EARLIEST;
    if (worker->view) follow_view_in_task(worker, index);
    AQ_CRASH_POINT(AFTER_RESUME);
}

/* ---- the group ---------------------------------------------------------------------------------------------------- */

static void answer(struct br_worker *worker)
{
    struct aq_err err;
    if (worker->ops->member_answer(worker->member, &err) != 0)
        aq_log(AQ_WARN, "the group did not take our answer", aq_fs("route", worker->route->name),
               aq_fs("reason", err.text));
}

static void take_tasks(struct br_worker *worker, const struct kc_member_event *event, int64_t now)
{
    for (size_t i = 0; i < event->n_partitions; i++) {
        int32_t index = event->partitions[i];
        AQ_ASSERT(index >= 0 && index < worker->n_tasks);
        struct br_task *task = &worker->tasks[index];
        if (task->state != BR_TASK_FOREIGN) continue;
        begin_taking(worker, task, now);
    }
    aq_log(AQ_INFO, "tasks assigned", aq_fs("route", worker->route->name), aq_fi("worker", worker->index),
           aq_fi("tasks", (int64_t)event->n_partitions));
    worker->assigned = true;
    worker->fenced = false;
    aq_counter_add(&worker->counters.rebalances, 1);
    answer(worker);
    AQ_CRASH_POINT(AFTER_ASSIGN);
}

/* The cycle is idle: nothing of these tasks is under way any more. */
static void give_up_tasks(struct br_worker *worker)
{
    const struct kc_member_event *event = &worker->pending;
    AQ_CRASH_POINT(BEFORE_REVOKE);
    for (size_t i = 0; i < event->n_partitions; i++) {
        br_outflow_forget_task(worker, event->partitions[i]);
        br_ownership_drop_task(worker, event->partitions[i]);
    }
    aq_log(AQ_INFO, worker->lost ? "tasks lost" : "tasks given up", aq_fs("route", worker->route->name),
           aq_fi("worker", worker->index), aq_fi("tasks", (int64_t)event->n_partitions));
    worker->revoking = false;
    worker->lost = false;
    worker->assigned = false;
    answer(worker);
}

static void begin_revocation(struct br_worker *worker, const struct kc_member_event *event, int64_t now)
{
    worker->pending = *event;
    worker->revoking = true;
    worker->lost = event->kind == KC_MEMBER_LOST;
    worker->revoking_since_us = now;
    if (worker->lost)
        br_lanes_abort(worker, now);
    else
        br_lanes_request(worker);
}

static void continue_revocation(struct br_worker *worker, int64_t now)
{
    if (br_lanes_idle(worker) && !worker->rewind_due) {
        give_up_tasks(worker);
        return;
    }
    if (now - worker->revoking_since_us > REVOKE_PATIENCE) br_lanes_abort(worker, now);
}

static void hear_error(struct br_worker *worker, const struct kc_member_event *event)
{
    struct aq_err err;
    aq_fail(&err, event->code, "group %s: %s", worker->route->group, event->text);
    if (aq_code_class(event->code) == AQ_CLASS_CONFIG)
        br_worker_fail(worker, &err);
    else
        aq_log(AQ_WARN, "trouble with the sink's group", aq_fs("route", worker->route->name),
               aq_fs("group", worker->route->group), aq_fs("reason", event->text));
}

void br_ownership_turn(struct br_worker *worker, int64_t now)
{
    if (worker->revoking) continue_revocation(worker, now);
    struct kc_member_event event;
    while (!worker->revoking && worker->ops->member_poll(worker->member, &event)) {
        switch (event.kind) {
        case KC_MEMBER_ASSIGNED: take_tasks(worker, &event, now); break;
        case KC_MEMBER_REVOKED:
        case KC_MEMBER_LOST: begin_revocation(worker, &event, now); break;
        case KC_MEMBER_ERROR: hear_error(worker, &event); break;
        }
    }
    /* The client must be served while we wait, or its heartbeats count as a dead process. */
    if (worker->revoking) worker->ops->member_poll(worker->member, &event);
}
