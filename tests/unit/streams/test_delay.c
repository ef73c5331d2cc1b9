/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that wait for stream time, against a model that is an array: random times and keys, commits, restarts, and cycles that are taken
 * back.
 */
#include "streams/ops/delay.h"

#include "base/mem.h"
#include "streams/serde/serde.h"
#include "streams/state/state.h"
#include "streams/task.h"
#include "tests/lib/check.h"

#define GRACE 20
#define MOST  400
#define STEPS 4000

/* One a prefix of another. */
static const char *const keys[] = {"", "a", "aa", "b"};

struct waits {
    int64_t ms;
    uint32_t key, number;
};

struct model {
    struct waits list[MOST];
    size_t n;
    int64_t newest;
};

struct world {
    struct st_db *db;
    struct st_db_batch *batch;
    struct st_state state, *stores[1];
    struct st_outbox outbox;
    struct st_shop shop;
    struct st_task task;
    struct st_node node;
    struct st_plan_node plan_node;
    struct st_context context;
    struct st_delay *delay;
    struct model open, committed;
    uint64_t random;
    uint32_t number;
    struct waits due[MOST]; /* in the order they have to come in */
    size_t n_due, come;
    struct aq_err err;
};

static uint32_t draw(struct world *w, uint32_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)((w->random >> 11) % n);
}

static void give_back(void *ctx, struct aq_batch *batch)
{
    (void)ctx;
    (void)batch;
}

static void open_state(struct world *w)
{
    const struct st_state_conf conf = {.kind = &st_db_memory,
                                       .db = w->db,
                                       .family = "waiting-0_0",
                                       .rest_len = st_delay_conf().rest_len,
                                       .cache_bytes = 2000};
    T_CHECK(st_state_open(&w->state, &conf, &w->err) == 0, "%s", w->err.text);
}

static void start(struct world *w)
{
    T_CHECK(st_delay_start(&w->context, 0, GRACE, &w->delay, &w->err) == 0, "%s", w->err.text);
}

static void begin(struct world *w, uint64_t seed)
{
    const struct st_db_conf conf = {.path = "", .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    memset(w, 0, sizeof(*w));
    w->random = seed * 0x9E3779B97F4A7C15u;
    w->open.newest = w->committed.newest = -1;
    T_CHECK(st_db_memory.open(&conf, &w->db, &w->err) == 0, "%s", w->err.text);
    w->batch = st_db_memory.batch(w->db);
    st_outbox_init(&w->outbox, give_back, w);
    w->shop.outbox = &w->outbox;
    w->task.shop = &w->shop;
    w->stores[0] = &w->state;
    w->node.n_stores = 1;
    w->plan_node.node = &w->node;
    w->context = (struct st_context){.task = &w->task, .node = &w->plan_node, .stores = w->stores};
    open_state(w);
    start(w);
}

static void finish(struct world *w)
{
    st_delay_stop(w->delay);
    st_state_close(&w->state);
    st_db_memory.batch_destroy(w->batch);
    st_db_memory.close(w->db);
    st_outbox_clear(&w->outbox);
    st_outbox_finish(&w->outbox);
}

/* ---- records ------------------------------------------------------------------------------------------------------ */

static int in_order(const void *a, const void *b)
{
    const struct waits *x = a, *y = b;
    if (x->ms != y->ms) return x->ms < y->ms ? -1 : 1;
    int order = st_key_compare(aq_slice_str(keys[x->key]), aq_slice_str(keys[y->key]));
    return order != 0 ? order : x->number < y->number ? -1 : 1;
}

/* Takes those whose time has come out of the model. */
static void find_due(struct world *w)
{
    struct model *m = &w->open;
    size_t left = 0;
    w->n_due = w->come = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (m->list[i].ms <= m->newest - GRACE)
            w->due[w->n_due++] = m->list[i];
        else
            m->list[left++] = m->list[i];
    }
    m->n = left;
    qsort(w->due, w->n_due, sizeof(*w->due), in_order);
}

static int take_one(struct st_context *context, void *user, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    (void)err;
    struct world *w = user;
    T_CHECK(w->come < w->n_due, "a record too many: %.*s", (int)rec->value.len, rec->value.ptr);
    const struct waits *due = &w->due[w->come++];
    char value[16];
    snprintf(value, sizeof(value), "v%u", due->number);
    T_CHECK(aq_slice_equal(rec->value, aq_slice_str(value)), "%.*s, not %s", (int)rec->value.len,
            rec->value.ptr, value);
    assert_int_equal(rec->timestamp, due->ms);
    assert_true(aq_slice_equal(rec->key, aq_slice_str(keys[due->key])));
    assert_int_equal(rec->n_headers, due->number % 3);
    for (uint16_t i = 0; i < rec->n_headers; i++) {
        assert_true(aq_slice_equal(rec->headers[i].name, AQ_LIT("name")) && rec->headers[i].name.ptr[4] == 0);
        assert_true(aq_slice_equal(rec->headers[i].value, i ? AQ_NULL_SLICE : AQ_LIT("of it")));
    }
    return 0;
}

