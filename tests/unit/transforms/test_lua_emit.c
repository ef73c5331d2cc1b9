/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs make besides editing a record: results as bytes, arrays of values and of records; and statements
 * that only look.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/lua_sink.h"

/* ---- results as bytes ------------------------------------------------------------------------------------------- */

struct eval_case {
    const char *expression;
    const char *value;
    enum xf_format out;
    struct aq_slice want;
    const char *error;
};

static void eval(const struct eval_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct eval_case *c = &cases[i];
        struct lt t;
        struct aq_arena arena;
        struct aq_slice got = AQ_LIT("untouched");
        aq_arena_init(&arena, 256);
        lt_open(&t, LUA_EXPRESSION, c->expression);
        lt_record(&t, AQ_LIT("\"k\""), aq_slice_str(c->value));
        int rc = lua_engine_eval(t.engine, &t.step, t.rec, c->out, &arena, &got, &t.err);
        xf_views_write(&t.views);
        if (c->error) {
            assert_int_equal(rc, AQ_E_BAD_RECORD);
            if (!strstr(t.err.text, c->error))
                fail_msg("%s: %s, want %s", c->expression, t.err.text, c->error);
            xt_expect(got, "untouched");
        } else {
            if (rc < 0) fail_msg("%s: %s", c->expression, t.err.text);
            if (!aq_slice_equal(got, c->want))
                fail_msg("%s: got %.*s", c->expression, (int)got.len, got.ptr ? got.ptr : "");
        }
        xt_expect(t.rec->value, c->value);
        lt_close(&t);
        aq_arena_finish(&arena);
    }
}

#define EVAL(cases) eval(cases, sizeof(cases) / sizeof(cases[0]))

static void a_result_becomes_bytes_by_its_format(void **state)
{
    (void)state;
    static const struct eval_case cases[] = {
        {"value.amount * 2", "{\"amount\":21}", XF_INT64, AQ_LIT("\0\0\0\0\0\0\0\x2a"), NULL},
        {"value.amount * 2", "{\"amount\":21}", XF_JSON, AQ_LIT("42"), NULL},
        {"value.amount / 2", "{\"amount\":3}", XF_DOUBLE, AQ_LIT("\x3f\xf8\0\0\0\0\0\0"), NULL},
        {"value.customer", "{\"customer\":\"c7\"}", XF_STRING, AQ_LIT("c7"), NULL},
        {"value.customer -- who", "{\"customer\":\"c7\"}", XF_JSON, AQ_LIT("\"c7\""), NULL},
        {"value.customer", "{}", XF_STRING, AQ_NULL_SLICE, NULL},
        {"value.customer", "{\"customer\":null}", XF_STRING, AQ_NULL_SLICE, NULL},
        {"value.customer", "{\"customer\":null}", XF_JSON, AQ_LIT("null"), NULL},
        {"{b = key, a = value}", "[1]", XF_JSON, AQ_LIT("{\"a\":[1],\"b\":\"k\"}"), NULL},
    };
    EVAL(cases);
}

static void a_part_of_the_document_is_copied_as_it_stands(void **state)
{
    (void)state;
    static const struct eval_case cases[] = {
        {"value.lines[1]", "{\"lines\":[{ \"p\" : 1.10, \"p\":2 }]}", XF_JSON,
         AQ_LIT("{ \"p\" : 1.10, \"p\":2 }"), NULL},
        {"value.lines", "{\"lines\":[1e3, \"\\u0061\"]}", XF_JSON, AQ_LIT("[1e3, \"\\u0061\"]"), NULL},
        {"value", " {\"a\" :1}", XF_JSON, AQ_LIT(" {\"a\" :1}"), NULL},
    };
    EVAL(cases);
}

static void a_result_without_bytes_fails(void **state)
{
    (void)state;
    static const struct eval_case cases[] = {
        {"value.n", "{\"n\":1}", XF_STRING, AQ_NULL_SLICE,
         "where: the result must be a string (its serde is string), not a number; use tostring()"},
        {"value.n", "{\"n\":1.5}", XF_INT32, AQ_NULL_SLICE,
         "where: the result must be an integer of 64 bits, not 1.5"},
        {"value", "{}", XF_INT64, AQ_NULL_SLICE, "not a JSON object"},
        {"value", "[]", XF_STRING, AQ_NULL_SLICE, "not a JSON array; use tostring()"},
        {"pairs", "{}", XF_JSON, AQ_NULL_SLICE, "where: a function has no JSON form"},
        {"value.a.b", "{}", XF_JSON, AQ_NULL_SLICE, "where:1: attempt to index a nil value (field 'a')"},
        {"value", "oops", XF_JSON, AQ_NULL_SLICE, "where:1: value is not JSON"},
        {"string.rep('x', 1 << 19)  .. string.rep('y', 1 << 18)", "{}", XF_JSON, AQ_NULL_SLICE, "memory"},
        {"(function() value.a = 1 end)()", "{}", XF_JSON, AQ_NULL_SLICE,
         "where:1: an expression cannot change the record"},
    };
    EVAL(cases);
}

