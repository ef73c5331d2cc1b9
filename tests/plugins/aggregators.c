/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators as a user writes them. Loaded by tests/unit/streams/test_form_native_aggregator.c.
 */
#include <stdlib.h>

#include "aqueduct/plugin.h"

/* What is configured and not released; the test looks at it. */
AQ_API int aggregators_alive;

/* ---- bytes: how many bytes the values have, times a factor --------------------------------------------------------- */

static const struct aq_option options[] = {
    {.name = "factor",
     .kind = AQ_OPTION_INT,
     .required = true,
     .help = "What every length is multiplied by."},
};

static int configure(const struct aq_option_value *values, void **ret_user, char *reason, size_t size)
{
    (void)reason;
    (void)size;
    int64_t *factor = malloc(sizeof(*factor));
    if (!factor) return -1;
    *factor = values[0].integer;
    aggregators_alive++;
    *ret_user = factor;
    return 0;
}

static void release(void *user)
{
    aggregators_alive--;
    free(user);
}

static int64_t number_of(struct aq_slice aggregate)
{
    int64_t number = 0;
    if (aggregate.ptr) aq_read_int64(aggregate, &number);
    return number;
}

static int add(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
               struct aq_slice aggregate, struct aq_slice *ret)
{
    const int64_t *factor = user;
    *ret = aq_stream_int64(ctx, number_of(aggregate) + *factor * (int64_t)record->value.len);
    return 0;
}

static int subtract(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                    struct aq_slice aggregate, struct aq_slice *ret)
{
    const int64_t *factor = user;
    *ret = aq_stream_int64(ctx, number_of(aggregate) - *factor * (int64_t)record->value.len);
    return 0;
}

static int merge(struct aq_processor_context *ctx, void *user, struct aq_slice key, struct aq_slice first,
                 struct aq_slice second, struct aq_slice *ret)
{
    (void)user;
    (void)key;
    *ret = aq_stream_int64(ctx, number_of(first) + number_of(second));
    return 0;
}

/* ---- latest: the value itself; it can neither subtract nor merge ------------------------------------------------------ */

static int take(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)user;
    (void)aggregate;
    *ret = aq_stream_copy(ctx, record->value);
    return 0;
}

static const struct aq_plugin_aggregator aggregators[] = {
    {.name = "bytes",
     .summary = "How many bytes the values have.",
     .options = options,
     .n_options = 1,
     .configure = configure,
     .release = release,
     .aggregator = {.abi = AQ_AGGREGATOR_ABI, .add = add, .subtract = subtract, .merge = merge}},
    {.name = "latest", .summary = "The last value.", .aggregator = {.abi = AQ_AGGREGATOR_ABI, .add = take}},
};

AQ_API const struct aq_plugin aq_plugin = {
    .abi = AQ_PLUGIN_ABI, .name = "aggregators", .aggregators = aggregators, .n_aggregators = 2};
