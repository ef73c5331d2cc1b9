/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks up the positions of tasks on the sink, on a thread of its own: every call it makes may wait for brokers or for
 * somebody else's transaction, and the tasks the worker already has must not wait with it.
 *
 * Threads: one worker asks and takes the answers; kc_lookup_run() runs on the lookup's thread. Between ask and answer
 * the worker touches nothing but kc_lookup_state(). Errors: per task, in struct kc_found.
 */
#ifndef AQ_KAFKA_LOOKUP_H
#define AQ_KAFKA_LOOKUP_H

#include "kafka/fencing.h"
#include "kafka/position.h"

/* What was found of one task. */
struct kc_found {
    int32_t task;
    uint64_t assignment; /* as the asker gave it: an answer to an older assignment counts for nothing */
    int code;            /* 0, or why the task cannot be taken (now) */
    struct aq_err err;
    struct kc_pointer pointer;   /* offset -1: none was committed */
    bool has_snapshot;           /* false with code 0: it is certain that there is none */
    struct kc_snapshot snapshot; /* valid until kc_lookup_taken() */
};

enum kc_lookup_state {
    KC_LOOKUP_IDLE,     /* may be asked */
    KC_LOOKUP_ASKED,    /* under way */
    KC_LOOKUP_ANSWERED, /* the answer waits to be taken */
};

struct kc_lookup;

/* `facts`: as kept in the state topic; a position that does not agree with them is refused. Flow, facts, admin and reader
 * are borrowed and outlive it. */
struct kc_lookup *kc_lookup_create(const struct kc_ops *ops, const struct kc_flow *flow,
                                   const struct kc_route_facts *facts, struct kc_admin *sink_admin,
                                   struct kc_reader *reader);
/* Whom the last writers of tasks and the holders of positions are told to, on the lookup's thread, which makes its steps
 * too; borrowed, outlives the lookup. NULL: nobody. Before the start. */
void kc_lookup_fence_with(struct kc_lookup *lookup, struct kc_fencing *fencing);
/* Starts its thread. */
int kc_lookup_start(struct kc_lookup *lookup, struct aq_err *err);
/* Ends the thread; [blocks] for as long as the call it is in. The reader may be closed afterwards. */
void kc_lookup_destroy(struct kc_lookup *lookup);

enum kc_lookup_state kc_lookup_state(const struct kc_lookup *lookup);
/* In IDLE: the list to fill with `task` and `assignment` before kc_lookup_ask(); room for every task of the flow. */
struct kc_found *kc_lookup_list(struct kc_lookup *lookup);
void kc_lookup_ask(struct kc_lookup *lookup, size_t n);
/* In ANSWERED: what was found, as many entries as were asked for. */
const struct kc_found *kc_lookup_answer(const struct kc_lookup *lookup, size_t *ret_n);
/* Back to IDLE; snapshots are gone. */
void kc_lookup_taken(struct kc_lookup *lookup);

/* The work itself, one question at a time: from ASKED to ANSWERED. The thread calls it; so may a test or a simulator. */
void kc_lookup_run(struct kc_lookup *lookup);

#endif
