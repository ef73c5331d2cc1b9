/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of one store of one task: what of the store is in memory, with a way back for everything that is not committed. Essay:
 * streams/state/table.c.
 *
 * Keys have two parts. The first, the bucket, is what a processor asks for: the record's key; all entries of one bucket are
 * found at once. The second, the rest, orders the entries within it, as unsigned bytes: nothing in a key-value store, start and
 * sequence in a window store, end and start in a session store, the primary key in the store of a foreign key join.
 *
 * Ownership: the table copies what it is given. Slices it returns are valid until the next call that changes the table.
 * Threads: the worker that owns the task.
 */
#ifndef AQ_STREAMS_STATE_TABLE_H
#define AQ_STREAMS_STATE_TABLE_H

#include "base/arena.h"

struct st_bucket;

/* One key's value, as far as it is known. */
struct st_entry {
    struct st_bucket *bucket;
    char *bytes; /* the rest of the key, and the value behind it */
    uint32_t rest_len;
    uint32_t value_len;
    uint32_t room;   /* bytes that the value may grow to in place */
    int32_t change;  /* in the open cycle's list; -1 when it was not changed in it */
    bool present;    /* false: the store is known not to hold it */
    uint8_t pending; /* cycles it was changed in that are not over: 0 to 2 */
};

/* What a cycle did to one entry. */
struct st_table_change {
    struct st_entry *entry;
    struct aq_slice old; /* its value before the cycle; null: there was none */
    bool known;          /* false: nothing was known of it before, so `old` says nothing */
};

/* The changes of one cycle, one for each entry, in the order of the first one. They lie in blocks of ST_CHANGES_A_BLOCK, which go when the
 * cycle is over: how many changes a cycle has differs by far, and stores have their large ones at different times. */
#define ST_CHANGES_A_BLOCK 128
struct st_changes {
    struct st_table_change **blocks;
    uint32_t n, n_blocks, cap_blocks;
    struct aq_arena arena; /* old values */
};

struct st_table {
    struct st_bucket **slots;
    uint32_t n_slots; /* a power of two */
    uint32_t n_buckets;
    struct st_bucket *newest, *oldest; /* by last use */
    uint64_t bytes;                    /* what the table costs */
    uint64_t pinned_bytes; /* of it, buckets that cannot be forgotten before their cycles are over */
    struct st_changes cycles[2];
    uint8_t open; /* which of them takes changes */
    bool sealed;  /* the other one is being committed */
};

void st_table_init(struct st_table *table);
void st_table_finish(struct st_table *table);

/* ---- looking ------------------------------------------------------------------------------------------------------ */

/* True when the key's value is known, null when the store does not hold it; false: the store has to be asked. */
bool st_table_get(struct st_table *table, struct aq_slice bucket, struct aq_slice rest,
                  struct aq_slice *ret_value);
/* The entries of a bucket in the order of their rests, those that are not present included; NULL with *ret_n 0 when nothing is known.
 * *ret_whole: there are no others in the store. */
struct st_entry **st_table_bucket(struct st_table *table, struct aq_slice bucket, uint32_t *ret_n,
                                  bool *ret_whole);

struct aq_slice st_entry_key(const struct st_entry *entry); /* the bucket */
struct aq_slice st_entry_rest(const struct st_entry *entry);
/* null when it is not present. */
struct aq_slice st_entry_value(const struct st_entry *entry);

/* ---- changing ----------------------------------------------------------------------------------------------------- */

/* What the store answered: known from now on, no change. value null: it holds nothing. Not for a key that is known. */
void st_table_learn(struct st_table *table, struct aq_slice bucket, struct aq_slice rest,
                    struct aq_slice value);
/* All of the bucket that is in the store has been learnt. */
void st_table_learnt_all(struct st_table *table, struct aq_slice bucket);

/* A change in the open cycle. value null: deleted; it must not lie in the table. Nothing need be known of the key before. */
void st_table_put(struct st_table *table, struct aq_slice bucket, struct aq_slice rest,
                  struct aq_slice value);

/* The store is about to lose this key, which is too old: so does the table. False when a cycle that is not over has changed it. */
bool st_table_forget(struct st_table *table, struct aq_slice bucket, struct aq_slice rest);
/* Forgets what was not used for longest and does not belong to a cycle until the table costs no more than `bytes`, if it can. */
void st_table_trim(struct st_table *table, uint64_t bytes);

/* ---- cycles ------------------------------------------------------------------------------------------------------- */

/* The change with this number, below changes->n. */
static inline struct st_table_change *st_change_at(const struct st_changes *changes, uint32_t i)
{
    return &changes->blocks[i / ST_CHANGES_A_BLOCK][i % ST_CHANGES_A_BLOCK];
}

/* What the open cycle changed so far. */
const struct st_changes *st_table_changes(const struct st_table *table);
/* The open cycle is over: it is about to be committed, and the next one opens. Only one can be on its way. */
void st_table_seal(struct st_table *table);
/* What the sealed cycle changed. */
const struct st_changes *st_table_sealed(const struct st_table *table);
/* The value at the end of the sealed cycle, whatever the open one has done to it since; null: deleted. */
struct aq_slice st_table_sealed_value(const struct st_table *table, const struct st_table_change *change);
/* The sealed cycle is durable. */
void st_table_committed(struct st_table *table);
/* Takes back what the open cycle changed; and what the sealed one did, if it is not durable. */
void st_table_abort_open(struct st_table *table);
void st_table_abort_sealed(struct st_table *table);

#endif
