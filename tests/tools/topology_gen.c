/* SPDX-License-Identifier: Apache-2.0
 *
 * topology_gen: writes random topologies, each three times over, so that two engines can be compared: stateless ones, or with
 * --stateful such as keep rows.
 *
 * A scenario is a folder named by its seed, and the same seed always gives the same folder:
 *   aqueduct.conf    the topology as we read it; of a stateful one with compat = "kafka-streams"
 *   default.conf     a stateful one without that
 *   topology.txt     the topology as tests/differential/Oracle.java reads it
 *   input.jsonl      the records both are given
 * What is in the files is said in tests/differential/README.md. The last lines on stdout count what was drawn; a run of
 * 300 or more that drew an operator or a feature too seldom fails, because it would not test it.
 */
#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>

#include "tests/differential/inputs.h"
#include "tests/differential/writing.h"

#define COUNT_DEFAULT 300
/* Of this many scenarios at least one has the operator or feature in question, on average. */
#define SELDOM          15
#define SELDOM_STATEFUL 60

enum feature {
    FEATURE_SEVERAL_TOPICS,
    FEATURE_PATTERN,
    FEATURE_OWN_SERDES,
    FEATURE_EXTRACTOR,
    FEATURE_STATEMENTS,
    FEATURE_SERDE_CHANGE,
    FEATURE_SEVERAL_PARENTS,
    FEATURE_BRANCH_DEFAULT,
    FEATURE_NO_DEFAULT,
    FEATURE_PARTITIONS,
    FEATURE_NO_PARTITIONS,
    FEATURE_TOPIC_BY_VALUE,
    FEATURE_ORDER_FREE,
    FEATURE_COUNT
};

static const char *const feature_names[FEATURE_COUNT] = {
    "several_topics",
    "pattern",
    "own_serdes",
    "extractor",
    "statements",
    "serde_change",
    "several_parents",
    "branch_with_default",
    "branch_without_default",
    "partitions",
    "without_partitions",
    "topic_by_value",
    "order_free",
};

enum stateful_feature {
#define X(name) STATEFUL_##name,
#include "tests/differential/features.def"
#undef X
    STATEFUL_COUNT
};

static const char *const stateful_names[STATEFUL_COUNT] = {
#define X(name) #name,
#include "tests/differential/features.def"
#undef X
};

struct totals {
    bool stateful;
    size_t topologies, records, nodes;
    size_t ops[OP_COUNT], features[FEATURE_COUNT], stateful_features[STATEFUL_COUNT], rows[ROW_MENU_COUNT];
};

