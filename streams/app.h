/* SPDX-License-Identifier: Apache-2.0
 *
 * A streams application in this process: a topology, its settings, a catalog and the workers. What cli/, http/ and the C interface see of
 * the running engine.
 *
 * States (Kafka Streams' names):
 *   CREATED -> REBALANCING -> RUNNING <-> REBALANCING
 *   any of them -> PENDING_SHUTDOWN -> NOT_RUNNING        stopped in order
 *   any of them -> PENDING_ERROR -> ERROR                 a thread failed and the handler said shut down
 *
 * Threads: create/start/wait/destroy from one thread; stop, pause, resume, status and metrics from any.
 */
#ifndef AQ_STREAMS_APP_H
#define AQ_STREAMS_APP_H

#include "base/metric.h"
#include "streams/worker.h"

enum st_app_state {
    ST_APP_CREATED,
    ST_APP_REBALANCING,
    ST_APP_RUNNING,
    ST_APP_PENDING_SHUTDOWN,
    ST_APP_NOT_RUNNING,
    ST_APP_PENDING_ERROR,
    ST_APP_ERROR,
};

const char *st_app_state_name(enum st_app_state state); /* "RUNNING" */

struct st_app;

/* Settings and topology outlive it. NULL with the first error (the topology was checked before, so only a bug or a missing serde). */
struct st_app *st_app_create(const struct kc_ops *ops, const struct st_settings *settings,
                             const struct st_topology *topology, struct aq_err *err);
int st_app_start(struct st_app *app, struct aq_err *err);
void st_app_stop(struct st_app *app);
/* Records stop flowing and come again; group and positions stay. */
void st_app_pause(struct st_app *app);
void st_app_resume(struct st_app *app);
/* Waits up to timeout_ms; NOT_RUNNING and ERROR are ends. Replaces threads that failed when the settings say so. */
enum st_app_state st_app_wait(struct st_app *app, int64_t timeout_ms, struct aq_err *err);
void st_app_destroy(struct st_app *app);

struct st_app_status {
    const char *application_id;
    enum st_app_state state;
    bool paused;
    bool ready;
    char reason[256]; /* why it is not ready or failed; "" otherwise */
    uint32_t threads, tasks, partitions;
    uint64_t records_read, bytes_read, records_processed, records_written, bytes_written;
    uint64_t skipped, dead_letters, records_lost;
    uint64_t cycles_committed, cycles_aborted, cycles_fenced, rebalances;
    uint64_t global_rows, global_bytes; /* of global tables, in memory here */
    uint64_t standby_stores, standby_lag, standby_records;
    int64_t lag; /* over the partitions read here; -1 unknown */
    int64_t last_commit_us, first_record_us, started_us;
};

void st_app_status(struct st_app *app, struct st_app_status *ret);
/* [blocks] `check --connect`: one line each finding to out ("ok  …", "warn …", "error …"). Returns the number of errors. */
size_t st_app_check_connected(const struct kc_ops *ops, const struct st_settings *settings,
                              const struct st_plan *plan, FILE *out);
/* Every AQ_M_STREAMS_* metric, in table order. */
void st_app_metrics(struct st_app *app, struct aq_metric_writer *writer);

#endif
