/* SPDX-License-Identifier: Apache-2.0
 *
 * The test driver (streams/driver.h).
 *
 * An ordinary pass: create opens a world with one cluster, makes the source topics, lets the catalog look at them,
 * and turns the worker until its tasks run. Pipe appends one record to its topic and settles. To settle is to turn
 * the worker until a few turns in a row change nothing: no record read, nothing in the outbox, no cycle open. An open
 * cycle is asked to commit at once, because here the clock stands still and no interval would ever be over; what it
 * committed into a repartition topic is then read in the following turns. Global tables are read by the same turns, so that what was
 * piped to their topics is in them when the next record comes.
 *
 * A failing pass: the worker fails (an error handler said fail): settling ends with its reason. A topology that never
 * comes to rest (a record that makes another one in the topic it came from) is given up after so many turns.
 *
 * Invariant: outside of the calls the thread has its own clock; inside the world's.
 */
#include "streams/driver.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "streams/global.h"
#include "streams/worker.h"

#define CALM_TURNS     6
#define TURNS_MAX      1000000
#define SESSION_MS     (INT32_MAX / 2) /* no jump of the clock ends the membership */
#define TRANSACTION_MS 900000          /* the most brokers allow; none is open between calls */
#define LONG_AGO       "the topology does not come to rest: a record makes others in a topic it reads"
#define CLUSTER_NAME   "test"

struct st_driver {
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct st_settings settings;
    const struct st_topology *topology;
    struct st_plan *plan;
    struct st_serde_flow *serdes;
    struct st_catalog *catalog;
    struct st_dbs dbs;
    struct st_globals *globals; /* NULL: none in the topology */
    struct st_worker *worker;
    int32_t partitions;
    bool open;
    struct kc_sim_cursors outputs; /* what was read of topics */
};

/* ---- the clock ---------------------------------------------------------------------------------------------------- */

static struct aq_virtual_clock *enter_world(struct st_driver *driver)
{
    return aq_clock_use(kc_sim_clock(driver->sim));
}

int64_t st_driver_wall_ms(const struct st_driver *driver)
{
    return kc_sim_clock(driver->sim)->wall_us / 1000;
}

/* ---- settling ----------------------------------------------------------------------------------------------------- */

/* What a turn may have changed. */
struct state {
    uint64_t read, processed, committed;
    size_t tasks;
};

static struct state look(const struct st_driver *driver)
{
    const struct st_worker *worker = driver->worker;
    return (struct state){.read = aq_counter_get(&worker->counters.records_read),
                          .processed = worker->shop.tally.processed,
                          .committed = aq_counter_get(&worker->counters.committed),
                          .tasks = worker->n_tasks};
}

static bool is_calm(const struct st_driver *driver, const struct state *before)
{
    struct state now = look(driver);
    return memcmp(&now, before, sizeof(now)) == 0 && st_worker_is_quiet(driver->worker) &&
           kc_ownership_is_settled(&driver->worker->own);
}

/* Things that wait for time to pass here wait for a call. */
static int push_on(struct st_driver *driver, struct aq_err *err)
{
    struct st_worker *worker = driver->worker;
    if (worker->blocked_us != 0) {
        int rc = st_catalog_refresh(driver->catalog, err);
        if (rc != 0) return rc;
    }
    if (!kc_ownership_is_idle(&worker->own)) kc_ownership_request(&worker->own);
    return 0;
}

static int settle(struct st_driver *driver, struct aq_err *err)
{
    int calm = 0;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        struct state before = look(driver);
        bool fed = driver->globals && st_globals_turn(driver->globals, 0);
        bool alive = st_worker_turn(driver->worker, aq_mono_us(), 0);
        if (driver->worker->own.err.code != 0 && !alive) {
            *err = driver->worker->own.err;
            return err->code;
        }
        if (!alive) return 0;
        int rc = push_on(driver, err);
        if (rc != 0) return rc;
        calm = !fed && is_calm(driver, &before) ? calm + 1 : 0;
        if (calm >= CALM_TURNS) return 0;
    }
    return aq_fail(err, AQ_E_TIMEOUT, LONG_AGO);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void make_settings(struct st_driver *driver, const struct st_driver_setup *setup)
{
    struct st_settings *settings = &driver->settings;
    *settings = *setup->settings;
    settings->threads = 1;
    settings->create_topics = true;
    settings->cluster = &driver->cluster;
    settings->session_timeout_ms = settings->flow.session_timeout_ms = SESSION_MS;
    settings->flow.source = settings->flow.sink = &driver->cluster;
    settings->transaction_timeout_ms = settings->flow.transaction_timeout_ms = TRANSACTION_MS;
    settings->flow.replication_factor = -1;
    settings->flow.workers = 1;
    settings->replication_factor = -1;
}

