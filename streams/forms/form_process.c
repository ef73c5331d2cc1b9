/* SPDX-License-Identifier: Apache-2.0
 *
 * process: a Lua script that is given every record, and is called at intervals.
 */
#include "streams/forms/form_parts.h"
#include "transforms/script.h"

struct process_conf {
    const char *script;
    int64_t wall_clock_ms;
    int64_t stream_time_ms;
    const char *key_serde;
    const char *value_serde;
    struct st_limits limits;
    struct st_process op;
};

static const struct opt_row rows[] = {
    {.name = "script",
     .kind = OPT_STRING,
     .offset = offsetof(struct process_conf, script),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Path of a Lua file, relative to the configuration file, with process(record) and, if wanted, punctuate(now, type), "
         "init() and close(). forward(record) or forward(record, \"CHILD\") sends a record on; nothing goes on by itself."},
    {.name = "punctuate_wall_clock",
     .kind = OPT_DURATION,
     .offset = offsetof(struct process_conf, wall_clock_ms),
     .def = "0",
     .max = 366LL * 86400000,
     .reload = OPT_RELOAD_PROCESS,
     .help = "Calls punctuate(now, \"wall_clock\") at this interval; 0: never."},
    {.name = "punctuate_stream_time",
     .kind = OPT_DURATION,
     .offset = offsetof(struct process_conf, stream_time_ms),
     .def = "0",
     .max = 366LL * 86400000,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Calls punctuate(now, \"stream_time\") whenever the timestamps of records have moved on by this much; 0: never."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct process_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How keys are written that it sends on, when not as those that come in: " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct process_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How values are written that it sends on, when not as those that come in: " ST_SERDE_HELP},
    ST_LIMIT_ROWS(struct process_conf),
    {.name = NULL},
};

static bool load(const struct st_forming *forming, struct process_conf *c)
{
    struct aq_err err = {0};
    c->op.script = (struct lua_program){
        .form = LUA_PROCESSOR, .instruction_limit = c->limits.instructions, .memory_limit = c->limits.memory};
    c->op.script.name = script_path(forming->group, "script", c->script, forming->arena);
    if (script_read(c->op.script.name, forming->arena, &c->op.script.text, &err) == 0 &&
        lua_program_check(&c->op.script, &err) == 0)
        return true;
    st_form_error(forming, "script", "%s", err.text);
    return false;
}

/* An interval without a function would do nothing, and so would a function without an interval. */
static bool check_punctuate(const struct st_forming *forming, const struct process_conf *c)
{
    struct lua_engine *engine = lua_engine_start(&c->op.script);
    bool has = lua_engine_has(engine, "punctuate");
    lua_engine_stop(engine);
    const char *option = c->wall_clock_ms > 0 ? "punctuate_wall_clock" : "punctuate_stream_time";
    bool wanted = c->wall_clock_ms > 0 || c->stream_time_ms > 0;
    if (wanted && !has) {
        st_form_error(forming, option, "%s: %s has no function punctuate(now, type)", option,
                      c->op.script.name);
        return false;
    }
    if (has && !wanted) {
        st_form_error(forming, "script",
                      "%s has a function punctuate, and nothing calls it: set punctuate_wall_clock or "
                      "punctuate_stream_time",
                      c->op.script.name);
        return false;
    }
    return true;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct process_conf *c = conf;
    if (!load(forming, c) || !check_punctuate(forming, c)) return;
    c->op.wall_clock_ms = c->wall_clock_ms;
    c->op.stream_time_ms = c->stream_time_ms;
    st_form_processor(forming, &st_process_kind, &c->op, c->key_serde, c->value_serde);
}

const struct st_form st_form_process = {
    .name = "process",
    .summary = "Hands each record to a Lua script, which may also be called at intervals.",
    .example =
        "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  beat = { type = \"process\"; from = \"in\"; script = \"conf/examples/streams-interval.lua\";\n"
        "           punctuate_wall_clock = \"10s\"; };\n"
        "  out  = { type = \"sink\"; from = \"beat\"; topic = \"counts\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct process_conf),
    .add = add,
};
