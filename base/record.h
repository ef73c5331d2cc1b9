/* SPDX-License-Identifier: Apache-2.0
 *
 * The data itself: records of one source partition, travelling together in a batch.
 *
 * Ownership: a batch has exactly one owner at a time and moves by function call: consumer -> chain -> producer ->
 * in-flight ring -> back to the consumer's free list when its last delivery report is drained. Records live by value
 * in their batch and are never kept alone. Key, value and header bytes are borrowed from the source (a pinned client
 * message) until a step replaces them with bytes from the batch's arena; nobody frees them one by one.
 *
 * The layer below (kafka/) plugs its own pins in through aq_batch_source; base/ knows nothing about Kafka clients.
 */
#ifndef AQ_BASE_RECORD_H
#define AQ_BASE_RECORD_H

#include "base/arena.h"
#include "base/name.h"

enum aq_time_type { AQ_TIME_NONE = 0, AQ_TIME_CREATE = 1, AQ_TIME_APPEND = 2 };

enum aq_record_flag {
    AQ_REC_DROPPED = 1u << 0, /* filtered by a step: counts as delivered at once */
    AQ_REC_FAILED = 1u << 1, /* a step could not process it: fail_* say where and why; error policy decides */
    AQ_REC_DEAD_LETTER = 1u << 2,     /* on its way to the dead letter topic, original bytes restored */
    AQ_REC_HEADERS_LOADED = 1u << 3,  /* headers/n_headers are valid */
    AQ_REC_HEADERS_CHANGED = 1u << 4, /* headers differ from the source's: build new ones when producing */
    AQ_REC_SKIP = 1u << 5, /* already mirrored (read again only to verify the position): never produced */
    AQ_REC_TOO_LARGE = 1u << 6, /* failed because the sink does not take its size */
};

struct aq_batch;

struct aq_record {
    struct aq_slice key;
    struct aq_slice value;
    int64_t timestamp;           /* ms since 1970; meaningless with AQ_TIME_NONE */
    int64_t offset;              /* source offset */
    const struct aq_name *topic; /* where it goes; starts as the source topic, routers change it */
    int32_t partition;           /* sink partition; -1 until the route decides */
    int32_t leader_epoch;        /* -1 unknown */
    uint16_t flags;
    uint8_t time_type;
    uint16_t n_headers;
    struct aq_header *headers; /* use aq_record_headers() */
    const char *fail_step;     /* name of the step, static or as long as the chain */
    const char *fail_reason;   /* in the batch's arena */
    struct aq_batch *batch;
    void *origin; /* the source's own pin for this record; NULL for a record a step added */
};

/* What a source of batches must offer. All are called by the batch's owner. */
struct aq_batch_source {
    /* Fills rec->headers and n_headers (arena array, borrowed bytes) from rec->origin. */
    void (*load_headers)(struct aq_record *rec);
    /* Puts key, value and timestamp back as they were read. Headers are loaded again when they are asked for. */
    void (*restore)(struct aq_record *rec);
    /* Releases all pins; the batch is empty afterwards. */
    void (*release)(struct aq_batch *batch);
};

struct aq_batch {
    struct aq_record *records;
    uint32_t n;
    uint32_t cap;
    const struct aq_name *topic; /* source topic */
    int32_t partition;           /* source partition */
    uint64_t bytes;              /* key + value + headers as read */
    uint64_t added;              /* what steps made beyond it: records, keys, values and headers */
    bool lent;                   /* streams: records of a flight point into it */
    bool grouped;                /* neighbours with one offset were made of one source record, see below */
    struct aq_arena arena;       /* what steps write; reset on release */
    const struct aq_batch_source *source;
    void *source_data;          /* the source's own pin for the whole batch */
    struct aq_batch_pool *pool; /* where it goes when it is released; NULL: it is its owner's */
    void *owner; /* whatever the consumer's user registered for this partition (the bridge's br_partition) */
    /* While it is being produced and in flight: */
    uint32_t produced;    /* records [0, produced) were handed to the producer or needed no delivery */
    uint32_t outstanding; /* delivery reports still to come */
    /* Where the last acknowledged record of the batch stands on the sink; sink_offset -1: none yet. */
    const struct aq_name *sink_topic;
    int32_t sink_partition;
    int64_t sink_offset;
    int64_t
        alone_us; /* monotonic time it was handed over with nothing of its partition before it; 0: not so */
    struct aq_batch *next; /* free list, in-flight ring */
};

/* Bytes that a record read costs beside its payload: what the client keeps for it until its batch is released (400 with
 * librdkafka 2.0, measured) and its struct aq_record. A bound that counted payload alone would let records of 100 bytes take
 * six times the memory it allows. */
#define AQ_RECORD_COST 512

/* The memory a batch of the consumer's holds until it is released, in bytes. */
static inline uint64_t aq_batch_cost(const struct aq_batch *batch)
{
    return batch->bytes + (uint64_t)batch->n * AQ_RECORD_COST;
}

void aq_batch_init(struct aq_batch *batch, uint32_t cap);
void aq_batch_finish(struct aq_batch *batch);

/* The batches of one consumer: taken one by one, back when they are released, and used again. Begins as {.source, .size,
 * .most}. */
struct aq_batch_pool {
    const struct aq_batch_source *source;
    size_t size;   /* of what is allocated: a struct that begins with the aq_batch */
    uint32_t most; /* records a batch will have; its array grows up to that */
    struct aq_batch *free;
    uint64_t out; /* taken and not yet released */
};

/* An empty batch of this partition. */
struct aq_batch *aq_batch_take(struct aq_batch_pool *pool, const struct aq_name *topic, int32_t partition,
                               void *owner);
/* None may be out. */
void aq_batch_pool_finish(struct aq_batch_pool *pool);

/* Adds one zeroed record (batch and topic set); the array may move, so pointers to older records go stale. */
struct aq_record *aq_batch_add(struct aq_batch *batch);

/* Releases the pins through the source, empties the batch, resets its arena and gives it back to its pool. */
void aq_batch_release(struct aq_batch *batch);

/* What a step made of one source record stands side by side and has its offset: a group. The first of it has the source's
 * origin, and stands for the source record when it comes to errors and positions. [begin, end) around record i; without
 * `grouped` every record is a group of its own. */
static inline uint32_t aq_batch_group_end(const struct aq_batch *batch, uint32_t i)
{
    uint32_t end = i + 1;
    if (!batch->grouped) return end;
    while (end < batch->n && batch->records[end].offset == batch->records[i].offset) end++;
    return end;
}

static inline uint32_t aq_batch_group_begin(const struct aq_batch *batch, uint32_t i)
{
    if (!batch->grouped) return i;
    while (i > 0 && batch->records[i - 1].offset == batch->records[i].offset) i--;
    return i;
}

/* The record's headers, loaded on first use. Returns the array; *ret_n is their count. */
struct aq_header *aq_record_headers(struct aq_record *rec, uint16_t *ret_n);

/* Appends a header (bytes must live as long as the batch, name zero-terminated). */
void aq_record_add_header(struct aq_record *rec, struct aq_slice name, struct aq_slice value);

/* Removes every header of this name; returns how many. */
uint32_t aq_record_drop_headers(struct aq_record *rec, struct aq_slice name);

/* Marks the record as failed in `step` (kept by pointer) with a formatted reason; the first failure stays. */
void aq_record_fail(struct aq_record *rec, const char *step, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The record as it was read, for the dead letter topic. */
void aq_record_restore(struct aq_record *rec);

#endif
