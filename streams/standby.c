/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies (streams/standby.h).
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

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/lookup.h"
#include "streams/heirs.h"

#define WAIT_MS          20
#define LOOK_US          (5 * AQ_SEC)   /* between two looks at the group */
#define UNSETTLED_US     (250 * AQ_MS)  /* while it is being rebalanced, and after a poke */
#define AGAIN_US         (500 * AQ_MS)  /* what could not be opened */
#define BROKEN_US        (60 * AQ_SEC)  /* what cannot be mended by waiting */
#define YIELDED_US       (2 * AQ_SEC)   /* a worker is about to open it */
#define PATIENCE_US      (100 * AQ_MS)  /* how long a worker that wants the lock is waited for */
#define ADMIN_TIMEOUT_MS 5000
#define CLOSE_MS         3000
#define BATCHES_A_TURN   16
#define BATCH_RECORDS    5000
#define NAME_MOST        320

/* The changelog of one store of a copy. */
struct log {
    struct copy *copy;
    struct st_kept *kept; /* NULL: the copy is closed; under lock */
    const struct st_store *store;
    struct st_feed feed; /* as a slot's, for what the snapshot says of it */
    bool reading;        /* assigned to the consumer */
    int64_t next;        /* what kept->next was last, for who has no lock */
};

/* The stores of one task. */
struct copy {
    const struct st_subtopology *subtopology;
    int32_t partition;
    int32_t slot;
    bool wanted;
    struct st_stores *stores; /* NULL: not open; under lock */
    struct log *logs;
    size_t n_logs;
    int64_t again_us; /* not opened before; under lock */
    int64_t since_us; /* when it was opened */
    uint64_t restored;
    bool caught_up;
};

struct leftover {
    const struct st_subtopology *subtopology;
    int32_t partition;
    int64_t since_us;
};

