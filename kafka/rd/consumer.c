/* SPDX-License-Identifier: Apache-2.0
 *
 * The source consumer: partitions assigned by hand, records handed out in batches of one partition.
 *
 * Ordinary pass: krd_consumer_poll() takes what the client's queue holds in one call (an array of messages of several
 * partitions, in runs), and each poll returns the next run as a batch; the array is refilled when it is empty.
 * Failing pass: an error message in the array ends the run before it and becomes an event in the next poll. A partition
 * that is unassigned or moved has its leftover messages thrown away here; what is still in the client's queue is
 * outdated for the client itself, because unassign has bumped the partition's version before it returns.
 *
 * Assignments wait for the next poll, which makes all of them in one call: the leaders of topics that are new are asked
 * for in one request before, and the client's own work for an assignment grows with what is assigned already.
 *
 * Why so: consume_batch on 2.0.2 may lose or misdeliver messages when seek, pause, resume or assign run beside it, so
 * only the owner's thread assigns, and never pauses or seeks; pausing for back-pressure would also purge and refetch.
 * The client's own stored offsets are never used (they move on EOF up to 2.13): `next` is ours.
 *
 * Invariants: a batch has records of one live partition, offsets ascending and >= the assigned one; [next_message,
 * n_messages) are the only messages held outside batches.
 * Threads: one owner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define LEADERS_TIMEOUT_MS 1000
#define FIRST_PARTS        64 /* slots; a power of two */

/* ---- partitions ----------------------------------------------------------------------------------------------------- */

static size_t part_slot(const struct kc_consumer *consumer, const struct aq_name *topic, int32_t partition)
{
    size_t i = (topic->hash + (uint32_t)partition * 2654435761u) & consumer->part_mask;
    while (consumer->parts[i] &&
           (consumer->parts[i]->topic != topic || consumer->parts[i]->partition != partition)) {
        i = (i + 1) & consumer->part_mask;
    }
    return i;
}

struct krd_part *krd_part_find(const struct kc_consumer *consumer, const struct aq_name *topic,
                               int32_t partition)
{
    return consumer->parts[part_slot(consumer, topic, partition)];
}

static void grow_parts(struct kc_consumer *consumer)
{
    struct krd_part **old = consumer->parts;
    size_t slots = consumer->part_mask + 1;
    consumer->part_mask = slots * 2 - 1;
    consumer->parts = aq_calloc(slots * 2, sizeof(struct krd_part *));
    for (size_t i = 0; i < slots; i++) {
        if (old[i]) consumer->parts[part_slot(consumer, old[i]->topic, old[i]->partition)] = old[i];
    }
    free(old);
}

static struct krd_part *part_get(struct kc_consumer *consumer, const char *topic, int32_t partition)
{
    AQ_ASSERT(topic && partition >= 0);
    const struct aq_name *name = aq_names_intern(consumer->names, aq_slice_str(topic));
    size_t slot = part_slot(consumer, name, partition);
    if (consumer->parts[slot]) return consumer->parts[slot];
    if (consumer->n_parts * 2 > consumer->part_mask) {
        grow_parts(consumer);
        slot = part_slot(consumer, name, partition);
    }
    struct krd_part *part = aq_calloc(1, sizeof(*part));
    *part = (struct krd_part){.topic = name, .partition = partition};
    consumer->parts[slot] = part;
    consumer->n_parts++;
    return part;
}

/* ---- open and close ------------------------------------------------------------------------------------------------- */

