/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of tables (aqueduct/joins.h), by key and by foreign key. What their nodes do is in streams/ops/op_table_join.c and
 * streams/ops/op_foreign.c.
 *
 * Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/dsl.h"
#include "streams/ops/table_build.h"

/* One join that is being added. */
struct joining {
    struct aq_streams_builder *builder;
    const char *what;
    const char *name;
    struct aq_table *left, *right;
    struct aq_materialized how;
    const struct st_serde *value; /* of the results; NULL: not known */
};

bool st_dsl_can_look_up(struct aq_streams_builder *builder, const char *what, const char *name,
                        const struct aq_table *table)
{
    if (!table->no_look_up) return true;
    st_dsl_refuse(builder, what, name, "rows of '%s' cannot be looked up: %s", table->name,
                  table->no_look_up);
    return false;
}

static const struct st_serde *known(const struct aq_table *table, bool key)
{
    return st_dsl_known_serde(st_find_node(table->builder->topology, table->name), key);
}

static bool begin(struct joining *j, const char *what, struct aq_table *left, const char *name,
                  struct aq_table *right, bool has_functions, const struct aq_materialized *how)
{
    if (!left || !st_builder_is_open(left->builder)) return false;
    *j = (struct joining){.builder = left->builder, .what = what, .name = name, .left = left, .right = right};
    if (!st_dsl_has(j->builder, what, name, has_functions) ||
        !st_dsl_same_builder(j->builder, what, name, right ? right->builder : NULL) ||
        !st_dsl_how(j->builder, what, name, how, ST_HOW_VALUES, &j->how) ||
        !st_dsl_can_look_up(j->builder, what, name, left) ||
        !st_dsl_can_look_up(j->builder, what, name, right))
        return false;
    j->value = st_dsl_find_serde(j->builder, what, name, "value_serde", j->how.value_serde);
    if (!j->how.value_serde) j->value = known(left, false);
    return st_builder_is_open(j->builder);
}

/* The store of the results is added before the nodes, which are connected to it. */
static bool add_store(struct joining *j)
{
    const struct st_store_conf conf = st_dsl_store_conf(&j->how);
    if (!j->how.store) return true;
    return st_add_store(j->builder->topology, j->how.store, &conf, &j->builder->err) == 0;
}

static struct aq_table *finish(struct joining *j)
{
    struct aq_table *table = st_dsl_table(j->builder, j->name);
    struct aq_materialized unkept = j->how;
    unkept.store = NULL;
    if (!j->how.store) return st_dsl_keep(table, &unkept, NULL) ? table : NULL;
    table->store = st_find_store(j->builder->topology, j->how.store)->name;
    return table;
}

/* ---- by key ------------------------------------------------------------------------------------------------------- */

static struct aq_table *join_tables(struct joining *j, aq_joiner join, void *user, bool left_alone,
                                    bool right_alone)
{
    const struct aq_table *left = j->left, *right = j->right;
    if (!st_dsl_same_keys(j->builder, j->what, j->name, left->name, right->name)) return NULL;
    struct st_table_join *op = st_builder_alloc(j->builder, sizeof(*op));
    *op = (struct st_table_join){.joiner = st_dsl_joiner(j->builder, join, user),
                                 .left_alone = left_alone,
                                 .right_alone = right_alone,
                                 .left_history_ms = left->history_ms,
                                 .right_history_ms = right->history_ms,
                                 .compat = j->builder->compat};
    const struct st_table_ref a = {.node = left->name, .store = left->store},
                              b = {.node = right->name, .store = right->store};
    if (!add_store(j) || st_add_table_join(j->builder->topology, j->name, a, b, op, j->value, j->how.store,
                                           &j->builder->err) != 0)
        return NULL;
    return finish(j);
}

struct aq_table *aq_table_join(struct aq_table *left, const char *name, struct aq_table *right,
                               aq_joiner join, void *user, const struct aq_materialized *how)
{
    struct joining j;
    return begin(&j, "join", left, name, right, join != NULL, how) ? join_tables(&j, join, user, false, false)
                                                                   : NULL;
}

struct aq_table *aq_table_left_join(struct aq_table *left, const char *name, struct aq_table *right,
                                    aq_joiner join, void *user, const struct aq_materialized *how)
{
    struct joining j;
    return begin(&j, "left_join", left, name, right, join != NULL, how)
               ? join_tables(&j, join, user, true, false)
               : NULL;
}

struct aq_table *aq_table_outer_join(struct aq_table *left, const char *name, struct aq_table *right,
                                     aq_joiner join, void *user, const struct aq_materialized *how)
{
    struct joining j;
    return begin(&j, "outer_join", left, name, right, join != NULL, how)
               ? join_tables(&j, join, user, true, true)
               : NULL;
}

/* ---- by foreign key ----------------------------------------------------------------------------------------------- */

static struct aq_table *join_foreign(struct joining *j, aq_part_mapper foreign_key, aq_joiner join,
                                     void *user, bool left_alone)
{
    const struct st_foreign_key_serdes serdes = {.value = j->value};
    struct st_foreign_key_join *op = st_builder_alloc(j->builder, sizeof(*op));
    *op = (struct st_foreign_key_join){.foreign_key = st_dsl_row_mapper(j->builder, foreign_key, user),
                                       .joiner = st_dsl_joiner(j->builder, join, user),
                                       .left = left_alone,
                                       .left_history_ms = j->left->history_ms,
                                       .right_history_ms = j->right->history_ms,
                                       .compat = j->builder->compat};
    const struct st_table_ref a = {.node = j->left->name, .store = j->left->store},
                              b = {.node = j->right->name, .store = j->right->store};
    if (!add_store(j) || st_add_foreign_key_join(j->builder->topology, j->name, a, b, op, &serdes,
                                                 j->how.store, &j->builder->err) != 0)
        return NULL;
    return finish(j);
}

struct aq_table *aq_table_foreign_key_join(struct aq_table *left, const char *name, struct aq_table *right,
                                           aq_part_mapper foreign_key, aq_joiner join, void *user,
                                           const struct aq_materialized *how)
{
    struct joining j;
    return begin(&j, "foreign_key_join", left, name, right, foreign_key && join, how)
               ? join_foreign(&j, foreign_key, join, user, false)
               : NULL;
}

struct aq_table *aq_table_foreign_key_left_join(struct aq_table *left, const char *name,
                                                struct aq_table *right, aq_part_mapper foreign_key,
                                                aq_joiner join, void *user, const struct aq_materialized *how)
{
    struct joining j;
    return begin(&j, "foreign_key_left_join", left, name, right, foreign_key && join, how)
               ? join_foreign(&j, foreign_key, join, user, true)
               : NULL;
}