struct st_standby {
    struct st_standby_conf conf;
    char me[NAME_MOST];
    struct aq_names names;
    struct kc_admin *admin; /* these open with the first look and the first copy */
    struct kc_reader *reader;
    struct kc_lookup *lookup;
    struct kc_consumer *consumer;
    struct st_view *view;
    bool *keep; /* by slot */
    int64_t look_us;
    int64_t clean_us;
    bool troubled; /* the last look failed, and that was said */
    struct leftover *leftovers;
    size_t n_leftovers, cap_leftovers;
    pthread_mutex_t lock;
    struct copy **copies;
    size_t n_copies, cap_copies;
    _Atomic int64_t wanted_us; /* when a worker last went away without the lock; 0: it got it */
    atomic_bool poked;
    atomic_bool settled;
    atomic_bool stopping;
    pthread_t thread;
    bool running;
    struct st_standby_counters counters;
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct st_standby *st_standby_create(const struct st_standby_conf *conf)
{
    AQ_ASSERT(conf->dbs && conf->catalog);
    struct st_standby *standby = aq_calloc(1, sizeof(*standby));
    standby->conf = *conf;
    standby->keep = aq_calloc((size_t)conf->settings->flow.tasks, sizeof(*standby->keep));
    aq_names_init(&standby->names);
    pthread_mutex_init(&standby->lock, NULL);
    return standby;
}

/* Under lock. What a worker or a later turn goes on from is written already. */
static void close_copy(struct copy *copy)
{
    for (size_t i = 0; i < copy->n_logs; i++) copy->logs[i].kept = NULL;
    st_stores_close(copy->stores);
    copy->stores = NULL;
    copy->caught_up = false;
}

static void free_copy(struct copy *copy)
{
    if (copy->stores) close_copy(copy);
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
    free(standby->leftovers);
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

static const char *application(const struct st_standby *standby)
{
    return standby->conf.settings->application_id;
}

/* ---- what copies there are ---------------------------------------------------------------------------------------- */

static size_t count_logs(const struct st_subtopology *sub)
{
    size_t n = 0;
    for (size_t i = 0; i < sub->n_stores; i++) n += sub->stores[i]->changelog != NULL;
    return n;
}

static struct copy *find_copy(const struct st_standby *standby, const struct st_subtopology *sub,
                              int32_t partition)
{
    for (size_t i = 0; i < standby->n_copies; i++) {
        struct copy *copy = standby->copies[i];
        if (copy->subtopology == sub && copy->partition == partition) return copy;
    }
    return NULL;
}

static struct copy *add_copy(struct st_standby *standby, const struct st_subtopology *sub, int32_t partition,
                             int32_t slot)
{
    struct copy *copy = aq_calloc(1, sizeof(*copy));
    *copy = (struct copy){.subtopology = sub, .partition = partition, .slot = slot};
    copy->logs = aq_calloc(count_logs(sub), sizeof(*copy->logs));
    for (size_t i = 0; i < sub->n_stores; i++) {
        if (!sub->stores[i]->changelog) continue;
        struct log *log = &copy->logs[copy->n_logs++];
        log->copy = copy;
        log->store = sub->stores[i];
        log->feed.topic = aq_names_intern(&standby->names, aq_slice_str(log->store->changelog));
        log->feed.partition = partition;
    }
    pthread_mutex_lock(&standby->lock);
    if (standby->n_copies == standby->cap_copies) {
        standby->cap_copies = standby->cap_copies ? standby->cap_copies * 2 : 16;
        standby->copies = aq_realloc(standby->copies, standby->cap_copies * sizeof(struct copy *));
    }
    standby->copies[standby->n_copies++] = copy;
    pthread_mutex_unlock(&standby->lock);
    return copy;
}

/* The keeper's own thread decides what is wanted; a copy that is not is closed at once. */
static void want(struct st_standby *standby, struct copy *copy, bool wanted)
{
    if (copy->wanted == wanted) return;
    copy->wanted = wanted;
    pthread_mutex_lock(&standby->lock);
    copy->again_us = 0;
    if (!wanted && copy->stores) close_copy(copy);
    pthread_mutex_unlock(&standby->lock);
}

static void want_tasks(struct st_standby *standby, const struct st_subtopology_tasks *tasks)
{
    const struct st_subtopology *sub = tasks->subtopology;
    if (count_logs(sub) == 0) return;
    for (int32_t p = 0; p < tasks->tasks; p++) {
        int32_t slot = st_task_slot(sub, p, standby->conf.settings->flow.tasks);
        struct copy *copy = find_copy(standby, sub, p);
        if (!copy && standby->keep[slot]) copy = add_copy(standby, sub, p, slot);
        if (copy) want(standby, copy, standby->keep[slot]);
    }
}

/* ---- looking at the group ----------------------------------------------------------------------------------------- */

static int open_admin(struct st_standby *standby, struct aq_err *err)
{
    if (standby->admin) return 0;
    return standby->conf.ops->admin_open(standby->conf.settings->cluster, "aqueduct-standby", &standby->admin,
                                         err);
}

static void say_trouble(struct st_standby *standby, const struct aq_err *err)
{
    aq_log(standby->troubled ? AQ_DEBUG : AQ_WARN, "standby copies cannot be looked after now",
           aq_fs("application", application(standby)), aq_fs("reason", err->text));
    standby->troubled = true;
}

/* Who is in the group, and so which slots are to be kept. False: it is being rebalanced, or cannot be asked. */
static bool look_at_group(struct st_standby *standby, struct aq_err *err)
{
    const struct st_settings *settings = standby->conf.settings;
    struct kc_group group;
    int rc = open_admin(standby, err);
    if (rc == 0)
        rc = standby->conf.ops->admin_describe_group(standby->admin, settings->flow.group,
                                                     settings->flow.state_topic, ADMIN_TIMEOUT_MS, &group, err);
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
        if (err.code) say_trouble(standby, &err);
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

/* ---- opening copies ----------------------------------------------------------------------------------------------- */

static int open_clients(struct st_standby *standby, struct aq_err *err)
{
    const struct kc_ops *ops = standby->conf.ops;
    const struct st_settings *settings = standby->conf.settings;
    const struct kc_consumer_conf conf = {.client_id = "aqueduct-standby",
                                          .group_id = settings->flow.group,
                                          .read_committed = settings->flow.exactly_once,
                                          .queue_bytes = st_thread_share(settings, settings->queue_bytes),
                                          .batch_records = BATCH_RECORDS,
                                          .batch_bytes = settings->batch_bytes};
    int rc = open_admin(standby, err);
    if (rc == 0 && !standby->consumer)
        rc = ops->consumer_open(settings->cluster, &conf, &standby->names, &standby->consumer, err);
    if (rc == 0 && !standby->reader)
        rc = ops->reader_open(settings->cluster, "aqueduct-standby", settings->flow.group, &standby->reader, err);
    if (rc == 0 && !standby->lookup)
        standby->lookup = kc_lookup_create(ops, &settings->flow, st_catalog_facts(standby->conf.catalog),
                                           standby->admin, standby->reader);
    return rc;
}

static bool is_to_open(struct st_standby *standby, const struct copy *copy, int64_t now)
{
    if (!copy->wanted) return false;
    pthread_mutex_lock(&standby->lock);
    bool is = !copy->stores && now >= copy->again_us;
    pthread_mutex_unlock(&standby->lock);
    return is;
}

static void put_off(struct st_standby *standby, struct copy *copy, int64_t until_us)
{
    pthread_mutex_lock(&standby->lock);
    if (copy->again_us < until_us) copy->again_us = until_us;
    pthread_mutex_unlock(&standby->lock);
}

/* What the snapshot says of the changelog. False: nothing was committed to it yet. */
static bool read_mark(struct log *log, const struct kc_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        if (position->partition != log->feed.partition || !position->topic_id[0] ||
            strcmp(position->topic, log->feed.topic->text) != 0)
            continue;
        log->feed.committed.next = position->next;
        memcpy(log->feed.topic_id, position->topic_id, sizeof(log->feed.topic_id));
        return true;
    }
    return false;
}

static const struct kc_found *found_slot(const struct kc_found *list, size_t n, int32_t slot)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].task == slot) return &list[i];
    return NULL;
}

