/* SPDX-License-Identifier: Apache-2.0
 *
 * A bridge as something cli/run.c can run.
 */
#include "base/assert.h"
#include "cli/run.h"
#include "cli/summary.h"

static int start(void *self, struct aq_err *err)
{
    return br_bridge_start(self, err);
}

static void stop(void *self)
{
    br_bridge_stop(self);
}

static int wait_for(void *self, int64_t timeout_ms, struct aq_err *err)
{
    enum br_state state = br_bridge_wait(self, timeout_ms, err);
    if (state == BR_ENDED) return 0;
    if (state == BR_FAILED) return err->code ? err->code : AQ_E_FATAL;
    return CLI_JOB_RUNS;
}

static void sample_routes(void *self, struct cli_sample *ret)
{
    struct br_bridge *bridge = self;
    *ret = (struct cli_sample){.ready = true};
    size_t n = br_bridge_routes(bridge);
    for (size_t i = 0; i < n; i++) {
        struct br_route_status route;
        br_bridge_route_status(bridge, i, &route);
        ret->records += route.records_written;
        ret->bytes += route.bytes_written;
        ret->lag = ret->lag < 0 || route.lag < 0 ? -1 : ret->lag + route.lag;
        /* Only when every route has an end is there a time at which we are done. */
        ret->left = ret->left < 0 || route.end_total < 0 || route.lag < 0 ? -1 : ret->left + route.lag;
        ret->ready = ret->ready && route.ready;
    }
}

static void summarise(void *self, enum aq_log_format format, FILE *out)
{
    cli_summary_print(self, format, out);
}

int cli_run_routes(struct br_route *routes, size_t n_routes, const struct cli_run *run)
{
    AQ_ASSERT(n_routes > 0);
    struct br_bridge *bridge = br_bridge_create(&kc_rd_ops, routes, n_routes);
    struct cli_job job = {.noun = "bridge",
                          .self = bridge,
                          .start = start,
                          .stop = stop,
                          .wait = wait_for,
                          .sample = sample_routes,
                          .summary = summarise};
    http_shown_bridge(bridge, &job.shown);
    int rc = cli_run(&job, run);
    br_bridge_destroy(bridge);
    return rc;
}
