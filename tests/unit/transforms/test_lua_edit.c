/* SPDX-License-Identifier: Apache-2.0
 *
 * What Lua statements make of a record, byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/transforms/lua_test.h"

/* Statements on a value: the value afterwards, or what they fail with. */
struct edit {
    const char *statements;
    const char *in;
    const char *out;
    const char *error;
};

static void run_edit(const struct edit *c)
{
    struct lt t;
    lt_open(&t, LUA_STATEMENTS, c->statements);
    int rc = lt_run(&t, NULL, c->in);
    if (c->error) {
        if (rc != AQ_E_BAD_RECORD) fail_msg("%s did not fail", c->statements);
        if (!strstr(t.err.text, c->error)) fail_msg("%s: %s, want %s", c->statements, t.err.text, c->error);
        xt_expect(t.rec->value, c->in);
    } else {
        if (rc < 0) fail_msg("%s: %s", c->statements, t.err.text);
        xt_expect(t.rec->value, c->out);
    }
    lt_close(&t);
}

static void run_edits(const struct edit *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) run_edit(&cases[i]);
}

#define RUN(cases) run_edits(cases, sizeof(cases) / sizeof(cases[0]))

#define ODD "{ \"a\" : 1.10 ,\"b\":[ 1, 2 ] , \"c\":\"\\u0041\"}"

static void what_is_not_edited_stays_as_it_is(void **state)
{
    (void)state;
    static const struct edit cases[] = {
        {"", ODD, ODD, NULL},
        {"local x = value.a + #value.b; x = value.c", ODD, ODD, NULL},
        {"value.none = nil", ODD, ODD, NULL},
        {"value.d = 5", ODD, "{ \"a\" : 1.10 ,\"b\":[ 1, 2 ] , \"c\":\"\\u0041\",\"d\":5}", NULL},
        {"value.b = nil", ODD, "{ \"a\" : 1.10 , \"c\":\"\\u0041\"}", NULL},
        {"value.a = 2", ODD, "{ \"a\" : 2 ,\"b\":[ 1, 2 ] , \"c\":\"\\u0041\"}", NULL},
        {"value.z = value.b", ODD, "{ \"a\" : 1.10 ,\"b\":[ 1, 2 ] , \"c\":\"\\u0041\",\"z\":[ 1, 2 ]}",
         NULL},
        {"value = value", ODD, ODD, NULL},
    };
    RUN(cases);
}

static void every_type_is_written(void **state)
{
    (void)state;
    static const struct edit cases[] = {
        {"value.total = value.price * value.count", "{\"price\":100.10,\"count\":2}",
         "{\"price\":100.10,\"count\":2,\"total\":200.2}", NULL},
        {"value.f = 9007199254740993", "{}", "{\"f\":9007199254740993}", NULL},
        {"value.f = math.mininteger", "{}", "{\"f\":-9223372036854775808}", NULL},
        {"value.f = value.f + 1", "{\"f\":9007199254740992}", "{\"f\":9007199254740993}", NULL},
        {"value.f = 5 / 1", "{}", "{\"f\":5.0}", NULL},
        {"value.f = 0.1 + 0.2", "{}", "{\"f\":0.30000000000000004}", NULL},
        {"value.f = 'a\"\\n\\u{e4}'", "{}", "{\"f\":\"a\\\"\\n\xc3\xa4\"}", NULL},
        {"value.f = true; value.g = not value.f", "{}", "{\"f\":true,\"g\":false}", NULL},
        {"value.f = null", "{\"f\":1}", "{\"f\":null}", NULL},
        {"value['a\"b'] = 1", "{}", "{\"a\\\"b\":1}", NULL},
        {"value.f = {1, 'x', {2}, null}", "{}", "{\"f\":[1,\"x\",[2],null]}", NULL},
        {"value.f = {b = 1, a = {c = true}, [''] = 2}", "{}", "{\"f\":{\"\":2,\"a\":{\"c\":true},\"b\":1}}",
         NULL},
        {"value.f = {}; value.g = array(); value.h = array{1}", "{}", "{\"f\":{},\"g\":[],\"h\":[1]}", NULL},
        {"value.f = {o = value.o, l = value.o.l}", "{\"o\":{ \"l\":[ 1 ] }}",
         "{\"o\":{ \"l\":[ 1 ] },\"f\":{\"l\":[ 1 ],\"o\":{ \"l\":[ 1 ] }}}", NULL},
        {"value.copy = value", "{ \"a\":1 }", "{ \"a\":1,\"copy\":{ \"a\":1 } }", NULL},
        {"local t = setmetatable({}, {__mode = 'v'}) for i = 1, 50 do t['n' .. i] = {} end "
         "local ok = pcall(function() for i = 1, 200 do value.f = {t} end end) value.f = 1",
         "{}", "{\"f\":1}", NULL},
        {"local t = {1}; value.f = {t, t}", "{}", "{\"f\":[[1],[1]]}", NULL},
    };
    RUN(cases);
}

