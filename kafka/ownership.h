/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's share of a flow's tasks: from being assigned by the group, over finding out where the task stands, to
 * committing for it, and to giving it up. Owns the member, the two producers (lanes) with their commit cycles, the look-up
 * of positions and the self-test of exactly_once. What a task does with its records is the host's business: the bridge
 * mirrors them, the streams engine runs a topology over them.
 *
 * The host calls, in every turn and in this order:
 *   kc_ownership_hear()    the group's events, the self-test, positions that were found; calls host.own and host.drop
 *   … reads, works, sends on kc_ownership_producer() while kc_ownership_accepts(), drains …
 *   kc_ownership_step()    the cycles; calls host.encode, host.committed, host.take_back, host.rewind
 *
 * The essay is on top of kafka/ownership.c.
 *
 * Threads: the worker's own. Errors: ownership->err is set once, by whatever cannot be mended; the host ends then.
 */
#ifndef AQ_KAFKA_OWNERSHIP_H
#define AQ_KAFKA_OWNERSHIP_H

#include "kafka/cycle.h"
#include "kafka/fencing.h"
#include "kafka/flow.h"
#include "base/clock.h"
#include "kafka/lane.h"
#include "kafka/lookup.h"
#include "kafka/selftest.h"

enum kc_task_state {
    KC_TASK_FOREIGN, /* somebody else's */
    KC_TASK_TAKING,  /* ours since the last assignment; its position is not known yet */
    KC_TASK_OWNED,   /* position known, the host works on it */
};

struct kc_task {
    enum kc_task_state state;
    int64_t seq;         /* of the newest committed snapshot */
    int64_t writing_seq; /* of the one under way */
    bool had_snapshot;   /* false: the flow never ran for this task */
    int64_t retry_us;    /* take-over: not before */
    int64_t taking_since_us;
    uint64_t assignment;       /* grows whenever the task has to be taken (again) */
    struct kc_pointer pointer; /* as it was when the task was taken; offset -1: none */
};

struct kc_ownership_host {
    void *ctx;
    /* The task is ours and its position known (NULL: it never ran): read its partitions. The snapshot is valid during the
     * call only. */
    void (*own)(void *ctx, int32_t task, const struct kc_snapshot *snapshot);
    /* The task is no longer ours, or will be taken anew: forget everything about it. Nothing of it is in flight. Said once
     * for every own(). */
    void (*drop)(void *ctx, int32_t task);
    /* The task's positions as they will be when the open cycle commits. Strings live until the cycle ends. */
    void (*positions)(void *ctx, int32_t task, struct aq_arena *arena, struct kc_position **ret_list,
                      size_t *ret_count);
    /* What positions() said last for this task is durable. */
    void (*committed)(void *ctx, int32_t task);
    /* May be NULL. Offsets of source topics to be committed for the flow's group together with the task's pointer: the
     * same positions() said last, as lag tools want them. */
    void (*offsets)(void *ctx, int32_t task, struct aq_arena *arena, struct kc_task_offset **ret_list,
                    size_t *ret_count);
    /* Batches that come back undelivered: they are the host's to release. */
    void (*take_back)(void *ctx, struct aq_batch *list);
    /* An abort is through and every batch is back: everything to its committed position. */
    void (*rewind)(void *ctx, int64_t now);
    /* A producer's first failure since its cycle began is about to be forgotten (the record is still whole). May be NULL.
     * A host that releases batches as it drains calls kc_lane_tell_failure() before, and hears it then. */
    void (*failure)(void *ctx, const struct kc_failure *failure);
    /* A cycle is through: took_us from its first position record to the end of its commit. */
    void (*cycle_done)(void *ctx, enum kc_cycle_result result, int64_t now, int64_t took_us);
    /* The lane was switched: what was sampled so far belongs to the cycle that is being committed. May be NULL. */
    void (*committing)(void *ctx);
};

struct kc_ownership {
    const struct kc_ops *ops;
    const struct kc_flow *flow;
    struct kc_ownership_host host;
    const struct kc_route_facts *facts; /* as kept in the state topic */
    int index;                          /* of the worker in this process */
    char instance[KC_CLIENT_ID_MAX]; /* client id: PREFIX-HOST-PID-INDEX, unlike that of any other process */
    uint32_t nonce;                  /* in the names others know it by: kafka/identity.h */
    bool dealt_in_turn;              /* set before open: see struct kc_member_conf */
    struct kc_member *member;        /* NULL before join_us */
    int64_t join_delay_us;           /* set before open, see KC_JOIN_DELAY */
    int64_t join_us;
    struct kc_reader *reader; /* the lookup's */
    struct kc_lookup *lookup;
    struct kc_fencing *fencing; /* the lookup's; exactly_once, else NULL */
    bool inline_lookup;
    struct kc_admin *sink_admin; /* borrowed */
    struct kc_lanes lanes;
    struct kc_task *tasks;
    int32_t n_tasks;
    struct aq_err err; /* why the worker must end; code 0: it need not */
    int64_t failed_us;

