/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of documents: read, written, put in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "transforms/json_value.h"

static struct aq_arena arena;

static int set_up(void **state)
{
    (void)state;
    aq_arena_init(&arena, 256);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    aq_arena_finish(&arena);
    return 0;
}

static struct json_value read_value(const char *text)
{
    struct json_value value;
    struct json_error error;
    if (json_value_read(aq_slice_str(text), &arena, &value, &error) < 0) fail_msg("%s", text);
    return value;
}

static void integers_of_64_bits_are_exact_and_the_rest_is_double(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_integer;
        int64_t integer;
        double real;
    } cases[] = {
        {"0", true, 0, 0},
        {" -1\n", true, -1, 0},
        {"9223372036854775807", true, INT64_MAX, 0},
        {"-9223372036854775808", true, INT64_MIN, 0},
        {"9223372036854775808", false, 0, 0x1p63},
        {"1.0", false, 0, 1},
        {"1e3", false, 0, 1000},
        {"1e999", false, 0, INFINITY},
        {"0.10000000000000000000000000000000000000000000000000000000000000000000000000", false, 0, 0.1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_value value = read_value(cases[i].text);
        assert_int_equal(value.type, JS_NUMBER);
        assert_int_equal(value.is_integer, cases[i].is_integer);
        if (cases[i].is_integer)
            assert_true(value.integer == cases[i].integer);
        else
            assert_true(value.real == cases[i].real);
    }
}

static void other_values_are_told_by_their_type(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_type type;
    } cases[] = {{"null", JS_NULL},    {" true ", JS_TRUE}, {"false", JS_FALSE},
                 {"\"a\"", JS_STRING}, {"[1, 2", JS_ARRAY}, {"\n{\"a\":1}", JS_OBJECT}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(read_value(cases[i].text).type, cases[i].type);
    struct json_value value = read_value("\"a\\u00e4\\\"\"");
    assert_true(aq_slice_equal(value.string, aq_slice_str("a\xc3\xa4\"")));
    assert_true(aq_slice_equal(value.text, aq_slice_str("\"a\\u00e4\\\"\"")));
    assert_true(read_value("\"\"").string.ptr != NULL);
}

static void texts_that_are_no_json_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "1 2", "tru", "\"a", "01", "\x01 1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_value value;
        struct json_error error = {0};
        assert_int_equal(json_value_read(aq_slice_str(texts[i]), &arena, &value, &error), AQ_E_BAD_RECORD);
        assert_non_null(error.what);
    }
}

static void expect_written(const struct json_value *value, const char *want)
{
    struct aq_slice text;
    struct aq_err err;
    assert_int_equal(json_value_write(value, &arena, &text, &err), 0);
    if (!aq_slice_equal(text, aq_slice_str(want))) fail_msg("%.*s, want %s", (int)text.len, text.ptr, want);
}

static void a_value_is_written_as_it_came_or_anew(void **state)
{
    (void)state;
    static const char *const texts[] = {"1.50", "-0", "1e999", "\"\\u0061\"", "[ 1]", "null", "true"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_value value = read_value(texts[i]);
        expect_written(&value, texts[i]);
    }
    expect_written(&(struct json_value){.type = JS_NUMBER, .is_integer = true, .integer = INT64_MIN},
                   "-9223372036854775808");
    expect_written(&(struct json_value){.type = JS_NUMBER, .real = 2}, "2.0");
    expect_written(&(struct json_value){.type = JS_STRING, .string = AQ_LIT("a\"")}, "\"a\\\"\"");
    expect_written(&(struct json_value){.type = JS_NULL}, "null");
    expect_written(&(struct json_value){.type = JS_FALSE}, "false");
    expect_written(&(struct json_value){.type = JS_TRUE}, "true");
    struct aq_slice text;
    struct aq_err err;
    assert_int_equal(
        json_value_write(&(struct json_value){.type = JS_NUMBER, .real = NAN}, &arena, &text, &err),
        AQ_E_BAD_RECORD);
    assert_non_null(strstr(err.text, "has no JSON form"));
}

/* Each is less than the next. */
static void numbers_are_in_order_whatever_they_are_made_of(void **state)
{
    (void)state;
    static const char *const texts[] = {"-1e999",
                                        "-9223372036854775809e10",
                                        "-9223372036854775808",
                                        "-9223372036854775807",
                                        "-1.5",
                                        "-1",
                                        "-0.5",
                                        "0",
                                        "0.5",
                                        "1",
                                        "1.5",
                                        "9007199254740992.0",
                                        "9007199254740993",
                                        "9007199254740994.0",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "1e999"};
    size_t n = sizeof(texts) / sizeof(texts[0]);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            struct json_value a = read_value(texts[i]), b = read_value(texts[k]);
            int order;
            assert_true(json_value_compare(&a, &b, &order));
            if ((order > 0) - (order < 0) != (i > k) - (i < k))
                fail_msg("%s and %s: %d", texts[i], texts[k], order);
        }
    }
    int order = 7;
    struct json_value one = read_value("1"), same = read_value("1.0"), nan = {.type = JS_NUMBER, .real = NAN};
    assert_true(json_value_compare(&one, &same, &order) && order == 0);
    assert_false(json_value_compare(&one, &nan, &order));
    assert_false(json_value_compare(&nan, &nan, &order));
}

static void strings_are_in_the_order_of_their_bytes(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"\"",   "\"A\"", "\"a\"",      "\"a\\u0000\"",
                                        "\"ab\"", "\"b\"", "\"\\u00e4\""};
    size_t n = sizeof(texts) / sizeof(texts[0]);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            struct json_value a = read_value(texts[i]), b = read_value(texts[k]);
            int order;
            assert_true(json_value_compare(&a, &b, &order));
            if ((order > 0) - (order < 0) != (i > k) - (i < k))
                fail_msg("%s and %s: %d", texts[i], texts[k], order);
        }
    }
    int order;
    struct json_value text = read_value("\"1\""), number = read_value("1"), yes = read_value("true");
    assert_false(json_value_compare(&text, &number, &order));
    assert_false(json_value_compare(&yes, &yes, &order));
}

static void doubles_know_whether_they_are_integers(void **state)
{
    (void)state;
    int64_t integer;
    assert_true(json_real_is_integer(-0x1p63, &integer) && integer == INT64_MIN);
    assert_true(json_real_is_integer(-0.0, &integer) && integer == 0);
    assert_true(json_real_is_integer(0x1p62, &integer) && integer == INT64_C(1) << 62);
    assert_false(json_real_is_integer(0x1p63, &integer));
    assert_false(json_real_is_integer(0.5, &integer));
    assert_false(json_real_is_integer(NAN, &integer));
    assert_false(json_real_is_integer(INFINITY, &integer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_of_64_bits_are_exact_and_the_rest_is_double, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(other_values_are_told_by_their_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_that_are_no_json_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_is_written_as_it_came_or_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_in_order_whatever_they_are_made_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strings_are_in_the_order_of_their_bytes, set_up, tear_down),
        cmocka_unit_test(doubles_know_whether_they_are_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
