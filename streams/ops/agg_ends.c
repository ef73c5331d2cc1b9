/* SPDX-License-Identifier: Apache-2.0
 *
 * first and last: of the records in the order in which they are processed, whatever their timestamps; of two sessions in the order of
 * the sessions. The accumulator is the result.
 */
#include "base/assert.h"
#include "streams/ops/agg_parts.h"

static int add_last(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct st_agg *agg = running;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct json_value value;
    int rc = st_agg_read(agg, rec, arena, acc, &value, ret, err);
    return rc != 0 ? st_agg_code(rc) : st_agg_make(agg, &value, arena, ret, err);
}

static int add_first(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                     struct aq_slice *ret, struct aq_err *err)
{
    if (aq_slice_is_null(acc)) return add_last(context, running, rec, acc, ret, err);
    *ret = acc;
    return 0;
}

static int merge_first(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                       struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)running;
    (void)key;
    (void)err;
    AQ_ASSERT(!aq_slice_is_null(a) && !aq_slice_is_null(b));
    *ret = a;
    return 0;
}

static int merge_last(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                      struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    return merge_first(context, running, key, b, a, ret, err);
}

static const struct st_aggregator_kind first_kind = {
    .name = "first",
    .start = st_agg_start,
    .stop = st_agg_stop,
    .add = add_first,
    .merge = merge_first,
    .why_not = "it keeps the first only, and when that leaves it does not know what came second"};

static const struct st_aggregator_kind last_kind = {
    .name = "last",
    .start = st_agg_start,
    .stop = st_agg_stop,
    .add = add_last,
    .merge = merge_last,
    .why_not = "it keeps the last only, and when that leaves it does not know what came before"};

static const char *const as[] = {"json", "string", "int32", "int64", "double", "bytes", NULL};

const struct st_function st_agg_first = {.name = "first",
                                         .summary = "Of the record that came first.",
                                         .kind = &first_kind,
                                         .takes = ST_TAKES_OF,
                                         .as = as,
                                         .as_came = true};

const struct st_function st_agg_last = {.name = "last",
                                        .summary = "Of the record that came last.",
                                        .kind = &last_kind,
                                        .takes = ST_TAKES_OF,
                                        .as = as,
                                        .as_came = true};
