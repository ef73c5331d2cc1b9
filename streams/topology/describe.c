/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka Streams' description of a topology (streams/topology/describe.h).
 */
#include "streams/topology/describe.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

/* A node and its rank: how many ways lead down from it, the empty one included. */
struct ranked {
    const struct st_plan_node *node;
    uint64_t ways;
};

/* Ways multiply at every diamond, so a long enough chain of them passes any number; there they stay. */
static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* By plan node index; children come after their parents in execution order, so it is walked from its end. */
static uint64_t *count_ways(const struct st_plan *plan)
{
    uint64_t *ways = aq_calloc(plan->n_nodes + 1, sizeof(*ways));
    for (size_t s = 0; s < plan->n_subtopologies; s++) {
        const struct st_subtopology *sub = &plan->subtopologies[s];
        for (size_t i = sub->n_nodes; i-- > 0;) {
            const struct st_plan_node *node = sub->nodes[i];
            ways[node->index] = 1;
            for (size_t k = 0; k < node->n_children; k++)
                ways[node->index] = add_saturated(ways[node->index], ways[node->children[k]->index]);
        }
    }
    return ways;
}

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->ways != y->ways) return x->ways < y->ways ? 1 : -1;
    return strcmp(x->node->name, y->node->name);
}

/* The nodes by rank, in memory the caller frees. */
static struct ranked *rank(struct st_plan_node *const *nodes, size_t count, const uint64_t *ways)
{
    struct ranked *list = aq_calloc(count + 1, sizeof(*list));
    for (size_t i = 0; i < count; i++) list[i] = (struct ranked){nodes[i], ways[nodes[i]->index]};
    qsort(list, count, sizeof(*list), by_rank);
    return list;
}

static void print_neighbours(FILE *out, const char *arrow, struct st_plan_node *const *nodes, size_t count,
                             const uint64_t *ways)
{
    struct ranked *list = rank(nodes, count, ways);
    fprintf(out, "      %s ", arrow);
    for (size_t i = 0; i < count; i++) fprintf(out, "%s%s", i ? ", " : "", list[i].node->name);
    fprintf(out, "%s\n", count ? "" : "none");
    free(list);
}

static void print_source(FILE *out, const struct st_plan_node *node)
{
    const struct st_node *source = node->node;
    fprintf(out, "    Source: %s (topics: ", node->name);
    if (node->side == ST_SOURCE_SIDE) {
        fprintf(out, "[%s]", source->topic);
    } else if (source->pattern) {
        fprintf(out, "%s", source->pattern);
    } else {
        for (size_t i = 0; i < source->n_topics; i++) fprintf(out, "%s%s", i ? ", " : "[", source->topics[i]);
        fprintf(out, "]");
    }
    fprintf(out, ")\n");
}

static void print_processor(FILE *out, const struct st_plan_node *node)
{
    fprintf(out, "    Processor: %s (stores: [", node->name);
    for (size_t i = 0; i < node->node->n_stores; i++)
        fprintf(out, "%s%s", i ? ", " : "", node->node->stores[i]->name);
    fprintf(out, "])\n");
}

static void print_sink(FILE *out, const struct st_plan_node *node)
{
    const char *topic = st_plan_node_writes(node);
    if (topic)
        fprintf(out, "    Sink: %s (topic: %s)\n", node->name, topic);
    else
        fprintf(out, "    Sink: %s (extractor class: by value)\n", node->name);
}

static void print_node(FILE *out, const struct st_plan_node *node, const uint64_t *ways)
{
    bool source = st_plan_node_reads(node), processor = node->node->type == ST_PROCESSOR;
    if (source)
        print_source(out, node);
    else if (processor)
        print_processor(out, node);
    else
        print_sink(out, node);
    if (source || processor) print_neighbours(out, "-->", node->children, node->n_children, ways);
    if (!source) print_neighbours(out, "<--", node->parents, node->n_parents, ways);
}

/* As Kafka has it: without the empty line behind it. */
static void print_global(FILE *out, const struct st_node *table, size_t number)
{
    fprintf(out, "  Sub-topology: %zu for global store (will not generate tasks)\n", number);
    fprintf(out, "    Source: %s-source (topics: [%s])\n      --> %s\n", table->name, table->topics[0],
            table->name);
    fprintf(out, "    Processor: %s (stores: [%s])\n      --> none\n      <-- %s-source\n", table->name,
            table->name, table->name);
}

void st_describe(const struct st_plan *plan, FILE *out)
{
    AQ_ASSERT(plan && out);
    uint64_t *ways = count_ways(plan);
    fprintf(out, "Topologies:\n ");
    for (size_t s = 0; s < plan->n_subtopologies; s++) {
        const struct st_subtopology *sub = &plan->subtopologies[s];
        struct ranked *list = rank(sub->nodes, sub->n_nodes, ways);
        fprintf(out, "  Sub-topology: %u\n", sub->number);
        for (size_t i = 0; i < sub->n_nodes; i++) print_node(out, list[i].node, ways);
        fprintf(out, "\n");
        free(list);
    }
    for (size_t i = 0; i < plan->n_globals; i++)
        print_global(out, plan->globals[i], plan->n_subtopologies + i);
    free(ways);
}
