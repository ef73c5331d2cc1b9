/* SPDX-License-Identifier: Apache-2.0
 *
 * Punctuation by a clock that the test holds: series of times and which of them call, cancelling and scheduling from inside
 * a punctuator, the order of several that are due, errors.
 */
#include "streams/punctuate.h"

#include "streams/timestamp.h"
#include "tests/lib/check.h"

struct world;

/* A punctuator that notes "name@time" and then does what the test wants. */
struct probe {
    struct world *world;
    const char *name;
    struct st_schedule *schedule;
    struct st_schedule **victim; /* cancelled by the call, and set to NULL */
    struct probe *child;         /* scheduled by the call, once */
    int rc;                      /* what the call returns, with a reason if there is one */
    const char *reason;
};

struct world {
    struct st_punctuations set;
    struct aq_err err;
    char log[1024];
};

static void plan(struct world *w, struct probe *probe, enum st_punctuation_type type, int64_t interval_ms,
                 int64_t start_ms, int64_t wall_ms);

static int note(void *user, int64_t now_ms, struct aq_err *err)
{
    struct probe *probe = user;
    t_note(probe->world->log, sizeof(probe->world->log), "%s@%lld", probe->name, (long long)now_ms);
    if (probe->victim && *probe->victim) {
        st_punctuate_cancel(&probe->world->set, *probe->victim);
        *probe->victim = NULL;
    }
    if (probe->child) {
        struct probe *child = probe->child;
        probe->child = NULL;
        plan(probe->world, child, ST_STREAM_TIME, 10, ST_DEFAULT_START, now_ms);
    }
    if (probe->rc < 0 && probe->reason) return aq_fail(err, probe->rc, "%s", probe->reason);
    return probe->rc;
}

static void plan(struct world *w, struct probe *probe, enum st_punctuation_type type, int64_t interval_ms,
                 int64_t start_ms, int64_t wall_ms)
{
    probe->world = w;
    struct st_punctuator punctuator = {.name = probe->name, .call = note, .user = probe};
    probe->schedule =
        st_punctuate_schedule(&w->set, type, interval_ms, start_ms, wall_ms, &punctuator, &w->err);
    T_CHECK(probe->schedule != NULL, "%s", w->err.text);
}

static void by_stream_time(struct world *w, struct probe *probe, int64_t interval_ms)
{
    plan(w, probe, ST_STREAM_TIME, interval_ms, ST_DEFAULT_START, 0);
}

static int run(struct world *w, enum st_punctuation_type type, int64_t now_ms)
{
    return st_punctuate_run(&w->set, type, now_ms, &w->err);
}

static void expect_log(struct world *w, const char *text)
{
    assert_string_equal(w->log, text);
    w->log[0] = '\0';
}

static void finish(struct world *w)
{
    st_punctuations_finish(&w->set);
}

/* ---- series ------------------------------------------------------------------------------------------------------- */

struct moment {
    int64_t now_ms;
    bool calls;
    int64_t due_after_ms; /* what is due next when the moment has passed */
};

static void play(enum st_punctuation_type type, int64_t start_ms, int64_t wall_ms,
                 const struct moment *moments, size_t count)
{
    struct world w = {0};
    struct probe p = {.name = "p"};
    plan(&w, &p, type, 10, start_ms, wall_ms);
    for (size_t i = 0; i < count; i++) {
        const struct moment *m = &moments[i];
        char expected[32] = "";
        if (m->calls) snprintf(expected, sizeof(expected), "p@%lld", (long long)m->now_ms);
        int called = run(&w, type, m->now_ms);
        T_CHECK(called == m->calls, "%d calls at %lld", called, (long long)m->now_ms);
        expect_log(&w, expected);
        int64_t due = st_punctuate_next_due(&w.set, type);
        T_CHECK(due == m->due_after_ms, "at %lld: next due %lld", (long long)m->now_ms, (long long)due);
    }
    finish(&w);
}

#define PLAY(type, start_ms, wall_ms, moments) \
    play(type, start_ms, wall_ms, moments, sizeof(moments) / sizeof((moments)[0]))

