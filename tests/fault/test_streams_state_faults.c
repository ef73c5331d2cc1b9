/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores under faults: an application that counts by key behind a repartition, and keeps the last order of each customer, dies at named
 * points (base/crash.def), in a commit, before, in and behind a write to the database, while its stores are read from their changelogs; and its
 * disk is full. Afterwards the counts that came out are exact, the changelog ends with the same ones, and what is on disk is what the
 * changelog ends with, row by row (tests/lib/stored.h); so it is when state_dir was empty.
 *
 * An ordinary scene: the first of two instances is armed, dies while records flow, and is started again (tests/lib/crash_point.h).
 * When all is through and everybody has stopped, it is started alone, so that it has all tasks and reads what its stores lack, and
 * is stopped; then its state_dir is looked at.
 *
 * The disk is a tmpfs in a mount namespace of this program, which a large file fills. Where there is neither the right to mount nor
 * to make a namespace of an own user that scene is left out, and says so.
 *
 * Only in builds with crash points (every preset but release).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aqueduct/number.h"
#include "tests/lib/check.h"
#include "tests/lib/crash_point.h"
#include "tests/lib/herd.h"
#include "tests/lib/ordeal.h"
#include "tests/lib/pair.h"
#include "tests/lib/read.h"
#include "tests/lib/rekey.h"
#include "tests/lib/stored.h"
#include "tests/lib/wait.h"

#define USUAL_ROUNDS 3 /* of ./dev test */
#define PARTITIONS   2
#define OUTPUTS      2
#define RECORDS      6000
#define RATE         1500
#define MANY         40000 /* for a disk that is filled on the way */
#define MANY_RATE    3000
#define NEW_KEYS     97 /* of tests/lib/rekey.c */
#define CATCH_UP_MS  90000
#define START_MS     60000
#define STOP_MS      30000
#define EXIT_FAILED  1
#define DISK         "size=67108864"
#define LITTLE       (5 << 20) /* enough to begin, not for the stores */

struct scene {
    struct t_herd herd;
    struct t_name source, sink, counts, application;
    int64_t started;
};

/* ---- scenes ----------------------------------------------------------------------------------------------------------- */

/* The fault tests' application, with a second store in front of the repartition, whose rows are large. */
static char *make_config(const struct scene *s, const char *settings)
{
    static const char topology[] = "  topology = {\n";
    char *more =
        t_printf("state_dir = \"${%s}\"; rocksdb_write_buffer = \"4MiB\"; session_timeout_ms = 2000; %s",
                 T_HERD_STATE_DIR, settings);
    char *plain = t_rekey_config(t_pair.source, s->application.text, s->source.text, s->sink.text,
                                 s->counts.text, true, more);
    char *at = strstr(plain, topology);
    T_CHECK(at, "no topology in %s", plain);
    at += strlen(topology);
    char *config = t_printf("%.*s    latest = { type = \"to_table\"; from = \"in\"; };\n%s",
                            (int)(at - plain), plain, at);
    free(plain);
    free(more);
    return config;
}

static void open_scene(struct scene *s, int instances, const char *settings)
{
    *s = (struct scene){.started = t_now_ms(),
                        .source = t_unique("orders.stores"),
                        .sink = t_unique("rekeyed"),
                        .counts = t_unique("counted"),
                        .application = t_unique("stores")};
    t_topic_create(t_pair.src, s->source.text, PARTITIONS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, s->sink.text, OUTPUTS, "retention.ms=-1", NULL);
    t_topic_create(t_pair.src, s->counts.text, OUTPUTS, "retention.ms=-1", NULL);
    t_sleep_ms(500); /* for every broker to hear of it */
    t_herd_open(&s->herd, "streams", make_config(s, settings), instances);
}

static void close_scene(struct scene *s, bool right, const char *name)
{
    printf("%-28s %5.1f s\n", name, (double)(t_now_ms() - s->started) / 1000);
    fflush(stdout);
    t_herd_close(&s->herd, !right);
    if (!right) return;
    t_topic_delete(t_pair.src, s->source.text);
    t_topic_delete(t_pair.src, s->sink.text);
    t_topic_delete(t_pair.src, s->counts.text);
    t_topics_delete(t_pair.src, s->application.text);
}

static char *state_dir(const struct scene *s)
{
    return t_printf("%s/state-0", s->herd.folder);
}

static void wait_for_output(const struct scene *s, int64_t records)
{
    struct t_tail *tail = t_tail_open(t_pair.source, s->sink.text, OUTPUTS);
    int64_t seen = t_tail_wait(tail, records, CATCH_UP_MS);
    t_tail_close(tail);
    T_CHECK(seen >= records, "%" PRId64 " of %" PRId64 " records came out", seen, records);
}

