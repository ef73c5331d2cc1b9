/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin whose aggregator cannot add.
 */
#include "aqueduct/plugin.h"

static const struct aq_plugin_aggregator aggregators[] = {
    {.name = "sum", .summary = "Adds up.", .aggregator = {.abi = AQ_AGGREGATOR_ABI}},
};

AQ_API const struct aq_plugin aq_plugin = {
    .abi = AQ_PLUGIN_ABI, .name = "bad_aggregator", .aggregators = aggregators, .n_aggregators = 1};
