/* SPDX-License-Identifier: Apache-2.0
 *
 * A topology run without a broker: the engine's own worker, catalog and commit cycle on a simulated cluster
 * (kafka/sim.h), in the caller's thread, with a clock that moves only when it is told to. What
 * include/aqueduct/testdriver.h and `aqueduct test` stand on.
 *
 * Every call returns when nothing is left to do: what was piped in has been processed through every sub-topology,
 * committed, and what came of it can be read. As in Kafka Streams' TopologyTestDriver, so that one record's outputs
 * precede the next one's.
 *
 * Threads: one. Errors: 0 or a negative code; after one the driver can only be read and destroyed.
 */
#ifndef AQ_STREAMS_DRIVER_H
#define AQ_STREAMS_DRIVER_H

#include "kafka/sim.h"
#include "streams/serde/serde_flow.h"
#include "streams/settings.h"
#include "streams/topology/topology.h"

struct st_driver;

struct st_driver_setup {
    const struct st_settings
        *settings; /* as for a cluster; cluster, threads and time-outs are the driver's own */
    const struct st_topology *topology;
    int32_t partitions;        /* of source topics; 0: 1 */
    const char *const *topics; /* exist from the start besides those that sources name: for patterns, say */
    size_t n_topics;
    int64_t wall_ms; /* where the wall clock starts; 0: 2024-01-01T00:00:00Z */
    uint64_t seed;
};

/* Source topics exist afterwards, the tasks run, processors are started. NULL: err says why. */
struct st_driver *st_driver_create(const struct st_driver_setup *setup, struct aq_err *err);
/* Stops in order: processors are closed, what they still emit is committed. Returns how that went. */
int st_driver_close(struct st_driver *driver, struct aq_err *err);
void st_driver_destroy(struct st_driver *driver);

/* One record into a topic of a source or a global table; a topic only a pattern takes is created. partition -1: by the key. UNKNOWN_TOPIC
 * when no source reads it. */
int st_driver_pipe(struct st_driver *driver, const char *topic, const struct kc_sim_record *rec,
                   struct aq_err *err);
/* Moves the wall clock in one step: each punctuation that is due is called once. */
int st_driver_advance(struct st_driver *driver, int64_t ms, struct aq_err *err);
int64_t st_driver_wall_ms(const struct st_driver *driver);

/* The next record of a topic that was not read yet; false: there is none (or no such topic). Its bytes live as long as
 * the driver. */
bool st_driver_read(struct st_driver *driver, const char *topic, struct kc_sim_record *ret);
/* The topics the topology has written to so far, internal ones left out, in the order in which they were first seen. */
size_t st_driver_topics(struct st_driver *driver, const char *const **ret_names);

/* Calls back with the store of each task that has it, in no order; ends with the first call that returns not 0, and returns that. None
 * when the driver was closed. Reading a store's keys changes nothing that a topology sees. */
struct st_kept;
int st_driver_stores(struct st_driver *driver, const struct st_store *store,
                     int (*each)(void *ctx, struct st_kept *kept), void *ctx);

/* The global table of this node; NULL: there is none. */
struct st_global;
const struct st_global *st_driver_global(const struct st_driver *driver, const char *name);

/* How keys and values lie in a topic that is read, or written; see streams/serde/serde_flow.h. */
struct st_serdes st_driver_reads(const struct st_driver *driver, const char *topic);
struct st_serdes st_driver_writes(const struct st_driver *driver, const char *topic);

#endif
