/* SPDX-License-Identifier: Apache-2.0
 *
 * topology_gen: writes random stateless topologies, each three times over, so that two engines can be compared.
 *
 * A scenario is a folder named by its seed, and the same seed always gives the same folder:
 *   aqueduct.conf    the topology as we read it
 *   topology.txt     the topology as tests/differential/Oracle.java reads it
 *   input.jsonl      the records both are given
 * What is in the files is said in tests/differential/README.md. The last lines on stdout count what was drawn; a run of
 * 300 or more that drew an operator or a feature too seldom fails, because it would not test it.
 */
#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>

#include "tests/differential/inputs.h"

#define COUNT_DEFAULT 300
/* Of this many scenarios at least one has the operator or feature in question, on average. */
#define SELDOM 15

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

struct totals {
    size_t topologies, records, nodes;
    size_t ops[OP_COUNT], features[FEATURE_COUNT];
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

static void put_stream_name(const struct sketch *s, size_t index, FILE *out)
{
    const struct stream *stream = &s->streams[index];
    const struct node *node = &s->nodes[stream->node];
    fputs(node->name, out);
    if (stream->branch < 0) return;
    bool rest = (size_t)stream->branch == node->n_calls;
    fprintf(out, "-%s", rest ? "rest" : branch_names[stream->branch]);
}

/* ---- for us ------------------------------------------------------------------------------------------------------- */

/* The function's Lua with its parameters in place. */
static void put_lua(const struct call *call, size_t family, FILE *out)
{
    for (const char *at = call->function->lua; *at; at++) {
        if (*at == '$' && at[1] == 'p')
            fprintf(out, "%d", call->p), at++;
        else if (*at == '$' && at[1] == 'f')
            fprintf(out, "out%zu", family), at++;
        else
            fputc(*at, out);
    }
}

static void put_option(const char *name, const struct call *call, FILE *out)
{
    fprintf(out, " %s = \"", name);
    put_lua(call, 0, out);
    fputs("\";", out);
}

static void put_from(const struct sketch *s, const struct node *node, FILE *out)
{
    fprintf(out, " from = %s", node->n_parents > 1 ? "[" : "");
    for (size_t i = 0; i < node->n_parents; i++) {
        fputs(i ? ", \"" : "\"", out);
        put_stream_name(s, node->parents[i], out);
        fputs("\"", out);
    }
    fprintf(out, "%s;", node->n_parents > 1 ? "]" : "");
}

static void put_source_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    size_t index = (size_t)(node - s->nodes);
    if (node->pattern) {
        fprintf(out, " pattern = \"in%zu\\\\..*\";", index);
    } else {
        fputs(" topics = [", out);
        for (size_t i = 0; i < node->n_topics; i++)
            fprintf(out, "%s\"in%zu.%c\"", i ? ", " : "", index, (char)('a' + i));
        fputs("];", out);
    }
    if (node->spelled || node->key != s->default_key)
        fprintf(out, " key_serde = \"%s\";", type_name(node->key));
    if (node->spelled || node->value != s->default_value)
        fprintf(out, " value_serde = \"%s\";", type_name(node->value));
    if (node->spelled) fputs(" auto_offset_reset = \"earliest\";", out);
    if (node->extract) fprintf(out, " timestamp_extractor = \"%s\";", node->extract);
}

static void put_branch_conf(const struct node *node, FILE *out)
{
    fputs(" branches = {", out);
    for (size_t i = 0; i < node->n_calls; i++) put_option(branch_names[i], &node->calls[i], out);
    fputs(" };", out);
    if (node->has_default) fputs(" default = \"rest\";", out);
}

static void put_sink_conf(const struct node *node, FILE *out)
{
    if (node->n_calls == 0) {
        fprintf(out, " topic = \"out%zu\";", node->family);
        return;
    }
    fputs(" topic_by = \"", out);
    put_lua(&node->calls[0], node->family, out);
    fputs("\";", out);
    fprintf(out, " topic_allow = [\"out%zu\\\\..*\"];", node->family);
}

