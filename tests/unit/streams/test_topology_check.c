/* SPDX-License-Identifier: Apache-2.0
 *
 * What is found in bad topologies: the whole text of every finding, and that one run tells all of them.
 */
#include "streams/topology/topology_check.h"

#include "tests/unit/streams/st_test.h"

/* Checks the topology, compares all findings with the text, and destroys it. */
static void expect(struct st_topology *topology, const char *text)
{
    struct st_findings findings;
    st_findings_init(&findings);
    bool good = st_topology_check(topology, &findings);
    char *found = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&found, &size);
    st_findings_print(&findings, out);
    fclose(out);
    assert_string_equal(found, text);
    assert_int_equal(good, findings.errors == 0);
    assert_int_equal(good, strstr(text, "error: ") == NULL);
    free(found);
    st_findings_finish(&findings);
    st_topology_destroy(topology);
}

static void nothing_is_found_in_a_good_topology(void **state)
{
    (void)state;
    expect(orders_topology(), "");
}

static void a_topology_needs_a_source(void **state)
{
    (void)state;
    expect(new_topology(), "error: the topology has no source, so there is nothing to read\n");
    struct st_topology *t = new_topology();
    orphan(t, "a", &filter_kind);
    sink(t, "out", "out", "a");
    expect(t, "error: the topology has no source, so there is nothing to read\n");
}

static void cycles_name_their_nodes_in_order(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    processor(t, "a", &filter_kind, "in");
    processor(t, "b", &filter_kind, "a");
    processor(t, "c", &filter_kind, "b");
    edge(t, "c", "a");
    edge(t, "c", "c");
    expect(
        t,
        "error: processor 'a': cycle: a -> b -> c -> a; a node must not lead back to itself, take one of these "
        "edges away\n"
        "error: processor 'c': cycle: c -> c; a node must not lead back to itself, take one of these edges "
        "away\n");
}

/* The walk comes in through c, the text still begins with what was added first. */
static void a_cycle_is_told_the_same_from_wherever_it_is_entered(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    orphan(t, "a", &filter_kind);
    processor(t, "b", &filter_kind, "a");
    repartition(t, "c", 0, "b");
    edge(t, "c", "a");
    source(t, "in", "in");
    edge(t, "in", "c");
    expect(
        t,
        "error: processor 'a': cycle: a -> b -> c -> a; a node must not lead back to itself, take one of these "
        "edges away\n");
}

static void what_no_source_leads_to(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    orphan(t, "a", &filter_kind);
    sink(t, "out", "out", "a");
    sink(t, "good", "good", "in");
    orphan(t, "x", &filter_kind);
    edge(t, "x", "x");
    expect(
        t,
        "error: processor 'x': cycle: x -> x; a node must not lead back to itself, take one of these edges "
        "away\n"
        "error: processor 'a': it has no parents, so no record comes to it\n"
        "error: sink 'out': no source leads to it, so no record comes to it\n"
        "error: processor 'x': no source leads to it, so no record comes to it\n");
}

static void a_topic_has_one_source(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "one", "a b");
    source(t, "two", "c b");
    processor(t, "p", &filter_kind, "one two");
    repartition(t, "r", 0, "p");
    source(t, "inside", "app-r-repartition");
    expect(
        t,
        "error: source 'two': the topic 'b' is read by the source 'one' already; make both the children of one "
        "source\n"
        "error: source 'inside': the topic 'app-r-repartition' is read by the repartition 'r' already; make both "
        "the children of one source\n");
}

static void a_topic_is_named_or_matched(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "eu", "^eu[.].*");
    source(t, "one", "eu.orders us.orders");
    source(t, "us", "^us[.].*");
    source(t, "again", "^us[.].*");
    expect(
        t,
        "error: source 'one': the topic 'eu.orders' is named by the source 'one' and matched by the pattern "
        "'eu[.].*' of 'eu'; a topic has one source\n"
        "error: source 'us': the topic 'us.orders' is named by the source 'one' and matched by the pattern "
        "'us[.].*' of 'us'; a topic has one source\n"
        "error: source 'again': the topic 'us.orders' is named by the source 'one' and matched by the pattern "
        "'us[.].*' of 'again'; a topic has one source\n"
        "error: source 'again': the source 'us' has the same pattern; make both the children of one source\n");
}

/* A pattern as wide as this does not see the internal topics of its own topology. */
static void a_wide_pattern_does_not_match_internal_topics(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "any", "^.*");
    processor(t, "m", &map_kind, "any");
    repartition(t, "r", 0, "m");
    processor(t, "n", &count_kind, "r");
    expect(t, "");
}

static void a_store_has_a_processor(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    store(t, "idle", "");
    expect(t, "error: store 'idle': no processor is connected to it; connect one or take it away\n");
}

