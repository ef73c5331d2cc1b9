/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries of one application in this process (streams/query/query.h).
 *
 * An ordinary pass: the worker that has the slot is found by what every worker shows of its slots, the ask is posted to it while the list of
 * workers is held still, and its answer waited for. What the workers show is a hint: the worker itself says whether it has the partition.
 *
 * A failing pass: no worker has it: then it is on its way here, or somebody else's, which the directory knows.
 */
#include "streams/query/query.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "streams/app_run.h"
#include "streams/query/display.h"
#include "streams/query/read.h"

#define END_MS       1000
#define PAGE_US      (5 * AQ_MS) /* of a copy, whose keeper waits meanwhile */
#define PAGE_ENTRIES 2000
#define PAGE_BYTES   ((size_t)256 << 10)

struct st_queries {
    struct st_app *app;
    struct st_queryable *list; /* by index of the store */
    size_t n;
    struct st_directory *directory;
    pthread_mutex_t lock;         /* guards displays */
    struct st_display **displays; /* by index of the store; NULL: not shown yet */
};

struct st_queries *st_queries_create(struct st_app *app)
{
    AQ_ASSERT(app->plan && app->serdes);
    struct st_queries *queries = aq_calloc(1, sizeof(*queries));
    queries->app = app;
    queries->n = app->plan->topology->n_stores;
    queries->list = st_queryables_create(app->plan, app->serdes);
    queries->displays = aq_calloc(queries->n + 1, sizeof(struct st_display *));
    queries->directory = st_directory_create(app->ops, app->settings);
    pthread_mutex_init(&queries->lock, NULL);
    return queries;
}

void st_queries_destroy(struct st_queries *queries)
{
    if (!queries) return;
    for (size_t i = 0; i < queries->n; i++) st_display_destroy(queries->displays[i]);
    st_directory_destroy(queries->directory);
    pthread_mutex_destroy(&queries->lock);
    free(queries->displays);
    free(queries->list);
    free(queries);
}

struct st_queries *st_app_queries(struct st_app *app)
{
    return app->queries;
}

const char *st_queries_application(const struct st_queries *queries)
{
    return queries->app->settings->application_id;
}

const char *st_queries_address(const struct st_queries *queries)
{
    return queries->app->settings->flow.address;
}

size_t st_queries_count(const struct st_queries *queries)
{
    return queries->n;
}

const struct st_queryable *st_queries_store(const struct st_queries *queries, size_t index)
{
    AQ_ASSERT(index < queries->n);
    return &queries->list[index];
}

const struct st_queryable *st_queries_find(const struct st_queries *queries, const char *store)
{
    for (size_t i = 0; i < queries->n; i++)
        if (strcmp(queries->list[i].store->name, store) == 0) return &queries->list[i];
    return NULL;
}

/* ---- partitions --------------------------------------------------------------------------------------------------- */

int32_t st_queries_partitions(const struct st_queries *queries, const struct st_queryable *of)
{
    struct st_view *view = st_catalog_view(queries->app->catalog, 0);
    if (!view) return 0;
    int32_t n = st_queryable_partitions(of, view->tasks);
    st_view_unref(view);
    return n;
}

int32_t st_queries_partition(const struct st_queries *queries, const struct st_queryable *of,
                             struct aq_slice key)
{
    struct st_view *view = st_catalog_view(queries->app->catalog, 0);
    if (!view) return -1;
    int32_t partition = st_queryable_partition(of, view->tasks, key);
    st_view_unref(view);
    return partition;
}

static int32_t slot_of(const struct st_queries *queries, const struct st_queryable *of, int32_t partition)
{
    return st_task_slot(of->subtopology, partition, queries->app->settings->flow.tasks);
}

/* ---- here --------------------------------------------------------------------------------------------------------- */

/* Posts it to the worker that shows the slot; else says why not. */
static enum st_here post(struct st_app *app, struct st_ask *ask, char *why)
{
    const struct st_question *q = &ask->question;
    enum st_here here = ST_NOT_HERE;
    snprintf(why, 256, "partition %" PRId32 " is not here", q->partition);
    pthread_mutex_lock(&app->lock);
    for (size_t i = 0; i < app->n_workers && here != ST_HERE; i++) {
        struct st_worker *worker = app->workers[i];
        unsigned char holds = worker ? atomic_load(&worker->holds[q->slot]) : ST_HOLDS_NOT;
        if (holds == ST_HOLDS_SOON) {
            here = ST_HERE_TAKING;
            snprintf(why, 256,
                     "partition %" PRId32 " is being taken over: where it stands is being looked up",
                     q->partition);
        }
        if (holds == ST_HOLDS && st_mailbox_post(&worker->mailbox, ask)) here = ST_HERE;
    }
    pthread_mutex_unlock(&app->lock);
    return here;
}

