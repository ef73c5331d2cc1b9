/* SPDX-License-Identifier: Apache-2.0
 *
 * A sketch as files: the configuration we read, and the text Oracle.java reads (README.md has both). Only
 * tests/tools/topology_gen.c includes this.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_WRITING_H
#define AQ_TESTS_DIFFERENTIAL_WRITING_H

#include "tests/differential/stateful.h"

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

/* A text of a menu with its parameters in place. */
static void put_menu_part(const char *text, size_t length, int p, size_t family, FILE *out)
{
    for (const char *at = text; at < text + length; at++) {
        if (*at == '$' && at[1] == 'p')
            fprintf(out, "%d", p), at++;
        else if (*at == '$' && at[1] == 'f')
            fprintf(out, "out%zu", family), at++;
        else
            fputc(*at, out);
    }
}

static void put_menu_text(const char *text, int p, size_t family, FILE *out)
{
    put_menu_part(text, strlen(text), p, family, out);
}

static void put_lua(const struct call *call, size_t family, FILE *out)
{
    put_menu_text(call->function->lua, call->p, family, out);
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

/* ---- for us: what keeps rows ------------------------------------------------------------------------------------- */

static void put_flag(const char *name, bool value, FILE *out)
{
    fprintf(out, " %s = %s;", name, value ? "true" : "false");
}

static void put_ms(const char *name, int ms, FILE *out)
{
    if (ms > 0) fprintf(out, " %s = \"%dms\";", name, ms);
}

static void put_table_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    fprintf(out, " topic = \"in%zu.a\"; key_serde = \"%s\"; value_serde = \"%s\";", (size_t)(node - s->nodes),
            type_name(node->key), type_name(node->value));
    put_ms("history", node->keeping.history, out);
}

static void put_windows_conf(const struct keeping *k, FILE *out)
{
    static const char *const lengths[] = {"", "size", "size", "difference", "gap"};
    fprintf(out, " window = { type = \"%s\"; %s = %d;", windows_names[k->windows], lengths[k->windows],
            k->size);
    if (k->windows == HOPPING) fprintf(out, " advance = %d;", k->advance);
    if (k->grace) fprintf(out, " grace = %d;", k->grace);
    if (k->retention) fprintf(out, " retention = %d;", k->retention);
    fprintf(out, " }; emit = \"%s\";", k->close ? "close" : "updates");
}

static void put_aggregation_conf(const struct node *node, FILE *out)
{
    const struct keeping *k = &node->keeping;
    put_menu_text(k->row->conf, k->p, 0, out);
    if (k->by) {
        put_option("by", &node->calls[0], out);
        fprintf(out, " by_serde = \"%s\";", type_name(k->key));
    }
    if (k->windows) put_windows_conf(k, out);
}

/* Those options of the row that are an input's, or those that are the node's. */
static void put_row_options(const struct row_menu *row, bool of_input, int p, FILE *out)
{
    for (const char *at = row->conf; *at; at += option_length(at)) {
        /* Rows of streams have nothing to subtract. */
        if (is_of_input(at) == of_input && strncmp(at, " subtract =", 11) != 0)
            put_menu_part(at, option_length(at), p, 0, out);
    }
}

static void put_cogroup_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    const struct keeping *k = &node->keeping;
    bool by = false;
    put_row_options(k->row, false, k->p, out);
    fputs(" inputs = (", out);
    for (size_t i = 0; i < node->n_parents; i++) {
        fputs(i ? ", { from = \"" : " { from = \"", out);
        put_stream_name(s, node->parents[i], out);
        fputs("\";", out);
        if (k->inputs[i].by >= 0) put_option("by", &node->calls[k->inputs[i].by], out);
        by = by || k->inputs[i].by >= 0;
        put_row_options(k->inputs[i].row, true, k->p, out);
        fputs(" }", out);
    }
    fputs(" );", out);
    if (by) fprintf(out, " by_serde = \"%s\";", type_name(k->key));
    if (k->windows) put_windows_conf(k, out);
}

/* One side of the results of "pair": every type as text, nil where there is none. */
static const char *half_of(unsigned type, bool left)
{
    switch (type) {
    case D: return left ? "(left and math.floor(left) or 'nil')" : "(right and math.floor(right) or 'nil')";
    case A: return left ? "(left and 'json' or 'nil')" : "(right and 'json' or 'nil')";
    case J:
        return left ? "(left and (left.s or left.n) or 'nil')" : "(right and (right.s or right.n) or 'nil')";
    default: return left ? "(left or 'nil')" : "(right or 'nil')";
    }
}

