/* SPDX-License-Identifier: Apache-2.0
 *
 * group_by of a table: a changed row leaves the group it was in and comes to the one it is in now.
 *
 * Both in one group: one record says both, so that the aggregation gives one result. Else two: first the one that takes away, as in
 * Kafka Streams; they go to different partitions and may be met in either order.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/serde/change.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"

struct grouping {
    struct st_row_running key, value;
};

/* A row as its group sees it. */
struct member {
    bool is_there;
    struct aq_slice key, value;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_table_group *conf = user;
    struct grouping *g = aq_calloc(1, sizeof(*g));
    const struct st_serde *key = context->node->node->key_serde;
    st_row_function_start(&g->key, context, &conf->key, key ? key : context->key_serde);
    if (st_row_function_is_there(&conf->value))
        st_row_function_start(&g->value, context, &conf->value, context->value_serde);
    *ret_state = g;
    return 0;
}

static int find_member(struct grouping *g, const struct aq_record *rec, struct aq_slice value,
                       struct member *ret, struct aq_err *err)
{
    *ret = (struct member){.value = value};
    if (aq_slice_is_null(value)) return 0;
    int rc = st_row_function_eval(&g->key, rec, value, &ret->key, err);
    if (rc == 0 && g->value.function) rc = st_row_function_eval(&g->value, rec, value, &ret->value, err);
    ret->is_there = !aq_slice_is_null(ret->key) && !aq_slice_is_null(ret->value);
    return rc;
}

static int send(struct st_context *context, const struct aq_record *rec, struct aq_slice key,
                struct aq_slice new_value, struct aq_slice old_value, struct aq_err *err)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    const struct st_change change = {.new_value = new_value, .old_value = old_value};
    struct aq_record pair = *rec;
    pair.key = key;
    int rc = st_change_encode(&change, st_arena(context), &pair.value, err);
    return rc == 0 ? st_forward(context, &pair, err) : rc;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct grouping *g = state;
    const struct st_row row = st_row(context);
    struct member was, is;
    if (!row.is_latest) {
        st_drop(context);
        return 0;
    }
    if (!row.known)
        return aq_fail(err, AQ_E_CONFIG,
                       "the table in front of it does not know what its rows were: give it a store");
    int rc = find_member(g, rec, row.old, &was, err);
    if (rc == 0) rc = find_member(g, rec, rec->value, &is, err);
    if (rc != 0) return rc;
    if (was.is_there && is.is_there && aq_slice_equal(was.key, is.key))
        return send(context, rec, is.key, is.value, was.value, err);
    if (was.is_there) rc = send(context, rec, was.key, AQ_NULL_SLICE, was.value, err);
    if (rc == 0 && is.is_there) rc = send(context, rec, is.key, is.value, AQ_NULL_SLICE, err);
    return rc;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct grouping *g = state;
    st_row_function_stop(&g->key);
    st_row_function_stop(&g->value);
    free(g);
}

const struct st_processor_kind st_table_group_kind = {
    .name = "group_by", .changes_key = true, .start = start, .process = process, .stop = stop};
