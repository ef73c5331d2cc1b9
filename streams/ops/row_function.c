/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions over rows (streams/ops/row_function.h).
 */
#include "streams/ops/row_function.h"

#include "base/assert.h"

bool st_row_function_is_there(const struct st_row_function *function)
{
    return function->call || function->test || !aq_slice_is_null(function->lua.text);
}

static bool is_lua(const struct st_row_function *function)
{
    return !function->call && !function->test;
}

void st_row_function_start(struct st_row_running *running, struct st_context *context,
                           const struct st_row_function *function, const struct st_serde *serde)
{
    AQ_ASSERT(st_row_function_is_there(function));
    *running = (struct st_row_running){.function = function, .context = context};
    running->format = st_format_of(function->serde ? function->serde : serde);
    if (is_lua(function)) st_running_start(&running->lua, context, &function->lua);
}

void st_row_function_stop(struct st_row_running *running)
{
    if (running->lua.engine) st_running_stop(&running->lua);
    *running = (struct st_row_running){0};
}

static struct aq_record row_of(const struct st_row_running *running, const struct aq_record *rec,
                               struct aq_slice value)
{
    AQ_ASSERT(running->function && !aq_slice_is_null(value));
    AQ_DASSERT(!st_views(running->context)->key.rec && !st_views(running->context)->value.rec);
    struct aq_record row = *rec;
    row.value = value;
    return row;
}

int st_row_function_eval(struct st_row_running *running, const struct aq_record *rec, struct aq_slice value,
                         struct aq_slice *ret, struct aq_err *err)
{
    const struct st_row_function *function = running->function;
    struct st_context *context = running->context;
    struct aq_record row = row_of(running, rec, value);
    AQ_ASSERT(!function->test);
    if (function->call) return function->call(context, function->user, &row, ret, err);
    int rc = lua_engine_eval(running->lua.engine, &running->lua.step, &row, running->format,
                             st_arena(context), ret, err);
    xf_views_close(st_views(context));
    return rc;
}

int st_row_function_test(struct st_row_running *running, const struct aq_record *rec, struct aq_slice value,
                         struct aq_err *err)
{
    const struct st_row_function *function = running->function;
    struct aq_record row = row_of(running, rec, value);
    AQ_ASSERT(!function->call);
    if (function->test) return function->test(running->context, function->user, &row, err);
    int met = st_running_test(&running->lua, &row, err);
    xf_views_close(st_views(running->context));
    return met;
}
