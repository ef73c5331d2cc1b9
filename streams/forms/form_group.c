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
