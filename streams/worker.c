/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker: a record's whole way through the engine is st_worker_turn(), top to bottom.
 *
 * An ordinary pass: hear the group and find out where new slots stand; follow new topics; hear what the sources have to say; poll one
 * batch; let the tasks process what they have, in turns, into the outbox; hand flights to the producer; collect delivery reports;
 * step the commit cycle. Tasks with stores wait until these are restored (streams/state/restore.c), and end their cycles with a barrier
 * (streams/barrier.c). No record changes threads. It is the pass of the bridge's worker with a topology in the place of
 * the chain, on the same machinery (kafka/ownership.h).
 *
 * A failing pass: a cycle is aborted, fenced, or its producer replaced. When every batch is back the outbox is emptied and every task
 * made anew from its committed marks (streams/assignment.c), as if what is not committed had never been read. A failure nothing can
 * mend (an error handler said fail, a right that is missing) stops processing, gives up the open cycle and ends the worker with
 * the reason; what becomes of the application then is for streams/app.c.
 *
 * What processing waits for: nothing is processed while a revocation or a stop is under way, so that the last commit covers all that was
 * made, and nothing that was not committed is left behind. The commit waits for flights that are not handed over yet.
 *
 * States:  RUNNING --stop--> DRAINING --outbox empty, cycle idle--> ENDED
 *          any --st_worker_fail()--> (the open cycle is aborted) --cycle idle--> FAILED
 *
 * Invariants: in_flight is the bytes of input batches not yet released; at the end it is 0 and the outbox is empty.
 */
#include "streams/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/global.h"

#define BATCH_RECORDS  1000
#define DRAIN_PATIENCE (8 * AQ_SEC)
#define CLOSE_MS       5000
#define UNSENT_FLIGHTS 2 /* processing stops when so many wait to be handed over */

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct st_worker *st_worker_create(const struct st_worker_setup *setup)
{
    struct st_worker *worker = aq_calloc(1, sizeof(*worker));
    const struct st_settings *settings = setup->settings;
    worker->ops = setup->ops;
    worker->settings = settings;
    worker->plan = setup->plan;
    worker->catalog = setup->catalog;
    worker->index = setup->index;
    worker->dbs = setup->dbs;
    worker->standby = setup->standby;
    worker->has_stores = setup->plan->topology->n_stores > 0;
    AQ_ASSERT(!worker->has_stores || setup->dbs);
    worker->answer_us = KC_FIRST_ANSWER + settings->flow.linger_ms * AQ_MS;
    pthread_mutex_init(&worker->shown_lock, NULL);
    aq_names_init(&worker->names);
    st_outbox_init(&worker->outbox, st_intake_release, worker);
    worker->shop = (struct st_shop){.settings = settings,
                                    .topology = setup->plan->topology,
                                    .names = &worker->names,
                                    .outbox = &worker->outbox,
                                    .serdes = setup->serdes,
                                    .globals = setup->globals,
                                    .wall_ms = aq_wall_ms()};
    if (settings->dead_letter_topic)
        worker->shop.dead_letter = aq_names_intern(&worker->names, aq_slice_str(settings->dead_letter_topic));
    worker->slots = aq_calloc((size_t)settings->flow.tasks, sizeof(*worker->slots));
    worker->holds = aq_calloc((size_t)settings->flow.tasks, sizeof(*worker->holds));
    st_mailbox_init(&worker->mailbox);
    struct kc_ownership_setup own = {.ops = setup->ops,
                                     .flow = &settings->flow,
                                     .facts = st_catalog_facts(setup->catalog),
                                     .sink_admin = st_catalog_admin(setup->catalog),
                                     .index = setup->index,
                                     .host = st_assignment_host,
                                     .inline_lookup = setup->inline_lookup};
    own.host.ctx = worker;
    kc_ownership_init(&worker->own, &own);
    worker->own.dealt_in_turn = worker->has_stores; /* copies are kept by it */
    return worker;
}

int st_worker_open(struct st_worker *worker, struct aq_err *err)
{
    const struct st_settings *settings = worker->settings;
    const struct kc_consumer_conf conf = {.client_id = worker->own.instance,
                                          .group_id = settings->flow.group,
                                          .read_committed = settings->flow.exactly_once,
                                          .queue_bytes = st_thread_share(settings, settings->queue_bytes),
                                          .batch_records = BATCH_RECORDS,
                                          .batch_bytes = settings->batch_bytes};
    if (worker->shop.globals) worker->reader = st_globals_join(worker->shop.globals);
    int rc = worker->ops->consumer_open(settings->cluster, &conf, &worker->names, &worker->consumer, err);
    return rc == 0 ? kc_ownership_open(&worker->own, err) : rc;
}

void st_worker_close(struct st_worker *worker)
{
    worker->outbox.closing = true;
    st_query_close(worker);
    kc_ownership_close(&worker->own);
    st_restore_close(worker);
    st_beginning_close(worker);
    st_outbox_clear(&worker->outbox);
    if (worker->consumer) worker->ops->consumer_close(worker->consumer, CLOSE_MS);
    worker->consumer = NULL;
    if (worker->reader) st_globals_leave(worker->shop.globals, worker->reader);
    worker->reader = NULL;
}

