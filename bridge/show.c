/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker shows to others: counters (atomics, written as they happen) and, a few times a second, a copy of its
 * partitions under a lock. Nobody outside ever looks into the worker's own structures.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bridge/worker.h"

#define SHOW_EVERY (200 * AQ_MS)

/* ---- latency ------------------------------------------------------------------------------------------------------ */

void br_show_sample(struct br_worker *worker, const struct aq_batch *batch)
{
    if (worker->sample_count == worker->sample_cap) {
        worker->sample_cap = worker->sample_cap ? worker->sample_cap * 2 : 256;
        worker->samples = aq_realloc(worker->samples, worker->sample_cap * sizeof(*worker->samples));
    }
    const struct aq_record *first = &batch->records[0], *last = &batch->records[batch->n - 1];
    worker->samples[worker->sample_count++] =
        (struct br_sample){.oldest_ms = first->timestamp, .newest_ms = last->timestamp, .records = batch->n};
}

/* Half of a batch's records are counted as old as its first, half as its last: records of one batch arrive together, and
 * looking at each one's timestamp again would cost more than it tells. */
void br_show_committing(void *ctx)
{
    struct br_worker *worker = ctx;
    worker->samples_committing = worker->sample_count;
}

static void show_committed(struct br_worker *worker, int64_t now, int64_t cycle_us)
{
    int64_t wall_ms = aq_wall_ms();
    uint32_t n = worker->samples_committing ? worker->samples_committing : worker->sample_count;
    for (uint32_t i = 0; i < n; i++) {
        const struct br_sample *sample = &worker->samples[i];
        uint32_t half = sample->records / 2;
        int64_t old = (wall_ms - sample->oldest_ms) * AQ_MS, young = (wall_ms - sample->newest_ms) * AQ_MS;
        aq_histogram_add_us(&worker->counters.latency, old > 0 ? old : 0, half);
        aq_histogram_add_us(&worker->counters.latency, young > 0 ? young : 0, sample->records - half);
    }
    worker->sample_count -= n;
    if (worker->sample_count > 0)
        memmove(worker->samples, worker->samples + n, worker->sample_count * sizeof(*worker->samples));
    worker->samples_committing = 0;
    aq_histogram_add_us(&worker->counters.cycle, cycle_us > 0 ? cycle_us : 0, 1);
    aq_counter_add(&worker->counters.committed, 1);
    aq_counter_set(&worker->counters.last_commit_us, (uint64_t)now);
}

void br_show_cycle(void *ctx, enum kc_cycle_result result, int64_t now, int64_t took_us)
{
    struct br_worker *worker = ctx;
    if (result == KC_CYCLE_COMMITTED)
        show_committed(worker, now, took_us);
    else
        aq_counter_add(result == KC_CYCLE_FENCED ? &worker->counters.fenced : &worker->counters.aborted, 1);
}

/* ---- partitions --------------------------------------------------------------------------------------------------- */

static void refresh_end(struct br_worker *worker, struct br_partition *p)
{
    int64_t end = worker->ops->consumer_known_end(worker->consumer, p->topic->text, p->partition);
    if (end > p->end) p->end = end;
}

static void show_partition(struct br_worker *worker, struct br_partition *p)
{
    if (worker->shown_count == worker->shown_cap) {
        worker->shown_cap = worker->shown_cap ? worker->shown_cap * 2 : 64;
        worker->shown = aq_realloc(worker->shown, worker->shown_cap * sizeof(*worker->shown));
    }
    struct br_partition_status *line = &worker->shown[worker->shown_count++];
    snprintf(line->topic, sizeof(line->topic), "%s", p->topic->text);
    line->partition = p->partition;
    line->task = p->task;
    line->position = p->committed.next >= 0 ? p->committed.next : -1;
    line->end = p->end;
    line->lag = br_partition_lag(p);
}

static bool all_tasks_known(const struct br_worker *worker)
{
    for (int32_t t = 0; t < worker->own.n_tasks; t++)
        if (worker->own.tasks[t].state == KC_TASK_TAKING) return false;
    return true;
}

static void show_readiness(struct br_worker *worker)
{
    const char *reason = "";
    if (worker->own.err.code)
        reason = worker->own.err.text;
    else if (worker->own.revoking)
        reason = "the group is rebalancing";
    else if (!worker->own.assigned)
        reason = "the group on the sink has not assigned tasks yet";
    else if (!all_tasks_known(worker))
        reason = "is taking over tasks";
    else if (!worker->view)
        reason = "source topics are not known yet";
    else if (worker->own.lanes.sending->cycle.state == KC_CYCLE_BROKEN)
        reason = "the producer is being replaced";
    worker->shown_ready = reason[0] == 0;
    snprintf(worker->shown_reason, sizeof(worker->shown_reason), "%.*s",
             (int)sizeof(worker->shown_reason) - 1, reason);
    static const enum br_state states[] = {[BR_WORKER_RUNNING] = BR_RUNNING,
                                           [BR_WORKER_DRAINING] = BR_STOPPING,
                                           [BR_WORKER_ENDED] = BR_ENDED,
                                           [BR_WORKER_FAILED] = BR_FAILED};
    worker->shown_state = states[worker->state];
}

void br_show_publish(struct br_worker *worker, int64_t now)
{
    bool over = worker->state == BR_WORKER_ENDED || worker->state == BR_WORKER_FAILED;
    if (!over && now - worker->shown_us < SHOW_EVERY) return;
    int64_t lag = 0, owned = 0;
    pthread_mutex_lock(&worker->shown_lock);
    worker->shown_us = now;
    worker->shown_count = 0;
    for (int32_t t = 0; t < worker->own.n_tasks; t++) {
        struct br_task *task = &worker->tasks[t];
        owned += worker->own.tasks[t].state != KC_TASK_FOREIGN;
        for (size_t i = 0; i < task->count; i++) {
            struct br_partition *p = task->partitions[i];
            if (p->state != BR_PARTITION_READING) continue;
            refresh_end(worker, p);
            show_partition(worker, p);
            int64_t one = br_partition_lag(p);
            lag = lag < 0 || one < 0 ? -1 : lag + one;
        }
    }
    worker->shown_lag = lag;
    worker->shown_end_total = worker->route->stop_at_end ? worker->end_total : -1;
    show_readiness(worker);
    pthread_mutex_unlock(&worker->shown_lock);
    aq_counter_set(&worker->counters.tasks, (uint64_t)owned);
    aq_counter_set(&worker->counters.rebalances, worker->own.rebalances);
    aq_counter_set(&worker->counters.in_flight, worker->in_flight);
    aq_counter_set(&worker->counters.turn_us, (uint64_t)now);
}