static FILE *create(const char *folder, const char *name)
{
    char *path = t_printf("%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    T_CHECK(out != NULL, "%s: %s", path, strerror(errno));
    free(path);
    return out;
}

static void finish(FILE *out)
{
    bool failed = ferror(out) != 0;
    T_CHECK(fclose(out) == 0 && !failed, "%s", strerror(errno));
}

/* ---- counting ----------------------------------------------------------------------------------------------------- */

static void count_node(const struct sketch *s, const struct node *node, struct totals *totals)
{
    size_t *features = totals->features;
    bool source = node->op == OP_SOURCE, branch = node->op == OP_BRANCH, cut = node->op == OP_REPARTITION;
    const struct stream *before = node->n_parents == 0 ? NULL : &s->streams[node->parents[0]];
    totals->ops[node->op]++;
    features[FEATURE_SEVERAL_TOPICS] += node->n_topics > 1 && !node->pattern;
    features[FEATURE_PATTERN] += node->pattern;
    features[FEATURE_OWN_SERDES] +=
        source && (node->key != s->default_key || node->value != s->default_value);
    features[FEATURE_EXTRACTOR] += node->extract != NULL;
    features[FEATURE_STATEMENTS] += node->n_calls && node->calls[0].function->role == STATEMENTS;
    features[FEATURE_SERDE_CHANGE] += before && (node->key != before->key || node->value != before->value);
    features[FEATURE_SEVERAL_PARENTS] +=
        node->n_parents > 2 || (node->n_parents == 2 && node->op != OP_MERGE);
    features[FEATURE_BRANCH_DEFAULT] += branch && node->has_default;
    features[FEATURE_NO_DEFAULT] += branch && !node->has_default;
    features[FEATURE_PARTITIONS] += cut && node->partitions;
    features[FEATURE_NO_PARTITIONS] += cut && !node->partitions;
    features[FEATURE_TOPIC_BY_VALUE] += node->op == OP_SINK && node->n_calls;
}

static void count_aggregation(const struct keeping *k, size_t *features)
{
    features[STATEFUL_by] += k->by;
    features[STATEFUL_of_table] += k->of_table;
    features[STATEFUL_cached] += k->cached;
    features[STATEFUL_uncached] += !k->cached;
    features[STATEFUL_tumbling] += k->windows == TUMBLING;
    features[STATEFUL_hopping] += k->windows == HOPPING;
    features[STATEFUL_sliding] += k->windows == SLIDING;
    features[STATEFUL_session] += k->windows == SESSION;
    features[STATEFUL_grace] += k->windows && k->grace;
    features[STATEFUL_retention] += k->retention > 0;
    features[STATEFUL_emit_updates] += k->windows && !k->close;
    features[STATEFUL_emit_close] += k->close;
}

static void count_cogroup(const struct node *node, struct totals *totals)
{
    const struct keeping *k = &node->keeping;
    size_t *features = totals->stateful_features, by = 0;
    for (size_t i = 0; i < node->n_parents; i++) {
        by += k->inputs[i].by >= 0;
        totals->rows[k->inputs[i].row - row_menu]++;
    }
    features[STATEFUL_cogroup_by] += by > 0;
    features[STATEFUL_cogroup_windows] += k->windows != NO_WINDOWS;
    features[STATEFUL_cogroup_several] += node->n_parents > 1;
}

static void count_join(const struct node *node, size_t *features)
{
    const struct keeping *k = &node->keeping;
    bool streams = node->op == OP_JOIN_STREAMS, tables = node->op == OP_JOIN_TABLES;
    bool global = node->op == OP_JOIN_GLOBAL;
    features[STATEFUL_global_inner] += global && k->kind == INNER_JOIN;
    features[STATEFUL_global_left] += global && k->kind == LEFT_JOIN;
    features[STATEFUL_global_by] += global && node->n_calls > 0;
    features[STATEFUL_inner] += k->kind == INNER_JOIN;
    features[STATEFUL_left] += streams && k->kind == LEFT_JOIN;
    features[STATEFUL_outer] += streams && k->kind == OUTER_JOIN;
    features[STATEFUL_tables_left] += tables && k->kind == LEFT_JOIN;
    features[STATEFUL_tables_outer] += tables && k->kind == OUTER_JOIN;
    features[STATEFUL_foreign_inner] += k->foreign && k->kind == INNER_JOIN;
    features[STATEFUL_foreign_left] += k->foreign && k->kind == LEFT_JOIN;
    features[STATEFUL_self_join] += node->parents[0] == node->parents[1];
    features[STATEFUL_join_grace] += streams && k->grace;
    features[STATEFUL_table_grace] += node->op == OP_JOIN_TABLE && k->grace;
    features[STATEFUL_asymmetric] += k->before != k->after;
}

static void count_keeping(const struct sketch *s, struct totals *totals)
{
    size_t *features = totals->stateful_features, keeping = 0;
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct node *node = &s->nodes[i];
        const struct keeping *k = &node->keeping;
        keeping += keeps_rows(node) && node->op != OP_TABLE;
        if (aggregates(node)) count_aggregation(k, features);
        if (node->op == OP_COGROUP)
            count_cogroup(node, totals);
        else if (aggregates(node))
            totals->rows[k->row - row_menu]++;
        if (joins(node)) count_join(node, features);
        features[STATEFUL_history] += k->history > 0;
        features[STATEFUL_kept_view] += k->kept && node->op != OP_JOIN_TABLES;
        features[STATEFUL_foreign_kept] += k->kept && k->foreign;
        features[STATEFUL_view] += k->of_table && !k->kept && !aggregates(node);
        features[STATEFUL_suppress_close] += node->op == OP_SUPPRESS && k->close;
        features[STATEFUL_suppress_limit] += node->op == OP_SUPPRESS && !k->close;
        features[STATEFUL_suppress_bounded] += k->most > 0;
        features[STATEFUL_windows_as_keys] += node->op == OP_SINK && node->key & W;
    }
    features[STATEFUL_several_keeping] += keeping > 1;
    features[STATEFUL_nothing_cached] += s->uncached;
}

