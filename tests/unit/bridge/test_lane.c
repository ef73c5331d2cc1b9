/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's lanes against scripted producers: when records go on in the other lane, what the lane behind must not do
 * before the one in front is through, and what becomes of it when that one fails. Every test fails when the guard it is
 * named after is taken out of kafka/lane.c, kafka/ownership.c or kafka/cycle.c; that no record overtakes another and no
 * two commits run at once is watched by the scripted client in all of them.
 */
#include "tests/unit/bridge/lane_world.h"

#define NEVER_MS (1000LL * 1000 * 1000 * 1000)

/* ---- two lanes take turns --------------------------------------------------------------------------------------------- */

static void an_ordinary_pass(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    flow(&w, p, 0, 5);
    check_log(&w, "a:begin a:send(0-4) a:own(5)");
    flow(&w, p, 5, 5); /* behind its positions nothing may go */
    check_log(&w, "");
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "a:commit(1)");
    turns(&w, 1);
    check_log(&w, "b:begin b:send(5-9)");
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "b:own(10)");
    assert_int_equal(p->committed.next, 5);
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "b:commit(2)");
    flow(&w, p, 10, 2);
    check_log(&w, "a:begin a:send(10-11)");
    end_call(producer_of(&w, 1), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "a:own(12)");
    assert_int_equal(p->committed.next, 10);
    assert_int_equal(w.worker->own.tasks[0].seq, 2);
    stop(&w);
}

static void lanes_switch_only_while_one_commits_and_the_other_is_idle(void **state)
{
    (void)state;
    static const enum kc_cycle_state others[] = {
        KC_CYCLE_IDLE,       KC_CYCLE_OPEN,     KC_CYCLE_DRAINING, KC_CYCLE_WRITING,
        KC_CYCLE_COMMITTING, KC_CYCLE_ABORTING, KC_CYCLE_BROKEN,
    };
    const size_t n = sizeof(others) / sizeof(others[0]);
    struct world w;
    start(&w, "");
    for (size_t i = 0; i < n * n; i++) {
        enum kc_cycle_state sending = others[i / n], other = others[i % n];
        set_states(&w, sending, other);
        w.worker->own.lanes.sending = &w.worker->own.lanes.list[0];
        kc_lanes_switch(&w.worker->own.lanes);
        int expected = sending == KC_CYCLE_COMMITTING && other == KC_CYCLE_IDLE;
        T_CHECK(sending_lane(&w) == expected, "states %d and %d: lane %d", sending, other, sending_lane(&w));
    }
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_COMMITTING);
    w.worker->own.lanes.sending = &w.worker->own.lanes.list[1];
    kc_lanes_switch(&w.worker->own.lanes);
    assert_int_equal(sending_lane(&w), 0);
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_IDLE);
    stop(&w);
}

/* At a lull a commit need not wait for the interval of its own cycle, but begins no sooner than an interval behind the last one,
 * whichever lane that was on. */
static void a_lull_brings_no_more_commits_than_the_interval_allows(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct kc_lanes *lanes = &w.worker->own.lanes;
    struct kc_cycle *second = &lanes->list[1].cycle;
    const int64_t began = aq_mono_us(), interval = 100 * AQ_MS;
    second->conf.interval_us = interval;
    set_states(&w, KC_CYCLE_COMMITTING, KC_CYCLE_IDLE);
    lanes->list[0].cycle.last_start_us = began;
    second->last_start_us = began - interval;
    kc_lanes_switch(lanes);
    set_states(&w, KC_CYCLE_COMMITTING, KC_CYCLE_OPEN);
    kc_ownership_idle(&w.worker->own, began + interval - 1);
    assert_false(second->requested);
    kc_ownership_idle(&w.worker->own, began + interval);
    assert_true(second->requested);
    second->requested = false;
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_IDLE);
    stop(&w);
}

