/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries of a running application on a real cluster: any instance answers for all of them, and while tasks move and instances die nobody is
 * ever told another key's value, a torn one, or an older one than before.
 *
 * The rows say what they are: key, how many records they are made of, and both again as one text.
 */
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "http/fetch.h"
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/http.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     90000
#define KEYS       40
#define PARTITIONS 6
#define INSTANCES  2
#define HOUR_MS    3600000

struct instance {
    int port;
    const char *file;
    struct t_process *process;
};

struct scene {
    struct t_name app, in;
    char folder[64];
    struct instance instances[INSTANCES];
    int copies;      /* num_standby_replicas */
    int64_t sent;    /* records of each key */
    int64_t hour_ms; /* three windows begin here, an hour each */
};

static const char *config_of(const struct scene *s, int i)
{
    char *config = t_printf(
        "clusters = { one = { brokers = \"%s\"; }; };\n"
        "http = { listen = \"127.0.0.1:%d\"; };\n"
        "streams = {\n"
        "  application_id = \"%s\"; cluster = \"one\"; processing_guarantee = \"exactly_once_v2\";\n"
        "  application_server = \"127.0.0.1:%d\"; session_timeout_ms = 6000; num_standby_replicas = %d; state_dir = \"%s/%d\"; slots = 12;\n"
        "  default_key_serde = \"string\"; default_value_serde = \"string\"; auto_offset_reset = \"earliest\";\n"
        "  topology = {\n"
        "    in    = { type = \"source\"; topics = [\"%s\"]; };\n"
        "    rows  = { type = \"aggregate\"; from = \"in\";\n"
        "              add = \"{ key = key, n = (agg and agg.n or 0) + 1, mark = key .. '=' .. (agg and agg.n or 0) + 1 }\"; };\n"
        "    hours = { type = \"count\"; from = \"in\"; window = { type = \"tumbling\"; size = \"1h\"; retention = \"1d\"; }; };\n"
        "    mean  = { type = \"aggregate\"; from = \"in\"; function = \"avg\"; of = \"#value\"; as = \"double\"; };\n"
        "  };\n"
        "};\n",
        t_pair.source, s->instances[i].port, s->app.text, s->instances[i].port, s->copies, s->folder, i,
        s->in.text);
    const char *file = t_config_file(config);
    free(config);
    return file;
}

static void make_scene(struct scene *s, int copies)
{
    *s = (struct scene){.copies = copies,
                        .app = t_unique("app"),
                        .in = t_unique("in"),
                        .folder = "/tmp/aqueduct-query.XXXXXX"};
    assert_non_null(mkdtemp(s->folder));
    s->hour_ms = (t_wall_ms() / HOUR_MS - 4) * HOUR_MS;
    t_topic_create(t_pair.src, s->in.text, PARTITIONS, NULL);
    for (int i = 0; i < INSTANCES; i++) {
        char *dir = t_printf("mkdir -p %s/%d", s->folder, i);
        assert_int_equal(system(dir), 0);
        free(dir);
        s->instances[i].port = t_free_port();
        s->instances[i].file = config_of(s, i);
    }
}

static void start(struct scene *s, int i)
{
    const char *argv[] = {t_aqueduct(), "streams", "-q", "-c", s->instances[i].file, NULL};
    s->instances[i].process = t_start(argv, NULL);
}

static void stop(struct scene *s, int i, int signal)
{
    t_signal(s->instances[i].process, signal);
    T_CHECK(t_wait_exit(s->instances[i].process, END_MS) != T_STILL_RUNNING, "it does not end");
    t_process_free(s->instances[i].process);
    s->instances[i].process = NULL;
}

static void finish_scene(struct scene *s)
{
    for (int i = 0; i < INSTANCES; i++)
        if (s->instances[i].process) stop(s, i, SIGTERM);
    t_remove_folder(s->folder);
}

/* One more record of every key, in the partition that is the key's. */
static void produce(struct scene *s)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", k);
        const struct t_record record = {.key = aq_slice_str(key),
                                        .value = k % 2 ? AQ_LIT("ab") : AQ_LIT("abcd"),
                                        .timestamp = s->hour_ms + s->sent % 3 * HOUR_MS,
                                        .partition = aq_partition_for_key(aq_slice_str(key), PARTITIONS)};
        t_send(producer, s->in.text, &record);
    }
    t_flush(producer);
    t_producer_close(producer);
    s->sent++;
}

/* ---- asking ------------------------------------------------------------------------------------------------------- */

