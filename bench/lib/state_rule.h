/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of the benchmarks of state, by number: state_fill.c writes them, state_watch.c says from them what must come out. No
 * engine is the other's only judge.
 *
 * Event n has one of `keys` keys, about six events come in a millisecond of their time, and one of a hundred is up to LATE_MS late: less
 * than the grace of every window, so that none may be dropped. Row k of the table belongs to key k and is older than every event. Both
 * values are JSON texts of some 110 and 140 bytes; nothing here has to parse them.
 *
 * A big row is ST_BIG_LEN bytes: eight digits that say how many events it has in it, and a filler of its key's that neither Kafka's nor
 * RocksDB's lz4 makes smaller. It is made of its first record, which has the digits of 0, and each event adds 1 to it.
 */
#ifndef AQ_BENCH_LIB_STATE_RULE_H
#define AQ_BENCH_LIB_STATE_RULE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define ST_ROOM        512
#define ST_KEY_LEN     14            /* "device-0012345" */
#define ST_FIRST_MS    1700000040000 /* time of event 0: a full minute */
#define ST_ROWS_MS     (ST_FIRST_MS - 86400000)
#define ST_EVENTS_A_MS 6
#define ST_LATE_MS     5000
#define ST_WINDOW_MS   60000 /* tumbling */
#define ST_GAP_MS      10000 /* sessions */
#define ST_PARTITIONS  256   /* at most */
#define ST_KEYS_MOST   10000000
#define ST_BIG_LEN     1000
#define ST_BIG_DIGITS  8

/* splitmix64. */
static inline uint64_t st_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

static inline size_t st_key_text(char out[ST_ROOM], uint32_t key)
{
    AQ_ASSERT(key < ST_KEYS_MOST);
    return (size_t)snprintf(out, ST_ROOM, "device-%07u", key);
}

static inline uint32_t st_event_key(uint64_t n, uint32_t keys)
{
    return (uint32_t)(st_mix(~n) % keys);
}

static inline int64_t st_event_time(uint64_t n)
{
    uint64_t r = st_mix(n * 5 + 2);
    int64_t late = r % 100 == 0 ? (int64_t)(r / 100 % ST_LATE_MS) : 0;
    return ST_FIRST_MS + (int64_t)(n / ST_EVENTS_A_MS) - late;
}

static inline size_t st_event_value(char out[ST_ROOM], uint64_t n)
{
    static const char *const channels[] = {"web", "shop", "phone"};
    uint64_t r = st_mix(n * 3 + 1);
    int len = snprintf(out, ST_ROOM,
                       "{\"id\":%llu,\"amount\":%u,\"units\":%u,\"channel\":\"%s\",\"debug\":\"%016llx\","
                       "\"note\":\"line %u of the list\"}",
                       (unsigned long long)n, (unsigned)(r % 2000), 1 + (unsigned)(r >> 8) % 9,
                       channels[r % 3], (unsigned long long)r, (unsigned)(r >> 44) % 1000);
    AQ_ASSERT(len > 0 && len < ST_ROOM);
    return (size_t)len;
}

static inline size_t st_row_value(char out[ST_ROOM], uint32_t key)
{
    static const char *const cities[] = {"Lisbon", "Porto", "Coimbra", "Évora", "Faro"};
    uint64_t r = st_mix(~(uint64_t)key * 7 + 3);
    int len = snprintf(out, ST_ROOM,
                       "{\"customer\":{\"name\":\"customer %u\",\"level\":%u,\"address\":{\"city\":\"%s\","
                       "\"street\":%u}},\"since\":%llu,\"token\":\"%016llx%016llx\"}",
                       (unsigned)(r >> 36) % 100000, (unsigned)(r >> 4) % 7, cities[(r >> 20) % 5],
                       (unsigned)(r >> 8) % 1000, (unsigned long long)(r % 1700000000), (unsigned long long)r,
                       (unsigned long long)st_mix(r));
    AQ_ASSERT(len > 0 && len < ST_ROOM);
    return (size_t)len;
}

/* The big row of a key before any event. */
static inline size_t st_big_value(char out[ST_BIG_LEN], uint32_t key)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    AQ_ASSERT(key < ST_KEYS_MOST);
    memset(out, '0', ST_BIG_DIGITS);
    uint64_t r = 0;
    for (uint32_t i = ST_BIG_DIGITS; i < ST_BIG_LEN; i++) {
        r = i % 10 == ST_BIG_DIGITS ? st_mix((uint64_t)key * ST_BIG_LEN + i) : r >> 6;
        out[i] = letters[r & 63];
    }
    return ST_BIG_LEN;
}

#endif
