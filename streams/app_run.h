/* SPDX-License-Identifier: Apache-2.0
 *
 * The application's own structure, shared by app.c and app_status.c only.
 */
#ifndef AQ_STREAMS_APP_RUN_H
#define AQ_STREAMS_APP_RUN_H

#include "streams/app.h"
#include "streams/global.h"

struct st_app {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    struct st_plan *plan;
    struct st_serde_flow *serdes;
    struct st_catalog *catalog;
    struct st_queries *queries; /* of its stores, from outside */
    struct st_globals *globals; /* NULL: the topology has no global table */
    struct st_dbs dbs;          /* opened once; under lock until then */
    struct st_standby *standby; /* NULL: no stores, or not started; the same */
    struct st_worker **workers; /* NULL: not started, or being replaced */
    size_t n_workers;
    enum st_app_state state;    /* under lock when read from outside */
    struct aq_err err;          /* why it ends in ERROR; the same */
    struct st_counters retired; /* of threads that were replaced; under lock */
    _Atomic int64_t started_us;
    int failures; /* of threads, since failures_since_us */
    int64_t failures_since_us;
    atomic_bool stopping;
    atomic_bool paused;
    pthread_mutex_t lock; /* guards workers, state, err and retired */
};

/* streams/app_status.c: adds what `from` counted; either may be read by others meanwhile. */
void st_counters_add(struct st_counters *into, const struct st_counters *from);

#endif
