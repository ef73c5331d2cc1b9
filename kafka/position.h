/* SPDX-License-Identifier: Apache-2.0
 *
 * Positions: where a task stands in its source partitions, as written to the state topic on the sink.
 *
 * A snapshot is everything about one task: one JSON object per record, key "pos", in partition `task` of the state
 * topic. The group's committed offset for that partition is the pointer: offset of the snapshot record + 1, with the
 * metadata "v1 seq=<seq> sum=<xxh64 of the value, hex>". Reading a snapshot back therefore means: pointer, one record,
 * compare seq and sum.
 *
 * The first record of partition 0 has the key "route" and says what may never change (kc_route_facts).
 *
 * Data in the state topic comes back from outside the process: decoding checks every field and bounds every length.
 */
#ifndef AQ_KAFKA_POSITION_H
#define AQ_KAFKA_POSITION_H

#include "base/err.h"
#include "kafka/kafka.h"

#define KC_POSITION_KEY "pos"
#define KC_ROUTE_KEY    "route"

struct kc_position {
    const char *topic;
    int32_t partition;
    int64_t next;         /* next source offset to read */
    int32_t leader_epoch; /* of the last record; -1 unknown */
    /* Fingerprint of the last mirrored record, to notice a topic that was recreated; last_offset -1: none yet. */
    int64_t last_offset;
    int64_t last_timestamp;
    uint64_t last_hash; /* kc_fingerprint() */
    char topic_id[KC_ID_MAX];
    int64_t time_ms; /* the greatest timestamp read of the partition, as streams keep it; -1 unknown */
    /* Some record of this partition is known to stand here on the sink; sink_offset -1: nowhere yet. A sink whose log ends
     * before it has lost what we wrote. */
    const char *sink_topic;
    int32_t sink_partition;
    int64_t sink_offset;
};

/* What may never change while a state topic lives. */
struct kc_route_facts {
    const char *route;
    char source_id[KC_ID_MAX];
    char sink_id[KC_ID_MAX];
    int32_t tasks;
    int32_t map_version;
    int64_t created_ms;
};

struct kc_snapshot {
    struct kc_route_facts facts;
    int32_t task;
    int64_t seq; /* grows by one with every committed snapshot of the task */
    int64_t written_ms;
    const char *writer; /* transactional id (or client id) of whoever wrote it */
    struct kc_position *list;
    size_t count;
};

struct aq_slice kc_snapshot_encode(const struct kc_snapshot *snapshot, struct aq_arena *arena);
/* CORRUPT with the reason when it is not a snapshot we could have written. Strings live in the arena. */
int kc_snapshot_decode(struct aq_slice value, struct aq_arena *arena, struct kc_snapshot *ret,
                       struct aq_err *err);

struct aq_slice kc_facts_encode(const struct kc_route_facts *facts, struct aq_arena *arena);
int kc_facts_decode(struct aq_slice value, struct aq_arena *arena, struct kc_route_facts *ret,
                    struct aq_err *err);
/* STATE, naming the first difference and what to do, when `stored` is not what this process would write. */
int kc_facts_check(const struct kc_route_facts *stored, const struct kc_route_facts *ours,
                   struct aq_err *err);

/* The pointer's metadata for a value, and its check. */
void kc_metadata_format(int64_t seq, struct aq_slice value, char *buf, size_t size);
/* CORRUPT when the metadata does not belong to this value. */
int kc_metadata_check(const char *metadata, int64_t seq, struct aq_slice value, struct aq_err *err);

/* Hash of a record as it was read: key, value, timestamp. */
uint64_t kc_fingerprint(struct aq_slice key, struct aq_slice value, int64_t timestamp);

#endif
