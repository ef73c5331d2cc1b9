/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of a plan (streams/topology/graph.h). What is drawn, and in which order, is one walk; a language is a table of functions
 * that print one shape or one line each.
 */
#include "streams/topology/graph.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

/* ---- the topics of a plan, each once ------------------------------------------------------------------------------ */

enum topic_sort { TOPIC, INTERNAL_TOPIC, TOPIC_PATTERN };

struct topic_shape {
    const char *text; /* the name, or the pattern */
    enum topic_sort sort;
};

struct language {
    void (*begin)(FILE *out, const struct st_plan *plan);
    void (*topic)(FILE *out, size_t number, const struct topic_shape *topic);
    void (*begin_cluster)(FILE *out, const struct st_subtopology *sub);
    void (*node)(FILE *out, const struct st_plan_node *node);
    void (*store)(FILE *out, const struct st_store *store);
    void (*edge)(FILE *out, const char *indent, char from_sort, size_t from, char to_sort, size_t to);
    void (*table)(FILE *out, size_t number, const char *name);
    void (*look_edge)(FILE *out, const char *indent, size_t node, char sort, size_t number);
    void (*end_cluster)(FILE *out);
    void (*end)(FILE *out);
};

struct picture {
    const struct st_plan *plan;
    const struct language *language;
    FILE *out;
    struct topic_shape *topics; /* in the order in which nodes name them */
    size_t n_topics;
    size_t cap;
};

/* The number of the topic, which is added when it is new. */
static size_t number_of(struct picture *picture, const char *text, enum topic_sort sort)
{
    for (size_t i = 0; i < picture->n_topics; i++) {
        struct topic_shape *topic = &picture->topics[i];
        bool both_names = (topic->sort == TOPIC_PATTERN) == (sort == TOPIC_PATTERN);
        if (!both_names || strcmp(topic->text, text) != 0) continue;
        /* A sink may name what a repartition owns. */
        if (sort == INTERNAL_TOPIC) topic->sort = INTERNAL_TOPIC;
        return i;
    }
    if (picture->n_topics == picture->cap) {
        picture->cap = picture->cap ? 2 * picture->cap : 16;
        picture->topics = aq_realloc(picture->topics, picture->cap * sizeof(*picture->topics));
    }
    picture->topics[picture->n_topics] = (struct topic_shape){text, sort};
    return picture->n_topics++;
}

/* Numbers every topic the node reads or writes, and draws the edges to them when asked. */
static void topics_of(struct picture *picture, const struct st_plan_node *node, bool draw)
{
    const struct st_node *source = node->node;
    bool reads = st_plan_node_reads(node);
    size_t named = reads && node->side == ST_WHOLE && !source->pattern ? source->n_topics : 0;
    for (size_t i = 0; i < named; i++) {
        size_t topic = number_of(picture, source->topics[i], TOPIC);
        if (draw) picture->language->edge(picture->out, "    ", 't', topic, 'n', node->index);
    }
    if (reads && named == 0) {
        bool inside = node->side == ST_SOURCE_SIDE;
        size_t topic = number_of(picture, inside ? source->topic : source->pattern,
                                 inside ? INTERNAL_TOPIC : TOPIC_PATTERN);
        if (draw) picture->language->edge(picture->out, "    ", 't', topic, 'n', node->index);
    }
    const char *written = st_plan_node_writes(node);
    if (!written) return;
    size_t topic = number_of(picture, written, node->side == ST_SINK_SIDE ? INTERNAL_TOPIC : TOPIC);
    if (draw) picture->language->edge(picture->out, "    ", 'n', node->index, 't', topic);
}

/* ---- the walk ----------------------------------------------------------------------------------------------------- */

static void draw_cluster(const struct picture *picture, const struct st_subtopology *sub)
{
    const struct language *language = picture->language;
    language->begin_cluster(picture->out, sub);
    for (size_t i = 0; i < sub->n_nodes; i++) language->node(picture->out, sub->nodes[i]);
    for (size_t i = 0; i < sub->n_stores; i++) language->store(picture->out, sub->stores[i]);
    for (size_t i = 0; i < sub->n_nodes; i++) {
        const struct st_plan_node *node = sub->nodes[i];
        for (size_t k = 0; k < node->n_children; k++)
            language->edge(picture->out, "        ", 'n', node->index, 'n', node->children[k]->index);
        for (size_t k = 0; k < node->node->n_stores; k++)
            language->look_edge(picture->out, "        ", node->index, 's', node->node->stores[k]->index);
    }
    language->end_cluster(picture->out);
}

