/* SPDX-License-Identifier: Apache-2.0
 *
 * Families in RocksDB (streams/state/db.h): one database, a column family each.
 *
 * An ordinary pass: opening takes the lock of the folder and opens every column family there is, since RocksDB asks for all of
 * them; one is handed out when its task starts. Cycles come as one batch over all families of a task.
 *
 * Memory: one block cache for all families, and one bound for what was written and is not in files yet (db_write_buffer_size): with a
 * bound for each family their number would decide. Blocks of index and filter are in the cache as well, or they would be on top.
 *
 * The write-ahead log is on and not forced to disk with each batch: a killed process loses nothing, since what it wrote is with the
 * kernel. After a power failure the log ends somewhere before its end, at a batch's border; the changelog has the rest.
 *
 * A failing pass: a full disk or a failing one refuses the batch; the caller keeps it, says so, and goes no further. What is on
 * disk is as of the last batch that was written. RocksDB has a log of its own in the folder, and the builds of Debian end the process
 * when a line of it cannot be written. So it gets no lines but those of an opening, which are not made without some room.
 *
 * Invariants: `families` has every column family of the database, open or not; only this file includes rocksdb/c.h.
 */
#include <errno.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/assert.h"
#include "base/crash.h"
#include "base/mem.h"
#include "streams/state/db.h"

#define DEFAULT_FAMILY   "default" /* RocksDB's own; nothing of ours is in it */
#define BLOOM_BITS       10
#define FAMILY_PART      16
#define FAMILY_BYTES_MIN ((uint64_t)1 << 20)
#define BLOCK_BYTES      4096
#define OPEN_FILES       256
#define LOG_FILES        2
#define LOG_HEADERS      5 /* of its levels: what is written at an opening */
#define BACKGROUND       2
#define LOG_BYTES_MIN    ((uint64_t)16 << 20)
#define ROOM_MIN         ((uint64_t)1 << 20)
#define BATCH_KEPT \
    ((size_t)256 << 10) /* bytes; RocksDB keeps what a batch took at its largest, and each task has one */

struct st_family {
    struct st_db *db;
    char *name;
    rocksdb_column_family_handle_t *handle;
    bool open;
    rocksdb_pinnableslice_t *pinned; /* the last value read */
    struct st_family *next;
};

struct st_db {
    rocksdb_t *rocks;
    char *path;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *reading;
    rocksdb_writeoptions_t *writing;
    pthread_mutex_t lock; /* the list; RocksDB minds itself */
    struct st_family *families;
};

struct st_cursor {
    struct st_db *db;
    rocksdb_iterator_t *iterator;
};

struct st_db_batch {
    struct st_db *db;
    rocksdb_writebatch_t *batch;
};

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static bool is_full(const char *text)
{
    return strstr(text, strerror(ENOSPC)) || strstr(text, strerror(EDQUOT));
}

static int code_of(const char *text)
{
    if (strstr(text, "lock ") || strstr(text, "LOCK")) return AQ_E_BUSY;
    return strncmp(text, "Corruption", 10) == 0 ? AQ_E_CORRUPT : AQ_E_IO;
}

static int fail_full(const char *path, const char *doing, const char *why, struct aq_err *err)
{
    return aq_fail(
        err, AQ_E_IO,
        "state folder %s: %s, the disk is full: make room there, or set state_dir to a folder that has "
        "more; nothing is lost, what is missing is read from the changelogs (%s)",
        path, doing, why);
}

/* Before anything of RocksDB is opened or made. */
static int check_room(const char *path, const char *doing, struct aq_err *err)
{
    struct statvfs found;
    if (statvfs(path, &found) != 0 || found.f_bavail * found.f_frsize >= ROOM_MIN) return 0;
    return fail_full(path, doing, strerror(ENOSPC), err);
}

