/* SPDX-License-Identifier: Apache-2.0
 *
 * global_table and join_global: a whole topic as a table in every process, and the join of a stream with it by any key.
 */
#include "streams/forms/form_join.h"
#include "streams/ops/op_table.h"

/* ---- global_table --------------------------------------------------------------------------------------------------- */

struct global_conf {
    const char *topic;
    const char *key_serde;
    const char *value_serde;
};

static const struct opt_row global_rows[] = {
    {.name = "topic",
     .kind = OPT_STRING,
     .offset = offsetof(struct global_conf, topic),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "The topic, of which every process reads all partitions from their beginning: the last value of a key "
         "is its row, null deletes it. No other node may read it."},
    {.name = "key_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct global_conf, key_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How its keys are read, instead of by default_key_serde: " ST_SERDE_HELP},
    {.name = "value_serde",
     .kind = OPT_STRING,
     .offset = offsetof(struct global_conf, value_serde),
     .reload = OPT_RELOAD_PROCESS,
     .help = "How its values are read, instead of by default_value_serde: " ST_SERDE_HELP},
    {.name = "topics", .kind = OPT_REFUSED, .help = "A global table is of one topic: topic = \"…\"."},
    {.name = "from", .kind = OPT_REFUSED, .help = "A global table reads a topic, not nodes."},
    {.name = "store",
     .kind = OPT_REFUSED,
     .help = "A global table is held in memory and needs no store: its topic is all there is to keep."},
    {.name = "history",
     .kind = OPT_REFUSED,
     .help = "A global table knows its rows as they are now; a table can know what they were."},
    {.name = NULL},
};

static void add_global(const struct st_forming *forming, void *conf)
{
    const struct global_conf *c = conf;
    struct aq_err err = {0};
    if (st_add_global_table(forming->topology, forming->name, c->topic, &err) != 0)
        st_form_refused(forming, "topic", &err);
    else
        st_form_serdes(forming, c->key_serde, c->value_serde);
}

const struct st_form st_form_global_table = {
    .name = "global_table",
    .summary =
        "Holds a whole topic as a table in every process: for joins by any key, without repartitioning.",
    .example =
        "  orders    = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  customers = { type = \"global_table\"; topic = \"customers\"; };\n"
        "  whole     = { type = \"join_global\"; from = [\"orders\", \"customers\"]; key = \"value.customer\";\n"
        "                join = \"{ amount = left.amount, name = right.name }\"; };\n"
        "  out       = { type = \"sink\"; from = \"whole\"; topic = \"whole-orders\"; };\n",
    .rows = global_rows,
    .conf_size = sizeof(struct global_conf),
    .reads = true,
    .add = add_global,
};

/* ---- join_global ---------------------------------------------------------------------------------------------------- */

struct join_global_conf {
    struct st_join_conf join;
    const char *key;
    struct st_stream_global_join op;
};

static const struct opt_row join_rows[] = {
    ST_JOIN_ROWS(struct join_global_conf, st_join_table_types,
                 "inner: records without a row give no result. left: they give one, with right being nil."),
    {.name = "key",
     .kind = OPT_STRING,
     .offset = offsetof(struct join_global_conf, key),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua expression for the key of the row, of the stream's key and value: value.customer. nil: there is no "
         "such row. Without it the record's own key is looked up; the result has that in any case."},
    {.name = "grace",
     .kind = OPT_REFUSED,
     .help =
         "A global table keeps no time with the streams, so there is nothing to wait for; join_table has grace."},
    {.name = NULL},
};

/* `from` ends in a global table; NULL after a complaint, which may be one about that table. */
static const char *joined_global(const struct st_forming *forming)
{
    const char *name = forming->node->from.items[1];
    const struct st_formed_node *table = st_formed_find(forming->formed, name);
    if (table && table->broken) return NULL;
    if (st_formed_is_global(forming->formed, name)) return name;
    st_form_error_from(forming, 1, "from: '%s' is no global table: %s", name,
                       table && table->is_table ? "join_table joins it, or make its type global_table"
                                                : "join_global joins a stream with one, in this order");
    return NULL;
}

static void add_join(const struct st_forming *forming, void *conf)
{
    struct join_global_conf *c = conf;
    struct aq_err err = {0};
    if (!st_form_joiner(forming, &c->join, &c->op.joiner) || !st_form_two(forming)) return;
    if (c->key && !st_form_program(forming, "key", LUA_EXPRESSION, c->key, c->join.limits, &c->op.key.lua))
        return;
    bool good = st_form_joined_stream(forming, 0);
    const char *table = joined_global(forming);
    if (!table || !good) return;
    struct st_forming behind = *forming;
    behind.parents = (struct st_parents){.names = forming->node->from.items, .count = 1};
    c->op.left = c->join.type == ST_JOIN_LEFT;
    if (!st_form_processor(&behind, &st_stream_global_join_kind, &c->op, NULL, c->join.value_serde)) return;
    if (st_connect_global_table(forming->topology, forming->name, table, &err) != 0)
        st_form_refused(forming, "from", &err);
}

static void check_join(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    struct join_global_conf *c = conf;
    (void)in;
    if (!c->key) {
        st_form_join_serdes(forming, &c->join);
        return;
    }
    st_form_join_values(forming, &c->join);
    c->op.key.serde = st_formed_sends(forming->formed, forming->node->from.items[1]).key;
}

const struct st_form st_form_join_global = {
    .name = "join_global",
    .summary =
        "Joins each record of a stream with the row of a global table that has its key, or any other one.",
    .example =
        "  orders    = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  customers = { type = \"global_table\"; topic = \"customers\"; };\n"
        "  whole     = { type = \"join_global\"; from = [\"orders\", \"customers\"]; kind = \"left\";\n"
        "                key = \"value.customer\";\n"
        "                join = \"{ amount = left.amount, name = right and right.name or 'unknown' }\"; };\n"
        "  out       = { type = \"sink\"; from = \"whole\"; topic = \"whole-orders\"; };\n",
    .rows = join_rows,
    .conf_size = sizeof(struct join_global_conf),
    .behind = true,
    .add = add_join,
    .check = check_join,
};
