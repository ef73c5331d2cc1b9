/* SPDX-License-Identifier: Apache-2.0
 *
 * What a script may change: fields of the documents, elements of arrays, a whole part, headers, the topic.
 *
 * An ordinary pass: `value.total = 5` becomes an edit of the chain's document view, as any field step makes it. nil
 * drops the field, `null` writes JSON's null. Where a name stands twice the last is changed and the others are
 * dropped, so that no reader sees the old value. `value.address.city = "X"` writes the object `address` anew, with
 * everything else in it as it was, and puts it into what contains it, up to the field of the document.
 *
 * A failing pass: a view whose place was rewritten through another view has nowhere to go. Its text is looked for
 * where it was read, by address; when it is not there, the assignment is an error and nothing was changed.
 *
 * Cost: an assignment inside a nested value copies the field of the document that holds it. For many at once it is
 * cheaper to build a table and assign that.
 *
 * Threads: the engine's.
 */
#include "transforms/lua_state.h"

#include "base/assert.h"
#include "transforms/topic_name.h"

static struct lua_engine *editing(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    if (e->program->form == LUA_EXPRESSION) luaL_error(L, "an expression cannot change the record");
    if (e->program->form == LUA_PEEK)
        luaL_error(L, "peek sees a record and does not change it; use map_values");
    if (!e->rec) lua_no_record(L);
    return e;
}

/* A step that promised to leave the key alone. */
static void check_key(lua_State *L, const struct lua_engine *e, enum xf_part part)
{
    if (part == XF_PART_KEY && e->program->keep_key)
        luaL_error(L, "map_values does not change the key; use map or select_key");
}

/* The string at an index; `what` is needed as one. */
static struct aq_slice string_at(lua_State *L, int index, const char *what)
{
    struct aq_slice text = AQ_NULL_SLICE;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "%s must be a string, not a %s", what, luaL_typename(L, index));
    text.ptr = lua_tolstring(L, index, &text.len);
    return text;
}

/* doc[name] = the value at index 3. */
static void set_field(lua_State *L, struct lua_engine *e, struct doc *doc)
{
    struct aq_slice name = string_at(L, 2, "the name of a field");
    enum json_type type = JS_NULL;
    struct aq_slice text = AQ_NULL_SLICE;
    uint32_t last = DOC_NONE;
    if (!lua_isnil(L, 3)) {
        text = lua_to_json(L, 3, &type);
        last = doc_find_last(doc, name);
    }
    for (uint32_t i = doc_find(doc, name, 0); i != DOC_NONE; i = doc_find(doc, name, i + 1)) {
        if (i != last) doc_drop(doc, i);
    }
    if (aq_slice_is_null(text)) return;
    if (last != DOC_NONE) {
        doc_replace(doc, last, text, type);
        return;
    }
    lua_charge(L, name.len * 2 + 64);
    struct doc_name made = doc_name_make(&e->rec->batch->arena, name);
    doc_append(doc, &made, text, type);
}

/* text with [from, to) replaced by two pieces. */
static struct aq_slice splice(lua_State *L, struct aq_slice text, size_t from, size_t to, struct aq_slice a,
                              struct aq_slice b)
{
    AQ_ASSERT(from <= to && to <= text.len);
    size_t len = from + a.len + b.len + (text.len - to);
    lua_charge(L, len);
    struct aq_arena *arena = &lua_engine_of(L)->rec->batch->arena;
    char *out = aq_arena_reserve(arena, len), *o = out;
    const struct aq_slice pieces[] = {{text.ptr, from}, a, b, {text.ptr + to, text.len - to}};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        if (pieces[i].len) memcpy(o, pieces[i].ptr, pieces[i].len);
        o += pieces[i].len;
    }
    AQ_ASSERT((size_t)(o - out) == len);
    aq_arena_keep(arena, len);
    return aq_slice_of(out, len);
}

/* The nested object with [2] = [3]. */
static struct aq_slice changed_object(lua_State *L, struct lua_engine *e, struct lua_nested *nested)
{
    struct doc *doc = &nested->doc;
    nested->text = AQ_NULL_SLICE; /* from here on it is no longer the scan of that text */
    doc->arena = &e->rec->batch->arena;
    set_field(L, e, doc);
    lua_charge(L, doc->text.len + doc->new_bytes);
    return doc_write(doc);
}

