/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct mirror`: one route without a file. The command line is turned into the text of a configuration,
 * which then goes the way of every other: the same checks, the same run; --print-config shows it instead, as
 * the start of a file.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/run.h"
#include "cli/when.h"

/* A libconfig string that no expansion touches: the shell has expanded what was to be expanded. */
static void print_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        if (text[0] == '$' && text[1] == '{') fputc('$', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Topic names are letters, digits, dot, underscore and hyphen: anything else makes it a pattern. orders.eu is
 * a name; whoever means the pattern writes ^orders.eu. */
static bool is_topic_name(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p)) return false;
    }
    return *text != '\0';
}

static void print_topics(FILE *out, const struct cli_call *call)
{
    fputs("        topics = [", out);
    for (int i = 0; i < call->n_args; i++) {
        const char *topic = call->args[i];
        char *pattern = NULL;
        if (!is_topic_name(topic) && topic[0] != '^' && asprintf(&pattern, "^%s", topic) < 0) pattern = NULL;
        if (i > 0) fputs(", ", out);
        print_string(out, pattern ? pattern : topic);
        free(pattern);
    }
    fputs("];\n", out);
}

static void print_start(FILE *out, const struct cli_when *start)
{
    static const char *const names[] = {"earliest", "latest", "timestamp", "offset"};
    fprintf(out, "        start = \"%s\";\n", names[start->kind]);
    if (start->kind == CLI_WHEN_TIMESTAMP)
        fprintf(out, "        start_timestamp = %" PRId64 "L;\n", start->value);
    if (start->kind == CLI_WHEN_OFFSET) fprintf(out, "        start_offset = %" PRId64 "L;\n", start->value);
}

static void print_option(FILE *out, const struct cli_call *call, const char *option, const char *setting)
{
    const char *value = cli_value(call, option);
    if (!value) return;
    fprintf(out, "        %s = ", setting);
    print_string(out, value);
    fputs(";\n", out);
}

static void print_cluster(FILE *out, const char *name, const char *brokers)
{
    fprintf(out, "    %s = { brokers = ", name);
    print_string(out, brokers);
    fputs("; };\n", out);
}

static char *make_config(const struct cli_call *call, const struct cli_when *start)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    AQ_ASSERT(out);
    fputs("clusters = {\n", out);
    print_cluster(out, "source", cli_value(call, "from"));
    print_cluster(out, "sink", cli_value(call, "to"));
    fputs("};\nroutes = (\n    {\n        name = ", out);
    const char *name = cli_value(call, "name");
    print_string(out, name ? name : "mirror");
    fputs(";\n        from = \"source\";\n        to = \"sink\";\n", out);
    print_topics(out, call);
    print_option(out, call, "delivery", "delivery");
    if (start) print_start(out, start);
    if (cli_has(call, "stop-at-end")) fputs("        stop_at_end = true;\n", out);
    fputs("    }\n);\n", out);
    fclose(out);
    return text;
}

static int run_text(const struct cli_call *call, const char *text)
{
    struct cli_config config;
    int rc = CLI_CONFIG;
    bool good = cli_config_load(&config, "(command line)", text, call->overrides, call->n_overrides);
    if (!good || !call->quiet) conf_diags_print(&config.diags, stderr);
    if (good) {
        const struct cli_run run = {
            .http = &config.http, .log_format = call->log_format, .quiet = call->quiet};
        rc = cli_run_routes(config.routes, config.n_routes, &run);
    }
    cli_config_finish(&config);
    return rc;
}

static int run_mirror(struct cli_call *call)
{
    const char *const needed[] = {"from", "to"};
    for (size_t i = 0; i < 2; i++) {
        const char *value = cli_value(call, needed[i]);
        if (!value || !*value) return cli_usage_error(call, "--%s HOST:PORT is missing", needed[i]);
    }
    if (call->file)
        return cli_usage_error(call, "mirror takes no configuration file; `aqueduct bridge -c %s` does",
                               call->file);
    if (call->n_args == 0) return cli_usage_error(call, "which topics? Name at least one");
    struct cli_when start = {0};
    const char *start_text = cli_value(call, "start");
    if (start_text && !cli_when_parse(start_text, &start))
        return cli_usage_error(call, "--start is " CLI_WHEN_FORMS ", not '%s'", start_text);

    char *text = make_config(call, start_text ? &start : NULL);
    int rc = CLI_OK;
    if (cli_has(call, "print-config"))
        printf("# Made by `aqueduct mirror`; `aqueduct help route` tells what else can be set.\n%s", text);
    else
        rc = run_text(call, text);
    free(text);
    return rc;
}

static const struct cli_option mirror_options[] = {
    {"from", 0, "BROKERS", "Brokers of the source cluster, HOST:PORT, separated by commas."},
    {"to", 0, "BROKERS", "Brokers of the sink cluster."},
    {"name", 0, "NAME",
     "Name of the route, from which group and state topic are named (default mirror). Runs of the same name "
     "go on where the last one stopped."},
    {"delivery", 0, "MODE", "exactly_once (default) or at_least_once."},
    {"start", 0, "WHERE",
     "Where a partition without a position starts: earliest (default), latest, "
     "timestamp=2024-05-01T12:00:00Z or offset=N."},
    {"stop-at-end", 0, NULL, "Mirrors what is there now, then ends."},
    {"print-config", 0, NULL, "Prints the configuration file for this mirror instead of running it."},
    {.name = NULL},
};

const struct cli_command cli_command_mirror = {
    .name = "mirror",
    .usage = "--from BROKERS --to BROKERS [OPTION]... TOPIC...",
    .summary = "Mirrors topics from one cluster to another without a configuration file.",
    .text =
        "Each TOPIC is a name or a regular expression that must match the whole name. What consists of "
        "letters, digits, dots, underscores and hyphens is a name; anything else, such as orders.*, is an "
        "expression, and so is what starts with ^.\n"
        "\n"
        "  aqueduct mirror --from 127.0.0.1:9092 --to 127.0.0.1:9192 'orders.*'\n"
        "  aqueduct mirror --from a:9092 --to b:9092 --print-config orders > orders.conf\n"
        "\n"
        "Everything else a route can do, TLS and passwords among it, is written in a file; --print-config "
        "makes a start. Settings may also be given by -s, such as -s http.listen=127.0.0.1:9464.",
    .options = mirror_options,
    .max_args = -1,
    .run = run_mirror,
};
