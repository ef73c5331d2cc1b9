/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog: discovery of topics on both sides.
 *
 * An ordinary pass: every refresh_interval the discovery thread asks both clusters for their topics, publishes a new
 * view of the source topics this route takes when something changed, and sees to it that the topics they go to exist on
 * the sink with enough partitions. A worker that meets a sink topic nobody foresaw (the chain decides per record) asks
 * for it; that wakes the thread at once.
 *
 * A failing pass: a cluster does not answer. The last view stays in force, the trouble is logged (once, then counted)
 * and shown by readiness; the next round tries again. A sink topic that cannot be created or grown keeps its error,
 * which the worker that needs it reports with the record's place.
 *
 * Invariants: views are immutable and counted; the version grows with every published view; only this thread creates
 * or alters anything on the sink besides records.
 */
#include "bridge/catalog.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/sink_topic.h"
#include "kafka/connect.h"
#include "kafka/discovery.h"
#include "kafka/sink_topics.h"
#include "kafka/state_topic.h"
#include "kafka/task_map.h"

#define ADMIN_TIMEOUT_MS 10000

struct br_catalog {
    const struct kc_ops *ops;
    const struct br_route *route;
    struct kc_admin *source;
    struct kc_admin *sink;
    struct kc_route_facts facts;
    struct kc_sink_topics sink_topics;
    struct kc_discovery discovery;
    pthread_mutex_t lock; /* guards view */
    struct br_catalog_view *view;
    bool shrink_seen; /* the last round's answer lacked something */
};

static void serve_sink_topics(struct br_catalog *catalog);

static void serve(void *ctx)
{
    serve_sink_topics(ctx);
}

static int look_again(void *ctx, struct aq_err *err)
{
    return br_catalog_refresh(ctx, err);
}

struct br_catalog *br_catalog_create(const struct kc_ops *ops, const struct br_route *route)
{
    struct br_catalog *catalog = aq_calloc(1, sizeof(*catalog));
    catalog->ops = ops;
    catalog->route = route;
    kc_sink_topics_init(&catalog->sink_topics, route->flow.noun);
    pthread_mutex_init(&catalog->lock, NULL);
    const struct kc_discovery_host host = {.ctx = catalog, .serve = serve, .look = look_again};
    kc_discovery_init(&catalog->discovery, &route->flow, route->refresh_interval_ms, &host);
    return catalog;
}

void br_catalog_destroy(struct br_catalog *catalog)
{
    if (!catalog) return;
    br_catalog_stop(catalog);
    if (catalog->view) br_catalog_view_unref(catalog->view);
    if (catalog->source) catalog->ops->admin_close(catalog->source);
    if (catalog->sink) catalog->ops->admin_close(catalog->sink);
    kc_sink_topics_finish(&catalog->sink_topics);
    kc_discovery_finish(&catalog->discovery);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog);
}

struct kc_admin *br_catalog_source(struct br_catalog *catalog)
{
    return catalog->source;
}

struct kc_admin *br_catalog_sink(struct br_catalog *catalog)
{
    return catalog->sink;
}

const struct kc_route_facts *br_catalog_facts(const struct br_catalog *catalog)
{
    return &catalog->facts;
}

/* ---- first contact ------------------------------------------------------------------------------------------------ */

int br_catalog_connect(struct br_catalog *catalog, const atomic_bool *stop, struct aq_err *err)
{
    const struct br_route *route = catalog->route;
    int rc;
    if (!catalog->source &&
        (rc = catalog->ops->admin_open(route->source, "aqueduct-admin", &catalog->source, err)) != 0)
        return rc;
    if (!catalog->sink &&
        (rc = catalog->ops->admin_open(route->sink, "aqueduct-admin", &catalog->sink, err)) != 0)
        return rc;
    catalog->facts = (struct kc_route_facts){.route = route->name,
                                             .tasks = route->flow.tasks,
                                             .map_version = KC_TASK_MAP_VERSION,
                                             .created_ms = aq_wall_ms()};
    rc = kc_connect(catalog->ops, &route->flow, route->source, catalog->source, catalog->facts.source_id,
                    stop, err);
    if (rc != 0) return rc;
    rc =
        kc_connect(catalog->ops, &route->flow, route->sink, catalog->sink, catalog->facts.sink_id, stop, err);
    if (rc != 0) return rc;
    if (strcmp(catalog->facts.source_id, catalog->facts.sink_id) == 0)
        aq_log(AQ_WARN, "source and sink are the same cluster: only topics the chain renames can be mirrored",
               aq_fs("route", route->name), aq_fs("cluster_id", catalog->facts.sink_id));
    return kc_state_topic_prepare(catalog->ops, &route->flow, catalog->sink, &catalog->facts, err);
}

