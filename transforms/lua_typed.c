/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and values that are no JSON, as Lua sees and makes them. The bytes are those of Kafka's serializers
 * (streams/serde/serde.h says which).
 *
 *   format          Lua reads             Lua may give
 *   bytes, string   a string              a string
 *   int32, int64    an integer            an integer, or a float with the value of one
 *   double          a float               a number
 *   json            (lua_view.c)          anything (lua_json.c)
 *   windowed        a table               a table (lua_window.c)
 *
 * nil is null in both directions. JSON's null stands for it too where the format is not JSON, so that a field of a
 * document that is null makes a null key.
 *
 * A failing pass: bytes of a length that no such number has, a value the format has no bytes for; errors of the script.
 * A number is not made a string on its own, because the two forms of 1 and 1.0 would then be different keys.
 *
 * Threads: the engine's.
 */
#include "transforms/lua_state.h"

#include <math.h>

#include "base/assert.h"
#include "base/big_endian.h"

/* What a computed NaN is written as: Java's Double.doubleToLongBits(). */
#define JAVA_NAN UINT64_C(0x7ff8000000000000)

const char *lua_what(lua_State *L, int index)
{
    const struct lua_view *view = lua_to_view(L, index);
    if (view) return view->type == JS_ARRAY ? "a JSON array" : "a JSON object";
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL: return "nil";
    case LUA_TBOOLEAN: return "a boolean";
    case LUA_TNUMBER: return "a number";
    case LUA_TSTRING: return "a string";
    case LUA_TTABLE: return "a table";
    case LUA_TFUNCTION: return "a function";
    case LUA_TLIGHTUSERDATA: return "null";
    default: return "an object";
    }
}

bool lua_format_passes(enum xf_format in, enum xf_format out)
{
    return in == out || out == XF_BYTES || (out == XF_STRING && (in == XF_BYTES || in == XF_JSON));
}

static void check_size(lua_State *L, enum xf_format format, const char *name, struct aq_slice bytes,
                       size_t size)
{
    if (bytes.len == size) return;
    luaL_error(L, "%s has %d bytes, and %s %s has %d", name, (int)bytes.len, format == XF_DOUBLE ? "a" : "an",
               xf_format_name(format), (int)size);
}

static double double_of_bits(uint64_t bits)
{
    double number;
    _Static_assert(sizeof(number) == sizeof(bits), "a double has 64 bits");
    memcpy(&number, &bits, sizeof(number));
    return number;
}

void lua_push_bytes(lua_State *L, struct aq_slice bytes, enum xf_format format, const char *name)
{
    if (aq_slice_is_null(bytes)) {
        lua_pushnil(L);
        return;
    }
    switch (format) {
    case XF_JSON: lua_push_text(L, bytes, name); return;
    case XF_INT32:
        check_size(L, format, name, bytes, 4);
        lua_pushinteger(L, (int32_t)aq_be32_get(bytes.ptr));
        return;
    case XF_INT64:
        check_size(L, format, name, bytes, 8);
        lua_pushinteger(L, (lua_Integer)aq_be64_get(bytes.ptr));
        return;
    case XF_DOUBLE:
        check_size(L, format, name, bytes, 8);
        lua_pushnumber(L, double_of_bits(aq_be64_get(bytes.ptr)));
        return;
    case XF_WINDOWED: lua_push_windowed(L, bytes, name); return;
    default: lua_pushlstring(L, bytes.ptr, bytes.len);
    }
}

void lua_push_typed(lua_State *L, enum xf_part part)
{
    struct lua_engine *e = lua_engine_of(L);
    AQ_DASSERT(e->rec && e->now[part] != XF_JSON);
    lua_push_bytes(L, xf_step_part(e->step, e->rec, part), e->now[part],
                   part == XF_PART_KEY ? "key" : "value");
}

static struct aq_slice encode_string(lua_State *L, int index, enum xf_format format, const char *what)
{
    struct lua_engine *e = lua_engine_of(L);
    struct aq_slice text;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "%s must be a string (its serde is %s), not %s; use tostring()", what,
                   xf_format_name(format), lua_what(L, index));
    text.ptr = lua_tolstring(L, index, &text.len);
    lua_charge(L, text.len + 1);
    return aq_arena_copy(e->arena, text);
}

static struct aq_slice encode_integer(lua_State *L, int index, enum xf_format format, const char *what)
{
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s must be an integer (its serde is %s), not %s", what, xf_format_name(format),
                   lua_what(L, index));
    int exact;
    lua_Integer number = lua_tointegerx(L, index, &exact);
    if (!exact) luaL_error(L, "%s must be an integer of 64 bits, not %f", what, lua_tonumber(L, index));
    size_t size = format == XF_INT32 ? 4 : 8;
    if (size == 4 && (number < INT32_MIN || number > INT32_MAX))
        luaL_error(L, "%s is %I, outside of int32", what, (LUAI_UACINT)number);
    lua_charge(L, size);
    char *bytes = aq_arena_alloc(lua_engine_of(L)->arena, size);
    if (size == 4)
        aq_be32_put(bytes, (uint32_t)number);
    else
        aq_be64_put(bytes, (uint64_t)number);
    return aq_slice_of(bytes, size);
}

static struct aq_slice encode_double(lua_State *L, int index, const char *what)
{
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_error(L, "%s must be a number (its serde is double), not %s", what, lua_what(L, index));
    double number = lua_tonumber(L, index);
    uint64_t bits = JAVA_NAN;
    if (!isnan(number)) memcpy(&bits, &number, sizeof(bits));
    lua_charge(L, sizeof(bits));
    char *bytes = aq_arena_alloc(lua_engine_of(L)->arena, sizeof(bits));
    aq_be64_put(bytes, bits);
    return aq_slice_of(bytes, sizeof(bits));
}

struct aq_slice lua_encode(lua_State *L, int index, enum xf_format format, const char *what)
{
    enum json_type type;
    AQ_DASSERT(lua_engine_of(L)->arena);
    index = lua_absindex(L, index);
    if (lua_isnil(L, index)) return AQ_NULL_SLICE;
    if (format == XF_JSON) return lua_to_json(L, index, &type);
    if (lua_islightuserdata(L, index)) return AQ_NULL_SLICE;
    switch (format) {
    case XF_INT32:
    case XF_INT64: return encode_integer(L, index, format, what);
    case XF_DOUBLE: return encode_double(L, index, what);
    case XF_WINDOWED: return lua_encode_windowed(L, index, what);
    default: return encode_string(L, index, format, what);
    }
}

struct aq_slice lua_encode_from(lua_State *L, int index, struct aq_slice text, enum xf_format format,
                                const char *what)
{
    if (format != XF_JSON || aq_slice_is_null(text)) return lua_encode(L, index, format, what);
    lua_charge(L, text.len + 1);
    return aq_arena_copy(lua_engine_of(L)->arena, text);
}
