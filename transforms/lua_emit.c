/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that a program makes: the elements of an expression's result, and what forward() is given.
 *
 * An ordinary pass: `values = "value.lines"` returns a view of an array; every element is copied out of the document by
 * its span and becomes an output. `records = "{{key = 'a', value = 1}}"` returns a table of tables; each is read field by
 * field and encoded by the outgoing formats. The outputs stand in the engine until the program has returned, and are
 * emitted then (lua_engine.c). forward() in a processor's file emits at once, from inside Lua: by then everything is
 * encoded, and the emitter's failure is kept beside Lua's error, so that a script cannot swallow it.
 *
 * A failing pass: a field that no record has, a value without bytes in its format, an array with holes. The error names
 * the element by its number.
 *
 * Invariant: bytes of outputs lie in the call's arena, or are those of the record at hand. Threads: the engine's.
 */
#include "transforms/lua_state.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/views.h"

int64_t lua_timestamp(lua_State *L, int index)
{
    int exact = 0;
    lua_Integer ms = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &exact) : 0;
    if (!exact || ms < 0)
        luaL_error(L, "timestamp must be an integer, milliseconds since 1970, not %s",
                   luaL_tolstring(L, index, NULL));
    return ms;
}

/* The string at an index, copied with a zero byte behind it. */
static struct aq_slice copy_string(lua_State *L, int index)
{
    struct aq_slice text;
    text.ptr = lua_tolstring(L, index, &text.len);
    lua_charge(L, text.len + 1);
    return aq_arena_copy(lua_engine_of(L)->arena, text);
}

static int by_name(const void *a, const void *b)
{
    struct aq_slice x = ((const struct aq_header *)a)->name, y = ((const struct aq_header *)b)->name;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

/* The name below the top of the stack, the value on it. */
static struct aq_header read_header(lua_State *L)
{
    struct aq_header h = {AQ_NULL_SLICE, AQ_NULL_SLICE};
    if (lua_type(L, -2) != LUA_TSTRING || lua_rawlen(L, -2) == 0)
        luaL_error(L, "headers must be a table of names and strings; this name is %s", lua_what(L, -2));
    if (lua_type(L, -1) == LUA_TSTRING)
        h.value = copy_string(L, -1);
    else if (!lua_islightuserdata(L, -1))
        luaL_error(L, "header '%s' must be a string, not %s", lua_tostring(L, -2), lua_what(L, -1));
    h.name = copy_string(L, -2);
    return h;
}

/* An object of the document; in its order. */
static void read_header_view(lua_State *L, struct lua_engine *e, int index, struct lua_output *out)
{
    const struct lua_view *view = lua_to_view(L, index);
    const struct doc *doc = view->root ? lua_root_doc(L, view->part) : &lua_view_scan(L, view)->doc;
    uint32_t n = doc_count(doc);
    if (n > UINT16_MAX) luaL_error(L, "a record cannot have more than %d headers", UINT16_MAX);
    lua_charge(L, n * sizeof(struct aq_header));
    struct aq_header *list = aq_arena_alloc(e->arena, n * sizeof(*list));
    for (uint32_t i = 0; i < n; i++) {
        if (!doc_alive(doc, i)) continue;
        struct aq_slice name = doc_name(doc, i);
        lua_pushlstring(L, name.ptr, name.len);
        lua_push_json(L, index, view->part, doc_type(doc, i), doc_value(doc, i));
        list[out->n_headers++] = read_header(L);
        lua_pop(L, 2);
    }
    out->headers = list;
    out->has_headers = true;
}

/* The headers of the record at hand, as they are. */
static void own_headers(struct lua_engine *e, struct lua_output *out)
{
    out->headers = aq_record_headers(e->rec, &out->n_headers);
    out->has_headers = true;
}

/* A table; sorted, because Lua's order differs from run to run. */
static void read_header_table(lua_State *L, struct lua_engine *e, int table, struct lua_output *out)
{
    size_t n = 0, i = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
    if (n > UINT16_MAX) luaL_error(L, "a record cannot have more than %d headers", UINT16_MAX);
    lua_charge(L, n * sizeof(struct aq_header));
    struct aq_header *list = aq_arena_alloc(e->arena, n * sizeof(*list));
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) list[i++] = read_header(L);
    AQ_ASSERT(i == n);
    if (n > 1) qsort(list, n, sizeof(*list), by_name);
    out->headers = list;
    out->n_headers = (uint16_t)n;
    out->has_headers = true;
}

/* What is on top of the stack: a table, an object, or the `headers` of the record at hand. */
static void read_headers(lua_State *L, struct lua_engine *e, struct lua_output *out)
{
    int table = lua_gettop(L);
    const struct lua_view *view = lua_to_view(L, table);
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->headers);
    bool own = lua_rawequal(L, -1, table);
    lua_pop(L, 1);
    if (own && !e->rec) lua_no_record(L);
    if (own) {
        own_headers(e, out);
        return;
    }
    if (lua_istable(L, table))
        read_header_table(L, e, table, out);
    else if (view && view->type == JS_OBJECT)
        read_header_view(L, e, table, out);
    else
        luaL_error(L, "headers must be a table, not %s", lua_what(L, table));
}

