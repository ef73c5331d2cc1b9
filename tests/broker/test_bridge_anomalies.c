/* SPDX-License-Identifier: Apache-2.0
 *
 * When the source is no longer what the position says: unread records deleted by retention, a topic deleted and made
 * anew, while the bridge is stopped and while it runs. Each ends in the configured policy: `fail` stops with the topic,
 * the partition, the offsets and what to do, and nothing is mirrored behind the gap; `report` goes on, counts what is
 * lost and mirrors everything the source still has. What looks alike and is harmless (a partition emptied after it was
 * mirrored, a topic deleted for good) is not an anomaly.
 *
 * "While it runs" means: its process is frozen for the change, so that it meets a log that changed under a position it
 * holds in memory, and is thawed.
 */
#include "kafka/kafka.h"
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS   30000
#define MIRRORED 60 /* records before the change */

struct scene {
    struct t_name topic;
    struct t_name route;
    const char *policy;
    int port;
};

static struct scene make_scene(const char *policy, int partitions)
{
    struct scene s = {.topic = t_unique("anom"), .route = t_unique("anom-route"), .policy = policy};
    s.port = t_free_port();
    t_topic_create(t_pair.src, s.topic.text, partitions, NULL);
    return s;
}

static char *config_of(const struct scene *s, bool stop_at_end)
{
    char *http = t_printf("http = { listen = \"127.0.0.1:%d\"; };", s->port);
    char *text = t_config(t_pair.source, t_pair.sink, http,
                          "name = \"%s\"; topics = [\"^%s.*\"]; on_anomaly = \"%s\"; stop_at_end = %s;\n"
                          "    refresh_interval = \"300ms\";",
                          s->route.text, s->topic.text, s->policy, stop_at_end ? "true" : "false");
    free(http);
    return text;
}

static void run_to_end(const struct scene *s)
{
    char *config = config_of(s, true);
    t_bridge_to_end(config, 0, END_MS);
    free(config);
}

static char *run_words(const struct scene *s, int expected)
{
    char *config = config_of(s, true);
    char *words = t_bridge_words(config, expected, END_MS);
    free(config);
    return words;
}

/* A bridge that has mirrored `n` records of the topic and is idle. */
static struct t_process *start_and_mirror(const struct scene *s, int partitions, int n)
{
    char *config = config_of(s, false);
    struct t_process *bridge = t_bridge(config, NULL);
    free(config);
    t_wait_mirrored(&t_pair, s->topic.text, partitions, n, END_MS);
    return bridge;
}

/* One partition of the copy: the first `kept` records it had, then what the source has from `from` on. */
static void expect_joined(const char *topic, int partition, const struct t_log *before, size_t kept,
                          int64_t from)
{
    struct t_log *source = t_read(t_pair.source, topic, partition, true);
    struct t_log *sink = t_read(t_pair.sink, topic, partition, true);
    size_t at = 0;
    while (at < source->count && source->records[at].offset < from) at++;
    struct t_log first = {.records = sink->records, .count = sink->count < kept ? sink->count : kept};
    struct t_log rest = {.records = sink->records + first.count, .count = sink->count - first.count};
    struct t_log expected = {.records = before->records, .count = kept};
    struct t_log later = {.records = source->records + at, .count = source->count - at};
    t_same_records(&expected, &first, true);
    t_same_records(&later, &rest, true);
    t_log_free(source);
    t_log_free(sink);
}

/* ---- retention ----------------------------------------------------------------------------------------------------- */

/* Two partitions of 60 records mirrored; 60 more each; the first 40 of those are cut from partition 1. */
static void cut_unread(const struct scene *s)
{
    t_produce_some(t_pair.source, s->topic.text, 2, 0, 2 * MIRRORED);
    run_to_end(s);
    t_produce_some(t_pair.source, s->topic.text, 2, 2 * MIRRORED, 2 * MIRRORED);
    t_delete_records(t_pair.src, s->topic.text, 1, MIRRORED + 40);
}

