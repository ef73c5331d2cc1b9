/* SPDX-License-Identifier: Apache-2.0
 *
 * The partitions of the worker's tasks.
 *
 * An ordinary pass: a task is ours and its position known (br_task_own): its partitions are assigned to the source consumer
 * at the position's mark; a partition that was never mirrored begins where the route's `start` says. New partitions and
 * topics follow with the catalog's views. When a commit is due the ownership asks for the marks as positions, and says when
 * they are durable. A task that is given up is unassigned and forgotten.
 *
 * A failing pass: a partition cannot be started (a leader is moving): the view is followed again in a moment. A topic that
 * is gone keeps its position, in case it comes back.
 *
 * Invariants: a partition is assigned to the consumer only while its task is OWNED; when a task is dropped nothing of it is
 * in flight, and nothing stays in the queue.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/worker.h"
#include "kafka/task_map.h"

#define ADMIN_TIMEOUT_MS 5000

/* ---- partitions of a task ----------------------------------------------------------------------------------------- */

static struct br_partition *find_in_task(const struct br_task *task, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        if (p->partition == partition && strcmp(p->topic->text, topic) == 0) return p;
    }
    return NULL;
}

struct br_partition *br_task_add(struct br_worker *worker, int32_t index, const char *topic,
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

int br_task_read_from_mark(struct br_worker *worker, struct br_partition *p, bool verify, struct aq_err *err)
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

void br_task_drop(void *ctx, int32_t index)
{
    struct br_worker *worker = ctx;
    struct br_task *task = &worker->tasks[index];
    br_outflow_forget_task(worker, index);
    for (size_t i = 0; i < task->count; i++) {
        stop_reading(worker, task->partitions[i]);
        br_partition_finish(task->partitions[i]);
        free(task->partitions[i]);
    }
    free(task->partitions);
    *task = (struct br_task){.write_first = false};
}

/* Where a partition that was never mirrored begins. */
static int first_mark(struct br_worker *worker, struct br_partition *p, struct aq_err *err)
{
    const struct br_route *route = worker->route;
    struct br_mark mark = {.next = BR_NEXT_EARLIEST, .last_offset = -1, .leader_epoch = -1};
    /* A task that has run before meets a new partition: everything in it is new. */
    if (route->start == BR_START_EARLIEST || worker->own.tasks[p->task].had_snapshot) return 0;
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

static int start_partition(struct br_worker *worker, const struct br_source_topic *topic,
                           struct br_partition *p, struct aq_err *err)
{
    int rc = 0;
    if (!p->has_position && p->read.next == BR_NEXT_EARLIEST) rc = first_mark(worker, p, err);
    if (rc != 0) return rc;
    if (p->has_position && topic->id[0] && p->topic_id[0] && strcmp(topic->id, p->topic_id) != 0) {
        br_anomaly_topic_id(worker, p, topic->id);
        return 0;
    }
    if (topic->id[0]) memcpy(p->topic_id, topic->id, sizeof(p->topic_id));
    rc = note_end(worker, p, err);
    if (rc != 0) return rc;
    return br_task_read_from_mark(worker, p, true, err);
}

/* ---- the view ----------------------------------------------------------------------------------------------------- */

static void follow_topic(struct br_worker *worker, int32_t index, const struct br_source_topic *topic)
{
    struct br_task *task = &worker->tasks[index];
    int32_t n = worker->own.n_tasks;
    int32_t base = kc_task_of(topic->name, 0, n);
    for (int32_t number = (index - base + n) % n; number < topic->partitions; number += n) {
        AQ_DASSERT(kc_task_of(topic->name, number, n) == index);
        struct br_partition *p = find_in_task(task, topic->name, number);
        if (!p) p = br_task_add(worker, index, topic->name, number);
        if (p->state == BR_PARTITION_READING || p->state == BR_PARTITION_HALTED) continue;
        struct aq_err err;
        if (start_partition(worker, topic, p, &err) == 0) continue;
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

void br_task_follow_view(struct br_worker *worker, int64_t now)
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
    for (int32_t i = 0; i < worker->own.n_tasks; i++)
        if (worker->own.tasks[i].state == KC_TASK_OWNED) follow_view_in_task(worker, i);
}

/* ---- what the ownership asks -------------------------------------------------------------------------------------- */

static void adopt(struct br_worker *worker, int32_t index, const struct kc_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        struct br_partition *p = br_task_add(worker, index, position->topic, position->partition);
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

void br_task_own(void *ctx, int32_t index, const struct kc_snapshot *snapshot)
{
    struct br_worker *worker = ctx;
    AQ_ASSERT(worker->own.tasks[index].state == KC_TASK_OWNED);
    if (snapshot) adopt(worker, index, snapshot);
    worker->tasks[index].write_first = !snapshot && worker->route->start != BR_START_EARLIEST;
    if (worker->view) follow_view_in_task(worker, index);
}

/* The whole task: every partition it ever mirrored, also those whose topic is not selected or gone at the moment. */
void br_task_positions(void *ctx, int32_t index, struct aq_arena *arena, struct kc_position **ret_list,
                       size_t *ret_count)
{
    struct br_worker *worker = ctx;
    const struct br_task *task = &worker->tasks[index];
    struct kc_position *list = aq_arena_alloc(arena, task->count * sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        p->writing = worker->route->flow.exactly_once ? p->sent : p->acked;
        if (p->writing.next >= 0) br_mark_to_position(p, &p->writing, &list[n++]);
    }
    *ret_list = list;
    *ret_count = n;
}

void br_task_committed(void *ctx, int32_t index)
{
    struct br_worker *worker = ctx;
    const struct br_task *task = &worker->tasks[index];
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        if (p->writing.next < 0) continue;
        p->committed = p->writing;
        p->has_position = true;
        if (p->committed.next > p->careful_until) p->careful_until = -1;
        br_partition_forget_poison(p, p->committed.next);
    }
}
