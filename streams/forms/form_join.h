/* SPDX-License-Identifier: Apache-2.0
 *
 * What the forms of joins share: the two nodes of `from`, the kind, and the Lua expression that makes a result of both values. Only
 * streams/form*.c call this.
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_JOIN_H
#define AQ_STREAMS_FORMS_FORM_JOIN_H

#include "streams/forms/form_parts.h"
#include "streams/ops/joiner.h"

enum st_join_type { ST_JOIN_INNER, ST_JOIN_LEFT, ST_JOIN_OUTER };

struct st_join_conf {
    int type; /* enum st_join_type */
    const char *expression;
    const char *value_serde;
    struct st_limits limits;
    struct st_joiner_script script; /* made of these; serdes follow in st_form_join_serdes() */
};

/* inner, left and outer; and the same without outer. */
extern const struct opt_enum st_join_types[];
extern const struct opt_enum st_join_table_types[];

/* The rows of a conf that has `struct st_join_conf join`. */
#define ST_JOIN_ROWS(conf, types, kind_help)                                                               \
    {.name = "kind",                                                                                       \
     .kind = OPT_ENUM,                                                                                     \
     .offset = offsetof(conf, join.type),                                                                  \
     .def = "inner",                                                                                       \
     .values = types,                                                                                      \
     .reload = OPT_RELOAD_PROCESS,                                                                         \
     .help = kind_help},                                                                                   \
        {.name = "join",                                                                                   \
         .kind = OPT_STRING,                                                                               \
         .offset = offsetof(conf, join.expression),                                                        \
         .flags = OPT_REQUIRED,                                                                            \
         .reload = OPT_RELOAD_PROCESS,                                                                     \
         .help =                                                                                           \
             "Lua expression for the result's value, made of left and right (nil where a side is absent) " \
             "and key: { amount = left.amount, name = right.name }."},                                     \
        {.name = "value_serde",                                                                            \
         .kind = OPT_STRING,                                                                               \
         .offset = offsetof(conf, join.value_serde),                                                       \
         .reload = OPT_RELOAD_PROCESS,                                                                     \
         .help = "How that value is written, when not as the left one: " ST_SERDE_HELP},                   \
        ST_LIMIT_ROWS_AT(offsetof(conf, join.limits))

/* `from` has exactly two names; false after a complaint. */
bool st_form_two(const struct st_forming *forming);

/* Compiles the expression. False after a complaint. */
bool st_form_joiner(const struct st_forming *forming, struct st_join_conf *conf, struct st_joiner *ret);

/* The k-th of `from` is a table whose rows can be looked up; NULL after a complaint, which may be one about that table. */
const struct st_formed_node *st_form_joined_table(const struct st_forming *forming, size_t k);
/* It is no table; false after a complaint. */
bool st_form_joined_stream(const struct st_forming *forming, size_t k);

/* Declares what the node that was added writes: the serdes of its results. False after a complaint. */
bool st_form_join_writes(const struct st_forming *forming, const char *node, const struct st_join_conf *conf);

/* In check(): tells the joiner in which serdes both sides are. */
void st_form_join_values(const struct st_forming *forming, struct st_join_conf *conf);
/* The same for a join by the same key: complains when their keys lie in different serdes. */
void st_form_join_serdes(const struct st_forming *forming, struct st_join_conf *conf);

#endif
