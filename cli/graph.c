/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct graph`: the topology of a streams application as a picture: as text for Graphviz or Mermaid, or drawn.
 *
 * An SVG is drawn by Graphviz' program dot, which is found on the PATH and started without a shell. It reads all of its input
 * before it writes, and writes to our standard output by itself, so nothing waits for itself here.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "streams/topology/graph.h"

extern char **environ;

/* Starts dot with the reading end as its input. 0, or an errno. */
static int start_dot(const int ends[2], pid_t *ret_pid)
{
    char *argv[] = {(char *)"dot", (char *)"-Tsvg", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    int rc = posix_spawnp(ret_pid, "dot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return CLI_FAILED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return CLI_OK;
    fputs("aqueduct graph: dot did not draw the picture\n", stderr);
    return CLI_FAILED;
}

static int draw(const struct st_plan *plan)
{
    int ends[2];
    pid_t pid;
    fflush(stdout);
    if (pipe(ends) != 0) {
        fprintf(stderr, "aqueduct graph: %s\n", strerror(errno));
        return CLI_FAILED;
    }
    int rc = start_dot(ends, &pid);
    close(ends[0]);
    FILE *out = rc == 0 ? fdopen(ends[1], "w") : NULL;
    if (!out) {
        close(ends[1]);
        if (rc == 0) return wait_for(pid);
        fprintf(
            stderr,
            "aqueduct graph: the program 'dot' cannot be started (%s): install graphviz, or take --format dot or "
            "mermaid, which need nothing\n",
            strerror(rc));
        return CLI_FAILED;
    }
    st_graph_dot(plan, out);
    fclose(out);
    return wait_for(pid);
}

static int show(const struct st_plan *plan, const char *format)
{
    AQ_ASSERT(plan);
    if (strcmp(format, "svg") == 0) return draw(plan);
    if (strcmp(format, "dot") == 0)
        st_graph_dot(plan, stdout);
    else
        st_graph_mermaid(plan, stdout);
    return CLI_OK;
}

static int run_graph(struct cli_call *call)
{
    const char *format = cli_value(call, "format");
    if (!format) format = "dot";
    if (strcmp(format, "dot") != 0 && strcmp(format, "mermaid") != 0 && strcmp(format, "svg") != 0)
        return cli_usage_error(call, "--format is dot, mermaid or svg, not '%s'", format);
    struct cli_config config;
    int rc = cli_config_open_streams(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) rc = show(config.streams.plan, format);
    cli_config_finish(&config);
    return rc;
}

static const struct cli_option graph_options[] = {
    {"format", 0, "FORMAT",
     "dot (default, for Graphviz), mermaid (for Markdown), or svg, which Graphviz' program dot draws."},
    {.name = NULL},
};

const struct cli_command cli_command_graph = {
    .name = "graph",
    .usage = "[--format dot|mermaid|svg] [FILE]",
    .summary = "Draws the topology of a streams application.",
    .text =
        "Sub-topologies with their nodes, and the topics that lead from one to the next, internal ones among them. Nothing "
        "is asked of the cluster.\n"
        "\n"
        "  aqueduct graph -c aqueduct.conf --format svg > topology.svg",
    .options = graph_options,
    .max_args = 1,
    .run = run_graph,
};
