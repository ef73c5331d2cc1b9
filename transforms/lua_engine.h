/* SPDX-License-Identifier: Apache-2.0
 *
 * Lua in a chain or in a node of the streams engine: one sandboxed state that runs one piece of text for record after
 * record. Nothing of Lua's own headers is needed to use it.
 *
 * A chain uses lua_engine_run(), which edits the record in place, and lua_engine_each() for any number of results. Nodes of
 * the streams engine also ask for a result as bytes (lua_engine_eval), or call the functions of a processor's file. What key
 * and value are, and how results are encoded, says step->formats.
 *
 * Ownership: a program and its strings must outlive every engine started from it. An engine belongs to one step of one
 * run and one thread; global variables a script sets live as long as it does, so every worker has its own.
 */
#ifndef AQ_TRANSFORMS_LUA_ENGINE_H
#define AQ_TRANSFORMS_LUA_ENGINE_H

#include "transforms/json_value.h"
#include "transforms/step.h"

/* What keeps a mistake in a script from stopping a worker; defaults and bounds of the options of the same names. */
#define LUA_INSTRUCTIONS_DEFAULT "1000000"
#define LUA_INSTRUCTIONS_MIN     100
#define LUA_INSTRUCTIONS_MAX     1000000000
#define LUA_MEMORY_DEFAULT       "16MiB"
#define LUA_MEMORY_MIN           ((int64_t)256 << 10)
#define LUA_MEMORY_MAX           ((int64_t)1 << 30)

enum lua_form {
    LUA_EXPRESSION, /* `return (text)`; sees the record's names, changes nothing */
    LUA_STATEMENTS, /* the text itself; sees the record's names and edits key, value and headers */
    LUA_FUNCTION, /* a file, run once at the start; `call` gets a record object and may also set its topic */
    LUA_PEEK,     /* statements that see the record's names and change nothing */
    LUA_PROCESSOR, /* a file, run once at the start: process(record), and init(), punctuate(now, type), close() if it
                    * has them; forward() makes records */
};

struct lua_program {
    enum lua_form form;
    const char *name; /* in messages: the option's name or the file's */
    struct aq_slice text;
    const char *call; /* LUA_FUNCTION: name of a global function of the file */
    bool keep_key;    /* an edit of the key is an error: records stay in their partition */
    /* LUA_EXPRESSION: further names that it sees, up to LUA_VARIABLES_MAX, ending with NULL; one that is also a name of the record
     * hides it. NULL: none. */
    const char *const *variables;
    int64_t instruction_limit; /* per record, LUA_INSTRUCTIONS_MIN.._MAX */
    int64_t
        memory_limit; /* bytes, LUA_MEMORY_MIN.._MAX; once for the state and once for what a record gets */
};

#define LUA_VARIABLES_MAX 2

/* What a variable is in one call; read when the script asks for it. */
struct lua_variable {
    struct aq_slice bytes; /* null: nil */
    enum xf_format format;
};

enum lua_answer {
    LUA_NOTHING,
    LUA_FALSE,
    LUA_TRUE,
    LUA_STRING,
    LUA_ANYTHING
}; /* the last two are true to Lua */

struct lua_result {
    enum lua_answer answer;
    struct aq_slice text; /* of LUA_STRING, until the next run */
    const char *type;     /* Lua's name for the result's type */
};

struct lua_engine;

/* A record that a program made. Bytes live in the emitter's arena, or are the incoming record's own. */
struct lua_output {
    bool has_key; /* false: the key of the incoming record stays */
    bool has_value;
    bool has_timestamp;
    bool has_headers;
    struct aq_slice key; /* null is legal */
    struct aq_slice value;
    int64_t timestamp; /* ms since 1970, 0 or more */
    const struct aq_header *headers;
    uint16_t n_headers;
    const char *to; /* name of the only child that gets it; NULL: all children */
};

enum lua_shape {
    LUA_VALUES,  /* every element is a value */
    LUA_RECORDS, /* every element is a table with key, value, timestamp, headers, to */
    LUA_CHAIN_RECORDS, /* the same for a chain, which has no children: key or key_bytes, value or value_bytes, no to */
};

/* Where made records go. call() returns 0 or a negative code with err filled, which ends the call and becomes its result.
 * It must not call the engine it is called from. Before it is called the step's views are written, and what it
 * leaves open is closed behind it, so it may use them for records of its own. */
struct lua_emit {
    int (*call)(void *user, const struct lua_output *out, struct aq_err *err);
    void *user;
    struct aq_arena *arena;
    enum lua_shape shape; /* of lua_engine_each() */
};

/* Compiles the program, and runs a file once: 0, or AQ_E_CONFIG with Lua's message, which begins "name:line: ". */
int lua_program_check(const struct lua_program *program, struct aq_err *err);

/* Never NULL. A program that passed the check and cannot be started all the same (a file may do what it likes) fails
 * every record with the reason. */
struct lua_engine *lua_engine_start(const struct lua_program *program);
void lua_engine_stop(struct lua_engine *engine);

/* All but LUA_PROCESSOR. 0, or AQ_E_BAD_RECORD with "name:line: message"; then rec is what it was before. */
int lua_engine_run(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                   struct lua_result *ret_result, struct aq_err *err);

/* LUA_EXPRESSION: its result as bytes of the format, in the arena. An object or an array of the document is copied as it
 * stands. 0, or AQ_E_BAD_RECORD. The record is not changed. */
int lua_engine_eval(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                    enum xf_format out, struct aq_arena *arena, struct aq_slice *ret, struct aq_err *err);

/* The same for a program with variables: as many as it has, in its order. */
int lua_engine_eval_with(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                         const struct lua_variable *variables, enum xf_format out, struct aq_arena *arena,
                         struct aq_slice *ret, struct aq_err *err);

/* LUA_EXPRESSION: its result as a value; nil and null are JS_NULL, a table is its JSON text. Strings and texts lie in the
 * arena. 0, or AQ_E_BAD_RECORD, also for what has no JSON form (a function), but for numbers, which may be NaN or infinite. */
int lua_engine_value(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                     struct aq_arena *arena, struct json_value *ret, struct aq_err *err);

/* LUA_EXPRESSION whose result is an array; nil and null are an empty one. All elements are encoded before the first is
 * emitted, so that a record that fails has made nothing. 0, AQ_E_BAD_RECORD, or what emit->call() returned. */
int lua_engine_each(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                    const struct lua_emit *emit, struct aq_err *err);

/* LUA_PROCESSOR: whether the file has the function of this name. False for an engine that could not be started. */
bool lua_engine_has(const struct lua_engine *engine, const char *function);

/* LUA_PROCESSOR: process(record). forward() emits at once: what was forwarded before an error was forwarded. The
 * function's result does not matter. 0, AQ_E_BAD_RECORD, or what emit->call() returned, even when the script caught the
 * error. Views of rec may stay open, as after xf_run_record(). */
int lua_engine_call_process(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                            const struct lua_emit *emit, struct aq_err *err);

/* LUA_PROCESSOR, 0 at once when the file has no such function: punctuate(now, type), type being "stream_time" or
 * "wall_clock"; init() and close(), in which forward() is an error. Results as of lua_engine_call_process(). */
int lua_engine_call_punctuate(struct lua_engine *engine, struct xf_step *step, int64_t now_ms,
                              const char *type, const struct lua_emit *emit, struct aq_err *err);
int lua_engine_call_init(struct lua_engine *engine, struct xf_step *step, struct aq_err *err);
int lua_engine_call_close(struct lua_engine *engine, struct xf_step *step, struct aq_err *err);

#endif
