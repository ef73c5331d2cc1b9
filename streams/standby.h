/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies: the stores of tasks that other processes have, kept up to date here, so that a task whose process is lost goes on within a
 * moment. One keeper a process; it also deletes the stores of tasks that moved away for good. Essay: streams/standby.c.
 *
 * Threads: create, start, stop and destroy by the application's supervisor; turns in a thread of its own (start), or by whoever
 * drives it (simulation). Yield from any worker; borrow from any thread; poke, settled, counters and status from anywhere.
 */
#ifndef AQ_STREAMS_STANDBY_H
#define AQ_STREAMS_STANDBY_H

#include "base/metric.h"
#include "streams/catalog.h"
#include "streams/state/stores.h"

struct st_standby;

struct st_standby_conf {
    const struct kc_ops *ops;
    const struct st_settings *settings;
    const struct st_plan *plan;
    struct st_catalog *catalog; /* connected before the first turn */
    const struct st_dbs *dbs;
};

struct st_standby_counters {
    aq_counter stores;   /* kept now */
    aq_counter lag;      /* records between them and the ends of their changelogs, as far as known */
    aq_counter restored; /* records read into them so far */
    aq_counter deleted;  /* tasks whose leftover stores were deleted */
};

/* Everything in conf outlives it. */
struct st_standby *st_standby_create(const struct st_standby_conf *conf);
/* Ends the thread and closes what is open. No worker may be left that could yield. */
void st_standby_destroy(struct st_standby *standby);

/* me: the name of any member of this process, its instance id or its client id. Before the first turn. */
void st_standby_name(struct st_standby *standby, const char *me);
int st_standby_start(struct st_standby *standby, struct aq_err *err);
void st_standby_stop(struct st_standby *standby);
/* One bounded round, but for brokers that do not answer. */
void st_standby_turn(struct st_standby *standby, int64_t now, int wait_ms);

/* The group has moved: look at it soon. */
void st_standby_poke(struct st_standby *standby);
/* Whether every worker has what the group gave it. Nothing is deleted while they have not. */
void st_standby_settled(struct st_standby *standby, bool settled);

/* The copy of this task, if there is one, is closed: whoever asks may open its stores. False: the keeper is just writing to it; it stops,
 * and the next call will do. Never waits. */
bool st_standby_yield(struct st_standby *standby, const struct st_subtopology *subtopology,
                      int32_t partition);

/* For reading (st_state_get(), st_state_bucket(), st_state_all() of its states): the stores of the copy of this task, as of what was
 * read of their changelogs so far; NULL: there is none here. Until they are given back, which must be soon, the keeper and everybody who
 * borrows wait. May wait for a batch being written. */
struct st_stores *st_standby_borrow(struct st_standby *standby, const struct st_subtopology *subtopology,
                                    int32_t partition);
void st_standby_give_back(struct st_standby *standby, struct st_stores *stores);

const struct st_standby_counters *st_standby_counters(const struct st_standby *standby);

#endif
