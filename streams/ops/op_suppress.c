/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress (streams/ops/op_suppress.h).
 *
 * An ordinary pass: a change of the table comes in and takes the place of the one of its key that is held back, or is held back as a new
 * one, with a time: of windows their end, else the record's. Stream time moves, that of the records which came here, and what has
 * waited long enough goes on: in the order of the times, of one time in the order of the keys' bytes, each as its latest
 * change, with that one's timestamp and headers. The time of what is held back stays that of the first change, so a
 * key that never rests goes on all the same.
 *
 * When a window closes: a time window when stream time has reached its end + grace; a sliding window and a session when it has passed that,
 * because aggregations take records for them up to then. Kafka Streams gives their result at that time already, and a second one
 * when another record comes (compat). A window's result that is gone before the window closes is not told.
 *
 * What came before: downstream learns of each result what it was told of that key before, which is what the table's row was when the
 * first change was held back. Kafka Streams tells what the row was before the latest one (compat).
 *
 * Idle partitions: stream time stands still when nothing comes, and the last windows never close. idle_close_ms lets it go on with the
 * wall clock for this operator. A window that was closed so is remembered until stream time itself closes it: records that
 * change it meanwhile are late, counted, and not told, so there is one result.
 *
 * The store, in which everything that is held back lives, so that it survives a restart; rows by the first byte of their bucket:
 *   k, key    the row: 'b' held back, 'c' closed by the wall clock; its time (8); unless the buffer is bounded its number (8); and,
 *             when it is held back, the record (streams/ops/held_record.h)
 *   t         what is held back, by time (streams/ops/time_queue.h)
 *   w         what the wall clock closed, by time
 *   e         how often numbers began anew (4)
 * A queue's row ends in the key where the buffer is bounded, because one row at a time goes on early; elsewhere in a number that
 * grows, because many windows end at one time, and keys in the order of their bytes would cost a search and a shift each: they
 * are sorted when they go on. A number is how often numbers began anew (4) and a counter (4), so none comes twice after a restart.
 *
 * A failing pass: the key is no windowed key: the record is refused. Too many rows, and none may go on early: the task ends (Kafka Streams
 * does that as well).
 *
 * Invariants: each row that is held back has exactly one row in the queue t, with the row's time and number; each closed one in w.
 */
#include "streams/ops/op_suppress.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/big_endian.h"
#include "base/mem.h"
#include "streams/ops/held_record.h"
#include "streams/ops/time_queue.h"
#include "streams/timestamp.h"
#include "streams/serde/windowed_key.h"

#define HEAD_LEN   9 /* kind and time */
#define NUMBER_LEN 8

enum { HELD = 'b', CLOSED = 'c' };

struct suppressing {
    const struct st_suppress *conf;
    struct st_state *store;
    struct st_time_queue held;
    struct st_time_queue closed;
    bool bounded;
    int64_t stream_ms;
    int64_t seen_ms;      /* wall clock of the last record */
    uint32_t beginning;   /* of numbers; 0: not known yet */
    uint32_t last_number; /* since then */
    uint64_t records;     /* held back; counted when the buffer is bounded */
    uint64_t bytes;
    char *bucket; /* the last one put together */
    size_t bucket_cap;
};

/* A row of the store, apart. */
struct row {
    char kind;
    int64_t time_ms;
    struct aq_slice tail; /* its number; null in a bounded buffer */
    struct aq_slice kept; /* null when it is closed */
};

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static struct aq_slice bucket_of(struct suppressing *s, struct aq_slice key)
{
    size_t len = 1 + key.len;
    if (len > s->bucket_cap) {
        s->bucket_cap = len * 2;
        s->bucket = aq_realloc(s->bucket, s->bucket_cap);
    }
    s->bucket[0] = 'k';
    if (key.len) memcpy(s->bucket + 1, key.ptr, key.len);
    return aq_slice_of(s->bucket, len);
}