/* NULL: nobody answered. */
static json_t *ask(const struct scene *s, int i, const char *store, const char *arguments, int *ret_status)
{
    char *path = t_printf("/streams/%s/stores/%s?%s", s->app.text, store, arguments), *body = NULL;
    *ret_status = t_http_get(s->instances[i].port, path, 15000, &body);
    json_t *answer = *ret_status ? json_loads(body, 0, NULL) : NULL;
    free(path);
    free(body);
    return answer;
}

/* The n of a row that is right; -1: there is none. *ret_wrong counts rows that are not. */
static int64_t check_rows(const json_t *answer, const char *key, int *ret_wrong)
{
    const json_t *rows = json_object_get(answer, "rows"), *row;
    size_t at;
    int64_t n = -1;
    if (!json_is_array(rows)) {
        ++*ret_wrong;
        return -1;
    }
    json_array_foreach(rows, at, row)
    {
        const json_t *value = json_object_get(row, "value");
        const char *of = json_string_value(json_object_get(row, "key")),
                   *inside = json_string_value(json_object_get(value, "key")),
                   *mark = json_string_value(json_object_get(value, "mark"));
        n = json_integer_value(json_object_get(value, "n"));
        char expected[64];
        snprintf(expected, sizeof(expected), "%s=%lld", of ? of : "", (long long)n);
        bool right = of && inside && mark && strcmp(of, inside) == 0 && strcmp(mark, expected) == 0 &&
                     (!key || strcmp(of, key) == 0);
        if (!right) ++*ret_wrong;
    }
    return n;
}

static int64_t n_of(const struct scene *s, int i, int k)
{
    char arguments[32], key[16];
    int status, wrong = 0;
    snprintf(key, sizeof(key), "k%d", k);
    snprintf(arguments, sizeof(arguments), "key=%s", key);
    json_t *answer = ask(s, i, "rows", arguments, &status);
    int64_t n = answer ? check_rows(answer, key, &wrong) : -1;
    json_decref(answer);
    T_CHECK(wrong == 0, "key %s at instance %d", key, i);
    return status == 200 ? n : -1;
}

static bool all_are(const struct scene *s, int i, int64_t n)
{
    for (int k = 0; k < KEYS; k++)
        if (n_of(s, i, k) != n) return false;
    return true;
}

static void expect_all(const struct scene *s, int i)
{
    bool found = T_WAIT(END_MS, all_are(s, i, s->sent));
    int status;
    json_t *answer = found ? NULL : ask(s, i, "rows", "all=1", &status);
    T_CHECK(found, "instance %d does not find every key with %lld: %s\n%s", i, (long long)s->sent,
            json_dumps(answer, 0), t_stderr(s->instances[i].process));
}

static size_t count_rows(const struct scene *s, int i, const char *store, const char *arguments)
{
    int status;
    json_t *answer = ask(s, i, store, arguments, &status);
    T_CHECK(status == 200 && json_is_true(json_object_get(answer, "complete")), "status %d: %s", status,
            answer ? json_dumps(answer, 0) : "");
    size_t n = json_array_size(json_object_get(answer, "rows"));
    json_decref(answer);
    return n;
}

/* Of the first window's begin, from and to so much later. */
static size_t count_windows(const struct scene *s, int i, const char *key, int64_t from, int64_t to)
{
    char *arguments = t_printf("%swindow_from=%lld&window_to=%lld", key, (long long)(s->hour_ms + from),
                               (long long)(s->hour_ms + to));
    size_t n = count_rows(s, i, "hours", arguments);
    free(arguments);
    return n;
}

/* How many partitions of an answer are said to be at the instance. */
static size_t served_by(const struct scene *s, int asked, int i)
{
    int status;
    char address[32];
    size_t n = 0, at;
    const json_t *one;
    snprintf(address, sizeof(address), "127.0.0.1:%d", s->instances[i].port);
    json_t *answer = ask(s, asked, "rows", "all=1", &status);
    json_array_foreach(json_object_get(answer, "partitions"), at, one)
    {
        const char *of = json_string_value(json_object_get(one, "instance"));
        n += of && strcmp(of, address) == 0;
    }
    json_decref(answer);
    return n;
}

/* ---- two instances ------------------------------------------------------------------------------------------------ */

