/* SPDX-License-Identifier: Apache-2.0
 *
 * The value joiner that is a Lua expression (streams/ops/joiner.h). Both values are read lazily: of a value of which one field is looked at
 * one field is scanned.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/joiner.h"
#include "streams/ops/op.h"

const char *const st_join_names[] = {"left", "right", NULL};

struct scripted {
    struct st_running running;
    enum xf_format left, right, as;
};

static int start(struct st_context *context, void *user, void **ret_running, struct aq_err *err)
{
    (void)err;
    const struct st_joiner_script *script = user;
    AQ_ASSERT(script->program.variables == st_join_names);
    struct scripted *s = aq_calloc(1, sizeof(*s));
    s->left = st_format_of(script->left ? script->left : context->value_serde);
    s->right = st_format_of(script->right ? script->right : context->value_serde);
    s->as = st_format_of(script->as ? script->as : context->value_serde);
    st_running_start(&s->running, context, &script->program);
    *ret_running = s;
    return 0;
}

static void stop(void *running)
{
    struct scripted *s = running;
    st_running_stop(&s->running);
    free(s);
}

static int join(struct st_context *context, void *running, struct aq_slice key, struct aq_slice left,
                struct aq_slice right, struct aq_slice *ret, struct aq_err *err)
{
    struct scripted *s = running;
    const struct lua_variable sides[] = {{left, s->left}, {right, s->right}};
    struct aq_record rec = st_new_record(context);
    rec.key = key;
    st_settle(context, &rec); /* edits of the record at hand */
    int rc = lua_engine_eval_with(s->running.engine, &s->running.step, &rec, sides, s->as, st_arena(context),
                                  ret, err);
    xf_views_close(st_views(context)); /* of this one, which is gone now */
    return rc;
}

const struct st_joiner_kind st_joiner_lua = {.name = "lua", .start = start, .stop = stop, .join = join};
