/* SPDX-License-Identifier: Apache-2.0
 *
 * map_values of a table. What a row was is mapped, too, when somebody below wants to know; a row that is gone is gone.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"

struct mapping {
    struct st_row_running value; /* or */
    struct st_running edit;
    struct st_rows rows;
    bool stored;
    bool old_wanted; /* by those below */
};

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    const struct st_table_map *conf = user;
    const struct st_node *node = context->node->node;
    const struct st_serde *made = node->value_serde ? node->value_serde : context->value_serde;
    struct mapping *m = aq_calloc(1, sizeof(*m));
    m->stored = node->n_stores > 0;
    m->old_wanted = st_old_is_wanted(context);
    if (st_row_function_is_there(&conf->value))
        st_row_function_start(&m->value, context, &conf->value, made);
    else
        st_running_start(&m->edit, context, &conf->edit);
    const struct st_rows_conf rows = {.history_ms = conf->history_ms};
    if (m->stored) st_rows_start(&m->rows, context, &rows);
    *ret_state = m;
    return 0;
}

static int run_edit(struct mapping *m, struct st_context *context, const struct aq_record *rec,
                    struct aq_slice *value, struct aq_err *err)
{
    struct aq_record row = *rec;
    struct lua_result result;
    row.value = *value;
    int rc = lua_engine_run(m->edit.engine, &m->edit.step, &row, &result, err);
    if (rc < 0) return rc;
    if (result.answer != LUA_NOTHING)
        return aq_fail(err, AQ_E_BAD_RECORD, "map: returns a %s; it edits only", result.type);
    st_settle(context, &row);
    *value = row.value;
    return 0;
}

static int map(struct mapping *m, struct st_context *context, const struct aq_record *rec,
               struct aq_slice *value, struct aq_err *err)
{
    if (aq_slice_is_null(*value)) return 0;
    if (m->edit.engine) return run_edit(m, context, rec, value, err);
    struct aq_slice made;
    int rc = st_row_function_eval(&m->value, rec, *value, &made, err);
    if (rc == 0) *value = made;
    return rc;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct mapping *m = state;
    struct st_row row = st_row(context);
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    int rc = map(m, context, rec, &rec->value, err);
    if (rc != 0) return rc;
    if (m->stored) return st_rows_put(&m->rows, rec, err);
    row.known = row.known && m->old_wanted;
    rc = row.known ? map(m, context, rec, &row.old, err) : 0;
    return rc == 0 ? st_forward_row(context, rec, &row, err) : rc;
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct mapping *m = state;
    return m->stored ? st_rows_flush(&m->rows, err) : 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct mapping *m = state;
    st_row_function_stop(&m->value);
    if (m->edit.engine) st_running_stop(&m->edit);
    st_rows_stop(&m->rows);
    free(m);
}

const struct st_processor_kind st_table_map_values_kind = {
    .name = "map_values", .start = start, .process = process, .flush = flush, .stop = stop};
