/* SPDX-License-Identifier: Apache-2.0
 *
 * filter and filter_not of a table.
 *
 * A row that does not pass is gone for those below: a tombstone goes on when it had passed before, and, because that cannot be ruled out,
 * when nobody knows what it was.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"
#include "streams/ops/table_build.h"

struct filtering {
    const struct st_table_filter *conf;
    struct st_row_running where;
    struct st_rows rows;
    bool stored;
    bool quiet;      /* a row that did not pass and does not pass has not changed */
    bool old_wanted; /* by those below */
};

bool st_table_has_history(const struct st_node *table)
{
    const struct st_table_source *source = table->user;
    if (table->kind == &st_table_source_kind) return source && source->history_ms > 0;
    bool view = table->kind == &st_table_filter_kind || table->kind == &st_table_map_values_kind;
    return view && table->n_stores == 0 && table->n_parents == 1 && st_table_has_history(table->parents[0]);
}

/* compat: Kafka Streams passes such a row over only where what rows were is told anyway: to those below, or by the table in front. */
static bool is_quiet(const struct filtering *f, const struct st_context *context)
{
    if (!f->conf->compat || !f->conf->tracked) return !f->conf->compat;
    return !f->stored || f->old_wanted || !st_table_forgets(context->node->node->parents[0]);
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_table_filter *conf = user;
    struct filtering *f = aq_calloc(1, sizeof(*f));
    f->conf = conf;
    f->stored = context->node->node->n_stores > 0;
    f->old_wanted = st_old_is_wanted(context);
    f->quiet = is_quiet(f, context);
    st_row_function_start(&f->where, context, &conf->where, NULL);
    const struct st_rows_conf rows = {.history_ms = conf->history_ms, .quiet = f->quiet};
    if (f->stored) st_rows_start(&f->rows, context, &rows);
    *ret_state = f;
    return 0;
}

/* *value is null afterwards unless it passes. */
static int sift(struct filtering *f, const struct aq_record *rec, struct aq_slice *value, struct aq_err *err)
{
    if (aq_slice_is_null(*value)) return 0;
    int met = st_row_function_test(&f->where, rec, *value, err);
    if (met < 0) return met;
    if ((met != 0) == f->conf->negate) *value = AQ_NULL_SLICE;
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct filtering *f = state;
    struct st_row row = st_row(context);
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    int rc = sift(f, rec, &rec->value, err);
    if (rc != 0) return rc;
    if (f->stored) return st_rows_put(&f->rows, rec, err);
    bool gone = aq_slice_is_null(rec->value);
    if (row.known && (f->old_wanted || (gone && f->quiet))) {
        rc = sift(f, rec, &row.old, err);
        if (rc != 0) return rc;
        if (gone && f->quiet && aq_slice_is_null(row.old)) return 0;
    }
    return st_forward_row(context, rec, &row, err);
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct filtering *f = state;
    return f->stored ? st_rows_flush(&f->rows, err) : 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct filtering *f = state;
    st_row_function_stop(&f->where);
    st_rows_stop(&f->rows);
    free(f);
}

const struct st_processor_kind st_table_filter_kind = {
    .name = "filter", .start = start, .process = process, .flush = flush, .stop = stop};
