/* SPDX-License-Identifier: Apache-2.0
 *
 * A bridge that is running: how it stops, how fast it may go, what it says about itself, how it is moved, who takes over
 * when it dies, and with what it refuses to start.
 *
 * A take-over waits for the session of the dead instance; it is 6 s here, the least the brokers allow.
 */
#include <unistd.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS    30000
#define AT_ONCE   4000 /* far less than the 10 s of session_timeout */
#define TOLERANCE 0.15

struct scene {
    struct t_name topic;
    int port;
    char *http;
    char *config;
};

/* A route with the topic's name, its two partitions, and these further options. */
static struct scene make_scene(const char *options)
{
    struct scene s = {.topic = t_unique("run"), .port = t_free_port()};
    s.http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", s.port);
    s.config = t_config(t_pair.source, t_pair.sink, s.http, "name = \"%s\"; topics = [\"%s\"]; %s",
                        s.topic.text, s.topic.text, options);
    t_topic_create(t_pair.src, s.topic.text, 2, NULL);
    return s;
}

static void free_scene(struct scene *s)
{
    free(s->http);
    free(s->config);
}

static void produce(const struct scene *s, int first, int n)
{
    t_produce_some(t_pair.source, s->topic.text, 2, first, n);
}

static double metric(const struct scene *s, const char *name)
{
    char *sample = t_printf("%s{route=\"%s\"}", name, s->topic.text);
    double value = t_metric(s->port, sample);
    free(sample);
    return value;
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

static void test_a_signal_ends_it_in_order(void **state)
{
    (void)state;
    struct scene s = make_scene("");
    struct t_process *bridge = t_bridge(s.config, NULL);
    produce(&s, 0, 20000);
    t_wait_mirrored(&t_pair, s.topic.text, 2, 1, END_MS);
    produce(&s, 20000, 20000);
    t_signal(bridge, SIGTERM);
    char *words = t_end_words(bridge, 0, END_MS);
    t_expect_words(words, "stopping in order", s.topic.text, "ended", "written", NULL);
    free(words);
    /* The group is empty and no transaction is left open: nobody has to be waited for. */
    free(t_aqueduct_words(0, "positions", "-c", t_config_file(s.config), "--reset", "earliest", "--dry-run",
                          NULL));
    produce(&s, 40000, 10);
    int64_t start = t_now_ms();
    bridge = t_bridge(s.config, NULL);
    T_CHECK(T_WAIT(END_MS, t_count(t_pair.sink, s.topic.text) >= 40010), "%lld of 40010 records",
            (long long)t_count(t_pair.sink, s.topic.text));
    T_CHECK(t_now_ms() - start < AT_ONCE, "%lld ms until it went on", (long long)(t_now_ms() - start));
    t_bridge_stop(bridge, END_MS);
    t_expect_mirror(&t_pair, s.topic.text);
    free_scene(&s);
}

static int wake_sink(void **state)
{
    t_clusters("cont", "sink", 0);
    return t_pair_teardown(state);
}

/* The sink stands still, so that the first signal cannot be followed. */
static void test_a_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    struct scene s = make_scene("session_timeout = \"6s\"; transaction_timeout = \"3s\";");
    struct t_process *bridge = t_bridge(s.config, NULL);
    produce(&s, 0, 1000);
    t_wait_mirrored(&t_pair, s.topic.text, 2, 1000, END_MS);
    double read = metric(&s, "aqueduct_source_records_total");
    t_clusters("pause", "sink", 0);
    produce(&s, 1000, 1000);
    T_CHECK(T_WAIT(END_MS, metric(&s, "aqueduct_source_records_total") > read), "nothing is read");
    t_signal(bridge, SIGTERM);
    t_wait_words(bridge, "a second signal ends at once", END_MS);
    T_CHECK(t_wait_exit(bridge, 500) == T_STILL_RUNNING, "ended with records under way");
    int64_t start = t_now_ms();
    t_signal(bridge, SIGTERM);
    free(t_end_words(bridge, 143, 2000));
    T_CHECK(t_now_ms() - start < 1000, "%lld ms", (long long)(t_now_ms() - start));
    t_clusters("cont", "sink", 0);
    /* Nothing is lost, nothing comes twice. */
    bridge = t_bridge(s.config, NULL);
    t_wait_mirrored(&t_pair, s.topic.text, 2, 2000, END_MS);
    t_bridge_stop(bridge, END_MS);
    t_expect_mirror(&t_pair, s.topic.text);
    free_scene(&s);
}

/* ---- throttles ----------------------------------------------------------------------------------------------------- */

#define VALUE 1000