static void what_has_no_json_form_fails_the_record(void **state)
{
    (void)state;
    static const struct edit cases[] = {
        {"value.f = 0/0", "{}", NULL, "nan has no JSON form"},
        {"value.f = math.huge", "{}", NULL, "where:1: inf has no JSON form"},
        {"value.f = value.n", "{\"n\":1e999}", NULL, "inf has no JSON form"},
        {"value.f = print", "{}", "{}", NULL}, /* there is no print: nil */
        {"value.f = string.rep", "{}", NULL, "a function has no JSON form"},
        {"value.f = headers", "{}", NULL, "a userdata has no JSON form"},
        {"local t = {}; t.t = {t}; value.f = t", "{}", NULL, "a table that contains itself has no JSON form"},
        {"local t = {} for i = 1, 100 do t = {t} end value.f = t", "{}", NULL,
         "nested deeper than 100 levels"},
        {"value.f = {1, nil, 3}", "{}", NULL, "has no JSON form"},
        {"value.f = {1, a = 2}", "{}", NULL, "both names and numbers"},
        {"value.f = {[1.5] = 2}", "{}", NULL, "neither strings nor 1 to n"},
        {"value[1] = 2", "{}", NULL, "the name of a field must be a string, not a number"},
    };
    RUN(cases);
}

static void of_duplicated_names_one_is_left(void **state)
{
    (void)state;
    static const struct edit cases[] = {
        {"value.a = 9", "{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":9}", NULL},
        {"value.a = nil", "{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"b\":2}", NULL},
        {"value.a = nil; value.a = 4", "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":4}", NULL},
        {"value.o.a = 9", "{\"o\":{\"a\":1,\"a\":2}}", "{\"o\":{\"a\":9}}", NULL},
    };
    RUN(cases);
}

#define DEEP "{\"x\":1, \"o\":{ \"p\": {\"q\":[ {\"r\":1} , {\"r\":2} ]} , \"s\":1.0}}"

