/* SPDX-License-Identifier: Apache-2.0
 *
 * filter, filter_not and map_values of a table (streams/forms/form_view.h). Nothing is kept between two calls.
 */
#include "streams/forms/form_view.h"

#include "base/assert.h"
#include "streams/ops/op_foreign.h"

bool st_form_view_store(const struct st_forming *forming, const char *store)
{
    const struct st_store_conf how = {.timestamped = true};
    struct aq_err err = {0};
    if (store && !forming->of_table) {
        st_form_error(forming, "store", "store: only a table has rows to keep; put a to_table in front");
        return false;
    }
    forming->node->table_store = store;
    forming->node->table_hint = "set store there";
    if (!store) return true;
    int rc = st_add_store(forming->topology, store, &how, &err);
    if (rc == 0) rc = st_connect_store(forming->topology, forming->name, store, &err);
    if (rc != 0) st_form_refused(forming, "store", &err);
    return rc == 0;
}

bool st_form_view_makes_table(const void *conf, bool of_table)
{
    (void)conf;
    return of_table;
}

static bool asks(const struct st_node *node)
{
    if (node->kind == &st_table_group_kind) return true;
    if (node->kind == &st_foreign_subscribe_kind || node->kind == &st_foreign_changed_kind) return true;
    const struct st_table_join *join = node->user;
    if (node->kind == &st_table_join_left_kind) return join->left_alone;
    return node->kind == &st_table_join_right_kind && join->right_alone;
}

/* Down through the tables that are worked out of it. */
static bool is_asked_below(const struct st_node *node)
{
    for (size_t i = 0; i < node->n_children; i++) {
        const struct st_node *child = node->children[i];
        if (child->type != ST_PROCESSOR) continue;
        if (asks(child)) return true;
        bool view = child->kind == &st_table_filter_kind || child->kind == &st_table_map_values_kind;
        if (view && is_asked_below(child)) return true;
    }
    return false;
}

bool st_form_old_is_needed(const struct st_forming *forming)
{
    const struct st_node *node = st_find_node(forming->topology, forming->name);
    AQ_ASSERT(node);
    return is_asked_below(node);
}
