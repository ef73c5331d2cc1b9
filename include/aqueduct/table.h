/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables: of each key the row that its last value made, a null value deletes it. Names and rules are those of Kafka Streams'
 * KTable. How streams and tables are aggregated to tables: aqueduct/grouped.h; how they are joined: aqueduct/joins.h.
 *
 *   struct aq_table *customers = aq_table_from(b, "customers", &from, NULL);
 *   struct aq_table *active = aq_table_filter(customers, "active", is_active, NULL, NULL);
 *   aq_stream_to(aq_table_to_stream(active, "changes"), "out", "customers.active");
 *
 * A call makes the node of the name given, and returns the table that leaves it. Calls fail and are chained as those of aqueduct/streams.h:
 * NULL after an error, which the builder keeps; a call on NULL does nothing and returns NULL. Tables belong to their builder.
 *
 * What leaves a table are changes of its rows. Those below learn what a row was before as well, and so can take it out of a
 * group again; aq_table_to_stream() leaves that away and makes records of them.
 *
 * Callbacks: as in aqueduct/streams.h. They are asked about a row: the record they get has the row's key and value, the timestamp and
 * headers of the record that changed it. Of one change they may be asked twice, about what the row is and what it was; the value
 * is never null. They decide by key and value alone: else what is taken out of a group is not what was put into it.
 *
 * Stores: options say where rows are kept (struct aq_materialized). Only tables that are kept can be joined, read by processors and in
 * tests (aqueduct/testdriver.h). A table of a topic or a stream and what is aggregated are kept always; the others
 * where a store is named.
 */
#ifndef AQUEDUCT_TABLE_H
#define AQUEDUCT_TABLE_H

#include "aqueduct/streams.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_table;

/* How rows are kept, and how they lie. All zero is good, and NULL stands for that. Copied. */
struct aq_materialized {
    /* Name of the store; its changelog is the topic "<application_id>-<store>-changelog". NULL: that of the node, or none
     * where that is said at the call. */
    const char *store;
    /* How the values lie that the operator makes; NULL: as they came. For operators that make new ones. */
    const char *value_serde;
    bool without_cache;     /* every change goes on at once, not the last one of a row with each commit */
    bool in_memory;         /* not in RocksDB, and read from the changelog at every start */
    bool without_changelog; /* lost when the task moves */
    /* aq_table_from() and aq_stream_to_table(): rows are kept as they were so long ago, in ms, so that a join with a stream finds
     * the row as of the record's time (Kafka Streams' versioned stores). Every change goes on at once. 0: as they are. */
    int64_t history_ms;
};

/* The topic as a table: one topic, read from its beginning unless `consumed` says otherwise. The node that reads it is "<name>-source". */
AQ_API struct aq_table *aq_table_from(struct aq_streams_builder *builder, const char *name,
                                      const struct aq_consumed *consumed, const struct aq_materialized *how);
/* The last value of each key. Behind a new key the records go through the topic "<application_id>-<name>-by-repartition" first. */
AQ_API struct aq_table *aq_stream_to_table(struct aq_stream *stream, const char *name,
                                           const struct aq_materialized *how);
/* The changes as records; of a row that is deleted with a null value. */
AQ_API struct aq_stream *aq_table_to_stream(struct aq_table *table, const char *name);
/* The name of the node, for the calls of aqueduct/topology.h. */
AQ_API const char *aq_table_name(const struct aq_table *table);
/* The name of the store that keeps its rows; NULL: they are kept nowhere. */
AQ_API const char *aq_table_store(const struct aq_table *table);

/* ---- other tables out of it; without a store named they are kept nowhere --------------------------------------------- */

/* Rows for which the test does not hold are deleted for those below. */
AQ_API struct aq_table *aq_table_filter(struct aq_table *table, const char *name, aq_predicate test,
                                        void *user, const struct aq_materialized *how);
AQ_API struct aq_table *aq_table_filter_not(struct aq_table *table, const char *name, aq_predicate test,
                                            void *user, const struct aq_materialized *how);
/* A null value deletes the row. */
AQ_API struct aq_table *aq_table_map_values(struct aq_table *table, const char *name, aq_part_mapper map,
                                            void *user, const struct aq_materialized *how);

/* ---- fewer changes --------------------------------------------------------------------------------------------------- */

enum aq_suppress_until {
    AQ_UNTIL_TIME_LIMIT,    /* limit_ms after the first change that was held back, in stream time */
    AQ_UNTIL_WINDOW_CLOSES, /* of an aggregation in windows: the final result of each, once */
};

enum aq_when_full {
    AQ_FULL_DEFAULT,    /* EMIT_EARLY with a time limit, SHUT_DOWN with windows */
    AQ_FULL_EMIT_EARLY, /* the changes that wait longest go on; not with windows, whose results are final */
    AQ_FULL_SHUT_DOWN,  /* the record fails */
};

/* Kafka Streams' Suppressed. */
struct aq_suppressed {
    enum aq_suppress_until until;
    int64_t limit_ms;     /* AQ_UNTIL_TIME_LIMIT: at least 1 */
    uint64_t max_records; /* rows that a task holds back at most; 0: any number */
    uint64_t max_bytes;   /* keys, values and headers, and 64 bytes for each row; 0: any number */
    enum aq_when_full when_full;
    /* AQ_UNTIL_WINDOW_CLOSES: when no record has come for so long by the wall clock, stream time goes on with it; longer than
     * commit.interval.ms. 0: never. */
    int64_t close_idle_ms;
    bool in_memory; /* what is held back */
};

AQ_API struct aq_table *aq_table_suppress(struct aq_table *table, const char *name,
                                          const struct aq_suppressed *suppressed);

#ifdef __cplusplus
}
#endif

#endif
