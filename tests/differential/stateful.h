/* SPDX-License-Identifier: Apache-2.0
 *
 * A random stateful topology: sources and tables, then up to 8 operators of which 1 to 3 keep rows, with what those need in front
 * of them (a repartition behind a new key, a table to join); a sink behind every stream nobody reads. Only tests/tools/topology_gen.c
 * includes this.
 *
 * What rows become depends on the order in which records come. So every operator that keeps some stands in a part that
 * gets them in one order only (sketch.h); a topology in which one does not is thrown away, and another drawn.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_STATEFUL_H
#define AQ_TESTS_DIFFERENTIAL_STATEFUL_H

#include "tests/differential/aggregating.h"

#define INNER_MAX    8
#define KEEPING_MAX  3
#define ATTEMPTS_MAX 1000

/* ---- joins --------------------------------------------------------------------------------------------------------- */

static void join_types(struct sketch *s, struct node *node, size_t left, size_t right)
{
    struct keeping *k = &node->keeping;
    k->left = s->streams[left].value;
    k->right = s->streams[right].value;
    size_t lot = draw(s, 10);
    bool numbers = k->left == L && k->right == L;
    k->joiner = numbers && lot < 4 ? "sum"
                : lot < 7          ? "pair"
                : lot == 7         ? "left"
                : lot == 8         ? "right"
                                   : "both";
    node->key = s->streams[left].key;
    node->value = k->joiner[0] == 's'   ? L
                  : k->joiner[0] == 'l' ? k->left
                  : k->joiner[0] == 'r' ? k->right
                                        : S;
}

/* Both sides in one part, and the type of the results. */
static void join_sides(struct sketch *s, struct node *node, size_t left, size_t right)
{
    add_parent(s, node, left);
    add_parent(s, node, right);
    join_types(s, node, left, right);
}

static void draw_join_streams(struct sketch *s)
{
    size_t left = in_place(s, draw_stream(s));
    size_t right = chance(s, 20) ? left : flow_like(s, s->streams[left].key);
    struct node *node = new_node(s, OP_JOIN_STREAMS);
    struct keeping *k = &node->keeping;
    join_sides(s, node, left, right);
    k->kind = (enum join_kind)draw(s, 3);
    k->before = (int)draw(s, 40);
    k->after = chance(s, 50) ? k->before : (int)draw(s, 40);
    if (k->before + k->after == 0) k->after = 1;
    k->grace = chance(s, 60) ? (int)(1 + draw(s, 50)) : 0;
    k->in_memory = chance(s, 30);
    add_stream(s, node, -1);
}

static void draw_join_table(struct sketch *s)
{
    size_t left = in_place(s, draw_stream(s));
    size_t right = table_like(s, s->streams[left].key, chance(s, 50));
    const struct node *table = &s->nodes[s->streams[right].node];
    bool waits = table->keeping.history && chance(s, 60);
    /* Kafka Streams' join with a grace fails on null keys. */
    if (waits) left = with_keys(s, left);
    struct node *node = new_node(s, OP_JOIN_TABLE);
    join_sides(s, node, left, right);
    node->keeping.kind = (enum join_kind)draw(s, 2);
    if (waits) node->keeping.grace = 1 + (int)draw(s, (size_t)table->keeping.history);
    add_stream(s, node, -1);
}

/* Mostly by another key than the record's. The row is found by key and value only. */
static void draw_join_global(struct sketch *s)
{
    size_t left = as_flow(s, draw_stream(s)), right = find_stream(s, GLOBAL, 0);
    bool by = chance(s, 75);
    struct node probe = {.key = s->streams[left].key, .value = s->streams[left].value};
    s->pure = true;
    if (by) draw_call(s, &probe, KEY, probe.key, probe.value);
    s->pure = false;
    unsigned key = by ? type_after(probe.calls[0].function->to_key, probe.key) : probe.key;
    if (right == SIZE_MAX || s->streams[right].key != key) right = add_global(s, key, draw_value_type(s));
    struct node *node = new_node(s, OP_JOIN_GLOBAL);
    add_parent(s, node, left);
    node->parents[node->n_parents++] = right;
    if (by) node->calls[node->n_calls++] = probe.calls[0];
    join_types(s, node, left, right);
    node->keeping.kind = (enum join_kind)draw(s, 2);
    add_stream(s, node, -1);
}

/* A table of its own is on the right: where one input record changed both sides, an engine is free to see either first. */
static void draw_foreign_join(struct sketch *s, size_t left)
{
    struct node probe = {.key = s->streams[left].key, .value = s->streams[left].value};
    s->pure = true;
    draw_call(s, &probe, KEY, probe.key, probe.value);
    s->pure = false;
    unsigned key = type_after(probe.calls[0].function->to_key, probe.key);
    size_t right = add_table(s, key, draw_value_type(s), chance(s, 25));
    struct node *node = new_node(s, OP_JOIN_TABLES);
    node->keeping.foreign = true;
    add_parent(s, node, left);
    node->parents[node->n_parents++] = right;
    s->streams[right].used = true;
    s->part_up[part_of(s, NODES_ROOM + (size_t)(node - s->nodes))] = part_of(s, s->streams[right].part);
    node->calls[node->n_calls++] = probe.calls[0];
    join_types(s, node, left, right);
    node->keeping.kind = (enum join_kind)draw(s, 2);
    node->keeping.kept = chance(s, 40);
    add_stream(s, node, -1);
    s->streams[last_stream(s)].kind = node->keeping.kept ? TABLE : VIEW;
}

