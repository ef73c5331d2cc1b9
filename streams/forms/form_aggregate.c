/* SPDX-License-Identifier: Apache-2.0
 *
 * count, reduce and aggregate: one row for each key, or for each key and window, made of the records of a stream; or of the rows of a
 * table, which leave the row again when they change.
 */
#include "streams/forms/form_aggregator.h"
#include "streams/forms/form_group.h"
#include "streams/forms/form_windows.h"
#include "streams/ops/table_build.h"

struct aggregate_conf {
    struct st_group_conf group;
    struct st_keep_conf keep;
    struct st_window_conf windows;
    struct st_limits limits;
    /* how the row is made: one of them, by form */
    struct st_aggregate_conf aggregate;
    struct st_reduce_conf reduce;
    struct st_aggregate_user counter;
    struct st_aggregate op;
    struct st_table_group table_group; /* of a table */
};

#define SHARED_ROWS                                                              \
    ST_GROUP_ROWS(struct aggregate_conf), ST_WINDOW_ROWS(struct aggregate_conf), \
        ST_KEEP_ROWS(struct aggregate_conf), ST_LIMIT_ROWS(struct aggregate_conf)

static const struct opt_row count_rows[] = {SHARED_ROWS, {.name = NULL}};
static const struct opt_row reduce_rows[] = {
    ST_REDUCE_ROWS(struct aggregate_conf), SHARED_ROWS, {.name = NULL}};
static const struct opt_row aggregate_rows[] = {
    ST_AGGREGATE_ROWS(struct aggregate_conf), SHARED_ROWS, {.name = NULL}};

/* ---- of a table ------------------------------------------------------------------------------------------------------ */

static bool check_of_table(const struct st_forming *forming, struct aggregate_conf *c)
{
    bool windowed;
    if (c->windows.window)
        st_form_error(forming, "window",
                      "window: the rows of a table are in no window; put a to_stream in front to aggregate "
                      "their changes");
    else if (!c->group.by)
        st_form_error(forming, NULL,
                      "by is needed: the rows of a table are grouped by another key than their own; put a "
                      "to_stream in front to aggregate their changes");
    else
        return st_form_windows(forming, &c->windows, &c->op, &windowed) &&
               st_form_needs_subtract(forming, &c->op.aggregator);
    return false;
}

/* The nodes that group; *ret: the same node behind them. */
static bool group_table(const struct st_forming *forming, struct aggregate_conf *c, struct st_forming *ret)
{
    struct aq_err err = {0};
    const char **name = aq_arena_alloc(forming->arena, sizeof(*name));
    const struct st_serde *key = c->group.by_serde ? st_serde_find(c->group.by_serde, &err) : NULL;
    if (c->group.by_serde && !key) st_form_error(forming, "by_serde", "by_serde: %s", err.text);
    bool good = !c->group.by_serde || key;
    if (!st_form_program(forming, "by", LUA_EXPRESSION, c->group.by, c->limits, &c->table_group.key.lua) ||
        !good)
        return false;
    *name = aq_arena_printf(forming->arena, "%s-by", forming->name);
    *ret = *forming;
    ret->parents = (struct st_parents){.names = name, .count = 1};
    if (st_add_table_group(forming->topology, *name, forming->node->from.items[0], &c->table_group, key,
                           (int32_t)c->group.partitions, &err) == 0)
        return true;
    st_form_refused(forming, "by", &err);
    return false;
}

static void add_of_table(const struct st_forming *forming, struct aggregate_conf *c)
{
    struct st_forming behind;
    struct aq_err err = {0};
    if (!check_of_table(forming, c) || !group_table(forming, c, &behind)) return;
    const struct st_serde *value = c->op.aggregator.value_serde;
    if (!st_form_processor(&behind, &st_table_aggregate_kind, &c->op.aggregator, NULL,
                           value ? st_serde_name(value) : NULL))
        return;
    const struct st_store_conf how = {
        .timestamped = true, .in_memory = c->keep.in_memory, .uncached = !c->keep.cached};
    const char *store = c->keep.store ? c->keep.store : forming->name;
    int rc = st_add_store(forming->topology, store, &how, &err);
    if (rc == 0) rc = st_connect_store(forming->topology, forming->name, store, &err);
    if (rc != 0) st_form_refused(forming, c->keep.store ? "store" : NULL, &err);
}

/* ---- of a stream ----------------------------------------------------------------------------------------------------- */

