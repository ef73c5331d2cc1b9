/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress: of the changes of a table, or of the results of windows, fewer go on.
 */
#include "streams/forms/form_parts.h"
#include "streams/ops/op_aggregate.h"
#include "streams/ops/op_suppress.h"

enum until { WINDOW_CLOSES, TIME_LIMIT };
enum when_full { NOT_SAID, EMIT_EARLY, SHUT_DOWN };

struct suppress_conf {
    int until;     /* enum until */
    int when_full; /* enum when_full */
    int64_t limit_ms;
    int64_t max_records;
    int64_t max_bytes;
    struct st_suppress op; /* with close_idle */
};

static const struct opt_enum untils[] = {
    {"window_closes", WINDOW_CLOSES}, {"time_limit", TIME_LIMIT}, {NULL, 0}};
static const struct opt_enum fulls[] = {{"emit_early", EMIT_EARLY}, {"shut_down", SHUT_DOWN}, {NULL, 0}};

static const struct opt_row rows[] = {
    {.name = "until",
     .kind = OPT_ENUM,
     .offset = offsetof(struct suppress_conf, until),
     .values = untils,
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "window_closes: the last result of each window goes on, once, when the window is over; windows and grace are those of the "
         "aggregation in front. time_limit: a key's changes go on as one, limit after the first of them, in stream time."},
    {.name = "limit",
     .kind = OPT_DURATION,
     .offset = offsetof(struct suppress_conf, limit_ms),
     .max = 366LL * 86400000,
     .reload = OPT_RELOAD_PROCESS,
     .help = "time_limit: how long a change is held back."},
    {.name = "max_records",
     .kind = OPT_INT,
     .offset = offsetof(struct suppress_conf, max_records),
     .def = "0",
     .max = INT64_MAX,
     .reload = OPT_RELOAD_PROCESS,
     .help = "How many rows each task holds back at most; 0: any number."},
    {.name = "max_bytes",
     .kind = OPT_SIZE,
     .offset = offsetof(struct suppress_conf, max_bytes),
     .def = "0",
     .max = INT64_MAX,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "How many bytes of keys, values and headers each task holds back at most, 64 for each row besides; 0: any number."},
    {.name = "when_full",
     .kind = OPT_ENUM,
     .offset = offsetof(struct suppress_conf, when_full),
     .values = fulls,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "When there are more: emit_early, the oldest go on (time_limit only, and there without saying so); or shut_down, the "
         "record fails, and processing_exception_handler decides."},
    {.name = "close_idle",
     .kind = OPT_DURATION,
     .offset = offsetof(struct suppress_conf, op.idle_close_ms),
     .def = "0",
     .max = 366LL * 86400000,
     .reload = OPT_RELOAD_PROCESS,
     .help =
         "window_closes: when no record has come for so long, time goes on by the clock, and windows are over by it; what comes for "
         "them later is late. 0: only records move time."},
    {.name = NULL},
};

/* ---- until what ------------------------------------------------------------------------------------------------------ */

static const struct st_windows *windows_in_front(const struct st_forming *forming)
{
    const struct st_node *parent = st_find_node(forming->topology, forming->node->from.items[0]);
    return parent ? st_aggregate_windows(parent) : NULL;
}

static bool until_windows_close(const struct st_forming *forming, struct suppress_conf *c)
{
    const struct st_windows *windows = windows_in_front(forming);
    const char *from = forming->node->from.items[0];
    if (!windows) {
        st_form_error_from(
            forming, 0,
            "from: '%s' has no windows that could close: name a count, reduce, aggregate or cogroup "
            "with window, or set until = \"time_limit\"",
            from);
        return false;
    }
    const struct st_aggregate *op = st_find_node(forming->topology, from)->user;
    if (op->emit == ST_EMIT_CLOSE) {
        st_form_error_from(
            forming, 0,
            "from: '%s' has emit = \"close\", so its results are final already: leave that or this "
            "node out",
            from);
        return false;
    }
    st_suppress_windows(&c->op, windows);
    return true;
}

