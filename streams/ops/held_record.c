/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as values of a store (streams/ops/held_record.h): pure functions over bytes.
 */
#include "streams/ops/held_record.h"

#include "base/assert.h"
#include "base/big_endian.h"

#define HAS_VALUE 1
#define HAS_OLD   2
#define OLD_KNOWN 4
#define NULL_LEN  UINT32_MAX
#define HEAD_LEN  (1 + 8 + 2)

struct st_held st_held_of(struct aq_record *rec)
{
    struct st_held kept = {.time_ms = rec->timestamp, .value = rec->value, .old = AQ_NULL_SLICE};
    kept.headers = aq_record_headers(rec, &kept.n_headers);
    return kept;
}

/* ---- making ------------------------------------------------------------------------------------------------------- */

static size_t encoded_len(const struct st_held *kept)
{
    size_t len = HEAD_LEN + kept->value.len;
    if (!aq_slice_is_null(kept->old)) len += 4 + kept->old.len;
    for (uint16_t i = 0; i < kept->n_headers; i++)
        len += 4 + kept->headers[i].name.len + 1 + 4 + kept->headers[i].value.len;
    return len;
}

static char *write_bytes(char *at, struct aq_slice bytes)
{
    if (bytes.len) memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

static char *write_header(char *at, const struct aq_header *header)
{
    AQ_ASSERT(!aq_slice_is_null(header->name) && header->name.len < NULL_LEN && header->value.len < NULL_LEN);
    aq_be32_put(at, (uint32_t)header->name.len);
    at = write_bytes(at + 4, header->name);
    *at++ = '\0';
    aq_be32_put(at, aq_slice_is_null(header->value) ? NULL_LEN : (uint32_t)header->value.len);
    return write_bytes(at + 4, header->value);
}

struct aq_slice st_held_encode(const struct st_held *kept, struct aq_arena *arena)
{
    size_t len = encoded_len(kept);
    char *bytes = aq_arena_alloc(arena, len), *at = bytes;
    bool value = !aq_slice_is_null(kept->value), old = !aq_slice_is_null(kept->old);
    AQ_ASSERT(!old || kept->old.len < NULL_LEN);
    *at++ = (char)((value ? HAS_VALUE : 0) | (old ? HAS_OLD : 0) | (kept->old_known ? OLD_KNOWN : 0));
    aq_be64_put(at, (uint64_t)kept->time_ms);
    at += 8;
    *at++ = (char)(kept->n_headers >> 8);
    *at++ = (char)(kept->n_headers & 0xff);
    for (uint16_t i = 0; i < kept->n_headers; i++) at = write_header(at, &kept->headers[i]);
    if (old) {
        aq_be32_put(at, (uint32_t)kept->old.len);
        at = write_bytes(at + 4, kept->old);
    }
    at = write_bytes(at, kept->value);
    AQ_ASSERT(at == bytes + len);
    return aq_slice_of(bytes, len);
}

/* ---- taking apart ------------------------------------------------------------------------------------------------- */

/* What was not read yet. */
struct rest {
    const char *at;
    size_t len;
};

static bool read_bytes(struct rest *rest, size_t len, struct aq_slice *ret)
{
    if (rest->len < len) return false;
    *ret = len ? aq_slice_of(rest->at, len) : AQ_LIT("");
    rest->at += len;
    rest->len -= len;
    return true;
}

static bool read_len(struct rest *rest, uint32_t *ret)
{
    struct aq_slice bytes;
    if (!read_bytes(rest, 4, &bytes)) return false;
    *ret = aq_be32_get(bytes.ptr);
    return true;
}

static bool read_header(struct rest *rest, struct aq_header *ret)
{
    uint32_t len;
    struct aq_slice zero;
    *ret = (struct aq_header){.value = AQ_NULL_SLICE};
    if (!read_len(rest, &len) || !read_bytes(rest, len, &ret->name)) return false;
    if (!read_bytes(rest, 1, &zero) || zero.ptr[0] != '\0' || !read_len(rest, &len)) return false;
    return len == NULL_LEN || read_bytes(rest, len, &ret->value);
}

static bool read_all(struct aq_slice bytes, struct aq_arena *arena, struct st_held *ret)
{
    if (bytes.len < HEAD_LEN) return false;
    const unsigned char *head = (const unsigned char *)bytes.ptr;
    struct rest rest = {bytes.ptr + HEAD_LEN, bytes.len - HEAD_LEN};
    uint32_t len;
    *ret = (struct st_held){.time_ms = (int64_t)aq_be64_get(bytes.ptr + 1),
                            .n_headers = (uint16_t)(head[9] << 8 | head[10]),
                            .value = AQ_NULL_SLICE,
                            .old = AQ_NULL_SLICE,
                            .old_known = (head[0] & OLD_KNOWN) != 0};
    if (ret->n_headers > 0) ret->headers = aq_arena_alloc(arena, ret->n_headers * sizeof(*ret->headers));
    for (uint16_t i = 0; i < ret->n_headers; i++)
        if (!read_header(&rest, &ret->headers[i])) return false;
    if ((head[0] & HAS_OLD) && (!read_len(&rest, &len) || !read_bytes(&rest, len, &ret->old))) return false;
    if (head[0] & HAS_VALUE) return read_bytes(&rest, rest.len, &ret->value);
    return rest.len == 0;
}

int st_held_decode(struct aq_slice bytes, struct aq_arena *arena, struct st_held *ret, struct aq_err *err)
{
    AQ_ASSERT(!aq_slice_is_null(bytes));
    if (read_all(bytes, arena, ret)) return 0;
    return aq_fail(err, AQ_E_CORRUPT, "a record held in a store has %zu bytes that do not add up", bytes.len);
}