void st_worker_destroy(struct st_worker *worker)
{
    if (!worker) return;
    kc_ownership_finish(&worker->own);
    st_outbox_finish(&worker->outbox);
    if (worker->view) st_view_unref(worker->view);
    aq_names_finish(&worker->names);
    pthread_mutex_destroy(&worker->shown_lock);
    free(worker->slots);
    free(worker->holds);
    free(worker->known);
    free(worker->poison);
    free(worker->samples);
    free(worker->shown_feeds);
    free(worker);
}

void st_worker_fail(struct st_worker *worker, const struct aq_err *err)
{
    kc_ownership_fail(&worker->own, err);
}

/* ---- processing --------------------------------------------------------------------------------------------------- */

static bool may_process(const struct st_worker *worker)
{
    return worker->state == ST_WORKER_RUNNING && worker->own.err.code == 0 && !worker->own.rewind_due &&
           kc_ownership_is_settled(&worker->own) && !worker->stores_full &&
           !atomic_load_explicit(&worker->pause, memory_order_relaxed);
}

/* As much as may wait to be handed over does. */
static bool outbox_is_full(const struct st_worker *worker)
{
    int unsent = 0;
    for (const struct st_flight *flight = worker->outbox.unsent; flight; flight = flight->next)
        if (++unsent >= UNSENT_FLIGHTS) return true;
    return worker->careful && !st_outbox_is_empty(&worker->outbox);
}

/* Records in the order of their partitions' times; a partition that waits in vain is held back at its bound. */
static void follow_flow(struct st_worker *worker, struct st_task *task)
{
    size_t index;
    bool pause;
    struct aq_err err;
    while (st_choice_flow(&task->choice, &index, &pause)) {
        struct st_feed *feed = task->feeds[index];
        feed->paused = pause;
        if (pause && feed->reading) {
            worker->ops->consumer_unassign(worker->consumer, feed->topic->text, feed->partition, &err);
            feed->reading = false;
        } else if (!pause && !feed->reading) {
            if (st_assignment_read(worker, feed, st_choice_fetched(&task->choice, index), &err) != 0)
                feed->suspect = worker->view_again = true;
        }
    }
}

/* One round of a task: up to a flight's worth. True when it may have more. */
static bool run_task(struct st_worker *worker, struct st_task *task, int64_t now)
{
    struct aq_err err = {0};
    int64_t until;
    uint32_t max = worker->careful ? 1 : ST_FLIGHT_RECORDS;
    int rc = st_task_punctuate(task, &err);
    if (rc >= 0) rc = st_task_run(task, max, now, &until, &err);
    if (rc < 0) {
        aq_err_in(&err, "task %s", task->id);
        st_worker_fail(worker, &err);
        return false;
    }
    if (until < worker->idle_until_us) worker->idle_until_us = until;
    if (until != ST_NO_DEADLINE || rc == 0) follow_flow(worker, task);
    if (worker->careful && rc > 0 && --worker->careful_left == 0) worker->careful = false;
    return rc > 0;
}

static struct st_task *next_task(const struct st_worker *worker, const struct st_task *task)
{
    return task && task->next ? task->next : worker->tasks;
}

/* Every task in turn until none has more, or the outbox is full. */
static void process(struct st_worker *worker, int64_t now)
{
    if (!may_process(worker) || !worker->tasks) return;
    worker->idle_until_us = ST_NO_DEADLINE;
    size_t without = 0; /* tasks in a row that had nothing */
    if (!worker->turn_of) worker->turn_of = worker->tasks;
    while (without < worker->n_tasks && !outbox_is_full(worker) && worker->own.err.code == 0) {
        bool had = run_task(worker, worker->turn_of, now);
        without = had ? 0 : without + 1;
        worker->turn_of = next_task(worker, worker->turn_of);
        if (st_outbox_is_full(&worker->outbox) || worker->careful)
            st_outbox_close(&worker->outbox, st_task_position);
    }
    worker->more = without < worker->n_tasks;
    /* One by one nothing is processed before a dead letter that waits in the open flight has gone. */
    bool is_over = !worker->more && !st_outflow_is_busy(worker);
    if (is_over || worker->careful) st_outbox_close(&worker->outbox, st_task_position);
}

/* How long the turn may wait for records: not while there is work, not past the next time that something is due. */
static int waiting_time(const struct st_worker *worker, int64_t now, int wait_ms)
{
    int64_t wait = wait_ms;
    bool busy = worker->more || !st_outbox_is_empty(&worker->outbox) || !kc_ownership_is_idle(&worker->own) ||
                kc_lookup_state(worker->own.lookup) != KC_LOOKUP_IDLE;
    if ((busy || st_query_is_lively(worker, now)) && wait > 1) wait = 1;
    if (worker->more) return 0;
    if (worker->idle_until_us != ST_NO_DEADLINE && worker->idle_until_us > 0) {
        int64_t left_ms = (worker->idle_until_us - now) / AQ_MS;
        if (left_ms < wait) wait = left_ms > 0 ? left_ms : 0;
    }
    for (const struct st_task *task = worker->tasks; task && wait > 0; task = task->next) {
        int64_t due_ms = st_task_next_due_ms(task);
        if (due_ms == ST_NEVER_DUE) continue;
        int64_t left_ms = due_ms - worker->shop.wall_ms;
        if (left_ms < wait) wait = left_ms > 0 ? left_ms : 0;
    }
    return (int)wait;
}

