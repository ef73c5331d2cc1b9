/* SPDX-License-Identifier: Apache-2.0
 *
 * Records by key, and what is made of each key's: count, reduce, aggregate, cogroup, with windows (aqueduct/windows.h) or without.
 * Names and rules are those of Kafka Streams' KGroupedStream, KGroupedTable, TimeWindowedKStream, SessionWindowedKStream and
 * CogroupedKStream.
 *
 *   struct aq_grouped *by_customer = aq_stream_group_by(orders, "by-customer", customer_of, NULL, NULL);
 *   struct aq_table *orders_per_customer = aq_grouped_count(by_customer, "orders-per-customer", NULL);
 *
 * Calls fail and are chained as those of aqueduct/streams.h. A group may be aggregated several times. Groups belong to their builder.
 *
 * Rows are kept in a store, of the node's name unless options name another (struct aq_materialized in aqueduct/table.h). The key of a
 * row in windows carries its window.
 *
 * Dropped, and counted: records without a key or a value. Of a table the rows leave their groups again when they change, so its
 * aggregations have to subtract.
 */
#ifndef AQUEDUCT_GROUPED_H
#define AQUEDUCT_GROUPED_H

#include "aqueduct/aggregator.h"
#include "aqueduct/table.h"
#include "aqueduct/windows.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_grouped;

/* ---- groups ---------------------------------------------------------------------------------------------------------- */

/* All zero is good, and NULL stands for that. */
struct aq_group_options {
    const char *key_serde; /* of the new key; NULL: as the key that came */
    int32_t partitions;    /* of the topic in between; 0: as many as the largest in front of it */
};

/* By the key they have. When an operator in front makes new keys, through the topic "<application_id>-<name>-repartition". */
AQ_API struct aq_grouped *aq_stream_group_by_key(struct aq_stream *stream, const char *name);
/* By a new key, always through that topic; the node "<name>-select" makes it. A null key: the record is dropped. */
AQ_API struct aq_grouped *aq_stream_group_by(struct aq_stream *stream, const char *name,
                                             aq_part_mapper select, void *user,
                                             const struct aq_group_options *options);
/* The rows of a table by a new key; a null key: the row is in no group. Values stay; aq_table_map_values() in front makes others. */
AQ_API struct aq_grouped *aq_table_group_by(struct aq_table *table, const char *name, aq_part_mapper select,
                                            void *user, const struct aq_group_options *options);
/* The same records in windows. Of streams only. */
AQ_API struct aq_grouped *aq_grouped_windowed_by(struct aq_grouped *grouped,
                                                 const struct aq_windows *windows);

/* ---- tables of them -------------------------------------------------------------------------------------------------- */

/* How many records; int64. */
AQ_API struct aq_table *aq_grouped_count(struct aq_grouped *grouped, const char *name,
                                         const struct aq_materialized *how);

/* One value of two, neither being null: `aggregate` is the row so far, of sessions that meet the earlier one. *ret begins as
 * `aggregate`, which goes on again with the later time when nothing else is set; null deletes the row. 0, or a negative number,
 * best from aq_processor_fail(). */
typedef int (*aq_reducer)(struct aq_processor_context *ctx, struct aq_slice aggregate, struct aq_slice value,
                          void *user, struct aq_slice *ret);

/* A key's first value is its row. subtract: of a table, the row without a value that was added before; else NULL. */
AQ_API struct aq_table *aq_grouped_reduce(struct aq_grouped *grouped, const char *name, aq_reducer add,
                                          aq_reducer subtract, void *user, const struct aq_materialized *how);

/* What the program's aggregator makes of them. Of a table it needs subtract(), of sessions merge(). value_serde of the options says how the
 * results lie. */
AQ_API struct aq_table *aq_grouped_aggregate(struct aq_grouped *grouped, const char *name,
                                             const struct aq_aggregator *aggregator, void *user,
                                             const struct aq_materialized *how);

/* What the library has; `aqueduct help aggregate` tells all of them. */
struct aq_built_in {
    const char *function; /* count, sum, avg, min, max, first, last, count_distinct, top_n, collect */
    /* Lua expression for what is aggregated of a record, "value.amount"; NULL: the value. Not of count. */
    const char *of;
    const char *as;   /* serde of the result; NULL: the function's own */
    int64_t n;        /* top_n: how many, 1 to 1000 */
    const char *keep; /* top_n: Lua expression for what is kept of each record; NULL: the value */
    int64_t limit;    /* collect: how many elements a row may have; 0: 1000 */
};

AQ_API struct aq_table *aq_grouped_built_in(struct aq_grouped *grouped, const char *name,
                                            const struct aq_built_in *built_in,
                                            const struct aq_materialized *how);

/* ---- several streams to one table ------------------------------------------------------------------------------------ */

/* As add() of struct aq_aggregator. */
typedef int (*aq_adder)(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                        struct aq_slice aggregate, struct aq_slice *ret);

/* A group of a stream without windows, and how its records are added. */
struct aq_cogroup_input {
    struct aq_grouped *grouped;
    aq_adder add;
};

/* A row of all records that have its key, of whichever input; at least one, of one builder, with equally many partitions. windows
 * NULL: none. aggregator: what a row begins with, how sessions are merged, and the result; its add() is not called and may be NULL. An
 * input is the node "<name>-<name of the group>". */
AQ_API struct aq_table *aq_cogroup(const char *name, const struct aq_cogroup_input *inputs, size_t n_inputs,
                                   const struct aq_windows *windows, const struct aq_aggregator *aggregator,
                                   void *user, const struct aq_materialized *how);

#ifdef __cplusplus
}
#endif

#endif
