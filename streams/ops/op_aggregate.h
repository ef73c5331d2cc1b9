/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations of streams: count, reduce and aggregate, without windows and in windows of all kinds, of one stream or of several
 * (cogroup). What a row is made of is the aggregator's (streams/ops/aggregator.h); which rows a record belongs to, and when results go
 * on, is told here.
 *
 *   windows             kind                      rows of the store: bucket; rest; value     output key
 *   none                st_aggregate_kind         key; -; time, accumulator                  key
 *   tumbling, hopping   st_window_aggregate_kind  key; start, 0; time, accumulator           key, start
 *   sliding             st_sliding_aggregate_kind the same                                   key, start
 *   session             st_session_aggregate_kind key; end, start; accumulator               key, end, start
 *
 * These are the keys and values of Kafka Streams' changelogs; output keys are those of its windowed serializers
 * (streams/serde/windowed_key.h).
 *
 * When results go on:
 *   ST_EMIT_UPDATES  every change of a row: at once when the store is not cached, else when the cycle is flushed.
 *   ST_EMIT_CLOSE    the last state of each window, exactly once, when the operator's own stream time passes its end and the grace. Windows
 *                    of one moment go on by end, then start, then the bytes of their keys.
 *
 * A result has the largest timestamp that went into its row; that of a session its end.
 *
 * The operator's own stream time is the largest timestamp of the records that reached it. It survives a restart: it is kept in a
 * store of its own where a final result depends on it (ST_EMIT_CLOSE), and is task stream time otherwise.
 *
 * close_idle_ms: when no record reached the operator for that long by the wall clock, its stream time moves by as much as the wall clock
 * has since the last record, and goes on doing so until the next one comes. So the windows of an idle partition are
 * over by the clock. What comes with older timestamps afterwards is late. It is looked at every close_idle_ms / 4, at least
 * every 5 s, while windows wait.
 *
 * cogroup: each stream has an st_cogroup_input_kind processor in front, whose `user` is its aggregator and whose only child is the
 * aggregation. Its kind is the st_cogroup_ one; op->aggregator makes the results, and merges sessions.
 */
#ifndef AQ_STREAMS_OPS_OP_AGGREGATE_H
#define AQ_STREAMS_OPS_OP_AGGREGATE_H

#include "streams/ops/aggregator.h"
#include "streams/ops/windows.h"

enum st_emit { ST_EMIT_UPDATES, ST_EMIT_CLOSE };

/* `user` of the kinds; read-only while they run. */
struct st_aggregate {
    struct st_aggregator aggregator;
    bool
        compat; /* Kafka Streams' way where ours differs: what is said at each place in streams/op_*aggregate.c */
    /* With windows: */
    struct st_windows windows; /* completed and checked */
    enum st_emit emit;
    int64_t close_idle_ms; /* ST_EMIT_CLOSE; 0: never */
};

extern const struct st_processor_kind st_aggregate_kind;
extern const struct st_processor_kind st_window_aggregate_kind;
extern const struct st_processor_kind st_sliding_aggregate_kind;
extern const struct st_processor_kind st_session_aggregate_kind;

/* user: a struct st_aggregator. */
extern const struct st_processor_kind st_cogroup_input_kind;
/* The same four for several streams, which must have the same number of partitions. */
extern const struct st_processor_kind st_cogroup_kind;
extern const struct st_processor_kind st_window_cogroup_kind;
extern const struct st_processor_kind st_sliding_cogroup_kind;
extern const struct st_processor_kind st_session_cogroup_kind;

/* The kind for these windows; NULL: none. */
const struct st_processor_kind *st_aggregate_kind_of(const struct st_windows *windows, bool cogroup);

/* The windows of a node of one of these kinds; NULL: it has none, or is something else. */
const struct st_windows *st_aggregate_windows(const struct st_node *node);
/* The serde of the keys that leave an aggregation in these windows, where those that reach it are in `key` (NULL: not known). streams/serde/serde_flow.c
 * asks; a node needs no key serde of its own for it. */
const struct st_serde *st_windows_key_serde(const struct st_windows *windows, const struct st_serde *key);

/* How the store of the aggregation keeps its rows: `how` with the length of its keys, whether values have times, and retention. windows
 * NULL: none. */
struct st_store_conf st_aggregate_store_conf(const struct st_windows *windows, struct st_store_conf how);
/* Adds the store, and connects it to the node; with ST_EMIT_CLOSE also "<store>-time", which keeps the operator's stream time. The
 * node's stores are then [0] the rows, [1] the time. windowed: op has windows. */
int st_aggregate_add_stores(struct st_topology *topology, const char *node, const char *store,
                            const struct st_aggregate *op, bool windowed, struct st_store_conf how,
                            struct aq_err *err);

#endif
