/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a store's committed rows (streams/query/read.h).
 *
 * An ordinary pass: one key of a key-value store is one look-up. Everything else is a walk of a cursor over the family, from where the page
 * before ended; each entry is looked at: is it of the key, in the range, in the window? A page ends when it has as many rows as were asked
 * for, or when it has cost enough; then it says behind which key the next one begins. Nothing is kept between pages, so rows that change
 * meanwhile are shown as they are when their page is read.
 *
 * A failing pass: the database cannot be read: its code, and no rows.
 *
 * Entries of one key do not always lie side by side: where the second part of a key follows a first part of any length, the entries of "ab"
 * may lie among those of "a". So a walk over one key goes through all that begins with it, and compares.
 */
#include "streams/query/read.h"

#include <string.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/clock.h"
#include "streams/serde/serde.h"
#include "streams/state/retention.h"
#include "streams/state/versioned.h"

#define LOOK_AT_CLOCK 16 /* entries between two looks */

struct walk {
    const struct st_kept *kept;
    const struct st_question *q;
    struct st_ask *ask;
    const struct st_page *page;
    struct st_cursor *probe; /* versioned: looks ahead */
    int64_t as_of_ms;        /* versioned */
    struct aq_slice bytes;   /* of the key at hand, bucket and rest */
    struct aq_slice bucket, rest, value;
};

static const struct st_db_kind *db_of(const struct walk *w)
{
    return w->kept->home->kind;
}

static int64_t first_time(struct aq_slice rest)
{
    return (int64_t)aq_be64_get(rest.ptr);
}

/* ---- one key ------------------------------------------------------------------------------------------------------ */

static int read_one(struct walk *w, struct aq_err *err)
{
    struct aq_slice value;
    int rc = db_of(w)->get(w->kept->state.family, w->q->key, &value, err);
    if (rc == 0 && !aq_slice_is_null(value)) st_ask_row(w->ask, w->q->key, AQ_LIT(""), value);
    return rc;
}

/* ---- which entries ------------------------------------------------------------------------------------------------ */

static bool is_in_time(const struct walk *w)
{
    const struct st_question *q = w->q;
    int64_t start = first_time(w->rest), end = start;
    if (q->of->kept == ST_KEPT_SESSIONS) start = (int64_t)aq_be64_get(w->rest.ptr + 8);
    if (start < 0 || st_retention_is_over(w->kept, w->rest)) return false;
    return (q->time_from == ST_TIME_OPEN || end >= q->time_from) &&
           (q->time_to == ST_TIME_OPEN || start <= q->time_to);
}

/* No newer version of the row was valid at that time. */
static bool is_valid_then(struct walk *w)
{
    const struct st_db_kind *db = db_of(w);
    struct aq_arena *arena = &w->ask->arena;
    int64_t from = first_time(w->rest);
    if (from < 0 || from > w->as_of_ms || w->value.len < 1 || w->value.ptr[0] == 0) return false;
    char *next = aq_arena_alloc(arena, w->bytes.len + 1);
    memcpy(next, w->bytes.ptr, w->bytes.len);
    next[w->bytes.len] = '\0';
    struct aq_slice key, value, bucket, rest;
    db->seek(w->probe, aq_slice_of(next, w->bytes.len + 1));
    for (; db->at(w->probe, &key, &value); db->next(w->probe)) {
        if (key.len < w->bucket.len || memcmp(key.ptr, w->bucket.ptr, w->bucket.len) != 0) return true;
        if (!st_state_split(&w->kept->state, key, &bucket, &rest)) continue;
        /* What lies behind the last moment that is asked for is of longer keys. */
        if (key.len >= w->bucket.len + 8 && first_time(aq_slice_of(key.ptr + w->bucket.len, 8)) > w->as_of_ms)
            return true;
        if (aq_slice_equal(bucket, w->bucket)) return false;
    }
    return true;
}

/* A version that was valid in the times asked for: not over before they begin. Its successor says when it was over, so the walk begins at the
 * version that was valid then (begin_versions()). */
