/* SPDX-License-Identifier: Apache-2.0
 *
 * top_n: the records whose `of` is largest, the largest first; of equals the earlier. What is kept of each is its `keep`.
 *
 * The accumulator has one entry for each place: rank and what is kept, both as JSON text with its length in front. A record that
 * is not among the largest is compared with the last place only, and the row stays as it is.
 */
#include "base/assert.h"
#include "base/big_endian.h"
#include "streams/ops/agg_parts.h"

struct entry {
    struct aq_slice rank;
    struct aq_slice kept;
    struct aq_slice bytes; /* all of it */
};

/* ---- entries ------------------------------------------------------------------------------------------------------ */

static bool take_text(struct aq_slice bytes, size_t *at, struct aq_slice *ret)
{
    if (bytes.len - *at < 4) return false;
    uint32_t len = aq_be32_get(bytes.ptr + *at);
    if (bytes.len - *at - 4 < len) return false;
    *ret = aq_slice_of(bytes.ptr + *at + 4, len);
    *at += 4 + (size_t)len;
    return true;
}

/* The entries of an accumulator, in the arena. */
static int read_entries(const struct st_agg *agg, struct aq_slice acc, struct aq_arena *arena,
                        struct entry **ret, size_t *ret_n, struct aq_err *err)
{
    size_t n = 0, cap = (size_t)agg->user->n, at = 0;
    struct entry *entries = aq_arena_alloc(arena, cap * sizeof(*entries));
    while (at < acc.len) {
        size_t from = at;
        struct entry *e = &entries[n];
        /* A smaller n than the row was made with cuts it. */
        if (n == cap) break;
        if (!take_text(acc, &at, &e->rank) || !take_text(acc, &at, &e->kept))
            return st_agg_foreign(agg, acc, err);
        e->bytes = aq_slice_of(acc.ptr + from, at - from);
        n++;
    }
    *ret = entries;
    *ret_n = n;
    return 0;
}

static void put_text(char **at, struct aq_slice text)
{
    aq_be32_put(*at, (uint32_t)text.len);
    if (text.len) memcpy(*at + 4, text.ptr, text.len);
    *at += 4 + text.len;
}

static struct entry make_entry(struct aq_slice rank, struct aq_slice kept, struct aq_arena *arena)
{
    AQ_ASSERT(rank.len <= UINT32_MAX && kept.len <= UINT32_MAX);
    size_t len = 8 + rank.len + kept.len;
    char *bytes = aq_arena_alloc(arena, len), *at = bytes;
    put_text(&at, rank);
    put_text(&at, kept);
    return (struct entry){.rank = rank, .kept = kept, .bytes = aq_slice_of(bytes, len)};
}

static struct aq_slice write_entries(const struct entry *entries, size_t n, struct aq_arena *arena)
{
    size_t len = 0, at = 0;
    for (size_t i = 0; i < n; i++) len += entries[i].bytes.len;
    char *bytes = aq_arena_alloc(arena, len);
    for (size_t i = 0; i < n; i++) {
        memcpy(bytes + at, entries[i].bytes.ptr, entries[i].bytes.len);
        at += entries[i].bytes.len;
    }
    return aq_slice_of(bytes, len);
}

static int read_rank(const struct st_agg *agg, const struct entry *entry, struct aq_arena *arena,
                     struct json_value *ret, struct aq_err *err)
{
    struct json_error error;
    int order;
    if (json_value_read(entry->rank, arena, ret, &error) == 0 && json_value_compare(ret, ret, &order))
        return 0;
    return st_agg_foreign(agg, entry->bytes, err);
}

/* ---- adding ------------------------------------------------------------------------------------------------------- */

/* How many of the entries are as large as the value or larger: its place. */
static int find_place(const struct st_agg *agg, const struct entry *entries, size_t n,
                      const struct json_value *value, struct aq_arena *arena, size_t *ret, struct aq_err *err)
{
    size_t place = n;
    while (place > 0) {
        struct json_value rank;
        int order;
        int rc = read_rank(agg, &entries[place - 1], arena, &rank, err);
        if (rc == 0) rc = st_agg_compare(agg, &rank, value, &order, err);
        if (rc < 0) return rc;
        if (order >= 0) break;
        place--;
    }
    *ret = place;
    return 0;
}

static int make_kept(struct st_agg *agg, struct aq_record *rec, struct aq_arena *arena, struct aq_slice *ret,
                     struct aq_err *err)
{
    struct json_value kept;
    int rc = st_operand_read(&agg->keep, rec, arena, &kept, err);
    if (rc == 0) rc = json_value_write(&kept, arena, ret, err);
    return rc < 0 ? aq_err_in(err, "%s", agg->name) : 0;
}

