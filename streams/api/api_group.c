/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of aqueduct/grouped.h: records and rows by key, in windows or without. What is made of them is in streams/api/api_aggregate.c.
 *
 * Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/api_kinds.h"
#include "streams/api/dsl.h"
#include "streams/ops/table_build.h"

static struct aq_grouped *make(struct aq_streams_builder *builder, const char *name, const char *node)
{
    struct aq_grouped *grouped = st_builder_alloc(builder, sizeof(*grouped));
    *grouped = (struct aq_grouped){.builder = builder, .node = node};
    grouped->name = aq_arena_strdup(&builder->topology->arena, name);
    grouped->how.compat = builder->compat;
    return grouped;
}

/* False, and the builder has failed: a group has a name whether a node is called by it or not. */
static bool check(struct aq_streams_builder *builder, const char *name,
                  const struct aq_group_options *options)
{
    if (!name || !*name)
        st_dsl_refuse(builder, "group", name, "it has no name");
    else if (options && options->partitions < 0)
        st_dsl_refuse(builder, "group", name, "partitions is %d; it is at least 0", options->partitions);
    return st_builder_is_open(builder);
}

struct aq_grouped *aq_stream_group_by_key(struct aq_stream *stream, const char *name)
{
    if (!stream || !st_builder_is_open(stream->builder) || !check(stream->builder, name, NULL)) return NULL;
    const char *node = st_dsl_by_key(stream, name, 0);
    return node ? make(stream->builder, name, node) : NULL;
}

struct aq_grouped *aq_stream_group_by(struct aq_stream *stream, const char *name, aq_part_mapper select,
                                      void *user, const struct aq_group_options *options)
{
    if (!stream || !st_builder_is_open(stream->builder)) return NULL;
    struct aq_streams_builder *builder = stream->builder;
    if (!check(builder, name, options)) return NULL;
    const char *part = st_dsl_part(builder, name, "select");
    struct aq_stream *selected = aq_stream_select_key(stream, part, select, user);
    if (options && options->key_serde) selected = aq_stream_serdes(selected, options->key_serde, NULL);
    selected = aq_stream_repartition(selected, name, options ? options->partitions : 0);
    return selected ? make(builder, name, selected->name) : NULL;
}

struct aq_grouped *aq_table_group_by(struct aq_table *table, const char *name, aq_part_mapper select,
                                     void *user, const struct aq_group_options *options)
{
    if (!table || !st_builder_is_open(table->builder)) return NULL;
    struct aq_streams_builder *builder = table->builder;
    if (!check(builder, name, options) || !st_dsl_has(builder, "group_by", name, select != NULL)) return NULL;
    if (st_table_forgets(st_find_node(builder->topology, table->name)))
        return st_dsl_refuse(
            builder, "group_by", name,
            "the table '%s' does not know what its rows were before: name a store in its options",
            table->name);
    const struct st_serde *key =
        st_dsl_find_serde(builder, "group_by", name, "key_serde", options ? options->key_serde : NULL);
    if (!st_builder_is_open(builder)) return NULL;
    struct st_table_group *op = st_builder_alloc(builder, sizeof(*op));
    op->key = st_dsl_row_selector(builder, select, user);
    if (st_add_table_group(builder->topology, name, table->name, op, key, options ? options->partitions : 0,
                           &builder->err) != 0)
        return NULL;
    struct aq_grouped *grouped = make(builder, name, st_find_node(builder->topology, name)->name);
    grouped->of_table = true;
    return grouped;
}

struct aq_grouped *aq_grouped_windowed_by(struct aq_grouped *grouped, const struct aq_windows *windows)
{
    if (!grouped || !st_builder_is_open(grouped->builder)) return NULL;
    struct aq_streams_builder *builder = grouped->builder;
    if (grouped->of_table)
        return st_dsl_refuse(builder, "group", grouped->name,
                             "rows of a table have no windows: make a stream of it by aq_table_to_stream()");
    if (grouped->windowed) return st_dsl_refuse(builder, "group", grouped->name, "it has windows already");
    struct aq_grouped *made = st_builder_alloc(builder, sizeof(*made));
    *made = *grouped;
    made->windowed = true;
    return st_dsl_windows(builder, "group", made->name, windows, &made->how) ? made : NULL;
}
