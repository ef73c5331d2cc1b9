/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking up positions (kafka/lookup.h).
 *
 * An ordinary pass: ask the sink's coordinator for the committed pointer of partition t of the state topic, in the form
 * that refuses to answer while a transaction still holds it (require_stable); read exactly the record it points to;
 * compare its sequence and checksum with the pointer's metadata. Two requests, however long the flow has run.
 *
 * While the former owner's last transaction is open, the answer is UNSTABLE, and the worker asks again: reading anything
 * else instead would repeat or skip what that transaction is about to commit. It ends when its owner commits or aborts,
 * when kafka/fencing.c ends it because its owner is gone, or when transaction_timeout is over.
 *
 * A failing pass: no pointer, but the state partition has records: the group's offsets expired or were deleted. We are a
 * member by now, so older owners are fenced; take the high watermark, read committed records up to it (which waits for
 * every open transaction below it), use the newest snapshot and say so. The ends of all tasks without a pointer are asked
 * for in one request: on a flow's first start that is every task, and one by one they took half a second.
 *
 * Invariants: code 0 means a verified snapshot, or the certainty that there is none.
 */
#include "kafka/lookup.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#define COMMITTED_TIMEOUT_MS 2000
#define READ_TIMEOUT_MS      5000
#define FENCING_STEP_US      (5 * AQ_MS)
#define FENCING_FIRST_US     (500 * AQ_MS)

struct kc_lookup {
    const struct kc_ops *ops;
    const struct kc_flow *flow;
    const struct kc_route_facts *facts;
    struct kc_admin *sink_admin;
    struct kc_reader *reader;
    struct kc_fencing *fencing; /* NULL: writers are left alone */
    int64_t fencing_until_us;   /* it comes before the next question */
    atomic_int state;
    struct kc_found *list;
    size_t n;
    struct aq_arena arena;
    pthread_t thread;
    bool running;
    bool stop;
    pthread_mutex_t lock; /* guards stop; orders list and state between the threads together with `state` */
    pthread_cond_t wake;
};

/* ---- one task ----------------------------------------------------------------------------------------------------- */

static int scan_for_snapshot(struct kc_lookup *lookup, int32_t task, int64_t end, struct kc_stored *ret,
                             struct aq_err *err)
{
    const char *topic = lookup->flow->state_topic;
    if (end < 0) return aq_fail(err, AQ_E_UNKNOWN_TOPIC, "%s[%d] does not exist", topic, task);
    if (end == 0) return 0;
    int rc = lookup->ops->reader_scan_last(lookup->reader, topic, task, AQ_LIT(KC_POSITION_KEY), end,
                                           READ_TIMEOUT_MS, &lookup->arena, ret, err);
    if (rc == 0 && ret->offset >= 0)
        aq_log(
            AQ_WARN,
            "no committed pointer leads to a position (expired, deleted or compacted); using the newest in the state topic",
            aq_fs(lookup->flow->noun, lookup->flow->name), aq_fs("topic", topic), aq_fi("task", task),
            aq_fi("offset", ret->offset));
    return rc;
}

static int check_snapshot(struct kc_lookup *lookup, int32_t task, const struct kc_snapshot *snapshot,
                          struct aq_err *err)
{
    int rc = kc_facts_check(&snapshot->facts, lookup->facts, err);
    if (rc == 0 && snapshot->task != task)
        rc = aq_fail(err, AQ_E_CORRUPT, "the position found belongs to task %d", snapshot->task);
    return rc;
}

static int fail_lost(struct kc_lookup *lookup, const struct kc_position *position, int64_t end,
                     struct aq_err *err)
{
    const char *command = lookup->flow->reset_command;
    const char *advice = !command ? ""
                                  : aq_arena_printf(&lookup->arena, ", or mirror again with `%s --topic %s`",
                                                    command, position->topic);
    return aq_fail(
        err, AQ_E_MISMATCH,
        "%s[%d] was mirrored up to offset %" PRId64 ", but topic %s[%d] on cluster %s %s record %" PRId64
        " that was written there: it was deleted, recreated or lost its tail. Restore it%s",
        position->topic, position->partition, position->next, position->sink_topic, position->sink_partition,
        lookup->flow->sink->name, end < 0 ? "does not exist any more, and with it" : "no longer has",
        position->sink_offset, advice);
}

