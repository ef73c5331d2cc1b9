/* SPDX-License-Identifier: Apache-2.0
 *
 * Serdes of keys with windows: their names, what they read and write, as JSON, in Lua, and along a topology.
 */
#include "streams/serde/json_record.h"
#include "streams/ops/op_aggregate.h"
#include "tests/unit/streams/op_world.h"

static const struct st_serde *found(const char *name)
{
    struct aq_err err = {0};
    const struct st_serde *serde = st_serde_find(name, &err);
    T_CHECK(serde != NULL, "%s", err.text);
    return serde;
}

static void a_windowed_serde_is_found_by_name_and_is_one(void **state)
{
    (void)state;
    const struct st_serde *minute = found("time-windowed-string-60000");
    assert_ptr_equal(minute, found("time-windowed-string-1m"));
    assert_ptr_equal(minute, st_serde_windowed(ST_KEY_TIME, found("string"), 60000));
    assert_ptr_not_equal(minute, found("time-windowed-string-2m"));
    assert_ptr_not_equal(minute, found("time-windowed-json-1m"));
    assert_string_equal(st_serde_name(minute), "time-windowed-string-60000");
    assert_int_equal(st_serde_type(minute), ST_VALUE_WINDOWED);
    assert_ptr_equal(st_serde_inner(minute), found("string"));
    assert_int_equal(st_serde_size(minute), 60000);
    assert_int_equal(st_serde_tail(minute), 8);
    const struct st_serde *session = found("session-windowed-int64");
    assert_string_equal(st_serde_name(session), "session-windowed-int64");
    assert_int_equal(st_serde_form(session), ST_KEY_SESSION);
    assert_int_equal(st_serde_tail(session), 16);
    assert_int_equal(st_serde_tail(found("string")), 0);
    assert_int_equal(st_serde_tail(NULL), 0);
    assert_null(st_serde_inner(found("string")));
}

static void names_that_are_no_windowed_serde_say_why(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"time-windowed-string", "the size of the windows is missing: time-windowed-string-1m"},
        {"time-windowed-string-", "the size of the windows is missing"},
        {"time-windowed-string-x", "the size of the windows is missing"},
        {"time-windowed-strng-1m", "did you mean 'string'?"},
        {"time-windowed-", "there is no serde ''"},
        {"session-windowed-string-1m", "a session has no size: session-windowed-string"},
        {"time-windowed-time-windowed-string-1m-1m", "there is no serde 'time'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        assert_null(st_serde_find(rows[i][0], &err));
        assert_int_equal(err.code, AQ_E_CONFIG);
        T_CHECK(strstr(err.text, rows[i][1]), "'%s' is not in: %s", rows[i][1], err.text);
    }
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct aq_err err = {0};
    struct aq_slice bytes;
    aq_arena_init(&arena, 256);
    struct st_value value = {.type = ST_VALUE_WINDOWED,
                             .windowed = {.key = AQ_LIT("k"), .start = 10, .end = 15}};
    struct st_value back;
    assert_int_equal(st_serde_write(found("session-windowed-string"), &value, &arena, &bytes, &err), 0);
    assert_int_equal(bytes.len, 17);
    assert_memory_equal(bytes.ptr, "k\0\0\0\0\0\0\0\x0f\0\0\0\0\0\0\0\x0a", 17);
    assert_int_equal(st_serde_read(found("session-windowed-string"), bytes, NULL, &back, &err), 0);
    assert_int_equal(back.windowed.end, 15);
    assert_int_equal(st_serde_write(found("time-windowed-string-7"), &value, &arena, &bytes, &err), 0);
    assert_int_equal(bytes.len, 9);
    assert_int_equal(st_serde_read(found("time-windowed-string-7"), bytes, NULL, &back, &err), 0);
    assert_true(aq_slice_equal(back.windowed.key, AQ_LIT("k")));
    assert_int_equal(back.windowed.start, 10);
    assert_int_equal(back.windowed.end, 17);
    assert_int_equal(st_serde_read(found("time-windowed-string-0"), bytes, NULL, &back, &err), 0);
    assert_int_equal(back.windowed.end, 10);
    assert_int_equal(st_serde_read(found("session-windowed-string"), bytes, NULL, &back, &err),
                     AQ_E_BAD_RECORD);
    value.windowed.end = 9;
    assert_int_equal(st_serde_write(found("session-windowed-string"), &value, &arena, &bytes, &err),
                     AQ_E_BAD_RECORD);
    value = st_int64(5);
    assert_int_equal(st_serde_write(found("session-windowed-string"), &value, &arena, &bytes, &err),
                     AQ_E_BAD_RECORD);
    assert_non_null(strstr(err.text, "takes a windowed key, and the value is an integer"));
    aq_arena_finish(&arena);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

