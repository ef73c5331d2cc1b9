/* SPDX-License-Identifier: Apache-2.0
 *
 * A scripted client for tests of the commit cycle: it does what the test tells it, notes every call in order, and fails
 * the test where a call breaks the rules by itself (a commit before every report is in, two pointer commits at once).
 */
#ifndef AQ_TESTS_UNIT_KAFKA_CYCLE_WORLD_H
#define AQ_TESTS_UNIT_KAFKA_CYCLE_WORLD_H

#include "kafka/cycle.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tests/lib/check.h"

#define TASKS    4
#define INTERVAL (100 * AQ_MS)
#define DEADLINE (10 * AQ_SEC)
#define MOST_OWN 64

#define MOST_OFFSETS (TASKS * 8)

/* ---- the scripted client -------------------------------------------------------------------------------------------- */

struct kc_membership {
    int references;
    int generation;
};

struct kc_member {
    struct kc_membership *current; /* NULL: none */
    bool committing;
    bool commit_over;
    int commit_code;
    int commit_rc; /* what member_commit returns */
};

struct kc_producer {
    enum kc_txn_state state;
    int64_t started_us;
    int ended_code; /* reported once by txn_poll */
    int begin_rc, abort_rc, commit_rc;
    uint64_t data_in_flight;
    struct kc_failure failure;
    struct kc_ack *own[MOST_OWN]; /* not reported yet */
    int n_own;
    int room; /* own records taken before the queue is full; -1: any number */
    int64_t next_offset;
};

struct world {
    struct kc_cycle cycle;
    struct kc_producer producer;
    struct kc_member member;
    struct kc_membership first, second;
    char log[4096]; /* calls in order: "begin data own(2) …" */
    int64_t seq[TASKS];
    int64_t sent[TASKS];  /* what encode() says the task stands at */
    int committed[TASKS]; /* calls of committed() */
    struct kc_task_offset offsets[MOST_OFFSETS];
    char metadata[MOST_OFFSETS][KC_METADATA_MAX];
    size_t n_offsets;
    int further[TASKS]; /* offsets of source topics the task wants committed with its pointer */
    int commit_generation;
    int64_t now;
};

static struct world *world; /* of the running test: the ops are handed only handles */

#define note(...) t_note(world->log, sizeof(world->log), __VA_ARGS__)

static inline struct kc_membership *fake_membership(struct kc_member *member)
{
    if (member->current) member->current->references++;
    return member->current;
}

static inline void fake_unref(struct kc_membership *membership)
{
    assert_true(membership->references > 0);
    membership->references--;
}

static inline enum kc_txn_state fake_txn_poll(struct kc_producer *p, int *ret_code, int64_t *ret_started_us,
                                              struct aq_err *err)
{
    if (ret_code) *ret_code = p->ended_code;
    if (ret_code && p->ended_code) aq_fail(err, p->ended_code, "scripted");
    if (ret_code) p->ended_code = 0;
    if (ret_started_us) *ret_started_us = p->started_us;
    return p->state;
}

static inline int fake_begin(struct kc_producer *p, struct aq_err *err)
{
    note("begin");
    if (p->begin_rc) return aq_fail(err, p->begin_rc, "scripted");
    assert_int_equal(p->state, KC_TXN_READY);
    p->state = KC_TXN_OPEN;
    return 0;
}

static inline void keep_offsets(const struct kc_task_offset *offsets, size_t n)
{
    assert_true(n > 0 && n <= MOST_OFFSETS);
    world->n_offsets = n;
    for (size_t i = 0; i < n; i++) {
        world->offsets[i] = offsets[i];
        snprintf(world->metadata[i], KC_METADATA_MAX, "%s", offsets[i].metadata ? offsets[i].metadata : "");
        note("%s%s%d:%lld", i ? "+" : "", offsets[i].topic ? offsets[i].topic : "", offsets[i].partition,
             (long long)offsets[i].offset);
    }
}

static inline int fake_txn_commit(struct kc_producer *p, struct kc_membership *membership, const char *topic,
                                  const struct kc_task_offset *offsets, size_t n, struct aq_err *err)
{
    note("commit");
    assert_string_equal(topic, "state");
    T_CHECK(p->data_in_flight == 0 && p->n_own == 0, "commit before every report is in");
    assert_int_equal(p->state, KC_TXN_OPEN);
    keep_offsets(offsets, n);
    world->commit_generation = membership->generation;
    if (p->commit_rc) return aq_fail(err, p->commit_rc, "scripted");
    p->state = KC_TXN_COMMITTING;
    p->started_us = world->now;
    return 0;
}

static inline int fake_abort(struct kc_producer *p, struct aq_err *err)
{
    note("abort");
    if (p->abort_rc) return aq_fail(err, p->abort_rc, "scripted");
    p->state = KC_TXN_ABORTING;
    p->started_us = world->now;
    return 0;
}

static inline int fake_send_own(struct kc_producer *p, const char *topic, int32_t partition,
                                struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                                struct aq_err *err)
{
    assert_string_equal(topic, "state");
    assert_true(aq_slice_equal(key, AQ_LIT(KC_POSITION_KEY)));
    if (p->room == 0) return aq_fail(err, AQ_E_FULL, "scripted");
    if (p->room > 0) p->room--;
    note("own(%d@%.*s)", partition, (int)value.len, value.ptr);
    assert_true(p->n_own < MOST_OWN);
    p->own[p->n_own++] = ack;
    return 0;
}

static inline uint64_t fake_in_flight(const struct kc_producer *p, uint64_t *ret_bytes)
{
    assert_null(ret_bytes);
    return p->data_in_flight + (uint64_t)p->n_own;
}

static inline const struct kc_failure *fake_failure(const struct kc_producer *p)
{
    return &p->failure;
}

