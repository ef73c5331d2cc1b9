/* SPDX-License-Identifier: Apache-2.0
 *
 * What the calls that make tables share (streams/api/dsl.h).
 *
 * A failing pass: what is wrong becomes the builder's error, unless it has one, and nothing is added any more. A call that fails may
 * have added some of its nodes; nobody sees them, because a builder with an error runs nothing.
 *
 * Threads: one at a time.
 */
#include "streams/api/dsl.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_table.h"

/* ---- the builder -------------------------------------------------------------------------------------------------- */

struct aq_stream *st_dsl_stream(struct aq_streams_builder *builder, const char *node)
{
    struct aq_stream *stream = st_builder_alloc(builder, sizeof(*stream));
    const struct st_node *added = st_find_node(builder->topology, node);
    AQ_ASSERT(added);
    *stream = (struct aq_stream){.builder = builder, .name = added->name};
    return stream;
}

struct aq_table *st_dsl_table(struct aq_streams_builder *builder, const char *node)
{
    struct aq_table *table = st_builder_alloc(builder, sizeof(*table));
    const struct st_node *added = st_find_node(builder->topology, node);
    AQ_ASSERT(added);
    *table = (struct aq_table){.builder = builder, .name = added->name};
    return table;
}

void *st_dsl_refuse(struct aq_streams_builder *builder, const char *what, const char *name,
                    const char *format, ...)
{
    AQ_ASSERT(st_builder_is_open(builder));
    va_list args;
    va_start(args, format);
    aq_vfail(&builder->err, AQ_E_CONFIG, format, args);
    va_end(args);
    aq_err_in(&builder->err, "%s '%s'", what, name ? name : "");
    return NULL;
}

bool st_dsl_has(struct aq_streams_builder *builder, const char *what, const char *name, bool given)
{
    if (!given) st_dsl_refuse(builder, what, name, "the function it is to call is NULL");
    return given;
}

