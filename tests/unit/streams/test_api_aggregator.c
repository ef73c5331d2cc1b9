/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators of programs, run as the engine runs them.
 */
#include "streams/api/api_aggregator.h"
#include "streams/api/api_context.h"
#include "tests/unit/streams/agg_world.h"

static struct aq_slice text(struct aq_processor_context *ctx, struct aq_slice a, struct aq_slice b)
{
    char *bytes = aq_stream_alloc(ctx, a.len + b.len);
    memcpy(bytes, a.ptr, a.len);
    memcpy(bytes + a.len, b.ptr, b.len);
    return aq_slice_of(bytes, a.len + b.len);
}

static int c_init(struct aq_processor_context *ctx, void *user, struct aq_slice *ret)
{
    (void)ctx;
    *ret = aq_slice_str(user);
    return 0;
}

static int c_add(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                 struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)user;
    if (aq_slice_equal(record->value, aq_slice_str("bad"))) return aq_processor_fail(ctx, "it is bad");
    if (aq_slice_equal(record->value, aq_slice_str("worse"))) return -7;
    if (aq_slice_equal(record->value, aq_slice_str("skip"))) return 0;
    *ret = text(ctx, aggregate, record->value);
    return 0;
}

static int c_subtract(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                      struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)ctx;
    (void)user;
    *ret = aggregate.len > record->value.len ? aq_slice_of(aggregate.ptr, aggregate.len - record->value.len)
                                             : aq_slice_of(NULL, 0);
    return 0;
}

static int c_merge(struct aq_processor_context *ctx, void *user, struct aq_slice key, struct aq_slice first,
                   struct aq_slice second, struct aq_slice *ret)
{
    (void)user;
    *ret = text(ctx, text(ctx, first, key), second);
    return 0;
}

static int c_result(struct aq_processor_context *ctx, void *user, struct aq_slice aggregate,
                    struct aq_slice *ret)
{
    (void)user;
    *ret = text(ctx, aq_slice_str("="), aggregate);
    return 0;
}

static void programs_bring_their_own(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    char begin[] = ":";
    struct st_api_aggregator op = {.aggregator = {.abi = AQ_AGGREGATOR_ABI,
                                                  .init = c_init,
                                                  .add = c_add,
                                                  .subtract = c_subtract,
                                                  .merge = c_merge,
                                                  .result = c_result},
                                   .user = begin};
    struct st_aggregator aggregator = {.kind = st_api_aggregator_kind(&op.aggregator), .user = &op};
    struct agg_row row = {AQ_NULL_SLICE}, other = {AQ_NULL_SLICE};
    memset(a, 0, sizeof(*a));
    T_CHECK(st_api_check_aggregator(&op.aggregator, &a->err) == 0, "%s", a->err.text);
    agg_start(a, "string", &aggregator);
    agg_fill(a, &row, "a b skip");
    T_CHECK(strcmp(agg_text(a, &row), "=:ab") == 0, "%s", a->text);
    T_CHECK(agg_change(a, &row, '+', AQ_LIT("bad")) == AQ_E_BAD_RECORD && strstr(a->err.text, "it is bad"),
            "%s", a->err.text);
    T_CHECK(agg_change(a, &row, '+', AQ_LIT("worse")) == AQ_E_BAD_RECORD &&
                strstr(a->err.text, "returned -7"),
            "%s", a->err.text);
    T_CHECK(agg_change(a, &row, '-', AQ_LIT("b")) == 0, "%s", a->err.text);
    agg_fill(a, &other, "c");
    T_CHECK(agg_merge(a, &row, &other) == 0, "%s", a->err.text);
    T_CHECK(strcmp(agg_text(a, &row), "=:ak:c") == 0, "%s", a->text);
    T_CHECK(agg_change(a, &row, '-', AQ_LIT("much more than that")) == 0, "%s", a->err.text);
    T_CHECK(strcmp(agg_text(a, &row), "-") == 0, "%s", a->text);
    agg_row_free(&row);
    agg_row_free(&other);
    agg_close(a);
    free(a);
}

static void programs_may_leave_out_all_but_add(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    struct st_api_aggregator op = {.aggregator = {.abi = AQ_AGGREGATOR_ABI, .add = c_add}};
    struct st_aggregator aggregator = {.kind = st_api_aggregator_kind(&op.aggregator), .user = &op};
    struct agg_row row = {AQ_NULL_SLICE};
    memset(a, 0, sizeof(*a));
    T_CHECK(!aggregator.kind->merge && !aggregator.kind->subtract && aggregator.kind->why_not,
            "more than add()");
    agg_start(a, "string", &aggregator);
    T_CHECK(agg_change(a, &row, '+', AQ_LIT("skip")) == 0, "%s", a->err.text);
    T_CHECK(aq_slice_is_null(row.acc), "a row of nothing");
    agg_close(a);

    struct aq_err err = {0};
    op.aggregator.abi = 7;
    T_CHECK(st_api_check_aggregator(&op.aggregator, &err) == AQ_E_CONFIG &&
                strstr(err.text, "AQ_AGGREGATOR_ABI"),
            "%s", err.text);
    op.aggregator = (struct aq_aggregator){.abi = AQ_AGGREGATOR_ABI};
    T_CHECK(st_api_check_aggregator(&op.aggregator, &err) == AQ_E_CONFIG &&
                strstr(err.text, "it has no add()"),
            "%s", err.text);
    T_CHECK(st_api_check_aggregator(NULL, &err) == AQ_E_CONFIG, "NULL");
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_bring_their_own),
        cmocka_unit_test(programs_may_leave_out_all_but_add),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