/* ---- one round ---------------------------------------------------------------------------------------------------- */

void br_catalog_view_unref(struct br_catalog_view *view)
{
    if (atomic_fetch_sub(&view->references, 1) != 1) return;
    aq_arena_finish(&view->arena);
    free(view);
}

const struct br_source_topic *br_catalog_find(const struct br_catalog_view *view, const char *topic)
{
    size_t low = 0, high = view->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(view->topics[middle].name, topic);
        if (order == 0) return &view->topics[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static struct br_catalog_view *make_view(const struct br_catalog *catalog, const struct kc_topics *seen)
{
    struct br_catalog_view *view = aq_calloc(1, sizeof(*view));
    atomic_init(&view->references, 1);
    aq_arena_init(&view->arena, 4096);
    view->topics = aq_arena_zalloc(&view->arena, seen->count * sizeof(*view->topics));
    for (size_t i = 0; i < seen->count; i++) {
        const struct kc_topic *topic = &seen->list[i];
        if (topic->error != 0 || topic->partitions <= 0) continue;
        if (!br_topic_filter_takes(catalog->route->filter, topic->name)) continue;
        struct br_source_topic *taken = &view->topics[view->count++];
        taken->name = aq_arena_strdup(&view->arena, topic->name);
        taken->partitions = topic->partitions;
        memcpy(taken->id, topic->id, sizeof(taken->id));
    }
    return view;
}

static bool same_view(const struct br_catalog_view *a, const struct br_catalog_view *b)
{
    if (!a || a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct br_source_topic *x = &a->topics[i], *y = &b->topics[i];
        if (strcmp(x->name, y->name) != 0 || x->partitions != y->partitions || strcmp(x->id, y->id) != 0)
            return false;
    }
    return true;
}

static void tell_missing(const struct br_catalog *catalog, const struct br_catalog_view *view)
{
    const char *const *names;
    size_t count = br_topic_filter_literals(catalog->route->filter, &names);
    for (size_t i = 0; i < count; i++) {
        if (br_catalog_find(view, names[i])) continue;
        aq_log(AQ_WARN, "topic does not exist on the source, or may not be described; waiting for it",
               aq_fs("route", catalog->route->name), aq_fs("cluster", catalog->route->source->name),
               aq_fs("topic", names[i]));
    }
}

/* True when something the old view has is missing. */
static bool shrinks(const struct br_catalog_view *old, const struct br_catalog_view *view)
{
    for (size_t i = 0; old && i < old->count; i++) {
        const struct br_source_topic *now = br_catalog_find(view, old->topics[i].name);
        if (!now || now->partitions < old->topics[i].partitions) return true;
    }
    return false;
}

static void publish(struct br_catalog *catalog, struct br_catalog_view *view)
{
    /* A broker that is just coming up may not know every topic yet: a loss is believed when it is told twice. */
    bool smaller = shrinks(catalog->view, view), believed = catalog->shrink_seen;
    catalog->shrink_seen = smaller;
    if (smaller && !believed) {
        br_catalog_view_unref(view);
        return;
    }
    pthread_mutex_lock(&catalog->lock);
    struct br_catalog_view *old = catalog->view;
    bool same = same_view(old, view);
    view->version = old ? old->version + 1 : 1;
    if (!same) catalog->view = view;
    pthread_mutex_unlock(&catalog->lock);
    if (!same) tell_missing(catalog, view);
    if (same)
        br_catalog_view_unref(view);
    else if (old)
        br_catalog_view_unref(old);
}

/* Asks for the topics the view's records will go to, as far as names decide it. */
static void want_sink_topics(struct br_catalog *catalog, const struct br_catalog_view *view)
{
    const struct br_route *route = catalog->route;
    bool asked;
    struct aq_err ignored;
    for (size_t i = 0; i < view->count; i++) {
        const struct br_source_topic *topic = &view->topics[i];
        char name[256];
        if (!xf_chain_map_topic(route->chain, topic->name, name, sizeof(name))) continue;
        int32_t least = route->partitioning == BR_PARTITION_SOURCE ? topic->partitions : 1;
        kc_sink_topics_want(&catalog->sink_topics, name, least, topic->partitions, topic->name, &asked,
                            &ignored);
    }
    if (route->tolerance == BR_ERRORS_DEAD_LETTER)
        kc_sink_topics_want(&catalog->sink_topics, route->dead_letter_topic, 1, 1, NULL, &asked, &ignored);
}

/* Creates and grows what was asked for. */
static void serve_sink_topics(struct br_catalog *catalog)
{
    struct kc_sink_topic wanted;
    while (kc_sink_topics_next(&catalog->sink_topics, aq_mono_us(), &wanted)) {
        struct aq_err err = {0};
        int32_t partitions = br_sink_topic_provide(catalog->ops, catalog->route, catalog->source,
                                                   catalog->sink, &wanted, &err);
        /* Another instance was faster: the next round, at once, sees what it made. */
        bool soon = partitions == AQ_E_AGAIN;
        if (partitions <= 0)
            aq_log(soon ? AQ_INFO : AQ_ERROR, "sink topic cannot be provided",
                   aq_fs("route", catalog->route->name), aq_fs("topic", wanted.name),
                   aq_fs("reason", err.text));
        kc_sink_topics_done(&catalog->sink_topics, wanted.name, partitions, &err,
                            aq_mono_us() + catalog->route->refresh_interval_ms * AQ_MS);
        if (soon) br_catalog_poke(catalog);
    }
}

static int see_sink(struct br_catalog *catalog, struct aq_err *err)
{
    struct kc_topics seen = {0};
    int rc = catalog->ops->admin_topics(catalog->sink, ADMIN_TIMEOUT_MS, &seen, err);
    if (rc != 0) return rc;
    kc_sink_topics_update(&catalog->sink_topics, &seen);
    aq_arena_finish(&seen.arena);
    return 0;
}

int br_catalog_refresh(struct br_catalog *catalog, struct aq_err *err)
{
    struct kc_topics seen = {0};
    int rc = catalog->ops->admin_topics(catalog->source, ADMIN_TIMEOUT_MS, &seen, err);
    if (rc != 0) return rc;
    struct br_catalog_view *view = make_view(catalog, &seen);
    aq_arena_finish(&seen.arena);
    rc = see_sink(catalog, err);
    if (rc != 0) {
        br_catalog_view_unref(view);
        return rc;
    }
    want_sink_topics(catalog, view);
    serve_sink_topics(catalog);
    publish(catalog, view);
    return 0;
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

int br_catalog_start(struct br_catalog *catalog, struct aq_err *err)
{
    return kc_discovery_start(&catalog->discovery, err);
}

void br_catalog_stop(struct br_catalog *catalog)
{
    kc_discovery_stop(&catalog->discovery);
}

void br_catalog_poke(struct br_catalog *catalog)
{
    kc_discovery_poke(&catalog->discovery);
}

struct br_catalog_view *br_catalog_view(struct br_catalog *catalog, uint64_t seen)
{
    pthread_mutex_lock(&catalog->lock);
    struct br_catalog_view *view = catalog->view;
    if (view && view->version == seen) view = NULL;
    if (view) atomic_fetch_add(&view->references, 1);
    pthread_mutex_unlock(&catalog->lock);
    return view;
}

int32_t br_catalog_sink_partitions(struct br_catalog *catalog, const char *topic, int32_t least,
                                   int32_t wanted, const char *copy_from, struct aq_err *err)
{
    bool asked;
    int32_t partitions =
        kc_sink_topics_want(&catalog->sink_topics, topic, least, wanted, copy_from, &asked, err);
    if (asked) br_catalog_poke(catalog);
    return partitions;
}

void br_catalog_trouble(struct br_catalog *catalog, char *buf, size_t size)
{
    kc_discovery_trouble(&catalog->discovery, buf, size);
}
