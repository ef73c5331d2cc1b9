/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies on a real cluster: of two processes one is killed, and the other goes on with its tasks without reading their
 * changelogs again; without copies it reads them from the beginning. Counts stay exact whoever dies.
 */
#include "base/clock.h"
#include "tests/lib/check.h"
#include "tests/lib/counting.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define KEYS       12000
#define EACH       3
#define PARTITIONS 4
#define ROUNDS     5

/* Two processes, which have folders of their own. */
struct scene {
    struct t_counting c;
    const char *file[2];
    struct t_process *process[2];
};

static struct scene make_scene(int replicas)
{
    struct scene s = {.c = t_counting_make(KEYS, PARTITIONS)};
    char *more = t_printf("num_standby_replicas = %d;", replicas);
    s.file[0] = t_counting_file(&s.c, "0", more);
    s.file[1] = t_counting_file(&s.c, "1", more);
    free(more);
    for (int i = 0; i < 2; i++) s.process[i] = t_counting_start(s.file[i]);
    return s;
}

static int64_t restored(struct t_process *process)
{
    return t_counting_restored(t_stderr(process));
}

static int64_t caught_up(const struct scene *s)
{
    return t_counting_sum(t_stderr(s->process[0]), "standby copy has caught up", NULL) +
           t_counting_sum(t_stderr(s->process[1]), "standby copy has caught up", NULL);
}

/* How many records the survivor restores. */
static int64_t restored_after_a_kill(int replicas)
{
    struct scene s = make_scene(replicas);
    struct t_process **process = s.process;
    T_CHECK(T_WAIT(T_COUNTING_MS, strstr(t_stderr(process[0]), "to=RUNNING") != NULL &&
                                      strstr(t_stderr(process[1]), "to=RUNNING") != NULL),
            "not running:\n%s\n%s", t_stderr(process[0]), t_stderr(process[1]));
    /* One after the other: a commit writes a row once, however many records changed it. */
    for (int i = 0; i < EACH; i++) {
        t_counting_produce(&s.c, KEYS);
        t_counting_wait(&s.c, (i + 1LL) * KEYS);
    }
    T_CHECK(replicas == 0 || T_WAIT(T_COUNTING_MS, caught_up(&s) >= PARTITIONS), "%lld copies:\n%s\n%s",
            (long long)caught_up(&s), t_stderr(process[0]), t_stderr(process[1]));
    aq_sleep_ms(1000); /* the last commits reach the copies */
    int64_t before = restored(process[1]);

    t_signal(process[0], SIGKILL);
    t_wait_exit(process[0], T_COUNTING_MS);
    t_counting_produce(&s.c, KEYS);
    t_counting_wait(&s.c, (EACH + 1LL) * KEYS);
    int64_t after = restored(process[1]) - before;
    t_counting_expect(&s.c, EACH + 1);
    t_signal(process[1], SIGTERM);
    T_CHECK(t_wait_exit(process[1], T_COUNTING_MS) == 0, "%s", t_stderr(process[1]));
    for (int i = 0; i < 2; i++) t_process_free(process[i]);
    t_counting_finish(&s.c);
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
    struct t_process **process = s.process;
    for (int round = 0; round < ROUNDS; round++) {
        int victim = round % 2;
        T_CHECK(T_WAIT(T_COUNTING_MS, strstr(t_stderr(process[victim]), "to=RUNNING") != NULL),
                "round %d:\n%s", round, t_stderr(process[victim]));
        t_counting_produce(&s.c, KEYS);
        aq_sleep_ms(700);
        t_signal(process[victim], SIGKILL);
        t_wait_exit(process[victim], T_COUNTING_MS);
        t_process_free(process[victim]);
        process[victim] = t_counting_start(s.file[victim]);
    }
    t_counting_wait(&s.c, (int64_t)ROUNDS * KEYS);
    t_counting_expect(&s.c, ROUNDS);
    for (int i = 0; i < 2; i++) t_signal(process[i], SIGTERM);
    for (int i = 0; i < 2; i++) {
        T_CHECK(t_wait_exit(process[i], T_COUNTING_MS) == 0, "%s", t_stderr(process[i]));
        t_process_free(process[i]);
    }
    t_counting_finish(&s.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_survivor_restores_little_with_copies_and_all_without),
        cmocka_unit_test(counts_are_exact_while_processes_die_in_turn),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
