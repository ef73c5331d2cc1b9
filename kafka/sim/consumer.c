/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer: partitions assigned by hand, read in turn.
 *
 * Ordinary pass: a poll looks at the partitions one after the other, from where it stopped the last time (the seed says
 * where it begins), and hands out the next records of the first that has some. Control records, and for read_committed
 * those of aborted transactions, are passed over and only move the position. A partition read to its end says so once for
 * each position it stands at; an end that waits while records from behind it are handed out is not told any more.
 * Failing pass: a position outside the log is told once, and the partition rests until it is assigned again. A partition
 * that is not there is told once and read as soon as it is: under a topic made anew the position stays, and may be out of
 * range there.
 *
 * Invariant: next >= 0 once the log was found.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "kafka/sim/client.h"

/* ---- open and close ------------------------------------------------------------------------------------------------- */

int sim_consumer_open(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                      struct aq_names *names, struct kc_consumer **ret, struct aq_err *err)
{
    AQ_ASSERT(conf->batch_records > 0 && conf->queue_bytes > 0 && conf->group_id);
    struct sim_cluster *found = sim_handle_open(cluster, err);
    if (!found) return AQ_E_UNREACHABLE;
    struct kc_consumer *consumer = aq_calloc(1, sizeof(*consumer));
    consumer->cluster = found;
    consumer->names = names;
    consumer->committed = conf->read_committed;
    consumer->batch_records = conf->batch_records;
    consumer->batches = (struct aq_batch_pool){
        .source = &sim_batch_source, .size = sizeof(struct aq_batch), .most = conf->batch_records};
    consumer->batch_bytes = conf->batch_bytes > 0 ? (uint64_t)conf->batch_bytes : UINT64_MAX;
    *ret = consumer;
    return 0;
}

static void let_go(struct sim_part *part)
{
    if (part->log) sim_log_unref(part->log);
    part->log = NULL;
}

void sim_consumer_close(struct kc_consumer *consumer, int64_t deadline_ms)
{
    (void)deadline_ms; /* nothing here can hang */
    if (!consumer) return;
    aq_batch_pool_finish(&consumer->batches);
    for (size_t i = 0; i < consumer->n_parts; i++) let_go(&consumer->parts[i]);
    free(consumer->parts);
    free(consumer->events);
    sim_handle_close(consumer->cluster);
    free(consumer);
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

static void add_event(struct kc_consumer *consumer, const struct kc_event *event)
{
    if (consumer->first_event == consumer->n_events) consumer->first_event = consumer->n_events = 0;
    if (consumer->n_events == consumer->cap_events) {
        consumer->cap_events = consumer->cap_events ? consumer->cap_events * 2 : 16;
        consumer->events = aq_realloc(consumer->events, consumer->cap_events * sizeof(*consumer->events));
    }
    consumer->events[consumer->n_events++] = *event;
}

static void forget_events(struct kc_consumer *consumer, const void *owner, bool ends_only)
{
    size_t kept = consumer->first_event;
    for (size_t i = consumer->first_event; i < consumer->n_events; i++) {
        const struct kc_event *event = &consumer->events[i];
        bool forget = event->owner == owner && (!ends_only || event->kind == KC_EVENT_EOF);
        if (!forget) consumer->events[kept++] = *event;
    }
    consumer->n_events = kept;
}

bool sim_consumer_event(struct kc_consumer *consumer, struct kc_event *ret)
{
    if (consumer->first_event == consumer->n_events) return false;
    *ret = consumer->events[consumer->first_event++];
    return true;
}

static void tell(struct kc_consumer *consumer, const struct sim_part *part, enum kc_event_kind kind, int code,
                 const char *what)
{
    struct kc_event event = {.kind = kind, .owner = part->owner, .code = code, .offset = part->next};
    if (code) {
        snprintf(event.text, sizeof(event.text), "%s[%d] of cluster %s: %s", part->topic->text,
                 part->partition, consumer->cluster->name, what);
    }
    add_event(consumer, &event);
}

/* ---- assigning ------------------------------------------------------------------------------------------------------ */

static struct sim_part *find_part(const struct kc_consumer *consumer, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < consumer->n_parts; i++) {
        struct sim_part *part = &consumer->parts[i];
        if (part->partition == partition && strcmp(part->topic->text, topic) == 0) return part;
    }
    return NULL;
}

int sim_consumer_assign(struct kc_consumer *consumer, const char *topic, int32_t partition, int64_t offset,
                        void *owner, struct aq_err *err)
{
    AQ_ASSERT(topic && partition >= 0);
    AQ_ASSERT(offset >= 0 || offset == KC_OFFSET_EARLIEST);
    sim_consumer_unassign(consumer, topic, partition, err);
    if (consumer->n_parts == consumer->cap_parts) {
        consumer->cap_parts = consumer->cap_parts ? consumer->cap_parts * 2 : 8;
        consumer->parts = aq_realloc(consumer->parts, consumer->cap_parts * sizeof(*consumer->parts));
    }
    consumer->parts[consumer->n_parts++] =
        (struct sim_part){.topic = aq_names_intern(consumer->names, aq_slice_str(topic)),
                          .partition = partition,
                          .next = offset,
                          .eof_at = -1,
                          .known_end = -1,
                          .owner = owner};
    return 0;
}

