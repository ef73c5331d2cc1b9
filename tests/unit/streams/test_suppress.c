/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress, row by row. The rows are those of Kafka Streams' SuppressScenarioTest where there is one.
 */
#include "tests/unit/streams/suppress_world.h"

/* ---- windows --------------------------------------------------------------------------------------------------------- */

static void time_windows_give_one_result_when_they_close(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 2, 1);
    STEP(&w, "k1@0", "1", 0, "");
    STEP(&w, "k1@0", "2", 1, "");
    STEP(&w, "k1@2", "1", 2, "");
    STEP(&w, "k1@0", "3", 1, "");
    STEP(&w, "k1@0", "4", 1, "");
    STEP(&w, "k1@4", "1", 5, "k1@0=4@1 k1@2=1@2");
    close_suppress(&w);
}

static void a_large_jump_closes_all_in_the_order_of_their_ends(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 2, 2);
    STEP(&w, "k1@0", "1", 0, "");
    STEP(&w, "k1@0", "2", 1, "");
    STEP(&w, "k1@2", "1", 2, "");
    STEP(&w, "k1@0", "3", 1, "");
    STEP(&w, "k1@2", "2", 3, "");
    STEP(&w, "k1@0", "4", 1, "");
    STEP(&w, "k1@4", "1", 4, "k1@0=4@1");
    STEP(&w, "k1@30", "1", 30, "k1@2=2@3 k1@4=1@4");
    close_suppress(&w);
}

static void sliding_windows_close_after_their_grace(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_SLIDING_WINDOW, 5, 15);
    STEP(&w, "k1@5", "5", 10, "");
    STEP(&w, "k1@11", "1", 11, "");
    STEP(&w, "k1@6", "5", 11, "");
    STEP(&w, "k1@11", "2", 13, "");
    STEP(&w, "k1@12", "1", 13, "");
    STEP(&w, "k1@8", "5", 13, "");
    STEP(&w, "k1@19", "1", 24, "");
    STEP(&w, "k1@85", "1", 90, "k1@5=5@10 k1@6=5@11 k1@8=5@13 k1@11=2@13 k1@12=1@13 k1@19=1@24");
    close_suppress(&w);
}

static void sessions_close_after_gap_and_grace(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_SESSION_WINDOW, 0, 5);
    STEP(&w, "k1@0/0", "1", 0, "");
    STEP(&w, "k1@0/0", NULL, 0, "");
    STEP(&w, "k1@0/5", "2", 5, "");
    STEP(&w, "k1@0/5", NULL, 5, "");
    STEP(&w, "k1@0/5", "3", 5, "");
    STEP(&w, "k2@11/11", "1", 11, "k1@0/5=3@5");
    STEP(&w, "k1@30/30", "1", 30, "k2@11/11=1@11");
    close_suppress(&w);
}

/* Aggregations take records up to the very end; Kafka Streams gives two results there. */
static void sliding_windows_and_sessions_give_no_second_result(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_SLIDING_WINDOW, 10, 5);
    STEP(&w, "k@14", "a+b", 24, "");
    STEP(&w, "k@19", "j", 29, "");
    STEP(&w, "k@14", "a+b+x", 24, "");
    STEP(&w, "k@20", "y", 30, "k@14=a+b+x@24");
    close_suppress(&w);

    w = (struct world){
        .suppress = {.until = ST_SUPPRESS_SLIDING_WINDOW, .size_ms = 10, .wait_ms = 5, .compat = true}};
    open_suppress(&w);
    STEP(&w, "k@14", "a+b", 24, "");
    STEP(&w, "k@19", "j", 29, "k@14=a+b@24");
    STEP(&w, "k@14", "a+b+x", 24, "k@14=a+b+x@24");
    close_suppress(&w);

    open_window(&w, ST_SUPPRESS_SESSION_WINDOW, 0, 5);
    STEP(&w, "k@0/5", "1", 5, "");
    STEP(&w, "m@10/10", "1", 10, "");
    STEP(&w, "m@11/11", "1", 11, "k@0/5=1@5");
    close_suppress(&w);
}

static void windows_that_end_together_come_in_the_order_of_their_keys(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 10, 0);
    STEP(&w, "c@0", "1", 1, "");
    STEP(&w, "a@0", "1", 2, "");
    STEP(&w, "b@0", "1", 3, "");
    STEP(&w, "a@0", "2", 4, "");
    STEP(&w, "aa@0", "1", 5, "");
    STEP(&w, "x@20", "1", 20, "a@0=2@4 aa@0=1@5 b@0=1@3 c@0=1@1");
    close_suppress(&w);
}

