/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes in a topology: each is one located error with these words, all of them in one run; and what a topology without any
 * becomes.
 */
#include "cli/config.h"
#include "streams/describe.h"

#include "tests/lib/check.h"

/* What stands in front of the lines of a topology; they begin in line 4. */
#define HEAD                                                                                                            \
    "transforms = { mask = { type = \"MaskField\"; fields = [\"a\"]; }; to = { type = \"RegexRouter\"; regex = \"a\"; " \
    "replacement = \"b\"; }; many = { type = \"Lua\"; flat_map = \"value.a\"; }; };\n"                                  \
    "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\";\n"                                      \
    "default_key_serde = \"string\"; default_value_serde = \"json\"; topology = {\n"
#define TAIL "}; };\n"
#define IN   "in = { type = \"source\"; topics = [\"in\"]; };\n"
#define OUT  "out = { type = \"sink\"; from = \"x\"; topic = \"out\"; };\n"

static char *printed(const struct conf_diags *diags)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    conf_diags_print(diags, out);
    fclose(out);
    return text;
}

/* Loads the lines behind the head and returns all complaints as text; the caller frees it. */
static char *complaints_behind(const char *head, const char *lines)
{
    struct cli_config config;
    char *text = t_printf("%s%s" TAIL, head, lines);
    cli_config_load(&config, "t.conf", text, NULL, 0);
    free(text);
    char *said = printed(&config.diags);
    cli_config_finish(&config);
    return said;
}

static char *complaints(const char *lines)
{
    return complaints_behind(HEAD, lines);
}

/* Exactly this is said, place and all, but for the source lines. */
static void expect_behind(const char *head, const char *lines, const char *expected)
{
    char *said = complaints_behind(head, lines), *short_of_lines = t_printf("%s", said),
         *end = short_of_lines;
    for (char *line = said; *line;) {
        size_t len = strcspn(line, "\n") + 1;
        if (*line != ' ') {
            memcpy(end, line, len);
            end += len;
        }
        line += len;
    }
    *end = '\0';
    T_CHECK(strcmp(short_of_lines, expected) == 0, "%s\nis not\n%s", short_of_lines, expected);
    free(said);
    free(short_of_lines);
}

static void expect(const char *lines, const char *expected)
{
    expect_behind(HEAD, lines, expected);
}

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

static void aggregations(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"aggregate\"; from = \"in\"; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: function or add is needed: function = \"sum\" names what there is, add "
        "= \"...\" is a Lua expression\n");
    expect(IN "x = { type = \"count\"; from = \"in\"; window = { type = \"tumbling\"; }; };\n" OUT,
           "t.conf:5:36: error: streams.topology.x: window: tumbling windows need size_ms\n");
    expect(
        IN "x = { type = \"aggregate\"; from = \"in\"; add = \"1\"; window = { type = \"session\"; gap_ms = "
           "\"1m\"; }; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: merge is needed: a record between two sessions makes them one, and "
        "merge = \"...\" says what becomes of their rows a and b\n");
    expect(IN "x = { type = \"count\"; from = \"in\"; by_serde = \"string\"; };\n" OUT,
           "t.conf:5:47: error: streams.topology.x: by_serde is for a new key, and there is no by\n");
    expect(IN "x = { type = \"count\"; from = \"in\"; by = \"(\"; };\n" OUT,
           "t.conf:5:41: error: streams.topology.x: by:1: unexpected symbol near ')'\n");
    expect(
        IN
        "x = { type = \"count\"; from = \"in\"; };\ny = { type = \"count\"; from = \"in\"; store = \"x\"; };\n" OUT,
        "t.conf:6:44: error: streams.topology: store 'x': there is a store of this name already\n");
    expect(
        IN "k = { type = \"select_key\"; from = \"in\"; key = \"1\"; key_serde = \"string\"; };\n"
           "x = { type = \"count\"; from = \"k\"; };\n" OUT,
        "t.conf:6:1: error: streams.topology.x: aggregate needs all records of a key in one partition, but 'k' "
        "(select_key) in front of it changes the key; put a repartition between them\n");
}

