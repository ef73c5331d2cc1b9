/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors and what the route's policy makes of them, between the chain and the queue.
 *
 * An ordinary pass: nothing failed; dropped records are counted.
 *
 * A failing pass: a step failed a record, or the sink has refused it before (poison, bridge/outflow.c). It is skipped, sent to the
 * dead letter topic as it was read, or stops the route. The policy is about source records: of a group, which is what a
 * step made of one, a single bad record is enough, and then the whole group goes and its first record, which has the
 * source's origin, stands for all of it.
 *
 * Invariants: a record is said and counted once, though it comes by again after an abort (settled_next, poison->counted); behind
 * br_settle_batch() nothing that is to be sent is failed, unless the route stops.
 * Threads: the worker's.
 */
#include <inttypes.h>

#include "base/assert.h"
#include "base/log.h"
#include "bridge/worker.h"

static void add_text_header(struct aq_record *rec, struct aq_slice name, const char *text)
{
    aq_record_add_header(rec, name, aq_arena_copy(&rec->batch->arena, aq_slice_str(text)));
}

/* The record as it was read, with headers that say why and where from. */
static void to_dead_letter(struct br_worker *worker, struct aq_record *rec)
{
    struct aq_arena *arena = &rec->batch->arena;
    const char *stage = rec->fail_step, *reason = rec->fail_reason;
    const struct br_poison *poison = br_partition_find_poison(rec->batch->owner, rec->offset);
    int code = poison ? poison->code : 0;
    bool too_large = (rec->flags & AQ_REC_TOO_LARGE) != 0 || code == AQ_E_TOO_LARGE;
    aq_record_restore(rec);
    rec->flags = (uint16_t)((rec->flags & ~(unsigned)AQ_REC_FAILED) | AQ_REC_DEAD_LETTER);
    rec->topic = aq_names_intern(&worker->names, aq_slice_str(worker->route->dead_letter_topic));
    rec->partition = -1;
    add_text_header(rec, AQ_LIT("aqueduct.error.stage"), stage);
    add_text_header(rec, AQ_LIT("aqueduct.error.reason"), reason);
    add_text_header(rec, AQ_LIT("aqueduct.error.route"), worker->route->name);
    add_text_header(rec, AQ_LIT("aqueduct.source.topic"), rec->batch->topic->text);
    add_text_header(rec, AQ_LIT("aqueduct.source.partition"),
                    aq_arena_printf(arena, "%d", rec->batch->partition));
    add_text_header(rec, AQ_LIT("aqueduct.source.offset"), aq_arena_printf(arena, "%" PRId64, rec->offset));
    if (code == AQ_E_BAD_TIMESTAMP) {
        /* It would be refused there as well: the time goes into a header. */
        add_text_header(rec, AQ_LIT("aqueduct.source.timestamp"),
                        aq_arena_printf(arena, "%" PRId64, rec->timestamp));
        rec->time_type = AQ_TIME_NONE;
    }
    if (!too_large) return;
    /* It would not fit there either. Its place on the source is what can be kept. */
    add_text_header(rec, AQ_LIT("aqueduct.error.omitted_bytes"),
                    aq_arena_printf(arena, "%zu", rec->value.len));
    rec->value = AQ_NULL_SLICE;
}

static void fail_route(struct br_worker *worker, const struct aq_record *rec)
{
    struct aq_err err;
    aq_fail(&err, AQ_E_BAD_RECORD,
            "%s[%d]@%" PRId64
            ": %s: %s; nothing behind it was mirrored. Set errors.tolerance = \"skip\" or \"dead_letter\" "
            "to go on, or mend the chain",
            rec->batch->topic->text, rec->batch->partition, rec->offset, rec->fail_step, rec->fail_reason);
    kc_ownership_fail(&worker->own, &err);
}

