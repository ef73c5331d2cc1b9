/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

static const char file[] = "clusters = { dc1 = { brokers = \"k1\"; }; };\n"
                           "routes = ( { name = \"orders\"; workers = 1; }, { name = \"audit\"; } );\n";

static struct loaded with(const char *a, const char *b)
{
    const char *list[] = {a, b, NULL};
    return load_with(file, list);
}

static void test_values_by_name_and_index(void **state)
{
    (void)state;
    struct loaded l = with("routes.orders.workers=4", "routes.[1].errors.tolerance=skip");
    assert_int_equal(l.rc, 0);
    assert_int_equal(at(&l, "routes.0.workers")->integer, 4);
    assert_string_equal(at(&l, "routes.1.errors.tolerance")->string, "skip");
    assert_string_equal(at(&l, "routes.0.workers")->value_pos.origin, "-s routes.orders.workers=4");
    assert_null(at(&l, "routes.0.workers")->pos.file);
    unload(&l);

    l = with("a.b.c=true", "clusters.dc1.brokers=k2,k3=x");
    assert_true(at(&l, "a.b.c")->boolean);
    assert_string_equal(at(&l, "clusters.dc1.brokers")->string, "k2,k3=x");
    unload(&l);

    l = with("routes.audit.topics=[\"a\", \"b\"]", "x=\"quoted\"");
    assert_int_equal(at(&l, "routes.1.topics")->count, 2);
    assert_string_equal(at(&l, "routes.1.topics.1")->string, "b");
    assert_ptr_equal(at(&l, "routes.1.topics.1")->parent, at(&l, "routes.1.topics"));
    assert_string_equal(at(&l, "x")->string, "quoted");
    unload(&l);

    l = with("clusters=5", NULL);
    assert_int_equal(at(&l, "clusters")->integer, 5);
    assert_int_equal(at(&l, "routes")->count, 2);
    unload(&l);

    l = with("empty=", "negative=-5");
    assert_string_equal(at(&l, "empty")->string, "");
    assert_int_equal(at(&l, "negative")->integer, -5);
    unload(&l);
}

static void test_environment(void **state)
{
    (void)state;
    setenv("AQ_T_OVER", "from-env", 1);
    struct loaded l = with("x=${AQ_T_OVER}", "y=[\"${AQ_T_OVER}\"]");
    assert_string_equal(at(&l, "x")->string, "from-env");
    assert_string_equal(at(&l, "y.0")->string, "from-env");
    unload(&l);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"routes.ordrs.workers=2",
         "-s routes.ordrs.workers=2: error: routes has no 'ordrs'; did you mean 'orders'?"},
        {"routes.[7].workers=2", "routes has no '[7]' (it has 2 elements)"},
        {"routes.zzzzzz.x=2", "routes has no 'zzzzzz'"},
        {"routes", "-s wants PATH=VALUE"},
        {"=5", "-s wants PATH=VALUE"},
        {"a..b=5", "the path must be names with '.' between them"},
        {"[x]=5", "the path must be names with '.' between them"},
        {"routes.orders.name.x=5", "routes.orders.name is string value, there is no 'x' in it"},
        {"a=[1,", "the value is not written as in a configuration file"},
        {"a=\"open", "the value is not written as in a configuration file"},
        {"a=[1]; b=2", "the value is not written as in a configuration file"},
        {"a b=5", "'a b' is no name of an option"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct loaded l = with(rows[i].text, NULL);
        assert_int_equal(l.rc, AQ_E_CONFIG);
        assert_int_equal(l.diags.errors, 1);
        assert_contains(l.text, rows[i].expected);
        assert_contains(l.text, rows[i].text);
        unload(&l);
    }
}

/* Everything on a command line is text: readers take it for what their row wants. */
static void test_text_for_every_kind(void **state)
{
    (void)state;
    struct target {
        const char *id;
        int64_t size;
        bool on;
    } t;
    const struct opt_row rows[] = {
        {.name = "id", .kind = OPT_STRING, .offset = offsetof(struct target, id), .help = "."},
        {.name = "size", .kind = OPT_SIZE, .offset = offsetof(struct target, size), .help = "."},
        {.name = "on", .kind = OPT_BOOL, .offset = offsetof(struct target, on), .help = "."},
        {0},
    };
    const char *list[] = {"g.id=5", "g.size=4MiB", "g.on=true", NULL};
    struct loaded l = load_with("", list);
    assert_int_equal(opt_read(rows, at(&l, "g"), "g", NULL, &l.doc->arena, &t, &l.diags), 0);
    assert_string_equal(t.id, "5");
    assert_int_equal(t.size, 4 << 20);
    assert_true(t.on);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_by_name_and_index),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_text_for_every_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
