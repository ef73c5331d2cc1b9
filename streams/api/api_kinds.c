/* SPDX-License-Identifier: Apache-2.0
 *
 * The stateless operators of aqueduct/streams.h. Each settles the record (a callback never sees one with open JSON views), calls its
 * callback between st_api_enter() and st_api_leave(), and hands on what became of it. Kafka Streams' rules: timestamp and headers
 * stay, only a mapper changes key or value, a split sends a record to one branch at most.
 *
 * Threads: the worker's own; ops are constant.
 */
#include "streams/api/api_kinds.h"

#include "base/assert.h"
#include "streams/api/api_context.h"

static const struct st_api_op *op_of(const void *state)
{
    return ((const struct aq_processor_context *)state)->op;
}

/* ---- predicates --------------------------------------------------------------------------------------------------- */

/* 1 or 0, or the failure. */
static int holds(const struct st_api_op *op, struct aq_processor_context *ctx, struct aq_record *rec,
                 struct aq_err *err)
{
    struct aq_stream_record view = st_api_view(rec);
    st_api_enter(ctx, ST_API_LOOKING, rec, err);
    bool answer = op->test(ctx, &view, op->user);
    int rc = st_api_leave(ctx, 0);
    return rc < 0 ? rc : answer;
}

static int filter(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    st_settle(st, rec);
    int rc = holds(op_of(state), state, rec, err);
    return rc == 1 ? st_forward(st, rec, err) : rc;
}

static int filter_not(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    st_settle(st, rec);
    int rc = holds(op_of(state), state, rec, err);
    if (rc < 0) return rc;
    return rc == 0 ? st_forward(st, rec, err) : 0;
}

static int split(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct aq_processor_context *ctx = state;
    const struct st_api_split *op = ctx->op;
    st_settle(st, rec);
    for (size_t i = 0; i < op->n_branches; i++) {
        int rc = holds(&op->branches[i], ctx, rec, err);
        if (rc < 0) return rc;
        if (rc == 1) return st_forward_child(st, i, rec, err);
    }
    return op->has_default ? st_forward_child(st, op->n_branches, rec, err) : 0;
}

/* ---- mappers ------------------------------------------------------------------------------------------------------ */

static int map(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    const struct st_api_op *op = op_of(state);
    st_settle(st, rec);
    struct aq_stream_record view = st_api_view(rec);
    struct aq_slice key = rec->key, value = rec->value;
    st_api_enter(state, ST_API_LOOKING, rec, err);
    int rc = st_api_leave(state, op->map(state, &view, op->user, &key, &value));
    if (rc < 0) return rc;
    rec->key = key;
    rec->value = value;
    return st_forward(st, rec, err);
}

/* part points into rec. */
static int map_part(struct st_context *st, void *state, struct aq_record *rec, struct aq_slice *part,
                    struct aq_err *err)
{
    AQ_DASSERT(part == &rec->key || part == &rec->value);
    const struct st_api_op *op = op_of(state);
    st_settle(st, rec);
    struct aq_stream_record view = st_api_view(rec);
    struct aq_slice made = *part;
    st_api_enter(state, ST_API_LOOKING, rec, err);
    int rc = st_api_leave(state, op->map_part(state, &view, op->user, &made));
    if (rc < 0) return rc;
    *part = made;
    return st_forward(st, rec, err);
}

static int map_values(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    return map_part(st, state, rec, &rec->value, err);
}

static int select_key(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    return map_part(st, state, rec, &rec->key, err);
}

static int flat(struct st_context *st, void *state, enum st_api_phase phase, struct aq_record *rec,
                struct aq_err *err)
{
    const struct st_api_op *op = op_of(state);
    st_settle(st, rec);
    struct aq_stream_record view = st_api_view(rec);
    st_api_enter(state, phase, rec, err);
    return st_api_leave(state, op->flat_map(state, &view, op->user));
}

