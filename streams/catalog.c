/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalog: the application's topics and tasks on its cluster.
 *
 * An ordinary pass: every refresh_interval the discovery thread asks for the cluster's topics; the tasks that follow from them are
 * computed (streams/tasks.c), repartition topics that are missing are created, and a new view is published when something changed.
 * Topics that workers asked for are created, and repartition topics purged when it is time.
 *
 * A failing pass: the cluster does not answer. The last view stays in force, the trouble is logged and shown by readiness, the next
 * round tries again. Topics that change in a way the running tasks cannot follow (a source topic grew, and a repartition topic would
 * have to; a topic is gone) leave the last view in force, too, and are told once.
 *
 * Invariants: views are immutable and counted; the version grows with every published view; a view always has tasks without an error;
 * only this file creates or alters anything on the cluster besides records.
 */
#include "streams/catalog.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/connect.h"
#include "kafka/discovery.h"
#include "kafka/sink_topics.h"
#include "kafka/state_topic.h"
#include "streams/internal_topics.h"

#define ADMIN_TIMEOUT_MS 10000

struct st_catalog {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    const struct st_plan *plan;
    struct kc_admin *admin;
    struct kc_route_facts facts;
    struct kc_sink_topics sink_topics;
    struct st_purge purge;
    atomic_int largest; /* partitions of the largest source topic: what a created sink gets */
    struct kc_discovery discovery;
    pthread_mutex_t lock; /* guards view */
    struct st_view *view;
    bool loss_seen; /* the last round's answer lacked something */
    bool stuck_told;
};

/* Purging keeps to an interval of its own, and is done by the same looks. */
static int64_t look_interval_ms(const struct st_settings *settings)
{
    int64_t purge_ms = settings->repartition_purge_interval_ms;
    return purge_ms < settings->refresh_interval_ms ? purge_ms : settings->refresh_interval_ms;
}

static void serve(void *ctx)
{
    st_catalog_serve(ctx);
}

static int look_again(void *ctx, struct aq_err *err)
{
    return st_catalog_refresh(ctx, err);
}

struct st_catalog *st_catalog_create(const struct kc_ops *ops, const struct st_settings *settings,
                                     const struct st_plan *plan)
{
    struct st_catalog *catalog = aq_calloc(1, sizeof(*catalog));
    catalog->ops = ops;
    catalog->settings = settings;
    catalog->plan = plan;
    atomic_init(&catalog->largest, 1);
    kc_sink_topics_init(&catalog->sink_topics, settings->flow.noun);
    st_purge_init(&catalog->purge);
    pthread_mutex_init(&catalog->lock, NULL);
    const struct kc_discovery_host host = {.ctx = catalog, .serve = serve, .look = look_again};
    kc_discovery_init(&catalog->discovery, &settings->flow, look_interval_ms(settings), &host);
    return catalog;
}

void st_catalog_destroy(struct st_catalog *catalog)
{
    if (!catalog) return;
    st_catalog_stop(catalog);
    if (catalog->view) st_view_unref(catalog->view);
    if (catalog->admin) catalog->ops->admin_close(catalog->admin);
    kc_sink_topics_finish(&catalog->sink_topics);
    st_purge_finish(&catalog->purge);
    kc_discovery_finish(&catalog->discovery);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog);
}

const struct kc_route_facts *st_catalog_facts(const struct st_catalog *catalog)
{
    return &catalog->facts;
}

struct kc_admin *st_catalog_admin(struct st_catalog *catalog)
{
    return catalog->admin;
}

/* ---- views -------------------------------------------------------------------------------------------------------- */

void st_view_unref(struct st_view *view)
{
    if (atomic_fetch_sub(&view->references, 1) != 1) return;
    st_tasks_destroy(view->tasks);
    free(view);
}

/* The tasks on these topics. NULL with the first of the findings that are errors. */
static struct st_tasks *compute_tasks(const struct st_catalog *catalog, const struct kc_topics *seen,
                                      struct aq_err *err)
{
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_tasks *tasks = st_tasks_on(catalog->plan, seen, &findings);
    st_findings_verdict(&findings, err);
    st_findings_finish(&findings);
    return tasks;
}

static bool same_inputs(const struct st_tasks *a, const struct st_tasks *b)
{
    if (a->n_inputs != b->n_inputs) return false;
    for (size_t i = 0; i < a->n_inputs; i++) {
        const struct st_input *x = &a->inputs[i], *y = &b->inputs[i];
        if (x->source != y->source || x->partitions != y->partitions || strcmp(x->topic, y->topic) != 0)
            return false;
    }
    return true;
}

static void note_largest(struct st_catalog *catalog, const struct st_tasks *tasks)
{
    int32_t largest = 1;
    for (size_t i = 0; i < tasks->n_inputs; i++)
        if (tasks->inputs[i].partitions > largest) largest = tasks->inputs[i].partitions;
    atomic_store(&catalog->largest, largest);
}

