/* SPDX-License-Identifier: Apache-2.0
 *
 * The predicate Where with a Filter behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

static void open_filter(struct xt *t, const char *expression, const char *chain)
{
    char *text = aq_asprintf("predicates = { p = { type = \"Where\"; expression = \"%s\"; }; };"
                             "transforms = { drop = { type = \"Filter\"; predicate = \"p\"; };"
                             "keep = { type = \"Filter\"; predicate = \"p\"; negate = true; };"
                             "mask = { type = \"MaskField\"; fields = [\"a\"]; replacement = \"7\"; }; };",
                             expression);
    xt_open(t, text, chain, XF_SAFE);
    free(text);
}

static void selected_records_are_dropped_and_others_stay_as_they_are(void **state)
{
    (void)state;
    struct xt t;
    open_filter(&t, "value.amount > 100 and value.country == 'DE'", "drop");
    xt_add(&t, NULL, "{\"amount\":101,\"country\":\"DE\"}");
    xt_add(&t, NULL, "{ \"amount\" : 1.0e2 ,\"country\":\"DE\"}");
    xt_add(&t, NULL, "{\"amount\":101,\"country\":null}");
    xt_run(&t);
    const struct aq_record *rec = t.batch.records;
    assert_int_equal(rec[0].flags, AQ_REC_DROPPED);
    assert_int_equal(rec[1].flags, 0);
    xt_expect(rec[1].value, "{ \"amount\" : 1.0e2 ,\"country\":\"DE\"}");
    assert_int_equal(rec[2].flags, 0);
    xt_close(&t);
}

static void anything_but_false_and_nil_is_true(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        bool met;
    } cases[] = {{"value.a", true}, {"value.b", false}, {"value.n", true}, {"value.f", false},
                 {"0", true},       {"''", true},       {"value", true},   {"key", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct xt t;
        open_filter(&t, cases[i].expression, "keep");
        struct aq_record *rec = xt_add(&t, NULL, "{\"a\":1,\"n\":null,\"f\":false}");
        xt_run(&t);
        if (!(rec->flags & AQ_REC_DROPPED) != cases[i].met) fail_msg("%s", cases[i].expression);
        xt_close(&t);
    }
}

static void it_sees_what_earlier_steps_made(void **state)
{
    (void)state;
    struct xt t;
    open_filter(&t, "value.a == '7' and value_bytes:find('7', 1, true)", "mask keep");
    struct aq_record *rec = xt_add(&t, NULL, "{\"a\":\"secret\"}");
    xt_run(&t);
    assert_int_equal(rec->flags, 0);
    xt_expect(rec->value, "{\"a\":\"7\"}");
    xt_close(&t);
}

static void an_expression_that_fails_fails_the_record(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *value, *reason;
    } cases[] = {
        {"value.amount > 100", "{\"a\":1}", "predicate: expression:1: attempt to compare number with nil"},
        {"value.amount > 100", NULL,
         "predicate: expression:1: attempt to index a nil value (global 'value')"},
        {"value.amount > 100", "{,}", "predicate: expression:1: value is not JSON: unexpected ',' at byte 1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct xt t;
        open_filter(&t, cases[i].expression, "drop");
        struct aq_record *rec = xt_add(&t, NULL, cases[i].value);
        struct aq_record good = *rec;
        xt_run(&t);
        assert_int_equal(rec->flags, AQ_REC_FAILED);
        assert_string_equal(rec->fail_step, "drop");
        assert_string_equal(rec->fail_reason, cases[i].reason);
        assert_ptr_equal(rec->value.ptr, good.value.ptr);
        xt_close(&t);
    }
}

static void a_syntax_error_is_told_where_the_expression_stands(void **state)
{
    (void)state;
    struct xt t;
    xt_load(&t, "predicates = {\n  p = { type = \"Where\";\n        expression = \"value.a >\"; };\n};",
            XF_SAFE);
    assert_int_equal(t.diags.errors, 1);
    const struct conf_diag *d = &t.diags.list[0];
    assert_string_equal(d->text, "predicates.p: expression:1: unexpected symbol near ')'");
    assert_int_equal(d->pos.line, 3);
    assert_int_equal(d->pos.column, 22);
    xt_close(&t);
}

static void limits_are_checked_and_kept(void **state)
{
    (void)state;
    struct xt t;
    xt_load(&t,
            "predicates = { p = { type = \"Where\"; expression = \"true\"; instruction_limit = 99; "
            "memory_limit = \"1KiB\"; }; };",
            XF_SAFE);
    assert_int_equal(t.diags.errors, 2);
    xt_close(&t);
    xt_open(&t,
            "predicates = { p = { type = \"Where\"; expression = \"(function() while true do end end)()\"; "
            "instruction_limit = 500; }; }; transforms = { x = { type = \"Filter\"; predicate = \"p\"; }; };",
            "x", XF_SAFE);
    struct aq_record *rec = xt_add(&t, NULL, "{}");
    xt_run(&t);
    assert_non_null(strstr(rec->fail_reason, "expression:1: stopped after 500 instructions"));
    xt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selected_records_are_dropped_and_others_stay_as_they_are),
        cmocka_unit_test(anything_but_false_and_nil_is_true),
        cmocka_unit_test(it_sees_what_earlier_steps_made),
        cmocka_unit_test(an_expression_that_fails_fails_the_record),
        cmocka_unit_test(a_syntax_error_is_told_where_the_expression_stands),
        cmocka_unit_test(limits_are_checked_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