static int create_topic(struct st_driver *driver, const char *topic, struct aq_err *err)
{
    int rc = kc_sim_create_topic(&driver->cluster, topic, driver->partitions, NULL, 0, err);
    return rc == AQ_E_EXISTS ? 0 : rc;
}

static bool reads(const struct st_node *node)
{
    return node->type == ST_SOURCE || node->type == ST_GLOBAL_TABLE;
}

static int create_sources(struct st_driver *driver, const struct st_driver_setup *setup, struct aq_err *err)
{
    for (size_t i = 0; i < setup->n_topics; i++) {
        int rc = create_topic(driver, setup->topics[i], err);
        if (rc != 0) return rc;
    }
    for (size_t i = 0; i < driver->topology->n_nodes; i++) {
        const struct st_node *node = driver->topology->nodes[i];
        for (size_t t = 0; reads(node) && t < node->n_topics; t++) {
            int rc = create_topic(driver, node->topics[t], err);
            if (rc != 0) return rc;
        }
    }
    return 0;
}

static int make_plan(struct st_driver *driver, struct aq_err *err)
{
    driver->plan = st_plan_create(driver->topology, err);
    if (!driver->plan) return err->code;
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_serdes defaults = {driver->settings.key_serde, driver->settings.value_serde};
    driver->serdes = st_serde_flow_create(driver->plan, defaults, &findings);
    int rc = driver->serdes ? 0 : st_findings_verdict(&findings, err);
    st_findings_finish(&findings);
    return rc;
}

static int start(struct st_driver *driver, const struct st_driver_setup *setup, struct aq_err *err)
{
    static const atomic_bool never = false;
    int64_t wall_us = kc_sim_clock(driver->sim)->wall_us;
    int rc = create_sources(driver, setup, err);
    if (rc == 0) rc = make_plan(driver, err);
    if (rc != 0) return rc;
    driver->catalog = st_catalog_create(&kc_sim_ops, &driver->settings, driver->plan);
    rc = st_catalog_connect(driver->catalog, &never, err);
    if (rc == 0) rc = st_catalog_refresh(driver->catalog, err); /* sees the topics the first round made */
    driver->globals = st_globals_of(&kc_sim_ops, &driver->settings, driver->plan);
    if (rc == 0 && driver->globals)
        rc = st_globals_connect(driver->globals, st_catalog_admin(driver->catalog), &never, err);
    if (rc != 0) return rc;
    /* The waits of first contact have moved the clock: a test begins when it says. From here on nothing waits. */
    kc_sim_clock(driver->sim)->wall_us = wall_us;
    const struct st_worker_setup worker = {.ops = &kc_sim_ops,
                                           .settings = &driver->settings,
                                           .plan = driver->plan,
                                           .serdes = driver->serdes,
                                           .catalog = driver->catalog,
                                           .dbs = &driver->dbs,
                                           .globals = driver->globals,
                                           .inline_lookup = true};
    driver->worker = st_worker_create(&worker);
    driver->open = true;
    rc = st_worker_open(driver->worker, err);
    return rc == 0 ? settle(driver, err) : rc;
}

struct st_driver *st_driver_create(const struct st_driver_setup *setup, struct aq_err *err)
{
    AQ_ASSERT(setup->settings && setup->topology);
    struct st_driver *driver = aq_calloc(1, sizeof(*driver));
    driver->topology = setup->topology;
    driver->partitions = setup->partitions > 0 ? setup->partitions : 1;
    driver->sim = kc_sim_open(setup->seed);
    kc_sim_keep_order(driver->sim, true);
    kc_sim_cluster(driver->sim, CLUSTER_NAME, &driver->cluster);
    driver->outputs.cluster = &driver->cluster;
    if (setup->wall_ms > 0) kc_sim_clock(driver->sim)->wall_us = setup->wall_ms * 1000;
    make_settings(driver, setup);
    st_dbs_open_memory(&driver->dbs);
    struct aq_virtual_clock *outside = enter_world(driver);
    int rc = start(driver, setup, err);
    aq_clock_use(outside);
    if (rc == 0) return driver;
    st_driver_destroy(driver);
    return NULL;
}

static void close_worker(struct st_driver *driver)
{
    if (!driver->open) return;
    driver->open = false;
    st_worker_close(driver->worker);
}

int st_driver_close(struct st_driver *driver, struct aq_err *err)
{
    if (!driver->open) return 0;
    struct aq_virtual_clock *outside = enter_world(driver);
    atomic_store(&driver->worker->stop, true);
    int rc = settle(driver, err);
    close_worker(driver);
    aq_clock_use(outside);
    return rc;
}

