/* SPDX-License-Identifier: Apache-2.0
 *
 * min and max: numbers by what they are worth, strings by their bytes. Of equals the earlier stays, in the form it came.
 *
 * The accumulator is the result: the value as its serde writes it, a field of a document as it stands there.
 */
#include "base/assert.h"
#include "streams/ops/agg_parts.h"

static int read_row(const struct st_agg *agg, struct aq_slice acc, struct aq_arena *arena,
                    struct json_value *ret, struct aq_err *err)
{
    int order;
    if (st_operand_decode(acc, agg->serde, arena, ret, err) == 0 && json_value_compare(ret, ret, &order))
        return 0;
    return st_agg_foreign(agg, acc, err);
}

/* sign: 1 keeps the larger, -1 the smaller. */
static int add(struct st_agg *agg, struct aq_record *rec, struct aq_slice acc, int sign, struct aq_slice *ret,
               struct aq_err *err)
{
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct json_value value, row;
    int order = sign;
    int rc = st_agg_read(agg, rec, arena, acc, &value, ret, err);
    if (rc != 0) return st_agg_code(rc);
    if (aq_slice_is_null(acc)) {
        rc = st_agg_check_order(agg, &value, err);
    } else {
        rc = read_row(agg, acc, arena, &row, err);
        if (rc == 0) rc = st_agg_compare(agg, &row, &value, &order, err);
        order = -order;
    }
    if (rc < 0) return rc;
    *ret = acc;
    if (order * sign <= 0) return 0;
    return st_agg_make(agg, &value, arena, ret, err);
}

static int merge(struct st_agg *agg, struct aq_slice a, struct aq_slice b, int sign, struct aq_slice *ret,
                 struct aq_err *err)
{
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct json_value first, second;
    int order;
    int rc = read_row(agg, a, arena, &first, err);
    if (rc == 0) rc = read_row(agg, b, arena, &second, err);
    if (rc == 0) rc = st_agg_compare(agg, &first, &second, &order, err);
    if (rc < 0) return rc;
    *ret = -order * sign > 0 ? b : a;
    return 0;
}

static int add_min(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                   struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    return add(running, rec, acc, -1, ret, err);
}

static int add_max(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                   struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    return add(running, rec, acc, 1, ret, err);
}

static int merge_min(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                     struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    return merge(running, a, b, -1, ret, err);
}

static int merge_max(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                     struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    return merge(running, a, b, 1, ret, err);
}

static const struct st_aggregator_kind min_kind = {
    .name = "min",
    .start = st_agg_start,
    .stop = st_agg_stop,
    .add = add_min,
    .merge = merge_min,
    .why_not = "it keeps the smallest only, and when that leaves it does not know what comes next"};

static const struct st_aggregator_kind max_kind = {
    .name = "max",
    .start = st_agg_start,
    .stop = st_agg_stop,
    .add = add_max,
    .merge = merge_max,
    .why_not = "it keeps the largest only, and when that leaves it does not know what comes next"};

static const char *const as[] = {"json", "string", "int32", "int64", "double", "bytes", NULL};

const struct st_function st_agg_min = {.name = "min",
                                       .summary =
                                           "The smallest number, or the first string in the order of bytes.",
                                       .kind = &min_kind,
                                       .takes = ST_TAKES_OF,
                                       .as = as,
                                       .as_came = true};

const struct st_function st_agg_max = {.name = "max",
                                       .summary =
                                           "The largest number, or the last string in the order of bytes.",
                                       .kind = &max_kind,
                                       .takes = ST_TAKES_OF,
                                       .as = as,
                                       .as_came = true};
