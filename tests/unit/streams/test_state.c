/* SPDX-License-Identifier: Apache-2.0
 *
 * A store of a task against a model, over both kinds of databases: the model is an array of what is committed, one of what the
 * sealed cycle would make of it, and one of what is true now; everything that is asked is answered from the last.
 */
#include "streams/state/state.h"

#include "base/mem.h"
#include "streams/serde/serde.h"
#include "tests/lib/check.h"

#define KEYS  5
#define RESTS 6
#define CELLS (KEYS * RESTS)

/* Each a prefix of the next, so that buckets and rests can be mistaken for each other. */
static const char *const keys[KEYS] = {"", "a", "aa", "aaa", "b"};
static const char *const rests[RESTS] = {"aa", "ab", "ba", "bb", "\xff\x01", "\xff\xff"};

struct cells {
    char value[CELLS][16]; /* "": not there */
};

struct model {
    const struct st_db_kind *kind;
    struct st_db *db;
    struct st_db_batch *batch;
    struct st_state state;
    struct cells store, sealed, open;
    uint64_t random;
    char path[64];
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static struct aq_slice key_of(uint32_t cell)
{
    return aq_slice_str(keys[cell / RESTS]);
}

static struct aq_slice rest_of(uint32_t cell)
{
    return aq_slice_str(rests[cell % RESTS]);
}

static struct aq_slice value_of(const struct cells *cells, uint32_t cell)
{
    return cells->value[cell][0] ? aq_slice_str(cells->value[cell]) : AQ_NULL_SLICE;
}

static void begin(struct model *m, const struct st_db_kind *kind, int32_t rest_len, uint64_t seed)
{
    struct aq_err err;
    *m = (struct model){
        .kind = kind, .random = seed * 0x9E3779B97F4A7C15u, .path = "/tmp/aqueduct-state.XXXXXX"};
    assert_non_null(mkdtemp(m->path));
    const struct st_db_conf conf = {.path = m->path, .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    T_CHECK(kind->open(&conf, &m->db, &err) == 0, "%s", err.text);
    m->batch = kind->batch(m->db);
    const struct st_state_conf state = {
        .kind = kind, .db = m->db, .family = "totals-0_0", .rest_len = rest_len, .cache_bytes = 1500};
    T_CHECK(st_state_open(&m->state, &state, &err) == 0, "%s", err.text);
}

static void finish(struct model *m)
{
    st_state_close(&m->state);
    m->kind->batch_destroy(m->batch);
    m->kind->close(m->db);
    char *command = t_printf("rm -rf '%s'", m->path);
    assert_int_equal(system(command), 0);
    free(command);
}

static void look(struct model *m, uint32_t cell)
{
    struct aq_slice value;
    struct aq_err err;
    assert_int_equal(st_state_get(&m->state, key_of(cell), rest_of(cell), &value, &err), 0);
    assert_true(aq_slice_equal(value, value_of(&m->open, cell)));
}

static void change(struct model *m, uint32_t cell)
{
    char *value = m->open.value[cell];
    value[0] = 0;
    if (draw(m, 3) > 0)
        snprintf(value, sizeof(m->open.value[cell]), "%.*s%u", (int)draw(m, 8), "xxxxxxxx", draw(m, 1000));
    st_state_put(&m->state, key_of(cell), rest_of(cell), value_of(&m->open, cell));
}

/* ---- scans -------------------------------------------------------------------------------------------------------- */

struct expected {
    struct model *m;
    uint32_t cells[CELLS]; /* in the order they have to come in */
    size_t n, next;
};

static int expect(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                  struct aq_err *err)
{
    struct expected *e = ctx;
    (void)err;
    T_CHECK(e->next < e->n, "an entry too many: %.*s %.*s", (int)bucket.len, bucket.ptr, (int)rest.len,
            rest.ptr);
    uint32_t cell = e->cells[e->next++];
    assert_true(aq_slice_equal(bucket, key_of(cell)));
    assert_true(aq_slice_equal(rest, rest_of(cell)));
    assert_true(aq_slice_equal(value, value_of(&e->m->open, cell)));
    return 0;
}

static bool inside(const struct st_state_range *range, struct aq_slice key)
{
    return (aq_slice_is_null(range->from) || st_key_compare(key, range->from) >= 0) &&
           (aq_slice_is_null(range->to) || st_key_compare(key, range->to) <= 0);
}

static void turn_round(struct expected *e)
{
    for (size_t i = 0; i < e->n / 2; i++) {
        uint32_t other = e->cells[e->n - 1 - i];
        e->cells[e->n - 1 - i] = e->cells[i];
        e->cells[i] = other;
    }
}

static void scan_bucket(struct model *m, uint32_t cell)
{
    struct aq_err err;
    struct expected e = {.m = m};
    struct st_state_range range = {.backwards = draw(m, 2)};
    if (draw(m, 2)) range.from = aq_slice_str(rests[draw(m, RESTS)]);
    if (draw(m, 2)) range.to = aq_slice_str(rests[draw(m, RESTS)]);
    uint32_t first = cell / RESTS * RESTS;
    for (uint32_t i = first; i < first + RESTS; i++)
        if (m->open.value[i][0] && inside(&range, rest_of(i))) e.cells[e.n++] = i;
    if (range.backwards) turn_round(&e);
    assert_int_equal(st_state_bucket(&m->state, key_of(cell), &range, expect, &e, &err), 0);
    assert_int_equal(e.next, e.n);
}

static struct aq_slice whole_key(struct model *m, uint32_t cell, char buf[32])
{
    struct aq_slice key = st_state_key(&m->state, key_of(cell), rest_of(cell));
    memcpy(buf, key.ptr, key.len);
    return aq_slice_of(buf, key.len);
}

/* Sorted by whole keys, which is not the order of the cells: a short bucket's rest competes with a longer bucket's name. */
static void add_sorted(struct expected *e, uint32_t cell)
{
    char mine[32], other[32];
    struct aq_slice key = whole_key(e->m, cell, mine);
    size_t at = e->n++;
    while (at > 0 && st_key_compare(whole_key(e->m, e->cells[at - 1], other), key) > 0) {
        e->cells[at] = e->cells[at - 1];
        at--;
    }
    e->cells[at] = cell;
}

static void scan_all(struct model *m)
{
    char from[32], to[32], buf[32];
    struct aq_err err;
    struct expected e = {.m = m};
    struct st_state_range range = {.backwards = draw(m, 2)};
    if (draw(m, 2)) range.from = whole_key(m, draw(m, CELLS), from);
    if (draw(m, 2)) range.to = whole_key(m, draw(m, CELLS), to);
    for (uint32_t i = 0; i < CELLS; i++)
        if (m->open.value[i][0] && inside(&range, whole_key(m, i, buf))) add_sorted(&e, i);
    if (range.backwards) turn_round(&e);
    assert_int_equal(st_state_all(&m->state, &range, expect, &e, &err), 0);
    assert_int_equal(e.next, e.n);
}

/* ---- cycles ------------------------------------------------------------------------------------------------------- */

static void commit(struct model *m)
{
    struct aq_err err;
    st_state_write(&m->state, m->batch);
    T_CHECK(m->kind->batch_write(m->batch, &err) == 0, "%s", err.text);
    st_table_committed(&m->state.table);
    m->store = m->sealed;
}

static void take_back(struct model *m)
{
    struct st_table *table = &m->state.table;
    st_table_abort_open(table);
    m->open = table->sealed ? m->sealed : m->store;
    if (!table->sealed || draw(m, 2) == 0) return;
    st_table_abort_sealed(table);
    m->open = m->store;
}

static void step(struct model *m)
{
    uint32_t cell = draw(m, CELLS);
    switch (draw(m, 16)) {
    case 0:
        if (m->state.table.sealed) return;
        m->sealed = m->open;
        st_table_seal(&m->state.table);
        return;
    case 1:
        if (m->state.table.sealed) commit(m);
        return;
    case 2: take_back(m); return;
    case 3: st_state_trim(&m->state); return;
    case 4: st_table_trim(&m->state.table, 0); return;
    case 5:
    case 6:
    case 7: scan_bucket(m, cell); return;
    case 8: scan_all(m); return;
    case 9:
    case 10:
    case 11: look(m, cell); return;
    default: change(m, cell); return;
    }
}

static void play(const struct st_db_kind *kind, int32_t rest_len, uint64_t seeds, int steps)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct model m;
        begin(&m, kind, rest_len, seed);
        for (int i = 0; i < steps; i++) step(&m);
        for (uint32_t cell = 0; cell < CELLS; cell++) look(&m, cell);
        finish(&m);
    }
}

