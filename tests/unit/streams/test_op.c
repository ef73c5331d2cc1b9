/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of a configuration while they run, each in a task of its own: source "in", the form, sink "out".
 */
#include <unistd.h>

#include "tests/unit/streams/op_world.h"

#define SOURCE "in = { type = \"source\"; topics = [\"in\"]; };\n"
#define SINK   "out = { type = \"sink\"; from = \"x\"; topic = \"out\"; };\n"

static void filter_keeps_what_is_true(void **state)
{
    (void)state;
    struct world w;
    world_open(&w,
               SOURCE "x = { type = \"filter\"; from = \"in\"; where = \"value and value.n > 3\"; };\n" SINK);
    EXPECT(&w, "a", "{\"n\":4}", 10, "out a {\"n\":4} @10");
    EXPECT(&w, "a", "{\"n\":3}", 11, "");
    EXPECT(&w, "a", NULL, 12, "");
    EXPECT_FAILS(&w, "a", "{\"n\":\"many\"}", "attempt to compare");
    world_close(&w);
}

static void filter_not_keeps_the_others(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "x = { type = \"filter_not\"; from = \"in\"; where = \"key == 'a'\"; };\n" SINK);
    EXPECT(&w, "a", "1", 10, "");
    EXPECT(&w, "b", "1", 11, "out b 1 @11");
    EXPECT(&w, NULL, "1", 12, "out - 1 @12");
    world_close(&w);
}

static void map_makes_key_and_value(void **state)
{
    (void)state;
    struct world w;
    world_open(&w,
               SOURCE "x = { type = \"map\"; from = \"in\"; key = \"value.who\"; value = \"value.n * 2\";\n"
                      "  key_serde = \"string\"; value_serde = \"int64\"; };\n" SINK);
    EXPECT(&w, "a", "{\"who\":\"ann\",\"n\":21}", 10, "out ann 42 @10");
    EXPECT_FAILS(&w, "a", "{\"who\":7,\"n\":1}", "key");
    world_close(&w);
}

static void both_expressions_see_the_record_as_it_came(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "x = { type = \"map\"; from = \"in\"; key = \"value\"; value = \"key\";\n"
                          "  value_serde = \"string\"; };\n" SINK);
    EXPECT(&w, "a", "\"b\"", 10, "out b a @10");
    world_close(&w);
}

static void map_edits_in_place(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE
               "x = { type = \"map\"; from = \"in\"; map = \"value.note = nil; key = value.id\"; };\n" SINK);
    EXPECT(&w, "a", "{\"id\":\"i\",\"note\":1}", 10, "out i {\"id\":\"i\"} @10");
    world_close(&w);
}

static void map_values_keeps_the_key(void **state)
{
    (void)state;
    struct world w;
    world_open(
        &w, SOURCE
        "x = { type = \"map_values\"; from = \"in\"; value = \"value.n / 2\"; value_serde = \"double\"; };\n" SINK);
    EXPECT(&w, "a", "{\"n\":5}", 10, "out a 2.5 @10");
    world_close(&w);

    world_open(&w, SOURCE "x = { type = \"map_values\"; from = \"in\"; value = \"nil\"; };\n" SINK);
    EXPECT(&w, "a", "{\"n\":5}", 10, "out a - @10");
    world_close(&w);
}

static void map_values_statements_must_not_change_the_key(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "x = { type = \"map_values\"; from = \"in\";\n"
                          "  map = \"value.k = key; if value.n == 2 then key = 'other' end\"; };\n" SINK);
    EXPECT(&w, "a", "{\"n\":1}", 10, "out a {\"n\":1,\"k\":\"a\"} @10");
    EXPECT_FAILS(&w, "a", "{\"n\":2}", "map_values does not change the key");
    world_close(&w);
}

static void select_key_keeps_the_value(void **state)
{
    (void)state;
    struct world w;
    world_open(
        &w, SOURCE
        "x = { type = \"select_key\"; from = \"in\"; key = \"value.n\"; key_serde = \"int32\"; };\n" SINK);
    EXPECT(&w, "a", "{\"n\": 5}", 10, "out 5 {\"n\": 5} @10");
    EXPECT_FAILS(&w, "a", "{\"n\": 3000000000}", "int32");
    world_close(&w);
}

