/* SPDX-License-Identifier: Apache-2.0
 *
 * The snapshot of member id and generation that fences this worker's commits.
 *
 * It is taken inside the assign callback and never read again at commit time: before the join the client answers
 * (generation -1, no member id), which brokers accept for a stable, non-empty group as "not a member" and so without
 * any fencing; after a missed poll interval it answers (generation, no member id). Both are refused here.
 *
 * Threads: counted references; a worker takes them, the producer's helper thread drops its own.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#if KRD_AT_LEAST(2, 8)

static bool read_identity(const rd_kafka_consumer_group_metadata_t *metadata, struct kc_membership *ret)
{
    const char *group = rd_kafka_consumer_group_metadata_group_id(metadata);
    const char *member = rd_kafka_consumer_group_metadata_member_id(metadata);
    if (!group || !member) return false;
    ret->generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
    ret->group_id = aq_strdup(group);
    ret->member_id = aq_strdup(member);
    return true;
}

#else

/* No getters before 2.4 (member) and 2.8 (generation), but a serialized form: "CGMDv2:" without a zero, generation
 * (int32, native byte order), group id, zero, member id, zero, … */
static bool parse_identity(const char *bytes, size_t size, struct kc_membership *ret)
{
    static const char magic[] = "CGMDv2:";
    const size_t magic_len = sizeof(magic) - 1;
    if (size <= magic_len + sizeof(int32_t) || memcmp(bytes, magic, magic_len) != 0) return false;
    memcpy(&ret->generation, bytes + magic_len, sizeof(int32_t));
    const char *end = bytes + size;
    const char *group = bytes + magic_len + sizeof(int32_t);
    const char *group_end = memchr(group, 0, (size_t)(end - group));
    if (!group_end || group_end + 1 >= end) return false;
    const char *member = group_end + 1;
    if (!memchr(member, 0, (size_t)(end - member))) return false;
    ret->group_id = aq_strdup(group);
    ret->member_id = aq_strdup(member);
    return true;
}

static bool read_identity(const rd_kafka_consumer_group_metadata_t *metadata, struct kc_membership *ret)
{
    void *buffer = NULL;
    size_t size = 0;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size);
    if (error) {
        rd_kafka_error_destroy(error);
        return false;
    }
    bool good = parse_identity(buffer, size, ret);
    rd_kafka_mem_free(NULL, buffer);
    return good;
}

#endif

static struct kc_membership *make(rd_kafka_consumer_group_metadata_t *metadata)
{
    struct kc_membership *membership = aq_calloc(1, sizeof(*membership));
    atomic_init(&membership->refs, 1);
    membership->metadata = metadata;
    membership->generation = -1;
    return membership;
}

struct kc_membership *krd_membership_take(rd_kafka_t *rk)
{
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(rk);
    if (!metadata) return NULL;
    struct kc_membership *membership = make(metadata);
    bool good = read_identity(metadata, membership);
    if (good && membership->generation >= 0 && membership->member_id[0]) return membership;
    krd_membership_unref(membership);
    return NULL;
}

struct kc_membership *krd_membership_forge(const struct kc_membership *membership)
{
    AQ_ASSERT(membership->generation >= 0);
    int32_t generation = membership->generation < INT32_MAX / 2 ? membership->generation + 1000000 : 0;
    struct kc_membership *forged = make(rd_kafka_consumer_group_metadata_new_with_genid(
        membership->group_id, generation, membership->member_id, NULL));
    AQ_ASSERT(forged->metadata);
    forged->generation = generation;
    forged->group_id = aq_strdup(membership->group_id);
    forged->member_id = aq_strdup(membership->member_id);
    return forged;
}

struct kc_membership *krd_membership_ref(struct kc_membership *membership)
{
    if (membership) atomic_fetch_add(&membership->refs, 1);
    return membership;
}

void krd_membership_unref(struct kc_membership *membership)
{
    if (!membership) return;
    unsigned before = atomic_fetch_sub(&membership->refs, 1);
    AQ_ASSERT(before > 0);
    if (before > 1) return;
    rd_kafka_consumer_group_metadata_destroy(membership->metadata);
    free(membership->group_id);
    free(membership->member_id);
    free(membership);
}

rd_kafka_topic_partition_list_t *krd_offset_list(const char *topic, const struct kc_task_offset *offsets,
                                                 size_t n)
{
    AQ_ASSERT(n > 0); /* an empty list would commit without any fencing */
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        AQ_ASSERT(offsets[i].offset >= 0); /* negative ones would be left out silently */
        rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(
            list, offsets[i].topic ? offsets[i].topic : topic, offsets[i].partition);
        one->offset = offsets[i].offset;
        if (!offsets[i].metadata) continue;
        one->metadata_size = strlen(offsets[i].metadata);
        one->metadata = aq_strdup(offsets[i].metadata); /* the list frees it */
    }
    return list;
}
