/* SPDX-License-Identifier: Apache-2.0
 *
 * What the calls of aqueduct/table.h, grouped.h and joins.h share: tables and groups as the builder knows them, where nodes are put, how rows
 * are kept, and the callbacks of programs as the engine calls them. Only streams/api/ calls this.
 *
 * Ownership: all of it lies in the topology's arena. Threads: one at a time while it is built; callbacks run in workers.
 */
#ifndef AQ_STREAMS_API_DSL_H
#define AQ_STREAMS_API_DSL_H

#include "aqueduct/grouped.h"
#include "aqueduct/joins.h"
#include "streams/api/builder.h"
#include "streams/ops/joiner.h"
#include "streams/ops/op_aggregate.h"
#include "streams/ops/row_function.h"

struct aq_table {
    struct aq_streams_builder *builder;
    const char *name;  /* of its node */
    const char *store; /* NULL: its rows are kept nowhere */
    const char *
        no_look_up; /* why a row cannot be looked up by its key in that store, and what helps; NULL: it can */
    int64_t history_ms; /* the store is a versioned one; 0: it is none */
};

struct aq_grouped {
    struct aq_streams_builder *builder;
    const char *name; /* the group's own */
    const char *node; /* that its aggregations stand behind */
    bool of_table;
    bool windowed;
    struct st_aggregate how; /* windows, emit and compat */
};

/* ---- the builder -------------------------------------------------------------------------------------------------- */

/* A stream of the node, which has been added. */
struct aq_stream *st_dsl_stream(struct aq_streams_builder *builder, const char *node);
/* A table of the node; everything else zero. */
struct aq_table *st_dsl_table(struct aq_streams_builder *builder, const char *node);

/* Fails the builder with "WHAT 'NAME': …", and returns NULL for whoever returns one. */
void *st_dsl_refuse(struct aq_streams_builder *builder, const char *what, const char *name,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* False, and the builder has failed, unless the program gave the function. */
bool st_dsl_has(struct aq_streams_builder *builder, const char *what, const char *name, bool given);
/* False, and the builder has failed, when the other side is missing or belongs to another builder (which may be NULL). */
bool st_dsl_same_builder(struct aq_streams_builder *builder, const char *what, const char *name,
                         const struct aq_streams_builder *other);

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

/* "NAME-part" in the arena. */
const char *st_dsl_part(struct aq_streams_builder *builder, const char *name, const char *part);
bool st_dsl_add(struct aq_streams_builder *builder, const char *name, const struct st_processor_kind *kind,
                void *op, const char *parent);
/* The value serde of what leaves a node; NULL: as it came. */
bool st_dsl_value_serde(struct aq_streams_builder *builder, const char *node, const struct st_serde *serde);
/* By its name; NULL: none was named, or (with an error in the builder) there is none. */
const struct st_serde *st_dsl_find_serde(struct aq_streams_builder *builder, const char *what,
                                         const char *name, const char *option, const char *serde);
/* How keys (else values) lie in what leaves the node, as far as nodes say; NULL: by the application's default. */
const struct st_serde *st_dsl_known_serde(const struct st_node *node, bool key);
/* The node to stand behind for who needs all records of a key in one partition: that of the stream, or, when something in front of it makes
 * new keys, a repartition of this name, which is added. NULL: the builder has failed. */
const char *st_dsl_by_key(struct aq_stream *stream, const char *repartition, int32_t partitions);

/* False, and the builder has failed: keys of the two nodes lie in different serdes. */
bool st_dsl_same_keys(struct aq_streams_builder *builder, const char *what, const char *name,
                      const char *left, const char *right);
/* False, and the builder has failed: rows of the table cannot be looked up. */
bool st_dsl_can_look_up(struct aq_streams_builder *builder, const char *what, const char *name,
                        const struct aq_table *table);

/* ---- stores ------------------------------------------------------------------------------------------------------- */

enum { ST_HOW_VALUES = 1u << 0, ST_HOW_HISTORY = 1u << 1 };

/* A copy in which nothing is missing. False, and the builder has failed: it says what the operator has no use for. takes: ST_HOW_… */
bool st_dsl_how(struct aq_streams_builder *builder, const char *what, const char *name,
                const struct aq_materialized *how, unsigned takes, struct aq_materialized *ret);
struct st_store_conf st_dsl_store_conf(const struct aq_materialized *how);
/* Adds a key-value store to the node, of the name in `how` or of `otherwise` (NULL: none then), and tells the table. */
bool st_dsl_keep(struct aq_table *table, const struct aq_materialized *how, const char *otherwise);

/* ---- windows ------------------------------------------------------------------------------------------------------ */

/* False, and the builder has failed: they are none. Sets windows, emit and close_idle_ms; compat is set before. */
bool st_dsl_windows(struct aq_streams_builder *builder, const char *what, const char *name,
                    const struct aq_windows *windows, struct st_aggregate *ret);

/* ---- aggregators -------------------------------------------------------------------------------------------------- */

/* False, and the builder has failed. */
bool st_dsl_built_in(struct aq_streams_builder *builder, const char *what, const char *name,
                     const struct aq_built_in *built_in, struct st_aggregator *ret);

/* ---- callbacks ---------------------------------------------------------------------------------------------------- */

/* Functions of rows; `user` is a struct st_api_op (streams/api/api_kinds.h). */
struct st_row_function st_dsl_row_mapper(struct aq_streams_builder *builder, aq_part_mapper map, void *user);
/* What it returns begins as the row's key, not as its value. */
struct st_row_function st_dsl_row_selector(struct aq_streams_builder *builder, aq_part_mapper select,
                                           void *user);
struct st_row_function st_dsl_row_test(struct aq_streams_builder *builder, aq_predicate test, void *user);
struct st_joiner st_dsl_joiner(struct aq_streams_builder *builder, aq_joiner join, void *user);

/* `user` of the kind below. */
struct st_api_reducer {
    aq_reducer add;
    aq_reducer subtract; /* may be NULL */
    void *user;
};
const struct st_aggregator_kind *st_api_reducer_kind(const struct st_api_reducer *reducer);

#endif
