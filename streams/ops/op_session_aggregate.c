/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in session windows (streams/ops/op_aggregate.h).
 *
 * An ordinary pass: the sessions that a record is at most a gap away from become one with it. Their accumulators are merged in the order
 * of their ends, then the record is added. Each of the old sessions is deleted, and a tombstone at its end goes on for it; then the
 * new one, at its end. A session that is the record's very moment stays where it is and needs no tombstone; one whose
 * bounds the record lies in gets one although the same key follows.
 *
 * A record is late when the session it would belong to is over, judged with all that it joins: one that connects to a live session is taken
 * however old it is.
 *
 * With ST_EMIT_CLOSE a session whose final result has gone on is not joined any more: a record between it and a live one goes to the live
 * one. compat: it is, as in Kafka Streams, and what is in it goes on twice, under two keys.
 *
 * compat: a session that the store of Kafka Streams no longer shows is not found (st_windowing_shown_from()), and a record in reach of
 * it begins a new one.
 *
 * Results carry the headers of the record that caused them. compat: only final ones do, as in Kafka Streams.
 *
 * A failing pass: the aggregator refuses the record, before anything was deleted.
 *
 * Dropped are records without a key, and those without a value; compat: only those without a key.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/windowing.h"

struct session {
    int64_t start, end;
    struct aq_slice acc; /* in the arena */
};

struct sessions {
    struct st_windowing windowing; /* first: streams/ops/op_aggregate.c */
    struct session *found;         /* that the record joins, by end */
    size_t n, cap;
    int64_t latest_start; /* of a session that it may join */
    struct aq_arena arena;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_aggregate *op = user;
    AQ_ASSERT(op->windows.kind == ST_SESSION);
    if (!op->aggregator.kind->merge)
        return aq_fail(err, AQ_E_CONFIG,
                       "%s cannot merge two sessions into one; use another aggregation or other windows",
                       op->aggregator.kind->name);
    struct sessions *s = aq_calloc(1, sizeof(*s));
    int rc = st_windowing_start(&s->windowing, context, op, ST_ROWS_SESSION, err);
    if (rc == 0) {
        aq_arena_init(&s->arena, 1024);
        *ret_state = s;
        return 0;
    }
    free(s);
    return rc;
}

/* ---- what it joins ------------------------------------------------------------------------------------------------ */

static int take_session(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                        struct aq_err *err)
{
    (void)err;
    struct sessions *s = ctx;
    struct st_windowing *w = &s->windowing;
    struct st_place place;
    if (!st_place_of(ST_ROWS_SESSION, bucket, rest, &place)) return 0;
    bool over_counts = w->closes && !w->rows.op->compat;
    /* Sessions of one key do not touch, so those behind it start even later; unless final ones stayed as they were. */
    if (place.start > s->latest_start) return over_counts ? 0 : 1;
    if (over_counts && st_windowing_is_over(w, place.end)) return 0;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4;
        s->found = aq_realloc(s->found, s->cap * sizeof(*s->found));
    }
    s->found[s->n++] =
        (struct session){.start = place.start, .end = place.end, .acc = aq_arena_copy(&s->arena, value)};
    return 0;
}

static int find_sessions(struct sessions *s, const struct aq_record *rec, struct aq_err *err)
{
    struct st_windowing *w = &s->windowing;
    int64_t gap = w->windows->size_ms, ms = rec->timestamp, shown = st_windowing_shown_from(w);
    char from[ST_SESSION_REST];
    const struct st_place first = {.start = 0, .end = ms - gap > shown ? ms - gap : shown};
    const struct st_state_range range = {.from = st_place_rest(ST_ROWS_SESSION, &first, from),
                                         .to = AQ_NULL_SLICE};
    s->n = 0;
    s->latest_start = st_time_sum(ms, gap);
    aq_arena_reset(&s->arena);
    return st_state_bucket(w->rows.store, rec->key, &range, take_session, s, err);
}

static int merge_all(struct sessions *s, const struct aq_record *rec, struct aq_slice *ret,
                     struct aq_err *err)
{
    const struct st_adder *own = &s->windowing.rows.own;
    *ret = s->n > 0 ? s->found[0].acc : AQ_NULL_SLICE;
    for (size_t i = 1; i < s->n; i++) {
        struct aq_slice both;
        if (aq_slice_is_null(*ret)) {
            *ret = s->found[i].acc;
            continue;
        }
        int rc = own->aggregator->kind->merge(own->context, own->running, rec->key, *ret, s->found[i].acc,
                                              &both, err);
        if (rc != 0) return rc;
        *ret = both;
    }
    return 0;
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static int delete_all(struct sessions *s, const struct aq_record *rec, struct aq_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct session *old = &s->found[i];
        const struct st_place place = {.key = rec->key, .start = old->start, .end = old->end};
        const struct st_accumulated was = {.acc = old->acc, .time_ms = old->end};
        const struct st_accumulated gone = {.acc = AQ_NULL_SLICE, .time_ms = old->end};
        int rc = st_windowing_set(&s->windowing, rec, &place, &was, &gone, err);
        if (rc != 0) return rc;
    }
    return 0;
}

static int add_to(struct sessions *s, struct aq_record *rec, const struct st_place *place, struct aq_err *err)
{
    struct st_windowing *w = &s->windowing;
    struct st_accumulated was = {.acc = AQ_NULL_SLICE, .time_ms = ST_NO_TIME}, merged = was, next;
    int rc = merge_all(s, rec, &merged.acc, err);
    if (rc == 0) rc = st_aggregation_add(&w->rows, rec, &merged, &next, err);
    if (rc != 0) return rc;
    next.time_ms = place->end;
    if (place->start == place->end)
        was.acc = merged.acc; /* the row stays where it is */
    else
        rc = delete_all(s, rec, err);
    return rc == 0 ? st_windowing_set(w, rec, place, &was, &next, err) : rc;
}

static int add_record(void *state, struct aq_record *rec, struct aq_err *err)
{
    struct sessions *s = state;
    struct st_place place = {.key = rec->key, .start = rec->timestamp, .end = rec->timestamp};
    int rc = find_sessions(s, rec, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < s->n; i++) {
        if (s->found[i].start < place.start) place.start = s->found[i].start;
        if (s->found[i].end > place.end) place.end = s->found[i].end;
    }
    if (!st_windowing_is_over(&s->windowing, place.end)) return add_to(s, rec, &place, err);
    st_windowing_late(&s->windowing);
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    struct sessions *s = state;
    return st_windowing_process(&s->windowing, rec, s->windowing.rows.op->compat, add_record, s, err);
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct sessions *s = state;
    return st_windowing_flush(&s->windowing, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct sessions *s = state;
    st_windowing_stop(&s->windowing);
    aq_arena_finish(&s->arena);
    free(s->found);
    free(s);
}

const struct st_processor_kind st_session_aggregate_kind = {.name = "session-aggregate",
                                                            .needs_key = true,
                                                            .start = start,
                                                            .process = process,
                                                            .flush = flush,
                                                            .stop = stop};
const struct st_processor_kind st_session_cogroup_kind = {.name = "session-cogroup",
                                                          .needs_key = true,
                                                          .copartitioned = true,
                                                          .start = start,
                                                          .process = process,
                                                          .flush = flush,
                                                          .stop = stop};
