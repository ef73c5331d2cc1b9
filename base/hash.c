/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka's murmur2, as the Java client computes it.
 */
#include "base/hash.h"

#include "base/assert.h"

/* Byte by byte because Java's reads are little-endian on every machine; compilers make one load of it. */
static inline uint32_t load_le32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t aq_murmur2(struct aq_slice bytes)
{
    AQ_ASSERT(bytes.len <= INT32_MAX);
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    const uint32_t m = 0x5bd1e995u;
    uint32_t len = (uint32_t)bytes.len;
    uint32_t h = 0x9747b28cu ^ len;

    for (; len >= 4; len -= 4, p += 4) {
        uint32_t k = load_le32(p) * m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    if (len == 3) h ^= (uint32_t)p[2] << 16;
    if (len >= 2) h ^= (uint32_t)p[1] << 8;
    if (len >= 1) h = (h ^ p[0]) * m;

    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

int32_t aq_partition_for_key(struct aq_slice key, int32_t partitions)
{
    AQ_ASSERT(partitions > 0);
    AQ_ASSERT(!aq_slice_is_null(key));
    return (int32_t)((aq_murmur2(key) & 0x7fffffffu) % (uint32_t)partitions);
}
