/* SPDX-License-Identifier: Apache-2.0
 *
 * The state topic (kafka/state_topic.h): one partition per task, compacted, small segments, so that the cleaner keeps it to about one record
 * per task. Its very first record, key "route" in partition 0, holds the facts that may never change. Two instances that
 * start at once may both write it: the facts are the same, and whoever reads takes the newest.
 */
#include "kafka/state_topic.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

#define ADMIN_TIMEOUT_MS 5000
#define SETTLE_US        (2 * AQ_SEC)
#define CLOSE_MS         3000

static int create_state_topic(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                              struct aq_err *err)
{
    const struct kc_config_entry configs[] = {
        {"cleanup.policy", "compact"},
        {"segment.bytes", "1048576"},
        {"min.cleanable.dirty.ratio", "0.1"},
        {"max.compaction.lag.ms", "600000"},
    };
    const struct kc_topic_spec spec = {.name = flow->state_topic,
                                       .partitions = flow->tasks,
                                       .replication_factor = flow->replication_factor,
                                       .configs = configs,
                                       .n_configs = sizeof(configs) / sizeof(configs[0])};
    int rc = ops->admin_create_topic(sink, &spec, ADMIN_TIMEOUT_MS, err);
    if (rc == 0)
        aq_log(AQ_INFO, "state topic created", aq_fs(flow->noun, flow->name),
               aq_fs("topic", flow->state_topic), aq_fi("tasks", flow->tasks));
    return rc == AQ_E_EXISTS ? 0 : rc;
}

static int ensure_state_topic(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                              struct aq_err *err)
{
    struct kc_topics topics = {0};
    int rc = ops->admin_topics(sink, ADMIN_TIMEOUT_MS, &topics, err);
    if (rc != 0) return rc;
    int32_t partitions = kc_topics_partitions(&topics, flow->state_topic);
    aq_arena_finish(&topics.arena);
    if (partitions == 0) return create_state_topic(ops, flow, sink, err);
    if (partitions != flow->tasks)
        return aq_fail(
            err, AQ_E_STATE,
            "state topic %s has %d partitions but %s %s has tasks = %d; the number is fixed when the %s first runs: "
            "set tasks = %d, or use another %s name to begin anew",
            flow->state_topic, partitions, flow->noun, flow->name, flow->tasks, flow->noun, partitions,
            flow->noun);
    return 0;
}

int kc_state_topic_writer(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_producer **ret,
                          struct aq_err *err)
{
    char id[KC_CLIENT_ID_MAX];
    const struct kc_producer_conf conf = {.client_id = kc_client_id(flow->client_prefix, "state", id),
                                          .delivery_timeout_ms = ADMIN_TIMEOUT_MS,
                                          .batch_bytes = 65536,
                                          .queue_bytes = 1 << 20,
                                          .compression = "none"};
    return ops->producer_open(flow->sink, &conf, ret, err);
}

void kc_state_topic_writer_close(const struct kc_ops *ops, struct kc_producer *writer)
{
    struct aq_batch *none = NULL;
    ops->producer_close(writer, CLOSE_MS, &none);
    AQ_ASSERT(none == NULL);
}

int kc_state_topic_append(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_producer *writer,
                          int32_t task, struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                          struct aq_err *err)
{
    *ack = (struct kc_ack){.offset = -1};
    int rc = ops->producer_send_own(writer, flow->state_topic, task, key, value, ack, err);
    int64_t deadline = aq_mono_us() + ADMIN_TIMEOUT_MS * AQ_MS;
    while (rc == 0 && !ack->done && aq_mono_us() < deadline) {
        struct kc_drained drained = {0};
        ops->producer_drain(writer, 50, &drained);
    }
    if (rc != 0) return rc;
    if (!ack->done)
        return aq_fail(err, AQ_E_TIMEOUT, "topic %s[%d] did not take a record in time", flow->state_topic,
                       task);
    if (ack->code != 0)
        return aq_fail(err, ack->code, "topic %s[%d] did not take a record: %s", flow->state_topic, task,
                       ops->producer_failure(writer)->text);
    AQ_ASSERT(ack->offset >= 0);
    return 0;
}

