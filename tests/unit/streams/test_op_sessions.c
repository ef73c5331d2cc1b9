/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in session windows. Merging is told by "(a|b)".
 */
#include "tests/unit/streams/st_store_world.h"

static struct st_aggregate sessions(int64_t gap, int64_t grace)
{
    return (struct st_aggregate){
        .windows = {.kind = ST_SESSION, .size_ms = gap, .grace_ms = grace, .retention_ms = 10000000}};
}

static void records_exactly_a_gap_apart_are_one_session(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 0);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k", "a", 10, "k[10,10]=0+a@10");
    EXPECT(&w, "k", "b", 15, "k[10,10]=-@10(0+a) k[10,15]=0+a+b@15");
    EXPECT(&w, "k", "c", 21, "k[21,21]=0+c@21");
    EXPECT(&w, "K", "d", 21, "K[21,21]=0+d@21");
    world_close(&w);
}

static void the_same_moment_again_needs_no_tombstone_and_the_same_bounds_do(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 0);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k", "a", 10, "k[10,10]=0+a@10");
    EXPECT(&w, "k", "b", 10, "k[10,10]=0+a+b@10(0+a)");
    EXPECT(&w, "k", "c", 14, "k[10,10]=-@10(0+a+b) k[10,14]=0+a+b+c@14");
    EXPECT(&w, "k", "d", 12, "k[10,14]=-@14(0+a+b+c) k[10,14]=0+a+b+c+d@14");
    world_close(&w);
}

/* KStreamSessionWindowAggregateProcessorTest.shouldMergeSessions: 0 and gap + 1, then gap / 2. */
static void a_record_between_two_sessions_makes_them_one(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(300000, 60000);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k", "a", 0, "k[0,0]=0+a@0");
    EXPECT(&w, "k", "b", 300001, "k[300001,300001]=0+b@300001");
    EXPECT(&w, "k", "c", 150000,
           "k[0,0]=-@0(0+a) k[300001,300001]=-@300001(0+b) k[0,300001]=(0+a|0+b)+c@300001");
    world_close(&w);
}

static void only_neighbours_are_merged_in_the_order_of_their_ends(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(10, 1000);
    world_open(&w, &op, true, 0, 0);
    feed(&w, "k", "a", 100);
    feed(&w, "k", "b", 60);
    feed(&w, "k", "c", 81);
    feed(&w, "k", "d", 120);
    w.told[0] = '\0';
    EXPECT(&w, "k", "e", 90, "k[81,81]=-@81(0+c) k[100,100]=-@100(0+a) k[81,100]=(0+c|0+a)+e@100");
    EXPECT(&w, "k", "f", 110,
           "k[81,100]=-@100((0+c|0+a)+e) k[120,120]=-@120(0+d) "
           "k[81,120]=((0+c|0+a)+e|0+d)+f@120");
    EXPECT(&w, "k", "g", 49, "k[49,49]=0+g@49");
    world_close(&w);
}

/* SuppressScenarioTest's sessions: gap 5, no grace. */
static void late_is_judged_by_the_session_a_record_ends_up_in(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 0);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k1", "v", 0, "k1[0,0]=0+v@0");
    EXPECT(&w, "k1", "v", 5, "k1[0,0]=-@0(0+v) k1[0,5]=0+v+v@5");
    EXPECT(&w, "k1", "v", 1, "k1[0,5]=-@5(0+v+v) k1[0,5]=0+v+v+v@5");
    EXPECT(&w, "k2", "v", 11, "k2[11,11]=0+v@11");
    /* [0,5] is over at 11: what belongs to it is late, and what reaches a live session is not. */
    EXPECT(&w, "k1", "v", 5, "");
    expect_counts(&w, 1, 1);
    EXPECT(&w, "k2", "w", 6, "k2[11,11]=-@11(0+v) k2[6,11]=0+v+w@11");
    EXPECT(&w, "k2", "x", 1, "k2[6,11]=-@11(0+v+w) k2[1,11]=0+v+w+x@11");
    EXPECT(&w, "k1", "v", 30, "k1[30,30]=0+v@30");
    expect_counts(&w, 1, 1);
    world_close(&w);
}

