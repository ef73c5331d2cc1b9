/* SPDX-License-Identifier: Apache-2.0
 *
 * Creating and growing the topics records go to (bridge/sink_topic.h).
 */
#include "bridge/sink_topic.h"

#include "base/assert.h"
#include "base/log.h"

#define ADMIN_TIMEOUT_MS 5000

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
