/* SPDX-License-Identifier: Apache-2.0
 *
 * A question to one partition of one store, and the box through which it reaches the worker that has it. Essay: streams/query/ask.c.
 *
 * Ownership: counted references: the asker's, and the box's while it is on its way. What the question points to lies in its arena; the
 * answer does, too. Threads: the asker fills the question in and hands it over; from then on until st_ask_wait() says that it is answered
 * nobody but the worker touches anything in it.
 */
#ifndef AQ_STREAMS_QUERY_ASK_H
#define AQ_STREAMS_QUERY_ASK_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "streams/query/queryable.h"

#define ST_TIME_OPEN (-1) /* no bound */

struct st_question {
    const struct st_queryable *of;
    int32_t partition;
    int32_t slot;
    struct aq_slice key;      /* of the rows; null: all in the range */
    struct aq_slice from, to; /* of keys, inclusive; null: open */
    /* Windows: of their starts; sessions that touch it; versions that were valid in it. */
    int64_t time_from, time_to;
    int64_t as_of_ms; /* versioned, when no times are given: as of then; open: now */
    struct aq_slice
        after; /* the page begins behind this key of the store, as the page before said; null: it is the first */
    uint32_t most_rows;
    bool stale; /* what is not up to date will do */
};

enum st_here {
    ST_HERE,           /* the rows are the answer */
    ST_NOT_HERE,       /* this worker does not have the partition */
    ST_HERE_TAKING,    /* it is finding out where the partition stands */
    ST_HERE_STARTING,  /* its stores are not open yet */
    ST_HERE_RESTORING, /* its stores are being read from their changelogs */
    ST_HERE_LOST,      /* the group may have given it to somebody else by now */
    ST_HERE_STOPPED,   /* the worker ends */
    ST_HERE_FAILED,    /* the store cannot be read */
    ST_HERE_SILENT,    /* no answer in time */
};

struct st_found_row {
    struct aq_slice bucket, rest, value; /* as they are kept */
};

/* Where the partition of an input is committed. */
struct st_stand {
    const char *topic;
    int32_t partition;
    int64_t position; /* next offset; -1: none yet */
    int64_t lag;      /* records committed to the topic behind it, as far as is known; -1: unknown */
};

struct st_reply {
    enum st_here here;
    char why[256];  /* unless it is here */
    bool restoring; /* stale: the store is on its way */
    bool standby;   /* stale: it follows another instance */
    struct st_found_row *rows;
    uint32_t n_rows, cap_rows;
    size_t bytes;         /* of rows */
    bool more;            /* there is another page, */
    struct aq_slice last; /* behind this key */
    bool expired;         /* as_of_ms is older than the history of a versioned store */
    int64_t
        changelog_position; /* the store has what is before it; -1: it has no changelog, or nothing is known */
    int64_t changelog_lag;  /* records of it that the store does not have yet; -1: unknown */
    struct st_stand *stands;
    size_t n_stands;
};

struct st_ask {
    struct st_question question;
    struct st_reply reply;
    struct aq_arena arena;
    pthread_mutex_t lock; /* guards answered */
    pthread_cond_t changed;
    bool answered;
    atomic_int references;
    struct st_ask *next; /* the box's */
};

struct st_ask *st_ask_create(void);
void st_ask_unref(struct st_ask *ask);

/* For the worker. */
void st_ask_row(struct st_ask *ask, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value);
void st_ask_refuse(struct st_ask *ask, enum st_here here, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Gives the worker's reference back. */
void st_ask_answered(struct st_ask *ask);

/* [blocks] True when it is answered. Else the reply must not be looked at, and the ask is only good for being given back. */
bool st_ask_wait(struct st_ask *ask, int64_t timeout_us);

/* ---- the box -------------------------------------------------------------------------------------------------------- */

struct st_mailbox {
    _Atomic(struct st_ask *) newest;
};

void st_mailbox_init(struct st_mailbox *box);
/* Any thread. False when it is closed; takes a reference of its own otherwise. */
bool st_mailbox_post(struct st_mailbox *box, struct st_ask *ask);
/* The owner: everything that came, the oldest first, linked by next; NULL: nothing. */
struct st_ask *st_mailbox_take(struct st_mailbox *box);
/* The owner: nothing comes any more. What had come is the caller's to answer. */
struct st_ask *st_mailbox_close(struct st_mailbox *box);

static inline bool st_mailbox_is_empty(struct st_mailbox *box)
{
    return atomic_load_explicit(&box->newest, memory_order_relaxed) == NULL;
}

#endif
