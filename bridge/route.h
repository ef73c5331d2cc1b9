/* SPDX-License-Identifier: Apache-2.0
 *
 * One `routes` entry, checked and resolved: which topics flow from which cluster through which chain to which other,
 * and under which guarantees. Built once from the configuration; immutable while it runs; shared by all workers.
 */
#ifndef AQ_BRIDGE_ROUTE_H
#define AQ_BRIDGE_ROUTE_H

#include "bridge/topic_filter.h"
#include "kafka/flow.h"
#include "transforms/chain.h"

/* Most records in a batch, and what makes a produce request full: a whole batch goes out at once. */
#define BR_BATCH_RECORDS 1000

enum br_delivery { BR_EXACTLY_ONCE, BR_AT_LEAST_ONCE };
enum br_start { BR_START_EARLIEST, BR_START_LATEST, BR_START_TIMESTAMP, BR_START_OFFSET };
enum br_partitioning { BR_PARTITION_SOURCE, BR_PARTITION_KEY, BR_PARTITION_ROUND_ROBIN };
enum br_isolation { BR_READ_COMMITTED, BR_READ_UNCOMMITTED };
enum br_tolerance { BR_ERRORS_FAIL, BR_ERRORS_SKIP, BR_ERRORS_DEAD_LETTER };
enum br_anomaly_policy { BR_ANOMALY_FAIL, BR_ANOMALY_REPORT };

struct br_route {
    /* as the option rows fill it (bridge/route_opts.c); times in ms, sizes in bytes */
    const char *name;
    const char *from;
    const char *to;
    struct opt_strings topics;
    struct opt_strings exclude;
    struct opt_strings chain_names;
    int delivery;            /* enum br_delivery */
    int start;               /* enum br_start */
    int64_t start_timestamp; /* ms since 1970, with BR_START_TIMESTAMP */
    int64_t start_offset;    /* with BR_START_OFFSET */
    bool stop_at_end;
    int partitioning;      /* enum br_partitioning */
    bool read_uncommitted; /* from isolation */
    int64_t workers;
    int64_t tasks;
    int64_t commit_interval_ms;
    int64_t refresh_interval_ms;
    int64_t session_timeout_ms;
    int64_t transaction_timeout_ms;
    int64_t records_per_second; /* 0: no throttle */
    int64_t bytes_per_second;
    int64_t in_flight_bytes; /* per worker */
    int64_t queue_bytes;     /* per worker: the client's own fetch queue */
    int64_t linger_ms;
    int64_t batch_bytes;
    const char *compression;
    bool create_topics;
    bool grow_topics;
    bool copy_configs;
    int64_t replication_factor; /* -1: the sink brokers' default */
    struct opt_strings topic_configs;
    int on_anomaly; /* enum br_anomaly_policy */
    int compat;     /* enum xf_compat */
    /* sub-groups */
    int tolerance; /* errors.tolerance, enum br_tolerance */
    const char *dead_letter_topic;
    int key_format;   /* format.key, enum xf_format */
    int value_format; /* format.value */

    /* resolved */
    const struct kc_cluster *source;
    const struct kc_cluster *sink;
    struct xf_chain *chain;
    struct br_topic_filter *filter;
    char *group;         /* "aqueduct.<name>" */
    char *state_topic;   /* "aqueduct.<name>.state" */
    struct kc_flow flow; /* the same, for what is shared with the streams engine */

    /* read by rows, of no use afterwards */
    int isolation; /* enum br_isolation */
    const struct conf_node *errors;
    const struct conf_node *format;
};

extern const struct opt_table br_route_table;  /* the route itself */
extern const struct opt_table br_errors_table; /* errors = { … } */
extern const struct opt_table br_format_table; /* format = { … } */

/* Reads one entry and resolves it. All complaints go to diags. */
void br_route_read(struct conf_node *group, const struct kc_cluster *clusters, size_t n_clusters,
                   struct xf_library *library, struct aq_arena *arena, struct conf_diags *diags,
                   struct br_route *ret);
void br_route_finish(struct br_route *route);

#endif
