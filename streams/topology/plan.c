/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a topology into sub-topologies (streams/topology/plan.h).
 *
 * An ordinary pass: check the topology; copy its graph with every repartition as two nodes; unite what edges and stores
 * connect; number the sets by their first source; sort all nodes so that parents come first; deal them out.
 *
 * A failing pass: the check finds an error, and there is no plan. Everything below relies on what it promises: no cycle,
 * and every node is reached from a source, so that every set has one.
 *
 * Invariants: every plan node is in exactly one sub-topology; no edge leaves a sub-topology; the same topology gives the
 * same plan, whatever the addresses.
 */
#include "streams/topology/plan.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/topology/disjoint.h"
#include "streams/topology/topology_check.h"

bool st_plan_node_reads(const struct st_plan_node *node)
{
    return node->side == ST_SOURCE_SIDE || node->node->type == ST_SOURCE;
}

const char *st_plan_node_writes(const struct st_plan_node *node)
{
    return node->side == ST_SINK_SIDE || node->node->type == ST_SINK ? node->node->topic : NULL;
}

/* ---- the graph with repartitions taken apart ---------------------------------------------------------------------- */

/* Where the two sides of each node of the topology are; one and the same for all but repartitions. */
struct sides {
    struct st_plan_node **in;  /* by node index: what its parents lead to */
    struct st_plan_node **out; /* by node index: what leads to its children */
};

static struct st_plan_node *add_side(struct st_plan *plan, const struct st_node *node, enum st_side side)
{
    struct st_plan_node *made = &plan->nodes[plan->n_nodes];
    made->node = node;
    made->side = side;
    made->index = plan->n_nodes++;
    made->name = node->name;
    if (side != ST_WHOLE)
        made->name =
            aq_arena_printf(&plan->arena, "%s-%s", node->name, side == ST_SINK_SIDE ? "sink" : "source");
    return made;
}

static void add_nodes(struct st_plan *plan, struct sides *sides)
{
    const struct st_topology *topology = plan->topology;
    plan->nodes = aq_arena_zalloc(&plan->arena, 2 * topology->n_nodes * sizeof(*plan->nodes));
    plan->globals = aq_arena_zalloc(&plan->arena, topology->n_nodes * sizeof(*plan->globals));
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (node->type == ST_GLOBAL_TABLE) {
            plan->globals[plan->n_globals++] = node;
            continue;
        }
        bool cut = node->type == ST_REPARTITION;
        sides->in[i] = add_side(plan, node, cut ? ST_SINK_SIDE : ST_WHOLE);
        sides->out[i] = cut ? add_side(plan, node, ST_SOURCE_SIDE) : sides->in[i];
    }
}

static void add_edges(struct st_plan *plan, const struct sides *sides)
{
    for (size_t i = 0; i < plan->topology->n_nodes; i++) {
        const struct st_node *node = plan->topology->nodes[i];
        struct st_plan_node *in = sides->in[i], *out = sides->out[i];
        if (!in) continue; /* a global table */
        in->parents = aq_arena_alloc(&plan->arena, node->n_parents * sizeof(struct st_plan_node *));
        for (size_t k = 0; k < node->n_parents; k++)
            in->parents[in->n_parents++] = sides->out[node->parents[k]->index];
        out->children = aq_arena_alloc(&plan->arena, node->n_children * sizeof(struct st_plan_node *));
        for (size_t k = 0; k < node->n_children; k++)
            out->children[out->n_children++] = sides->in[node->children[k]->index];
    }
}

/* ---- what is connected -------------------------------------------------------------------------------------------- */

static void unite_connected(const struct st_plan *plan, const struct sides *sides, struct st_disjoint *sets)
{
    for (size_t i = 0; i < plan->n_nodes; i++)
        for (size_t k = 0; k < plan->nodes[i].n_children; k++)
            st_disjoint_unite(sets, i, plan->nodes[i].children[k]->index);
    for (size_t i = 0; i < plan->topology->n_stores; i++) {
        const struct st_store *store = plan->topology->stores[i];
        for (size_t k = 1; k < store->n_users; k++)
            st_disjoint_unite(sets, sides->in[store->users[0]->index]->index,
                              sides->in[store->users[k]->index]->index);
    }
}

