/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that calls what the program does not export.
 */
#include "aqueduct/plugin.h"

int aq_processor_from_a_later_version(struct aq_processor_context *ctx);

static int process(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    (void)record;
    return aq_processor_from_a_later_version(ctx);
}

static const struct aq_plugin_processor processors[] = {
    {.name = "p", .summary = "Fails.", .processor = {.abi = AQ_PROCESSOR_ABI, .process = process}},
};

AQ_API const struct aq_plugin aq_plugin = {
    .abi = AQ_PLUGIN_ABI, .name = "unresolved", .processors = processors, .n_processors = 1};
