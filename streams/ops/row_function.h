/* SPDX-License-Identifier: Apache-2.0
 *
 * What is worked out of one row of a table: a new value, a new key, a foreign key, or whether it passes. By a Lua expression, or by a
 * function of C.
 *
 * Why not on the record that stands for the change: of a change two rows are asked, what the row became and what it was. So the
 * row is a copy of the record with one of the two as its value, and no view stays open on it.
 *
 * Ownership: programs point into the configuration; results lie in st_arena(), in the row that was handed in, or are constants.
 * Threads: the worker's own. Errors: AQ_E_BAD_RECORD and the like: the processing error handler decides.
 */
#ifndef AQ_STREAMS_OPS_ROW_FUNCTION_H
#define AQ_STREAMS_OPS_ROW_FUNCTION_H

#include "streams/ops/op.h"

/* Read-only while it runs, shared by all tasks. All zero: there is none. */
struct st_row_function {
    struct lua_program lua; /* LUA_EXPRESSION; or */
    int (*call)(struct st_context *context, void *user, const struct aq_record *row, struct aq_slice *ret,
                struct aq_err *err);
    /* For st_row_function_test(): 1, 0, or a negative code. */
    int (*test)(struct st_context *context, void *user, const struct aq_record *row, struct aq_err *err);
    void *user;
    const struct st_serde *serde; /* of what it returns; NULL: what its node takes for that */
};

/* It runs in one node of one task. */
struct st_row_running {
    const struct st_row_function *function;
    struct st_context *context;
    struct st_running lua;
    enum xf_format format; /* of results */
};

bool st_row_function_is_there(const struct st_row_function *function);
/* function: one that is there. serde: of results, unless the function says another. */
void st_row_function_start(struct st_row_running *running, struct st_context *context,
                           const struct st_row_function *function, const struct st_serde *serde);
/* An all-zero one is fine. */
void st_row_function_stop(struct st_row_running *running);

/* Of the row `value` under the key of `rec`. The record has no open view (st_settle()), and is not changed. value is not null; *ret may
 * be. */
int st_row_function_eval(struct st_row_running *running, const struct aq_record *rec, struct aq_slice value,
                         struct aq_slice *ret, struct aq_err *err);
/* 1, 0, or a negative code. */
int st_row_function_test(struct st_row_running *running, const struct aq_record *rec, struct aq_slice value,
                         struct aq_err *err);

#endif