static void stream_time_fires_on_the_first_record_and_then_on_the_grid_from_zero(void **state)
{
    (void)state;
    static const struct moment series[] = {
        {ST_NO_TIME, false, 0}, {5, true, 10},  {12, true, 20},  {14, false, 20},
        {15, false, 20},        {47, true, 50}, {49, false, 50}, {50, true, 60},
    };
    PLAY(ST_STREAM_TIME, ST_DEFAULT_START, 1000, series);
}

static void stream_time_zero_is_a_time(void **state)
{
    (void)state;
    static const struct moment series[] = {
        {ST_NO_TIME, false, 0}, {0, true, 10}, {0, false, 10}, {10, true, 20}};
    PLAY(ST_STREAM_TIME, ST_DEFAULT_START, 1000, series);
}

static void stream_time_that_does_not_move_calls_once(void **state)
{
    (void)state;
    static const struct moment series[] = {{20, true, 30}, {20, false, 30}, {29, false, 30}, {30, true, 40}};
    PLAY(ST_STREAM_TIME, ST_DEFAULT_START, 1000, series);
}

static void wall_clock_fires_after_one_interval_and_collapses_what_was_missed(void **state)
{
    (void)state;
    static const struct moment series[] = {
        {0, false, 10}, {9, false, 10},  {10, true, 20}, {19, false, 20},
        {45, true, 50}, {49, false, 50}, {50, true, 60},
    };
    PLAY(ST_WALL_CLOCK, ST_DEFAULT_START, 0, series);
}

static void wall_clock_counts_from_when_it_was_scheduled(void **state)
{
    (void)state;
    static const struct moment series[] = {{1012, false, 1013}, {1013, true, 1023}, {1044, true, 1053}};
    PLAY(ST_WALL_CLOCK, ST_DEFAULT_START, 1003, series);
}

static void a_wall_clock_that_is_set_back_calls_nothing_twice(void **state)
{
    (void)state;
    static const struct moment series[] = {{10, true, 20}, {2, false, 20}, {12, false, 20}, {20, true, 30}};
    PLAY(ST_WALL_CLOCK, ST_DEFAULT_START, 0, series);
}

static void a_start_time_moves_the_grid_of_stream_time(void **state)
{
    (void)state;
    static const struct moment series[] = {
        {2, false, 3},  {5, true, 13},   {12, false, 13}, {13, true, 23},
        {47, true, 53}, {52, false, 53}, {53, true, 63},
    };
    PLAY(ST_STREAM_TIME, 3, 1000, series);
}

static void a_start_time_moves_the_grid_of_the_wall_clock(void **state)
{
    (void)state;
    static const struct moment ahead[] = {{2, false, 3}, {3, true, 13}, {47, true, 53}, {53, true, 63}};
    PLAY(ST_WALL_CLOCK, 3, 0, ahead);
    static const struct moment passed[] = {{100, true, 103}, {102, false, 103}, {103, true, 113}};
    PLAY(ST_WALL_CLOCK, 3, 100, passed);
}

static void times_at_the_end_of_their_range_mean_never(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe far = {.name = "far"}, huge = {.name = "huge"};
    plan(&w, &far, ST_WALL_CLOCK, INT64_MAX, ST_DEFAULT_START, 7);
    assert_true(st_punctuate_next_due(&w.set, ST_WALL_CLOCK) == ST_NEVER_DUE);
    by_stream_time(&w, &huge, INT64_MAX - 1);
    assert_int_equal(run(&w, ST_STREAM_TIME, 1), 1);
    assert_true(st_punctuate_next_due(&w.set, ST_STREAM_TIME) == INT64_MAX - 1);
    assert_int_equal(run(&w, ST_STREAM_TIME, INT64_MAX - 1), 1);
    assert_true(st_punctuate_next_due(&w.set, ST_STREAM_TIME) == ST_NEVER_DUE);
    finish(&w);
}

/* ---- several ------------------------------------------------------------------------------------------------------ */

