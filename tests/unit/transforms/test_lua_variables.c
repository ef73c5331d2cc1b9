/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions with variables of the caller's, and results as values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/lua_test.h"

static const char *const agg_and_value[] = {"agg", "value", NULL};
static const char *const agg_only[] = {"agg", NULL};

static void open_with(struct lt *t, const char *text, const char *const *variables)
{
    lt_open(t, LUA_EXPRESSION, "nil");
    lua_engine_stop(t->engine);
    t->program.name = "add";
    t->program.text = aq_slice_str(text);
    t->program.variables = variables;
    t->engine = lua_engine_start(&t->program);
    lt_record(t, aq_slice_str("\"k\""), aq_slice_str("{\"n\":7}"));
}

/* want NULL: null. error: words of it. */
static void expect(struct lt *t, const struct lua_variable *variables, enum xf_format out, const char *want,
                   const char *error)
{
    struct aq_slice result = AQ_NULL_SLICE;
    int rc =
        lua_engine_eval_with(t->engine, &t->step, t->rec, variables, out, &t->batch.arena, &result, &t->err);
    xf_views_close(&t->views);
    if (error) {
        if (rc != AQ_E_BAD_RECORD || !strstr(t->err.text, error))
            fail_msg("%d %s, want %s", rc, t->err.text, error);
        return;
    }
    if (rc != 0) fail_msg("%s", t->err.text);
    xt_expect(result, want);
}

static struct lua_variable json(const char *text)
{
    return (struct lua_variable){aq_slice_str(text), XF_JSON};
}

