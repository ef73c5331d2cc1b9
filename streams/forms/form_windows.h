/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows in a configuration file: the options that the forms of aggregations share.
 *
 *   totals = { type = "count"; from = "in"; window = { type = "hopping"; size = "10m"; advance = "1m"; grace = "30s"; };
 *              emit = "close"; close_idle = "1m"; };
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_WINDOWS_H
#define AQ_STREAMS_FORMS_FORM_WINDOWS_H

#include "streams/forms/form_parts.h"
#include "streams/ops/op_aggregate.h"

/* What ST_WINDOW_ROWS() read. */
struct st_window_conf {
    const struct conf_node *window; /* NULL: none */
    int emit;                       /* enum st_emit */
    int64_t close_idle_ms;
};

extern const struct opt_enum st_emit_names[];

/* The rows of a conf that has `struct st_window_conf windows`. */
#define ST_WINDOW_ROWS(conf)                                                                                              \
    {.name = "window",                                                                                                    \
     .kind = OPT_NODE,                                                                                                    \
     .offset = offsetof(conf, windows.window),                                                                            \
     .reload = OPT_RELOAD_PROCESS,                                                                                        \
     .help =                                                                                                              \
         "Windows of time that are counted apart: { type = \"tumbling\"; size = \"1m\"; grace = \"10s\"; }. "             \
         "`aqueduct help window` shows all of them."},                                                                    \
        {.name = "emit",                                                                                                  \
         .kind = OPT_ENUM,                                                                                                \
         .offset = offsetof(conf, windows.emit),                                                                          \
         .def = "updates",                                                                                                \
         .values = st_emit_names,                                                                                         \
         .reload = OPT_RELOAD_PROCESS,                                                                                    \
         .help =                                                                                                          \
             "updates: a result goes on whenever it changes. close: the final result of each window goes on, once, when " \
             "stream time has passed its end and the grace."},                                                            \
    {                                                                                                                     \
        .name = "close_idle", .kind = OPT_DURATION, .offset = offsetof(conf, windows.close_idle_ms),                      \
        .def = "0", .max = 366LL * 86400000, .reload = OPT_RELOAD_PROCESS,                                                \
        .help =                                                                                                           \
            "With emit = \"close\": when no record has come for so long, time goes on by the clock, and windows are "     \
            "over by it; what comes for them later is late. 0: only records move time."                                   \
    }

/* The options of the `window` group; for printing. */
extern const struct opt_table st_window_table;

/* Reads the group and puts windows, emit and close_idle into *op; compat is that of op already. *ret_windowed: there are windows.
 * False after a complaint at the option's place. */
bool st_form_windows(const struct st_forming *forming, const struct st_window_conf *conf,
                     struct st_aggregate *op, bool *ret_windowed);

#endif
