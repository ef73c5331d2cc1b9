/* SPDX-License-Identifier: Apache-2.0
 *
 * A record's names: value, key, topic, partition, offset, timestamp, headers, value_bytes, key_bytes.
 *
 * Expressions and statements see them as global names, through a metatable of the globals, so that nothing is set up
 * per record and what is not asked for costs nothing. A file's function is given an object with the same names, and its
 * own globals stay its own. A name is told by the address of Lua's copy: equal short strings are one string in a state.
 *
 * value and key are nil for Kafka's null, a view or a Lua value when they are JSON, and an error of the script when
 * they are not, for which there are value_bytes and key_bytes. With another format than JSON (struct xf_formats) they
 * are strings or numbers (lua_typed.c). headers[name] is the last header of that name.
 *
 * A program may have variables besides (struct lua_variable), which come with each call and are read the same way.
 *
 * Threads: the engine's.
 */
#include "transforms/lua_state.h"

#include "base/assert.h"

static const char *const name_texts[NAME_COUNT] = {
    [NAME_VALUE] = "value",
    [NAME_KEY] = "key",
    [NAME_TOPIC] = "topic",
    [NAME_PARTITION] = "partition",
    [NAME_OFFSET] = "offset",
    [NAME_TIMESTAMP] = "timestamp",
    [NAME_HEADERS] = "headers",
    [NAME_KEY_BYTES] = "key_bytes",
    [NAME_VALUE_BYTES] = "value_bytes",
};

static struct aq_record *record_of(lua_State *L)
{
    struct aq_record *rec = lua_engine_of(L)->rec;
    if (!rec) lua_no_record(L);
    return rec;
}

enum lua_name lua_name_at(lua_State *L, int index)
{
    const struct lua_engine *e = lua_engine_of(L);
    if (lua_type(L, index) != LUA_TSTRING) return NAME_COUNT;
    const char *text = lua_tostring(L, index);
    enum lua_name name = 0;
    while (name < NAME_COUNT && e->names[name] != text) name++;
    return name;
}

unsigned lua_variable_at(lua_State *L, int index)
{
    const struct lua_engine *e = lua_engine_of(L);
    unsigned i = 0;
    if (e->n_variables == 0 || lua_type(L, index) != LUA_TSTRING) return e->n_variables;
    const char *text = lua_tostring(L, index);
    while (i < e->n_variables && e->variable_names[i] != text) i++;
    return i;
}

static void push_slice(lua_State *L, struct aq_slice bytes)
{
    if (aq_slice_is_null(bytes))
        lua_pushnil(L);
    else
        lua_pushlstring(L, bytes.ptr, bytes.len);
}

/* Writing an open view back for this makes bytes, which count as the script's. */
static void push_bytes(lua_State *L, struct aq_record *rec, enum xf_part part)
{
    const char *before = part == XF_PART_KEY ? rec->key.ptr : rec->value.ptr;
    struct aq_slice bytes = xf_step_part(lua_engine_of(L)->step, rec, part);
    if (bytes.ptr != before) lua_charge(L, bytes.len);
    push_slice(L, bytes);
}

static void push_topic(lua_State *L, const struct aq_record *rec)
{
    push_slice(L, rec->topic ? aq_slice_of(rec->topic->text, rec->topic->len) : AQ_NULL_SLICE);
}

static inline void push_part(lua_State *L, const struct lua_engine *e, enum xf_part part)
{
    if (__builtin_expect(e->now[part] == XF_JSON, 1))
        lua_push_part(L, part);
    else
        lua_push_typed(L, part);
}

static void push_variable(lua_State *L, const struct lua_engine *e, unsigned i)
{
    if (!e->variables) lua_no_record(L);
    const struct lua_variable *variable = &e->variables[i];
    lua_push_bytes(L, variable->bytes, variable->format, e->variable_names[i]);
}

