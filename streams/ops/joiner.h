/* SPDX-License-Identifier: Apache-2.0
 *
 * Value joiners: what the values of two sides become when a join puts them together. The joins (streams/ops/op_stream_join.c and its
 * siblings) know keys, times and stores, and nothing of values.
 *
 * Three types: a kind is static, a joiner is a kind configured for one node (read-only while it runs, shared by all tasks), and what
 * runs (the `running` below) belongs to one node of one task.
 *
 * Ownership: what a kind returns lies in st_arena(), in a value that was handed in, or is a constant. A value may lie in a store: st_join()
 * sees to it that results do not. Threads: the worker's own.
 * Errors: 0, or AQ_E_BAD_RECORD for values that cannot be joined, AQ_E_SCRIPT and the like from Lua: the processing error handler
 * decides.
 */
#ifndef AQ_STREAMS_OPS_JOINER_H
#define AQ_STREAMS_OPS_JOINER_H

#include "streams/processor.h"
#include "transforms/lua_engine.h"

struct st_joiner_kind {
    const char *name; /* "pair" */
    /* For the node of this task; `user` is the joiner's. NULL: there is nothing to start, and `running` is the joiner's `user`. */
    int (*start)(struct st_context *context, void *user, void **ret_running, struct aq_err *err);
    void (*stop)(void *running); /* may be NULL */
    /* left or right is null when that side is absent. key is that of the result. *ret may be null. */
    int (*join)(struct st_context *context, void *running, struct aq_slice key, struct aq_slice left,
                struct aq_slice right, struct aq_slice *ret, struct aq_err *err);
};

struct st_joiner {
    const struct st_joiner_kind *kind;
    void *user;
};

/* Begins and ends a joiner in one node of one task. After an error of start there is nothing to stop. */
int st_joiner_start(const struct st_joiner *joiner, struct st_context *context, void **ret_running,
                    struct aq_err *err);
void st_joiner_stop(const struct st_joiner *joiner, void *running);

/* Joins. A result that lies in `stored`, the side that came out of a store, is copied to st_arena(). */
int st_join(const struct st_joiner *joiner, struct st_context *context, void *running, struct aq_slice key,
            struct aq_slice left, struct aq_slice right, struct aq_slice stored, struct aq_slice *ret,
            struct aq_err *err);

/* left, "-", right; an absent side is "null". For values that are text. Takes no user. */
extern const struct st_joiner_kind st_joiner_pair;

/* A function of C; `user` is a struct st_joiner_call, which outlives the topology. */
struct st_joiner_call {
    int (*call)(struct st_context *context, void *user, struct aq_slice key, struct aq_slice left,
                struct aq_slice right, struct aq_slice *ret, struct aq_err *err);
    void *user;
};
extern const struct st_joiner_kind st_joiner_c;

/* A Lua expression over left, right (nil: that side is absent) and the record's names, of which key is the result's and value is nil; nil
 * is a null result. */
struct st_joiner_script {
    struct lua_program program; /* variables: st_join_names */
    /* How the values of the sides lie; NULL: as those that come in where the joiner runs. */
    const struct st_serde *left, *right;
    const struct st_serde *as; /* how the result is written; NULL: as those */
};
extern const struct st_joiner_kind st_joiner_lua;
extern const char *const st_join_names[];

#endif
