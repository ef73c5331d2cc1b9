/* SPDX-License-Identifier: Apache-2.0
 *
 * A group's offsets: committed ones, and those of transactions that have not ended.
 *
 * Ordinary pass: a transaction's offsets wait under its producer id; its commit puts them in the place of the committed
 * ones, an abort throws them away.
 * Failing pass: while one waits, the partition is unstable for whoever asks for stable offsets.
 *
 * Invariant: at most one committed entry of a partition, and one for each producer id.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/world.h"

static struct sim_offset *find(const struct sim_group *group, const char *topic, int32_t partition,
                               int64_t producer_id)
{
    for (size_t i = 0; i < group->n_offsets; i++) {
        struct sim_offset *one = &group->offsets[i];
        if (one->partition == partition && one->producer_id == producer_id && strcmp(one->topic, topic) == 0)
            return one;
    }
    return NULL;
}

static void drop(struct sim_group *group, size_t i)
{
    AQ_ASSERT(i < group->n_offsets);
    free(group->offsets[i].topic);
    free(group->offsets[i].metadata);
    group->offsets[i] = group->offsets[--group->n_offsets];
}

void sim_offsets_put(struct sim_group *group, const char *topic, const struct kc_task_offset *offset,
                     int64_t producer_id)
{
    AQ_ASSERT(topic && offset->offset >= 0);
    struct sim_offset *at = find(group, topic, offset->partition, producer_id);
    if (!at) {
        if (group->n_offsets == group->cap_offsets) {
            group->cap_offsets = group->cap_offsets ? group->cap_offsets * 2 : 8;
            group->offsets = aq_realloc(group->offsets, group->cap_offsets * sizeof(*group->offsets));
        }
        at = &group->offsets[group->n_offsets++];
        *at = (struct sim_offset){
            .topic = aq_strdup(topic), .partition = offset->partition, .producer_id = producer_id};
    }
    free(at->metadata);
    at->offset = offset->offset;
    at->metadata = aq_strdup(offset->metadata ? offset->metadata : "");
}

void sim_offsets_end(struct sim_group *group, int64_t producer_id, bool commit)
{
    AQ_ASSERT(producer_id >= 0);
    for (size_t i = group->n_offsets; i-- > 0;) {
        if (group->offsets[i].producer_id != producer_id) continue;
        if (commit) {
            const struct sim_offset *one = &group->offsets[i];
            const struct kc_task_offset offset = {
                .partition = one->partition, .offset = one->offset, .metadata = one->metadata};
            /* The entry may move when the list grows; its strings do not. */
            sim_offsets_put(group, one->topic, &offset, -1);
        }
        drop(group, i);
    }
}

const struct sim_offset *sim_offsets_find(const struct sim_group *group, const char *topic, int32_t partition)
{
    return find(group, topic, partition, -1);
}

bool sim_offsets_unstable(const struct sim_group *group, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < group->n_offsets; i++) {
        const struct sim_offset *one = &group->offsets[i];
        if (one->producer_id >= 0 && one->partition == partition && strcmp(one->topic, topic) == 0)
            return true;
    }
    return false;
}

void sim_offsets_forget_topic(struct sim_cluster *cluster, const char *topic)
{
    for (struct sim_group *group = cluster->groups; group; group = group->next) {
        for (size_t i = group->n_offsets; i-- > 0;)
            if (strcmp(group->offsets[i].topic, topic) == 0) drop(group, i);
    }
}

void sim_offsets_finish(struct sim_group *group)
{
    while (group->n_offsets) drop(group, group->n_offsets - 1);
    free(group->offsets);
    group->offsets = NULL;
}
