/* SPDX-License-Identifier: Apache-2.0
 *
 * How the forms count, reduce and aggregate configure their aggregator. Only streams/form*.c call this.
 *
 * A form's conf has `struct st_limits limits`, ST_LIMIT_ROWS, and
 *   for aggregate  `struct st_aggregate_conf aggregate`, ST_AGGREGATE_ROWS, st_form_aggregator(), st_form_aggregator_release();
 *   for reduce     `struct st_reduce_conf reduce`, ST_REDUCE_ROWS, st_form_reducer();
 *   for count      `struct st_aggregate_user counter`, no rows, st_form_counter().
 * The node's value serde is ret->value_serde.
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_AGGREGATOR_H
#define AQ_STREAMS_FORMS_FORM_AGGREGATOR_H

#include "streams/api/api_aggregator.h"
#include "streams/forms/form_plugin.h"
#include "streams/ops/aggregators.h"

struct st_aggregate_conf {
    int function; /* enum st_function_number */
    const char *of;
    const char *as;
    const char *keep;
    int64_t n;
    int64_t limit;
    const char *initial;
    const char *add;
    const char *subtract;
    const char *merge;
    struct st_plugin_conf plugin;
    /* made of these */
    struct st_aggregate_user user;
    struct st_script script;
    struct st_api_aggregator native;
};

struct st_reduce_conf {
    const char *reduce;
    const char *subtract;
    struct st_script script;
};

/* Values of `function`: one for each of st_functions, in their order. */
enum st_function_number {
    ST_FUNCTION_NONE,
#define X(name) ST_FUNCTION_##name,
#include "streams/ops/aggregators.def"
#undef X
};
extern const struct opt_enum st_function_names[];

#define ST_AGGREGATE_TEXT_ROW(conf, option, text)                                        \
    {                                                                                    \
        .name = #option, .kind = OPT_STRING, .offset = offsetof(conf, aggregate.option), \
        .reload = OPT_RELOAD_PROCESS, .help = text                                       \
    }

/* Rows of a conf that has `struct st_aggregate_conf aggregate`; */
#define ST_FUNCTION_ROW(conf)                                                               \
    {                                                                                       \
        .name = "function", .kind = OPT_ENUM, .offset = offsetof(conf, aggregate.function), \
        .values = st_function_names, .reload = OPT_RELOAD_PROCESS,                          \
        .help = "What is made of the records of a key. Instead of it: add, or aggregator."  \
    }
#define ST_OF_ROW(conf)                                                                      \
    ST_AGGREGATE_TEXT_ROW(                                                                   \
        conf, of,                                                                            \
        "Lua expression for what is aggregated of a record, as in value.amount; without it " \
        "the value itself. Records for which it is nil or null are passed over.")
#define ST_AS_ROW(conf)                                                                                      \
    ST_AGGREGATE_TEXT_ROW(                                                                                   \
        conf, as,                                                                                            \
        "Serde of the result. sum: json, int64 or double; avg: double or json; min, max, "                   \
        "first and last: as the values came, json when there is an of; with add: json; of a plugin: as the " \
        "values came.")
#define ST_N_ROW(conf)                                                                    \
    {                                                                                     \
        .name = "n", .kind = OPT_INT, .offset = offsetof(conf, aggregate.n), .max = 1000, \
        .reload = OPT_RELOAD_PROCESS, .help = "top_n: how many; it has to say."           \
    }
#define ST_TOP_KEEP_ROW(conf)         \
    ST_AGGREGATE_TEXT_ROW(conf, keep, \
                          "top_n: Lua expression for what is kept of each record; without it the value.")
#define ST_COLLECT_LIMIT_ROW(conf)                                                         \
    {                                                                                      \
        .name = "limit", .kind = OPT_INT, .offset = offsetof(conf, aggregate.limit),       \
        .def = ST_COLLECT_DEFAULT, .min = 1, .max = 1000000, .reload = OPT_RELOAD_PROCESS, \
        .help = "collect: how many elements a row may have; a record beyond fails."        \
    }
