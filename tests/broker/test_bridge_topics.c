/* SPDX-License-Identifier: Apache-2.0
 *
 * Which topics a route takes, how they come to be on the sink and stay as wide as their source, which partition a record
 * goes to, where partitions begin, and what happens when somebody deletes a sink topic.
 *
 * Topics are looked for every 500 ms here; a test that waits for one waits for less than the 5 s of the default.
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS   30000
#define FOUND_MS 4000
#define QUICK    "refresh_interval = \"500ms\"; "

/* STEM.NAME; memory of the caller. */
static char *named(const struct t_name *stem, const char *name)
{
    return t_printf("%s.%s", stem->text, name);
}

static char *source_topic(const struct t_name *stem, const char *name, int partitions, int records)
{
    char *topic = named(stem, name);
    t_topic_create(t_pair.src, topic, partitions, NULL);
    if (records > 0) t_produce_some(t_pair.source, topic, partitions, 0, records);
    return topic;
}

static void expect_absent(const struct t_name *stem, const char *name)
{
    char *topic = named(stem, name);
    T_CHECK(t_partitions(t_pair.dst, topic) == 0, "%s has come to the sink", topic);
    free(topic);
}

/* Ready: every task is owned and every partition there is has a beginning. */
static void wait_ready(int port)
{
    T_CHECK(T_WAIT(END_MS, t_http_get(port, "/readyz", 2000, NULL) == 200), "never ready");
}

/* ---- which topics, and what they look like ------------------------------------------------------------------------ */

static bool has_config(const rd_kafka_ConfigResource_t *resource, const char *name, const char *value)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);
    for (size_t i = 0; i < n; i++) {
        const char *got = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) return got && strcmp(got, value) == 0;
    }
    return false;
}

/* configs: "name", "value", ..., NULL. */
static void expect_configs(const char *brokers, const char *topic, const char *const *configs)
{
    rd_kafka_t *client = t_client(RD_KAFKA_PRODUCER, brokers, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ConfigResource_t *asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(client, &asked, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, END_MS);
    const rd_kafka_DescribeConfigs_result_t *result =
        event ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    T_CHECK(result, "no answer about %s", topic);
    size_t n;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(result, &n);
    T_CHECK(n == 1, "%zu answers about %s", n, topic);
    for (; *configs; configs += 2)
        T_CHECK(has_config(resources[0], configs[0], configs[1]), "%s of %s is not %s", configs[0], topic,
                configs[1]);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
}

static void test_expressions_choose_the_topics(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp");
    char *a1 = source_topic(&stem, "a1", 2, 20), *a2 = source_topic(&stem, "a2", 1, 5);
    char *b1 = source_topic(&stem, "b1", 1, 20), *b2 = source_topic(&stem, "b2.old", 1, 5);
    char *c1 = source_topic(&stem, "c1", 1, 20), *c11 = source_topic(&stem, "c11", 1, 5);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; stop_at_end = true;\n"
                            "    topics = [\"^%s[.](a|b).*\", \"%s\"]; exclude = [\"%s\", \"^.*[.]old\"];",
                            stem.text, stem.text, c1, a2);
    t_bridge_to_end(config, 0, END_MS);
    t_expect_mirror(&t_pair, a1);
    t_expect_mirror(&t_pair, b1);
    t_expect_mirror(&t_pair, c1);
    T_CHECK(t_count(t_pair.sink, a1) == 20, "records are missing");
    expect_absent(&stem, "a2");
    expect_absent(&stem, "b2.old");
    expect_absent(&stem, "c11"); /* an expression and a name mean the whole name */
    free(a1), free(a2), free(b1), free(b2), free(c1), free(c11), free(config);
}

