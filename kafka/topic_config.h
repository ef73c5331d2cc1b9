/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of configs a topic can have, of all versions of Kafka (its documentation, "Topic Configs"). A broker knows those
 * of its own version: 4.3, for one, has no message.downconversion.enable, message.format.version and
 * message.timestamp.difference.max.ms any more.
 */
#ifndef AQ_KAFKA_TOPIC_CONFIG_H
#define AQ_KAFKA_TOPIC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/* All of them, for suggestions. */
const char *const *kc_topic_configs(size_t *ret_n);

bool kc_topic_config_is_known(const char *name);

#endif
