/* SPDX-License-Identifier: Apache-2.0
 *
 * The stores of one task: opened, restored, written to their changelogs, and made durable with each commit. Essay: streams/state/stores.c.
 *
 * Ownership: the databases outlive the stores. Threads: the worker that owns the task; the databases are shared by the process.
 * Errors: those of the database, with the store's name.
 */
#ifndef AQ_STREAMS_STATE_STORES_H
#define AQ_STREAMS_STATE_STORES_H

#include "base/name.h"
#include "streams/state/dbs.h"
#include "streams/outbox.h"
#include "streams/topology/plan.h"
#include "streams/state/state.h"

struct st_stores;

/* How long changelogs keep deletions (delete.retention.ms, Kafka's default, which their topics are created with), and how old a family
 * may be that is gone on with. In between are the time a restore takes, and clocks that differ. */
#define ST_TOMBSTONES_MS   INT64_C(86400000)
#define ST_TOMBSTONES_TEXT "86400000"
#define ST_KEPT_MS         (ST_TOMBSTONES_MS / 6 * 5)

/* One database as the task sees it: what is written to it at a commit is one batch. */
struct st_home {
    const struct st_db_kind *kind;
    struct st_db *db;
    struct st_family *
        offsets; /* by name of a store's family: st_kept.next and written_ms, 8 bytes each, big-endian, and the log's id */
    struct st_db_batch *batch;
};

/* One store of the task. */
struct st_kept {
    const struct st_store *store;
    struct st_stores *stores;
    struct st_home *home;
    const char *family;
    const struct aq_name *changelog; /* NULL: none */
    /* The changelog among the slot's marks, so that it stands in every snapshot: how far it goes at least, and the id under which it was
     * begun (topic_id), by which a family knows whether it belongs to it. The slot's. */
    struct st_feed *log;
    struct st_state state;
    int64_t
        next; /* changelog: what is before it is in the family; there may be more in it than this says; -1: nothing known */
    int64_t sealed;     /* what it will be when the sealed cycle is committed */
    int64_t written_ms; /* wall clock: when `next` was written last */
    bool checked;       /* it goes with its changelog, see st_kept_check() */
    char id[KC_ID_MAX]; /* of the changelog the family was made of; "": none yet */
    int64_t end;        /* where the changelog ended when the task was taken; negative: not known yet */
    bool restoring;
    uint64_t restored;       /* records */
    struct st_bulk gathered; /* rows of the changelog from `next` on, which are not in the family yet */
    int64_t taken;           /* … up to here */
    uint64_t written;        /* changelog records of the sealed cycle */
    /* For retention (streams/state/retention.c): times of keys, committed. */
    int64_t newest_ms;
    int64_t oldest_ms; /* no entry of the family is older; INT64_MIN: not known */
    int64_t left_ms;   /* none that the round in progress has passed, or that was written since it began */
    char *swept;       /* where the round goes on; NULL: none is in progress */
    size_t swept_len;
};

struct st_stores {
    const struct st_subtopology *subtopology;
    int32_t partition;
    struct st_claims *claims; /* of the databases: this task is among them */
    struct st_home homes[2];
    struct st_kept *list; /* in the order of the sub-topology's stores */
    size_t n;
    bool ready;       /* restored: the task may run */
    int64_t since_us; /* when they were opened */
    struct st_stores *next;
};

struct st_stores_conf {
    const struct st_dbs *dbs;
    const struct st_subtopology *subtopology;
    int32_t partition;
    struct aq_names *names;
};

/* BUSY while another thread of this process still has them open. */
int st_stores_open(const struct st_stores_conf *conf, struct st_stores **ret, struct aq_err *err);
/* What is not committed is gone. */
void st_stores_close(struct st_stores *stores);
/* Something of the task's stores is in the databases. */
bool st_stores_exist(const struct st_dbs *dbs, const struct st_subtopology *subtopology, int32_t partition);
/* Deletes it. BUSY while they are open. */
int st_stores_delete(const struct st_dbs *dbs, const struct st_subtopology *subtopology, int32_t partition,
                     struct aq_err *err);
struct st_kept *st_stores_find_kept(const struct st_stores *stores, const struct st_store *store);
struct st_state *st_stores_find(const struct st_stores *stores, const struct st_store *store);

/* The slot's mark for the changelog of a store that has one. To be called for each before anything is restored. */
void st_kept_follow(struct st_kept *kept, struct st_feed *log);

/* ---- restoring ---------------------------------------------------------------------------------------------------- */

/* Records of the changelog, all from kept->next on or behind it: into the family, with how far it goes then. Far from the changelog's
 * end they are gathered first, and kept->next stays where it is until they are written. */
int st_kept_take(struct st_kept *kept, const struct aq_batch *batch, struct aq_err *err);
/* The changelog was read up to `next`: what is in front of it is in the family, or never was a record. */
int st_kept_reach(struct st_kept *kept, int64_t next, struct aq_err *err);
/* The family belongs to the changelog there is, which has all that was committed to it, and still what was deleted since; else it is
 * wiped. STATE when the changelog has lost some; AGAIN, with kept->end taken back, when that may be a commit whose marker is still to
 * come. */
int st_kept_check(struct st_kept *kept, struct aq_err *err);
/* The changelog does not go on where the family ends: everything anew. */
int st_kept_wipe(struct st_kept *kept, struct aq_err *err);

/* ---- the cycle ---------------------------------------------------------------------------------------------------- */

bool st_stores_changed(const struct st_stores *stores);
/* Bytes of changes that are not committed. */
uint64_t st_stores_pinned(const struct st_stores *stores);
uint64_t st_stores_bytes(const struct st_stores *stores);
/* Forgets what is not changed until these stores cost no more than their part of `share`, when all of a worker's cost `sum`. */
void st_stores_trim(struct st_stores *stores, uint64_t share, uint64_t sum);
/* Adds one record for each changed entry to the outbox, which is closed when it is full. time_ms: of entries without a time of their
 * own. */
void st_stores_write_changelog(struct st_stores *stores, struct st_outbox *outbox, int64_t time_ms,
                               struct st_mark (*position)(const struct st_feed *feed));
/* What was changed so far is being committed. */
void st_stores_seal(struct st_stores *stores, bool exactly_once);
/* It is. */
int st_stores_committed(struct st_stores *stores, struct aq_err *err);
/* Back to what was committed. */
void st_stores_abort(struct st_stores *stores);
bool st_stores_are_sealed(const struct st_stores *stores);

#endif
