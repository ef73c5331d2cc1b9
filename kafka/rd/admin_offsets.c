/* SPDX-License-Identifier: Apache-2.0
 *
 * Admin, offsets: watermarks and the offset for a time. The handle is read_uncommitted, so "high" is the true end of
 * the log, open transactions included: what a barrier must wait for.
 */
#include "base/assert.h"
#include "kafka/rd/rd.h"

int krd_admin_watermarks(struct kc_admin *admin, const char *topic, int32_t partition, int64_t timeout_ms,
                         int64_t *ret_low, int64_t *ret_high, struct aq_err *err)
{
    AQ_ASSERT(topic && partition >= 0);
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(admin->client.rk, topic, partition, ret_low,
                                                                 ret_high, (int)timeout_ms);
    if (!error) return 0;
    return krd_fail(err, &admin->client, error, NULL, (struct krd_try){"read the offsets of", "Describe"},
                    "topic %s[%d]", topic, partition);
}

int krd_admin_ends(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                   struct aq_err *err)
{
    rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        if (rd_kafka_topic_partition_list_find(asked, list[i].topic, list[i].partition)) continue;
        /* The "time" -1 asks ListOffsets for the end. */
        rd_kafka_topic_partition_list_add(asked, list[i].topic, list[i].partition)->offset =
            RD_KAFKA_OFFSET_END;
    }
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(admin->client.rk, asked, (int)timeout_ms);
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++) {
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_find(asked, list[i].topic, list[i].partition);
        rd_kafka_resp_err_t reason = one->err ? one->err : error;
        bool missing = reason == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                       reason == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                       reason == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        list[i].end = missing ? -1 : one->offset;
        if (!reason || missing) continue;
        code = krd_fail(err, &admin->client, reason, NULL, (struct krd_try){"read the end of", "Describe"},
                        "topic %s[%d]", list[i].topic, list[i].partition);
    }
    rd_kafka_topic_partition_list_destroy(asked);
    return code;
}

int krd_admin_offset_for_time(struct kc_admin *admin, const char *topic, int32_t partition,
                              int64_t timestamp_ms, int64_t timeout_ms, int64_t *ret_offset,
                              struct aq_err *err)
{
    AQ_ASSERT(topic && partition >= 0);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = timestamp_ms;
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(admin->client.rk, list, (int)timeout_ms);
    if (!error) error = list->elems[0].err;
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (error) {
        return krd_fail(err, &admin->client, error, NULL, (struct krd_try){"find a time in", "Describe"},
                        "topic %s[%d]", topic, partition);
    }
    if (offset >= 0) {
        *ret_offset = offset;
        return 0;
    }
    int64_t low = 0; /* no record that late: the end */
    return krd_admin_watermarks(admin, topic, partition, timeout_ms, &low, ret_offset, err);
}
