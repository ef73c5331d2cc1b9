/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold for every topology, on some thousands of random ones. A failure names the seed.
 */
#include "streams/topology/describe.h"
#include "streams/topology/graph.h"
#include "streams/topology/topology_check.h"

#include "tests/unit/streams/st_random.h"
#include "tests/unit/streams/st_render.h"

#define SEEDS 2000

struct world {
    uint64_t seed;
    struct sketch sketch;
    struct st_topology *topology;
    struct st_plan *plan;
};

static void begin(struct world *w, uint64_t seed)
{
    struct aq_err err = {0};
    w->seed = seed;
    sketch_draw(&w->sketch, seed);
    w->topology = sketch_build(&w->sketch);
    w->plan = st_plan_create(w->topology, &err);
    T_CHECK(w->plan != NULL, "seed %llu: %s", (unsigned long long)seed, err.text);
}

static void finish(struct world *w)
{
    st_plan_destroy(w->plan);
    st_topology_destroy(w->topology);
}

static struct world *worlds;

static int begin_all(void **state)
{
    (void)state;
    worlds = t_alloc(SEEDS * sizeof(*worlds));
    for (size_t i = 0; i < SEEDS; i++) begin(&worlds[i], i + 1);
    return 0;
}

static int finish_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < SEEDS; i++) finish(&worlds[i]);
    free(worlds);
    return 0;
}

/* Runs one check over all seeds. */
static void for_all(void (*check)(struct world *w))
{
    for (size_t i = 0; i < SEEDS; i++) check(&worlds[i]);
}

#define HOLDS(w, condition) T_CHECK(condition, "seed %llu", (unsigned long long)(w)->seed)

/* ---- the cut ------------------------------------------------------------------------------------------------------ */

/* Where every plan node stands in the execution order of its sub-topology; each stands somewhere, once. */
static size_t *positions(const struct world *w)
{
    size_t *at = calloc(w->plan->n_nodes, sizeof(*at));
    size_t met = 0;
    for (size_t s = 0; s < w->plan->n_subtopologies; s++) {
        const struct st_subtopology *sub = &w->plan->subtopologies[s];
        HOLDS(w, sub->number == s && sub->n_nodes > 0 && sub->n_sources > 0);
        for (size_t i = 0; i < sub->n_nodes; i++, met++) {
            HOLDS(w, at[sub->nodes[i]->index] == 0 && sub->nodes[i]->subtopology == s);
            at[sub->nodes[i]->index] = i + 1;
        }
    }
    HOLDS(w, met == w->plan->n_nodes);
    return at;
}

static void check_order(struct world *w)
{
    size_t *at = positions(w);
    size_t edges = 0, expected = 0;
    for (size_t i = 0; i < w->plan->n_nodes; i++) {
        const struct st_plan_node *node = &w->plan->nodes[i];
        for (size_t k = 0; k < node->n_children; k++, edges++) {
            const struct st_plan_node *child = node->children[k];
            HOLDS(w, child->subtopology == node->subtopology && at[child->index] > at[i]);
        }
    }
    for (size_t i = 0; i < w->topology->n_nodes; i++) expected += w->topology->nodes[i]->n_children;
    HOLDS(w, edges == expected);
    free(at);
}

static void parents_run_first_and_no_edge_leaves_its_subtopology(void **state)
{
    (void)state;
    for_all(check_order);
}

/* Spreads the smallest number over everything connected, by another method than the plan's. */
static void flood(const struct world *w, size_t *mark)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t a = 0; a < w->plan->n_nodes; a++) {
            for (size_t b = 0; b < w->plan->n_nodes; b++) {
                const struct st_plan_node *x = &w->plan->nodes[a], *y = &w->plan->nodes[b];
                bool joined = false;
                for (size_t k = 0; k < x->n_children; k++) joined |= x->children[k] == y;
                for (size_t k = 0; k < y->n_children; k++) joined |= y->children[k] == x;
                for (size_t k = 0; k < x->node->n_stores; k++)
                    for (size_t l = 0; l < y->node->n_stores; l++)
                        joined |= x->node->stores[k] == y->node->stores[l];
                if (!joined || mark[b] >= mark[a]) continue;
                mark[a] = mark[b];
                moved = true;
            }
        }
    }
}

static void check_connected(struct world *w)
{
    if (w->seed > 300) return; /* the flood is slow */
    size_t *mark = calloc(w->plan->n_nodes, sizeof(*mark));
    for (size_t i = 0; i < w->plan->n_nodes; i++) mark[i] = i;
    flood(w, mark);
    for (size_t a = 0; a < w->plan->n_nodes; a++)
        for (size_t b = 0; b < a; b++)
            HOLDS(w,
                  (mark[a] == mark[b]) == (w->plan->nodes[a].subtopology == w->plan->nodes[b].subtopology));
    free(mark);
}

