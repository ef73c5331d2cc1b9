/* SPDX-License-Identifier: Apache-2.0
 *
 * The stores of one task (streams/state/stores.h).
 *
 * An ordinary pass: opened when the slot comes to this worker, and restored: what the changelog has beyond the family is read into it
 * (streams/state/restore.c). Then the task runs, and its processors change the tables. When a commit is due the tables are flushed, one record
 * for each changed entry goes to the changelog with the outputs, and the tables are sealed; processing goes on in the next cycle. When
 * the commit is through, all the sealed cycle did to all stores of the task is written in one batch, with how far the changelogs are
 * now in the families. So a family is always as of a commit, and a crash leaves at worst a family that is a few commits behind its changelog.
 *
 * How far: the changelog's end when it was restored, and from there what was counted: a record for each changed entry, and in exactly_once
 * the marker of the transaction. Markers of aborted ones are not counted, so the number may be too small, never too large; what is
 * read twice because of it ends in the same values, since a changelog is read up to its end.
 *
 * The changelog has a place among the marks of the task's slot: in every snapshot stands how far it goes at least, and a random id made when
 * it was begun. A family that was made of another one (the application was reset meanwhile) is wiped; a changelog that ends before what was
 * committed to it is an error, because nobody else has what was in it. But a commit is through before its marker is in every log: where
 * no more than that is missing, the end is asked for again.
 *
 * A failing pass: the cycle is aborted: the tables take back what they changed. The task moves away: what is not committed is dropped, the
 * family stays, and is brought up to date when the task comes back. The changelog begins later than the family ends (its head was
 * compacted away or is too old): the family is wiped and read anew.
 *
 * A family that was not written for ST_KEPT_MS (the folder lay unused) while its changelog went on is wiped and read anew as well: rows that
 * were deleted meanwhile may be in the family, and in the changelog neither they nor their deletions any more.
 *
 * Retention: streams/state/retention.c.
 *
 * Invariants: families are written at a commit and while restoring, never in between; `next` is written in the batch that makes it true.
 */
#include "streams/state/stores.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/lane.h"
#include "streams/choice.h"
#include "streams/state/retention.h"
#include "streams/state/stamped.h"

#define GATHER_BYTES (2 << 20)       /* of rows of a changelog that are written at once */
#define GATHER_UP_TO 20000           /* offsets in front of its end */
#define MARKERS_US   (30000 * AQ_MS) /* a coordinator that moves meanwhile sends them when it has moved */
#define NEXT_LEN     16              /* of what is known of a family, besides its changelog's id */

/* ---- life --------------------------------------------------------------------------------------------------------- */

#define NAME_MOST 300

static void name_offsets(const struct st_subtopology *sub, int32_t partition, char name[NAME_MOST])
{
    snprintf(name, NAME_MOST, "%s-%d-offsets", sub->name, partition);
}

static void name_family(const struct st_store *store, int32_t partition, char name[NAME_MOST])
{
    snprintf(name, NAME_MOST, "%s-%d", store->name, partition);
}

static int open_home(struct st_stores *stores, struct st_home *home, const struct st_db_kind *kind,
                     struct st_db *db, struct aq_err *err)
{
    char name[NAME_MOST];
    if (home->db) return 0;
    name_offsets(stores->subtopology, stores->partition, name);
    int rc = kind->family_open(db, name, &home->offsets, err);
    if (rc != 0) return rc;
    home->kind = kind;
    home->db = db;
    home->batch = kind->batch(db);
    return 0;
}

static int read_next(struct st_kept *kept, struct aq_err *err)
{
    struct aq_slice value;
    const struct st_home *home = kept->home;
    int rc = home->kind->get(home->offsets, aq_slice_str(kept->family), &value, err);
    if (rc != 0) return rc;
    kept->next = -1;
    if (value.len < NEXT_LEN || value.len - NEXT_LEN >= sizeof(kept->id)) return 0;
    kept->next = (int64_t)aq_be64_get(value.ptr);
    kept->written_ms = (int64_t)aq_be64_get(value.ptr + 8);
    memcpy(kept->id, value.ptr + NEXT_LEN, value.len - NEXT_LEN);
    return 0;
}

