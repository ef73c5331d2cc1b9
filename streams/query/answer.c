/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's side of questions to its stores: does it have the partition, may it answer, and the rows.
 *
 * An ordinary pass: a turn finds asks in the box, and answers one after the other, each with one page of what is committed, until they have
 * cost a millisecond; what is left waits for the next turn. While somebody asks the worker does not wait long for records, so that one page
 * follows the other quickly.
 *
 * What is answered is as of the last commit: the family, and the positions of the task's inputs that were committed with it.
 *
 * A failing pass: whoever does not have the partition says why, and so does who cannot vouch for it: a member that the group may have
 * replaced already (its generation is stale, its session may be over) knows no longer what is true. Questions that take what is not
 * up to date get it, with how far behind it is.
 *
 * Threads: the worker's own.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "streams/query/read.h"
#include "streams/worker.h"

#define TURN_US      (1 * AQ_MS)
#define PAGE_US      (500)
#define PAGE_ENTRIES 2000
#define PAGE_BYTES   ((size_t)256 << 10)
#define LIVELY_US    (100 * AQ_MS)

/* ---- where it stands ---------------------------------------------------------------------------------------------- */

static const struct st_task *find_task(const struct st_worker *worker, const struct st_question *q)
{
    for (const struct st_task *task = worker->tasks; task; task = task->next)
        if (task->subtopology == q->of->subtopology && task->partition == q->partition) return task;
    return NULL;
}

static struct st_stores *find_stores(const struct st_worker *worker, const struct st_question *q)
{
    struct st_stores *stores = worker->slots[q->slot].stores;
    while (stores && !(stores->subtopology == q->of->subtopology && stores->partition == q->partition))
        stores = stores->next;
    return stores;
}

static struct st_kept *find_kept(const struct st_stores *stores, const struct st_store *store)
{
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].store == store) return &stores->list[i];
    AQ_ASSERT(!"a store of another sub-topology");
    return NULL;
}

static void tell_changelog(const struct st_kept *kept, struct st_reply *reply)
{
    if (!kept->changelog) {
        reply->changelog_lag = 0;
        return;
    }
    reply->changelog_position = kept->next;
    if (!kept->restoring) {
        reply->changelog_lag = 0;
        return;
    }
    int64_t behind = kept->end - (kept->next > 0 ? kept->next : 0);
    reply->changelog_lag = kept->end < 0 ? -1 : behind > 0 ? behind : 0;
}

static void tell_inputs(const struct st_worker *worker, const struct st_task *task, struct st_ask *ask)
{
    struct st_reply *reply = &ask->reply;
    if (!task) return;
    reply->stands = aq_arena_alloc(&ask->arena, task->n_feeds * sizeof(*reply->stands));
    for (size_t i = 0; i < task->n_feeds; i++) {
        const struct st_feed *feed = task->feeds[i];
        int64_t end = worker->ops->consumer_known_end(worker->consumer, feed->topic->text, feed->partition);
        int64_t position = feed->has_position ? feed->committed.next : -1;
        if (feed->end > end) end = feed->end;
        reply->stands[reply->n_stands++] =
            (struct st_stand){.topic = aq_arena_strdup(&ask->arena, feed->topic->text),
                              .partition = feed->partition,
                              .position = position,
                              .lag = end < 0           ? -1
                                     : end <= position ? 0
                                                       : end - (position > 0 ? position : 0)};
    }
}

/* ---- may it answer? ----------------------------------------------------------------------------------------------- */

static int percent_restored(const struct st_stores *stores)
{
    uint64_t done = 0, left = 0;
    for (size_t i = 0; i < stores->n; i++) {
        const struct st_kept *kept = &stores->list[i];
        if (!kept->restoring || kept->end < 0) continue;
        int64_t behind = kept->end - (kept->next > 0 ? kept->next : 0);
        done += kept->restored;
        left += behind > 0 ? (uint64_t)behind : 0;
    }
    return done + left == 0 ? 0 : (int)(100 * done / (done + left));
}

