/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a store's committed rows for who asks from outside: which rows, in which pages, and nothing that is not committed.
 */
#include "base/big_endian.h"
#include "base/clock.h"
#include "streams/query/read.h"
#include "streams/state/versioned.h"
#include "tests/lib/check.h"

struct shelf {
    const struct st_db_kind *kind;
    struct st_db *db;
    struct st_home home;
    struct st_store store;
    struct st_queryable of;
    struct st_kept kept;
    struct st_page page;
    char path[64];
    char told[1024]; /* rows of the last question: "key@time=value" */
    struct aq_slice after;
    struct aq_arena arena;
    struct aq_err err;
};

static void open_shelf(struct shelf *s, const struct st_db_kind *kind, enum st_rows_kept kept,
                       int32_t rest_len)
{
    *s = (struct shelf){.kind = kind, .path = "/tmp/aqueduct-query.XXXXXX"};
    assert_non_null(mkdtemp(s->path));
    const struct st_db_conf conf = {.path = s->path, .cache_bytes = 1 << 20, .write_bytes = 1 << 20};
    T_CHECK(kind->open(&conf, &s->db, &s->err) == 0, "%s", s->err.text);
    s->home = (struct st_home){.kind = kind, .db = s->db, .batch = kind->batch(s->db)};
    s->store = (struct st_store){.name = "rows", .conf = {.rest_len = rest_len}};
    s->of = (struct st_queryable){.store = &s->store, .kept = kept, .history_ms = 100};
    s->kept = (struct st_kept){.store = &s->store, .home = &s->home, .newest_ms = -1};
    const struct st_state_conf state = {
        .kind = kind, .db = s->db, .family = "rows-0", .rest_len = rest_len, .cache_bytes = 1 << 20};
    T_CHECK(st_state_open(&s->kept.state, &state, &s->err) == 0, "%s", s->err.text);
    s->page = (struct st_page){.most_entries = 1000, .most_bytes = 1 << 20, .until_us = INT64_MAX};
    aq_arena_init(&s->arena, 1024);
    s->after = AQ_NULL_SLICE;
}

static void close_shelf(struct shelf *s)
{
    st_state_close(&s->kept.state);
    s->kind->batch_destroy(s->home.batch);
    s->kind->close(s->db);
    aq_arena_finish(&s->arena);
    t_remove_folder(s->path);
}

static struct aq_slice rest_of(char *bytes, int64_t first, int64_t second, int32_t len)
{
    aq_be64_put(bytes, (uint64_t)first);
    if (len == 12) aq_be32_put(bytes + 8, (uint32_t)second);
    if (len == 16) aq_be64_put(bytes + 8, (uint64_t)second);
    return len ? aq_slice_of(bytes, (size_t)len) : AQ_LIT("");
}

static void put(struct shelf *s, const char *key, int64_t first, int64_t second, const char *value)
{
    char bytes[16];
    st_state_put(&s->kept.state, aq_slice_str(key), rest_of(bytes, first, second, s->store.conf.rest_len),
                 value ? aq_slice_str(value) : AQ_NULL_SLICE);
}

static void seal(struct shelf *s)
{
    st_table_seal(&s->kept.state.table);
}

static void committed(struct shelf *s)
{
    st_state_write(&s->kept.state, s->home.batch);
    T_CHECK(s->kind->batch_write(s->home.batch, &s->err) == 0, "%s", s->err.text);
    st_table_committed(&s->kept.state.table);
}

static void commit(struct shelf *s)
{
    seal(s);
    committed(s);
}

static struct st_ask *new_ask(struct shelf *s)
{
    struct st_ask *ask = st_ask_create();
    ask->question.of = &s->of;
    ask->question.most_rows = 100;
    ask->question.after = s->after;
    return ask;
}

/* Asks, tells the rows, and remembers where the next page begins. True: there is one. */
static bool look(struct shelf *s, struct st_ask *ask)
{
    int rc = st_query_read(&s->kept, ask, &s->page, &s->err);
    T_CHECK(rc == 0, "%s", s->err.text);
    const struct st_reply *reply = &ask->reply;
    s->told[0] = '\0';
    for (uint32_t i = 0; i < reply->n_rows; i++) {
        const struct st_found_row *row = &reply->rows[i];
        bool stamped = s->of.kept == ST_KEPT_VERSIONED;
        const char *value = stamped ? row->value.ptr + 1 : row->value.ptr;
        int len = (int)row->value.len - stamped;
        char place[48] = "";
        if (row->rest.len >= 8)
            snprintf(place, sizeof(place), "@%lld", (long long)aq_be64_get(row->rest.ptr));
        t_note(s->told, sizeof(s->told), "%.*s%s=%.*s", (int)row->bucket.len, row->bucket.ptr, place, len,
               value);
    }
    bool more = reply->more;
    s->after = aq_arena_copy(&s->arena, reply->last);
    st_ask_unref(ask);
    return more;
}

