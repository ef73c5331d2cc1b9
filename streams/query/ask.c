/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions and the box they come by (streams/query/ask.h).
 *
 * An ordinary pass: a thread that serves HTTP fills a question in, posts it to the worker whose task has the store, and waits. The worker
 * looks at the box once a turn, which costs one load while nobody asks; it takes all that came, reads the rows between two records,
 * puts copies of them into the ask, and wakes who waits. So nobody but a store's own worker ever reads it, and there is no lock on the
 * way of a record.
 *
 * A failing pass: the answer does not come in time (the worker waits for the disk, or for a cluster). Who asked goes away and leaves its
 * ask behind: the worker's reference keeps it, and the last one to let go frees it. A worker that ends closes its box: what had come is
 * refused by it, and what comes later is not taken.
 *
 * Invariants: an ask is posted once; next belongs to the box, then to the worker.
 */
#include "streams/query/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/mem.h"

struct st_ask *st_ask_create(void)
{
    struct st_ask *ask = aq_calloc(1, sizeof(*ask));
    pthread_condattr_t how;
    aq_arena_init(&ask->arena, 4096);
    atomic_init(&ask->references, 1);
    pthread_mutex_init(&ask->lock, NULL);
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(&ask->changed, &how);
    pthread_condattr_destroy(&how);
    ask->question =
        (struct st_question){.time_from = ST_TIME_OPEN, .time_to = ST_TIME_OPEN, .as_of_ms = ST_TIME_OPEN};
    ask->reply = (struct st_reply){.changelog_position = -1, .changelog_lag = -1};
    return ask;
}

void st_ask_unref(struct st_ask *ask)
{
    if (!ask || atomic_fetch_sub(&ask->references, 1) != 1) return;
    pthread_cond_destroy(&ask->changed);
    pthread_mutex_destroy(&ask->lock);
    aq_arena_finish(&ask->arena);
    free(ask->reply.rows);
    free(ask);
}

/* ---- answering ---------------------------------------------------------------------------------------------------- */

void st_ask_row(struct st_ask *ask, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value)
{
    struct st_reply *reply = &ask->reply;
    AQ_ASSERT(!aq_slice_is_null(bucket));
    if (reply->n_rows == reply->cap_rows) {
        reply->cap_rows = reply->cap_rows ? reply->cap_rows * 2 : 16;
        reply->rows = aq_realloc(reply->rows, reply->cap_rows * sizeof(*reply->rows));
    }
    reply->rows[reply->n_rows++] = (struct st_found_row){.bucket = aq_arena_copy(&ask->arena, bucket),
                                                         .rest = aq_arena_copy(&ask->arena, rest),
                                                         .value = aq_arena_copy(&ask->arena, value)};
    reply->bytes += bucket.len + rest.len + value.len;
}

void st_ask_refuse(struct st_ask *ask, enum st_here here, const char *format, ...)
{
    AQ_ASSERT(here != ST_HERE);
    va_list args;
    va_start(args, format);
    vsnprintf(ask->reply.why, sizeof(ask->reply.why), format, args);
    va_end(args);
    ask->reply.here = here;
    ask->reply.n_rows = 0;
}

void st_ask_answered(struct st_ask *ask)
{
    pthread_mutex_lock(&ask->lock);
    AQ_ASSERT(!ask->answered);
    ask->answered = true;
    pthread_cond_signal(&ask->changed);
    pthread_mutex_unlock(&ask->lock);
    st_ask_unref(ask);
}

bool st_ask_wait(struct st_ask *ask, int64_t timeout_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + timeout_us % 1000000 * 1000;
    until.tv_sec += (time_t)(timeout_us / 1000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&ask->lock);
    int rc = 0;
    while (!ask->answered && rc == 0) rc = pthread_cond_timedwait(&ask->changed, &ask->lock, &until);
    bool answered = ask->answered;
    pthread_mutex_unlock(&ask->lock);
    return answered;
}

/* ---- the box ------------------------------------------------------------------------------------------------------ */

/* In the place of the newest: nothing is taken any more. */
static struct st_ask closed;

void st_mailbox_init(struct st_mailbox *box)
{
    atomic_init(&box->newest, NULL);
}

bool st_mailbox_post(struct st_mailbox *box, struct st_ask *ask)
{
    struct st_ask *newest = atomic_load(&box->newest);
    atomic_fetch_add(&ask->references, 1);
    do {
        if (newest == &closed) {
            atomic_fetch_sub(&ask->references, 1);
            return false;
        }
        ask->next = newest;
    } while (!atomic_compare_exchange_weak(&box->newest, &newest, ask));
    return true;
}

static struct st_ask *oldest_first(struct st_ask *newest)
{
    struct st_ask *list = NULL;
    for (struct st_ask *next, *ask = newest; ask; ask = next) {
        next = ask->next;
        ask->next = list;
        list = ask;
    }
    return list;
}

struct st_ask *st_mailbox_take(struct st_mailbox *box)
{
    struct st_ask *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);
    if (!newest || newest == &closed) return NULL;
    return oldest_first(atomic_exchange(&box->newest, NULL));
}

struct st_ask *st_mailbox_close(struct st_mailbox *box)
{
    struct st_ask *newest = atomic_exchange(&box->newest, &closed);
    return newest == &closed ? NULL : oldest_first(newest);
}