static void produce_sized(const char *topic, int n)
{
    char value[VALUE + 1], key[16];
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    memset(value, 'v', VALUE);
    value[VALUE] = 0;
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "k%07d", i);
        t_send_text(producer, topic, i % 2, key, value);
    }
    t_producer_close(producer);
}

struct meter {
    struct t_tail *tail;
    int64_t first_us, last_us, first, last;
};

/* From the first record on: starting up is no part of the rate. */
static void look(struct meter *meter)
{
    int64_t n = t_tail_poll(meter->tail, 5);
    if (n == meter->last) return;
    meter->last = n;
    meter->last_us = t_now_us();
    if (meter->first) return;
    meter->first = n;
    meter->first_us = meter->last_us;
}

static void expect_rate(const struct meter *meter, double expected)
{
    double rate = (double)(meter->last - meter->first) / ((double)(meter->last_us - meter->first_us) / 1e6);
    print_message("%.0f records/s, asked for %.0f\n", rate, expected);
    T_CHECK(rate > expected * (1 - TOLERANCE) && rate < expected * (1 + TOLERANCE),
            "%.0f records/s instead of %.0f (%lld records after the first %lld)", rate, expected,
            (long long)(meter->last - meter->first), (long long)meter->first);
}

/* Two routes of one process, so that both are measured in the same seconds. */
static void test_throttles_hold(void **state)
{
    (void)state;
    struct t_name names[2] = {t_unique("run-rps"), t_unique("run-bps")};
    const int64_t per_second[2] = {1500, 2 * 1048576 / (VALUE + 8)}, seconds = 5;
    struct meter meters[2] = {0};
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; records_per_second = 1500; },\n"
                            "  { name = \"%s\"; from = \"src\"; to = \"dst\"; topics = [\"%s\"];\n"
                            "    bytes_per_second = \"2MiB\";",
                            names[0].text, names[0].text, names[1].text, names[1].text);
    for (int i = 0; i < 2; i++) {
        t_topic_create(t_pair.src, names[i].text, 2, NULL);
        t_topic_create(t_pair.dst, names[i].text, 2, NULL);
        produce_sized(names[i].text, (int)(per_second[i] * (seconds + 2)));
        meters[i].tail = t_tail_open(t_pair.sink, names[i].text, 2);
    }
    struct t_process *bridge = t_bridge(config, NULL);
    int64_t deadline = t_now_ms() + END_MS;
    for (int i = 0; i < 2; i++)
        while (meters[i].last - meters[i].first < per_second[i] * seconds) {
            T_CHECK(t_now_ms() < deadline, "only %lld records", (long long)meters[i].last);
            look(&meters[0]);
            look(&meters[1]);
        }
    for (int i = 0; i < 2; i++) {
        expect_rate(&meters[i], (double)per_second[i]);
        t_tail_close(meters[i].tail);
    }
    t_bridge_stop(bridge, END_MS);
    free(config);
}

/* ---- pages --------------------------------------------------------------------------------------------------------- */

static char *page(const struct scene *s, const char *path, int expected)
{
    char *body = NULL;
    int code = t_http_get(s->port, path, 5000, &body);
    T_CHECK(code == expected, "%s: %d\n%s", path, code, body ? body : "");
    return body;
}

/* A bridge in the middle of more records than it mirrors within the test. */
static struct t_process *start_under_load(struct scene *s)
{
    *s = make_scene("");
    char *marked = t_printf("transforms = { mark = { type = \"InsertHeader\"; header = \"by\"; "
                            "value_literal = \"aqueduct\"; }; };\n%s",
                            s->http);
    free(s->config);
    s->config = t_config(t_pair.source, t_pair.sink, marked,
                         "name = \"%s\"; topics = [\"%s\"]; records_per_second = 5000; chain = [\"mark\"];",
                         s->topic.text, s->topic.text);
    free(marked);
    produce(s, 0, 60000);
    struct t_process *bridge = t_bridge(s->config, NULL);
    t_wait_mirrored(&t_pair, s->topic.text, 2, 1000, END_MS);
    return bridge;
}

static void test_pages_tell_how_it_is(void **state)
{
    (void)state;
    struct scene s;
    struct t_process *bridge = start_under_load(&s);
    T_CHECK(T_WAIT(END_MS, t_metric(s.port, "aqueduct_lag_records{") > 0), "no lag under load");
    char *route = t_printf("[+]route %s ok", s.topic.text);
    char *body = page(&s, "/readyz?verbose", 200);
    t_expect_words(body, route, "readyz check passed", NULL);
    free(body);
    free(page(&s, "/readyz", 200));
    free(page(&s, "/livez", 200));
    free(page(&s, "/nothing", 404));
    body = page(&s, "/metrics", 200);
    t_expect_words(body, "# TYPE aqueduct_source_records_total counter",
                   "aqueduct_replication_latency_seconds_bucket{", "aqueduct_transform_records_total{",
                   "aqueduct_cycles_total{", NULL);
    free(body);
    double before = metric(&s, "aqueduct_sink_records_total");
    T_CHECK(metric(&s, "aqueduct_route_up") == 1 && metric(&s, "aqueduct_tasks") == 16, "not up");
    T_CHECK(T_WAIT(END_MS, metric(&s, "aqueduct_sink_records_total") > before), "stands at %g", before);
    t_bridge_stop(bridge, END_MS);
    free(route);
    free_scene(&s);
}

