/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of a processor's file: what they forward, what they are refused, and when they are called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/transforms/lua_sink.h"

static const struct xf_formats json_values = {XF_STRING, XF_JSON, XF_STRING, XF_JSON};

struct proc {
    struct lt t;
    struct sink sink;
    struct lua_emit emit;
};

static void proc_open(struct proc *p, const char *text)
{
    lt_open(&p->t, LUA_PROCESSOR, text);
    p->t.step.formats = &json_values;
    p->emit = emit_to(&p->sink, &p->t, LUA_VALUES);
}

static int process(struct proc *p, const char *key, const char *value)
{
    lt_record(&p->t, aq_slice_str(key), aq_slice_str(value));
    aq_record_add_header(p->t.rec, AQ_LIT("via"), AQ_LIT("v"));
    int rc = lua_engine_call_process(p->t.engine, &p->t.step, p->t.rec, &p->emit, &p->t.err);
    xf_views_write(&p->t.views);
    return rc;
}

static void processes(const char *text, const char *want, const char *error)
{
    struct proc p;
    proc_open(&p, text);
    int rc = process(&p, "k", "{\"n\":1,\"l\":[{ }]}");
    if (error) {
        if (rc != AQ_E_BAD_RECORD) fail_msg("%s did not fail", text);
        if (!strstr(p.t.err.text, error)) fail_msg("%s: %s, want %s", text, p.t.err.text, error);
        xt_expect(p.t.rec->value, "{\"n\":1,\"l\":[{ }]}");
        assert_int_equal(p.t.rec->timestamp, 1582981323456);
    } else if (rc < 0) {
        fail_msg("%s: %s", text, p.t.err.text);
    }
    if (strcmp(p.sink.text, want) != 0) fail_msg("%s:\n%swant\n%s", text, p.sink.text, want);
    lt_close(&p.t);
}

#define RECORD(body) "function process(record)\n" body "\nend"
#define TAIL         " timestamp=1582981323456 headers= via=v"

static void a_processor_forwards_the_record_or_tables(void **state)
{
    (void)state;
    processes(RECORD("forward(record)"), "key=k value={\"n\":1,\"l\":[{ }]}" TAIL "\n", NULL);
    processes(RECORD("forward(record) forward(record, 'left') return false"),
              "key=k value={\"n\":1,\"l\":[{ }]}" TAIL "\nkey=k value={\"n\":1,\"l\":[{ }]}" TAIL
              " to=left\n",
              NULL);
    processes(
        RECORD("record.value.n = nil record.key = record.key .. '2' record.timestamp = 5 "
               "record.headers.via = nil forward(record) record.value.l = 2 record.value.m = record.value.l "
               "forward(record)"),
        "key=k2 value={\"l\":[{ }]} timestamp=5 headers=\n"
        "key=k2 value={\"l\":2,\"m\":2} timestamp=5 headers=\n",
        NULL);
    processes(RECORD("for i = 1, 2 do forward({key = 'a' .. i, value = record.value.l[1]}, 'c') end"),
              "key=a1 value={ } to=c\nkey=a2 value={ } to=c\n", NULL);
    processes(RECORD("forward({key = 'a', value = i, timestamp = 9, headers = record.headers, to = 'c'})"),
              "key=a value=null timestamp=9 headers= via=v to=c\n", NULL);
    processes(RECORD("local l = record.value.l forward({value = l}) forward({value = l[1]})"),
              "key=null value=[{ }]\nkey=null value={ }\n", NULL);
    processes(RECORD(""), "", NULL);
    processes(RECORD("return false"), "", NULL);
}

static void a_processor_that_fails_names_script_and_line(void **state)
{
    (void)state;
    processes(RECORD("record.value.n = 2\nforward({key = 'a'})\nerror('no')"), "key=a value=null\n",
              "where:4: no");
    processes(RECORD("forward()"), "", "where:2: forward() takes the record or a table, not nil");
    processes(RECORD("forward('x')"), "", "where:2: forward() takes the record or a table, not a string");
    processes(RECORD("forward(record.headers)"), "", "not an object");
    processes(RECORD("forward(record.value.l)"), "",
              "where:2: a record is a table with key and value, not a JSON array");
    processes(RECORD("forward(record.value)"), "", "where:2: a record has no 'n'");
    processes(RECORD("forward({kee = 1})"), "", "where:2: a record has no 'kee'");
    processes(RECORD("forward({key = 1})"), "",
              "where:2: key must be a string (its serde is string), not a number");
    processes(RECORD("forward(record, 5)"), "", "where:2: forward() takes the name of a child, not a number");
    processes(RECORD("forward({to = 'a'}, 'b')"), "", "where:2: forward() is given a child twice");
    processes(RECORD("record.timestamp = 'x'"), "", "where:2: timestamp must be an integer");
    processes(RECORD("record.offset = 5"), "", "where:2: 'offset' cannot be assigned");
    processes(RECORD("record.topic = 'x'"), "", "where:2: a processor does not choose the topic");
    processes(RECORD("record.x = 'x'"), "", "where:2: a record has no 'x'");
    processes(RECORD("while true do end"), "",
              "where:2: stopped after 100000 instructions (instruction_limit)");
}

