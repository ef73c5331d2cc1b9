/* SPDX-License-Identifier: Apache-2.0
 *
 * cogroup: from lines of a configuration to rows of results, and its mistakes.
 */
#include "tests/unit/streams/form_run.h"

#define SOURCES                                       \
    "l = { type = \"source\"; topics = [\"l\"]; };\n" \
    "r = { type = \"source\"; topics = [\"r\"]; };\n"
/* The key is who did it. */
#define ADDERS                                                                                  \
    "initial = \"{ views = 0, bought = 0 }\"; cached = false;\n"                                \
    "inputs = ( { from = \"l\"; add = \"{ views = agg.views + 1, bought = agg.bought }\"; },\n" \
    "{ from = \"r\"; add = \"{ views = agg.views, bought = agg.bought + value.n }\"; } ); "

static void each_stream_is_added_in_its_own_way(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "u", "{}", 10, "u={\"bought\":0,\"views\":1}@10"},
        {"r", "u", "{\"n\":5}", 12, "u={\"bought\":5,\"views\":1}@12"},
        {"l", "u", "{}", 11, "u={\"bought\":5,\"views\":2}@12"},
        {"r", "v", "{\"n\":1}", 13, "v={\"bought\":1,\"views\":0}@13"},
        {"r", "v", NULL, 14, ""},
    };
    FORM_RUN(SOURCES "x = { type = \"cogroup\"; " ADDERS "};\n" OUT, steps);
}

/* Each input makes keys of its own, of which some meet; and a stream without `by` joins in by its key. */
static void inputs_are_grouped_by_what_each_says(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "1", "{\"who\":\"u\",\"n\":2}", 10, "u=2@10"},
        {"r", "2", "{\"to\":\"u\",\"n\":5}", 12, "u=-3@12"},
        {"r", "3", "{\"to\":\"v\",\"n\":1}", 13, "v=-1@13"},
        {"m", "v", "{\"n\":4}", 14, "v=3@14"},
        {"l", "4", "{\"n\":4}", 15, ""},
    };
    FORM_RUN(
        SOURCES
        "m = { type = \"source\"; topics = [\"m\"]; };\n"
        "x = { type = \"cogroup\"; function = \"sum\"; as = \"int64\"; by_serde = \"string\"; partitions = 3;\n"
        "inputs = ( { from = \"l\"; by = \"value.who\"; of = \"value.n\"; },\n"
        "{ from = \"r\"; by = \"value.to\"; of = \"-value.n\"; }, { from = \"m\"; of = \"value.n\"; } ); };\n" OUT,
        steps);
}

static void streams_of_one_input_are_added_in_one_way(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "u", "{}", 1, "u=1@1"}, {"r", "u", "{}", 2, "u=2@2"}, {"m", "u", "{\"n\":1}", 3, "u=3@3"}};
    FORM_RUN(SOURCES "m = { type = \"source\"; topics = [\"m\"]; };\n"
                     "x = { type = \"cogroup\"; function = \"count\";\n"
                     "inputs = ( { from = [\"l\", \"r\"]; }, { from = \"m\"; } ); };\n" OUT,
             steps);
}

/* Values of the two lie differently, and the row in a third way. */
static void streams_may_have_serdes_of_their_own(void **state)
{
    (void)state;
    static const struct form_step steps[] = {{"l", "u", "{\"n\":\"a\"}", 1, "u=a@1"},
                                             {"r", "u", "b", 2, "u=ab@2"},
                                             {"l", "u", "{\"n\":\"c\"}", 3, "u=abc@3"}};
    FORM_RUN("l = { type = \"source\"; topics = [\"l\"]; };\n"
             "r = { type = \"source\"; topics = [\"r\"]; value_serde = \"string\"; };\n"
             "x = { type = \"cogroup\"; as = \"string\"; initial = \"''\";\n"
             "inputs = ( { from = \"l\"; add = \"agg .. value.n\"; },\n"
             "{ from = \"r\"; add = \"agg .. value\"; } ); };\n" OUT,
             steps);
}

static void in_tumbling_windows(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "u", "{}", 10, "u[0]={\"bought\":0,\"views\":1}@10"},
        {"r", "u", "{\"n\":5}", 99, "u[0]={\"bought\":5,\"views\":1}@99"},
        {"r", "u", "{\"n\":1}", 100, "u[100]={\"bought\":1,\"views\":0}@100"},
        {"l", "u", "{}", 50, "u[0]={\"bought\":5,\"views\":2}@99"},
        {"l", "u", "{}", 110, "u[100]={\"bought\":1,\"views\":1}@110"},
        {"r", "u", "{\"n\":9}", 70, ""},
    };
    FORM_RUN(SOURCES "x = { type = \"cogroup\"; " ADDERS
                     "window = { type = \"tumbling\"; size = 100; grace = 10; }; };\n" OUT,
             steps);
}