/* Takes the tasks over. */
static void publish(struct st_catalog *catalog, struct st_tasks *tasks)
{
    struct st_view *old = catalog->view; /* replaced by nobody else */
    note_largest(catalog, tasks);
    catalog->loss_seen = catalog->stuck_told = false;
    if (old && same_inputs(old->tasks, tasks)) {
        st_tasks_destroy(tasks);
        return;
    }
    struct st_view *view = aq_calloc(1, sizeof(*view));
    atomic_init(&view->references, 1);
    view->version = old ? old->version + 1 : 1;
    view->tasks = tasks;
    pthread_mutex_lock(&catalog->lock);
    catalog->view = view;
    pthread_mutex_unlock(&catalog->lock);
    if (old) st_view_unref(old);
}

/* What runs cannot follow this: the last view stays. A loss is believed, and told, when it was seen twice. */
static void keep_old_view(struct st_catalog *catalog, const char *reason)
{
    bool tell = catalog->loss_seen && !catalog->stuck_told;
    catalog->loss_seen = true;
    if (!tell) return;
    catalog->stuck_told = true;
    aq_log(AQ_ERROR,
           "the topics changed in a way the running tasks cannot follow; they go on with what they had",
           aq_fs("application", catalog->settings->application_id), aq_fs("reason", reason));
}

/* ---- one round ---------------------------------------------------------------------------------------------------- */

/* Those are the business of st_internal_topics_ensure(). */
static bool is_repartition(const struct st_catalog *catalog, const char *topic)
{
    const struct st_topology *topology = catalog->plan->topology;
    for (size_t i = 0; i < topology->n_nodes; i++)
        if (topology->nodes[i]->type == ST_REPARTITION && strcmp(topology->nodes[i]->topic, topic) == 0)
            return true;
    return false;
}

static int32_t create_sink(struct st_catalog *catalog, const struct kc_sink_topic *wanted, struct aq_err *err)
{
    const struct st_settings *settings = catalog->settings;
    if (is_repartition(catalog, wanted->name))
        return aq_fail(err, AQ_E_AGAIN, "repartition topic %s was made just now", wanted->name);
    if (!settings->create_topics)
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC,
                       "topic %s does not exist on cluster %s and create_topics = false: create it first",
                       wanted->name, settings->cluster->name);
    const struct kc_topic_spec spec = {.name = wanted->name,
                                       .partitions = wanted->wanted,
                                       .replication_factor = (int32_t)settings->replication_factor};
    int rc = catalog->ops->admin_create_topic(catalog->admin, &spec, ADMIN_TIMEOUT_MS, err);
    if (rc == AQ_E_EXISTS)
        return aq_fail(err, AQ_E_AGAIN, "topic %s was created by somebody else just now", wanted->name);
    if (rc != 0) return rc;
    aq_log(AQ_INFO, "sink topic created", aq_fs("application", settings->application_id),
           aq_fs("topic", wanted->name), aq_fi("partitions", wanted->wanted));
    return wanted->wanted;
}

void st_catalog_serve(struct st_catalog *catalog)
{
    struct kc_sink_topic wanted;
    while (kc_sink_topics_next(&catalog->sink_topics, aq_mono_us(), &wanted)) {
        struct aq_err err = {0};
        int32_t partitions = wanted.partitions > 0 ? wanted.partitions : create_sink(catalog, &wanted, &err);
        bool soon = partitions == AQ_E_AGAIN;
        if (partitions <= 0)
            aq_log(soon ? AQ_INFO : AQ_ERROR, "sink topic cannot be provided",
                   aq_fs("application", catalog->settings->application_id), aq_fs("topic", wanted.name),
                   aq_fs("reason", err.text));
        kc_sink_topics_done(&catalog->sink_topics, wanted.name, partitions, &err,
                            aq_mono_us() + catalog->settings->refresh_interval_ms * AQ_MS);
        if (soon) st_catalog_poke(catalog);
    }
}

/* Sinks with a topic of their own, and the dead letter topic, are provided before the first record needs them. */
static void want_sinks(struct st_catalog *catalog)
{
    struct aq_err ignored;
    const struct st_topology *topology = catalog->plan->topology;
    for (size_t i = 0; i < topology->n_nodes; i++)
        if (topology->nodes[i]->type == ST_SINK && topology->nodes[i]->topic)
            st_catalog_partitions(catalog, topology->nodes[i]->topic, &ignored);
    if (catalog->settings->dead_letter_topic)
        st_catalog_partitions(catalog, catalog->settings->dead_letter_topic, &ignored);
}

