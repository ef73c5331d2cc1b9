/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a store in the order of time (streams/ops/time_queue.h).
 *
 * Why slices. Two layouts come to mind. One bucket for all rows is found at once and keeps them in order, but a bucket is what a table
 * remembers and forgets: with all rows in one the table could never forget any, and a queue of a day's records would have to be in
 * memory. A bucket for every millisecond can be forgotten, but then the list of the buckets is as long as the queue. So a bucket covers a slice
 * of time: a few thousand of them over the span in which rows are as a rule. The list of slices is short enough for memory, a slice is
 * small, those that are far from being due are forgotten when room is needed, and what is due is one slice or two.
 *
 * An ordinary pass: a row is put into the slice of its time; it is removed again because it found what it waited for, or it becomes
 * due. `earliest_ms` tells most calls that nothing can be due. When something may be, the first slice is read from there on, some
 * rows are copied ahead, and handed out one after the other; what is taken is deleted from the store. A slice in which
 * nothing is left leaves the list.
 *
 * A failing pass: the store cannot be read: the call ends with its code, and nothing was taken that was not handed out.
 *
 * Invariants: every row lies in a slice of the list; slices may be on the list that hold nothing; no row is earlier than `earliest_ms`.
 * After a restart the list is read from the store, so it is never written.
 */
#include "streams/ops/time_queue.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"

#define SLICES     4096 /* over the span */
#define MARK_LEN   1
#define TIME_LEN   8
#define BUCKET_LEN (MARK_LEN + TIME_LEN)
#define READ_AHEAD 128 /* rows; those of one time stay together */

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static int64_t slice_of(const struct st_time_queue *queue, int64_t time_ms)
{
    AQ_ASSERT(time_ms >= 0);
    return time_ms / queue->slice_ms;
}

static struct aq_slice bucket_of(const struct st_time_queue *queue, int64_t slice, char *into)
{
    into[0] = queue->mark;
    aq_be64_put(into + MARK_LEN, (uint64_t)slice);
    return aq_slice_of(into, BUCKET_LEN);
}

#define TAIL_ON_STACK 256

/* A rest, in the room of the caller when it is small. */
struct rest_room {
    char bytes[TIME_LEN + TAIL_ON_STACK];
    char *block; /* to be freed; NULL: not needed */
};

static struct aq_slice make_rest(struct rest_room *room, int64_t time_ms, struct aq_slice tail)
{
    room->block = tail.len > TAIL_ON_STACK ? aq_malloc(TIME_LEN + tail.len) : NULL;
    char *at = room->block ? room->block : room->bytes;
    aq_be64_put(at, (uint64_t)time_ms);
    if (tail.len) memcpy(at + TIME_LEN, tail.ptr, tail.len);
    return aq_slice_of(at, TIME_LEN + tail.len);
}

/* ---- slices ------------------------------------------------------------------------------------------------------- */

static bool is_empty(const struct st_time_queue *queue)
{
    return queue->first == queue->n;
}

