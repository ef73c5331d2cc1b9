/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: one thread, one source consumer, and its share of the route's tasks (kafka/ownership.h), with whose producers
 * it writes to the sink. br_worker_turn() in bridge/worker.c is a record's whole way.
 *
 * Threads: everything belongs to the worker's own thread, except `stop` (set by the supervisor), the counters (read by
 * anybody) and `shown` (under its lock).
 */
#ifndef AQ_BRIDGE_WORKER_H
#define AQ_BRIDGE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/metric.h"
#include "bridge/bridge.h"
#include "bridge/catalog.h"
#include "bridge/finish.h"
#include "bridge/partition.h"
#include "bridge/throttle.h"
#include "kafka/ownership.h"

struct br_counters {
    aq_counter records_read, bytes_read;
    aq_counter records_written, bytes_written;
    aq_counter dropped, skipped, dead;
    aq_counter lost_retention, lost_truncation, lost_recreation;
    aq_counter committed, aborted, fenced;
    aq_counter rebalances;
    aq_counter in_flight;
    aq_counter tasks;
    aq_counter first_record_us, last_commit_us, turn_us;
    struct aq_histogram latency;
    struct aq_histogram cycle;
};

/* What the bridge keeps of a task besides kafka/ownership.h: its source partitions. */
struct br_task {
    bool write_first; /* a first snapshot must be written even without records (start = latest …) */
    struct br_partition **partitions;
    size_t count, cap;
};

/* Records read and transformed, waiting to be sent. */
struct br_queue {
    struct aq_batch *head, *tail;
    uint64_t bytes;
    uint32_t batches;
};

/* Oldest and newest record of a batch, kept until its cycle commits, for the latency histogram. */
struct br_sample {
    int64_t oldest_ms, newest_ms;
    uint32_t records;
};

enum br_worker_state { BR_WORKER_RUNNING, BR_WORKER_DRAINING, BR_WORKER_ENDED, BR_WORKER_FAILED };

struct br_worker {
    const struct kc_ops *ops;
    const struct br_route *route;
    struct br_catalog *catalog;
    struct br_finish *finish; /* the route's */
    bool working;             /* our share of it: not through with what stop_at_end asks for */
    int index;
    atomic_bool stop;
    enum br_worker_state state;

    struct kc_ownership own; /* tasks, producers and commit cycles; own.err: why the worker fails */
    struct br_task *tasks;   /* parallel to own.tasks */
    struct aq_names names;
    struct xf_run *run;
    struct kc_consumer *consumer;

    struct br_catalog_view *view;
    bool view_again; /* some partition of the view could not be started */
    int64_t view_again_us;
    bool suspects; /* some partition must be read again from its last record */
    bool resets;   /* some partition waits to jump (anomaly policy report) */
    int64_t recheck_us;
    int64_t awake_us;  /* when intake last looked at the clock: a long gap is a process that stood still */
    int64_t end_total; /* stop_at_end: records there were to mirror */
    int64_t draining_since_us;

    struct br_queue queue; /* transformed, to be sent */
    struct aq_batch
        *careful; /* the batch that is sent by source records; no or one group of its records is in flight */
    uint32_t careful_n; /* its true length */
    uint64_t in_flight; /* bytes read and not yet released: queue and producer */
    bool fed;           /* in this turn: a batch came in, so there may be another */
    struct br_throttle throttle;
    uint32_t round_robin;
    uint64_t pass;      /* counts rounds of sending */
    bool quick;         /* the sink answers quickly: two requests of a partition may be under way */
    int64_t answer_us;  /* what one produce request takes, averaged */
    int64_t blocked_us; /* since when the head of the queue cannot be sent; 0 */

    /* Sink topics this worker already knows: by interned name. */
    struct br_known_sink {
        const struct aq_name *name;
        int32_t partitions;
    } * known;
    uint32_t known_count, known_cap;
    struct br_known_sink last_sink;

    struct br_sample *samples;
    uint32_t sample_count, sample_cap;
    uint32_t samples_committing; /* the first of them belong to the cycle that is being committed */

    struct br_counters counters;
    const struct xf_run *shown_run;

