/* SPDX-License-Identifier: Apache-2.0
 *
 * The processors that the forms of a configuration are made of: their kinds, and what each is told (`user` of the node; read-only
 * while it runs, shared by all tasks). What one of them does with a record is in streams/op_NAME.c.
 *
 * Ownership: programs point into the configuration. Threads: kinds are constant; their state belongs to one task.
 */
#ifndef AQ_STREAMS_OPS_OP_H
#define AQ_STREAMS_OPS_OP_H

#include "streams/processor.h"
#include "transforms/chain.h"
#include "transforms/java_regex.h"
#include "transforms/lua_engine.h"

/* filter, filter_not: keeps the records for which `where` is true (negate: for which it is not). */
struct st_filter {
    struct lua_program where;
    bool negate;
};
extern const struct st_processor_kind st_filter_kind;

/* map, map_values, select_key: new keys and values by expressions, or edits by statements. An all-zero program: none. */
struct st_map {
    struct lua_program key;
    struct lua_program value;
    struct lua_program edit; /* instead of the two; in map_values it keeps the key */
};
extern const struct st_processor_kind st_map_kind;
extern const struct st_processor_kind st_map_values_kind;
extern const struct st_processor_kind st_select_key_kind;

/* flat_map, flat_map_values: an expression whose result is an array of records, or of values. */
struct st_flat_map {
    struct lua_program each;
    enum lua_shape shape;
};
extern const struct st_processor_kind st_flat_map_kind;
extern const struct st_processor_kind st_flat_map_values_kind;

/* peek, foreach: statements that see the record. */
struct st_peek {
    struct lua_program run;
};
extern const struct st_processor_kind st_peek_kind;
extern const struct st_processor_kind st_foreach_kind;

/* branch: child i gets the record when program i is the first that is true; child n, if there is one, when none is. */
struct st_branch {
    struct lua_program *programs;
    size_t n;
    bool has_default;
};
extern const struct st_processor_kind st_branch_kind;

/* transform: a chain of transforms; what it drops ends here. */
struct st_chain {
    struct xf_chain *chain;
};
extern const struct st_processor_kind st_chain_kind;          /* no step can change the key */
extern const struct st_processor_kind st_chain_changing_kind; /* some step can */

/* process: a script with process(record), and punctuate(now, type), init(), close() if it has them. */
struct st_process {
    struct lua_program script;
    int64_t wall_clock_ms; /* 0: never */
    int64_t stream_time_ms;
};
extern const struct st_processor_kind st_process_kind;

/* A sink's topic_by: an expression, and patterns of which the whole topic must match one. */
struct st_topic_by {
    struct lua_program expression;
    struct java_regex *allow;
    const char *const *patterns; /* as written */
    size_t n;
};
extern const struct st_topic_chooser st_topic_by_chooser;

/* How the bytes of a serde are read and made by Lua. NULL, and windowed: as bytes; keys that are windowed are tables in running
 * programs. */
enum xf_format st_format_of(const struct st_serde *serde);
/* The window of windowed keys. */
struct xf_window st_window_of(const struct st_serde *serde);

/* A running program of one node in one task. */
struct st_running {
    struct lua_engine *engine;
    struct xf_step step; /* what Lua is told about the node */
    struct xf_formats formats;
    struct xf_window window; /* of keys that have one */
};
void st_running_start(struct st_running *running, struct st_context *context,
                      const struct lua_program *program);
void st_running_stop(struct st_running *running);
/* Whether the program is true for the record: 1, 0, or a negative code. */
int st_running_test(struct st_running *running, struct aq_record *rec, struct aq_err *err);

#endif
