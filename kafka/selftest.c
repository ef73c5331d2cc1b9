/* SPDX-License-Identifier: Apache-2.0
 *
 * The start-up self-test (kafka/selftest.h).
 *
 * An ordinary pass: with the first task taken over, a producer of the test's own begins a transaction and offers a
 * commit under a forged generation, for that task, with the pointer it already has. The coordinator answers that the
 * generation is stale; the protocol versions the client really used are compared with the least ones that carry a
 * generation (TxnOffsetCommit 3) and refuse unstable offsets (OffsetFetch 7). That takes some 30 ms, once a worker. The
 * test's transaction is aborted and its producer closed while records flow already: after a refused commit the client
 * needs a good second for that, which is why no lane's producer is used.
 *
 * A failing pass: the commit goes through. Nothing is damaged (the pointer is what it was), but this cluster would let a
 * stale owner commit: exactly_once is refused. Any other failure starts the test again with another producer.
 *
 * Invariants: until the test has passed nothing is sent in exactly_once (kc_ownership_may_send() looks at self_tested).
 */
#include "kafka/selftest.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/ownership.h"

#define LEAST_TXN_OFFSET_COMMIT 3
#define LEAST_OFFSET_FETCH      7
#define PATIENCE                (60 * AQ_SEC)
#define CLOSE_MS                2000

/* A task whose pointer is known, and stays what it is: nothing is committed before the test has passed. */
static int32_t some_task(const struct kc_ownership *own)
{
    for (int32_t t = 0; t < own->n_tasks; t++)
        if (own->tasks[t].state == KC_TASK_OWNED) return t;
    return -1;
}

static void refuse(struct kc_ownership *own, const char *why)
{
    struct aq_err err;
    aq_fail(&err, AQ_E_UNSUPPORTED,
            "cluster %s cannot carry exactly_once: %s. Use Kafka 2.5 or newer as the sink, or %s",
            own->flow->sink->name, why, own->flow->at_least_once_hint);
    kc_ownership_fail(own, &err);
}

static int open_producer(struct kc_ownership *own, struct aq_err *err)
{
    char id[sizeof(own->lanes.list[0].transactional_id) + 16];
    snprintf(id, sizeof(id), "%s.selftest", own->lanes.list[0].transactional_id);
    const struct kc_producer_conf conf = {.client_id = own->instance,
                                          .transactional_id = id,
                                          .transaction_timeout_ms = own->flow->transaction_timeout_ms,
                                          .batch_bytes = 65536,
                                          .queue_bytes = 65536,
                                          .compression = "none",
                                          .failures_expected = true};
    return own->ops->producer_open(own->flow->sink, &conf, &own->selftest_producer, err);
}

void kc_selftest_finish(struct kc_ownership *own)
{
    struct aq_batch *none = NULL;
    if (own->selftest_producer) own->ops->producer_close(own->selftest_producer, CLOSE_MS, &none);
    AQ_ASSERT(none == NULL);
    own->selftest_producer = NULL;
    own->selftest = KC_SELFTEST_IDLE;
}

static void start_again(struct kc_ownership *own, const char *reason)
{
    aq_log(AQ_WARN, "self-test of exactly_once was inconclusive, trying again",
           aq_fs(own->flow->noun, own->flow->name), aq_fs("reason", reason));
    kc_selftest_finish(own);
}

/* Begins the transaction and offers the forged commit. */
static int offer(struct kc_ownership *own, int32_t task, struct kc_membership *ours, struct aq_err *err)
{
    const char *topic = own->flow->state_topic;
    const struct kc_pointer *pointer = &own->tasks[task].pointer;
    int rc = own->ops->txn_begin(own->selftest_producer, err);
    if (rc != 0) return rc;
    struct kc_membership *forged = own->ops->membership_forge(ours);
    const struct kc_task_offset offset = {.partition = task,
                                          .offset = pointer->offset > 0 ? pointer->offset : 0,
                                          .metadata = pointer->metadata};
    rc = own->ops->txn_commit(own->selftest_producer, forged, topic, &offset, 1, err);
    own->ops->membership_unref(forged);
    if (rc == 0)
        own->selftest = KC_SELFTEST_OFFERED;
    else
        start_again(own, err->text); /* what has begun cannot begin again */
    return 0;
}

static void try_offer(struct kc_ownership *own, int64_t now)
{
    struct aq_err err = {0};
    int32_t task = some_task(own);
    if (!kc_ownership_is_settled(own) || task < 0) return;
    if (own->selftest_since_us == 0) own->selftest_since_us = now;
    if (now - own->selftest_since_us > PATIENCE) {
        refuse(own, "the self-test got no clear answer for a minute");
        return;
    }
    struct kc_membership *ours = own->ops->member_membership(own->member);
    if (!ours) return;
    int rc = offer(own, task, ours, &err);
    own->ops->membership_unref(ours);
    if (rc != 0 && aq_code_class(rc) != AQ_CLASS_RETRY) start_again(own, err.text);
}

static void judge(struct kc_ownership *own)
{
    struct kc_seen_versions producer, reader;
    char why[128];
    own->ops->producer_seen_versions(own->selftest_producer, &producer);
    own->ops->reader_seen_versions(own->reader, &reader);
    snprintf(why, sizeof(why), "it speaks TxnOffsetCommit %d and OffsetFetch %d, needed are %d and %d",
             producer.txn_offset_commit, reader.offset_fetch, LEAST_TXN_OFFSET_COMMIT, LEAST_OFFSET_FETCH);
    if (producer.txn_offset_commit < LEAST_TXN_OFFSET_COMMIT || reader.offset_fetch < LEAST_OFFSET_FETCH) {
        refuse(own, why);
        return;
    }
    own->self_tested = true;
    aq_log(AQ_DEBUG, "exactly_once self-test passed", aq_fs(own->flow->noun, own->flow->name),
           aq_fi("worker", own->index));
}

static void hear_answer(struct kc_ownership *own, enum kc_txn_state state, int code, struct aq_err *err)
{
    if (code == 0) {
        refuse(
            own,
            "it committed offsets for a group generation that does not exist, so a stale instance would not be fenced");
        return;
    }
    /* A handle that has failed was fenced as a producer (its transaction timed out): that says nothing of generations. */
    bool refused = code == AQ_E_FENCED && state == KC_TXN_OPEN;
    if (!refused || own->ops->txn_abort(own->selftest_producer, err) != 0) {
        start_again(own, err->text);
        return;
    }
    own->selftest = KC_SELFTEST_WITHDRAWING;
    judge(own);
}

void kc_selftest_turn(struct kc_ownership *own, int64_t now)
{
    bool over = own->self_tested && own->selftest == KC_SELFTEST_IDLE;
    if (over || own->err.code) return;
    struct aq_err err = {0};
    if (!own->flow->exactly_once) {
        own->self_tested = true;
        return;
    }
    if (!own->selftest_producer && open_producer(own, &err) != 0) {
        kc_ownership_fail(own, &err);
        return;
    }
    int code = 0;
    enum kc_txn_state state = own->ops->txn_poll(own->selftest_producer, &code, NULL, &err);
    switch (own->selftest) {
    case KC_SELFTEST_IDLE:
        if (state == KC_TXN_READY)
            try_offer(own, now);
        else if (state == KC_TXN_FAILED)
            start_again(own, err.text);
        return;
    case KC_SELFTEST_OFFERED:
        if (state != KC_TXN_COMMITTING) hear_answer(own, state, code, &err);
        return;
    case KC_SELFTEST_WITHDRAWING:
        if (state != KC_TXN_ABORTING) kc_selftest_finish(own);
        return;
    }
}
