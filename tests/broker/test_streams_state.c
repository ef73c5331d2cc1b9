/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores on a real cluster: what they hold is there after a death, with their folder and without it; a changelog that was made anew
 * or deleted is noticed.
 */
#include <stdlib.h>

#include "aqueduct/number.h"
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     60000
#define KEYS       100
#define RECORDS    20000
#define PARTITIONS 3
#define CONFIG     78

struct scene {
    struct t_name app, in, out;
    char folder[64];
    const char *file;
};

/* Counts the records of each key; every count goes on. */
static struct scene make_scene(void)
{
    struct scene s = {.app = t_unique("app"),
                      .in = t_unique("in"),
                      .out = t_unique("out"),
                      .folder = "/tmp/aqueduct-state.XXXXXX"};
    assert_non_null(mkdtemp(s.folder));
    char *config =
        t_printf("clusters = { one = { brokers = \"%s\"; }; };\n"
                 "streams = {\n"
                 "  application_id = \"%s\"; cluster = \"one\"; processing_guarantee = \"exactly_once_v2\";\n"
                 "  session_timeout_ms = 6000; state_dir = \"%s/made/by/it\";\n"
                 "  default_key_serde = \"string\"; default_value_serde = \"string\";\n"
                 "  topology = {\n"
                 "    in    = { type = \"source\"; topics = [\"%s\"]; };\n"
                 "    count = { type = \"count\"; from = \"in\"; by = \"'x' .. key\"; cached = false; };\n"
                 "    out   = { type = \"sink\"; from = \"count\"; topic = \"%s\"; };\n"
                 "  };\n"
                 "};\n",
                 t_pair.source, s.app.text, s.folder, s.in.text, s.out.text);
    s.file = t_config_file(config);
    free(config);
    t_topic_create(t_pair.src, s.in.text, PARTITIONS, NULL);
    t_topic_create(t_pair.src, s.out.text, 2, NULL);
    return s;
}

static struct t_process *start_app(const struct scene *s)
{
    const char *argv[] = {t_aqueduct(), "streams", "-c", s->file, NULL};
    return t_start(argv, NULL);
}

static void kill_app(struct t_process *process)
{
    t_signal(process, SIGKILL);
    t_wait_exit(process, END_MS);
    t_process_free(process);
}

/* What it said on standard error; the caller frees it. */
static char *stop_app(struct t_process *process)
{
    t_signal(process, SIGTERM);
    return t_end_words(process, 0, END_MS);
}

static void produce(const struct scene *s, int n)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%d", i % KEYS);
        t_send_text(producer, s->in.text, i % PARTITIONS, key, "v");
    }
    t_flush(producer);
    t_producer_close(producer);
}

static void wait_outputs(const struct scene *s, int64_t n)
{
    int64_t got = t_wait_count(t_pair.source, s->out.text, n, END_MS);
    T_CHECK(got == n, "%lld of %lld counts", (long long)got, (long long)n);
}

/* Each key was counted from 1 to `each`, in order. */
static void expect_counts(const struct scene *s, int64_t each)
{
    int64_t last[KEYS] = {0};
    struct t_log *log = t_read(t_pair.source, s->out.text, -1, true);
    for (size_t i = 0; i < log->count; i++) {
        const struct t_record *rec = &log->records[i];
        char key[32];
        int k = -1;
        snprintf(key, sizeof(key), "%.*s", (int)rec->key.len, rec->key.ptr);
        T_CHECK(sscanf(key, "xk%d", &k) == 1 && k >= 0 && k < KEYS && rec->value.len == 8, "key %s", key);
        int64_t n = (int64_t)aq_be64_get(rec->value.ptr);
        T_CHECK(n == last[k] + 1, "%s: %lld behind %lld", key, (long long)n, (long long)last[k]);
        last[k] = n;
    }
    for (int k = 0; k < KEYS; k++)
        T_CHECK(last[k] == each, "key %d was counted %lld times", k, (long long)last[k]);
    t_log_free(log);
}

