/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps of the tests of lanes: records that arrive, go out and are committed, and the lanes' states.
 */
#ifndef AQ_TESTS_LANE_WORLD_H
#define AQ_TESTS_LANE_WORLD_H

#include "tests/unit/bridge/worker_world.h"

/* A worker that reads its partition from the start. */
static inline struct br_partition *start_reading(struct world *w, const char *options)
{
    start(w, options);
    assert_true(turn(w));
    check_log(w, "assign(0@-2)");
    return w->worker->tasks[0].partitions[0];
}

static inline struct kc_producer *producer_of(struct world *w, int lane)
{
    assert_non_null(w->worker->own.lanes.list[lane].producer);
    return w->worker->own.lanes.list[lane].producer;
}

static inline int sending_lane(const struct world *w)
{
    return (int)(w->worker->own.lanes.sending - w->worker->own.lanes.list);
}

static inline void turns(struct world *w, int n)
{
    for (int i = 0; i < n; i++) assert_true(turn(w));
}

/* Records arrive and go out at once. */
static inline void flow(struct world *w, struct br_partition *p, int64_t first, int n)
{
    arrive(w, p, first, n);
    assert_true(turn(w));
}

/* From records to a commit under way. */
static inline void run_to_commit(struct world *w, struct br_partition *p, int64_t first, int n)
{
    flow(w, p, first, n);
    deliver(w);
    assert_true(turn(w));
    w->log[0] = '\0';
}

/* Lane a is being committed, and five records were sent behind it on lane b. */
static inline struct br_partition *start_two_under_way(struct world *w)
{
    struct br_partition *p = start_reading(w, "");
    run_to_commit(w, p, 0, 5);
    flow(w, p, 5, 5);
    check_log(w, "b:begin b:send(5-9)");
    return p;
}

/* What is known of both lanes' states, without any client. */
static inline void set_states(struct world *w, enum kc_cycle_state first, enum kc_cycle_state second)
{
    w->worker->own.lanes.list[0].cycle.state = first;
    w->worker->own.lanes.list[1].cycle.state = second;
}

#endif
