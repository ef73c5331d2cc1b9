/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of global tables: what is wrong with a group, told at its place.
 */
#include "tests/unit/streams/form_world.h"

#define G     "g = { type = \"global_table\"; topic = \"g\"; };\n"
#define TABLE "t = { type = \"table\"; topic = \"t\"; };\n"
#define JOIN  "join = \"right\"; "
#define X     "x = { type = \"join_global\"; " JOIN

static void good_ones(void **state)
{
    (void)state;
    expect(IN G X "from = [\"in\", \"g\"]; };\n" OUT, "");
    expect(IN G X "from = [\"in\", \"g\"]; kind = \"left\"; key = \"value.customer\"; };\n" OUT, "");
    /* No count of partitions has to fit, so a changed key needs no repartition. */
    expect(IN G "k = { type = \"select_key\"; from = \"in\"; key = \"1\"; };\n" X
                "from = [\"k\", \"g\"]; };\n" OUT,
           "");
    /* Keys that are not looked up need not be alike. */
    expect(IN "g = { type = \"global_table\"; topic = \"g\"; key_serde = \"int64\"; };\n" X
              "from = [\"in\", \"g\"]; key = \"value.n\"; };\n" OUT,
           "");
    /* It may stand behind those that name it. */
    expect(X "from = [\"in\", \"g\"]; };\n" OUT IN G, "");
}

static void a_table_of_one_topic(void **state)
{
    (void)state;
    expect("g = { type = \"global_table\"; };\n" IN X "from = [\"in\", \"g\"]; };\n" OUT,
           "t.conf:4:1: error: streams.topology.g: required option 'topic' is missing\n");
    expect(
        IN "g = { type = \"global_table\"; topic = \"a b\"; };\n" X "from = [\"in\", \"g\"]; };\n" OUT,
        "t.conf:5:38: error: streams.topology: global table 'g': the topic name 'a b' holds a character other than "
        "a-z A-Z 0-9 . _ -\n");
    expect(
        IN "g = { type = \"global_table\"; topic = \"g\"; store = \"s\"; };\n" X
           "from = [\"in\", \"g\"]; };\n" OUT,
        "t.conf:5:43: error: streams.topology.g: option 'store' is not supported: A global table is held in memory and needs no store: its "
        "topic is all there is to keep.\n");
    expect(
        IN "g = { type = \"global_table\"; topic = \"in\"; };\n" X "from = [\"in\", \"g\"]; };\n" OUT,
        "t.conf:5:1: error: streams.topology.g: the topic 'in' is read by the source 'in' already; a global table "
        "has its topic for itself\n");
    expect(
        IN G "x = { type = \"peek\"; from = \"in\"; run = \"local a = 1\"; };\n" OUT,
        "t.conf:5:1: warning: streams.topology.g: nothing looks into it, and its topic is held in memory all the "
        "same\n");
    expect(
        IN "g = { type = \"global_tabel\"; topic = \"g\"; };\n" X "from = [\"in\", \"g\"]; };\n" OUT,
        "t.conf:5:14: error: streams.topology.g: unknown type 'global_tabel'; did you mean 'global_table'?\n");
}

static void only_joins_name_it(void **state)
{
    (void)state;
    expect(
        IN G "y = { type = \"join_global\"; " JOIN "from = [\"in\", \"g\"]; };\n"
             "x = { type = \"filter\"; from = [\"y\", \"g\"]; where = \"true\"; };\n" OUT,
        "t.conf:7:37: error: streams.topology: processor 'x': the global table 'g' cannot be a parent: its changes "
        "give no records, they are looked up by joins\n");
    expect(
        IN G X "from = [\"g\", \"g\"]; };\n" OUT,
        "t.conf:6:53: error: streams.topology.x: from: 'g' is a global table, and a stream is needed: that comes "
        "first\n");
    expect(
        IN G TABLE "x = { type = \"join_table\"; " JOIN "from = [\"in\", \"g\"]; };\n" OUT,
        "t.conf:7:58: error: streams.topology.x: from: 'g' is a global table, which join_global joins with a "
        "stream\n");
}

static void joins(void **state)
{
    (void)state;
    expect(
        IN TABLE X "from = [\"in\", \"t\"]; };\n" OUT,
        "t.conf:6:59: error: streams.topology.x: from: 't' is no global table: join_table joins it, or make its "
        "type global_table\n");
    expect(
        IN G "s = { type = \"source\"; topics = [\"s\"]; };\n" X "from = [\"in\", \"s\"]; };\n" OUT,
        "t.conf:7:59: error: streams.topology.x: from: 's' is no global table: join_global joins a stream with "
        "one, in this order\n");
    expect(IN G X "from = [\"inn\", \"g\"]; };\n" OUT,
           "t.conf:6:53: error: streams.topology.x: from: unknown node 'inn'; did you mean 'in'?\n");
    expect(
        IN G X "from = \"in\"; };\n" OUT,
        "t.conf:6:52: error: streams.topology.x: from: a join is of two nodes, the left and the right one, not of "
        "1\n");
    expect(IN G X "from = [\"in\", \"g\"]; key = \"value.\"; };\n" OUT,
           "t.conf:6:71: error: streams.topology.x: key:1: <name> expected near ')'\n");
    expect(IN G "x = { type = \"join_global\"; from = [\"in\", \"g\"]; };\n" OUT,
           "t.conf:6:1: error: streams.topology.x: required option 'join' is missing\n");
    expect(
        IN G X "from = [\"in\", \"g\"]; grace = \"1s\"; };\n" OUT,
        "t.conf:6:65: error: streams.topology.x: option 'grace' is not supported: A global table keeps no time with the streams, so there is "
        "nothing to wait for; join_table has grace.\n");
    expect(
        IN "g = { type = \"global_table\"; topic = \"g\"; key_serde = \"int64\"; };\n" X
           "from = [\"in\", \"g\"]; };\n" OUT,
        "t.conf:6:52: error: streams.topology.x: from: the keys of 'in' are string and those of 'g' int64; they "
        "never meet: give both the same key_serde\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(a_table_of_one_topic),
        cmocka_unit_test(only_joins_name_it),
        cmocka_unit_test(joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
