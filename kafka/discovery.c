/* SPDX-License-Identifier: Apache-2.0
 *
 * The discovery thread (kafka/discovery.h).
 *
 * An ordinary pass: wait for the interval to be over or for a poke, serve what was asked for, look. A failing pass: the look fails; that is
 * logged, shown as trouble, and the next interval begins. Invariant: `running` means a thread that must be joined.
 */
#include "kafka/discovery.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/log.h"

void kc_discovery_init(struct kc_discovery *discovery, const struct kc_flow *flow, int64_t interval_ms,
                       const struct kc_discovery_host *host)
{
    AQ_ASSERT(interval_ms > 0 && host->serve && host->look);
    *discovery = (struct kc_discovery){.flow = flow, .host = *host, .interval_ms = interval_ms};
    pthread_mutex_init(&discovery->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&discovery->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

void kc_discovery_finish(struct kc_discovery *discovery)
{
    AQ_ASSERT(!discovery->running);
    pthread_cond_destroy(&discovery->wake);
    pthread_mutex_destroy(&discovery->lock);
}

/* Waits for the interval or a poke; false when it is time to end. */
static bool wait_for_work(struct kc_discovery *discovery, bool *ret_poked)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += discovery->interval_ms / 1000;
    until.tv_nsec += (discovery->interval_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&discovery->lock);
    while (!discovery->stopping && !discovery->poked)
        if (pthread_cond_timedwait(&discovery->wake, &discovery->lock, &until) == ETIMEDOUT) break;
    bool go_on = !discovery->stopping;
    *ret_poked = discovery->poked;
    discovery->poked = false;
    pthread_mutex_unlock(&discovery->lock);
    return go_on;
}

static void set_trouble(struct kc_discovery *discovery, const char *text)
{
    pthread_mutex_lock(&discovery->lock);
    snprintf(discovery->trouble, sizeof(discovery->trouble), "%.*s", (int)sizeof(discovery->trouble) - 1,
             text);
    pthread_mutex_unlock(&discovery->lock);
}

static void *discovery_thread(void *arg)
{
    struct kc_discovery *discovery = arg;
    bool poked;
    while (wait_for_work(discovery, &poked)) {
        if (poked) discovery->host.serve(discovery->host.ctx);
        struct aq_err err = {0};
        int rc = discovery->host.look(discovery->host.ctx, &err);
        set_trouble(discovery, rc == 0 ? "" : err.text);
        if (rc != 0)
            aq_log(AQ_WARN, "discovery failed, trying again",
                   aq_fs(discovery->flow->noun, discovery->flow->name), aq_fs("reason", err.text));
    }
    return NULL;
}

int kc_discovery_start(struct kc_discovery *discovery, struct aq_err *err)
{
    AQ_ASSERT(!discovery->running);
    if (pthread_create(&discovery->thread, NULL, discovery_thread, discovery) != 0)
        return aq_fail(err, AQ_E_FATAL, "cannot start the discovery thread");
    discovery->running = true;
    return 0;
}

void kc_discovery_stop(struct kc_discovery *discovery)
{
    if (!discovery->running) return;
    pthread_mutex_lock(&discovery->lock);
    discovery->stopping = true;
    pthread_cond_signal(&discovery->wake);
    pthread_mutex_unlock(&discovery->lock);
    pthread_join(discovery->thread, NULL);
    discovery->running = false;
}

void kc_discovery_poke(struct kc_discovery *discovery)
{
    pthread_mutex_lock(&discovery->lock);
    discovery->poked = true;
    pthread_cond_signal(&discovery->wake);
    pthread_mutex_unlock(&discovery->lock);
}

void kc_discovery_trouble(struct kc_discovery *discovery, char *buf, size_t size)
{
    pthread_mutex_lock(&discovery->lock);
    snprintf(buf, size, "%s", discovery->trouble);
    pthread_mutex_unlock(&discovery->lock);
}
