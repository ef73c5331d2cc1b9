/* SPDX-License-Identifier: Apache-2.0
 *
 * Punctuation: calls that a processor asks for at intervals of stream time or of the wall clock. The rules are those of
 * Kafka Streams:
 *   ST_STREAM_TIME  due at start, start + interval, start + 2 * interval, …, with a start of 0 unless one was given: so it
 *                   first fires with the first record, and then whenever task stream time has reached the next of them;
 *   ST_WALL_CLOCK   the same by the wall clock, with a start of one interval from now unless one was given.
 * Several that were missed are one call. The argument is the time that the run was asked with (the task's stream time,
 * or the wall clock), not the time it was due. Interval 10, records at 5, 12, 14, 15, 47, 49, 50: calls at 5, 12, 47, 50.
 * A start that has passed already is due at once.
 *
 * Own rules: several that are due are called by due time, those of one due time in the order of scheduling, each once a
 * run; what a punctuator schedules is first looked at in the run after, so that no run goes on for ever.
 *
 * Times: ms since 1970 for both types. A wall clock that is set back delays what was due; nothing is called twice.
 * Ownership: the schedules belong to the set; a handle is valid until it is cancelled or the set is finished.
 * Threads: the task's own. A punctuator may schedule, and cancel any schedule, itself included; it must not run or
 * finish the set.
 */
#ifndef AQ_STREAMS_PUNCTUATE_H
#define AQ_STREAMS_PUNCTUATE_H

#include "base/err.h"
#include "streams/heap.h"

#define ST_DEFAULT_START (-1LL)
#define ST_NEVER_DUE     INT64_MAX

enum st_punctuation_type { ST_STREAM_TIME, ST_WALL_CLOCK };
#define ST_PUNCTUATION_TYPES 2

struct st_punctuator {
    const char *name; /* of the processor, for errors; outlives the schedule */
    /* 0, or a negative code with a reason, which ends the run. */
    int (*call)(void *user, int64_t now_ms, struct aq_err *err);
    void *user;
};

struct st_schedule;

struct st_punctuations {
    struct st_heap due[ST_PUNCTUATION_TYPES]; /* by due time */
    struct st_schedule *waiting;              /* for the end of the run: made by it, or called by it */
    uint64_t made;                            /* schedules so far */
    bool running;
};

/* An all-zero set is an empty one. */
void st_punctuations_finish(struct st_punctuations *set);

/* interval_ms: at least 1. start_ms: of the first call, or ST_DEFAULT_START. wall_ms: now. NULL: AQ_E_CONFIG with a
 * sentence that names the processor. */
struct st_schedule *st_punctuate_schedule(struct st_punctuations *set, enum st_punctuation_type type,
                                          int64_t interval_ms, int64_t start_ms, int64_t wall_ms,
                                          const struct st_punctuator *punctuator, struct aq_err *err);

/* The `user` it is called with. */
void *st_punctuate_user(const struct st_schedule *schedule);

/* Never called again; the handle is gone. */
void st_punctuate_cancel(struct st_punctuations *set, struct st_schedule *schedule);

/* Calls what is due. now_ms: task stream time (ST_NO_TIME before the first record: nothing is due), or the wall clock.
 * Returns how many were called, or the code of the punctuator that failed: that one and those after it stay due. */
int st_punctuate_run(struct st_punctuations *set, enum st_punctuation_type type, int64_t now_ms,
                     struct aq_err *err);

/* When the next one is due, ST_NEVER_DUE without any: for the wall clock, how long a loop may sleep. Not asked from a
 * punctuator. */
int64_t st_punctuate_next_due(const struct st_punctuations *set, enum st_punctuation_type type);

#endif