static void test_a_new_topic_is_found_and_made_alike(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-new");
    int port = t_free_port();
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", port);
    char *config = t_config(t_pair.source, t_pair.sink, http,
                            "name = \"%s\"; topics = [\"^%s.*\"]; " QUICK
                            "topic_configs = [\"retention.bytes=777000\", \"segment.ms=600000\"];",
                            stem.text, stem.text);
    struct t_process *bridge = t_bridge(config, NULL);
    wait_ready(port);
    char *topic = named(&stem, "x");
    t_topic_create(t_pair.src, topic, 3, "cleanup.policy=compact,delete", "retention.ms=86400123",
                   "retention.bytes=555000", "max.message.bytes=2000123", "segment.ms=900000", NULL);
    T_CHECK(T_WAIT(FOUND_MS, t_partitions(t_pair.dst, topic) == 3), "%d partitions",
            t_partitions(t_pair.dst, topic));
    const char *const configs[] = {"cleanup.policy",
                                   "compact,delete",
                                   "retention.ms",
                                   "86400123",
                                   "max.message.bytes",
                                   "2000123",
                                   "retention.bytes",
                                   "777000",
                                   "segment.ms",
                                   "600000",
                                   NULL};
    expect_configs(t_pair.sink, topic, configs);
    t_produce_some(t_pair.source, topic, 3, 0, 30);
    t_wait_mirrored(&t_pair, topic, 3, 30, END_MS);
    t_expect_mirror(&t_pair, topic);
    t_bridge_stop(bridge, END_MS);
    free(topic), free(config), free(http);
}

static void test_partitions_grow_with_the_source(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-grow");
    char *topic = source_topic(&stem, "x", 2, 20);
    char *config = t_config(t_pair.source, t_pair.sink, "", "name = \"%s\"; topics = [\"%s\"]; " QUICK,
                            stem.text, topic);
    struct t_process *bridge = t_bridge(config, NULL);
    t_wait_mirrored(&t_pair, topic, 2, 20, END_MS);
    t_topic_grow(t_pair.src, topic, 5);
    t_produce_some(t_pair.source, topic, 5, 20, 50);
    t_wait_mirrored(&t_pair, topic, 5, 70, FOUND_MS);
    t_expect_mirror(&t_pair, topic);
    t_bridge_stop(bridge, END_MS);
    free(config);
    /* Told not to: says what is wrong and what to do, and the sink stays as it is. */
    t_topic_grow(t_pair.src, topic, 6);
    t_produce_some(t_pair.source, topic, 6, 70, 60);
    config = t_config(t_pair.source, t_pair.sink, "",
                      "name = \"%s\"; topics = [\"%s\"]; grow_topics = false; stop_at_end = true;", stem.text,
                      topic);
    char *words = t_bridge_words(config, 78, END_MS);
    t_expect_words(words, topic, "has 5 partitions", "its source has 6", "grow_topics = true", NULL);
    T_CHECK(t_partitions(t_pair.dst, topic) == 5, "the sink topic has grown");
    free(words);
    /* Done by hand, as the words say, it goes on where it was. */
    t_topic_grow(t_pair.dst, topic, 6);
    t_bridge_to_end(config, 0, END_MS);
    t_expect_mirror(&t_pair, topic);
    free(topic), free(config);
}

static void test_a_missing_topic_is_waited_for(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-wait");
    char *topic = named(&stem, "x");
    char *config = t_config(t_pair.source, t_pair.sink, "", "name = \"%s\"; topics = [\"%s\"]; " QUICK,
                            stem.text, topic);
    struct t_process *bridge = t_bridge(config, NULL);
    t_wait_words(bridge, "does not exist on the source", END_MS);
    T_CHECK(t_stderr_has(bridge, topic), "the topic is not named:\n%s", t_stderr(bridge));
    t_topic_create(t_pair.src, topic, 2, NULL);
    t_produce_some(t_pair.source, topic, 2, 0, 20);
    t_wait_mirrored(&t_pair, topic, 2, 20, END_MS);
    t_expect_mirror(&t_pair, topic);
    t_bridge_stop(bridge, END_MS);
    free(topic), free(config);
}

