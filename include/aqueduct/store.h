/* SPDX-License-Identifier: Apache-2.0
 *
 * Key-value stores of processors: what a task remembers of keys, beyond restarts and moves to other instances.
 *
 * A store belongs to the task: one for each partition. What a processor puts into it becomes durable with the commit that covers the records
 * it was made of: in exactly_once the store is always what the committed input makes of it. Every change also goes to a changelog topic,
 * "<application id>-<store>-changelog", from which another instance builds the store when it takes the task over. Several processors
 * may be connected to one store; they run in one task then. The store of a table may be connected as well, and read.
 *
 * Bytes: keys and values are copied into the store. Slices that come out of it are borrowed until the next call on the same store; to
 * keep or to forward one, copy it by aq_stream_copy(). Keys are in the order of their bytes, unsigned, a key before its extensions.
 *
 * Errors and threads as in aqueduct/processor.h: from inside a processor's init(), process() and punctuations only. A call that fails has
 * failed the callback too.
 */
#ifndef AQUEDUCT_STORE_H
#define AQUEDUCT_STORE_H

#include "aqueduct/processor.h"
#include "aqueduct/topology.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_store;

struct aq_store_options {
    bool in_memory; /* not in RocksDB: faster, bounded by memory, read from the changelog at every start */
    bool without_changelog; /* lost when the task moves */
};

/* ---- building ----------------------------------------------------------------------------------------------------- */

/* options NULL: RocksDB, with a changelog. Copied. */
AQ_API int aq_topology_add_store(struct aq_streams_builder *builder, const char *name,
                                 const struct aq_store_options *options);
AQ_API int aq_topology_connect_store(struct aq_streams_builder *builder, const char *processor,
                                     const char *store);

/* ---- while it runs ------------------------------------------------------------------------------------------------ */

/* One that the processor is connected to; valid until its close() returns. NULL when there is none of that name. */
AQ_API struct aq_store *aq_processor_store(struct aq_processor_context *ctx, const char *name);

/* *ret_value null: the key is not there. */
AQ_API int aq_store_get(struct aq_processor_context *ctx, struct aq_store *store, struct aq_slice key,
                        struct aq_slice *ret_value);
/* value null: deletes the key. Not in the store of a table (aqueduct/table.h), which the table alone writes. */
AQ_API int aq_store_put(struct aq_processor_context *ctx, struct aq_store *store, struct aq_slice key,
                        struct aq_slice value);

/* 0: go on; 1: that was enough. Must not change the store. */
typedef int (*aq_store_each)(void *user, struct aq_slice key, struct aq_slice value);
/* Keys from `from` to `to`, both inclusive, null for an open end. */
AQ_API int aq_store_range(struct aq_processor_context *ctx, struct aq_store *store, struct aq_slice from,
                          struct aq_slice to, aq_store_each each, void *user);

#ifdef __cplusplus
}
#endif

#endif
