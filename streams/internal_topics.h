/* SPDX-License-Identifier: Apache-2.0
 *
 * The application's repartition topics and changelogs on the cluster: created with Kafka Streams' settings and checked; repartition
 * topics purged behind the committed positions. Only streams/catalog.c calls this.
 *
 * Threads: ensure from discovery; purgeable from workers; purge from discovery. The table has a lock of its own, held for a
 * look-up.
 */
#ifndef AQ_STREAMS_INTERNAL_TOPICS_H
#define AQ_STREAMS_INTERNAL_TOPICS_H

#include <pthread.h>

#include "kafka/kafka.h"
#include "streams/settings.h"
#include "streams/tasks.h"

/* [blocks] Every internal topic of the plan exists with the partitions the tasks say. `seen`: the cluster's topics. STATE when one has
 * another count; *ret_created how many were made now. */
int st_internal_topics_ensure(const struct kc_ops *ops, struct kc_admin *admin,
                              const struct st_settings *settings, const struct st_tasks *tasks,
                              const struct kc_topics *seen, int *ret_created, struct aq_err *err);

/* Some internal topic has another number of partitions on the cluster than these tasks say; *ret_topic names it. */
bool st_internal_topics_differ(const struct st_tasks *tasks, const struct kc_topics *seen,
                               const char **ret_topic);

/* Partitions whose head may be deleted. */
struct st_purge {
    pthread_mutex_t lock;
    struct kc_before *list; /* topic: a copy */
    int64_t *done;          /* parallel: what was deleted already */
    size_t count, cap;
    int64_t due_us;
};

void st_purge_init(struct st_purge *purge);
void st_purge_finish(struct st_purge *purge);
void st_purge_note(struct st_purge *purge, const char *topic, int32_t partition, int64_t offset);
/* [blocks] Deletes what is due. What fails is tried again the next time. */
int st_purge_run(struct st_purge *purge, const struct kc_ops *ops, struct kc_admin *admin, int64_t now,
                 int64_t interval_us, struct aq_err *err);

#endif
