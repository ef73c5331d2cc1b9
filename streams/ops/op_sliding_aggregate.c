/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in sliding windows (streams/ops/op_aggregate.h).
 *
 * Every set of records that fits into one stretch of `difference` has a row: each record at t makes the window that ends at it, [t -
 * difference, t], and the one that begins right behind it, [t + 1, t + 1 + difference], once that holds a record. No window starts before 0: the
 * records before `difference` share [0, difference].
 *
 * An ordinary pass: the rows of the key from two differences before the record to 1 ms behind it are looked at. Those the record lies in
 * take it, the latest start first. Then up to three rows are new: the one that begins behind the record before it; the one that ends at
 * it, which grows from the newest row that ended before; and the one that begins behind it, which is a copy of the newest row it
 * lies in, from before it came. The order of results is Kafka Streams'.
 *
 * Why a copy is right: a row with the same records as the new window is there whenever the new window holds any, for each record in between
 * would have made a row of its own.
 *
 * A record is late as a whole when no window could take it, and in those of its windows that are over.
 *
 * Dropped are records without a key or value.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/state/stamped.h"
#include "streams/ops/windowing.h"

/* A row that was there when the record came. */
struct row {
    int64_t start;
    int64_t time_ms; /* of its newest record */
};

struct sliding {
    struct st_windowing windowing; /* first: streams/ops/op_aggregate.c */
    struct row *rows;              /* by start */
    size_t n, cap;
    struct st_accumulated right; /* the newest row the record lies in, as it was; acc in the arena */
    int64_t previous_ms;         /* the record before; ST_NO_TIME */
    bool has_right;              /* the window that begins behind the record is there */
    struct aq_arena arena;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_aggregate *op = user;
    AQ_ASSERT(op->windows.kind == ST_SLIDING);
    struct sliding *s = aq_calloc(1, sizeof(*s));
    int rc = st_windowing_start(&s->windowing, context, op, ST_ROWS_WINDOW, err);
    if (rc == 0) {
        aq_arena_init(&s->arena, 1024);
        *ret_state = s;
        return 0;
    }
    free(s);
    return rc;
}

/* ---- rows that are there ------------------------------------------------------------------------------------------ */

static int take_row(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                    struct aq_err *err)
{
    (void)err;
    struct sliding *s = ctx;
    struct st_place place;
    if (!st_place_of(ST_ROWS_WINDOW, bucket, rest, &place)) return 0;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->rows = aq_realloc(s->rows, s->cap * sizeof(*s->rows));
    }
    s->rows[s->n++] = (struct row){.start = place.start, .time_ms = st_stamped_time(value)};
    return 0;
}

static int find_rows(struct sliding *s, const struct aq_record *rec, struct aq_err *err)
{
    int64_t ms = rec->timestamp,
            twice = st_time_sum(s->windowing.windows->size_ms, s->windowing.windows->size_ms);
    char from[ST_SESSION_REST], to[ST_SESSION_REST];
    int64_t shown = st_windowing_shown_from(&s->windowing);
    const struct st_place first = {.start = ms - twice > shown ? ms - twice : shown},
                          last = {.start = st_time_sum(ms, 1)};
    const struct st_state_range range = {.from = st_place_rest(ST_ROWS_WINDOW, &first, from),
                                         .to = st_place_rest(ST_ROWS_WINDOW, &last, to)};
    s->n = 0;
    s->right = (struct st_accumulated){.acc = AQ_NULL_SLICE, .time_ms = ST_NO_TIME};
    s->previous_ms = ST_NO_TIME;
    s->has_right = false;
    aq_arena_reset(&s->arena);
    return st_state_bucket(s->windowing.rows.store, rec->key, &range, take_row, s, err);
}

static bool is_there(const struct sliding *s, int64_t start)
{
    for (size_t i = s->n; i-- > 0;)
        if (s->rows[i].start == start) return true;
    return false;
}

static int copy_row(struct sliding *s, const struct aq_record *rec, int64_t start, struct st_accumulated *ret,
                    struct aq_err *err)
{
    const struct st_place place = {.key = rec->key, .start = start};
    int rc = st_aggregation_get(&s->windowing.rows, &place, ret, err);
    if (rc == 0) ret->acc = aq_arena_copy(&s->arena, ret->acc);
    return rc;
}

static int add_at(struct sliding *s, struct aq_record *rec, int64_t start, struct aq_err *err)
{
    const struct st_place place = {.key = rec->key, .start = start};
    return st_windowing_add(&s->windowing, rec, &place, err);
}

/* ---- new rows ----------------------------------------------------------------------------------------------------- */

static const struct st_accumulated nothing = {.acc = {NULL, 0}, .time_ms = ST_NO_TIME};

/* A new row that grows from another one's. */
static int add_from(struct sliding *s, struct aq_record *rec, int64_t start,
                    const struct st_accumulated *base, struct aq_err *err)
{
    struct st_windowing *w = &s->windowing;
    const struct st_place place = {.key = rec->key, .start = start};
    struct st_accumulated next;
    if (st_windowing_is_over(w, st_windows_end(w->windows, start))) {
        st_windowing_late(w);
        return 0;
    }
    int rc = st_aggregation_add(&w->rows, rec, base, &next, err);
    return rc == 0 ? st_windowing_set(w, rec, &place, &nothing, &next, err) : rc;
}

