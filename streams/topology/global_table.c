/* SPDX-License-Identifier: Apache-2.0
 *
 * Global tables of a topology (streams/topology/topology.h): nodes that stand outside of the graph. What they hold is in
 * streams/global.c.
 */
#include "base/assert.h"
#include "streams/topology/node.h"
#include "transforms/topic_name.h"

int st_add_global_table(struct st_topology *topology, const char *name, const char *topic, struct aq_err *err)
{
    AQ_ASSERT(topology);
    int rc = st_check_new_node(topology, ST_GLOBAL_TABLE, name, NULL, err);
    const char *fault = topic_name_fault(aq_slice_str(topic));
    if (rc == 0 && fault) rc = aq_fail(err, AQ_E_CONFIG, "the topic name '%s' %s", topic ? topic : "", fault);
    if (rc != 0) return st_refused(err, "global table", name, rc);
    struct st_node *node = st_make_node(topology, ST_GLOBAL_TABLE, name, NULL);
    node->topics = aq_arena_zalloc(&topology->arena, sizeof(*node->topics));
    node->topics[0] = aq_arena_strdup(&topology->arena, topic);
    node->n_topics = 1;
    return 0;
}

static int check_table(const struct st_node *node, const struct st_node *table, struct aq_err *err)
{
    if (node->type != ST_PROCESSOR)
        return aq_fail(err, AQ_E_CONFIG, "only processors look into global tables");
    if (table->type != ST_GLOBAL_TABLE)
        return aq_fail(err, AQ_E_CONFIG, "'%s' is a %s and no global table", table->name,
                       st_node_type_name(table->type));
    for (size_t i = 0; i < node->n_globals; i++)
        if (node->globals[i] == table)
            return aq_fail(err, AQ_E_CONFIG, "it is connected to the global table '%s' already", table->name);
    return 0;
}

int st_connect_global_table(struct st_topology *topology, const char *processor, const char *table,
                            struct aq_err *err)
{
    AQ_ASSERT(topology);
    struct st_node *node = st_need_node(topology, processor, "processor", err);
    if (!node) return AQ_E_CONFIG;
    struct st_node *global = st_need_node(topology, table, "global table", err);
    int rc = global ? check_table(node, global, err) : AQ_E_CONFIG;
    if (rc != 0) return st_refused(err, st_node_type_name(node->type), processor, rc);
    st_append_node(topology, &node->globals, &node->n_globals, global);
    global->n_users++;
    return 0;
}