bool st_dsl_same_builder(struct aq_streams_builder *builder, const char *what, const char *name,
                         const struct aq_streams_builder *other)
{
    if (other == builder) return true;
    st_dsl_refuse(builder, what, name, "its other side is %s", other ? "of another builder" : "NULL");
    return false;
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

const char *st_dsl_part(struct aq_streams_builder *builder, const char *name, const char *part)
{
    AQ_ASSERT(st_builder_is_open(builder));
    return aq_arena_printf(&builder->topology->arena, "%s-%s", name ? name : "", part);
}

bool st_dsl_add(struct aq_streams_builder *builder, const char *name, const struct st_processor_kind *kind,
                void *op, const char *parent)
{
    AQ_ASSERT(st_builder_is_open(builder) && parent);
    const struct st_parents parents = {.names = &parent, .count = 1};
    return st_add_processor(builder->topology, name, kind, op, parents, &builder->err) == 0;
}

bool st_dsl_value_serde(struct aq_streams_builder *builder, const char *node, const struct st_serde *serde)
{
    return st_set_serdes(builder->topology, node, NULL, serde, &builder->err) == 0;
}

const struct st_serde *st_dsl_find_serde(struct aq_streams_builder *builder, const char *what,
                                         const char *name, const char *option, const char *serde)
{
    const struct st_serde *found = serde ? st_serde_find(serde, &builder->err) : NULL;
    if (serde && !found) aq_err_in(&builder->err, "%s '%s': %s", what, name ? name : "", option);
    return found;
}

/* Up one node, where it says nothing itself; NULL: nobody is there yet. */
static const struct st_node *up(const struct st_node *node, bool key)
{
    /* What reaches it are pairs of values of the group_by in front of its repartition. */
    bool of_pairs = !key && node->type == ST_PROCESSOR && node->kind == &st_table_aggregate_kind;
    for (int steps = of_pairs ? 3 : 1; steps > 0 && node; steps--)
        node = node->n_parents > 0 ? node->parents[0] : NULL;
    return node;
}

const struct st_serde *st_dsl_known_serde(const struct st_node *node, bool key)
{
    const struct st_windows *windows = NULL; /* those nearest below; windows of windows have bytes inside */
    for (int depth = 0; node && depth < 10000; depth++, node = up(node, key)) {
        const struct st_serde *said = key ? node->key_serde : node->value_serde;
        if (said) return windows ? st_windows_key_serde(windows, said) : said;
        const struct st_windows *own = key ? st_aggregate_windows(node) : NULL;
        if (own && windows) return st_windows_key_serde(windows, st_serde_find("bytes", NULL));
        if (own) windows = own;
    }
    return NULL;
}

/* Some node that leads here without a repartition in between makes new keys. */
static bool has_new_keys(const struct st_topology *topology, const struct st_node *node, bool *seen)
{
    bool *known = seen ? seen : aq_calloc(topology->n_nodes, sizeof(*known));
    bool found = false;
    if (node->type == ST_PROCESSOR && !known[node->index]) {
        known[node->index] = true;
        found = node->kind->changes_key;
        for (size_t i = 0; i < node->n_parents && !found; i++)
            found = has_new_keys(topology, node->parents[i], known);
    }
    if (!seen) free(known);
    return found;
}

const char *st_dsl_by_key(struct aq_stream *stream, const char *repartition, int32_t partitions)
{
    struct aq_streams_builder *builder = stream->builder;
    const struct st_node *node = st_find_node(builder->topology, stream->name);
    AQ_ASSERT(st_builder_is_open(builder) && node);
    if (!has_new_keys(builder->topology, node, NULL)) return stream->name;
    const struct st_parents parents = {.names = (const char *const *)&stream->name, .count = 1};
    int rc = st_add_repartition(builder->topology, repartition, partitions, parents, &builder->err);
    return rc == 0 ? st_find_node(builder->topology, repartition)->name : NULL;
}

/* ---- stores ------------------------------------------------------------------------------------------------------- */

bool st_dsl_how(struct aq_streams_builder *builder, const char *what, const char *name,
                const struct aq_materialized *how, unsigned takes, struct aq_materialized *ret)
{
    AQ_ASSERT(st_builder_is_open(builder));
    *ret = how ? *how : (struct aq_materialized){.store = NULL};
    if (ret->value_serde && !(takes & ST_HOW_VALUES))
        st_dsl_refuse(builder, what, name, "value_serde: its values lie as the operator says; leave it out");
    else if (ret->history_ms < 0)
        st_dsl_refuse(builder, what, name, "history_ms is %lld; it is at least 0",
                      (long long)ret->history_ms);
    else if (ret->history_ms > 0 && !(takes & ST_HOW_HISTORY))
        st_dsl_refuse(builder, what, name,
                      "history_ms: only tables of topics and streams have a history; leave it out");
    return st_builder_is_open(builder);
}

struct st_store_conf st_dsl_store_conf(const struct aq_materialized *how)
{
    struct st_store_conf conf = {.timestamped = true, .uncached = how->without_cache};
    conf.in_memory = how->in_memory;
    conf.without_changelog = how->without_changelog;
    return conf;
}

bool st_dsl_keep(struct aq_table *table, const struct aq_materialized *how, const char *otherwise)
{
    struct aq_streams_builder *builder = table->builder;
    const struct st_store_conf conf = st_dsl_store_conf(how);
    const char *store = how->store ? how->store : otherwise;
    AQ_ASSERT(st_builder_is_open(builder));
    if (!store) {
        bool says = conf.in_memory || conf.uncached || conf.without_changelog;
        if (says)
            st_dsl_refuse(builder, "table", table->name, "its options say how rows are kept: name a store");
        table->no_look_up = "it does not keep its rows: name a store in its options";
        return !says;
    }
    int rc = st_add_store(builder->topology, store, &conf, &builder->err);
    if (rc == 0) rc = st_connect_store(builder->topology, table->name, store, &builder->err);
    if (rc != 0) return false;
    table->store = st_find_store(builder->topology, store)->name;
    return true;
}
