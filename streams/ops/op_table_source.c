/* SPDX-License-Identifier: Apache-2.0
 *
 * table and to_table: records become the rows of a table.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"

struct keeping {
    struct st_rows rows;
    bool stored;
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_table_source *conf = user;
    struct keeping *k = aq_calloc(1, sizeof(*k));
    k->stored = context->node->node->n_stores > 0;
    const struct st_rows_conf rows = {.history_ms = conf ? conf->history_ms : 0};
    if (k->stored) st_rows_start(&k->rows, context, &rows);
    *ret_state = k;
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct keeping *k = state;
    st_settle(context, rec);
    if (aq_slice_is_null(rec->key)) {
        st_drop(context);
        return 0;
    }
    if (k->stored) return st_rows_put(&k->rows, rec, err);
    const struct st_row unknown = {.is_latest = true};
    return st_forward_row(context, rec, &unknown, err);
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct keeping *k = state;
    return k->stored ? st_rows_flush(&k->rows, err) : 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct keeping *k = state;
    st_rows_stop(&k->rows);
    free(k);
}

const struct st_processor_kind st_table_source_kind = {
    .name = "table", .needs_key = true, .start = start, .process = process, .flush = flush, .stop = stop};