static void in_hopping_windows_that_close(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "u", "{}", 60, ""},
        {"r", "u", "{\"n\":5}", 70, ""},
        {"l", "u", "{}", 150, "u[0]={\"bought\":5,\"views\":1}@70 u[50]={\"bought\":5,\"views\":1}@70"},
    };
    FORM_RUN(SOURCES "x = { type = \"cogroup\"; " ADDERS "emit = \"close\";\n"
                     "window = { type = \"hopping\"; size = 100; advance = 50; }; };\n" OUT,
             steps);
}

static void in_sliding_windows(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "u", "{}", 100, "u[90]={\"bought\":0,\"views\":1}@100"},
        {"r", "u", "{\"n\":5}", 105,
         "u[101]={\"bought\":5,\"views\":0}@105 u[95]={\"bought\":5,\"views\":1}@105"},
    };
    FORM_RUN(SOURCES "x = { type = \"cogroup\"; " ADDERS
                     "window = { type = \"sliding\"; difference = 10; }; };\n" OUT,
             steps);
}

static void in_sessions(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"l", "u", "{}", 10, "u[10,10]={\"bought\":0,\"views\":1}@10"},
        {"r", "u", "{\"n\":5}", 30, "u[30,30]={\"bought\":5,\"views\":0}@30"},
        {"l", "u", "{}", 20, "u[10,10]=null@10 u[30,30]=null@30 u[10,30]={\"bought\":5,\"views\":2}@30"},
    };
    FORM_RUN(SOURCES "x = { type = \"cogroup\"; " ADDERS
                     "merge = \"{ views = a.views + b.views, bought = a.bought + b.bought }\";\n"
                     "window = { type = \"session\"; gap = 10; grace = 20; }; };\n" OUT,
             steps);
}

/* Its rows are a table, which can be joined, and its windows can be suppressed. */
static void what_it_makes_is_a_table(void **state)
{
    (void)state;
    static const struct form_step joined[] = {
        {"l", "u", "{}", 1, ""},
        {"s", "u", "{\"n\":1}", 2, "u={\"n\":1,\"seen\":1}@2"},
    };
    FORM_RUN(
        SOURCES
        "s = { type = \"source\"; topics = [\"s\"]; };\n"
        "y = { type = \"cogroup\"; function = \"count\"; inputs = ( { from = \"l\"; }, { from = \"r\"; } ); };\n"
        "x = { type = \"join_table\"; from = [\"s\", \"y\"]; join = \"{ n = left.n, seen = right }\"; };\n" OUT,
        joined);
    static const struct form_step suppressed[] = {
        {"l", "u", "{}", 1, ""}, {"r", "u", "{}", 2, ""}, {"l", "u", "{}", 100, "u[0]=2@2"}};
    FORM_RUN(
        SOURCES
        "y = { type = \"cogroup\"; function = \"count\"; inputs = ( { from = \"l\"; }, { from = \"r\"; } );\n"
        "window = { type = \"tumbling\"; size = 100; }; };\n"
        "x = { type = \"suppress\"; from = \"y\"; until = \"window_closes\"; };\n" OUT,
        suppressed);
}

