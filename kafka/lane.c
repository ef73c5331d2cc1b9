/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes (kafka/lane.h): a worker's producers with their commit cycles, and their replacement.
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
 * The transactional ids are random for each worker's life (kafka/identity.h). A restarted process does not need its old
 * one: the take-over waits for whatever transaction is still open, ends what a dead worker left (kafka/fencing.c), and
 * transaction_timeout bounds the rest.
 */
#include "kafka/lane.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

#define CLOSE_MS      5000
#define FIRST_PAUSE   (50 * AQ_MS)
#define LONGEST_PAUSE (5 * AQ_SEC)
#define ALARM_AFTER   5

/* ---- life --------------------------------------------------------------------------------------------------------- */

void kc_lanes_init(struct kc_lanes *lanes, const struct kc_lanes_setup *setup)
{
    const struct kc_flow *flow = setup->flow;
    AQ_ASSERT(flow->tasks > 0 && setup->host.take_back && setup->host.failed);
    *lanes = (struct kc_lanes){.ops = setup->ops,
                               .flow = flow,
                               .client_id = setup->client_id,
                               .index = setup->index,
                               .host = setup->host,
                               .n = flow->exactly_once ? KC_LANES : 1};
    lanes->sending = &lanes->list[0];
    const struct kc_cycle_conf conf = {.exactly_once = flow->exactly_once,
                                       .interval_us = flow->commit_interval_ms * AQ_MS,
                                       .deadline_us = flow->transaction_timeout_ms * 3 * AQ_MS + 30 * AQ_SEC,
                                       .state_topic = flow->state_topic,
                                       .tasks = flow->tasks};
    for (int i = 0; i < lanes->n; i++)
        kc_cycle_init(&lanes->list[i].cycle, setup->ops, &conf, &setup->cycle_host);
}

void kc_lanes_finish(struct kc_lanes *lanes)
{
    for (int i = 0; i < lanes->n; i++) {
        AQ_ASSERT(lanes->list[i].producer == NULL);
        kc_cycle_finish(&lanes->list[i].cycle);
    }
}

void kc_lanes_set_member(struct kc_lanes *lanes, struct kc_member *member)
{
    for (int i = 0; i < lanes->n; i++) kc_cycle_set_member(&lanes->list[i].cycle, member);
}

void kc_lanes_close(struct kc_lanes *lanes)
{
    for (int i = 0; i < lanes->n; i++) {
        struct aq_batch *batches = NULL;
        if (lanes->list[i].producer) lanes->ops->producer_close(lanes->list[i].producer, CLOSE_MS, &batches);
        lanes->list[i].producer = NULL;
        lanes->host.take_back(lanes->host.ctx, batches);
    }
}

/* ---- producers ---------------------------------------------------------------------------------------------------- */

static int open_producer(struct kc_lanes *lanes, struct kc_lane *lane, struct aq_err *err)
{
    const struct kc_flow *flow = lanes->flow;
    const struct kc_producer_conf conf = {.client_id = lanes->client_id,
                                          .transactional_id =
                                              flow->exactly_once ? lane->transactional_id : NULL,
                                          .transaction_timeout_ms = flow->transaction_timeout_ms,
                                          .delivery_timeout_ms = flow->delivery_timeout_ms,
                                          .linger_ms = flow->linger_ms,
                                          .batch_bytes = flow->batch_bytes,
                                          .batch_records = flow->batch_records,
                                          .queue_bytes = flow->in_flight_bytes * 2,
                                          .compression = flow->compression};
    int rc = lanes->ops->producer_open(flow->sink, &conf, &lane->producer, err);
    if (rc == 0) lane->producers_made++;
    return rc;
}

void kc_lane_drop(struct kc_lanes *lanes, struct kc_lane *lane, int64_t now)
{
    AQ_ASSERT(kc_cycle_is_idle(&lane->cycle));
    struct aq_batch *batches = NULL;
    lanes->ops->producer_close(lane->producer, CLOSE_MS, &batches);
    lane->producer = NULL;
    kc_cycle_set_producer(&lane->cycle, NULL);
    lanes->host.take_back(lanes->host.ctx, batches);
    lane->retry_us = now + lane->pause_us;
    lane->pause_us = lane->pause_us ? lane->pause_us * 2 : FIRST_PAUSE;
    if (lane->pause_us > LONGEST_PAUSE) lane->pause_us = LONGEST_PAUSE;
}

