/* SPDX-License-Identifier: Apache-2.0
 *
 * count, reduce and aggregate without windows, cogroup's inputs, and the stores of all aggregations (streams/ops/op_aggregate.h).
 *
 * A record without key or value is dropped. The result's time is the later of the row's and the record's. When the aggregator says that the row
 * is gone, it is deleted, a tombstone goes on, and the next record starts it anew with its own time. When it makes nothing of a record, the row stays as it
 * is and nothing goes on; compat: the result goes on again, or a tombstone for a row that never was, as in Kafka Streams; and those below are told
 * that a new row was what rows begin with.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/aggregation.h"

/* ---- without windows ---------------------------------------------------------------------------------------------- */

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    struct st_aggregation *a = aq_calloc(1, sizeof(*a));
    int rc = st_aggregation_start(a, context, user, ST_ROWS_PLAIN, err);
    if (rc == 0) {
        *ret_state = a;
        return 0;
    }
    free(a);
    return rc;
}

/* compat: to those below a row that is new was what it begins with, when changes go on at once. */
static int begin_row(struct st_aggregation *a, struct aq_record *rec, struct st_accumulated *was,
                     struct aq_err *err)
{
    const struct st_adder *adder = a->adder;
    if (!adder->aggregator->kind->begin) return 0;
    int rc = adder->aggregator->kind->begin(adder->context, adder->running, rec, &was->acc, err);
    if (rc == 0) was->acc = aq_arena_copy(st_arena(a->context), was->acc);
    return rc;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    struct st_aggregation *a = state;
    if (!st_aggregation_takes(a, rec, false)) return 0;
    const struct st_place place = {.key = rec->key};
    struct st_accumulated was, next;
    int rc = st_aggregation_get(a, &place, &was, err);
    if (rc == 0 && a->op->compat && aq_slice_is_null(was.acc)) rc = begin_row(a, rec, &was, err);
    if (rc == 0) rc = st_aggregation_add(a, rec, &was, &next, err);
    return rc == 0 ? st_aggregation_set(a, rec, &place, &was, &next, err) : rc;
}

static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    return st_aggregation_flush(state, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    st_aggregation_stop(state);
    free(state);
}

const struct st_processor_kind st_aggregate_kind = {
    .name = "aggregate", .needs_key = true, .start = start, .process = process, .flush = flush, .stop = stop};
const struct st_processor_kind st_cogroup_kind = {.name = "cogroup",
                                                  .needs_key = true,
                                                  .copartitioned = true,
                                                  .start = start,
                                                  .process = process,
                                                  .flush = flush,
                                                  .stop = stop};

/* ---- inputs of a cogroup ------------------------------------------------------------------------------------------ */

static int start_input(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    struct st_adder *adder = aq_calloc(1, sizeof(*adder));
    AQ_ASSERT(context->n_children == 1);
    int rc = st_adder_start(adder, context, user, err);
    if (rc == 0) {
        *ret_state = adder;
        return 0;
    }
    free(adder);
    return rc;
}

/* The aggregation is the only child, and its state begins with a struct st_aggregation whatever its windows are. */
static int process_input(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct st_aggregation *a = context->children[0]->state;
    a->adder = state;
    return st_forward(context, rec, err);
}

static void stop_input(struct st_context *context, void *state)
{
    (void)context;
    st_adder_stop(state);
    free(state);
}

const struct st_processor_kind st_cogroup_input_kind = {.name = "cogroup-input",
                                                        .needs_key = true,
                                                        .start = start_input,
                                                        .process = process_input,
                                                        .stop = stop_input};

/* ---- building ----------------------------------------------------------------------------------------------------- */

const struct st_processor_kind *st_aggregate_kind_of(const struct st_windows *windows, bool cogroup)
{
    if (!windows) return cogroup ? &st_cogroup_kind : &st_aggregate_kind;
    switch (windows->kind) {
    case ST_TUMBLING:
    case ST_HOPPING: return cogroup ? &st_window_cogroup_kind : &st_window_aggregate_kind;
    case ST_SLIDING: return cogroup ? &st_sliding_cogroup_kind : &st_sliding_aggregate_kind;
    case ST_SESSION: return cogroup ? &st_session_cogroup_kind : &st_session_aggregate_kind;
    }
    AQ_ASSERT(!"a kind of windows");
    return NULL;
}

const struct st_windows *st_aggregate_windows(const struct st_node *node)
{
    static const struct st_processor_kind *const windowed[] = {
        &st_window_aggregate_kind, &st_sliding_aggregate_kind, &st_session_aggregate_kind,
        &st_window_cogroup_kind,   &st_sliding_cogroup_kind,   &st_session_cogroup_kind};
    for (size_t i = 0; i < sizeof(windowed) / sizeof(windowed[0]); i++)
        if (node->type == ST_PROCESSOR && node->kind == windowed[i])
            return &((const struct st_aggregate *)node->user)->windows;
    return NULL;
}

const struct st_serde *st_windows_key_serde(const struct st_windows *windows, const struct st_serde *key)
{
    AQ_ASSERT(windows);
    if (!key) return NULL;
    /* Windows of windows: the key inside is bytes. */
    if (st_serde_inner(key)) key = st_serde_find("bytes", NULL);
    if (windows->kind == ST_SESSION) return st_serde_windowed(ST_KEY_SESSION, key, 0);
    return st_serde_windowed(ST_KEY_TIME, key, windows->size_ms);
}

struct st_store_conf st_aggregate_store_conf(const struct st_windows *windows, struct st_store_conf how)
{
    bool session = windows && windows->kind == ST_SESSION;
    how.rest_len = !windows ? 0 : session ? ST_SESSION_REST : ST_WINDOW_REST;
    how.timestamped = !session;
    how.retention_ms = windows ? windows->retention_ms : 0;
    return how;
}

int st_aggregate_add_stores(struct st_topology *topology, const char *node, const char *store,
                            const struct st_aggregate *op, bool windowed, struct st_store_conf how,
                            struct aq_err *err)
{
    const struct st_windows *windows = windowed ? &op->windows : NULL;
    struct st_store_conf rows = st_aggregate_store_conf(windows, how);
    /* The cache of Kafka Streams has sessions that its store hides. */
    bool cached = op->compat && !how.uncached && op->emit == ST_EMIT_UPDATES;
    if (windows && windows->kind == ST_SESSION && cached)
        rows.retention_ms = st_time_sum(rows.retention_ms, rows.retention_ms);
    int rc = st_add_store(topology, store, &rows, err);
    if (rc == 0) rc = st_connect_store(topology, node, store, err);
    if (rc != 0 || !windowed || op->emit != ST_EMIT_CLOSE) return rc;
    const struct st_store_conf time = {.in_memory = how.in_memory,
                                       .without_changelog = how.without_changelog};
    const char *name = aq_arena_printf(&topology->arena, "%s-time", store);
    rc = st_add_store(topology, name, &time, err);
    return rc == 0 ? st_connect_store(topology, node, name, err) : rc;
}