static void grace_keeps_a_session_open(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(10, 5);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k", "a", 0, "k[0,0]=0+a@0");
    EXPECT(&w, "o", "x", 15, "o[15,15]=0+x@15");
    EXPECT(&w, "k", "b", 0, "k[0,0]=0+a+b@0(0+a)");
    EXPECT(&w, "o", "y", 16, "o[15,15]=-@15(0+x) o[15,16]=0+x+y@16");
    EXPECT(&w, "k", "c", 0, "");
    expect_counts(&w, 1, 1);
    world_close(&w);
}

static void nulls_rows_that_go_away_and_records_that_are_refused(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 100);
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, NULL, "a", 10, "");
    EXPECT(&w, "k", NULL, 10, "");
    expect_counts(&w, 2, 0);
    EXPECT(&w, "k", "a", 10, "k[10,10]=0+a@10");
    assert_int_equal(put_record(&w, &w.aggregation, "k", "?", 12), AQ_E_BAD_RECORD);
    expect_told(&w, "");
    EXPECT(&w, "k", "b", 12, "k[10,10]=-@10(0+a) k[10,12]=0+a+b@12");
    EXPECT(&w, "k", "!", 13, "k[10,12]=-@12(0+a+b)");
    EXPECT(&w, "k", "c", 12, "k[12,12]=0+c@12");
    EXPECT(&w, "k", "!", 12, "k[12,12]=-@12(0+c)");
    world_close(&w);
    op.compat = true;
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k", NULL, 10, "k[10,10]=0+-@10");
    EXPECT(&w, "k", "!", 13, "k[10,10]=-@10(0+-) k[10,13]=-@13");
    world_close(&w);
}

static void a_cache_hides_sessions_that_were_gone_before_anyone_saw_them(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 100);
    world_open(&w, &op, true, 100000, 0);
    feed(&w, "k", "a", 10);
    feed(&w, "k", "b", 14);
    feed(&w, "k", "c", 17);
    expect_told(&w, "");
    commit(&w);
    expect_told(&w, "k[10,17]=0+a+b+c@17");
    feed(&w, "k", "d", 12);
    feed(&w, "j", "x", 3);
    feed(&w, "k", "e", 19);
    commit(&w);
    expect_told(&w, "j[3,3]=0+x@3 k[10,17]=-@17(0+a+b+c) k[10,19]=0+a+b+c+d+e@19");
    restart(&w, 19);
    feed(&w, "k", "f", 20);
    commit(&w);
    expect_told(&w, "k[10,19]=-@19(0+a+b+c+d+e) k[10,20]=0+a+b+c+d+e+f@20");
    world_close(&w);
}

static void keys_of_the_store_are_those_of_kafka(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 0);
    struct aq_slice value;
    static const char rest[16] = {0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 10};
    world_open(&w, &op, true, 0, 0);
    feed(&w, "k", "a", 10);
    feed(&w, "k", "b", 14);
    assert_int_equal(st_state_get(&w.states[0], AQ_LIT("k"), aq_slice_of(rest, sizeof(rest)), &value, &w.err),
                     0);
    assert_true(aq_slice_equal(value, AQ_LIT("0+a+b")));
    world_close(&w);
}

static void an_aggregator_that_cannot_merge_does_not_start(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 0), bad;
    world_open(&w, &op, true, 0, 0);
    void *ignored;
    bad = w.op;
    bad.aggregator.kind = &first_kind;
    assert_int_equal(st_session_aggregate_kind.start(&w.aggregation, &bad, &ignored, &w.err), AQ_E_CONFIG);
    assert_string_equal(w.err.text,
                        "first cannot merge two sessions into one; use another aggregation or other windows");
    world_close(&w);
}

/* ---- final results -------------------------------------------------------------------------------------------------- */

static void a_session_sends_its_last_state_when_nothing_can_reach_it_any_more(void **state)
{
    (void)state;
    struct store_world w;
    struct st_aggregate op = sessions(5, 0);
    op.emit = ST_EMIT_CLOSE;
    world_open(&w, &op, true, 0, 0);
    EXPECT(&w, "k1", "a", 0, "");
    EXPECT(&w, "k1", "b", 5, "");
    EXPECT(&w, "k1", "c", 1, "");
    EXPECT(&w, "k2", "d", 10, "");
    EXPECT(&w, "k2", "e", 11, "k1[0,5]=0+a+b+c@5");
    EXPECT(&w, "k1", "f", 5, "");
    commit(&w);
    restart(&w, 11);
    EXPECT(&w, "k1", "g", 30, "k2[10,11]=0+d+e@11");
    expect_counts(&w, 1, 1);
    world_close(&w);
}

