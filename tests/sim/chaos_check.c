/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold in a world of chaos (chaos.h).
 *
 * After every step: no slot is worked on by two workers that may both send. A worker that has not heard of the group for a session
 * may believe what it likes: what it commits is refused. And what a worker keeps in memory stays within its bound.
 * Of the output: every record once (at_least_once: at least once), unaltered, in the order of its source partition and key.
 * At the end: the positions stand at the ends of what is read.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/position.h"
#include "tests/sim/chaos.h"

#define READ_AT_ONCE  64
#define BATCH_RECORDS 1000 /* the worker's */

/* ---- after every step --------------------------------------------------------------------------------------------- */

static bool may_send(const struct chaos *world, const struct chaos_place *place)
{
    if (!place->worker) return false;
    bool heard = aq_mono_us() - place->heard_us < world->settings.session_timeout_ms * AQ_MS;
    return heard && kc_ownership_may_send(&place->worker->own);
}

static void check_slots(const struct chaos *world)
{
    for (int32_t slot = 0; slot < world->settings.flow.tasks; slot++) {
        const struct st_worker *owner = NULL;
        for (size_t i = 0; i < CHAOS_WORKERS; i++) {
            const struct st_worker *worker = world->places[i].worker;
            if (!may_send(world, &world->places[i])) continue;
            if (worker->own.tasks[slot].state != KC_TASK_OWNED) continue;
            if (owner)
                chaos_fail(world, "slot %d is worked on by worker %d and worker %d", slot, owner->index,
                           worker->index);
            owner = worker;
        }
    }
}

/* The bound, one batch that was polled just below it (or one of each partition when records in memory waited for others), and what is
 * made of all that: as much again, and some ticks. */
static void check_memory(const struct chaos *world, const struct st_worker *worker)
{
    uint64_t batch = (uint64_t)world->settings.batch_bytes + world->largest;
    if (batch > BATCH_RECORDS * world->largest) batch = BATCH_RECORDS * world->largest;
    batch += BATCH_RECORDS * AQ_RECORD_COST;
    size_t batches = 1;
    for (const struct st_task *task = worker->tasks; task; task = task->next)
        if (task->n_feeds > 1 && world->settings.max_task_idle_ms != ST_NEVER_IDLE) batches += task->n_feeds;
    uint64_t bound = 2 * ((uint64_t)world->settings.in_flight_bytes + batches * batch) + 4096;
    uint64_t kept = worker->in_flight + worker->outbox.bytes;
    if (kept > bound)
        chaos_fail(world, "worker %d keeps %" PRIu64 " bytes in memory, the bound is %" PRIu64, worker->index,
                   kept, bound);
}

void chaos_check(struct chaos *world)
{
    check_slots(world);
    for (size_t i = 0; i < CHAOS_WORKERS; i++)
        if (world->places[i].worker) check_memory(world, world->places[i].worker);
}

/* ---- the output --------------------------------------------------------------------------------------------------- */

void chaos_value(int partition, int key, uint32_t number, char buf[CHAOS_VALUE_MAX])
{
    int n = snprintf(buf, CHAOS_VALUE_MAX, "%d:%d:%u:", partition, key, number);
    int padding = (partition * 31 + key * 17 + (int)number * 7) % 60;
    for (int i = 0; i < padding; i++) buf[n++] = (char)('a' + (i + key) % 26);
    buf[n] = 0;
}

static void check_content(const struct chaos *world, const struct kc_sim_record *rec, int partition, int key,
                          uint32_t number)
{
    char wanted_key[16], wanted[CHAOS_VALUE_MAX];
    chaos_output_key(world->shape, partition, key, wanted_key, sizeof(wanted_key));
    chaos_value(partition, key, number, wanted);
    if (!aq_slice_equal(rec->key, aq_slice_str(wanted_key)) ||
        !aq_slice_equal(rec->value, aq_slice_str(wanted)) || rec->timestamp != CHAOS_TIME(number))
        chaos_fail(world, "%d:%d:%u was altered: key %.*s, value %.*s, time %" PRId64, partition, key, number,
                   (int)rec->key.len, rec->key.ptr, (int)rec->value.len, rec->value.ptr, rec->timestamp);
}

static void check_record(struct chaos *world, const struct kc_sim_record *rec)
{
    char text[CHAOS_VALUE_MAX + 1];
    int partition = -1, key = -1;
    uint32_t number = 0;
    snprintf(text, sizeof(text), "%.*s", (int)rec->value.len, rec->value.ptr);
    int n = sscanf(text, "%d:%d:%u:", &partition, &key, &number);
    bool known = n == 3 && partition >= 0 && partition < CHAOS_PARTITIONS && key >= 0 && key < CHAOS_KEYS;
    if (!known || number >= world->outputs[partition][key].written)
        chaos_fail(world, "%s was never written", text);
    struct chaos_output *output = &world->outputs[partition][key];
    check_content(world, rec, partition, key, number);
    if (world->exactly_once && number != output->next)
        chaos_fail(world, "%s[%d]@%" PRId64 ": record %d:%d:%u was read where %u was due: %s", CHAOS_OUTPUT,
                   rec->partition, rec->offset, partition, key, number, output->next,
                   number < output->next ? "doubled" : "lost");
    output->next++;
    world->read += output->times[number]++ == 0;
}

