/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's producer, and its replacement.
 *
 * An ordinary pass: opened once, READY after the client's init_transactions, used until the end.
 *
 * A failing pass: the handle failed for good (fenced by the broker after a time-out, a fatal client error), or a
 * transaction's EndTxn had to be sent more than once, in which case a delayed duplicate might still arrive and end a
 * later transaction: the only cure is a new epoch. The old handle is closed, its batches come back, the partitions are
 * rewound, and another handle is opened after a pause that doubles up to five seconds; being fenced again and again
 * means that somebody else uses our transactional id, which is worth an alarm.
 *
 * The transactional id is random for each worker's life. A restarted process does not need its old one: the take-over
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

static int open_producer(struct br_worker *worker, struct aq_err *err)
{
    const struct br_route *route = worker->route;
    bool exactly_once = route->delivery == BR_EXACTLY_ONCE;
    const struct kc_producer_conf conf = {.client_id = worker->instance,
                                          .transactional_id = exactly_once ? worker->transactional_id : NULL,
                                          .transaction_timeout_ms = route->transaction_timeout_ms,
                                          .delivery_timeout_ms = 120000,
                                          .linger_ms = route->linger_ms,
                                          .batch_bytes = route->batch_bytes,
                                          .batch_records = BR_BATCH_RECORDS,
                                          .queue_bytes = route->in_flight_bytes * 2,
                                          .compression = route->compression};
    int rc = worker->ops->producer_open(route->sink, &conf, &worker->producer, err);
    if (rc == 0) worker->producers_made++;
    return rc;
}

void br_producer_drop(struct br_worker *worker, int64_t now)
{
    AQ_ASSERT(kc_cycle_is_idle(&worker->cycle));
    struct aq_batch *batches = NULL;
    worker->ops->producer_close(worker->producer, CLOSE_MS, &batches);
    worker->producer = NULL;
    kc_cycle_set_producer(&worker->cycle, NULL);
    br_outflow_take_back(worker, batches);
    worker->producer_retry_us = now + worker->producer_pause_us;
    worker->producer_pause_us = worker->producer_pause_us ? worker->producer_pause_us * 2 : FIRST_PAUSE;
    if (worker->producer_pause_us > LONGEST_PAUSE) worker->producer_pause_us = LONGEST_PAUSE;
}

void br_producer_turn(struct br_worker *worker, int64_t now)
{
    if (worker->producer || now < worker->producer_retry_us) return;
    struct aq_err err;
    if (open_producer(worker, &err) != 0) {
        if (worker->producers_made == 0 || aq_code_class(err.code) == AQ_CLASS_CONFIG) {
            br_worker_fail(worker, &err);
            return;
        }
        worker->producer_retry_us = now + LONGEST_PAUSE;
        aq_log(AQ_ERROR, "producer cannot be opened, trying again", aq_fs("route", worker->route->name),
               aq_fs("reason", err.text));
        return;
    }
    if (worker->producers_made > 1)
        aq_log(worker->cycle.consecutive_aborts > ALARM_AFTER ? AQ_ERROR : AQ_INFO, "producer replaced",
               aq_fs("route", worker->route->name), aq_fi("worker", worker->index),
               aq_fs("reason", worker->cycle.err.text));
    kc_cycle_set_producer(&worker->cycle, worker->producer);
}
