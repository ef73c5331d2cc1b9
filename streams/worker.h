/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker (a stream thread, in Kafka Streams' words): one consumer, two producers, one member of the application's group, and the
 * tasks whose slots the group gave it. st_worker_turn() in streams/worker.c is a record's whole way.
 *
 * Threads: everything belongs to the worker's own thread, except `stop` and `pause` (set by the supervisor), the counters (read by
 * anybody) and `shown` (under its lock).
 */
#ifndef AQ_STREAMS_WORKER_H
#define AQ_STREAMS_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/metric.h"
#include "kafka/ownership.h"
#include "streams/catalog.h"
#include "streams/query/ask.h"
#include "streams/standby.h"
#include "streams/state/dbs.h"
#include "streams/task.h"

enum st_worker_state { ST_WORKER_RUNNING, ST_WORKER_DRAINING, ST_WORKER_ENDED, ST_WORKER_FAILED };

struct st_counters {
    aq_counter records_read, bytes_read;
    aq_counter records_processed;
    aq_counter records_written, bytes_written;
    aq_counter skipped_deserialization, skipped_processing, skipped_production, dead_letters;
    aq_counter records_restored, restoring;
    aq_counter cache_bytes;   /* of stores */
    aq_counter dropped, late; /* late ones are among the dropped */
    aq_counter records_lost;  /* taken by retention before they were read */
    aq_counter punctuations;
    aq_counter committed, aborted, fenced, rebalances;
    aq_counter tasks;
    aq_counter in_flight; /* bytes */
    aq_counter first_record_us, last_commit_us, turn_us;
    struct aq_histogram cycle;
    struct aq_histogram latency; /* timestamp of a record that was written to its commit */
};

/* One partition of the state topic: what the group hands out. */
struct st_slot {
    struct st_feed **feeds; /* every source partition it ever had a position for, or has now */
    size_t n_feeds, cap_feeds;
    struct st_stores *stores; /* of its tasks that have some, restored or being restored; linked by next */
    bool owned;
    bool write_first; /* its snapshot must be written although no record moved a mark */
};

struct st_feed_status {
    char topic[256];
    int32_t partition;
    int64_t position; /* committed; -1 unknown */
    int64_t lag;      /* -1 unknown */
};

/* A record the cluster refused: what becomes of it is for the production error handler, when it comes by again. */
struct st_poison {
    const struct aq_name *topic; /* of the source */
    int32_t partition;
    int64_t offset;
    const struct aq_name *sink;
    int code;
};

struct st_known_topic {
    const struct aq_name *name;
    int32_t partitions;
};

/* First and last record of a flight that was delivered, kept until its cycle commits, for the latency histogram. */
struct st_sample {
    int64_t first_ms, last_ms;
    uint32_t records;
};

struct st_worker {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    const struct st_plan *plan;
    struct st_catalog *catalog;
    int index;
    atomic_bool stop;
    atomic_bool pause;
    enum st_worker_state state;
    int64_t draining_since_us;

    struct kc_ownership own;
    struct kc_consumer *consumer;
    struct kc_reader *offsets; /* of the group, while tasks are being started; NULL: not open */
    int64_t recommit_us;       /* when every position is committed again */
    struct aq_names names;
    struct st_shop shop;
    struct st_outbox outbox;
    struct st_slot *slots;
    struct st_reader *reader; /* of global tables; NULL: there are none, or it is not open */

    const struct st_dbs *dbs;
    struct st_standby *standby;             /* has what we may take over; NULL: nobody keeps copies */
    bool has_stores;                        /* some task may have */
    bool stores_full;                       /* nothing is processed before a commit */
    struct kc_consumer *restorer;           /* reads changelogs; NULL: nothing is restored */
    size_t n_restoring;                     /* stores */
    bool barrier;                           /* drawn, and the positions are not taken yet */
    const struct st_flight *barrier_flight; /* the last one before it; NULL: it was handed over */

    struct st_view *view;
    bool view_again; /* some task could not be started yet */
    int64_t view_again_us;
    struct st_task *tasks; /* linked by next */
    size_t n_tasks;
    struct st_task *turn_of; /* who goes first */
    int64_t idle_until_us;   /* the earliest end of a max_task_idle wait */
    uint64_t in_flight;      /* bytes of input batches polled and not released */
    bool holding;            /* some feed is held */
    bool more;               /* something came in, or the last round left records unprocessed */
    bool may_wait;           /* in this turn: calls may wait a moment */
    bool fed;                /* in this turn: a batch came in, so there may be another */
    const struct st_flight
        *letter;        /* holds a refused record's dead letter and is not sent yet: no commit before; NULL */
    int64_t blocked_us; /* since when the oldest flight cannot be sent; 0 */
    int64_t answer_us;  /* what the cluster takes for one flight, averaged */
    int64_t answered_us; /* when the last one was through */

    struct st_known_topic *known; /* topics written to, by interned name */
    size_t n_known, cap_known;
    uint32_t round_robin;

    /* Records that are refused by the brokers are found by going one by one. */
    bool careful;
    uint64_t careful_left; /* records still to be processed that way */
    struct st_poison *poison;
    size_t n_poison, cap_poison;

    struct st_sample *samples;
    size_t n_samples, cap_samples;
    size_t samples_committing; /* the first of them belong to the cycle that is being committed */

    struct st_counters counters;
    struct st_tally published;

    struct st_mailbox mailbox; /* questions to its stores */
    struct st_ask *asked;      /* taken out of it and not answered yet */
    int64_t asked_us;          /* when there was one last; 0: never */
    atomic_uchar *holds;       /* by slot, enum st_holds; what others look at before they ask */

