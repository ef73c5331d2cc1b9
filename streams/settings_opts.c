/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `streams`: the settings of Kafka Streams 4.3 (StreamsConfig) with underscores for dots, those settings of its
 * clients that belong to the application, and a few of our own.
 *
 * Every setting of Kafka Streams is a row, so that who brings a configuration along is told what stands in its place, or why
 * there is nothing, instead of "unknown option". Kafka's own values, Java class names among them, are accepted where people
 * copy them. `properties` takes the dotted spelling of the same rows (streams/properties.c).
 *
 * What belongs together only in certain ways is checked in streams/settings.c.
 */
#include <stddef.h>

#include "streams/choice.h"
#include "streams/heirs.h"
#include "streams/settings.h"

#define SERDES "bytes, string, int32, int64, double or json, or the name of one of Kafka's Java classes."
#define NO_WARMUP \
    "An instance that joins restores what it is given; write num_standby_replicas for the loss of one."
#define ROCKSDB    "There is one database for all stores: write rocksdb_block_cache and rocksdb_write_buffer."
#define NO_METRICS "Metrics are served over HTTP and always counted in full (`aqueduct help http`)."
#define ERRORS     "org.apache.kafka.streams.errors."
#define PROCESSOR  "org.apache.kafka.streams.processor."
#define HOUR_MS    3600000LL

/* Where two words mean one thing the first is printed. */
static const struct opt_enum guarantees[] = {
    {"at_least_once", ST_AT_LEAST_ONCE},
    {"exactly_once_v2", ST_EXACTLY_ONCE},
    {"exactly_once", ST_EXACTLY_ONCE},
    {NULL, 0},
};
static const struct opt_enum resets[] = {{"earliest", ST_EARLIEST}, {"latest", ST_LATEST}, {NULL, 0}};
static const struct opt_enum read_errors[] = {
    {"fail", ST_ON_ERROR_FAIL},
    {"continue", ST_ON_ERROR_CONTINUE},
    {"LogAndFailExceptionHandler", ST_ON_ERROR_FAIL},
    {"LogAndContinueExceptionHandler", ST_ON_ERROR_CONTINUE},
    {ERRORS "LogAndFailExceptionHandler", ST_ON_ERROR_FAIL},
    {ERRORS "LogAndContinueExceptionHandler", ST_ON_ERROR_CONTINUE},
    {NULL, 0},
};
static const struct opt_enum processing_errors[] = {
    {"fail", ST_ON_ERROR_FAIL},
    {"continue", ST_ON_ERROR_CONTINUE},
    {"LogAndFailProcessingExceptionHandler", ST_ON_ERROR_FAIL},
    {"LogAndContinueProcessingExceptionHandler", ST_ON_ERROR_CONTINUE},
    {ERRORS "LogAndFailProcessingExceptionHandler", ST_ON_ERROR_FAIL},
    {ERRORS "LogAndContinueProcessingExceptionHandler", ST_ON_ERROR_CONTINUE},
    {NULL, 0},
};
static const struct opt_enum write_errors[] = {
    {"fail", ST_ON_ERROR_FAIL},
    {"continue", ST_ON_ERROR_CONTINUE},
    {"DefaultProductionExceptionHandler", ST_ON_ERROR_FAIL},
    {ERRORS "DefaultProductionExceptionHandler", ST_ON_ERROR_FAIL},
    {NULL, 0},
};
static const struct opt_enum failures[] = {
    {"SHUTDOWN_CLIENT", ST_SHUTDOWN_CLIENT},
    {"REPLACE_THREAD", ST_REPLACE_THREAD},
    {NULL, 0},
};

static const struct opt_enum compats[] = {{"none", false}, {"kafka-streams", true}, {NULL, 0}};

enum { EXTRACT_FAIL, EXTRACT_SKIP, EXTRACT_PARTITION_TIME, EXTRACT_WALL_CLOCK };

