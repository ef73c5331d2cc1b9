/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in tumbling and hopping windows (streams/ops/op_aggregate.h): one row, and one result, for each window that the record's time
 * is in, by ascending start. Windows that are over are counted as late, each; the others take the record all the same.
 *
 * Dropped are records without a key, and those without a value. compat: only those without a key; the aggregator is given the nulls, as by
 * Kafka Streams, whose count counts them.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/windowing.h"

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    struct st_windowing *w = aq_calloc(1, sizeof(*w));
    int rc = st_windowing_start(w, context, user, ST_ROWS_WINDOW, err);
    if (rc == 0) {
        *ret_state = w;
        return 0;
    }
    free(w);
    return rc;
}

static int add_to_all(void *state, struct aq_record *rec, struct aq_err *err)
{
    struct st_windowing *w = state;
    int64_t at = st_windows_first(w->windows, rec->timestamp), before;
    do {
        const struct st_place place = {.key = rec->key, .start = at};
        int rc = st_windowing_add(w, rec, &place, err);
        if (rc != 0) return rc;
        before = at;
        at = st_windows_next(w->windows, at);
    } while (at <= rec->timestamp && at > before);
    return 0;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    struct st_windowing *w = state;
    return st_windowing_process(w, rec, w->rows.op->compat, add_to_all, w, err);
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    return st_windowing_flush(state, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    st_windowing_stop(state);
    free(state);
}

const struct st_processor_kind st_window_aggregate_kind = {.name = "window-aggregate",
                                                           .needs_key = true,
                                                           .start = start,
                                                           .process = process,
                                                           .flush = flush,
                                                           .stop = stop};
const struct st_processor_kind st_window_cogroup_kind = {.name = "window-cogroup",
                                                         .needs_key = true,
                                                         .copartitioned = true,
                                                         .start = start,
                                                         .process = process,
                                                         .flush = flush,
                                                         .stop = stop};
