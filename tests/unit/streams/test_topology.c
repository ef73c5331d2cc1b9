/* SPDX-License-Identifier: Apache-2.0
 *
 * Building topologies: what the calls make, and what each of them refuses, with the sentence.
 */
#include "streams/serde/serde.h"
#include "tests/unit/streams/st_test.h"

static void nodes_and_edges_come_out_as_they_were_added(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    assert_int_equal(t->n_nodes, 5);
    for (size_t i = 0; i < t->n_nodes; i++) assert_int_equal(t->nodes[i]->index, i);
    const struct st_node *map = st_find_node(t, "by-customer");
    assert_ptr_equal(map->kind, &map_kind);
    assert_int_equal(map->n_parents, 1);
    assert_string_equal(map->parents[0]->name, "orders");
    assert_int_equal(map->n_children, 1);
    assert_string_equal(map->children[0]->name, "rekeyed");
    const struct st_node *cut = st_find_node(t, "rekeyed");
    assert_string_equal(cut->topic, "app-rekeyed-repartition");
    assert_int_equal(cut->partitions, 0);
    assert_string_equal(st_find_node(t, "out")->topic, "totals-per-customer");
    assert_null(st_find_node(t, "totals-per-customer"));
    st_topology_destroy(t);
}

static void stores_know_their_processors_and_their_changelog(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    const struct st_store_conf local = {.without_changelog = true};
    assert_int_equal(st_add_store(t, "seen", &local, &err), 0);
    const struct st_store *totals = st_find_store(t, "totals"), *seen = st_find_store(t, "seen");
    assert_string_equal(totals->changelog, "app-totals-changelog");
    assert_int_equal(totals->n_users, 1);
    assert_string_equal(totals->users[0]->name, "totals");
    assert_ptr_equal(st_find_node(t, "totals")->stores[0], totals);
    assert_null(seen->changelog);
    assert_int_equal(seen->n_users, 0);
    assert_int_equal(seen->index, 1);
    st_topology_destroy(t);
}

static void texts_are_copied(void **state)
{
    (void)state;
    char app[] = "shop", name[] = "in", topic[] = "orders", child[] = "keep", parent[] = "in";
    struct aq_err err = {0};
    struct st_topology *t = st_topology_create(app, &err);
    const char *topics[] = {topic};
    struct st_source_conf conf = {.topics = topics, .n_topics = 1, .reset = ST_LATEST};
    assert_int_equal(st_add_source(t, name, &conf, &err), 0);
    const char *parents[] = {parent};
    int user = 7;
    assert_int_equal(
        st_add_processor(t, child, &filter_kind, &user, (struct st_parents){parents, 1, false}, &err), 0);
    memset(app, 'x', 4), memset(name, 'x', 2), memset(topic, 'x', 6), memset(child, 'x', 4);
    assert_string_equal(t->application_id, "shop");
    assert_string_equal(t->nodes[0]->topics[0], "orders");
    assert_int_equal(t->nodes[0]->reset, ST_LATEST);
    assert_ptr_equal(st_find_node(t, "keep")->user, &user);
    st_topology_destroy(t);
}

static void many_children_and_parents(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "in", "in");
    char name[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        processor(t, name, &filter_kind, "in");
    }
    orphan(t, "all", &filter_kind);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        edge(t, name, "all");
    }
    const struct st_node *in = st_find_node(t, "in"), *all = st_find_node(t, "all");
    assert_int_equal(in->n_children, 300);
    assert_int_equal(all->n_parents, 300);
    for (int i = 0; i < 300; i++) {
        assert_ptr_equal(in->children[i], t->nodes[i + 1]);
        assert_ptr_equal(all->parents[i], t->nodes[i + 1]);
    }
    st_topology_destroy(t);
}

/* ---- refusals ----------------------------------------------------------------------------------------------------- */

/* The orders topology, one call on it that must fail, and the whole sentence. */
static void expect(int rc, const struct aq_err *err, const char *text)
{
    assert_int_equal(rc, AQ_E_CONFIG);
    assert_string_equal(err->text, text);
}

