/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of two streams: records of one key whose times are near each other. Essay, and the rules: streams/ops/op_stream_join.c.
 *
 * Threads: kinds and conf are constant while they run; what runs belongs to one task.
 */
#ifndef AQ_STREAMS_OPS_OP_STREAM_JOIN_H
#define AQ_STREAMS_OPS_OP_STREAM_JOIN_H

#include "streams/ops/joiner.h"

struct st_stream_join;

/* `user` of the two processors. */
struct st_stream_join_side {
    const struct st_stream_join *join;
    bool is_left;
};

/* Times in ms. Left and right are a pair when left - before <= right <= left + after; one of the two may be negative, their sum and
 * grace may not. */
struct st_stream_join {
    struct st_joiner joiner;
    int64_t before_ms;
    int64_t after_ms;
    int64_t grace_ms;
    bool left_alone;  /* a left record without a partner gives a result, too: left and outer joins */
    bool right_alone; /* a right one does: outer joins */
    bool compat;      /* as Kafka Streams does it */
    bool in_memory;   /* its stores */
    struct st_stream_join_side sides[2]; /* set by st_add_stream_join() */
};

/* The join as nodes and stores of a topology: processors NAME-left and NAME-right behind the two parents (which may be one and the same),
 * NAME, where the results leave, and the stores STORE-left, STORE-right and, unless no record gives a result alone,
 * STORE-alone. store NULL: NAME. `join` outlives the topology. */
int st_add_stream_join(struct st_topology *topology, const char *name, struct st_stream_join *join,
                       const char *left, const char *right, const char *store, struct aq_err *err);

/* What st_add_stream_join() makes the stores by: keys of records end with a time (8 bytes) and a number (4); how long a record is
 * needed, in ms; whether those without a partner are kept apart, in the third store. */
#define ST_STREAM_JOIN_REST 12
int64_t st_stream_join_keeps(const struct st_stream_join *join);
bool st_stream_join_has_list(const struct st_stream_join *join);

extern const struct st_processor_kind st_stream_join_side_kind;
extern const struct st_processor_kind st_stream_join_kind;

#endif
