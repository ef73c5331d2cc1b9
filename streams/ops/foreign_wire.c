/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two sides of a foreign key join send to each other (streams/ops/op_foreign.h): pure functions over bytes.
 */
#include <xxhash.h>

#include "base/assert.h"
#include "streams/ops/op_foreign.h"

#define VERSION          1
#define SUBSCRIPTION_LEN (3 + ST_ROW_HASH_LEN)
#define RESPONSE_LEN     (3 + ST_ROW_HASH_LEN)

struct st_row_hash st_row_hash_of(struct aq_slice value)
{
    struct st_row_hash hash = {.has = !aq_slice_is_null(value)};
    if (!hash.has) return hash;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(value.ptr, value.len));
    memcpy(hash.bytes, canonical.digest, ST_ROW_HASH_LEN);
    return hash;
}

bool st_row_hash_equal(const struct st_row_hash *a, const struct st_row_hash *b)
{
    return a->has == b->has && memcmp(a->bytes, b->bytes, ST_ROW_HASH_LEN) == 0;
}

static char *put_hash(char *at, const struct st_row_hash *hash)
{
    *at++ = hash->has;
    memcpy(at, hash->bytes, ST_ROW_HASH_LEN);
    return at + ST_ROW_HASH_LEN;
}

static bool get_hash(const char *at, struct st_row_hash *ret)
{
    ret->has = at[0] == 1;
    memcpy(ret->bytes, at + 1, ST_ROW_HASH_LEN);
    return at[0] == 0 || at[0] == 1;
}

static struct aq_slice behind(struct aq_slice bytes, size_t len)
{
    AQ_ASSERT(bytes.len >= len);
    return bytes.len == len ? AQ_LIT("") : aq_slice_of(bytes.ptr + len, bytes.len - len);
}

struct aq_slice st_subscription_encode(const struct st_subscription *s, struct aq_arena *arena)
{
    AQ_ASSERT(!aq_slice_is_null(s->primary_key));
    char *bytes = aq_arena_alloc(arena, SUBSCRIPTION_LEN + s->primary_key.len), *at = bytes;
    *at++ = VERSION;
    *at++ = (char)s->instruction;
    at = put_hash(at, &s->hash);
    if (s->primary_key.len) memcpy(at, s->primary_key.ptr, s->primary_key.len);
    return aq_slice_of(bytes, SUBSCRIPTION_LEN + s->primary_key.len);
}

int st_subscription_decode(struct aq_slice bytes, struct st_subscription *ret, struct aq_err *err)
{
    if (bytes.len < SUBSCRIPTION_LEN || bytes.ptr[0] != VERSION ||
        (unsigned char)bytes.ptr[1] > ST_PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE ||
        !get_hash(bytes.ptr + 2, &ret->hash))
        return aq_fail(err, AQ_E_BAD_RECORD, "these %zu bytes are no subscription of a foreign key join",
                       bytes.len);
    ret->instruction = (enum st_foreign_instruction)bytes.ptr[1];
    ret->primary_key = behind(bytes, SUBSCRIPTION_LEN);
    return 0;
}

struct aq_slice st_response_encode(const struct st_response *r, struct aq_arena *arena)
{
    char *bytes = aq_arena_alloc(arena, RESPONSE_LEN + r->value.len), *at = bytes;
    *at++ = VERSION;
    at = put_hash(at, &r->hash);
    *at++ = !aq_slice_is_null(r->value);
    if (r->value.len) memcpy(at, r->value.ptr, r->value.len);
    return aq_slice_of(bytes, RESPONSE_LEN + r->value.len);
}

int st_response_decode(struct aq_slice bytes, struct st_response *ret, struct aq_err *err)
{
    if (bytes.len < RESPONSE_LEN || bytes.ptr[0] != VERSION || !get_hash(bytes.ptr + 1, &ret->hash) ||
        (bytes.ptr[RESPONSE_LEN - 1] != 0 && bytes.ptr[RESPONSE_LEN - 1] != 1))
        return aq_fail(err, AQ_E_BAD_RECORD, "these %zu bytes are no response of a foreign key join",
                       bytes.len);
    ret->value = bytes.ptr[RESPONSE_LEN - 1] ? behind(bytes, RESPONSE_LEN) : AQ_NULL_SLICE;
    return 0;
}
