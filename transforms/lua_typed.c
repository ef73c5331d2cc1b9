/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and values that are no JSON, as Lua sees and makes them. The bytes are those of Kafka's serializers
 * (streams/serde.h says which).
 *
 *   format          Lua reads             Lua may give
 *   bytes, string   a string              a string
 *   int32, int64    an integer            an integer, or a float with the value of one
 *   double          a float               a number
 *   json            (lua_view.c)          anything (lua_json.c)
 *   windowed        a table               a table: key, start and ["end"], the first by the format inside, the others in ms; end is
 *                                         passed over where the window's size says it
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

static void check_size(lua_State *L, enum xf_part part, enum xf_format format, struct aq_slice bytes,
                       size_t size)
{
    if (bytes.len == size) return;
    luaL_error(L, "%s has %d bytes, and %s %s has %d", part == XF_PART_KEY ? "key" : "value", (int)bytes.len,
               format == XF_DOUBLE ? "a" : "an", xf_format_name(format), (int)size);
}

static double double_of_bits(uint64_t bits)
{
    double number;
    _Static_assert(sizeof(number) == sizeof(bits), "a double has 64 bits");
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* JSON inside of a key with a window. */
static void push_json_text(lua_State *L, enum xf_part part, struct aq_slice text)
{
    struct json_fields fields = {0};
    struct json_error error;
    enum json_type type;
    int rc = json_scan(text, &fields, &type, &error);
    json_fields_finish(&fields);
    if (rc != 0) luaL_error(L, "the key in the windowed key is not JSON");
    lua_push_json(L, 0, part, type, text);
}

static void push_bytes(lua_State *L, enum xf_part part, enum xf_format format, struct aq_slice bytes);

static void push_windowed(lua_State *L, enum xf_part part, struct aq_slice bytes)
{
    const struct xf_window *window = lua_engine_of(L)->step->window;
    AQ_ASSERT(window && window->inner != XF_WINDOWED);
    size_t tail = window->session ? 16 : 8;
    if (bytes.len < tail)
        luaL_error(L, "the windowed key has %d bytes, and its window alone takes %d", (int)bytes.len,
                   (int)tail);
    const char *at = bytes.ptr + (bytes.len - tail);
    int64_t start = (int64_t)aq_be64_get(at + tail - 8);
    int64_t end = window->session                       ? (int64_t)aq_be64_get(at)
                  : start > INT64_MAX - window->size_ms ? INT64_MAX
                                                        : start + window->size_ms;
    lua_createtable(L, 0, 3);
    push_bytes(L, part, window->inner, aq_slice_of(bytes.ptr, bytes.len - tail));
    lua_setfield(L, -2, "key");
    lua_pushinteger(L, start);
    lua_setfield(L, -2, "start");
    lua_pushinteger(L, end);
    lua_setfield(L, -2, "end");
}

static void push_bytes(lua_State *L, enum xf_part part, enum xf_format format, struct aq_slice bytes)
{
    switch (format) {
    case XF_INT32:
        check_size(L, part, format, bytes, 4);
        lua_pushinteger(L, (int32_t)aq_be32_get(bytes.ptr));
        return;
    case XF_INT64:
        check_size(L, part, format, bytes, 8);
        lua_pushinteger(L, (lua_Integer)aq_be64_get(bytes.ptr));
        return;
    case XF_DOUBLE:
        check_size(L, part, format, bytes, 8);
        lua_pushnumber(L, double_of_bits(aq_be64_get(bytes.ptr)));
        return;
    case XF_JSON: push_json_text(L, part, bytes); return;
    case XF_WINDOWED: push_windowed(L, part, bytes); return;
    default: lua_pushlstring(L, bytes.ptr, bytes.len);
    }
}

void lua_push_typed(lua_State *L, enum xf_part part)
{
    struct lua_engine *e = lua_engine_of(L);
    AQ_DASSERT(e->rec && e->now[part] != XF_JSON);
    struct aq_slice bytes = xf_step_part(e->step, e->rec, part);
    if (aq_slice_is_null(bytes)) {
        lua_pushnil(L);
        return;
    }
    push_bytes(L, part, e->now[part], bytes);
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

static int64_t window_field(lua_State *L, int index, const char *name, const char *what)
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

static struct aq_slice encode_windowed(lua_State *L, int index, const char *what)
{
    struct lua_engine *e = lua_engine_of(L);
    const struct xf_window *window = e->step->window;
    AQ_ASSERT(window && window->inner != XF_WINDOWED);
    if (lua_type(L, index) != LUA_TTABLE)
        luaL_error(L, "%s must be a table with key, start and [\"end\"] (its serde is windowed), not %s",
                   what, lua_what(L, index));
    int64_t start = window_field(L, index, "start", what);
    int64_t end = window->session ? window_field(L, index, "end", what) : start;
    if (end < start) luaL_error(L, "%s is a window that ends before it starts", what);
    lua_getfield(L, index, "key");
    struct aq_slice inner = lua_encode(L, -1, window->inner, what);
    lua_pop(L, 1);
    if (aq_slice_is_null(inner)) luaL_error(L, "%s is a window without a key", what);
    size_t tail = window->session ? 16 : 8;
    lua_charge(L, inner.len + tail);
    char *bytes = aq_arena_alloc(e->arena, inner.len + tail);
    if (inner.len) memcpy(bytes, inner.ptr, inner.len);
    if (window->session) aq_be64_put(bytes + inner.len, (uint64_t)end);
    aq_be64_put(bytes + inner.len + tail - 8, (uint64_t)start);
    return aq_slice_of(bytes, inner.len + tail);
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
    case XF_WINDOWED: return encode_windowed(L, index, what);
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
