/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a route with stop_at_end, which its workers in this process reach together. Essay: bridge/finish.c.
 *
 * Threads: any worker; nothing blocks.
 */
#ifndef AQ_BRIDGE_FINISH_H
#define AQ_BRIDGE_FINISH_H

#include <stdatomic.h>
#include <stdbool.h>

struct br_worker;

struct br_finish {
    atomic_int working; /* workers that are not through, or not known to be */
    atomic_bool over;   /* was reached: final */
};

void br_finish_init(struct br_finish *finish, int workers);

/* Once a turn: true when the route is over and the worker is to drain. False without stop_at_end. */
bool br_finish_reached(struct br_worker *worker);

#endif
