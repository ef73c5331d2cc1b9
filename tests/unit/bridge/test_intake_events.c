/* SPDX-License-Identifier: Apache-2.0
 *
 * What the source says besides records, against a scripted consumer: which ends of a partition move a position and which
 * do not, and what makes a partition a suspect that is read again. Every test fails when the guard it is named after is
 * taken out of bridge/intake.c (or, where stop_at_end is in its name, of bridge/worker.c).
 */
#include "tests/unit/bridge/intake_world.h"

/* ---- ends ------------------------------------------------------------------------------------------------------------- */

static void an_end_ahead_moves_over_what_has_no_records(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    say_end(&w, p, 10);
    hear(&w);
    check_marks(p, 10, 10);
    assert_true(p->reached_end);
    assert_false(w.worker->tasks[0].write_first); /* nothing has moved */
    say_end(&w, p, 13);
    hear(&w);
    check_marks(p, 13, 13);
    assert_int_equal(p->read.last_offset, 9); /* the record to be recognised stays the same */
    assert_true(w.worker->tasks[0].write_first);
    stop(&w);
}

static void without_a_record_an_end_is_not_worth_a_position(void **state)
{
    (void)state;
    struct world w;
    struct aq_err err;
    start(&w, "");
    struct br_partition *p = br_task_add(w.worker, 0, "orders", 0);
    assert_int_equal(br_task_read_from_mark(w.worker, p, true, &err), 0);
    check_log(&w, "assign(0@-2)");
    say_end(&w, p, 3);
    hear(&w);
    check_marks(p, 3, 3);
    assert_false(w.worker->tasks[0].write_first);
    stop(&w);
}

static void an_end_ahead_waits_for_what_is_in_flight(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    arrive(&w, p, 10, 2);
    struct aq_batch *batch = take(&w, 10, 11);
    say_end(&w, p, 14);
    hear(&w);
    check_marks(p, 12, 10);
    acknowledge(&w, batch);
    check_marks(p, 14, 14);
    stop(&w);
}

static void an_end_in_place_of_the_last_record_ends_the_comparison(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    say_end(&w, p, 12);
    hear(&w);
    assert_false(p->verify);
    check_marks(p, 12, 12);
    stop(&w);
}

/* The last stable offset of a log made anew can lie before the record to compare with: it is still to come. */
static void an_end_before_the_last_record_does_not_end_the_comparison(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    w.high = 13; /* 9 to 12 belong to an open transaction */
    say_end(&w, p, 9);
    hear(&w);
    assert_int_equal(w.worker->own.err.code, 0);
    arrive(&w, p, 9, 4)->records[0].value = AQ_LIT("another"); /* it was committed */
    check_untaken(&w);
    assert_int_equal(w.worker->own.err.code, AQ_E_RECREATED);
    stop(&w);
}

static void an_end_below_the_position_is_a_short_log(void **state)
{
    (void)state;
    static const struct {
        int64_t high, not_older;
        int code;
    } rows[] = {
        {7, 7, AQ_E_TRUNCATED}, /* all of it is older than what was mirrored last */
        {7, 0, AQ_E_RECREATED}, /* all of it is newer */
        {10, 10, 0},            /* records of open transactions: the log itself is as long as it was */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        start(&w, "");
        struct br_partition *p = reading(&w, 10, false);
        w.high = rows[i].high;
        w.not_older = rows[i].not_older;
        say_end(&w, p, 7);
        hear(&w);
        T_CHECK(w.worker->own.err.code == rows[i].code, "row %zu: %d", i, w.worker->own.err.code);
        assert_int_equal(p->state, rows[i].code ? BR_PARTITION_HALTED : BR_PARTITION_READING);
        assert_false(p->reached_end);
        check_marks(p, 10, 10);
        stop(&w);
    }
}

