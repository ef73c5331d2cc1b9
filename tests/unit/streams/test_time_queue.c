/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows by time against a list of them, through commits, aborts, restarts and a cache that forgets; and records as values.
 */
#include "streams/ops/time_queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/held_record.h"
#include "tests/lib/check.h"

#define ROWS 400

struct row {
    int64_t time;
    char tail[8];
    char value[8]; /* "": not there */
};

struct world {
    struct st_db *db;
    struct st_db_batch *batch;
    struct st_state state;
    struct st_time_queue queue, other;
    struct row rows[ROWS], committed[ROWS];
    struct aq_arena arena;
    int64_t span;
    uint64_t random;
};

static uint32_t draw(struct world *w, uint32_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)((w->random >> 11) % n);
}

static void good(int rc, const struct aq_err *err)
{
    T_CHECK(rc == 0, "%s", err->text);
}

static void open_queues(struct world *w)
{
    struct aq_err err = {0};
    good(st_time_queue_open(&w->queue, &w->state, 'q', w->span, &err), &err);
    good(st_time_queue_open(&w->other, &w->state, 'r', w->span, &err), &err);
}

static void close_queues(struct world *w)
{
    st_time_queue_close(&w->queue);
    st_time_queue_close(&w->other);
}

static void begin(struct world *w, int64_t span, uint64_t seed)
{
    struct aq_err err = {0};
    *w = (struct world){.span = span, .random = seed * 0x9e3779b97f4a7c15u};
    good(st_db_memory.open(&(struct st_db_conf){0}, &w->db, &err), &err);
    const struct st_state_conf conf = {
        .kind = &st_db_memory, .db = w->db, .family = "f", .rest_len = ST_REST_VARIES, .cache_bytes = 4096};
    good(st_state_open(&w->state, &conf, &err), &err);
    w->batch = st_db_memory.batch(w->db);
    aq_arena_init(&w->arena, 4096);
    /* Rows of others in the same store: shorter and longer buckets, and another mark. */
    st_state_put(&w->state, AQ_LIT("q"), AQ_LIT(""), AQ_LIT("x"));
    st_state_put(&w->state, AQ_LIT("q234567890"), AQ_LIT("y"), AQ_LIT("x"));
    open_queues(w);
    st_time_queue_put(&w->other, 5, AQ_LIT("t"), AQ_LIT("other"));
}

static void end(struct world *w)
{
    struct aq_err err = {0};
    struct st_due due;
    st_time_queue_begin(&w->other);
    T_CHECK(st_time_queue_peek(&w->other, INT64_MAX, &w->arena, &due, &err) == 1, "the other queue is empty");
    T_CHECK(aq_slice_equal(due.value, AQ_LIT("other")) && due.time_ms == 5, "of the other queue");
    close_queues(w);
    st_db_memory.batch_destroy(w->batch);
    st_state_close(&w->state);
    st_db_memory.close(w->db);
    aq_arena_finish(&w->arena);
}

static void commit(struct world *w)
{
    struct aq_err err = {0};
    st_table_seal(&w->state.table);
    st_state_write(&w->state, w->batch);
    good(st_db_memory.batch_write(w->batch, &err), &err);
    st_table_committed(&w->state.table);
    st_state_trim(&w->state);
    memcpy(w->committed, w->rows, sizeof(w->rows));
}

static void change(struct world *w)
{
    struct row *row = &w->rows[draw(w, ROWS)];
    struct aq_err err = {0};
    struct aq_slice found, tail = aq_slice_str(row->tail);
    if (draw(w, 3) == 0 && row->value[0]) {
        st_time_queue_remove(&w->queue, row->time, tail);
        row->value[0] = '\0';
    } else {
        snprintf(row->value, sizeof(row->value), "%u", draw(w, 1000));
        st_time_queue_put(&w->queue, row->time, tail, aq_slice_str(row->value));
    }
    good(st_time_queue_get(&w->queue, row->time, tail, &found, &err), &err);
    T_CHECK(aq_slice_equal(found, row->value[0] ? aq_slice_str(row->value) : AQ_NULL_SLICE),
            "not what was put");
}

static struct row *first_row(struct world *w, int64_t until)
{
    struct row *first = NULL;
    for (int i = 0; i < ROWS; i++) {
        struct row *row = &w->rows[i];
        if (!row->value[0] || row->time > until) continue;
        if (!first || row->time < first->time ||
            (row->time == first->time && strcmp(row->tail, first->tail) < 0))
            first = row;
    }
    return first;
}

/* Takes some of what is due, or all. */
static void take_due(struct world *w)
{
    struct aq_err err = {0};
    int64_t until = draw(w, 3000);
    uint32_t most = draw(w, 2) ? ROWS : draw(w, 20);
    st_time_queue_begin(&w->queue);
    for (uint32_t i = 0; i < most; i++) {
        struct st_due due;
        struct row *first = first_row(w, until);
        int rc = st_time_queue_peek(&w->queue, until, &w->arena, &due, &err);
        T_CHECK(rc == (first ? 1 : 0), "%d, %s", rc, err.text);
        if (!first) return;
        T_CHECK(st_time_queue_may_be_due(&w->queue, until), "nothing could be due");
        T_CHECK(due.time_ms == first->time && aq_slice_equal(due.tail, aq_slice_str(first->tail)) &&
                    aq_slice_equal(due.value, aq_slice_str(first->value)),
                "%lld %.*s, not %lld %s", (long long)due.time_ms, (int)due.tail.len, due.tail.ptr,
                (long long)first->time, first->tail);
        st_time_queue_take(&w->queue);
        first->value[0] = '\0';
    }
}

struct times {
    int64_t last;
    size_t n;
};