static void count(const struct sketch *s, size_t records, struct totals *totals)
{
    totals->topologies++;
    totals->records += records;
    totals->nodes += s->n_nodes;
    for (size_t i = 0; i < s->n_nodes; i++) count_node(s, &s->nodes[i], totals);
    for (size_t i = 0; i < s->n_families; i++) totals->features[FEATURE_ORDER_FREE] += !family_is_exact(s, i);
    if (s->stateful) count_keeping(s, totals);
}

/* How many of the list are too seldom. */
static size_t print_counts(const char *title, const char *const *names, const size_t *counts, size_t count,
                           size_t least)
{
    size_t seldom = 0;
    printf("%s:", title);
    for (size_t i = 0; i < count; i++) {
        printf(" %s=%zu", names[i], counts[i]);
        seldom += counts[i] < least;
    }
    printf("\n");
    return seldom;
}

static size_t print_stateless_counts(const struct totals *totals, size_t least)
{
    size_t seldom = print_counts("operators", op_names, totals->ops, STATELESS_COUNT, least);
    return seldom + print_counts("features", feature_names, totals->features, FEATURE_COUNT, least);
}

static size_t print_stateful_counts(const struct totals *totals, size_t least)
{
    const char *rows[ROW_MENU_COUNT];
    for (size_t i = 0; i < ROW_MENU_COUNT; i++) rows[i] = row_menu[i].id;
    size_t seldom = print_counts("operators", op_names, totals->ops, OP_COUNT, least);
    seldom += print_counts("features", stateful_names, totals->stateful_features, STATEFUL_COUNT, least);
    return seldom + print_counts("rows", rows, totals->rows, ROW_MENU_COUNT, least ? 1 : 0);
}

static bool print_totals(const struct totals *totals)
{
    size_t seldom, least = totals->topologies / (totals->stateful ? SELDOM_STATEFUL : SELDOM);
    if (totals->topologies < COUNT_DEFAULT) least = 0;
    printf("topologies=%zu nodes=%zu records=%zu\n", totals->topologies, totals->nodes, totals->records);
    seldom = totals->stateful ? print_stateful_counts(totals, least) : print_stateless_counts(totals, least);
    if (seldom) fprintf(stderr, "topology_gen: %zu of these occur less than %zu times\n", seldom, least);
    return seldom == 0;
}

/* ---- main --------------------------------------------------------------------------------------------------------- */

static void make_folder(const char *path)
{
    T_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
}

static void write_default_conf(const struct sketch *s, const char *folder)
{
    FILE *conf = create(folder, "default.conf");
    put_conf(s, false, conf);
    finish(conf);
}

static void write_scenario(const char *out, uint64_t seed, struct totals *totals)
{
    struct sketch s;
    char *folder = t_printf("%s/%llu", out, (unsigned long long)seed);
    make_folder(folder);
    if (totals->stateful)
        sketch_draw_stateful(&s, seed);
    else
        sketch_draw(&s, seed);
    FILE *conf = create(folder, "aqueduct.conf"), *text = create(folder, "topology.txt");
    FILE *input = create(folder, "input.jsonl");
    put_conf(&s, totals->stateful, conf);
    put_text(&s, text);
    size_t records = totals->stateful ? put_stateful_records(&s, input) : put_records(&s, input);
    finish(conf);
    finish(text);
    finish(input);
    if (totals->stateful) write_default_conf(&s, folder);
    count(&s, records, totals);
    free(folder);
}

static _Noreturn void usage(void)
{
    fputs("usage: topology_gen --out FOLDER [--seed N (1)] [--count N (300)] [--stateful]\n", stderr);
    exit(64);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"stateful", no_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    const char *out = NULL;
    uint64_t seed = 1, wanted = COUNT_DEFAULT;
    struct totals totals = {0};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'o': out = optarg; break;
        case 's': seed = strtoull(optarg, NULL, 10); break;
        case 'n': wanted = strtoull(optarg, NULL, 10); break;
        case 'k': totals.stateful = true; break;
        default: usage();
        }
    }
    if (!out || optind < argc || wanted == 0) usage();
    make_folder(out);
    for (uint64_t i = 0; i < wanted; i++) write_scenario(out, seed + i, &totals);
    return print_totals(&totals) ? 0 : 1;
}
