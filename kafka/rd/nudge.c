/* SPDX-License-Identifier: Apache-2.0
 *
 * The cure for the fetch stalls of librdkafka below 2.2, in one place.
 *
 * A topic that is assigned for the first time has no known leader; the client looks for topics like that once a second
 * (rd_kafka_topic_scan_all() in its one-second timer), and nothing is fetched until then. Asking for metadata at once
 * saves a start or a take-over most of a second (krd_learn_leaders()).
 *
 * An assignment reaches a broker thread that may have gone to sleep for up to a second, and the first fetch waits for
 * the end of that: a start or a take-over would lose a second. And when the local queue is full, the broker thread finds
 * no partition to fetch and sleeps up to one second, whatever happens to the queue meanwhile
 * (rd_kafka_toppar_fetch_decide() gives no back-off time, rd_kafka_broker_consumer_serve() then waits
 * rd_kafka_max_block_ms). With a 4 MB queue that cuts a mirror to a sixth (measured in one run: 58,000 records/s without
 * this, 378,000 with it). A large queue costs memory, pausing purges and refetches.
 * Any operation on the broker thread's queue wakes it. The cheapest one that the public interface offers is to set the
 * SASL credentials to what they are: rd_kafka_sasl_set_credentials() copies two strings and wakes every broker thread;
 * nothing goes over the network and nothing waits. (A watermark query also wakes the thread, but blocks its caller for
 * a round trip to the broker, which between data centres is tens of milliseconds.) Without SASL the strings are unused.
 * From 2.2 on fetch.queue.backoff.ms does it, and krd_wake() is empty.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "kafka/rd/rd.h"

#define NUDGE_US     (2 * AQ_MS)
#define ASSIGNING_US (1500 * AQ_MS)

void krd_learn_leaders(struct krd_client *client, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    /* Neither all topics of the cluster nor a certain one: those this handle knows. A failure is not ours to report: the
     * client goes on looking by itself. */
    if (rd_kafka_metadata(client->rk, 0, NULL, &metadata, timeout_ms)) return;
    rd_kafka_metadata_destroy(metadata);
}

void krd_wake(struct krd_client *client)
{
#if KRD_AT_LEAST(2, 2)
    (void)client;
#else
    rd_kafka_error_t *error =
        rd_kafka_sasl_set_credentials(client->rk, client->sasl_username, client->sasl_password);
    AQ_ASSERT(!error); /* fails on null strings only */
#endif
}

void krd_consumer_nudge(struct kc_consumer *consumer, int64_t now, bool going_to_wait)
{
    /* Only while the queue is draining or an assignment is fresh: an idle consumer must not wake anybody. */
    bool assigning = now - consumer->assigned_us < ASSIGNING_US;
    if (!consumer->drained_some && !assigning) return;
    if (!(going_to_wait && consumer->drained_some) && now - consumer->nudged_us < NUDGE_US) return;
    consumer->drained_some = false;
    consumer->nudged_us = now;
    krd_wake(&consumer->client);
}
