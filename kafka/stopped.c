/* SPDX-License-Identifier: Apache-2.0
 *
 * A flow that is stopped (kafka/stopped.h).
 */
#include "kafka/stopped.h"

#include "base/assert.h"
#include "kafka/state_topic.h"

#define ADMIN_TIMEOUT_MS 15000

int kc_stopped_check(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                     struct aq_err *err)
{
    int32_t members = 0;
    int rc = ops->admin_group_members(sink, flow->group, ADMIN_TIMEOUT_MS, &members, err);
    if (rc != 0 || members == 0) return rc;
    return aq_fail(
        err, AQ_E_BUSY,
        "group %s on cluster %s has %d member%s: stop every instance of the %s (one that was killed counts "
        "until session_timeout is over)",
        flow->group, flow->sink->name, members, members == 1 ? "" : "s", flow->noun);
}

int kc_stopped_facts(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                     struct aq_arena *arena, struct kc_route_facts *ret, bool *ret_found, struct aq_err *err)
{
    const char *topic = flow->state_topic;
    struct kc_topics topics = {0};
    int64_t low, high;
    *ret_found = false;
    int rc = ops->admin_topics(sink, ADMIN_TIMEOUT_MS, &topics, err);
    if (rc != 0) return rc;
    int32_t partitions = kc_topics_partitions(&topics, topic);
    aq_arena_finish(&topics.arena);
    if (partitions == 0) return 0;
    rc = ops->admin_watermarks(sink, topic, 0, ADMIN_TIMEOUT_MS, &low, &high, err);
    if (rc == 0) rc = kc_state_topic_facts(ops, flow, low, high, arena, ret, ret_found, err);
    if (rc != 0 || !*ret_found || ret->tasks == partitions) return rc;
    return aq_fail(err, AQ_E_STATE,
                   "topic %s has %d partitions but was created with %d: its positions are not safe", topic,
                   partitions, ret->tasks);
}

int kc_stopped_write(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_producer *writer,
                     struct kc_reader *reader, const struct kc_snapshot *snapshot, struct aq_arena *arena,
                     struct aq_err *err)
{
    AQ_ASSERT(snapshot->task >= 0 && snapshot->seq > 0);
    char metadata[KC_METADATA_MAX];
    struct kc_ack *ack = aq_arena_zalloc(arena, sizeof(*ack)); /* outlives the writer */
    struct aq_slice value = kc_snapshot_encode(snapshot, arena);
    int rc =
        kc_state_topic_append(ops, flow, writer, snapshot->task, AQ_LIT(KC_POSITION_KEY), value, ack, err);
    if (rc != 0) return rc;
    kc_metadata_format(snapshot->seq, value, metadata, sizeof(metadata));
    return ops->reader_commit_stopped(reader, flow->state_topic, snapshot->task, ack->offset + 1, metadata,
                                      ADMIN_TIMEOUT_MS, err);
}
