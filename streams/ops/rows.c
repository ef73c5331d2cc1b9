/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a table (streams/ops/rows.h).
 *
 * An ordinary pass, store not cached: what the row was is asked, if anybody below wants to know; the new value is put, and the record goes
 * on. Cached: it is asked, put, and left to the flush, which walks over the changes of the cycle. A failing pass: the store
 * cannot be read, or somebody below fails: the code goes up; in the first case nothing was put.
 *
 * A cached row that is gone has no time in the store, and its tombstone needs one. Deletions are few, so their times are kept
 * beside it until the cycle is flushed.
 *
 * Threads: the worker's own.
 */
#include "streams/ops/rows.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_table.h"
#include "streams/state/stamped.h"
#include "streams/state/versioned.h"

#define NO_REST AQ_LIT("")

/* ---- life --------------------------------------------------------------------------------------------------------- */

bool st_old_is_wanted(const struct st_context *context)
{
    for (size_t i = 0; i < context->n_children; i++) {
        const struct st_processor_kind *kind = context->children[i]->kind;
        if (kind && kind != &st_to_stream_kind) return true;
    }
    return false;
}

void st_rows_start(struct st_rows *rows, struct st_context *context, const struct st_rows_conf *conf)
{
    AQ_ASSERT(conf->history_ms >= 0);
    *rows = (struct st_rows){.conf = *conf, .context = context, .store = st_store(context, conf->store)};
    rows->cached = st_store_is_cached(context, conf->store);
    rows->looks = conf->quiet || st_old_is_wanted(context);
    AQ_ASSERT(!rows->cached || conf->history_ms == 0);
    st_table_init(&rows->deleted);
}

void st_rows_stop(struct st_rows *rows)
{
    if (rows->context) st_table_finish(&rows->deleted);
    free(rows->stamped);
    *rows = (struct st_rows){0};
}

/* ---- putting ------------------------------------------------------------------------------------------------------ */

static int view(struct st_rows *rows, struct aq_slice kept, struct aq_slice *ret, struct aq_err *err)
{
    *ret = kept;
    if (aq_slice_is_null(kept) || !rows->conf.view) return 0;
    return rows->conf.view(rows->context, rows->conf.user, kept, ret, err);
}

/* The same, in the arena. */
static int view_copy(struct st_rows *rows, struct aq_slice kept, struct aq_slice *ret, struct aq_err *err)
{
    int rc = view(rows, kept, ret, err);
    if (rc == 0) *ret = aq_arena_copy(st_arena(rows->context), *ret);
    return rc;
}

static int put_version(struct st_rows *rows, struct aq_record *rec, struct aq_err *err)
{
    enum st_versioned_answer answer;
    struct st_row row = {.known = true};
    int rc = st_versioned_put(rows->store, rows->conf.history_ms, rec->key, rec->value, rec->timestamp,
                              st_arena(rows->context), &row.old, &answer, err);
    if (rc != 0) return rc;
    if (answer == ST_VERSION_EXPIRED) {
        st_drop(rows->context);
        return 0;
    }
    if (rows->conf.quiet && aq_slice_is_null(row.old) && aq_slice_is_null(rec->value)) return 0;
    row.is_latest = answer == ST_VERSION_LATEST;
    return st_forward_row(rows->context, rec, &row, err);
}

/* When the row was deleted. */
static void note_deleted(struct st_rows *rows, const struct aq_record *rec)
{
    char time[ST_STAMP_LEN];
    aq_be64_put(time, (uint64_t)rec->timestamp);
    st_table_put(&rows->deleted, rec->key, NO_REST, aq_slice_of(time, sizeof(time)));
}

static int64_t deleted_at(struct st_rows *rows, struct aq_slice key)
{
    struct aq_slice time;
    bool noted = st_table_get(&rows->deleted, key, NO_REST, &time);
    AQ_ASSERT(noted);
    return (int64_t)aq_be64_get(time.ptr);
}

/* The value with its time in front. The store copies it, so it need not outlive the call. */
static struct aq_slice stamp(struct st_rows *rows, int64_t time_ms, struct aq_slice value)
{
    size_t len = ST_STAMP_LEN + value.len;
    if (aq_slice_is_null(value)) return value;
    if (len > rows->room) {
        rows->room = 2 * len;
        rows->stamped = aq_realloc(rows->stamped, rows->room);
    }
    aq_be64_put(rows->stamped, (uint64_t)time_ms);
    if (value.len) memcpy(rows->stamped + ST_STAMP_LEN, value.ptr, value.len);
    return aq_slice_of(rows->stamped, len);
}

int st_rows_get(struct st_rows *rows, struct aq_slice key, struct aq_slice *ret_was, struct aq_err *err)
{
    AQ_ASSERT(rows->context && rows->conf.history_ms == 0 && !aq_slice_is_null(key));
    return st_state_get(rows->store, key, NO_REST, ret_was, err);
}