int sim_consumer_unassign(struct kc_consumer *consumer, const char *topic, int32_t partition,
                          struct aq_err *err)
{
    (void)err;
    sim_settle(consumer->cluster);
    struct sim_part *part = find_part(consumer, topic, partition);
    if (!part) return 0;
    forget_events(consumer, part->owner, false);
    let_go(part);
    *part = consumer->parts[--consumer->n_parts];
    return 0;
}

int64_t sim_consumer_known_end(struct kc_consumer *consumer, const char *topic, int32_t partition)
{
    const struct sim_part *part = find_part(consumer, topic, partition);
    return part ? part->known_end : -1;
}

/* ---- polling -------------------------------------------------------------------------------------------------------- */

/* Finds the partition's log, again if its topic was deleted; false when there is none. */
static bool find_log(struct kc_consumer *consumer, struct sim_part *part)
{
    if (__builtin_expect(part->log && !part->log->deleted, 1)) return true;
    let_go(part);
    struct sim_log *log = sim_log_find(consumer->cluster, part->topic->text, part->partition);
    if (!log) {
        if (!part->missing)
            tell(consumer, part, KC_EVENT_PARTITION, AQ_E_UNKNOWN_TOPIC, "unknown topic or partition");
        part->missing = true;
        return false;
    }
    part->missing = false;
    part->log = sim_log_ref(log);
    part->eof_at = -1;
    return true;
}

/* True when there may be something to read at part->next. */
static bool in_range(struct kc_consumer *consumer, struct sim_part *part)
{
    const struct sim_log *log = part->log;
    if (part->next == KC_OFFSET_EARLIEST) part->next = log->start;
    part->known_end = log->end;
    if (part->next >= log->start && part->next <= log->end) return true;
    tell(consumer, part, KC_EVENT_OUT_OF_RANGE, AQ_E_OFFSET_LOST, "offset is not in the log");
    part->halted = true;
    return false;
}

/* Passes over what the owner does not get; true when a record stands at part->next. */
static bool skip_invisible(const struct kc_consumer *consumer, struct sim_part *part, int64_t end)
{
    while (part->next < end) {
        struct sim_segment *segment = sim_log_segment(part->log, part->next);
        for (int64_t i = part->next - segment->base; i < segment->n && part->next < end; i++, part->next++)
            if (sim_entry_visible(&segment->entries[i], consumer->committed)) return true;
    }
    return false;
}

static struct aq_batch *fill_batch(struct kc_consumer *consumer, struct sim_part *part, int64_t end)
{
    struct sim_segment *segment = sim_log_segment(part->log, part->next);
    forget_events(consumer, part->owner, true);
    struct aq_batch *batch = sim_batch_take(consumer, part, segment);
    for (int64_t i = part->next - segment->base; i < segment->n && part->next < end; i++, part->next++) {
        struct sim_entry *entry = &segment->entries[i];
        if (!sim_entry_visible(entry, consumer->committed)) continue;
        if (batch->n == consumer->batch_records || batch->bytes >= consumer->batch_bytes) break;
        sim_batch_append(batch, entry, part->next);
    }
    AQ_ASSERT(batch->n > 0);
    return batch;
}

static struct aq_batch *read_part(struct kc_consumer *consumer, struct sim_part *part)
{
    if (part->halted || !find_log(consumer, part) || !in_range(consumer, part)) return NULL;
    int64_t end = sim_log_readable_end(part->log, consumer->committed);
    if (skip_invisible(consumer, part, end)) return fill_batch(consumer, part, end);
    if (part->eof_at != part->next) tell(consumer, part, KC_EVENT_EOF, 0, NULL);
    part->eof_at = part->next;
    return NULL;
}

static struct aq_batch *read_any(struct kc_consumer *consumer)
{
    if (consumer->n_parts > 1)
        consumer->turn = (consumer->turn + sim_random_below(consumer->cluster->sim, 2)) % consumer->n_parts;
    for (size_t i = 0; i < consumer->n_parts; i++) {
        size_t at = (consumer->turn + i) % consumer->n_parts;
        struct aq_batch *batch = read_part(consumer, &consumer->parts[at]);
        if (!batch) continue;
        consumer->turn = at + 1;
        return batch;
    }
    return NULL;
}

struct aq_batch *sim_consumer_poll(struct kc_consumer *consumer, int64_t now, int wait_ms)
{
    (void)now; /* the world has a clock of its own */
    sim_settle(consumer->cluster);
    int64_t until_us = sim_now(consumer->cluster) + wait_ms * AQ_MS;
    struct aq_batch *batch = read_any(consumer);
    /* Events come with the poll that found them: nobody waits on top of them. */
    while (!batch && consumer->first_event == consumer->n_events && sim_wait(consumer->cluster, until_us))
        batch = read_any(consumer);
    return batch;
}
