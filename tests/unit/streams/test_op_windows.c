/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in tumbling and hopping windows: results of every update, final results, and the wall clock.
 */
#include "tests/unit/streams/st_store_world.h"

/* ---- tumbling and hopping ------------------------------------------------------------------------------------------- */

/* The input of KStreamWindowAggregateTest.testAggBasic is of this kind. */
static void hopping_windows_give_one_result_for_each_window_by_start(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        int64_t ms;
        const char *expected;
    } rows[] = {
        {"A", "1", 0, "A[0]=0+1@0"},
        {"B", "2", 1, "B[0]=0+2@1"},
        {"C", "3", 2, "C[0]=0+3@2"},
        {"D", "4", 3, "D[0]=0+4@3"},
        {"A", "1", 4, "A[0]=0+1+1@4(0+1)"},
        {"A", "1", 5, "A[0]=0+1+1+1@5(0+1+1) A[5]=0+1@5"},
        {"B", "2", 6, "B[0]=0+2+2@6(0+2) B[5]=0+2@6"},
        {"D", "4", 7, "D[0]=0+4+4@7(0+4) D[5]=0+4@7"},
        {"B", "2", 8, "B[0]=0+2+2+2@8(0+2+2) B[5]=0+2+2@8(0+2)"},
        {"C", "3", 9, "C[0]=0+3+3@9(0+3) C[5]=0+3@9"},
        {"A", "1", 10, "A[5]=0+1+1@10(0+1) A[10]=0+1@10"},
        {"B", "2", 11, "B[5]=0+2+2+2@11(0+2+2) B[10]=0+2@11"},
        {"D", "4", 12, "D[5]=0+4+4@12(0+4) D[10]=0+4@12"},
        {"B", "2", 13, "B[5]=0+2+2+2+2@13(0+2+2+2) B[10]=0+2+2@13(0+2)"},
        {"C", "3", 14, "C[5]=0+3+3@14(0+3) C[10]=0+3@14"},
        /* out of order */
        {"B", "1", 3, "B[0]=0+2+2+2+1@8(0+2+2+2)"},
        {"B", "2", 2, "B[0]=0+2+2+2+1+2@8(0+2+2+2+1)"},
        {"B", "3", 9, "B[0]=0+2+2+2+1+2+3@9(0+2+2+2+1+2) B[5]=0+2+2+2+2+3@13(0+2+2+2+2)"},
    };
    struct store_world w;
    struct st_aggregate op = {
        .windows = {.kind = ST_HOPPING, .size_ms = 10, .advance_ms = 5, .grace_ms = 100}};
    world_open(&w, &op, true, 0, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        EXPECT(&w, rows[i].key, rows[i].value, rows[i].ms, rows[i].expected);
    expect_counts(&w, 0, 0);
    world_close(&w);
}

/* KStreamWindowAggregateTest.shouldLogAndMeterWhenSkippingExpiredWindowByGrace: size 10, advance 10, grace 90. */
static void windows_whose_grace_is_over_are_counted_as_late(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_TUMBLING, .size_ms = 10, .grace_ms = 90}};
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k", "100", 200, "k[200]=0+100@200");
    for (int64_t ms = 100; ms <= 106; ms++) {
        feed(&w, "k", "x", ms);
        expect_told(&w, "");
    }
    EXPECT(&w, "k", "5", 110, "k[110]=0+5@110");
    EXPECT(&w, "k", "6", 105, "");
    EXPECT(&w, "k", "6", 6, "");
    expect_counts(&w, 9, 9);
    world_close(&w);
}

static void a_record_is_late_for_some_of_its_windows_and_not_for_others(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_HOPPING, .size_ms = 10, .advance_ms = 5}};
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 12, "A[5]=0+1@12 A[10]=0+1@12");
    EXPECT(&w, "A", "2", 9, "A[5]=0+1+2@12(0+1)");
    EXPECT(&w, "A", "3", 15, "A[10]=0+1+3@15(0+1) A[15]=0+3@15");
    EXPECT(&w, "A", "4", 14, "A[10]=0+1+3+4@15(0+1+3)");
    EXPECT(&w, "A", "5", 4, "");
    expect_counts(&w, 3, 3);
    world_close(&w);
}