/* known: somebody looked what the row was. */
static int change_row(struct st_rows *rows, struct aq_record *rec, struct aq_slice was, bool known,
                      struct aq_err *err)
{
    bool gone = aq_slice_is_null(rec->value);
    struct st_row row = {.is_latest = true, .known = known};
    if (known && rows->conf.quiet && gone && aq_slice_is_null(was)) return 0;
    int rc = known && !rows->cached ? view_copy(rows, st_stamped_value(was), &row.old, err) : 0;
    if (rc != 0) return rc;
    st_state_put(rows->store, rec->key, NO_REST, stamp(rows, rec->timestamp, rec->value));
    if (rows->cached) {
        if (gone) note_deleted(rows, rec);
        return 0;
    }
    rc = rows->conf.borrowed ? view_copy(rows, rec->value, &rec->value, err)
                             : view(rows, rec->value, &rec->value, err);
    return rc == 0 ? st_forward_row(rows->context, rec, &row, err) : rc;
}

int st_rows_replace(struct st_rows *rows, struct aq_record *rec, struct aq_slice was, struct aq_err *err)
{
    AQ_ASSERT(rows->context && rows->conf.history_ms == 0 && !aq_slice_is_null(rec->key));
    return change_row(rows, rec, was, true, err);
}

int st_rows_put(struct st_rows *rows, struct aq_record *rec, struct aq_err *err)
{
    AQ_ASSERT(rows->context && !aq_slice_is_null(rec->key));
    st_settle(rows->context, rec);
    if (rows->conf.history_ms > 0) return put_version(rows, rec, err);
    struct aq_slice was = AQ_NULL_SLICE;
    int rc = rows->looks ? st_rows_get(rows, rec->key, &was, err) : 0;
    return rc == 0 ? change_row(rows, rec, was, rows->looks, err) : rc;
}

/* ---- flushing ----------------------------------------------------------------------------------------------------- */

static int flush_row(struct st_context *context, void *state, struct aq_slice bucket, struct aq_slice rest,
                     struct aq_slice value, struct aq_slice old, bool known, struct aq_err *err)
{
    (void)rest;
    struct st_rows *rows = state;
    bool gone = aq_slice_is_null(value);
    struct aq_record rec = st_new_record(context);
    struct st_row row = {.known = known, .is_latest = true};
    rec.key = aq_arena_copy(st_arena(context), bucket);
    rec.timestamp = gone ? deleted_at(rows, bucket) : st_stamped_time(value);
    int rc = view_copy(rows, st_stamped_value(value), &rec.value, err);
    if (rc == 0) rc = view_copy(rows, st_stamped_value(old), &row.old, err);
    return rc == 0 ? st_forward_row(context, &rec, &row, err) : rc;
}

int st_rows_flush(struct st_rows *rows, struct aq_err *err)
{
    AQ_ASSERT(rows->context);
    if (!rows->cached) return 0;
    int rc = st_each_change(rows->context, rows->conf.store, rows, flush_row, err);
    if (rc != 0 || rows->deleted.n_buckets == 0) return rc;
    st_table_finish(&rows->deleted);
    st_table_init(&rows->deleted);
    return 0;
}

/* ---- other nodes' rows -------------------------------------------------------------------------------------------- */

static void take_stamped(struct aq_slice stamped, struct st_looked_up *ret)
{
    *ret = (struct st_looked_up){.value = AQ_NULL_SLICE};
    if (aq_slice_is_null(stamped)) return;
    ret->value = st_stamped_value(stamped);
    ret->time_ms = st_stamped_time(stamped);
}

bool st_look_up_flushed(const struct st_lookup *lookup, struct aq_slice key, struct st_looked_up *ret)
{
    AQ_ASSERT(lookup->history_ms == 0);
    struct st_table *table = &lookup->store->table;
    uint32_t n;
    bool whole;
    struct st_entry **entries = st_table_bucket(table, key, &n, &whole);
    if (n == 0 || entries[0]->change < 0) return false;
    const struct st_table_change *change =
        st_change_at(st_table_changes(table), (uint32_t)entries[0]->change);
    if (change->known) take_stamped(change->old, ret);
    return change->known;
}

static int look_up_stamped(const struct st_lookup *lookup, struct aq_slice key, struct st_looked_up *ret,
                           struct aq_err *err)
{
    struct aq_slice stamped = AQ_NULL_SLICE;
    int rc = st_state_get(lookup->store, key, NO_REST, &stamped, err);
    take_stamped(rc == 0 ? stamped : AQ_NULL_SLICE, ret);
    return rc;
}

int st_look_up(const struct st_lookup *lookup, struct aq_slice key, struct st_looked_up *ret,
               struct aq_err *err)
{
    AQ_ASSERT(lookup->store && !aq_slice_is_null(key));
    if (lookup->history_ms == 0) return look_up_stamped(lookup, key, ret, err);
    struct st_version version;
    int rc = st_versioned_latest(lookup->store, key, &version, err);
    *ret = (struct st_looked_up){.value = version.value, .time_ms = version.valid_from};
    return rc;
}

int st_look_up_as_of(const struct st_lookup *lookup, struct aq_slice key, int64_t as_of_ms,
                     struct st_looked_up *ret, struct aq_err *err)
{
    AQ_ASSERT(lookup->store && !aq_slice_is_null(key));
    if (lookup->history_ms == 0) return look_up_stamped(lookup, key, ret, err);
    struct st_version version;
    int rc = st_versioned_get(lookup->store, lookup->history_ms, key, as_of_ms, &version, err);
    *ret = (struct st_looked_up){.value = version.value, .time_ms = version.valid_from};
    return rc;
}