static size_t head_len(const struct suppressing *s)
{
    return s->bounded ? HEAD_LEN : HEAD_LEN + NUMBER_LEN;
}

static int read_row(const struct suppressing *s, struct aq_slice bytes, struct row *ret, struct aq_err *err)
{
    size_t head = head_len(s);
    if (bytes.len < head || (bytes.ptr[0] != HELD && bytes.ptr[0] != CLOSED))
        return aq_fail(err, AQ_E_CORRUPT, "a row that is held back has %zu bytes that do not add up",
                       bytes.len);
    *ret = (struct row){.kind = bytes.ptr[0],
                        .time_ms = (int64_t)aq_be64_get(bytes.ptr + 1),
                        .tail = AQ_NULL_SLICE,
                        .kept = AQ_NULL_SLICE};
    if (!s->bounded) ret->tail = aq_slice_of(bytes.ptr + HEAD_LEN, NUMBER_LEN);
    if (ret->kind == HELD) ret->kept = aq_slice_of(bytes.ptr + head, bytes.len - head);
    return 0;
}

/* 1: there is a row for the key. */
static int find_row(struct suppressing *s, struct aq_slice key, struct row *ret, struct aq_err *err)
{
    struct aq_slice bytes;
    int rc = st_state_get(s->store, bucket_of(s, key), AQ_LIT(""), &bytes, err);
    if (rc != 0 || aq_slice_is_null(bytes)) return rc;
    rc = read_row(s, bytes, ret, err);
    return rc == 0 ? 1 : rc;
}

static void put_row(struct suppressing *s, struct aq_slice key, const struct row *row, struct aq_arena *arena)
{
    char *bytes = aq_arena_alloc(arena, head_len(s) + row->kept.len);
    bytes[0] = row->kind;
    aq_be64_put(bytes + 1, (uint64_t)row->time_ms);
    if (!s->bounded) memcpy(bytes + HEAD_LEN, row->tail.ptr, NUMBER_LEN);
    if (row->kept.len) memcpy(bytes + head_len(s), row->kept.ptr, row->kept.len);
    st_state_put(s->store, bucket_of(s, key), AQ_LIT(""), aq_slice_of(bytes, head_len(s) + row->kept.len));
}

static void remove_row(struct suppressing *s, struct aq_slice key)
{
    st_state_put(s->store, bucket_of(s, key), AQ_LIT(""), AQ_NULL_SLICE);
}

/* What the queue knows a row by, and which key a row of the queue stands for. */
static struct aq_slice tail_of(const struct suppressing *s, struct aq_slice key, const struct row *row)
{
    return s->bounded ? key : row->tail;
}

static struct aq_slice key_of(const struct suppressing *s, const struct st_due *due)
{
    return s->bounded ? due->tail : due->value;
}

