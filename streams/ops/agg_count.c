/* SPDX-License-Identifier: Apache-2.0
 *
 * count: how many records. The accumulator is the result, as Kafka Streams keeps it for its LongSerde.
 *
 * A row that is counted down to 0 stays, as it does there.
 */
#include "base/assert.h"
#include "base/big_endian.h"
#include "streams/ops/agg_parts.h"

static int change(struct st_agg *agg, struct aq_slice acc, int64_t by, struct aq_slice *ret,
                  struct aq_err *err)
{
    int64_t n = 0;
    if (!aq_slice_is_null(acc)) {
        if (acc.len != 8) return st_agg_foreign(agg, acc, err);
        n = (int64_t)aq_be64_get(acc.ptr);
    }
    if (__builtin_add_overflow(n, by, &n))
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "count: there are more records than an integer of 64 bits tells");
    char *bytes = aq_arena_alloc(st_rooms_next(&agg->rooms), 8);
    aq_be64_put(bytes, (uint64_t)n);
    *ret = st_rooms_made(&agg->rooms, aq_slice_of(bytes, 8));
    return 0;
}

static int begin(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice *ret,
                 struct aq_err *err)
{
    static const char none[8];
    (void)context;
    (void)running;
    (void)rec;
    (void)err;
    *ret = aq_slice_of(none, sizeof(none));
    return 0;
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)rec;
    return change(running, acc, 1, ret, err);
}

static int subtract(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                    struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)rec;
    AQ_ASSERT(!aq_slice_is_null(acc));
    return change(running, acc, -1, ret, err);
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    AQ_ASSERT(!aq_slice_is_null(a));
    if (b.len != 8) return st_agg_foreign(running, b, err);
    return change(running, a, (int64_t)aq_be64_get(b.ptr), ret, err);
}

static const struct st_aggregator_kind kind = {.name = "count",
                                               .start = st_agg_start,
                                               .stop = st_agg_stop,
                                               .begin = begin,
                                               .add = add,
                                               .subtract = subtract,
                                               .merge = merge};

static const char *const as[] = {"int64", NULL};

const struct st_function st_agg_count = {
    .name = "count", .summary = "How many records.", .kind = &kind, .as = as};