static void an_end_says_nothing_of_what_is_not_read(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    p->state = BR_PARTITION_HALTED;
    say_end(&w, p, 13);
    hear(&w);
    check_marks(p, 10, 10);
    p->state = BR_PARTITION_READING;
    p->reset_to = 20;
    say_end(&w, p, 14);
    hear(&w);
    check_marks(p, 10, 10);
    assert_false(p->reached_end);
    stop(&w);
}

/* ---- records that nobody took ----------------------------------------------------------------------------------------- */

static void an_end_behind_records_nobody_took_is_not_stepped_to(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    make_suspect(&w, p);
    arrive(&w, p, 9, 6);
    say_end(&w, p, 15);
    check_untaken(&w);
    hear(&w);
    check_marks(p, 10, 10);
    assert_false(p->reached_end);

    w.now += AQ_SEC;
    hear(&w);
    check_log(&w, "assign(0@9)");
    arrive(&w, p, 9, 6);
    struct aq_batch *batch = take(&w, 10, 14);
    say_end(&w, p, 16);
    hear(&w);
    check_marks(p, 15, 10);
    acknowledge(&w, batch);
    check_marks(p, 16, 16);
    stop(&w);
}

/* Whoever clears it of suspicion without reading again has not filled the hole. */
static void the_hole_is_remembered_by_itself(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    make_suspect(&w, p);
    arrive(&w, p, 9, 6);
    check_untaken(&w);
    p->suspect = false;
    say_end(&w, p, 15);
    hear(&w);
    check_marks(p, 10, 10);
    assert_false(p->reached_end);
    stop(&w);
}

static void the_end_of_a_suspect_proves_nothing(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    make_suspect(&w, p);
    say_end(&w, p, 13); /* perhaps of a topic made anew */
    hear(&w);
    check_marks(p, 10, 10);
    assert_false(p->reached_end || p->untaken);
    stop(&w);
}

static void records_before_a_jump_are_not_taken(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    p->reset_to = 40;
    arrive(&w, p, 10, 3);
    check_untaken(&w);
    check_marks(p, 10, 10);
    assert_true(p->untaken && p->suspect && w.worker->suspects);
    stop(&w);
}

static void stop_at_end_waits_for_records_that_nobody_took(void **state)
{
    (void)state;
    struct world w;
    start(&w, "stop_at_end = true;");
    w.high = 15;
    struct br_partition *p = mirrored(&w, 0, 10);
    assert_true(turn(&w));
    check_log(&w, "assign(0@9)");

    make_suspect(&w, p);
    w.worker->recheck_us = INT64_MAX;
    arrive(&w, p, 9, 6);
    assert_true(turn(&w));
    say_end(&w, p, 15);
    for (int i = 0; i < 3; i++) assert_true(turn(&w));
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    check_log(&w, "");

    w.worker->recheck_us = 0;
    assert_true(turn(&w));
    check_log(&w, "assign(0@9)");
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING); /* nothing is suspected, but nothing read either */
    arrive(&w, p, 9, 6);
    assert_true(turn(&w));
    check_log(&w, "a:begin a:send(10-14) a:own(15)");
    deliver(&w);
    assert_true(turn(&w));
    check_log(&w, "a:commit(1)");
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    end_call(&w.producers[0], KC_TXN_READY, 0);
    assert_false(turn(&w));
    assert_int_equal(w.worker->state, BR_WORKER_ENDED);
    assert_int_equal(p->committed.next, 15);
    stop(&w);
}

static void stop_at_end_waits_for_suspects(void **state)
{
    (void)state;
    struct world w;
    start(&w, "stop_at_end = true;");
    w.high = 10;
    struct br_partition *p = mirrored(&w, 0, 10);
    assert_true(turn(&w));
    check_log(&w, "assign(0@9)");
    w.worker->recheck_us = INT64_MAX;
    say_end(&w, p, 10);
    say_partition(&w, p, AQ_E_AGAIN);
    assert_true(turn(&w));
    assert_true(p->reached_end);
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    w.worker->recheck_us = 0;
    assert_true(turn(&w));
    check_log(&w, "assign(0@9)");
    say_end(&w, p, 10);
    assert_false(turn(&w));
    assert_int_equal(w.worker->state, BR_WORKER_ENDED);
    stop(&w);
}

