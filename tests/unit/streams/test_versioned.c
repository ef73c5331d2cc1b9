/* SPDX-License-Identifier: Apache-2.0
 *
 * Versioned stores against a model that forgets nothing, with random puts, over memory and over RocksDB.
 */
#include "streams/state/versioned.h"

#include "base/mem.h"
#include "tests/lib/check.h"

#define KEYS    4
#define TIMES   400
#define HISTORY 60
#define PUTS    3000

/* One the empty key, for the time of the store lies there, too. */
static const char *const keys[KEYS] = {"", "a", "ab", "b"};

struct model {
    const struct st_db_kind *kind;
    struct st_db *db;
    struct st_db_batch *batch;
    struct st_state state;
    struct aq_arena arena;
    uint64_t random;
    int64_t latest;
    int16_t value[KEYS][TIMES]; /* put at this time: -1 nothing, 0 gone, else the value */
    char path[64];
    struct aq_err err;
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static void begin(struct model *m, const struct st_db_kind *kind, uint64_t seed)
{
    *m = (struct model){.kind = kind,
                        .random = seed * 0x9E3779B97F4A7C15u,
                        .latest = -1,
                        .path = "/tmp/aqueduct-versioned.XXXXXX"};
    assert_non_null(mkdtemp(m->path));
    const struct st_db_conf conf = {.path = m->path, .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    T_CHECK(kind->open(&conf, &m->db, &m->err) == 0, "%s", m->err.text);
    m->batch = kind->batch(m->db);
    const struct st_state_conf state = {.kind = kind,
                                        .db = m->db,
                                        .family = "rows-0_0",
                                        .rest_len = st_versioned_conf().rest_len,
                                        .cache_bytes = 1500};
    T_CHECK(st_state_open(&m->state, &state, &m->err) == 0, "%s", m->err.text);
    memset(m->value, 0xff, sizeof(m->value));
    aq_arena_init(&m->arena, 4096);
}

static void finish(struct model *m)
{
    st_state_close(&m->state);
    m->kind->batch_destroy(m->batch);
    m->kind->close(m->db);
    aq_arena_finish(&m->arena);
    char *command = t_printf("rm -rf '%s'", m->path);
    assert_int_equal(system(command), 0);
    free(command);
}

/* -1: never anything. */
static int64_t valid_at(const struct model *m, uint32_t key, int64_t ms)
{
    while (ms >= 0 && m->value[key][ms] < 0) ms--;
    return ms;
}

static void expect_version(const struct model *m, uint32_t key, int64_t at, struct aq_slice value,
                           int64_t valid_from)
{
    char text[16];
    int16_t expected = at < 0 ? 0 : m->value[key][at];
    if (expected == 0) {
        assert_true(aq_slice_is_null(value));
        return;
    }
    snprintf(text, sizeof(text), "v%d", expected);
    T_CHECK(aq_slice_equal(value, aq_slice_str(text)), "%.*s, not %s", (int)value.len, value.ptr, text);
    if (valid_from >= 0) assert_int_equal(valid_from, at);
}

static void put(struct model *m, uint32_t key, int64_t ms, int16_t value)
{
    char text[16];
    struct aq_slice bytes = AQ_NULL_SLICE, old;
    enum st_versioned_answer answer;
    if (value > 0) bytes = aq_slice_of(text, (size_t)snprintf(text, sizeof(text), "v%d", value));
    int rc = st_versioned_put(&m->state, HISTORY, aq_slice_str(keys[key]), bytes, ms, &m->arena, &old,
                              &answer, &m->err);
    T_CHECK(rc == 0, "%s", m->err.text);
    if (ms < m->latest - HISTORY) {
        assert_int_equal(answer, ST_VERSION_EXPIRED);
        return;
    }
    expect_version(m, key, valid_at(m, key, ms), old, -1);
    m->value[key][ms] = value;
    if (ms > m->latest) m->latest = ms;
    /* That a row was gone before the history began is not remembered, so nothing is newer than what comes then. */
    int64_t newest = valid_at(m, key, TIMES - 1);
    assert_int_equal(answer, newest == ms ? ST_VERSION_LATEST : ST_VERSION_HISTORY);
}

static void look(struct model *m, uint32_t key, int64_t as_of)
{
    struct st_version version;
    int rc = st_versioned_get(&m->state, HISTORY, aq_slice_str(keys[key]), as_of, &version, &m->err);
    T_CHECK(rc == 0, "%s", m->err.text);
    int64_t at = valid_at(m, key, TIMES - 1);
    if (as_of >= m->latest - HISTORY)
        at = valid_at(m, key, as_of < TIMES ? as_of : TIMES - 1);
    else if (at > as_of)
        at = -1; /* only the latest version is known of that time */
    expect_version(m, key, at, version.value, version.valid_from);
    rc = st_versioned_latest(&m->state, aq_slice_str(keys[key]), &version, &m->err);
    T_CHECK(rc == 0, "%s", m->err.text);
    expect_version(m, key, valid_at(m, key, TIMES - 1), version.value, version.valid_from);
}

static void commit(struct model *m)
{
    st_table_seal(&m->state.table);
    st_state_write(&m->state, m->batch);
    T_CHECK(m->kind->batch_write(m->batch, &m->err) == 0, "%s", m->err.text);
    st_table_committed(&m->state.table);
    st_state_trim(&m->state);
}

struct counted {
    size_t n[KEYS];
    const struct model *m;
};

static int count_version(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                         struct aq_err *err)
{
    (void)rest;
    (void)value;
    (void)err;
    struct counted *c = ctx;
    for (size_t i = 0; i < KEYS; i++)
        if (aq_slice_equal(bucket, aq_slice_str(keys[i]))) c->n[i]++;
    return 0;
}

/* No more than one a time of the history, the one that was valid when it began, and the time of the store. */
static void expect_bounded(struct model *m)
{
    struct counted c = {.m = m};
    const struct st_state_range all = {.from = AQ_NULL_SLICE};
    assert_int_equal(st_state_all(&m->state, &all, count_version, &c, &m->err), 0);
    for (uint32_t i = 0; i < KEYS; i++) {
        put(m, i, m->latest, 1);
        memset(c.n, 0, sizeof(c.n));
        assert_int_equal(st_state_all(&m->state, &all, count_version, &c, &m->err), 0);
        T_CHECK(c.n[i] <= HISTORY + 3, "%zu versions of '%s'", c.n[i], keys[i]);
    }
}

static void run_random(const struct st_db_kind *kind, uint64_t seed)
{
    struct model m;
    begin(&m, kind, seed);
    for (int i = 0; i < PUTS; i++) {
        /* Time moves on slowly, with much that is late and some that is too late. */
        int64_t around = (int64_t)i * (TIMES - 40) / PUTS + 20;
        int64_t ms = around - 20 + (int64_t)draw(&m, 40) - (draw(&m, 10) == 0 ? (int64_t)draw(&m, 90) : 0);
        put(&m, draw(&m, KEYS), ms < 0 ? 0 : ms, draw(&m, 4) == 0 ? 0 : (int16_t)(1 + draw(&m, 1000)));
        look(&m, draw(&m, KEYS), draw(&m, TIMES + 20));
        if (draw(&m, 50) == 0) commit(&m);
        if (m.arena.total > 1 << 16) aq_arena_reset(&m.arena);
    }
    expect_bounded(&m);
    finish(&m);
}

static void versions_are_those_of_the_model_in_memory(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) run_random(&st_db_memory, seed);
}

static void versions_are_those_of_the_model_in_rocksdb(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) run_random(&st_db_rocks, seed);
}

static void the_time_of_the_store_outlives_the_task(void **state)
{
    (void)state;
    struct model m;
    begin(&m, &st_db_memory, 1);
    put(&m, 1, 300, 7);
    commit(&m);
    struct st_state_conf conf = m.state.conf;
    st_state_close(&m.state);
    T_CHECK(st_state_open(&m.state, &conf, &m.err) == 0, "%s", m.err.text);
    put(&m, 2, 239, 8); /* expired */
    put(&m, 2, 240, 9);
    look(&m, 2, 239);
    look(&m, 2, 250);
    finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_those_of_the_model_in_memory),
        cmocka_unit_test(versions_are_those_of_the_model_in_rocksdb),
        cmocka_unit_test(the_time_of_the_store_outlives_the_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