static void test_without_create_topics_the_sink_is_waited_for(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-nocreate");
    char *topic = source_topic(&stem, "x", 3, 30);
    char *config =
        t_config(t_pair.source, t_pair.sink, "",
                 "name = \"%s\"; topics = [\"%s\"]; create_topics = false; " QUICK, stem.text, topic);
    struct t_process *bridge = t_bridge(config, NULL);
    t_wait_words(bridge, "create_topics = false: create it with 3 partitions", END_MS);
    T_CHECK(t_partitions(t_pair.dst, topic) == 0, "%s was created", topic);
    t_topic_create(t_pair.dst, topic, 3, NULL);
    t_wait_mirrored(&t_pair, topic, 3, 30, END_MS);
    t_expect_mirror(&t_pair, topic);
    t_bridge_stop(bridge, END_MS);
    free(topic), free(config);
}

/* ---- routes and workers ------------------------------------------------------------------------------------------- */

static void test_two_routes_in_one_process(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-two");
    char *one = source_topic(&stem, "one", 2, 40), *two = source_topic(&stem, "two", 3, 60);
    char *config =
        t_config(t_pair.source, t_pair.sink, "",
                 "name = \"%s-1\"; topics = [\"%s\"]; stop_at_end = true; },\n"
                 "  { name = \"%s-2\"; from = \"src\"; to = \"dst\"; topics = [\"%s\"]; tasks = 3;\n"
                 "    delivery = \"at_least_once\"; stop_at_end = true;",
                 stem.text, one, stem.text, two);
    char *words = t_bridge_words(config, 0, END_MS);
    t_expect_mirror(&t_pair, one);
    t_expect_mirror(&t_pair, two);
    char *states[] = {t_printf("aqueduct.%s-1.state", stem.text), t_printf("aqueduct.%s-2.state", stem.text)};
    T_CHECK(t_partitions(t_pair.dst, states[0]) == 16, "%d tasks", t_partitions(t_pair.dst, states[0]));
    T_CHECK(t_partitions(t_pair.dst, states[1]) == 3, "%d tasks", t_partitions(t_pair.dst, states[1]));
    free(one), free(two), free(config), free(words), free(states[0]), free(states[1]);
}

/* Sixteen partitions are one a task, so that both workers have some. */
static void test_two_workers_share_the_tasks(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-workers");
    char *topic = source_topic(&stem, "x", 16, 160);
    int port = t_free_port();
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", port);
    char *tasks = t_printf("aqueduct_tasks{route=\"%s\"}", stem.text);
    char *config = t_config(t_pair.source, t_pair.sink, http,
                            "name = \"%s\"; topics = [\"%s\"]; workers = 2; " QUICK, stem.text, topic);
    struct t_process *bridge = t_bridge(config, NULL);
    t_wait_words(bridge, "worker=1 tasks=8",
                 END_MS); /* worker 0 had them all; its second line counts as a repeat */
    T_CHECK(T_WAIT(END_MS, t_metric(port, tasks) == 16), "%g tasks", t_metric(port, tasks));
    t_produce_some(t_pair.source, topic, 16, 160, 3200);
    t_wait_mirrored(&t_pair, topic, 16, 3360, END_MS);
    t_expect_mirror(&t_pair, topic);
    t_bridge_stop(bridge, END_MS);
    free(topic), free(config), free(http), free(tasks);
}

/* ---- partition = ... ---------------------------------------------------------------------------------------------- */

/* From Kafka's own UtilsTest.testMurmur2. */
static const struct {
    const char *key;
    int32_t murmur2;
} java_keys[] = {
    {"21", -973932308},
    {"foobar", -790332482},
    {"a-little-bit-long-string", -985981536},
    {"a-little-bit-longer-string", -1486304829},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
    {"abc", 479470107},
};
#define JAVA_KEYS (int)(sizeof java_keys / sizeof java_keys[0])

