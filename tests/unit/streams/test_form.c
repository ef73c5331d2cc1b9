/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes in a topology: each is one located error with these words, all of them in one run; and what a topology without any
 * becomes.
 */
#include "streams/topology/describe.h"
#include "tests/unit/streams/form_world.h"

static void every_error_has_its_line_and_caret(void **state)
{
    (void)state;
    char *said = complaints(IN "x = { type = \"filtr\"; from = \"in\"; };\n" OUT);
    const char *expected =
        "t.conf:5:14: error: streams.topology.x: unknown type 'filtr'; did you mean 'filter'?\n"
        "   5 | x = { type = \"filtr\"; from = \"in\"; };\n"
        "     |              ^~~~~~~\n";
    T_CHECK(strcmp(said, expected) == 0, "%s", said);
    free(said);
}

static void unknown_node(void **state)
{
    (void)state;
    expect(IN "x = { type = \"filter\"; from = \"inn\"; where = \"true\"; };\n" OUT,
           "t.conf:5:32: error: streams.topology.x: from: unknown node 'inn'; did you mean 'in'?\n");
    expect(IN "x = { type = \"merge\"; from = [\"in\", \"elsewhere\"]; };\n" OUT,
           "t.conf:5:37: error: streams.topology.x: from: unknown node 'elsewhere'\n");
}

static void unknown_type(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"windowed\"; from = \"in\"; };\n" OUT,
        "t.conf:5:14: error: streams.topology.x: unknown type 'windowed'; `aqueduct list forms` shows those there are\n");
    expect(IN "x = { from = \"in\"; };\n" OUT,
           "t.conf:5:1: error: streams.topology.x: required option 'type' is missing\n");
    expect(IN "x = { type = 5; from = \"in\"; };\n" OUT,
           "t.conf:5:14: error: streams.topology.x: type: must be a string in quotes\n");
    expect(IN "x = 5;\n" OUT, "t.conf:5:1: error: streams.topology.x is a group: x = { type = \"…\"; … };\n");
}

static void duplicate_name(void **state)
{
    (void)state;
    expect(IN "x = { type = \"filter\"; from = \"in\"; where = \"true\"; };\n"
              "x = { type = \"peek\"; from = \"in\"; run = \"y = 1\"; };\n" OUT,
           "t.conf:6:1: error: streams.topology: 'x' is set twice in this group; first in line 5\n");
    expect(
        IN "by = { type = \"branch\"; from = \"in\"; branches = { high = \"true\"; }; };\n"
           "by-high = { type = \"filter\"; from = \"in\"; where = \"true\"; };\n"
           "out = { type = \"sink\"; from = \"by-high\"; topic = \"out\"; };\n",
        "t.conf:6:1: error: streams.topology: processor 'by-high': there is a processor of this name already\n");
}

static void cycle(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"merge\"; from = [\"in\", \"z\"]; };\n"
           "y = { type = \"filter\"; from = \"x\"; where = \"true\"; };\n"
           "z = { type = \"filter\"; from = \"y\"; where = \"true\"; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: cycle: x -> y -> z -> x; a node must not lead back to itself, take one of "
        "these edges away\n");
}

static void unknown_store_and_other_options(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"filter\"; from = \"in\"; where = \"true\"; tables = [\"counts\"]; };\n" OUT,
        "t.conf:5:53: error: streams.topology.x: unknown option 'tables'; allowed: type, from, where, store, "
        "instruction_limit, memory_limit\n");
    expect(IN "x = { type = \"filter\"; from = \"in\"; };\n" OUT,
           "t.conf:5:1: error: streams.topology.x: required option 'where' is missing\n");
    expect(IN "x = { type = \"merge\"; };\n" OUT,
           "t.conf:5:1: error: streams.topology.x: required option 'from' is missing\n");
    expect(
        "in = { type = \"source\"; topics = [\"in\"]; from = \"out\"; };\n"
        "out = { type = \"sink\"; from = \"in\"; topic = \"out\"; };\n",
        "t.conf:4:42: error: streams.topology.in: option 'from' is not supported: A source reads topics, not nodes.\n");
}

