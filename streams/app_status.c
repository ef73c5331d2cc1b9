/* SPDX-License-Identifier: Apache-2.0
 *
 * What the application tells about itself: status, tasks, partitions, metrics. Sums what the workers publish (streams/show.c); called
 * from any thread, touches no worker's own state.
 *
 * The list of workers is walked under the application's lock, so that none is freed meanwhile. A worker that failed and was replaced
 * leaves its counts in app->retired: a counter never goes back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/app_run.h"

/* ---- sums over workers -------------------------------------------------------------------------------------------- */

static void add(aq_counter *into, const aq_counter *from)
{
    aq_counter_add(into, aq_counter_get(from));
}

/* 0 means: not yet. */
static void keep_earliest(aq_counter *into, const aq_counter *from)
{
    uint64_t mine = aq_counter_get(into), other = aq_counter_get(from);
    if (mine == 0 || (other != 0 && other < mine)) aq_counter_set(into, other);
}

static void keep_latest(aq_counter *into, const aq_counter *from)
{
    if (aq_counter_get(from) > aq_counter_get(into)) aq_counter_set(into, aq_counter_get(from));
}

void st_counters_add(struct st_counters *into, const struct st_counters *from)
{
    AQ_ASSERT(into != from);
    add(&into->records_read, &from->records_read);
    add(&into->bytes_read, &from->bytes_read);
    add(&into->records_processed, &from->records_processed);
    add(&into->records_written, &from->records_written);
    add(&into->bytes_written, &from->bytes_written);
    add(&into->skipped_deserialization, &from->skipped_deserialization);
    add(&into->skipped_processing, &from->skipped_processing);
    add(&into->skipped_production, &from->skipped_production);
    add(&into->dead_letters, &from->dead_letters);
    add(&into->dropped, &from->dropped);
    add(&into->late, &from->late);
    add(&into->records_lost, &from->records_lost);
    add(&into->records_restored, &from->records_restored);
    add(&into->restoring, &from->restoring);
    add(&into->cache_bytes, &from->cache_bytes);
    add(&into->punctuations, &from->punctuations);
    add(&into->committed, &from->committed);
    add(&into->aborted, &from->aborted);
    add(&into->fenced, &from->fenced);
    add(&into->rebalances, &from->rebalances);
    add(&into->tasks, &from->tasks);
    add(&into->in_flight, &from->in_flight);
    keep_earliest(&into->first_record_us, &from->first_record_us);
    keep_latest(&into->last_commit_us, &from->last_commit_us);
    aq_histogram_merge(&into->cycle, &from->cycle);
    aq_histogram_merge(&into->latency, &from->latency);
}

/* Everything about the application at one time, so that all figures of one answer agree. */
struct gathered {
    enum st_app_state state;
    char reason[256];
    bool ready;
    struct st_counters sums;
    uint64_t database_bytes;
    const struct st_globals *globals;
    uint64_t global_rows, global_bytes;
    uint64_t dropped_by_globals; /* records of their topics without a key */
    struct st_standby_counters standby;
    struct st_feed_status *feeds;
    size_t n_feeds;
    uint32_t threads; /* that run */
    uint32_t tasks;
};

static void add_shown(struct gathered *all, struct st_worker *worker)
{
    pthread_mutex_lock(&worker->shown_lock);
    bool over = worker->shown_state == ST_WORKER_ENDED || worker->shown_state == ST_WORKER_FAILED;
    all->threads += !over;
    if (!worker->shown_assigned && all->reason[0] == 0)
        snprintf(all->reason, sizeof(all->reason), "%s", worker->shown_reason);
    all->ready = all->ready && worker->shown_assigned;
    all->tasks += worker->shown_tasks;
    size_t n = all->n_feeds + worker->n_shown_feeds;
    all->feeds = aq_realloc(all->feeds, (n + 1) * sizeof(*all->feeds));
    for (size_t i = 0; i < worker->n_shown_feeds; i++) all->feeds[all->n_feeds++] = worker->shown_feeds[i];
    AQ_ASSERT(all->n_feeds == n);
    pthread_mutex_unlock(&worker->shown_lock);
}

