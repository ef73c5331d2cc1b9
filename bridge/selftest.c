/* SPDX-License-Identifier: Apache-2.0
 *
 * The start-up self-test (bridge/selftest.h).
 *
 * An ordinary pass: with the first task taken over, a producer of the test's own begins a transaction and offers a
 * commit under a forged generation, for that task, with the pointer it already has. The coordinator answers that the
 * generation is stale; the protocol versions the client really used are compared with the least ones that carry a
 * generation (TxnOffsetCommit 3) and refuse unstable offsets (OffsetFetch 7). That takes some 30 ms, once a worker. The
 * test's transaction is aborted and its producer closed while records flow already: after a refused commit the client
 * needs a good second for that, which is why the worker's own producer is not used.
 *
 * A failing pass: the commit goes through. Nothing is damaged (the pointer is what it was), but this cluster would let a
 * stale owner commit: exactly_once is refused. Any other failure starts the test again with another producer.
 *
 * Invariants: until the test has passed nothing is sent in exactly_once (the worker looks at self_tested).
 */
#include "bridge/selftest.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "bridge/worker.h"

#define LEAST_TXN_OFFSET_COMMIT 3
#define LEAST_OFFSET_FETCH      7
#define PATIENCE                (60 * AQ_SEC)
#define CLOSE_MS                2000

/* A task whose pointer is known, and stays what it is: nothing is committed before the test has passed. */
static int32_t some_task(const struct br_worker *worker)
{
    for (int32_t t = 0; t < worker->n_tasks; t++)
        if (worker->tasks[t].state == BR_TASK_OWNED) return t;
    return -1;
}

static void refuse(struct br_worker *worker, const char *why)
{
    struct aq_err err;
    aq_fail(
        &err, AQ_E_UNSUPPORTED,
        "cluster %s cannot carry exactly_once: %s. Use Kafka 2.5 or newer as the sink, or delivery = \"at_least_once\"",
        worker->route->sink->name, why);
    br_worker_fail(worker, &err);
}

static int open_producer(struct br_worker *worker, struct aq_err *err)
{
    char id[sizeof(worker->lanes[0].transactional_id) + 16];
    snprintf(id, sizeof(id), "%s.selftest", worker->lanes[0].transactional_id);
    const struct kc_producer_conf conf = {.client_id = worker->instance,
                                          .transactional_id = id,
                                          .transaction_timeout_ms = worker->route->transaction_timeout_ms,
                                          .batch_bytes = 65536,
                                          .queue_bytes = 65536,
                                          .compression = "none",
                                          .failures_expected = true};
    return worker->ops->producer_open(worker->route->sink, &conf, &worker->selftest_producer, err);
}

void br_selftest_finish(struct br_worker *worker)
{
    struct aq_batch *none = NULL;
    if (worker->selftest_producer) worker->ops->producer_close(worker->selftest_producer, CLOSE_MS, &none);
    AQ_ASSERT(none == NULL);
    worker->selftest_producer = NULL;
    worker->selftest = BR_SELFTEST_IDLE;
}

static void start_again(struct br_worker *worker, const char *reason)
{
    aq_log(AQ_WARN, "self-test of exactly_once was inconclusive, trying again",
           aq_fs("route", worker->route->name), aq_fs("reason", reason));
    br_selftest_finish(worker);
}

/* Begins the transaction and offers the forged commit. */
static int offer(struct br_worker *worker, int32_t task, struct kc_membership *ours, struct aq_err *err)
{
    const char *topic = worker->route->state_topic;
    const struct kc_pointer *pointer = &worker->tasks[task].pointer;
    int rc = worker->ops->txn_begin(worker->selftest_producer, err);
    if (rc != 0) return rc;
    struct kc_membership *forged = worker->ops->membership_forge(ours);
    const struct kc_task_offset offset = {.partition = task,
                                          .offset = pointer->offset > 0 ? pointer->offset : 0,
                                          .metadata = pointer->metadata};
    rc = worker->ops->txn_commit(worker->selftest_producer, forged, topic, &offset, 1, err);
    worker->ops->membership_unref(forged);
    if (rc == 0) worker->selftest = BR_SELFTEST_OFFERED;
    return rc;
}

static void try_offer(struct br_worker *worker, int64_t now)
{
    struct aq_err err = {0};
    int32_t task = some_task(worker);
    if (!br_ownership_is_settled(worker) || task < 0) return;
    if (worker->selftest_since_us == 0) worker->selftest_since_us = now;
    if (now - worker->selftest_since_us > PATIENCE) {
        refuse(worker, "the self-test got no clear answer for a minute");
        return;
    }
    struct kc_membership *ours = worker->ops->member_membership(worker->member);
    if (!ours) return;
    int rc = offer(worker, task, ours, &err);
    worker->ops->membership_unref(ours);
    if (rc != 0 && aq_code_class(rc) != AQ_CLASS_RETRY) start_again(worker, err.text);
}

static void judge(struct br_worker *worker)
{
    struct kc_seen_versions producer, reader;
    char why[128];
    worker->ops->producer_seen_versions(worker->selftest_producer, &producer);
    worker->ops->reader_seen_versions(worker->reader, &reader);
    snprintf(why, sizeof(why), "it speaks TxnOffsetCommit %d and OffsetFetch %d, needed are %d and %d",
             producer.txn_offset_commit, reader.offset_fetch, LEAST_TXN_OFFSET_COMMIT, LEAST_OFFSET_FETCH);
    if (producer.txn_offset_commit < LEAST_TXN_OFFSET_COMMIT || reader.offset_fetch < LEAST_OFFSET_FETCH) {
        refuse(worker, why);
        return;
    }
    worker->self_tested = true;
    aq_log(AQ_DEBUG, "exactly_once self-test passed", aq_fs("route", worker->route->name),
           aq_fi("worker", worker->index));
}

static void hear_answer(struct br_worker *worker, enum kc_txn_state state, int code, struct aq_err *err)
{
    if (code == 0) {
        refuse(
            worker,
            "it committed offsets for a group generation that does not exist, so a stale instance would not be fenced");
        return;
    }
    /* A handle that has failed was fenced as a producer (its transaction timed out): that says nothing of generations. */
    bool refused = code == AQ_E_FENCED && state == KC_TXN_OPEN;
    if (!refused || worker->ops->txn_abort(worker->selftest_producer, err) != 0) {
        start_again(worker, err->text);
        return;
    }
    worker->selftest = BR_SELFTEST_WITHDRAWING;
    judge(worker);
}

void br_selftest_turn(struct br_worker *worker, int64_t now)
{
    bool over = worker->self_tested && worker->selftest == BR_SELFTEST_IDLE;
    if (over || worker->err.code) return;
    struct aq_err err = {0};
    if (!br_lanes_exactly_once(worker)) {
        worker->self_tested = true;
        return;
    }
    if (!worker->selftest_producer && open_producer(worker, &err) != 0) {
        br_worker_fail(worker, &err);
        return;
    }
    int code = 0;
    enum kc_txn_state state = worker->ops->txn_poll(worker->selftest_producer, &code, NULL, &err);
    switch (worker->selftest) {
    case BR_SELFTEST_IDLE:
        if (state == KC_TXN_READY)
            try_offer(worker, now);
        else if (state == KC_TXN_FAILED)
            start_again(worker, err.text);
        return;
    case BR_SELFTEST_OFFERED:
        if (state != KC_TXN_COMMITTING) hear_answer(worker, state, code, &err);
        return;
    case BR_SELFTEST_WITHDRAWING:
        if (state != KC_TXN_ABORTING) br_selftest_finish(worker);
        return;
    }
}
