/* SPDX-License-Identifier: Apache-2.0
 *
 * What is made of groups (aqueduct/grouped.h): count, reduce, aggregate, cogroup. Each adds the node and its stores; what the nodes do is
 * in streams/ops/op_*aggregate.c, and what a record adds to a row is the aggregator's.
 *
 * Threads: one at a time.
 */
#include "base/assert.h"
#include "streams/api/api_aggregator.h"
#include "streams/api/dsl.h"
#include "streams/ops/aggregators.h"
#include "streams/ops/op_table.h"

/* One aggregation that is being added. */
struct adding {
    struct aq_streams_builder *builder;
    const char *what; /* "count" */
    const char *name;
    struct aq_materialized how;
    struct st_aggregator aggregator;
};

/* False, and the builder has failed or has before. */
static bool begin(struct adding *a, const struct aq_grouped *grouped, const char *what, const char *name,
                  const struct aq_materialized *how, unsigned takes)
{
    if (!grouped || !st_builder_is_open(grouped->builder)) return false;
    *a = (struct adding){.builder = grouped->builder, .what = what, .name = name};
    if (!st_dsl_how(a->builder, what, name, how, takes, &a->how)) return false;
    a->aggregator.value_serde = st_dsl_find_serde(a->builder, what, name, "value_serde", a->how.value_serde);
    return st_builder_is_open(a->builder);
}

static struct aq_table *make_table(struct adding *a, bool windowed)
{
    struct aq_table *table = st_dsl_table(a->builder, a->name);
    table->store = st_find_store(a->builder->topology, a->how.store ? a->how.store : a->name)->name;
    if (windowed)
        table->no_look_up = "its rows are of windows: put a filter or map_values with a store behind it";
    else if (a->aggregator.kind->result)
        table->no_look_up =
            "its store has what results are made of, not these: put a filter or map_values with a store behind it";
    return table;
}

/* ---- of a table --------------------------------------------------------------------------------------------------- */

static struct aq_table *add_of_table(struct adding *a, const struct aq_grouped *grouped)
{
    struct aq_streams_builder *builder = a->builder;
    if (!a->aggregator.kind->subtract)
        return st_dsl_refuse(builder, a->what, a->name,
                             "it cannot aggregate a table, whose rows leave their groups again: %s",
                             a->aggregator.kind->why_not);
    struct st_aggregator *op = st_builder_alloc(builder, sizeof(*op));
    *op = a->aggregator;
    if (!st_dsl_add(builder, a->name, &st_table_aggregate_kind, op, grouped->node) ||
        !st_dsl_value_serde(builder, a->name, op->value_serde))
        return NULL;
    struct aq_table *table = st_dsl_table(builder, a->name);
    return st_dsl_keep(table, &a->how, table->name) ? make_table(a, false) : NULL;
}

/* ---- of streams --------------------------------------------------------------------------------------------------- */

static bool can_merge(struct adding *a, const struct st_windows *windows)
{
    if (!windows || windows->kind != ST_SESSION || a->aggregator.kind->merge) return true;
    st_dsl_refuse(
        a->builder, a->what, a->name,
        "a record between two sessions makes them one, and its struct aq_aggregator has no merge()");
    return false;
}

/* Serde and stores of the node, which has been added. */
static struct aq_table *add_stores(struct adding *a, const struct st_aggregate *op, bool windowed)
{
    struct aq_streams_builder *builder = a->builder;
    const struct st_store_conf conf = st_dsl_store_conf(&a->how);
    if (!st_dsl_value_serde(builder, a->name, a->aggregator.value_serde)) return NULL;
    if (st_aggregate_add_stores(builder->topology, a->name, a->how.store ? a->how.store : a->name, op,
                                windowed, conf, &builder->err) != 0)
        return NULL;
    return make_table(a, windowed);
}

static struct aq_table *add_of_stream(struct adding *a, const struct aq_grouped *grouped)
{
    struct st_aggregate *op = st_builder_alloc(a->builder, sizeof(*op));
    *op = grouped->how;
    op->aggregator = a->aggregator;
    const struct st_windows *windows = grouped->windowed ? &op->windows : NULL;
    if (!can_merge(a, windows) ||
        !st_dsl_add(a->builder, a->name, st_aggregate_kind_of(windows, false), op, grouped->node))
        return NULL;
    return add_stores(a, op, grouped->windowed);
}

static struct aq_table *add(struct adding *a, const struct aq_grouped *grouped)
{
    AQ_ASSERT(a->aggregator.kind);
    return grouped->of_table ? add_of_table(a, grouped) : add_of_stream(a, grouped);
}

/* ---- by functions of the library ---------------------------------------------------------------------------------- */

struct aq_table *aq_grouped_count(struct aq_grouped *grouped, const char *name,
                                  const struct aq_materialized *how)
{
    struct adding a;
    if (!begin(&a, grouped, "count", name, how, 0)) return NULL;
    const struct aq_built_in count = {.function = "count"};
    return st_dsl_built_in(a.builder, "count", name, &count, &a.aggregator) ? add(&a, grouped) : NULL;
}

struct aq_table *aq_grouped_built_in(struct aq_grouped *grouped, const char *name,
                                     const struct aq_built_in *built_in, const struct aq_materialized *how)
{
    AQ_ASSERT(built_in);
    struct adding a;
    if (!begin(&a, grouped, "aggregate", name, how, 0)) return NULL;
    return st_dsl_built_in(a.builder, "aggregate", name, built_in, &a.aggregator) ? add(&a, grouped) : NULL;
}

/* ---- by functions of the program ---------------------------------------------------------------------------------- */

