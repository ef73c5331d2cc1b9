/* SPDX-License-Identifier: Apache-2.0
 *
 * A Lua program of one node in one task (streams/ops/op.h). Each has an engine of its own, so global variables of a script live as
 * long as the task and are seen by nobody else.
 */
#include "streams/ops/op.h"

#include "base/assert.h"

enum xf_format st_format_of(const struct st_serde *serde)
{
    if (!serde) return XF_BYTES;
    switch (st_serde_type(serde)) {
    case ST_VALUE_STRING: return XF_STRING;
    case ST_VALUE_JSON: return XF_JSON;
    case ST_VALUE_DOUBLE: return XF_DOUBLE;
    case ST_VALUE_INT64: return strcmp(st_serde_name(serde), "int32") == 0 ? XF_INT32 : XF_INT64;
    case ST_VALUE_WINDOWED:
    case ST_VALUE_NULL:
    case ST_VALUE_BYTES: return XF_BYTES;
    }
    AQ_ASSERT(!"a serde of no format");
    return XF_BYTES;
}

struct xf_window st_window_of(const struct st_serde *serde)
{
    return (struct xf_window){.inner = st_format_of(st_serde_inner(serde)),
                              .session = st_serde_form(serde) == ST_KEY_SESSION,
                              .size_ms = st_serde_size(serde)};
}

static enum xf_format key_format(const struct st_serde *serde)
{
    return serde && st_serde_inner(serde) ? XF_WINDOWED : st_format_of(serde);
}

/* The windowed serde of keys that come in or go out, NULL when neither is. Of two that differ it is that of those going out: what comes in
 * is bytes then, and a script that makes no key of them is told so. */
static const struct st_serde *windowed_key(struct xf_formats *formats, const struct st_serde *in,
                                           const struct st_serde *out)
{
    if (formats->out_key != XF_WINDOWED) return formats->in_key == XF_WINDOWED ? in : NULL;
    if (formats->in_key == XF_WINDOWED && in != out) formats->in_key = XF_BYTES;
    return out;
}

void st_running_start(struct st_running *running, struct st_context *context,
                      const struct lua_program *program)
{
    AQ_ASSERT(program->text.ptr);
    const struct st_node *node = context->node->node;
    const struct st_serde *out_key = node->key_serde ? node->key_serde : context->key_serde;
    const struct st_serde *out_value = node->value_serde ? node->value_serde : context->value_serde;
    running->formats = (struct xf_formats){.in_key = key_format(context->key_serde),
                                           .in_value = st_format_of(context->value_serde),
                                           .out_key = key_format(out_key),
                                           .out_value = st_format_of(out_value)};
    const struct st_serde *windowed = windowed_key(&running->formats, context->key_serde, out_key);
    if (windowed) running->window = st_window_of(windowed);
    running->step = (struct xf_step){.name = context->node->name,
                                     .names = st_names(context),
                                     .views = st_views(context),
                                     .formats = &running->formats,
                                     .window = windowed ? &running->window : NULL,
                                     .alone = true};
    running->engine = lua_engine_start(program);
}

void st_running_stop(struct st_running *running)
{
    lua_engine_stop(running->engine);
}

int st_running_test(struct st_running *running, struct aq_record *rec, struct aq_err *err)
{
    struct lua_result result;
    int rc = lua_engine_run(running->engine, &running->step, rec, &result, err);
    if (rc < 0) return rc;
    return result.answer != LUA_FALSE && result.answer != LUA_NOTHING;
}
