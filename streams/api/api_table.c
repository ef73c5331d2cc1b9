/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of aqueduct/table.h: tables of topics and streams, and what is made of one table. What the nodes do is in streams/ops/.
 *
 * Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/dsl.h"
#include "streams/ops/table_build.h"
#include "streams/ops/op_suppress.h"
#include "streams/ops/op_table.h"
#include "streams/state/versioned.h"

static bool is_open(const struct aq_table *table)
{
    return table && st_builder_is_open(table->builder);
}

const char *aq_table_name(const struct aq_table *table)
{
    return table ? table->name : NULL;
}

const char *aq_table_store(const struct aq_table *table)
{
    return table ? table->store : NULL;
}

/* ---- of a topic, of a stream -------------------------------------------------------------------------------------- */

static bool keep_history(struct aq_table *table, const struct aq_materialized *how)
{
    struct aq_streams_builder *builder = table->builder;
    struct st_store_conf conf = st_versioned_conf();
    conf.in_memory = how->in_memory;
    conf.without_changelog = how->without_changelog;
    const char *store = how->store ? how->store : table->name;
    int rc = st_add_store(builder->topology, store, &conf, &builder->err);
    if (rc == 0) rc = st_connect_store(builder->topology, table->name, store, &builder->err);
    if (rc != 0) return false;
    table->store = st_find_store(builder->topology, store)->name;
    table->history_ms = how->history_ms;
    return true;
}

static struct aq_table *add_rows(struct aq_streams_builder *builder, const char *name, const char *parent,
                                 const struct aq_materialized *how)
{
    struct st_table_source *op = st_builder_alloc(builder, sizeof(*op));
    op->history_ms = how->history_ms;
    if (!st_dsl_add(builder, name, &st_table_source_kind, op, parent)) return NULL;
    struct aq_table *table = st_dsl_table(builder, name);
    bool kept = how->history_ms > 0 ? keep_history(table, how) : st_dsl_keep(table, how, table->name);
    return kept ? table : NULL;
}

struct aq_table *aq_table_from(struct aq_streams_builder *builder, const char *name,
                               const struct aq_consumed *consumed, const struct aq_materialized *how)
{
    AQ_ASSERT(consumed);
    struct aq_materialized options;
    if (!st_builder_is_open(builder)) return NULL;
    if (consumed->pattern || consumed->n_topics != 1)
        return st_dsl_refuse(builder, "table", name, "a table is of one topic, by its name");
    if (!st_dsl_how(builder, "table", name, how, ST_HOW_HISTORY, &options)) return NULL;
    const char *source = st_dsl_part(builder, name, "source");
    if (aq_topology_add_source(builder, source, consumed) < 0) return NULL;
    return add_rows(builder, name, source, &options);
}

struct aq_table *aq_stream_to_table(struct aq_stream *stream, const char *name,
                                    const struct aq_materialized *how)
{
    struct aq_materialized options;
    if (!stream || !st_builder_is_open(stream->builder)) return NULL;
    struct aq_streams_builder *builder = stream->builder;
    if (!st_dsl_how(builder, "to_table", name, how, ST_HOW_HISTORY, &options)) return NULL;
    const char *behind = st_dsl_by_key(stream, st_dsl_part(builder, name, "by"), 0);
    return behind ? add_rows(builder, name, behind, &options) : NULL;
}

struct aq_stream *aq_table_to_stream(struct aq_table *table, const char *name)
{
    if (!is_open(table)) return NULL;
    bool added = st_dsl_add(table->builder, name, &st_to_stream_kind, NULL, table->name);
    return added ? st_dsl_stream(table->builder, name) : NULL;
}

/* ---- of a table --------------------------------------------------------------------------------------------------- */

/* The table of a node that was added behind `table`. */
static struct aq_table *derive(struct aq_table *table, const char *name, const struct aq_materialized *how)
{
    struct aq_table *made = st_dsl_table(table->builder, name);
    return st_dsl_keep(made, how, NULL) ? made : NULL;
}

static struct aq_table *filter(struct aq_table *table, const char *name, aq_predicate test, void *user,
                               const struct aq_materialized *how, bool negate)
{
    const char *what = negate ? "filter_not" : "filter";
    struct aq_materialized options;
    if (!is_open(table)) return NULL;
    struct aq_streams_builder *builder = table->builder;
    if (!st_dsl_has(builder, what, name, test != NULL) || !st_dsl_how(builder, what, name, how, 0, &options))
        return NULL;
    struct st_table_filter *op = st_builder_alloc(builder, sizeof(*op));
    *op = (struct st_table_filter){
        .where = st_dsl_row_test(builder, test, user),
        .negate = negate,
        .compat = builder->compat,
        .tracked = !st_table_has_history(st_find_node(builder->topology, table->name)),
    };
    if (!st_dsl_add(builder, name, &st_table_filter_kind, op, table->name)) return NULL;
    return derive(table, name, &options);
}