const struct st_extractor *const st_extractors[] = {
    [EXTRACT_FAIL] = &ST_FAIL_ON_INVALID_TIMESTAMP,
    [EXTRACT_SKIP] = &ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP,
    [EXTRACT_PARTITION_TIME] = &ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP,
    [EXTRACT_WALL_CLOCK] = &ST_WALLCLOCK_TIMESTAMP,
};
const struct opt_enum st_extractor_names[] = {
    {"FailOnInvalidTimestamp", EXTRACT_FAIL},
    {"LogAndSkipOnInvalidTimestamp", EXTRACT_SKIP},
    {"UsePartitionTimeOnInvalidTimestamp", EXTRACT_PARTITION_TIME},
    {"WallclockTimestampExtractor", EXTRACT_WALL_CLOCK},
    {PROCESSOR "FailOnInvalidTimestamp", EXTRACT_FAIL},
    {PROCESSOR "LogAndSkipOnInvalidTimestamp", EXTRACT_SKIP},
    {PROCESSOR "UsePartitionTimeOnInvalidTimestamp", EXTRACT_PARTITION_TIME},
    {PROCESSOR "WallclockTimestampExtractor", EXTRACT_WALL_CLOCK},
    {NULL, 0},
};

#define AT(field) .offset = offsetof(struct st_settings, field), .reload = OPT_RELOAD_PROCESS
#define REFUSED   .kind = OPT_REFUSED

