/* SPDX-License-Identifier: Apache-2.0
 *
 * Values with a time, as timestamped stores keep them: ms since 1970 in 8 bytes, big-endian, and the value behind it. It is the format
 * of Kafka Streams' ValueAndTimestampSerializer. In the changelog the time is the record's timestamp and the value stands alone.
 *
 * Ownership: what is taken apart points into the bytes; what is made lies in the arena.
 */
#ifndef AQ_STREAMS_STATE_STAMPED_H
#define AQ_STREAMS_STATE_STAMPED_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/big_endian.h"

#define ST_STAMP_LEN 8

/* Neither is null. */
static inline struct aq_slice st_stamped_make(int64_t time_ms, struct aq_slice value, struct aq_arena *arena)
{
    AQ_ASSERT(!aq_slice_is_null(value));
    char *bytes = aq_arena_alloc(arena, ST_STAMP_LEN + value.len);
    aq_be64_put(bytes, (uint64_t)time_ms);
    if (value.len) memcpy(bytes + ST_STAMP_LEN, value.ptr, value.len);
    return aq_slice_of(bytes, ST_STAMP_LEN + value.len);
}

static inline int64_t st_stamped_time(struct aq_slice stamped)
{
    AQ_ASSERT(stamped.len >= ST_STAMP_LEN);
    return (int64_t)aq_be64_get(stamped.ptr);
}

/* null stays null. */
static inline struct aq_slice st_stamped_value(struct aq_slice stamped)
{
    if (aq_slice_is_null(stamped)) return stamped;
    AQ_ASSERT(stamped.len >= ST_STAMP_LEN);
    return stamped.len == ST_STAMP_LEN ? AQ_LIT("")
                                       : aq_slice_of(stamped.ptr + ST_STAMP_LEN, stamped.len - ST_STAMP_LEN);
}

#endif
