/* SPDX-License-Identifier: Apache-2.0
 *
 * RegexRouter and TimestampRouter: new names, illegal names, what both compatibility modes make of Java's quirks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

struct route_case {
    const char *options;
    const char *topic;
    const char *safe; /* new topic; NULL: the record fails */
    const char *connect;
};

static const struct route_case routes[] = {
    {"type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"dc1.$1\";", "orders", "dc1.orders",
     "dc1.orders"},
    {"type = \"RegexRouter\"; regex = \"order\"; replacement = \"x\";", "orders", "orders", "orders"},
    {"type = \"RegexRouter\"; regex = \"a|ab\"; replacement = \"X\";", "ab", "X", "Xb"},
    {"type = \"RegexRouter\"; regex = \"(a+?)\"; replacement = \"X\";", "aaa", "X", "Xaa"},
    {"type = \"RegexRouter\"; regex = \"(?<t>.*)-(\\d+)\"; replacement = \"$2-$${t}\";", "ab-12", "12-ab",
     "12-ab"},
    {"type = \"RegexRouter\"; regex = \"(a)(b)?\"; replacement = \"$1-$2-\";", "a", "a--", "a--"},
    {"type = \"RegexRouter\"; regex = \".*\"; replacement = \"\";", "a", NULL, ""},
    {"type = \"RegexRouter\"; regex = \".*\"; replacement = \"..\";", "a", NULL, ".."},
    {"type = \"RegexRouter\"; regex = \".*\"; replacement = \"a b\";", "a", NULL, "a b"},
    {"type = \"TimestampRouter\";", "orders", "orders-20200229", "orders-20200229"},
    {"type = \"TimestampRouter\"; topic_format = \"$${timestamp}.$${topic}.$${topic}.x\"; timestamp_format = \"yyyy-MM\";",
     "a", "2020-02.a.a.x", "2020-02.a.a.x"},
    {"type = \"TimestampRouter\"; topic_format = \"$${topic}-$${other}\";", "a", NULL, "a-${other}"},
    {"type = \"TimestampRouter\"; topic_format = \"$${topic}\";", "${timestamp}", NULL, "20200229"},
    {"type = \"TimestampRouter\"; timestamp_format = \"HH:mm\";", "a", NULL, "a-13:02"},
    {"type = \"TimestampRouter\"; timestamp_format = \"yyyyMMdd'T'HHmmss.SSS\";", "a",
     "a-20200229T130203.456", "a-20200229T130203.456"},
};

static void route(const struct route_case *c, enum xf_compat compat, const char *want)
{
    struct xt t;
    char *text = aq_asprintf("transforms = { x = { %s }; };", c->options);
    xt_open(&t, text, "x", compat);
    for (int i = 0; i < 3; i++) { /* the second and third come from the cache */
        xt_add(&t, NULL, NULL)->topic = aq_names_intern(&t.names, aq_slice_str(c->topic));
    }
    xt_run(&t);
    for (int i = 0; i < 3; i++) {
        struct aq_record *rec = &t.batch.records[i];
        if (!want) {
            if (!(rec->flags & AQ_REC_FAILED))
                fail_msg("%s on %s: %s", c->options, c->topic, rec->topic->text);
            assert_non_null(strstr(rec->fail_reason, "would become"));
            continue;
        }
        if (rec->flags & AQ_REC_FAILED) fail_msg("%s on %s: %s", c->options, c->topic, rec->fail_reason);
        assert_string_equal(rec->topic->text, want);
        assert_ptr_equal(rec->topic, aq_names_intern(&t.names, aq_slice_str(want)));
    }
    xt_close(&t);
    free(text);
}

static void test_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        route(&routes[i], XF_SAFE, routes[i].safe);
        route(&routes[i], XF_CONNECT, routes[i].connect);
    }
}

