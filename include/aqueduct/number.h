/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole numbers and doubles as Kafka's protocol, Java's ByteBuffer and Kafka's serdes (IntegerSerde, LongSerde, DoubleSerde) hold
 * them: the highest byte first, two's complement, IEEE 754. Byte by byte, because the place need not be aligned; compilers make
 * one load or store of it.
 *
 * Threads: nothing here has state.
 */
#ifndef AQUEDUCT_NUMBER_H
#define AQUEDUCT_NUMBER_H

#include "aqueduct/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- at an address; the caller knows that the 4 or 8 bytes are there ------------------------------------------------- */

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

/* ---- keys and values: true with *ret set when the slice holds such a number; null and other lengths do not ----------- */

static inline bool aq_read_int32(struct aq_slice bytes, int32_t *ret)
{
    if (!bytes.ptr || bytes.len != 4) return false;
    *ret = (int32_t)aq_be32_get(bytes.ptr);
    return true;
}

static inline bool aq_read_int64(struct aq_slice bytes, int64_t *ret)
{
    if (!bytes.ptr || bytes.len != 8) return false;
    *ret = (int64_t)aq_be64_get(bytes.ptr);
    return true;
}

static inline bool aq_read_double(struct aq_slice bytes, double *ret)
{
    if (!bytes.ptr || bytes.len != 8) return false;
    uint64_t bits = aq_be64_get(bytes.ptr);
    memcpy(ret, &bits, sizeof(bits));
    return true;
}

#ifdef __cplusplus
}
#endif

#endif
