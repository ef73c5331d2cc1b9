/* SPDX-License-Identifier: Apache-2.0
 *
 * A global table on a real cluster: it is whole before the first record, follows its topic, comes back after a restart, and is told
 * of when it cannot be had.
 */
#include <stdlib.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     60000
#define ROWS       20000
#define PARTITIONS 3
#define LOOKUPS    500
#define CONFIG     78

struct scene {
    struct t_name app, rows, in, out;
    int port;
    const char *file;
};

/* Each record of `in` becomes "VALUE=ROW", where VALUE names the row; "VALUE=none" when there is no such row. */
static struct scene make_scene(void)
{
    struct scene s = {.app = t_unique("app"),
                      .rows = t_unique("rows"),
                      .in = t_unique("in"),
                      .out = t_unique("out"),
                      .port = t_free_port()};
    char *config = t_printf(
        "clusters = { one = { brokers = \"%s\"; }; };\n"
        "http = { listen = \"127.0.0.1:%d\"; };\n"
        "streams = {\n"
        "  application_id = \"%s\"; cluster = \"one\"; processing_guarantee = \"exactly_once_v2\";\n"
        "  session_timeout_ms = 6000; num_stream_threads = 2;\n"
        "  default_key_serde = \"string\"; default_value_serde = \"string\";\n"
        "  topology = {\n"
        "    rows = { type = \"global_table\"; topic = \"%s\"; };\n"
        "    in   = { type = \"source\"; topics = [\"%s\"]; };\n"
        "    join = { type = \"join_global\"; from = [\"in\", \"rows\"]; kind = \"left\"; key = \"value\";\n"
        "             join = \"left .. '=' .. (right or 'none')\"; };\n"
        "    out  = { type = \"sink\"; from = \"join\"; topic = \"%s\"; };\n"
        "  };\n"
        "};\n",
        t_pair.source, s.port, s.app.text, s.rows.text, s.in.text, s.out.text);
    s.file = t_config_file(config);
    free(config);
    t_topic_create(t_pair.src, s.in.text, 2, NULL);
    t_topic_create(t_pair.src, s.out.text, 1, NULL);
    return s;
}

static struct t_process *start_app(const struct scene *s)
{
    const char *argv[] = {t_aqueduct(), "streams", "-c", s->file, NULL};
    return t_start(argv, NULL);
}

static void stop_app(struct t_process *process)
{
    t_signal(process, SIGTERM);
    free(t_end_words(process, 0, END_MS));
}

static void send_one(const char *topic, int partition, const char *key, const char *value)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    t_send_text(producer, topic, partition, key, value);
    t_flush(producer);
    t_producer_close(producer);
}

/* Rows "r<i>" -> "<text><i>" for i in [0, n). */
static void send_rows(const struct scene *s, const char *text, int n)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < n; i++) {
        char key[32], value[32];
        snprintf(key, sizeof(key), "r%d", i);
        snprintf(value, sizeof(value), "%s%d", text, i);
        t_send_text(producer, s->rows.text, i % PARTITIONS, key, value);
    }
    t_flush(producer);
    t_producer_close(producer);
}

/* Records that look every ROWS / LOOKUPS-th row up. */
static void send_lookups(const struct scene *s)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < LOOKUPS; i++) {
        char row[32];
        snprintf(row, sizeof(row), "r%d", i * (ROWS / LOOKUPS));
        t_send_text(producer, s->in.text, i % 2, "k", row);
    }
    t_flush(producer);
    t_producer_close(producer);
}

