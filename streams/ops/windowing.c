/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over time (streams/ops/windowing.h).
 *
 * An ordinary pass: a record comes and moves the operator's stream time. With ST_EMIT_CLOSE every window that is over by then sends its
 * final result, before the record is put anywhere: so no window of the record can push one out of the store whose result has
 * not gone on. Then the record goes into its windows; those that are over already are counted as late.
 *
 * What has gone on follows from stream time alone: exactly the windows that are over by it. So nothing is marked, rows stay for whoever asks
 * for them until their retention is over, and one number has to survive a restart, together with the rows: it is put into the
 * second store when the cycle is flushed. A task that begins looks through its rows once and remembers the windows that are not
 * over (streams/ops/closing.c). Without final results stream time only decides what is late, and task stream time, which survives
 * with the committed positions, is taken for it after a restart.
 *
 * Why not task stream time always: a filter in front of the operator may let a record of last year through behind one of today; by what
 * reached it the record is not late. And by the wall clock the operator may be ahead of its task.
 *
 * A failing pass: a result that cannot be made, or that nobody downstream takes, is the record's error, and the window counts as done, so
 * that the next record does not fail on it again. After an abort the processor starts from what was committed.
 *
 * Invariants: with ST_EMIT_CLOSE `closing` holds exactly the rows of windows that are not over, between two records; stream_ms never
 * falls; ticks are scheduled exactly while windows wait and close_idle_ms is set.
 *
 * compat: Kafka Streams sends final results after the record was put, and its stores hide rows that are a retention or more older than the
 * newest start (of sessions end) that was put, however late the operator takes records. Those who look for rows do not find them, and final results of such windows never
 * go on; here neither. Cached rows are found all the same, because the cache still shows them. The final result of a session is lost only with the segment
 * of the store that its end lies in. Which start was the newest is forgotten when the task ends, as it is there. The inputs of a cogroup
 * have a stream time each, by which their records are late: stream_ms is that of the input at hand, and only that never falls.
 */
#include "streams/ops/windowing.h"

#include "base/assert.h"
#include "base/big_endian.h"

#define TIME_KEY         "time"
#define TICK_MOST_MS     5000
#define TICKS_A_PAUSE    4
#define SEGMENT_LEAST_MS 60000 /* of Kafka Streams' stores */

/* ---- stream time -------------------------------------------------------------------------------------------------- */

static int restore_time(struct st_windowing *w, struct aq_err *err)
{
    struct st_context *context = w->rows.context;
    struct aq_slice value;
    w->kept_ms = w->stream_ms = ST_NO_TIME;
    if (!w->closes) {
        if (!w->rows.op->compat) w->stream_ms = st_stream_ms(context);
        return 0;
    }
    AQ_ASSERT(context->node->node->n_stores > 1);
    w->time_store = st_store(context, 1);
    int rc = st_state_get(w->time_store, AQ_LIT(TIME_KEY), AQ_LIT(""), &value, err);
    if (rc != 0 || aq_slice_is_null(value)) return rc;
    if (value.len != sizeof(int64_t))
        return aq_fail(err, AQ_E_CORRUPT, "the stream time in the store of '%s' has %zu bytes, not 8",
                       context->node->name, value.len);
    w->kept_ms = w->stream_ms = (int64_t)aq_be64_get(value.ptr);
    return 0;
}

static void keep_time(struct st_windowing *w)
{
    char bytes[sizeof(int64_t)];
    if (!w->time_store || w->stream_ms == w->kept_ms) return;
    aq_be64_put(bytes, (uint64_t)w->stream_ms);
    st_state_put(w->time_store, AQ_LIT(TIME_KEY), AQ_LIT(""), aq_slice_of(bytes, sizeof(bytes)));
    w->kept_ms = w->stream_ms;
}

bool st_windowing_is_over(const struct st_windowing *w, int64_t end)
{
    return st_windows_is_over(w->windows, end, w->stream_ms);
}

void st_windowing_late(struct st_windowing *w)
{
    st_drop_late(w->rows.context);
}

/* ---- windows that wait ---------------------------------------------------------------------------------------------- */

static int64_t end_of(const struct st_windowing *w, const struct st_place *place)
{
    return w->rows.rows == ST_ROWS_SESSION ? place->end : st_windows_end(w->windows, place->start);
}

static void wait_for(struct st_windowing *w, const struct st_place *place)
{
    const struct st_open_window open = {.end = end_of(w, place), .start = place->start, .key = place->key};
    int64_t over = st_windows_over(w->windows, open.end);
    st_closing_add(&w->closing, &open);
    if (over < w->next_over_ms) w->next_over_ms = over;
}