static void in_memory_it_is_what_the_model_is(void **state)
{
    (void)state;
    play(&st_db_memory, 2, 60, 3000);
    play(&st_db_memory, ST_REST_VARIES, 60, 3000);
}

static void in_rocksdb_it_is_what_the_model_is(void **state)
{
    (void)state;
    play(&st_db_rocks, 2, 4, 3000);
    play(&st_db_rocks, ST_REST_VARIES, 4, 3000);
}

/* ---- by hand ------------------------------------------------------------------------------------------------------ */

static int count(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                 struct aq_err *err)
{
    (void)bucket, (void)rest, (void)value, (void)err;
    ++*(int *)ctx;
    return 0;
}

/* More entries than are learnt at once, so cursor and table are read together. */
static void a_large_bucket_is_scanned_over_cursor_and_table(void **state)
{
    (void)state;
    struct model m;
    struct aq_err err;
    char rest[8];
    begin(&m, &st_db_memory, 3, 1);
    for (int i = 0; i < 200; i++) {
        snprintf(rest, sizeof(rest), "%03d", i);
        st_state_put(&m.state, AQ_LIT("k"), aq_slice_str(rest), AQ_LIT("1"));
    }
    st_table_seal(&m.state.table);
    st_state_write(&m.state, m.batch);
    assert_int_equal(m.kind->batch_write(m.batch, &err), 0);
    st_table_committed(&m.state.table);
    st_table_trim(&m.state.table, 0);
    st_state_put(&m.state, AQ_LIT("k"), AQ_LIT("007"), AQ_NULL_SLICE);
    st_state_put(&m.state, AQ_LIT("k"), AQ_LIT("300"), AQ_LIT("2"));
    for (int backwards = 0; backwards < 2; backwards++) {
        int n = 0;
        const struct st_state_range range = {
            .from = AQ_LIT("005"), .to = AQ_NULL_SLICE, .backwards = backwards};
        assert_int_equal(st_state_bucket(&m.state, AQ_LIT("k"), &range, count, &n, &err), 0);
        assert_int_equal(n, 200 - 5 - 1 + 1);
    }
    uint32_t known;
    bool whole;
    st_table_bucket(&m.state.table, AQ_LIT("k"), &known, &whole);
    assert_false(whole);
    finish(&m);
}

