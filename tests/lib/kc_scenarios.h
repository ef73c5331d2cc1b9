/* SPDX-License-Identifier: Apache-2.0
 *
 * The same short plays on simulated and on real clusters, written against struct kc_ops alone: each writes down what it
 * observed, and both must have observed the expected text. Where Kafka promises no order or no value (ids, who owns
 * which partition), nothing of it is written down.
 */
#ifndef AQ_TESTS_LIB_KC_SCENARIOS_H
#define AQ_TESTS_LIB_KC_SCENARIOS_H

#include "kafka/kafka.h"

struct kc_stage_hooks {
    /* The one thing struct kc_ops never does: sends a transaction's offset and leaves it at that. */
    void (*leave_halfway)(struct kc_producer *producer, struct kc_membership *membership, const char *topic,
                          int64_t offset);
};

struct kc_scenario {
    const char *name;
    void (*play)(void *scene);
    const char *expected;
};

extern const struct kc_scenario kc_scenarios[];
extern const size_t kc_scenarios_n;

/* Plays one scenario on the cluster under names that carry `tag`. Returns what was observed, to be freed. Ends the program
 * with the reason when a step that should always work does not. */
char *kc_scenario_play(const struct kc_scenario *scenario, const struct kc_ops *ops,
                       const struct kc_cluster *cluster, const struct kc_stage_hooks *hooks, const char *tag);

#endif