static void two_expressions_see_the_same_record(void **state)
{
    (void)state;
    struct lt key, value;
    struct aq_slice k, v;
    lt_open(&key, LUA_EXPRESSION, "value.customer");
    lt_open(&value, LUA_EXPRESSION, "key .. value.amount");
    lt_record(&key, AQ_LIT("\"old\""), AQ_LIT("{\"customer\":\"c\",\"amount\":5}"));
    struct aq_arena *arena = &key.batch.arena;
    assert_int_equal(lua_engine_eval(key.engine, &key.step, key.rec, XF_STRING, arena, &k, &key.err), 0);
    assert_int_equal(lua_engine_eval(value.engine, &key.step, key.rec, XF_STRING, arena, &v, &key.err), 0);
    xf_views_write(&key.views);
    xt_expect(k, "c");
    xt_expect(v, "old5");
    xt_expect(key.rec->key, "\"old\"");
    lt_close(&key);
    lt_close(&value);
}

struct each_case {
    const char *expression;
    const char *value;
    const char *want;
    const char *error;
};

static void each_of(enum lua_shape shape, const struct xf_formats *formats, const struct each_case *cases,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct each_case *c = &cases[i];
        struct lt t;
        struct sink sink;
        lt_open(&t, LUA_EXPRESSION, c->expression);
        t.step.formats = formats;
        struct lua_emit emit = emit_to(&sink, &t, shape);
        lt_record(&t, AQ_LIT("k"), aq_slice_str(c->value));
        aq_record_add_header(t.rec, AQ_LIT("via"), AQ_LIT("v"));
        int rc = lua_engine_each(t.engine, &t.step, t.rec, &emit, &t.err);
        if (c->error) {
            if (rc != AQ_E_BAD_RECORD) fail_msg("%s did not fail", c->expression);
            if (!strstr(t.err.text, c->error))
                fail_msg("%s: %s, want %s", c->expression, t.err.text, c->error);
            assert_int_equal(sink.calls, 0);
        } else {
            if (rc < 0) fail_msg("%s: %s", c->expression, t.err.text);
            if (strcmp(sink.text, c->want) != 0)
                fail_msg("%s:\n%swant\n%s", c->expression, sink.text, c->want);
        }
        xt_expect(t.rec->value, c->value);
        lt_close(&t);
    }
}

#define EACH(shape, formats, cases) each_of(shape, formats, cases, sizeof(cases) / sizeof(cases[0]))

static const struct xf_formats json_values = {XF_STRING, XF_JSON, XF_STRING, XF_JSON};
static const struct xf_formats string_values = {XF_STRING, XF_JSON, XF_STRING, XF_STRING};

static void every_element_of_an_array_becomes_a_value(void **state)
{
    (void)state;
    static const struct each_case cases[] = {
        {"value.lines", "{\"lines\":[{ \"a\" :1}, 1.10,null,[ ],\"\\u0061\",true]}",
         "value={ \"a\" :1}\nvalue=1.10\nvalue=null\nvalue=[ ]\nvalue=\"\\u0061\"\nvalue=true\n", NULL},
        {"value", "[1,2]", "value=1\nvalue=2\n", NULL},
        {"value.lines", "{\"lines\":[]}", "", NULL},
        {"value.lines", "{}", "", NULL},
        {"value.lines", "{\"lines\":null}", "", NULL},
        {"{}", "{}", "", NULL},
        {"array()", "{}", "", NULL},
        {"{value.a, value.b, key, null}", "{\"a\":{ },\"b\":2}",
         "value={ }\nvalue=2\nvalue=\"k\"\nvalue=null\n", NULL},
    };
    EACH(LUA_VALUES, &json_values, cases);
    static const struct each_case strings[] = {
        {"value.words", "{\"words\":[\"a\",\"\\u0062\",null]}", "value=a\nvalue=b\nvalue=null\n", NULL},
        {"{key}", "{}", "value=k\n", NULL},
        {"value.words", "{\"words\":[\"a\",5]}", NULL,
         "where: element 2: the value must be a string (its serde is string), not a number; use tostring()"},
    };
    EACH(LUA_VALUES, &string_values, strings);
}