static void several_are_called_by_due_time_then_by_order_of_scheduling(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"}, d = {.name = "d"};
    by_stream_time(&w, &a, 30);
    by_stream_time(&w, &b, 10);
    by_stream_time(&w, &c, 20);
    by_stream_time(&w, &d, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 4);
    expect_log(&w, "a@5 b@5 c@5 d@5");
    assert_int_equal(run(&w, ST_STREAM_TIME, 30), 4);
    expect_log(&w, "b@30 d@30 c@30 a@30");
    assert_int_equal(run(&w, ST_STREAM_TIME, 60), 4);
    expect_log(&w, "b@60 c@60 d@60 a@60");
    finish(&w);
}

static void the_two_clocks_do_not_touch_each_other(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe s = {.name = "s"}, c = {.name = "c"};
    assert_true(st_punctuate_next_due(&w.set, ST_STREAM_TIME) == ST_NEVER_DUE);
    assert_true(st_punctuate_next_due(&w.set, ST_WALL_CLOCK) == ST_NEVER_DUE);
    by_stream_time(&w, &s, 10);
    plan(&w, &c, ST_WALL_CLOCK, 10, ST_DEFAULT_START, 100);
    assert_int_equal(run(&w, ST_STREAM_TIME, 500), 1);
    expect_log(&w, "s@500");
    assert_int_equal(run(&w, ST_WALL_CLOCK, 110), 1);
    expect_log(&w, "c@110");
    assert_int_equal(st_punctuate_next_due(&w.set, ST_STREAM_TIME), 510);
    assert_int_equal(st_punctuate_next_due(&w.set, ST_WALL_CLOCK), 120);
    finish(&w);
}

/* ---- cancelling and scheduling ------------------------------------------------------------------------------------ */

static void a_cancelled_schedule_is_never_called(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe a = {.name = "a"}, b = {.name = "b"};
    by_stream_time(&w, &a, 10);
    by_stream_time(&w, &b, 10);
    st_punctuate_cancel(&w.set, a.schedule);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 1);
    expect_log(&w, "b@5");
    st_punctuate_cancel(&w.set, b.schedule);
    assert_int_equal(run(&w, ST_STREAM_TIME, 50), 0);
    assert_true(st_punctuate_next_due(&w.set, ST_STREAM_TIME) == ST_NEVER_DUE);
    finish(&w);
}

static void a_punctuator_may_cancel_itself(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe a = {.name = "a"}, b = {.name = "b"};
    a.victim = &a.schedule;
    by_stream_time(&w, &a, 10);
    by_stream_time(&w, &b, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 2);
    assert_int_equal(run(&w, ST_STREAM_TIME, 10), 1);
    expect_log(&w, "a@5 b@5 b@10");
    finish(&w);
}

static void a_punctuator_may_cancel_one_that_is_due_after_it_or_was_called_before_it(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"}, d = {.name = "d"};
    b.victim = &a.schedule;
    c.victim = &d.schedule;
    by_stream_time(&w, &a, 10);
    by_stream_time(&w, &b, 10);
    by_stream_time(&w, &c, 10);
    by_stream_time(&w, &d, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 3);
    assert_int_equal(run(&w, ST_STREAM_TIME, 10), 2);
    expect_log(&w, "a@5 b@5 c@5 b@10 c@10");
    finish(&w);
}

static void what_a_punctuator_schedules_waits_for_the_next_run(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe child = {.name = "child"}, a = {.name = "a", .child = &child};
    by_stream_time(&w, &a, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 1);
    assert_int_equal(st_punctuate_next_due(&w.set, ST_STREAM_TIME), 0);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 1);
    assert_int_equal(run(&w, ST_STREAM_TIME, 10), 2);
    expect_log(&w, "a@5 child@5 a@10 child@10");
    finish(&w);
}