static int open_kept(struct st_stores *stores, struct st_kept *kept, const struct st_store *store,
                     const struct st_stores_conf *conf, struct aq_err *err)
{
    char family[NAME_MOST];
    bool in_memory = store->conf.in_memory || !conf->dbs->disk;
    AQ_ASSERT(store->conf.retention_ms == 0 || store->conf.rest_len >= 8);
    struct st_home *home = &stores->homes[in_memory];
    const struct st_db_kind *kind = in_memory ? &st_db_memory : conf->dbs->disk_kind;
    int rc = open_home(stores, home, kind, in_memory ? conf->dbs->memory : conf->dbs->disk, err);
    if (rc != 0) return rc;
    name_family(store, conf->partition, family);
    kept->store = store;
    kept->stores = stores;
    st_bulk_init(&kept->gathered);
    kept->home = home;
    kept->family = aq_strdup(family);
    st_retention_init(kept);
    kept->end = -2;
    if (store->changelog) kept->changelog = aq_names_intern(conf->names, aq_slice_str(store->changelog));
    const struct st_state_conf state = {
        .kind = kind, .db = home->db, .family = kept->family, .rest_len = store->conf.rest_len};
    rc = st_state_open(&kept->state, &state, err);
    return rc == 0 ? read_next(kept, err) : rc;
}

int st_stores_open(const struct st_stores_conf *conf, struct st_stores **ret, struct aq_err *err)
{
    const struct st_subtopology *sub = conf->subtopology;
    AQ_ASSERT(sub->n_stores > 0 && conf->dbs->memory);
    if (!st_claims_take(conf->dbs->claims, sub->name, conf->partition))
        return aq_fail(err, AQ_E_BUSY, "another thread of this process still has the stores of task %u_%d",
                       sub->number, conf->partition);
    struct st_stores *stores = aq_calloc(1, sizeof(*stores));
    stores->claims = conf->dbs->claims;
    stores->subtopology = sub;
    stores->since_us = aq_mono_us();
    stores->partition = conf->partition;
    stores->list = aq_calloc(sub->n_stores, sizeof(*stores->list));
    for (size_t i = 0; i < sub->n_stores; i++) {
        stores->n++;
        struct st_kept *kept = &stores->list[i];
        int rc = open_kept(stores, kept, sub->stores[i], conf, err);
        /* What is kept nowhere else was lost when the task went away. */
        if (rc == 0 && !kept->changelog) rc = st_kept_wipe(kept, err);
        if (rc == 0) continue;
        aq_err_in(err, "store '%s'", sub->stores[i]->name);
        st_stores_close(stores);
        return rc;
    }
    *ret = stores;
    return 0;
}

void st_stores_close(struct st_stores *stores)
{
    if (!stores) return;
    for (size_t i = 0; i < stores->n; i++) {
        struct st_kept *kept = &stores->list[i];
        st_state_close(&kept->state);
        free((char *)kept->family);
        st_bulk_finish(&kept->gathered);
        st_retention_finish(kept);
    }
    for (size_t i = 0; i < 2; i++) {
        struct st_home *home = &stores->homes[i];
        if (!home->db) continue;
        home->kind->batch_destroy(home->batch);
        home->kind->family_close(home->offsets);
    }
    st_claims_give_back(stores->claims, stores->subtopology->name, stores->partition);
    free(stores->list);
    free(stores);
}

/* ---- what is left over -------------------------------------------------------------------------------------------- */

struct looking {
    const char *name;
    bool found;
};

static void compare_name(void *ctx, const char *name)
{
    struct looking *looking = ctx;
    if (strcmp(looking->name, name) == 0) looking->found = true;
}

static bool has_family(const struct st_db_kind *kind, struct st_db *db, const char *name)
{
    struct looking looking = {.name = name};
    if (db) kind->families(db, compare_name, &looking);
    return looking.found;
}

bool st_stores_exist(const struct st_dbs *dbs, const struct st_subtopology *sub, int32_t partition)
{
    char name[NAME_MOST];
    name_offsets(sub, partition, name);
    if (has_family(&st_db_memory, dbs->memory, name) || has_family(dbs->disk_kind, dbs->disk, name))
        return true;
    for (size_t i = 0; i < sub->n_stores; i++) {
        name_family(sub->stores[i], partition, name);
        if (has_family(&st_db_memory, dbs->memory, name) || has_family(dbs->disk_kind, dbs->disk, name))
            return true;
    }
    return false;
}

