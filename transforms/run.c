/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a chain over batches.
 *
 * What it is: xf_run is one worker's copy of a chain: a step per transform with the kind's own state, counters, and
 * two document views that every record uses in turn.
 *
 * An ordinary pass: steps with each() that follow one another form a stretch, and a stretch runs record by record:
 * scan, all edits and the write happen while the record's bytes are in the first-level cache, and two document views
 * serve the whole batch. Step by step over the batch, with a view per record, the same work took 5 % longer
 * (bench/micro_chain.c prints both: 0.93 and 0.97 us for 1 KB) and 3.5 KB of memory for each record of the batch. A
 * step with apply() ends the stretch, gets the whole batch, and a new stretch begins behind it. It may leave more records
 * than it was given, each source record's side by side.
 *
 * A failing pass: a step fails a record; the rest of the stretch is skipped for it, its views are closed without
 * writing, and later steps see the flag and leave it alone. Nothing here decides what becomes of failed records.
 *
 * Time: reading the clock around every step of every record would cost as much as a step. A stretch is timed as a
 * whole, once per batch, and one record of each batch is run with a clock reading after every step; its shares divide
 * the stretch's time among the steps. A view's scan is charged to the step that opened it, writing to the last
 * field step.
 *
 * Records that come one at a time (xf_run_record) go through the same steps without batch, stretch or tally; one of
 * SAMPLE_EVERY is timed and counts for all of them. Their views may belong to somebody else and stay open, so that
 * what comes behind the chain goes on editing the same document; the write is then not in these times.
 *
 * Invariants: between records of a batch both views are closed; a record is counted once by each step it reaches.
 * Threads: one worker; counters are read by anybody.
 */
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"
#include "transforms/chain_steps.h"
#include "transforms/views.h"

#define GONE (AQ_REC_DROPPED | AQ_REC_FAILED | AQ_REC_SKIP)

/* Shares of sampled time are halved above this, so that they follow the load. */
#define WEIGHT_MAX_NS 100000000ull

/* Of records that come one at a time, one in so many is timed. The first is not: it pays for cold caches. */
#define SAMPLE_EVERY 1024u

/* What one batch adds to a step's counters; plain numbers while the batch runs. */
struct tally {
    uint32_t records;
    uint32_t dropped;
    uint32_t errors;
    uint64_t weight_ns; /* of sampled records; outlives the batch */
};

struct xf_run {
    struct xf_step *steps;
    struct xf_step *predicates; /* predicates[i] belongs to steps[i] */
    struct tally *tallies;
    size_t n;
    uint32_t turn;  /* batches so far, or single records: which record is the sample */
    bool batchwise; /* a step takes whole batches */
    struct xf_views *views;
    struct xf_views own; /* `views`, unless they were handed in */
};

/* The worker's own stopwatch: durations only, nothing decides by it, so a simulation's time does not matter here. */
static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void step_start(struct xf_step *step, const struct xf_entry *entry, const char *name,
                       struct xf_run *run, enum xf_compat compat, struct aq_names *names)
{
    AQ_ASSERT(entry->kind);
    step->name = name;
    step->kind = entry->kind;
    step->conf = entry->conf;
    step->part = entry->part;
    step->negate = entry->negate;
    step->compat = compat;
    step->names = names;
    step->views = run->views;
    step->run = entry->kind->start ? entry->kind->start(entry->conf) : NULL;
}

static void step_stop(struct xf_step *step)
{
    if (step->kind && step->kind->stop) step->kind->stop(step->run);
}

static struct xf_run *create(const struct xf_chain *chain, struct aq_names *names, struct xf_views *views)
{
    AQ_ASSERT(chain && names);
    struct xf_run *run = aq_calloc(1, sizeof(*run));
    run->n = chain->n;
    run->steps = aq_calloc(chain->n ? chain->n : 1, sizeof(*run->steps));
    run->predicates = aq_calloc(chain->n ? chain->n : 1, sizeof(*run->predicates));
    run->tallies = aq_calloc(chain->n ? chain->n : 1, sizeof(*run->tallies));
    xf_views_init(&run->own);
    run->views = views ? views : &run->own;
    for (size_t i = 0; i < chain->n; i++) {
        const struct xf_entry *entry = chain->steps[i];
        AQ_ASSERT(!entry->kind->each != !entry->kind->apply || entry->kind->batchwise);
        step_start(&run->steps[i], entry, chain->names[i], run, chain->compat, names);
        run->steps[i].batchwise = xf_entry_is_batchwise(entry);
        run->batchwise |= run->steps[i].batchwise;
        if (!entry->predicate) continue;
        step_start(&run->predicates[i], entry->predicate, chain->names[i], run, chain->compat, names);
        run->steps[i].predicate = &run->predicates[i];
    }
    return run;
}