static void expect_json(const char *serde, const char *text, const char *printed)
{
    struct aq_arena arena;
    struct aq_err err = {0};
    struct aq_slice bytes;
    aq_arena_init(&arena, 256);
    int rc = st_json_encode(found(serde), aq_slice_str(text), &arena, &bytes, &err);
    T_CHECK(rc == 0, "%s", err.text);
    struct aq_slice back = st_json_decode(found(serde), bytes, &arena);
    T_CHECK(aq_slice_equal(back, aq_slice_str(printed)), "%.*s", (int)back.len, back.ptr);
    aq_arena_finish(&arena);
}

static void expect_no_json(const char *serde, const char *text, const char *reason)
{
    struct aq_arena arena;
    struct aq_err err = {0};
    struct aq_slice bytes;
    aq_arena_init(&arena, 256);
    assert_int_equal(st_json_encode(found(serde), aq_slice_str(text), &arena, &bytes, &err), AQ_E_BAD_RECORD);
    T_CHECK(strstr(err.text, reason), "'%s' is not in: %s", reason, err.text);
    aq_arena_finish(&arena);
}

static void as_json_a_windowed_key_is_an_object(void **state)
{
    (void)state;
    expect_json("time-windowed-string-1m", "{\"key\":\"a\",\"start\":60000}",
                "{\"key\":\"a\",\"start\":60000,\"end\":120000}");
    expect_json("time-windowed-int64-10", "{\"end\":20,\"start\":10,\"key\":-5}",
                "{\"key\":-5,\"start\":10,\"end\":20}");
    expect_json("session-windowed-json", "{\"key\":{\"id\":1},\"start\":1,\"end\":9}",
                "{\"key\":{\"id\":1},\"start\":1,\"end\":9}");
    expect_json("session-windowed-json", "null", "null");
    expect_json("session-windowed-string", "{\"$hex\":\"00\"}", "{\"$text\":\"\\u0000\"}");
    expect_no_json("time-windowed-string-1m", "{\"key\":\"a\"}", "cannot be");
    expect_no_json("session-windowed-string", "{\"key\":\"a\",\"start\":5}", "from 5 to -1");
    expect_no_json("session-windowed-string", "{\"key\":null,\"start\":5,\"end\":6}", "no key");
    expect_no_json("session-windowed-string", "{\"key\":\"a\",\"start\":5,\"stop\":6}", "without 'stop'");
    expect_no_json("session-windowed-string", "{\"key\":1,\"start\":5,\"end\":6}",
                   "key: a string is expected");
    expect_no_json("session-windowed-string", "[1]", "is expected, not an array");
}

/* ---- Lua -------------------------------------------------------------------------------------------------------------- */

static void expect_lua(const char *topology, struct aq_slice key, const char *expected)
{
    struct world w;
    world_open(&w, topology);
    int rc = feed_bytes(&w, key, AQ_LIT("{\"n\":1}"), 5);
    T_CHECK(rc == 1, "%s", w.err.text);
    T_CHECK(strcmp(w.told, expected) == 0, "'%s', not '%s'", w.told, expected);
    world_close(&w);
}

#define SOURCE(serde) "in = { type = \"source\"; topics = [\"in\"]; key_serde = \"" serde "\"; };\n"
#define SINK          "out = { type = \"sink\"; from = \"step\"; topic = \"out\"; };\n"

static void lua_sees_a_table_of_key_start_and_end(void **state)
{
    (void)state;
    struct aq_slice minute = {"ab\0\0\0\0\0\0\xea\x60", 10};
    struct aq_slice session = {"\0\0\0\x05\0\0\0\0\0\0\0\x0f\0\0\0\0\0\0\0\x0a", 20};
    expect_lua(
        SOURCE(
            "time-windowed-string-1m") "step = { type = \"select_key\"; from = \"in\"; key_serde = \"string\"; "
                                       "key = \"key.key .. '/' .. key.start .. '/' .. key['end']\"; };\n" SINK,
        minute, "out ab/60000/120000 {\"n\":1} @5");
    expect_lua(
        SOURCE(
            "session-windowed-int32") "step = { type = \"select_key\"; from = \"in\"; key_serde = \"string\"; "
                                      "key = \"(key.key + 1) .. '/' .. key.start .. '/' .. key['end']\"; };\n" SINK,
        session, "out 6/10/15 {\"n\":1} @5");
    expect_lua(
        SOURCE(
            "time-windowed-string-1m") "step = { type = \"filter\"; from = \"in\"; "
                                       "where = \"key.start == 60000\"; };\n"
                                       "text = { type = \"map_values\"; from = \"step\"; value_serde = \"string\"; value = \"key.key\"; };\n"
                                       "bare = { type = \"select_key\"; from = \"text\"; key_serde = \"int64\"; key = \"key['end']\"; };\n"
                                       "out = { type = \"sink\"; from = \"bare\"; topic = \"out\"; };\n",
        minute, "out 120000 ab @5");
}

