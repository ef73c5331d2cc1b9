/* SPDX-License-Identifier: Apache-2.0
 *
 * join_tables: the rows of two tables that have the same key, as a table.
 */
#include "streams/forms/form_join.h"
#include "streams/ops/table_build.h"

struct join_tables_conf {
    struct st_join_conf join;
    const char *store;
    struct st_table_join op;
};

static const struct opt_row rows[] = {
    ST_JOIN_ROWS(
        struct join_tables_conf, st_join_types,
        "inner: keys that both tables have. left: all keys of the left one; right may be nil. outer: all keys of either."),
    {.name = "store",
     .kind = OPT_STRING,
     .offset = offsetof(struct join_tables_conf, store),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "The results are kept in a store of this name, with the changelog APPLICATION_ID-STORE-changelog, so that they can be "
         "joined again. Without it they are worked out of the two tables when one of these changes."},
    {.name = NULL},
};

static bool add_store(const struct st_forming *forming, const struct join_tables_conf *c)
{
    const struct st_store_conf how = {.timestamped = true};
    struct aq_err err = {0};
    forming->node->table_store = c->store;
    forming->node->table_hint = "set store there";
    if (!c->store) return true;
    if (st_add_store(forming->topology, c->store, &how, &err) == 0) return true;
    st_form_refused(forming, "store", &err);
    return false;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct join_tables_conf *c = conf;
    struct aq_err err = {0};
    if (!st_form_joiner(forming, &c->join, &c->op.joiner) || !st_form_two(forming)) return;
    const struct st_formed_node *left = st_form_joined_table(forming, 0),
                                *right = st_form_joined_table(forming, 1);
    const struct st_serde *value = c->join.value_serde ? st_serde_find(c->join.value_serde, &err) : NULL;
    if (c->join.value_serde && !value) st_form_error(forming, "value_serde", "value_serde: %s", err.text);
    if (!left || !right || (c->join.value_serde && !value)) return;
    c->op.left_alone = c->join.type != ST_JOIN_INNER;
    c->op.right_alone = c->join.type == ST_JOIN_OUTER;
    c->op.left_history_ms = left->table_history_ms;
    c->op.right_history_ms = right->table_history_ms;
    c->op.compat = forming->settings->compat_kafka_streams;
    if (!add_store(forming, c)) return;
    const struct st_table_ref a = {.node = left->name, .store = left->table_store},
                              b = {.node = right->name, .store = right->table_store};
    if (st_add_table_join(forming->topology, forming->name, a, b, &c->op, value, c->store, &err) != 0)
        st_form_refused(forming, NULL, &err);
}

static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    struct join_tables_conf *c = conf;
    (void)in;
    st_form_join_serdes(forming, &c->join);
}

static bool makes_table(const void *conf, bool of_table)
{
    (void)conf;
    (void)of_table;
    return true;
}

const struct st_form st_form_join_tables = {
    .name = "join_tables",
    .summary = "Joins the rows of two tables that have the same key; the results are a table.",
    .example =
        "  customers = { type = \"table\"; topic = \"customers\"; };\n"
        "  addresses = { type = \"table\"; topic = \"addresses\"; };\n"
        "  known     = { type = \"join_tables\"; from = [\"customers\", \"addresses\"]; kind = \"left\";\n"
        "                join = \"{ name = left.name, city = right and right.city }\"; };\n"
        "  out       = { type = \"sink\"; from = \"known\"; topic = \"known-customers\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct join_tables_conf),
    .behind = true,
    .makes_table = makes_table,
    .add = add,
    .check = check,
};
