/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of a stream with a table and with a global one (aqueduct/joins.h). What their nodes do is in streams/ops/op_stream_table_join.c.
 *
 * Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/api_join.h"
#include "streams/ops/delay.h"
#include "streams/ops/op_table.h"

/* ---- a table ------------------------------------------------------------------------------------------------------ */

static bool has_no_store(struct st_joining *j)
{
    bool says = j->how.store || j->how.in_memory;
    if (says)
        st_dsl_refuse(j->builder, j->what, j->name,
                      "store and in_memory are for two streams; rows are kept by the table");
    return !says;
}

static bool check_table(struct st_joining *j, const struct aq_table *table)
{
    if (!st_dsl_can_look_up(j->builder, j->what, j->name, table) ||
        !st_dsl_same_keys(j->builder, j->what, j->name, j->left->name, table->name))
        return false;
    if (!has_no_store(j)) return false;
    if (j->how.grace_ms > table->history_ms)
        st_dsl_refuse(
            j->builder, j->what, j->name,
            "grace_ms: the table '%s' has to know what its rows were so long ago: set history_ms there, "
            "to no less than this",
            table->name);
    return st_builder_is_open(j->builder);
}

/* The store of the table, and of the records that wait. */
static bool connect_stores(struct st_joining *j, const struct aq_table *table)
{
    struct st_topology *topology = j->builder->topology;
    struct aq_err *err = &j->builder->err;
    int rc = st_connect_store(topology, j->name, table->store, err);
    if (rc != 0 || j->how.grace_ms == 0) return rc == 0;
    const struct st_store_conf waiting = st_delay_conf();
    rc = st_add_store(topology, j->name, &waiting, err);
    return rc == 0 && st_connect_store(topology, j->name, j->name, err) == 0;
}

static struct aq_stream *join_table(struct st_joining *j, const struct aq_table *table, aq_joiner join,
                                    void *user, bool left)
{
    struct aq_streams_builder *builder = j->builder;
    if (!check_table(j, table)) return NULL;
    struct st_stream_table_join *op = st_builder_alloc(builder, sizeof(*op));
    *op = (struct st_stream_table_join){.joiner = st_dsl_joiner(builder, join, user),
                                        .left = left,
                                        .history_ms = table->history_ms,
                                        .grace_ms = j->how.grace_ms};
    const char *behind = st_dsl_by_key(j->left, st_dsl_part(builder, j->name, "by"), 0);
    if (!behind || !st_dsl_add(builder, j->name, &st_stream_table_join_kind, op, behind) ||
        !st_dsl_value_serde(builder, j->name, j->value) || !connect_stores(j, table))
        return NULL;
    return st_dsl_stream(builder, j->name);
}

struct aq_stream *aq_stream_join_table(struct aq_stream *stream, const char *name, struct aq_table *table,
                                       aq_joiner join, void *user, const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "join_table", stream, name, table ? table->builder : NULL, join != NULL, how)
               ? join_table(&j, table, join, user, false)
               : NULL;
}

struct aq_stream *aq_stream_left_join_table(struct aq_stream *stream, const char *name,
                                            struct aq_table *table, aq_joiner join, void *user,
                                            const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "left_join_table", stream, name, table ? table->builder : NULL, join != NULL,
                            how)
               ? join_table(&j, table, join, user, true)
               : NULL;
}

/* ---- a global table ----------------------------------------------------------------------------------------------- */

struct aq_global_table {
    struct aq_streams_builder *builder;
    const char *name; /* of its node */
};

static const char *complaint(const struct aq_consumed *consumed)
{
    if (consumed->pattern || consumed->n_topics != 1) return "a table is of one topic, by its name";
    if (consumed->reset != AQ_RESET_EARLIEST) return "it is read from its beginning; leave reset out";
    if (consumed->extractor || consumed->timestamp != AQ_TIMESTAMP_DEFAULT)
        return "nothing looks at the time of its rows; leave the timestamp rule and the extractor out";
    return NULL;
}

struct aq_global_table *aq_global_table_from(struct aq_streams_builder *builder, const char *name,
                                             const struct aq_consumed *consumed)
{
    AQ_ASSERT(consumed);
    if (!st_builder_is_open(builder)) return NULL;
    const char *wrong = complaint(consumed);
    if (wrong) return st_dsl_refuse(builder, "global table", name, "%s", wrong);
    if (st_add_global_table(builder->topology, name, consumed->topics[0], &builder->err) != 0 ||
        aq_topology_serdes(builder, name, consumed->key_serde, consumed->value_serde) < 0)
        return NULL;
    struct aq_global_table *table = st_builder_alloc(builder, sizeof(*table));
    *table =
        (struct aq_global_table){.builder = builder, .name = st_find_node(builder->topology, name)->name};
    return table;
}

static struct aq_stream *join_global(struct st_joining *j, const struct aq_global_table *table,
                                     aq_part_mapper select, aq_joiner join, void *user, bool left)
{
    struct aq_streams_builder *builder = j->builder;
    if (!has_no_store(j)) return NULL;
    if (j->how.grace_ms > 0)
        return st_dsl_refuse(
            builder, j->what, j->name,
            "grace_ms: a global table keeps no time with streams, so there is nothing to wait for");
    if (!select && !st_dsl_same_keys(builder, j->what, j->name, j->left->name, table->name)) return NULL;
    struct st_stream_global_join *op = st_builder_alloc(builder, sizeof(*op));
    *op = (struct st_stream_global_join){.joiner = st_dsl_joiner(builder, join, user), .left = left};
    if (select) op->key = st_dsl_row_selector(builder, select, user);
    if (!st_dsl_add(builder, j->name, &st_stream_global_join_kind, op, j->left->name) ||
        !st_dsl_value_serde(builder, j->name, j->value) ||
        st_connect_global_table(builder->topology, j->name, table->name, &builder->err) != 0)
        return NULL;
    return st_dsl_stream(builder, j->name);
}

struct aq_stream *aq_stream_join_global(struct aq_stream *stream, const char *name,
                                        struct aq_global_table *table, aq_part_mapper select, aq_joiner join,
                                        void *user, const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "join_global", stream, name, table ? table->builder : NULL, join != NULL, how)
               ? join_global(&j, table, select, join, user, false)
               : NULL;
}

struct aq_stream *aq_stream_left_join_global(struct aq_stream *stream, const char *name,
                                             struct aq_global_table *table, aq_part_mapper select,
                                             aq_joiner join, void *user, const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "left_join_global", stream, name, table ? table->builder : NULL, join != NULL,
                            how)
               ? join_global(&j, table, select, join, user, true)
               : NULL;
}
