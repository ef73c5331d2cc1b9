/* SPDX-License-Identifier: Apache-2.0
 *
 * join_tables with foreign_key: from lines of a configuration to rows of results, and its mistakes.
 */
#include "tests/unit/streams/form_run.h"

#define TABLES                                              \
    "orders = { type = \"table\"; topic = \"orders\"; };\n" \
    "customers = { type = \"table\"; topic = \"customers\"; };\n"
#define JOIN                                                                                          \
    "x = { type = \"join_tables\"; from = [\"orders\", \"customers\"]; foreign_key = \"value.of\";\n" \
    "join = \"{ n = left.n, name = right and right.name }\"; "

static void an_inner_join(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"orders", "o1", "{\"of\":\"c1\",\"n\":1}", 10, ""},
        {"customers", "c1", "{\"name\":\"Ann\"}", 12, "o1={\"n\":1,\"name\":\"Ann\"}@12"},
        {"orders", "o2", "{\"of\":\"c1\",\"n\":2}", 15, "o2={\"n\":2,\"name\":\"Ann\"}@15"},
        {"customers", "c2", "{\"name\":\"Bob\"}", 16, ""},
        {"orders", "o1", "{\"of\":\"c2\",\"n\":1}", 17, "o1={\"n\":1,\"name\":\"Bob\"}@17"},
        {"customers", "c1", "{\"name\":\"Anna\"}", 18, "o2={\"n\":2,\"name\":\"Anna\"}@18"},
        {"orders", "o1", "{\"n\":1}", 19, "o1=null@19"},
        {"orders", "o3", "{\"n\":3}", 20, ""},
        {"customers", "c1", NULL, 21, "o2=null@21"},
    };
    FORM_RUN(TABLES JOIN "};\n" OUT, steps);
}

static void a_left_join(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"orders", "o1", "{\"of\":\"c1\",\"n\":1}", 10, "o1={\"n\":1}@10"},
        {"customers", "c1", "{\"name\":\"Ann\"}", 12, "o1={\"n\":1,\"name\":\"Ann\"}@12"},
        {"orders", "o3", "{\"n\":3}", 20, "o3={\"n\":3}@20"},
        {"customers", "c1", NULL, 21, "o1={\"n\":1}@21"},
        {"orders", "o1", NULL, 22, "o1=null@22"},
    };
    FORM_RUN(TABLES JOIN "kind = \"left\"; };\n" OUT, steps);
}

/* Numbers on one side, text on the other; the result is text. */
static void each_table_has_serdes_of_its_own(void **state)
{
    (void)state;
    static const char lines[] =
        "orders = { type = \"table\"; topic = \"orders\"; };\n"
        "customers = { type = \"table\"; topic = \"customers\"; key_serde = \"int64\"; value_serde = "
        "\"string\"; };\n"
        "x = { type = \"join_tables\"; from = [\"orders\", \"customers\"]; foreign_key = \"value.of\";\n"
        "join = \"right .. '-' .. left.n\"; value_serde = \"string\"; };\n" OUT;
    static const char seven[] = {0, 0, 0, 0, 0, 0, 0, 7};
    struct form_run run;
    struct aq_err err = {0};
    form_run_open(&run, HEAD, lines, 3);
    const struct kc_sim_record customer = {
        .partition = -1, .key = {seven, sizeof(seven)}, .value = AQ_LIT("Ann"), .timestamp = 1};
    assert_int_equal(st_driver_pipe(run.driver, "customers", &customer, &err), 0);
    static const struct form_step order[] = {{"orders", "o1", "{\"of\":7,\"n\":1}", 2, "o1=Ann-1@2"}};
    form_take(&run, order, 1);
    form_run_close(&run);
}

/* Who is whose manager: both sides are one table. */
static void a_table_with_itself(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"people", "eve", "{\"name\":\"Eve\"}", 1, ""},
        {"people", "tom", "{\"name\":\"Tom\",\"boss\":\"eve\"}", 2, "tom={\"of\":\"Eve\"}@2"},
        {"people", "eve", "{\"name\":\"Eva\"}", 3, "tom={\"of\":\"Eva\"}@3"},
    };
    FORM_RUN("people = { type = \"table\"; topic = \"people\"; };\n"
             "x = { type = \"join_tables\"; from = [\"people\", \"people\"]; foreign_key = \"value.boss\";\n"
             "join = \"{ of = right.name }\"; };\n" OUT,
             steps);
}

