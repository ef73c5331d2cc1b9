/* SPDX-License-Identifier: Apache-2.0
 *
 * How long the entries of windows and sessions are kept (streams/state/retention.h).
 *
 * An ordinary pass: each time of a key that is written to the family is noted. When the oldest one there can be is far enough past the
 * retention, a round begins: a cursor goes through the family, some entries with every commit, deletes those that are too old, and
 * notes the oldest of the others, which says when the next round is due. Most commits look at nothing. Who reads must not depend on when
 * an entry goes: st_retention_is_over(). The changelog has a retention of its own.
 *
 * How far: half the retention, so that a round finds a third of what it looks at. With a short one that would be a round with every
 * commit while much is read at once, and a database has more to step over than the entries there are; so it is a minute, or the whole retention
 * where that is less: buckets stay short. Kafka Streams drops whole segments, and keeps its entries as long and longer.
 *
 * A failing pass: the family cannot be read on: the round counts as none. A cycle that is not over has changed an old entry: it stays, the
 * oldest one is known, and the next round comes soon. Of a family that was just opened nothing is known, so the first round comes as soon as
 * anything can be too old.
 *
 * Invariants: no entry of the family is older than oldest_ms, and none that a round in progress has passed, or that was written
 * since it began, is older than left_ms.
 */
#include "streams/state/retention.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/timestamp.h"

#define SWEEP_LEAST 64 /* entries looked at with every commit, besides two for each changed one */
#define PATIENCE_MS 60000

/* Of a window or session; ST_NO_TIME in a store that forgets nothing. */
static int64_t time_of_rest(const struct st_kept *kept, struct aq_slice rest)
{
    return kept->store->conf.retention_ms > 0 && rest.len >= 8 ? (int64_t)aq_be64_get(rest.ptr) : ST_NO_TIME;
}

/* The same of a key as the family and the changelog have it: the rest is its end. */
static int64_t time_of_key(const struct st_kept *kept, struct aq_slice key)
{
    size_t rest_len = (size_t)kept->store->conf.rest_len;
    if (kept->store->conf.retention_ms == 0 || key.len < rest_len) return ST_NO_TIME;
    return time_of_rest(kept, aq_slice_of(key.ptr + (key.len - rest_len), rest_len));
}

/* The time before which entries are too old; ST_NO_TIME: none is. */
static int64_t kept_from(const struct st_kept *kept)
{
    int64_t retention_ms = kept->store->conf.retention_ms;
    if (retention_ms == 0 || kept->newest_ms < retention_ms) return ST_NO_TIME;
    return kept->newest_ms - retention_ms;
}

bool st_retention_is_over(const struct st_kept *kept, struct aq_slice rest)
{
    AQ_ASSERT(kept->store);
    int64_t time_ms = time_of_rest(kept, rest);
    return time_ms != ST_NO_TIME && time_ms < kept_from(kept);
}

/* ---- what is written ---------------------------------------------------------------------------------------------- */

/* stays: false of an entry that is deleted. */
static void note_time(struct st_kept *kept, int64_t time_ms, bool stays)
{
    if (time_ms == ST_NO_TIME) return;
    if (time_ms > kept->newest_ms) kept->newest_ms = time_ms;
    if (!stays) return;
    if (time_ms < kept->oldest_ms) kept->oldest_ms = time_ms;
    if (time_ms < kept->left_ms) kept->left_ms = time_ms;
}

void st_retention_init(struct st_kept *kept)
{
    kept->newest_ms = ST_NO_TIME;
    kept->oldest_ms = INT64_MIN;
    kept->left_ms = INT64_MAX;
}

void st_retention_finish(struct st_kept *kept)
{
    free(kept->swept);
}

void st_retention_note_restored(struct st_kept *kept, const struct aq_record *rec)
{
    note_time(kept, time_of_key(kept, rec->key), !aq_slice_is_null(rec->value));
}

void st_retention_note_sealed(struct st_kept *kept)
{
    const struct st_table *table = &kept->state.table;
    const struct st_changes *sealed = st_table_sealed(table);
    for (uint32_t i = 0; i < sealed->n && kept->store->conf.retention_ms > 0; i++) {
        const struct st_table_change *change = st_change_at(sealed, i);
        bool stays = !aq_slice_is_null(st_table_sealed_value(table, change));
        note_time(kept, time_of_rest(kept, st_entry_rest(change->entry)), stays);
    }
}

/* ---- rounds ------------------------------------------------------------------------------------------------------- */

static int64_t patience(int64_t retention_ms)
{
    if (retention_ms / 2 >= PATIENCE_MS) return retention_ms / 2;
    return retention_ms < PATIENCE_MS ? retention_ms : PATIENCE_MS;
}

static bool is_due(const struct st_kept *kept, int64_t from_ms)
{
    return from_ms != ST_NO_TIME && kept->oldest_ms < from_ms - patience(kept->store->conf.retention_ms);
}

/* Deletes the entry, or notes that it stays. */
static void look_at(struct st_kept *kept, struct aq_slice key, int64_t from_ms)
{
    int64_t time_ms = time_of_key(kept, key);
    if (time_ms == ST_NO_TIME) return;
    if (time_ms < from_ms && st_state_expire(&kept->state, kept->home->batch, key)) return;
    if (time_ms < kept->left_ms) kept->left_ms = time_ms;
}

/* The round goes on here with the next batch. */
static void interrupt(struct st_kept *kept, struct aq_slice key)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    free(kept->swept);
    kept->swept_len = key.len;
    kept->swept = aq_malloc(key.len);
    memcpy(kept->swept, key.ptr, key.len);
}

static void end_round(struct st_kept *kept, const struct st_cursor *cursor)
{
    struct aq_err ignored;
    free(kept->swept);
    kept->swept = NULL;
    /* Where it could not read on, nothing is known of the rest, and the next round begins at once. */
    if (kept->home->kind->cursor_error(cursor, &ignored) == 0) kept->oldest_ms = kept->left_ms;
}

static void go_round(struct st_kept *kept, struct st_cursor *cursor, int64_t from_ms, uint64_t most)
{
    const struct st_db_kind *kind = kept->home->kind;
    struct aq_slice key, value;
    kind->seek(cursor, kept->swept ? aq_slice_of(kept->swept, kept->swept_len) : AQ_NULL_SLICE);
    for (; kind->at(cursor, &key, &value); kind->next(cursor)) {
        if (most-- == 0) {
            interrupt(kept, key);
            return;
        }
        look_at(kept, key, from_ms);
    }
    end_round(kept, cursor);
}

void st_retention_sweep(struct st_kept *kept, uint64_t changed)
{
    int64_t from_ms = kept_from(kept);
    if (kept->swept || is_due(kept, from_ms)) {
        struct st_cursor *cursor = kept->home->kind->cursor(kept->state.family);
        go_round(kept, cursor, from_ms, SWEEP_LEAST + 2 * changed);
        kept->home->kind->cursor_close(cursor);
    }
    /* What was noted so far is in the family when the next round begins. */
    if (!kept->swept) kept->left_ms = INT64_MAX;
}
