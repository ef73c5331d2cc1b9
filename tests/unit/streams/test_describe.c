/* SPDX-License-Identifier: Apache-2.0
 *
 * The description in Kafka Streams' form, byte for byte.
 */
#include "streams/topology/describe.h"

#include "tests/unit/streams/st_render.h"

static void a_topology_with_a_repartition_and_a_store(void **state)
{
    (void)state;
    expect_text(orders_topology(), st_describe,
                "Topologies:\n"
                "   Sub-topology: 0\n"
                "    Source: orders (topics: [orders])\n"
                "      --> by-customer\n"
                "    Processor: by-customer (stores: [])\n"
                "      --> rekeyed-sink\n"
                "      <-- orders\n"
                "    Sink: rekeyed-sink (topic: app-rekeyed-repartition)\n"
                "      <-- by-customer\n"
                "\n"
                "  Sub-topology: 1\n"
                "    Source: rekeyed-source (topics: [app-rekeyed-repartition])\n"
                "      --> totals\n"
                "    Processor: totals (stores: [totals])\n"
                "      --> out\n"
                "      <-- rekeyed-source\n"
                "    Sink: out (topic: totals-per-customer)\n"
                "      <-- totals\n"
                "\n");
}

static void global_tables_come_behind_the_sub_topologies(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    global_table(t, "customers", "people", "");
    source(t, "orders", "orders");
    processor(t, "named", &filter_kind, "orders");
    sink(t, "out", "named-orders", "named");
    global_table(t, "places", "places", "named");
    expect_text(t, st_describe,
                "Topologies:\n"
                "   Sub-topology: 0\n"
                "    Source: orders (topics: [orders])\n"
                "      --> named\n"
                "    Processor: named (stores: [])\n"
                "      --> out\n"
                "      <-- orders\n"
                "    Sink: out (topic: named-orders)\n"
                "      <-- named\n"
                "\n"
                "  Sub-topology: 1 for global store (will not generate tasks)\n"
                "    Source: customers-source (topics: [people])\n"
                "      --> customers\n"
                "    Processor: customers (stores: [customers])\n"
                "      --> none\n"
                "      <-- customers-source\n"
                "  Sub-topology: 2 for global store (will not generate tasks)\n"
                "    Source: places-source (topics: [places])\n"
                "      --> places\n"
                "    Processor: places (stores: [places])\n"
                "      --> none\n"
                "      <-- places-source\n");
}

static void several_topics_patterns_and_sinks_by_value(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "named", "b a");
    source(t, "matched", "^eu[.](x|y)");
    processor(t, "p", &filter_kind, "named matched");
    store(t, "s2", "p");
    store(t, "s1", "p");
    sink(t, "anywhere", ST_BY_VALUE, "p");
    source(t, "unused", "c");
    expect_text(t, st_describe,
                "Topologies:\n"
                "   Sub-topology: 0\n"
                "    Source: matched (topics: eu[.](x|y))\n"
                "      --> p\n"
                "    Source: named (topics: [b, a])\n"
                "      --> p\n"
                "    Processor: p (stores: [s2, s1])\n"
                "      --> anywhere\n"
                "      <-- matched, named\n"
                "    Sink: anywhere (extractor class: by value)\n"
                "      <-- p\n"
                "\n"
                "  Sub-topology: 1\n"
                "    Source: unused (topics: [c])\n"
                "      --> none\n"
                "\n");
}

/* The longer branch comes first, whatever its name and whenever it was added. */
static void nodes_come_by_the_ways_that_lead_down_from_them(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    processor(t, "a", &filter_kind, "in");
    processor(t, "z", &filter_kind, "in");
    processor(t, "m", &filter_kind, "z");
    sink(t, "out", "out", "a m");
    sink(t, "b", "b", "m");
    expect_text(t, st_describe,
                "Topologies:\n"
                "   Sub-topology: 0\n"
                "    Source: in (topics: [in])\n"
                "      --> z, a\n"
                "    Processor: z (stores: [])\n"
                "      --> m\n"
                "      <-- in\n"
                "    Processor: m (stores: [])\n"
                "      --> b, out\n"
                "      <-- z\n"
                "    Processor: a (stores: [])\n"
                "      --> out\n"
                "      <-- in\n"
                "    Sink: b (topic: b)\n"
                "      <-- m\n"
                "    Sink: out (topic: out)\n"
                "      <-- m, a\n"
                "\n");
}

/* 80 diamonds in a row: 2^80 ways, and the text is still finished and in order. */
static void more_ways_than_a_number_holds(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "d000", "in");
    char name[16], from[32];
    for (int i = 1; i <= 80; i++) {
        snprintf(from, sizeof(from), "d%03d", i - 1);
        snprintf(name, sizeof(name), "l%03d", i);
        processor(t, name, &filter_kind, from);
        snprintf(name, sizeof(name), "r%03d", i);
        processor(t, name, &filter_kind, from);
        snprintf(from, sizeof(from), "l%03d r%03d", i, i);
        snprintf(name, sizeof(name), "d%03d", i);
        processor(t, name, &filter_kind, from);
    }
    struct aq_err err = {0};
    struct st_plan *plan = st_plan_create(t, &err);
    char *text = text_of(plan, st_describe);
    const char *first = strstr(text, "    Source: d000"), *late = strstr(text, "    Processor: d079 ");
    const char *last = strstr(text, "    Processor: d080 ");
    assert_true(first && late && last && first < late && late < last);
    assert_string_equal(last, "    Processor: d080 (stores: [])\n      --> none\n      <-- l080, r080\n\n");
    free(text);
    st_plan_destroy(plan);
    st_topology_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topology_with_a_repartition_and_a_store),
        cmocka_unit_test(global_tables_come_behind_the_sub_topologies),
        cmocka_unit_test(several_topics_patterns_and_sinks_by_value),
        cmocka_unit_test(nodes_come_by_the_ways_that_lead_down_from_them),
        cmocka_unit_test(more_ways_than_a_number_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