static void a_variable_is_read_by_its_format(void **state)
{
    (void)state;
    static const struct {
        struct aq_slice bytes;
        enum xf_format format;
        const char *expression, *want, *error;
    } cases[] = {
        {AQ_LIT("{\"n\":1, \"m\":{\"x\":[5]}}"), XF_JSON, "agg.n + value.n + agg.m.x[1]", "13", NULL},
        {AQ_LIT(" [1,2] "), XF_JSON, "#agg", "2", NULL},
        {AQ_LIT(" 9007199254740993 "), XF_JSON, "agg + 1", "9007199254740994", NULL},
        {AQ_LIT("\"a\\n\""), XF_JSON, "#agg", "2", NULL},
        {AQ_LIT("null"), XF_JSON, "agg == null", "true", NULL},
        {AQ_LIT("false"), XF_JSON, "agg == false", "true", NULL},
        {AQ_LIT("{ \"n\":1.50 }"), XF_JSON, "agg", "{ \"n\":1.50 }", NULL},
        {AQ_LIT("{\"n\":[1, 2]}"), XF_JSON, "{agg.n, agg.n}", "[[1, 2],[1, 2]]", NULL},
        {{NULL, 0}, XF_JSON, "agg == nil", "true", NULL},
        {AQ_LIT("abc"), XF_STRING, "agg .. key", "\"abck\"", NULL},
        {AQ_LIT("abc"), XF_BYTES, "#agg", "3", NULL},
        {AQ_LIT("\0\0\0\0\0\0\1\0"), XF_INT64, "agg", "256", NULL},
        {AQ_LIT("\0\0\1\0"), XF_INT32, "agg", "256", NULL},
        {AQ_LIT("\x3f\xf8\0\0\0\0\0\0"), XF_DOUBLE, "agg", "1.5", NULL},
        {AQ_LIT("abc"), XF_INT64, "agg", NULL, "add:1: agg has 3 bytes, and an int64 has 8"},
        {AQ_LIT("x"), XF_JSON, "agg", NULL, "add:1: agg is not JSON: unexpected 'x'"},
        {AQ_LIT("{\"n\":}"), XF_JSON, "agg.n", NULL, "unexpected '}'"},
        {AQ_LIT("{\"n\":1}"), XF_JSON, "agg.n.m", NULL, "attempt to index a number value (field 'n')"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lt t;
        open_with(&t, cases[i].expression, agg_only);
        const struct lua_variable variable = {cases[i].bytes, cases[i].format};
        expect(&t, &variable, XF_JSON, cases[i].want, cases[i].error);
        lt_close(&t);
    }
}

static void a_variable_hides_the_name_of_the_record(void **state)
{
    (void)state;
    struct lt t;
    open_with(&t, "agg.n * 10 + value.n", agg_and_value);
    const struct lua_variable variables[] = {json("{\"n\":1}"), json("{\"n\":2}")};
    expect(&t, variables, XF_JSON, "12", NULL);
    lt_close(&t);
}

static void xt_expect_text(struct aq_slice got, struct aq_slice want)
{
    if (!aq_slice_equal(got, want)) fail_msg("%.*s", (int)got.len, got.ptr);
}

static void each_call_has_its_own(void **state)
{
    (void)state;
    struct lt t;
    char bytes[] = "{\"n\":1}";
    open_with(&t, "agg.n", agg_only);
    for (char digit = '1'; digit <= '3'; digit++) {
        bytes[5] = digit; /* at the same place */
        const struct lua_variable variable = json(bytes);
        struct aq_slice result;
        int rc = lua_engine_eval_with(t.engine, &t.step, t.rec, &variable, XF_JSON, &t.batch.arena, &result,
                                      &t.err);
        assert_int_equal(rc, 0);
        xt_expect_text(result, aq_slice_of(&digit, 1));
    }
    lt_close(&t);
}

static void a_variable_cannot_be_assigned_or_kept(void **state)
{
    (void)state;
    struct lt t;
    const struct lua_variable variable = json("{\"n\":1}");
    open_with(&t, "(function() agg = 5 end)()", agg_only);
    expect(&t, &variable, XF_JSON, NULL, "add:1: 'agg' cannot be assigned");
    lt_close(&t);
    open_with(&t, "(function() agg.n = 5 end)()", agg_only);
    expect(&t, &variable, XF_JSON, NULL, "an expression cannot change the record");
    lt_close(&t);
    open_with(&t, "(function() local was = kept kept = agg return was and was.n end)()", agg_only);
    expect(&t, &variable, XF_JSON, NULL, NULL);
    expect(&t, &variable, XF_JSON, NULL, "belongs to an earlier record");
    lt_close(&t);
}

static void value_of(const char *expression, struct lt *t, struct json_value *ret, int want)
{
    open_with(t, expression, NULL);
    int rc = lua_engine_value(t->engine, &t->step, t->rec, &t->batch.arena, ret, &t->err);
    if (rc != want) fail_msg("%s: %d %s", expression, rc, t->err.text);
}

static void results_are_values(void **state)
{
    (void)state;
    struct lt t;
    struct json_value value;
    value_of("value.n", &t, &value, 0);
    assert_true(value.type == JS_NUMBER && value.is_integer && value.integer == 7);
    lt_close(&t);
    value_of("value.n / 2", &t, &value, 0);
    assert_true(value.type == JS_NUMBER && !value.is_integer && value.real == 3.5);
    lt_close(&t);
    value_of("key .. 'x'", &t, &value, 0);
    assert_true(value.type == JS_STRING && aq_slice_equal(value.string, AQ_LIT("kx")) &&
                aq_slice_is_null(value.text));
    lt_close(&t);
    value_of("value", &t, &value, 0);
    assert_true(value.type == JS_OBJECT && aq_slice_equal(value.text, AQ_LIT("{\"n\":7}")));
    lt_close(&t);
    value_of("{1, 'a'}", &t, &value, 0);
    assert_true(value.type == JS_ARRAY && aq_slice_equal(value.text, AQ_LIT("[1,\"a\"]")));
    lt_close(&t);
    value_of("nil", &t, &value, 0);
    assert_true(value.type == JS_NULL);
    lt_close(&t);
    value_of("null", &t, &value, 0);
    assert_true(value.type == JS_NULL);
    lt_close(&t);
    value_of("value.n > 3", &t, &value, 0);
    assert_true(value.type == JS_TRUE);
    lt_close(&t);
    value_of("0/0", &t, &value, 0);
    assert_true(value.type == JS_NUMBER && value.real != value.real);
    lt_close(&t);
    value_of("tostring", &t, &value, AQ_E_BAD_RECORD);
    assert_non_null(strstr(t.err.text, "add: a function has no JSON form"));
    lt_close(&t);
    value_of("value.a.b", &t, &value, AQ_E_BAD_RECORD);
    assert_non_null(strstr(t.err.text, "add:1: attempt to index a nil value (field 'a')"));
    lt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variable_is_read_by_its_format),
        cmocka_unit_test(a_variable_hides_the_name_of_the_record),
        cmocka_unit_test(each_call_has_its_own),
        cmocka_unit_test(a_variable_cannot_be_assigned_or_kept),
        cmocka_unit_test(results_are_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
