/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is: the route's source topics as last seen, the sink's topics, and the one place that creates and grows
 * topics on the sink. Owns the admin handles of both clusters and the discovery thread. Essay: bridge/catalog.c.
 *
 * Threads: connect and start from the supervisor; view, sink_partitions and the admin handles from any worker (the
 * admin calls used by workers, watermarks and offset_for_time, are safe beside discovery).
 */
#ifndef AQ_BRIDGE_CATALOG_H
#define AQ_BRIDGE_CATALOG_H

#include <stdatomic.h>

#include "bridge/route.h"
#include "kafka/kafka.h"
#include "kafka/position.h"

struct br_catalog;

struct br_source_topic {
    const char *name;
    int32_t partitions;
    char id[KC_ID_MAX];
};

/* An immutable list, sorted by name. Counted references. */
struct br_catalog_view {
    atomic_int references;
    uint64_t version;
    struct aq_arena arena;
    struct br_source_topic *topics;
    size_t count;
};

struct br_catalog *br_catalog_create(const struct kc_ops *ops, const struct br_route *route);
void br_catalog_destroy(struct br_catalog *catalog);

/* [blocks] First contact with both clusters, retrying with backoff until each one's connect_timeout; then the state topic
 * exists and its facts agree with ours. May be called again after a failure. */
int br_catalog_connect(struct br_catalog *catalog, const atomic_bool *stop, struct aq_err *err);
const struct kc_route_facts *br_catalog_facts(const struct br_catalog *catalog);

/* [blocks] One round of discovery: topics of both sides, sink topics created and grown. */
int br_catalog_refresh(struct br_catalog *catalog, struct aq_err *err);
/* The thread that goes on doing that every refresh_interval, and at once when a worker asked for a sink topic. */
int br_catalog_start(struct br_catalog *catalog, struct aq_err *err);
void br_catalog_stop(struct br_catalog *catalog);

/* The newest view when its version differs from `seen`, else NULL. The caller unrefs. */
struct br_catalog_view *br_catalog_view(struct br_catalog *catalog, uint64_t seen);
void br_catalog_view_unref(struct br_catalog_view *view);
const struct br_source_topic *br_catalog_find(const struct br_catalog_view *view, const char *topic);

/* How many partitions a sink topic has, when that is at least `least`. 0: not yet; it was asked for and will be created
 * (with `wanted` partitions and the configs of copy_from, which may be NULL) or grown. Negative: it cannot be (MISMATCH,
 * DENIED, UNKNOWN_TOPIC …), err says why. */
int32_t br_catalog_sink_partitions(struct br_catalog *catalog, const char *topic, int32_t least,
                                   int32_t wanted, const char *copy_from, struct aq_err *err);

/* Makes discovery look at once. */
void br_catalog_poke(struct br_catalog *catalog);

/* Last failure of discovery ("" when the last round succeeded), for readiness. */
void br_catalog_trouble(struct br_catalog *catalog, char *buf, size_t size);

struct kc_admin *br_catalog_source(struct br_catalog *catalog);
struct kc_admin *br_catalog_sink(struct br_catalog *catalog);

#endif
