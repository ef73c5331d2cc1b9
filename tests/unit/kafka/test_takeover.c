/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over tasks: what is asked for and when, which answers count, and what goes on meanwhile. The lookup's work is
 * done by the test's own call instead of its thread, so that a test decides what happens between question and answer.
 */
#include "tests/unit/kafka/ownership_world.h"

/* Tasks 0 and 1 are to be taken; nobody looks anything up but the test. */
static void set_up(struct owner *w)
{
    begin(w, true);
    w->own.inline_lookup = false;
    w->own.assigned = w->own.self_tested = true;
    for (int i = 0; i < 2; i++)
        w->own.tasks[i] = (struct kc_task){
            .state = KC_TASK_TAKING, .assignment = ++w->own.assignments, .taking_since_us = w->now};
}

static void take(struct owner *w)
{
    kc_takeover_turn(&w->own, w->now);
}

static void look_up(struct owner *w)
{
    assert_int_equal(kc_lookup_state(w->own.lookup), KC_LOOKUP_ASKED);
    kc_lookup_run(w->own.lookup);
}

static void check_states(struct owner *w, enum kc_task_state first, enum kc_task_state second)
{
    assert_int_equal(w->own.tasks[0].state, first);
    assert_int_equal(w->own.tasks[1].state, second);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------ */

static void an_ordinary_take_over(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    take(&w);
    assert_int_equal(kc_lookup_state(w.own.lookup), KC_LOOKUP_ASKED);
    take(&w); /* the question is under way: no second one */
    look_up(&w);
    assert_int_equal(w.committed_calls, 1);
    check_states(&w, KC_TASK_TAKING, KC_TASK_TAKING);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    assert_int_equal(kc_lookup_state(w.own.lookup), KC_LOOKUP_IDLE);
    assert_int_equal(w.own.tasks[1].pointer.partition, 1);
    assert_int_equal(w.own.tasks[1].pointer.offset, -1);
    take(&w);
    assert_int_equal(w.committed_calls, 1);
    end(&w);
}

static void one_open_transaction_holds_up_one_task(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    w.answer[0] = AQ_E_UNSTABLE;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_OWNED);
    assert_int_equal(kc_lookup_state(w.own.lookup), KC_LOOKUP_IDLE); /* not again at once */
    w.now += 100 * AQ_MS;
    take(&w);
    look_up(&w);
    assert_true(w.asked[0] && !w.asked[1]);
    w.answer[0] = 0;
    w.now += 100 * AQ_MS;
    take(&w); /* hears that it is still held, … */
    w.now += 100 * AQ_MS;
    take(&w); /* … and asks again */
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    assert_int_equal(w.own.err.code, 0);
    end(&w);
}

static void a_position_that_cannot_be_read_holds_up_one_task(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    w.pointer[0] = 7;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_OWNED);
    assert_int_equal(w.own.err.code, 0);
    w.now += 100 * AQ_MS;
    take(&w);
    look_up(&w);
    assert_true(w.asked[0] && !w.asked[1]);
    end(&w);
}

static void an_answer_to_an_older_assignment_counts_for_nothing(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    take(&w);
    look_up(&w);
    /* Meanwhile task 0 was given up, another owner committed, and it came back. */
    kc_ownership_drop(&w.own, 0);
    w.own.tasks[0].state = KC_TASK_TAKING;
    w.own.tasks[0].assignment = ++w.own.assignments;
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_OWNED);
    look_up(&w);
    assert_true(w.asked[0] && !w.asked[1]);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    end(&w);
}

static void an_answer_about_a_task_given_up_counts_for_nothing(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    take(&w);
    look_up(&w);
    kc_ownership_drop(&w.own, 0);
    take(&w);
    check_states(&w, KC_TASK_FOREIGN, KC_TASK_OWNED);
    end(&w);
}

static void brokers_that_do_not_answer_are_asked_again(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    w.committed_rc = AQ_E_TIMEOUT;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_TAKING);
    assert_int_equal(w.own.err.code, 0);
    w.committed_rc = 0;
    w.now += AQ_SEC;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    end(&w);
}

static void without_the_right_to_read_positions_the_route_stops(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    w.committed_rc = AQ_E_DENIED;
    take(&w);
    look_up(&w);
    take(&w);
    assert_int_equal(w.own.err.code, AQ_E_DENIED);
    assert_non_null(strstr(w.own.err.text, "state topic state, task 0"));
    end(&w);
}

static void nothing_is_asked_while_the_group_settles(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    w.own.assigned = false;
    take(&w);
    assert_int_equal(kc_lookup_state(w.own.lookup), KC_LOOKUP_IDLE);
    w.own.assigned = true;
    take(&w);
    assert_int_equal(kc_lookup_state(w.own.lookup), KC_LOOKUP_ASKED);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_take_over),
        cmocka_unit_test(one_open_transaction_holds_up_one_task),
        cmocka_unit_test(a_position_that_cannot_be_read_holds_up_one_task),
        cmocka_unit_test(an_answer_to_an_older_assignment_counts_for_nothing),
        cmocka_unit_test(an_answer_about_a_task_given_up_counts_for_nothing),
        cmocka_unit_test(brokers_that_do_not_answer_are_asked_again),
        cmocka_unit_test(without_the_right_to_read_positions_the_route_stops),
        cmocka_unit_test(nothing_is_asked_while_the_group_settles),
    };
    return cmocka_run_group_tests_name("take-over", tests, NULL, NULL);
}