static bool is_running(struct t_process *process)
{
    return t_stderr_has(process, "to=RUNNING");
}

/* Alone, so that all tasks come to it, and until all their stores are restored. */
static void run_alone(struct scene *s)
{
    t_herd_start(&s->herd, 0, -1, 0);
    struct t_process *process = s->herd.list[0].process;
    T_CHECK(T_WAIT(START_MS, is_running(process) || !t_running(process)), "it does not get to run");
    T_CHECK(is_running(process), "it ended:\n%s", t_stderr(process));
    T_CHECK(t_herd_stop(&s->herd, STOP_MS), "%s", s->herd.last_words);
}

/* ---- what must be true ------------------------------------------------------------------------------------------------ */

static void read_counts(const char *topic, int64_t last[NEW_KEYS])
{
    struct t_log *log = t_read(t_pair.source, topic, -1, true);
    memset(last, 0, NEW_KEYS * sizeof *last);
    for (size_t i = 0; i < log->count; i++) {
        char key[16] = "";
        T_CHECK(log->records[i].key.len < sizeof key && log->records[i].value.len == 8, "%s: odd record",
                topic);
        memcpy(key, log->records[i].key.ptr, log->records[i].key.len);
        int k = atoi(key + 1);
        T_CHECK(k >= 0 && k < NEW_KEYS, "key %s", key);
        last[k] = (int64_t)aq_be64_get(log->records[i].value.ptr);
    }
    t_log_free(log);
}

static bool counts_are_kept(const struct scene *s)
{
    int64_t out[NEW_KEYS], kept[NEW_KEYS];
    char *changelog = t_printf("%s-count-changelog", s->application.text);
    read_counts(s->counts.text, out);
    read_counts(changelog, kept);
    free(changelog);
    bool same = memcmp(out, kept, sizeof out) == 0;
    for (int k = 0; k < NEW_KEYS && !same; k++)
        if (out[k] != kept[k])
            fprintf(stderr, "k%d: %" PRId64 " came out, the changelog ends with %" PRId64 "\n", k, out[k],
                    kept[k]);
    return same;
}

static bool disk_is_right(const struct scene *s)
{
    static const char *const stores[] = {"count", "latest"};
    bool right = true;
    for (size_t i = 0; i < 2; i++) {
        char *folder = t_printf("%s/state-0/%s", s->herd.folder, s->application.text);
        struct t_stored_found found = t_stored_check(t_pair.source, folder, s->application.text, stores[i]);
        if (found.different > 0 || found.rows == 0)
            fprintf(stderr, "store %s: %" PRId64 " of %" PRId64 " rows are not as in the changelog\n",
                    stores[i], found.different, found.rows);
        right = right && found.different == 0 && found.rows > 0;
        free(folder);
    }
    return right;
}

/* Everybody has stopped. */
static bool is_exact(struct scene *s)
{
    struct t_rekey_found found = t_rekey_check(t_pair.source, s->source.text, s->sink.text, true, true);
    int64_t miscounted = t_rekey_miscounted(t_pair.source, s->source.text, s->counts.text, true, true);
    run_alone(s);
    bool right = t_rekey_is_right(&found, true) && miscounted == 0;
    if (!right)
        fprintf(stderr,
                "lost=%" PRId64 " duplicated=%" PRId64 " altered=%" PRId64 " reordered=%" PRId64
                " miscounted=%" PRId64 "\n",
                found.lost, found.duplicated, found.altered, found.reordered, miscounted);
    return counts_are_kept(s) && disk_is_right(s) && right;
}

static bool is_exact_from_nothing(struct scene *s)
{
    char *folder = state_dir(s);
    t_remove_folder(folder);
    free(folder);
    run_alone(s);
    return disk_is_right(s);
}

/* ---- deaths in a commit ----------------------------------------------------------------------------------------------- */

static void crash_at(int point)
{
    struct scene s;
    char *timeout = t_printf("transaction_timeout_ms = %d;", 1000 * t_crash_transaction_s(point));
    open_scene(&s, 2, timeout);
    free(timeout);
    t_crash_arm(&s.herd, point);
    struct t_process *generator = t_rekey_generate(t_pair.source, s.source.text, 0, RECORDS, RATE, 1);
    t_crash_hit(&s.herd, point, t_pair.src, s.sink.text);
    wait_for_output(&s, t_rekey_produced(generator));
    bool ended = t_herd_stop(&s.herd, STOP_MS);
    bool right = ended && s.herd.unexpected == 0 && is_exact(&s);
    close_scene(&s, right, aq_crash_names[point]);
    T_CHECK(ended && s.herd.unexpected == 0, "an instance ended by itself: %s", s.herd.last_words);
    T_CHECK(right, "dead at %s: the state is not right", aq_crash_names[point]);
}

