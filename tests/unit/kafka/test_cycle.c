/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit cycle against a scripted client: which calls it makes, in which order, and what it answers to each way in
 * which a commit can go wrong. Every test fails when the guard it is named after is taken out of kafka/cycle.c.
 */
#include "kafka/cycle.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tests/lib/check.h"

#define TASKS    4
#define INTERVAL (100 * AQ_MS)
#define DEADLINE (10 * AQ_SEC)
#define MOST_OWN 64

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
    struct kc_task_offset offsets[TASKS];
    char metadata[TASKS][KC_METADATA_MAX];
    size_t n_offsets;
    int commit_generation;
    int64_t now;
};

static struct world *world; /* of the running test: the ops are handed only handles */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
    size_t len = strlen(world->log);
    va_list args;
    va_start(args, format);
    if (len > 0 && len + 1 < sizeof(world->log)) world->log[len++] = ' ';
    vsnprintf(world->log + len, sizeof(world->log) - len, format, args);
    va_end(args);
}

static struct kc_membership *fake_membership(struct kc_member *member)
{
    if (member->current) member->current->references++;
    return member->current;
}

static void fake_unref(struct kc_membership *membership)
{
    assert_true(membership->references > 0);
    membership->references--;
}

static enum kc_txn_state fake_txn_poll(struct kc_producer *p, int *ret_code, int64_t *ret_started_us,
                                       struct aq_err *err)
{
    if (ret_code) *ret_code = p->ended_code;
    if (ret_code && p->ended_code) aq_fail(err, p->ended_code, "scripted");
    if (ret_code) p->ended_code = 0;
    if (ret_started_us) *ret_started_us = p->started_us;
    return p->state;
}

static int fake_begin(struct kc_producer *p, struct aq_err *err)
{
    note("begin");
    if (p->begin_rc) return aq_fail(err, p->begin_rc, "scripted");
    assert_int_equal(p->state, KC_TXN_READY);
    p->state = KC_TXN_OPEN;
    return 0;
}

static void keep_offsets(const struct kc_task_offset *offsets, size_t n)
{
    assert_true(n > 0 && n <= TASKS);
    world->n_offsets = n;
    for (size_t i = 0; i < n; i++) {
        world->offsets[i] = offsets[i];
        snprintf(world->metadata[i], KC_METADATA_MAX, "%s", offsets[i].metadata);
        note("%s%d:%lld", i ? "+" : "", offsets[i].partition, (long long)offsets[i].offset);
    }
}