/* Numbers the sets by their first source, and all nodes by their set. */
static void number_sets(struct st_plan *plan, struct st_disjoint *sets)
{
    uint32_t *number_of = aq_calloc(plan->n_nodes + 1, sizeof(*number_of)); /* by set; number + 1 */
    plan->subtopologies = aq_arena_zalloc(&plan->arena, plan->n_nodes * sizeof(*plan->subtopologies));
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct st_plan_node *node = &plan->nodes[i];
        size_t set = st_disjoint_find(sets, i);
        if (!st_plan_node_reads(node) || number_of[set] != 0) continue;
        uint32_t number = (uint32_t)plan->n_subtopologies++;
        number_of[set] = number + 1;
        plan->subtopologies[number].number = number;
        plan->subtopologies[number].name = node->node->name;
    }
    for (size_t i = 0; i < plan->n_nodes; i++) {
        uint32_t number = number_of[st_disjoint_find(sets, i)];
        AQ_ASSERT(number > 0);
        plan->nodes[i].subtopology = number - 1;
    }
    free(number_of);
}

/* ---- execution order ---------------------------------------------------------------------------------------------- */

/* All nodes, parents first, else by index: what is ready with the smallest index comes next. The cursor only goes back
 * when a node that was added earlier becomes ready, which takes an edge added after both of its ends. */
static void sort_nodes(struct st_plan *plan, struct st_plan_node **order)
{
    size_t n = plan->n_nodes, placed = 0, cursor = 0;
    size_t *waits_for = aq_calloc(n + 1, sizeof(*waits_for));
    bool *done = aq_calloc(n + 1, sizeof(*done));
    for (size_t i = 0; i < n; i++) waits_for[i] = plan->nodes[i].n_parents;
    while (placed < n) {
        while (cursor < n && (done[cursor] || waits_for[cursor] > 0)) cursor++;
        AQ_ASSERT(cursor < n); /* else there is a cycle */
        struct st_plan_node *node = &plan->nodes[cursor];
        done[cursor] = true;
        order[placed++] = node;
        for (size_t k = 0; k < node->n_children; k++) {
            size_t child = node->children[k]->index;
            if (--waits_for[child] == 0 && child < cursor) cursor = child;
        }
    }
    free(waits_for);
    free(done);
}

static void deal_nodes(struct st_plan *plan, struct st_plan_node *const *order)
{
    for (size_t i = 0; i < plan->n_nodes; i++) {
        struct st_subtopology *sub = &plan->subtopologies[plan->nodes[i].subtopology];
        sub->n_nodes++;
        if (st_plan_node_reads(&plan->nodes[i])) sub->n_sources++;
    }
    for (size_t i = 0; i < plan->n_subtopologies; i++) {
        struct st_subtopology *sub = &plan->subtopologies[i];
        sub->nodes = aq_arena_alloc(&plan->arena, sub->n_nodes * sizeof(struct st_plan_node *));
        sub->sources = aq_arena_alloc(&plan->arena, sub->n_sources * sizeof(struct st_plan_node *));
        sub->n_nodes = sub->n_sources = 0;
    }
    for (size_t i = 0; i < plan->n_nodes; i++) {
        struct st_subtopology *sub = &plan->subtopologies[order[i]->subtopology];
        sub->nodes[sub->n_nodes++] = order[i];
        sub = &plan->subtopologies[plan->nodes[i].subtopology];
        if (st_plan_node_reads(&plan->nodes[i])) sub->sources[sub->n_sources++] = &plan->nodes[i];
    }
}

/* ---- stores and internal topics ----------------------------------------------------------------------------------- */

