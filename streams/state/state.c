/* SPDX-License-Identifier: Apache-2.0
 *
 * One store of one task (streams/state/state.h).
 *
 * An ordinary pass: a key is looked for in the table; what the table does not know is read from the family and learnt, absence
 * included. A bucket that is scanned is learnt as a whole the first time, if it is small: most are (the windows of one key, the sessions
 * of one user), and the next scan needs no database. Changes stay in the table until their cycle is committed.
 *
 * Large buckets, and ranges over all keys, are read by a cursor of the family and the table together: the table's entries replace, add
 * to and delete from what the cursor shows. For a range only changes that are not in the family matter, so only those are sorted.
 *
 * A failing pass: the database cannot be read: the call ends with its error, nothing was learnt that is not so.
 *
 * Invariants: what the table does not know is in the family as it is; a bucket that the table knows as a whole is never looked for
 * in the family.
 */
#include "streams/state/state.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/serde/serde.h"

#define LEARN_MOST 64    /* entries of a bucket that is learnt as a whole */
#define BULK_ROWS  32768 /* sorted at once */

/* ---- life --------------------------------------------------------------------------------------------------------- */

int st_state_open(struct st_state *state, const struct st_state_conf *conf, struct aq_err *err)
{
    AQ_ASSERT(conf->kind && conf->db && conf->family && conf->rest_len >= ST_REST_VARIES);
    *state = (struct st_state){.conf = *conf};
    int rc = conf->kind->family_open(conf->db, conf->family, &state->family, err);
    if (rc != 0) return rc;
    st_table_init(&state->table);
    return 0;
}

void st_state_close(struct st_state *state)
{
    if (!state->family) return;
    st_table_finish(&state->table);
    state->conf.kind->family_close(state->family);
    free(state->key);
    *state = (struct st_state){0};
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static size_t front_len(const struct st_state *state)
{
    return state->conf.rest_len == ST_REST_VARIES ? sizeof(uint32_t) : 0;
}

struct aq_slice st_state_key(struct st_state *state, struct aq_slice bucket, struct aq_slice rest)
{
    size_t front = front_len(state), len = front + bucket.len + rest.len;
    AQ_ASSERT(state->conf.rest_len == ST_REST_VARIES || rest.len <= (size_t)state->conf.rest_len);
    if (len > state->key_cap) {
        state->key_cap = len * 2;
        state->key = aq_realloc(state->key, state->key_cap);
    }
    if (front) aq_be32_put(state->key, (uint32_t)bucket.len);
    if (bucket.len) memcpy(state->key + front, bucket.ptr, bucket.len);
    if (rest.len) memcpy(state->key + front + bucket.len, rest.ptr, rest.len);
    return len ? aq_slice_of(state->key, len) : AQ_LIT("");
}

bool st_state_split(const struct st_state *state, struct aq_slice key, struct aq_slice *ret_bucket,
                    struct aq_slice *ret_rest)
{
    size_t front = front_len(state), bucket_len;
    if (key.len < front) return false;
    if (front)
        bucket_len = aq_be32_get(key.ptr);
    else if (key.len < (size_t)state->conf.rest_len)
        return false;
    else
        bucket_len = key.len - (size_t)state->conf.rest_len;
    if (bucket_len > key.len - front) return false;
    *ret_bucket = bucket_len ? aq_slice_of(key.ptr + front, bucket_len) : AQ_LIT("");
    size_t rest_len = key.len - front - bucket_len;
    *ret_rest = rest_len ? aq_slice_of(key.ptr + front + bucket_len, rest_len) : AQ_LIT("");
    return true;
}

static bool is_inside(const struct st_state_range *range, struct aq_slice key)
{
    if (!aq_slice_is_null(range->from) && st_key_compare(key, range->from) < 0) return false;
    return aq_slice_is_null(range->to) || st_key_compare(key, range->to) <= 0;
}

/* ---- one key ------------------------------------------------------------------------------------------------------ */

int st_state_get(struct st_state *state, struct aq_slice bucket, struct aq_slice rest, struct aq_slice *ret,
                 struct aq_err *err)
{
    if (st_table_get(&state->table, bucket, rest, ret)) {
        state->hits++;
        return 0;
    }
    struct aq_slice value;
    state->misses++;
    int rc = state->conf.kind->get(state->family, st_state_key(state, bucket, rest), &value, err);
    if (rc != 0) return rc;
    st_table_learn(&state->table, bucket, rest, value);
    bool known = st_table_get(&state->table, bucket, rest, ret);
    AQ_ASSERT(known);
    return 0;
}

int st_state_get_unchanged(struct st_state *state, struct aq_slice bucket, struct aq_slice rest,
                           struct aq_slice *ret, struct aq_err *err)
{
    AQ_ASSERT(state && ret && !aq_slice_is_null(bucket));
    return state->conf.kind->get(state->family, st_state_key(state, bucket, rest), ret, err);
}

void st_state_put(struct st_state *state, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value)
{
    AQ_ASSERT(state->conf.rest_len == ST_REST_VARIES || rest.len == (size_t)state->conf.rest_len);
    st_table_put(&state->table, bucket, rest, value);
}

/* ---- a cursor and the table together ------------------------------------------------------------------------------ */

/* What the table has to say to a scan: entries in the order of their keys, those that are deleted included. */
struct overlay {
    const struct st_entry **list;
    size_t n, cap;
    struct aq_slice *keys; /* of each, as the family would have them */
    struct aq_arena arena;
};

struct scan {
    struct st_state *state;
    struct st_state_range range;   /* of whole keys */
    const struct aq_slice *bucket; /* only entries of this one; NULL: all */
    st_state_each *each;
    void *ctx;
    struct overlay overlay;
};

static void add_to_overlay(struct scan *scan, const struct st_entry *entry)
{
    struct overlay *o = &scan->overlay;
    struct aq_slice key = st_state_key(scan->state, st_entry_key(entry), st_entry_rest(entry));
    if (!is_inside(&scan->range, key)) return;
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 64;
        o->list = aq_realloc(o->list, o->cap * sizeof(const struct st_entry *));
        o->keys = aq_realloc(o->keys, o->cap * sizeof(*o->keys));
    }
    o->keys[o->n] = aq_arena_copy(&o->arena, key);
    o->list[o->n++] = entry;
}

