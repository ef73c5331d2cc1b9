/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is on the application's cluster: the topics its sources read, the tasks that follow from their partition counts, and
 * the one place that creates topics (state topic, repartition topics, sinks) and purges repartition topics. Owns the admin handle and
 * the discovery thread. Essay: streams/catalog.c.
 *
 * Threads: connect and start from the supervisor; everything else from any worker. Without st_catalog_start() there is no thread, and
 * whoever drives the application calls st_catalog_refresh() itself (simulation).
 */
#ifndef AQ_STREAMS_CATALOG_H
#define AQ_STREAMS_CATALOG_H

#include <stdatomic.h>

#include "kafka/kafka.h"
#include "kafka/position.h"
#include "streams/settings.h"
#include "streams/tasks.h"

struct st_catalog;

/* An immutable picture. Counted references. */
struct st_view {
    atomic_int references;
    uint64_t version;
    struct st_tasks *tasks; /* owned */
};

struct st_catalog *st_catalog_create(const struct kc_ops *ops, const struct st_settings *settings,
                                     const struct st_plan *plan);
void st_catalog_destroy(struct st_catalog *catalog);

/* [blocks] First contact, retrying until connect_timeout; the state topic exists and its facts agree with ours; internal topics are
 * there with the right partition counts (created when they are missing); the first view. Topics a source needs and that are missing,
 * and counts that differ where they must not, are errors that name the node. May be called again after a failure. */
int st_catalog_connect(struct st_catalog *catalog, const atomic_bool *stop, struct aq_err *err);
const struct kc_route_facts *st_catalog_facts(const struct st_catalog *catalog);
struct kc_admin *st_catalog_admin(struct st_catalog *catalog);

/* [blocks] One round: topics, a new view when something changed, sink topics that were asked for, purging that is due. */
int st_catalog_refresh(struct st_catalog *catalog, struct aq_err *err);
/* [blocks] Sink topics that were asked for, as far as the last round saw or the settings allow to create them: what a poke begins with. */
void st_catalog_serve(struct st_catalog *catalog);
int st_catalog_start(struct st_catalog *catalog, struct aq_err *err);
void st_catalog_stop(struct st_catalog *catalog);
/* Makes discovery look at once. */
void st_catalog_poke(struct st_catalog *catalog);

/* The newest view when its version differs from `seen`, else NULL. The caller unrefs. */
struct st_view *st_catalog_view(struct st_catalog *catalog, uint64_t seen);
void st_view_unref(struct st_view *view);

/* Partitions of a topic records are to be written to. 0: it does not exist yet; it was asked for and will be created (create_topics) with
 * as many partitions as the largest source topic. Negative: it cannot be, err says why. */
int32_t st_catalog_partitions(struct st_catalog *catalog, const char *topic, struct aq_err *err);

/* Records of a repartition topic before `offset` are committed: they may be deleted at the next purge. */
void st_catalog_purgeable(struct st_catalog *catalog, const char *topic, int32_t partition, int64_t offset);

/* Last failure of discovery ("" when the last round succeeded), for readiness. */
void st_catalog_trouble(struct st_catalog *catalog, char *buf, size_t size);

#endif
