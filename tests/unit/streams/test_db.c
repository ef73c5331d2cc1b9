/* SPDX-License-Identifier: Apache-2.0
 *
 * Both kinds of databases by the same scenes: what is said in streams/state/db.h holds for each. RocksDB besides keeps what was written over
 * a close, and over a process that is killed.
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "streams/state/db.h"
#include "tests/lib/check.h"
#include "tests/lib/process.h"

struct world {
    const struct st_db_kind *kind;
    struct st_db *db;
    char path[64];
};

static void open_db(struct world *w)
{
    struct aq_err err;
    struct st_db_conf conf = {.path = w->path, .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    T_CHECK(w->kind->open(&conf, &w->db, &err) == 0, "%s", err.text);
}

static void begin(struct world *w, const struct st_db_kind *kind)
{
    *w = (struct world){.kind = kind, .path = "/tmp/aqueduct-db.XXXXXX"};
    assert_non_null(mkdtemp(w->path));
    open_db(w);
}

static void finish(struct world *w)
{
    if (w->db) w->kind->close(w->db);
    t_remove_folder(w->path);
}

static struct st_family *family(struct world *w, const char *name)
{
    struct st_family *ret;
    struct aq_err err;
    T_CHECK(w->kind->family_open(w->db, name, &ret, &err) == 0, "%s", err.text);
    return ret;
}

static void put(struct world *w, struct st_db_batch *batch, struct st_family *f, const char *key,
                const char *value)
{
    w->kind->batch_put(batch, f, aq_slice_str(key), value ? aq_slice_str(value) : AQ_NULL_SLICE);
}

static void write_batch(struct world *w, struct st_db_batch *batch)
{
    struct aq_err err;
    T_CHECK(w->kind->batch_write(batch, &err) == 0, "%s", err.text);
}

static void write_one(struct world *w, struct st_family *f, const char *key, const char *value)
{
    struct st_db_batch *batch = w->kind->batch(w->db);
    put(w, batch, f, key, value);
    write_batch(w, batch);
    w->kind->batch_destroy(batch);
}

/* "-" when there is none. */
static const char *get(struct world *w, struct st_family *f, const char *key)
{
    static char buf[64];
    struct aq_slice value;
    struct aq_err err;
    T_CHECK(w->kind->get(f, aq_slice_str(key), &value, &err) == 0, "%s", err.text);
    if (aq_slice_is_null(value)) return "-";
    snprintf(buf, sizeof(buf), "%.*s", (int)value.len, value.ptr);
    return buf;
}

static void note_rest(struct world *w, struct st_cursor *cursor, bool forwards, char *log, size_t size)
{
    struct aq_slice key, value;
    while (w->kind->at(cursor, &key, &value)) {
        t_note(log, size, "%.*s=%.*s", (int)key.len, key.ptr, (int)value.len, value.ptr);
        (forwards ? w->kind->next : w->kind->prev)(cursor);
    }
}

/* From the key on, or backwards from before it. */
static const char *scan(struct world *w, struct st_family *f, bool forwards, const char *from)
{
    static char log[256];
    struct aq_err err;
    struct aq_slice key = from ? aq_slice_str(from) : AQ_NULL_SLICE;
    struct st_cursor *cursor = w->kind->cursor(f);
    log[0] = 0;
    (forwards ? w->kind->seek : w->kind->seek_before)(cursor, key);
    note_rest(w, cursor, forwards, log, sizeof(log));
    assert_int_equal(w->kind->cursor_error(cursor, &err), 0);
    w->kind->cursor_close(cursor);
    return log;
}

