/* SPDX-License-Identifier: Apache-2.0
 *
 * Micro-benchmark of the transform chain: microseconds per record for the scan alone and for four field steps with
 * the write, on an order record of about 1 KB and one of 511 bytes, and for a Lua condition on one field. No broker,
 * one thread.
 *
 *   micro_chain [rounds]
 *
 * "chain" is what runs in routes: record by record through all steps. "one at a time" is the same in a node of
 * the streams engine, where every record comes by a call of its own. "step by step" runs each step over the
 * whole batch with a document view per record, as a reminder why it is not done that way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/chain_steps.h"
#include "transforms/json_scan.h"
#include "transforms/views.h"

#define BATCH 500

static const char conf_text[] =
    "transforms = {"
    "  mask  = { type = \"MaskField\"; fields = [\"email\", \"card\"]; replacement = \"***\"; };"
    "  trim  = { type = \"ReplaceField\"; exclude = [\"debug\"]; renames = [\"cust:customer_id\"]; };"
    "  stamp = { type = \"InsertField\"; static_field = \"origin\"; static_value = \"dc1\"; };"
    "  where = { type = \"InsertField\"; topic_field = \"source\"; offset_field = \"offset\"; };"
    "  touch = { type = \"MaskField\"; fields = [\"none\"]; };"
    "  big   = { type = \"Filter\"; predicate = \"small\"; };"
    "  home  = { type = \"Filter\"; predicate = \"abroad\"; };"
    "  sum   = { type = \"Lua\"; map = \"value.sum = value.total * 2\"; };"
    "  lines = { type = \"Lua\"; where = \"value.lines[1].qty == 1\"; };"
    "};"
    "predicates = {"
    "  small  = { type = \"Where\"; expression = \"value.id < 100\"; };"
    "  abroad = { type = \"Where\"; expression = \"value.currency ~= 'EUR'\"; };"
    "};";

static const char *step_names[] = {"mask", "trim", "stamp", "where"};
#define STEPS (sizeof(step_names) / sizeof(step_names[0]))

/* Chains of one step: the first looks for a field that is not there, so it costs what the view costs. */
static const char *single_names[] = {"touch", "big", "home", "sum", "lines"};

static double now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* An order with `lines` order lines, its note padded to `size` bytes. */
static struct aq_slice make_order(size_t size, int lines)
{
    char *text = aq_malloc(size + 1);
    int n =
        snprintf(text, size,
                 "{\"id\":8812345678901234567,\"cust\":\"C-0042137\",\"email\":\"anna.meier@example.org\","
                 "\"card\":\"4111111111111111\",\"currency\":\"EUR\",\"total\":100.10,\"paid\":true,"
                 "\"coupon\":null,\"created\":\"2026-11-21T11:49:00.123Z\",\"debug\":{\"trace\":\"a1b2c3\"},"
                 "\"lines\":[");
    for (int i = 0; i < lines; i++) {
        n += snprintf(text + n, size - (size_t)n,
                      "%s{\"sku\":\"SKU-%05d\",\"qty\":%d,\"price\":%d.%02d,\"tax\":0.19}", i ? "," : "",
                      10000 + i * 37, i + 1, 12 + i, i * 7 % 100);
    }
    n += snprintf(text + n, size - (size_t)n, "],\"note\":\"");
    AQ_ASSERT((size_t)n + 2 < size);
    for (; (size_t)n < size - 2; n++) text[n] = n % 11 ? (char)('a' + n % 26) : ' ';
    memcpy(text + n, "\"}", 2);
    return aq_slice_of(text, size);
}

struct bench {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct xf_library *library;
    struct xf_chain *chain;
    struct xf_run *run;
    struct xf_run *single; /* of one_at_a_time() */
    struct xf_views views;
    struct aq_names names;
    struct aq_batch batch;
    struct xf_step steps[STEPS]; /* of step_by_step() */
    char *copies;                /* every record has its own bytes, as messages of a fetch do */
};

static void bench_open(struct bench *b, const char **steps, size_t count)
{
    *b = (struct bench){0};
    conf_diags_init(&b->diags);
    struct opt_strings names = {.items = steps, .count = count};
    int rc = conf_load_text("micro_chain", conf_text, NULL, 0, &b->diags, &b->doc);
    AQ_ASSERT(rc == 0);
    struct conf_node *transforms = conf_get(b->doc->root, "transforms");
    rc = xf_library_load(transforms, conf_get(b->doc->root, "predicates"), XF_SAFE, &b->diags, &b->library);
    AQ_ASSERT(rc == 0);
    rc = xf_chain_build(b->library, &names, XF_BYTES, XF_JSON, false, &b->diags, &b->chain);
    AQ_ASSERT(rc == 0);
    aq_names_init(&b->names);
    b->run = xf_run_create(b->chain, &b->names);
    xf_views_init(&b->views);
    aq_batch_init(&b->batch, BATCH);
    b->batch.topic = aq_names_intern(&b->names, AQ_LIT("orders"));
    b->batch.partition = 0;
}

