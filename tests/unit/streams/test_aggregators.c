/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators: what rows become record by record, in tables, and what is refused with which words.
 */
#include "base/big_endian.h"
#include "tests/unit/streams/agg_world.h"

/* "+VALUE" adds, "-VALUE" subtracts; "+~" is a null value. What the row's result is then; "=" in front: the record changed nothing; "!" in front:
 * the record fails with these words. */
struct step {
    const char *change;
    const char *row;
};

struct table {
    const char *options;
    const char *value_serde;
    struct step steps[12];
};

static struct aq_slice encode(const struct agg_world *a, const char *text, char buf[8])
{
    const struct st_serde *serde = a->context->value_serde;
    if (strcmp(text, "~") == 0) return AQ_NULL_SLICE;
    if (st_serde_type(serde) == ST_VALUE_INT64) {
        bool small = strcmp(st_serde_name(serde), "int32") == 0;
        if (small)
            aq_be32_put(buf, (uint32_t)strtol(text, NULL, 10));
        else
            aq_be64_put(buf, (uint64_t)strtoll(text, NULL, 10));
        return aq_slice_of(buf, small ? 4 : 8);
    }
    if (st_serde_type(serde) == ST_VALUE_DOUBLE) {
        double number = strtod(text, NULL);
        uint64_t bits;
        memcpy(&bits, &number, sizeof(bits));
        aq_be64_put(buf, bits);
        return aq_slice_of(buf, 8);
    }
    return aq_slice_str(text);
}

static void run_step(struct agg_world *a, struct agg_row *row, const struct table *t, const struct step *s)
{
    char buf[8];
    char *before = t_printf("%s", agg_text(a, row));
    int rc = agg_change(a, row, s->change[0], encode(a, s->change + 1, buf));
    const char *want = s->row;
    if (want[0] == '!') {
        T_CHECK(rc == AQ_E_BAD_RECORD, "%s: %s: %d %s", t->options, s->change, rc, a->err.text);
        T_CHECK(strstr(a->err.text, want + 1), "%s: %s: '%s' is not in '%s'", t->options, s->change, want + 1,
                a->err.text);
        want = before;
    } else if (want[0] == '=') {
        T_CHECK(rc == 0 && a->same, "%s: %s: %d %s", t->options, s->change, rc, a->err.text);
        want++;
    } else {
        T_CHECK(rc == 0, "%s: %s: %d %s", t->options, s->change, rc, a->err.text);
    }
    const char *text = agg_text(a, row);
    T_CHECK(strcmp(text, want) == 0, "%s: %s: '%s', not '%s'", t->options, s->change, text, want);
    free(before);
}

static void run_table(const struct table *t)
{
    struct agg_world *a = t_alloc(sizeof(*a));
    struct agg_row row = {AQ_NULL_SLICE};
    agg_open(a, t->value_serde, t->options);
    for (size_t i = 0; i < sizeof(t->steps) / sizeof(t->steps[0]) && t->steps[i].change; i++)
        run_step(a, &row, t, &t->steps[i]);
    agg_row_free(&row);
    agg_close(a);
    free(a);
}

#define RUN(tables)                                                                                \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < sizeof(tables) / sizeof(tables[0]); i_++) run_table(&tables[i_]); \
    } while (0)

/* ---- each of them ------------------------------------------------------------------------------------------------- */

static void count_counts_null_too_and_stays_at_zero(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"count\";",
         "json",
         {{"+1", "1"}, {"+~", "2"}, {"+not json", "3"}, {"-1", "2"}, {"-1", "1"}, {"-1", "0"}, {"+1", "1"}}},
        {"function = \"count\"; as = \"int64\";", "bytes", {{"+x", "1"}}},
    };
    RUN(tables);
}

static void the_accumulator_of_count_is_a_long(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    struct agg_row row = {AQ_NULL_SLICE};
    agg_open(a, "json", "function = \"count\";");
    for (int i = 0; i < 258; i++) T_CHECK(agg_change(a, &row, '+', AQ_LIT("1")) == 0, "%s", a->err.text);
    T_CHECK(aq_slice_equal(row.acc, AQ_LIT("\0\0\0\0\0\0\1\2")), "other bytes");
    T_CHECK(!a->kind->result, "count has a result of its own");
    agg_row_free(&row);
    agg_close(a);
    free(a);
}

