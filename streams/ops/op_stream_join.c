/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of two streams (streams/ops/op_stream_join.h).
 *
 * Two processors, one for each side, share three stores: the left records and the right ones, each by key, time and a number that tells
 * those of one time apart; and those of either side that have no partner yet, by time. They share stream time, too: the largest
 * time of a record that reached either. It is kept in the third store; an inner join has none, and begins with task stream time.
 *
 * An ordinary pass: stream time moves; records that waited for a partner and whose window has closed give their result alone. Then the
 * record at hand looks for its partners in the other side's store, gives a result with each, in the order of their times, and
 * takes them off the list of those without one. At last it goes into its own side's store; and on that list, if it found nobody.
 *
 * The window of a left record reaches to its time + after, that of a right one to its time + before. It closes when stream time has
 * passed its end by more than grace. Then
 *   - a record that arrives is late: it is counted, and does nothing else;
 *   - a record that gives a result alone has given it, so it finds no more partners. In inner joins, and on the side that gives no
 *     results alone, nothing was said that could turn out wrong: there a record finds partners as long as these are not late.
 * So each record of such a side gives either results with partners or one alone, and who is never delayed by more than grace misses
 * nobody. A record kept is needed for before + after + grace, which is the stores' retention.
 *
 * Null keys (KIP-962): such a record has no partners. It gives its result alone where its side does that, and is dropped elsewhere. Null
 * values are dropped. Both move stream time.
 *
 * compat: what Kafka Streams 4.3 does. Late records are not refused, and find whatever the other store still has; a record without a
 * partner whose window has passed stream time gives its result at once, grace or not, and may give others later; results come
 * when the tracker of the earliest time says so, which may be late; they carry the headers of the record at hand, not their own.
 * Kafka Streams also looks for them once a second at most; we do not, and neither does its test driver.
 *
 * A failing pass: the joiner refuses the values: the processing handler decides about the record at hand. It has been stored by then, as in
 * Kafka Streams.
 *
 * Invariants: a record on the list has no partner in the other store within its window; the list and stream time belong to both
 * sides, and live as long as the first to start and the last to stop.
 */
#include "streams/ops/op_stream_join.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/ops/held_record.h"
#include "streams/task.h"
#include "streams/ops/time_queue.h"

enum { LEFT, RIGHT };

#define STORE_ALONE 2           /* the third to be connected */
#define LIST_HEAD   4           /* length of each record on the list */
#define TIME_BUCKET AQ_LIT("s") /* of stream time, in the third store */

/* What the two sides share. */
struct meeting {
    unsigned sides; /* that run */
    int64_t stream_ms;
    int64_t stored_ms;             /* what the third store has of it */
    struct st_time_queue alone[2]; /* records without a partner, by side; where it is needed */
    int64_t put_ms[2];             /* compat: the latest record of each store */
    int64_t earliest_ms;           /* compat: Kafka Streams' guess at the earliest record without a partner */
};

/* One side of one task. */
struct joining {
    const struct st_stream_join *join;
    int own; /* LEFT, RIGHT */
    int other;
    struct meeting *meeting;
    void *joiner;
};

/* ---- times -------------------------------------------------------------------------------------------------------- */

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

static int64_t not_negative(int64_t ms)
{
    return ms < 0 ? 0 : ms;
}

/* How far behind a record's time a partner may be; negative: it has to be earlier. */
static int64_t ahead_of(const struct st_stream_join *join, int side)
{
    return side == LEFT ? join->after_ms : join->before_ms;
}

/* What Kafka Streams keeps records for, and what they are needed for; the two differ where before or after is negative. */
static int64_t kept_in_kafka(const struct st_stream_join *join)
{
    return plus(plus(join->before_ms, join->after_ms), join->grace_ms);
}

int64_t st_stream_join_keeps(const struct st_stream_join *join)
{
    return plus(plus(not_negative(join->before_ms), not_negative(join->after_ms)), join->grace_ms);
}

