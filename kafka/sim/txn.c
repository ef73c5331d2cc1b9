/* SPDX-License-Identifier: Apache-2.0
 *
 * A producer's transactions, as its owner sees them.
 *
 * Ordinary pass: STARTING -> READY -> begin -> OPEN -> commit -> COMMITTING -> READY. A slow call needs two polls: the
 * first finds it under way (a commit has sent its offsets then: they are pending), the second ends it.
 * Failing pass: not committed: back to OPEN, abort. Offsets of partitions that are not there: the others are pending, and
 * the call goes on asking until transaction_timeout, as librdkafka does. The group refused the membership: also OPEN, the result says FENCED.
 * The coordinator knows a newer epoch: FAILED, the handle is done. After an abort that threw records away the handle is
 * tainted, as over librdkafka, and begins no more.
 *
 * Invariants: membership and offsets are held exactly while COMMITTING; an abort of a transaction the coordinator never
 * heard of asks nobody, so it cannot find out that the producer was fenced.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "kafka/sim/client.h"

bool sim_txn_busy(const struct kc_producer *producer)
{
    return producer->state == KC_TXN_COMMITTING || producer->state == KC_TXN_ABORTING;
}

bool sim_txn_tainted(const struct kc_producer *producer)
{
    return producer->tainted;
}

/* ---- the slow calls ------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void set_result(struct kc_producer *producer, int code,
                                                             const char *format, ...)
{
    producer->result = code;
    va_list args;
    va_start(args, format);
    vsnprintf(producer->result_text, sizeof(producer->result_text), format, args);
    va_end(args);
}

static bool find_out_fenced(struct kc_producer *producer, const char *call)
{
    if (!producer->fenced)
        producer->fenced = !sim_txn_holds(producer->txn, producer->producer_id, producer->epoch);
    if (!producer->fenced) return false;
    set_result(
        producer, AQ_E_FENCED,
        "%s on cluster %s: a newer producer uses the transactional id %s, or the transaction timed out", call,
        producer->cluster->name, producer->transactional_id);
    return true;
}

static void end_call(struct kc_producer *producer, enum kc_txn_state next)
{
    bool started = producer->state == KC_TXN_STARTING;
    producer->has_result = producer->result != 0 || !started;
    if (!started && next != KC_TXN_OPEN) {
        producer->tainted |= producer->undelivered;
        producer->failing = producer->touched = false;
    }
    if (producer->membership) sim_offset_list_finish(&producer->offsets);
    sim_membership_unref(producer->membership);
    producer->membership = NULL;
    producer->unanswered = false;
    producer->state = next;
}

static void start(struct kc_producer *producer)
{
    if (producer->timeout_ms > SIM_MAX_TXN_TIMEOUT_MS) {
        set_result(producer, AQ_E_FATAL,
                   "init_transactions on cluster %s: the time-out of %lld ms is above the brokers' "
                   "transaction.max.timeout.ms",
                   producer->cluster->name, (long long)producer->timeout_ms);
        end_call(producer, KC_TXN_FAILED);
        return;
    }
    producer->txn = sim_txn_init(producer->cluster, producer->transactional_id, producer->timeout_ms);
    producer->producer_id = producer->txn->producer_id;
    producer->epoch = producer->txn->epoch;
    end_call(producer, KC_TXN_READY);
}

/* False when some belong to partitions that are not there. */
static bool put_offsets(struct kc_producer *producer, struct sim_group *group)
{
    bool all = true;
    for (size_t i = 0; i < producer->offsets.n; i++) {
        const struct kc_task_offset *offset = &producer->offsets.list[i];
        bool known = sim_log_find(producer->cluster, offset->topic, offset->partition);
        if (known) sim_offsets_put(group, offset->topic, offset, producer->producer_id);
        all &= known;
    }
    return all;
}

static void send_offsets(struct kc_producer *producer)
{
    const struct kc_membership *membership = producer->membership;
    if (find_out_fenced(producer, "send_offsets_to_transaction")) return;
    if (producer->failing) {
        set_result(producer, AQ_E_TXN_ABORT, "send_offsets_to_transaction on cluster %s: %s",
                   producer->cluster->name, producer->failure.text);
        return;
    }
    producer->touched = true;
    producer->seen.txn_offset_commit = 3;
    struct sim_group *group = sim_group_find(producer->cluster, membership->group_id);
    if (!group || sim_group_check(group, membership->member_id, membership->generation)) {
        producer->failing = true;
        set_result(producer, AQ_E_FENCED,
                   "send_offsets_to_transaction on cluster %s: not a member of group %s in this generation",
                   producer->cluster->name, membership->group_id);
        return;
    }
    sim_txn_add_group(producer->cluster, producer->txn, group);
    producer->unanswered = !put_offsets(producer, group);
}

/* Asks once more while there is time; false: nothing is decided yet. */
static bool offsets_are_decided(struct kc_producer *producer)
{
    if (producer->result || !producer->unanswered) return true;
    if (sim_now(producer->cluster) - producer->started_us < producer->timeout_ms * AQ_MS) {
        send_offsets(producer);
        return producer->result || !producer->unanswered;
    }
    producer->failing = true;
    set_result(producer, AQ_E_TXN_ABORT,
               "send_offsets_to_transaction on cluster %s: not all topics and partitions are there",
               producer->cluster->name);
    return true;
}

