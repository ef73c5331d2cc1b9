/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: base/metric.def declares each one once; this is how values are kept and how they are written.
 *
 * Values: a counter has one writing thread (a worker) and any number of readers; adding is a plain load and store, no
 * locked instruction. Summing over workers happens when somebody asks. Format: Prometheus text exposition 0.0.4.
 */
#ifndef AQ_BASE_METRIC_H
#define AQ_BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum aq_metric_id {
#define X(id, name, kind, labels, help) AQ_M_##id,
#include "base/metric.def"
#undef X
    AQ_M_COUNT
};

enum aq_metric_kind { AQ_METRIC_COUNTER, AQ_METRIC_GAUGE, AQ_METRIC_HISTOGRAM };

struct aq_metric_row {
    const char *name;
    enum aq_metric_kind kind;
    const char *labels;
    const char *help;
};

extern const struct aq_metric_row aq_metric_table[AQ_M_COUNT];

typedef _Atomic uint64_t aq_counter;

static inline void aq_counter_add(aq_counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void aq_counter_set(aq_counter *c, uint64_t n)
{
    atomic_store_explicit(c, n, memory_order_relaxed);
}

static inline uint64_t aq_counter_get(const aq_counter *c)
{
    return atomic_load_explicit((aq_counter *)c, memory_order_relaxed);
}

/* Upper bounds in seconds, the last bucket is +Inf. */
#define AQ_HISTOGRAM_BUCKETS 16
extern const double aq_histogram_bounds[AQ_HISTOGRAM_BUCKETS - 1];

struct aq_histogram {
    aq_counter bucket[AQ_HISTOGRAM_BUCKETS]; /* not cumulative */
    aq_counter sum_us;
};

void aq_histogram_add_us(struct aq_histogram *h, int64_t us, uint64_t count);

/* Adds what `from` counted into the plain sums at `into`, for collectors that merge workers. */
void aq_histogram_merge(struct aq_histogram *into, const struct aq_histogram *from);

/* Writes the text format into a growing buffer. Samples of one metric must be written together, in table order. */
struct aq_metric_writer {
    char *text; /* zero-terminated, owned by the writer */
    size_t len;
    size_t cap;
    int last; /* last metric written, -1 at first */
};

void aq_metric_writer_init(struct aq_metric_writer *w);
void aq_metric_writer_finish(struct aq_metric_writer *w);
/* values: one per label of the table row, in order; NULL when it has none. */
void aq_metric_write(struct aq_metric_writer *w, enum aq_metric_id id, const char *const *values,
                     double value);
void aq_metric_write_histogram(struct aq_metric_writer *w, enum aq_metric_id id, const char *const *values,
                               const struct aq_histogram *h);

#endif
