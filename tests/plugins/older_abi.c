/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin of the first version of the header, which had no aggregators. What is behind its fields is not its own.
 */
#include "aqueduct/plugin.h"

static int process(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    return aq_processor_forward(ctx, record);
}

static const struct aq_plugin_processor processors[] = {
    {.name = "p", .summary = "Forwards.", .processor = {.abi = AQ_PROCESSOR_ABI, .process = process}},
};

AQ_API const struct aq_plugin aq_plugin = {.abi = 1,
                                           .name = "older",
                                           .processors = processors,
                                           .n_processors = 1,
                                           .aggregators = (const struct aq_plugin_aggregator *)1,
                                           .n_aggregators = 4711};
