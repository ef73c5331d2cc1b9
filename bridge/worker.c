/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: a record's whole way from the source cluster to the sink cluster is br_worker_turn(), top to bottom.
 *
 * An ordinary pass: hear the group; find the positions of tasks just assigned; follow new topics; hear what the source
 * has to say; poll one batch, run it through the chain, settle what the chain could not process, queue it; hand what is
 * queued to the producer; collect delivery reports; step the commit cycle. No record changes threads: polling,
 * transforming, producing and committing happen in this thread, in this order; only the client's own threads and the
 * producer's helper thread (which waits for slow transaction calls) are beside it.
 *
 * A failing pass: the cycle says ABORTED, FENCED or REPLACE. Everything that is not committed is taken back and released,
 * every partition is assigned again at its committed position, and the next turn starts as if the uncommitted records had
 * never been read. A failure nothing can mend (policy `fail`, a right that is missing) stops intake, gives up the open
 * cycle and ends the worker with the reason.
 *
 * States:  RUNNING --stop--> DRAINING --cycle idle--> ENDED
 *          RUNNING --stop_at_end reached--> DRAINING
 *          any --kc_ownership_fail()--> (own.err set; the open cycle is aborted) --cycle idle--> FAILED
 *
 * Invariants: worker->in_flight is exactly the bytes of batches not yet released; nothing is sent while a revocation is
 * being answered; at the end in_flight is 0.
 */
#include "bridge/worker.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define DRAIN_PATIENCE (8 * AQ_SEC)
#define CLOSE_MS       5000

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void init_ownership(struct br_worker *worker)
{
    const struct kc_ownership_setup setup = {.ops = worker->ops,
                                             .flow = &worker->route->flow,
                                             .facts = br_catalog_facts(worker->catalog),
                                             .sink_admin = br_catalog_sink(worker->catalog),
                                             .index = worker->index,
                                             .host = {.ctx = worker,
                                                      .own = br_task_own,
                                                      .drop = br_task_drop,
                                                      .positions = br_task_positions,
                                                      .committed = br_task_committed,
                                                      .take_back = br_outflow_take_back,
                                                      .rewind = br_outflow_rewind,
                                                      .failure = br_outflow_failure,
                                                      .cycle_done = br_show_cycle,
                                                      .committing = br_show_committing}};
    kc_ownership_init(&worker->own, &setup);
}

struct br_worker *br_worker_create(const struct kc_ops *ops, const struct br_route *route,
                                   struct br_catalog *catalog, struct br_finish *finish, int index)
{
    struct br_worker *worker = aq_calloc(1, sizeof(*worker));
    worker->ops = ops;
    worker->route = route;
    worker->catalog = catalog;
    worker->finish = finish;
    worker->working = true;
    worker->index = index;
    worker->tasks = aq_calloc((size_t)route->flow.tasks, sizeof(*worker->tasks));
    worker->shown_lag = -1;
    worker->shown_end_total = -1;
    pthread_mutex_init(&worker->shown_lock, NULL);
    aq_names_init(&worker->names);
    double share = 1.0 / (double)route->workers;
    br_throttle_init(&worker->throttle, (double)route->records_per_second * share,
                     (double)route->bytes_per_second * share);
    init_ownership(worker);
    worker->run = xf_run_create(route->chain, &worker->names);
    worker->shown_run = worker->run;
    return worker;
}

/* A throttled route polls in pieces of a tenth of a second's allowance, so that the flow is even. */
static uint32_t batch_records(const struct br_route *route)
{
    int64_t share = route->records_per_second / route->workers / 10;
    if (route->records_per_second == 0 || share > BR_BATCH_RECORDS) return BR_BATCH_RECORDS;
    return share < 1 ? 1 : (uint32_t)share;
}

int br_worker_open(struct br_worker *worker, struct aq_err *err)
{
    const struct br_route *route = worker->route;
    const struct kc_consumer_conf consumer = {.client_id = worker->own.instance,
                                              .group_id = route->group,
                                              .read_committed = !route->read_uncommitted,
                                              .queue_bytes = route->queue_bytes,
                                              .batch_records = batch_records(route),
                                              /* what fits into one produce request, see outflow.c */
                                              .batch_bytes = route->batch_bytes * 15 / 16};
    int rc = worker->ops->consumer_open(route->source, &consumer, &worker->names, &worker->consumer, err);
    return rc == 0 ? kc_ownership_open(&worker->own, err) : rc;
}

