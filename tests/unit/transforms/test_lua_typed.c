/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and values that are no JSON: what Lua reads, what it may give, and what becomes of a part nobody assigned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/lua_test.h"

/* One program on one value of one format. */
struct typed_case {
    enum xf_format in;
    struct aq_slice value;
    const char *text;
    enum xf_format out;
    struct aq_slice want;
    const char *error;
};

static void expect_bytes(struct aq_slice got, struct aq_slice want, const char *text)
{
    if (aq_slice_equal(got, want)) return;
    char hex[2][64] = {"null", "null"};
    for (int i = 0; i < 2; i++) {
        struct aq_slice s = i ? want : got;
        if (s.ptr) hex[i][0] = '\0';
        for (size_t n = 0; n < s.len && n < 20; n++)
            sprintf(hex[i] + 3 * n, "%02x ", (unsigned char)s.ptr[n]);
    }
    fail_msg("%s: got %s, want %s", text, hex[0], hex[1]);
}

static void statements(const struct typed_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct typed_case *c = &cases[i];
        struct lt t;
        lt_open(&t, LUA_STATEMENTS, c->text);
        struct xf_formats formats = {c->in, c->in, c->in, c->out};
        t.step.formats = &formats;
        int rc = lt_run_slices(&t, AQ_NULL_SLICE, c->value);
        if (c->error) {
            if (rc != AQ_E_BAD_RECORD) fail_msg("%s did not fail", c->text);
            if (!strstr(t.err.text, c->error)) fail_msg("%s: %s, want %s", c->text, t.err.text, c->error);
            expect_bytes(t.rec->value, c->value, c->text);
        } else {
            if (rc < 0) fail_msg("%s: %s", c->text, t.err.text);
            expect_bytes(t.rec->value, c->want, c->text);
        }
        lt_close(&t);
    }
}

#define RUN(cases) statements(cases, sizeof(cases) / sizeof(cases[0]))

static void parts_are_read_by_their_format(void **state)
{
    (void)state;
    static const struct typed_case cases[] = {
        {XF_STRING, AQ_LIT("{\"a\":1}"), "value = value .. '!'", XF_STRING, AQ_LIT("{\"a\":1}!"), NULL},
        {XF_STRING, AQ_LIT(""), "value = #value", XF_JSON, AQ_LIT("0"), NULL},
        {XF_BYTES, AQ_LIT("a\0b"), "value = #value", XF_JSON, AQ_LIT("3"), NULL},
        {XF_INT32, AQ_LIT("\xff\xff\xff\xfe"), "value = value", XF_JSON, AQ_LIT("-2"), NULL},
        {XF_INT32, AQ_LIT("\x7f\xff\xff\xff"), "value = math.type(value) .. value", XF_STRING,
         AQ_LIT("integer2147483647"), NULL},
        {XF_INT64, AQ_LIT("\x80\0\0\0\0\0\0\0"), "value = value == math.mininteger", XF_JSON, AQ_LIT("true"),
         NULL},
        {XF_INT64, AQ_LIT("\0\0\0\0\0\0\1\1"), "value = value", XF_JSON, AQ_LIT("257"), NULL},
        {XF_DOUBLE, AQ_LIT("\x3f\xf8\0\0\0\0\0\0"), "value = math.type(value) .. value", XF_STRING,
         AQ_LIT("float1.5"), NULL},
        {XF_INT64, AQ_NULL_SLICE, "value = value == nil", XF_JSON, AQ_LIT("true"), NULL},
        {XF_STRING, AQ_NULL_SLICE, "value = value == nil", XF_JSON, AQ_LIT("true"), NULL},
        {XF_INT64, AQ_LIT("12345"), "value = value_bytes", XF_STRING, AQ_LIT("12345"), NULL},
    };
    RUN(cases);
}