/* Until the global tables are whole nothing else can be told. */
static void tell_globals(struct st_app *app, struct gathered *all)
{
    uint64_t read, of;
    if (!app->globals || all->reason[0]) return;
    bool whole = st_globals_progress(app->globals, &read, &of);
    if (!whole && of > 0)
        snprintf(all->reason, sizeof(all->reason),
                 "reading global tables: %" PRIu64 " of %" PRIu64 " records", read, of);
    if (whole) st_globals_trouble(app->globals, all->reason, sizeof(all->reason));
}

static void sum_globals(struct gathered *all)
{
    const struct st_global *global = all->globals ? st_globals_next(all->globals, NULL) : NULL;
    for (; global; global = st_globals_next(all->globals, global)) {
        all->global_rows += atomic_load(&global->table.rows);
        all->global_bytes += atomic_load(&global->table.bytes);
        all->dropped_by_globals += atomic_load(&global->dropped);
    }
}

static void add_standby(struct st_standby_counters *into, const struct st_standby_counters *from)
{
    add(&into->stores, &from->stores);
    add(&into->lag, &from->lag);
    add(&into->restored, &from->restored);
    add(&into->deleted, &from->deleted);
}

static void gather(struct st_app *app, struct gathered *all)
{
    memset(all, 0, sizeof(*all));
    all->ready = true;
    all->globals = app->globals;
    sum_globals(all);
    pthread_mutex_lock(&app->lock);
    all->state = app->state;
    st_counters_add(&all->sums, &app->retired);
    for (size_t i = 0; i < app->n_workers; i++) {
        if (!app->workers[i]) continue;
        st_counters_add(&all->sums, &app->workers[i]->counters);
        add_shown(all, app->workers[i]);
    }
    all->database_bytes = st_dbs_memory(&app->dbs);
    if (app->standby) add_standby(&all->standby, st_standby_counters(app->standby));
    /* The application's own reason says more than any worker's. */
    if (app->err.code) snprintf(all->reason, sizeof(all->reason), "%.*s", 255, app->err.text);
    pthread_mutex_unlock(&app->lock);
    if (all->state == ST_APP_NOT_RUNNING || all->state == ST_APP_PENDING_SHUTDOWN) all->reason[0] = 0;
    all->ready = all->ready && all->state == ST_APP_RUNNING;
    if (all->ready) st_catalog_trouble(app->catalog, all->reason, sizeof(all->reason));
    if (all->ready || all->state == ST_APP_CREATED) tell_globals(app, all);
    all->ready = all->ready && all->reason[0] == 0;
}

static void finish(struct gathered *all)
{
    free(all->feeds);
}

/* ---- status ------------------------------------------------------------------------------------------------------- */

static int64_t lag_of(const struct gathered *all)
{
    int64_t lag = 0;
    for (size_t i = 0; i < all->n_feeds; i++) {
        if (all->feeds[i].lag < 0) return -1;
        lag += all->feeds[i].lag;
    }
    return all->n_feeds > 0 || all->state == ST_APP_RUNNING ? lag : -1;
}

