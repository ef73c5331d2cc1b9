/* SPDX-License-Identifier: Apache-2.0
 *
 * reduce and aggregate: rows that grow by Lua expressions.
 *
 * reduce sees `agg`, the row, and `value`, the record's; the first record makes its value the row. When two sessions become one, the same
 * expression is given the earlier row as `agg` and the later one as `value`.
 *
 * aggregate begins with `initial` (nil when there is none), and then `add` sees the row as `agg` beside the names of the record. `subtract`
 * is the same for a record that leaves, `merge` sees two rows, `a` being the earlier.
 *
 * What an expression returns is the new row, in the format of its serde; nil deletes it, and the next record begins anew. An expression
 * cannot change what it is given: a table is built instead.
 *
 * The variables are read lazily (transforms/lua_record.c): a row in which one field is looked at is scanned, not made into tables.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/agg_parts.h"

const char *const st_reduce_names[] = {"agg", "value", NULL};
const char *const st_aggregate_names[] = {"agg", NULL};
const char *const st_merge_names[] = {"a", "b", NULL};

struct scripted {
    const struct st_script *script;
    struct st_running initial, add, subtract, merge; /* those that there are */
    enum xf_format format;                           /* of the row */
    struct st_rooms rooms;
};

static bool is_given(const struct lua_program *program)
{
    return !aq_slice_is_null(program->text);
}

static void start_one(struct st_running *running, struct st_context *context,
                      const struct lua_program *program)
{
    if (is_given(program)) st_running_start(running, context, program);
}

static void stop_one(struct st_running *running)
{
    if (running->engine) st_running_stop(running);
}

static int start(struct st_context *context, void *user, void **ret_running, struct aq_err *err)
{
    (void)err;
    const struct st_script *script = user;
    AQ_ASSERT(is_given(&script->add) && (!script->reduces || !script->as));
    struct scripted *s = aq_calloc(1, sizeof(*s));
    s->script = script;
    s->format = st_format_of(script->as ? script->as : context->value_serde);
    start_one(&s->initial, context, &script->initial);
    start_one(&s->add, context, &script->add);
    start_one(&s->subtract, context, &script->subtract);
    start_one(&s->merge, context, &script->merge);
    st_rooms_init(&s->rooms);
    *ret_running = s;
    return 0;
}

static void stop(void *running)
{
    struct scripted *s = running;
    stop_one(&s->initial);
    stop_one(&s->add);
    stop_one(&s->subtract);
    stop_one(&s->merge);
    st_rooms_finish(&s->rooms);
    free(s);
}

/* Runs an expression with its variables, which become the row's next bytes. */
static int evaluate(struct scripted *s, struct st_running *running, struct aq_record *rec,
                    const struct lua_variable *variables, struct aq_slice *ret, struct aq_err *err)
{
    struct aq_arena *arena = st_rooms_next(&s->rooms);
    struct aq_slice made;
    int rc =
        lua_engine_eval_with(running->engine, &running->step, rec, variables, s->format, arena, &made, err);
    if (rc == 0) *ret = st_rooms_made(&s->rooms, made);
    return rc;
}

/* With the row and the record's value, or the row alone, as the expression's variables. */
static int change(struct scripted *s, struct st_context *context, struct st_running *running,
                  struct aq_record *rec, struct aq_slice acc, struct aq_slice *ret, struct aq_err *err)
{
    struct lua_variable variables[LUA_VARIABLES_MAX] = {{acc, s->format}};
    if (s->script->reduces) {
        st_settle(context, rec);
        variables[1] = (struct lua_variable){rec->value, s->format};
    }
    return evaluate(s, running, rec, variables, ret, err);
}

static int begin(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice *ret,
                 struct aq_err *err)
{
    struct scripted *s = running;
    (void)context;
    *ret = AQ_NULL_SLICE;
    if (!s->initial.engine) return 0;
    struct aq_slice made;
    int rc = lua_engine_eval(s->initial.engine, &s->initial.step, rec, s->format, st_rooms_next(&s->rooms),
                             &made, err);
    if (rc == 0) *ret = st_rooms_made(&s->rooms, made);
    return rc;
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    struct scripted *s = running;
    if (aq_slice_is_null(acc)) {
        if (s->script->reduces) {
            st_settle(context, rec);
            *ret = st_rooms_made(&s->rooms, aq_arena_copy(st_rooms_next(&s->rooms), rec->value));
            return 0;
        }
        int rc = begin(context, s, rec, &acc, err);
        if (rc < 0) return rc;
    }
    return change(s, context, &s->add, rec, acc, ret, err);
}

static int subtract(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    struct scripted *s = running;
    AQ_ASSERT(s->subtract.engine && !aq_slice_is_null(acc));
    return change(s, context, &s->subtract, rec, acc, ret, err);
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    struct scripted *s = running;
    struct st_running *program = s->script->reduces ? &s->add : &s->merge;
    AQ_ASSERT(program->engine);
    const struct lua_variable variables[] = {{a, s->format}, {b, s->format}};
    struct aq_record rec = st_new_record(context);
    rec.key = key;
    st_settle(context, &rec); /* edits of the record at hand */
    int rc = evaluate(s, program, &rec, variables, ret, err);
    xf_views_close(st_views(context)); /* of this one, which is gone now */
    return rc;
}

#define KIND(kind_name, subtracts, merges)                                           \
    {                                                                                \
        .name = kind_name, .start = start, .stop = stop, .begin = begin, .add = add, \
        .subtract = (subtracts) ? subtract : NULL, .merge = (merges) ? merge : NULL, \
        .why_not = (subtracts) ? NULL : "it has no subtract expression",             \
    }

/* By whether it subtracts, and merges. */
static const struct st_aggregator_kind aggregate_kinds[2][2] = {
    {KIND("aggregate", false, false), KIND("aggregate", false, true)},
    {KIND("aggregate", true, false), KIND("aggregate", true, true)},
};
static const struct st_aggregator_kind reduce_kinds[2] = {KIND("reduce", false, true),
                                                          KIND("reduce", true, true)};

const struct st_aggregator_kind *st_script_kind(const struct st_script *script)
{
    bool subtracts = is_given(&script->subtract), merges = is_given(&script->merge);
    return script->reduces ? &reduce_kinds[subtracts] : &aggregate_kinds[subtracts][merges];
}
