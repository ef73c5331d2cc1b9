/* SPDX-License-Identifier: Apache-2.0
 *
 * The state reader: committed pointers, and the records they point to.
 *
 * Ordinary pass: everything is there and answered at once.
 * Failing pass: an unstable pointer is told as such, at once (asking again is the caller's part). A record behind an open
 * transaction is waited for: the clock moves until the transaction has ended by its time-out, or the call's time is over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

struct kc_reader {
    struct sim_cluster *cluster;
    char *group_id;
    struct kc_seen_versions seen;
};

int sim_reader_open(const struct kc_cluster *cluster, const char *client_id, const char *group_id,
                    struct kc_reader **ret, struct aq_err *err)
{
    (void)client_id;
    AQ_ASSERT(group_id);
    struct sim_cluster *found = sim_handle_open(cluster, err);
    if (!found) return AQ_E_UNREACHABLE;
    struct kc_reader *reader = aq_calloc(1, sizeof(*reader));
    reader->cluster = found;
    reader->group_id = aq_strdup(group_id);
    reader->seen = (struct kc_seen_versions){.txn_offset_commit = -1, .offset_fetch = -1};
    *ret = reader;
    return 0;
}

void sim_reader_close(struct kc_reader *reader, int64_t deadline_ms)
{
    (void)deadline_ms; /* nothing here can hang */
    if (!reader) return;
    sim_handle_close(reader->cluster);
    free(reader->group_id);
    free(reader);
}

void sim_reader_seen_versions(const struct kc_reader *reader, struct kc_seen_versions *ret)
{
    *ret = reader->seen;
}

/* ---- committed ------------------------------------------------------------------------------------------------------ */

int sim_reader_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                         int64_t timeout_ms, struct aq_err *err)
{
    (void)timeout_ms;
    (void)err;
    AQ_ASSERT(topic && n > 0);
    sim_settle(reader->cluster);
    reader->seen.offset_fetch = 7;
    const struct sim_group *group = sim_group_find(reader->cluster, reader->group_id);
    for (size_t i = 0; i < n; i++) {
        struct kc_pointer *pointer = &list[i];
        *pointer = (struct kc_pointer){.partition = pointer->partition, .offset = -1};
        if (!group) continue;
        if (sim_offsets_unstable(group, topic, pointer->partition)) {
            pointer->code = AQ_E_UNSTABLE;
            continue;
        }
        const struct sim_offset *offset = sim_offsets_find(group, topic, pointer->partition);
        if (!offset) continue;
        pointer->offset = offset->offset;
        snprintf(pointer->metadata, sizeof(pointer->metadata), "%s", offset->metadata);
    }
    return 0;
}

/* ---- reading records ------------------------------------------------------------------------------------------------ */

static int missing(const struct kc_reader *reader, const char *topic, int32_t partition, struct aq_err *err)
{
    return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "cannot read %s[%d] of cluster %s: unknown topic or partition",
                   topic, partition, reader->cluster->name);
}

static void store(const struct sim_entry *entry, int64_t offset, struct aq_arena *arena,
                  struct kc_stored *ret)
{
    ret->offset = offset;
    ret->timestamp = entry->timestamp;
    ret->key = aq_arena_copy(arena, entry->key);
    ret->value = aq_arena_copy(arena, entry->value);
}