static void nested_values_are_edited_in_place(void **state)
{
    (void)state;
    static const struct edit cases[] = {
        {"value.o.p.q[2].r = 'x'", DEEP,
         "{\"x\":1, \"o\":{ \"p\": {\"q\":[ {\"r\":1} , {\"r\":\"x\"} ]} , \"s\":1.0}}", NULL},
        {"value.o.p.q[1].r = nil", DEEP, "{\"x\":1, \"o\":{ \"p\": {\"q\":[ {} , {\"r\":2} ]} , \"s\":1.0}}",
         NULL},
        {"value.o.p.q[1] = nil", DEEP, NULL, "nil inside an array would leave a hole"},
        {"value.o.p.q[2] = nil", DEEP, "{\"x\":1, \"o\":{ \"p\": {\"q\":[ {\"r\":1} ]} , \"s\":1.0}}", NULL},
        {"local q = value.o.p.q; q[#q + 1] = 3; q[#q + 1] = 4; value.x = #q", DEEP,
         "{\"x\":4, \"o\":{ \"p\": {\"q\":[ {\"r\":1} , {\"r\":2},3,4 ]} , \"s\":1.0}}", NULL},
        {"for i, line in ipairs(value.o.p.q) do line.n = i; line.m = -i end", DEEP,
         "{\"x\":1, \"o\":{ \"p\": {\"q\":[ {\"r\":1,\"n\":1,\"m\":-1} , {\"r\":2,\"n\":2,\"m\":-2} ]} , "
         "\"s\":1.0}}",
         NULL},
        {"table.insert(value.l, 1, 'x'); table.remove(value.l)", "{\"l\":[1,2]}", "{\"l\":[\"x\",1]}", NULL},
        {"table.insert(value.l, 'x'); table.remove(value.l); table.remove(value.l)", "{\"l\":[ ]}",
         "{\"l\":[ ]}", NULL},
        {"local r = value.o.p; r.q[1].r = 5; r.new = r.q[1].r", DEEP,
         "{\"x\":1, \"o\":{ \"p\": {\"q\":[ {\"r\":5} , {\"r\":2} ],\"new\":5} , \"s\":1.0}}", NULL},
        {"local a, b = value.o.p, value.o.p; a.x = 1; b.y = 2", DEEP, NULL,
         "where:1: this place of the document was rewritten since it was read; read it again"},
        {"local a = value.o; value.o = nil; a.x = 1", DEEP, NULL, "was rewritten since it was read"},
        {"value.l[5] = 1", "{\"l\":[1]}", NULL, "element 5 is beyond the end of an array of 1"},
        {"value.l.x = 1", "{\"l\":[1]}", NULL, "an array has elements 1, 2, 3"},
        {"value.o = {a = {}}; value.o.a.b = 1", DEEP, "{\"x\":1, \"o\":{\"a\":{\"b\":1}}}", NULL},
        {"value.z = value.l; value.z[1] = 9; value.l[2] = 8", "{\"l\":[1,2]}", "{\"l\":[1,8],\"z\":[9,2]}",
         NULL},
        {"local l = value.l; value.z = l; l[1] = 9", "{\"l\":[1,2]}", "{\"l\":[9,2],\"z\":[1,2]}", NULL},
        {"value.c = value; value.c.l[1] = 9", "{\"l\":[1,2]}", "{\"l\":[1,2],\"c\":{\"l\":[9,2]}}", NULL},
        {"local o = value.o; value = {o = 1}; o.x = 2", DEEP, NULL, "was rewritten since it was read"},
        {"local o = value.o; value = nil; o.x = 2", DEEP, NULL, "value is no JSON object in this record"},
        {"value[1] = 2", "[1]", NULL, "the document itself is an array"},
    };
    RUN(cases);
}

static void a_part_is_replaced_as_a_whole(void **state)
{
    (void)state;
    static const struct edit cases[] = {
        {"value = nil", ODD, NULL, NULL},
        {"value = {a = value.a}", ODD, "{\"a\":1.1}", NULL},
        {"value = {a = value.b}; value.c = 1", ODD, "{\"a\":[ 1, 2 ],\"c\":1}", NULL},
        {"value = 5", NULL, "5", NULL},
        {"value.x = 1; value_bytes = value_bytes .. '!'", "{}", "{\"x\":1}!", NULL},
        {"value_bytes = nil", "plain", NULL, NULL},
        {"value_bytes = 5", "plain", NULL, "bytes must be a string, not a number"},
        {"offset = 5", "{}", NULL, "'offset' cannot be assigned"},
        {"topic = 'x'", "{}", NULL, "the topic can be set by `route` or by a file only"},
        {"mine = 5; value.x = mine", "{}", "{\"x\":5}", NULL},
    };
    RUN(cases);
}

static void the_key_is_edited_too(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_STATEMENTS, "key.id = value.id; value.id = nil");
    assert_int_equal(lt_run(&t, "{\"id\":1}", "{\"id\":2}"), 0);
    xt_expect(t.rec->key, "{\"id\":2}");
    xt_expect(t.rec->value, "{}");
    lt_close(&t);
    lt_open(&t, LUA_STATEMENTS, "key_bytes = tostring(value.id)");
    assert_int_equal(lt_run(&t, NULL, "{\"id\":2}"), 0);
    xt_expect(t.rec->key, "2");
    lt_close(&t);
}

