/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies (streams/standby.h): what is wanted, and handing over. Opening and reading is in standby_read.c.
 *
 * An ordinary pass: every few seconds, and soon after a rebalance, the keeper asks the coordinator who is in the group, and works out
 * which slots this process would have if another process left (streams/heirs.h). For each task of such a slot that has stores with
 * changelogs it looks up the slot's snapshot, where the changelog's id stands and how far it goes at least (streams/state/stores.c), opens the
 * stores in the process's databases, and reads the changelogs from where they end. What comes is written batch by batch, as it is when a
 * worker restores. With exactly_once only what is committed is read, so a copy never holds a row that the changelog does not have;
 * at_least_once has nothing committed, and a copy is as far as its changelog is, like a restored store.
 *
 * Handing over: a worker that is given a slot calls st_standby_yield() before it opens the stores. It closes the copy itself, under the
 * lock, which the keeper holds only while it writes one batch; when it does not get the lock at once it goes on with its turn, and the keeper, who
 * sees that somebody wants something, does not take it again before. The worker then restores the rest, which is little. When it gives the slot
 * up it closes the stores, and the keeper opens them again if it has to keep them.
 *
 * Leftovers: the stores of a task that nobody in this process has open or wants are deleted after state_cleanup_delay_ms; the time
 * counts while all workers have what the group gave them, so that a cluster that is away for an hour costs nobody his stores.
 *
 * A failing pass: brokers that do not answer, a slot that was never committed, stores that a worker still has: tried again. The changelog
 * begins behind the copy's end, or is another one: the copy is wiped and read anew. It ends before what was committed to it, or the
 * database cannot be written: said, and tried again after a minute; the worker that takes the task over would end with that.
 *
 * Locking: `lock` guards the list of copies, their stores and their logs' `kept`; only the keeper adds copies, and nobody removes any before
 * the end, so that what a batch or an event belongs to is always there. Never held while a broker is asked.
 *
 * Invariants: a copy's stores are open only while the copy is wanted, or until the next turn; a partition of the consumer is assigned
 * to a log of a copy; the stores' tables are empty, but while they are borrowed.
 */
#include "streams/standby.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/heirs.h"
#include "streams/standby_run.h"

#define WAIT_MS          20
#define LOOK_US          (5 * AQ_SEC)  /* between two looks at the group */
#define UNSETTLED_US     (250 * AQ_MS) /* while it is being rebalanced, and after a poke */
#define YIELDED_US       (2 * AQ_SEC)  /* a worker is about to open it */
#define PATIENCE_US      (100 * AQ_MS) /* how long a worker that wants the lock is waited for */
#define SHOW_US          (500 * AQ_MS)
#define ADMIN_TIMEOUT_MS 5000
#define CLOSE_MS         3000

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct st_standby *st_standby_create(const struct st_standby_conf *conf)
{
    AQ_ASSERT(conf->dbs && conf->catalog);
    struct st_standby *standby = aq_calloc(1, sizeof(*standby));
    standby->conf = *conf;
    standby->keep = aq_calloc((size_t)conf->settings->flow.tasks, sizeof(*standby->keep));
    aq_names_init(&standby->names);
    standby->leftovers = (struct st_leftovers){.application_id = conf->settings->application_id,
                                               .dbs = conf->dbs,
                                               .delay_us = conf->settings->state_cleanup_delay_ms * AQ_MS};
    pthread_mutex_init(&standby->lock, NULL);
    return standby;
}

void st_copy_close(struct st_copy *copy)
{
    for (size_t i = 0; i < copy->n_logs; i++) copy->logs[i].kept = NULL;
    st_stores_close(copy->stores);
    copy->stores = NULL;
    copy->caught_up = false;
}

static void free_copy(struct st_copy *copy)
{
    if (copy->stores) st_copy_close(copy);
    free(copy->logs);
    free(copy);
}