static void nodes_and_topics_are_named_after_the_node(void **state)
{
    (void)state;
    struct form_run run;
    form_run_open(&run, HEAD,
                  SOURCES "x = { type = \"cogroup\"; function = \"count\"; store = \"rows\";\n"
                          "inputs = ( { from = \"l\"; by = \"value.n\"; }, { from = \"r\"; } ); };\n" OUT,
                  1);
    const struct st_topology *topology = run.config.streams.topology;
    static const char *const names[] = {"x", "x-l", "x-l-key", "x-l-by", "x-r"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        T_CHECK(st_find_node(topology, names[i]) != NULL, "there is no %s", names[i]);
    assert_string_equal(st_find_node(topology, "x-l-by")->topic, "app-x-l-by-repartition");
    form_run_close(&run);
}

#define X "x = { type = \"cogroup\"; "

static void mistakes_in_the_list(void **state)
{
    (void)state;
    expect(SOURCES X "function = \"count\"; };\n" OUT,
           "t.conf:6:1: error: streams.topology.x: required option 'inputs' is missing\n");
    expect(
        SOURCES X "function = \"count\"; inputs = \"l\"; };\n" OUT,
        "t.conf:6:54: error: streams.topology.x: inputs is a list of groups: inputs = ( { from = \"orders\"; add = "
        "\"…\"; }, … )\n");
    expect(
        SOURCES X "function = \"count\"; from = \"l\"; inputs = ( { from = \"l\"; } ); };\n" OUT,
        "t.conf:6:45: error: streams.topology.x: option 'from' is not supported: Each input has its own: inputs = ( { "
        "from = \"orders\"; add = \"…\"; }, … ).\n");
    expect(
        SOURCES X "function = \"count\";\ninputs = ( { form = \"l\"; } ); };\n" OUT,
        "t.conf:7:12: error: streams.topology.x.inputs.[0]: required option 'from' is missing\n"
        "t.conf:7:14: error: streams.topology.x.inputs.[0]: unknown option 'form'; did you mean 'from'?\n");
    expect(SOURCES X "function = \"count\";\ninputs = ( { from = \"l\"; }, { from = \"rr\"; } ); };\n" OUT,
           "t.conf:7:39: error: streams.topology.x: from: unknown node 'rr'\n");
    expect(
        SOURCES X "function = \"count\";\ninputs = ( { from = \"l\"; }, { from = \"l\"; } ); };\n" OUT,
        "t.conf:7:38: error: streams.topology.x.inputs.[1]: from: 'l' is the first node of two inputs, and nodes are "
        "named after it; let one of them do what both do\n");
    expect(
        SOURCES "t = { type = \"table\"; topic = \"t\"; };\n" X
                "function = \"count\";\ninputs = ( { from = \"l\"; }, { from = \"t\"; } ); };\n" OUT,
        "t.conf:8:39: error: streams.topology.x: from: 't' is a table, and a cogroup is of streams: put a to_stream "
        "behind it to take its changes\n");
}

static void mistakes_in_what_is_made(void **state)
{
    (void)state;
    expect(
        SOURCES X
        "initial = \"0\";\ninputs = ( { from = \"l\"; add = \"agg + 1\"; }, { from = \"r\"; } ); };\n" OUT,
        "t.conf:7:46: error: streams.topology.x.inputs.[1]: function, add or aggregator is needed: function = "
        "\"sum\" names what there is, add = \"...\" is a Lua expression, aggregator one of a plugin\n");
    expect(
        SOURCES X
        "function = \"sum\";\ninitial = \"0\"; inputs = ( { from = \"l\"; of = \"value.n\"; } ); };\n" OUT,
        "t.conf:7:11: error: streams.topology.x.inputs.[0]: initial is for a node without function: leave one of them "
        "out\n");
    expect(
        SOURCES X "function = \"sum\";\nn = 3; inputs = ( { from = \"l\"; add = \"1\"; } ); };\n" OUT,
        "t.conf:7:39: error: streams.topology.x.inputs.[0]: add is for a node without function: leave one of them "
        "out\n");
    expect(
        SOURCES X
        "function = \"sum\"; as = \"string\";\ninputs = ( { from = \"l\"; }, { from = \"r\"; } ); };\n" OUT,
        "t.conf:6:48: error: streams.topology.x.inputs.[0]: sum gives json, int64 or double, not string\n");
    expect(SOURCES X "function = \"count\"; by_serde = \"string\";\ninputs = ( { from = \"l\"; } ); };\n" OUT,
           "t.conf:6:56: error: streams.topology.x: by_serde is for a new key, and no input has a by\n");
    expect(
        SOURCES X "window = { type = \"session\"; gap = \"1m\"; };\n"
                  "inputs = ( { from = \"l\"; add = \"1\"; } ); };\n" OUT,
        "t.conf:7:12: error: streams.topology.x.inputs.[0]: merge is needed: a record between two sessions makes them one, and "
        "merge = \"...\" says what becomes of their rows a and b\n");
    expect(
        SOURCES X
        "function = \"count\";\ninputs = ( { from = \"l\"; by = \"(\"; }, { from = \"r\"; by = \")\"; } ); };\n" OUT,
        "t.conf:7:31: error: streams.topology.x.inputs.[0]: by:1: unexpected symbol near ')'\n"
        "t.conf:7:58: error: streams.topology.x.inputs.[1]: by:1: unexpected symbol near ')'\n");
    expect(
        "l = { type = \"source\"; topics = [\"l\"]; };\n"
        "r = { type = \"source\"; topics = [\"r\"]; key_serde = \"int64\"; };\n" X
        "function = \"count\"; inputs = ( { from = \"l\"; }, { from = \"r\"; } ); };\n" OUT,
        "t.conf:6:1: error: streams.topology.x: 'x-l' sends it keys as string and 'x-r' as int64; they must agree: set "
        "key_serde at the node that makes them\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stream_is_added_in_its_own_way),
        cmocka_unit_test(inputs_are_grouped_by_what_each_says),
        cmocka_unit_test(streams_of_one_input_are_added_in_one_way),
        cmocka_unit_test(streams_may_have_serdes_of_their_own),
        cmocka_unit_test(in_tumbling_windows),
        cmocka_unit_test(in_hopping_windows_that_close),
        cmocka_unit_test(in_sliding_windows),
        cmocka_unit_test(in_sessions),
        cmocka_unit_test(what_it_makes_is_a_table),
        cmocka_unit_test(nodes_and_topics_are_named_after_the_node),
        cmocka_unit_test(mistakes_in_the_list),
        cmocka_unit_test(mistakes_in_what_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
