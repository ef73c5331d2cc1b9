/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a record is aggregated: paths that are read without Lua give what Lua gives.
 */
#include <math.h>

#include "tests/unit/streams/agg_world.h"

static void paths_are_told_from_other_expressions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int n; /* names; -1: no path */
        enum xf_part part;
        const char *last;
    } cases[] = {
        {"value", 0, XF_PART_VALUE, NULL},
        {" key ", 0, XF_PART_KEY, NULL},
        {"value.amount", 1, XF_PART_VALUE, "amount"},
        {"key . a\n.b_9", 2, XF_PART_KEY, "b_9"},
        {"value['a b'].c[ \"d.e\" ]", 3, XF_PART_VALUE, "d.e"},
        {"value['']", 1, XF_PART_VALUE, ""},
        {"value.a.b.c.d.e.f.g.h", 8, XF_PART_VALUE, "h"},
        {"value.a.b.c.d.e.f.g.h.i", -1, 0, NULL},
        {"values.a", -1, 0, NULL},
        {"value.a + 1", -1, 0, NULL},
        {"value[1]", -1, 0, NULL},
        {"value['a\\n']", -1, 0, NULL},
        {"value.a -- x", -1, 0, NULL},
        {"(value.a)", -1, 0, NULL},
        {"value.a()", -1, 0, NULL},
        {"value:a()", -1, 0, NULL},
        {"value.", -1, 0, NULL},
        {"value['a", -1, 0, NULL},
        {"value['a'", -1, 0, NULL},
        {"timestamp", -1, 0, NULL},
        {"", -1, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct st_path path;
        bool is_path = st_path_parse(aq_slice_str(cases[i].text), &path);
        T_CHECK(is_path == (cases[i].n >= 0), "'%s'", cases[i].text);
        if (!is_path) continue;
        T_CHECK(path.n == cases[i].n && path.part == cases[i].part, "'%s': %d", cases[i].text, path.n);
        if (cases[i].last)
            T_CHECK(aq_slice_equal(path.names[path.n - 1], aq_slice_str(cases[i].last)), "'%s'",
                    cases[i].text);
    }
}

/* One expression, as it is and in brackets, which only Lua reads. */
struct both {
    struct agg_world *a;
    struct lua_program programs[2];
    struct st_operand operands[2];
    char *texts[2];
};

static void both_open(struct both *b, struct agg_world *a, const char *expression)
{
    *b = (struct both){.a = a, .texts = {t_printf("%s", expression), t_printf("(%s)", expression)}};
    for (int i = 0; i < 2; i++) {
        b->programs[i] = (struct lua_program){.form = LUA_EXPRESSION,
                                              .name = "of",
                                              .text = aq_slice_str(b->texts[i]),
                                              .instruction_limit = 100000,
                                              .memory_limit = 1 << 20};
        st_operand_start(&b->operands[i], a->context, &b->programs[i]);
    }
    T_CHECK(b->operands[0].is_path && !b->operands[1].is_path, "%s", expression);
}

static void both_close(struct both *b)
{
    for (int i = 0; i < 2; i++) {
        st_operand_stop(&b->operands[i]);
        free(b->texts[i]);
    }
}

static bool same_value(const struct json_value *a, const struct json_value *b, struct aq_arena *arena)
{
    if (a->type != b->type) return false;
    if (a->type == JS_NUMBER && a->is_integer != b->is_integer) return false;
    if (a->type == JS_NUMBER) return a->is_integer ? a->integer == b->integer : a->real == b->real;
    if (a->type == JS_STRING) return aq_slice_equal(a->string, b->string);
    struct aq_slice x, y;
    struct aq_err err;
    return json_value_write(a, arena, &x, &err) == 0 && json_value_write(b, arena, &y, &err) == 0 &&
           aq_slice_equal(x, y);
}

static void compare(struct both *b, const char *key, const char *value)
{
    struct aq_record *rec = agg_record(b->a, aq_slice_str(key), aq_slice_str(value));
    struct json_value values[2];
    struct aq_err errs[2] = {0};
    int rcs[2];
    for (int i = 0; i < 2; i++) {
        rcs[i] = st_operand_read(&b->operands[i], rec, &b->a->batch.arena, &values[i], &errs[i]);
        xf_views_close(st_views(b->a->context));
    }
    T_CHECK(rcs[0] == rcs[1], "%s of %s: %d %s, Lua: %d %s", b->texts[0], value, rcs[0], errs[0].text, rcs[1],
            errs[1].text);
    if (rcs[0] < 0)
        T_CHECK(strcmp(errs[0].text, errs[1].text) == 0, "%s, Lua: %s", errs[0].text, errs[1].text);
    else
        T_CHECK(same_value(&values[0], &values[1], &b->a->batch.arena), "%s of %s", b->texts[0], value);
}

