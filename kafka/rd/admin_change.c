/* SPDX-License-Identifier: Apache-2.0
 *
 * Admin, changing: creating a topic and giving it more partitions. Both return when the leaders are known, so that the
 * first record does not have to wait for them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "kafka/rd/rd.h"

#define LOOK_AGAIN_MS 50

static bool has_leaders(const struct rd_kafka_metadata *metadata, int32_t partitions)
{
    if (metadata->topic_cnt != 1 || metadata->topics[0].err) return false;
    const struct rd_kafka_metadata_topic *topic = &metadata->topics[0];
    if (topic->partition_cnt < partitions) return false;
    for (int i = 0; i < topic->partition_cnt; i++) {
        if (topic->partitions[i].leader < 0) return false;
    }
    return true;
}

static int wait_for_leaders(struct kc_admin *admin, const char *topic, int32_t partitions, int64_t until_us,
                            struct aq_err *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(admin->client.rk, topic, NULL);
    AQ_ASSERT(handle);
    bool good = false;
    do {
        const struct rd_kafka_metadata *metadata = NULL;
        if (!rd_kafka_metadata(admin->client.rk, 0, handle, &metadata, 1000)) {
            good = has_leaders(metadata, partitions);
            rd_kafka_metadata_destroy(metadata);
        }
        if (!good) aq_sleep_ms(LOOK_AGAIN_MS);
    } while (!good && aq_mono_us() < until_us);
    rd_kafka_topic_destroy(handle);
    if (good) return 0;
    return aq_fail(err, AQ_E_TIMEOUT,
                   "topic %s of cluster %s was changed, but its %d partitions have no leaders yet", topic,
                   admin->client.cluster, partitions);
}

static int topic_result(struct kc_admin *admin, const rd_kafka_topic_result_t *const *list, size_t n,
                        struct krd_try what, const char *name, struct aq_err *err)
{
    if (n == 0) return 0;
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(list[0]);
    if (!error) return 0;
    return krd_fail(err, &admin->client, error, rd_kafka_topic_result_error_string(list[0]), what, "%s",
                    name);
}

static int set_operation_timeout(rd_kafka_AdminOptions_t *options, int64_t timeout_ms, struct aq_err *err)
{
    char text[256] = "";
    if (!rd_kafka_AdminOptions_set_operation_timeout(options, (int)timeout_ms, text, sizeof(text))) return 0;
    return aq_fail(err, AQ_E_INVALID, "timeout: %s", text);
}

int krd_admin_create_topic(struct kc_admin *admin, const struct kc_topic_spec *spec, int64_t timeout_ms,
                           struct aq_err *err)
{
    AQ_ASSERT(spec->name && spec->partitions > 0);
    int64_t until_us = aq_mono_us() + timeout_ms * AQ_MS;
    struct krd_try what = {"create", "Create"};
    char name[300];
    char text[256] = "";
    snprintf(name, sizeof(name), "topic %s", spec->name);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication_factor, text, sizeof(text));
    if (!topic)
        return aq_fail(err, AQ_E_CONFIG, "cannot create %s of cluster %s: %s", name, admin->client.cluster,
                       text);
    for (size_t i = 0; i < spec->n_configs; i++) {
        rd_kafka_NewTopic_set_config(topic, spec->configs[i].name, spec->configs[i].value);
    }
    rd_kafka_AdminOptions_t *options = krd_admin_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    int code = set_operation_timeout(options, timeout_ms, err);
    rd_kafka_event_t *event = NULL;
    if (!code) {
        rd_kafka_CreateTopics(admin->client.rk, &topic, 1, options, admin->queue);
        code = krd_admin_wait(admin, RD_KAFKA_EVENT_CREATETOPICS_RESULT, timeout_ms, what, name, &event, err);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    if (code) return code;

    size_t n = 0;
    const rd_kafka_topic_result_t **list =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    code = topic_result(admin, list, n, what, name, err);
    rd_kafka_event_destroy(event);
    return code ? code : wait_for_leaders(admin, spec->name, spec->partitions, until_us, err);
}

int krd_admin_grow_topic(struct kc_admin *admin, const char *topic, int32_t partitions, int64_t timeout_ms,
                         struct aq_err *err)
{
    AQ_ASSERT(topic && partitions > 0);
    int64_t until_us = aq_mono_us() + timeout_ms * AQ_MS;
    struct krd_try what = {"add partitions to", "Alter"};
    char name[300];
    char text[256] = "";
    snprintf(name, sizeof(name), "topic %s", topic);
    rd_kafka_NewPartitions_t *grown =
        rd_kafka_NewPartitions_new(topic, (size_t)partitions, text, sizeof(text));
    if (!grown)
        return aq_fail(err, AQ_E_CONFIG, "cannot grow %s of cluster %s: %s", name, admin->client.cluster,
                       text);
    rd_kafka_AdminOptions_t *options =
        krd_admin_options(admin, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, timeout_ms);
    int code = set_operation_timeout(options, timeout_ms, err);
    rd_kafka_event_t *event = NULL;
    if (!code) {
        rd_kafka_CreatePartitions(admin->client.rk, &grown, 1, options, admin->queue);
        code = krd_admin_wait(admin, RD_KAFKA_EVENT_CREATEPARTITIONS_RESULT, timeout_ms, what, name, &event,
                              err);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewPartitions_destroy(grown);
    if (code) return code;

    size_t n = 0;
    const rd_kafka_topic_result_t **list =
        rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
    code = topic_result(admin, list, n, what, name, err);
    rd_kafka_event_destroy(event);
    return code ? code : wait_for_leaders(admin, topic, partitions, until_us, err);
}
