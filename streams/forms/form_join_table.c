/* SPDX-License-Identifier: Apache-2.0
 *
 * join_table: each record of a stream with the row that a table has for its key.
 */
#include "streams/ops/delay.h"
#include "streams/forms/form_join.h"
#include "streams/ops/op_table.h"

struct join_table_conf {
    struct st_join_conf join;
    struct st_stream_table_join op; /* with the grace */
};

static const struct opt_row rows[] = {
    ST_JOIN_ROWS(struct join_table_conf, st_join_table_types,
                 "inner: records without a row give no result. left: they give one, with right being nil."),
    {.name = "grace",
     .kind = OPT_DURATION,
     .offset = offsetof(struct join_table_conf, op.grace_ms),
     .def = "0",
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Records wait so long, in stream time, for rows that come late, and then get the row as of their own time; the table "
         "needs at least so much history. 0: each record takes the row as it is when the record comes."},
    {.name = NULL},
};

static bool check_grace(const struct st_forming *forming, const struct join_table_conf *c,
                        const struct st_formed_node *table)
{
    if (c->op.grace_ms <= table->table_history_ms) return true;
    st_form_error(
        forming, "grace",
        "grace: the table '%s' has to know what its rows were so long ago: set history there, to no "
        "less than this",
        table->name);
    return false;
}

/* The store of the table, and of the records that wait. */
static int connect_stores(const struct st_forming *forming, const struct join_table_conf *c,
                          const struct st_formed_node *table, struct aq_err *err)
{
    struct st_topology *topology = forming->topology;
    int rc = st_connect_store(topology, forming->name, table->table_store, err);
    if (rc != 0 || c->op.grace_ms == 0) return rc;
    const struct st_store_conf waiting = st_delay_conf();
    rc = st_add_store(topology, forming->name, &waiting, err);
    return rc == 0 ? st_connect_store(topology, forming->name, forming->name, err) : rc;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct join_table_conf *c = conf;
    struct aq_err err = {0};
    if (!st_form_joiner(forming, &c->join, &c->op.joiner) || !st_form_two(forming)) return;
    bool good = st_form_joined_stream(forming, 0);
    const struct st_formed_node *table = st_form_joined_table(forming, 1);
    if (!table || !good || !check_grace(forming, c, table)) return;
    struct st_forming behind = *forming;
    behind.parents = (struct st_parents){.names = forming->node->from.items, .count = 1};
    c->op.left = c->join.type == ST_JOIN_LEFT;
    c->op.history_ms = table->table_history_ms;
    if (!st_form_processor(&behind, &st_stream_table_join_kind, &c->op, NULL, c->join.value_serde)) return;
    if (connect_stores(forming, c, table, &err) != 0) st_form_refused(forming, NULL, &err);
}

static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    struct join_table_conf *c = conf;
    (void)in;
    st_form_join_serdes(forming, &c->join);
}

const struct st_form st_form_join_table = {
    .name = "join_table",
    .summary = "Joins each record of a stream with the row of a table that has its key.",
    .example =
        "  orders    = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  customers = { type = \"table\"; topic = \"customers\"; };\n"
        "  whole     = { type = \"join_table\"; from = [\"orders\", \"customers\"]; kind = \"left\";\n"
        "                join = \"{ amount = left.amount, name = right and right.name or 'unknown' }\"; };\n"
        "  out       = { type = \"sink\"; from = \"whole\"; topic = \"whole-orders\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct join_table_conf),
    .behind = true,
    .add = add,
    .check = check,
};
