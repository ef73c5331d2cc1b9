/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting topologies: which nodes end up together, their numbers and names, and the order in which they run.
 */
#include "streams/topology/plan.h"

#include "streams/topology/disjoint.h"
#include "tests/unit/streams/st_test.h"

static struct st_plan *plan_of(const struct st_topology *topology)
{
    struct aq_err err = {0};
    struct st_plan *plan = st_plan_create(topology, &err);
    T_CHECK(plan != NULL, "%s", err.text);
    return plan;
}

static void print_internal(const struct st_subtopology *sub, FILE *out)
{
    static const char *const uses[] = {"reads", "writes", "changelog"};
    for (size_t i = 0; i < sub->n_internal_topics; i++)
        fprintf(out, " %s=%s", uses[sub->internal_topics[i].use], sub->internal_topics[i].name);
}

/* One line a sub-topology: "0 orders: nodes in order; sources ...; stores ...; internal topics". */
static char *lines_of(const struct st_plan *plan)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < plan->n_subtopologies; i++) {
        const struct st_subtopology *sub = &plan->subtopologies[i];
        fprintf(out, "%u %s:", sub->number, sub->name);
        for (size_t k = 0; k < sub->n_nodes; k++) fprintf(out, " %s", sub->nodes[k]->name);
        fprintf(out, " |");
        for (size_t k = 0; k < sub->n_sources; k++) fprintf(out, " %s", sub->sources[k]->name);
        fprintf(out, " |");
        for (size_t k = 0; k < sub->n_stores; k++) fprintf(out, " %s", sub->stores[k]->name);
        fprintf(out, " |");
        print_internal(sub, out);
        fprintf(out, "\n");
    }
    fclose(out);
    return text;
}

/* Plans the topology, compares the lines, destroys both. */
static void expect(struct st_topology *topology, const char *text)
{
    struct st_plan *plan = plan_of(topology);
    char *lines = lines_of(plan);
    assert_string_equal(lines, text);
    free(lines);
    st_plan_destroy(plan);
    st_topology_destroy(topology);
}

static void a_repartition_cuts(void **state)
{
    (void)state;
    expect(orders_topology(),
           "0 orders: orders by-customer rekeyed-sink | orders | | writes=app-rekeyed-repartition\n"
           "1 rekeyed: rekeyed-source totals out | rekeyed-source | totals | "
           "reads=app-rekeyed-repartition changelog=app-totals-changelog\n");
}

static void what_is_not_connected_stays_apart(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "b", "b");
    source(t, "a", "a");
    sink(t, "a-out", "x", "a");
    sink(t, "b-out", "a", "b"); /* writes what the other reads: a topic joins nothing */
    expect(t, "0 b: b b-out | b | |\n"
              "1 a: a a-out | a | |\n");
}

static void a_shared_store_joins(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "a", "a");
    source(t, "b", "b");
    source(t, "c", "c");
    processor(t, "pa", &filter_kind, "a");
    processor(t, "pb", &filter_kind, "b");
    processor(t, "pc", &filter_kind, "c");
    store(t, "own", "pb");
    store(t, "shared", "pc pa");
    expect(t, "0 a: a c pa pc | a c | shared | changelog=app-shared-changelog\n"
              "1 b: b pb | b | own | changelog=app-own-changelog\n");
}

/* A store that spans the cut puts both sides of the repartition into one sub-topology: it writes its own input. */
static void a_store_across_a_repartition_closes_the_cut(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    processor(t, "before", &map_kind, "in");
    repartition(t, "r", 0, "before");
    processor(t, "after", &filter_kind, "r");
    store(t, "s", "before after");
    expect(t, "0 in: in before r-sink r-source after | in r-source | s | reads=app-r-repartition "
              "writes=app-r-repartition changelog=app-s-changelog\n");
}

static void a_join_connects_its_sources(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "left", "l");
    processor(t, "rekey", &map_kind, "left");
    repartition(t, "cut", 0, "rekey");
    source(t, "right", "r");
    processor(t, "both", &join_kind, "right cut");
    sink(t, "out", "out", "both");
    expect(t, "0 left: left rekey cut-sink | left | | writes=app-cut-repartition\n"
              "1 cut: cut-source right both out | cut-source right | | reads=app-cut-repartition\n");
}

static void parents_run_before_their_children(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    orphan(t, "last", &filter_kind);
    orphan(t, "middle", &filter_kind);
    source(t, "in", "in");
    processor(t, "other", &filter_kind, "in");
    edge(t, "middle", "last");
    edge(t, "in", "middle");
    edge(t, "other", "last");
    expect(t, "0 in: in middle other last | in | |\n");
}

