/* SPDX-License-Identifier: Apache-2.0
 *
 * Metric values and the Prometheus text format.
 *
 * Ordinary pass: workers add to their own counters (metric.h, no locked instruction); when somebody scrapes, the
 * collector sums over workers and calls aq_metric_write() once for each sample. The writer puts HELP and TYPE before
 * the first sample of a metric, and asserts that samples come in table order, because the format forbids a metric in
 * two places.
 *
 * Invariant: a histogram's buckets are kept apart (not cumulative), so that adding is one store; the cumulative form
 * and the count are made when writing, from one read of each bucket, so `_count` always equals the +Inf bucket.
 * Threads: values have one writer and any readers; a metric writer has one owner.
 */
#include "base/metric.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define KIND_COUNTER   AQ_METRIC_COUNTER
#define KIND_GAUGE     AQ_METRIC_GAUGE
#define KIND_HISTOGRAM AQ_METRIC_HISTOGRAM

const struct aq_metric_row aq_metric_table[AQ_M_COUNT] = {
#define X(id, name, kind, labels, help) [AQ_M_##id] = {name, KIND_##kind, labels, help},
#include "base/metric.def"
#undef X
};

const double aq_histogram_bounds[AQ_HISTOGRAM_BUCKETS - 1] = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
};

static const int64_t bounds_us[AQ_HISTOGRAM_BUCKETS - 1] = {
    1000,   2500,    5000,    10000,   25000,    50000,    100000,   250000,
    500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};

void aq_histogram_add_us(struct aq_histogram *h, int64_t us, uint64_t count)
{
    /* Clocks of two machines: a record may seem to come from the future. */
    if (us < 0) us = 0;
    int i = 0;
    while (i < AQ_HISTOGRAM_BUCKETS - 1 && us > bounds_us[i]) i++;
    aq_counter_add(&h->bucket[i], count);
    aq_counter_add(&h->sum_us, (uint64_t)us * count);
}

void aq_histogram_merge(struct aq_histogram *into, const struct aq_histogram *from)
{
    AQ_ASSERT(into != from);
    for (int i = 0; i < AQ_HISTOGRAM_BUCKETS; i++)
        aq_counter_add(&into->bucket[i], aq_counter_get(&from->bucket[i]));
    aq_counter_add(&into->sum_us, aq_counter_get(&from->sum_us));
}

void aq_metric_writer_init(struct aq_metric_writer *w)
{
    *w = (struct aq_metric_writer){.cap = 4096, .last = -1};
    w->text = aq_malloc(w->cap);
    w->text[0] = '\0';
}

void aq_metric_writer_finish(struct aq_metric_writer *w)
{
    free(w->text);
    *w = (struct aq_metric_writer){.last = -1};
}

static void put_bytes(struct aq_metric_writer *w, const char *bytes, size_t n)
{
    AQ_ASSERT(w->len < w->cap);
    if (w->cap - w->len <= n) {
        while (w->cap - w->len <= n) w->cap *= 2;
        w->text = aq_realloc(w->text, w->cap);
    }
    memcpy(w->text + w->len, bytes, n);
    w->len += n;
    w->text[w->len] = '\0';
}

static void put(struct aq_metric_writer *w, const char *text)
{
    put_bytes(w, text, strlen(text));
}

static void put_number(struct aq_metric_writer *w, double value)
{
    char text[40];
    if (isnan(value)) {
        put(w, "NaN");
    } else if (isinf(value)) {
        put(w, value > 0 ? "+Inf" : "-Inf");
    } else if (value > -9e15 && value < 9e15 && value == (double)(int64_t)value) {
        snprintf(text, sizeof(text), "%.0f", value);
        put(w, text);
    } else {
        /* The shortest form that reads back as the same number. */
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(text, sizeof(text), "%.*g", digits, value);
            if (strtod(text, NULL) == value) break;
        }
        put(w, text);
    }
}

static void put_head(struct aq_metric_writer *w, enum aq_metric_id id)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    AQ_ASSERT((int)id < AQ_M_COUNT);
    AQ_ASSERT((int)id >= w->last);
    if ((int)id == w->last) return;
    const struct aq_metric_row *row = &aq_metric_table[id];
    put(w, "# HELP ");
    put(w, row->name);
    put(w, " ");
    put(w, row->help);
    put(w, "\n# TYPE ");
    put(w, row->name);
    put(w, " ");
    put(w, kinds[row->kind]);
    put(w, "\n");
    w->last = (int)id;
}

static void put_label_value(struct aq_metric_writer *w, const char *value)
{
    put(w, "\"");
    for (const char *p = value; *p;) {
        size_t plain = strcspn(p, "\\\"\n");
        put_bytes(w, p, plain);
        p += plain;
        if (!*p) break;
        put(w, *p == '\n' ? "\\n" : *p == '"' ? "\\\"" : "\\\\");
        p++;
    }
    put(w, "\"");
}

/* {route="orders",le="0.5"}: the row's labels, then le when it is given. */
static void put_labels(struct aq_metric_writer *w, const struct aq_metric_row *row, const char *const *values,
                       const char *le)
{
    const char *name = row->labels;
    if (!*name && !le) return;
    AQ_ASSERT(!*name || values);
    const char *sep = "{";
    for (size_t i = 0; *name; i++) {
        size_t len = strcspn(name, ",");
        put(w, sep);
        put_bytes(w, name, len);
        put(w, "=");
        put_label_value(w, values[i] ? values[i] : "");
        name += len + (name[len] == ',');
        sep = ",";
    }
    if (le) {
        put(w, sep);
        put(w, "le=\"");
        put(w, le);
        put(w, "\"");
    }
    put(w, "}");
}

void aq_metric_write(struct aq_metric_writer *w, enum aq_metric_id id, const char *const *values,
                     double value)
{
    put_head(w, id);
    const struct aq_metric_row *row = &aq_metric_table[id];
    AQ_ASSERT(row->kind != AQ_METRIC_HISTOGRAM);
    put(w, row->name);
    put_labels(w, row, values, NULL);
    put(w, " ");
    put_number(w, value);
    put(w, "\n");
}

void aq_metric_write_histogram(struct aq_metric_writer *w, enum aq_metric_id id, const char *const *values,
                               const struct aq_histogram *h)
{
    put_head(w, id);
    const struct aq_metric_row *row = &aq_metric_table[id];
    AQ_ASSERT(row->kind == AQ_METRIC_HISTOGRAM);
    uint64_t total = 0;
    for (int i = 0; i < AQ_HISTOGRAM_BUCKETS; i++) {
        char le[32] = "+Inf";
        if (i < AQ_HISTOGRAM_BUCKETS - 1) snprintf(le, sizeof(le), "%g", aq_histogram_bounds[i]);
        total += aq_counter_get(&h->bucket[i]);
        put(w, row->name);
        put(w, "_bucket");
        put_labels(w, row, values, le);
        put(w, " ");
        put_number(w, (double)total);
        put(w, "\n");
    }
    put(w, row->name);
    put(w, "_sum");
    put_labels(w, row, values, NULL);
    put(w, " ");
    put_number(w, (double)aq_counter_get(&h->sum_us) / 1e6);
    put(w, "\n");
    put(w, row->name);
    put(w, "_count");
    put_labels(w, row, values, NULL);
    put(w, " ");
    put_number(w, (double)total);
    put(w, "\n");
}
