/* SPDX-License-Identifier: Apache-2.0
 *
 * Lua values as JSON text.
 *
 * An ordinary pass: a string, number or boolean is written straight into the batch's arena. A table is walked into the
 * engine's buffer first, because its length is not known, and then copied: as an array when its keys are 1 to n, as an
 * object when they are strings, sorted by their bytes, because Lua's own order differs from run to run and the same
 * record must always give the same bytes. An empty table is an object, unless array() said otherwise. A view into
 * the document is copied as it stands.
 *
 * A failing pass: a table that holds itself, that is nested too deeply, or whose keys are mixed; NaN and infinity, for
 * which JSON has no text; functions. All are errors of the script and name what was met.
 *
 * Invariant: what a call writes into the batch is counted in engine->written before it is allocated. Threads: the
 * engine's.
 */
#include "transforms/lua_state.h"

#include <math.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/json_text.h"

#define TABLE_DEPTH_MAX 100

static const char array_name[] = "JSON array";

/* The tables around the one at work. */
struct around {
    const struct around *next;
    const void *table;
    int depth;
};

void lua_charge(lua_State *L, size_t bytes)
{
    struct lua_engine *e = lua_engine_of(L);
    size_t limit = (size_t)e->program->memory_limit;
    if (bytes > limit || e->written > limit - bytes)
        luaL_error(L, "more than %I bytes were written for one record (memory_limit)",
                   (LUAI_UACINT)e->program->memory_limit);
    e->written += bytes;
}

static void put(lua_State *L, struct aq_slice text)
{
    struct lua_engine *e = lua_engine_of(L);
    lua_charge(L, text.len);
    if (e->out_cap - e->out_len < text.len) {
        while (e->out_cap - e->out_len < text.len) e->out_cap = e->out_cap ? e->out_cap * 2 : 1024;
        e->out = aq_realloc(e->out, e->out_cap);
    }
    memcpy(e->out + e->out_len, text.ptr, text.len);
    e->out_len += text.len;
}

/* The text of anything but a table. */
static struct aq_slice scalar(lua_State *L, int index, struct aq_arena *arena, enum json_type *ret_type)
{
    struct aq_slice text;
    const struct lua_view *view;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        *ret_type = lua_toboolean(L, index) ? JS_TRUE : JS_FALSE;
        return *ret_type == JS_TRUE ? AQ_LIT("true") : AQ_LIT("false");
    case LUA_TNUMBER:
        *ret_type = JS_NUMBER;
        if (lua_isinteger(L, index)) return json_int(arena, lua_tointeger(L, index));
        if (!isfinite(lua_tonumber(L, index))) luaL_error(L, "%f has no JSON form", lua_tonumber(L, index));
        return json_real(arena, lua_tonumber(L, index));
    case LUA_TSTRING:
        *ret_type = JS_STRING;
        text.ptr = lua_tolstring(L, index, &text.len);
        return json_quote(arena, text);
    case LUA_TLIGHTUSERDATA: *ret_type = JS_NULL; return AQ_LIT("null");
    case LUA_TUSERDATA:
        view = lua_to_view(L, index);
        if (!view) break;
        *ret_type = view->type;
        return lua_view_text(L, view);
    }
    luaL_error(L, "a %s has no JSON form", luaL_typename(L, index));
    return AQ_NULL_SLICE;
}

static bool is_marked_array(lua_State *L, int table)
{
    if (!lua_getmetatable(L, table)) return false;
    luaL_getmetatable(L, array_name);
    bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

/* Pushes a table of the names, sorted later, and returns their number; -1 and nothing for an array. The names are held
 * by that table: a script may have made the walked one weak, and what is in it may go at any allocation. */
static lua_Integer push_names(lua_State *L, int table)
{
    lua_Integer names = 0, others = 0, n = (lua_Integer)lua_rawlen(L, table);
    lua_newtable(L);
    int held = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) {
            lua_pushvalue(L, -2);
            lua_rawseti(L, held, ++names);
        } else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1 && lua_tointeger(L, -2) <= n) {
            others++;
        } else {
            luaL_error(L, "a table whose keys are neither strings nor 1 to n has no JSON form");
        }
    }
    if (names > 0 && others > 0)
        luaL_error(L, "a table with both names and numbers as keys has no JSON form");
    if (names > 0 || (n == 0 && !is_marked_array(L, table))) return names;
    lua_pop(L, 1);
    return -1;
}

static int by_bytes(const void *a, const void *b)
{
    const struct aq_slice *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static void put_value(lua_State *L, int index, const struct around *around);

static void put_array(lua_State *L, int table, const struct around *around)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, table);
    put(L, AQ_LIT("["));
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1) put(L, AQ_LIT(","));
        if (lua_rawgeti(L, table, i) == LUA_TNIL) luaL_error(L, "an array with holes has no JSON form");
        put_value(L, lua_gettop(L), around);
        lua_pop(L, 1);
    }
    put(L, AQ_LIT("]"));
}

