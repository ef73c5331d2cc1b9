/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules a topology must keep (streams/topology/topology_check.h). Each rule is one function that walks the nodes by itself and
 * bears with what the other rules find, cycles above all: a user wants every error of one run.
 *
 * Invariants: nothing is changed; the same topology gives the same findings in the same order.
 */
#include "streams/topology/topology_check.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

struct check {
    const struct st_topology *topology;
    struct st_findings *findings;
};

/* ---- sources ------------------------------------------------------------------------------------------------------ */

static bool has_source(const struct st_topology *topology)
{
    for (size_t i = 0; i < topology->n_nodes; i++)
        if (topology->nodes[i]->type == ST_SOURCE) return true;
    return false;
}

/* ---- cycles ------------------------------------------------------------------------------------------------------- */

enum color { NEW, ON_PATH, DONE };

/* A walk down from one node, depth first, with a stack of its own: a chain may be longer than the thread's stack. */
struct walk {
    struct check *check;
    enum color *color;     /* by node index */
    size_t *next;          /* by node index: the child to look at next */
    struct st_node **path; /* from the root to where the walk stands */
    size_t depth;
};

/* The path ends in `to`'s parent, and `to` lies on it. The text begins with the node that was added first, so that it does
 * not depend on where the walk began. */
static void report_cycle(struct walk *walk, const struct st_node *to)
{
    size_t start = 0, first;
    while (walk->path[start] != to) start++;
    size_t len = walk->depth - start;
    first = 0;
    for (size_t i = 1; i < len; i++)
        if (walk->path[start + i]->index < walk->path[start + first]->index) first = i;
    const struct st_node *head = walk->path[start + first];
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    AQ_ASSERT(out);
    for (size_t i = 0; i < len; i++) fprintf(out, "%s -> ", walk->path[start + (first + i) % len]->name);
    fclose(out);
    st_report(walk->check->findings, CONF_ERROR, head,
              "cycle: %s%s; a node must not lead back to itself, take one of these edges away", text,
              head->name);
    free(text);
}

static void enter(struct walk *walk, struct st_node *node)
{
    walk->color[node->index] = ON_PATH;
    walk->path[walk->depth++] = node;
}

static void walk_from(struct walk *walk, struct st_node *root)
{
    enter(walk, root);
    while (walk->depth > 0) {
        struct st_node *node = walk->path[walk->depth - 1];
        if (walk->next[node->index] == node->n_children) {
            walk->color[node->index] = DONE;
            walk->depth--;
            continue;
        }
        struct st_node *child = node->children[walk->next[node->index]++];
        if (walk->color[child->index] == NEW)
            enter(walk, child);
        else if (walk->color[child->index] == ON_PATH)
            report_cycle(walk, child);
    }
}

static void check_cycles(struct check *check)
{
    size_t n = check->topology->n_nodes;
    struct walk walk = {.check = check};
    walk.color = aq_calloc(n + 1, sizeof(*walk.color));
    walk.next = aq_calloc(n + 1, sizeof(*walk.next));
    walk.path = aq_calloc(n + 1, sizeof(struct st_node *));
    for (size_t i = 0; i < n; i++)
        if (walk.color[i] == NEW) walk_from(&walk, check->topology->nodes[i]);
    free(walk.color);
    free(walk.next);
    free(walk.path);
}

/* ---- a set of nodes that grows while it is walked ----------------------------------------------------------------- */

struct node_set {
    bool *has; /* by node index */
    const struct st_node **list;
    size_t count;
};

static void set_init(struct node_set *set, const struct st_topology *topology)
{
    set->has = aq_calloc(topology->n_nodes + 1, sizeof(*set->has));
    set->list = aq_calloc(topology->n_nodes + 1, sizeof(*set->list));
    set->count = 0;
}

static void set_finish(struct node_set *set)
{
    free(set->has);
    free(set->list);
}

static void set_add(struct node_set *set, const struct st_node *node)
{
    if (set->has[node->index]) return;
    set->has[node->index] = true;
    set->list[set->count++] = node;
}