/* Processor and stores, behind what groups. */
static void add_of_stream(const struct st_forming *forming, struct aggregate_conf *c)
{
    struct st_forming behind;
    bool windowed = false;
    c->op.compat = forming->settings->compat_kafka_streams;
    if (!st_form_windows(forming, &c->windows, &c->op, &windowed)) return;
    bool sessions = windowed && c->op.windows.kind == ST_SESSION;
    if (sessions && !st_form_needs_merge(forming, &c->op.aggregator)) return;
    if (st_form_group(forming, &c->group, c->limits, &behind))
        st_form_aggregation(&behind, &c->keep, &c->op, windowed, false);
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

static void add_node(const struct st_forming *forming, struct aggregate_conf *c)
{
    if (forming->of_table)
        add_of_table(forming, c);
    else
        add_of_stream(forming, c);
    st_form_aggregated(forming, &c->keep, &c->op.aggregator, c->windows.window != NULL);
}

/* Rows of windows are none of a table that could be joined: their keys say the window, too. */
static bool makes_table(const void *conf, bool of_table)
{
    (void)of_table;
    const struct aggregate_conf *c = conf;
    return !c->windows.window;
}

static void add_count(const struct st_forming *forming, void *conf)
{
    struct aggregate_conf *c = conf;
    st_form_counter(&c->counter, &c->op.aggregator);
    add_node(forming, c);
}

static void add_reduce(const struct st_forming *forming, void *conf)
{
    struct aggregate_conf *c = conf;
    if (st_form_reducer(forming, &c->reduce, c->limits, &c->op.aggregator)) add_node(forming, c);
}

static void add_aggregate(const struct st_forming *forming, void *conf)
{
    struct aggregate_conf *c = conf;
    if (st_form_aggregator(forming, &c->aggregate, c->limits, &c->op.aggregator)) add_node(forming, c);
}

/* Not before all edges are there: a view of a table tells by what is in front of it. */
static void check(const struct st_forming *forming, void *conf, struct st_serdes in)
{
    (void)conf;
    (void)in;
    const char *table = forming->node->from.items[0];
    if (forming->of_table && st_table_forgets(st_find_node(forming->topology, table)))
        st_form_error_from(forming, 0,
                           "from: the table '%s' does not know what its rows were before: give it a store",
                           table);
}

static void release_aggregate(void *conf)
{
    struct aggregate_conf *c = conf;
    st_form_aggregator_release(&c->aggregate);
}

const struct st_form st_form_count = {
    .name = "count",
    .summary = "Counts the records of each key, or of each key and window.",
    .example =
        "  in    = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  count = { type = \"count\"; from = \"in\"; by = \"value.customer\"; by_serde = \"string\";\n"
        "            window = { type = \"tumbling\"; size = \"1m\"; }; };\n"
        "  out   = { type = \"sink\"; from = \"count\"; topic = \"orders-by-customer\"; };\n",
    .rows = count_rows,
    .conf_size = sizeof(struct aggregate_conf),
    .behind_tables = true,
    .makes_table = makes_table,
    .add = add_count,
    .check = check,
};

const struct st_form st_form_reduce = {
    .name = "reduce",
    .summary = "Makes one value of all values of a key, two at a time.",
    .example = "  in   = { type = \"source\"; topics = [\"bids\"]; };\n"
               "  best = { type = \"reduce\"; from = \"in\";\n"
               "           reduce = \"agg.price >= value.price and agg or value\"; };\n"
               "  out  = { type = \"sink\"; from = \"best\"; topic = \"best-bids\"; };\n",
    .rows = reduce_rows,
    .conf_size = sizeof(struct aggregate_conf),
    .behind_tables = true,
    .makes_table = makes_table,
    .add = add_reduce,
    .check = check,
};

const struct st_form st_form_aggregate = {
    .name = "aggregate",
    .summary =
        "Makes a row of all records of a key: a sum, an average, the largest, or what a Lua expression says.",
    .example =
        "  in     = { type = \"source\"; topics = [\"orders\"]; };\n"
        "  totals = { type = \"aggregate\"; from = \"in\"; function = \"sum\"; of = \"value.amount\"; };\n"
        "  out    = { type = \"sink\"; from = \"totals\"; topic = \"totals\"; };\n",
    .rows = aggregate_rows,
    .conf_size = sizeof(struct aggregate_conf),
    .behind_tables = true,
    .makes_table = makes_table,
    .add = add_aggregate,
    .check = check,
    .release = release_aggregate,
};