static void sum_keeps_integers_exact(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"sum\"; of = \"value.n\";",
         "json",
         {{"+{\"n\":9007199254740993}", "9007199254740993"},
          {"+{\"n\":1}", "9007199254740994"},
          {"+{\"n\":null}", "=9007199254740994"},
          {"+{}", "=9007199254740994"},
          {"-{\"n\":9007199254740993}", "1"},
          {"-{\"n\":1}", "0"},
          {"+{\"n\":-9223372036854775808}", "-9223372036854775808"},
          {"+{\"n\":-1}",
           "!sum: the integers come to -9.2233720368547758e+18, which is more than 64 bits hold; use "
           "as = \"double\""}}},
        {"function = \"sum\"; of = \"value.n\";",
         "json",
         {{"+{}", "=-"},
          {"+{\"n\":\"5\"}",
           "!sum: of is a string and must be a number; of = \"tonumber(...)\" makes one of a string"},
          {"+{\"n\":true}", "!sum: of is a boolean and must be a number"},
          {"+{\"n\":[1]}", "!sum: of is an array and must be a number"},
          {"+~", "!sum: of:1: attempt to index a nil value (global 'value')"},
          {"+{", "!sum: of:1: value is not JSON: unexpected end"},
          {"+{\"n\":5}", "5"}}},
        {"function = \"sum\"; of = \"tonumber(value.n)\";",
         "json",
         {{"+{\"n\":\"5\"}", "5"}, {"+{\"n\":\"2.5\"}", "7.5"}}},
        {"function = \"sum\"; as = \"int64\";",
         "int32",
         {{"+2000000000", "2000000000"}, {"+2000000000", "4000000000"}}},
    };
    RUN(tables);
}

static void sum_becomes_a_double_when_one_comes_and_an_integer_when_it_leaves(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"sum\";",
         "json",
         {{"+1", "1"},
          {"+0.5", "1.5"},
          {"+ 2 ", "3.5"},
          {"-0.5", "3"},
          {"+1e2", "103.0"},
          {"-1e2", "3"},
          {"+1e999", "!sum: it would be inf, which has no JSON form; use as = \"double\""},
          {"+0.1", "3.1"},
          {"+0.2", "3.3"},
          {"-0.1", "3.2"},
          {"-0.2", "3"}}},
        {"function = \"sum\"; as = \"double\";",
         "json",
         {{"+1", "1"},
          {"+0.25", "1.25"},
          {"+9223372036854775807", "9.2233720368547758e+18"},
          {"-9223372036854775807", "1.25"},
          {"-1", "0.25"},
          {"-0.25", "0"}}},
        {"function = \"sum\"; as = \"int64\";",
         "json",
         {{"+1", "1"},
          {"+2.0", "3"},
          {"+2.5", "!sum: 2.5 is no integer of 64 bits; use as = \"json\" or \"double\""},
          {"-2.0", "1"}}},
        {"function = \"sum\";", "double", {{"+0.5", "0.5"}, {"+0.25", "0.75"}}},
    };
    RUN(tables);
}

static void small_numbers_are_not_lost_beside_large_ones(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"sum\";", "json", {{"+1e100", "1e+100"}, {"+1.5", "1e+100"}, {"+-1e100", "1.5"}}},
        {"function = \"avg\";",
         "json",
         {{"+1e100", "1e+100"}, {"+3.0", "5.0000000000000001e+99"}, {"-1e100", "3"}}},
    };
    RUN(tables);
}

static void avg_is_a_double_and_goes_with_its_last_value(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"avg\"; of = \"value.n\";",
         "json",
         {{"+{\"n\":1}", "1"},
          {"+{\"n\":2}", "1.5"},
          {"+{}", "=1.5"},
          {"+{\"n\":0.75}", "1.25"},
          {"-{\"n\":2}", "0.875"},
          {"-{\"n\":1}", "0.75"},
          {"-{\"n\":0.75}", "-"},
          {"+{\"n\":7}", "7"}}},
        {"function = \"avg\"; as = \"json\";",
         "json",
         {{"+1", "1.0"}, {"+2", "1.5"}, {"+1e999", "!avg: it would be inf, which has no JSON form"}}},
        {"function = \"avg\";",
         "json",
         {{"+9223372036854775807", "9.2233720368547758e+18"},
          {"+9223372036854775807", "9.2233720368547758e+18"},
          {"+-9223372036854775808", "3.0744573456182584e+18"},
          {"+-9223372036854775808", "-0.5"}}},
        {"function = \"avg\";", "string", {{"+a", "!avg: of is a string and must be a number"}}},
    };
    RUN(tables);
}