bool chaos_check_output(struct chaos *world)
{
    struct kc_sim_record list[READ_AT_ONCE];
    struct aq_err err;
    int n;
    do {
        n = kc_sim_read(&world->cluster, CHAOS_OUTPUT, world->read_from, list, READ_AT_ONCE, &err);
        for (int i = 0; i < n; i++) check_record(world, &list[i]);
        if (n > 0) world->read_from += (size_t)n;
    } while (n == READ_AT_ONCE);
    return world->read == world->written;
}

/* ---- the positions ------------------------------------------------------------------------------------------------ */

/* Whoever asks for positions: handles of its own, no worker's. */
struct asker {
    struct chaos *world;
    struct kc_admin *admin;
    struct kc_reader *reader;
    char *why;
    size_t size;
};

static int64_t end_of(struct asker *asker, const char *topic, int32_t partition)
{
    int64_t low, high;
    struct aq_err err;
    if (kc_sim_ops.admin_watermarks(asker->admin, topic, partition, 1000, &low, &high, &err) != 0)
        chaos_fail(asker->world, "%s", err.text);
    return high;
}

static bool stands_at_end(struct asker *asker, const char *what, const char *topic, int32_t partition,
                          int64_t position)
{
    int64_t end = end_of(asker, topic, partition);
    if (position == end || (position < 0 && end == 0)) return true;
    snprintf(asker->why, asker->size, "%s of %s[%d] is %" PRId64 ", the log ends at %" PRId64, what, topic,
             partition, position, end);
    return false;
}

static bool check_group(struct asker *asker, const char *topic, int32_t partitions)
{
    struct kc_pointer list[16] = {{0}};
    struct aq_err err;
    AQ_ASSERT(partitions <= 16);
    for (int32_t p = 0; p < partitions; p++) list[p].partition = p;
    if (kc_sim_ops.reader_committed(asker->reader, topic, list, (size_t)partitions, 1000, &err) != 0)
        chaos_fail(asker->world, "%s", err.text);
    for (int32_t p = 0; p < partitions; p++) {
        if (list[p].code != 0) {
            snprintf(asker->why, asker->size, "the offset of %s[%d] is not stable", topic, p);
            return false;
        }
        if (!stands_at_end(asker, "the group's offset", topic, p, list[p].offset)) return false;
    }
    return true;
}

static bool check_snapshot(struct asker *asker, const struct kc_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        if (!stands_at_end(asker, "the position", position->topic, position->partition, position->next))
            return false;
    }
    return true;
}

static bool check_slot(struct asker *asker, int32_t slot, struct aq_arena *arena)
{
    const char *topic = asker->world->settings.flow.state_topic;
    struct kc_pointer pointer = {.partition = slot};
    struct aq_err err;
    if (kc_sim_ops.reader_committed(asker->reader, topic, &pointer, 1, 1000, &err) != 0)
        chaos_fail(asker->world, "%s", err.text);
    if (pointer.code != 0 || pointer.offset <= 0) return pointer.code == 0;
    struct kc_stored stored = {.partition = slot, .offset = pointer.offset - 1};
    struct kc_snapshot snapshot;
    int rc = kc_sim_ops.reader_read(asker->reader, topic, &stored, 1, 0, arena, &err);
    if (rc == AQ_E_TIMEOUT) { /* behind a transaction of somebody who died */
        snprintf(asker->why, asker->size, "%s", err.text);
        return false;
    }
    if (rc != 0 || kc_snapshot_decode(stored.value, arena, &snapshot, &err) != 0 ||
        kc_metadata_check(pointer.metadata, snapshot.seq, stored.value, &err) != 0)
        chaos_fail(asker->world, "state of slot %d: %s", slot, err.text);
    return check_snapshot(asker, &snapshot);
}

bool chaos_positions_at_ends(struct chaos *world, char *ret_why, size_t size)
{
    struct asker asker = {.world = world, .why = ret_why, .size = size};
    struct aq_arena arena;
    struct aq_err err;
    ret_why[0] = 0;
    aq_arena_init(&arena, 4096);
    if (kc_sim_ops.admin_open(&world->cluster, "asker", &asker.admin, &err) != 0 ||
        kc_sim_ops.reader_open(&world->cluster, "asker", world->settings.flow.group, &asker.reader, &err) !=
            0)
        chaos_fail(world, "%s", err.text);
    bool good = check_group(&asker, CHAOS_INPUT, CHAOS_PARTITIONS) &&
                check_group(&asker, "app-middle-repartition", 4) &&
                (world->shape == CHAOS_ONE_REPARTITION || check_group(&asker, "app-last-repartition", 3));
    for (int32_t slot = 0; good && slot < world->settings.flow.tasks; slot++)
        good = check_slot(&asker, slot, &arena);
    kc_sim_ops.reader_close(asker.reader, 0);
    kc_sim_ops.admin_close(asker.admin);
    aq_arena_finish(&arena);
    return good;
}
