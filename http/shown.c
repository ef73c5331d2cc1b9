/* SPDX-License-Identifier: Apache-2.0
 *
 * A bridge and an application in the words of the pages (http/shown.h).
 */
#include "http/shown.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static void set_part(struct http_part *part, const char *noun, const char *name, bool ready,
                     const char *reason)
{
    AQ_ASSERT(ready || reason[0]);
    *part = (struct http_part){.noun = noun, .name = name, .ready = ready};
    if (!ready) snprintf(part->reason, sizeof(part->reason), "%s", reason);
}

/* ---- routes ------------------------------------------------------------------------------------------------------- */

/* A route that reached its end is done, not broken: with stop_at_end on one of several routes the process
 * goes on. */
static bool route_is_ready(const struct br_route_status *route)
{
    if (route->state == BR_ENDED) return true;
    return route->ready && route->state == BR_RUNNING;
}

static const char *route_reason(const struct br_route_status *route)
{
    if (route->reason[0]) return route->reason;
    switch (route->state) {
    case BR_STARTING: return "starting";
    case BR_RUNNING: return "waiting for its tasks";
    case BR_STOPPING: return "stopping";
    case BR_FAILED: return "failed";
    case BR_ENDED: break;
    }
    return "not ready";
}

void http_part_of_route(const struct br_route_status *status, struct http_part *ret)
{
    set_part(ret, "route", status->name, route_is_ready(status), route_reason(status));
}

static size_t bridge_parts(void *ctx, struct http_part *list, size_t max)
{
    struct br_bridge *bridge = ctx;
    size_t n = br_bridge_routes(bridge);
    for (size_t i = 0; i < n && i < max; i++) {
        struct br_route_status status;
        br_bridge_route_status(bridge, i, &status);
        http_part_of_route(&status, &list[i]);
    }
    return n;
}

static void bridge_metrics(void *ctx, struct aq_metric_writer *writer)
{
    br_bridge_metrics(ctx, writer);
}

void http_shown_bridge(struct br_bridge *bridge, struct http_shown *ret)
{
    *ret = (struct http_shown){.ctx = bridge, .parts = bridge_parts, .metrics = bridge_metrics};
}

/* ---- an application ----------------------------------------------------------------------------------------------- */

static const char *app_reason(const struct st_app_status *app)
{
    if (app->reason[0]) return app->reason;
    switch (app->state) {
    case ST_APP_CREATED: return "starting";
    case ST_APP_REBALANCING: return "waiting for its tasks";
    case ST_APP_PENDING_SHUTDOWN: return "stopping";
    case ST_APP_NOT_RUNNING: return "stopped";
    case ST_APP_PENDING_ERROR:
    case ST_APP_ERROR: return "failed";
    case ST_APP_RUNNING: break;
    }
    return "not ready";
}

void http_part_of_app(const struct st_app_status *status, struct http_part *ret)
{
    set_part(ret, "application", status->application_id, status->ready, app_reason(status));
}

static size_t app_parts(void *ctx, struct http_part *list, size_t max)
{
    struct st_app_status status;
    st_app_status(ctx, &status);
    if (max > 0) http_part_of_app(&status, &list[0]);
    return 1;
}

static void app_metrics(void *ctx, struct aq_metric_writer *writer)
{
    st_app_metrics(ctx, writer);
}

void http_shown_app(struct st_app *app, struct http_shown *ret)
{
    *ret = (struct http_shown){
        .ctx = app, .parts = app_parts, .metrics = app_metrics, .queries = st_app_queries(app)};
}
