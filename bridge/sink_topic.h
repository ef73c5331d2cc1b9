/* SPDX-License-Identifier: Apache-2.0
 *
 * What a route creates on the sink besides its state topic: the topics records go to. The call blocks for admin requests;
 * it runs at start-up and on the discovery thread.
 */
#ifndef AQ_BRIDGE_SINK_TOPIC_H
#define AQ_BRIDGE_SINK_TOPIC_H

#include "bridge/route.h"
#include "kafka/kafka.h"
#include "kafka/sink_topics.h"

/* Creates or grows one sink topic; returns how many partitions it has now, or a negative code. */
int32_t br_sink_topic_provide(const struct kc_ops *ops, const struct br_route *route, struct kc_admin *source,
                              struct kc_admin *sink, const struct kc_sink_topic *wanted, struct aq_err *err);

#endif