/* Its records are back already and will be read again, but the abort is not through. */
static void stop_at_end_does_not_count_a_cycle_that_is_given_up(void **state)
{
    (void)state;
    struct world w;
    start(&w, "stop_at_end = true;");
    w.high = 5;
    assert_true(turn(&w));
    struct br_partition *p = w.worker->tasks[0].partitions[0];
    arrive(&w, p, 0, 5);
    assert_true(turn(&w));
    say_end(&w, p, 5);
    deliver(&w);
    w.producers[0].failure.code = AQ_E_DELIVERY;
    assert_true(turn(&w));
    check_log(&w, "assign(0@-2) a:begin a:send(0-4) a:own(5) a:abort");
    assert_int_equal(w.worker->in_flight, 0);
    assert_true(p->reached_end);
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    end_call(&w.producers[0], KC_TXN_READY, 0);
    assert_true(turn(&w));
    check_log(&w, "assign(0@-2)");
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    stop(&w);
}

/* ---- suspects --------------------------------------------------------------------------------------------------------- */

static void a_partition_in_trouble_is_read_again_from_its_last_record(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    say_partition(&w, p, AQ_E_AGAIN);
    hear(&w);
    check_log(&w, "assign(0@9)");
    assert_true(p->verify);
    assert_false(p->suspect || w.worker->suspects);
    arrive(&w, p, 9, 1)->records[0].value = AQ_LIT("another");
    check_untaken(&w);
    assert_int_equal(w.worker->own.err.code, AQ_E_RECREATED);
    stop(&w);
}

static void at_most_once_a_second(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    for (int i = 0; i < 5; i++) { /* a leader that moves is told of many times */
        say_partition(&w, p, AQ_E_AGAIN);
        hear(&w);
        w.now += AQ_SEC / 10;
    }
    check_log(&w, "assign(0@9)");
    assert_true(p->suspect);
    w.now += AQ_SEC / 2;
    hear(&w);
    check_log(&w, "assign(0@9)");
    assert_false(p->suspect);
    w.now += 2 * AQ_SEC;
    hear(&w);
    check_log(&w, "");
    stop(&w);
}

static void a_suspect_that_cannot_be_assigned_stays_one(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    w.consumer.assign_rc = AQ_E_AGAIN;
    say_partition(&w, p, AQ_E_AGAIN);
    hear(&w);
    check_log(&w, "assign(0@9)");
    arrive(&w, p, 10, 1);
    check_untaken(&w);
    w.consumer.assign_rc = 0;
    w.now += AQ_SEC;
    hear(&w);
    check_log(&w, "assign(0@9)");
    arrive(&w, p, 9, 2);
    acknowledge(&w, take(&w, 10, 10));
    stop(&w);
}

static void without_the_right_to_read_the_route_stops(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    say_partition(&w, p, AQ_E_DENIED);
    hear(&w);
    assert_int_equal(w.worker->own.err.code, AQ_E_DENIED);
    assert_non_null(strstr(w.worker->own.err.text, "orders[0]"));
    stop(&w);
}

static void trouble_of_a_partition_that_is_not_read_is_none(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = mirrored(&w, 0, 10);
    say_partition(&w, p, AQ_E_DENIED);
    say_out_of_range(&w, p, 9);
    w.low = 20;
    hear(&w);
    assert_int_equal(w.worker->own.err.code, 0);
    assert_false(p->suspect);
    check_log(&w, "");
    stop(&w);
}

static void a_cluster_that_was_away_makes_every_partition_a_suspect(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false), *gone = mirrored(&w, 1, 20);
    struct br_partition *other = mirrored(&w, 2, 30);
    other->state = BR_PARTITION_READING;
    gone->state = BR_PARTITION_GONE;
    say_cluster(&w, AQ_E_UNREACHABLE);
    hear(&w);
    check_log(&w, "assign(0@9) assign(2@29)");
    assert_true(p->verify && other->verify);
    assert_false(gone->suspect);
    assert_int_equal(w.worker->own.err.code, 0);
    stop(&w);
}

