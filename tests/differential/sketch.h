/* SPDX-License-Identifier: Apache-2.0
 *
 * A random stateless topology: sources first, then operators that read streams which are there already, sinks at the
 * end. The same seed gives the same topology. Only tests/tools/topology_gen.c includes this.
 *
 * Types: every stream knows what its keys and values are, and an operator is only given functions that take them.
 *
 * Order: with one partition a topic and one input record at a time, the records of an output topic come in one order
 * only, as long as one part (sub-topology) writes it, which in turn is fed by one part. Where two repartitions meet
 * again, or one has partitions of its own, an engine is free; family_is_exact() says which it is.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_SKETCH_H
#define AQ_TESTS_DIFFERENTIAL_SKETCH_H

#include "tests/differential/menu.h"

#define NODES_MIN 3
#define NODES_MAX 15
#define NODES_ROOM \
    60 /* every source gets a reader, every stream of a stateful topology a sink, whatever was wanted */
#define SOURCES_MAX 3
#define STREAMS_MAX (4 * NODES_ROOM)
#define PARENTS_MAX 3
#define CALLS_MAX   3
#define NAME_SIZE   32 /* bytes */

enum op {
    OP_SOURCE,
    OP_FILTER,
    OP_FILTER_NOT,
    OP_MAP,
    OP_MAP_VALUES,
    OP_FLAT_MAP,
    OP_FLAT_MAP_VALUES,
    OP_SELECT_KEY,
    OP_PEEK,
    OP_FOREACH,
    OP_MERGE,
    OP_BRANCH,
    OP_REPARTITION,
    OP_SINK,
    OP_TABLE,
    OP_TO_TABLE,
    OP_TO_STREAM,
    OP_COUNTER,
    OP_REDUCE,
    OP_AGGREGATE,
    OP_JOIN_STREAMS,
    OP_JOIN_TABLE,
    OP_JOIN_TABLES,
    OP_SUPPRESS,
    OP_COGROUP,
    OP_GLOBAL_TABLE,
    OP_JOIN_GLOBAL,
    OP_COUNT
};

#define STATELESS_COUNT (OP_SINK + 1)

static const char *const op_names[OP_COUNT] = {
    "source",     "filter",      "filter_not", "map",     "map_values",   "flat_map",    "flat_map_values",
    "select_key", "peek",        "foreach",    "merge",   "branch",       "repartition", "sink",
    "table",      "to_table",    "to_stream",  "count",   "reduce",       "aggregate",   "join_streams",
    "join_table", "join_tables", "suppress",   "cogroup", "global_table", "join_global",
};

/* Chances of the operators between sources and sinks. */
static const unsigned op_weights[OP_COUNT] = {
    [OP_FILTER] = 4,   [OP_FILTER_NOT] = 4,      [OP_MAP] = 4,        [OP_MAP_VALUES] = 8,
    [OP_FLAT_MAP] = 3, [OP_FLAT_MAP_VALUES] = 4, [OP_SELECT_KEY] = 4, [OP_PEEK] = 2,
    [OP_FOREACH] = 2,  [OP_MERGE] = 8,           [OP_BRANCH] = 4,     [OP_REPARTITION] = 4,
};

static const char *const extractors[] = {
    "FailOnInvalidTimestamp",
    "LogAndSkipOnInvalidTimestamp",
    "UsePartitionTimeOnInvalidTimestamp",
};

#define EXTRACTORS_COUNT (sizeof(extractors) / sizeof(extractors[0]))

static const char *const branch_names[CALLS_MAX] = {"high", "middle", "low"};

struct call {
    const struct function *function;
    int p; /* stands for $p */
};

enum windows { NO_WINDOWS, TUMBLING, HOPPING, SLIDING, SESSION };
enum join_kind { INNER_JOIN, LEFT_JOIN, OUTER_JOIN };

/* One of the streams of a cogroup; it has the same place among the parents. */
struct cogroup_input {
    const struct row_menu *row;
    int by;         /* index of the call that makes its keys, behind a topic of its own; -1: it has them */
    unsigned value; /* type */
};

/* What only nodes of stateful topologies have (stateful.h); times in ms. */
struct keeping {
    bool of_table;
    bool by; /* an aggregation by another key, behind a topic of its own */
    bool cached, in_memory;
    bool kept; /* a table that need not, keeps its rows */
    int history;
    const struct row_menu *row;
    int p;
    unsigned key, value; /* types of what is aggregated, of its group's key */
    enum windows windows;
    int size, advance, grace, retention; /* retention 0: not said */
    bool close; /* of windows: only final results go on; of suppress: until they close */
    enum join_kind kind;
    int before, after;
    const char *joiner;
    unsigned left, right; /* types of both sides' values */
    int limit, most;      /* of suppress: ms, records; 0: not bounded */
    bool strict;          /* the bound is one that ends it */
    bool foreign;         /* a join of tables by a foreign key, through two topics of its own */
    struct cogroup_input inputs[PARENTS_MAX]; /* of a cogroup; `row` is that of the first */
};