#define TABLE  "t = { type = \"table\"; topic = \"t\"; };\n"
#define STREAM "s = { type = \"source\"; topics = [\"s\"]; };\n"
#define JOIN   "join = \"left\"; "

static void tables(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"table\"; topics = [\"t\"]; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: required option 'topic' is missing\n"
        "t.conf:5:23: error: streams.topology.x: option 'topics' is not supported: A table is of one topic: topic "
        "= \"…\".\n");
    expect(
        IN "x = { type = \"table\"; topic = \"in\"; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: the topic 'in' is read by the source 'in' already; make both the "
        "children of one source\n");
    expect(
        IN "k = { type = \"select_key\"; from = \"in\"; key = \"1\"; };\n"
           "x = { type = \"to_table\"; from = \"k\"; };\n" OUT,
        "t.conf:6:1: error: streams.topology.x: table needs all records of a key in one partition, but 'k' "
        "(select_key) in front of it changes the key; put a repartition between them\n");
    expect(IN "x = { type = \"to_table\"; from = \"in\"; };\ny = { type = \"to_table\"; from = \"in\"; "
              "store = \"x\"; };\n" OUT,
           "t.conf:6:47: error: streams.topology: store 'x': there is a store of this name already\n");
    expect(IN "x = { type = \"to_stream\"; from = \"inn\"; };\n" OUT,
           "t.conf:5:35: error: streams.topology.x: from: unknown node 'inn'; did you mean 'in'?\n");
}

static void joins_with_a_table(void **state)
{
    (void)state;
    expect(
        IN STREAM "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"s\"]; };\n" OUT,
        "t.conf:6:57: error: streams.topology.x: from: 's' is no table: put a to_table behind it, or join it as a "
        "stream by join_streams\n");
    expect(
        IN TABLE "x = { type = \"join_table\"; " JOIN "from = [\"t\", \"t\"]; };\n" OUT,
        "t.conf:6:51: error: streams.topology.x: from: 't' is a table, and a stream is needed: put a to_stream "
        "behind it to join its changes, or use join_tables\n");
    expect(
        IN TABLE "x = { type = \"join_table\"; " JOIN "from = \"in\"; };\n" OUT,
        "t.conf:6:50: error: streams.topology.x: from: a join is of two nodes, the left and the right one, not of "
        "1\n");
    expect(IN TABLE "x = { type = \"join_table\"; from = [\"in\", \"t\"]; join = \"left +\"; };\n" OUT,
           "t.conf:6:55: error: streams.topology.x: join:1: unexpected symbol near ')'\n");
    expect(
        IN TABLE "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"t\"]; grace = \"1s\"; };\n" OUT,
        "t.conf:6:71: error: streams.topology.x: grace: the table 't' has to know what its rows were so long ago: set "
        "history there, to no less than this\n");
    expect(
        IN "t = { type = \"table\"; topic = \"t\"; key_serde = \"int64\"; };\n"
           "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"t\"]; };\n" OUT,
        "t.conf:6:50: error: streams.topology.x: from: the keys of 'in' are string and those of 't' int64; they never "
        "meet: give both the same key_serde\n");
    expect(
        IN TABLE "k = { type = \"select_key\"; from = \"in\"; key = \"1\"; };\n"
                 "x = { type = \"join_table\"; " JOIN "from = [\"k\", \"t\"]; };\n" OUT,
        "t.conf:7:1: error: streams.topology.x: join needs all records of a key in one partition, but 'k' (select_key) "
        "in front of it changes the key; put a repartition between them\n");
    expect(
        IN STREAM "a = { type = \"aggregate\"; from = \"s\"; function = \"avg\"; };\n"
                  "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"a\"]; };\n" OUT,
        "t.conf:7:57: error: streams.topology.x: from: 'a' does not keep its rows, so they cannot be looked up: its "
        "store has what its rows are made of; put a to_table behind it\n");
}

