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
 *          any --br_worker_fail()--> (err set; the open cycle is aborted) --cycle idle--> FAILED
 *
 * Invariants: worker->in_flight is exactly the bytes of batches not yet released; nothing is sent while a revocation is
 * being answered; at the end in_flight is 0.
 */
#include "bridge/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/lookup.h"
#include "bridge/selftest.h"

#define DRAIN_PATIENCE (8 * AQ_SEC)
#define CLOSE_MS       5000

/* ---- what the cycle asks ------------------------------------------------------------------------------------------ */

/* The whole task: every partition it ever mirrored, also those whose topic is not selected or gone at the moment. */
static struct aq_slice encode_task(void *ctx, int32_t index, int64_t *ret_seq, struct aq_arena *arena)
{
    struct br_worker *worker = ctx;
    struct br_task *task = &worker->tasks[index];
    struct kc_snapshot snapshot = {.facts = *br_catalog_facts(worker->catalog),
                                   .task = index,
                                   .seq = task->seq + 1,
                                   .written_ms = aq_wall_ms(),
                                   .writer = worker->lane->transactional_id};
    snapshot.list = aq_arena_alloc(arena, task->count * sizeof(*snapshot.list));
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        p->writing = br_lanes_exactly_once(worker) ? p->sent : p->acked;
        if (p->writing.next >= 0) br_mark_to_position(p, &p->writing, &snapshot.list[snapshot.count++]);
    }
    task->writing_seq = snapshot.seq;
    *ret_seq = snapshot.seq;
    return kc_snapshot_encode(&snapshot, arena);
}