static void expect_told(const struct shelf *s, const char *expected)
{
    T_CHECK(strcmp(s->told, expected) == 0, "'%s', not '%s'", s->told, expected);
}

static void expect_key(struct shelf *s, const char *key, int64_t from, int64_t to, const char *expected)
{
    s->after = AQ_NULL_SLICE;
    struct st_ask *ask = new_ask(s);
    ask->question.key = aq_slice_str(key);
    ask->question.time_from = from;
    ask->question.time_to = to;
    assert_false(look(s, ask));
    expect_told(s, expected);
}

static void expect_range(struct shelf *s, const char *from, const char *to, const char *expected)
{
    s->after = AQ_NULL_SLICE;
    struct st_ask *ask = new_ask(s);
    ask->question.from = from ? aq_slice_str(from) : AQ_NULL_SLICE;
    ask->question.to = to ? aq_slice_str(to) : AQ_NULL_SLICE;
    assert_false(look(s, ask));
    expect_told(s, expected);
}

static void expect_as_of(struct shelf *s, const char *key, int64_t as_of, const char *expected)
{
    s->after = AQ_NULL_SLICE;
    struct st_ask *ask = new_ask(s);
    if (key) ask->question.key = aq_slice_str(key);
    ask->question.as_of_ms = as_of;
    assert_false(look(s, ask));
    expect_told(s, expected);
}

static const struct st_db_kind *const kinds[] = {&st_db_memory, &st_db_rocks};

/* ---- what is committed -------------------------------------------------------------------------------------------- */

static void nothing_is_shown_before_it_is_committed(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_PLAIN, 0);
    put(&s, "a", 0, 0, "1");
    expect_key(&s, "a", -1, -1, "");
    expect_range(&s, NULL, NULL, "");
    seal(&s);
    put(&s, "a", 0, 0, "2");
    expect_key(&s, "a", -1, -1, "");
    committed(&s);
    expect_key(&s, "a", -1, -1, "a=1"); /* the second belongs to the next cycle */
    expect_range(&s, NULL, NULL, "a=1");
    st_table_abort_open(&s.kept.state.table);
    expect_key(&s, "a", -1, -1, "a=1");
    put(&s, "a", 0, 0, NULL);
    seal(&s);
    expect_key(&s, "a", -1, -1, "a=1");
    st_table_abort_sealed(&s.kept.state.table);
    expect_range(&s, NULL, NULL, "a=1");
    put(&s, "a", 0, 0, NULL);
    commit(&s);
    expect_key(&s, "a", -1, -1, "");
    close_shelf(&s);
}

static void asking_leaves_the_cache_as_it_is(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_PLAIN, 0);
    put(&s, "a", 0, 0, "1");
    commit(&s);
    st_table_trim(&s.kept.state.table, 0);
    assert_int_equal(s.kept.state.table.n_buckets, 0);
    expect_key(&s, "a", -1, -1, "a=1");
    expect_range(&s, NULL, NULL, "a=1");
    assert_int_equal(s.kept.state.table.n_buckets, 0);
    close_shelf(&s);
}

/* ---- which rows --------------------------------------------------------------------------------------------------- */

static void ranges_are_inclusive(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct shelf s;
        open_shelf(&s, kinds[k], ST_KEPT_PLAIN, 0);
        static const char *const keys[] = {"", "a", "aa", "ab", "b", "c"};
        for (size_t i = 0; i < 6; i++) put(&s, keys[i], 0, 0, "v");
        commit(&s);
        expect_range(&s, NULL, NULL, "=v a=v aa=v ab=v b=v c=v");
        expect_range(&s, "a", "b", "a=v aa=v ab=v b=v");
        expect_range(&s, "aaa", NULL, "ab=v b=v c=v");
        expect_range(&s, NULL, "a", "=v a=v");
        expect_range(&s, "d", "e", "");
        expect_key(&s, "aa", -1, -1, "aa=v");
        close_shelf(&s);
    }
}