bool br_settle_record(struct br_worker *worker, struct aq_record *rec, bool first)
{
    switch (worker->route->tolerance) {
    case BR_ERRORS_SKIP:
        rec->flags |= AQ_REC_DROPPED;
        if (!first) return true;
        aq_log(AQ_WARN, "bad record skipped", aq_fs("route", worker->route->name),
               aq_fs("topic", rec->batch->topic->text), aq_fi("partition", rec->batch->partition),
               aq_fi("offset", rec->offset), aq_fs("stage", rec->fail_step),
               aq_fs("reason", rec->fail_reason));
        aq_counter_add(&worker->counters.skipped, 1);
        return true;
    case BR_ERRORS_DEAD_LETTER:
        to_dead_letter(worker, rec);
        if (first) aq_counter_add(&worker->counters.dead, 1);
        return true;
    default: fail_route(worker, rec); return false;
    }
}

/* The first record of [begin, end) that is (or is not, for want == 0) flagged so; `end` when there is none. */
static uint32_t find_flagged(const struct aq_batch *batch, uint32_t begin, uint32_t end, unsigned flags,
                             unsigned want)
{
    uint32_t i = begin;
    while (i < end && (batch->records[i].flags & flags) != want) i++;
    return i;
}

/* A source record the sink has refused before fails here, with the first record that would be sent of it. True unless it
 * was counted already. */
static bool mark_poison(const struct br_partition *p, struct aq_batch *batch, uint32_t begin, uint32_t end)
{
    struct br_poison *poison = br_partition_find_poison(p, batch->records[begin].offset);
    if (!poison || find_flagged(batch, begin, end, AQ_REC_FAILED, AQ_REC_FAILED) < end) return false;
    uint32_t live = find_flagged(batch, begin, end, AQ_REC_DROPPED | AQ_REC_SKIP, 0);
    if (live == end) return false;
    struct aq_record *rec = &batch->records[live];
    if (poison->code == AQ_E_TOO_LARGE) rec->flags |= AQ_REC_TOO_LARGE;
    aq_record_fail(rec, "sink", "%s", aq_code_text(poison->code));
    bool first = !poison->counted;
    poison->counted = true;
    return first;
}

/* All of a group or nothing: a failure of any of its records becomes that of the first, which has the bytes the source
 * record came with, and the others go no further. */
static void take_failure(struct aq_batch *batch, uint32_t begin, uint32_t end)
{
    uint32_t bad = find_flagged(batch, begin, end, AQ_REC_FAILED, AQ_REC_FAILED);
    if (bad == end) return;
    const unsigned kept = AQ_REC_FAILED | AQ_REC_TOO_LARGE | AQ_REC_DROPPED;
    const struct aq_record failed = batch->records[bad];
    for (uint32_t i = begin; i < end; i++) {
        struct aq_record *rec = &batch->records[i];
        rec->flags = (uint16_t)((rec->flags & ~kept) | AQ_REC_DROPPED);
    }
    struct aq_record *first = &batch->records[begin];
    first->flags = (uint16_t)((first->flags & ~kept) | (failed.flags & (AQ_REC_FAILED | AQ_REC_TOO_LARGE)));
    first->fail_step = failed.fail_step;
    first->fail_reason = failed.fail_reason;
}

/* Whether the chain let nothing of the source record through. */
static bool is_dropped(const struct aq_batch *batch, uint32_t begin, uint32_t end)
{
    const unsigned flags = AQ_REC_DROPPED | AQ_REC_FAILED | AQ_REC_SKIP;
    for (uint32_t i = begin; i < end; i++)
        if ((batch->records[i].flags & flags) != AQ_REC_DROPPED) return false;
    return true;
}

void br_settle_batch(struct br_worker *worker, struct aq_batch *batch)
{
    struct br_partition *p = batch->owner;
    uint64_t dropped = 0;
    for (uint32_t end, i = 0; i < batch->n; i = end) {
        struct aq_record *rec = &batch->records[i];
        end = aq_batch_group_end(batch, i);
        bool first = rec->offset >= p->settled_next;
        if (p->poison_count > 0 && mark_poison(p, batch, i, end)) first = true;
        if (end > i + 1) take_failure(batch, i, end);
        if (rec->flags & AQ_REC_FAILED && !br_settle_record(worker, rec, first)) return;
        dropped += first && is_dropped(batch, i, end);
    }
    int64_t next = batch->records[batch->n - 1].offset + 1;
    if (next > p->settled_next) p->settled_next = next;
    aq_counter_add(&worker->counters.dropped, dropped);
}
