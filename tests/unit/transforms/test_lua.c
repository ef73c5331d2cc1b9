/* SPDX-License-Identifier: Apache-2.0
 *
 * The transform Lua: where, map, route, script, and what is refused when the configuration is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/transforms/xf_test.h"

static void where_keeps_what_is_true_and_drops_the_rest(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t, "transforms = { x = { type = \"Lua\"; where = \"value.n > 1\"; }; };", "x", XF_SAFE);
    xt_add(&t, NULL, "{\"n\":2}");
    xt_add(&t, NULL, "{\"n\":1}");
    xt_add(&t, NULL, "{}");
    xt_run(&t);
    const struct aq_record *rec = t.batch.records;
    assert_int_equal(rec[0].flags, 0);
    assert_int_equal(rec[1].flags, AQ_REC_DROPPED);
    assert_int_equal(rec[2].flags, AQ_REC_FAILED);
    assert_string_equal(rec[2].fail_step, "x");
    assert_string_equal(rec[2].fail_reason, "where:1: attempt to compare number with nil");
    xt_close(&t);
}

#define MAP(text) "type = \"Lua\"; map = \"" text "\";"

static const struct xt_case maps[] = {
    {MAP("value.total = value.price * value.count; value.note = nil"),
     "{ \"price\":2.50, \"note\":\"x\" ,\"count\":3}", "{ \"price\":2.50 ,\"count\":3,\"total\":7.5}", NULL},
    {MAP(""), "plain", "plain", NULL},
    {MAP("if value then value.x = 1 end"), NULL, NULL, NULL},
    {MAP("value.x = 1"), NULL, NULL, "map:1: attempt to index a nil value (global 'value')"},
    {MAP("value.a = 1\\n  error('bad ' .. value.a)"), "{}", NULL, "map:2: bad 1"},
    {MAP("return 5"), "{}", NULL, "map: returns a number; it edits only"},
    {MAP("value.x = 1"), "[]", NULL, "map:1: the document itself is an array: assign it as a whole"},
};

static void map_edits_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) xt_case_run(&maps[i], XF_SAFE);
}

static void steps_around_it_work_on_the_same_view(void **state)
{
    (void)state;
    struct xt t;
    xt_open(&t,
            "transforms = { a = { type = \"InsertField\"; static_field = \"s\"; static_value = \"1\"; };"
            "b = { type = \"Lua\"; map = \"value.s = value.s .. '2'; value.t = {1}\"; };"
            "c = { type = \"MaskField\"; fields = [\"t\"]; };"
            "d = { type = \"Lua\"; where = \"#value.t == 0 and value.s == '12'\"; }; };",
            "a b c d", XF_SAFE);
    struct aq_record *rec = xt_add(&t, NULL, "{ \"k\":0 }");
    xt_run(&t);
    assert_int_equal(rec->flags, 0);
    xt_expect(rec->value, "{ \"k\":0,\"s\":\"12\",\"t\":[] }");
    xt_close(&t);
}

static void route_gives_the_topic(void **state)
{
    (void)state;
    static const struct {
        const char *expression, *value, *topic, *reason;
    } cases[] = {
        {"topic .. '.' .. value.country", "{\"country\":\"DE\"}", "orders.DE", NULL},
        {"value.n > 5 and 'large' or 'small'", "{\"n\":6}", "large", NULL},
        {"value.n", "{\"n\":6}", NULL, "route: the result is a number, not the name of a topic"},
        {"value.n", "{}", NULL, "route: the result is a nil, not the name of a topic"},
        {"''", "{}", NULL, "route: topic '' is empty"},
        {"'a/b'", "{}", NULL, "route: topic 'a/b' holds a character other than"},
        {"string.rep('x', 250)", "{}", NULL, "is longer than 249 characters"},
        {"topic .. value.n", "{}", NULL, "route:1: attempt to concatenate a nil value (field 'n')"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct xt t;
        char *text =
            aq_asprintf("transforms = { x = { type = \"Lua\"; route = \"%s\"; }; };", cases[i].expression);
        xt_open(&t, text, "x", XF_SAFE);
        struct aq_record *rec = xt_add(&t, NULL, cases[i].value);
        xt_run(&t);
        if (cases[i].topic) {
            assert_int_equal(rec->flags, 0);
            assert_string_equal(rec->topic->text, cases[i].topic);
        } else {
            assert_int_equal(rec->flags, AQ_REC_FAILED);
            if (!strstr(rec->fail_reason, cases[i].reason)) fail_msg("%s", rec->fail_reason);
            assert_ptr_equal(rec->topic, t.batch.topic);
        }
        xt_close(&t);
        free(text);
    }
}

/* A folder of its own with orders.lua in it, and the configuration text beside it. */
struct folder {
    char path[64];
    char *script;
    char *conf;
};