static void headers_are_set_and_dropped(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_STATEMENTS,
            "headers.a = '1'; headers.b = 'x'; headers.a = '2'; headers.b = nil; headers.c = null");
    assert_int_equal(lt_run(&t, NULL, "{}"), 0);
    assert_int_equal(t.rec->n_headers, 2);
    xt_expect(t.rec->headers[0].name, "a");
    xt_expect(t.rec->headers[0].value, "2");
    xt_expect(t.rec->headers[1].name, "c");
    assert_true(aq_slice_is_null(t.rec->headers[1].value));
    assert_true(t.rec->flags & AQ_REC_HEADERS_CHANGED);
    lt_close(&t);
    run_edit(&(struct edit){"headers.a = 5", "{}", NULL, "the value of a header must be a string"});
    run_edit(&(struct edit){"headers[''] = 'x'", "{}", NULL, "must not be empty"});
}

static void a_failure_takes_everything_back(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_FUNCTION,
            "function transform(r) r.value.x = 1; r.key_bytes = 'k'; r.topic = 'other'; r.headers.h = 'v'; "
            "r.value_bytes = r.value_bytes .. ' '; error('late') end");
    assert_int_equal(lt_run(&t, NULL, "{}"), AQ_E_BAD_RECORD);
    xt_expect(t.rec->value, "{}");
    assert_true(aq_slice_is_null(t.rec->key));
    assert_ptr_equal(t.rec->topic, t.batch.topic);
    assert_int_equal(t.rec->flags, 0);
    lt_close(&t);
}

static void an_expression_changes_nothing(void **state)
{
    (void)state;
    static const char *const tries[] = {"value.a = 2", "value.o.b = 1", "value = nil", "headers.x = 'y'",
                                        "key_bytes = 'x'"};
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct lt t;
        char *text = aq_asprintf("(function() %s end)()", tries[i]);
        lt_open(&t, LUA_EXPRESSION, text);
        assert_int_equal(lt_run(&t, NULL, "{\"a\":1,\"o\":{}}"), AQ_E_BAD_RECORD);
        assert_string_equal(t.err.text, "where:1: an expression cannot change the record");
        lt_close(&t);
        free(text);
    }
}

static void what_is_written_is_limited_as_well(void **state)
{
    (void)state;
    static const char *const bombs[] = {
        "local s = string.rep('x', 100000) for i = 1, 1000 do value.x = s end",
        "local s = string.rep('x', 100000) for i = 1, 1000 do value_bytes = s end",
        "local s = string.rep('x', 100000) for i = 1, 1000 do headers.x = s end",
        "local t = {1} for i = 1, 40 do t = {t, t} end value.x = t",
        "value.x = 'y' for i = 1, 50000 do local s = tostring(value) .. value_bytes; value.x = 'y' end",
        "for i = 1, 20000 do value.l[i] = i end",
    };
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        struct lt t;
        lt_open(&t, LUA_STATEMENTS, bombs[i]);
        t.program.instruction_limit = LUA_INSTRUCTIONS_MAX;
        int rc = lt_run(&t, NULL, "{\"l\":[]}");
        if (rc != AQ_E_BAD_RECORD || !strstr(t.err.text, "memory_limit"))
            fail_msg("%s: %d %s", bombs[i], rc, t.err.text);
        xt_expect(t.rec->value, "{\"l\":[]}");
        assert_true(t.batch.arena.total < 16 << 20);
        lt_close(&t);
    }
}