    bool revoking; /* a revocation waits for the cycle */
    bool lost;     /* … and nothing may be committed for it */
    int64_t revoking_since_us;
    bool fenced;                    /* our generation is stale: send nothing until the group assigns again */
    bool assigned;                  /* the group has said which tasks are ours, and has not taken it back */
    struct kc_member_event pending; /* the event being answered */
    uint64_t assignments;           /* tasks put to TAKING so far */
    bool retake_due;                /* the outcome of a commit is not known: look the positions up again */
    bool rewind_due;                /* an abort is through: go back to the committed positions */
    int64_t pause_until_us;         /* nothing is read before: backing off after aborts */
    uint64_t rebalances, aborted, fenced_count, committed_count;

    /* the self-test of exactly_once, kafka/selftest.c */
    bool self_tested;
    enum { KC_SELFTEST_IDLE, KC_SELFTEST_OFFERED, KC_SELFTEST_WITHDRAWING } selftest;
    struct kc_producer *selftest_producer;
    int64_t selftest_since_us;
};

/* How long all workers of a process but the first wait before they join the group. Two that begin at the same time often meet in
 * the moment between the answer to the first one's join and its sync; the client then waits one to two seconds before it joins again
 * (rkcg_join_intvl), and the other with it. Where a group is there already its members need longer than this to hear of
 * the first newcomer, so they rebalance once. */
#define KC_JOIN_DELAY (100 * AQ_MS)

struct kc_ownership_setup {
    const struct kc_ops *ops;
    const struct kc_flow *flow;
    const struct kc_route_facts *facts; /* outlive it */
    struct kc_admin *sink_admin;        /* may be NULL until open: own->sink_admin is set then */
    int index;
    struct kc_ownership_host host;
    bool inline_lookup; /* no thread: kc_ownership_hear() looks positions up itself (simulation) */
};

/* `own` stays where it is: the cycles point to it. */
void kc_ownership_init(struct kc_ownership *own, const struct kc_ownership_setup *setup);
/* Member, reader, look-up thread, producers. The caller closes it, whatever the answer. */
int kc_ownership_open(struct kc_ownership *own, struct aq_err *err);
/* Leaves the group first, then closes producers and readers; every batch comes back through take_back, every task is
 * dropped. */
void kc_ownership_close(struct kc_ownership *own);
void kc_ownership_finish(struct kc_ownership *own);

void kc_ownership_hear(struct kc_ownership *own, int64_t now);
void kc_ownership_step(struct kc_ownership *own, int64_t now);

/* The first reason wins; the open cycles are aborted. */
void kc_ownership_fail(struct kc_ownership *own, const struct aq_err *err);

/* True when tasks are ours and stay it: partitions may be read. */
bool kc_ownership_is_settled(const struct kc_ownership *own);
/* Besides, the sink is known to fence and nothing waits to be undone: records and positions may be sent. */
bool kc_ownership_may_send(const struct kc_ownership *own);
/* The same, also while a revocation waits for the open cycle: what a host made before it may still go into the commit that ends it. */
bool kc_ownership_may_finish(const struct kc_ownership *own);
/* kc_cycle_accepts() of the sending lane; gives a producer up that cannot begin any more. */
bool kc_ownership_accepts(struct kc_ownership *own, int64_t now);
/* The task's position moved, see kc_cycle_touch(). */
void kc_ownership_touch(struct kc_ownership *own, int32_t task);
/* Whom records are sent through now; NULL while there is none. */
struct kc_producer *kc_ownership_producer(struct kc_ownership *own);
/* No commit may start while the host holds (a batch is handed over by half). */
void kc_ownership_hold(struct kc_ownership *own, bool hold);
/* The sending lane's cycle is to be committed, see kc_cycle_is_due(). */
bool kc_ownership_is_due(const struct kc_ownership *own, int64_t now);
/* Nothing more is coming at the moment, see kc_cycle_idle(). */
void kc_ownership_idle(struct kc_ownership *own, int64_t now);
/* Commit now; give up now. */
void kc_ownership_request(struct kc_ownership *own);
void kc_ownership_abort(struct kc_ownership *own, int64_t now);
/* The same with the reason a call to the sending producer gave (class ABORT or FENCED of producer_send). */
void kc_ownership_give_up(struct kc_ownership *own, const struct aq_err *err, int64_t now);
/* No cycle is open or under way, and nothing waits to be undone. */
bool kc_ownership_is_idle(const struct kc_ownership *own);
/* Owned tasks are looked up again, as after a commit of unknown outcome. Nothing may be in flight. */
void kc_ownership_retake(struct kc_ownership *own, int64_t now);

/* ---- parts of kc_ownership_hear(), each in a file of its own ------------------------------------------------------- */

/* kafka/group.c: what the group says. */
void kc_group_turn(struct kc_ownership *own, int64_t now);
/* kafka/takeover.c: positions of tasks just assigned. */
void kc_takeover_turn(struct kc_ownership *own, int64_t now);
/* What the sink has of the task must be looked up from now on. */
void kc_takeover_begin(struct kc_ownership *own, struct kc_task *task, int64_t now);
/* The host forgets the task if it has it; it is nobody's as far as we know. */
void kc_ownership_drop(struct kc_ownership *own, int32_t task);

#endif
