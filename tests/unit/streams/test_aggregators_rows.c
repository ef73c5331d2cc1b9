/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators and the rows they are given: two that become one, one that goes from call to call, ones that somebody else wrote.
 */
#include "tests/unit/streams/agg_world.h"

/* ---- merging ------------------------------------------------------------------------------------------------------ */

static void the_earlier_row_comes_first_in_a_merge(void **state)
{
    (void)state;
    static const struct {
        const char *options, *serde, *a, *b, *row;
    } cases[] = {
        {"function = \"count\";", "json", "1 2", "3", "3"},
        {"function = \"sum\";", "json", "1 2", "3 0.5", "6.5"},
        {"function = \"avg\";", "json", "1 2", "3", "2"},
        {"function = \"min\";", "json", "3 2.0", "2 5", "2.0"},
        {"function = \"max\";", "json", "3 2.0", "3.0 1", "3"},
        {"function = \"max\";", "json", "3", "4", "4"},
        {"function = \"first\";", "json", "3 2", "1 4", "3"},
        {"function = \"last\";", "json", "3 2", "1 4", "4"},
        {"function = \"collect\";", "json", "3 2", "1 4", "[3,2,1,4]"},
        {"function = \"count_distinct\";", "json", "3 2", "1 2 4", "4"},
        {"function = \"top_n\"; n = 3;", "json", "3 2", "3.0 4", "[4,3,3.0]"},
        {"function = \"top_n\"; n = 3;", "json", "3", "1", "[3,1]"},
        {"reduce = \"agg .. value\";", "string", "a b", "c d", "abcd"},
        {"add = \"(agg or '') .. value\"; merge = \"a .. '+' .. b .. key\"; as = \"string\";", "string",
         "a b", "c d", "ab+cdk"},
        {"add = \"1\"; merge = \"nil\";", "string", "a", "c", "-"},
    };
    struct agg_world *a = t_alloc(sizeof(*a));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agg_row row = {AQ_NULL_SLICE}, other = {AQ_NULL_SLICE};
        agg_open(a, cases[i].serde, cases[i].options);
        agg_fill(a, &row, cases[i].a);
        agg_fill(a, &other, cases[i].b);
        T_CHECK(agg_merge(a, &row, &other) == 0, "%s", a->err.text);
        T_CHECK(strcmp(agg_text(a, &row), cases[i].row) == 0, "%s: '%s', not '%s'", cases[i].options,
                agg_text(a, &row), cases[i].row);
        agg_row_free(&row);
        agg_row_free(&other);
        agg_close(a);
    }
    free(a);
}

static void merging_fails_with_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *options, *a, *b, *words;
    } cases[] = {
        {"function = \"sum\";", "9223372036854775807", "1", "sum: the integers come to"},
        {"function = \"min\";", "1", "\"a\"", "min: of is a string, and the row has a number"},
        {"function = \"top_n\"; n = 2;", "1", "\"a\"", "top_n: of is a string, and the row has a number"},
        {"function = \"collect\"; limit = 2;", "1 2", "3",
         "collect: the row would have 3 elements, and limit is 2"},
        {"reduce = \"agg.x.y\";", "1", "2", "reduce:1: attempt to index a number value (global 'agg')"},
    };
    struct agg_world *a = t_alloc(sizeof(*a));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agg_row row = {AQ_NULL_SLICE}, other = {AQ_NULL_SLICE};
        agg_open(a, "json", cases[i].options);
        agg_fill(a, &row, cases[i].a);
        agg_fill(a, &other, cases[i].b);
        int rc = agg_merge(a, &row, &other);
        T_CHECK(rc == AQ_E_BAD_RECORD && strstr(a->err.text, cases[i].words), "%d %s", rc, a->err.text);
        agg_row_free(&row);
        agg_row_free(&other);
        agg_close(a);
    }
    free(a);
}

/* What one call returned goes straight into the next, as windows without a store in between do it. */
static void a_row_may_be_handed_from_call_to_call(void **state)
{
    (void)state;
    static const char *const options[] = {"function = \"min\";",
                                          "function = \"collect\";",
                                          "function = \"top_n\"; n = 4;",
                                          "function = \"sum\";",
                                          "function = \"count_distinct\";",
                                          "function = \"last\";",
                                          "reduce = \"math.max(agg, value)\";",
                                          "reduce = \"agg\";"};
    static const char *const rows[] = {"1", "[5,1,5,1,7]", "[7,5,5,1]", "19", "3", "7", "7", "5"};
    struct agg_world *a = t_alloc(sizeof(*a));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct agg_row other = {AQ_NULL_SLICE};
        struct aq_slice acc = AQ_NULL_SLICE;
        agg_open(a, "json", options[i]);
        agg_fill(a, &other, "5 1");
        const char *values[] = {"5", "1"};
        for (size_t k = 0; k < 2; k++) {
            struct aq_record *rec = agg_record(a, AQ_LIT("k"), aq_slice_str(values[k]));
            T_CHECK(a->kind->add(a->context, a->running, rec, acc, &acc, &a->err) == 0, "%s", a->err.text);
            xf_views_close(st_views(a->context));
        }
        T_CHECK(a->kind->merge(a->context, a->running, AQ_LIT("k"), acc, other.acc, &acc, &a->err) == 0, "%s",
                a->err.text);
        struct agg_row look = {acc};
        agg_text(a, &look);
        struct aq_record *rec = agg_record(a, AQ_LIT("k"), AQ_LIT("7"));
        T_CHECK(a->kind->add(a->context, a->running, rec, acc, &acc, &a->err) == 0, "%s", a->err.text);
        xf_views_close(st_views(a->context));
        look.acc = acc;
        T_CHECK(strcmp(agg_text(a, &look), rows[i]) == 0, "%s: %s", options[i], a->text);
        T_CHECK(strcmp(agg_text(a, &look), rows[i]) == 0, "the second look: %s", a->text);
        agg_row_free(&other);
        agg_close(a);
    }
    free(a);
}