void st_driver_destroy(struct st_driver *driver)
{
    if (!driver) return;
    struct aq_virtual_clock *outside = enter_world(driver);
    close_worker(driver);
    st_worker_destroy(driver->worker);
    st_globals_destroy(driver->globals);
    st_dbs_close(&driver->dbs);
    st_catalog_destroy(driver->catalog);
    st_serde_flow_destroy(driver->serdes);
    st_plan_destroy(driver->plan);
    aq_clock_use(outside);
    kc_sim_close(driver->sim);
    kc_sim_cursors_finish(&driver->outputs);
    free(driver);
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

/* 1 when a source or a global table reads it by name, 2 by a pattern, 0 when none does. */
static int who_reads(const struct st_driver *driver, const char *topic, struct aq_err *err)
{
    for (size_t i = 0; i < driver->topology->n_nodes; i++) {
        const struct st_node *node = driver->topology->nodes[i];
        if (!reads(node)) continue;
        for (size_t t = 0; t < node->n_topics; t++)
            if (strcmp(node->topics[t], topic) == 0) return 1;
        if (node->type != ST_SOURCE) continue;
        int rc = st_pattern_takes(driver->topology, node, topic, err);
        if (rc != 0) return rc < 0 ? rc : 2;
    }
    return 0;
}

static int provide_topic(struct st_driver *driver, const char *topic, struct aq_err *err)
{
    int how = who_reads(driver, topic, err);
    if (how < 0) return how;
    if (how == 0)
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "no source of the topology reads the topic '%s'", topic);
    if (how == 1) return 0;
    int rc = kc_sim_create_topic(&driver->cluster, topic, driver->partitions, NULL, 0, err);
    if (rc == AQ_E_EXISTS) return 0;
    if (rc == 0) rc = st_catalog_refresh(driver->catalog, err);
    return rc == 0 ? settle(driver, err) : rc;
}

int st_driver_pipe(struct st_driver *driver, const char *topic, const struct kc_sim_record *rec,
                   struct aq_err *err)
{
    AQ_ASSERT(driver->open && topic && rec);
    struct aq_virtual_clock *outside = enter_world(driver);
    struct kc_sim_record copy = *rec;
    int rc = provide_topic(driver, topic, err);
    if (rc == 0) rc = kc_sim_append(&driver->cluster, topic, &copy, err);
    if (rc == 0) rc = settle(driver, err);
    aq_clock_use(outside);
    return rc;
}

int st_driver_advance(struct st_driver *driver, int64_t ms, struct aq_err *err)
{
    AQ_ASSERT(driver->open && ms >= 0);
    struct aq_virtual_clock *outside = enter_world(driver);
    kc_sim_advance(driver->sim, ms * AQ_MS);
    int rc = settle(driver, err);
    aq_clock_use(outside);
    return rc;
}

/* ---- output ------------------------------------------------------------------------------------------------------- */

bool st_driver_read(struct st_driver *driver, const char *topic, struct kc_sim_record *ret)
{
    struct aq_virtual_clock *outside = enter_world(driver);
    bool found = kc_sim_cursors_next(&driver->outputs, topic, ret);
    aq_clock_use(outside);
    return found;
}

size_t st_driver_topics(struct st_driver *driver, const char *const **ret_names)
{
    const struct st_worker *worker = driver->worker;
    for (size_t i = 0; i < worker->n_known; i++) {
        const char *name = worker->known[i].name->text;
        bool internal = false;
        for (size_t n = 0; n < driver->topology->n_nodes; n++) {
            const struct st_node *node = driver->topology->nodes[n];
            internal |= node->type == ST_REPARTITION && strcmp(node->topic, name) == 0;
        }
        for (size_t s = 0; s < driver->topology->n_stores; s++) {
            const char *changelog = driver->topology->stores[s]->changelog;
            internal |= changelog && strcmp(changelog, name) == 0;
        }
        if (!internal) kc_sim_cursors_add(&driver->outputs, name);
    }
    *ret_names = driver->outputs.names;
    return driver->outputs.n;
}

int st_driver_stores(struct st_driver *driver, const struct st_store *store,
                     int (*each)(void *ctx, struct st_kept *kept), void *ctx)
{
    const struct st_worker *worker = driver->worker;
    AQ_ASSERT(store && each);
    int rc = 0;
    for (const struct st_task *task = driver->open ? worker->tasks : NULL; task && rc == 0;
         task = task->next) {
        if (task->stores) rc = each(ctx, st_stores_find_kept(task->stores, store));
    }
    return rc;
}

const struct st_global *st_driver_global(const struct st_driver *driver, const char *name)
{
    return driver->globals ? st_globals_find(driver->globals, name) : NULL;
}

struct st_serdes st_driver_reads(const struct st_driver *driver, const char *topic)
{
    return st_serde_flow_read_from(driver->serdes, driver->plan, topic);
}

struct st_serdes st_driver_writes(const struct st_driver *driver, const char *topic)
{
    /* Dead letters are the bytes of any source. */
    const char *dead = driver->settings.dead_letter_topic;
    if (dead && strcmp(dead, topic) == 0) return (struct st_serdes){0};
    return st_serde_flow_written_to(driver->serdes, driver->plan, topic);
}