static void test_death_at(void **state)
{
#ifdef AQ_CRASH_POINTS
    t_pair_setup(state);
    crash_at(*(const int *)*state);
    t_pair_teardown(state);
#else
    (void)state;
    (void)crash_at;
    skip();
#endif
}

/* ---- deaths while stores are restored --------------------------------------------------------------------------------- */

static bool has_died_there(struct t_herd *herd, int point)
{
    t_herd_look(herd);
    return herd->hits[point] > 0;
}

/* Dies there, and its next life does, too: the second goes on with what the first has left. */
static void die_restoring(struct scene *s, int point, int count)
{
    char *folder = state_dir(s);
    t_remove_folder(folder);
    free(folder);
    for (int life = 0; life < 2; life++) {
        s->herd.hits[point] = 0;
        t_herd_start(&s->herd, 0, point, count);
        T_CHECK(T_WAIT(START_MS, has_died_there(&s->herd, point)), "%s was not passed %d times",
                aq_crash_names[point], count);
    }
}

static void test_deaths_while_restoring(void **state)
{
    (void)state;
#ifdef AQ_CRASH_POINTS
    static const struct {
        int point, count;
    } deaths[] = {{AQ_CRASH_IN_RESTORE, 1},         {AQ_CRASH_IN_STORE_WRITE, 2},
                  {AQ_CRASH_BEFORE_STORE_WRITE, 1}, {AQ_CRASH_AFTER_STORE_WRITE, 1},
                  {AQ_CRASH_AFTER_RESTORE, 1},      {AQ_CRASH_IN_STORE_WRITE, 1}};
    struct scene s;
    open_scene(&s, 1, "transaction_timeout_ms = 3000;");
    struct t_process *generator = t_rekey_generate(t_pair.source, s.source.text, 0, RECORDS, RATE, 1);
    t_herd_start(&s.herd, 0, -1, 0);
    wait_for_output(&s, RECORDS / 2);
    t_herd_kill(&s.herd, 0);
    int64_t produced = t_rekey_produced(generator);
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++)
        die_restoring(&s, deaths[i].point, deaths[i].count);
    t_herd_start(&s.herd, 0, -1, 0);
    wait_for_output(&s, produced);
    bool ended = t_herd_stop(&s.herd, STOP_MS);
    bool right = ended && s.herd.unexpected == 0 && is_exact(&s) && is_exact_from_nothing(&s);
    close_scene(&s, right, "while restoring");
    T_CHECK(right, "the state is not right: %s", s.herd.last_words);
#else
    (void)die_restoring;
    (void)is_exact_from_nothing;
    skip();
#endif
}

/* ---- a full disk ------------------------------------------------------------------------------------------------------ */

static int no_mounts; /* why there is no mount namespace of our own */

static void put_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) no_mounts = errno;
    if (fd >= 0) close(fd);
}

/* Before the program has threads. */
static void enter_namespace(void)
{
    if (unshare(CLONE_NEWNS) != 0) {
        char *uids = t_printf("0 %u 1", (unsigned)geteuid()), *gids = t_printf("0 %u 1", (unsigned)getegid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) no_mounts = errno;
        if (!no_mounts) put_text("/proc/self/setgroups", "deny");
        if (!no_mounts) put_text("/proc/self/uid_map", uids);
        if (!no_mounts) put_text("/proc/self/gid_map", gids);
        free(uids);
        free(gids);
    }
    if (!no_mounts && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) no_mounts = errno;
}

