/* SPDX-License-Identifier: Apache-2.0
 *
 * How many different values there are among many, in at most 4097 bytes.
 *
 * Up to ST_DISTINCT_EXACT different values are told exactly: their 64-bit hashes are kept (that two of them share one happens in
 * one full row of 10^14). Beyond that they become the registers of a HyperLogLog, whose standard error is 1.04 / sqrt(4096) =
 * 1.6 %: two results of three are nearer than that, 99.7 of 100 nearer than 4.9 %. The estimate is Ertl's (O. Ertl, "New cardinality
 * estimation algorithms for HyperLogLog sketches", 2017, section 4: no tables, and no bias where small counts end).
 *
 * Bytes: 0 and the hashes, 8 bytes each, big-endian, ascending; or 1 and the registers, one byte each.
 *
 * Ownership: new bytes lie in the arena. Threads: none of its own.
 */
#ifndef AQ_STREAMS_OPS_DISTINCT_H
#define AQ_STREAMS_OPS_DISTINCT_H

#include "base/arena.h"

#define ST_DISTINCT_EXACT 512

/* Whether these are such bytes, as far as their length tells. */
bool st_distinct_check(struct aq_slice set);

/* The set with the hash in it: `set` itself when nothing changes. A null set is empty. */
struct aq_slice st_distinct_add(struct aq_slice set, uint64_t hash, struct aq_arena *arena);

/* The union of two. */
struct aq_slice st_distinct_merge(struct aq_slice a, struct aq_slice b, struct aq_arena *arena);

/* How many there are, or about so many. */
int64_t st_distinct_count(struct aq_slice set);
bool st_distinct_is_exact(struct aq_slice set);

#endif