static void a_record_of_another_format_must_be_assigned_before_it_is_forwarded(void **state)
{
    (void)state;
    static const struct xf_formats formats = {XF_STRING, XF_JSON, XF_STRING, XF_INT64};
    struct proc p;
    proc_open(&p, RECORD("if record.key == 'set' then record.value = 5 end forward(record)"));
    p.t.step.formats = &formats;
    assert_int_equal(process(&p, "k", "{}"), AQ_E_BAD_RECORD);
    assert_string_equal(p.t.err.text, "where:2: value comes in as json and goes out as int64: assign value");
    assert_int_equal(process(&p, "k", NULL), 0);
    assert_int_equal(process(&p, "set", "{}"), 0);
    assert_int_equal(p.sink.calls, 2);
    lt_close(&p.t);
}

static void an_emitters_failure_cannot_be_caught(void **state)
{
    (void)state;
    struct proc p;
    proc_open(&p, RECORD("pcall(forward, record) pcall(forward, record) pcall(forward, record)"));
    p.sink.fail_after = 2;
    assert_int_equal(process(&p, "k", "{}"), AQ_E_TXN_ABORT);
    assert_string_equal(p.t.err.text, "the child said no");
    assert_int_equal(p.sink.calls, 2);
    assert_int_equal(process(&p, "k", "{}"), 0);
    assert_int_equal(p.sink.calls, 5);
    lt_close(&p.t);
}

static void init_punctuate_and_close_are_called_when_they_are_there(void **state)
{
    (void)state;
    struct proc p;
    proc_open(&p, "function init() n = 0 end\n"
                  "function process(record) n = n + record.value.n kept = record end\n"
                  "function punctuate(now, type) forward({key = type, value = {now = now, n = n}}) end\n"
                  "function close() if n ~= 7 then error('n is ' .. n) end end");
    struct lt *t = &p.t;
    static const char *const names[] = {"init", "process", "punctuate", "close"};
    for (size_t i = 0; i < 4; i++) assert_true(lua_engine_has(t->engine, names[i]));
    assert_false(lua_engine_has(t->engine, "forward"));
    assert_int_equal(lua_engine_call_init(t->engine, &t->step, &t->err), 0);
    assert_int_equal(process(&p, "k", "{\"n\":3}"), 0);
    assert_int_equal(lua_engine_call_close(t->engine, &t->step, &t->err), AQ_E_BAD_RECORD);
    assert_string_equal(t->err.text, "where:4: n is 3");
    assert_int_equal(process(&p, "k", "{\"n\":4}"), 0);
    assert_int_equal(lua_engine_call_punctuate(t->engine, &t->step, 1000, "stream_time", &p.emit, &t->err),
                     0);
    assert_int_equal(lua_engine_call_punctuate(t->engine, &t->step, 2000, "wall_clock", &p.emit, &t->err), 0);
    assert_string_equal(p.sink.text, "key=stream_time value={\"n\":7,\"now\":1000}\n"
                                     "key=wall_clock value={\"n\":7,\"now\":2000}\n");
    p.sink.fail_after = p.sink.calls + 1;
    assert_int_equal(lua_engine_call_punctuate(t->engine, &t->step, 3000, "wall_clock", &p.emit, &t->err),
                     AQ_E_TXN_ABORT);
    assert_int_equal(lua_engine_call_close(t->engine, &t->step, &t->err), 0);
    lt_close(t);
    proc_open(&p, RECORD(""));
    assert_true(lua_engine_has(t->engine, "process"));
    assert_false(lua_engine_has(t->engine, "punctuate"));
    assert_int_equal(lua_engine_call_init(t->engine, &t->step, &t->err), 0);
    assert_int_equal(lua_engine_call_punctuate(t->engine, &t->step, 1, "wall_clock", &p.emit, &t->err), 0);
    assert_int_equal(lua_engine_call_close(t->engine, &t->step, &t->err), 0);
    lt_close(t);
}

