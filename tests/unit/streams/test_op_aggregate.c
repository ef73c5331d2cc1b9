/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations without windows, and of several streams.
 */
#include "tests/unit/streams/st_store_world.h"

static const struct st_aggregate plain = {.emit = ST_EMIT_UPDATES};

static void every_record_changes_its_row_and_the_result_has_the_latest_time(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 0, 0);
    EXPECT(&w, "A", "1", 10, "A=0+1@10");
    EXPECT(&w, "B", "2", 15, "B=0+2@15");
    EXPECT(&w, "A", "3", 20, "A=0+1+3@20(0+1)");
    EXPECT(&w, "B", "4", 8, "B=0+2+4@15(0+2)");
    assert_string_equal(w.headers, "h");
    commit(&w);
    expect_told(&w, "");
    EXPECT(&w, "A", "", 21, "A=0+1+3+@21(0+1+3)");
    world_close(&w);
}

static void records_without_key_or_value_are_dropped(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 0, 0);
    EXPECT(&w, NULL, "1", 10, "");
    EXPECT(&w, "A", NULL, 10, "");
    EXPECT(&w, "", "1", 10, "=0+1@10");
    expect_counts(&w, 2, 0);
    world_close(&w);
}

static void a_row_that_goes_away_begins_anew_with_its_own_time(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 0, 0);
    EXPECT(&w, "A", "!", 3, "");
    EXPECT(&w, "A", "1", 10, "A=0+1@10");
    EXPECT(&w, "A", "!", 5, "A=-@10(0+1)");
    EXPECT(&w, "A", "2", 4, "A=0+2@4");
    world_close(&w);
    struct st_aggregate op = plain;
    op.compat = true;
    world_open(&w, &op, false, 0, 0);
    EXPECT(&w, "A", "!", 3, "A=-@3");
    world_close(&w);
}

static void a_record_that_is_refused_leaves_its_row_as_it_was(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 0, 0);
    EXPECT(&w, "A", "1", 10, "A=0+1@10");
    assert_int_equal(put_record(&w, &w.aggregation, "A", "?", 30), AQ_E_BAD_RECORD);
    EXPECT(&w, "A", "2", 11, "A=0+1+2@11(0+1)");
    world_close(&w);
}

static void what_goes_on_may_differ_from_what_is_kept(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = plain;
    op.aggregator = (struct st_aggregator){.kind = &first_kind};
    world_open(&w, &op, false, 0, 0);
    EXPECT(&w, "A", "x", 10, "A=<x>@10");
    EXPECT(&w, "A", "!", 11, "A=-@11(<x>)");
    EXPECT(&w, "A", "y", 12, "A=<y>@12");
    commit(&w);
    restart(&w, 12);
    EXPECT(&w, "A", "!", 9, "A=-@12(<y>)");
    world_close(&w);
}

static void a_row_that_the_aggregator_leaves_as_it_is_is_not_sent_again(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = plain;
    op.aggregator = (struct st_aggregator){.kind = &first_kind};
    world_open(&w, &op, false, 0, 0);
    EXPECT(&w, "A", "x", 10, "A=<x>@10");
    EXPECT(&w, "A", "y", 11, "");
    EXPECT(&w, "A", "!", 2, "A=-@10(<x>)");
    world_close(&w);
    op.compat = true;
    world_open(&w, &op, false, 0, 0);
    EXPECT(&w, "A", "x", 10, "A=<x>@10");
    EXPECT(&w, "A", "y", 11, "A=<x>@11(<x>)");
    world_close(&w);
    op = (struct st_aggregate){.aggregator = {.kind = &first_kind},
                               .windows = {.kind = ST_TUMBLING, .size_ms = 5}};
    world_open(&w, &op, true, 10000, 0);
    feed(&w, "A", "x", 10);
    commit(&w);
    feed(&w, "A", "y", 11);
    commit(&w);
    expect_told(&w, "A[10]=<x>@10");
    world_close(&w);
}