static void finish_commit(struct kc_producer *producer)
{
    if (producer->result == 0 && !find_out_fenced(producer, "commit_transaction")) {
        sim_txn_end(producer->cluster, producer->txn, true);
        end_call(producer, KC_TXN_READY);
        return;
    }
    end_call(producer, producer->fenced ? KC_TXN_FAILED : KC_TXN_OPEN);
}

static void finish_abort(struct kc_producer *producer)
{
    sim_producer_purge(producer);
    bool asked = producer->touched || producer->fenced;
    if (asked && find_out_fenced(producer, "abort_transaction")) {
        end_call(producer, KC_TXN_FAILED);
        return;
    }
    if (asked) sim_txn_end(producer->cluster, producer->txn, false);
    end_call(producer, KC_TXN_READY);
}

static void step(struct kc_producer *producer)
{
    bool first = producer->polls++ == 0;
    if (first) {
        if (producer->state == KC_TXN_COMMITTING) send_offsets(producer);
        return;
    }
    switch (producer->state) {
    case KC_TXN_STARTING: start(producer); break;
    case KC_TXN_COMMITTING:
        if (offsets_are_decided(producer)) finish_commit(producer);
        break;
    case KC_TXN_ABORTING: finish_abort(producer); break;
    default: AQ_ASSERT(false);
    }
}

void sim_txn_run_out(struct kc_producer *producer)
{
    while (sim_txn_busy(producer)) {
        step(producer);
        if (!producer->unanswered) continue;
        set_result(producer, AQ_E_FATAL, "send_offsets_to_transaction on cluster %s: given up",
                   producer->cluster->name);
        end_call(producer, KC_TXN_FAILED);
    }
}

void sim_txn_abandon(struct kc_producer *producer)
{
    while (sim_txn_busy(producer) && !producer->unanswered && sim_random_below(producer->cluster->sim, 2))
        step(producer);
    if (sim_txn_busy(producer)) end_call(producer, KC_TXN_FAILED);
}

/* ---- the owner's side ----------------------------------------------------------------------------------------------- */

static void begin_call(struct kc_producer *producer, enum kc_txn_state state)
{
    producer->state = state;
    producer->polls = 0;
    producer->started_us = sim_now(producer->cluster);
    producer->has_result = false;
    producer->result = 0;
    producer->result_text[0] = 0;
}

int sim_txn_begin(struct kc_producer *producer, struct aq_err *err)
{
    AQ_ASSERT(producer->state == KC_TXN_READY || producer->state == KC_TXN_FAILED);
    sim_settle(producer->cluster);
    if (producer->state == KC_TXN_FAILED) {
        return aq_fail(err, producer->result == AQ_E_FENCED ? AQ_E_FENCED : AQ_E_FATAL, "%s",
                       producer->result_text[0] ? producer->result_text : "the producer has failed");
    }
    if (producer->tainted) {
        producer->state = KC_TXN_FAILED;
        return aq_fail(err, AQ_E_FATAL,
                       "records of the last transaction were thrown away: the producer must be replaced");
    }
    AQ_ASSERT(sim_producer_in_flight(producer, NULL) == 0);
    sim_producer_forget_failure(producer);
    producer->undelivered = producer->failing = producer->touched = false;
    producer->state = KC_TXN_OPEN;
    return 0;
}

int sim_txn_commit(struct kc_producer *producer, struct kc_membership *membership, const char *state_topic,
                   const struct kc_task_offset *offsets, size_t n, struct aq_err *err)
{
    (void)err;
    AQ_ASSERT(producer->state == KC_TXN_OPEN && sim_producer_in_flight(producer, NULL) == 0);
    AQ_ASSERT(membership && membership->generation >= 0);
    AQ_ASSERT(n > 0); /* an empty list would commit without any fencing */
    sim_settle(producer->cluster);
    sim_offset_list_fill(&producer->offsets, state_topic, offsets, n);
    producer->membership = sim_membership_ref(membership);
    begin_call(producer, KC_TXN_COMMITTING);
    return 0;
}

int sim_txn_abort(struct kc_producer *producer, struct aq_err *err)
{
    (void)err;
    AQ_ASSERT(producer->state == KC_TXN_OPEN);
    sim_settle(producer->cluster);
    begin_call(producer, KC_TXN_ABORTING);
    return 0;
}

enum kc_txn_state sim_txn_poll(struct kc_producer *producer, int *ret_code, int64_t *ret_started_us,
                               struct aq_err *err)
{
    if (ret_code) *ret_code = 0;
    if (!producer->transactional) return KC_TXN_NONE;
    sim_settle(producer->cluster);
    if (producer->state == KC_TXN_STARTING || sim_txn_busy(producer)) step(producer);
    if (ret_started_us) *ret_started_us = producer->started_us;
    if (producer->has_result && ret_code) {
        *ret_code = producer->result;
        if (producer->result) aq_fail(err, producer->result, "%s", producer->result_text);
        producer->has_result = false;
    }
    return producer->state;
}
