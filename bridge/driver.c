/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of a route (bridge/driver.h).
 *
 * An ordinary pass: create opens a world with the two clusters, makes the topics the route names, lets the catalog
 * look at them, and turns the worker until its tasks are owned. Pipe appends one record and settles. To settle is to
 * turn the worker until a few turns in a row change nothing: no record read, nothing queued or in flight, no cycle
 * open. An open cycle is asked to commit at once; a sink topic the worker waits for is made by a round of discovery,
 * for which no thread runs here.
 *
 * A failing pass: the worker fails (a record that cannot be processed and the policy `fail`): settling ends with its
 * reason.
 *
 * Invariants: outside of the calls the thread has its own clock, inside the world's. The worker's polls move the
 * world's clock a little; the wall clock is put back behind each call, so that a test decides what time it is.
 */
#include "bridge/driver.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "bridge/worker.h"

#define CALM_TURNS     6
#define TURNS_MAX      1000000
#define SESSION_MS     (INT32_MAX / 2) /* no jump of the clock ends the membership */
#define TRANSACTION_MS 900000          /* the most brokers allow; none is open between calls */

struct br_driver {
    struct kc_sim *sim;
    struct kc_cluster source, sink;
    struct br_route route; /* the caller's, but for what belongs to the driver */
    struct br_catalog *catalog;
    struct br_finish finish;
    struct br_worker *worker;
    int32_t partitions;
    bool open;
    struct kc_sim_cursors sinks; /* what was read of the sink's topics */
};

/* ---- the clock ---------------------------------------------------------------------------------------------------- */

struct visit {
    struct aq_virtual_clock *outside;
    int64_t wall_us;
};

static struct visit enter_world(struct br_driver *driver)
{
    struct aq_virtual_clock *clock = kc_sim_clock(driver->sim);
    int64_t wall_us = clock->wall_us;
    return (struct visit){aq_clock_use(clock), wall_us};
}

static void leave_world(struct br_driver *driver, struct visit visit)
{
    kc_sim_clock(driver->sim)->wall_us = visit.wall_us;
    aq_clock_use(visit.outside);
}

int64_t br_driver_wall_ms(const struct br_driver *driver)
{
    return kc_sim_clock(driver->sim)->wall_us / 1000;
}

/* ---- settling ----------------------------------------------------------------------------------------------------- */

/* What a turn may have changed. */
struct state {
    uint64_t read, written, committed, aborted;
    uint64_t tasks;
};

static struct state look(const struct br_driver *driver)
{
    const struct br_counters *counters = &driver->worker->counters;
    return (struct state){.read = aq_counter_get(&counters->records_read),
                          .written = aq_counter_get(&counters->records_written),
                          .committed = aq_counter_get(&counters->committed),
                          .aborted = aq_counter_get(&counters->aborted),
                          .tasks = aq_counter_get(&counters->tasks)};
}

static bool is_calm(const struct br_driver *driver, const struct state *before)
{
    const struct br_worker *worker = driver->worker;
    struct state now = look(driver);
    bool waits = worker->queue.head || worker->in_flight > 0 || worker->suspects || worker->resets ||
                 worker->view_again;
    return memcmp(&now, before, sizeof(now)) == 0 && !waits && worker->view &&
           kc_ownership_is_idle(&worker->own) && kc_ownership_may_send(&worker->own) &&
           kc_ownership_is_settled(&worker->own);
}

/* Things that wait for time to pass here wait for a call. */
static int push_on(struct br_driver *driver, struct aq_err *err)
{
    struct br_worker *worker = driver->worker;
    if (worker->blocked_us != 0) {
        int rc = br_catalog_refresh(driver->catalog, err);
        if (rc != 0) return rc;
    }
    if (!kc_ownership_is_idle(&worker->own)) kc_ownership_request(&worker->own);
    return 0;
}

static int settle(struct br_driver *driver, struct aq_err *err)
{
    int calm = 0;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        struct state before = look(driver);
        bool alive = br_worker_turn(driver->worker, aq_mono_us());
        if (!alive) {
            if (driver->worker->own.err.code == 0) return 0;
            *err = driver->worker->own.err;
            return err->code;
        }
        int rc = push_on(driver, err);
        if (rc != 0) return rc;
        calm = is_calm(driver, &before) ? calm + 1 : 0;
        if (calm >= CALM_TURNS) return 0;
    }
    return aq_fail(err, AQ_E_TIMEOUT, "the route does not come to rest");
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void make_route(struct br_driver *driver, const struct br_route *route)
{
    struct br_route *own = &driver->route;
    *own = *route;
    own->workers = 1;
    own->start = BR_START_EARLIEST;
    own->stop_at_end = false;
    own->records_per_second = own->bytes_per_second = 0;
    own->create_topics = true;
    own->replication_factor = own->flow.replication_factor = -1;
    own->session_timeout_ms = own->flow.session_timeout_ms = SESSION_MS;
    own->transaction_timeout_ms = own->flow.transaction_timeout_ms = TRANSACTION_MS;
    own->flow.workers = 1;
    own->source = own->flow.source = &driver->source;
    /* One cluster is one pointer. */
    own->sink = own->flow.sink =
        strcmp(route->source->name, route->sink->name) == 0 ? &driver->source : &driver->sink;
    driver->sinks.cluster = own->sink;
}

