/* SPDX-License-Identifier: Apache-2.0
 *
 * Grouping by another key (streams/forms/form_group.h).
 */
#include "streams/forms/form_group.h"

static bool refused(const struct st_forming *forming, const struct aq_err *err)
{
    st_form_refused(forming, "by", err);
    return false;
}

static const char **list_of(struct aq_arena *arena, const char *name)
{
    const char **list = aq_arena_alloc(arena, sizeof(*list));
    list[0] = name;
    return list;
}

bool st_form_group(const struct st_forming *forming, struct st_group_conf *conf, struct st_limits limits,
                   struct st_forming *ret)
{
    struct aq_err err = {0};
    *ret = *forming;
    if (!conf->by) {
        if (conf->by_serde)
            st_form_error(forming, "by_serde", "by_serde is for a new key, and there is no by");
        return !conf->by_serde;
    }
    if (!st_form_program(forming, "by", LUA_EXPRESSION, conf->by, limits, &conf->key.key)) return false;
    struct st_forming key = *forming;
    key.name = aq_arena_printf(forming->arena, "%s-key", forming->name);
    if (!st_form_processor(&key, &st_select_key_kind, &conf->key, conf->by_serde, NULL)) return false;
    forming->node->entries = list_of(forming->arena, key.name);
    forming->node->n_entries = 1;
    const char *again = aq_arena_printf(forming->arena, "%s-by", forming->name);
    const struct st_parents behind_key = {.names = list_of(forming->arena, key.name), .count = 1};
    if (st_add_repartition(forming->topology, again, (int32_t)conf->partitions, behind_key, &err) != 0)
        return refused(forming, &err);
    ret->parents = (struct st_parents){.names = list_of(forming->arena, again), .count = 1};
    return true;
}

static const char *store_of(const struct st_forming *forming, const struct st_keep_conf *keep)
{
    return keep->store ? keep->store : forming->name;
}

bool st_form_aggregation(const struct st_forming *behind, const struct st_keep_conf *keep,
                         const struct st_aggregate *op, bool windowed, bool cogroup)
{
    struct aq_err err = {0};
    const struct st_processor_kind *kind = st_aggregate_kind_of(windowed ? &op->windows : NULL, cogroup);
    const struct st_serde *value = op->aggregator.value_serde;
    if (!st_form_processor(behind, kind, (void *)op, NULL, value ? st_serde_name(value) : NULL)) return false;
    const struct st_store_conf how = {.in_memory = keep->in_memory, .uncached = !keep->cached};
    if (st_aggregate_add_stores(behind->topology, behind->name, store_of(behind, keep), op, windowed, how,
                                &err) == 0)
        return true;
    st_form_refused(behind, keep->store ? "store" : NULL, &err);
    return false;
}

void st_form_aggregated(const struct st_forming *forming, const struct st_keep_conf *keep,
                        const struct st_aggregator *aggregator, bool windowed)
{
    if (windowed) return;
    /* Of an average the store has sum and count, which only its aggregator understands. */
    if (aggregator->kind->result)
        forming->node->table_hint = "its store has what its rows are made of; put a to_table behind it";
    else
        forming->node->table_store = store_of(forming, keep);
}