struct node {
    enum op op;
    char name[NAME_SIZE];
    size_t parents[PARENTS_MAX]; /* streams */
    size_t n_parents;
    unsigned key, value; /* types behind it */
    struct call calls[CALLS_MAX];
    size_t n_calls;
    bool spelled;        /* serdes are written although they need not be */
    bool has_default;    /* of a branch */
    int partitions;      /* of a repartition; 0: not said */
    size_t family;       /* of a sink */
    size_t n_topics;     /* of a source: "in<index>.a", "in<index>.b", … */
    bool pattern;        /* of a source: they are found by a pattern */
    const char *extract; /* of a source; NULL: not said */
    struct keeping keeping;
};

/* VIEW: a table nobody keeps. GLOBAL: only join_global reads it. */
enum stream_kind { FLOW, TABLE, VIEW, GLOBAL };

/* What the nodes behind can read: what a node hands on, or one branch of it. */
struct stream {
    size_t node;
    int branch;          /* index of its call, n_calls for the default; -1: the node itself */
    unsigned key, value; /* types */
    size_t part;
    bool used;
    enum stream_kind kind;
    bool moved; /* records may lie where their key does not belong */
    bool below_cache;
    bool held;                  /* goes on by another record than it came with */
    const struct node *windows; /* whose windows its keys have; NULL: none */
};

struct sketch {
    uint64_t seed, random;
    unsigned default_key, default_value; /* types */
    struct node nodes[NODES_ROOM];
    size_t n_nodes;
    struct stream streams[STREAMS_MAX];
    size_t n_streams;
    size_t n_families;
    /* Union of nodes to parts: [i] of node i, [NODES_ROOM + i] of the reading side of repartition i. */
    size_t part_up[2 * NODES_ROOM];
    bool stateful;
    bool uncached; /* no store is, whatever its node says */
    bool
        below_cache; /* what functions are drawn for has no headers and no topic, because a cache held it back */
    bool held;       /* the same of the topic only */
    bool pure;       /* functions drawn look at key and value only */
    bool plain; /* no node has several parents but a merge of two: Kafka Streams' DSL has the same nodes */
};

/* ---- lots --------------------------------------------------------------------------------------------------------- */

/* A number below `limit`. */
static size_t draw(struct sketch *s, size_t limit)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (size_t)((s->random >> 11) % limit);
}

static bool chance(struct sketch *s, size_t percent)
{
    return draw(s, 100) < percent;
}

/* A type by its share of 100, in the order S L I D J B. */
static unsigned draw_type(struct sketch *s, const size_t shares[6])
{
    size_t lot = draw(s, 100), at = 0;
    while (at < 5 && lot >= shares[at]) lot -= shares[at++];
    return 1u << at;
}

static unsigned draw_key_type(struct sketch *s)
{
    return draw_type(s, (const size_t[6]){60, 25, 8, 7, 0, 0});
}

static unsigned draw_value_type(struct sketch *s)
{
    return draw_type(s, (const size_t[6]){24, 26, 9, 13, 23, 5});
}

/* What takes only some types says more than what takes all, so it is drawn more often. */
static size_t menu_weight(const struct sketch *s, const struct function *f, enum role role, unsigned key,
                          unsigned value)
{
    if (f->role != role || !takes_key(f, key) || !(f->values & value)) return 0;
    if ((s->below_cache || s->held) && mentions(f, "topic")) return 0;
    if (s->below_cache && mentions(f, "headers")) return 0;
    if (s->pure && (mentions(f, "timestamp") || mentions(f, "topic") || mentions(f, "headers"))) return 0;
    return f->keys == ANY && f->values == ANY ? 1 : 3;
}