static void overlay_bucket(struct scan *scan)
{
    uint32_t n;
    bool whole;
    struct st_entry **entries = st_table_bucket(&scan->state->table, *scan->bucket, &n, &whole);
    for (uint32_t i = 0; i < n; i++) add_to_overlay(scan, entries[i]);
}

static void overlay_changes(struct scan *scan)
{
    const struct st_table *table = &scan->state->table;
    const struct st_changes *open = st_table_changes(table);
    for (uint32_t i = 0; i < open->n; i++) add_to_overlay(scan, st_change_at(open, i)->entry);
    if (!table->sealed) return;
    const struct st_changes *sealed = st_table_sealed(table);
    for (uint32_t i = 0; i < sealed->n; i++)
        if (st_change_at(sealed, i)->entry->change < 0) add_to_overlay(scan, st_change_at(sealed, i)->entry);
}

static int by_key(const void *a, const void *b, void *ctx)
{
    const struct overlay *o = ctx;
    return st_key_compare(o->keys[*(const uint32_t *)a], o->keys[*(const uint32_t *)b]);
}

static uint32_t *sort_overlay(struct overlay *o)
{
    uint32_t *order = aq_arena_alloc(&o->arena, o->n * sizeof(*order));
    for (uint32_t i = 0; i < o->n; i++) order[i] = i;
    if (o->n > 1) qsort_r(order, o->n, sizeof(*order), by_key, o);
    return order;
}

static int give(struct scan *scan, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                struct aq_err *err)
{
    if (scan->bucket && !aq_slice_equal(bucket, *scan->bucket)) return 0;
    return scan->each(scan->ctx, bucket, rest, value, err);
}

static int give_entry(struct scan *scan, const struct st_entry *entry, struct aq_err *err)
{
    if (!entry->present) return 0;
    return give(scan, st_entry_key(entry), st_entry_rest(entry), st_entry_value(entry), err);
}

static int give_stored(struct scan *scan, struct aq_slice key, struct aq_slice value, struct aq_err *err)
{
    struct aq_slice bucket, rest;
    return st_state_split(scan->state, key, &bucket, &rest) ? give(scan, bucket, rest, value, err) : 0;
}

static void begin_cursor(const struct scan *scan, struct st_cursor *cursor)
{
    const struct st_db_kind *kind = scan->state->conf.kind;
    const struct st_state_range *range = &scan->range;
    if (!range->backwards) {
        kind->seek(cursor, range->from);
        return;
    }
    struct aq_slice key, ignored;
    if (!aq_slice_is_null(range->to)) {
        kind->seek(cursor, range->to);
        if (kind->at(cursor, &key, &ignored) && aq_slice_equal(key, range->to)) return;
    }
    kind->seek_before(cursor, range->to);
}