/* Two hundred random edits of the record, done to a plain table as well; in the end both must hold the same. */
static const char random_edits[] =
    "math.randomseed(value.seed)\n"
    "local function plain(v)\n"
    "  if type(v) ~= 'userdata' or v == null then return v end\n"
    "  local t = {list = tostring(v):sub(1, 1) == '['}\n"
    "  for k, x in pairs(v) do t[k] = plain(x) end\n"
    "  if t.list then t.n = #v end\n"
    "  return t\n"
    "end\n"
    "local function same(v, t, path)\n"
    "  if type(t) ~= 'table' then assert(v == t, path) return end\n"
    "  local seen = 0\n"
    "  for k, x in pairs(v) do seen = seen + 1 same(x, t[k], path .. '.' .. k) end\n"
    "  for k in pairs(t) do if k ~= 'list' and k ~= 'n' then seen = seen - 1 end end\n"
    "  assert(seen == 0, path .. ': number of fields')\n"
    "end\n"
    "local made = {function() return {} end, function() return array{1, {b = 'x'}} end,\n"
    "  function() return {a = {c = 1.5}, b = array()} end, function() return 'q\\\"' end,\n"
    "  function() return null end, function() return math.random(0) end, function() return nil end}\n"
    "local model = plain(value)\n"
    "for edit = 1, 200 do\n"
    "  local v, t = value, model\n"
    "  while math.random(4) > 1 do\n"
    "    local names = {}\n"
    "    for k, x in pairs(v) do if type(x) == 'userdata' and x ~= null then names[#names + 1] = k end end\n"
    "    if #names == 0 then break end\n"
    "    local k = names[math.random(#names)]\n"
    "    v, t = v[k], t[k]\n"
    "  end\n"
    "  local new = made[math.random(#made)]()\n"
    "  local k = string.char(96 + math.random(4))\n"
    "  if t.list then\n"
    "    k = new == nil and t.n or math.random(t.n + 1)\n"
    "    if new ~= nil and k > t.n then t.n = k elseif new == nil and k > 0 then t.n = k - 1 end\n"
    "  end\n"
    "  if not (t.list and k == 0) then\n"
    "    v[k] = new\n"
    "    t[k] = plain(v[k])\n"
    "  end\n"
    "end\n"
    "same(value, model, 'value')\n"
    "local text = tostring(value)\n"
    "value_bytes = value_bytes\n"
    "assert(tostring(value) == text)\n"
    "same(value, model, 'read again')\n";

static void random_edits_give_what_they_give_a_table(void **state)
{
    (void)state;
    struct lt t;
    lt_open(&t, LUA_STATEMENTS, random_edits);
    t.program.instruction_limit = LUA_INSTRUCTIONS_MAX;
    t.program.memory_limit = 64 << 20;
    for (int seed = 0; seed < 200; seed++) {
        char value[200];
        snprintf(
            value, sizeof(value),
            "{ \"seed\": %d, \"a\" : [ 1 , {\"\\u0061\" : [[]]} ,null ] ,\"b\":{\"c\":{}, \"d\" : 1e2} }",
            seed);
        if (lt_run(&t, NULL, value) < 0) fail_msg("seed %d: %s", seed, t.err.text);
        json_t *tree = json_loadb(t.rec->value.ptr, t.rec->value.len, JSON_REJECT_DUPLICATES, NULL);
        if (!tree) fail_msg("seed %d made %.*s", seed, (int)t.rec->value.len, t.rec->value.ptr);
        json_decref(tree);
    }
    lt_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_edited_stays_as_it_is),
        cmocka_unit_test(every_type_is_written),
        cmocka_unit_test(what_has_no_json_form_fails_the_record),
        cmocka_unit_test(of_duplicated_names_one_is_left),
        cmocka_unit_test(nested_values_are_edited_in_place),
        cmocka_unit_test(a_part_is_replaced_as_a_whole),
        cmocka_unit_test(the_key_is_edited_too),
        cmocka_unit_test(headers_are_set_and_dropped),
        cmocka_unit_test(a_failure_takes_everything_back),
        cmocka_unit_test(an_expression_changes_nothing),
        cmocka_unit_test(what_is_written_is_limited_as_well),
        cmocka_unit_test(random_edits_give_what_they_give_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
