/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include "conf/token.h"

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum conf_token_kind kind;
        size_t at, len;
    } rows[] = {
        {"", TOK_END, 0, 0},
        {"  # c\n // d\n /* e */ x", TOK_NAME, 21, 1},
        {"/* open", TOK_END, 7, 0},
        {"name-1_*=", TOK_NAME, 0, 8},
        {"TrUe;", TOK_BOOL, 0, 4},
        {"truth", TOK_NAME, 0, 5},
        {"-12,", TOK_INT, 0, 3},
        {"12L", TOK_INT64, 0, 3},
        {"12LL", TOK_INT64, 0, 4},
        {"12LLL", TOK_WORD, 0, 5},
        {"0xFf", TOK_HEX, 0, 4},
        {"0xFFL", TOK_HEX64, 0, 5},
        {"-0x5", TOK_WORD, 0, 4},
        {"0x", TOK_WORD, 0, 2},
        {"1.5", TOK_FLOAT, 0, 3},
        {".5", TOK_FLOAT, 0, 2},
        {"5.", TOK_FLOAT, 0, 2},
        {".", TOK_FLOAT, 0, 1},
        {"1e5", TOK_FLOAT, 0, 3},
        {"-1.e+5", TOK_FLOAT, 0, 6},
        {"1e", TOK_WORD, 0, 2},
        {"1.5L", TOK_WORD, 0, 4},
        {"1.2.3", TOK_WORD, 0, 5},
        {"-", TOK_WORD, 0, 1},
        {"\"a\\\"b\" c", TOK_STRING, 0, 6},
        {"\"open", TOK_STRING, 0, 5},
        {"=", TOK_EQUALS, 0, 1},
        {":", TOK_EQUALS, 0, 1},
        {"a.b=1", TOK_WORD, 0, 3},
        {"1//c", TOK_INT, 0, 1},
        {"5s;", TOK_WORD, 0, 2},
        {"_x", TOK_WORD, 0, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct conf_token t = conf_token_at(rows[i].text, 0);
        if (t.kind != rows[i].kind || t.at != rows[i].at || t.len != rows[i].len) {
            fail_msg("'%s': kind %d at %zu, %zu bytes", rows[i].text, (int)t.kind, t.at, t.len);
        }
    }
    assert_true(conf_is_name("a-b", 3));
    assert_false(conf_is_name("a.b", 3));
    assert_false(conf_is_name("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
