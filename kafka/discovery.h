/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that looks at clusters again and again: every interval, and at once when somebody asks for it. What a look is belongs to the
 * layer above (bridge/catalog.c, streams/catalog.c).
 *
 * Threads: init, start, stop and finish from one; poke and trouble from any; the calls of the host come from the discovery thread.
 */
#ifndef AQ_KAFKA_DISCOVERY_H
#define AQ_KAFKA_DISCOVERY_H

#include <pthread.h>

#include "base/err.h"
#include "kafka/flow.h"

struct kc_discovery_host {
    void *ctx;
    /* Somebody asked: what can be done before the next look is over. */
    void (*serve)(void *ctx);
    /* One look. Its failure is logged and kept as trouble; the next one comes all the same. */
    int (*look)(void *ctx, struct aq_err *err);
};

struct kc_discovery {
    const struct kc_flow *flow; /* for the log */
    struct kc_discovery_host host;
    int64_t interval_ms;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    char trouble[256];
    bool poked;
    bool stopping;
    bool running; /* the starting thread's */
    pthread_t thread;
};

void kc_discovery_init(struct kc_discovery *discovery, const struct kc_flow *flow, int64_t interval_ms,
                       const struct kc_discovery_host *host);
void kc_discovery_finish(struct kc_discovery *discovery);

int kc_discovery_start(struct kc_discovery *discovery, struct aq_err *err);
/* Waits for the look under way. */
void kc_discovery_stop(struct kc_discovery *discovery);
/* Look at once. Without a thread nothing happens: whoever drives looks itself. */
void kc_discovery_poke(struct kc_discovery *discovery);
/* Last failure, "" when the last look succeeded. */
void kc_discovery_trouble(struct kc_discovery *discovery, char *buf, size_t size);

#endif
