/* SPDX-License-Identifier: Apache-2.0
 *
 * Lua: a step written in Lua (transforms/lua_engine.h). One of five options says what it does:
 *   where     an expression; keeps the records for which it is true and drops the others
 *   map       statements that edit the record in place
 *   route     an expression; its result is the sink topic
 *   flat_map  an expression; its result is an array of records that go on in the record's place (transforms/flatten.h), so
 *             this one takes whole batches
 *   script    a file with a function that is given the record: may edit, route and drop
 *
 * An ordinary pass: the text is compiled when the configuration is read, which finds its mistakes, and again by each
 * worker when it starts; per record it runs and its result is looked at.
 * A failing pass: Lua's message fails the record, and the record is what it was before the step. So does a result that
 * makes no sense: a route that is no topic name, a map that returns something.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/flatten.h"
#include "transforms/lua_engine.h"
#include "transforms/script.h"
#include "transforms/topic_name.h"

enum work { WORK_WHERE, WORK_MAP, WORK_ROUTE, WORK_FLAT_MAP, WORK_SCRIPT, WORK_COUNT };

static const char *const work_names[WORK_COUNT] = {"where", "map", "route", "flat_map", "script"};

struct lua_conf {
    const char *texts[WORK_COUNT]; /* at most one is not NULL once the configuration is found good */
    const char *call;
    int64_t instruction_limit;
    int64_t memory_limit;
    /* made by configure */
    enum work work;
    struct lua_program program;
};