static void bench_close(struct bench *b)
{
    aq_batch_finish(&b->batch);
    xf_run_destroy(b->run);
    xf_run_destroy(b->single);
    xf_views_finish(&b->views);
    xf_chain_destroy(b->chain);
    xf_library_destroy(b->library);
    conf_doc_destroy(b->doc);
    conf_diags_finish(&b->diags);
    aq_names_finish(&b->names);
    free(b->copies);
}

static void fill(struct bench *b, struct aq_slice order)
{
    aq_batch_release(&b->batch);
    b->copies = aq_realloc(b->copies, BATCH * order.len);
    for (int i = 0; i < BATCH; i++) {
        char *copy = b->copies + (size_t)i * order.len;
        memcpy(copy, order.ptr, order.len);
        struct aq_record *rec = aq_batch_add(&b->batch);
        rec->value = aq_slice_of(copy, order.len);
        rec->offset = i;
        rec->partition = 0;
    }
}

static void scan_batch(struct bench *b)
{
    static struct json_fields fields;
    struct json_error error;
    enum json_type type;
    for (uint32_t i = 0; i < b->batch.n; i++) {
        int rc = json_scan(b->batch.records[i].value, &fields, &type, &error);
        AQ_ASSERT(rc == 0 && fields.n > 10);
    }
}

static void chain_batch(struct bench *b)
{
    xf_run_batch(b->run, &b->batch);
}

/* Its run is made when it is first asked for: a second Lua state beside the first costs both some cache. */
static void one_at_a_time(struct bench *b)
{
    if (!b->single) b->single = xf_run_create_with(b->chain, &b->names, &b->views);
    for (uint32_t i = 0; i < b->batch.n; i++) {
        xf_run_record(b->single, &b->batch.records[i]);
        xf_views_write(&b->views);
    }
}

static void step_by_step(struct bench *b)
{
    static struct xf_views views[BATCH];
    for (size_t s = 0; s < STEPS; s++) {
        const struct xf_entry *entry = b->chain->steps[s];
        struct xf_step *step = &b->steps[s];
        if (!step->kind) {
            *step = (struct xf_step){.name = entry->name,
                                     .kind = entry->kind,
                                     .conf = entry->conf,
                                     .part = entry->part,
                                     .names = &b->names};
            if (entry->kind->start) step->run = entry->kind->start(entry->conf);
        }
        for (uint32_t i = 0; i < b->batch.n; i++) {
            step->views = &views[i];
            if (views[i].value.doc.n_edits == 0) xf_views_init(&views[i]);
            step->kind->each(step, &b->batch.records[i]);
        }
    }
    for (uint32_t i = 0; i < b->batch.n; i++) xf_views_write(&views[i]);
}

/* Best of the rounds: the machine is shared, and what is asked is what the code costs. */
static double measure(struct bench *b, struct aq_slice order, int rounds, void (*work)(struct bench *))
{
    double best = 1e9;
    for (int i = 0; i < rounds; i++) {
        fill(b, order);
        double start = now_us();
        work(b);
        double us = (now_us() - start) / BATCH;
        if (us < best) best = us;
    }
    return best;
}

static void report(struct bench *b, const char *name, struct aq_slice order, int rounds)
{
    double scan = measure(b, order, rounds, scan_batch);
    double slow = measure(b, order, rounds, step_by_step);
    double chain = measure(b, order, rounds, chain_batch);
    double single = measure(b, order, rounds, one_at_a_time);
    printf(
        "%s, %zu bytes: scan %.3f us, chain of 4 %.3f us (one at a time %.3f us, step by step %.3f us) per "
        "record\n",
        name, order.len, scan, chain, single, slow);
    printf("  becomes %zu bytes\n", b->batch.records[0].value.len);
    for (size_t i = 0; i < STEPS; i++) {
        const struct xf_counters *c = xf_run_counters(b->run, i);
        printf("  %-6s %.3f us, average of all rounds\n", step_names[i],
               (double)aq_counter_get(&c->nanoseconds) / 1000 / (double)aq_counter_get(&c->records));
    }
}

static void report_single(struct aq_slice order, int rounds)
{
    double view = 0;
    for (size_t i = 0; i < sizeof(single_names) / sizeof(single_names[0]); i++) {
        struct bench b;
        bench_open(&b, &single_names[i], 1);
        double us = measure(&b, order, rounds, chain_batch);
        if (i == 0) view = us;
        printf("  %-6s alone %.3f us, %.3f us more than the view; one at a time %.3f us\n", single_names[i],
               us, us - view, measure(&b, order, rounds, one_at_a_time));
        bench_close(&b);
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 400;
    struct aq_slice small = make_order(511, 1), large = make_order(1036, 10);
    struct bench b;
    if (rounds < 1) rounds = 1;
    for (int i = 0; i < 2; i++) {
        bench_open(&b, step_names, STEPS);
        report(&b, "order", i ? large : small, rounds);
        bench_close(&b);
        report_single(i ? large : small, rounds);
    }
    return 0;
}