static void put_join_conf(const struct node *node, FILE *out)
{
    const struct keeping *k = &node->keeping;
    const char *a = half_of(k->left, true), *b = half_of(k->right, false);
    fprintf(out, " kind = \"%s\"; value_serde = \"%s\";", join_kinds[k->kind], type_name(node->value));
    switch (k->joiner[0]) {
    case 's': fputs(" join = \"(left or 0) + (right or 0)\";", out); break;
    case 'l': fputs(" join = \"left\";", out); break;
    case 'r': fputs(" join = \"right\";", out); break;
    case 'b':
        fprintf(out, " join = \"left ~= nil and right ~= nil and %s .. '&' .. %s or nil\";", a, b);
        break;
    default: fprintf(out, " join = \"%s .. '+' .. %s\";", a, b);
    }
    if (k->foreign) put_option("foreign_key", &node->calls[0], out);
    if (node->op == OP_JOIN_GLOBAL && node->n_calls) put_option("key", &node->calls[0], out);
    if (node->op == OP_JOIN_STREAMS) fprintf(out, " before = %d; after = %d;", k->before, k->after);
    if (k->grace) fprintf(out, " grace = %d;", k->grace);
}

static void put_suppress_conf(const struct keeping *k, FILE *out)
{
    fprintf(out, " until = \"%s\";", k->close ? "window_closes" : "time_limit");
    put_ms("limit", k->limit, out);
    if (k->most) fprintf(out, " max_records = %d;", k->most);
    if (k->most && k->strict) fputs(" when_full = \"shut_down\";", out);
}

static void put_keeping_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    const struct keeping *k = &node->keeping;
    bool store = node->op == OP_TABLE || node->op == OP_TO_TABLE || aggregates(node);
    if (node->op == OP_TABLE || node->op == OP_GLOBAL_TABLE) put_table_conf(s, node, out);
    if (node->op == OP_COGROUP)
        put_cogroup_conf(s, node, out);
    else if (aggregates(node))
        put_aggregation_conf(node, out);
    if (joins(node)) put_join_conf(node, out);
    if (node->op == OP_SUPPRESS) put_suppress_conf(k, out);
    if (store) put_flag("cached", k->cached, out);
    if (store || node->op == OP_JOIN_STREAMS) put_flag("in_memory", k->in_memory, out);
}

/* ---- for us: all -------------------------------------------------------------------------------------------------- */

