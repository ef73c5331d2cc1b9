/* SPDX-License-Identifier: Apache-2.0
 *
 * Record choice by a clock that the test holds: the order of records, max_task_idle, the bound, whose batch is whose, the
 * four extractors, partition time and stream time.
 */
#include "tests/unit/streams/st_choice.h"

/* ---- order -------------------------------------------------------------------------------------------------------- */

static void the_head_with_the_smallest_timestamp_is_next(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    open_part(&w, 2);
    expect(&w, "empty");
    feed(&w, 0, "10 40 50");
    feed(&w, 1, "20 30");
    feed(&w, 2, "5 60");
    expect(&w, "2@5 0@10 1@20 1@30 0@40 0@50 2@60 empty");
    finish(&w);
}

static void equal_timestamps_go_by_the_lowest_index(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    open_part(&w, 5);
    feed(&w, 5, "7 7");
    feed(&w, 1, "7 7 8");
    feed(&w, 0, "8 7");
    expect(&w, "1@7 1@7 5@7 5@7 0@8 0@7 1@8 empty");
    finish(&w);
}

static void within_a_partition_offsets_decide_whatever_the_timestamps_are(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    feed(&w, 0, "30 10");
    feed(&w, 0, "20");
    feed(&w, 1, "15 35");
    expect(&w, "1@15 0@30 0@10 0@20 1@35 empty");
    finish(&w);
}

static void partitions_may_come_and_go(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 0);
    feed(&w, 0, "10 20 30");
    feed(&w, 1, "15 25");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(w.chosen.timestamp_ms, 10);
    close_part(&w, 0);
    open_part(&w, 4);
    expect(&w, "wait");
    feed(&w, 4, "1");
    expect(&w, "4@1 wait");
    close_part(&w, 4);
    expect(&w, "1@15 1@25 empty");
    w.parts[0].next = 1;
    open_part(&w, 0);
    feed(&w, 0, "20 30");
    caught_up(&w, 1);
    expect(&w, "0@20 0@30 empty");
    finish(&w);
}

/* ---- max_task_idle ------------------------------------------------------------------------------------------------ */

static void minus_one_never_waits(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    feed(&w, 0, "10");
    expect(&w, "0@10 empty");
    st_choice_progress(&w.choice, 1, 0, 100);
    feed(&w, 0, "20");
    expect(&w, "0@20 empty");
    finish(&w);
}

static void zero_waits_while_the_end_of_an_empty_partition_is_unknown(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 0);
    feed(&w, 0, "10 20");
    expect(&w, "wait");
    assert_true(w.chosen.until_us == ST_NO_DEADLINE);
    w.now_us += 3600 * AQ_SEC;
    expect(&w, "wait");
    caught_up(&w, 1);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    st_choice_progress(&w.choice, 1, 0, ST_END_UNKNOWN);
    expect(&w, "wait");
    finish(&w);
}

static void zero_waits_while_an_empty_partition_is_known_to_have_more(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 0);
    feed(&w, 0, "10 20 30");
    st_choice_progress(&w.choice, 1, 0, 2);
    expect(&w, "wait");
    assert_true(w.chosen.until_us == ST_NO_DEADLINE);
    feed(&w, 1, "15");
    expect(&w, "0@10 1@15 wait");
    /* What is left below the end is a transaction marker: the position passes it, and no record comes. */
    st_choice_progress(&w.choice, 1, 2, 2);
    expect(&w, "0@20 0@30 empty");
    finish(&w);
}

static void adding_is_progress(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 0);
    feed(&w, 0, "10 20");
    st_choice_progress(&w.choice, 1, 0, 1);
    feed(&w, 1, "5");
    expect(&w, "1@5 0@10 0@20 empty");
    finish(&w);
}

static void an_end_below_the_position_is_caught_up(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 0);
    feed(&w, 0, "10");
    st_choice_progress(&w.choice, 1, 9, 4);
    expect(&w, "0@10 empty");
    finish(&w);
}

