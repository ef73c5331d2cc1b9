/* SPDX-License-Identifier: Apache-2.0
 *
 * The final summary. Zeros are left out except for what was read and written: a line that is there means
 * something.
 */
#include "cli/summary.h"

#include "base/clock.h"
#include "cli/number.h"

static const char *state_word(enum br_state state)
{
    switch (state) {
    case BR_STARTING: return "starting";
    case BR_RUNNING: return "running";
    case BR_STOPPING: return "stopping";
    case BR_ENDED: return "ended";
    case BR_FAILED: return "failed";
    }
    return "unknown";
}

static double seconds_since(int64_t started_us, int64_t now)
{
    if (started_us <= 0) return 0;
    return (double)(now - started_us) / 1e6;
}

static void print_count(FILE *out, const char *what, uint64_t n, const char *meaning)
{
    char number[CLI_NUMBER_MAX];
    if (n > 0) fprintf(out, "  %-13s %15s  %s\n", what, cli_count(number, n), meaning);
}

static void print_volume(FILE *out, const char *what, uint64_t records, uint64_t bytes)
{
    char number[CLI_NUMBER_MAX], more[CLI_NUMBER_MAX];
    fprintf(out, "  %-13s %15s  records, %s\n", what, cli_count(number, records),
            cli_bytes(more, (double)bytes));
}

static void print_globals(FILE *out, uint64_t rows, uint64_t bytes)
{
    char size[CLI_NUMBER_MAX], note[CLI_NUMBER_MAX + 32];
    snprintf(note, sizeof(note), "rows of global tables, %s", cli_bytes(size, (double)bytes));
    print_count(out, "rows", rows, note);
}

/* What the copies lack belongs to them alone, so it is said when it is 0, too. */
static void print_standbys(FILE *out, const struct st_app_status *app)
{
    char records[CLI_NUMBER_MAX], lag[CLI_NUMBER_MAX], note[2 * CLI_NUMBER_MAX + 64];
    snprintf(note, sizeof(note), "standby copies of stores, %s records read, %s behind",
             cli_count(records, app->standby_records), cli_count(lag, app->standby_lag));
    if (app->standby_stores > 0)
        print_count(out, "standbys", app->standby_stores, note);
    else
        print_count(out, "standbys", app->standby_records, "records read for standby copies of stores");
}

static void print_cycles(FILE *out, uint64_t committed, uint64_t aborted, uint64_t fenced)
{
    print_count(out, "cycles", committed, "committed");
    print_count(out, "", aborted, "aborted and repeated");
    print_count(out, "", fenced, "fenced and repeated by the new owner");
}

/* How far behind, how long, how fast. */
static void print_pace(FILE *out, int64_t lag, double seconds, uint64_t records)
{
    char number[CLI_NUMBER_MAX], more[CLI_NUMBER_MAX];
    if (lag >= 0)
        fprintf(out, "  lag           %15s  records behind the source\n", cli_count(number, (uint64_t)lag));
    if (seconds > 0)
        fprintf(out, "  time          %15s  %s records/s\n", cli_seconds(number, seconds),
                cli_count(more, (uint64_t)((double)records / seconds)));
}

void cli_summary_route(const struct br_route_status *route, int64_t now, FILE *out)
{
    fprintf(out, "route %s: %s -> %s, %s, %s\n", route->name, route->from, route->to,
            route->delivery == BR_EXACTLY_ONCE ? "exactly_once" : "at_least_once", state_word(route->state));
    if (route->reason[0]) fprintf(out, "  reason        %s\n", route->reason);
    print_volume(out, "read", route->records_read, route->bytes_read);
    print_volume(out, "written", route->records_written, route->bytes_written);
    print_count(out, "dropped", route->records_dropped, "records filtered out by the chain");
    print_count(out, "skipped", route->records_skipped,
                "bad records passed over (errors.tolerance = \"skip\")");
    print_count(out, "dead letters", route->records_dead, "bad records sent to the dead letter topic");
    print_count(out, "lost", route->records_lost,
                "source records that were gone before they were read (upper bound)");
    print_cycles(out, route->cycles_committed, route->cycles_aborted, route->cycles_fenced);
    print_pace(out, route->lag, seconds_since(route->started_us, now), route->records_written);
}