static void names_are_checked(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    struct words w;
    struct st_parents p = parents_of(&w, "orders");
    expect(st_add_processor(t, "", &map_kind, NULL, p, &err), &err, "processor '': the name is empty");
    expect(st_add_processor(t, NULL, &map_kind, NULL, p, &err), &err, "processor '': the name is empty");
    expect(st_add_sink(t, "to disk", "x", p, &err), &err,
           "sink 'to disk': the name holds a character other than a-z A-Z 0-9 . _ -");
    expect(st_add_sink(t, "totals", "x", p, &err), &err,
           "sink 'totals': there is a processor of this name already");
    expect(st_add_store(t, "a/b", NULL, &err), &err,
           "store 'a/b': the name holds a character other than a-z A-Z 0-9 . _ -");
    expect(st_add_store(t, "totals", NULL, &err), &err,
           "store 'totals': there is a store of this name already");
    assert_int_equal(t->n_nodes, 5);
    assert_int_equal(t->n_stores, 1);
    assert_int_equal(st_find_node(t, "orders")->n_children, 1);
    st_topology_destroy(t);
}

static void an_application_id_is_a_legal_topic_name(void **state)
{
    (void)state;
    struct aq_err err = {0};
    assert_null(st_topology_create("my app", &err));
    assert_string_equal(err.text,
                        "the application_id 'my app' holds a character other than a-z A-Z 0-9 . _ -");
    assert_null(st_topology_create(NULL, &err));
    st_topology_destroy(NULL);
}

static void both_sides_of_a_repartition_keep_their_names(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    struct words w;
    struct st_parents p = parents_of(&w, "orders");
    expect(st_add_sink(t, "rekeyed-sink", "x", p, &err), &err,
           "sink 'rekeyed-sink': one side of the repartition 'rekeyed' is shown under this name");
    sink(t, "late-source", "x", "totals");
    expect(st_add_repartition(t, "late", 0, p, &err), &err,
           "repartition 'late': one side of it would be shown as 'late-source', which is a sink already");
    sink(t, "rekeyed-sinks", "x", "totals");
    st_topology_destroy(t);
}

static void internal_topics_have_legal_names(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    struct words w;
    struct st_parents p = parents_of(&w, "orders");
    char name[241];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(st_add_repartition(t, name, 0, p, &err), AQ_E_CONFIG);
    assert_non_null(strstr(err.text, "-repartition' is longer than 249 characters"));
    assert_int_equal(st_add_store(t, name, NULL, &err), AQ_E_CONFIG);
    assert_non_null(strstr(err.text, "-changelog' is longer than 249 characters"));
    assert_int_equal(st_add_sink(t, name, "x", p, &err), 0);
    expect(st_add_repartition(t, "r", -1, p, &err), &err,
           "repartition 'r': -1 partitions are too few; 0 takes the count of the topics before it");
    st_topology_destroy(t);
}

static void parents_are_checked(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    struct words w;
    expect(st_add_processor(t, "p", &map_kind, NULL, parents_of(&w, ""), &err), &err,
           "processor 'p': a processor needs at least one parent");
    expect(st_add_sink(t, "s", "x", parents_of(&w, ""), &err), &err,
           "sink 's': a sink needs at least one parent");
    expect(st_add_repartition(t, "r", 0, parents_of(&w, ""), &err), &err,
           "repartition 'r': a repartition needs at least one parent");
    expect(st_add_sink(t, "s", "x", parents_of(&w, "total"), &err), &err,
           "sink 's': unknown parent 'total'; did you mean 'totals'?");
    expect(st_add_sink(t, "s", "x", parents_of(&w, "orders zebra"), &err), &err,
           "sink 's': unknown parent 'zebra'");
    expect(st_add_sink(t, "s", "x", parents_of(&w, "out"), &err), &err,
           "sink 's': the sink 'out' cannot be a parent: a sink has no children");
    expect(st_add_sink(t, "s", "x", parents_of(&w, "orders totals orders"), &err), &err,
           "sink 's': the parent 'orders' is named twice");
    assert_int_equal(st_find_node(t, "orders")->n_children, 1);
    st_topology_destroy(t);
}