static void subtopologies_are_exactly_what_is_connected(void **state)
{
    (void)state;
    for_all(check_connected);
}

static void check_numbers(struct world *w)
{
    for (size_t s = 0; s < w->plan->n_subtopologies; s++) {
        const struct st_subtopology *sub = &w->plan->subtopologies[s];
        HOLDS(w, strcmp(sub->name, sub->sources[0]->node->name) == 0);
        for (size_t i = 1; i < sub->n_sources; i++)
            HOLDS(w, sub->sources[i - 1]->index < sub->sources[i]->index);
        if (s > 0) HOLDS(w, w->plan->subtopologies[s - 1].sources[0]->index < sub->sources[0]->index);
        for (size_t i = 0; i < sub->n_stores; i++)
            for (size_t k = 0; k < sub->stores[i]->n_users; k++) {
                bool inside = false;
                for (size_t n = 0; n < sub->n_nodes; n++)
                    inside |= sub->nodes[n]->node == sub->stores[i]->users[k];
                HOLDS(w, inside);
            }
    }
}

static void numbers_follow_first_sources_and_stores_their_users(void **state)
{
    (void)state;
    for_all(check_numbers);
}

/* ---- tasks -------------------------------------------------------------------------------------------------------- */

static bool in_a_group(const struct st_tasks *tasks, const struct st_node *repartition)
{
    for (size_t i = 0; i < tasks->n_groups; i++)
        for (size_t k = 0; k < tasks->groups[i].n_inputs; k++)
            if (tasks->groups[i].inputs[k]->source->node == repartition) return true;
    return false;
}

static void check_counts(const struct world *w, const struct st_tasks *tasks)
{
    for (size_t s = 0; s < w->plan->n_subtopologies; s++) {
        const struct st_subtopology_tasks *sub = &tasks->subtopologies[s];
        int32_t most = 0;
        for (size_t i = 0; i < sub->n_inputs; i++) {
            HOLDS(w, sub->inputs[i].partitions > 0);
            if (sub->inputs[i].partitions > most) most = sub->inputs[i].partitions;
        }
        HOLDS(w, sub->tasks == most);
        for (int32_t p = 0; p < sub->tasks; p++) {
            int32_t slot = st_task_slot(sub->subtopology, p, 7);
            HOLDS(w, slot >= 0 && slot < 7);
        }
    }
    for (size_t i = 0; i < tasks->n_groups; i++)
        for (size_t k = 0; k < tasks->groups[i].n_inputs; k++)
            HOLDS(w, tasks->groups[i].inputs[k]->partitions == tasks->groups[i].partitions);
}

static void check_repartitions(const struct world *w, const struct st_tasks *tasks)
{
    for (size_t i = 0; i < w->plan->n_nodes; i++) {
        const struct st_plan_node *node = &w->plan->nodes[i];
        if (node->side != ST_SINK_SIDE) continue;
        int32_t before = tasks->subtopologies[node->subtopology].tasks;
        int32_t count = st_repartition_count(tasks, node->node);
        if (node->node->partitions > 0)
            HOLDS(w, count == node->node->partitions);
        else if (!in_a_group(tasks, node->node))
            HOLDS(w, count == before);
    }
}

/* The partitions of all topics above a node; 0 for none so far, and they must not differ. */
static int32_t same_count_above(const struct world *w, const struct st_tasks *tasks,
                                const struct st_plan_node *node, int32_t count)
{
    const struct st_subtopology_tasks *sub = &tasks->subtopologies[node->subtopology];
    for (size_t i = 0; i < sub->n_inputs; i++) {
        if (sub->inputs[i].source != node) continue;
        HOLDS(w, count == 0 || count == sub->inputs[i].partitions);
        count = sub->inputs[i].partitions;
    }
    for (size_t i = 0; i < node->n_parents; i++) count = same_count_above(w, tasks, node->parents[i], count);
    return count;
}

static void check_joins(const struct world *w, const struct st_tasks *tasks)
{
    for (size_t i = 0; i < w->plan->n_nodes; i++) {
        const struct st_plan_node *node = &w->plan->nodes[i];
        if (node->node->kind == &join_kind) HOLDS(w, same_count_above(w, tasks, node, 0) > 0);
    }
}