static void keys_are_read_back_and_families_apart(struct world *w)
{
    struct st_family *one = family(w, "totals-0_1"), *two = family(w, "totals-0_2");
    write_one(w, one, "k", "1");
    write_one(w, two, "k", "2");
    assert_string_equal(get(w, one, "k"), "1");
    assert_string_equal(get(w, two, "k"), "2");
    write_one(w, one, "k", "a longer one");
    write_one(w, two, "k", "");
    assert_string_equal(get(w, one, "k"), "a longer one");
    assert_string_equal(get(w, two, "k"), "");
    write_one(w, two, "k", NULL);
    assert_string_equal(get(w, two, "k"), "-");
    assert_string_equal(get(w, one, "missing"), "-");
    assert_true(w->kind->memory(w->db) > 0);
    w->kind->family_close(one);
    w->kind->family_close(two);
}

static void nothing_of_a_batch_is_there_before_it_is_written(struct world *w)
{
    struct st_family *f = family(w, "f"), *g = family(w, "g");
    struct st_db_batch *batch = w->kind->batch(w->db);
    put(w, batch, f, "a", "1");
    put(w, batch, g, "a", "2");
    put(w, batch, f, "a", NULL);
    put(w, batch, f, "b", "3");
    assert_string_equal(get(w, g, "a"), "-");
    write_batch(w, batch);
    assert_string_equal(get(w, f, "a"), "-");
    assert_string_equal(get(w, f, "b"), "3");
    assert_string_equal(get(w, g, "a"), "2");
    /* It is empty now. */
    write_one(w, f, "b", NULL);
    write_batch(w, batch);
    assert_string_equal(get(w, f, "b"), "-");
    w->kind->batch_destroy(batch);
    w->kind->family_close(f);
    w->kind->family_close(g);
}

static void cursors_go_both_ways_from_anywhere(struct world *w)
{
    struct st_family *f = family(w, "f");
    const char *const keys[] = {"b", "a", "ab", "c", "\xff", "d"};
    assert_string_equal(scan(w, f, true, NULL), "");
    for (size_t i = 0; i < 6; i++) write_one(w, f, keys[i], keys[i]);
    write_one(w, f, "d", NULL);
    assert_string_equal(scan(w, f, true, NULL), "a=a ab=ab b=b c=c \xff=\xff");
    assert_string_equal(scan(w, f, true, "ab"), "ab=ab b=b c=c \xff=\xff");
    assert_string_equal(scan(w, f, true, "aa"), "ab=ab b=b c=c \xff=\xff");
    assert_string_equal(scan(w, f, true, "\xff\xff"), "");
    assert_string_equal(scan(w, f, false, NULL), "\xff=\xff c=c b=b ab=ab a=a");
    assert_string_equal(scan(w, f, false, "b"), "ab=ab a=a");
    assert_string_equal(scan(w, f, false, "bb"), "b=b ab=ab a=a");
    assert_string_equal(scan(w, f, false, "a"), "");
    w->kind->family_close(f);
}

static void a_range_is_deleted_without_its_end(struct world *w)
{
    struct st_family *f = family(w, "f");
    const char *const keys[] = {"a", "b", "bb", "c", "d"};
    for (size_t i = 0; i < 5; i++) write_one(w, f, keys[i], "1");
    struct st_db_batch *batch = w->kind->batch(w->db);
    w->kind->batch_delete_range(batch, f, AQ_LIT("b"), AQ_LIT("c"));
    put(w, batch, f, "ba", "2");
    write_batch(w, batch);
    w->kind->batch_destroy(batch);
    assert_string_equal(scan(w, f, true, NULL), "a=1 ba=2 c=1 d=1");
    assert_string_equal(scan(w, f, false, NULL), "d=1 c=1 ba=2 a=1");
    w->kind->family_close(f);
}

static void note_name(void *ctx, const char *name)
{
    t_note(ctx, 64, "%s", name);
}

static void a_dropped_family_is_empty_when_it_comes_back(struct world *w)
{
    struct aq_err err;
    char names[64] = "";
    struct st_family *f = family(w, "f");
    write_one(w, f, "k", "1");
    w->kind->family_close(f);
    assert_int_equal(w->kind->family_drop(w->db, "f", &err), 0);
    assert_int_equal(w->kind->family_drop(w->db, "never-was", &err), 0);
    w->kind->families(w->db, note_name, names);
    assert_string_equal(names, "");
    f = family(w, "f");
    assert_string_equal(get(w, f, "k"), "-");
    w->kind->families(w->db, note_name, names);
    assert_string_equal(names, "f");
    w->kind->family_close(f);
}