static void edges_are_checked(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    expect(st_add_edge(t, "orders", "by-customer", &err), &err,
           "processor 'by-customer': 'orders' is its parent already");
    expect(st_add_edge(t, "totals", "orders", &err), &err,
           "source 'orders': a source has no parents, it reads topics; 'totals' cannot lead to it");
    expect(st_add_edge(t, "out", "totals", &err), &err,
           "processor 'totals': the sink 'out' cannot be a parent: a sink has no children");
    expect(st_add_edge(t, "orders", "outt", &err), &err, "unknown child 'outt'; did you mean 'out'?");
    expect(st_add_edge(t, "order", "out", &err), &err,
           "sink 'out': unknown parent 'order'; did you mean 'orders'?");
    expect(st_add_edge(t, NULL, "out", &err), &err, "sink 'out': unknown parent ''");
    edge(t, "orders", "out");
    assert_int_equal(st_find_node(t, "out")->n_parents, 2);
    st_topology_destroy(t);
}

static void topics_are_checked(void **state)
{
    (void)state;
    const struct {
        struct st_source_conf conf;
        const char *text;
    } rows[] = {
        {{.n_topics = 0}, "a source needs topics or a pattern"},
        {{.topics = (const char *[]){"a b"}, .n_topics = 1},
         "the topic name 'a b' holds a character other than a-z A-Z 0-9 . _ -"},
        {{.topics = (const char *[]){"a", NULL}, .n_topics = 2}, "the topic name '' is empty"},
        {{.topics = (const char *[]){"a", "b", "a"}, .n_topics = 3}, "the topic 'a' is listed twice"},
        {{.topics = (const char *[]){"a"}, .n_topics = 1, .pattern = "b"},
         "it has topics and a pattern; make two sources of it"},
        {{.pattern = "a("}, "bad pattern: "},
        {{.pattern = "ab/"}, "the pattern 'ab/' can match no topic: it needs a character no topic has"},
    };
    struct st_topology *t = orders_topology();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        assert_int_equal(st_add_source(t, "s", &rows[i].conf, &err), AQ_E_CONFIG);
        T_CHECK(strncmp(err.text, "source 's': ", 12) == 0, "%s", err.text);
        T_CHECK(strncmp(err.text + 12, rows[i].text, strlen(rows[i].text)) == 0, "%s", err.text);
        assert_int_equal(st_add_source(t, "s", &rows[i].conf, NULL), AQ_E_CONFIG);
    }
    struct aq_err err = {0};
    struct words w;
    expect(st_add_sink(t, "s", "", parents_of(&w, "totals"), &err), &err,
           "sink 's': the topic name '' is empty");
    expect(st_add_sink(t, "s", NULL, parents_of(&w, "totals"), &err), &err,
           "sink 's': the topic name '' is empty");
    sink(t, "s", ST_BY_VALUE, "totals");
    assert_null(st_find_node(t, "s")->topic);
    st_topology_destroy(t);
}

static void stores_are_checked(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    struct aq_err err = {0};
    expect(st_connect_store(t, "totals", "totls", &err), &err,
           "processor 'totals': unknown store 'totls'; did you mean 'totals'?");
    expect(st_connect_store(t, "totals", "totals", &err), &err,
           "processor 'totals': it is connected to the store 'totals' already");
    expect(st_connect_store(t, "out", "totals", &err), &err, "sink 'out': only processors have stores");
    expect(st_connect_store(t, "ttoals", "totals", &err), &err,
           "unknown processor 'ttoals'; did you mean 'totals'?");
    st_topology_destroy(t);
}