static void bytes_of_a_wrong_length_are_told(void **state)
{
    (void)state;
    static const struct typed_case cases[] = {
        {XF_INT32, AQ_LIT("12345"), "value = value + 1", XF_INT32, AQ_NULL_SLICE,
         "where:1: value has 5 bytes, and an int32 has 4"},
        {XF_INT64, AQ_LIT(""), "value = value + 1", XF_INT64, AQ_NULL_SLICE,
         "where:1: value has 0 bytes, and an int64 has 8"},
        {XF_DOUBLE, AQ_LIT("1234"), "\nvalue = value + 1", XF_DOUBLE, AQ_NULL_SLICE,
         "where:2: value has 4 bytes, and a double has 8"},
    };
    RUN(cases);
}

static void parts_are_written_by_their_format(void **state)
{
    (void)state;
    static const struct typed_case cases[] = {
        {XF_JSON, AQ_LIT("{\"n\":7}"), "value = value.n", XF_INT64, AQ_LIT("\0\0\0\0\0\0\0\7"), NULL},
        {XF_JSON, AQ_LIT("{\"n\":-2}"), "value = value.n", XF_INT32, AQ_LIT("\xff\xff\xff\xfe"), NULL},
        {XF_JSON, AQ_LIT("{\"n\":7.0}"), "value = value.n", XF_INT32, AQ_LIT("\0\0\0\7"), NULL},
        {XF_JSON, AQ_LIT("{\"n\":3}"), "value = value.n / 2", XF_DOUBLE, AQ_LIT("\x3f\xf8\0\0\0\0\0\0"),
         NULL},
        {XF_JSON, AQ_LIT("{\"n\":1}"), "value = value.n", XF_DOUBLE, AQ_LIT("\x3f\xf0\0\0\0\0\0\0"), NULL},
        {XF_JSON, AQ_LIT("{}"), "value = -(0/0)", XF_DOUBLE, AQ_LIT("\x7f\xf8\0\0\0\0\0\0"), NULL},
        {XF_JSON, AQ_LIT("{\"s\":\"a\"}"), "value = value.s", XF_STRING, AQ_LIT("a"), NULL},
        {XF_JSON, AQ_LIT("{\"s\":\"\"}"), "value = value.s", XF_BYTES, AQ_LIT(""), NULL},
        {XF_JSON, AQ_LIT("{\"o\":{\"a\": 1}}"), "value = tostring(value.o)", XF_STRING, AQ_LIT("{\"a\": 1}"),
         NULL},
        {XF_JSON, AQ_LIT("{\"n\":1}"), "value = nil", XF_INT64, AQ_NULL_SLICE, NULL},
        {XF_JSON, AQ_LIT("{\"n\":null}"), "value = value.n", XF_INT64, AQ_NULL_SLICE, NULL},
        {XF_STRING, AQ_LIT("a\"b"), "value = value", XF_JSON, AQ_LIT("\"a\\\"b\""), NULL},
        {XF_INT32, AQ_LIT("\0\0\0\1"), "value = {n = value}", XF_JSON, AQ_LIT("{\"n\":1}"), NULL},
        {XF_INT32, AQ_LIT("\0\0\0\1"), "value = null", XF_JSON, AQ_LIT("null"), NULL},
    };
    RUN(cases);
}

