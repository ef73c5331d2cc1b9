/* SPDX-License-Identifier: Apache-2.0
 *
 * What stateful topologies are drawn with: streams and tables of the right kind, and aggregations of them, cogroup included. Only
 * tests/differential/stateful.h includes this.
 */
#ifndef AQ_TESTS_DIFFERENTIAL_AGGREGATING_H
#define AQ_TESTS_DIFFERENTIAL_AGGREGATING_H

#include "tests/differential/sketch.h"

#define LONG_MS    200000 /* more than a segment of Kafka Streams' window stores */
#define HISTORY_MS 100

enum { TAKES_OUT = 1, MERGES = 2, HAS_RESULT = 4 };

struct row_menu {
    const char *id;
    enum op op;
    unsigned values, to; /* types */
    unsigned can;
    const char *conf;
};

static const struct row_menu row_menu[] = {
#define R(id, op, values, to, can, conf) {#id, op, values, to, can, conf},
#include "tests/differential/rows.def"
#undef R
};

#define ROW_MENU_COUNT (sizeof(row_menu) / sizeof(row_menu[0]))

static const char *const windows_names[] = {"none", "tumbling", "hopping", "sliding", "session"};
static const char *const join_kinds[] = {"inner", "left", "outer"};

static bool keeps_rows(const struct node *node)
{
    return node->op >= OP_TABLE && node->op <= OP_COGROUP && node->op != OP_TO_STREAM;
}

static bool aggregates(const struct node *node)
{
    return node->op == OP_COUNTER || node->op == OP_REDUCE || node->op == OP_AGGREGATE ||
           node->op == OP_COGROUP;
}

static bool joins(const struct node *node)
{
    return node->op == OP_JOIN_STREAMS || node->op == OP_JOIN_TABLE || node->op == OP_JOIN_TABLES ||
           node->op == OP_JOIN_GLOBAL;
}

static size_t last_stream(const struct sketch *s)
{
    return s->n_streams - 1;
}

/* ---- getting at streams -------------------------------------------------------------------------------------------- */

/* A stream of that kind and type of keys, used or not; SIZE_MAX: there is none. key 0: of any. */
static size_t find_stream(struct sketch *s, enum stream_kind kind, unsigned key)
{
    size_t start = draw(s, s->n_streams);
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *at = &s->streams[(start + i) % s->n_streams];
        if (at->kind == kind && (at->key == key || (key == 0 && !(at->key & W))))
            return (size_t)(at - s->streams);
    }
    return SIZE_MAX;
}

/* One of windows whose aggregation is right in front, for suppress. */
static size_t find_windows(struct sketch *s, bool close)
{
    size_t start = draw(s, s->n_streams);
    for (size_t i = 0; i < s->n_streams; i++) {
        size_t at = (start + i) % s->n_streams;
        const struct node *node = &s->nodes[s->streams[at].node];
        if (aggregates(node) && node->keeping.windows && !(close && node->keeping.close)) return at;
    }
    return SIZE_MAX;
}

/* Of one topic, with this key and value. */
static struct node *new_reader(struct sketch *s, enum op op, unsigned key, unsigned value)
{
    struct node *node = new_node(s, op);
    node->key = key;
    node->value = value;
    node->n_topics = 1;
    return node;
}

static size_t add_table(struct sketch *s, unsigned key, unsigned value, bool history)
{
    struct node *node = new_reader(s, OP_TABLE, key, value);
    node->keeping.history = history ? (int)(1 + draw(s, HISTORY_MS)) : 0;
    node->keeping.cached = !history && chance(s, 35);
    node->keeping.in_memory = chance(s, 30);
    add_stream(s, node, -1);
    s->streams[last_stream(s)].kind = TABLE;
    return last_stream(s);
}

static size_t add_global(struct sketch *s, unsigned key, unsigned value)
{
    struct node *node = new_reader(s, OP_GLOBAL_TABLE, key, value);
    add_stream(s, node, -1);
    s->streams[last_stream(s)].kind = GLOBAL;
    s->streams[last_stream(s)].used = true;
    return last_stream(s);
}

