/* SPDX-License-Identifier: Apache-2.0
 *
 * Topics of a simulated cluster: their partitions' logs, their ids and the configs they were made with.
 *
 * Ordinary pass: names are looked up by bisection, and the topic found last is tried first: records come in runs.
 * Failing pass: a deleted topic's logs are marked, so that whoever still holds one (a consumer between two polls, an open
 * transaction) notices; its committed offsets go with it, as on a broker. A topic made anew under the name has another id.
 *
 * Invariants: topics are sorted by name; logs[0, partitions) are never NULL.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/world.h"
#include "kafka/topic_config.h"

#define NAME_MAX_LEN 249

/* ---- finding -------------------------------------------------------------------------------------------------------- */

/* Where a topic of this name stands, or would. */
static size_t place_of(const struct sim_cluster *cluster, const char *name)
{
    size_t low = 0;
    size_t high = cluster->n_topics;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(cluster->topics[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct sim_topic *sim_topic_find(struct sim_cluster *cluster, const char *name)
{
    AQ_ASSERT(name);
    if (cluster->last_topic && strcmp(cluster->last_topic->name, name) == 0) return cluster->last_topic;
    size_t i = place_of(cluster, name);
    if (i == cluster->n_topics || strcmp(cluster->topics[i]->name, name) != 0) return NULL;
    cluster->last_topic = cluster->topics[i];
    return cluster->last_topic;
}

struct sim_log *sim_log_find(struct sim_cluster *cluster, const char *topic, int32_t partition)
{
    struct sim_topic *found = sim_topic_find(cluster, topic);
    return found && partition >= 0 && partition < found->partitions ? found->logs[partition] : NULL;
}

int32_t sim_topic_partitions(struct sim_cluster *cluster, const char *topic)
{
    const struct sim_topic *found = sim_topic_find(cluster, topic);
    return found ? found->partitions : 0;
}

const char *sim_topic_config(const struct sim_topic *topic, const char *name)
{
    for (size_t i = 0; i < topic->n_configs; i++)
        if (strcmp(topic->configs[i].name, name) == 0) return topic->configs[i].value;
    return NULL;
}

/* ---- creating and growing ------------------------------------------------------------------------------------------- */

static bool is_good_name(const char *name)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(name);
    if (len == 0 || len > NAME_MAX_LEN || strspn(name, legal) != len) return false;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int check_spec(const struct sim_cluster *cluster, const struct kc_topic_spec *spec, struct aq_err *err)
{
    if (!is_good_name(spec->name)) {
        return aq_fail(err, AQ_E_CONFIG, "cannot create topic '%s' of cluster %s: not a name for a topic",
                       spec->name, cluster->name);
    }
    if (spec->replication_factor == 0 || spec->replication_factor < -1 || spec->replication_factor > 3) {
        return aq_fail(err, AQ_E_CONFIG, "cannot create topic %s of cluster %s: replication factor %d",
                       spec->name, cluster->name, spec->replication_factor);
    }
    for (size_t i = 0; i < spec->n_configs; i++) {
        if (kc_topic_config_is_known(spec->configs[i].name) && spec->configs[i].value) continue;
        return aq_fail(err, AQ_E_CONFIG, "cannot create topic %s of cluster %s: unknown config %s",
                       spec->name, cluster->name, spec->configs[i].name);
    }
    return 0;
}

static void add_logs(struct sim_topic *topic, int32_t partitions)
{
    AQ_ASSERT(partitions > topic->partitions);
    topic->logs = aq_realloc(topic->logs, (size_t)partitions * sizeof(struct sim_log *));
    while (topic->partitions < partitions) topic->logs[topic->partitions++] = sim_log_new();
}

static struct sim_topic *make_topic(struct sim_cluster *cluster, const struct kc_topic_spec *spec)
{
    struct sim_topic *topic = aq_calloc(1, sizeof(*topic));
    topic->name = aq_strdup(spec->name);
    sim_random_id(cluster->sim, topic->id);
    add_logs(topic, spec->partitions);
    topic->n_configs = spec->n_configs;
    topic->configs = aq_calloc(spec->n_configs + 1, sizeof(*topic->configs));
    for (size_t i = 0; i < spec->n_configs; i++) {
        topic->configs[i].name = aq_strdup(spec->configs[i].name);
        topic->configs[i].value = aq_strdup(spec->configs[i].value);
    }
    const char *max = sim_topic_config(topic, "max.message.bytes");
    topic->max_message_bytes = max ? strtoll(max, NULL, 10) : SIM_MAX_MESSAGE_BYTES;
    const char *ahead = sim_topic_config(topic, "message.timestamp.after.max.ms");
    if (!ahead) ahead = sim_topic_config(topic, "message.timestamp.difference.max.ms");
    topic->max_ahead_ms = ahead ? strtoll(ahead, NULL, 10) : INT64_MAX;
    const char *type = sim_topic_config(topic, "message.timestamp.type");
    topic->append_time = type && strcmp(type, "LogAppendTime") == 0;
    return topic;
}

int sim_topic_create(struct sim_cluster *cluster, const struct kc_topic_spec *spec, struct aq_err *err)
{
    AQ_ASSERT(spec->name && spec->partitions > 0);
    int code = check_spec(cluster, spec, err);
    if (code) return code;
    if (sim_topic_find(cluster, spec->name)) {
        return aq_fail(err, AQ_E_EXISTS, "cannot create topic %s of cluster %s: it is there already",
                       spec->name, cluster->name);
    }
    if (cluster->n_topics == cluster->cap_topics) {
        cluster->cap_topics = cluster->cap_topics ? cluster->cap_topics * 2 : 16;
        cluster->topics = aq_realloc(cluster->topics, cluster->cap_topics * sizeof(struct sim_topic *));
    }
    size_t at = place_of(cluster, spec->name);
    memmove(&cluster->topics[at + 1], &cluster->topics[at],
            (cluster->n_topics - at) * sizeof(struct sim_topic *));
    cluster->topics[at] = make_topic(cluster, spec);
    cluster->n_topics++;
    return 0;
}

int sim_topic_grow(struct sim_cluster *cluster, const char *name, int32_t partitions, struct aq_err *err)
{
    struct sim_topic *topic = sim_topic_find(cluster, name);
    if (!topic) {
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC,
                       "cannot add partitions to topic %s of cluster %s: unknown topic", name, cluster->name);
    }
    if (partitions <= topic->partitions) {
        return aq_fail(err, AQ_E_CONFIG, "cannot add partitions to topic %s of cluster %s: it has %d already",
                       name, cluster->name, topic->partitions);
    }
    add_logs(topic, partitions);
    return 0;
}

/* ---- deleting ------------------------------------------------------------------------------------------------------- */

static void free_topic(struct sim_topic *topic)
{
    for (int32_t i = 0; i < topic->partitions; i++) {
        topic->logs[i]->deleted = true;
        sim_log_unref(topic->logs[i]);
    }
    for (size_t i = 0; i < topic->n_configs; i++) {
        free((char *)topic->configs[i].name);
        free((char *)topic->configs[i].value);
    }
    sim_read_finish(topic->read);
    free(topic->configs);
    free(topic->logs);
    free(topic->name);
    free(topic);
}

int sim_topic_delete(struct sim_cluster *cluster, const char *name, struct aq_err *err)
{
    struct sim_topic *topic = sim_topic_find(cluster, name);
    if (!topic) {
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "cannot delete topic %s of cluster %s: unknown topic", name,
                       cluster->name);
    }
    size_t at = place_of(cluster, name);
    AQ_ASSERT(cluster->topics[at] == topic);
    cluster->last_topic = NULL;
    cluster->n_topics--;
    memmove(&cluster->topics[at], &cluster->topics[at + 1],
            (cluster->n_topics - at) * sizeof(struct sim_topic *));
    sim_offsets_forget_topic(cluster, topic->name);
    free_topic(topic);
    return 0;
}

void sim_topics_finish(struct sim_cluster *cluster)
{
    for (size_t i = 0; i < cluster->n_topics; i++) free_topic(cluster->topics[i]);
    free(cluster->topics);
    cluster->topics = NULL;
    cluster->n_topics = 0;
}