static void null_values_are_dropped_in_windows_unless_kafka_streams_way_is_wanted(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_TUMBLING, .size_ms = 10}};
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", NULL, 3, "");
    EXPECT(&w, NULL, "1", 3, "");
    expect_counts(&w, 2, 0);
    world_close(&w);
    op.compat = true;
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", NULL, 3, "A[0]=0+-@3");
    EXPECT(&w, NULL, "1", 3, "");
    expect_counts(&w, 1, 0);
    world_close(&w);
}

static void grace_holds_after_a_restart(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_TUMBLING, .size_ms = 10}};
    world_open(&w, &op, true, 0, 0);
    feed(&w, "A", "1", 25);
    commit(&w);
    w.told[0] = '\0';
    restart(&w, 25);
    EXPECT(&w, "A", "2", 5, "");
    expect_counts(&w, 1, 1);
    world_close(&w);
    op.compat = true;
    world_open(&w, &op, true, 0, 0);
    feed(&w, "A", "1", 25);
    commit(&w);
    w.told[0] = '\0';
    restart(&w, 25);
    EXPECT(&w, "A", "2", 5, "A[0]=0+2@5");
    world_close(&w);
}

static void keys_of_the_store_are_those_of_kafka(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_TUMBLING, .size_ms = 10}};
    struct aq_slice value;
    static const char rest[12] = {0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0};
    world_open(&w, &op, true, 0, 0);
    feed(&w, "A", "1", 25);
    assert_int_equal(st_state_get(&w.states[0], AQ_LIT("A"), aq_slice_of(rest, sizeof(rest)), &value, &w.err),
                     0);
    assert_int_equal(value.len, 11);
    assert_memory_equal(value.ptr,
                        "\0\0\0\0\0\0\0\x19"
                        "0+1",
                        11);
    struct st_windowed_key key;
    struct aq_slice bytes = st_state_key(&w.states[0], AQ_LIT("A"), aq_slice_of(rest, sizeof(rest)));
    assert_int_equal(st_windowed_key_decode(ST_KEY_STORE, bytes, &key, &w.err), 0);
    assert_int_equal(key.start, 20);
    assert_int_equal(key.sequence, 0);
    world_close(&w);
}

/* Every output of hopping windows against a model that keeps all records. */
static void random_records_give_what_a_model_gives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15u;
        struct store_world w;
        int64_t size = 1 + (int64_t)(random >> 60), advance = 1 + (int64_t)((random >> 20) % (uint64_t)size);
        int64_t grace = (int64_t)((random >> 40) % 8), stream = -1;
        struct st_aggregate op = {
            .windows = {.kind = ST_HOPPING, .size_ms = size, .advance_ms = advance, .grace_ms = grace}};
        struct {
            int64_t ms;
            char value;
        } kept[200];
        size_t n = 0;
        uint64_t late = 0;
        world_open(&w, &op, true, 0, 0);
        for (int i = 0; i < 60; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            int64_t ms = (int64_t)((random >> 11) % 30) + i / 3;
            char value[2] = {(char)('a' + i % 26), 0};
            char expected[4096] = "";
            if (ms > stream) stream = ms;
            kept[n].ms = ms;
            kept[n++].value = value[0];
            for (int64_t start = 0; start <= ms; start += advance) {
                if (ms >= start + size) continue;
                if (start + size <= stream - grace) {
                    late++;
                    continue;
                }
                char before[300] = "", after[256] = "0";
                int64_t latest = 0;
                /* Records that were late for this window are not in it: none is, while it takes records. */
                for (size_t k = 0; k < n; k++) {
                    if (kept[k].ms < start || kept[k].ms >= start + size) continue;
                    if (k + 1 == n && strlen(after) > 1) snprintf(before, sizeof(before), "(%s)", after);
                    snprintf(after + strlen(after), 8, "+%c", kept[k].value);
                    if (kept[k].ms > latest) latest = kept[k].ms;
                }
                t_note(expected, sizeof(expected), "k[%lld]=%s@%lld%s", (long long)start, after,
                       (long long)latest, before);
            }
            EXPECT(&w, "k", value, ms, expected);
            if (i % 17 == 16) {
                commit(&w);
                restart(&w, stream);
            }
        }
        assert_int_equal(w.aggregation.late, late);
        assert_int_equal(w.shop.tally.late, late);
        world_close(&w);
    }
}

