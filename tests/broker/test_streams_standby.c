/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies on a real cluster: of two processes one is killed, and the other goes on with its tasks without reading their
 * changelogs again; without copies it reads them from the beginning. Counts stay exact whoever dies.
 */
#include <stdlib.h>

#include "aqueduct/number.h"
#include "base/clock.h"
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     60000
#define KEYS       12000
#define EACH       3
#define PARTITIONS 4
#define ROUNDS     5

struct scene {
    struct t_name app, in, out;
    char folder[64];
    const char *file[2]; /* of each process, which have folders of their own */
};

static const char *config_of(const struct scene *s, int process, int replicas)
{
    char *config =
        t_printf("clusters = { one = { brokers = \"%s\"; }; };\n"
                 "streams = {\n"
                 "  application_id = \"%s\"; cluster = \"one\"; processing_guarantee = \"exactly_once_v2\";\n"
                 "  session_timeout_ms = 6000; state_dir = \"%s/%d\"; num_standby_replicas = %d;\n"
                 "  default_key_serde = \"string\"; default_value_serde = \"string\";\n"
                 "  topology = {\n"
                 "    in    = { type = \"source\"; topics = [\"%s\"]; };\n"
                 "    count = { type = \"count\"; from = \"in\"; by = \"'x' .. key\"; cached = false; };\n"
                 "    out   = { type = \"sink\"; from = \"count\"; topic = \"%s\"; };\n"
                 "  };\n"
                 "};\n",
                 t_pair.source, s->app.text, s->folder, process, replicas, s->in.text, s->out.text);
    const char *file = t_config_file(config);
    free(config);
    return file;
}

static struct scene make_scene(int replicas)
{
    struct scene s = {.app = t_unique("app"),
                      .in = t_unique("in"),
                      .out = t_unique("out"),
                      .folder = "/tmp/aqueduct-standby.XXXXXX"};
    assert_non_null(mkdtemp(s.folder));
    for (int i = 0; i < 2; i++) s.file[i] = config_of(&s, i, replicas);
    t_topic_create(t_pair.src, s.in.text, PARTITIONS, NULL);
    t_topic_create(t_pair.src, s.out.text, 2, NULL);
    return s;
}

static struct t_process *start_app(const struct scene *s, int process)
{
    const char *argv[] = {t_aqueduct(), "streams", "-c", s->file[process], NULL};
    return t_start(argv, NULL);
}

/* Every key once. */
static void produce(const struct scene *s)
{
    struct t_producer *producer = t_producer_open(t_pair.source, NULL, NULL);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        snprintf(key, sizeof(key), "k%d", i);
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

static void expect_counts(const struct scene *s, int64_t each)
{
    static int64_t last[KEYS];
    memset(last, 0, sizeof(last));
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

/* The sum of a number over all lines that say so; without one: how many lines there are. */
static int64_t sum(const char *words, const char *message, const char *number)
{
    int64_t all = 0;
    for (const char *at = words; (at = strstr(at, message)) != NULL; at++) {
        const char *found = number ? strstr(at, number) : NULL;
        if (found) all += atoll(found + strlen(number));
        all += number == NULL;
    }
    return all;
}

static int64_t restored(struct t_process *process)
{
    return sum(t_stderr(process), "stores restored", "records=");
}

static int64_t caught_up(struct t_process *const *process)
{
    return sum(t_stderr(process[0]), "standby copy has caught up", NULL) +
           sum(t_stderr(process[1]), "standby copy has caught up", NULL);
}

/* How many records the survivor restores. */
static int64_t restored_after_a_kill(int replicas)
{
    struct scene s = make_scene(replicas);
    struct t_process *process[2];
    for (int i = 0; i < 2; i++) process[i] = start_app(&s, i);
    T_CHECK(T_WAIT(END_MS, strstr(t_stderr(process[0]), "to=RUNNING") != NULL &&
                               strstr(t_stderr(process[1]), "to=RUNNING") != NULL),
            "not running:\n%s\n%s", t_stderr(process[0]), t_stderr(process[1]));
    for (int i = 0; i < EACH; i++) produce(&s);
    wait_outputs(&s, (int64_t)EACH * KEYS);
    T_CHECK(replicas == 0 || T_WAIT(END_MS, caught_up(process) >= PARTITIONS), "%lld copies:\n%s\n%s",
            (long long)caught_up(process), t_stderr(process[0]), t_stderr(process[1]));
    aq_sleep_ms(1000); /* the last commits reach the copies */
    int64_t before = restored(process[1]);

    t_signal(process[0], SIGKILL);
    t_wait_exit(process[0], END_MS);
    produce(&s);
    wait_outputs(&s, (EACH + 1LL) * KEYS);
    int64_t after = restored(process[1]) - before;
    expect_counts(&s, EACH + 1);
    t_signal(process[1], SIGTERM);
    T_CHECK(t_wait_exit(process[1], END_MS) == 0, "%s", t_stderr(process[1]));
    for (int i = 0; i < 2; i++) t_process_free(process[i]);
    t_remove_folder(s.folder);
    return after;
}

static void a_survivor_restores_little_with_copies_and_all_without(void **state)
{
    (void)state;
    int64_t with = restored_after_a_kill(1), without = restored_after_a_kill(0);
    fprintf(stderr, "restored: %lld records with copies, %lld without\n", (long long)with,
            (long long)without);
    T_CHECK(without >= (int64_t)EACH * KEYS / PARTITIONS, "%lld records without copies", (long long)without);
    T_CHECK(with < KEYS / 100, "%lld records with copies", (long long)with);
}

/* Stores go to and fro between workers and keepers while records come. */
static void counts_are_exact_while_processes_die_in_turn(void **state)
{
    (void)state;
    struct scene s = make_scene(1);
    struct t_process *process[2];
    for (int i = 0; i < 2; i++) process[i] = start_app(&s, i);
    for (int round = 0; round < ROUNDS; round++) {
        int victim = round % 2;
        T_CHECK(T_WAIT(END_MS, strstr(t_stderr(process[victim]), "to=RUNNING") != NULL), "round %d:\n%s",
                round, t_stderr(process[victim]));
        produce(&s);
        aq_sleep_ms(700);
        t_signal(process[victim], SIGKILL);
        t_wait_exit(process[victim], END_MS);
        t_process_free(process[victim]);
        process[victim] = start_app(&s, victim);
    }
    wait_outputs(&s, (int64_t)ROUNDS * KEYS);
    expect_counts(&s, ROUNDS);
    for (int i = 0; i < 2; i++) t_signal(process[i], SIGTERM);
    for (int i = 0; i < 2; i++) {
        T_CHECK(t_wait_exit(process[i], END_MS) == 0, "%s", t_stderr(process[i]));
        t_process_free(process[i]);
    }
    t_remove_folder(s.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_survivor_restores_little_with_copies_and_all_without),
        cmocka_unit_test(counts_are_exact_while_processes_die_in_turn),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