static void test_timestamps(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, "transforms = { x = { type = \"TimestampRouter\"; }; };", "x", XF_SAFE);
    static const int64_t times[] = {0, -1, -86400000, -86400001, 86399999, 86400000, 0};
    static const char *const want[] = {"orders-19700101", "orders-19691231", "orders-19691231",
                                       "orders-19691230", "orders-19700101", "orders-19700102",
                                       "orders-19700101"};
    for (size_t i = 0; i < 7; i++) xt_add(&t, NULL, NULL)->timestamp = times[i];
    xt_add(&t, NULL, NULL)->time_type = AQ_TIME_NONE;
    xt_run(&t);
    for (size_t i = 0; i < 7; i++) assert_string_equal(t.batch.records[i].topic->text, want[i]);
    assert_string_equal(t.batch.records[7].fail_reason, "record has no timestamp to route by");
    xt_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
#define X "type = \"RegexRouter\"; "
    xt_refused(X "regex = \"(a)\"; replacement = \"$2\";", XF_SAFE, "there is no group 2, the regex has 1");
    xt_warned(X "regex = \"(a)\"; replacement = \"$2\";", XF_CONNECT,
              "every record whose topic matches will fail");
    xt_refused(X "regex = \"[a-z&&[^b]]\"; replacement = \"x\";", XF_CONNECT, "class intersection");
    xt_refused(X "regex = \"(a\"; replacement = \"x\";", XF_SAFE, "missing closing parenthesis");
    xt_refused(X "regex = \"a\";", XF_SAFE, "replacement");
    xt_warned(X "regex = \"orders:.*\"; replacement = \"x\";", XF_SAFE, "can never match a topic name");
    xt_refused("type = \"TimestampRouter\"; timestamp_format = \"yyyy-bb\";", XF_SAFE, "unknown letter 'b'");
    xt_warned("type = \"TimestampRouter\"; topic_format = \"x\";", XF_SAFE, "every record goes to 'x'");
    struct xt t;
    xt_open(&t, "transforms = { x = { " X "regex = \"(a)\"; replacement = \"$2\"; }; };", "x", XF_CONNECT);
    xt_add(&t, NULL, NULL)->topic = aq_names_intern(&t.names, AQ_LIT("a"));
    xt_add(&t, NULL, NULL);
    xt_run(&t);
    assert_true(t.batch.records[0].flags & AQ_REC_FAILED);
    assert_false(t.batch.records[1].flags & AQ_REC_FAILED); /* its topic does not match */
    xt_close(&t);
}

static void test_match_limit(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t,
            "predicates = { p = { type = \"TopicNameMatches\"; pattern = \"x|([a-]+)+[.]\"; }; };"
            "transforms = { r = { type = \"RegexRouter\"; regex = \"x|([a-]+)+[.]\"; replacement = \"x\"; };"
            "               f = { type = \"Filter\"; predicate = \"p\"; negate = true; }; };",
            "r f", XF_SAFE);
    xt_add(&t, NULL, NULL)->topic =
        aq_names_intern(&t.names, AQ_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-"));
    xt_run(&t);
    assert_string_equal(t.batch.records[0].fail_step, "r");
    assert_non_null(strstr(t.batch.records[0].fail_reason, "match limit"));
    xt_close(&t);
    xt_open(&t,
            "predicates = { p = { type = \"TopicNameMatches\"; pattern = \"x|([a-]+)+[.]\"; }; };"
            "transforms = { f = { type = \"Filter\"; predicate = \"p\"; }; };",
            "f", XF_SAFE);
    xt_add(&t, NULL, NULL)->topic =
        aq_names_intern(&t.names, AQ_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-"));
    xt_run(&t);
    assert_true(t.batch.records[0].flags & AQ_REC_FAILED);
    assert_int_equal(aq_counter_get(&xf_run_counters(t.run, 0)->errors), 1);
    assert_int_equal(aq_counter_get(&xf_run_counters(t.run, 0)->records), 0);
    xt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_match_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
