/* SPDX-License-Identifier: Apache-2.0
 *
 * Admin, reading: all topics of the cluster with their ids, and the configs of one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define FIRST_SLICE_MS 2000
#define IDS_TIMEOUT_MS 1500
#define IDS_PAUSE_US   (60 * AQ_SEC)

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kc_topic *)a)->name, ((const struct kc_topic *)b)->name);
}

static bool is_internal(const char *name)
{
    /* Metadata carries a flag for it, but the client does not hand it out. */
    return strcmp(name, "__consumer_offsets") == 0 || strcmp(name, "__transaction_state") == 0 ||
           strcmp(name, "__share_group_state") == 0 || strcmp(name, "__cluster_metadata") == 0;
}

static void copy_topics(const struct rd_kafka_metadata *metadata, struct kc_topics *ret)
{
    size_t n = (size_t)metadata->topic_cnt;
    ret->list = aq_arena_zalloc(&ret->arena, (n + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < n; i++) {
        const struct rd_kafka_metadata_topic *from = &metadata->topics[i];
        struct kc_topic *topic = &ret->list[ret->count++];
        topic->name = aq_arena_strdup(&ret->arena, from->topic);
        topic->partitions = from->partition_cnt;
        topic->internal = is_internal(from->topic);
        /* A topic in creation has no leaders yet and says LEADER_NOT_AVAILABLE: it exists, so that is no error. */
        int code = krd_code(from->err, 0);
        topic->error = code == AQ_E_DENIED || code == AQ_E_UNKNOWN_TOPIC ? code : 0;
    }
    qsort(ret->list, ret->count, sizeof(*ret->list), by_name);
    ret->brokers = metadata->broker_cnt;
}

#if KRD_AT_LEAST(2, 3)

static void copy_ids(const rd_kafka_DescribeTopics_result_t *result, struct kc_topics *ret)
{
    size_t n = 0;
    const rd_kafka_TopicDescription_t **list = rd_kafka_DescribeTopics_result_topics(result, &n);
    for (size_t i = 0; i < n; i++) {
        if (rd_kafka_TopicDescription_error(list[i]) &&
            rd_kafka_error_code(rd_kafka_TopicDescription_error(list[i])) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            continue;
        }
        struct kc_topic key = {.name = rd_kafka_TopicDescription_name(list[i])};
        struct kc_topic *topic = bsearch(&key, ret->list, ret->count, sizeof(key), by_name);
        const rd_kafka_Uuid_t *id = rd_kafka_TopicDescription_topic_id(list[i]);
        const char *text = id ? rd_kafka_Uuid_base64str(id) : NULL;
        if (topic && text) snprintf(topic->id, sizeof(topic->id), "%s", text);
    }
}

/* Ids are a help, not a need: where they cannot be had (an embedded cluster, a right that is missing, a controller that
 * is just moving) topics go without for a minute, and fingerprints alone tell a recreated one. */
static void add_ids(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret)
{
    int64_t now = aq_mono_us();
    if (now < admin->no_ids_until_us) return;
    const char **names = aq_calloc(ret->count + 1, sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; i < ret->count; i++) {
        if (!ret->list[i].error) names[n++] = ret->list[i].name;
    }
    if (n > 0) {
        struct aq_err err = {0};
        if (timeout_ms > IDS_TIMEOUT_MS) timeout_ms = IDS_TIMEOUT_MS;
        rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(names, n);
        rd_kafka_AdminOptions_t *options =
            krd_admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout_ms);
        rd_kafka_DescribeTopics(admin->client.rk, topics, options, admin->queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_TopicCollection_destroy(topics);
        rd_kafka_event_t *event = NULL;
        int code = krd_admin_wait(admin, RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT, timeout_ms,
                                  (struct krd_try){"describe", "Describe"}, "the topics", &event, &err);
        if (code) admin->no_ids_until_us = now + IDS_PAUSE_US;
        if (!code) {
            copy_ids(rd_kafka_event_DescribeTopics_result(event), ret);
            rd_kafka_event_destroy(event);
        }
    }
    free(names);
}

#else

static void add_ids(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret)
{
    (void)admin, (void)timeout_ms, (void)ret;
}

#endif

/* The client puts the request to one broker and goes on putting it to that one, be it dead: so the first questions are
 * short, and each of them may go to another broker. The later ones leave time for a large cluster far away. */
static rd_kafka_resp_err_t ask_for_all(struct kc_admin *admin, int64_t timeout_ms,
                                       const struct rd_kafka_metadata **ret)
{
    int64_t until_us = aq_mono_us() + timeout_ms * AQ_MS;
    for (int64_t slice_ms = FIRST_SLICE_MS;; slice_ms *= 2) {
        int64_t left_ms = (until_us - aq_mono_us()) / AQ_MS;
        if (slice_ms > left_ms) slice_ms = left_ms;
        rd_kafka_resp_err_t error = rd_kafka_metadata(admin->client.rk, 1, NULL, ret, (int)slice_ms);
        bool again = error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TRANSPORT;
        if (!again || aq_mono_us() + FIRST_SLICE_MS * AQ_MS / 2 >= until_us) return error;
    }
}

int krd_admin_topics(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret, struct aq_err *err)
{
    *ret = (struct kc_topics){0};
    aq_arena_init(&ret->arena, 16384);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = ask_for_all(admin, timeout_ms, &metadata);
    if (error) {
        aq_arena_finish(&ret->arena);
        return krd_fail(err, &admin->client, error, NULL, (struct krd_try){"list", "Describe"}, "the topics");
    }
    copy_topics(metadata, ret);
    rd_kafka_metadata_destroy(metadata);
    add_ids(admin, timeout_ms, ret);
    return 0;
}

/* ---- configs -------------------------------------------------------------------------------------------------------- */

static void copy_configs(const rd_kafka_ConfigResource_t *resource, struct kc_config_entry *entries, size_t n,
                         struct aq_arena *arena)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **list = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        /* Only what the topic itself overrides; broker-wide settings are the other cluster's own business. */
        if (rd_kafka_ConfigEntry_source(list[i]) != RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) continue;
        const char *name = rd_kafka_ConfigEntry_name(list[i]);
        const char *value = rd_kafka_ConfigEntry_value(list[i]);
        for (size_t k = 0; k < n; k++) {
            if (value && strcmp(entries[k].name, name) == 0) entries[k].value = aq_arena_strdup(arena, value);
        }
    }
}

int krd_admin_topic_configs(struct kc_admin *admin, const char *topic, struct kc_config_entry *entries,
                            size_t n, struct aq_arena *arena, int64_t timeout_ms, struct aq_err *err)
{
    for (size_t i = 0; i < n; i++) entries[i].value = NULL;
    struct krd_try what = {"read the configs of", "DescribeConfigs"};
    char name[300];
    snprintf(name, sizeof(name), "topic %s", topic);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        krd_admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
    rd_kafka_DescribeConfigs(admin->client.rk, &resource, 1, options, admin->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = NULL;
    int code =
        krd_admin_wait(admin, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, timeout_ms, what, name, &event, err);
    if (code) return code;

    size_t count = 0;
    const rd_kafka_ConfigResource_t **list =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    if (count > 0) {
        rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(list[0]);
        if (error) {
            code = krd_fail(err, &admin->client, error, rd_kafka_ConfigResource_error_string(list[0]), what,
                            "%s", name);
        } else {
            copy_configs(list[0], entries, n, arena);
        }
    }
    rd_kafka_event_destroy(event);
    return code;
}
