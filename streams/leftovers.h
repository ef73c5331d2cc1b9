/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of tasks that are somebody else's now: kept for a while, since a task often comes back, and then deleted.
 *
 * Threads: one. Errors are logged: nothing depends on its success.
 */
#ifndef AQ_STREAMS_LEFTOVERS_H
#define AQ_STREAMS_LEFTOVERS_H

#include "streams/state/stores.h"
#include "streams/tasks.h"

struct st_leftover;

struct st_leftovers {
    const char *application_id;
    const struct st_dbs *dbs;
    int64_t delay_us;
    uint64_t deleted; /* tasks so far */
    struct st_leftover *list;
    size_t n, cap;
};

/* One look: what is not used and was not at any look for delay_us is deleted. */
void st_leftovers_look(struct st_leftovers *leftovers, const struct st_tasks *tasks,
                       bool (*is_used)(const void *ctx, const struct st_subtopology *sub, int32_t partition),
                       const void *ctx, int64_t now);
/* Nobody can say now what is used: the time begins anew. */
void st_leftovers_forget(struct st_leftovers *leftovers);
void st_leftovers_finish(struct st_leftovers *leftovers);

#endif
