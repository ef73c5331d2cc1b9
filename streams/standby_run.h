/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper's own structure, shared by standby.c and standby_read.c only.
 */
#ifndef AQ_STREAMS_STANDBY_RUN_H
#define AQ_STREAMS_STANDBY_RUN_H

#include <pthread.h>

#include "kafka/lookup.h"
#include "streams/feed.h"
#include "streams/leftovers.h"
#include "streams/standby.h"

/* The changelog of one store of a copy. */
struct st_copy_log {
    struct st_copy *copy;
    struct st_kept *kept; /* NULL: the copy is closed; under lock */
    const struct st_store *store;
    struct st_feed feed; /* as a slot's, for what the snapshot says of it */
    bool reading;        /* assigned to the consumer */
    int64_t next;        /* what kept->next was last, for who has no lock */
};

/* The stores of one task. */
struct st_copy {
    const struct st_subtopology *subtopology;
    int32_t partition;
    int32_t slot;
    bool wanted;
    struct st_stores *stores; /* NULL: not open; under lock */
    struct st_copy_log *logs;
    size_t n_logs;
    int64_t again_us; /* not opened before; under lock */
    int64_t since_us; /* when it was opened */
    uint64_t restored;
    bool caught_up;
};

struct st_standby {
    struct st_standby_conf conf;
    char me[320]; /* the name of one of our members */
    struct aq_names names;
    struct kc_admin *admin; /* these open with the first look and the first copy */
    struct kc_reader *reader;
    struct kc_lookup *lookup;
    struct kc_consumer *consumer;
    struct st_view *view;
    bool *keep; /* by slot */
    int64_t look_us;
    int64_t clean_us;
    int64_t show_us;
    bool troubled; /* the last look failed, and that was said */
    struct st_leftovers leftovers;
    pthread_mutex_t lock;
    struct st_copy **copies;
    size_t n_copies, cap_copies;
    _Atomic int64_t wanted_us; /* when a worker last went away without the lock; 0: it got it */
    atomic_bool poked;
    atomic_bool settled;
    atomic_bool stopping;
    pthread_t thread;
    bool running;
    struct st_standby_counters counters;
};

/* Under lock. What a worker or a later turn goes on from is written already. */
void st_copy_close(struct st_copy *copy);
/* The client that answers questions, opened with the first of them. */
int st_standby_open_admin(struct st_standby *standby, struct aq_err *err);
void st_standby_say_trouble(struct st_standby *standby, const struct aq_err *err);
/* A worker went away without the lock: it comes again with its next turn. */
bool st_standby_is_wanted(const struct st_standby *standby);

/* ---- streams/standby_read.c --------------------------------------------------------------------------------------- */

/* Those that are wanted and not open, as far as it can be done now. */
void st_standby_open_copies(struct st_standby *standby, int64_t now);
/* Copies that were closed, by a worker perhaps, are read no further. */
void st_standby_stop_closed(struct st_standby *standby);
void st_standby_read(struct st_standby *standby, int64_t now, int wait_ms);

#endif