/* All outputs but the first `from` are of send_lookups(), and each found its row's `text`. */
static void expect_found(const struct scene *s, size_t from, const char *text)
{
    int64_t want = (int64_t)from + LOOKUPS, got = t_wait_count(t_pair.source, s->out.text, want, END_MS);
    T_CHECK(got == want, "%lld of %lld outputs", (long long)got, (long long)want);
    struct t_log *log = t_read(t_pair.source, s->out.text, -1, true);
    for (size_t i = from; i < log->count; i++) {
        char value[64];
        int row = -1;
        snprintf(value, sizeof(value), "%.*s", (int)log->records[i].value.len, log->records[i].value.ptr);
        T_CHECK(sscanf(value, "r%d=", &row) == 1, "record %zu: %s", i, value);
        char *expected = t_printf("r%d=%s%d", row, text, row);
        assert_string_equal(value, expected);
        free(expected);
    }
    t_log_free(log);
}

/* What looking the row up once more gives. Memory of the caller. */
static char *look_up(const struct scene *s, const char *row)
{
    int64_t before = t_count(t_pair.source, s->out.text);
    send_one(s->in.text, 0, "k", row);
    T_CHECK(t_wait_count(t_pair.source, s->out.text, before + 1, END_MS) == before + 1, "no output");
    struct t_log *log = t_read(t_pair.source, s->out.text, -1, true);
    struct aq_slice value = log->records[log->count - 1].value;
    char *text = t_printf("%.*s", (int)value.len, value.ptr);
    t_log_free(log);
    return text;
}

static bool finds(const struct scene *s, const char *row, const char *expected)
{
    char *text = look_up(s, row);
    bool same = strcmp(text, expected) == 0;
    free(text);
    return same;
}

static bool shows_rows(const struct scene *s, int rows)
{
    char *page = NULL;
    char *line = t_printf("\naqueduct_streams_global_table_rows{application=\"%s\",table=\"rows\"} %d\n",
                          s->app.text, rows);
    bool shown = t_http_get(s->port, "/metrics", END_MS, &page) == 200 && strstr(page, line) != NULL;
    free(page);
    free(line);
    return shown;
}

/* ---- an ordinary life --------------------------------------------------------------------------------------------- */

static void a_global_table_is_whole_followed_and_read_again(void **state)
{
    (void)state;
    struct scene s = make_scene();
    t_topic_create(t_pair.src, s.rows.text, PARTITIONS, NULL);
    send_rows(&s, "old", ROWS);
    send_lookups(&s);
    struct t_process *process = start_app(&s);
    expect_found(&s, 0, "old");
    T_CHECK(t_stderr_has(process, "global tables are there"), "%s", t_stderr(process));
    T_CHECK(T_WAIT(END_MS, shows_rows(&s, ROWS)), "the metrics do not show %d rows", ROWS);

    /* A table keeps no time with the streams: a change is seen by later records, sooner or later. */
    send_rows(&s, "new", ROWS);
    send_one(s.rows.text, 1, "r1", NULL);
    T_CHECK(T_WAIT(END_MS, shows_rows(&s, ROWS - 1)), "a row that was deleted is still there");
    T_CHECK(T_WAIT(END_MS, finds(&s, "r0", "r0=new0") && finds(&s, "r1", "r1=none") &&
                               finds(&s, "r19999", "r19999=new19999")),
            "changes are not seen");
    stop_app(process);

    size_t before = (size_t)t_count(t_pair.source, s.out.text);
    send_lookups(&s);
    process = start_app(&s);
    expect_found(&s, before, "new");
    T_CHECK(finds(&s, "r1", "r1=none"), "a row that was deleted came back");
    stop_app(process);
}

/* ---- transactions ------------------------------------------------------------------------------------------------- */