/* Kafka Streams takes what it has sent into the next session, and sends it again with it. */
static void a_session_that_was_sent_is_not_joined_any_more(void **state)
{
    (void)state;
    for (int compat = 0; compat < 2; compat++) {
        struct store_world w;
        struct st_aggregate op = sessions(10, 0);
        op.emit = ST_EMIT_CLOSE;
        op.compat = compat;
        world_open(&w, &op, true, 0, 0);
        feed(&w, "k", "a", 0);
        EXPECT(&w, "k", "b", 16, "k[0,0]=0+a@0");
        EXPECT(&w, "k", "c", 8, "");
        EXPECT(&w, "k", "d", 25, "");
        EXPECT(&w, "o", "e", 99, compat ? "k[0,25]=(0+a|0+b)+c+d@25" : "k[8,25]=0+b+c+d@25");
        world_close(&w);
    }
}

/* ---- a model -------------------------------------------------------------------------------------------------------- */

#define RECORDS 40

struct model {
    int64_t ms[RECORDS];
    size_t n;
};

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The sessions of all records, as rows of the store tell them: "[start,end]n", by end. */
static void model_sessions(const struct model *m, int64_t gap, char *to, size_t size)
{
    int64_t sorted[RECORDS];
    memcpy(sorted, m->ms, m->n * sizeof(int64_t));
    qsort(sorted, m->n, sizeof(int64_t), by_time);
    for (size_t i = 0; i < m->n;) {
        size_t k = i + 1;
        while (k < m->n && sorted[k] - sorted[k - 1] <= gap) k++;
        t_note(to, size, "[%lld,%lld]%zu", (long long)sorted[i], (long long)sorted[k - 1], k - i);
        i = k;
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
    size_t n = 0;
    (void)err;
    assert_true(st_place_of(ST_ROWS_SESSION, bucket, rest, &place));
    for (size_t i = 0; i < value.len; i++) n += value.ptr[i] == '+';
    t_note(l->to, l->size, "[%lld,%lld]%zu", (long long)place.start, (long long)place.end, n);
    return 0;
}

static void random_records_make_the_sessions_of_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15u;
        struct store_world w;
        struct model m = {.n = 0};
        int64_t gap = 1 + (int64_t)(seed % 9);
        struct st_aggregate op = sessions(gap, 1000000);
        world_open(&w, &op, true, seed % 2 ? 2000 : 0, 0);
        for (int i = 0; i < RECORDS; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            m.ms[m.n++] = (int64_t)((random >> 11) % 150);
            feed(&w, "k", "v", m.ms[m.n - 1]);
            if (i % 11 == 10) {
                commit(&w);
                restart(&w, 0);
            }
            w.told[0] = '\0';
            char expected[2048] = "", found[2048] = "";
            struct listing listing = {.to = found, .size = sizeof(found)};
            const struct st_state_range all = {.from = AQ_NULL_SLICE, .to = AQ_NULL_SLICE};
            model_sessions(&m, gap, expected, sizeof(expected));
            int rc = st_state_bucket(&w.states[0], AQ_LIT("k"), &all, list_row, &listing, &w.err);
            assert_int_equal(rc, 0);
            assert_string_equal(found, expected);
        }
        expect_counts(&w, 0, 0);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_exactly_a_gap_apart_are_one_session),
        cmocka_unit_test(the_same_moment_again_needs_no_tombstone_and_the_same_bounds_do),
        cmocka_unit_test(a_record_between_two_sessions_makes_them_one),
        cmocka_unit_test(only_neighbours_are_merged_in_the_order_of_their_ends),
        cmocka_unit_test(late_is_judged_by_the_session_a_record_ends_up_in),
        cmocka_unit_test(grace_keeps_a_session_open),
        cmocka_unit_test(nulls_rows_that_go_away_and_records_that_are_refused),
        cmocka_unit_test(a_cache_hides_sessions_that_were_gone_before_anyone_saw_them),
        cmocka_unit_test(keys_of_the_store_are_those_of_kafka),
        cmocka_unit_test(an_aggregator_that_cannot_merge_does_not_start),
        cmocka_unit_test(a_session_sends_its_last_state_when_nothing_can_reach_it_any_more),
        cmocka_unit_test(a_session_that_was_sent_is_not_joined_any_more),
        cmocka_unit_test(random_records_make_the_sessions_of_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
