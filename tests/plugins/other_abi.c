/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin of a version to come: nothing behind the abi may be looked at.
 */
#include "aqueduct/plugin.h"

AQ_API const struct aq_plugin aq_plugin = {.abi = 4711,
                                           .name = (const char *)1,
                                           .processors = (const struct aq_plugin_processor *)1,
                                           .n_processors = 1};