static void flat_map_values_makes_one_record_for_each(void **state)
{
    (void)state;
    struct world w;
    world_open(&w,
               SOURCE "x = { type = \"flat_map_values\"; from = \"in\"; values = \"value.lines\"; };\n" SINK);
    EXPECT(&w, "a", "{\"lines\":[1,{\"b\":2},\"c\"]}", 10, "out a 1 @10 out a {\"b\":2} @10 out a \"c\" @10");
    EXPECT(&w, "a", "{\"lines\":[]}", 11, "");
    EXPECT(&w, "a", "{}", 12, "");
    EXPECT_FAILS(&w, "a", "{\"lines\":5}", "values");
    world_close(&w);
}

static void flat_map_makes_records(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE
               "x = { type = \"flat_map\"; from = \"in\"; value_serde = \"int64\";\n"
               "  records = \"{{key='a', value=1}, {value=2, timestamp=5}, {key=nil, value=3}}\"; };\n" SINK);
    EXPECT(&w, "k", "{}", 10, "out a 1 @10 out - 2 @5 out - 3 @10");
    world_close(&w);
}

static void peek_sees_and_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "x = { type = \"peek\"; from = \"in\";\n"
                          "  run = \"n = (n or 0) + 1; if n > 2 then error('third') end\"; };\n" SINK);
    EXPECT(&w, "a", "{ \"n\" : 1 }", 10, "out a { \"n\" : 1 } @10");
    EXPECT(&w, "a", "2", 11, "out a 2 @11");
    EXPECT_FAILS(&w, "a", "3", "third");
    world_close(&w);
}

static void foreach_ends_there(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "look = { type = \"foreach\"; from = \"in\"; run = \"assert(value.n)\"; };\n"
                          "x = { type = \"filter\"; from = \"in\"; where = \"true\"; };\n" SINK);
    EXPECT(&w, "a", "{\"n\":1}", 10, "out a {\"n\":1} @10");
    EXPECT_FAILS(&w, "a", "{}", "assertion failed");
    world_close(&w);
}

/* What `call` prints on standard output; the caller frees it. */
static char *printed(struct world *w, struct aq_slice key, struct aq_slice value)
{
    char path[] = "/tmp/aqueduct-print.XXXXXX";
    int file = mkstemp(path), out = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    int rc = feed_bytes(w, key, value, 1);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    char text[256];
    ssize_t n = pread(file, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(file);
    unlink(path);
    T_CHECK(rc == 1, "%s", w->err.text);
    return t_printf("%s", text);
}

static void expect_printed(struct world *w, struct aq_slice key, struct aq_slice value, const char *expected)
{
    char *text = printed(w, key, value);
    T_CHECK(strcmp(text, expected) == 0, "'%s', not '%s'", text, expected);
    free(text);
}

static void print_writes_lines_as_kafka_does(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "x = { type = \"print\"; from = \"in\"; label = \"big\"; };\n");
    expect_printed(&w, AQ_LIT("a"), AQ_LIT("{\"n\":1}"), "[big]: a, {\"n\":1}\n");
    expect_printed(&w, AQ_NULL_SLICE, AQ_NULL_SLICE, "[big]: null, null\n");
    world_close(&w);
    world_open(
        &w,
        "in = { type = \"source\"; topics = [\"in\"]; key_serde = \"int64\"; value_serde = \"bytes\"; };\n"
        "shown = { type = \"print\"; from = \"in\"; };\n");
    expect_printed(&w, aq_slice_of("\0\0\0\0\0\0\1\0", 8), aq_slice_of("a\\\0\xff", 4),
                   "[shown]: 256, a\\x5C\\x00\\xFF\n");
    world_close(&w);
}

static void merge_hands_on(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "a = { type = \"filter\"; from = \"in\"; where = \"value > 1\"; };\n"
                          "b = { type = \"filter\"; from = \"in\"; where = \"value > 2\"; };\n"
                          "x = { type = \"merge\"; from = [\"a\", \"b\"]; };\n" SINK);
    EXPECT(&w, "k", "1", 10, "");
    EXPECT(&w, "k", "2", 11, "out k 2 @11");
    EXPECT(&w, "k", "3", 12, "out k 3 @12 out k 3 @12");
    world_close(&w);
}

#define BRANCHES "branches = { high = \"value.n > 9\"; low = \"value.n < 2\"; small = \"value.n < 5\"; };"
#define WAYS                                                              \
    "h = { type = \"sink\"; from = \"by-high\"; topic = \"high\"; };\n"   \
    "s = { type = \"sink\"; from = \"by-small\"; topic = \"small\"; };\n" \
    "l = { type = \"sink\"; from = \"by-low\"; topic = \"low\"; };\n"

