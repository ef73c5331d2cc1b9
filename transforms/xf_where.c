/* SPDX-License-Identifier: Apache-2.0
 *
 * Where: a Lua expression over the record decides (transforms/lua_engine.h).
 *
 * An ordinary pass: the expression runs; anything but false and nil is true, as everywhere in Lua.
 * A failing pass: the expression fails (a field that is not there is compared with a number, the value is no JSON): the
 * record fails with Lua's message. Taking that for "false" would let it slip past a Filter.
 */
#include "transforms/lua_engine.h"

struct where_conf {
    const char *expression;
    int64_t instruction_limit;
    int64_t memory_limit;
    struct lua_program program; /* made by configure */
};

static const struct opt_row rows[] = {
    {.name = "expression",
     .kind = OPT_STRING,
     .offset = offsetof(struct where_conf, expression),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_ROUTE,
     .help =
         "Lua expression over value, key, topic, partition, offset, timestamp and headers; true when it is "
         "neither false nor nil."},
    {.name = "instruction_limit",
     .kind = OPT_INT,
     .offset = offsetof(struct where_conf, instruction_limit),
     .def = LUA_INSTRUCTIONS_DEFAULT,
     .min = LUA_INSTRUCTIONS_MIN,
     .max = LUA_INSTRUCTIONS_MAX,
     .reload = OPT_RELOAD_ROUTE,
     .help = "How many instructions of Lua's machine a record may take before it fails."},
    {.name = "memory_limit",
     .kind = OPT_SIZE,
     .offset = offsetof(struct where_conf, memory_limit),
     .def = LUA_MEMORY_DEFAULT,
     .min = LUA_MEMORY_MIN,
     .max = LUA_MEMORY_MAX,
     .reload = OPT_RELOAD_ROUTE,
     .help = "How much memory Lua may hold, in each worker."},
    {.name = NULL},
};

static void configure(void *conf, const struct xf_setup *setup)
{
    struct where_conf *c = conf;
    c->program = (struct lua_program){.form = LUA_EXPRESSION,
                                      .name = "expression",
                                      .text = aq_slice_str(c->expression),
                                      .instruction_limit = c->instruction_limit,
                                      .memory_limit = c->memory_limit};
    struct aq_err err = {0};
    if (lua_program_check(&c->program, &err) < 0) xf_setup_error(setup, "expression", "%s", err.text);
}

static void *start(const void *conf)
{
    return lua_engine_start(&((const struct where_conf *)conf)->program);
}

static void stop(void *run)
{
    lua_engine_stop(run);
}

static bool test(struct xf_step *step, struct aq_record *rec)
{
    struct lua_result result;
    struct aq_err err;
    if (lua_engine_run(step->run, step, rec, &result, &err) < 0) {
        aq_record_fail(rec, step->name, "predicate: %s", err.text);
        return false;
    }
    return result.answer != LUA_NOTHING && result.answer != LUA_FALSE;
}

const struct xf_kind xf_where = {
    .abi = XF_ABI,
    .sort = XF_PREDICATE,
    .name = "Where",
    .summary = "True for records that a Lua expression selects.",
    .example =
        "large = { type = \"Where\"; expression = \"value.amount > 100 and value.country == 'DE'\"; };",
    .rows = rows,
    .conf_size = sizeof(struct where_conf),
    .configure = configure,
    .start = start,
    .stop = stop,
    .test = test,
};