static const struct opt_row rows[] = {
    {.name = "application_id",
     .kind = OPT_STRING,
     AT(application_id),
     .help =
         "Required. Names the application: its consumer group, its transactional ids, its internal topics and its state topic "
         "APPLICATION_ID" ST_STATE_SUFFIX ". Instances of one application share it."},
    {.name = "application_server",
     .kind = OPT_STRING,
     AT(application_server),
     .help =
         "HOST:PORT at which other instances reach the HTTP side of this one, to pass queries of stores on. Default: http.listen where "
         "that is one address other machines can reach. Without either this instance is not asked by others."},
    {.name = "cluster",
     .kind = OPT_STRING,
     AT(cluster_name),
     .help =
         "The cluster the application reads and writes: a name under clusters. This or bootstrap_servers."},
    {.name = "bootstrap_servers",
     .kind = OPT_STRING,
     AT(bootstrap_servers),
     .min = 1,
     .help = "Addresses of the cluster, host:port, separated by commas; then no clusters section is needed."},
    {.name = "topology",
     .kind = OPT_NODE,
     AT(topology),
     .flags = OPT_REQUIRED,
     .help = "The nodes by name, a group each, in any order (`aqueduct help node`, `aqueduct list forms`)."},
    {.name = "processing_guarantee",
     .kind = OPT_ENUM,
     AT(guarantee),
     .def = "at_least_once",
     .values = guarantees,
     .help =
         "exactly_once_v2: outputs and positions in one transaction. at_least_once: a crash may repeat the last records, "
         "and never skips one."},
    {.name = "num_stream_threads",
     .kind = OPT_INT,
     AT(threads),
     .def = "1",
     .min = 1,
     .max = 64,
     .help = "Threads of this process that share the application's tasks, each with its own connections."},
    {.name = "slots",
     .kind = OPT_INT,
     AT(slots),
     .def = "16",
     .min = 1,
     .max = 1024,
     .help =
         "Tasks of the state topic, which is what is shared out over all instances. Fixed when the application first "
         "runs."},
    {.name = "commit_interval_ms",
     .kind = OPT_DURATION,
     AT(commit_interval_ms),
     .min = 1,
     .max = 24 * HOUR_MS,
     .help =
         "How often positions are committed. When it is left out: 100ms with exactly_once_v2, 30s with at_least_once."},
    {.name = "max_task_idle_ms",
     .kind = OPT_DURATION,
     AT(max_task_idle_ms),
     .def = "0",
     .min = ST_NEVER_IDLE,
     .max = 24 * HOUR_MS,
     .help =
         "How long a task waits for records of an empty partition while others have some, so that they come in the order "
         "of time. 0: only while the brokers are known to have more. -1: never."},
    {.name = "buffered_records_per_partition",
     .kind = OPT_INT,
     AT(buffered_records_per_partition),
     .def = "1000",
     .min = 1,
     .max = 10000000,
     .help = "Records of a partition that wait to be processed; above this bound it is not read."},
    {.name = "poll_ms",
     .kind = OPT_DURATION,
     AT(poll_ms),
     .def = "100ms",
     .min = 1,
     .max = 60000,
     .help = "How long a thread without anything to do waits for records at a time."},
    {.name = "task_timeout_ms",
     .kind = OPT_DURATION,
     AT(task_timeout_ms),
     .def = "5m",
     .min = 0,
     .max = 24 * HOUR_MS,
     .help = "How long a record may wait for a topic that does not exist before the task fails."},
    {.name = "session_timeout_ms",
     .kind = OPT_DURATION,
     AT(session_timeout_ms),
     .def = "10s",
     .min = 1000,
     .max = 1800000,
     .help =
         "After this silence of an instance its tasks go to another. The brokers set bounds (6s to 30m unless "
         "configured)."},
    {.name = "transaction_timeout_ms",
     .kind = OPT_DURATION,
     AT(transaction_timeout_ms),
     .def = "10s",
     .min = 1000,
     .max = 900000,
     .help =
         "How long the brokers keep the open transaction of an instance that died, where nobody ends it: those who take its "
         "tasks over do, unless it was its very first. Not shorter than commit_interval_ms."},
    {.name = "delivery_timeout_ms",
     .kind = OPT_DURATION,
     AT(delivery_timeout_ms),
     .def = "2m",
     .min = 1000,
     .max = 24 * HOUR_MS,
     .help =
         "With at_least_once: how long the client tries to write a record. In a transaction its timeout decides."},
    {.name = "group_instance_id",
     .kind = OPT_STRING,
     AT(group_instance_id),
     .help =
         "Static membership: an instance of this name that comes back within session_timeout_ms keeps its tasks. The "
         "number of the thread is added. Every running instance needs its own."},
    {.name = "client_id",
     .kind = OPT_STRING,
     AT(client_id),
     .help =
         "What the ids begin with that brokers log and count clients by, \"aqueduct\" when it is left out. Behind it stand "
         "host name, process and thread, or what the client is for. Letters, digits, '.', '_' and '-'."},
    {.name = "auto_offset_reset",
     .kind = OPT_ENUM,
     AT(auto_offset_reset),
     .def = "earliest",
     .values = resets,
     .help = "Where partitions without a position are read from; a source may say otherwise."},
    {.name = "default_key_serde",
     .kind = OPT_STRING,
     AT(key_serde_name),
     .help = "How keys lie in the topics of sources that do not say so: " SERDES},
    {.name = "default_value_serde",
     .kind = OPT_STRING,
     AT(value_serde_name),
     .help = "How values lie in the topics of sources that do not say so: " SERDES},
    {.name = "default_timestamp_extractor",
     .kind = OPT_ENUM,
     AT(extractor),
     .def = "FailOnInvalidTimestamp",
     .values = st_extractor_names,
     .help =
         "Which moment a record stands for, and what a record without a timestamp does; a source may say otherwise."},
    {.name = "deserialization_exception_handler",
     .kind = OPT_ENUM,
     AT(on_deserialization),
     .def = "fail",
     .values = read_errors,
     .help =
         "A record that is not what its serde says: fail stops in front of it, continue logs, counts and goes on."},
    {.name = "processing_exception_handler",
     .kind = OPT_ENUM,
     AT(on_processing),
     .def = "fail",
     .values = processing_errors,
     .help = "A record that a node fails on: fail stops in front of it, continue logs, counts and goes on."},
    {.name = "production_exception_handler",
     .kind = OPT_ENUM,
     AT(on_production),
     .def = "fail",
     .values = write_errors,
     .help =
         "A record that the brokers refuse for good, because of its size for instance: fail stops, continue logs, counts "
         "and goes on."},
    {.name = "errors_dead_letter_queue_topic_name",
     .kind = OPT_STRING,
     AT(dead_letter_topic),
     .help =
         "The topic for records that a handler passes over (continue): key and value as they were read, and headers that "
         "say why."},
    {.name = "uncaught_exception_handler",
     .kind = OPT_ENUM,
     AT(on_failure),
     .def = "SHUTDOWN_CLIENT",
     .values = failures,
     .help =
         "When a thread fails: SHUTDOWN_CLIENT ends this instance with the reason, REPLACE_THREAD starts another in its "
         "place, which begins at the last commit."},
    {.name = "replication_factor",
     .kind = OPT_INT,
     AT(replication_factor),
     .def = "-1",
     .min = -1,
     .max = 32767,
     .help = "Of topics the application creates; -1: the brokers' default."},
    {.name = "create_topics",
     .kind = OPT_BOOL,
     AT(create_topics),
     .def = "false",
     .help =
         "Creates the topic of a sink when it does not exist. Otherwise the record waits for it, up to task_timeout_ms."},
    {.name = "repartition_purge_interval_ms",
     .kind = OPT_DURATION,
     AT(repartition_purge_interval_ms),
     .def = "30s",
     .min = 100,
     .max = 24 * HOUR_MS,
     .help = "How often records of repartition topics that were read and committed are deleted."},
    {.name = "metadata_max_age_ms",
     .kind = OPT_DURATION,
     AT(refresh_interval_ms),
     .def = "5s",
     .min = 100,
     .max = HOUR_MS,
     .help = "How often new topics and partitions are looked for."},
    {.name = "linger_ms",
     .kind = OPT_DURATION,
     AT(linger_ms),
     .def = "5ms",
     .min = 0,
     .max = 60000,
     .help =
         "How long a batch for the brokers waits to fill. Records are handed over many at a time, so it needs little; with "
         "less than a handing over takes, the client sends the first of them alone and spins until the rest may follow."},
    {.name = "batch_size",
     .kind = OPT_SIZE,
     AT(batch_bytes),
     .def = "1MiB",
     .min = 1LL << 10,
     .max = 100LL << 20,
     .help = "Largest batch sent to the brokers, before compression."},
    {.name = "compression_type",
     .kind = OPT_STRING,
     AT(compression),
     .def = "none",
     .help = "Of batches sent to the brokers: none, gzip, snappy, lz4 or zstd."},
    {.name = "in_flight",
     .kind = OPT_SIZE,
     AT(in_flight_bytes),
     .def = "16MiB",
     .min = 1LL << 20,
     .max = 4LL << 30,
     .help =
         "Memory of records that were read or made and not yet acknowledged, 512 bytes for each one read besides its own, divided "
         "among the threads; at this bound reading stops."},
    {.name = "queue",
     .kind = OPT_SIZE,
     AT(queue_bytes),
     .def = "1MiB",
     .min = 64LL << 10,
     .max = 1LL << 30,
     .help = "Bytes that the clients fetch ahead, divided among the threads."},
    {.name = "properties",
     .kind = OPT_STRINGS,
     AT(properties),
     .help =
         "The same settings in Kafka's spelling, \"commit.interval.ms=100\", one per item, and properties of the client "
         "library. What this program must set itself is refused with the reason."},
    /* stores */
    {.name = "state_dir",
     .kind = OPT_STRING,
     AT(state_dir),
     .def = "/tmp/aqueduct-streams",
     .help =
         "Folder for the stores that are not in memory, in a folder of the application's own. What it holds is in the changelogs, "
         "too, and is read from there when it is gone. Every instance on a machine needs one of its own."},
    {.name = "statestore_cache_max_bytes",
     .kind = OPT_SIZE,
     AT(cache_bytes),
     .def = "10MiB",
     .max = 1LL << 40,
     .help =
         "Memory for changes of stores between two commits and for entries read, divided among the threads. Results of one key "
         "go on once a commit; with 0 every change goes on at once."},
    {.name = "rocksdb_block_cache",
     .kind = OPT_SIZE,
     AT(block_cache_bytes),
     .def = "50MiB",
     .min = 1LL << 20,
     .max = 1LL << 40,
     .help = "Memory for blocks of the database, of all stores of the process together."},
    {.name = "rocksdb_write_buffer",
     .kind = OPT_SIZE,
     AT(write_buffer_bytes),
     .def = "64MiB",
     .min = 4LL << 20,
     .max = 1LL << 40,
     .help = "Memory for what was written and is not in files yet, of all stores of the process together."},
    {.name = "windowstore_changelog_additional_retention_ms",
     .kind = OPT_DURATION,
     AT(additional_retention_ms),
     .def = "1d",
     .max = 3650LL * 24 * HOUR_MS,
     .help = "How much longer than the store the changelog of a window store keeps its records."},
    {.name = "num_standby_replicas",
     .kind = OPT_INT,
     AT(standby_replicas),
     .def = "0",
     .min = 0,
     .max = ST_LOSSES_MAX,
     .help =
         "How many processes may be lost at once without their tasks having to be restored: every process keeps copies of "
         "the stores it would take over then. With 1 every store has up to two copies besides the one in use."},
    {.name = "state_cleanup_delay_ms",
     .kind = OPT_DURATION,
     AT(state_cleanup_delay_ms),
     .def = "10m",
     .min = 1000,
     .max = 3650LL * 24 * HOUR_MS,
     .help =
         "How long the stores of a task that moved to another instance are kept here, in case it comes back."},
    {.name = "compat",
     .kind = OPT_ENUM,
     AT(compat_kafka_streams),
     .def = "none",
     .values = compats,
     .help =
         "kafka-streams: results as Kafka Streams gives them also where it loses or repeats some (doc/streams.md lists the "
         "cases). none: what is right."},
    {.name = "cache_max_bytes_buffering", REFUSED, .help = "Write statestore_cache_max_bytes."},
    {.name = "acceptable_recovery_lag", REFUSED, .help = NO_WARMUP},
    {.name = "max_warmup_replicas", REFUSED, .help = NO_WARMUP},
    {.name = "probing_rebalance_interval_ms", REFUSED, .help = NO_WARMUP},
    {.name = "default_dsl_store", REFUSED, .help = "A node says in_memory = true."},
    {.name = "dsl_store_format", REFUSED, .help = "There is one format, that of Kafka Streams' DEFAULT."},
    {.name = "dsl_store_suppliers_class", REFUSED, .help = "A node says in_memory = true."},
    {.name = "processing_exception_handler_global_enabled",
     REFUSED,
     .help = "There is no global thread: processing_exception_handler is for all nodes."},
    {.name = "rocksdb_config_setter", REFUSED, .help = ROCKSDB},
    {.name = "allow_os_group_write_access", REFUSED, .help = "state_dir is the owner's alone."},
    {.name = "window_size_ms", REFUSED, .help = "The windowed serde of a source names its size."},
    {.name = "windowed_inner_class_serde",
     REFUSED,
     .help = "The windowed serde of a source names the inner one."},
    /* that have another shape here, or none */
    {.name = "auto_include_jmx_reporter", REFUSED, .help = NO_METRICS},
    {.name = "built_in_metrics_version", REFUSED, .help = NO_METRICS},
    {.name = "enable_metrics_push", REFUSED, .help = NO_METRICS},
    {.name = "log_summary_interval_ms", REFUSED, .help = NO_METRICS},
    {.name = "metric_reporters", REFUSED, .help = NO_METRICS},
    {.name = "metrics_num_samples", REFUSED, .help = NO_METRICS},
    {.name = "metrics_recording_level", REFUSED, .help = NO_METRICS},
    {.name = "metrics_sample_window_ms", REFUSED, .help = NO_METRICS},
    {.name = "config_providers",
     REFUSED,
     .help = "Write ${NAME} for an environment variable and ${secret:NAME} for a file."},
    {.name = "default_client_supplier", REFUSED, .help = "There is one client, and it is built in."},
    {.name = "default_deserialization_exception_handler",
     REFUSED,
     .help = "Write deserialization_exception_handler, as Kafka calls it since 4.0."},
    {.name = "default_production_exception_handler",
     REFUSED,
     .help = "Write production_exception_handler, as Kafka calls it since 4.0."},
    {.name = "default_list_key_serde_inner",
     REFUSED,
     .help = "There is no list serde; json can hold a list."},
    {.name = "default_list_key_serde_type", REFUSED, .help = "There is no list serde; json can hold a list."},
    {.name = "default_list_value_serde_inner",
     REFUSED,
     .help = "There is no list serde; json can hold a list."},
    {.name = "default_list_value_serde_type",
     REFUSED,
     .help = "There is no list serde; json can hold a list."},
    {.name = "ensure_explicit_internal_resource_naming",
     REFUSED,
     .help = "It is always so: every node has a name, and internal topics are called after it."},
    {.name = "group_protocol",
     REFUSED,
     .help = "The group is always a classic one: tasks are shared out by its assignments."},
    {.name = "group_remote_assignor",
     REFUSED,
     .help = "It belongs to the consumer protocol, which is not used."},
    {.name = "metadata_recovery_strategy",
     REFUSED,
     .help = "The client goes back to bootstrap_servers by itself."},
    {.name = "metadata_recovery_rebootstrap_trigger_ms",
     REFUSED,
     .help = "The client goes back to bootstrap_servers by itself."},
    {.name = "processor_wrapper_class", REFUSED, .help = "It names a Java class, and none can be loaded."},
    {.name = "rack_aware_assignment_non_overlap_cost",
     REFUSED,
     .help = "Racks are not looked at when tasks are shared out."},
    {.name = "rack_aware_assignment_strategy",
     REFUSED,
     .help = "Racks are not looked at when tasks are shared out."},
    {.name = "rack_aware_assignment_tags",
     REFUSED,
     .help = "Racks are not looked at when tasks are shared out."},
    {.name = "rack_aware_assignment_traffic_cost",
     REFUSED,
     .help = "Racks are not looked at when tasks are shared out."},
    {.name = "security_providers", REFUSED, .help = "It names a Java class, and none can be loaded."},
    {.name = "task_assignor_class", REFUSED, .help = "It names a Java class, and none can be loaded."},
    {.name = "topology_optimization",
     REFUSED,
     .help = "The topology runs as it is written: no topic is merged with another or used twice."},
    {.name = "upgrade_from",
     REFUSED,
     .help = "There is no older version whose formats would have to be written."},
    /* of Kafka's clients, and ours to set */
    {.name = "acks", REFUSED, .help = "It is always all: a record that one broker can lose is not written."},
    {.name = "allow_auto_create_topics", REFUSED, .help = "Topics are created by the option create_topics."},
    {.name = "auto_commit_interval_ms", REFUSED, .help = "Write commit_interval_ms."},
    {.name = "buffer_memory", REFUSED, .help = "Write in_flight."},
    {.name = "compression_codec", REFUSED, .help = "Write compression_type."},
    {.name = "enable_auto_commit", REFUSED, .help = "It is always false: the application commits."},
    {.name = "enable_idempotence",
     REFUSED,
     .help = "It is always true: without it retries duplicate and reorder."},
    {.name = "fetch_max_bytes", REFUSED, .help = "Write queue."},
    {.name = "group_id", REFUSED, .help = "It is the application_id."},
    {.name = "heartbeat_interval_ms",
     REFUSED,
     .help = "It is 500 ms, or a quarter of session_timeout_ms when that is less."},
    {.name = "interceptor_classes", REFUSED, .help = "It names a Java class, and none can be loaded."},
    {.name = "isolation_level",
     REFUSED,
     .help = "It follows processing_guarantee: read_committed with exactly_once_v2, else read_uncommitted."},
    {.name = "key_deserializer", REFUSED, .help = "Write default_key_serde, or key_serde at the source."},
    {.name = "key_serializer",
     REFUSED,
     .help = "Write default_key_serde, or key_serde at the node that makes the keys."},
    {.name = "max_poll_interval_ms", REFUSED, .help = "It follows session_timeout_ms."},
    {.name = "max_poll_records", REFUSED, .help = "Write queue, or buffered_records_per_partition."},
    {.name = "max_request_size",
     REFUSED,
     .help = "The brokers' limit decides; see production_exception_handler."},
    {.name = "message_timeout_ms", REFUSED, .help = "Write delivery_timeout_ms."},
    {.name = "partition_assignment_strategy",
     REFUSED,
     .help = "It is chosen by the version of the client library."},
    {.name = "partitioner_class",
     REFUSED,
     .help = "It names a Java class; keys decide by murmur2, as in Java."},
    {.name = "queue_buffering_max_kbytes", REFUSED, .help = "Write in_flight."},
    {.name = "queue_buffering_max_messages", REFUSED, .help = "Write in_flight."},
    {.name = "queue_buffering_max_ms", REFUSED, .help = "Write linger_ms."},
    {.name = "queued_max_messages_kbytes", REFUSED, .help = "Write queue."},
    {.name = "queued_min_messages", REFUSED, .help = "Write queue."},
    {.name = "request_timeout_ms",
     REFUSED,
     .help = "It is set by the program; for the connection: socket.timeout.ms."},
    {.name = "transactional_id", REFUSED, .help = "It is made from application_id, instance and thread."},
    {.name = "value_deserializer",
     REFUSED,
     .help = "Write default_value_serde, or value_serde at the source."},
    {.name = "value_serializer",
     REFUSED,
     .help = "Write default_value_serde, or value_serde at the node that makes the values."},
    /* of a route of the bridge */
    {.name = "commit_interval", REFUSED, .help = "Write commit_interval_ms = \"100ms\"."},
    {.name = "compression", REFUSED, .help = "Write compression_type."},
    {.name = "dead_letter_topic", REFUSED, .help = "Write errors_dead_letter_queue_topic_name."},
    {.name = "delivery", REFUSED, .help = "Write processing_guarantee = \"exactly_once_v2\"."},
    {.name = "from", REFUSED, .help = "Write cluster = \"NAME\"; the application writes where it reads."},
    {.name = "linger", REFUSED, .help = "Write linger_ms = \"5ms\"."},
    {.name = "session_timeout", REFUSED, .help = "Write session_timeout_ms = \"10s\"."},
    {.name = "tasks", REFUSED, .help = "Write slots."},
    {.name = "to", REFUSED, .help = "Write cluster = \"NAME\"; the application writes where it reads."},
    {.name = "transaction_timeout", REFUSED, .help = "Write transaction_timeout_ms = \"10s\"."},
    {.name = "workers", REFUSED, .help = "Write num_stream_threads."},
    {.name = NULL},
};

const struct opt_table st_settings_table = {
    .name = "streams",
    .kind = "section",
    .summary = "A streams application: its settings, named as Kafka Streams names them, and its topology.",
    .rows = rows,
    .example = "streams = {\n"
               "  application_id = \"metrics\";\n"
               "  bootstrap_servers = \"127.0.0.1:9092\";\n"
               "  processing_guarantee = \"exactly_once_v2\";\n"
               "  default_key_serde = \"string\";\n"
               "  default_value_serde = \"json\";\n"
               "  topology = {\n"
               "    all  = { type = \"source\"; topics = [\"metrics\"]; };\n"
               "    high = { type = \"filter\"; from = \"all\"; where = \"value.load > 0.9\"; };\n"
               "    out  = { type = \"sink\"; from = \"high\"; topic = \"alerts\"; };\n"
               "  };\n"
               "};\n",
};