/* Where the slice is in the list, or would be. */
static size_t place_of(const struct st_time_queue *queue, int64_t slice)
{
    size_t low = queue->first, high = queue->n;
    if (low < high && queue->slices[high - 1] < slice) return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (queue->slices[middle] < slice)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* For one more behind the last: at the cost of those that left the front, or of a larger block. */
static void make_room(struct st_time_queue *queue)
{
    size_t n = queue->n - queue->first;
    if (queue->n < queue->cap) return;
    if (queue->first > 0) memmove(queue->slices, queue->slices + queue->first, n * sizeof(*queue->slices));
    queue->first = 0;
    queue->n = n;
    if (n < queue->cap / 2) return;
    queue->cap = queue->cap ? queue->cap * 2 : 64;
    queue->slices = aq_realloc(queue->slices, queue->cap * sizeof(*queue->slices));
}

static void add_slice(struct st_time_queue *queue, int64_t slice)
{
    size_t place = place_of(queue, slice);
    if (place < queue->n && queue->slices[place] == slice) return;
    if (place == queue->first && queue->first > 0) {
        queue->slices[--queue->first] = slice;
        return;
    }
    place -= queue->first;
    make_room(queue);
    place += queue->first;
    memmove(queue->slices + place + 1, queue->slices + place, (queue->n - place) * sizeof(*queue->slices));
    queue->slices[place] = slice;
    queue->n++;
}

static void drop_first_slice(struct st_time_queue *queue)
{
    AQ_ASSERT(!is_empty(queue));
    queue->first++;
    if (is_empty(queue)) queue->first = queue->n = 0;
    queue->earliest_ms = is_empty(queue) ? INT64_MAX : queue->slices[queue->first] * queue->slice_ms;
}

/* ---- what is in the store ----------------------------------------------------------------------------------------- */

struct finding {
    char mark;
    int64_t slice; /* -1: none */
};

static int find_slice(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                      struct aq_err *err)
{
    struct finding *finding = ctx;
    (void)rest;
    (void)value;
    (void)err;
    if (bucket.len == BUCKET_LEN && bucket.ptr[0] == finding->mark)
        finding->slice = (int64_t)aq_be64_get(bucket.ptr + MARK_LEN);
    return 1;
}

/* Hops from slice to slice: keys begin with the length of the bucket, so those of one mark lie side by side. */
static int read_slices(struct st_time_queue *queue, struct aq_err *err)
{
    char from[4 + BUCKET_LEN], to[4 + BUCKET_LEN];
    aq_be32_put(from, BUCKET_LEN);
    aq_be32_put(to, BUCKET_LEN);
    bucket_of(queue, INT64_MAX, to + 4);
    struct finding finding = {.mark = queue->mark, .slice = -1};
    for (;;) {
        bucket_of(queue, finding.slice + 1, from + 4);
        const struct st_state_range range = {.from = aq_slice_of(from, sizeof(from)),
                                             .to = aq_slice_of(to, sizeof(to))};
        finding.slice = -1;
        int rc = st_state_all(queue->state, &range, find_slice, &finding, err);
        if (rc != 0 || finding.slice < 0) return rc;
        add_slice(queue, finding.slice);
    }
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

int st_time_queue_open(struct st_time_queue *queue, struct st_state *state, char mark, int64_t span_ms,
                       struct aq_err *err)
{
    AQ_ASSERT(state && state->conf.rest_len == ST_REST_VARIES && span_ms >= 0);
    *queue = (struct st_time_queue){
        .state = state, .mark = mark, .slice_ms = span_ms / SLICES + 1, .earliest_ms = INT64_MAX};
    int rc = read_slices(queue, err);
    if (rc != 0)
        st_time_queue_close(queue);
    else if (!is_empty(queue))
        queue->earliest_ms = queue->slices[0] * queue->slice_ms;
    return rc;
}

void st_time_queue_close(struct st_time_queue *queue)
{
    free(queue->slices);
    free(queue->ahead);
    *queue = (struct st_time_queue){0};
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

int st_time_queue_get(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail,
                      struct aq_slice *ret, struct aq_err *err)
{
    char bucket[BUCKET_LEN];
    struct rest_room room;
    *ret = AQ_NULL_SLICE;
    if (time_ms < queue->earliest_ms) return 0;
    struct aq_slice rest = make_rest(&room, time_ms, tail);
    int rc = st_state_get(queue->state, bucket_of(queue, slice_of(queue, time_ms), bucket), rest, ret, err);
    free(room.block);
    return rc;
}

static void put(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail, struct aq_slice value)
{
    char bucket[BUCKET_LEN];
    struct rest_room room;
    struct aq_slice rest = make_rest(&room, time_ms, tail);
    st_state_put(queue->state, bucket_of(queue, slice_of(queue, time_ms), bucket), rest, value);
    free(room.block);
}

void st_time_queue_put(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail,
                       struct aq_slice value)
{
    AQ_ASSERT(!aq_slice_is_null(value));
    add_slice(queue, slice_of(queue, time_ms));
    if (time_ms < queue->earliest_ms) queue->earliest_ms = time_ms;
    put(queue, time_ms, tail, value);
}

void st_time_queue_remove(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail)
{
    put(queue, time_ms, tail, AQ_NULL_SLICE);
}

static int read_rest(struct aq_slice rest, struct st_due *ret, struct aq_err *err)
{
    if (rest.len < TIME_LEN) return aq_fail(err, AQ_E_CORRUPT, "a row of a queue without a time");
    ret->time_ms = (int64_t)aq_be64_get(rest.ptr);
    ret->tail = rest.len > TIME_LEN ? aq_slice_of(rest.ptr + TIME_LEN, rest.len - TIME_LEN) : AQ_LIT("");
    return 0;
}

struct telling {
    void (*each)(void *ctx, const struct st_due *row);
    void *ctx;
};

static int tell_row(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                    struct aq_err *err)
{
    const struct telling *telling = ctx;
    struct st_due row = {.value = value};
    (void)bucket;
    int rc = read_rest(rest, &row, err);
    if (rc == 0) telling->each(telling->ctx, &row);
    return rc;
}

int st_time_queue_each(struct st_time_queue *queue, void (*each)(void *ctx, const struct st_due *row),
                       void *ctx, struct aq_err *err)
{
    char bucket[BUCKET_LEN];
    const struct st_state_range all = {.from = AQ_NULL_SLICE, .to = AQ_NULL_SLICE};
    struct telling telling = {each, ctx};
    for (size_t i = queue->first; i < queue->n; i++) {
        int rc = st_state_bucket(queue->state, bucket_of(queue, queue->slices[i], bucket), &all, tell_row,
                                 &telling, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* ---- what is due -------------------------------------------------------------------------------------------------- */

struct reading {
    struct st_time_queue *queue;
    struct aq_arena *arena;
    int64_t until_ms;
    int64_t stopped_ms; /* the first row that was not read; -1: the slice ended */
};

static int read_row(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                    struct aq_err *err)
{
    struct reading *reading = ctx;
    struct st_time_queue *queue = reading->queue;
    (void)bucket;
    struct st_due row;
    int rc = read_rest(rest, &row, err);
    if (rc != 0) return rc;
    bool enough = queue->n_ahead >= READ_AHEAD && row.time_ms != queue->ahead[queue->n_ahead - 1].time_ms;
    if (row.time_ms > reading->until_ms || enough) {
        reading->stopped_ms = row.time_ms;
        return 1;
    }
    if (queue->n_ahead == queue->cap_ahead) {
        queue->cap_ahead = queue->cap_ahead ? queue->cap_ahead * 2 : 16;
        queue->ahead = aq_realloc(queue->ahead, queue->cap_ahead * sizeof(*queue->ahead));
    }
    row.tail = aq_arena_copy(reading->arena, row.tail);
    row.value = aq_arena_copy(reading->arena, value);
    queue->ahead[queue->n_ahead++] = row;
    return 0;
}

void st_time_queue_begin(struct st_time_queue *queue)
{
    queue->next = queue->n_ahead = 0;
}

/* Reads the first slice from the earliest row on. */
static int read_ahead(struct st_time_queue *queue, int64_t until_ms, struct aq_arena *arena,
                      struct aq_err *err)
{
    char bucket[BUCKET_LEN], from[TIME_LEN];
    struct reading reading = {.queue = queue, .arena = arena, .until_ms = until_ms, .stopped_ms = -1};
    aq_be64_put(from, (uint64_t)queue->earliest_ms);
    const struct st_state_range range = {.from = aq_slice_of(from, sizeof(from)), .to = AQ_NULL_SLICE};
    st_time_queue_begin(queue);
    int rc = st_state_bucket(queue->state, bucket_of(queue, queue->slices[queue->first], bucket), &range,
                             read_row, &reading, err);
    if (rc != 0) return rc;
    if (queue->n_ahead > 0)
        queue->earliest_ms = queue->ahead[0].time_ms;
    else if (reading.stopped_ms >= 0)
        queue->earliest_ms = reading.stopped_ms;
    else
        drop_first_slice(queue);
    return 0;
}

int st_time_queue_peek(struct st_time_queue *queue, int64_t until_ms, struct aq_arena *arena,
                       struct st_due *ret, struct aq_err *err)
{
    while (queue->next == queue->n_ahead) {
        if (!st_time_queue_may_be_due(queue, until_ms)) return 0;
        int rc = read_ahead(queue, until_ms, arena, err);
        if (rc != 0) return rc;
    }
    if (queue->ahead[queue->next].time_ms > until_ms) return 0;
    *ret = queue->ahead[queue->next];
    return 1;
}

void st_time_queue_take(struct st_time_queue *queue)
{
    AQ_ASSERT(queue->next < queue->n_ahead);
    const struct st_due *row = &queue->ahead[queue->next++];
    queue->earliest_ms = row->time_ms;
    st_time_queue_remove(queue, row->time_ms, row->tail);
}
