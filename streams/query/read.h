/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a store as of the last commit, for who asks from outside: read from the family alone, past the table of changes, so that nothing
 * is shown that an abort may still take back, and nothing of what processors have in the cache is pushed out by it.
 *
 * Threads: the worker that owns the task, between two records.
 */
#ifndef AQ_STREAMS_QUERY_READ_H
#define AQ_STREAMS_QUERY_READ_H

#include "streams/query/ask.h"
#include "streams/state/stores.h"

/* What one page may cost the worker. */
struct st_page {
    uint32_t most_entries; /* looked at, whether they are rows that were asked for or not */
    size_t most_bytes;     /* of rows */
    int64_t until_us;
};

/* Fills the rows, and whether there are more. 0, or the database's code. */
int st_query_read(const struct st_kept *kept, struct st_ask *ask, const struct st_page *page,
                  struct aq_err *err);

#endif
