/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pages show: the routes of a bridge or a streams application, as a list of parts with their readiness, and
 * metrics. Whoever serves the pages knows no more of what runs than this.
 *
 * Threads: the functions are called on the HTTP library's threads, several at a time where there are queries.
 */
#ifndef AQ_HTTP_SHOWN_H
#define AQ_HTTP_SHOWN_H

#include "base/metric.h"
#include "bridge/bridge.h"
#include "streams/query/query.h"

/* Something that is ready or not. */
struct http_part {
    const char *noun; /* "route", "application" */
    const char *name;
    bool ready;
    char reason[256]; /* when it is not ready: why, never empty */
};

struct http_shown {
    void *ctx;
    /* Up to max entries; return how many there are. */
    size_t (*parts)(void *ctx, struct http_part *list, size_t max);
    void (*metrics)(void *ctx, struct aq_metric_writer *writer);
    struct st_queries *queries; /* of an application's stores; NULL: there are none */
};

/* Bridge and application outlive what is made of them. */
void http_shown_bridge(struct br_bridge *bridge, struct http_shown *ret);
void http_shown_app(struct st_app *app, struct http_shown *ret);

/* The readiness of one status. */
void http_part_of_route(const struct br_route_status *status, struct http_part *ret);
void http_part_of_app(const struct st_app_status *status, struct http_part *ret);

#endif
