/* SPDX-License-Identifier: Apache-2.0
 *
 * The libraries a script may use: base, string, table, math, utf8, without what reaches outside the state, what runs
 * code that was not in the configuration, and what would run where the instruction limit cannot see it.
 *
 * Left out, and why: load, loadfile, dofile (code from elsewhere, binary code that crashes the interpreter),
 * collectgarbage (the state's memory is the engine's business), print and warn (they write into the program's own
 * output), string.dump (makes binary code); xpcall and the __gc metamethod, because Lua calls error handlers and
 * finalizers with hooks switched off, so that an endless loop in one could not be stopped.
 */
#include "transforms/lua_state.h"

#include <lualib.h>

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},       {LUA_TABLIBNAME, luaopen_table}, {LUA_STRLIBNAME, luaopen_string},
    {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8},
};

static const char *const left_out[] = {"collectgarbage", "dofile", "load",  "loadfile",
                                       "print",          "warn",   "xpcall"};

/* setmetatable() that refuses finalizers; the original is its upvalue. */
static int set_metatable(lua_State *L)
{
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) return luaL_error(L, "__gc cannot be used here");
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

void lua_sandbox_open(lua_State *L)
{
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
        lua_pushnil(L);
        lua_setglobal(L, left_out[i]);
    }
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_pushnil(L);
    lua_setfield(L, -2, "dump");
    lua_pop(L, 1);
    lua_getglobal(L, "setmetatable");
    lua_pushcclosure(L, set_metatable, 1);
    lua_setglobal(L, "setmetatable");
}
