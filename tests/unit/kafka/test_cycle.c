/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit cycle against a scripted client: which calls it makes, in which order, and what it answers to each way in
 * which a commit can go wrong. Every test fails when the guard it is named after is taken out of kafka/cycle.c.
 */
#include "tests/unit/kafka/cycle_world.h"

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

static void source_offsets_go_into_the_same_commit(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    w.cycle.host.offsets = host_offsets;
    w.further[1] = 2;
    w.further[2] = 3; /* is not written in this cycle: none of its own either */
    send_data(&w, 0);
    run_to_commit(&w, 1);
    check_log(&w, "begin data data own(0@1) own(1@1) commit 0:11 +1:12 +in1/0:100 +in1/1:100");
    end_call(&w, KC_TXN_READY, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    stop(&w);
}

static void any_number_of_source_offsets_fits(void **state)
{
    (void)state;
    struct world w;
    start(&w, true);
    w.cycle.host.offsets = host_offsets;
    for (int round = 1; round <= 7; round++) {
        for (int32_t task = 0; task < TASKS; task++) {
            w.further[task] = round;
            send_data(&w, task);
        }
        w.log[0] = '\0';
        run_to_commit(&w, 0);
        assert_int_equal(w.n_offsets, TASKS * (round + 1));
        for (size_t i = 0; i < w.n_offsets; i++) {
            int32_t task = (int32_t)i / (round + 1), place = (int32_t)i % (round + 1);
            assert_int_equal(w.offsets[i].partition, place ? place - 1 : task);
            assert_int_equal(w.offsets[i].topic != NULL, place > 0);
        }
        end_call(&w, KC_TXN_READY, 0);
        check_turn(&w, KC_CYCLE_COMMITTED);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_pass),
        cmocka_unit_test(nothing_is_sent_between_positions_and_commit),
        cmocka_unit_test(source_offsets_go_into_the_same_commit),
        cmocka_unit_test(any_number_of_source_offsets_fits),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
