/* SPDX-License-Identifier: Apache-2.0
 *
 * Serdes followed from the sources through a plan, and what is said when they do not fit.
 */
#include "streams/serde/serde_flow.h"

#include "tests/unit/streams/st_test.h"

struct world {
    struct st_topology *topology;
    struct st_plan *plan;
    struct st_findings findings;
    struct st_serde_flow *flow;
};

static const struct st_serde *serde(const char *name)
{
    struct aq_err err = {0};
    const struct st_serde *found = name ? st_serde_find(name, &err) : NULL;
    T_CHECK(!name || found, "%s", err.text);
    return found;
}

static void set(struct st_topology *topology, const char *node, const char *key, const char *value)
{
    struct aq_err err = {0};
    T_CHECK(st_set_serdes(topology, node, serde(key), serde(value), &err) == 0, "%s", err.text);
}

static void follow(struct world *w, struct st_topology *topology, const char *key, const char *value)
{
    struct aq_err err = {0};
    w->topology = topology;
    w->plan = st_plan_create(topology, &err);
    T_CHECK(w->plan != NULL, "%s", err.text);
    st_findings_init(&w->findings);
    w->flow = st_serde_flow_create(w->plan, (struct st_serdes){serde(key), serde(value)}, &w->findings);
    assert_true((w->flow == NULL) == (w->findings.errors > 0));
}

static void finish(struct world *w)
{
    st_serde_flow_destroy(w->flow);
    st_findings_finish(&w->findings);
    st_plan_destroy(w->plan);
    st_topology_destroy(w->topology);
}

static void expect_findings(struct world *w, const char *text)
{
    char *found = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&found, &size);
    st_findings_print(&w->findings, out);
    fclose(out);
    assert_string_equal(found, text);
    free(found);
}

/* "key/value>key/value": what reaches the node and what leaves it. */
static void expect_at(struct world *w, const char *node, const char *text)
{
    for (size_t i = 0; i < w->plan->n_nodes; i++) {
        if (strcmp(w->plan->nodes[i].name, node) != 0) continue;
        const struct st_serdes in = w->flow->in[i], out = w->flow->out[i];
        char *found = t_printf("%s/%s>%s/%s", st_serde_name(in.key), st_serde_name(in.value),
                               st_serde_name(out.key), st_serde_name(out.value));
        assert_string_equal(found, text);
        free(found);
        return;
    }
    T_FAIL("no node '%s'", node);
}

static void defaults_are_for_sources_that_say_nothing(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = new_topology();
    source(topology, "plain", "a");
    source(topology, "own", "b");
    source(topology, "half", "c");
    set(topology, "own", "int64", "json");
    set(topology, "half", NULL, "double");
    sink(topology, "x", "x", "plain");
    sink(topology, "y", "y", "own");
    sink(topology, "z", "z", "half");
    follow(&w, topology, "string", "bytes");
    expect_findings(&w, "");
    expect_at(&w, "plain", "string/bytes>string/bytes");
    expect_at(&w, "y", "int64/json>int64/json");
    expect_at(&w, "z", "string/double>string/double");
    finish(&w);
}

static void what_a_node_makes_flows_on_over_a_repartition(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = orders_topology();
    set(topology, "by-customer", "string", NULL);
    set(topology, "totals", NULL, "int64");
    follow(&w, topology, "int32", "json");
    expect_findings(&w, "");
    expect_at(&w, "by-customer", "int32/json>string/json");
    expect_at(&w, "rekeyed-sink", "string/json>string/json");
    expect_at(&w, "rekeyed-source", "string/json>string/json");
    expect_at(&w, "out", "string/int64>string/int64");
    finish(&w);
}

