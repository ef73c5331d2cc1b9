/* SPDX-License-Identifier: Apache-2.0
 *
 * How a lane's producer is replaced, against scripted producers: after which failures, when the next one is opened, and what comes back
 * of what the old one had. Every test fails when the guard it is named after is taken out of kafka/lane.c or
 * kafka/ownership.c.
 */
#include "tests/unit/bridge/lane_world.h"

static void a_tainted_producer_is_replaced_while_records_go_on(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_two_under_way(&w);
    producer_of(&w, 0)->tainted = true;
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "a:close b:own(10)");
    assert_int_equal(p->committed.next, 5);
    assert_int_equal(w.worker->own.lanes.list[0].cycle.state, KC_CYCLE_BROKEN);
    turns(&w, 1);
    check_log(&w, "a:open");
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "b:commit(2)");
    flow(&w, p, 10, 1);
    check_log(&w, "a:begin a:send(10-10)");
    stop(&w);
}

static void an_abort_that_threw_records_away_replaces_the_producer(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_two_under_way(&w);
    producer_of(&w, 1)->failure.code = AQ_E_DELIVERY;
    turns(&w, 1);
    check_log(&w, "b:abort");
    producer_of(&w, 1)->tainted = true;
    end_call(producer_of(&w, 1), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "b:close");
    assert_false(
        w.worker->own.retake_due); /* an abort's outcome is known: what we remember as committed is */
    kc_lanes_open(&w.worker->own.lanes, aq_mono_us());
    check_log(&w, "b:open");
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "assign(0@4)");
    flow(&w, p, 5, 5);
    check_log(&w, "b:begin b:send(5-9) b:own(10)");
    stop(&w);
}

static void the_pause_doubles_up_to_five_seconds(void **state)
{
    (void)state;
    static const int pauses_ms[] = {0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct world w;
    start(&w, "");
    struct kc_lane *lane = &w.worker->own.lanes.list[1];
    int64_t now = 7 * AQ_SEC;
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        kc_lane_drop(&w.worker->own.lanes, lane, now);
        check_log(&w, "b:close");
        assert_int_equal(lane->cycle.state, KC_CYCLE_BROKEN);
        int64_t due = now + pauses_ms[i] * AQ_MS;
        kc_lanes_open(&w.worker->own.lanes, due - 1);
        T_CHECK(lane->producer == NULL, "opened before %d ms", pauses_ms[i]);
        check_log(&w, "");
        kc_lanes_open(&w.worker->own.lanes, due);
        T_CHECK(lane->producer != NULL, "not opened after %d ms", pauses_ms[i]);
        check_log(&w, "b:open");
        assert_int_equal(lane->cycle.state, KC_CYCLE_IDLE);
        now = due + AQ_SEC;
    }
    stop(&w);
}

static void a_commit_ends_the_pauses(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    w.worker->own.lanes.list[0].pause_us = w.worker->own.lanes.list[1].pause_us = AQ_SEC;
    run_to_commit(&w, p, 0, 5);
    assert_int_equal(w.worker->own.lanes.list[0].pause_us, AQ_SEC);
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    assert_int_equal(w.worker->own.lanes.list[0].pause_us, 0);
    assert_int_equal(w.worker->own.lanes.list[1].pause_us, AQ_SEC);
    stop(&w);
}

static void a_producer_gives_back_what_it_had(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    flow(&w, p, 0, 5);
    assert_int_equal(w.worker->in_flight, 5 * RECORD_BYTES);
    w.worker->own.lanes.list[0].cycle.state = KC_CYCLE_BROKEN;
    kc_lane_drop(&w.worker->own.lanes, &w.worker->own.lanes.list[0], aq_mono_us());
    assert_int_equal(w.worker->in_flight, 0);
    assert_int_equal(w.consumer.released, 1);
    stop(&w);
}

static void the_first_producer_that_cannot_be_opened_stops_the_route(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct kc_lane *lane = &w.worker->own.lanes.list[0];
    kc_lane_drop(&w.worker->own.lanes, lane, 0);
    lane->producers_made = 0;
    w.open_rc = AQ_E_UNREACHABLE;
    kc_lanes_open(&w.worker->own.lanes, AQ_SEC);
    assert_int_equal(w.worker->own.err.code, AQ_E_UNREACHABLE);
    stop(&w);
}

static void a_later_one_is_tried_again(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    kc_lane_drop(&w.worker->own.lanes, &w.worker->own.lanes.list[0], 0);
    w.log[0] = '\0';
    w.open_rc = AQ_E_UNREACHABLE;
    kc_lanes_open(&w.worker->own.lanes, AQ_SEC);
    check_log(&w, "a:open");
    assert_int_equal(w.worker->own.err.code, 0);
    kc_lanes_open(&w.worker->own.lanes, 6 * AQ_SEC - 1);
    check_log(&w, "");
    w.open_rc = 0;
    kc_lanes_open(&w.worker->own.lanes, 6 * AQ_SEC);
    check_log(&w, "a:open");
    assert_int_equal(w.worker->own.lanes.list[0].cycle.state, KC_CYCLE_IDLE);
    stop(&w);
}

static void unless_waiting_does_not_mend_it(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    kc_lane_drop(&w.worker->own.lanes, &w.worker->own.lanes.list[0], 0);
    w.open_rc = AQ_E_AUTH;
    kc_lanes_open(&w.worker->own.lanes, AQ_SEC);
    assert_int_equal(w.worker->own.err.code, AQ_E_AUTH);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tainted_producer_is_replaced_while_records_go_on),
        cmocka_unit_test(an_abort_that_threw_records_away_replaces_the_producer),
        cmocka_unit_test(the_pause_doubles_up_to_five_seconds),
        cmocka_unit_test(a_commit_ends_the_pauses),
        cmocka_unit_test(a_producer_gives_back_what_it_had),
        cmocka_unit_test(the_first_producer_that_cannot_be_opened_stops_the_route),
        cmocka_unit_test(a_later_one_is_tried_again),
        cmocka_unit_test(unless_waiting_does_not_mend_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
