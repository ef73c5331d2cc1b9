/* SPDX-License-Identifier: Apache-2.0
 *
 * Client properties in `clusters.NAME.properties`: which pass through, which are ours to set, which are refused.
 */
#ifndef AQ_KAFKA_PROPERTY_H
#define AQ_KAFKA_PROPERTY_H

#include "conf/diag.h"

/* Checks one "name = value"; complaints go to diags at pos. True when it may be handed to the client. */
bool kc_property_check(const char *name, const char *value, struct conf_pos pos, struct conf_diags *diags);

/* Whether this program or the client library has a word about the name, be it a refusal. */
bool kc_property_is_known(const char *name);

/* Does a producer (or a consumer) understand it? */
bool kc_property_applies(const char *name, bool producer);

#endif
