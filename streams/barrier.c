/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a cycle for tasks with stores: what the tables hold and what the commit says must be the same point of the input.
 *
 * Without stores a commit covers whatever was handed over by then, and what is made meanwhile belongs to the next one. With stores the
 * tables have already seen what is not handed over, so a line is drawn first: the barrier. When a commit is due the stores are flushed (a
 * cache lets go what it held back, node by node, parents first), every changed entry goes to its changelog, the open flight is closed, and
 * the tables are sealed. The flight that was closed last is the end of the cycle: the commit waits until it is handed over, and flights
 * behind it wait until the commit has taken the positions, which therefore are those at the barrier. Processing goes on behind the
 * barrier all the time, into tables that keep apart what belongs to the next cycle.
 *
 *   NONE --commit due, nothing sealed--> CLOSED --last flight handed over (at_least_once: acknowledged), positions taken--> NONE
 *
 * at_least_once has the same barrier: a position behind what the stores have seen would count records twice after a restart.
 *
 * Bound: changes of a cycle stay in memory until they are committed. When they need more than the cache may, a commit is asked for;
 * at twice as much processing waits for it.
 *
 * A failing pass: the cycle is aborted: the barrier is forgotten with the flights (streams/assignment.c: rewind_all()), and the tables take
 * back what they changed.
 *
 * Invariants: at most one barrier; tables are sealed only by it.
 */
#include "base/assert.h"
#include "streams/worker.h"

/* ---- all stores of the worker ------------------------------------------------------------------------------------- */

static bool any_sealed(const struct st_worker *worker)
{
    for (int32_t s = 0; s < worker->own.n_tasks; s++)
        for (const struct st_stores *stores = worker->slots[s].stores; stores; stores = stores->next)
            if (st_stores_are_sealed(stores)) return true;
    return false;
}

static uint64_t add_up(const struct st_worker *worker, uint64_t (*bytes)(const struct st_stores *stores))
{
    uint64_t sum = 0;
    for (int32_t s = 0; s < worker->own.n_tasks; s++)
        for (const struct st_stores *stores = worker->slots[s].stores; stores; stores = stores->next)
            sum += bytes(stores);
    return sum;
}

static uint64_t cache_share(const struct st_worker *worker)
{
    return (uint64_t)st_thread_share(worker->settings, worker->settings->cache_bytes);
}

void st_barrier_bound(struct st_worker *worker)
{
    if (!worker->has_stores) return;
    uint64_t share = cache_share(worker), pinned = add_up(worker, st_stores_pinned);
    worker->stores_full = pinned > 2 * share;
    if (pinned > share) kc_ownership_request(&worker->own);
    uint64_t bytes = add_up(worker, st_stores_bytes);
    aq_counter_set(&worker->counters.cache_bytes, bytes);
    if (bytes <= share + pinned) return;
    for (int32_t s = 0; s < worker->own.n_tasks; s++)
        for (struct st_stores *stores = worker->slots[s].stores; stores; stores = stores->next)
            st_stores_trim(stores, share, bytes);
}

/* ---- drawing it --------------------------------------------------------------------------------------------------- */

static int flush(struct st_worker *worker, struct aq_err *err)
{
    for (struct st_task *task = worker->tasks; task; task = task->next) {
        if (!task->stores) continue;
        int rc = st_task_flush(task, err);
        if (rc != 0) return aq_err_in(err, "task %s", task->id);
        st_stores_write_changelog(task->stores, &worker->outbox, st_task_changelog_ms(task),
                                  st_task_position);
    }
    return 0;
}

static void draw(struct st_worker *worker)
{
    struct aq_err err = {0};
    if (flush(worker, &err) != 0) {
        st_worker_fail(worker, &err);
        return;
    }
    st_outbox_close(&worker->outbox, st_task_position);
    for (struct st_task *task = worker->tasks; task; task = task->next)
        if (task->stores) st_stores_seal(task->stores, worker->own.flow->exactly_once);
    worker->barrier = true;
    worker->barrier_flight = worker->outbox.unsent ? worker->outbox.last : NULL;
}

void st_barrier_consider(struct st_worker *worker, int64_t now)
{
    if (!worker->has_stores || worker->barrier || worker->own.err.code != 0 || worker->own.rewind_due) return;
    if (!kc_ownership_is_due(&worker->own, now) || any_sealed(worker)) return;
    draw(worker);
}

/* ---- keeping it --------------------------------------------------------------------------------------------------- */

bool st_barrier_blocks(const struct st_worker *worker)
{
    return worker->barrier && !worker->barrier_flight;
}

void st_barrier_sent(struct st_worker *worker, const struct st_flight *flight)
{
    if (worker->barrier_flight == flight) worker->barrier_flight = NULL;
}

bool st_barrier_holds(const struct st_worker *worker)
{
    if (!worker->has_stores) return false;
    if (!worker->barrier || worker->barrier_flight) return true;
    return !worker->own.flow->exactly_once && worker->outbox.under_way > 0;
}

void st_barrier_lift(struct st_worker *worker)
{
    worker->barrier = false;
    worker->barrier_flight = NULL;
}