static void joins_of_streams_and_of_tables(void **state)
{
    (void)state;
    expect(
        IN STREAM "x = { type = \"join_streams\"; " JOIN "from = [\"in\", \"s\"]; };\n" OUT,
        "t.conf:6:1: error: streams.topology.x: within is needed, or before and after: how far the times of two "
        "records may be apart\n");
    expect(
        IN STREAM "x = { type = \"join_streams\"; " JOIN
                  "from = [\"in\", \"s\"]; within = \"1s\"; after = \"1s\"; };\n" OUT,
        "t.conf:6:74: error: streams.topology.x: within: it says before and after in one; leave one or the other "
        "out\n");
    expect(
        IN TABLE "x = { type = \"join_streams\"; " JOIN "from = [\"in\", \"t\"]; within = \"1s\"; };\n" OUT,
        "t.conf:6:59: error: streams.topology.x: from: 't' is a table, and a stream is needed: put a to_stream "
        "behind it to join its changes, or use join_tables\n");
    expect(
        IN TABLE "x = { type = \"join_tables\"; " JOIN "from = [\"t\", \"in\"]; };\n" OUT,
        "t.conf:6:57: error: streams.topology.x: from: 'in' is no table: put a to_table behind it, or join it as a "
        "stream by join_streams\n");
    expect(
        TABLE "u = { type = \"table\"; topic = \"u\"; };\n"
              "j = { type = \"join_tables\"; " JOIN "from = [\"t\", \"u\"]; };\n"
              "x = { type = \"join_tables\"; " JOIN "from = [\"j\", \"u\"]; };\n" OUT,
        "t.conf:7:52: error: streams.topology.x: from: 'j' does not keep its rows, so they cannot be looked up: set "
        "store there\n");
}

static void suppress(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"suppress\"; from = \"in\"; until = \"window_closes\"; };\n" OUT,
        "t.conf:5:34: error: streams.topology.x: from: 'in' has no windows that could close: name a count, reduce "
        "or aggregate with window, or set until = \"time_limit\"\n");
    expect(
        IN "x = { type = \"suppress\"; from = \"in\"; until = \"time_limit\"; limit = \"1s\"; };\n" OUT,
        "t.conf:5:34: error: streams.topology.x: from: 'in' is no table: what is held back are changes of rows; "
        "put a to_table in between\n");
    expect(TABLE "x = { type = \"suppress\"; from = \"t\"; until = \"time_limit\"; };\n" OUT,
           "t.conf:5:1: error: streams.topology.x: limit is needed: how long a change is held back\n");
    expect(
        IN "w = { type = \"count\"; from = \"in\"; emit = \"close\"; window = { type = \"tumbling\"; size_ms "
           "= \"1m\"; }; };\n"
           "x = { type = \"suppress\"; from = \"w\"; until = \"window_closes\"; };\n" OUT,
        "t.conf:6:34: error: streams.topology.x: from: 'w' has emit = \"close\", so its results are final already: "
        "leave that or this node out\n");
    expect(
        TABLE "x = { type = \"suppress\"; from = \"t\"; until = \"time_limit\"; limit = \"1s\"; "
              "when_full = \"emit_early\"; };\n" OUT,
        "t.conf:5:86: error: streams.topology.x: when_full: nothing is ever full without max_records or max_bytes\n");
}