static size_t add_source(struct sketch *s, unsigned key, unsigned value)
{
    struct node *node = new_reader(s, OP_SOURCE, key, value);
    add_stream(s, node, -1);
    return last_stream(s);
}

static size_t add_behind(struct sketch *s, enum op op, size_t stream)
{
    struct node *node = new_node(s, op);
    add_parent(s, node, stream);
    if (op == OP_SELECT_KEY) draw_change(s, node);
    add_stream(s, node, -1);
    return last_stream(s);
}

/* The stream as records with keys that have no window. */
static size_t as_flow(struct sketch *s, size_t stream)
{
    if (s->streams[stream].kind != FLOW) stream = add_behind(s, OP_TO_STREAM, stream);
    if (s->streams[stream].key & W) stream = add_behind(s, OP_SELECT_KEY, stream);
    return stream;
}

/* Without null keys. */
static size_t with_keys(struct sketch *s, size_t stream)
{
    struct node *node = new_node(s, OP_FILTER);
    add_parent(s, node, stream);
    while (node->n_calls == 0 || strcmp(node->calls[0].function->id, "k_present") != 0) {
        node->n_calls = 0;
        draw_call(s, node, CONDITION, node->key, node->value);
    }
    add_stream(s, node, -1);
    return last_stream(s);
}

/* The same, and each record where its key belongs. */
static size_t in_place(struct sketch *s, size_t stream)
{
    stream = as_flow(s, stream);
    return s->streams[stream].moved ? add_behind(s, OP_REPARTITION, with_keys(s, stream)) : stream;
}

static size_t as_table(struct sketch *s, size_t stream)
{
    if (s->streams[stream].kind == TABLE) return stream;
    stream = add_behind(s, OP_TO_TABLE, in_place(s, stream));
    struct node *node = &s->nodes[s->streams[stream].node];
    node->keeping.cached = chance(s, 35);
    node->keeping.in_memory = chance(s, 30);
    s->streams[stream].kind = TABLE;
    s->streams[stream].below_cache = is_below_cache(s, node);
    return stream;
}

/* Some other table of these keys, or the same. */
static size_t table_like(struct sketch *s, unsigned key, bool history)
{
    size_t found = chance(s, 40) ? find_stream(s, TABLE, key) : SIZE_MAX;
    return found != SIZE_MAX ? found : add_table(s, key, draw_value_type(s), history);
}

static size_t flow_like(struct sketch *s, unsigned key)
{
    size_t found = chance(s, 60) ? find_stream(s, FLOW, key) : SIZE_MAX;
    return found != SIZE_MAX ? in_place(s, found) : add_source(s, key, draw_value_type(s));
}

/* ---- aggregations -------------------------------------------------------------------------------------------------- */

static size_t row_weight(const struct row_menu *row, unsigned value, bool of_table)
{
    if (!(row->values & value) || (of_table && !(row->can & TAKES_OUT))) return 0;
    return row->values == ANY ? 2 : 3;
}

static const struct row_menu *draw_row(struct sketch *s, unsigned value, bool of_table)
{
    size_t sum = 0, at = 0;
    for (size_t i = 0; i < ROW_MENU_COUNT; i++) sum += row_weight(&row_menu[i], value, of_table);
    size_t lot = draw(s, sum);
    for (; lot >= row_weight(&row_menu[at], value, of_table); at++)
        lot -= row_weight(&row_menu[at], value, of_table);
    return &row_menu[at];
}

static void draw_windows(struct sketch *s, struct keeping *k)
{
    k->windows = (enum windows)(TUMBLING + draw(s, 4));
    k->size = (int)(1 + draw(s, 40));
    k->advance = k->windows == HOPPING ? 1 + k->size / (int)(2 + draw(s, 4)) : 0;
    if (k->advance > k->size) k->advance = k->size;
    k->grace = chance(s, 60) ? (int)(1 + draw(s, 50)) : 0;
    k->close = chance(s, 35);
    if (chance(s, 25)) k->retention = 2 * k->size + k->grace + (int)draw(s, chance(s, 50) ? 50 : LONG_MS);
}

