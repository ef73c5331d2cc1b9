/* SPDX-License-Identifier: Apache-2.0
 *
 * How many tasks a plan has on a given cluster: the partition counts of its internal topics, the tasks of every
 * sub-topology, the topics that must have equal counts, and the slot of every task.
 *
 * The rules, which are those of Kafka Streams:
 *   - a sub-topology has as many tasks as the largest of its source topics has partitions; task p owns partition p of
 *     every source topic that has one;
 *   - a repartition topic with partitions of its own has these; else as many as the largest source topic of the
 *     sub-topology that writes it, over however many repartitions in a row (a fixed point, so that a store that closes
 *     a loop between sub-topologies does no harm);
 *   - the topics that lead to one kind->copartitioned processor within its sub-topology are one co-partitioning group,
 *     and groups that share a topic are one. All counts of a group are equal. A repartition topic without partitions of
 *     its own takes the count that the others of its group have.
 *
 * Counts only are compared: that both sides were written with the same partitioner is for the user to know.
 *
 * Ownership: points into the plan, which must outlive it; topic names are copied. Read-only once made; any thread.
 */
#ifndef AQ_STREAMS_TASKS_H
#define AQ_STREAMS_TASKS_H

#include "kafka/kafka.h"
#include "kafka/task_map.h"
#include "streams/topology/finding.h"
#include "streams/topology/plan.h"

/* A topic the cluster has. */
struct st_topic_count {
    const char *name;
    int32_t partitions; /* at least 1 */
};

/* A topic that a sub-topology reads. */
struct st_input {
    const char *topic;
    const struct st_plan_node *source;
    int32_t partitions;
};

struct st_subtopology_tasks {
    const struct st_subtopology *subtopology;
    struct st_input *inputs; /* by source; a pattern's topics by name (bytes) */
    size_t n_inputs;
    int32_t tasks; /* 0: it has only patterns that match nothing yet */
};

/* Topics that must have, and have, the same number of partitions; at least two. */
struct st_copartition {
    const struct st_plan_node *processor; /* the first in plan order that asks for it */
    const struct st_input **inputs;
    size_t n_inputs;
    int32_t partitions;
};

struct st_tasks {
    struct aq_arena arena;
    const struct st_plan *plan;
    struct st_subtopology_tasks *subtopologies; /* by number, as many as the plan has */
    struct st_input *inputs;                    /* of all of them, one after the other */
    size_t n_inputs;
    struct st_copartition *groups;
    size_t n_groups;
};

/* The cluster's topics in any order. Findings: topics that do not exist, counts that do not fit (errors), patterns that
 * match nothing (warnings). NULL when it added an error. */
struct st_tasks *st_tasks_create(const struct st_plan *plan, const struct st_topic_count *topics,
                                 size_t n_topics, struct st_findings *findings);
/* The same for what admin_topics answered; topics that may not be described, or have no partitions yet, are none. */
struct st_tasks *st_tasks_on(const struct st_plan *plan, const struct kc_topics *seen,
                             struct st_findings *findings);
void st_tasks_destroy(struct st_tasks *tasks);

/* How many partitions the internal topic of a repartition has. */
int32_t st_repartition_count(const struct st_tasks *tasks, const struct st_node *repartition);

/* Which of the `slots` partitions of the application's state topic a task belongs to: (murmur2(name of the sub-topology) +
 * partition) mod slots, the map of source partitions to tasks with another name in it. Depends on no number of a
 * sub-topology and on no other sub-topology, so that a topology may grow. */
static inline int32_t st_task_slot(const struct st_subtopology *subtopology, int32_t partition, int32_t slots)
{
    return kc_task_of(subtopology->name, partition, slots);
}

#endif