static void a_path_is_read_as_lua_reads_it(void **state)
{
    (void)state;
    static const char *const paths[] = {"value",        "value.a",  "value.a.b", "value['a']['b'].c",
                                        "value['x y']", "value.len"};
    static const char *const values[] = {
        NULL,
        "null",
        "1",
        "\"text\"",
        "[1,2]",
        " {} ",
        "{\"a\":1}",
        "{\"a\":null}",
        "{\"a\":-0.0}",
        "{\"a\":1e999}",
        "{\"a\":9223372036854775807}",
        "{\"a\":9223372036854775808}",
        "{\"a\":-9223372036854775808}",
        "{\"a\":1e3}",
        "{\"a\":\"\"}",
        "{\"a\":\"x\\u00e4\\n\"}",
        "{\"a\":true,\"a\":false}",
        "{\"a\":{\"b\":1},\"a\":2}",
        "{\"\\u0061\":{\"b\":[1, 2]}}",
        "{\"a\":{\"\\u0062\":{\"c\":\"deep\"}}}",
        "{\"a\":{\"b\":{\"c\":null}}}",
        "{\"a\":{\"b\":[]}}",
        "{\"a\":[]}",
        "{\"a\":{\"b\":{}}}",
        "{\"x y\":5}",
        "{",
        "{\"a\":1}x",
        "",
        "{\"a\":0.1000000000000000000000000000000000000000000000000000000000000000000000000000000}",
    };
    struct agg_world *a = t_alloc(sizeof(*a));
    agg_open(a, "json", "function = \"count\";");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct both b;
        both_open(&b, a, paths[i]);
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) compare(&b, "k", values[k]);
        both_close(&b);
    }
    agg_close(a);
    free(a);
}

static void keys_and_values_that_are_no_json_are_read_by_their_serde(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    static const char *const serdes[] = {"string", "bytes", "int32", "int64", "double"};
    for (size_t i = 0; i < sizeof(serdes) / sizeof(serdes[0]); i++) {
        struct both b;
        agg_open(a, serdes[i], "function = \"count\";");
        both_open(&b, a, "key");
        compare(&b, "k", "12345678");
        compare(&b, NULL, NULL);
        both_close(&b);
        both_open(&b, a, "value");
        compare(&b, "k", strcmp(serdes[i], "int32") == 0 ? "1234" : "12345678");
        compare(&b, "k", NULL);
        both_close(&b);
        both_open(&b, a, "value.a");
        compare(&b, "k", strcmp(serdes[i], "int32") == 0 ? "1234" : "12345678");
        both_close(&b);
        agg_close(a);
    }
    free(a);
}

static void bytes_of_the_wrong_length_are_refused(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    struct agg_row row = {AQ_NULL_SLICE};
    agg_open(a, "int64", "function = \"sum\";");
    int rc = agg_change(a, &row, '+', AQ_LIT("123"));
    T_CHECK(rc == AQ_E_BAD_RECORD && strstr(a->err.text, "sum: int64: 3 bytes, where exactly 8 are expected"),
            "%d %s", rc, a->err.text);
    agg_close(a);
    free(a);
}

/* What an earlier node left in an open view is what is read. */
static void edits_of_the_record_are_seen(void **state)
{
    (void)state;
    static const struct lua_program program = {.form = LUA_STATEMENTS,
                                               .name = "edit",
                                               .text = {"value.a = {b = 7}", 17},
                                               .instruction_limit = 1000,
                                               .memory_limit = 1 << 20};
    struct agg_world *a = t_alloc(sizeof(*a));
    struct st_running edit;
    struct both b;
    struct lua_result result;
    struct json_value value;
    agg_open(a, "json", "function = \"count\";");
    st_running_start(&edit, a->context, &program);
    both_open(&b, a, "value.a.b");
    for (int i = 0; i < 2; i++) {
        struct aq_record *rec = agg_record(a, AQ_LIT("k"), AQ_LIT("{\"a\":1}"));
        T_CHECK(lua_engine_run(edit.engine, &edit.step, rec, &result, &a->err) == 0, "%s", a->err.text);
        int rc = st_operand_read(&b.operands[i], rec, &a->batch.arena, &value, &a->err);
        T_CHECK(rc == 0 && value.type == JS_NUMBER && value.integer == 7, "%d %s", rc, a->err.text);
        xf_views_close(st_views(a->context));
    }
    both_close(&b);
    st_running_stop(&edit);
    agg_close(a);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_told_from_other_expressions),
        cmocka_unit_test(a_path_is_read_as_lua_reads_it),
        cmocka_unit_test(keys_and_values_that_are_no_json_are_read_by_their_serde),
        cmocka_unit_test(bytes_of_the_wrong_length_are_refused),
        cmocka_unit_test(edits_of_the_record_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