/* Keys that begin alike lie among each other. */
static void windows_of_one_key_are_told_from_those_of_a_longer_one(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct shelf s;
        open_shelf(&s, kinds[k], ST_KEPT_WINDOWS, 12);
        char odd[16] = "a";
        memset(odd + 1, 1, 3); /* "a", and bytes that lie between two times of "a" */
        put(&s, "a", 10, 0, "1");
        put(&s, "a", 20, 0, "2");
        put(&s, "a", 30, 0, "3");
        put(&s, odd, 10, 0, "odd");
        put(&s, "ab", 20, 0, "4");
        put(&s, "b", 5, 0, "5");
        commit(&s);
        expect_key(&s, "a", -1, -1, "a@10=1 a@20=2 a@30=3");
        expect_key(&s, "a", 11, 30, "a@20=2 a@30=3");
        expect_key(&s, "a", 20, 20, "a@20=2");
        expect_key(&s, "a", 31, -1, "");
        expect_key(&s, "ab", -1, -1, "ab@20=4");
        expect_range(&s, "a", "a", "a@10=1 a@20=2 a@30=3");
        expect_range(&s, "ab", NULL, "ab@20=4 b@5=5");
        close_shelf(&s);
    }
}

static void a_range_ends_behind_every_window_of_shorter_keys(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_WINDOWS, 12);
    struct st_ask *ask = new_ask(&s);
    /* Behind the zero bytes of the end there may still be windows of "a". */
    put(&s, "a", 70000000000, 0, "1");
    char between[5] = {'a', 0, 0, 1, 0};
    st_state_put(&s.kept.state, aq_slice_of(between, 4), aq_slice_of("\0\0\0\0\0\0\0\5\0\0\0\0", 12),
                 AQ_LIT("x"));
    commit(&s);
    ask->question.to = aq_slice_of("a\0\0\0", 4);
    assert_false(look(&s, ask));
    expect_told(&s, "a@70000000000=1");
    close_shelf(&s);
}

static void windows_that_were_let_go_are_no_rows(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_WINDOWS, 12);
    s.store.conf.retention_ms = 100;
    put(&s, "a", 10, 0, "1");
    put(&s, "a", 200, 0, "2");
    commit(&s);
    s.kept.newest_ms = 110;
    expect_key(&s, "a", -1, -1, "a@10=1 a@200=2");
    s.kept.newest_ms = 111;
    expect_key(&s, "a", -1, -1, "a@200=2");
    close_shelf(&s);
}

static void sessions_that_touch_the_time_are_shown(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_SESSIONS, 16);
    put(&s, "a", 10, 5, "5-10"); /* end, start */
    put(&s, "a", 30, 20, "20-30");
    put(&s, "b", 25, 25, "25-25");
    commit(&s);
    expect_key(&s, "a", -1, -1, "a@10=5-10 a@30=20-30");
    expect_key(&s, "a", 10, 15, "a@10=5-10");
    expect_key(&s, "a", 11, 19, "");
    expect_key(&s, "a", 30, -1, "a@30=20-30");
    expect_key(&s, "a", -1, 20, "a@10=5-10 a@30=20-30");
    close_shelf(&s);
}

/* ---- versions ----------------------------------------------------------------------------------------------------- */

static void put_version(struct shelf *s, const char *key, const char *value, int64_t ms)
{
    enum st_versioned_answer answer;
    int rc = st_versioned_put(&s->kept.state, s->of.history_ms, aq_slice_str(key),
                              value ? aq_slice_str(value) : AQ_NULL_SLICE, ms, NULL, NULL, &answer, &s->err);
    T_CHECK(rc == 0, "%s", s->err.text);
}

