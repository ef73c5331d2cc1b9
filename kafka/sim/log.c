/* SPDX-License-Identifier: Apache-2.0
 *
 * A partition's log.
 *
 * Ordinary pass: append copies a record into the last segment; the first record of a transaction notes where it begins,
 * the marker takes an offset of its own and forgets that. Readers go segment by segment and pin the one they hand out.
 * Failing pass: an abort marker walks back to the transaction's first record and marks each as aborted, so that readers
 * need no list of aborted ranges. Deleting moves the start; segments wholly below it are let go, and live on for as long
 * as a batch still uses their bytes.
 *
 * Invariants: offsets are dense, segments[i].base + n == segments[i + 1].base; start <= end; open is ordered by first.
 * Segments grow with the log (64 to 4096 records), so that many small partitions cost little.
 */
#include "kafka/sim/log.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define SEGMENT_FIRST 64
#define SEGMENT_MAX   4096
#define BYTES_CHUNK   2048

/* A batch with one record of format 2, beside its payload. */
#define RECORD_OVERHEAD 70

/* ---- segments ------------------------------------------------------------------------------------------------------- */

struct sim_segment *sim_segment_ref(struct sim_segment *segment)
{
    AQ_ASSERT(segment->refs > 0);
    segment->refs++;
    return segment;
}

void sim_segment_unref(struct sim_segment *segment)
{
    AQ_ASSERT(segment->refs > 0);
    if (--segment->refs > 0) return;
    aq_arena_finish(&segment->bytes);
    free(segment);
}

static struct sim_segment *last_segment(struct sim_log *log)
{
    struct sim_segment *last = log->n_segments ? log->segments[log->n_segments - 1] : NULL;
    if (last && last->n < last->cap) return last;
    uint32_t cap = last ? last->cap * 2 : SEGMENT_FIRST;
    if (cap > SEGMENT_MAX) cap = SEGMENT_MAX;
    struct sim_segment *segment = aq_malloc(sizeof(*segment) + cap * sizeof(segment->entries[0]));
    *segment = (struct sim_segment){.refs = 1, .cap = cap, .base = log->end};
    aq_arena_init(&segment->bytes, BYTES_CHUNK);
    if (log->n_segments == log->cap_segments) {
        log->cap_segments = log->cap_segments ? log->cap_segments * 2 : 4;
        log->segments = aq_realloc(log->segments, log->cap_segments * sizeof(struct sim_segment *));
    }
    log->segments[log->n_segments++] = segment;
    return segment;
}