/* The sink must still have what the positions say was written: a topic deleted behind our back, or a log that lost its
 * tail, would otherwise become a hole that nobody hears of. */
static int check_sink(struct kc_lookup *lookup, const struct kc_snapshot *snapshot, struct aq_err *err)
{
    struct kc_end *ends = aq_arena_zalloc(&lookup->arena, snapshot->count * sizeof(*ends));
    size_t n = 0;
    for (size_t i = 0; i < snapshot->count; i++)
        if (snapshot->list[i].sink_offset >= 0)
            ends[n++] = (struct kc_end){.topic = snapshot->list[i].sink_topic,
                                        .partition = snapshot->list[i].sink_partition};
    if (n == 0) return 0;
    int rc = lookup->ops->admin_ends(lookup->sink_admin, ends, n, READ_TIMEOUT_MS, err);
    for (size_t i = 0, at = 0; rc == 0 && i < snapshot->count; i++) {
        const struct kc_position *position = &snapshot->list[i];
        if (position->sink_offset < 0 || ends[at++].end > position->sink_offset) continue;
        return fail_lost(lookup, position, ends[at - 1].end, err);
    }
    return rc;
}

/* One task whose pointer is known; `stored` is the record it points to, or has no value when there is no pointer. `end`:
 * of the task's state partition in that case. */
static int find(struct kc_lookup *lookup, struct kc_found *found, struct kc_stored *stored, int64_t end)
{
    struct aq_err *err = &found->err;
    int rc = 0;
    if (found->pointer.offset <= 0) rc = scan_for_snapshot(lookup, found->task, end, stored, err);
    if (rc != 0 || !stored->value.ptr) return rc;
    rc = kc_snapshot_decode(stored->value, &lookup->arena, &found->snapshot, err);
    if (rc == 0) rc = check_snapshot(lookup, found->task, &found->snapshot, err);
    if (rc == 0) rc = check_sink(lookup, &found->snapshot, err);
    if (rc == 0 && found->pointer.offset > 0)
        rc = kc_metadata_check(found->pointer.metadata, found->snapshot.seq, stored->value, err);
    found->has_snapshot = rc == 0;
    return rc;
}

/* ---- all that were asked for -------------------------------------------------------------------------------------- */

/* A pointer is held by a transaction (code), leads to a position record, or was never committed. */
static bool leads_to_record(const struct kc_pointer *pointer)
{
    return pointer->code == 0 && pointer->offset > 0;
}

static bool was_never_committed(const struct kc_pointer *pointer)
{
    return pointer->code == 0 && pointer->offset <= 0;
}

/* The records all stable pointers point to, in one request; *ret_stored is parallel to the pointers. TIMEOUT: some of them
 * have no value. */
static int read_all_stored(struct kc_lookup *lookup, const struct kc_pointer *pointers, size_t n,
                           struct kc_stored *stored, struct aq_err *err)
{
    struct kc_stored *wanted = aq_arena_alloc(&lookup->arena, n * sizeof(*wanted));
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        stored[i] = (struct kc_stored){.partition = pointers[i].partition, .offset = -1};
        if (leads_to_record(&pointers[i]))
            wanted[m++] =
                (struct kc_stored){.partition = pointers[i].partition, .offset = pointers[i].offset - 1};
    }
    if (m == 0) return 0;
    int rc = lookup->ops->reader_read(lookup->reader, lookup->flow->state_topic, wanted, m, READ_TIMEOUT_MS,
                                      &lookup->arena, err);
    bool some = rc == 0 || rc == AQ_E_TIMEOUT;
    for (size_t i = 0, at = 0; some && i < n; i++)
        if (leads_to_record(&pointers[i])) stored[i] = wanted[at++];
    return rc;
}

/* One record that does not come (its partition has no leader, an open transaction is in front of it) holds up its own
 * task, not the others. */
static void put_off_unread(struct kc_pointer *pointers, size_t n, const struct kc_stored *stored)
{
    for (size_t i = 0; i < n; i++)
        if (leads_to_record(&pointers[i]) && !stored[i].value.ptr) pointers[i].code = AQ_E_TIMEOUT;
}

/* The same, but a record that is not there any more makes its task look for the newest snapshot instead: a snapshot without
 * a pointer (at_least_once died between the two, a reset was interrupted) lets compaction take the one pointed to. */
