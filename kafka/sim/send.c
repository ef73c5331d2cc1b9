/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing records over, their way into the logs, and the delivery reports that come back for them.
 *
 * Ordinary pass: send notes the record and when it is due; bytes stay where they are. Arriving picks a partition and takes
 * its next records as one request, which the cluster takes as a whole: each is copied into the log, as a part of the
 * transaction if there is one. So the order within a partition is that of sending, and that of partitions is not.
 * Failing pass: a request with a record that is too large, or dated too far ahead, is refused as a whole and the first of
 * its records is named, as librdkafka does: the owner finds the culprit by sending the suspects one by one. In a
 * transaction the failure also throws away everything behind it. A producer that was fenced writes nothing any more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

/* Within so many records those of one partition overtake the others, as they do in a client's queues. */
#define WINDOW 256

/* ---- sending -------------------------------------------------------------------------------------------------------- */

/* Where a record goes, and where it came from. */
static void describe(const struct aq_record *rec, char *text, size_t size)
{
    const struct aq_batch *batch = rec->batch;
    snprintf(text, size, "%s[%d]@%" PRId64 " (for %s[%d])", batch->topic ? batch->topic->text : "?",
             batch->partition, rec->offset, rec->topic->text, rec->partition);
}

static const char *topic_of(const struct sim_sent *sent)
{
    return sent->rec ? sent->rec->topic->text : sent->own->topic;
}

static int32_t partition_of(const struct sim_sent *sent)
{
    return sent->rec ? sent->rec->partition : sent->own->partition;
}

static uint64_t bytes_of(const struct sim_sent *sent)
{
    return sent->rec ? sent->rec->key.len + sent->rec->value.len : sent->own->key.len + sent->own->value.len;
}

static void add_sent(struct kc_producer *producer, struct aq_record *rec, struct sim_own *own)
{
    if (producer->first == producer->count) producer->first = producer->arrived = producer->count = 0;
    if (producer->count == producer->cap && producer->first > producer->cap / 2) {
        memmove(producer->sent, producer->sent + producer->first,
                (producer->count - producer->first) * sizeof(*producer->sent));
        producer->arrived -= producer->first;
        producer->count -= producer->first;
        producer->first = 0;
    } else if (producer->count == producer->cap) {
        producer->cap = producer->cap ? producer->cap * 2 : 64;
        producer->sent = aq_realloc(producer->sent, producer->cap * sizeof(*producer->sent));
    }
    struct sim_sent *sent = &producer->sent[producer->count++];
    int64_t due_us = sim_now(producer->cluster) + producer->cluster->sim->latency_us;
    *sent = (struct sim_sent){.rec = rec, .own = own, .due_us = due_us, .offset = -1};
    producer->in_flight_bytes += bytes_of(sent);
    sim_due(producer->cluster, due_us + 1);
}

/* What the client itself knows: a transaction that failed, an epoch that was refused, a partition that is not there. A
 * topic that is not there is waited for, so that comes as a failed delivery. */
static int check(struct kc_producer *producer, const char *topic, int32_t partition, const char *what,
                 struct aq_err *err)
{
    if (producer->fenced) {
        return aq_fail(err, AQ_E_FENCED,
                       "record %s: producer of cluster %s has failed: fenced by a newer one", what,
                       producer->cluster->name);
    }
    if (producer->failing) {
        return aq_fail(err, AQ_E_TXN_ABORT, "record %s: the transaction has failed and must be aborted",
                       what);
    }
    int32_t partitions = sim_topic_partitions(producer->cluster, topic);
    if (partitions == 0 || partition < partitions) return 0;
    return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "record %s refused for cluster %s: unknown partition", what,
                   producer->cluster->name);
}

static int send_one(struct kc_producer *producer, struct aq_record *rec, struct aq_err *err)
{
    AQ_ASSERT(rec->partition >= 0 && rec->topic);
    bool known = !producer->fenced && !producer->failing &&
                 sim_log_find(producer->cluster, rec->topic->text, rec->partition);
    if (__builtin_expect(!known, 0)) {
        char what[512];
        describe(rec, what, sizeof(what));
        int code = check(producer, rec->topic->text, rec->partition, what, err);
        if (code) return code;
    }
    add_sent(producer, rec, NULL);
    return 0;
}

static bool is_full(const struct kc_producer *producer)
{
    return producer->in_flight_bytes >= producer->max_bytes ||
           producer->count - producer->first >= producer->max_records;
}

int sim_producer_send(struct kc_producer *producer, struct aq_batch *batch, struct aq_err *err)
{
    AQ_ASSERT(!producer->transactional || producer->state == KC_TXN_OPEN);
    sim_settle(producer->cluster);
    while (batch->produced < batch->n) {
        struct aq_record *rec = &batch->records[batch->produced];
        if (rec->flags & (AQ_REC_DROPPED | AQ_REC_SKIP)) {
            batch->produced++;
            continue;
        }
        if (is_full(producer)) return aq_fail(err, AQ_E_FULL, "the producer's queue is full");
        int code = send_one(producer, rec, err);
        if (code) return code;
        batch->outstanding++;
        batch->produced++;
    }
    /* Nothing to wait for: all dropped, or all reported before the last part was sent. */
    if (batch->outstanding == 0) sim_producer_finish_batch(producer, batch);
    return 0;
}

