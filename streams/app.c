/* SPDX-License-Identifier: Apache-2.0
 *
 * The application in this process (streams/app.h).
 *
 * An ordinary pass: start contacts the cluster, looks at the topics, reads the global tables, opens the workers and lets each run in a
 * thread of its own, whose body is nothing but a loop over st_worker_turn(). Wait looks how they are. Stop sets a flag every worker sees at its next turn; each then
 * finishes its cycle and leaves the group.
 *
 * A failing pass: a worker fails. With on_failure = replace_thread another one takes its place, unless three of them have failed within a
 * minute, which no replacement will mend; else the others are stopped in order and the application ends in ERROR with the first
 * reason. Its positions are in front of the record that failed, so nothing is lost.
 *
 * Threads: the workers' loops touch only their worker. What this file shares with them is the stop and pause flags and what
 * streams/show.c publishes; `lock` guards the list of workers against those who look from outside.
 */
#include "streams/app.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/app_run.h"
#include "streams/query/query.h"

#define TURN_WAIT_MS   20
#define FAILURES_MAX   3
#define FAILURE_WINDOW (60 * AQ_SEC)

const char *st_app_state_name(enum st_app_state state)
{
    static const char *const names[] = {
        "CREATED", "REBALANCING", "RUNNING", "PENDING_SHUTDOWN", "NOT_RUNNING", "PENDING_ERROR", "ERROR",
    };
    AQ_ASSERT((size_t)state < sizeof(names) / sizeof(names[0]));
    return names[state];
}

struct st_app *st_app_create(const struct kc_ops *ops, const struct st_settings *settings,
                             const struct st_topology *topology, struct aq_err *err)
{
    struct st_plan *plan = st_plan_create(topology, err);
    if (!plan) return NULL;
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_serdes defaults = {settings->key_serde, settings->value_serde};
    struct st_serde_flow *serdes = st_serde_flow_create(plan, defaults, &findings);
    if (!serdes) {
        st_findings_verdict(&findings, err);
        st_findings_finish(&findings);
        st_plan_destroy(plan);
        return NULL;
    }
    st_findings_finish(&findings);
    struct st_app *app = aq_calloc(1, sizeof(*app));
    app->ops = ops;
    app->settings = settings;
    app->plan = plan;
    app->serdes = serdes;
    app->state = ST_APP_CREATED;
    app->n_workers = (size_t)settings->threads;
    app->workers = aq_calloc(app->n_workers, sizeof(struct st_worker *));
    pthread_mutex_init(&app->lock, NULL);
    app->catalog = st_catalog_create(ops, settings, plan);
    app->queries = st_queries_create(app);
    app->globals = st_globals_of(ops, settings, plan);
    return app;
}

/* ---- workers ------------------------------------------------------------------------------------------------------ */

static void *worker_thread(void *arg)
{
    struct st_worker *worker = arg;
    while (st_worker_turn(worker, aq_mono_us(), TURN_WAIT_MS)) continue;
    st_worker_close(worker);
    return NULL;
}

/* It never ran: whoever looks at the workers finds out why. */
static void mark_failed(struct st_worker *worker, const struct aq_err *err)
{
    worker->own.err = *err;
    pthread_mutex_lock(&worker->shown_lock);
    worker->shown_state = ST_WORKER_FAILED;
    snprintf(worker->shown_reason, sizeof(worker->shown_reason), "%.*s",
             (int)sizeof(worker->shown_reason) - 1, err->text);
    pthread_mutex_unlock(&worker->shown_lock);
}

