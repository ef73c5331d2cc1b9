/* SPDX-License-Identifier: Apache-2.0
 *
 * The Java look-alikes: regular expressions and replacements, SimpleDateFormat, numbers, header literals. Expected
 * texts are what Java 17 and Kafka 4.3.0 print.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transforms/java_date.h"
#include "transforms/java_literal.h"
#include "transforms/java_number.h"
#include "transforms/java_regex.h"

static struct aq_arena arena;

static void test_regex_full_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
        int match;
    } cases[] = {
        {"orders", "orders", 1},    {"orders", "orders.eu", 0}, {"orders\\..*", "orders.eu", 1},
        {"a|ab", "ab", 1},          {"(?i)ORD.*", "orders", 1}, {"\\Qa.b\\E", "a.b", 1},
        {"\\Qa.b\\E", "axb", 0},    {"\\u0061+", "aaa", 1},     {"[\\u0061-c]+", "abc", 1},
        {"[^]a]", "b", 1},          {"[a\\]]+", "]a", 1},       {"\\p{Alpha}+", "abc", 1},
        {"(?<x>a)\\k<x>", "aa", 1}, {"a{2,3}", "aaa", 1},       {"(?!__).*", "__consumer_offsets", 0},
        {"[a-z&]+", "a&b", 1},      {"a++b", "aab", 1},         {"", "", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct java_regex re;
        struct java_matcher m;
        struct aq_err err;
        if (java_regex_compile(&re, cases[i].pattern, &err) < 0)
            fail_msg("%s: %s", cases[i].pattern, err.text);
        java_matcher_init(&m, &re);
        int rc = java_regex_match(re.full, &m, aq_slice_str(cases[i].subject), &err);
        if (rc != cases[i].match) fail_msg("%s on %s: %d", cases[i].pattern, cases[i].subject, rc);
        java_matcher_finish(&m);
        java_regex_free(&re);
    }
}

static void test_regex_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *error;
    } cases[] = {
        {"[a-z&&[^b]]", "class intersection '&&' is not supported at character 5"},
        {"[a-d[m-p]]", "a class inside a class (Java's union) is not supported at character 5"},
        {"a{,3}", "illegal repetition '{' at character 2"},
        {"\\u00", "\\u needs four hexadecimal digits"},
        {"abc\\", "nothing follows the backslash"},
        {"[abc", "the character class is not closed"},
        {"a\\Kb", "this escape is not known to Java"},
        {"*.orders", "quantifier does not follow a repeatable item"},
        {"(a", "missing closing parenthesis"},
        {"\\p{IsAlphabeticX}", "unknown property"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct java_regex re;
        struct aq_err err;
        assert_int_equal(java_regex_compile(&re, cases[i].pattern, &err), AQ_E_CONFIG);
        if (!strstr(err.text, cases[i].error)) fail_msg("%s: %s", cases[i].pattern, err.text);
        assert_null(re.full);
    }
}

static void test_regex_limits(void **state)
{
    (void)state;
    struct java_regex re;
    struct java_matcher m;
    struct aq_err err;
    assert_int_equal(java_regex_compile(&re, "(a+)+b", &err), 0);
    java_matcher_init(&m, &re);
    char subject[61];
    memset(subject, 'a', 60);
    assert_int_equal(java_regex_match(re.full, &m, aq_slice_of(subject, 60), &err),
                     0); /* no b: refused at once */
    java_matcher_finish(&m);
    java_regex_free(&re);
    assert_int_equal(java_regex_compile(&re, "(?:(a+)+c|b).*b?", &err), 0);
    java_matcher_init(&m, &re);
    subject[59] = '-';
    int rc = java_regex_match(re.full, &m, aq_slice_of(subject, 60), &err);
    assert_true(rc == 0 || rc == AQ_E_BAD_RECORD);
    java_matcher_finish(&m);
    java_regex_free(&re);
    assert_int_equal(java_regex_compile(&re, "(.*?,){11}P|([a-]+)+[.]", &err), 0);
    java_matcher_init(&m, &re);
    assert_int_equal(java_regex_match(re.full, &m, aq_slice_of(subject, 60), &err), AQ_E_BAD_RECORD);
    assert_non_null(strstr(err.text, "match limit"));
    java_matcher_finish(&m);
    java_regex_free(&re);
}

static void test_regex_never(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool never;
    } cases[] = {{".*", false},    {"orders.*", false}, {"/orders", true}, {"orders:.*", true},
                 {"[ /].*", true}, {"a{250}", true},    {"a{249}", false}, {"(?:a|b).*", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct java_regex re;
        assert_int_equal(java_regex_compile(&re, cases[i].pattern, NULL), 0);
        const char *why = java_regex_never_matches_topic(&re);
        if ((why != NULL) != cases[i].never) fail_msg("%s: %s", cases[i].pattern, why ? why : "might match");
        java_regex_free(&re);
    }
}

