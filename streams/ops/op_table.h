/* SPDX-License-Identifier: Apache-2.0
 *
 * The processors of tables: their kinds, and what each is told (`user` of the node; read-only while it runs, shared by all tasks).
 * What one of them does with a record is in streams/op_table_NAME.c; how joins, which take several nodes, are put together is in
 * streams/ops/table_build.h.
 *
 * Between tables a record stands for a change of a row: key, what the row became (null: it is gone), and by st_row() what it was.
 * A node with a store keeps its rows there (streams/ops/rows.h); one without works out what a row was from what its parent says.
 * Where a store is optional, the node's first one is it.
 *
 * Ownership: programs and what callbacks are given point into the configuration. Threads: kinds are constant; their state belongs to
 * one task.
 */
#ifndef AQ_STREAMS_OPS_OP_TABLE_H
#define AQ_STREAMS_OPS_OP_TABLE_H

#include "streams/ops/aggregator.h"
#include "streams/ops/joiner.h"
#include "streams/ops/row_function.h"
#include "streams/serde/serde_flow.h"

/* table, to_table: records become rows. A null value deletes, a record without a key is dropped and counted; what comes out of
 * order is applied. user NULL: all zero. Without a store: the records stand for changes of which nobody knows what was. */
struct st_table_source {
    int64_t history_ms; /* of a versioned store; 0: it is none */
};
extern const struct st_processor_kind st_table_source_kind;

/* filter, filter_not: rows that do not pass are gone, as far as those below can see. Store: optional. */
struct st_table_filter {
    struct st_row_function where; /* lua or test */
    bool negate;
    int64_t history_ms;
    /* As Kafka Streams: every row that does not pass goes on as a tombstone, also when those below never had it; unless what rows were is
     * tracked, which it is of tables that are kept and have no history. Not so: only when it had passed before. */
    bool compat;
    bool tracked;
};
extern const struct st_processor_kind st_table_filter_kind;
/* What leaves the node are changes of a table with a history: it keeps the rows, or is worked out of such a table and keeps none. */
bool st_table_has_history(const struct st_node *table);

/* map_values: an expression makes the new row, or statements edit it. Store: optional. */
struct st_table_map {
    struct st_row_function value; /* lua or call; or */
    struct lua_program edit;
    int64_t history_ms;
};
extern const struct st_processor_kind st_table_map_values_kind;

/* to_stream: changes become records, deletions ones with a null value. No user. */
extern const struct st_processor_kind st_to_stream_kind;

/* group_by: a row becomes a key and a value, of which either may be null: then it belongs to no group. Its records are pairs of
 * what came to a group and what left it (streams/serde/change.h), for the repartition behind it; their value serde is "bytes". */
struct st_table_group {
    struct st_row_function key;
    struct st_row_function value; /* not there: the row's value */
};
extern const struct st_processor_kind st_table_group_kind;

/* Aggregation of what a group_by and its repartition bring. user: a struct st_aggregator that can subtract. Store: one, timestamped, of
 * accumulators. */
extern const struct st_processor_kind st_table_aggregate_kind;
/* How the rows lie that such a node is given in pairs: as the values of the group_by two nodes up, behind whose repartition it stands. in:
 * what comes in, by node of the plan, of which there are n. */
const struct st_serde *st_table_aggregate_takes(const struct st_plan_node *node, const struct st_serdes *in,
                                                size_t n);

/* ---- joins -------------------------------------------------------------------------------------------------------- */

/* Two tables: one processor a side, both with this user, and one behind both that hands on (store: optional). Stores of a side: its own
 * table's, the other's; of a table that is joined with itself, the one. */
struct st_table_join {
    struct st_joiner joiner;
    bool left_alone;  /* a row of the left without one of the right gives a result: left and outer joins */
    bool right_alone; /* and the other way round: outer joins */
    int64_t left_history_ms; /* of versioned stores; 0: they are none */
    int64_t right_history_ms;
    /* As Kafka Streams: a table that is joined with itself gives every result twice, and changes of both tables that wait for one flush both
     * meet the other's new row. */
    bool compat;
};
extern const struct st_processor_kind st_table_join_left_kind;
extern const struct st_processor_kind st_table_join_right_kind;
extern const struct st_processor_kind st_table_join_kind; /* no user */

/* A stream and a table. Stores: the table's; with a grace period the buffer (st_delay_conf() in streams/ops/delay.h). */
struct st_stream_table_join {
    struct st_joiner joiner;
    bool left;          /* a record without a row gives a result */
    int64_t history_ms; /* of a versioned table: the row as of the record's time; 0: as it is */
    int64_t grace_ms;   /* records wait so long, in stream time, for rows that come late; 0: they do not */
};
extern const struct st_processor_kind st_stream_table_join_kind;

/* A stream and a global table: the one the node is connected to (st_connect_global_table()). */
struct st_stream_global_join {
    struct st_joiner joiner;
    bool left;
    struct st_row_function key; /* of the row, from the record; not there: the record's key */
};
extern const struct st_processor_kind st_stream_global_join_kind;

#endif