static bool is_version_in_time(const struct walk *w)
{
    int64_t from = first_time(w->rest);
    return from >= 0 && from <= w->as_of_ms && w->value.len >= 1;
}

static bool asks_history(const struct st_question *q)
{
    return q->time_from != ST_TIME_OPEN || q->time_to != ST_TIME_OPEN;
}

static bool is_wanted(struct walk *w)
{
    const struct st_question *q = w->q;
    if (!aq_slice_is_null(q->key) && !aq_slice_equal(w->bucket, q->key)) return false;
    if (!aq_slice_is_null(q->from) && st_key_compare(w->bucket, q->from) < 0) return false;
    if (!aq_slice_is_null(q->to) && st_key_compare(w->bucket, q->to) > 0) return false;
    switch (q->of->kept) {
    case ST_KEPT_PLAIN: return true;
    case ST_KEPT_WINDOWS:
    case ST_KEPT_SESSIONS: return is_in_time(w);
    case ST_KEPT_VERSIONED: return asks_history(q) ? is_version_in_time(w) : is_valid_then(w);
    case ST_KEPT_INTERNAL: break;
    }
    AQ_ASSERT(!"a store that cannot be asked");
    return false;
}

/* ---- where the walk begins and ends ------------------------------------------------------------------------------- */

static bool has_two_zeros(struct aq_slice bytes)
{
    for (size_t i = 1; i < bytes.len; i++)
        if (bytes.ptr[i] == 0 && bytes.ptr[i - 1] == 0) return true;
    return false;
}

/* Nothing behind this entry can be asked for. Of a range it is known when the first part of the key has passed its end; unless a shorter key
 * may still come, whose second part (a time, which begins with two zero bytes for the next 6000 years) goes on like the end. */
static bool is_past(const struct walk *w)
{
    const struct st_question *q = w->q;
    if (!aq_slice_is_null(q->key))
        return w->bytes.len < q->key.len || memcmp(w->bytes.ptr, q->key.ptr, q->key.len) != 0;
    if (aq_slice_is_null(q->to)) return false;
    size_t len = w->bucket.len < q->to.len ? w->bucket.len : q->to.len;
    if (q->of->kept == ST_KEPT_PLAIN) return st_key_compare(w->bucket, q->to) > 0;
    return len > 0 && memcmp(w->bucket.ptr, q->to.ptr, len) > 0 && !has_two_zeros(q->to);
}

/* bucket and a time; in the arena. */
static struct aq_slice timed_key(const struct walk *w, struct aq_slice bucket, int64_t time_ms)
{
    char *bytes = aq_arena_alloc(&w->ask->arena, bucket.len + 8);
    if (bucket.len) memcpy(bytes, bucket.ptr, bucket.len);
    aq_be64_put(bytes + bucket.len, (uint64_t)(time_ms < 0 ? 0 : time_ms));
    return aq_slice_of(bytes, bucket.len + 8);
}

/* To the version that was valid when the times asked for begin. */
static void begin_versions(const struct walk *w, struct st_cursor *cursor, struct aq_slice first)
{
    const struct st_db_kind *db = db_of(w);
    struct aq_slice key, value, bucket, rest;
    db->seek(cursor, first);
    if (db->at(cursor, &key, &value) && aq_slice_equal(key, first)) return;
    db->seek_before(cursor, first);
    for (; db->at(cursor, &key, &value); db->prev(cursor)) {
        bool mine = key.len >= w->q->key.len && memcmp(key.ptr, w->q->key.ptr, w->q->key.len) == 0;
        if (!mine) break;
        if (st_state_split(&w->kept->state, key, &bucket, &rest) && aq_slice_equal(bucket, w->q->key)) return;
    }
    db->seek(cursor, first);
}