static void expect_java_partitions(const char *topic, int partitions)
{
    int last[JAVA_KEYS], found = 0;
    for (int k = 0; k < JAVA_KEYS; k++) last[k] = -1;
    struct t_log *log = t_read(t_pair.sink, topic, -1, true);
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *record = &log->records[i];
        int k = 0;
        if (!record->key.ptr) continue;
        while (k < JAVA_KEYS && !aq_slice_equal(record->key, aq_slice_str(java_keys[k].key))) k++;
        T_CHECK(k < JAVA_KEYS, "an unknown key");
        int expected = (java_keys[k].murmur2 & 0x7fffffff) % partitions;
        int n = atoi(record->value.ptr);
        T_CHECK(record->partition == expected, "'%s' is in partition %d, not in %d", java_keys[k].key,
                record->partition, expected);
        T_CHECK(n > last[k], "'%s': %d comes behind %d", java_keys[k].key, n, last[k]);
        last[k] = n;
        found++;
    }
    T_CHECK(found == 10 * JAVA_KEYS, "%d keyed records", found);
    T_CHECK(log->count == 10 * JAVA_KEYS + 70, "%zu records", log->count);
    t_log_free(log);
}

static void test_keys_choose_partitions_as_in_java(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-key");
    char *topic = source_topic(&stem, "x", 2, 0), value[16];
    t_topic_create(t_pair.dst, topic, 7, NULL);
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < 10 * JAVA_KEYS; i++) {
        snprintf(value, sizeof value, "%d ", i);
        t_send_text(producer, topic, i % JAVA_KEYS % 2, java_keys[i % JAVA_KEYS].key, value);
    }
    for (int i = 0; i < 70; i++) t_send_text(producer, topic, 0, NULL, "0 no key");
    t_producer_close(producer);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; partition = \"key\"; stop_at_end = true;",
                            stem.text, topic);
    t_bridge_to_end(config, 0, END_MS);
    expect_java_partitions(topic, 7);
    free(topic), free(config);
}

static void test_round_robin_spreads_evenly(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-robin");
    char *topic = source_topic(&stem, "x", 1, 400);
    t_topic_create(t_pair.dst, topic, 4, NULL);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; partition = \"round_robin\"; "
                            "stop_at_end = true;",
                            stem.text, topic);
    t_bridge_to_end(config, 0, END_MS);
    for (int i = 0; i < 4; i++) {
        struct t_log *log = t_read(t_pair.sink, topic, i, true);
        T_CHECK(log->count == 100, "partition %d has %zu of 400 records", i, log->count);
        t_log_free(log);
    }
    free(topic), free(config);
}

/* ---- start = ... -------------------------------------------------------------------------------------------------- */

/* The first record of the copy's partition is the source's record `first` (k<first>), and there are n. */
static void expect_part(const char *topic, int partition, int first, size_t n)
{
    struct t_log *log = t_read(t_pair.sink, topic, partition, true);
    char key[16];
    snprintf(key, sizeof key, "k%d", first);
    T_CHECK(log->count == n, "%s[%d]: %zu records instead of %zu", topic, partition, log->count, n);
    if (n > 0)
        T_CHECK(aq_slice_equal(log->records[0].key, aq_slice_str(key)), "%s[%d] begins with %.*s, not %s",
                topic, partition, (int)log->records[0].key.len, log->records[0].key.ptr, key);
    t_log_free(log);
}

/* Partition 0 stands at 20 before anything was mirrored: a restart must not ask for the latest again. */
static void expect_stored_position(const char *config, const char *topic)
{
    char *words = t_aqueduct_words(0, "positions", "-c", t_config_file(config), NULL);
    int partition, task;
    long long next = -1;
    char *line = strstr(words, topic);
    T_CHECK(line && sscanf(line + strlen(topic), "%d %d %lld", &partition, &task, &next) == 3 && next == 20,
            "not at 20:\n%s", words);
    free(words);
}