static void views_of_tables(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"filter\"; from = \"in\"; where = \"true\"; store = \"x\"; };\n" OUT,
        "t.conf:5:61: error: streams.topology.x: store: only a table has rows to keep; put a to_table in front\n");
    expect(
        TABLE "u = { type = \"table\"; topic = \"u\"; };\n"
              "f = { type = \"filter\"; from = \"t\"; where = \"true\"; };\n"
              "x = { type = \"join_tables\"; " JOIN "from = [\"f\", \"u\"]; };\n" OUT,
        "t.conf:7:52: error: streams.topology.x: from: 'f' does not keep its rows, so they cannot be looked up: set "
        "store there\n");
    expect(TABLE "x = { type = \"map_values\"; from = \"t\"; value = \"1\"; store = \"t\"; };\n" OUT,
           "t.conf:5:61: error: streams.topology: store 't': there is a store of this name already\n");
}

static void aggregations_of_tables(void **state)
{
    (void)state;
    expect(
        TABLE "x = { type = \"count\"; from = \"t\"; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: by is needed: the rows of a table are grouped by another key than "
        "their own; put a to_stream in front to aggregate their changes\n");
    expect(
        TABLE
        "x = { type = \"count\"; from = \"t\"; by = \"value\"; window = { type = \"tumbling\"; size_ms = "
        "\"1m\"; }; };\n" OUT,
        "t.conf:5:58: error: streams.topology.x: window: the rows of a table are in no window; put a to_stream in "
        "front to aggregate their changes\n");
    expect(
        TABLE "x = { type = \"aggregate\"; from = \"t\"; by = \"value\"; function = \"max\"; };\n" OUT,
        "t.conf:5:64: error: streams.topology.x: max cannot aggregate a table, whose rows leave their groups again: "
        "it keeps the largest only, and when that leaves it does not know what comes next\n");
    expect(
        TABLE "x = { type = \"count\"; from = \"t\"; by = \"value\"; by_serde = \"strng\"; };\n" OUT,
        "t.conf:5:60: error: streams.topology.x: by_serde: there is no serde 'strng'; did you mean 'string'?\n");
}

/* Nodes that are made when their parents are there: one of them that is not, or is a mistake itself. */
static void joins_behind_mistakes(void **state)
{
    (void)state;
    expect(IN TABLE "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"tt\"]; };\n"
                    "y = { type = \"join_table\"; " JOIN "from = [\"x\", \"t\"]; };\n" OUT,
           "t.conf:6:57: error: streams.topology.x: from: unknown node 'tt'\n");
    expect(
        IN "t = { type = \"table\"; topic = \"a b\"; };\n"
           "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"t\"]; };\n" OUT,
        "t.conf:5:31: error: streams.topology: source 't-source': the topic name 'a b' holds a character other than "
        "a-z A-Z 0-9 . _ -\n");
    expect(
        IN TABLE "x = { type = \"join_table\"; " JOIN "from = [\"y\", \"t\"]; };\n"
                 "y = { type = \"join_table\"; " JOIN "from = [\"x\", \"t\"]; };\n" OUT,
        "t.conf:6:1: error: streams.topology.x: cycle: x -> y -> x; a node must not lead back to itself, take one of "
        "these edges away\n");
    expect(IN TABLE "p = { type = \"print\"; from = \"in\"; };\n"
                    "x = { type = \"join_table\"; " JOIN "from = [\"p\", \"t\"]; };\n" OUT,
           "t.conf:7:51: error: streams.topology.x: from: 'p' is a print: it sends nothing on\n");
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
        cmocka_unit_test(aggregations),
        cmocka_unit_test(tables),
        cmocka_unit_test(joins_with_a_table),
        cmocka_unit_test(joins_of_streams_and_of_tables),
        cmocka_unit_test(suppress),
        cmocka_unit_test(views_of_tables),
        cmocka_unit_test(aggregations_of_tables),
        cmocka_unit_test(joins_behind_mistakes),
        cmocka_unit_test(one_run_shows_them_all),
        cmocka_unit_test(nodes_may_name_later_ones),
        cmocka_unit_test(a_file_needs_something_to_run),
        cmocka_unit_test(open_wires_are_a_warning),
        cmocka_unit_test(the_tables_are_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
