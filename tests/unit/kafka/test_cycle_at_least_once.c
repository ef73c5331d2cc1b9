/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit cycle without transactions: positions never cover what is not acknowledged, pointers never point to what is
 * not written. Every test fails when the guard it is named after is taken out of kafka/cycle.c.
 */
#include "tests/unit/kafka/cycle_world.h"

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

static void a_request_is_for_one_commit(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    send_data(&w, 1);
    acknowledge(&w, 1, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    send_data(&w, 1);
    check_turn(&w, KC_CYCLE_NOTHING);
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
    assert_false(kc_cycle_is_idle(&w.cycle)); /* a record is on its way */
    acknowledge(&w, 1, 1);
    assert_false(kc_cycle_is_due(&w.cycle, w.now));
    assert_true(kc_cycle_is_due(&w.cycle, w.now + INTERVAL));
    stop(&w);
}

static void source_offsets_go_with_the_pointers(void **state)
{
    (void)state;
    struct world w;
    start(&w, false);
    w.cycle.host.offsets = host_offsets;
    w.further[2] = 2;
    send_data(&w, 2);
    acknowledge(&w, 2, 1);
    kc_cycle_request(&w.cycle);
    check_turn(&w, KC_CYCLE_NOTHING);
    deliver(&w);
    check_turn(&w, KC_CYCLE_NOTHING);
    check_log(&w, "data own(2@1) pointers 2:11 +in2/0:100 +in2/1:100");
    end_pointers(&w, 0);
    check_turn(&w, KC_CYCLE_COMMITTED);
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
        cmocka_unit_test(an_ordinary_pass_at_least_once),
        cmocka_unit_test(a_request_is_for_one_commit),
        cmocka_unit_test(source_offsets_go_with_the_pointers),
        cmocka_unit_test(a_cycle_with_nothing_to_say_ends),
        cmocka_unit_test(a_task_acknowledged_while_its_position_is_written_waits),
        cmocka_unit_test(how_a_pointer_commit_ends),
        cmocka_unit_test(a_failed_delivery_at_least_once),
        cmocka_unit_test(giving_up_awaits_the_pointer_commit_under_way),
        cmocka_unit_test(a_full_queue_at_least_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
