/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands on a streams application: describe, graph, check and dump of its section, and files that have none.
 */
#include "tests/cli/run.h"

static void expect_description(const char *example, const char *expected)
{
    char *path = t_printf("conf/examples/streams-%s.conf", example);
    struct said said = RUN("describe", "-c", path);
    expect_code(&said, 0);
    T_CHECK(strcmp(said.out, expected) == 0, "%s:\n%s", path, said.out);
    T_CHECK(said.err[0] == '\0', "%s", said.err);
    said_free(&said);
    free(path);
}

static void examples_are_described(void **state)
{
    (void)state;
    expect_description("metrics", "Topologies:\n"
                                  "   Sub-topology: 0\n"
                                  "    Source: cpu (topics: [cpu])\n"
                                  "      --> cpu_load\n"
                                  "    Source: metrics (topics: [metrics])\n"
                                  "      --> metric\n"
                                  "    Processor: cpu_load (stores: [])\n"
                                  "      --> all\n"
                                  "      <-- cpu\n"
                                  "    Processor: metric (stores: [])\n"
                                  "      --> all\n"
                                  "      <-- metrics\n"
                                  "    Processor: all (stores: [])\n"
                                  "      --> by_host-sink\n"
                                  "      <-- cpu_load, metric\n"
                                  "    Sink: by_host-sink (topic: metrics-by_host-repartition)\n"
                                  "      <-- all\n"
                                  "\n"
                                  "  Sub-topology: 1\n"
                                  "    Source: by_host-source (topics: [metrics-by_host-repartition])\n"
                                  "      --> out\n"
                                  "    Sink: out (topic: metrics-by-host)\n"
                                  "      <-- by_host-source\n"
                                  "\n");
    expect_description("route-by-value", "Topologies:\n"
                                         "   Sub-topology: 0\n"
                                         "    Source: events (topics: events-(eu|us))\n"
                                         "      --> out\n"
                                         "    Sink: out (extractor class: by value)\n"
                                         "      <-- events\n"
                                         "\n");
    expect_description("interval", "Topologies:\n"
                                   "   Sub-topology: 0\n"
                                   "    Source: clicks (topics: [clicks])\n"
                                   "      --> counter\n"
                                   "    Processor: counter (stores: [])\n"
                                   "      --> out\n"
                                   "      <-- clicks\n"
                                   "    Sink: out (topic: clicks-per-interval)\n"
                                   "      <-- counter\n"
                                   "\n");
}

static void branches_are_nodes_of_their_own(void **state)
{
    (void)state;
    expect_description("branch", "Topologies:\n"
                                 "   Sub-topology: 0\n"
                                 "    Source: orders (topics: [orders])\n"
                                 "      --> real\n"
                                 "    Processor: real (stores: [])\n"
                                 "      --> by\n"
                                 "      <-- orders\n"
                                 "    Processor: by (stores: [])\n"
                                 "      --> by-high, by-low, by-rest\n"
                                 "      <-- real\n"
                                 "    Processor: by-high (stores: [])\n"
                                 "      --> checked\n"
                                 "      <-- by\n"
                                 "    Processor: by-low (stores: [])\n"
                                 "      --> small\n"
                                 "      <-- by\n"
                                 "    Processor: by-rest (stores: [])\n"
                                 "      --> ordinary\n"
                                 "      <-- by\n"
                                 "    Processor: checked (stores: [])\n"
                                 "      --> review\n"
                                 "      <-- by-high\n"
                                 "    Sink: ordinary (topic: orders-ordinary)\n"
                                 "      <-- by-rest\n"
                                 "    Sink: review (topic: orders-to-review)\n"
                                 "      <-- checked\n"
                                 "    Sink: small (topic: orders-small)\n"
                                 "      <-- by-low\n"
                                 "\n");
}

static void graphs_come_in_three_forms(void **state)
{
    (void)state;
    static const char file[] = "conf/examples/streams-branch.conf";
    struct said said = RUN("graph", file);
    expect_code(&said, 0);
    expect_text(said.out, "digraph");
    expect_text(said.out, "by-high");
    said_free(&said);
    said = RUN("graph", "--format", "mermaid", file);
    expect_code(&said, 0);
    expect_text(said.out, "flowchart");
    said_free(&said);
}