static void values_that_a_format_has_no_bytes_for_are_refused(void **state)
{
    (void)state;
    static const struct typed_case cases[] = {
        {XF_STRING, AQ_LIT("x"), "value = 5", XF_STRING, AQ_NULL_SLICE,
         "where:1: value must be a string (its serde is string), not a number; use tostring()"},
        {XF_JSON, AQ_LIT("{\"o\":{}}"), "value = value.o", XF_BYTES, AQ_NULL_SLICE,
         "value must be a string (its serde is bytes), not a JSON object; use tostring()"},
        {XF_JSON, AQ_LIT("{}"), "value = {}", XF_STRING, AQ_NULL_SLICE, "not a table; use tostring()"},
        {XF_STRING, AQ_LIT("5"), "value = value", XF_INT64, AQ_NULL_SLICE,
         "value must be an integer (its serde is int64), not a string"},
        {XF_STRING, AQ_LIT("5"), "value = 1.5", XF_INT64, AQ_NULL_SLICE,
         "value must be an integer of 64 bits, not 1.5"},
        {XF_STRING, AQ_LIT("5"), "value = 2^63", XF_INT64, AQ_NULL_SLICE,
         "value must be an integer of 64 bits, not 9.2233720368548e+18"},
        {XF_STRING, AQ_LIT("5"), "value = 2147483648", XF_INT32, AQ_NULL_SLICE,
         "value is 2147483648, outside of int32"},
        {XF_STRING, AQ_LIT("5"), "value = -2147483649.0", XF_INT32, AQ_NULL_SLICE,
         "value is -2147483649, outside of int32"},
        {XF_STRING, AQ_LIT("5"), "value = value", XF_DOUBLE, AQ_NULL_SLICE,
         "value must be a number (its serde is double), not a string"},
        {XF_STRING, AQ_LIT("5"), "value = true", XF_DOUBLE, AQ_NULL_SLICE, "not a boolean"},
        {XF_STRING, AQ_LIT("5"), "value = headers", XF_STRING, AQ_NULL_SLICE, "not an object"},
        {XF_STRING, AQ_LIT("5"), "value = pairs", XF_STRING, AQ_NULL_SLICE, "not a function"},
    };
    RUN(cases);
}

static void after_an_assignment_the_outgoing_format_is_read(void **state)
{
    (void)state;
    static const struct typed_case cases[] = {
        {XF_JSON, AQ_LIT("{\"n\":7}"), "value = value.n\nvalue = value + 1", XF_INT64,
         AQ_LIT("\0\0\0\0\0\0\0\x8"), NULL},
        {XF_INT32, AQ_LIT("\0\0\0\5"), "value = {n = value}\nvalue.m = value.n + 1", XF_JSON,
         AQ_LIT("{\"n\":5,\"m\":6}"), NULL},
        {XF_STRING, AQ_LIT("x"), "value_bytes = '\\0\\0\\0\\9'\nvalue = value + 1", XF_INT32,
         AQ_LIT("\0\0\0\xa"), NULL},
        {XF_JSON, AQ_LIT("{\"n\":7}"), "local v = value\nvalue = '{}'\nv.n = 1", XF_STRING, AQ_NULL_SLICE,
         "where:3: value is no JSON object in this record"},
    };
    RUN(cases);
}

static void a_part_nobody_assigned_must_fit_what_goes_out(void **state)
{
    (void)state;
    static const struct typed_case cases[] = {
        {XF_JSON, AQ_LIT("{\"n\":7}"), "x = 1", XF_STRING, AQ_LIT("{\"n\":7}"), NULL},
        {XF_JSON, AQ_LIT("{\"n\":7}"), "value.n = 8", XF_BYTES, AQ_LIT("{\"n\":8}"), NULL},
        {XF_INT64, AQ_LIT("12345678"), "x = 1", XF_INT64, AQ_LIT("12345678"), NULL},
        {XF_JSON, AQ_NULL_SLICE, "x = 1", XF_INT64, AQ_NULL_SLICE, NULL},
        {XF_JSON, AQ_LIT("{\"n\":7}"), "value.n = 8", XF_INT64, AQ_NULL_SLICE,
         "where: value comes in as json and goes out as int64: assign value"},
        {XF_STRING, AQ_LIT("x"), "x = 1", XF_JSON, AQ_NULL_SLICE,
         "where: value comes in as string and goes out as json: assign value"},
        {XF_INT64, AQ_LIT("12345678"), "x = 1", XF_STRING, AQ_NULL_SLICE,
         "where: value comes in as int64 and goes out as string: assign value"},
    };
    RUN(cases);
}

