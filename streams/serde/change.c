/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of a table's repartition topic (streams/serde/change.h): pure functions over bytes.
 *
 * An ordinary pass of decoding works from the end to the front: the flag is taken off, then the byte for "latest" where
 * the flag announces one; what is left is one value, or a length and two. A failing pass: whatever is missing or cannot
 * be is refused with the reason; *ret is then untouched.
 *
 * Invariants: what is decoded lies within the bytes; decode(encode(c)) is c.
 */
#include "streams/serde/change.h"

#include "base/assert.h"

/* The last byte of a value. With FLAG_LATEST added, the byte in front of it is part of the frame too. */
enum flag { FLAG_OLD = 0, FLAG_NEW = 1, FLAG_BOTH = 2, FLAG_LATEST = 3, FLAG_MAX = FLAG_BOTH + FLAG_LATEST };

/* Bytes of 7 bits that a varint of 32 has at most, and what the last of them may hold. */
#define VARINT_BYTES 5
#define VARINT_LAST  0x0f

/* ---- the length --------------------------------------------------------------------------------------------------- */

/* Zigzag puts the sign into the lowest bit; of a length it is 0. Returns how many bytes it took. */
static size_t put_length(char at[VARINT_BYTES], size_t length)
{
    AQ_ASSERT(length <= INT32_MAX);
    uint32_t rest = (uint32_t)length << 1;
    size_t n = 0;
    for (; rest >= 0x80; rest >>= 7) at[n++] = (char)(unsigned char)(rest | 0x80);
    at[n++] = (char)rest;
    AQ_ASSERT(n <= VARINT_BYTES);
    return n;
}

/* Returns how many bytes it took; 0 when there is no length: it does not end, has too many bits, or is negative. */
static size_t get_length(struct aq_slice bytes, size_t *ret_length)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < VARINT_BYTES && i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        if (i == VARINT_BYTES - 1 && byte > VARINT_LAST) return 0;
        bits |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        *ret_length = bits >> 1;
        return bits & 1 ? 0 : i + 1;
    }
    return 0;
}

/* ---- encoding ----------------------------------------------------------------------------------------------------- */

static char *append(char *at, struct aq_slice bytes)
{
    if (bytes.len > 0) memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

int st_change_encode(const struct st_change *change, struct aq_arena *arena, struct aq_slice *ret,
                     struct aq_err *err)
{
    AQ_ASSERT(change && arena && ret);
    bool has_new = !aq_slice_is_null(change->new_value), has_old = !aq_slice_is_null(change->old_value);
    if (!has_new && !has_old)
        return aq_fail(err, AQ_E_BAD_RECORD, "a change of a table has neither an old nor a new value");
    if (change->new_value.len > INT32_MAX)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "the new value of a change has %zu bytes, and 2 GiB are too many",
                       change->new_value.len);
    char length[VARINT_BYTES];
    size_t length_bytes = has_new && has_old ? put_length(length, change->new_value.len) : 0;
    size_t total = length_bytes + change->new_value.len + change->old_value.len + 1;
    char *bytes = aq_arena_alloc(arena, total);
    char *at = append(bytes, aq_slice_of(length, length_bytes));
    at = append(at, change->new_value);
    at = append(at, change->old_value);
    *at = has_new && has_old ? FLAG_BOTH : has_new ? FLAG_NEW : FLAG_OLD;
    AQ_ASSERT(at + 1 == bytes + total);
    *ret = aq_slice_of(bytes, total);
    return 0;
}

/* ---- decoding ----------------------------------------------------------------------------------------------------- */

static int read_both(struct aq_slice body, struct st_change *change, struct aq_err *err)
{
    size_t length = 0;
    size_t taken = get_length(body, &length);
    if (taken == 0)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "not a change of a table: the length of its new value cannot be read");
    size_t left = body.len - taken;
    if (length > left)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "not a change of a table: its new value has %zu bytes, of which %zu are there", length,
                       left);
    change->new_value = aq_slice_of(body.ptr + taken, length);
    change->old_value = aq_slice_of(body.ptr + taken + length, left - length);
    return 0;
}

/* Takes the byte that says whether the change was the latest off the end of the body. */
static int read_latest(struct aq_slice *body, struct st_change *change, struct aq_err *err)
{
    if (body->len == 0)
        return aq_fail(err, AQ_E_BAD_RECORD, "not a change of a table: nothing in front of its flag");
    unsigned char latest = (unsigned char)body->ptr[--body->len];
    if (latest > 1)
        return aq_fail(err, AQ_E_BAD_RECORD, "not a change of a table: %d is neither latest (1) nor not (0)",
                       latest);
    change->is_latest = latest == 1;
    return 0;
}

int st_change_decode(struct aq_slice bytes, struct st_change *ret, struct aq_err *err)
{
    AQ_ASSERT(ret);
    if (bytes.len == 0)
        return aq_fail(err, AQ_E_BAD_RECORD, "not a change of a table: %s",
                       aq_slice_is_null(bytes) ? "null" : "no bytes");
    unsigned char flag = (unsigned char)bytes.ptr[bytes.len - 1];
    if (flag > FLAG_MAX)
        return aq_fail(err, AQ_E_BAD_RECORD, "not a change of a table: unknown flag %d", flag);
    struct st_change change = {.is_latest = true};
    struct aq_slice body = aq_slice_of(bytes.ptr, bytes.len - 1);
    int rc = flag >= FLAG_LATEST ? read_latest(&body, &change, err) : 0;
    if (rc < 0) return rc;
    switch (flag % FLAG_LATEST) {
    case FLAG_OLD: change.old_value = body; break;
    case FLAG_NEW: change.new_value = body; break;
    default: rc = read_both(body, &change, err);
    }
    if (rc == 0) *ret = change;
    return rc;
}
