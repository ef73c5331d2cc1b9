/* SPDX-License-Identifier: Apache-2.0
 *
 * InsertField: every source, existing fields, suffixes, nulls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

#define I "type = \"InsertField\"; "

static const struct xt_case both[] = {
    {I "static_field = \"o\"; static_value = \"dc1\";", "{\"a\":1}", "{\"a\":1,\"o\":\"dc1\"}", NULL},
    {I "static_field = \"o\"; static_value = \"d\\\"1\";", "{}", "{\"o\":\"d\\\"1\"}", NULL},
    {I "static_field = \"a\"; static_value = \"x\";", "{ \"a\" : 1 }", "{ \"a\" : \"x\" }", NULL},
    {I "static_field = \"a\"; static_value = \"x\";", "{\"a\":1,\"a\":2}", "{\"a\":\"x\",\"a\":\"x\"}", NULL},
    {I "topic_field = \"t!\"; partition_field = \"p?\"; offset_field = \"o\"; timestamp_field = \"ts\";",
     "{}", "{\"t\":\"orders\",\"p\":3,\"o\":981,\"ts\":1582981323456}", NULL},
    {I "topic_field = \"t\";", NULL, NULL, NULL},
    {I "topic_field = \"t\";", "[]", NULL, "value is an array, not a JSON object"},
};

static void test_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        xt_case_run(&both[i], XF_SAFE);
        xt_case_run(&both[i], XF_CONNECT);
    }
}

static void test_json_null(void **state)
{
    (void)state;
    struct xt_case c = {I "topic_field = \"t\";", "null", NULL, "value is null, not a JSON object"};
    xt_case_run(&c, XF_SAFE);
    c.error = NULL;
    c.out = "null";
    xt_case_run(&c, XF_CONNECT);
}

static void test_batch(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t,
            "transforms = { x = { " I
            "topic_field = \"t\"; timestamp_field = \"ts\"; offset_field = \"o\"; }; };",
            "x", XF_SAFE);
    xt_add(&t, NULL, "{}");
    struct aq_record *other = xt_add(&t, NULL, "{}");
    other->topic = aq_names_intern(&t.names, AQ_LIT("other"));
    other->time_type = AQ_TIME_NONE;
    other->offset = -7;
    xt_add(&t, NULL, "{}");
    xt_run(&t);
    xt_expect(t.batch.records[0].value, "{\"t\":\"orders\",\"o\":981,\"ts\":1582981323456}");
    xt_expect(t.batch.records[1].value, "{\"t\":\"other\",\"o\":-7}");
    xt_expect(t.batch.records[2].value, "{\"t\":\"orders\",\"o\":981,\"ts\":1582981323456}");
    xt_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
    xt_refused(I, XF_SAFE, "set at least one of topic_field");
    xt_refused(I "static_field = \"a\";", XF_SAFE, "need each other");
    xt_refused(I "static_value = \"a\"; topic_field = \"t\";", XF_SAFE, "need each other");
    xt_refused(I "topic_field = \"!\";", XF_SAFE, "topic_field must not be empty");
    xt_warned(I "topic_field = \"t\"; offset_field = \"t?\";", XF_SAFE, "name the same field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_json_null),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
