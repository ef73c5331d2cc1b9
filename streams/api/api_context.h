/* SPDX-License-Identifier: Apache-2.0
 *
 * The context that callbacks of programs and plugins are given: one per node and task, over the engine's own (streams/processor.h).
 * Essay: streams/api/api_context.c.
 *
 * Threads: the worker's own.
 */
#ifndef AQ_STREAMS_API_API_CONTEXT_H
#define AQ_STREAMS_API_API_CONTEXT_H

#include "aqueduct/streams.h"
#include "streams/processor.h"

/* Which callback is running, and so what it may do besides allocating and failing. */
enum st_api_phase {
    ST_API_IDLE,          /* none */
    ST_API_STARTING,      /* init(): schedule */
    ST_API_LOOKING,       /* predicates, mappers, actions: nothing */
    ST_API_EMITTING,      /* flat_map: emit keys and values */
    ST_API_EMITTING_PART, /* flat_map_values: emit values */
    ST_API_PROCESSING,    /* process(), punctuations: forward, schedule */
    ST_API_STOPPING,      /* close(): nothing */
};

struct aq_processor_context {
    struct st_context *st;
    const void *op; /* what the node was made with */
    void *state;    /* of a processor: what init() made */
    enum st_api_phase phase;
    /* of the call at hand */
    struct aq_record *rec; /* NULL: none, as in a punctuation */
    struct aq_err *err;
    int rc; /* the first failure */
    struct aq_schedule *schedules;
};

struct aq_processor_context *st_api_create(struct st_context *st, const void *op);
/* Frees the handles of schedules too; the schedules themselves end with the task. */
void st_api_destroy(struct aq_processor_context *ctx);

/* Around every callback. rec (may be NULL) is settled. leave() returns what the engine is told: the callback's own failure, or that of
 * a call it made. */
void st_api_enter(struct aq_processor_context *ctx, enum st_api_phase phase, struct aq_record *rec,
                  struct aq_err *err);
int st_api_leave(struct aq_processor_context *ctx, int rc);

/* The record as callbacks see it, valid until rec changes. Loads its headers. */
struct aq_stream_record st_api_view(struct aq_record *rec);

/* The start() and stop() of kinds and choosers whose state is the context alone. */
int st_api_start(struct st_context *st, void *op, void **ret_state, struct aq_err *err);
void st_api_stop(struct st_context *st, void *state);

#endif
