/* SPDX-License-Identifier: Apache-2.0
 *
 * What a processor sees while it runs: its context in one task, and records on their way through the nodes.
 *
 * A record is a struct aq_record that lies on the stack of whoever made it and is handed from node to node by function
 * call, parents before children (streams/topology/plan.h). Key, value and headers are borrowed: from the input batch, which stays until
 * everything made of it has been acknowledged, or from st_arena(), which lives as long. rec->timestamp is the time it is
 * processed with; rec->offset, rec->topic and rec->partition are those of the source record it came from, -1 and NULL in a
 * punctuation. A node with several children gives each of them a copy of its own, so each may change what it gets in place.
 *
 * JSON: the task has one pair of document views (transforms/views.h). A step that works on fields leaves the view open for the
 * next one, and the bytes are written once. Whoever looks at rec->key or rec->value itself calls st_settle() first. A record is given away by handing it on
 * to one child (an only one, or by st_forward_to() and st_forward_child()): that child may change it in place, and edits that
 * it drops are gone. Who hands on the same record twice settles it and hands on copies.
 *
 * Threads: the worker's own. Nothing here blocks, nothing logs.
 */
#ifndef AQ_STREAMS_PROCESSOR_H
#define AQ_STREAMS_PROCESSOR_H

#include "base/record.h"
#include "streams/topology/plan.h"
#include "streams/punctuate.h"
#include "streams/serde/serde.h"
#include "transforms/views.h"

struct st_task;
struct st_state;
struct st_global;

/* One node of one task. */
struct st_context {
    struct st_task *task;
    const struct st_plan_node *node;
    const struct st_processor_kind *kind; /* NULL for sources and sinks */
    const struct aq_name *topic;          /* of a sink; NULL when its chooser decides */
    void *state;                          /* what kind->start() returned */
    struct st_context **children;
    size_t n_children;
    const struct st_serde *key_serde; /* of what comes in */
    const struct st_serde *value_serde;
    struct st_state **stores; /* in the order of connecting */
    uint32_t key_tail;        /* bytes of a window at the end of its keys */
    uint64_t records;         /* that came in */
    uint64_t dropped;         /* of them, those that ended here: filtered out, or refused (st_drop()) */
    uint64_t late;            /* of those, the ones whose window had closed */
};

/* Hands the record to all children, in the order of adding. 0, or the code of the first that failed. */
int st_forward(struct st_context *context, struct aq_record *rec, struct aq_err *err);
/* Only to the child of this name; AQ_E_INVALID when there is none. */
int st_forward_to(struct st_context *context, const char *child, struct aq_record *rec, struct aq_err *err);
/* The same by number, in the order of adding. */
int st_forward_child(struct st_context *context, size_t child, struct aq_record *rec, struct aq_err *err);

/* A fresh record for st_forward(): null key and value, the timestamp of what is being processed (in a punctuation the time it
 * was called with), no headers, the place of the record at hand. */
struct aq_record st_new_record(struct st_context *context);

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* A record that stands for a change of a table's row: key and new value (null: the row is gone), and what the row was. */
struct st_row {
    struct aq_slice old; /* null: there was none, or nobody knows */
    bool known;          /* somebody knows */
    bool is_latest;      /* no newer change of the row was seen before this one (versioned tables) */
};

/* st_forward() of a change: every child finds `row` by st_row() when it gets the record, and st_forward() in such a child hands on a
 * record that stands for no change. */
int st_forward_row(struct st_context *context, struct aq_record *rec, const struct st_row *row,
                   struct aq_err *err);
/* What came with the record at hand, to be asked before anything is forwarded; {null, false, true} when it stands for no change. */
struct st_row st_row(const struct st_context *context);

/* ---- losses ------------------------------------------------------------------------------------------------------ */

/* The record at hand ends here although nobody asked for that: it has no key where one is needed, say. Counted for the node and for the
 * application. */
void st_drop(struct st_context *context);
/* It ends here because the window it belongs to has closed: counted as late, and as dropped. */
void st_drop_late(struct st_context *context);

/* ---- stores ------------------------------------------------------------------------------------------------------ */

/* The store that was connected to the node as its i-th. Valid as long as the processor runs. */
struct st_state *st_store(const struct st_context *context, size_t i);
/* Results wait for flush(). */
bool st_store_is_cached(const struct st_context *context, size_t i);
/* For flush(): every entry of the store that was changed since the last commit, in the order of the last change. What was not there and is
 * not there is passed over. null: not there. `known` false: nobody looked what it was before, and `old` is null. Slices are valid until
 * the store changes. Ends with the first code that is not 0. */
typedef int st_change_each(struct st_context *context, void *state, struct aq_slice bucket,
                           struct aq_slice rest, struct aq_slice value, struct aq_slice old, bool known,
                           struct aq_err *err);
int st_each_change(struct st_context *context, size_t i, void *state, st_change_each *each,
                   struct aq_err *err);

/* ---- global tables ----------------------------------------------------------------------------------------------- */

/* The global table that was connected to the node as its i-th (streams/global.h): for st_global_get(), whose slices are valid until the
 * record at hand is through. */
const struct st_global *st_global_table(const struct st_context *context, size_t i);

/* ---- more -------------------------------------------------------------------------------------------------------- */

/* Key and value as the edits so far left them: writes open views back to `rec`. */
void st_settle(struct st_context *context, struct aq_record *rec);
struct xf_views *st_views(struct st_context *context);
struct aq_names *st_names(struct st_context *context);

/* Bytes for records: they live until everything made in this cycle has been acknowledged. */
struct aq_arena *st_arena(struct st_context *context);

/* Calls back by time; the schedule ends with the task. NULL with a reason. */
struct st_schedule *st_schedule(struct st_context *context, enum st_punctuation_type type,
                                int64_t interval_ms, int64_t start_ms,
                                int (*call)(struct st_context *context, void *state, int64_t now_ms,
                                            struct aq_err *err),
                                struct aq_err *err);
/* The same with something of the caller's own in the place of the state: for several of one processor, and for schedules made in
 * start(), which has no state yet. user NULL: the state. */
struct st_schedule *st_schedule_for(struct st_context *context, enum st_punctuation_type type,
                                    int64_t interval_ms, int64_t start_ms,
                                    int (*call)(struct st_context *context, void *user, int64_t now_ms,
                                                struct aq_err *err),
                                    void *user, struct aq_err *err);
void st_cancel(struct st_context *context, struct st_schedule *schedule);

int64_t st_stream_ms(const struct st_context *context); /* ST_NO_TIME before the first record */
int64_t st_wall_ms(const struct st_context *context);
const char *st_task_id(const struct st_context *context); /* "0_3" */
const char *st_application_id(const struct st_context *context);
/* Commit as soon as this record is through, not at the interval. */
void st_request_commit(struct st_context *context);

/* The source record at hand; NULL in a punctuation. */
const struct aq_record *st_source_record(const struct st_context *context);

#endif
