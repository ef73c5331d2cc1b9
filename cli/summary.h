/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done, per route or by the application, when a run ends.
 */
#ifndef AQ_CLI_SUMMARY_H
#define AQ_CLI_SUMMARY_H

#include <stdio.h>

#include "base/log.h"
#include "bridge/bridge.h"
#include "streams/app.h"

/* logfmt: a small table for people to `out`; json: one log line each, since nobody but a program reads. */
void cli_summary_print(struct br_bridge *bridge, enum aq_log_format format, FILE *out);
void cli_summary_route(const struct br_route_status *route, int64_t now, FILE *out);
void cli_summary_print_app(struct st_app *app, enum aq_log_format format, FILE *out);
void cli_summary_app(const struct st_app_status *app, int64_t now, FILE *out);

#endif
