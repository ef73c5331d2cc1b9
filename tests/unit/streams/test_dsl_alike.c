/* SPDX-License-Identifier: Apache-2.0
 *
 * In a configuration and in C alike: the same operators by the same names make the same nodes, edges, topics and stores.
 */
#include "streams/api/builder.h"
#include "tests/unit/streams/dsl_world.h"
#include "tests/unit/streams/form_world.h"

static const char config[] = HEAD
    "a = { type = \"source\"; topics = [\"a\"]; value_serde = \"string\"; };\n"
    "b = { type = \"source\"; topics = [\"b\"]; value_serde = \"string\"; };\n"
    "t = { type = \"table\"; topic = \"t\"; value_serde = \"string\"; in_memory = true; cached = false; };\n"
    "v = { type = \"table\"; topic = \"v\"; value_serde = \"string\"; history = \"100ms\"; store = \"versions\"; };\n"
    "g = { type = \"global_table\"; topic = \"g\"; value_serde = \"string\"; };\n"
    "last = { type = \"to_table\"; from = \"a\"; };\n"
    "some = { type = \"filter\"; from = \"t\"; where = \"true\"; store = \"some-kept\"; };\n"
    "none = { type = \"filter_not\"; from = \"t\"; where = \"true\"; };\n"
    "made = { type = \"map_values\"; from = \"last\"; value = \"1\"; value_serde = \"int64\"; };\n"
    "n = { type = \"count\"; from = \"a\"; store = \"kept\"; emit = \"close\";\n"
    "      window = { type = \"hopping\"; size = \"10ms\"; advance = \"5ms\"; grace = \"1ms\"; }; };\n"
    "sum = { type = \"aggregate\"; from = \"a\"; function = \"sum\"; of = \"value\";\n"
    "        window = { type = \"sliding\"; difference = \"10ms\"; }; };\n"
    "r = { type = \"reduce\"; from = \"b\"; reduce = \"agg\"; in_memory = true;\n"
    "      window = { type = \"session\"; gap = \"10ms\"; retention = \"50ms\"; }; };\n"
    "held = { type = \"suppress\"; from = \"sum\"; until = \"window_closes\"; };\n"
    "calm = { type = \"suppress\"; from = \"last\"; until = \"time_limit\"; limit = \"1s\"; };\n"
    "ab = { type = \"join_streams\"; from = [\"a\", \"b\"]; kind = \"left\"; within = \"10ms\"; join = \"left\"; };\n"
    "av = { type = \"join_table\"; from = [\"a\", \"v\"]; grace = \"10ms\"; join = \"left\"; };\n"
    "ag = { type = \"join_global\"; from = [\"a\", \"g\"]; kind = \"left\"; join = \"left\"; };\n"
    "tl = { type = \"join_tables\"; from = [\"some\", \"last\"]; kind = \"outer\"; store = \"pairs\"; join = \"left\"; };\n"
    "fk = { type = \"join_tables\"; from = [\"t\", \"last\"]; kind = \"left\"; foreign_key = \"value\"; store = \"fks\";\n"
    "       join = \"left\"; };\n"
    "both = { type = \"cogroup\"; initial = \"1\"; as = \"string\"; window = { type = \"tumbling\"; size = \"10ms\"; };\n"
    "         inputs = ( { from = \"a\"; add = \"agg\"; }, { from = \"b\"; add = \"agg\"; } ); };\n"
    "changes = { type = \"to_stream\"; from = \"tl\"; };\n"
    "out = { type = \"sink\"; from = \"changes\"; topic = \"out\"; };\n" TAIL;

static bool yes(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)ctx;
    (void)record;
    (void)user;
    return true;
}

static int first(struct aq_processor_context *ctx, struct aq_slice aggregate, struct aq_slice value,
                 void *user, struct aq_slice *ret)
{
    (void)ctx;
    (void)aggregate;
    (void)value;
    (void)user;
    (void)ret;
    return 0;
}