/* Keeps of the list those whose changelogs the snapshots know. */
static size_t find_marks(struct st_standby *standby, struct copy **list, size_t n, int64_t now)
{
    size_t slots = 0, known = 0, answered;
    struct kc_found *ask = kc_lookup_list(standby->lookup);
    for (size_t i = 0; i < n; i++)
        if (!found_slot(ask, slots, list[i]->slot)) ask[slots++].task = list[i]->slot;
    kc_lookup_ask(standby->lookup, slots);
    kc_lookup_run(standby->lookup);
    const struct kc_found *found = kc_lookup_answer(standby->lookup, &answered);
    for (size_t i = 0; i < n; i++) {
        struct copy *copy = list[i];
        const struct kc_found *of = found_slot(found, answered, copy->slot);
        bool whole = of->code == 0 && of->has_snapshot;
        for (size_t l = 0; l < copy->n_logs && whole; l++) whole = read_mark(&copy->logs[l], &of->snapshot);
        if (whole)
            list[known++] = copy;
        else
            put_off(standby, copy, now + (of->code == 0 ? LOOK_US : AGAIN_US));
    }
    kc_lookup_taken(standby->lookup);
    return known;
}

static int find_ends(struct st_standby *standby, struct copy **list, size_t n, struct kc_end **ret,
                     struct aq_err *err)
{
    size_t logs = 0, at = 0;
    for (size_t i = 0; i < n; i++) logs += list[i]->n_logs;
    struct kc_end *ends = *ret = aq_calloc(logs, sizeof(*ends));
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < list[i]->n_logs; l++)
            ends[at++] = (struct kc_end){.topic = list[i]->logs[l].feed.topic->text,
                                         .partition = list[i]->partition};
    return standby->conf.ops->admin_ends(standby->admin, ends, logs, ADMIN_TIMEOUT_MS, err);
}

static struct st_kept *kept_of(struct st_stores *stores, const struct st_store *store)
{
    size_t i = 0;
    while (stores->list[i].store != store) i++;
    return &stores->list[i];
}

/* Under lock. */
static int open_stores(struct st_standby *standby, struct copy *copy, const struct kc_end *ends,
                       struct aq_err *err)
{
    const struct st_stores_conf conf = {.dbs = standby->conf.dbs,
                                        .subtopology = copy->subtopology,
                                        .partition = copy->partition,
                                        .names = &standby->names};
    int rc = st_stores_open(&conf, &copy->stores, err);
    if (rc != 0) return rc;
    copy->restored = 0;
    for (size_t l = 0; l < copy->n_logs && rc == 0; l++) {
        struct log *log = &copy->logs[l];
        struct st_kept *kept = kept_of(copy->stores, log->store);
        if (ends[l].end < 0) rc = aq_fail(err, AQ_E_AGAIN, "changelog %s is not there", ends[l].topic);
        if (rc != 0) break;
        st_kept_follow(kept, &log->feed);
        kept->end = ends[l].end;
        kept->restoring = true;
        rc = st_kept_check(kept, err);
        log->kept = kept;
        log->next = kept->next;
    }
    if (rc != 0) close_copy(copy);
    return rc;
}