/* The array with [2] = [3]. Past the end by one appends; nil takes the last away. */
static struct aq_slice changed_array(lua_State *L, const struct lua_nested *nested)
{
    const struct json_fields *elements = &nested->doc.fields;
    struct aq_slice text = nested->text;
    int exact = 0;
    lua_Integer at = lua_type(L, 2) == LUA_TNUMBER ? lua_tointegerx(L, 2, &exact) : 0;
    lua_Integer n = elements->n;
    enum json_type type;
    if (!exact) luaL_error(L, "an array has elements 1, 2, 3, ...; this is none of their numbers");
    const struct json_field *f = at >= 1 && at <= n ? &elements->list[at - 1] : NULL;
    const struct json_field *last = n > 0 ? &elements->list[n - 1] : NULL;
    if (lua_isnil(L, 3)) {
        if (!f) return text;
        if (f != last) luaL_error(L, "nil inside an array would leave a hole; use table.remove()");
        size_t from = n > 1 ? f[-1].value_at + f[-1].value_len : f->value_at;
        return splice(L, text, from, f->value_at + f->value_len, AQ_NULL_SLICE, AQ_NULL_SLICE);
    }
    if (!f && at != n + 1)
        luaL_error(L, "element %I is beyond the end of an array of %I", (LUAI_UACINT)at, (LUAI_UACINT)n);
    struct aq_slice value = lua_to_json(L, 3, &type);
    if (f) return splice(L, text, f->value_at, f->value_at + f->value_len, value, AQ_NULL_SLICE);
    size_t end = last ? last->value_at + last->value_len : elements->body_at;
    return splice(L, text, end, end, last ? AQ_LIT(",") : AQ_NULL_SLICE, value);
}

/* The document's field whose value starts at this address. */
static uint32_t field_at(const struct doc *doc, const char *ptr)
{
    for (uint32_t i = 0; i < doc_count(doc); i++) {
        if (doc_alive(doc, i) && doc_value(doc, i).ptr == ptr) return i;
    }
    return DOC_NONE;
}

/* Whether the view still stands where it was read, all the way up. Leaves the stack as it was. */
static void check_place(lua_State *L)
{
    int top = lua_gettop(L);
    const struct lua_view *view = lua_touserdata(L, 1);
    lua_pushvalue(L, 1);
    while (!view->root) {
        lua_getiuservalue(L, -1, 1);
        lua_remove(L, -2);
        const struct lua_view *parent = lua_touserdata(L, -1);
        if (!parent) luaL_error(L, "the document itself is an array: assign it as a whole");
        struct aq_slice outer = parent->text;
        bool there = parent->root ? field_at(lua_root_doc(L, parent->part), view->text.ptr) != DOC_NONE
                                  : view->text.ptr > outer.ptr && view->text.ptr < outer.ptr + outer.len;
        if (!there)
            luaL_error(L, "this place of the document was rewritten since it was read; read it again");
        view = parent;
    }
    lua_settop(L, top);
}

/* Puts text where the text of the view on top of the stack stands, in it and in all that contains it; outermost last
 * in time, because only then it is known where the inner ones stand. */
static void put_back(lua_State *L, struct aq_slice text)
{
    struct lua_view *view = lua_touserdata(L, -1);
    luaL_checkstack(L, 2, "nested values");
    lua_getiuservalue(L, -1, 1);
    struct lua_view *parent = lua_touserdata(L, -1);
    if (parent->root) {
        struct doc *doc = lua_root_doc(L, parent->part);
        doc_replace(doc, field_at(doc, view->text.ptr), text, view->type);
        view->text = text;
    } else {
        size_t at = (size_t)(view->text.ptr - parent->text.ptr);
        put_back(L, splice(L, parent->text, at, at + view->text.len, text, AQ_NULL_SLICE));
        view->text = aq_slice_of(parent->text.ptr + at, text.len);
    }
    lua_pop(L, 1);
}

int lua_view_assign(lua_State *L)
{
    struct lua_engine *e = editing(L);
    struct lua_view *view = lua_touserdata(L, 1);
    check_key(L, e, view->part);
    if (view->root) {
        set_field(L, e, lua_root_doc(L, view->part));
        return 0;
    }
    struct lua_nested *nested = lua_view_scan(L, view);
    check_place(L);
    struct aq_slice text = view->type == JS_OBJECT ? changed_object(L, e, nested) : changed_array(L, nested);
    lua_settop(L, 1);
    if (text.ptr != view->text.ptr) put_back(L, text);
    return 0;
}