    pthread_t thread;
    bool thread_running;
    pthread_mutex_t shown_lock; /* guards what follows */
    struct st_feed_status *shown_feeds;
    size_t n_shown_feeds, cap_shown_feeds;
    uint32_t shown_tasks; /* how many run */
    enum st_worker_state shown_state;
    bool shown_assigned;    /* the group has given its word and every task runs */
    char shown_reason[256]; /* why not, or why it failed */
    int64_t shown_us;
};

enum st_holds { ST_HOLDS_NOT, ST_HOLDS_SOON, ST_HOLDS };

struct st_worker_setup {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    const struct st_plan *plan;
    const struct st_serde_flow *serdes;
    struct st_catalog *catalog;
    const struct st_dbs *dbs;   /* outlive the worker; NULL: no store in the topology */
    struct st_globals *globals; /* whole, and outlive it; NULL: no global table in the topology */
    struct st_standby *standby; /* the same; NULL: none */
    int index;
    bool inline_lookup; /* no threads: simulation */
};

struct st_worker *st_worker_create(const struct st_worker_setup *setup);
int st_worker_open(struct st_worker *worker, struct aq_err *err);
/* One bounded round; false when the worker has ended or failed. wait_ms: how long it may wait for records when there is nothing else to
 * do (0: not at all). */
bool st_worker_turn(struct st_worker *worker, int64_t now, int wait_ms);
void st_worker_close(struct st_worker *worker);
void st_worker_destroy(struct st_worker *worker);
/* Nothing to do before something comes from outside: no record unprocessed, nothing in flight, no cycle open. */
bool st_worker_is_quiet(const struct st_worker *worker);

/* ---- parts of a turn, each in a file of its own ------------------------------------------------------------------- */

void st_worker_fail(struct st_worker *worker, const struct aq_err *err);

/* streams/assignment.c: from slots to tasks. */
extern const struct kc_ownership_host st_assignment_host; /* ctx is filled in by the worker */
void st_assignment_follow_view(struct st_worker *worker, int64_t now);
/* Positions that must be written without a record. */
void st_assignment_write_first(struct st_worker *worker, int64_t now);
/* Every task anew from its committed marks. */
void st_assignment_restart(struct st_worker *worker, int64_t now);
/* Reads the feed from this offset on. */
int st_assignment_read(struct st_worker *worker, struct st_feed *feed, int64_t offset, struct aq_err *err);

/* streams/state/restore.c: stores from their changelogs. Begin may be called again after a failure that passes. Ask learns where the
 * changelogs of all opened stores end that are not restored; begin does it for those nobody asked for. */
int st_restore_ask(struct st_worker *worker, struct aq_err *err);
int st_restore_begin(struct st_worker *worker, struct st_stores *stores, struct aq_err *err);
void st_restore_turn(struct st_worker *worker, int64_t now);
/* They are about to be closed. */
void st_restore_forget(struct st_worker *worker, struct st_stores *stores);
void st_restore_close(struct st_worker *worker);

/* streams/barrier.c: where a cycle ends for tasks with stores. */
void st_barrier_consider(struct st_worker *worker, int64_t now);
/* What waits in the outbox belongs to the next cycle. */
bool st_barrier_blocks(const struct st_worker *worker);
void st_barrier_sent(struct st_worker *worker, const struct st_flight *flight);
/* No commit now. */
bool st_barrier_holds(const struct st_worker *worker);
/* The positions are taken, or the cycle is given up. */
void st_barrier_lift(struct st_worker *worker);
/* Keeps the caches within their bound. */
void st_barrier_bound(struct st_worker *worker);

/* streams/beginning.c: where feeds begin that have no position. 0, or why it cannot be told now. */
int st_beginning_find(struct st_worker *worker, struct st_feed **feeds, size_t n, struct aq_err *err);
void st_beginning_close(struct st_worker *worker);

/* streams/intake.c: records and news from the sources. */
void st_intake_poll(struct st_worker *worker, int64_t now, int wait_ms);
void st_intake_events(struct st_worker *worker, int64_t now);
void st_intake_release(void *worker, struct aq_batch *batch);

/* streams/outflow.c: from the outbox to the cluster. */
void st_outflow_send(struct st_worker *worker, int64_t now);
/* As many flights are with the producer as are good for it. */
bool st_outflow_is_busy(const struct st_worker *worker);
void st_outflow_drain(struct st_worker *worker, int64_t now);
void st_outflow_take_back(struct st_worker *worker, struct aq_batch *list);
/* The feed is committed: what was refused of it need not be remembered. */
void st_outflow_forget_poison(struct st_worker *worker, const struct st_feed *feed);
void st_outflow_failure(struct st_worker *worker, const struct kc_failure *failure);

/* streams/query/answer.c: questions to its stores, answered between two records. */
void st_query_turn(struct st_worker *worker, int64_t now);
/* The worker ends: nobody is left waiting, and nobody comes any more. */
void st_query_close(struct st_worker *worker);
/* Somebody asks, and will do so again at once: the worker should not sleep long. */
bool st_query_is_lively(const struct st_worker *worker, int64_t now);

/* streams/show.c */
void st_show_publish(struct st_worker *worker, int64_t now);
/* A flight's records were delivered. */
void st_show_sample(struct st_worker *worker, const struct aq_batch *batch);
/* What was sampled so far belongs to the cycle that is being committed; nothing of it will be. */
void st_show_committing(struct st_worker *worker);
void st_show_rewind(struct st_worker *worker);
void st_show_cycle(struct st_worker *worker, enum kc_cycle_result result, int64_t now, int64_t took_us);

#endif