static void punctuate_has_no_record_and_init_forwards_nothing(void **state)
{
    (void)state;
    static const char *const bodies[][2] = {
        {"forward(kept)", "where:3: there is no record at hand outside of process()"},
        {"forward({headers = heads})", "where:3: there is no record at hand outside of process()"},
        {"local v = kept.value", "where:3: there is no record at hand outside of process()"},
        {"local v = view.n", "where:3: there is no record at hand outside of process()"},
        {"local v = list[1]", "where:3: this object or array belongs to an earlier record"},
        {"kept.value = 5", "where:3: there is no record at hand outside of process()"},
        {"while true do end", "where:3: stopped after 100000 instructions (instruction_limit)"},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct proc p;
        char *text =
            aq_asprintf("function process(r) kept, view, list, heads = r, r.value, r.value.l, r.headers end\n"
                        "function punctuate(now, type)\n%s end",
                        bodies[i][0]);
        proc_open(&p, text);
        assert_int_equal(process(&p, "k", "{\"n\":1,\"l\":[1]}"), 0);
        assert_int_equal(lua_engine_call_punctuate(p.t.engine, &p.t.step, 1, "wall_clock", &p.emit, &p.t.err),
                         AQ_E_BAD_RECORD);
        if (strcmp(p.t.err.text, bodies[i][1]) != 0) fail_msg("%s: %s", bodies[i][0], p.t.err.text);
        assert_int_equal(p.sink.calls, 0);
        lt_close(&p.t);
        free(text);
    }
    struct proc p;
    proc_open(&p, "function init() forward({}) end function process(r) end");
    assert_int_equal(lua_engine_call_init(p.t.engine, &p.t.step, &p.t.err), AQ_E_BAD_RECORD);
    assert_string_equal(p.t.err.text, "where:1: forward() works in process() and punctuate() only");
    lt_close(&p.t);
}

static void a_processors_file_is_checked(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"function proces(r) end", "ticker.lua: there is no function 'process'"},
        {"function process(r) end punctuate = 5",
         "ticker.lua: 'punctuate' is not a function, and the name is taken"},
        {"function process(r end", "ticker.lua:1: ')' expected near 'end'"},
        {"forward({})", "ticker.lua:1: forward() works in process() and punctuate() only"},
        {"\nerror('no')", "ticker.lua:2: no"},
    };
    struct lua_program p = {.form = LUA_PROCESSOR,
                            .name = "ticker.lua",
                            .instruction_limit = 1000,
                            .memory_limit = LUA_MEMORY_MIN};
    struct aq_err err = {0};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        p.text = aq_slice_str(files[i][0]);
        assert_int_equal(lua_program_check(&p, &err), AQ_E_CONFIG);
        assert_string_equal(err.text, files[i][1]);
    }
    p.text = AQ_LIT("function process(record) end");
    assert_int_equal(lua_program_check(&p, &err), 0);
}

static void a_processor_that_cannot_start_fails_every_call(void **state)
{
    (void)state;
    struct proc p;
    proc_open(&p, "error('not today')");
    struct lt *t = &p.t;
    assert_int_equal(process(&p, "k", "{}"), AQ_E_BAD_RECORD);
    assert_string_equal(t->err.text, "where:1: not today");
    assert_int_equal(lua_engine_call_init(t->engine, &t->step, &t->err), AQ_E_BAD_RECORD);
    assert_int_equal(lua_engine_call_punctuate(t->engine, &t->step, 1, "wall_clock", &p.emit, &t->err),
                     AQ_E_BAD_RECORD);
    assert_false(lua_engine_has(t->engine, "process"));
    lt_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_processor_forwards_the_record_or_tables),
        cmocka_unit_test(a_processor_that_fails_names_script_and_line),
        cmocka_unit_test(a_record_of_another_format_must_be_assigned_before_it_is_forwarded),
        cmocka_unit_test(an_emitters_failure_cannot_be_caught),
        cmocka_unit_test(init_punctuate_and_close_are_called_when_they_are_there),
        cmocka_unit_test(punctuate_has_no_record_and_init_forwards_nothing),
        cmocka_unit_test(a_processors_file_is_checked),
        cmocka_unit_test(a_processor_that_cannot_start_fails_every_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
