/* SPDX-License-Identifier: Apache-2.0
 *
 * For drivers: topics and records without a client.
 *
 * Reading a topic numbers its readable records once and for all: each call takes up where the last one stopped in every
 * partition, and puts what has become readable meanwhile behind what is numbered, in the order of writing. Numbered
 * records are pinned, so deleting records renumbers nothing.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

struct numbered {
    struct sim_segment *segment;
    struct sim_entry *entry;
    int32_t partition;
};

struct sim_read {
    struct numbered *list;
    size_t n;
    size_t cap;
    int64_t *next; /* of each partition: first offset not looked at */
    int32_t partitions;
};

int kc_sim_create_topic(const struct kc_cluster *cluster, const char *topic, int32_t partitions,
                        const struct kc_config_entry *configs, size_t n_configs, struct aq_err *err)
{
    struct sim_cluster *found = sim_cluster_of(cluster, err);
    if (!found) return AQ_E_UNREACHABLE;
    const struct kc_topic_spec spec = {.name = topic,
                                       .partitions = partitions,
                                       .replication_factor = -1,
                                       .configs = configs,
                                       .n_configs = n_configs};
    return sim_topic_create(found, &spec, err);
}

static int find_topic(const struct kc_cluster *cluster, const char *topic, struct sim_topic **ret,
                      struct sim_cluster **ret_cluster, struct aq_err *err)
{
    *ret_cluster = sim_cluster_of(cluster, err);
    if (!*ret_cluster) return AQ_E_UNREACHABLE;
    *ret = sim_topic_find(*ret_cluster, topic);
    if (*ret) return 0;
    return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "cluster %s has no topic %s", cluster->name, topic);
}

/* ---- appending ------------------------------------------------------------------------------------------------------ */

static int32_t choose_partition(struct sim_topic *topic, const struct kc_sim_record *rec)
{
    if (rec->partition >= 0) return rec->partition;
    if (!aq_slice_is_null(rec->key)) return aq_partition_for_key(rec->key, topic->partitions);
    return topic->next_keyless++ % topic->partitions;
}

int kc_sim_append(const struct kc_cluster *cluster, const char *topic, struct kc_sim_record *rec,
                  struct aq_err *err)
{
    struct sim_topic *found;
    struct sim_cluster *home;
    int code = find_topic(cluster, topic, &found, &home, err);
    if (code) return code;
    int32_t partition = choose_partition(found, rec);
    if (partition >= found->partitions)
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "topic %s has no partition %d", topic, partition);
    struct sim_entry entry = {
        .kind = SIM_DATA,
        .producer_id = -1,
        .key = rec->key,
        .value = rec->value,
        .headers = (struct aq_header *)rec->headers,
        .n_headers = rec->n_headers,
        .timestamp = found->append_time ? sim_wall_ms(home) : rec->timestamp,
        .append_time = found->append_time,
    };
    if (sim_entry_size(&entry) > found->max_message_bytes) {
        return aq_fail(err, AQ_E_TOO_LARGE, "record for %s[%d] is larger than its max.message.bytes", topic,
                       partition);
    }
    entry.seq = home->sim->seq++;
    rec->partition = partition;
    rec->offset = sim_log_append(found->logs[partition], &entry);
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static int by_seq(const void *a, const void *b)
{
    uint64_t one = ((const struct numbered *)a)->entry->seq;
    uint64_t other = ((const struct numbered *)b)->entry->seq;
    return (one > other) - (one < other);
}

static void number(struct sim_read *read, struct sim_segment *segment, struct sim_entry *entry,
                   int32_t partition)
{
    if (read->n == read->cap) {
        read->cap = read->cap ? read->cap * 2 : 64;
        read->list = aq_realloc(read->list, read->cap * sizeof(*read->list));
    }
    read->list[read->n++] = (struct numbered){sim_segment_ref(segment), entry, partition};
}

static void number_partition(struct sim_read *read, const struct sim_log *log, int32_t partition)
{
    int64_t end = sim_log_stable_end(log);
    int64_t *next = &read->next[partition];
    if (*next < log->start) *next = log->start;
    while (*next < end) {
        struct sim_segment *segment = sim_log_segment(log, *next);
        for (int64_t i = *next - segment->base; i < segment->n && *next < end; i++, ++*next) {
            struct sim_entry *entry = &segment->entries[i];
            if (sim_entry_visible(entry, true)) number(read, segment, entry, partition);
        }
    }
}

static void number_new(struct sim_topic *topic)
{
    if (!topic->read) topic->read = aq_calloc(1, sizeof(*topic->read));
    struct sim_read *read = topic->read;
    if (read->partitions < topic->partitions) {
        read->next = aq_realloc(read->next, (size_t)topic->partitions * sizeof(*read->next));
        while (read->partitions < topic->partitions) read->next[read->partitions++] = 0;
    }
    size_t before = read->n;
    for (int32_t i = 0; i < topic->partitions; i++) number_partition(read, topic->logs[i], i);
    if (read->n > before + 1) qsort(read->list + before, read->n - before, sizeof(*read->list), by_seq);
}

int kc_sim_read(const struct kc_cluster *cluster, const char *topic, size_t from, struct kc_sim_record *list,
                size_t max, struct aq_err *err)
{
    struct sim_topic *found;
    struct sim_cluster *home;
    int code = find_topic(cluster, topic, &found, &home, err);
    if (code) return code;
    number_new(found);
    const struct sim_read *read = found->read;
    size_t n = 0;
    for (; n < max && from + n < read->n; n++) {
        const struct numbered *one = &read->list[from + n];
        const struct sim_entry *entry = one->entry;
        list[n] = (struct kc_sim_record){
            .partition = one->partition,
            .offset = one->segment->base + (entry - one->segment->entries),
            .key = entry->key,
            .value = entry->value,
            .headers = entry->headers,
            .n_headers = entry->n_headers,
            .timestamp = entry->timestamp,
        };
    }
    AQ_ASSERT(n <= INT32_MAX);
    return (int)n;
}

void sim_read_finish(struct sim_read *read)
{
    if (!read) return;
    for (size_t i = 0; i < read->n; i++) sim_segment_unref(read->list[i].segment);
    free(read->list);
    free(read->next);
    free(read);
}