/* How many changelog records were read, over all "stores restored" lines. */
static int64_t restored(const char *words)
{
    int64_t sum = 0;
    for (const char *at = words; (at = strstr(at, "stores restored")) != NULL; at++) {
        const char *records = strstr(at, "records=");
        if (records) sum += atoll(records + 8);
    }
    return sum;
}

/* RUNNING is said when every task runs, so not before its stores are there. */
static void expect_restored_before_running(const char *words)
{
    const char *running = strstr(words, "to=RUNNING");
    T_CHECK(running, "it never ran:\n%s", words);
    T_CHECK(!strstr(running, "stores restored"), "it said that it runs while it restored:\n%s", words);
}

/* ---- deaths ------------------------------------------------------------------------------------------------------- */

static void a_store_outlives_its_process_and_its_folder(void **state)
{
    (void)state;
    struct scene s = make_scene();
    struct t_process *process = start_app(&s);
    produce(&s, RECORDS);
    wait_outputs(&s, RECORDS);
    kill_app(process);

    process = start_app(&s);
    produce(&s, RECORDS);
    wait_outputs(&s, 2 * RECORDS);
    char *words = stop_app(process);
    /* At most the last commit was not in the folder yet, and as many markers and repetitions as there were commits. */
    T_CHECK(restored(words) < RECORDS / 2, "%lld records were restored:\n%s", (long long)restored(words),
            words);
    free(words);

    t_remove_folder(s.folder);
    process = start_app(&s);
    produce(&s, RECORDS);
    wait_outputs(&s, 3 * RECORDS);
    words = stop_app(process);
    T_CHECK(restored(words) >= KEYS, "%lld records were restored:\n%s", (long long)restored(words), words);
    expect_restored_before_running(words);
    free(words);
    expect_counts(&s, 3 * RECORDS / KEYS);
    t_remove_folder(s.folder);
}

/* ---- changelogs --------------------------------------------------------------------------------------------------- */

static char *changelog_of(const struct scene *s)
{
    return t_printf("%s-count-changelog", s->app.text);
}

static void a_changelog_that_was_deleted_is_an_error(void **state)
{
    (void)state;
    struct scene s = make_scene();
    struct t_process *process = start_app(&s);
    produce(&s, RECORDS);
    wait_outputs(&s, RECORDS);
    free(stop_app(process));
    char *changelog = changelog_of(&s);
    t_topic_delete(t_pair.src, changelog);
    T_CHECK(T_WAIT(END_MS, t_partitions(t_pair.src, changelog) <= 0), "%s is still there", changelog);

    process = start_app(&s);
    int code = t_wait_exit(process, END_MS);
    T_CHECK(code != 0 && strstr(t_stderr(process), "were committed to it: it was deleted") &&
                strstr(t_stderr(process), "aqueduct streams reset"),
            "exit %d: %s", code, t_stderr(process));
    t_process_free(process);
    free(changelog);
    t_remove_folder(s.folder);
}

/* A reset deletes the changelog; the folder stays, and must not come back to life. */
static void a_folder_from_before_a_reset_is_not_used(void **state)
{
    (void)state;
    struct scene s = make_scene();
    struct t_process *process = start_app(&s);
    produce(&s, RECORDS);
    wait_outputs(&s, RECORDS);
    free(stop_app(process));
    const char *argv[] = {t_aqueduct(), "streams", "reset", "-c", s.file, NULL};
    char *said = NULL;
    int code = t_run(argv, END_MS, &said);
    T_CHECK(code == 0 && strstr(said, "-count-changelog"), "exit %d: %s", code, said);
    free(said);

    t_topic_delete(t_pair.src, s.out.text);
    T_CHECK(T_WAIT(END_MS, t_partitions(t_pair.src, s.out.text) <= 0), "%s is still there", s.out.text);
    t_topic_create(t_pair.src, s.out.text, 2, NULL);
    process = start_app(&s);
    wait_outputs(&s, RECORDS);
    free(stop_app(process));
    expect_counts(&s, RECORDS / KEYS);
    t_remove_folder(s.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_outlives_its_process_and_its_folder),
        cmocka_unit_test(a_changelog_that_was_deleted_is_an_error),
        cmocka_unit_test(a_folder_from_before_a_reset_is_not_used),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