static int stop_at_second(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                          struct aq_err *err)
{
    (void)bucket, (void)rest, (void)value, (void)err;
    return ++*(int *)ctx == 2;
}

static void a_scan_ends_when_it_is_told_to(void **state)
{
    (void)state;
    struct model m;
    struct aq_err err;
    int n = 0;
    begin(&m, &st_db_memory, 1, 1);
    const char *const letters[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) st_state_put(&m.state, AQ_LIT("k"), aq_slice_str(letters[i]), AQ_LIT("1"));
    const struct st_state_range all = {0};
    assert_int_equal(st_state_bucket(&m.state, AQ_LIT("k"), &all, stop_at_second, &n, &err), 0);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(st_state_all(&m.state, &all, stop_at_second, &n, &err), 0);
    assert_int_equal(n, 2);
    finish(&m);
}

static void what_is_restored_is_found(void **state)
{
    (void)state;
    struct model m;
    struct aq_err err;
    struct aq_slice value;
    begin(&m, &st_db_memory, 2, 1);
    struct st_bulk rows;
    st_bulk_init(&rows);
    st_bulk_add(&rows, AQ_LIT("keyaa"), AQ_LIT("1"));
    st_bulk_add(&rows, AQ_LIT("keyab"), AQ_LIT("2"));
    st_bulk_add(&rows, AQ_LIT("keyaa"), AQ_NULL_SLICE);
    st_state_restore(&m.state, m.batch, &rows);
    st_bulk_finish(&rows);
    assert_int_equal(m.kind->batch_write(m.batch, &err), 0);
    assert_int_equal(st_state_get(&m.state, AQ_LIT("key"), AQ_LIT("aa"), &value, &err), 0);
    assert_true(aq_slice_is_null(value));
    assert_int_equal(st_state_get(&m.state, AQ_LIT("key"), AQ_LIT("ab"), &value, &err), 0);
    assert_true(aq_slice_equal(value, AQ_LIT("2")));
    assert_int_equal(m.state.misses, 2);
    assert_int_equal(st_state_get(&m.state, AQ_LIT("key"), AQ_LIT("aa"), &value, &err), 0);
    assert_int_equal(m.state.misses, 2); /* that there is none is known as well */
    finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory_it_is_what_the_model_is),
        cmocka_unit_test(in_rocksdb_it_is_what_the_model_is),
        cmocka_unit_test(a_large_bucket_is_scanned_over_cursor_and_table),
        cmocka_unit_test(a_scan_ends_when_it_is_told_to),
        cmocka_unit_test(what_is_restored_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
