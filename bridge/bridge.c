/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor of this process: one br_run per route, each with a catalog and its workers.
 *
 * An ordinary pass: start contacts the clusters of each route, looks at the topics once, opens the workers and lets each
 * run in a thread of its own, whose body is nothing but a loop over br_worker_turn(). Wait looks how they are. Stop sets a
 * flag every worker sees at its next turn; each one then finishes its cycle and leaves its group.
 *
 * A failing pass: one worker of a route fails. The other workers of the route are stopped (what it could not do they
 * could not either), the other routes go on; the process ends with the first failure when the last route is over.
 *
 * Threads: the workers' loops touch only their worker. What this file shares with them is the stop flag and what
 * bridge/show.c publishes.
 */
#include "bridge/bridge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/run.h"
#include "bridge/worker.h"

struct br_bridge *br_bridge_create(const struct kc_ops *ops, struct br_route *routes, size_t n_routes)
{
    struct br_bridge *bridge = aq_calloc(1, sizeof(*bridge));
    bridge->ops = ops;
    bridge->n_runs = n_routes;
    bridge->runs = aq_calloc(n_routes, sizeof(*bridge->runs));
    pthread_mutex_init(&bridge->lock, NULL);
    for (size_t i = 0; i < n_routes; i++) {
        bridge->runs[i].route = &routes[i];
        bridge->runs[i].state = BR_STARTING;
    }
    return bridge;
}

/* ---- workers ------------------------------------------------------------------------------------------------------ */

static void *worker_thread(void *arg)
{
    struct br_worker *worker = arg;
    while (br_worker_turn(worker, aq_mono_us())) continue;
    br_worker_close(worker);
    return NULL;
}

static void stop_run(struct br_bridge *bridge, struct br_run *run)
{
    pthread_mutex_lock(&bridge->lock);
    size_t n = run->n_started;
    pthread_mutex_unlock(&bridge->lock);
    for (size_t i = 0; i < n; i++) atomic_store(&run->workers[i]->stop, true);
}

static int start_workers(struct br_bridge *bridge, struct br_run *run, struct aq_err *err)
{
    run->workers = aq_calloc((size_t)run->route->workers, sizeof(*run->workers));
    br_finish_init(&run->finish, (int)run->route->workers);
    for (int i = 0; i < (int)run->route->workers; i++) {
        struct br_worker *worker = br_worker_create(bridge->ops, run->route, run->catalog, &run->finish, i);
        run->workers[run->n_workers++] = worker;
        worker->own.join_delay_us = i > 0 ? KC_JOIN_DELAY : 0;
        int rc = br_worker_open(worker, err);
        if (rc != 0) return rc;
    }
    /* From here on they can be told to stop; a stop that came earlier is passed on. */
    pthread_mutex_lock(&bridge->lock);
    run->n_started = run->n_workers;
    pthread_mutex_unlock(&bridge->lock);
    if (atomic_load(&bridge->stopping)) stop_run(bridge, run);
    for (size_t i = 0; i < run->n_workers; i++) {
        struct br_worker *worker = run->workers[i];
        if (pthread_create(&worker->thread, NULL, worker_thread, worker) != 0)
            return aq_fail(err, AQ_E_FATAL, "cannot start a worker thread");
        worker->thread_running = true;
    }
    return 0;
}

/* First contact, state topic and topics. A broker that goes away in the middle of it is waited for like one that was never
 * there: for connect_timeout in all. */
static int prepare_run(struct br_bridge *bridge, struct br_run *run, struct aq_err *err)
{
    int64_t source_ms = run->route->source->connect_timeout_ms,
            sink_ms = run->route->sink->connect_timeout_ms;
    int64_t deadline = run->started_us + (source_ms > sink_ms ? source_ms : sink_ms) * AQ_MS;
    for (;;) {
        int rc = br_catalog_connect(run->catalog, &bridge->stopping, err);
        if (rc == 0) rc = br_catalog_refresh(run->catalog, err);
        bool passing = rc != 0 && rc != AQ_E_STOPPED && aq_code_class(rc) == AQ_CLASS_RETRY;
        if (!passing || atomic_load(&bridge->stopping)) return rc;
        if (aq_mono_us() >= deadline) return err->code = AQ_E_UNREACHABLE;
        aq_log(AQ_WARN, "a cluster went away while the route was starting, trying again",
               aq_fs("route", run->route->name), aq_fs("reason", err->text));
        aq_sleep_ms(200);
    }
}

