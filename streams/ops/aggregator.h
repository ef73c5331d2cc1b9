/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators: how a row of an aggregation grows by one record. What is kept of a row is an accumulator, bytes that only its aggregator
 * understands; what goes downstream is its result. For count and sum the two are the same, for avg the accumulator holds sum and
 * count. The aggregation itself (streams/ops/op_aggregate.c and its siblings) knows keys, windows and stores, and nothing of values.
 *
 * Three types: a kind is static, an aggregator is a kind configured for one node (read-only while it runs, shared by all tasks), and
 * what runs (the `running` below) belongs to one node of one task.
 *
 * Ownership: an accumulator that add(), subtract() or merge() returns lies in what runs, or is one that was handed in. It is valid until the
 * next of these calls, to which it may be handed in: whoever keeps it copies it, as a store does. A result lies in st_arena(), or
 * in the accumulator it was made of: whoever forwards that one copies it into st_arena(). Threads: the worker's own.
 * Errors: 0, or AQ_E_BAD_RECORD for a value that cannot be aggregated, also from Lua: the processing error handler decides, and the
 * row stays as it was. AQ_E_STATE: the accumulator was made by another configuration.
 */
#ifndef AQ_STREAMS_OPS_AGGREGATOR_H
#define AQ_STREAMS_OPS_AGGREGATOR_H

#include "streams/processor.h"

struct st_aggregator_kind {
    const char *name; /* "count" */
    /* For the node of this task; `user` is the aggregator's. NULL: there is nothing to start. */
    int (*start)(struct st_context *context, void *user, void **ret_running, struct aq_err *err);
    void (*stop)(void *running);
    /* What a row begins with, before its first record is added; *ret null: nothing. NULL: always nothing. add() with this is what add() with
     * null is. */
    int (*begin)(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice *ret,
                 struct aq_err *err);
    /* The accumulator with the record in it. acc null: there is no row yet, the record starts it. *ret null: the row is gone. rec is
     * the record as it came; its views may be used. *ret the very acc, null when there is no row: nothing changes, as by a record of
     * which nothing is aggregated (it is nil or null). */
    int (*add)(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err);
    /* The accumulator without a record that was added once (a row of the table in front left this group); acc is not null. *ret null:
     * nothing is left of the row. NULL: it cannot, and why_not says why. */
    int (*subtract)(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err);
    /* One of two (sessions that a record joins): a is the earlier one; neither is null. *ret null: the row is gone. NULL: it cannot. */
    int (*merge)(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err);
    /* What goes downstream; NULL: the accumulator itself. acc is not null. */
    int (*result)(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                  struct aq_err *err);
    /* There is no subtract(): "it keeps the largest only, and when that leaves it does not know what comes next". */
    const char *why_not;
};

struct st_aggregator {
    const struct st_aggregator_kind *kind;
    void *user;
    const struct st_serde *value_serde; /* of the result; NULL: that of the values that come in */
};

#endif