/* Fields come in any order, so neither of the two can be the one that counts. */
static void say_once(lua_State *L, const struct lua_engine *e, const char *what, struct aq_slice said)
{
    if (e->shape == LUA_CHAIN_RECORDS && !aq_slice_is_null(said))
        luaL_error(L, "a record has %s or %s_bytes, not both", what, what);
}

/* Bytes as they are, for a key or a value that is not JSON. */
static void read_bytes(lua_State *L, const char *what, struct aq_slice *ret)
{
    say_once(L, lua_engine_of(L), what, *ret);
    if (lua_islightuserdata(L, -1)) return;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "%s_bytes must be a string, not %s", what, lua_what(L, -1));
    *ret = copy_string(L, -1);
}

static void read_chain_field(lua_State *L, struct aq_slice name, struct lua_output *out)
{
    if (aq_slice_equal(name, AQ_LIT("key_bytes"))) {
        read_bytes(L, "key", &out->key);
    } else if (aq_slice_equal(name, AQ_LIT("value_bytes"))) {
        read_bytes(L, "value", &out->value);
    } else {
        lua_pushlstring(L, name.ptr, name.len);
        luaL_error(
            L, "a record has no '%s'; it has key or key_bytes, value or value_bytes, timestamp and headers",
            lua_tostring(L, -1));
    }
}

/* One field of a record; its value is on top of the stack, and `text` where it stands in a document. */
static void read_field(lua_State *L, struct lua_engine *e, struct aq_slice name, struct aq_slice text,
                       struct lua_output *out)
{
    if (aq_slice_equal(name, AQ_LIT("key"))) {
        say_once(L, e, "key", out->key);
        out->key = lua_encode_from(L, -1, text, e->outgoing[XF_PART_KEY], "key");
    } else if (aq_slice_equal(name, AQ_LIT("value"))) {
        say_once(L, e, "value", out->value);
        out->value = lua_encode_from(L, -1, text, e->outgoing[XF_PART_VALUE], "value");
    } else if (aq_slice_equal(name, AQ_LIT("timestamp"))) {
        out->timestamp = lua_timestamp(L, -1);
        out->has_timestamp = true;
    } else if (aq_slice_equal(name, AQ_LIT("headers"))) {
        read_headers(L, e, out);
    } else if (e->shape == LUA_CHAIN_RECORDS) {
        read_chain_field(L, name, out);
    } else if (aq_slice_equal(name, AQ_LIT("to"))) {
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "to must be the name of a child, not %s", lua_what(L, -1));
        out->to = copy_string(L, -1).ptr;
    } else {
        lua_pushlstring(L, name.ptr, name.len);
        luaL_error(L, "a record has no '%s'; it has key, value, timestamp, headers and to",
                   lua_tostring(L, -1));
    }
}

static void read_table(lua_State *L, struct lua_engine *e, int table, struct lua_output *out)
{
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        struct aq_slice name;
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a record is a table with key and value, not an array");
        name.ptr = lua_tolstring(L, -2, &name.len);
        read_field(L, e, name, AQ_NULL_SLICE, out);
    }
}

static void read_view(lua_State *L, struct lua_engine *e, int index, struct lua_output *out)
{
    const struct lua_view *view = lua_to_view(L, index);
    const struct doc *doc = view->root ? lua_root_doc(L, view->part) : &lua_view_scan(L, view)->doc;
    for (uint32_t i = 0; i < doc_count(doc); i++) {
        if (!doc_alive(doc, i)) continue;
        lua_push_json(L, index, view->part, doc_type(doc, i), doc_value(doc, i));
        read_field(L, e, doc_name(doc, i), doc_value(doc, i), out);
        lua_pop(L, 1);
    }
}

/* A table or an object of the document that says what a record is made of. What it does not name is null. */
static void read_record(lua_State *L, int index, struct lua_output *out)
{
    struct lua_engine *e = lua_engine_of(L);
    const struct lua_view *view = lua_to_view(L, index);
    index = lua_absindex(L, index);
    luaL_checkstack(L, 12, "a record");
    out->has_key = out->has_value = true;
    if (lua_istable(L, index))
        read_table(L, e, index, out);
    else if (view && view->type == JS_OBJECT)
        read_view(L, e, index, out);
    else
        luaL_error(L, "a record is a table with key and value, not %s", lua_what(L, index));
}