/* ---- final results -------------------------------------------------------------------------------------------------- */

static const struct st_aggregate at_close = {.windows = {.kind = ST_TUMBLING, .size_ms = 10, .grace_ms = 5},
                                             .emit = ST_EMIT_CLOSE};

static void a_window_sends_its_last_state_once_when_it_is_over(void **state)
{
    (void)state;
    struct store_world w;
    for (int cached = 0; cached < 2; cached++) {
        world_open(&w, &at_close, true, cached ? 10000 : 0, 0);
        EXPECT(&w, "B", "1", 2, "");
        EXPECT(&w, "A", "2", 3, "");
        EXPECT(&w, "A", "3", 1, "");
        EXPECT(&w, "A", "4", 14, "");
        EXPECT(&w, "A", "5", 9, "");
        commit(&w);
        expect_told(&w, "");
        EXPECT(&w, "A", "6", 15, "A[0]=0+2+3+5@9 B[0]=0+1@2");
        assert_string_equal(w.headers, "h");
        EXPECT(&w, "A", "7", 8, "");
        EXPECT(&w, "A", "8", 24, "");
        EXPECT(&w, "A", "9", 25, "A[10]=0+4+6@15");
        expect_counts(&w, 1, 1);
        world_close(&w);
    }
}

/* One record a window, and a window that nothing else reaches: Kafka Streams sends none of them. */
static void sparse_windows_are_not_lost_unless_kafka_streams_way_is_wanted(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &at_close, true, 0, 0);
    EXPECT(&w, "A", "1", 3, "");
    EXPECT(&w, "A", "2", 23, "A[0]=0+1@3");
    EXPECT(&w, "A", "3", 1000, "A[20]=0+2@23");
    EXPECT(&w, "A", "4", 1015, "A[1000]=0+3@1000");
    world_close(&w);
    struct st_aggregate op = at_close;
    op.compat = true;
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 3, "");
    EXPECT(&w, "A", "2", 23, "");
    EXPECT(&w, "A", "3", 1000, "");
    EXPECT(&w, "A", "4", 1015, "A[1000]=0+3@1000");
    world_close(&w);
}

static void final_results_come_by_end_then_key(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {.windows = {.kind = ST_HOPPING, .size_ms = 10, .advance_ms = 5},
                              .emit = ST_EMIT_CLOSE};
    world_open(&w, &op, true, 0, 0);
    feed(&w, "b", "1", 7);
    feed(&w, "a", "2", 8);
    feed(&w, "ab", "3", 3);
    expect_told(&w, "");
    EXPECT(&w, "z", "4", 100, "a[0]=0+2@8 ab[0]=0+3@3 b[0]=0+1@7 a[5]=0+2@8 b[5]=0+1@7");
    world_close(&w);
}

static void nothing_is_sent_twice_or_forgotten_after_a_restart(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &at_close, true, 10000, 0);
    feed(&w, "A", "1", 3);
    feed(&w, "B", "2", 12);
    commit(&w);
    EXPECT(&w, "A", "3", 15, "A[0]=0+1@3");
    /* Not committed: it is sent again, by the same record. */
    restart(&w, 12);
    EXPECT(&w, "A", "3", 15, "A[0]=0+1@3");
    commit(&w);
    restart(&w, 15);
    EXPECT(&w, "A", "4", 16, "");
    /* Positions may have got further than what reached the operator: what waits goes on all the same. */
    restart(&w, 100);
    EXPECT(&w, "A", "5", 24, "");
    EXPECT(&w, "A", "6", 25, "A[10]=0+3@15 B[10]=0+2@12");
    commit(&w);
    restart(&w, 25);
    EXPECT(&w, "A", "7", 19, "");
    expect_counts(&w, 1, 1);
    EXPECT(&w, "A", "8", 99, "A[20]=0+5+6@25");
    world_close(&w);
}

static void a_row_that_went_away_has_no_final_result(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &at_close, true, 0, 0);
    feed(&w, "A", "1", 3);
    feed(&w, "B", "1", 4);
    feed(&w, "A", "!", 5);
    EXPECT(&w, "C", "1", 15, "B[0]=0+1@4");
    world_close(&w);
}

