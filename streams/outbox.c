/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: what tasks make, in the order they made it, from the operator that emits it to the acknowledgement.
 *
 * Records are collected in flights. A flight is a batch for the producer, the marks of the feeds it was made from, and the input
 * batches that became idle while it was open. Values are not copied: a record of a flight points into the input batch of its source
 * record, and such a batch is given back when every flight up to the one it was pinned to is through. So a record that is only filtered
 * costs no byte. An input batch that was the source of nothing is given back at once: results of stores lie in the stores, and the input
 * of a count has not to wait for a commit.
 *
 * An ordinary pass: tasks add records to the open flight. When it is full, or nothing more comes, it is closed: for each feed that
 * was touched it notes how far that feed has come. The worker hands closed flights to the producer in order; then the sent marks
 * move (exactly_once commits these: everything before them is in the transaction). When the reports of a flight are in it is
 * through; the acked marks move over the longest run of flights that are through, oldest first (at_least_once commits these).
 * A flight without records (all filtered) is through as soon as its turn comes. When a record was refused and its dead letter lies in
 * a younger flight, the older one is held until that one is through.
 *
 * A failing pass: the cycle is aborted. When the producer has given every batch back st_outbox_clear() forgets all flights, and the
 * tasks begin again at their committed marks.
 *
 * Invariants: flights between first and last are in the order of closing, states never grow from older to younger (a younger flight
 * may be THROUGH before an older one, but none is SENT before all older ones are); feed->touched means a mark in the open flight; a
 * record's address stays the same once its flight is closed.
 */
#include "streams/outbox.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define UNMARKED INT64_MIN

/* What a flight's records point at is freed by the flight, never through its batch. */
static void release_nothing(struct aq_batch *batch)
{
    (void)batch;
}

static const struct aq_batch_source own_records = {.release = release_nothing};

/* ---- flights ------------------------------------------------------------------------------------------------------ */

static struct st_flight *new_flight(struct st_outbox *outbox)
{
    struct st_flight *flight = outbox->spare;
    if (flight) {
        outbox->spare = flight->next;
        flight->next = NULL;
        flight->state = ST_FLIGHT_OPEN;
        return flight;
    }
    flight = aq_calloc(1, sizeof(*flight));
    aq_batch_init(&flight->batch, ST_FLIGHT_RECORDS + ST_FLIGHT_RECORDS / 4);
    flight->batch.source = &own_records;
    flight->batch.owner = flight;
    flight->state = ST_FLIGHT_OPEN;
    return flight;
}

static void release_pins(struct st_outbox *outbox, struct st_flight *flight)
{
    for (struct aq_batch *next, *batch = flight->pins; batch; batch = next) {
        next = batch->next;
        batch->next = NULL;
        outbox->release(outbox->ctx, batch);
    }
    flight->pins = NULL;
}

/* Nothing is left that the open flight's pins could wait for. */
static void release_idle_pins(struct st_outbox *outbox)
{
    if (st_outbox_is_empty(outbox)) release_pins(outbox, outbox->open);
}

/* Ready to be opened again. */
static void recycle(struct st_outbox *outbox, struct st_flight *flight)
{
    release_pins(outbox, flight);
    AQ_ASSERT(outbox->bytes >= flight->bytes);
    outbox->bytes -= flight->bytes;
    flight->bytes = 0;
    flight->n_marks = 0;
    flight->hold = NULL;
    aq_batch_release(&flight->batch);
    flight->next = outbox->spare;
    outbox->spare = flight;
}

static void free_flight(struct st_flight *flight)
{
    aq_batch_finish(&flight->batch);
    free(flight->marks);
    free(flight);
}

void st_outbox_init(struct st_outbox *outbox, st_release *release, void *ctx)
{
    AQ_ASSERT(release);
    *outbox = (struct st_outbox){.release = release, .ctx = ctx};
    outbox->open = new_flight(outbox);
}