static void a_result_that_is_no_array_fails(void **state)
{
    (void)state;
    static const struct each_case cases[] = {
        {"value", "{}", NULL, "where: the result must be an array or nil, not a JSON object"},
        {"value.s", "{\"s\":\"x\"}", NULL, "where: the result must be an array or nil, not a string"},
        {"{a = 1}", "{}", NULL,
         "where: the result must be an array, and this table has other keys than 1 to n"},
        {"{1, nil, 3}", "{}", NULL, "where: element 2: is nil; an array has no holes"},
        {"{1, pairs}", "{}", NULL, "where: element 2: a function has no JSON form"},
        {"value.x.y", "{}", NULL, "where:1: attempt to index a nil value (field 'x')"},
    };
    EACH(LUA_VALUES, &json_values, cases);
}

static void every_table_of_an_array_becomes_a_record(void **state)
{
    (void)state;
    static const struct each_case cases[] = {
        {"{{key='a', value=1}, {key='b', value=2, timestamp=5}}", "{}",
         "key=a value=1\nkey=b value=2 timestamp=5\n", NULL},
        {"{{value=value.o}, {key='x'}, {}}", "{\"o\":[ 1.0]}",
         "key=null value=[ 1.0]\nkey=x value=null\nkey=null value=null\n", NULL},
        {"{{key='a', headers={b='2', a='1', c=null}, to='left'}}", "{}",
         "key=a value=null headers= a=1 b=2 c=null to=left\n", NULL},
        {"{{key='a', headers={}}, {key='b', headers=headers}}", "{}",
         "key=a value=null headers=\nkey=b value=null headers= via=v\n", NULL},
        {"value.p",
         "{\"p\":[{\"key\":\"a\",\"value\":{ \"x\": 1}},"
         "{\"timestamp\":7,\"key\":null,\"value\":1.0,\"headers\":{\"h\":\"1\"},\"to\":\"right\"}]}",
         "key=a value={ \"x\": 1}\nkey=null value=1.0 timestamp=7 headers= h=1 to=right\n", NULL},
        {"value.none", "{}", "", NULL},
        {"{{key=null, value=null, timestamp=6.0}}", "{}", "key=null value=null timestamp=6\n", NULL},
    };
    EACH(LUA_RECORDS, &json_values, cases);
}

static void a_table_that_is_no_record_fails(void **state)
{
    (void)state;
    static const struct each_case cases[] = {
        {"{{key='a'}, {kee='a'}}", "{}", NULL,
         "where: element 2: a record has no 'kee'; it has key, value, timestamp, headers and to"},
        {"value", "[{\"kee\":1}]", NULL, "where: element 1: a record has no 'kee'"},
        {"{{1, 2}}", "{}", NULL, "element 1: a record is a table with key and value, not an array"},
        {"{5}", "{}", NULL, "element 1: a record is a table with key and value, not a number"},
        {"value", "[[1]]", NULL, "element 1: a record is a table with key and value, not a JSON array"},
        {"{{key=5}}", "{}", NULL,
         "element 1: key must be a string (its serde is string), not a number; use tostring()"},
        {"value", "[{\"key\":5}]", NULL, "element 1: key must be a string"},
        {"{{timestamp=-1}}", "{}", NULL,
         "element 1: timestamp must be an integer, milliseconds since 1970, not -1"},
        {"{{timestamp='5'}}", "{}", NULL, "timestamp must be an integer"},
        {"{{timestamp=1.5}}", "{}", NULL, "since 1970, not 1.5"},
        {"{{headers={1}}}", "{}", NULL,
         "headers must be a table of names and strings; this name is a number"},
        {"{{headers={a=1}}}", "{}", NULL, "header 'a' must be a string, not a number"},
        {"{{headers={['']='x'}}}", "{}", NULL, "this name is a string"},
        {"{{headers='x'}}", "{}", NULL, "headers must be a table, not a string"},
        {"value", "[{\"headers\":[1]}]", NULL, "headers must be a table, not a JSON array"},
        {"value", "[{\"headers\":{\"a\":{}}}]", NULL, "header 'a' must be a string, not a JSON object"},
        {"{{to=1}}", "{}", NULL, "to must be the name of a child, not a number"},
    };
    EACH(LUA_RECORDS, &json_values, cases);
}