static void a_result_that_is_gone_is_not_told(void **state)
{
    (void)state;
    for (int compat = 0; compat <= 1; compat++) {
        struct world w = {.suppress = {.until = ST_SUPPRESS_TIME_WINDOW, .size_ms = 10, .compat = compat}};
        open_suppress(&w);
        STEP(&w, "a@0", "1", 1, "");
        STEP(&w, "b@0", NULL, 1, "");
        STEP(&w, "c@0", "1", 1, "");
        STEP(&w, "a@0", NULL, 2, "");
        STEP(&w, "c@0", NULL, 2, "");
        STEP(&w, "c@0", "2", 3, "");
        STEP(&w, "x@20", "1", 20, "c@0=2@3");
        close_suppress(&w);
    }
}

static void many_windows_are_let_go_at_once(void **state)
{
    (void)state;
    struct world w;
    char key[16], expected[8192] = "";
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 10, 0);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "k%03d@%d", (i * 7) % 50, i / 50 * 10);
        engine_good(&w.engine, pipe_row(&w, key, "1", 1));
    }
    size_t at = 0;
    for (int window = 0; window < 10; window++)
        for (int i = 0; i < 50; i++)
            at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%sk%03d@%d=1@1", at ? " " : "", i,
                                   window * 10);
    STEP(&w, "x@200", "1", 200, expected);
    close_suppress(&w);
}

/* ---- time limit ------------------------------------------------------------------------------------------------------ */

static void nothing_is_held_back_for_no_time(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_LIMIT, 0, 0);
    STEP(&w, "v1", "1", 0, "v1=1@0");
    STEP(&w, "v1", "0", 1, "v1=0@1");
    STEP(&w, "v2", "1", 1, "v2=1@1");
    STEP(&w, "v1", "1", 2, "v1=1@2");
    STEP(&w, "x", "1", 3, "x=1@3");
    close_suppress(&w);
}

static void the_limit_runs_from_the_first_change(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_LIMIT, 0, 2);
    STEP(&w, "v1", "1", 0, "");
    STEP(&w, "v1", "0", 1, "");
    STEP(&w, "v2", "1", 1, "");
    STEP(&w, "v1", "1", 2, "v1=1@2");
    STEP(&w, "tick", "1", 3, "v2=1@1");
    STEP(&w, "tick", "0", 4, "");
    STEP(&w, "tock", "1", 4, "");
    STEP(&w, "v3", "1", 5, "tick=0@4");
    close_suppress(&w);
}

static void a_limit_lets_nulls_through(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_LIMIT, 0, 10);
    STEP(&w, "b", "1", 0, "");
    STEP(&w, "a", "1", 0, "");
    STEP(&w, "a", NULL, 1, "");
    STEP(&w, "tick", "1", 10, "a=-@1 b=1@0");
    close_suppress(&w);
}

/* What was told before, not what came before. */
static void a_result_knows_what_was_told_before_it(void **state)
{
    (void)state;
    for (int compat = 0; compat <= 1; compat++) {
        struct world w = {.suppress = {.until = ST_SUPPRESS_TIME_LIMIT, .wait_ms = 2, .compat = compat},
                          .show_old = true};
        open_suppress(&w);
        STEP(&w, "a", "1", 0, "");
        STEP(&w, "a", "2", 1, "");
        STEP(&w, "a", "3", 2, compat ? "a=3(2)@2" : "a=3(-)@2");
        STEP(&w, "a", "4", 3, "");
        STEP(&w, "a", "5", 5, compat ? "a=5(4)@5" : "a=5(3)@5");
        close_suppress(&w);
    }
}

/* ---- bounds ---------------------------------------------------------------------------------------------------------- */

static void the_oldest_go_early_when_there_are_too_many(void **state)
{
    (void)state;
    struct world w = {
        .suppress = {
            .until = ST_SUPPRESS_TIME_LIMIT, .wait_ms = INT64_MAX, .max_records = 1, .emit_early = true}};
    open_suppress(&w);
    STEP(&w, "v1", "1", 0, "");
    STEP(&w, "v1", "0", 1, "");
    STEP(&w, "v2", "1", 1, "v1=0@1");
    STEP(&w, "v1", "1", 2, "v2=1@1");
    STEP(&w, "x", "1", 3, "v1=1@2");
    STEP(&w, "y", "1", 0, "y=1@0"); /* older than what is held back */
    close_suppress(&w);
}

