/* SPDX-License-Identifier: Apache-2.0
 *
 * Windowed keys (streams/serde/windowed_key.h): pure functions over bytes.
 *
 * An ordinary pass: the length of the tail follows from the form; what is in front of it is the inner key, of any length
 * and any bytes. A failing pass: fewer bytes than the tail has, or times that no window has, are refused before
 * anything is handed out; *ret is then untouched.
 *
 * Invariant: decode(encode(k)) is k, and encode(decode(b)) is b for every b that decode accepts.
 */
#include "streams/serde/windowed_key.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/hash.h"

#define TIME_BYTES     8
#define SEQUENCE_BYTES 4

size_t st_windowed_key_tail(enum st_key_form form)
{
    switch (form) {
    case ST_KEY_TIME: return TIME_BYTES;
    case ST_KEY_SESSION: return TIME_BYTES + TIME_BYTES;
    case ST_KEY_STORE: return TIME_BYTES + SEQUENCE_BYTES;
    }
    AQ_ASSERT(!"a form of windowed keys");
    return 0;
}

/* NULL when such a window can be; else what is wrong with it. */
static const char *fault_of(enum st_key_form form, const struct st_windowed_key *key)
{
    if (key->start < 0) return "its window starts before 1970";
    if (form == ST_KEY_SESSION && key->end < key->start) return "its session ends before it starts";
    if (form == ST_KEY_STORE && key->sequence < 0) return "its sequence is negative";
    return NULL;
}

struct aq_slice st_windowed_key_encode(enum st_key_form form, const struct st_windowed_key *key,
                                       struct aq_arena *arena)
{
    AQ_ASSERT(key && key->key.ptr && arena);
    AQ_ASSERT(!fault_of(form, key));
    size_t length = key->key.len + st_windowed_key_tail(form);
    char *bytes = aq_arena_alloc(arena, length);
    memcpy(bytes, key->key.ptr, key->key.len);
    char *at = bytes + key->key.len;
    if (form == ST_KEY_SESSION) {
        aq_be64_put(at, (uint64_t)key->end);
        at += TIME_BYTES;
    }
    aq_be64_put(at, (uint64_t)key->start);
    if (form == ST_KEY_STORE) aq_be32_put(at + TIME_BYTES, (uint32_t)key->sequence);
    return aq_slice_of(bytes, length);
}

int st_windowed_key_decode(enum st_key_form form, struct aq_slice bytes, struct st_windowed_key *ret,
                           struct aq_err *err)
{
    AQ_ASSERT(ret);
    size_t tail = st_windowed_key_tail(form);
    if (aq_slice_is_null(bytes)) return aq_fail(err, AQ_E_BAD_RECORD, "a windowed key cannot be null");
    if (bytes.len < tail)
        return aq_fail(err, AQ_E_BAD_RECORD, "a windowed key of %zu bytes, where the window alone takes %zu",
                       bytes.len, tail);
    const char *at = bytes.ptr + (bytes.len - tail);
    struct st_windowed_key key = {.key = aq_slice_of(bytes.ptr, bytes.len - tail)};
    if (form == ST_KEY_SESSION) {
        key.end = (int64_t)aq_be64_get(at);
        at += TIME_BYTES;
    }
    key.start = (int64_t)aq_be64_get(at);
    if (form == ST_KEY_STORE) key.sequence = (int32_t)aq_be32_get(at + TIME_BYTES);
    const char *fault = fault_of(form, &key);
    if (fault)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "not a windowed key: %s (start %" PRId64 ", end %" PRId64 ", sequence %" PRId32 ")",
                       fault, key.start, key.end, key.sequence);
    *ret = key;
    return 0;
}

int32_t st_windowed_key_partition(const struct st_windowed_key *key, int32_t partitions)
{
    AQ_ASSERT(key && key->key.ptr && partitions > 0);
    return aq_partition_for_key(key->key, partitions);
}

int64_t st_window_end(int64_t start, int64_t size)
{
    AQ_ASSERT(start >= 0 && size > 0);
    return start > INT64_MAX - size ? INT64_MAX : start + size;
}
