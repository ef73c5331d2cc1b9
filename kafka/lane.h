/* SPDX-License-Identifier: Apache-2.0
 *
 * Lanes: a worker's producers, each with its commit cycle. Two that take turns in exactly_once, one in at_least_once.
 * The essay is on top of kafka/lane.c.
 *
 * Threads: the worker's own. Errors: told by the host's failed(); a producer that is refused later is tried again.
 */
#ifndef AQ_KAFKA_LANE_H
#define AQ_KAFKA_LANE_H

#include "kafka/cycle.h"
#include "kafka/flow.h"
#include "kafka/identity.h"

/* A producer with its commit cycle. */
struct kc_lane {
    struct kc_producer *producer; /* NULL: none at the moment */
    struct kc_cycle cycle;
    char transactional_id[KC_TRANSACTIONAL_ID_MAX];
    uint32_t producers_made;
    int64_t retry_us; /* no other producer before */
    int64_t pause_us;
    bool failure_noted; /* the host has heard of the producer's failure */
};

/* What the lanes tell their owner. */
struct kc_lanes_host {
    void *ctx;
    /* Batches a producer that is closed gives back undelivered: the owner's to release. */
    void (*take_back)(void *ctx, struct aq_batch *list);
    /* A producer's failed record, before it is forgotten; see kc_lane_tell_failure(). */
    void (*failure)(void *ctx, const struct kc_failure *failure);
    /* The first producer cannot be opened, or waiting does not mend it. */
    void (*failed)(void *ctx, const struct aq_err *err);
    /* May be NULL. The lane that sent until now is being committed, and records go on in the other one. */
    void (*committing)(void *ctx);
};

struct kc_lanes {
    const struct kc_ops *ops;
    const struct kc_flow *flow;
    const char *client_id;
    int index; /* of the worker, for the log */
    struct kc_lanes_host host;
    struct kc_lane list[KC_LANES];
    int n;                   /* 2 in exactly_once, else 1 */
    struct kc_lane *sending; /* the one records are sent on */
    bool held;               /* by the owner: no commit may start */
};

struct kc_lanes_setup {
    const struct kc_ops *ops;
    const struct kc_flow *flow;
    const char *client_id; /* outlives the lanes, as the flow does */
    int index;
    struct kc_lanes_host host;
    struct kc_cycle_host cycle_host;
};

/* The transactional ids are the owner's to fill in before the first kc_lanes_open(). */
void kc_lanes_init(struct kc_lanes *lanes, const struct kc_lanes_setup *setup);
/* Everything closed: frees what the cycles keep. */
void kc_lanes_finish(struct kc_lanes *lanes);
void kc_lanes_set_member(struct kc_lanes *lanes, struct kc_member *member);

/* Opens the producers that are missing and whose pause is over. */
void kc_lanes_open(struct kc_lanes *lanes, int64_t now);
/* Closes what is open; every batch comes back. [blocks] for the client's close, within its deadline. */
void kc_lanes_close(struct kc_lanes *lanes);
/* Closes a producer that is used no more; its cycle is idle. Another one is opened after the lane's pause. */
void kc_lane_drop(struct kc_lanes *lanes, struct kc_lane *lane, int64_t now);

/* Sends on the other lane while this one is being committed. */
void kc_lanes_switch(struct kc_lanes *lanes);
/* Whether the lane may commit now: not before every earlier cycle is through, and not while the owner holds. */
void kc_lanes_hold(struct kc_lanes *lanes, struct kc_lane *lane);
bool kc_lanes_idle(const struct kc_lanes *lanes);
void kc_lanes_request(struct kc_lanes *lanes);
void kc_lanes_abort(struct kc_lanes *lanes, int64_t now);

/* Hands the producer's failure to the host, once until it is forgotten: a record the sink refused (class INPUT) as soon as
 * it is known, anything else only at `last`, because such a failure gives way to the one that caused it. To be called
 * before batches are released. */
void kc_lane_tell_failure(struct kc_lanes *lanes, struct kc_lane *lane, bool last);
/* After aborts: what the producers still have comes back, their failures are told and forgotten. The lanes are idle. */
void kc_lanes_take_back(struct kc_lanes *lanes);

#endif