static void bytes_are_counted(void **state)
{
    (void)state;
    char large[101];
    memset(large, 'v', 100);
    large[100] = '\0';
    struct world w = {
        .suppress = {
            .until = ST_SUPPRESS_TIME_LIMIT, .wait_ms = INT64_MAX, .max_bytes = 400, .emit_early = true}};
    open_suppress(&w);
    STEP(&w, "a", "1", 0, "");
    STEP(&w, "b", "1", 1, "");
    STEP(&w, "c", "1", 2, "");
    STEP(&w, "b", large, 3, "a=1@0");
    STEP(&w, "b", "2", 4, "");
    STEP(&w, "d", "1", 5, "");
    close_suppress(&w);
}

static void too_many_end_the_task_when_none_may_go_early(void **state)
{
    (void)state;
    struct world w = {
        .suppress = {.until = ST_SUPPRESS_TIME_WINDOW, .size_ms = 10, .wait_ms = 0, .max_records = 2}};
    open_suppress(&w);
    STEP(&w, "a@0", "1", 0, "");
    STEP(&w, "b@0", "1", 0, "");
    STEP(&w, "a@0", "2", 0, "");
    int rc = pipe_row(&w, "c@0", "1", 0);
    T_CHECK(rc < 0 && strstr(w.engine.err.text, "max_records = 2"), "%d %s", rc, w.engine.err.text);
    st_driver_destroy(w.engine.driver);
    st_topology_destroy(w.engine.topology);
}

/* ---- the wall clock -------------------------------------------------------------------------------------------------- */

static void an_idle_partition_is_closed_by_the_wall_clock(void **state)
{
    (void)state;
    struct world w = {
        .suppress = {
            .until = ST_SUPPRESS_TIME_WINDOW, .size_ms = 1000, .wait_ms = 500, .idle_close_ms = 400}};
    open_suppress(&w);
    STEP(&w, "a@0", "1", 900, "");
    STEP(&w, "a@1000", "1", 1100, "");
    engine_advance(&w.engine, 300); /* not idle for long enough */
    EXPECT(&w, "");
    engine_advance(&w.engine, 100); /* 1500 */
    EXPECT(&w, "a@0=1@900");
    STEP(&w, "a@0", "2", 901, ""); /* late: its result is out */
    STEP(&w, "b@0", "1", 902, ""); /* not late: nobody said anything of b yet */
    STEP(&w, "c@1000", "1", 1500, "b@0=1@902");
    STEP(&w, "a@1000", "2", 1600, "");
    engine_advance(&w.engine, 900); /* 2500 */
    EXPECT(&w, "a@1000=2@1600 c@1000=1@1500");
    engine_advance(&w.engine, 100000);
    EXPECT(&w, "");
    STEP(&w, "a@1000", "3", 1700, "");
    STEP(&w, "a@5000", "1", 5000, ""); /* stream time is there, and nothing is told twice */
    STEP(&w, "a@9000", "1", 9000, "a@5000=1@5000");
    close_suppress(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_windows_give_one_result_when_they_close),
        cmocka_unit_test(a_large_jump_closes_all_in_the_order_of_their_ends),
        cmocka_unit_test(sliding_windows_close_after_their_grace),
        cmocka_unit_test(sessions_close_after_gap_and_grace),
        cmocka_unit_test(sliding_windows_and_sessions_give_no_second_result),
        cmocka_unit_test(windows_that_end_together_come_in_the_order_of_their_keys),
        cmocka_unit_test(a_result_that_is_gone_is_not_told),
        cmocka_unit_test(many_windows_are_let_go_at_once),
        cmocka_unit_test(nothing_is_held_back_for_no_time),
        cmocka_unit_test(the_limit_runs_from_the_first_change),
        cmocka_unit_test(a_limit_lets_nulls_through),
        cmocka_unit_test(a_result_knows_what_was_told_before_it),
        cmocka_unit_test(the_oldest_go_early_when_there_are_too_many),
        cmocka_unit_test(bytes_are_counted),
        cmocka_unit_test(too_many_end_the_task_when_none_may_go_early),
        cmocka_unit_test(an_idle_partition_is_closed_by_the_wall_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