/* Number of a global table: its place in the plan. */
static void draw_looks(const struct picture *picture, const struct st_plan_node *node)
{
    for (size_t k = 0; k < node->node->n_globals; k++) {
        size_t number = 0;
        while (picture->plan->globals[number] != node->node->globals[k]) number++;
        picture->language->look_edge(picture->out, "    ", node->index, 'g', number);
    }
}

static void draw_globals(struct picture *picture)
{
    const struct st_plan *plan = picture->plan;
    for (size_t i = 0; i < plan->n_globals; i++) {
        size_t topic = number_of(picture, plan->globals[i]->topics[0], TOPIC);
        picture->language->table(picture->out, i, plan->globals[i]->name);
        picture->language->edge(picture->out, "    ", 't', topic, 'g', i);
    }
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (plan->nodes[i].side != ST_SOURCE_SIDE) draw_looks(picture, &plan->nodes[i]);
}

static void draw(const struct st_plan *plan, const struct language *language, FILE *out)
{
    AQ_ASSERT(plan && out);
    struct picture picture = {.plan = plan, .language = language, .out = out};
    for (size_t i = 0; i < plan->n_nodes; i++) topics_of(&picture, &plan->nodes[i], false);
    for (size_t i = 0; i < plan->n_globals; i++) number_of(&picture, plan->globals[i]->topics[0], TOPIC);
    language->begin(out, plan);
    for (size_t i = 0; i < picture.n_topics; i++) language->topic(out, i, &picture.topics[i]);
    for (size_t i = 0; i < plan->n_subtopologies; i++) draw_cluster(&picture, &plan->subtopologies[i]);
    for (size_t i = 0; i < plan->n_nodes; i++) topics_of(&picture, &plan->nodes[i], true);
    draw_globals(&picture);
    language->end(out);
    free(picture.topics);
}

/* What stands below a node's name, or NULL. */
static const char *note_of(const struct st_plan_node *node)
{
    if (node->node->type == ST_PROCESSOR) return node->node->kind->name;
    return node->node->type == ST_SINK && !node->node->topic ? "topic by value" : NULL;
}

/* ---- Graphviz ----------------------------------------------------------------------------------------------------- */

/* Inside a quoted label, a backslash starts an escape (\N is the node's own name) and a quote ends it. */
static void dot_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("\\\\n", out);
            continue;
        }
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
}

static void dot_begin(FILE *out, const struct st_plan *plan)
{
    fprintf(out, "digraph \"");
    dot_text(out, plan->topology->application_id);
    fprintf(out, "\" {\n    rankdir=LR;\n    node [shape=box];\n");
}

static void dot_topic(FILE *out, size_t number, const struct topic_shape *topic)
{
    static const char *const looks[] = {"", ", style=filled, fillcolor=lightgrey", ", style=dashed"};
    fprintf(out, "    t%zu [label=\"", number);
    dot_text(out, topic->text);
    fprintf(out, "\", shape=cds%s];\n", looks[topic->sort]);
}

static void dot_begin_cluster(FILE *out, const struct st_subtopology *sub)
{
    fprintf(out, "    subgraph cluster_%u {\n        label=\"Sub-topology %u: ", sub->number, sub->number);
    dot_text(out, sub->name);
    fprintf(out, "\";\n");
}

static void dot_node(FILE *out, const struct st_plan_node *node)
{
    const char *note = note_of(node);
    fprintf(out, "        n%zu [label=\"", node->index);
    dot_text(out, node->name);
    if (note) fputs("\\n", out);
    if (note) dot_text(out, note);
    fprintf(out, "\"%s];\n", node->node->type == ST_PROCESSOR ? "" : ", style=rounded");
}

static void dot_store(FILE *out, const struct st_store *store)
{
    fprintf(out, "        s%zu [label=\"", store->index);
    dot_text(out, store->name);
    fprintf(out, "\", shape=cylinder];\n");
}

static void dot_edge(FILE *out, const char *indent, char from_sort, size_t from, char to_sort, size_t to)
{
    fprintf(out, "%s%c%zu -> %c%zu;\n", indent, from_sort, from, to_sort, to);
}

