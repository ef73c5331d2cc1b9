/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of streams and tables, by the names and rules of Kafka Streams.
 *
 *   struct aq_join_windows near = aq_join_within(600000, 60000);
 *   struct aq_stream *paid = aq_stream_join(orders, "paid", payments, &near, order_and_payment, NULL, NULL);
 *   struct aq_stream *named = aq_stream_left_join_table(paid, "named", customers, with_name, NULL, NULL);
 *
 *   inner   results where both sides are there
 *   left    and where only the left one is: `right` is null in the joiner
 *   outer   and where only the right one is: `left` is null
 *
 * The keys of both sides lie in one serde, and their topics have equally many partitions (not of global tables, and not of foreign keys). A
 * stream with a new key goes through a topic first: "<application_id>-<name>-left-by-repartition" and "-right-by-" between two streams,
 * "<application_id>-<name>-by-repartition" with a table.
 *
 * Calls fail and are chained as those of aqueduct/streams.h.
 */
#ifndef AQUEDUCT_JOINS_H
#define AQUEDUCT_JOINS_H

#include "aqueduct/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The value of the result (Kafka Streams' ValueJoinerWithKey). Bytes as for a record's value (aqueduct/processor.h), so left and right may be
 * handed on; *ret begins as null. A null result: the row is deleted, or a record with a null value. There is no record at hand:
 * aq_processor_record_metadata() tells nothing. 0, or a negative number, best from aq_processor_fail(). */
typedef int (*aq_joiner)(struct aq_processor_context *ctx, struct aq_slice key, struct aq_slice left,
                         struct aq_slice right, void *user, struct aq_slice *ret);

/* ---- tables: a row of each key; without a store named it is kept nowhere --------------------------------------------- */

/* Both tables are kept. how->value_serde: of the results; NULL: that of both. */
AQ_API struct aq_table *aq_table_join(struct aq_table *left, const char *name, struct aq_table *right,
                                      aq_joiner join, void *user, const struct aq_materialized *how);
AQ_API struct aq_table *aq_table_left_join(struct aq_table *left, const char *name, struct aq_table *right,
                                           aq_joiner join, void *user, const struct aq_materialized *how);
AQ_API struct aq_table *aq_table_outer_join(struct aq_table *left, const char *name, struct aq_table *right,
                                            aq_joiner join, void *user, const struct aq_materialized *how);

/* Each row of the left table with the row of the right one whose key it names: foreign_key() makes that of it, in the serde of the
 * right table's keys; it begins as the value, and null names none. Results have the left table's keys. Partition counts need not be
 * equal. how->value_serde: of the results; NULL: that of the left table's rows. Both callbacks get the same user. */
AQ_API struct aq_table *aq_table_foreign_key_join(struct aq_table *left, const char *name,
                                                  struct aq_table *right, aq_part_mapper foreign_key,
                                                  aq_joiner join, void *user,
                                                  const struct aq_materialized *how);
AQ_API struct aq_table *aq_table_foreign_key_left_join(struct aq_table *left, const char *name,
                                                       struct aq_table *right, aq_part_mapper foreign_key,
                                                       aq_joiner join, void *user,
                                                       const struct aq_materialized *how);

/* ---- two streams: records of one key whose times are near ------------------------------------------------------------ */

/* ms. Left and right are a pair when left - before <= right <= left + after. One of the two may be negative, their sum not. */
struct aq_join_windows {
    int64_t before_ms;
    int64_t after_ms;
    int64_t grace_ms; /* how late a record may come, in stream time; later ones are dropped and counted */
};

/* At most difference_ms apart. */
static inline struct aq_join_windows aq_join_within(int64_t difference_ms, int64_t grace_ms)
{
    struct aq_join_windows windows;
    windows.before_ms = windows.after_ms = difference_ms;
    windows.grace_ms = grace_ms;
    return windows;
}

/* All zero is good, and NULL stands for that. What does not belong to the join at hand is an error. */
struct aq_joined {
    const char *value_serde; /* of the results; NULL: as the values of the left side */
    const char
        *store; /* two streams: the stores are "<store>-left", "-right" and "-alone"; NULL: the node's name */
    bool in_memory; /* two streams: the stores */
    /* A table with a history: records wait so long, in ms of stream time, for rows that come late. At most its history. */
    int64_t grace_ms;
};

/* A record that finds no partner gives its result, in a left or outer join, when its window and the grace are over. */
AQ_API struct aq_stream *aq_stream_join(struct aq_stream *left, const char *name, struct aq_stream *right,
                                        const struct aq_join_windows *windows, aq_joiner join, void *user,
                                        const struct aq_joined *how);
AQ_API struct aq_stream *aq_stream_left_join(struct aq_stream *left, const char *name,
                                             struct aq_stream *right, const struct aq_join_windows *windows,
                                             aq_joiner join, void *user, const struct aq_joined *how);
AQ_API struct aq_stream *aq_stream_outer_join(struct aq_stream *left, const char *name,
                                              struct aq_stream *right, const struct aq_join_windows *windows,
                                              aq_joiner join, void *user, const struct aq_joined *how);

/* ---- a stream and a table: each record with the row of its key ------------------------------------------------------- */

/* The row as it is when the record comes; of a table with a history as it was at the record's time. */
AQ_API struct aq_stream *aq_stream_join_table(struct aq_stream *stream, const char *name,
                                              struct aq_table *table, aq_joiner join, void *user,
                                              const struct aq_joined *how);
AQ_API struct aq_stream *aq_stream_left_join_table(struct aq_stream *stream, const char *name,
                                                   struct aq_table *table, aq_joiner join, void *user,
                                                   const struct aq_joined *how);

/* ---- a stream and a global table: a whole topic as a table in every process ------------------------------------------- */

struct aq_global_table;

/* One topic, of which all partitions are read from the beginning, before anything else is, and held in memory; its changes give no
 * records. Of `consumed` the topic and the serdes. No other node may read the topic. */
AQ_API struct aq_global_table *aq_global_table_from(struct aq_streams_builder *builder, const char *name,
                                                    const struct aq_consumed *consumed);

/* Each record with the row whose key select() makes of it, which begins as the record's own (null: there is no such row). select NULL: the
 * row of the record's key. Results keep the record's key. Both callbacks get the same user. */
AQ_API struct aq_stream *aq_stream_join_global(struct aq_stream *stream, const char *name,
                                               struct aq_global_table *table, aq_part_mapper select,
                                               aq_joiner join, void *user, const struct aq_joined *how);
AQ_API struct aq_stream *aq_stream_left_join_global(struct aq_stream *stream, const char *name,
                                                    struct aq_global_table *table, aq_part_mapper select,
                                                    aq_joiner join, void *user, const struct aq_joined *how);

#ifdef __cplusplus
}
#endif

#endif