    pthread_t thread;
    bool thread_running;
    pthread_mutex_t shown_lock; /* guards what follows */
    struct br_partition_status *shown;
    size_t shown_count, shown_cap;
    enum br_state shown_state;
    bool shown_ready;
    char shown_reason[256];
    int64_t shown_lag;
    int64_t shown_end_total;
    int64_t shown_us;
};

struct br_worker *br_worker_create(const struct kc_ops *ops, const struct br_route *route,
                                   struct br_catalog *catalog, struct br_finish *finish, int index);
/* Opens the handles; [blocks] for the transactional producer's start only as far as the client does. */
int br_worker_open(struct br_worker *worker, struct aq_err *err);
/* One bounded round; returns false when the worker has ended or failed. */
bool br_worker_turn(struct br_worker *worker, int64_t now);
void br_worker_close(struct br_worker *worker);
void br_worker_destroy(struct br_worker *worker);

/* ---- parts of a turn, each in a file of its own ------------------------------------------------------------------- */

/* bridge/task.c: what a task is to the bridge. The first four are called by the ownership (kafka/ownership.h). */
void br_task_own(void *worker, int32_t task, const struct kc_snapshot *snapshot);
void br_task_drop(void *worker, int32_t task);
void br_task_positions(void *worker, int32_t task, struct aq_arena *arena, struct kc_position **ret_list,
                       size_t *ret_count);
void br_task_committed(void *worker, int32_t task);
/* Adds partitions of owned tasks that the newest view shows, notices the ones that are gone. */
void br_task_follow_view(struct br_worker *worker, int64_t now);
struct br_partition *br_task_add(struct br_worker *worker, int32_t task, const char *topic,
                                 int32_t partition);
/* Assigns a partition to the consumer at its read mark, one record earlier when the mark is to be verified. */
int br_task_read_from_mark(struct br_worker *worker, struct br_partition *p, bool verify, struct aq_err *err);

/* bridge/intake.c: source side. Returns the batch to transform, or NULL. */
struct aq_batch *br_intake_poll(struct br_worker *worker, int64_t now);
void br_intake_events(struct br_worker *worker, int64_t now);

/* bridge/anomaly.c */
void br_anomaly_out_of_range(struct br_worker *worker, struct br_partition *p, int64_t offset);
void br_anomaly_fingerprint(struct br_worker *worker, struct br_partition *p, const struct aq_record *found);
void br_anomaly_short_log(struct br_worker *worker, struct br_partition *p);
/* on_anomaly = report: jumps of partitions that have nothing in flight any more. */
void br_anomaly_apply_resets(struct br_worker *worker);
void br_anomaly_topic_id(struct br_worker *worker, struct br_partition *p, const char *new_id);

/* bridge/settle.c: what the chain could not process, and what the sink is known to refuse. */
void br_settle_batch(struct br_worker *worker, struct aq_batch *batch);
/* What the policy makes of one failed record; false when the route must stop. Said and counted the first time only: after
 * an abort the record comes by again. */
bool br_settle_record(struct br_worker *worker, struct aq_record *rec, bool first);

/* bridge/outflow.c: from the chain to the sink. */
void br_outflow_enqueue(struct br_worker *worker, struct aq_batch *batch);
void br_outflow_send(struct br_worker *worker, int64_t now);
void br_outflow_drain(struct br_worker *worker, int64_t now);
/* Releases what is queued for a task that is being given up. */
void br_outflow_forget_task(struct br_worker *worker, int32_t task);
/* Called by the ownership. Releases batches that come back undelivered; remembers a record the sink refused; after an
 * abort: every batch back, every partition back to its committed position. */
void br_outflow_take_back(void *worker, struct aq_batch *list);
void br_outflow_failure(void *worker, const struct kc_failure *failure);
void br_outflow_rewind(void *worker, int64_t now);

/* bridge/show.c: what others may see, and the metrics. */
void br_show_publish(struct br_worker *worker, int64_t now);
void br_show_sample(struct br_worker *worker, const struct aq_batch *batch);
/* Called by the ownership. */
void br_show_committing(void *worker);
void br_show_cycle(void *worker, enum kc_cycle_result result, int64_t now, int64_t took_us);
int64_t br_worker_lag(const struct br_worker *worker);

#endif
