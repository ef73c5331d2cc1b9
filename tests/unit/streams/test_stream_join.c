/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of two streams, row by row. What Kafka Streams 4.3 gives for these rows was read off its own tests and its test driver.
 */
#include "tests/unit/streams/join_world.h"

/* ---- the rows of Kafka Streams' join test: difference 10 s, grace 24 h ---------------------------------------------- */

struct row {
    const char *side, *key, *value;
    int64_t time;
    const char *inner, *left, *outer; /* NULL: as the one before */
};

static const struct row rows[] = {
    {"L", "k", NULL, 1, "", NULL, NULL},
    {"R", "k", NULL, 2, "", NULL, NULL},
    {"L", "k", "A", 3, "", NULL, NULL},
    {"R", "k", "a", 4, "k:A-a@4", NULL, NULL},
    {"L", "k", "B", 5, "k:B-a@5", NULL, NULL},
    {"R", "k", "b", 6, "k:A-b@6 k:B-b@6", NULL, NULL},
    {"L", "k", NULL, 7, "", NULL, NULL},
    {"R", "k", NULL, 8, "", NULL, NULL},
    {"L", "k", "C", 9, "k:C-a@9 k:C-b@9", NULL, NULL},
    {"R", "k", "c", 10, "k:A-c@10 k:B-c@10 k:C-c@10", NULL, NULL},
    {"R", "k", NULL, 11, "", NULL, NULL},
    {"L", "k", NULL, 12, "", NULL, NULL},
    {"R", "k", NULL, 13, "", NULL, NULL},
    {"R", "k", "d", 14, "k:A-d@14 k:B-d@14 k:C-d@14", NULL, NULL},
    {"L", "k", "D", 15, "k:D-a@15 k:D-b@15 k:D-c@15 k:D-d@15", NULL, NULL},
    {"L", NULL, "E", 16, "", "-:E-null@16", NULL},
    {"R", NULL, "e", 17, "", NULL, "-:null-e@17"},
};

static const char *expected_of(const struct row *row, enum join_type type)
{
    if (type == OUTER && row->outer) return row->outer;
    return type != INNER && row->left ? row->left : row->inner;
}

static void the_rows_of_the_join_test_come_out_as_they_should(void **state)
{
    (void)state;
    for (int type = INNER; type <= OUTER; type++) {
        for (int compat = 0; compat <= 1; compat++) {
            struct join_world w;
            join_open(&w, (enum join_type)type, 10000, 10000, 86400000, compat);
            for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                STEP(&w, rows[i].side, rows[i].key, rows[i].value, rows[i].time,
                     expected_of(&rows[i], (enum join_type)type));
            join_close(&w);
        }
    }
}

static void a_stream_is_joined_with_itself(void **state)
{
    (void)state;
    struct join_world w;
    join_conf(&w, INNER, 10000, 10000, 86400000);
    join_start(&w, true);
    STEP(&w, "L", "k", NULL, 1, "");
    STEP(&w, "L", "k", "A", 2, "k:A-A@2");
    STEP(&w, "L", "k", "B", 3, "k:B-A@3 k:A-B@3 k:B-B@3");
    STEP(&w, "L", "k", NULL, 4, "");
    STEP(&w, "L", "k", "C", 5, "k:C-A@5 k:C-B@5 k:A-C@5 k:B-C@5 k:C-C@5");
    STEP(&w, "L", "k", NULL, 6, "");
    STEP(&w, "L", "k", "D", 7, "k:D-A@7 k:D-B@7 k:D-C@7 k:A-D@7 k:B-D@7 k:C-D@7 k:D-D@7");
    join_close(&w);
}

/* ---- both kinds of rules: what comes alone, when, and in which order ------------------------------------------------ */

/* Runs the body by the right rule and by Kafka Streams'. */
#define BOTH(w, type, before, after, grace)                                                          \
    for (int compat_ = 0; compat_ <= 1 && (join_open(w, type, before, after, grace, compat_), true); \
         compat_++, join_close(w))

static void what_is_alone_comes_before_the_pair_that_told_of_it(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, LEFT_JOIN, 100, 100, 0)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "L", "1", "A1", 100, "");
        STEP(&w, "R", "1", "a1", 110, "0:A0-null@0 1:A1-a1@110");
    }
}

