/* SPDX-License-Identifier: Apache-2.0
 *
 * peek, foreach and print: look at records.
 */
#include <stdio.h>

#include "streams/api/api_kinds.h"
#include "streams/forms/form_parts.h"

#define SENDS_NOTHING "it sends nothing on"

struct peek_conf {
    const char *run;
    struct st_limits limits;
    struct st_peek op;
};

struct print_conf {
    const char *label;
    struct st_api_print op;
};

static const struct opt_row peek_rows[] = {
    {.name = "run",
     .kind = OPT_STRING,
     .offset = offsetof(struct peek_conf, run),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua statements that see the record and cannot change it. Global variables live as long as the task."},
    ST_LIMIT_ROWS(struct peek_conf),
    {.name = NULL},
};

static const struct opt_row print_rows[] = {
    {.name = "label",
     .kind = OPT_STRING,
     .offset = offsetof(struct print_conf, label),
     .reload = OPT_RELOAD_PROCESS,
     .help = "What stands in the brackets; the name of the node when it is left out."},
    {.name = NULL},
};

static void add_one(const struct st_forming *forming, struct peek_conf *c,
                    const struct st_processor_kind *kind)
{
    if (st_form_program(forming, "run", LUA_PEEK, c->run, c->limits, &c->op.run))
        st_form_processor(forming, kind, &c->op, NULL, NULL);
}

static void add_peek(const struct st_forming *forming, void *conf)
{
    add_one(forming, conf, &st_peek_kind);
}

static void add_foreach(const struct st_forming *forming, void *conf)
{
    add_one(forming, conf, &st_foreach_kind);
}

static void add_print(const struct st_forming *forming, void *conf)
{
    struct print_conf *c = conf;
    c->op = (struct st_api_print){.label = c->label ? c->label : forming->name, .out = stdout};
    st_form_processor(forming, &st_api_print, &c->op, NULL, NULL);
}

const struct st_form st_form_peek = {
    .name = "peek",
    .summary = "Runs Lua statements for each record, which goes on unchanged.",
    .example = "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  seen = { type = \"peek\"; from = \"in\"; run = \"count = (count or 0) + 1\"; };\n"
               "  out  = { type = \"sink\"; from = \"seen\"; topic = \"copy\"; };\n",
    .rows = peek_rows,
    .conf_size = sizeof(struct peek_conf),
    .add = add_peek,
};

const struct st_form st_form_foreach = {
    .name = "foreach",
    .summary = "Runs Lua statements for each record, and ends there.",
    .example =
        "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  look = { type = \"foreach\"; from = \"in\"; run = \"assert(value.id, 'an order without id')\"; };\n",
    .rows = peek_rows,
    .conf_size = sizeof(struct peek_conf),
    .childless = SENDS_NOTHING,
    .add = add_foreach,
};

const struct st_form st_form_print = {
    .name = "print",
    .summary = "Prints each record on standard output, as [label]: key, value.",
    .example = "  in    = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  shown = { type = \"print\"; from = \"in\"; label = \"order\"; };\n",
    .rows = print_rows,
    .conf_size = sizeof(struct print_conf),
    .childless = SENDS_NOTHING,
    .add = add_print,
};
