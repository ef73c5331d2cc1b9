/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys with windows (struct xf_window) as Lua sees and makes them: a table with key, start and ["end"]. The first is by the format
 * inside, the others are ms since 1970. Where the window's size says when it ends, what a script gives as the end is passed over.
 *
 * A failing pass: bytes too short for a window, a table without its fields, a window that cannot be; errors of the script.
 *
 * Threads: the engine's.
 */
#include "transforms/lua_state.h"

#include "base/assert.h"
#include "base/big_endian.h"

#define TIME_BYTES 8

static const struct xf_window *window_of(lua_State *L)
{
    const struct xf_window *window = lua_engine_of(L)->step->window;
    AQ_ASSERT(window && window->inner != XF_WINDOWED && window->size_ms >= 0);
    return window;
}

static size_t tail_of(const struct xf_window *window)
{
    return window->session ? 2 * TIME_BYTES : TIME_BYTES;
}

static int64_t end_of(const struct xf_window *window, const char *tail, int64_t start)
{
    if (window->session) return (int64_t)aq_be64_get(tail);
    return start > INT64_MAX - window->size_ms ? INT64_MAX : start + window->size_ms;
}

void lua_push_windowed(lua_State *L, struct aq_slice bytes, const char *name)
{
    const struct xf_window *window = window_of(L);
    size_t tail = tail_of(window);
    if (bytes.len < tail)
        luaL_error(L, "%s has %d bytes, and its window alone takes %d", name, (int)bytes.len, (int)tail);
    const char *at = bytes.ptr + (bytes.len - tail);
    int64_t start = (int64_t)aq_be64_get(at + tail - TIME_BYTES);
    lua_createtable(L, 0, 3);
    lua_push_bytes(L, aq_slice_of(bytes.ptr, bytes.len - tail), window->inner, name);
    lua_setfield(L, -2, "key");
    lua_pushinteger(L, start);
    lua_setfield(L, -2, "start");
    lua_pushinteger(L, end_of(window, at, start));
    lua_setfield(L, -2, "end");
}

static int64_t time_field(lua_State *L, int index, const char *name, const char *what)
{
    int exact;
    lua_getfield(L, index, name);
    lua_Integer number = lua_tointegerx(L, -1, &exact);
    if (!exact || number < 0)
        luaL_error(L, "%s must be a table with key, start and [\"end\"]; its %s is %s", what, name,
                   exact ? "negative" : lua_what(L, -1));
    lua_pop(L, 1);
    return number;
}

struct aq_slice lua_encode_windowed(lua_State *L, int index, const char *what)
{
    struct lua_engine *e = lua_engine_of(L);
    const struct xf_window *window = window_of(L);
    if (lua_type(L, index) != LUA_TTABLE)
        luaL_error(L, "%s must be a table with key, start and [\"end\"] (its serde is windowed), not %s",
                   what, lua_what(L, index));
    int64_t start = time_field(L, index, "start", what);
    int64_t end = window->session ? time_field(L, index, "end", what) : start;
    if (end < start) luaL_error(L, "%s is a window that ends before it starts", what);
    lua_getfield(L, index, "key");
    struct aq_slice inner = lua_encode(L, -1, window->inner, what);
    lua_pop(L, 1);
    if (aq_slice_is_null(inner)) luaL_error(L, "%s is a window without a key", what);
    size_t tail = tail_of(window);
    lua_charge(L, inner.len + tail);
    char *bytes = aq_arena_alloc(e->arena, inner.len + tail);
    if (inner.len) memcpy(bytes, inner.ptr, inner.len);
    if (window->session) aq_be64_put(bytes + inner.len, (uint64_t)end);
    aq_be64_put(bytes + inner.len + tail - TIME_BYTES, (uint64_t)start);
    return aq_slice_of(bytes, inner.len + tail);
}
