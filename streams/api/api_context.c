/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of aqueduct/processor.h: what callbacks of programs and plugins may ask of the engine.
 *
 * An ordinary pass: a kind of ours (streams/api/api_kinds.c, streams/api/api_processor.c) settles the record, enters its context with the
 * phase that says what the callback may do, calls it with a view of the record, and leaves. In between the callback's calls come here;
 * a forward makes an engine's record out of the program's and goes down to the children before it returns.
 *
 * A failing pass: the first thing that fails in a call is kept in ctx->rc with its sentence in the engine's error object, and leave()
 * returns it whatever the callback says. A program that ignores the answer of aq_processor_forward() would otherwise commit
 * a record that its children have refused.
 *
 * Invariants: phase is ST_API_IDLE between calls; err and rec are only looked at inside; a context is never entered twice, because
 * nodes form no cycle and punctuations run between records.
 *
 * Threads: the worker's own.
 */
#include "streams/api/api_context.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

struct aq_schedule {
    struct aq_processor_context *ctx;
    struct st_schedule *st;
    aq_punctuator call;
    struct aq_schedule *next;
};

/* ---- around callbacks --------------------------------------------------------------------------------------------- */

struct aq_processor_context *st_api_create(struct st_context *st, const void *op)
{
    AQ_ASSERT(st && op);
    struct aq_processor_context *ctx = aq_calloc(1, sizeof(*ctx));
    ctx->st = st;
    ctx->op = op;
    return ctx;
}

void st_api_destroy(struct aq_processor_context *ctx)
{
    if (!ctx) return;
    AQ_ASSERT(ctx->phase == ST_API_IDLE);
    while (ctx->schedules) {
        struct aq_schedule *schedule = ctx->schedules;
        ctx->schedules = schedule->next;
        free(schedule);
    }
    free(ctx);
}

void st_api_enter(struct aq_processor_context *ctx, enum st_api_phase phase, struct aq_record *rec,
                  struct aq_err *err)
{
    AQ_ASSERT(ctx->phase == ST_API_IDLE && phase != ST_API_IDLE);
    ctx->phase = phase;
    ctx->rec = rec;
    ctx->err = err;
    ctx->rc = 0;
}

int st_api_leave(struct aq_processor_context *ctx, int rc)
{
    AQ_ASSERT(ctx->phase != ST_API_IDLE);
    if (ctx->rc < 0)
        rc = ctx->rc;
    else if (rc < 0)
        rc = aq_processor_fail(ctx, "the callback returned %d and no reason (aq_processor_fail() takes one)",
                               rc);
    ctx->phase = ST_API_IDLE;
    ctx->rec = NULL;
    ctx->err = NULL;
    return rc < 0 ? rc : 0;
}

struct aq_stream_record st_api_view(struct aq_record *rec)
{
    uint16_t n = 0;
    const struct aq_header *headers = aq_record_headers(rec, &n);
    return (struct aq_stream_record){.key = rec->key,
                                     .value = rec->value,
                                     .timestamp = rec->timestamp,
                                     .headers = headers,
                                     .n_headers = n};
}

int st_api_start(struct st_context *st, void *op, void **ret_state, struct aq_err *err)
{
    (void)err;
    *ret_state = st_api_create(st, op);
    return 0;
}

void st_api_stop(struct st_context *st, void *state)
{
    (void)st;
    st_api_destroy(state);
}

/* ---- failing ------------------------------------------------------------------------------------------------------ */

/* In init() the topology or its options are at fault, later the record. */
static int code_of(const struct aq_processor_context *ctx)
{
    return ctx->phase == ST_API_STARTING ? AQ_E_CONFIG : AQ_E_BAD_RECORD;
}

int aq_processor_fail(struct aq_processor_context *ctx, const char *format, ...)
{
    AQ_ASSERT(ctx->phase != ST_API_IDLE);
    if (ctx->rc < 0) return ctx->rc;
    va_list args;
    va_start(args, format);
    ctx->rc = aq_vfail(ctx->err, code_of(ctx), format, args);
    va_end(args);
    AQ_ASSERT(ctx->rc < 0);
    return ctx->rc;
}

/* What the engine said becomes the call's failure. */
static int keep(struct aq_processor_context *ctx, int rc)
{
    if (rc < 0 && ctx->rc == 0) ctx->rc = rc;
    return rc;
}

/* ---- sending on --------------------------------------------------------------------------------------------------- */

/* Headers of the callback's own: copied, because they may lie on its stack and their names lack the zero byte behind them. */
static int set_headers(struct aq_processor_context *ctx, const struct aq_stream_record *from,
                       struct aq_record *rec)
{
    if (from->headers == rec->headers && from->n_headers == rec->n_headers) return 0;
    if (from->n_headers > UINT16_MAX)
        return aq_processor_fail(ctx, "%zu headers are too many, %u is the limit", from->n_headers,
                                 UINT16_MAX);
    struct aq_arena *arena = st_arena(ctx->st);
    rec->headers = aq_arena_alloc(arena, from->n_headers * sizeof(*rec->headers));
    rec->n_headers = (uint16_t)from->n_headers;
    rec->flags |= AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
    for (size_t i = 0; i < from->n_headers; i++) {
        if (aq_slice_is_null(from->headers[i].name))
            return aq_processor_fail(ctx, "header %zu has no name", i);
        rec->headers[i].name = aq_arena_copy(arena, from->headers[i].name);
        rec->headers[i].value = from->headers[i].value;
    }
    return 0;
}

