/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a store of windows or sessions keeps its entries: which are too old, and when they are deleted. A store without retention keeps
 * all, and nothing here does anything to it. Essay: streams/state/retention.c.
 *
 * Times are milliseconds since 1970, of windows their starts, of sessions their ends. Threads: the worker that owns the task.
 */
#ifndef AQ_STREAMS_STATE_RETENTION_H
#define AQ_STREAMS_STATE_RETENTION_H

#include "streams/state/stores.h"

void st_retention_init(struct st_kept *kept);
void st_retention_finish(struct st_kept *kept);

/* An entry with this rest of its key is too old to be shown, whether or not it is still there. */
bool st_retention_is_over(const struct st_kept *kept, struct aq_slice rest);

/* This record of the changelog is about to be written into the family. */
void st_retention_note_restored(struct st_kept *kept, const struct aq_record *rec);
/* What the sealed cycle changed is. */
void st_retention_note_sealed(struct st_kept *kept);
/* Adds deletions of old entries to the home's batch, if it is time for that: looks at some, the more the more entries the batch changes. */
void st_retention_sweep(struct st_kept *kept, uint64_t changed);

#endif