static void sub_topologies_may_be_numbered_against_the_flow(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = new_topology();
    source(topology, "side", "side");
    orphan(topology, "join", &map_kind);
    edge(topology, "side", "join");
    source(topology, "in", "orders");
    processor(topology, "a", &map_kind, "in");
    set(topology, "a", "int64", NULL);
    repartition(topology, "r1", 0, "a");
    repartition(topology, "r2", 0, "r1");
    edge(topology, "r2", "join");
    set(topology, "side", "int64", NULL);
    sink(topology, "out", "out", "join");
    follow(&w, topology, "string", "string");
    expect_findings(&w, "");
    expect_at(&w, "out", "int64/string>int64/string");
    finish(&w);
}

static void a_source_without_serdes_and_defaults_is_an_error(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = new_topology();
    source(topology, "in", "orders");
    sink(topology, "out", "out", "in");
    follow(&w, topology, NULL, "json");
    expect_findings(&w,
                    "error: source 'in': nothing says how its keys are to be read: set key_serde here, or "
                    "default_key_serde for all sources\n");
    finish(&w);
}

static void inputs_that_disagree_are_an_error(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = new_topology();
    source(topology, "left", "a");
    source(topology, "right", "b");
    set(topology, "left", "string", "json");
    set(topology, "right", "string", "int64");
    processor(topology, "both", &filter_kind, "left right");
    sink(topology, "out", "out", "both");
    follow(&w, topology, NULL, NULL);
    assert_int_equal(w.findings.errors, 1);
    finish(&w);
}

static void a_sink_converts_nothing_but_takes_anything_as_bytes(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = new_topology();
    source(topology, "in", "orders");
    sink(topology, "same", "same", "in");
    sink(topology, "raw", "raw", "in");
    sink(topology, "other", "other", "in");
    set(topology, "same", "string", "json");
    set(topology, "raw", "bytes", "bytes");
    set(topology, "other", NULL, "int64");
    follow(&w, topology, "string", "json");
    expect_findings(
        &w, "error: sink 'other': it is to write values as int64, and what reaches it is json; nothing "
            "converts on the way: set value_serde at the node that makes them\n");
    finish(&w);
}

static void a_repartition_that_is_to_write_bytes_says_so_to_who_reads_it(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *topology = orders_topology();
    set(topology, "rekeyed", NULL, "bytes");
    follow(&w, topology, "string", "json");
    expect_findings(&w, "");
    expect_at(&w, "rekeyed-source", "string/bytes>string/bytes");
    finish(&w);
}

static void global_tables_have_serdes_of_their_own_or_the_defaults(void **state)
{
    (void)state;
    struct world w;
    struct st_topology *t = orders_topology();
    global_table(t, "plain", "a", "by-customer");
    global_table(t, "own", "b", "by-customer");
    set(t, "own", "int64", "json");
    follow(&w, t, "string", "string");
    struct st_serdes plain = st_serde_flow_of_global(w.flow, w.plan, w.plan->globals[0]),
                     own = st_serde_flow_read_from(w.flow, w.plan, "b");
    assert_ptr_equal(plain.key, serde("string"));
    assert_ptr_equal(plain.value, serde("string"));
    assert_ptr_equal(own.key, serde("int64"));
    assert_ptr_equal(own.value, serde("json"));
    finish(&w);
    t = new_topology();
    source(t, "in", "in");
    set(t, "in", "string", "string");
    processor(t, "p", &filter_kind, "in");
    global_table(t, "none", "a", "p");
    follow(&w, t, "string", NULL);
    expect_findings(
        &w,
        "error: global table 'none': nothing says how its values are to be read: set value_serde here, or "
        "default_value_serde for all sources\n");
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(global_tables_have_serdes_of_their_own_or_the_defaults),
        cmocka_unit_test(defaults_are_for_sources_that_say_nothing),
        cmocka_unit_test(what_a_node_makes_flows_on_over_a_repartition),
        cmocka_unit_test(sub_topologies_may_be_numbered_against_the_flow),
        cmocka_unit_test(a_source_without_serdes_and_defaults_is_an_error),
        cmocka_unit_test(inputs_that_disagree_are_an_error),
        cmocka_unit_test(a_sink_converts_nothing_but_takes_anything_as_bytes),
        cmocka_unit_test(a_repartition_that_is_to_write_bytes_says_so_to_who_reads_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