static void key_and_value_have_formats_of_their_own(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_STATEMENTS, "value = {id = key, s = value}\nkey = tostring(key)");
    struct xf_formats formats = {XF_INT32, XF_STRING, XF_STRING, XF_JSON};
    t.step.formats = &formats;
    assert_int_equal(lt_run_slices(&t, AQ_LIT("\0\0\0\x2a"), AQ_LIT("v")), 0);
    xt_expect(t.rec->key, "42");
    xt_expect(t.rec->value, "{\"id\":42,\"s\":\"v\"}");
    assert_int_equal(lt_run_slices(&t, AQ_LIT("\0\x2a"), AQ_LIT("v")), AQ_E_BAD_RECORD);
    assert_string_equal(t.err.text, "where:1: key has 2 bytes, and an int32 has 4");
    lt_close(&t);
    lt_open(&t, LUA_FUNCTION, "function transform(r) r.value = r.value * 2 end");
    formats = (struct xf_formats){XF_BYTES, XF_INT32, XF_BYTES, XF_INT64};
    t.step.formats = &formats;
    assert_int_equal(lt_run_slices(&t, AQ_NULL_SLICE, AQ_LIT("\x7f\xff\xff\xff")), 0);
    expect_bytes(t.rec->value, AQ_LIT("\0\0\0\0\xff\xff\xff\xfe"), "script");
    lt_close(&t);
}

static void a_key_that_must_stay_is_not_edited(void **state)
{
    (void)state;
    static const char *const edits[] = {"key = 1", "key_bytes = 'x'", "key.id = 2", "key.o.x = 2"};
    struct lt t;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        lt_open(&t, LUA_STATEMENTS, edits[i]);
        t.program.keep_key = true;
        assert_int_equal(lt_run(&t, "{\"o\":{}}", "{}"), AQ_E_BAD_RECORD);
        assert_string_equal(t.err.text, "where:1: map_values does not change the key; use map or select_key");
        xt_expect(t.rec->key, "{\"o\":{}}");
        lt_close(&t);
    }
    lt_open(&t, LUA_STATEMENTS, "value.id = key.id");
    t.program.keep_key = true;
    assert_int_equal(lt_run(&t, "{\"id\":1}", "{}"), 0);
    xt_expect(t.rec->value, "{\"id\":1}");
    lt_close(&t);
}

static void a_condition_reads_typed_parts_and_minds_no_outgoing_format(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, "value > 1000 and key == 'k'");
    struct xf_formats formats = {XF_STRING, XF_INT64, XF_JSON, XF_JSON};
    t.step.formats = &formats;
    assert_int_equal(lt_run_slices(&t, AQ_LIT("k"), AQ_LIT("\0\0\0\0\0\0\4\0")), 0);
    assert_int_equal(t.result.answer, LUA_TRUE);
    lt_close(&t);
}

static void a_record_alone_carries_its_own_partition(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, "tostring(partition)");
    t.step.alone = true;
    assert_int_equal(lt_run(&t, NULL, "{}"), 0);
    xt_expect(t.result.text, "-1");
    t.rec->partition = 9;
    assert_int_equal(lua_engine_run(t.engine, &t.step, t.rec, &t.result, &t.err), 0);
    xt_expect(t.result.text, "9");
    lt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_read_by_their_format),
        cmocka_unit_test(bytes_of_a_wrong_length_are_told),
        cmocka_unit_test(parts_are_written_by_their_format),
        cmocka_unit_test(values_that_a_format_has_no_bytes_for_are_refused),
        cmocka_unit_test(after_an_assignment_the_outgoing_format_is_read),
        cmocka_unit_test(a_part_nobody_assigned_must_fit_what_goes_out),
        cmocka_unit_test(key_and_value_have_formats_of_their_own),
        cmocka_unit_test(a_key_that_must_stay_is_not_edited),
        cmocka_unit_test(a_condition_reads_typed_parts_and_minds_no_outgoing_format),
        cmocka_unit_test(a_record_alone_carries_its_own_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
