/* SPDX-License-Identifier: Apache-2.0
 *
 * topics: lists or deletes the topics of a cluster whose name begins with one of the given texts, or makes one that
 * keeps its records whatever their timestamps. For the benchmarks, which start every run on clean clusters; Kafka's
 * own tool would start a JVM for it.
 */
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"

static bool chosen(const char *topic, char **prefixes, int n)
{
    for (int i = 0; i < n; i++) {
        if (strncmp(topic, prefixes[i], strlen(prefixes[i])) == 0) return true;
    }
    return false;
}

static int create(const char *brokers, const char *topic, int partitions)
{
    struct t_cluster *cluster = t_cluster_open(brokers);
    t_topic_create(cluster, topic, partitions, "retention.ms=-1", NULL);
    t_cluster_close(cluster);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "create") == 0 && atoi(argv[4]) > 0)
        return create(argv[2], argv[3], atoi(argv[4]));
    if (argc < 4 || (strcmp(argv[1], "list") != 0 && strcmp(argv[1], "delete") != 0)) {
        fputs("usage: topics list|delete BROKERS PREFIX…\n       topics create BROKERS TOPIC PARTITIONS\n",
              stderr);
        return 64;
    }
    rd_kafka_t *rk = t_client(RD_KAFKA_PRODUCER, argv[2], NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(rk, 1, NULL, &metadata, 30000);
    if (error) T_FAIL("%s: %s", argv[2], rd_kafka_err2str(error));
    struct t_cluster *cluster = t_cluster_open(argv[2]);
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const char *topic = metadata->topics[i].topic;
        if (!chosen(topic, argv + 3, argc - 3)) continue;
        if (argv[1][0] == 'l')
            printf("%s\n", topic);
        else
            t_topic_delete(cluster, topic);
    }
    t_cluster_close(cluster);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_destroy(rk);
    return 0;
}