static void min_and_max_keep_values_as_they_came(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"min\"; of = \"value.n\";",
         "json",
         {{"+{}", "=-"},
          {"+{\"n\":2.50}", "2.50"},
          {"+{\"n\":2.5}", "2.50"},
          {"+{\"n\":3}", "2.50"},
          {"+{\"n\":null}", "=2.50"},
          {"+{\"n\":-1e2}", "-1e2"},
          {"+{\"n\":\"a\"}",
           "!min: of is a string, and the row has a number, and the two have no order; make one of "
           "the other: of = \"tostring(...)\" or \"tonumber(...)\""},
          {"+{\"n\":{}}",
           "!min: of is an object, which is neither larger nor smaller than others; it must be a number "
           "or a string"}}},
        {"function = \"max\"; of = \"value.n\";",
         "json",
         {{"+{\"n\":false}", "!max: of is a boolean, which is neither larger nor smaller"},
          {"+{\"n\":\"b\"}", "\"b\""},
          {"+{\"n\":\"ab\"}", "\"b\""},
          {"+{\"n\":\"b\\u0061\"}", "\"b\\u0061\""},
          {"+{\"n\":\"ba\"}", "\"b\\u0061\""}}},
        {"function = \"max\";",
         "json",
         {{"+9007199254740992", "9007199254740992"},
          {"+9007199254740993", "9007199254740993"},
          {"+9007199254740992.0", "9007199254740993"},
          {"+9007199254740994.0", "9007199254740994.0"},
          {"+9223372036854775807", "9223372036854775807"},
          {"+9223372036854775808", "9223372036854775808"},
          {"+-1", "9223372036854775808"}}},
        {"function = \"max\";", "int64", {{"+-5", "-5"}, {"+3", "3"}, {"+-7", "3"}}},
        {"function = \"min\";", "int32", {{"+-5", "-5"}, {"+3", "-5"}, {"+-7", "-7"}}},
        {"function = \"min\";",
         "double",
         {{"+0.5", "0.5"}, {"+nan", "!min: of is NaN"}, {"+-0.25", "-0.25"}}},
        {"function = \"max\";", "string", {{"+b", "b"}, {"+a", "b"}, {"+bb", "bb"}}},
        {"function = \"max\"; of = \"#value\"; as = \"int64\";", "string", {{"+bbb", "3"}, {"+a", "3"}}},
        {"function = \"max\"; of = \"value.n\"; as = \"string\";",
         "json",
         {{"+{\"n\":\"a\\nb\"}", "a\nb"}, {"+{\"n\":5}", "!max: of is a number, and the row has a string"}}},
        {"function = \"min\"; as = \"int64\";",
         "json",
         {{"+2.5", "!min: it must be an integer (its serde is int64), not 2.5"},
          {"+2.0", "2"},
          {"+\"1\"", "!min: of is a string"}}},
    };
    RUN(tables);
}

static void first_and_last_go_by_the_order_of_processing(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"first\"; of = \"value.a\";",
         "json",
         {{"+{}", "=-"}, {"+{\"a\":{ \"b\":1}}", "{ \"b\":1}"}, {"+{\"a\":2}", "{ \"b\":1}"}}},
        {"function = \"last\"; of = \"value.a\";",
         "json",
         {{"+{\"a\":[1, 2]}", "[1, 2]"},
          {"+{}", "=[1, 2]"},
          {"+{\"a\":false}", "false"},
          {"+{\"a\":1.50}", "1.50"},
          {"+{\"a\":\"x\"}", "\"x\""}}},
        {"function = \"last\"; of = \"value.a + 1\"; as = \"double\";", "json", {{"+{\"a\":1}", "2"}}},
        {"function = \"last\"; of = \"{a = value, b = 'q'}\";", "json", {{"+1", "{\"a\":1,\"b\":\"q\"}"}}},
        {"function = \"last\";", "bytes", {{"+x", "x"}, {"+", ""}, {"+y", "y"}}},
        {"function = \"last\";", "json", {{"+ {\"a\" : 1} ", "{\"a\" : 1}"}, {"+null", "={\"a\" : 1}"}}},
        {"function = \"last\"; of = \"string.rep\";",
         "json",
         {{"+1", "!last: of: a function has no JSON form"}}},
        {"function = \"last\"; of = \"0/0\";", "json", {{"+1", "!has no JSON form"}}},
    };
    RUN(tables);
}