static int read_stored(struct kc_lookup *lookup, struct kc_pointer *pointers, size_t n,
                       struct kc_stored *stored, struct aq_err *err)
{
    int rc = read_all_stored(lookup, pointers, n, stored, err);
    if (rc == AQ_E_TIMEOUT) {
        put_off_unread(pointers, n, stored);
        return 0;
    }
    if (rc != AQ_E_STATE) return rc;
    for (size_t i = 0; i < n; i++) {
        rc = read_all_stored(lookup, &pointers[i], 1, &stored[i], err);
        if (rc == AQ_E_STATE) {
            pointers[i].offset = -1;
            stored[i] = (struct kc_stored){.partition = pointers[i].partition, .offset = -1};
        } else if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* The ends of the state partitions of tasks without a pointer; *ret_ends is parallel to the pointers. */
static int read_ends(struct kc_lookup *lookup, const struct kc_pointer *pointers, size_t n, int64_t *ret_ends,
                     struct aq_err *err)
{
    struct kc_end *wanted = aq_arena_zalloc(&lookup->arena, n * sizeof(*wanted));
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (was_never_committed(&pointers[i]))
            wanted[m++] =
                (struct kc_end){.topic = lookup->flow->state_topic, .partition = pointers[i].partition};
    if (m == 0) return 0;
    int rc = lookup->ops->admin_ends(lookup->sink_admin, wanted, m, READ_TIMEOUT_MS, err);
    for (size_t i = 0, at = 0; rc == 0 && i < n; i++)
        if (was_never_committed(&pointers[i])) ret_ends[i] = wanted[at++].end;
    return rc;
}

/* Before the answer is out: the snapshot is the asker's then. */
static void tell_fencing(struct kc_lookup *lookup, const struct kc_found *found)
{
    if (!lookup->fencing) return;
    if (found->code == AQ_E_UNSTABLE) {
        kc_fencing_held(lookup->fencing, found->task);
        lookup->fencing_until_us = aq_mono_us() + FENCING_FIRST_US;
    }
    if (found->code == 0 && found->has_snapshot)
        kc_fencing_suspect(lookup->fencing, found->snapshot.writer, found->snapshot.written_ms);
}

void kc_lookup_run(struct kc_lookup *lookup)
{
    AQ_ASSERT(kc_lookup_state(lookup) == KC_LOOKUP_ASKED);
    size_t n = lookup->n;
    struct aq_err err = {0};
    struct kc_pointer *pointers = aq_arena_zalloc(&lookup->arena, n * sizeof(*pointers));
    struct kc_stored *stored = aq_arena_zalloc(&lookup->arena, n * sizeof(*stored));
    int64_t *ends = aq_arena_zalloc(&lookup->arena, n * sizeof(*ends));
    for (size_t i = 0; i < n; i++) pointers[i].partition = lookup->list[i].task;
    int rc = lookup->ops->reader_committed(lookup->reader, lookup->flow->state_topic, pointers, n,
                                           COMMITTED_TIMEOUT_MS, &err);
    if (rc == 0) rc = read_stored(lookup, pointers, n, stored, &err);
    if (rc == 0) rc = read_ends(lookup, pointers, n, ends, &err);
    for (size_t i = 0; i < n; i++) {
        struct kc_found *found = &lookup->list[i];
        found->pointer = pointers[i];
        found->code = rc ? rc : pointers[i].code;
        if (rc)
            found->err = err;
        else if (found->code == AQ_E_TIMEOUT)
            aq_fail(&found->err, found->code, "its position record cannot be read: %s", err.text);
        else if (found->code)
            aq_fail(&found->err, found->code, "%s", aq_code_text(found->code));
        else
            found->code = find(lookup, found, &stored[i], ends[i]);
        tell_fencing(lookup, found);
    }
    atomic_store(&lookup->state, KC_LOOKUP_ANSWERED);
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

enum kc_lookup_state kc_lookup_state(const struct kc_lookup *lookup)
{
    return (enum kc_lookup_state)atomic_load(&((struct kc_lookup *)lookup)->state);
}

struct kc_found *kc_lookup_list(struct kc_lookup *lookup)
{
    AQ_ASSERT(kc_lookup_state(lookup) == KC_LOOKUP_IDLE);
    return lookup->list;
}

void kc_lookup_ask(struct kc_lookup *lookup, size_t n)
{
    AQ_ASSERT(kc_lookup_state(lookup) == KC_LOOKUP_IDLE && n > 0);
    for (size_t i = 0; i < n; i++) {
        struct kc_found *found = &lookup->list[i];
        *found = (struct kc_found){.task = found->task, .assignment = found->assignment};
    }
    lookup->n = n;
    pthread_mutex_lock(&lookup->lock);
    atomic_store(&lookup->state, KC_LOOKUP_ASKED);
    pthread_cond_signal(&lookup->wake);
    pthread_mutex_unlock(&lookup->lock);
}

const struct kc_found *kc_lookup_answer(const struct kc_lookup *lookup, size_t *ret_n)
{
    AQ_ASSERT(kc_lookup_state(lookup) == KC_LOOKUP_ANSWERED);
    *ret_n = lookup->n;
    return lookup->list;
}

void kc_lookup_taken(struct kc_lookup *lookup)
{
    AQ_ASSERT(kc_lookup_state(lookup) == KC_LOOKUP_ANSWERED);
    aq_arena_reset(&lookup->arena);
    atomic_store(&lookup->state, KC_LOOKUP_IDLE);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

struct kc_lookup *kc_lookup_create(const struct kc_ops *ops, const struct kc_flow *flow,
                                   const struct kc_route_facts *facts, struct kc_admin *sink_admin,
                                   struct kc_reader *reader)
{
    AQ_ASSERT(flow && facts && reader);
    struct kc_lookup *lookup = aq_calloc(1, sizeof(*lookup));
    lookup->ops = ops;
    lookup->flow = flow;
    lookup->facts = facts;
    lookup->sink_admin = sink_admin;
    lookup->reader = reader;
    lookup->list = aq_calloc((size_t)flow->tasks, sizeof(*lookup->list));
    aq_arena_init(&lookup->arena, 8192);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->wake, &attr);
    pthread_condattr_destroy(&attr);
    return lookup;
}

void kc_lookup_fence_with(struct kc_lookup *lookup, struct kc_fencing *fencing)
{
    AQ_ASSERT(!lookup->running);
    lookup->fencing = fencing;
}

/* A question is there, and may be answered: while positions are held it would sit in the client for a second, which is
 * better spent on finding whom to fence. */
static bool is_to_run(const struct kc_lookup *lookup)
{
    if (kc_lookup_state(lookup) != KC_LOOKUP_ASKED) return false;
    return !lookup->fencing || !kc_fencing_is_looking(lookup->fencing) ||
           aq_mono_us() >= lookup->fencing_until_us;
}

/* Waits for a question, not longer than for the fencing's next step if it has something under way; false: to end. */
static bool wait_for_question(struct kc_lookup *lookup, bool fencing)
{
    int64_t until_us = aq_mono_us() + FENCING_STEP_US;
    struct timespec until = {.tv_sec = until_us / AQ_SEC, .tv_nsec = (until_us % AQ_SEC) * 1000};
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->stop && !is_to_run(lookup)) {
        if (!fencing)
            pthread_cond_wait(&lookup->wake, &lookup->lock);
        else if (pthread_cond_timedwait(&lookup->wake, &lookup->lock, &until) == ETIMEDOUT)
            break;
    }
    bool stop = lookup->stop;
    pthread_mutex_unlock(&lookup->lock);
    return !stop;
}

static void *lookup_thread(void *arg)
{
    struct kc_lookup *lookup = arg;
    bool fencing = false;
    while (wait_for_question(lookup, fencing)) {
        if (is_to_run(lookup)) kc_lookup_run(lookup);
        fencing = lookup->fencing && kc_fencing_step(lookup->fencing);
    }
    return NULL;
}

int kc_lookup_start(struct kc_lookup *lookup, struct aq_err *err)
{
    if (pthread_create(&lookup->thread, NULL, lookup_thread, lookup) != 0)
        return aq_fail(err, AQ_E_FATAL, "cannot start the thread that looks up positions");
    lookup->running = true;
    return 0;
}

void kc_lookup_destroy(struct kc_lookup *lookup)
{
    if (!lookup) return;
    pthread_mutex_lock(&lookup->lock);
    lookup->stop = true;
    pthread_cond_signal(&lookup->wake);
    pthread_mutex_unlock(&lookup->lock);
    if (lookup->running) pthread_join(lookup->thread, NULL);
    pthread_cond_destroy(&lookup->wake);
    pthread_mutex_destroy(&lookup->lock);
    aq_arena_finish(&lookup->arena);
    free(lookup->list);
    free(lookup);
}