static int fake_txn_commit(struct kc_producer *p, struct kc_membership *membership, const char *topic,
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

static int fake_abort(struct kc_producer *p, struct aq_err *err)
{
    note("abort");
    if (p->abort_rc) return aq_fail(err, p->abort_rc, "scripted");
    p->state = KC_TXN_ABORTING;
    p->started_us = world->now;
    return 0;
}

static int fake_send_own(struct kc_producer *p, const char *topic, int32_t partition, struct aq_slice key,
                         struct aq_slice value, struct kc_ack *ack, struct aq_err *err)
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

static uint64_t fake_in_flight(const struct kc_producer *p, uint64_t *ret_bytes)
{
    assert_null(ret_bytes);
    return p->data_in_flight + (uint64_t)p->n_own;
}

static const struct kc_failure *fake_failure(const struct kc_producer *p)
{
    return &p->failure;
}

static int fake_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
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

static bool fake_member_commit_poll(struct kc_member *member, int *ret_code)
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

static struct aq_slice host_encode(void *ctx, int32_t task, int64_t *ret_seq, struct aq_arena *arena)
{
    struct world *w = ctx;
    *ret_seq = w->seq[task] + 1;
    aq_arena_alloc(arena, 1000); /* snapshots are not small */
    return aq_slice_str(aq_arena_printf(arena, "%lld", (long long)w->sent[task]));
}

static void host_committed(void *ctx, int32_t task)
{
    struct world *w = ctx;
    w->seq[task]++;
    w->committed[task]++;
    note("committed(%d)", task);
}

/* ---- steps of a test ------------------------------------------------------------------------------------------------ */

static void start(struct world *w, bool exactly_once)
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

static void stop(struct world *w)
{
    kc_cycle_finish(&w->cycle);
    T_CHECK(w->first.references == 1 && w->second.references == 1, "membership references: %d, %d",
            w->first.references, w->second.references);
    world = NULL;
}

static bool accepts(struct world *w)
{
    struct aq_err err;
    return kc_cycle_accepts(&w->cycle, w->now, &err);
}

/* A record of the task is sent, as a worker does it. */
static void send_data(struct world *w, int32_t task)
{
    T_CHECK(accepts(w), "the cycle takes no records: %s", w->log);
    note("data");
    w->producer.data_in_flight++;
    w->sent[task]++;
    if (w->cycle.conf.exactly_once) kc_cycle_touch(&w->cycle, task);
}

/* All reports come in, positions included. */
static void deliver(struct world *w)
{
    w->producer.data_in_flight = 0;
    for (int i = 0; i < w->producer.n_own; i++) {
        *w->producer.own[i] = (struct kc_ack){.done = true, .offset = w->producer.next_offset++};
    }
    w->producer.n_own = 0;
}

static enum kc_cycle_result turn(struct world *w)
{
    w->now += AQ_MS;
    return kc_cycle_turn(&w->cycle, w->now);
}

static void check_turn(struct world *w, enum kc_cycle_result expected)
{
    enum kc_cycle_result result = turn(w);
    T_CHECK(result == expected, "turn answers %d after: %s", result, w->log);
}

static void check_log(const struct world *w, const char *expected)
{
    T_CHECK(strcmp(w->log, expected) == 0, "\n  calls:    %s\n  expected: %s", w->log, expected);
}

static void end_call(struct world *w, enum kc_txn_state state, int code)
{
    w->producer.state = state;
    w->producer.ended_code = code;
}

/* From data to a commit under way. */
static void run_to_commit(struct world *w, int32_t task)
{
    send_data(w, task);
    kc_cycle_request(&w->cycle);
    check_turn(w, KC_CYCLE_NOTHING);
    deliver(w);
    check_turn(w, KC_CYCLE_NOTHING);
    assert_int_equal(w->producer.state, KC_TXN_COMMITTING);
}

/* ---- exactly_once --------------------------------------------------------------------------------------------------- */

static void an_ordinary_pass(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    assert_true(kc_cycle_is_idle(&w.cycle));
    send_data(&w, 1);
    send_data(&w, 3);
    send_data(&w, 1);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data data data"); /* not before the interval */

    w.now += INTERVAL;
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data data data own(1@2) own(3@1)");
    check_turn(&w, KC_CYCLE_NOTHING); /* reports are missing */
    w.producer.data_in_flight = 0;
    check_turn(&w, KC_CYCLE_NOTHING); /* those of the positions too */
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data data data own(1@2) own(3@1) commit 1:11 +3:12");
    assert_int_equal(w.commit_generation, 1);
    char expected[KC_METADATA_MAX];
    kc_metadata_format(1, AQ_LIT("2"), expected, sizeof(expected));
    assert_string_equal(w.metadata[0], expected);
    kc_metadata_format(1, AQ_LIT("1"), expected, sizeof(expected));
    assert_string_equal(w.metadata[1], expected);
    check_turn(&w, KC_CYCLE_NOTHING);

    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    check_log(&w, "begin data data data own(1@2) own(3@1) commit 1:11 +3:12 committed(1) committed(3)");
    assert_true(kc_cycle_is_idle(&w.cycle));
    check_turn(&w, KC_CYCLE_NOTHING);

    /* The next one is like it, with the next sequence. */
    run_to_commit(&w, 1);
    kc_metadata_format(2, AQ_LIT("3"), expected, sizeof(expected));
    assert_string_equal(w.metadata[0], expected);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[1], 2);
    assert_int_equal(w.committed[3], 1);
    stop(&w);
}

static void nothing_is_sent_between_positions_and_commit(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 0);
    kc_cycle_request(&w.cycle);
    assert_false(kc_cycle_owns_producer(&w.cycle));
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_false(accepts(&w)); /* draining */
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_false(accepts(&w)); /* committing */
    assert_true(kc_cycle_owns_producer(&w.cycle));
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_false(kc_cycle_owns_producer(&w.cycle));
    assert_true(accepts(&w));
    stop(&w);
}

static void without_a_position_nothing_is_committed(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    assert_true(accepts(&w)); /* opens, but no record follows */
    kc_cycle_request(&w.cycle);
    for (int i = 0; i < 500; i++) check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin");
    stop(&w);
}

static void a_cycle_opens_under_the_membership_of_its_time(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 0);
    w.member.current = &w.second; /* the group moved on */
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_int_equal(w.commit_generation, 1);
    end_call(&w, KC_TXN_OPEN, AQ_E_FENCED);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_FENCED);
    run_to_commit(&w, 0);
    assert_int_equal(w.commit_generation, 2);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    stop(&w);
}