static void count_distinct_tells_values_apart_by_what_they_are(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"count_distinct\";",
         "json",
         {{"+1", "1"},
          {"+1.0", "1"},
          {"+1e0", "1"},
          {"+\"1\"", "2"},
          {"+\"\\u0031\"", "2"},
          {"+null", "=2"},
          {"+true", "3"},
          {"+false", "4"},
          {"+[1]", "5"},
          {"+[1]", "5"},
          {"+[ 1]", "6"},
          {"+1.5", "7"}}},
        {"function = \"count_distinct\"; of = \"value.c\";",
         "json",
         {{"+{}", "=-"}, {"+{\"c\":\"x\"}", "1"}}},
        {"function = \"count_distinct\"; of = \"key\";", "json", {{"+1", "1"}, {"+2", "1"}}},
    };
    RUN(tables);
}

static void top_n_keeps_the_largest_and_of_equals_the_earlier(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"top_n\"; n = 2; of = \"value.n\"; keep = \"value.id\";",
         "json",
         {{"+{\"n\":5,\"id\":\"a\"}", "[\"a\"]"},
          {"+{\"n\":7,\"id\":\"b\"}", "[\"b\",\"a\"]"},
          {"+{\"n\":5,\"id\":\"c\"}", "[\"b\",\"a\"]"},
          {"+{\"id\":\"d\"}", "=[\"b\",\"a\"]"},
          {"+{\"n\":7.0,\"id\":\"e\"}", "[\"b\",\"e\"]"},
          {"+{\"n\":9}", "[null,\"b\"]"},
          {"+{\"n\":\"9\"}", "!top_n: of is a string, and the row has a number"},
          {"+{\"n\":1,\"id\":\"f\"}", "[null,\"b\"]"}}},
        {"function = \"top_n\"; n = 1; of = \"value.n\";",
         "json",
         {{"+{\"n\":[]}", "!top_n: of is an array"},
          {"+{ \"n\":1}", "[{ \"n\":1}]"},
          {"+{\"n\":2}", "[{\"n\":2}]"},
          {"+{\"n\":0}", "[{\"n\":2}]"}}},
        {"function = \"top_n\"; n = 3;",
         "string",
         {{"+b", "[\"b\"]"}, {"+a", "[\"b\",\"a\"]"}, {"+c\"", "[\"c\\\"\",\"b\",\"a\"]"}}},
        {"function = \"top_n\"; n = 3;",
         "int64",
         {{"+1", "[1]"}, {"+-1", "[1,-1]"}, {"+5", "[5,1,-1]"}, {"+0", "[5,1,0]"}}},
    };
    RUN(tables);
}

static void collect_keeps_all_up_to_its_limit(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"function = \"collect\"; of = \"value.n\"; limit = 3;",
         "json",
         {{"+{\"n\":1.50}", "[1.50]"},
          {"+{\"n\":null}", "=[1.50]"},
          {"+{\"n\":\"a,]\"}", "[1.50,\"a,]\"]"},
          {"+{\"n\":[ ]}", "[1.50,\"a,]\",[ ]]"},
          {"+{\"n\":1}",
           "!collect: the row would have 4 elements, and limit is 3; raise limit, collect less of each "
           "record, or keep the largest with top_n"},
          {"-{\"n\":\"a,]\"}", "[1.50,[ ]]"},
          {"-{\"n\":7}", "[1.50,[ ]]"},
          {"+{\"n\":1.50}", "[1.50,[ ],1.50]"},
          {"-{\"n\":1.50}", "[[ ],1.50]"},
          {"-{\"n\":1.50}", "[[ ]]"},
          {"-{\"n\":[ ]}", "-"},
          {"+{\"n\":2}", "[2]"}}},
        {"function = \"collect\";", "string", {{"+a", "[\"a\"]"}, {"+b\n", "[\"a\",\"b\\n\"]"}}},
        {"function = \"collect\";",
         "double",
         {{"+0.5", "[0.5]"}, {"+nan", "!collect: "}, {"+2", "[0.5,2.0]"}}},
    };
    RUN(tables);
}

