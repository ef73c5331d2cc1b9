/* SPDX-License-Identifier: Apache-2.0
 *
 * The commit cycle of one worker: from the first record sent to positions that are durable on the sink. The essay is
 * on top of kafka/cycle.c.
 *
 * Threads: the worker that owns the producer. Nothing here blocks.
 */
#ifndef AQ_KAFKA_CYCLE_H
#define AQ_KAFKA_CYCLE_H

#include "kafka/kafka.h"
#include "kafka/position.h"

enum kc_cycle_state {
    KC_CYCLE_IDLE,       /* nothing sent since the last commit */
    KC_CYCLE_OPEN,       /* records are being sent */
    KC_CYCLE_DRAINING,   /* positions are written; waiting for every delivery report (exactly_once) */
    KC_CYCLE_WRITING,    /* positions are being written while records go on (at_least_once) */
    KC_CYCLE_COMMITTING, /* pointer and transaction are being committed */
    KC_CYCLE_ABORTING,   /* giving up this cycle's records */
    KC_CYCLE_BROKEN,     /* the producer is done; waiting to be given another */
};

enum kc_cycle_result {
    KC_CYCLE_NOTHING,
    KC_CYCLE_COMMITTED,
    KC_CYCLE_ABORTED, /* rewind to the committed positions and go on */
    KC_CYCLE_FENCED, /* as ABORTED; besides, our membership is stale: wait for the group's word before sending */
    KC_CYCLE_REPLACE, /* as ABORTED; besides, the producer must be replaced (kc_cycle_set_producer) */
    KC_CYCLE_FATAL, /* a call overran its deadline or cannot be repaired: end the process, which is always safe */
};

/* What the cycle asks of its worker. */
struct kc_cycle_host {
    void *ctx;
    /* The task's snapshot as it will be when this cycle commits. */
    struct aq_slice (*encode)(void *ctx, int32_t task, int64_t *ret_seq, struct aq_arena *arena);
    /* What encode() wrote last for this task is durable now. */
    void (*committed)(void *ctx, int32_t task);
    /* May be NULL. Offsets of source topics that are committed for the group together with the task's pointer, and say
     * what encode() wrote last; each names its topic. Asked for when the commit begins, once a task; the list may stand
     * in the arena, and is copied by the client. */
    void (*offsets)(void *ctx, int32_t task, struct aq_arena *arena, struct kc_task_offset **ret_list,
                    size_t *ret_count);
};

struct kc_cycle_conf {
    bool exactly_once;
    int64_t interval_us;
    int64_t deadline_us; /* longest a commit or abort call may take before the process must end */
    const char *state_topic;
    int32_t tasks;
};

struct kc_cycle {
    const struct kc_ops *ops;
    struct kc_cycle_conf conf;
    struct kc_cycle_host host;
    struct kc_producer *producer;
    struct kc_member *member;
    struct kc_membership *membership; /* what the open cycle commits under; counted */
    enum kc_cycle_state state;
    enum kc_cycle_result after_abort; /* what to answer when the abort is through */
    bool pointer_pending;             /* at_least_once: a pointer commit is under way */
    bool hold;                        /* no commit may start now */
    bool requested;                   /* commit without waiting for the interval */
    int64_t opened_us;                /* when the open cycle began */
    int64_t last_start_us;            /* when the last commit began */
    int64_t drain_start_us;
    uint32_t consecutive_aborts;
    /* per task */
    bool *dirty;
    bool *writing;
    int32_t n_dirty;
    struct kc_ack *acks;
    struct kc_task_offset *offsets; /* of the commit that is being made; room for the most there were */
    size_t offsets_cap;
    char (*metadata)[KC_METADATA_MAX];
    struct aq_arena arena;
    struct aq_err err; /* why the last cycle did not commit */
};

void kc_cycle_init(struct kc_cycle *cycle, const struct kc_ops *ops, const struct kc_cycle_conf *conf,
                   const struct kc_cycle_host *host);
void kc_cycle_finish(struct kc_cycle *cycle);

/* A new producer in state READY (or without transactions); legal in IDLE and BROKEN. */
void kc_cycle_set_producer(struct kc_cycle *cycle, struct kc_producer *producer);
/* The member whose membership commits; its current membership is taken when a cycle opens. */
void kc_cycle_set_member(struct kc_cycle *cycle, struct kc_member *member);

/* True when records may be sent now; opens the cycle if need be. False: not now, or *ret_broken. */
bool kc_cycle_accepts(struct kc_cycle *cycle, int64_t now, struct aq_err *err);

/* The producer turned out to be unusable while idle: the next turn answers REPLACE. */
void kc_cycle_break(struct kc_cycle *cycle, const struct aq_err *err);

/* The task's position moved: exactly_once when its records were sent, at_least_once when they were acknowledged. */
void kc_cycle_touch(struct kc_cycle *cycle, int32_t task);

/* Commit now rather than at the interval: a revocation, a stop. */
void kc_cycle_request(struct kc_cycle *cycle);

/* Its interval is over, or a commit was requested: it would begin now if nothing held it. */
bool kc_cycle_is_due(const struct kc_cycle *cycle, int64_t now);

/* While `hold` no commit starts: an earlier cycle of the same worker is still being committed, and this one's positions
 * stand on its. */
void kc_cycle_hold(struct kc_cycle *cycle, bool hold);

/* Nothing more is coming at the moment: a cycle that is open need not wait for the rest of its interval, as long as
 * commits stay an interval apart. */
void kc_cycle_idle(struct kc_cycle *cycle, int64_t now);

/* Give up what is not committed. Legal in every state but COMMITTING; a commit under way is awaited first. */
void kc_cycle_abort(struct kc_cycle *cycle, int64_t now);

/* True when nothing is sent, written or committed at the moment. */
bool kc_cycle_is_idle(const struct kc_cycle *cycle);

/* One step. Delivery reports must have been drained by the caller in this turn (not while COMMITTING or ABORTING). */
enum kc_cycle_result kc_cycle_turn(struct kc_cycle *cycle, int64_t now);

/* True while the caller must keep its hands off producer_drain and producer_send. */
bool kc_cycle_owns_producer(const struct kc_cycle *cycle);

#endif