static void fill(struct st_app *app, const struct gathered *all, struct st_app_status *ret)
{
    const struct st_counters *c = &all->sums;
    *ret = (struct st_app_status){.application_id = app->settings->application_id,
                                  .state = all->state,
                                  .paused = atomic_load(&app->paused),
                                  .ready = all->ready,
                                  .threads = all->threads,
                                  .tasks = all->tasks,
                                  .partitions = (uint32_t)all->n_feeds,
                                  .records_read = aq_counter_get(&c->records_read),
                                  .bytes_read = aq_counter_get(&c->bytes_read),
                                  .records_processed = aq_counter_get(&c->records_processed),
                                  .records_written = aq_counter_get(&c->records_written),
                                  .bytes_written = aq_counter_get(&c->bytes_written),
                                  .skipped = aq_counter_get(&c->skipped_deserialization) +
                                             aq_counter_get(&c->skipped_processing) +
                                             aq_counter_get(&c->skipped_production),
                                  .dead_letters = aq_counter_get(&c->dead_letters),
                                  .records_lost = aq_counter_get(&c->records_lost),
                                  .cycles_committed = aq_counter_get(&c->committed),
                                  .cycles_aborted = aq_counter_get(&c->aborted),
                                  .cycles_fenced = aq_counter_get(&c->fenced),
                                  .rebalances = aq_counter_get(&c->rebalances),
                                  .global_rows = all->global_rows,
                                  .global_bytes = all->global_bytes,
                                  .standby_stores = aq_counter_get(&all->standby.stores),
                                  .standby_lag = aq_counter_get(&all->standby.lag),
                                  .standby_records = aq_counter_get(&all->standby.restored),
                                  .lag = lag_of(all),
                                  .last_commit_us = (int64_t)aq_counter_get(&c->last_commit_us),
                                  .first_record_us = (int64_t)aq_counter_get(&c->first_record_us),
                                  .started_us = atomic_load(&app->started_us)};
    memcpy(ret->reason, all->reason, sizeof(ret->reason));
}

void st_app_status(struct st_app *app, struct st_app_status *ret)
{
    struct gathered all;
    gather(app, &all);
    fill(app, &all, ret);
    finish(&all);
}

/* ---- metrics ------------------------------------------------------------------------------------------------------ */

static void write_labelled(struct aq_metric_writer *w, enum aq_metric_id id, const char *app,
                           const char *label, double value)
{
    const char *values[] = {app, label};
    aq_metric_write(w, id, values, value);
}

/* One sample for every state, and 1 at the one that holds: alerts can be written without knowing numbers. */
static void write_state(struct aq_metric_writer *w, const char *app, enum st_app_state state)
{
    for (int s = ST_APP_CREATED; s <= ST_APP_ERROR; s++)
        write_labelled(w, AQ_M_STREAMS_STATE, app, st_app_state_name((enum st_app_state)s),
                       (int)state == s ? 1 : 0);
}

static void write_feeds(struct aq_metric_writer *w, enum aq_metric_id id, const char *app,
                        const struct gathered *all)
{
    for (size_t i = 0; i < all->n_feeds; i++) {
        const struct st_feed_status *feed = &all->feeds[i];
        char number[16];
        int64_t value = id == AQ_M_STREAMS_LAG ? feed->lag : feed->position;
        if (value < 0) continue; /* unknown is absent, never a made-up number */
        snprintf(number, sizeof(number), "%d", feed->partition);
        const char *values[] = {app, feed->topic, number};
        aq_metric_write(w, id, values, (double)value);
    }
}

static void write_globals(struct aq_metric_writer *w, enum aq_metric_id id, const char *app,
                          const struct st_globals *globals)
{
    const struct st_global *global = globals ? st_globals_next(globals, NULL) : NULL;
    for (; global; global = st_globals_next(globals, global)) {
        uint64_t value = id == AQ_M_STREAMS_GLOBAL_ROWS ? atomic_load(&global->table.rows)
                                                        : atomic_load(&global->table.bytes);
        write_labelled(w, id, app, global->name, (double)value);
    }
}

static double count(const aq_counter *counter)
{
    return (double)aq_counter_get(counter);
}

