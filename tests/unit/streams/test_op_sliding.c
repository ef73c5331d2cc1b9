/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in sliding windows: the table of KStreamSlidingWindowAggregateTest, and a model that keeps all records.
 */
#include "tests/unit/streams/st_store_world.h"

static struct st_aggregate sliding(int64_t difference, int64_t grace)
{
    return (struct st_aggregate){.windows = {.kind = ST_SLIDING, .size_ms = difference, .grace_ms = grace}};
}

/* testAggregateSmallInput: difference 10, grace 5. Result by result, in Kafka Streams' order: rows that are there by descending start, then
 * those behind the record before, up to this one, and behind this one. */
static void the_small_input_of_kafka_streams_gives_its_table(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sliding(10, 5);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 10, "A[0]=0+1@10");
    EXPECT(&w, "A", "2", 10, "A[0]=0+1+2@10(0+1)");
    EXPECT(&w, "A", "3", 14, "A[11]=0+3@14 A[4]=0+1+2+3@14");
    EXPECT(&w, "A", "4", 15, "A[11]=0+3+4@15(0+3) A[15]=0+4@15 A[5]=0+1+2+3+4@15");
    EXPECT(&w, "A", "5", 20, "A[15]=0+4+5@20(0+4) A[11]=0+3+4+5@20(0+3+4) A[16]=0+5@20 A[10]=0+1+2+3+4+5@20");
    EXPECT(&w, "A", "6", 22, "A[16]=0+5+6@22(0+5) A[15]=0+4+5+6@22(0+4+5) A[21]=0+6@22 A[12]=0+3+4+5+6@22");
    EXPECT(&w, "A", "7", 30, "A[21]=0+6+7@30(0+6) A[23]=0+7@30 A[20]=0+5+6+7@30");
    expect_counts(&w, 0, 0);
    world_close(&w);
}

static void the_small_input_gives_the_final_results_of_kafka_streams(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sliding(10, 5);
    op.emit = ST_EMIT_CLOSE;
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 10, "");
    EXPECT(&w, "A", "2", 10, "");
    EXPECT(&w, "A", "3", 14, "");
    EXPECT(&w, "A", "4", 15, "");
    EXPECT(&w, "A", "5", 20, "A[0]=0+1+2@10 A[4]=0+1+2+3@14");
    EXPECT(&w, "A", "6", 22, "A[5]=0+1+2+3+4@15");
    EXPECT(&w, "A", "7", 30, "A[10]=0+1+2+3+4+5@20 A[11]=0+3+4+5@20 A[12]=0+3+4+5+6@22");
    world_close(&w);
}

static void records_earlier_than_the_difference_share_the_first_window(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sliding(50, 200);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 0, "A[0]=0+1@0");
    EXPECT(&w, "A", "2", 5, "A[1]=0+2@5 A[0]=0+1+2@5(0+1)");
    EXPECT(&w, "A", "3", 6, "A[1]=0+2+3@6(0+2) A[6]=0+3@6 A[0]=0+1+2+3@6(0+1+2)");
    EXPECT(&w, "A", "4", 3, "A[1]=0+2+3+4@6(0+2+3) A[4]=0+2+3@6 A[0]=0+1+2+3+4@6(0+1+2+3)");
    EXPECT(&w, "A", "5", 13,
           "A[1]=0+2+3+4+5@13(0+2+3+4) A[4]=0+2+3+5@13(0+2+3) A[6]=0+3+5@13(0+3) A[7]=0+5@13 "
           "A[0]=0+1+2+3+4+5@13(0+1+2+3+4)");
    world_close(&w);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 10, "A[0]=0+1@10");
    EXPECT(&w, "A", "2", 4, "A[5]=0+1@10 A[0]=0+1+2@10(0+1)");
    world_close(&w);
}

static void a_record_is_late_as_a_whole_or_for_some_windows(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sliding(10, 5);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 100, "A[90]=0+1@100");
    EXPECT(&w, "A", "2", 84, "");
    expect_counts(&w, 1, 1);
    /* Its own window ended at 85 and is over, the one behind it is not, and holds nothing. */
    EXPECT(&w, "A", "3", 85, "");
    expect_counts(&w, 2, 2);
    EXPECT(&w, "A", "4", 95, "A[90]=0+1+4@100(0+1) A[85]=0+4@95 A[96]=0+1@100");
    EXPECT(&w, "A", "5", 91, "A[90]=0+1+4+5@100(0+1+4) A[85]=0+4+5@95(0+4) A[92]=0+1+4@100");
    expect_counts(&w, 3, 3);
    EXPECT(&w, NULL, "6", 100, "");
    EXPECT(&w, "A", NULL, 100, "");
    expect_counts(&w, 5, 3);
    world_close(&w);
}

static void a_difference_of_0_is_a_window_for_each_moment(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sliding(0, 10);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "A", "1", 0, "A[0]=0+1@0");
    EXPECT(&w, "A", "2", 1, "A[1]=0+2@1");
    EXPECT(&w, "A", "3", 0, "A[0]=0+1+3@0(0+1)");
    EXPECT(&w, "A", "4", 7, "A[7]=0+4@7");
    world_close(&w);
}

/* SuppressScenarioTest's sliding windows, difference 5 and grace 15, counted. */
static void final_results_are_those_of_the_suppress_scenario(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sliding(5, 15);
    op.emit = ST_EMIT_CLOSE;
    world_open(&w, &op, true, 0, 0);
    static const int64_t times[] = {10, 11, 10, 13, 10, 24, 5, 7};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) feed(&w, "k", "v", times[i]);
    expect_told(&w, "");
    EXPECT(&w, "k", "v", 90,
           "k[5]=0+v+v+v+v+v@10 k[6]=0+v+v+v+v+v@11 k[8]=0+v+v+v+v+v@13 k[11]=0+v+v@13 k[12]=0+v@13 "
           "k[19]=0+v@24");
    world_close(&w);
}

