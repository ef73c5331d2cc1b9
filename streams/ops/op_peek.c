/* SPDX-License-Identifier: Apache-2.0
 *
 * peek and foreach: statements that see each record. A peek hands it on as it came. (The form print is streams/api/api_print.c.)
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op.h"

static int start_peek(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_peek *peek = user;
    struct st_running *running = aq_calloc(1, sizeof(*running));
    st_running_start(running, context, &peek->run);
    *ret_state = running;
    return 0;
}

static int process_foreach(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    struct st_running *running = state;
    struct lua_result result;
    return lua_engine_run(running->engine, &running->step, rec, &result, err);
}

static int process_peek(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    int rc = process_foreach(context, state, rec, err);
    return rc < 0 ? rc : st_forward(context, rec, err);
}

static void stop_peek(struct st_context *context, void *state)
{
    (void)context;
    st_running_stop(state);
    free(state);
}

const struct st_processor_kind st_peek_kind = {
    .name = "peek", .start = start_peek, .process = process_peek, .stop = stop_peek};
const struct st_processor_kind st_foreach_kind = {
    .name = "foreach", .start = start_peek, .process = process_foreach, .stop = stop_peek};
