/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots of member id and generation, taken with an assignment, and the lists of offsets that are committed under
 * them.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

struct kc_membership *sim_membership_new(const char *group_id, const char *member_id, int32_t generation)
{
    AQ_ASSERT(group_id && member_id && member_id[0] && generation >= 0);
    struct kc_membership *membership = aq_calloc(1, sizeof(*membership));
    membership->refs = 1;
    membership->group_id = aq_strdup(group_id);
    membership->member_id = aq_strdup(member_id);
    membership->generation = generation;
    return membership;
}

struct kc_membership *sim_membership_ref(struct kc_membership *membership)
{
    if (membership) membership->refs++;
    return membership;
}

void sim_membership_unref(struct kc_membership *membership)
{
    if (!membership) return;
    AQ_ASSERT(membership->refs > 0);
    if (--membership->refs > 0) return;
    free(membership->group_id);
    free(membership->member_id);
    free(membership);
}

struct kc_membership *sim_membership_forge(const struct kc_membership *membership)
{
    int32_t generation = membership->generation < INT32_MAX / 2 ? membership->generation + 1000000 : 0;
    return sim_membership_new(membership->group_id, membership->member_id, generation);
}

void sim_offset_list_fill(struct sim_offset_list *ret, const char *topic,
                          const struct kc_task_offset *offsets, size_t n)
{
    AQ_ASSERT(n > 0); /* an empty list would commit without any fencing */
    aq_arena_init(&ret->arena, 1024);
    ret->list = aq_arena_zalloc(&ret->arena, n * sizeof(*ret->list));
    ret->n = n;
    for (size_t i = 0; i < n; i++) {
        AQ_ASSERT(offsets[i].offset >= 0); /* the client would leave it out silently */
        const char *name = offsets[i].topic ? offsets[i].topic : topic;
        AQ_ASSERT(name);
        const char *metadata = offsets[i].metadata;
        ret->list[i] =
            (struct kc_task_offset){.topic = aq_arena_strdup(&ret->arena, name),
                                    .partition = offsets[i].partition,
                                    .offset = offsets[i].offset,
                                    .metadata = metadata ? aq_arena_strdup(&ret->arena, metadata) : NULL};
    }
}

void sim_offset_list_finish(struct sim_offset_list *list)
{
    aq_arena_finish(&list->arena);
    *list = (struct sim_offset_list){0};
}
