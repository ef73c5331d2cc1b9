/* SPDX-License-Identifier: Apache-2.0
 *
 * A running task: one partition of one sub-topology, its processors, the queues of its input partitions and its punctuations.
 * Essay: streams/task.c.
 *
 * Ownership: batches given to st_task_add() go on to the outbox when they are done with, or back by st_task_destroy(). Feeds belong to the
 * worker; a task holds pointers. Threads: the worker's own.
 */
#ifndef AQ_STREAMS_TASK_H
#define AQ_STREAMS_TASK_H

#include "streams/choice.h"
#include "streams/outbox.h"
#include "streams/topology/plan.h"
#include "streams/processor.h"
#include "streams/serde/serde_flow.h"
#include "streams/settings.h"
#include "streams/state/stores.h"

/* Counted by the worker's thread alone; what others see of it is published by the worker. */
struct st_tally {
    uint64_t processed, emitted, punctuations;
    uint64_t dropped; /* by operators that cannot use them; of these */
    uint64_t late;    /* came when their window was over */
    uint64_t skipped_deserialization, skipped_processing, skipped_production, dead_letters;
};

/* What the tasks of one worker share. */
struct st_shop {
    const struct st_settings *settings;
    const struct st_topology *topology;
    struct aq_names *names;
    struct st_outbox *outbox;
    const struct st_serde_flow *serdes;
    struct st_globals *globals;        /* NULL: the topology has none */
    const struct aq_name *dead_letter; /* NULL: no dead letter topic */
    bool commit_requested;             /* set by a processor, taken back by the worker */
    int64_t wall_ms;                   /* of this turn */
    struct st_tally tally;             /* over all tasks */
};

struct st_task {
    struct st_shop *shop;
    const struct st_subtopology *subtopology;
    int32_t partition;
    int32_t slot;
    char id[32]; /* "0_3" */
    struct st_choice choice;
    struct st_punctuations punctuations;
    struct st_stores *stores;    /* the slot's; NULL: none */
    struct st_context *contexts; /* in execution order */
    size_t n_started;            /* of them, from the front: they must be stopped */
    struct st_context **sources; /* by feed index: where its records enter */
    struct st_serdes
        *checks; /* by feed index: what its keys and values are looked at with; NULL: anything fits */
    struct st_feed **feeds;
    size_t n_feeds;
    struct st_scheduled *spare; /* of cancelled schedules, to be used again */
    struct xf_views views;
    struct xf_step reading; /* opens views for the serde json */
    /* the record at hand */
    struct st_feed *feed; /* NULL: a punctuation */
    const struct aq_record *source;
    int64_t now_ms;    /* its timestamp; of a punctuation its time */
    struct st_row row; /* what the record being handed on stands for, while has_row */
    bool has_row;
    bool policy_asked; /* the error on its way up has been decided on */
    /* the record it failed on: the feed's position stays in front of it; NULL: none */
    const struct st_feed *failed_feed;
    int64_t failed_offset;
    struct aq_arena arena; /* as long as the task */
    struct st_task *next;
};

/* stores: restored, NULL for a sub-topology without. Starts the processors; the feeds' committed marks say where they begin. 0; or why a processor did not start, with what had
 * started stopped again and *ret NULL. */
int st_task_create(struct st_shop *shop, const struct st_subtopology *subtopology, int32_t partition,
                   int32_t slot, struct st_feed **feeds, size_t n_feeds, struct st_stores *stores,
                   struct st_task **ret, struct aq_err *err);
/* Stops them. What is left of input batches goes to the outbox as pins. */
void st_task_destroy(struct st_task *task);

/* A batch of the feed. */
void st_task_add(struct st_task *task, struct st_feed *feed, struct aq_batch *batch);
/* See st_choice_progress(). */
void st_task_progress(struct st_task *task, struct st_feed *feed, int64_t fetched, int64_t end);

/* Processes up to `max` records, punctuating in stream time behind each; stops early when the outbox's open flight is full. Returns
 * how many were processed, or a code on which the task must end (the error policy said fail). *ret_until_us: when to ask again at the
 * latest although nothing arrives (max_task_idle), ST_NO_DEADLINE otherwise. */
int st_task_run(struct st_task *task, uint32_t max, int64_t now_us, int64_t *ret_until_us,
                struct aq_err *err);
/* Wall clock punctuations that are due. Returns how many, or a code. */
int st_task_punctuate(struct st_task *task, struct aq_err *err);
/* What cached stores hold back goes on, parents before their children. 0, or a code on which the task must end. */
int st_task_flush(struct st_task *task, struct aq_err *err);
/* The time of changelog records whose values have none. */
int64_t st_task_changelog_ms(const struct st_task *task);
/* When the next one is due, ms since 1970, ST_NEVER_DUE without any. */
int64_t st_task_next_due_ms(const struct st_task *task);

/* Where the feed stands when all that was given has been processed: what st_outbox_close() asks. In front of the record that
 * st_task_run() failed on, if it did. */
struct st_mark st_task_position(const struct st_feed *feed);

/* The client refused a record of this batch at once, or a record turned out to be refused: what the production error handler
 * makes of it. 0: it is dropped (and dead-lettered when there is a topic); else the code to end with. A dead letter that is refused
 * ends with its code always: there is nowhere left to put the record. Called before st_outbox_through() for its flight, which
 * then waits for the dead letter's. */
int st_production_error(struct st_shop *shop, struct aq_record *rec, int code, const char *reason,
                        struct aq_err *err);

#endif
