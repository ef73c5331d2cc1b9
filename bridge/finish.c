/* SPDX-License-Identifier: Apache-2.0
 *
 * When a route with stop_at_end is over.
 *
 * A partition is through when what was there at the start is committed on the sink, or when nothing was there to commit.
 * Records that came later do not matter: on a topic that is being written there is always one under way.
 *
 * A worker is through when all partitions of its tasks are. It goes on being a member of the group then: the group may
 * move a task to it, and its leaving would move tasks, in the middle of the others' work. Between a revocation and the
 * next assignment a worker has no tasks and is not through: some are about to come.
 *
 * The route is over when all its workers in this process are through at the same time. Other processes end when their own
 * tasks are through; a task that moves in between is through or it is not, wherever it is looked at.
 *
 * Invariant: `working` is the number of workers whose `working` is true.
 */
#include "bridge/finish.h"

#include "base/assert.h"
#include "bridge/worker.h"

void br_finish_init(struct br_finish *finish, int workers)
{
    AQ_ASSERT(workers > 0);
    atomic_init(&finish->working, workers);
    atomic_init(&finish->over, false);
}

static bool is_delivered(const struct br_partition *p)
{
    if (p->reset_to >= 0) return false;
    /* Reading from a last record not seen again yet proves nothing: the topic may be another one. */
    if (!p->verify && p->stop_at >= 0 && p->acked.next >= p->stop_at) return true;
    /* The log ends in what is no record for us: transaction markers, compacted ones, an open transaction. */
    return p->reached_end && p->acked.next == p->read.next;
}

static bool is_committed(const struct br_partition *p)
{
    if (p->stop_at >= 0 && p->committed.next >= p->stop_at) return true;
    /* A partition without a single record never gets a position. */
    return p->committed.next == p->acked.next || p->acked.last_offset < 0;
}

static bool task_is_through(const struct br_task *task, bool *delivered)
{
    bool through = true;
    for (size_t i = 0; i < task->count; i++) {
        const struct br_partition *p = task->partitions[i];
        if (p->state != BR_PARTITION_READING) continue;
        *delivered &= is_delivered(p);
        through &= is_delivered(p) && is_committed(p);
    }
    return through;
}

static bool worker_is_through(struct br_worker *worker)
{
    if (!kc_ownership_is_settled(&worker->own) || !worker->view || worker->view_again) return false;
    if (worker->own.rewind_due || worker->suspects) return false;
    bool through = true, delivered = true;
    for (int32_t t = 0; t < worker->own.n_tasks && delivered; t++) {
        const struct br_task *task = &worker->tasks[t];
        if (worker->own.tasks[t].state == KC_TASK_TAKING || task->write_first) return false;
        through &= task_is_through(task, &delivered);
    }
    /* Nothing more is wanted: why wait for the interval. */
    if (delivered && !through) kc_ownership_request(&worker->own);
    return delivered && through;
}

bool br_finish_reached(struct br_worker *worker)
{
    struct br_finish *finish = worker->finish;
    if (!worker->route->stop_at_end) return false;
    bool working = !worker_is_through(worker);
    if (working != worker->working) {
        worker->working = working;
        atomic_fetch_add(&finish->working, working ? 1 : -1);
    }
    if (atomic_load(&finish->working) == 0) atomic_store(&finish->over, true);
    return atomic_load(&finish->over);
}