static void test_replacements(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *replacement, *subject, *want; /* want NULL: refused */
    } cases[] = {
        {"(.*)", "dc1.$1", "orders", "dc1.orders"},
        {"(a)(b)?(c)", "$3$2$1", "ac", "ca"},
        {"(?<topic>[a-z]+)-(.)", "${topic}.$2.$0", "ab-c", "ab.c.ab-c"},
        {"(a)", "$12", "a", "a2"},
        {"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "$12$1", "abcdefghijkl", "la"},
        {".*", "\\$1\\\\x", "a", "$1\\x"},
        {".*", "", "a", ""},
        {"(a)", "$2", "a", NULL},
        {"(a)", "${x}", "a", NULL},
        {"(a)", "${x", "a", NULL},
        {"(a)", "x$", "a", NULL},
        {"(a)", "x$y", "a", NULL},
        {"(a)", "x\\", "a", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct java_regex re;
        struct java_matcher m;
        struct java_replacement r;
        struct aq_err err;
        char buf[64];
        size_t len = 0;
        assert_int_equal(java_regex_compile(&re, cases[i].pattern, &err), 0);
        int rc = java_replacement_parse(&r, cases[i].replacement, &re, &arena, &err);
        assert_int_equal(rc, cases[i].want ? 0 : AQ_E_CONFIG);
        if (cases[i].want) {
            java_matcher_init(&m, &re);
            struct aq_slice subject = aq_slice_str(cases[i].subject);
            assert_int_equal(java_regex_match(re.full, &m, subject, &err), 1);
            assert_true(java_replacement_expand(&r, &m, subject, buf, sizeof(buf), &len));
            assert_true(aq_slice_equal(aq_slice_of(buf, len), aq_slice_str(cases[i].want)));
            len = 0;
            if (*cases[i].want) assert_false(java_replacement_expand(&r, &m, subject, buf, 0, &len));
            java_matcher_finish(&m);
        }
        java_regex_free(&re);
    }
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        const char *format;
        int64_t ms;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"yyyyMMdd", 0, "19700101"},
        {"yyyyMMdd", -1, "19691231"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", 1582981323456, "2020-02-29T13:02:03.456Z"},
        {"yyyy-MM-dd'T'HH:mm:ssXXX", 1582981323456, "2020-02-29T13:02:03Z"},
        {"yy y yyyyy", 1582981323456, "20 2020 02020"},
        {"M MM MMM MMMM L", 1582981323456, "2 02 Feb February 2"},
        {"E EEE EEEE u", 1582981323456, "Sat Sat Saturday 6"},
        {"u", 1583020800000, "7"},
        {"D DDD F w W", 1582981323456, "60 060 5 9 5"},
        {"YYYY-ww", 1609459199000, "2021-01"}, /* 2020-12-31, week with January 1st 2021 */
        {"YYYY-ww", 1609545600000, "2021-01"}, /* 2021-01-02, a Saturday */
        {"YYYY-ww", 1609632000000, "2021-02"}, /* 2021-01-03, a Sunday */
        {"H HH k K h a", 0, "0 00 24 0 12 AM"},
        {"H k K h a", 46800000, "13 13 1 1 PM"},
        {"m s S SS SSSS", 61007, "1 1 7 07 0007"},
        {"G z zzzz Z X XX", 0, "AD UTC Coordinated Universal Time +0000 Z Z"},
        {"''yyyy''", 0, "'1970'"},
        {"'o''clock'", 0, "o'clock"},
        {"yyyy/MM", 951782400000, "2000/02"},
        {"'unclosed", 0, NULL},
        {"yyyy-bb", 0, NULL},
        {"XXXX", 0, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct java_date date;
        struct aq_err err;
        char buf[128];
        int rc = java_date_parse(&date, cases[i].format, &arena, &err);
        assert_int_equal(rc, cases[i].want ? 0 : AQ_E_CONFIG);
        if (!cases[i].want) continue;
        size_t len = java_date_format(&date, cases[i].ms, buf, sizeof(buf));
        if (!aq_slice_equal(aq_slice_of(buf, len), aq_slice_str(cases[i].want))) {
            fail_msg("%s: %.*s, want %s", cases[i].format, (int)len, buf, cases[i].want);
        }
    }
    struct java_date date;
    assert_int_equal(java_date_parse(&date, "yyyyMMdd-HH", &arena, NULL), 0);
    assert_int_equal(date.unit, 3600000);
    assert_int_equal(java_days(2020, 2, 30), java_days(2020, 3, 1));
    assert_int_equal(java_days(2020, 13, 1), java_days(2021, 1, 1));
    assert_int_equal(java_days(2020, 0, 1), java_days(2019, 12, 1));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid, fits, fraction;
        int64_t whole;
    } cases[] = {
        {"300", true, true, false, 300},
        {" 7 ", true, true, false, 7},
        {"1.5", true, true, true, 1},
        {"-1.9", true, true, true, -1},
        {"1e3", true, true, false, 1000},
        {"12.50e1", true, true, false, 125},
        {"125e-1", true, true, true, 12},
        {"+42", true, true, false, 42},
        {".5", true, true, true, 0},
        {"5.", true, true, false, 5},
        {"9223372036854775807", true, true, false, INT64_MAX},
        {"-9223372036854775808", true, true, false, INT64_MIN},
        {"9223372036854775808", true, false, false, INT64_MIN},
        {"18446744073709551617", true, false, false, 1},
        {"1e100", true, false, false, 0},
        {"foo", false, false, false, 0},
        {"", false, false, false, 0},
        {".", false, false, false, 0},
        {"1e", false, false, false, 0},
        {"1 2", false, false, false, 0},
        {"0x10", false, false, false, 0},
        {"NaN", false, false, false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct java_decimal d = java_decimal_read(cases[i].text);
        if (d.valid != cases[i].valid) fail_msg("%s: valid %d", cases[i].text, d.valid);
        if (!d.valid) continue;
        if (d.fits != cases[i].fits || d.fraction != cases[i].fraction || d.whole != cases[i].whole) {
            fail_msg("%s: fits %d fraction %d whole %lld", cases[i].text, d.fits, d.fraction,
                     (long long)d.whole);
        }
    }
    static const struct {
        double value;
        const char *text;
    } reals[] = {
        {1, "1.0"},
        {100, "100.0"},
        {1e7, "1.0E7"},
        {9999999, "9999999.0"},
        {0.001, "0.001"},
        {1e-4, "1.0E-4"},
        {1.5, "1.5"},
        {-2.25, "-2.25"},
        {0, "0.0"},
        {-0.0, "-0.0"},
        {123456.789, "123456.789"},
        {1.2345e-10, "1.2345E-10"},
        {0.1, "0.1"},
        {1.7976931348623157e308, "1.7976931348623157E308"},
    };
    char buf[32];
    for (size_t i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        assert_string_equal(java_double_text(reals[i].value, buf), reals[i].text);
    }
    assert_string_equal(java_float_text(0.1f, buf), "0.1");
    assert_string_equal(java_float_text(1e30f, buf), "1.0E30");
    /* "a" hashes to 97, "Aa" and "BB" to 2112: buckets of 16 and 32 */
    assert_int_equal(java_map_place(AQ_LIT("a"), 3), 1);
    assert_int_equal(java_map_place(AQ_LIT("Aa"), 3), java_map_place(AQ_LIT("BB"), 3));
    assert_int_equal(java_map_place(AQ_LIT("q"), 12), 1);
    assert_int_equal(java_map_place(AQ_LIT("q"), 13), 17);
}

static void test_literals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"007", "7"},
        {"1.50", "1.5"},
        {"1e3", "1000"},
        {"  x ", "x"},
        {"null", NULL},
        {"1,2", "1"},
        {"2020-01-01T00:00:00.000Z", "2020-01-01"},
        {"2020-01-01T10:20:30.456Z", "2020-01-01T10:20:30.456Z"},
        {"2020-02-30", "2020-03-01"},
        {"1970-01-01", "00:00:00.000Z"},
        {"10:11:12.013Z", "10:11:12.013Z"},
        {"true,x", "true,x"},
        {"null,x", "null,x"},
        {"1:2", "1"},
        {"+5", "5"},
        {".5", ".5"},
        {"1.0", "1"},
        {"-0.0", "0"},
        {"0.1234567890123", "0.12345679"},
        {"12345678.9", "1.2345679E7"},
        {"1e-50", "0.0"},
        {"+0099999999999999999999", "99999999999999999999"},
        {"TRUE", "TRUE"},
        {"true", "true"},
        {"{a:1}", "{a:1}"},
        {"0x10", "0x10"},
        {"-5", "-5"},
        {"99999999999999999999", "99999999999999999999"},
        {"hello, world", "hello, world"},
        {"12 apples", "12 apples"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aq_slice got;
        struct aq_err err;
        assert_int_equal(java_literal(cases[i].text, &arena, &got, &err), 0);
        if (!aq_slice_equal(got, aq_slice_str(cases[i].want))) {
            fail_msg("%s: %.*s", cases[i].text, (int)got.len, got.ptr ? got.ptr : "");
        }
    }
    struct aq_slice got;
    assert_int_equal(java_literal("[1, 2]", &arena, &got, NULL), AQ_E_CONFIG);
    assert_int_equal(java_literal("1e400", &arena, &got, NULL), AQ_E_CONFIG);
    assert_int_equal(java_literal("{\"a\":1}", &arena, &got, NULL), AQ_E_CONFIG);
}

static int setup(void **state)
{
    (void)state;
    aq_arena_init(&arena, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    aq_arena_finish(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex_full_match), cmocka_unit_test(test_regex_refused),
        cmocka_unit_test(test_regex_limits),     cmocka_unit_test(test_regex_never),
        cmocka_unit_test(test_replacements),     cmocka_unit_test(test_dates),
        cmocka_unit_test(test_numbers),          cmocka_unit_test(test_literals),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
