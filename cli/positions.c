/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct positions`: where a route stands, and moving it while it is stopped.
 *
 * An ordinary pass: load the file, pick the routes, ask bridge/ for the lines, print a table per route.
 * --reset does the same with the new positions; --dry-run leaves them where they are.
 * A failing one: while the route's group has members a reset is refused (exit code 75), because a running
 * owner would overwrite it with its next commit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/exit.h"
#include "cli/number.h"
#include "cli/when.h"
#include "conf/secret.h"

struct request {
    const char *route; /* NULL: all */
    bool reset;
    bool dry_run;
    struct cli_when to;
    const char *topic;
    int32_t partition; /* -1: all */
};

static void print_offset(int64_t offset)
{
    if (offset < 0)
        printf(" %14s", "-");
    else
        printf(" %14" PRId64, offset);
}

static void print_lines(const struct br_route *route, const struct br_position_line *lines, size_t n)
{
    int width = 5;
    for (size_t i = 0; i < n; i++) {
        int len = (int)strlen(lines[i].topic);
        if (len > width) width = len;
    }
    printf("route %s: %s -> %s, %zu partition%s\n", route->name, route->from, route->to, n,
           n == 1 ? "" : "s");
    if (n == 0) return;
    printf("  %-*s %9s %5s %14s %14s %14s %14s  %s\n", width, "topic", "partition", "task", "next", "low",
           "high", "lag", "committed");
    for (size_t i = 0; i < n; i++) {
        const struct br_position_line *line = &lines[i];
        printf("  %-*s %9" PRId32 " %5" PRId32, width, line->topic, line->partition, line->task);
        print_offset(line->next);
        print_offset(line->low);
        print_offset(line->high);
        int64_t from = line->next > line->low ? line->next : line->low;
        print_offset(line->high < 0 || line->next < 0 ? -1 : line->high > from ? line->high - from : 0);
        char when[CLI_NUMBER_MAX];
        printf("  %s\n", cli_timestamp(when, line->committed_ms));
    }
}

static enum br_reset reset_kind(enum cli_when_kind kind)
{
    switch (kind) {
    case CLI_WHEN_EARLIEST: return BR_RESET_EARLIEST;
    case CLI_WHEN_LATEST: return BR_RESET_LATEST;
    case CLI_WHEN_TIMESTAMP: return BR_RESET_TIMESTAMP;
    case CLI_WHEN_OFFSET: return BR_RESET_OFFSET;
    }
    return BR_RESET_EARLIEST;
}

static int handle_route(const struct br_route *route, const struct request *request)
{
    struct aq_arena arena;
    aq_arena_init(&arena, 4096);
    struct aq_err err = {0};
    struct br_position_line *lines = NULL;
    size_t n = 0;
    int rc;
    if (request->reset)
        rc = br_positions_reset(&kc_rd_ops, route, request->topic, request->partition,
                                reset_kind(request->to.kind), request->to.value, request->dry_run, &arena,
                                &lines, &n, &err);
    else
        rc = br_positions_show(&kc_rd_ops, route, &arena, &lines, &n, &err);
    if (rc < 0) {
        conf_mask(err.text);
        fprintf(stderr, "aqueduct positions: route %s: %s\n", route->name, err.text);
    } else {
        print_lines(route, lines, n);
        if (request->reset)
            printf(request->dry_run ? "nothing was changed (--dry-run)\n" : "the route starts there\n");
    }
    aq_arena_finish(&arena);
    return rc < 0 ? cli_exit_for(rc) : CLI_OK;
}

static int handle_routes(const struct cli_config *config, const struct cli_call *call,
                         const struct request *request)
{
    if (request->reset && !request->route && config->n_routes > 1)
        return cli_usage_error(call, "the file has %zu routes; say which one to reset: --route NAME",
                               config->n_routes);
    int worst = CLI_OK;
    bool found = false;
    for (size_t i = 0; i < config->n_routes; i++) {
        if (request->route && strcmp(config->routes[i].name, request->route) != 0) continue;
        found = true;
        int rc = handle_route(&config->routes[i], request);
        if (rc != CLI_OK) worst = rc;
    }
    if (!found) return cli_usage_error(call, "no route is called '%s'", request->route);
    return worst;
}

static int read_request(const struct cli_call *call, struct request *ret)
{
    *ret = (struct request){.route = cli_value(call, "route"),
                            .topic = cli_value(call, "topic"),
                            .dry_run = cli_has(call, "dry-run"),
                            .partition = -1};
    const char *reset = cli_value(call, "reset");
    ret->reset = reset != NULL;
    if (reset && !cli_when_parse(reset, &ret->to))
        return cli_usage_error(call, "--reset is " CLI_WHEN_FORMS ", not '%s'", reset);
    if (!reset && (ret->topic || ret->dry_run || cli_has(call, "partition")))
        return cli_usage_error(call, "--topic, --partition and --dry-run belong to --reset");
    const char *partition = cli_value(call, "partition");
    if (!partition) return CLI_OK;
    char *end;
    errno = 0;
    long number = strtol(partition, &end, 10);
    if (errno || *end || end == partition || number < 0 || number > INT32_MAX)
        return cli_usage_error(call, "--partition is a number, not '%s'", partition);
    if (!ret->topic) return cli_usage_error(call, "--partition needs --topic");
    ret->partition = (int32_t)number;
    return CLI_OK;
}

static int run_positions(struct cli_call *call)
{
    struct request request;
    int rc = read_request(call, &request);
    if (rc != CLI_OK) return rc;
    struct cli_config config;
    rc = cli_config_open_routes(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) rc = handle_routes(&config, call, &request);
    cli_config_finish(&config);
    return rc;
}

static const struct cli_option positions_options[] = {
    {"route", 0, "NAME", "Only this route; needed for --reset when the file has several."},
    {"reset", 0, "WHERE",
     "Moves the positions to earliest, latest, timestamp=2024-05-01T12:00:00Z or offset=N. The route must be "
     "stopped everywhere."},
    {"topic", 0, "TOPIC", "With --reset: only this source topic."},
    {"partition", 0, "N", "With --reset and --topic: only this partition."},
    {"dry-run", 0, NULL, "With --reset: shows the new positions and changes nothing."},
    {.name = NULL},
};

const struct cli_command cli_command_positions = {
    .name = "positions",
    .usage = "[--route NAME] [--reset WHERE [--topic TOPIC [--partition N]] [--dry-run]] [FILE]",
    .summary = "Shows where a route stands; moves it while it is stopped.",
    .text =
        "One line per source partition: the next offset to read as committed on the sink, what the source "
        "holds (low and high), the lag, and when the position was committed.\n"
        "\n"
        "--reset is refused with exit code 75 while an instance of the route runs. Moving back mirrors "
        "records a second time; moving forward leaves records out.\n"
        "\n"
        "  aqueduct positions -c aqueduct.conf\n"
        "  aqueduct positions -c aqueduct.conf --route orders --reset timestamp=2024-05-01T12:00:00Z "
        "--dry-run",
    .options = positions_options,
    .max_args = 1,
    .run = run_positions,
};