static void check_tasks(struct world *w)
{
    struct st_topic_count topics[SKETCH_NODES * SKETCH_PARENTS];
    char names[SKETCH_NODES * SKETCH_PARENTS][SKETCH_NAME];
    size_t n = sketch_cluster(&w->sketch, topics, names);
    struct st_findings findings;
    st_findings_init(&findings);
    struct st_tasks *tasks = st_tasks_create(w->plan, topics, n, &findings);
    for (size_t i = 0; i < findings.count; i++)
        T_CHECK(!w->sketch.even && strstr(findings.list[i].text, "not co-partitioned") != NULL,
                "seed %llu: %s", (unsigned long long)w->seed, findings.list[i].text);
    HOLDS(w, (tasks == NULL) == (findings.errors > 0));
    if (tasks) {
        check_counts(w, tasks);
        check_repartitions(w, tasks);
        check_joins(w, tasks);
    }
    st_tasks_destroy(tasks);
    st_findings_finish(&findings);
}

static void counts_and_slots_follow_the_rules(void **state)
{
    (void)state;
    for_all(check_tasks);
}

/* ---- renderings --------------------------------------------------------------------------------------------------- */

static size_t times(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word)) count++;
    return count;
}

static void check_description(const struct world *w, const char *text)
{
    size_t stores = 0;
    for (size_t i = 0; i < w->plan->n_nodes; i++) {
        const struct st_plan_node *node = &w->plan->nodes[i];
        const char *what = st_plan_node_reads(node)           ? "Source"
                           : node->node->type == ST_PROCESSOR ? "Processor"
                                                              : "Sink";
        char head[64];
        snprintf(head, sizeof(head), "\n    %s: %s (", what, node->name);
        HOLDS(w, times(text, head) == 1);
        stores += node->node->type == ST_PROCESSOR;
    }
    HOLDS(w, times(text, "Sub-topology: ") == w->plan->n_subtopologies);
    HOLDS(w, times(text, "(stores: [") == stores);
    HOLDS(w, times(text, "\n    Source: ") + times(text, "\n    Processor: ") + times(text, "\n    Sink: ") ==
                 w->plan->n_nodes);
}

/* Every node has one definition, every edge one line. */
static void check_picture(const struct world *w, const char *text, bool dot)
{
    size_t edges = 0, store_edges = times(text, "dir=none") + times(text, " -.- "), expected_store_edges = 0;
    for (size_t i = 0; i < w->plan->n_nodes; i++) {
        const struct st_plan_node *node = &w->plan->nodes[i];
        bool processor = node->node->type == ST_PROCESSOR;
        char definition[64];
        snprintf(definition, sizeof(definition), "\n        n%zu%s\"%s%s", i,
                 dot         ? " [label="
                 : processor ? "["
                             : "([",
                 node->name, processor ? (dot ? "\\n" : "<br/>") : "");
        HOLDS(w, times(text, definition) == 1);
        edges += node->n_children + (st_plan_node_writes(node) ? 1 : 0);
        if (st_plan_node_reads(node))
            edges += node->side == ST_SOURCE_SIDE || node->node->pattern ? 1 : node->node->n_topics;
        expected_store_edges += node->node->n_stores;
    }
    HOLDS(w, store_edges == expected_store_edges);
    HOLDS(w, times(text, dot ? " -> " : " --> ") == edges + (dot ? store_edges : 0));
}

static void check_renderings(struct world *w)
{
    static void (*const prints[])(const struct st_plan *, FILE *) = {st_describe, st_graph_dot,
                                                                     st_graph_mermaid};
    struct world again;
    begin(&again, w->seed);
    for (size_t i = 0; i < 3; i++) {
        char *text = text_of(w->plan, prints[i]), *same = text_of(again.plan, prints[i]);
        HOLDS(w, strcmp(text, same) == 0);
        if (i == 0) check_description(w, text);
        if (i > 0) check_picture(w, text, i == 1);
        free(text);
        free(same);
    }
    finish(&again);
}

static void every_rendering_shows_every_node_once_and_never_changes(void **state)
{
    (void)state;
    for_all(check_renderings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parents_run_first_and_no_edge_leaves_its_subtopology),
        cmocka_unit_test(subtopologies_are_exactly_what_is_connected),
        cmocka_unit_test(numbers_follow_first_sources_and_stores_their_users),
        cmocka_unit_test(counts_and_slots_follow_the_rules),
        cmocka_unit_test(every_rendering_shows_every_node_once_and_never_changes),
    };
    return cmocka_run_group_tests(tests, begin_all, finish_all);
}
