/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the Lua engine know of each other; internal to transforms/lua_*.c.
 *
 * Functions with a lua_State may raise a Lua error, which leaves them by a long jump: nothing they hold at that moment
 * may need freeing. What they allocate lives in the state, in an arena or in the engine.
 */
#ifndef AQ_TRANSFORMS_LUA_STATE_H
#define AQ_TRANSFORMS_LUA_STATE_H

#include <lauxlib.h>
#include <lua.h>

#include "transforms/lua_engine.h"

_Static_assert(sizeof(lua_Integer) == 8 && sizeof(lua_Number) == 8,
               "numbers of 64 bits are what records need");

/* What a record is made of, as scripts call it. */
enum lua_name {
    NAME_VALUE,
    NAME_KEY,
    NAME_TOPIC,
    NAME_PARTITION,
    NAME_OFFSET,
    NAME_TIMESTAMP,
    NAME_HEADERS,
    NAME_KEY_BYTES,
    NAME_VALUE_BYTES,
    NAME_COUNT,
};

/* Functions that a processor's file may have besides process(). */
enum lua_hook { HOOK_INIT, HOOK_PUNCTUATE, HOOK_CLOSE, HOOK_COUNT };

/* An object or array a script looked into; found again by where its text starts. */
struct lua_nested {
    struct aq_slice text; /* null: free */
    struct doc doc;       /* an array uses its field list only */
    struct aq_arena arena;
};

/* Alternating between more than this many nested values costs a scan each time, nothing else. */
#define LUA_NESTED_MAX 32

struct lua_engine {
    const struct lua_program *program;
    lua_State *L;
    char *broken;  /* malloc: why it could not be started */
    size_t memory; /* bytes Lua holds */
    /* The record at hand; NULL between calls. */
    struct xf_step *step;
    struct aq_record *rec;
    struct aq_arena *arena;               /* where the bytes of this call go; NULL between calls */
    bool started;                         /* the file itself has run */
    const struct lua_variable *variables; /* of the call at hand; NULL: the program has none */
    const struct xf_formats *formats;
    /* By enum xf_part: what the part's bytes are now, and what they are when it is assigned. */
    enum xf_format now[XF_PART_VALUE + 1];
    enum xf_format outgoing[XF_PART_VALUE + 1];
    /* What this call makes. */
    bool encoding;       /* the program has returned, its result is being looked at */
    lua_Integer element; /* which one of it; 0: the whole */
    enum xf_format result_format;
    struct aq_slice result;
    struct json_value value;
    enum lua_shape shape;        /* of the elements of the result; LUA_RECORDS of what forward() is given */
    const struct lua_emit *emit; /* NULL: forward() is an error */
    struct aq_err *emit_err;
    int emit_rc;                /* what emit->call() failed with */
    struct lua_output *outputs; /* of lua_engine_each(); kept from call to call */
    size_t n_outputs;
    size_t cap_outputs;
    uint64_t generation; /* of the record: tells a nested value kept from an earlier one */
    size_t written;      /* bytes given to the record by this call */
    /* Made once. */
    const char *names[NAME_COUNT]; /* Lua's own copies, so that equal names have equal addresses */
    const char *variable_names[LUA_VARIABLES_MAX]; /* likewise */
    unsigned n_variables;
    int roots[XF_PART_VALUE + 1]; /* registry: what `key` and `value` stand for when they are objects */
    int headers;                  /* registry */
    int record;                   /* registry: the object that stands for the record */
    int hooks[HOOK_COUNT];        /* registry; LUA_NOREF: the file has no such function */
    int times[2];                 /* registry: "stream_time", "wall_clock" */
    struct lua_nested nested[LUA_NESTED_MAX];
    unsigned next_nested;
    struct aq_arena scratch; /* short-lived text; reset by whoever uses it */
    char *out;               /* JSON text of a table under construction */
    size_t out_len;
    size_t out_cap;
};

/* A JSON object or array in a script's hands. */
struct lua_view {
    struct aq_slice text; /* of a nested one */
    uint64_t generation;
    uint8_t part; /* enum xf_part */
    uint8_t type; /* JS_OBJECT or JS_ARRAY */
    bool root;    /* the document of `part`, of whatever record is at hand */
};

