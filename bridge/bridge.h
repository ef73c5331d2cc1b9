/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor: runs a set of routes in this process until they end, fail or are told to stop. What cli/ and http/
 * see of bridge/.
 *
 * Threads: create/start/stop/wait/destroy from the main thread; br_bridge_stop() also from a signal-handling thread;
 * status, metrics and readiness from any thread.
 */
#ifndef AQ_BRIDGE_BRIDGE_H
#define AQ_BRIDGE_BRIDGE_H

#include "base/metric.h"
#include "bridge/route.h"
#include "kafka/kafka.h"

struct br_bridge;

enum br_state { BR_STARTING, BR_RUNNING, BR_STOPPING, BR_ENDED, BR_FAILED };

struct br_bridge *br_bridge_create(const struct kc_ops *ops, struct br_route *routes, size_t n_routes);

/* Contacts both clusters of every route (up to each cluster's connect_timeout, retrying with backoff and saying so),
 * prepares state topics, runs the exactly_once self-test, starts discovery and workers. Returns 0, or the first
 * error with everything stopped again: UNREACHABLE, AUTH, DENIED, UNSUPPORTED, STATE, MISMATCH, … */
int br_bridge_start(struct br_bridge *bridge, struct aq_err *err);

/* Asks every worker to finish its cycle and leave its group. Returns at once; async-signal-unsafe. */
void br_bridge_stop(struct br_bridge *bridge);

/* Waits up to timeout_ms; returns the state. ENDED: all routes have ended in order (stopped, or stop_at_end reached).
 * FAILED: some route failed; err has the first reason (others were logged). */
enum br_state br_bridge_wait(struct br_bridge *bridge, int64_t timeout_ms, struct aq_err *err);

/* Stops what still runs (bounded by a deadline) and frees everything. */
void br_bridge_destroy(struct br_bridge *bridge);

/* ---- what is going on --------------------------------------------------------------------------------------------- */

struct br_route_status {
    const char *name;
    const char *from;
    const char *to;
    enum br_state state;
    enum br_delivery delivery;
    bool ready;       /* joined its group, positions known, no failure */
    char reason[256]; /* why it is not ready or failed; "" otherwise */
    uint32_t tasks;
    uint32_t partitions;
    uint64_t records_read, bytes_read;
    uint64_t records_written, bytes_written;
    uint64_t records_dropped, records_skipped, records_dead, records_lost;
    uint64_t cycles_committed, cycles_aborted, cycles_fenced;
    int64_t lag; /* records, over owned partitions; -1 while unknown */
    int64_t
        end_total; /* with stop_at_end: records there were at the start over owned partitions; -1 otherwise */
    int64_t last_commit_us;  /* monotonic; 0 none yet */
    int64_t first_record_us; /* monotonic time of the first acknowledged record; 0 none yet */
    int64_t started_us;
};

size_t br_bridge_routes(const struct br_bridge *bridge);
void br_bridge_route_status(struct br_bridge *bridge, size_t route, struct br_route_status *ret);

struct br_partition_status {
    char topic[256];
    int32_t partition;
    int32_t task;
    int64_t position; /* committed; -1 unknown */
    int64_t end;      /* -1 unknown */
    int64_t lag;      /* -1 unknown */
};
/* Up to max entries of the partitions this process reads for a route; returns how many there are. */
size_t br_bridge_partitions(struct br_bridge *bridge, size_t route, struct br_partition_status *list,
                            size_t max);

/* Writes every AQ_M_* metric of the bridge in table order (ROUTE_UP to STEP_SECONDS). */
void br_bridge_metrics(struct br_bridge *bridge, struct aq_metric_writer *writer);

/* ---- positions of a stopped (or running, for show) route, used by `aqueduct positions` ------------------------------ */

struct br_position_line {
    int32_t task;
    const char *topic;
    int32_t partition;
    int64_t next;
    int64_t low, high;    /* of the source, -1 unknown */
    int64_t committed_ms; /* when the position record was written; -1 none */
};

/* [blocks] All stored positions, sorted by topic and partition, in arena memory. */
int br_positions_show(const struct kc_ops *ops, const struct br_route *route, struct aq_arena *arena,
                      struct br_position_line **ret_lines, size_t *ret_count, struct aq_err *err);

enum br_reset { BR_RESET_EARLIEST, BR_RESET_LATEST, BR_RESET_TIMESTAMP, BR_RESET_OFFSET };

/* [blocks] Moves the positions of the partitions `filter` takes (NULL: all the route takes; partition -1: all). Refused
 * with BUSY while the route's group has members. dry_run only computes. ret_lines show the new positions. */
int br_positions_reset(const struct kc_ops *ops, const struct br_route *route, const char *topic,
                       int32_t partition, enum br_reset how, int64_t value, bool dry_run,
                       struct aq_arena *arena, struct br_position_line **ret_lines, size_t *ret_count,
                       struct aq_err *err);

/* [blocks] `check --connect`: reaches both clusters, topics, rights and the exactly_once self-test; one line each to
 * out ("ok  …", "warn …", "error …"). Returns the number of errors. */
size_t br_route_check_connected(const struct kc_ops *ops, const struct br_route *route, FILE *out);

#endif
