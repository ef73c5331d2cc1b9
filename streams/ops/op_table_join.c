/* SPDX-License-Identifier: Apache-2.0
 *
 * Join of two tables by key: a change on either side looks up the row of the other, and the result is a table again.
 *
 * Three nodes: one a side, because a record does not say from which parent it came, and one behind both that hands on, and keeps the
 * results if it has a store.
 *
 * What goes on when one side changed, as in Kafka Streams:
 *   the other has no row     this side alone gives results: what is new alone, or a tombstone when it had a row; else nothing
 *   the other has one        both together; when this side is gone: the other alone if that gives results, else a tombstone
 * A tombstone may so come for a key that had no result; whoever keeps the table does not notice.
 *
 * Cached tables: changes of both sides of one row may wait for the same flush. The first that comes must not meet the other's new row
 * already, or what the result was, which those below subtract, would be wrong: it gets the row as it was at the last flush, and
 * the second one then gets the first's new row. What has come of each side in this flush is noted for that. compat: both get the new
 * rows, as in Kafka Streams.
 *
 * A table that is joined with itself changes on both sides at once: the right side gives the one result, with what both were. compat: each
 * side gives one, and what it was is worked out of the other's new row, also where the results are kept: only a cache knows better.
 *
 * Times: the later of both rows. Changes of versioned tables that are not the newest of their row are dropped, for the results are no
 * versioned table.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/ops/op_table.h"
#include "streams/ops/rows.h"

enum { LEFT, RIGHT };

/* Of the node behind both sides. */
struct handing {
    struct st_rows rows;
    bool stored, knows_old;
    struct st_table come[2]; /* keys whose changes of a cached table have come in this cycle */
};

struct side {
    const struct st_table_join *conf;
    void *joiner;
    struct st_lookup other;
    int mine; /* LEFT or RIGHT */
    bool own_cached, other_cached;
    bool alike;                   /* both sides are one table, and change at once */
    bool this_alone, other_alone; /* such rows give results */
    bool old_wanted;              /* by those below */
};

/* ---- sides -------------------------------------------------------------------------------------------------------- */

/* Behind the node that hands on. */
static bool knows_old(const struct st_table_join *conf, const struct st_context *behind)
{
    return behind->node->node->n_stores > 0 && (!conf->compat || st_store_is_cached(behind, 0));
}

static bool old_is_wanted(const struct st_table_join *conf, const struct st_context *context)
{
    AQ_ASSERT(context->n_children == 1);
    return !knows_old(conf, context->children[0]) && st_old_is_wanted(context->children[0]);
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err, bool is_left)
{
    const struct st_table_join *conf = user;
    struct side *s = aq_calloc(1, sizeof(*s));
    size_t other = context->node->node->n_stores - 1;
    s->conf = conf;
    s->mine = is_left ? LEFT : RIGHT;
    s->this_alone = is_left ? conf->left_alone : conf->right_alone;
    s->other_alone = is_left ? conf->right_alone : conf->left_alone;
    s->other.store = st_store(context, other);
    s->alike = other == 0 && !conf->compat;
    s->own_cached = !conf->compat && st_store_is_cached(context, 0);
    s->other_cached = !conf->compat && st_store_is_cached(context, other);
    s->other.history_ms = is_left ? conf->right_history_ms : conf->left_history_ms;
    s->old_wanted = old_is_wanted(conf, context);
    int rc = st_joiner_start(&conf->joiner, context, &s->joiner, err);
    if (rc != 0) {
        free(s);
        return rc;
    }
    *ret_state = s;
    return 0;
}

static int start_left(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    return start(context, user, ret_state, err, true);
}

static int start_right(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    return start(context, user, ret_state, err, false);
}

/* The result of a row of this side with the other's; null when there is none. */
static int join(struct side *s, struct st_context *context, struct aq_slice key, struct aq_slice mine,
                struct aq_slice other, struct aq_slice *ret, struct aq_err *err)
{
    *ret = AQ_NULL_SLICE;
    bool has_mine = !aq_slice_is_null(mine), has_other = !aq_slice_is_null(other);
    if (!has_mine && !(has_other && s->other_alone)) return 0;
    if (!has_other && !(has_mine && s->this_alone)) return 0;
    struct aq_slice left = s->mine == LEFT ? mine : other, right = s->mine == LEFT ? other : mine;
    return st_join(&s->conf->joiner, context, s->joiner, key, left, right, other, ret, err);
}

static bool has_come(struct st_table *come, struct aq_slice key)
{
    struct aq_slice ignored;
    return st_table_get(come, key, AQ_LIT(""), &ignored);
}

