/* SPDX-License-Identifier: Apache-2.0
 *
 * When a route with stop_at_end is over, and when it only looks like it.
 */
#include "tests/unit/bridge/worker_world.h"

static const int32_t only_task[] = {0};

static void turns(struct world *w, int n)
{
    for (int i = 0; i < n; i++) assert_true(turn(w));
}

/* Reading from the start, up to 5. */
static struct br_partition *start_reading(struct world *w)
{
    start(w, "stop_at_end = true;");
    w->high = 5;
    turns(w, 1);
    check_log(w, "assign(0@-2)");
    return w->worker->tasks[0].partitions[0];
}

static void commit(struct world *w, int lane)
{
    end_call(w->worker->own.lanes.list[lane].producer, KC_TXN_READY, 0);
}

static void the_group_says(struct world *w, enum kc_member_event_kind kind)
{
    w->member.event = (struct kc_member_event){.kind = kind, .partitions = only_task, .n_partitions = 1};
    w->member.has_event = true;
}

static void what_was_there_is_committed(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w);
    arrive(&w, p, 0, 5);
    turns(&w, 1);
    deliver(&w);
    turns(&w, 2);
    check_log(&w, "a:begin a:send(0-4) a:own(5) a:commit(1)");
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING); /* acknowledged is not committed */
    commit(&w, 0);
    assert_false(turn(&w));
    assert_int_equal(w.worker->state, BR_WORKER_ENDED);
    stop(&w);
}

static void records_that_came_later_do_not_matter(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w);
    arrive(&w, p, 0, 5);
    turns(&w, 1);
    deliver(&w);
    turns(&w, 1);
    arrive(&w, p, 5, 3);
    turns(&w, 1);
    check_log(&w, "a:begin a:send(0-4) a:own(5) a:commit(1) b:begin b:send(5-7)");
    commit(&w, 0);
    turns(&w, 1);
    assert_int_equal(w.worker->state, BR_WORKER_DRAINING); /* … but what was sent is brought to its end */
    deliver(&w);
    turns(&w, 2);
    commit(&w, 1);
    assert_false(turn(&w));
    assert_int_equal(p->committed.next, 8);
    stop(&w);
}

static void a_commit_is_not_waited_for_longer_than_it_takes(void **state)
{
    (void)state;
    struct world w;
    start(&w, "stop_at_end = true;");
    w.high = 5;
    for (int i = 0; i < w.worker->own.lanes.n; i++)
        w.worker->own.lanes.list[i].cycle.conf.interval_us = 3600 * AQ_SEC;
    turns(&w, 1);
    struct br_partition *p = w.worker->tasks[0].partitions[0];
    arrive(&w, p, 0, 5);
    turns(&w, 1);
    deliver(&w);
    turns(&w, 1);
    deliver(&w);
    turns(&w, 2);
    check_log(&w, "assign(0@-2) a:begin a:send(0-4) a:own(5) a:commit(1)");
    stop(&w);
}

static void an_empty_partition_is_through_at_its_end(void **state)
{
    (void)state;
    struct world w;
    start(&w, "stop_at_end = true;");
    w.high = 0;
    turns(&w, 2);
    struct br_partition *p = w.worker->tasks[0].partitions[0];
    say_end(&w, p, 0);
    assert_false(turn(&w));
    assert_int_equal(w.worker->state, BR_WORKER_ENDED);
    stop(&w);
}

/* Its only task was taken from it in a rebalance, and is about to come back. */
static void a_worker_between_two_assignments_is_not_through(void **state)
{
    (void)state;
    struct world w;
    start_reading(&w);
    the_group_says(&w, KC_MEMBER_REVOKED);
    turns(&w, 3);
    check_log(&w, "unassign(0) answer");
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    the_group_says(&w, KC_MEMBER_ASSIGNED);
    turns(&w, 1);
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    assert_int_equal(w.worker->own.tasks[0].state, KC_TASK_TAKING);
    stop(&w);
}

static void a_worker_without_tasks_waits_for_the_others(void **state)
{
    (void)state;
    struct world w;
    start_reading(&w);
    br_finish_init(&w.finish, 2);
    kc_ownership_drop(&w.worker->own, 0);
    turns(&w, 2);
    assert_int_equal(atomic_load(&w.finish.working), 1);
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    /* A task comes after all: it is working again. */
    the_group_says(&w, KC_MEMBER_ASSIGNED);
    turns(&w, 1);
    assert_int_equal(atomic_load(&w.finish.working), 2);
    stop(&w);
}

static void what_is_over_stays_over(void **state)
{
    (void)state;
    struct world w;
    struct br_partition *p = start_reading(&w);
    br_finish_init(&w.finish, 2);
    arrive(&w, p, 0, 5);
    turns(&w, 1);
    deliver(&w);
    turns(&w, 1);
    commit(&w, 0);
    turns(&w, 1);
    assert_int_equal(atomic_load(&w.finish.working), 1);
    assert_int_equal(w.worker->state, BR_WORKER_RUNNING);
    atomic_fetch_sub(&w.finish.working, 1); /* the other one is through */
    assert_false(turn(&w));
    assert_true(atomic_load(&w.finish.over));
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_is_committed),
        cmocka_unit_test(records_that_came_later_do_not_matter),
        cmocka_unit_test(a_commit_is_not_waited_for_longer_than_it_takes),
        cmocka_unit_test(an_empty_partition_is_through_at_its_end),
        cmocka_unit_test(a_worker_between_two_assignments_is_not_through),
        cmocka_unit_test(a_worker_without_tasks_waits_for_the_others),
        cmocka_unit_test(what_is_over_stays_over),
    };
    return cmocka_run_group_tests_name("the end of a route", tests, NULL, NULL);
}
