/* SPDX-License-Identifier: Apache-2.0
 *
 * process: a script that is given every record and sends on what it likes, and is called at intervals.
 *
 * An ordinary pass: the script is run once when the task starts, then its init(); each record is handed to process(record), and
 * forward() sends a record to the children while the script still runs. Punctuations come by the task's clock (streams/punctuate.h)
 * and forward just so. close() is called when the task ends.
 * A failing pass: Lua's message fails the record, or ends the punctuation; the handler decides. What was forwarded before was
 * forwarded. A failing close() has nobody to go to: the task is over and its positions are committed or given up already.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op.h"
#include "streams/ops/op_emit.h"

struct processing {
    struct st_running script;
};

static int punctuate(struct st_context *context, void *state, int64_t now_ms, const char *type,
                     struct aq_err *err)
{
    struct processing *p = state;
    struct st_emitting emitting = {.context = context};
    const struct lua_emit emit = {.call = st_emit, .user = &emitting, .arena = st_arena(context)};
    return lua_engine_call_punctuate(p->script.engine, &p->script.step, now_ms, type, &emit, err);
}

static int by_wall_clock(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    return punctuate(context, state, now_ms, "wall_clock", err);
}

static int by_stream_time(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    return punctuate(context, state, now_ms, "stream_time", err);
}

static int schedule(struct st_context *context, const struct st_process *conf, struct aq_err *err)
{
    if (conf->wall_clock_ms > 0 &&
        !st_schedule(context, ST_WALL_CLOCK, conf->wall_clock_ms, ST_DEFAULT_START, by_wall_clock, err))
        return AQ_E_CONFIG;
    if (conf->stream_time_ms > 0 &&
        !st_schedule(context, ST_STREAM_TIME, conf->stream_time_ms, ST_DEFAULT_START, by_stream_time, err))
        return AQ_E_CONFIG;
    return 0;
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_process *conf = user;
    struct processing *p = aq_calloc(1, sizeof(*p));
    st_running_start(&p->script, context, &conf->script);
    int rc = lua_engine_call_init(p->script.engine, &p->script.step, err);
    if (rc == 0) rc = schedule(context, conf, err);
    if (rc == 0) {
        *ret_state = p;
        return 0;
    }
    st_running_stop(&p->script);
    free(p);
    return rc;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct processing *p = state;
    struct st_emitting emitting = {.context = context, .rec = rec};
    const struct lua_emit emit = {.call = st_emit, .user = &emitting, .arena = st_arena(context)};
    return lua_engine_call_process(p->script.engine, &p->script.step, rec, &emit, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct processing *p = state;
    lua_engine_call_close(p->script.engine, &p->script.step, NULL);
    st_running_stop(&p->script);
    free(p);
}

const struct st_processor_kind st_process_kind = {
    .name = "process", .changes_key = true, .start = start, .process = process, .stop = stop};
