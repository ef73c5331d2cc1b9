/* SPDX-License-Identifier: Apache-2.0
 *
 * What the bridge tells about itself: route status, partitions, metrics. Sums what the workers publish (bridge/show.c);
 * called from any thread, touches no worker's own state.
 *
 * Workers exist as long as the bridge; while start-up is still adding them, only the finished part of the list is seen,
 * because a run is looked into once its state has left BR_STARTING.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bridge/run.h"
#include "bridge/worker.h"

static enum br_state run_state(struct br_bridge *bridge, const struct br_run *run)
{
    pthread_mutex_lock(&bridge->lock);
    enum br_state state = run->state;
    pthread_mutex_unlock(&bridge->lock);
    return state;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0) return a ? a : b;
    return a < b ? a : b;
}

static void add_counters(struct br_route_status *ret, const struct br_counters *c)
{
    ret->records_read += aq_counter_get(&c->records_read);
    ret->bytes_read += aq_counter_get(&c->bytes_read);
    ret->records_written += aq_counter_get(&c->records_written);
    ret->bytes_written += aq_counter_get(&c->bytes_written);
    ret->records_dropped += aq_counter_get(&c->dropped);
    ret->records_skipped += aq_counter_get(&c->skipped);
    ret->records_dead += aq_counter_get(&c->dead);
    ret->records_lost += aq_counter_get(&c->lost_retention) + aq_counter_get(&c->lost_truncation) +
                         aq_counter_get(&c->lost_recreation);
    ret->cycles_committed += aq_counter_get(&c->committed);
    ret->cycles_aborted += aq_counter_get(&c->aborted);
    ret->cycles_fenced += aq_counter_get(&c->fenced);
    ret->tasks += (uint32_t)aq_counter_get(&c->tasks);
    ret->first_record_us =
        (int64_t)earliest((uint64_t)ret->first_record_us, aq_counter_get(&c->first_record_us));
    int64_t last = (int64_t)aq_counter_get(&c->last_commit_us);
    if (last > ret->last_commit_us) ret->last_commit_us = last;
}

static void add_shown(struct br_route_status *ret, struct br_worker *worker)
{
    pthread_mutex_lock(&worker->shown_lock);
    ret->partitions += (uint32_t)worker->shown_count;
    if (ret->lag >= 0) ret->lag = worker->shown_lag < 0 ? -1 : ret->lag + worker->shown_lag;
    if (worker->shown_end_total >= 0)
        ret->end_total = (ret->end_total < 0 ? 0 : ret->end_total) + worker->shown_end_total;
    if (!worker->shown_ready) {
        ret->ready = false;
        snprintf(ret->reason, sizeof(ret->reason), "%s", worker->shown_reason);
    }
    pthread_mutex_unlock(&worker->shown_lock);
}

void br_bridge_route_status(struct br_bridge *bridge, size_t index, struct br_route_status *ret)
{
    AQ_ASSERT(index < bridge->n_runs);
    struct br_run *run = &bridge->runs[index];
    *ret = (struct br_route_status){.name = run->route->name,
                                    .from = run->route->source->name,
                                    .to = run->route->sink->name,
                                    .delivery = (enum br_delivery)run->route->delivery,
                                    .state = run_state(bridge, run),
                                    .ready = true,
                                    .end_total = -1,
                                    .started_us = run->started_us};
    if (ret->state == BR_STARTING) {
        ret->ready = false;
        ret->lag = -1;
        snprintf(ret->reason, sizeof(ret->reason), "is connecting");
        return;
    }
    for (size_t i = 0; i < run->n_workers; i++) {
        add_counters(ret, &run->workers[i]->counters);
        add_shown(ret, run->workers[i]);
    }
    if (ret->ready) {
        br_catalog_trouble(run->catalog, ret->reason, sizeof(ret->reason));
        ret->ready = ret->reason[0] == 0;
    }
}

size_t br_bridge_partitions(struct br_bridge *bridge, size_t index, struct br_partition_status *list,
                            size_t max)
{
    AQ_ASSERT(index < bridge->n_runs);
    struct br_run *run = &bridge->runs[index];
    size_t n = 0;
    if (run_state(bridge, run) == BR_STARTING) return 0;
    for (size_t w = 0; w < run->n_workers; w++) {
        struct br_worker *worker = run->workers[w];
        pthread_mutex_lock(&worker->shown_lock);
        for (size_t i = 0; i < worker->shown_count; i++, n++)
            if (n < max) list[n] = worker->shown[i];
        pthread_mutex_unlock(&worker->shown_lock);
    }
    return n;
}

/* ---- metrics ------------------------------------------------------------------------------------------------------ */

/* A route's figures, gathered once, so that all metrics of one scrape agree. */
struct gathered {
    struct br_route_status status;
    struct br_partition_status *partitions;
    size_t n_partitions;
    struct aq_histogram latency, cycle;
    uint64_t lost[3], rebalances, in_flight;
};

static void gather(struct br_bridge *bridge, size_t index, struct gathered *ret)
{
    struct br_run *run = &bridge->runs[index];
    memset(ret, 0, sizeof(*ret));
    br_bridge_route_status(bridge, index, &ret->status);
    size_t n = br_bridge_partitions(bridge, index, NULL, 0) + 16; /* a few may be added in between */
    ret->partitions = aq_calloc(n, sizeof(*ret->partitions));
    size_t there = br_bridge_partitions(bridge, index, ret->partitions, n);
    ret->n_partitions = there < n ? there : n;
    if (ret->status.state == BR_STARTING) return;
    for (size_t i = 0; i < run->n_workers; i++) {
        const struct br_counters *c = &run->workers[i]->counters;
        aq_histogram_merge(&ret->latency, &c->latency);
        aq_histogram_merge(&ret->cycle, &c->cycle);
        ret->lost[0] += aq_counter_get(&c->lost_retention);
        ret->lost[1] += aq_counter_get(&c->lost_truncation);
        ret->lost[2] += aq_counter_get(&c->lost_recreation);
        ret->rebalances += aq_counter_get(&c->rebalances);
        ret->in_flight += aq_counter_get(&c->in_flight);
    }
}