static void branch_takes_the_first_that_holds(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "by = { type = \"branch\"; from = \"in\"; default = \"rest\"; " BRANCHES
                          " };\n" WAYS "r = { type = \"sink\"; from = \"by-rest\"; topic = \"rest\"; };\n");
    EXPECT(&w, "k", "{\"n\":10}", 1, "high k {\"n\":10} @1");
    EXPECT(&w, "k", "{\"n\":1}", 2, "low k {\"n\":1} @2");
    EXPECT(&w, "k", "{\"n\":4}", 3, "small k {\"n\":4} @3");
    EXPECT(&w, "k", "{\"n\":7}", 4, "rest k {\"n\":7} @4");
    EXPECT_FAILS(&w, "k", "{\"n\":\"x\"}", "compare");
    world_close(&w);
    world_open(&w, SOURCE "by = { type = \"branch\"; from = \"in\"; " BRANCHES " };\n" WAYS);
    EXPECT(&w, "k", "{\"n\":7}", 4, "");
    EXPECT(&w, "k", "{\"n\":1}", 2, "low k {\"n\":1} @2");
    world_close(&w);
}

static void a_chain_transforms_and_drops(void **state)
{
    (void)state;
    struct world w;
    world_open(&w,
               SOURCE "x = { type = \"transform\"; from = \"in\"; chain = [\"keep\", \"tidy\"]; };\n" SINK);
    EXPECT(&w, "k", "{\"n\":2,\"debug\":true}", 1, "out k {\"n\":2} @1");
    EXPECT(&w, "k", "{\"n\":1,\"debug\":true}", 2, "");
    EXPECT_FAILS(&w, "k", "7", "keep");
    world_close(&w);
}

static void a_chain_must_not_choose_the_topic(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, SOURCE "x = { type = \"transform\"; from = \"in\"; chain = [\"away\"]; };\n" SINK);
    EXPECT_FAILS(&w, "k", "{}", "a step chose the topic 'elsewhere'");
    world_close(&w);
}

