/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of hashes (streams/ops/distinct.h).
 *
 * An ordinary pass: a hash is looked for among the ascending ones; one that is there changes nothing, a new one is put in its place. The
 * hash that is one too many turns the set into registers: of each hash the upper 12 bits choose a register, which keeps the
 * largest rank seen there, the rank being where the lower 52 bits have their first one. From then on a hash changes a register seldom, and
 * the set is copied only when it does.
 *
 * Invariants: a set that is exact has at most ST_DISTINCT_EXACT hashes; registers of a union are the larger ones of the two, so that
 * neither order nor repetition matters.
 */
#include "streams/ops/distinct.h"

#include <limits.h>
#include <math.h>

#include "base/assert.h"
#include "base/big_endian.h"

enum { EXACT = 0, SKETCH = 1 };

#define INDEX_BITS 12
#define REGISTERS  (1u << INDEX_BITS)
#define RANK_MAX   (64 - INDEX_BITS + 1) /* of a hash whose lower bits are all zero */

static bool is_sketch(struct aq_slice set)
{
    return set.len > 0 && set.ptr[0] == SKETCH;
}

static size_t exact_count(struct aq_slice set)
{
    return set.len > 0 ? (set.len - 1) / 8 : 0;
}

static uint64_t hash_at(struct aq_slice set, size_t i)
{
    return aq_be64_get(set.ptr + 1 + i * 8);
}

bool st_distinct_check(struct aq_slice set)
{
    if (set.len == 0) return false;
    if (set.ptr[0] == EXACT) return set.len % 8 == 1 && exact_count(set) <= ST_DISTINCT_EXACT;
    return set.ptr[0] == SKETCH && set.len == 1 + REGISTERS;
}

bool st_distinct_is_exact(struct aq_slice set)
{
    return !is_sketch(set);
}

/* ---- registers ---------------------------------------------------------------------------------------------------- */

static size_t register_of(uint64_t hash)
{
    return (size_t)(hash >> (64 - INDEX_BITS));
}

static unsigned char rank_of(uint64_t hash)
{
    uint64_t lower = hash << INDEX_BITS;
    return lower ? (unsigned char)(__builtin_clzll(lower) + 1) : RANK_MAX;
}

static void enter(char *registers, uint64_t hash)
{
    unsigned char rank = rank_of(hash);
    char *at = &registers[register_of(hash)];
    if (rank > (unsigned char)*at) *at = (char)rank;
}

static void enter_all(char *registers, struct aq_slice set)
{
    if (is_sketch(set)) {
        for (size_t i = 0; i < REGISTERS; i++) {
            if ((unsigned char)set.ptr[1 + i] > (unsigned char)registers[i]) registers[i] = set.ptr[1 + i];
        }
        return;
    }
    for (size_t i = 0, n = exact_count(set); i < n; i++) enter(registers, hash_at(set, i));
}

/* A sketch with the set in it; the registers begin behind its first byte. */
static struct aq_slice sketch_of(struct aq_slice set, struct aq_arena *arena)
{
    char *bytes = aq_arena_zalloc(arena, 1 + REGISTERS);
    bytes[0] = SKETCH;
    enter_all(bytes + 1, set);
    return aq_slice_of(bytes, 1 + REGISTERS);
}

/* ---- hashes ------------------------------------------------------------------------------------------------------- */

/* Where it is, or where it would go. */
static size_t find(struct aq_slice set, uint64_t hash)
{
    size_t from = 0, to = exact_count(set);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (hash_at(set, middle) < hash)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct aq_slice insert(struct aq_slice set, size_t at, uint64_t hash, struct aq_arena *arena)
{
    size_t n = exact_count(set), before = 1 + at * 8;
    char *bytes = aq_arena_alloc(arena, 1 + (n + 1) * 8);
    bytes[0] = EXACT;
    if (at > 0) memcpy(bytes + 1, set.ptr + 1, at * 8);
    aq_be64_put(bytes + before, hash);
    if (at < n) memcpy(bytes + before + 8, set.ptr + before, (n - at) * 8);
    return aq_slice_of(bytes, 1 + (n + 1) * 8);
}

struct aq_slice st_distinct_add(struct aq_slice set, uint64_t hash, struct aq_arena *arena)
{
    if (is_sketch(set)) {
        if ((unsigned char)set.ptr[1 + register_of(hash)] >= rank_of(hash)) return set;
    } else {
        size_t n = exact_count(set), at = find(set, hash);
        if (at < n && hash_at(set, at) == hash) return set;
        if (n < ST_DISTINCT_EXACT) return insert(set, at, hash, arena);
    }
    struct aq_slice sketch = sketch_of(set, arena);
    enter((char *)sketch.ptr + 1, hash);
    return sketch;
}

/* Both ascending; room for all of them. Returns how many there are. */
static size_t unite(struct aq_slice a, struct aq_slice b, char *out)
{
    size_t i = 0, j = 0, n = 0, na = exact_count(a), nb = exact_count(b);
    while (i < na || j < nb) {
        uint64_t x = i < na ? hash_at(a, i) : UINT64_MAX, y = j < nb ? hash_at(b, j) : UINT64_MAX;
        bool from_a = i < na && (j == nb || x <= y), from_b = j < nb && (i == na || y <= x);
        aq_be64_put(out + 8 * n++, from_a ? x : y);
        i += from_a;
        j += from_b;
    }
    return n;
}

struct aq_slice st_distinct_merge(struct aq_slice a, struct aq_slice b, struct aq_arena *arena)
{
    AQ_ASSERT(!aq_slice_is_null(a) && !aq_slice_is_null(b));
    if (!is_sketch(a) && !is_sketch(b)) {
        char *bytes = aq_arena_alloc(arena, 1 + (exact_count(a) + exact_count(b)) * 8);
        bytes[0] = EXACT;
        size_t n = unite(a, b, bytes + 1);
        if (n <= ST_DISTINCT_EXACT) return aq_slice_of(bytes, 1 + n * 8);
    }
    struct aq_slice sketch = sketch_of(a, arena);
    enter_all((char *)sketch.ptr + 1, b);
    return sketch;
}

/* ---- counting ----------------------------------------------------------------------------------------------------- */

/* The two series of Ertl's estimator, for the registers that are empty and those that are full. */
static double sigma(double x)
{
    double power = 1, sum = x, before;
    if (x == 1) return INFINITY;
    do {
        x *= x;
        before = sum;
        sum += x * power;
        power += power;
    } while (sum != before);
    return sum;
}

static double tau(double x)
{
    double power = 1, sum = 1 - x, before;
    if (x == 0 || x == 1) return 0;
    do {
        x = sqrt(x);
        before = sum;
        power *= 0.5;
        sum -= (1 - x) * (1 - x) * power;
    } while (sum != before);
    return sum / 3;
}

static int64_t estimate(struct aq_slice set)
{
    uint32_t counts[UCHAR_MAX + 1] = {0};
    double m = REGISTERS;
    for (size_t i = 0; i < REGISTERS; i++) counts[(unsigned char)set.ptr[1 + i]]++;
    double z = m * tau(1 - counts[RANK_MAX] / m);
    for (int rank = RANK_MAX - 1; rank >= 1; rank--) z = 0.5 * (z + counts[rank]);
    z += m * sigma(counts[0] / m);
    double n = m * m / (2 * M_LN2 * z);
    return n < 0x1p62 ? llround(n) : INT64_MAX; /* registers that no number of hashes fills */
}

int64_t st_distinct_count(struct aq_slice set)
{
    return is_sketch(set) ? estimate(set) : (int64_t)exact_count(set);
}
