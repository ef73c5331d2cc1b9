/* SPDX-License-Identifier: Apache-2.0
 *
 * What the bridge creates on the sink: the route's state topic with the facts that may never change, and the topics
 * records go to. All calls block for admin requests; they run at start-up and on the discovery thread.
 */
#ifndef AQ_BRIDGE_STATE_TOPIC_H
#define AQ_BRIDGE_STATE_TOPIC_H

#include "bridge/route.h"
#include "kafka/sink_topics.h"
#include "kafka/kafka.h"
#include "kafka/position.h"

/* The state topic exists, has the right number of partitions, and its facts agree with ours (facts->created_ms is
 * taken from the stored ones). STATE with the first difference otherwise. */
int br_state_topic_prepare(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *sink,
                           struct kc_route_facts *facts, struct aq_err *err);

/* The facts as stored in partition 0, whose records lie in [low, high); *ret_found false when there are none yet. */
int br_state_topic_facts(const struct kc_ops *ops, const struct br_route *route, int64_t low, int64_t high,
                         struct aq_arena *arena, struct kc_route_facts *ret, bool *ret_found,
                         struct aq_err *err);

/* Writing single records into the state topic outside any cycle: facts, and positions of a stopped route. append waits
 * for the acknowledgement; close the writer before ack goes away. */
int br_state_topic_writer(const struct kc_ops *ops, const struct br_route *route, struct kc_producer **ret,
                          struct aq_err *err);
int br_state_topic_append(const struct kc_ops *ops, const struct br_route *route, struct kc_producer *writer,
                          int32_t task, struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                          struct aq_err *err);
void br_state_topic_writer_close(const struct kc_ops *ops, struct kc_producer *writer);

/* Creates or grows one sink topic; returns how many partitions it has now, or a negative code. */
int32_t br_sink_topic_provide(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *source,
                              struct kc_admin *sink, const struct kc_sink_topic *wanted, struct aq_err *err);

#endif