static int read_log(struct st_standby *standby, struct log *log, int64_t offset, struct aq_err *err)
{
    int rc = standby->conf.ops->consumer_assign(standby->consumer, log->feed.topic->text, log->feed.partition,
                                                offset, log, err);
    if (rc == 0) log->reading = true;
    return rc;
}

/* Says what cannot be mended by waiting; the copy is closed. */
static void give_up(struct st_standby *standby, struct copy *copy, const struct aq_err *err, int64_t now)
{
    bool passes = err->code == AQ_E_BUSY || aq_code_class(err->code) == AQ_CLASS_RETRY;
    aq_log(passes ? AQ_DEBUG : AQ_ERROR, "standby copy cannot be kept now",
           aq_fs("application", application(standby)), aq_fs("sub_topology", copy->subtopology->name),
           aq_fi("partition", copy->partition), aq_fs("reason", err->text));
    pthread_mutex_lock(&standby->lock);
    if (copy->stores) close_copy(copy);
    pthread_mutex_unlock(&standby->lock);
    put_off(standby, copy, now + (passes ? AGAIN_US : BROKEN_US));
}

static void open_copy(struct st_standby *standby, struct copy *copy, const struct kc_end *ends, int64_t now)
{
    struct aq_err err = {0};
    pthread_mutex_lock(&standby->lock);
    int rc = open_stores(standby, copy, ends, &err);
    pthread_mutex_unlock(&standby->lock);
    copy->since_us = now;
    for (size_t l = 0; l < copy->n_logs && rc == 0; l++) {
        struct log *log = &copy->logs[l];
        rc = read_log(standby, log, log->next > 0 ? log->next : KC_OFFSET_EARLIEST, &err);
    }
    if (rc != 0) give_up(standby, copy, &err, now);
}

static void open_all(struct st_standby *standby, struct copy **list, size_t n, int64_t now)
{
    struct aq_err err = {0};
    struct kc_end *ends = NULL;
    int rc = open_clients(standby, &err);
    if (rc == 0) n = find_marks(standby, list, n, now);
    if (rc == 0 && n == 0) return;
    if (rc == 0) rc = find_ends(standby, list, n, &ends, &err);
    for (size_t i = 0, at = 0; i < n; at += list[i]->n_logs, i++) {
        if (rc == 0)
            open_copy(standby, list[i], &ends[at], now);
        else
            put_off(standby, list[i], now + LOOK_US);
    }
    if (rc != 0) say_trouble(standby, &err);
    free(ends);
}

static void open_wanted(struct st_standby *standby, int64_t now)
{
    struct copy **list = aq_calloc(standby->n_copies + 1, sizeof(struct copy *));
    size_t n = 0;
    for (size_t i = 0; i < standby->n_copies; i++)
        if (is_to_open(standby, standby->copies[i], now)) list[n++] = standby->copies[i];
    if (n > 0) open_all(standby, list, n, now);
    free(list);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* Under lock: every log has what there was when the copy was opened. */
static void consider_caught_up(struct st_standby *standby, struct copy *copy)
{
    if (copy->caught_up) return;
    for (size_t l = 0; l < copy->n_logs; l++)
        if (copy->logs[l].kept->next < copy->logs[l].kept->end) return;
    copy->caught_up = true;
    aq_log(AQ_INFO, "standby copy has caught up", aq_fs("application", application(standby)),
           aq_fs("sub_topology", copy->subtopology->name), aq_fi("partition", copy->partition),
           aq_fi("records", (int64_t)copy->restored), aq_fi("took_ms", (aq_mono_us() - copy->since_us) / AQ_MS));
}

static void take(struct st_standby *standby, struct aq_batch *batch, int64_t now)
{
    struct log *log = batch->owner;
    struct aq_err err = {0};
    int rc = 0;
    pthread_mutex_lock(&standby->lock);
    if (log->kept && batch->n > 0) {
        rc = st_kept_take(log->kept, batch, &err);
        log->next = log->kept->next;
        log->copy->restored += batch->n;
        if (rc == 0) consider_caught_up(standby, log->copy);
        aq_counter_add(&standby->counters.restored, batch->n);
    }
    pthread_mutex_unlock(&standby->lock);
    aq_batch_release(batch);
    if (rc != 0) give_up(standby, log->copy, &err, now);
}

/* The end of what can be read: behind the last record there may be markers. */
static int reach(struct st_standby *standby, struct log *log, int64_t offset, struct aq_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&standby->lock);
    if (log->kept && offset > log->kept->next) rc = st_kept_reach(log->kept, offset, err);
    if (log->kept) log->next = log->kept->next;
    if (log->kept && rc == 0) consider_caught_up(standby, log->copy);
    pthread_mutex_unlock(&standby->lock);
    return rc;
}

