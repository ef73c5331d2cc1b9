/* SPDX-License-Identifier: Apache-2.0
 *
 * One Kafka cluster as a test sees it: topics made, changed, asked about and deleted. Every call waits for the answer
 * and fails the test, with the broker's words, when it does not get it.
 */
#ifndef AQ_TESTS_LIB_CLUSTER_H
#define AQ_TESTS_LIB_CLUSTER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

struct t_cluster;

struct t_name {
    char text[160];
};

/* Nothing is sent before the first call. brokers: "127.0.0.1:19092,…". */
struct t_cluster *t_cluster_open(const char *brokers);
void t_cluster_close(struct t_cluster *cluster);
const char *t_brokers(const struct t_cluster *cluster);

/* "stem-<time>-<pid>-<n>": a name no earlier run has used. A stem of "orders.eu" gives "orders.eu-…". */
struct t_name t_unique(const char *stem);

/* Configs are "key=value" texts, ended by NULL: t_topic_create(c, t.text, 6, "retention.ms=-1", NULL). Returns when
 * every partition has a leader. */
void t_topic_create(struct t_cluster *cluster, const char *topic, int partitions, ...)
    __attribute__((sentinel));
/* The same with an array of configs (NULL: none) and a replication factor (-1: the broker's default). */
void t_topic_create_with(struct t_cluster *cluster, const char *topic, int partitions, int replicas,
                         const char *const *configs);
/* Returns when the brokers' metadata no longer name it. A topic that is not there is fine. */
void t_topic_delete(struct t_cluster *cluster, const char *topic);
/* All whose names begin so: the internal topics of an application. */
void t_topics_delete(struct t_cluster *cluster, const char *prefix);
void t_topic_grow(struct t_cluster *cluster, const char *topic, int partitions);
/* Replaces ALL overrides of the topic (the incremental call needs librdkafka 2.2). */
void t_topic_config(struct t_cluster *cluster, const char *topic, ...) __attribute__((sentinel));
/* Cuts the log: `before` becomes the first offset. -1 cuts to the end. */
void t_delete_records(struct t_cluster *cluster, const char *topic, int partition, int64_t before);

/* Number of partitions that have a leader; 0 when the topic is unknown, -1 when nobody answers. Never fails. */
int t_partitions(struct t_cluster *cluster, const char *topic);
/* First offset and high watermark. False when nobody answers within timeout_ms. */
bool t_watermarks(struct t_cluster *cluster, const char *topic, int partition, int64_t timeout_ms,
                  int64_t *ret_low, int64_t *ret_high);
/* Sum of (high watermark - first offset) over all partitions: records, gaps and transaction markers. -1: no answer. */
int64_t t_log_span(struct t_cluster *cluster, const char *topic);

/* A client handle with properties "key=value", ended by NULL; for helpers of this folder and odd tests. */
rd_kafka_t *t_client(rd_kafka_type_t type, const char *brokers, const char *const *properties);
/* With callbacks of the caller's: `conf` is consumed. */
rd_kafka_t *t_client_with(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *brokers,
                          const char *const *properties);
/* True when this librdkafka knows the property. */
bool t_client_knows(const char *property);

#endif
