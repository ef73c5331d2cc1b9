/* SPDX-License-Identifier: Apache-2.0
 *
 * Repartition topics (streams/internal_topics.h). Their settings are those of Kafka Streams' RepartitionTopicConfig: records are kept until
 * they are purged, in segments small enough for that, with the timestamps we give them.
 */
#include "streams/internal_topics.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#define ADMIN_TIMEOUT_MS 10000

static int create(const struct kc_ops *ops, struct kc_admin *admin, const struct st_settings *settings,
                  const struct st_node *node, int32_t partitions, struct aq_err *err)
{
    static const struct kc_config_entry configs[] = {
        {"cleanup.policy", "delete"},
        {"retention.ms", "-1"},
        {"segment.bytes", "52428800"},
        {"message.timestamp.type", "CreateTime"},
    };
    const struct kc_topic_spec spec = {.name = node->topic,
                                       .partitions = partitions,
                                       .replication_factor = (int32_t)settings->replication_factor,
                                       .configs = configs,
                                       .n_configs = sizeof(configs) / sizeof(configs[0])};
    int rc = ops->admin_create_topic(admin, &spec, ADMIN_TIMEOUT_MS, err);
    if (rc == AQ_E_EXISTS) return 0; /* another instance was faster; the next round compares the counts */
    if (rc != 0) return aq_err_in(err, "repartition '%s'", node->name);
    aq_log(AQ_INFO, "repartition topic created", aq_fs("application", settings->application_id),
           aq_fs("topic", node->topic), aq_fi("partitions", partitions));
    return 1;
}

static int differs(const struct st_settings *settings, const struct st_node *node, int32_t has,
                   int32_t expected, struct aq_err *err)
{
    return aq_fail(
        err, AQ_E_STATE,
        "repartition '%s': topic %s has %d partitions and must have %d, because the topics in front of it or "
        "its own `partitions` have changed. Stop every instance of %s and run `aqueduct streams reset`, "
        "which deletes it, or restore what was changed",
        node->name, node->topic, has, expected, settings->application_id);
}

int st_internal_topics_ensure(const struct kc_ops *ops, struct kc_admin *admin,
                              const struct st_settings *settings, const struct st_tasks *tasks,
                              const struct kc_topics *seen, int *ret_created, struct aq_err *err)
{
    AQ_ASSERT(tasks && seen);
    const struct st_topology *topology = tasks->plan->topology;
    *ret_created = 0;
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (node->type != ST_REPARTITION) continue;
        int32_t expected = st_repartition_count(tasks, node), has = kc_topics_partitions(seen, node->topic);
        if (has == expected || expected <= 0) continue;
        if (has > 0) return differs(settings, node, has, expected, err);
        int rc = create(ops, admin, settings, node, expected, err);
        if (rc < 0) return rc;
        *ret_created += rc;
    }
    return 0;
}

bool st_internal_topics_differ(const struct st_tasks *tasks, const struct kc_topics *seen,
                               const struct st_node **ret_node)
{
    const struct st_topology *topology = tasks->plan->topology;
    for (size_t i = 0; i < topology->n_nodes; i++) {
        const struct st_node *node = topology->nodes[i];
        if (node->type != ST_REPARTITION) continue;
        int32_t has = kc_topics_partitions(seen, node->topic);
        if (has == 0 || has == st_repartition_count(tasks, node)) continue;
        *ret_node = node;
        return true;
    }
    return false;
}

/* ---- purging ------------------------------------------------------------------------------------------------------ */

void st_purge_init(struct st_purge *purge)
{
    *purge = (struct st_purge){0};
    pthread_mutex_init(&purge->lock, NULL);
}

void st_purge_finish(struct st_purge *purge)
{
    for (size_t i = 0; i < purge->count; i++) free((char *)purge->list[i].topic);
    free(purge->list);
    free(purge->done);
    pthread_mutex_destroy(&purge->lock);
}

static size_t find_or_add(struct st_purge *purge, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < purge->count; i++)
        if (purge->list[i].partition == partition && strcmp(purge->list[i].topic, topic) == 0) return i;
    if (purge->count == purge->cap) {
        purge->cap = purge->cap ? purge->cap * 2 : 16;
        purge->list = aq_realloc(purge->list, purge->cap * sizeof(*purge->list));
        purge->done = aq_realloc(purge->done, purge->cap * sizeof(*purge->done));
    }
    purge->done[purge->count] = 0;
    purge->list[purge->count] = (struct kc_before){.topic = aq_strdup(topic), .partition = partition};
    return purge->count++;
}

void st_purge_note(struct st_purge *purge, const char *topic, int32_t partition, int64_t offset)
{
    pthread_mutex_lock(&purge->lock);
    size_t i = find_or_add(purge, topic, partition);
    if (offset > purge->list[i].offset) purge->list[i].offset = offset;
    pthread_mutex_unlock(&purge->lock);
}

/* A copy of what is to be deleted, so that no lock is held while the brokers work. */
static size_t copy_due(struct st_purge *purge, struct kc_before *due)
{
    size_t n = 0;
    for (size_t i = 0; i < purge->count; i++)
        if (purge->list[i].offset > purge->done[i]) due[n++] = purge->list[i];
    return n;
}

static void note_done(struct st_purge *purge, const struct kc_before *done, size_t n)
{
    pthread_mutex_lock(&purge->lock);
    for (size_t i = 0; i < n; i++)
        purge->done[find_or_add(purge, done[i].topic, done[i].partition)] = done[i].offset;
    pthread_mutex_unlock(&purge->lock);
}

int st_purge_run(struct st_purge *purge, const struct kc_ops *ops, struct kc_admin *admin, int64_t now,
                 int64_t interval_us, struct aq_err *err)
{
    if (now < purge->due_us) return 0;
    purge->due_us = now + interval_us;
    pthread_mutex_lock(&purge->lock);
    struct kc_before *due = aq_calloc(purge->count + 1, sizeof(*due));
    size_t n = copy_due(purge, due);
    pthread_mutex_unlock(&purge->lock);
    int rc = n > 0 ? ops->admin_delete_records(admin, due, n, ADMIN_TIMEOUT_MS, err) : 0;
    if (rc == 0) note_done(purge, due, n);
    free(due);
    return rc;
}
