/* SPDX-License-Identifier: Apache-2.0
 *
 * Following serdes through a plan (streams/serde/serde_flow.h).
 *
 * The source side of a repartition may be visited before its sink side, also in one sub-topology, so all nodes are visited until nothing
 * changes any more: a source side takes what its sink side passed. What a node sends follows from nodes in front of it, and the check
 * has refused cycles, so as many rounds as there are nodes are enough; a foreign key join leads into a sub-topology and back again, and
 * as many as there are sub-topologies are not.
 */
#include "streams/serde/serde_flow.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_aggregate.h"
#include "streams/ops/op_foreign.h"
#include "streams/ops/op_table.h"

struct flowing {
    const struct st_plan *plan;
    struct st_serdes defaults;
    struct st_serde_flow *flow;
    struct st_findings *findings; /* NULL: only follow */
    bool moves;                   /* the last round changed something */
};

static const char *name_of(const struct st_serde *serde)
{
    return serde ? st_serde_name(serde) : "nothing";
}

/* The sink side of the repartition whose source side this is. */
static const struct st_plan_node *other_side(const struct st_plan_node *node)
{
    AQ_ASSERT(node->side == ST_SOURCE_SIDE);
    const struct st_plan_node *sink =
        node - 1; /* streams/topology/plan.h: a sink side comes before its source side */
    AQ_ASSERT(sink->node == node->node && sink->side == ST_SINK_SIDE);
    return sink;
}

static void missing(struct flowing *f, const struct st_node *node, const char *part)
{
    if (!f->findings) return;
    st_report(
        f->findings, CONF_ERROR, node,
        "nothing says how its %ss are to be read: set %s_serde here, or default_%s_serde for all sources",
        part, part, part);
}

/* Of a source or a global table. */
static struct st_serdes of_topic(struct flowing *f, const struct st_node *node)
{
    struct st_serdes serdes = {node->key_serde ? node->key_serde : f->defaults.key,
                               node->value_serde ? node->value_serde : f->defaults.value};
    if (!serdes.key) missing(f, node, "key");
    if (!serdes.value) missing(f, node, "value");
    return serdes;
}

static struct st_serdes read_by(struct flowing *f, const struct st_plan_node *node)
{
    if (node->side == ST_SOURCE_SIDE) return f->flow->out[other_side(node)->index];
    return of_topic(f, node->node);
}

static void disagree(struct flowing *f, const struct st_plan_node *node, const struct st_plan_node *a,
                     const struct st_plan_node *b, const char *part, const struct st_serde *of_a,
                     const struct st_serde *of_b)
{
    if (!f->findings || of_a == of_b || !of_a || !of_b) return;
    st_report(
        f->findings, CONF_ERROR, node->node,
        "'%s' sends it %ss as %s and '%s' as %s; they must agree: set %s_serde at the node that makes them",
        a->name, part, name_of(of_a), b->name, name_of(of_b), part);
}

static struct st_serdes from_parents(struct flowing *f, const struct st_plan_node *node)
{
    AQ_ASSERT(node->n_parents > 0);
    struct st_serdes first = f->flow->out[node->parents[0]->index];
    for (size_t i = 1; i < node->n_parents; i++) {
        const struct st_serdes other = f->flow->out[node->parents[i]->index];
        disagree(f, node, node->parents[0], node->parents[i], "key", first.key, other.key);
        disagree(f, node, node->parents[0], node->parents[i], "value", first.value, other.value);
    }
    return first;
}

static void check_written(struct flowing *f, const struct st_plan_node *node, const char *part,
                          const struct st_serde *in, const struct st_serde *out)
{
    if (!f->findings || !in || !out || in == out) return;
    /* Bytes are bytes: who says so takes them as they are. */
    if (st_serde_type(out) == ST_VALUE_BYTES) return;
    st_report(
        f->findings, CONF_ERROR, node->node,
        "it is to write %ss as %s, and what reaches it is %s; nothing converts on the way: set %s_serde at the node "
        "that makes them",
        part, name_of(out), name_of(in), part);
}

/* The node of a foreign key join that is of this kind. */
static const struct st_plan_node *node_of_join(const struct st_plan *plan,
                                               const struct st_processor_kind *kind, const void *user)
{
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct st_node *node = plan->nodes[i].node;
        if (node->type == ST_PROCESSOR && node->kind == kind && node->user == user) return &plan->nodes[i];
    }
    AQ_ASSERT(!"a foreign key join has all of its nodes");
    return NULL;
}

/* Its sides write the keys of each other's tables, and what comes back are values like the left table's. */
static void cross(const struct flowing *f, const struct st_plan_node *node, struct st_serdes *out)
{
    const struct st_processor_kind *kind = node->node->type == ST_PROCESSOR ? node->node->kind : NULL;
    bool asks = kind == &st_foreign_subscribe_kind, joins = kind == &st_foreign_respond_kind;
    bool answers = kind == &st_foreign_subscriptions_kind || kind == &st_foreign_changed_kind;
    if (!asks && !joins && !answers) return;
    const struct st_plan_node *other =
        node_of_join(f->plan, asks ? &st_foreign_changed_kind : &st_foreign_subscribe_kind, node->node->user);
    const struct st_serdes *in = &f->flow->in[other->index];
    if (joins)
        out->value = in->value;
    else
        out->key = in->key;
}