static void a_cached_store_sends_each_changed_row_once_when_it_is_flushed(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 10000, 0);
    feed(&w, "B", "1", 10);
    feed(&w, "A", "2", 30);
    feed(&w, "B", "3", 20);
    feed(&w, "C", "4", 21);
    feed(&w, "C", "!", 22); /* came and went */
    expect_told(&w, "");
    commit(&w);
    expect_told(&w, "A=0+2@30 B=0+1+3@20");
    assert_string_equal(w.headers, "");
    feed(&w, "A", "!", 5);
    feed(&w, "B", "4", 5);
    commit(&w);
    expect_told(&w, "A=-@30(0+2) B=0+1+3+4@20(0+1+3)");
    commit(&w);
    expect_told(&w, "");
    world_close(&w);
}

static void a_restart_goes_on_from_what_was_committed(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 0, 0);
    feed(&w, "A", "1", 10);
    commit(&w);
    feed(&w, "A", "2", 11);
    w.told[0] = '\0';
    restart(&w, 10);
    EXPECT(&w, "A", "3", 12, "A=0+1+3@12(0+1)");
    world_close(&w);
}

static void streams_of_a_cogroup_share_rows_and_add_in_their_own_way(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &plain, false, 0, 2);
    assert_int_equal(put_record(&w, &w.inputs[0], "A", "1", 10), 0);
    assert_int_equal(put_record(&w, &w.inputs[1], "A", "2", 12), 0);
    assert_int_equal(put_record(&w, &w.inputs[0], "A", "3", 11), 0);
    expect_told(&w, "A=0+1@10 A=0+1-2@12(0+1) A=0+1-2+3@12(0+1-2)");
    world_close(&w);
}

static void a_cogroup_with_a_cache_sends_each_row_once(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_TUMBLING, .size_ms = 10}};
    world_open(&w, &op, true, 10000, 2);
    assert_int_equal(put_record(&w, &w.inputs[0], "A", "1", 10), 0);
    assert_int_equal(put_record(&w, &w.inputs[1], "A", "2", 12), 0);
    commit(&w);
    expect_told(&w, "A[10]=0+1-2@12");
    world_close(&w);
}

static void kinds_follow_from_windows(void **state)
{
    (void)state;
    struct st_windows w = {.kind = ST_HOPPING};
    assert_ptr_equal(st_aggregate_kind_of(NULL, false), &st_aggregate_kind);
    assert_ptr_equal(st_aggregate_kind_of(&w, false), &st_window_aggregate_kind);
    w.kind = ST_SLIDING;
    assert_ptr_equal(st_aggregate_kind_of(&w, false), &st_sliding_aggregate_kind);
    w.kind = ST_SESSION;
    assert_ptr_equal(st_aggregate_kind_of(&w, true), &st_session_cogroup_kind);
    w.retention_ms = 77;
    struct st_store_conf conf = st_aggregate_store_conf(&w, (struct st_store_conf){.in_memory = true});
    assert_int_equal(conf.rest_len, 16);
    assert_int_equal(conf.retention_ms, 77);
    assert_true(conf.in_memory && !conf.timestamped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_changes_its_row_and_the_result_has_the_latest_time),
        cmocka_unit_test(records_without_key_or_value_are_dropped),
        cmocka_unit_test(a_row_that_goes_away_begins_anew_with_its_own_time),
        cmocka_unit_test(a_record_that_is_refused_leaves_its_row_as_it_was),
        cmocka_unit_test(what_goes_on_may_differ_from_what_is_kept),
        cmocka_unit_test(a_row_that_the_aggregator_leaves_as_it_is_is_not_sent_again),
        cmocka_unit_test(a_cached_store_sends_each_changed_row_once_when_it_is_flushed),
        cmocka_unit_test(a_restart_goes_on_from_what_was_committed),
        cmocka_unit_test(streams_of_a_cogroup_share_rows_and_add_in_their_own_way),
        cmocka_unit_test(a_cogroup_with_a_cache_sends_each_row_once),
        cmocka_unit_test(kinds_follow_from_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
