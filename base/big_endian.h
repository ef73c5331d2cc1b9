/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole numbers as Kafka's protocol and Java's ByteBuffer hold them: the highest byte first, two's complement. Byte by
 * byte, because the place need not be aligned; compilers make one load or store of it. The caller knows that the 4 or 8
 * bytes are there.
 */
#ifndef AQ_BASE_BIG_ENDIAN_H
#define AQ_BASE_BIG_ENDIAN_H

#include <stdint.h>

static inline uint32_t aq_be32_get(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline uint64_t aq_be64_get(const char *at)
{
    return (uint64_t)aq_be32_get(at) << 32 | aq_be32_get(at + 4);
}

static inline void aq_be32_put(char *at, uint32_t number)
{
    for (int i = 0; i < 4; i++) at[i] = (char)(unsigned char)(number >> (24 - 8 * i));
}

static inline void aq_be64_put(char *at, uint64_t number)
{
    aq_be32_put(at, (uint32_t)(number >> 32));
    aq_be32_put(at + 4, (uint32_t)number);
}

#endif
