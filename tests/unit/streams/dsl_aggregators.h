/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators and reducers for tests of the C DSL.
 */
#ifndef AQ_TESTS_DSL_AGGREGATORS_H
#define AQ_TESTS_DSL_AGGREGATORS_H

#include "tests/unit/streams/dsl_world.h"

__attribute__((unused)) static int start_row(struct aq_processor_context *ctx, void *user,
                                             struct aq_slice *ret)
{
    (void)ctx;
    *ret = aq_slice_str(user ? user : "");
    return 0;
}

__attribute__((unused)) static int append(struct aq_processor_context *ctx, void *user,
                                          const struct aq_stream_record *record, struct aq_slice aggregate,
                                          struct aq_slice *ret)
{
    (void)user;
    if (aq_slice_equal(record->value, aq_slice_str("bad"))) return aq_processor_fail(ctx, "it is bad");
    *ret = aq_slice_equal(record->value, aq_slice_str("away")) ? aq_slice_null()
                                                               : dsl_text(ctx, aggregate, "", record->value);
    return 0;
}

__attribute__((unused)) static int prepend(struct aq_processor_context *ctx, void *user,
                                           const struct aq_stream_record *record, struct aq_slice aggregate,
                                           struct aq_slice *ret)
{
    (void)user;
    *ret = dsl_text(ctx, record->value, "", aggregate);
    return 0;
}

/* The value is a part of the aggregate. */
__attribute__((unused)) static int cut_out(struct aq_processor_context *ctx, void *user,
                                           const struct aq_stream_record *record, struct aq_slice aggregate,
                                           struct aq_slice *ret)
{
    (void)user;
    const char *at = memmem(aggregate.ptr, aggregate.len, record->value.ptr, record->value.len);
    if (!at) return aq_processor_fail(ctx, "it is not in there");
    const char *rest = at + record->value.len, *end = aggregate.ptr + aggregate.len;
    *ret = dsl_text(ctx, aq_slice_of(aggregate.ptr, (size_t)(at - aggregate.ptr)), "",
                    aq_slice_of(rest, (size_t)(end - rest)));
    return 0;
}

__attribute__((unused)) static int merge(struct aq_processor_context *ctx, void *user, struct aq_slice key,
                                         struct aq_slice first, struct aq_slice second, struct aq_slice *ret)
{
    (void)user;
    (void)key;
    *ret = dsl_text(ctx, first, "+", second);
    return 0;
}

__attribute__((unused)) static int in_brackets(struct aq_processor_context *ctx, void *user,
                                               struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)user;
    *ret = dsl_text(ctx, dsl_text(ctx, aq_slice_str("("), "", aggregate), "", aq_slice_str(")"));
    return 0;
}

__attribute__((unused)) static const struct aq_aggregator whole = {.abi = AQ_AGGREGATOR_ABI,
                                                                   .init = start_row,
                                                                   .add = append,
                                                                   .subtract = cut_out,
                                                                   .merge = merge,
                                                                   .result = in_brackets};
__attribute__((unused)) static const struct aq_aggregator least = {
    .abi = AQ_AGGREGATOR_ABI, .init = start_row, .add = append};

__attribute__((unused)) static int longer(struct aq_processor_context *ctx, struct aq_slice aggregate,
                                          struct aq_slice value, void *user, struct aq_slice *ret)
{
    assert_string_equal(user, "mine");
    if (aq_slice_equal(value, aq_slice_str("bad"))) return aq_processor_fail(ctx, "not that");
    if (value.len > aggregate.len) *ret = value;
    if (aq_slice_equal(value, aq_slice_str("x"))) *ret = aq_slice_null();
    return 0;
}

__attribute__((unused)) static int nothing_left(struct aq_processor_context *ctx, struct aq_slice aggregate,
                                                struct aq_slice value, void *user, struct aq_slice *ret)
{
    (void)ctx;
    assert_string_equal(user, "mine");
    if (aq_slice_equal(aggregate, value)) *ret = aq_slice_null();
    return 0;
}

#endif
