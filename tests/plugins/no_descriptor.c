/* SPDX-License-Identifier: Apache-2.0
 *
 * A shared object that is no plugin.
 */
#include "aqueduct/plugin.h"

AQ_API int something_else = 1;
