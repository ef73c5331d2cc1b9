/* SPDX-License-Identifier: Apache-2.0
 *
 * What a consumer has to tell besides records: a queue of events, filled from the error messages that librdkafka puts
 * between the records of its queue and from the client-wide notes.
 *
 * Ordinary pass: poll meets an error message, krd_events_from_message() turns it into one event for its partition (or
 * one for each assigned partition of its topic), the owner takes it after the poll. Events keep their place: a poll
 * that has records before an error message returns the records first.
 * An end of partition that waits while records from behind it are handed out is not told any more: it would look like a
 * log that ends before what was read, which is worth a question to the brokers.
 * Failing pass: a partition that is no longer assigned gets no event.
 *
 * Threads: the consumer's owner.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "conf/secret.h"
#include "kafka/rd/rd.h"

void krd_events_add(struct krd_events *events, const struct kc_event *event)
{
    if (events->first == events->count) events->first = events->count = 0;
    if (events->count == events->cap) {
        events->cap = events->cap ? events->cap * 2 : 16;
        events->list = aq_realloc(events->list, events->cap * sizeof(*events->list));
    }
    AQ_ASSERT(events->first <= events->count && events->count < events->cap);
    events->list[events->count++] = *event;
}

bool krd_events_take(struct krd_events *events, struct kc_event *ret)
{
    if (events->first == events->count) return false;
    *ret = events->list[events->first++];
    return true;
}

void krd_events_forget(struct krd_events *events, const void *owner, bool ends_only)
{
    size_t kept = events->first;
    for (size_t i = events->first; i < events->count; i++) {
        const struct kc_event *event = &events->list[i];
        bool forget = event->owner == owner && (!ends_only || event->kind == KC_EVENT_EOF);
        if (!forget) events->list[kept++] = *event;
    }
    events->count = kept;
}

void krd_events_finish(struct krd_events *events)
{
    free(events->list);
    *events = (struct krd_events){0};
}

/* False for what is none of the owner's business. */
static bool classify(const rd_kafka_message_t *message, struct kc_event *event)
{
    event->offset = message->offset;
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: event->kind = KC_EVENT_EOF; return true;
    /* With auto.offset.reset=error the client reports the first and stops fetching the partition; the second never
     * comes then, but means the same. */
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        event->kind = KC_EVENT_OUT_OF_RANGE;
        event->code = AQ_E_OFFSET_LOST;
        return true;
    /* The client looks for the coordinator of group.id although nothing is ever committed to it; on a source where we
     * may only read, that is refused and does not matter. */
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED: return false;
    default:
        event->kind = KC_EVENT_PARTITION;
        event->code = krd_code(message->err, AQ_E_AGAIN);
        return true;
    }
}

static void add_for_topic(struct kc_consumer *consumer, const struct aq_name *topic, struct kc_event *event)
{
    for (size_t i = 0; i <= consumer->part_mask; i++) {
        struct krd_part *part = consumer->parts[i];
        if (!part || !part->live || part->topic != topic) continue;
        event->owner = part->owner;
        krd_events_add(&consumer->events, event);
    }
}

void krd_events_from_message(struct kc_consumer *consumer, const rd_kafka_message_t *message)
{
    AQ_ASSERT(message->err);
    struct kc_event event = {0};
    if (!classify(message, &event)) return;
    const char *what = rd_kafka_message_errstr(message);
    const char *topic_name = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL;
    if (!topic_name) {
        /* Consumer-wide complaints without a topic also reach the error callback when they matter. */
        krd_note(&consumer->client, message->err, what ? what : "consumer error");
        return;
    }
    if (event.code == AQ_E_DENIED) {
        snprintf(event.text, sizeof(event.text), "DENIED: Read on topic %s of cluster %s", topic_name,
                 consumer->client.cluster);
    } else {
        snprintf(event.text, sizeof(event.text), "%s[%d] of cluster %s: %s", topic_name, message->partition,
                 consumer->client.cluster, what ? what : rd_kafka_err2str(message->err));
        conf_mask(event.text);
    }
    const struct aq_name *topic = aq_names_intern(consumer->names, aq_slice_str(topic_name));
    if (message->partition < 0) {
        add_for_topic(consumer, topic, &event);
        return;
    }
    struct krd_part *part = krd_part_find(consumer, topic, message->partition);
    if (!part || !part->live) return;
    event.owner = part->owner;
    krd_events_add(&consumer->events, &event);
}

/* A partition that does not exist (any more) comes through the error callback and carries its name only in the text:
 * "orders [5]: desired partition is not available (…)". Topic names have neither blanks nor brackets. */
static bool partition_from_note(struct kc_consumer *consumer, const struct krd_note *note)
{
    char name[256];
    int partition = -1;
    if (note->code != AQ_E_UNKNOWN_TOPIC) return false;
    if (sscanf(note->text + note->skip, "%255[^ ] [%d]:", name, &partition) != 2) return false;
    const struct aq_name *topic = aq_names_intern(consumer->names, aq_slice_str(name));
    struct krd_part *part = krd_part_find(consumer, topic, partition);
    if (!part || !part->live) return true;
    struct kc_event event = {
        .kind = KC_EVENT_PARTITION, .owner = part->owner, .code = note->code, .offset = -1};
    snprintf(event.text, sizeof(event.text), "%s", note->text);
    krd_events_add(&consumer->events, &event);
    return true;
}

/* Notes that a consumer's owner must not take for trouble of the whole cluster. */
static bool is_private(const struct krd_note *note)
{
    return note->rd_code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED || note->code == AQ_E_UNKNOWN_TOPIC;
}

bool krd_consumer_event(struct kc_consumer *consumer, struct kc_event *ret)
{
    struct krd_note note;
    while (krd_take_note(&consumer->client, &note)) {
        if (partition_from_note(consumer, &note) || is_private(&note)) continue;
        struct kc_event event = {.kind = KC_EVENT_CLUSTER, .code = note.code, .offset = -1};
        snprintf(event.text, sizeof(event.text), "%s", note.text);
        krd_events_add(&consumer->events, &event);
    }
    return krd_events_take(&consumer->events, ret);
}