static void nothing_opens_without_membership_or_producer(void **state)
{
    (void)state;
    struct world w;
    struct aq_err err;
    start(&w, true);
    w.member.current = NULL;
    assert_false(kc_cycle_accepts(&w.cycle, w.now, &err));
    assert_int_equal(err.code, AQ_E_AGAIN);
    w.member.current = &w.first;
    w.producer.state = KC_TXN_STARTING;
    assert_false(kc_cycle_accepts(&w.cycle, w.now, &err));
    assert_int_equal(err.code, AQ_E_AGAIN);
    check_log(&w, "");
    w.producer.state = KC_TXN_READY;
    w.producer.begin_rc = AQ_E_FATAL;
    assert_false(kc_cycle_accepts(&w.cycle, w.now, &err));
    assert_int_equal(err.code, AQ_E_FATAL);
    assert_true(kc_cycle_is_idle(&w.cycle));
    stop(&w);
}

static void a_failed_delivery_aborts(void **state)
{
    (void)state;
    static const struct {
        bool draining;
        bool before;
    } when[] = {{false, false}, {true, false}, {true, true}};
    for (size_t i = 0; i < sizeof(when) / sizeof(when[0]); i++) {
        struct world w;
        start(&w, true);
        send_data(&w, 2);
        kc_cycle_request(&w.cycle);
        if (when[i].draining) check_turn(&w, KC_CYCLE_NOTHING);
        if (when[i].before) deliver(&w);
        w.producer.failure = (struct kc_failure){.code = AQ_E_TOO_LARGE, .text = "too large"};
        check_turn(&w, KC_CYCLE_NOTHING);
        check_log(&w, when[i].draining ? "begin data own(2@1) abort" : "begin data abort");
        assert_int_equal(w.cycle.err.code, AQ_E_TOO_LARGE);
        assert_false(accepts(&w));
        end_call(&w, KC_TXN_READY, 0);
        check_turn(&w, KC_CYCLE_ABORTED);
        assert_int_equal(w.committed[2], 0);
        assert_true(kc_cycle_is_idle(&w.cycle));
        w.producer.n_own = 0;
        w.producer.data_in_flight = 0;
        stop(&w);
    }
}

static void a_position_that_was_not_delivered_aborts(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 0);
    send_data(&w, 2);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    w.cycle.acks[2] = (struct kc_ack){.done = true, .code = AQ_E_DENIED, .offset = -1};
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data data own(0@1) own(2@1) abort");
    assert_int_equal(w.cycle.err.code, AQ_E_DENIED);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_ABORTED);
    stop(&w);
}

static void how_a_commit_ends(void **state)
{
    (void)state;
    static const struct {
        enum kc_txn_state state;
        int code;
        enum kc_cycle_result answer; /* after the abort, where there is one */
        bool aborts;
    } rows[] = {
        {KC_TXN_READY, 0, KC_CYCLE_COMMITTED, false},
        {KC_TXN_OPEN, AQ_E_TXN_ABORT, KC_CYCLE_ABORTED, true},
        {KC_TXN_OPEN, AQ_E_FENCED, KC_CYCLE_FENCED, true},
        {KC_TXN_FAILED, AQ_E_FATAL, KC_CYCLE_REPLACE, false},
        {KC_TXN_FAILED, AQ_E_FENCED, KC_CYCLE_REPLACE, false},
        {KC_TXN_FAILED, 0, KC_CYCLE_REPLACE, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        start(&w, true);
        run_to_commit(&w, 0);
        end_call(&w, rows[i].state, rows[i].code);
        if (rows[i].aborts) {
            check_turn(&w, KC_CYCLE_NOTHING);
            assert_int_equal(w.producer.state, KC_TXN_ABORTING);
            end_call(&w, KC_TXN_READY, 0);
        }
        check_turn(&w, rows[i].answer);
        T_CHECK(w.committed[0] == (rows[i].answer == KC_CYCLE_COMMITTED), "row %zu: %s", i, w.log);
        T_CHECK(rows[i].aborts == (strstr(w.log, "abort") != NULL), "row %zu: %s", i, w.log);
        stop(&w);
    }
}

static void a_commit_that_cannot_be_begun_aborts(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 0);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    w.producer.commit_rc = AQ_E_TXN_ABORT;
    check_turn(&w, KC_CYCLE_NOTHING);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_ABORTED);
    check_log(&w, "begin data own(0@1) commit 0:11 abort");
    stop(&w);
}