static void an_array_longer_than_the_scanned_slots_keeps_its_order(void **state)
{
    (void)state;
    struct lt t;
    struct sink sink;
    static char value[65536];
    size_t n = (size_t)sprintf(value, "[");
    for (int i = 0; i < 1000; i++)
        n += (size_t)sprintf(value + n, "%s{\"key\":\"%d\",\"headers\":{}}", i ? "," : "", i);
    sprintf(value + n, "]");
    lt_open(&t, LUA_EXPRESSION, "value");
    t.step.formats = &json_values;
    struct lua_emit emit = emit_to(&sink, &t, LUA_RECORDS);
    lt_record(&t, AQ_NULL_SLICE, aq_slice_str(value));
    size_t at = 0;
    assert_int_equal(lua_engine_each(t.engine, &t.step, t.rec, &emit, &t.err), 0);
    assert_int_equal(sink.calls, 1000);
    for (int i = 0; i < 100; i++) {
        char want[64];
        sprintf(want, "key=%d value=null headers=\n", i);
        assert_memory_equal(sink.text + at, want, strlen(want));
        at += strlen(want);
    }
    lt_close(&t);
}

static void what_the_emitter_fails_with_is_the_result(void **state)
{
    (void)state;
    struct lt t;
    struct sink sink;
    lt_open(&t, LUA_EXPRESSION, "{1, 2, 3}");
    struct lua_emit emit = emit_to(&sink, &t, LUA_VALUES);
    sink.fail_after = 2;
    lt_record(&t, AQ_NULL_SLICE, AQ_LIT("{}"));
    assert_int_equal(lua_engine_each(t.engine, &t.step, t.rec, &emit, &t.err), AQ_E_TXN_ABORT);
    assert_string_equal(t.err.text, "the child said no");
    assert_string_equal(sink.text, "value=1\n");
    lt_close(&t);
}

static void more_results_than_memory_limit_fail(void **state)
{
    (void)state;
    struct lt t;
    struct sink sink;
    lt_open(
        &t, LUA_EXPRESSION,
        "(function() local s, t = string.rep('x', 1000), {} for i = 1, 2000 do t[i] = s end return t end)()");
    struct lua_emit emit = emit_to(&sink, &t, LUA_VALUES);
    lt_record(&t, AQ_NULL_SLICE, AQ_LIT("{}"));
    assert_int_equal(lua_engine_each(t.engine, &t.step, t.rec, &emit, &t.err), AQ_E_BAD_RECORD);
    assert_non_null(strstr(t.err.text, "more than 1048576 bytes were written for one record (memory_limit)"));
    lt_close(&t);
}

/* ---- peek ------------------------------------------------------------------------------------------------------- */

static void peek_sees_a_record_and_changes_nothing(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_PEEK, "seen = (seen or 0) + value.n if seen > 5 then error('seen ' .. seen) end");
    assert_int_equal(lt_run(&t, "k", "{\"n\":3}"), 0);
    assert_int_equal(lt_run(&t, "k", "{\"n\":4}"), AQ_E_BAD_RECORD);
    assert_string_equal(t.err.text, "where:1: seen 7");
    lt_close(&t);
    static const char *const edits[] = {"value.n = 1",           "value = 1",     "key_bytes = 'x'",
                                        "table.remove(value.l)", "value.o.x = 1", "headers.a = 'b'"};
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        lt_open(&t, LUA_PEEK, edits[i]);
        assert_int_equal(lt_run(&t, "k", "{\"n\":3,\"l\":[1],\"o\":{}}"), AQ_E_BAD_RECORD);
        if (!strstr(t.err.text, "peek sees a record and does not change it; use map_values"))
            fail_msg("%s: %s", edits[i], t.err.text);
        xt_expect(t.rec->value, "{\"n\":3,\"l\":[1],\"o\":{}}");
        lt_close(&t);
    }
    struct lua_program p = t.program;
    p.text = AQ_LIT("seen =");
    assert_int_equal(lua_program_check(&p, &t.err), AQ_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_becomes_bytes_by_its_format),
        cmocka_unit_test(a_part_of_the_document_is_copied_as_it_stands),
        cmocka_unit_test(a_result_without_bytes_fails),
        cmocka_unit_test(two_expressions_see_the_same_record),
        cmocka_unit_test(every_element_of_an_array_becomes_a_value),
        cmocka_unit_test(a_result_that_is_no_array_fails),
        cmocka_unit_test(every_table_of_an_array_becomes_a_record),
        cmocka_unit_test(a_table_that_is_no_record_fails),
        cmocka_unit_test(an_array_longer_than_the_scanned_slots_keeps_its_order),
        cmocka_unit_test(what_the_emitter_fails_with_is_the_result),
        cmocka_unit_test(more_results_than_memory_limit_fail),
        cmocka_unit_test(peek_sees_a_record_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
