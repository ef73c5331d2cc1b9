/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures in DOT and Mermaid, byte for byte, and texts that would break either language if they were not escaped.
 */
#include "streams/topology/graph.h"

#include "tests/unit/streams/st_render.h"

static void graphviz_shows_clusters_topics_and_stores(void **state)
{
    (void)state;
    expect_text(orders_topology(), st_graph_dot,
                "digraph \"app\" {\n"
                "    rankdir=LR;\n"
                "    node [shape=box];\n"
                "    t0 [label=\"orders\", shape=cds];\n"
                "    t1 [label=\"app-rekeyed-repartition\", shape=cds, style=filled, fillcolor=lightgrey];\n"
                "    t2 [label=\"totals-per-customer\", shape=cds];\n"
                "    subgraph cluster_0 {\n"
                "        label=\"Sub-topology 0: orders\";\n"
                "        n0 [label=\"orders\", style=rounded];\n"
                "        n1 [label=\"by-customer\\nmap\"];\n"
                "        n2 [label=\"rekeyed-sink\", style=rounded];\n"
                "        n0 -> n1;\n"
                "        n1 -> n2;\n"
                "    }\n"
                "    subgraph cluster_1 {\n"
                "        label=\"Sub-topology 1: rekeyed\";\n"
                "        n3 [label=\"rekeyed-source\", style=rounded];\n"
                "        n4 [label=\"totals\\ncount\"];\n"
                "        n5 [label=\"out\", style=rounded];\n"
                "        s0 [label=\"totals\", shape=cylinder];\n"
                "        n3 -> n4;\n"
                "        n4 -> n5;\n"
                "        n4 -> s0 [dir=none, style=dashed];\n"
                "    }\n"
                "    t0 -> n0;\n"
                "    n2 -> t1;\n"
                "    t1 -> n3;\n"
                "    n5 -> t2;\n"
                "}\n");
}

static void mermaid_shows_clusters_topics_and_stores(void **state)
{
    (void)state;
    expect_text(orders_topology(), st_graph_mermaid,
                "flowchart LR\n"
                "    t0>\"orders\"]\n"
                "    t1>\"app-rekeyed-repartition\"]:::internal\n"
                "    t2>\"totals-per-customer\"]\n"
                "    subgraph c0[\"Sub-topology 0: orders\"]\n"
                "        n0([\"orders\"])\n"
                "        n1[\"by-customer<br/>map\"]\n"
                "        n2([\"rekeyed-sink\"])\n"
                "        n0 --> n1\n"
                "        n1 --> n2\n"
                "    end\n"
                "    subgraph c1[\"Sub-topology 1: rekeyed\"]\n"
                "        n3([\"rekeyed-source\"])\n"
                "        n4[\"totals<br/>count\"]\n"
                "        n5([\"out\"])\n"
                "        s0[(\"totals\")]\n"
                "        n3 --> n4\n"
                "        n4 --> n5\n"
                "        n4 -.- s0\n"
                "    end\n"
                "    t0 --> n0\n"
                "    n2 --> t1\n"
                "    t1 --> n3\n"
                "    n5 --> t2\n"
                "    classDef internal fill:#ddd\n"
                "    classDef pattern stroke-dasharray:4\n");
}

static struct st_topology *with_a_global_table(void)
{
    struct st_topology *t = new_topology();
    source(t, "orders", "orders");
    processor(t, "named", &filter_kind, "orders");
    global_table(t, "people", "customers", "named");
    sink(t, "out", "customers", "named");
    return t;
}

static void global_tables_stand_outside(void **state)
{
    (void)state;
    expect_text(with_a_global_table(), st_graph_dot,
                "digraph \"app\" {\n"
                "    rankdir=LR;\n"
                "    node [shape=box];\n"
                "    t0 [label=\"orders\", shape=cds];\n"
                "    t1 [label=\"customers\", shape=cds];\n"
                "    subgraph cluster_0 {\n"
                "        label=\"Sub-topology 0: orders\";\n"
                "        n0 [label=\"orders\", style=rounded];\n"
                "        n1 [label=\"named\\nfilter\"];\n"
                "        n2 [label=\"out\", style=rounded];\n"
                "        n0 -> n1;\n"
                "        n1 -> n2;\n"
                "    }\n"
                "    t0 -> n0;\n"
                "    n2 -> t1;\n"
                "    g0 [label=\"people\\nglobal table\", shape=cylinder];\n"
                "    t1 -> g0;\n"
                "    n1 -> g0 [dir=none, style=dashed];\n"
                "}\n");
    expect_text(with_a_global_table(), st_graph_mermaid,
                "flowchart LR\n"
                "    t0>\"orders\"]\n"
                "    t1>\"customers\"]\n"
                "    subgraph c0[\"Sub-topology 0: orders\"]\n"
                "        n0([\"orders\"])\n"
                "        n1[\"named<br/>filter\"]\n"
                "        n2([\"out\"])\n"
                "        n0 --> n1\n"
                "        n1 --> n2\n"
                "    end\n"
                "    t0 --> n0\n"
                "    n2 --> t1\n"
                "    g0[(\"people<br/>global table\")]\n"
                "    t1 --> g0\n"
                "    n1 -.- g0\n"
                "    classDef internal fill:#ddd\n"
                "    classDef pattern stroke-dasharray:4\n");
}