/* What leaves it. */
static void add_aggregate(struct sketch *s, struct node *node)
{
    const struct keeping *k = &node->keeping;
    if (k->windows) node->key |= W;
    add_stream(s, node, -1);
    struct stream *out = &s->streams[last_stream(s)];
    out->kind = k->windows ? FLOW : k->row->can & HAS_RESULT ? VIEW : TABLE;
    out->windows = k->windows ? node : NULL;
}

/* windows: it has some, of a stream. */
static void draw_aggregation(struct sketch *s, size_t stream, bool windows)
{
    bool of_table = s->streams[stream].kind != FLOW, by = of_table || chance(s, 40);
    if (!by) stream = in_place(s, stream);
    const struct stream *from = &s->streams[stream];
    const struct row_menu *row = draw_row(s, from->value, of_table);
    struct node *node = new_node(s, row->op);
    struct keeping *k = &node->keeping;
    add_parent(s, node, stream);
    k->row = row;
    k->p = (int)(2 + draw(s, 4));
    k->of_table = of_table;
    k->by = by;
    s->pure = of_table;
    if (by) draw_call(s, node, KEY, from->key, from->value);
    s->pure = false;
    if (by) node->key = type_after(node->calls[0].function->to_key, from->key);
    k->key = node->key;
    k->value = from->value;
    k->cached = chance(s, 35);
    k->in_memory = chance(s, 30);
    node->value = type_after(row->to, from->value);
    if (!of_table && windows) draw_windows(s, k);
    add_aggregate(s, node);
}

/* ---- cogroup ------------------------------------------------------------------------------------------------------- */

/* The options of a row come as ` name = value;`, in which no value has a semicolon. Some are those of an input, others those of the node. */
static bool is_of_input(const char *option)
{
    return strncmp(option, " of =", 5) == 0 || strncmp(option, " keep =", 7) == 0 ||
           strncmp(option, " add =", 6) == 0 || strncmp(option, " subtract =", 11) == 0;
}

/* The length of the option at the beginning of the text. */
static size_t option_length(const char *text)
{
    const char *end = strchr(text, ';');
    T_CHECK(end != NULL, "%s", text);
    return (size_t)(end - text) + 1;
}

/* The next of them that is the node's, at or behind this place; NULL: there is none. */
static const char *next_shared(const char *at)
{
    while (*at && is_of_input(at)) at += option_length(at);
    return *at ? at : NULL;
}

/* Whether both say the same about what a row is. */
static bool makes_same_row(const struct row_menu *a, unsigned value, const struct row_menu *b, unsigned other)
{
    if (a->op != OP_AGGREGATE || b->op != OP_AGGREGATE) return false;
    if ((a->to == SAME || a->can & HAS_RESULT) && (a != b || value != other)) return false;
    const char *x = next_shared(a->conf), *y = next_shared(b->conf);
    while (x && y && option_length(x) == option_length(y) && strncmp(x, y, option_length(x)) == 0) {
        x = next_shared(x + option_length(x));
        y = next_shared(y + option_length(y));
    }
    return !x && !y;
}

/* NULL: there is none for such values. */
static const struct row_menu *draw_like_row(struct sketch *s, const struct cogroup_input *like,
                                            unsigned value)
{
    size_t start = draw(s, ROW_MENU_COUNT);
    for (size_t i = 0; i < ROW_MENU_COUNT; i++) {
        const struct row_menu *row = &row_menu[(start + i) % ROW_MENU_COUNT];
        if (row->values & value && makes_same_row(like->row, like->value, row, value)) return row;
    }
    return NULL;
}

/* A function that makes such keys of the stream's, drawn into the node; false: none was found. */
static bool draw_by(struct sketch *s, struct node *node, const struct stream *from, unsigned key)
{
    for (int i = 0; i < 20; i++) {
        if (!draw_call(s, node, KEY, from->key, from->value)) return false;
        if (type_after(node->calls[node->n_calls - 1].function->to_key, from->key) == key) return true;
        node->n_calls--;
    }
    return false;
}

