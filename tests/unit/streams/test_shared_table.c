/* SPDX-License-Identifier: Apache-2.0
 *
 * A table that is read while it is written: against a model in one thread, and by several threads that look for values no single
 * writer could have written.
 */
#include "streams/state/shared_table.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/check.h"

#define KEYS 500

static struct aq_slice key_of(int i, char into[16])
{
    return aq_slice_of(into, (size_t)snprintf(into, 16, "key-%d", i));
}

static uint32_t draw(uint64_t *random, uint32_t n)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (uint32_t)((*random >> 11) % n);
}

struct counting {
    int n;
    int64_t sum;
};

static int count(void *ctx, struct aq_slice key, struct aq_slice value, int64_t time_ms)
{
    struct counting *counting = ctx;
    T_CHECK(key.len > 4 && value.ptr, "a row without key or value");
    counting->n++;
    counting->sum += time_ms;
    return 0;
}

static void rows_are_as_they_were_put(void **state)
{
    (void)state;
    struct st_readers readers;
    struct st_shared_table table;
    uint64_t random = 42;
    int value[KEYS] = {0}; /* 0: not there; else the number of the put */
    char key[16], text[16];
    int64_t time = -1;
    st_readers_init(&readers);
    st_shared_table_init(&table, &readers);
    for (int i = 1; i < 20000; i++) {
        int k = (int)draw(&random, KEYS);
        bool gone = draw(&random, 4) == 0;
        snprintf(text, sizeof(text), "%d", i);
        value[k] = gone ? 0 : i;
        st_shared_table_put(&table, key_of(k, key), gone ? aq_slice_null() : aq_slice_str(text), i);
        if (i % 100 == 0) st_shared_table_clean(&table);
        k = (int)draw(&random, KEYS);
        struct aq_slice found = st_shared_table_get(&table, key_of(k, key), &time);
        snprintf(text, sizeof(text), "%d", value[k]);
        T_CHECK(aq_slice_equal(found, value[k] ? aq_slice_str(text) : aq_slice_null()), "key %d after %d", k,
                i);
        T_CHECK(!value[k] || time == value[k], "time of key %d after %d", k, i);
    }
    struct counting counting = {0, 0}, expected = {0, 0};
    for (int i = 0; i < KEYS; i++) {
        expected.n += value[i] != 0;
        expected.sum += value[i];
    }
    st_shared_table_each(&table, count, &counting);
    T_CHECK(counting.n == expected.n && counting.sum == expected.sum, "%d rows, not %d", counting.n,
            expected.n);
    T_CHECK((int)table.rows == expected.n, "%d rows counted", (int)table.rows);
    st_shared_table_finish(&table);
    st_readers_finish(&readers);
}

static void what_a_reader_holds_is_not_freed(void **state)
{
    (void)state;
    struct st_readers readers;
    struct st_shared_table table;
    st_readers_init(&readers);
    st_shared_table_init(&table, &readers);
    struct st_reader *reader = st_readers_join(&readers);
    st_shared_table_put(&table, AQ_LIT("k"), AQ_LIT("old"), 1);
    struct aq_slice held = st_shared_table_get(&table, AQ_LIT("k"), NULL);
    for (int i = 0; i < 300; i++) {
        char key[16];
        st_shared_table_put(&table, AQ_LIT("k"), AQ_LIT("new"), 2);
        st_shared_table_put(&table, key_of(i, key), AQ_LIT("grows"), 2);
        st_shared_table_clean(&table);
    }
    T_CHECK(table.retired && aq_slice_equal(held, AQ_LIT("old")), "it was freed, or changed");
    st_reader_rest(&readers, reader);
    st_shared_table_clean(&table);
    T_CHECK(!table.retired, "something is left");
    T_CHECK(aq_slice_equal(st_shared_table_get(&table, AQ_LIT("k"), NULL), AQ_LIT("new")), "the new value");
    st_reader_leave(&readers, reader);
    st_shared_table_finish(&table);
    st_readers_finish(&readers);
}

/* ---- several threads ------------------------------------------------------------------------------------------------- */

struct crowd {
    struct st_readers readers;
    struct st_shared_table table;
    atomic_bool stop;
    atomic_int faults;
    atomic_long looked, found;
};

#define FIXED_KEYS 20 /* always there */

/* A value is its key's number and a letter, over and over. */
static bool is_whole(struct aq_slice value, int key)
{
    if (value.len != 64 + (size_t)key % 50) return false;
    for (size_t i = 1; i < value.len; i++)
        if (value.ptr[i] != value.ptr[0]) return false;
    return true;
}

static void put_whole(struct crowd *crowd, int key, char letter)
{
    char bytes[128], name[16];
    size_t len = 64 + (size_t)key % 50;
    memset(bytes, letter, len);
    st_shared_table_put(&crowd->table, key_of(key, name), aq_slice_of(bytes, len), 1);
}

static void *read_rows(void *arg)
{
    struct crowd *crowd = arg;
    struct st_reader *reader = st_readers_join(&crowd->readers);
    uint64_t random = (uint64_t)(uintptr_t)reader | 1;
    while (!atomic_load(&crowd->stop)) {
        for (int i = 0; i < 100; i++) {
            char name[16];
            int key = (int)draw(&random, draw(&random, 2) ? FIXED_KEYS : KEYS);
            struct aq_slice value = st_shared_table_get(&crowd->table, key_of(key, name), NULL);
            bool good = value.ptr ? is_whole(value, key) : key >= FIXED_KEYS;
            if (!good) atomic_fetch_add(&crowd->faults, 1);
            if (value.ptr) atomic_fetch_add(&crowd->found, 1);
        }
        atomic_fetch_add(&crowd->looked, 100);
        st_reader_rest(&crowd->readers, reader);
    }
    st_reader_leave(&crowd->readers, reader);
    return NULL;
}

static void readers_see_whole_values_while_they_change(void **state)
{
    (void)state;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    pthread_t threads[3];
    uint64_t random = 7;
    st_readers_init(&crowd->readers);
    st_shared_table_init(&crowd->table, &crowd->readers);
    for (int i = 0; i < FIXED_KEYS; i++) put_whole(crowd, i, 'a');
    for (int i = 0; i < 3; i++)
        T_CHECK(pthread_create(&threads[i], NULL, read_rows, crowd) == 0, "no thread");
    for (int i = 0; i < 60000 || atomic_load(&crowd->looked) < 20000; i++) {
        char name[16];
        int key = (int)draw(&random, KEYS);
        if (key >= FIXED_KEYS && draw(&random, 3) == 0)
            st_shared_table_put(&crowd->table, key_of(key, name), aq_slice_null(), 1);
        else
            put_whole(crowd, key, (char)('a' + draw(&random, 26)));
        if (i % 50 == 0) st_shared_table_clean(&crowd->table);
        if (i % 1000 == 0) sched_yield();
    }
    atomic_store(&crowd->stop, true);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    T_CHECK(atomic_load(&crowd->faults) == 0, "%d values were torn or missing", atomic_load(&crowd->faults));
    T_CHECK(atomic_load(&crowd->found) > 1000, "only %ld were found", atomic_load(&crowd->found));
    st_shared_table_finish(&crowd->table);
    st_readers_finish(&crowd->readers);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_they_were_put),
        cmocka_unit_test(what_a_reader_holds_is_not_freed),
        cmocka_unit_test(readers_see_whole_values_while_they_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