void br_worker_close(struct br_worker *worker)
{
    kc_ownership_close(&worker->own);
    AQ_ASSERT(!worker->queue.head);
    if (worker->consumer) worker->ops->consumer_close(worker->consumer, CLOSE_MS);
    worker->consumer = NULL;
}

void br_worker_destroy(struct br_worker *worker)
{
    if (!worker) return;
    kc_ownership_finish(&worker->own);
    xf_run_destroy(worker->run);
    if (worker->view) br_catalog_view_unref(worker->view);
    aq_names_finish(&worker->names);
    pthread_mutex_destroy(&worker->shown_lock);
    free(worker->tasks);
    free(worker->known);
    free(worker->samples);
    free(worker->shown);
    free(worker);
}

/* ---- positions without records ------------------------------------------------------------------------------------ */

/* Positions that must be written though no record was sent: a first start from the end, a reported jump. */
static void touch_first_writes(struct br_worker *worker, int64_t now)
{
    struct kc_ownership *own = &worker->own;
    if (!kc_ownership_may_send(own)) return;
    for (int32_t t = 0; t < own->n_tasks; t++) {
        struct br_task *task = &worker->tasks[t];
        if (!task->write_first || own->tasks[t].state != KC_TASK_OWNED || !worker->view) continue;
        if (!kc_ownership_accepts(own, now)) return;
        kc_ownership_touch(own, t);
        task->write_first = false;
    }
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

/* A stop is bounded: a sink that does not answer must not keep the process. Nothing is lost by going without the commit. */
static void lose_patience(struct br_worker *worker, int64_t now)
{
    int64_t drained_for = now - worker->draining_since_us;
    if (drained_for > DRAIN_PATIENCE) kc_ownership_abort(&worker->own, now);
    if (drained_for <= 2 * DRAIN_PATIENCE) return;
    aq_log(AQ_WARN, "the last cycle could not be ended in time; its records will be read again",
           aq_fs("route", worker->route->name), aq_fi("worker", worker->index));
    worker->state = BR_WORKER_ENDED;
}

static void consider_end(struct br_worker *worker, int64_t now)
{
    struct kc_ownership *own = &worker->own;
    if (worker->state == BR_WORKER_RUNNING && (atomic_load(&worker->stop) || br_finish_reached(worker))) {
        worker->state = BR_WORKER_DRAINING;
        worker->draining_since_us = now;
        aq_log(AQ_DEBUG, "draining", aq_fs("route", worker->route->name), aq_fi("worker", worker->index));
    }
    bool idle = kc_ownership_is_idle(own);
    bool failed_long_ago = own->err.code != 0 && now - own->failed_us > 2 * DRAIN_PATIENCE;
    if (own->err.code != 0 && (idle || failed_long_ago)) {
        worker->state = BR_WORKER_FAILED;
        return;
    }
    if (worker->state != BR_WORKER_DRAINING) return;
    kc_ownership_request(own);
    bool stuck = own->lanes.sending->cycle.state == KC_CYCLE_BROKEN || own->fenced || worker->blocked_us != 0;
    if (idle && !own->revoking && (!worker->queue.head || stuck))
        worker->state = BR_WORKER_ENDED;
    else
        lose_patience(worker, now);
}

/* ---- the turn ----------------------------------------------------------------------------------------------------- */

bool br_worker_turn(struct br_worker *worker, int64_t now)
{
    kc_ownership_hear(&worker->own, now);
    br_task_follow_view(worker, now);
    br_intake_events(worker, now);

    struct aq_batch *batch = br_intake_poll(worker, now);
    worker->fed = batch != NULL;
    if (batch) {
        xf_run_batch(worker->run, batch);
        br_settle_batch(worker, batch);
        br_outflow_enqueue(worker, batch);
    }

    now = aq_mono_us();
    touch_first_writes(worker, now);
    br_outflow_send(worker, now);
    br_outflow_drain(worker, now);
    if (!batch && !worker->queue.head && worker->state == BR_WORKER_RUNNING)
        kc_ownership_idle(&worker->own, now);
    kc_ownership_step(&worker->own, now);

    consider_end(worker, now);
    br_show_publish(worker, now);
    return worker->state != BR_WORKER_ENDED && worker->state != BR_WORKER_FAILED;
}