static void missing_serde(void **state)
{
    (void)state;
    struct cli_config config;
    cli_config_load(&config, "t.conf",
                    "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\";\n"
                    "topology = { in = { type = \"source\"; topics = [\"in\"]; key_serde = \"string\"; };\n"
                    "out = { type = \"sink\"; from = \"in\"; topic = \"out\"; }; }; };\n",
                    NULL, 0);
    assert_int_equal(config.diags.count, 1);
    assert_string_equal(
        config.diags.list[0].text,
        "streams.topology.in: nothing says how its values are to be read: set value_serde here, or "
        "default_value_serde for all sources");
    assert_int_equal(config.diags.list[0].pos.line, 2);
    assert_int_equal(config.diags.list[0].pos.column, 14);
    cli_config_finish(&config);
}

static void serdes_that_do_not_fit(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"map_values\"; from = \"in\"; value = \"1\"; value_serde = \"int64\"; };\n"
           "out = { type = \"sink\"; from = \"x\"; topic = \"out\"; value_serde = \"json\"; };\n",
        "t.conf:6:1: error: streams.topology.out: it is to write values as json, and what reaches it is int64; nothing "
        "converts on the way: set value_serde at the node that makes them\n");
    expect(
        IN "x = { type = \"map_values\"; from = \"in\"; value = \"1\"; value_serde = \"int46\"; };\n" OUT,
        "t.conf:5:68: error: streams.topology.x: value_serde: there is no serde 'int46'; did you mean 'int64'?\n");
    expect(
        "in = { type = \"source\"; topics = [\"in\"]; value_serde = \"string\"; };\n"
        "x = { type = \"transform\"; from = \"in\"; chain = [\"mask\"]; };\n" OUT,
        "t.conf:5:49: error: streams.topology.x: chain: 'mask' (MaskField) works on fields of the value, and what reaches this "
        "node is string, not json\n");
}

static void scripts_and_chains(void **state)
{
    (void)state;
    expect(IN "x = { type = \"filter\"; from = \"in\"; where = \"value.n >\"; };\n" OUT,
           "t.conf:5:45: error: streams.topology.x: where:1: unexpected symbol near ')'\n");
    expect(IN "x = { type = \"map\"; from = \"in\"; };\n" OUT,
           "t.conf:5:1: error: streams.topology.x: one of key, value and map is needed\n");
    expect(
        IN "x = { type = \"map\"; from = \"in\"; value = \"1\"; map = \"value = 1\"; };\n" OUT,
        "t.conf:5:53: error: streams.topology.x: map edits the record, value makes another; leave one of them out\n");
    expect(
        IN "x = { type = \"map\"; from = \"in\"; value = \"1\"; key_serde = \"int64\"; };\n" OUT,
        "t.conf:5:59: error: streams.topology.x: key_serde is for a new key, and there is no key expression\n");
    expect(IN "x = { type = \"transform\"; from = \"in\"; chain = [\"maskk\"]; };\n" OUT,
           "t.conf:5:49: error: chain: unknown transform 'maskk'; did you mean 'mask'?\n");
    expect(
        IN "x = { type = \"transform\"; from = \"in\"; chain = [\"to\"]; };\n" OUT,
        "t.conf:5:49: error: streams.topology.x: chain: 'to' (RegexRouter) chooses a topic; here a sink does: topic_by\n");
    expect(
        IN "x = { type = \"transform\"; from = \"in\"; chain = [\"mask\", \"many\"]; };\n" OUT,
        "t.conf:5:57: error: streams.topology.x: chain: 'many' (Lua) makes any number of records of each; here a node of type "
        "flat_map does\n");
    expect(IN "x = { type = \"process\"; from = \"in\"; script = \"nowhere.lua\"; };\n" OUT,
           "t.conf:5:47: error: streams.topology.x: nowhere.lua: No such file or directory\n");
    expect(
        IN
        "x = { type = \"process\"; from = \"in\"; script = \"conf/examples/streams-interval.lua\"; };\n" OUT,
        "t.conf:5:47: error: streams.topology.x: conf/examples/streams-interval.lua has a function punctuate, and nothing "
        "calls it: set punctuate_wall_clock or punctuate_stream_time\n");
}