struct aq_table *aq_grouped_reduce(struct aq_grouped *grouped, const char *name, aq_reducer reduce,
                                   aq_reducer subtract, void *user, const struct aq_materialized *how)
{
    struct adding a;
    if (!begin(&a, grouped, "reduce", name, how, 0)) return NULL;
    if (!st_dsl_has(a.builder, "reduce", name, reduce != NULL)) return NULL;
    struct st_api_reducer *op = st_builder_alloc(a.builder, sizeof(*op));
    *op = (struct st_api_reducer){.add = reduce, .subtract = subtract, .user = user};
    a.aggregator.kind = st_api_reducer_kind(op);
    a.aggregator.user = op;
    return add(&a, grouped);
}

static void set_aggregator(struct adding *a, const struct aq_aggregator *aggregator, void *user,
                           struct st_aggregator *ret)
{
    struct st_api_aggregator *op = st_builder_alloc(a->builder, sizeof(*op));
    *op = (struct st_api_aggregator){.aggregator = *aggregator, .user = user};
    ret->kind = st_api_aggregator_kind(aggregator);
    ret->user = op;
}

struct aq_table *aq_grouped_aggregate(struct aq_grouped *grouped, const char *name,
                                      const struct aq_aggregator *aggregator, void *user,
                                      const struct aq_materialized *how)
{
    struct adding a;
    if (!begin(&a, grouped, "aggregate", name, how, ST_HOW_VALUES)) return NULL;
    if (st_api_check_aggregator(aggregator, &a.builder->err) != 0) {
        aq_err_in(&a.builder->err, "aggregate '%s'", name ? name : "");
        return NULL;
    }
    set_aggregator(&a, aggregator, user, &a.aggregator);
    return add(&a, grouped);
}

/* ---- cogroup ------------------------------------------------------------------------------------------------------ */

static bool check_input(struct adding *a, const struct aq_cogroup_input *input)
{
    const struct aq_grouped *grouped = input->grouped;
    if (!st_dsl_has(a->builder, a->what, a->name, input->add != NULL) ||
        !st_dsl_same_builder(a->builder, a->what, a->name, grouped ? grouped->builder : NULL))
        return false;
    if (grouped->of_table)
        st_dsl_refuse(a->builder, a->what, a->name, "the group '%s' is of a table; a cogroup is of streams",
                      grouped->name);
    else if (grouped->windowed)
        st_dsl_refuse(a->builder, a->what, a->name,
                      "the group '%s' has windows; give them to the cogroup instead", grouped->name);
    return st_builder_is_open(a->builder);
}

/* The node of one input; NULL: the builder has failed. */
static const char *add_input(struct adding *a, const struct aq_cogroup_input *input,
                             const struct aq_aggregator *aggregator, void *user)
{
    if (!check_input(a, input)) return NULL;
    struct aq_aggregator own = *aggregator;
    own.add = input->add;
    struct st_aggregator *op = st_builder_alloc(a->builder, sizeof(*op));
    set_aggregator(a, &own, user, op);
    const char *node = st_dsl_part(a->builder, a->name, input->grouped->name);
    bool added = st_dsl_add(a->builder, node, &st_cogroup_input_kind, op, input->grouped->node);
    /* Only its own add() looks at an input's values: for those below they may be what the results are. */
    return added && st_dsl_value_serde(a->builder, node, a->aggregator.value_serde) ? node : NULL;
}

static bool add_inputs(struct adding *a, const struct aq_cogroup_input *inputs, size_t n,
                       const struct aq_aggregator *aggregator, void *user, const struct st_windows *windows,
                       struct st_aggregate *op)
{
    const char **names = st_builder_alloc(a->builder, n * sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        names[i] = add_input(a, &inputs[i], aggregator, user);
        if (!names[i]) return false;
    }
    const struct st_parents parents = {.names = names, .count = n};
    return st_add_processor(a->builder->topology, a->name, st_aggregate_kind_of(windows, true), op, parents,
                            &a->builder->err) == 0;
}

/* add() of the aggregator that makes the results is not called. */
static bool check_aggregator(struct adding *a, const struct aq_aggregator *aggregator, aq_adder any)
{
    struct aq_aggregator whole = {.abi = 0};
    if (aggregator) whole = *aggregator;
    whole.add = any;
    if (st_api_check_aggregator(aggregator ? &whole : NULL, &a->builder->err) == 0) return true;
    aq_err_in(&a->builder->err, "%s '%s'", a->what, a->name ? a->name : "");
    return false;
}

struct aq_table *aq_cogroup(const char *name, const struct aq_cogroup_input *inputs, size_t n_inputs,
                            const struct aq_windows *windows, const struct aq_aggregator *aggregator,
                            void *user, const struct aq_materialized *how)
{
    AQ_ASSERT(inputs && n_inputs > 0);
    struct adding a;
    if (!begin(&a, inputs[0].grouped, "cogroup", name, how, ST_HOW_VALUES)) return NULL;
    if (!st_dsl_has(a.builder, a.what, name, inputs[0].add != NULL)) return NULL;
    if (!check_aggregator(&a, aggregator, inputs[0].add)) return NULL;
    struct st_aggregate *op = st_builder_alloc(a.builder, sizeof(*op));
    op->compat = a.builder->compat;
    if (windows && !st_dsl_windows(a.builder, a.what, name, windows, op)) return NULL;
    set_aggregator(&a, aggregator, user, &a.aggregator);
    op->aggregator = a.aggregator;
    const struct st_windows *made = windows ? &op->windows : NULL;
    if (!can_merge(&a, made) || !add_inputs(&a, inputs, n_inputs, aggregator, user, made, op)) return NULL;
    return add_stores(&a, op, windows != NULL);
}
