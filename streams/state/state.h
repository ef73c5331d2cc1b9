/* SPDX-License-Identifier: Apache-2.0
 *
 * One store of one task: its table in front of its family. Essay: streams/state/state.c.
 *
 * Keys have the two parts of streams/state/table.h. In the family, and in the changelog, they are one: the bucket and the rest behind it.
 * Where rests have one length that tells where the bucket ends; where they have not, its length stands in front of it, 4 bytes
 * big-endian (Kafka's combined key of a foreign key join). For what the rests of windows and sessions are see streams/serde/windowed_key.h.
 *
 * Ownership: the state owns its table, and opens and closes its family; the database outlives it. Slices that are handed out are
 * valid until the next call. Threads: the worker that owns the task.
 * Errors: those of the database.
 */
#ifndef AQ_STREAMS_STATE_STATE_H
#define AQ_STREAMS_STATE_STATE_H

#include "streams/state/bulk.h"
#include "streams/state/table.h"

#define ST_REST_VARIES (-1)

struct st_state_conf {
    const struct st_db_kind *kind;
    struct st_db *db;
    const char *family;   /* its name */
    int32_t rest_len;     /* of every key: 0 in a key-value store; ST_REST_VARIES */
    uint64_t cache_bytes; /* what the table may cost besides the changes of cycles that are not over */
};

struct st_state {
    struct st_state_conf conf;
    struct st_family *family;
    struct st_table table;
    char *key; /* the last one put together */
    size_t key_cap;
    uint64_t hits, misses; /* of keys asked for one by one */
};

int st_state_open(struct st_state *state, const struct st_state_conf *conf, struct aq_err *err);
void st_state_close(struct st_state *state);

/* ---- for processors ----------------------------------------------------------------------------------------------- */

/* What an entry was before it was changed in this cycle, of which the table does not know: as the database has it. null: it was not
 * there. Valid until the store's next read. */
int st_state_get_unchanged(struct st_state *state, struct aq_slice bucket, struct aq_slice rest,
                           struct aq_slice *ret, struct aq_err *err);

/* null: it is not there. */
int st_state_get(struct st_state *state, struct aq_slice bucket, struct aq_slice rest, struct aq_slice *ret,
                 struct aq_err *err);
/* null: deleted. */
void st_state_put(struct st_state *state, struct aq_slice bucket, struct aq_slice rest,
                  struct aq_slice value);

/* Entries by the bytes of their keys. Returns 0 to go on, 1 to stop, or a code to end with. Must not change the state. */
typedef int st_state_each(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                          struct aq_err *err);

struct st_state_range {
    struct aq_slice from, to; /* both inclusive; null: open */
    bool backwards;
};

/* Entries of one bucket whose rests are in the range. 0, or the code. */
int st_state_bucket(struct st_state *state, struct aq_slice bucket, const struct st_state_range *rests,
                    st_state_each *each, void *ctx, struct aq_err *err);
/* Entries whose whole keys, as they are in the family, are in the range. */
int st_state_all(struct st_state *state, const struct st_state_range *keys, st_state_each *each, void *ctx,
                 struct aq_err *err);

/* ---- for the cycle ------------------------------------------------------------------------------------------------ */

/* The key as it is in the family and in the changelog. */
struct aq_slice st_state_key(struct st_state *state, struct aq_slice bucket, struct aq_slice rest);
/* Takes a key of the family apart; false when it is none of ours. */
bool st_state_split(const struct st_state *state, struct aq_slice key, struct aq_slice *ret_bucket,
                    struct aq_slice *ret_rest);
/* Adds what the sealed cycle changed to the batch; st_table_committed() is called when the batch is written. */
void st_state_write(struct st_state *state, struct st_db_batch *batch);
/* Keys and values of the changelog, while the task is not running yet: straight into the family. The bulk is empty then. */
void st_state_restore(struct st_state *state, struct st_db_batch *batch, struct st_bulk *rows);
/* Deletes a key of the family that is too old, in the batch, and from the table. False, and nothing is done, when a cycle that is not over
 * has changed it. */
bool st_state_expire(struct st_state *state, struct st_db_batch *batch, struct aq_slice key);
/* At the end of a turn: keeps the cache within its bound. */
void st_state_trim(struct st_state *state);

#endif
