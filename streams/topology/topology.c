/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a topology (streams/topology/topology.h); what is special about sources is in
 * streams/topology/source.c, and about global tables in streams/topology/global_table.c.
 *
 * An ordinary pass: the caller adds sources, then processors, sinks and repartitions that name their parents, then
 * stores. Each call first looks at everything it was given and only then makes the node, so that a refused call
 * leaves nothing behind.
 *
 * A failing pass: the first thing that is wrong ends the call with a sentence that names the node. The caller may go on
 * adding: a reader of a configuration file wants all errors of one run, and a child of a refused node is refused too,
 * with "unknown parent".
 *
 * Invariants: an edge is listed by both of its ends, once; a source has no parents and a sink no children; names of
 * nodes are unique, those under which the sides of a repartition are shown included; nodes[i]->index == i.
 *
 * Threads: one at a time while it is built, any number of readers afterwards.
 */
#include "streams/topology/topology.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/diag.h"
#include "streams/topology/node.h"
#include "transforms/java_regex.h"
#include "transforms/topic_name.h"

const char ST_BY_VALUE[] = "(by value)";

const char *st_node_type_name(enum st_node_type type)
{
    static const char *const names[] = {"source", "processor", "sink", "repartition", "global table"};
    AQ_ASSERT((size_t)type < sizeof(names) / sizeof(names[0]));
    return names[type];
}

/* ---- lists of pointers in the arena ------------------------------------------------------------------------------- */

/* Room for one more pointer behind `count` of them. The list doubles at every power of two, so its capacity need not be
 * stored, and what the arena keeps of the outgrown ones is less than the list itself. */
static void *with_room(struct aq_arena *arena, void *list, size_t count)
{
    if (count > 0 && (count & (count - 1)) != 0) return list;
    void **bigger = aq_arena_zalloc(arena, (count ? 2 * count : 1) * sizeof(*bigger));
    if (count > 0) memcpy(bigger, list, count * sizeof(*bigger));
    return bigger;
}

void st_append_node(struct st_topology *topology, struct st_node ***list, size_t *count, struct st_node *node)
{
    *list = with_room(&topology->arena, *list, *count);
    (*list)[(*count)++] = node;
}

static void append_store(struct aq_arena *arena, struct st_store ***list, size_t *count,
                         struct st_store *store)
{
    *list = with_room(arena, *list, *count);
    (*list)[(*count)++] = store;
}

static bool has_node(struct st_node *const *list, size_t count, const struct st_node *node)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == node) return true;
    return false;
}

/* ---- finding by name ---------------------------------------------------------------------------------------------- */

struct st_node *st_find_node(const struct st_topology *topology, const char *name)
{
    AQ_ASSERT(topology && name);
    for (size_t i = 0; i < topology->n_nodes; i++)
        if (strcmp(topology->nodes[i]->name, name) == 0) return topology->nodes[i];
    return NULL;
}

struct st_store *st_find_store(const struct st_topology *topology, const char *name)
{
    AQ_ASSERT(topology && name);
    for (size_t i = 0; i < topology->n_stores; i++)
        if (strcmp(topology->stores[i]->name, name) == 0) return topology->stores[i];
    return NULL;
}

