/* SPDX-License-Identifier: Apache-2.0
 *
 * Join of a stream with a table, or with a global table: each record of the stream looks its row up. Changes of the table give no
 * results.
 *
 * A record without a value is dropped: it says that there is nothing to join. One without a key is dropped by inner joins; a left
 * join gives it no row. Of a join with a global table that is the key it looks up, which a function may make of key and value.
 * Its result has the time and the headers of the stream's record.
 *
 * With a grace period, which a versioned table makes sense of: a record waits until stream time, that of the records that came
 * here, is so much later, and then gets the row as it was at its own time. One that comes later than that is joined at once. What
 * waits at the end stays in the store.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/global.h"
#include "streams/ops/delay.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"

struct joining {
    const struct st_joiner *conf;
    void *joiner;
    bool started; /* the joiner */
    bool left;
    struct st_lookup table;
    const struct st_global *global; /* NULL: it is no global table */
    struct st_row_running key;      /* of its row; not started: the record's key */
    struct st_delay *delay;         /* NULL: records are joined as they come */
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct joining *j = state;
    if (j->started) st_joiner_stop(j->conf, j->joiner);
    st_row_function_stop(&j->key);
    st_delay_stop(j->delay);
    free(j);
}

static int give_up(struct joining *j, struct st_context *context, int rc)
{
    stop(context, j);
    return rc;
}

static int start_joiner(struct joining *j, struct st_context *context, void **ret_state, struct aq_err *err)
{
    int rc = st_joiner_start(j->conf, context, &j->joiner, err);
    if (rc != 0) return give_up(j, context, rc);
    j->started = true;
    *ret_state = j;
    return 0;
}

static int start_table(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_stream_table_join *conf = user;
    AQ_ASSERT(conf->grace_ms == 0 || conf->history_ms > 0);
    struct joining *j = aq_calloc(1, sizeof(*j));
    j->conf = &conf->joiner;
    j->left = conf->left;
    j->table = (struct st_lookup){.store = st_store(context, 0), .history_ms = conf->history_ms};
    int rc = conf->grace_ms > 0 ? st_delay_start(context, 1, conf->grace_ms, &j->delay, err) : 0;
    return rc == 0 ? start_joiner(j, context, ret_state, err) : give_up(j, context, rc);
}

static int start_global(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_stream_global_join *conf = user;
    struct joining *j = aq_calloc(1, sizeof(*j));
    j->conf = &conf->joiner;
    j->left = conf->left;
    j->global = st_global_table(context, 0);
    if (st_row_function_is_there(&conf->key))
        st_row_function_start(&j->key, context, &conf->key, context->key_serde);
    return start_joiner(j, context, ret_state, err);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static int find_row(const struct joining *j, const struct aq_record *rec, struct aq_slice key,
                    struct st_looked_up *ret, struct aq_err *err)
{
    if (!j->global) return st_look_up_as_of(&j->table, key, rec->timestamp, ret, err);
    ret->value = st_global_get(j->global, key);
    return 0;
}

/* key: of the row; null: it has none. */
static int join(struct st_context *context, struct joining *j, struct aq_record *rec, struct aq_slice key,
                struct aq_err *err)
{
    struct st_looked_up row = {.value = AQ_NULL_SLICE};
    struct aq_slice made;
    int rc = 0;
    if (!aq_slice_is_null(key)) rc = find_row(j, rec, key, &row, err);
    if (rc != 0 || (aq_slice_is_null(row.value) && !j->left)) return rc;
    rc = st_join(j->conf, context, j->joiner, rec->key, rec->value, row.value, row.value, &made, err);
    if (rc != 0) return rc;
    rec->value = made;
    return st_forward(context, rec, err);
}

static int join_waited(struct st_context *context, void *user, struct aq_record *rec, struct aq_err *err)
{
    return join(context, user, rec, rec->key, err);
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct joining *j = state;
    bool kept = false;
    st_settle(context, rec);
    struct aq_slice key = rec->key;
    if (aq_slice_is_null(rec->value) || (aq_slice_is_null(rec->key) && !j->left && !j->key.function)) {
        st_drop(context);
        return 0;
    }
    int rc = j->key.function ? st_row_function_eval(&j->key, rec, rec->value, &key, err) : 0;
    if (rc == 0 && aq_slice_is_null(key) && !j->left) {
        st_drop(context);
        return 0;
    }
    if (rc == 0 && j->delay && !aq_slice_is_null(key)) kept = st_delay_put(j->delay, rec);
    if (rc == 0 && !kept) rc = join(context, j, rec, key, err);
    if (rc == 0 && j->delay) rc = st_delay_release(j->delay, join_waited, j, err);
    return rc;
}

const struct st_processor_kind st_stream_table_join_kind = {.name = "join",
                                                            .needs_key = true,
                                                            .copartitioned = true,
                                                            .start = start_table,
                                                            .process = process,
                                                            .stop = stop};
const struct st_processor_kind st_stream_global_join_kind = {
    .name = "join", .start = start_global, .process = process, .stop = stop};