/* 0 when RocksDB had nothing to say; frees what it said. */
static int judge(const char *path, char *text, const char *doing, struct aq_err *err)
{
    if (!text) return 0;
    int code = code_of(text);
    if (code == AQ_E_BUSY)
        aq_fail(
            err, code,
            "state folder %s: another process has it open; give each instance a state_dir of its own (%s)",
            path, text);
    else if (is_full(text))
        fail_full(path, doing, text, err);
    else
        aq_fail(err, code, "state folder %s: %s: %s", path, doing, text);
    rocksdb_free(text);
    return code;
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static void make_options(struct st_db *db, const struct st_db_conf *conf)
{
    db->cache = rocksdb_cache_create_lru(conf->cache_bytes);
    db->table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(db->table, db->cache);
    rocksdb_block_based_options_set_block_size(db->table, BLOCK_BYTES);
    rocksdb_block_based_options_set_filter_policy(db->table,
                                                  rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(db->table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(db->table, 1);

    db->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(db->options, 1);
    rocksdb_options_set_block_based_table_factory(db->options, db->table);
    rocksdb_options_set_db_write_buffer_size(db->options, conf->write_bytes);
    /* A family is written to a file at a part of the bound, which so has room for many: commits mostly write the same keys again, and
     * a file has the last value of each. */
    uint64_t family_bytes = conf->write_bytes / FAMILY_PART;
    if (family_bytes < FAMILY_BYTES_MIN) family_bytes = FAMILY_BYTES_MIN;
    rocksdb_options_set_write_buffer_size(db->options, family_bytes);
    /* Four files of level 0 are merged into it, and all of it is read for that when keys come in no order. */
    rocksdb_options_set_max_bytes_for_level_base(db->options, family_bytes * FAMILY_PART);
    /* A family that is seldom written keeps old logs alive: at this size it is written out. */
    uint64_t log_bytes = conf->write_bytes * 2 > LOG_BYTES_MIN ? conf->write_bytes * 2 : LOG_BYTES_MIN;
    rocksdb_options_set_max_total_wal_size(db->options, log_bytes);
    rocksdb_options_set_max_open_files(db->options, OPEN_FILES);
    rocksdb_options_set_max_background_jobs(db->options, BACKGROUND);
    rocksdb_options_set_keep_log_file_num(db->options, LOG_FILES);
    rocksdb_options_set_info_log_level(db->options, LOG_HEADERS);
    rocksdb_options_set_stats_dump_period_sec(db->options, 0);
    rocksdb_options_set_stats_persist_period_sec(db->options, 0);
    rocksdb_options_set_compression(db->options, rocksdb_lz4_compression);

    db->reading = rocksdb_readoptions_create();
    db->writing = rocksdb_writeoptions_create();
}

static void free_db(struct st_db *db)
{
    rocksdb_writeoptions_destroy(db->writing);
    rocksdb_readoptions_destroy(db->reading);
    rocksdb_options_destroy(db->options);
    rocksdb_block_based_options_destroy(db->table);
    rocksdb_cache_destroy(db->cache);
    pthread_mutex_destroy(&db->lock);
    free(db->path);
    free(db);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static struct st_family *add_family(struct st_db *db, const char *name,
                                    rocksdb_column_family_handle_t *handle)
{
    struct st_family *family = aq_calloc(1, sizeof(*family));
    *family = (struct st_family){.db = db, .name = aq_strdup(name), .handle = handle, .next = db->families};
    db->families = family;
    return family;
}

static void free_family(struct st_family *family)
{
    AQ_ASSERT(!family->open && !family->pinned);
    rocksdb_column_family_handle_destroy(family->handle);
    free(family->name);
    free(family);
}

/* A database that is not there yet has no list: that is told by an error like any other, so it is not looked at. */
static char **list_families(struct st_db *db, size_t *ret_n)
{
    char *error = NULL;
    char **names = rocksdb_list_column_families(db->options, db->path, ret_n, &error);
    if (!error) return names;
    rocksdb_free(error);
    if (names) rocksdb_list_column_families_destroy(names, 0);
    *ret_n = 0;
    return NULL;
}

static int open_all(struct st_db *db, struct aq_err *err)
{
    static const char *const fresh[] = {DEFAULT_FAMILY};
    size_t n;
    char **listed = list_families(db, &n);
    const char *const *names = listed ? (const char *const *)listed : fresh;
    size_t n_names = listed ? n : 1;
    rocksdb_column_family_handle_t **handles = aq_calloc(n_names, sizeof(rocksdb_column_family_handle_t *));
    const rocksdb_options_t **options = aq_calloc(n_names, sizeof(rocksdb_options_t *));
    for (size_t i = 0; i < n_names; i++) options[i] = db->options;
    char *error = NULL;
    db->rocks =
        rocksdb_open_column_families(db->options, db->path, (int)n_names, names, options, handles, &error);
    int rc = judge(db->path, error, "cannot be opened", err);
    for (size_t i = 0; rc == 0 && i < n_names; i++) add_family(db, names[i], handles[i]);
    free(options);
    free(handles);
    if (listed) rocksdb_list_column_families_destroy(listed, n);
    return rc;
}

static int rocks_open(const struct st_db_conf *conf, struct st_db **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->path && conf->cache_bytes > 0 && conf->write_bytes > 0);
    int rc = check_room(conf->path, "cannot be opened", err);
    if (rc != 0) return rc;
    struct st_db *db = aq_calloc(1, sizeof(*db));
    db->path = aq_strdup(conf->path);
    pthread_mutex_init(&db->lock, NULL);
    make_options(db, conf);
    rc = open_all(db, err);
    if (rc != 0) {
        free_db(db);
        return rc;
    }
    *ret = db;
    return 0;
}

static void rocks_close(struct st_db *db)
{
    for (struct st_family *next, *family = db->families; family; family = next) {
        next = family->next;
        free_family(family);
    }
    rocksdb_close(db->rocks);
    free_db(db);
}

/* ---- families ----------------------------------------------------------------------------------------------------- */

static struct st_family **find_family(struct st_db *db, const char *name)
{
    struct st_family **link = &db->families;
    while (*link && strcmp((*link)->name, name) != 0) link = &(*link)->next;
    return link;
}

static int rocks_family_open(struct st_db *db, const char *name, struct st_family **ret, struct aq_err *err)
{
    AQ_ASSERT(strcmp(name, DEFAULT_FAMILY) != 0);
    int rc = 0;
    pthread_mutex_lock(&db->lock);
    struct st_family *family = *find_family(db, name);
    if (!family) rc = check_room(db->path, "a store cannot be made", err);
    if (rc == 0 && !family) {
        char *error = NULL;
        rocksdb_column_family_handle_t *handle =
            rocksdb_create_column_family(db->rocks, db->options, name, &error);
        rc = judge(db->path, error, "a store cannot be made", err);
        if (rc == 0) family = add_family(db, name, handle);
    }
    if (rc == 0) {
        AQ_ASSERT(!family->open);
        family->open = true;
        *ret = family;
    }
    pthread_mutex_unlock(&db->lock);
    return rc;
}

static void forget_value(struct st_family *family)
{
    if (family->pinned) rocksdb_pinnableslice_destroy(family->pinned);
    family->pinned = NULL;
}

static void rocks_family_close(struct st_family *family)
{
    struct st_db *db = family->db;
    forget_value(family);
    pthread_mutex_lock(&db->lock);
    AQ_ASSERT(family->open);
    family->open = false;
    pthread_mutex_unlock(&db->lock);
}

static int rocks_family_drop(struct st_db *db, const char *name, struct aq_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&db->lock);
    struct st_family **link = find_family(db, name);
    struct st_family *family = *link;
    if (family) {
        char *error = NULL;
        AQ_ASSERT(!family->open);
        rocksdb_drop_column_family(db->rocks, family->handle, &error);
        rc = judge(db->path, error, "a store cannot be deleted", err);
    }
    if (family && rc == 0) {
        *link = family->next;
        free_family(family);
    }
    pthread_mutex_unlock(&db->lock);
    return rc;
}

static void rocks_families(struct st_db *db, void (*each)(void *ctx, const char *name), void *ctx)
{
    pthread_mutex_lock(&db->lock);
    for (const struct st_family *family = db->families; family; family = family->next)
        if (strcmp(family->name, DEFAULT_FAMILY) != 0) each(ctx, family->name);
    pthread_mutex_unlock(&db->lock);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static int rocks_get(struct st_family *family, struct aq_slice key, struct aq_slice *ret, struct aq_err *err)
{
    struct st_db *db = family->db;
    char *error = NULL;
    forget_value(family);
    *ret = AQ_NULL_SLICE;
    family->pinned = rocksdb_get_pinned_cf(db->rocks, db->reading, family->handle, key.ptr, key.len, &error);
    int rc = judge(db->path, error, "cannot be read", err);
    if (rc != 0 || !family->pinned) return rc;
    size_t len;
    const char *value = rocksdb_pinnableslice_value(family->pinned, &len);
    *ret = len ? aq_slice_of(value, len) : AQ_LIT("");
    return 0;
}

static struct st_cursor *rocks_cursor(struct st_family *family)
{
    struct st_cursor *cursor = aq_calloc(1, sizeof(*cursor));
    cursor->db = family->db;
    cursor->iterator = rocksdb_create_iterator_cf(family->db->rocks, family->db->reading, family->handle);
    return cursor;
}

static void rocks_cursor_close(struct st_cursor *cursor)
{
    rocksdb_iter_destroy(cursor->iterator);
    free(cursor);
}

static void rocks_seek(struct st_cursor *cursor, struct aq_slice key)
{
    if (aq_slice_is_null(key))
        rocksdb_iter_seek_to_first(cursor->iterator);
    else
        rocksdb_iter_seek(cursor->iterator, key.ptr, key.len);
}

static bool rocks_at(const struct st_cursor *cursor, struct aq_slice *ret_key, struct aq_slice *ret_value)
{
    size_t len;
    if (!rocksdb_iter_valid(cursor->iterator)) return false;
    const char *bytes = rocksdb_iter_key(cursor->iterator, &len);
    *ret_key = len ? aq_slice_of(bytes, len) : AQ_LIT("");
    bytes = rocksdb_iter_value(cursor->iterator, &len);
    *ret_value = len ? aq_slice_of(bytes, len) : AQ_LIT("");
    return true;
}

static void rocks_seek_before(struct st_cursor *cursor, struct aq_slice key)
{
    struct aq_slice found, ignored;
    if (aq_slice_is_null(key)) {
        rocksdb_iter_seek_to_last(cursor->iterator);
        return;
    }
    rocksdb_iter_seek_for_prev(cursor->iterator, key.ptr, key.len);
    if (rocks_at(cursor, &found, &ignored) && aq_slice_equal(found, key)) rocksdb_iter_prev(cursor->iterator);
}

static void rocks_next(struct st_cursor *cursor)
{
    rocksdb_iter_next(cursor->iterator);
}

static void rocks_prev(struct st_cursor *cursor)
{
    rocksdb_iter_prev(cursor->iterator);
}

static int rocks_cursor_error(const struct st_cursor *cursor, struct aq_err *err)
{
    char *error = NULL;
    rocksdb_iter_get_error(cursor->iterator, &error);
    return judge(cursor->db->path, error, "cannot be read", err);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static struct st_db_batch *rocks_batch(struct st_db *db)
{
    struct st_db_batch *batch = aq_calloc(1, sizeof(*batch));
    batch->db = db;
    batch->batch = rocksdb_writebatch_create();
    return batch;
}

static void rocks_batch_destroy(struct st_db_batch *batch)
{
    if (!batch) return;
    rocksdb_writebatch_destroy(batch->batch);
    free(batch);
}

static void rocks_batch_put(struct st_db_batch *batch, struct st_family *family, struct aq_slice key,
                            struct aq_slice value)
{
    AQ_ASSERT(!aq_slice_is_null(key));
    if (aq_slice_is_null(value))
        rocksdb_writebatch_delete_cf(batch->batch, family->handle, key.ptr, key.len);
    else
        rocksdb_writebatch_put_cf(batch->batch, family->handle, key.ptr, key.len, value.ptr, value.len);
}

static void rocks_batch_delete_range(struct st_db_batch *batch, struct st_family *family,
                                     struct aq_slice from, struct aq_slice to)
{
    AQ_ASSERT(!aq_slice_is_null(from) && !aq_slice_is_null(to));
    rocksdb_writebatch_delete_range_cf(batch->batch, family->handle, from.ptr, from.len, to.ptr, to.len);
}

/* Empty for the next. */
static void renew(struct st_db_batch *batch)
{
    size_t len;
    rocksdb_writebatch_data(batch->batch, &len);
    if (len <= BATCH_KEPT) {
        rocksdb_writebatch_clear(batch->batch);
        return;
    }
    rocksdb_writebatch_destroy(batch->batch);
    batch->batch = rocksdb_writebatch_create();
}

static int rocks_batch_write(struct st_db_batch *batch, struct aq_err *err)
{
    char *error = NULL;
    if (rocksdb_writebatch_count(batch->batch) == 0) return 0;
    AQ_CRASH_POINT(BEFORE_STORE_WRITE);
    AQ_CRASH_SOON(IN_STORE_WRITE);
    rocksdb_write(batch->db->rocks, batch->db->writing, batch->batch, &error);
    AQ_CRASH_POINT(AFTER_STORE_WRITE);
    int rc = judge(batch->db->path, error, "cannot be written", err);
    if (rc == 0) renew(batch);
    return rc;
}

static uint64_t rocks_memory(struct st_db *db)
{
    uint64_t written = 0;
    uint64_t sum = rocksdb_cache_get_usage(db->cache);
    pthread_mutex_lock(&db->lock);
    for (const struct st_family *family = db->families; family; family = family->next) {
        int rc =
            rocksdb_property_int_cf(db->rocks, family->handle, "rocksdb.cur-size-all-mem-tables", &written);
        if (rc == 0) sum += written;
    }
    pthread_mutex_unlock(&db->lock);
    return sum;
}

const struct st_db_kind st_db_rocks = {
    .name = "rocksdb",
    .open = rocks_open,
    .close = rocks_close,
    .family_open = rocks_family_open,
    .family_close = rocks_family_close,
    .family_drop = rocks_family_drop,
    .families = rocks_families,
    .get = rocks_get,
    .cursor = rocks_cursor,
    .cursor_close = rocks_cursor_close,
    .seek = rocks_seek,
    .seek_before = rocks_seek_before,
    .next = rocks_next,
    .prev = rocks_prev,
    .at = rocks_at,
    .cursor_error = rocks_cursor_error,
    .batch = rocks_batch,
    .batch_destroy = rocks_batch_destroy,
    .batch_put = rocks_batch_put,
    .batch_delete_range = rocks_batch_delete_range,
    .batch_write = rocks_batch_write,
    .memory = rocks_memory,
};
