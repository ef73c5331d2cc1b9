/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as Lua sees it: scalars become Lua's own, objects and arrays become views that fetch what is asked for.
 *
 * An ordinary pass: `value.address.city` reads the field `address` of the chain's document view, finds an object and
 * wraps its span; indexing that scans the span, once per record, and finds `city`. Nothing else of the document is
 * looked at. Scanned spans are kept in a few slots and found again by address.
 *
 * Numbers: what fits 64 bits signed and has neither point nor exponent is an integer, exactly; everything else is a
 * float, the nearest there is (1e999 is infinity). The text in the document stays what it was unless the script
 * assigns the field. null is a value of its own, because nil says that there is no such field. Of fields with the
 * same name the last counts, as with most readers of JSON.
 *
 * A failing pass: a view of an earlier record, or one into a place that was rewritten since, points at nothing that
 * can be trusted; a number in the view tells, and using it is an error of the script.
 *
 * Invariants: scanned slots belong to the record at hand. Metatables are locked, so what a metamethod is given first is
 * a view. Threads: the engine's.
 */
#include "transforms/lua_state.h"

#include "base/assert.h"
#include "transforms/json_text.h"
#include "transforms/json_value.h"

static const char view_name[] = "JSON view";

/* Slots whose list grew beyond this are not kept that large for ever. */
#define FIELDS_KEPT 65536

struct lua_view *lua_to_view(lua_State *L, int index)
{
    return luaL_testudata(L, index, view_name);
}

static void push_number(lua_State *L, struct aq_slice text)
{
    int64_t integer;
    if (json_read_integer(text, &integer))
        lua_pushinteger(L, integer);
    else
        lua_pushnumber(L, json_read_real(text));
}

static void push_string(lua_State *L, struct aq_slice raw)
{
    struct aq_slice text = {raw.ptr + 1, raw.len - 2};
    if (text.len > 0 && memchr(text.ptr, '\\', text.len)) {
        struct lua_engine *e = lua_engine_of(L);
        aq_arena_reset(&e->scratch);
        text = json_unquote(&e->scratch, raw);
    }
    lua_pushlstring(L, text.ptr, text.len);
}

static struct lua_view *push_view(lua_State *L, enum xf_part part, enum json_type type, struct aq_slice text)
{
    struct lua_view *view = lua_newuserdatauv(L, sizeof(*view), 1);
    *view = (struct lua_view){.text = text,
                              .generation = lua_engine_of(L)->generation,
                              .part = (uint8_t)part,
                              .type = (uint8_t)type};
    luaL_setmetatable(L, view_name);
    return view;
}

void lua_push_json(lua_State *L, int parent, enum xf_part part, enum json_type type, struct aq_slice text)
{
    switch (type) {
    case JS_NULL: lua_pushlightuserdata(L, NULL); return;
    case JS_FALSE:
    case JS_TRUE: lua_pushboolean(L, type == JS_TRUE); return;
    case JS_NUMBER: push_number(L, text); return;
    case JS_STRING: push_string(L, text); return;
    case JS_ARRAY:
    case JS_OBJECT: break;
    }
    parent = parent ? lua_absindex(L, parent) : 0;
    push_view(L, part, type, text);
    if (!parent) return;
    lua_pushvalue(L, parent);
    lua_setiuservalue(L, -2, 1);
}

static const char *part_name(enum xf_part part)
{
    return part == XF_PART_KEY ? "key" : "value";
}

void lua_no_record(lua_State *L)
{
    luaL_error(L, "there is no record at hand %s",
               lua_engine_of(L)->started ? "outside of process()" : "while the file itself runs");
}

