/* SPDX-License-Identifier: Apache-2.0
 *
 * The producer handle: opening, what comes back (finished batches, the first failure), closing. Handing records over and
 * their way into the logs is send.c, transactions are txn.c.
 *
 * Ordinary pass: send keeps the records' addresses; when their time has come they are written into the logs; drain hands
 * the reports out and gives back each batch whose last report was among them.
 * Failing pass: the first report with an error becomes the sticky failure. Closing throws away what is on its way; a part
 * of it may be in the logs all the same, as after a real close.
 *
 * Invariants: first <= arrived <= count; a batch is in the done list exactly when produced == n and outstanding == 0 and
 * it was not taken yet.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

/* The same bounds as over librdkafka. */
#define RECORD_COST     512
#define FEWEST_RECORDS  1000
#define REQUEST_RECORDS 64

int sim_producer_open(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                      struct kc_producer **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->queue_bytes > 0 && conf->batch_bytes > 0);
    struct sim_cluster *found = sim_handle_open(cluster, err);
    if (!found) return AQ_E_UNREACHABLE;
    struct kc_producer *producer = aq_calloc(1, sizeof(*producer));
    producer->cluster = found;
    producer->max_bytes = (uint64_t)conf->queue_bytes;
    producer->max_records = producer->max_bytes / RECORD_COST;
    if (producer->max_records < FEWEST_RECORDS) producer->max_records = FEWEST_RECORDS;
    producer->request_records = conf->batch_records > 0 && conf->batch_records < REQUEST_RECORDS
                                    ? (size_t)conf->batch_records
                                    : REQUEST_RECORDS;
    producer->seen = (struct kc_seen_versions){.txn_offset_commit = -1, .offset_fetch = -1};
    producer->producer_id = -1;
    producer->state = KC_TXN_NONE;
    if (conf->transactional_id) {
        AQ_ASSERT(conf->transaction_timeout_ms > 0);
        producer->transactional = true;
        producer->transactional_id = aq_strdup(conf->transactional_id);
        producer->timeout_ms = conf->transaction_timeout_ms;
        producer->state = KC_TXN_STARTING;
        producer->started_us = sim_now(found);
    }
    producer->next = found->producers;
    found->producers = producer;
    *ret = producer;
    return 0;
}

/* ---- what comes back ------------------------------------------------------------------------------------------------ */

void sim_producer_finish_batch(struct kc_producer *producer, struct aq_batch *batch)
{
    AQ_ASSERT(batch->produced == batch->n && batch->outstanding == 0);
    batch->next = NULL;
    if (producer->done_last) {
        producer->done_last->next = batch;
    } else {
        producer->done_first = batch;
    }
    producer->done_last = batch;
}

static struct aq_batch *take_done(struct kc_producer *producer)
{
    struct aq_batch *first = producer->done_first;
    producer->done_first = producer->done_last = NULL;
    return first;
}

static bool has_news(const struct kc_producer *producer)
{
    return producer->done_first || producer->acked_records > 0;
}

static void serve(struct kc_producer *producer)
{
    sim_producer_arrive(producer, sim_now(producer->cluster));
    sim_producer_report(producer);
}

void sim_producer_drain(struct kc_producer *producer, int wait_ms, struct kc_drained *ret)
{
    AQ_ASSERT(!sim_txn_busy(producer));
    sim_settle(producer->cluster);
    int64_t until_us = sim_now(producer->cluster) + wait_ms * AQ_MS;
    serve(producer);
    while (!has_news(producer) && sim_wait(producer->cluster, until_us)) serve(producer);
    *ret = (struct kc_drained){
        .done = take_done(producer),
        .records = producer->acked_records,
        .bytes = producer->acked_bytes,
    };
    producer->acked_records = 0;
    producer->acked_bytes = 0;
}

uint64_t sim_producer_in_flight(const struct kc_producer *producer, uint64_t *ret_bytes)
{
    if (ret_bytes) *ret_bytes = producer->in_flight_bytes;
    return producer->count - producer->first;
}

const struct kc_failure *sim_producer_failure(const struct kc_producer *producer)
{
    return &producer->failure;
}

void sim_producer_forget_failure(struct kc_producer *producer)
{
    producer->failure = (struct kc_failure){0};
}

void sim_producer_seen_versions(const struct kc_producer *producer, struct kc_seen_versions *ret)
{
    *ret = producer->seen;
}

/* ---- closing -------------------------------------------------------------------------------------------------------- */

void sim_producer_close(struct kc_producer *producer, int64_t deadline_ms, struct aq_batch **ret_batches)
{
    (void)deadline_ms; /* nothing here can hang */
    *ret_batches = NULL;
    if (!producer) return;
    struct sim_cluster *cluster = producer->cluster;
    sim_settle(cluster);
    sim_txn_run_out(producer);
    sim_producer_purge(producer);
    *ret_batches = take_done(producer);
    AQ_ASSERT(sim_producer_in_flight(producer, NULL) == 0 && producer->in_flight_bytes == 0);

    struct kc_producer **at = &cluster->producers;
    while (*at != producer) at = &(*at)->next;
    *at = producer->next;
    sim_handle_close(cluster);
    free(producer->sent);
    free(producer->transactional_id);
    free(producer);
}

void kc_sim_abandon_producer(struct kc_producer *producer)
{
    sim_settle(producer->cluster);
    sim_producer_arrive_partly(producer);
    if (producer->transactional) sim_txn_abandon(producer);
}

/* ---- for the world -------------------------------------------------------------------------------------------------- */

/* A record due now may still be waited for by a drain of this very moment; it arrives by itself after that. */
int64_t sim_producers_due(const struct sim_cluster *cluster)
{
    int64_t due = SIM_NEVER;
    for (const struct kc_producer *one = cluster->producers; one; one = one->next) {
        if (one->arrived < one->count && one->sent[one->arrived].due_us + 1 < due)
            due = one->sent[one->arrived].due_us + 1;
    }
    return due;
}

void sim_producers_fire(struct sim_cluster *cluster, int64_t now)
{
    for (struct kc_producer *one = cluster->producers; one; one = one->next)
        sim_producer_arrive(one, now - 1);
}

bool sim_producers_busy(const struct sim_cluster *cluster)
{
    for (const struct kc_producer *one = cluster->producers; one; one = one->next) {
        if (one->arrived < one->count && one->sent[one->arrived].due_us <= sim_now(cluster)) return true;
        if (one->first < one->arrived) return true; /* a report that was not drained */
        if (one->state == KC_TXN_STARTING || sim_txn_busy(one)) return true;
    }
    return false;
}
