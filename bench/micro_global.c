/* SPDX-License-Identifier: Apache-2.0
 *
 * Micro-benchmark of look-ups in a global table while it is written: nanoseconds of CPU per look-up, and how long a change takes
 * to be seen, for three ways to keep readers and the writer apart.
 *
 *   micro_global [rows] [readers] [changes a second]
 *
 * "each" takes a read lock for every look-up, "turn" one for every 1000, as many as a worker does in a turn; the writer takes the
 * write lock for each batch of 100 changes. "none" is streams/state/shared_table.c. All three look up in the same table, so what differs
 * is the locking.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "streams/state/shared_table.h"

#define TURN       1000
#define BATCH      100
#define SECONDS    2
#define VALUE_SIZE 100

enum way { EACH, TURN_WISE, NONE };

struct bench {
    enum way way;
    int rows;
    struct st_readers readers;
    struct st_shared_table table;
    pthread_rwlock_t lock;
    atomic_bool stop;
    atomic_long looked, cpu_ns, found;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct aq_slice key_of(uint64_t i, char into[24])
{
    return aq_slice_of(into, (size_t)snprintf(into, 24, "customer-%08u", (unsigned)i));
}

static uint64_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random >> 11;
}

static void look_up(struct bench *b, const char (*keys)[24], size_t n, long *found)
{
    for (size_t i = 0; i < n; i++) {
        if (b->way == EACH) pthread_rwlock_rdlock(&b->lock);
        struct aq_slice value = st_shared_table_get(&b->table, aq_slice_of(keys[i], 17), NULL);
        *found += value.ptr && value.ptr[0] == 'v';
        if (b->way == EACH) pthread_rwlock_unlock(&b->lock);
    }
}

static void *read_rows(void *arg)
{
    struct bench *b = arg;
    static _Thread_local char keys[TURN][24];
    struct st_reader *reader = st_readers_join(&b->readers);
    uint64_t random = (uint64_t)(uintptr_t)reader | 1;
    for (size_t i = 0; i < TURN; i++) key_of(draw(&random) % (uint64_t)b->rows, keys[i]);
    long looked = 0, found = 0;
    int64_t began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
        if (b->way == TURN_WISE) pthread_rwlock_rdlock(&b->lock);
        look_up(b, (const char(*)[24])keys, TURN, &found);
        if (b->way == TURN_WISE) pthread_rwlock_unlock(&b->lock);
        st_reader_rest(&b->readers, reader);
        looked += TURN;
    }
    atomic_fetch_add(&b->cpu_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID) - began);
    atomic_fetch_add(&b->looked, looked);
    atomic_fetch_add(&b->found, found);
    st_reader_leave(&b->readers, reader);
    return NULL;
}

static void put_batch(struct bench *b, uint64_t *random, int n)
{
    char value[VALUE_SIZE], key[24];
    memset(value, 'v', sizeof(value));
    if (b->way != NONE) pthread_rwlock_wrlock(&b->lock);
    for (int i = 0; i < n; i++)
        st_shared_table_put(&b->table, key_of(draw(random) % (uint64_t)b->rows, key),
                            aq_slice_of(value, sizeof(value)), 1);
    if (b->way != NONE) pthread_rwlock_unlock(&b->lock);
    st_shared_table_clean(&b->table);
}

static void open_bench(struct bench *b, enum way way, int rows)
{
    pthread_rwlockattr_t attr;
    *b = (struct bench){.way = way, .rows = rows};
    pthread_rwlockattr_init(&attr);
    /* Readers that always overlap would keep the writer out for ever. */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&b->lock, &attr);
    st_readers_init(&b->readers);
    st_shared_table_init(&b->table, &b->readers);
    char value[VALUE_SIZE], key[24];
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < rows; i++)
        st_shared_table_put(&b->table, key_of((uint64_t)i, key), aq_slice_of(value, sizeof(value)), 1);
    st_shared_table_clean(&b->table);
}

static void run(enum way way, int rows, int readers, long rate)
{
    static const char *const names[] = {"each", "turn", "none"};
    struct bench b;
    pthread_t threads[16];
    uint64_t random = 11;
    open_bench(&b, way, rows);
    for (int i = 0; i < readers; i++) pthread_create(&threads[i], NULL, read_rows, &b);
    int64_t began = clock_ns(CLOCK_MONOTONIC), now = began, waited = 0;
    long put = 0;
    while ((now = clock_ns(CLOCK_MONOTONIC)) - began < SECONDS * 1000000000LL) {
        if (put < rate * (now - began) / 1000000000) {
            put_batch(&b, &random, BATCH);
            put += BATCH;
            waited += clock_ns(CLOCK_MONOTONIC) - now;
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        }
    }
    atomic_store(&b.stop, true);
    for (int i = 0; i < readers; i++) pthread_join(threads[i], NULL);
    long looked = atomic_load(&b.looked);
    printf("%-5s %8.1f ns/look-up  %7.2f M look-ups/s  %8.1f us/batch of changes  %s\n", names[way],
           (double)atomic_load(&b.cpu_ns) / (double)looked, (double)looked / SECONDS / 1e6,
           put ? (double)waited / 1000.0 * BATCH / (double)put : 0.0,
           atomic_load(&b.found) == looked ? "" : "SOME WERE MISSING");
    st_shared_table_finish(&b.table);
    st_readers_finish(&b.readers);
    pthread_rwlock_destroy(&b.lock);
}

int main(int argc, char **argv)
{
    int rows = argc > 1 ? atoi(argv[1]) : 100000;
    int readers = argc > 2 ? atoi(argv[2]) : 2;
    long rate = argc > 3 ? atol(argv[3]) : 20000;
    if (rows < 1 || rows > 99999999 || readers < 1 || readers > 16 || rate < 0) {
        fprintf(stderr, "usage: micro_global [rows] [readers, up to 16] [changes a second]\n");
        return 2;
    }
    for (int way = EACH; way <= NONE; way++) run((enum way)way, rows, readers, rate);
    return 0;
}
