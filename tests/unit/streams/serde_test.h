/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes for the serde tests: written as hexadecimal digits, kept in memory of exactly their length, so that the address
 * sanitizer sees a read behind the end.
 */
#ifndef AQ_TESTS_SERDE_TEST_H
#define AQ_TESTS_SERDE_TEST_H

#include "base/arena.h"
#include "base/err.h"

#include "tests/lib/check.h"

static struct aq_arena arena;

static int serde_setup(void **state)
{
    (void)state;
    aq_arena_init(&arena, 4096);
    return 0;
}

static int serde_teardown(void **state)
{
    (void)state;
    aq_arena_finish(&arena);
    return 0;
}

/* A copy with nothing readable behind it, at an odd address; drop() it. The byte in front is there so that the copy of
 * an empty slice is a place, too, and not null. */
__attribute__((unused)) static struct aq_slice exact(struct aq_slice bytes)
{
    char *block = t_alloc(1 + bytes.len);
    if (bytes.len > 0) memcpy(block + 1, bytes.ptr, bytes.len);
    return aq_slice_of(block + 1, bytes.len);
}

__attribute__((unused)) static void drop(struct aq_slice copy)
{
    if (copy.ptr) free((void *)(uintptr_t)(copy.ptr - 1));
}

static unsigned digit(char c)
{
    T_CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'), "'%c' is no digit", c);
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "61 0000" -> 3 bytes; spaces are for the reader. NULL is null. In the arena. */
__attribute__((unused)) static struct aq_slice unhex(const char *digits)
{
    if (!digits) return AQ_NULL_SLICE;
    char *bytes = aq_arena_alloc(&arena, strlen(digits) / 2 + 1);
    size_t n = 0;
    for (; *digits; digits++) {
        if (*digits == ' ') continue;
        bytes[n++] = (char)(unsigned char)(digit(digits[0]) << 4 | digit(digits[1]));
        digits++;
    }
    return aq_slice_of(bytes, n);
}

/* The other way, for messages. */
__attribute__((unused)) static const char *hex(struct aq_slice bytes)
{
    if (aq_slice_is_null(bytes)) return "null";
    char *digits = aq_arena_alloc(&arena, 2 * bytes.len + 1);
    digits[0] = '\0';
    for (size_t i = 0; i < bytes.len; i++) snprintf(digits + 2 * i, 3, "%02x", (unsigned char)bytes.ptr[i]);
    return digits;
}

__attribute__((unused)) static void expect_bytes(struct aq_slice bytes, const char *digits)
{
    T_CHECK(aq_slice_equal(bytes, unhex(digits)), "is %s, not %s", hex(bytes), digits ? digits : "null");
}

/* Within `outer`, or empty at one of its ends. */
__attribute__((unused)) static bool lies_in(struct aq_slice inner, struct aq_slice outer)
{
    return inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len;
}

__attribute__((unused)) static uint64_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Up to `most` random bytes in the arena. */
__attribute__((unused)) static struct aq_slice draw_bytes(uint64_t *random, size_t most)
{
    size_t length = (size_t)(draw(random) >> 8) % (most + 1);
    char *bytes = aq_arena_alloc(&arena, length);
    for (size_t i = 0; i < length; i++) bytes[i] = (char)(unsigned char)(draw(random) >> 24);
    return aq_slice_of(bytes, length);
}

#endif
