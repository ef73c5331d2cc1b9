/* SPDX-License-Identifier: Apache-2.0
 *
 * Partition counts and tasks of a plan (streams/tasks.h).
 *
 * An ordinary pass: list the topics every sub-topology reads, with the counts the cluster or the user gave; find the
 * co-partitioning groups; let every group hand its known count to its repartition topics; then raise the counts of the
 * other repartition topics to those of the topics in front of them until nothing moves. Counts only grow and none
 * exceeds the largest one given, so that comes to an end.
 *
 * A failing pass: every rule reports what it finds and goes on with the next; a repartition topic whose count stays
 * unknown is told of only when nothing else is wrong, because a missing topic in front of it is told of already.
 *
 * Invariants of what is returned: every input has at least one partition, but for a repartition topic behind patterns that match
 * nothing yet, which has none; all inputs of a group have the same.
 */
#include "streams/tasks.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/topology/copartition.h"

/* ---- inputs ------------------------------------------------------------------------------------------------------- */

struct cluster {
    const struct st_topic_count *topics;
    size_t count;
    const char **names; /* of the same, for suggestions */
};

static int32_t count_of(const struct cluster *cluster, const char *topic)
{
    for (size_t i = 0; i < cluster->count; i++)
        if (strcmp(cluster->topics[i].name, topic) == 0) return cluster->topics[i].partitions;
    return 0;
}

static void add_input(struct st_tasks *tasks, const struct st_plan_node *source, const char *topic,
                      int32_t partitions)
{
    tasks->inputs[tasks->n_inputs++] = (struct st_input){
        .topic = aq_arena_strdup(&tasks->arena, topic), .source = source, .partitions = partitions};
}

static void add_named(struct st_tasks *tasks, const struct st_plan_node *source, const char *topic,
                      const struct cluster *cluster, struct st_findings *findings)
{
    int32_t partitions = count_of(cluster, topic);
    add_input(tasks, source, topic, partitions);
    if (partitions > 0) return;
    const char *near = conf_did_you_mean(topic, cluster->names, cluster->count);
    if (near)
        st_report(findings, CONF_ERROR, source->node, "the topic '%s' does not exist; did you mean '%s'?",
                  topic, near);
    else
        st_report(findings, CONF_ERROR, source->node, "the topic '%s' does not exist; create it first",
                  topic);
}

static int by_topic(const void *a, const void *b)
{
    return strcmp(((const struct st_input *)a)->topic, ((const struct st_input *)b)->topic);
}

static void add_matched(struct st_tasks *tasks, const struct st_plan_node *source,
                        const struct cluster *cluster, struct st_findings *findings)
{
    size_t first = tasks->n_inputs;
    for (size_t i = 0; i < cluster->count; i++) {
        const struct st_topic_count *topic = &cluster->topics[i];
        struct aq_err err = {0};
        int rc = st_pattern_takes(tasks->plan->topology, source->node, topic->name, &err);
        if (rc < 0) st_report(findings, CONF_ERROR, source->node, "%s", err.text);
        if (rc == 1) add_input(tasks, source, topic->name, topic->partitions);
    }
    size_t found = tasks->n_inputs - first;
    if (found == 0)
        st_report(findings, CONF_WARNING, source->node, "the pattern '%s' matches no topic yet",
                  source->node->pattern);
    else
        qsort(&tasks->inputs[first], found, sizeof(*tasks->inputs), by_topic);
}

static void add_inputs_of(struct st_tasks *tasks, const struct st_plan_node *source,
                          const struct cluster *cluster, struct st_findings *findings)
{
    const struct st_node *node = source->node;
    if (source->side == ST_SOURCE_SIDE) {
        add_input(tasks, source, node->topic, node->partitions);
    } else if (node->pattern) {
        add_matched(tasks, source, cluster, findings);
    } else {
        for (size_t i = 0; i < node->n_topics; i++)
            add_named(tasks, source, node->topics[i], cluster, findings);
    }
}

