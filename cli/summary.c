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

static double seconds_of(const struct br_route_status *route, int64_t now)
{
    if (route->started_us <= 0) return 0;
    return (double)(now - route->started_us) / 1e6;
}

static void print_count(FILE *out, const char *what, uint64_t n, const char *meaning)
{
    char number[CLI_NUMBER_MAX];
    if (n > 0) fprintf(out, "  %-13s %15s  %s\n", what, cli_count(number, n), meaning);
}

void cli_summary_route(const struct br_route_status *route, int64_t now, FILE *out)
{
    char number[CLI_NUMBER_MAX], more[CLI_NUMBER_MAX];
    fprintf(out, "route %s: %s -> %s, %s, %s\n", route->name, route->from, route->to,
            route->delivery == BR_EXACTLY_ONCE ? "exactly_once" : "at_least_once", state_word(route->state));
    if (route->reason[0]) fprintf(out, "  reason        %s\n", route->reason);
    fprintf(out, "  read          %15s  records, %s\n", cli_count(number, route->records_read),
            cli_bytes(more, (double)route->bytes_read));
    fprintf(out, "  written       %15s  records, %s\n", cli_count(number, route->records_written),
            cli_bytes(more, (double)route->bytes_written));
    print_count(out, "dropped", route->records_dropped, "records filtered out by the chain");
    print_count(out, "skipped", route->records_skipped,
                "bad records passed over (errors.tolerance = \"skip\")");
    print_count(out, "dead letters", route->records_dead, "bad records sent to the dead letter topic");
    print_count(out, "lost", route->records_lost,
                "source records that were gone before they were read (upper bound)");
    print_count(out, "cycles", route->cycles_committed, "committed");
    print_count(out, "", route->cycles_aborted, "aborted and repeated");
    print_count(out, "", route->cycles_fenced, "fenced and repeated by the new owner");
    if (route->lag >= 0)
        fprintf(out, "  lag           %15s  records behind the source\n",
                cli_count(number, (uint64_t)route->lag));
    double seconds = seconds_of(route, now);
    if (seconds > 0)
        fprintf(out, "  time          %15s  %s records/s\n", cli_seconds(number, seconds),
                cli_count(more, (uint64_t)((double)route->records_written / seconds)));
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
           aq_fd("seconds", seconds_of(route, now)));
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
