/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin handle: everything is known at once, so nothing here waits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

struct kc_admin {
    struct sim_cluster *cluster;
};

int sim_admin_open(const struct kc_cluster *cluster, const char *client_id, struct kc_admin **ret,
                   struct aq_err *err)
{
    (void)client_id;
    struct sim_cluster *found = sim_handle_open(cluster, err);
    if (!found) return AQ_E_UNREACHABLE;
    struct kc_admin *admin = aq_calloc(1, sizeof(*admin));
    admin->cluster = found;
    *ret = admin;
    return 0;
}

void sim_admin_close(struct kc_admin *admin)
{
    if (!admin) return;
    sim_handle_close(admin->cluster);
    free(admin);
}

int sim_admin_connect(struct kc_admin *admin, int64_t timeout_ms, char ret_cluster_id[KC_ID_MAX],
                      struct aq_err *err)
{
    (void)timeout_ms;
    (void)err;
    sim_settle(admin->cluster);
    snprintf(ret_cluster_id, KC_ID_MAX, "%s", admin->cluster->cluster_id);
    return 0;
}

/* ---- topics --------------------------------------------------------------------------------------------------------- */

int sim_admin_topics(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret, struct aq_err *err)
{
    (void)timeout_ms;
    (void)err;
    const struct sim_cluster *cluster = admin->cluster;
    sim_settle(admin->cluster);
    *ret = (struct kc_topics){.brokers = 1};
    aq_arena_init(&ret->arena, 4096);
    ret->list = aq_arena_zalloc(&ret->arena, (cluster->n_topics + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < cluster->n_topics; i++) {
        const struct sim_topic *from = cluster->topics[i];
        struct kc_topic *topic = &ret->list[ret->count++];
        topic->name = aq_arena_strdup(&ret->arena, from->name);
        topic->partitions = from->partitions;
        snprintf(topic->id, sizeof(topic->id), "%s", from->id);
    }
    return 0;
}

int sim_admin_create_topic(struct kc_admin *admin, const struct kc_topic_spec *spec, int64_t timeout_ms,
                           struct aq_err *err)
{
    (void)timeout_ms;
    sim_settle(admin->cluster);
    return sim_topic_create(admin->cluster, spec, err);
}

int sim_admin_grow_topic(struct kc_admin *admin, const char *topic, int32_t partitions, int64_t timeout_ms,
                         struct aq_err *err)
{
    (void)timeout_ms;
    AQ_ASSERT(topic && partitions > 0);
    sim_settle(admin->cluster);
    return sim_topic_grow(admin->cluster, topic, partitions, err);
}

int sim_admin_delete_topic(struct kc_admin *admin, const char *topic, int64_t timeout_ms, struct aq_err *err)
{
    (void)timeout_ms;
    sim_settle(admin->cluster);
    return sim_topic_delete(admin->cluster, topic, err);
}

static int unknown(const struct kc_admin *admin, const char *verb, const char *topic, struct aq_err *err)
{
    return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "cannot %s topic %s of cluster %s: unknown topic or partition",
                   verb, topic, admin->cluster->name);
}

int sim_admin_topic_configs(struct kc_admin *admin, const char *topic, struct kc_config_entry *entries,
                            size_t n, struct aq_arena *arena, int64_t timeout_ms, struct aq_err *err)
{
    (void)timeout_ms;
    sim_settle(admin->cluster);
    for (size_t i = 0; i < n; i++) entries[i].value = NULL;
    const struct sim_topic *found = sim_topic_find(admin->cluster, topic);
    if (!found) return unknown(admin, "read the configs of", topic, err);
    for (size_t i = 0; i < n; i++) {
        const char *value = sim_topic_config(found, entries[i].name);
        if (value) entries[i].value = aq_arena_strdup(arena, value);
    }
    return 0;
}

/* ---- offsets -------------------------------------------------------------------------------------------------------- */

int sim_admin_watermarks(struct kc_admin *admin, const char *topic, int32_t partition, int64_t timeout_ms,
                         int64_t *ret_low, int64_t *ret_high, struct aq_err *err)
{
    (void)timeout_ms;
    AQ_ASSERT(topic && partition >= 0);
    sim_settle(admin->cluster);
    const struct sim_log *log = sim_log_find(admin->cluster, topic, partition);
    if (!log) return unknown(admin, "read the watermarks of", topic, err);
    *ret_low = log->start;
    *ret_high = log->end;
    return 0;
}