static void n_waits_that_much_longer_once_caught_up(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 100);
    w.now_us = 1000 * AQ_MS;
    feed(&w, 0, "10 20");
    expect(&w, "wait");
    assert_true(w.chosen.until_us == ST_NO_DEADLINE);
    caught_up(&w, 1);
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 1100 * AQ_MS);
    w.now_us = 1100 * AQ_MS - 1;
    caught_up(&w, 1);
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 1100 * AQ_MS);
    w.now_us = 1100 * AQ_MS;
    /* Once over, it is over for every record, until the empty partition has one again. Its sibling is waited for next. */
    caught_up(&w, 0);
    expect(&w, "0@10 0@20 empty");
    feed(&w, 0, "30");
    caught_up(&w, 0);
    expect(&w, "0@30 empty");
    feed(&w, 1, "40");
    caught_up(&w, 1);
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 1200 * AQ_MS);
    finish(&w);
}

static void more_lag_begins_the_wait_anew(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 100);
    feed(&w, 0, "10");
    caught_up(&w, 1);
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 100 * AQ_MS);
    w.now_us = 90 * AQ_MS;
    st_choice_progress(&w.choice, 1, 0, 1);
    expect(&w, "wait");
    assert_true(w.chosen.until_us == ST_NO_DEADLINE);
    st_choice_progress(&w.choice, 1, 1, 1);
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 190 * AQ_MS);
    finish(&w);
}

static void the_last_deadline_of_several_decides(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 100);
    open_part(&w, 2);
    feed(&w, 0, "10");
    caught_up(&w, 1);
    expect(&w, "wait");
    w.now_us = 60 * AQ_MS;
    caught_up(&w, 2);
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 160 * AQ_MS);
    feed(&w, 2, "20");
    expect(&w, "wait");
    assert_int_equal(w.chosen.until_us, 100 * AQ_MS);
    finish(&w);
}

static void the_wait_also_runs_while_there_is_nothing_at_all(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 100);
    caught_up(&w, 0);
    caught_up(&w, 1);
    expect(&w, "empty");
    w.now_us = 500 * AQ_MS;
    feed(&w, 0, "10");
    expect(&w, "0@10 empty");
    finish(&w);
}

static void a_paused_partition_is_not_waited_for_and_gives_what_it_has(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 100);
    feed(&w, 0, "10 20 30");
    feed(&w, 1, "15");
    st_choice_pause(&w.choice, 1, true);
    expect(&w, "0@10 1@15 0@20 0@30 empty");
    feed(&w, 0, "40");
    st_choice_pause(&w.choice, 1, false);
    expect(&w, "wait");
    assert_true(w.chosen.until_us == ST_NO_DEADLINE);
    st_choice_pause(&w.choice, 1, true);
    expect(&w, "0@40 empty");
    finish(&w);
}

static void an_endless_max_task_idle_does_not_overflow(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, INT64_MAX);
    w.now_us = 77;
    feed(&w, 0, "10");
    caught_up(&w, 1);
    expect(&w, "wait");
    assert_true(w.chosen.until_us == ST_NO_DEADLINE);
    finish(&w);
}

/* ---- bounds and batches ------------------------------------------------------------------------------------------- */

/* "pause 0 resume 1" */
static void expect_flow(struct world *w, const char *text)
{
    char log[128] = "";
    size_t index;
    bool pause;
    while (st_choice_flow(&w->choice, &index, &pause))
        t_note(log, sizeof(log), "%s %zu", pause ? "pause" : "resume", index);
    assert_string_equal(log, text);
}

static void above_the_bound_of_records_is_a_pause_and_back_at_it_a_resume(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 2, 1 << 20);
    open_part(&w, 0);
    open_part(&w, 1);
    feed(&w, 0, "1 2");
    expect_flow(&w, "");
    feed(&w, 0, "3 4");
    feed(&w, 1, "5 6 7");
    assert_int_equal(st_choice_buffered(&w.choice, 0), 4);
    expect_flow(&w, "pause 0 pause 1");
    expect_flow(&w, "");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    expect_flow(&w, "");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    expect_flow(&w, "resume 0");
    feed(&w, 0, "8");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    expect_flow(&w, "");
    close_part(&w, 0);
    expect(&w, "1@5 1@6 1@7 empty");
    expect_flow(&w, "resume 1");
    finish(&w);
}

