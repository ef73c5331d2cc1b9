/* SPDX-License-Identifier: Apache-2.0
 *
 * What the forms of joins share (streams/forms/form_join.h). Nothing is kept between two calls.
 */
#include "streams/forms/form_join.h"

#include "base/assert.h"

const struct opt_enum st_join_types[] = {
    {"inner", ST_JOIN_INNER}, {"left", ST_JOIN_LEFT}, {"outer", ST_JOIN_OUTER}, {NULL, 0}};
const struct opt_enum st_join_table_types[] = {{"inner", ST_JOIN_INNER}, {"left", ST_JOIN_LEFT}, {NULL, 0}};

bool st_form_two(const struct st_forming *forming)
{
    size_t n = forming->node->from.count;
    if (n == 2) return true;
    st_form_error(forming, "from", "from: a join is of two nodes, the left and the right one, not of %zu", n);
    return false;
}

bool st_form_joiner(const struct st_forming *forming, struct st_join_conf *conf, struct st_joiner *ret)
{
    AQ_ASSERT(conf->expression);
    struct lua_program *program = &conf->script.program;
    if (!st_form_program(forming, "join", LUA_EXPRESSION, conf->expression, conf->limits, program))
        return false;
    program->variables = st_join_names;
    *ret = (struct st_joiner){.kind = &st_joiner_lua, .user = &conf->script};
    return true;
}

/* ---- sides ------------------------------------------------------------------------------------------------------------ */

const struct st_formed_node *st_form_joined_table(const struct st_forming *forming, size_t k)
{
    const char *name = forming->node->from.items[k];
    const struct st_formed_node *table = st_formed_find(forming->formed, name);
    if (table && table->broken) return NULL;
    if (st_formed_is_global(forming->formed, name)) {
        st_form_error_from(forming, k, "from: '%s' is a global table, which join_global joins with a stream",
                           name);
        return NULL;
    }
    if (!table || !table->is_table) {
        st_form_error_from(
            forming, k,
            "from: '%s' is no table: put a to_table behind it, or join it as a stream by join_streams", name);
        return NULL;
    }
    if (table->table_store) return table;
    st_form_error_from(forming, k, "from: '%s' does not keep its rows, so they cannot be looked up: %s", name,
                       table->table_hint ? table->table_hint : "put a to_table behind it");
    return NULL;
}

bool st_form_joined_stream(const struct st_forming *forming, size_t k)
{
    const char *name = forming->node->from.items[k];
    const struct st_formed_node *node = st_formed_find(forming->formed, name);
    if (st_formed_is_global(forming->formed, name) && !node->broken) {
        st_form_error_from(forming, k,
                           "from: '%s' is a global table, and a stream is needed: that comes first", name);
        return false;
    }
    if (!node || !node->is_table) return true;
    st_form_error_from(forming, k,
                       "from: '%s' is a table, and a stream is needed: put a to_stream behind it to join its "
                       "changes, or use join_tables",
                       name);
    return false;
}

/* ---- serdes ----------------------------------------------------------------------------------------------------------- */

bool st_form_join_writes(const struct st_forming *forming, const char *node, const struct st_join_conf *conf)
{
    struct st_forming at = *forming;
    at.name = node;
    return st_form_serdes(&at, NULL, conf->value_serde);
}

void st_form_join_values(const struct st_forming *forming, struct st_join_conf *conf)
{
    const char *const *from = forming->node->from.items;
    conf->script.left = st_formed_sends(forming->formed, from[0]).value;
    conf->script.right = st_formed_sends(forming->formed, from[1]).value;
    conf->script.as = conf->value_serde ? st_serde_find(conf->value_serde, NULL) : conf->script.left;
}

void st_form_join_serdes(const struct st_forming *forming, struct st_join_conf *conf)
{
    const char *const *from = forming->node->from.items;
    struct st_serdes left = st_formed_sends(forming->formed, from[0]),
                     right = st_formed_sends(forming->formed, from[1]);
    st_form_join_values(forming, conf);
    if (left.key == right.key) return;
    st_form_error(forming, "from",
                  "from: the keys of '%s' are %s and those of '%s' %s; they never meet: give both the same "
                  "key_serde",
                  from[0], st_serde_name(left.key), from[1], st_serde_name(right.key));
}
