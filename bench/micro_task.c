/* SPDX-License-Identifier: Apache-2.0
 *
 * Micro-benchmark of a streams task: nanoseconds per record from the choice to the outbox's flight and back, with records of 200
 * bytes in memory. No broker, one thread.
 *
 *   micro_task [rounds]
 *
 * "pass" is source -> pass-through processor -> sink with a serde that looks at nothing; "json" is source -> filter -> sink with
 * values that are scanned once for being JSON. A round is 20 batches of 500 records; the best one counts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/task.h"

#define BATCH      500
#define BATCHES    20
#define VALUE_SIZE 200

struct bench {
    struct st_settings settings;
    struct st_topology *topology;
    struct st_plan *plan;
    struct st_serde_flow *flow;
    struct st_findings findings;
    struct aq_names names;
    struct st_outbox outbox;
    struct st_shop shop;
    struct st_feed feed;
    struct st_task *task;
    struct aq_batch batches[BATCHES];
    char *values;
    int64_t next;
};

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* ---- processors --------------------------------------------------------------------------------------------------- */

static int pass(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward(context, rec, err);
}

static const struct st_processor_kind pass_kind = {.name = "pass", .process = pass};

/* Keeps every other record, by a look at its offset. */
static int filter(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return rec->offset & 1 ? 0 : st_forward(context, rec, err);
}

static const struct st_processor_kind filter_kind = {.name = "filter", .process = filter};

/* ---- the world ---------------------------------------------------------------------------------------------------- */

static void take_back(void *ctx, struct aq_batch *batch)
{
    (void)ctx;
    (void)batch;
}

static void ignore_acked(void *ctx, struct st_feed *feed)
{
    (void)ctx;
    (void)feed;
}

static void build(struct bench *b, const struct st_processor_kind *kind)
{
    struct aq_err err = {0};
    const char *topics[] = {"orders"}, *in[] = {"in"}, *step[] = {"step"};
    const struct st_source_conf conf = {.topics = topics, .n_topics = 1};
    b->topology = st_topology_create("bench", &err);
    int rc = st_add_source(b->topology, "in", &conf, &err);
    AQ_ASSERT(rc == 0);
    rc = st_add_processor(b->topology, "step", kind, NULL, (struct st_parents){in, 1, false}, &err);
    AQ_ASSERT(rc == 0);
    rc = st_add_sink(b->topology, "out", "out", (struct st_parents){step, 1, false}, &err);
    AQ_ASSERT(rc == 0);
    b->plan = st_plan_create(b->topology, &err);
    AQ_ASSERT(b->plan);
}

static void bench_open(struct bench *b, const struct st_processor_kind *kind, const char *serde)
{
    struct aq_err err = {0};
    *b = (struct bench){.settings = {.max_task_idle_ms = ST_NEVER_IDLE,
                                     .buffered_records_per_partition = 1000,
                                     .queue_bytes = 1 << 20}};
    build(b, kind);
    st_findings_init(&b->findings);
    const struct st_serdes serdes = {st_serde_find("bytes", &err), st_serde_find(serde, &err)};
    b->flow = st_serde_flow_create(b->plan, serdes, &b->findings);
    aq_names_init(&b->names);
    st_outbox_init(&b->outbox, take_back, NULL);
    b->shop = (struct st_shop){&b->settings, b->topology, &b->names, &b->outbox, .serdes = b->flow};
    b->feed = (struct st_feed){.topic = aq_names_intern(&b->names, AQ_LIT("orders")),
                               .source = b->plan->subtopologies[0].sources[0],
                               .committed = {0, ST_NO_TIME}};
    struct st_feed *feeds[] = {&b->feed};
    int rc = st_task_create(&b->shop, &b->plan->subtopologies[0], 0, 0, feeds, 1, NULL, &b->task, &err);
    AQ_ASSERT(rc == 0);
    b->values = aq_malloc((size_t)BATCH * BATCHES * VALUE_SIZE);
    for (size_t i = 0; i < BATCHES; i++) {
        aq_batch_init(&b->batches[i], BATCH);
        b->batches[i].topic = b->feed.topic;
        b->batches[i].partition = 0;
    }
}

static void bench_close(struct bench *b)
{
    st_task_destroy(b->task);
    st_outbox_finish(&b->outbox);
    for (size_t i = 0; i < BATCHES; i++) aq_batch_finish(&b->batches[i]);
    st_serde_flow_destroy(b->flow);
    st_findings_finish(&b->findings);
    st_plan_destroy(b->plan);
    st_topology_destroy(b->topology);
    aq_names_finish(&b->names);
    free(b->values);
}

/* ---- one round ---------------------------------------------------------------------------------------------------- */

static struct aq_slice value_of(struct bench *b, size_t at)
{
    char *value = b->values + at * VALUE_SIZE;
    int n =
        snprintf(value, VALUE_SIZE,
                 "{\"id\":%zu,\"customer\":\"C-0042137\",\"currency\":\"EUR\",\"total\":100.10,\"paid\":true,"
                 "\"lines\":[{\"sku\":\"SKU-10000\",\"qty\":1}],\"note\":\"",
                 at);
    memset(value + n, 'x', VALUE_SIZE - 2 - (size_t)n);
    memcpy(value + VALUE_SIZE - 2, "\"}", 2);
    return aq_slice_of(value, VALUE_SIZE);
}

static void fill(struct bench *b)
{
    for (size_t i = 0; i < BATCHES; i++) {
        struct aq_batch *batch = &b->batches[i];
        aq_batch_release(batch);
        for (size_t k = 0; k < BATCH; k++) {
            struct aq_record *rec = aq_batch_add(batch);
            rec->key = AQ_LIT("C-0042137");
            rec->value = value_of(b, i * BATCH + k);
            rec->timestamp = b->next;
            rec->time_type = AQ_TIME_CREATE;
            rec->offset = b->next++;
        }
        batch->bytes = (uint64_t)BATCH * VALUE_SIZE;
    }
}

static void fly(struct bench *b)
{
    st_outbox_close(&b->outbox, st_task_position);
    struct st_flight *flight = st_outbox_next(&b->outbox);
    if (!flight) return;
    st_outbox_sent(&b->outbox, flight);
    st_outbox_through(&b->outbox, flight, ignore_acked, NULL);
}

static void work(struct bench *b)
{
    struct aq_err err = {0};
    int64_t until_us;
    for (size_t i = 0; i < BATCHES; i++) st_task_add(b->task, &b->feed, &b->batches[i]);
    for (;;) {
        int n = st_task_run(b->task, UINT32_MAX, 0, &until_us, &err);
        AQ_ASSERT(n >= 0);
        fly(b);
        if (n == 0) return;
    }
}

static void measure(const char *name, const struct st_processor_kind *kind, const char *serde, int rounds)
{
    struct bench b;
    double best = 1e18;
    bench_open(&b, kind, serde);
    for (int i = 0; i < rounds; i++) {
        fill(&b);
        double start = now_ns();
        work(&b);
        double ns = (now_ns() - start) / (BATCH * BATCHES);
        if (ns < best) best = ns;
    }
    AQ_ASSERT(b.shop.tally.processed == (uint64_t)rounds * BATCH * BATCHES);
    printf("%-5s %6.1f ns per record, %.1f million a second\n", name, best, 1e3 / best);
    bench_close(&b);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 200;
    if (rounds < 1) rounds = 1;
    measure("pass", &pass_kind, "bytes", rounds);
    measure("json", &filter_kind, "json", rounds);
    return 0;
}
