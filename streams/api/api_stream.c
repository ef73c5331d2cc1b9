/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of aqueduct/streams.h: each operator adds one node behind the stream it is called on (a split one more for each branch) and
 * returns the stream that leaves it. What the nodes do is in streams/api/api_kinds.c.
 *
 * A failing pass: a stream is NULL when the call that should have made it failed, and the builder, which keeps the reason, is then
 * out of reach, so the calls behind it do nothing. Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/api_kinds.h"
#include "streams/api/builder.h"
#include "streams/api/dsl.h"

/* ---- streams and nodes -------------------------------------------------------------------------------------------- */

/* What a call on a stream that does not exist returns; its builder tells the reason. */
#define NO_STREAM AQ_E_CONFIG

static bool is_open(const struct aq_stream *stream)
{
    return stream && st_builder_is_open(stream->builder);
}

static struct st_parents behind(const struct aq_stream *stream)
{
    return (struct st_parents){.names = (const char *const *)&stream->name, .count = 1};
}

/* A node of this kind behind the stream, or NULL. has_callback: whether the program gave what the kind calls. */
static struct aq_stream *derive(struct aq_stream *stream, const char *name,
                                const struct st_processor_kind *kind, void *op, bool has_callback)
{
    AQ_ASSERT(is_open(stream));
    struct aq_streams_builder *builder = stream->builder;
    if (!has_callback) {
        aq_fail(&builder->err, AQ_E_CONFIG, "%s '%s': the function it is to call is NULL", kind->name,
                name ? name : "");
        return NULL;
    }
    int rc = st_add_processor(builder->topology, name, kind, op, behind(stream), &builder->err);
    return rc < 0 ? NULL : st_dsl_stream(builder, name);
}

static struct st_api_op *make_op(struct aq_stream *stream, void *user)
{
    struct st_api_op *op = st_builder_alloc(stream->builder, sizeof(*op));
    op->user = user;
    return op;
}

struct aq_stream *aq_stream_from(struct aq_streams_builder *builder, const char *name,
                                 const struct aq_consumed *consumed)
{
    return aq_topology_add_source(builder, name, consumed) < 0 ? NULL : st_dsl_stream(builder, name);
}

const char *aq_stream_name(const struct aq_stream *stream)
{
    return stream ? stream->name : NULL;
}

struct aq_stream *aq_stream_serdes(struct aq_stream *stream, const char *key_serde, const char *value_serde)
{
    if (!is_open(stream)) return NULL;
    int rc = aq_topology_serdes(stream->builder, stream->name, key_serde, value_serde);
    return rc < 0 ? NULL : stream;
}

/* ---- which records go on ------------------------------------------------------------------------------------------ */

struct aq_stream *aq_stream_filter(struct aq_stream *stream, const char *name, aq_predicate test, void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->test = test;
    return derive(stream, name, &st_api_filter, op, test != NULL);
}

struct aq_stream *aq_stream_filter_not(struct aq_stream *stream, const char *name, aq_predicate test,
                                       void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->test = test;
    return derive(stream, name, &st_api_filter_not, op, test != NULL);
}

static struct aq_stream *branch_off(struct aq_stream *node, const char *branch)
{
    const char *name =
        aq_arena_printf(&node->builder->topology->arena, "%s-%s", node->name, branch ? branch : "");
    return derive(node, name, &st_api_branch, NULL, true);
}

static struct aq_stream *split_node(struct aq_stream *stream, const char *name,
                                    const struct aq_branch *branches, size_t n_branches, bool has_default)
{
    struct st_api_op *tests = st_builder_alloc(stream->builder, n_branches * sizeof(*tests));
    bool complete = true;
    for (size_t i = 0; i < n_branches; i++) {
        tests[i].test = branches[i].test;
        tests[i].user = branches[i].user;
        complete = complete && branches[i].test;
    }
    struct st_api_split *op = st_builder_alloc(stream->builder, sizeof(*op));
    *op = (struct st_api_split){.branches = tests, .n_branches = n_branches, .has_default = has_default};
    return derive(stream, name, &st_api_split, op, complete);
}

int aq_stream_split(struct aq_stream *stream, const char *name, const struct aq_branch *branches,
                    size_t n_branches, const char *default_name, struct aq_stream **ret_branches)
{
    AQ_ASSERT((branches || n_branches == 0) && ret_branches);
    size_t n = n_branches + (default_name ? 1 : 0);
    for (size_t i = 0; i < n; i++) ret_branches[i] = NULL;
    if (!is_open(stream)) return NO_STREAM;
    struct aq_err *err = &stream->builder->err;
    if (n == 0) return aq_fail(err, AQ_E_CONFIG, "split '%s': it needs a branch at least", name ? name : "");
    struct aq_stream *node = split_node(stream, name, branches, n_branches, default_name != NULL);
    for (size_t i = 0; i < n && is_open(node); i++)
        ret_branches[i] = branch_off(node, i < n_branches ? branches[i].name : default_name);
    if (st_builder_is_open(stream->builder)) return 0;
    for (size_t i = 0; i < n; i++) ret_branches[i] = NULL;
    return err->code;
}

