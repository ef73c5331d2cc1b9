/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of aggregations (streams/ops/aggregation.h).
 *
 * An ordinary pass: the operator says which row; its accumulator is read, the aggregator makes the next one of it and the record, and that is
 * put back. Where changes go on at once the result is made before the row is put, because both the old and the new accumulator may lie
 * in the store's memory, and put overwrites it. Where they wait for the flush nothing else happens here: the store knows which rows
 * changed and what they were.
 *
 * A failing pass: the aggregator refuses a record: the row stays as it was, and the code goes up to the processing error handler. A
 * row before it, of another window, keeps what it was given.
 *
 * Invariant: what is sent on lies in the arena of the cycle, never in the store.
 */
#include "streams/ops/aggregation.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/state/stamped.h"
#include "streams/serde/windowed_key.h"

/* ---- adders ------------------------------------------------------------------------------------------------------- */

int st_adder_start(struct st_adder *adder, struct st_context *context, const struct st_aggregator *aggregator,
                   struct aq_err *err)
{
    AQ_ASSERT(aggregator && aggregator->kind && aggregator->kind->add);
    *adder = (struct st_adder){.context = context, .aggregator = aggregator, .stream_ms = ST_NO_TIME};
    if (!aggregator->kind->start) return 0;
    return aggregator->kind->start(context, aggregator->user, &adder->running, err);
}

