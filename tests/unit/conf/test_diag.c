/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include <jansson.h>

static struct conf_pos pos(const char *file, int line, int column, int width)
{
    return (struct conf_pos){.file = file, .line = line, .column = column, .width = width};
}

static void test_sorted_with_source_and_caret(void **state)
{
    (void)state;
    struct conf_diags d;
    conf_diags_init(&d);
    static const char main_text[] = "a = 1;\n\tb = \xC3\xA9\xC3\xA9 x;\nlast";
    conf_diags_source(&d, "main.conf", main_text, strlen(main_text));
    conf_diags_source(&d, "a-included.conf", "z = 1;", 6);
    conf_diag(&d, CONF_ERROR, (struct conf_pos){.origin = "-s a=2"}, "override");
    conf_diag(&d, CONF_ERROR, pos("a-included.conf", 1, 1, 1), "included");
    conf_diag(&d, CONF_WARNING, pos("main.conf", 3, 1, 4), "third %d", 3);
    conf_diag(&d, CONF_ERROR, pos("main.conf", 2, 11, 1), "second b");
    conf_diag(&d, CONF_ERROR, pos("main.conf", 2, 6, 4), "second a");
    conf_diag(&d, CONF_ERROR, pos("main.conf", 1, 5, 1), "first");
    conf_diag(&d, CONF_ERROR, pos("main.conf", 1, 5, 1), "first");
    conf_diag(&d, CONF_ERROR, pos("main.conf", 99, 0, 0), "no such line");
    assert_int_equal(d.count, 7);
    assert_int_equal(d.errors, 6);
    char *text = printed(&d, false);
    assert_string_equal(text, "main.conf:1:5: error: first\n"
                              "   1 | a = 1;\n"
                              "     |     ^\n"
                              "main.conf:2:6: error: second a\n"
                              "   2 | \tb = \xC3\xA9\xC3\xA9 x;\n"
                              "     | \t    ^~\n"
                              "main.conf:2:11: error: second b\n"
                              "   2 | \tb = \xC3\xA9\xC3\xA9 x;\n"
                              "     | \t       ^\n"
                              "main.conf:3:1: warning: third 3\n"
                              "   3 | last\n"
                              "     | ^~~~\n"
                              "main.conf:99: error: no such line\n"
                              "a-included.conf:1:1: error: included\n"
                              "   1 | z = 1;\n"
                              "     | ^\n"
                              "-s a=2: error: override\n");
    free(text);
    conf_diags_finish(&d);
}

static void test_caret_follows_a_masked_value(void **state)
{
    (void)state;
    struct conf_diags d;
    conf_diags_init(&d);
    static const char text[] = "k = \"a-very-long-secret-value\"; x = bad;\n";
    conf_diags_source(&d, "f", text, strlen(text));
    conf_diags_hide(&d, pos("f", 1, 5, 26));
    conf_diag(&d, CONF_ERROR, pos("f", 1, 37, 3), "wrong");
    conf_diag(&d, CONF_ERROR, pos("f", 1, 5, 26), "about the secret");
    char *out = printed(&d, false);
    assert_string_equal(out, "f:1:5: error: about the secret\n"
                             "   1 | k = ***; x = bad;\n"
                             "     |     ^~~\n"
                             "f:1:37: error: wrong\n"
                             "   1 | k = ***; x = bad;\n"
                             "     |              ^~~\n");
    free(out);
    conf_diags_finish(&d);
}

static void test_json(void **state)
{
    (void)state;
    struct conf_diags d;
    conf_diags_init(&d);
    char *empty = printed(&d, true);
    json_t *list = json_loads(empty, 0, NULL);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    free(empty);
    conf_diag(&d, CONF_ERROR, pos("f\"x", 2, 3, 4), "quote \" back \\ tab \t bad \xFF %s", "\u20ac");
    conf_diag(&d, CONF_WARNING, (struct conf_pos){.origin = "-s a=2"}, "second");
    conf_diag(&d, CONF_WARNING, (struct conf_pos){0}, "nowhere");
    char *text = printed(&d, true);
    json_error_t error;
    list = json_loads(text, 0, &error);
    if (!list) fail_msg("%s in %s", error.text, text);
    assert_int_equal(json_array_size(list), 3);
    json_t *first = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(first, "message")),
                        "quote \" back \\ tab \t bad \xEF\xBF\xBD \u20ac");
    assert_string_equal(json_string_value(json_object_get(first, "file")), "f\"x");
    assert_string_equal(json_string_value(json_object_get(first, "severity")), "error");
    assert_int_equal(json_integer_value(json_object_get(first, "line")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "column")), 3);
    assert_int_equal(json_integer_value(json_object_get(first, "width")), 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "origin")), "-s a=2");
    json_decref(list);
    free(text);
    conf_diags_finish(&d);
}

static void test_paths(void **state)
{
    (void)state;
    struct loaded l =
        load("routes = ( { name = \"orders\"; errors = { retry = 1; }; }, { x = [ 1, 2 ]; } );");
    char buf[64];
    assert_string_equal(conf_node_path(at(&l, "routes.0.errors.retry"), buf, sizeof(buf)),
                        "routes.orders.errors.retry");
    assert_string_equal(conf_node_path(at(&l, "routes.1.x.1"), buf, sizeof(buf)), "routes.[1].x.[1]");
    assert_string_equal(conf_node_path(l.doc->root, buf, sizeof(buf)), "");
    char small[10];
    assert_string_equal(conf_node_path(at(&l, "routes.0.errors"), small, sizeof(small)), "routes.or");
    assert_null(conf_get(at(&l, "routes"), "orders"));
    assert_string_equal(conf_type_name(CONF_BOOL), "boolean");
    assert_string_equal(conf_type_name(CONF_GROUP), "group");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_with_source_and_caret),
        cmocka_unit_test(test_caret_follows_a_masked_value),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
