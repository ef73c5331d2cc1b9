/* SPDX-License-Identifier: Apache-2.0
 *
 * The Lua engine: what a script sees of a record, what it cannot reach, and where it is stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/lua_test.h"

static void run_cases(const struct lt_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) lt_case_run(&cases[i]);
}

#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof(cases[0]))

static void integers_are_exact_and_other_numbers_are_floats(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value.n", "{\"n\":9007199254740993}", "9007199254740993", NULL},
        {"value.n", "{\"n\":-9223372036854775808}", "-9223372036854775808", NULL},
        {"value.n == math.mininteger", "{\"n\":-9223372036854775808}", "true", NULL},
        {"value.n", "{\"n\":9223372036854775807}", "9223372036854775807", NULL},
        {"value.n", "{\"n\":9223372036854775808}", "9.2233720368548e+18", NULL},
        {"math.type(value.n)", "{\"n\":-9223372036854775809}", "float", NULL},
        {"math.type(value.n)", "{\"n\":7}", "integer", NULL},
        {"math.type(value.n)", "{\"n\":7.0}", "float", NULL},
        {"value.n == 1000", "{\"n\":1e3}", "true", NULL},
        {"value.n == 0.1", "{\"n\":0.1}", "true", NULL},
        {"value.n == math.huge", "{\"n\":1e999}", "true", NULL},
        {"value.n == 0.1",
         "{\"n\":0.1000000000000000000000000000000000000000000000000000000000000000000000000000000}", "true",
         NULL},
        {"value.n", "{\"n\":0}", "0", NULL},
    };
    RUN(cases);
}

static void null_differs_from_absent(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value.a == null", "{\"a\":null}", "true", NULL},
        {"value.a == nil", "{\"a\":null}", "false", NULL},
        {"value.b == nil", "{\"a\":null}", "true", NULL},
        {"value.b == null", "{\"a\":null}", "false", NULL},
        {"value == nil", NULL, "true", NULL},
        {"value == null", "null", "true", NULL},
        {"value and value.a or 'gone'", NULL, "gone", NULL},
        {"value.a > 1", "{}", NULL, "where:1: attempt to compare number with nil"},
        {"value.a", NULL, NULL, "where:1: attempt to index a nil value (global 'value')"},
    };
    RUN(cases);
}

static void strings_and_names_are_decoded(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value.s", "{\"s\":\"plain\"}", "plain", NULL},
        {"value.s", "{\"s\":\"\"}", "", NULL},
        {"value.s", "{\"s\":\"a\\u00e4\\n\\\"\"}", "a\xc3\xa4\n\"", NULL},
        {"value.country", "{\"\\u0063ountry\":\"DE\"}", "DE", NULL},
        {"value['a.b']", "{\"a\":{\"b\":1},\"a.b\":2}", "2", NULL},
        {"value.o.f", "{\"o\":{\"\\u0066\":5}}", "5", NULL},
        {"value.t and not value.f", "{\"t\":true,\"f\":false}", "true", NULL},
        {"value[1]", "{\"1\":2}", "nil", NULL},
    };
    RUN(cases);
}

static void of_duplicated_names_the_last_counts(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value.a", "{\"a\":1,\"b\":2,\"a\":3}", "3", NULL},
        {"value.o.a", "{\"o\":{\"a\":1,\"a\":2}}", "2", NULL},
        {"#value", "{\"a\":1,\"b\":2,\"a\":3}", "3", NULL},
    };
    RUN(cases);
}

#define NESTED "{ \"o\": {\"p\" : {\"q\":[10, {\"r\":\"deep\"}, [ ], null]}} }"

static void nested_values_are_looked_into(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value.o.p.q[2].r", NESTED, "deep", NULL},
        {"value.o.p.q[1] + 1", NESTED, "11", NULL},
        {"#value.o.p.q", NESTED, "4", NULL},
        {"#value.o.p.q[3]", NESTED, "0", NULL},
        {"value.o.p.q[4] == null", NESTED, "true", NULL},
        {"value.o.p.q[5]", NESTED, "nil", NULL},
        {"value.o.p.q[0]", NESTED, "nil", NULL},
        {"value.o.p.q[2.0].r", NESTED, "deep", NULL},
        {"value.o.p.q[1.5]", NESTED, "nil", NULL},
        {"value.o.p.q.r", NESTED, "nil", NULL},
        {"value.o.p", NESTED, "{\"q\":[10, {\"r\":\"deep\"}, [ ], null]}", NULL},
        {"value", NESTED, NESTED, NULL},
        {"value.o.x.y", NESTED, NULL, "attempt to index a nil value (field 'x')"},
    };
    RUN(cases);
}

#define COLLECT(iterate)                                                                                     \
    "(function() local s = '' for k, v in " iterate " do s = s .. tostring(k) .. '=' .. tostring(v) .. ';' " \
    "end return s end)()"

static void objects_and_arrays_are_walked_in_order(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {COLLECT("pairs(value)"), "{\"z\":1,\"a\":\"x\",\"\\u0062\":null}", "z=1;a=x;b=userdata: (nil);",
         NULL},
        {COLLECT("pairs(value.o)"), "{\"o\":{\"y\":2,\"x\":1}}", "y=2;x=1;", NULL},
        {COLLECT("pairs(value.l)"), "{\"l\":[7,8]}", "1=7;2=8;", NULL},
        {COLLECT("ipairs(value.l)"), "{\"l\":[7,8]}", "1=7;2=8;", NULL},
        {"table.concat(value.l, '-')", "{\"l\":[7,\"b\",8]}", "7-b-8", NULL},
        {COLLECT("pairs(value.l)"), "{\"l\":[]}", "", NULL},
    };
    RUN(cases);
}

static void many_nested_values_at_once_are_scanned_again(void **state)
{
    (void)state;
    struct lt t;
    char value[4096];
    size_t n = (size_t)sprintf(value, "{\"l\":[");
    for (int i = 0; i < 100; i++) n += (size_t)sprintf(value + n, "%s{\"\\u0066\":%d}", i ? "," : "", i);
    sprintf(value + n, "]}");
    lt_open(
        &t, LUA_EXPRESSION,
        "(function() local sum, all = 0, {} for i, o in ipairs(value.l) do all[i] = o end "
        "for round = 1, 3 do for i = 1, #all do sum = sum + all[i].f end end return tostring(sum) end)()");
    assert_int_equal(lt_run(&t, NULL, value), 0);
    xt_expect(t.result.text, "14850");
    lt_close(&t);
}

static void a_part_that_is_no_object_is_what_it_is(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value[2]", " [1, 2] ", "2", NULL},
        {"value", " 17 ", "17", NULL},
        {"value", "\"text\"", "text", NULL},
        {"value.a", "plain", NULL, "where:1: value is not JSON: unexpected 'p' at byte 0"},
        {"value_bytes", "plain", "plain", NULL},
        {"value_bytes == nil", NULL, "true", NULL},
        {"#value_bytes", "", "0", NULL},
        {"key == nil and key_bytes == nil", "{}", "true", NULL},
    };
    RUN(cases);
}

static void a_script_sees_where_the_record_comes_from(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION,
            "topic == 'orders' and partition == 3 and offset == 981 and timestamp == 1582981323456 "
            "and key.id == 5 and key_bytes == '{\"id\":5}'");
    assert_int_equal(lt_run(&t, "{\"id\":5}", NULL), 0);
    assert_int_equal(t.result.answer, LUA_TRUE);
    lt_close(&t);
}

static struct aq_header header_list[] = {
    {AQ_LIT("via"), AQ_LIT("a")}, {AQ_LIT("none"), AQ_NULL_SLICE}, {AQ_LIT("via"), AQ_LIT("b")}};

static void the_last_header_of_a_name_is_seen(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION,
            "headers.via .. #headers .. tostring(headers.none) .. tostring(headers.x) .. " COLLECT(
                "pairs(headers)"));
    lt_run(&t, NULL, NULL);
    t.rec->headers = header_list;
    t.rec->n_headers = 3;
    t.rec->flags = AQ_REC_HEADERS_LOADED;
    assert_int_equal(lua_engine_run(t.engine, &t.step, t.rec, &t.result, &t.err), 0);
    xt_expect(t.result.text, "b3nilnilvia=a;none=userdata: (nil);via=b;");
    lt_close(&t);
}

static void a_value_kept_from_an_earlier_record_is_refused(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, "(function() kept = kept or value.o return kept.a == 1 end)()");
    assert_int_equal(lt_run(&t, NULL, "{\"o\":{\"a\":1}}"), 0);
    assert_int_equal(lt_run(&t, NULL, "{\"o\":{\"a\":2}}"), AQ_E_BAD_RECORD);
    assert_non_null(strstr(t.err.text, "where:1: this object or array belongs to an earlier record"));
    lt_close(&t);
}

static void globals_last_as_long_as_the_engine(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, "(function() n = (n or 0) + 1 return tostring(n) end)()");
    for (int i = 0; i < 3; i++) assert_int_equal(lt_run(&t, NULL, "{}"), 0);
    xt_expect(t.result.text, "3");
    lt_close(&t);
}

static void nothing_outside_the_state_is_in_reach(void **state)
{
    (void)state;
    static const char *const names[] = {
        "io",     "os",    "debug", "package", "require", "coroutine",      "load",       "loadfile",
        "dofile", "print", "warn",  "_G.io",   "xpcall",  "collectgarbage", "loadstring", "string.dump"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        lt_case_run(&(struct lt_case){names[i], "{}", "nil", NULL});
    static const struct lt_case cases[] = {
        {"getmetatable(value)", "{}", "false", NULL},
        {"getmetatable(headers)", "{}", "false", NULL},
        {"getmetatable(_ENV)", "{}", "false", NULL},
        {"setmetatable({}, {__gc = function() end})", "{}", NULL, "__gc cannot be used here"},
        {"setmetatable({}, {__index = {a = 5}}).a", "{}", "5", NULL},
        {"pcall(setmetatable, value, {})", "{}", "false", NULL},
    };
    RUN(cases);
}

static void an_endless_loop_is_stopped(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, "value.stop or (function()\nwhile true do end end)()");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lt_run(&t, NULL, "{}"), AQ_E_BAD_RECORD);
        assert_string_equal(t.err.text, "where:2: stopped after 100000 instructions (instruction_limit)");
    }
    assert_int_equal(lt_run(&t, NULL, "{\"stop\":true}"), 0);
    assert_int_equal(t.result.answer, LUA_TRUE);
    lt_close(&t);
}

static void a_loop_that_catches_the_error_is_stopped_too(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION,
            "(function() while true do pcall(pcall, function() while true do end end) end end)()");
    assert_int_equal(lt_run(&t, NULL, "{}"), AQ_E_BAD_RECORD);
    assert_non_null(strstr(t.err.text, "stopped after"));
    lt_close(&t);
}

static void a_memory_bomb_is_stopped(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_EXPRESSION, "value.ok or string.rep('x', 1 << 30)");
    assert_int_equal(lt_run(&t, NULL, "{}"), AQ_E_BAD_RECORD);
    assert_string_equal(t.err.text,
                        "where: not enough memory: the script may hold 1048576 bytes (memory_limit)");
    assert_int_equal(lt_run(&t, NULL, "{\"ok\":true}"), 0);
    lt_close(&t);
    lt_open(&t, LUA_EXPRESSION, "(function() t = {} while true do t[#t + 1] = {} end end)()");
    t.program.instruction_limit = LUA_INSTRUCTIONS_MAX;
    assert_int_equal(lt_run(&t, NULL, "{}"), AQ_E_BAD_RECORD);
    assert_non_null(strstr(t.err.text, "not enough memory"));
    lt_close(&t);
}

static void errors_name_script_and_line(void **state)
{
    (void)state;
    static const struct lt_case cases[] = {
        {"value.a.b", "{}", NULL, "where:1: attempt to index a nil value (field 'a')"},
        {"1\n + value.a", "{\"a\":null}", NULL, "where:2: attempt to perform arithmetic on a userdata value"},
        {"error('no good')", "{}", NULL, "where:1: no good"},
        {"error({})", "{}", NULL, "where: an error without a text (table)"},
        {"error()", "{}", NULL, "where: an error without a text (nil)"},
    };
    RUN(cases);
}

static void text_that_does_not_compile_is_told(void **state)
{
    (void)state;
    struct lua_program p = {.form = LUA_EXPRESSION,
                            .name = "where",
                            .text = AQ_LIT("value.amount >"),
                            .instruction_limit = 1000,
                            .memory_limit = LUA_MEMORY_MIN};
    struct aq_err err = {0};
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "where:1: unexpected symbol near ')'");
    p.text = AQ_LIT("\x1bLua");
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    p.text = AQ_LIT("value.amount -- of the order");
    assert_int_equal(lua_program_check(&p, &err), 0);
    p.form = LUA_FUNCTION;
    p.text = AQ_LIT("\x1bLua\x54");
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    assert_non_null(strstr(err.text, "attempt to load a binary chunk"));
}

static void a_file_runs_once_and_must_have_its_function(void **state)
{
    (void)state;
    struct lua_program p = {.form = LUA_FUNCTION,
                            .name = "orders.lua",
                            .call = "transform",
                            .text = AQ_LIT("function tranform(r) end"),
                            .instruction_limit = 1000,
                            .memory_limit = LUA_MEMORY_MIN};
    struct aq_err err = {0};
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "orders.lua: there is no function 'transform'");
    p.text = AQ_LIT("transform = 5");
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    p.text = AQ_LIT("\nlocal x = nil + 1\nfunction transform(r) end");
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "orders.lua:2: attempt to perform arithmetic on a nil value");
    p.text = AQ_LIT("while true do end");
    assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
    assert_non_null(strstr(err.text, "stopped after 1000 instructions"));
    struct lt t;
    lt_open(&t, LUA_FUNCTION,
            "local limit = 100\nvalue = 'mine'\nfunction transform(r) return r.value.n > limit and value == "
            "'mine' and r.unknown == nil end");
    assert_int_equal(lt_run(&t, NULL, "{\"n\":101}"), 0);
    assert_int_equal(t.result.answer, LUA_TRUE);
    lt_close(&t);
}

static void a_file_that_fails_at_the_start_fails_every_record(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_FUNCTION, "error('not today')");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(lt_run(&t, NULL, "{}"), AQ_E_BAD_RECORD);
        assert_string_equal(t.err.text, "where:1: not today");
    }
    lt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact_and_other_numbers_are_floats),
        cmocka_unit_test(null_differs_from_absent),
        cmocka_unit_test(strings_and_names_are_decoded),
        cmocka_unit_test(of_duplicated_names_the_last_counts),
        cmocka_unit_test(nested_values_are_looked_into),
        cmocka_unit_test(objects_and_arrays_are_walked_in_order),
        cmocka_unit_test(many_nested_values_at_once_are_scanned_again),
        cmocka_unit_test(a_part_that_is_no_object_is_what_it_is),
        cmocka_unit_test(a_script_sees_where_the_record_comes_from),
        cmocka_unit_test(the_last_header_of_a_name_is_seen),
        cmocka_unit_test(a_value_kept_from_an_earlier_record_is_refused),
        cmocka_unit_test(globals_last_as_long_as_the_engine),
        cmocka_unit_test(nothing_outside_the_state_is_in_reach),
        cmocka_unit_test(an_endless_loop_is_stopped),
        cmocka_unit_test(a_loop_that_catches_the_error_is_stopped_too),
        cmocka_unit_test(a_memory_bomb_is_stopped),
        cmocka_unit_test(errors_name_script_and_line),
        cmocka_unit_test(text_that_does_not_compile_is_told),
        cmocka_unit_test(a_file_runs_once_and_must_have_its_function),
        cmocka_unit_test(a_file_that_fails_at_the_start_fails_every_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
