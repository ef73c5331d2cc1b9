/* SPDX-License-Identifier: Apache-2.0
 *
 * filter and filter_not: keep the records for which a Lua expression is true, or is not.
 */
#include "streams/form_parts.h"

struct filter_conf {
    const char *where;
    struct st_limits limits;
    struct st_filter op;
};

static const struct opt_row rows[] = {
    {.name = "where",
     .kind = OPT_STRING,
     .offset = offsetof(struct filter_conf, where),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua expression over key, value, timestamp, topic, partition, offset and headers: value.amount > 1000. nil is "
         "not true."},
    ST_LIMIT_ROWS(struct filter_conf),
    {.name = NULL},
};

static void add_one(const struct st_forming *forming, struct filter_conf *c, bool negate)
{
    c->op.negate = negate;
    if (st_form_program(forming, "where", LUA_EXPRESSION, c->where, c->limits, &c->op.where))
        st_form_processor(forming, &st_filter_kind, &c->op, NULL, NULL);
}

static void add_filter(const struct st_forming *forming, void *conf)
{
    add_one(forming, conf, false);
}

static void add_filter_not(const struct st_forming *forming, void *conf)
{
    add_one(forming, conf, true);
}

const struct st_form st_form_filter = {
    .name = "filter",
    .summary = "Keeps the records for which a Lua expression is true.",
    .example = "  in  = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  big = { type = \"filter\"; from = \"in\"; where = \"value.amount > 1000\"; };\n"
               "  out = { type = \"sink\"; from = \"big\"; topic = \"big-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct filter_conf),
    .add = add_filter,
};

const struct st_form st_form_filter_not = {
    .name = "filter_not",
    .summary = "Keeps the records for which a Lua expression is not true.",
    .example = "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  real = { type = \"filter_not\"; from = \"in\"; where = \"value.test\"; };\n"
               "  out  = { type = \"sink\"; from = \"real\"; topic = \"real-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct filter_conf),
    .add = add_filter_not,
};
