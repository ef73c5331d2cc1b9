/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks up the positions of tasks on the sink, on a thread of its own: every call it makes may wait for brokers or for
 * somebody else's transaction, and the tasks the worker already has must not wait with it.
 *
 * Threads: one worker asks and takes the answers; br_lookup_run() runs on the lookup's thread. Between ask and answer
 * the worker touches nothing but br_lookup_state(). Errors: per task, in struct br_found.
 */
#ifndef AQ_BRIDGE_LOOKUP_H
#define AQ_BRIDGE_LOOKUP_H

#include "bridge/catalog.h"
#include "kafka/position.h"

/* What was found of one task. */
struct br_found {
    int32_t task;
    uint64_t assignment; /* as the asker gave it: an answer to an older assignment counts for nothing */
    int code;            /* 0, or why the task cannot be taken (now) */
    struct aq_err err;
    struct kc_pointer pointer;   /* offset -1: none was committed */
    bool has_snapshot;           /* false with code 0: it is certain that there is none */
    struct kc_snapshot snapshot; /* valid until br_lookup_taken() */
};

enum br_lookup_state {
    BR_LOOKUP_IDLE,     /* may be asked */
    BR_LOOKUP_ASKED,    /* under way */
    BR_LOOKUP_ANSWERED, /* the answer waits to be taken */
};

struct br_lookup;

struct br_lookup *br_lookup_create(const struct kc_ops *ops, const struct br_route *route,
                                   struct br_catalog *catalog, struct kc_reader *reader);
/* Starts its thread. */
int br_lookup_start(struct br_lookup *lookup, struct aq_err *err);
/* Ends the thread; [blocks] for as long as the call it is in. The reader may be closed afterwards. */
void br_lookup_destroy(struct br_lookup *lookup);

enum br_lookup_state br_lookup_state(const struct br_lookup *lookup);
/* In IDLE: the list to fill with `task` and `assignment` before br_lookup_ask(); room for every task of the route. */
struct br_found *br_lookup_list(struct br_lookup *lookup);
void br_lookup_ask(struct br_lookup *lookup, size_t n);
/* In ANSWERED: what was found, as many entries as were asked for. */
const struct br_found *br_lookup_answer(const struct br_lookup *lookup, size_t *ret_n);
/* Back to IDLE; snapshots are gone. */
void br_lookup_taken(struct br_lookup *lookup);

/* The work itself, one question at a time: from ASKED to ANSWERED. The thread calls it; so may a test or a simulator. */
void br_lookup_run(struct br_lookup *lookup);

#endif
