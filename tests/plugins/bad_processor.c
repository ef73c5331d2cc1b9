/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin with a processor that does nothing.
 */
#include "aqueduct/plugin.h"

static const struct aq_plugin_processor processors[] = {
    {.name = "idle", .summary = "Does nothing.", .processor = {.abi = AQ_PROCESSOR_ABI}},
};

AQ_API const struct aq_plugin aq_plugin = {
    .abi = AQ_PLUGIN_ABI, .name = "bad_processor", .processors = processors, .n_processors = 1};