static void test_retention_stops_the_route(void **state)
{
    (void)state;
    struct scene s = make_scene("fail", 2);
    char *place = t_printf("%s[1]", s.topic.text);
    char *advice = t_printf("aqueduct positions --reset offset=100 --topic %s --partition 1", s.topic.text);
    cut_unread(&s);
    struct t_log *before = t_read(t_pair.sink, s.topic.text, 1, true);
    for (int i = 0; i < 2; i++) {
        /* Failing once is no reason to go on the next time. */
        char *words = run_words(&s, 1);
        t_expect_words(words, place, "retention", "offsets 60 to 99", "40 records", advice, "on_anomaly",
                       NULL);
        free(words);
    }
    struct t_log *after = t_read(t_pair.sink, s.topic.text, 1, true);
    t_same_records(before, after, true);
    /* What the message says can be done, done. */
    char *config = config_of(&s, true);
    free(t_aqueduct_words(0, "positions", "-c", t_config_file(config), "--reset", "offset=100", "--topic",
                          s.topic.text, "--partition", "1", NULL));
    run_to_end(&s);
    expect_joined(s.topic.text, 1, before, MIRRORED, MIRRORED + 40);
    T_CHECK(t_count(t_pair.sink, s.topic.text) == 4 * MIRRORED - 40, "%lld records",
            (long long)t_count(t_pair.sink, s.topic.text));
    t_log_free(before);
    t_log_free(after);
    free(config);
    free(place);
    free(advice);
}

static void test_retention_is_reported(void **state)
{
    (void)state;
    struct scene s = make_scene("report", 2);
    cut_unread(&s);
    struct t_log *before = t_read(t_pair.sink, s.topic.text, 1, true);
    char *words = run_words(&s, 0);
    t_expect_words(words, "anomaly", s.topic.text, "partition=1", "from=60", "to=100", "lost=40", NULL);
    T_CHECK(strstr(words, "lost                       40"), "the summary says:\n%s", words);
    free(words);
    expect_joined(s.topic.text, 1, before, MIRRORED, MIRRORED + 40);
    /* Told once: the jump is committed with what came behind it. */
    words = run_words(&s, 0);
    T_CHECK(!strstr(words, "anomaly"), "told again:\n%s", words);
    T_CHECK(t_count(t_pair.sink, s.topic.text) == 4 * MIRRORED - 40, "doubled");
    free(words);
    t_log_free(before);
}

/* Everything unread is cut, so that no record follows the jump: the jump alone must be committed. */
static void test_jump_without_records_is_committed(void **state)
{
    (void)state;
    struct scene s = make_scene("report", 1);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    run_to_end(&s);
    t_produce_some(t_pair.source, s.topic.text, 1, MIRRORED, MIRRORED);
    t_delete_records(t_pair.src, s.topic.text, 0, -1);
    char *words = run_words(&s, 0);
    t_expect_words(words, "anomaly", "from=60", "to=120", "lost=60", NULL);
    free(words);
    words = run_words(&s, 0);
    T_CHECK(!strstr(words, "anomaly"), "told again:\n%s", words);
    free(words);
}

static double lost_by(const struct scene *s, const char *reason)
{
    char *sample =
        t_printf("aqueduct_source_lost_records_total{route=\"%s\",reason=\"%s\"}", s->route.text, reason);
    double value = t_metric(s->port, sample);
    free(sample);
    return value;
}

/* Frozen while 300 more arrive and the first 250 of them go. The first ten answer the fetch that is under way. */
static void freeze_and_cut(const struct scene *s, struct t_process *bridge)
{
    t_signal(bridge, SIGSTOP);
    t_produce_some(t_pair.source, s->topic.text, 1, MIRRORED, 10);
    t_produce_some(t_pair.source, s->topic.text, 1, MIRRORED + 10, 290);
    t_delete_records(t_pair.src, s->topic.text, 0, MIRRORED + 250);
    t_signal(bridge, SIGCONT);
}

static void test_retention_under_a_running_route_is_reported(void **state)
{
    (void)state;
    struct scene s = make_scene("report", 1);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    struct t_process *bridge = start_and_mirror(&s, 1, MIRRORED);
    freeze_and_cut(&s, bridge);
    t_wait_words(bridge, "source anomaly", END_MS);
    t_wait_mirrored(&t_pair, s.topic.text, 1, MIRRORED + 50, END_MS);
    T_CHECK(T_WAIT(END_MS, lost_by(&s, "retention") > 0), "nothing counted as lost");
    int64_t there = t_count(t_pair.sink, s.topic.text);
    T_CHECK((int64_t)lost_by(&s, "retention") == MIRRORED + 300 - there, "%g lost, %lld there",
            lost_by(&s, "retention"), (long long)there);
    T_CHECK(lost_by(&s, "recreation") == 0, "counted as a recreation");
    struct t_log *source = t_read(t_pair.source, s.topic.text, 0, true);
    struct t_log *sink = t_read(t_pair.sink, s.topic.text, 0, true);
    struct t_log end = {.records = sink->records + sink->count - 50, .count = 50};
    t_same_records(source, &end, true);
    t_log_free(source);
    t_log_free(sink);
    t_bridge_stop(bridge, END_MS);
}

