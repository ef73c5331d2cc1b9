/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct bridge`: runs the routes of a configuration file. Loading is cli/config.c, running cli/run.c.
 */
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/run.h"

static int run_bridge(struct cli_call *call)
{
    struct cli_config config;
    int rc = cli_config_open_routes(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) {
        const struct cli_run run = {
            .http = &config.http, .log_format = call->log_format, .quiet = call->quiet};
        rc = cli_run_routes(config.routes, config.n_routes, &run);
    }
    cli_config_finish(&config);
    return rc;
}

const struct cli_command cli_command_bridge = {
    .name = "bridge",
    .usage = "[OPTION]... [FILE]",
    .summary = "Runs the routes of a configuration file.",
    .text =
        "Reads records from each route's source cluster, sends them through its chain of transforms and "
        "writes the outcome to its sink cluster, exactly once unless the route says delivery = "
        "\"at_least_once\". Nothing is written to a source.\n"
        "\n"
        "Runs until it is stopped, or, when every route says stop_at_end = true, until what was there at the "
        "start has been mirrored. SIGTERM, SIGINT or SIGHUP stop it in order: the open cycle is committed "
        "and the groups are left. A second signal ends the process at once, which is safe, too: the open "
        "cycle is repeated at the next start.\n"
        "\n"
        "Start several processes with the same file to share the work: tasks are handed out by the sink's "
        "group coordinator, and the tasks of a process that dies go to the others.\n"
        "\n"
        "On a terminal one line shows records per second, bytes per second, the lag and, with stop_at_end, "
        "the time left. A summary per route is printed at the end.",
    .max_args = 1,
    .run = run_bridge,
};
