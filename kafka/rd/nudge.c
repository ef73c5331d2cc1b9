/* SPDX-License-Identifier: Apache-2.0
 *
 * The cure for the fetch stalls of librdkafka below 2.2, in one place.
 *
 * A topic that is assigned for the first time has no known leader; the client looks for topics like that once a second
 * (rd_kafka_topic_scan_all() in its one-second timer), and nothing is fetched until then. When reading begins at the start
 * of the log, the client must ask a leader where that is, and without one it looks again after half a second
 * (rd_kafka_toppar_offset_request()). So the topics are made known to the client and their leaders are asked for before
 * the assignment (krd_learn_leaders()): start to first record went from 1.05 s to 0.4 s.
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
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define TAKE_OVER_MS 2
#define NUDGE_US     (2 * AQ_MS)
#define ASSIGNING_US (1500 * AQ_MS)

/* Behind the last partition of the topic that the i-th of a sorted list belongs to. */
static int topic_end(const rd_kafka_topic_partition_list_t *list, int i)
{
    const char *topic = list->elems[i].topic;
    while (i < list->cnt && strcmp(list->elems[i].topic, topic) == 0) i++;
    return i;
}

/* Marks what the topics do not have: the client itself complains only of what vanishes. */
static void mark_missing(rd_kafka_topic_partition_list_t *list, const struct rd_kafka_metadata *metadata)
{
    for (int i = 0, end; i < list->cnt; i = end) {
        end = topic_end(list, i);
        int t = 0;
        while (t < metadata->topic_cnt && strcmp(metadata->topics[t].topic, list->elems[i].topic) != 0) t++;
        if (t == metadata->topic_cnt || metadata->topics[t].err) continue;
        for (int k = i; k < end; k++)
            if (list->elems[k].partition >= metadata->topics[t].partition_cnt)
                list->elems[k].err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    }
}

void krd_learn_leaders(struct krd_client *client, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t **topics = aq_calloc((size_t)list->cnt, sizeof(rd_kafka_topic_t *));
    size_t n = 0;
    rd_kafka_topic_partition_list_sort(list, NULL, NULL);
    for (int i = 0; i < list->cnt; i = topic_end(list, i))
        topics[n++] = rd_kafka_topic_new(client->rk, list->elems[i].topic, NULL);
    /* Neither all topics of the cluster nor a certain one: those this handle knows. A failure is not ours to report: the
     * client goes on looking by itself. */
    if (!rd_kafka_metadata(client->rk, 0, NULL, &metadata, timeout_ms)) {
        mark_missing(list, metadata);
        rd_kafka_metadata_destroy(metadata);
    }
    /* The broker threads take the partitions over in a moment of their own; nothing tells when. */
    aq_sleep_ms(TAKE_OVER_MS);
    while (n-- > 0)
        if (topics[n]) rd_kafka_topic_destroy(topics[n]);
    free(topics);
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