/* The names of all inputs, or NULL when one of them is missing or belongs to another builder. */
static const char *const *names_of(struct aq_stream *stream, const char *name,
                                   struct aq_stream *const *others, size_t n_others)
{
    const char **names = st_builder_alloc(stream->builder, (n_others + 1) * sizeof(*names));
    names[0] = stream->name;
    for (size_t i = 0; i < n_others; i++) {
        if (others[i] && others[i]->builder == stream->builder) {
            names[i + 1] = others[i]->name;
            continue;
        }
        aq_fail(&stream->builder->err, AQ_E_CONFIG, "merge '%s': input %zu is %s", name ? name : "", i + 1,
                others[i] ? "a stream of another builder" : "NULL");
        return NULL;
    }
    return names;
}

struct aq_stream *aq_stream_merge(struct aq_stream *stream, const char *name, struct aq_stream *const *others,
                                  size_t n_others)
{
    if (!is_open(stream)) return NULL;
    struct aq_streams_builder *builder = stream->builder;
    if (n_others == 0) {
        aq_fail(&builder->err, AQ_E_CONFIG, "merge '%s': there is nothing to merge it with",
                name ? name : "");
        return NULL;
    }
    const char *const *names = names_of(stream, name, others, n_others);
    if (!names) return NULL;
    struct st_parents parents = {.names = names, .count = n_others + 1};
    int rc = st_add_processor(builder->topology, name, &st_api_merge, NULL, parents, &builder->err);
    return rc < 0 ? NULL : st_dsl_stream(builder, name);
}

/* ---- new keys and values ------------------------------------------------------------------------------------------ */

struct aq_stream *aq_stream_map(struct aq_stream *stream, const char *name, aq_mapper map, void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->map = map;
    return derive(stream, name, &st_api_map, op, map != NULL);
}

struct aq_stream *aq_stream_map_values(struct aq_stream *stream, const char *name, aq_part_mapper map,
                                       void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->map_part = map;
    return derive(stream, name, &st_api_map_values, op, map != NULL);
}

struct aq_stream *aq_stream_select_key(struct aq_stream *stream, const char *name, aq_part_mapper select,
                                       void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->map_part = select;
    return derive(stream, name, &st_api_select_key, op, select != NULL);
}

struct aq_stream *aq_stream_flat_map(struct aq_stream *stream, const char *name, aq_flat_mapper map,
                                     void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->flat_map = map;
    return derive(stream, name, &st_api_flat_map, op, map != NULL);
}

struct aq_stream *aq_stream_flat_map_values(struct aq_stream *stream, const char *name, aq_flat_mapper map,
                                            void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->flat_map = map;
    return derive(stream, name, &st_api_flat_map_values, op, map != NULL);
}

/* ---- looking on --------------------------------------------------------------------------------------------------- */

struct aq_stream *aq_stream_peek(struct aq_stream *stream, const char *name, aq_action action, void *user)
{
    if (!is_open(stream)) return NULL;
    struct st_api_op *op = make_op(stream, user);
    op->action = action;
    return derive(stream, name, &st_api_peek, op, action != NULL);
}

int aq_stream_foreach(struct aq_stream *stream, const char *name, aq_action action, void *user)
{
    if (!is_open(stream)) return NO_STREAM;
    struct st_api_op *op = make_op(stream, user);
    op->action = action;
    return derive(stream, name, &st_api_foreach, op, action != NULL) ? 0 : stream->builder->err.code;
}

int aq_stream_print(struct aq_stream *stream, const char *name, const char *label, FILE *out)
{
    if (!is_open(stream)) return NO_STREAM;
    struct st_api_print *op = st_builder_alloc(stream->builder, sizeof(*op));
    op->label = aq_arena_strdup(&stream->builder->topology->arena, label ? label : stream->name);
    op->out = out ? out : stdout;
    return derive(stream, name, &st_api_print, op, true) ? 0 : stream->builder->err.code;
}

/* ---- the rest ----------------------------------------------------------------------------------------------------- */

struct aq_stream *aq_stream_repartition(struct aq_stream *stream, const char *name, int32_t partitions)
{
    if (!is_open(stream)) return NULL;
    struct aq_streams_builder *builder = stream->builder;
    int rc = st_add_repartition(builder->topology, name, partitions, behind(stream), &builder->err);
    return rc < 0 ? NULL : st_dsl_stream(builder, name);
}

struct aq_stream *aq_stream_process(struct aq_stream *stream, const char *name,
                                    const struct aq_processor *processor, void *user)
{
    if (!is_open(stream)) return NULL;
    const char *const parent[] = {stream->name};
    int rc = aq_topology_add_processor(stream->builder, name, processor, user, parent, 1);
    return rc < 0 ? NULL : st_dsl_stream(stream->builder, name);
}

int aq_stream_to(struct aq_stream *stream, const char *name, const char *topic)
{
    if (!is_open(stream)) return NO_STREAM;
    const char *const parent[] = {stream->name};
    return aq_topology_add_sink(stream->builder, name, topic, parent, 1);
}

int aq_stream_to_by(struct aq_stream *stream, const char *name, aq_topic_chooser choose, void *user)
{
    if (!is_open(stream)) return NO_STREAM;
    const char *const parent[] = {stream->name};
    return aq_topology_add_sink_by(stream->builder, name, choose, user, parent, 1);
}