static struct aq_slice put_bytes(char **at, struct aq_slice from)
{
    if (aq_slice_is_null(from)) return from;
    struct aq_slice copy = aq_slice_of(*at, from.len);
    if (from.len) memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return copy;
}

int sim_producer_send_own(struct kc_producer *producer, const char *topic, int32_t partition,
                          struct aq_slice key, struct aq_slice value, struct kc_ack *ack, struct aq_err *err)
{
    AQ_ASSERT(partition >= 0);
    AQ_ASSERT(!producer->transactional || producer->state == KC_TXN_OPEN);
    sim_settle(producer->cluster);
    *ack = (struct kc_ack){.offset = -1};
    char what[320];
    snprintf(what, sizeof(what), "of our own for %s[%d]", topic, partition);
    int code = check(producer, topic, partition, what, err);
    if (code) return code;
    size_t name_len = strlen(topic) + 1;
    struct sim_own *own = aq_malloc(sizeof(*own) + name_len + key.len + value.len + 1);
    char *at = own->bytes;
    *own = (struct sim_own){
        .ack = ack, .partition = partition, .topic = at, .timestamp = sim_wall_ms(producer->cluster)};
    memcpy(at, topic, name_len);
    at += name_len;
    own->key = put_bytes(&at, key);
    own->value = put_bytes(&at, value);
    add_sent(producer, NULL, own);
    return 0;
}

/* ---- arriving ------------------------------------------------------------------------------------------------------- */

static void headers_of(struct aq_record *rec, struct sim_entry *entry)
{
    /* A record that a step added has no source to load them from. */
    if (rec->origin) aq_record_headers(rec, NULL);
    entry->headers = rec->headers;
    entry->n_headers = rec->n_headers;
}

static void entry_of(const struct kc_producer *producer, const struct sim_sent *sent, struct sim_entry *entry)
{
    *entry = (struct sim_entry){.kind = SIM_DATA, .producer_id = -1};
    if (producer->transactional) entry->producer_id = producer->producer_id;
    if (sent->own) {
        entry->key = sent->own->key;
        entry->value = sent->own->value;
        entry->timestamp = sent->own->timestamp;
        return;
    }
    struct aq_record *rec = sent->rec;
    entry->key = rec->key;
    entry->value = rec->value;
    /* As over librdkafka, which takes 0 for "now". */
    entry->timestamp = rec->time_type == AQ_TIME_NONE ? sim_wall_ms(producer->cluster)
                       : rec->timestamp               ? rec->timestamp
                                                      : 1;
    headers_of(rec, entry);
}

/* Whether the cluster would take this record. */
static int judge(const struct kc_producer *producer, const struct sim_topic *topic,
                 const struct sim_sent *sent)
{
    struct sim_entry entry;
    entry_of(producer, sent, &entry);
    if (sim_entry_size(&entry) > topic->max_message_bytes) return AQ_E_TOO_LARGE;
    bool ahead = !topic->append_time && topic->max_ahead_ms < INT64_MAX &&
                 entry.timestamp - sim_wall_ms(producer->cluster) > topic->max_ahead_ms;
    return ahead ? AQ_E_BAD_TIMESTAMP : 0;
}

/* Whether the cluster would take the request: its records all go to one partition. */
static int judge_request(struct kc_producer *producer, const struct sim_sent *list, size_t n)
{
    if (producer->transactional && !producer->fenced)
        producer->fenced = !sim_txn_holds(producer->txn, producer->producer_id, producer->epoch);
    if (producer->fenced) return AQ_E_FENCED;
    const struct sim_topic *topic = sim_topic_find(producer->cluster, topic_of(list));
    if (!topic || partition_of(list) >= topic->partitions) return AQ_E_UNKNOWN_TOPIC;
    int code = 0;
    for (size_t i = 0; i < n && code == 0; i++) code = judge(producer, topic, &list[i]);
    return code;
}

static void write_request(struct kc_producer *producer, struct sim_sent *list, size_t n)
{
    struct sim_cluster *cluster = producer->cluster;
    const struct sim_topic *topic = sim_topic_find(cluster, topic_of(list));
    struct sim_log *log = topic->logs[partition_of(list)];
    if (producer->transactional) {
        sim_txn_add_log(cluster, producer->txn, log);
        producer->touched = true;
    }
    for (size_t i = 0; i < n; i++) {
        struct sim_entry entry;
        entry_of(producer, &list[i], &entry);
        entry.append_time = topic->append_time;
        if (topic->append_time) entry.timestamp = sim_wall_ms(cluster);
        entry.seq = cluster->sim->seq++;
        list[i].offset = sim_log_append(log, &entry);
    }
}