static void count_time(void *ctx, const struct st_due *row)
{
    struct times *times = ctx;
    T_CHECK(row->time_ms >= times->last, "not in order");
    times->last = row->time_ms;
    times->n++;
}

static void check_times(struct world *w)
{
    struct times times = {0, 0};
    struct aq_err err = {0};
    size_t n = 0;
    for (int i = 0; i < ROWS; i++) n += w->rows[i].value[0] != '\0';
    good(st_time_queue_each(&w->queue, count_time, &times, &err), &err);
    T_CHECK(times.n == n, "%zu, not %zu", times.n, n);
}

static void step(struct world *w)
{
    switch (draw(w, 12)) {
    case 0: take_due(w); return;
    case 1: commit(w); return;
    case 2:
        if (draw(w, 4)) return;
        st_table_abort_open(&w->state.table);
        memcpy(w->rows, w->committed, sizeof(w->rows));
        close_queues(w);
        open_queues(w);
        return;
    case 3: check_times(w); return;
    default: change(w); return;
    }
}

static void rows_come_in_the_order_of_their_times(void **state)
{
    (void)state;
    static const int64_t spans[] = {0, 1000, 100000, 10000000};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w;
        begin(&w, spans[seed % 4], seed);
        int64_t range = seed % 5 == 0 ? 3 : 2500;
        for (int i = 0; i < ROWS; i++) {
            w.rows[i].time = draw(&w, (uint32_t)range);
            snprintf(w.rows[i].tail, sizeof(w.rows[i].tail), "%d", i);
        }
        commit(&w);
        for (int i = 0; i < 1500; i++) step(&w);
        end(&w);
    }
}

static void tails_may_be_long_or_empty(void **state)
{
    (void)state;
    struct world w;
    struct aq_err err = {0};
    struct aq_slice found;
    struct st_due due;
    char large[1000];
    memset(large, 'x', sizeof(large));
    begin(&w, 100, 1);
    st_time_queue_put(&w.queue, 7, aq_slice_of(large, sizeof(large)), AQ_LIT("large"));
    st_time_queue_put(&w.queue, 7, AQ_LIT(""), AQ_LIT(""));
    good(st_time_queue_get(&w.queue, 7, aq_slice_of(large, sizeof(large)), &found, &err), &err);
    T_CHECK(aq_slice_equal(found, AQ_LIT("large")), "the long one");
    st_time_queue_begin(&w.queue);
    T_CHECK(st_time_queue_peek(&w.queue, 6, &w.arena, &due, &err) == 0, "before its time");
    T_CHECK(st_time_queue_peek(&w.queue, 7, &w.arena, &due, &err) == 1, "%s", err.text);
    T_CHECK(due.tail.ptr && due.tail.len == 0 && due.value.ptr && due.value.len == 0, "the empty one");
    st_time_queue_take(&w.queue);
    T_CHECK(st_time_queue_peek(&w.queue, 7, &w.arena, &due, &err) == 1, "%s", err.text);
    T_CHECK(due.tail.len == sizeof(large), "the long one");
    end(&w);
}

/* ---- records as values ----------------------------------------------------------------------------------------------- */

static void check_kept(const struct st_held *kept)
{
    struct aq_arena arena;
    struct aq_err err = {0};
    struct st_held read;
    aq_arena_init(&arena, 256);
    struct aq_slice bytes = st_held_encode(kept, &arena);
    T_CHECK(st_held_decode(bytes, &arena, &read, &err) == 0, "%s", err.text);
    T_CHECK(read.time_ms == kept->time_ms && read.n_headers == kept->n_headers &&
                read.old_known == kept->old_known,
            "head");
    T_CHECK(aq_slice_equal(read.value, kept->value) && aq_slice_equal(read.old, kept->old), "values");
    for (uint16_t i = 0; i < read.n_headers; i++) {
        T_CHECK(aq_slice_equal(read.headers[i].name, kept->headers[i].name), "name %d", i);
        T_CHECK(aq_slice_equal(read.headers[i].value, kept->headers[i].value), "header %d", i);
        T_CHECK(read.headers[i].name.ptr[read.headers[i].name.len] == '\0', "zero behind name %d", i);
    }
    /* Cut anywhere in front of the value it is refused, or has a shorter value. */
    for (size_t len = 0; len + kept->value.len < bytes.len; len++) {
        struct aq_slice cut = aq_arena_copy(&arena, aq_slice_of(bytes.ptr, len));
        if (!cut.ptr) cut = AQ_LIT("");
        T_CHECK(st_held_decode(cut, &arena, &read, &err) == AQ_E_CORRUPT, "cut at %zu", len);
    }
    aq_arena_finish(&arena);
}

static void records_come_back_as_they_were(void **state)
{
    (void)state;
    struct aq_header headers[] = {
        {AQ_LIT("a"), AQ_LIT("1")}, {AQ_LIT(""), AQ_NULL_SLICE}, {AQ_LIT("empty"), AQ_LIT("")}};
    const struct st_held cases[] = {
        {.time_ms = 5, .value = AQ_LIT("v"), .old = AQ_NULL_SLICE},
        {.time_ms = INT64_MAX, .value = AQ_NULL_SLICE, .old = AQ_LIT("old"), .old_known = true},
        {.time_ms = -1, .headers = headers, .n_headers = 3, .value = AQ_LIT(""), .old = AQ_LIT("")},
        {.time_ms = 0, .headers = headers, .n_headers = 1, .value = AQ_NULL_SLICE, .old = AQ_NULL_SLICE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) check_kept(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_the_order_of_their_times),
        cmocka_unit_test(tails_may_be_long_or_empty),
        cmocka_unit_test(records_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