static void a_global_table_has_its_topic_for_itself(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    source(t, "eu", "^eu[.].*");
    processor(t, "p", &map_kind, "in eu");
    global_table(t, "a", "places", "p");
    global_table(t, "b", "places", "p");
    global_table(t, "c", "in", "p");
    global_table(t, "d", "eu.places", "p");
    source(t, "late", "places");
    expect(
        t,
        "error: global table 'b': the topic 'places' is read by the global table 'a' already; a global table has its "
        "topic for itself\n"
        "error: global table 'c': the topic 'in' is read by the source 'in' already; a global table has its topic for "
        "itself\n"
        "error: global table 'd': the topic 'eu.places' is named by the global table 'd' and matched by the pattern "
        "'eu[.].*' of 'eu'; a topic has one source\n"
        "error: source 'late': the topic 'places' is read by the global table 'a' already; a global table has its "
        "topic for itself\n"
        "error: source 'late': the topic 'places' is read by the global table 'b' already; a global table has its "
        "topic for itself\n");
}

/* It needs no source in front of it, and a changed key does no harm. */
static void a_global_table_nothing_looks_into_is_a_warning(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    global_table(t, "used", "places", "by-customer");
    expect(t, "");
    t = orders_topology();
    global_table(t, "idle", "places", "");
    expect(
        t,
        "warning: global table 'idle': nothing looks into it, and its topic is held in memory all the same\n");
    t = new_topology();
    global_table(t, "alone", "places", "");
    expect(
        t,
        "error: the topology has no source, so there is nothing to read\n"
        "warning: global table 'alone': nothing looks into it, and its topic is held in memory all the same\n");
}

static void a_changed_key_needs_a_repartition(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    processor(t, "far", &map_kind, "in");
    processor(t, "near", &map_kind, "far");
    processor(t, "keep", &filter_kind, "near");
    processor(t, "n", &count_kind, "keep in");
    repartition(t, "r", 0, "keep");
    processor(t, "fine", &count_kind, "r");
    expect(
        t,
        "error: processor 'n': count needs all records of a key in one partition, but 'near' (map) in front of "
        "it changes the key; put a repartition between them\n");
}

/* One input is repartitioned, the other is not: the join still sees keys in the wrong place. */
static void every_way_to_the_processor_counts(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "left", "l");
    source(t, "right", "r");
    processor(t, "lm", &map_kind, "left");
    processor(t, "rm", &map_kind, "right");
    repartition(t, "cut", 0, "lm");
    processor(t, "both", &join_kind, "cut rm");
    expect(
        t,
        "error: processor 'both': join needs all records of a key in one partition, but 'rm' (map) in front of "
        "it changes the key; put a repartition between them\n");
}

static void a_second_repartition_in_a_row_is_a_warning(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    processor(t, "m", &map_kind, "in");
    repartition(t, "r1", 0, "m");
    processor(t, "f", &filter_kind, "r1");
    repartition(t, "r2", 0, "f");
    repartition(t, "wider", 12, "r1");
    repartition(t, "merged", 0, "f in");
    processor(t, "m2", &map_kind, "r2");
    repartition(t, "r3", 0, "m2");
    expect(
        t,
        "warning: repartition 'r2': its records are partitioned by the same key already, by the repartition "
        "'r1'; it costs a second way through Kafka for nothing\n");
}

static void one_run_tells_everything(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "a");
    source(t, "in2", "a");
    processor(t, "m", &map_kind, "in");
    processor(t, "n", &count_kind, "m");
    store(t, "s", "");
    orphan(t, "o", &filter_kind);
    edge(t, "n", "m");
    struct st_findings findings;
    st_findings_init(&findings);
    assert_false(st_topology_check(t, &findings));
    assert_int_equal(findings.errors, 5);
    struct aq_err err = {0};
    assert_int_equal(st_findings_verdict(&findings, &err), AQ_E_CONFIG);
    assert_string_equal(err.text,
                        "processor 'm': cycle: m -> n -> m; a node must not lead back to itself, take one "
                        "of these edges away (and 4 more)");
    st_findings_finish(&findings);
    st_topology_destroy(t);
}

static void a_long_chain_needs_no_deep_stack(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "p0", "in");
    char name[16], parent[16];
    for (int i = 1; i < 2000; i++) {
        snprintf(parent, sizeof(parent), "p%d", i - 1);
        snprintf(name, sizeof(name), "p%d", i);
        processor(t, name, &filter_kind, parent);
    }
    expect(t, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_a_good_topology),
        cmocka_unit_test(a_topology_needs_a_source),
        cmocka_unit_test(cycles_name_their_nodes_in_order),
        cmocka_unit_test(a_cycle_is_told_the_same_from_wherever_it_is_entered),
        cmocka_unit_test(what_no_source_leads_to),
        cmocka_unit_test(a_topic_has_one_source),
        cmocka_unit_test(a_topic_is_named_or_matched),
        cmocka_unit_test(a_wide_pattern_does_not_match_internal_topics),
        cmocka_unit_test(a_store_has_a_processor),
        cmocka_unit_test(a_global_table_has_its_topic_for_itself),
        cmocka_unit_test(a_global_table_nothing_looks_into_is_a_warning),
        cmocka_unit_test(a_changed_key_needs_a_repartition),
        cmocka_unit_test(every_way_to_the_processor_counts),
        cmocka_unit_test(a_second_repartition_in_a_row_is_a_warning),
        cmocka_unit_test(one_run_tells_everything),
        cmocka_unit_test(a_long_chain_needs_no_deep_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