static void dot_table(FILE *out, size_t number, const char *name)
{
    fprintf(out, "    g%zu [label=\"", number);
    dot_text(out, name);
    fprintf(out, "\\nglobal table\", shape=cylinder];\n");
}

static void dot_look_edge(FILE *out, const char *indent, size_t node, char sort, size_t number)
{
    fprintf(out, "%sn%zu -> %c%zu [dir=none, style=dashed];\n", indent, node, sort, number);
}

static void dot_end_cluster(FILE *out)
{
    fprintf(out, "    }\n");
}

static void dot_end(FILE *out)
{
    fprintf(out, "}\n");
}

void st_graph_dot(const struct st_plan *plan, FILE *out)
{
    static const struct language dot = {
        .begin = dot_begin,
        .topic = dot_topic,
        .begin_cluster = dot_begin_cluster,
        .node = dot_node,
        .store = dot_store,
        .edge = dot_edge,
        .table = dot_table,
        .look_edge = dot_look_edge,
        .end_cluster = dot_end_cluster,
        .end = dot_end,
    };
    draw(plan, &dot, out);
}

/* ---- Mermaid ------------------------------------------------------------------------------------------------------ */

static bool mermaid_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
           strchr("._- ", c);
}

/* Labels are read as quoted text, as Markdown and as HTML, one after the other: everything that one of them could take for
 * its own is written as a character number, "#34;". */
static void mermaid_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (mermaid_plain(c))
            fputc(c, out);
        else
            fprintf(out, "#%u;", c);
    }
}

static void mermaid_begin(FILE *out, const struct st_plan *plan)
{
    (void)plan;
    fprintf(out, "flowchart LR\n");
}

static void mermaid_topic(FILE *out, size_t number, const struct topic_shape *topic)
{
    static const char *const classes[] = {"", ":::internal", ":::pattern"};
    fprintf(out, "    t%zu>\"", number);
    mermaid_text(out, topic->text);
    fprintf(out, "\"]%s\n", classes[topic->sort]);
}

static void mermaid_begin_cluster(FILE *out, const struct st_subtopology *sub)
{
    fprintf(out, "    subgraph c%u[\"Sub-topology %u: ", sub->number, sub->number);
    mermaid_text(out, sub->name);
    fprintf(out, "\"]\n");
}

static void mermaid_node(FILE *out, const struct st_plan_node *node)
{
    const char *note = note_of(node);
    bool processor = node->node->type == ST_PROCESSOR;
    fprintf(out, "        n%zu%s\"", node->index, processor ? "[" : "([");
    mermaid_text(out, node->name);
    if (note) fputs("<br/>", out);
    if (note) mermaid_text(out, note);
    fprintf(out, "\"%s\n", processor ? "]" : "])");
}

static void mermaid_store(FILE *out, const struct st_store *store)
{
    fprintf(out, "        s%zu[(\"", store->index);
    mermaid_text(out, store->name);
    fprintf(out, "\")]\n");
}

static void mermaid_edge(FILE *out, const char *indent, char from_sort, size_t from, char to_sort, size_t to)
{
    fprintf(out, "%s%c%zu --> %c%zu\n", indent, from_sort, from, to_sort, to);
}

static void mermaid_table(FILE *out, size_t number, const char *name)
{
    fprintf(out, "    g%zu[(\"", number);
    mermaid_text(out, name);
    fprintf(out, "<br/>global table\")]\n");
}

static void mermaid_look_edge(FILE *out, const char *indent, size_t node, char sort, size_t number)
{
    fprintf(out, "%sn%zu -.- %c%zu\n", indent, node, sort, number);
}

static void mermaid_end_cluster(FILE *out)
{
    fprintf(out, "    end\n");
}

static void mermaid_end(FILE *out)
{
    fprintf(out, "    classDef internal fill:#ddd\n    classDef pattern stroke-dasharray:4\n");
}

void st_graph_mermaid(const struct st_plan *plan, FILE *out)
{
    static const struct language mermaid = {
        .begin = mermaid_begin,
        .topic = mermaid_topic,
        .begin_cluster = mermaid_begin_cluster,
        .node = mermaid_node,
        .store = mermaid_store,
        .edge = mermaid_edge,
        .table = mermaid_table,
        .look_edge = mermaid_look_edge,
        .end_cluster = mermaid_end_cluster,
        .end = mermaid_end,
    };
    draw(plan, &mermaid, out);
}
