/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators of programs as kinds of the engine (streams/api/api_aggregator.h): around each callback a context, as around a mapper's
 * (streams/api/api_context.c). What callbacks make lies in st_arena().
 *
 * Threads: the worker's own.
 */
#include "streams/api/api_aggregator.h"

#include "base/assert.h"
#include "streams/api/api_context.h"

int st_api_check_aggregator(const struct aq_aggregator *aggregator, struct aq_err *err)
{
    if (!aggregator) return aq_fail(err, AQ_E_CONFIG, "there is no struct aq_aggregator");
    if (aggregator->abi != AQ_AGGREGATOR_ABI)
        return aq_fail(err, AQ_E_CONFIG,
                       "its struct aq_aggregator has the abi %u and this is %u; set .abi = AQ_AGGREGATOR_ABI "
                       "and compile it with the headers of this version",
                       aggregator->abi, AQ_AGGREGATOR_ABI);
    if (!aggregator->add) return aq_fail(err, AQ_E_CONFIG, "it has no add()");
    return 0;
}

static int start(struct st_context *context, void *user, void **ret_running, struct aq_err *err)
{
    return st_api_start(context, user, ret_running, err);
}

static void stop(void *running)
{
    st_api_stop(NULL, running);
}

static const struct aq_aggregator *callbacks_of(const struct aq_processor_context *ctx)
{
    const struct st_api_aggregator *op = ctx->op;
    return &op->aggregator;
}

static void *user_of(const struct aq_processor_context *ctx)
{
    const struct st_api_aggregator *op = ctx->op;
    return op->user;
}

typedef int record_callback(struct aq_processor_context *ctx, void *user,
                            const struct aq_stream_record *record, struct aq_slice aggregate,
                            struct aq_slice *ret);

static int call(struct st_context *context, struct aq_processor_context *ctx, record_callback *callback,
                struct aq_record *rec, struct aq_slice acc, struct aq_slice *ret, struct aq_err *err)
{
    st_settle(context, rec);
    struct aq_stream_record view = st_api_view(rec);
    *ret = acc;
    st_api_enter(ctx, ST_API_LOOKING, rec, err);
    return st_api_leave(ctx, callback(ctx, user_of(ctx), &view, acc, ret));
}

static int begin(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice *ret,
                 struct aq_err *err)
{
    struct aq_processor_context *ctx = running;
    (void)context;
    *ret = AQ_NULL_SLICE;
    if (!callbacks_of(ctx)->init) return 0;
    st_api_enter(ctx, ST_API_LOOKING, rec, err);
    return st_api_leave(ctx, callbacks_of(ctx)->init(ctx, user_of(ctx), ret));
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    struct aq_processor_context *ctx = running;
    int rc = aq_slice_is_null(acc) ? begin(context, ctx, rec, &acc, err) : 0;
    return rc < 0 ? rc : call(context, ctx, callbacks_of(ctx)->add, rec, acc, ret, err);
}

static int subtract(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    struct aq_processor_context *ctx = running;
    AQ_ASSERT(!aq_slice_is_null(acc));
    return call(context, ctx, callbacks_of(ctx)->subtract, rec, acc, ret, err);
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct aq_processor_context *ctx = running;
    *ret = a;
    st_api_enter(ctx, ST_API_LOOKING, NULL, err);
    return st_api_leave(ctx, callbacks_of(ctx)->merge(ctx, user_of(ctx), key, a, b, ret));
}

static int result(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                  struct aq_err *err)
{
    (void)context;
    struct aq_processor_context *ctx = running;
    *ret = acc;
    st_api_enter(ctx, ST_API_LOOKING, NULL, err);
    return st_api_leave(ctx, callbacks_of(ctx)->result(ctx, user_of(ctx), acc, ret));
}

#define KIND(subtracts, merges, results)                                               \
    {                                                                                  \
        .name = "aggregate", .start = start, .stop = stop, .begin = begin, .add = add, \
        .subtract = (subtracts) ? subtract : NULL, .merge = (merges) ? merge : NULL,   \
        .result = (results) ? result : NULL,                                           \
        .why_not = (subtracts) ? NULL : "its struct aq_aggregator has no subtract()",  \
    }

/* By whether it subtracts, merges, and has results that are not what it keeps. */
static const struct st_aggregator_kind kinds[2][2][2] = {
    {{KIND(false, false, false), KIND(false, false, true)},
     {KIND(false, true, false), KIND(false, true, true)}},
    {{KIND(true, false, false), KIND(true, false, true)}, {KIND(true, true, false), KIND(true, true, true)}},
};

const struct st_aggregator_kind *st_api_aggregator_kind(const struct aq_aggregator *aggregator)
{
    AQ_ASSERT(aggregator->abi == AQ_AGGREGATOR_ABI);
    return &kinds[aggregator->subtract != NULL][aggregator->merge != NULL][aggregator->result != NULL];
}
