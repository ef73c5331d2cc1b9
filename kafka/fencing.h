/* SPDX-License-Identifier: Apache-2.0
 *
 * Fencing writers that are gone: whoever takes a task over ends the transactions that its last writer left open, instead
 * of waiting for the brokers to give them up after transaction_timeout. The essay is on top of kafka/fencing.c.
 *
 * Nothing depends on it but time: positions are right with and without (kafka/lookup.c).
 *
 * Threads: one, the lookup's, after kc_fencing_create(). Errors: logged; what cannot be fenced is left to the brokers.
 */
#ifndef AQ_KAFKA_FENCING_H
#define AQ_KAFKA_FENCING_H

#include "kafka/flow.h"
#include "kafka/kafka.h"

struct kc_fencing;

/* For the worker whose transactional ids `self` is one of; client_id is its clients'. Flow, admin, ids are borrowed and outlive it. */
struct kc_fencing *kc_fencing_create(const struct kc_ops *ops, const struct kc_flow *flow,
                                     struct kc_admin *sink_admin, const char *client_id, const char *self);
/* [blocks] Closes what is open. NULL is fine. */
void kc_fencing_destroy(struct kc_fencing *fencing);

/* A task that is ours was last written by this transactional id, at this time. */
void kc_fencing_suspect(struct kc_fencing *fencing, const char *writer, int64_t written_ms);
/* The position of a task that is ours is held by a transaction. To be told again for as long as it is. */
void kc_fencing_held(struct kc_fencing *fencing, int32_t task);

/* [blocks] for requests, not for transactions to end. True: to be called again in a few milliseconds. */
bool kc_fencing_step(struct kc_fencing *fencing);
/* It is still finding out whom to fence; later it only waits for the coordinator. */
bool kc_fencing_is_looking(const struct kc_fencing *fencing);

#endif