/* As many as there can be: a pattern may match every topic. */
static size_t most_inputs(const struct st_plan *plan, size_t n_topics)
{
    size_t most = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct st_plan_node *node = &plan->nodes[i];
        if (!st_plan_node_reads(node)) continue;
        most += node->side == ST_SOURCE_SIDE ? 1 : node->node->pattern ? n_topics : node->node->n_topics;
    }
    return most;
}

static void list_inputs(struct st_tasks *tasks, const struct cluster *cluster, struct st_findings *findings)
{
    const struct st_plan *plan = tasks->plan;
    size_t most = most_inputs(plan, cluster->count);
    tasks->inputs = aq_arena_alloc(&tasks->arena, most * sizeof(*tasks->inputs));
    tasks->subtopologies =
        aq_arena_zalloc(&tasks->arena, plan->n_subtopologies * sizeof(*tasks->subtopologies));
    for (size_t i = 0; i < plan->n_subtopologies; i++) {
        const struct st_subtopology *sub = &plan->subtopologies[i];
        struct st_subtopology_tasks *mine = &tasks->subtopologies[i];
        mine->subtopology = sub;
        mine->inputs = &tasks->inputs[tasks->n_inputs];
        for (size_t k = 0; k < sub->n_sources; k++) add_inputs_of(tasks, sub->sources[k], cluster, findings);
        mine->n_inputs = (size_t)(&tasks->inputs[tasks->n_inputs] - mine->inputs);
    }
    AQ_ASSERT(tasks->n_inputs <= most);
}

/* ---- one source a topic ------------------------------------------------------------------------------------------- */

static int by_topic_and_source(const void *a, const void *b)
{
    const struct st_input *x = *(const struct st_input *const *)a, *y = *(const struct st_input *const *)b;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : (x->source->index > y->source->index) - (x->source->index < y->source->index);
}

/* Two patterns may overlap, which only the topics that exist can tell. */
static void check_one_source(const struct st_tasks *tasks, struct st_findings *findings)
{
    const struct st_input **sorted = aq_calloc(tasks->n_inputs + 1, sizeof(*sorted));
    for (size_t i = 0; i < tasks->n_inputs; i++) sorted[i] = &tasks->inputs[i];
    qsort(sorted, tasks->n_inputs, sizeof(*sorted), by_topic_and_source);
    for (size_t i = 1; i < tasks->n_inputs; i++)
        if (strcmp(sorted[i - 1]->topic, sorted[i]->topic) == 0)
            st_report(findings, CONF_ERROR, sorted[i]->source->node,
                      "the topic '%s' is read by the source '%s' too; a topic has one source",
                      sorted[i]->topic, sorted[i - 1]->source->node->name);
    free(sorted);
}

/* ---- partition counts --------------------------------------------------------------------------------------------- */

static int32_t largest_count(const struct st_subtopology_tasks *sub)
{
    int32_t most = 0;
    for (size_t i = 0; i < sub->n_inputs; i++)
        if (sub->inputs[i].partitions > most) most = sub->inputs[i].partitions;
    return most;
}

static struct st_input *repartition_input(const struct st_tasks *tasks, const struct st_node *node)
{
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        const struct st_plan_node *source = tasks->inputs[i].source;
        if (source->side == ST_SOURCE_SIDE && source->node == node) return &tasks->inputs[i];
    }
    return NULL;
}

int32_t st_repartition_count(const struct st_tasks *tasks, const struct st_node *repartition)
{
    AQ_ASSERT(tasks && repartition && repartition->type == ST_REPARTITION);
    const struct st_input *input = repartition_input(tasks, repartition);
    AQ_ASSERT(input);
    return input->partitions;
}

/* One repartition topic that may follow, and whom it follows. */
struct follower {
    struct st_input *input;
    const struct st_subtopology_tasks *before;
};