static void test_retention_under_a_running_route_stops_it(void **state)
{
    (void)state;
    struct scene s = make_scene("fail", 1);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    struct t_process *bridge = start_and_mirror(&s, 1, MIRRORED);
    freeze_and_cut(&s, bridge);
    char *words = t_end_words(bridge, 1, END_MS);
    int64_t there = t_count(t_pair.sink, s.topic.text);
    char *place = t_printf("%s[0]", s.topic.text);
    t_expect_words(words, place, "retention", " to 309 (", "--reset offset=310", NULL);
    T_CHECK(there < MIRRORED + 250, "%lld records: mirrored behind the gap", (long long)there);
    free(words);
    free(place);
}

/* ---- deleted and made anew ----------------------------------------------------------------------------------------- */

static void make_anew(const struct scene *s, int n)
{
    t_topic_delete(t_pair.src, s->topic.text);
    t_topic_create(t_pair.src, s->topic.text, 1, NULL);
    t_produce_some(t_pair.source, s->topic.text, 1, 5000, n);
}

/* fail, then report, on the same state: `n` records in the new topic. */
static void anew_while_stopped(int n)
{
    struct scene s = make_scene("fail", 1);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    run_to_end(&s);
    struct t_log *before = t_read(t_pair.sink, s.topic.text, 0, true);
    make_anew(&s, n);
    char *words = run_words(&s, 1);
    char *place = t_printf("%s[0]", s.topic.text);
    t_expect_words(words, place, "deleted and recreated", "--reset offset=0", s.topic.text, "on_anomaly",
                   NULL);
    free(words);
    T_CHECK(t_count(t_pair.sink, s.topic.text) == MIRRORED, "mirrored all the same");
    s.policy = "report";
    words = run_words(&s, 0);
    t_expect_words(words, "anomaly", "deleted and recreated", s.topic.text, NULL);
    free(words);
    expect_joined(s.topic.text, 0, before, MIRRORED, 0);
    words = run_words(&s, 0);
    T_CHECK(!strstr(words, "anomaly"), "told again:\n%s", words);
    expect_joined(s.topic.text, 0, before, MIRRORED, 0);
    free(words);
    free(place);
    t_log_free(before);
}

static void test_made_anew_with_fewer_while_stopped(void **state)
{
    (void)state;
    anew_while_stopped(MIRRORED / 2);
}

static void test_made_anew_with_as_many_while_stopped(void **state)
{
    (void)state;
    anew_while_stopped(MIRRORED);
}

static void test_made_anew_with_more_while_stopped(void **state)
{
    (void)state;
    anew_while_stopped(MIRRORED * 3);
}

static void test_made_anew_and_empty_while_stopped(void **state)
{
    (void)state;
    anew_while_stopped(0);
}

enum how { AWAKE, FROZEN, NOTICED };

/* AWAKE: fetching goes on all the while. FROZEN: the process sees nothing of it, for long enough to know that it stood
 * still. NOTICED: it has noticed that the topic is gone before the new one appears. */
static void make_anew_under(const struct scene *s, struct t_process *bridge, int n, enum how how)
{
    int64_t since = t_now_ms();
    if (how == FROZEN) t_signal(bridge, SIGSTOP);
    t_topic_delete(t_pair.src, s->topic.text);
    if (how == NOTICED) t_wait_words(bridge, "source topic is gone", END_MS);
    t_topic_create(t_pair.src, s->topic.text, 1, NULL);
    t_produce_some(t_pair.source, s->topic.text, 1, 5000, n);
    if (how == FROZEN) (void)T_WAIT(1000, t_now_ms() - since >= 1000);
    if (how == FROZEN) t_signal(bridge, SIGCONT);
}

static void anew_while_running(int n, enum how how, const char *policy)
{
    struct scene s = make_scene(policy, 1);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    struct t_process *bridge = start_and_mirror(&s, 1, MIRRORED);
    struct t_log *before = t_read(t_pair.sink, s.topic.text, 0, true);
    make_anew_under(&s, bridge, n, how);
    if (strcmp(policy, "fail") == 0) {
        char *words = t_end_words(bridge, 1, END_MS);
        char *place = t_printf("%s[0]", s.topic.text);
        t_expect_words(words, place, "deleted and recreated", "--reset offset=0", NULL);
        T_CHECK(t_count(t_pair.sink, s.topic.text) == MIRRORED, "mirrored all the same:\n%s", words);
        free(words);
        free(place);
    } else {
        t_wait_words(bridge, "deleted and recreated", END_MS);
        t_wait_mirrored(&t_pair, s.topic.text, 1, MIRRORED + n, END_MS);
        t_bridge_stop(bridge, END_MS);
        expect_joined(s.topic.text, 0, before, MIRRORED, 0);
    }
    t_log_free(before);
}