static void bytes_count_until_their_batch_is_handed_back(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 1000, 30);
    open_part(&w, 0);
    feed(&w, 0, "1 2");
    feed(&w, 0, "3 4");
    expect_flow(&w, "pause 0");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    expect_flow(&w, "");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    expect_flow(&w, "resume 0");
    finish(&w);
}

static void a_batch_comes_back_in_the_call_after_its_last_record(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    feed(&w, 0, "1 2");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(w.chosen.record->offset, 1);
    assert_int_equal(w.parts[0].released, 0);
    assert_int_equal(next(&w), ST_CHOICE_EMPTY);
    assert_int_equal(w.parts[0].released, 1);
    w.may_release = true;
    feed(&w, 0, "");
    assert_int_equal(w.parts[0].released, 2);
    feed(&w, 0, "3 4");
    feed(&w, 0, "5");
    close_part(&w, 0);
    assert_int_equal(w.parts[0].released, 4);
    finish(&w);
}

static void the_position_passes_what_was_given_and_then_what_was_fetched(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 1000, 1 << 20);
    w.parts[0].next = 40;
    open_part(&w, 0);
    assert_int_equal(st_choice_position(&w.choice, 0), 40);
    feed(&w, 0, "1 2");
    w.parts[0].next = 50;
    feed(&w, 0, "3");
    assert_int_equal(st_choice_position(&w.choice, 0), 40);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(st_choice_position(&w.choice, 0), 41);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(st_choice_position(&w.choice, 0), 50);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(st_choice_position(&w.choice, 0), 51);
    st_choice_progress(&w.choice, 0, 60, 60);
    assert_int_equal(st_choice_position(&w.choice, 0), 60);
    st_choice_progress(&w.choice, 0, 55, 60);
    assert_int_equal(st_choice_position(&w.choice, 0), 60);
    finish(&w);
}

/* ---- timestamps --------------------------------------------------------------------------------------------------- */

static void a_negative_timestamp_stops_the_task_before_its_record(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    feed(&w, 0, "10 -5 20");
    feed(&w, 1, "15 30");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(next(&w), AQ_E_BAD_RECORD);
    assert_int_equal(w.err.code, AQ_E_BAD_RECORD);
    T_CHECK(strncmp(w.err.text, "t0[0]@1: the timestamp -5 is negative", 37) == 0, "%s", w.err.text);
    assert_int_equal(next(&w), AQ_E_BAD_RECORD);
    assert_int_equal(st_choice_next(&w.choice, w.now_us, 0, &w.chosen, NULL), AQ_E_BAD_RECORD);
    assert_int_equal(st_choice_position(&w.choice, 0), 1);
    close_part(&w, 0);
    expect(&w, "1@15 1@30 empty");
    finish(&w);
}

static void a_record_without_a_timestamp_counts_as_negative(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    struct aq_batch *batch = new_batch(&w, 0);
    put_record(batch, 0, 1234);
    batch->records[0].time_type = AQ_TIME_NONE;
    add(&w, 0, batch);
    assert_int_equal(next(&w), AQ_E_BAD_RECORD);
    T_CHECK(strstr(w.err.text, "t0[0]@0: the timestamp -1 is") == w.err.text, "%s", w.err.text);
    finish(&w);
}