/* ---- the record at hand ------------------------------------------------------------------------------------------- */

static int merge_while_a_view_is_open(struct agg_world *a, struct aq_record *rec, struct agg_row *row,
                                      const struct agg_row *other)
{
    struct st_running edit;
    struct lua_program program = {.form = LUA_STATEMENTS,
                                  .name = "edit",
                                  .text = AQ_LIT("value.x = 2"),
                                  .instruction_limit = 1000,
                                  .memory_limit = 1 << 20};
    struct lua_result result;
    st_running_start(&edit, a->context, &program);
    int rc = lua_engine_run(edit.engine, &edit.step, rec, &result, &a->err);
    T_CHECK(rc == 0, "%s", a->err.text);
    rc = agg_merge(a, row, other);
    st_running_stop(&edit);
    return rc;
}

static void a_merge_leaves_edits_of_the_record_alone(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    struct agg_row row = {AQ_NULL_SLICE}, other = {AQ_NULL_SLICE};
    agg_open(a, "json", "add = \"1\"; merge = \"key\";");
    agg_fill(a, &row, "1");
    agg_fill(a, &other, "1");
    struct aq_record *rec = agg_record(a, AQ_LIT("r"), AQ_LIT("{\"x\":1}"));
    T_CHECK(merge_while_a_view_is_open(a, rec, &row, &other) == 0, "%s", a->err.text);
    st_settle(a->context, rec);
    T_CHECK(aq_slice_equal(rec->value, AQ_LIT("{\"x\":2}")), "%.*s", (int)rec->value.len, rec->value.ptr);
    T_CHECK(strcmp(agg_text(a, &row), "\"k\"") == 0, "%s", a->text);
    agg_row_free(&row);
    agg_row_free(&other);
    agg_close(a);
    free(a);
}

/* ---- rows of another configuration -------------------------------------------------------------------------------- */

static void rows_that_somebody_else_wrote_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        struct aq_slice acc;
    } cases[] = {
        {"function = \"count\";", AQ_LIT("1234567")},
        {"function = \"sum\";", AQ_LIT("{\"n\":1}")},
        {"function = \"sum\"; as = \"double\";", AQ_LIT("12345678")},
        {"function = \"avg\";", AQ_LIT("12345678")},
        {"function = \"min\";", AQ_LIT("{")},
        {"function = \"max\";", AQ_LIT("{\"a\":1}")},
        {"function = \"max\"; as = \"int64\";", AQ_LIT("123")},
        {"function = \"count_distinct\";", AQ_LIT("\2")},
        {"function = \"count_distinct\";", AQ_LIT("\1aaa")},
        {"function = \"top_n\"; n = 3;", AQ_LIT("\0\0\0\1")},
        {"function = \"top_n\"; n = 3;", AQ_LIT("\0\0\0\1x\0\0\0\1")},
        {"function = \"top_n\"; n = 3;", AQ_LIT("\0\0\0\1x\0\0\0\1y")},
        {"function = \"collect\";", AQ_LIT("[1]")},
    };
    struct agg_world *a = t_alloc(sizeof(*a));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct agg_row row = {AQ_NULL_SLICE};
        agg_open(a, "json", cases[i].options);
        agg_row_put(&row, cases[i].acc);
        int rc = agg_change(a, &row, '+', AQ_LIT("1"));
        T_CHECK(rc == AQ_E_STATE &&
                    strstr(a->err.text, "give its store another name, or reset the application"),
                "%s: %d %s", cases[i].options, rc, a->err.text);
        agg_row_free(&row);
        agg_close(a);
    }
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earlier_row_comes_first_in_a_merge),
        cmocka_unit_test(merging_fails_with_reasons),
        cmocka_unit_test(a_row_may_be_handed_from_call_to_call),
        cmocka_unit_test(a_merge_leaves_edits_of_the_record_alone),
        cmocka_unit_test(rows_that_somebody_else_wrote_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