#define ST_INITIAL_ROW(conf) \
    ST_AGGREGATE_TEXT_ROW(   \
        conf, initial,       \
        "Lua expression for what a row begins with, before its first record; without it nil.")
#define ST_ADD_ROW(conf)   \
    ST_AGGREGATE_TEXT_ROW( \
        conf, add, "Lua expression for the row with a record in it. agg is the row so far; nil deletes it.")
#define ST_SUBTRACT_ROW(conf) \
    ST_AGGREGATE_TEXT_ROW(    \
        conf, subtract,       \
        "Lua expression for the row agg without a record that was added before; a table needs it.")
#define ST_MERGE_ROW(conf) \
    ST_AGGREGATE_TEXT_ROW( \
        conf, merge,       \
        "Lua expression for one row made of two, a and b, a being the earlier; sessions need it.")
#define ST_NATIVE_ROWS(conf)                                                                                \
    ST_LIBRARY_ROW(conf, aggregate.plugin, 0),                                                              \
        {.name = "aggregator",                                                                              \
         .kind = OPT_STRING,                                                                                \
         .offset = offsetof(conf, aggregate.plugin.part),                                                   \
         .reload = OPT_RELOAD_PROCESS,                                                                      \
         .help = "Name of an aggregator in that plugin, instead of function and add; it is written in C."}, \
        ST_PLUGIN_OPTIONS_ROW(conf, aggregate.plugin, "aggregator")
/* all of them. */
#define ST_AGGREGATE_ROWS(conf)                                                                     \
    ST_FUNCTION_ROW(conf), ST_OF_ROW(conf), ST_AS_ROW(conf), ST_N_ROW(conf), ST_TOP_KEEP_ROW(conf), \
        ST_COLLECT_LIMIT_ROW(conf), ST_INITIAL_ROW(conf), ST_ADD_ROW(conf), ST_SUBTRACT_ROW(conf),  \
        ST_MERGE_ROW(conf), ST_NATIVE_ROWS(conf)

/* The rows of a conf that has `struct st_reduce_conf reduce`. */
#define ST_REDUCE_ROWS(conf)                                                                                 \
    {.name = "reduce",                                                                                       \
     .kind = OPT_STRING,                                                                                     \
     .offset = offsetof(conf, reduce.reduce),                                                                \
     .flags = OPT_REQUIRED,                                                                                  \
     .reload = OPT_RELOAD_PROCESS,                                                                           \
     .help =                                                                                                 \
         "Lua expression for one value made of two: agg, the row so far, and value. A key's first value is " \
         "its row; nil deletes it."},                                                                        \
    {                                                                                                        \
        .name = "subtract", .kind = OPT_STRING, .offset = offsetof(conf, reduce.subtract),                   \
        .reload = OPT_RELOAD_PROCESS,                                                                        \
        .help = "Lua expression for the row agg without a value that was added before; a table needs it."    \
    }

/* False after complaints. `conf` lives as long as the topology. */
bool st_form_aggregator(const struct st_forming *forming, struct st_aggregate_conf *conf,
                        struct st_limits limits, struct st_aggregator *ret);
/* For st_form.release. */
void st_form_aggregator_release(struct st_aggregate_conf *conf);
bool st_form_reducer(const struct st_forming *forming, struct st_reduce_conf *conf, struct st_limits limits,
                     struct st_aggregator *ret);
void st_form_counter(struct st_aggregate_user *user, struct st_aggregator *ret);

/* What is aggregated is a table, or sessions: false after a complaint when the aggregator cannot. */
bool st_form_needs_subtract(const struct st_forming *forming, const struct st_aggregator *aggregator);
bool st_form_needs_merge(const struct st_forming *forming, const struct st_aggregator *aggregator);

#endif
