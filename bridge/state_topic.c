/* SPDX-License-Identifier: Apache-2.0
 *
 * Creating topics on the sink (bridge/state_topic.h).
 *
 * The state topic: one partition per task, compacted, small segments, so that the cleaner keeps it to about one record
 * per task. Its very first record, key "route" in partition 0, holds the facts that may never change. Two instances that
 * start at once may both write it: the facts are the same, and whoever reads takes the newest.
 */
#include "bridge/state_topic.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

#define ADMIN_TIMEOUT_MS 5000
#define SETTLE_US        (2 * AQ_SEC)
#define CLOSE_MS         3000

/* ---- the state topic ---------------------------------------------------------------------------------------------- */

static int create_state_topic(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *sink,
                              struct aq_err *err)
{
    const struct kc_config_entry configs[] = {
        {"cleanup.policy", "compact"},
        {"segment.bytes", "1048576"},
        {"min.cleanable.dirty.ratio", "0.1"},
        {"max.compaction.lag.ms", "600000"},
    };
    const struct kc_topic_spec spec = {.name = route->state_topic,
                                       .partitions = (int32_t)route->tasks,
                                       .replication_factor = (int32_t)route->replication_factor,
                                       .configs = configs,
                                       .n_configs = sizeof(configs) / sizeof(configs[0])};
    int rc = ops->admin_create_topic(sink, &spec, ADMIN_TIMEOUT_MS, err);
    if (rc == 0)
        aq_log(AQ_INFO, "state topic created", aq_fs("route", route->name),
               aq_fs("topic", route->state_topic), aq_fi("tasks", route->tasks));
    return rc == AQ_E_EXISTS ? 0 : rc;
}

static int ensure_state_topic(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *sink,
                              struct aq_err *err)
{
    struct kc_topics topics = {0};
    int rc = ops->admin_topics(sink, ADMIN_TIMEOUT_MS, &topics, err);
    if (rc != 0) return rc;
    int32_t partitions = 0;
    for (size_t i = 0; i < topics.count; i++)
        if (strcmp(topics.list[i].name, route->state_topic) == 0) partitions = topics.list[i].partitions;
    aq_arena_finish(&topics.arena);
    if (partitions == 0) return create_state_topic(ops, route, sink, err);
    if (partitions != route->tasks)
        return aq_fail(
            err, AQ_E_STATE,
            "state topic %s has %d partitions but route %s has tasks = %lld; the number is fixed when the route "
            "first runs: set tasks = %d, or use another route name to begin anew",
            route->state_topic, partitions, route->name, (long long)route->tasks, partitions);
    return 0;
}

int br_state_topic_writer(const struct kc_ops *ops, const struct br_route *route, struct kc_producer **ret,
                          struct aq_err *err)
{
    const struct kc_producer_conf conf = {.client_id = "aqueduct-state",
                                          .delivery_timeout_ms = ADMIN_TIMEOUT_MS,
                                          .batch_bytes = 65536,
                                          .queue_bytes = 1 << 20,
                                          .compression = "none"};
    return ops->producer_open(route->sink, &conf, ret, err);
}

void br_state_topic_writer_close(const struct kc_ops *ops, struct kc_producer *writer)
{
    struct aq_batch *none = NULL;
    ops->producer_close(writer, CLOSE_MS, &none);
    AQ_ASSERT(none == NULL);
}

int br_state_topic_append(const struct kc_ops *ops, const struct br_route *route, struct kc_producer *writer,
                          int32_t task, struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                          struct aq_err *err)
{
    *ack = (struct kc_ack){.offset = -1};
    int rc = ops->producer_send_own(writer, route->state_topic, task, key, value, ack, err);
    int64_t deadline = aq_mono_us() + ADMIN_TIMEOUT_MS * AQ_MS;
    while (rc == 0 && !ack->done && aq_mono_us() < deadline) {
        struct kc_drained drained = {0};
        ops->producer_drain(writer, 50, &drained);
    }
    if (rc != 0) return rc;
    if (!ack->done)
        return aq_fail(err, AQ_E_TIMEOUT, "topic %s[%d] did not take a record in time", route->state_topic,
                       task);
    if (ack->code != 0)
        return aq_fail(err, ack->code, "topic %s[%d] did not take a record: %s", route->state_topic, task,
                       ops->producer_failure(writer)->text);
    AQ_ASSERT(ack->offset >= 0);
    return 0;
}

