/* SPDX-License-Identifier: Apache-2.0
 *
 * From the slots the group hands out to the tasks that run here.
 *
 * A slot is a partition of the state topic. Its snapshot holds the marks of every source partition that ever belonged to it; each is a
 * feed. Which tasks a slot has follows from the plan and the topics of the cluster: task p of a sub-topology belongs to slot
 * (murmur2(name) + p) mod slots, so the same view gives every instance the same answer.
 *
 * An ordinary pass: kafka/ownership.c has found where a slot stands and calls own(): the stored marks become feeds. The view says which
 * tasks there are; each gets its feeds, is started, and its partitions are read from the committed marks.
 *
 * A failing pass: an abort. Every task is destroyed and made anew from the committed marks (restart). A partition whose start cannot be
 * found out yet (its leader moves) puts its task off for half a second.
 *
 * Invariants: a feed is read only while its task runs; feeds outlive tasks and are freed with the slot, when nothing of them is in
 * flight; a feed without a known start is never written into a snapshot.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/worker.h"

#define RECOMMIT_US (24 * 3600 * AQ_SEC)
#define AGAIN_US    (500 * AQ_MS)

static const struct st_mark at_the_beginning = {.next = 0, .time_ms = ST_NO_TIME};

/* ---- feeds -------------------------------------------------------------------------------------------------------- */

static struct st_feed *find_feed(const struct st_slot *slot, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < slot->n_feeds; i++) {
        struct st_feed *feed = slot->feeds[i];
        if (feed->partition == partition && strcmp(feed->topic->text, topic) == 0) return feed;
    }
    return NULL;
}

static void set_marks(struct st_feed *feed, struct st_mark mark)
{
    feed->sent = feed->acked = feed->writing = feed->committed = mark;
}

static struct st_feed *add_feed(struct st_worker *worker, int32_t index, const char *topic, int32_t partition)
{
    struct st_slot *slot = &worker->slots[index];
    if (slot->n_feeds == slot->cap_feeds) {
        slot->cap_feeds = slot->cap_feeds ? slot->cap_feeds * 2 : 4;
        slot->feeds = aq_realloc(slot->feeds, slot->cap_feeds * sizeof(*slot->feeds));
    }
    struct st_feed *feed = aq_calloc(1, sizeof(*feed));
    feed->topic = aq_names_intern(&worker->names, aq_slice_str(topic));
    feed->partition = partition;
    feed->slot = index;
    feed->end = -1;
    set_marks(feed, at_the_beginning);
    slot->feeds[slot->n_feeds++] = feed;
    return feed;
}

static void stop_reading(struct st_worker *worker, struct st_feed *feed)
{
    struct aq_err err;
    if (!feed->reading) return;
    feed->reading = false;
    if (worker->ops->consumer_unassign(worker->consumer, feed->topic->text, feed->partition, &err) != 0)
        aq_log(AQ_WARN, "partition could not be unassigned",
               aq_fs("application", worker->settings->application_id), aq_fs("topic", feed->topic->text),
               aq_fi("partition", feed->partition), aq_fs("reason", err.text));
}

int st_assignment_read(struct st_worker *worker, struct st_feed *feed, int64_t offset, struct aq_err *err)
{
    int rc =
        worker->ops->consumer_assign(worker->consumer, feed->topic->text, feed->partition, offset, feed, err);
    if (rc == 0) feed->reading = true;
    if (rc == 0) feed->suspect = false;
    return rc;
}

/* ---- tasks -------------------------------------------------------------------------------------------------------- */

static bool runs(const struct st_worker *worker, const struct st_subtopology *sub, int32_t partition)
{
    for (const struct st_task *task = worker->tasks; task; task = task->next)
        if (task->subtopology == sub && task->partition == partition) return true;
    return false;
}