/* Every store has a user, and all its users are in one sub-topology. */
static struct st_subtopology *home_of(struct st_plan *plan, const struct sides *sides,
                                      const struct st_store *store)
{
    AQ_ASSERT(store->n_users > 0);
    return &plan->subtopologies[sides->in[store->users[0]->index]->subtopology];
}

static void deal_stores(struct st_plan *plan, const struct sides *sides)
{
    const struct st_topology *topology = plan->topology;
    for (size_t i = 0; i < topology->n_stores; i++) home_of(plan, sides, topology->stores[i])->n_stores++;
    for (size_t i = 0; i < plan->n_subtopologies; i++) {
        struct st_subtopology *sub = &plan->subtopologies[i];
        sub->stores = aq_arena_alloc(&plan->arena, sub->n_stores * sizeof(struct st_store *));
        sub->n_stores = 0;
    }
    for (size_t i = 0; i < topology->n_stores; i++) {
        struct st_subtopology *sub = home_of(plan, sides, topology->stores[i]);
        sub->stores[sub->n_stores++] = topology->stores[i];
    }
}

static void add_internal(struct st_subtopology *sub, const char *name, enum st_internal_use use)
{
    sub->internal_topics[sub->n_internal_topics++] = (struct st_internal_topic){.name = name, .use = use};
}

static void list_internal_topics(struct st_plan *plan, struct st_subtopology *sub)
{
    size_t most = sub->n_nodes + sub->n_stores;
    sub->internal_topics = aq_arena_zalloc(&plan->arena, most * sizeof(*sub->internal_topics));
    for (size_t i = 0; i < sub->n_sources; i++)
        if (sub->sources[i]->side == ST_SOURCE_SIDE)
            add_internal(sub, sub->sources[i]->node->topic, ST_READS);
    for (size_t i = 0; i < sub->n_nodes; i++)
        if (sub->nodes[i]->side == ST_SINK_SIDE) add_internal(sub, sub->nodes[i]->node->topic, ST_WRITES);
    for (size_t i = 0; i < sub->n_stores; i++)
        if (sub->stores[i]->changelog) add_internal(sub, sub->stores[i]->changelog, ST_CHANGELOG);
}

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

static int check(const struct st_topology *topology, struct aq_err *err)
{
    struct st_findings findings;
    st_findings_init(&findings);
    st_topology_check(topology, &findings);
    int rc = st_findings_verdict(&findings, err);
    st_findings_finish(&findings);
    return rc;
}

static void cut(struct st_plan *plan, struct sides *sides)
{
    add_nodes(plan, sides);
    add_edges(plan, sides);
    struct st_disjoint sets;
    st_disjoint_init(&sets, plan->n_nodes);
    unite_connected(plan, sides, &sets);
    number_sets(plan, &sets);
    st_disjoint_finish(&sets);
    struct st_plan_node **order = aq_calloc(plan->n_nodes + 1, sizeof(struct st_plan_node *));
    sort_nodes(plan, order);
    deal_nodes(plan, order);
    free(order);
    deal_stores(plan, sides);
    for (size_t i = 0; i < plan->n_subtopologies; i++) list_internal_topics(plan, &plan->subtopologies[i]);
}

struct st_plan *st_plan_create(const struct st_topology *topology, struct aq_err *err)
{
    AQ_ASSERT(topology);
    if (check(topology, err) != 0) return NULL;
    struct st_plan *plan = aq_calloc(1, sizeof(*plan));
    plan->topology = topology;
    aq_arena_init(&plan->arena, 4096);
    struct sides sides = {
        .in = aq_calloc(topology->n_nodes + 1, sizeof(struct st_plan_node *)),
        .out = aq_calloc(topology->n_nodes + 1, sizeof(struct st_plan_node *)),
    };
    cut(plan, &sides);
    free(sides.in);
    free(sides.out);
    return plan;
}

void st_plan_destroy(struct st_plan *plan)
{
    if (!plan) return;
    aq_arena_finish(&plan->arena);
    free(plan);
}