static void a_lane_without_a_producer_is_not_switched_to(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    kc_lane_drop(&w.worker->own.lanes, &w.worker->own.lanes.list[1], aq_mono_us());
    set_states(&w, KC_CYCLE_COMMITTING, KC_CYCLE_IDLE);
    kc_lanes_switch(&w.worker->own.lanes);
    assert_int_equal(sending_lane(&w), 0);
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_BROKEN);
    stop(&w);
}

static void the_lane_behind_waits_with_its_positions(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_two_under_way(&w);
    deliver(&w); /* all of it is in the sink's logs, the interval is over, a stop asks for it: and still */
    kc_ownership_request(&w.worker->own);
    turns(&w, 5);
    check_log(&w, "");
    assert_int_equal(w.worker->own.lanes.list[1].cycle.state, KC_CYCLE_OPEN);
    assert_int_equal(p->committed.next, BR_NEXT_EARLIEST);
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "b:own(10)");
    assert_int_equal(p->committed.next, 5); /* what the first one wrote, no more */
    stop(&w);
}

static void only_the_sending_lane_is_held_and_only_by_one_under_way(void **state)
{
    (void)state;
    static const enum kc_cycle_state under_way[] = {KC_CYCLE_OPEN, KC_CYCLE_DRAINING, KC_CYCLE_WRITING,
                                                    KC_CYCLE_COMMITTING, KC_CYCLE_ABORTING};
    struct world w;
    start(&w, "");
    struct kc_lane *first = &w.worker->own.lanes.list[0], *second = &w.worker->own.lanes.list[1];
    w.worker->own.lanes.sending = second;
    for (size_t i = 0; i < sizeof(under_way) / sizeof(under_way[0]); i++) {
        set_states(&w, under_way[i], KC_CYCLE_OPEN);
        kc_lanes_hold(&w.worker->own.lanes, second);
        assert_true(second->cycle.hold);
        kc_lanes_hold(&w.worker->own.lanes, first);
        assert_false(first->cycle.hold); /* or each would wait for the other */
        set_states(&w, i % 2 ? KC_CYCLE_IDLE : KC_CYCLE_BROKEN, KC_CYCLE_OPEN);
        kc_lanes_hold(&w.worker->own.lanes, second);
        assert_false(second->cycle.hold);
    }
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_IDLE);
    stop(&w);
}

static void a_stop_asks_whichever_lane_is_open(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    for (int i = 0; i < KC_LANES; i++) w.worker->own.lanes.list[i].cycle.conf.interval_us = NEVER_MS * AQ_MS;
    flow(&w, p, 0, 5);
    check_log(&w, "a:begin a:send(0-4)");
    kc_ownership_request(&w.worker->own);
    turns(&w, 1);
    check_log(&w, "a:own(5)");
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "a:commit(1)");
    flow(&w, p, 5, 5);
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    deliver(&w);
    turns(&w, 3);
    check_log(&w, "b:begin b:send(5-9)");
    kc_ownership_request(&w.worker->own);
    turns(&w, 1);
    check_log(&w, "b:own(10)");
    stop(&w);
}

static void the_worker_is_idle_when_both_lanes_are(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    assert_true(kc_lanes_idle(&w.worker->own.lanes));
    set_states(&w, KC_CYCLE_COMMITTING, KC_CYCLE_IDLE);
    assert_false(kc_lanes_idle(&w.worker->own.lanes));
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_ABORTING);
    assert_false(kc_lanes_idle(&w.worker->own.lanes));
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_BROKEN);
    assert_true(kc_lanes_idle(&w.worker->own.lanes));
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_IDLE);
    stop(&w);
}

/* ---- when the lane in front fails ------------------------------------------------------------------------------------- */

static void a_commit_that_fails_takes_the_lane_behind_with_it(void **state)
{
    (void)state;
    static const int codes[] = {AQ_E_TXN_ABORT, AQ_E_FENCED};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct world w;
        struct br_partition *p = start_two_under_way(&w);
        end_call(producer_of(&w, 0), KC_TXN_OPEN, codes[i]);
        turns(&w, 1);
        check_log(&w, "a:abort b:abort"); /* at once, not when the first abort is through */
        end_call(producer_of(&w, 1), KC_TXN_READY, 0);
        turns(&w, 2);
        check_log(&w, ""); /* nothing is read again while one of them is under way */
        end_call(producer_of(&w, 0), KC_TXN_READY, 0);
        turns(&w, 1);
        check_log(&w, "assign(0@-2)");
        assert_int_equal(p->read.next, BR_NEXT_EARLIEST);
        assert_int_equal(w.worker->in_flight, 0);
        assert_int_equal(w.worker->own.fenced, codes[i] == AQ_E_FENCED);
        stop(&w);
    }
}