static size_t feeds_of(struct st_worker *worker, const struct st_subtopology_tasks *tasks, int32_t partition,
                       int32_t slot, struct st_feed **list)
{
    size_t n = 0;
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        const struct st_input *input = &tasks->inputs[i];
        if (partition >= input->partitions) continue;
        struct st_feed *feed = find_feed(&worker->slots[slot], input->topic, partition);
        if (!feed) feed = add_feed(worker, slot, input->topic, partition);
        feed->source = input->source;
        feed->internal = input->source->side == ST_SOURCE_SIDE;
        list[n++] = feed;
    }
    return n;
}

static void unlink_task(struct st_worker *worker, const struct st_task *task)
{
    struct st_task **at = &worker->tasks;
    while (*at != task) at = &(*at)->next;
    *at = task->next;
    worker->n_tasks--;
    worker->turn_of = NULL;
}

static void end_task(struct st_worker *worker, struct st_task *task)
{
    for (size_t i = 0; i < task->n_feeds; i++) stop_reading(worker, task->feeds[i]);
    unlink_task(worker, task);
    st_task_destroy(task);
}

static int read_task(struct st_worker *worker, struct st_task *task, struct aq_err *err)
{
    for (size_t i = 0; i < task->n_feeds; i++) {
        struct st_feed *feed = task->feeds[i];
        /* Where the log begins is not known before it is read. */
        int64_t offset =
            feed->has_position || feed->committed.next > 0 ? feed->committed.next : KC_OFFSET_EARLIEST;
        int rc = st_assignment_read(worker, feed, offset, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static void put_off(struct st_worker *worker, const struct st_subtopology_tasks *tasks, int32_t partition,
                    const struct aq_err *err)
{
    worker->view_again = true; /* most likely a leader that is just moving */
    if (err->code == AQ_E_BUSY) {
        /* Somebody in this process is about to close the stores: a matter of milliseconds. */
        worker->view_again_us = 0;
        return;
    }
    aq_log(AQ_WARN, "task cannot be started yet", aq_fs("application", worker->settings->application_id),
           aq_fs("sub_topology", tasks->subtopology->name), aq_fi("partition", partition),
           aq_fs("reason", err->text));
}

/* The stores of the task, opened if they are not; NULL after an error. */
static struct st_stores *provide_stores(struct st_worker *worker, const struct st_subtopology *sub,
                                        int32_t partition, int32_t slot, struct aq_err *err)
{
    struct st_stores *stores = worker->slots[slot].stores;
    while (stores && !(stores->subtopology == sub && stores->partition == partition)) stores = stores->next;
    if (stores) return stores;
    if (worker->standby && !st_standby_yield(worker->standby, sub, partition)) {
        aq_fail(err, AQ_E_BUSY, "the keeper of copies is just writing to its stores");
        return NULL;
    }
    const struct st_stores_conf conf = {
        .dbs = worker->dbs, .subtopology = sub, .partition = partition, .names = &worker->names};
    if (st_stores_open(&conf, &stores, err) != 0) return NULL;
    for (size_t i = 0; i < stores->n; i++) {
        struct st_kept *kept = &stores->list[i];
        if (!kept->changelog) continue;
        struct st_feed *log = find_feed(&worker->slots[slot], kept->changelog->text, partition);
        st_kept_follow(kept, log ? log : add_feed(worker, slot, kept->changelog->text, partition));
    }
    stores->next = worker->slots[slot].stores;
    return worker->slots[slot].stores = stores;
}

/* Those of all tasks that are about to be started, so that the ends of their changelogs are asked for together. What goes wrong is told when
 * its task is started. */
static void provide_all_stores(struct st_worker *worker)
{
    struct aq_err ignored;
    const struct st_tasks *tasks = worker->view->tasks;
    for (size_t s = 0; s < tasks->plan->n_subtopologies && worker->has_stores; s++) {
        const struct st_subtopology *sub = tasks->subtopologies[s].subtopology;
        for (int32_t p = 0; p < tasks->subtopologies[s].tasks && sub->n_stores > 0; p++) {
            int32_t slot = st_task_slot(sub, p, worker->own.n_tasks);
            if (worker->slots[slot].owned) provide_stores(worker, sub, p, slot, &ignored);
        }
    }
}

/* 1: they are restored; 0: not yet; or a code. */
static int prepare_stores(struct st_worker *worker, const struct st_subtopology *sub, int32_t partition,
                          int32_t slot, struct st_stores **ret, struct aq_err *err)
{
    *ret = NULL;
    if (sub->n_stores == 0) return 1;
    *ret = provide_stores(worker, sub, partition, slot, err);
    if (!*ret) return err->code;
    if (!(*ret)->ready) {
        int rc = st_restore_begin(worker, *ret, err);
        if (rc != 0) return rc;
    }
    return (*ret)->ready;
}

static bool passes(int code)
{
    return code == AQ_E_BUSY || aq_code_class(code) == AQ_CLASS_RETRY;
}

static void start_task(struct st_worker *worker, const struct st_subtopology_tasks *tasks, int32_t partition,
                       int32_t slot)
{
    struct aq_err err = {0};
    struct st_task *task = NULL;
    struct st_stores *stores;
    int ready = prepare_stores(worker, tasks->subtopology, partition, slot, &stores, &err);
    if (ready < 0) {
        if (passes(ready))
            put_off(worker, tasks, partition, &err);
        else
            st_worker_fail(worker, &err);
    }
    if (ready <= 0) return;
    struct st_feed **feeds = aq_calloc(tasks->n_inputs, sizeof(struct st_feed *));
    size_t n = feeds_of(worker, tasks, partition, slot, feeds);
    if (st_beginning_find(worker, feeds, n, &err) != 0) {
        free(feeds);
        if (worker->own.err.code == 0) put_off(worker, tasks, partition, &err);
        return;
    }
    int rc =
        st_task_create(&worker->shop, tasks->subtopology, partition, slot, feeds, n, stores, &task, &err);
    free(feeds);
    if (rc != 0) {
        st_worker_fail(worker, &err);
        return;
    }
    task->next = worker->tasks;
    worker->tasks = task;
    worker->n_tasks++;
    rc = read_task(worker, task, &err);
    if (rc == 0) return;
    end_task(worker, task);
    put_off(worker, tasks, partition, &err);
}

static void start_tasks_of(struct st_worker *worker, const struct st_subtopology_tasks *tasks)
{
    int32_t n_slots = worker->own.n_tasks;
    for (int32_t p = 0; p < tasks->tasks && worker->own.err.code == 0; p++) {
        int32_t slot = st_task_slot(tasks->subtopology, p, n_slots);
        if (worker->slots[slot].owned && !runs(worker, tasks->subtopology, p))
            start_task(worker, tasks, p, slot);
    }
}

/* The partition is read by another slot now: the topology was changed. Its position is that slot's. */
static bool has_moved(const struct st_worker *worker, const struct st_feed *feed)
{
    if (feed->task || !worker->view) return false;
    const struct st_tasks *tasks = worker->view->tasks;
    for (size_t s = 0; s < tasks->plan->n_subtopologies; s++) {
        const struct st_subtopology_tasks *sub = &tasks->subtopologies[s];
        for (size_t i = 0; i < sub->n_inputs; i++)
            if (strcmp(sub->inputs[i].topic, feed->topic->text) == 0)
                return st_task_slot(sub->subtopology, feed->partition, worker->own.n_tasks) != feed->slot;
    }
    return false;
}

/* Positions that have moved leave this slot's snapshot, or a topology that is changed back would begin there again. */
static void drop_moved(struct st_worker *worker, struct st_slot *slot)
{
    size_t kept = 0;
    for (size_t i = 0; i < slot->n_feeds; i++) {
        struct st_feed *feed = slot->feeds[i];
        if (!has_moved(worker, feed)) {
            slot->feeds[kept++] = feed;
            continue;
        }
        st_outbox_forget(&worker->outbox, feed);
        free(feed);
        slot->write_first = true;
    }
    slot->n_feeds = kept;
}

static void start_tasks(struct st_worker *worker)
{
    if (!worker->view) return;
    const struct st_tasks *tasks = worker->view->tasks;
    provide_all_stores(worker);
    for (size_t s = 0; s < tasks->plan->n_subtopologies; s++)
        start_tasks_of(worker, &tasks->subtopologies[s]);
    st_beginning_close(worker);
    for (int32_t i = 0; i < worker->own.n_tasks; i++)
        if (worker->slots[i].owned) drop_moved(worker, &worker->slots[i]);
}

/* Snapshots that must be written though no record moved a mark: a beginning that was decided, a position that has moved elsewhere; and
 * once a day all of them, because brokers forget the offsets of topics that a group is not subscribed to after a week. */
void st_assignment_write_first(struct st_worker *worker, int64_t now)
{
    bool daily = now >= worker->recommit_us && worker->recommit_us != 0;
    if (daily || worker->recommit_us == 0) worker->recommit_us = now + RECOMMIT_US;
    if (!worker->view || !kc_ownership_may_send(&worker->own)) return;
    for (int32_t s = 0; s < worker->own.n_tasks; s++) {
        struct st_slot *slot = &worker->slots[s];
        if (daily && slot->n_feeds > 0) slot->write_first = true;
        if (!slot->write_first || !slot->owned || worker->own.tasks[s].state != KC_TASK_OWNED) continue;
        if (!kc_ownership_accepts(&worker->own, now)) return;
        kc_ownership_touch(&worker->own, s);
        slot->write_first = false;
    }
}

/* A task whose inputs are no longer what it was made with: a pattern takes another topic, a topic is gone. */
static bool is_outdated(const struct st_worker *worker, const struct st_task *task)
{
    const struct st_subtopology_tasks *tasks = &worker->view->tasks->subtopologies[task->subtopology->number];
    size_t n = 0;
    for (size_t i = 0; i < tasks->n_inputs; i++) n += task->partition < tasks->inputs[i].partitions;
    if (n != task->n_feeds) return true;
    for (size_t i = 0, at = 0; i < tasks->n_inputs; i++) {
        if (task->partition >= tasks->inputs[i].partitions) continue;
        if (strcmp(task->feeds[at++]->topic->text, tasks->inputs[i].topic) != 0) return true;
    }
    return false;
}

/* Inputs change only between cycles, with nothing under way, so that the tasks begin anew from marks that cover all they made. */
static bool change_inputs(struct st_worker *worker, int64_t now)
{
    for (const struct st_task *task = worker->tasks; task; task = task->next) {
        if (!is_outdated(worker, task)) continue;
        kc_ownership_abort(&worker->own, now);
        worker->own.rewind_due = true;
        return true;
    }
    return false;
}

/* Partitions the client may have stopped reading go on where their queues end. */
static void read_suspects(struct st_worker *worker)
{
    for (const struct st_task *task = worker->tasks; task; task = task->next)
        for (size_t i = 0; i < task->n_feeds; i++) {
            struct st_feed *feed = task->feeds[i];
            struct aq_err err;
            if (!feed->suspect || feed->paused) continue;
            /* Before its first record a feed may stand for the beginning of the log. */
            int64_t fetched = st_choice_fetched(&task->choice, feed->index);
            int64_t offset = fetched > 0 || feed->has_position ? fetched : KC_OFFSET_EARLIEST;
            if (st_assignment_read(worker, feed, offset, &err) != 0) worker->view_again = true;
        }
}

void st_assignment_follow_view(struct st_worker *worker, int64_t now)
{
    struct st_view *view = st_catalog_view(worker->catalog, worker->view ? worker->view->version : 0);
    bool again = worker->view_again && now >= worker->view_again_us;
    if (view) {
        if (worker->view) st_view_unref(worker->view);
        worker->view = view;
    }
    if (!worker->view || (!view && !again)) return;
    worker->view_again = false;
    worker->view_again_us = now + AGAIN_US;
    if (view && change_inputs(worker, now)) return;
    start_tasks(worker);
    read_suspects(worker);
}

void st_assignment_restart(struct st_worker *worker, int64_t now)
{
    (void)now;
    AQ_ASSERT(st_outbox_is_empty(&worker->outbox));
    while (worker->tasks) end_task(worker, worker->tasks);
    for (int32_t s = 0; s < worker->own.n_tasks; s++) {
        struct st_stores *stores = worker->slots[s].stores;
        for (; stores; stores = stores->next) st_stores_abort(stores);
        for (size_t i = 0; i < worker->slots[s].n_feeds; i++) {
            struct st_feed *feed = worker->slots[s].feeds[i];
            set_marks(feed, feed->committed);
        }
    }
    start_tasks(worker);
}

/* ---- what kafka/ownership.c asks ---------------------------------------------------------------------------------- */

static void own(void *ctx, int32_t index, const struct kc_snapshot *snapshot)
{
    struct st_worker *worker = ctx;
    struct st_slot *slot = &worker->slots[index];
    AQ_ASSERT(!slot->owned && slot->n_feeds == 0);
    slot->owned = true;
    atomic_store(&worker->holds[index], ST_HOLDS);
    for (size_t i = 0; snapshot && i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        struct st_feed *feed = add_feed(worker, index, position->topic, position->partition);
        feed->has_position = true;
        memcpy(feed->topic_id, position->topic_id, sizeof(feed->topic_id));
        set_marks(feed, (struct st_mark){.next = position->next, .time_ms = position->time_ms});
    }
    if (worker->standby) st_standby_poke(worker->standby);
    start_tasks(worker);
}

/* What the task made and nobody has sent must not be sent any more: its next owner makes it again. Flights are shared by all tasks, so
 * the others begin anew, too. It happens when a revocation found no cycle to wait for, or could not wait for them (st_worker_turn()
 * holds the commit until then). */
static void discard_unsent(struct st_worker *worker)
{
    if (st_outbox_is_empty(&worker->outbox)) return;
    st_outbox_clear(&worker->outbox);
    worker->letter = NULL;
    worker->blocked_us = 0;
    st_barrier_lift(worker);
    worker->own.rewind_due = true;
}

static void drop(void *ctx, int32_t index)
{
    struct st_worker *worker = ctx;
    struct st_slot *slot = &worker->slots[index];
    if (slot->owned) discard_unsent(worker);
    atomic_store(&worker->holds[index], ST_HOLDS_NOT);
    AQ_ASSERT(slot->owned || !slot->stores);
    for (struct st_task *next, *task = worker->tasks; task; task = next) {
        next = task->next;
        if (task->slot == index) end_task(worker, task);
    }
    for (size_t i = 0; i < slot->n_feeds; i++) {
        st_outbox_forget(&worker->outbox, slot->feeds[i]);
        free(slot->feeds[i]);
    }
    free(slot->feeds);
    for (struct st_stores *next, *stores = slot->stores; stores; stores = next) {
        next = stores->next;
        st_restore_forget(worker, stores);
        st_stores_close(stores);
    }
    *slot = (struct st_slot){0};
    if (worker->standby) st_standby_poke(worker->standby);
}

static void positions(void *ctx, int32_t index, struct aq_arena *arena, struct kc_position **ret_list,
                      size_t *ret_count)
{
    struct st_worker *worker = ctx;
    struct st_slot *slot = &worker->slots[index];
    struct kc_position *list = aq_arena_zalloc(arena, slot->n_feeds * sizeof(*list));
    size_t n = 0;
    st_barrier_lift(worker);
    for (size_t i = 0; i < slot->n_feeds; i++) {
        struct st_feed *feed = slot->feeds[i];
        feed->writing = worker->own.flow->exactly_once ? feed->sent : feed->acked;
        if (!feed->has_position && feed->writing.next <= 0) continue;
        list[n] = (struct kc_position){.topic = feed->topic->text,
                                       .partition = feed->partition,
                                       .next = feed->writing.next,
                                       .leader_epoch = -1,
                                       .last_offset = -1,
                                       .sink_offset = -1,
                                       .time_ms = feed->writing.time_ms};
        memcpy(list[n].topic_id, feed->topic_id, sizeof(list[n].topic_id));
        n++;
    }
    *ret_list = list;
    *ret_count = n;
}

static void offsets(void *ctx, int32_t index, struct aq_arena *arena, struct kc_task_offset **ret_list,
                    size_t *ret_count)
{
    struct st_worker *worker = ctx;
    const struct st_slot *slot = &worker->slots[index];
    struct kc_task_offset *list = aq_arena_zalloc(arena, slot->n_feeds * sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < slot->n_feeds; i++) {
        const struct st_feed *feed = slot->feeds[i];
        if (!feed->task || (!feed->has_position && feed->writing.next <= 0)) continue;
        list[n++] = (struct kc_task_offset){
            .topic = feed->topic->text, .partition = feed->partition, .offset = feed->writing.next};
    }
    *ret_list = list;
    *ret_count = n;
}

static void tell_purgeable(struct st_worker *worker, struct st_feed *feed)
{
    if (!feed->internal || feed->committed.next <= feed->purged) return;
    feed->purged = feed->committed.next;
    st_catalog_purgeable(worker->catalog, feed->topic->text, feed->partition, feed->purged);
}

/* The commit stands; a store that cannot be written is behind it, and catches up from its changelog when the worker is started anew. */
static void commit_stores(struct st_worker *worker, struct st_slot *slot)
{
    struct aq_err err;
    for (struct st_stores *stores = slot->stores; stores; stores = stores->next)
        if (st_stores_committed(stores, &err) != 0) st_worker_fail(worker, &err);
}

static void committed(void *ctx, int32_t index)
{
    struct st_worker *worker = ctx;
    struct st_slot *slot = &worker->slots[index];
    if (worker->own.err.code == 0) commit_stores(worker, slot);
    for (size_t i = 0; i < slot->n_feeds; i++) {
        struct st_feed *feed = slot->feeds[i];
        if (!feed->has_position && feed->writing.next <= 0) continue;
        feed->committed = feed->writing;
        feed->has_position = true;
        tell_purgeable(worker, feed);
        if (worker->n_poison > 0) st_outflow_forget_poison(worker, feed);
    }
}

static void take_back(void *ctx, struct aq_batch *list)
{
    st_outflow_take_back(ctx, list);
}

static void rewind_all(void *ctx, int64_t now)
{
    struct st_worker *worker = ctx;
    st_outbox_clear(&worker->outbox);
    worker->n_known = 0; /* a topic may be gone: the catalog knows */
    worker->blocked_us = 0;
    st_show_rewind(worker);
    worker->more = false;
    worker->letter = NULL;
    st_barrier_lift(worker);
    st_assignment_restart(worker, now);
}

static void failure(void *ctx, const struct kc_failure *seen)
{
    st_outflow_failure(ctx, seen);
}

static void cycle_done(void *ctx, enum kc_cycle_result result, int64_t now, int64_t took_us)
{
    st_show_cycle(ctx, result, now, took_us);
}

static void committing(void *ctx)
{
    st_show_committing(ctx);
}

const struct kc_ownership_host st_assignment_host = {
    .own = own,
    .drop = drop,
    .positions = positions,
    .committed = committed,
    .offsets = offsets,
    .take_back = take_back,
    .rewind = rewind_all,
    .failure = failure,
    .cycle_done = cycle_done,
    .committing = committing,
};
