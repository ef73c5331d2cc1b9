/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of tasks that moved away (streams/leftovers.h). A look goes over all tasks there are, so that what an earlier process left in the
 * folder is found as well.
 */
#include "streams/leftovers.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

struct st_leftover {
    const struct st_subtopology *subtopology;
    int32_t partition;
    int64_t since_us;
};

static struct st_leftover *find(const struct st_leftovers *leftovers, const struct st_subtopology *sub,
                                int32_t partition)
{
    for (size_t i = 0; i < leftovers->n; i++) {
        struct st_leftover *leftover = &leftovers->list[i];
        if (leftover->subtopology == sub && leftover->partition == partition) return leftover;
    }
    return NULL;
}

static void forget(struct st_leftovers *leftovers, struct st_leftover *leftover)
{
    AQ_ASSERT(leftovers->n > 0);
    *leftover = leftovers->list[--leftovers->n];
}

static void add(struct st_leftovers *leftovers, const struct st_subtopology *sub, int32_t partition,
                int64_t now)
{
    if (leftovers->n == leftovers->cap) {
        leftovers->cap = leftovers->cap ? leftovers->cap * 2 : 8;
        leftovers->list = aq_realloc(leftovers->list, leftovers->cap * sizeof(*leftovers->list));
    }
    leftovers->list[leftovers->n++] =
        (struct st_leftover){.subtopology = sub, .partition = partition, .since_us = now};
}

static void delete_stores(struct st_leftovers *leftovers, struct st_leftover *leftover)
{
    struct aq_err err = {0};
    const struct st_subtopology *sub = leftover->subtopology;
    int rc = st_stores_delete(leftovers->dbs, sub, leftover->partition, &err);
    leftovers->deleted += rc == 0;
    if (rc == 0)
        aq_log(AQ_INFO, "stores of a task that moved away are deleted",
               aq_fs("application", leftovers->application_id), aq_fs("sub_topology", sub->name),
               aq_fi("partition", leftover->partition));
    else if (rc != AQ_E_BUSY)
        aq_log(AQ_ERROR, "stores of a task that moved away cannot be deleted",
               aq_fs("application", leftovers->application_id), aq_fs("sub_topology", sub->name),
               aq_fi("partition", leftover->partition), aq_fs("reason", err.text));
    forget(leftovers, leftover);
}

static void look_at(struct st_leftovers *leftovers, const struct st_subtopology *sub, int32_t partition,
                    bool is_used, int64_t now)
{
    struct st_leftover *leftover = find(leftovers, sub, partition);
    if (is_used || !st_stores_exist(leftovers->dbs, sub, partition)) {
        if (leftover) forget(leftovers, leftover);
    } else if (!leftover) {
        add(leftovers, sub, partition, now);
    } else if (now - leftover->since_us >= leftovers->delay_us) {
        delete_stores(leftovers, leftover);
    }
}

void st_leftovers_look(struct st_leftovers *leftovers, const struct st_tasks *tasks,
                       bool (*is_used)(const void *ctx, const struct st_subtopology *sub, int32_t partition),
                       const void *ctx, int64_t now)
{
    for (size_t s = 0; s < tasks->plan->n_subtopologies; s++) {
        const struct st_subtopology_tasks *of = &tasks->subtopologies[s];
        for (int32_t p = 0; p < of->tasks && of->subtopology->n_stores > 0; p++)
            look_at(leftovers, of->subtopology, p, is_used(ctx, of->subtopology, p), now);
    }
}

void st_leftovers_forget(struct st_leftovers *leftovers)
{
    leftovers->n = 0;
}

void st_leftovers_finish(struct st_leftovers *leftovers)
{
    free(leftovers->list);
    leftovers->list = NULL;
    leftovers->n = leftovers->cap = 0;
}
