/* SPDX-License-Identifier: Apache-2.0
 *
 * A topology run on a cluster, by a program of its own: what `aqueduct streams` does with a configuration file.
 *
 *   const char *const properties[] = {"bootstrap.servers=127.0.0.1:9092", "processing.guarantee=exactly_once_v2",
 *                                     "default.key.serde=string", "default.value.serde=json"};
 *   struct aq_application *app = aq_application_create(builder, properties, 4);
 *   if (aq_application_start(app) == 0)
 *       while (aq_application_wait(app, 1000) < AQ_APPLICATION_NOT_RUNNING) …
 *   if (aq_application_error(app)) …
 *   aq_application_destroy(app);
 *
 * Settings have Kafka Streams' names; `aqueduct help streams` tells all of them. Instances of one application id, in this process or
 * others, share the work.
 *
 * Errors: the application keeps the first one, the builder's included. Calls return 0 or a negative number.
 * Ownership: the builder outlives the application and does not change meanwhile. Threads: create, start, wait and destroy
 * from one thread; the others from any. Callbacks of the topology run in the application's own threads. The application handles
 * no signals and writes its log to standard error.
 */
#ifndef AQUEDUCT_APPLICATION_H
#define AQUEDUCT_APPLICATION_H

#include "aqueduct/streams.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_application;

/* Kafka Streams' states, and in their order: what is not less than NOT_RUNNING, besides PENDING_ERROR, is an end. */
enum aq_application_state {
    AQ_APPLICATION_CREATED,
    AQ_APPLICATION_REBALANCING,
    AQ_APPLICATION_RUNNING,
    AQ_APPLICATION_PENDING_SHUTDOWN,
    AQ_APPLICATION_PENDING_ERROR,
    AQ_APPLICATION_NOT_RUNNING, /* stopped in order */
    AQ_APPLICATION_ERROR,       /* a thread failed, and aq_application_error() says why */
};

/* Never NULL. properties: "name=value" each; bootstrap.servers must be among them, application.id is the builder's. */
AQ_API struct aq_application *aq_application_create(const struct aq_streams_builder *builder,
                                                    const char *const *properties, size_t n_properties);
/* Contacts the cluster, looks at the topics and starts the threads. May wait for brokers as long as a client does. */
AQ_API int aq_application_start(struct aq_application *app);
/* Asks for an end in order: what is open is committed, and the group is left. Returns at once. */
AQ_API void aq_application_stop(struct aq_application *app);
/* Records stop flowing, and flow again; membership and positions stay. */
AQ_API void aq_application_pause(struct aq_application *app);
AQ_API void aq_application_resume(struct aq_application *app);
/* Waits up to timeout_ms for an end, and says how it is. Must be called again and again while it runs: failed threads are replaced
 * in it, when on_failure says so. */
AQ_API enum aq_application_state aq_application_wait(struct aq_application *app, int64_t timeout_ms);
AQ_API const char *aq_application_state_name(enum aq_application_state state); /* "RUNNING" */
/* The first error; NULL while there is none. Valid as long as the application. */
AQ_API const char *aq_application_error(const struct aq_application *app);
/* Stops what still runs and waits for that. NULL does nothing. */
AQ_API void aq_application_destroy(struct aq_application *app);

#ifdef __cplusplus
}
#endif

#endif