/* librdkafka 2.4 to 2.8 uses freed memory when the id of a topic it knows changes (its issue 4964, mended in 2.10), so
 * on Debian 13 the process dies of the recreation itself. The next start notices it, as the tests above show. */
static bool library_survives_new_ids(void)
{
    int major = 0, minor = 0;
    T_CHECK(sscanf(kc_rd_version(), "%d.%d", &major, &minor) == 2, "version %s", kc_rd_version());
    bool survives = major != 2 || minor < 4 || minor > 9;
    if (!survives) print_message("NOT RUN: librdkafka %s dies when a topic's id changes\n", kc_rd_version());
    return survives;
}

static void test_made_anew_with_fewer_while_running(void **state)
{
    (void)state;
    if (!library_survives_new_ids()) return;
    anew_while_running(MIRRORED / 2, AWAKE, "report");
    anew_while_running(MIRRORED / 2, FROZEN, "fail");
}

static void test_made_anew_with_more_while_running(void **state)
{
    (void)state;
    if (!library_survives_new_ids()) return;
    anew_while_running(MIRRORED * 3, FROZEN, "report");
    anew_while_running(MIRRORED * 3, NOTICED, "fail");
}

/* ---- not anomalies ------------------------------------------------------------------------------------------------- */

static void test_emptied_after_it_was_mirrored(void **state)
{
    (void)state;
    struct scene s = make_scene("fail", 1);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    struct t_process *bridge = start_and_mirror(&s, 1, MIRRORED);
    t_delete_records(t_pair.src, s.topic.text, 0, -1);
    t_produce_some(t_pair.source, s.topic.text, 1, 1000, 10);
    t_wait_mirrored(&t_pair, s.topic.text, 1, MIRRORED + 10, END_MS);
    t_bridge_stop(bridge, END_MS);
    /* Stopped: emptied, started; then emptied again with news behind it. */
    t_delete_records(t_pair.src, s.topic.text, 0, -1);
    char *words = run_words(&s, 0);
    T_CHECK(!strstr(words, "anomaly"), "%s", words);
    free(words);
    t_produce_some(t_pair.source, s.topic.text, 1, 2000, 10);
    words = run_words(&s, 0);
    T_CHECK(!strstr(words, "anomaly"), "%s", words);
    free(words);
    T_CHECK(t_count(t_pair.sink, s.topic.text) == MIRRORED + 20, "%lld records",
            (long long)t_count(t_pair.sink, s.topic.text));
}

static void test_deleted_for_good(void **state)
{
    (void)state;
    struct scene s = make_scene("fail", 1);
    char *other = t_printf("%s.other", s.topic.text);
    t_topic_create(t_pair.src, other, 1, NULL);
    t_produce_some(t_pair.source, s.topic.text, 1, 0, MIRRORED);
    t_produce_some(t_pair.source, other, 1, 0, MIRRORED);
    struct t_process *bridge = start_and_mirror(&s, 1, MIRRORED);
    t_topic_delete(t_pair.src, s.topic.text);
    t_wait_words(bridge, "source topic is gone", END_MS);
    t_produce_some(t_pair.source, other, 1, MIRRORED, 20);
    t_wait_mirrored(&t_pair, other, 1, MIRRORED + 20, END_MS);
    t_bridge_stop(bridge, END_MS);
    /* A start without the topic is an ordinary one, too. */
    char *words = run_words(&s, 0);
    T_CHECK(!strstr(words, "anomaly"), "%s", words);
    free(words);
    t_expect_mirror(&t_pair, other);
    T_CHECK(t_count(t_pair.sink, s.topic.text) == MIRRORED, "the copy of the deleted topic changed");
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T_WITH_PAIR(test_retention_stops_the_route),
        T_WITH_PAIR(test_retention_is_reported),
        T_WITH_PAIR(test_jump_without_records_is_committed),
        T_WITH_PAIR(test_retention_under_a_running_route_is_reported),
        T_WITH_PAIR(test_retention_under_a_running_route_stops_it),
        T_WITH_PAIR(test_made_anew_with_fewer_while_stopped),
        T_WITH_PAIR(test_made_anew_with_as_many_while_stopped),
        T_WITH_PAIR(test_made_anew_with_more_while_stopped),
        T_WITH_PAIR(test_made_anew_and_empty_while_stopped),
        T_WITH_PAIR(test_made_anew_with_fewer_while_running),
        T_WITH_PAIR(test_made_anew_with_more_while_running),
        T_WITH_PAIR(test_emptied_after_it_was_mirrored),
        T_WITH_PAIR(test_deleted_for_good),
    };
    return cmocka_run_group_tests_name("bridge: source anomalies", tests, NULL, NULL);
}
