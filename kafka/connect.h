/* SPDX-License-Identifier: Apache-2.0
 *
 * First contact with a cluster, for as long as its connect_timeout allows.
 */
#ifndef AQ_KAFKA_CONNECT_H
#define AQ_KAFKA_CONNECT_H

#include <stdatomic.h>

#include "kafka/flow.h"
#include "kafka/kafka.h"

/* [blocks] Tries until the cluster answers (ret_id: its id), connect_timeout is over (UNREACHABLE, with the last reason),
 * *stop is set (STOPPED, at the next try), or the failure is one that waiting does not mend. Each try that fails is logged
 * for the flow. */
int kc_connect(const struct kc_ops *ops, const struct kc_flow *flow, const struct kc_cluster *cluster,
               struct kc_admin *admin, char ret_id[KC_ID_MAX], const atomic_bool *stop, struct aq_err *err);

#endif
