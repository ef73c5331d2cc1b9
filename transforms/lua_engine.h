/* SPDX-License-Identifier: Apache-2.0
 *
 * Lua in a chain: one sandboxed state that runs one piece of text for record after record. Nothing of Lua's own
 * headers is needed to use it.
 *
 * Ownership: a program and its strings must outlive every engine started from it. An engine belongs to one step of one
 * run and one thread; global variables a script sets live as long as it does, so every worker has its own.
 */
#ifndef AQ_TRANSFORMS_LUA_ENGINE_H
#define AQ_TRANSFORMS_LUA_ENGINE_H

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
};

struct lua_program {
    enum lua_form form;
    const char *name; /* in messages: the option's name or the file's */
    struct aq_slice text;
    const char *call;          /* LUA_FUNCTION: name of a global function of the file */
    int64_t instruction_limit; /* per record, LUA_INSTRUCTIONS_MIN.._MAX */
    int64_t
        memory_limit; /* bytes, LUA_MEMORY_MIN.._MAX; once for the state and once for what a record gets */
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

/* Compiles the program, and runs a file once: 0, or AQ_E_CONFIG with Lua's message, which begins "name:line: ". */
int lua_program_check(const struct lua_program *program, struct aq_err *err);

/* Never NULL. A program that passed the check and cannot be started all the same (a file may do what it likes) fails
 * every record with the reason. */
struct lua_engine *lua_engine_start(const struct lua_program *program);
void lua_engine_stop(struct lua_engine *engine);

/* 0, or AQ_E_BAD_RECORD with "name:line: message"; then rec is what it was before. */
int lua_engine_run(struct lua_engine *engine, struct xf_step *step, struct aq_record *rec,
                   struct lua_result *ret_result, struct aq_err *err);

#endif