/* by: a function will make keys of that type. */
static size_t draw_input(struct sketch *s, const struct cogroup_input *like, unsigned key, bool by)
{
    unsigned value = like->value == A || chance(s, 40) ? draw_value_type(s) : like->value;
    /* Records of a source that nobody else reads come one way only. */
    if (by && chance(s, 50)) return add_source(s, draw_key_type(s), value);
    if (by) return as_flow(s, draw_stream(s));
    return chance(s, 40) ? add_source(s, key, value) : flow_like(s, key);
}

static bool has_parent(const struct node *node, size_t stream)
{
    for (size_t i = 0; i < node->n_parents; i++)
        if (node->parents[i] == stream) return true;
    return false;
}

struct drawn_input {
    size_t stream;
    struct cogroup_input input;
    struct call by;
};

/* False: nothing came of it. */
static bool draw_another(struct sketch *s, const struct drawn_input *first, unsigned key,
                         struct drawn_input *ret)
{
    struct node probe = {.n_calls = 0};
    bool by = chance(s, 45);
    ret->stream = draw_input(s, &first->input, key, by);
    const struct stream *from = &s->streams[ret->stream];
    s->below_cache = from->below_cache;
    s->held = from->held;
    ret->input = (struct cogroup_input){.by = by ? 0 : -1, .value = from->value};
    if (from->key & W || (by && !draw_by(s, &probe, from, key))) return false;
    if (by) ret->by = probe.calls[0];
    ret->input.row = draw_like_row(s, &first->input, from->value);
    return ret->input.row != NULL;
}

static void draw_first(struct sketch *s, struct drawn_input *ret, unsigned *ret_key)
{
    bool by = chance(s, 40);
    ret->stream = as_flow(s, draw_stream(s));
    if (!by) ret->stream = in_place(s, ret->stream);
    const struct stream *from = &s->streams[ret->stream];
    struct node probe = {.n_calls = 0};
    s->below_cache = from->below_cache;
    s->held = from->held;
    ret->input = (struct cogroup_input){.by = by ? 0 : -1, .value = from->value};
    if (by) draw_call(s, &probe, KEY, from->key, from->value);
    if (by) ret->by = probe.calls[0];
    *ret_key = by ? type_after(ret->by.function->to_key, from->key) : from->key;
    do ret->input.row = draw_row(s, from->value, false);
    while (ret->input.row->op != OP_AGGREGATE);
}

/* What add_parent() does, but for the part of a stream that comes through a topic. */
static void add_input(struct sketch *s, struct node *node, const struct drawn_input *drawn)
{
    struct stream *parent = &s->streams[drawn->stream];
    struct cogroup_input *input = &node->keeping.inputs[node->n_parents];
    *input = drawn->input;
    if (input->by >= 0) {
        input->by = (int)node->n_calls;
        node->calls[node->n_calls++] = drawn->by;
    } else {
        s->part_up[part_of(s, (size_t)(node - s->nodes))] = part_of(s, parent->part);
    }
    node->parents[node->n_parents++] = drawn->stream;
    parent->used = true;
}

static void draw_cogroup(struct sketch *s, bool windows)
{
    struct drawn_input drawn[PARENTS_MAX];
    unsigned key;
    size_t n = 1, wanted = 2 + draw(s, PARENTS_MAX - 1);
    draw_first(s, &drawn[0], &key);
    for (size_t tries = 0; n < wanted && tries < 6; tries++) n += draw_another(s, &drawn[0], key, &drawn[n]);
    struct node *node = new_node(s, OP_COGROUP);
    struct keeping *k = &node->keeping;
    for (size_t i = 0; i < n; i++)
        if (!has_parent(node, drawn[i].stream)) add_input(s, node, &drawn[i]);
    k->row = drawn[0].input.row;
    k->p = (int)(2 + draw(s, 4));
    k->value = drawn[0].input.value;
    k->key = node->key = key;
    k->cached = chance(s, 35);
    k->in_memory = chance(s, 30);
    node->value = type_after(k->row->to, k->value);
    if (windows) draw_windows(s, k);
    /* Kafka Streams' has no final results. */
    k->close = false;
    add_aggregate(s, node);
}

#endif