static int begin_anew(struct st_standby *standby, struct log *log, struct aq_err *err)
{
    int rc = 0;
    aq_log(AQ_WARN, "the changelog no longer holds where the standby copy ends; it is read anew",
           aq_fs("application", application(standby)), aq_fs("topic", log->feed.topic->text),
           aq_fi("partition", log->feed.partition));
    pthread_mutex_lock(&standby->lock);
    bool open = log->kept != NULL;
    if (open) rc = st_kept_wipe(log->kept, err);
    if (open) log->next = log->kept->next;
    pthread_mutex_unlock(&standby->lock);
    return rc == 0 && open ? read_log(standby, log, KC_OFFSET_EARLIEST, err) : rc;
}

static void hear(struct st_standby *standby, const struct kc_event *event, int64_t now)
{
    struct log *log = event->owner;
    struct aq_err err = {0};
    int rc = 0;
    switch (event->kind) {
    case KC_EVENT_EOF: rc = reach(standby, log, event->offset, &err); break;
    case KC_EVENT_OUT_OF_RANGE: rc = begin_anew(standby, log, &err); break;
    case KC_EVENT_PARTITION: rc = aq_fail(&err, event->code, "%s", event->text); break;
    case KC_EVENT_CLUSTER: return; /* the client goes on trying, and the workers say it */
    }
    if (rc != 0) give_up(standby, log->copy, &err, now);
}

/* Copies that were closed, by a worker perhaps, are read no further. */
static void stop_closed(struct st_standby *standby)
{
    struct aq_err ignored;
    for (size_t i = 0; i < standby->n_copies; i++) {
        struct copy *copy = standby->copies[i];
        pthread_mutex_lock(&standby->lock);
        bool open = copy->stores != NULL;
        pthread_mutex_unlock(&standby->lock);
        for (size_t l = 0; l < copy->n_logs && !open; l++) {
            struct log *log = &copy->logs[l];
            if (!log->reading) continue;
            log->reading = false;
            standby->conf.ops->consumer_unassign(standby->consumer, log->feed.topic->text, log->feed.partition,
                                                 &ignored);
        }
    }
}

/* A worker went away without the lock: it comes again with its next turn. */
static bool is_wanted(struct st_standby *standby, int64_t now)
{
    int64_t since = atomic_load(&standby->wanted_us);
    return since != 0 && now - since < PATIENCE_US;
}

static void read_logs(struct st_standby *standby, int64_t now, int wait_ms)
{
    struct kc_event event;
    for (int i = 0; i < BATCHES_A_TURN && !is_wanted(standby, aq_mono_us()); i++) {
        struct aq_batch *batch = standby->conf.ops->consumer_poll(standby->consumer, now, i == 0 ? wait_ms : 0);
        if (!batch) break;
        take(standby, batch, now);
    }
    while (!is_wanted(standby, aq_mono_us()) && standby->conf.ops->consumer_event(standby->consumer, &event))
        hear(standby, &event, now);
}

/* ---- leftovers ---------------------------------------------------------------------------------------------------- */

static struct leftover *find_leftover(struct st_standby *standby, const struct st_subtopology *sub,
                                      int32_t partition)
{
    for (size_t i = 0; i < standby->n_leftovers; i++) {
        struct leftover *leftover = &standby->leftovers[i];
        if (leftover->subtopology == sub && leftover->partition == partition) return leftover;
    }
    return NULL;
}

static void forget_leftover(struct st_standby *standby, struct leftover *leftover)
{
    if (leftover) *leftover = standby->leftovers[--standby->n_leftovers];
}

