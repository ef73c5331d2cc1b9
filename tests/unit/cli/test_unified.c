/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in one form, and diffs of texts.
 */
#include "cli/unified.h"

#include "tests/lib/check.h"

static char *pretty(const char *text)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    assert_non_null(file);
    cli_json_pretty(aq_slice_str(text), file);
    fclose(file);
    return out;
}

static void expect_pretty(const char *text, const char *expected)
{
    char *got = pretty(text);
    assert_string_equal(got, expected);
    free(got);
}

static void json_has_one_form(void **state)
{
    (void)state;
    expect_pretty(" { \"z\" : 1 , \"a\" : { \"y\":[ ], \"x\":{ } } } ",
                  "{\n  \"z\": 1,\n  \"a\": {\n    \"x\": {},\n    \"y\": []\n  }\n}");
    expect_pretty("[1,[\"\\u0041\\/\"],null,true]", "[\n  1,\n  [\n    \"A/\"\n  ],\n  null,\n  true\n]");
    expect_pretty("[{\"b\":1,\"ab\":2,\"a\":3,\"a\":4}]",
                  "[\n  {\n    \"a\": 3,\n    \"a\": 4,\n    \"ab\": 2,\n    \"b\": 1\n  }\n]");
}

static void equal_numbers_are_equal_texts(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"5.0", "5"},
                                          {"5e0", "5"},
                                          {"50e-1", "5"},
                                          {"0.10", "0.1"},
                                          {"1e400", "1e400"},
                                          {"-0.5", "-0.5"},
                                          {"12345678901234567890123", "12345678901234567890123"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) expect_pretty(rows[i][0], rows[i][1]);
}

static char *diff(const char *a, const char *b)
{
    char *out = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&out, &size);
    assert_non_null(file);
    cli_unified_diff(a, b, file);
    fclose(file);
    return out;
}

static void expect_diff(const char *a, const char *b, const char *expected)
{
    char *got = diff(a, b);
    assert_string_equal(got, expected);
    free(got);
}

#define HEAD "--- expected\n+++ got\n"

/* The hunks are those of diff -u. */
static void a_diff_is_that_of_diff_u(void **state)
{
    (void)state;
    expect_diff("a\nb\n", "a\nb\n", "");
    expect_diff("", "a\n", HEAD "@@ -0,0 +1,1 @@\n+a\n");
    expect_diff("a\n", "", HEAD "@@ -1,1 +0,0 @@\n-a\n");
    expect_diff("a\nb\nc\n", "a\nx\nc\n", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
    expect_diff("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n6\n", HEAD "@@ -2,5 +2,4 @@\n 2\n 3\n 4\n-5\n 6\n");
}

static void far_changes_are_hunks_of_their_own(void **state)
{
    (void)state;
    expect_diff("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
                HEAD "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n");
    expect_diff("a\n1\n2\n3\n4\n5\n6\nb\n", "x\n1\n2\n3\n4\n5\n6\ny\n",
                HEAD "@@ -1,8 +1,8 @@\n-a\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+y\n");
}

static void texts_too_long_for_a_table_are_still_compared(void **state)
{
    (void)state;
    char *texts[2], *got;
    for (int side = 0; side < 2; side++) {
        size_t size = 0;
        FILE *file = open_memstream(&texts[side], &size);
        assert_non_null(file);
        fputs("same\n", file);
        for (int i = 0; i < 5000; i++) fprintf(file, "%c%d\n", "ab"[side], i);
        fclose(file);
    }
    got = diff(texts[0], texts[1]);
    assert_non_null(strstr(got, "@@ -1,5001 +1,5001 @@\n same\n-a0\n"));
    assert_non_null(strstr(got, "-a4999\n+b0\n"));
    free(got);
    free(texts[0]);
    free(texts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_one_form),
        cmocka_unit_test(equal_numbers_are_equal_texts),
        cmocka_unit_test(a_diff_is_that_of_diff_u),
        cmocka_unit_test(far_changes_are_hunks_of_their_own),
        cmocka_unit_test(texts_too_long_for_a_table_are_still_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
