/* SPDX-License-Identifier: Apache-2.0
 *
 * A topology: sources, processors, sinks and repartitions, the edges between them, and the stores of the processors.
 * Built by calls, in any thread but one at a time; everything else in this layer only reads it.
 *
 * Order: a parent exists before its child names it, so the st_add_ calls alone cannot make a cycle. st_add_edge() can,
 * which is what a configuration file needs; st_topology_check() finds what came of it.
 *
 * Names: nodes share one space of names, stores have their own. Both consist of the characters of a topic name,
 * because internal topics are called after them: "<application_id>-<name>-repartition" and
 * "<application_id>-<name>-changelog" (Kafka Streams' form for nodes the user has named). There is no counter in any
 * name, so adding a node never renames another's topic.
 *
 * Ownership: the topology copies every text it is given and owns its nodes and stores until st_topology_destroy().
 * Processor kinds are static and outlive it; `user` belongs to the caller, is never looked at and never freed here.
 *
 * Errors: 0, or AQ_E_CONFIG with a sentence that names the node. A call that fails changes nothing.
 */
#ifndef AQ_STREAMS_TOPOLOGY_TOPOLOGY_H
#define AQ_STREAMS_TOPOLOGY_TOPOLOGY_H

#include "base/arena.h"
#include "base/err.h"

struct java_regex;
struct st_node;

struct st_context;
struct aq_record;
struct st_extractor;
struct st_serde;

/* What a processor does: what the shape of the topology depends on, and how it runs (streams/processor.h). Kinds that are
 * only looked at, never run, need no functions. */
struct st_processor_kind {
    const char *name; /* "map", "count": for messages and pictures */
    bool changes_key; /* records may leave it with another key than they came with */
    bool needs_key;   /* right only when all records of one key come through the same task */
    bool
        copartitioned; /* joins its inputs: every topic that leads to it needs the same number of partitions */

    /* Once a task and node, before its first record: *ret_state is handed to the two below. `user` is the node's, shared by
     * all tasks and threads, read-only. NULL: no state. */
    int (*start)(struct st_context *context, void *user, void **ret_state, struct aq_err *err);
    /* One record, which the processor may change in place and hand on by st_forward(), any number of times. 0, or a negative
     * code with a reason, on which the processing error handler decides. */
    int (*process)(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err);
    /* The cycle is about to be committed: what its cached stores hold back goes on now (st_each_change()). Parents are flushed
     * before their children. May be NULL. */
    int (*flush)(struct st_context *context, void *state, struct aq_err *err);
    void (*stop)(struct st_context *context, void *state);
};

enum st_node_type { ST_SOURCE, ST_PROCESSOR, ST_SINK, ST_REPARTITION, ST_GLOBAL_TABLE };

/* Where a partition is read from that has no position yet (Kafka's auto.offset.reset). */
enum st_reset { ST_EARLIEST, ST_LATEST, ST_NO_RESET };

struct st_source_conf {
    const char *const *topics; /* names; or none of them and */
    size_t n_topics;
    const char *pattern; /* a Java regular expression that matches whole topic names */
    enum st_reset reset;
    const struct st_extractor *extractor; /* outlives the topology; NULL: the application's */
};

/* How a sink's records find their topic when it is not the same for all: the counterpart of a processor kind. */
struct st_topic_chooser {
    int (*start)(struct st_context *context, void *user, void **ret_state,
                 struct aq_err *err); /* may be NULL */
    /* The topic's name, valid until the next call; a negative code goes to the processing error handler. */
    int (*choose)(struct st_context *context, void *state, struct aq_record *rec, struct aq_slice *ret_topic,
                  struct aq_err *err);
    void (*stop)(struct st_context *context, void *state); /* may be NULL */
};

/* How a store keeps its entries. All zero: a key-value store, cached, in RocksDB, with a changelog. */
struct st_store_conf {
    int32_t rest_len; /* of the second part of its keys (streams/state/state.h): 0 in a key-value store */
    bool
        timestamped; /* values begin with a time (streams/state/stamped.h), which the changelog has as the record's timestamp */
    bool in_memory;
    bool uncached;          /* results go on with every record, not when the cycle is flushed */
    bool without_changelog; /* kept nowhere but in the instance: lost when the task moves */
    /* Where the rest begins with a time (8 bytes, big-endian: start of a window, end of a session): entries so much older than the
     * newest one are forgotten. 0: never. */
    int64_t retention_ms;
};

/* The application's positions are in the topic "<application_id>-aqueduct-state". */
#define ST_STATE_SUFFIX "-aqueduct-state"

/* In place of a sink's topic: each record's value decides. Compared by address. */
extern const char ST_BY_VALUE[];

/* Whom a node gets its records from. */
struct st_parents {
    const char *const *names;
    size_t count;
    bool more_later; /* st_add_edge() will add some, so that none at all is no error yet */
};

