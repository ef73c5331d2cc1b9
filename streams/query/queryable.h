/* SPDX-License-Identifier: Apache-2.0
 *
 * What of an application can be asked for rows: its stores, how the rows of each lie in it, in which serdes, and in which partition a
 * key is.
 *
 * Tables, aggregations and the stores of programs can be asked. What joins, suppress and timers keep for themselves cannot: it is no
 * table, and its form is nobody's business.
 *
 * Ownership: points into plan and serde flow, which outlive it. Read-only once made; any thread.
 */
#ifndef AQ_STREAMS_QUERY_QUERYABLE_H
#define AQ_STREAMS_QUERY_QUERYABLE_H

#include "streams/ops/aggregator.h"
#include "streams/ops/windows.h"
#include "streams/serde/serde_flow.h"
#include "streams/tasks.h"

enum st_rows_kept {
    ST_KEPT_INTERNAL,  /* cannot be asked */
    ST_KEPT_PLAIN,     /* a value for each key */
    ST_KEPT_VERSIONED, /* what it was at any time (streams/state/versioned.h) */
    ST_KEPT_WINDOWS,   /* one for each key and start */
    ST_KEPT_SESSIONS,  /* one for each key, end and start */
};

struct st_queryable {
    const struct st_store *store;
    const struct st_subtopology *subtopology;
    const struct st_plan_node *owner; /* whose rows they are */
    enum st_rows_kept kept;
    const struct st_serde *key;             /* of the key asked for, without its window; NULL: not known */
    const struct st_serde *value;           /* of what is shown; NULL: not known */
    const struct st_windows *windows;       /* of windows and sessions */
    int64_t history_ms;                     /* of a versioned one */
    const struct st_aggregator *aggregator; /* whose result is shown; NULL: what is kept is */
};

/* Every store of the plan, by its index in the topology; the caller frees it. */
struct st_queryable *st_queryables_create(const struct st_plan *plan, const struct st_serde_flow *serdes);

/* "timestamped key-value", "window", …: for people. */
const char *st_queryable_kind(const struct st_queryable *queryable);

/* How many partitions the store has; 0: not known yet. */
int32_t st_queryable_partitions(const struct st_queryable *queryable, const struct st_tasks *tasks);
/* The one that has the key, as Kafka's default partitioner would have it. -1: the topics its records come from differ in how many partitions
 * they have, so it may be in any. */
int32_t st_queryable_partition(const struct st_queryable *queryable, const struct st_tasks *tasks,
                               struct aq_slice key);

#endif
