/* SPDX-License-Identifier: Apache-2.0
 *
 * A flow's state topic on the sink, with the facts that may never change. All calls block for requests; they run at
 * start-up, and for a flow that is stopped.
 */
#ifndef AQ_KAFKA_STATE_TOPIC_H
#define AQ_KAFKA_STATE_TOPIC_H

#include "kafka/flow.h"
#include "kafka/kafka.h"
#include "kafka/position.h"

/* The state topic exists, has the right number of partitions, and its facts agree with ours (facts->created_ms is
 * taken from the stored ones). STATE with the first difference otherwise. */
int kc_state_topic_prepare(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_admin *sink,
                           struct kc_route_facts *facts, struct aq_err *err);

/* The facts as stored in partition 0, whose records lie in [low, high); *ret_found false when there are none yet. */
int kc_state_topic_facts(const struct kc_ops *ops, const struct kc_flow *flow, int64_t low, int64_t high,
                         struct aq_arena *arena, struct kc_route_facts *ret, bool *ret_found,
                         struct aq_err *err);

/* Writing single records into the state topic outside any cycle: facts, and positions of a stopped route. append waits
 * for the acknowledgement; close the writer before ack goes away. */
int kc_state_topic_writer(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_producer **ret,
                          struct aq_err *err);
int kc_state_topic_append(const struct kc_ops *ops, const struct kc_flow *flow, struct kc_producer *writer,
                          int32_t task, struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                          struct aq_err *err);
void kc_state_topic_writer_close(const struct kc_ops *ops, struct kc_producer *writer);

#endif