static void task_committed(void *ctx, int32_t index)
{
    struct br_worker *worker = ctx;
    struct br_task *task = &worker->tasks[index];
    AQ_ASSERT(task->writing_seq == task->seq + 1);
    task->seq = task->writing_seq;
    task->had_snapshot = true;
    for (size_t i = 0; i < task->count; i++) {
        struct br_partition *p = task->partitions[i];
        if (p->writing.next < 0) continue;
        p->committed = p->writing;
        p->has_position = true;
        if (p->committed.next > p->careful_until) p->careful_until = -1;
        br_partition_forget_poison(p, p->committed.next);
    }
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void make_identity(struct br_worker *worker)
{
    char host[64] = "unknown";
    uint32_t nonce = 0;
    gethostname(host, sizeof(host) - 1);
    ssize_t got = getrandom(&nonce, sizeof(nonce), 0);
    AQ_ASSERT(got == (ssize_t)sizeof(nonce));
    snprintf(worker->instance, sizeof(worker->instance), "aqueduct-%.30s-%d-%d", host, (int)getpid(),
             worker->index);
    for (int i = 0; i < worker->n_lanes; i++)
        snprintf(worker->lanes[i].transactional_id, sizeof(worker->lanes[i].transactional_id),
                 "aqueduct.%s.%.30s.%08x.%d.%c", worker->route->name, host, nonce, worker->index, 'a' + i);
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
    worker->n_tasks = (int32_t)route->tasks;
    worker->tasks = aq_calloc((size_t)worker->n_tasks, sizeof(*worker->tasks));
    worker->shown_lag = -1;
    worker->shown_end_total = -1;
    pthread_mutex_init(&worker->shown_lock, NULL);
    worker->n_lanes = route->delivery == BR_EXACTLY_ONCE ? BR_LANES : 1;
    worker->lane = &worker->lanes[0];
    make_identity(worker);
    aq_names_init(&worker->names);
    double share = 1.0 / (double)route->workers;
    br_throttle_init(&worker->throttle, (double)route->records_per_second * share,
                     (double)route->bytes_per_second * share);
    const struct kc_cycle_conf conf = {.exactly_once = route->delivery == BR_EXACTLY_ONCE,
                                       .interval_us = route->commit_interval_ms * AQ_MS,
                                       .deadline_us = route->transaction_timeout_ms * 3 * AQ_MS + 30 * AQ_SEC,
                                       .state_topic = route->state_topic,
                                       .tasks = worker->n_tasks};
    const struct kc_cycle_host host = {.ctx = worker, .encode = encode_task, .committed = task_committed};
    for (int i = 0; i < worker->n_lanes; i++) kc_cycle_init(&worker->lanes[i].cycle, ops, &conf, &host);
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
    const struct kc_consumer_conf consumer = {.client_id = worker->instance,
                                              .group_id = route->group,
                                              .read_committed = !route->read_uncommitted,
                                              .queue_bytes = route->queue_bytes,
                                              .batch_records = batch_records(route),
                                              /* what fits into one produce request, see outflow.c */
                                              .batch_bytes = route->batch_bytes * 15 / 16};
    const struct kc_member_conf member = {.client_id = worker->instance,
                                          .group_id = route->group,
                                          .topic = route->state_topic,
                                          .session_timeout_ms = route->session_timeout_ms,
                                          .max_poll_interval_ms = 300000};
    int rc = worker->ops->member_open(route->sink, &member, &worker->member, err);
    if (rc != 0) return rc;
    rc = worker->ops->consumer_open(route->source, &consumer, &worker->names, &worker->consumer, err);
    if (rc != 0) return rc;
    rc = worker->ops->reader_open(route->sink, worker->instance, route->group, &worker->reader, err);
    if (rc != 0) return rc;
    worker->lookup = kc_lookup_create(worker->ops, &route->flow, br_catalog_facts(worker->catalog),
                                      br_catalog_sink(worker->catalog), worker->reader);
    rc = kc_lookup_start(worker->lookup, err);
    if (rc != 0) return rc;
    for (int i = 0; i < worker->n_lanes; i++) kc_cycle_set_member(&worker->lanes[i].cycle, worker->member);
    br_lane_open_all(worker, aq_mono_us());
    if (worker->err.code != 0) {
        *err = worker->err;
        return err->code;
    }
    return 0;
}

void br_worker_close(struct br_worker *worker)
{
    br_selftest_finish(worker);
    /* The group first: the others can go on while we tidy up. */
    if (worker->member) worker->ops->member_close(worker->member, CLOSE_MS);
    worker->member = NULL;
    for (int i = 0; i < worker->n_lanes; i++) {
        struct aq_batch *batches = NULL;
        if (worker->lanes[i].producer)
            worker->ops->producer_close(worker->lanes[i].producer, CLOSE_MS, &batches);
        worker->lanes[i].producer = NULL;
        br_outflow_take_back(worker, batches);
    }
    for (int32_t t = 0; t < worker->n_tasks; t++) {
        br_outflow_forget_task(worker, t);
        br_ownership_drop_task(worker, t);
    }
    kc_lookup_destroy(worker->lookup);
    worker->lookup = NULL;
    if (worker->reader) worker->ops->reader_close(worker->reader, CLOSE_MS);
    if (worker->consumer) worker->ops->consumer_close(worker->consumer, CLOSE_MS);
    worker->reader = NULL;
    worker->consumer = NULL;
}

void br_worker_destroy(struct br_worker *worker)
{
    if (!worker) return;
    for (int i = 0; i < worker->n_lanes; i++) kc_cycle_finish(&worker->lanes[i].cycle);
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

void br_worker_fail(struct br_worker *worker, const struct aq_err *err)
{
    if (worker->err.code != 0) return; /* the first reason is the one to tell */
    worker->err = *err;
    worker->failed_us = aq_mono_us();
    br_lanes_abort(worker, aq_mono_us());
}

/* ---- the cycle's answers ------------------------------------------------------------------------------------------ */

/* A pause that grows while cycles keep failing, so that a broken sink is not hammered. */
static void back_off(struct br_worker *worker, const struct br_lane *lane, int64_t now)
{
    uint32_t aborts = lane->cycle.consecutive_aborts;
    if (aborts <= 2) return; /* one or two are ordinary: the group moved, a leader did */
    int64_t pause = 50 * AQ_MS << (aborts < 9 ? aborts - 2 : 7);
    worker->intake_pause_us = now + (pause < 5 * AQ_SEC ? pause : 5 * AQ_SEC);
}

/* A cycle was given up, and with it whatever was sent behind it on the other lane. */
static void given_up(struct br_worker *worker, const struct br_lane *lane, int64_t now, bool fenced)
{
    const struct aq_err *reason = &lane->cycle.err;
    br_lanes_abort(worker, now);
    aq_counter_add(fenced ? &worker->counters.fenced : &worker->counters.aborted, 1);
    aq_log(lane->cycle.consecutive_aborts > 2 ? AQ_WARN : AQ_INFO,
           fenced ? "cycle fenced, rewinding" : "cycle aborted, rewinding",
           aq_fs("route", worker->route->name), aq_fi("worker", worker->index),
           aq_fs("reason", reason->text));
    worker->rewind_due = true;
    if (reason->code != 0 && aq_code_class(reason->code) == AQ_CLASS_CONFIG) br_worker_fail(worker, reason);
    back_off(worker, lane, now);
}

/* A handle whose next transaction would not be safe, found out while nothing is under way on it. */
static void drop_tainted(struct br_worker *worker, struct br_lane *lane, int64_t now, const char *reason)
{
    if (!br_lanes_exactly_once(worker) || !worker->ops->txn_tainted(lane->producer)) return;
    aq_fail(&lane->cycle.err, AQ_E_FENCED, "%s", reason);
    br_lane_drop(worker, lane, now);
}

static void answer_cycle(struct br_worker *worker, struct br_lane *lane, enum kc_cycle_result result,
                         int64_t now)
{
    switch (result) {
    case KC_CYCLE_NOTHING: return;
    case KC_CYCLE_COMMITTED:
        br_show_committed(worker, now, now - lane->cycle.drain_start_us);
        lane->pause_us = 0;
        drop_tainted(worker, lane, now, "a request of the last transaction had to be sent twice");
        return;
    case KC_CYCLE_ABORTED:
    case KC_CYCLE_FENCED:
        given_up(worker, lane, now, result == KC_CYCLE_FENCED);
        if (result == KC_CYCLE_FENCED) worker->fenced = true;
        drop_tainted(worker, lane, now, "the last transaction was aborted with records under way");
        return;
    case KC_CYCLE_REPLACE:
        /* The handle may have failed while EndTxn was on its way: whether the sink committed is known to the sink only,
         * so what we remember as committed counts for nothing. */
        given_up(worker, lane, now, false);
        worker->retake_due = true;
        br_lane_drop(worker, lane, now);
        return;
    case KC_CYCLE_FATAL:
        /* The client hangs in a call that cannot be interrupted. Positions and data are safe on the sink; another
         * instance, or this one restarted, goes on from there. */
        aq_log(AQ_ERROR, "ending the process", aq_fs("route", worker->route->name),
               aq_fs("reason", lane->cycle.err.text));
        _exit(75);
    }
}

/* Every lane's cycle, the one that is being committed first, since the other stands on it. */
static void step_cycles(struct br_worker *worker, int64_t now)
{
    struct br_lane *sending = worker->lane;
    for (int i = 0; i < worker->n_lanes; i++) {
        struct br_lane *lane = &worker->lanes[i];
        if (lane != sending) answer_cycle(worker, lane, kc_cycle_turn(&lane->cycle, now), now);
        if (lane != sending && lane->cycle.state == KC_CYCLE_ABORTING) kc_cycle_abort(&sending->cycle, now);
    }
    br_lane_hold(worker, sending);
    answer_cycle(worker, sending, kc_cycle_turn(&sending->cycle, now), now);
    br_lane_switch(worker);
}

bool br_worker_may_commit(const struct br_worker *worker)
{
    return br_ownership_is_settled(worker) && worker->self_tested && !worker->rewind_due &&
           worker->err.code == 0;
}

bool br_worker_cycle_accepts(struct br_worker *worker, int64_t now)
{
    struct aq_err err;
    if (kc_cycle_accepts(&worker->lane->cycle, now, &err)) return true;
    /* A producer that refuses to begin (tainted, fenced) is replaced; anything else is a matter of a moment. */
    bool unusable = err.code != 0 && aq_code_class(err.code) != AQ_CLASS_RETRY;
    if (unusable) kc_cycle_break(&worker->lane->cycle, &err);
    return false;
}

/* Positions that must be written though no record was sent: a first start from the end, a reported jump. */
static void touch_first_writes(struct br_worker *worker, int64_t now)
{
    if (!br_worker_may_commit(worker)) return;
    for (int32_t t = 0; t < worker->n_tasks; t++) {
        struct br_task *task = &worker->tasks[t];
        if (!task->write_first || task->state != BR_TASK_OWNED || !worker->view) continue;
        if (!br_worker_cycle_accepts(worker, now)) return;
        kc_cycle_touch(&worker->lane->cycle, t);
        task->write_first = false;
    }
}

/* ---- ending ------------------------------------------------------------------------------------------------------- */

/* A stop is bounded: a sink that does not answer must not keep the process. Nothing is lost by going without the commit. */
static void lose_patience(struct br_worker *worker, int64_t now)
{
    int64_t drained_for = now - worker->draining_since_us;
    if (drained_for > DRAIN_PATIENCE) br_lanes_abort(worker, now);
    if (drained_for <= 2 * DRAIN_PATIENCE) return;
    aq_log(AQ_WARN, "the last cycle could not be ended in time; its records will be read again",
           aq_fs("route", worker->route->name), aq_fi("worker", worker->index));
    worker->state = BR_WORKER_ENDED;
}

static void consider_end(struct br_worker *worker, int64_t now)
{
    if (worker->state == BR_WORKER_RUNNING && (atomic_load(&worker->stop) || br_finish_reached(worker))) {
        worker->state = BR_WORKER_DRAINING;
        worker->draining_since_us = now;
        aq_log(AQ_DEBUG, "draining", aq_fs("route", worker->route->name), aq_fi("worker", worker->index));
    }
    bool idle = br_lanes_idle(worker) && !worker->rewind_due;
    bool failed_long_ago = worker->err.code != 0 && now - worker->failed_us > 2 * DRAIN_PATIENCE;
    if (worker->err.code != 0 && (idle || failed_long_ago)) {
        worker->state = BR_WORKER_FAILED;
        return;
    }
    if (worker->state != BR_WORKER_DRAINING) return;
    br_lanes_request(worker);
    bool stuck = worker->lane->cycle.state == KC_CYCLE_BROKEN || worker->fenced || worker->blocked_us != 0;
    if (idle && !worker->revoking && (!worker->queue.head || stuck))
        worker->state = BR_WORKER_ENDED;
    else
        lose_patience(worker, now);
}

/* ---- the turn ----------------------------------------------------------------------------------------------------- */

bool br_worker_turn(struct br_worker *worker, int64_t now)
{
    br_lane_open_all(worker, now);
    br_ownership_turn(worker, now);
    br_selftest_turn(worker, now);
    br_takeover_turn(worker, now);
    br_ownership_follow_view(worker, now);
    br_intake_events(worker, now);

    struct aq_batch *batch = br_intake_poll(worker, now);
    if (batch) {
        xf_run_batch(worker->run, batch);
        br_outflow_settle_errors(worker, batch);
        br_outflow_enqueue(worker, batch);
    }

    now = aq_mono_us();
    touch_first_writes(worker, now);
    br_outflow_send(worker, now);
    br_outflow_drain(worker, now);
    if (!batch && !worker->queue.head && worker->state == BR_WORKER_RUNNING)
        kc_cycle_idle(&worker->lane->cycle, now);
    step_cycles(worker, now);
    if (worker->rewind_due && br_lanes_idle(worker)) br_outflow_rewind(worker, now);
    if (worker->retake_due && !worker->rewind_due) br_ownership_retake(worker, now);

    consider_end(worker, now);
    br_show_publish(worker, now);
    return worker->state != BR_WORKER_ENDED && worker->state != BR_WORKER_FAILED;
}