struct xf_run *xf_run_create(const struct xf_chain *chain, struct aq_names *names)
{
    return create(chain, names, NULL);
}

struct xf_run *xf_run_create_with(const struct xf_chain *chain, struct aq_names *names,
                                  struct xf_views *views)
{
    struct xf_run *run = create(chain, names, views);
    for (size_t i = 0; i < run->n; i++) run->steps[i].alone = run->predicates[i].alone = true;
    return run;
}

void xf_run_set_formats(struct xf_run *run, const struct xf_formats *formats)
{
    AQ_ASSERT(formats->in_key == formats->out_key && formats->in_value == formats->out_value);
    for (size_t i = 0; i < run->n; i++) run->steps[i].formats = run->predicates[i].formats = formats;
}

void xf_run_destroy(struct xf_run *run)
{
    if (!run) return;
    for (size_t i = 0; i < run->n; i++) {
        step_stop(&run->steps[i]);
        step_stop(&run->predicates[i]);
    }
    xf_views_finish(&run->own);
    free(run->steps);
    free(run->predicates);
    free(run->tallies);
    free(run);
}

static inline void tally_end(struct tally *tally, const struct aq_record *rec)
{
    if (rec->flags & AQ_REC_FAILED)
        tally->errors++;
    else if (rec->flags & AQ_REC_DROPPED)
        tally->dropped++;
}

/* Steps [from, to) on one record. */
static inline void run_record(struct xf_run *run, size_t from, size_t to, struct aq_record *rec)
{
    for (size_t i = from; i < to; i++) {
        struct xf_step *step = &run->steps[i];
        if (xf_wants(step, rec)) {
            run->tallies[i].records++;
            step->kind->each(step, rec);
        }
        if (rec->flags & GONE) {
            tally_end(&run->tallies[i], rec);
            xf_views_close(run->views);
            return;
        }
    }
    xf_views_write(run->views);
}

/* The same with a clock reading after every step. */
static void run_sample(struct xf_run *run, size_t from, size_t to, struct aq_record *rec)
{
    size_t writer = to - 1; /* whom the write is charged to */
    uint64_t last = now_ns();
    for (size_t i = from; i < to; i++) {
        struct xf_step *step = &run->steps[i];
        if (xf_wants(step, rec)) {
            run->tallies[i].records++;
            step->kind->each(step, rec);
            if (step->kind->flags & XF_FIELDS) writer = i;
        }
        uint64_t now = now_ns();
        run->tallies[i].weight_ns += now - last;
        last = now;
        if (rec->flags & GONE) {
            tally_end(&run->tallies[i], rec);
            xf_views_close(run->views);
            return;
        }
    }
    xf_views_write(run->views);
    run->tallies[writer].weight_ns += now_ns() - last;
}

/* Divides the stretch's time by the steps' shares. */
static void share_time(struct xf_run *run, size_t from, size_t to, uint64_t spent_ns)
{
    uint64_t total = 0;
    for (size_t i = from; i < to; i++) total += run->tallies[i].weight_ns;
    uint64_t given = 0;
    for (size_t i = from; i < to; i++) {
        struct tally *tally = &run->tallies[i];
        bool last = i + 1 == to;
        uint64_t part = total ? (uint64_t)((double)spent_ns * (double)tally->weight_ns / (double)total) : 0;
        if (last || part > spent_ns - given) part = spent_ns - given; /* the sum is what was measured */
        given += part;
        aq_counter_add(&run->steps[i].counters.nanoseconds, part);
        if (total > WEIGHT_MAX_NS) tally->weight_ns /= 2;
    }
}

static void publish(struct xf_run *run, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        struct tally *tally = &run->tallies[i];
        struct xf_counters *c = &run->steps[i].counters;
        if (tally->records) aq_counter_add(&c->records, tally->records);
        if (tally->dropped) aq_counter_add(&c->dropped, tally->dropped);
        if (tally->errors) aq_counter_add(&c->errors, tally->errors);
        tally->records = tally->dropped = tally->errors = 0;
    }
}

