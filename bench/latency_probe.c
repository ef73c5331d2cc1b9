/* SPDX-License-Identifier: Apache-2.0
 *
 * latency_probe: how long a record takes from its producer on the source to a read_committed reader of the sink.
 *
 * One process produces stamped records at a steady rate and reads them on the sink, so that one monotonic clock stamps
 * and compares. The figures hold the produce request to the source, the mirror, and the fetch from the sink; with --sink
 * equal to the source (and no mirror) the probe measures its own share.
 *
 * An ordinary pass: warm-up records are sent until the first one comes out of the sink; then the measured ones, an even
 * stream over the partitions; then it waits until all are there. Latencies are kept, every one, and sorted at the end.
 * A failing pass: nothing comes out within --timeout, or some are missing at the end: exit 1.
 * Threads: main reads, one thread produces; they share only the sequence counters.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/wait.h"

#define PARTITIONS 4
#define WARM_UP_MS 3000
#define DRAIN_MS   30000

struct stamp {
    int64_t run;      /* tells this probe's records from others' */
    int64_t sequence; /* < 0: warm-up */
    int64_t sent_us;
};

struct probe {
    const char *source, *sink, *from, *to;
    int64_t rate, seconds, timeout_ms;
    size_t size;
    int64_t run, total;
    atomic_bool warm, quit;
    rd_kafka_t *producer;
    int64_t *latencies; /* by sequence, -1: not seen */
    int64_t seen, twice;
};

static void send_stamp(struct probe *probe, char *value, int64_t sequence, int partition)
{
    struct stamp stamp = {probe->run, sequence, t_now_us()};
    memcpy(value, &stamp, sizeof stamp);
    rd_kafka_resp_err_t error =
        rd_kafka_producev(probe->producer, RD_KAFKA_V_TOPIC(probe->from), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("probe", 5),
                          RD_KAFKA_V_VALUE(value, probe->size), RD_KAFKA_V_END);
    if (error) fprintf(stderr, "produce: %s\n", rd_kafka_err2str(error));
    rd_kafka_poll(probe->producer, 0);
}

static void *produce(void *arg)
{
    struct probe *probe = arg;
    char *value = t_alloc(probe->size);
    memset(value, 'x', probe->size);
    while (!atomic_load(&probe->warm) && !atomic_load(&probe->quit)) {
        send_stamp(probe, value, -1, 0);
        t_sleep_ms(20);
    }
    /* The same stream, not yet counted: connections, batches and schedulers settle. */
    int64_t start = t_now_us(), warm_up = probe->rate * WARM_UP_MS / 1000;
    for (int64_t i = -warm_up; i < probe->total && !atomic_load(&probe->quit); i++) {
        int64_t due = start + (i + warm_up) * 1000000 / probe->rate, wait_us = due - t_now_us();
        if (wait_us > 0) {
            struct timespec pause = {wait_us / 1000000, (long)(wait_us % 1000000) * 1000};
            nanosleep(&pause, NULL);
        }
        send_stamp(probe, value, i < 0 ? -1 : i, (int)((i + warm_up) % PARTITIONS));
    }
    rd_kafka_flush(probe->producer, DRAIN_MS);
    free(value);
    return NULL;
}

static void take(struct probe *probe, const rd_kafka_message_t *message)
{
    struct stamp stamp;
    if (message->err || message->len < sizeof stamp) return;
    memcpy(&stamp, message->payload, sizeof stamp);
    if (stamp.run != probe->run) return;
    atomic_store(&probe->warm, true);
    if (stamp.sequence < 0 || stamp.sequence >= probe->total) return;
    if (probe->latencies[stamp.sequence] >= 0) {
        probe->twice++;
        return;
    }
    probe->latencies[stamp.sequence] = t_now_us() - stamp.sent_us;
    probe->seen++;
}

