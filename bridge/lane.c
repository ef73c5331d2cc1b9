/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's lanes: producers with their commit cycles, and their replacement.
 *
 * An ordinary pass, at_least_once: one lane, opened once, used until the end.
 *
 * An ordinary pass, exactly_once: two lanes that take turns, because a producer cannot send while its transaction is being
 * committed, which takes a fifth of a 100 ms cycle. When every record of lane A is acknowledged and its commit is under
 * way, records go on in a transaction of lane B; B's positions are not written before A's commit is through. So:
 *   - order: B sends nothing before all of A is in the sink's logs;
 *   - prefix: B never commits unless A did. If A's commit fails, B is aborted with it, and everything is read again from
 *     what was committed before A;
 *   - pointers: B's are sent to the coordinator after A's EndTxn was answered, and the coordinator keeps the later of
 *     two commits whatever order their markers arrive in.
 *
 * A failing pass: the handle failed for good (fenced by the broker after a time-out, a fatal client error), or a
 * transaction's EndTxn had to be sent more than once, in which case a delayed duplicate might still arrive and end a
 * later transaction, or an abort threw records away whose sequence numbers the client would use again: the only cure is
 * a new epoch. The old handle is closed, its batches come back, the partitions are rewound, and another handle is opened
 * after a pause that doubles up to five seconds; being fenced again and again means that somebody else uses our
 * transactional id, which is worth an alarm.
 *
 * The transactional ids are random for each worker's life. A restarted process does not need its old one: the take-over
 * waits for whatever transaction is still open, and transaction_timeout bounds that.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "bridge/worker.h"

#define CLOSE_MS      5000
#define FIRST_PAUSE   (50 * AQ_MS)
#define LONGEST_PAUSE (5 * AQ_SEC)
#define ALARM_AFTER   5

static int open_producer(struct br_worker *worker, struct br_lane *lane, struct aq_err *err)
{
    const struct br_route *route = worker->route;
    bool exactly_once = route->delivery == BR_EXACTLY_ONCE;
    const struct kc_producer_conf conf = {.client_id = worker->instance,
                                          .transactional_id = exactly_once ? lane->transactional_id : NULL,
                                          .transaction_timeout_ms = route->transaction_timeout_ms,
                                          .delivery_timeout_ms = 120000,
                                          .linger_ms = route->linger_ms,
                                          .batch_bytes = route->batch_bytes,
                                          .batch_records = BR_BATCH_RECORDS,
                                          .queue_bytes = route->in_flight_bytes * 2,
                                          .compression = route->compression};
    int rc = worker->ops->producer_open(route->sink, &conf, &lane->producer, err);
    if (rc == 0) lane->producers_made++;
    return rc;
}

void br_lane_drop(struct br_worker *worker, struct br_lane *lane, int64_t now)
{
    AQ_ASSERT(kc_cycle_is_idle(&lane->cycle));
    struct aq_batch *batches = NULL;
    worker->ops->producer_close(lane->producer, CLOSE_MS, &batches);
    lane->producer = NULL;
    kc_cycle_set_producer(&lane->cycle, NULL);
    br_outflow_take_back(worker, batches);
    lane->retry_us = now + lane->pause_us;
    lane->pause_us = lane->pause_us ? lane->pause_us * 2 : FIRST_PAUSE;
    if (lane->pause_us > LONGEST_PAUSE) lane->pause_us = LONGEST_PAUSE;
}

static void open_lane(struct br_worker *worker, struct br_lane *lane, int64_t now)
{
    struct aq_err err;
    if (lane->producer || now < lane->retry_us) return;
    if (open_producer(worker, lane, &err) != 0) {
        if (lane->producers_made == 0 || aq_code_class(err.code) == AQ_CLASS_CONFIG) {
            br_worker_fail(worker, &err);
            return;
        }
        lane->retry_us = now + LONGEST_PAUSE;
        aq_log(AQ_ERROR, "producer cannot be opened, trying again", aq_fs("route", worker->route->name),
               aq_fs("reason", err.text));
        return;
    }
    if (lane->producers_made > 1)
        aq_log(lane->cycle.consecutive_aborts > ALARM_AFTER ? AQ_ERROR : AQ_INFO, "producer replaced",
               aq_fs("route", worker->route->name), aq_fi("worker", worker->index),
               aq_fs("reason", lane->cycle.err.text));
    kc_cycle_set_producer(&lane->cycle, lane->producer);
}

void br_lane_open_all(struct br_worker *worker, int64_t now)
{
    for (int i = 0; i < worker->n_lanes; i++) open_lane(worker, &worker->lanes[i], now);
}

bool br_lanes_exactly_once(const struct br_worker *worker)
{
    return worker->lanes[0].cycle.conf.exactly_once;
}

static struct br_lane *other_lane(struct br_worker *worker, const struct br_lane *lane)
{
    if (worker->n_lanes < 2) return NULL;
    return lane == &worker->lanes[0] ? &worker->lanes[1] : &worker->lanes[0];
}

void br_lane_switch(struct br_worker *worker)
{
    struct br_lane *other = other_lane(worker, worker->lane);
    if (!other || worker->lane->cycle.state != KC_CYCLE_COMMITTING) return;
    if (other->cycle.state != KC_CYCLE_IDLE || !other->producer) return;
    br_show_committing(worker);
    worker->lane = other;
}

void br_lane_hold(struct br_worker *worker, struct br_lane *lane)
{
    struct br_lane *other = other_lane(worker, lane);
    kc_cycle_hold(&lane->cycle, other && lane == worker->lane && !kc_cycle_is_idle(&other->cycle));
}

bool br_lanes_idle(const struct br_worker *worker)
{
    for (int i = 0; i < worker->n_lanes; i++)
        if (!kc_cycle_is_idle(&worker->lanes[i].cycle)) return false;
    return true;
}

void br_lanes_request(struct br_worker *worker)
{
    for (int i = 0; i < worker->n_lanes; i++) kc_cycle_request(&worker->lanes[i].cycle);
}

void br_lanes_abort(struct br_worker *worker, int64_t now)
{
    for (int i = 0; i < worker->n_lanes; i++) kc_cycle_abort(&worker->lanes[i].cycle, now);
}