/* The serdes behind a node that may change what is in a record, where they are others than before. */
static void put_serdes(const struct sketch *s, const struct node *node, bool key, FILE *out)
{
    const struct stream *before = &s->streams[node->parents[0]];
    if (key && (node->spelled || node->key != before->key))
        fprintf(out, " key_serde = \"%s\";", type_name(node->key));
    if (node->op != OP_SELECT_KEY && (node->spelled || node->value != before->value))
        fprintf(out, " value_serde = \"%s\";", type_name(node->value));
}

static void put_change_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    const struct call *calls = node->calls;
    bool statements = calls[0].function->role == STATEMENTS;
    switch (node->op) {
    case OP_MAP: put_option("key", &calls[0], out), put_option("value", &calls[1], out); break;
    case OP_SELECT_KEY: put_option("key", &calls[0], out); break;
    case OP_MAP_VALUES: put_option(statements ? "map" : "value", &calls[0], out); break;
    case OP_FLAT_MAP: put_option("records", &calls[0], out); break;
    case OP_FLAT_MAP_VALUES: put_option("values", &calls[0], out); break;
    default: T_FAIL("%s changes nothing", node->name);
    }
    bool key = node->op == OP_MAP || node->op == OP_SELECT_KEY || node->op == OP_FLAT_MAP;
    if (!statements) put_serdes(s, node, key, out);
}

static void put_node_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    fprintf(out, "    %s = { type = \"%s\";", node->name, op_names[node->op]);
    if (node->op != OP_SOURCE) put_from(s, node, out);
    switch (node->op) {
    case OP_SOURCE: put_source_conf(s, node, out); break;
    case OP_FILTER:
    case OP_FILTER_NOT: put_option("where", &node->calls[0], out); break;
    case OP_PEEK:
    case OP_FOREACH: fputs(" run = \"seen = (seen or 0) + 1\";", out); break;
    case OP_MERGE: break;
    case OP_BRANCH: put_branch_conf(node, out); break;
    case OP_REPARTITION:
        if (node->partitions) fprintf(out, " partitions = %d;", node->partitions);
        break;
    case OP_SINK: put_sink_conf(node, out); break;
    default: put_change_conf(s, node, out);
    }
    fputs(" };\n", out);
}

static void put_conf(const struct sketch *s, FILE *out)
{
    fprintf(out, "# topology_gen --seed %llu --count 1\nstreams = {\n  application_id = \"diff-%llu\";\n",
            (unsigned long long)s->seed, (unsigned long long)s->seed);
    fprintf(out, "  bootstrap_servers = \"127.0.0.1:9092\";\n  default_key_serde = \"%s\";\n",
            type_name(s->default_key));
    fprintf(out, "  default_value_serde = \"%s\";\n  topology = {\n", type_name(s->default_value));
    for (size_t i = 0; i < s->n_nodes; i++) put_node_conf(s, &s->nodes[i], out);
    fputs("  };\n};\n", out);
}

/* ---- for the oracle ----------------------------------------------------------------------------------------------- */

static void put_call(const char *name, const struct call *call, FILE *out)
{
    fprintf(out, "\t%s=%s:%d", name, call->function->id, call->p);
}

static void put_node_text(const struct sketch *s, const struct node *node, FILE *out)
{
    static const char *const slots[CALLS_MAX] = {"fn", "fn2", "fn3"};
    size_t index = (size_t)(node - s->nodes);
    fprintf(out, "node\tname=%s\top=%s\tkey=%s\tvalue=%s", node->name, op_names[node->op],
            type_name(node->key), type_name(node->value));
    for (size_t i = 0; i < node->n_parents; i++) {
        fputs(i ? "," : "\tfrom=", out);
        put_stream_name(s, node->parents[i], out);
    }
    for (size_t i = 0; i < node->n_calls; i++) put_call(slots[i], &node->calls[i], out);
    for (size_t i = 0; i < node->n_calls && node->op == OP_BRANCH; i++)
        fprintf(out, "%s%s", i ? "," : "\tbranches=", branch_names[i]);
    if (node->has_default) fputs("\tdefault=rest", out);
    if (node->partitions) fprintf(out, "\tpartitions=%d", node->partitions);
    if (node->op == OP_SINK) fprintf(out, "\ttopic=out%zu", node->family);
    if (node->pattern) fprintf(out, "\tpattern=in%zu\\..*", index);
    for (size_t i = 0; i < node->n_topics; i++)
        fprintf(out, "%sin%zu.%c", i ? "," : "\ttopics=", index, (char)('a' + i));
    if (node->extract) fprintf(out, "\textractor=%s", node->extract);
    fputs("\n", out);
}

