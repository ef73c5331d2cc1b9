/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct streams`: runs the streams application of a configuration file, or makes it begin anew. Loading is cli/config.c, running
 * cli/run.c, resetting streams/reset.c.
 */
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli/config.h"
#include "cli/exit.h"
#include "cli/run.h"
#include "cli/summary.h"
#include "cli/when.h"
#include "conf/secret.h"
#include "streams/reset.h"

/* ---- the application as something cli/run.c can run ---------------------------------------------------------------- */

static int start(void *self, struct aq_err *err)
{
    return st_app_start(self, err);
}

static void stop(void *self)
{
    st_app_stop(self);
}

static void pause_app(void *self, bool paused)
{
    if (paused)
        st_app_pause(self);
    else
        st_app_resume(self);
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

/* Where others reach the queries of this instance, if nobody has said so: where it listens, if that is one address of this machine. */
static void derive_address(struct cli_config *config)
{
    const struct http_conf *http = &config->http;
    const char **address = &config->settings.flow.address;
    bool one = strcmp(http->host, "0.0.0.0") != 0 && strcmp(http->host, "::") != 0;
    if (*address || !http_shows_queries(http) || http->loopback || !one || http->port == 0) return;
    *address = aq_arena_printf(&config->arena, strchr(http->host, ':') ? "[%s]:%u" : "%s:%u", http->host,
                               http->port);
}

/* Blocks that come and go with commits and fetches go back to the system, and few heaps hold the small ones: what threads took at
 * their largest, each in a heap of its own, was 20 MB of an application with windows. */
static void keep_heaps_small(const struct st_topology *topology)
{
#ifdef __GLIBC__
    if (topology->n_stores == 0) return;
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_ARENA_MAX, 2);
#else
    (void)topology;
#endif
}

static int run_app(const struct cli_call *call, const struct cli_config *config, struct aq_err *err)
{
    const struct cli_run run = {.http = &config->http, .log_format = call->log_format, .quiet = call->quiet};
    struct st_app *app = st_app_create(&kc_rd_ops, &config->settings, config->streams.topology, err);
    if (!app) return err->code;
    keep_heaps_small(config->streams.topology);
    struct cli_job job = {.noun = "application",
                          .self = app,
                          .start = start,
                          .stop = stop,
                          .pause = pause_app,
                          .wait = wait_for,
                          .sample = sample,
                          .summary = summarise};
    http_shown_app(app, &job.shown);
    int rc = cli_run(&job, &run);
    st_app_destroy(app);
    return rc;
}

/* ---- reset -------------------------------------------------------------------------------------------------------- */

static int read_request(const struct cli_call *call, struct st_reset_request *ret)
{
    static const enum st_reset_to kinds[] = {[CLI_WHEN_EARLIEST] = ST_TO_EARLIEST,
                                             [CLI_WHEN_LATEST] = ST_TO_LATEST,
                                             [CLI_WHEN_TIMESTAMP] = ST_TO_TIMESTAMP,
                                             [CLI_WHEN_OFFSET] = ST_TO_OFFSET};
    struct cli_when when = {.kind = CLI_WHEN_EARLIEST};
    const char *to = cli_value(call, "to");
    if (to && !cli_when_parse(to, &when))
        return cli_usage_error(call, "--to is " CLI_WHEN_FORMS ", not '%s'", to);
    *ret = (struct st_reset_request){.to = kinds[when.kind],
                                     .value = when.value,
                                     .topic = cli_value(call, "topic"),
                                     .plan = cli_has(call, "plan")};
    return CLI_OK;
}

static int reset_app(const struct cli_config *config, const struct st_reset_request *request,
                     struct aq_err *err)
{
    int rc = st_reset_app(&kc_rd_ops, &config->settings, config->streams.topology, request, stdout, err);
    if (rc < 0) return rc;
    puts(request->plan ? "nothing was changed (--plan)" : "done; the application starts there");
    return CLI_OK;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

/* request NULL: run. */
static int with_config(struct cli_call *call, const struct st_reset_request *request)
{
    struct cli_config config;
    struct aq_err err = {0};
    int rc = cli_config_open_streams(&config, call);
    if (rc == CLI_USAGE) return rc;
    if (rc == CLI_OK) derive_address(&config);
    if (rc == CLI_OK) rc = request ? reset_app(&config, request, &err) : run_app(call, &config, &err);
    if (rc < 0) {
        conf_mask(err.text);
        fprintf(stderr, "aqueduct streams: %s\n", err.text);
        rc = cli_exit_for(rc);
    }
    cli_config_finish(&config);
    return rc;
}

static int run_streams(struct cli_call *call)
{
    struct st_reset_request request;
    bool resets = call->n_args > 0 && strcmp(call->args[0], "reset") == 0;
    if (resets) {
        call->args++;
        call->n_args--;
    }
    if (call->n_args > 1) return cli_usage_error(call, "unexpected argument '%s'", call->args[1]);
    if (!resets && (cli_has(call, "to") || cli_has(call, "topic") || cli_has(call, "plan")))
        return cli_usage_error(call, "--to, --topic and --plan belong to `aqueduct streams reset`");
    int rc = resets ? read_request(call, &request) : CLI_OK;
    return rc == CLI_OK ? with_config(call, resets ? &request : NULL) : rc;
}

static const struct cli_option streams_options[] = {
    {"to", 0, "WHERE",
     "With reset: earliest (default), latest, timestamp=2024-05-01T12:00:00Z or offset=N, for every source partition."},
    {"topic", 0, "TOPIC", "With reset: only this source topic; nothing is deleted."},
    {"plan", 0, NULL, "With reset: says what would be done and does nothing."},
    {.name = NULL},
};

const struct cli_command cli_command_streams = {
    .name = "streams",
    .usage = "[reset [--to WHERE] [--topic TOPIC] [--plan]] [FILE]",
    .summary = "Runs the streams application of a configuration file.",
    .text =
        "Reads the source topics of the section `streams`, takes every record through the topology and writes "
        "what comes of it, exactly once with processing_guarantee = \"exactly_once_v2\". Topics between "
        "sub-topologies and the state topic are created when they are missing.\n"
        "\n"
        "Runs until it is stopped. SIGTERM, SIGINT or SIGHUP stop it in order: the open cycle is committed and the "
        "group is left. A second signal ends the process at once, which is safe, too: the open cycle is repeated at "
        "the next start. SIGUSR1 pauses it, SIGUSR2 resumes it.\n"
        "\n"
        "Start several processes with the same file to share the work: tasks are handed out by the group "
        "coordinator, and the tasks of a process that dies go to the others.\n"
        "\n"
        "On a terminal one line shows records processed per second, bytes read per second and the lag. A summary is "
        "printed at the end.\n"
        "\n"
        "`streams reset` makes a stopped application begin anew: it moves its source positions (and the offsets that "
        "Kafka's tools show for its group) to where --to says, and deletes the topics between its sub-topologies. What "
        "it wrote to its sinks stays, and what is made again is written again. Each thing it does is a line; --plan "
        "prints the same lines and does nothing. It is refused with exit code 75 while an instance runs.\n"
        "\n"
        "  aqueduct streams -c aqueduct.conf\n"
        "  aqueduct streams reset -c aqueduct.conf --to timestamp=2024-05-01T12:00:00Z --plan",
    .options = streams_options,
    .max_args = 2,
    .run = run_streams,
};
