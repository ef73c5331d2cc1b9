/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams and their operators: a topology written from its sources on. The operators, their names and what they do to key, value,
 * timestamp and headers are those of Kafka Streams' KStream.
 *
 *   struct aq_stream *orders = aq_stream_from(b, "orders", &from);
 *   struct aq_stream *big = aq_stream_filter(orders, "big", is_big, NULL);
 *   aq_stream_to(aq_stream_map_values(big, "doubled", doubled, NULL), "out", "orders.big");
 *   if (aq_streams_error(b)) …
 *
 * Every operator is one node of the name given, and the stream it returns is what leaves that node. A call that fails returns NULL, and a
 * call on a NULL stream does nothing and returns NULL, so calls can be chained; the builder keeps the first error
 * (aqueduct/topology.h). Streams belong to their builder.
 *
 * Callbacks run in the threads of the application, several at once: `user` is shared (aqueduct/processor.h). They are given a
 * context for aq_stream_alloc(), for the record's metadata, and for aq_processor_fail(), which also fails a predicate. Records are
 * borrowed for the call. Only aq_stream_process() may forward and schedule.
 */
#ifndef AQUEDUCT_STREAMS_H
#define AQUEDUCT_STREAMS_H

#include "aqueduct/topology.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_stream;

AQ_API struct aq_stream *aq_stream_from(struct aq_streams_builder *builder, const char *name,
                                        const struct aq_consumed *consumed);
/* The name of the node, for the calls of aqueduct/topology.h. */
AQ_API const char *aq_stream_name(const struct aq_stream *stream);
/* Declares how keys and values lie in what leaves the stream's node, for an operator that makes new ones; NULL leaves one as it came.
 * Returns the stream. */
AQ_API struct aq_stream *aq_stream_serdes(struct aq_stream *stream, const char *key_serde,
                                          const char *value_serde);

/* ---- which records go on -------------------------------------------------------------------------------------------- */

typedef bool (*aq_predicate)(struct aq_processor_context *ctx, const struct aq_stream_record *record,
                             void *user);

AQ_API struct aq_stream *aq_stream_filter(struct aq_stream *stream, const char *name, aq_predicate test,
                                          void *user);
AQ_API struct aq_stream *aq_stream_filter_not(struct aq_stream *stream, const char *name, aq_predicate test,
                                              void *user);

struct aq_branch {
    const char *name;
    aq_predicate test;
    void *user;
};

/* A record goes to the first branch whose test holds, else to the default branch, else nowhere. Branches are nodes of their own,
 * "<name>-<branch>". default_name NULL: no default branch. ret_branches: room for n_branches streams in their order, and one more for
 * the default branch when there is one; NULLs after an error. 0, or negative. */
AQ_API int aq_stream_split(struct aq_stream *stream, const char *name, const struct aq_branch *branches,
                           size_t n_branches, const char *default_name, struct aq_stream **ret_branches);

/* Everything of the stream and of the others (at least one, of the same builder), in no order between them. */
AQ_API struct aq_stream *aq_stream_merge(struct aq_stream *stream, const char *name,
                                         struct aq_stream *const *others, size_t n_others);

/* ---- new keys and values: timestamp and headers stay ---------------------------------------------------------------- */

/* The results begin as what the record has; what is not set stays. */
typedef int (*aq_mapper)(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                         struct aq_slice *ret_key, struct aq_slice *ret_value);
typedef int (*aq_part_mapper)(struct aq_processor_context *ctx, const struct aq_stream_record *record,
                              void *user, struct aq_slice *ret);

AQ_API struct aq_stream *aq_stream_map(struct aq_stream *stream, const char *name, aq_mapper map, void *user);
AQ_API struct aq_stream *aq_stream_map_values(struct aq_stream *stream, const char *name, aq_part_mapper map,
                                              void *user);
AQ_API struct aq_stream *aq_stream_select_key(struct aq_stream *stream, const char *name,
                                              aq_part_mapper select, void *user);

/* None, one or many records for each: the callback calls aq_stream_emit(), or in flat_map_values aq_stream_emit_value(). */
typedef int (*aq_flat_mapper)(struct aq_processor_context *ctx, const struct aq_stream_record *record,
                              void *user);

AQ_API struct aq_stream *aq_stream_flat_map(struct aq_stream *stream, const char *name, aq_flat_mapper map,
                                            void *user);
AQ_API struct aq_stream *aq_stream_flat_map_values(struct aq_stream *stream, const char *name,
                                                   aq_flat_mapper map, void *user);
/* 0, or a negative number: return it. */
AQ_API int aq_stream_emit(struct aq_processor_context *ctx, struct aq_slice key, struct aq_slice value);
AQ_API int aq_stream_emit_value(struct aq_processor_context *ctx, struct aq_slice value);

/* ---- looking on ------------------------------------------------------------------------------------------------------ */

typedef int (*aq_action)(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user);

/* The record goes on unchanged. */
AQ_API struct aq_stream *aq_stream_peek(struct aq_stream *stream, const char *name, aq_action action,
                                        void *user);
/* An end. 0, or negative. */
AQ_API int aq_stream_foreach(struct aq_stream *stream, const char *name, aq_action action, void *user);
/* An end: one line "[label]: key, value" for each record, as the serdes say. out outlives the topology; NULL: standard output. */
AQ_API int aq_stream_print(struct aq_stream *stream, const char *name, const char *label, FILE *out);

/* ---- the rest -------------------------------------------------------------------------------------------------------- */

/* aq_topology_add_repartition() */
AQ_API struct aq_stream *aq_stream_repartition(struct aq_stream *stream, const char *name,
                                               int32_t partitions);
/* A processor of the program's own. */
AQ_API struct aq_stream *aq_stream_process(struct aq_stream *stream, const char *name,
                                           const struct aq_processor *processor, void *user);
/* An end: to this topic, or to the one that choose() names. 0, or negative. */
AQ_API int aq_stream_to(struct aq_stream *stream, const char *name, const char *topic);
AQ_API int aq_stream_to_by(struct aq_stream *stream, const char *name, aq_topic_chooser choose, void *user);

#ifdef __cplusplus
}
#endif

#endif