void st_outbox_finish(struct st_outbox *outbox)
{
    if (!outbox->open) return;
    st_outbox_clear(outbox);
    free_flight(outbox->open);
    for (struct st_flight *next, *flight = outbox->spare; flight; flight = next) {
        next = flight->next;
        free_flight(flight);
    }
    *outbox = (struct st_outbox){0};
}

/* ---- filling ------------------------------------------------------------------------------------------------------ */

struct aq_arena *st_outbox_arena(struct st_outbox *outbox)
{
    return &outbox->open->batch.arena;
}

void st_outbox_add(struct st_outbox *outbox, const struct aq_record *rec, const struct aq_name *topic,
                   int32_t partition, const struct aq_record *source)
{
    AQ_DASSERT(topic && (rec->n_headers == 0 || rec->headers));
    struct st_flight *flight = outbox->open;
    struct aq_record *made = aq_batch_add(&flight->batch);
    made->key = rec->key;
    made->value = rec->value;
    made->timestamp = rec->timestamp;
    made->time_type = rec->time_type == AQ_TIME_NONE ? AQ_TIME_NONE : AQ_TIME_CREATE;
    made->offset = rec->offset;
    made->topic = topic;
    made->partition = partition;
    made->headers = rec->headers;
    made->n_headers = rec->n_headers;
    /* Several records may be made of one, so headers are always built anew, never moved. */
    made->flags = AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
    made->origin = (void *)source;
    if (source) source->batch->lent = true;
    uint64_t bytes = rec->key.len + rec->value.len;
    for (uint16_t i = 0; i < rec->n_headers; i++)
        bytes += rec->headers[i].name.len + rec->headers[i].value.len;
    flight->bytes += bytes;
    outbox->bytes += bytes;
}

const struct aq_record *st_outbox_source(const struct aq_record *rec)
{
    return rec->origin;
}

void st_outbox_pin(struct st_outbox *outbox, struct aq_batch *batch)
{
    if (!batch->lent || st_outbox_is_empty(outbox)) {
        outbox->release(outbox->ctx, batch);
        return;
    }
    batch->next = outbox->open->pins;
    outbox->open->pins = batch;
}

void st_outbox_touch(struct st_outbox *outbox, struct st_feed *feed)
{
    if (feed->touched) return;
    struct st_flight *flight = outbox->open;
    if (flight->n_marks == flight->cap_marks) {
        flight->cap_marks = flight->cap_marks ? flight->cap_marks * 2 : 8;
        flight->marks = aq_realloc(flight->marks, flight->cap_marks * sizeof(*flight->marks));
    }
    flight->marks[flight->n_marks++] = (struct st_flight_mark){.feed = feed, .mark = {.next = UNMARKED}};
    feed->touched = true;
}

/* ---- closing and sending ------------------------------------------------------------------------------------------ */

bool st_outbox_is_full(const struct st_outbox *outbox)
{
    return outbox->open->batch.n >= ST_FLIGHT_RECORDS || outbox->open->bytes >= ST_FLIGHT_BYTES;
}

void st_outbox_close(struct st_outbox *outbox, struct st_mark (*position)(const struct st_feed *feed))
{
    struct st_flight *flight = outbox->open;
    if (flight->batch.n == 0 && flight->n_marks == 0 && !flight->pins) return;
    for (size_t i = 0; i < flight->n_marks; i++) {
        struct st_feed *feed = flight->marks[i].feed;
        flight->marks[i].mark = position(feed);
        feed->touched = false;
    }
    flight->state = ST_FLIGHT_QUEUED;
    flight->next = NULL;
    if (outbox->last)
        outbox->last->next = flight;
    else
        outbox->first = flight;
    outbox->last = flight;
    if (!outbox->unsent) outbox->unsent = flight;
    outbox->open = new_flight(outbox);
}

struct st_flight *st_outbox_next(struct st_outbox *outbox)
{
    return outbox->unsent;
}