static void a_cluster_that_does_not_let_us_in_stops_the_route(void **state)
{
    (void)state;
    static const int codes[] = {AQ_E_AUTH, AQ_E_FATAL};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct world w;
        start(&w, "");
        reading(&w, 10, false);
        say_cluster(&w, codes[i]);
        hear(&w);
        assert_int_equal(w.worker->own.err.code, codes[i]);
        check_log(&w, "");
        stop(&w);
    }
}

static void an_offset_that_is_not_in_the_log(void **state)
{
    (void)state;
    static const struct {
        int64_t low;
        int code;
        const char *log;
    } rows[] = {
        {15, AQ_E_OFFSET_LOST, ""}, /* 10 to 14 were never read */
        {10, 0, "assign(0@10)"},    /* only the record to compare with is gone */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        start(&w, "");
        struct br_partition *p = reading(&w, 10, true);
        w.low = rows[i].low;
        say_out_of_range(&w, p, 9);
        hear(&w);
        assert_int_equal(w.worker->own.err.code, rows[i].code);
        check_log(&w, rows[i].log);
        assert_int_equal(p->verify, rows[i].code != 0);
        stop(&w);
    }
}

static void a_jump_under_way_is_not_decided_again(void **state)
{
    (void)state;
    struct world w;
    start(&w, "on_anomaly = \"report\";");
    struct br_partition *p = reading(&w, 10, false);
    arrive(&w, p, 10, 1);
    struct aq_batch *batch = take(&w, 10, 10); /* in flight: the jump has to wait */
    w.low = 20;
    say_out_of_range(&w, p, 11);
    hear(&w);
    assert_int_equal(p->reset_to, 20);
    w.low = 30;
    say_out_of_range(&w, p, 11);
    hear(&w);
    assert_int_equal(p->reset_to, 20);
    check_log(&w, "");
    acknowledge(&w, batch);
    hear(&w);
    check_log(&w, "assign(0@20)");
    assert_int_equal(p->reset_to, -1);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_ahead_moves_over_what_has_no_records),
        cmocka_unit_test(without_a_record_an_end_is_not_worth_a_position),
        cmocka_unit_test(an_end_ahead_waits_for_what_is_in_flight),
        cmocka_unit_test(an_end_in_place_of_the_last_record_ends_the_comparison),
        cmocka_unit_test(an_end_before_the_last_record_does_not_end_the_comparison),
        cmocka_unit_test(an_end_below_the_position_is_a_short_log),
        cmocka_unit_test(an_end_says_nothing_of_what_is_not_read),
        cmocka_unit_test(an_end_behind_records_nobody_took_is_not_stepped_to),
        cmocka_unit_test(the_hole_is_remembered_by_itself),
        cmocka_unit_test(the_end_of_a_suspect_proves_nothing),
        cmocka_unit_test(records_before_a_jump_are_not_taken),
        cmocka_unit_test(stop_at_end_waits_for_records_that_nobody_took),
        cmocka_unit_test(stop_at_end_waits_for_suspects),
        cmocka_unit_test(stop_at_end_does_not_count_a_cycle_that_is_given_up),
        cmocka_unit_test(a_partition_in_trouble_is_read_again_from_its_last_record),
        cmocka_unit_test(at_most_once_a_second),
        cmocka_unit_test(a_suspect_that_cannot_be_assigned_stays_one),
        cmocka_unit_test(without_the_right_to_read_the_route_stops),
        cmocka_unit_test(trouble_of_a_partition_that_is_not_read_is_none),
        cmocka_unit_test(a_cluster_that_was_away_makes_every_partition_a_suspect),
        cmocka_unit_test(a_cluster_that_does_not_let_us_in_stops_the_route),
        cmocka_unit_test(an_offset_that_is_not_in_the_log),
        cmocka_unit_test(a_jump_under_way_is_not_decided_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
