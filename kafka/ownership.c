/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's share of a flow's tasks (kafka/ownership.h): its life, what the host may do now, and the answers of the commit
 * cycles. What the group says is in kafka/group.c, from being assigned to knowing the position in kafka/takeover.c, the
 * self-test of exactly_once in kafka/selftest.c, the producers in kafka/lane.c.
 *
 * An ordinary pass of kc_ownership_step(): each lane's cycle makes a step, the one that is being committed first; the host
 * is asked for the positions of every task that was touched, and told when they are durable.
 *
 * A failing pass: a cycle says ABORTED, FENCED or REPLACE. What was sent behind it on the other lane is given up with it.
 * When both are idle every batch goes back to the host, which rewinds to what is committed. After REPLACE nobody but the
 * sink knows what that is, so the tasks are taken anew. FATAL: a call of the client hangs for good; the process ends, which
 * loses nothing.
 *
 * Invariants: nothing is sent unless kc_ownership_may_send(); the host rewinds only while nothing is under way; seq grows
 * by one with every snapshot that is committed.
 */
#include "kafka/ownership.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define CLOSE_MS        5000
#define MAX_POLL_MS     300000
#define ORDINARY_ABORTS 2
#define FIRST_PAUSE     (50 * AQ_MS)
#define LONGEST_PAUSE   (5 * AQ_SEC)

/* ---- what the cycle asks ------------------------------------------------------------------------------------------ */

static struct aq_slice encode_task(void *ctx, int32_t index, int64_t *ret_seq, struct aq_arena *arena)
{
    struct kc_ownership *own = ctx;
    struct kc_task *task = &own->tasks[index];
    struct kc_snapshot snapshot = {.facts = *own->facts,
                                   .task = index,
                                   .seq = task->seq + 1,
                                   .written_ms = aq_wall_ms(),
                                   .writer = own->lanes.sending->transactional_id};
    own->host.positions(own->host.ctx, index, arena, &snapshot.list, &snapshot.count);
    task->writing_seq = snapshot.seq;
    *ret_seq = snapshot.seq;
    return kc_snapshot_encode(&snapshot, arena);
}

static void task_committed(void *ctx, int32_t index)
{
    struct kc_ownership *own = ctx;
    struct kc_task *task = &own->tasks[index];
    AQ_ASSERT(task->writing_seq == task->seq + 1);
    task->seq = task->writing_seq;
    task->had_snapshot = true;
    own->host.committed(own->host.ctx, index);
}

static void further_offsets(void *ctx, int32_t index, struct aq_arena *arena,
                            struct kc_task_offset **ret_list, size_t *ret_count)
{
    struct kc_ownership *own = ctx;
    own->host.offsets(own->host.ctx, index, arena, ret_list, ret_count);
}

/* ---- what the lanes tell ------------------------------------------------------------------------------------------ */

static void take_back(void *ctx, struct aq_batch *list)
{
    struct kc_ownership *own = ctx;
    if (list) own->host.take_back(own->host.ctx, list);
}

static void hear_failure(void *ctx, const struct kc_failure *failure)
{
    struct kc_ownership *own = ctx;
    if (own->host.failure) own->host.failure(own->host.ctx, failure);
}

static void lane_failed(void *ctx, const struct aq_err *err)
{
    kc_ownership_fail(ctx, err);
}