static void log_route(const struct br_route_status *route, int64_t now)
{
    aq_log(AQ_INFO, "route summary", aq_fs("route", route->name), aq_fs("from", route->from),
           aq_fs("to", route->to), aq_fs("state", state_word(route->state)),
           aq_fi("records_read", (int64_t)route->records_read),
           aq_fi("bytes_read", (int64_t)route->bytes_read),
           aq_fi("records_written", (int64_t)route->records_written),
           aq_fi("bytes_written", (int64_t)route->bytes_written),
           aq_fi("records_dropped", (int64_t)route->records_dropped),
           aq_fi("records_skipped", (int64_t)route->records_skipped),
           aq_fi("records_dead", (int64_t)route->records_dead),
           aq_fi("records_lost", (int64_t)route->records_lost),
           aq_fi("cycles_committed", (int64_t)route->cycles_committed),
           aq_fi("cycles_aborted", (int64_t)route->cycles_aborted),
           aq_fi("cycles_fenced", (int64_t)route->cycles_fenced), aq_fi("lag", route->lag),
           aq_fd("seconds", seconds_since(route->started_us, now)));
}

void cli_summary_print(struct br_bridge *bridge, enum aq_log_format format, FILE *out)
{
    int64_t now = aq_mono_us();
    size_t n = br_bridge_routes(bridge);
    for (size_t i = 0; i < n; i++) {
        struct br_route_status route;
        br_bridge_route_status(bridge, i, &route);
        if (format == AQ_LOG_JSON)
            log_route(&route, now);
        else
            cli_summary_route(&route, now, out);
    }
    fflush(out);
}

/* ---- an application ----------------------------------------------------------------------------------------------- */

void cli_summary_app(const struct st_app_status *app, int64_t now, FILE *out)
{
    fprintf(out, "application %s: %s\n", app->application_id, st_app_state_name(app->state));
    if (app->reason[0]) fprintf(out, "  reason        %s\n", app->reason);
    print_volume(out, "read", app->records_read, app->bytes_read);
    print_volume(out, "written", app->records_written, app->bytes_written);
    print_count(out, "processed", app->records_processed,
                "records taken through the topology, repeats included");
    print_count(out, "skipped", app->skipped, "bad records passed over (a handler said continue)");
    print_count(out, "dead letters", app->dead_letters, "bad records sent to the dead letter topic");
    print_count(out, "lost", app->records_lost,
                "source records that were gone before they were read (upper bound)");
    print_globals(out, app->global_rows, app->global_bytes);
    print_standbys(out, app);
    print_cycles(out, app->cycles_committed, app->cycles_aborted, app->cycles_fenced);
    print_pace(out, app->lag, seconds_since(app->started_us, now), app->records_processed);
}

static void log_app(const struct st_app_status *app, int64_t now)
{
    aq_log(AQ_INFO, "application summary", aq_fs("application", app->application_id),
           aq_fs("state", st_app_state_name(app->state)), aq_fi("records_read", (int64_t)app->records_read),
           aq_fi("bytes_read", (int64_t)app->bytes_read),
           aq_fi("records_processed", (int64_t)app->records_processed),
           aq_fi("records_written", (int64_t)app->records_written),
           aq_fi("bytes_written", (int64_t)app->bytes_written), aq_fi("skipped", (int64_t)app->skipped),
           aq_fi("dead_letters", (int64_t)app->dead_letters),
           aq_fi("records_lost", (int64_t)app->records_lost), aq_fi("global_rows", (int64_t)app->global_rows),
           aq_fi("global_bytes", (int64_t)app->global_bytes),
           aq_fi("standby_stores", (int64_t)app->standby_stores),
           aq_fi("standby_lag", (int64_t)app->standby_lag),
           aq_fi("standby_records", (int64_t)app->standby_records),
           aq_fi("cycles_committed", (int64_t)app->cycles_committed),
           aq_fi("cycles_aborted", (int64_t)app->cycles_aborted),
           aq_fi("cycles_fenced", (int64_t)app->cycles_fenced), aq_fi("rebalances", (int64_t)app->rebalances),
           aq_fi("lag", app->lag), aq_fd("seconds", seconds_since(app->started_us, now)));
}

void cli_summary_print_app(struct st_app *app, enum aq_log_format format, FILE *out)
{
    int64_t now = aq_mono_us();
    struct st_app_status status;
    st_app_status(app, &status);
    if (format == AQ_LOG_JSON)
        log_app(&status, now);
    else
        cli_summary_app(&status, now, out);
    fflush(out);
}