/* Whether the record is an object that a function is given, and not the program's global names. */
static inline bool lua_is_file(const struct lua_program *program)
{
    return program->form == LUA_FUNCTION || program->form == LUA_PROCESSOR;
}

static inline struct lua_engine *lua_engine_of(lua_State *L)
{
    return *(struct lua_engine **)lua_getextraspace(L);
}

/* lua_sandbox.c: the libraries a script may use. */
void lua_sandbox_open(lua_State *L);

/* lua_record.c: names of the record. Pushes the object that a LUA_FUNCTION is called with. */
void lua_record_open(lua_State *L);
/* Which name the string at the index is; NAME_COUNT for none. */
enum lua_name lua_name_at(lua_State *L, int index);
/* Which variable of the program it is; n_variables for none. */
unsigned lua_variable_at(lua_State *L, int index);

/* lua_view.c: JSON as Lua sees it. */
void lua_view_open(lua_State *L);
/* The open document of a part, which must be an object. */
struct doc *lua_root_doc(lua_State *L, enum xf_part part);
/* Raises the error that this call has no record. */
void lua_no_record(lua_State *L);
/* Pushes what `key` or `value` is, its format being JSON. */
void lua_push_part(lua_State *L, enum xf_part part);
/* Pushes a whole JSON text that is no part of the record; `name` is what a complaint calls it. */
void lua_push_text(lua_State *L, struct aq_slice text, const char *name);
/* Pushes a scanned value; `parent` is the stack index of the view it is in, 0 for none. */
void lua_push_json(lua_State *L, int parent, enum xf_part part, enum json_type type, struct aq_slice text);
/* The view at a stack index, NULL when it is something else. */
struct lua_view *lua_to_view(lua_State *L, int index);
/* The object's fields or the array's elements, scanned when they are not at hand. Not for roots. */
struct lua_nested *lua_view_scan(lua_State *L, const struct lua_view *view);
/* The JSON text of a view. */
struct aq_slice lua_view_text(lua_State *L, const struct lua_view *view);

/* lua_typed.c: parts that are no JSON, and values as bytes. Pushes the part by its format, which is not JSON. */
void lua_push_typed(lua_State *L, enum xf_part part);
/* Pushes bytes of a format, JSON or another; `name` is what a complaint calls them. */
void lua_push_bytes(lua_State *L, struct aq_slice bytes, enum xf_format format, const char *name);
/* The value at an index as bytes of a format, in the call's arena; nil is null. `what` is the subject of the complaint
 * about a value that the format has no bytes for. */
struct aq_slice lua_encode(lua_State *L, int index, enum xf_format format, const char *what);
/* Whether a part that was not assigned may go out as it came in. */
bool lua_format_passes(enum xf_format in, enum xf_format out);
/* "a number", "a JSON object", ... for complaints. */
const char *lua_what(lua_State *L, int index);

/* As lua_encode(), for a value whose text in a document is known: copied when the format is JSON. */
struct aq_slice lua_encode_from(lua_State *L, int index, struct aq_slice text, enum xf_format format,
                                const char *what);

/* lua_window.c: keys with windows, by step->window. `name` and `what` as above. */
void lua_push_windowed(lua_State *L, struct aq_slice bytes, const char *name);
struct aq_slice lua_encode_windowed(lua_State *L, int index, const char *what);

/* lua_emit.c: forward(); the array on top of the stack, into engine->outputs. */
void lua_emit_open(lua_State *L);
void lua_collect(lua_State *L);
/* The value at an index as a time of a record. */
int64_t lua_timestamp(lua_State *L, int index);

/* lua_json.c: Lua values as JSON text in the call's arena; anything but nil, which has none. */
void lua_json_open(lua_State *L);
struct aq_slice lua_to_json(lua_State *L, int index, enum json_type *ret_type);
/* The value at an index; strings and texts are copied into the call's arena. */
struct json_value lua_to_value(lua_State *L, int index);
/* Counts bytes about to be written into the batch; more than memory_limit for one record is an error. */
void lua_charge(lua_State *L, size_t bytes);

/* lua_edit.c: the metamethods (target, name, value) of views, of the record's names and of its headers. */
int lua_view_assign(lua_State *L);
int lua_record_assign(lua_State *L);
int lua_headers_assign(lua_State *L);

#endif
