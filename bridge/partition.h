/* SPDX-License-Identifier: Apache-2.0
 *
 * One source partition as its worker sees it: where reading, sending and committing stand, and what is in flight.
 * The essay is on top of bridge/partition.c. Threads: the worker that owns the task.
 */
#ifndef AQ_BRIDGE_PARTITION_H
#define AQ_BRIDGE_PARTITION_H

#include "base/record.h"
#include "kafka/position.h"

/* A point in the source log, with what is needed to recognise the record before it. */
struct br_mark {
    int64_t next;        /* next offset to read; BR_NEXT_EARLIEST until the first record or end is seen */
    int64_t last_offset; /* of the record before; -1 none */
    int64_t last_timestamp;
    uint64_t last_hash;
    int32_t leader_epoch;
};

#define BR_NEXT_EARLIEST KC_OFFSET_EARLIEST

enum br_partition_state {
    BR_PARTITION_PAUSED,  /* not assigned to the consumer: being taken over, or its topic is gone */
    BR_PARTITION_READING, /* assigned */
    BR_PARTITION_GONE,    /* the topic was deleted; its position is kept */
    BR_PARTITION_HALTED,  /* an anomaly the policy stops at */
};

/* A batch that was handed over, and where the partition stands behind it. */
struct br_flight {
    struct aq_batch *batch;
    struct br_mark after;
    bool done;
};

/* A record the sink has refused, and why. */
struct br_poison {
    int64_t offset;
    int code;
    bool counted; /* by the error policy */
};

struct br_partition {
    const struct aq_name *topic;
    int32_t partition;
    int32_t task;
    char topic_id[KC_ID_MAX];
    enum br_partition_state state;
    struct br_mark read;      /* behind everything polled */
    struct br_mark sent;      /* behind everything handed to the producer */
    struct br_mark acked;     /* behind the longest prefix of acknowledged batches */
    struct br_mark writing;   /* what the snapshot under way says */
    struct br_mark committed; /* durable */
    bool has_position;        /* committed means something */
    bool verify;              /* the next record read must be the one `read` remembers */
    bool suspect;      /* something happened to it: read again from the last record, to prove it the same */
    bool untaken;      /* a batch of it was thrown away since it was assigned: only reading again helps */
    int64_t reset_to;  /* an anomaly was reported: reading goes on from here; -1 none */
    bool reached_end;  /* an end-of-partition event came since it was assigned */
    int64_t end_ahead; /* the latest such event's offset, to step to when nothing is in flight; -1 none */
    int64_t end;       /* newest known end; -1 unknown */
    int64_t stop_at;   /* stop_at_end: the high watermark at the start; -1 not asked */
    int64_t
        careful_until; /* below this offset records are sent one by one, to find the one the sink refuses */
    struct br_poison *poison; /* the records found, until a position behind them is committed */
    uint32_t poison_count, poison_cap;
    int64_t
        settled_next; /* offsets below were counted by the error policy: reading them again counts nothing */
    /* Where one of its records is known to stand on the sink; sink_offset -1: nowhere yet. */
    const struct aq_name *sink_topic;
    int32_t sink_partition;
    int64_t sink_offset;
    uint32_t under_way;                          /* batches handed over and not acknowledged, */
    uint64_t under_way_records, under_way_bytes; /* and what is in them */
    uint64_t pass;                               /* the worker's send pass that found nothing under way */
    struct br_flight *flights;                   /* ring, in offset order */
    uint32_t head, count, cap;
};

void br_partition_init(struct br_partition *p, const struct aq_name *topic, int32_t partition, int32_t task);
void br_partition_finish(struct br_partition *p);

/* Starts everywhere at `mark` (after a take-over or a rewind). Nothing may be in flight. */
void br_partition_set(struct br_partition *p, const struct br_mark *mark);

/* The mark behind a batch just polled; hashes its last record, so call it before the chain changes anything. */
struct br_mark br_mark_after(const struct aq_batch *batch);

/* A polled batch enters the flight ring (not sent yet); `after` becomes p->read. */
void br_partition_took(struct br_partition *p, struct aq_batch *batch, const struct br_mark *after);
/* It was handed to the producer. Batches are sent in the order they were taken. */
void br_partition_sent(struct br_partition *p, const struct aq_batch *batch);
/* Records [0, batch->produced) of it were handed over, the rest will follow: sent stands before the rest, and before the
 * whole group when the rest begins inside one. True when it moved. Exactly_once must touch the task then, so that no commit leaves these records without a position. */
bool br_partition_sent_part(struct br_partition *p, const struct aq_batch *batch);
/* All its records are acknowledged or needed no delivery; advances p->acked over the finished prefix. True when that was
 * the last one in flight and the marks stepped on to an end heard of before: worth a position of its own. */
bool br_partition_acked(struct br_partition *p, const struct aq_batch *batch);
/* Everything not committed is forgotten; reading goes on from the committed position. */
void br_partition_rewind(struct br_partition *p);

/* The end of the log was seen at `offset`: moves read over control records and compacted gaps, now or when the last
 * batch in flight is acknowledged (the event does not come again). */
void br_partition_at_end(struct br_partition *p, int64_t offset);

/* Several records can be bad before the first of them is behind a committed position. */
void br_partition_poison(struct br_partition *p, int64_t offset, int code);
/* NULL: the sink is not known to refuse the record. */
struct br_poison *br_partition_find_poison(const struct br_partition *p, int64_t offset);
/* Those below `next` will not be read again. */
void br_partition_forget_poison(struct br_partition *p, int64_t next);

/* Records between the committed position and the known end; -1 unknown. */
int64_t br_partition_lag(const struct br_partition *p);

void br_mark_to_position(const struct br_partition *p, const struct br_mark *mark, struct kc_position *ret);
void br_mark_from_position(const struct kc_position *position, struct br_mark *ret);

#endif