/* The value on top of the stack as one more output. */
static void add(lua_State *L, struct lua_engine *e, struct aq_slice text)
{
    unsigned nested = e->next_nested;
    lua_charge(L, sizeof(struct lua_output));
    if (e->n_outputs == e->cap_outputs) {
        e->cap_outputs = e->cap_outputs ? e->cap_outputs * 2 : 16;
        e->outputs = aq_realloc(e->outputs, e->cap_outputs * sizeof(*e->outputs));
    }
    struct lua_output out = {0};
    if (e->shape != LUA_VALUES) {
        read_record(L, -1, &out);
    } else {
        out.has_value = true;
        out.value = lua_encode_from(L, -1, text, e->outgoing[XF_PART_VALUE], "the value");
    }
    e->outputs[e->n_outputs++] = out;
    /* What was scanned of this element is not looked at again; the array around it must not lose its place to it. */
    e->next_nested = nested;
}

static void collect_table(lua_State *L, struct lua_engine *e, int table)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, table), names = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > n) names++;
    }
    if (names > 0) luaL_error(L, "the result must be an array, and this table has other keys than 1 to n");
    for (e->element = 1; e->element <= n; e->element++) {
        if (lua_rawgeti(L, table, e->element) == LUA_TNIL) luaL_error(L, "is nil; an array has no holes");
        add(L, e, AQ_NULL_SLICE);
        lua_pop(L, 1);
    }
}

static void collect_view(lua_State *L, struct lua_engine *e, int index)
{
    const struct lua_view *view = lua_to_view(L, index);
    uint32_t n = lua_view_scan(L, view)->doc.fields.n;
    for (uint32_t i = 0; i < n; i++) {
        const struct json_field *f = &lua_view_scan(L, view)->doc.fields.list[i];
        struct aq_slice text = {view->text.ptr + f->value_at, f->value_len};
        e->element = (lua_Integer)i + 1;
        lua_push_json(L, index, view->part, f->type, text);
        add(L, e, text);
        lua_pop(L, 1);
    }
}

void lua_collect(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    int index = lua_gettop(L);
    const struct lua_view *view = lua_to_view(L, index);
    AQ_DASSERT(e->n_outputs == 0 && e->arena);
    luaL_checkstack(L, 8, "an array");
    if (lua_isnil(L, index) || lua_islightuserdata(L, index)) return;
    if (lua_istable(L, index))
        collect_table(L, e, index);
    else if (view && view->type == JS_ARRAY)
        collect_view(L, e, index);
    else
        luaL_error(L, "the result must be an array or nil, not %s", lua_what(L, index));
}

/* The record at hand as the script left it. */
static void forward_part(lua_State *L, struct lua_engine *e, enum xf_part part, struct aq_slice *ret)
{
    *ret = xf_step_part(e->step, e->rec, part);
    enum xf_format now = e->now[part], out = e->outgoing[part];
    const char *name = part == XF_PART_KEY ? "key" : "value";
    if (now == out || aq_slice_is_null(*ret) || lua_format_passes(now, out)) return;
    luaL_error(L, "%s comes in as %s and goes out as %s: assign %s", name, xf_format_name(now),
               xf_format_name(out), name);
}

static void read_own(lua_State *L, struct lua_engine *e, struct lua_output *out)
{
    if (!e->rec) lua_no_record(L);
    out->has_key = out->has_value = true;
    forward_part(L, e, XF_PART_KEY, &out->key);
    forward_part(L, e, XF_PART_VALUE, &out->value);
    out->has_timestamp = e->rec->time_type != AQ_TIME_NONE;
    out->timestamp = out->has_timestamp ? e->rec->timestamp : 0;
    own_headers(e, out);
}

static void read_child(lua_State *L, struct lua_output *out)
{
    if (lua_isnoneornil(L, 2)) return;
    if (lua_type(L, 2) != LUA_TSTRING)
        luaL_error(L, "forward() takes the name of a child, not %s", lua_what(L, 2));
    if (out->to) luaL_error(L, "forward() is given a child twice, by 'to' and by its second argument");
    out->to = copy_string(L, 2).ptr;
}

/* forward(record or table [, child]) */
static int forward(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    struct lua_output out = {0};
    if (!e->emit) return luaL_error(L, "forward() works in process() and punctuate() only");
    if (e->emit_rc < 0) return luaL_error(L, "forward() has failed before");
    lua_settop(L, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->record);
    if (lua_rawequal(L, 1, -1))
        read_own(L, e, &out);
    else if (lua_istable(L, 1) || lua_to_view(L, 1))
        read_record(L, 1, &out);
    else
        return luaL_error(L, "forward() takes the record or a table, not %s", lua_what(L, 1));
    read_child(L, &out);
    xf_views_write(e->step->views);
    e->emit_rc = e->emit->call(e->emit->user, &out, e->emit_err);
    xf_views_close(e->step->views);
    if (e->emit_rc < 0) return luaL_error(L, "forward() has failed");
    return 0;
}

void lua_emit_open(lua_State *L)
{
    lua_pushcfunction(L, forward);
    lua_setglobal(L, "forward");
}
