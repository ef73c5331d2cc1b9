/* SPDX-License-Identifier: Apache-2.0
 *
 * Which task a source partition belongs to. Every instance must agree on this for ever: fencing is per task, so two
 * maps at once would let two owners mirror one partition with no broker noticing. It depends on nothing but the topic
 * name, the partition number and the task count, which is recorded in the state topic; a change is a new version.
 */
#ifndef AQ_KAFKA_TASK_MAP_H
#define AQ_KAFKA_TASK_MAP_H

#include "base/hash.h"

#define KC_TASK_MAP_VERSION 1 /* by topic, as here */
#define KC_TASK_MAP_BY_NAME 2 /* by a name that the layer above gives: streams, by sub-topology */

static inline int32_t kc_task_of(const char *topic, int32_t partition, int32_t tasks)
{
    uint32_t spread = aq_murmur2(aq_slice_str(topic)) & 0x7fffffffu;
    return (int32_t)((spread + (uint64_t)(uint32_t)partition) % (uint64_t)tasks);
}

#endif