static void test_latest_is_resolved_once(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-latest");
    char *topic = source_topic(&stem, "x", 1, 20), *later = named(&stem, "y");
    int port = t_free_port();
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", port);
    char *config =
        t_config(t_pair.source, t_pair.sink, http,
                 "name = \"%s\"; topics = [\"^%s.*\"]; start = \"latest\"; " QUICK, stem.text, stem.text);
    struct t_process *bridge = t_bridge(config, NULL);
    wait_ready(port);
    char *sample =
        t_printf("aqueduct_position_offset{route=\"%s\",topic=\"%s\",partition=\"0\"}", stem.text, topic);
    T_CHECK(T_WAIT(END_MS, t_metric(port, sample) == 20), "position %g", t_metric(port, sample));
    expect_stored_position(config, topic);
    t_bridge_stop(bridge, END_MS);
    t_produce_some(t_pair.source, topic, 1, 20, 5);
    bridge = t_bridge(config, NULL);
    t_wait_mirrored(&t_pair, topic, 1, 5, END_MS);
    expect_part(topic, 0, 20, 5);
    /* What appears afterwards begins at its beginning: partitions (one of them in a task that had none yet) and topics,
     * found while running ... */
    t_topic_grow(t_pair.src, topic, 3);
    t_produce_some(t_pair.source, topic, 3, 30, 30);
    free(source_topic(&stem, "y", 1, 10));
    t_wait_mirrored(&t_pair, topic, 3, 35, END_MS);
    t_wait_mirrored(&t_pair, later, 1, 10, END_MS);
    expect_part(topic, 0, 20, 15);
    expect_part(topic, 1, 31, 10);
    expect_part(later, 0, 0, 10);
    t_bridge_stop(bridge, END_MS);
    /* ... and at a start. */
    t_topic_grow(t_pair.src, topic, 4);
    t_produce_some(t_pair.source, topic, 4, 60, 40);
    bridge = t_bridge(config, NULL);
    t_wait_mirrored(&t_pair, topic, 4, 75, END_MS);
    expect_part(topic, 3, 63, 10);
    t_bridge_stop(bridge, END_MS);
    free(topic), free(later), free(http), free(config), free(sample);
}

static void test_start_at_a_time(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-time");
    char *topic = source_topic(&stem, "x", 1, 0), key[16];
    int64_t base = t_wall_ms() - 3600000;
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "k%d", i);
        struct t_record record = {.key = aq_slice_str(key), .timestamp = base + i * 1000};
        t_send(producer, topic, &record);
        t_flush(producer); /* a batch of its own: the broker's index of times is that fine */
    }
    char *config =
        t_config(t_pair.source, t_pair.sink, "",
                 "name = \"%s\"; topics = [\"%s\"]; start = \"timestamp\"; start_timestamp = %lldL;\n"
                 "    stop_at_end = true;",
                 stem.text, topic, (long long)base + 11500);
    t_bridge_to_end(config, 0, END_MS);
    expect_part(topic, 0, 12, 8);
    /* Older than the time, but behind the position. */
    struct t_record old = {.key = AQ_LIT("k20"), .timestamp = base};
    t_send(producer, topic, &old);
    t_producer_close(producer);
    t_bridge_to_end(config, 0, END_MS);
    expect_part(topic, 0, 12, 9);
    free(topic), free(config);
}