static void sinks_and_sources(void **state)
{
    (void)state;
    expect(
        IN "out = { type = \"sink\"; from = \"in\"; topic_by = \"value.to\"; };\n",
        "t.conf:5:48: error: streams.topology.out: topic_by needs topic_allow: which topics may a record name? Such as "
        "topic_allow = [\"out[.].*\"]\n");
    expect(IN "out = { type = \"sink\"; from = \"in\"; };\n",
           "t.conf:5:1: error: streams.topology.out: one of topic and topic_by is needed\n");
    expect(
        IN "out = { type = \"sink\"; from = \"in\"; topic = \"a b\"; };\n",
        "t.conf:5:45: error: streams.topology: sink 'out': the topic name 'a b' holds a character other than a-z A-Z 0-9 . _ "
        "-\n");
    expect(
        "in = { type = \"source\"; pattern = \"(\"; };\n"
        "out = { type = \"sink\"; from = \"in\"; topic = \"out\"; };\n",
        "t.conf:4:35: error: streams.topology: source 'in': bad pattern: missing closing parenthesis at character 2 of \"(\"\n");
    expect(
        "in = { type = \"source\"; topics = [\"in\"]; timestamp_extractor = \"WallClockTimestampExtractor\"; };\n"
        "out = { type = \"sink\"; from = \"in\"; topic = \"out\"; };\n",
        "t.conf:4:64: error: streams.topology.in: timestamp_extractor: unknown extractor 'WallClockTimestampExtractor'; did "
        "you mean 'WallclockTimestampExtractor'?\n");
    expect(
        IN "two = { type = \"source\"; topics = [\"in\"]; };\n"
           "out = { type = \"sink\"; from = [\"in\", \"two\"]; topic = \"out\"; };\n",
        "t.conf:5:1: error: streams.topology.two: the topic 'in' is read by the source 'in' already; make both the children "
        "of one source\n");
    expect("",
           "t.conf:3:61: error: streams.topology: the topology has no source, so there is nothing to read\n");
}

static void nodes_that_send_nothing_on(void **state)
{
    (void)state;
    expect(IN "x = { type = \"print\"; from = \"in\"; };\n" OUT,
           "t.conf:6:32: error: streams.topology.out: from: 'x' is a print: it sends nothing on\n");
    expect(
        IN "x = { type = \"branch\"; from = \"in\"; branches = { a = \"true\"; }; };\n" OUT,
        "t.conf:6:32: error: streams.topology.out: from: 'x' is a branch: it only decides; name one of its branches\n");
    expect(IN "x = { type = \"branch\"; from = \"in\"; branches = { a = \"true\"; b = \"(\"; c = 5; }; };\n"
              "out = { type = \"sink\"; from = \"x-a\"; topic = \"out\"; };\n",
           "t.conf:5:66: error: streams.topology.x: b:1: unexpected symbol near ')'\n"
           "t.conf:5:75: error: streams.topology.x: branches.c: must be a Lua expression in quotes\n");
}

/* What is wrong with a transform is said once, where it is; the node that uses it is there for those behind it. */
static void a_chain_with_a_broken_transform(void **state)
{
    (void)state;
    expect_behind("transforms = { wrong = { type = \"Lua\"; where = \"value >\"; }; };\n"
                  "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\";\n"
                  "default_key_serde = \"string\"; default_value_serde = \"json\"; topology = {\n",
                  IN "x = { type = \"transform\"; from = \"in\"; chain = [\"wrong\"]; };\n" OUT,
                  "t.conf:1:48: error: transforms.wrong: where:1: unexpected symbol near ')'\n");
}

static void one_run_shows_them_all(void **state)
{
    (void)state;
    expect(
        "lost = { type = \"sink\"; from = \"nobody\"; topic = \"lost\"; };\n"
        "odd = { type = \"fliter\"; from = \"in\"; where = \"true\"; };\n"
        "after = { type = \"filter\"; from = \"odd\"; where = \"value >\"; };\n"
        "a = { type = \"merge\"; from = [\"in\", \"b\"]; };\n"
        "b = { type = \"filter\"; from = \"a\"; where = \"true\"; };\n"
        "in = { type = \"source\"; topics = [\"in\", \"in\"]; };\n"
        "out = { type = \"sink\"; from = \"after\"; topic = \"out\"; };\n",
        "t.conf:4:33: error: streams.topology.lost: from: unknown node 'nobody'\n"
        "t.conf:5:16: error: streams.topology.odd: unknown type 'fliter'; did you mean 'filter'?\n"
        "t.conf:6:50: error: streams.topology.after: where:1: unexpected symbol near ')'\n"
        "t.conf:7:1: error: streams.topology.a: cycle: a -> b -> a; a node must not lead back to itself, take one of these "
        "edges away\n"
        "t.conf:9:34: error: streams.topology: source 'in': the topic 'in' is listed twice\n");
}