static enum st_here ask_worker(struct st_queries *queries, struct st_ask *ask, int64_t timeout_us, char *why)
{
    const struct st_question *q = &ask->question;
    enum st_here here = post(queries->app, ask, why);
    if (here != ST_HERE) return here;
    if (!st_ask_wait(ask, timeout_us)) {
        snprintf(why, 256, "the thread that has partition %" PRId32 " did not answer within %lld ms",
                 q->partition, (long long)(timeout_us / 1000));
        return ST_HERE_SILENT;
    }
    if (ask->reply.here != ST_HERE) snprintf(why, 256, "%s", ask->reply.why);
    return ask->reply.here;
}

/* How far the copy is behind the end of its changelog, markers of transactions included. */
static int64_t lag_of(const struct st_app *app, const char *changelog, int32_t partition, int64_t next)
{
    struct aq_err ignored;
    struct kc_end end = {.topic = changelog, .partition = partition};
    if (app->ops->admin_ends(st_catalog_admin(app->catalog), &end, 1, END_MS, &ignored) != 0 || end.end < 0)
        return -1;
    int64_t behind = end.end - (next > 0 ? next : 0);
    return behind > 0 ? behind : 0;
}

static enum st_here read_copy(struct st_queries *queries, struct st_standby *standby,
                              struct st_stores *stores, struct st_ask *ask, char *why)
{
    const struct st_question *q = &ask->question;
    const struct st_page page = {
        .most_entries = PAGE_ENTRIES, .most_bytes = PAGE_BYTES, .until_us = aq_mono_us() + PAGE_US};
    const struct st_kept *kept = stores->list;
    struct aq_err err = {0};
    while (kept->store != q->of->store) kept++;
    int64_t next = kept->next;
    const char *changelog = kept->changelog ? kept->changelog->text : NULL;
    int rc = st_query_read(kept, ask, &page, &err);
    st_standby_give_back(standby, stores);
    if (rc != 0) {
        snprintf(why, 256, "the copy of store '%s' cannot be read: %.180s", q->of->store->name, err.text);
        return ST_HERE_FAILED;
    }
    ask->reply.standby = true;
    ask->reply.changelog_position = next;
    if (changelog) ask->reply.changelog_lag = lag_of(queries->app, changelog, q->partition, next);
    return ST_HERE;
}

static enum st_here ask_copy(struct st_queries *queries, struct st_ask *ask, char *why)
{
    const struct st_question *q = &ask->question;
    struct st_app *app = queries->app;
    pthread_mutex_lock(&app->lock);
    struct st_standby *standby = app->standby;
    pthread_mutex_unlock(&app->lock);
    struct st_stores *stores = standby ? st_standby_borrow(standby, q->of->subtopology, q->partition) : NULL;
    return stores ? read_copy(queries, standby, stores, ask, why) : ST_NOT_HERE;
}

enum st_here st_queries_ask(struct st_queries *queries, struct st_ask *ask, int64_t timeout_us, char *why)
{
    struct st_question *q = &ask->question;
    AQ_ASSERT(q->of && q->partition >= 0 && timeout_us > 0);
    q->slot = slot_of(queries, q->of, q->partition);
    enum st_here here = ask_worker(queries, ask, timeout_us, why);
    /* A worker that is silent still has the ask. */
    if (here == ST_HERE || here == ST_HERE_SILENT || !q->stale) return here;
    return ask_copy(queries, ask, why) == ST_HERE ? ST_HERE : here;
}

size_t st_queries_others(struct st_queries *queries, char (*list)[KC_ADDRESS_MAX], size_t most)
{
    return st_directory_others(queries->directory, st_queries_address(queries), list, most);
}

enum st_whereabouts st_queries_where(struct st_queries *queries, const struct st_queryable *of,
                                     int32_t partition, bool fresh, char *address, struct aq_err *err)
{
    return st_directory_find(queries->directory, slot_of(queries, of, partition), fresh, address, err);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

int st_queries_print(struct st_queries *queries, const struct st_queryable *of, int32_t partition,
                     const struct st_found_row *row, FILE *out, struct aq_err *err)
{
    const struct st_app *app = queries->app;
    size_t index = of->store->index;
    AQ_ASSERT(index < queries->n);
    pthread_mutex_lock(&queries->lock);
    if (!queries->displays[index])
        queries->displays[index] = st_display_create(app->settings, app->serdes, app->plan->topology, of);
    struct st_display *display = queries->displays[index];
    pthread_mutex_unlock(&queries->lock);
    return st_display_row(display, partition, row, out, err);
}
