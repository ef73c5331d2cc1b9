/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: one thread, one source consumer, one sink producer, one member of the route's group, and the tasks the group
 * gave it. br_worker_turn() in bridge/worker.c is a record's whole way.
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
#include "kafka/cycle.h"

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

enum br_task_state {
    BR_TASK_FOREIGN, /* somebody else's */
    BR_TASK_TAKING,  /* ours since the last assignment; its position is not known yet */
    BR_TASK_OWNED,   /* position known, partitions being read */
};

struct br_task {
    enum br_task_state state;
    int64_t seq;         /* of the newest committed snapshot */
    int64_t writing_seq; /* of the one under way */
    bool had_snapshot;   /* false: the route never ran for this task; `start` applies */
    bool write_first;    /* a first snapshot must be written even without records (start = latest …) */
    int64_t retry_us;    /* take-over: not before */
    int64_t taking_since_us;
    uint64_t assignment;       /* grows whenever the task has to be taken (again) */
    struct kc_pointer pointer; /* as it was when the task was taken; offset -1: none */
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

/* A producer with its commit cycle. The essay is on top of bridge/lane.c. */
struct br_lane {
    struct kc_producer *producer;
    struct kc_cycle cycle;
    char transactional_id[320];
    uint32_t producers_made;
    int64_t retry_us; /* no other producer before */
    int64_t pause_us;
    bool failure_noted; /* the producer's failure was looked at */
};

#define BR_LANES 2

enum br_worker_state { BR_WORKER_RUNNING, BR_WORKER_DRAINING, BR_WORKER_ENDED, BR_WORKER_FAILED };

struct kc_lookup;

struct br_worker {
    const struct kc_ops *ops;
    const struct br_route *route;
    struct br_catalog *catalog;
    struct br_finish *finish; /* the route's */
    bool working;             /* our share of it: not through with what stop_at_end asks for */
    int index;
    char instance[64];
    atomic_bool stop;
    enum br_worker_state state;
    struct aq_err err; /* why it failed */
    int64_t failed_us;

    struct aq_names names;
    struct xf_run *run;
    struct kc_consumer *consumer;
    struct kc_member *member;
    struct kc_reader *reader; /* the lookup's */
    struct kc_lookup *lookup;
    struct br_lane lanes[BR_LANES];
    int n_lanes;          /* 2 in exactly_once, else 1 */
    struct br_lane *lane; /* the one records are sent on */

    struct br_task *tasks;
    int32_t n_tasks;
    struct br_catalog_view *view;
    bool revoking; /* a revocation waits for the cycle */
    bool lost;     /* … and nothing may be committed for it */
    int64_t revoking_since_us;
    bool fenced;     /* our generation is stale: send nothing until the group assigns again */
    bool view_again; /* some partition of the view could not be started */
    int64_t view_again_us;
    bool suspects; /* some partition must be read again from its last record */
    bool resets;   /* some partition waits to jump (anomaly policy report) */
    int64_t recheck_us;
    int64_t awake_us; /* when intake last looked at the clock: a long gap is a process that stood still */
    int64_t intake_pause_us;        /* nothing is read before: backing off after aborts */
    int64_t end_total;              /* stop_at_end: records there were to mirror */
    struct kc_member_event pending; /* the event being answered */
    bool assigned;                  /* the group has said which tasks are ours, and has not taken it back */
    uint64_t assignments;           /* tasks put to TAKING so far */
    bool self_tested;               /* exactly_once: the sink's coordinator was seen to fence */
    enum { BR_SELFTEST_IDLE, BR_SELFTEST_OFFERED, BR_SELFTEST_WITHDRAWING } selftest;
    struct kc_producer *selftest_producer;
    int64_t selftest_since_us;
    bool retake_due; /* the outcome of a commit is not known: read the positions from the sink again */
    int64_t draining_since_us;
    bool rewind_due; /* an abort is through: go back to the committed positions */

    struct br_queue queue; /* transformed, to be sent */
    struct aq_batch
        *careful;       /* the batch that is sent record by record; 0 or 1 of its records is in flight */
    uint32_t careful_n; /* its true length */
    bool failure_noted; /* the producer's failure was looked at */
    uint64_t in_flight; /* bytes read and not yet released: queue and producer */
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

/* True when records and positions may be sent: tasks are ours, the sink is known to fence, nothing waits to be undone. */
bool br_worker_may_commit(const struct br_worker *worker);
/* kc_cycle_accepts(), and the producer is given up when it cannot begin any more. */
bool br_worker_cycle_accepts(struct br_worker *worker, int64_t now);
void br_worker_fail(struct br_worker *worker, const struct aq_err *err);

/* bridge/ownership.c: what the group says. */
void br_ownership_turn(struct br_worker *worker, int64_t now);
/* True when a source partition may be read and committed for. */
bool br_ownership_is_settled(const struct br_worker *worker);
/* Adds partitions of owned tasks that the newest view shows, notices the ones that are gone. */
void br_ownership_follow_view(struct br_worker *worker, int64_t now);
void br_ownership_drop_task(struct br_worker *worker, int32_t task);
struct br_partition *br_ownership_add(struct br_worker *worker, int32_t task, const char *topic,
                                      int32_t partition);
/* Owned tasks go back to TAKING. Nothing may be in flight. */
void br_ownership_retake(struct br_worker *worker, int64_t now);
/* The task's position is known: read its partitions. */
void br_ownership_own(struct br_worker *worker, int32_t task);
/* Assigns a partition to the consumer at its read mark, one record earlier when the mark is to be verified. */
int br_ownership_read_from_mark(struct br_worker *worker, struct br_partition *p, bool verify,
                                struct aq_err *err);

/* bridge/takeover.c: positions of tasks just assigned. */
void br_takeover_turn(struct br_worker *worker, int64_t now);

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

/* bridge/outflow.c: from the chain to the sink. */
void br_outflow_settle_errors(struct br_worker *worker, struct aq_batch *batch);
void br_outflow_enqueue(struct br_worker *worker, struct aq_batch *batch);
void br_outflow_send(struct br_worker *worker, int64_t now);
void br_outflow_drain(struct br_worker *worker, int64_t now);
/* Releases what is queued for a task that is being given up. */
void br_outflow_forget_task(struct br_worker *worker, int32_t task);
/* Releases batches that come back undelivered. */
void br_outflow_take_back(struct br_worker *worker, struct aq_batch *list);
/* After an abort: every batch back, every partition back to its committed position. */
void br_outflow_rewind(struct br_worker *worker, int64_t now);

/* bridge/lane.c: the worker's producers and their cycles. */
void br_lane_open_all(struct br_worker *worker, int64_t now);
void br_lane_drop(struct br_worker *worker, struct br_lane *lane, int64_t now);
/* Sends on the other lane while this one is being committed. */
void br_lane_switch(struct br_worker *worker);
/* Whether the lane may commit now: not before every earlier cycle is. */
void br_lane_hold(struct br_worker *worker, struct br_lane *lane);
bool br_lanes_idle(const struct br_worker *worker);
void br_lanes_request(struct br_worker *worker);
void br_lanes_abort(struct br_worker *worker, int64_t now);
bool br_lanes_exactly_once(const struct br_worker *worker);

/* bridge/show.c: what others may see, and the metrics. */
void br_show_publish(struct br_worker *worker, int64_t now);
void br_show_sample(struct br_worker *worker, const struct aq_batch *batch);
void br_show_committing(struct br_worker *worker);
void br_show_committed(struct br_worker *worker, int64_t now, int64_t cycle_us);
int64_t br_worker_lag(const struct br_worker *worker);

#endif
