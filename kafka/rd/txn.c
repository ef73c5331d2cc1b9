/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions: a helper thread per producer makes the calls that wait for brokers, so that the worker never does.
 *
 * Ordinary pass: STARTING (init_transactions) -> READY -> krd_txn_begin() -> OPEN -> krd_txn_commit() -> COMMITTING
 * (send_offsets_to_transaction, commit_transaction) -> READY, and txn_poll hands the result over once.
 * Failing pass: what an error means is kc_txn_classify()'s. Not committed: back to OPEN, the worker aborts. Refused as a
 * stale member: also OPEN, the result says FENCED. The handle is done: FAILED. Calls that time out are repeated here,
 * except send_offsets, for as long as the worker lets them (it watches started_us): send_offsets can hang beyond any
 * timeout when the group coordinator is away (#5456, #5511).
 *
 * Tainted: librdkafka repeats a request whose answer was lost, and the lost copy may still arrive in a later
 * transaction, which it would end (EndTxn), extend (AddPartitions, AddOffsets) or turn back (TxnOffsetCommit with an old
 * pointer). It has no KIP-890 part 2 to tell them apart. So every such request must have been answered by the time the
 * transaction is over; if not, the producer is used no more: a new one's epoch makes the broker refuse the late copy.
 * The same after an abort that threw records away: librdkafka gives their sequence numbers to the next ones, although a
 * broker may have the first in its log (the answer was lost, or said "not the leader" while the followers already had
 * them). It would then take as many records of the next transaction for repetitions, answer "delivered" and write
 * nothing. What a record's status says of it cannot be relied upon, so one record thrown away is enough.
 *
 * Invariants: one job at a time; the worker does not touch the producer's lists while COMMITTING or ABORTING (delivery
 * reports are served by the client's own flush on the helper thread then); the offset list is never empty: the client
 * makes that a silent no-op without any fencing.
 * Threads: worker and helper; state is atomic, everything else of struct krd_txn is behind the lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/mem.h"
#include "conf/secret.h"
#include "kafka/rd/rd.h"
#include "kafka/txn_error.h"

/* One call waits this long before it looks whether the producer is being closed. */
#define SLICE_MS       1000
#define RETRY_PAUSE_MS 20

enum job { JOB_NONE, JOB_INIT, JOB_COMMIT, JOB_ABORT };

struct krd_txn {
    struct kc_producer *producer;
    int64_t transaction_timeout_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;  /* to the helper: a job, or stop */
    pthread_cond_t ended; /* to the closer: the helper has returned */
    atomic_int state;     /* enum kc_txn_state */
    enum job job;
    bool has_stopped;
    atomic_bool stop;
    int64_t started_us;
    struct kc_membership *membership;
    rd_kafka_topic_partition_list_t *offsets;
    bool has_result;
    int result;
    char result_text[512];
    bool tainted;
};

static void set_state(struct krd_txn *txn, enum kc_txn_state state)
{
    atomic_store(&txn->state, state);
}

static enum kc_txn_state get_state(const struct krd_txn *txn)
{
    return (enum kc_txn_state)atomic_load(&((struct krd_txn *)txn)->state);
}

bool krd_txn_busy(const struct krd_txn *txn)
{
    enum kc_txn_state state = get_state(txn);
    return state == KC_TXN_COMMITTING || state == KC_TXN_ABORTING;
}

bool krd_txn_open(const struct krd_txn *txn)
{
    return get_state(txn) == KC_TXN_OPEN;
}

/* ---- the calls, on the helper thread -------------------------------------------------------------------------------- */

static rd_kafka_error_t *make_call(struct krd_txn *txn, enum kc_txn_call call)
{
    rd_kafka_t *rk = txn->producer->client.rk;
    switch (call) {
    case KC_CALL_INIT: return rd_kafka_init_transactions(rk, SLICE_MS);
    case KC_CALL_BEGIN: return rd_kafka_begin_transaction(rk);
    case KC_CALL_SEND_OFFSETS:
        AQ_ASSERT(txn->offsets->cnt > 0 && txn->membership);
        return rd_kafka_send_offsets_to_transaction(rk, txn->offsets, txn->membership->metadata,
                                                    (int)txn->transaction_timeout_ms);
    case KC_CALL_COMMIT: return rd_kafka_commit_transaction(rk, SLICE_MS);
    case KC_CALL_ABORT: return rd_kafka_abort_transaction(rk, SLICE_MS);
    }
    return NULL;
}

/* 0 or what kc_txn_classify() makes of the error; the text is left in text. Destroys error. */
static int judge(struct krd_txn *txn, enum kc_txn_call call, rd_kafka_error_t *error, char *text, size_t size)
{
    if (!error) return 0;
    struct krd_client *client = &txn->producer->client;
    struct kc_txn_fault fault = {
        .call = call,
        .rd_code = rd_kafka_error_code(error),
        .fatal = rd_kafka_error_is_fatal(error),
        .retriable = rd_kafka_error_is_retriable(error),
        .requires_abort = rd_kafka_error_txn_requires_abort(error),
        .end_sent = atomic_load(&client->traffic[KRD_END_TXN].sent) > 0,
    };
    bool denied = krd_code(fault.rd_code, 0) == AQ_E_DENIED;
    snprintf(text, size, "%s%s on cluster %s: %s (%s)", denied ? "DENIED: " : "", kc_txn_call_name(call),
             client->cluster, rd_kafka_error_string(error), rd_kafka_error_name(error));
    conf_mask(text);
    rd_kafka_error_destroy(error);
    return kc_txn_classify(&fault);
}

static int call_until_done(struct krd_txn *txn, enum kc_txn_call call, char *text, size_t size)
{
    for (;;) {
        int64_t started = aq_mono_us();
        int code = judge(txn, call, make_call(txn, call), text, size);
        if (code != AQ_E_TXN_RETRY) return code;
        if (atomic_load(&txn->stop)) return AQ_E_FATAL;
        if (aq_mono_us() - started < RETRY_PAUSE_MS * AQ_MS) aq_sleep_ms(RETRY_PAUSE_MS);
    }
}

static bool any_unanswered(const struct krd_client *client)
{
    return krd_traffic_unanswered(client, KRD_END_TXN) > 0 ||
           krd_traffic_unanswered(client, KRD_TXN_OFFSET_COMMIT) > 0 ||
           krd_traffic_unanswered(client, KRD_ADD_OFFSETS) > 0 ||
           krd_traffic_unanswered(client, KRD_ADD_PARTITIONS) > 0;
}

/* Whether the transaction that has just ended makes the next one of this handle unsafe; see the top. */
static bool leaves_taint(const struct kc_producer *producer)
{
    return producer->undelivered || any_unanswered(&producer->client);
}

static enum kc_txn_state run_commit(struct krd_txn *txn, int *ret_code, char *text, size_t size)
{
    AQ_CRASH_POINT(BEFORE_OFFSETS);
    int code = call_until_done(txn, KC_CALL_SEND_OFFSETS, text, size);
    AQ_CRASH_POINT(AFTER_OFFSETS);
    if (code == 0) {
        AQ_CRASH_POINT(BEFORE_COMMIT);
        code = call_until_done(txn, KC_CALL_COMMIT, text, size);
        AQ_CRASH_POINT(AFTER_COMMIT);
    }
    *ret_code = code;
    if (code == 0) return KC_TXN_READY;
    if (code == AQ_E_TXN_ABORT) return KC_TXN_OPEN;
    /* Refused as a stale member: the handle itself is fine, and an abort frees the sink's readers at once. */
    bool handle_works = code == AQ_E_FENCED && !rd_kafka_fatal_error(txn->producer->client.rk, NULL, 0);
    return handle_works ? KC_TXN_OPEN : KC_TXN_FAILED;
}

static enum kc_txn_state run_abort(struct krd_txn *txn, int *ret_code, char *text, size_t size)
{
    AQ_CRASH_POINT(BEFORE_ABORT);
    txn->producer->purging = true;
    *ret_code = call_until_done(txn, KC_CALL_ABORT, text, size);
    txn->producer->purging = false;
    AQ_CRASH_POINT(AFTER_ABORT);
    return *ret_code == 0 ? KC_TXN_READY : KC_TXN_FAILED;
}

static void run_job(struct krd_txn *txn, enum job job)
{
    char text[512] = "";
    int code = 0;
    enum kc_txn_state next = KC_TXN_FAILED;
    switch (job) {
    case JOB_INIT:
        code = call_until_done(txn, KC_CALL_INIT, text, sizeof(text));
        if (code == AQ_E_TXN_ABORT) code = AQ_E_FATAL; /* there is nothing to abort yet */
        next = code ? KC_TXN_FAILED : KC_TXN_READY;
        break;
    case JOB_COMMIT: next = run_commit(txn, &code, text, sizeof(text)); break;
    case JOB_ABORT: next = run_abort(txn, &code, text, sizeof(text)); break;
    case JOB_NONE: AQ_ASSERT(false);
    }
    /* READY means to the worker that nothing of the past is left, so reports must have been served. */
    pthread_mutex_lock(&txn->lock);
    txn->result = code;
    snprintf(txn->result_text, sizeof(txn->result_text), "%s", text);
    txn->has_result = code != 0 || job != JOB_INIT;
    if (job != JOB_INIT && next != KC_TXN_OPEN) txn->tainted |= leaves_taint(txn->producer);
    txn->job = JOB_NONE;
    krd_membership_unref(txn->membership);
    txn->membership = NULL;
    if (txn->offsets) rd_kafka_topic_partition_list_destroy(txn->offsets);
    txn->offsets = NULL;
    set_state(txn, next);
    pthread_mutex_unlock(&txn->lock);
}

static void *help(void *arg)
{
    struct krd_txn *txn = arg;
    pthread_mutex_lock(&txn->lock);
    for (;;) {
        while (txn->job == JOB_NONE && !atomic_load(&txn->stop)) pthread_cond_wait(&txn->wake, &txn->lock);
        if (txn->job == JOB_NONE) break;
        enum job job = txn->job;
        pthread_mutex_unlock(&txn->lock);
        run_job(txn, job);
        pthread_mutex_lock(&txn->lock);
    }
    txn->has_stopped = true;
    pthread_cond_signal(&txn->ended);
    pthread_mutex_unlock(&txn->lock);
    return NULL;
}

/* ---- start and stop ------------------------------------------------------------------------------------------------- */

struct krd_txn *krd_txn_start(struct kc_producer *producer, int64_t transaction_timeout_ms)
{
    AQ_ASSERT(transaction_timeout_ms > 0);
    struct krd_txn *txn = aq_calloc(1, sizeof(*txn));
    txn->producer = producer;
    txn->transaction_timeout_ms = transaction_timeout_ms;
    txn->job = JOB_INIT;
    txn->started_us = aq_mono_us();
    set_state(txn, KC_TXN_STARTING);
    pthread_mutex_init(&txn->lock, NULL);
    pthread_cond_init(&txn->wake, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&txn->ended, &attr);
    pthread_condattr_destroy(&attr);
    int failed = pthread_create(&txn->thread, NULL, help, txn);
    AQ_ASSERT(failed == 0);
    return txn;
}

bool krd_txn_stop(struct krd_txn *txn, int64_t deadline_ms)
{
    int64_t until_us = aq_mono_us() + deadline_ms * AQ_MS;
    struct timespec until = {.tv_sec = until_us / AQ_SEC, .tv_nsec = (until_us % AQ_SEC) * 1000};
    pthread_mutex_lock(&txn->lock);
    atomic_store(&txn->stop, true);
    pthread_cond_signal(&txn->wake);
    while (!txn->has_stopped && pthread_cond_timedwait(&txn->ended, &txn->lock, &until) == 0) continue;
    bool stopped = txn->has_stopped;
    pthread_mutex_unlock(&txn->lock);
    if (!stopped) {
        pthread_detach(txn->thread);
        return false;
    }
    pthread_join(txn->thread, NULL);
    AQ_ASSERT(!txn->membership && !txn->offsets);
    pthread_cond_destroy(&txn->wake);
    pthread_cond_destroy(&txn->ended);
    pthread_mutex_destroy(&txn->lock);
    txn->producer->txn = NULL;
    free(txn);
    return true;
}

/* ---- the worker's side ---------------------------------------------------------------------------------------------- */

static void give_job(struct krd_txn *txn, enum job job, enum kc_txn_state state)
{
    pthread_mutex_lock(&txn->lock);
    AQ_ASSERT(txn->job == JOB_NONE);
    txn->job = job;
    txn->has_result = false;
    txn->started_us = aq_mono_us();
    set_state(txn, state);
    pthread_cond_signal(&txn->wake);
    pthread_mutex_unlock(&txn->lock);
}

/* A handle that can begin no more says so, instead of trusting every caller to have asked. */
static int refuse_to_begin(struct krd_txn *txn, struct aq_err *err)
{
    pthread_mutex_lock(&txn->lock);
    int code = 0;
    if (get_state(txn) == KC_TXN_FAILED) {
        code = aq_fail(err, txn->result == AQ_E_FENCED ? AQ_E_FENCED : AQ_E_FATAL, "%s",
                       txn->result_text[0] ? txn->result_text : "the producer has failed");
    } else if (txn->tainted) {
        set_state(txn, KC_TXN_FAILED);
        code = aq_fail(
            err, AQ_E_FATAL,
            "a request of the last transaction was never answered, or records of it were thrown away: the "
            "producer must be replaced");
    }
    pthread_mutex_unlock(&txn->lock);
    return code;
}

int krd_txn_begin(struct kc_producer *producer, struct aq_err *err)
{
    struct krd_txn *txn = producer->txn;
    AQ_ASSERT(txn && (get_state(txn) == KC_TXN_READY || get_state(txn) == KC_TXN_FAILED));
    int code = refuse_to_begin(txn, err);
    if (code) return code;
    AQ_ASSERT(krd_producer_in_flight(producer, NULL) == 0);
    krd_traffic_reset(&producer->client);
    krd_producer_forget_failure(producer);
    producer->undelivered = false;
    char text[512] = "";
    /* Local to the client, no broker is asked: the worker may make this call itself. */
    code = judge(txn, KC_CALL_BEGIN, make_call(txn, KC_CALL_BEGIN), text, sizeof(text));
    if (code) {
        set_state(txn, KC_TXN_FAILED);
        return aq_fail(err, code == AQ_E_FENCED ? AQ_E_FENCED : AQ_E_FATAL, "%s", text);
    }
    set_state(txn, KC_TXN_OPEN);
    return 0;
}

int krd_txn_commit(struct kc_producer *producer, struct kc_membership *membership, const char *state_topic,
                   const struct kc_task_offset *offsets, size_t n, struct aq_err *err)
{
    struct krd_txn *txn = producer->txn;
    AQ_ASSERT(txn && get_state(txn) == KC_TXN_OPEN);
    AQ_ASSERT(membership && membership->generation >= 0);
    AQ_ASSERT(krd_producer_in_flight(producer, NULL) == 0);
    (void)err;

    txn->offsets = krd_offset_list(state_topic, offsets, n);
    txn->membership = krd_membership_ref(membership);
    give_job(txn, JOB_COMMIT, KC_TXN_COMMITTING);
    return 0;
}

int krd_txn_abort(struct kc_producer *producer, struct aq_err *err)
{
    struct krd_txn *txn = producer->txn;
    AQ_ASSERT(txn && get_state(txn) == KC_TXN_OPEN);
    (void)err;
    give_job(txn, JOB_ABORT, KC_TXN_ABORTING);
    return 0;
}

enum kc_txn_state krd_txn_poll(struct kc_producer *producer, int *ret_code, int64_t *ret_started_us,
                               struct aq_err *err)
{
    struct krd_txn *txn = producer->txn;
    if (ret_code) *ret_code = 0;
    if (!txn) return KC_TXN_NONE;
    pthread_mutex_lock(&txn->lock);
    enum kc_txn_state state = get_state(txn);
    if (ret_started_us) *ret_started_us = txn->started_us;
    if (txn->has_result && ret_code) {
        *ret_code = txn->result;
        if (txn->result) aq_fail(err, txn->result, "%s", txn->result_text);
        txn->has_result = false;
    }
    pthread_mutex_unlock(&txn->lock);
    return state;
}

bool krd_txn_tainted(const struct kc_producer *producer)
{
    struct krd_txn *txn = producer->txn;
    if (!txn) return false;
    pthread_mutex_lock(&txn->lock);
    bool tainted = txn->tainted;
    pthread_mutex_unlock(&txn->lock);
    return tainted;
}
