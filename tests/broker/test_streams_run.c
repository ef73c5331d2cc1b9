/* SPDX-License-Identifier: Apache-2.0
 *
 * An application of the streams engine on a real cluster, as the program runs it: exactly once over a repartition and a death, seen by
 * Kafka's own tools, stopped in order, and made to begin anew.
 */
#include <stdlib.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS  60000
#define TOOL_MS 60000
#define RECORDS 10000
#define MORE    100

struct scene {
    struct t_name app, in, out;
    int port;
    const char *file;
};

/* Every key gets an x in front and every value a ! behind, and a topic lies in between. */
static struct scene make_scene(void)
{
    struct scene s = {
        .app = t_unique("app"), .in = t_unique("in"), .out = t_unique("out"), .port = t_free_port()};
    char *config = t_printf(
        "clusters = { one = { brokers = \"%s\"; }; };\n"
        "http = { listen = \"127.0.0.1:%d\"; };\n"
        "streams = {\n"
        "  application_id = \"%s\"; cluster = \"one\"; processing_guarantee = \"exactly_once_v2\";\n"
        "  session_timeout_ms = 6000; default_key_serde = \"string\"; default_value_serde = \"string\";\n"
        "  topology = {\n"
        "    in    = { type = \"source\"; topics = [\"%s\"]; };\n"
        "    named = { type = \"map\"; from = \"in\"; key = \"'x' .. key\"; value = \"value .. '!'\"; };\n"
        "    again = { type = \"repartition\"; from = \"named\"; partitions = 2; };\n"
        "    out   = { type = \"sink\"; from = \"again\"; topic = \"%s\"; };\n"
        "  };\n"
        "};\n",
        t_pair.source, s.port, s.app.text, s.in.text, s.out.text);
    s.file = t_config_file(config);
    free(config);
    t_topic_create(t_pair.src, s.in.text, 3, NULL);
    t_topic_create(t_pair.src, s.out.text, 2, NULL);
    return s;
}

static struct t_process *start_app(const struct scene *s)
{
    const char *argv[] = {t_aqueduct(), "streams", "-c", s->file, NULL};
    return t_start(argv, NULL);
}

static void stop_app(const struct scene *s, struct t_process *process)
{
    t_signal(process, SIGTERM);
    char *words = t_end_words(process, 0, END_MS);
    t_expect_words(words, "stopping in order", s->app.text, "NOT_RUNNING", "written", NULL);
    free(words);
}

static void wait_outputs(const struct scene *s, int64_t n)
{
    int64_t got = t_wait_count(t_pair.source, s->out.text, n, END_MS);
    T_CHECK(got == n, "%lld of %lld records", (long long)got, (long long)n);
}

/* Record i of [0, n) is there `times` times, and nothing else is. */
static void expect_outputs(const struct scene *s, int n, int times)
{
    struct t_log *log = t_read(t_pair.source, s->out.text, -1, true);
    int *seen = calloc((size_t)n, sizeof(*seen));
    assert_non_null(seen);
    T_CHECK(log->count == (size_t)n * (size_t)times, "%zu records instead of %d times %d", log->count, times,
            n);
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *rec = &log->records[i];
        char key[32], value[32];
        snprintf(key, sizeof(key), "%.*s", (int)rec->key.len, rec->key.ptr);
        snprintf(value, sizeof(value), "%.*s", (int)rec->value.len, rec->value.ptr);
        int number = -1;
        char rest;
        T_CHECK(sscanf(key, "xk%d%c", &number, &rest) == 1 && number >= 0 && number < n, "key %s", key);
        char *expected = t_printf("v%d!", number);
        assert_string_equal(value, expected);
        free(expected);
        T_CHECK(++seen[number] <= times, "record %d is there too often", number);
    }
    free(seen);
    t_log_free(log);
}

/* ---- what Kafka's tool says ---------------------------------------------------------------------------------------- */

struct described {
    long long committed, lag;
    int partitions;
};