static void what_is_alone_comes_when_grace_is_over(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, LEFT_JOIN, 100, 100, 10)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "L", "1", "A1", 0, "");
        STEP(&w, "R", "0", "a0", 101, "");
        STEP(&w, "R", "1", "a1", 101, "");
        STEP(&w, "R", "2", "a2", 110, "");
        STEP(&w, "R", "0", "dummy", 1201, "0:A0-null@0 1:A1-null@0");
    }
    BOTH(&w, OUTER, 100, 100, 10)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "R", "1", "11", 0, "");
        STEP(&w, "L", "1", "A1", 101, "");
        STEP(&w, "R", "0", "10", 101, "");
        STEP(&w, "R", "0", "100", 110, "");
        STEP(&w, "R", "0", "100", 112, "1:null-11@0 0:A0-null@0");
    }
}

static void all_of_one_time_and_key_come_alone_or_find_partners(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, LEFT_JOIN, 100, 100, 10)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "L", "0", "A0b", 0, "");
        STEP(&w, "R", "1", "a0", 111, "0:A0-null@0 0:A0b-null@0");
        STEP(&w, "R", "2", "dummy", 500, "");
        STEP(&w, "L", "2", "A2", 1000, "");
        STEP(&w, "L", "2", "A2b", 1000, "");
        STEP(&w, "R", "2", "a2", 1001, "2:A2-a2@1001 2:A2b-a2@1001");
        STEP(&w, "R", "3", "a3", 315, "");
        STEP(&w, "R", "3", "a3", 2000, "");
    }
    BOTH(&w, OUTER, 100, 100, 10)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "L", "0", "A0b", 0, "");
        STEP(&w, "R", "1", "11", 0, "");
        STEP(&w, "R", "1", "12", 0, "");
        STEP(&w, "R", "1", "10", 111, "1:null-11@0 1:null-12@0 0:A0-null@0 0:A0b-null@0");
        STEP(&w, "R", "3", "100", 211, "");
        STEP(&w, "L", "2", "A2", 200, "");
        STEP(&w, "L", "2", "A2b", 200, "");
        STEP(&w, "R", "2", "13", 201, "2:A2-13@201 2:A2b-13@201");
        STEP(&w, "R", "2", "14", 201, "2:A2-14@201 2:A2b-14@201");
        STEP(&w, "R", "3", "100", 1500, "1:null-10@111 3:null-100@211");
    }
}

static void either_side_moves_the_time_for_both(void **state)
{
    (void)state;
    struct join_world w;
    const char *const sides[] = {"L", "R"};
    for (size_t i = 0; i < 2; i++) {
        BOTH(&w, LEFT_JOIN, 100, 100, 0)
        {
            STEP(&w, "L", "0", "A0", 1, "");
            STEP(&w, "L", "1", "A1", 2, "");
            STEP(&w, "L", "0", "A0b", 3, "");
            STEP(&w, "R", "1", "a1", 3, "1:A1-a1@3");
            STEP(&w, sides[i], "2", "dummy", 401, "0:A0-null@1 0:A0b-null@3");
            STEP(&w, sides[1 - i], "2", "dummy", 402, "2:dummy-dummy@402");
        }
        BOTH(&w, OUTER, 100, 100, 0)
        {
            STEP(&w, "R", "0", "A0", 1, "");
            STEP(&w, "R", "1", "A1", 2, "");
            STEP(&w, "R", "0", "A0b", 3, "");
            STEP(&w, "L", "1", "a1", 3, "1:a1-A1@3");
            STEP(&w, sides[i], "2", "dummy", 401, "0:null-A0@1 0:null-A0b@3");
            STEP(&w, sides[1 - i], "2", "dummy", 402, "2:dummy-dummy@402");
        }
    }
}

static void a_left_join_says_nothing_of_right_records_alone(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, LEFT_JOIN, 100, 100, 0)
    {
        STEP(&w, "R", "0", "A0", 1, "");
        STEP(&w, "R", "1", "A1", 2, "");
        STEP(&w, "R", "0", "A0b", 3, "");
        STEP(&w, "L", "1", "a1", 3, "1:a1-A1@3");
        STEP(&w, "L", "2", "dummy", 401, "");
        STEP(&w, "R", "2", "dummy", 402, "2:dummy-dummy@402");
    }
}