void st_adder_stop(struct st_adder *adder)
{
    if (adder->aggregator->kind->stop) adder->aggregator->kind->stop(adder->running);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

int st_aggregation_start(struct st_aggregation *a, struct st_context *context, const struct st_aggregate *op,
                         enum st_row_form rows, struct aq_err *err)
{
    AQ_ASSERT(context && op);
    bool updates = rows == ST_ROWS_PLAIN || op->emit == ST_EMIT_UPDATES;
    bool cached = st_store_is_cached(context, 0);
    *a = (struct st_aggregation){.context = context,
                                 .op = op,
                                 .rows = rows,
                                 .eager = updates && !cached,
                                 .at_flush = updates && cached,
                                 .store = st_store(context, 0),
                                 .newest_ms = ST_NO_TIME,
                                 .newest_flushed_ms = ST_NO_TIME};
    int rc = st_adder_start(&a->own, context, &op->aggregator, err);
    a->adder = &a->own;
    if (rc == 0) st_table_init(&a->gone);
    return rc;
}

void st_aggregation_stop(struct st_aggregation *a)
{
    st_adder_stop(&a->own);
    st_table_finish(&a->gone);
    free(a->stamped);
    a->stamped = NULL;
}

bool st_aggregation_takes(struct st_aggregation *a, struct aq_record *rec, bool null_values)
{
    struct st_context *context = a->context;
    /* The value's view stays open: the aggregator may want to read fields. */
    if (st_views(context)->key.rec == rec) st_settle(context, rec);
    if (aq_slice_is_null(rec->key) || (aq_slice_is_null(rec->value) && !null_values)) {
        st_drop(context);
        return false;
    }
    AQ_ASSERT(rec->timestamp >= 0);
    if (rec->timestamp > a->newest_ms) a->newest_ms = rec->timestamp;
    return true;
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

struct aq_slice st_place_rest(enum st_row_form rows, const struct st_place *place, char *buf)
{
    switch (rows) {
    case ST_ROWS_PLAIN: return AQ_LIT("");
    case ST_ROWS_WINDOW:
        aq_be64_put(buf, (uint64_t)place->start);
        aq_be32_put(buf + 8, 0);
        return aq_slice_of(buf, ST_WINDOW_REST);
    case ST_ROWS_SESSION:
        aq_be64_put(buf, (uint64_t)place->end);
        aq_be64_put(buf + 8, (uint64_t)place->start);
        return aq_slice_of(buf, ST_SESSION_REST);
    }
    AQ_ASSERT(!"a kind of rows");
    return AQ_NULL_SLICE;
}

bool st_place_of(enum st_row_form rows, struct aq_slice bucket, struct aq_slice rest, struct st_place *ret)
{
    *ret = (struct st_place){.key = bucket};
    if (rows == ST_ROWS_PLAIN) return rest.len == 0;
    if (rest.len != (rows == ST_ROWS_WINDOW ? ST_WINDOW_REST : ST_SESSION_REST)) return false;
    int64_t first = (int64_t)aq_be64_get(rest.ptr);
    if (rows == ST_ROWS_WINDOW) {
        ret->start = first;
        return first >= 0;
    }
    ret->end = first;
    ret->start = (int64_t)aq_be64_get(rest.ptr + 8);
    return ret->start >= 0 && ret->end >= ret->start;
}

/* The key that a row's result has. place->key must live long enough. */
static struct aq_slice output_key(const struct st_aggregation *a, const struct st_place *place)
{
    if (a->rows == ST_ROWS_PLAIN) return place->key;
    const struct st_windowed_key key = {.key = place->key, .start = place->start, .end = place->end};
    return st_windowed_key_encode(a->rows == ST_ROWS_WINDOW ? ST_KEY_TIME : ST_KEY_SESSION, &key,
                                  st_arena(a->context));
}

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* Values of sessions have no time in front: it is the end, which is in the key. */
static struct st_accumulated take_apart(const struct st_aggregation *a, const struct st_place *place,
                                        struct aq_slice value)
{
    if (aq_slice_is_null(value)) return (struct st_accumulated){.acc = AQ_NULL_SLICE, .time_ms = ST_NO_TIME};
    if (a->rows == ST_ROWS_SESSION) return (struct st_accumulated){.acc = value, .time_ms = place->end};
    return (struct st_accumulated){.acc = st_stamped_value(value), .time_ms = st_stamped_time(value)};
}

static struct aq_slice put_together(struct st_aggregation *a, const struct st_accumulated *kept)
{
    bool timed = a->rows != ST_ROWS_SESSION;
    size_t front = timed ? ST_STAMP_LEN : 0, len = front + kept->acc.len;
    if (aq_slice_is_null(kept->acc)) return AQ_NULL_SLICE;
    if (len > a->stamped_cap) {
        a->stamped_cap = len * 2;
        a->stamped = aq_realloc(a->stamped, a->stamped_cap);
    }
    if (timed) aq_be64_put(a->stamped, (uint64_t)kept->time_ms);
    if (kept->acc.len) memcpy(a->stamped + front, kept->acc.ptr, kept->acc.len);
    return len ? aq_slice_of(a->stamped, len) : AQ_LIT("");
}

/* What goes on of an accumulator, in the arena; null of null. */
static int make_result(struct st_aggregation *a, struct aq_slice acc, struct aq_slice *ret,
                       struct aq_err *err)
{
    const struct st_aggregator_kind *kind = a->own.aggregator->kind;
    struct aq_slice result = acc;
    if (!aq_slice_is_null(acc) && kind->result) {
        int rc = kind->result(a->context, a->own.running, acc, &result, err);
        if (rc != 0) return rc;
    }
    *ret = aq_arena_copy(st_arena(a->context), result);
    return 0;
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

static int send(struct st_aggregation *a, const struct aq_record *rec, const struct st_place *place,
                struct aq_slice value, int64_t time_ms, const struct st_row *row, struct aq_err *err)
{
    struct aq_record out = rec ? *rec : st_new_record(a->context);
    out.key = output_key(a, place);
    out.value = value;
    out.timestamp = time_ms;
    return st_forward_row(a->context, &out, row, err);
}

int st_aggregation_send(struct st_aggregation *a, const struct aq_record *rec, const struct st_place *place,
                        struct aq_err *err)
{
    struct st_accumulated kept;
    struct aq_slice value;
    int rc = st_aggregation_get(a, place, &kept, err);
    if (rc != 0 || aq_slice_is_null(kept.acc)) return rc;
    rc = make_result(a, kept.acc, &value, err);
    if (rc != 0) return rc;
    struct st_place copy = *place;
    copy.key = aq_arena_copy(st_arena(a->context), place->key);
    const struct st_row row = {.old = AQ_NULL_SLICE, .known = true, .is_latest = true};
    return send(a, rec, &copy, value, kept.time_ms, &row, err);
}

/* compat: a tombstone has the time of the record that deleted the row, when the cache is flushed. */
static void note_gone(struct st_aggregation *a, const struct st_place *place, int64_t time_ms)
{
    char rest[ST_SESSION_REST], time[sizeof(int64_t)];
    aq_be64_put(time, (uint64_t)time_ms);
    st_table_put(&a->gone, place->key, st_place_rest(a->rows, place, rest), aq_slice_of(time, sizeof(time)));
}

static bool is_noted(struct st_aggregation *a, const struct st_place *place, int64_t *ret_ms)
{
    char rest[ST_SESSION_REST];
    struct aq_slice time;
    if (a->gone.n_buckets == 0) return false;
    if (!st_table_get(&a->gone, place->key, st_place_rest(a->rows, place, rest), &time)) return false;
    if (aq_slice_is_null(time)) return false;
    *ret_ms = (int64_t)aq_be64_get(time.ptr);
    return true;
}

static void forget_gone(struct st_aggregation *a)
{
    if (a->gone.n_buckets == 0) return;
    st_table_finish(&a->gone);
    st_table_init(&a->gone);
}

/* The time of a row that is gone is not kept with it. */
static int64_t time_of_change(struct st_aggregation *a, const struct st_place *place,
                              const struct st_accumulated *now)
{
    int64_t noted;
    if (a->rows == ST_ROWS_SESSION) return place->end;
    if (!aq_slice_is_null(now->acc)) return now->time_ms;
    if (is_noted(a, place, &noted)) return noted;
    return a->newest_ms >= 0 ? a->newest_ms : 0;
}

/* compat: what a cached session was is read from the store below the cache, which hides it a retention behind the newest one. */
static bool is_hidden(const struct st_aggregation *a, const struct st_place *place)
{
    if (!a->op->compat || a->rows != ST_ROWS_SESSION) return false;
    return place->end <= a->newest_flushed_ms - a->op->windows.retention_ms;
}

static int flush_row(struct st_context *context, void *state, struct aq_slice bucket, struct aq_slice rest,
                     struct aq_slice value, struct aq_slice old, bool known, struct aq_err *err)
{
    struct st_aggregation *a = state;
    struct aq_arena *arena = st_arena(context);
    struct st_place place;
    if (!st_place_of(a->rows, bucket, rest, &place)) return 0;
    place.key = aq_arena_copy(arena, bucket);
    bool hidden = is_hidden(a, &place);
    struct st_accumulated now = take_apart(a, &place, value);
    struct st_accumulated was = take_apart(a, &place, hidden ? AQ_NULL_SLICE : old);
    if (hidden && aq_slice_is_null(now.acc)) return 0;
    if (place.end > a->newest_flushed_ms) a->newest_flushed_ms = place.end;
    struct st_row row = {.old = AQ_NULL_SLICE, .known = known, .is_latest = true};
    struct aq_slice result;
    int rc = make_result(a, now.acc, &result, err);
    if (rc == 0) rc = make_result(a, was.acc, &row.old, err);
    if (rc != 0) return rc;
    return send(a, NULL, &place, result, time_of_change(a, &place, &now), &row, err);
}

int st_aggregation_flush(struct st_aggregation *a, struct aq_err *err)
{
    if (!a->at_flush || a->context->n_children == 0) return 0;
    int rc = st_each_change(a->context, 0, a, flush_row, err);
    forget_gone(a);
    return rc;
}

/* ---- one row ------------------------------------------------------------------------------------------------------ */

int st_aggregation_get(struct st_aggregation *a, const struct st_place *place, struct st_accumulated *ret,
                       struct aq_err *err)
{
    char buf[ST_SESSION_REST];
    struct aq_slice value;
    int rc = st_state_get(a->store, place->key, st_place_rest(a->rows, place, buf), &value, err);
    if (rc != 0) return rc;
    *ret = take_apart(a, place, value);
    return 0;
}

int st_aggregation_add(struct st_aggregation *a, struct aq_record *rec, const struct st_accumulated *kept,
                       struct st_accumulated *next, struct aq_err *err)
{
    const struct st_adder *adder = a->adder;
    next->time_ms = kept->time_ms > rec->timestamp ? kept->time_ms : rec->timestamp;
    return adder->aggregator->kind->add(adder->context, adder->running, rec, kept->acc, &next->acc, err);
}

/* The aggregator made nothing of the record: there was no row and is none, or it gave back the very one it was given. */
static bool is_untouched(const struct st_accumulated *was, const struct st_accumulated *next)
{
    return was->acc.ptr == next->acc.ptr && was->acc.len == next->acc.len;
}

int st_aggregation_set(struct st_aggregation *a, const struct aq_record *rec, const struct st_place *place,
                       const struct st_accumulated *was, const struct st_accumulated *next,
                       struct aq_err *err)
{
    char buf[ST_SESSION_REST];
    struct st_row row = {.old = AQ_NULL_SLICE, .known = true, .is_latest = true};
    struct aq_slice result = AQ_NULL_SLICE;
    /* Kafka Streams sends it on again. */
    if (is_untouched(was, next) && !a->op->compat) return 0;
    bool goes_on = a->eager && a->context->n_children > 0;
    int rc = goes_on ? make_result(a, was->acc, &row.old, err) : 0;
    if (rc == 0 && goes_on) rc = make_result(a, next->acc, &result, err);
    if (rc != 0) return rc;
    int64_t time_ms = next->time_ms;
    st_state_put(a->store, place->key, st_place_rest(a->rows, place, buf), put_together(a, next));
    bool waits = a->op->compat && a->at_flush && a->context->n_children > 0;
    if (waits && aq_slice_is_null(next->acc)) note_gone(a, place, rec->timestamp);
    bool bare = a->op->compat && a->rows == ST_ROWS_SESSION;
    return goes_on ? send(a, bare ? NULL : rec, place, result, time_ms, &row, err) : 0;
}
