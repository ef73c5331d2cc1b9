/* SPDX-License-Identifier: Apache-2.0
 *
 * One `clusters.NAME` group: how to reach a cluster, checked. Client properties pass through as "key=value", except
 * those this program must force or must refuse (kafka/property.c: one table, each row with its reason).
 */
#ifndef AQ_KAFKA_CLUSTER_H
#define AQ_KAFKA_CLUSTER_H

#include "conf/opt.h"

struct kc_property {
    const char *name;
    const char *value;
    bool secret;
    struct conf_pos pos;
};

struct kc_cluster {
    const char *name;
    const char *brokers;
    struct opt_strings raw_properties; /* as written */
    int64_t connect_timeout_ms;        /* first contact; a running process retries for ever */
    /* made by kc_cluster_read: */
    struct kc_property *properties;
    size_t n_properties;
};

extern const struct opt_table kc_cluster_table;

/* Reads one group. All complaints, also about properties (unknown to the client library, forced, dangerous, bad
 * value), go to diags with their place. */
void kc_cluster_read(struct conf_node *group, struct aq_arena *arena, struct conf_diags *diags,
                     struct kc_cluster *ret);

/* For the command line without a file: brokers only. */
void kc_cluster_from_brokers(const char *name, const char *brokers, struct aq_arena *arena,
                             struct kc_cluster *ret);

/* True when traffic to this cluster is not encrypted (a warning at start unless loopback). */
bool kc_cluster_is_plaintext(const struct kc_cluster *cluster);

#endif
