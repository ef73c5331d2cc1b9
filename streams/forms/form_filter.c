/* SPDX-License-Identifier: Apache-2.0
 *
 * filter and filter_not: keep the records for which a Lua expression is true, or is not; or the rows of a table.
 */
#include "streams/forms/form_view.h"

#include "base/assert.h"

struct filter_conf {
    const char *where;
    const char *store;
    struct st_limits limits;
    struct st_filter op;
    struct st_table_filter table_op; /* of a table, instead */
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
    ST_VIEW_ROW(struct filter_conf),
    ST_LIMIT_ROWS(struct filter_conf),
    {.name = NULL},
};

static void add_one(const struct st_forming *forming, struct filter_conf *c, bool negate)
{
    c->op.negate = c->table_op.negate = negate;
    if (!st_form_program(forming, "where", LUA_EXPRESSION, c->where, c->limits, &c->op.where)) return;
    c->table_op.where.lua = c->op.where;
    c->table_op.compat = forming->settings->compat_kafka_streams;
    const struct st_processor_kind *kind = forming->of_table ? &st_table_filter_kind : &st_filter_kind;
    void *user = forming->of_table ? (void *)&c->table_op : &c->op;
    if (st_form_processor(forming, kind, user, NULL, NULL)) st_form_view_store(forming, c->store);
}

static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    struct filter_conf *c = conf;
    (void)in;
    const struct st_node *node = st_find_node(forming->topology, forming->name);
    AQ_ASSERT(node && node->n_parents > 0);
    if (forming->of_table) c->table_op.tracked = !st_table_has_history(node->parents[0]);
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
    .summary = "Keeps the records, or the rows of a table, for which a Lua expression is true.",
    .example = "  in  = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  big = { type = \"filter\"; from = \"in\"; where = \"value.amount > 1000\"; };\n"
               "  out = { type = \"sink\"; from = \"big\"; topic = \"big-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct filter_conf),
    .makes_table = st_form_view_makes_table,
    .add = add_filter,
    .check = check,
};

const struct st_form st_form_filter_not = {
    .name = "filter_not",
    .summary = "Keeps the records, or the rows of a table, for which a Lua expression is not true.",
    .example = "  in   = { type = \"source\"; topics = [\"orders\"]; };\n"
               "  real = { type = \"filter_not\"; from = \"in\"; where = \"value.test\"; };\n"
               "  out  = { type = \"sink\"; from = \"real\"; topic = \"real-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct filter_conf),
    .makes_table = st_form_view_makes_table,
    .add = add_filter_not,
    .check = check,
};