static void draw_join_tables(struct sketch *s)
{
    size_t left = find_stream(s, TABLE, 0);
    if (left == SIZE_MAX || chance(s, 30)) left = as_table(s, draw_stream(s));
    if (chance(s, 35)) {
        draw_foreign_join(s, left);
        return;
    }
    size_t right = table_like(s, s->streams[left].key, chance(s, 25));
    struct node *node = new_node(s, OP_JOIN_TABLES);
    join_sides(s, node, left, right);
    node->keeping.kind = (enum join_kind)draw(s, 3);
    node->keeping.kept = chance(s, 40);
    add_stream(s, node, -1);
    s->streams[last_stream(s)].kind = node->keeping.kept ? TABLE : VIEW;
}

/* ---- suppress, views ------------------------------------------------------------------------------------------------ */

static bool has_history(const struct sketch *s, size_t stream)
{
    const struct node *node = &s->nodes[s->streams[stream].node];
    if (node->keeping.history) return true;
    if (node->op != OP_FILTER && node->op != OP_FILTER_NOT && node->op != OP_MAP_VALUES) return false;
    return !node->keeping.kept && has_history(s, node->parents[0]);
}

static void draw_suppress(struct sketch *s)
{
    bool close = chance(s, 60);
    size_t stream = find_windows(s, close);
    if (close && stream == SIZE_MAX) {
        draw_aggregation(s, as_flow(s, draw_stream(s)), true);
        stream = last_stream(s);
        close = !s->nodes[s->streams[stream].node].keeping.close;
    }
    if (stream == SIZE_MAX || (!close && chance(s, 60))) {
        close = false;
        stream = find_stream(s, chance(s, 50) ? VIEW : TABLE, 0);
        /* A versioned table cannot be suppressed. */
        if (stream == SIZE_MAX || has_history(s, stream)) stream = as_table(s, add_source(s, S, L));
    }
    const struct stream *from = &s->streams[stream];
    enum stream_kind kind = from->kind == FLOW ? FLOW : VIEW;
    struct node *node = new_node(s, OP_SUPPRESS);
    add_parent(s, node, stream);
    node->keeping.close = close;
    node->keeping.limit = close ? 0 : 1 + (int)draw(s, 60);
    node->keeping.most = !close && chance(s, 40) ? 1 + (int)draw(s, 4) : chance(s, 20) ? 10000 : 0;
    node->keeping.strict = node->keeping.most == 10000;
    add_stream(s, node, -1);
    s->streams[last_stream(s)].kind = kind;
}

