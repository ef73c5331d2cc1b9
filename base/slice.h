/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of bytes that somebody else owns.
 *
 * Kafka tells null from empty, and so do we: ptr == NULL is Kafka's null (a tombstone, a header without a value),
 * ptr != NULL with len == 0 is an empty value. A slice stays valid as long as the batch it came from.
 */
#ifndef AQ_BASE_SLICE_H
#define AQ_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct aq_slice {
    const char *ptr;
    size_t len;
};

#define AQ_NULL_SLICE ((struct aq_slice){NULL, 0})

/* Length without the terminating zero, at compile time: AQ_LIT("null"). */
#define AQ_LIT(text) ((struct aq_slice){"" text, sizeof(text) - 1})

static inline struct aq_slice aq_slice_of(const void *ptr, size_t len)
{
    return (struct aq_slice){(const char *)ptr, len};
}

static inline struct aq_slice aq_slice_str(const char *text)
{
    return (struct aq_slice){text, text ? strlen(text) : 0};
}

static inline bool aq_slice_is_null(struct aq_slice s)
{
    return s.ptr == NULL;
}

/* Null equals only null; empty equals only empty. */
static inline bool aq_slice_equal(struct aq_slice a, struct aq_slice b)
{
    if (a.len != b.len || (a.ptr == NULL) != (b.ptr == NULL)) return false;
    return a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0;
}

#endif