void st_outbox_sent(struct st_outbox *outbox, struct st_flight *flight)
{
    AQ_ASSERT(flight == outbox->unsent && flight->state == ST_FLIGHT_QUEUED);
    flight->state = ST_FLIGHT_SENT;
    outbox->under_way++;
    outbox->unsent = flight->next;
    for (size_t i = 0; i < flight->n_marks; i++) {
        struct st_flight_mark *moved = &flight->marks[i];
        if (moved->feed) moved->feed->sent = moved->mark;
    }
}

static void move_acked(struct st_flight *flight, void (*acked)(void *ctx, struct st_feed *feed), void *ctx)
{
    for (size_t i = 0; i < flight->n_marks; i++) {
        struct st_flight_mark *moved = &flight->marks[i];
        if (!moved->feed) continue;
        moved->feed->acked = moved->mark;
        acked(ctx, moved->feed);
    }
}

/* Through, and so is every flight up to the one it is held for. */
static bool is_through(const struct st_flight *flight)
{
    const struct st_flight *last = flight->hold ? flight->hold : flight;
    for (; flight && flight->state == ST_FLIGHT_THROUGH; flight = flight->next)
        if (flight == last) return true;
    return false;
}

void st_outbox_through(struct st_outbox *outbox, struct st_flight *flight,
                       void (*acked)(void *ctx, struct st_feed *feed), void *ctx)
{
    AQ_ASSERT(flight->state == ST_FLIGHT_SENT && flight->batch.outstanding == 0);
    flight->state = ST_FLIGHT_THROUGH;
    AQ_ASSERT(outbox->under_way > 0);
    outbox->under_way--;
    while (outbox->first && is_through(outbox->first)) {
        struct st_flight *oldest = outbox->first;
        outbox->first = oldest->next;
        if (!outbox->first) outbox->last = NULL;
        move_acked(oldest, acked, ctx);
        recycle(outbox, oldest);
    }
    release_idle_pins(outbox);
}

void st_outbox_hold(struct st_outbox *outbox, struct st_flight *flight)
{
    AQ_ASSERT(outbox->open->batch.n > 0);
    if (flight != outbox->open) flight->hold = outbox->open;
}

struct st_flight *st_outbox_flight_of(struct aq_batch *batch)
{
    AQ_ASSERT(batch->source == &own_records && batch->owner);
    return batch->owner;
}

bool st_outbox_is_empty(const struct st_outbox *outbox)
{
    return !outbox->first && outbox->open->batch.n == 0 && outbox->open->n_marks == 0;
}

/* ---- the way back ------------------------------------------------------------------------------------------------- */

static void forget_in(struct st_flight *flight, const struct st_feed *feed)
{
    for (size_t i = 0; i < flight->n_marks; i++)
        if (flight->marks[i].feed == feed) flight->marks[i].feed = NULL;
}

void st_outbox_forget(struct st_outbox *outbox, const struct st_feed *feed)
{
    for (struct st_flight *flight = outbox->first; flight; flight = flight->next) forget_in(flight, feed);
    struct st_flight *open = outbox->open;
    size_t kept = 0;
    for (size_t i = 0; i < open->n_marks; i++)
        if (open->marks[i].feed != feed) open->marks[kept++] = open->marks[i];
    open->n_marks = kept;
    release_idle_pins(outbox);
}

void st_outbox_clear(struct st_outbox *outbox)
{
    while (outbox->first) {
        struct st_flight *flight = outbox->first;
        outbox->first = flight->next;
        AQ_ASSERT(flight->batch.outstanding == 0 || outbox->closing);
        if (flight->batch.outstanding == 0)
            recycle(outbox, flight);
        else
            outbox->bytes -= flight->bytes;
    }
    outbox->last = outbox->unsent = NULL;
    outbox->under_way = 0;
    struct st_flight *open = outbox->open;
    for (size_t i = 0; i < open->n_marks; i++) open->marks[i].feed->touched = false;
    recycle(outbox, open);
    outbox->open = new_flight(outbox);
    AQ_ASSERT(outbox->bytes == 0);
}