static int write_facts(const struct kc_ops *ops, const struct br_route *route,
                       const struct kc_route_facts *facts, struct aq_err *err)
{
    struct kc_producer *writer;
    int rc = br_state_topic_writer(ops, route, &writer, err);
    if (rc != 0) return rc;
    struct aq_arena arena;
    struct kc_ack ack;
    aq_arena_init(&arena, 1024);
    rc = br_state_topic_append(ops, route, writer, 0, AQ_LIT(KC_ROUTE_KEY), kc_facts_encode(facts, &arena),
                               &ack, err);
    br_state_topic_writer_close(ops, writer);
    aq_arena_finish(&arena);
    return rc;
}

int br_state_topic_facts(const struct kc_ops *ops, const struct br_route *route, int64_t low, int64_t high,
                         struct aq_arena *arena, struct kc_route_facts *ret, bool *ret_found,
                         struct aq_err *err)
{
    struct kc_reader *reader;
    *ret_found = false;
    if (high <= low) return 0;
    int rc = ops->reader_open(route->sink, "aqueduct-state", route->group, &reader, err);
    if (rc != 0) return rc;
    struct kc_stored stored = {.partition = 0, .offset = low};
    /* Nearly always the first record there is; else (compaction, a race of two first starts) look for it. */
    rc = ops->reader_read(reader, route->state_topic, &stored, 1, ADMIN_TIMEOUT_MS, arena, err);
    if (rc != 0 || !aq_slice_equal(stored.key, AQ_LIT(KC_ROUTE_KEY)))
        rc = ops->reader_scan_last(reader, route->state_topic, 0, AQ_LIT(KC_ROUTE_KEY), high,
                                   ADMIN_TIMEOUT_MS, arena, &stored, err);
    ops->reader_close(reader, CLOSE_MS);
    *ret_found = rc == 0 && stored.offset >= 0;
    return *ret_found ? kc_facts_decode(stored.value, arena, ret, err) : rc;
}

/* Leaders of a topic that was created a moment ago are still settling: not an answer yet, and the start is tried again as
 * long as a cluster may take to answer. */
static int settled_watermarks(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *sink,
                              int64_t *low, int64_t *high, struct aq_err *err)
{
    int64_t deadline = aq_mono_us() + SETTLE_US;
    for (;;) {
        int rc = ops->admin_watermarks(sink, route->state_topic, 0, ADMIN_TIMEOUT_MS, low, high, err);
        if (rc != AQ_E_UNKNOWN_TOPIC && (rc == 0 || aq_code_class(rc) != AQ_CLASS_RETRY)) return rc;
        if (aq_mono_us() > deadline) return err->code = AQ_E_AGAIN;
        aq_sleep_ms(10);
    }
}

int br_state_topic_prepare(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *sink,
                           struct kc_route_facts *facts, struct aq_err *err)
{
    int rc = ensure_state_topic(ops, route, sink, err);
    if (rc != 0) return rc;
    int64_t low = 0, high = 0;
    rc = settled_watermarks(ops, route, sink, &low, &high, err);
    if (rc != 0) return rc;
    if (high == 0) return write_facts(ops, route, facts, err);
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct kc_route_facts stored = {0};
    bool found = false;
    rc = br_state_topic_facts(ops, route, low, high, &arena, &stored, &found, err);
    if (rc == 0 && !found)
        rc = write_facts(ops, route, facts, err);
    else if (rc == 0)
        rc = kc_facts_check(&stored, facts, err);
    if (rc == 0 && found) facts->created_ms = stored.created_ms;
    aq_arena_finish(&arena);
    return rc == 0 ? 0 : aq_err_in(err, "state topic %s", route->state_topic);
}

/* ---- topics records go to ----------------------------------------------------------------------------------------- */

/* What a sink topic must share with its source for the copy to be one: how old records go, and how large they may be.
 * Everything else is the sink operator's. */
static const char *const copied_configs[] = {"cleanup.policy", "retention.ms", "retention.bytes",
                                             "max.message.bytes"};
#define N_COPIED (sizeof(copied_configs) / sizeof(copied_configs[0]))