static void write_one(struct aq_metric_writer *w, enum aq_metric_id id, const struct gathered *all,
                      const struct st_app_status *s)
{
    const char *name = s->application_id, *const app[] = {name};
    const struct st_counters *c = &all->sums;
    switch (id) {
    case AQ_M_STREAMS_STATE: write_state(w, name, s->state); return;
    case AQ_M_STREAMS_THREADS: aq_metric_write(w, id, app, s->threads); return;
    case AQ_M_STREAMS_TASKS: aq_metric_write(w, id, app, s->tasks); return;
    case AQ_M_STREAMS_PARTITIONS: aq_metric_write(w, id, app, s->partitions); return;
    case AQ_M_STREAMS_RECORDS_READ: aq_metric_write(w, id, app, (double)s->records_read); return;
    case AQ_M_STREAMS_BYTES_READ: aq_metric_write(w, id, app, (double)s->bytes_read); return;
    case AQ_M_STREAMS_RECORDS_PROCESSED: aq_metric_write(w, id, app, (double)s->records_processed); return;
    case AQ_M_STREAMS_RECORDS_WRITTEN: aq_metric_write(w, id, app, (double)s->records_written); return;
    case AQ_M_STREAMS_BYTES_WRITTEN: aq_metric_write(w, id, app, (double)s->bytes_written); return;
    case AQ_M_STREAMS_SKIPPED:
        write_labelled(w, id, name, "deserialization", count(&c->skipped_deserialization));
        write_labelled(w, id, name, "processing", count(&c->skipped_processing));
        write_labelled(w, id, name, "production", count(&c->skipped_production));
        return;
    case AQ_M_STREAMS_DEAD: aq_metric_write(w, id, app, (double)s->dead_letters); return;
    case AQ_M_STREAMS_DROPPED:
        write_labelled(w, id, name, "late", count(&c->late));
        write_labelled(w, id, name, "null",
                       count(&c->dropped) - count(&c->late) + (double)all->dropped_by_globals);
        return;
    case AQ_M_STREAMS_LOST: aq_metric_write(w, id, app, (double)s->records_lost); return;
    case AQ_M_STREAMS_RESTORED: aq_metric_write(w, id, app, count(&c->records_restored)); return;
    case AQ_M_STREAMS_RESTORING: aq_metric_write(w, id, app, count(&c->restoring)); return;
    case AQ_M_STREAMS_STANDBY_STORES: aq_metric_write(w, id, app, count(&all->standby.stores)); return;
    case AQ_M_STREAMS_STANDBY_LAG: aq_metric_write(w, id, app, count(&all->standby.lag)); return;
    case AQ_M_STREAMS_STANDBY_RECORDS: aq_metric_write(w, id, app, count(&all->standby.restored)); return;
    case AQ_M_STREAMS_STORES_DELETED: aq_metric_write(w, id, app, count(&all->standby.deleted)); return;
    case AQ_M_STREAMS_CACHE_BYTES: aq_metric_write(w, id, app, count(&c->cache_bytes)); return;
    case AQ_M_STREAMS_DATABASE_BYTES: aq_metric_write(w, id, app, (double)all->database_bytes); return;
    case AQ_M_STREAMS_GLOBAL_ROWS:
    case AQ_M_STREAMS_GLOBAL_BYTES: write_globals(w, id, name, all->globals); return;
    case AQ_M_STREAMS_PUNCTUATIONS: aq_metric_write(w, id, app, count(&c->punctuations)); return;
    case AQ_M_STREAMS_CYCLES:
        write_labelled(w, id, name, "committed", (double)s->cycles_committed);
        write_labelled(w, id, name, "aborted", (double)s->cycles_aborted);
        write_labelled(w, id, name, "fenced", (double)s->cycles_fenced);
        return;
    case AQ_M_STREAMS_CYCLE_SECONDS: aq_metric_write_histogram(w, id, app, &c->cycle); return;
    case AQ_M_STREAMS_LATENCY: aq_metric_write_histogram(w, id, app, &c->latency); return;
    case AQ_M_STREAMS_REBALANCES: aq_metric_write(w, id, app, (double)s->rebalances); return;
    case AQ_M_STREAMS_IN_FLIGHT: aq_metric_write(w, id, app, count(&c->in_flight)); return;
    case AQ_M_STREAMS_LAG:
    case AQ_M_STREAMS_POSITION: write_feeds(w, id, name, all); return;
    default: return;
    }
}

void st_app_metrics(struct st_app *app, struct aq_metric_writer *writer)
{
    struct gathered all;
    struct st_app_status status;
    gather(app, &all);
    fill(app, &all, &status);
    for (int id = AQ_M_STREAMS_STATE; id <= AQ_M_STREAMS_POSITION; id++)
        write_one(writer, (enum aq_metric_id)id, &all, &status);
    finish(&all);
}
