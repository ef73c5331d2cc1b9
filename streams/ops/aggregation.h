/* SPDX-License-Identifier: Apache-2.0
 *
 * What all aggregations share: rows in their store, accumulators that grow, and results on their way. Only
 * streams/op_*aggregate.c and streams/ops/windowing.c call this.
 *
 * Threads: the worker's own. Errors: those of aggregators, the store, and of whoever gets the results.
 */
#ifndef AQ_STREAMS_OPS_AGGREGATION_H
#define AQ_STREAMS_OPS_AGGREGATION_H

#include "streams/ops/op_aggregate.h"
#include "streams/state/state.h"
#include "streams/timestamp.h"

#define ST_WINDOW_REST  12 /* start, sequence */
#define ST_SESSION_REST 16 /* end, start */

enum st_row_form { ST_ROWS_PLAIN, ST_ROWS_WINDOW, ST_ROWS_SESSION };

/* Where a row is. */
struct st_place {
    struct aq_slice key;
    int64_t start, end; /* end: sessions only */
};

/* A running aggregator, and whose records it reads. */
struct st_adder {
    struct st_context *context;
    const struct st_aggregator *aggregator;
    void *running;
    int64_t stream_ms; /* compat: the largest timestamp that came by it into windows; ST_NO_TIME */
};
int st_adder_start(struct st_adder *adder, struct st_context *context, const struct st_aggregator *aggregator,
                   struct aq_err *err);
void st_adder_stop(struct st_adder *adder);

/* The first member of every aggregation's state. */
struct st_aggregation {
    struct st_context *context;
    const struct st_aggregate *op;
    enum st_row_form rows;
    bool eager;    /* changes go on at once */
    bool at_flush; /* they go on with the flush; neither: the aggregation sends results itself */
    struct st_state *store;
    struct st_adder own;       /* makes the results, and merges */
    struct st_adder *adder;    /* of the record at hand: `own`, or that of the input it came by */
    int64_t newest_ms;         /* largest timestamp of a record so far; ST_NO_TIME */
    int64_t newest_flushed_ms; /* largest end of a session that a flush has sent on; ST_NO_TIME */
    struct st_table gone;      /* compat: times of the records that deleted rows since the last flush */
    char *stamped;             /* a value on its way into the store */
    size_t stamped_cap;
};

int st_aggregation_start(struct st_aggregation *a, struct st_context *context, const struct st_aggregate *op,
                         enum st_row_form rows, struct aq_err *err);
void st_aggregation_stop(struct st_aggregation *a);

/* True when the record has what the aggregation needs; else it counts as dropped. Its key can be looked at afterwards. */
bool st_aggregation_takes(struct st_aggregation *a, struct aq_record *rec, bool null_values);

/* One row: what is kept of it, and its time (of a session: its end). Valid until the next call on the store. */
struct st_accumulated {
    struct aq_slice acc; /* null: there is no row */
    int64_t time_ms;
};

int st_aggregation_get(struct st_aggregation *a, const struct st_place *place, struct st_accumulated *ret,
                       struct aq_err *err);
/* *next: the accumulator with the record in it, and the later of the two times. */
int st_aggregation_add(struct st_aggregation *a, struct aq_record *rec, const struct st_accumulated *kept,
                       struct st_accumulated *next, struct aq_err *err);
/* Puts a row, and sends its result on if changes go on at once. was: what it was, as st_aggregation_get() gave it. Neither may have become
 * invalid. The record is the cause, whose headers the result carries. */
int st_aggregation_set(struct st_aggregation *a, const struct aq_record *rec, const struct st_place *place,
                       const struct st_accumulated *was, const struct st_accumulated *next,
                       struct aq_err *err);
/* Sends the row's result on as it is in the store; nothing when it is not there. rec: the cause, or NULL. */
int st_aggregation_send(struct st_aggregation *a, const struct aq_record *rec, const struct st_place *place,
                        struct aq_err *err);
/* For kind->flush. */
int st_aggregation_flush(struct st_aggregation *a, struct aq_err *err);

/* The second part of a row's key; buf has ST_SESSION_REST bytes. */
struct aq_slice st_place_rest(enum st_row_form rows, const struct st_place *place, char *buf);
/* The way back. False: it is none of ours. */
bool st_place_of(enum st_row_form rows, struct aq_slice bucket, struct aq_slice rest, struct st_place *ret);

#endif