static void a_call_that_overruns_its_deadline_is_fatal(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    run_to_commit(&w, 0);
    w.now = w.producer.started_us + DEADLINE - 2 * AQ_MS;
    check_turn(&w, KC_CYCLE_NOTHING);
    check_turn(&w, KC_CYCLE_FATAL);
    assert_int_equal(w.cycle.err.code, AQ_E_FATAL);
    stop(&w);

    start(&w, true);
    send_data(&w, 0);
    kc_cycle_abort(&w.cycle, w.now);
    w.now = w.producer.started_us + DEADLINE - 2 * AQ_MS;
    check_turn(&w, KC_CYCLE_NOTHING);
    check_turn(&w, KC_CYCLE_FATAL);
    stop(&w);
}

static void a_producer_that_failed_is_replaced(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 1);
    kc_cycle_abort(&w.cycle, w.now);
    end_call(&w, KC_TXN_FAILED, AQ_E_FATAL);
    check_turn(&w, KC_CYCLE_REPLACE);
    assert_true(kc_cycle_owns_producer(&w.cycle)); /* nobody sends through it any more */
    assert_false(accepts(&w));
    check_turn(&w, KC_CYCLE_REPLACE); /* until it is taken away */
    kc_cycle_set_producer(&w.cycle, NULL);
    check_turn(&w, KC_CYCLE_NOTHING);
    w.producer = (struct kc_producer){.state = KC_TXN_READY, .room = -1, .next_offset = 40};
    kc_cycle_set_producer(&w.cycle, &w.producer);
    w.log[0] = '\0';
    run_to_commit(&w, 2);
    check_log(&w, "begin data own(2@1) commit 2:41"); /* task 1 is forgotten: it is read again */
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    stop(&w);
}

static void an_abort_that_cannot_be_begun_replaces(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 1);
    w.producer.abort_rc = AQ_E_FATAL;
    kc_cycle_abort(&w.cycle, w.now);
    check_turn(&w, KC_CYCLE_REPLACE);
    assert_int_equal(w.cycle.err.code, AQ_E_FATAL);
    stop(&w);
}

static void a_full_queue_keeps_the_positions_waiting(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    for (int32_t t = 0; t < TASKS; t++) send_data(&w, t);
    kc_cycle_request(&w.cycle);
    w.producer.room = 1;
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_false(accepts(&w)); /* the first is written: no record may follow it */
    for (int i = 0; i < 2000; i++) check_turn(&w, KC_CYCLE_NOTHING);
    T_CHECK(w.cycle.arena.total < 64 * 1024, "the arena has grown to %zu bytes", w.cycle.arena.total);
    w.producer.room = 2;
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING); /* one is still not written: no commit */
    w.producer.room = -1;
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w,
              "begin data data data data own(0@1) own(1@1) own(2@1) own(3@1) commit 0:11 +1:12 +2:13 +3:14");
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    stop(&w);
}

static void two_aborts_in_a_row_are_ordinary(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    for (int i = 0; i < 2; i++) {
        send_data(&w, 0);
        w.producer.failure.code = AQ_E_DELIVERY;
        check_turn(&w, KC_CYCLE_NOTHING);
        end_call(&w, KC_TXN_READY, 0);
        check_turn(&w, KC_CYCLE_ABORTED);
        w.producer.failure.code = 0;
        w.producer.data_in_flight = 0;
        assert_int_equal(w.cycle.consecutive_aborts, i + 1);
    }
    run_to_commit(&w, 0);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.cycle.consecutive_aborts, 0);
    stop(&w);
}

static void an_abort_forgets_what_was_to_be_committed(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    send_data(&w, 0);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    kc_cycle_abort(&w.cycle, w.now);
    deliver(&w); /* late, from the abort's purge: means nothing */
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_ABORTED);
    w.log[0] = '\0';
    run_to_commit(&w, 3);
    check_log(&w, "begin data own(3@1) commit 3:12");
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[0], 0);
    stop(&w);
}

static void an_abort_while_committing_waits_for_the_commit(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    run_to_commit(&w, 0);
    kc_cycle_abort(&w.cycle, w.now);
    assert_null(strstr(w.log, "abort"));
    check_turn(&w, KC_CYCLE_NOTHING);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED); /* it is durable, and must not be taken for lost */
    assert_int_equal(w.committed[0], 1);
    stop(&w);
}