/* Both in one order; where both have a key the table is right. */
static int merge(struct scan *scan, struct st_cursor *cursor, struct aq_err *err)
{
    const struct st_db_kind *kind = scan->state->conf.kind;
    const struct overlay *o = &scan->overlay;
    const uint32_t *order = sort_overlay(&scan->overlay);
    bool backwards = scan->range.backwards;
    size_t next = 0;
    int rc = 0;
    while (rc == 0) {
        struct aq_slice key, value;
        bool stored = kind->at(cursor, &key, &value) && is_inside(&scan->range, key);
        bool changed = next < o->n;
        if (!stored && !changed) break;
        uint32_t at = changed ? order[backwards ? o->n - 1 - next : next] : 0;
        int sign = !changed ? -1 : !stored ? 1 : st_key_compare(key, o->keys[at]);
        if (backwards && stored && changed) sign = -sign;
        if (sign >= 0) {
            rc = give_entry(scan, o->list[at], err);
            next++;
        } else {
            rc = give_stored(scan, key, value, err);
        }
        if (sign <= 0) (backwards ? kind->prev : kind->next)(cursor);
    }
    return rc == 0 ? kind->cursor_error(cursor, err) : rc;
}

static int run_scan(struct scan *scan, struct aq_err *err)
{
    const struct st_db_kind *kind = scan->state->conf.kind;
    struct overlay *o = &scan->overlay;
    aq_arena_init(&o->arena, 4096);
    if (scan->bucket)
        overlay_bucket(scan);
    else
        overlay_changes(scan);
    struct st_cursor *cursor = kind->cursor(scan->state->family);
    begin_cursor(scan, cursor);
    int rc = merge(scan, cursor, err);
    kind->cursor_close(cursor);
    aq_arena_finish(&o->arena);
    free(o->list);
    free(o->keys);
    return rc < 0 ? rc : 0;
}

int st_state_all(struct st_state *state, const struct st_state_range *keys, st_state_each *each, void *ctx,
                 struct aq_err *err)
{
    struct scan scan = {.state = state, .range = *keys, .each = each, .ctx = ctx};
    return run_scan(&scan, err);
}

/* ---- a bucket ----------------------------------------------------------------------------------------------------- */

/* Reads the bucket's entries that the table does not know into it, if they are few. 1: it knows all of them now. */
static int learn_bucket(struct st_state *state, struct aq_slice bucket, struct aq_err *err)
{
    const struct st_db_kind *kind = state->conf.kind;
    struct aq_slice key, value, found, rest, known;
    struct aq_arena arena;
    aq_arena_init(&arena, 256);
    struct aq_slice prefix = aq_arena_copy(&arena, st_state_key(state, bucket, AQ_NULL_SLICE));
    struct st_cursor *cursor = kind->cursor(state->family);
    int seen = 0;
    bool whole = true;
    for (kind->seek(cursor, prefix); kind->at(cursor, &key, &value); kind->next(cursor)) {
        if (key.len < prefix.len || memcmp(key.ptr, prefix.ptr, prefix.len) != 0) break;
        /* Keys of longer buckets lie between; too many of them, and it is not worth it either. */
        whole = ++seen <= LEARN_MOST;
        if (!whole) break;
        if (!st_state_split(state, key, &found, &rest) || !aq_slice_equal(found, bucket)) continue;
        if (!st_table_get(&state->table, bucket, rest, &known))
            st_table_learn(&state->table, bucket, rest, value);
    }
    int rc = kind->cursor_error(cursor, err);
    kind->cursor_close(cursor);
    aq_arena_finish(&arena);
    if (rc != 0 || !whole) return rc;
    st_table_learnt_all(&state->table, bucket);
    return 1;
}