/* Neither is the start held up by it, nor is what it wrote seen before it is committed. */
static void a_transaction_that_is_open_waits(void **state)
{
    (void)state;
    struct scene s = make_scene();
    t_topic_create(t_pair.src, s.rows.text, PARTITIONS, NULL);
    send_one(s.rows.text, 0, "a", "1");
    struct t_producer *producer = t_producer_open(t_pair.source, s.app.text, NULL);
    t_begin(producer);
    t_send_text(producer, s.rows.text, 0, "a", "2");
    t_send_text(producer, s.rows.text, 1, "b", "3");
    t_flush(producer);
    struct t_process *process = start_app(&s);
    T_CHECK(finds(&s, "a", "a=1") && finds(&s, "b", "b=none"), "what is not committed is seen");
    t_commit(producer);
    T_CHECK(T_WAIT(END_MS, finds(&s, "a", "a=2") && finds(&s, "b", "b=3")), "what is committed is not seen");
    t_begin(producer);
    t_send_text(producer, s.rows.text, 1, "b", "4");
    t_abort(producer);
    send_one(s.rows.text, 1, "c", "5");
    T_CHECK(T_WAIT(END_MS, finds(&s, "c", "c=5")), "what comes behind an aborted transaction is not seen");
    T_CHECK(finds(&s, "b", "b=3"), "what was aborted is seen");
    t_producer_close(producer);
    stop_app(process);
}

/* ---- a cluster that goes away -------------------------------------------------------------------------------------- */

static bool is_ready(const struct scene *s)
{
    return t_http_get(s->port, "/readyz", END_MS, NULL) == 200;
}

/* Nothing is written to the table's topic meanwhile, and the client does not say when a cluster is back. */
static void a_quiet_table_is_ready_again_when_its_cluster_is_back(void **state)
{
    (void)state;
    struct scene s = make_scene();
    t_topic_create(t_pair.src, s.rows.text, PARTITIONS, NULL);
    send_one(s.rows.text, 0, "a", "1");
    struct t_process *process = start_app(&s);
    T_CHECK(T_WAIT(END_MS, is_ready(&s)), "it is not ready: %s", t_stderr(process));
    t_clusters("stop", "source", 0);
    T_CHECK(T_WAIT(END_MS, t_stderr_has(process, "trouble with a global table")), "%s", t_stderr(process));
    T_CHECK(!is_ready(&s), "it says it is ready");
    t_clusters("start", "source", 0);
    T_CHECK(T_WAIT(END_MS, t_stderr_has(process, "global tables are being followed again")), "%s",
            t_stderr(process));
    T_CHECK(T_WAIT(END_MS, is_ready(&s)), "it is not ready: %s", t_stderr(process));
    T_CHECK(finds(&s, "a", "a=1"), "the row is gone");
    stop_app(process);
}

/* ---- what is missing ---------------------------------------------------------------------------------------------- */

static void a_topic_that_is_missing_is_the_reason_not_to_start(void **state)
{
    (void)state;
    struct scene s = make_scene();
    struct t_process *process = start_app(&s);
    int code = t_wait_exit(process, END_MS);
    char *reason =
        t_printf("global table 'rows': topic %s does not exist on cluster one: create it first", s.rows.text);
    T_CHECK(code == CONFIG && t_stderr_has(process, reason), "exit %d: %s", code, t_stderr(process));
    t_process_free(process);
    free(reason);

    const char *argv[] = {t_aqueduct(), "check", "--connect", "-c", s.file, NULL};
    char *said = NULL;
    code = t_run(argv, END_MS, &said);
    reason = t_printf("error  global table 'rows': topic %s does not exist", s.rows.text);
    T_CHECK(code != 0 && strstr(said, reason), "exit %d: %s", code, said);
    free(reason);
    free(said);

    t_topic_create(t_pair.src, s.rows.text, PARTITIONS, NULL);
    said = NULL;
    code = t_run(argv, END_MS, &said);
    T_CHECK(code == 0 && strstr(said, "has 3 partitions") && strstr(said, "cleanup.policy = delete"),
            "exit %d: %s", code, said);
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_global_table_is_whole_followed_and_read_again),
        cmocka_unit_test(a_transaction_that_is_open_waits),
        cmocka_unit_test(a_quiet_table_is_ready_again_when_its_cluster_is_back),
        cmocka_unit_test(a_topic_that_is_missing_is_the_reason_not_to_start),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
