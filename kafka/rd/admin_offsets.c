/* SPDX-License-Identifier: Apache-2.0
 *
 * Admin, offsets: watermarks and the offset for a time. The handle is read_uncommitted, so "high" is the true end of
 * the log, open transactions included: what a barrier must wait for.
 *
 * Trap: the client asks the leaders it remembers. A partition that had none at the moment of the last metadata answer
 * (its broker was stopping, the topic had just been made) is refused from memory for minutes, without a question to
 * anybody. So after a refusal metadata is fetched and the question is put once more; only the second answer counts.
 */
#include "base/assert.h"
#include "kafka/rd/rd.h"

#define METADATA_TIMEOUT_MS 1000

/* Worth asking again with fresh metadata? A time-out has waited for long enough. */
static bool ask_again(struct kc_admin *admin, rd_kafka_resp_err_t error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (!error || error == RD_KAFKA_RESP_ERR__TIMED_OUT) return false;
    if (rd_kafka_metadata(admin->client.rk, 0, NULL, &metadata, METADATA_TIMEOUT_MS)) return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* ListOffsets for the whole list; the first error in it, or of the call. What is asked for is put back in before a
 * second try: answers take its place. */
static rd_kafka_resp_err_t list_offsets(struct kc_admin *admin, rd_kafka_topic_partition_list_t *list,
                                        int64_t time, int64_t timeout_ms)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < list->cnt; i++) {
            list->elems[i].offset = time;
            list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        }
        error = rd_kafka_offsets_for_times(admin->client.rk, list, (int)timeout_ms);
        for (int i = 0; i < list->cnt && !error; i++) error = list->elems[i].err;
        if (round == 0 && !ask_again(admin, error)) break;
    }
    return error;
}

static rd_kafka_resp_err_t list_offset(struct kc_admin *admin, const char *topic, int32_t partition,
                                       int64_t time, int64_t timeout_ms, int64_t *ret)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t error = list_offsets(admin, list, time, timeout_ms);
    *ret = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

/* Not rd_kafka_query_watermark_offsets(): up to 2.0.2 at least it takes no notice of its timeout while the leader is
 * away, and would hold its caller for a minute. */
int krd_admin_watermarks(struct kc_admin *admin, const char *topic, int32_t partition, int64_t timeout_ms,
                         int64_t *ret_low, int64_t *ret_high, struct aq_err *err)
{
    AQ_ASSERT(topic && partition >= 0);
    rd_kafka_resp_err_t error =
        list_offset(admin, topic, partition, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, ret_low);
    if (!error) error = list_offset(admin, topic, partition, RD_KAFKA_OFFSET_END, timeout_ms, ret_high);
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
        rd_kafka_topic_partition_list_add(asked, list[i].topic, list[i].partition);
    }
    /* The "time" -1 asks for the end. */
    rd_kafka_resp_err_t error = list_offsets(admin, asked, RD_KAFKA_OFFSET_END, timeout_ms);
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++) {
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_find(asked, list[i].topic, list[i].partition);
        bool answered = !one->err && one->offset >= 0;
        rd_kafka_resp_err_t reason = one->err ? one->err : answered ? RD_KAFKA_RESP_ERR_NO_ERROR : error;
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
    int64_t offset;
    rd_kafka_resp_err_t error = list_offset(admin, topic, partition, timestamp_ms, timeout_ms, &offset);
    /* No record that late: the end. */
    if (!error && offset < 0)
        error = list_offset(admin, topic, partition, RD_KAFKA_OFFSET_END, timeout_ms, &offset);
    if (error) {
        return krd_fail(err, &admin->client, error, NULL, (struct krd_try){"find a time in", "Describe"},
                        "topic %s[%d]", topic, partition);
    }
    *ret_offset = offset;
    return 0;
}