static int add_right(struct sliding *s, const struct aq_record *rec, struct aq_err *err)
{
    if (s->has_right || s->right.time_ms <= rec->timestamp) return 0;
    const struct st_place place = {.key = rec->key, .start = rec->timestamp + 1};
    return st_windowing_set(&s->windowing, rec, &place, &nothing, &s->right, err);
}

static int add_behind_previous(struct sliding *s, struct aq_record *rec, struct aq_err *err)
{
    if (s->previous_ms < 0) return 0;
    int64_t start = s->previous_ms + 1;
    if (st_windows_end(s->windowing.windows, start) < rec->timestamp || is_there(s, start)) return 0;
    return add_at(s, rec, start, err);
}

/* ---- records that share [0, difference] --------------------------------------------------------------------------- */

static int update_early(struct sliding *s, struct aq_record *rec, const struct row *row, struct aq_err *err)
{
    if (row->start > rec->timestamp) {
        s->has_right = true;
        return 0;
    }
    int rc = copy_row(s, rec, row->start, &s->right, err);
    return rc == 0 ? add_at(s, rec, row->start, err) : rc;
}

static int add_early(struct sliding *s, struct aq_record *rec, struct aq_err *err)
{
    const struct row *shared = s->n > 0 && s->rows[0].start == 0 ? &s->rows[0] : NULL;
    int rc = 0;
    if (shared && shared->time_ms < rec->timestamp) s->previous_ms = shared->time_ms;
    for (size_t i = shared ? 1 : 0; rc == 0 && i < s->n; i++) rc = update_early(s, rec, &s->rows[i], err);
    /* All in the shared window is behind the record, or a row that begins behind another record would have been found. */
    if (rc == 0 && shared && aq_slice_is_null(s->right.acc) && shared->time_ms > rec->timestamp)
        rc = copy_row(s, rec, 0, &s->right, err);
    if (rc == 0) rc = add_right(s, rec, err);
    if (rc == 0) rc = add_behind_previous(s, rec, err);
    return rc == 0 ? add_at(s, rec, 0, err) : rc;
}

/* ---- records with a window of their own --------------------------------------------------------------------------- */

enum next { GO_ON, NO_MORE_ROWS, ALL_THERE };

/* One row, the latest start first; *ret_left: the newest one that ended before the record. An enum next, or a code. */
static int update_row(struct sliding *s, struct aq_record *rec, const struct row *row,
                      struct st_accumulated *left, bool *ret_has_left, struct aq_err *err)
{
    int64_t ms = rec->timestamp, end = st_windows_end(s->windowing.windows, row->start);
    int rc = 0;
    if (row->start > ms) {
        s->has_right = true;
        return GO_ON;
    }
    if (end < ms) {
        s->previous_ms = row->time_ms;
        rc = copy_row(s, rec, row->start, left, err);
        return rc == 0 ? NO_MORE_ROWS : rc;
    }
    if (end > ms && aq_slice_is_null(s->right.acc)) rc = copy_row(s, rec, row->start, &s->right, err);
    if (rc == 0) rc = add_at(s, rec, row->start, err);
    if (rc != 0 || end > ms) return rc;
    *ret_has_left = true;
    /* A record of this very moment has been here: it made all there is to make. */
    if (row->time_ms >= ms) return ALL_THERE;
    s->previous_ms = row->time_ms;
    return GO_ON;
}

static int add_own(struct sliding *s, struct aq_record *rec, struct aq_err *err)
{
    int64_t first = rec->timestamp - s->windowing.windows->size_ms;
    struct st_accumulated left = nothing;
    bool has_left = false;
    int next = GO_ON;
    for (size_t i = s->n; next == GO_ON && i-- > 0;)
        next = update_row(s, rec, &s->rows[i], &left, &has_left, err);
    if (next < 0 || next == ALL_THERE) return next < 0 ? next : 0;
    int rc = add_behind_previous(s, rec, err);
    if (rc == 0 && !has_left) rc = add_from(s, rec, first, s->previous_ms >= first ? &left : &nothing, err);
    return rc == 0 ? add_right(s, rec, err) : rc;
}

/* ---- the processor ------------------------------------------------------------------------------------------------ */

static int add_record(void *state, struct aq_record *rec, struct aq_err *err)
{
    struct sliding *s = state;
    struct st_windowing *w = &s->windowing;
    if (st_windowing_is_over(w, st_windows_end(w->windows, rec->timestamp))) {
        st_windowing_late(w);
        return 0;
    }
    int rc = find_rows(s, rec, err);
    if (rc != 0) return rc;
    return rec->timestamp < w->windows->size_ms ? add_early(s, rec, err) : add_own(s, rec, err);
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    struct sliding *s = state;
    return st_windowing_process(&s->windowing, rec, false, add_record, s, err);
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct sliding *s = state;
    return st_windowing_flush(&s->windowing, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct sliding *s = state;
    st_windowing_stop(&s->windowing);
    aq_arena_finish(&s->arena);
    free(s->rows);
    free(s);
}

const struct st_processor_kind st_sliding_aggregate_kind = {.name = "sliding-aggregate",
                                                            .needs_key = true,
                                                            .start = start,
                                                            .process = process,
                                                            .flush = flush,
                                                            .stop = stop};
const struct st_processor_kind st_sliding_cogroup_kind = {.name = "sliding-cogroup",
                                                          .needs_key = true,
                                                          .copartitioned = true,
                                                          .start = start,
                                                          .process = process,
                                                          .flush = flush,
                                                          .stop = stop};