static int start_worker(struct st_app *app, size_t i, struct aq_err *err)
{
    const struct st_worker_setup setup = {.ops = app->ops,
                                          .settings = app->settings,
                                          .plan = app->plan,
                                          .serdes = app->serdes,
                                          .catalog = app->catalog,
                                          .dbs = &app->dbs,
                                          .globals = app->globals,
                                          .standby = app->standby,
                                          .index = (int)i};
    struct st_worker *worker = st_worker_create(&setup);
    worker->own.join_delay_us = i > 0 ? KC_JOIN_DELAY : 0;
    atomic_store(&worker->pause, atomic_load(&app->paused));
    int rc = st_worker_open(worker, err);
    if (rc == 0 && pthread_create(&worker->thread, NULL, worker_thread, worker) != 0)
        rc = aq_fail(err, AQ_E_FATAL, "cannot start a thread");
    worker->thread_running = rc == 0;
    if (rc != 0) {
        st_worker_close(worker);
        mark_failed(worker, err);
    }
    pthread_mutex_lock(&app->lock);
    app->workers[i] = worker;
    /* A stop that came while it was being made has missed it. */
    if (atomic_load(&app->stopping)) atomic_store(&worker->stop, true);
    pthread_mutex_unlock(&app->lock);
    return rc;
}

static void join_worker(struct st_worker *worker)
{
    if (worker->thread_running) pthread_join(worker->thread, NULL);
    worker->thread_running = false;
}

/* The first reason stays. */
static void set_error(struct st_app *app, const struct aq_err *err)
{
    AQ_ASSERT(err->code != 0);
    pthread_mutex_lock(&app->lock);
    if (app->err.code == 0) app->err = *err;
    pthread_mutex_unlock(&app->lock);
}

static void set_state(struct st_app *app, enum st_app_state state)
{
    pthread_mutex_lock(&app->lock);
    enum st_app_state before = app->state;
    app->state = state;
    pthread_mutex_unlock(&app->lock);
    if (before == state) return;
    aq_log(AQ_INFO, "state changed", aq_fs("application", app->settings->application_id),
           aq_fs("from", st_app_state_name(before)), aq_fs("to", st_app_state_name(state)));
}

/* Every row is there before the first record looks for it. */
static int connect_globals(struct st_app *app, struct aq_err *err)
{
    if (!app->globals) return 0;
    return st_globals_connect(app->globals, st_catalog_admin(app->catalog), &app->stopping, err);
}

/* First contact, topics and global tables. A broker that goes away in the middle of it is waited for like one that was never there. */
static int prepare(struct st_app *app, struct aq_err *err)
{
    int64_t deadline = atomic_load(&app->started_us) + app->settings->cluster->connect_timeout_ms * AQ_MS;
    for (;;) {
        int rc = st_catalog_connect(app->catalog, &app->stopping, err);
        if (rc == 0) rc = connect_globals(app, err);
        bool passing = rc != 0 && rc != AQ_E_STOPPED && aq_code_class(rc) == AQ_CLASS_RETRY;
        if (!passing || atomic_load(&app->stopping)) return rc;
        if (aq_mono_us() >= deadline) return err->code = AQ_E_UNREACHABLE;
        aq_log(AQ_WARN, "the cluster went away while the application was starting, trying again",
               aq_fs("application", app->settings->application_id), aq_fs("reason", err->text));
        aq_sleep_ms(200);
    }
}

static void end_workers(struct st_app *app)
{
    for (size_t i = 0; i < app->n_workers; i++)
        if (app->workers[i]) join_worker(app->workers[i]);
    if (app->globals) st_globals_stop(app->globals);
    if (app->standby) st_standby_stop(app->standby);
    st_catalog_stop(app->catalog);
}

/* Metrics may be asked for meanwhile. */
static int open_dbs(struct st_app *app, struct aq_err *err)
{
    struct st_dbs dbs;
    int rc = st_dbs_open(app->settings, app->plan->topology, &dbs, err);
    pthread_mutex_lock(&app->lock);
    app->dbs = dbs;
    const struct st_standby_conf conf = {.ops = app->ops,
                                         .settings = app->settings,
                                         .plan = app->plan,
                                         .catalog = app->catalog,
                                         .dbs = &app->dbs};
    if (rc == 0 && app->plan->topology->n_stores > 0) app->standby = st_standby_create(&conf);
    pthread_mutex_unlock(&app->lock);
    return rc;
}