static int drop_family(const struct st_dbs *dbs, const char *name, struct aq_err *err)
{
    int rc = st_db_memory.family_drop(dbs->memory, name, err);
    return rc == 0 && dbs->disk ? dbs->disk_kind->family_drop(dbs->disk, name, err) : rc;
}

/* How far they go first: a family that nothing is known of is wiped before it is used. */
int st_stores_delete(const struct st_dbs *dbs, const struct st_subtopology *sub, int32_t partition,
                     struct aq_err *err)
{
    char name[NAME_MOST];
    if (!st_claims_take(dbs->claims, sub->name, partition))
        return aq_fail(err, AQ_E_BUSY, "the stores of task %u_%d are open", sub->number, partition);
    name_offsets(sub, partition, name);
    int rc = drop_family(dbs, name, err);
    for (size_t i = 0; i < sub->n_stores && rc == 0; i++) {
        name_family(sub->stores[i], partition, name);
        rc = drop_family(dbs, name, err);
    }
    st_claims_give_back(dbs->claims, sub->name, partition);
    return rc;
}

struct st_kept *st_stores_find_kept(const struct st_stores *stores, const struct st_store *store)
{
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].store == store) return &stores->list[i];
    AQ_ASSERT(!"a store of another sub-topology");
    return NULL;
}

struct st_state *st_stores_find(const struct st_stores *stores, const struct st_store *store)
{
    return &st_stores_find_kept(stores, store)->state;
}