/* The other side's row, as those below know it. */
static int find_other(struct side *s, struct st_context *context, struct aq_slice key,
                      struct st_looked_up *ret, struct aq_err *err)
{
    struct handing *behind = context->children[0]->state;
    struct st_table *mine = &behind->come[s->mine], *others = &behind->come[!s->mine];
    if (s->own_cached && !has_come(mine, key)) st_table_learn(mine, key, AQ_LIT(""), AQ_LIT(""));
    if (s->other_cached && !has_come(others, key) && st_look_up_flushed(&s->other, key, ret)) return 0;
    return st_look_up(&s->other, key, ret, err);
}

/* was: of the other side's row, when the result was worked out last. */
static int hand_result(struct side *s, struct st_context *context, struct aq_record *rec, struct st_row *row,
                       struct aq_slice other, struct aq_slice was, struct aq_err *err)
{
    struct aq_slice old = row->old, is;
    row->known = row->known && s->old_wanted;
    int rc = join(s, context, rec->key, rec->value, other, &is, err);
    if (rc == 0 && row->known) rc = join(s, context, rec->key, old, was, &row->old, err);
    if (rc != 0) return rc;
    rec->value = is;
    return st_forward_row(context, rec, row, err);
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct side *s = state;
    struct st_row row = st_row(context);
    struct st_looked_up other;
    AQ_ASSERT(!aq_slice_is_null(rec->key));
    if (!row.is_latest) {
        st_drop(context);
        return 0;
    }
    bool had = !row.known || !aq_slice_is_null(row.old), has = !aq_slice_is_null(rec->value);
    if (s->alike && (s->mine == LEFT || (!had && !has))) return 0;
    if (s->alike) return hand_result(s, context, rec, &row, rec->value, row.old, err);
    int rc = find_other(s, context, rec->key, &other, err);
    if (rc != 0) return rc;
    if (aq_slice_is_null(other.value)) {
        if (!s->this_alone || (!had && !has)) return 0;
    } else if (other.time_ms > rec->timestamp) {
        rec->timestamp = other.time_ms;
    }
    return hand_result(s, context, rec, &row, other.value, other.value, err);
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct side *s = state;
    st_joiner_stop(&s->conf->joiner, s->joiner);
    free(s);
}

const struct st_processor_kind st_table_join_left_kind = {.name = "join_left",
                                                          .needs_key = true,
                                                          .copartitioned = true,
                                                          .start = start_left,
                                                          .process = process,
                                                          .stop = stop};
const struct st_processor_kind st_table_join_right_kind = {.name = "join_right",
                                                           .needs_key = true,
                                                           .copartitioned = true,
                                                           .start = start_right,
                                                           .process = process,
                                                           .stop = stop};

/* ---- behind both -------------------------------------------------------------------------------------------------- */

static int start_behind(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    struct handing *h = aq_calloc(1, sizeof(*h));
    h->stored = context->node->node->n_stores > 0;
    h->knows_old = knows_old(user, context);
    const struct st_rows_conf rows = {0};
    if (h->stored) st_rows_start(&h->rows, context, &rows);
    for (int i = LEFT; i <= RIGHT; i++) st_table_init(&h->come[i]);
    *ret_state = h;
    return 0;
}

static int hand_on(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct handing *h = state;
    const struct st_row row = st_row(context);
    if (h->knows_old) return st_rows_put(&h->rows, rec, err);
    return h->stored ? st_rows_put_change(&h->rows, rec, &row, err) : st_forward_row(context, rec, &row, err);
}

static int flush_behind(struct st_context *context, void *state, struct aq_err *err)
{
    (void)context;
    struct handing *h = state;
    for (int i = LEFT; i <= RIGHT; i++) {
        if (h->come[i].n_buckets == 0) continue;
        st_table_finish(&h->come[i]);
        st_table_init(&h->come[i]);
    }
    return h->stored ? st_rows_flush(&h->rows, err) : 0;
}

static void stop_behind(struct st_context *context, void *state)
{
    (void)context;
    struct handing *h = state;
    for (int i = LEFT; i <= RIGHT; i++) st_table_finish(&h->come[i]);
    st_rows_stop(&h->rows);
    free(h);
}

const struct st_processor_kind st_table_join_kind = {.name = "join",
                                                     .needs_key = true,
                                                     .copartitioned = true,
                                                     .start = start_behind,
                                                     .process = hand_on,
                                                     .flush = flush_behind,
                                                     .stop = stop_behind};