static inline int fake_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                                     struct aq_err *err)
{
    note("pointers");
    T_CHECK(!member->committing, "two pointer commits at once");
    keep_offsets(offsets, n);
    if (member->commit_rc) return aq_fail(err, member->commit_rc, "scripted");
    member->committing = true;
    member->commit_over = false;
    return 0;
}

static inline bool fake_member_commit_poll(struct kc_member *member, int *ret_code)
{
    assert_true(member->committing);
    if (!member->commit_over) return false;
    member->committing = false;
    *ret_code = member->commit_code;
    return true;
}

static const struct kc_ops fake_ops = {
    .name = "scripted",
    .member_membership = fake_membership,
    .membership_unref = fake_unref,
    .member_commit = fake_member_commit,
    .member_commit_poll = fake_member_commit_poll,
    .producer_send_own = fake_send_own,
    .producer_in_flight = fake_in_flight,
    .producer_failure = fake_failure,
    .txn_begin = fake_begin,
    .txn_commit = fake_txn_commit,
    .txn_abort = fake_abort,
    .txn_poll = fake_txn_poll,
};

/* ---- the host ------------------------------------------------------------------------------------------------------- */

static inline struct aq_slice host_encode(void *ctx, int32_t task, int64_t *ret_seq, struct aq_arena *arena)
{
    struct world *w = ctx;
    *ret_seq = w->seq[task] + 1;
    aq_arena_alloc(arena, 1000); /* snapshots are not small */
    return aq_slice_str(aq_arena_printf(arena, "%lld", (long long)w->sent[task]));
}

static inline void host_committed(void *ctx, int32_t task)
{
    struct world *w = ctx;
    w->seq[task]++;
    w->committed[task]++;
    note("committed(%d)", task);
}

/* One topic a task, named in the arena: what is in it must live until the client has it. */
static inline void host_offsets(void *ctx, int32_t task, struct aq_arena *arena,
                                struct kc_task_offset **ret_list, size_t *ret_count)
{
    struct world *w = ctx;
    *ret_count = (size_t)w->further[task];
    *ret_list = aq_arena_zalloc(arena, *ret_count * sizeof(**ret_list));
    for (int i = 0; i < w->further[task]; i++)
        (*ret_list)[i] = (struct kc_task_offset){
            .topic = aq_arena_printf(arena, "in%d/", task), .partition = i, .offset = w->sent[task] * 100};
}

/* ---- steps of a test ------------------------------------------------------------------------------------------------ */

static inline void start(struct world *w, bool exactly_once)
{
    memset(w, 0, sizeof(*w));
    world = w;
    w->now = 5 * AQ_SEC;
    w->producer = (struct kc_producer){
        .state = exactly_once ? KC_TXN_READY : KC_TXN_NONE, .room = -1, .next_offset = 10};
    w->first = (struct kc_membership){.references = 1, .generation = 1};
    w->second = (struct kc_membership){.references = 1, .generation = 2};
    w->member = (struct kc_member){.current = &w->first};
    const struct kc_cycle_conf conf = {.exactly_once = exactly_once,
                                       .interval_us = INTERVAL,
                                       .deadline_us = DEADLINE,
                                       .state_topic = "state",
                                       .tasks = TASKS};
    const struct kc_cycle_host host = {.ctx = w, .encode = host_encode, .committed = host_committed};
    kc_cycle_init(&w->cycle, &fake_ops, &conf, &host);
    kc_cycle_set_producer(&w->cycle, &w->producer);
    kc_cycle_set_member(&w->cycle, &w->member);
}

static inline void stop(struct world *w)
{
    kc_cycle_finish(&w->cycle);
    T_CHECK(w->first.references == 1 && w->second.references == 1, "membership references: %d, %d",
            w->first.references, w->second.references);
    world = NULL;
}

static inline bool accepts(struct world *w)
{
    struct aq_err err;
    return kc_cycle_accepts(&w->cycle, w->now, &err);
}

/* A record of the task is sent, as a worker does it. */
static inline void send_data(struct world *w, int32_t task)
{
    T_CHECK(accepts(w), "the cycle takes no records: %s", w->log);
    note("data");
    w->producer.data_in_flight++;
    w->sent[task]++;
    if (w->cycle.conf.exactly_once) kc_cycle_touch(&w->cycle, task);
}

/* All reports come in, positions included. */
static inline void deliver(struct world *w)
{
    w->producer.data_in_flight = 0;
    for (int i = 0; i < w->producer.n_own; i++) {
        *w->producer.own[i] = (struct kc_ack){.done = true, .offset = w->producer.next_offset++};
    }
    w->producer.n_own = 0;
}

static inline enum kc_cycle_result turn(struct world *w)
{
    w->now += AQ_MS;
    return kc_cycle_turn(&w->cycle, w->now);
}

static inline void check_turn(struct world *w, enum kc_cycle_result expected)
{
    enum kc_cycle_result result = turn(w);
    T_CHECK(result == expected, "turn answers %d after: %s", result, w->log);
}

static inline void check_log(const struct world *w, const char *expected)
{
    T_CHECK(strcmp(w->log, expected) == 0, "\n  calls:    %s\n  expected: %s", w->log, expected);
}

static inline void end_call(struct world *w, enum kc_txn_state state, int code)
{
    w->producer.state = state;
    w->producer.ended_code = code;
}

/* From data to a commit under way. */
static inline void run_to_commit(struct world *w, int32_t task)
{
    send_data(w, task);
    kc_cycle_request(&w->cycle);
    check_turn(w, KC_CYCLE_NOTHING);
    deliver(w);
    check_turn(w, KC_CYCLE_NOTHING);
    assert_int_equal(w->producer.state, KC_TXN_COMMITTING);
}

#endif