static void windows_may_reach_further_on_one_side(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, OUTER, 5, 20, 0)
    {
        STEP(&w, "L", "0", "A0", 29, "");
        STEP(&w, "L", "1", "A1", 30, "");
        STEP(&w, "R", "2", "12", 31, "");
        STEP(&w, "R", "3", "13", 36, "");
        STEP(&w, "R", "4", "14", 37, "2:null-12@31");
        STEP(&w, "R", "5", "15", 50, "0:A0-null@29 3:null-13@36 4:null-14@37");
    }
    BOTH(&w, OUTER, 0, 100, 0)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "L", "1", "A1", 1, "");
        STEP(&w, "R", "0", "10", 100, "0:A0-10@100");
        STEP(&w, "R", "1", "11", 102, "1:A1-null@1");
        STEP(&w, "R", "2", "12", 103, "1:null-11@102");
        STEP(&w, "L", "2", "A2", 103, "2:A2-12@103");
    }
    BOTH(&w, OUTER, 100, 0, 0)
    {
        STEP(&w, "L", "0", "A0", 0, "");
        STEP(&w, "L", "1", "A1", 1, "0:A0-null@0");
        STEP(&w, "R", "1", "11", 1, "1:A1-11@1");
        STEP(&w, "R", "2", "12", 101, "");
        STEP(&w, "R", "3", "13", 101, "");
        STEP(&w, "L", "2", "A2", 201, "2:A2-12@201");
    }
}

/* Partners that are all earlier: 5 to 10 before the left record. */
static void windows_may_lie_on_one_side(void **state)
{
    (void)state;
    struct join_world w;
    join_open(&w, LEFT_JOIN, 10, -5, 2, false);
    STEP(&w, "R", "k", "a", 0, "");
    STEP(&w, "R", "k", "b", 5, "");
    STEP(&w, "R", "k", "c", 6, "");
    STEP(&w, "L", "k", "A", 10, "k:A-a@10 k:A-b@10");
    STEP(&w, "L", "k", "B", 30, "");
    STEP(&w, "R", "k", "d", 32, "");
    STEP(&w, "R", "k", "e", 33, "k:B-null@30");
    join_close(&w);
}

static void bounds_of_windows_are_inclusive(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, INNER, 100, 100, 1000)
    {
        STEP(&w, "R", "k", "b", 1000, "");
        STEP(&w, "L", "k", "A", 899, "");
        STEP(&w, "L", "k", "B", 900, "k:B-b@1000");
        STEP(&w, "L", "k", "C", 1100, "k:C-b@1100");
        STEP(&w, "L", "k", "D", 1101, "");
    }
}

/* Of key "a" nothing is seen where "ab" is meant, and an empty key is a key. */
static void keys_do_not_meet_others_that_begin_alike(void **state)
{
    (void)state;
    struct join_world w;
    BOTH(&w, OUTER, 10, 10, 0)
    {
        STEP(&w, "L", "a", "1", 0, "");
        STEP(&w, "L", "ab", "2", 0, "");
        STEP(&w, "L", "", "3", 0, "");
        STEP(&w, "R", "ab", "4", 0, "ab:2-4@0");
        STEP(&w, "R", "", "5", 0, ":3-5@0");
        STEP(&w, "R", "z", "6", 11, "a:1-null@0");
    }
}

/* ---- where the two differ ------------------------------------------------------------------------------------------- */

static void nothing_is_alone_before_grace_is_over(void **state)
{
    (void)state;
    struct join_world w;
    join_open(&w, LEFT_JOIN, 10, 10, 100, false);
    STEP(&w, "R", "x", "a", 100, "");
    STEP(&w, "L", "k", "A", 50, "");
    STEP(&w, "R", "k", "a", 55, "k:A-a@55");
    STEP(&w, "L", "k", "B", 20, "");
    STEP(&w, "R", "x", "b", 130, "");
    STEP(&w, "R", "x", "b", 131, "k:B-null@20");
    join_close(&w);

    join_open(&w, LEFT_JOIN, 10, 10, 100, true);
    STEP(&w, "R", "x", "a", 100, "");
    STEP(&w, "L", "k", "A", 50, "k:A-null@50");
    STEP(&w, "R", "k", "a", 55, "k:A-a@55");
    join_close(&w);
}

static void results_come_when_they_are_due(void **state)
{
    (void)state;
    struct join_world w;
    join_open(&w, OUTER, 10, 10, 0, false);
    STEP(&w, "L", "k", "A", 100, "");
    STEP(&w, "R", "j", "b", 101, "");
    STEP(&w, "L", "x", "x", 110, "");
    STEP(&w, "L", "y", "y", 111, "k:A-null@100");
    STEP(&w, "R", "z", "c", 112, "j:null-b@101");
    STEP(&w, "R", "z", "d", 119, "");
    STEP(&w, "R", "z", "e", 121, "x:x-null@110");
    join_close(&w);

    join_open(&w, OUTER, 10, 10, 0, true);
    STEP(&w, "L", "k", "A", 100, "");
    STEP(&w, "R", "j", "b", 101, "");
    STEP(&w, "L", "x", "x", 110, "");
    STEP(&w, "L", "y", "y", 111, "k:A-null@100");
    STEP(&w, "R", "z", "c", 112, "");
    STEP(&w, "R", "z", "d", 119, "");
    STEP(&w, "R", "z", "e", 121, "j:null-b@101 x:x-null@110");
    join_close(&w);
}