static void add_leftover(struct st_standby *standby, const struct st_subtopology *sub, int32_t partition,
                         int64_t now)
{
    if (standby->n_leftovers == standby->cap_leftovers) {
        standby->cap_leftovers = standby->cap_leftovers ? standby->cap_leftovers * 2 : 8;
        standby->leftovers =
            aq_realloc(standby->leftovers, standby->cap_leftovers * sizeof(*standby->leftovers));
    }
    standby->leftovers[standby->n_leftovers++] =
        (struct leftover){.subtopology = sub, .partition = partition, .since_us = now};
}

static void delete_leftover(struct st_standby *standby, struct leftover *leftover)
{
    struct aq_err err = {0};
    const struct st_subtopology *sub = leftover->subtopology;
    int rc = st_stores_delete(standby->conf.dbs, sub, leftover->partition, &err);
    if (rc == 0) aq_counter_add(&standby->counters.deleted, 1);
    aq_log(rc == 0 || rc == AQ_E_BUSY ? AQ_INFO : AQ_ERROR,
           rc == 0 ? "leftover stores deleted" : "leftover stores cannot be deleted",
           aq_fs("application", application(standby)), aq_fs("sub_topology", sub->name),
           aq_fi("partition", leftover->partition), aq_fs("reason", err.text));
    forget_leftover(standby, leftover);
}

static void look_for_leftover(struct st_standby *standby, const struct st_subtopology *sub, int32_t partition,
                              int64_t now)
{
    const struct copy *copy = find_copy(standby, sub, partition);
    struct leftover *leftover = find_leftover(standby, sub, partition);
    bool used = (copy && copy->wanted) || st_claims_has(standby->conf.dbs->claims, sub->name, partition);
    if (used || !st_stores_exist(standby->conf.dbs, sub, partition))
        forget_leftover(standby, leftover);
    else if (!leftover)
        add_leftover(standby, sub, partition, now);
    else if (now - leftover->since_us >= standby->conf.settings->state_cleanup_delay_ms * AQ_MS)
        delete_leftover(standby, leftover);
}

static void clean(struct st_standby *standby, int64_t now)
{
    int64_t pause_us = standby->conf.settings->state_cleanup_delay_ms * AQ_MS / 10;
    standby->clean_us = now + (pause_us > 30 * AQ_SEC ? 30 * AQ_SEC : pause_us);
    if (!atomic_load(&standby->settled)) {
        standby->n_leftovers = 0;
        return;
    }
    const struct st_tasks *tasks = standby->view->tasks;
    for (size_t s = 0; s < tasks->plan->n_subtopologies; s++) {
        const struct st_subtopology_tasks *of = &tasks->subtopologies[s];
        for (int32_t p = 0; p < of->tasks && of->subtopology->n_stores > 0; p++)
            look_for_leftover(standby, of->subtopology, p, now);
    }
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

static void publish(struct st_standby *standby)
{
    uint64_t stores = 0, lag = 0;
    for (size_t i = 0; i < standby->n_copies; i++)
        for (size_t l = 0; l < standby->copies[i]->n_logs; l++) {
            const struct log *log = &standby->copies[i]->logs[l];
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
    if (standby->consumer) stop_closed(standby);
    open_wanted(standby, now);
    if (standby->consumer) read_logs(standby, now, wait_ms);
    if (standby->consumer) publish(standby);
    bool idle = !standby->consumer || is_wanted(standby, aq_mono_us());
    if (idle && wait_ms > 0) aq_sleep_ms(standby->consumer ? 1 : wait_ms);
}

/* ---- for others --------------------------------------------------------------------------------------------------- */

bool st_standby_yield(struct st_standby *standby, const struct st_subtopology *subtopology, int32_t partition)
{
    int64_t now = aq_mono_us();
    if (pthread_mutex_trylock(&standby->lock) != 0) {
        atomic_store(&standby->wanted_us, now);
        return false;
    }
    struct copy *copy = find_copy(standby, subtopology, partition);
    if (copy && copy->stores) close_copy(copy);
    if (copy && copy->again_us < now + YIELDED_US) copy->again_us = now + YIELDED_US;
    atomic_store(&standby->wanted_us, 0);
    pthread_mutex_unlock(&standby->lock);
    return true;
}

struct st_stores *st_standby_borrow(struct st_standby *standby, const struct st_subtopology *subtopology,
                                    int32_t partition)
{
    pthread_mutex_lock(&standby->lock);
    const struct copy *copy = find_copy(standby, subtopology, partition);
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