static int flat_map(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    return flat(st, state, ST_API_EMITTING, rec, err);
}

static int flat_map_values(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    return flat(st, state, ST_API_EMITTING_PART, rec, err);
}

/* ---- looking on --------------------------------------------------------------------------------------------------- */

static int act(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    const struct st_api_op *op = op_of(state);
    st_settle(st, rec);
    struct aq_stream_record view = st_api_view(rec);
    st_api_enter(state, ST_API_LOOKING, rec, err);
    return st_api_leave(state, op->action(state, &view, op->user));
}

static int peek(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    int rc = act(st, state, rec, err);
    return rc < 0 ? rc : st_forward(st, rec, err);
}

static int pass(struct st_context *st, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward(st, rec, err);
}

/* ---- topics and times --------------------------------------------------------------------------------------------- */

static int choose(struct st_context *st, void *state, struct aq_record *rec, struct aq_slice *ret_topic,
                  struct aq_err *err)
{
    const struct st_api_op *op = op_of(state);
    st_settle(st, rec);
    struct aq_stream_record view = st_api_view(rec);
    struct aq_slice topic = aq_slice_null();
    st_api_enter(state, ST_API_LOOKING, rec, err);
    int rc = st_api_leave(state, op->choose(state, &view, op->user, &topic));
    if (rc < 0) return rc;
    if (topic.len == 0) return aq_fail(err, AQ_E_BAD_RECORD, "the topic chooser named no topic");
    *ret_topic = topic;
    return 0;
}

int st_api_extract(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                   struct aq_err *err)
{
    const struct st_api_op *op = user;
    /* Loading headers changes what the record remembers, not what it is. */
    struct aq_record copy = *rec;
    struct aq_stream_record view = st_api_view(&copy);
    if (rec->time_type == AQ_TIME_NONE) view.timestamp = -1;
    int rc = op->extract(&view, at.partition_ms, op->user, ret_ms);
    if (rc >= 0) return 0;
    return aq_fail(err, AQ_E_BAD_RECORD, "the timestamp extractor returned %d", rc);
}

/* ---- the kinds ---------------------------------------------------------------------------------------------------- */

const struct st_processor_kind st_api_filter = {
    .name = "filter", .start = st_api_start, .process = filter, .stop = st_api_stop};
const struct st_processor_kind st_api_filter_not = {
    .name = "filter_not", .start = st_api_start, .process = filter_not, .stop = st_api_stop};
const struct st_processor_kind st_api_map = {
    .name = "map", .changes_key = true, .start = st_api_start, .process = map, .stop = st_api_stop};
const struct st_processor_kind st_api_map_values = {
    .name = "map_values", .start = st_api_start, .process = map_values, .stop = st_api_stop};
const struct st_processor_kind st_api_select_key = {.name = "select_key",
                                                    .changes_key = true,
                                                    .start = st_api_start,
                                                    .process = select_key,
                                                    .stop = st_api_stop};
const struct st_processor_kind st_api_flat_map = {
    .name = "flat_map", .changes_key = true, .start = st_api_start, .process = flat_map, .stop = st_api_stop};
const struct st_processor_kind st_api_flat_map_values = {
    .name = "flat_map_values", .start = st_api_start, .process = flat_map_values, .stop = st_api_stop};
const struct st_processor_kind st_api_peek = {
    .name = "peek", .start = st_api_start, .process = peek, .stop = st_api_stop};
const struct st_processor_kind st_api_foreach = {
    .name = "foreach", .start = st_api_start, .process = act, .stop = st_api_stop};
const struct st_processor_kind st_api_split = {
    .name = "split", .start = st_api_start, .process = split, .stop = st_api_stop};
const struct st_processor_kind st_api_branch = {.name = "branch", .process = pass};
const struct st_processor_kind st_api_merge = {.name = "merge", .process = pass};
const struct st_topic_chooser st_api_chooser = {.start = st_api_start, .choose = choose, .stop = st_api_stop};
