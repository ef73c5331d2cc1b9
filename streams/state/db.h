/* SPDX-License-Identifier: Apache-2.0
 *
 * Where stores are kept when they are not in the cache: families of sorted keys, written in atomic batches. Two kinds: RocksDB in a folder
 * (streams/state/db_rocks.c), and memory (streams/state/db_memory.c), which is gone with the process.
 *
 * A family is one store of one task. Keys are ordered as unsigned bytes, a key before its extensions. A batch may touch any number of
 * families and is written as a whole or not at all, also when the process is killed in the middle; after a power failure what
 * was written last may be missing, as a whole, from the end backwards.
 *
 * Ownership: what a reader or a cursor returns belongs to it until its next call. Families must be closed before their database.
 * Threads: a database may be used by all threads of the process; one family by one thread at a time, and so may a batch, a reader, a
 * cursor.
 * Errors: AQ_E_IO and AQ_E_CORRUPT with the folder in the text; AQ_E_BUSY when another process has it open.
 */
#ifndef AQ_STREAMS_STATE_DB_H
#define AQ_STREAMS_STATE_DB_H

#include "base/err.h"
#include "base/slice.h"

struct st_db_conf {
    const char
        *path; /* the folder; made when it is missing, its parent must be there. Memory: not looked at */
    uint64_t cache_bytes; /* blocks read, for all families together */
    uint64_t write_bytes; /* written and not in files yet, for all families together */
};

struct st_db;
struct st_family;
struct st_db_batch;
struct st_cursor;

struct st_db_kind {
    const char *name;
    int (*open)(const struct st_db_conf *conf, struct st_db **ret, struct aq_err *err);
    void (*close)(struct st_db *db);
    /* Opens a family, or makes an empty one. One opened twice is an error of the caller. */
    int (*family_open)(struct st_db *db, const char *name, struct st_family **ret, struct aq_err *err);
    void (*family_close)(struct st_family *family);
    /* Deletes one that is not open, with all it holds; one that is not there is fine. */
    int (*family_drop)(struct st_db *db, const char *name, struct aq_err *err);
    /* Calls back with the name of every family there is, open or not. */
    void (*families)(struct st_db *db, void (*each)(void *ctx, const char *name), void *ctx);

    /* null: the family does not hold the key. Valid until the family's next read. */
    int (*get)(struct st_family *family, struct aq_slice key, struct aq_slice *ret, struct aq_err *err);

    /* It shows the family as it was when it was made. */
    struct st_cursor *(*cursor)(struct st_family *family);
    void (*cursor_close)(struct st_cursor *cursor);
    /* To the first key that is not less; to the last key that is less. key null: to the very first; to the very last. */
    void (*seek)(struct st_cursor *cursor, struct aq_slice key);
    void (*seek_before)(struct st_cursor *cursor, struct aq_slice key);
    void (*next)(struct st_cursor *cursor);
    void (*prev)(struct st_cursor *cursor);
    /* False behind either end, and after an error. */
    bool (*at)(const struct st_cursor *cursor, struct aq_slice *ret_key, struct aq_slice *ret_value);
    int (*cursor_error)(const struct st_cursor *cursor, struct aq_err *err);

    struct st_db_batch *(*batch)(struct st_db *db);
    void (*batch_destroy)(struct st_db_batch *batch);
    /* The batch copies. value null: deletes. */
    void (*batch_put)(struct st_db_batch *batch, struct st_family *family, struct aq_slice key,
                      struct aq_slice value);
    /* Deletes the keys in [from, to). */
    void (*batch_delete_range)(struct st_db_batch *batch, struct st_family *family, struct aq_slice from,
                               struct aq_slice to);
    /* Writes it and empties it for the next; on an error it is kept as it is. */
    int (*batch_write)(struct st_db_batch *batch, struct aq_err *err);

    /* What the database holds in memory, for metrics. */
    uint64_t (*memory)(struct st_db *db);
};

extern const struct st_db_kind st_db_rocks;
extern const struct st_db_kind st_db_memory;

#endif
