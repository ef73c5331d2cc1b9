/* SPDX-License-Identifier: Apache-2.0
 *
 * Random valid topologies: a sketch is drawn from a seed, then built by calls; the same sketch builds the same topology as
 * often as one likes. Nodes are added in the order of the sketch with their parents, or (shuffled) in another order
 * without, the edges following by name as a configuration file would add them.
 */
#ifndef AQ_TESTS_ST_RANDOM_H
#define AQ_TESTS_ST_RANDOM_H

#include "streams/tasks.h"

#include "tests/unit/streams/st_test.h"

#define SKETCH_NODES   32
#define SKETCH_STORES  4
#define SKETCH_PARENTS 3
#define SKETCH_NAME    48 /* bytes for any name a sketch makes */

struct sketch_node {
    enum st_node_type type;
    const struct st_processor_kind *kind;
    bool pattern;       /* of a source */
    size_t n_topics;    /* of a source */
    int32_t partitions; /* of a repartition */
    bool by_value;      /* of a sink */
    size_t parents[SKETCH_PARENTS];
    size_t n_parents;
    bool dirty; /* its records may have another key than they are partitioned by */
};

struct sketch {
    uint64_t random;
    bool even; /* all topics have one count, and no repartition has its own: joins are fine */
    struct sketch_node nodes[SKETCH_NODES];
    size_t n_nodes;
    size_t order[SKETCH_NODES]; /* of adding */
    bool shuffled;
    size_t users[SKETCH_STORES][2]; /* of each store; the same one twice is one */
    size_t n_stores;
};

/* A number below `limit`. */
static size_t draw_below(struct sketch *s, size_t limit)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (size_t)((s->random >> 11) % limit);
}

static void sketch_source(struct sketch *s, struct sketch_node *node)
{
    node->type = ST_SOURCE;
    node->pattern = draw_below(s, 5) == 0;
    node->n_topics = 1 + draw_below(s, 3);
}

static void sketch_parents(struct sketch *s, struct sketch_node *node, size_t before)
{
    size_t wanted = 1 + draw_below(s, SKETCH_PARENTS);
    for (size_t tries = 0; tries < 2 * wanted; tries++) {
        size_t parent = draw_below(s, before);
        bool good = s->nodes[parent].type != ST_SINK && node->n_parents < wanted;
        for (size_t i = 0; i < node->n_parents; i++) good = good && node->parents[i] != parent;
        if (!good) continue;
        node->parents[node->n_parents++] = parent;
        node->dirty = node->dirty || s->nodes[parent].dirty;
    }
    /* The first node is a source and always will do. */
    if (node->n_parents == 0) node->parents[node->n_parents++] = 0;
}

static void sketch_inner(struct sketch *s, struct sketch_node *node)
{
    size_t lot = draw_below(s, 10);
    if (lot == 0) {
        node->type = ST_SINK;
        node->by_value = draw_below(s, 4) == 0;
    } else if (lot < 4) {
        node->type = ST_REPARTITION;
        node->partitions = s->even || draw_below(s, 3) ? 0 : (int32_t)(1 + draw_below(s, 9));
        node->dirty = false;
    } else {
        node->type = ST_PROCESSOR;
        node->kind = lot < 6 ? &map_kind : &filter_kind;
        if (!node->dirty && lot == 8) node->kind = &count_kind;
        if (!node->dirty && lot == 9) node->kind = &join_kind;
        node->dirty = node->dirty || node->kind->changes_key;
    }
}

static void sketch_stores(struct sketch *s)
{
    size_t wanted = draw_below(s, SKETCH_STORES + 1);
    for (size_t i = 0; i < wanted; i++) {
        size_t a = draw_below(s, s->n_nodes), b = draw_below(s, s->n_nodes);
        if (s->nodes[a].type != ST_PROCESSOR || s->nodes[b].type != ST_PROCESSOR) continue;
        s->users[s->n_stores][0] = a;
        s->users[s->n_stores++][1] = b;
    }
}

__attribute__((unused)) static void sketch_draw(struct sketch *s, uint64_t seed)
{
    *s = (struct sketch){.random = seed * 0x9e3779b97f4a7c15u + 1};
    for (int i = 0; i < 8; i++) draw_below(s, 2);
    s->even = draw_below(s, 2) == 0;
    s->shuffled = draw_below(s, 2) == 0;
    size_t sources = 1 + draw_below(s, 4);
    s->n_nodes = sources + draw_below(s, SKETCH_NODES - sources);
    for (size_t i = 0; i < s->n_nodes; i++) {
        struct sketch_node *node = &s->nodes[i];
        if (i < sources) {
            sketch_source(s, node);
        } else {
            sketch_parents(s, node, i);
            sketch_inner(s, node);
        }
        s->order[i] = i;
    }
    sketch_stores(s);
    for (size_t i = s->n_nodes; s->shuffled && i > 1; i--) {
        size_t k = draw_below(s, i), other = s->order[k];
        s->order[k] = s->order[i - 1];
        s->order[i - 1] = other;
    }
}

