/* SPDX-License-Identifier: Apache-2.0
 *
 * Punctuation schedules: a heap for each type, by due time and then by the order of scheduling.
 *
 * An ordinary pass: st_punctuate_run() takes the top of the heap as long as it is due, calls it, works out the first due
 * time of its grid (start + k * interval) that is later than now, and puts it aside. At the end of the run all that was put
 * aside goes into the heap. So each is called once a run however many due times have passed, and what a punctuator
 * schedules for "at once" cannot keep the run going.
 *
 * A punctuator may cancel: one that is in a heap or aside is taken out and freed; the one that is being called is in
 * neither, is only marked, and is freed when it returns.
 *
 * A failing pass: a punctuator returns an error. Its due time stays as it was, the run ends after the tidying and hands
 * the error on. A task that goes on after that calls it again: once too often rather than never.
 *
 * Invariants: outside a run nothing is aside; a schedule is in the heap of its type, aside, or being called, never in
 * two of them; due times of one schedule only grow.
 * Threads: the task's own.
 */
#include "streams/punctuate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

enum place { IN_HEAP, ASIDE, CALLED, CANCELLED };

struct st_schedule {
    struct st_heap_item item; /* the key is the due time, the tie the number of the schedule */
    enum st_punctuation_type type;
    int64_t interval_ms;
    struct st_punctuator punctuator;
    enum place place;
    struct st_schedule *next; /* ASIDE */
};

void st_punctuations_finish(struct st_punctuations *set)
{
    AQ_ASSERT(!set->running && !set->waiting);
    for (size_t type = 0; type < ST_PUNCTUATION_TYPES; type++) {
        struct st_heap *heap = &set->due[type];
        for (size_t i = 0; i < heap->count; i++) free(heap->items[i]->owner);
        st_heap_finish(heap);
    }
    *set = (struct st_punctuations){0};
}

/* Sums of times end at "never" instead of overflowing; both are >= 0. */
static int64_t later(int64_t time_ms, int64_t span_ms)
{
    return span_ms > INT64_MAX - time_ms ? ST_NEVER_DUE : time_ms + span_ms;
}

static void put_into_heap(struct st_punctuations *set, struct st_schedule *schedule)
{
    struct st_heap *heap = &set->due[schedule->type];
    schedule->place = IN_HEAP;
    st_heap_reserve(heap, heap->count + 1);
    st_heap_push(heap, &schedule->item);
}

static void put_aside(struct st_punctuations *set, struct st_schedule *schedule)
{
    AQ_ASSERT(set->running);
    schedule->place = ASIDE;
    schedule->next = set->waiting;
    set->waiting = schedule;
}

static void take_from_aside(struct st_punctuations *set, struct st_schedule *schedule)
{
    struct st_schedule **link = &set->waiting;
    while (*link != schedule) link = &(*link)->next;
    *link = schedule->next;
}

struct st_schedule *st_punctuate_schedule(struct st_punctuations *set, enum st_punctuation_type type,
                                          int64_t interval_ms, int64_t start_ms, int64_t wall_ms,
                                          const struct st_punctuator *punctuator, struct aq_err *err)
{
    AQ_ASSERT(punctuator->call && punctuator->name && wall_ms >= 0);
    if (interval_ms < 1) {
        aq_fail(err, AQ_E_CONFIG, "processor '%s': a punctuation interval is at least 1 ms, not %" PRId64,
                punctuator->name, interval_ms);
        return NULL;
    }
    if (start_ms < 0 && start_ms != ST_DEFAULT_START) {
        aq_fail(err, AQ_E_CONFIG, "processor '%s': punctuation cannot start before 1970 (%" PRId64 " ms)",
                punctuator->name, start_ms);
        return NULL;
    }
    int64_t first_ms = type == ST_STREAM_TIME ? 0 : later(wall_ms, interval_ms);
    struct st_schedule *schedule = aq_calloc(1, sizeof(*schedule));
    *schedule = (struct st_schedule){
        .item = {.key = start_ms == ST_DEFAULT_START ? first_ms : start_ms, .tie = set->made++},
        .type = type,
        .interval_ms = interval_ms,
        .punctuator = *punctuator,
    };
    schedule->item.owner = schedule;
    if (set->running)
        put_aside(set, schedule);
    else
        put_into_heap(set, schedule);
    return schedule;
}

void *st_punctuate_user(const struct st_schedule *schedule)
{
    AQ_ASSERT(schedule);
    return schedule->punctuator.user;
}

void st_punctuate_cancel(struct st_punctuations *set, struct st_schedule *schedule)
{
    switch (schedule->place) {
    case IN_HEAP: st_heap_remove(&set->due[schedule->type], &schedule->item); break;
    case ASIDE: take_from_aside(set, schedule); break;
    case CALLED: schedule->place = CANCELLED; return;
    case CANCELLED: AQ_ASSERT(schedule->place != CANCELLED); return;
    }
    free(schedule);
}

/* The first time of the grid after now. */
static int64_t due_after(const struct st_schedule *schedule, int64_t now_ms)
{
    AQ_ASSERT(schedule->item.key >= 0 && schedule->item.key <= now_ms);
    int64_t passed = (now_ms - schedule->item.key) / schedule->interval_ms;
    return later(schedule->item.key + passed * schedule->interval_ms, schedule->interval_ms);
}

static int call(struct st_punctuations *set, struct st_schedule *schedule, int64_t now_ms, struct aq_err *err)
{
    const struct st_punctuator *punctuator = &schedule->punctuator;
    st_heap_remove(&set->due[schedule->type], &schedule->item);
    schedule->place = CALLED;
    aq_err_clear(err);
    int rc = punctuator->call(punctuator->user, now_ms, err);
    AQ_ASSERT(rc <= 0);
    if (rc < 0) {
        if (err && err->code >= 0) aq_fail(err, rc, "it failed");
        aq_err_in(err, "punctuator of processor '%s'", punctuator->name);
    }
    if (schedule->place == CANCELLED) {
        free(schedule);
        return rc;
    }
    if (rc == 0) schedule->item.key = due_after(schedule, now_ms);
    put_aside(set, schedule);
    return rc;
}

static void bring_back(struct st_punctuations *set)
{
    while (set->waiting) {
        struct st_schedule *schedule = set->waiting;
        set->waiting = schedule->next;
        put_into_heap(set, schedule);
    }
}

int st_punctuate_run(struct st_punctuations *set, enum st_punctuation_type type, int64_t now_ms,
                     struct aq_err *err)
{
    AQ_ASSERT(!set->running && !set->waiting);
    int called = 0;
    int rc = 0;
    set->running = true;
    for (;;) {
        const struct st_heap_item *top = st_heap_top(&set->due[type]);
        if (!top || top->key > now_ms) break;
        rc = call(set, top->owner, now_ms, err);
        if (rc < 0) break;
        called++;
    }
    bring_back(set);
    set->running = false;
    return rc < 0 ? rc : called;
}

int64_t st_punctuate_next_due(const struct st_punctuations *set, enum st_punctuation_type type)
{
    AQ_ASSERT(!set->running);
    const struct st_heap_item *top = st_heap_top(&set->due[type]);
    return top ? top->key : ST_NEVER_DUE;
}