struct st_store {
    const char *name;
    struct st_store_conf conf;
    const char *changelog;  /* its internal topic; NULL without one */
    struct st_node **users; /* the processors connected to it, in the order of connecting */
    size_t n_users;
    size_t index; /* in st_topology.stores */
};

struct st_node {
    const char *name;
    enum st_node_type type;
    size_t index; /* in st_topology.nodes: the order of adding */
    struct st_node **parents;
    size_t n_parents;
    struct st_node **children; /* in the order in which the edges were added */
    size_t n_children;
    const struct st_node
        *part_of; /* an operator of several nodes goes by the name of this one; NULL: by its own */

    /* a source; a global table, which has one topic and nothing else of it */
    const char **topics; /* none when it has a pattern */
    size_t n_topics;
    const char *pattern;
    struct java_regex *regex; /* the compiled pattern */
    enum st_reset reset;
    const struct st_extractor *extractor;

    /* How key and value lie in the records that leave the node (of a sink: that it writes). NULL: as they came; of a source and a
     * global table: the application's default. */
    const struct st_serde *key_serde;
    const struct st_serde *value_serde;

    /* a processor */
    const struct st_processor_kind *kind;
    void *user;               /* of a sink with a chooser: the chooser's */
    struct st_store **stores; /* in the order of connecting */
    size_t n_stores;
    struct st_node **globals; /* the global tables it looks into, in the order of connecting */
    size_t n_globals;

    /* a sink: NULL when the value decides. A repartition: its internal topic. */
    const char *topic;
    const struct st_topic_chooser *chooser; /* of a sink without a topic */
    int32_t partitions; /* of a repartition's topic; 0: as many as the topics in front of it have */

    size_t n_users; /* of a global table: the processors connected to it */
};

struct st_topology {
    struct aq_arena arena;
    const char *application_id;
    struct st_node **nodes;
    size_t n_nodes;
    struct st_store **stores;
    size_t n_stores;
};

/* NULL when the application id is no legal topic name. */
struct st_topology *st_topology_create(const char *application_id, struct aq_err *err);
void st_topology_destroy(struct st_topology *topology);

int st_add_source(struct st_topology *topology, const char *name, const struct st_source_conf *conf,
                  struct aq_err *err);
int st_add_processor(struct st_topology *topology, const char *name, const struct st_processor_kind *kind,
                     void *user, struct st_parents parents, struct aq_err *err);
/* topic: a name, or ST_BY_VALUE. */
int st_add_sink(struct st_topology *topology, const char *name, const char *topic, struct st_parents parents,
                struct aq_err *err);
/* A cut: records are written to the internal topic and read from it again, so that they are partitioned by the key they
 * have now. partitions 0: the largest count among the topics in front of it. Printed topologies show the two sides as
 * "<name>-sink" and "<name>-source", so no other node may have these names. */
int st_add_repartition(struct st_topology *topology, const char *name, int32_t partitions,
                       struct st_parents parents, struct aq_err *err);
/* Serdes of what leaves the node; NULL leaves one as it is. */
int st_set_serdes(struct st_topology *topology, const char *name, const struct st_serde *key,
                  const struct st_serde *value, struct aq_err *err);
/* Messages about the node name the other: the operator whose part it is. */
int st_set_part(struct st_topology *topology, const char *part, const char *whole, struct aq_err *err);
/* Of a sink made with ST_BY_VALUE. chooser outlives the topology. */
int st_set_chooser(struct st_topology *topology, const char *sink, const struct st_topic_chooser *chooser,
                   void *user, struct aq_err *err);
int st_add_edge(struct st_topology *topology, const char *from, const char *to, struct aq_err *err);

/* conf NULL: all zero. */
int st_add_store(struct st_topology *topology, const char *name, const struct st_store_conf *conf,
                 struct aq_err *err);
int st_connect_store(struct st_topology *topology, const char *processor, const char *store,
                     struct aq_err *err);

/* A whole topic, all its partitions, as a table in every process (streams/global.h). A node without edges that belongs to no
 * sub-topology: it makes no tasks, its changes give no records, and no count of partitions has to fit.
 * Printed topologies show what reads it as "<name>-source", so no other node may have this name. */
int st_add_global_table(struct st_topology *topology, const char *name, const char *topic,
                        struct aq_err *err);
/* The processor looks into it, by st_global_table() of streams/processor.h. */
int st_connect_global_table(struct st_topology *topology, const char *processor, const char *table,
                            struct aq_err *err);

/* NULL when there is none of that name. */
struct st_node *st_find_node(const struct st_topology *topology, const char *name);
struct st_store *st_find_store(const struct st_topology *topology, const char *name);

/* 1 when the pattern of the source takes the topic, 0 when not (or the source has none), AQ_E_CONFIG when the pattern
 * gave up on the name. Internal topics ("__…", and those of this topology) are never taken by a pattern. */
int st_pattern_takes(const struct st_topology *topology, const struct st_node *source, const char *topic,
                     struct aq_err *err);

const char *st_node_type_name(enum st_node_type type); /* "source" */

#endif
