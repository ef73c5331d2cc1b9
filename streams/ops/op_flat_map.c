/* SPDX-License-Identifier: Apache-2.0
 *
 * flat_map and flat_map_values. All records are made before the first goes on, so a record that fails has made nothing.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op.h"
#include "streams/ops/op_emit.h"

struct flattening {
    struct st_running each;
    enum lua_shape shape;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_flat_map *flat_map = user;
    struct flattening *f = aq_calloc(1, sizeof(*f));
    f->shape = flat_map->shape;
    st_running_start(&f->each, context, &flat_map->each);
    *ret_state = f;
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct flattening *f = state;
    struct st_emitting emitting = {.context = context, .rec = rec};
    const struct lua_emit emit = {
        .call = st_emit, .user = &emitting, .arena = st_arena(context), .shape = f->shape};
    return lua_engine_each(f->each.engine, &f->each.step, rec, &emit, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct flattening *f = state;
    st_running_stop(&f->each);
    free(f);
}

const struct st_processor_kind st_flat_map_kind = {
    .name = "flat_map", .changes_key = true, .start = start, .process = process, .stop = stop};
const struct st_processor_kind st_flat_map_values_kind = {
    .name = "flat_map_values", .start = start, .process = process, .stop = stop};
