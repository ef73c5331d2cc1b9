/* SPDX-License-Identifier: Apache-2.0
 *
 * A route run without a broker: the bridge's own worker, catalog and commit cycle between two simulated clusters
 * (kafka/sim.h), in the caller's thread, with a clock that moves only when it is told to. What `aqueduct test` stands
 * on.
 *
 * Every call returns when nothing is left to do: what was piped in has gone through the chain, is committed, and can
 * be read on the sink, dead letters like all other records.
 *
 * What is not the route's own here: there is one worker; it starts at the earliest record (a start by offset has no
 * meaning for topics that are empty) and does not stop at the end; nothing is throttled; topics that are missing are
 * created.
 *
 * Threads: one. Errors: 0 or a negative code; after one the driver can only be read and destroyed.
 */
#ifndef AQ_BRIDGE_DRIVER_H
#define AQ_BRIDGE_DRIVER_H

#include "bridge/route.h"
#include "kafka/sim.h"

struct br_driver;

struct br_driver_setup {
    const struct br_route *route;
    int32_t partitions; /* of source topics; 0: 1 */
    int64_t wall_ms;    /* where the wall clock starts; 0: 2024-01-01T00:00:00Z */
    uint64_t seed;
};

/* The topics the route names exist afterwards, and its tasks are taken. NULL: err says why. */
struct br_driver *br_driver_create(const struct br_driver_setup *setup, struct aq_err *err);
/* Stops in order. Returns how that went. */
int br_driver_close(struct br_driver *driver, struct aq_err *err);
void br_driver_destroy(struct br_driver *driver);

/* One record into a source topic, which is created when the route takes it. partition -1: by the key. UNKNOWN_TOPIC
 * when the route does not take it; the reason of the route's end when the record ends it. */
int br_driver_pipe(struct br_driver *driver, const char *topic, const struct kc_sim_record *rec,
                   struct aq_err *err);
/* Moves the wall clock in one step. */
int br_driver_advance(struct br_driver *driver, int64_t ms, struct aq_err *err);
int64_t br_driver_wall_ms(const struct br_driver *driver);

/* The next record of a topic of the sink that was not read yet; false: there is none (or no such topic). Its bytes
 * live as long as the driver. */
bool br_driver_read(struct br_driver *driver, const char *topic, struct kc_sim_record *ret);
/* The topics the route has written to so far, in the order in which they were first seen. */
size_t br_driver_topics(struct br_driver *driver, const char *const **ret_names);

#endif
