/* SPDX-License-Identifier: Apache-2.0
 *
 * An aggregator for tests of windows in the engine: counts, as text.
 */
#ifndef AQ_TESTS_ST_WINDOW_COUNT_H
#define AQ_TESTS_ST_WINDOW_COUNT_H

#include <stdlib.h>

#include "streams/ops/op_aggregate.h"
#include "tests/unit/streams/st_engine.h"

static inline int window_count_add(struct st_context *context, void *running, struct aq_record *rec,
                                   struct aq_slice acc, struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)rec;
    (void)err;
    char text[32] = "0";
    if (!aq_slice_is_null(acc)) snprintf(text, sizeof(text), "%.*s", (int)acc.len, acc.ptr);
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "%d", atoi(text) + 1));
    return 0;
}

static inline int window_count_merge(struct st_context *context, void *running, struct aq_slice key,
                                     struct aq_slice a, struct aq_slice b, struct aq_slice *ret,
                                     struct aq_err *err)
{
    (void)running;
    (void)key;
    (void)err;
    char x[32], y[32];
    snprintf(x, sizeof(x), "%.*s", (int)a.len, a.ptr);
    snprintf(y, sizeof(y), "%.*s", (int)b.len, b.ptr);
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "%d", atoi(x) + atoi(y)));
    return 0;
}

static const struct st_aggregator_kind count_aggregator = {
    .name = "count", .add = window_count_add, .merge = window_count_merge};

#endif
