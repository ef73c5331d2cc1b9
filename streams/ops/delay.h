/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that wait for stream time: the grace period of a join with a versioned table (Kafka Streams' Joined.withGracePeriod()).
 * A record is kept until the newest timestamp that came is `grace` later than its own, and given back in the order of timestamps;
 * among equal ones by the bytes of the keys, then as they came. One that is later than that already is not kept.
 *
 * All of it is in the store (st_delay_conf()), so that a restart loses nothing: a queue (streams/ops/time_queue.h, mark 'q') of records
 * (streams/ops/held_record.h) whose tails are the key and a number that grows with each record, 8 bytes, big-endian; and in the bucket "n"
 * the newest timestamp that came and the next number.
 *
 * Ownership: the node's own; the store is one of its stores. Threads: the worker's own. Errors: those of the store.
 */
#ifndef AQ_STREAMS_OPS_DELAY_H
#define AQ_STREAMS_OPS_DELAY_H

#include "streams/processor.h"

struct st_delay;

struct st_store_conf st_delay_conf(void);

/* store: its number among those of the node. */
int st_delay_start(struct st_context *context, size_t store, int64_t grace_ms, struct st_delay **ret,
                   struct aq_err *err);
void st_delay_stop(struct st_delay *delay); /* NULL is fine */

/* Keeps the record; false: it came too late. Key and value are not null, no view is open. */
bool st_delay_put(struct st_delay *delay, struct aq_record *rec);

/* Gives back those whose time has come; their bytes lie in st_arena(). Ends with the first code that is not 0. */
typedef int st_delay_each(struct st_context *context, void *user, struct aq_record *rec, struct aq_err *err);
int st_delay_release(struct st_delay *delay, st_delay_each *each, void *user, struct aq_err *err);

#endif