/* The program's record on the place of the one at hand. */
static int make_record(struct aq_processor_context *ctx, const struct aq_stream_record *from,
                       struct aq_record *ret)
{
    if (ctx->phase != ST_API_PROCESSING)
        return aq_processor_fail(
            ctx, "records are forwarded from process() and from punctuations only, not from here");
    if (from->timestamp < 0)
        return aq_processor_fail(ctx, "a record's timestamp is never negative (%lld ms)",
                                 (long long)from->timestamp);
    *ret = ctx->rec ? *ctx->rec : st_new_record(ctx->st);
    ret->key = from->key;
    ret->value = from->value;
    ret->timestamp = from->timestamp;
    return set_headers(ctx, from, ret);
}

int aq_processor_forward(struct aq_processor_context *ctx, const struct aq_stream_record *record)
{
    struct aq_record rec;
    int rc = make_record(ctx, record, &rec);
    return rc < 0 ? rc : keep(ctx, st_forward(ctx->st, &rec, ctx->err));
}

int aq_processor_forward_to(struct aq_processor_context *ctx, const char *child,
                            const struct aq_stream_record *record)
{
    if (!child) return aq_processor_fail(ctx, "the child to forward to has no name");
    struct aq_record rec;
    int rc = make_record(ctx, record, &rec);
    return rc < 0 ? rc : keep(ctx, st_forward_to(ctx->st, child, &rec, ctx->err));
}

int aq_stream_emit(struct aq_processor_context *ctx, struct aq_slice key, struct aq_slice value)
{
    if (ctx->phase != ST_API_EMITTING)
        return aq_processor_fail(ctx, "aq_stream_emit() is for the callback of flat_map");
    struct aq_record rec = *ctx->rec;
    rec.key = key;
    rec.value = value;
    return keep(ctx, st_forward(ctx->st, &rec, ctx->err));
}

int aq_stream_emit_value(struct aq_processor_context *ctx, struct aq_slice value)
{
    if (ctx->phase != ST_API_EMITTING_PART)
        return aq_processor_fail(ctx, "aq_stream_emit_value() is for the callback of flat_map_values");
    struct aq_record rec = *ctx->rec;
    rec.value = value;
    return keep(ctx, st_forward(ctx->st, &rec, ctx->err));
}

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

void *aq_stream_alloc(struct aq_processor_context *ctx, size_t size)
{
    return aq_arena_alloc(st_arena(ctx->st), size);
}

struct aq_slice aq_stream_copy(struct aq_processor_context *ctx, struct aq_slice bytes)
{
    return aq_arena_copy(st_arena(ctx->st), bytes);
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static int punctuate(struct st_context *st, void *user, int64_t now_ms, struct aq_err *err)
{
    (void)st;
    const struct aq_schedule *schedule = user;
    struct aq_processor_context *ctx = schedule->ctx;
    st_api_enter(ctx, ST_API_PROCESSING, NULL, err);
    /* The schedule may be gone when this returns. */
    return st_api_leave(ctx, schedule->call(ctx, ctx->state, now_ms));
}

struct aq_schedule *aq_processor_schedule(struct aq_processor_context *ctx, enum aq_punctuation type,
                                          int64_t interval_ms, int64_t start_ms, aq_punctuator call)
{
    if (ctx->phase != ST_API_STARTING && ctx->phase != ST_API_PROCESSING) {
        aq_processor_fail(ctx, "punctuations are scheduled from init(), process() and punctuations only");
        return NULL;
    }
    if (!call || (type != AQ_STREAM_TIME && type != AQ_WALL_CLOCK)) {
        aq_processor_fail(ctx, "a punctuation needs a function, and stream time or the wall clock");
        return NULL;
    }
    struct aq_schedule *schedule = aq_calloc(1, sizeof(*schedule));
    *schedule = (struct aq_schedule){.ctx = ctx, .call = call, .next = ctx->schedules};
    schedule->st = st_schedule_for(ctx->st, type == AQ_STREAM_TIME ? ST_STREAM_TIME : ST_WALL_CLOCK,
                                   interval_ms, start_ms, punctuate, schedule, ctx->err);
    if (!schedule->st) {
        free(schedule);
        keep(ctx, AQ_E_CONFIG);
        return NULL;
    }
    ctx->schedules = schedule;
    return schedule;
}

void aq_processor_cancel(struct aq_processor_context *ctx, struct aq_schedule *schedule)
{
    AQ_ASSERT(schedule && schedule->ctx == ctx);
    struct aq_schedule **link = &ctx->schedules;
    while (*link != schedule) link = &(*link)->next;
    *link = schedule->next;
    st_cancel(ctx->st, schedule->st);
    free(schedule);
}

int64_t aq_processor_stream_time(const struct aq_processor_context *ctx)
{
    return st_stream_ms(ctx->st);
}

int64_t aq_processor_wall_time(const struct aq_processor_context *ctx)
{
    return st_wall_ms(ctx->st);
}

/* ---- where it runs ------------------------------------------------------------------------------------------------ */

bool aq_processor_record_metadata(const struct aq_processor_context *ctx, struct aq_record_metadata *ret)
{
    const struct aq_record *rec = ctx->rec;
    if (!rec || !rec->topic) return false; /* made by a punctuation, here or in front of this node */
    ret->topic = rec->topic->text;
    ret->partition = rec->partition;
    ret->offset = rec->offset;
    return true;
}

const char *aq_processor_task_id(const struct aq_processor_context *ctx)
{
    return st_task_id(ctx->st);
}

const char *aq_processor_application_id(const struct aq_processor_context *ctx)
{
    return st_application_id(ctx->st);
}

const char *aq_processor_name(const struct aq_processor_context *ctx)
{
    return ctx->st->node->name;
}

void aq_processor_commit(struct aq_processor_context *ctx)
{
    st_request_commit(ctx->st);
}
