/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches and records.
 *
 * Ordinary pass: the consumer takes a batch from its pool, aq_batch_add()s one record for each message it pins, the
 * chain changes records in place and the producer hands them on; when the last delivery report is in, release() lets
 * the source drop its pins, the arena forgets what steps wrote, and the batch is in the pool again. Nothing here
 * allocates once pool, array and arena have grown to the size of the traffic.
 * Failing pass: a step marks its record (the first failure wins, later steps skip it), the route's policy restores
 * the bytes as they were read and sends them to the dead letter topic.
 *
 * Invariants: n <= cap; a batch of a pool is either in its free list or counted in its `out`; a record's batch pointer is its batch;
 * offsets never fall, and are equal within a group only; headers are only valid after aq_record_headers().
 * Threads: the batch's one owner at a time.
 */
#include "base/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define ARENA_CHUNK   16384
#define FIRST_RECORDS 64

void aq_batch_init(struct aq_batch *batch, uint32_t cap)
{
    *batch = (struct aq_batch){.cap = cap ? cap : 1, .partition = -1};
    batch->records = aq_malloc(batch->cap * sizeof(*batch->records));
    aq_arena_init(&batch->arena, ARENA_CHUNK);
}

void aq_batch_finish(struct aq_batch *batch)
{
    aq_batch_release(batch);
    aq_arena_finish(&batch->arena);
    free(batch->records);
    batch->records = NULL;
    batch->cap = 0;
}

__attribute__((noinline, cold)) static void grow(struct aq_batch *batch)
{
    AQ_ASSERT(batch->cap > 0 && batch->cap < UINT32_MAX / 2);
    batch->cap *= 2;
    batch->records = aq_realloc(batch->records, batch->cap * sizeof(*batch->records));
}

struct aq_record *aq_batch_add(struct aq_batch *batch)
{
    AQ_DASSERT(batch->n <= batch->cap);
    if (__builtin_expect(batch->n == batch->cap, 0)) grow(batch);
    struct aq_record *rec = &batch->records[batch->n++];
    *rec = (struct aq_record){.topic = batch->topic, .partition = -1, .leader_epoch = -1, .batch = batch};
    return rec;
}

static void give_back(struct aq_batch *batch)
{
    struct aq_batch_pool *pool = batch->pool;
    AQ_ASSERT(pool->out > 0);
    pool->out--;
    batch->owner = NULL;
    batch->next = pool->free;
    pool->free = batch;
}

void aq_batch_release(struct aq_batch *batch)
{
    AQ_ASSERT(batch->outstanding == 0);
    if (batch->source && batch->source->release) batch->source->release(batch);
    batch->n = 0;
    batch->bytes = 0;
    batch->added = 0;
    batch->lent = false;
    batch->grouped = false;
    batch->produced = 0;
    aq_arena_reset(&batch->arena);
    if (batch->pool) give_back(batch);
}

/* ---- pools ---------------------------------------------------------------------------------------------------------- */

struct aq_batch *aq_batch_take(struct aq_batch_pool *pool, const struct aq_name *topic, int32_t partition,
                               void *owner)
{
    AQ_ASSERT(pool->source && pool->size >= sizeof(struct aq_batch));
    struct aq_batch *batch = pool->free;
    if (batch) {
        pool->free = batch->next;
    } else {
        batch = aq_calloc(1, pool->size);
        aq_batch_init(batch, pool->most < FIRST_RECORDS ? pool->most : FIRST_RECORDS);
        batch->source = pool->source;
        batch->pool = pool;
    }
    AQ_ASSERT(batch->n == 0 && batch->outstanding == 0);
    pool->out++;
    batch->next = NULL;
    batch->topic = topic;
    batch->partition = partition;
    batch->owner = owner;
    batch->alone_us = 0;
    batch->sink_topic = NULL;
    batch->sink_offset = -1;
    return batch;
}

void aq_batch_pool_finish(struct aq_batch_pool *pool)
{
    AQ_ASSERT(pool->out == 0);
    while (pool->free) {
        struct aq_batch *batch = pool->free;
        pool->free = batch->next;
        batch->source = NULL; /* it has been released */
        batch->pool = NULL;
        aq_batch_finish(batch);
        free(batch);
    }
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

struct aq_header *aq_record_headers(struct aq_record *rec, uint16_t *ret_n)
{
    if (!(rec->flags & AQ_REC_HEADERS_LOADED)) {
        const struct aq_batch_source *source = rec->batch->source;
        rec->headers = NULL;
        rec->n_headers = 0;
        if (rec->origin && source && source->load_headers) source->load_headers(rec);
        rec->flags |= AQ_REC_HEADERS_LOADED;
    }
    AQ_DASSERT(rec->n_headers == 0 || rec->headers);
    if (ret_n) *ret_n = rec->n_headers;
    return rec->headers;
}

void aq_record_add_header(struct aq_record *rec, struct aq_slice name, struct aq_slice value)
{
    AQ_ASSERT(!aq_slice_is_null(name));
    uint16_t n = 0;
    struct aq_header *old = aq_record_headers(rec, &n);
    if (n == UINT16_MAX) {
        aq_record_fail(rec, "headers", "record has %u headers already, no room for '%s'", n, name.ptr);
        return;
    }
    /* Always a new array: the source or another step may own the old one, and records carry only a few headers. */
    struct aq_header *headers = aq_arena_alloc(&rec->batch->arena, ((size_t)n + 1) * sizeof(*headers));
    if (n) memcpy(headers, old, n * sizeof(*headers));
    headers[n] = (struct aq_header){name, value};
    rec->headers = headers;
    rec->n_headers = (uint16_t)(n + 1);
    rec->flags |= AQ_REC_HEADERS_CHANGED;
}

uint32_t aq_record_drop_headers(struct aq_record *rec, struct aq_slice name)
{
    AQ_ASSERT(!aq_slice_is_null(name));
    uint16_t n = 0;
    struct aq_header *old = aq_record_headers(rec, &n);
    uint32_t matches = 0;
    for (uint16_t i = 0; i < n; i++) matches += aq_slice_equal(old[i].name, name);
    if (matches == 0) return 0;

    struct aq_header *headers = aq_arena_alloc(&rec->batch->arena, (n - matches) * sizeof(*headers));
    uint16_t kept = 0;
    for (uint16_t i = 0; i < n; i++) {
        if (!aq_slice_equal(old[i].name, name)) headers[kept++] = old[i];
    }
    AQ_ASSERT(kept + matches == n);
    rec->headers = headers;
    rec->n_headers = kept;
    rec->flags |= AQ_REC_HEADERS_CHANGED;
    return matches;
}

void aq_record_fail(struct aq_record *rec, const char *step, const char *format, ...)
{
    AQ_ASSERT(step);
    if (rec->flags & AQ_REC_FAILED) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    AQ_ASSERT(n >= 0);
    rec->flags |= AQ_REC_FAILED;
    rec->fail_step = step;
    rec->fail_reason = aq_arena_strdup(&rec->batch->arena, text);
}

void aq_record_restore(struct aq_record *rec)
{
    const struct aq_batch_source *source = rec->batch->source;
    /* A record that a step added was never read: what it holds now is all there is. */
    if (!rec->origin || !source || !source->restore) return;
    source->restore(rec);
    rec->headers = NULL;
    rec->n_headers = 0;
    rec->flags &= (uint16_t) ~(AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED);
}
