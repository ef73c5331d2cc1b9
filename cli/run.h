/* SPDX-License-Identifier: Apache-2.0
 *
 * Running routes in this process until they end or somebody sends a signal: the common part of bridge,
 * mirror, demo.
 */
#ifndef AQ_CLI_RUN_H
#define AQ_CLI_RUN_H

#include "bridge/bridge.h"
#include "cli/command.h"
#include "http/http.h"

struct cli_run {
    struct br_route *routes;
    size_t n_routes;
    const struct http_conf *http; /* NULL or not enabled: nothing listens */
    enum aq_log_format log_format;
    bool quiet;
};

/* Returns the exit code. Prints errors, progress and the summary. */
int cli_run(const struct cli_run *run);

#endif
