/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of hashes: exact as long as they say so, and then within the error that their registers promise.
 */
#include <math.h>

#include "streams/ops/distinct.h"
#include "tests/lib/check.h"

/* Steele's splitmix64: as good as a hash. */
static uint64_t hash_of(uint64_t i)
{
    uint64_t z = i * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A set that owns its bytes, so that the arena can be emptied. */
struct set {
    struct aq_slice bytes;
};

static void put(struct set *set, struct aq_slice bytes)
{
    if (bytes.ptr == set->bytes.ptr) return;
    char *copy = t_alloc(bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    free((char *)set->bytes.ptr);
    set->bytes = aq_slice_of(copy, bytes.len);
}

static void add(struct set *set, uint64_t from, uint64_t to, struct aq_arena *arena)
{
    for (uint64_t i = from; i < to; i++) {
        put(set, st_distinct_add(set->bytes, hash_of(i), arena));
        aq_arena_reset(arena);
    }
}

static void drop(struct set *set)
{
    free((char *)set->bytes.ptr);
    set->bytes = AQ_NULL_SLICE;
}

static void up_to_512_values_are_counted_exactly(void **state)
{
    (void)state;
    struct aq_arena arena;
    struct set set = {AQ_NULL_SLICE};
    aq_arena_init(&arena, 8192);
    for (uint64_t i = 0; i < ST_DISTINCT_EXACT; i++) {
        add(&set, i, i + 1, &arena);
        add(&set, i / 2, i / 2 + 1, &arena);
        T_CHECK(st_distinct_check(set.bytes) && st_distinct_is_exact(set.bytes), "%d", (int)i);
        T_CHECK(st_distinct_count(set.bytes) == (int64_t)i + 1, "%d", (int)st_distinct_count(set.bytes));
    }
    T_CHECK(set.bytes.len == 1 + 8 * ST_DISTINCT_EXACT, "%zu bytes", set.bytes.len);
    const char *before = set.bytes.ptr;
    add(&set, 0, ST_DISTINCT_EXACT, &arena);
    T_CHECK(set.bytes.ptr == before, "what is there already made another set");
    add(&set, ST_DISTINCT_EXACT, ST_DISTINCT_EXACT + 1, &arena);
    T_CHECK(!st_distinct_is_exact(set.bytes) && set.bytes.len == 4097, "%zu bytes", set.bytes.len);
    T_CHECK(llabs(st_distinct_count(set.bytes) - 513) < 26, "%d", (int)st_distinct_count(set.bytes));
    drop(&set);
    aq_arena_finish(&arena);
}

/* Of the estimates at n for many sets: how far they are from n on average, and how far their average is. */
static void measure(uint64_t n, uint64_t sets, double *ret_error, double *ret_bias, double *ret_worst)
{
    struct aq_arena arena;
    double squares = 0, sum = 0, worst = 0;
    aq_arena_init(&arena, 8192);
    for (uint64_t k = 0; k < sets; k++) {
        struct set set = {AQ_NULL_SLICE};
        add(&set, k << 32, (k << 32) + n, &arena);
        double off = (double)st_distinct_count(set.bytes) / (double)n - 1;
        squares += off * off;
        sum += off;
        if (fabs(off) > worst) worst = fabs(off);
        drop(&set);
    }
    *ret_error = sqrt(squares / (double)sets);
    *ret_bias = sum / (double)sets;
    *ret_worst = worst;
    aq_arena_finish(&arena);
}

static void beyond_that_the_error_is_the_promised_one(void **state)
{
    (void)state;
    static const struct {
        uint64_t n, sets;
    } cases[] = {{600, 40}, {2000, 40}, {8000, 40}, {12000, 40}, {30000, 20}, {100000, 12}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double error, bias, worst;
        measure(cases[i].n, cases[i].sets, &error, &bias, &worst);
        /* 1.04 / sqrt(4096) is 0.01625; so few sets stray around it. */
        T_CHECK(error < 0.0225, "%d values: a standard error of %g", (int)cases[i].n, error);
        T_CHECK(fabs(bias) < 0.01, "%d values: on average %g away", (int)cases[i].n, bias);
        T_CHECK(worst < 0.065, "%d values: %g away once", (int)cases[i].n, worst);
    }
}

static void a_union_counts_what_is_in_both_once(void **state)
{
    (void)state;
    static const uint64_t ends[][4] = {/* one set, the other */
                                       {0, 10, 5, 20},       {0, 512, 0, 512}, {0, 256, 256, 512},
                                       {0, 400, 300, 700},   {0, 5, 0, 3000},  {0, 3000, 2000, 2005},
                                       {0, 5000, 2500, 7500}};
    struct aq_arena arena;
    aq_arena_init(&arena, 8192);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        const uint64_t *e = ends[i];
        struct set a = {AQ_NULL_SLICE}, b = {AQ_NULL_SLICE}, all = {AQ_NULL_SLICE}, one = {AQ_NULL_SLICE};
        add(&a, e[0], e[1], &arena);
        add(&b, e[2], e[3], &arena);
        add(&all, e[0], e[1], &arena);
        add(&all, e[2], e[3], &arena);
        put(&one, st_distinct_merge(a.bytes, b.bytes, &arena));
        aq_arena_reset(&arena);
        T_CHECK(st_distinct_check(one.bytes), "no set");
        T_CHECK(aq_slice_equal(one.bytes, all.bytes), "the union of sets %zu is not the set of both", i);
        put(&one, st_distinct_merge(b.bytes, a.bytes, &arena));
        aq_arena_reset(&arena);
        T_CHECK(aq_slice_equal(one.bytes, all.bytes), "the order of sets %zu matters", i);
        drop(&a);
        drop(&b);
        drop(&all);
        drop(&one);
    }
    aq_arena_finish(&arena);
}

static void other_bytes_are_no_set(void **state)
{
    (void)state;
    static const struct aq_slice others[] = {AQ_LIT(""), AQ_LIT("\2"), AQ_LIT("\1"), AQ_LIT("\1abc"),
                                             AQ_LIT("\0abc")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        T_CHECK(!st_distinct_check(others[i]), "%zu", i);
    char *large = t_alloc(1 + 8 * (ST_DISTINCT_EXACT + 1));
    memset(large, 0, 1 + 8 * (ST_DISTINCT_EXACT + 1));
    T_CHECK(!st_distinct_check(aq_slice_of(large, 1 + 8 * (ST_DISTINCT_EXACT + 1))), "too many");
    /* Registers that no hash makes are counted all the same. */
    memset(large, 0xff, 4097);
    large[0] = 1;
    T_CHECK(st_distinct_count(aq_slice_of(large, 4097)) == INT64_MAX, "%lld",
            (long long)st_distinct_count(aq_slice_of(large, 4097)));
    free(large);
    T_CHECK(st_distinct_count(AQ_LIT("\0")) == 0, "an empty set has something");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(up_to_512_values_are_counted_exactly),
        cmocka_unit_test(beyond_that_the_error_is_the_promised_one),
        cmocka_unit_test(a_union_counts_what_is_in_both_once),
        cmocka_unit_test(other_bytes_are_no_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