static void the_value_chooses_the_topic(void **state)
{
    (void)state;
    struct world w;
    world_open(
        &w, SOURCE
        "out = { type = \"sink\"; from = \"in\"; topic_by = \"value.to\"; topic_allow = [\"a[.].*\", \"b\"]; };\n");
    EXPECT(&w, "k", "{\"to\":\"a.x\"}", 1, "a.x k {\"to\":\"a.x\"} @1");
    EXPECT(&w, "k", "{\"to\":\"b\"}", 2, "b k {\"to\":\"b\"} @2");
    EXPECT(&w, "k", "{\"to\":\"a.x\"}", 3, "a.x k {\"to\":\"a.x\"} @3");
    world_close(&w);
    static const char *const bad[][2] = {
        {"{\"to\":\"bb\"}", "topic_by: the topic 'bb' is not allowed; topic_allow has: 'a[.].*', 'b'"},
        {"{\"to\":\"a./\"}", "topic_by: the topic 'a./' holds a character other than"},
        {"{\"to\":7}", "topic_by: the result is a number, not the name of a topic"},
        {"{}", "topic_by: the result is a nil, not the name of a topic"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        world_open(
            &w, SOURCE
            "out = { type = \"sink\"; from = \"in\"; topic_by = \"value.to\"; topic_allow = [\"a[.].*\", \"b\"]; };\n");
        EXPECT_FAILS(&w, "k", bad[i][0], bad[i][1]);
        world_close(&w);
    }
}

static char *write_script(const char *text)
{
    char *path = t_printf("/tmp/aqueduct-op-%d.lua", (int)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static int open_script(struct world *w, const char *options, const char *text)
{
    char *path = write_script(text);
    char *topology = t_printf(SOURCE "x = { type = \"process\"; from = \"in\"; script = \"%s\"; %s };\n" SINK
                                     "two = { type = \"sink\"; from = \"x\"; topic = \"two\"; };\n",
                              path, options);
    int rc = world_try(w, "", topology);
    unlink(path);
    free(path);
    free(topology);
    return rc;
}

static void a_script_forwards_to_all_children_or_one(void **state)
{
    (void)state;
    struct world w;
    int rc = open_script(&w, "value_serde = \"int64\";",
                         "function process(r)\n"
                         "  if r.value.skip then return end\n"
                         "  forward({key = r.key, value = 1})\n"
                         "  forward({key = 'z', value = 2, timestamp = 7}, 'two')\n"
                         "end\n");
    T_CHECK(rc == 0, "%s", w.err.text);
    EXPECT(&w, "k", "{}", 3, "out k 1 @3 two k 1 @3 two z 2 @7");
    EXPECT(&w, "k", "{\"skip\":true}", 4, "");
    world_close(&w);
    rc = open_script(&w, "", "function process(r) forward({value = 1}, 'nobody') end\n");
    T_CHECK(rc == 0, "%s", w.err.text);
    T_CHECK(feed(&w, "k", "{}", 3) < 0 && strstr(w.err.text, "'x' has no child 'nobody'"), "%s", w.err.text);
    world_close(&w);
}

static void a_script_is_called_at_intervals(void **state)
{
    (void)state;
    struct world w;
    int rc = open_script(
        &w,
        "value_serde = \"string\"; key_serde = \"string\"; punctuate_wall_clock = \"1s\"; "
        "punctuate_stream_time = \"10ms\";",
        "local n\n"
        "function init() n = 0 end\n"
        "function process(r) n = n + 1 end\n"
        "function punctuate(now, type) forward({key = type, value = tostring(n), timestamp = now}, 'out'); n = 0 end\n");
    T_CHECK(rc == 0, "%s", w.err.text);
    EXPECT(&w, "k", "1", 5, "out stream_time 1 @5");
    EXPECT(&w, "k", "1", 9, "");
    EXPECT(&w, "k", "1", 12, "out stream_time 2 @12");
    EXPECT(&w, "k", "1", 13, "");
    w.told[0] = '\0';
    w.shop.wall_ms += 999;
    assert_int_equal(st_task_punctuate(w.task, &w.err), 0);
    w.shop.wall_ms += 1;
    rc = st_task_punctuate(w.task, &w.err);
    T_CHECK(rc == 1, "%s", w.err.text);
    tell_new(&w);
    assert_string_equal(w.told, "out wall_clock 1 @1001000");
    world_close(&w);
}

static void a_script_that_does_not_start_names_its_node(void **state)
{
    (void)state;
    struct world w;
    int rc = open_script(&w, "", "function init() error('not today') end function process(r) end\n");
    assert_true(rc < 0);
    T_CHECK(strstr(w.err.text, "'x' did not start") && strstr(w.err.text, "not today"), "%s", w.err.text);
    world_close(&w);
}

static void numbers_and_strings_reach_lua_as_what_they_are(void **state)
{
    (void)state;
    struct world w;
    world_open(
        &w,
        "in = { type = \"source\"; topics = [\"in\"]; key_serde = \"int64\"; value_serde = \"string\"; };\n"
        "x = { type = \"map\"; from = \"in\"; key = \"key + 1\"; value = \"value .. '!'\"; };\n" SINK);
    T_CHECK(feed_bytes(&w, aq_slice_of("\0\0\0\0\0\0\0\x29", 8), AQ_LIT("hey"), 1) == 1, "%s", w.err.text);
    assert_string_equal(w.told, "out 42 hey! @1");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_keeps_what_is_true),
        cmocka_unit_test(filter_not_keeps_the_others),
        cmocka_unit_test(map_makes_key_and_value),
        cmocka_unit_test(both_expressions_see_the_record_as_it_came),
        cmocka_unit_test(map_edits_in_place),
        cmocka_unit_test(map_values_keeps_the_key),
        cmocka_unit_test(map_values_statements_must_not_change_the_key),
        cmocka_unit_test(select_key_keeps_the_value),
        cmocka_unit_test(flat_map_values_makes_one_record_for_each),
        cmocka_unit_test(flat_map_makes_records),
        cmocka_unit_test(peek_sees_and_changes_nothing),
        cmocka_unit_test(foreach_ends_there),
        cmocka_unit_test(print_writes_lines_as_kafka_does),
        cmocka_unit_test(merge_hands_on),
        cmocka_unit_test(branch_takes_the_first_that_holds),
        cmocka_unit_test(a_chain_transforms_and_drops),
        cmocka_unit_test(a_chain_must_not_choose_the_topic),
        cmocka_unit_test(the_value_chooses_the_topic),
        cmocka_unit_test(a_script_forwards_to_all_children_or_one),
        cmocka_unit_test(a_script_is_called_at_intervals),
        cmocka_unit_test(a_script_that_does_not_start_names_its_node),
        cmocka_unit_test(numbers_and_strings_reach_lua_as_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
