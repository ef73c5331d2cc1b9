/* SPDX-License-Identifier: Apache-2.0
 *
 * The Processor API: what a processor of a topology sees while it runs. The same in programs that link the library and in plugins.
 *
 * One processor, many runs. A topology is built once; every task (one partition of one sub-topology) runs a processor of its own:
 * init() makes the state of one task, process() is called with it for each record, close() ends it. A task is run by one thread at
 * a time, so the state needs no lock. `user` is what the topology was built with: it is shared by all tasks and threads,
 * and whoever changes it while the application runs guards it.
 *
 * Bytes. Keys, values and headers of a record handed in are borrowed: they may be read until the call returns, and handed on to
 * the calls of this header as they are. New bytes come from aq_stream_alloc() or are constants of the program; they are not freed.
 * To keep bytes from call to call a processor copies them into memory of its own, and hands them on by aq_stream_copy().
 *
 * Errors. A callback returns 0, or a negative number, best from aq_processor_fail(), which takes the sentence that says why. On that
 * the application's processing error handler decides: it ends, or goes on with the next record. A forward that failed has failed its
 * caller too: the call counts as failed whatever it returns.
 *
 * Threads: the context belongs to the thread that runs the task; its functions are called from inside the callbacks only. Nothing a
 * callback does may block for long: the thread has other tasks, and the group's session goes on.
 */
#ifndef AQUEDUCT_PROCESSOR_H
#define AQUEDUCT_PROCESSOR_H

#include "aqueduct/number.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_processor_context;
struct aq_schedule;

struct aq_stream_record {
    struct aq_slice key;             /* null is legal */
    struct aq_slice value;           /* null is legal */
    int64_t timestamp;               /* ms since 1970, never negative */
    const struct aq_header *headers; /* as many as n_headers, in the order of the record */
    size_t n_headers;
};

/* ---- a processor -------------------------------------------------------------------------------------------------- */

#define AQ_PROCESSOR_ABI 1u

/* Copied where it is given. All functions but process() may be NULL. */
struct aq_processor {
    uint32_t abi; /* AQ_PROCESSOR_ABI */
    bool
        keeps_key; /* every record leaves with the key it came with, so that nothing needs to be repartitioned behind it */
    /* Makes the state of one task; punctuations are scheduled here. *ret_state is `user` when there is no init(). */
    int (*init)(struct aq_processor_context *ctx, void *user, void **ret_state);
    /* One record. Forwards what goes on: nothing goes on by itself. */
    int (*process)(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record);
    /* The task leaves this thread. Not called when init() failed. */
    void (*close)(struct aq_processor_context *ctx, void *state);
};

/* ---- sending on: from process() and punctuations ------------------------------------------------------------------- */

/* To all children, in the order in which they were added. 0, or a negative number: return it. */
AQ_API int aq_processor_forward(struct aq_processor_context *ctx, const struct aq_stream_record *record);
/* Only to the child of this name. */
AQ_API int aq_processor_forward_to(struct aq_processor_context *ctx, const char *child,
                                   const struct aq_stream_record *record);

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

/* Memory for keys, values and headers, aligned for any type, not cleared. It lives until all that was made of the record is
 * acknowledged; it is not freed. Never NULL. */
AQ_API void *aq_stream_alloc(struct aq_processor_context *ctx, size_t size);
/* Null stays null. */
AQ_API struct aq_slice aq_stream_copy(struct aq_processor_context *ctx, struct aq_slice bytes);

static inline struct aq_slice aq_stream_int32(struct aq_processor_context *ctx, int32_t number)
{
    char *bytes = (char *)aq_stream_alloc(ctx, 4);
    aq_be32_put(bytes, (uint32_t)number);
    return aq_slice_of(bytes, 4);
}

static inline struct aq_slice aq_stream_int64(struct aq_processor_context *ctx, int64_t number)
{
    char *bytes = (char *)aq_stream_alloc(ctx, 8);
    aq_be64_put(bytes, (uint64_t)number);
    return aq_slice_of(bytes, 8);
}

/* Every NaN becomes the one that Java writes, so that equal values have equal bytes. */
static inline struct aq_slice aq_stream_double(struct aq_processor_context *ctx, double number)
{
    uint64_t bits = UINT64_C(0x7ff8000000000000);
    char *bytes = (char *)aq_stream_alloc(ctx, 8);
    if (number == number) memcpy(&bits, &number, sizeof(bits));
    aq_be64_put(bytes, bits);
    return aq_slice_of(bytes, 8);
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

enum aq_punctuation {
    AQ_STREAM_TIME, /* the largest timestamp the task has seen: moves with records only */
    AQ_WALL_CLOCK,
};

#define AQ_DEFAULT_START (-1LL)

/* now_ms: the time of the run, not the one it was due at; several that were missed are one call. */
typedef int (*aq_punctuator)(struct aq_processor_context *ctx, void *state, int64_t now_ms);

/* Calls back every interval_ms (at least 1), first at start_ms (ms since 1970), or with AQ_DEFAULT_START at the first record (stream time)
 * or one interval from now (wall clock). Ends with the task. NULL: it was refused, and the call at hand has failed with the reason. */
AQ_API struct aq_schedule *aq_processor_schedule(struct aq_processor_context *ctx, enum aq_punctuation type,
                                                 int64_t interval_ms, int64_t start_ms, aq_punctuator call);
/* The handle is gone. A punctuation may cancel itself. */
AQ_API void aq_processor_cancel(struct aq_processor_context *ctx, struct aq_schedule *schedule);

/* ms since 1970; stream time is -1 before the first record. */
AQ_API int64_t aq_processor_stream_time(const struct aq_processor_context *ctx);
AQ_API int64_t aq_processor_wall_time(const struct aq_processor_context *ctx);

/* ---- where it runs ------------------------------------------------------------------------------------------------- */

struct aq_record_metadata {
    const char *topic; /* until the call returns */
    int32_t partition;
    int64_t offset;
};

/* Where the record at hand was read. False, with *ret untouched, when none was: in init() and close(), in a punctuation, and for a record
 * that a punctuation in front of this node has made. */
AQ_API bool aq_processor_record_metadata(const struct aq_processor_context *ctx,
                                         struct aq_record_metadata *ret);
/* "0_3": sub-topology and partition. Valid as long as the task. */
AQ_API const char *aq_processor_task_id(const struct aq_processor_context *ctx);
AQ_API const char *aq_processor_application_id(const struct aq_processor_context *ctx);
/* The node's name in the topology. */
AQ_API const char *aq_processor_name(const struct aq_processor_context *ctx);

/* Commit as soon as this record is through, not at the commit interval. */
AQ_API void aq_processor_commit(struct aq_processor_context *ctx);

/* Fails the call at hand with a sentence: `return aq_processor_fail(ctx, "no customer in %s", id);`. The first reason stays. Returns a
 * negative number. */
AQ_API int aq_processor_fail(struct aq_processor_context *ctx, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
