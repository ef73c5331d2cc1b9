/* SPDX-License-Identifier: Apache-2.0
 *
 * The aggregators there are: those with a name (streams/ops/aggregators.def), and those whose steps are Lua expressions.
 *
 * Accumulators, as they lie in stores and changelogs. Numbers are big-endian, doubles IEEE 754.
 *
 *   name              result                 accumulator
 *   count             int64                  the result
 *   sum               json                   8 bytes: an int64, as long as only integers came; else 32: int64 sum of the integers,
 *                                            int64 count of the doubles, double sum of the doubles, double what rounding lost
 *        as int64     int64                  the result
 *        as double    double                 24 bytes: count, sum, what rounding lost
 *   avg               double, json           48 bytes: int64 count of the values, int64 count of the doubles among them, 128-bit sum of
 *                                            the integers, double sum of the doubles, double what rounding lost
 *   min, max          as the values came,    the result
 *   first, last       or `as`
 *   count_distinct    int64                  1 byte 0, and up to 512 hashes of 8 bytes, ascending; or 1 byte 1, and the 4096 registers of
 *                                            a HyperLogLog (streams/ops/distinct.h)
 *   top_n             json                   for each place, the best first: 4 bytes length and JSON text of the rank, the same of what
 *                                            is kept
 *   collect           json                   4 bytes count, then the result
 *   reduce            as the values came     the result
 *   aggregate (Lua)   json, or `as`          the result
 *
 * null: a record whose operand is nil or null is not counted by any of them but count, reduce and aggregate.
 *
 * Ownership: confs are read-only and live as long as the topology. Threads: kinds are constant, what runs belongs to one task.
 */
#ifndef AQ_STREAMS_OPS_AGGREGATORS_H
#define AQ_STREAMS_OPS_AGGREGATORS_H

#include "streams/ops/aggregator.h"
#include "streams/ops/operand.h"

/* What collect holds of one row at most, unless it is told otherwise. */
#define ST_COLLECT_DEFAULT "1000"

/* `user` of a named one. */
struct st_aggregate_user {
    const struct st_function *function;
    struct lua_program of;     /* all zero: count */
    struct lua_program keep;   /* top_n */
    const struct st_serde *as; /* of what is kept or made; NULL: as the values come in */
    int64_t n;                 /* top_n: places */
    int64_t limit;             /* collect: elements */
};

enum st_aggregate_option {
    ST_TAKES_OF = 1u << 0,
    ST_TAKES_N = 1u << 1, /* and needs it */
    ST_TAKES_KEEP = 1u << 2,
    ST_TAKES_LIMIT = 1u << 3,
};

/* One with a name. */
struct st_function {
    const char *name;
    const char *summary; /* one sentence */
    const struct st_aggregator_kind *kind;
    const struct st_aggregator_kind *as_int64; /* of results in that serde; NULL: `kind` */
    unsigned takes;
    /* Serdes that `as` may name, ending with NULL; the first is what it is without `as`. */
    const char *const *as;
    bool as_came; /* without `as` and `of` it is that of the values */
};

extern const struct st_function *const st_functions[];
extern const size_t st_function_count;
/* NULL: there is none of this name. */
const struct st_function *st_function_find(const char *name);
/* as: of its results; NULL: as the values come in. */
const struct st_aggregator_kind *st_function_kind(const struct st_function *function,
                                                  const struct st_serde *as);

/* Expressions: `user` of reduce and aggregate. Programs that are all zero are not there. They have the variables below. */
struct st_script {
    struct lua_program initial;
    struct lua_program add; /* of reduce: the reducer, for merging too */
    struct lua_program subtract;
    struct lua_program merge;
    const struct st_serde *as; /* of the accumulator; NULL: as the values come in */
    bool reduces;
};

/* The names their expressions see besides those of the record. */
extern const char *const st_reduce_names[];    /* agg, value */
extern const char *const st_aggregate_names[]; /* agg */
extern const char *const st_merge_names[];     /* a, b */

/* The kind for a script: it can subtract and merge when the script says how, reduce merges always. */
const struct st_aggregator_kind *st_script_kind(const struct st_script *script);

#endif
