/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a topology node by node: sources, processors, sinks and repartitions, by name, and the edges between them. The other
 * style, streams and their operators, is aqueduct/streams.h; both build the same topology and may be mixed.
 *
 *   struct aq_streams_builder *b = aq_streams_builder_create("totals");
 *   const char *orders[] = {"orders"}, *parent[] = {"orders"}, *cleaned[] = {"clean"};
 *   struct aq_consumed from = {.topics = orders, .n_topics = 1, .key_serde = "string", .value_serde = "json"};
 *   aq_topology_add_source(b, "orders", &from);
 *   aq_topology_add_processor(b, "clean", &clean, NULL, parent, 1);
 *   aq_topology_add_sink(b, "out", "orders.clean", cleaned, 1);
 *   if (aq_streams_error(b)) …
 *
 * Names: every node has one, unique in its topology, of the characters of a topic name. Internal topics are called
 * "<application_id>-<name>-repartition". No name holds a counter, so adding a node never renames another's topic.
 *
 * Errors: the builder keeps the first one. Every call after it does nothing and fails too, so a program may build everything and
 * ask once, by aq_streams_error(). Calls return 0 or a negative number.
 *
 * Ownership: the builder copies every text and every struct it is given. `user` pointers belong to the caller, are shared by all
 * threads of the application and outlive the builder and all that runs its topology.
 * Threads: one at a time.
 */
#ifndef AQUEDUCT_TOPOLOGY_H
#define AQUEDUCT_TOPOLOGY_H

#include <stdio.h>

#include "aqueduct/processor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_streams_builder;

/* Never NULL; an application_id that cannot begin a topic's name is the builder's first error. */
AQ_API struct aq_streams_builder *aq_streams_builder_create(const char *application_id);
/* Streams made with it are gone too. NULL does nothing. */
AQ_API void aq_streams_builder_destroy(struct aq_streams_builder *builder);
/* The first error, a sentence that names the node and says what to do; NULL while there is none. Valid until the next call on the
 * builder. */
AQ_API const char *aq_streams_error(const struct aq_streams_builder *builder);

/* Operators do as Kafka Streams also where that loses or repeats results (doc/streams.md lists the cases). To be called before anything is
 * added. The setting compat=kafka-streams is refused where it was not. */
AQ_API int aq_streams_compat(struct aq_streams_builder *builder);

/* The topology cut into sub-topologies, in the text form of Kafka Streams' Topology#describe(). Negative, with nothing written, when
 * something is wrong with the topology as a whole: no source, a cycle, a node that no record reaches. aq_streams_error() says what,
 * until the next aq_streams_describe(); it does not stop the builder, since more nodes may mend it. Errors of `out` are the caller's to
 * look for. */
AQ_API int aq_streams_describe(struct aq_streams_builder *builder, FILE *out);

/* ---- sources ------------------------------------------------------------------------------------------------------ */

/* Where a partition is read from that has no committed position (Kafka's auto.offset.reset). */
enum aq_reset { AQ_RESET_EARLIEST, AQ_RESET_LATEST };

/* Which moment a record stands for, by the rules of Kafka Streams' extractors. */
enum aq_timestamp_rule {
    AQ_TIMESTAMP_DEFAULT,        /* the application's default_timestamp_extractor */
    AQ_TIMESTAMP_FAIL,           /* FailOnInvalidTimestamp */
    AQ_TIMESTAMP_SKIP,           /* LogAndSkipOnInvalidTimestamp */
    AQ_TIMESTAMP_PARTITION_TIME, /* UsePartitionTimeOnInvalidTimestamp */
    AQ_TIMESTAMP_WALL_CLOCK,     /* WallclockTimestampExtractor */
};

/* Returns 0 with the time in *ret_ms (ms since 1970), where a negative one has the record skipped; or a negative number, which stops
 * the task in front of the record. partition_time_ms: the largest so far in the partition, -1 before the first. The record's
 * timestamp is -1 when it has none. Called from any thread of the application. */
typedef int (*aq_timestamp_extractor)(const struct aq_stream_record *record, int64_t partition_time_ms,
                                      void *user, int64_t *ret_ms);

/* What a source reads and how; all zero but the topics is good. */
struct aq_consumed {
    const char *const *topics;
    size_t n_topics;
    const char *pattern; /* in place of topics: a Java regular expression that matches whole topic names */
    /* bytes, string, int32, int64, double or json; NULL: the application's default. Nothing is converted: serdes say what
     * the bytes are, so that nodes that do not fit together are found before anything runs, and print can print. */
    const char *key_serde;
    const char *value_serde;
    enum aq_reset reset;
    enum aq_timestamp_rule timestamp;
    aq_timestamp_extractor extractor; /* in place of a rule */
    void *extractor_user;
};

AQ_API int aq_topology_add_source(struct aq_streams_builder *builder, const char *name,
                                  const struct aq_consumed *consumed);

/* ---- processors, sinks, repartitions: behind `parents`, or behind what aq_topology_connect() names later ------------- */

AQ_API int aq_topology_add_processor(struct aq_streams_builder *builder, const char *name,
                                     const struct aq_processor *processor, void *user,
                                     const char *const *parents, size_t n_parents);

AQ_API int aq_topology_add_sink(struct aq_streams_builder *builder, const char *name, const char *topic,
                                const char *const *parents, size_t n_parents);

/* Names a record's topic: bytes as for a record's value (aqueduct/processor.h). 0, or a negative number as from aq_processor_fail(). */
typedef int (*aq_topic_chooser)(struct aq_processor_context *ctx, const struct aq_stream_record *record,
                                void *user, struct aq_slice *ret_topic);

AQ_API int aq_topology_add_sink_by(struct aq_streams_builder *builder, const char *name,
                                   aq_topic_chooser choose, void *user, const char *const *parents,
                                   size_t n_parents);

/* A cut: records are written to an internal topic by their key and read from it again. partitions 0: the largest count among the
 * topics in front of it. Its two sides are shown as "<name>-sink" and "<name>-source". */
AQ_API int aq_topology_add_repartition(struct aq_streams_builder *builder, const char *name,
                                       int32_t partitions, const char *const *parents, size_t n_parents);

/* One more edge. Cycles are found when the topology is looked at as a whole. */
AQ_API int aq_topology_connect(struct aq_streams_builder *builder, const char *from, const char *to);

/* How keys and values lie in what leaves the node, where it makes new ones; NULL leaves one as it came. */
AQ_API int aq_topology_serdes(struct aq_streams_builder *builder, const char *name, const char *key_serde,
                              const char *value_serde);

#ifdef __cplusplus
}
#endif

#endif