/* A view of what was seen, with its repartition topics in place. At the first round everything that is wrong is an error. */
static int follow(struct st_catalog *catalog, const struct kc_topics *seen, int *ret_created,
                  struct aq_err *err)
{
    struct st_tasks *tasks = compute_tasks(catalog, seen, err);
    bool first = !catalog->view;
    const char *topic;
    if (!first && (!tasks || st_internal_topics_differ(tasks, seen, &topic))) {
        if (tasks)
            aq_fail(err, AQ_E_STATE, "internal topic %s would need another number of partitions", topic);
        keep_old_view(catalog, err->text);
        st_tasks_destroy(tasks);
        return 0;
    }
    if (!tasks) return err->code;
    int rc = st_internal_topics_ensure(catalog->ops, catalog->admin, catalog->settings, tasks, seen,
                                       ret_created, err);
    if (rc == 0)
        publish(catalog, tasks);
    else
        st_tasks_destroy(tasks);
    return rc;
}

static int look_once(struct st_catalog *catalog, int *ret_created, struct aq_err *err)
{
    struct kc_topics seen = {0};
    int rc = catalog->ops->admin_topics(catalog->admin, ADMIN_TIMEOUT_MS, &seen, err);
    if (rc != 0) return rc;
    kc_sink_topics_update(&catalog->sink_topics, &seen);
    rc = follow(catalog, &seen, ret_created, err);
    aq_arena_finish(&seen.arena);
    return rc;
}

/* Again when it made topics itself: the workers must know them before they write there. */
static int look(struct st_catalog *catalog, struct aq_err *err)
{
    int created = 0, ignored = 0;
    int rc = look_once(catalog, &created, err);
    return rc == 0 && created > 0 ? look_once(catalog, &ignored, err) : rc;
}

int st_catalog_refresh(struct st_catalog *catalog, struct aq_err *err)
{
    int rc = look(catalog, err);
    if (rc != 0) return rc;
    want_sinks(catalog);
    st_catalog_serve(catalog);
    rc = st_purge_run(&catalog->purge, catalog->ops, catalog->admin, aq_mono_us(),
                      catalog->settings->repartition_purge_interval_ms * AQ_MS, err);
    return rc == 0 ? 0 : aq_err_in(err, "repartition topics cannot be purged");
}

int st_catalog_connect(struct st_catalog *catalog, const atomic_bool *stop, struct aq_err *err)
{
    const struct st_settings *settings = catalog->settings;
    char id[KC_CLIENT_ID_MAX];
    int rc = 0;
    if (!catalog->admin)
        rc = catalog->ops->admin_open(
            settings->cluster, kc_client_id(settings->flow.client_prefix, "admin", id), &catalog->admin, err);
    if (rc != 0) return rc;
    catalog->facts = (struct kc_route_facts){.route = settings->application_id,
                                             .tasks = settings->flow.tasks,
                                             .map_version = KC_TASK_MAP_BY_NAME,
                                             .created_ms = aq_wall_ms()};
    rc = kc_connect(catalog->ops, &settings->flow, settings->cluster, catalog->admin,
                    catalog->facts.source_id, stop, err);
    if (rc != 0) return rc;
    memcpy(catalog->facts.sink_id, catalog->facts.source_id, sizeof(catalog->facts.sink_id));
    rc = kc_state_topic_prepare(catalog->ops, &settings->flow, catalog->admin, &catalog->facts, err);
    return rc == 0 ? st_catalog_refresh(catalog, err) : rc;
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

int st_catalog_start(struct st_catalog *catalog, struct aq_err *err)
{
    return kc_discovery_start(&catalog->discovery, err);
}

void st_catalog_stop(struct st_catalog *catalog)
{
    kc_discovery_stop(&catalog->discovery);
}

void st_catalog_poke(struct st_catalog *catalog)
{
    kc_discovery_poke(&catalog->discovery);
}

/* ---- what workers ask --------------------------------------------------------------------------------------------- */

struct st_view *st_catalog_view(struct st_catalog *catalog, uint64_t seen)
{
    pthread_mutex_lock(&catalog->lock);
    struct st_view *view = catalog->view;
    if (view && view->version == seen) view = NULL;
    if (view) atomic_fetch_add(&view->references, 1);
    pthread_mutex_unlock(&catalog->lock);
    return view;
}

int32_t st_catalog_partitions(struct st_catalog *catalog, const char *topic, struct aq_err *err)
{
    bool asked;
    int32_t partitions = kc_sink_topics_want(&catalog->sink_topics, topic, 1, atomic_load(&catalog->largest),
                                             NULL, &asked, err);
    if (asked) st_catalog_poke(catalog);
    return partitions;
}

void st_catalog_purgeable(struct st_catalog *catalog, const char *topic, int32_t partition, int64_t offset)
{
    st_purge_note(&catalog->purge, topic, partition, offset);
}

void st_catalog_trouble(struct st_catalog *catalog, char *buf, size_t size)
{
    kc_discovery_trouble(&catalog->discovery, buf, size);
}