static void run_stretch(struct xf_run *run, size_t from, size_t to, struct aq_batch *batch)
{
    AQ_ASSERT(from < to);
    uint32_t sample = run->turn % batch->n;
    uint64_t begin = now_ns();
    for (uint32_t i = 0; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        if (rec->flags & GONE) continue;
        if (i == sample)
            run_sample(run, from, to, rec);
        else
            run_record(run, from, to, rec);
    }
    share_time(run, from, to, now_ns() - begin);
    publish(run, from, to);
}

/* A record that goes on as several is neither dropped nor failed, and one that is leaves itself behind: so the difference of
 * the sums counts records that came in, whatever becomes of batch->n. */
static void run_batch_step(struct xf_run *run, size_t i, struct aq_batch *batch)
{
    struct xf_step *step = &run->steps[i];
    struct tally *tally = &run->tallies[i];
    uint64_t gone_before = 0, failed_before = 0, gone = 0, failed = 0;
    for (uint32_t r = 0; r < batch->n; r++) {
        struct aq_record *rec = &batch->records[r];
        gone_before += (rec->flags & GONE) != 0;
        failed_before += (rec->flags & AQ_REC_FAILED) != 0;
        tally->records += xf_wants(step, rec);
    }
    uint64_t begin = now_ns();
    step->kind->apply(step, batch);
    xf_views_write(run->views);
    aq_counter_add(&step->counters.nanoseconds, now_ns() - begin);
    for (uint32_t r = 0; r < batch->n; r++) {
        gone += (batch->records[r].flags & GONE) != 0;
        failed += (batch->records[r].flags & AQ_REC_FAILED) != 0;
    }
    AQ_ASSERT(failed >= failed_before && gone >= gone_before);
    tally->errors = (uint32_t)(failed - failed_before);
    tally->dropped = (uint32_t)(gone - gone_before) - tally->errors;
    publish(run, i, i + 1);
}

void xf_run_batch(struct xf_run *run, struct aq_batch *batch)
{
    if (run->n == 0 || batch->n == 0) return;
    for (size_t i = 0; i < run->n;) {
        if (run->steps[i].batchwise) {
            run_batch_step(run, i++, batch);
            continue;
        }
        size_t to = i + 1;
        while (to < run->n && !run->steps[to].batchwise) to++;
        run_stretch(run, i, to, batch);
        i = to;
    }
    run->turn++;
    AQ_ASSERT(!run->views->key.rec && !run->views->value.rec);
}

/* Step i on a record that came alone; false when the record goes no further. Counters are plain loads and stores here
 * (base/metric.h), so they are kept without a tally. */
static inline bool single_step(struct xf_run *run, size_t i, struct aq_record *rec)
{
    struct xf_step *step = &run->steps[i];
    if (xf_wants(step, rec)) {
        aq_counter_add(&step->counters.records, 1);
        step->kind->each(step, rec);
    }
    if (!(rec->flags & GONE)) return true;
    if (rec->flags & AQ_REC_FAILED)
        aq_counter_add(&step->counters.errors, 1);
    else if (rec->flags & AQ_REC_DROPPED)
        aq_counter_add(&step->counters.dropped, 1);
    xf_views_close(run->views);
    return false;
}

/* The same for the record that stands for SAMPLE_EVERY of them in the steps' times. */
static void single_sample(struct xf_run *run, struct aq_record *rec)
{
    uint64_t last = now_ns();
    bool on = true;
    for (size_t i = 0; i < run->n && on; i++) {
        on = single_step(run, i, rec);
        uint64_t now = now_ns();
        aq_counter_add(&run->steps[i].counters.nanoseconds, (now - last) * SAMPLE_EVERY);
        last = now;
    }
}

void xf_run_record(struct xf_run *run, struct aq_record *rec)
{
    AQ_ASSERT(!run->batchwise && rec->batch);
    if (rec->flags & GONE) return;
    if (++run->turn % SAMPLE_EVERY == SAMPLE_EVERY / 2) {
        single_sample(run, rec);
        return;
    }
    for (size_t i = 0; i < run->n; i++) {
        if (!single_step(run, i, rec)) return;
    }
}

const struct xf_counters *xf_run_counters(const struct xf_run *run, size_t step)
{
    AQ_ASSERT(step < run->n);
    return &run->steps[step].counters;
}