void st_standby_destroy(struct st_standby *standby)
{
    if (!standby) return;
    const struct kc_ops *ops = standby->conf.ops;
    st_standby_stop(standby);
    if (standby->consumer) ops->consumer_close(standby->consumer, CLOSE_MS);
    kc_lookup_destroy(standby->lookup);
    if (standby->reader) ops->reader_close(standby->reader, CLOSE_MS);
    if (standby->admin) ops->admin_close(standby->admin);
    for (size_t i = 0; i < standby->n_copies; i++) free_copy(standby->copies[i]);
    if (standby->view) st_view_unref(standby->view);
    aq_names_finish(&standby->names);
    pthread_mutex_destroy(&standby->lock);
    free(standby->copies);
    st_leftovers_finish(&standby->leftovers);
    free(standby->keep);
    free(standby);
}

void st_standby_name(struct st_standby *standby, const char *me)
{
    snprintf(standby->me, sizeof(standby->me), "%s", me);
}

static void *standby_thread(void *arg)
{
    struct st_standby *standby = arg;
    while (!atomic_load(&standby->stopping)) st_standby_turn(standby, aq_mono_us(), WAIT_MS);
    return NULL;
}

int st_standby_start(struct st_standby *standby, struct aq_err *err)
{
    AQ_ASSERT(!standby->running && standby->me[0]);
    atomic_store(&standby->stopping, false);
    if (pthread_create(&standby->thread, NULL, standby_thread, standby) != 0)
        return aq_fail(err, AQ_E_FATAL, "cannot start the thread of standby copies");
    standby->running = true;
    return 0;
}

void st_standby_stop(struct st_standby *standby)
{
    if (!standby->running) return;
    atomic_store(&standby->stopping, true);
    pthread_join(standby->thread, NULL);
    standby->running = false;
}

void st_standby_poke(struct st_standby *standby)
{
    atomic_store(&standby->poked, true);
}

void st_standby_settled(struct st_standby *standby, bool settled)
{
    atomic_store(&standby->settled, settled);
}

const struct st_standby_counters *st_standby_counters(const struct st_standby *standby)
{
    return &standby->counters;
}

/* ---- what copies there are ---------------------------------------------------------------------------------------- */

static size_t count_logs(const struct st_subtopology *sub)
{
    size_t n = 0;
    for (size_t i = 0; i < sub->n_stores; i++) n += sub->stores[i]->changelog != NULL;
    return n;
}

static struct st_copy *find_copy(const struct st_standby *standby, const struct st_subtopology *sub,
                                 int32_t partition)
{
    for (size_t i = 0; i < standby->n_copies; i++) {
        struct st_copy *copy = standby->copies[i];
        if (copy->subtopology == sub && copy->partition == partition) return copy;
    }
    return NULL;
}

static struct st_copy *add_copy(struct st_standby *standby, const struct st_subtopology *sub,
                                int32_t partition, int32_t slot)
{
    struct st_copy *copy = aq_calloc(1, sizeof(*copy));
    *copy = (struct st_copy){.subtopology = sub, .partition = partition, .slot = slot};
    copy->logs = aq_calloc(count_logs(sub), sizeof(*copy->logs));
    for (size_t i = 0; i < sub->n_stores; i++) {
        if (!sub->stores[i]->changelog) continue;
        struct st_copy_log *log = &copy->logs[copy->n_logs++];
        log->copy = copy;
        log->store = sub->stores[i];
        log->feed.topic = aq_names_intern(&standby->names, aq_slice_str(log->store->changelog));
        log->feed.partition = partition;
    }
    pthread_mutex_lock(&standby->lock);
    if (standby->n_copies == standby->cap_copies) {
        standby->cap_copies = standby->cap_copies ? standby->cap_copies * 2 : 16;
        standby->copies = aq_realloc(standby->copies, standby->cap_copies * sizeof(struct st_copy *));
    }
    standby->copies[standby->n_copies++] = copy;
    pthread_mutex_unlock(&standby->lock);
    return copy;
}

