/* SPDX-License-Identifier: Apache-2.0
 *
 * A flow that is stopped everywhere: finding out that it is, and moving its positions.
 *
 * All calls block for requests. Threads: one caller; no part of the flow runs in this process.
 */
#ifndef AQ_KAFKA_STOPPED_H
#define AQ_KAFKA_STOPPED_H

#include "kafka/flow.h"
#include "kafka/position.h"

/* BUSY while the flow's group has members. */
int kc_stopped_check(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                     struct aq_err *err);

/* The facts as stored; *ret_found false: the state topic does not exist, or is empty. STATE when the topic no longer has the number of
 * partitions it was created with. Whether the facts agree with ours is the caller's to check. */
int kc_stopped_facts(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                     struct aq_arena *arena, struct kc_route_facts *ret, bool *ret_found, struct aq_err *err);

/* The snapshot's record and, once it is acknowledged, the pointer to it. Two steps instead of a transaction, because without a member
 * there is no generation to fence with: the coordinator takes the pointer only while the group is empty (else BUSY), and until then the
 * new record is nothing but an unused one. The arena must outlive the writer. */
int kc_stopped_write(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_producer *writer,
                     struct kc_reader *reader, const struct kc_snapshot *snapshot, struct aq_arena *arena,
                     struct aq_err *err);

#endif