static void set_part(lua_State *L, struct lua_engine *e, enum xf_part part)
{
    check_key(L, e, part);
    struct aq_slice bytes = lua_encode(L, 3, e->outgoing[part], part == XF_PART_KEY ? "key" : "value");
    xf_step_set_part(e->step, e->rec, part, bytes);
    e->now[part] = e->outgoing[part];
}

static void set_bytes(lua_State *L, struct lua_engine *e, enum xf_part part)
{
    check_key(L, e, part);
    struct aq_slice bytes = AQ_NULL_SLICE;
    if (!lua_isnil(L, 3)) {
        bytes = string_at(L, 3, "bytes");
        lua_charge(L, bytes.len);
        bytes = aq_arena_copy(&e->rec->batch->arena, bytes);
    }
    xf_step_set_part(e->step, e->rec, part, bytes);
    e->now[part] = e->outgoing[part];
}

static void set_topic(lua_State *L, struct lua_engine *e)
{
    if (e->program->form == LUA_PROCESSOR)
        luaL_error(L, "a processor does not choose the topic; give the sink a topic_by");
    if (e->program->form != LUA_FUNCTION) luaL_error(L, "the topic can be set by `route` or by a file only");
    struct aq_slice name = string_at(L, 3, "topic");
    const char *fault = topic_name_fault(name);
    if (fault) luaL_error(L, "topic '%s' %s", name.ptr, fault);
    e->rec->topic = aq_names_intern(e->step->names, name);
}

/* Only a processor's records get a time of their own: a route keeps the source's. */
static void set_timestamp(lua_State *L, struct lua_engine *e)
{
    if (e->program->form != LUA_PROCESSOR) luaL_error(L, "'timestamp' cannot be assigned");
    e->rec->timestamp = lua_timestamp(L, 3);
    if (e->rec->time_type == AQ_TIME_NONE) e->rec->time_type = AQ_TIME_CREATE;
}

int lua_record_assign(lua_State *L)
{
    enum lua_name name = lua_name_at(L, 2);
    if (lua_variable_at(L, 2) < lua_engine_of(L)->n_variables)
        return luaL_error(L, "'%s' cannot be assigned", lua_tostring(L, 2));
    if (name == NAME_COUNT) {
        if (!lua_istable(L, 1)) return luaL_error(L, "a record has no '%s'", luaL_tolstring(L, 2, NULL));
        lua_rawset(L, 1);
        return 0;
    }
    struct lua_engine *e = editing(L);
    switch (name) {
    case NAME_VALUE: set_part(L, e, XF_PART_VALUE); break;
    case NAME_KEY: set_part(L, e, XF_PART_KEY); break;
    case NAME_VALUE_BYTES: set_bytes(L, e, XF_PART_VALUE); break;
    case NAME_KEY_BYTES: set_bytes(L, e, XF_PART_KEY); break;
    case NAME_TOPIC: set_topic(L, e); break;
    case NAME_TIMESTAMP: set_timestamp(L, e); break;
    default: luaL_error(L, "'%s' cannot be assigned", lua_tostring(L, 2));
    }
    return 0;
}

int lua_headers_assign(lua_State *L)
{
    struct lua_engine *e = editing(L);
    struct aq_arena *arena = &e->rec->batch->arena;
    struct aq_slice name = string_at(L, 2, "the name of a header"), value = AQ_NULL_SLICE;
    bool drop = lua_isnil(L, 3), null = lua_islightuserdata(L, 3);
    if (!drop && !null) value = string_at(L, 3, "the value of a header");
    if (name.len == 0) return luaL_error(L, "the name of a header must not be empty");
    uint16_t n;
    aq_record_headers(e->rec, &n);
    lua_charge(L, (n + 1u) * sizeof(struct aq_header) + name.len + value.len);
    aq_record_drop_headers(e->rec, name);
    if (drop) return 0;
    name = aq_arena_copy(arena, name);
    aq_record_add_header(e->rec, name, aq_arena_copy(arena, value));
    return 0;
}