static void put_node_conf(const struct sketch *s, const struct node *node, FILE *out)
{
    fprintf(out, "    %s = { type = \"%s\";", node->name, op_names[node->op]);
    bool reads = node->op == OP_SOURCE || node->op == OP_TABLE || node->op == OP_GLOBAL_TABLE;
    if (!reads && node->op != OP_COGROUP) put_from(s, node, out);
    if (node->keeping.kept) fprintf(out, " store = \"%s-rows\";", node->name);
    if (node->op >= STATELESS_COUNT) {
        put_keeping_conf(s, node, out);
        fputs(" };\n", out);
        return;
    }
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

/* compat: as Kafka Streams does it, also where ours is another way. */
static void put_conf(const struct sketch *s, bool compat, FILE *out)
{
    fprintf(out, "# topology_gen --seed %llu --count 1%s\nstreams = {\n  application_id = \"diff-%llu\";\n",
            (unsigned long long)s->seed, s->stateful ? " --stateful" : "", (unsigned long long)s->seed);
    if (compat) fputs("  compat = \"kafka-streams\";\n", out);
    if (s->uncached) fputs("  statestore_cache_max_bytes = 0;\n", out);
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

static const char *text_type(unsigned type)
{
    return type == A ? "any_json" : type_name(type);
}

/* A key of windows as its Java serde is found: time:string:20 (ms), session:string. */
static void put_key_type(unsigned key, const struct node *windows, FILE *out)
{
    const char *inner = type_name(key & ~(unsigned)W);
    if (!(key & W))
        fprintf(out, "\tkey=%s", inner);
    else if (windows->keeping.windows == SESSION)
        fprintf(out, "\tkey=session:%s", inner);
    else
        fprintf(out, "\tkey=time:%s:%d", inner, windows->keeping.size);
}

static void put_number(const char *name, int number, FILE *out)
{
    if (number) fprintf(out, "\t%s=%d", name, number);
}

/* For each input its row, type of values, and the name of the function that makes its keys, or none. */
static void put_inputs_text(const struct node *node, FILE *out)
{
    static const char *const slots[CALLS_MAX] = {"fn", "fn2", "fn3"};
    const struct keeping *k = &node->keeping;
    for (size_t i = 0; i < node->n_parents; i++)
        fprintf(out, "%s%s:%d", i ? "," : "\trow=", k->inputs[i].row->id, k->p);
    for (size_t i = 0; i < node->n_parents; i++)
        fprintf(out, "%s%s", i ? "," : "\tgroup_values=", text_type(k->inputs[i].value));
    for (size_t i = 0; i < node->n_parents; i++)
        fprintf(out, "%s%s", i ? "," : "\tby_calls=", k->inputs[i].by < 0 ? "none" : slots[k->inputs[i].by]);
}

static void put_aggregation_text(const struct node *node, FILE *out)
{
    const struct keeping *k = &node->keeping;
    if (node->op == OP_COGROUP)
        put_inputs_text(node, out);
    else
        fprintf(out, "\trow=%s:%d", k->row->id, k->p);
    fprintf(out, "\tgroup_key=%s\tgroup_value=%s\tcached=%s", type_name(k->key), text_type(k->value),
            k->cached ? "yes" : "no");
    if (k->by) fputs("\tby=yes", out);
    if (!k->windows) return;
    fprintf(out, "\twindows=%s\tsize=%d\tgrace=%d", windows_names[k->windows], k->size, k->grace);
    put_number("advance", k->advance, out);
    put_number("retention", k->retention, out);
    if (k->close) fputs("\temit=close", out);
}

static void put_join_text(const struct keeping *k, FILE *out)
{
    fprintf(out, "\tkind=%s\tjoiner=%s\tleft=%s\tright=%s\tbefore=%d\tafter=%d\tgrace=%d",
            join_kinds[k->kind], k->joiner, text_type(k->left), text_type(k->right), k->before, k->after,
            k->grace);
}

static void put_keeping_text(const struct sketch *s, const struct node *node, FILE *out)
{
    const struct keeping *k = &node->keeping;
    if (k->of_table) fputs("\tof=table", out);
    if (k->kept) fprintf(out, "\tkept=%s", s->uncached ? "uncached" : "yes");
    if (node->op == OP_TABLE)
        fprintf(out, "\ttopics=in%zu.a\thistory=%d", (size_t)(node - s->nodes), k->history);
    if (node->op == OP_GLOBAL_TABLE) fprintf(out, "\ttopics=in%zu.a", (size_t)(node - s->nodes));
    if (node->op == OP_TABLE || node->op == OP_TO_TABLE)
        fprintf(out, "\tcached=%s", k->cached ? "yes" : "no");
    if (aggregates(node)) put_aggregation_text(node, out);
    if (joins(node)) put_join_text(k, out);
    if (k->foreign) fputs("\tforeign=yes", out);
    if (node->op != OP_SUPPRESS) return;
    fprintf(out, "\tuntil=%s\tlimit=%d", k->close ? "close" : "limit", k->limit);
    put_number("most", k->most, out);
    if (k->strict) fputs("\tfull=end", out);
}

static void put_node_text(const struct sketch *s, const struct node *node, FILE *out)
{
    static const char *const slots[CALLS_MAX] = {"fn", "fn2", "fn3"};
    size_t index = (size_t)(node - s->nodes);
    const struct node *windows = aggregates(node)  ? node
                                 : node->n_parents ? s->streams[node->parents[0]].windows
                                                   : NULL;
    fprintf(out, "node\tname=%s\top=%s", node->name, op_names[node->op]);
    put_key_type(node->key, windows, out);
    fprintf(out, "\tvalue=%s", text_type(node->value));
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
    for (size_t i = 0; i < node->n_topics && node->op == OP_SOURCE; i++)
        fprintf(out, "%sin%zu.%c", i ? "," : "\ttopics=", index, (char)('a' + i));
    if (node->extract) fprintf(out, "\textractor=%s", node->extract);
    put_keeping_text(s, node, out);
    fputs("\n", out);
}

static void put_text(const struct sketch *s, FILE *out)
{
    fprintf(out, "application\tid=diff-%llu\tdescribe=%s\n", (unsigned long long)s->seed,
            s->plain ? "yes" : "no");
    for (size_t i = 0; i < s->n_nodes; i++) put_node_text(s, &s->nodes[i], out);
    for (size_t i = 0; i < s->n_families; i++)
        fprintf(out, "output\ttopic=out%zu\torder=%s%s\n", i, family_is_exact(s, i) ? "exact" : "free",
                family_has_headers(s, i) ? "" : "\theaders=free");
}

#endif
