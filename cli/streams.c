/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct streams`: runs the streams application of a configuration file. Loading is cli/config.c, running cli/run.c.
 */
#include "cli/config.h"
#include "cli/exit.h"
#include "cli/run.h"
#include "cli/summary.h"

/* ---- the application as something cli/run.c can run ---------------------------------------------------------------- */

static int start(void *self, struct aq_err *err)
{
    return st_app_start(self, err);
}

static void stop(void *self)
{
    st_app_stop(self);
}

static int wait_for(void *self, int64_t timeout_ms, struct aq_err *err)
{
    enum st_app_state state = st_app_wait(self, timeout_ms, err);
    if (state == ST_APP_NOT_RUNNING) return 0;
    if (state == ST_APP_ERROR) return err->code ? err->code : AQ_E_FATAL;
    return CLI_JOB_RUNS;
}

static void sample(void *self, struct cli_sample *ret)
{
    struct st_app_status status;
    st_app_status(self, &status);
    *ret = (struct cli_sample){.records = status.records_processed,
                               .bytes = status.bytes_read,
                               .lag = status.lag,
                               .left = -1,
                               .ready = status.ready};
}

static void summarise(void *self, enum aq_log_format format, FILE *out)
{
    cli_summary_print_app(self, format, out);
}

static int run_app(const struct cli_config *config, const struct cli_run *run, struct aq_err *err)
{
    struct st_app *app = st_app_create(&kc_rd_ops, &config->settings, config->streams.topology, err);
    if (!app) return err->code;
    struct cli_job job = {.noun = "application",
                          .self = app,
                          .start = start,
                          .stop = stop,
                          .wait = wait_for,
                          .sample = sample,
                          .summary = summarise};
    http_shown_app(app, &job.shown);
    int rc = cli_run(&job, run);
    st_app_destroy(app);
    return rc;
}

static int run_streams(struct cli_call *call)
{
    struct cli_config config;
    int rc = cli_config_open_streams(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) {
        struct aq_err err = {0};
        const struct cli_run run = {
            .http = &config.http, .log_format = call->log_format, .quiet = call->quiet};
        rc = run_app(&config, &run, &err);
        if (rc < 0) {
            fprintf(stderr, "aqueduct streams: %s\n", err.text);
            rc = cli_exit_for(rc);
        }
    }
    cli_config_finish(&config);
    return rc;
}

const struct cli_command cli_command_streams = {
    .name = "streams",
    .usage = "[OPTION]... [FILE]",
    .summary = "Runs the streams application of a configuration file.",
    .text =
        "Reads the source topics of the section `streams`, takes every record through the topology and writes "
        "what comes of it, exactly once with processing_guarantee = \"exactly_once_v2\". Topics between "
        "sub-topologies and the state topic are created when they are missing.\n"
        "\n"
        "Runs until it is stopped. SIGTERM, SIGINT or SIGHUP stop it in order: the open cycle is committed and the "
        "group is left. A second signal ends the process at once, which is safe, too: the open cycle is repeated at "
        "the next start.\n"
        "\n"
        "Start several processes with the same file to share the work: tasks are handed out by the group "
        "coordinator, and the tasks of a process that dies go to the others.\n"
        "\n"
        "On a terminal one line shows records processed per second, bytes read per second and the lag. A summary is "
        "printed at the end.",
    .max_args = 1,
    .run = run_streams,
};