/* False when no function of that role takes the types. */
static bool draw_call(struct sketch *s, struct node *node, enum role role, unsigned key, unsigned value)
{
    size_t sum = 0, at = 0;
    for (size_t i = 0; i < MENU_COUNT; i++) sum += menu_weight(s, &menu[i], role, key, value);
    if (sum == 0) return false;
    size_t lot = draw(s, sum);
    for (; lot >= menu_weight(s, &menu[at], role, key, value); at++)
        lot -= menu_weight(s, &menu[at], role, key, value);
    T_CHECK(node->n_calls < CALLS_MAX, "%s", node->name);
    node->calls[node->n_calls++] = (struct call){&menu[at], (int)(2 + draw(s, 8))};
    return true;
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

static size_t part_of(const struct sketch *s, size_t part)
{
    while (s->part_up[part] != part) part = s->part_up[part];
    return part;
}

/* What goes on of it has been through a topic. */
static bool is_cut(const struct node *node)
{
    return node->op == OP_REPARTITION || node->keeping.by;
}

/* What it hands on came back from a part of the other side's: both are fed by a topic of this node. */
static bool is_foreign_into(const struct sketch *s, size_t i, size_t part)
{
    const struct node *node = &s->nodes[i];
    if (!node->keeping.foreign) return false;
    return part_of(s, i) == part || part_of(s, NODES_ROOM + i) == part;
}

/* The parts that write to topics which the part reads, one for each such topic. */
static size_t feeders_of(const struct sketch *s, size_t part, size_t ret[2 * NODES_ROOM])
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct node *node = &s->nodes[i];
        if (is_cut(node) && part_of(s, NODES_ROOM + i) == part) ret[n++] = part_of(s, i);
        if (node->op != OP_COGROUP || part_of(s, i) != part) continue;
        for (size_t k = 0; k < node->n_parents; k++)
            if (node->keeping.inputs[k].by >= 0) ret[n++] = part_of(s, s->streams[node->parents[k]].part);
    }
    return n;
}

/* Marks the part and those in front of it; false: one of them had another mark. */
static bool mark_upstream(const struct sketch *s, size_t part, size_t mark, size_t marks[2 * NODES_ROOM])
{
    size_t feeders[2 * NODES_ROOM];
    if (marks[part] == mark) return true;
    if (marks[part]) return false;
    marks[part] = mark;
    size_t n = feeders_of(s, part, feeders);
    for (size_t i = 0; i < n; i++)
        if (!mark_upstream(s, feeders[i], mark, marks)) return false;
    return true;
}

/* No input record reaches the part in two ways. */
static bool are_apart(const struct sketch *s, size_t part, const size_t *feeders, size_t n)
{
    size_t marks[2 * NODES_ROOM] = {0};
    marks[part] = n + 1;
    for (size_t i = 0; i < n; i++)
        if (!mark_upstream(s, feeders[i], i + 1, marks)) return false;
    return true;
}

static size_t count_foreign(const struct sketch *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_nodes; i++) n += s->nodes[i].keeping.foreign;
    return n;
}

/* Some topic that the part reads has several partitions, or is one of two between the same parts. */
static bool is_tangled(const struct sketch *s, size_t part)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct node *node = &s->nodes[i];
        if (node->keeping.foreign && part_of(s, i) == part_of(s, NODES_ROOM + i)) return true;
        if (is_cut(node) && part_of(s, NODES_ROOM + i) == part && node->partitions > 1) return true;
    }
    return false;
}

/* Whether records reach the part in one order only; guards against walking in circles by `depth`. */
static bool part_is_exact(const struct sketch *s, size_t part, size_t depth)
{
    size_t feeders[2 * NODES_ROOM], n = feeders_of(s, part, feeders), foreign = 0;
    for (size_t i = 0; i < s->n_nodes; i++) foreign += is_foreign_into(s, i, part);
    if (is_tangled(s, part)) return false;
    bool apart = s->stateful && count_foreign(s) == 0 && are_apart(s, part, feeders, n);
    if (n + foreign > 1 && !apart) return false;
    for (size_t i = 0; i < n; i++)
        if (feeders[i] != part && depth < NODES_ROOM && !part_is_exact(s, feeders[i], depth + 1))
            return false;
    return true;
}

/* Whether the topics of a family have one right order. */
static bool family_is_exact(const struct sketch *s, size_t family)
{
    size_t part = SIZE_MAX;
    for (size_t i = 0; i < s->n_nodes; i++) {
        if (s->nodes[i].op != OP_SINK || s->nodes[i].family != family) continue;
        if (part != SIZE_MAX && part != part_of(s, i)) return false;
        part = part_of(s, i);
    }
    return part_is_exact(s, part, 0);
}

/* Whether headers reach the topics of a family as they should. */
static bool family_has_headers(const struct sketch *s, size_t family)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct node *node = &s->nodes[i];
        if (node->op == OP_SINK && node->family == family && s->streams[node->parents[0]].below_cache)
            return false;
    }
    return true;
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static struct node *new_node(struct sketch *s, enum op op)
{
    T_CHECK(s->n_nodes < NODES_ROOM, "seed %llu", (unsigned long long)s->seed);
    struct node *node = &s->nodes[s->n_nodes];
    *node = (struct node){.op = op, .spelled = chance(s, 15)};
    snprintf(node->name, sizeof(node->name), "%s%zu", op_names[op], s->n_nodes++);
    return node;
}