static int add(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
               struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)ctx;
    (void)user;
    (void)record;
    (void)aggregate;
    (void)ret;
    return 0;
}

static void cogroup(struct aq_stream *a, struct aq_stream *b)
{
    static const struct aq_aggregator rows = {.abi = AQ_AGGREGATOR_ABI};
    const struct aq_windows tumbling = aq_tumbling_windows(10, 0);
    const struct aq_materialized text = {.value_serde = "string"};
    const struct aq_cogroup_input inputs[] = {{.grouped = aq_stream_group_by_key(a, "a"), .add = add},
                                              {.grouped = aq_stream_group_by_key(b, "b"), .add = add}};
    aq_cogroup("both", inputs, 2, &tumbling, &rows, NULL, &text);
}

static void aggregate(struct aq_stream *a, struct aq_stream *b)
{
    struct aq_windows hopping = aq_hopping_windows(10, 5, 1), sessions = aq_session_windows(10, 0);
    const struct aq_windows sliding = aq_sliding_windows(10, 0);
    const struct aq_materialized kept = {.store = "kept"}, in_memory = {.in_memory = true};
    const struct aq_built_in sum = {.function = "sum", .of = "value"};
    const struct aq_suppressed final = {.until = AQ_UNTIL_WINDOW_CLOSES};
    struct aq_grouped *by = aq_stream_group_by_key(a, "by");
    hopping.emit = AQ_EMIT_CLOSE;
    sessions.retention_ms = 50;
    aq_grouped_count(aq_grouped_windowed_by(by, &hopping), "n", &kept);
    struct aq_table *sums = aq_grouped_built_in(aq_grouped_windowed_by(by, &sliding), "sum", &sum, NULL);
    aq_grouped_reduce(aq_grouped_windowed_by(aq_stream_group_by_key(b, "by-b"), &sessions), "r", first, NULL,
                      NULL, &in_memory);
    aq_table_suppress(sums, "held", &final);
}

static struct aq_streams_builder *in_c(void)
{
    struct aq_streams_builder *builder = dsl_builder();
    const char *topic = "g";
    const struct aq_consumed globals = dsl_consumed(&topic);
    const struct aq_materialized now = {.in_memory = true, .without_cache = true},
                                 versions = {.store = "versions", .history_ms = 100},
                                 some_kept = {.store = "some-kept"}, int64 = {.value_serde = "int64"},
                                 kept = {.store = "pairs"}, fks = {.store = "fks"};
    const struct aq_suppressed second = {.limit_ms = 1000};
    const struct aq_join_windows near = aq_join_within(10, 0);
    const struct aq_joined waiting = {.grace_ms = 10};
    struct aq_stream *a = dsl_stream(builder, "a"), *b = dsl_stream(builder, "b");
    struct aq_table *t = dsl_table(builder, "t", &now), *v = dsl_table(builder, "v", &versions);
    struct aq_global_table *g = aq_global_table_from(builder, "g", &globals);
    struct aq_table *last = aq_stream_to_table(a, "last", NULL);
    struct aq_table *some = aq_table_filter(t, "some", yes, NULL, &some_kept);
    aq_table_filter_not(t, "none", yes, NULL, NULL);
    aq_table_map_values(last, "made", dsl_head, NULL, &int64);
    aggregate(a, b);
    cogroup(a, b);
    aq_table_suppress(last, "calm", &second);
    aq_stream_left_join(a, "ab", b, &near, dsl_pair, NULL, NULL);
    aq_stream_join_table(a, "av", v, dsl_pair, NULL, &waiting);
    aq_stream_left_join_global(a, "ag", g, NULL, dsl_pair, NULL, NULL);
    struct aq_table *tl = aq_table_outer_join(some, "tl", last, dsl_pair, NULL, &kept);
    aq_table_foreign_key_left_join(t, "fk", last, dsl_head, dsl_pair, NULL, &fks);
    aq_stream_to(aq_table_to_stream(tl, "changes"), "out", "out");
    T_CHECK(!aq_streams_error(builder), "%s", aq_streams_error(builder));
    return builder;
}

