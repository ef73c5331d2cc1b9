/* SPDX-License-Identifier: Apache-2.0
 *
 * Which topics a route takes: names, expressions, internal topics, and expressions that never come to an end.
 */
#include "bridge/topic_filter.h"

#include "tests/lib/check.h"

#define MAX_ENTRIES 8

struct fixture {
    struct conf_diags diags;
    struct br_topic_filter *filter;
};

static struct opt_strings list_of(const char **items)
{
    static struct conf_pos places[MAX_ENTRIES];
    struct opt_strings list = {.items = items, .places = places};
    for (size_t i = 0; i < MAX_ENTRIES; i++)
        places[i] = (struct conf_pos){.file = "t", .line = 1, .column = 1, .width = 1};
    while (items && items[list.count]) list.count++;
    return list;
}

static void make(struct fixture *f, const char **include, const char **exclude)
{
    struct opt_strings in = list_of(include), out = list_of(exclude);
    conf_diags_init(&f->diags);
    f->filter = br_topic_filter_create(&in, &out, &f->diags);
}

static void finish(struct fixture *f)
{
    br_topic_filter_destroy(f->filter);
    conf_diags_finish(&f->diags);
}

static void check_takes(const struct fixture *f, const char *topic, bool expected)
{
    T_CHECK(br_topic_filter_takes(f->filter, topic) == expected, "topic %s", topic);
}

static void names_and_expressions(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, (const char *[]){"customers", "^orders[.].*", NULL}, NULL);
    assert_non_null(f.filter);
    assert_int_equal(f.diags.count, 0);
    check_takes(&f, "customers", true);
    check_takes(&f, "customers2", false);
    check_takes(&f, "orders.eu", true);
    check_takes(&f, "orders", false);
    check_takes(&f, "my.orders.eu", false);
    const char *const *names;
    assert_int_equal(br_topic_filter_literals(f.filter, &names), 1);
    assert_string_equal(names[0], "customers");
    finish(&f);
}

static void an_expression_matches_the_whole_name(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, (const char *[]){"^orders", "^a|b", NULL}, NULL);
    check_takes(&f, "orders", true);
    check_takes(&f, "orders.eu", false);
    check_takes(&f, "b", true);
    check_takes(&f, "ab", false);
    finish(&f);
    make(&f, (const char *[]){"^pay$", NULL}, NULL);
    check_takes(&f, "pay", true);
    check_takes(&f, "pay\n", false);
    finish(&f);
}

static void exclude_wins(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, (const char *[]){"^.*", "tmp.keep", NULL}, (const char *[]){"^tmp[.].*", "secret", NULL});
    check_takes(&f, "orders", true);
    check_takes(&f, "tmp.a", false);
    check_takes(&f, "tmp.keep", false);
    check_takes(&f, "secret", false);
    check_takes(&f, "secrets", true);
    assert_int_equal(f.diags.errors, 0);
    assert_int_equal(f.diags.count, 1);
    assert_non_null(strstr(f.diags.list[0].text, "'tmp.keep' is listed here and taken away"));
    finish(&f);
}

static void internal_topics_only_by_name(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, (const char *[]){"^.*", "__consumer_offsets", NULL}, NULL);
    check_takes(&f, "__consumer_offsets", true);
    check_takes(&f, "__transaction_state", false);
    check_takes(&f, "_schemas", true);
    check_takes(&f, "aqueduct.orders.state", false);
    check_takes(&f, "aqueduct.orders.states", true);
    check_takes(&f, "aqueduct.state", true);
    finish(&f);
}

static void an_expression_that_does_not_end_is_left_out(void **state)
{
    (void)state;
    static const char evil[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    struct fixture f;
    make(&f, (const char *[]){"^(a+)+$", NULL}, NULL);
    check_takes(&f, evil, false);
    check_takes(&f, "aaaa", true);
    finish(&f);
    make(&f, (const char *[]){"^.*", NULL}, (const char *[]){"^(a+)+$", NULL});
    check_takes(&f, evil, false);
    check_takes(&f, "b", true);
    finish(&f);
}

static void complaints(void **state)
{
    (void)state;
    static const struct {
        const char *include;
        const char *exclude;
        const char *text;
    } rows[] = {
        {"orders.*", NULL, "did you mean '^orders.*'?"},
        {"my topic", NULL, "the topic name 'my topic' holds a character"},
        {"", NULL, "the topic name '' is empty"},
        {"..", NULL, "is not a legal name"},
        {"^orders(", NULL, "topics: bad regular expression: missing"},
        {"^[a-z&&[^b]]", NULL, "not supported"},
        {"^orders/", NULL, "can match no topic"},
        {"aqueduct.orders.state", NULL, "holds the positions of a route"},
        {"orders", "^orders(", "exclude: bad regular expression"},
        {"orders", "ord?rs", "exclude: 'ord?rs' is no topic name"},
        {"orders", "orders", "exclude leaves nothing of it"},
        {"orders", "^o.*", "exclude leaves nothing of it"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        make(&f, (const char *[]){rows[i].include, NULL}, (const char *[]){rows[i].exclude, NULL});
        T_CHECK(!f.filter && f.diags.errors == 1, "%s: %zu errors", rows[i].include, f.diags.errors);
        const char *text = f.diags.list[f.diags.count - 1].text;
        T_CHECK(strstr(text, rows[i].text) != NULL, "%s: %s", rows[i].include, text);
        assert_int_equal(f.diags.list[0].pos.line, 1);
        finish(&f);
    }
}

static void a_useless_exclude_is_only_a_warning(void **state)
{
    (void)state;
    struct fixture f;
    make(&f, (const char *[]){"orders", NULL}, (const char *[]){"^x@", NULL});
    assert_non_null(f.filter);
    assert_int_equal(f.diags.count, 1);
    assert_int_equal(f.diags.list[0].severity, CONF_WARNING);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_expressions),
        cmocka_unit_test(an_expression_matches_the_whole_name),
        cmocka_unit_test(exclude_wins),
        cmocka_unit_test(internal_topics_only_by_name),
        cmocka_unit_test(an_expression_that_does_not_end_is_left_out),
        cmocka_unit_test(complaints),
        cmocka_unit_test(a_useless_exclude_is_only_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