static void a_name_survives_what_is_added_in_front(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "new", "new");
    sink(t, "new-out", "x", "new");
    source(t, "orders", "orders");
    processor(t, "by-customer", &map_kind, "orders");
    repartition(t, "rekeyed", 0, "by-customer");
    expect(t, "0 new: new new-out | new | |\n"
              "1 orders: orders by-customer rekeyed-sink | orders | | writes=app-rekeyed-repartition\n"
              "2 rekeyed: rekeyed-source | rekeyed-source | | reads=app-rekeyed-repartition\n");
}

static void a_store_without_changelog_has_no_topic(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    struct aq_err err = {0};
    source(t, "in", "in");
    processor(t, "p", &filter_kind, "in");
    assert_int_equal(st_add_store(t, "s", &(struct st_store_conf){.without_changelog = true}, &err), 0);
    assert_int_equal(st_connect_store(t, "p", "s", &err), 0);
    expect(t, "0 in: in p | in | s |\n");
}

static void sides_know_what_they_read_and_write(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    sink(t, "any", ST_BY_VALUE, "totals");
    struct st_plan *plan = plan_of(t);
    const struct st_subtopology *first = &plan->subtopologies[0], *second = &plan->subtopologies[1];
    assert_null(st_plan_node_writes(first->nodes[0]));
    assert_string_equal(st_plan_node_writes(first->nodes[2]), "app-rekeyed-repartition");
    assert_false(st_plan_node_reads(first->nodes[2]));
    assert_true(st_plan_node_reads(second->nodes[0]));
    assert_null(st_plan_node_writes(second->nodes[0]));
    assert_string_equal(st_plan_node_writes(second->nodes[2]), "totals-per-customer");
    assert_null(st_plan_node_writes(second->nodes[3]));
    st_plan_destroy(plan);
    st_topology_destroy(t);
}

static void a_bad_topology_has_no_plan(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    edge(t, "totals", "by-customer");
    store(t, "idle", "");
    struct aq_err err = {0};
    assert_null(st_plan_create(t, &err));
    assert_string_equal(
        err.text,
        "processor 'by-customer': cycle: by-customer -> rekeyed -> totals -> by-customer; a node must "
        "not lead back to itself, take one of these edges away (and 1 more)");
    st_plan_destroy(NULL);
    st_topology_destroy(t);
}

static void sets_are_known_by_their_smallest_number(void **state)
{
    (void)state;
    struct st_disjoint sets;
    st_disjoint_init(&sets, 6);
    st_disjoint_unite(&sets, 5, 3);
    st_disjoint_unite(&sets, 4, 5);
    st_disjoint_unite(&sets, 4, 1);
    st_disjoint_unite(&sets, 1, 4);
    static const size_t smallest[] = {0, 1, 2, 1, 1, 1};
    for (size_t i = 0; i < 6; i++) assert_int_equal(st_disjoint_find(&sets, i), smallest[i]);
    st_disjoint_finish(&sets);
}

static void global_tables_belong_to_no_sub_topology(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    global_table(t, "first", "a", "");
    source(t, "in", "in");
    processor(t, "p", &filter_kind, "in");
    global_table(t, "second", "b", "p");
    source(t, "other", "other");
    processor(t, "q", &join_kind, "other");
    assert_int_equal(st_connect_global_table(t, "q", "second", NULL), 0);
    struct st_plan *plan = plan_of(t);
    assert_int_equal(plan->n_nodes, 4);
    for (size_t i = 0; i < plan->n_nodes; i++) assert_int_equal(plan->nodes[i].index, i);
    assert_int_equal(plan->n_globals, 2);
    assert_string_equal(plan->globals[0]->name, "first");
    assert_string_equal(plan->globals[1]->name, "second");
    st_plan_destroy(plan);
    /* Two that look into the same one are not united by it. */
    expect(t, "0 in: in p | in | |\n1 other: other q | other | |\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(global_tables_belong_to_no_sub_topology),
        cmocka_unit_test(a_repartition_cuts),
        cmocka_unit_test(what_is_not_connected_stays_apart),
        cmocka_unit_test(a_shared_store_joins),
        cmocka_unit_test(a_store_across_a_repartition_closes_the_cut),
        cmocka_unit_test(a_join_connects_its_sources),
        cmocka_unit_test(parents_run_before_their_children),
        cmocka_unit_test(a_name_survives_what_is_added_in_front),
        cmocka_unit_test(a_store_without_changelog_has_no_topic),
        cmocka_unit_test(sides_know_what_they_read_and_write),
        cmocka_unit_test(a_bad_topology_has_no_plan),
        cmocka_unit_test(sets_are_known_by_their_smallest_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