static void nodes_may_name_later_ones(void **state)
{
    (void)state;
    struct cli_config config;
    cli_config_load(
        &config, "t.conf",
        HEAD
        "out = { type = \"sink\"; from = [\"x\", \"by-low\"]; topic = \"out\"; };\n"
        "x = { type = \"filter\"; from = \"by-high\"; where = \"true\"; };\n"
        "by = { type = \"branch\"; from = \"in\"; branches = { high = \"value > 9\"; low = \"value < 2\"; }; "
        "default = \"rest\"; };\n" IN TAIL,
        NULL, 0);
    T_CHECK(config.diags.count == 0 && config.streams.plan, "%zu complaints", config.diags.count);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    st_describe(config.streams.plan, out);
    fclose(out);
    /* As Kafka Streams prints stream("in").split(Named.as("by")).branch(…, Branched.as("-high"))…, but for the source's name. */
    assert_string_equal(text, "Topologies:\n"
                              "   Sub-topology: 0\n"
                              "    Source: in (topics: [in])\n"
                              "      --> by\n"
                              "    Processor: by (stores: [])\n"
                              "      --> by-high, by-low, by-rest\n"
                              "      <-- in\n"
                              "    Processor: by-high (stores: [])\n"
                              "      --> x\n"
                              "      <-- by\n"
                              "    Processor: by-low (stores: [])\n"
                              "      --> out\n"
                              "      <-- by\n"
                              "    Processor: x (stores: [])\n"
                              "      --> out\n"
                              "      <-- by-high\n"
                              "    Processor: by-rest (stores: [])\n"
                              "      --> none\n"
                              "      <-- by\n"
                              "    Sink: out (topic: out)\n"
                              "      <-- by-low, x\n"
                              "\n");
    free(text);
    cli_config_finish(&config);
}

static void a_file_needs_something_to_run(void **state)
{
    (void)state;
    struct cli_config config;
    cli_config_load(&config, "t.conf", "clusters = { a = { brokers = \"127.0.0.1:1\"; }; };\n", NULL, 0);
    assert_int_equal(config.diags.count, 1);
    assert_string_equal(
        config.diags.list[0].text,
        "configuration: there is nothing to run: the file has neither 'routes' nor 'streams'");
    cli_config_finish(&config);
}

static void open_wires_are_a_warning(void **state)
{
    (void)state;
    static const char *const properties[] = {"", "properties = [\"security.protocol=SSL\"];"};
    for (size_t i = 0; i < 2; i++) {
        struct cli_config config;
        char *text =
            t_printf("streams = { application_id = \"app\"; bootstrap_servers = \"k1.example.org:9092\"; %s\n"
                     "default_key_serde = \"bytes\"; default_value_serde = \"bytes\"; topology = {\n" IN
                     "out = { type = \"sink\"; from = \"in\"; topic = \"out\"; };\n" TAIL,
                     properties[i]);
        cli_config_load(&config, "t.conf", text, NULL, 0);
        assert_int_equal(config.diags.count, 1 - i);
        if (i == 0)
            assert_string_equal(config.diags.list[0].text,
                                "streams: traffic is not encrypted; say "
                                "\"security.protocol=SSL\" or SASL_SSL in properties");
        assert_int_equal(config.diags.errors, 0);
        cli_config_finish(&config);
        free(text);
    }
}

static void the_tables_are_sane(void **state)
{
    (void)state;
    assert_int_equal(opt_check_table(&st_node_table, stderr), 0);
    for (size_t i = 0; i < st_n_forms; i++) {
        struct opt_table table = st_form_options(st_forms[i]);
        assert_int_equal(opt_check_table(&table, stderr), 0);
        assert_ptr_equal(st_form_find(st_forms[i]->name), st_forms[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_line_and_caret),
        cmocka_unit_test(unknown_node),
        cmocka_unit_test(unknown_type),
        cmocka_unit_test(duplicate_name),
        cmocka_unit_test(cycle),
        cmocka_unit_test(unknown_store_and_other_options),
        cmocka_unit_test(missing_serde),
        cmocka_unit_test(serdes_that_do_not_fit),
        cmocka_unit_test(scripts_and_chains),
        cmocka_unit_test(sinks_and_sources),
        cmocka_unit_test(nodes_that_send_nothing_on),
        cmocka_unit_test(a_chain_with_a_broken_transform),
        cmocka_unit_test(one_run_shows_them_all),
        cmocka_unit_test(nodes_may_name_later_ones),
        cmocka_unit_test(a_file_needs_something_to_run),
        cmocka_unit_test(open_wires_are_a_warning),
        cmocka_unit_test(the_tables_are_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