static rd_kafka_conf_t *consumer_conf(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                                      struct aq_err *err)
{
    rd_kafka_conf_t *rk_conf = krd_conf_new(cluster, KRD_CONSUMER, conf->client_id, err);
    if (!rk_conf) return NULL;
    /* Needed by the client even for assign(); nothing is committed to it. */
    int code = krd_conf_set(rk_conf, "group.id", conf->group_id, err);
    if (!code) code = krd_conf_set(rk_conf, "enable.partition.eof", "true", err);
    if (!code) {
        code = krd_conf_set(rk_conf, "isolation.level",
                            conf->read_committed ? "read_committed" : "read_uncommitted", err);
    }
    int64_t kbytes = conf->queue_bytes / 1024 > 0 ? conf->queue_bytes / 1024 : 1;
    int64_t records = conf->queue_bytes / AQ_RECORD_COST; /* tiny ones are bounded by their count */
    if (!code) code = krd_conf_set_int(rk_conf, "queued.max.messages.kbytes", kbytes, err);
    if (!code) code = krd_conf_set_int(rk_conf, "queued.min.messages", records < 1000 ? 1000 : records, err);
    /* The queue's bound is looked at between answers, and an answer counts as it travels, while what it unpacks to is
     * what it costs: ten times as much is nothing unusual. (A single larger batch is still sent.) Each answer is a round
     * trip in which the queue runs dry: answers of 4 MiB copy 15 % more records a second than answers of 1 MiB. */
    int64_t answer = conf->queue_bytes / 2 < 1048576 ? 1048576 : conf->queue_bytes / 2;
    if (!code) code = krd_conf_set_int(rk_conf, "fetch.max.bytes", answer, err);
#if KRD_AT_LEAST(2, 2)
    /* See krd_consumer_nudge() in nudge.c for what this replaces. */
    if (!code) code = krd_conf_set(rk_conf, "fetch.queue.backoff.ms", "2", err);
#endif
    if (!code) return rk_conf;
    rd_kafka_conf_destroy(rk_conf);
    return NULL;
}

int krd_consumer_open(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                      struct aq_names *names, struct kc_consumer **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->batch_records > 0 && conf->queue_bytes > 0 && conf->group_id);
    rd_kafka_conf_t *rk_conf = consumer_conf(cluster, conf, err);
    if (!rk_conf) return err ? err->code : AQ_E_CONFIG;

    struct kc_consumer *consumer = aq_calloc(1, sizeof(*consumer));
    int code = krd_client_open(&consumer->client, cluster, KRD_CONSUMER, consumer, rk_conf, err);
    if (code) {
        free(consumer);
        return code;
    }
    rd_kafka_poll_set_consumer(consumer->client.rk);
    consumer->queue = rd_kafka_queue_get_consumer(consumer->client.rk);
    AQ_ASSERT(consumer->queue);
    consumer->names = names;
    consumer->batch_records = conf->batch_records;
    consumer->batches = (struct aq_batch_pool){
        .source = &krd_batch_source, .size = sizeof(struct krd_batch), .most = conf->batch_records};
    consumer->batch_bytes = conf->batch_bytes > 0 ? (uint64_t)conf->batch_bytes : UINT64_MAX;
    consumer->messages = aq_calloc(conf->batch_records, sizeof(rd_kafka_message_t *));
    consumer->part_mask = FIRST_PARTS - 1;
    consumer->parts = aq_calloc(FIRST_PARTS, sizeof(struct krd_part *));
    *ret = consumer;
    return 0;
}

void krd_consumer_close(struct kc_consumer *consumer, int64_t deadline_ms)
{
    if (!consumer) return;
    while (consumer->next_message < consumer->n_messages) {
        rd_kafka_message_destroy(consumer->messages[consumer->next_message++]);
    }
    if (consumer->batches.out > 0) {
        /* Only after a producer had to be left behind: it still reads the bytes these batches pin. */
        aq_log(AQ_WARN, "consumer is left behind because records of it are still in flight",
               aq_fs("cluster", consumer->client.cluster), aq_fi("batches", (int64_t)consumer->batches.out));
        return;
    }
    rd_kafka_queue_destroy(consumer->queue);
    if (!krd_client_close(&consumer->client, false, deadline_ms)) return;
    aq_batch_pool_finish(&consumer->batches);
    krd_events_finish(&consumer->events);
    for (size_t i = 0; i <= consumer->part_mask; i++) free(consumer->parts[i]);
    free(consumer->parts);
    free(consumer->messages);
    krd_client_finish(&consumer->client);
    free(consumer);
}

/* ---- assigning ------------------------------------------------------------------------------------------------------ */