/* suppress, joins that wait, results of closed windows: what goes on stands for an earlier record, of which we do not know the topic. */
static bool is_held(const struct sketch *s, const struct node *node)
{
    const struct keeping *k = &node->keeping;
    bool held = node->op == OP_SUPPRESS || k->foreign || (node->op == OP_JOIN_TABLE && k->grace);
    for (size_t i = 0; i < node->n_parents; i++) held = held || s->streams[node->parents[i]].held;
    return held;
}

/* What the node hands on may have been held back by a cache, its own or one above. */
static bool is_below_cache(const struct sketch *s, const struct node *node)
{
    bool below = node->keeping.kept || (node->keeping.cached && !node->keeping.close);
    for (size_t i = 0; i < node->n_parents; i++) below = below || s->streams[node->parents[i]].below_cache;
    return below;
}

static bool is_moved(const struct sketch *s, const struct node *node)
{
    bool moved = node->op == OP_MAP || node->op == OP_SELECT_KEY || node->op == OP_FLAT_MAP;
    for (size_t i = 0; i < node->n_parents; i++) moved = moved || s->streams[node->parents[i]].moved;
    return moved && !is_cut(node) && node->op != OP_COGROUP;
}

static void add_stream(struct sketch *s, const struct node *node, int branch)
{
    T_CHECK(s->n_streams < STREAMS_MAX, "seed %llu", (unsigned long long)s->seed);
    size_t index = (size_t)(node - s->nodes);
    s->streams[s->n_streams++] = (struct stream){
        .node = index,
        .branch = branch,
        .key = node->key,
        .value = node->value,
        .part = is_cut(node) ? NODES_ROOM + index : index,
        .moved = is_moved(s, node),
        .below_cache = is_below_cache(s, node),
        .held = is_held(s, node),
        .windows = node->n_parents && node->key & W ? s->streams[node->parents[0]].windows : NULL,
    };
}

/* Reads the stream; the first one decides the types. */
static void add_parent(struct sketch *s, struct node *node, size_t stream)
{
    struct stream *parent = &s->streams[stream];
    node->key = parent->key;
    node->value = parent->value;
    node->parents[node->n_parents++] = stream;
    parent->used = true;
    s->below_cache = is_below_cache(s, node);
    s->held = is_held(s, node);
    s->part_up[part_of(s, (size_t)(node - s->nodes))] = part_of(s, parent->part);
}

static bool is_like(const struct stream *a, const struct stream *b)
{
    return a->key == b->key && a->value == b->value && a->kind == FLOW && b->kind == FLOW &&
           a->windows == b->windows;
}

/* One more parent of the same types, when there is one. */
static void add_like_parent(struct sketch *s, struct node *node)
{
    size_t start = draw(s, s->n_streams);
    for (size_t i = 0; i < s->n_streams; i++) {
        size_t at = (start + i) % s->n_streams;
        bool good = is_like(&s->streams[at], &s->streams[node->parents[0]]);
        for (size_t k = 0; k < node->n_parents; k++) good = good && node->parents[k] != at;
        if (!good) continue;
        add_parent(s, node, at);
        return;
    }
}

static size_t draw_stream(struct sketch *s)
{
    size_t start = draw(s, s->n_streams);
    while (s->streams[start].kind == GLOBAL) start = (start + 1) % s->n_streams;
    if (chance(s, 35)) return start;
    for (size_t i = 0; i < s->n_streams; i++) {
        size_t at = (start + i) % s->n_streams;
        if (!s->streams[at].used) return at;
    }
    return start;
}

static void draw_source(struct sketch *s)
{
    struct node *node = new_node(s, OP_SOURCE);
    node->key = chance(s, 50) ? s->default_key : draw_key_type(s);
    node->value = chance(s, 50) ? s->default_value : draw_value_type(s);
    node->n_topics = 1 + draw(s, 3);
    /* A new topic makes our driver start tasks anew, and with compat grace begins anew then. */
    node->pattern = chance(s, 25) && !s->stateful;
    node->extract = chance(s, 40) ? extractors[draw(s, EXTRACTORS_COUNT)] : NULL;
    add_stream(s, node, -1);
}

static void draw_sink(struct sketch *s, size_t stream)
{
    struct node *node = new_node(s, OP_SINK);
    add_parent(s, node, stream);
    if (chance(s, 35)) draw_call(s, node, TOPIC, node->key, node->value);
    /* Some share their topics with another sink. */
    node->family = s->n_families && chance(s, 20) ? draw(s, s->n_families) : s->n_families++;
}

