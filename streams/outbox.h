/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox of a worker: what its tasks make, on its way to the producer and back. Essay: streams/outbox.c.
 *
 * Ownership: the outbox owns its flights and the records in them. Input batches are handed over by st_outbox_pin() and released
 * when everything that was made before is through. Feeds belong to the worker and outlive their marks here
 * (st_outbox_clear() before they go).
 * Threads: the worker's own.
 */
#ifndef AQ_STREAMS_OUTBOX_H
#define AQ_STREAMS_OUTBOX_H

#include "base/record.h"
#include "streams/feed.h"

/* A flight is closed at as many records or bytes: several make a produce request (streams/settings.c). */
#define ST_FLIGHT_RECORDS 1000
#define ST_FLIGHT_BYTES   ((uint64_t)1 << 20)

struct st_flight_mark {
    struct st_feed *feed;
    struct st_mark mark;
};

enum st_flight_state { ST_FLIGHT_OPEN, ST_FLIGHT_QUEUED, ST_FLIGHT_SENT, ST_FLIGHT_THROUGH };

struct st_flight {
    struct aq_batch batch; /* owner: the flight itself */
    enum st_flight_state state;
    struct st_flight_mark *marks; /* how far the inputs had come when it was closed */
    size_t n_marks, cap_marks;
    uint64_t bytes;         /* of its records */
    struct aq_batch *pins;  /* input batches nobody reads any more, linked by next */
    int64_t sent_us;        /* monotonic time it was handed over */
    struct st_flight *hold; /* a younger one, before which this one is not through; NULL: none */
    struct st_flight *next;
};

/* Takes an input batch back. */
typedef void st_release(void *ctx, struct aq_batch *batch);

struct st_outbox {
    struct st_flight *open;  /* records are added to it; never NULL */
    struct st_flight *first; /* oldest that is not through, up to open (exclusive) */
    struct st_flight *last;
    struct st_flight *unsent; /* first one that is QUEUED */
    struct st_flight *spare;  /* to be used again */
    uint32_t under_way;       /* flights with the producer */
    uint64_t bytes;           /* of records made and not yet through */
    bool closing;             /* a producer may have been left behind with flights of ours */
    st_release *release;
    void *ctx;
};

void st_outbox_init(struct st_outbox *outbox, st_release *release, void *ctx);
/* Nothing may be with the producer. */
void st_outbox_finish(struct st_outbox *outbox);

/* Bytes that live until the open flight is through. */
struct aq_arena *st_outbox_arena(struct st_outbox *outbox);

/* In place of a partition: the key decides when the record is sent; ST_BY_KEY - n: the key without its last n bytes, which are a window. */
#define ST_BY_KEY (-1)

/* A copy of the record, for this topic; headers must be loaded, and a record without a time keeps none. Its bytes are
 * borrowed: from an input batch that was not given back yet, or from the arena. `source` is the record it was made of, which lies
 * in its input batch (NULL: a punctuation); the copy's origin says so. */
void st_outbox_add(struct st_outbox *outbox, const struct aq_record *rec, const struct aq_name *topic,
                   int32_t partition, const struct aq_record *source);
/* The source record of one in a flight, NULL for one that a punctuation made. */
const struct aq_record *st_outbox_source(const struct aq_record *rec);

/* An input batch that is done with: given back at once when none of its records was a source, else when the open flight is through. */
void st_outbox_pin(struct st_outbox *outbox, struct aq_batch *batch);

/* Something was processed from the feed: its position at the close of the open flight goes with it. */
void st_outbox_touch(struct st_outbox *outbox, struct st_feed *feed);

/* True when the open flight holds as much as a request carries. */
bool st_outbox_is_full(const struct st_outbox *outbox);
/* Closes the open flight if it holds anything, marks included; `position` tells each touched feed's. */
void st_outbox_close(struct st_outbox *outbox, struct st_mark (*position)(const struct st_feed *feed));

/* The oldest flight that has not been handed over; NULL: none. */
struct st_flight *st_outbox_next(struct st_outbox *outbox);
/* It was handed over as a whole (or has nothing to deliver): its feeds' sent marks move. */
void st_outbox_sent(struct st_outbox *outbox, struct st_flight *flight);
/* Its batch came back delivered: the acked marks move over all flights that are through from the oldest on, which are
 * recycled, and their input batches released. `acked` is called for every feed whose mark moved. */
void st_outbox_through(struct st_outbox *outbox, struct st_flight *flight,
                       void (*acked)(void *ctx, struct st_feed *feed), void *ctx);
/* Something made of the flight's records was added to the open one (a dead letter): the flight counts as through only when that
 * one is, so its marks do not pass a record that lies nowhere yet, and its input batches stay. */
void st_outbox_hold(struct st_outbox *outbox, struct st_flight *flight);
struct st_flight *st_outbox_flight_of(struct aq_batch *batch);

/* The feed is going away: its marks are forgotten. What was made from it flies on. */
void st_outbox_forget(struct st_outbox *outbox, const struct st_feed *feed);
/* After an abort, with every batch back: forgets all flights and releases all pins. While closing, a flight that did not come back
 * is left behind with what it holds: the client may still read its bytes. */
void st_outbox_clear(struct st_outbox *outbox);
bool st_outbox_is_empty(const struct st_outbox *outbox);

#endif
