/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy is a copy: whatever a record is made of (null and empty keys and values, headers in their order with
 * duplicates, nulls and empty ones, any timestamp, the partition, up to the brokers' size limit) arrives byte for byte,
 * in both deliveries, and running again adds nothing.
 *
 * One bridge a delivery mirrors six topics; every topic is compared record by record, read_committed.
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define PARTITIONS 3
#define LARGE      900000
#define LIMIT      1040000 /* just below the brokers' default of 1 MiB, whatever a batch adds */
#define HUGE_SIZE  2500000
#define END_MS     60000

/* Bytes no codec makes smaller, different for every seed. */
static void fill(char *out, size_t size, uint64_t seed)
{
    uint64_t x = seed * 0x9E3779B97F4A7C15u + 1;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        out[i] = (char)(x >> 32);
    }
}

static const char binary[] = "\0\1\2\xff\xfe\n\r\t\"{}\0end";
#define BINARY aq_slice_of(binary, sizeof binary)

static const struct t_header plain_headers[] = {{"trace", {"abc", 3}}};
static const struct t_header double_headers[] = {{"b", {"1", 1}}, {"a", {"2", 1}}, {"b", {"3", 1}},
                                                 {"B", {"4", 1}}, {"b", {"1", 1}}, {"a", {"2", 1}}};
static const struct t_header odd_headers[] = {{"null", {NULL, 0}}, {"empty", {"", 0}},
                                              {"null", {"", 0}},   {"", {"no name", 7}},
                                              {"", {NULL, 0}},     {"h\xc3\xa9", {"\xff\0\x80", 3}},
                                              {"last", {"z", 1}}};

static const struct {
    const struct t_header *list;
    size_t n;
} header_sets[] = {{NULL, 0}, {plain_headers, 1}, {double_headers, 6}, {odd_headers, 7}};

/* Every key with every value with every set of headers; 1 ms after 1970 to half an hour ahead. */
static void produce_combinations(struct t_producer *producer, const char *topic, int partitions)
{
    const struct aq_slice parts[] = {AQ_NULL_SLICE, aq_slice_of("", 0), AQ_LIT("text"), BINARY,
                                     AQ_LIT("{\"b\" : 1,  \"a\":null}")};
    const size_t n = sizeof parts / sizeof parts[0];
    int64_t now = t_wall_ms();
    const int64_t times[] = {1, 999, 946684800123, now, now - 86400000LL * 400, now + 1800000, now - 1};
    for (size_t i = 0; i < n * n * 4; i++) {
        struct t_record record = {.key = parts[i % n],
                                  .value = parts[i / n % n],
                                  .headers = header_sets[i / n / n].list,
                                  .n_headers = header_sets[i / n / n].n,
                                  .timestamp = times[i % 7],
                                  .partition = (int)(i % (size_t)partitions)};
        t_send(producer, topic, &record);
    }
    t_flush(producer);
}

static void produce_large(struct t_producer *producer, const char *topic, size_t size, int n)
{
    static char value[HUGE_SIZE];
    for (int i = 0; i < n; i++) {
        fill(value, size, (uint64_t)i + size);
        struct t_record record = {.key = aq_slice_of(value, 8), .value = aq_slice_of(value, size)};
        t_send(producer, topic, &record);
        t_send_text(producer, topic, 0, "between", "a small one");
    }
    t_flush(producer);
}

/* Many small ones: batches are full, and the order within a partition shows. */
static void produce_many(struct t_producer *producer, const char *topic)
{
    char key[16], value[200];
    for (int i = 0; i < 6000; i++) {
        snprintf(key, sizeof key, "k%d", i % 97);
        snprintf(
            value, sizeof value, "%d %.*s", i, i % 150,
            "..................................................."
            "....................................................................................................");
        t_send_text(producer, topic, i % PARTITIONS, key, i % 31 ? value : NULL);
    }
    t_flush(producer);
}

enum { COMBINATIONS, MANY, LARGE_ONES, HUGE_ONES, APPEND_SOURCE, APPEND_SINK, TOPICS };

static void produce_all(char *names[TOPICS])
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    t_topic_create(t_pair.src, names[COMBINATIONS], PARTITIONS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, names[MANY], PARTITIONS, NULL);
    t_topic_create(t_pair.src, names[LARGE_ONES], 1, NULL);
    t_topic_create(t_pair.src, names[HUGE_ONES], 1, "max.message.bytes=3000000", NULL);
    t_topic_create(t_pair.src, names[APPEND_SOURCE], 2, "message.timestamp.type=LogAppendTime", NULL);
    t_topic_create(t_pair.src, names[APPEND_SINK], 2, "retention.ms=-1", NULL);
    t_topic_create(t_pair.dst, names[APPEND_SINK], 2, "message.timestamp.type=LogAppendTime", NULL);
    produce_combinations(producer, names[COMBINATIONS], PARTITIONS);
    produce_combinations(producer, names[APPEND_SOURCE], 2);
    produce_combinations(producer, names[APPEND_SINK], 2);
    produce_many(producer, names[MANY]);
    produce_large(producer, names[LARGE_ONES], LARGE, 6);
    produce_large(producer, names[LARGE_ONES], LIMIT, 1);
    produce_large(producer, names[HUGE_ONES], HUGE_SIZE, 2);
    t_producer_close(producer);
}

static void expect_append_times(const char *topic, int64_t since)
{
    struct t_log *log = t_read(t_pair.sink, topic, -1, true);
    for (size_t i = 0; i < log->count; i++)
        T_CHECK(log->records[i].timestamp >= since, "%s keeps the source's time", topic);
    t_log_free(log);
}

static void compare_all(char *names[TOPICS], int64_t since)
{
    for (int i = 0; i < TOPICS; i++) t_expect_mirror_as(&t_pair, names[i], names[i], i != APPEND_SINK);
    expect_append_times(names[APPEND_SINK], since);
}

static void mirror_all(const char *delivery)
{
    struct t_name stem = t_unique("fid");
    char *names[TOPICS];
    int64_t since = t_wall_ms() - 1000;
    for (int i = 0; i < TOPICS; i++) names[i] = t_printf("%s.%d", stem.text, i);
    produce_all(names);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"^%s[.].*\"]; delivery = \"%s\"; stop_at_end = true;",
                            stem.text, stem.text, delivery);
    t_bridge_to_end(config, 0, END_MS);
    compare_all(names, since);
    /* Nothing twice, and what comes later is the only thing that is added. */
    t_produce_some(t_pair.source, names[MANY], PARTITIONS, 100000, 30);
    t_bridge_to_end(config, 0, END_MS);
    compare_all(names, since);
    for (int i = 0; i < TOPICS; i++) free(names[i]);
    free(config);
}

static void test_exactly_once_copies_every_byte(void **state)
{
    (void)state;
    mirror_all("exactly_once");
}

static void test_at_least_once_copies_every_byte(void **state)
{
    (void)state;
    mirror_all("at_least_once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_exactly_once_copies_every_byte),
        T_WITH_PAIR(test_at_least_once_copies_every_byte),
    };
    return cmocka_run_group_tests_name("bridge: fidelity", tests, NULL, NULL);
}
