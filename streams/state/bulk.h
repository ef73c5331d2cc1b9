/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows on their way into a family, many at once: sorted by key, and of several for one key only the last is written. A database that keeps
 * its newest rows sorted finds each one's place next to the last one's, which takes less than half of what it takes in any
 * order; and a changelog has most keys many times.
 *
 * Ownership: keys and values lie where the caller has them, or in the bulk's arena, until the rows are written. Threads: one owner.
 */
#ifndef AQ_STREAMS_STATE_BULK_H
#define AQ_STREAMS_STATE_BULK_H

#include "base/arena.h"
#include "streams/state/db.h"

struct st_row_in;

struct st_bulk {
    struct st_row_in *rows;
    size_t n, cap;
    uint64_t bytes; /* of keys and values */
    struct aq_arena arena;
};

void st_bulk_init(struct st_bulk *bulk);
void st_bulk_finish(struct st_bulk *bulk);
/* value null: the row goes. */
void st_bulk_add(struct st_bulk *bulk, struct aq_slice key, struct aq_slice value);
/* What the rows cost in memory, about. */
uint64_t st_bulk_cost(const struct st_bulk *bulk);
void st_bulk_clear(struct st_bulk *bulk);
/* Adds the rows to the batch; the bulk is empty then. */
void st_bulk_write(struct st_bulk *bulk, const struct st_db_kind *kind, struct st_family *family,
                   struct st_db_batch *batch);

#endif
