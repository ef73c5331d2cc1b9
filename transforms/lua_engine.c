/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: a Lua state with two limits around it.
 *
 * An ordinary pass: lua_engine_start() makes the state, opens the sandbox, compiles the text once and leaves the
 * function at the bottom of the stack. Per record lua_engine_run() notes which record is at hand, sets the instruction
 * hook anew, and calls the function in protected mode; the script fetches what it needs of the record by name
 * (lua_record.c), and nothing is converted that it does not ask for.
 *
 * A failing pass: an error of the script, the hook or the allocator ends the call; the text Lua made of it, which
 * names chunk and line, becomes the reason, and what the script already gave to the record is taken back. The state
 * stays usable: the next record starts with the same globals.
 *
 * Limits. Instructions: a hook after so many instructions raises an error, and from then on after every single one,
 * because a script may catch the first with pcall(). A call of a library function counts as one instruction however
 * long it takes. Memory: the allocator refuses what is beyond the limit; Lua collects its garbage and tries again
 * before it gives up. What a script writes lives in the batch, outside the state, and is counted against the same
 * number for each record. The limits catch mistakes; whoever writes the configuration is trusted.
 *
 * Programs whose results become bytes or records run below a C function that encodes them (lua_typed.c, lua_emit.c), in
 * the same protected call. The records are emitted after it, or by forward() from inside it.
 *
 * Invariants: engine->step is set exactly while a call runs, engine->rec while one with a record does; Lua functions that can raise an error are called only below
 * lua_pcall(). Threads: one owner.
 */
#include "transforms/lua_state.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/views.h"

/* The bottom of the stack. */
enum { AT_FUNCTION = 1, AT_RECORD = 2 };

static void *allocate(void *data, void *old, size_t old_size, size_t size)
{
    struct lua_engine *e = data;
    size_t before = old ? old_size : 0; /* without an old block the size is a type's number */
    AQ_DASSERT(e->memory >= before);
    if (size == 0) {
        e->memory -= before;
        free(old);
        return NULL;
    }
    if (size > before && size - before > (size_t)e->program->memory_limit - e->memory) return NULL;
    e->memory += size - before;
    return aq_realloc(old, size);
}

static void too_long(lua_State *L, lua_Debug *at)
{
    const struct lua_engine *e = lua_engine_of(L);
    lua_sethook(L, too_long, LUA_MASKCOUNT, 1);
    lua_getinfo(L, "Sl", at);
    lua_pushfstring(L, "%s:%d: stopped after %I instructions (instruction_limit)", at->short_src,
                    at->currentline, (LUAI_UACINT)e->program->instruction_limit);
    lua_error(L);
}

static void limit_instructions(struct lua_engine *e)
{
    lua_sethook(e->L, too_long, LUA_MASKCOUNT, (int)e->program->instruction_limit);
}

/* Pushes the compiled text. */
static void compile(lua_State *L, const struct lua_program *p)
{
    struct aq_slice text = p->text;
    const char *chunk = lua_pushfstring(L, lua_is_file(p) ? "@%s" : "=%s", p->name);
    if (p->form == LUA_EXPRESSION) {
        /* A comment at the end must not swallow the bracket. */
        const char *close = memmem(text.ptr, text.len, "--", 2) ? "\n)" : ")";
        lua_pushliteral(L, "return (");
        lua_pushlstring(L, text.ptr, text.len);
        lua_pushstring(L, close);
        lua_concat(L, 3);
        text.ptr = lua_tolstring(L, -1, &text.len);
    }
    if (luaL_loadbufferx(L, text.ptr, text.len, chunk, "t") != LUA_OK) lua_error(L);
}

static const char *const hook_names[HOOK_COUNT] = {"init", "punctuate", "close"};
static const char *const time_names[] = {"stream_time", "wall_clock"};