/* Where ./dev puts it, or anywhere; NULL: nowhere. */
static char *find_promtool(void)
{
    const char *cache = getenv("AQUEDUCT_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *path = cache ? t_printf("%s/tools/promtool", cache)
                 : xdg ? t_printf("%s/aqueduct/tools/promtool", xdg)
                       : t_printf("%s/.cache/aqueduct/tools/promtool", home ? home : "/root");
    if (access(path, X_OK) == 0) return path;
    free(path);
    const char *const which[] = {"sh", "-c", "command -v promtool", NULL};
    char *out = NULL;
    if (t_run(which, 10000, &out) == 0 && out) {
        out[strcspn(out, "\n")] = 0;
        return out;
    }
    free(out);
    return NULL;
}

static void test_promtool_likes_the_metrics(void **state)
{
    (void)state;
    char *promtool = find_promtool();
    if (!promtool) {
        print_message("SKIPPED: promtool is not here (./dev install test puts it into the cache)\n");
        skip();
        return;
    }
    struct scene s;
    struct t_process *bridge = start_under_load(&s);
    char *body = page(&s, "/metrics", 200);
    const char *file = t_config_file(body); /* any text in a file */
    const char *const argv[] = {"sh", "-c", "exec \"$1\" check metrics < \"$2\"", "sh", promtool, file, NULL};
    struct t_process *check = t_start(argv, NULL);
    char *words = t_end_words(check, 0, END_MS); /* 3 when there is anything to complain about */
    T_CHECK(words[0] == 0, "promtool says:\n%s", words);
    t_bridge_stop(bridge, END_MS);
    free(promtool), free(body), free(words);
    free_scene(&s);
}

/* ---- positions ----------------------------------------------------------------------------------------------------- */

static void expect_positions(const struct scene *s, const char *next)
{
    char *words = t_aqueduct_words(0, "positions", "-c", t_config_file(s->config), NULL);
    char *rest = words;
    int lines = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char topic[160], got[32];
        int partition, task;
        if (sscanf(line, " %159s %d %d %31s", topic, &partition, &task, got) != 4 ||
            strcmp(topic, s->topic.text) != 0)
            continue;
        T_CHECK(strcmp(got, next) == 0, "partition %d stands at %s, not at %s", partition, got, next);
        lines++;
    }
    T_CHECK(lines == 2, "%d partitions instead of 2", lines);
    free(words);
}

static void test_positions_are_shown_and_moved(void **state)
{
    (void)state;
    struct scene s = make_scene("");
    produce(&s, 0, 100);
    struct t_process *bridge = t_bridge(s.config, NULL);
    t_wait_mirrored(&t_pair, s.topic.text, 2, 100, END_MS);
    expect_positions(&s, "50"); /* also while it runs */
    const char *file = t_config_file(s.config);
    char *words = t_aqueduct_words(75, "positions", "-c", file, "--reset", "earliest", NULL);
    t_expect_words(words, "has 1 member", NULL);
    free(words);
    t_bridge_stop(bridge, END_MS);
    words = t_aqueduct_words(0, "positions", "-c", file, "--reset", "earliest", "--dry-run", NULL);
    t_expect_words(words, "nothing was changed", NULL);
    free(words);
    expect_positions(&s, "50");
    words = t_aqueduct_words(0, "positions", "-c", file, "--reset", "offset=10", NULL);
    t_expect_words(words, "the route starts there", NULL);
    free(words);
    expect_positions(&s, "10");
    bridge = t_bridge(s.config, NULL);
    t_wait_mirrored(&t_pair, s.topic.text, 2, 180, END_MS);
    produce(&s, 100, 2);
    t_wait_mirrored(&t_pair, s.topic.text, 2, 182, END_MS);
    t_bridge_stop(bridge, END_MS);
    for (int i = 0; i < 2; i++) {
        struct t_log *log = t_read(t_pair.sink, s.topic.text, i, true);
        T_CHECK(log->count == 91, "%zu records in partition %d", log->count, i);
        char *key = t_printf("k%d", 20 + i);
        T_CHECK(aq_slice_equal(log->records[50].key, aq_slice_str(key)), "goes on with %.*s, not %s",
                (int)log->records[50].key.len, log->records[50].key.ptr, key);
        free(key);
        t_log_free(log);
    }
    free_scene(&s);
}

