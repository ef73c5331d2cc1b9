/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a table that a node keeps in a store of its own, and how their changes go on; and how other nodes look rows up.
 *
 * The store is timestamped (streams/state/stamped.h), or versioned (streams/state/versioned.h). A row's change goes on as a record with a
 * st_row() behind it: at once, or, from a cached store, when the cycle is flushed: then once a row, with what the row was when
 * the last cycle was flushed.
 *
 * Ownership: the node's own; what goes on lies in st_arena() or in the record that came in. Threads: the worker's own.
 */
#ifndef AQ_STREAMS_OPS_ROWS_H
#define AQ_STREAMS_OPS_ROWS_H

#include "streams/processor.h"
#include "streams/state/state.h"

/* What goes on of what is kept of a row, which is not null and may lie in the store; *ret may lie in it, too. */
typedef int st_rows_view(struct st_context *context, void *user, struct aq_slice kept, struct aq_slice *ret,
                         struct aq_err *err);

struct st_rows_conf {
    size_t store;       /* its number among those of the node */
    int64_t history_ms; /* of a versioned store; 0: a timestamped one */
    bool quiet;         /* a row that was not there and is not there has not changed */
    bool borrowed;      /* what is put lies neither in st_arena() nor in what came in */
    st_rows_view *view; /* NULL: the value itself */
    void *user;         /* the view's */
};

struct st_rows {
    struct st_rows_conf conf;
    struct st_context *context;
    struct st_state *store;
    bool cached;
    bool looks; /* at what a row was, before it changes it */
    /* Of a cached store: when rows were deleted in this cycle, because the store does not say. */
    struct st_table deleted;
    char *stamped; /* room for one value with its time */
    size_t room;
};

void st_rows_start(struct st_rows *rows, struct st_context *context, const struct st_rows_conf *conf);
void st_rows_stop(struct st_rows *rows);

/* The row of rec->key becomes rec->value as of rec->timestamp; null: it is gone. The key is not null. The record goes on, or waits for
 * the flush. What comes too late for a versioned store is dropped. */
int st_rows_put(struct st_rows *rows, struct aq_record *rec, struct aq_err *err);
/* For who has looked the row up: st_rows_get(), what it became, st_rows_replace(), and no other call on the rows in between. Not
 * versioned. `was` is what st_rows_get() found: a value with its time in front (streams/state/stamped.h), null: no row. */
int st_rows_get(struct st_rows *rows, struct aq_slice key, struct aq_slice *ret_was, struct aq_err *err);
int st_rows_replace(struct st_rows *rows, struct aq_record *rec, struct aq_slice was, struct aq_err *err);
/* For who says itself what the row was, whatever was kept: puts it, and `row` goes on with the record. Neither cached nor versioned. */
int st_rows_put_change(struct st_rows *rows, struct aq_record *rec, const struct st_row *row,
                       struct aq_err *err);
/* In kind->flush(): hands on what changed. */
int st_rows_flush(struct st_rows *rows, struct aq_err *err);

/* Whether a child of the node may ask what rows were. */
bool st_old_is_wanted(const struct st_context *context);

/* ---- other nodes' rows -------------------------------------------------------------------------------------------- */

struct st_lookup {
    struct st_state *store; /* a timestamped one, or */
    int64_t history_ms;     /* a versioned one: more than 0 */
};

struct st_looked_up {
    struct aq_slice value; /* null: there is no row; lies in the store, valid until its next call */
    int64_t time_ms;       /* of the row */
};

/* The row as it is now. */
int st_look_up(const struct st_lookup *lookup, struct aq_slice key, struct st_looked_up *ret,
               struct aq_err *err);
/* The row as those below its table know it, which a cached store tells only when it is flushed: as it was at the last flush, if it was
 * changed since; false: it was not, or nobody knows. */
bool st_look_up_flushed(const struct st_lookup *lookup, struct aq_slice key, struct st_looked_up *ret);
/* As it was at that time; unversioned: as it is now. */
int st_look_up_as_of(const struct st_lookup *lookup, struct aq_slice key, int64_t as_of_ms,
                     struct st_looked_up *ret, struct aq_err *err);

#endif
