/* SPDX-License-Identifier: Apache-2.0
 *
 * InsertHeader, DropHeaders and the predicate HasHeaderKey.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

static void expect_header(struct aq_record *rec, uint16_t at, const char *name, const char *value)
{
    uint16_t n;
    struct aq_header *headers = aq_record_headers(rec, &n);
    assert_true(at < n);
    xt_expect(headers[at].name, name);
    xt_expect(headers[at].value, value);
}

static void insert(const char *options, enum xf_compat compat, const char *want)
{
    struct xt t;
    char *text =
        aq_asprintf("transforms = { x = { type = \"InsertHeader\"; header = \"h\"; %s }; };", options);
    xt_open(&t, text, "x", compat);
    struct aq_record *rec = xt_add(&t, NULL, NULL);
    aq_record_add_header(rec, AQ_LIT("h"), AQ_LIT("first"));
    xt_run(&t);
    assert_int_equal(rec->n_headers, 2); /* appended, not replaced */
    expect_header(rec, 0, "h", "first");
    expect_header(rec, 1, "h", want);
    assert_true(rec->flags & AQ_REC_HEADERS_CHANGED);
    xt_close(&t);
    free(text);
}

static void test_insert(void **state)
{
    (void)state;
    insert("value_literal = \"007\";", XF_SAFE, "007");
    insert("value_literal = \"007\";", XF_CONNECT, "7");
    insert("value_literal = \"007\"; literal = \"raw\";", XF_CONNECT, "007");
    insert("value_literal = \"1,2\"; literal = \"connect\";", XF_SAFE, "1");
    insert("value_literal = \"null\";", XF_CONNECT, NULL);
    insert("value_literal = \"\";", XF_SAFE, "");
    xt_refused("type = \"InsertHeader\"; header = \"h\";", XF_SAFE, "value_literal");
    xt_refused("type = \"InsertHeader\"; header = \"\"; value_literal = \"x\";", XF_SAFE,
               "header must not be empty");
    xt_refused("type = \"InsertHeader\"; header = \"h\"; value_literal = \"[1]\";", XF_CONNECT,
               "literal = \"raw\"");
    xt_refused("type = \"InsertHeader$Value\"; header = \"h\"; value_literal = \"x\";", XF_SAFE,
               "unknown transform");
}

static void test_drop(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, "transforms = { x = { type = \"DropHeaders\"; headers = [\"a\", \"b\"]; }; };", "x", XF_SAFE);
    struct aq_record *rec = xt_add(&t, NULL, NULL);
    aq_record_add_header(rec, AQ_LIT("a"), AQ_LIT("1"));
    aq_record_add_header(rec, AQ_LIT("A"), AQ_LIT("2"));
    aq_record_add_header(rec, AQ_LIT("b"), AQ_NULL_SLICE);
    aq_record_add_header(rec, AQ_LIT("a"), AQ_LIT("3"));
    xt_run(&t);
    assert_int_equal(rec->n_headers, 1);
    expect_header(rec, 0, "A", "2");
    xt_close(&t);
    xt_refused("type = \"DropHeaders\";", XF_SAFE, "headers");
    xt_refused("type = \"DropHeaders\"; headers = [];", XF_SAFE, "headers");
}

static void test_has_header_key(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t,
            "predicates = { p = { type = \"HasHeaderKey\"; name = \"trace\"; }; };"
            "transforms = { x = { type = \"Filter\"; predicate = \"p\"; }; };",
            "x", XF_SAFE);
    xt_add(&t, NULL, "1");
    aq_record_add_header(xt_add(&t, NULL, "2"), AQ_LIT("trace"), AQ_NULL_SLICE);
    aq_record_add_header(xt_add(&t, NULL, "3"), AQ_LIT("Trace"), AQ_LIT("x"));
    xt_run(&t);
    assert_int_equal(t.batch.records[0].flags & AQ_REC_DROPPED, 0);
    assert_int_not_equal(t.batch.records[1].flags & AQ_REC_DROPPED, 0);
    assert_int_equal(t.batch.records[2].flags & AQ_REC_DROPPED, 0);
    xt_close(&t);
    xt_load(&t, "predicates = { p = { type = \"HasHeaderKey\"; name = \"\"; }; };", XF_SAFE);
    xt_complaint(&t, CONF_ERROR, "predicates.p: name must not be empty");
    xt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_has_header_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
