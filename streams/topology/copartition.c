/* SPDX-License-Identifier: Apache-2.0
 *
 * Which topics need equal partition counts, and whether they have them (streams/topology/copartition.h).
 *
 * A join finds both records of a key in the same task only when their topics put that key into the same partition, and
 * for that the counts must be equal. What "their topics" are is read off the plan: all sources above the processor, and above those
 * that fill its stores: a join reads a table there without being its child.
 *
 * An ordinary pass: for each such processor walk up to the sources and unite their topics; make a group of every set of
 * two or more; take the one count its members have, and give it to those that have none.
 *
 * A failing pass: the known counts of a group differ. One finding at the processor lists topics and counts and says what
 * to change: the partitions of a repartition if that is enough, else the topics.
 */
#include "streams/topology/copartition.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/topology/disjoint.h"

/* ---- finding groups ----------------------------------------------------------------------------------------------- */

struct search {
    struct st_tasks *tasks;
    struct st_disjoint sets;          /* of inputs */
    const struct st_plan_node **asks; /* by input: the first processor that asks for its set, or NULL */
    const struct st_plan_node **list; /* nodes above a processor, itself included */
    size_t *seen;                     /* by plan node: the walk that met it last */
    size_t *first_input;              /* by plan node */
    size_t *n_inputs;                 /* by plan node */
};

static void search_init(struct search *search, struct st_tasks *tasks)
{
    size_t nodes = tasks->plan->n_nodes;
    search->tasks = tasks;
    st_disjoint_init(&search->sets, tasks->n_inputs);
    search->asks = aq_calloc(tasks->n_inputs + 1, sizeof(*search->asks));
    search->list = aq_calloc(nodes + 1, sizeof(*search->list));
    search->seen = aq_calloc(nodes + 1, sizeof(*search->seen));
    search->first_input = aq_calloc(nodes + 1, sizeof(*search->first_input));
    search->n_inputs = aq_calloc(nodes + 1, sizeof(*search->n_inputs));
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        size_t source = tasks->inputs[i].source->index;
        if (search->n_inputs[source]++ == 0) search->first_input[source] = i;
    }
}

static void search_finish(struct search *search)
{
    st_disjoint_finish(&search->sets);
    free(search->asks);
    free(search->list);
    free(search->seen);
    free(search->first_input);
    free(search->n_inputs);
}

/* All inputs of one source, with `first`; SIZE_MAX stands for none so far. Returns the new first. */
static size_t unite_inputs(struct search *search, const struct st_plan_node *source, size_t first)
{
    size_t start = search->first_input[source->index], end = start + search->n_inputs[source->index];
    for (size_t i = start; i < end; i++) {
        if (first == SIZE_MAX) first = i;
        st_disjoint_unite(&search->sets, first, i);
    }
    return first;
}

static bool uses_store(const struct st_plan_node *node, const struct st_store *store)
{
    const struct st_node *of = node->node;
    for (size_t i = 0; i < of->n_stores; i++)
        if (of->stores[i] == store) return true;
    return false;
}

/* Adds the others that use a store of the processor to the list, and returns how many are on it. */
static size_t list_users(struct search *search, const struct st_plan_node *processor, size_t count)
{
    const struct st_plan *plan = search->tasks->plan;
    for (size_t s = 0; s < processor->node->n_stores; s++)
        for (size_t i = 0; i < plan->n_nodes; i++) {
            const struct st_plan_node *user = &plan->nodes[i];
            if (search->seen[i] == processor->index + 1 || !uses_store(user, processor->node->stores[s]))
                continue;
            search->seen[i] = processor->index + 1;
            search->list[count++] = user;
        }
    return count;
}

static void unite_above(struct search *search, const struct st_plan_node *processor)
{
    size_t count = 0, first = SIZE_MAX;
    search->seen[processor->index] = processor->index + 1;
    search->list[count++] = processor;
    count = list_users(search, processor, count);
    for (size_t i = 0; i < count; i++) {
        const struct st_plan_node *node = search->list[i];
        if (st_plan_node_reads(node)) first = unite_inputs(search, node, first);
        for (size_t k = 0; k < node->n_parents; k++) {
            size_t parent = node->parents[k]->index;
            if (search->seen[parent] == processor->index + 1) continue;
            search->seen[parent] = processor->index + 1;
            search->list[count++] = node->parents[k];
        }
    }
    if (first != SIZE_MAX && !search->asks[first]) search->asks[first] = processor;
}

/* Makes the empty groups: one for every set of two or more. group_of is by set, and SIZE_MAX where there is none. */
static void make_groups(struct search *search, size_t *group_of)
{
    struct st_tasks *tasks = search->tasks;
    size_t *size_of = aq_calloc(tasks->n_inputs + 1, sizeof(*size_of));
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        size_t set = st_disjoint_find(&search->sets, i);
        if (++size_of[set] == 2) tasks->n_groups++;
    }
    tasks->groups = aq_arena_zalloc(&tasks->arena, tasks->n_groups * sizeof(*tasks->groups));
    tasks->n_groups = 0;
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        group_of[i] = SIZE_MAX;
        if (size_of[i] < 2) continue;
        group_of[i] = tasks->n_groups++;
        tasks->groups[group_of[i]].inputs =
            aq_arena_zalloc(&tasks->arena, size_of[i] * sizeof(struct st_input *));
    }
    free(size_of);
}

