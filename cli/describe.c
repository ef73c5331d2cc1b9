/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct describe`: the topology of a streams application as text, in the form of Kafka Streams.
 */
#include <stdio.h>

#include "cli/config.h"
#include "cli/exit.h"
#include "streams/topology/describe.h"

static int run_describe(struct cli_call *call)
{
    struct cli_config config;
    int rc = cli_config_open_streams(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) st_describe(config.streams.plan, stdout);
    cli_config_finish(&config);
    return rc;
}

const struct cli_command cli_command_describe = {
    .name = "describe",
    .usage = "[FILE]",
    .summary = "Shows the topology of a streams application as text.",
    .text =
        "The text is that of Kafka Streams' Topology#describe(), so that tools which draw it draw this one: "
        "sub-topologies with their sources, processors and sinks, and what leads where. Nothing is asked of the "
        "cluster.\n"
        "\n"
        "  aqueduct describe -c aqueduct.conf",
    .max_args = 1,
    .run = run_describe,
};
