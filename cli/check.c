/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct check`: everything `bridge` would find wrong before it starts, and nothing else. --connect asks
 * the clusters as well.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/config.h"
#include "cli/exit.h"
#include "conf/secret.h"
#include "streams/app.h"

/* Checks run into memory first: their text may quote what a client library says, so it is masked. */
struct memory {
    char *text;
    size_t len;
    FILE *file;
};

static bool open_memory(struct memory *memory)
{
    *memory = (struct memory){0};
    memory->file = open_memstream(&memory->text, &memory->len);
    return memory->file != NULL;
}

static void put_memory(struct memory *memory, FILE *out)
{
    fclose(memory->file);
    conf_mask(memory->text);
    fputs(memory->text, out);
    fflush(out);
    free(memory->text);
}

static size_t check_route(const struct br_route *route, FILE *out)
{
    struct memory memory;
    if (!open_memory(&memory)) return 1;
    fprintf(out, "route %s: %s -> %s\n", route->name, route->from, route->to);
    size_t errors = br_route_check_connected(&kc_rd_ops, route, memory.file);
    put_memory(&memory, out);
    return errors;
}

static size_t check_application(const struct cli_config *config, FILE *out)
{
    struct memory memory;
    if (!open_memory(&memory)) return 1;
    fprintf(out, "application %s\n", config->settings.application_id);
    size_t errors = st_app_check_connected(&kc_rd_ops, &config->settings, config->streams.plan, memory.file);
    put_memory(&memory, out);
    return errors;
}

static int check_connected(const struct cli_config *config, FILE *out)
{
    size_t errors = 0;
    for (size_t i = 0; i < config->n_routes; i++) errors += check_route(&config->routes[i], out);
    if (config->has_streams) errors += check_application(config, out);
    if (errors == 0) return CLI_OK;
    fprintf(out, "%zu error%s on the clusters\n", errors, errors == 1 ? "" : "s");
    return CLI_CONFIG;
}

static int run_check(struct cli_call *call)
{
    const char *format = cli_value(call, "format");
    bool json = format && strcmp(format, "json") == 0;
    if (format && !json && strcmp(format, "text") != 0)
        return cli_usage_error(call, "--format is text or json, not '%s'", format);

    struct cli_config config;
    if (json) {
        const char *path = cli_config_path(call);
        if (!path) return cli_usage_error(call, "which configuration? Name a file with -c FILE");
        bool good = cli_config_load(&config, path, NULL, call->overrides, call->n_overrides);
        conf_diags_print_json(&config.diags, stdout);
        int rc = good ? CLI_OK : CLI_CONFIG;
        if (good && cli_has(call, "connect")) rc = check_connected(&config, stderr);
        cli_config_finish(&config);
        return rc;
    }
    int rc = cli_config_open(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) {
        size_t warnings = config.diags.count - config.diags.errors;
        printf("%s: configuration is correct: %zu route%s, %zu cluster%s, %zu transform%s",
               cli_config_path(call), config.n_routes, config.n_routes == 1 ? "" : "s", config.n_clusters,
               config.n_clusters == 1 ? "" : "s", config.transforms ? (size_t)config.transforms->count : 0,
               config.transforms && config.transforms->count == 1 ? "" : "s");
        if (config.has_streams)
            printf(", application %s with %zu node%s", config.settings.application_id, config.streams.n_nodes,
                   config.streams.n_nodes == 1 ? "" : "s");
        if (warnings > 0) printf(", %zu warning%s", warnings, warnings == 1 ? "" : "s");
        printf("\n");
        if (cli_has(call, "connect")) rc = check_connected(&config, stdout);
    }
    cli_config_finish(&config);
    return rc;
}

static const struct cli_option check_options[] = {
    {"connect", 0, NULL,
     "Also asks the clusters: are they reachable, do the topics exist, are the rights there, can the brokers "
     "carry exactly_once."},
    {"format", 0, "FORMAT",
     "text (default) or json: the findings as an array on stdout, for editors and pipelines."},
    {.name = NULL},
};

const struct cli_command cli_command_check = {
    .name = "check",
    .usage = "[--connect] [--format text|json] [FILE]",
    .summary = "Checks a configuration file; shows every mistake at once.",
    .text = "Every mistake is shown in one run, each with file, line and column, the line itself and, for a "
            "typo, the name that was probably meant. Exit code 0 when the file would start, 78 when it would "
            "not; warnings do not change that.\n"
            "\n"
            "  aqueduct check -c /etc/aqueduct/aqueduct.conf && systemctl restart aqueduct",
    .options = check_options,
    .max_args = 1,
    .run = run_check,
};