static int read_one(struct kc_reader *reader, const char *topic, struct kc_stored *wanted, int64_t until_us,
                    struct aq_arena *arena, struct aq_err *err)
{
    const char *cluster = reader->cluster->name;
    for (;;) {
        struct sim_log *log = sim_log_find(reader->cluster, topic, wanted->partition);
        if (!log) return missing(reader, topic, wanted->partition, err);
        if (wanted->offset < log->start || wanted->offset > log->end) {
            return aq_fail(err, AQ_E_STATE,
                           "%s[%d]@%" PRId64 " of cluster %s is not in the log any more, or not yet", topic,
                           wanted->partition, wanted->offset, cluster);
        }
        if (wanted->offset < sim_log_stable_end(log)) {
            const struct sim_entry *entry = sim_log_entry(log, wanted->offset);
            if (!sim_entry_visible(entry, true)) {
                return aq_fail(err, AQ_E_STATE,
                               "%s[%d] of cluster %s has no committed record at offset %" PRId64, topic,
                               wanted->partition, cluster, wanted->offset);
            }
            store(entry, wanted->offset, arena, wanted);
            return 0;
        }
        if (!sim_wait(reader->cluster, until_us)) {
            return aq_fail(err, AQ_E_TIMEOUT, "%s[%d]@%" PRId64 " of cluster %s could not be read in time",
                           topic, wanted->partition, wanted->offset, cluster);
        }
    }
}

int sim_reader_read(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                    int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err)
{
    AQ_ASSERT(topic && n > 0);
    sim_settle(reader->cluster);
    int64_t until_us = sim_now(reader->cluster) + timeout_ms * AQ_MS;
    for (size_t i = 0; i < n; i++) list[i].key = list[i].value = AQ_NULL_SLICE;
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++)
        code = read_one(reader, topic, &list[i], until_us, arena, err);
    return code;
}

static void scan(const struct sim_log *log, struct aq_slice key, int64_t end, struct aq_arena *arena,
                 struct kc_stored *ret)
{
    for (int64_t offset = end; offset-- > log->start;) {
        const struct sim_entry *entry = sim_log_entry(log, offset);
        if (!sim_entry_visible(entry, true) || !aq_slice_equal(entry->key, key)) continue;
        store(entry, offset, arena, ret);
        return;
    }
}

int sim_reader_scan_last(struct kc_reader *reader, const char *topic, int32_t partition, struct aq_slice key,
                         int64_t end, int64_t timeout_ms, struct aq_arena *arena, struct kc_stored *ret,
                         struct aq_err *err)
{
    *ret = (struct kc_stored){.partition = partition, .offset = -1};
    if (end <= 0) return 0;
    sim_settle(reader->cluster);
    int64_t until_us = sim_now(reader->cluster) + timeout_ms * AQ_MS;
    for (;;) {
        const struct sim_log *log = sim_log_find(reader->cluster, topic, partition);
        if (!log) return missing(reader, topic, partition, err);
        if (sim_log_stable_end(log) >= end) {
            scan(log, key, end, arena, ret);
            return 0;
        }
        if (sim_wait(reader->cluster, until_us)) continue;
        return aq_fail(err, AQ_E_UNSTABLE,
                       "%s[%d] of cluster %s is not readable up to %" PRId64 " within %" PRId64
                       " ms: a transaction is still open",
                       topic, partition, reader->cluster->name, end, timeout_ms);
    }
}

/* ---- committing for a stopped group --------------------------------------------------------------------------------- */

int sim_reader_commit_stopped(struct kc_reader *reader, const char *topic, int32_t partition, int64_t offset,
                              const char *metadata, int64_t timeout_ms, struct aq_err *err)
{
    (void)timeout_ms;
    AQ_ASSERT(offset >= 0);
    sim_settle(reader->cluster);
    struct sim_group *group = sim_group_get(reader->cluster, reader->group_id);
    if (group->n_seats > 0) {
        return aq_fail(err, AQ_E_BUSY, "group %s of cluster %s has running members: stop them first",
                       reader->group_id, reader->cluster->name);
    }
    if (!sim_log_find(reader->cluster, topic, partition)) {
        return aq_fail(err, AQ_E_UNKNOWN_TOPIC,
                       "cannot commit for group %s of cluster %s: unknown topic or partition %s[%d]",
                       reader->group_id, reader->cluster->name, topic, partition);
    }
    const struct kc_task_offset pointer = {.partition = partition, .offset = offset, .metadata = metadata};
    sim_offsets_put(group, topic, &pointer, -1);
    return 0;
}
