/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker shows to others: counters (atomics, published once a turn from the thread's own tallies) and, a few times a second, a
 * copy of its tasks and feeds under a lock. Nobody outside ever looks into the worker's own structures.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "streams/worker.h"

#define SHOW_EVERY (200 * AQ_MS)
#define OLDEST_MS \
    ((int64_t)1000 * 365 * 86400 * 1000) /* timestamps come from outside: no sum of them may overflow */

/* ---- latency ------------------------------------------------------------------------------------------------------ */

void st_show_sample(struct st_worker *worker, const struct aq_batch *batch)
{
    struct st_sample sample = {.records = 0};
    for (uint32_t i = 0; i < batch->n; i++) {
        const struct aq_record *rec = &batch->records[i];
        if (rec->flags & AQ_REC_DROPPED) continue;
        if (sample.records++ == 0) sample.first_ms = rec->timestamp;
        sample.last_ms = rec->timestamp;
    }
    if (sample.records == 0) return;
    if (worker->n_samples == worker->cap_samples) {
        worker->cap_samples = worker->cap_samples ? worker->cap_samples * 2 : 64;
        worker->samples = aq_realloc(worker->samples, worker->cap_samples * sizeof(*worker->samples));
    }
    worker->samples[worker->n_samples++] = sample;
}

void st_show_committing(struct st_worker *worker)
{
    worker->samples_committing = worker->n_samples;
}

void st_show_rewind(struct st_worker *worker)
{
    worker->n_samples = worker->samples_committing = 0;
}

static int64_t age_us(int64_t wall_ms, int64_t timestamp)
{
    if (timestamp >= wall_ms) return 0;
    if (timestamp < wall_ms - OLDEST_MS) return OLDEST_MS * AQ_MS;
    return (wall_ms - timestamp) * AQ_MS;
}

/* Half of a flight's records are counted as old as its first, half as its last: they were made together. */
static void show_latency(struct st_worker *worker)
{
    int64_t wall_ms = aq_wall_ms();
    size_t n = worker->samples_committing ? worker->samples_committing : worker->n_samples;
    for (size_t i = 0; i < n; i++) {
        const struct st_sample *sample = &worker->samples[i];
        uint32_t half = sample->records / 2;
        aq_histogram_add_us(&worker->counters.latency, age_us(wall_ms, sample->first_ms), half);
        aq_histogram_add_us(&worker->counters.latency, age_us(wall_ms, sample->last_ms),
                            sample->records - half);
    }
    worker->n_samples -= n;
    if (worker->n_samples > 0)
        memmove(worker->samples, worker->samples + n, worker->n_samples * sizeof(*worker->samples));
    worker->samples_committing = 0;
}

/* ---- cycles ------------------------------------------------------------------------------------------------------- */

void st_show_cycle(struct st_worker *worker, enum kc_cycle_result result, int64_t now, int64_t took_us)
{
    struct st_counters *counters = &worker->counters;
    switch (result) {
    case KC_CYCLE_COMMITTED:
        show_latency(worker);
        aq_counter_add(&counters->committed, 1);
        aq_counter_set(&counters->last_commit_us, (uint64_t)now);
        aq_histogram_add_us(&counters->cycle, took_us > 0 ? took_us : 0, 1);
        return;
    case KC_CYCLE_FENCED: aq_counter_add(&counters->fenced, 1); return;
    case KC_CYCLE_ABORTED:
    case KC_CYCLE_REPLACE: aq_counter_add(&counters->aborted, 1); return;
    case KC_CYCLE_NOTHING:
    case KC_CYCLE_FATAL: return;
    }
}

/* ---- counters ----------------------------------------------------------------------------------------------------- */

static void publish_one(aq_counter *counter, uint64_t now, uint64_t *before)
{
    if (now == *before) return;
    aq_counter_add(counter, now - *before);
    *before = now;
}

static void publish_tally(struct st_worker *worker)
{
    struct st_counters *c = &worker->counters;
    const struct st_tally *now = &worker->shop.tally;
    struct st_tally *before = &worker->published;
    publish_one(&c->records_processed, now->processed, &before->processed);
    publish_one(&c->punctuations, now->punctuations, &before->punctuations);
    publish_one(&c->skipped_deserialization, now->skipped_deserialization, &before->skipped_deserialization);
    publish_one(&c->skipped_processing, now->skipped_processing, &before->skipped_processing);
    publish_one(&c->skipped_production, now->skipped_production, &before->skipped_production);
    publish_one(&c->late, now->late, &before->late);
    publish_one(&c->dropped, now->dropped, &before->dropped);
    publish_one(&c->dead_letters, now->dead_letters, &before->dead_letters);
    aq_counter_set(&c->tasks, worker->n_tasks);
    aq_counter_set(&c->in_flight, worker->in_flight + worker->outbox.bytes);
    aq_counter_set(&c->rebalances, worker->own.rebalances);
}

/* ---- tasks and feeds ---------------------------------------------------------------------------------------------- */

static void show_feed(struct st_worker *worker, struct st_feed *feed)
{
    if (worker->n_shown_feeds == worker->cap_shown_feeds) {
        worker->cap_shown_feeds = worker->cap_shown_feeds ? worker->cap_shown_feeds * 2 : 16;
        worker->shown_feeds =
            aq_realloc(worker->shown_feeds, worker->cap_shown_feeds * sizeof(*worker->shown_feeds));
    }
    int64_t end = worker->ops->consumer_known_end(worker->consumer, feed->topic->text, feed->partition);
    if (end > feed->end) feed->end = end;
    struct st_feed_status *shown = &worker->shown_feeds[worker->n_shown_feeds++];
    int64_t position = feed->has_position ? feed->committed.next : -1;
    *shown = (struct st_feed_status){.partition = feed->partition,
                                     .position = position,
                                     .lag = feed->end < 0 || position < 0 ? -1 : feed->end - position};
    if (shown->lag < 0 && feed->end == 0) shown->lag = 0;
    snprintf(shown->topic, sizeof(shown->topic), "%s", feed->topic->text);
}

static void show_task(struct st_worker *worker, const struct st_task *task)
{
    worker->shown_tasks++;
    for (size_t i = 0; i < task->n_feeds; i++) show_feed(worker, task->feeds[i]);
}

static bool is_taking_over(const struct st_worker *worker)
{
    for (int32_t t = 0; t < worker->own.n_tasks; t++)
        if (worker->own.tasks[t].state == KC_TASK_TAKING) return true;
    return false;
}

/* Slots that are on their way here; those that are here say so themselves (streams/assignment.c). */
static void show_taking(struct st_worker *worker)
{
    for (int32_t t = 0; t < worker->own.n_tasks; t++) {
        if (worker->slots[t].owned) continue;
        bool taking = worker->own.tasks[t].state == KC_TASK_TAKING;
        atomic_store_explicit(&worker->holds[t], taking ? ST_HOLDS_SOON : ST_HOLDS_NOT, memory_order_relaxed);
    }
}

/* What keeps the worker from having its share: "" when every slot has been found, and every task of them runs. */
static const char *what_is_missing(const struct st_worker *worker)
{
    if (worker->own.err.code) return worker->own.err.text;
    if (worker->own.revoking || worker->own.fenced) return "the group is rebalancing";
    if (!worker->own.assigned) return "the group has not assigned tasks yet";
    if (!worker->view) return "the topics are not known yet";
    if (is_taking_over(worker)) return "is taking over tasks";
    if (worker->n_restoring > 0) return "stores are being restored from their changelogs";
    return worker->view_again ? "some tasks could not be started yet" : "";
}

void st_show_publish(struct st_worker *worker, int64_t now)
{
    publish_tally(worker);
    bool over = worker->state == ST_WORKER_ENDED || worker->state == ST_WORKER_FAILED;
    if (!over && now - worker->shown_us < SHOW_EVERY) return;
    show_taking(worker);
    pthread_mutex_lock(&worker->shown_lock);
    worker->shown_us = now;
    worker->n_shown_feeds = 0;
    worker->shown_tasks = 0;
    for (const struct st_task *task = worker->tasks; task; task = task->next) show_task(worker, task);
    worker->shown_state = worker->state;
    const char *missing = what_is_missing(worker);
    worker->shown_assigned = !over && missing[0] == 0;
    snprintf(worker->shown_reason, sizeof(worker->shown_reason), "%.*s",
             (int)sizeof(worker->shown_reason) - 1, missing);
    pthread_mutex_unlock(&worker->shown_lock);
}