static void forget(struct st_windowing *w, const struct st_place *place)
{
    const struct st_open_window open = {.end = end_of(w, place), .start = place->start, .key = place->key};
    st_closing_remove(&w->closing, &open);
}

static int remember(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                    struct aq_err *err)
{
    (void)value;
    (void)err;
    struct st_windowing *w = ctx;
    struct st_place place;
    if (!st_place_of(w->rows.rows, bucket, rest, &place)) return 0;
    if (!st_windowing_is_over(w, end_of(w, &place))) wait_for(w, &place);
    return 0;
}

/* Kafka Streams drops the rows of whole segments. */
static bool is_session_lost(const struct st_windowing *w, int64_t end)
{
    int64_t retention = w->windows->retention_ms, live = w->newest_put_ms - retention;
    int64_t segment = retention / 2 > SEGMENT_LEAST_MS ? retention / 2 : SEGMENT_LEAST_MS;
    return live >= 0 && end / segment < live / segment;
}

/* Where final results go on sliding windows are not cached, and neither are sessions. */
static bool cache_shows_all(const struct st_windowing *w)
{
    bool timed = w->windows->kind == ST_TUMBLING || w->windows->kind == ST_HOPPING;
    return st_store_is_cached(w->rows.context, 0) && (timed || !w->closes);
}

int64_t st_windowing_shown_from(const struct st_windowing *w)
{
    if (!w->rows.op->compat || cache_shows_all(w)) return 0;
    /* The stores that Kafka Streams takes for final results of windows show 1 ms more than the others. */
    bool longer = w->closes && w->windows->kind != ST_SESSION;
    int64_t from = w->newest_put_ms - w->windows->retention_ms + (longer ? 0 : 1);
    return from > 0 ? from : 0;
}

/* Kafka Streams no longer finds it. */
static bool is_lost(const struct st_windowing *w, const struct st_place *place)
{
    if (!w->rows.op->compat) return false;
    if (w->rows.rows == ST_ROWS_SESSION) return is_session_lost(w, place->end);
    return place->start < st_windowing_shown_from(w);
}

static int close_one(struct st_windowing *w, const struct aq_record *rec, const struct st_open_window *open,
                     struct aq_err *err)
{
    struct st_place place = {.start = open->start, .end = open->end};
    place.key = aq_arena_copy(st_arena(w->rows.context), open->key);
    st_closing_remove(&w->closing, open);
    return is_lost(w, &place) ? 0 : st_aggregation_send(&w->rows, rec, &place, err);
}

/* rec: whose headers the results carry; NULL: nobody's. */
static int close_windows(struct st_windowing *w, const struct aq_record *rec, struct aq_err *err)
{
    struct st_open_window open;
    if (w->stream_ms < w->next_over_ms) return 0;
    while (st_closing_first(&w->closing, &open)) {
        w->next_over_ms = st_windows_over(w->windows, open.end);
        if (!st_windowing_is_over(w, open.end)) return 0;
        int rc = close_one(w, rec, &open, err);
        if (rc != 0) return rc;
    }
    w->next_over_ms = INT64_MAX;
    return 0;
}

/* ---- the wall clock ----------------------------------------------------------------------------------------------- */

static int tick(struct st_context *context, void *user, int64_t now_ms, struct aq_err *err)
{
    struct st_windowing *w = user;
    int64_t passed = now_ms - w->still_ms;
    if (passed >= w->rows.op->close_idle_ms) w->idle = true;
    if (!w->idle || w->stream_ms < 0) return 0;
    w->still_ms = now_ms;
    if (passed > 0) w->stream_ms = st_time_sum(w->stream_ms, passed);
    int rc = close_windows(w, NULL, err);
    if (rc == 0 && w->closing.n == 0) {
        st_cancel(context, w->ticks);
        w->ticks = NULL;
    }
    return rc;
}

