/* SPDX-License-Identifier: Apache-2.0
 *
 * Who would have which slot if processes left (streams/heirs.h).
 *
 * All sets of up to `losses` other processes are gone through: with a hundred processes and three losses 160 thousand, each a walk over the
 * members and the slots, and only when the group has changed.
 */
#include "streams/heirs.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

/* ---- the members -------------------------------------------------------------------------------------------------- */

struct aq_slice st_process_of(const char *name)
{
    size_t len = strcspn(name, "@"); /* an address may stand behind it */
    const char *end = memrchr(name, '-', len);
    return aq_slice_of(name, end && end > name ? (size_t)(end - name) : len);
}

static const char *name_of(const struct kc_group_member *member)
{
    return member->instance_id ? member->instance_id : member->client_id;
}

static int compare_members(const void *a, const void *b)
{
    const struct kc_group_member *one = *(const struct kc_group_member *const *)a;
    const struct kc_group_member *other = *(const struct kc_group_member *const *)b;
    if (one->instance_id && other->instance_id) return strcmp(one->instance_id, other->instance_id);
    return strcmp(one->member_id, other->member_id);
}

struct st_heirs st_heirs_of(const struct kc_group *group, const char *me, struct aq_arena *arena)
{
    AQ_ASSERT(me);
    struct st_heirs heirs = {.members = group->count, .me = -1};
    const struct kc_group_member **order = aq_arena_zalloc(arena, (group->count + 1) * sizeof(*order));
    struct aq_slice *names = aq_arena_zalloc(arena, (group->count + 1) * sizeof(*names));
    int32_t *process = aq_arena_zalloc(arena, (group->count + 1) * sizeof(*process));
    for (size_t i = 0; i < group->count; i++) order[i] = &group->list[i];
    qsort(order, group->count, sizeof(*order), compare_members);
    struct aq_slice mine = st_process_of(me);
    for (size_t i = 0; i < group->count; i++) {
        struct aq_slice name = st_process_of(name_of(order[i]));
        int32_t at = 0;
        while (at < heirs.processes && !aq_slice_equal(names[at], name)) at++;
        if (at == heirs.processes) names[heirs.processes++] = name;
        process[i] = at;
        if (aq_slice_equal(name, mine)) heirs.me = at;
    }
    heirs.process = process;
    return heirs;
}

/* ---- what if ------------------------------------------------------------------------------------------------------ */

struct search {
    const struct st_heirs *heirs;
    int32_t slots;
    bool *keep;
    bool *gone; /* by process */
    bool *mine; /* by place among those who stay */
};

/* What comes to me when those who are gone are gone. */
static void inherit(struct search *search)
{
    const struct st_heirs *heirs = search->heirs;
    int32_t left = 0;
    for (size_t i = 0; i < heirs->members; i++)
        if (!search->gone[heirs->process[i]]) search->mine[left++] = heirs->process[i] == heirs->me;
    AQ_ASSERT(left > 0);
    for (int32_t slot = 0; slot < search->slots; slot++)
        if (search->mine[slot % left]) search->keep[slot] = true;
}

static void lose(struct search *search, int32_t from, int32_t losses)
{
    for (int32_t p = from; p < search->heirs->processes; p++) {
        if (p == search->heirs->me) continue;
        search->gone[p] = true;
        inherit(search);
        if (losses > 1) lose(search, p + 1, losses - 1);
        search->gone[p] = false;
    }
}

void st_heirs_find(const struct st_heirs *heirs, int32_t losses, int32_t slots, bool *ret_keep)
{
    AQ_ASSERT(losses >= 0 && losses <= ST_LOSSES_MAX && slots > 0);
    memset(ret_keep, 0, (size_t)slots * sizeof(*ret_keep));
    if (heirs->me < 0 || losses == 0) return;
    struct search search = {.heirs = heirs, .slots = slots, .keep = ret_keep};
    search.gone = aq_calloc((size_t)heirs->processes, sizeof(*search.gone));
    search.mine = aq_calloc(heirs->members, sizeof(*search.mine));
    lose(&search, 0, losses);
    free(search.gone);
    free(search.mine);
    for (int32_t slot = 0; slot < slots; slot++)
        if (heirs->process[(size_t)slot % heirs->members] == heirs->me) ret_keep[slot] = false;
}