/* The first of the entries whose rest is not below this one, or is above it. */
static uint32_t first_from(struct st_entry **entries, uint32_t n, struct aq_slice rest, bool above)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = st_key_compare(st_entry_rest(entries[middle]), rest);
        if (order < 0 || (above && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int walk_bucket(struct st_state *state, struct aq_slice bucket, const struct st_state_range *rests,
                       st_state_each *each, void *ctx, struct aq_err *err)
{
    uint32_t n;
    bool whole;
    struct st_entry **entries = st_table_bucket(&state->table, bucket, &n, &whole);
    uint32_t from = aq_slice_is_null(rests->from) ? 0 : first_from(entries, n, rests->from, false);
    uint32_t to = aq_slice_is_null(rests->to) ? n : first_from(entries, n, rests->to, true);
    for (uint32_t i = from; i < to; i++) {
        const struct st_entry *entry = entries[rests->backwards ? to - 1 - (i - from) : i];
        if (!entry->present) continue;
        int rc = each(ctx, bucket, st_entry_rest(entry), st_entry_value(entry), err);
        if (rc != 0) return rc < 0 ? rc : 0;
    }
    return 0;
}

/* The end of the bucket, when the range has none: behind every rest it can have. */
static struct aq_slice last_key(struct st_state *state, struct aq_slice bucket, struct aq_arena *arena)
{
    struct aq_slice key = st_state_key(state, bucket, AQ_NULL_SLICE);
    size_t more = state->conf.rest_len == ST_REST_VARIES ? 0 : (size_t)state->conf.rest_len;
    char *bytes = aq_arena_alloc(arena, key.len + more + 1);
    if (key.len) memcpy(bytes, key.ptr, key.len);
    memset(bytes + key.len, 0xff, more);
    if (more > 0 || key.len == 0) return aq_slice_of(bytes, key.len + more);
    /* The first bytes that no key with this prefix has: one more in the last place that can take it. */
    size_t len = key.len;
    while (len > 0 && (unsigned char)bytes[len - 1] == 0xff) len--;
    if (len == 0) return AQ_NULL_SLICE;
    bytes[len - 1] = (char)(bytes[len - 1] + 1);
    return aq_slice_of(bytes, len);
}

static int scan_bucket(struct st_state *state, struct aq_slice bucket, const struct st_state_range *rests,
                       st_state_each *each, void *ctx, struct aq_err *err)
{
    struct aq_arena arena;
    aq_arena_init(&arena, 256);
    struct scan scan = {.state = state, .bucket = &bucket, .each = each, .ctx = ctx};
    scan.range = (struct st_state_range){
        .from = aq_arena_copy(&arena, st_state_key(state, bucket, rests->from)),
        .to = aq_slice_is_null(rests->to) ? last_key(state, bucket, &arena)
                                          : aq_arena_copy(&arena, st_state_key(state, bucket, rests->to)),
        .backwards = rests->backwards};
    int rc = run_scan(&scan, err);
    aq_arena_finish(&arena);
    return rc;
}

int st_state_bucket(struct st_state *state, struct aq_slice bucket, const struct st_state_range *rests,
                    st_state_each *each, void *ctx, struct aq_err *err)
{
    uint32_t n;
    bool whole;
    st_table_bucket(&state->table, bucket, &n, &whole);
    int rc = whole ? 1 : learn_bucket(state, bucket, err);
    if (rc < 0) return rc;
    return rc == 1 ? walk_bucket(state, bucket, rests, each, ctx, err)
                   : scan_bucket(state, bucket, rests, each, ctx, err);
}

/* ---- the cycle ---------------------------------------------------------------------------------------------------- */

void st_state_write(struct st_state *state, struct st_db_batch *batch)
{
    const struct st_changes *sealed = st_table_sealed(&state->table);
    struct st_bulk bulk;
    st_bulk_init(&bulk);
    for (uint32_t i = 0; i < sealed->n; i++) {
        const struct st_table_change *change = st_change_at(sealed, i);
        struct aq_slice key = st_state_key(state, st_entry_key(change->entry), st_entry_rest(change->entry));
        st_bulk_add(&bulk, aq_arena_copy(&bulk.arena, key), st_table_sealed_value(&state->table, change));
        if (bulk.n == BULK_ROWS) st_bulk_write(&bulk, state->conf.kind, state->family, batch);
    }
    st_bulk_write(&bulk, state->conf.kind, state->family, batch);
    st_bulk_finish(&bulk);
}

void st_state_restore(struct st_state *state, struct st_db_batch *batch, struct st_bulk *rows)
{
    AQ_ASSERT(state->table.n_buckets == 0);
    st_bulk_write(rows, state->conf.kind, state->family, batch);
}

bool st_state_expire(struct st_state *state, struct st_db_batch *batch, struct aq_slice key)
{
    struct aq_slice bucket, rest;
    if (!st_state_split(state, key, &bucket, &rest)) return false;
    if (!st_table_forget(&state->table, bucket, rest)) return false;
    state->conf.kind->batch_put(batch, state->family, key, AQ_NULL_SLICE);
    return true;
}

void st_state_trim(struct st_state *state)
{
    st_table_trim(&state->table, state->conf.cache_bytes + state->table.pinned_bytes);
}