/* The keeper's own thread decides what is wanted; a copy that is not is closed at once. */
static void want(struct st_standby *standby, struct st_copy *copy, bool wanted)
{
    if (copy->wanted == wanted) return;
    copy->wanted = wanted;
    pthread_mutex_lock(&standby->lock);
    copy->again_us = 0;
    if (!wanted && copy->stores) st_copy_close(copy);
    pthread_mutex_unlock(&standby->lock);
}

static void want_tasks(struct st_standby *standby, const struct st_subtopology_tasks *tasks)
{
    const struct st_subtopology *sub = tasks->subtopology;
    if (count_logs(sub) == 0) return;
    for (int32_t p = 0; p < tasks->tasks; p++) {
        int32_t slot = st_task_slot(sub, p, standby->conf.settings->flow.tasks);
        struct st_copy *copy = find_copy(standby, sub, p);
        if (!copy && standby->keep[slot]) copy = add_copy(standby, sub, p, slot);
        if (copy) want(standby, copy, standby->keep[slot]);
    }
}

/* ---- looking at the group ----------------------------------------------------------------------------------------- */

int st_standby_open_admin(struct st_standby *standby, struct aq_err *err)
{
    const struct st_settings *settings = standby->conf.settings;
    char id[KC_CLIENT_ID_MAX];
    if (standby->admin) return 0;
    kc_client_id(settings->flow.client_prefix, "standby", id);
    return standby->conf.ops->admin_open(settings->cluster, id, &standby->admin, err);
}

void st_standby_say_trouble(struct st_standby *standby, const struct aq_err *err)
{
    aq_log(standby->troubled ? AQ_DEBUG : AQ_WARN, "standby copies cannot be looked after now",
           aq_fs("application", standby->conf.settings->application_id), aq_fs("reason", err->text));
    standby->troubled = true;
}

/* Who is in the group, and so which slots are to be kept. False: it is being rebalanced, or cannot be asked. */
static bool look_at_group(struct st_standby *standby, struct aq_err *err)
{
    const struct st_settings *settings = standby->conf.settings;
    struct kc_group group;
    int rc = st_standby_open_admin(standby, err);
    if (rc == 0)
        rc = standby->conf.ops->admin_describe_group(
            standby->admin, settings->flow.group, settings->flow.state_topic, ADMIN_TIMEOUT_MS, &group, err);
    if (rc != 0) return false;
    bool stable = group.stable;
    if (stable) {
        struct st_heirs heirs = st_heirs_of(&group, standby->me, &group.arena);
        st_heirs_find(&heirs, (int32_t)settings->standby_replicas, settings->flow.tasks, standby->keep);
    }
    aq_arena_finish(&group.arena);
    return stable;
}

static void look(struct st_standby *standby, int64_t now)
{
    struct aq_err err = {0};
    atomic_store(&standby->poked, false);
    if (!look_at_group(standby, &err)) {
        standby->look_us = now + (err.code ? LOOK_US : UNSETTLED_US);
        if (err.code) st_standby_say_trouble(standby, &err);
        return;
    }
    standby->troubled = false;
    standby->look_us = now + LOOK_US;
    const struct st_tasks *tasks = standby->view->tasks;
    for (size_t s = 0; s < tasks->plan->n_subtopologies; s++) want_tasks(standby, &tasks->subtopologies[s]);
}

static bool is_look_due(struct st_standby *standby, int64_t now)
{
    if (standby->conf.settings->standby_replicas == 0 || !standby->view) return false;
    if (atomic_load(&standby->poked) && standby->look_us > now + UNSETTLED_US)
        standby->look_us = now + UNSETTLED_US;
    return now >= standby->look_us;
}

/* ---- leftovers ---------------------------------------------------------------------------------------------------- */

/* Somebody in this process has the stores of the task open, or is about to. */
static bool is_used(const void *ctx, const struct st_subtopology *sub, int32_t partition)
{
    const struct st_standby *standby = ctx;
    const struct st_copy *copy = find_copy(standby, sub, partition);
    return (copy && copy->wanted) || st_claims_has(standby->conf.dbs->claims, sub->name, partition);
}

