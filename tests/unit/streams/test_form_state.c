/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes in nodes that keep state: aggregations, tables, joins, suppress. Each is one located error with these words.
 */
#include "tests/unit/streams/form_world.h"

static void aggregations(void **state)
{
    (void)state;
    expect(
        IN "x = { type = \"aggregate\"; from = \"in\"; };\n" OUT,
        "t.conf:5:1: error: streams.topology.x: function, add or aggregator is needed: function = \"sum\" names what "
        "there is, add = \"...\" is a Lua expression, aggregator one of a plugin\n");
    expect(IN "x = { type = \"count\"; from = \"in\"; window = { type = \"tumbling\"; }; };\n" OUT,
           "t.conf:5:36: error: streams.topology.x: window: tumbling windows need size\n");
    expect(
        IN "x = { type = \"aggregate\"; from = \"in\"; add = \"1\"; window = { type = \"session\"; gap = "
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

static void a_sum_of_integers_keeps_its_result_and_can_be_joined(void **state)
{
    (void)state;
    expect(IN STREAM "a = { type = \"aggregate\"; from = \"s\"; function = \"sum\"; as = \"int64\"; };\n"
                     "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"a\"]; };\n" OUT,
           "");
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
        "t.conf:5:34: error: streams.topology.x: from: 'in' has no windows that could close: name a count, reduce, "
        "aggregate or cogroup with window, or set until = \"time_limit\"\n");
    expect(
        IN "x = { type = \"suppress\"; from = \"in\"; until = \"time_limit\"; limit = \"1s\"; };\n" OUT,
        "t.conf:5:34: error: streams.topology.x: from: 'in' is no table: what is held back are changes of rows; "
        "put a to_table in between\n");
    expect(TABLE "x = { type = \"suppress\"; from = \"t\"; until = \"time_limit\"; };\n" OUT,
           "t.conf:5:1: error: streams.topology.x: limit is needed: how long a change is held back\n");
    expect(
        IN "w = { type = \"count\"; from = \"in\"; emit = \"close\"; window = { type = \"tumbling\"; size "
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregations),
        cmocka_unit_test(tables),
        cmocka_unit_test(joins_with_a_table),
        cmocka_unit_test(a_sum_of_integers_keeps_its_result_and_can_be_joined),
        cmocka_unit_test(joins_of_streams_and_of_tables),
        cmocka_unit_test(suppress),
        cmocka_unit_test(views_of_tables),
        cmocka_unit_test(aggregations_of_tables),
        cmocka_unit_test(joins_behind_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
