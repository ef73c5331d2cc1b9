/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a store keeps the entries of windows: that the old ones go, and how seldom anybody has to look for them.
 */
#include <stdlib.h>

#include "base/big_endian.h"
#include "streams/state/retention.h"
#include "tests/lib/check.h"
#include "tests/unit/streams/st_count.h"

#define RETENTION 1000
#define REST      12

/* The database, with its steps counted. */
static unsigned walks, steps;
static bool is_torn; /* cursors end with an error */

static struct st_cursor *counting_cursor(struct st_family *family)
{
    walks++;
    return st_db_memory.cursor(family);
}

static bool counting_at(const struct st_cursor *cursor, struct aq_slice *ret_key, struct aq_slice *ret_value)
{
    return !is_torn && st_db_memory.at(cursor, ret_key, ret_value);
}

static void counting_next(struct st_cursor *cursor)
{
    steps++;
    st_db_memory.next(cursor);
}

static int counting_error(const struct st_cursor *cursor, struct aq_err *err)
{
    return is_torn ? aq_fail(err, AQ_E_IO, "torn") : st_db_memory.cursor_error(cursor, err);
}

struct world {
    struct engine e;
    struct st_plan *plan;
    struct st_dbs dbs;
    struct aq_names names;
    struct st_db_kind kind;
    struct st_stores *stores;
    struct st_kept *kept;
};

static void world_open_with(struct world *w, int64_t retention_ms)
{
    const struct st_store_conf windows = {.rest_len = REST, .retention_ms = retention_ms};
    *w = (struct world){.kind = st_db_memory};
    engine_init(&w->e, ST_EXACTLY_ONCE);
    engine_source(&w->e, "in", "words");
    engine_count(&w->e, "in", &windows);
    w->plan = st_plan_create(w->e.topology, &w->e.err);
    assert_non_null(w->plan);
    st_dbs_open_memory(&w->dbs);
    aq_names_init(&w->names);
    const struct st_stores_conf conf = {
        .dbs = &w->dbs, .subtopology = &w->plan->subtopologies[0], .names = &w->names};
    engine_good(&w->e, st_stores_open(&conf, &w->stores, &w->e.err));
    w->kept = &w->stores->list[0];
    w->kind.cursor = counting_cursor;
    w->kind.at = counting_at;
    w->kind.next = counting_next;
    w->kind.cursor_error = counting_error;
    w->kept->home->kind = &w->kind;
    is_torn = false;
    walks = steps = 0;
}

static void world_open(struct world *w)
{
    world_open_with(w, RETENTION);
}

static void world_close(struct world *w)
{
    w->kept->home->kind = &st_db_memory;
    st_stores_close(w->stores);
    st_dbs_close(&w->dbs);
    aq_names_finish(&w->names);
    st_plan_destroy(w->plan);
    st_topology_destroy(w->e.topology);
}

static struct aq_slice rest_of(char room[REST], int64_t ms)
{
    aq_be64_put(room, (uint64_t)ms);
    aq_be32_put(room + 8, 0);
    return aq_slice_of(room, REST);
}

/* value NULL: deletes. */
static void put(struct world *w, const char *key, int64_t ms, const char *value)
{
    char room[REST];
    st_state_put(&w->kept->state, aq_slice_str(key), rest_of(room, ms),
                 value ? aq_slice_str(value) : AQ_NULL_SLICE);
}

static void commit(struct world *w)
{
    st_stores_seal(w->stores, false);
    engine_good(&w->e, st_stores_committed(w->stores, &w->e.err));
}

/* Entries of the family, and the time of the oldest one. */
static unsigned count(const struct world *w, int64_t *ret_oldest)
{
    struct aq_slice key, value;
    unsigned n = 0;
    struct st_cursor *cursor = st_db_memory.cursor(w->kept->state.family);
    *ret_oldest = INT64_MAX;
    st_db_memory.seek(cursor, AQ_NULL_SLICE);
    for (; st_db_memory.at(cursor, &key, &value); st_db_memory.next(cursor), n++) {
        int64_t ms = (int64_t)aq_be64_get(key.ptr + (key.len - REST));
        if (ms < *ret_oldest) *ret_oldest = ms;
    }
    st_db_memory.cursor_close(cursor);
    return n;
}

static void expect_entries(const struct world *w, unsigned expected)
{
    int64_t oldest;
    unsigned n = count(w, &oldest);
    T_CHECK(n == expected, "%u entries, not %u", n, expected);
}

/* Puts an entry of this time and commits; the entries of the family that were looked at for it. */
static unsigned pass(struct world *w, int64_t ms)
{
    unsigned before = steps;
    put(w, "now", ms, "1");
    commit(w);
    return steps - before;
}

static void nothing_is_looked_at_before_anything_can_be_too_old(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    for (int64_t ms = 0; ms < RETENTION; ms += 100) pass(&w, ms);
    assert_int_equal(walks, 0);
    expect_entries(&w, 10);
    world_close(&w);
}

static void a_round_deletes_what_is_too_old_and_says_when_the_next_one_is_due(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    for (int64_t ms = 100; ms <= 900; ms += 100) put(&w, "a", ms, "1");
    commit(&w);
    /* Nothing is known of an opened family, so the first chance is taken. */
    assert_int_equal(pass(&w, 1450), 9);
    expect_entries(&w, 6); /* 500 to 900, and now */
    /* The oldest one is 500. */
    assert_int_equal(pass(&w, 2500), 0);
    assert_int_equal(walks, 1);
    expect_entries(&w, 7);
    assert_int_equal(pass(&w, 2501), 7);
    expect_entries(&w, 2);
    /* 2500 */
    assert_int_equal(pass(&w, 4500), 0);
    assert_int_equal(pass(&w, 4501), 3);
    assert_int_equal(walks, 3);
    expect_entries(&w, 2); /* 4500 and 4501 */
    world_close(&w);
}