static int write_facts(const struct kc_ops *ops, const struct kc_flow *flow,
                       const struct kc_route_facts *facts, struct aq_err *err)
{
    struct kc_producer *writer;
    int rc = kc_state_topic_writer(ops, flow, &writer, err);
    if (rc != 0) return rc;
    struct aq_arena arena;
    struct kc_ack ack;
    aq_arena_init(&arena, 1024);
    rc = kc_state_topic_append(ops, flow, writer, 0, AQ_LIT(KC_ROUTE_KEY), kc_facts_encode(facts, &arena),
                               &ack, err);
    kc_state_topic_writer_close(ops, writer);
    aq_arena_finish(&arena);
    return rc;
}

int kc_state_topic_facts(const struct kc_ops *ops, const struct kc_flow *flow, int64_t low, int64_t high,
                         struct aq_arena *arena, struct kc_route_facts *ret, bool *ret_found,
                         struct aq_err *err)
{
    struct kc_reader *reader;
    char id[KC_CLIENT_ID_MAX];
    *ret_found = false;
    if (high <= low) return 0;
    int rc = ops->reader_open(flow->sink, kc_client_id(flow->client_prefix, "state", id), flow->group,
                              &reader, err);
    if (rc != 0) return rc;
    struct kc_stored stored = {.partition = 0, .offset = low};
    /* Nearly always the first record there is; else (compaction, a race of two first starts) look for it. */
    rc = ops->reader_read(reader, flow->state_topic, &stored, 1, ADMIN_TIMEOUT_MS, arena, err);
    if (rc != 0 || !aq_slice_equal(stored.key, AQ_LIT(KC_ROUTE_KEY)))
        rc = ops->reader_scan_last(reader, flow->state_topic, 0, AQ_LIT(KC_ROUTE_KEY), high, ADMIN_TIMEOUT_MS,
                                   arena, &stored, err);
    ops->reader_close(reader, CLOSE_MS);
    *ret_found = rc == 0 && stored.offset >= 0;
    return *ret_found ? kc_facts_decode(stored.value, arena, ret, err) : rc;
}

/* Leaders of a topic that was created a moment ago are still settling: not an answer yet, and the start is tried again as
 * long as a cluster may take to answer. */
static int settled_watermarks(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                              int64_t *low, int64_t *high, struct aq_err *err)
{
    int64_t deadline = aq_mono_us() + SETTLE_US;
    for (;;) {
        int rc = ops->admin_watermarks(sink, flow->state_topic, 0, ADMIN_TIMEOUT_MS, low, high, err);
        if (rc != AQ_E_UNKNOWN_TOPIC && (rc == 0 || aq_code_class(rc) != AQ_CLASS_RETRY)) return rc;
        if (aq_mono_us() > deadline) return err->code = AQ_E_AGAIN;
        aq_sleep_ms(10);
    }
}

int kc_state_topic_prepare(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                           struct kc_route_facts *facts, struct aq_err *err)
{
    int rc = ensure_state_topic(ops, flow, sink, err);
    if (rc != 0) return rc;
    int64_t low = 0, high = 0;
    rc = settled_watermarks(ops, flow, sink, &low, &high, err);
    if (rc != 0) return rc;
    if (high == 0) return write_facts(ops, flow, facts, err);
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct kc_route_facts stored = {0};
    bool found = false;
    rc = kc_state_topic_facts(ops, flow, low, high, &arena, &stored, &found, err);
    if (rc == 0 && !found)
        rc = write_facts(ops, flow, facts, err);
    else if (rc == 0)
        rc = kc_facts_check(&stored, facts, err);
    if (rc == 0 && found) facts->created_ms = stored.created_ms;
    aq_arena_finish(&arena);
    return rc == 0 ? 0 : aq_err_in(err, "state topic %s", flow->state_topic);
}