static int watch_clock(struct st_windowing *w, struct aq_err *err)
{
    int64_t interval = w->rows.op->close_idle_ms / TICKS_A_PAUSE;
    if (w->ticks || w->rows.op->close_idle_ms == 0 || w->closing.n == 0) return 0;
    if (interval < 1) interval = 1;
    if (interval > TICK_MOST_MS) interval = TICK_MOST_MS;
    w->ticks = st_schedule_for(w->rows.context, ST_WALL_CLOCK, interval, ST_DEFAULT_START, tick, w, err);
    return w->ticks ? 0 : AQ_E_CONFIG;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static int restore(struct st_windowing *w, struct aq_err *err)
{
    const struct st_state_range all = {.from = AQ_NULL_SLICE, .to = AQ_NULL_SLICE};
    int rc = restore_time(w, err);
    if (rc != 0 || !w->closes) return rc;
    rc = st_state_all(w->rows.store, &all, remember, w, err);
    return rc == 0 ? watch_clock(w, err) : rc;
}

int st_windowing_start(struct st_windowing *w, struct st_context *context, const struct st_aggregate *op,
                       enum st_row_form rows, struct aq_err *err)
{
    AQ_ASSERT(rows != ST_ROWS_PLAIN && op->windows.retention_ms > 0);
    *w = (struct st_windowing){.windows = &op->windows,
                               .closes = op->emit == ST_EMIT_CLOSE,
                               .next_over_ms = INT64_MAX,
                               .newest_put_ms = ST_NO_TIME,
                               .still_ms = st_wall_ms(context)};
    int rc = st_aggregation_start(&w->rows, context, op, rows, err);
    if (rc != 0) return rc;
    rc = restore(w, err);
    if (rc != 0) st_windowing_stop(w);
    return rc;
}

void st_windowing_stop(struct st_windowing *w)
{
    if (w->ticks) st_cancel(w->rows.context, w->ticks);
    st_closing_finish(&w->closing);
    st_aggregation_stop(&w->rows);
}

int st_windowing_flush(struct st_windowing *w, struct aq_err *err)
{
    keep_time(w);
    return st_aggregation_flush(&w->rows, err);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static void take_time(struct st_windowing *w, int64_t time_ms)
{
    struct st_adder *adder = w->rows.adder;
    bool own_time = w->rows.op->compat && adder != &w->rows.own && !w->closes;
    int64_t before = own_time ? adder->stream_ms : w->stream_ms;
    w->stream_ms = time_ms > before ? time_ms : before;
    if (own_time) adder->stream_ms = w->stream_ms;
}

static int begin_record(struct st_windowing *w, const struct aq_record *rec, struct aq_err *err)
{
    w->still_ms = st_wall_ms(w->rows.context);
    w->idle = false;
    take_time(w, rec->timestamp);
    return w->closes && !w->rows.op->compat ? close_windows(w, rec, err) : 0;
}

static int end_record(struct st_windowing *w, const struct aq_record *rec, struct aq_err *err)
{
    if (!w->closes) return 0;
    int rc = w->rows.op->compat ? close_windows(w, rec, err) : 0;
    return rc == 0 ? watch_clock(w, err) : rc;
}

int st_windowing_process(struct st_windowing *w, struct aq_record *rec, bool null_values,
                         st_windowing_add_all *add, void *state, struct aq_err *err)
{
    if (!st_aggregation_takes(&w->rows, rec, null_values)) return 0;
    int rc = begin_record(w, rec, err);
    if (rc == 0) rc = add(state, rec, err);
    return rc == 0 ? end_record(w, rec, err) : rc;
}

int st_windowing_set(struct st_windowing *w, const struct aq_record *rec, const struct st_place *place,
                     const struct st_accumulated *was, const struct st_accumulated *next, struct aq_err *err)
{
    int64_t put_ms = w->rows.rows == ST_ROWS_SESSION ? place->end : place->start;
    if (put_ms > w->newest_put_ms) w->newest_put_ms = put_ms;
    if (w->closes) {
        bool is = !aq_slice_is_null(next->acc), had = !aq_slice_is_null(was->acc);
        if (is && !had) wait_for(w, place);
        if (had && !is) forget(w, place);
    }
    return st_aggregation_set(&w->rows, rec, place, was, next, err);
}

int st_windowing_add(struct st_windowing *w, struct aq_record *rec, const struct st_place *place,
                     struct aq_err *err)
{
    struct st_accumulated was, next;
    if (st_windowing_is_over(w, end_of(w, place))) {
        st_windowing_late(w);
        return 0;
    }
    int rc = st_aggregation_get(&w->rows, place, &was, err);
    if (place->start < st_windowing_shown_from(w))
        was = (struct st_accumulated){.acc = AQ_NULL_SLICE, .time_ms = ST_NO_TIME};
    if (rc == 0) rc = st_aggregation_add(&w->rows, rec, &was, &next, err);
    return rc == 0 ? st_windowing_set(w, rec, place, &was, &next, err) : rc;
}
