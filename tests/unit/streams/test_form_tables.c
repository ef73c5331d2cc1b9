/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms of tables, aggregations and joins in a configuration: rows of inputs and what comes of each.
 */
#include "tests/unit/streams/form_run.h"

#define TABLE "t = { type = \"table\"; topic = \"t\"; cached = false; };\n"
#define S     "s = { type = \"source\"; topics = [\"s\"]; };\n"

static void a_tables_filter_and_map_are_tables(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"t", "k", "1", 1, ""},          {"t", "k", "5", 2, "k=50@2"}, {"t", "k", "7", 3, "k=70@3"},
        {"t", "k", "2", 4, "k=null@4"},  {"t", "k", "1", 5, ""},       {"t", "k", "9", 6, "k=90@6"},
        {"t", "k", NULL, 7, "k=null@7"},
    };
    FORM_RUN(TABLE "f = { type = \"filter\"; from = \"t\"; where = \"value > 3\"; };\n"
                   "x = { type = \"map_values\"; from = \"f\"; value = \"value * 10\"; };\n" OUT,
             steps);
}

static void changes_of_a_table_are_a_stream(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"t", "k", "1", 1, "k=1@1"}, {"t", "k", "1", 2, "k=2@2"}, {"t", "j", "1", 3, "j=1@3"}};
    FORM_RUN(TABLE "c = { type = \"to_stream\"; from = \"t\"; };\n"
                   "x = { type = \"count\"; from = \"c\"; cached = false; };\n" OUT,
             steps);
}

/* As of the record's time, in a table that is made of a stream. */
static void a_stream_is_joined_with_what_a_table_was(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"t", "k", "\"a\"", 100, ""},         {"t", "k", "\"b\"", 200, ""},
        {"s", "k", "1", 150, "k=\"a\"@150"},  {"s", "k", "2", 250, "k=\"b\"@250"},
        {"s", "k", "3", 50, "k=\"none\"@50"},
    };
    FORM_RUN(
        S
        "in = { type = \"source\"; topics = [\"t\"]; };\n"
        "t = { type = \"to_table\"; from = \"in\"; history = \"1m\"; };\n"
        "x = { type = \"join_table\"; from = [\"s\", \"t\"]; kind = \"left\"; join = \"right or 'none'\"; };\n" OUT,
        steps);
}

/* Each kind of join of two tables, beside each other. */
static void tables_are_joined(void **state)
{
    (void)state;
    static const struct form_step inner[] = {
        {"t", "k", "1", 1, ""},
        {"r", "k", "10", 2, "k=11@2"},
        {"t", "k", NULL, 3, "k=null@3"},
        {"r", "k", "20", 4, ""},
    };
    static const struct form_step outer[] = {
        {"t", "k", "1", 1, "k=1@1"},
        {"r", "k", "10", 2, "k=11@2"},
        {"t", "k", NULL, 3, "k=10@3"},
        {"r", "k", "20", 4, "k=20@4"},
    };
#define JOINED(kind)                                                                    \
    TABLE "r = { type = \"table\"; topic = \"r\"; cached = false; };\n"                 \
          "x = { type = \"join_tables\"; from = [\"t\", \"r\"]; kind = \"" kind "\";\n" \
          "join = \"(left or 0) + (right or 0)\"; };\n" OUT
    FORM_RUN(JOINED("inner"), inner);
    FORM_RUN(JOINED("outer"), outer);
}

static void streams_are_joined_within_a_time(void **state)
{
    (void)state;
    static const struct form_step inner[] = {
        {"in", "k", "1", 1000, ""},
        {"s", "k", "2", 1100, "k=[1,2]@1100"},
        {"s", "k", "3", 899, ""},
        {"s", "k", "4", 900, "k=[1,4]@1000"},
    };
    static const struct form_step outer[] = {
        {"in", "k", "1", 1000, ""},
        {"s", "k", "2", 1150, ""},
        {"in", "k", "3", 1350, "k=[1,0]@1000"},
        {"in", "k", "4", 1400, "k=[0,2]@1150"},
    };
#define PAIRS(kind, grace)                                                                                  \
    IN S "x = { type = \"join_streams\"; from = [\"in\", \"s\"]; kind = \"" kind "\"; within = \"100ms\"; " \
         "grace = \"" grace "\";\njoin = \"{ left or 0, right or 0 }\"; };\n" OUT
    FORM_RUN(PAIRS("inner", "1s"), inner);
    FORM_RUN(PAIRS("outer", "100ms"), outer);
}

/* Of a row of a table that changes: out of its old group, into the new one. */
static void rows_of_tables_are_summed(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"t", "1", "{\"of\":\"a\",\"n\":5}", 1, "a=5@1"},
        {"t", "2", "{\"of\":\"a\",\"n\":3}", 2, "a=8@2"},
        {"t", "1", "{\"of\":\"b\",\"n\":5}", 3, "a=3@3 b=5@3"},
        {"t", "2", NULL, 4, "a=0@4"},
    };
    FORM_RUN(
        TABLE
        "x = { type = \"aggregate\"; from = \"t\"; by = \"value.of\"; function = \"sum\"; of = \"value.n\";\n"
        "as = \"int64\"; partitions = 1; cached = false; };\n" OUT,
        steps);
}

static void windows_are_kept_as_long_as_is_said(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"in", "k", "1", 10, "k[0]=1@10"}, {"in", "k", "1", 120, "k[100]=1@120"},
        {"in", "k", "1", 20, "k[0]=2@20"}, {"in", "k", "1", 150, "k[100]=2@150"},
        {"in", "k", "1", 30, ""},
    };
    FORM_RUN(IN
             "x = { type = \"count\"; from = \"in\"; cached = false;\n"
             "window = { type = \"tumbling\"; size = 100; grace = \"50ms\"; retention = \"1s\"; }; };\n" OUT,
             steps);
}

static void a_full_buffer_lets_the_oldest_go(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"t", "a", "1", 1, ""}, {"t", "b", "2", 2, ""}, {"t", "c", "3", 3, "a=1@1"}, {"t", "b", "9", 4, ""}};
    struct form_run run;
    form_run_open(&run, HEAD,
                  TABLE "x = { type = \"suppress\"; from = \"t\"; until = \"time_limit\"; limit = \"1m\"; "
                        "max_records = 2; };\n" OUT,
                  1);
    form_take(&run, steps, sizeof(steps) / sizeof(steps[0]));
    form_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tables_filter_and_map_are_tables),
        cmocka_unit_test(changes_of_a_table_are_a_stream),
        cmocka_unit_test(a_stream_is_joined_with_what_a_table_was),
        cmocka_unit_test(tables_are_joined),
        cmocka_unit_test(streams_are_joined_within_a_time),
        cmocka_unit_test(rows_of_tables_are_summed),
        cmocka_unit_test(windows_are_kept_as_long_as_is_said),
        cmocka_unit_test(a_full_buffer_lets_the_oldest_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