static void records_of_both_are_sent_again(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_two_under_way(&w);
    end_call(producer_of(&w, 0), KC_TXN_OPEN, AQ_E_TXN_ABORT);
    turns(&w, 1);
    end_call(producer_of(&w, 1), KC_TXN_READY, 0);
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "a:abort b:abort assign(0@-2)");
    flow(&w, p, 0, 8);
    check_log(&w, "b:begin b:send(0-7) b:own(8)");
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "b:commit(2)");
    end_call(producer_of(&w, 1), KC_TXN_READY, 0);
    turns(&w, 1);
    assert_int_equal(p->committed.next, 8);
    assert_int_equal(w.worker->own.tasks[0].seq, 1);
    stop(&w);
}

static void a_failure_behind_leaves_the_commit_in_front_alone(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_two_under_way(&w);
    producer_of(&w, 1)->failure.code = AQ_E_DELIVERY;
    turns(&w, 1);
    check_log(&w, "b:abort");
    end_call(producer_of(&w, 1), KC_TXN_READY, 0);
    turns(&w, 2);
    check_log(&w, ""); /* where to go back to is known when the first commit is through */
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "assign(0@4)");
    assert_int_equal(p->committed.next, 5);
    assert_int_equal(p->read.next, 5);
    stop(&w);
}

static void a_producer_that_fails_takes_the_lane_behind_with_it(void **state)
{
    (void)state;
    struct world w;
    start_two_under_way(&w);
    struct kc_producer *lost = producer_of(&w, 0);
    end_call(lost, KC_TXN_FAILED, AQ_E_FATAL);
    turns(&w, 1);
    check_log(&w, "b:abort a:close");
    assert_null(w.worker->own.lanes.list[0].producer);
    assert_true(w.worker->own.retake_due);
    /* The records behind are still with the other producer: nothing is taken again before they are back. */
    kc_lanes_open(&w.worker->own.lanes, aq_mono_us());
    check_log(&w, "a:open");
    turns(&w, 2);
    check_log(&w, "");
    assert_int_equal(w.worker->own.tasks[0].state, KC_TASK_OWNED);
    end_call(producer_of(&w, 1), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "assign(0@-2) unassign(0)");
    assert_int_equal(w.worker->own.tasks[0].state,
                     KC_TASK_TAKING); /* the sink alone knows what is committed */
    assert_int_equal(w.worker->in_flight, 0);
    stop(&w);
}

static void a_lane_that_cannot_begin_behind_a_commit_waits_for_it(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "");
    run_to_commit(&w, p, 0, 5);
    producer_of(&w, 1)->begin_rc = AQ_E_FATAL; /* tainted by an abort of earlier */
    flow(&w, p, 5, 5);
    check_log(&w, "b:begin b:close");
    kc_lanes_open(&w.worker->own.lanes, aq_mono_us());
    check_log(&w, "b:open");
    turns(&w, 2);
    check_log(&w, "");
    end_call(producer_of(&w, 0), KC_TXN_READY, 0);
    turns(&w, 1);
    check_log(&w, "assign(0@4) unassign(0)");
    assert_int_equal(aq_counter_get(&w.worker->counters.committed), 1);
    assert_int_equal(w.worker->own.tasks[0].state, KC_TASK_TAKING);
    stop(&w);
}

/* A commit of unknown outcome sends the tasks back to the sink for their positions, but not while the other lane still
 * has their records. */