static void begin(const struct walk *w, struct st_cursor *cursor)
{
    const struct st_question *q = w->q;
    struct aq_arena *arena = &w->ask->arena;
    if (!aq_slice_is_null(q->after)) {
        char *next = aq_arena_alloc(arena, q->after.len + 1);
        memcpy(next, q->after.ptr, q->after.len);
        next[q->after.len] = '\0';
        db_of(w)->seek(cursor, aq_slice_of(next, q->after.len + 1));
        return;
    }
    if (aq_slice_is_null(q->key)) {
        db_of(w)->seek(cursor, q->from);
        return;
    }
    int64_t time = q->of->kept == ST_KEPT_VERSIONED && !asks_history(q) ? w->as_of_ms : q->time_from;
    struct aq_slice first = timed_key(w, q->key, time);
    if (q->of->kept == ST_KEPT_VERSIONED)
        begin_versions(w, cursor, first);
    else
        db_of(w)->seek(cursor, first);
}

/* ---- the walk ----------------------------------------------------------------------------------------------------- */

static bool is_full(const struct walk *w, uint32_t looked)
{
    const struct st_reply *reply = &w->ask->reply;
    if (reply->n_rows >= w->q->most_rows || reply->bytes >= w->page->most_bytes) return true;
    if (looked >= w->page->most_entries) return true;
    return looked % LOOK_AT_CLOCK == 0 && aq_mono_us() >= w->page->until_us;
}

static int walk_over(struct walk *w, struct st_cursor *cursor, struct aq_err *err)
{
    const struct st_db_kind *db = db_of(w);
    struct st_reply *reply = &w->ask->reply;
    uint32_t looked = 0;
    for (; db->at(cursor, &w->bytes, &w->value); db->next(cursor)) {
        if (looked > 0 && is_full(w, looked)) {
            reply->more = true;
            break;
        }
        looked++;
        /* Where the next page begins, and bytes that outlive the cursor's next step. */
        reply->last = aq_arena_copy(&w->ask->arena, w->bytes);
        if (!st_state_split(&w->kept->state, w->bytes, &w->bucket, &w->rest)) continue;
        if (is_past(w)) break;
        if (is_wanted(w)) st_ask_row(w->ask, w->bucket, w->rest, w->value);
        bool only =
            w->q->of->kept == ST_KEPT_VERSIONED && !aq_slice_is_null(w->q->key) && !asks_history(w->q);
        if (only) break;
    }
    return db->cursor_error(cursor, err);
}

/* The latest time of a versioned store, which bounds what can be in it. False: as_of_ms is out of its history. */
static int bound_versions(struct walk *w, bool *ret_reaches, struct aq_err *err)
{
    struct aq_slice clock;
    int64_t asked = asks_history(w->q) ? w->q->time_to : w->q->as_of_ms;
    int rc = db_of(w)->get(w->kept->state.family, AQ_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"), &clock, err);
    if (rc != 0) return rc;
    int64_t latest = clock.len == 8 ? first_time(clock) : -1;
    w->as_of_ms = asked == ST_TIME_OPEN || asked > latest ? latest : asked;
    *ret_reaches = asked == ST_TIME_OPEN || latest < 0 || asked >= latest - w->q->of->history_ms;
    return 0;
}

int st_query_read(const struct st_kept *kept, struct st_ask *ask, const struct st_page *page,
                  struct aq_err *err)
{
    const struct st_question *q = &ask->question;
    struct walk w = {.kept = kept, .q = q, .ask = ask, .page = page};
    AQ_ASSERT(q->of && q->of->kept != ST_KEPT_INTERNAL && q->most_rows > 0);
    if (q->of->kept == ST_KEPT_PLAIN && !aq_slice_is_null(q->key)) return read_one(&w, err);
    bool reaches = true;
    int rc = q->of->kept == ST_KEPT_VERSIONED ? bound_versions(&w, &reaches, err) : 0;
    if (rc != 0) return rc;
    ask->reply.expired = !reaches;
    if (!reaches || (q->of->kept == ST_KEPT_VERSIONED && w.as_of_ms < 0)) return 0;
    struct st_cursor *cursor = db_of(&w)->cursor(kept->state.family);
    if (q->of->kept == ST_KEPT_VERSIONED) w.probe = db_of(&w)->cursor(kept->state.family);
    begin(&w, cursor);
    rc = walk_over(&w, cursor, err);
    db_of(&w)->cursor_close(cursor);
    if (w.probe) db_of(&w)->cursor_close(w.probe);
    return rc;
}