static void log_and_skip_passes_over_and_counts(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 3, 1 << 20);
    open_with(&w, 0, ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP, ST_NO_TIME);
    feed(&w, 0, "-1 -2");
    feed(&w, 0, "10 -3 20 -4");
    expect_flow(&w, "pause 0");
    expect(&w, "0@10 0@20 empty");
    expect_flow(&w, "resume 0");
    assert_int_equal(w.choice.skipped, 4);
    assert_int_equal(w.parts[0].released, 2);
    assert_int_equal(st_choice_position(&w.choice, 0), 6);
    assert_int_equal(st_choice_partition_ms(&w.choice, 0), 20);
    finish(&w);
}

static void partition_time_stands_in_for_an_invalid_timestamp(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 1000, 1 << 20);
    open_with(&w, 0, ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP, ST_NO_TIME);
    open_with(&w, 1, ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP, 70);
    feed(&w, 0, "50 40 -1");
    feed(&w, 1, "-1 60 -7 80 -9");
    expect(&w, "0@50 0@40 0@50 1@70 1@60 1@70 1@80 1@80 empty");
    open_with(&w, 2, ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP, ST_NO_TIME);
    feed(&w, 2, "-8");
    assert_int_equal(next(&w), AQ_E_BAD_RECORD);
    T_CHECK(strstr(w.err.text, "t2[2]@0: the timestamp -8 is negative, and no") == w.err.text, "%s",
            w.err.text);
    finish(&w);
}

static void the_wall_clock_extractor_never_looks_at_the_record(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 1000, 1 << 20);
    open_with(&w, 0, ST_WALLCLOCK_TIMESTAMP, ST_NO_TIME);
    feed(&w, 0, "-1 99999");
    expect(&w, "0@5000 0@5000 empty");
    w.wall_ms = 4000;
    feed(&w, 0, "1");
    expect(&w, "0@4000 empty");
    assert_int_equal(st_choice_partition_ms(&w.choice, 0), 5000);
    finish(&w);
}

/* Offset 0: its double. 1: to be skipped. 2: fails with a reason. 3: fails without. */
static int by_offset(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                     struct aq_err *err)
{
    (void)at;
    ++*(int *)user;
    *ret_ms = rec->offset == 0 ? 2 * rec->timestamp : -1;
    if (rec->offset == 2) return aq_fail(err, AQ_E_INVALID, "no field 'time'");
    return rec->offset == 3 ? AQ_E_IO : 0;
}

static void a_users_extractor_decides_skips_and_fails(void **state)
{
    (void)state;
    struct world w;
    int asked = 0;
    begin(&w, ST_NEVER_IDLE, 1000, 1 << 20);
    open_with(&w, 0, (struct st_extractor){by_offset, &asked}, ST_NO_TIME);
    feed(&w, 0, "21 22 23");
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(w.chosen.timestamp_ms, 42);
    assert_int_equal(w.chosen.record->timestamp, 21);
    assert_int_equal(asked, 1);
    assert_int_equal(next(&w), AQ_E_INVALID);
    assert_string_equal(w.err.text, "t0[0]@2: no field 'time'");
    assert_int_equal(w.choice.skipped, 1);
    assert_int_equal(asked, 3);
    close_part(&w, 0);
    w.parts[0].next = 3;
    open_with(&w, 0, (struct st_extractor){by_offset, &asked}, ST_NO_TIME);
    feed(&w, 0, "24");
    assert_int_equal(next(&w), AQ_E_IO);
    assert_string_equal(w.err.text, "t0[0]@3: the timestamp extractor failed");
    finish(&w);
}

static void stream_time_and_partition_times_are_kept_apart(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, ST_NEVER_IDLE);
    assert_int_equal(st_choice_stream_ms(&w.choice), ST_NO_TIME);
    assert_int_equal(st_choice_partition_ms(&w.choice, 0), ST_NO_TIME);
    feed(&w, 0, "10 50 20");
    feed(&w, 1, "30");
    expect(&w, "0@10 1@30 0@50 0@20 empty");
    assert_int_equal(st_choice_stream_ms(&w.choice), 50);
    assert_int_equal(st_choice_partition_ms(&w.choice, 0), 50);
    assert_int_equal(st_choice_partition_ms(&w.choice, 1), 30);
    close_part(&w, 0);
    assert_int_equal(st_choice_stream_ms(&w.choice), 50);
    finish(&w);
}