static void an_idle_cycle_does_nothing(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    kc_cycle_abort(&w.cycle, w.now);
    kc_cycle_request(&w.cycle);
    for (int i = 0; i < 300; i++) check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "");
    /* The request was for a cycle that did not exist. */
    send_data(&w, 0);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data");
    stop(&w);
}

static void a_request_ends_with_its_cycle(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    run_to_commit(&w, 0);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    w.log[0] = '\0';
    send_data(&w, 0);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data"); /* the interval counts again */
    w.now += INTERVAL;
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data own(0@2)");
    stop(&w);
}

static void with_nothing_more_to_come_it_commits_early_but_not_often(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    kc_cycle_idle(&w.cycle, w.now); /* no cycle: no effect */
    send_data(&w, 0);
    kc_cycle_idle(&w.cycle, w.now);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data own(0@1)");
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    w.log[0] = '\0';
    send_data(&w, 0);
    kc_cycle_idle(&w.cycle, w.now);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data"); /* a moment after the last commit */
    w.now += INTERVAL - 6 * AQ_MS;
    kc_cycle_idle(&w.cycle, w.now);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data");
    w.now += 4 * AQ_MS;
    kc_cycle_idle(&w.cycle, w.now);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "begin data own(0@2)");
    stop(&w);
}

static void a_producer_that_breaks_while_idle_is_replaced(void **state)
{
    (void)state;
    struct world w;
    struct aq_err err;
    start(&w, true);
    aq_fail(&err, AQ_E_FATAL, "begin_transaction failed");
    kc_cycle_break(&w.cycle, &err);
    check_turn(&w, KC_CYCLE_REPLACE);
    assert_int_equal(w.cycle.err.code, AQ_E_FATAL);
    assert_false(accepts(&w));
    stop(&w);
}

/* ---- at_least_once -------------------------------------------------------------------------------------------------- */

/* The first n records sent are acknowledged. */
static void acknowledge(struct world *w, int32_t task, uint64_t n)
{
    w->producer.data_in_flight -= n;
    kc_cycle_touch(&w->cycle, task);
}

static void end_pointers(struct world *w, int code)
{
    w->member.commit_over = true;
    w->member.commit_code = code;
}

static void an_ordinary_pass_at_least_once(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    send_data(&w, 1);
    send_data(&w, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "data data"); /* nothing is acknowledged: no position */
    acknowledge(&w, 1, 1);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "data data own(1@2)");
    check_turn(&w, KC_CYCLE_NOTHING); /* no pointer before the record is there */
    send_data(&w, 2);                 /* and records go on */
    *w.producer.own[0] = (struct kc_ack){.done = true, .offset = 20};
    w.producer.n_own = 0;
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "data data own(1@2) data pointers 1:21");
    send_data(&w, 2);
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_int_equal(w.committed[1], 0);
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[1], 1);
    assert_false(kc_cycle_is_idle(&w.cycle)); /* three records are on their way */

    acknowledge(&w, 1, 1);
    acknowledge(&w, 2, 2);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[1], 2);
    assert_int_equal(w.committed[2], 1);
    assert_true(kc_cycle_is_idle(&w.cycle));
    assert_null(strstr(w.log, "begin"));
    stop(&w);
}

static void a_cycle_with_nothing_to_say_ends(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    assert_true(accepts(&w));
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_true(kc_cycle_is_idle(&w.cycle));
    check_log(&w, "");
    stop(&w);
}

static void a_task_acknowledged_while_its_position_is_written_waits(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    send_data(&w, 0);
    acknowledge(&w, 0, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    send_data(&w, 0);
    acknowledge(&w, 0, 1); /* beyond what the position under way says */
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[0], 1);
    assert_false(kc_cycle_is_idle(&w.cycle));
    w.now += INTERVAL;
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "data own(0@1) data pointers 0:11 committed(0) own(0@2)");
    deliver(&w);
    stop(&w);
}