/* Results that are kept can be joined again: there and back between the same two tables. */
static void results_are_a_table(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"customers", "c1", "{\"name\":\"Ann\"}", 1, ""},
        {"customers", "c2", "{\"name\":\"Bob\"}", 2, ""},
        {"orders", "o1", "{\"of\":\"c1\",\"to\":\"c2\"}", 3, "o1={\"by\":\"Ann\",\"for\":\"Bob\"}@3"},
        {"customers", "c2", "{\"name\":\"Rob\"}", 4, "o1={\"by\":\"Ann\",\"for\":\"Rob\"}@4"},
        {"customers", "c1", "{\"name\":\"Anna\"}", 5, "o1={\"by\":\"Anna\",\"for\":\"Rob\"}@5"},
        {"orders", "o1", NULL, 6, "o1=null@6"},
    };
    FORM_RUN(
        TABLES
        "by = { type = \"join_tables\"; from = [\"orders\", \"customers\"]; foreign_key = \"value.of\";\n"
        "join = \"{ name = right.name, to = left.to }\"; store = \"by\"; };\n"
        "x = { type = \"join_tables\"; from = [\"by\", \"customers\"]; foreign_key = \"value.to\";\n"
        "join = \"{ by = left.name, ['for'] = right.name }\"; };\n" OUT,
        steps);
}

static void topics_are_named_after_the_node(void **state)
{
    (void)state;
    struct form_run run;
    form_run_open(&run, HEAD, TABLES JOIN "};\n" OUT, 1);
    const struct st_topology *topology = run.config.streams.topology;
    const struct st_node *there = st_find_node(topology, "x-subscription-registration"),
                         *back = st_find_node(topology, "x-subscription-response");
    assert_true(there && back);
    assert_string_equal(there->topic, "app-x-subscription-registration-repartition");
    assert_string_equal(back->topic, "app-x-subscription-response-repartition");
    form_run_close(&run);
}

static void mistakes(void **state)
{
    (void)state;
    expect(
        TABLES JOIN "kind = \"outer\"; };\n" OUT,
        "t.conf:7:62: error: streams.topology.x: kind: by a foreign key a join is inner or left: a right row that "
        "nobody names has no key for its result\n");
    expect(TABLES
           "x = { type = \"join_tables\"; from = [\"orders\", \"customers\"]; join = \"left\"; foreign_key = "
           "\"value.\"; };\n" OUT,
           "t.conf:6:90: error: streams.topology.x: foreign_key:1: <name> expected near ')'\n");
    expect(
        TABLES
        "x = { type = \"join_tables\"; from = [\"orders\", \"customers\"]; join = \"left\"; foreignkey = "
        "\"value.of\"; };\n" OUT,
        "t.conf:6:76: error: streams.topology.x: unknown option 'foreignkey'; did you mean 'foreign_key'?\n");
    expect(
        IN TABLES "x = { type = \"join_tables\"; from = [\"orders\", \"in\"]; join = \"left\"; foreign_key = "
                  "\"value.of\"; };\n" OUT,
        "t.conf:7:47: error: streams.topology.x: from: 'in' is no table: put a to_table behind it, or join it as a "
        "stream by join_streams\n");
}

static char *aggregation_of(const char *table)
{
    return t_printf(
        "s = { type = \"aggregate\"; from = \"%s\"; function = \"count\"; by = \"value.name\"; };\n"
        "out = { type = \"sink\"; from = \"s\"; topic = \"out\"; };\n",
        table);
}

/* A change of such a result says what it became, and not what it was. */
static void results_are_grouped_only_when_they_are_kept(void **state)
{
    (void)state;
    static const char lines[] = TABLES JOIN "};\n";
    char *direct = aggregation_of("x"), *by_view = aggregation_of("v");
    char *one = t_printf("%s%s", lines, direct);
    expect(
        one,
        "t.conf:8:35: error: streams.topology.s: from: the table 'x' does not know what its rows were before: give "
        "it a store\n");
    char *two = t_printf("%sv = { type = \"filter\"; from = \"x\"; where = \"true\"; };\n%s", lines, by_view);
    expect(
        two,
        "t.conf:9:35: error: streams.topology.s: from: the table 'v' does not know what its rows were before: give "
        "it a store\n");
    char *kept =
        t_printf("%sv = { type = \"filter\"; from = \"x\"; where = \"true\"; store = \"rows\"; };\n%s", lines,
                 by_view);
    expect(kept, "");
    free(kept);
    free(two);
    free(one);
    free(by_view);
    free(direct);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inner_join),
        cmocka_unit_test(a_left_join),
        cmocka_unit_test(each_table_has_serdes_of_its_own),
        cmocka_unit_test(a_table_with_itself),
        cmocka_unit_test(results_are_a_table),
        cmocka_unit_test(topics_are_named_after_the_node),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(results_are_grouped_only_when_they_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