static void put(struct world *w, int64_t ms)
{
    struct aq_header headers[2] = {{AQ_LIT("name"), AQ_LIT("of it")}, {AQ_LIT("name"), AQ_NULL_SLICE}};
    struct model *m = &w->open;
    uint32_t number = w->number++, key = draw(w, 4);
    char value[16];
    snprintf(value, sizeof(value), "v%u", number);
    struct aq_record rec = {.key = aq_slice_str(keys[key]),
                            .value = aq_slice_str(value),
                            .timestamp = ms,
                            .headers = headers,
                            .flags = AQ_REC_HEADERS_LOADED,
                            .n_headers = (uint16_t)(number % 3)};
    bool kept = st_delay_put(w->delay, &rec);
    assert_int_equal(kept, ms >= m->newest - GRACE);
    if (!kept) return;
    assert_true(m->n < MOST);
    m->list[m->n++] = (struct waits){ms, key, number};
    if (ms > m->newest) m->newest = ms;
}

static void release(struct world *w)
{
    find_due(w);
    assert_int_equal(st_delay_release(w->delay, take_one, w, &w->err), 0);
    assert_int_equal(w->come, w->n_due);
}

/* ---- cycles ------------------------------------------------------------------------------------------------------- */

static void commit(struct world *w)
{
    st_table_seal(&w->state.table);
    st_state_write(&w->state, w->batch);
    assert_int_equal(st_db_memory.batch_write(w->batch, &w->err), 0);
    st_table_committed(&w->state.table);
    st_state_trim(&w->state);
    w->committed = w->open;
}

static void take_back(struct world *w)
{
    st_delay_stop(w->delay);
    st_table_abort_open(&w->state.table);
    w->open = w->committed;
    start(w);
}

static void restart(struct world *w)
{
    st_delay_stop(w->delay);
    st_state_close(&w->state);
    open_state(w);
    w->open = w->committed;
    start(w);
}

static void records_come_back_when_their_time_has_come(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct world w;
        begin(&w, seed);
        for (int i = 0; i < STEPS; i++) {
            int64_t around = i / 8, ms = around + (int64_t)draw(&w, 12) - (int64_t)draw(&w, 30);
            put(&w, ms < 0 ? 0 : ms);
            if (draw(&w, 3) > 0) release(&w);
            uint32_t fate = draw(&w, 100);
            if (fate < 6) commit(&w);
            if (fate == 6) take_back(&w);
            if (fate == 7) restart(&w);
        }
        finish(&w);
    }
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static int fail_second(struct st_context *context, void *user, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    (void)rec;
    int *calls = user;
    return ++*calls == 2 ? aq_fail(err, AQ_E_BAD_RECORD, "not this one") : 0;
}

static void what_is_behind_a_record_that_fails_waits_on(void **state)
{
    (void)state;
    struct world w;
    int calls = 0;
    begin(&w, 1);
    for (int i = 0; i < 4; i++) put(&w, 5);
    put(&w, 5 + GRACE);
    assert_int_equal(st_delay_release(w.delay, fail_second, &calls, &w.err), AQ_E_BAD_RECORD);
    assert_int_equal(calls, 2);
    assert_int_equal(st_delay_release(w.delay, fail_second, &calls, &w.err), 0);
    assert_int_equal(calls, 4);
    finish(&w);
}

static void bytes_that_are_no_record_are_damage(void **state)
{
    (void)state;
    static const struct {
        struct aq_slice bucket, rest, value;
        bool starts;
    } rows[] = {
        {AQ_LIT("n"), AQ_LIT(""), AQ_LIT("no note"), false},
        {AQ_LIT("q\0\0\0\0\0\0\0\0"), AQ_LIT("\0\0\0\0\0\0\0\0short"), AQ_LIT("x"), true},
        {AQ_LIT("q\0\0\0\0\0\0\0\0"),
         AQ_LIT("\0\0\0\0\0\0\0\0"
                "\0\0\0\0\0\0\0\0"),
         AQ_LIT("x"), true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        begin(&w, 1);
        put(&w, 5 + GRACE);
        st_delay_stop(w.delay);
        st_state_put(&w.state, rows[i].bucket, rows[i].rest, rows[i].value);
        int rc = st_delay_start(&w.context, 0, GRACE, &w.delay, &w.err);
        assert_int_equal(rc, rows[i].starts ? 0 : AQ_E_CORRUPT);
        if (rc == 0) assert_int_equal(st_delay_release(w.delay, take_one, &w, &w.err), AQ_E_CORRUPT);
        finish(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_when_their_time_has_come),
        cmocka_unit_test(what_is_behind_a_record_that_fails_waits_on),
        cmocka_unit_test(bytes_that_are_no_record_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