struct aq_table *aq_table_filter(struct aq_table *table, const char *name, aq_predicate test, void *user,
                                 const struct aq_materialized *how)
{
    return filter(table, name, test, user, how, false);
}

struct aq_table *aq_table_filter_not(struct aq_table *table, const char *name, aq_predicate test, void *user,
                                     const struct aq_materialized *how)
{
    return filter(table, name, test, user, how, true);
}

struct aq_table *aq_table_map_values(struct aq_table *table, const char *name, aq_part_mapper map, void *user,
                                     const struct aq_materialized *how)
{
    struct aq_materialized options;
    if (!is_open(table)) return NULL;
    struct aq_streams_builder *builder = table->builder;
    if (!st_dsl_has(builder, "map_values", name, map != NULL) ||
        !st_dsl_how(builder, "map_values", name, how, ST_HOW_VALUES, &options))
        return NULL;
    const struct st_serde *serde =
        st_dsl_find_serde(builder, "map_values", name, "value_serde", options.value_serde);
    if (!st_builder_is_open(builder)) return NULL;
    struct st_table_map *op = st_builder_alloc(builder, sizeof(*op));
    op->value = st_dsl_row_mapper(builder, map, user);
    if (!st_dsl_add(builder, name, &st_table_map_values_kind, op, table->name) ||
        !st_dsl_value_serde(builder, name, serde))
        return NULL;
    return derive(table, name, &options);
}

/* ---- suppress ----------------------------------------------------------------------------------------------------- */

static const char *until_windows_close(const struct aq_table *table, const struct aq_suppressed *how,
                                       struct st_suppress *op)
{
    const struct st_node *node = st_find_node(table->builder->topology, table->name);
    const struct st_windows *windows = st_aggregate_windows(node);
    if (!windows) return "the table in front of it has no windows that could close; use AQ_UNTIL_TIME_LIMIT";
    if (((const struct st_aggregate *)node->user)->emit == ST_EMIT_CLOSE)
        return "the windows in front of it have AQ_EMIT_CLOSE, so their results are final already";
    if (how->limit_ms != 0)
        return "limit_ms is for AQ_UNTIL_TIME_LIMIT; a window closes at its end and grace";
    if (how->when_full == AQ_FULL_EMIT_EARLY)
        return "results of windows are final, so none can go on early; use AQ_FULL_SHUT_DOWN";
    st_suppress_windows(op, windows);
    return NULL;
}

static const char *until_time_limit(const struct aq_suppressed *how, struct st_suppress *op)
{
    if (how->limit_ms < 1) return "limit_ms is needed: how long a change is held back";
    if (how->close_idle_ms != 0)
        return "close_idle_ms closes windows, which only AQ_UNTIL_WINDOW_CLOSES looks at";
    op->until = ST_SUPPRESS_TIME_LIMIT;
    op->wait_ms = how->limit_ms;
    return NULL;
}

/* NULL, or what is wrong. */
static const char *set_suppress(const struct aq_table *table, const struct aq_suppressed *how,
                                struct st_suppress *op)
{
    bool bounded = how->max_records > 0 || how->max_bytes > 0;
    if (how->when_full != AQ_FULL_DEFAULT && !bounded)
        return "when_full: nothing is ever full without max_records or max_bytes";
    if (how->close_idle_ms < 0) return "close_idle_ms is negative";
    *op = (struct st_suppress){.max_records = how->max_records,
                               .max_bytes = how->max_bytes,
                               .emit_early =
                                   how->until == AQ_UNTIL_TIME_LIMIT && how->when_full != AQ_FULL_SHUT_DOWN,
                               .idle_close_ms = how->close_idle_ms,
                               .compat = table->builder->compat,
                               .in_memory = how->in_memory};
    switch (how->until) {
    case AQ_UNTIL_TIME_LIMIT: return until_time_limit(how, op);
    case AQ_UNTIL_WINDOW_CLOSES: return until_windows_close(table, how, op);
    }
    return "until is neither AQ_UNTIL_TIME_LIMIT nor AQ_UNTIL_WINDOW_CLOSES";
}

struct aq_table *aq_table_suppress(struct aq_table *table, const char *name,
                                   const struct aq_suppressed *suppressed)
{
    AQ_ASSERT(suppressed);
    if (!is_open(table)) return NULL;
    struct aq_streams_builder *builder = table->builder;
    struct st_suppress *op = st_builder_alloc(builder, sizeof(*op));
    const char *wrong = set_suppress(table, suppressed, op);
    if (wrong) return st_dsl_refuse(builder, "suppress", name, "%s", wrong);
    if (st_add_suppress(builder->topology, name, op, table->name, NULL, &builder->err) != 0) return NULL;
    struct aq_table *made = st_dsl_table(builder, name);
    made->no_look_up =
        "its store has what is held back, not its rows: put a filter or map_values with a store behind it";
    return made;
}
