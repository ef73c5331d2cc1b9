/* SPDX-License-Identifier: Apache-2.0
 *
 * count_distinct: how many different values. Two numbers are one value when they are worth the same (1, 1.0 and 1e0), two strings when
 * they have the same characters, two arrays or objects when they are written alike.
 *
 * The accumulator is a set of hashes (streams/ops/distinct.h): exact up to 512 values, an estimate beyond. Hashes are XXH3's with 64
 * bits, seeded by the type, so that 1 and "1" differ.
 */
#include <xxhash.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "streams/ops/agg_parts.h"
#include "streams/ops/distinct.h"

enum seed { SEED_OTHER, SEED_INTEGER, SEED_REAL, SEED_STRING };

static uint64_t hash_bytes(struct aq_slice bytes, enum seed seed)
{
    return XXH3_64bits_withSeed(bytes.ptr, bytes.len, seed);
}

static uint64_t hash_number(uint64_t bits, enum seed seed)
{
    char bytes[8];
    aq_be64_put(bytes, bits);
    return hash_bytes(aq_slice_of(bytes, sizeof(bytes)), seed);
}

static uint64_t hash_of(const struct json_value *value)
{
    int64_t integer;
    switch (value->type) {
    case JS_NUMBER:
        if (value->is_integer) return hash_number((uint64_t)value->integer, SEED_INTEGER);
        if (json_real_is_integer(value->real, &integer)) return hash_number((uint64_t)integer, SEED_INTEGER);
        return hash_number(st_agg_bits(st_double(value->real).number), SEED_REAL);
    case JS_STRING: return hash_bytes(value->string, SEED_STRING);
    case JS_FALSE: return hash_bytes(AQ_LIT("false"), SEED_OTHER);
    case JS_TRUE: return hash_bytes(AQ_LIT("true"), SEED_OTHER);
    default: return hash_bytes(value->text, SEED_OTHER);
    }
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct st_agg *agg = running;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct json_value value;
    if (!aq_slice_is_null(acc) && !st_distinct_check(acc)) return st_agg_foreign(agg, acc, err);
    int rc = st_agg_read(agg, rec, arena, acc, &value, ret, err);
    if (rc != 0) return st_agg_code(rc);
    *ret = st_distinct_add(acc, hash_of(&value), arena);
    if (ret->ptr != acc.ptr) st_rooms_made(&agg->rooms, *ret);
    return 0;
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    struct st_agg *agg = running;
    if (!st_distinct_check(a)) return st_agg_foreign(agg, a, err);
    if (!st_distinct_check(b)) return st_agg_foreign(agg, b, err);
    *ret = st_rooms_made(&agg->rooms, st_distinct_merge(a, b, st_rooms_next(&agg->rooms)));
    return 0;
}

static int result(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                  struct aq_err *err)
{
    if (!st_distinct_check(acc)) return st_agg_foreign(running, acc, err);
    char *at = aq_arena_alloc(st_arena(context), 8);
    aq_be64_put(at, (uint64_t)st_distinct_count(acc));
    *ret = aq_slice_of(at, 8);
    return 0;
}

static const struct st_aggregator_kind kind = {
    .name = "count_distinct",
    .start = st_agg_start,
    .stop = st_agg_stop,
    .add = add,
    .merge = merge,
    .result = result,
    .why_not = "it does not know how many rows had a value, and so not when the last of them leaves"};

static const char *const as[] = {"int64", NULL};

const struct st_function st_agg_count_distinct = {
    .name = "count_distinct",
    .summary = "How many different values: exactly up to 512, beyond with a standard error of 1.6 %.",
    .kind = &kind,
    .takes = ST_TAKES_OF,
    .as = as};