static void fill_groups(struct search *search, const size_t *group_of)
{
    struct st_tasks *tasks = search->tasks;
    for (size_t i = 0; i < tasks->n_inputs; i++) {
        size_t mine = group_of[st_disjoint_find(&search->sets, i)];
        if (mine == SIZE_MAX) continue;
        struct st_copartition *group = &tasks->groups[mine];
        const struct st_plan_node *asks = search->asks[i];
        group->inputs[group->n_inputs++] = &tasks->inputs[i];
        if (asks && (!group->processor || asks->index < group->processor->index)) group->processor = asks;
    }
}

void st_copartition_find(struct st_tasks *tasks)
{
    struct search search;
    search_init(&search, tasks);
    for (size_t i = 0; i < tasks->plan->n_nodes; i++) {
        const struct st_plan_node *node = &tasks->plan->nodes[i];
        if (node->node->type == ST_PROCESSOR && node->node->kind->copartitioned) unite_above(&search, node);
    }
    size_t *group_of = aq_calloc(tasks->n_inputs + 1, sizeof(*group_of));
    make_groups(&search, group_of);
    fill_groups(&search, group_of);
    free(group_of);
    search_finish(&search);
}

/* ---- comparing counts --------------------------------------------------------------------------------------------- */

static bool is_repartition(const struct st_input *input)
{
    return input->source->side == ST_SOURCE_SIDE;
}

/* The one count that the (repartition topics | all others) of a group have; 0 when there is none, -1 when they differ. */
static int32_t common_count(const struct st_copartition *group, bool repartitions)
{
    int32_t common = 0;
    for (size_t i = 0; i < group->n_inputs; i++) {
        const struct st_input *input = group->inputs[i];
        if (is_repartition(input) != repartitions || input->partitions == 0) continue;
        if (common != 0 && common != input->partitions) return -1;
        common = input->partitions;
    }
    return common;
}

/* "orders has 4, payments has 6": in memory the caller frees. */
static char *list_counts(const struct st_copartition *group)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    AQ_ASSERT(out);
    const char *comma = "";
    for (size_t i = 0; i < group->n_inputs; i++) {
        if (group->inputs[i]->partitions == 0) continue;
        fprintf(out, "%s%s has %d", comma, group->inputs[i]->topic, group->inputs[i]->partitions);
        comma = ", ";
    }
    fclose(out);
    return text;
}

/* A repartition whose own count is what does not fit. */
static const char *misfit(const struct st_copartition *group, int32_t others)
{
    for (size_t i = 0; i < group->n_inputs; i++) {
        const struct st_input *input = group->inputs[i];
        if (is_repartition(input) && input->partitions != 0 && input->partitions != others)
            return input->source->node->name;
    }
    return NULL;
}

static void report_difference(const struct st_copartition *group, int32_t others,
                              struct st_findings *findings)
{
    char *counts = list_counts(group);
    const char *repartition = others >= 0 ? misfit(group, others) : NULL;
    if (repartition)
        st_report(
            findings, CONF_ERROR, group->processor->node,
            "its topics are not co-partitioned: %s partitions; leave partitions out of the repartition '%s', "
            "and it takes the count of the others",
            counts, repartition);
    else
        st_report(
            findings, CONF_ERROR, group->processor->node,
            "its topics are not co-partitioned: %s partitions; give the topics equal counts, or put a "
            "repartition behind the source of one: without partitions of its own it takes the count of the "
            "others",
            counts);
    free(counts);
}

/* Inputs are read-only for those who hold a group; here they are still being worked out. */
static bool raise_all(struct st_tasks *tasks, const struct st_copartition *group, int32_t count)
{
    bool raised = false;
    for (size_t i = 0; i < group->n_inputs; i++) {
        struct st_input *input = &tasks->inputs[group->inputs[i] - tasks->inputs];
        if (input->partitions >= count) continue;
        input->partitions = count;
        raised = true;
    }
    return raised;
}

/* A named topic without partitions does not exist, which is told of already, and nothing is made of these counts. */
void st_copartition_check(struct st_tasks *tasks, struct st_findings *findings)
{
    for (size_t i = 0; i < tasks->n_groups; i++) {
        const struct st_copartition *group = &tasks->groups[i];
        int32_t others = common_count(group, false), own = common_count(group, true);
        if (others < 0 || own < 0 || (others != 0 && own != 0 && others != own))
            report_difference(group, others, findings);
        else
            raise_all(tasks, group, others > own ? others : own);
    }
}

bool st_copartition_level(struct st_tasks *tasks)
{
    bool raised = false;
    for (size_t i = 0; i < tasks->n_groups; i++) {
        const struct st_copartition *group = &tasks->groups[i];
        int32_t most = 0;
        for (size_t k = 0; k < group->n_inputs; k++)
            if (group->inputs[k]->partitions > most) most = group->inputs[k]->partitions;
        if (raise_all(tasks, group, most)) raised = true;
    }
    return raised;
}
