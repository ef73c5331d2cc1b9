/* SPDX-License-Identifier: Apache-2.0
 *
 * MaskField, by the edge cases of Connect's own MaskFieldTest and the differences of safe and connect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

#define MASK       "type = \"MaskField\"; fields = [\"f\"]; "
#define WITH(text) MASK "replacement = \"" text "\";"

static const struct xt_case both[] = {
    {MASK, "{\"f\":\"secret\"}", "{\"f\":\"\"}", NULL},
    {MASK, "{\"f\":17}", "{\"f\":0}", NULL},
    {MASK, "{\"f\":-1.5}", "{\"f\":0.0}", NULL},
    {MASK, "{\"f\":1e3}", "{\"f\":0.0}", NULL},
    {MASK, "{\"f\":true}", "{\"f\":false}", NULL},
    {MASK, "{\"f\":false}", "{\"f\":false}", NULL},
    {MASK, "{\"f\":null}", "{\"f\":null}", NULL},
    {MASK, "{\"f\":[1,2]}", "{\"f\":[]}", NULL},
    {MASK, "{\"f\":{\"f\":1}}", "{\"f\":{}}", NULL},
    {MASK, "{ \"a\" : 1.10 , \"f\" : \"x\" , \"b\":[ ] }", "{ \"a\" : 1.10 , \"f\" : \"\" , \"b\":[ ] }",
     NULL},
    {MASK, "{\"f\":1,\"f\":\"x\"}", "{\"f\":0,\"f\":\"\"}", NULL},
    {MASK, "{\"\\u0066\":1}", "{\"\\u0066\":0}", NULL},
    {"type = \"MaskField\"; fields = [\"a.b\"];", "{\"a\":{\"b\":1},\"a.b\":2}",
     "{\"a\":{\"b\":1},\"a.b\":0}", NULL},
    {"type = \"MaskField$Value\"; fields = \"f, g\";", "{\"f\":1,\"g\":2}", "{\"f\":0,\"g\":0}", NULL},
    {WITH("***"), "{\"f\":\"x\"}", "{\"f\":\"***\"}", NULL},
    {WITH("a\\\"b"), "{\"f\":\"x\"}", "{\"f\":\"a\\\"b\"}", NULL},
    {WITH("***"), "{\"f\":null}", "{\"f\":null}", NULL},
    {WITH("***"), "{\"f\":1}", NULL,
     "field 'f' is a number, which cannot be masked with the replacement '***'"},
    {WITH("***"), "{\"f\":true}", NULL, "field 'f' is a boolean"},
    {WITH("***"), "{\"f\":[]}", NULL, "field 'f' is an array"},
    {WITH("***"), "{\"f\":{}}", NULL, "field 'f' is an object"},
    {WITH("42"), "{\"f\":1}", "{\"f\":42}", NULL},
    {WITH("42"), "{\"f\":\"x\"}", "{\"f\":\"42\"}", NULL},
    {WITH("1.5"), "{\"f\":7}", "{\"f\":1}", NULL},
    {WITH(" 7 "), "{\"f\":1}", "{\"f\":7}", NULL},
    {WITH("1.5"), "{\"f\":7.25}", "{\"f\":1.5}", NULL},
    {MASK, "[1]", NULL, "value is an array, not a JSON object: it has no fields"},
    {MASK, "17", NULL, "value is a number, not a JSON object"},
    {MASK, "", NULL, "value is not JSON: unexpected end at byte 0"},
    {MASK, "{\"a\":1,\"fxyz\":2,,}", NULL, "value is not JSON: unexpected ',' at byte 16"},
};

static const struct xt_case safe[] = {
    {MASK, "{\"a\":1}", "{\"a\":1}", NULL},
    {MASK, NULL, NULL, NULL},
    {MASK, "null", NULL, "value is null, not a JSON object"},
    {WITH("42"), "{\"f\":1.5}", "{\"f\":42}", NULL},
    {WITH(" 7 "), "{\"f\":\"x\"}", "{\"f\":\" 7 \"}", NULL},
    {WITH(".5"), "{\"f\":1.5}", "{\"f\":0.5}", NULL},
    {WITH("99999999999999999999"), "{\"f\":1}", NULL, "cannot be masked"},
};

static const struct xt_case connect[] = {
    {MASK, "{\"a\":1}", "{\"a\":1,\"f\":null}", NULL},
    {MASK, NULL, NULL, "value is null, it has no fields to mask"},
    {MASK, "null", NULL, "value is null, it has no fields to mask"},
    {WITH("42"), "{\"f\":1.5}", "{\"f\":42.0}", NULL},
    {WITH("1e7"), "{\"f\":1.5}", "{\"f\":1.0E7}", NULL},
    {WITH(" 7 "), "{\"f\":\"x\"}", "{\"f\":\"7\"}", NULL},
    {WITH(".5"), "{\"f\":1.5}", "{\"f\":0.5}", NULL},
    {WITH("1.5"), "{\"f\":\"x\"}", "{\"f\":\"1.5\"}", NULL},
    {WITH("18446744073709551615"), "{\"f\":1}", "{\"f\":-1}", NULL},
};

static void test_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        xt_case_run(&both[i], XF_SAFE);
        xt_case_run(&both[i], XF_CONNECT);
    }
}

static void test_compat(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) xt_case_run(&safe[i], XF_SAFE);
    for (size_t i = 0; i < sizeof(connect) / sizeof(connect[0]); i++) xt_case_run(&connect[i], XF_CONNECT);
}

static void test_key(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, "transforms = { x = { type = \"MaskField\"; on = \"key\"; fields = [\"f\"]; }; };", "x",
            XF_SAFE);
    struct aq_record *rec = xt_add(&t, "{\"f\":1}", "{\"f\":2}");
    xt_run(&t);
    xt_expect(rec->key, "{\"f\":0}");
    xt_expect(rec->value, "{\"f\":2}");
    aq_batch_release(&t.batch);
    rec = xt_add(&t, "plain", NULL);
    xt_run(&t);
    assert_string_equal(rec->fail_reason, "key is not JSON: unexpected 'p' at byte 0");
    xt_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
    xt_refused("type = \"MaskField\";", XF_SAFE, "fields");
    xt_refused("type = \"MaskField\"; fields = [];", XF_SAFE, "fields");
    xt_refused(WITH(""), XF_SAFE, "replacement must not be empty");
    xt_refused(MASK "replacment = \"x\";", XF_SAFE, "did you mean 'replacement'?");
    xt_refused(MASK "predicat = \"x\";", XF_SAFE, "did you mean 'predicate'?");
    xt_refused(MASK "replace_null_with_default = false;", XF_SAFE, "without a schema");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_compat),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