static void lua_makes_windowed_keys_of_tables(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, "in = { type = \"source\"; topics = [\"in\"]; };\n"
                   "step = { type = \"select_key\"; from = \"in\"; key_serde = \"session-windowed-string\"; "
                   "key = \"{ key = key, start = 10, ['end'] = value.n }\"; };\n"
                   "text = { type = \"select_key\"; from = \"step\"; key_serde = \"string\"; "
                   "key = \"key.key .. key.start .. '-' .. key['end']\"; };\n"
                   "out = { type = \"sink\"; from = \"text\"; topic = \"out\"; };\n");
    EXPECT(&w, "k", "{\"n\":15}", 1, "out k10-15 {\"n\":15} @1");
    EXPECT_FAILS(&w, "k", "{\"n\":9}", "ends before it starts");
    world_close(&w);
    world_open(&w, "in = { type = \"source\"; topics = [\"in\"]; };\n"
                   "step = { type = \"select_key\"; from = \"in\"; key_serde = \"session-windowed-string\"; "
                   "key = \"value.k\"; };\n" SINK);
    EXPECT_FAILS(&w, "k", "{\"k\":\"x\"}", "must be a table with key, start and [\"end\"]");
    world_close(&w);
}

/* ---- along a topology ------------------------------------------------------------------------------------------------- */

static void an_aggregation_puts_its_windows_around_the_keys_it_gets(void **state)
{
    (void)state;
    struct aq_err err = {0};
    struct st_aggregate minutes = {.windows = {.kind = ST_TUMBLING, .size_ms = 60000}},
                        sessions = {.windows = {.kind = ST_SESSION, .size_ms = 5}};
    static const char *const names[] = {"in", "minutes", "sessions"};
    struct st_topology *topology = st_topology_create("app", &err);
    const struct st_source_conf source = {.topics = names, .n_topics = 1};
    const struct st_parents in = {.names = &names[0], .count = 1}, first = {.names = &names[1], .count = 1},
                            second = {.names = &names[2], .count = 1};
    assert_int_equal(st_add_source(topology, "in", &source, &err), 0);
    assert_int_equal(st_add_processor(topology, "minutes", &st_window_aggregate_kind, &minutes, in, &err), 0);
    assert_int_equal(st_add_sink(topology, "out", "minutes", first, &err), 0);
    assert_int_equal(
        st_add_processor(topology, "sessions", &st_session_aggregate_kind, &sessions, first, &err), 0);
    assert_int_equal(st_add_sink(topology, "out2", "sessions", second, &err), 0);
    struct st_plan *plan = st_plan_create(topology, &err);
    T_CHECK(plan != NULL, "%s", err.text);
    struct st_findings findings;
    st_findings_init(&findings);
    const struct st_serdes defaults = {found("string"), found("string")};
    struct st_serde_flow *flow = st_serde_flow_create(plan, defaults, &findings);
    assert_non_null(flow);
    assert_ptr_equal(st_serde_flow_written_to(flow, plan, "minutes").key, found("time-windowed-string-1m"));
    assert_ptr_equal(st_serde_flow_written_to(flow, plan, "sessions").key, found("session-windowed-bytes"));
    st_serde_flow_destroy(flow);
    st_findings_finish(&findings);
    st_plan_destroy(plan);
    st_topology_destroy(topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_windowed_serde_is_found_by_name_and_is_one),
        cmocka_unit_test(names_that_are_no_windowed_serde_say_why),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(as_json_a_windowed_key_is_an_object),
        cmocka_unit_test(lua_sees_a_table_of_key_start_and_end),
        cmocka_unit_test(lua_makes_windowed_keys_of_tables),
        cmocka_unit_test(an_aggregation_puts_its_windows_around_the_keys_it_gets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