/* The n names are held by the table on top of the stack. */
static void put_object(lua_State *L, int table, size_t n, const struct around *around)
{
    struct lua_engine *e = lua_engine_of(L);
    int held = lua_gettop(L);
    struct aq_slice *names =
        lua_newuserdatauv(L, n * sizeof(*names), 0); /* gone with the stack, come what may */
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, held, (lua_Integer)i + 1);
        names[i].ptr = lua_tolstring(L, -1, &names[i].len);
        lua_pop(L, 1);
    }
    if (n > 0) qsort(names, n, sizeof(*names), by_bytes);
    put(L, AQ_LIT("{"));
    for (size_t i = 0; i < n; i++) {
        if (i > 0) put(L, AQ_LIT(","));
        aq_arena_reset(&e->scratch);
        put(L, json_quote(&e->scratch, names[i]));
        put(L, AQ_LIT(":"));
        lua_pushlstring(L, names[i].ptr, names[i].len);
        lua_rawget(L, table);
        put_value(L, lua_gettop(L), around);
        lua_pop(L, 1);
    }
    put(L, AQ_LIT("}"));
    lua_settop(L, held - 1);
}

static void put_table(lua_State *L, int table, const struct around *around)
{
    struct around here = {around, lua_topointer(L, table), around ? around->depth + 1 : 1};
    for (const struct around *a = around; a; a = a->next) {
        if (a->table == here.table) luaL_error(L, "a table that contains itself has no JSON form");
    }
    if (here.depth > TABLE_DEPTH_MAX)
        luaL_error(L, "a table is nested deeper than %d levels", TABLE_DEPTH_MAX);
    luaL_checkstack(L, 8, "nested tables");
    lua_Integer names = push_names(L, table);
    if (names < 0)
        put_array(L, table, &here);
    else
        put_object(L, table, (size_t)names, &here);
}

static void put_value(lua_State *L, int index, const struct around *around)
{
    enum json_type type;
    struct lua_engine *e = lua_engine_of(L);
    if (lua_istable(L, index)) {
        put_table(L, index, around);
        return;
    }
    aq_arena_reset(&e->scratch);
    put(L, scalar(L, index, &e->scratch, &type));
}

struct aq_slice lua_to_json(lua_State *L, int index, enum json_type *ret_type)
{
    struct lua_engine *e = lua_engine_of(L);
    struct aq_arena *arena = e->arena;
    AQ_DASSERT(arena);
    index = lua_absindex(L, index);
    if (lua_istable(L, index)) {
        e->out_len = 0;
        put_table(L, index, NULL);
        *ret_type = e->out[0] == '[' ? JS_ARRAY : JS_OBJECT;
        return aq_arena_copy(arena, aq_slice_of(e->out, e->out_len));
    }
    lua_charge(L, lua_type(L, index) == LUA_TSTRING ? lua_rawlen(L, index) + 2 : 32);
    struct aq_slice text = scalar(L, index, arena, ret_type);
    if (!lua_isuserdata(L, index) || *ret_type == JS_NULL) return text;
    /* A nested value is known by its address, so no two places of a document may share one. */
    lua_charge(L, text.len);
    return aq_arena_copy(arena, text);
}

struct json_value lua_to_value(lua_State *L, int index)
{
    struct json_value value = {.type = JS_NULL};
    switch (lua_type(L, index)) {
    case LUA_TNIL:
    case LUA_TLIGHTUSERDATA: break;
    case LUA_TBOOLEAN: value.type = lua_toboolean(L, index) ? JS_TRUE : JS_FALSE; break;
    case LUA_TNUMBER:
        value.type = JS_NUMBER;
        value.is_integer = lua_isinteger(L, index);
        if (value.is_integer)
            value.integer = lua_tointeger(L, index);
        else
            value.real = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        value.type = JS_STRING;
        value.string.ptr = lua_tolstring(L, index, &value.string.len);
        lua_charge(L, value.string.len + 1);
        value.string = aq_arena_copy(lua_engine_of(L)->arena, value.string);
        break;
    default: value.text = json_trim(lua_to_json(L, index, &value.type));
    }
    return value;
}

/* array(t): a table, {} when there is none, that becomes an array even when it is empty. */
static int mark_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, array_name);
    return 1;
}

void lua_json_open(lua_State *L)
{
    luaL_newmetatable(L, array_name);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    lua_pushcfunction(L, mark_array);
    lua_setglobal(L, "array");
}