static void write_labelled(struct aq_metric_writer *w, enum aq_metric_id id, const char *route,
                           const char *label, double value)
{
    const char *values[] = {route, label};
    aq_metric_write(w, id, values, value);
}

static void write_partitions(struct aq_metric_writer *w, enum aq_metric_id id, const struct gathered *g)
{
    for (size_t i = 0; i < g->n_partitions; i++) {
        const struct br_partition_status *p = &g->partitions[i];
        char number[16];
        int64_t value = id == AQ_M_LAG ? p->lag : p->position;
        if (value < 0) continue; /* unknown is absent, never a made-up number */
        snprintf(number, sizeof(number), "%d", p->partition);
        const char *values[] = {g->status.name, p->topic, number};
        aq_metric_write(w, id, values, (double)value);
    }
}

static void write_steps(struct br_bridge *bridge, struct aq_metric_writer *w, enum aq_metric_id id,
                        size_t index)
{
    struct br_run *run = &bridge->runs[index];
    if (run_state(bridge, run) == BR_STARTING) return;
    for (size_t s = 0; s < xf_chain_length(run->route->chain); s++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < run->n_workers; i++) {
            const struct xf_counters *c = xf_run_counters(run->workers[i]->shown_run, s);
            const aq_counter *one = id == AQ_M_STEP_RECORDS   ? &c->records
                                    : id == AQ_M_STEP_DROPPED ? &c->dropped
                                    : id == AQ_M_STEP_ERRORS  ? &c->errors
                                                              : &c->nanoseconds;
            sum += aq_counter_get(one);
        }
        double value = id == AQ_M_STEP_SECONDS ? (double)sum / 1e9 : (double)sum;
        write_labelled(w, id, run->route->name, xf_chain_step_name(run->route->chain, s), value);
    }
}

static void write_one(struct aq_metric_writer *w, enum aq_metric_id id, const struct gathered *g)
{
    const struct br_route_status *s = &g->status;
    const char *route[] = {s->name};
    switch (id) {
    case AQ_M_ROUTE_UP: aq_metric_write(w, id, route, s->state == BR_RUNNING); return;
    case AQ_M_RECORDS_READ: aq_metric_write(w, id, route, (double)s->records_read); return;
    case AQ_M_BYTES_READ: aq_metric_write(w, id, route, (double)s->bytes_read); return;
    case AQ_M_RECORDS_WRITTEN: aq_metric_write(w, id, route, (double)s->records_written); return;
    case AQ_M_BYTES_WRITTEN: aq_metric_write(w, id, route, (double)s->bytes_written); return;
    case AQ_M_RECORDS_DROPPED: aq_metric_write(w, id, route, (double)s->records_dropped); return;
    case AQ_M_RECORDS_SKIPPED: aq_metric_write(w, id, route, (double)s->records_skipped); return;
    case AQ_M_RECORDS_DEAD: aq_metric_write(w, id, route, (double)s->records_dead); return;
    case AQ_M_LAG:
    case AQ_M_POSITION: write_partitions(w, id, g); return;
    case AQ_M_LATENCY: aq_metric_write_histogram(w, id, route, &g->latency); return;
    case AQ_M_CYCLES:
        write_labelled(w, id, s->name, "committed", (double)s->cycles_committed);
        write_labelled(w, id, s->name, "aborted", (double)s->cycles_aborted);
        write_labelled(w, id, s->name, "fenced", (double)s->cycles_fenced);
        return;
    case AQ_M_CYCLE_SECONDS: aq_metric_write_histogram(w, id, route, &g->cycle); return;
    case AQ_M_TASKS: aq_metric_write(w, id, route, s->tasks); return;
    case AQ_M_PARTITIONS: aq_metric_write(w, id, route, s->partitions); return;
    case AQ_M_REBALANCES: aq_metric_write(w, id, route, (double)g->rebalances); return;
    case AQ_M_IN_FLIGHT: aq_metric_write(w, id, route, (double)g->in_flight); return;
    case AQ_M_LOST:
        write_labelled(w, id, s->name, "retention", (double)g->lost[0]);
        write_labelled(w, id, s->name, "truncation", (double)g->lost[1]);
        write_labelled(w, id, s->name, "recreation", (double)g->lost[2]);
        return;
    default: return;
    }
}

void br_bridge_metrics(struct br_bridge *bridge, struct aq_metric_writer *writer)
{
    struct gathered *all = aq_calloc(bridge->n_runs, sizeof(*all));
    for (size_t r = 0; r < bridge->n_runs; r++) gather(bridge, r, &all[r]);
    for (int id = AQ_M_ROUTE_UP; id <= AQ_M_STEP_SECONDS; id++) {
        for (size_t r = 0; r < bridge->n_runs; r++) {
            bool step = id >= AQ_M_STEP_RECORDS;
            if (step)
                write_steps(bridge, writer, (enum aq_metric_id)id, r);
            else
                write_one(writer, (enum aq_metric_id)id, &all[r]);
        }
    }
    for (size_t r = 0; r < bridge->n_runs; r++) free(all[r].partitions);
    free(all);
}