static const struct opt_row rows[] = {
    {.name = "where",
     .kind = OPT_STRING,
     .offset = offsetof(struct lua_conf, texts[WORK_WHERE]),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Lua expression: the record is kept when it is true, else dropped."},
    {.name = "map",
     .kind = OPT_STRING,
     .offset = offsetof(struct lua_conf, texts[WORK_MAP]),
     .reload = OPT_RELOAD_ROUTE,
     .help =
         "Lua statements that edit the record: value.total = value.price * value.count; value.note = nil."},
    {.name = "route",
     .kind = OPT_STRING,
     .offset = offsetof(struct lua_conf, texts[WORK_ROUTE]),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Lua expression whose result is the name of the sink topic."},
    {.name = "flat_map",
     .kind = OPT_STRING,
     .offset = offsetof(struct lua_conf, texts[WORK_FLAT_MAP]),
     .reload = OPT_RELOAD_ROUTE,
     .help =
         "Lua expression whose result is an array of records that go on in the record's place, each a table with "
         "key and value (null where there is none) and, when they are not to be those that came in, timestamp "
         "and headers. key_bytes and value_bytes give bytes that are not JSON: {key_bytes=key_bytes, "
         "value=value.a}. nil or an empty array drops the record."},
    {.name = "script",
     .kind = OPT_STRING,
     .offset = offsetof(struct lua_conf, texts[WORK_SCRIPT]),
     .reload = OPT_RELOAD_ROUTE,
     .help =
         "Path of a Lua file, relative to the configuration file; its function `call` is given the record."},
    {.name = "call",
     .kind = OPT_STRING,
     .offset = offsetof(struct lua_conf, call),
     .reload = OPT_RELOAD_ROUTE,
     .help = "Name of the script's function, \"transform\" when it is left out: returning false drops the "
             "record, nothing or true keeps it."},
    {.name = "instruction_limit",
     .kind = OPT_INT,
     .offset = offsetof(struct lua_conf, instruction_limit),
     .def = LUA_INSTRUCTIONS_DEFAULT,
     .min = LUA_INSTRUCTIONS_MIN,
     .max = LUA_INSTRUCTIONS_MAX,
     .reload = OPT_RELOAD_ROUTE,
     .help = "How many instructions of Lua's machine a record may take before it fails."},
    {.name = "memory_limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct lua_conf, memory_limit),
     .def = LUA_MEMORY_DEFAULT,
     .min = LUA_MEMORY_MIN,
     .max = LUA_MEMORY_MAX,
     .reload = OPT_RELOAD_ROUTE,
     .help = "How much memory Lua may hold in each worker, and how much it may write for one record."},
    {.name = NULL},
};

/* Which of them was given; WORK_COUNT after a complaint. */
static enum work find_work(const struct lua_conf *c, const struct xf_setup *setup)
{
    enum work found = WORK_COUNT;
    for (enum work w = 0; w < WORK_COUNT; w++) {
        if (!c->texts[w]) continue;
        if (found != WORK_COUNT) {
            xf_setup_error(setup, work_names[w], "'%s' and '%s' cannot be had in one step; make two of them",
                           work_names[found], work_names[w]);
            return WORK_COUNT;
        }
        found = w;
    }
    if (found == WORK_COUNT)
        xf_setup_error(setup, NULL, "one of where, map, route, flat_map and script is needed");
    return found;
}

static void configure(void *conf, const struct xf_setup *setup)
{
    static const enum lua_form forms[] = {LUA_EXPRESSION, LUA_STATEMENTS, LUA_EXPRESSION, LUA_EXPRESSION,
                                          LUA_FUNCTION};
    struct lua_conf *c = conf;
    struct aq_err err = {0};
    c->work = find_work(c, setup);
    if (c->work == WORK_COUNT) return;
    if (c->call && c->work != WORK_SCRIPT) {
        xf_setup_error(setup, "call", "'call' names a function of a 'script', and there is none");
        return;
    }
    const char *option = work_names[c->work];
    c->program = (struct lua_program){.form = forms[c->work],
                                      .name = option,
                                      .text = aq_slice_str(c->texts[c->work]),
                                      .call = c->call ? c->call : "transform",
                                      .instruction_limit = c->instruction_limit,
                                      .memory_limit = c->memory_limit};
    if (c->work == WORK_SCRIPT) {
        c->program.name = script_path(setup->group, "script", c->texts[WORK_SCRIPT], setup->arena);
        if (script_read(c->program.name, setup->arena, &c->program.text, &err) < 0) {
            xf_setup_error(setup, option, "%s", err.text);
            return;
        }
    }
    if (lua_program_check(&c->program, &err) < 0) xf_setup_error(setup, option, "%s", err.text);
}

struct lua_run {
    struct lua_engine *engine;
    struct flatten flatten;
};

static void *start(const void *conf)
{
    struct lua_run *r = aq_calloc(1, sizeof(*r));
    r->engine = lua_engine_start(&((const struct lua_conf *)conf)->program);
    return r;
}

static void stop(void *run)
{
    struct lua_run *r = run;
    lua_engine_stop(r->engine);
    flatten_finish(&r->flatten);
    free(r);
}

static void route(struct xf_step *step, struct aq_record *rec, const struct lua_result *result)
{
    if (result->answer != LUA_STRING) {
        aq_record_fail(rec, step->name, "route: the result is a %s, not the name of a topic", result->type);
        return;
    }
    const char *fault = topic_name_fault(result->text);
    if (fault)
        aq_record_fail(rec, step->name, "route: topic '%s' %s", result->text.ptr, fault);
    else
        rec->topic = aq_names_intern(step->names, result->text);
}

static void each(struct xf_step *step, struct aq_record *rec)
{
    const struct lua_conf *c = step->conf;
    const struct lua_run *r = step->run;
    struct lua_result result;
    struct aq_err err;
    if (lua_engine_run(r->engine, step, rec, &result, &err) < 0) {
        aq_record_fail(rec, step->name, "%s", err.text);
        return;
    }
    bool no = result.answer == LUA_FALSE, nothing = result.answer == LUA_NOTHING;
    switch (c->work) {
    case WORK_WHERE:
        if (no || nothing) rec->flags |= AQ_REC_DROPPED;
        break;
    case WORK_MAP:
        if (!nothing) aq_record_fail(rec, step->name, "map: returns a %s; it edits only", result.type);
        break;
    case WORK_ROUTE: route(step, rec, &result); break;
    case WORK_SCRIPT:
        if (no)
            rec->flags |= AQ_REC_DROPPED;
        else if (!nothing && result.answer != LUA_TRUE)
            aq_record_fail(rec, step->name, "%s: %s returns a %s, neither nothing nor true nor false",
                           c->program.name, c->program.call, result.type);
        break;
    case WORK_FLAT_MAP:
    case WORK_COUNT: AQ_ASSERT(!"no work for single records");
    }
}

static void apply(struct xf_step *step, struct aq_batch *batch)
{
    struct lua_run *r = step->run;
    AQ_ASSERT(((const struct lua_conf *)step->conf)->work == WORK_FLAT_MAP);
    flatten_batch(&r->flatten, r->engine, step, batch);
}

static bool batchwise(const void *conf)
{
    return ((const struct lua_conf *)conf)->work == WORK_FLAT_MAP;
}

static bool routes(const void *conf)
{
    enum work work = ((const struct lua_conf *)conf)->work;
    return work == WORK_ROUTE || work == WORK_SCRIPT;
}

const struct xf_kind xf_lua = {
    .abi = XF_ABI,
    .sort = XF_TRANSFORM,
    .name = "Lua",
    .summary = "Keeps, edits, routes or multiplies records by Lua 5.4.",
    .example = "total = { type = \"Lua\"; map = \"value.total = value.price * value.count\"; };",
    .rows = rows,
    .conf_size = sizeof(struct lua_conf),
    .flags = XF_ROUTES,
    .configure = configure,
    .start = start,
    .stop = stop,
    .each = each,
    .apply = apply,
    .batchwise = batchwise,
    .routes = routes,
};