struct sim_segment *sim_log_segment(const struct sim_log *log, int64_t offset)
{
    AQ_ASSERT(offset >= log->start && offset < log->end);
    size_t low = 0;
    size_t high = log->n_segments;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (log->segments[middle]->base <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return log->segments[low];
}

struct sim_entry *sim_log_entry(const struct sim_log *log, int64_t offset)
{
    struct sim_segment *segment = sim_log_segment(log, offset);
    AQ_ASSERT(offset - segment->base < segment->n);
    return &segment->entries[offset - segment->base];
}

int64_t sim_entry_size(const struct sim_entry *entry)
{
    size_t size = entry->key.len + entry->value.len + RECORD_OVERHEAD;
    for (uint16_t i = 0; i < entry->n_headers; i++)
        size += entry->headers[i].name.len + entry->headers[i].value.len;
    return (int64_t)size;
}

/* ---- the log -------------------------------------------------------------------------------------------------------- */

struct sim_log *sim_log_new(void)
{
    struct sim_log *log = aq_calloc(1, sizeof(*log));
    log->refs = 1;
    return log;
}

struct sim_log *sim_log_ref(struct sim_log *log)
{
    AQ_ASSERT(log->refs > 0);
    log->refs++;
    return log;
}

void sim_log_unref(struct sim_log *log)
{
    AQ_ASSERT(log->refs > 0);
    if (--log->refs > 0) return;
    for (size_t i = 0; i < log->n_segments; i++) sim_segment_unref(log->segments[i]);
    free(log->segments);
    free(log->open);
    free(log);
}

static struct aq_header *copy_headers(struct aq_arena *arena, const struct aq_header *headers, uint16_t n)
{
    if (n == 0) return NULL;
    struct aq_header *copies = aq_arena_alloc(arena, n * sizeof(*copies));
    for (uint16_t i = 0; i < n; i++) {
        copies[i].name = aq_arena_copy(arena, headers[i].name);
        copies[i].value = aq_arena_copy(arena, headers[i].value);
    }
    return copies;
}

static void open_txn(struct sim_log *log, int64_t producer_id)
{
    if (sim_log_is_open(log, producer_id)) return;
    if (log->n_open == log->cap_open) {
        log->cap_open = log->cap_open ? log->cap_open * 2 : 4;
        log->open = aq_realloc(log->open, log->cap_open * sizeof(*log->open));
    }
    log->open[log->n_open++] = (struct sim_open){.producer_id = producer_id, .first = log->end};
}

int64_t sim_log_append(struct sim_log *log, const struct sim_entry *entry)
{
    if (entry->producer_id >= 0 && entry->kind == SIM_DATA) open_txn(log, entry->producer_id);
    struct sim_segment *segment = last_segment(log);
    struct sim_entry *copy = &segment->entries[segment->n];
    *copy = *entry;
    copy->key = aq_arena_copy(&segment->bytes, entry->key);
    copy->value = aq_arena_copy(&segment->bytes, entry->value);
    copy->headers = copy_headers(&segment->bytes, entry->headers, entry->n_headers);
    segment->n++;
    return log->end++;
}

bool sim_log_is_open(const struct sim_log *log, int64_t producer_id)
{
    for (size_t i = 0; i < log->n_open; i++)
        if (log->open[i].producer_id == producer_id) return true;
    return false;
}

static void mark_aborted(struct sim_log *log, int64_t producer_id, int64_t first)
{
    for (int64_t offset = first > log->start ? first : log->start; offset < log->end; offset++) {
        struct sim_entry *entry = sim_log_entry(log, offset);
        if (entry->producer_id == producer_id && entry->kind == SIM_DATA) entry->aborted = true;
    }
}

void sim_log_end_txn(struct sim_log *log, int64_t producer_id, bool commit, int64_t timestamp, uint64_t seq)
{
    size_t i = 0;
    while (i < log->n_open && log->open[i].producer_id != producer_id) i++;
    AQ_ASSERT(i < log->n_open);
    if (!commit) mark_aborted(log, producer_id, log->open[i].first);
    memmove(&log->open[i], &log->open[i + 1], (log->n_open - i - 1) * sizeof(*log->open));
    log->n_open--;
    /* Key and value of a marker are Kafka's own; no consumer ever gets them. */
    const struct sim_entry marker = {.kind = commit ? SIM_COMMIT : SIM_ABORT,
                                     .producer_id = producer_id,
                                     .timestamp = timestamp,
                                     .seq = seq};
    sim_log_append(log, &marker);
}

int64_t sim_log_stable_end(const struct sim_log *log)
{
    if (log->n_open == 0) return log->end;
    return log->open[0].first > log->start ? log->open[0].first : log->start;
}

void sim_log_delete_before(struct sim_log *log, int64_t offset)
{
    AQ_ASSERT(offset <= log->end);
    if (offset <= log->start) return;
    log->start = offset;
    size_t gone = 0;
    while (gone < log->n_segments && log->segments[gone]->base + log->segments[gone]->n <= offset &&
           log->segments[gone]->n == log->segments[gone]->cap) {
        sim_segment_unref(log->segments[gone++]);
    }
    memmove(log->segments, log->segments + gone, (log->n_segments - gone) * sizeof(struct sim_segment *));
    log->n_segments -= gone;
}