/* ---- building ----------------------------------------------------------------------------------------------------- */

static void add_sketched(struct st_topology *t, const struct sketch *s, size_t i)
{
    const struct sketch_node *node = &s->nodes[i];
    char name[SKETCH_NAME], texts[SKETCH_PARENTS][SKETCH_NAME], topic[SKETCH_NAME];
    const char *names[SKETCH_PARENTS];
    struct aq_err err = {0};
    int rc = 0;
    snprintf(name, sizeof(name), "n%zu", i);
    struct st_parents parents = {.names = names, .more_later = s->shuffled};
    for (; !s->shuffled && parents.count < node->n_parents; parents.count++) {
        snprintf(texts[parents.count], sizeof(texts[0]), "n%zu", node->parents[parents.count]);
        names[parents.count] = texts[parents.count];
    }
    for (size_t k = 0; k < SKETCH_PARENTS && node->type == ST_SOURCE; k++) {
        snprintf(texts[k], sizeof(texts[0]), "t%zu.%zu", i, k);
        names[k] = texts[k];
    }
    snprintf(topic, sizeof(topic), node->pattern ? "t%zu[.].*" : "out-%zu", i);
    struct st_source_conf conf = {.topics = names, .n_topics = node->n_topics};
    if (node->pattern) conf = (struct st_source_conf){.pattern = topic};
    if (node->type == ST_SOURCE) rc = st_add_source(t, name, &conf, &err);
    if (node->type == ST_PROCESSOR) rc = st_add_processor(t, name, node->kind, NULL, parents, &err);
    if (node->type == ST_SINK) rc = st_add_sink(t, name, node->by_value ? ST_BY_VALUE : topic, parents, &err);
    if (node->type == ST_REPARTITION) rc = st_add_repartition(t, name, node->partitions, parents, &err);
    T_CHECK(rc == 0, "%s", err.text);
}

static void connect_sketched(struct st_topology *t, size_t processor, size_t number)
{
    char name[SKETCH_NAME], store[SKETCH_NAME];
    struct aq_err err = {0};
    snprintf(name, sizeof(name), "n%zu", processor);
    snprintf(store, sizeof(store), "s%zu", number);
    T_CHECK(st_connect_store(t, name, store, &err) == 0, "%s", err.text);
}

__attribute__((unused)) static struct st_topology *sketch_build(const struct sketch *s)
{
    struct st_topology *t = new_topology();
    struct aq_err err = {0};
    char name[SKETCH_NAME], parent[SKETCH_NAME];
    for (size_t i = 0; i < s->n_nodes; i++) add_sketched(t, s, s->order[i]);
    for (size_t i = 0; i < s->n_nodes && s->shuffled; i++) {
        for (size_t k = 0; k < s->nodes[i].n_parents; k++) {
            snprintf(name, sizeof(name), "n%zu", i);
            snprintf(parent, sizeof(parent), "n%zu", s->nodes[i].parents[k]);
            edge(t, parent, name);
        }
    }
    for (size_t i = 0; i < s->n_stores; i++) {
        snprintf(name, sizeof(name), "s%zu", i);
        T_CHECK(st_add_store(t, name, NULL, &err) == 0, "%s", err.text);
        connect_sketched(t, s->users[i][0], i);
        if (s->users[i][1] != s->users[i][0]) connect_sketched(t, s->users[i][1], i);
    }
    return t;
}

/* The topics of the sketch on a cluster, each with 1 to 9 partitions; at most SKETCH_NODES * SKETCH_PARENTS. */
__attribute__((unused)) static size_t sketch_cluster(struct sketch *s, struct st_topic_count *topics,
                                                     char (*names)[SKETCH_NAME])
{
    size_t count = 0;
    int32_t same = (int32_t)(1 + draw_below(s, 9));
    for (size_t i = 0; i < s->n_nodes; i++) {
        for (size_t k = 0; s->nodes[i].type == ST_SOURCE && k < s->nodes[i].n_topics; k++) {
            snprintf(names[count], sizeof(names[0]), "t%zu.%zu", i, k);
            topics[count] =
                (struct st_topic_count){names[count], s->even ? same : (int32_t)(1 + draw_below(s, 9))};
            count++;
        }
    }
    return count;
}

#endif