static void read_sink(struct probe *probe)
{
    struct t_cluster *cluster = t_cluster_open(probe->sink);
    bool there = T_WAIT(probe->timeout_ms, t_partitions(cluster, probe->to) >= PARTITIONS);
    t_cluster_close(cluster);
    if (!there) return;
    const char *properties[] = {"isolation.level=read_committed", "fetch.wait.max.ms=500", NULL};
    rd_kafka_t *rk = t_client(RD_KAFKA_CONSUMER, probe->sink, properties);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, probe->to, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    for (int p = 0; p < PARTITIONS; p++)
        rd_kafka_consume_start_queue(rkt, p, RD_KAFKA_OFFSET_BEGINNING, queue);
    int64_t deadline = t_now_ms() + probe->timeout_ms;
    while (probe->seen < probe->total && t_now_ms() < deadline) {
        /* One by one: a block would be handed over only when it is full or its time is up. */
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 100);
        if (!message) continue;
        take(probe, message);
        rd_kafka_message_destroy(message);
        if (probe->seen == 1) deadline = t_now_ms() + probe->seconds * 1000 + DRAIN_MS;
    }
    for (int p = 0; p < PARTITIONS; p++) rd_kafka_consume_stop(rkt, p);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_ms(const int64_t *sorted, int64_t n, double share)
{
    int64_t at = (int64_t)((double)n * share);
    return n ? (double)sorted[at < n ? at : n - 1] / 1000 : 0;
}

static int report(struct probe *probe)
{
    int64_t n = 0;
    for (int64_t i = 0; i < probe->total; i++) {
        if (probe->latencies[i] >= 0) probe->latencies[n++] = probe->latencies[i];
    }
    qsort(probe->latencies, (size_t)n, sizeof *probe->latencies, ascending);
    printf(
        "rate=%lld records=%lld missing=%lld twice=%lld p50_ms=%.1f p99_ms=%.1f p999_ms=%.1f max_ms=%.1f\n",
        (long long)probe->rate, (long long)probe->total, (long long)(probe->total - n),
        (long long)probe->twice, percentile_ms(probe->latencies, n, 0.5),
        percentile_ms(probe->latencies, n, 0.99), percentile_ms(probe->latencies, n, 0.999),
        percentile_ms(probe->latencies, n, 1.0));
    return n == probe->total ? 0 : 1;
}

static void usage(void)
{
    fputs(
        "usage: latency_probe --source B --sink B --topic FROM [--to TO] [--rate N] [--seconds N] [--size BYTES]\n"
        "                     [--timeout SECONDS]\n",
        stderr);
    exit(64);
}

static void parse(int argc, char **argv, struct probe *probe)
{
    static const struct option options[] = {
        {"source", 1, NULL, 's'},  {"sink", 1, NULL, 'd'}, {"topic", 1, NULL, 't'},
        {"to", 1, NULL, 'o'},      {"rate", 1, NULL, 'r'}, {"seconds", 1, NULL, 'S'},
        {"timeout", 1, NULL, 'T'}, {"size", 1, NULL, 'z'}, {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's': probe->source = optarg; break;
        case 'd': probe->sink = optarg; break;
        case 't': probe->from = optarg; break;
        case 'o': probe->to = optarg; break;
        case 'r': probe->rate = atoll(optarg); break;
        case 'S': probe->seconds = atoll(optarg); break;
        case 'T': probe->timeout_ms = atoll(optarg) * 1000; break;
        case 'z': probe->size = (size_t)atoll(optarg); break;
        default: usage();
        }
    }
    if (!probe->source || !probe->sink || !probe->from || probe->rate < 1 || probe->seconds < 1) usage();
    if (probe->size < sizeof(struct stamp)) usage();
    if (!probe->to) probe->to = probe->from;
}

int main(int argc, char **argv)
{
    struct probe probe = {.rate = 200, .seconds = 30, .size = 511, .timeout_ms = 120000};
    parse(argc, argv, &probe);
    probe.run = t_now_us();
    probe.total = probe.rate * probe.seconds;
    probe.latencies = t_alloc((size_t)probe.total * sizeof *probe.latencies);
    for (int64_t i = 0; i < probe.total; i++) probe.latencies[i] = -1;
    struct t_cluster *cluster = t_cluster_open(probe.source);
    t_topic_create(cluster, probe.from, PARTITIONS, "retention.ms=-1", NULL);
    t_cluster_close(cluster);
    const char *properties[] = {"linger.ms=0", "enable.idempotence=true", "compression.codec=none", NULL};
    probe.producer = t_client(RD_KAFKA_PRODUCER, probe.source, properties);
    pthread_t thread;
    if (pthread_create(&thread, NULL, produce, &probe) != 0) T_FAIL("no thread");
    read_sink(&probe);
    atomic_store(&probe.quit, true);
    pthread_join(thread, NULL);
    rd_kafka_destroy(probe.producer);
    int code = report(&probe);
    free(probe.latencies);
    return code;
}