/* A changelog of our own making has no id that every client can ask for, so it gets one when it is begun. */
static void make_id(char id[KC_ID_MAX])
{
    unsigned char bytes[16];
    ssize_t got = getrandom(bytes, sizeof(bytes), 0);
    AQ_ASSERT(got == (ssize_t)sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

void st_kept_follow(struct st_kept *kept, struct st_feed *log)
{
    AQ_ASSERT(kept->changelog && !kept->log);
    kept->log = log;
    log->has_position = true;
    if (log->topic_id[0] == '\0') make_id(log->topic_id);
}

/* ---- restoring ---------------------------------------------------------------------------------------------------- */

/* In the changelog the time of a stamped value is the record's. */
static struct aq_slice as_kept(const struct st_kept *kept, const struct aq_record *rec,
                               struct aq_arena *arena)
{
    if (!kept->store->conf.timestamped || aq_slice_is_null(rec->value)) return rec->value;
    return st_stamped_make(rec->timestamp, rec->value, arena);
}

static void gather(struct st_kept *kept, const struct aq_record *rec)
{
    struct aq_arena *arena = &kept->gathered.arena;
    if (aq_slice_is_null(rec->key)) return;
    struct aq_slice value = as_kept(kept, rec, arena);
    if (value.ptr == rec->value.ptr) value = aq_arena_copy(arena, value);
    st_bulk_add(&kept->gathered, aq_arena_copy(arena, rec->key), value);
    kept->restored++;
    st_retention_note_restored(kept, rec);
}

static void put_next(struct st_kept *kept)
{
    char bytes[NEXT_LEN + KC_ID_MAX];
    const struct st_home *home = kept->home;
    size_t len = strlen(kept->log->topic_id);
    kept->written_ms = aq_wall_ms();
    aq_be64_put(bytes, (uint64_t)kept->next);
    aq_be64_put(bytes + 8, (uint64_t)kept->written_ms);
    memcpy(bytes + NEXT_LEN, kept->log->topic_id, len);
    home->kind->batch_put(home->batch, home->offsets, aq_slice_str(kept->family),
                          aq_slice_of(bytes, NEXT_LEN + len));
}

/* A lane of the former owner has one transaction at a time, and so at most one marker that has not come. */
static bool awaits_markers(const struct st_kept *kept)
{
    int64_t missing = kept->log->committed.next - kept->end;
    return missing > 0 && missing <= KC_LANES && aq_mono_us() - kept->stores->since_us < MARKERS_US;
}

/* Where nothing was written to the changelog since, nothing was deleted. */
static bool is_too_old(const struct st_kept *kept)
{
    return kept->next < kept->end && aq_wall_ms() - kept->written_ms > ST_KEPT_MS;
}

static int go_on(struct st_kept *kept, struct aq_err *err)
{
    bool belongs = strcmp(kept->id, kept->log->topic_id) == 0 && kept->next <= kept->end;
    if (kept->next < 0 || !belongs) return st_kept_wipe(kept, err);
    if (is_too_old(kept)) {
        aq_log(
            AQ_INFO,
            "the store was not used for so long that its changelog may no longer hold what was deleted since; it "
            "is read anew",
            aq_fs("topic", kept->changelog->text), aq_fi("partition", kept->stores->partition),
            aq_fi("hours", (aq_wall_ms() - kept->written_ms) / (3600 * 1000)));
        return st_kept_wipe(kept, err);
    }
    if (kept->next < kept->end) return 0;
    put_next(kept); /* as of now it lacks nothing */
    return kept->home->kind->batch_write(kept->home->batch, err);
}

int st_kept_check(struct st_kept *kept, struct aq_err *err)
{
    int64_t least = kept->log->committed.next;
    if (awaits_markers(kept)) {
        kept->end = -2;
        return aq_fail(err, AQ_E_AGAIN, "the last transaction in changelog %s[%d] is not over yet",
                       kept->changelog->text, kept->stores->partition);
    }
    if (kept->end < least)
        return aq_fail(
            err, AQ_E_STATE,
            "changelog %s[%d] ends at offset %" PRId64 ", and records up to %" PRId64
            " were committed to it: it was deleted, and the store's contents with it. Restore the topic, or run "
            "`aqueduct streams reset` to begin anew",
            kept->changelog->text, kept->stores->partition, kept->end, least);
    int rc = go_on(kept, err);
    kept->checked = rc == 0;
    return rc;
}

/* What follows comes in small pieces. */
static void release(struct st_kept *kept)
{
    st_bulk_finish(&kept->gathered);
    st_bulk_init(&kept->gathered);
}

int st_kept_reach(struct st_kept *kept, int64_t next, struct aq_err *err)
{
    AQ_ASSERT(kept->restoring && kept->log);
    uint64_t rows = kept->gathered.n;
    st_state_restore(&kept->state, kept->home->batch, &kept->gathered);
    st_retention_sweep(kept, rows);
    kept->next = kept->taken = next;
    put_next(kept);
    if (next >= kept->end) release(kept);
    return kept->home->kind->batch_write(kept->home->batch, err);
}

/* Far from the end rows are gathered, so that those of one key are written once and the others in the order of their keys. */
static bool gathers_more(const struct st_kept *kept)
{
    return kept->taken + GATHER_UP_TO < kept->end && st_bulk_cost(&kept->gathered) < GATHER_BYTES;
}

int st_kept_take(struct st_kept *kept, const struct aq_batch *batch, struct aq_err *err)
{
    AQ_ASSERT(kept->restoring && batch->n > 0);
    /* The reading began anew where the family ends. */
    if (batch->records[0].offset < kept->taken) st_bulk_clear(&kept->gathered);
    for (uint32_t i = 0; i < batch->n; i++) gather(kept, &batch->records[i]);
    kept->taken = batch->records[batch->n - 1].offset + 1;
    return gathers_more(kept) ? 0 : st_kept_reach(kept, kept->taken, err);
}

int st_kept_wipe(struct st_kept *kept, struct aq_err *err)
{
    struct st_home *home = kept->home;
    struct aq_slice key, value;
    struct st_cursor *cursor = home->kind->cursor(kept->state.family);
    home->kind->seek(cursor, AQ_NULL_SLICE);
    for (; home->kind->at(cursor, &key, &value); home->kind->next(cursor))
        home->kind->batch_put(home->batch, kept->state.family, key, AQ_NULL_SLICE);
    home->kind->cursor_close(cursor);
    kept->next = -1;
    kept->taken = 0;
    st_bulk_clear(&kept->gathered);
    home->kind->batch_put(home->batch, home->offsets, aq_slice_str(kept->family), AQ_NULL_SLICE);
    return home->kind->batch_write(home->batch, err);
}

/* ---- the cycle ---------------------------------------------------------------------------------------------------- */

bool st_stores_changed(const struct st_stores *stores)
{
    for (size_t i = 0; i < stores->n; i++)
        if (st_table_changes(&stores->list[i].state.table)->n > 0) return true;
    return false;
}

bool st_stores_are_sealed(const struct st_stores *stores)
{
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].state.table.sealed) return true;
    return false;
}

uint64_t st_stores_pinned(const struct st_stores *stores)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < stores->n; i++) bytes += stores->list[i].state.table.pinned_bytes;
    return bytes;
}

uint64_t st_stores_bytes(const struct st_stores *stores)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < stores->n; i++) bytes += stores->list[i].state.table.bytes;
    return bytes;
}