static size_t walk_pages(const struct scene *s, int i)
{
    char arguments[256] = "all=1&limit=7";
    size_t n = 0;
    for (;;) {
        int status;
        json_t *answer = ask(s, i, "rows", arguments, &status);
        T_CHECK(status == 200 && json_is_true(json_object_get(answer, "complete")), "status %d", status);
        size_t rows = json_array_size(json_object_get(answer, "rows"));
        const char *cursor = json_string_value(json_object_get(answer, "cursor"));
        T_CHECK(rows <= 7, "%zu rows on a page of 7", rows);
        n += rows;
        if (cursor) snprintf(arguments, sizeof(arguments), "all=1&limit=7&cursor=%s", cursor);
        bool last = !cursor;
        json_decref(answer);
        if (last) return n;
    }
}

static void expect_refusals(const struct scene *s)
{
    static const struct {
        const char *store, *arguments;
        int status;
        const char *error;
    } rows[] = {
        {"nothing", "all=1", 404, "there is no store 'nothing'"},
        {"rows", "", 400, "what is asked for?"},
        {"rows", "key=a&all=1", 400, "not several"},
        {"rows", "kye=a", 400, "there is no argument 'kye'"},
        {"rows", "key=a&window_from=0", 400, "has no windows"},
        {"rows", "key=a&as_of=5", 400, "only a versioned store"},
        {"rows", "all=1&limit=0", 400, "limit is a number"},
        {"rows", "all=1&cursor=x", 400, "cursor is not one"},
        {"rows", "key=a&key_format=json", 400, "key is not JSON"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status;
        json_t *answer = ask(s, 0, rows[i].store, rows[i].arguments, &status);
        const char *error = json_string_value(json_object_get(answer, "error"));
        T_CHECK(status == rows[i].status && error && strstr(error, rows[i].error), "%s: %d %s",
                rows[i].arguments, status, error ? error : "");
        json_decref(answer);
    }
}

/* A request that was passed on is answered from here alone: every partition is had by one of the two, and missing from the other. */
static void expect_forwarded_once(const struct scene *s)
{
    size_t here = 0;
    for (int i = 0; i < INSTANCES; i++) {
        for (int p = 0; p < PARTITIONS; p++) {
            struct http_fetched fetched;
            struct aq_err err = {0};
            char *url = t_printf("http://127.0.0.1:%d/streams/%s/stores/rows?all=1&partition=%d",
                                 s->instances[i].port, s->app.text, p);
            T_CHECK(http_fetch(url, true, 15000, &fetched, &err) == 0, "%s", err.text);
            bool has = fetched.status == 200;
            T_CHECK(has || (fetched.status == 503 && strstr(fetched.text, "\"reason\":\"not_here\"")), "%s",
                    fetched.text);
            here += has;
            free(fetched.text);
            free(url);
        }
    }
    assert_int_equal(here, PARTITIONS);
}

/* What the command prints for these words behind `query --server …`. */
static void expect_command(const struct scene *s, int i, int code, const char *words, const char *store,
                           const char *a, const char *b, const char *c)
{
    char server[32], *said = NULL;
    snprintf(server, sizeof(server), "127.0.0.1:%d", s->instances[i].port);
    const char *argv[] = {t_aqueduct(), "query", "--server", server, store, a, b, c, NULL};
    int got = t_run(argv, END_MS, &said);
    T_CHECK(got == code && strstr(said, words), "exit %d, '%s' is not in: %s", got, words, said);
    free(said);
}

static void every_instance_answers_for_all(void **state)
{
    (void)state;
    struct scene s;
    make_scene(&s, 0);
    start(&s, 0);
    start(&s, 1);
    produce(&s);
    produce(&s);
    produce(&s);
    expect_all(&s, 0);
    expect_all(&s, 1);
    T_CHECK(T_WAIT(END_MS, served_by(&s, 0, 0) > 0 && served_by(&s, 0, 1) > 0), "one has all partitions");
    expect_all(&s, 0);
    expect_all(&s, 1);
    for (int i = 0; i < INSTANCES; i++) {
        assert_int_equal(count_rows(&s, i, "rows", "all=1"), KEYS);
        assert_int_equal(count_rows(&s, i, "rows", "from=k2&to=k29"), 11); /* k2, k20 to k29 */
        assert_int_equal(count_rows(&s, i, "rows", "key=nobody"), 0);
        assert_int_equal(count_rows(&s, i, "hours", "key=k7"), 3);
        assert_int_equal(count_windows(&s, i, "key=k7&", 1, HOUR_MS), 1);
        assert_int_equal(count_windows(&s, i, "", HOUR_MS, HOUR_MS), KEYS);
        assert_int_equal(count_windows(&s, i, "", HOUR_MS, 3 * HOUR_MS), 2 * KEYS);
        assert_int_equal(count_rows(&s, i, "hours", "from=k38"), 3 * 8); /* k38, k39, k4 to k9 */
        assert_int_equal(walk_pages(&s, i), KEYS);
        expect_command(&s, i, 0, "\"mark\":\"k3=3\"", "rows", "k3", NULL, NULL);
        /* What goes downstream of an average, not the sum and count that are kept. */
        expect_command(&s, i, 0, "\"key\":\"k4\",\"value\":4.0", "mean", "k4", NULL, NULL);
        expect_command(&s, i, 1, "", "rows", "nobody", NULL, NULL);
        char *window = t_printf("\"window\":{\"start\":%lld,\"end\":%lld},\"value\":1", (long long)s.hour_ms,
                                (long long)(s.hour_ms + HOUR_MS));
        expect_command(&s, i, 0, window, "hours", "--all", NULL, NULL);
        free(window);
        expect_command(&s, i, 0, "\"k21\"", "rows", "--range", "k20", "k22");
    }
    expect_refusals(&s);
    expect_forwarded_once(&s);
    finish_scene(&s);
}

/* ---- copies ------------------------------------------------------------------------------------------------------- */

/* "active", "standby", …: who answers for a key when what is stale will do; "" when nobody does. Static memory. */
static const char *stale_state(const struct scene *s, int i, const char *key)
{
    static char text[32];
    char arguments[64];
    int status, wrong = 0;
    snprintf(arguments, sizeof(arguments), "key=%s&stale=1", key);
    json_t *answer = ask(s, i, "rows", arguments, &status);
    const json_t *one = json_array_get(json_object_get(answer, "partitions"), 0);
    const char *state = json_string_value(json_object_get(one, "state"));
    int64_t n = status == 200 ? check_rows(answer, key, &wrong) : -1;
    snprintf(text, sizeof(text), "%s", state && n > 0 && wrong == 0 ? state : "");
    if (strcmp(text, "standby") == 0 && !json_is_integer(json_object_get(one, "changelog_lag")))
        text[0] = '\0';
    json_decref(answer);
    return text;
}

/* A key that the instance does not have. */
static void find_foreign_key(const struct scene *s, int i, char *key, size_t size)
{
    for (int k = 0; k < KEYS; k++) {
        struct http_fetched fetched;
        struct aq_err err = {0};
        snprintf(key, size, "k%d", k);
        char *url = t_printf("http://127.0.0.1:%d/streams/%s/stores/rows?key=%s", s->instances[i].port,
                             s->app.text, key);
        T_CHECK(http_fetch(url, true, 15000, &fetched, &err) == 0, "%s", err.text);
        bool foreign = fetched.status == 503;
        free(fetched.text);
        free(url);
        if (foreign) return;
    }
    T_FAIL("instance %d has everything", i);
}

static void a_copy_answers_at_once_when_its_owner_is_dead(void **state)
{
    (void)state;
    struct scene s;
    char key[16], arguments[32];
    int status;
    make_scene(&s, 1);
    start(&s, 0);
    start(&s, 1);
    produce(&s);
    expect_all(&s, 0);
    T_CHECK(T_WAIT(END_MS, served_by(&s, 0, 0) > 0 && served_by(&s, 0, 1) > 0), "one has all partitions");
    expect_all(&s, 0);
    find_foreign_key(&s, 0, key, sizeof(key));
    T_CHECK(T_WAIT(END_MS, strcmp(stale_state(&s, 0, key), "standby") == 0), "%s has no copy: '%s'", key,
            stale_state(&s, 0, key));
    /* Who does not ask for it gets what is up to date, or nothing. */
    snprintf(arguments, sizeof(arguments), "key=%s", key);
    json_t *answer = ask(&s, 0, "rows", arguments, &status);
    const json_t *one = json_array_get(json_object_get(answer, "partitions"), 0);
    assert_int_equal(status, 200);
    assert_string_equal(json_string_value(json_object_get(one, "state")), "active");
    json_decref(answer);
    stop(&s, 1, SIGKILL);
    assert_string_equal(stale_state(&s, 0, key), "standby");
    answer = ask(&s, 0, "rows", arguments, &status);
    assert_int_equal(status, 503);
    assert_string_equal(json_string_value(json_object_get(answer, "reason")), "unreachable");
    json_decref(answer);
    expect_all(&s, 0);
    finish_scene(&s);
}

/* ---- while they come and go --------------------------------------------------------------------------------------- */

struct prober {
    const struct scene *s;
    atomic_bool stop;
    int64_t last[KEYS];
    int64_t answers, refusals, silences;
    int wrong, older, unexplained;
    char example[512];
    char reasons[512];
};

static void note_reason(struct prober *p, const char *reason)
{
    if (strstr(p->reasons, reason)) return;
    size_t len = strlen(p->reasons);
    snprintf(p->reasons + len, sizeof(p->reasons) - len, " %s", reason);
}

/* A refusal says which partition, and why. */
static void take_refusal(struct prober *p, const json_t *answer)
{
    const json_t *missing = json_array_get(json_object_get(answer, "missing"), 0);
    const char *reason = json_string_value(json_object_get(missing, "reason")),
               *message = json_string_value(json_object_get(missing, "message"));
    p->refusals++;
    if (reason) note_reason(p, reason);
    if (reason && message && message[0] && json_is_false(json_object_get(answer, "complete"))) return;
    p->unexplained++;
}

static void probe(struct prober *p, int i, int k)
{
    char arguments[32], key[16];
    int status;
    snprintf(key, sizeof(key), "k%d", k);
    snprintf(arguments, sizeof(arguments), "key=%s", key);
    json_t *answer = ask(p->s, i, "rows", arguments, &status);
    if (!answer) {
        p->silences++; /* it is dead at the moment */
        if (status) p->unexplained++;
        return;
    }
    if (status == 200) {
        int64_t n = check_rows(answer, key, &p->wrong);
        p->answers++;
        if (n < p->last[k]) {
            p->older++;
            snprintf(p->example, sizeof(p->example), "%s: %lld behind %lld", key, (long long)n,
                     (long long)p->last[k]);
        }
        p->last[k] = n;
    } else {
        take_refusal(p, answer);
    }
    json_decref(answer);
}

static void *probe_on(void *arg)
{
    struct prober *p = arg;
    for (int round = 0; !atomic_load(&p->stop); round++) {
        probe(p, round % INSTANCES, round % KEYS);
        if (round % 3 == 0) probe(p, (round + 1) % INSTANCES, round % KEYS);
    }
    return NULL;
}

static void nobody_is_told_wrong_while_instances_come_and_go(void **state)
{
    (void)state;
    struct scene s;
    make_scene(&s, 0);
    start(&s, 0);
    start(&s, 1);
    produce(&s);
    expect_all(&s, 0);
    expect_all(&s, 1);
    struct prober probers[2] = {{.s = &s}, {.s = &s}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < KEYS; k++) probers[i].last[k] = 1;
        assert_int_equal(pthread_create(&threads[i], NULL, probe_on, &probers[i]), 0);
    }
    for (int round = 0; round < 6; round++) {
        int victim = round % INSTANCES;
        for (int i = 0; i < 5; i++) produce(&s);
        stop(&s, victim, round % 3 == 2 ? SIGTERM : SIGKILL);
        for (int i = 0; i < 5; i++) produce(&s);
        t_sleep_ms(round % 2 ? 9000 : 1000);
        start(&s, victim);
        t_sleep_ms(2000);
    }
    expect_all(&s, 0);
    expect_all(&s, 1);
    for (int i = 0; i < 2; i++) {
        const struct prober *p = &probers[i];
        atomic_store(&probers[i].stop, true);
        pthread_join(threads[i], NULL);
        fprintf(stderr, "prober %d: %lld answers, %lld refusals (%s ), %lld silences\n", i,
                (long long)p->answers, (long long)p->refusals, p->reasons, (long long)p->silences);
        T_CHECK(p->wrong == 0, "%d rows of another key, or torn", p->wrong);
        T_CHECK(p->older == 0, "%d rows were older than before: %s", p->older, p->example);
        T_CHECK(p->unexplained == 0, "%d refusals without a reason", p->unexplained);
        T_CHECK(p->answers > 100 && p->refusals > 0, "%lld answers, %lld refusals", (long long)p->answers,
                (long long)p->refusals);
    }
    expect_all(&s, 0);
    expect_all(&s, 1);
    finish_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instance_answers_for_all),
        cmocka_unit_test(a_copy_answers_at_once_when_its_owner_is_dead),
        cmocka_unit_test(nobody_is_told_wrong_while_instances_come_and_go),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