static void clean(struct st_standby *standby, int64_t now)
{
    int64_t pause_us = standby->leftovers.delay_us / 10;
    standby->clean_us = now + (pause_us > 30 * AQ_SEC ? 30 * AQ_SEC : pause_us);
    if (atomic_load(&standby->settled))
        st_leftovers_look(&standby->leftovers, standby->view->tasks, is_used, standby, now);
    else
        st_leftovers_forget(&standby->leftovers);
    aq_counter_set(&standby->counters.deleted, standby->leftovers.deleted);
}

/* ---- the turn ----------------------------------------------------------------------------------------------------- */

static void follow_view(struct st_standby *standby)
{
    struct st_view *view = st_catalog_view(standby->conf.catalog, standby->view ? standby->view->version : 0);
    if (!view) return;
    if (standby->view) st_view_unref(standby->view);
    standby->view = view;
    standby->look_us = 0;
}

static void publish(struct st_standby *standby, int64_t now)
{
    uint64_t stores = 0, lag = 0;
    if (now < standby->show_us) return;
    standby->show_us = now + SHOW_US;
    for (size_t i = 0; i < standby->n_copies; i++)
        for (size_t l = 0; l < standby->copies[i]->n_logs; l++) {
            const struct st_copy_log *log = &standby->copies[i]->logs[l];
            if (!log->reading) continue;
            int64_t end = standby->conf.ops->consumer_known_end(standby->consumer, log->feed.topic->text,
                                                                log->feed.partition);
            int64_t next = log->next > 0 ? log->next : 0;
            stores++;
            if (end > next) lag += (uint64_t)(end - next);
        }
    aq_counter_set(&standby->counters.stores, stores);
    aq_counter_set(&standby->counters.lag, lag);
}

void st_standby_turn(struct st_standby *standby, int64_t now, int wait_ms)
{
    follow_view(standby);
    if (is_look_due(standby, now)) look(standby, now);
    if (standby->view && now >= standby->clean_us) clean(standby, now);
    if (standby->consumer) st_standby_stop_closed(standby);
    st_standby_open_copies(standby, now);
    if (standby->consumer) st_standby_read(standby, now, wait_ms);
    if (standby->consumer) publish(standby, now);
    bool idle = !standby->consumer || st_standby_is_wanted(standby);
    if (idle && wait_ms > 0) aq_sleep_ms(standby->consumer ? 1 : wait_ms);
}

/* ---- for others --------------------------------------------------------------------------------------------------- */

bool st_standby_is_wanted(const struct st_standby *standby)
{
    int64_t since = atomic_load(&standby->wanted_us);
    return since != 0 && aq_mono_us() - since < PATIENCE_US;
}

bool st_standby_yield(struct st_standby *standby, const struct st_subtopology *subtopology, int32_t partition)
{
    int64_t now = aq_mono_us();
    if (pthread_mutex_trylock(&standby->lock) != 0) {
        atomic_store(&standby->wanted_us, now);
        return false;
    }
    struct st_copy *copy = find_copy(standby, subtopology, partition);
    if (copy && copy->stores) st_copy_close(copy);
    if (copy && copy->again_us < now + YIELDED_US) copy->again_us = now + YIELDED_US;
    atomic_store(&standby->wanted_us, 0);
    pthread_mutex_unlock(&standby->lock);
    return true;
}

struct st_stores *st_standby_borrow(struct st_standby *standby, const struct st_subtopology *subtopology,
                                    int32_t partition)
{
    pthread_mutex_lock(&standby->lock);
    const struct st_copy *copy = find_copy(standby, subtopology, partition);
    if (copy && copy->stores) return copy->stores;
    pthread_mutex_unlock(&standby->lock);
    return NULL;
}

void st_standby_give_back(struct st_standby *standby, struct st_stores *stores)
{
    AQ_ASSERT(stores);
    /* What was read is not kept: the next batch would make it wrong. */
    for (size_t i = 0; i < stores->n; i++) st_table_trim(&stores->list[i].state.table, 0);
    pthread_mutex_unlock(&standby->lock);
}