/* Throws away what was fetched for the partition before it moved. */
static void drop_leftovers(struct kc_consumer *consumer, const struct krd_part *part)
{
    size_t kept = consumer->next_message;
    for (size_t i = consumer->next_message; i < consumer->n_messages; i++) {
        rd_kafka_message_t *message = consumer->messages[i];
        bool ours = message->partition == part->partition && message->rkt &&
                    strcmp(rd_kafka_topic_name(message->rkt), part->topic->text) == 0;
        if (ours) {
            rd_kafka_message_destroy(message);
        } else {
            consumer->messages[kept++] = message;
        }
    }
    consumer->n_messages = kept;
}

static int unassign(struct kc_consumer *consumer, const struct krd_part *part, struct aq_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, part->topic->text, part->partition);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(consumer->client.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (!error) return 0;
    return krd_fail_error(err, &consumer->client, error, (struct krd_try){"unassign", "Read"}, "%s[%d]",
                          part->topic->text, part->partition);
}

int krd_consumer_assign(struct kc_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                        void *owner, struct aq_err *err)
{
    /* Of the logical offsets only the start of the log says where reading starts. */
    AQ_ASSERT(offset >= 0 || offset == KC_OFFSET_EARLIEST);
    struct krd_part *part = part_get(consumer, topic, partition);
    if (part->live) {
        int code = krd_consumer_unassign(consumer, topic, partition, err);
        if (code) return code;
    }
    part->live = part->pending = true;
    part->pending_offset = offset;
    part->next = offset >= 0 ? offset : 0;
    part->owner = owner;
    consumer->n_pending++;
    return 0;
}

int krd_consumer_unassign(struct kc_consumer *consumer, const char *topic, int32_t partition,
                          struct aq_err *err)
{
    struct krd_part *part = part_get(consumer, topic, partition);
    if (!part->live) return 0;
    int code = part->pending ? 0 : unassign(consumer, part, err);
    if (code) return code;
    consumer->n_pending -= part->pending;
    part->live = part->pending = false;
    krd_events_forget(&consumer->events, part->owner, false);
    part->owner = NULL;
    drop_leftovers(consumer, part);
    return 0;
}

static void tell_owner(struct kc_consumer *consumer, const struct krd_part *part, int code, const char *what)
{
    struct kc_event event = {.kind = KC_EVENT_PARTITION, .owner = part->owner, .code = code, .offset = -1};
    snprintf(event.text, sizeof(event.text), "%s[%d] of cluster %s: %s", part->topic->text, part->partition,
             consumer->client.cluster, what);
    krd_events_add(&consumer->events, &event);
}

static void tell_missing(struct kc_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *one = &list->elems[i];
        if (!one->err) continue;
        const struct aq_name *topic = aq_names_intern(consumer->names, aq_slice_str(one->topic));
        tell_owner(consumer, krd_part_find(consumer, topic, one->partition), AQ_E_UNKNOWN_TOPIC,
                   rd_kafka_err2str(one->err));
    }
}

/* Tells the client of every assignment made since the last poll. */
static void assign_pending(struct kc_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)consumer->n_pending);
    rd_kafka_topic_partition_list_t *unknown = rd_kafka_topic_partition_list_new(1);
    for (size_t i = 0; i <= consumer->part_mask; i++) {
        struct krd_part *part = consumer->parts[i];
        if (!part || !part->pending) continue;
        rd_kafka_topic_partition_list_add(list, part->topic->text, part->partition)->offset =
            part->pending_offset;
        if (!part->known) rd_kafka_topic_partition_list_add(unknown, part->topic->text, part->partition);
        part->known = true;
    }
    if (unknown->cnt) krd_learn_leaders(&consumer->client, unknown, LEADERS_TIMEOUT_MS);
    tell_missing(consumer, unknown);
    rd_kafka_error_t *error = rd_kafka_incremental_assign(consumer->client.rk, list);
    for (size_t i = 0; i <= consumer->part_mask; i++) {
        struct krd_part *part = consumer->parts[i];
        if (!part || !part->pending) continue;
        part->pending = false;
        if (!error) continue;
        /* The client took none of them: their owners hear of it and may assign them again. */
        tell_owner(consumer, part, krd_code(rd_kafka_error_code(error), AQ_E_AGAIN),
                   rd_kafka_error_string(error));
        part->live = false;
    }
    if (error) rd_kafka_error_destroy(error);
    consumer->n_pending = 0;
    consumer->assigned_us = aq_mono_us();
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_topic_partition_list_destroy(unknown);
}