static int create_literals(struct br_driver *driver, struct aq_err *err)
{
    const char *const *names;
    size_t n = br_topic_filter_literals(driver->route.filter, &names);
    for (size_t i = 0; i < n; i++) {
        int rc = kc_sim_create_topic(&driver->source, names[i], driver->partitions, NULL, 0, err);
        if (rc != 0 && rc != AQ_E_EXISTS) return rc;
    }
    return 0;
}

static int start(struct br_driver *driver, struct aq_err *err)
{
    static const atomic_bool never = false;
    int rc = create_literals(driver, err);
    if (rc != 0) return rc;
    driver->catalog = br_catalog_create(&kc_sim_ops, &driver->route);
    rc = br_catalog_connect(driver->catalog, &never, err);
    if (rc == 0) rc = br_catalog_refresh(driver->catalog, err);
    if (rc != 0) return rc;
    br_finish_init(&driver->finish, 1);
    driver->worker = br_worker_create(&kc_sim_ops, &driver->route, driver->catalog, &driver->finish, 0);
    driver->worker->own.inline_lookup = true; /* the world belongs to this thread */
    driver->open = true;
    rc = br_worker_open(driver->worker, err);
    return rc == 0 ? settle(driver, err) : rc;
}

struct br_driver *br_driver_create(const struct br_driver_setup *setup, struct aq_err *err)
{
    AQ_ASSERT(setup->route && setup->route->chain && setup->route->source && setup->route->sink);
    const struct br_route *route = setup->route;
    struct br_driver *driver = aq_calloc(1, sizeof(*driver));
    driver->partitions = setup->partitions > 0 ? setup->partitions : 1;
    driver->sim = kc_sim_open(setup->seed);
    kc_sim_cluster(driver->sim, route->source->name, &driver->source);
    kc_sim_cluster(driver->sim, route->sink->name, &driver->sink);
    if (setup->wall_ms > 0) kc_sim_clock(driver->sim)->wall_us = setup->wall_ms * 1000;
    make_route(driver, route);
    struct visit visit = enter_world(driver);
    int rc = start(driver, err);
    leave_world(driver, visit);
    if (rc == 0) return driver;
    br_driver_destroy(driver);
    return NULL;
}

static void close_worker(struct br_driver *driver)
{
    if (!driver->open) return;
    driver->open = false;
    br_worker_close(driver->worker);
}

int br_driver_close(struct br_driver *driver, struct aq_err *err)
{
    if (!driver->open) return 0;
    struct visit visit = enter_world(driver);
    atomic_store(&driver->worker->stop, true);
    int rc = settle(driver, err);
    close_worker(driver);
    leave_world(driver, visit);
    return rc;
}

void br_driver_destroy(struct br_driver *driver)
{
    if (!driver) return;
    struct visit visit = enter_world(driver);
    close_worker(driver);
    br_worker_destroy(driver->worker);
    br_catalog_destroy(driver->catalog);
    leave_world(driver, visit);
    kc_sim_close(driver->sim);
    kc_sim_cursors_finish(&driver->sinks);
    free(driver);
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

static int provide_topic(struct br_driver *driver, const char *topic, struct aq_err *err)
{
    if (!br_topic_filter_takes(driver->route.filter, topic))
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "the route does not take the topic '%s'", topic);
    int rc = kc_sim_create_topic(&driver->source, topic, driver->partitions, NULL, 0, err);
    if (rc == AQ_E_EXISTS) return 0;
    if (rc == 0) rc = br_catalog_refresh(driver->catalog, err);
    return rc == 0 ? settle(driver, err) : rc;
}

int br_driver_pipe(struct br_driver *driver, const char *topic, const struct kc_sim_record *rec,
                   struct aq_err *err)
{
    AQ_ASSERT(driver->open && topic && rec);
    struct visit visit = enter_world(driver);
    struct kc_sim_record copy = *rec;
    int rc = provide_topic(driver, topic, err);
    if (rc == 0) rc = kc_sim_append(&driver->source, topic, &copy, err);
    if (rc == 0) rc = settle(driver, err);
    leave_world(driver, visit);
    return rc;
}

int br_driver_advance(struct br_driver *driver, int64_t ms, struct aq_err *err)
{
    AQ_ASSERT(driver->open && ms >= 0);
    struct visit visit = enter_world(driver);
    kc_sim_advance(driver->sim, ms * AQ_MS);
    visit.wall_us += ms * AQ_MS;
    int rc = settle(driver, err);
    leave_world(driver, visit);
    return rc;
}

/* ---- output ------------------------------------------------------------------------------------------------------- */

bool br_driver_read(struct br_driver *driver, const char *topic, struct kc_sim_record *ret)
{
    struct visit visit = enter_world(driver);
    bool found = kc_sim_cursors_next(&driver->sinks, topic, ret);
    leave_world(driver, visit);
    return found;
}

size_t br_driver_topics(struct br_driver *driver, const char *const **ret_names)
{
    const struct br_worker *worker = driver->worker;
    for (uint32_t i = 0; i < worker->known_count; i++)
        kc_sim_cursors_add(&driver->sinks, worker->known[i].name->text);
    *ret_names = driver->sinks.names;
    return driver->sinks.n;
}
