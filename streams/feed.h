/* SPDX-License-Identifier: Apache-2.0
 *
 * A feed: one source partition of a task while it runs, and its marks. A mark is the next offset to read and the partition time
 * that goes with it; what is read, made of it, handed over, acknowledged and committed moves one mark after the other:
 *
 *   committed <= acked <= sent <= (the choice's position)
 *
 * Threads: the worker's own.
 */
#ifndef AQ_STREAMS_FEED_H
#define AQ_STREAMS_FEED_H

#include "base/name.h"
#include "kafka/kafka.h"

struct st_task;
struct st_plan_node;

struct st_mark {
    int64_t next;    /* offset; KC_OFFSET_EARLIEST while nobody knows where the log begins */
    int64_t time_ms; /* partition time, ST_NO_TIME before the first record */
};

struct st_feed {
    const struct aq_name *topic;
    int32_t partition;
    int32_t slot;         /* of the group: what is touched when a mark moves */
    struct st_task *task; /* NULL while the task does not run */
    size_t index;         /* in the task's choice */
    const struct st_plan_node *source;
    bool reading;      /* assigned to the consumer */
    bool paused;       /* its buffer is full */
    bool suspect;      /* the client may not be reading it: to be assigned again */
    bool held;         /* memory is full, and it has records there */
    bool touched;      /* has a place in the outbox's open flight */
    bool begun;        /* its beginning was looked for */
    bool has_position; /* a position was stored or committed */
    bool internal;     /* a repartition topic: purged behind the committed mark */
    int64_t end;       /* of the log as far as heard of; -1 unknown */
    int64_t purged;    /* records before it were deleted (repartition topics) */
    char topic_id[KC_ID_MAX];
    struct st_mark sent;
    struct st_mark acked;
    struct st_mark writing; /* in the snapshot under way */
    struct st_mark committed;
};

#endif