/* ---- what a source leads to --------------------------------------------------------------------------------------- */

static void check_reach(struct check *check)
{
    const struct st_topology *topology = check->topology;
    struct node_set reached;
    set_init(&reached, topology);
    for (size_t i = 0; i < topology->n_nodes; i++)
        if (topology->nodes[i]->type == ST_SOURCE) set_add(&reached, topology->nodes[i]);
    for (size_t i = 0; i < reached.count; i++)
        for (size_t k = 0; k < reached.list[i]->n_children; k++)
            set_add(&reached, reached.list[i]->children[k]);
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (reached.has[i] || node->type == ST_GLOBAL_TABLE) continue;
        if (node->n_parents == 0)
            st_report(check->findings, CONF_ERROR, node, "it has no parents, so no record comes to it");
        else
            st_report(check->findings, CONF_ERROR, node, "no source leads to it, so no record comes to it");
    }
    set_finish(&reached);
}

/* ---- topics ------------------------------------------------------------------------------------------------------- */

static bool reads_topics(const struct st_node *node)
{
    return node->type == ST_SOURCE || node->type == ST_REPARTITION || node->type == ST_GLOBAL_TABLE;
}

/* Does the node read this topic by name? A repartition reads its own. */
static bool names_topic(const struct st_node *node, const char *topic)
{
    if (node->type == ST_REPARTITION) return strcmp(node->topic, topic) == 0;
    for (size_t i = 0; i < node->n_topics; i++)
        if (strcmp(node->topics[i], topic) == 0) return true;
    return false;
}

/* Is a topic the node names also read by `other`? Reported at whichever was added later. */
static void check_topic(struct check *check, const struct st_node *node, const char *topic,
                        const struct st_node *other)
{
    const struct st_node *early = node->index < other->index ? node : other;
    const struct st_node *late = early == node ? other : node;
    struct aq_err ignored; /* a pattern that gives up is told of when the topics of the cluster are known */
    bool global = node->type == ST_GLOBAL_TABLE || other->type == ST_GLOBAL_TABLE;
    if (names_topic(other, topic)) {
        if (other == early && global)
            st_report(
                check->findings, CONF_ERROR, late,
                "the topic '%s' is read by the %s '%s' already; a global table has its topic for itself",
                topic, st_node_type_name(early->type), early->name);
        else if (other == early) /* found once from either side: told once */
            st_report(check->findings, CONF_ERROR, late,
                      "the topic '%s' is read by the %s '%s' already; make both the children of one source",
                      topic, st_node_type_name(early->type), early->name);
    } else if (other->type == ST_SOURCE && st_pattern_takes(check->topology, other, topic, &ignored) == 1) {
        st_report(check->findings, CONF_ERROR, late,
                  "the topic '%s' is named by the %s '%s' and matched by the pattern '%s' of '%s'; "
                  "a topic has one source",
                  topic, st_node_type_name(node->type), node->name, other->pattern, other->name);
    }
}

static void check_same_pattern(struct check *check, const struct st_node *node, const struct st_node *early)
{
    if (early->type == ST_SOURCE && early->pattern && strcmp(early->pattern, node->pattern) == 0)
        st_report(check->findings, CONF_ERROR, node,
                  "the source '%s' has the same pattern; make both the children of one source", early->name);
}

static void check_topics_of(struct check *check, const struct st_node *node)
{
    for (size_t i = 0; i < check->topology->n_nodes; i++) {
        const struct st_node *other = check->topology->nodes[i];
        if (other == node || !reads_topics(other)) continue;
        for (size_t k = 0; k < node->n_topics; k++) check_topic(check, node, node->topics[k], other);
        if (node->type == ST_REPARTITION) check_topic(check, node, node->topic, other);
        if (node->pattern && i < node->index) check_same_pattern(check, node, other);
    }
}

static void check_topics(struct check *check)
{
    for (size_t i = 0; i < check->topology->n_nodes; i++) {
        const struct st_node *node = check->topology->nodes[i];
        if (reads_topics(node)) check_topics_of(check, node);
    }
}

/* ---- global tables ------------------------------------------------------------------------------------------------ */