static void how_a_pointer_commit_ends(void **state)
{
    (void)state;
    static const struct {
        int rc;   /* of the call */
        int code; /* of its end */
        enum kc_cycle_result answer;
    } rows[] = {
        {0, AQ_E_FENCED, KC_CYCLE_FENCED},
        {0, AQ_E_TIMEOUT, KC_CYCLE_ABORTED},
        {AQ_E_FENCED, 0, KC_CYCLE_FENCED},
        {AQ_E_UNREACHABLE, 0, KC_CYCLE_ABORTED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        start(&w, false);
        send_data(&w, 0);
        acknowledge(&w, 0, 1);
        send_data(&w, 1); /* still on its way */
        kc_cycle_request(&w.cycle);
        check_turn(&w, KC_CYCLE_NOTHING);
        *w.producer.own[0] = (struct kc_ack){.done = true, .offset = 10};
        w.producer.n_own = 0;
        w.member.commit_rc = rows[i].rc;
        check_turn(&w, KC_CYCLE_NOTHING);
        if (rows[i].rc == 0) {
            end_pointers(&w, rows[i].code);
            check_turn(&w, KC_CYCLE_NOTHING);
        }
        check_turn(&w, KC_CYCLE_NOTHING); /* what is on its way is awaited: it will be read again */
        w.producer.data_in_flight = 0;
        check_turn(&w, rows[i].answer);
        assert_int_equal(w.committed[0], 0);
        assert_null(strstr(w.log, "abort"));
        stop(&w);
    }
}

static void a_failed_delivery_at_least_once(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    send_data(&w, 0);
    acknowledge(&w, 0, 1);
    send_data(&w, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    w.producer.failure.code = AQ_E_DELIVERY;
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_false(accepts(&w));
    deliver(&w);
    check_turn(&w, KC_CYCLE_ABORTED);
    check_log(&w, "data data own(0@1)"); /* no pointer to it */
    assert_int_equal(w.committed[0], 0);
    stop(&w);
}

static void giving_up_awaits_the_pointer_commit_under_way(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    send_data(&w, 0);
    acknowledge(&w, 0, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    kc_cycle_abort(&w.cycle, w.now);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_ABORTED);
    send_data(&w, 0);
    acknowledge(&w, 0, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING); /* member_commit asserts that only one is under way */
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    stop(&w);
}

static void a_full_queue_at_least_once(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    send_data(&w, 0);
    send_data(&w, 1);
    acknowledge(&w, 0, 1);
    acknowledge(&w, 1, 1);
    kc_cycle_request(&w.cycle);
    w.producer.room = 0;
    check_turn(&w, KC_CYCLE_NOTHING);
    assert_true(accepts(&w));
    w.producer.room = 1;
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_pointers(&w, 0);
    w.producer.room = -1;
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[0] + w.committed[1], 1);
    assert_false(kc_cycle_is_idle(&w.cycle)); /* the other task is still to be written */
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_int_equal(w.committed[0] + w.committed[1], 2);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_pass),
        cmocka_unit_test(nothing_is_sent_between_positions_and_commit),
        cmocka_unit_test(without_a_position_nothing_is_committed),
        cmocka_unit_test(a_cycle_opens_under_the_membership_of_its_time),
        cmocka_unit_test(nothing_opens_without_membership_or_producer),
        cmocka_unit_test(a_failed_delivery_aborts),
        cmocka_unit_test(a_position_that_was_not_delivered_aborts),
        cmocka_unit_test(how_a_commit_ends),
        cmocka_unit_test(a_commit_that_cannot_be_begun_aborts),
        cmocka_unit_test(a_call_that_overruns_its_deadline_is_fatal),
        cmocka_unit_test(a_producer_that_failed_is_replaced),
        cmocka_unit_test(an_abort_that_cannot_be_begun_replaces),
        cmocka_unit_test(a_full_queue_keeps_the_positions_waiting),
        cmocka_unit_test(two_aborts_in_a_row_are_ordinary),
        cmocka_unit_test(an_abort_forgets_what_was_to_be_committed),
        cmocka_unit_test(an_abort_while_committing_waits_for_the_commit),
        cmocka_unit_test(an_idle_cycle_does_nothing),
        cmocka_unit_test(a_request_ends_with_its_cycle),
        cmocka_unit_test(with_nothing_more_to_come_it_commits_early_but_not_often),
        cmocka_unit_test(a_producer_that_breaks_while_idle_is_replaced),
        cmocka_unit_test(an_ordinary_pass_at_least_once),
        cmocka_unit_test(a_cycle_with_nothing_to_say_ends),
        cmocka_unit_test(a_task_acknowledged_while_its_position_is_written_waits),
        cmocka_unit_test(how_a_pointer_commit_ends),
        cmocka_unit_test(a_failed_delivery_at_least_once),
        cmocka_unit_test(giving_up_awaits_the_pointer_commit_under_way),
        cmocka_unit_test(a_full_queue_at_least_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