static void a_record_that_is_refused_still_closes_windows(void **state)
{
    (void)state;
    struct store_world w;
    world_open(&w, &at_close, true, 0, 0);
    feed(&w, "A", "1", 3);
    assert_int_equal(put_record(&w, &w.aggregation, "A", "?", 30), AQ_E_BAD_RECORD);
    expect_told(&w, "A[0]=0+1@3");
    world_close(&w);
}

/* ---- idle partitions ------------------------------------------------------------------------------------------------ */

static void windows_of_an_idle_partition_are_over_by_the_wall_clock(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = at_close;
    op.close_idle_ms = 100;
    world_open(&w, &op, true, 0, 0);
    let_pass(&w, 1000000);
    feed(&w, "A", "1", 3);
    feed(&w, "B", "1", 95);
    expect_told(&w, "A[0]=0+1@3");
    let_pass(&w, 99);
    expect_told(&w, "");
    let_pass(&w, 1);
    /* Stream time was 95 and is 195 now: all of the pause counts. */
    expect_told(&w, "B[90]=0+1@95");
    assert_string_equal(w.headers, "");
    EXPECT(&w, "B", "2", 99, "");
    expect_counts(&w, 1, 1);
    EXPECT(&w, "B", "3", 190, "");
    let_pass(&w, 99);
    expect_told(&w, "");
    /* A record ends the pause. */
    EXPECT(&w, "B", "4", 191, "");
    let_pass(&w, 99);
    expect_told(&w, "");
    let_pass(&w, 26);
    expect_told(&w, "B[190]=0+3+4@191");
    world_close(&w);
}

static void idle_time_goes_on_in_small_steps(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = {
        .windows = {.kind = ST_TUMBLING, .size_ms = 1000}, .emit = ST_EMIT_CLOSE, .close_idle_ms = 100};
    world_open(&w, &op, true, 0, 0);
    feed(&w, "A", "1", 500);
    let_pass(&w, 100); /* 600 */
    for (int i = 0; i < 15; i++) let_pass(&w, 25);
    expect_told(&w, ""); /* 975 */
    let_pass(&w, 25);
    expect_told(&w, "A[0]=0+1@500");
    /* Nothing waits, nothing ticks. */
    assert_int_equal(st_punctuate_next_due(&w.task.punctuations, ST_WALL_CLOCK), ST_NEVER_DUE);
    world_close(&w);
}

static void what_the_wall_clock_closed_stays_closed_after_a_restart(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = at_close;
    op.close_idle_ms = 100;
    world_open(&w, &op, true, 0, 0);
    feed(&w, "A", "1", 3);
    let_pass(&w, 100);
    expect_told(&w, "A[0]=0+1@3");
    commit(&w);
    restart(&w, 3);
    EXPECT(&w, "A", "2", 4, "");
    expect_counts(&w, 1, 1);
    EXPECT(&w, "A", "3", 104, "");
    commit(&w);
    /* What waits is watched from the start. */
    restart(&w, 104);
    let_pass(&w, 100);
    expect_told(&w, "A[100]=0+3@104");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hopping_windows_give_one_result_for_each_window_by_start),
        cmocka_unit_test(windows_whose_grace_is_over_are_counted_as_late),
        cmocka_unit_test(a_record_is_late_for_some_of_its_windows_and_not_for_others),
        cmocka_unit_test(null_values_are_dropped_in_windows_unless_kafka_streams_way_is_wanted),
        cmocka_unit_test(grace_holds_after_a_restart),
        cmocka_unit_test(keys_of_the_store_are_those_of_kafka),
        cmocka_unit_test(random_records_give_what_a_model_gives),
        cmocka_unit_test(a_window_sends_its_last_state_once_when_it_is_over),
        cmocka_unit_test(sparse_windows_are_not_lost_unless_kafka_streams_way_is_wanted),
        cmocka_unit_test(final_results_come_by_end_then_key),
        cmocka_unit_test(nothing_is_sent_twice_or_forgotten_after_a_restart),
        cmocka_unit_test(a_row_that_went_away_has_no_final_result),
        cmocka_unit_test(a_record_that_is_refused_still_closes_windows),
        cmocka_unit_test(windows_of_an_idle_partition_are_over_by_the_wall_clock),
        cmocka_unit_test(idle_time_goes_on_in_small_steps),
        cmocka_unit_test(what_the_wall_clock_closed_stays_closed_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