static struct folder folder_make(const char *script, const char *options)
{
    struct folder f = {.path = "/tmp/aqueduct-lua.XXXXXX"};
    assert_non_null(mkdtemp(f.path));
    f.script = aq_asprintf("%s/orders.lua", f.path);
    f.conf = aq_asprintf("%s/test.conf", f.path);
    FILE *file = fopen(f.script, "w");
    assert_non_null(file);
    fputs(script, file);
    fclose(file);
    file = fopen(f.conf, "w");
    assert_non_null(file);
    fprintf(file, "transforms = {\n  x = { type = \"Lua\";\n        %s };\n};\n", options);
    fclose(file);
    return f;
}

static void folder_remove(struct folder *f)
{
    unlink(f->script);
    unlink(f->conf);
    rmdir(f->path);
    free(f->script);
    free(f->conf);
}

/* As xt_load(), from the folder's file. */
static void load_folder(struct xt *t, const struct folder *f)
{
    xt_load(t, "", XF_SAFE);
    xf_library_destroy(t->library);
    conf_doc_destroy(t->doc);
    assert_int_equal(conf_load(f->conf, NULL, 0, &t->diags, &t->doc), 0);
    xf_library_load(conf_get(t->doc->root, "transforms"), NULL, XF_SAFE, &t->diags, &t->library);
}

static const char orders_script[] = "local seen = 0\n"
                                    "function check(record)\n"
                                    "  seen = seen + 1\n"
                                    "  local v = record.value\n"
                                    "  if v.n == 'drop' then return false end\n"
                                    "  if v.n == 'odd' then return 'odd' end\n"
                                    "  if v.n == 'fail' then v.x = 1; v.y = v.z.a end\n"
                                    "  v.seen = seen\n"
                                    "  record.topic = record.topic .. '.' .. v.n\n"
                                    "  record.headers.via = 'lua'\n"
                                    "  record.key = {id = v.n}\n"
                                    "end\n";

static void a_script_edits_routes_and_drops(void **state)
{
    (void)state;
    struct folder f = folder_make(orders_script, "script = \"orders.lua\"; call = \"check\";");
    struct xt t;
    load_folder(&t, &f);
    assert_int_equal(t.diags.errors, 0);
    assert_int_equal(xt_build(&t, "x", XF_JSON, XF_JSON, false), 0);
    xt_add(&t, NULL, "{\"n\":\"a\"}");
    xt_add(&t, NULL, "{\"n\":\"drop\"}");
    xt_add(&t, NULL, "{\"n\":\"odd\"}");
    xt_add(&t, NULL, "{\"n\":\"fail\"}");
    xt_add(&t, NULL, "{\"n\":\"a/\"}");
    for (uint32_t i = 0; i < t.batch.n; i++) t.batch.records[i].flags = AQ_REC_HEADERS_LOADED;
    xt_run(&t);
    const struct aq_record *rec = t.batch.records;
    xt_expect(rec[0].value, "{\"n\":\"a\",\"seen\":1}");
    xt_expect(rec[0].key, "{\"id\":\"a\"}");
    assert_string_equal(rec[0].topic->text, "orders.a");
    assert_int_equal(rec[0].n_headers, 1);
    assert_true(rec[1].flags & AQ_REC_DROPPED);
    assert_non_null(
        strstr(rec[2].fail_reason, "orders.lua: check returns a string, neither nothing nor true"));
    assert_non_null(strstr(rec[3].fail_reason, "orders.lua:7: attempt to index a nil value (field 'z')"));
    xt_expect(rec[3].value, "{\"n\":\"fail\"}");
    assert_non_null(strstr(rec[4].fail_reason, "orders.lua:9: topic 'orders.a/' holds a character"));
    xt_close(&t);
    folder_remove(&f);
}

