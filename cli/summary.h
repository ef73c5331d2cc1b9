/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done, per route, when a run ends.
 */
#ifndef AQ_CLI_SUMMARY_H
#define AQ_CLI_SUMMARY_H

#include <stdio.h>

#include "base/log.h"
#include "bridge/bridge.h"

/* logfmt: a small table for people to `out`; json: one log line per route, since nobody but a program reads.
 * */
void cli_summary_print(struct br_bridge *bridge, enum aq_log_format format, FILE *out);
void cli_summary_route(const struct br_route_status *route, int64_t now, FILE *out);

#endif
