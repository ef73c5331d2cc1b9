/* SPDX-License-Identifier: Apache-2.0
 *
 * A topology cut into sub-topologies: what runs as one task, and in which order.
 *
 * The rule. Every repartition is taken apart into a sink side, which writes the internal topic, and a source side, which
 * reads it. What is still connected by edges, or by a store that several processors use, is one sub-topology (Kafka
 * Streams cuts the same way). Sub-topologies are numbered from 0 in the order in which their first source was added; a
 * repartition counts as a source, added when the repartition was. The name of a sub-topology is the name of the node
 * of that first source: the number may move when a node is inserted, the name stays as long as that source does.
 *
 * Global tables belong to no sub-topology: they are listed beside them, and no node of the plan stands for one.
 *
 * Execution order: parents before children, and as far as that leaves a choice, in the order of adding.
 *
 * Ownership: a plan points into its topology, which must outlive it and must not change meanwhile. Read-only once made;
 * any thread.
 */
#ifndef AQ_STREAMS_TOPOLOGY_PLAN_H
#define AQ_STREAMS_TOPOLOGY_PLAN_H

#include "streams/topology/topology.h"

enum st_side {
    ST_WHOLE,       /* a source, a processor, a sink */
    ST_SINK_SIDE,   /* of a repartition */
    ST_SOURCE_SIDE, /* of a repartition */
};

struct st_plan_node {
    const struct st_node *node;
    enum st_side side;
    const char *name;     /* the node's; of a repartition "<name>-sink" or "<name>-source" */
    size_t index;         /* in st_plan.nodes: the order of adding, a sink side before its source side */
    uint32_t subtopology; /* its number */
    struct st_plan_node **parents;
    size_t n_parents;
    struct st_plan_node **children; /* both in the same sub-topology, always */
    size_t n_children;
};

enum st_internal_use { ST_READS, ST_WRITES, ST_CHANGELOG };

struct st_internal_topic {
    const char *name;
    enum st_internal_use use; /* what the sub-topology does with it */
};

struct st_subtopology {
    uint32_t number;
    const char *name;
    struct st_plan_node **nodes; /* in execution order */
    size_t n_nodes;
    struct st_plan_node **sources; /* those of nodes that read topics, in the order of adding; at least one */
    size_t n_sources;
    const struct st_store **stores; /* in the order of adding */
    size_t n_stores;
    struct st_internal_topic *internal_topics; /* read ones, written ones, changelogs */
    size_t n_internal_topics;
};

struct st_plan {
    struct aq_arena arena;
    const struct st_topology *topology;
    struct st_plan_node *nodes;
    size_t n_nodes;
    struct st_subtopology *subtopologies;
    size_t n_subtopologies;
    const struct st_node **globals; /* global tables, in the order of adding */
    size_t n_globals;
};

/* NULL, and the first error, for a topology in which st_topology_check() finds one. */
struct st_plan *st_plan_create(const struct st_topology *topology, struct aq_err *err);
void st_plan_destroy(struct st_plan *plan);

/* Does it read topics: a source, or the source side of a repartition? */
bool st_plan_node_reads(const struct st_plan_node *node);
/* The topic it writes: of a sink, or of the sink side of a repartition; NULL for all others and when values decide. */
const char *st_plan_node_writes(const struct st_plan_node *node);

#endif