static void visit(struct flowing *f, const struct st_plan_node *node)
{
    struct st_serdes in = st_plan_node_reads(node) ? read_by(f, node) : from_parents(f, node);
    struct st_serdes out = in;
    if (node->side != ST_SOURCE_SIDE) {
        const struct st_windows *windows = st_aggregate_windows(node->node);
        if (windows) out.key = st_windows_key_serde(windows, in.key);
        if (node->node->kind == &st_table_aggregate_kind)
            out.value = st_table_aggregate_takes(node, f->flow->in, f->flow->n);
        cross(f, node, &out);
        if (node->node->key_serde) out.key = node->node->key_serde;
        if (node->node->value_serde) out.value = node->node->value_serde;
    }
    if (node->node->type == ST_SINK || node->side == ST_SINK_SIDE) {
        check_written(f, node, "key", in.key, out.key);
        check_written(f, node, "value", in.value, out.value);
    }
    const struct st_serdes *was = &f->flow->out[node->index];
    if (was->key != out.key || was->value != out.value) f->moves = true;
    f->flow->in[node->index] = in;
    f->flow->out[node->index] = out;
}

static void visit_all(struct flowing *f)
{
    for (size_t s = 0; s < f->plan->n_subtopologies; s++) {
        const struct st_subtopology *sub = &f->plan->subtopologies[s];
        for (size_t i = 0; i < sub->n_nodes; i++) visit(f, sub->nodes[i]);
    }
}

struct st_serde_flow *st_serde_flow_create(const struct st_plan *plan, struct st_serdes defaults,
                                           struct st_findings *findings)
{
    AQ_ASSERT(plan && findings);
    struct st_serde_flow *flow = aq_calloc(1, sizeof(*flow));
    flow->n = plan->n_nodes;
    flow->in = aq_calloc(plan->n_nodes, sizeof(*flow->in));
    flow->out = aq_calloc(plan->n_nodes, sizeof(*flow->out));
    flow->globals = aq_calloc(plan->n_globals + 1, sizeof(*flow->globals));
    struct flowing f = {.plan = plan, .defaults = defaults, .flow = flow};
    f.moves = true; /* a repartition may lead back into the only sub-topology there is */
    for (size_t round = 0; f.moves && round < plan->n_nodes; round++) {
        f.moves = false;
        visit_all(&f);
    }
    size_t before = findings->errors;
    f.findings = findings;
    visit_all(&f);
    for (size_t i = 0; i < plan->n_globals; i++) flow->globals[i] = of_topic(&f, plan->globals[i]);
    if (findings->errors == before) return flow;
    st_serde_flow_destroy(flow);
    return NULL;
}

void st_serde_flow_destroy(struct st_serde_flow *flow)
{
    if (!flow) return;
    free(flow->in);
    free(flow->out);
    free(flow->globals);
    free(flow);
}

/* ---- of a global table -------------------------------------------------------------------------------------------- */

struct st_serdes st_serde_flow_of_global(const struct st_serde_flow *flow, const struct st_plan *plan,
                                         const struct st_node *table)
{
    size_t i = 0;
    while (i < plan->n_globals && plan->globals[i] != table) i++;
    AQ_ASSERT(i < plan->n_globals);
    return flow->globals[i];
}

/* ---- of a topic --------------------------------------------------------------------------------------------------- */

struct st_serdes st_serde_flow_read_from(const struct st_serde_flow *flow, const struct st_plan *plan,
                                         const char *topic)
{
    AQ_ASSERT(flow->n == plan->n_nodes);
    struct aq_err ignored;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct st_node *node = plan->nodes[i].node;
        if (node->type != ST_SOURCE) continue;
        bool takes = st_pattern_takes(plan->topology, node, topic, &ignored) == 1;
        for (size_t t = 0; t < node->n_topics; t++) takes |= strcmp(node->topics[t], topic) == 0;
        if (takes) return flow->in[i];
    }
    for (size_t i = 0; i < plan->n_globals; i++)
        if (strcmp(plan->globals[i]->topics[0], topic) == 0) return flow->globals[i];
    return (struct st_serdes){0};
}

/* True when at least one sink is of that kind: of the topic, or (NULL) without a topic. */
static bool agreed(const struct st_serde_flow *flow, const struct st_plan *plan, const char *topic,
                   struct st_serdes *ret)
{
    bool found = false;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct st_node *node = plan->nodes[i].node;
        bool is_it = topic ? node->topic && strcmp(node->topic, topic) == 0 : !node->topic;
        if (node->type != ST_SINK || !is_it) continue;
        struct st_serdes one = flow->in[i];
        if (!found) *ret = one;
        if (ret->key != one.key) ret->key = NULL;
        if (ret->value != one.value) ret->value = NULL;
        found = true;
    }
    return found;
}

struct st_serdes st_serde_flow_written_to(const struct st_serde_flow *flow, const struct st_plan *plan,
                                          const char *topic)
{
    AQ_ASSERT(flow->n == plan->n_nodes && topic);
    struct st_serdes serdes = {0};
    if (!agreed(flow, plan, topic, &serdes)) agreed(flow, plan, NULL, &serdes);
    return serdes;
}
