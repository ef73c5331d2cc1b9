/* SPDX-License-Identifier: Apache-2.0
 *
 * An application on a simulated cluster, its one worker turned by the test. The world stays while applications come and go.
 */
#ifndef AQ_TESTS_ST_APP_WORLD_H
#define AQ_TESTS_ST_APP_WORLD_H

#include "streams/app_run.h"
#include "streams/ops/op_table.h"
#include "tests/unit/streams/st_engine.h"

#include "tests/lib/check.h"

#define REPARTITION "app-again-repartition"

struct world {
    struct engine e; /* settings and topology */
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct aq_virtual_clock *outside;
    struct st_app *app;
    struct st_worker *worker;
    struct aq_err err;
};

__attribute__((unused)) static void good(struct world *w, int rc)
{
    T_CHECK(rc == 0, "%d: %s", rc, w->err.text);
}

__attribute__((unused)) static void make_settings(struct world *w)
{
    struct st_settings *s = &w->e.settings;
    s->cluster = &w->cluster;
    s->create_topics = false; /* that is about sinks: repartition topics are always made */
    s->flow.source = s->flow.sink = &w->cluster;
    s->flow.session_timeout_ms = s->session_timeout_ms;
    s->flow.transaction_timeout_ms = s->transaction_timeout_ms;
}

/* input (3 partitions) -> repartition (2) -> output */
__attribute__((unused)) static void open_world(struct world *w, int guarantee)
{
    *w = (struct world){.sim = kc_sim_open(7)};
    engine_init(&w->e, guarantee);
    engine_source(&w->e, "in", "input");
    engine_good(&w->e, st_add_repartition(w->e.topology, "again", 2, engine_parent("in"), &w->e.err));
    engine_sink(&w->e, "out", "output", "again");
    kc_sim_cluster(w->sim, "test", &w->cluster);
    make_settings(w);
    w->outside = aq_clock_use(kc_sim_clock(w->sim));
    good(w, kc_sim_create_topic(&w->cluster, "input", 3, NULL, 0, &w->err));
    good(w, kc_sim_create_topic(&w->cluster, "output", 2, NULL, 0, &w->err));
}

/* The topic `places` (2 partitions) with a row for k0 and k1 is the global table `where`. */
__attribute__((unused)) static void add_global_table(struct world *w)
{
    good(w, kc_sim_create_topic(&w->cluster, "places", 2, NULL, 0, &w->err));
    for (int i = 0; i < 2; i++) {
        struct kc_sim_record rec = {
            .partition = i, .key = i ? AQ_LIT("k1") : AQ_LIT("k0"), .value = AQ_LIT("here"), .timestamp = 1};
        good(w, kc_sim_append(&w->cluster, "places", &rec, &w->err));
    }
    good(w, st_add_global_table(w->e.topology, "where", "places", &w->err));
}

/* What is read is joined with it, to the output. */
__attribute__((unused)) static void join_global_table(struct world *w)
{
    static struct st_stream_global_join join = {.joiner = {.kind = &st_joiner_pair}};
    good(w, st_add_processor(w->e.topology, "look", &st_stream_global_join_kind, &join, engine_parent("in"),
                             &w->err));
    good(w, st_connect_global_table(w->e.topology, "look", "where", &w->err));
    engine_sink(&w->e, "found", "output", "look");
}

__attribute__((unused)) static void close_world(struct world *w)
{
    aq_clock_use(w->outside);
    kc_sim_close(w->sim);
    st_topology_destroy(w->e.topology);
}

__attribute__((unused)) static void turn(struct world *w, int times)
{
    for (int i = 0; i < times && st_worker_turn(w->worker, aq_mono_us(), 0); i++) {
        kc_sim_advance(w->sim, 5 * AQ_MS);
        if (w->app->globals) st_globals_turn(w->app->globals, 0);
    }
    st_app_wait(w->app, 0, &w->err);
}

__attribute__((unused)) static void start_app(struct world *w)
{
    static const atomic_bool never = false;
    w->app = st_app_create(&kc_sim_ops, &w->e.settings, w->e.topology, &w->err);
    T_CHECK(w->app != NULL, "%s", w->err.text);
    good(w, st_catalog_connect(w->app->catalog, &never, &w->err));
    if (w->app->globals)
        good(w, st_globals_connect(w->app->globals, st_catalog_admin(w->app->catalog), &never, &w->err));
    const struct st_worker_setup setup = {.ops = &kc_sim_ops,
                                          .settings = &w->e.settings,
                                          .plan = w->app->plan,
                                          .serdes = w->app->serdes,
                                          .catalog = w->app->catalog,
                                          .globals = w->app->globals,
                                          .inline_lookup = true};
    w->worker = w->app->workers[0] = st_worker_create(&setup);
    good(w, st_worker_open(w->worker, &w->err));
}

__attribute__((unused)) static void stop_app(struct world *w)
{
    st_app_stop(w->app);
    turn(w, 1000);
    assert_int_equal(w->worker->state, ST_WORKER_ENDED);
    st_worker_close(w->worker);
    assert_int_equal(st_app_wait(w->app, 0, &w->err), ST_APP_NOT_RUNNING);
}

__attribute__((unused)) static void run_once(struct world *w)
{
    start_app(w);
    turn(w, 400);
    stop_app(w);
    st_app_destroy(w->app);
}

__attribute__((unused)) static void append(struct world *w, int first, int n)
{
    for (int i = first; i < first + n; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        struct kc_sim_record rec = {.partition = i % 3,
                                    .key = aq_slice_str(key),
                                    .value = AQ_LIT("v"),
                                    .timestamp = aq_wall_ms() - 2000};
        good(w, kc_sim_append(&w->cluster, "input", &rec, &w->err));
    }
}

__attribute__((unused)) static int outputs(struct world *w)
{
    struct kc_sim_record list[100];
    return kc_sim_read(&w->cluster, "output", 0, list, 100, &w->err);
}

#endif
