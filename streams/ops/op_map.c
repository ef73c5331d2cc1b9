/* SPDX-License-Identifier: Apache-2.0
 *
 * map, map_values and select_key.
 *
 * With expressions: both are worked out on the record as it came in, then put into it. With statements: the record is edited in
 * place, and its document view stays open for the next node. Either way a failure leaves the record as it was.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op.h"

struct mapping {
    struct st_running key, value, edit; /* those of which the map has a program */
};

static bool is_given(const struct lua_program *program)
{
    return !aq_slice_is_null(program->text);
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_map *map = user;
    struct mapping *m = aq_calloc(1, sizeof(*m));
    if (is_given(&map->key)) st_running_start(&m->key, context, &map->key);
    if (is_given(&map->value)) st_running_start(&m->value, context, &map->value);
    if (is_given(&map->edit)) st_running_start(&m->edit, context, &map->edit);
    *ret_state = m;
    return 0;
}

static int evaluate(struct st_running *running, enum xf_format out, struct st_context *context,
                    struct aq_record *rec, struct aq_slice *ret, struct aq_err *err)
{
    return lua_engine_eval(running->engine, &running->step, rec, out, st_arena(context), ret, err);
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct mapping *m = state;
    struct aq_slice key = AQ_NULL_SLICE, value = AQ_NULL_SLICE;
    int rc = 0;
    if (m->key.engine) rc = evaluate(&m->key, m->key.formats.out_key, context, rec, &key, err);
    if (rc == 0 && m->value.engine)
        rc = evaluate(&m->value, m->value.formats.out_value, context, rec, &value, err);
    if (rc != 0) return rc;
    if (m->key.engine) xf_step_set_part(&m->key.step, rec, XF_PART_KEY, key);
    if (m->value.engine) xf_step_set_part(&m->value.step, rec, XF_PART_VALUE, value);
    return st_forward(context, rec, err);
}

static int process_edit(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct mapping *m = state;
    struct lua_result result;
    int rc = lua_engine_run(m->edit.engine, &m->edit.step, rec, &result, err);
    if (rc < 0) return rc;
    if (result.answer != LUA_NOTHING)
        return aq_fail(err, AQ_E_BAD_RECORD, "map: returns a %s; it edits only", result.type);
    return st_forward(context, rec, err);
}

static int process_either(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    const struct mapping *m = state;
    return m->edit.engine ? process_edit(context, state, rec, err) : process(context, state, rec, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct mapping *m = state;
    if (m->key.engine) st_running_stop(&m->key);
    if (m->value.engine) st_running_stop(&m->value);
    if (m->edit.engine) st_running_stop(&m->edit);
    free(m);
}

const struct st_processor_kind st_map_kind = {
    .name = "map", .changes_key = true, .start = start, .process = process_either, .stop = stop};
const struct st_processor_kind st_map_values_kind = {
    .name = "map_values", .start = start, .process = process_either, .stop = stop};
const struct st_processor_kind st_select_key_kind = {
    .name = "select_key", .changes_key = true, .start = start, .process = process_either, .stop = stop};
