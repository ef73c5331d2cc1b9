/* SPDX-License-Identifier: Apache-2.0
 *
 * Versioned stores (KIP-889): of each row what it was at any time within a history, in a store of a task (streams/state/state.h).
 *
 *   bucket          rest                        value
 *   key             valid from, ms, 8 bytes     01 and the value; 00: the row was gone from then on
 *                   big-endian
 *   (no bytes)      8 bytes ff                  the latest time of any record that came, 8 bytes big-endian
 *
 * A version is valid from its time until that of the next one of its key. Versions that were no longer valid `history` before the
 * latest time are not answered, and are deleted when their key changes. The latest version of a row is kept whatever its age.
 *
 * The latest time is an entry of the store because the lookups of other nodes and a restarted task need it as much as who writes: what
 * is too old must not depend on either.
 *
 * The store has to be made with st_versioned_conf(): it is never cached, for a cache keeps one version of a cycle.
 *
 * Ownership: slices lie in the store, valid until its next call, or in the arena where that is said. Threads: the worker that
 * owns the task. Errors: those of the store.
 */
#ifndef AQ_STREAMS_STATE_VERSIONED_H
#define AQ_STREAMS_STATE_VERSIONED_H

#include "streams/state/state.h"
#include "streams/topology/topology.h"

struct st_store_conf st_versioned_conf(void);

/* What a row was at one time. */
struct st_version {
    struct aq_slice value; /* null: there was no row */
    int64_t valid_from;    /* ms; meaningless where there was never one */
};

enum st_versioned_answer {
    ST_VERSION_LATEST,  /* it is the newest of its row */
    ST_VERSION_HISTORY, /* a newer one is there */
    ST_VERSION_EXPIRED, /* it is older than the history, and was not put */
};

/* value null: the row is gone from time_ms on. A version of that very time is replaced. *ret_old, in the arena: what the row was at
 * that time before. arena NULL: nobody asks. */
int st_versioned_put(struct st_state *state, int64_t history_ms, struct aq_slice key, struct aq_slice value,
                     int64_t time_ms, struct aq_arena *arena, struct aq_slice *ret_old,
                     enum st_versioned_answer *ret, struct aq_err *err);

/* The row as it is now. */
int st_versioned_latest(struct st_state *state, struct aq_slice key, struct st_version *ret,
                        struct aq_err *err);
/* The row as it was at that time; where the history does not reach back so far, only if its latest version is that old, else no row. */
int st_versioned_get(struct st_state *state, int64_t history_ms, struct aq_slice key, int64_t as_of_ms,
                     struct st_version *ret, struct aq_err *err);

#endif