/* A program called dot that does as it is told, alone on the PATH. */
static struct said with_dot(const char *script)
{
    char *dot = write_file("dot", script);
    char *dir = t_printf("%s", dot);
    *strrchr(dir, '/') = '\0';
    chmod(dot, 0700);
    char *path = t_printf("PATH=%s", dir);
    struct said said = RUN_ENV(((const char *const[]){path, NULL}), "graph", "--format", "svg",
                               "conf/examples/streams-branch.conf");
    remove_file(dot);
    free(dir);
    free(path);
    return said;
}

static void an_svg_is_drawn_by_dot(void **state)
{
    (void)state;
    struct said said =
        with_dot("#!/bin/sh\necho \"<svg $1>\"\nwhile read -r line; do echo \"$line\"; done\n");
    expect_code(&said, 0);
    expect_text(said.out, "<svg -Tsvg>");
    expect_text(said.out, "by-high");
    said_free(&said);
    said = with_dot("#!/bin/sh\nexit 3\n");
    expect_code(&said, 1);
    expect_text(said.err, "aqueduct graph: dot did not draw the picture");
    said_free(&said);
}

static void without_dot_an_svg_is_a_clear_error(void **state)
{
    (void)state;
    struct said said = RUN_ENV(((const char *const[]){"PATH=/nonexistent", NULL}), "graph", "--format", "svg",
                               "conf/examples/streams-branch.conf");
    expect_code(&said, 1);
    expect_text(said.err,
                "the program 'dot' cannot be started (No such file or directory): install graphviz");
    assert_string_equal(said.out, "");
    said_free(&said);
}

static void check_counts_what_there_is(void **state)
{
    (void)state;
    struct said said = RUN("check", "conf/examples/streams-branch.conf");
    expect_code(&said, 0);
    expect_text(
        said.out,
        "configuration is correct: 0 routes, 1 cluster, 1 transform, application orders-by-size with 7 nodes\n");
    said_free(&said);
}

static void commands_want_their_section(void **state)
{
    (void)state;
    struct said said = RUN("describe", "conf/examples/minimal.conf");
    expect_code(&said, 78);
    expect_text(said.err, "there is no section 'streams', so there is nothing for `aqueduct describe`");
    said_free(&said);
    said = RUN("bridge", "conf/examples/streams-branch.conf");
    expect_code(&said, 78);
    expect_text(said.err, "there is no section 'routes', so there is nothing for `aqueduct bridge`");
    said_free(&said);
}

static void a_dump_has_every_setting_and_node(void **state)
{
    (void)state;
    struct said said = RUN("dump", "-s", "streams.poll_ms=50", "conf/examples/streams-branch.conf");
    expect_code(&said, 0);
    static const char *const parts[] = {"application_id = \"orders-by-size\";", "poll_ms = \"50ms\";\n",
                                        "commit_interval_ms = \"100ms\";",      "type = \"branch\";",
                                        "high = \"value.amount >= 1000\";",     "default = \"rest\";"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) expect_text(said.out, parts[i]);
    said_free(&said);
}

static void a_file_may_have_routes_and_streams(void **state)
{
    (void)state;
    char *path =
        write_file("both.conf",
                   "clusters = { a = { brokers = \"127.0.0.1:1\"; }; b = { brokers = \"127.0.0.1:2\"; }; };\n"
                   "routes = ( { name = \"r\"; from = \"a\"; to = \"b\"; topics = [\"t\"]; } );\n"
                   "streams = { application_id = \"app\"; cluster = \"b\";\n"
                   "  properties = [\"default.key.serde=bytes\", \"default.value.serde=bytes\"];\n"
                   "  topology = { in = { type = \"source\"; topics = [\"t\"]; };\n"
                   "    out = { type = \"sink\"; from = \"in\"; topic = \"u\"; }; }; };\n");
    struct said said = RUN("check", path);
    expect_code(&said, 0);
    expect_text(said.out, "1 route, 2 clusters, 0 transforms, application app with 2 nodes");
    said_free(&said);
    said = RUN("describe", path);
    expect_code(&said, 0);
    said_free(&said);
    remove_file(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_described),
        cmocka_unit_test(branches_are_nodes_of_their_own),
        cmocka_unit_test(graphs_come_in_three_forms),
        cmocka_unit_test(an_svg_is_drawn_by_dot),
        cmocka_unit_test(without_dot_an_svg_is_a_clear_error),
        cmocka_unit_test(check_counts_what_there_is),
        cmocka_unit_test(commands_want_their_section),
        cmocka_unit_test(a_dump_has_every_setting_and_node),
        cmocka_unit_test(a_file_may_have_routes_and_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