/* The first time at which an entry of 1000 goes, once a round has seen it. */
static int64_t goes_at(int64_t retention_ms)
{
    struct world w;
    world_open_with(&w, retention_ms);
    pass(&w, 1000);
    pass(&w, 1000 + retention_ms);
    int64_t now = 1000 + retention_ms, oldest = 1000;
    while (oldest == 1000) {
        now += retention_ms / 100;
        pass(&w, now);
        count(&w, &oldest);
    }
    world_close(&w);
    return now - 1000;
}

static void a_round_waits_for_half_the_retention_and_longer_with_short_ones(void **state)
{
    (void)state;
    assert_int_equal(goes_at(20000), 40000 + 200);
    assert_int_equal(goes_at(60000), 120000 + 600);
    assert_int_equal(goes_at(100000), 160000 + 1000);
    assert_int_equal(goes_at(1000000), 1500000 + 10000);
}

static void what_is_too_old_is_over_whether_or_not_it_is_there(void **state)
{
    (void)state;
    struct world w;
    char room[REST];
    world_open(&w);
    pass(&w, 100);
    assert_false(st_retention_is_over(w.kept, rest_of(room, 0)));
    pass(&w, 1500);
    assert_false(st_retention_is_over(w.kept, rest_of(room, 500)));
    assert_true(st_retention_is_over(w.kept, rest_of(room, 499)));
    world_close(&w);
}

static void an_old_entry_that_was_just_written_makes_the_next_round_due(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    pass(&w, 5000);
    pass(&w, 5001);
    unsigned before = walks;
    put(&w, "late", 3000, "1");
    commit(&w); /* the round is there, the entry not yet */
    commit(&w);
    pass(&w, 5002);
    expect_entries(&w, 3);
    /* One that is deleted calls for nothing. */
    unsigned since = walks;
    assert_true(since > before);
    put(&w, "late", 3000, NULL);
    commit(&w);
    pass(&w, 5003);
    assert_int_equal(walks, since);
    world_close(&w);
}

static void an_entry_that_a_cycle_has_changed_goes_when_that_is_over(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    put(&w, "a", 100, "1");
    commit(&w);
    put(&w, "now", 5000, "1");
    st_stores_seal(w.stores, false);
    put(&w, "a", 100, "2"); /* in the next cycle */
    engine_good(&w.e, st_stores_committed(w.stores, &w.e.err));
    expect_entries(&w, 2);
    commit(&w);
    pass(&w, 5001);
    expect_entries(&w, 2);
    world_close(&w);
}

static void a_round_that_could_not_read_on_counts_as_none(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    pass(&w, 100);
    is_torn = true;
    pass(&w, 5000);
    is_torn = false;
    expect_entries(&w, 2);
    pass(&w, 5001);
    expect_entries(&w, 2);
    world_close(&w);
}

static void a_large_family_is_gone_round_in_pieces(void **state)
{
    (void)state;
    struct world w;
    char key[16];
    world_open(&w);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        put(&w, key, i % 2 ? 100 : 3000, "1");
    }
    commit(&w);
    unsigned most = 0, commits = 0;
    do {
        unsigned looked = pass(&w, 3001 + commits++);
        if (looked > most) most = looked;
    } while (w.kept->swept);
    assert_int_equal(most, 66);    /* 64, and two for the entry that is changed */
    assert_int_equal(commits, 16); /* 1000 entries, and those of the commits */
    expect_entries(&w, 500 + commits);
    assert_int_equal(pass(&w, 3100), 0);
    world_close(&w);
}

static unsigned below(unsigned *seed, unsigned limit)
{
    return (unsigned)rand_r(seed) % limit;
}

/* In any order of changes, late ones, deletions and commits: nobody is forgotten. */
static void play(struct world *w, unsigned seed)
{
    int64_t now = 0, oldest;
    for (int i = 0; i < 3000; i++) {
        char key[8];
        snprintf(key, sizeof(key), "%u", below(&seed, 40));
        now += below(&seed, 30);
        int64_t late = below(&seed, 4) ? 0 : below(&seed, 2 * RETENTION);
        put(w, key, now > late ? now - late : 0, below(&seed, 5) ? "1" : NULL);
        if (below(&seed, 6)) continue;
        commit(w);
        count(w, &oldest);
        T_CHECK(w->kept->oldest_ms <= oldest, "change %d: %lld is older than %lld", i, (long long)oldest,
                (long long)w->kept->oldest_ms);
    }
    for (int i = 0; i < 100; i++) pass(w, now + 4 * RETENTION);
    expect_entries(w, 1);
}

static void no_old_entry_is_forgotten(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        struct world w;
        world_open(&w);
        play(&w, seed);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_looked_at_before_anything_can_be_too_old),
        cmocka_unit_test(a_round_deletes_what_is_too_old_and_says_when_the_next_one_is_due),
        cmocka_unit_test(a_round_waits_for_half_the_retention_and_longer_with_short_ones),
        cmocka_unit_test(what_is_too_old_is_over_whether_or_not_it_is_there),
        cmocka_unit_test(an_old_entry_that_was_just_written_makes_the_next_round_due),
        cmocka_unit_test(an_entry_that_a_cycle_has_changed_goes_when_that_is_over),
        cmocka_unit_test(a_round_that_could_not_read_on_counts_as_none),
        cmocka_unit_test(a_large_family_is_gone_round_in_pieces),
        cmocka_unit_test(no_old_entry_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
