/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores on a real cluster: what they hold is there after a death, with their folder and without it; a changelog that was made anew
 * or deleted is noticed.
 */
#include <stdlib.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/counting.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS     T_COUNTING_MS
#define KEYS       100
#define RECORDS    20000
#define PARTITIONS 3

struct scene {
    struct t_counting c;
    const char *file;
};

static struct scene make_scene(void)
{
    struct scene s = {.c = t_counting_make(KEYS, PARTITIONS)};
    s.file = t_counting_file(&s.c, "made/by/it", "");
    return s;
}

static struct t_process *start_app(const struct scene *s)
{
    return t_counting_start(s->file);
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
    t_counting_produce(&s.c, RECORDS);
    t_counting_wait(&s.c, RECORDS);
    kill_app(process);

    process = start_app(&s);
    t_counting_produce(&s.c, RECORDS);
    t_counting_wait(&s.c, 2 * RECORDS);
    char *words = stop_app(process);
    /* At most the last commit was not in the folder yet, and as many markers and repetitions as there were commits. */
    T_CHECK(t_counting_restored(words) < RECORDS / 2, "%lld records were restored:\n%s",
            (long long)t_counting_restored(words), words);
    free(words);

    t_remove_folder(s.c.folder);
    process = start_app(&s);
    t_counting_produce(&s.c, RECORDS);
    t_counting_wait(&s.c, 3 * RECORDS);
    words = stop_app(process);
    T_CHECK(t_counting_restored(words) >= KEYS, "%lld records were restored:\n%s",
            (long long)t_counting_restored(words), words);
    expect_restored_before_running(words);
    free(words);
    t_counting_expect(&s.c, 3 * RECORDS / KEYS);
    t_counting_finish(&s.c);
}

/* ---- changelogs --------------------------------------------------------------------------------------------------- */

static char *changelog_of(const struct scene *s)
{
    return t_printf("%s-count-changelog", s->c.app.text);
}

static void a_changelog_that_was_deleted_is_an_error(void **state)
{
    (void)state;
    struct scene s = make_scene();
    struct t_process *process = start_app(&s);
    t_counting_produce(&s.c, RECORDS);
    t_counting_wait(&s.c, RECORDS);
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
    t_counting_finish(&s.c);
}

/* A reset deletes the changelog; the folder stays, and must not come back to life. */
static void a_folder_from_before_a_reset_is_not_used(void **state)
{
    (void)state;
    struct scene s = make_scene();
    struct t_process *process = start_app(&s);
    t_counting_produce(&s.c, RECORDS);
    t_counting_wait(&s.c, RECORDS);
    free(stop_app(process));
    const char *argv[] = {t_aqueduct(), "streams", "reset", "-c", s.file, NULL};
    char *said = NULL;
    int code = t_run(argv, END_MS, &said);
    T_CHECK(code == 0 && strstr(said, "-count-changelog"), "exit %d: %s", code, said);
    free(said);

    t_topic_delete(t_pair.src, s.c.out.text);
    T_CHECK(T_WAIT(END_MS, t_partitions(t_pair.src, s.c.out.text) <= 0), "%s is still there", s.c.out.text);
    t_topic_create(t_pair.src, s.c.out.text, 2, NULL);
    process = start_app(&s);
    t_counting_wait(&s.c, RECORDS);
    free(stop_app(process));
    t_counting_expect(&s.c, RECORDS / KEYS);
    t_counting_finish(&s.c);
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
