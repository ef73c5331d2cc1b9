/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over tasks: what is asked for and when, which answers count, and what goes on meanwhile. The lookup's work is
 * done by the test's own call instead of its thread, so that a test decides what happens between question and answer.
 */
#include "base/mem.h"
#include "tests/unit/bridge/worker_world.h"

/* ---- a reader that answers what the test says ------------------------------------------------------------------------- */

static int answers[MOST]; /* code of each task's pointer */
static int64_t pointers[MOST];
static int committed_calls, asked[MOST];
static int committed_rc;

static int scripted_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                              int64_t timeout_ms, struct aq_err *err)
{
    (void)reader, (void)topic, (void)timeout_ms;
    committed_calls++;
    memset(asked, 0, sizeof(asked));
    for (size_t i = 0; i < n; i++) {
        list[i].offset = pointers[list[i].partition];
        list[i].code = answers[list[i].partition];
        asked[list[i].partition] = 1;
    }
    return committed_rc ? aq_fail(err, committed_rc, "scripted") : 0;
}

/* No record comes in time. */
static int scripted_read(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                         int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err)
{
    (void)reader, (void)topic, (void)timeout_ms, (void)arena;
    for (size_t i = 0; i < n; i++) list[i].key = list[i].value = AQ_NULL_SLICE;
    return aq_fail(err, AQ_E_TIMEOUT, "scripted");
}

static struct kc_ops ops;

/* A worker with `tasks` tasks, all of them to be taken; its lookup has no thread. */
static void begin(struct world *w, int tasks)
{
    start(w, "");
    memset(answers, 0, sizeof(answers));
    committed_calls = committed_rc = 0;
    ops = fake_ops;
    ops.reader_committed = scripted_committed;
    ops.reader_read = scripted_read;
    for (int i = 0; i < MOST; i++) pointers[i] = -1;
    kc_lookup_destroy(w->worker->own.lookup);
    w->route.flow.tasks = tasks;
    w->worker->own.n_tasks = tasks;
    free(w->worker->tasks);
    free(w->worker->own.tasks);
    w->worker->tasks = aq_calloc((size_t)tasks, sizeof(*w->worker->tasks));
    w->worker->own.tasks = aq_calloc((size_t)tasks, sizeof(*w->worker->own.tasks));
    w->worker->own.lookup = kc_lookup_create(&ops, &w->route.flow, br_catalog_facts(w->catalog),
                                             br_catalog_sink(w->catalog), &w->reader);
    for (int i = 0; i < tasks; i++)
        w->worker->own.tasks[i] = (struct kc_task){
            .state = KC_TASK_TAKING, .assignment = ++w->worker->own.assignments, .taking_since_us = w->now};
}

static void take(struct world *w)
{
    kc_takeover_turn(&w->worker->own, w->now);
}

static void look_up(struct world *w)
{
    assert_int_equal(kc_lookup_state(w->worker->own.lookup), KC_LOOKUP_ASKED);
    kc_lookup_run(w->worker->own.lookup);
}

static void check_states(struct world *w, enum kc_task_state first, enum kc_task_state second)
{
    assert_int_equal(w->worker->own.tasks[0].state, first);
    assert_int_equal(w->worker->own.tasks[1].state, second);
}

static void end(struct world *w)
{
    w->worker->own.n_tasks = 1; /* as the route began, for the cycle's lists */
    stop(w);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------ */

static void an_ordinary_take_over(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    take(&w);
    assert_int_equal(kc_lookup_state(w.worker->own.lookup), KC_LOOKUP_ASKED);
    take(&w); /* the question is under way: no second one */
    look_up(&w);
    assert_int_equal(committed_calls, 1);
    check_states(&w, KC_TASK_TAKING, KC_TASK_TAKING);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    assert_int_equal(kc_lookup_state(w.worker->own.lookup), KC_LOOKUP_IDLE);
    assert_int_equal(w.worker->own.tasks[1].pointer.partition, 1);
    assert_int_equal(w.worker->own.tasks[1].pointer.offset, -1);
    take(&w);
    assert_int_equal(committed_calls, 1);
    end(&w);
}

static void one_open_transaction_holds_up_one_task(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    answers[0] = AQ_E_UNSTABLE;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_OWNED);
    assert_int_equal(kc_lookup_state(w.worker->own.lookup), KC_LOOKUP_IDLE); /* not again at once */
    w.now += 100 * AQ_MS;
    take(&w);
    look_up(&w);
    assert_true(asked[0] && !asked[1]);
    answers[0] = 0;
    w.now += 100 * AQ_MS;
    take(&w); /* hears that it is still held, … */
    w.now += 100 * AQ_MS;
    take(&w); /* … and asks again */
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    assert_int_equal(w.worker->own.err.code, 0);
    end(&w);
}

static void a_position_that_cannot_be_read_holds_up_one_task(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    pointers[0] = 7;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_OWNED);
    assert_int_equal(w.worker->own.err.code, 0);
    w.now += 100 * AQ_MS;
    take(&w);
    look_up(&w);
    assert_true(asked[0] && !asked[1]);
    end(&w);
}

static void an_answer_to_an_older_assignment_counts_for_nothing(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    take(&w);
    look_up(&w);
    /* Meanwhile task 0 was given up, another owner committed, and it came back. */
    kc_ownership_drop(&w.worker->own, 0);
    w.worker->own.tasks[0].state = KC_TASK_TAKING;
    w.worker->own.tasks[0].assignment = ++w.worker->own.assignments;
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_OWNED);
    look_up(&w);
    assert_true(asked[0] && !asked[1]);
    take(&w);
    check_states(&w, KC_TASK_OWNED, KC_TASK_OWNED);
    end(&w);
}

static void an_answer_about_a_task_given_up_counts_for_nothing(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    take(&w);
    look_up(&w);
    kc_ownership_drop(&w.worker->own, 0);
    take(&w);
    check_states(&w, KC_TASK_FOREIGN, KC_TASK_OWNED);
    end(&w);
}

static void brokers_that_do_not_answer_are_asked_again(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    committed_rc = AQ_E_TIMEOUT;
    take(&w);
    look_up(&w);
    take(&w);
    check_states(&w, KC_TASK_TAKING, KC_TASK_TAKING);
    assert_int_equal(w.worker->own.err.code, 0);
    committed_rc = 0;
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
    struct world w;
    begin(&w, 2);
    committed_rc = AQ_E_DENIED;
    take(&w);
    look_up(&w);
    take(&w);
    assert_int_equal(w.worker->own.err.code, AQ_E_DENIED);
    assert_non_null(strstr(w.worker->own.err.text, "state topic aqueduct.r.state, task 0"));
    end(&w);
}

static void nothing_is_asked_while_the_group_settles(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 2);
    w.worker->own.assigned = false;
    take(&w);
    assert_int_equal(kc_lookup_state(w.worker->own.lookup), KC_LOOKUP_IDLE);
    w.worker->own.assigned = true;
    take(&w);
    assert_int_equal(kc_lookup_state(w.worker->own.lookup), KC_LOOKUP_ASKED);
    end(&w);
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
        cmocka_unit_test(tasks_are_taken_again_when_nothing_of_them_is_under_way),
    };
    return cmocka_run_group_tests_name("take-over", tests, NULL, NULL);
}
