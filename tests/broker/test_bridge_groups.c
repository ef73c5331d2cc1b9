/* SPDX-License-Identifier: Apache-2.0
 *
 * Orders become lines (flat_map) on real clusters, exactly once, while the bridge is killed and stopped in between. Some
 * orders have more lines than the producer's queue takes, so batches are handed over in the middle of an order. Every line is
 * on the sink once, those of an order in their order, and who reads read_committed never sees a part of an order.
 */
#include <inttypes.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     90000
#define PARTITIONS 2
#define ORDERS     400
#define MANY       9000 /* lines of every fiftieth order; in_flight = 1 MiB lets 4096 records be under way */
#define FEW        7

static int64_t first_ms; /* time of the first order */

static int lines_of(int order)
{
    if (order % 50 == 20) return MANY;
    return order % FEW; /* none is possible, too */
}

static int all_lines(void)
{
    int n = 0;
    for (int i = 0; i < ORDERS; i++) n += lines_of(i);
    return n;
}

/* The record says how many lines the program is to make of it; they all share its headers. */
static void produce(const char *topic)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    char key[16], value[64];
    for (int i = 0; i < ORDERS; i++) {
        snprintf(key, sizeof(key), "o%d", i);
        snprintf(value, sizeof(value), "{\"order\":%d,\"lines\":%d}", i, lines_of(i));
        const struct t_header headers[] = {{"trace", aq_slice_str(key)}, {"none", AQ_NULL_SLICE}};
        const struct t_record record = {.key = aq_slice_str(key),
                                        .value = aq_slice_str(value),
                                        .headers = headers,
                                        .n_headers = 2,
                                        .timestamp = first_ms + i,
                                        .partition = i % PARTITIONS};
        t_send(producer, topic, &record);
    }
    t_flush(producer);
    t_producer_close(producer);
}

#define CHAIN                                                                         \
    "transforms = { lines = { type = \"Lua\"; memory_limit = \"64MiB\"; flat_map =\n" \
    "  \"(function() local made = {} for i = 1, value.lines do made[i] = \"\n"        \
    "  \"{key_bytes = key_bytes, value = {order = value.order, line = i - 1}} end return made end)()\"; }; };\n"

static char *config_of(const char *topic, const char *route, const char *more)
{
    return t_config(
        t_pair.source, t_pair.sink, CHAIN,
        "name = \"%s\"; topics = [\"%s\"]; chain = [\"lines\"]; in_flight = \"1MiB\";\n"
        "    commit_interval = \"20ms\"; session_timeout = \"6s\"; transaction_timeout = \"3s\"; %s",
        route, topic, more);
}

static int number_of(const struct t_record *record, const char *field)
{
    char text[128];
    snprintf(text, sizeof(text), "%.*s", (int)record->value.len, record->value.ptr);
    const char *at = strstr(text, field);
    assert_non_null(at);
    return atoi(at + strlen(field));
}

/* What the program says nothing of is that of the order. */
static void expect_kin(const struct t_record *line, int order)
{
    const struct t_header *trace = t_header_of(line, "trace"), *none = t_header_of(line, "none");
    T_CHECK(line->n_headers == 2 && trace && none, "%zu headers", line->n_headers);
    T_CHECK(aq_slice_equal(trace->value, line->key) && aq_slice_is_null(none->value),
            "order %d: other headers", order);
    assert_int_equal(line->timestamp, first_ms + order);
    assert_int_equal(line->partition, order % PARTITIONS);
    assert_int_equal(atoi(line->key.ptr + 1), order);
}

/* What can be read of the sink now: each order is there with all its lines, once and in their order, or not at all. How many
 * lines that is. */
static int64_t expect_whole_orders(const char *topic)
{
    int next[ORDERS] = {0};
    struct t_log *sink = t_read(t_pair.sink, topic, -1, true);
    for (size_t i = 0; i < sink->count; i++) {
        int order = number_of(&sink->records[i], "\"order\":"),
            line = number_of(&sink->records[i], "\"line\":");
        assert_in_range(order, 0, ORDERS - 1);
        expect_kin(&sink->records[i], order);
        T_CHECK(line == next[order], "order %d: line %d stands where %d should", order, line, next[order]);
        next[order]++;
    }
    for (int i = 0; i < ORDERS; i++)
        T_CHECK(next[i] == 0 || next[i] == lines_of(i), "order %d: %d lines", i, next[i]);
    int64_t lines = (int64_t)sink->count;
    t_log_free(sink);
    return lines;
}

/* Runs until so many lines are there, and is hurt then. */
static void run_until(const char *config, const char *topic, int64_t lines, int signal)
{
    struct t_process *bridge = t_bridge(config, NULL);
    int64_t until = t_now_ms() + END_MS;
    while (expect_whole_orders(topic) < lines)
        T_CHECK(t_now_ms() < until && t_running(bridge), "not there in time: %" PRId64 " lines", lines);
    t_signal(bridge, signal);
    int code = t_wait_exit(bridge, 20000);
    T_CHECK(code == (signal == SIGKILL ? 128 + SIGKILL : 0), "exit code %d", code);
    t_process_free(bridge);
}

static void every_line_comes_once_though_it_is_killed_and_stopped(void **state)
{
    (void)state;
    struct t_name topic = t_unique("lines"), route = t_unique("lines-route");
    t_topic_create(t_pair.src, topic.text, PARTITIONS, NULL);
    t_topic_create(t_pair.dst, topic.text, PARTITIONS, NULL);
    first_ms = t_wall_ms() - ORDERS;
    produce(topic.text);
    char *slow = config_of(topic.text, route.text, "records_per_second = 60;");
    run_until(slow, topic.text, 100, SIGKILL);
    run_until(slow, topic.text, all_lines() / 4, SIGTERM);
    run_until(slow, topic.text, all_lines() / 2, SIGKILL);
    char *config = config_of(topic.text, route.text, "stop_at_end = true;");
    t_bridge_to_end(config, 0, END_MS);
    assert_int_equal(expect_whole_orders(topic.text), all_lines());
    free(slow);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {T_WITH_PAIR(every_line_comes_once_though_it_is_killed_and_stopped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