static void versions_are_as_of_their_time(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct shelf s;
        open_shelf(&s, kinds[k], ST_KEPT_VERSIONED, st_versioned_conf().rest_len);
        expect_as_of(&s, "a", -1, "");
        put_version(&s, "a", "1", 1010);
        put_version(&s, "a", "2", 1020);
        put_version(&s, "ab", "x", 1015);
        put_version(&s, "", "e", 1012);
        put_version(&s, "gone", "g", 1011);
        put_version(&s, "gone", NULL, 1030);
        commit(&s);
        expect_as_of(&s, "a", -1, "a@1020=2");
        expect_as_of(&s, "a", 1019, "a@1010=1");
        expect_as_of(&s, "a", 1009, "");
        expect_as_of(&s, "a", 99999, "a@1020=2");
        expect_as_of(&s, "", -1, "@1012=e");
        expect_as_of(&s, "gone", -1, "");
        expect_as_of(&s, "gone", 1029, "gone@1011=g");
        expect_as_of(&s, "nobody", -1, "");
        expect_as_of(&s, NULL, -1, "@1012=e a@1020=2 ab@1015=x");
        expect_as_of(&s, NULL, 1011, "a@1010=1 gone@1011=g");
        expect_key(&s, "a", 1015, -1, "a@1010=1 a@1020=2"); /* the first was valid then */
        expect_key(&s, "a", 1020, -1, "a@1020=2");
        expect_key(&s, "a", -1, 1012, "a@1010=1");
        close_shelf(&s);
    }
}

static void what_the_history_does_not_reach_is_said(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_VERSIONED, st_versioned_conf().rest_len);
    put_version(&s, "a", "1", 1000);
    put_version(&s, "b", "2", 1200);
    commit(&s);
    struct st_ask *ask = new_ask(&s);
    ask->question.key = AQ_LIT("a");
    ask->question.as_of_ms = 1099;
    T_CHECK(st_query_read(&s.kept, ask, &s.page, &s.err) == 0, "%s", s.err.text);
    assert_true(ask->reply.expired);
    assert_int_equal(ask->reply.n_rows, 0);
    st_ask_unref(ask);
    expect_as_of(&s, "a", 1100, "a@1000=1");
    close_shelf(&s);
}

/* ---- pages -------------------------------------------------------------------------------------------------------- */

static void pages_together_are_the_whole(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct shelf s;
        open_shelf(&s, kinds[k], ST_KEPT_PLAIN, 0);
        char key[16], expected[1024] = "", got[1024] = "";
        for (int i = 0; i < 50; i++) {
            snprintf(key, sizeof(key), "k%02d", i);
            put(&s, key, 0, 0, "v");
            t_note(expected, sizeof(expected), "%s=v", key);
        }
        commit(&s);
        int pages = 0;
        for (bool more = true; more; pages++) {
            struct st_ask *ask = new_ask(&s);
            ask->question.most_rows = 7;
            more = look(&s, ask);
            t_note(got, sizeof(got), "%s", s.told);
        }
        assert_int_equal(pages, 8);
        assert_string_equal(got, expected);
        close_shelf(&s);
    }
}

static void a_page_that_has_cost_enough_ends_without_rows(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, &st_db_memory, ST_KEPT_WINDOWS, 12);
    for (int i = 0; i < 100; i++) put(&s, "a", i, 0, "v");
    commit(&s);
    s.page.most_entries = 10;
    struct st_ask *ask;
    int pages = 0;
    bool more = true;
    for (; more; pages++) {
        ask = new_ask(&s);
        ask->question.time_from = 95;
        more = look(&s, ask);
        if (more) expect_told(&s, "");
    }
    assert_int_equal(pages, 10);
    expect_told(&s, "a@95=v a@96=v a@97=v a@98=v a@99=v");

    s.after = AQ_NULL_SLICE;
    s.page = (struct st_page){.most_entries = 1000, .most_bytes = 1 << 20, .until_us = aq_mono_us() - 1};
    assert_true(look(&s, new_ask(&s))); /* time is over from the beginning, and it goes on all the same */
    assert_true(s.told[0] != '\0');
    s.after = AQ_NULL_SLICE;
    s.page = (struct st_page){.most_entries = 1000, .most_bytes = 1, .until_us = INT64_MAX};
    assert_true(look(&s, new_ask(&s)));
    expect_told(&s, "a@0=v");
    close_shelf(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_shown_before_it_is_committed),
        cmocka_unit_test(asking_leaves_the_cache_as_it_is),
        cmocka_unit_test(ranges_are_inclusive),
        cmocka_unit_test(windows_of_one_key_are_told_from_those_of_a_longer_one),
        cmocka_unit_test(a_range_ends_behind_every_window_of_shorter_keys),
        cmocka_unit_test(windows_that_were_let_go_are_no_rows),
        cmocka_unit_test(sessions_that_touch_the_time_are_shown),
        cmocka_unit_test(versions_are_as_of_their_time),
        cmocka_unit_test(what_the_history_does_not_reach_is_said),
        cmocka_unit_test(pages_together_are_the_whole),
        cmocka_unit_test(a_page_that_has_cost_enough_ends_without_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