/* ---- a model -------------------------------------------------------------------------------------------------------- */

#define RECORDS 45

struct model {
    int64_t ms[RECORDS];
    char value[RECORDS];
    size_t n;
};

/* What the window holds, in the order of coming, as the row of it tells. */
static bool content(const struct model *m, int64_t start, int64_t difference, char *to)
{
    strcpy(to, "0");
    for (size_t i = 0; i < m->n; i++)
        if (m->ms[i] >= start && m->ms[i] <= start + difference) sprintf(to + strlen(to), "+%c", m->value[i]);
    return to[1];
}

/* Every window there has to be, by start: those that end at a record, and those that begin behind one and hold something. */
static void model_windows(const struct model *m, int64_t difference, char *to, size_t size)
{
    for (int64_t start = 0; start < 200; start++) {
        bool wanted = false;
        char text[2 * RECORDS + 2];
        for (size_t i = 0; i < m->n; i++) {
            int64_t left = m->ms[i] - difference;
            if ((left < 0 ? 0 : left) == start || m->ms[i] + 1 == start) wanted = true;
        }
        if (wanted && content(m, start, difference, text))
            t_note(to, size, "[%lld]%s", (long long)start, text);
    }
}

struct listing {
    char *to;
    size_t size;
};

static int list_row(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                    struct aq_err *err)
{
    struct listing *l = ctx;
    struct st_place place;
    (void)err;
    assert_true(st_place_of(ST_ROWS_WINDOW, bucket, rest, &place));
    t_note(l->to, l->size, "[%lld]%.*s", (long long)place.start, (int)value.len - 8, value.ptr + 8);
    return 0;
}

static void random_records_make_the_windows_of_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15u;
        struct store_world w;
        struct model m = {.n = 0};
        int64_t difference = (int64_t)(seed % 17);
        struct st_aggregate op = sliding(difference, 1000000);
        world_open(&w, &op, true, seed % 2 ? 3000 : 0, 0);
        for (int i = 0; i < RECORDS; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            char value[2] = {(char)('a' + i % 26), 0};
            m.ms[m.n] = (int64_t)((random >> 11) % (seed % 3 ? 60 : 20));
            m.value[m.n++] = value[0];
            feed(&w, "k", value, m.ms[m.n - 1]);
            if (i % 13 == 12) {
                commit(&w);
                restart(&w, 60);
            }
            w.told[0] = '\0';
            static char expected[16384], found[16384];
            expected[0] = found[0] = '\0';
            struct listing listing = {.to = found, .size = sizeof(found)};
            const struct st_state_range all = {.from = AQ_NULL_SLICE, .to = AQ_NULL_SLICE};
            model_windows(&m, difference, expected, sizeof(expected));
            int rc = st_state_bucket(&w.states[0], AQ_LIT("k"), &all, list_row, &listing, &w.err);
            assert_int_equal(rc, 0);
            assert_string_equal(found, expected);
        }
        expect_counts(&w, 0, 0);
        world_close(&w);
    }
}

/* With a grace that bites: what is not late is in every window that is not over, and each window goes on once, with all that came for
 * it while it was open. */
static void final_results_hold_what_came_in_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15u;
        struct store_world w;
        struct model m = {.n = 0};
        int64_t difference = 1 + (int64_t)(seed % 9), grace = (int64_t)(seed % 5), stream = -1;
        struct st_aggregate op = sliding(difference, grace);
        op.emit = ST_EMIT_CLOSE;
        world_open(&w, &op, true, 0, 0);
        for (int i = 0; i < RECORDS; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            char value[2] = {(char)('a' + i % 26), 0};
            int64_t ms = 20 + i + (int64_t)((random >> 11) % (uint64_t)(grace + 1));
            if (ms > stream) stream = ms;
            m.ms[m.n] = ms;
            m.value[m.n++] = value[0];
            feed(&w, "k", value, ms);
            if (i % 13 == 12) {
                commit(&w);
                restart(&w, stream);
            }
        }
        feed(&w, "z", "z", 1000);
        /* Nothing was late by more than the grace, so the final results are the windows of all records. */
        static char expected[16384];
        expected[0] = '\0';
        for (int64_t start = 0; start < 200; start++) {
            bool wanted = false;
            int64_t latest = 0;
            char text[2 * RECORDS + 2];
            for (size_t i = 0; i < m.n; i++) {
                wanted = wanted || m.ms[i] - difference == start || m.ms[i] + 1 == start;
                if (m.ms[i] >= start && m.ms[i] <= start + difference && m.ms[i] > latest) latest = m.ms[i];
            }
            if (wanted && content(&m, start, difference, text))
                t_note(expected, sizeof(expected), "k[%lld]=%s@%lld", (long long)start, text,
                       (long long)latest);
        }
        expect_told(&w, expected);
        expect_counts(&w, 0, 0);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_small_input_of_kafka_streams_gives_its_table),
        cmocka_unit_test(the_small_input_gives_the_final_results_of_kafka_streams),
        cmocka_unit_test(records_earlier_than_the_difference_share_the_first_window),
        cmocka_unit_test(a_record_is_late_as_a_whole_or_for_some_windows),
        cmocka_unit_test(a_difference_of_0_is_a_window_for_each_moment),
        cmocka_unit_test(final_results_are_those_of_the_suppress_scenario),
        cmocka_unit_test(random_records_make_the_windows_of_a_model),
        cmocka_unit_test(final_results_hold_what_came_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