static void collect_has_room_for_a_thousand(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    struct agg_row row = {AQ_NULL_SLICE};
    agg_open(a, "json", "function = \"collect\";");
    for (int i = 0; i < 1000; i++) T_CHECK(agg_change(a, &row, '+', AQ_LIT("7")) == 0, "%s", a->err.text);
    T_CHECK(agg_change(a, &row, '+', AQ_LIT("7")) == AQ_E_BAD_RECORD, "1001 elements");
    T_CHECK(strlen(agg_text(a, &row)) == 2001, "%s", agg_text(a, &row));
    agg_row_free(&row);
    agg_close(a);
    free(a);
}

static void reduce_begins_with_the_value_and_nil_deletes(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"reduce = \"agg + value\"; subtract = \"agg - value\";",
         "int64",
         {{"+5", "5"}, {"+7", "12"}, {"-5", "7"}}},
        {"reduce = \"value.n > agg.n and value or agg\";",
         "json",
         {{"+{\"n\":1, \"a\":0}", "{\"n\":1, \"a\":0}"},
          {"+{\"n\":0}", "{\"n\":1, \"a\":0}"},
          {"+{\"n\":3}", "{\"n\":3}"},
          {"+{}", "!reduce:1: attempt to compare number with nil"},
          {"+~", "!attempt to index a nil value"}}},
        {"reduce = \"value ~= 'stop' and agg .. value or nil\";",
         "string",
         {{"+a", "a"}, {"+b", "ab"}, {"+stop", "-"}, {"+~", "-"}, {"+c", "c"}}},
        {"reduce = \"{n = agg.n + value.n, k = key}\";",
         "json",
         {{"+{\"n\":1}", "{\"n\":1}"}, {"+{\"n\":2}", "{\"k\":\"k\",\"n\":3}"}}},
        {"reduce = \"(function() agg = 1 return agg end)()\";",
         "json",
         {{"+1", "1"}, {"+2", "!'agg' cannot be assigned"}}},
    };
    RUN(tables);
}

static void aggregate_runs_its_expressions(void **state)
{
    (void)state;
    static const struct table tables[] = {
        {"initial = \"{n = 0, sum = 0}\"; add = \"{n = agg.n + 1, sum = agg.sum + value.x}\";"
         "subtract = \"agg.n > 1 and {n = agg.n - 1, sum = agg.sum - value.x} or nil\";",
         "json",
         {{"+{\"x\":5}", "{\"n\":1,\"sum\":5}"},
          {"+{\"x\":6}", "{\"n\":2,\"sum\":11}"},
          {"-{\"x\":5}", "{\"n\":1,\"sum\":6}"},
          {"-{\"x\":6}", "-"},
          {"+{\"x\":1}", "{\"n\":1,\"sum\":1}"},
          {"+{}", "!add:1: attempt to perform arithmetic on a nil value (field 'x')"}}},
        {"add = \"(agg or 0) + #value\"; as = \"int64\";", "string", {{"+abc", "3"}, {"+de", "5"}}},
        {"add = \"(agg or '') .. value.c\"; as = \"string\";",
         "json",
         {{"+{\"c\":\"x\"}", "x"},
          {"+{\"c\":\"y\"}", "xy"},
          {"+{\"c\":{}}", "!add:1: attempt to concatenate"}}},
        {"add = \"timestamp\"; as = \"string\";", "json", {{"+1", "!add: the result must be a string"}}},
        {"add = \"agg == nil and value or null\";", "json", {{"+1", "1"}, {"+1", "null"}, {"+1", "null"}}},
    };
    RUN(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_counts_null_too_and_stays_at_zero),
        cmocka_unit_test(the_accumulator_of_count_is_a_long),
        cmocka_unit_test(sum_keeps_integers_exact),
        cmocka_unit_test(sum_becomes_a_double_when_one_comes_and_an_integer_when_it_leaves),
        cmocka_unit_test(small_numbers_are_not_lost_beside_large_ones),
        cmocka_unit_test(avg_is_a_double_and_goes_with_its_last_value),
        cmocka_unit_test(min_and_max_keep_values_as_they_came),
        cmocka_unit_test(first_and_last_go_by_the_order_of_processing),
        cmocka_unit_test(count_distinct_tells_values_apart_by_what_they_are),
        cmocka_unit_test(top_n_keeps_the_largest_and_of_equals_the_earlier),
        cmocka_unit_test(collect_keeps_all_up_to_its_limit),
        cmocka_unit_test(collect_has_room_for_a_thousand),
        cmocka_unit_test(reduce_begins_with_the_value_and_nil_deletes),
        cmocka_unit_test(aggregate_runs_its_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