static void results_carry_their_own_headers(void **state)
{
    (void)state;
    struct join_world w;
    for (int compat = 0; compat <= 1; compat++) {
        join_open(&w, OUTER, 100, 100, 10, compat);
        join_feed(&w, 'L', "0", "A0", 0, "1");
        join_feed(&w, 'R', "1", "10", 0, "2");
        join_feed(&w, 'R', "3", "100", 211, "3");
        EXPECT(&w, compat ? "1:null-10@0{3} 0:A0-null@0{3}" : "1:null-10@0{2} 0:A0-null@0{1}");
        join_feed(&w, 'L', "2", "A2", 200, "4");
        join_feed(&w, 'R', "2", "12", 200, "5");
        EXPECT(&w, "2:A2-12@200{5}");
        join_close(&w);
    }
}

/* No results after the one alone, and late records are refused. */
static void a_closed_window_stays_closed(void **state)
{
    (void)state;
    struct join_world w;
    join_open(&w, LEFT_JOIN, 10, 10, 5, false);
    STEP(&w, "L", "k", "A", 0, "");
    STEP(&w, "L", "m", "B", 0, "");
    STEP(&w, "R", "m", "b", 0, "m:B-b@0");
    STEP(&w, "L", "x", "x", 16, "k:A-null@0");
    STEP(&w, "R", "k", "a", 2, "");        /* its own window is open, that of A is not */
    STEP(&w, "R", "m", "c", 2, "");        /* nor that of B */
    STEP(&w, "L", "k", "C", 0, "");        /* late */
    STEP(&w, "L", "k", "D", 1, "k:D-a@2"); /* just in time */
    STEP(&w, "R", "k", "e", 0, "");        /* late */
    join_close(&w);

    join_open(&w, INNER, 10, 10, 5, false);
    STEP(&w, "L", "k", "A", 0, "");
    STEP(&w, "L", "x", "x", 16, "");
    STEP(&w, "R", "k", "a", 2, "k:A-a@2");
    STEP(&w, "R", "k", "b", 0, "");
    join_close(&w);
}

static void late_records_join_what_is_left_in_compat(void **state)
{
    (void)state;
    struct join_world w;
    join_open(&w, LEFT_JOIN, 100, 100, 0, true);
    for (int i = 0; i < 4; i++) {
        char key[2] = {(char)('0' + i), '\0'}, value[3] = {'b', (char)('0' + i), '\0'};
        STEP(&w, "R", key, value, 1000 + i, "");
    }
    STEP(&w, "L", "9", "x", 1405, "");
    STEP(&w, "L", "0", "G", 899, "0:G-null@899");
    STEP(&w, "L", "0", "H", 900, "0:H-b0@1000");
    STEP(&w, "L", "1", "H", 900, "1:H-null@900");
    STEP(&w, "L", "2", "J", 902, "2:J-b2@1002");
    STEP(&w, "R", "9", "y", 1202, "");
    STEP(&w, "L", "2", "K", 1000, "2:K-null@1000"); /* 1002 is not shown any more */
    STEP(&w, "L", "3", "K", 1003, "3:K-b3@1003");
    join_close(&w);
}

static void records_before_their_partners_find_them_later_in_compat(void **state)
{
    (void)state;
    struct join_world w;
    join_open(&w, LEFT_JOIN, 100, 0, 0, true);
    STEP(&w, "L", "0", "A0", 1000, "");
    STEP(&w, "L", "1", "A1", 1001, "0:A0-null@1000");
    STEP(&w, "L", "2", "A2", 1002, "1:A1-null@1001");
    STEP(&w, "L", "3", "A3", 1003, "2:A2-null@1002");
    STEP(&w, "R", "0", "a0", 999, "0:A0-a0@1000");
    STEP(&w, "R", "3", "a3", 999, "3:A3-a3@1003");
    STEP(&w, "R", "0", "b0", 1001, "");
    STEP(&w, "R", "1", "b1", 1001, "1:A1-b1@1001");
    join_close(&w);
}

/* ---- joiners --------------------------------------------------------------------------------------------------------- */