/* Sums over the lines of one topic: GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG … */
static struct described describe_group(const struct scene *s, const char *topic)
{
    const char *command = getenv("AQUEDUCT_CLUSTERS_CMD");
    assert_non_null(command);
    const char *argv[] = {command,
                          "tool",
                          "kafka-consumer-groups",
                          "--bootstrap-server",
                          t_pair.source,
                          "--describe",
                          "--group",
                          s->app.text,
                          NULL};
    char *text = NULL;
    int code = t_run(argv, TOOL_MS, &text);
    T_CHECK(code == 0, "kafka-consumer-groups: exit %d\n%s", code, text);
    struct described sums = {0};
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char group[200], name[200];
        int partition;
        long long committed, end, lag;
        if (sscanf(line, "%199s %199s %d %lld %lld %lld", group, name, &partition, &committed, &end, &lag) !=
            6)
            continue;
        if (strcmp(group, s->app.text) != 0 || strcmp(name, topic) != 0) continue;
        sums.committed += committed;
        sums.lag += lag;
        sums.partitions++;
    }
    free(text);
    return sums;
}

static void expect_described(const struct scene *s, long long committed, long long lag)
{
    struct described said = describe_group(s, s->in.text);
    T_CHECK(said.partitions == 3 && said.committed == committed && said.lag == lag,
            "%d partitions, committed %lld, lag %lld", said.partitions, said.committed, said.lag);
}

/* ---- the test ------------------------------------------------------------------------------------------------------ */

static void wait_until_ready(const struct scene *s)
{
    T_CHECK(T_WAIT(END_MS, t_http_get(s->port, "/readyz", 1000, NULL) == 200), "never ready");
}

static void runs_through_a_death(const struct scene *s)
{
    struct t_process *process = start_app(s);
    t_produce_some(t_pair.source, s->in.text, 3, 0, RECORDS / 2);
    T_CHECK(T_WAIT(END_MS, t_count(t_pair.source, s->out.text) > 0), "nothing came out:\n%s",
            t_stderr(process));
    t_produce_some(t_pair.source, s->in.text, 3, RECORDS / 2, RECORDS / 4);
    t_signal(process, SIGKILL);
    assert_int_equal(t_wait_exit(process, END_MS), 128 + SIGKILL);
    t_process_free(process);

    process = start_app(s);
    t_produce_some(t_pair.source, s->in.text, 3, RECORDS * 3 / 4, RECORDS / 4);
    wait_outputs(s, RECORDS);
    wait_until_ready(s);
    expect_described(s, RECORDS, 0);
    free(t_aqueduct_words(75, "streams", "reset", "-c", s->file, NULL));
    stop_app(s, process);
    expect_outputs(s, RECORDS, 1);
}

static void exactly_once_over_a_repartition_and_a_death(void **state)
{
    (void)state;
    struct scene s = make_scene();
    runs_through_a_death(&s);

    /* What comes while nobody runs is lag; a plan leaves it so. */
    t_produce_some(t_pair.source, s.in.text, 3, RECORDS, MORE);
    expect_described(&s, RECORDS, MORE);
    char *repartition = t_printf("delete topic %s-again-repartition", s.app.text);
    char *words = t_aqueduct_words(0, "streams", "reset", "-c", s.file, "--plan", NULL);
    t_expect_words(words, s.in.text, " to 0", repartition, "nothing was changed", NULL);
    free(words);
    expect_described(&s, RECORDS, MORE);

    words = t_aqueduct_words(0, "streams", "reset", "-c", s.file, NULL);
    t_expect_words(words, s.in.text, " to 0", repartition, "done", NULL);
    free(words);
    free(repartition);
    expect_described(&s, 0, RECORDS + MORE);
    expect_outputs(&s, RECORDS, 1); /* sinks stay as they are */

    struct t_process *process = start_app(&s);
    wait_outputs(&s, 2 * RECORDS + MORE);
    wait_until_ready(&s);
    T_CHECK(T_WAIT(END_MS, describe_group(&s, s.in.text).lag == 0), "lag stays");
    char *sample = t_printf("aqueduct_streams_state{application=\"%s\",state=\"RUNNING\"}", s.app.text);
    assert_true(t_metric(s.port, sample) == 1);
    free(sample);
    stop_app(&s, process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_once_over_a_repartition_and_a_death),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
