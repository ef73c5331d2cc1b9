/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores that can be asked (streams/query/queryable.h).
 *
 * A store belongs to the node that was connected to it first; whoever else is connected only looks rows up. From what that node is, and from
 * the length of the second part of the store's keys, follows what its rows are.
 */
#include "streams/query/queryable.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "streams/ops/aggregation.h"
#include "streams/ops/op_table.h"
#include "streams/state/state.h"

/* ---- what they are ------------------------------------------------------------------------------------------------ */

static bool is_one_of(const struct st_processor_kind *kind, const struct st_processor_kind *const *list,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == kind) return true;
    return false;
}

static bool is_aggregation(const struct st_node *node)
{
    static const struct st_processor_kind *const list[] = {
        &st_aggregate_kind,         &st_cogroup_kind,           &st_window_aggregate_kind,
        &st_window_cogroup_kind,    &st_sliding_aggregate_kind, &st_sliding_cogroup_kind,
        &st_session_aggregate_kind, &st_session_cogroup_kind};
    return is_one_of(node->kind, list, sizeof(list) / sizeof(list[0]));
}

/* Tables whose rows are values as they go on. */
static bool is_table(const struct st_node *node)
{
    static const struct st_processor_kind *const list[] = {&st_table_source_kind, &st_table_filter_kind,
                                                           &st_table_map_values_kind, &st_table_join_kind};
    return is_one_of(node->kind, list, sizeof(list) / sizeof(list[0]));
}

static void take_aggregation(struct st_queryable *q, const struct st_node *node)
{
    const struct st_aggregate *op = node->user;
    const struct st_windows *windows = st_aggregate_windows(node);
    int32_t rest = windows ? windows->kind == ST_SESSION ? ST_SESSION_REST : ST_WINDOW_REST : 0;
    /* Besides its rows it may keep its stream time. */
    if (q->store->conf.rest_len != rest || q->store != node->stores[0]) return;
    q->kept = !windows ? ST_KEPT_PLAIN : windows->kind == ST_SESSION ? ST_KEPT_SESSIONS : ST_KEPT_WINDOWS;
    q->windows = windows;
    if (op->aggregator.kind->result) q->aggregator = &op->aggregator;
}

static void take_kind(struct st_queryable *q, const struct st_node *node)
{
    const struct st_store_conf *conf = &q->store->conf;
    if (is_aggregation(node)) {
        take_aggregation(q, node);
    } else if (node->kind == &st_table_aggregate_kind) {
        const struct st_aggregator *aggregator = node->user;
        q->kept = ST_KEPT_PLAIN;
        if (aggregator->kind->result) q->aggregator = aggregator;
    } else if (is_table(node)) {
        bool versioned = conf->rest_len != 0;
        const struct st_table_source *source = node->user;
        if (versioned && (node->kind != &st_table_source_kind || !source || source->history_ms <= 0)) return;
        q->kept = versioned ? ST_KEPT_VERSIONED : ST_KEPT_PLAIN;
        q->history_ms = versioned ? source->history_ms : 0;
    }
}

/* A program's own: what it puts there under which key is for it to know. */
static bool is_program(const struct st_store *store)
{
    return store->conf.rest_len == 0 && !store->conf.timestamped;
}

/* Rows of the engine's own operators, which say so by a kind; what is left of those without a second part is a program's. */
static void take_store(struct st_queryable *q, const struct st_plan_node *owner,
                       const struct st_serde_flow *serdes)
{
    const struct st_node *node = owner->node;
    bool known = is_aggregation(node) || is_table(node) || node->kind == &st_table_aggregate_kind;
    q->owner = owner;
    take_kind(q, node);
    if (!known && is_program(q->store)) q->kept = ST_KEPT_PLAIN;
    q->key = serdes->in[owner->index].key;
    if (known) q->value = serdes->out[owner->index].value;
}

static void take_subtopology(struct st_queryable *list, const struct st_subtopology *sub,
                             const struct st_serde_flow *serdes)
{
    for (size_t i = 0; i < sub->n_stores; i++) {
        const struct st_store *store = sub->stores[i];
        struct st_queryable *q = &list[store->index];
        *q = (struct st_queryable){.store = store, .subtopology = sub, .kept = ST_KEPT_INTERNAL};
        for (size_t n = 0; n < sub->n_nodes && store->n_users > 0; n++)
            if (sub->nodes[n]->node == store->users[0]) take_store(q, sub->nodes[n], serdes);
    }
}

struct st_queryable *st_queryables_create(const struct st_plan *plan, const struct st_serde_flow *serdes)
{
    AQ_ASSERT(plan && serdes && serdes->n == plan->n_nodes);
    struct st_queryable *list = aq_calloc(plan->topology->n_stores + 1, sizeof(*list));
    for (size_t i = 0; i < plan->n_subtopologies; i++)
        take_subtopology(list, &plan->subtopologies[i], serdes);
    return list;
}

const char *st_queryable_kind(const struct st_queryable *queryable)
{
    switch (queryable->kept) {
    case ST_KEPT_INTERNAL: return "internal";
    case ST_KEPT_PLAIN: return queryable->store->conf.timestamped ? "timestamped-key-value" : "key-value";
    case ST_KEPT_VERSIONED: return "versioned";
    case ST_KEPT_WINDOWS: return "window";
    case ST_KEPT_SESSIONS: return "session";
    }
    AQ_ASSERT(!"a kind of rows");
    return "";
}

/* ---- where keys are ----------------------------------------------------------------------------------------------- */

int32_t st_queryable_partitions(const struct st_queryable *queryable, const struct st_tasks *tasks)
{
    AQ_ASSERT(queryable->subtopology->number < tasks->plan->n_subtopologies);
    return tasks->subtopologies[queryable->subtopology->number].tasks;
}

static bool leads_to(const struct st_plan_node *from, const struct st_plan_node *to)
{
    if (from == to) return true;
    for (size_t i = 0; i < from->n_children; i++)
        if (leads_to(from->children[i], to)) return true;
    return false;
}

int32_t st_queryable_partition(const struct st_queryable *queryable, const struct st_tasks *tasks,
                               struct aq_slice key)
{
    AQ_ASSERT(queryable->owner && !aq_slice_is_null(key));
    const struct st_subtopology_tasks *sub = &tasks->subtopologies[queryable->subtopology->number];
    int32_t n = 0;
    for (size_t i = 0; i < sub->n_inputs; i++) {
        const struct st_input *input = &sub->inputs[i];
        if (!leads_to(input->source, queryable->owner)) continue;
        if (n != 0 && n != input->partitions) return -1;
        n = input->partitions;
    }
    if (n == 0) return -1;
    /* The window of a key does not count. */
    size_t tail = st_serde_tail(queryable->key);
    if (key.len >= tail) key.len -= tail;
    return aq_partition_for_key(key, n);
}