static void expect_located(const char *script, const char *options, int column, const char *text)
{
    struct folder f = folder_make(script, options);
    struct xt t;
    load_folder(&t, &f);
    assert_int_equal(t.diags.errors, 1);
    const struct conf_diag *d = &t.diags.list[0];
    if (!strstr(d->text, text)) fail_msg("%s, want %s", d->text, text);
    assert_int_equal(d->pos.line, 3);
    assert_int_equal(d->pos.column, column);
    xt_close(&t);
    folder_remove(&f);
}

static void mistakes_of_a_script_are_found_when_the_configuration_is_read(void **state)
{
    (void)state;
    expect_located("", "script = \"missing.lua\";", 18, "missing.lua: No such file or directory");
    expect_located("", "script = \".\";", 18, "is not a file of at most 1 MiB");
    expect_located("\nx = = 1", "script = \"orders.lua\";", 18, "orders.lua:2: unexpected symbol near '='");
    expect_located("", "script = \"orders.lua\";", 18, "orders.lua: there is no function 'transform'");
    expect_located("os.exit(1)", "script = \"orders.lua\";", 18,
                   "orders.lua:1: attempt to index a nil value (global 'os')");
    expect_located("print(value)", "script = \"orders.lua\";", 18,
                   "attempt to call a nil value (global 'print')");
}

static void one_of_the_five_is_given(void **state)
{
    (void)state;
    xt_refused("type = \"Lua\";", XF_SAFE, "one of where, map, route, flat_map and script is needed");
    xt_refused("type = \"Lua\"; map = \"\"; where = \"true\";", XF_SAFE,
               "'where' and 'map' cannot be had in one step; make two of them");
    xt_refused("type = \"Lua\"; flat_map = \"{\";", XF_SAFE, "transforms.x: flat_map:1: unexpected symbol");
    xt_refused("type = \"Lua\"; where = \"true\"; call = \"f\";", XF_SAFE,
               "'call' names a function of a 'script'");
    xt_refused("type = \"Lua\"; where = \"value.\";", XF_SAFE,
               "transforms.x: where:1: <name> expected near ')'");
    xt_refused("type = \"Lua\"; map = \"value.a =\";", XF_SAFE,
               "transforms.x: map:1: unexpected symbol near <eof>");
    xt_refused("type = \"Lua$Key\"; where = \"true\";", XF_SAFE, "unknown transform");
}

static void the_topic_is_known_unless_lua_decides_it(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool known;
    } cases[] = {{"where = \"true\"", true},
                 {"map = \"value.x = 1\"", true},
                 {"map = \"value.x = 1\"; predicate = \"p\"", true},
                 {"flat_map = \"{{value=1}}\"", true},
                 {"route = \"'x'\"", false},
                 {"route = \"'x'\"; predicate = \"p\"", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct xt t;
        char topic[256];
        char *text = aq_asprintf("predicates = { p = { type = \"Where\"; expression = \"value.a\"; }; };"
                                 "transforms = { x = { type = \"Lua\"; %s; }; };",
                                 cases[i].options);
        xt_open(&t, text, "x", XF_SAFE);
        assert_int_equal(xf_chain_map_topic(t.chain, "orders", topic, sizeof(topic)), cases[i].known);
        if (cases[i].known) assert_string_equal(topic, "orders");
        xt_close(&t);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_keeps_what_is_true_and_drops_the_rest),
        cmocka_unit_test(map_edits_in_place),
        cmocka_unit_test(steps_around_it_work_on_the_same_view),
        cmocka_unit_test(route_gives_the_topic),
        cmocka_unit_test(a_script_edits_routes_and_drops),
        cmocka_unit_test(mistakes_of_a_script_are_found_when_the_configuration_is_read),
        cmocka_unit_test(one_of_the_five_is_given),
        cmocka_unit_test(the_topic_is_known_unless_lua_decides_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