/* A topic that is written here and read there is one shape; a sink by value has none. */
static struct st_topology *shared_topic(void)
{
    struct st_topology *t = new_topology();
    source(t, "in", "a");
    sink(t, "to-b", "b", "in");
    source(t, "from-b", "b c");
    sink(t, "any", ST_BY_VALUE, "from-b");
    return t;
}

static void a_topic_is_drawn_once(void **state)
{
    (void)state;
    expect_text(shared_topic(), st_graph_mermaid,
                "flowchart LR\n"
                "    t0>\"a\"]\n"
                "    t1>\"b\"]\n"
                "    t2>\"c\"]\n"
                "    subgraph c0[\"Sub-topology 0: in\"]\n"
                "        n0([\"in\"])\n"
                "        n1([\"to-b\"])\n"
                "        n0 --> n1\n"
                "    end\n"
                "    subgraph c1[\"Sub-topology 1: from-b\"]\n"
                "        n2([\"from-b\"])\n"
                "        n3([\"any<br/>topic by value\"])\n"
                "        n2 --> n3\n"
                "    end\n"
                "    t0 --> n0\n"
                "    n1 --> t1\n"
                "    t1 --> n2\n"
                "    t2 --> n2\n"
                "    classDef internal fill:#ddd\n"
                "    classDef pattern stroke-dasharray:4\n");
}

/* A pattern and a kind are the only texts with characters outside those of topic names. */
static struct st_topology *awkward(void)
{
    static const struct st_processor_kind kind = {.name = "a \"b\" <c> \\N #d; `e`\nf"};
    struct st_topology *t = new_topology();
    source(t, "in", "^\"|\\Qx\\E|[a-z]<br>");
    processor(t, "p", &kind, "in");
    return t;
}

static void texts_cannot_break_out_of_their_labels(void **state)
{
    (void)state;
    expect_text(awkward(), st_graph_dot,
                "digraph \"app\" {\n"
                "    rankdir=LR;\n"
                "    node [shape=box];\n"
                "    t0 [label=\"\\\"|\\\\Qx\\\\E|[a-z]<br>\", shape=cds, style=dashed];\n"
                "    subgraph cluster_0 {\n"
                "        label=\"Sub-topology 0: in\";\n"
                "        n0 [label=\"in\", style=rounded];\n"
                "        n1 [label=\"p\\na \\\"b\\\" <c> \\\\N #d; `e`\\\\nf\"];\n"
                "        n0 -> n1;\n"
                "    }\n"
                "    t0 -> n0;\n"
                "}\n");
    expect_text(awkward(), st_graph_mermaid,
                "flowchart LR\n"
                "    t0>\"#34;#124;#92;Qx#92;E#124;#91;a-z#93;#60;br#62;\"]:::pattern\n"
                "    subgraph c0[\"Sub-topology 0: in\"]\n"
                "        n0([\"in\"])\n"
                "        n1[\"p<br/>a #34;b#34; #60;c#62; #92;N #35;d#59; #96;e#96;#10;f\"]\n"
                "        n0 --> n1\n"
                "    end\n"
                "    t0 --> n0\n"
                "    classDef internal fill:#ddd\n"
                "    classDef pattern stroke-dasharray:4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphviz_shows_clusters_topics_and_stores),
        cmocka_unit_test(mermaid_shows_clusters_topics_and_stores),
        cmocka_unit_test(global_tables_stand_outside),
        cmocka_unit_test(a_topic_is_drawn_once),
        cmocka_unit_test(texts_cannot_break_out_of_their_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
