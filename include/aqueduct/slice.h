/* SPDX-License-Identifier: Apache-2.0
 *
 * A run of bytes that somebody else owns, and a record's header.
 *
 * Kafka tells null from empty, and so do we: ptr == NULL is Kafka's null (a tombstone, a header without a value),
 * ptr != NULL with len == 0 is an empty value. A slice does not own its bytes: whoever hands one out says how long they stay.
 *
 * Threads: nothing here has state.
 */
#ifndef AQUEDUCT_SLICE_H
#define AQUEDUCT_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What programs and plugins may call; everything else stays inside the library. */
#define AQ_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

struct aq_slice {
    const char *ptr;
    size_t len;
};

struct aq_header {
    struct aq_slice
        name; /* never null; a zero byte that is not counted follows when the engine hands it out */
    struct aq_slice value; /* null is legal */
};

static inline struct aq_slice aq_slice_of(const void *ptr, size_t len)
{
    struct aq_slice slice;
    slice.ptr = (const char *)ptr;
    slice.len = len;
    return slice;
}

static inline struct aq_slice aq_slice_null(void)
{
    return aq_slice_of(NULL, 0);
}

/* The bytes of a text without its terminating zero; the text NULL is null. */
static inline struct aq_slice aq_slice_str(const char *text)
{
    return aq_slice_of(text, text ? strlen(text) : 0);
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

#ifdef __cplusplus
}
#endif

#endif
