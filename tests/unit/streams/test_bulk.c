/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that are written many at once: against the same rows put one by one.
 */
#include "base/mem.h"
#include "streams/state/bulk.h"
#include "tests/lib/check.h"

struct world {
    struct st_db *db;
    struct st_family *bulky, *single;
    struct st_db_batch *batch;
    struct st_bulk bulk;
};

static void begin(struct world *w)
{
    struct aq_err err;
    struct st_db_conf conf = {0};
    T_CHECK(st_db_memory.open(&conf, &w->db, &err) == 0, "%s", err.text);
    T_CHECK(st_db_memory.family_open(w->db, "bulky", &w->bulky, &err) == 0, "%s", err.text);
    T_CHECK(st_db_memory.family_open(w->db, "single", &w->single, &err) == 0, "%s", err.text);
    w->batch = st_db_memory.batch(w->db);
    st_bulk_init(&w->bulk);
}

static void finish(struct world *w)
{
    st_bulk_finish(&w->bulk);
    st_db_memory.batch_destroy(w->batch);
    st_db_memory.family_close(w->bulky);
    st_db_memory.family_close(w->single);
    st_db_memory.close(w->db);
}

static void write(struct world *w)
{
    struct aq_err err;
    st_bulk_write(&w->bulk, &st_db_memory, w->bulky, w->batch);
    assert_int_equal(w->bulk.n, 0);
    assert_int_equal(w->bulk.bytes, 0);
    T_CHECK(st_db_memory.batch_write(w->batch, &err) == 0, "%s", err.text);
}

static void expect_same(struct world *w)
{
    struct st_cursor *a = st_db_memory.cursor(w->bulky), *b = st_db_memory.cursor(w->single);
    struct aq_slice key_a, value_a, key_b, value_b;
    st_db_memory.seek(a, AQ_NULL_SLICE);
    st_db_memory.seek(b, AQ_NULL_SLICE);
    for (;; st_db_memory.next(a), st_db_memory.next(b)) {
        bool more = st_db_memory.at(b, &key_b, &value_b);
        assert_int_equal(st_db_memory.at(a, &key_a, &value_a), more);
        if (!more) break;
        assert_true(aq_slice_equal(key_a, key_b));
        assert_true(aq_slice_equal(value_a, value_b));
    }
    st_db_memory.cursor_close(a);
    st_db_memory.cursor_close(b);
}

static void add(struct world *w, struct aq_slice key, struct aq_slice value)
{
    key = aq_arena_copy(&w->bulk.arena, key);
    value = aq_arena_copy(&w->bulk.arena, value);
    st_bulk_add(&w->bulk, key, value);
    st_db_memory.batch_put(w->batch, w->single, key, value);
}

static void of_one_key_the_last_row_stays(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    add(&w, AQ_LIT("longer than eight, a"), AQ_LIT("1"));
    add(&w, AQ_LIT("k"), AQ_LIT("1"));
    add(&w, AQ_LIT("gone"), AQ_LIT("1"));
    add(&w, AQ_LIT("longer than eight, b"), AQ_LIT("2"));
    add(&w, AQ_LIT("k"), AQ_LIT("2"));
    add(&w, AQ_LIT("gone"), AQ_NULL_SLICE);
    add(&w, AQ_LIT("longer than eight, a"), AQ_LIT("3"));
    assert_int_equal(w.bulk.n, 7);
    assert_true(w.bulk.bytes > 0);
    write(&w);
    expect_same(&w);
    write(&w); /* nothing */
    expect_same(&w);
    finish(&w);
}

static uint32_t draw(uint64_t *random, uint32_t n)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % n;
}

/* Keys of 0 to 11 bytes out of two, so that many are alike, or one the beginning of another. */
static struct aq_slice draw_key(uint64_t *random, char bytes[16])
{
    size_t len = draw(random, 12);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(draw(random, 2) ? 0x00 : 0xff);
    return len ? aq_slice_of(bytes, len) : AQ_LIT("");
}

static void random_rows_end_as_when_put_one_by_one(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    uint64_t random = 7;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 500; i++) {
            char bytes[16], number[16];
            struct aq_slice key = draw_key(&random, bytes);
            snprintf(number, sizeof(number), "%d.%d", round, i);
            add(&w, key, draw(&random, 5) ? aq_slice_str(number) : AQ_NULL_SLICE);
        }
        write(&w);
        expect_same(&w);
    }
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_key_the_last_row_stays),
        cmocka_unit_test(random_rows_end_as_when_put_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