static int start_standby(struct st_app *app, struct aq_err *err)
{
    if (!app->standby) return 0;
    const struct kc_flow *flow = &app->settings->flow;
    char *instance = flow->instance_id ? aq_asprintf("%s-0", flow->instance_id) : NULL;
    st_standby_name(app->standby, instance ? instance : app->workers[0]->own.instance);
    free(instance);
    return st_standby_start(app->standby, err);
}

int st_app_start(struct st_app *app, struct aq_err *err)
{
    AQ_ASSERT(app->state == ST_APP_CREATED);
    atomic_store(&app->started_us, aq_mono_us());
    int rc = prepare(app, err);
    if (rc == 0) rc = open_dbs(app, err);
    if (rc == 0) rc = st_catalog_start(app->catalog, err);
    if (rc == 0 && app->globals) rc = st_globals_start(app->globals, err);
    for (size_t i = 0; rc == 0 && i < app->n_workers; i++) rc = start_worker(app, i, err);
    if (rc == 0) rc = start_standby(app, err);
    if (rc != 0) {
        st_app_stop(app);
        end_workers(app);
        set_error(app, err);
        set_state(app, ST_APP_ERROR);
        return aq_err_in(err, "application %s", app->settings->application_id);
    }
    set_state(app, ST_APP_REBALANCING);
    aq_log(AQ_INFO, "application started", aq_fs("application", app->settings->application_id),
           aq_fs("cluster", app->settings->cluster->name),
           aq_fs("guarantee", app->settings->flow.exactly_once ? "exactly_once_v2" : "at_least_once"),
           aq_fi("threads", (int64_t)app->n_workers),
           aq_fi("took_ms", (aq_mono_us() - atomic_load(&app->started_us)) / AQ_MS));
    return 0;
}

static void stop_workers(struct st_app *app)
{
    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < app->n_workers; i++)
        if (app->workers[i]) atomic_store(&app->workers[i]->stop, true);
    pthread_mutex_unlock(&app->lock);
}

void st_app_stop(struct st_app *app)
{
    atomic_store(&app->stopping, true);
    stop_workers(app);
}

static void set_pause(struct st_app *app, bool paused)
{
    atomic_store(&app->paused, paused);
    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < app->n_workers; i++)
        if (app->workers[i]) atomic_store(&app->workers[i]->pause, paused);
    pthread_mutex_unlock(&app->lock);
    aq_log(AQ_INFO, paused ? "paused" : "resumed", aq_fs("application", app->settings->application_id));
}

void st_app_pause(struct st_app *app)
{
    set_pause(app, true);
}

void st_app_resume(struct st_app *app)
{
    set_pause(app, false);
}

/* ---- how they are ------------------------------------------------------------------------------------------------- */

struct looked {
    size_t over;
    size_t assigned;
};

static void look_at(struct st_worker *worker, struct looked *looked, bool *ret_failed)
{
    pthread_mutex_lock(&worker->shown_lock);
    *ret_failed = worker->shown_state == ST_WORKER_FAILED;
    looked->over += *ret_failed || worker->shown_state == ST_WORKER_ENDED;
    looked->assigned += worker->shown_assigned;
    pthread_mutex_unlock(&worker->shown_lock);
}

static bool may_replace(struct st_app *app, int64_t now)
{
    if (app->settings->on_failure != ST_REPLACE_THREAD || atomic_load(&app->stopping)) return false;
    if (now - app->failures_since_us > FAILURE_WINDOW) {
        app->failures_since_us = now;
        app->failures = 0;
    }
    return ++app->failures <= FAILURES_MAX;
}

