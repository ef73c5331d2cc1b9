/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups as their coordinator describes them: how many members, who they are, what each has.
 *
 * A group that the coordinator does not know has no members: brokers say so by a state (Dead) or by an error
 * (GROUP_ID_NOT_FOUND), as they are older or newer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "kafka/rd/rd.h"

/* The group's row in the answer; NULL for a group that is not known, and after an error, which *ret_code has. */
static const rd_kafka_ConsumerGroupDescription_t *group_of(struct kc_admin *admin, rd_kafka_event_t *event,
                                                           struct krd_try what, const char *resource,
                                                           int *ret_code, struct aq_err *err)
{
    size_t n = 0;
    *ret_code = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups = rd_kafka_DescribeConsumerGroups_result_groups(
        rd_kafka_event_DescribeConsumerGroups_result(event), &n);
    if (n == 0) return NULL;
    const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return groups[0];
    if (code != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
        *ret_code = krd_fail(err, &admin->client, code, rd_kafka_error_string(error), what, "%s", resource);
    return NULL;
}

/* Asks, and has what answers read it. `read` is not called for a group that is not known. */
static int describe(struct kc_admin *admin, const char *group, int64_t timeout_ms,
                    void (*read)(void *ctx, const rd_kafka_ConsumerGroupDescription_t *found), void *ctx,
                    struct aq_err *err)
{
    AQ_ASSERT(group && read);
    struct krd_try what = {"describe", "Describe"};
    char resource[300];
    snprintf(resource, sizeof(resource), "group %s", group);
    rd_kafka_AdminOptions_t *options =
        krd_admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms);
    /* A queue of its own: other threads may be waiting for answers on the handle's. */
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client.rk);
    rd_kafka_DescribeConsumerGroups(admin->client.rk, &group, 1, options, queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = NULL;
    int code = krd_admin_wait_on(admin, queue, RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT, timeout_ms, what,
                                 resource, &event, err);
    rd_kafka_queue_destroy(queue);
    if (code) return code;
    const rd_kafka_ConsumerGroupDescription_t *found = group_of(admin, event, what, resource, &code, err);
    if (found) read(ctx, found);
    rd_kafka_event_destroy(event);
    return code;
}

static void count_members(void *ctx, const rd_kafka_ConsumerGroupDescription_t *found)
{
    int32_t *members = ctx;
    *members = (int32_t)rd_kafka_ConsumerGroupDescription_member_count(found);
}

int krd_admin_group_members(struct kc_admin *admin, const char *group, int64_t timeout_ms,
                            int32_t *ret_members, struct aq_err *err)
{
    *ret_members = 0;
    return describe(admin, group, timeout_ms, count_members, ret_members, err);
}

/* ---- who they are --------------------------------------------------------------------------------------------------- */

struct reading {
    struct kc_group *group;
    const char *topic;
};

static int compare_partitions(const void *a, const void *b)
{
    int32_t one = *(const int32_t *)a, other = *(const int32_t *)b;
    return (one > other) - (one < other);
}

static void read_partitions(const struct reading *reading, const rd_kafka_MemberDescription_t *from,
                            struct kc_group_member *member)
{
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(from);
    const rd_kafka_topic_partition_list_t *list =
        assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
    if (!list || list->cnt == 0) return;
    int32_t *partitions =
        aq_arena_zalloc(&reading->group->arena, (size_t)list->cnt * sizeof(*member->partitions));
    for (int i = 0; i < list->cnt; i++)
        if (strcmp(list->elems[i].topic, reading->topic) == 0)
            partitions[member->n_partitions++] = list->elems[i].partition;
    qsort(partitions, member->n_partitions, sizeof(*partitions), compare_partitions);
    member->partitions = partitions;
}

static const char *copy(struct kc_group *group, const char *text)
{
    return aq_arena_strdup(&group->arena, text ? text : "");
}

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct kc_group_member *)a)->member_id,
                  ((const struct kc_group_member *)b)->member_id);
}

static void read_members(void *ctx, const rd_kafka_ConsumerGroupDescription_t *found)
{
    const struct reading *reading = ctx;
    struct kc_group *group = reading->group;
    group->stable = rd_kafka_ConsumerGroupDescription_state(found) == RD_KAFKA_CONSUMER_GROUP_STATE_STABLE;
    group->count = rd_kafka_ConsumerGroupDescription_member_count(found);
    group->list = aq_arena_zalloc(&group->arena, (group->count + 1) * sizeof(*group->list));
    for (size_t i = 0; i < group->count; i++) {
        const rd_kafka_MemberDescription_t *from = rd_kafka_ConsumerGroupDescription_member(found, i);
        struct kc_group_member *member = &group->list[i];
        const char *instance_id = rd_kafka_MemberDescription_group_instance_id(from);
        member->member_id = copy(group, rd_kafka_MemberDescription_consumer_id(from));
        member->client_id = copy(group, rd_kafka_MemberDescription_client_id(from));
        member->host = copy(group, rd_kafka_MemberDescription_host(from));
        if (instance_id && instance_id[0]) member->instance_id = copy(group, instance_id);
        read_partitions(reading, from, member);
    }
    qsort(group->list, group->count, sizeof(*group->list), compare_members);
}

int krd_admin_describe_group(struct kc_admin *admin, const char *group, const char *topic, int64_t timeout_ms,
                             struct kc_group *ret, struct aq_err *err)
{
    AQ_ASSERT(topic);
    *ret = (struct kc_group){0};
    aq_arena_init(&ret->arena, 1024);
    struct reading reading = {.group = ret, .topic = topic};
    int code = describe(admin, group, timeout_ms, read_members, &reading, err);
    if (code) aq_arena_finish(&ret->arena);
    return code;
}
