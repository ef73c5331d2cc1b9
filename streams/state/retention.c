/* SPDX-License-Identifier: Apache-2.0
 *
 * How long the entries of windows and sessions are kept (streams/state/retention.h).
 *
 * Entries that are too old are deleted from the family a few at a time with every commit, by a cursor that goes round. The changelog has
 * a retention of its own. Who reads must not depend on when an old entry goes.
 */
#include "streams/state/retention.h"

#include <stdlib.h>

#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/timestamp.h"

#define SWEEP_LEAST 64 /* entries looked at with every commit, besides two for each changed one */

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

static void note_time(struct st_kept *kept, int64_t time_ms)
{
    if (time_ms > kept->newest_ms) kept->newest_ms = time_ms;
}

void st_retention_note_restored(struct st_kept *kept, struct aq_slice key)
{
    note_time(kept, time_of_key(kept, key));
}

void st_retention_note_sealed(struct st_kept *kept)
{
    const struct st_changes *sealed = st_table_sealed(&kept->state.table);
    for (uint32_t i = 0; i < sealed->n && kept->store->conf.retention_ms > 0; i++) {
        note_time(kept, time_of_rest(kept, st_entry_rest(sealed->list[i].entry)));
    }
}

/* Old entries go, a few with every commit, and with every batch of the changelog. */
void st_retention_sweep(struct st_kept *kept, uint64_t changed)
{
    uint64_t most = SWEEP_LEAST + 2 * changed;
    int64_t retention_ms = kept->store->conf.retention_ms;
    if (retention_ms == 0 || kept->newest_ms < retention_ms) return;
    struct st_home *home = kept->home;
    struct aq_slice key, value;
    struct st_cursor *cursor = home->kind->cursor(kept->state.family);
    home->kind->seek(cursor, kept->swept ? aq_slice_of(kept->swept, kept->swept_len) : AQ_NULL_SLICE);
    bool more;
    while ((more = home->kind->at(cursor, &key, &value)) && most-- > 0) {
        int64_t time_ms = time_of_key(kept, key);
        if (time_ms != ST_NO_TIME && time_ms < kept->newest_ms - retention_ms)
            st_state_expire(&kept->state, home->batch, key);
        home->kind->next(cursor);
    }
    free(kept->swept);
    kept->swept = more ? aq_malloc(key.len) : NULL;
    kept->swept_len = key.len;
    if (more) memcpy(kept->swept, key.ptr, key.len);
    home->kind->cursor_close(cursor);
}
