/* SPDX-License-Identifier: Apache-2.0
 *
 * Admin, changing: creating a topic and giving it more partitions, deleting a topic or the older records of it. The first
 * two return when the leaders are known, so that the first record does not have to wait for them.
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

int krd_admin_delete_topic(struct kc_admin *admin, const char *topic, int64_t timeout_ms, struct aq_err *err)
{
    AQ_ASSERT(topic && topic[0]);
    struct krd_try what = {"delete", "Delete"};
    char name[300];
    snprintf(name, sizeof(name), "topic %s", topic);
    rd_kafka_DeleteTopic_t *asked = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_AdminOptions_t *options = krd_admin_options(admin, RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms);
    int code = set_operation_timeout(options, timeout_ms, err);
    rd_kafka_event_t *event = NULL;
    if (!code) {
        rd_kafka_DeleteTopics(admin->client.rk, &asked, 1, options, admin->queue);
        code = krd_admin_wait(admin, RD_KAFKA_EVENT_DELETETOPICS_RESULT, timeout_ms, what, name, &event, err);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteTopic_destroy(asked);
    if (code) return code;

    size_t n = 0;
    const rd_kafka_topic_result_t **list =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
    code = topic_result(admin, list, n, what, name, err);
    rd_kafka_event_destroy(event);
    return code;
}

/* ---- records nobody needs any more ---------------------------------------------------------------------------------- */

static bool is_gone(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

static bool has_partition(const struct rd_kafka_metadata *metadata, const char *topic, int32_t partition)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            return partition < metadata->topics[i].partition_cnt;
    return false;
}

/* The partitions that are there, each once with the highest offset asked for: the client refuses doubles, and waits out
 * the timeout for the leader of a partition that does not exist. */
static rd_kafka_topic_partition_list_t *list_before(const struct rd_kafka_metadata *metadata,
                                                    const struct kc_before *list, size_t n)
{
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        AQ_ASSERT(list[i].topic && list[i].partition >= 0 && list[i].offset >= 0);
        if (!has_partition(metadata, list[i].topic, list[i].partition)) continue;
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_find(asked, list[i].topic, list[i].partition);
        if (!one) one = rd_kafka_topic_partition_list_add(asked, list[i].topic, list[i].partition);
        if (list[i].offset > one->offset) one->offset = list[i].offset;
    }
    return asked;
}

/* The first partition that failed. */
static int records_result(struct kc_admin *admin, rd_kafka_event_t *event, struct krd_try what,
                          struct aq_err *err)
{
    const rd_kafka_topic_partition_list_t *list =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        if (!one->err || is_gone(one->err)) continue;
        return krd_fail(err, &admin->client, one->err, NULL, what, "topic %s[%d]", one->topic,
                        one->partition);
    }
    return 0;
}

static int delete_records(struct kc_admin *admin, rd_kafka_topic_partition_list_t *asked, int64_t timeout_ms,
                          struct aq_err *err)
{
    struct krd_try what = {"delete records of", "Delete"};
    char name[300];
    snprintf(name, sizeof(name), "topic %s", asked->elems[0].topic);
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(asked);
    rd_kafka_AdminOptions_t *options = krd_admin_options(admin, RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms);
    int code = set_operation_timeout(options, timeout_ms, err);
    rd_kafka_event_t *event = NULL;
    if (!code) {
        rd_kafka_DeleteRecords(admin->client.rk, &request, 1, options, admin->queue);
        code =
            krd_admin_wait(admin, RD_KAFKA_EVENT_DELETERECORDS_RESULT, timeout_ms, what, name, &event, err);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_DeleteRecords_destroy(request);
    if (code) return code;
    code = records_result(admin, event, what, err);
    rd_kafka_event_destroy(event);
    return code;
}

int krd_admin_delete_records(struct kc_admin *admin, const struct kc_before *list, size_t n,
                             int64_t timeout_ms, struct aq_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (n == 0) return 0;
    rd_kafka_resp_err_t error = rd_kafka_metadata(admin->client.rk, 1, NULL, &metadata, (int)timeout_ms);
    if (error)
        return krd_fail(err, &admin->client, error, NULL, (struct krd_try){"list", "Describe"}, "topics");
    rd_kafka_topic_partition_list_t *asked = list_before(metadata, list, n);
    rd_kafka_metadata_destroy(metadata);
    int code = asked->cnt > 0 ? delete_records(admin, asked, timeout_ms, err) : 0;
    rd_kafka_topic_partition_list_destroy(asked);
    return code;
}
