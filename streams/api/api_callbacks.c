/* SPDX-License-Identifier: Apache-2.0
 *
 * Callbacks of programs about the rows of tables, about two values that are joined, and about two that are reduced, as the engine calls
 * them.
 *
 * Functions of rows have no state in the engine, so their context lies on the stack of the call: it is entered, and left before the call
 * ends, and nothing that outlives it can be made in the phase it is entered with. Joiners and reducers have a context of their own in each
 * node of each task.
 *
 * Threads: the worker's own; ops are constant.
 */
#include "base/assert.h"
#include "streams/api/api_context.h"
#include "streams/api/api_kinds.h"
#include "streams/api/dsl.h"

/* ---- functions of rows -------------------------------------------------------------------------------------------- */

/* *ret is what the result begins as. */
static int call_row(struct st_context *context, const struct st_api_op *op, const struct aq_record *row,
                    struct aq_slice *ret, struct aq_err *err)
{
    struct aq_processor_context ctx = {.st = context, .op = op};
    /* Loading headers changes what the record remembers, not what it is. */
    struct aq_record copy = *row;
    struct aq_stream_record view = st_api_view(&copy);
    st_api_enter(&ctx, ST_API_LOOKING, &copy, err);
    return st_api_leave(&ctx, op->map_part(&ctx, &view, op->user, ret));
}

static int map_row(struct st_context *context, void *user, const struct aq_record *row, struct aq_slice *ret,
                   struct aq_err *err)
{
    *ret = row->value;
    return call_row(context, user, row, ret, err);
}

static int select_of_row(struct st_context *context, void *user, const struct aq_record *row,
                         struct aq_slice *ret, struct aq_err *err)
{
    *ret = row->key;
    return call_row(context, user, row, ret, err);
}

static int test_row(struct st_context *context, void *user, const struct aq_record *row, struct aq_err *err)
{
    const struct st_api_op *op = user;
    struct aq_processor_context ctx = {.st = context, .op = op};
    struct aq_record copy = *row;
    struct aq_stream_record view = st_api_view(&copy);
    st_api_enter(&ctx, ST_API_LOOKING, &copy, err);
    bool answer = op->test(&ctx, &view, op->user);
    int rc = st_api_leave(&ctx, 0);
    return rc < 0 ? rc : answer;
}

static struct st_api_op *make_op(struct aq_streams_builder *builder, aq_part_mapper map, void *user)
{
    AQ_ASSERT(map);
    struct st_api_op *op = st_builder_alloc(builder, sizeof(*op));
    op->map_part = map;
    op->user = user;
    return op;
}

struct st_row_function st_dsl_row_mapper(struct aq_streams_builder *builder, aq_part_mapper map, void *user)
{
    return (struct st_row_function){.call = map_row, .user = make_op(builder, map, user)};
}

struct st_row_function st_dsl_row_selector(struct aq_streams_builder *builder, aq_part_mapper select,
                                           void *user)
{
    return (struct st_row_function){.call = select_of_row, .user = make_op(builder, select, user)};
}

struct st_row_function st_dsl_row_test(struct aq_streams_builder *builder, aq_predicate test, void *user)
{
    AQ_ASSERT(test);
    struct st_api_op *op = st_builder_alloc(builder, sizeof(*op));
    op->test = test;
    op->user = user;
    return (struct st_row_function){.test = test_row, .user = op};
}

/* ---- joiners ------------------------------------------------------------------------------------------------------ */

struct api_joiner {
    aq_joiner join;
    void *user;
};

static int start(struct st_context *context, void *user, void **ret_running, struct aq_err *err)
{
    return st_api_start(context, user, ret_running, err);
}

static void stop(void *running)
{
    st_api_stop(NULL, running);
}

static int join(struct st_context *context, void *running, struct aq_slice key, struct aq_slice left,
                struct aq_slice right, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct aq_processor_context *ctx = running;
    const struct api_joiner *op = ctx->op;
    st_api_enter(ctx, ST_API_LOOKING, NULL, err);
    return st_api_leave(ctx, op->join(ctx, key, left, right, op->user, ret));
}

static const struct st_joiner_kind joiner_kind = {.name = "join", .start = start, .stop = stop, .join = join};

struct st_joiner st_dsl_joiner(struct aq_streams_builder *builder, aq_joiner call, void *user)
{
    AQ_ASSERT(call);
    struct api_joiner *op = st_builder_alloc(builder, sizeof(*op));
    *op = (struct api_joiner){.join = call, .user = user};
    return (struct st_joiner){.kind = &joiner_kind, .user = op};
}

/* ---- reducers ----------------------------------------------------------------------------------------------------- */

static int reduce(struct aq_processor_context *ctx, aq_reducer call, struct aq_record *rec,
                  struct aq_slice aggregate, struct aq_slice value, struct aq_slice *ret, struct aq_err *err)
{
    const struct st_api_reducer *op = ctx->op;
    *ret = aggregate;
    st_api_enter(ctx, ST_API_LOOKING, rec, err);
    int rc = st_api_leave(ctx, call(ctx, aggregate, value, op->user, ret));
    /* The engine takes the very accumulator for "nothing was made of the record"; a reducer has chosen it. */
    if (rc == 0 && ret->ptr == aggregate.ptr) *ret = aq_arena_copy(st_arena(ctx->st), *ret);
    return rc;
}

static const struct st_api_reducer *reducer_of(const void *running)
{
    return ((const struct aq_processor_context *)running)->op;
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    st_settle(context, rec);
    if (!aq_slice_is_null(acc))
        return reduce(running, reducer_of(running)->add, rec, acc, rec->value, ret, err);
    *ret = rec->value;
    return 0;
}

static int subtract(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(!aq_slice_is_null(acc));
    st_settle(context, rec);
    return reduce(running, reducer_of(running)->subtract, rec, acc, rec->value, ret, err);
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    return reduce(running, reducer_of(running)->add, NULL, a, b, ret, err);
}

static const struct st_aggregator_kind adding = {.name = "reduce",
                                                 .start = start,
                                                 .stop = stop,
                                                 .add = add,
                                                 .merge = merge,
                                                 .why_not = "it was given no function to subtract by"};
static const struct st_aggregator_kind subtracting = {
    .name = "reduce", .start = start, .stop = stop, .add = add, .subtract = subtract, .merge = merge};

const struct st_aggregator_kind *st_api_reducer_kind(const struct st_api_reducer *reducer)
{
    AQ_ASSERT(reducer->add);
    return reducer->subtract ? &subtracting : &adding;
}
