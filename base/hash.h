/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka's murmur2 (the 32-bit one of the Java client's Utils.murmur2, seed 0x9747b28c): decides partitions and tasks.
 */
#ifndef AQ_BASE_HASH_H
#define AQ_BASE_HASH_H

#include "base/slice.h"

uint32_t aq_murmur2(struct aq_slice bytes);

/* Java's DefaultPartitioner for a keyed record: toPositive(murmur2(key)) % partitions. */
int32_t aq_partition_for_key(struct aq_slice key, int32_t partitions);

#endif