static bool refuse_slot(const struct st_worker *worker, struct st_ask *ask)
{
    const struct st_question *q = &ask->question;
    const struct st_slot *slot = &worker->slots[q->slot];
    bool taking = worker->own.tasks[q->slot].state == KC_TASK_TAKING;
    if (!slot->owned && taking)
        st_ask_refuse(ask, ST_HERE_TAKING,
                      "partition %" PRId32 " is being taken over: where it stands is being looked up",
                      q->partition);
    else if (!slot->owned)
        st_ask_refuse(ask, ST_NOT_HERE, "partition %" PRId32 " is not here", q->partition);
    else if ((worker->own.fenced || worker->own.lost) && !q->stale)
        st_ask_refuse(ask, ST_HERE_LOST,
                      "the group is rebalancing, and partition %" PRId32 " may be somebody else's by now",
                      q->partition);
    else
        return false;
    return true;
}

static bool refuse_stores(const struct st_stores *stores, struct st_ask *ask)
{
    const struct st_question *q = &ask->question;
    if (!stores)
        st_ask_refuse(ask, ST_HERE_STARTING,
                      "partition %" PRId32 " is being started: its stores are not open yet", q->partition);
    else if (!stores->ready && !q->stale)
        st_ask_refuse(ask, ST_HERE_RESTORING,
                      "partition %" PRId32 " is being restored: %d %% of its changelogs are read",
                      q->partition, percent_restored(stores));
    else
        return false;
    return true;
}

/* ---- one ask ------------------------------------------------------------------------------------------------------ */

static void answer(struct st_worker *worker, struct st_ask *ask)
{
    const struct st_question *q = &ask->question;
    const struct st_page page = {
        .most_entries = PAGE_ENTRIES, .most_bytes = PAGE_BYTES, .until_us = aq_mono_us() + PAGE_US};
    struct aq_err err = {0};
    AQ_ASSERT(q->slot >= 0 && q->slot < worker->own.n_tasks);
    if (refuse_slot(worker, ask)) return;
    struct st_stores *stores = find_stores(worker, q);
    if (refuse_stores(stores, ask)) return;
    const struct st_kept *kept = find_kept(stores, q->of->store);
    if (st_query_read(kept, ask, &page, &err) != 0) {
        st_ask_refuse(ask, ST_HERE_FAILED, "store '%s' cannot be read: %.180s", q->of->store->name, err.text);
        return;
    }
    ask->reply.restoring = !stores->ready;
    tell_changelog(kept, &ask->reply);
    tell_inputs(worker, find_task(worker, q), ask);
}

static void take(struct st_worker *worker)
{
    struct st_ask **end = &worker->asked;
    while (*end) end = &(*end)->next;
    *end = st_mailbox_take(&worker->mailbox);
}

void st_query_turn(struct st_worker *worker, int64_t now)
{
    if (!worker->asked && st_mailbox_is_empty(&worker->mailbox)) return;
    int64_t until = aq_mono_us() + TURN_US;
    worker->asked_us = now;
    take(worker);
    while (worker->asked) {
        struct st_ask *ask = worker->asked;
        worker->asked = ask->next;
        answer(worker, ask);
        st_ask_answered(ask);
        if (aq_mono_us() >= until) return;
    }
}

bool st_query_is_lively(const struct st_worker *worker, int64_t now)
{
    return worker->asked || (worker->asked_us != 0 && now - worker->asked_us < LIVELY_US);
}

static void refuse_all(struct st_ask *list)
{
    for (struct st_ask *next, *ask = list; ask; ask = next) {
        next = ask->next;
        st_ask_refuse(ask, ST_HERE_STOPPED, "the thread that had the partition has ended");
        st_ask_answered(ask);
    }
}

void st_query_close(struct st_worker *worker)
{
    refuse_all(worker->asked);
    worker->asked = NULL;
    refuse_all(st_mailbox_close(&worker->mailbox));
}
