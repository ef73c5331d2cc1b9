/* SPDX-License-Identifier: Apache-2.0
 *
 * Several records of one: what a program made of a source record takes its place in the batch.
 */
#ifndef AQ_TRANSFORMS_FLATTEN_H
#define AQ_TRANSFORMS_FLATTEN_H

#include "transforms/lua_engine.h"

/* The array a batch is given in exchange for its own; kept from batch to batch. Zeroed is a good start. */
struct flatten {
    struct aq_record *list; /* malloc */
    uint32_t n, cap;
};

void flatten_finish(struct flatten *flatten);

/* Runs the expression (of shape LUA_CHAIN_RECORDS) for every record the step is meant for. No results: the record is dropped. An
 * error: it is failed, and nothing was made of it. The first result stands in for the record and keeps its origin, the
 * others have none and headers of their own; all have its offset, and what they say nothing of. */
void flatten_batch(struct flatten *flatten, struct lua_engine *engine, struct xf_step *step,
                   struct aq_batch *batch);

#endif