static void values_are_joined_by_an_expression(void **state)
{
    (void)state;
    struct join_world w;
    struct aq_err err = {0};
    struct st_joiner_script script = {
        .program = {.form = LUA_EXPRESSION,
                    .name = "join",
                    .text =
                        AQ_LIT("right and right.n == 0 and nil or key .. ' ' .. (left and left.n or 'none') "
                               ".. ' ' .. (right and right.n or 'none')"),
                    .variables = st_join_names,
                    .instruction_limit = 10000,
                    .memory_limit = LUA_MEMORY_MIN},
        .left = st_serde_find("json", &err),
        .right = st_serde_find("json", &err),
        .as = st_serde_find("string", &err)};
    join_conf(&w, OUTER, 10, 10, 0);
    w.join.joiner = (struct st_joiner){.kind = &st_joiner_lua, .user = &script};
    join_start(&w, false);
    STEP(&w, "L", "k", "{\"n\": 1}", 0, "");
    STEP(&w, "R", "k", "{\"n\": 2}", 5, "k:k 1 2@5");
    STEP(&w, "R", "j", "{\"n\": 3}", 6, "");
    STEP(&w, "L", "i", "{\"n\": 4}", 17, "j:j none 3@6");
    STEP(&w, "R", "x", "{\"n\": 5}", 28, "i:i 4 none@17");
    join_close(&w);
}

static int join_call(struct st_context *context, void *user, struct aq_slice key, struct aq_slice left,
                     struct aq_slice right, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    if (aq_slice_equal(key, AQ_LIT("bad"))) return aq_fail(err, AQ_E_BAD_RECORD, "no");
    ++*(int *)user;
    /* It lies in the record at hand or in a store. */
    *ret = aq_slice_is_null(right) ? left : aq_slice_of(right.ptr + 1, right.len - 1);
    return 0;
}

static void values_are_joined_by_a_function(void **state)
{
    (void)state;
    struct join_world w;
    int calls = 0;
    struct st_joiner_call call = {.call = join_call, .user = &calls};
    join_conf(&w, LEFT_JOIN, 10, 10, 0);
    w.join.joiner = (struct st_joiner){.kind = &st_joiner_c, .user = &call};
    join_start(&w, false);
    STEP(&w, "R", "k", "abc", 0, "");
    STEP(&w, "L", "k", "left", 5, "k:bc@5");
    STEP(&w, "R", "k", "xyz", 6, "k:yz@6");
    STEP(&w, "L", "j", "alone", 7, "");
    STEP(&w, "R", "x", "x", 18, "j:alone@7");
    assert_int_equal(calls, 3);
    /* A refusal ends the task, as the handlers say here. */
    STEP(&w, "R", "bad", "x", 18, "");
    const struct kc_sim_record rec = {
        .partition = 0, .key = AQ_LIT("bad"), .value = AQ_LIT("x"), .timestamp = BASE + 18};
    assert_int_equal(st_driver_pipe(w.engine.driver, "left", &rec, &w.engine.err), AQ_E_BAD_RECORD);
    assert_non_null(strstr(w.engine.err.text, "joined-left"));
    st_driver_destroy(w.engine.driver);
    st_topology_destroy(w.engine.topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_of_the_join_test_come_out_as_they_should),
        cmocka_unit_test(a_stream_is_joined_with_itself),
        cmocka_unit_test(what_is_alone_comes_before_the_pair_that_told_of_it),
        cmocka_unit_test(what_is_alone_comes_when_grace_is_over),
        cmocka_unit_test(all_of_one_time_and_key_come_alone_or_find_partners),
        cmocka_unit_test(either_side_moves_the_time_for_both),
        cmocka_unit_test(a_left_join_says_nothing_of_right_records_alone),
        cmocka_unit_test(windows_may_reach_further_on_one_side),
        cmocka_unit_test(windows_may_lie_on_one_side),
        cmocka_unit_test(bounds_of_windows_are_inclusive),
        cmocka_unit_test(keys_do_not_meet_others_that_begin_alike),
        cmocka_unit_test(nothing_is_alone_before_grace_is_over),
        cmocka_unit_test(results_come_when_they_are_due),
        cmocka_unit_test(results_carry_their_own_headers),
        cmocka_unit_test(a_closed_window_stays_closed),
        cmocka_unit_test(late_records_join_what_is_left_in_compat),
        cmocka_unit_test(records_before_their_partners_find_them_later_in_compat),
        cmocka_unit_test(values_are_joined_by_an_expression),
        cmocka_unit_test(values_are_joined_by_a_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
