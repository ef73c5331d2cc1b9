/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows as JSON (streams/query/display.h).
 *
 * What an aggregation keeps of a row only its aggregator understands, so one is started here, in a task that has no records: results are
 * made where the answer is written and not on the worker, whose time belongs to its records.
 *
 * A failing pass: the aggregator does not start, or refuses what is kept (the node was configured otherwise before): the row's code.
 *
 * Threads: lock guards the aggregator and the arena.
 */
#include "streams/query/display.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/ops/op_table.h"
#include "streams/serde/json_record.h"
#include "streams/state/stamped.h"
#include "streams/task.h"

struct st_display {
    const struct st_queryable *of;
    pthread_mutex_t lock;
    struct aq_arena arena; /* of one row */
    /* for aggregations: as much of a task as an aggregator needs */
    struct aq_names names;
    struct st_outbox outbox;
    struct st_shop shop;
    struct st_task task;
    struct st_context context;
    void *running;
    struct aq_err failure; /* it did not start */
};

/* ---- an aggregator without records -------------------------------------------------------------------------------- */

static void no_batches(void *ctx, struct aq_batch *batch)
{
    (void)ctx;
    (void)batch;
    AQ_ASSERT(!"nothing is read here");
}

static void start_aggregator(struct st_display *d, const struct st_settings *settings,
                             const struct st_serde_flow *serdes, const struct st_topology *topology)
{
    const struct st_plan_node *owner = d->of->owner;
    const struct st_aggregator *aggregator = d->of->aggregator;
    const struct st_serdes *in = &serdes->in[owner->index];
    aq_names_init(&d->names);
    st_outbox_init(&d->outbox, no_batches, d);
    d->shop = (struct st_shop){.settings = settings,
                               .topology = topology,
                               .names = &d->names,
                               .outbox = &d->outbox,
                               .serdes = serdes};
    d->task = (struct st_task){.shop = &d->shop, .subtopology = d->of->subtopology, .partition = -1};
    snprintf(d->task.id, sizeof(d->task.id), "%u", d->of->subtopology->number);
    xf_views_init(&d->task.views);
    d->context = (struct st_context){.task = &d->task,
                                     .node = owner,
                                     .kind = owner->node->kind,
                                     .key_serde = in->key,
                                     .value_serde = in->value};
    /* What reaches it are pairs, and what it is shown are their halves. */
    if (owner->node->kind == &st_table_aggregate_kind)
        d->context.value_serde = st_table_aggregate_takes(owner, serdes->in, serdes->n);
    d->running = aggregator->user;
    if (aggregator->kind->start &&
        aggregator->kind->start(&d->context, aggregator->user, &d->running, &d->failure) == 0)
        d->failure.code = 0;
}

struct st_display *st_display_create(const struct st_settings *settings, const struct st_serde_flow *serdes,
                                     const struct st_topology *topology, const struct st_queryable *of)
{
    AQ_ASSERT(of && of->kept != ST_KEPT_INTERNAL);
    struct st_display *d = aq_calloc(1, sizeof(*d));
    d->of = of;
    pthread_mutex_init(&d->lock, NULL);
    aq_arena_init(&d->arena, 4096);
    if (of->aggregator) start_aggregator(d, settings, serdes, topology);
    return d;
}

static void stop_aggregator(struct st_display *d)
{
    const struct st_aggregator_kind *kind = d->of->aggregator->kind;
    if (kind->stop && d->failure.code == 0) kind->stop(d->running);
    xf_views_finish(&d->task.views);
    st_outbox_finish(&d->outbox);
    aq_names_finish(&d->names);
}

void st_display_destroy(struct st_display *display)
{
    if (!display) return;
    if (display->of->aggregator) stop_aggregator(display);
    aq_arena_finish(&display->arena);
    pthread_mutex_destroy(&display->lock);
    free(display);
}

static int make_result(struct st_display *d, struct aq_slice *value, struct aq_err *err)
{
    if (!d->of->aggregator || aq_slice_is_null(*value)) return 0;
    if (d->failure.code != 0) {
        *err = d->failure;
        return err->code;
    }
    return d->of->aggregator->kind->result(&d->context, d->running, *value, value, err);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

struct shown {
    struct aq_slice value;
    int64_t time_ms; /* of a stamped one */
    bool timed;
};

static int take_value(struct st_display *d, const struct st_found_row *row, struct shown *ret,
                      struct aq_err *err)
{
    struct aq_slice kept = row->value;
    *ret = (struct shown){.value = kept};
    if (d->of->kept == ST_KEPT_VERSIONED) {
        if (kept.len < 1) return aq_fail(err, AQ_E_CORRUPT, "a version without a first byte");
        ret->value = kept.ptr[0] == 0 ? AQ_NULL_SLICE : aq_slice_of(kept.ptr + 1, kept.len - 1);
    } else if (d->of->store->conf.timestamped) {
        if (kept.len < ST_STAMP_LEN)
            return aq_fail(err, AQ_E_CORRUPT, "a value of %zu bytes has no time", kept.len);
        ret->timed = true;
        ret->time_ms = st_stamped_time(kept);
        ret->value = st_stamped_value(kept);
    }
    return make_result(d, &ret->value, err);
}

static void put_slice(FILE *out, struct aq_slice text)
{
    if (text.len) fwrite(text.ptr, 1, text.len, out);
}

static void put_place(const struct st_display *d, struct aq_slice rest, FILE *out)
{
    if (d->of->kept == ST_KEPT_PLAIN || rest.len < 8) return;
    int64_t first = (int64_t)aq_be64_get(rest.ptr);
    switch (d->of->kept) {
    case ST_KEPT_VERSIONED: fprintf(out, ",\"valid_from\":%" PRId64, first); return;
    case ST_KEPT_WINDOWS:
        fprintf(out, ",\"window\":{\"start\":%" PRId64 ",\"end\":%" PRId64 "}", first,
                st_windows_end(d->of->windows, first));
        return;
    case ST_KEPT_SESSIONS:
        fprintf(out, ",\"session\":{\"start\":%" PRId64 ",\"end\":%" PRId64 "}",
                (int64_t)aq_be64_get(rest.ptr + 8), first);
        return;
    case ST_KEPT_PLAIN:
    case ST_KEPT_INTERNAL: return;
    }
}

int st_display_row(struct st_display *display, int32_t partition, const struct st_found_row *row, FILE *out,
                   struct aq_err *err)
{
    struct shown shown;
    pthread_mutex_lock(&display->lock);
    aq_arena_reset(&display->arena);
    if (display->of->aggregator) aq_arena_reset(st_outbox_arena(&display->outbox));
    int rc = take_value(display, row, &shown, err);
    if (rc == 0) {
        fprintf(out, "{\"partition\":%" PRId32 ",\"key\":", partition);
        put_slice(out, st_json_decode(display->of->key, row->bucket, &display->arena));
        put_place(display, row->rest, out);
        fputs(",\"value\":", out);
        put_slice(out, st_json_decode(display->of->value, shown.value, &display->arena));
        if (shown.timed) fprintf(out, ",\"timestamp\":%" PRId64, shown.time_ms);
        fputc('}', out);
    }
    pthread_mutex_unlock(&display->lock);
    return rc;
}