/* The others are stopped in order, and the application ends in ERROR. */
static void give_up(struct st_app *app, size_t i, const struct aq_err *reason)
{
    struct aq_err err = *reason;
    if (app->err.code != 0) return;
    aq_err_in(&err, "thread %zu", i);
    aq_log(AQ_ERROR, "application failed", aq_fs("application", app->settings->application_id),
           aq_fs("code", aq_code_name(err.code)), aq_fs("reason", err.text));
    set_error(app, &err);
    set_state(app, ST_APP_PENDING_ERROR);
    stop_workers(app);
}

/* `old` is final: its thread writes no more after publishing FAILED. A new one that cannot be started is found failed at the next look. */
static void replace(struct st_app *app, size_t i)
{
    struct st_worker *old = app->workers[i];
    struct aq_err err = {0};
    join_worker(old);
    aq_log(AQ_WARN, "thread failed and is replaced", aq_fs("application", app->settings->application_id),
           aq_fi("thread", (int64_t)i), aq_fs("reason", old->own.err.text));
    pthread_mutex_lock(&app->lock);
    app->workers[i] = NULL;
    aq_counter_set(&old->counters.tasks, 0);
    aq_counter_set(&old->counters.in_flight, 0);
    aq_counter_set(&old->counters.restoring, 0);
    aq_counter_set(&old->counters.cache_bytes, 0);
    st_counters_add(&app->retired, &old->counters);
    pthread_mutex_unlock(&app->lock);
    st_worker_destroy(old);
    start_worker(app, i, &err);
}

static void look_at_all(struct st_app *app, int64_t now, struct looked *looked)
{
    for (size_t i = 0; i < app->n_workers; i++) {
        bool failed = false;
        if (!app->workers[i]) {
            looked->over++;
            continue;
        }
        look_at(app->workers[i], looked, &failed);
        if (!failed || app->err.code != 0) continue;
        if (may_replace(app, now))
            replace(app, i);
        else
            give_up(app, i, &app->workers[i]->own.err);
    }
}

static void follow_state(struct st_app *app, const struct looked *looked)
{
    if (looked->over >= app->n_workers) {
        end_workers(app);
        set_state(app, app->err.code ? ST_APP_ERROR : ST_APP_NOT_RUNNING);
        return;
    }
    bool settled = app->err.code == 0 && !atomic_load(&app->stopping) && looked->assigned == app->n_workers;
    if (app->standby) st_standby_settled(app->standby, settled);
    if (app->err.code != 0) return;
    if (atomic_load(&app->stopping))
        set_state(app, ST_APP_PENDING_SHUTDOWN);
    else
        set_state(app, looked->assigned == app->n_workers ? ST_APP_RUNNING : ST_APP_REBALANCING);
}

enum st_app_state st_app_wait(struct st_app *app, int64_t timeout_ms, struct aq_err *err)
{
    int64_t deadline = aq_mono_us() + timeout_ms * AQ_MS;
    for (;;) {
        int64_t now = aq_mono_us();
        struct looked looked = {0};
        bool over = app->state == ST_APP_NOT_RUNNING || app->state == ST_APP_ERROR;
        if (!over) look_at_all(app, now, &looked);
        if (!over) follow_state(app, &looked);
        if (app->state == ST_APP_ERROR) *err = app->err;
        if (app->state == ST_APP_ERROR || app->state == ST_APP_NOT_RUNNING || now >= deadline)
            return app->state;
        aq_sleep_ms(10);
    }
}

void st_app_destroy(struct st_app *app)
{
    if (!app) return;
    st_app_stop(app);
    end_workers(app);
    for (size_t i = 0; i < app->n_workers; i++) st_worker_destroy(app->workers[i]);
    st_queries_destroy(app->queries);
    st_globals_destroy(app->globals);
    st_standby_destroy(app->standby);
    st_dbs_close(&app->dbs);
    st_catalog_destroy(app->catalog);
    st_serde_flow_destroy(app->serdes);
    st_plan_destroy(app->plan);
    pthread_mutex_destroy(&app->lock);
    free(app->workers);
    free(app);
}
