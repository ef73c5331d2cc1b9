/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor's own structures, shared by bridge.c and status.c only.
 */
#ifndef AQ_BRIDGE_RUN_H
#define AQ_BRIDGE_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "bridge/bridge.h"
#include "bridge/catalog.h"
#include "bridge/finish.h"

struct br_worker;

/* One route while it runs. */
struct br_run {
    struct br_route *route;
    struct br_catalog *catalog;
    struct br_finish finish;
    struct br_worker **workers;
    size_t n_workers;
    size_t n_started;    /* under the bridge's lock: workers that can be told to stop */
    enum br_state state; /* under the bridge's lock */
    struct aq_err err;
    int64_t started_us;
};

struct br_bridge {
    const struct kc_ops *ops;
    struct br_run *runs;
    size_t n_runs;
    atomic_bool stopping;
    pthread_mutex_t lock; /* guards run->state and run->n_started */
};

#endif