static bool until_time_limit(const struct st_forming *forming, struct suppress_conf *c)
{
    const char *from = forming->node->from.items[0];
    if (!forming->of_table && !windows_in_front(forming)) {
        st_form_error_from(
            forming, 0,
            "from: '%s' is no table: what is held back are changes of rows; put a to_table in between", from);
        return false;
    }
    c->op.until = ST_SUPPRESS_TIME_LIMIT;
    c->op.wait_ms = c->limit_ms;
    return true;
}

/* ---- options ----------------------------------------------------------------------------------------------------------- */

static bool check_times(const struct st_forming *forming, const struct suppress_conf *c)
{
    bool final = c->until == WINDOW_CLOSES;
    if (final == (c->limit_ms > 0)) {
        st_form_error(forming, final ? "limit" : NULL, "%s",
                      final ? "limit: it is for until = \"time_limit\"; a window closes at its end and grace"
                            : "limit is needed: how long a change is held back");
        return false;
    }
    if (c->op.idle_close_ms == 0) return true;
    if (!final)
        st_form_error(forming, "close_idle",
                      "close_idle: it closes windows, which only until = \"window_closes\" looks at");
    else if (c->op.idle_close_ms <= forming->settings->commit_interval_ms)
        st_form_error(
            forming, "close_idle",
            "close_idle: results come with commits, so it has to be longer than commit_interval_ms, which "
            "is %lld ms",
            (long long)forming->settings->commit_interval_ms);
    else
        return true;
    return false;
}

static bool check_size(const struct st_forming *forming, struct suppress_conf *c)
{
    bool final = c->until == WINDOW_CLOSES, bounded = c->max_records > 0 || c->max_bytes > 0;
    if (c->when_full != NOT_SAID && !bounded) {
        st_form_error(forming, "when_full",
                      "when_full: nothing is ever full without max_records or max_bytes");
        return false;
    }
    if (final && c->when_full == EMIT_EARLY) {
        st_form_error(forming, "when_full",
                      "when_full: results of windows are final, so none can go on early; set \"shut_down\"");
        return false;
    }
    c->op.max_records = (uint64_t)c->max_records;
    c->op.max_bytes = (uint64_t)c->max_bytes;
    c->op.emit_early = !final && c->when_full != SHUT_DOWN;
    return true;
}

static void add(const struct st_forming *forming, void *conf)
{
    struct suppress_conf *c = conf;
    struct aq_err err = {0};
    bool good = check_times(forming, c);
    if (!check_size(forming, c) || !good) return;
    if (forming->node->from.count != 1) {
        st_form_error(forming, "from", "from: suppress is of one node, not of %zu",
                      forming->node->from.count);
        return;
    }
    const char *from = forming->node->from.items[0];
    const struct st_formed_node *parent = st_formed_find(forming->formed, from);
    if (parent && parent->broken) return;
    if (!(c->until == WINDOW_CLOSES ? until_windows_close(forming, c) : until_time_limit(forming, c))) return;
    c->op.compat = forming->settings->compat_kafka_streams;
    if (st_add_suppress(forming->topology, forming->name, &c->op, from, NULL, &err) != 0)
        st_form_refused(forming, NULL, &err);
}

/* Results of windows are no table here, as those of the aggregation are none. */
static bool makes_table(const void *conf, bool of_table)
{
    (void)conf;
    return of_table;
}

const struct st_form st_form_suppress = {
    .name = "suppress",
    .summary = "Holds changes back: one result for each window, or fewer changes of each row.",
    .example =
        "  in    = { type = \"source\"; topics = [\"page-views\"]; };\n"
        "  views = { type = \"count\"; from = \"in\"; window = { type = \"tumbling\"; size = \"1m\"; grace = \"10s\"; }; };\n"
        "  final = { type = \"suppress\"; from = \"views\"; until = \"window_closes\"; };\n"
        "  out   = { type = \"sink\"; from = \"final\"; topic = \"views-per-minute\"; };\n",
    .rows = rows,
    .conf_size = sizeof(struct suppress_conf),
    .behind = true,
    .makes_table = makes_table,
    .add = add,
};