static void many_keys_stay_in_order(struct world *w)
{
    struct st_family *f = family(w, "f");
    struct st_db_batch *batch = w->kind->batch(w->db);
    char key[16];
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "%06u", i * 7919 % 5000);
        put(w, batch, f, key, key);
    }
    write_batch(w, batch);
    w->kind->batch_destroy(batch);
    struct st_cursor *cursor = w->kind->cursor(f);
    struct aq_slice found, value;
    w->kind->seek(cursor, AQ_NULL_SLICE);
    for (uint32_t i = 0; i < 5000; i++, w->kind->next(cursor)) {
        snprintf(key, sizeof(key), "%06u", i);
        assert_true(w->kind->at(cursor, &found, &value));
        assert_true(aq_slice_equal(found, aq_slice_str(key)) && aq_slice_equal(value, found));
    }
    assert_false(w->kind->at(cursor, &found, &value));
    w->kind->cursor_close(cursor);
    w->kind->family_close(f);
}

static void each_scene_holds_for_each_kind(void **state)
{
    static const struct st_db_kind *const kinds[] = {&st_db_memory, &st_db_rocks};
    static void (*const scenes[])(struct world * w) = {
        keys_are_read_back_and_families_apart,        nothing_of_a_batch_is_there_before_it_is_written,
        cursors_go_both_ways_from_anywhere,           a_range_is_deleted_without_its_end,
        a_dropped_family_is_empty_when_it_comes_back, many_keys_stay_in_order};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
            struct world w;
            begin(&w, kinds[k]);
            scenes[i](&w);
            finish(&w);
        }
    }
}

/* ---- what only RocksDB does --------------------------------------------------------------------------------------- */