int sim_admin_ends(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                   struct aq_err *err)
{
    (void)timeout_ms;
    (void)err;
    sim_settle(admin->cluster);
    for (size_t i = 0; i < n; i++) {
        const struct sim_log *log = sim_log_find(admin->cluster, list[i].topic, list[i].partition);
        list[i].end = log ? log->end : -1;
    }
    return 0;
}

int sim_admin_offset_for_time(struct kc_admin *admin, const char *topic, int32_t partition,
                              int64_t timestamp_ms, int64_t timeout_ms, int64_t *ret_offset,
                              struct aq_err *err)
{
    (void)timeout_ms;
    AQ_ASSERT(topic && partition >= 0);
    sim_settle(admin->cluster);
    const struct sim_log *log = sim_log_find(admin->cluster, topic, partition);
    if (!log) return unknown(admin, "find a time in", topic, err);
    int64_t offset = log->start;
    while (offset < log->end && sim_log_entry(log, offset)->timestamp < timestamp_ms) offset++;
    *ret_offset = offset;
    return 0;
}

static int delete_before(struct kc_admin *admin, const struct kc_before *before, struct aq_err *err)
{
    const struct sim_topic *topic = sim_topic_find(admin->cluster, before->topic);
    if (!topic || before->partition >= topic->partitions) return 0;
    const char *policy = sim_topic_config(topic, "cleanup.policy");
    if (policy && !strstr(policy, "delete")) {
        return aq_fail(err, AQ_E_CONFIG,
                       "cannot delete records of %s[%d] of cluster %s: cleanup.policy is %s", before->topic,
                       before->partition, admin->cluster->name, policy);
    }
    struct sim_log *log = topic->logs[before->partition];
    if (before->offset > log->end) {
        return aq_fail(err, AQ_E_IO,
                       "cannot delete records of %s[%d] of cluster %s: offset %" PRId64 " is out of range",
                       before->topic, before->partition, admin->cluster->name, before->offset);
    }
    sim_log_delete_before(log, before->offset);
    return 0;
}

int sim_admin_delete_records(struct kc_admin *admin, const struct kc_before *list, size_t n,
                             int64_t timeout_ms, struct aq_err *err)
{
    (void)timeout_ms;
    sim_settle(admin->cluster);
    int first = 0;
    for (size_t i = 0; i < n; i++) {
        AQ_ASSERT(list[i].partition >= 0 && list[i].offset >= 0);
        int code = delete_before(admin, &list[i], first ? NULL : err);
        if (!first) first = code;
    }
    return first;
}

int sim_admin_group_members(struct kc_admin *admin, const char *group, int64_t timeout_ms,
                            int32_t *ret_members, struct aq_err *err)
{
    (void)timeout_ms;
    (void)err;
    sim_settle(admin->cluster);
    const struct sim_group *found = sim_group_find(admin->cluster, group);
    *ret_members = found ? (int32_t)found->n_seats : 0;
    return 0;
}

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct kc_group_member *)a)->member_id,
                  ((const struct kc_group_member *)b)->member_id);
}

static void describe_seat(const struct sim_seat *seat, bool stable, const char *topic, struct aq_arena *arena,
                          struct kc_group_member *ret)
{
    ret->member_id = aq_arena_strdup(arena, seat->member_id);
    ret->client_id = aq_arena_strdup(arena, seat->client_id);
    ret->host = "/127.0.0.1";
    if (seat->instance_id) ret->instance_id = aq_arena_strdup(arena, seat->instance_id);
    if (!stable || strcmp(seat->topic, topic) != 0 || seat->n_partitions == 0) return;
    int32_t *partitions = aq_arena_zalloc(arena, seat->n_partitions * sizeof(*partitions));
    memcpy(partitions, seat->partitions, seat->n_partitions * sizeof(*partitions));
    ret->partitions = partitions;
    ret->n_partitions = seat->n_partitions;
}

int sim_admin_describe_group(struct kc_admin *admin, const char *group, const char *topic, int64_t timeout_ms,
                             struct kc_group *ret, struct aq_err *err)
{
    (void)timeout_ms;
    (void)err;
    AQ_ASSERT(group && topic);
    sim_settle(admin->cluster);
    const struct sim_group *found = sim_group_find(admin->cluster, group);
    *ret = (struct kc_group){.count = found ? found->n_seats : 0};
    aq_arena_init(&ret->arena, 1024);
    ret->stable = ret->count > 0 && !found->preparing;
    ret->list = aq_arena_zalloc(&ret->arena, (ret->count + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < ret->count; i++)
        describe_seat(found->seats[i], ret->stable, topic, &ret->arena, &ret->list[i]);
    qsort(ret->list, ret->count, sizeof(*ret->list), compare_members);
    return 0;
}