/* The other functions of a processor's file, found once. */
static void find_hooks(lua_State *L, struct lua_engine *e)
{
    for (enum lua_hook hook = 0; hook < HOOK_COUNT; hook++) {
        int type = lua_getglobal(L, hook_names[hook]);
        if (type == LUA_TFUNCTION) {
            e->hooks[hook] = luaL_ref(L, LUA_REGISTRYINDEX);
            continue;
        }
        if (type != LUA_TNIL)
            luaL_error(L, "%s: '%s' is not a function, and the name is taken", e->program->name,
                       hook_names[hook]);
        lua_pop(L, 1);
    }
    for (int i = 0; i < 2; i++) {
        lua_pushstring(L, time_names[i]);
        e->times[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

/* Runs a file and pushes the function that is given records. */
static void run_file(lua_State *L, struct lua_engine *e)
{
    const struct lua_program *p = e->program;
    const char *call = p->form == LUA_PROCESSOR ? "process" : p->call;
    if (p->form == LUA_PROCESSOR) lua_emit_open(L);
    limit_instructions(e);
    lua_call(L, 0, 0);
    if (p->form == LUA_PROCESSOR) find_hooks(L, e);
    if (lua_getglobal(L, call) != LUA_TFUNCTION)
        luaL_error(L, "%s: there is no function '%s'", p->name, call);
}

/* Runs in protected mode; returns what stays at the bottom of the stack. */
static int prepare(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    const struct lua_program *p = e->program;
    luaL_checkstack(L, 40, NULL);
    lua_sandbox_open(L);
    lua_view_open(L);
    lua_json_open(L);
    lua_record_open(L);
    int record = lua_gettop(L);
    compile(L, p);
    if (lua_is_file(p)) run_file(L, e);
    e->started = true;
    lua_pushvalue(L, record);
    return 2;
}

/* The text of the error on top of the stack. */
static int fail(const struct lua_engine *e, int rc, int code, struct aq_err *err)
{
    lua_State *L = e->L;
    const char *name = e->program->name;
    if (rc == LUA_ERRMEM)
        return aq_fail(err, code, "%s: not enough memory: the script may hold %lld bytes (memory_limit)",
                       name, (long long)e->program->memory_limit);
    if (lua_type(L, -1) != LUA_TSTRING)
        return aq_fail(err, code, "%s: an error without a text (%s)", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    /* Lua puts a place before the text while a script runs; its result is nowhere. */
    if (e->encoding && e->element > 0)
        return aq_fail(err, code, "%s: element %lld: %s", name, (long long)e->element, text);
    if (e->encoding) return aq_fail(err, code, "%s: %s", name, text);
    return aq_fail(err, code, "%s", text);
}

static int open_state(struct lua_engine *e, struct aq_err *err)
{
    e->L = lua_newstate(allocate, e);
    if (!e->L) return aq_fail(err, AQ_E_CONFIG, "%s: memory_limit is too small", e->program->name);
    *(struct lua_engine **)lua_getextraspace(e->L) = e;
    lua_pushcfunction(e->L, prepare);
    int rc = lua_pcall(e->L, 0, 2, 0);
    return rc == LUA_OK ? 0 : fail(e, rc, AQ_E_CONFIG, err);
}

static struct lua_engine *engine_create(const struct lua_program *program)
{
    AQ_ASSERT(program->text.ptr && program->memory_limit >= LUA_MEMORY_MIN);
    AQ_ASSERT(program->instruction_limit > 0 && program->instruction_limit <= LUA_INSTRUCTIONS_MAX);
    struct lua_engine *e = aq_calloc(1, sizeof(*e));
    e->program = program;
    for (enum lua_hook hook = 0; hook < HOOK_COUNT; hook++) e->hooks[hook] = LUA_NOREF;
    aq_arena_init(&e->scratch, 256);
    for (size_t i = 0; i < LUA_NESTED_MAX; i++) {
        doc_init(&e->nested[i].doc);
        aq_arena_init(&e->nested[i].arena, 256);
    }
    return e;
}

int lua_program_check(const struct lua_program *program, struct aq_err *err)
{
    struct lua_engine *e = engine_create(program);
    int rc = open_state(e, err);
    lua_engine_stop(e);
    return rc;
}

struct lua_engine *lua_engine_start(const struct lua_program *program)
{
    struct aq_err err = {0};
    struct lua_engine *e = engine_create(program);
    if (open_state(e, &err) < 0) e->broken = aq_strdup(err.text);
    return e;
}

void lua_engine_stop(struct lua_engine *e)
{
    if (!e) return;
    if (e->L) lua_close(e->L);
    AQ_ASSERT(e->memory == 0);
    for (size_t i = 0; i < LUA_NESTED_MAX; i++) {
        doc_finish(&e->nested[i].doc);
        aq_arena_finish(&e->nested[i].arena);
    }
    aq_arena_finish(&e->scratch);
    free(e->out);
    free(e->outputs);
    free(e->broken);
    free(e);
}

static struct lua_result result_of(lua_State *L)
{
    struct lua_result r = {.type = luaL_typename(L, -1)};
    switch (lua_type(L, -1)) {
    case LUA_TNIL: r.answer = LUA_NOTHING; break;
    case LUA_TBOOLEAN: r.answer = lua_toboolean(L, -1) ? LUA_TRUE : LUA_FALSE; break;
    case LUA_TSTRING:
        r.answer = LUA_STRING;
        r.text.ptr = lua_tolstring(L, -1, &r.text.len);
        break;
    default: r.answer = LUA_ANYTHING;
    }
    return r;
}

static const struct xf_formats json_formats = {XF_JSON, XF_JSON, XF_JSON, XF_JSON};

__attribute__((noinline)) static void set_formats(struct lua_engine *e, const struct xf_formats *f)
{
    e->formats = f;
    e->now[XF_PART_KEY] = f->in_key;
    e->now[XF_PART_VALUE] = f->in_value;
    e->outgoing[XF_PART_KEY] = f->out_key;
    e->outgoing[XF_PART_VALUE] = f->out_value;
}

/* Only a step with formats of its own ever needs to set them again: JSON stays JSON. */
static inline void take_formats(struct lua_engine *e, const struct xf_step *step)
{
    const struct xf_formats *f = step->formats ? step->formats : &json_formats;
    if (f != &json_formats || f != e->formats) set_formats(e, f);
}

/* rec is NULL in calls that have none. */
static inline void begin(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                         struct aq_arena *arena)
{
    AQ_ASSERT(!e->step && step->views);
    take_formats(e, step);
    e->step = step;
    e->rec = rec;
    e->arena = arena;
    e->generation++;
    e->written = 0;
    /* What was scanned belongs to the last record; the next may stand at the same addresses. */
    unsigned used = e->next_nested < LUA_NESTED_MAX ? e->next_nested : LUA_NESTED_MAX;
    for (unsigned i = 0; i < used; i++) e->nested[i].text = AQ_NULL_SLICE;
    e->next_nested = 0;
    lua_settop(e->L, AT_RECORD);
    limit_instructions(e);
}

static inline void end(struct lua_engine *e)
{
    e->rec = NULL;
    e->step = NULL;
    e->arena = NULL;
}

/* The record as it was before the call. */
static void take_back(struct xf_step *step, struct aq_record *rec, const struct aq_record *before)
{
    xf_step_set_part(step, rec, XF_PART_KEY, before->key);
    xf_step_set_part(step, rec, XF_PART_VALUE, before->value);
    *rec = *before;
}

/* A part that no script assigned goes out as it came in, which only some pairs of formats allow. */
static int check_part(const struct lua_engine *e, enum xf_part part, struct aq_slice bytes,
                      struct aq_err *err)
{
    enum xf_format now = e->now[part], out = e->outgoing[part];
    if (now == out || aq_slice_is_null(bytes) || lua_format_passes(now, out)) return 0;
    const char *name = part == XF_PART_KEY ? "key" : "value";
    return aq_fail(err, AQ_E_BAD_RECORD, "%s: %s comes in as %s and goes out as %s: assign %s",
                   e->program->name, name, xf_format_name(now), xf_format_name(out), name);
}

/* What a script that edits leaves behind. */
static int check_parts(const struct lua_engine *e, const struct aq_record *rec, struct aq_err *err)
{
    if (e->program->form != LUA_STATEMENTS && e->program->form != LUA_FUNCTION) return 0;
    int rc = check_part(e, XF_PART_KEY, rec->key, err);
    return rc < 0 ? rc : check_part(e, XF_PART_VALUE, rec->value, err);
}

int lua_engine_run(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                   struct lua_result *ret_result, struct aq_err *err)
{
    AQ_ASSERT(e->program->form != LUA_PROCESSOR);
    if (e->broken) return aq_fail(err, AQ_E_BAD_RECORD, "%s", e->broken);
    struct aq_record before = *rec;
    lua_State *L = e->L;
    begin(e, step, rec, &rec->batch->arena);
    bool function = e->program->form == LUA_FUNCTION;
    lua_pushvalue(L, AT_FUNCTION);
    if (function) lua_pushvalue(L, AT_RECORD);
    int rc = lua_pcall(L, function, 1, 0);
    end(e);
    if (rc == LUA_OK) {
        *ret_result = result_of(L);
        if (e->formats == &json_formats || check_parts(e, rec, err) == 0) return 0;
    }
    take_back(step, rec, &before);
    return rc == LUA_OK ? AQ_E_BAD_RECORD : fail(e, rc, AQ_E_BAD_RECORD, err);
}

/* ---- results as bytes ------------------------------------------------------------------------------------------- */

/* (the compiled expression); runs in protected mode, as does the next. */
static int evaluate(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    lua_call(L, 0, 1);
    e->encoding = true;
    e->result = lua_encode(L, 1, e->result_format, "the result");
    return 0;
}

static int evaluate_value(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    lua_call(L, 0, 1);
    e->encoding = true;
    e->value = lua_to_value(L, 1);
    return 0;
}

static int evaluate_array(lua_State *L)
{
    lua_call(L, 0, 1);
    lua_engine_of(L)->encoding = true;
    lua_collect(L);
    return 0;
}

static int run_expression(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                          struct aq_arena *arena, lua_CFunction how, struct aq_err *err)
{
    AQ_ASSERT(e->program->form == LUA_EXPRESSION && rec->batch && arena);
    if (e->broken) return aq_fail(err, AQ_E_BAD_RECORD, "%s", e->broken);
    begin(e, step, rec, arena);
    e->n_outputs = 0;
    lua_pushcfunction(e->L, how);
    lua_pushvalue(e->L, AT_FUNCTION);
    int rc = lua_pcall(e->L, 1, 0, 0);
    end(e);
    if (rc != LUA_OK) rc = fail(e, rc, AQ_E_BAD_RECORD, err);
    e->encoding = false;
    e->element = 0;
    return rc;
}

int lua_engine_eval(struct lua_engine *e, struct xf_step *step, struct aq_record *rec, enum xf_format out,
                    struct aq_arena *arena, struct aq_slice *ret, struct aq_err *err)
{
    e->result_format = out;
    int rc = run_expression(e, step, rec, arena, evaluate, err);
    if (rc == 0) *ret = e->result;
    return rc;
}

int lua_engine_eval_with(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                         const struct lua_variable *variables, enum xf_format out, struct aq_arena *arena,
                         struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(variables && e->program->variables);
    e->variables = variables;
    int rc = lua_engine_eval(e, step, rec, out, arena, ret, err);
    e->variables = NULL;
    return rc;
}

int lua_engine_value(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                     struct aq_arena *arena, struct json_value *ret, struct aq_err *err)
{
    int rc = run_expression(e, step, rec, arena, evaluate_value, err);
    if (rc == 0) *ret = e->value;
    return rc;
}

int lua_engine_each(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                    const struct lua_emit *emit, struct aq_err *err)
{
    AQ_ASSERT(emit->call && emit->arena);
    e->shape = emit->shape;
    int rc = run_expression(e, step, rec, emit->arena, evaluate_array, err);
    if (rc < 0) return rc;
    xf_views_write(step->views);
    for (size_t i = 0; i < e->n_outputs; i++) {
        rc = emit->call(emit->user, &e->outputs[i], err);
        xf_views_close(step->views);
        if (rc < 0) return rc;
    }
    return 0;
}

/* ---- processors ------------------------------------------------------------------------------------------------- */

bool lua_engine_has(const struct lua_engine *e, const char *function)
{
    AQ_ASSERT(e->program->form == LUA_PROCESSOR);
    if (e->broken) return false;
    for (enum lua_hook hook = 0; hook < HOOK_COUNT; hook++) {
        if (strcmp(hook_names[hook], function) == 0) return e->hooks[hook] != LUA_NOREF;
    }
    return strcmp(function, "process") == 0;
}

/* Calls what stands on the stack with its arguments. */
static int call_processor(struct lua_engine *e, int args, const struct lua_emit *emit, struct aq_err *err)
{
    e->emit = emit;
    e->shape = LUA_RECORDS;
    e->emit_err = err;
    e->emit_rc = 0;
    int rc = lua_pcall(e->L, args, 0, 0);
    end(e);
    e->emit = NULL;
    e->emit_err = NULL;
    if (e->emit_rc < 0) return e->emit_rc;
    return rc == LUA_OK ? 0 : fail(e, rc, AQ_E_BAD_RECORD, err);
}

int lua_engine_call_process(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                            const struct lua_emit *emit, struct aq_err *err)
{
    AQ_ASSERT(e->program->form == LUA_PROCESSOR && emit->call && emit->arena && rec->batch);
    if (e->broken) return aq_fail(err, AQ_E_BAD_RECORD, "%s", e->broken);
    struct aq_record before = *rec;
    begin(e, step, rec, emit->arena);
    lua_pushvalue(e->L, AT_FUNCTION);
    lua_pushvalue(e->L, AT_RECORD);
    int rc = call_processor(e, 1, emit, err);
    if (rc < 0) take_back(step, rec, &before);
    return rc;
}

/* Pushes the hook's function; false when the file has none. */
static bool begin_hook(struct lua_engine *e, struct xf_step *step, enum lua_hook hook, struct aq_arena *arena)
{
    AQ_ASSERT(e->program->form == LUA_PROCESSOR);
    if (e->hooks[hook] == LUA_NOREF) return false;
    begin(e, step, NULL, arena);
    lua_rawgeti(e->L, LUA_REGISTRYINDEX, e->hooks[hook]);
    return true;
}

int lua_engine_call_punctuate(struct lua_engine *e, struct xf_step *step, int64_t now_ms, const char *type,
                              const struct lua_emit *emit, struct aq_err *err)
{
    AQ_ASSERT(emit->call && emit->arena);
    if (e->broken) return aq_fail(err, AQ_E_BAD_RECORD, "%s", e->broken);
    if (!begin_hook(e, step, HOOK_PUNCTUATE, emit->arena)) return 0;
    bool wall_clock = strcmp(type, time_names[1]) == 0;
    AQ_ASSERT(wall_clock || strcmp(type, time_names[0]) == 0);
    lua_pushinteger(e->L, now_ms);
    lua_rawgeti(e->L, LUA_REGISTRYINDEX, e->times[wall_clock]);
    return call_processor(e, 2, emit, err);
}

static int call_plain(struct lua_engine *e, struct xf_step *step, enum lua_hook hook, struct aq_err *err)
{
    if (e->broken) return aq_fail(err, AQ_E_BAD_RECORD, "%s", e->broken);
    if (!begin_hook(e, step, hook, NULL)) return 0;
    return call_processor(e, 0, NULL, err);
}

int lua_engine_call_init(struct lua_engine *e, struct xf_step *step, struct aq_err *err)
{
    return call_plain(e, step, HOOK_INIT, err);
}

int lua_engine_call_close(struct lua_engine *e, struct xf_step *step, struct aq_err *err)
{
    return call_plain(e, step, HOOK_CLOSE, err);
}
