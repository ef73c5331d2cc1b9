/* SPDX-License-Identifier: Apache-2.0
 *
 * flat_map and flat_map_values: any number of records for each.
 */
#include "streams/forms/form_parts.h"

struct flat_map_conf {
    const char *text; /* records or values */
    const char *key_serde;
    const char *value_serde;
    struct st_limits limits;
    struct st_flat_map op;
};

static const struct opt_row flat_map_rows[] = {
    {.name = "records",
     .kind = OPT_STRING,
     .offset = offsetof(struct flat_map_conf, text),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua expression whose result is an array of records, each a table with key and value (null where there is none) "
         "and, when they are not to be those that came in, timestamp and headers. nil is an empty array."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct flat_map_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How new keys are written, when not as the key that came in: " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct flat_map_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How new values are written, when not as the value that came in: " ST_SERDE_HELP},
    ST_LIMIT_ROWS(struct flat_map_conf),
    {.name = NULL},
};

static const struct opt_row flat_map_values_rows[] = {
    {.name = "values",
     .kind = OPT_STRING,
     .offset = offsetof(struct flat_map_conf, text),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help = "Lua expression whose result is an array of values: value.lines. nil is an empty array."},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct flat_map_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How new values are written, when not as the value that came in: " ST_SERDE_HELP},
    {.name = "key_serde",
     .kind = OPT_REFUSED,
     .help = "flat_map_values keeps the key; flat_map makes others."},
    ST_LIMIT_ROWS(struct flat_map_conf),
    {.name = NULL},
};

static void add_flat_map(const struct st_forming *forming, void *conf)
{
    struct flat_map_conf *c = conf;
    c->op.shape = LUA_RECORDS;
    if (st_form_program(forming, "records", LUA_EXPRESSION, c->text, c->limits, &c->op.each))
        st_form_processor(forming, &st_flat_map_kind, &c->op, c->key_serde, c->value_serde);
}

static void add_flat_map_values(const struct st_forming *forming, void *conf)
{
    struct flat_map_conf *c = conf;
    c->op.shape = LUA_VALUES;
    if (st_form_program(forming, "values", LUA_EXPRESSION, c->text, c->limits, &c->op.each))
        st_form_processor(forming, &st_flat_map_values_kind, &c->op, NULL, c->value_serde);
}

const struct st_form st_form_flat_map = {
    .name = "flat_map",
    .summary = "Makes any number of records of each.",
    .example =
        "  in    = { type = \"source\"; topics = [\"transfers\"]; };\n"
        "  sides = { type = \"flat_map\"; from = \"in\"; key_serde = \"string\";\n"
        "            records = \"{{key=value.from, value={amount=-value.amount}}, {key=value.to, value={amount=value.amount}}}\"; };\n"
        "  out   = { type = \"sink\"; from = \"sides\"; topic = \"postings\"; };\n",
    .rows = flat_map_rows,
    .conf_size = sizeof(struct flat_map_conf),
    .add = add_flat_map,
};

const struct st_form st_form_flat_map_values = {
    .name = "flat_map_values",
    .summary = "Makes any number of values of each; the key stays.",
    .example = "  in    = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  lines = { type = \"flat_map_values\"; from = \"in\"; values = \"value.lines\"; };\n"
               "  out   = { type = \"sink\"; from = \"lines\"; topic = \"order-lines\"; };\n",
    .rows = flat_map_values_rows,
    .conf_size = sizeof(struct flat_map_conf),
    .add = add_flat_map_values,
};
