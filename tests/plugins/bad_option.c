/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin whose option list is at fault: a default that is none of its kind.
 */
#include "aqueduct/plugin.h"

static int process(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    return aq_processor_forward(ctx, record);
}

static const struct aq_option options[] = {
    {.name = "count", .kind = AQ_OPTION_INT, .def = "many", .help = "How many."},
};

static const struct aq_plugin_processor processors[] = {
    {.name = "p",
     .summary = "Forwards.",
     .options = options,
     .n_options = 1,
     .processor = {.abi = AQ_PROCESSOR_ABI, .process = process}},
};

AQ_API const struct aq_plugin aq_plugin = {
    .abi = AQ_PLUGIN_ABI, .name = "bad_option", .processors = processors, .n_processors = 1};