static void global_tables_stand_alone(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    struct aq_err err = {0};
    source(t, "in", "in");
    processor(t, "p", &filter_kind, "in");
    global_table(t, "g", "places", "p");
    const struct st_node *g = st_find_node(t, "g"), *p = st_find_node(t, "p");
    assert_string_equal(g->topics[0], "places");
    assert_int_equal(g->n_topics, 1);
    assert_int_equal(g->n_users, 1);
    assert_int_equal(p->n_globals, 1);
    assert_ptr_equal(p->globals[0], g);
    assert_int_equal(g->n_children + p->n_parents, 1);

    assert_int_equal(st_add_global_table(t, "g", "x", &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "global table 'g': there is a global table of this name already");
    assert_int_equal(st_add_global_table(t, "h", "x y", &err), AQ_E_CONFIG);
    assert_string_equal(
        err.text, "global table 'h': the topic name 'x y' holds a character other than a-z A-Z 0-9 . _ -");
    assert_int_equal(st_add_source(t, "g-source", &(struct st_source_conf){.pattern = "x"}, &err),
                     AQ_E_CONFIG);
    assert_string_equal(err.text,
                        "source 'g-source': one side of the global table 'g' is shown under this name");
    source(t, "h-source", "h");
    assert_int_equal(st_add_global_table(t, "h", "x", &err), AQ_E_CONFIG);
    assert_string_equal(
        err.text, "global table 'h': one side of it would be shown as 'h-source', which is a source already");
    sink(t, "g-sink", "out", "p");

    assert_int_equal(st_add_sink(t, "s", "out", (struct st_parents){(const char *[]){"g"}, 1, false}, &err),
                     AQ_E_CONFIG);
    assert_string_equal(err.text,
                        "sink 's': the global table 'g' cannot be a parent: its changes give no records, "
                        "they are looked up by joins");
    assert_int_equal(st_add_edge(t, "g", "p", &err), AQ_E_CONFIG);
    assert_int_equal(st_add_edge(t, "p", "g", &err), AQ_E_CONFIG);
    assert_string_equal(
        err.text, "global table 'g': a global table has no parents, it reads a topic; 'p' cannot lead to it");

    assert_int_equal(st_connect_global_table(t, "p", "g", &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "processor 'p': it is connected to the global table 'g' already");
    assert_int_equal(st_connect_global_table(t, "p", "gg", &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "processor 'p': unknown global table 'gg'");
    assert_int_equal(st_connect_global_table(t, "p", "in", &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "processor 'p': 'in' is a source and no global table");
    assert_int_equal(st_connect_global_table(t, "in", "g", &err), AQ_E_CONFIG);
    assert_string_equal(err.text, "source 'in': only processors look into global tables");
    st_topology_destroy(t);
}

static void a_pattern_takes_whole_names_and_nothing_internal(void **state)
{
    (void)state;
    struct st_topology *t = orders_topology();
    source(t, "eu", "^eu[.].*");
    source(t, "any", "^.*");
    const struct st_node *eu = st_find_node(t, "eu"), *any = st_find_node(t, "any");
    struct aq_err err = {0};
    assert_int_equal(st_pattern_takes(t, eu, "eu.orders", &err), 1);
    assert_int_equal(st_pattern_takes(t, eu, "my.eu.orders", &err), 0);
    assert_int_equal(st_pattern_takes(t, any, "orders", &err), 1);
    assert_int_equal(st_pattern_takes(t, any, "__consumer_offsets", &err), 0);
    assert_int_equal(st_pattern_takes(t, any, "app-rekeyed-repartition", &err), 0);
    assert_int_equal(st_pattern_takes(t, any, "app-totals-changelog", &err), 0);
    assert_int_equal(st_pattern_takes(t, st_find_node(t, "orders"), "orders", &err), 0);
    st_topology_destroy(t);
}

static void positions_of_applications_and_routes_are_left_out_of_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        int taken;
    } cases[] = {
        {"app-aqueduct-state", 0}, {"other-aqueduct-state", 0},  {"-aqueduct-state", 1},
        {"aqueduct-state", 1},     {"aqueduct.orders.state", 0}, {"aqueduct.orders", 1},
        {"my.aqueduct.state", 1},  {"app-aqueduct-states", 1},   {"_one", 1},
    };
    struct st_topology *t = new_topology();
    source(t, "any", "^.*");
    struct aq_err err = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int taken = st_pattern_takes(t, st_find_node(t, "any"), cases[i].topic, &err);
        T_CHECK(taken == cases[i].taken, "%s: %d", cases[i].topic, taken);
    }
    st_topology_destroy(t);
}

static int choose_nothing(struct st_context *context, void *state, struct aq_record *rec,
                          struct aq_slice *ret_topic, struct aq_err *err)
{
    (void)context;
    (void)state;
    (void)rec;
    (void)ret_topic;
    (void)err;
    return 0;
}

static void a_chooser_belongs_to_a_sink_without_a_topic(void **state)
{
    (void)state;
    static const struct st_topic_chooser chooser = {.choose = choose_nothing};
    struct st_topology *t = orders_topology();
    sink(t, "free", ST_BY_VALUE, "by-customer");
    struct aq_err err = {0};
    assert_int_equal(st_set_chooser(t, "free", &chooser, t, &err), 0);
    assert_ptr_equal(st_find_node(t, "free")->chooser, &chooser);
    assert_ptr_equal(st_find_node(t, "free")->user, t);
    expect(st_set_chooser(t, "out", &chooser, t, &err), &err,
           "sink 'out': it writes to a topic of its own, so nothing can choose one");
    expect(st_set_chooser(t, "totals", &chooser, t, &err), &err,
           "processor 'totals': only a sink chooses topics");
    expect(st_set_chooser(t, "fere", &chooser, t, &err), &err, "unknown sink 'fere'; did you mean 'free'?");
    st_topology_destroy(t);
}

static void serdes_are_set_one_by_one(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const struct st_serde *json = st_serde_find("json", &err), *int64 = st_serde_find("int64", &err);
    struct st_topology *t = orders_topology();
    assert_int_equal(st_set_serdes(t, "totals", int64, NULL, &err), 0);
    assert_int_equal(st_set_serdes(t, "totals", NULL, json, &err), 0);
    const struct st_node *node = st_find_node(t, "totals");
    assert_ptr_equal(node->key_serde, int64);
    assert_ptr_equal(node->value_serde, json);
    assert_null(st_find_node(t, "orders")->key_serde);
    expect(st_set_serdes(t, "totlas", json, json, &err), &err,
           "unknown node 'totlas'; did you mean 'totals'?");
    st_topology_destroy(t);
}

static void a_pattern_that_does_not_end_is_an_error(void **state)
{
    (void)state;
    struct st_topology *t = new_topology();
    source(t, "evil", "^(a+)+x");
    struct aq_err err = {0};
    static const char topic[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabx.y";
    int rc = st_pattern_takes(t, st_find_node(t, "evil"), topic, &err);
    assert_int_equal(rc, AQ_E_CONFIG);
    T_CHECK(strstr(err.text, "source 'evil': the pattern '(a+)+x' gave up on the topic") != NULL, "%s",
            err.text);
    st_topology_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_edges_come_out_as_they_were_added),
        cmocka_unit_test(stores_know_their_processors_and_their_changelog),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(many_children_and_parents),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(an_application_id_is_a_legal_topic_name),
        cmocka_unit_test(both_sides_of_a_repartition_keep_their_names),
        cmocka_unit_test(internal_topics_have_legal_names),
        cmocka_unit_test(parents_are_checked),
        cmocka_unit_test(edges_are_checked),
        cmocka_unit_test(topics_are_checked),
        cmocka_unit_test(stores_are_checked),
        cmocka_unit_test(global_tables_stand_alone),
        cmocka_unit_test(a_pattern_takes_whole_names_and_nothing_internal),
        cmocka_unit_test(positions_of_applications_and_routes_are_left_out_of_patterns),
        cmocka_unit_test(a_chooser_belongs_to_a_sink_without_a_topic),
        cmocka_unit_test(serdes_are_set_one_by_one),
        cmocka_unit_test(a_pattern_that_does_not_end_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