static size_t list_followers(const struct st_tasks *tasks, struct follower *followers)
{
    size_t count = 0;
    for (size_t i = 0; i < tasks->plan->n_nodes; i++) {
        const struct st_plan_node *node = &tasks->plan->nodes[i];
        if (node->side != ST_SINK_SIDE) continue;
        struct st_input *input = repartition_input(tasks, node->node);
        AQ_ASSERT(input);
        /* Given by the user, or by its group. */
        if (input->partitions > 0) continue;
        followers[count++] = (struct follower){input, &tasks->subtopologies[node->subtopology]};
    }
    return count;
}

static void settle_counts(struct st_tasks *tasks)
{
    struct follower *followers = aq_calloc(tasks->plan->n_nodes + 1, sizeof(*followers));
    size_t count = list_followers(tasks, followers);
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            int32_t wanted = largest_count(followers[i].before);
            if (wanted <= followers[i].input->partitions) continue;
            followers[i].input->partitions = wanted;
            moved = true;
        }
        if (st_copartition_level(tasks)) moved = true;
    }
    free(followers);
}

/* Only patterns in front of it can leave a count open: a named topic that is missing was reported. The day a topic turns up the
 * repartition topic gets its count, and until then nothing comes through. */
static void check_settled(const struct st_tasks *tasks, struct st_findings *findings)
{
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        const struct st_input *input = &tasks->inputs[i];
        if (input->partitions == 0)
            st_report(
                findings, CONF_WARNING, input->source->node,
                "how many partitions it needs cannot be told yet, for the patterns in front of it match no topic; "
                "it waits for one");
    }
}

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

static void work_out(struct st_tasks *tasks, const struct cluster *cluster, struct st_findings *findings)
{
    size_t errors = findings->errors;
    list_inputs(tasks, cluster, findings);
    check_one_source(tasks, findings);
    st_copartition_find(tasks);
    st_copartition_check(tasks, findings);
    if (findings->errors != errors) return;
    settle_counts(tasks);
    check_settled(tasks, findings);
    for (size_t i = 0; i < tasks->plan->n_subtopologies; i++)
        tasks->subtopologies[i].tasks = largest_count(&tasks->subtopologies[i]);
    for (size_t i = 0; i < tasks->n_groups; i++)
        tasks->groups[i].partitions = tasks->groups[i].inputs[0]->partitions;
}

struct st_tasks *st_tasks_create(const struct st_plan *plan, const struct st_topic_count *topics,
                                 size_t n_topics, struct st_findings *findings)
{
    AQ_ASSERT(plan && findings && (topics || n_topics == 0));
    size_t errors = findings->errors;
    struct st_tasks *tasks = aq_calloc(1, sizeof(*tasks));
    tasks->plan = plan;
    aq_arena_init(&tasks->arena, 4096);
    struct cluster cluster = {.topics = topics, .count = n_topics};
    cluster.names = aq_calloc(n_topics + 1, sizeof(*cluster.names));
    for (size_t i = 0; i < n_topics; i++) {
        AQ_ASSERT(topics[i].name && topics[i].partitions > 0);
        cluster.names[i] = topics[i].name;
    }
    work_out(tasks, &cluster, findings);
    free(cluster.names);
    if (findings->errors == errors) return tasks;
    st_tasks_destroy(tasks);
    return NULL;
}

struct st_tasks *st_tasks_on(const struct st_plan *plan, const struct kc_topics *seen,
                             struct st_findings *findings)
{
    AQ_ASSERT(seen);
    struct st_topic_count *counts = aq_calloc(seen->count + 1, sizeof(*counts));
    size_t n = 0;
    for (size_t i = 0; i < seen->count; i++) {
        const struct kc_topic *topic = &seen->list[i];
        if (topic->error == 0 && topic->partitions > 0)
            counts[n++] = (struct st_topic_count){topic->name, topic->partitions};
    }
    struct st_tasks *tasks = st_tasks_create(plan, counts, n, findings);
    free(counts);
    return tasks;
}

void st_tasks_destroy(struct st_tasks *tasks)
{
    if (!tasks) return;
    aq_arena_finish(&tasks->arena);
    free(tasks);
}