/* ---- polling -------------------------------------------------------------------------------------------------------- */

static size_t take_messages(struct kc_consumer *consumer, size_t at, size_t max, int wait_ms)
{
    ssize_t n = rd_kafka_consume_batch_queue(consumer->queue, wait_ms, consumer->messages + at, max);
    return n > 0 ? (size_t)n : 0;
}

static void refill(struct kc_consumer *consumer, int64_t now, int wait_ms)
{
    AQ_ASSERT(consumer->next_message == consumer->n_messages);
    consumer->next_message = 0;
    consumer->n_messages = take_messages(consumer, 0, consumer->batch_records, 0);
    if (consumer->n_messages == 0 && wait_ms > 0) {
        krd_consumer_nudge(consumer, now, true);
        /* The call waits until the array is full or the time is over, so wait for one message only and then take
         * what came with it. */
        consumer->n_messages = take_messages(consumer, 0, 1, wait_ms);
        if (consumer->n_messages && consumer->batch_records > 1) {
            consumer->n_messages += take_messages(consumer, 1, consumer->batch_records - 1, 0);
        }
    }
    consumer->drained_some |= consumer->n_messages > 0;
}

/* The run at the front of the array: same topic handle and partition, no error. Comparing handles is sound only among
 * messages that are held, which keep their topics alive. */
static struct aq_batch *next_run(struct kc_consumer *consumer)
{
    rd_kafka_message_t *first = consumer->messages[consumer->next_message];
    const struct aq_name *topic =
        aq_names_intern(consumer->names, aq_slice_str(rd_kafka_topic_name(first->rkt)));
    struct krd_part *part = krd_part_find(consumer, topic, first->partition);
    rd_kafka_topic_t *rkt = first->rkt;
    int32_t partition = first->partition;
    struct aq_batch *batch = NULL;
    while (consumer->next_message < consumer->n_messages) {
        rd_kafka_message_t *message = consumer->messages[consumer->next_message];
        if (message->rkt != rkt || message->partition != partition || message->err) break;
        consumer->next_message++;
        if (!part || !part->live || message->offset < part->next) {
            rd_kafka_message_destroy(message);
            continue;
        }
        if (!batch) {
            krd_events_forget(&consumer->events, part->owner, true);
            batch = aq_batch_take(&consumer->batches, part->topic, part->partition, part->owner);
        }
        part->next = message->offset + 1;
        krd_batch_append(batch, message);
        if (batch->bytes >= consumer->batch_bytes) break;
    }
    return batch;
}

struct aq_batch *krd_consumer_poll(struct kc_consumer *consumer, int64_t now, int wait_ms)
{
    bool waited = false;
    if (consumer->n_pending) assign_pending(consumer);
    for (;;) {
        if (consumer->next_message == consumer->n_messages) {
            if (waited) return NULL;
            refill(consumer, now, wait_ms);
            waited = true;
            if (consumer->n_messages == 0) return NULL;
            if (wait_ms > 0) now = aq_mono_us();
            krd_consumer_nudge(consumer, now, false);
        }
        rd_kafka_message_t *message = consumer->messages[consumer->next_message];
        if (message->err) {
            consumer->next_message++;
            krd_events_from_message(consumer, message);
            rd_kafka_message_destroy(message);
            continue;
        }
        struct aq_batch *batch = next_run(consumer);
        if (batch) return batch;
    }
}

int64_t krd_consumer_known_end(struct kc_consumer *consumer, const char *topic, int32_t partition)
{
    int64_t low = -1;
    int64_t high = -1;
    /* The client keeps the LSO to itself; the high watermark is what its cache offers. Open transactions therefore
     * count as lag until they end. */
    if (rd_kafka_get_watermark_offsets(consumer->client.rk, topic, partition, &low, &high)) return -1;
    return high >= 0 ? high : -1;
}
