/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a streams application: one `streams = { … }` group, read by the rows of streams/settings.c. The names are those
 * of Kafka Streams with underscores for dots; `properties = ["commit.interval.ms=100"]` takes the dotted spelling of the same rows. A
 * setting of Kafka Streams that has no row of its own is a row that says why it is refused or what stands in its place.
 *
 * Ownership: texts live in the document and the arena it was read with. Immutable while the application runs; any thread.
 */
#ifndef AQ_STREAMS_SETTINGS_H
#define AQ_STREAMS_SETTINGS_H

#include "conf/opt.h"
#include "kafka/flow.h"
#include "streams/serde/serde.h"
#include "streams/timestamp.h"
#include "streams/topology/topology.h"

enum st_guarantee { ST_AT_LEAST_ONCE, ST_EXACTLY_ONCE };

/* What becomes of a record that cannot be read, processed or written. With a dead letter topic CONTINUE sends it there. */
enum st_on_error { ST_ON_ERROR_FAIL, ST_ON_ERROR_CONTINUE };

/* What becomes of a thread that failed (Kafka Streams' uncaught exception handler). */
enum st_on_failure { ST_SHUTDOWN_CLIENT, ST_REPLACE_THREAD };

struct st_settings {
    const char *application_id;
    const char *cluster_name;      /* a group of `clusters`; or */
    const char *bootstrap_servers; /* brokers, without a `clusters` section */
    const char *client_id;         /* prefix of client ids; NULL: ours */
    const char *group_instance_id; /* static membership; NULL: dynamic */
    const char *
        application_server; /* where other instances reach the queries of this one, "host:port"; NULL: nowhere */
    int guarantee;          /* enum st_guarantee */
    int64_t threads;
    int64_t slots;              /* tasks of the state topic; fixed when the application first runs */
    int64_t commit_interval_ms; /* when it was not given: 100 with exactly_once, 30000 without */
    int64_t max_task_idle_ms;   /* ST_NEVER_IDLE, or >= 0 */
    int64_t buffered_records_per_partition;
    int64_t poll_ms;
    int64_t task_timeout_ms; /* how long a record may wait for its sink topic */
    int64_t session_timeout_ms;
    int64_t transaction_timeout_ms;
    int64_t delivery_timeout_ms; /* at_least_once: how long the client retries a record */
    int64_t linger_ms;
    int64_t batch_bytes;
    int64_t in_flight_bytes; /* of the process; see st_thread_share() */
    int64_t queue_bytes;
    int64_t refresh_interval_ms; /* metadata_max_age_ms */
    int64_t repartition_purge_interval_ms;
    int64_t replication_factor; /* of internal topics; -1: the brokers' default */
    const char *compression;
    int auto_offset_reset; /* enum st_reset */
    bool create_topics;    /* sinks whose topic does not exist get one */
    const char *key_serde_name;
    const char *value_serde_name;
    int extractor;          /* index into st_extractors, the default of all sources */
    int on_deserialization; /* enum st_on_error */
    int on_processing;
    int on_production;
    const char *state_dir;
    int64_t cache_bytes; /* of the process; see st_thread_share() */
    int64_t block_cache_bytes;
    int64_t write_buffer_bytes;
    int64_t additional_retention_ms;
    int64_t standby_replicas;       /* how many processes may be lost at once without a long restoring */
    int64_t state_cleanup_delay_ms; /* before stores of a task that moved away are deleted */
    int compat_kafka_streams;
    int on_failure;                /* enum st_on_failure */
    const char *dead_letter_topic; /* NULL: none */
    struct opt_strings properties; /* those for the client; the others have gone into the fields above */

    /* resolved */
    const struct kc_cluster *cluster;
    const struct st_serde *key_serde; /* NULL: no default */
    const struct st_serde *value_serde;
    struct kc_flow flow;

    const struct conf_node *topology; /* the group, for streams/forms/form.c; NULL when there is none */
};

extern const struct opt_table st_settings_table;

/* Timestamp extractors by number, and their names in a configuration (Kafka's classes, with and without package). */
extern const struct st_extractor *const st_extractors[];
extern const struct opt_enum st_extractor_names[];

/* "host:port" with a port that others can connect to. */
bool st_application_server_is_fine(const char *text);

/* Reads one group and resolves it. All complaints go to diags; without any the settings are complete. A cluster made for the
 * application (bootstrap_servers, or client properties of its own) lives in the arena. */
void st_settings_read(struct conf_node *group, const struct kc_cluster *clusters, size_t n_clusters,
                      struct aq_arena *arena, struct conf_diags *diags, struct st_settings *ret);

/* A thread's part of a bound that holds for the process. */
static inline int64_t st_thread_share(const struct st_settings *settings, int64_t bytes)
{
    int64_t share = bytes / settings->threads, least = (int64_t)1 << 20;
    return share > least ? share : least;
}

#endif
