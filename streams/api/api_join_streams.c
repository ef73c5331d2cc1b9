/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of two streams (aqueduct/joins.h), and what all joins of streams share (streams/api/api_join.h). What the nodes do is in
 * streams/ops/op_stream_join.c.
 *
 * Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/api_join.h"
#include "streams/ops/op_stream_join.h"

bool st_joining_begin(struct st_joining *j, const char *what, struct aq_stream *left, const char *name,
                      const struct aq_streams_builder *other, bool has_function, const struct aq_joined *how)
{
    if (!left || !st_builder_is_open(left->builder)) return false;
    *j = (struct st_joining){.builder = left->builder, .what = what, .name = name, .left = left};
    if (how) j->how = *how;
    if (!st_dsl_has(j->builder, what, name, has_function) ||
        !st_dsl_same_builder(j->builder, what, name, other))
        return false;
    if (j->how.grace_ms < 0) st_dsl_refuse(j->builder, what, name, "grace_ms is negative");
    if (!st_builder_is_open(j->builder)) return false;
    j->value = st_dsl_find_serde(j->builder, what, name, "value_serde", j->how.value_serde);
    return st_builder_is_open(j->builder);
}

bool st_dsl_same_keys(struct aq_streams_builder *builder, const char *what, const char *name,
                      const char *left, const char *right)
{
    const struct st_serde *a = st_dsl_known_serde(st_find_node(builder->topology, left), true),
                          *b = st_dsl_known_serde(st_find_node(builder->topology, right), true);
    if (!a || !b || a == b) return true;
    st_dsl_refuse(builder, what, name,
                  "the keys of '%s' are %s and those of '%s' %s; they never meet: give both the same serde",
                  left, st_serde_name(a), right, st_serde_name(b));
    return false;
}

/* ---- two streams -------------------------------------------------------------------------------------------------- */

static bool set_windows(struct st_joining *j, const struct aq_join_windows *windows,
                        struct st_stream_join *op)
{
    const char *wrong = NULL;
    __int128 sum = windows ? (__int128)windows->before_ms + windows->after_ms : 0;
    if (!windows)
        wrong = "there are no windows (NULL): how far the times of two records may be apart";
    else if (sum < 0 || sum > INT64_MAX)
        wrong = "before_ms and after_ms together are less than 0, or more than there are";
    else if (windows->grace_ms < 0)
        wrong = "grace_ms is negative";
    else if (j->how.grace_ms != 0)
        wrong = "the grace of two streams is that of their windows; leave the one in the options out";
    if (wrong) {
        st_dsl_refuse(j->builder, j->what, j->name, "%s", wrong);
        return false;
    }
    op->before_ms = windows->before_ms;
    op->after_ms = windows->after_ms;
    op->grace_ms = windows->grace_ms;
    return true;
}

/* Both sides and the node behind them make results. */
static bool set_serdes(struct st_joining *j)
{
    const struct st_serde *value =
        j->value ? j->value : st_dsl_known_serde(st_find_node(j->builder->topology, j->left->name), false);
    return st_dsl_value_serde(j->builder, st_dsl_part(j->builder, j->name, "left"), value) &&
           st_dsl_value_serde(j->builder, st_dsl_part(j->builder, j->name, "right"), value) &&
           st_dsl_value_serde(j->builder, j->name, value);
}

static struct aq_stream *join_streams(struct st_joining *j, struct aq_stream *right,
                                      const struct aq_join_windows *windows, aq_joiner join, void *user,
                                      bool left_alone, bool right_alone)
{
    struct aq_streams_builder *builder = j->builder;
    struct st_stream_join *op = st_builder_alloc(builder, sizeof(*op));
    if (!set_windows(j, windows, op) ||
        !st_dsl_same_keys(builder, j->what, j->name, j->left->name, right->name))
        return NULL;
    op->joiner = st_dsl_joiner(builder, join, user);
    op->left_alone = left_alone;
    op->right_alone = right_alone;
    op->compat = builder->compat;
    op->in_memory = j->how.in_memory;
    const char *a = st_dsl_by_key(j->left, st_dsl_part(builder, j->name, "left-by"), 0);
    const char *b = a ? st_dsl_by_key(right, st_dsl_part(builder, j->name, "right-by"), 0) : NULL;
    if (!b || st_add_stream_join(builder->topology, j->name, op, a, b, j->how.store, &builder->err) != 0)
        return NULL;
    return set_serdes(j) ? st_dsl_stream(builder, j->name) : NULL;
}

struct aq_stream *aq_stream_join(struct aq_stream *left, const char *name, struct aq_stream *right,
                                 const struct aq_join_windows *windows, aq_joiner join, void *user,
                                 const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "join", left, name, right ? right->builder : NULL, join != NULL, how)
               ? join_streams(&j, right, windows, join, user, false, false)
               : NULL;
}

struct aq_stream *aq_stream_left_join(struct aq_stream *left, const char *name, struct aq_stream *right,
                                      const struct aq_join_windows *windows, aq_joiner join, void *user,
                                      const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "left_join", left, name, right ? right->builder : NULL, join != NULL, how)
               ? join_streams(&j, right, windows, join, user, true, false)
               : NULL;
}

struct aq_stream *aq_stream_outer_join(struct aq_stream *left, const char *name, struct aq_stream *right,
                                       const struct aq_join_windows *windows, aq_joiner join, void *user,
                                       const struct aq_joined *how)
{
    struct st_joining j;
    return st_joining_begin(&j, "outer_join", left, name, right ? right->builder : NULL, join != NULL, how)
               ? join_streams(&j, right, windows, join, user, true, true)
               : NULL;
}