static int start_run(struct br_bridge *bridge, struct br_run *run, struct aq_err *err)
{
    run->started_us = aq_mono_us();
    run->catalog = br_catalog_create(bridge->ops, run->route);
    int rc = prepare_run(bridge, run, err);
    if (rc == 0) rc = br_catalog_start(run->catalog, err);
    if (rc == 0) rc = start_workers(bridge, run, err);
    if (rc != 0) return aq_err_in(err, "route %s", run->route->name);
    aq_log(AQ_INFO, "route started", aq_fs("route", run->route->name),
           aq_fs("from", run->route->source->name), aq_fs("to", run->route->sink->name),
           aq_fs("delivery", run->route->delivery == BR_EXACTLY_ONCE ? "exactly_once" : "at_least_once"),
           aq_fi("workers", run->route->workers), aq_fi("took_ms", (aq_mono_us() - run->started_us) / AQ_MS));
    pthread_mutex_lock(&bridge->lock);
    run->state = BR_RUNNING;
    pthread_mutex_unlock(&bridge->lock);
    return 0;
}

static void end_run(struct br_run *run)
{
    for (size_t i = 0; i < run->n_workers; i++) {
        struct br_worker *worker = run->workers[i];
        if (worker->thread_running)
            pthread_join(worker->thread, NULL);
        else if (worker->consumer)
            br_worker_close(worker);
        worker->thread_running = false;
    }
    if (run->catalog) br_catalog_stop(run->catalog);
}

int br_bridge_start(struct br_bridge *bridge, struct aq_err *err)
{
    for (size_t i = 0; i < bridge->n_runs; i++) {
        int rc = start_run(bridge, &bridge->runs[i], err);
        if (rc == 0) continue;
        br_bridge_stop(bridge);
        for (size_t j = 0; j <= i; j++) end_run(&bridge->runs[j]);
        return rc;
    }
    return 0;
}

void br_bridge_stop(struct br_bridge *bridge)
{
    atomic_store(&bridge->stopping, true);
    for (size_t i = 0; i < bridge->n_runs; i++) stop_run(bridge, &bridge->runs[i]);
}

/* ---- how they are ------------------------------------------------------------------------------------------------- */

static enum br_state worker_state(struct br_worker *worker, struct aq_err *err)
{
    pthread_mutex_lock(&worker->shown_lock);
    enum br_state state = worker->shown_state;
    if (state == BR_FAILED) aq_fail(err, AQ_E_FATAL, "%s", worker->shown_reason);
    pthread_mutex_unlock(&worker->shown_lock);
    if (state == BR_FAILED)
        *err = worker->own.err; /* final: its thread writes no more after publishing FAILED */
    return state;
}

/* Looks at a route's workers; joins them when all are over. */
static void look_at(struct br_bridge *bridge, struct br_run *run)
{
    if (run->state == BR_ENDED || run->state == BR_FAILED) return;
    size_t over = 0;
    for (size_t i = 0; i < run->n_workers; i++) {
        struct aq_err err = {0};
        enum br_state state = worker_state(run->workers[i], &err);
        over += state == BR_ENDED || state == BR_FAILED;
        if (state != BR_FAILED || run->err.code != 0) continue;
        run->err = err;
        aq_err_in(&run->err, "route %s", run->route->name);
        aq_log(AQ_ERROR, "route failed", aq_fs("route", run->route->name),
               aq_fs("code", aq_code_name(run->err.code)), aq_fs("reason", run->err.text));
        stop_run(bridge, run);
    }
    if (over < run->n_workers) return;
    end_run(run);
    pthread_mutex_lock(&bridge->lock);
    run->state = run->err.code ? BR_FAILED : BR_ENDED;
    pthread_mutex_unlock(&bridge->lock);
}

enum br_state br_bridge_wait(struct br_bridge *bridge, int64_t timeout_ms, struct aq_err *err)
{
    int64_t deadline = aq_mono_us() + timeout_ms * AQ_MS;
    for (;;) {
        size_t over = 0;
        const struct br_run *failed = NULL;
        for (size_t i = 0; i < bridge->n_runs; i++) {
            struct br_run *run = &bridge->runs[i];
            look_at(bridge, run);
            over += run->state == BR_ENDED || run->state == BR_FAILED;
            if (run->state == BR_FAILED && !failed) failed = run;
        }
        if (over == bridge->n_runs) {
            if (failed) *err = failed->err;
            return failed ? BR_FAILED : BR_ENDED;
        }
        if (aq_mono_us() >= deadline) return atomic_load(&bridge->stopping) ? BR_STOPPING : BR_RUNNING;
        aq_sleep_ms(10);
    }
}

void br_bridge_destroy(struct br_bridge *bridge)
{
    if (!bridge) return;
    br_bridge_stop(bridge);
    for (size_t i = 0; i < bridge->n_runs; i++) {
        struct br_run *run = &bridge->runs[i];
        end_run(run);
        for (size_t w = 0; w < run->n_workers; w++) br_worker_destroy(run->workers[w]);
        free(run->workers);
        br_catalog_destroy(run->catalog);
    }
    pthread_mutex_destroy(&bridge->lock);
    free(bridge->runs);
    free(bridge);
}

size_t br_bridge_routes(const struct br_bridge *bridge)
{
    return bridge->n_runs;
}