void st_stores_trim(struct st_stores *stores, uint64_t share, uint64_t sum)
{
    AQ_ASSERT(sum > share);
    for (size_t i = 0; i < stores->n; i++) {
        struct st_state *state = &stores->list[i].state;
        state->conf.cache_bytes = (uint64_t)((double)state->table.bytes / (double)sum * (double)share);
        st_state_trim(state);
    }
}

/* It was not there before the cycle, and is not now. */
static bool is_nothing(const struct st_table_change *change)
{
    return change->known && aq_slice_is_null(change->old) && !change->entry->present;
}

static void write_change(struct st_kept *kept, struct st_outbox *outbox, const struct st_entry *entry,
                         int64_t time_ms)
{
    struct aq_arena *arena = st_outbox_arena(outbox);
    struct aq_slice key = st_state_key(&kept->state, st_entry_key(entry), st_entry_rest(entry));
    struct aq_slice value = st_entry_value(entry);
    struct aq_record rec = {.timestamp = time_ms, .time_type = AQ_TIME_CREATE, .offset = -1};
    if (kept->store->conf.timestamped && entry->present) {
        rec.timestamp = st_stamped_time(value);
        value = st_stamped_value(value);
    }
    rec.key = aq_arena_copy(arena, key);
    rec.value = aq_arena_copy(arena, value);
    st_outbox_add(outbox, &rec, kept->changelog, kept->stores->partition, NULL);
    kept->written++;
}

static void write_kept(struct st_kept *kept, struct st_outbox *outbox, int64_t time_ms,
                       struct st_mark (*position)(const struct st_feed *feed))
{
    const struct st_changes *changes = st_table_changes(&kept->state.table);
    AQ_ASSERT(kept->written == 0);
    for (uint32_t i = 0; i < changes->n; i++) {
        const struct st_table_change *change = st_change_at(changes, i);
        if (is_nothing(change)) continue;
        write_change(kept, outbox, change->entry, time_ms);
        if (st_outbox_is_full(outbox)) st_outbox_close(outbox, position);
    }
}

void st_stores_write_changelog(struct st_stores *stores, struct st_outbox *outbox, int64_t time_ms,
                               struct st_mark (*position)(const struct st_feed *feed))
{
    AQ_ASSERT(stores->ready);
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].changelog) write_kept(&stores->list[i], outbox, time_ms, position);
}

void st_stores_seal(struct st_stores *stores, bool exactly_once)
{
    for (size_t i = 0; i < stores->n; i++) {
        struct st_kept *kept = &stores->list[i];
        struct st_table *table = &kept->state.table;
        if (st_table_changes(table)->n > 0) st_table_seal(table);
        if (!kept->log) continue;
        kept->sealed = kept->next + (int64_t)kept->written + (exactly_once && kept->written > 0);
        kept->log->sent.next = kept->log->acked.next = kept->sealed;
        kept->written = 0;
    }
}

static void collect(struct st_kept *kept)
{
    if (kept->state.table.sealed) {
        st_retention_note_sealed(kept);
        st_retention_sweep(kept, st_table_sealed(&kept->state.table)->n);
        st_state_write(&kept->state, kept->home->batch);
    }
    if (!kept->log || kept->sealed <= kept->next) return;
    kept->next = kept->sealed;
    put_next(kept);
}

int st_stores_committed(struct st_stores *stores, struct aq_err *err)
{
    for (size_t i = 0; i < stores->n; i++) collect(&stores->list[i]);
    for (size_t i = 0; i < 2; i++) {
        struct st_home *home = &stores->homes[i];
        int rc = home->db ? home->kind->batch_write(home->batch, err) : 0;
        if (rc != 0)
            return aq_err_in(err, "stores of task %u_%d", stores->subtopology->number, stores->partition);
    }
    for (size_t i = 0; i < stores->n; i++)
        if (stores->list[i].state.table.sealed) st_table_committed(&stores->list[i].state.table);
    return 0;
}

void st_stores_abort(struct st_stores *stores)
{
    for (size_t i = 0; i < stores->n; i++) {
        struct st_kept *kept = &stores->list[i];
        st_table_abort_open(&kept->state.table);
        if (kept->state.table.sealed) st_table_abort_sealed(&kept->state.table);
        kept->written = 0;
        kept->sealed = kept->next;
    }
}