static void lane_committing(void *ctx)
{
    struct kc_ownership *own = ctx;
    if (own->host.committing) own->host.committing(own->host.ctx);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void make_identity(struct kc_ownership *own)
{
    own->nonce = kc_identity_nonce();
    kc_identity_client(own->flow, own->index, own->instance);
    for (int i = 0; i < own->lanes.n; i++)
        kc_identity_transactional(own->flow, own->nonce, own->index, i, own->lanes.list[i].transactional_id);
}

void kc_ownership_init(struct kc_ownership *own, const struct kc_ownership_setup *setup)
{
    const struct kc_flow *flow = setup->flow;
    AQ_ASSERT(flow->tasks > 0 && flow->transactional_prefix && setup->facts);
    *own = (struct kc_ownership){.ops = setup->ops,
                                 .flow = flow,
                                 .host = setup->host,
                                 .facts = setup->facts,
                                 .index = setup->index,
                                 .inline_lookup = setup->inline_lookup,
                                 .sink_admin = setup->sink_admin,
                                 .n_tasks = flow->tasks};
    own->tasks = aq_calloc((size_t)own->n_tasks, sizeof(*own->tasks));
    const struct kc_lanes_setup lanes = {
        .ops = setup->ops,
        .flow = flow,
        .client_id = own->instance,
        .index = setup->index,
        .host = {.ctx = own,
                 .take_back = take_back,
                 .failure = hear_failure,
                 .failed = lane_failed,
                 .committing = lane_committing},
        .cycle_host = {.ctx = own,
                       .encode = encode_task,
                       .committed = task_committed,
                       .offsets = setup->host.offsets ? further_offsets : NULL}};
    kc_lanes_init(&own->lanes, &lanes);
    make_identity(own);
}

static int open_member(struct kc_ownership *own, struct aq_err *err)
{
    const struct kc_flow *flow = own->flow;
    char id[320] = "";
    if (flow->instance_id) snprintf(id, sizeof(id), "%s-%d", flow->instance_id, own->index);
    char name[KC_MEMBER_NAME_MAX];
    const struct kc_member_conf conf = {.client_id =
                                            kc_identity_member(flow, own->instance, own->nonce, name),
                                        .group_id = flow->group,
                                        .topic = flow->state_topic,
                                        .instance_id = flow->instance_id ? id : NULL,
                                        .dealt_in_turn = own->dealt_in_turn,
                                        .session_timeout_ms = flow->session_timeout_ms,
                                        .max_poll_interval_ms = MAX_POLL_MS};
    int rc = own->ops->member_open(flow->sink, &conf, &own->member, err);
    if (rc == 0) kc_lanes_set_member(&own->lanes, own->member);
    return rc;
}

int kc_ownership_open(struct kc_ownership *own, struct aq_err *err)
{
    const struct kc_flow *flow = own->flow;
    own->join_us = aq_mono_us() + own->join_delay_us;
    int rc = own->join_delay_us > 0 ? 0 : open_member(own, err);
    if (rc == 0) rc = own->ops->reader_open(flow->sink, own->instance, flow->group, &own->reader, err);
    if (rc != 0) return rc;
    own->lookup = kc_lookup_create(own->ops, flow, own->facts, own->sink_admin, own->reader);
    if (flow->exactly_once)
        own->fencing = kc_fencing_create(own->ops, flow, own->sink_admin, own->instance,
                                         own->lanes.list[0].transactional_id);
    kc_lookup_fence_with(own->lookup, own->fencing);
    if (!own->inline_lookup) rc = kc_lookup_start(own->lookup, err);
    if (rc != 0) return rc;
    kc_lanes_open(&own->lanes, aq_mono_us());
    if (own->err.code == 0) return 0;
    *err = own->err;
    return err->code;
}

void kc_ownership_drop(struct kc_ownership *own, int32_t index)
{
    AQ_ASSERT(index >= 0 && index < own->n_tasks);
    struct kc_task *task = &own->tasks[index];
    if (task->state == KC_TASK_OWNED) own->host.drop(own->host.ctx, index);
    *task = (struct kc_task){.state = KC_TASK_FOREIGN};
}

/* The host gave up waiting for the last cycle while the group waits for us: a client that leaves without an answer hangs. */
static void answer_revocation(struct kc_ownership *own)
{
    struct aq_err ignored;
    if (!own->revoking) return;
    own->revoking = false;
    own->ops->member_answer(own->member, &ignored);
}

void kc_ownership_close(struct kc_ownership *own)
{
    kc_selftest_finish(own);
    if (own->member) answer_revocation(own);
    /* The group first: the others can go on while we tidy up. */
    if (own->member) own->ops->member_close(own->member, CLOSE_MS);
    own->member = NULL;
    kc_lanes_close(&own->lanes);
    for (int32_t t = 0; t < own->n_tasks; t++) kc_ownership_drop(own, t);
    kc_lookup_destroy(own->lookup);
    own->lookup = NULL;
    kc_fencing_destroy(own->fencing);
    own->fencing = NULL;
    if (own->reader) own->ops->reader_close(own->reader, CLOSE_MS);
    own->reader = NULL;
}

void kc_ownership_finish(struct kc_ownership *own)
{
    AQ_ASSERT(!own->member && !own->lookup);
    kc_lanes_finish(&own->lanes);
    free(own->tasks);
    own->tasks = NULL;
}

void kc_ownership_fail(struct kc_ownership *own, const struct aq_err *err)
{
    AQ_ASSERT(err->code != 0);
    if (own->err.code != 0) return; /* the first reason is the one to tell */
    own->err = *err;
    own->failed_us = aq_mono_us();
    kc_lanes_abort(&own->lanes, own->failed_us);
}

/* ---- what the host may do now ------------------------------------------------------------------------------------- */

bool kc_ownership_is_settled(const struct kc_ownership *own)
{
    return own->assigned && !own->revoking && !own->fenced;
}

bool kc_ownership_may_finish(const struct kc_ownership *own)
{
    bool ours = own->assigned && !own->lost && !own->fenced;
    return ours && own->self_tested && !own->rewind_due && own->err.code == 0;
}

bool kc_ownership_may_send(const struct kc_ownership *own)
{
    return kc_ownership_is_settled(own) && kc_ownership_may_finish(own);
}

bool kc_ownership_accepts(struct kc_ownership *own, int64_t now)
{
    struct kc_cycle *cycle = &own->lanes.sending->cycle;
    struct aq_err err;
    if (kc_cycle_accepts(cycle, now, &err)) return true;
    /* A producer that refuses to begin (tainted, fenced) is replaced; anything else is a matter of a moment. */
    bool unusable = err.code != 0 && aq_code_class(err.code) != AQ_CLASS_RETRY;
    if (unusable) kc_cycle_break(cycle, &err);
    return false;
}

void kc_ownership_touch(struct kc_ownership *own, int32_t task)
{
    kc_cycle_touch(&own->lanes.sending->cycle, task);
}

struct kc_producer *kc_ownership_producer(struct kc_ownership *own)
{
    return own->lanes.sending->producer;
}

void kc_ownership_hold(struct kc_ownership *own, bool hold)
{
    own->lanes.held = hold;
}

bool kc_ownership_is_due(const struct kc_ownership *own, int64_t now)
{
    return kc_cycle_is_due(&own->lanes.sending->cycle, now);
}

void kc_ownership_idle(struct kc_ownership *own, int64_t now)
{
    kc_cycle_idle(&own->lanes.sending->cycle, now);
}

void kc_ownership_request(struct kc_ownership *own)
{
    kc_lanes_request(&own->lanes);
}

void kc_ownership_abort(struct kc_ownership *own, int64_t now)
{
    kc_lanes_abort(&own->lanes, now);
}

void kc_ownership_give_up(struct kc_ownership *own, const struct aq_err *err, int64_t now)
{
    own->lanes.sending->cycle.err = *err;
    kc_lanes_abort(&own->lanes, now);
}

bool kc_ownership_is_idle(const struct kc_ownership *own)
{
    return kc_lanes_idle(&own->lanes) && !own->rewind_due;
}

/* ---- the cycle's answers ------------------------------------------------------------------------------------------ */

/* A pause that grows while cycles keep failing, so that a broken sink is not hammered. */
static void back_off(struct kc_ownership *own, const struct kc_lane *lane, int64_t now)
{
    uint32_t aborts = lane->cycle.consecutive_aborts;
    if (aborts <= ORDINARY_ABORTS) return; /* one or two are ordinary: the group moved, a leader did */
    int64_t pause = FIRST_PAUSE << (aborts < 9 ? aborts - ORDINARY_ABORTS : 7);
    own->pause_until_us = now + (pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE);
}

/* A cycle was given up, and with it whatever was sent behind it on the other lane. */
static void given_up(struct kc_ownership *own, const struct kc_lane *lane, int64_t now, bool fenced)
{
    const struct aq_err *reason = &lane->cycle.err;
    kc_lanes_abort(&own->lanes, now);
    *(fenced ? &own->fenced_count : &own->aborted) += 1;
    aq_log(lane->cycle.consecutive_aborts > ORDINARY_ABORTS ? AQ_WARN : AQ_INFO,
           fenced ? "cycle fenced, rewinding" : "cycle aborted, rewinding",
           aq_fs(own->flow->noun, own->flow->name), aq_fi("worker", own->index),
           aq_fs("reason", reason->text));
    own->rewind_due = true;
    if (reason->code != 0 && aq_code_class(reason->code) == AQ_CLASS_CONFIG) kc_ownership_fail(own, reason);
    back_off(own, lane, now);
}

/* A handle whose next transaction would not be safe, found out while nothing is under way on it. */
static void drop_tainted(struct kc_ownership *own, struct kc_lane *lane, int64_t now, const char *reason)
{
    if (!own->flow->exactly_once || !own->ops->txn_tainted(lane->producer)) return;
    aq_fail(&lane->cycle.err, AQ_E_FENCED, "%s", reason);
    kc_lane_drop(&own->lanes, lane, now);
}

static void tell_done(struct kc_ownership *own, const struct kc_lane *lane, enum kc_cycle_result result,
                      int64_t now)
{
    own->host.cycle_done(own->host.ctx, result, now, now - lane->cycle.drain_start_us);
}

static void answer_cycle(struct kc_ownership *own, struct kc_lane *lane, enum kc_cycle_result result,
                         int64_t now)
{
    if (result == KC_CYCLE_NOTHING) return;
    tell_done(own, lane, result, now);
    switch (result) {
    case KC_CYCLE_NOTHING: return;
    case KC_CYCLE_COMMITTED:
        own->committed_count++;
        lane->pause_us = 0;
        drop_tainted(own, lane, now, "a request of the last transaction had to be sent twice");
        return;
    case KC_CYCLE_ABORTED:
    case KC_CYCLE_FENCED:
        given_up(own, lane, now, result == KC_CYCLE_FENCED);
        if (result == KC_CYCLE_FENCED) own->fenced = true;
        drop_tainted(own, lane, now, "the last transaction was aborted with records under way");
        return;
    case KC_CYCLE_REPLACE:
        /* The handle may have failed while EndTxn was on its way: whether the sink committed is known to the sink only,
         * so what we remember as committed counts for nothing. */
        given_up(own, lane, now, false);
        own->retake_due = true;
        kc_lane_drop(&own->lanes, lane, now);
        return;
    case KC_CYCLE_FATAL:
        /* The client hangs in a call that cannot be interrupted. Positions and data are safe on the sink; another
         * instance, or this one restarted, goes on from there. */
        aq_log(AQ_ERROR, "ending the process", aq_fs(own->flow->noun, own->flow->name),
               aq_fs("reason", lane->cycle.err.text));
        _exit(75);
    }
}

/* Every lane's cycle, the one that is being committed first, since the other stands on it. */
static void step_cycles(struct kc_ownership *own, int64_t now)
{
    struct kc_lanes *lanes = &own->lanes;
    struct kc_lane *sending = lanes->sending;
    for (int i = 0; i < lanes->n; i++) {
        struct kc_lane *lane = &lanes->list[i];
        if (lane != sending) answer_cycle(own, lane, kc_cycle_turn(&lane->cycle, now), now);
        if (lane != sending && lane->cycle.state == KC_CYCLE_ABORTING) kc_cycle_abort(&sending->cycle, now);
    }
    kc_lanes_hold(lanes, sending);
    answer_cycle(own, sending, kc_cycle_turn(&sending->cycle, now), now);
    kc_lanes_switch(lanes);
}

/* ---- the turn ----------------------------------------------------------------------------------------------------- */

/* True when we are in the group, or on the way. */
static bool has_joined(struct kc_ownership *own, int64_t now)
{
    struct aq_err err;
    if (own->member) return true;
    if (own->err.code != 0 || now < own->join_us) return false;
    if (open_member(own, &err) == 0) return true;
    kc_ownership_fail(own, &err);
    return false;
}

void kc_ownership_hear(struct kc_ownership *own, int64_t now)
{
    kc_lanes_open(&own->lanes, now);
    if (has_joined(own, now)) kc_group_turn(own, now);
    kc_selftest_turn(own, now);
    kc_takeover_turn(own, now);
}

void kc_ownership_step(struct kc_ownership *own, int64_t now)
{
    step_cycles(own, now);
    if (own->rewind_due && kc_lanes_idle(&own->lanes)) {
        kc_lanes_take_back(&own->lanes);
        own->host.rewind(own->host.ctx, now);
        own->rewind_due = false;
    }
    if (own->retake_due && !own->rewind_due) kc_ownership_retake(own, now);
}