static bool gives_alone(const struct st_stream_join *join, int side)
{
    return side == LEFT ? join->left_alone : join->right_alone;
}

/* Records of this side up to this time have closed windows. */
static int64_t closed_until(const struct joining *j, int side)
{
    int64_t ahead_ms = ahead_of(j->join, side);
    /* No window closes before its record has come. */
    if (!j->join->compat) ahead_ms = not_negative(ahead_ms);
    return j->meeting->stream_ms - plus(ahead_ms, j->join->grace_ms) - 1;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static struct meeting *find_meeting(const struct st_context *context, const struct st_stream_join *join)
{
    const struct st_task *task = context->task;
    for (size_t i = 0; i < task->subtopology->n_nodes; i++) {
        const struct st_context *other = &task->contexts[i];
        if (other->kind != &st_stream_join_side_kind || !other->state) continue;
        const struct joining *j = other->state;
        if (j->join == join) return j->meeting;
    }
    return NULL;
}

static int open_alone(struct meeting *meeting, const struct st_stream_join *join, int side,
                      struct st_context *context, struct aq_err *err)
{
    if (!gives_alone(join, side)) return 0;
    return st_time_queue_open(&meeting->alone[side], st_store(context, STORE_ALONE), side == LEFT ? 'l' : 'r',
                              st_stream_join_keeps(join), err);
}

bool st_stream_join_has_list(const struct st_stream_join *join)
{
    return join->left_alone || join->right_alone;
}

/* Stream time as it was at the last commit. Task stream time is not it: records that a filter took may have moved that one further. */
static int read_time(struct meeting *meeting, struct st_context *context, struct aq_err *err)
{
    struct aq_slice bytes;
    int rc = st_state_get(st_store(context, STORE_ALONE), TIME_BUCKET, AQ_LIT(""), &bytes, err);
    if (rc != 0 || bytes.len != 8) return rc;
    meeting->stream_ms = meeting->stored_ms = (int64_t)aq_be64_get(bytes.ptr);
    return 0;
}

static void close_meeting(struct meeting *meeting)
{
    st_time_queue_close(&meeting->alone[LEFT]);
    st_time_queue_close(&meeting->alone[RIGHT]);
    free(meeting);
}

static int open_meeting(struct st_context *context, const struct st_stream_join *join, struct meeting **ret,
                        struct aq_err *err)
{
    struct meeting *meeting = aq_calloc(1, sizeof(*meeting));
    meeting->stream_ms = st_stream_ms(context);
    meeting->stored_ms = ST_NO_TIME;
    meeting->put_ms[LEFT] = meeting->put_ms[RIGHT] = ST_NO_TIME;
    meeting->earliest_ms = INT64_MAX;
    int rc = open_alone(meeting, join, LEFT, context, err);
    if (rc == 0) rc = open_alone(meeting, join, RIGHT, context, err);
    if (rc == 0 && st_stream_join_has_list(join)) rc = read_time(meeting, context, err);
    if (rc != 0) {
        close_meeting(meeting);
        return rc;
    }
    *ret = meeting;
    return 0;
}

static void leave(struct meeting *meeting)
{
    AQ_ASSERT(meeting->sides > 0);
    if (--meeting->sides == 0) close_meeting(meeting);
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_stream_join_side *side = user;
    struct joining *j = aq_calloc(1, sizeof(*j));
    j->join = side->join;
    j->own = side->is_left ? LEFT : RIGHT;
    j->other = side->is_left ? RIGHT : LEFT;
    j->meeting = find_meeting(context, j->join);
    int rc = j->meeting ? 0 : open_meeting(context, j->join, &j->meeting, err);
    if (rc == 0) {
        j->meeting->sides++;
        rc = st_joiner_start(&j->join->joiner, context, &j->joiner, err);
        if (rc != 0) leave(j->meeting);
    }
    if (rc != 0) {
        free(j);
        return rc;
    }
    *ret_state = j;
    return 0;
}

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct joining *j = state;
    st_joiner_stop(&j->join->joiner, j->joiner);
    leave(j->meeting);
    free(j);
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

/* The result of a value of this side with one of the other, or alone; `stored` is the one of them that lies in a store. `out` is the
 * record but for its value. */
static int give(struct joining *j, struct st_context *context, struct aq_record *out, int side,
                struct aq_slice value, struct aq_slice partner, struct aq_slice stored, struct aq_err *err)
{
    struct aq_slice left = side == LEFT ? value : partner, right = side == LEFT ? partner : value;
    int rc = st_join(&j->join->joiner, context, j->joiner, out->key, left, right, stored, &out->value, err);
    return rc == 0 ? st_forward(context, out, err) : rc;
}

static int give_alone(struct joining *j, struct st_context *context, const struct aq_record *rec,
                      struct aq_err *err)
{
    struct aq_record out = *rec;
    return give(j, context, &out, j->own, rec->value, AQ_NULL_SLICE, AQ_NULL_SLICE, err);
}

/* ---- records without a partner ------------------------------------------------------------------------------------ */

/* A row holds all of one side, time and key, one behind the other: they find a partner, or not, together. */
static int keep_alone(struct joining *j, struct st_context *context, struct aq_record *rec,
                      struct aq_err *err)
{
    struct st_time_queue *queue = &j->meeting->alone[j->own];
    struct aq_arena *arena = st_arena(context);
    struct aq_slice before;
    int rc = st_time_queue_get(queue, rec->timestamp, rec->key, &before, err);
    if (rc != 0) return rc;
    const struct st_held kept = st_held_of(rec);
    struct aq_slice bytes = st_held_encode(&kept, arena);
    AQ_ASSERT(bytes.len <= UINT32_MAX);
    char *list = aq_arena_alloc(arena, before.len + LIST_HEAD + bytes.len);
    if (before.len) memcpy(list, before.ptr, before.len);
    aq_be32_put(list + before.len, (uint32_t)bytes.len);
    memcpy(list + before.len + LIST_HEAD, bytes.ptr, bytes.len);
    st_time_queue_put(queue, rec->timestamp, rec->key, aq_slice_of(list, before.len + LIST_HEAD + bytes.len));
    if (rec->timestamp < j->meeting->earliest_ms) j->meeting->earliest_ms = rec->timestamp;
    return 0;
}

static int found_partner(struct joining *j, int side, int64_t time_ms, struct aq_slice key,
                         struct aq_err *err)
{
    struct st_time_queue *queue = &j->meeting->alone[side];
    struct aq_slice row;
    int rc = st_time_queue_get(queue, time_ms, key, &row, err);
    if (rc == 0 && !aq_slice_is_null(row)) st_time_queue_remove(queue, time_ms, key);
    return rc;
}

static int give_kept(struct joining *j, struct st_context *context, const struct aq_record *at_hand, int side,
                     struct aq_slice key, const struct st_held *kept, struct aq_err *err)
{
    struct aq_record out = j->join->compat ? *at_hand : st_new_record(context);
    out.key = key;
    out.timestamp = kept->time_ms;
    if (!j->join->compat) {
        out.headers = kept->headers;
        out.n_headers = kept->n_headers;
    }
    return give(j, context, &out, side, kept->value, AQ_NULL_SLICE, AQ_NULL_SLICE, err);
}

/* Takes the first record off the list; false: there is none, or less than one. */
static bool next_on_list(struct aq_slice *list, struct aq_slice *ret)
{
    if (list->len < LIST_HEAD) return false;
    size_t len = aq_be32_get(list->ptr);
    if (len > list->len - LIST_HEAD) return false;
    *ret = aq_slice_of(list->ptr + LIST_HEAD, len);
    *list = aq_slice_of(list->ptr + LIST_HEAD + len, list->len - LIST_HEAD - len);
    return true;
}

/* All records of a row. */
static int give_row(struct joining *j, struct st_context *context, const struct aq_record *at_hand, int side,
                    const struct st_due *row, struct aq_err *err)
{
    struct aq_slice list = row->value, bytes;
    while (next_on_list(&list, &bytes)) {
        struct st_held kept;
        int rc = st_held_decode(bytes, st_arena(context), &kept, err);
        if (rc == 0) rc = give_kept(j, context, at_hand, side, row->tail, &kept, err);
        if (rc != 0) return rc;
    }
    if (list.len == 0) return 0;
    return aq_fail(err, AQ_E_CORRUPT, "a list of records without a partner ends too early");
}

/* The row that is due first, of a time the right one. Returns its side, -1: none is due, or a code below that. */
static int first_due(struct joining *j, struct st_context *context, struct st_due *ret, int *ret_side,
                     struct aq_err *err)
{
    struct st_due due[2];
    int have[2] = {0, 0};
    for (int side = LEFT; side <= RIGHT; side++) {
        if (!gives_alone(j->join, side)) continue;
        have[side] = st_time_queue_peek(&j->meeting->alone[side], closed_until(j, side), st_arena(context),
                                        &due[side], err);
        if (have[side] < 0) return have[side];
    }
    if (!have[LEFT] && !have[RIGHT]) return 0;
    *ret_side = have[RIGHT] && (!have[LEFT] || due[RIGHT].time_ms <= due[LEFT].time_ms) ? RIGHT : LEFT;
    *ret = due[*ret_side];
    return 1;
}

static bool may_be_due(const struct joining *j)
{
    for (int side = LEFT; side <= RIGHT; side++)
        if (gives_alone(j->join, side) &&
            st_time_queue_may_be_due(&j->meeting->alone[side], closed_until(j, side)))
            return true;
    return false;
}

/* Results of the records whose windows have closed, in the order of time, right before left, key. */
static int give_due(struct joining *j, struct st_context *context, const struct aq_record *at_hand,
                    struct aq_err *err)
{
    struct st_due row;
    int side, rc;
    if (!may_be_due(j)) return 0;
    st_time_queue_begin(&j->meeting->alone[LEFT]);
    st_time_queue_begin(&j->meeting->alone[RIGHT]);
    while ((rc = first_due(j, context, &row, &side, err)) == 1) {
        st_time_queue_take(&j->meeting->alone[side]);
        rc = give_row(j, context, at_hand, side, &row, err);
        if (rc != 0) return rc;
    }
    return rc;
}

/* ---- the tracker of Kafka Streams --------------------------------------------------------------------------------- */

struct times {
    int64_t *list;
    size_t n, cap;
};

/* Once for each record of the row. */
static void note_times(void *ctx, const struct st_due *row)
{
    struct times *times = ctx;
    struct aq_slice list = row->value, bytes;
    while (next_on_list(&list, &bytes)) {
        if (times->n == times->cap) {
            times->cap = times->cap ? times->cap * 2 : 64;
            times->list = aq_realloc(times->list, times->cap * sizeof(*times->list));
        }
        times->list[times->n++] = row->time_ms;
    }
}

/* It walks over all records without a partner until it has seen an open window on both sides, and takes the last one it looked at for
 * the earliest. */
static int64_t tracked(const struct joining *j, const struct times times[2])
{
    int64_t earliest_ms = INT64_MAX;
    size_t next[2] = {0, 0};
    bool open[2] = {false, false};
    while (next[LEFT] < times[LEFT].n || next[RIGHT] < times[RIGHT].n) {
        bool right =
            next[RIGHT] < times[RIGHT].n &&
            (next[LEFT] == times[LEFT].n || times[RIGHT].list[next[RIGHT]] <= times[LEFT].list[next[LEFT]]);
        int side = right ? RIGHT : LEFT;
        earliest_ms = times[side].list[next[side]++];
        if (open[LEFT] && open[RIGHT]) break;
        if (earliest_ms > closed_until(j, side)) open[side] = true;
    }
    return earliest_ms;
}

static int give_due_compat(struct joining *j, struct st_context *context, const struct aq_record *at_hand,
                           struct aq_err *err)
{
    struct meeting *meeting = j->meeting;
    struct times times[2] = {{0}, {0}};
    int rc = 0;
    if (meeting->earliest_ms != INT64_MAX && meeting->earliest_ms > closed_until(j, j->own)) return 0;
    for (int side = LEFT; side <= RIGHT && rc == 0; side++)
        if (gives_alone(j->join, side))
            rc = st_time_queue_each(&meeting->alone[side], note_times, &times[side], err);
    if (rc == 0) meeting->earliest_ms = tracked(j, times);
    free(times[LEFT].list);
    free(times[RIGHT].list);
    return rc == 0 ? give_due(j, context, at_hand, err) : rc;
}

/* ---- pairs -------------------------------------------------------------------------------------------------------- */

struct probe {
    struct joining *j;
    struct st_context *context;
    const struct aq_record *rec;
    bool found;
};

static int pair(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                struct aq_err *err)
{
    struct probe *probe = ctx;
    struct joining *j = probe->j;
    const struct aq_record *rec = probe->rec;
    (void)bucket;
    int64_t time_ms = (int64_t)aq_be64_get(rest.ptr);
    if (gives_alone(j->join, j->other)) {
        if (!j->join->compat && time_ms <= closed_until(j, j->other)) return 0;
        int rc = found_partner(j, j->other, time_ms, rec->key, err);
        if (rc != 0) return rc;
    }
    probe->found = true;
    struct aq_record out = *rec;
    if (time_ms > out.timestamp) out.timestamp = time_ms;
    return give(j, probe->context, &out, j->own, rec->value, value, value, err);
}

/* Partners, in the order of their times. */
static int find_partners(struct joining *j, struct st_context *context, const struct aq_record *rec,
                         bool *ret_found, struct aq_err *err)
{
    const struct st_stream_join *join = j->join;
    char from[8], to[ST_STREAM_JOIN_REST];
    int64_t from_ms = plus(rec->timestamp, -ahead_of(join, j->other));
    if (join->compat) {
        /* A window store shows nothing that is older, by its own clock, than its retention. */
        int64_t kept_ms = j->meeting->put_ms[j->other] - kept_in_kafka(join) + 1;
        if (kept_ms > from_ms) from_ms = kept_ms;
    }
    aq_be64_put(from, (uint64_t)not_negative(from_ms));
    *ret_found = false;
    int64_t to_ms = plus(rec->timestamp, ahead_of(join, j->own));
    if (to_ms < 0) return 0;
    aq_be64_put(to, (uint64_t)to_ms);
    aq_be32_put(to + 8, UINT32_MAX);
    const struct st_state_range range = {.from = aq_slice_of(from, sizeof(from)),
                                         .to = aq_slice_of(to, sizeof(to))};
    struct probe probe = {.j = j, .context = context, .rec = rec};
    int rc = st_state_bucket(st_store(context, (size_t)j->other), rec->key, &range, pair, &probe, err);
    *ret_found = probe.found;
    return rc;
}

/* ---- what is kept ------------------------------------------------------------------------------------------------- */

static int last_number(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                       struct aq_err *err)
{
    (void)bucket;
    (void)value;
    (void)err;
    *(int64_t *)ctx = (int64_t)aq_be32_get(rest.ptr + 8);
    return 1;
}

/* Numbers go on behind the largest of this key and time in the store, so they are right after a restart as well. */
static int keep(struct joining *j, struct st_context *context, const struct aq_record *rec,
                struct aq_err *err)
{
    struct st_state *store = st_store(context, (size_t)j->own);
    char from[8], to[ST_STREAM_JOIN_REST], rest[ST_STREAM_JOIN_REST];
    aq_be64_put(from, (uint64_t)rec->timestamp);
    memcpy(to, from, 8);
    aq_be32_put(to + 8, UINT32_MAX);
    const struct st_state_range range = {
        .from = aq_slice_of(from, sizeof(from)), .to = aq_slice_of(to, sizeof(to)), .backwards = true};
    int64_t last = -1;
    int rc = st_state_bucket(store, rec->key, &range, last_number, &last, err);
    if (rc != 0) return rc;
    AQ_ASSERT(last < INT32_MAX);
    memcpy(rest, from, 8);
    aq_be32_put(rest + 8, (uint32_t)(last + 1));
    st_state_put(store, rec->key, aq_slice_of(rest, sizeof(rest)), rec->value);
    if (rec->timestamp > j->meeting->put_ms[j->own]) j->meeting->put_ms[j->own] = rec->timestamp;
    return 0;
}

/* ---- a record ----------------------------------------------------------------------------------------------------- */

static int meet(struct joining *j, struct st_context *context, struct aq_record *rec, struct aq_err *err)
{
    bool found;
    int rc = find_partners(j, context, rec, &found, err);
    if (rc == 0 && !found && gives_alone(j->join, j->own)) {
        bool at_once =
            j->join->compat && plus(rec->timestamp, ahead_of(j->join, j->own)) < j->meeting->stream_ms;
        rc = at_once ? give_alone(j, context, rec, err) : keep_alone(j, context, rec, err);
    }
    struct aq_err second = {0};
    int kept = keep(j, context, rec, rc == 0 ? err : &second);
    return rc == 0 ? kept : rc;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct joining *j = state;
    bool compat = j->join->compat;
    if (rec->timestamp < 0) return aq_fail(err, AQ_E_BAD_RECORD, "a record without a time cannot be joined");
    st_settle(context, rec);
    if (rec->timestamp > j->meeting->stream_ms) j->meeting->stream_ms = rec->timestamp;
    int rc = compat ? 0 : give_due(j, context, rec, err);
    if (rc != 0) return rc;
    bool alone = aq_slice_is_null(rec->key) && gives_alone(j->join, j->own);
    if (aq_slice_is_null(rec->value) || (aq_slice_is_null(rec->key) && !alone)) {
        st_drop(context);
        return 0;
    }
    if (alone) return give_alone(j, context, rec, err);
    if (!compat && rec->timestamp <= closed_until(j, j->own)) {
        st_drop_late(context);
        return 0;
    }
    if (compat && rec->timestamp == j->meeting->stream_ms) rc = give_due_compat(j, context, rec, err);
    return rc == 0 ? meet(j, context, rec, err) : rc;
}

/* Results went on when they were due; what a commit has to take along is stream time. */
static int flush(struct st_context *context, void *state, struct aq_err *err)
{
    const struct joining *j = state;
    struct meeting *meeting = j->meeting;
    char time[8];
    (void)err;
    if (!st_stream_join_has_list(j->join) || meeting->stored_ms == meeting->stream_ms) return 0;
    meeting->stored_ms = meeting->stream_ms;
    aq_be64_put(time, (uint64_t)meeting->stream_ms);
    st_state_put(st_store(context, STORE_ALONE), TIME_BUCKET, AQ_LIT(""), aq_slice_of(time, sizeof(time)));
    return 0;
}

const struct st_processor_kind st_stream_join_side_kind = {.name = "stream join",
                                                           .needs_key = true,
                                                           .copartitioned = true,
                                                           .start = start,
                                                           .process = process,
                                                           .flush = flush,
                                                           .stop = stop};

static int pass_on(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward(context, rec, err);
}

const struct st_processor_kind st_stream_join_kind = {.name = "stream join", .process = pass_on};