static void print_stores(const struct st_topology *topology, FILE *out)
{
    for (size_t i = 0; i < topology->n_stores; i++) {
        const struct st_store *store = topology->stores[i];
        const struct st_store_conf *c = &store->conf;
        fprintf(out, "%s:%s%s%s%s rest %d, retention %lld, changelog %s; of", store->name,
                c->timestamped ? " timestamped" : "", c->in_memory ? " in_memory" : "",
                c->uncached ? " uncached" : "", c->without_changelog ? " without_changelog" : "", c->rest_len,
                (long long)c->retention_ms, store->changelog ? store->changelog : "none");
        for (size_t u = 0; u < store->n_users; u++) fprintf(out, " %s", store->users[u]->name);
        fputc('\n', out);
    }
}

/* Of every node it has to be known. */
static const char *serde_name(const struct st_serde *serde)
{
    assert_non_null(serde);
    return st_serde_name(serde);
}

static void print_serdes(const struct st_plan *plan, FILE *out)
{
    const struct st_serdes defaults = {.key = st_serde_find("string", NULL),
                                       .value = st_serde_find("json", NULL)};
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_serde_flow *flow = st_serde_flow_create(plan, defaults, &findings);
    T_CHECK(flow != NULL, "%s", findings.list[0].text);
    for (size_t i = 0; i < plan->n_nodes; i++)
        fprintf(out, "%s: %s=%s\n", plan->nodes[i].name, serde_name(flow->out[i].key),
                serde_name(flow->out[i].value));
    st_serde_flow_destroy(flow);
    st_findings_finish(&findings);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Nodes are added in another order in C, where a parent comes first. */
static char *sorted(char *text)
{
    char *lines[2000], *save = NULL;
    size_t n = 0, size = 0;
    char *all = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        assert_true(n < 2000);
        lines[n++] = line;
    }
    qsort(lines, n, sizeof(*lines), by_text);
    FILE *out = open_memstream(&all, &size);
    for (size_t i = 0; i < n; i++) fprintf(out, "%s\n", lines[i]);
    fclose(out);
    free(text);
    return all;
}

static void print_nodes(const struct st_topology *topology, FILE *out)
{
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        fprintf(out, "%s: %s %s %s\n", node->name, st_node_type_name(node->type),
                node->kind ? node->kind->name : "", node->n_topics ? node->topics[0] : "");
        for (size_t k = 0; k < node->n_children; k++)
            fprintf(out, "%s -> %s\n", node->name, node->children[k]->name);
        for (size_t k = 0; k < node->n_globals; k++)
            fprintf(out, "%s looks into %s\n", node->name, node->globals[k]->name);
    }
}

static char *shown(const struct st_topology *topology, const struct st_plan *plan)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print_nodes(topology, out);
    print_stores(topology, out);
    print_serdes(plan, out);
    fclose(out);
    return sorted(text);
}

static void nodes_edges_and_stores_are_the_same(void **state)
{
    (void)state;
    struct cli_config loaded;
    struct aq_err err = {0};
    bool good = cli_config_load(&loaded, "t.conf", config, NULL, 0);
    char *said = printed(&loaded.diags);
    T_CHECK(good, "%s", said);
    struct aq_streams_builder *builder = in_c();
    struct st_plan *plan = st_plan_create(builder->topology, &err);
    T_CHECK(plan != NULL, "%s", err.text);
    char *in_conf = shown(loaded.streams.topology, loaded.streams.plan),
         *made = shown(builder->topology, plan);
    T_CHECK(strcmp(made, in_conf) == 0, "%s\nis not\n%s", made, in_conf);
    free(said);
    free(in_conf);
    free(made);
    st_plan_destroy(plan);
    aq_streams_builder_destroy(builder);
    cli_config_finish(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nodes_edges_and_stores_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
