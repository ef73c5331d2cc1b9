/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregation of a grouped table: each record says what left the group and what came to it (streams/serde/change.h).
 *
 * An ordinary pass: the accumulator is looked up; what left is subtracted from it, what came is added, and what is then there is
 * put with the later one of both times. One record goes on, however much came and left. A group without an accumulator has
 * nothing to subtract from: the record that should have been added once was skipped, or the group has been reset since.
 * When the accumulator stays what it was, nothing goes on; compat: it does, with the later time. A failing pass: the aggregator refuses a value: the row stays as it was.
 *
 * The bytes that come in are pairs, but what the aggregator is shown are their halves, so it is told the serde of those.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/serde/change.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"
#include "streams/state/stamped.h"
#include "streams/task.h"

struct aggregating {
    bool compat; /* what stays as it is goes on again */
    const struct st_aggregator_kind *kind;
    void *running;
    struct st_rows rows;
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

const struct st_serde *st_table_aggregate_takes(const struct st_plan_node *node, const struct st_serdes *in,
                                                size_t n)
{
    const struct st_node *group = node->node->parents[0]->parents[0];
    AQ_ASSERT(group->kind == &st_table_group_kind);
    const struct st_table_group *conf = group->user;
    if (st_row_function_is_there(&conf->value) && conf->value.serde) return conf->value.serde;
    const struct st_plan_node *all = node - node->index;
    for (size_t i = 0; i < n; i++)
        if (all[i].node == group) return in[i].value;
    AQ_ASSERT(!"a node that is not in its own plan");
    return NULL;
}

static int view_result(struct st_context *context, void *user, struct aq_slice kept, struct aq_slice *ret,
                       struct aq_err *err)
{
    const struct aggregating *a = user;
    return a->kind->result(context, a->running, kept, ret, err);
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_aggregator *aggregator = user;
    AQ_ASSERT(aggregator->kind->add);
    if (!aggregator->kind->subtract)
        return aq_fail(err, AQ_E_CONFIG,
                       "%s cannot take a row of a table out again%s%s; aggregate a stream, or take another",
                       aggregator->kind->name, aggregator->kind->why_not ? ": " : "",
                       aggregator->kind->why_not ? aggregator->kind->why_not : "");
    struct aggregating *a = aq_calloc(1, sizeof(*a));
    a->kind = aggregator->kind;
    a->running = aggregator->user;
    a->compat = context->task->shop->settings->compat_kafka_streams;
    const struct st_serde_flow *flow = context->task->shop->serdes;
    context->value_serde = st_table_aggregate_takes(context->node, flow->in, flow->n);
    const struct st_rows_conf rows = {
        .borrowed = true, .view = a->kind->result ? view_result : NULL, .user = a};
    int rc = a->kind->start ? a->kind->start(context, aggregator->user, &a->running, err) : 0;
    if (rc != 0) {
        free(a);
        return rc;
    }
    st_rows_start(&a->rows, context, &rows);
    *ret_state = a;
    return 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct aggregating *a = state;
    if (a->kind->stop) a->kind->stop(a->running);
    st_rows_stop(&a->rows);
    free(a);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static int call(struct aggregating *a, struct st_context *context, bool adds, const struct aq_record *rec,
                struct aq_slice value, struct aq_slice *acc, struct aq_err *err)
{
    struct aq_record half = *rec;
    struct aq_slice made;
    half.value = value;
    int rc = adds ? a->kind->add(context, a->running, &half, *acc, &made, err)
                  : a->kind->subtract(context, a->running, &half, *acc, &made, err);
    xf_views_close(st_views(context));
    if (rc == 0) *acc = made;
    return rc;
}

static bool is_same(struct aq_slice a, struct aq_slice b)
{
    return a.ptr == b.ptr && a.len == b.len;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct aggregating *a = state;
    struct st_change change;
    struct aq_slice was;
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    st_settle(context, rec);
    int rc = st_change_decode(rec->value, &change, err);
    if (rc == 0) rc = st_rows_get(&a->rows, rec->key, &was, err);
    if (rc != 0) return rc;
    struct aq_slice before = st_stamped_value(was), acc = before;
    if (!aq_slice_is_null(was) && st_stamped_time(was) > rec->timestamp)
        rec->timestamp = st_stamped_time(was);
    if (!aq_slice_is_null(change.old_value) && !aq_slice_is_null(acc))
        rc = call(a, context, false, rec, change.old_value, &acc, err);
    if (rc == 0 && !aq_slice_is_null(change.new_value))
        rc = call(a, context, true, rec, change.new_value, &acc, err);
    if (rc != 0 || (is_same(before, acc) && !a->compat)) return rc;
    rec->value = is_same(before, acc) ? aq_arena_copy(st_arena(context), acc) : acc;
    return st_rows_replace(&a->rows, rec, was, err);
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct aggregating *a = state;
    return st_rows_flush(&a->rows, err);
}

const struct st_processor_kind st_table_aggregate_kind = {
    .name = "aggregate", .needs_key = true, .start = start, .process = process, .flush = flush, .stop = stop};