static void draw_branch(struct sketch *s, struct node *node)
{
    size_t wanted = 1 + draw(s, CALLS_MAX);
    node->has_default = chance(s, 50);
    while (node->n_calls < wanted) draw_call(s, node, CONDITION, node->key, node->value);
    for (size_t i = 0; i < node->n_calls + node->has_default; i++) add_stream(s, node, (int)i);
}

/* The functions of the operators that change records, and the types behind them. */
static void draw_change(struct sketch *s, struct node *node)
{
    unsigned key = node->key, value = node->value;
    if (node->op == OP_MAP || node->op == OP_SELECT_KEY) draw_call(s, node, KEY, key, value);
    if (node->op == OP_MAP) draw_call(s, node, VALUE, key, value);
    if (node->op == OP_MAP_VALUES && (!chance(s, 40) || !draw_call(s, node, STATEMENTS, key, value)))
        draw_call(s, node, VALUE, key, value);
    if (node->op == OP_FLAT_MAP) draw_call(s, node, RECORDS, key, value);
    if (node->op == OP_FLAT_MAP_VALUES) draw_call(s, node, VALUES, key, value);
    for (size_t i = 0; i < node->n_calls; i++) {
        node->key = type_after(node->calls[i].function->to_key, node->key);
        node->value = type_after(node->calls[i].function->to_value, node->value);
    }
}

static enum op draw_op(struct sketch *s)
{
    size_t sum = 0, at = 0;
    for (size_t i = 0; i < OP_COUNT; i++) sum += op_weights[i];
    size_t lot = draw(s, sum);
    for (; lot >= op_weights[at]; at++) lot -= op_weights[at];
    return (enum op)at;
}

static bool has_like(const struct sketch *s, size_t stream)
{
    for (size_t i = 0; i < s->n_streams; i++)
        if (i != stream && is_like(&s->streams[i], &s->streams[stream])) return true;
    return false;
}

/* Where a merge finds nothing of the same types, a filter takes its place. */
static void draw_inner(struct sketch *s, enum op op, size_t stream)
{
    if (op == OP_MERGE && !has_like(s, stream)) op = OP_FILTER;
    struct node *node = new_node(s, op);
    add_parent(s, node, stream);
    if (op == OP_MERGE) add_like_parent(s, node);
    if (chance(s, op == OP_MERGE ? 15 : 5)) add_like_parent(s, node);
    if (node->n_parents > 2 || (op != OP_MERGE && node->n_parents > 1)) s->plain = false;
    if (op == OP_FILTER || op == OP_FILTER_NOT) draw_call(s, node, CONDITION, node->key, node->value);
    if (op == OP_REPARTITION && !s->stateful && chance(s, 40)) node->partitions = (int)(1 + draw(s, 4));
    if (op == OP_BRANCH) {
        draw_branch(s, node);
        return;
    }
    draw_change(s, node);
    if (op != OP_FOREACH) add_stream(s, node, -1);
}

/* Sinks until there are `wanted` nodes, first behind what nobody reads; every source has a reader. */
static void draw_sinks(struct sketch *s, size_t wanted)
{
    draw_sink(s, draw_stream(s));
    for (size_t i = 0; i < s->n_streams; i++)
        if (!s->streams[i].used && s->nodes[s->streams[i].node].op == OP_SOURCE) draw_sink(s, i);
    while (s->n_nodes < wanted) draw_sink(s, draw_stream(s));
}

static void sketch_begin(struct sketch *s, uint64_t seed)
{
    *s = (struct sketch){.seed = seed, .random = seed * 0x9e3779b97f4a7c15u + 1, .plain = true};
    for (int i = 0; i < 8; i++) draw(s, 2);
    for (size_t i = 0; i < 2 * NODES_ROOM; i++) s->part_up[i] = i;
    s->default_key = draw_key_type(s);
    s->default_value = draw_value_type(s);
}

static void sketch_draw(struct sketch *s, uint64_t seed)
{
    sketch_begin(s, seed);
    size_t wanted = NODES_MIN + draw(s, NODES_MAX - NODES_MIN + 1);
    size_t sources = 1 + draw(s, wanted < 6 ? 1 : SOURCES_MAX);
    size_t inner = sources + (wanted - sources) * 2 / 3;
    while (s->n_nodes < sources) draw_source(s);
    while (s->n_nodes < inner) {
        enum op op = draw_op(s);
        draw_inner(s, op, draw_stream(s));
    }
    draw_sinks(s, wanted);
}

#endif
