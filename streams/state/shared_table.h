/* SPDX-License-Identifier: Apache-2.0
 *
 * A table in memory that one thread writes and any number of threads read at the same time, without a lock and without a torn value:
 * what global tables are kept in. Essay: streams/state/shared_table.c.
 *
 * Readers tell once in a while (a worker: once a turn) that they use nothing any more of what they looked up before. What was replaced
 * meanwhile is freed then.
 *
 * Ownership: the tables of one set share their readers. Slices from a look-up are valid until the reader's next st_reader_rest().
 * Threads: as said; st_readers_join() and st_reader_leave() from any thread.
 */
#ifndef AQ_STREAMS_STATE_SHARED_TABLE_H
#define AQ_STREAMS_STATE_SHARED_TABLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/slice.h"

/* Of one reading thread. */
struct st_reader {
    atomic_uint_fast64_t seen; /* the epoch when it rested last */
    struct st_reader *next;
};

/* All that read the tables of one writer. */
struct st_readers {
    atomic_uint_fast64_t epoch; /* goes on when something was replaced */
    pthread_mutex_t lock;       /* guards the list */
    struct st_reader *list;
};

void st_readers_init(struct st_readers *readers);
/* All must have left. */
void st_readers_finish(struct st_readers *readers);
struct st_reader *st_readers_join(struct st_readers *readers);
void st_reader_leave(struct st_readers *readers, struct st_reader *reader);

/* Nothing that this thread looked up before is used any more. */
static inline void st_reader_rest(const struct st_readers *readers, struct st_reader *reader)
{
    atomic_store(&reader->seen, atomic_load(&readers->epoch));
}

struct st_shared_slots;
struct st_retired;

struct st_shared_table {
    struct st_readers *readers;
    _Atomic(struct st_shared_slots *) slots;
    atomic_uint_fast64_t rows;
    atomic_uint_fast64_t bytes; /* what it costs, without what waits to be freed */
    struct st_retired *retired; /* the writer's: oldest first */
    struct st_retired *retired_last;
};

void st_shared_table_init(struct st_shared_table *table, struct st_readers *readers);
/* No reader may be in it. */
void st_shared_table_finish(struct st_shared_table *table);

/* The writer's. value null: deletes the row. time_ms is handed out with it. */
void st_shared_table_put(struct st_shared_table *table, struct aq_slice key, struct aq_slice value,
                         int64_t time_ms);
/* The writer's, after a number of puts: frees what nobody can be looking at. */
void st_shared_table_clean(struct st_shared_table *table);

/* A reader's, or the writer's. null: there is no such row. ret_time_ms may be NULL. */
struct aq_slice st_shared_table_get(const struct st_shared_table *table, struct aq_slice key,
                                    int64_t *ret_time_ms);
/* Every row, in no order; one that is changed meanwhile is shown as it was or as it is. Ends with the first call that returns not 0. */
int st_shared_table_each(const struct st_shared_table *table,
                         int (*each)(void *ctx, struct aq_slice key, struct aq_slice value, int64_t time_ms),
                         void *ctx);

#endif
