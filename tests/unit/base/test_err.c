/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_fail_and_context(void **state)
{
    (void)state;
    struct aq_err err;
    aq_err_clear(&err);
    assert_int_equal(aq_fail(&err, AQ_E_UNSTABLE, "offset %d is open", 981), AQ_E_UNSTABLE);
    assert_int_equal(aq_err_in(&err, "task %d", 3), AQ_E_UNSTABLE);
    assert_int_equal(aq_err_in(&err, "route %s", "orders"), AQ_E_UNSTABLE);
    assert_string_equal(err.text, "route orders: task 3: offset 981 is open");
    assert_int_equal(err.code, AQ_E_UNSTABLE);
    aq_err_clear(&err);
    assert_int_equal(err.code, 0);
    assert_string_equal(err.text, "");
}

static void test_may_format_its_own_text(void **state)
{
    (void)state;
    struct aq_err err;
    aq_fail(&err, AQ_E_IO, "first");
    aq_fail(&err, AQ_E_IO, "<%s> and <%s>", err.text, err.text);
    assert_string_equal(err.text, "<first> and <first>");
}

static void test_null_object_keeps_the_code(void **state)
{
    (void)state;
    assert_int_equal(aq_fail(NULL, AQ_E_IO, "x"), AQ_E_IO);
    assert_true(aq_err_in(NULL, "context") < 0);
    aq_err_clear(NULL);
}

static void test_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    char long_text[2000];
    struct aq_err err;
    for (int shift = 0; shift < 4; shift++) {
        memset(long_text, 'x', (size_t)shift);
        for (size_t i = (size_t)shift; i + 3 < sizeof(long_text); i += 3) memcpy(long_text + i, "\u20ac", 4);
        aq_fail(&err, AQ_E_IO, "%s", long_text);
        aq_err_in(&err, "route");
        assert_true(strlen(err.text) > sizeof(err.text) - 8);
        for (const char *p = err.text; *p;) {
            size_t n = aq_utf8_len((const unsigned char *)p);
            assert_true(n > 0);
            p += n;
        }
    }
}

static void test_codes_are_unique_and_named(void **state)
{
    (void)state;
    static const int all[] = {
#define X(name, value, class, text) AQ_E_##name,
#include "base/err.def"
#undef X
    };
    size_t n = sizeof(all) / sizeof(all[0]);
    for (size_t i = 0; i < n; i++) {
        assert_true(all[i] < 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(aq_code_name(all[i]), aq_code_name(all[j]));
        }
        assert_true(strlen(aq_code_text(all[i])) > 3);
        (void)aq_code_class(all[i]);
    }
    assert_string_equal(aq_code_name(AQ_E_UNSTABLE), "UNSTABLE");
    assert_int_equal(aq_code_class(AQ_E_FENCED), AQ_CLASS_FENCED);
    assert_int_equal(aq_code_class(AQ_E_TXN_ABORT), AQ_CLASS_ABORT);
    assert_string_equal(aq_code_name(-9999), "UNKNOWN");
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"a", 1},
        {"\xC3\xA9", 2},
        {"\xE2\x82\xAC", 3},
        {"\xF0\x9F\x98\x80", 4},
        {"\x80", 0},
        {"\xC0\x80", 0},
        {"\xED\xA0\x80", 0},
        {"\xE2\x82", 0},
        {"\xF5\x80\x80\x80", 0},
        {"\xFF", 0},
        {"\xE0\x80\x80", 0},
        {"\xF4\x90\x80\x80", 0},
        {"\xF0\x80\x80\x80", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(aq_utf8_len((const unsigned char *)rows[i].bytes), rows[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_and_context),
        cmocka_unit_test(test_may_format_its_own_text),
        cmocka_unit_test(test_null_object_keeps_the_code),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_codes_are_unique_and_named),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