static size_t copy_configs(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *source,
                           const char *source_topic, struct aq_arena *arena, struct kc_config_entry *ret)
{
    struct kc_config_entry entries[N_COPIED];
    for (size_t i = 0; i < N_COPIED; i++) entries[i] = (struct kc_config_entry){copied_configs[i], NULL};
    struct aq_err err;
    if (ops->admin_topic_configs(source, source_topic, entries, N_COPIED, arena, ADMIN_TIMEOUT_MS, &err) !=
        0) {
        aq_log(AQ_WARN,
               "configs of the source topic cannot be read; the sink topic gets its cluster's defaults",
               aq_fs("route", route->name), aq_fs("topic", source_topic), aq_fs("reason", err.text));
        return 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < N_COPIED; i++)
        if (entries[i].value) ret[n++] = entries[i];
    return n;
}

/* topic_configs = ["name=value"] win over what was copied. */
static size_t add_own_configs(const struct br_route *route, struct aq_arena *arena,
                              struct kc_config_entry *list, size_t n)
{
    for (size_t i = 0; i < route->topic_configs.count; i++) {
        char *name = aq_arena_strdup(arena, route->topic_configs.items[i]);
        char *equals = strchr(name, '=');
        AQ_ASSERT(equals != NULL); /* checked when the route was read */
        *equals = 0;
        size_t at = 0;
        while (at < n && strcmp(list[at].name, name) != 0) at++;
        list[at] = (struct kc_config_entry){name, equals + 1};
        if (at == n) n++;
    }
    return n;
}

static int32_t create_sink_topic(const struct kc_ops *ops, const struct br_route *route,
                                 struct kc_admin *source, struct kc_admin *sink,
                                 const struct kc_sink_topic *wanted, struct aq_err *err)
{
    if (!route->create_topics)
        return aq_fail(
            err, AQ_E_UNKNOWN_TOPIC,
            "topic %s does not exist on cluster %s and create_topics = false: create it with %d partitions",
            wanted->name, route->sink->name, wanted->wanted);
    struct aq_arena arena;
    aq_arena_init(&arena, 2048);
    struct kc_config_entry *configs =
        aq_arena_alloc(&arena, (N_COPIED + route->topic_configs.count) * sizeof(*configs));
    size_t n = 0;
    if (route->copy_configs && wanted->copy_from[0])
        n = copy_configs(ops, route, source, wanted->copy_from, &arena, configs);
    n = add_own_configs(route, &arena, configs, n);
    const struct kc_topic_spec spec = {.name = wanted->name,
                                       .partitions = wanted->wanted,
                                       .replication_factor = (int32_t)route->replication_factor,
                                       .configs = configs,
                                       .n_configs = n};
    int rc = ops->admin_create_topic(sink, &spec, ADMIN_TIMEOUT_MS, err);
    aq_arena_finish(&arena);
    if (rc == AQ_E_EXISTS)
        return aq_fail(err, AQ_E_AGAIN, "topic %s was created by somebody else just now", wanted->name);
    if (rc != 0) return rc;
    aq_log(AQ_INFO, "sink topic created", aq_fs("route", route->name), aq_fs("topic", wanted->name),
           aq_fi("partitions", wanted->wanted));
    return wanted->wanted;
}

int32_t br_sink_topic_provide(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *source,
                              struct kc_admin *sink, const struct kc_sink_topic *wanted, struct aq_err *err)
{
    if (wanted->partitions == 0) return create_sink_topic(ops, route, source, sink, wanted, err);
    if (route->partitioning != BR_PARTITION_SOURCE) return wanted->partitions;
    if (!route->grow_topics)
        return aq_fail(
            err, AQ_E_MISMATCH,
            "topic %s has %d partitions on cluster %s but its source has %d; add partitions, or set "
            "grow_topics = true, or partition = \"key\"",
            wanted->name, wanted->partitions, route->sink->name, wanted->wanted);
    int rc = ops->admin_grow_topic(sink, wanted->name, wanted->wanted, ADMIN_TIMEOUT_MS, err);
    if (rc != 0) return rc;
    aq_log(AQ_INFO, "sink topic grown", aq_fs("route", route->name), aq_fs("topic", wanted->name),
           aq_fi("from", wanted->partitions), aq_fi("to", wanted->wanted));
    return wanted->wanted;
}