/* Puts a new entry at a place, and off goes the last one when there are n already. */
static void insert(struct entry *entries, size_t *n, size_t most, size_t place, struct entry entry)
{
    AQ_ASSERT(place <= *n && place < most);
    if (*n < most) ++*n;
    memmove(&entries[place + 1], &entries[place], (*n - 1 - place) * sizeof(*entries));
    entries[place] = entry;
}

static int add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
               struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct st_agg *agg = running;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct json_value value;
    struct entry *entries;
    struct aq_slice rank, kept;
    size_t n, place, most = (size_t)agg->user->n;
    int rc = st_agg_read(agg, rec, arena, acc, &value, ret, err);
    if (rc != 0) return st_agg_code(rc);
    rc = read_entries(agg, acc, arena, &entries, &n, err);
    if (rc == 0 && n == 0) rc = st_agg_check_order(agg, &value, err);
    if (rc == 0) rc = find_place(agg, entries, n, &value, arena, &place, err);
    if (rc < 0) return rc;
    *ret = acc;
    if (place == most) return 0;
    rc = json_value_write(&value, arena, &rank, err);
    if (rc < 0) return aq_err_in(err, "%s", agg->name);
    rc = make_kept(agg, rec, arena, &kept, err);
    if (rc < 0) return rc;
    insert(entries, &n, most, place, make_entry(rank, kept, arena));
    *ret = st_rooms_made(&agg->rooms, write_entries(entries, n, arena));
    return 0;
}

/* ---- merging, and the result -------------------------------------------------------------------------------------- */

/* The largest of both into `out`, those of a first among equals. */
static int unite(const struct st_agg *agg, const struct entry *a, size_t na, const struct entry *b, size_t nb,
                 struct entry *out, struct aq_arena *arena, size_t *ret_n, struct aq_err *err)
{
    size_t n = 0, i = 0, j = 0;
    while (n < (size_t)agg->user->n && (i < na || j < nb)) {
        struct json_value x, y;
        int order = i < na ? 1 : -1;
        int rc = 0;
        if (i < na && j < nb) {
            rc = read_rank(agg, &a[i], arena, &x, err);
            if (rc == 0) rc = read_rank(agg, &b[j], arena, &y, err);
            if (rc == 0) rc = st_agg_compare(agg, &x, &y, &order, err);
        }
        if (rc < 0) return rc;
        out[n++] = order >= 0 ? a[i++] : b[j++];
    }
    *ret_n = n;
    return 0;
}

static int merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                 struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    struct st_agg *agg = running;
    struct aq_arena *arena = st_rooms_next(&agg->rooms);
    struct entry *first, *second;
    struct entry *out = aq_arena_alloc(arena, (size_t)agg->user->n * sizeof(*out));
    size_t na, nb, n;
    int rc = read_entries(agg, a, arena, &first, &na, err);
    if (rc == 0) rc = read_entries(agg, b, arena, &second, &nb, err);
    if (rc == 0) rc = unite(agg, first, na, second, nb, out, arena, &n, err);
    if (rc == 0) *ret = st_rooms_made(&agg->rooms, write_entries(out, n, arena));
    return rc;
}

/* Makes no use of the arenas: the row may lie in either. */
static int result(struct st_context *context, void *running, struct aq_slice acc, struct aq_slice *ret,
                  struct aq_err *err)
{
    const struct st_agg *agg = running;
    char *bytes = aq_arena_reserve(st_arena(context), acc.len + 2), *end = bytes;
    size_t at = 0;
    *end++ = '[';
    for (int64_t i = 0; i < agg->user->n && at < acc.len; i++) {
        struct aq_slice rank, kept;
        if (!take_text(acc, &at, &rank) || !take_text(acc, &at, &kept)) {
            aq_arena_keep(st_arena(context), 0);
            return st_agg_foreign(agg, acc, err);
        }
        if (i > 0) *end++ = ',';
        if (kept.len) memcpy(end, kept.ptr, kept.len);
        end += kept.len;
    }
    *end++ = ']';
    size_t len = (size_t)(end - bytes);
    aq_arena_keep(st_arena(context), len);
    *ret = aq_slice_of(bytes, len);
    return 0;
}

static const struct st_aggregator_kind kind = {
    .name = "top_n",
    .start = st_agg_start,
    .stop = st_agg_stop,
    .add = add,
    .merge = merge,
    .result = result,
    .why_not = "it keeps the n largest only, and when one leaves it does not know what comes next"};

static const char *const as[] = {"json", NULL};

const struct st_function st_agg_top_n = {
    .name = "top_n",
    .summary = "A JSON array of the n records whose `of` is largest, the largest first.",
    .kind = &kind,
    .takes = ST_TAKES_OF | ST_TAKES_N | ST_TAKES_KEEP,
    .as = as};
