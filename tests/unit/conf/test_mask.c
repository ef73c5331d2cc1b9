/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include "conf/mask.h"

/* Lines as they stand in a file that may not even parse. */
static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } rows[] = {
        {"a = \"plain\";", "a = \"plain\";"},
        {"password = \"x1x1\"; b = 1;", "password = \"***\"; b = 1;"},
        {"  ssl_key_password : \"x\\\"y\" z", "  ssl_key_password : \"***\" z"},
        {"password = \"open; b = 1;", "password = \"***"},
        {"password = x1x1; b = 1;", "password = ***; b = 1;"},
        {"password=x1x1", "password=***"},
        {"password = \"${secret:dc1}\";", "password = \"${secret:dc1}\";"},
        {"password = \"${DC1:-x1x1}\";", "password = \"***\";"},
        {"password = ${DC1};", "password = ***};"},
        {"[ \"sasl.password=x1x1\", \"client.id=me\" ]", "[ \"sasl.password=***\", \"client.id=me\" ]"},
        {"[ \" sasl.jaas.config = x y \" ]", "[ \" sasl.jaas.config =***\" ]"},
        {"[ \"sasl.password=${secret:dc1}\" ]", "[ \"sasl.password=${secret:dc1}\" ]"},
        {"url = \"https://user:x1x1@host:80/\";", "url = \"https://user:***@host:80/\";"},
        {"url = \"https://host:80/a@b\";", "url = \"https://host:***@b\";"},
        {"token_endpoint_url = \"https://host\";", "token_endpoint_url = \"https://host\";"},
        {"-s clusters.a.password=x1x1", "-s clusters.a.password=***"},
        {"", ""},
    };
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(conf_mask_line_copy(rows[i].in, &arena), rows[i].out);
    }
    aq_arena_finish(&arena);
}

/* What the file itself calls a secret is masked in everything that is printed later. */
static void test_loading_remembers(void **state)
{
    (void)state;
    struct loaded l =
        load("c = { password = \"literal-one\"; properties = [ \"sasl.password = literal-two\" ]; };");
    assert_int_equal(l.rc, 0);
    char text[] = "login with literal-one or literal-two failed";
    conf_mask(text);
    assert_string_equal(text, "login with *** or *** failed");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_loading_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
