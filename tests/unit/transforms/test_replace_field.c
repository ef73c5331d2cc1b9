/* SPDX-License-Identifier: Apache-2.0
 *
 * ReplaceField: exclude, include, renames, collisions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

#define R "type = \"ReplaceField\"; "

static const struct xt_case both[] = {
    {R "exclude = [\"a\"];", "{\"a\":1,\"b\":2}", "{\"b\":2}", NULL},
    {R "exclude = [\"a\"];", "{\"b\" : 2}", "{\"b\" : 2}", NULL},
    {R "exclude = [\"a\"];", "{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2}", NULL},
    {R "include = [\"a\",\"c\"];", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}", NULL},
    {R "include = [\"a\",\"b\"]; exclude = [\"b\"];", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1}", NULL},
    {R "include = [\"z\"];", "{\"a\":1,\"b\":2}", "{}", NULL},
    {R "renames = [\"a:z\"];", "{\"a\" : 1, \"b\":2}", "{\"z\" : 1, \"b\":2}", NULL},
    {R "renames = \"a:b, b:a\";", "{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}", NULL},
    {R "renames = [\"a:b\",\"b:c\",\"c:a\"];", "{\"a\":1,\"b\":2,\"c\":3}", "{\"b\":1,\"c\":2,\"a\":3}",
     NULL},
    {R "include = [\"a\"]; renames = [\"a:z\"];", "{\"a\":1,\"z\":2}", "{\"z\":1}", NULL},
    {R "exclude = [\"b\"]; renames = [\"a:b\"];", "{\"a\":1,\"b\":2}", "{\"b\":1}", NULL},
    {R "renames = [\"a:z\"];", "{\"a\":1,\"a\":2}", "{\"z\":1,\"z\":2}", NULL},
    {R "renames = [\"a:a\"];", "{\"a\":1}", "{\"a\":1}", NULL},
    {R "renames = [\"a:z\"];", NULL, NULL, NULL},
    {R "renames = [\"a:z\"];", "\"x\"", NULL, "value is a string, not a JSON object"},
    {R "renames = [\"a:x\\\"y\"];", "{\"a\":1}", "{\"x\\\"y\":1}", NULL},
};

/* "a" lies in bucket 1 of a java.util.HashMap, "b" in bucket 2, so b is put last; of "b" and "c", c. */
static const struct xt_case connect[] = {
    {R "renames = [\"a:b\"];", "{\"a\":1,\"b\":2}", "{\"b\":2}", NULL},
    {R "renames = [\"a:b\"];", "{\"b\":2,\"a\":1}", "{\"b\":2}", NULL},
    {R "renames = [\"b:a\"];", "{\"a\":1,\"b\":2}", "{\"a\":2}", NULL},
    {R "renames = [\"a:x\",\"b:x\"];", "{\"b\":2,\"a\":1,\"c\":3}", "{\"x\":2,\"c\":3}", NULL},
};

static void test_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        xt_case_run(&both[i], XF_SAFE);
        xt_case_run(&both[i], XF_CONNECT);
    }
}

static void test_collisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(connect) / sizeof(connect[0]); i++) {
        struct xt_case safe = connect[i];
        safe.error = "the record has another field";
        xt_case_run(&safe, XF_SAFE);
        xt_case_run(&connect[i], XF_CONNECT);
    }
}

static void test_two_in_a_row(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t,
            "transforms = { x = { " R "renames = [\"a:b\"]; }; y = { " R
            "renames = [\"b:c\"]; exclude = [\"d\"]; }; };",
            "x y", XF_SAFE);
    struct aq_record *rec = xt_add(&t, NULL, "{\"a\":1,\"d\":2}");
    xt_run(&t);
    xt_expect(rec->value, "{\"c\":1}");
    xt_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
    xt_refused(R "renames = [\"ab\"];", XF_SAFE, "'ab' is not of the form \"old:new\"");
    xt_refused(R "renames = [\"a:b:c\"];", XF_SAFE, "'a:b:c' is not of the form");
    xt_refused(R "renames = [\"a:\"];", XF_SAFE, "'a:' is not of the form");
    xt_refused(R "renames = [\"a:b\",\"a:c\"];", XF_SAFE, "rename the same field");
    xt_warned(R "renames = [\"a:b\",\"a:c\"];", XF_CONNECT, "rename the same field");
    xt_case_run(&(struct xt_case){R "renames = [\"a:b\",\"a:c\"];", "{\"a\":1}", "{\"c\":1}", NULL},
                XF_CONNECT);
    xt_refused(R "blacklist = [\"a\"];", XF_SAFE, "exclude");
    xt_refused(R "whitelist = [\"a\"];", XF_CONNECT, "include");
    xt_refused(R "exclud = [\"a\"];", XF_SAFE, "did you mean 'exclude'?");
    xt_warned(R, XF_SAFE, "does nothing");
    xt_warned(R "renames = [\"a:x\",\"b:x\"];", XF_SAFE, "collide");
    xt_warned(R "exclude = [\"a\"]; renames = [\"a:x\"];", XF_SAFE, "never applies");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_two_in_a_row),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