static void tasks_are_taken_again_when_nothing_of_them_is_under_way(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = mirrored(&w, 0, 10);
    turn(&w);
    arrive(&w, p, 10, 3);
    turn(&w); /* sent on lane a, with its position */
    deliver(&w);
    turn(&w);
    turn(&w);
    arrive(&w, p, 13, 3);
    turn(&w); /* sent on lane b */
    T_CHECK(w.producers[0].state == KC_TXN_COMMITTING && w.producers[1].n_sent == 1, "%s", w.log);

    end_call(&w.producers[0], KC_TXN_FAILED, AQ_E_FATAL);
    turn(&w);
    assert_int_equal(w.producers[1].state, KC_TXN_ABORTING);
    turn(&w);
    assert_int_equal(w.worker->own.tasks[0].state, KC_TASK_OWNED);
    end_call(&w.producers[1], KC_TXN_READY, 0);
    turn(&w);
    assert_int_equal(w.worker->own.tasks[0].state, KC_TASK_TAKING);
    assert_int_equal(w.worker->in_flight, 0);
    stop(&w);
}

/* ---- at_least_once ---------------------------------------------------------------------------------------------------- */

static void at_least_once_has_one_lane_that_never_switches(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w, "delivery = \"at_least_once\";");
    assert_int_equal(w.n_producers, 1);
    flow(&w, p, 0, 5);
    check_log(&w, "p:send(0-4)");
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "p:own(5)");
    deliver(&w);
    turns(&w, 1);
    check_log(&w, "pointers(1)");
    assert_int_equal(w.worker->own.lanes.sending->cycle.state, KC_CYCLE_COMMITTING);
    flow(&w, p, 5, 5);
    check_log(&w, "p:send(5-9)");
    assert_int_equal(sending_lane(&w), 0);
    w.member.commit_over = true;
    turns(&w, 1);
    assert_int_equal(p->committed.next, 5);
    stop(&w);
}

/* Not even to a second one that would be ready. */
static void the_second_lane_does_not_exist_for_it(void **state)
{
    (void)state;
    struct world w;
    start(&w, "delivery = \"at_least_once\";");
    struct kc_lane *first = &w.worker->own.lanes.list[0], *second = &w.worker->own.lanes.list[1];
    second->producer = first->producer;
    set_states(&w, KC_CYCLE_COMMITTING, KC_CYCLE_IDLE);
    kc_lanes_switch(&w.worker->own.lanes);
    assert_int_equal(sending_lane(&w), 0);
    set_states(&w, KC_CYCLE_OPEN, KC_CYCLE_COMMITTING);
    kc_lanes_hold(&w.worker->own.lanes, first);
    assert_false(first->cycle.hold);
    set_states(&w, KC_CYCLE_IDLE, KC_CYCLE_COMMITTING);
    assert_true(kc_lanes_idle(&w.worker->own.lanes));
    second->producer = NULL;
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_pass),
        cmocka_unit_test(lanes_switch_only_while_one_commits_and_the_other_is_idle),
        cmocka_unit_test(a_lull_brings_no_more_commits_than_the_interval_allows),
        cmocka_unit_test(a_lane_without_a_producer_is_not_switched_to),
        cmocka_unit_test(the_lane_behind_waits_with_its_positions),
        cmocka_unit_test(only_the_sending_lane_is_held_and_only_by_one_under_way),
        cmocka_unit_test(a_stop_asks_whichever_lane_is_open),
        cmocka_unit_test(the_worker_is_idle_when_both_lanes_are),
        cmocka_unit_test(a_commit_that_fails_takes_the_lane_behind_with_it),
        cmocka_unit_test(records_of_both_are_sent_again),
        cmocka_unit_test(a_failure_behind_leaves_the_commit_in_front_alone),
        cmocka_unit_test(a_producer_that_fails_takes_the_lane_behind_with_it),
        cmocka_unit_test(a_lane_that_cannot_begin_behind_a_commit_waits_for_it),
        cmocka_unit_test(tasks_are_taken_again_when_nothing_of_them_is_under_way),
        cmocka_unit_test(at_least_once_has_one_lane_that_never_switches),
        cmocka_unit_test(the_second_lane_does_not_exist_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