static void check_global_tables(struct check *check)
{
    for (size_t i = 0; i < check->topology->n_nodes; i++) {
        const struct st_node *node = check->topology->nodes[i];
        if (node->type == ST_GLOBAL_TABLE && node->n_users == 0)
            st_report(check->findings, CONF_WARNING, node,
                      "nothing looks into it, and its topic is held in memory all the same");
    }
}

/* ---- stores ------------------------------------------------------------------------------------------------------- */

static void check_stores(struct check *check)
{
    for (size_t i = 0; i < check->topology->n_stores; i++) {
        const struct st_store *store = check->topology->stores[i];
        if (store->n_users == 0)
            st_report_store(check->findings, CONF_ERROR, store,
                            "no processor is connected to it; connect one or take it away");
    }
}

/* ---- keys and partitions ------------------------------------------------------------------------------------------ */

/* How the records that come to a node were last partitioned, over all ways up from it. */
struct upstream {
    const struct st_node *changer;     /* the nearest processor that changes the key after that, or NULL */
    const struct st_node *repartition; /* the nearest one, or NULL */
    bool other_count;                  /* a repartition with a partition count other than the asker's */
    bool source;                       /* some come straight from a source topic */
};

static void look_at(struct upstream *up, const struct st_node *asker, const struct st_node *node,
                    struct node_set *seen)
{
    if (node->type == ST_SOURCE) {
        up->source = true;
    } else if (node->type == ST_REPARTITION) {
        if (!up->repartition) up->repartition = node;
        if (asker->partitions != 0 && asker->partitions != node->partitions) up->other_count = true;
    } else if (node->kind && node->kind->changes_key) {
        if (!up->changer) up->changer = node;
    } else {
        for (size_t i = 0; i < node->n_parents; i++) set_add(seen, node->parents[i]);
    }
}

static struct upstream look_up(const struct st_topology *topology, const struct st_node *node)
{
    struct upstream up = {0};
    struct node_set seen;
    set_init(&seen, topology);
    for (size_t i = 0; i < node->n_parents; i++) set_add(&seen, node->parents[i]);
    for (size_t i = 0; i < seen.count; i++) look_at(&up, node, seen.list[i], &seen);
    set_finish(&seen);
    return up;
}

static void check_key(struct check *check, const struct st_node *node)
{
    struct upstream up = look_up(check->topology, node);
    if (!up.changer) return;
    st_report(check->findings, CONF_ERROR, node,
              "%s needs all records of a key in one partition, but '%s' (%s) in front of it changes the key; "
              "put a repartition between them",
              node->kind->name, up.changer->name, up.changer->kind->name);
}

static void check_repartition(struct check *check, const struct st_node *node)
{
    struct upstream up = look_up(check->topology, node);
    if (!up.repartition || up.source || up.changer || up.other_count) return;
    st_report(check->findings, CONF_WARNING, node,
              "its records are partitioned by the same key already, by the repartition '%s'; "
              "it costs a second way through Kafka for nothing",
              up.repartition->name);
}

static void check_keys(struct check *check)
{
    for (size_t i = 0; i < check->topology->n_nodes; i++) {
        const struct st_node *node = check->topology->nodes[i];
        if (node->type == ST_PROCESSOR && node->kind->needs_key) check_key(check, node);
        if (node->type == ST_REPARTITION) check_repartition(check, node);
    }
}

/* ---- all of them -------------------------------------------------------------------------------------------------- */

bool st_topology_check(const struct st_topology *topology, struct st_findings *findings)
{
    AQ_ASSERT(topology && findings);
    struct check check = {.topology = topology, .findings = findings};
    size_t errors = findings->errors;
    check_cycles(&check);
    /* Without a source nothing is reached, and saying so of every node would hide the one thing to do. */
    if (has_source(topology))
        check_reach(&check);
    else
        st_report(findings, CONF_ERROR, NULL, "the topology has no source, so there is nothing to read");
    check_topics(&check);
    check_global_tables(&check);
    check_stores(&check);
    check_keys(&check);
    return findings->errors == errors;
}