static void enqueue(struct suppressing *s, struct st_time_queue *queue, struct aq_slice key,
                    const struct row *row)
{
    st_time_queue_put(queue, row->time_ms, tail_of(s, key, row), s->bounded ? AQ_LIT("") : key);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

/* The first time in a task's life, and when they have run out. */
static int begin_numbers(struct suppressing *s, struct aq_err *err)
{
    struct aq_slice bytes;
    char next[4];
    int rc = st_state_get(s->store, AQ_LIT("e"), AQ_LIT(""), &bytes, err);
    if (rc != 0) return rc;
    s->beginning = (bytes.len == sizeof(next) ? aq_be32_get(bytes.ptr) : 0) + 1;
    s->last_number = 0;
    aq_be32_put(next, s->beginning);
    st_state_put(s->store, AQ_LIT("e"), AQ_LIT(""), aq_slice_of(next, sizeof(next)));
    return 0;
}

static int next_number(struct suppressing *s, struct aq_arena *arena, struct aq_slice *ret,
                       struct aq_err *err)
{
    int rc = s->beginning == 0 || s->last_number == UINT32_MAX ? begin_numbers(s, err) : 0;
    if (rc != 0) return rc;
    char *bytes = aq_arena_alloc(arena, NUMBER_LEN);
    aq_be32_put(bytes, s->beginning);
    aq_be32_put(bytes + 4, ++s->last_number);
    *ret = aq_slice_of(bytes, NUMBER_LEN);
    return 0;
}

/* ---- size --------------------------------------------------------------------------------------------------------- */

static uint64_t cost_of(struct aq_slice key, struct aq_slice kept)
{
    return ST_SUPPRESS_ROW_BYTES + key.len + kept.len;
}

static bool is_full(const struct suppressing *s)
{
    const struct st_suppress *conf = s->conf;
    return (conf->max_records > 0 && s->records > conf->max_records) ||
           (conf->max_bytes > 0 && s->bytes > conf->max_bytes);
}

static int count_row(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                     struct aq_err *err)
{
    struct suppressing *s = ctx;
    struct row row;
    (void)rest;
    if (bucket.len < 1 || bucket.ptr[0] != 'k') return 0;
    int rc = read_row(s, value, &row, err);
    if (rc != 0 || row.kind != HELD) return rc;
    s->records++;
    s->bytes += cost_of(aq_slice_of(bucket.ptr + 1, bucket.len - 1), row.kept);
    return 0;
}

/* ---- times -------------------------------------------------------------------------------------------------------- */

static bool is_final(const struct suppressing *s)
{
    return s->conf->until != ST_SUPPRESS_TIME_LIMIT;
}

static int time_of(const struct suppressing *s, const struct aq_record *rec, int64_t *ret_ms,
                   struct aq_err *err)
{
    struct st_windowed_key key;
    bool session = s->conf->until == ST_SUPPRESS_SESSION_WINDOW;
    if (!is_final(s)) {
        *ret_ms = rec->timestamp;
        return 0;
    }
    int rc = st_windowed_key_decode(session ? ST_KEY_SESSION : ST_KEY_TIME, rec->key, &key, err);
    if (rc != 0) return rc;
    *ret_ms = session ? key.end : st_window_end(key.start, s->conf->size_ms);
    return 0;
}

/* What has a time up to this one goes on. */
static int64_t due_until(const struct suppressing *s, int64_t stream_ms)
{
    bool past = !s->conf->compat && (s->conf->until == ST_SUPPRESS_SLIDING_WINDOW ||
                                     s->conf->until == ST_SUPPRESS_SESSION_WINDOW);
    AQ_ASSERT(s->conf->wait_ms >= 0 && stream_ms >= ST_NO_TIME);
    return stream_ms - s->conf->wait_ms - (past ? 1 : 0);
}

/* ---- what goes on ------------------------------------------------------------------------------------------------- */

static int forward(struct suppressing *s, struct st_context *context, struct aq_slice key,
                   const struct st_held *kept, struct aq_err *err)
{
    if (is_final(s) && aq_slice_is_null(kept->value)) return 0;
    struct aq_record rec = st_new_record(context);
    const struct st_row row = {.old = kept->old, .known = kept->old_known, .is_latest = true};
    rec.key = key;
    rec.value = kept->value;
    rec.timestamp = kept->time_ms;
    rec.headers = kept->headers;
    rec.n_headers = kept->n_headers;
    return st_forward_row(context, &rec, &row, err);
}

/* The row of this key, which is out of the queue already. `by_wall`: it stays, closed. */
static int let_go(struct suppressing *s, struct st_context *context, struct aq_slice key, bool by_wall,
                  struct aq_err *err)
{
    struct aq_arena *arena = st_arena(context);
    struct row row;
    struct st_held kept;
    int rc = find_row(s, key, &row, err);
    if (rc == 0) return aq_fail(err, AQ_E_CORRUPT, "what is held back is not there");
    if (rc < 0) return rc;
    AQ_ASSERT(row.kind == HELD);
    row.kept = aq_arena_copy(arena, row.kept);
    row.tail = aq_arena_copy(arena, row.tail);
    s->records--;
    s->bytes -= cost_of(key, row.kept);
    rc = st_held_decode(row.kept, arena, &kept, err);
    if (rc != 0) return rc;
    if (by_wall) {
        row.kind = CLOSED;
        row.kept = AQ_NULL_SLICE;
        put_row(s, key, &row, arena);
        enqueue(s, &s->closed, key, &row);
    } else {
        remove_row(s, key);
    }
    return forward(s, context, key, &kept, err);
}

static int by_bytes(const void *a, const void *b)
{
    return st_key_compare(*(const struct aq_slice *)a, *(const struct aq_slice *)b);
}

struct keys {
    struct aq_slice *list;
    size_t n, cap;
};

static void add_key(struct keys *keys, struct aq_slice key)
{
    if (keys->n == keys->cap) {
        keys->cap = keys->cap ? keys->cap * 2 : 16;
        keys->list = aq_realloc(keys->list, keys->cap * sizeof(*keys->list));
    }
    keys->list[keys->n++] = key;
}

/* Takes all rows of the first time that is due. 0: none is. */
static int take_first_time(struct suppressing *s, struct st_time_queue *queue, int64_t until_ms,
                           struct aq_arena *arena, struct keys *keys, struct aq_err *err)
{
    struct st_due due;
    int64_t time_ms = until_ms;
    int rc;
    keys->n = 0;
    while ((rc = st_time_queue_peek(queue, time_ms, arena, &due, err)) == 1) {
        time_ms = due.time_ms;
        add_key(keys, key_of(s, &due));
        st_time_queue_take(queue);
    }
    if (rc < 0) return rc;
    if (keys->n > 1) qsort(keys->list, keys->n, sizeof(*keys->list), by_bytes);
    return keys->n > 0;
}

static int let_go_until(struct suppressing *s, struct st_context *context, int64_t until_ms, bool by_wall,
                        struct aq_err *err)
{
    struct keys keys = {0};
    int rc;
    if (!st_time_queue_may_be_due(&s->held, until_ms)) return 0;
    st_time_queue_begin(&s->held);
    while ((rc = take_first_time(s, &s->held, until_ms, st_arena(context), &keys, err)) == 1) {
        int failed = 0;
        for (size_t i = 0; i < keys.n && failed == 0; i++)
            failed = let_go(s, context, keys.list[i], by_wall, err);
        if (failed != 0) rc = failed;
        if (failed != 0) break;
    }
    free(keys.list);
    return rc;
}

/* Windows that the wall clock closed and stream time has closed now. */
static int forget_closed(struct suppressing *s, struct st_context *context, int64_t until_ms,
                         struct aq_err *err)
{
    struct st_due due;
    int rc;
    if (!st_time_queue_may_be_due(&s->closed, until_ms)) return 0;
    st_time_queue_begin(&s->closed);
    while ((rc = st_time_queue_peek(&s->closed, until_ms, st_arena(context), &due, err)) == 1) {
        st_time_queue_take(&s->closed);
        remove_row(s, key_of(s, &due));
    }
    return rc;
}

/* One after the other, until there is room. */
static int let_go_early(struct suppressing *s, struct st_context *context, struct aq_err *err)
{
    const struct st_suppress *conf = s->conf;
    struct st_due due;
    if (!is_full(s)) return 0;
    if (!conf->emit_early)
        return aq_fail(err, AQ_E_BAD_RECORD,
                       "'%s' holds back %" PRIu64 " records of %" PRIu64
                       " bytes, and may not hold back more than max_records = %" PRIu64
                       " and max_bytes = %" PRIu64 " (0: any number)",
                       context->node->name, s->records, s->bytes, conf->max_records, conf->max_bytes);
    st_time_queue_begin(&s->held);
    int rc = 0;
    while (rc == 0 && is_full(s)) {
        rc = st_time_queue_peek(&s->held, INT64_MAX, st_arena(context), &due, err);
        AQ_ASSERT(rc != 0);
        if (rc < 0) break;
        st_time_queue_take(&s->held);
        rc = let_go(s, context, key_of(s, &due), false, err);
    }
    return rc;
}

/* ---- what comes in ------------------------------------------------------------------------------------------------ */

/* A change of a key of which one is held back already: it keeps its place. */
static void replace(struct suppressing *s, struct st_context *context, struct aq_slice key, struct row *row,
                    struct st_held *kept, const struct st_held *before)
{
    struct aq_arena *arena = st_arena(context);
    if (!s->conf->compat) {
        kept->old = before->old;
        kept->old_known = before->old_known;
    }
    s->bytes -= cost_of(key, row->kept);
    row->kept = st_held_encode(kept, arena);
    s->bytes += cost_of(key, row->kept);
    put_row(s, key, row, arena);
}

static int hold_new(struct suppressing *s, struct st_context *context, struct aq_slice key, int64_t time_ms,
                    const struct st_held *kept, struct aq_err *err)
{
    struct aq_arena *arena = st_arena(context);
    struct row row = {.kind = HELD, .time_ms = time_ms, .tail = AQ_NULL_SLICE};
    int rc = s->bounded ? 0 : next_number(s, arena, &row.tail, err);
    if (rc != 0) return rc;
    row.kept = st_held_encode(kept, arena);
    s->records++;
    s->bytes += cost_of(key, row.kept);
    enqueue(s, &s->held, key, &row);
    put_row(s, key, &row, arena);
    return 0;
}

/* A result that is gone before it was told. */
static void withdraw(struct suppressing *s, struct aq_slice key, const struct row *row)
{
    s->records--;
    s->bytes -= cost_of(key, row->kept);
    st_time_queue_remove(&s->held, row->time_ms, tail_of(s, key, row));
    remove_row(s, key);
}

static int hold(struct suppressing *s, struct st_context *context, struct aq_record *rec,
                const struct st_row *change, struct aq_err *err)
{
    int64_t time_ms;
    struct row row;
    struct st_held kept = st_held_of(rec), before;
    int rc = time_of(s, rec, &time_ms, err);
    if (rc != 0) return rc;
    rc = find_row(s, rec->key, &row, err);
    if (rc < 0) return rc;
    bool gone = is_final(s) && !s->conf->compat && aq_slice_is_null(rec->value);
    if (rc == 1 && row.kind == CLOSED) {
        st_drop_late(context);
        return 0;
    }
    if (gone) {
        if (rc == 1) withdraw(s, rec->key, &row);
        return 0;
    }
    kept.old = change->old;
    kept.old_known = change->known;
    if (rc == 0) return hold_new(s, context, rec->key, time_ms, &kept, err);
    row.kept = aq_arena_copy(st_arena(context), row.kept);
    row.tail = aq_arena_copy(st_arena(context), row.tail);
    rc = st_held_decode(row.kept, st_arena(context), &before, err);
    if (rc == 0) replace(s, context, rec->key, &row, &kept, &before);
    return rc;
}

static int process(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct suppressing *s = state;
    const struct st_row change = st_row(context);
    st_settle(context, rec);
    if (aq_slice_is_null(rec->key)) {
        st_drop(context);
        return 0;
    }
    if (rec->timestamp < 0)
        return aq_fail(err, AQ_E_BAD_RECORD, "a record without a time cannot be held back");
    if (rec->timestamp > s->stream_ms) s->stream_ms = rec->timestamp;
    s->seen_ms = st_wall_ms(context);
    int rc = hold(s, context, rec, &change, err);
    int64_t until_ms = due_until(s, s->stream_ms);
    if (rc == 0) rc = let_go_until(s, context, until_ms, false, err);
    if (rc == 0) rc = forget_closed(s, context, until_ms, err);
    return rc == 0 ? let_go_early(s, context, err) : rc;
}

static int close_idle(struct st_context *context, void *user, int64_t now_ms, struct aq_err *err)
{
    struct suppressing *s = user;
    int64_t idle_ms = now_ms - s->seen_ms;
    if (s->stream_ms < 0 || idle_ms < s->conf->idle_close_ms) return 0;
    return let_go_until(s, context, due_until(s, s->stream_ms + idle_ms), true, err);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void stop(struct st_context *context, void *state)
{
    (void)context;
    struct suppressing *s = state;
    st_time_queue_close(&s->held);
    st_time_queue_close(&s->closed);
    free(s->bucket);
    free(s);
}

/* Four looks in the time allowed, so that a window is at most a quarter late. */
static int schedule(struct suppressing *s, struct st_context *context, struct aq_err *err)
{
    int64_t interval_ms = s->conf->idle_close_ms / 4;
    if (s->conf->idle_close_ms == 0) return 0;
    AQ_ASSERT(is_final(s));
    return st_schedule_for(context, ST_WALL_CLOCK, interval_ms > 0 ? interval_ms : 1, ST_DEFAULT_START,
                           close_idle, s, err)
               ? 0
               : err->code;
}

static int open_store(struct suppressing *s, struct aq_err *err)
{
    const struct st_state_range all = {.from = AQ_NULL_SLICE, .to = AQ_NULL_SLICE};
    int64_t span_ms = st_window_end(s->conf->wait_ms, s->conf->size_ms + 1);
    int rc = st_time_queue_open(&s->held, s->store, 't', span_ms, err);
    if (rc == 0) rc = st_time_queue_open(&s->closed, s->store, 'w', span_ms, err);
    return rc == 0 && s->bounded ? st_state_all(s->store, &all, count_row, s, err) : rc;
}

static int start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    const struct st_suppress *conf = user;
    struct suppressing *s = aq_calloc(1, sizeof(*s));
    s->conf = conf;
    s->store = st_store(context, 0);
    s->bounded = conf->max_records > 0 || conf->max_bytes > 0;
    s->stream_ms = st_stream_ms(context);
    s->seen_ms = st_wall_ms(context);
    int rc = open_store(s, err);
    if (rc == 0) rc = schedule(s, context, err);
    if (rc != 0) {
        stop(context, s);
        return rc;
    }
    *ret_state = s;
    return 0;
}

const struct st_processor_kind st_suppress_kind = {
    .name = "suppress", .start = start, .process = process, .stop = stop};

void st_suppress_windows(struct st_suppress *suppress, const struct st_windows *windows)
{
    suppress->wait_ms = windows->grace_ms;
    suppress->size_ms = windows->size_ms;
    switch (windows->kind) {
    case ST_TUMBLING:
    case ST_HOPPING: suppress->until = ST_SUPPRESS_TIME_WINDOW; return;
    case ST_SLIDING: suppress->until = ST_SUPPRESS_SLIDING_WINDOW; return;
    case ST_SESSION:
        suppress->until = ST_SUPPRESS_SESSION_WINDOW;
        suppress->wait_ms = st_time_sum(windows->size_ms, windows->grace_ms);
        suppress->size_ms = 0;
        return;
    }
}

int st_add_suppress(struct st_topology *topology, const char *name, struct st_suppress *suppress,
                    const char *parent, const char *store, struct aq_err *err)
{
    AQ_ASSERT(suppress->until == ST_SUPPRESS_TIME_LIMIT || !suppress->emit_early);
    const struct st_store_conf conf = {.rest_len = ST_REST_VARIES, .in_memory = suppress->in_memory};
    const struct st_parents parents = {.names = &parent, .count = 1};
    int rc = st_add_processor(topology, name, &st_suppress_kind, suppress, parents, err);
    if (rc == 0) rc = st_add_store(topology, store ? store : name, &conf, err);
    return rc == 0 ? st_connect_store(topology, name, store ? store : name, err) : rc;
}
