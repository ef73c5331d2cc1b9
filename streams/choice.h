/* SPDX-License-Identifier: Apache-2.0
 *
 * Record choice of a task: which of its input partitions the next record comes from. One queue for each partition; the
 * record given is the one whose timestamp is the smallest among the heads of the queues, of equal ones that of the
 * lowest index. Within a partition the order is that of the offsets, whatever the timestamps are.
 *
 * While a queue is empty, a record that comes into it later may be older than what the others hold. Whether the task
 * waits for it is max_task_idle (Kafka Streams' max.task.idle.ms):
 *   -1  never;
 *    0  while an empty queue's partition has more on the broker than was fetched, or its end is not known;
 *    N  besides, until every empty queue has been known as caught up for N ms. The time runs from the first
 *       st_choice_next() that sees it so, also while the task has no records at all, and begins anew once a record or more
 *       lag was there. When it is over, the others go on without that queue until it has a record again.
 * A paused partition is never waited for.
 *
 * Times: now_us is monotonic microseconds and never falls; everything named _ms is ms since 1970 (max_task_idle_ms: a
 * span). Offsets: "next" ones, one behind the last.
 *
 * Ownership: st_choice_add() hands a batch over; `release` hands each one back, exactly once and in the order of adding
 * within its partition, when the choice is done with it (one without records at once). That is at the earliest in
 * the call after the one that gave its last record, so a record stays valid until the next st_choice_next(),
 * st_choice_close() or st_choice_finish(). What `release` then does with it (in-flight ring or free list) is its
 * owner's affair; it must not call the choice. While a batch is here, its `next` belongs to the choice and its
 * records stay where they are.
 *
 * Errors: only st_choice_next() has any. Threads: the task's own. Nothing is allocated but in st_choice_open().
 */
#ifndef AQ_STREAMS_CHOICE_H
#define AQ_STREAMS_CHOICE_H

#include "base/record.h"
#include "streams/heap.h"
#include "streams/timestamp.h"

#define ST_NEVER_IDLE  (-1LL)    /* as max_task_idle_ms */
#define ST_END_UNKNOWN (-1LL)    /* as the end of a partition */
#define ST_NO_DEADLINE INT64_MAX /* only st_choice_progress(), _add() or _pause() can end the wait */

struct st_choice_conf {
    int64_t max_task_idle_ms;                /* ST_NEVER_IDLE, or >= 0 */
    uint32_t buffered_records_per_partition; /* at least 1 */
    uint64_t
        buffered_bytes_per_partition; /* of whole batches, because a batch keeps all its memory; at least 1 */
    int64_t stream_ms;                /* as stored with the position; ST_NO_TIME for a new task */
    void (*release)(void *user, struct aq_batch *batch);
    void *user;
};

struct st_choice_partition {
    const struct aq_name *topic; /* outlives the choice */
    int32_t partition;
    struct st_extractor extractor;
    int64_t position;     /* offset that is fetched first */
    int64_t partition_ms; /* partition time as stored with the position; ST_NO_TIME for a new partition */
};

struct st_chosen {
    struct aq_record *record; /* its own timestamp is as it was read */
    int64_t timestamp_ms;     /* as extracted: what the record is processed with */
    size_t index;             /* of the partition */
    int64_t until_us;         /* with ST_CHOICE_WAIT: when to ask again at the latest, or ST_NO_DEADLINE */
};

enum st_choice_answer {
    ST_CHOICE_EMPTY,  /* no queue has a record */
    ST_CHOICE_WAIT,   /* there are records, and max_task_idle holds them back */
    ST_CHOICE_RECORD, /* *ret says which */
};

struct st_queue;

/* Queues that are in the same state; see choice.c. */
struct st_queue_list {
    struct st_queue *first;
    struct st_queue *last;
};

struct st_choice {
    struct st_choice_conf conf;
    struct st_queue **queues; /* by index; NULL: not open */
    size_t n_queues;
    size_t n_open;
    struct st_heap ready;         /* queues whose head has a timestamp */
    struct st_queue_list pending; /* to be looked at by the next st_choice_next() */
    struct st_queue_list idle;    /* empty and caught up, by deadline */
    size_t n_behind;              /* empty, with more on the broker or an unknown end */
    struct st_queue *flow_first;  /* whose pause or resume has not been told yet */
    struct st_queue *flow_last;
    int64_t now_us; /* of the last call */
    int64_t stream_ms;
    uint64_t skipped; /* records without a valid timestamp that were logged and passed over */
};

void st_choice_init(struct st_choice *choice, const struct st_choice_conf *conf);
/* Closes every partition. */
void st_choice_finish(struct st_choice *choice);

/* index: the number of the partition among the inputs of the task. It decides ties, so it should be the same after every
 * restart. It must not be open. */
void st_choice_open(struct st_choice *choice, size_t index, const struct st_choice_partition *partition);

/* A partition that was revoked, or that is to be read from elsewhere: what is left of its records goes back ungiven. */
void st_choice_close(struct st_choice *choice, size_t index);

/* A batch of that partition, with offsets above all that were added before; it may be empty. */
void st_choice_add(struct st_choice *choice, size_t index, struct aq_batch *batch);

/* How far the partition was fetched (the consumer's position, which passes compacted records and transaction markers;
 * the largest one told counts, added batches tell theirs) and its known end: with read_committed the last stable offset,
 * or ST_END_UNKNOWN. Told after everything below `fetched` was added, because st_choice_position() goes by it. */
void st_choice_progress(struct st_choice *choice, size_t index, int64_t fetched, int64_t end);

/* Nothing is fetched from a paused partition. What its queue holds is still given. */
void st_choice_pause(struct st_choice *choice, size_t index, bool paused);

/* An enum st_choice_answer, or the negative code of an extractor: then no partition gives a record until the one that
 * err names is closed (the next call asks the extractor again). wall_ms is only for extractors. */
int st_choice_next(struct st_choice *choice, int64_t now_us, int64_t wall_ms, struct st_chosen *ret,
                   struct aq_err *err);

/* The bound on what is buffered, told by edges: true with a partition that has got more records or bytes than its bound
 * (*ret_pause true) or has come back to it (false) since it was last told; false when there is no more to tell. What comes
 * above the bound is taken all the same. */
bool st_choice_flow(struct st_choice *choice, size_t *ret_index, bool *ret_pause);

/* Offset of the first record that was neither given nor passed over: what to commit when all that was given has been
 * processed. */
int64_t st_choice_position(const struct st_choice *choice, size_t index);

/* Offset behind everything that was added or told of: where to read on. */
int64_t st_choice_fetched(const struct st_choice *choice, size_t index);

/* Largest timestamp of the records given from this partition; to be stored with its position. */
int64_t st_choice_partition_ms(const struct st_choice *choice, size_t index);

/* Largest timestamp of the records given from any partition: task stream time. It is kept apart from partition time, never
 * falls, and closing a partition does not change it. */
int64_t st_choice_stream_ms(const struct st_choice *choice);

/* Records that wait in this queue. */
uint32_t st_choice_buffered(const struct st_choice *choice, size_t index);

#endif
