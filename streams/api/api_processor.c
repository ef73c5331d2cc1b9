/* SPDX-License-Identifier: Apache-2.0
 *
 * Processors of programs and plugins (aqueduct/processor.h) as kinds of the engine: init() when the task starts the node, process() for
 * each record, close() when the task ends.
 *
 * A failing pass: init() that fails stops the task before its first record; what it had scheduled ends with the task, and close()
 * is not called. Threads: the worker's own.
 */
#include "base/assert.h"
#include "streams/api/api_context.h"
#include "streams/api/api_kinds.h"

int st_api_check_processor(const struct aq_processor *processor, struct aq_err *err)
{
    if (!processor) return aq_fail(err, AQ_E_CONFIG, "there is no struct aq_processor");
    if (processor->abi != AQ_PROCESSOR_ABI)
        return aq_fail(err, AQ_E_CONFIG,
                       "its struct aq_processor has the abi %u and this is %u; set .abi = AQ_PROCESSOR_ABI "
                       "and compile it with the headers of this version",
                       processor->abi, AQ_PROCESSOR_ABI);
    if (!processor->process) return aq_fail(err, AQ_E_CONFIG, "it has no process()");
    return 0;
}

static int start(struct st_context *st, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_api_processor *op = user;
    struct aq_processor_context *ctx = st_api_create(st, op);
    ctx->state = op->user;
    if (op->processor.init) {
        void *state = op->user;
        st_api_enter(ctx, ST_API_STARTING, NULL, err);
        int rc = st_api_leave(ctx, op->processor.init(ctx, op->user, &state));
        if (rc < 0) {
            st_api_destroy(ctx);
            return rc;
        }
        ctx->state = state;
    }
    *ret_state = ctx;
    return 0;
}

static int process(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct aq_processor_context *ctx = state;
    const struct st_api_processor *op = ctx->op;
    st_settle(st, rec);
    struct aq_stream_record view = st_api_view(rec);
    st_api_enter(ctx, ST_API_PROCESSING, rec, err);
    return st_api_leave(ctx, op->processor.process(ctx, ctx->state, &view));
}

static void stop(struct st_context *st, void *state)
{
    (void)st;
    struct aq_processor_context *ctx = state;
    AQ_ASSERT(ctx);
    const struct st_api_processor *op = ctx->op;
    if (op->processor.close) {
        struct aq_err unheard = {0};
        st_api_enter(ctx, ST_API_STOPPING, NULL, &unheard);
        op->processor.close(ctx, ctx->state);
        st_api_leave(ctx, 0);
    }
    st_api_destroy(ctx);
}

const struct st_processor_kind st_api_process = {
    .name = "process", .changes_key = true, .start = start, .process = process, .stop = stop};
const struct st_processor_kind st_api_process_values = {
    .name = "process_values", .start = start, .process = process, .stop = stop};
