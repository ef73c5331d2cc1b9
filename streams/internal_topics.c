/* SPDX-License-Identifier: Apache-2.0
 *
 * Repartition topics and changelogs (streams/internal_topics.h). Their settings are those of Kafka Streams' RepartitionTopicConfig,
 * UnwindowedUnversionedChangelogTopicConfig and WindowedChangelogTopicConfig: what is written to a repartition is kept until it is purged,
 * in segments small enough for that; a changelog is compacted, and keeps deletions as long as Kafka's default says; both have the timestamps we give them.
 */
#include "streams/internal_topics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/state/stores.h"

#define ADMIN_TIMEOUT_MS 10000

/* ---- what there must be ------------------------------------------------------------------------------------------- */

/* One internal topic: of a repartition, or a store's changelog. */
struct wanted {
    const char *topic;
    const struct st_node *repartition; /* or */
    const struct st_store *store;
    int32_t partitions; /* 0: not known yet */
};

static int32_t changelog_count(const struct st_tasks *tasks, const struct st_store *store)
{
    for (size_t i = 0; i < tasks->plan->n_subtopologies; i++) {
        const struct st_subtopology_tasks *sub = &tasks->subtopologies[i];
        for (size_t k = 0; k < sub->subtopology->n_stores; k++)
            if (sub->subtopology->stores[k] == store) return sub->tasks;
    }
    return 0;
}

/* Number `i` of them; false behind the last one. Those without a topic or a count of their own have partitions 0. */
static bool nth_wanted(const struct st_tasks *tasks, size_t i, struct wanted *ret)
{
    const struct st_topology *topology = tasks->plan->topology;
    *ret = (struct wanted){0};
    if (i >= topology->n_nodes + topology->n_stores) return false;
    if (i < topology->n_nodes) {
        const struct st_node *node = topology->nodes[i];
        if (node->type != ST_REPARTITION) return true;
        *ret = (struct wanted){
            .topic = node->topic, .repartition = node, .partitions = st_repartition_count(tasks, node)};
        return true;
    }
    const struct st_store *store = topology->stores[i - topology->n_nodes];
    if (!store->changelog) return true;
    *ret = (struct wanted){
        .topic = store->changelog, .store = store, .partitions = changelog_count(tasks, store)};
    return true;
}

static const char *noun_of(const struct wanted *wanted)
{
    return wanted->store ? "store" : "repartition";
}

static const char *name_of(const struct wanted *wanted)
{
    return wanted->store ? wanted->store->name : wanted->repartition->name;
}

/* ---- making it ---------------------------------------------------------------------------------------------------- */

/* Settings of a changelog: compacted, with deletions that stay as long as st_kept_check() goes by; that of a window store loses what is too old, some time after the store has. */
static size_t changelog_configs(const struct st_settings *settings, const struct st_store *store,
                                struct kc_config_entry *configs, char *retention, size_t size)
{
    configs[0] = (struct kc_config_entry){"message.timestamp.type", "CreateTime"};
    configs[1] = (struct kc_config_entry){"cleanup.policy", "compact"};
    configs[2] = (struct kc_config_entry){"delete.retention.ms", ST_TOMBSTONES_TEXT};
    if (store->conf.retention_ms == 0) return 3;
    snprintf(retention, size, "%" PRId64, store->conf.retention_ms + settings->additional_retention_ms);
    configs[1].value = "compact,delete";
    configs[3] = (struct kc_config_entry){"retention.ms", retention};
    return 4;
}

static size_t repartition_configs(struct kc_config_entry *configs)
{
    configs[0] = (struct kc_config_entry){"message.timestamp.type", "CreateTime"};
    configs[1] = (struct kc_config_entry){"cleanup.policy", "delete"};
    configs[2] = (struct kc_config_entry){"retention.ms", "-1"};
    configs[3] = (struct kc_config_entry){"segment.bytes", "52428800"};
    return 4;
}

static int create(const struct kc_ops *ops, struct kc_admin *admin, const struct st_settings *settings,
                  const struct wanted *wanted, struct aq_err *err)
{
    char retention[32];
    struct kc_config_entry configs[4];
    struct kc_topic_spec spec = {.name = wanted->topic,
                                 .partitions = wanted->partitions,
                                 .replication_factor = (int32_t)settings->replication_factor,
                                 .configs = configs};
    spec.n_configs = wanted->store
                         ? changelog_configs(settings, wanted->store, configs, retention, sizeof(retention))
                         : repartition_configs(configs);
    int rc = ops->admin_create_topic(admin, &spec, ADMIN_TIMEOUT_MS, err);
    if (rc == AQ_E_EXISTS) return 0; /* another instance was faster; the next round compares the counts */
    if (rc != 0) return aq_err_in(err, "%s '%s'", noun_of(wanted), name_of(wanted));
    aq_log(AQ_INFO, wanted->store ? "changelog topic created" : "repartition topic created",
           aq_fs("application", settings->application_id), aq_fs("topic", wanted->topic),
           aq_fi("partitions", wanted->partitions));
    return 1;
}

static int differs(const struct st_settings *settings, const struct wanted *wanted, int32_t has,
                   struct aq_err *err)
{
    return aq_fail(
        err, AQ_E_STATE,
        "%s '%s': topic %s has %d partitions and must have %d, because the topics in front of it%s have changed. "
        "Stop every instance of %s and run `aqueduct streams reset`, which deletes it, or restore what was changed",
        noun_of(wanted), name_of(wanted), wanted->topic, has, wanted->partitions,
        wanted->store ? "" : " or its own `partitions`", settings->application_id);
}

int st_internal_topics_ensure(const struct kc_ops *ops, struct kc_admin *admin,
                              const struct st_settings *settings, const struct st_tasks *tasks,
                              const struct kc_topics *seen, int *ret_created, struct aq_err *err)
{
    AQ_ASSERT(tasks && seen);
    struct wanted wanted;
    *ret_created = 0;
    for (size_t i = 0; nth_wanted(tasks, i, &wanted); i++) {
        if (wanted.partitions <= 0) continue;
        int32_t has = kc_topics_partitions(seen, wanted.topic);
        if (has == wanted.partitions) continue;
        if (has > 0) return differs(settings, &wanted, has, err);
        int rc = create(ops, admin, settings, &wanted, err);
        if (rc < 0) return rc;
        *ret_created += rc;
    }
    return 0;
}

bool st_internal_topics_differ(const struct st_tasks *tasks, const struct kc_topics *seen,
                               const char **ret_topic)
{
    struct wanted wanted;
    for (size_t i = 0; nth_wanted(tasks, i, &wanted); i++) {
        if (wanted.partitions <= 0) continue;
        int32_t has = kc_topics_partitions(seen, wanted.topic);
        if (has == 0 || has == wanted.partitions) continue;
        *ret_topic = wanted.topic;
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