/* filter, filter_not or map_values of a table. */
static void draw_view(struct sketch *s, size_t stream)
{
    static const enum op ops[] = {OP_FILTER, OP_FILTER_NOT, OP_MAP_VALUES, OP_MAP_VALUES, OP_TO_STREAM};
    enum op op = ops[draw(s, sizeof(ops) / sizeof(ops[0]))];
    struct node *node = new_node(s, op);
    add_parent(s, node, stream);
    s->pure = true;
    if (op == OP_FILTER || op == OP_FILTER_NOT) draw_call(s, node, CONDITION, node->key, node->value);
    if (op == OP_MAP_VALUES) draw_change(s, node);
    s->pure = false;
    node->keeping.of_table = op != OP_TO_STREAM;
    node->keeping.kept = op != OP_TO_STREAM && chance(s, 35);
    add_stream(s, node, -1);
    s->streams[last_stream(s)].kind = op == OP_TO_STREAM ? FLOW : node->keeping.kept ? TABLE : VIEW;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

/* Operators that keep nothing: of records, of records of windows, of tables. */
static void draw_passing(struct sketch *s)
{
    size_t stream = draw_stream(s);
    if (s->streams[stream].kind != FLOW) {
        draw_view(s, stream);
        return;
    }
    enum op op = draw_op(s);
    bool windows = s->streams[stream].key & W;
    if (windows && (op == OP_MAP || op == OP_FLAT_MAP || op == OP_REPARTITION)) op = OP_SELECT_KEY;
    draw_inner(s, op, stream);
}

/* Nobody knows what its rows were: we refuse to group it, and Kafka Streams keeps its rows then. */
static bool forgets_rows(const struct sketch *s, size_t stream)
{
    const struct node *node = &s->nodes[s->streams[stream].node];
    if (node->keeping.foreign) return !node->keeping.kept;
    bool view = node->op == OP_SUPPRESS || (node->keeping.of_table && !aggregates(node));
    return view && !node->keeping.kept && forgets_rows(s, node->parents[0]);
}

static size_t draw_grouped_table(struct sketch *s)
{
    size_t view = chance(s, 40) ? find_stream(s, VIEW, 0) : SIZE_MAX;
    return view != SIZE_MAX && !forgets_rows(s, view) ? view : as_table(s, draw_stream(s));
}

static void draw_keeping(struct sketch *s)
{
    size_t lot = draw(s, 29);
    if (lot >= 24 && lot < 27)
        draw_cogroup(s, chance(s, 60));
    else if (lot >= 27)
        draw_join_global(s);
    else if (lot < 9)
        draw_aggregation(s, as_flow(s, draw_stream(s)), chance(s, 65));
    else if (lot < 12)
        draw_aggregation(s, draw_grouped_table(s), false);
    else if (lot < 16)
        draw_join_streams(s);
    else if (lot < 18)
        draw_join_table(s);
    else if (lot < 21)
        draw_join_tables(s);
    else if (lot < 23)
        draw_suppress(s);
    else
        as_table(s, draw_stream(s));
}

static void draw_stateful_sinks(struct sketch *s)
{
    for (size_t i = 0; i < s->n_streams; i++)
        if (!s->streams[i].used) draw_sink(s, i);
    if (s->n_families == 0) draw_sink(s, draw_stream(s));
}

/* A repartition above lets null keys pass, in Kafka Streams, when there is a join below that gives results for them. */
static bool may_pass_null_keys(const struct sketch *s, const struct node *node)
{
    for (size_t i = 0; i < node->n_parents; i++) {
        const struct node *parent = &s->nodes[s->streams[node->parents[i]].node];
        bool sifts = parent->op == OP_FILTER && strcmp(parent->calls[0].function->id, "k_present") == 0;
        if (node->op == OP_REPARTITION && !sifts) return true;
        if (may_pass_null_keys(s, parent)) return true;
    }
    return false;
}

/* We drop them there in any case. */
static bool drops_null_keys(const struct sketch *s)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct node *node = &s->nodes[i];
        bool join = node->op == OP_JOIN_STREAMS || node->op == OP_JOIN_TABLE || node->op == OP_JOIN_GLOBAL;
        bool relaxed = join && node->keeping.kind != INNER_JOIN;
        if (relaxed && may_pass_null_keys(s, node)) return false;
    }
    return true;
}

static bool is_fed(const struct sketch *s, size_t part)
{
    size_t feeders[2 * NODES_ROOM];
    if (feeders_of(s, part, feeders) > 0) return true;
    for (size_t i = 0; i < s->n_nodes; i++)
        if (is_foreign_into(s, i, part)) return true;
    return false;
}

/* Behind a topic of the application a cache is flushed for each record there, by the driver of Kafka Streams, and for all that come of one
 * input record by ours. So nothing is cached there; and nowhere, where rows would be that have no say in it. */
static void leave_caches_out(struct sketch *s)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        struct node *node = &s->nodes[i];
        if (!is_fed(s, part_of(s, is_cut(node) ? NODES_ROOM + i : i))) continue;
        if (node->keeping.kept) s->uncached = true;
        node->keeping.cached = false;
    }
    for (size_t i = 0; i < s->n_nodes && s->uncached; i++) s->nodes[i].keeping.cached = false;
}

static bool is_exact(const struct sketch *s)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct node *node = &s->nodes[i];
        size_t part = part_of(s, is_cut(node) ? NODES_ROOM + i : i);
        if (keeps_rows(node) && !part_is_exact(s, part, 0)) return false;
    }
    return true;
}

static void draw_attempt(struct sketch *s, uint64_t seed, uint64_t attempt)
{
    sketch_begin(s, seed + (attempt << 32));
    s->seed = seed;
    s->stateful = true;
    s->plain = false;
    size_t inner = 2 + draw(s, INNER_MAX - 1), keeping = 1 + draw(s, KEEPING_MAX);
    draw_source(s);
    if (chance(s, 40)) draw_source(s);
    if (chance(s, 40)) add_table(s, draw_key_type(s), draw_value_type(s), chance(s, 25));
    for (size_t i = 0; i < inner; i++) {
        if (keeping > 0 && (inner - i <= keeping || chance(s, 40)))
            draw_keeping(s), keeping--;
        else
            draw_passing(s);
    }
    draw_stateful_sinks(s);
}

static void sketch_draw_stateful(struct sketch *s, uint64_t seed)
{
    uint64_t attempt = 0;
    do draw_attempt(s, seed, attempt);
    while (!(is_exact(s) && drops_null_keys(s)) && ++attempt < ATTEMPTS_MAX);
    T_CHECK(attempt < ATTEMPTS_MAX, "seed %llu", (unsigned long long)seed);
    leave_caches_out(s);
}

#endif