/* Takes all the room there is but `left`. */
static void fill(const char *folder, off_t left)
{
    static const char zeros[65536];
    char *path = t_printf("%s/ballast", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    T_CHECK(fd >= 0, "%s: %s", path, strerror(errno));
    off_t size = 0;
    for (size_t piece = sizeof zeros; piece > 0;) {
        ssize_t got = write(fd, zeros, piece);
        T_CHECK(got >= 0 || errno == ENOSPC, "%s: %s", path, strerror(errno));
        if (got < 0) piece /= 2;
        if (got > 0) size += got;
    }
    T_CHECK(ftruncate(fd, size > left ? size - left : 0) == 0, "%s: %s", path, strerror(errno));
    close(fd);
    free(path);
}

static void make_room(const char *folder)
{
    char *path = t_printf("%s/ballast", folder);
    T_CHECK(unlink(path) == 0, "%s: %s", path, strerror(errno));
    free(path);
}

/* Errors of the program's own. Those of the client (kafka=…) have other reasons: on a slow machine brokers end transactions that
 * take longer than the few seconds they have here. */
static int own_errors(const char *words)
{
    int n = 0;
    for (const char *at = strstr(words, "level=error"); at; at = strstr(at + 1, "level=error")) {
        const char *end = strchr(at, '\n'), *client = strstr(at, " kafka=");
        if (!client || (end && client > end)) n++;
    }
    return n;
}

/* It ends by itself, with one error that says where, why, and what to do. */
static void expect_full(struct scene *s)
{
    struct t_process *process = s->herd.list[0].process;
    int code = t_wait_exit(process, CATCH_UP_MS);
    const char *words = t_stderr(process);
    T_CHECK(code == EXIT_FAILED, "it ended with %d on a full disk:\n%s", code, words);
    T_CHECK(strstr(words, "the disk is full: make room there, or set state_dir"), "%s", words);
    T_CHECK(strstr(words, s->herd.folder) && strstr(words, strerror(ENOSPC)), "%s", words);
    T_CHECK(own_errors(words) == 1, "one error is enough:\n%s", words);
    t_herd_kill(&s->herd, 0); /* it is gone already: that only takes its log */
}

static void play_full(struct scene *s, const char *disk)
{
    struct t_process *generator = t_rekey_generate(t_pair.source, s->source.text, 0, MANY, MANY_RATE, 1);
    t_herd_start(&s->herd, 0, -1, 0);
    wait_for_output(s, MANY / 10);
    fill(disk, 0); /* while it writes */
    expect_full(s);
    t_herd_start(&s->herd, 0, -1, 0); /* still full */
    expect_full(s);
    make_room(disk);
    t_herd_start(&s->herd, 0, -1, 0);
    wait_for_output(s, t_rekey_produced(generator));
    T_CHECK(t_herd_stop(&s->herd, STOP_MS), "%s", s->herd.last_words);
    T_CHECK(is_exact(s), "the state is not right");
}

/* The folder is a mount, so what is in it goes, and not itself. */
static void empty_disk(const char *disk)
{
    T_CHECK(umount2(disk, MNT_DETACH) == 0, "%s: %s", disk, strerror(errno));
    T_CHECK(mount("tmpfs", disk, "tmpfs", 0, DISK) == 0, "%s: %s", disk, strerror(errno));
}

static void test_a_full_disk(void **state)
{
    (void)state;
    T_CHECK(!no_mounts || no_mounts == EPERM || no_mounts == EACCES || no_mounts == ENOSPC, "namespace: %s",
            strerror(no_mounts));
    if (no_mounts) {
        printf("NOT RUN: a full disk: there may be no file system mounted here (%s)\n", strerror(no_mounts));
        skip();
    }
    struct scene s;
    open_scene(&s, 1, "transaction_timeout_ms = 3000;");
    char *disk = state_dir(&s);
    T_CHECK(mkdir(disk, 0700) == 0 && mount("tmpfs", disk, "tmpfs", 0, DISK) == 0, "%s: %s", disk,
            strerror(errno));
    play_full(&s, disk);
    /* Full before the stores are restored. */
    empty_disk(disk);
    fill(disk, LITTLE);
    t_herd_start(&s.herd, 0, -1, 0);
    expect_full(&s);
    make_room(disk);
    run_alone(&s);
    bool right = disk_is_right(&s);
    T_CHECK(umount2(disk, MNT_DETACH) == 0, "%s: %s", disk, strerror(errno));
    free(disk);
    close_scene(&s, right, "a full disk");
    T_CHECK(right, "the state is not right");
}

/* ---- all -------------------------------------------------------------------------------------------------------------- */

/* Every point of a store; of those of a cycle, which other tests pass as well, every third in ./dev test. */
static bool is_due(int point, bool all)
{
    if (point == AQ_CRASH_IN_RESTORE || point == AQ_CRASH_AFTER_RESTORE) return false;
    return all || point >= AQ_CRASH_STORES || point % 3 == 0;
}

int main(void)
{
    static int points[AQ_CRASH_COUNT];
    static struct CMUnitTest tests[AQ_CRASH_COUNT + 2];
    bool all = t_setting("AQUEDUCT_FAULT_ROUNDS", USUAL_ROUNDS) > USUAL_ROUNDS;
    size_t n = 0;
    if (getenv("AQUEDUCT_TEST_FILTER")) cmocka_set_test_filter(getenv("AQUEDUCT_TEST_FILTER"));
    enter_namespace();
    tests[n++] = (struct CMUnitTest)T_WITH_PAIR(test_a_full_disk);
    tests[n++] = (struct CMUnitTest)T_WITH_PAIR(test_deaths_while_restoring);
    for (int i = 0; i < AQ_CRASH_COUNT; i++) {
        if (!is_due(i, all)) continue;
        points[i] = i;
        tests[n++] = (struct CMUnitTest){
            .name = aq_crash_names[i], .test_func = test_death_at, .initial_state = &points[i]};
    }
    return _cmocka_run_group_tests("stores under faults", tests, n, NULL, NULL);
}