/* As xf_step_view() for the record at hand; a part that is no JSON is an error of the script that asked for it. */
static enum xf_fields open_part(lua_State *L, enum xf_part part, struct doc **ret_doc,
                                enum json_type *ret_type)
{
    struct lua_engine *e = lua_engine_of(L);
    if (!e->rec) lua_no_record(L);
    struct json_error error;
    enum xf_fields fields = xf_step_view(e->step, e->rec, part, ret_doc, ret_type, &error);
    if (fields != XF_BAD) return fields;
    char text[128];
    luaL_error(L, "%s is not JSON: %s", part_name(part), json_error_text(&error, text, sizeof(text)));
    return XF_BAD;
}

struct doc *lua_root_doc(lua_State *L, enum xf_part part)
{
    struct doc *doc = NULL;
    enum json_type type;
    bool json = lua_engine_of(L)->now[part] == XF_JSON;
    if (__builtin_expect(!json, 0) || open_part(L, part, &doc, &type) != XF_OBJECT)
        luaL_error(L, "%s is no JSON object in this record", part_name(part));
    return doc;
}

void lua_push_part(lua_State *L, enum xf_part part)
{
    struct lua_engine *e = lua_engine_of(L);
    struct doc *doc;
    enum json_type type;
    AQ_DASSERT(e->now[part] == XF_JSON);
    enum xf_fields fields = open_part(L, part, &doc, &type);
    if (fields == XF_OBJECT) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, e->roots[part]);
    } else if (fields == XF_NULL) {
        lua_pushnil(L);
    } else {
        lua_push_json(L, 0, part, type, json_trim(xf_step_part(e->step, e->rec, part)));
    }
}

void lua_push_text(lua_State *L, struct aq_slice text, const char *name)
{
    struct lua_engine *e = lua_engine_of(L);
    struct json_error error;
    struct json_value value;
    char said[128];
    aq_arena_reset(&e->scratch);
    if (json_value_read(text, &e->scratch, &value, &error) < 0)
        luaL_error(L, "%s is not JSON: %s", name, json_error_text(&error, said, sizeof(said)));
    lua_push_json(L, 0, XF_PART_VALUE, value.type, value.text);
}

static struct lua_nested *take_slot(struct lua_engine *e)
{
    struct lua_nested *slot = &e->nested[e->next_nested++ % LUA_NESTED_MAX];
    if (slot->doc.fields.cap > FIELDS_KEPT) json_fields_finish(&slot->doc.fields);
    aq_arena_reset(&slot->arena);
    slot->text = AQ_NULL_SLICE;
    return slot;
}

static void check_current(lua_State *L, const struct lua_view *view)
{
    const struct lua_engine *e = lua_engine_of(L);
    if (view->generation != e->generation || !e->rec)
        luaL_error(L, "this object or array belongs to an earlier record");
}

struct lua_nested *lua_view_scan(lua_State *L, const struct lua_view *view)
{
    struct lua_engine *e = lua_engine_of(L);
    AQ_ASSERT(!view->root);
    check_current(L, view);
    for (size_t i = 0; i < LUA_NESTED_MAX && i < e->next_nested; i++) {
        if (e->nested[i].text.ptr == view->text.ptr) return &e->nested[i];
    }
    struct lua_nested *slot = take_slot(e);
    struct json_error error;
    enum json_type type;
    int rc = view->type == JS_ARRAY ? json_scan_array(view->text, &slot->doc.fields, &error)
                                    : doc_open(&slot->doc, view->text, &slot->arena, &type, &error);
    if (rc < 0) { /* it was scanned before, but what was put into it since may nest too deeply */
        char text[128];
        luaL_error(L, "%s", json_error_text(&error, text, sizeof(text)));
    }
    slot->text = view->text;
    return slot;
}

static struct doc *object_of(lua_State *L, const struct lua_view *view)
{
    return view->root ? lua_root_doc(L, view->part) : &lua_view_scan(L, view)->doc;
}

static void push_field(lua_State *L, const struct lua_view *view, const struct doc *doc, uint32_t i)
{
    lua_push_json(L, 1, view->part, doc_type(doc, i), doc_value(doc, i));
}