static void put_text(const struct sketch *s, FILE *out)
{
    fprintf(out, "application\tid=diff-%llu\tdescribe=%s\n", (unsigned long long)s->seed,
            s->plain ? "yes" : "no");
    for (size_t i = 0; i < s->n_nodes; i++) put_node_text(s, &s->nodes[i], out);
    for (size_t i = 0; i < s->n_families; i++)
        fprintf(out, "output\ttopic=out%zu\torder=%s\n", i, family_is_exact(s, i) ? "exact" : "free");
}

/* ---- counting ----------------------------------------------------------------------------------------------------- */

static void count_node(const struct sketch *s, const struct node *node, struct totals *totals)
{
    size_t *features = totals->features;
    bool source = node->op == OP_SOURCE, branch = node->op == OP_BRANCH, cut = node->op == OP_REPARTITION;
    const struct stream *before = source ? NULL : &s->streams[node->parents[0]];
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

static void count(const struct sketch *s, size_t records, struct totals *totals)
{
    totals->topologies++;
    totals->records += records;
    totals->nodes += s->n_nodes;
    for (size_t i = 0; i < s->n_nodes; i++) count_node(s, &s->nodes[i], totals);
    for (size_t i = 0; i < s->n_families; i++) totals->features[FEATURE_ORDER_FREE] += !family_is_exact(s, i);
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

static bool print_totals(const struct totals *totals)
{
    size_t least = totals->topologies < COUNT_DEFAULT ? 0 : totals->topologies / SELDOM;
    printf("topologies=%zu nodes=%zu records=%zu\n", totals->topologies, totals->nodes, totals->records);
    size_t seldom = print_counts("operators", op_names, totals->ops, OP_COUNT, least);
    seldom += print_counts("features", feature_names, totals->features, FEATURE_COUNT, least);
    if (seldom) fprintf(stderr, "topology_gen: %zu of these occur less than %zu times\n", seldom, least);
    return seldom == 0;
}

/* ---- main --------------------------------------------------------------------------------------------------------- */

static void make_folder(const char *path)
{
    T_CHECK(mkdir(path, 0777) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
}

static void write_scenario(const char *out, uint64_t seed, struct totals *totals)
{
    struct sketch s;
    char *folder = t_printf("%s/%llu", out, (unsigned long long)seed);
    make_folder(folder);
    sketch_draw(&s, seed);
    FILE *conf = create(folder, "aqueduct.conf"), *text = create(folder, "topology.txt");
    FILE *input = create(folder, "input.jsonl");
    put_conf(&s, conf);
    put_text(&s, text);
    size_t records = put_records(&s, input);
    finish(conf);
    finish(text);
    finish(input);
    count(&s, records, totals);
    free(folder);
}

static _Noreturn void usage(void)
{
    fputs("usage: topology_gen --out FOLDER [--seed N (1)] [--count N (300)]\n", stderr);
    exit(64);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"count", required_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    const char *out = NULL;
    uint64_t seed = 1, wanted = COUNT_DEFAULT;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'o': out = optarg; break;
        case 's': seed = strtoull(optarg, NULL, 10); break;
        case 'n': wanted = strtoull(optarg, NULL, 10); break;
        default: usage();
        }
    }
    if (!out || optind < argc || wanted == 0) usage();
    struct totals totals = {0};
    make_folder(out);
    for (uint64_t i = 0; i < wanted; i++) write_scenario(out, seed + i, &totals);
    return print_totals(&totals) ? 0 : 1;
}