static void a_schedule_made_in_a_run_may_be_cancelled_in_it(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe child = {.name = "child"}, a = {.name = "a", .child = &child};
    struct probe b = {.name = "b", .victim = &child.schedule};
    by_stream_time(&w, &a, 10);
    by_stream_time(&w, &b, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 2);
    assert_int_equal(run(&w, ST_STREAM_TIME, 10), 2);
    expect_log(&w, "a@5 b@5 a@10 b@10");
    finish(&w);
}

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static void a_failing_punctuator_ends_the_run_and_stays_due(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe a = {.name = "a"}, b = {.name = "b", .rc = AQ_E_IO, .reason = "disk full"},
                 c = {.name = "c"};
    by_stream_time(&w, &a, 10);
    by_stream_time(&w, &b, 10);
    by_stream_time(&w, &c, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), AQ_E_IO);
    assert_string_equal(w.err.text, "punctuator of processor 'b': disk full");
    assert_int_equal(st_punctuate_next_due(&w.set, ST_STREAM_TIME), 0);
    b.reason = NULL;
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), AQ_E_IO);
    assert_string_equal(w.err.text, "punctuator of processor 'b': it failed");
    assert_int_equal(st_punctuate_run(&w.set, ST_STREAM_TIME, 5, NULL), AQ_E_IO);
    b.rc = 0;
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 2);
    expect_log(&w, "a@5 b@5 b@5 b@5 b@5 c@5");
    finish(&w);
}

static void one_that_cancels_itself_and_fails_is_gone(void **state)
{
    (void)state;
    struct world w = {0};
    struct probe a = {.name = "a", .rc = AQ_E_IO, .reason = "no"};
    a.victim = &a.schedule;
    by_stream_time(&w, &a, 10);
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), AQ_E_IO);
    assert_string_equal(w.err.text, "punctuator of processor 'a': no");
    assert_int_equal(run(&w, ST_STREAM_TIME, 5), 0);
    finish(&w);
}

static void impossible_schedules_are_refused_by_name(void **state)
{
    (void)state;
    struct world w = {0};
    struct st_punctuator p = {.name = "totals", .call = note};
    assert_null(st_punctuate_schedule(&w.set, ST_WALL_CLOCK, 0, ST_DEFAULT_START, 0, &p, &w.err));
    assert_int_equal(w.err.code, AQ_E_CONFIG);
    assert_string_equal(w.err.text, "processor 'totals': a punctuation interval is at least 1 ms, not 0");
    assert_null(st_punctuate_schedule(&w.set, ST_STREAM_TIME, 1, -2, 0, &p, &w.err));
    assert_string_equal(w.err.text, "processor 'totals': punctuation cannot start before 1970 (-2 ms)");
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_time_fires_on_the_first_record_and_then_on_the_grid_from_zero),
        cmocka_unit_test(stream_time_zero_is_a_time),
        cmocka_unit_test(stream_time_that_does_not_move_calls_once),
        cmocka_unit_test(wall_clock_fires_after_one_interval_and_collapses_what_was_missed),
        cmocka_unit_test(wall_clock_counts_from_when_it_was_scheduled),
        cmocka_unit_test(a_wall_clock_that_is_set_back_calls_nothing_twice),
        cmocka_unit_test(a_start_time_moves_the_grid_of_stream_time),
        cmocka_unit_test(a_start_time_moves_the_grid_of_the_wall_clock),
        cmocka_unit_test(times_at_the_end_of_their_range_mean_never),
        cmocka_unit_test(several_are_called_by_due_time_then_by_order_of_scheduling),
        cmocka_unit_test(the_two_clocks_do_not_touch_each_other),
        cmocka_unit_test(a_cancelled_schedule_is_never_called),
        cmocka_unit_test(a_punctuator_may_cancel_itself),
        cmocka_unit_test(a_punctuator_may_cancel_one_that_is_due_after_it_or_was_called_before_it),
        cmocka_unit_test(what_a_punctuator_schedules_waits_for_the_next_run),
        cmocka_unit_test(a_schedule_made_in_a_run_may_be_cancelled_in_it),
        cmocka_unit_test(a_failing_punctuator_ends_the_run_and_stays_due),
        cmocka_unit_test(one_that_cancels_itself_and_fails_is_gone),
        cmocka_unit_test(impossible_schedules_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