static void push_element(lua_State *L, const struct lua_view *view, const struct json_field *f)
{
    lua_push_json(L, 1, view->part, f->type, aq_slice_of(view->text.ptr + f->value_at, f->value_len));
}

/* view[name], array[number] */
static int view_index(lua_State *L)
{
    const struct lua_view *view = lua_touserdata(L, 1);
    int kind = lua_type(L, 2);
    lua_Integer at;
    int exact;
    if (view->type == JS_OBJECT) {
        struct aq_slice name;
        if (kind != LUA_TSTRING) return 0;
        name.ptr = lua_tolstring(L, 2, &name.len);
        const struct doc *doc = object_of(L, view);
        uint32_t i = doc_find_last(doc, name);
        if (i == DOC_NONE) return 0;
        push_field(L, view, doc, i);
        return 1;
    }
    const struct json_fields *elements = &lua_view_scan(L, view)->doc.fields;
    if (kind != LUA_TNUMBER) return 0;
    at = lua_tointegerx(L, 2, &exact);
    if (!exact || at < 1 || (lua_Unsigned)at > elements->n) return 0;
    push_element(L, view, &elements->list[at - 1]);
    return 1;
}

/* #array; of an object, how many fields it has. */
static int view_length(lua_State *L)
{
    const struct lua_view *view = lua_touserdata(L, 1);
    lua_Integer n = 0;
    if (view->type == JS_ARRAY) {
        n = lua_view_scan(L, view)->doc.fields.n;
    } else {
        const struct doc *doc = object_of(L, view);
        for (uint32_t i = 0; i < doc_count(doc); i++) n += doc_alive(doc, i);
    }
    lua_pushinteger(L, n);
    return 1;
}

/* Upvalues: the view, where it stands. Called by `for`, which knows nothing of either. */
static int view_next(lua_State *L)
{
    uint32_t i = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    const struct lua_view *view = lua_touserdata(L, 1);
    if (view->type == JS_ARRAY) {
        const struct json_fields *elements = &lua_view_scan(L, view)->doc.fields;
        if (i >= elements->n) return 0;
        lua_pushinteger(L, (lua_Integer)i + 1);
        push_element(L, view, &elements->list[i]);
    } else {
        const struct doc *doc = object_of(L, view);
        while (i < doc_count(doc) && !doc_alive(doc, i)) i++;
        if (i >= doc_count(doc)) return 0;
        struct aq_slice name = doc_name(doc, i);
        lua_pushlstring(L, name.ptr, name.len);
        push_field(L, view, doc, i);
    }
    lua_pushinteger(L, (lua_Integer)i + 1);
    lua_replace(L, lua_upvalueindex(2));
    return 2;
}

static int view_pairs(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, view_next, 2);
    return 1;
}

struct aq_slice lua_view_text(lua_State *L, const struct lua_view *view)
{
    if (!view->root) {
        check_current(L, view);
        return view->text;
    }
    struct doc *doc = lua_root_doc(L, view->part);
    if (doc->changed) lua_charge(L, doc->text.len + doc->new_bytes);
    return doc_write(doc);
}

static int view_text(lua_State *L)
{
    struct aq_slice text = lua_view_text(L, lua_touserdata(L, 1));
    lua_pushlstring(L, text.ptr, text.len);
    return 1;
}

static const luaL_Reg view_methods[] = {{"__newindex", lua_view_assign}, {"__index", view_index},
                                        {"__len", view_length},          {"__pairs", view_pairs},
                                        {"__tostring", view_text},       {0}};

void lua_view_open(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    luaL_newmetatable(L, view_name);
    luaL_setfuncs(L, view_methods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    for (enum xf_part part = XF_PART_KEY; part <= XF_PART_VALUE; part++) {
        push_view(L, part, JS_OBJECT, AQ_NULL_SLICE)->root = true;
        e->roots[part] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_pushlightuserdata(L, NULL);
    lua_setglobal(L, "null");
}