static void only_records_that_were_given_move_time(void **state)
{
    (void)state;
    struct world w;
    begin_two(&w, 0);
    feed(&w, 0, "10 20");
    expect(&w, "wait");
    assert_int_equal(st_choice_stream_ms(&w.choice), ST_NO_TIME);
    assert_int_equal(st_choice_partition_ms(&w.choice, 0), ST_NO_TIME);
    caught_up(&w, 1);
    assert_int_equal(next(&w), ST_CHOICE_RECORD);
    assert_int_equal(st_choice_stream_ms(&w.choice), 10);
    finish(&w);
}

static void stream_time_and_partition_time_go_on_from_stored_values(void **state)
{
    (void)state;
    struct world w;
    begin(&w, ST_NEVER_IDLE, 1000, 1 << 20);
    struct st_choice_conf conf = w.choice.conf;
    conf.stream_ms = 90;
    st_choice_finish(&w.choice);
    st_choice_init(&w.choice, &conf);
    open_with(&w, 0, ST_FAIL_ON_INVALID_TIMESTAMP, 60);
    open_with(&w, 1, ST_FAIL_ON_INVALID_TIMESTAMP, 100);
    assert_int_equal(st_choice_stream_ms(&w.choice), 90);
    feed(&w, 0, "50 70");
    expect(&w, "0@50 0@70 empty");
    assert_int_equal(st_choice_partition_ms(&w.choice, 0), 70);
    assert_int_equal(st_choice_partition_ms(&w.choice, 1), 100);
    assert_int_equal(st_choice_stream_ms(&w.choice), 90);
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_with_the_smallest_timestamp_is_next),
        cmocka_unit_test(equal_timestamps_go_by_the_lowest_index),
        cmocka_unit_test(within_a_partition_offsets_decide_whatever_the_timestamps_are),
        cmocka_unit_test(partitions_may_come_and_go),
        cmocka_unit_test(minus_one_never_waits),
        cmocka_unit_test(zero_waits_while_the_end_of_an_empty_partition_is_unknown),
        cmocka_unit_test(zero_waits_while_an_empty_partition_is_known_to_have_more),
        cmocka_unit_test(adding_is_progress),
        cmocka_unit_test(an_end_below_the_position_is_caught_up),
        cmocka_unit_test(n_waits_that_much_longer_once_caught_up),
        cmocka_unit_test(more_lag_begins_the_wait_anew),
        cmocka_unit_test(the_last_deadline_of_several_decides),
        cmocka_unit_test(the_wait_also_runs_while_there_is_nothing_at_all),
        cmocka_unit_test(a_paused_partition_is_not_waited_for_and_gives_what_it_has),
        cmocka_unit_test(an_endless_max_task_idle_does_not_overflow),
        cmocka_unit_test(above_the_bound_of_records_is_a_pause_and_back_at_it_a_resume),
        cmocka_unit_test(bytes_count_until_their_batch_is_handed_back),
        cmocka_unit_test(a_batch_comes_back_in_the_call_after_its_last_record),
        cmocka_unit_test(the_position_passes_what_was_given_and_then_what_was_fetched),
        cmocka_unit_test(a_negative_timestamp_stops_the_task_before_its_record),
        cmocka_unit_test(a_record_without_a_timestamp_counts_as_negative),
        cmocka_unit_test(log_and_skip_passes_over_and_counts),
        cmocka_unit_test(partition_time_stands_in_for_an_invalid_timestamp),
        cmocka_unit_test(the_wall_clock_extractor_never_looks_at_the_record),
        cmocka_unit_test(a_users_extractor_decides_skips_and_fails),
        cmocka_unit_test(stream_time_and_partition_times_are_kept_apart),
        cmocka_unit_test(only_records_that_were_given_move_time),
        cmocka_unit_test(stream_time_and_partition_time_go_on_from_stored_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