/* "; did you mean 'x'?" or nothing, for a name that neither a node nor (stores) a store has. */
static void suggest(const struct st_topology *topology, const char *word, bool stores, char *buf, size_t size)
{
    size_t count = stores ? topology->n_stores : topology->n_nodes;
    const char **names = aq_calloc(count + 1, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = stores ? topology->stores[i]->name : topology->nodes[i]->name;
    const char *near = conf_did_you_mean(word, names, count);
    buf[0] = '\0';
    if (near) snprintf(buf, size, "; did you mean '%s'?", near);
    free(names);
}

/* `what` is the role in which the caller named it: "parent", "processor". */
struct st_node *st_need_node(const struct st_topology *topology, const char *name, const char *what,
                             struct aq_err *err)
{
    struct st_node *node = name ? st_find_node(topology, name) : NULL;
    if (node) return node;
    char near[TOPIC_NAME_MAX + 32] = "";
    if (name) suggest(topology, name, false, near, sizeof(near));
    aq_fail(err, AQ_E_CONFIG, "unknown %s '%s'%s", what, name ? name : "", near);
    return NULL;
}

int st_refused(struct aq_err *err, const char *what, const char *name, int rc)
{
    if (err) aq_err_in(err, "%s '%s'", what, name ? name : "");
    return rc;
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

/* For instance "by-customer-sink" of the repartition "by-customer", or "places-source" of the global table "places". */
static bool is_side_of(const char *name, const char *whole, enum st_node_type type)
{
    size_t len = strlen(whole);
    if (strncmp(name, whole, len) != 0) return false;
    if (type == ST_REPARTITION && strcmp(name + len, "-sink") == 0) return true;
    return (type == ST_REPARTITION || type == ST_GLOBAL_TABLE) && strcmp(name + len, "-source") == 0;
}

static int check_name_free(const struct st_topology *topology, const char *name, enum st_node_type type,
                           struct aq_err *err)
{
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (strcmp(node->name, name) == 0)
            return aq_fail(err, AQ_E_CONFIG, "there is a %s of this name already",
                           st_node_type_name(node->type));
        if (is_side_of(name, node->name, node->type))
            return aq_fail(err, AQ_E_CONFIG, "one side of the %s '%s' is shown under this name",
                           st_node_type_name(node->type), node->name);
        if (is_side_of(node->name, name, type))
            return aq_fail(err, AQ_E_CONFIG, "one side of it would be shown as '%s', which is a %s already",
                           node->name, st_node_type_name(node->type));
    }
    return 0;
}

static int check_name(const char *name, struct aq_err *err)
{
    const char *fault = topic_name_fault(aq_slice_str(name));
    return fault ? aq_fail(err, AQ_E_CONFIG, "the name %s", fault) : 0;
}

/* "<application_id>-<name>-<suffix>", or NULL when no topic can be called that. */
static const char *internal_topic(struct st_topology *topology, const char *name, const char *suffix,
                                  struct aq_err *err)
{
    const char *topic = aq_arena_printf(&topology->arena, "%s-%s-%s", topology->application_id, name, suffix);
    const char *fault = topic_name_fault(aq_slice_str(topic));
    if (!fault) return topic;
    aq_fail(err, AQ_E_CONFIG, "the name of its internal topic '%s' %s", topic, fault);
    return NULL;
}

/* ---- edges -------------------------------------------------------------------------------------------------------- */

static int check_parent(const struct st_node *parent, struct aq_err *err)
{
    if (parent->type == ST_GLOBAL_TABLE)
        return aq_fail(
            err, AQ_E_CONFIG,
            "the global table '%s' cannot be a parent: its changes give no records, they are looked up "
            "by joins",
            parent->name);
    if (parent->type != ST_SINK) return 0;
    return aq_fail(err, AQ_E_CONFIG, "the sink '%s' cannot be a parent: a sink has no children",
                   parent->name);
}

static int check_parents(const struct st_topology *topology, enum st_node_type type,
                         const struct st_parents *parents, struct aq_err *err)
{
    AQ_ASSERT(parents->count == 0 || parents->names);
    if (parents->count == 0 && !parents->more_later)
        return aq_fail(err, AQ_E_CONFIG, "a %s needs at least one parent", st_node_type_name(type));
    for (size_t i = 0; i < parents->count; i++) {
        const struct st_node *parent = st_need_node(topology, parents->names[i], "parent", err);
        if (!parent) return AQ_E_CONFIG;
        int rc = check_parent(parent, err);
        if (rc != 0) return rc;
        for (size_t j = 0; j < i; j++)
            if (strcmp(parents->names[i], parents->names[j]) == 0)
                return aq_fail(err, AQ_E_CONFIG, "the parent '%s' is named twice", parent->name);
    }
    return 0;
}

static void connect_nodes(struct st_topology *topology, struct st_node *from, struct st_node *to)
{
    AQ_ASSERT(from->type != ST_SINK && to->type != ST_SOURCE);
    AQ_ASSERT(from->type != ST_GLOBAL_TABLE && to->type != ST_GLOBAL_TABLE);
    st_append_node(topology, &from->children, &from->n_children, to);
    st_append_node(topology, &to->parents, &to->n_parents, from);
}

static int edge_between(struct st_topology *topology, struct st_node *from, struct st_node *to,
                        struct aq_err *err)
{
    if (to->type == ST_SOURCE)
        return aq_fail(err, AQ_E_CONFIG, "a source has no parents, it reads topics; '%s' cannot lead to it",
                       from->name);
    if (to->type == ST_GLOBAL_TABLE)
        return aq_fail(err, AQ_E_CONFIG,
                       "a global table has no parents, it reads a topic; '%s' cannot lead to it", from->name);
    int rc = check_parent(from, err);
    if (rc != 0) return rc;
    if (has_node(to->parents, to->n_parents, from))
        return aq_fail(err, AQ_E_CONFIG, "'%s' is its parent already", from->name);
    connect_nodes(topology, from, to);
    return 0;
}

int st_set_serdes(struct st_topology *topology, const char *name, const struct st_serde *key,
                  const struct st_serde *value, struct aq_err *err)
{
    AQ_ASSERT(topology);
    struct st_node *node = st_need_node(topology, name, "node", err);
    if (!node) return AQ_E_CONFIG;
    if (key) node->key_serde = key;
    if (value) node->value_serde = value;
    return 0;
}

int st_set_part(struct st_topology *topology, const char *part, const char *whole, struct aq_err *err)
{
    AQ_ASSERT(topology && strcmp(part, whole) != 0);
    struct st_node *node = st_need_node(topology, part, "node", err);
    const struct st_node *of = node ? st_need_node(topology, whole, "node", err) : NULL;
    if (!of) return AQ_E_CONFIG;
    node->part_of = of;
    return 0;
}

int st_set_chooser(struct st_topology *topology, const char *sink, const struct st_topic_chooser *chooser,
                   void *user, struct aq_err *err)
{
    AQ_ASSERT(topology && chooser && chooser->choose);
    struct st_node *node = st_need_node(topology, sink, "sink", err);
    if (!node) return AQ_E_CONFIG;
    if (node->type != ST_SINK)
        return aq_fail(err, AQ_E_CONFIG, "%s '%s': only a sink chooses topics", st_node_type_name(node->type),
                       sink);
    if (node->topic)
        return aq_fail(err, AQ_E_CONFIG,
                       "sink '%s': it writes to a topic of its own, so nothing can choose one", sink);
    node->chooser = chooser;
    node->user = user;
    return 0;
}

int st_add_edge(struct st_topology *topology, const char *from, const char *to, struct aq_err *err)
{
    AQ_ASSERT(topology);
    struct st_node *child = st_need_node(topology, to, "child", err);
    if (!child) return AQ_E_CONFIG;
    struct st_node *parent = st_need_node(topology, from, "parent", err);
    int rc = parent ? edge_between(topology, parent, child, err) : AQ_E_CONFIG;
    return rc == 0 ? 0 : st_refused(err, st_node_type_name(child->type), to, rc);
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

int st_check_new_node(const struct st_topology *topology, enum st_node_type type, const char *name,
                      const struct st_parents *parents, struct aq_err *err)
{
    int rc = check_name(name, err);
    if (rc == 0) rc = check_name_free(topology, name, type, err);
    bool reads = type == ST_SOURCE || type == ST_GLOBAL_TABLE;
    if (rc == 0 && !reads) rc = check_parents(topology, type, parents, err);
    return rc;
}

struct st_node *st_make_node(struct st_topology *topology, enum st_node_type type, const char *name,
                             const struct st_parents *parents)
{
    struct st_node *node = aq_arena_zalloc(&topology->arena, sizeof(*node));
    node->name = aq_arena_strdup(&topology->arena, name);
    node->type = type;
    node->index = topology->n_nodes;
    st_append_node(topology, &topology->nodes, &topology->n_nodes, node);
    for (size_t i = 0; parents && i < parents->count; i++)
        connect_nodes(topology, st_find_node(topology, parents->names[i]), node);
    return node;
}

/* ---- processors, sinks, repartitions ------------------------------------------------------------------------------ */

int st_add_processor(struct st_topology *topology, const char *name, const struct st_processor_kind *kind,
                     void *user, struct st_parents parents, struct aq_err *err)
{
    AQ_ASSERT(topology && kind && kind->name);
    int rc = st_check_new_node(topology, ST_PROCESSOR, name, &parents, err);
    if (rc != 0) return st_refused(err, "processor", name, rc);
    struct st_node *node = st_make_node(topology, ST_PROCESSOR, name, &parents);
    node->kind = kind;
    node->user = user;
    return 0;
}

int st_add_sink(struct st_topology *topology, const char *name, const char *topic, struct st_parents parents,
                struct aq_err *err)
{
    AQ_ASSERT(topology);
    int rc = st_check_new_node(topology, ST_SINK, name, &parents, err);
    const char *fault = topic == ST_BY_VALUE ? NULL : topic_name_fault(aq_slice_str(topic));
    if (rc == 0 && fault) rc = aq_fail(err, AQ_E_CONFIG, "the topic name '%s' %s", topic ? topic : "", fault);
    if (rc != 0) return st_refused(err, "sink", name, rc);
    struct st_node *node = st_make_node(topology, ST_SINK, name, &parents);
    if (topic != ST_BY_VALUE) node->topic = aq_arena_strdup(&topology->arena, topic);
    return 0;
}

int st_add_repartition(struct st_topology *topology, const char *name, int32_t partitions,
                       struct st_parents parents, struct aq_err *err)
{
    AQ_ASSERT(topology);
    int rc = st_check_new_node(topology, ST_REPARTITION, name, &parents, err);
    if (rc == 0 && partitions < 0)
        rc = aq_fail(err, AQ_E_CONFIG, "%d partitions are too few; 0 takes the count of the topics before it",
                     partitions);
    const char *topic = rc == 0 ? internal_topic(topology, name, "repartition", err) : NULL;
    if (!topic) return st_refused(err, "repartition", name, AQ_E_CONFIG);
    struct st_node *node = st_make_node(topology, ST_REPARTITION, name, &parents);
    node->topic = topic;
    node->partitions = partitions;
    return 0;
}

/* ---- stores ------------------------------------------------------------------------------------------------------- */

int st_add_store(struct st_topology *topology, const char *name, const struct st_store_conf *conf,
                 struct aq_err *err)
{
    AQ_ASSERT(topology);
    int rc = check_name(name, err);
    if (rc == 0 && st_find_store(topology, name))
        rc = aq_fail(err, AQ_E_CONFIG, "there is a store of this name already");
    const char *changelog = rc == 0 ? internal_topic(topology, name, "changelog", err) : NULL;
    if (!changelog) return st_refused(err, "store", name, AQ_E_CONFIG);
    struct st_store *store = aq_arena_zalloc(&topology->arena, sizeof(*store));
    store->name = aq_arena_strdup(&topology->arena, name);
    if (conf) store->conf = *conf;
    store->changelog = store->conf.without_changelog ? NULL : changelog;
    store->index = topology->n_stores;
    append_store(&topology->arena, &topology->stores, &topology->n_stores, store);
    return 0;
}

static int connect_store(struct st_topology *topology, struct st_node *node, const char *name,
                         struct aq_err *err)
{
    if (node->type != ST_PROCESSOR) return aq_fail(err, AQ_E_CONFIG, "only processors have stores");
    struct st_store *store = name ? st_find_store(topology, name) : NULL;
    if (!store) {
        char near[TOPIC_NAME_MAX + 32] = "";
        if (name) suggest(topology, name, true, near, sizeof(near));
        return aq_fail(err, AQ_E_CONFIG, "unknown store '%s'%s", name ? name : "", near);
    }
    if (has_node(store->users, store->n_users, node))
        return aq_fail(err, AQ_E_CONFIG, "it is connected to the store '%s' already", name);
    append_store(&topology->arena, &node->stores, &node->n_stores, store);
    st_append_node(topology, &store->users, &store->n_users, node);
    return 0;
}

int st_connect_store(struct st_topology *topology, const char *processor, const char *store,
                     struct aq_err *err)
{
    AQ_ASSERT(topology);
    struct st_node *node = st_need_node(topology, processor, "processor", err);
    if (!node) return AQ_E_CONFIG;
    int rc = connect_store(topology, node, store, err);
    return rc == 0 ? 0 : st_refused(err, st_node_type_name(node->type), processor, rc);
}

/* ---- making and freeing ------------------------------------------------------------------------------------------- */

struct st_topology *st_topology_create(const char *application_id, struct aq_err *err)
{
    const char *fault = topic_name_fault(aq_slice_str(application_id));
    if (fault) {
        aq_fail(err, AQ_E_CONFIG, "the application_id '%s' %s", application_id ? application_id : "", fault);
        return NULL;
    }
    struct st_topology *topology = aq_calloc(1, sizeof(*topology));
    aq_arena_init(&topology->arena, 4096);
    topology->application_id = aq_arena_strdup(&topology->arena, application_id);
    return topology;
}

void st_topology_destroy(struct st_topology *topology)
{
    if (!topology) return;
    for (size_t i = 0; i < topology->n_nodes; i++)
        if (topology->nodes[i]->regex) java_regex_free(topology->nodes[i]->regex);
    aq_arena_finish(&topology->arena);
    free(topology);
}
