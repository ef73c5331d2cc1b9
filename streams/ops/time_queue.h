/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a store in the order of time, whatever key they belong to: what of them is due is found without looking at the others. For
 * operators that hold something back until a time comes: joins their unmatched records, suppress its results. Essay: streams/ops/time_queue.c.
 *
 * A row is a time (ms, not negative), a tail that makes it one of several of that time and orders it among them, and a value. Several queues,
 * and other rows, may share a store: every key of a queue begins with its mark. The store has keys of two parts whose rests vary
 * (ST_REST_VARIES).
 *
 *   bucket   mark (1 byte), number of the slice (8 bytes, big-endian)
 *   rest     time (8 bytes, big-endian), tail
 *
 * Ownership: the store outlives the queue. Threads: the worker that owns the task. Errors: those of the store.
 */
#ifndef AQ_STREAMS_OPS_TIME_QUEUE_H
#define AQ_STREAMS_OPS_TIME_QUEUE_H

#include "streams/state/state.h"

/* A row on its way out. */
struct st_due {
    int64_t time_ms;
    struct aq_slice tail;
    struct aq_slice value;
};

struct st_time_queue {
    struct st_state *state;
    char mark;
    int64_t slice_ms; /* how much time a slice covers */
    int64_t *slices;  /* numbers of those that may hold something: ascending, [first, n) */
    size_t first, n, cap;
    int64_t earliest_ms;  /* no row is earlier; INT64_MAX: there is none */
    struct st_due *ahead; /* rows that were read and not taken yet: [next, n_ahead) */
    size_t next, n_ahead, cap_ahead;
};

/* span_ms: how far apart the earliest and the latest row are as a rule. Must be the same whenever the store is opened. Looks which slices
 * the store has. */
int st_time_queue_open(struct st_time_queue *queue, struct st_state *state, char mark, int64_t span_ms,
                       struct aq_err *err);
void st_time_queue_close(struct st_time_queue *queue);

/* null: there is no such row. */
int st_time_queue_get(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail,
                      struct aq_slice *ret, struct aq_err *err);
/* Makes or replaces a row. */
void st_time_queue_put(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail,
                       struct aq_slice value);
void st_time_queue_remove(struct st_time_queue *queue, int64_t time_ms, struct aq_slice tail);

/* Calls back with every row, in order; its slices are valid until it returns. */
int st_time_queue_each(struct st_time_queue *queue, void (*each)(void *ctx, const struct st_due *row),
                       void *ctx, struct aq_err *err);

/* False: surely nothing is due. Costs nothing. */
static inline bool st_time_queue_may_be_due(const struct st_time_queue *queue, int64_t until_ms)
{
    return queue->earliest_ms <= until_ms;
}

/* Before a row of several calls of peek and take, between which no other call changes the queue. */
void st_time_queue_begin(struct st_time_queue *queue);
/* The first row whose time is not after until_ms: 1 and *ret, copied to the arena; 0: there is none; or a code. */
int st_time_queue_peek(struct st_time_queue *queue, int64_t until_ms, struct aq_arena *arena,
                       struct st_due *ret, struct aq_err *err);
/* Takes what was peeked out of the queue. */
void st_time_queue_take(struct st_time_queue *queue);

#endif
