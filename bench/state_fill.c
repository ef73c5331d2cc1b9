/* SPDX-License-Identifier: Apache-2.0
 *
 * state_fill: makes a topic and writes the records of the benchmarks of state into it (bench/lib/state_rule.h).
 *
 *   events   events 0 to N-1
 *   rows     rows 0 to K-1, which is what the topic of a table holds, and what its changelog holds, too
 *   big      the same with big rows
 *
 * Each record goes to the partition that Java's partitioner gives its key. Prints one line of name=value; mb is what keys and values take
 * before compression.
 */
#include <getopt.h>

#include "base/hash.h"
#include "bench/lib/state_rule.h"
#include "tests/lib/check.h"
#include "tests/lib/produce.h"

struct options {
    const char *brokers, *topic, *codec;
    uint64_t records, first;
    uint32_t keys;
    int partitions;
};

static uint64_t send_one(struct t_producer *producer, const struct options *o, struct aq_slice key,
                         struct aq_slice value, int64_t time_ms)
{
    struct t_record record = {.key = key, .value = value, .timestamp = time_ms};
    record.partition = aq_partition_for_key(key, o->partitions);
    t_send(producer, o->topic, &record);
    return key.len + value.len;
}

static uint64_t send_events(struct t_producer *producer, const struct options *o)
{
    char key[ST_ROOM], value[ST_ROOM];
    uint64_t bytes = 0;
    for (uint64_t n = o->first; n < o->first + o->records; n++) {
        struct aq_slice k = aq_slice_of(key, st_key_text(key, st_event_key(n, o->keys)));
        struct aq_slice v = aq_slice_of(value, st_event_value(value, n));
        bytes += send_one(producer, o, k, v, st_event_time(n));
    }
    return bytes;
}

static uint64_t send_rows(struct t_producer *producer, const struct options *o, bool big)
{
    char key[ST_ROOM], value[ST_BIG_LEN + ST_ROOM];
    uint64_t bytes = 0;
    for (uint32_t n = 0; n < o->keys; n++) {
        struct aq_slice k = aq_slice_of(key, st_key_text(key, n));
        struct aq_slice v = aq_slice_of(value, big ? st_big_value(value, n) : st_row_value(value, n));
        bytes += send_one(producer, o, k, v, ST_ROWS_MS);
    }
    return bytes;
}

static void fill(const struct options *o, bool rows, bool big)
{
    struct t_cluster *cluster = t_cluster_open(o->brokers);
    if (t_partitions(cluster, o->topic) <= 0)
        t_topic_create(cluster, o->topic, o->partitions, "retention.ms=-1", NULL);
    t_cluster_close(cluster);
    char codec[64];
    snprintf(codec, sizeof codec, "compression.codec=%s", o->codec);
    const char *properties[] = {codec, "linger.ms=20", "batch.size=262144", NULL};
    struct t_producer *producer = t_producer_open(o->brokers, NULL, properties);
    uint64_t bytes = rows ? send_rows(producer, o, big) : send_events(producer, o);
    uint64_t n = rows ? o->keys : o->records;
    t_flush(producer);
    t_producer_close(producer);
    printf("records=%llu record_bytes=%.0f mb=%.1f\n", (unsigned long long)n,
           n ? (double)bytes / (double)n : 0.0, (double)bytes / 1e6);
}

_Noreturn static void usage(void)
{
    fputs(
        "usage: state_fill events --brokers B --topic T --records N [--first N] [--keys K] [--partitions P] [--codec lz4]\n"
        "       state_fill rows|big --brokers B --topic T --keys K [--partitions P] [--codec lz4]\n",
        stderr);
    exit(64);
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {{"brokers", 1, NULL, 'b'}, {"topic", 1, NULL, 't'},
                                          {"records", 1, NULL, 'n'}, {"first", 1, NULL, 'f'},
                                          {"keys", 1, NULL, 'k'},    {"partitions", 1, NULL, 'p'},
                                          {"codec", 1, NULL, 'z'},   {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'b': o->brokers = optarg; break;
        case 't': o->topic = optarg; break;
        case 'n': o->records = strtoull(optarg, NULL, 10); break;
        case 'f': o->first = strtoull(optarg, NULL, 10); break;
        case 'k': o->keys = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'p': o->partitions = atoi(optarg); break;
        case 'z': o->codec = optarg; break;
        default: usage();
        }
    }
    if (optind != argc || !o->brokers || !o->topic || o->partitions < 1 || o->partitions > ST_PARTITIONS ||
        o->keys < 1 || o->keys > ST_KEYS_MOST)
        usage();
}

int main(int argc, char **argv)
{
    struct options o = {.keys = 100000, .partitions = 4, .codec = "lz4"};
    if (argc < 2) usage();
    bool big = strcmp(argv[1], "big") == 0, rows = big || strcmp(argv[1], "rows") == 0;
    if (!rows && strcmp(argv[1], "events") != 0) usage();
    parse(argc - 1, argv + 1, &o);
    if (!rows && o.records == 0) usage();
    fill(&o, rows, big);
    return 0;
}