static void a_folder_belongs_to_one_database(void **state)
{
    (void)state;
    struct world w;
    struct st_db *other;
    struct aq_err err;
    begin(&w, &st_db_rocks);
    struct st_db_conf conf = {.path = w.path, .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    assert_int_equal(st_db_rocks.open(&conf, &other, &err), AQ_E_BUSY);
    assert_non_null(strstr(err.text, w.path));
    assert_non_null(strstr(err.text, "state_dir"));
    finish(&w);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    (void)state;
    struct st_db *db;
    struct aq_err err;
    struct st_db_conf conf = {.path = "/proc/nowhere/state", .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    assert_int_equal(st_db_rocks.open(&conf, &db, &err), AQ_E_IO);
    assert_non_null(strstr(err.text, "/proc/nowhere/state"));
}

static void what_was_written_is_there_after_a_close(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &st_db_rocks);
    struct st_family *f = family(&w, "f");
    write_one(&w, f, "k", "1");
    w.kind->family_close(f);
    w.kind->close(w.db);
    open_db(&w);
    f = family(&w, "f");
    assert_string_equal(get(&w, f, "k"), "1");
    w.kind->family_close(f);
    finish(&w);
}

/* Writes "n" to two families, n growing, until it is killed; each number to standard output when its batch is written. A program of
 * its own: RocksDB's threads do not come along with a fork. */
static int write_until_killed(const char *path)
{
    struct aq_err err;
    struct st_db *db;
    struct st_family *f, *g;
    const struct st_db_kind *kind = &st_db_rocks;
    struct st_db_conf conf = {.path = path, .cache_bytes = 1 << 20, .write_bytes = 1 << 16};
    if (kind->open(&conf, &db, &err) != 0) return 1;
    if (kind->family_open(db, "f", &f, &err) != 0 || kind->family_open(db, "g", &g, &err) != 0) return 1;
    struct st_db_batch *batch = kind->batch(db);
    for (uint32_t n = 1;; n++) {
        struct aq_slice value = aq_slice_of(&n, sizeof(n));
        kind->batch_put(batch, f, AQ_LIT("n"), value);
        kind->batch_put(batch, g, AQ_LIT("n"), value);
        if (kind->batch_write(batch, &err) != 0 || write(STDOUT_FILENO, &n, sizeof(n)) != sizeof(n)) return 1;
    }
}

static uint32_t number_in(struct world *w, const char *name)
{
    uint32_t n;
    struct aq_slice value;
    struct aq_err err;
    struct st_family *f = family(w, name);
    assert_int_equal(w->kind->get(f, AQ_LIT("n"), &value, &err), 0);
    assert_int_equal(value.len, sizeof(n));
    memcpy(&n, value.ptr, sizeof(n));
    w->kind->family_close(f);
    return n;
}

/* The world's database is closed; the number that was told last. */
static uint32_t kill_a_writer(const struct world *w)
{
    int ends[2], status;
    uint32_t n = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "test_db", w->path, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while (n < 3000) assert_int_equal(read(ends[0], &n, sizeof(n)), sizeof(n));
    kill(child, SIGKILL);
    while (read(ends[0], &n, sizeof(n)) == sizeof(n)) continue;
    close(ends[0]);
    waitpid(child, &status, 0);
    return n;
}

static void begin_closed(struct world *w)
{
    begin(w, &st_db_rocks);
    w->kind->close(w->db);
    w->db = NULL;
}

static void a_killed_process_leaves_whole_batches_and_all_of_them(void **state)
{
    (void)state;
    struct world w;
    begin_closed(&w);
    uint32_t n = kill_a_writer(&w);
    open_db(&w);
    uint32_t found = number_in(&w, "f");
    assert_int_equal(number_in(&w, "g"), found);
    assert_true(found == n || found == n + 1); /* told after it was written */
    finish(&w);
}

/* The write-ahead log that is written to. */
static off_t newest_log(const char *folder, char path[PATH_MAX])
{
    struct stat found;
    int newest = -1, number;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        int end = 0;
        if (sscanf(entry->d_name, "%d.log%n", &number, &end) == 1 && end > 0 && number > newest)
            newest = number;
    }
    closedir(dir);
    snprintf(path, PATH_MAX, "%s/%06d.log", folder, newest);
    assert_int_equal(stat(path, &found), 0);
    return found.st_size;
}

static uint32_t number_when_cut(const struct world *w, off_t cut)
{
    struct world copy = {.kind = w->kind};
    char log[PATH_MAX];
    snprintf(copy.path, sizeof(copy.path), "%.40s-cut", w->path);
    const char *const argv[] = {"cp", "-r", w->path, copy.path, NULL};
    assert_int_equal(t_run(argv, 10000, NULL), 0);
    off_t size = newest_log(copy.path, log);
    assert_int_equal(truncate(log, size - cut), 0);
    open_db(&copy);
    uint32_t found = number_in(&copy, "f");
    assert_int_equal(number_in(&copy, "g"), found);
    finish(&copy);
    return found;
}

/* As a process that dies while it writes, or a disk that fills up, leaves it. */
static void a_batch_that_was_written_in_part_never_was(void **state)
{
    (void)state;
    struct world w;
    char log[PATH_MAX];
    begin_closed(&w);
    do kill_a_writer(&w);
    while (newest_log(w.path, log) < 4096);
    uint32_t last = number_when_cut(&w, 0);
    static const off_t cuts[] = {1, 2, 9, 17, 30};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
        assert_int_equal(number_when_cut(&w, cuts[i]), last - 1);
    finish(&w);
}

int main(int argc, char **argv)
{
    if (argc == 2) return write_until_killed(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scene_holds_for_each_kind),
        cmocka_unit_test(a_folder_belongs_to_one_database),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
        cmocka_unit_test(what_was_written_is_there_after_a_close),
        cmocka_unit_test(a_killed_process_leaves_whole_batches_and_all_of_them),
        cmocka_unit_test(a_batch_that_was_written_in_part_never_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