static void open_lane(struct kc_lanes *lanes, struct kc_lane *lane, int64_t now)
{
    const struct kc_flow *flow = lanes->flow;
    struct aq_err err;
    if (lane->producer || now < lane->retry_us) return;
    if (open_producer(lanes, lane, &err) != 0) {
        if (lane->producers_made == 0 || aq_code_class(err.code) == AQ_CLASS_CONFIG) {
            lanes->host.failed(lanes->host.ctx, &err);
            return;
        }
        lane->retry_us = now + LONGEST_PAUSE;
        aq_log(AQ_ERROR, "producer cannot be opened, trying again", aq_fs(flow->noun, flow->name),
               aq_fs("reason", err.text));
        return;
    }
    if (lane->producers_made > 1)
        aq_log(lane->cycle.consecutive_aborts > ALARM_AFTER ? AQ_ERROR : AQ_INFO, "producer replaced",
               aq_fs(flow->noun, flow->name), aq_fi("worker", lanes->index),
               aq_fs("reason", lane->cycle.err.text));
    kc_cycle_set_producer(&lane->cycle, lane->producer);
}

void kc_lanes_open(struct kc_lanes *lanes, int64_t now)
{
    for (int i = 0; i < lanes->n; i++) open_lane(lanes, &lanes->list[i], now);
}

/* ---- whose turn it is --------------------------------------------------------------------------------------------- */

static struct kc_lane *other_lane(struct kc_lanes *lanes, const struct kc_lane *lane)
{
    if (lanes->n < 2) return NULL;
    return lane == &lanes->list[0] ? &lanes->list[1] : &lanes->list[0];
}

void kc_lanes_switch(struct kc_lanes *lanes)
{
    struct kc_lane *other = other_lane(lanes, lanes->sending);
    if (!other || lanes->sending->cycle.state != KC_CYCLE_COMMITTING) return;
    if (other->cycle.state != KC_CYCLE_IDLE || !other->producer) return;
    if (lanes->host.committing) lanes->host.committing(lanes->host.ctx);
    other->cycle.last_start_us = lanes->sending->cycle.last_start_us; /* the interval is one for both */
    lanes->sending = other;
}

void kc_lanes_hold(struct kc_lanes *lanes, struct kc_lane *lane)
{
    struct kc_lane *other = other_lane(lanes, lane);
    bool behind = other && lane == lanes->sending && !kc_cycle_is_idle(&other->cycle);
    kc_cycle_hold(&lane->cycle, behind || lanes->held);
}

bool kc_lanes_idle(const struct kc_lanes *lanes)
{
    for (int i = 0; i < lanes->n; i++)
        if (!kc_cycle_is_idle(&lanes->list[i].cycle)) return false;
    return true;
}

void kc_lanes_request(struct kc_lanes *lanes)
{
    for (int i = 0; i < lanes->n; i++) kc_cycle_request(&lanes->list[i].cycle);
}

void kc_lanes_abort(struct kc_lanes *lanes, int64_t now)
{
    for (int i = 0; i < lanes->n; i++) kc_cycle_abort(&lanes->list[i].cycle, now);
}

/* ---- what comes back ---------------------------------------------------------------------------------------------- */

void kc_lane_tell_failure(struct kc_lanes *lanes, struct kc_lane *lane, bool last)
{
    const struct kc_failure *failure = lanes->ops->producer_failure(lane->producer);
    if (failure->code == 0 || lane->failure_noted) return;
    bool refused = failure->rec && aq_code_class(failure->code) == AQ_CLASS_INPUT;
    if (!refused && !last) return;
    lane->failure_noted = true;
    if (lanes->host.failure) lanes->host.failure(lanes->host.ctx, failure);
}

static void take_back_lane(struct kc_lanes *lanes, struct kc_lane *lane)
{
    if (lane->producer && !kc_cycle_owns_producer(&lane->cycle)) {
        struct kc_drained drained = {0};
        kc_lane_tell_failure(lanes, lane, false);
        lanes->ops->producer_drain(lane->producer, 0, &drained);
        kc_lane_tell_failure(lanes, lane, true);
        lanes->host.take_back(lanes->host.ctx, drained.done);
        lanes->ops->producer_forget_failure(lane->producer);
    }
    lane->failure_noted = false;
}

void kc_lanes_take_back(struct kc_lanes *lanes)
{
    AQ_ASSERT(kc_lanes_idle(lanes));
    for (int i = 0; i < lanes->n; i++) take_back_lane(lanes, &lanes->list[i]);
}
