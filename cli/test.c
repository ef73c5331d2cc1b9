/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct test`: runs the cases of test files against their configuration, without a broker.
 *
 * An ordinary pass: for each file read its cases, load the configuration once, run every case that the filter takes.
 * A case that fails is printed with its place and what differs; the summary counts.
 *
 * A failing pass: a configuration that does not load, or a case that is malformed, is told like every complaint about
 * a configuration; the other files are run all the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cli/case_run.h"
#include "cli/exit.h"

#define SUFFIX ".test.jsonl"

struct tally {
    size_t passed, failed;
    bool bad; /* a configuration or a case could not be used */
};

/* Variables a test file sets are gone when it is through; those that are set already stay as they are. */
static void set_env(const struct cli_case_file *file, bool *ret_set)
{
    for (size_t i = 0; i < file->n_env; i++) {
        ret_set[i] = getenv(file->env[i].name) == NULL;
        if (ret_set[i]) setenv(file->env[i].name, file->env[i].value, 1);
    }
}

static void unset_env(const struct cli_case_file *file, const bool *set)
{
    for (size_t i = 0; i < file->n_env; i++)
        if (set[i]) unsetenv(file->env[i].name);
}

static const char *config_path(const struct cli_call *call, struct cli_case_file *file)
{
    if (call->file) return call->file;
    if (file->config) return file->config;
    size_t len = strlen(file->path), suffix = sizeof(SUFFIX) - 1;
    if (len <= suffix || strcmp(file->path + len - suffix, SUFFIX) != 0) return NULL;
    return aq_arena_printf(&file->arena, "%.*s.conf", (int)(len - suffix), file->path);
}

static bool is_taken(const struct cli_case *one, const char *filter)
{
    return !filter || (one->name && strstr(one->name, filter));
}

static void run_case(const struct cli_config *config, const struct cli_case_file *file,
                     const struct cli_case *one, struct tally *tally)
{
    struct conf_diags diags;
    char *report;
    conf_diags_init(&diags);
    if (!cli_case_run(config, file->path, one, &diags, &report)) {
        conf_diags_print(&diags, stderr);
        tally->bad = true;
    } else if (report) {
        printf("%s:%d: failed%s%s\n%s", file->path, one->line, one->name ? ": " : "",
               one->name ? one->name : "", report);
        tally->failed++;
    } else {
        tally->passed++;
    }
    free(report);
    conf_diags_finish(&diags);
}

static void run_cases(const struct cli_call *call, struct cli_case_file *file, struct tally *tally)
{
    struct cli_config config;
    const char *path = config_path(call, file), *filter = cli_value(call, "filter");
    if (!path) {
        fprintf(stderr,
                "%s: which configuration? Call the file NAME" SUFFIX
                " beside NAME.conf, or begin it with a line "
                "{\"config\": \"FILE\"}, or give -c FILE\n",
                file->path);
        tally->bad = true;
        return;
    }
    bool good = cli_config_load(&config, path, NULL, call->overrides, call->n_overrides);
    if (!good) {
        conf_diags_print(&config.diags, stderr);
        fprintf(stderr, "%s: the configuration of %s has errors\n", path, file->path);
        tally->bad = true;
    }
    for (size_t i = 0; good && i < file->n; i++)
        if (is_taken(&file->list[i], filter)) run_case(&config, file, &file->list[i], tally);
    cli_config_finish(&config);
}

static void run_file(const struct cli_call *call, const char *path, struct tally *tally)
{
    struct conf_diags diags;
    struct cli_case_file file;
    conf_diags_init(&diags);
    if (cli_case_file_read(path, &diags, &file)) {
        bool *set = aq_calloc(file.n_env + 1, sizeof(*set));
        set_env(&file, set);
        run_cases(call, &file, tally);
        unset_env(&file, set);
        free(set);
    } else {
        conf_diags_print(&diags, stderr);
        tally->bad = true;
    }
    cli_case_file_finish(&file);
    conf_diags_finish(&diags);
}

static int run_test(struct cli_call *call)
{
    struct tally tally = {0};
    if (call->n_args == 0) return cli_usage_error(call, "which test files?");
    /* What a route or a task has to say about the records of a case is the case's business. */
    if (!cli_has(call, "log-level")) aq_log_setup(AQ_ERROR, call->log_format);
    for (int i = 0; i < call->n_args; i++) run_file(call, call->args[i], &tally);
    if (!call->quiet) printf("%zu passed, %zu failed\n", tally.passed, tally.failed);
    if (tally.bad) return CLI_CONFIG;
    if (tally.passed + tally.failed == 0) {
        fprintf(stderr, "no case has '%s' in its name\n", cli_value(call, "filter"));
        return CLI_FAILED;
    }
    return tally.failed == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option test_options[] = {
    {"filter", 'f', "TEXT", "Only cases with this text in their name."},
    {.name = NULL},
};

const struct cli_command cli_command_test = {
    .name = "test",
    .usage = "[-c FILE] [--filter TEXT] FILE...",
    .summary = "Runs test cases against a configuration, without a broker.",
    .text =
        "A test file has one case a line, in JSON: records that come in, and the records that are to come out of a "
        "route or of a "
        "streams application. Each case runs the real engine on simulated clusters that are empty at its start.\n"
        "\n"
        "  {\"name\": \"cards are masked\", \"in\": {\"topic\": \"payments\", \"value\": {\"card\": \"1234\"}}, "
        "\"out\": [{\"topic\": \"payments\", \"value\": {\"card\": \"***\"}}]}\n"
        "\n"
        "The configuration is the one beside the file: NAME.conf for NAME.test.jsonl, or the one that a first line "
        "{\"config\": \"FILE\"} names. A case that fails is printed with what differs. The exit code is 1 when one "
        "failed, and 78 when a configuration has errors or a case is malformed.\n"
        "\n"
        "  aqueduct test *.test.jsonl",
    .options = test_options,
    .max_args = -1,
    .run = run_test,
};
