/* SPDX-License-Identifier: Apache-2.0
 *
 * watch_sink: starts a mirror, watches its sink topic grow from outside, and says how fast and at what cost.
 *
 * What is measured is what a reader of the sink sees: the last stable offsets, asked every few milliseconds, so that
 * aqueduct and its peers are measured by the same clock and none by its own counters. "First record" counts from the
 * start of the process; the rate from the first visible growth to the last one. The copy is complete when the
 * offsets (which count transaction markers too) have reached the number of records and then stood still for SETTLE_MS;
 * that pause is in no figure. A mirror that ends by itself is waited for; another gets SIGTERM.
 *
 * CPU seconds are utime + stime of the process: at the moment of the last growth for one that must be stopped (its idle
 * time afterwards would be unfair), at its end for one that ends by itself. Memory is its peak resident set.
 *
 * Prints one line of name=value; first_n is what the first look that saw anything saw.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>

#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/process.h"
#include "tests/lib/wait.h"

#define POLL_MS        10
#define SETTLE_MS      2000
#define MAX_PARTITIONS 256

struct watch {
    const char *brokers, *topic;
    int64_t records, timeout_ms;
    int partitions;
    rd_kafka_t *rk;
    int64_t ends[MAX_PARTITIONS];
    int64_t started_us, first_us, last_us, seen, seen_at_first;
    double cpu_at_last;
    struct t_process *mirror;
};

/* Sum of the last stable offsets as far as they are known. */
static int64_t visible(struct watch *w)
{
    int64_t sum = 0;
    for (int p = 0; p < w->partitions; p++) {
        int64_t low, end;
        if (!rd_kafka_query_watermark_offsets(w->rk, w->topic, p, &low, &end, 1000) && end > w->ends[p])
            w->ends[p] = end;
        sum += w->ends[p];
    }
    return sum;
}

static void look(struct watch *w)
{
    int64_t sum = visible(w), now = t_now_us();
    if (sum <= w->seen) return;
    if (!w->first_us) {
        w->first_us = now;
        w->seen_at_first = sum;
    }
    w->last_us = now;
    w->seen = sum;
    double cpu = t_cpu_so_far(w->mirror);
    if (cpu >= 0) w->cpu_at_last = cpu;
}

static bool complete(const struct watch *w)
{
    return w->seen >= w->records && t_now_us() - w->last_us > SETTLE_MS * 1000;
}

/* True when the copy is there. */
static bool follow(struct watch *w)
{
    struct t_cluster *cluster = t_cluster_open(w->brokers);
    int64_t deadline = t_now_ms() + w->timeout_ms;
    while (t_partitions(cluster, w->topic) < w->partitions && t_now_ms() < deadline && t_running(w->mirror))
        t_sleep_ms(POLL_MS);
    t_cluster_close(cluster);
    const char *properties[] = {"isolation.level=read_committed", NULL};
    w->rk = t_client(RD_KAFKA_CONSUMER, w->brokers, properties);
    bool ended = false;
    while (!complete(w) && t_now_ms() < deadline) {
        look(w);
        t_sleep_ms(POLL_MS);
        /* One more round after its end, then there is nothing to wait for. */
        if (ended && w->seen < w->records) break;
        ended = !t_running(w->mirror);
    }
    rd_kafka_destroy(w->rk);
    return w->seen >= w->records;
}

static int report(struct watch *w, bool whole)
{
    bool by_itself = !t_running(w->mirror);
    if (!by_itself) t_signal(w->mirror, SIGTERM);
    int code = t_wait_exit(w->mirror, 60000);
    double cpu = by_itself || w->cpu_at_last <= 0 ? t_cpu_seconds(w->mirror) : w->cpu_at_last;
    double flow = (double)(w->last_us - w->first_us) / 1e6;
    printf(
        "records=%lld complete=%s first_s=%.3f first_n=%lld flow_s=%.3f rate=%.0f cpu_s=%.2f peak_mb=%.1f exit=%d\n",
        (long long)w->records, whole ? "yes" : "no", (double)(w->first_us - w->started_us) / 1e6,
        (long long)w->seen_at_first, flow, flow > 0 ? (double)w->records / flow : 0.0, cpu,
        (double)t_peak_kb(w->mirror) / 1024, code);
    if (!whole || code == T_STILL_RUNNING)
        fprintf(stderr, "%s\n%s\n", t_stdout(w->mirror), t_stderr(w->mirror));
    t_process_free(w->mirror);
    return whole ? 0 : 1;
}

static void usage(void)
{
    fputs(
        "usage: watch_sink --brokers B --topic T --partitions N --records N [--timeout SECONDS] -- COMMAND…\n",
        stderr);
    exit(64);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"brokers", 1, NULL, 'b'},    {"topic", 1, NULL, 't'},
                                            {"partitions", 1, NULL, 'p'}, {"records", 1, NULL, 'n'},
                                            {"timeout", 1, NULL, 'T'},    {0}};
    struct watch w = {.partitions = 1, .timeout_ms = 600000};
    int option;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'b': w.brokers = optarg; break;
        case 't': w.topic = optarg; break;
        case 'p': w.partitions = atoi(optarg); break;
        case 'n': w.records = atoll(optarg); break;
        case 'T': w.timeout_ms = atoll(optarg) * 1000; break;
        default: usage();
        }
    }
    if (!w.brokers || !w.topic || w.records <= 0 || w.partitions < 1 || w.partitions > MAX_PARTITIONS ||
        optind == argc)
        usage();
    w.started_us = t_now_us();
    w.mirror = t_start((const char *const *)(argv + optind), NULL);
    bool whole = follow(&w);
    return report(&w, whole);
}