/* (globals or record object, name) */
static int record_index(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    unsigned i = e->n_variables ? lua_variable_at(L, 2) : 0;
    if (i < e->n_variables) {
        push_variable(L, e, i);
        return 1;
    }
    enum lua_name name = lua_name_at(L, 2);
    if (name == NAME_COUNT) return 0;
    struct aq_record *rec = record_of(L);
    switch (name) {
    case NAME_VALUE: push_part(L, e, XF_PART_VALUE); break;
    case NAME_KEY: push_part(L, e, XF_PART_KEY); break;
    case NAME_TOPIC: push_topic(L, rec); break;
    case NAME_PARTITION: lua_pushinteger(L, xf_source_partition(e->step, rec)); break;
    case NAME_OFFSET: lua_pushinteger(L, rec->offset); break;
    case NAME_TIMESTAMP:
        if (rec->time_type == AQ_TIME_NONE) return 0;
        lua_pushinteger(L, rec->timestamp);
        break;
    case NAME_HEADERS: lua_rawgeti(L, LUA_REGISTRYINDEX, e->headers); break;
    case NAME_KEY_BYTES: push_bytes(L, rec, XF_PART_KEY); break;
    case NAME_VALUE_BYTES: push_bytes(L, rec, XF_PART_VALUE); break;
    case NAME_COUNT: break;
    }
    return 1;
}

static int headers_index(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    struct aq_slice name;
    name.ptr = lua_tolstring(L, 2, &name.len);
    uint16_t n;
    const struct aq_header *list = aq_record_headers(record_of(L), &n);
    while (n > 0) {
        if (!aq_slice_equal(list[--n].name, name)) continue;
        push_slice(L, list[n].value);
        return 1;
    }
    return 0;
}

static int headers_length(lua_State *L)
{
    uint16_t n;
    aq_record_headers(record_of(L), &n);
    lua_pushinteger(L, n);
    return 1;
}

/* Upvalue: where it stands. A value that is null comes as `null`, because nil would end nothing but confuse. */
static int headers_next(lua_State *L)
{
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(1));
    uint16_t n;
    const struct aq_header *list = aq_record_headers(record_of(L), &n);
    if (i >= n) return 0;
    push_slice(L, list[i].name);
    if (aq_slice_is_null(list[i].value))
        lua_pushlightuserdata(L, NULL);
    else
        push_slice(L, list[i].value);
    lua_pushinteger(L, i + 1);
    lua_replace(L, lua_upvalueindex(1));
    return 2;
}

static int headers_pairs(lua_State *L)
{
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, headers_next, 1);
    return 1;
}

static const luaL_Reg record_methods[] = {{"__index", record_index}, {"__newindex", lua_record_assign}, {0}};

static const luaL_Reg headers_methods[] = {{"__index", headers_index},
                                           {"__newindex", lua_headers_assign},
                                           {"__len", headers_length},
                                           {"__pairs", headers_pairs},
                                           {0}};

/* Pushes a metatable nobody can look at. */
static void push_metatable(lua_State *L, const luaL_Reg *methods)
{
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

void lua_record_open(lua_State *L)
{
    struct lua_engine *e = lua_engine_of(L);
    for (enum lua_name name = 0; name < NAME_COUNT; name++) {
        e->names[name] = lua_pushstring(L, name_texts[name]);
        luaL_ref(L, LUA_REGISTRYINDEX); /* kept, so that the address stays */
    }
    for (const char *const *name = e->program->variables; name && *name; name++) {
        AQ_ASSERT(e->program->form == LUA_EXPRESSION && e->n_variables < LUA_VARIABLES_MAX);
        e->variable_names[e->n_variables++] = lua_pushstring(L, *name);
        luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_newuserdatauv(L, 0, 0);
    push_metatable(L, headers_methods);
    lua_setmetatable(L, -2);
    e->headers = luaL_ref(L, LUA_REGISTRYINDEX);
    if (!lua_is_file(e->program)) {
        lua_pushglobaltable(L);
        push_metatable(L, record_methods);
        lua_setmetatable(L, -2);
        lua_pop(L, 1);
    }
    lua_newuserdatauv(L, 0, 0);
    push_metatable(L, record_methods);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    e->record = luaL_ref(L, LUA_REGISTRYINDEX);
}
