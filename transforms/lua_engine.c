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
 * Invariants: engine->rec is set exactly while a call runs; Lua functions that can raise an error are called only below
 * lua_pcall(). Threads: one owner.
 */
#include "transforms/lua_state.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

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
    const char *chunk = lua_pushfstring(L, p->form == LUA_FUNCTION ? "@%s" : "=%s", p->name);
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
    if (p->form == LUA_FUNCTION) {
        limit_instructions(e);
        lua_call(L, 0, 0);
        if (lua_getglobal(L, p->call) != LUA_TFUNCTION)
            return luaL_error(L, "%s: there is no function '%s'", p->name, p->call);
    }
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
    return aq_fail(err, code, "%s", lua_tostring(L, -1));
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

static void begin(struct lua_engine *e, struct xf_step *step, struct aq_record *rec)
{
    AQ_ASSERT(!e->rec && rec->batch);
    static const struct xf_formats json = {XF_JSON, XF_JSON, XF_JSON, XF_JSON};
    const struct xf_formats *f = step->formats ? step->formats : &json;
    e->now[XF_PART_KEY] = f->in_key;
    e->now[XF_PART_VALUE] = f->in_value;
    e->outgoing[XF_PART_KEY] = f->out_key;
    e->outgoing[XF_PART_VALUE] = f->out_value;
    e->step = step;
    e->rec = rec;
    e->arena = &rec->batch->arena;
    e->generation++;
    e->written = 0;
    /* What was scanned belongs to the last record; the next may stand at the same addresses. */
    unsigned used = e->next_nested < LUA_NESTED_MAX ? e->next_nested : LUA_NESTED_MAX;
    for (unsigned i = 0; i < used; i++) e->nested[i].text = AQ_NULL_SLICE;
    e->next_nested = 0;
    lua_settop(e->L, AT_RECORD);
    limit_instructions(e);
}

static void end(struct lua_engine *e)
{
    e->rec = NULL;
    e->step = NULL;
    e->arena = NULL;
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
    if (e->program->form == LUA_EXPRESSION) return 0;
    int rc = check_part(e, XF_PART_KEY, rec->key, err);
    return rc < 0 ? rc : check_part(e, XF_PART_VALUE, rec->value, err);
}

int lua_engine_run(struct lua_engine *e, struct xf_step *step, struct aq_record *rec,
                   struct lua_result *ret_result, struct aq_err *err)
{
    if (e->broken) return aq_fail(err, AQ_E_BAD_RECORD, "%s", e->broken);
    struct aq_record before = *rec;
    lua_State *L = e->L;
    begin(e, step, rec);
    bool function = e->program->form == LUA_FUNCTION;
    lua_pushvalue(L, AT_FUNCTION);
    if (function) lua_pushvalue(L, AT_RECORD);
    int rc = lua_pcall(L, function, 1, 0);
    end(e);
    if (rc == LUA_OK) {
        *ret_result = result_of(L);
        if (check_parts(e, rec, err) == 0) return 0;
    }
    xf_step_set_part(step, rec, XF_PART_KEY, before.key);
    xf_step_set_part(step, rec, XF_PART_VALUE, before.value);
    *rec = before;
    return rc == LUA_OK ? AQ_E_BAD_RECORD : fail(e, rc, AQ_E_BAD_RECORD, err);
}