/* Partition 0 has the offset, 1 ends before it, 2 begins behind it. */
static void test_start_at_an_offset(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-offset");
    char *topic = source_topic(&stem, "x", 3, 0), key[16];
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof key, "k%d", i / 3);
        if (i % 3 != 1 || i < 9) t_send_text(producer, topic, i % 3, key, "v");
    }
    t_flush(producer);
    t_delete_records(t_pair.src, topic, 2, 15);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; start = \"offset\"; start_offset = 7;\n"
                            "    stop_at_end = true;",
                            stem.text, topic);
    t_bridge_to_end(config, 0, END_MS);
    expect_part(topic, 0, 7, 13);
    expect_part(topic, 1, 0, 0);
    expect_part(topic, 2, 15, 5);
    t_send_text(producer, topic, 1, "k3", "v");
    t_producer_close(producer);
    t_bridge_to_end(config, 0, END_MS);
    expect_part(topic, 0, 7, 13);
    expect_part(topic, 1, 3, 1);
    free(topic), free(config);
}

/* ---- a sink topic deleted ----------------------------------------------------------------------------------------- */

static void test_a_deleted_sink_topic_stops_the_running_route(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-gone");
    char *topic = source_topic(&stem, "x", 2, 20);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; " QUICK "transaction_timeout = \"2s\";",
                            stem.text, topic);
    struct t_process *bridge = t_bridge(config, NULL);
    t_wait_mirrored(&t_pair, topic, 2, 20, END_MS);
    t_topic_delete(t_pair.dst, topic);
    t_produce_some(t_pair.source, topic, 2, 20, 20);
    char *words = t_end_words(bridge, 78, END_MS);
    t_expect_words(words, topic, "was deleted", NULL);
    free(words);
    T_CHECK(t_partitions(t_pair.dst, topic) == 0, "%s was created again", topic);
    /* Starting again tells what is missing, instead of leaving a hole. */
    words = t_bridge_words(config, 78, END_MS);
    t_expect_words(words, topic, "that was written there", "positions --reset earliest", NULL);
    free(words);
    T_CHECK(t_count(t_pair.sink, topic) == 0, "mirrored behind a hole");
    free(topic), free(config);
}

static void test_a_sink_topic_deleted_meanwhile_stops_the_start(void **state)
{
    (void)state;
    struct t_name stem = t_unique("tp-gone2");
    char *topic = source_topic(&stem, "x", 2, 20);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; stop_at_end = true;", stem.text, topic);
    t_bridge_to_end(config, 0, END_MS);
    t_topic_delete(t_pair.dst, topic);
    for (int i = 0; i < 2; i++) {
        char *words = t_bridge_words(config, 78, END_MS);
        t_expect_words(words, topic, "was mirrored up to offset 10", "that was written there", NULL);
        T_CHECK(t_count(t_pair.sink, topic) == 0, "mirrored behind a hole");
        free(words);
    }
    /* What the words advise. */
    free(t_aqueduct_words(0, "positions", "-c", t_config_file(config), "--reset", "earliest", "--topic",
                          topic, NULL));
    t_bridge_to_end(config, 0, END_MS);
    T_CHECK(t_count(t_pair.sink, topic) == 20, "not mirrored again");
    t_expect_mirror(&t_pair, topic);
    free(topic), free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_expressions_choose_the_topics),
        T_WITH_PAIR(test_a_new_topic_is_found_and_made_alike),
        T_WITH_PAIR(test_partitions_grow_with_the_source),
        T_WITH_PAIR(test_a_missing_topic_is_waited_for),
        T_WITH_PAIR(test_without_create_topics_the_sink_is_waited_for),
        T_WITH_PAIR(test_two_routes_in_one_process),
        T_WITH_PAIR(test_two_workers_share_the_tasks),
        T_WITH_PAIR(test_keys_choose_partitions_as_in_java),
        T_WITH_PAIR(test_round_robin_spreads_evenly),
        T_WITH_PAIR(test_latest_is_resolved_once),
        T_WITH_PAIR(test_start_at_a_time),
        T_WITH_PAIR(test_start_at_an_offset),
        T_WITH_PAIR(test_a_deleted_sink_topic_stops_the_running_route),
        T_WITH_PAIR(test_a_sink_topic_deleted_meanwhile_stops_the_start),
    };
    return cmocka_run_group_tests_name("bridge: topics", tests, NULL, NULL);
}