/* ---- the cycle and the end ---------------------------------------------------------------------------------------- */

/* No commit while a flight is handed over by half, nor, when tasks are about to go, before all that was made is; but nobody waits for a
 * flight that cannot go (its topic is missing): whoever has the tasks next makes it again. */
static bool must_hold(const struct st_worker *worker)
{
    const struct st_flight *next = worker->outbox.unsent;
    if (next && next->batch.produced > 0) return true;
    if (worker->letter || st_barrier_holds(worker)) return true;
    bool leaving = worker->own.revoking || worker->state == ST_WORKER_DRAINING;
    if (!leaving || worker->own.lost || worker->blocked_us != 0) return false;
    return worker->own.flow->exactly_once ? next != NULL : !st_outbox_is_empty(&worker->outbox);
}

static void step_cycle(struct st_worker *worker, int64_t now)
{
    bool quiet =
        !worker->more && st_outbox_next(&worker->outbox) == NULL && worker->state == ST_WORKER_RUNNING;
    if (worker->shop.commit_requested) {
        worker->shop.commit_requested = false;
        kc_ownership_request(&worker->own);
    }
    if (quiet) kc_ownership_idle(&worker->own, now);
    kc_ownership_hold(&worker->own, must_hold(worker));
    kc_ownership_step(&worker->own, now);
}

/* A stop is bounded: a cluster that does not answer must not keep the process. Nothing is lost by going without the commit. */
static void lose_patience(struct st_worker *worker, int64_t now)
{
    int64_t drained_for = now - worker->draining_since_us;
    if (drained_for > DRAIN_PATIENCE) kc_ownership_abort(&worker->own, now);
    if (drained_for <= 2 * DRAIN_PATIENCE) return;
    aq_log(AQ_WARN, "the last cycle could not be ended in time; its records will be read again",
           aq_fs("application", worker->settings->application_id), aq_fi("thread", worker->index));
    worker->state = ST_WORKER_ENDED;
}

static void begin_draining(struct st_worker *worker, int64_t now)
{
    worker->state = ST_WORKER_DRAINING;
    worker->draining_since_us = now;
    st_outbox_close(&worker->outbox, st_task_position);
    aq_log(AQ_DEBUG, "draining", aq_fs("application", worker->settings->application_id),
           aq_fi("thread", worker->index));
}

static void consider_end(struct st_worker *worker, int64_t now)
{
    if (worker->state == ST_WORKER_RUNNING && atomic_load(&worker->stop)) begin_draining(worker, now);
    bool idle = kc_ownership_is_idle(&worker->own);
    bool failed = worker->own.err.code != 0;
    if (failed && (idle || now - worker->own.failed_us > 2 * DRAIN_PATIENCE)) {
        worker->state = ST_WORKER_FAILED;
        return;
    }
    if (worker->state != ST_WORKER_DRAINING) return;
    bool stuck = worker->own.fenced || worker->blocked_us != 0 || !kc_ownership_producer(&worker->own);
    bool empty = st_outbox_is_empty(&worker->outbox);
    kc_ownership_request(&worker->own);
    if (idle && !worker->own.revoking && (empty || stuck))
        worker->state = ST_WORKER_ENDED;
    else
        lose_patience(worker, now);
}

bool st_worker_is_quiet(const struct st_worker *worker)
{
    return !worker->more && st_outbox_is_empty(&worker->outbox) && kc_ownership_is_idle(&worker->own);
}

/* ---- the turn ----------------------------------------------------------------------------------------------------- */

bool st_worker_turn(struct st_worker *worker, int64_t now, int wait_ms)
{
    worker->shop.wall_ms = aq_wall_ms();
    worker->may_wait = wait_ms > 0;
    if (worker->reader) st_globals_rest(worker->shop.globals, worker->reader);
    kc_ownership_hear(&worker->own, now);
    if (worker->own.revoking) st_outbox_close(&worker->outbox, st_task_position);
    st_assignment_follow_view(worker, now);
    st_restore_turn(worker, now);
    st_query_turn(worker, now);
    st_intake_events(worker, now);
    st_intake_poll(worker, now, waiting_time(worker, now, wait_ms));

    now = aq_mono_us();
    worker->shop.wall_ms = aq_wall_ms();
    process(worker, now);
    st_barrier_bound(worker);
    st_assignment_write_first(worker, now);
    st_barrier_consider(worker, now);
    st_outflow_send(worker, now);
    st_outflow_drain(worker, now);
    step_cycle(worker, now);

    consider_end(worker, now);
    st_show_publish(worker, now);
    return worker->state != ST_WORKER_ENDED && worker->state != ST_WORKER_FAILED;
}
