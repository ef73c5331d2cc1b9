/* SPDX-License-Identifier: Apache-2.0
 *
 * Topic configs by name (kafka/topic_config.h).
 */
#include "kafka/topic_config.h"

#include <string.h>

#include "base/assert.h"

static const char *const names[] = {
    "cleanup.policy",
    "compression.type",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

const char *const *kc_topic_configs(size_t *ret_n)
{
    *ret_n = N_NAMES;
    return names;
}

bool kc_topic_config_is_known(const char *name)
{
    AQ_ASSERT(name);
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}
