/* SPDX-License-Identifier: Apache-2.0
 *
 * What aggregations in windows share besides their rows: the operator's own stream time, which windows are late, and when the final
 * results go on. Essay: streams/ops/windowing.c. Only streams/op_*aggregate.c call this.
 *
 * Threads: the worker's own. Errors: as in streams/ops/aggregation.h.
 */
#ifndef AQ_STREAMS_OPS_WINDOWING_H
#define AQ_STREAMS_OPS_WINDOWING_H

#include "streams/ops/aggregation.h"
#include "streams/ops/closing.h"

struct st_windowing {
    struct st_aggregation rows; /* first: streams/ops/op_aggregate.c */
    const struct st_windows *windows;
    bool closes;               /* ST_EMIT_CLOSE */
    struct st_closing closing; /* windows whose final result has not gone on */
    int64_t next_over_ms;      /* nothing in it is over before this stream time */
    int64_t newest_put_ms; /* largest start, of sessions end, that was put since the task began; ST_NO_TIME */
    int64_t stream_ms;     /* the operator's own; ST_NO_TIME */
    struct st_state *time_store; /* where it is kept; NULL: nowhere */
    int64_t kept_ms;             /* as it is there */
    int64_t still_ms;            /* when it was that time by the wall clock */
    bool idle;                   /* it moves with the wall clock */
    struct st_schedule *ticks;   /* looks at the wall clock; NULL: nothing waits */
};

int st_windowing_start(struct st_windowing *w, struct st_context *context, const struct st_aggregate *op,
                       enum st_row_form rows, struct aq_err *err);
void st_windowing_stop(struct st_windowing *w);

/* A record has come: stream time moves, what is over by it goes on, and add() sees to all of the record's windows. Without a key, and
 * without a value unless null_values are taken, it is dropped. */
typedef int st_windowing_add_all(void *state, struct aq_record *rec, struct aq_err *err);
int st_windowing_process(struct st_windowing *w, struct aq_record *rec, bool null_values,
                         st_windowing_add_all *add, void *state, struct aq_err *err);

/* A window with this end takes no more records. */
bool st_windowing_is_over(const struct st_windowing *w, int64_t end);
/* The first start, of sessions end, of rows that those who look for some are shown. compat: Kafka Streams hides rows that are a retention or
 * more older than the newest; where they are cached it finds them all the same. Otherwise 0: what is there is found. */
int64_t st_windowing_shown_from(const struct st_windowing *w);
/* Counts one record, or one window of it, that came too late. */
void st_windowing_late(struct st_windowing *w);

/* st_aggregation_set() of a window that is not over. */
int st_windowing_set(struct st_windowing *w, const struct aq_record *rec, const struct st_place *place,
                     const struct st_accumulated *was, const struct st_accumulated *next, struct aq_err *err);
/* The record into one row; counts it as late when the window is over. */
int st_windowing_add(struct st_windowing *w, struct aq_record *rec, const struct st_place *place,
                     struct aq_err *err);

/* For kind->flush. */
int st_windowing_flush(struct st_windowing *w, struct aq_err *err);

#endif
