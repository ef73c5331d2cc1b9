/* SPDX-License-Identifier: Apache-2.0
 *
 * join_tables: the rows of two tables that have the same key, as a table; or, with `foreign_key`, each row of the left table with the right
 * row that it names.
 *
 * With `foreign_key` a node NAME stands for those of st_add_foreign_key_join() (streams/ops/table_build.h), and two topics carry what both
 * tables' partitions tell each other: APPLICATION_ID-NAME-subscription-registration-repartition and
 * APPLICATION_ID-NAME-subscription-response-repartition.
 */
#include "streams/forms/form_join.h"
#include "streams/ops/table_build.h"

struct join_tables_conf {
    struct st_join_conf join;
    const char *store;
    const char *foreign_key;
    struct st_table_join op;
    struct st_foreign_key_join foreign; /* with foreign_key */
};

static const struct opt_row rows[] = {
    ST_JOIN_ROWS(
        struct join_tables_conf, st_join_types,
        "inner: keys that both tables have. left: all keys of the left one; right may be nil. outer: all keys of either."),
    {.name = "foreign_key",
     .kind = OPT_STRING,
     .offset = offsetof(struct join_tables_conf, foreign_key),
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "Lua expression over a left row for the key of its right row, as in value.customer; nil: it has none. Both tables may then "
         "have keys and partitions of their own. Without it rows with equal keys are joined."},
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

/* ---- by the same key -------------------------------------------------------------------------------------------------- */

static int add_join(const struct st_forming *forming, struct join_tables_conf *c,
                    const struct st_formed_node *left, const struct st_formed_node *right,
                    const struct st_serde *value, struct aq_err *err)
{
    c->op.left_alone = c->join.type != ST_JOIN_INNER;
    c->op.right_alone = c->join.type == ST_JOIN_OUTER;
    c->op.left_history_ms = left->table_history_ms;
    c->op.right_history_ms = right->table_history_ms;
    c->op.compat = forming->settings->compat_kafka_streams;
    const struct st_table_ref a = {.node = left->name, .store = left->table_store},
                              b = {.node = right->name, .store = right->table_store};
    return st_add_table_join(forming->topology, forming->name, a, b, &c->op, value, c->store, err);
}

/* ---- by a foreign key ------------------------------------------------------------------------------------------------- */

/* False after a complaint. */
static bool check_foreign_key(const struct st_forming *forming, struct join_tables_conf *c)
{
    if (!c->foreign_key) return true;
    bool good = st_form_program(forming, "foreign_key", LUA_EXPRESSION, c->foreign_key, c->join.limits,
                                &c->foreign.foreign_key.lua);
    if (c->join.type != ST_JOIN_OUTER) return good;
    st_form_error(
        forming, "kind",
        "kind: by a foreign key a join is inner or left: a right row that nobody names has no key for its "
        "result");
    return false;
}

static int add_foreign_key_join(const struct st_forming *forming, struct join_tables_conf *c,
                                const struct st_formed_node *left, const struct st_formed_node *right,
                                const struct st_serde *value, struct aq_err *err)
{
    c->foreign.joiner = c->op.joiner;
    c->foreign.left = c->join.type == ST_JOIN_LEFT;
    c->foreign.left_history_ms = left->table_history_ms;
    c->foreign.right_history_ms = right->table_history_ms;
    c->foreign.compat = forming->settings->compat_kafka_streams;
    const struct st_table_ref a = {.node = left->name, .store = left->table_store},
                              b = {.node = right->name, .store = right->table_store};
    const struct st_foreign_key_serdes of = {.value = value};
    return st_add_foreign_key_join(forming->topology, forming->name, a, b, &c->foreign, &of, c->store, err);
}

/* ---- both ------------------------------------------------------------------------------------------------------------- */

static void add(const struct st_forming *forming, void *conf)
{
    struct join_tables_conf *c = conf;
    struct aq_err err = {0};
    bool good = st_form_joiner(forming, &c->join, &c->op.joiner);
    if (!check_foreign_key(forming, c) || !good || !st_form_two(forming)) return;
    const struct st_formed_node *left = st_form_joined_table(forming, 0),
                                *right = st_form_joined_table(forming, 1);
    const struct st_serde *value = c->join.value_serde ? st_serde_find(c->join.value_serde, &err) : NULL;
    if (c->join.value_serde && !value) st_form_error(forming, "value_serde", "value_serde: %s", err.text);
    if (!left || !right || (c->join.value_serde && !value) || !add_store(forming, c)) return;
    int rc = c->foreign_key ? add_foreign_key_join(forming, c, left, right, value, &err)
                            : add_join(forming, c, left, right, value, &err);
    if (rc != 0) st_form_refused(forming, NULL, &err);
}

static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    struct join_tables_conf *c = conf;
    (void)in;
    if (!c->foreign_key) {
        st_form_join_serdes(forming, &c->join);
        return;
    }
    st_form_join_values(forming, &c->join);
    c->foreign.foreign_key.serde = st_formed_sends(forming->formed, forming->node->from.items[1]).key;
}

static bool makes_table(const void *conf, bool of_table)
{
    (void)conf;
    (void)of_table;
    return true;
}

const struct st_form st_form_join_tables = {
    .name = "join_tables",
    .summary =
        "Joins the rows of two tables, those with the same key or by a foreign key; the results are a table.",
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