/* ---- take-over ----------------------------------------------------------------------------------------------------- */

static struct t_process *start_instance(const char *topic, int port)
{
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", port);
    char *config = t_config(t_pair.source, t_pair.sink, http,
                            "name = \"%s\"; topics = [\"%s\"]; records_per_second = 10000;\n"
                            "    session_timeout = \"6s\"; transaction_timeout = \"3s\";",
                            topic, topic);
    struct t_process *bridge = t_bridge(config, NULL);
    free(http), free(config);
    return bridge;
}

/* The throttle keeps both in the middle of it when one is killed. */
static void test_another_takes_over(void **state)
{
    (void)state;
    struct t_name name = t_unique("run-two");
    const int ports[2] = {t_free_port(), t_free_port()};
    t_topic_create(t_pair.src, name.text, 16, NULL);
    struct t_process *one = start_instance(name.text, ports[0]);
    struct t_process *other = start_instance(name.text, ports[1]);
    for (int i = 0; i < 2; i++)
        T_CHECK(T_WAIT(END_MS, t_metric(ports[i], "aqueduct_tasks{") == 8 &&
                                   t_metric(ports[i], "aqueduct_assigned_partitions{") == 8),
                "instance %d has %g tasks", i, t_metric(ports[i], "aqueduct_tasks{"));
    const int sent = 50000;
    t_produce_some(t_pair.source, name.text, 16, 0, sent);
    t_wait_mirrored(&t_pair, name.text, 16, 5000, END_MS);
    double by_one = 0; /* on a busy machine the first records may all be the other's */
    (void)T_WAIT(END_MS, (by_one = t_metric(ports[0], "aqueduct_sink_records_total{")) > 0);
    t_signal(one, SIGKILL);
    T_CHECK(t_wait_exit(one, END_MS) == 128 + SIGKILL, "alive");
    T_CHECK(by_one > 0 && by_one < sent / 2, "%g records were mirrored by the one that was killed", by_one);
    t_produce_some(t_pair.source, name.text, 16, sent, 1600);
    t_wait_mirrored(&t_pair, name.text, 16, sent + 1600, END_MS);
    T_CHECK(t_metric(ports[1], "aqueduct_tasks{") == 16, "the tasks were not taken over");
    t_check_mirror(&t_pair, name.text, END_MS);
    t_process_free(one);
    t_bridge_stop(other, END_MS);
}

/* ---- what it refuses to start with --------------------------------------------------------------------------------- */

#define SAME "name = \"%s\"; topics = [\"%s\"]; stop_at_end = true;"

static void test_what_may_not_change_is_refused(void **state)
{
    (void)state;
    struct t_name name = t_unique("run-same");
    t_topic_create(t_pair.src, name.text, 2, NULL);
    t_produce_some(t_pair.source, name.text, 2, 0, 20);
    char *config = t_config(t_pair.source, t_pair.sink, "", SAME, name.text, name.text);
    char *other_tasks = t_config(t_pair.source, t_pair.sink, "", SAME " tasks = 8;", name.text, name.text);
    char *other_source = t_config(t_pair.sink, t_pair.sink, "", SAME, name.text, name.text);
    t_bridge_to_end(config, 0, END_MS);
    char *words = t_bridge_words(other_tasks, 78, END_MS);
    t_expect_words(words, "has 16 partitions", "tasks = 8", "set tasks = 16", NULL);
    free(words);
    words = t_bridge_words(other_source, 78, END_MS);
    t_expect_words(words, "was written for source cluster", "another route name", NULL);
    free(words);
    /* Refusing has changed nothing. */
    t_produce_some(t_pair.source, name.text, 2, 20, 20);
    t_bridge_to_end(config, 0, END_MS);
    t_expect_mirror(&t_pair, name.text);
    T_CHECK(t_count(t_pair.sink, name.text) == 40, "not everything was mirrored");
    free(config), free(other_tasks), free(other_source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_a_signal_ends_it_in_order),
        cmocka_unit_test_setup_teardown(test_a_second_signal_ends_it_at_once, t_pair_setup, wake_sink),
        T_WITH_PAIR(test_throttles_hold),
        T_WITH_PAIR(test_pages_tell_how_it_is),
        T_WITH_PAIR(test_promtool_likes_the_metrics),
        T_WITH_PAIR(test_positions_are_shown_and_moved),
        T_WITH_PAIR(test_another_takes_over),
        T_WITH_PAIR(test_what_may_not_change_is_refused),
    };
    return cmocka_run_group_tests_name("bridge: running", tests, NULL, NULL);
}
