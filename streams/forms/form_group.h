/* SPDX-License-Identifier: Apache-2.0
 *
 * What the forms of aggregations share: the key that is grouped by, and the store. Only streams/form*.c call this.
 *
 * With `by` a node NAME stands for three: NAME-key makes the key, NAME-by is the repartition through the topic
 * APPLICATION_ID-NAME-by-repartition, NAME aggregates.
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_GROUP_H
#define AQ_STREAMS_FORMS_FORM_GROUP_H

#include "streams/forms/form_parts.h"
#include "streams/ops/op_aggregate.h"

struct st_group_conf {
    const char *by;
    const char *by_serde;
    int64_t partitions;
    struct st_map key; /* made of `by` */
};

/* The rows of a conf that has `struct st_group_conf group`. */
#define ST_GROUP_ROWS(conf)                                                                                            \
    {.name = "by",                                                                                                     \
     .kind = OPT_STRING,                                                                                               \
     .offset = offsetof(conf, group.by),                                                                               \
     .reload = OPT_RELOAD_PROCESS,                                                                                     \
     .help =                                                                                                           \
         "Lua expression for the key to group by, as in value.customer; records go through a topic of their own "      \
         "then. Without it they are grouped by the key they have."},                                                   \
        {.name = "by_serde",                                                                                           \
         .kind = OPT_STRING,                                                                                           \
         .offset = offsetof(conf, group.by_serde),                                                                     \
         .reload = OPT_RELOAD_PROCESS,                                                                                 \
         .help = "How that key is written, when not as the key that came in: " ST_SERDE_HELP},                         \
    {                                                                                                                  \
        .name = "partitions", .kind = OPT_INT, .offset = offsetof(conf, group.partitions), .def = "0",                 \
        .max = 100000, .reload = OPT_RELOAD_PROCESS,                                                                   \
        .help =                                                                                                        \
            "Partitions of that topic, APPLICATION_ID-NAME-by-repartition; 0: as many as the largest topic before it." \
    }

struct st_keep_conf {
    const char *store;
    bool in_memory;
    bool cached;
};

/* The rows of a conf that has `struct st_keep_conf keep`. */
#define ST_KEEP_ROWS(conf)                                                                                  \
    {.name = "store",                                                                                       \
     .kind = OPT_STRING,                                                                                    \
     .offset = offsetof(conf, keep.store),                                                                  \
     .reload = OPT_RELOAD_PROCESS,                                                                          \
     .help =                                                                                                \
         "Name of the store, and of its changelog APPLICATION_ID-STORE-changelog; without it the node's."}, \
        {.name = "in_memory",                                                                               \
         .kind = OPT_BOOL,                                                                                  \
         .offset = offsetof(conf, keep.in_memory),                                                          \
         .def = "false",                                                                                    \
         .reload = OPT_RELOAD_PROCESS,                                                                      \
         .help =                                                                                            \
             "The store is kept in memory, not in state_dir, and read from its changelog at every start."}, \
    {                                                                                                       \
        .name = "cached", .kind = OPT_BOOL, .offset = offsetof(conf, keep.cached), .def = "true",           \
        .reload = OPT_RELOAD_PROCESS,                                                                       \
        .help = "Changes of one key between two commits go on as one. false: each goes on at once."         \
    }

/* What is in one of the `inputs` of a cogroup; for printing. */
extern const struct opt_table st_cogroup_input_table;

/* Adds what `by` needs. *ret: the same node behind it, for the processor itself. False after a complaint. */
bool st_form_group(const struct st_forming *forming, struct st_group_conf *conf, struct st_limits limits,
                   struct st_forming *ret);

/* Adds the processor behind what groups, and its store; op is what the processor runs. False after a complaint. */
bool st_form_aggregation(const struct st_forming *behind, const struct st_keep_conf *keep,
                         const struct st_aggregate *op, bool windowed, bool cogroup);

/* What others may know of the rows: the node is a table unless it has windows. */
void st_form_aggregated(const struct st_forming *forming, const struct st_keep_conf *keep,
                        const struct st_aggregator *aggregator, bool windowed);

#endif