static bool same_partition(const struct sim_sent *a, const struct sim_sent *b)
{
    if (partition_of(a) != partition_of(b)) return false;
    if (a->rec && b->rec && a->rec->topic == b->rec->topic) return true;
    return strcmp(topic_of(a), topic_of(b)) == 0;
}

static void fail_rest(struct kc_producer *producer)
{
    while (producer->arrived < producer->count) {
        struct sim_sent *sent = &producer->sent[producer->arrived++];
        sent->code = producer->fenced ? AQ_E_FENCED : AQ_E_DELIVERY;
        sent->echo = true;
    }
}

/* Moves the records of one partition, which the seed picks, to the front of the window, in their order, at most `most`.
 * Returns how many. */
static size_t gather(struct kc_producer *producer, struct sim_sent *list, size_t window, size_t most)
{
    struct kc_sim *sim = producer->cluster->sim;
    size_t n = 1;
    while (n < window && same_partition(list, &list[n])) n++;
    if (n == window || sim->keep_order) return n < most ? n : most;
    struct sim_sent pick = list[sim_random_below(sim, window)];
    struct sim_sent others[WINDOW];
    size_t kept = 0;
    n = 0;
    for (size_t i = 0; i < window; i++) {
        if (n < most && same_partition(&pick, &list[i])) {
            list[n++] = list[i];
        } else {
            others[kept++] = list[i];
        }
    }
    memcpy(list + n, others, kept * sizeof(*list));
    return n;
}

void sim_producer_arrive(struct kc_producer *producer, int64_t until_us)
{
    while (producer->arrived < producer->count && producer->sent[producer->arrived].due_us <= until_us) {
        struct sim_sent *list = &producer->sent[producer->arrived];
        size_t most = producer->count - producer->arrived;
        size_t window = 1;
        while (window < most && window < WINDOW && list[window].due_us <= until_us) window++;
        size_t n = gather(producer, list, window, producer->request_records);
        int code = judge_request(producer, list, n);
        if (code == 0) write_request(producer, list, n);
        for (size_t i = 0; i < n; i++) list[i].code = code;
        producer->arrived += n;
        if (code && producer->transactional) {
            producer->failing = true;
            fail_rest(producer);
        }
    }
}

/* ---- delivery reports ----------------------------------------------------------------------------------------------- */

static void note_failure(struct kc_producer *producer, const struct sim_sent *sent)
{
    struct kc_failure *failure = &producer->failure;
    if (producer->purging) return;
    if (failure->code && (sent->echo || !producer->failure_is_echo)) return;
    producer->failure_is_echo = sent->echo;
    failure->code = sent->code;
    failure->rec = sent->rec;
    char what[160];
    if (sent->rec) {
        describe(sent->rec, what, sizeof(what));
    } else {
        snprintf(what, sizeof(what), "of our own for %s[%d]", sent->own->topic, sent->own->partition);
    }
    snprintf(failure->text, sizeof(failure->text), "record %s not delivered to cluster %s: %s", what,
             producer->cluster->name, aq_code_text(sent->code));
}

static void report_own(struct sim_own *own, const struct sim_sent *sent)
{
    *own->ack = (struct kc_ack){.done = true, .code = sent->code, .offset = sent->code ? -1 : sent->offset};
    free(own);
}

static void report_record(struct kc_producer *producer, const struct sim_sent *sent)
{
    struct aq_batch *batch = sent->rec->batch;
    AQ_ASSERT(batch->outstanding > 0);
    if (sent->code == 0) {
        batch->sink_topic = sent->rec->topic;
        batch->sink_partition = sent->rec->partition;
        batch->sink_offset = sent->offset;
        producer->acked_records++;
        producer->acked_bytes += bytes_of(sent);
    }
    if (--batch->outstanding == 0 && batch->produced == batch->n) sim_producer_finish_batch(producer, batch);
}

void sim_producer_report(struct kc_producer *producer)
{
    while (producer->first < producer->arrived) {
        const struct sim_sent *sent = &producer->sent[producer->first++];
        producer->in_flight_bytes -= bytes_of(sent);
        if (__builtin_expect(sent->code != 0, 0)) {
            producer->undelivered = true;
            note_failure(producer, sent);
        }
        if (sent->own) {
            report_own(sent->own, sent);
        } else {
            report_record(producer, sent);
        }
    }
}

void sim_producer_arrive_partly(struct kc_producer *producer)
{
    size_t all = producer->count;
    size_t on_their_way = all - producer->arrived;
    /* Requests that were out already arrive. */
    if (on_their_way) {
        producer->count = producer->arrived + sim_random_below(producer->cluster->sim, on_their_way + 1);
        sim_producer_arrive(producer, SIM_NEVER);
        producer->count = all;
    }
    fail_rest(producer);
}

void sim_producer_purge(struct kc_producer *producer)
{
    sim_producer_arrive_partly(producer);
    producer->purging = true;
    sim_producer_report(producer);
    producer->purging = false;
}
