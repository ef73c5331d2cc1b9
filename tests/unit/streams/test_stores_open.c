/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the stores of a task: once at a time in a process, and never with rows that nobody knows the age of.
 */
#include <stdlib.h>

#include "streams/state/stores.h"
#include "tests/unit/streams/st_count.h"

struct world {
    struct engine e;
    struct st_plan *plan;
    struct st_dbs dbs;
    struct aq_names names;
    struct st_stores_conf conf;
};

static void world_open(struct world *w)
{
    *w = (struct world){0};
    engine_init(&w->e, ST_EXACTLY_ONCE);
    engine_source(&w->e, "in", "words");
    engine_count(&w->e, "in", NULL);
    w->plan = st_plan_create(w->e.topology, &w->e.err);
    assert_non_null(w->plan);
    st_dbs_open_memory(&w->dbs);
    aq_names_init(&w->names);
    w->conf = (struct st_stores_conf){
        .dbs = &w->dbs, .subtopology = &w->plan->subtopologies[0], .partition = 3, .names = &w->names};
}

static void world_close(struct world *w)
{
    st_dbs_close(&w->dbs);
    aq_names_finish(&w->names);
    st_plan_destroy(w->plan);
    st_topology_destroy(w->e.topology);
}

static struct st_stores *open_stores(struct world *w)
{
    struct st_stores *stores = NULL;
    engine_good(&w->e, st_stores_open(&w->conf, &stores, &w->e.err));
    return stores;
}

static void put_row(struct st_stores *stores, const char *key)
{
    struct st_kept *kept = &stores->list[0];
    struct aq_err err;
    kept->home->kind->batch_put(kept->home->batch, kept->state.family, aq_slice_str(key), AQ_LIT("1"));
    assert_int_equal(kept->home->kind->batch_write(kept->home->batch, &err), 0);
}

static bool has_row(struct st_stores *stores, const char *key)
{
    struct aq_slice value;
    struct aq_err err;
    const struct st_kept *kept = &stores->list[0];
    assert_int_equal(kept->home->kind->get(kept->state.family, aq_slice_str(key), &value, &err), 0);
    return !aq_slice_is_null(value);
}

/* Follows a changelog of this id that ends at `end`; what is known of the family then. */
static int64_t follow(struct st_stores *stores, struct st_feed *log, const char *id, int64_t end)
{
    struct aq_err err;
    struct st_kept *kept = &stores->list[0];
    *log = (struct st_feed){.partition = 3};
    snprintf(log->topic_id, sizeof(log->topic_id), "%s", id);
    st_kept_follow(kept, log);
    kept->end = end;
    kept->restoring = true;
    assert_int_equal(st_kept_check(kept, &err), 0);
    return kept->next;
}

/* A record of the changelog at this offset. */
static void take(struct st_stores *stores, const char *key, const char *value, int64_t offset)
{
    struct aq_err err;
    struct aq_record rec = {.key = aq_slice_str(key),
                            .value = value ? aq_slice_str(value) : AQ_NULL_SLICE,
                            .timestamp = 1,
                            .offset = offset};
    struct aq_batch batch = {.records = &rec, .n = 1};
    assert_int_equal(st_kept_take(&stores->list[0], &batch, &err), 0);
}

static void stores_are_open_once_at_a_time(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct st_stores *stores = open_stores(&w), *other = NULL;
    assert_int_equal(st_stores_open(&w.conf, &other, &w.e.err), AQ_E_BUSY);
    w.conf.partition = 4;
    other = open_stores(&w);
    assert_true(st_claims_has(w.dbs.claims, w.conf.subtopology->name, 3));
    st_stores_close(stores);
    assert_false(st_claims_has(w.dbs.claims, w.conf.subtopology->name, 3));
    st_stores_close(other);
    w.conf.partition = 3;
    st_stores_close(open_stores(&w));
    world_close(&w);
}

static void rows_stay_with_their_changelog(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    struct aq_err err;
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "one", 10), -1);
    put_row(stores, "a");
    assert_int_equal(st_kept_reach(&stores->list[0], 7, &err), 0);
    st_stores_close(stores);
    stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "one", 10), 7);
    assert_true(has_row(stores, "a"));
    st_stores_close(stores);
    stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "another", 10), -1);
    assert_false(has_row(stores, "a"));
    st_stores_close(stores);
    world_close(&w);
}

/* As when deleting was interrupted. */
static void rows_that_nothing_is_known_of_are_wiped(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    put_row(stores, "a");
    st_stores_close(stores);
    stores = open_stores(&w);
    assert_true(has_row(stores, "a"));
    assert_int_equal(follow(stores, &log, "one", 10), -1);
    assert_false(has_row(stores, "a"));
    st_stores_close(stores);
    world_close(&w);
}

static void deleted_stores_are_gone(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    struct aq_err err;
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    follow(stores, &log, "one", 10);
    put_row(stores, "a");
    assert_int_equal(st_kept_reach(&stores->list[0], 7, &err), 0);
    assert_int_equal(st_stores_delete(&w.dbs, w.conf.subtopology, 3, &err), AQ_E_BUSY);
    st_stores_close(stores);
    assert_true(st_stores_exist(&w.dbs, w.conf.subtopology, 3));
    assert_false(st_stores_exist(&w.dbs, w.conf.subtopology, 4));
    assert_int_equal(st_stores_delete(&w.dbs, w.conf.subtopology, 3, &err), 0);
    assert_false(st_stores_exist(&w.dbs, w.conf.subtopology, 3));
    stores = open_stores(&w);
    assert_false(has_row(stores, "a"));
    assert_int_equal(stores->list[0].next, -1);
    st_stores_close(stores);
    world_close(&w);
}

/* Deletions of what is in the family may have come and gone in the changelog meanwhile. */
static void rows_that_lay_unused_too_long_are_read_anew(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    struct aq_err err;
    struct aq_virtual_clock clock = {.wall_us = 1000 * 3600 * AQ_SEC};
    struct aq_virtual_clock *outside = aq_clock_use(&clock);
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    follow(stores, &log, "one", 10);
    put_row(stores, "a");
    assert_int_equal(st_kept_reach(&stores->list[0], 7, &err), 0);
    st_stores_close(stores);
    clock.wall_us += (ST_KEPT_MS - 1000) * AQ_MS;
    stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "one", 10), 7);
    assert_true(has_row(stores, "a"));
    st_stores_close(stores); /* nothing was read: it is as old as it was */
    clock.wall_us += 2 * AQ_SEC;
    stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "one", 10), -1);
    assert_false(has_row(stores, "a"));
    st_stores_close(stores);
    world_close(&w);
    aq_clock_use(outside);
}

static void rows_whose_changelog_stands_still_do_not_age(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    struct aq_err err;
    struct aq_virtual_clock clock = {.wall_us = 1000 * 3600 * AQ_SEC};
    struct aq_virtual_clock *outside = aq_clock_use(&clock);
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    follow(stores, &log, "one", 10);
    put_row(stores, "a");
    assert_int_equal(st_kept_reach(&stores->list[0], 10, &err), 0);
    st_stores_close(stores);
    clock.wall_us += 9 * ST_TOMBSTONES_MS * AQ_MS;
    stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "one", 10), 10);
    assert_true(has_row(stores, "a"));
    st_stores_close(stores);
    clock.wall_us += 3600 * AQ_SEC; /* an hour ago it was known to lack nothing */
    stores = open_stores(&w);
    assert_int_equal(follow(stores, &log, "one", 12), 10);
    assert_true(has_row(stores, "a"));
    st_stores_close(stores);
    world_close(&w);
    aq_clock_use(outside);
}

#define FAR 1000000

/* How far a family goes never says more than what is in it. */
static void far_from_the_end_rows_are_gathered(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    follow(stores, &log, "one", FAR);
    take(stores, "a", "1", 0);
    take(stores, "b", "1", 1);
    assert_int_equal(stores->list[0].next, -1);
    assert_false(has_row(stores, "a"));
    take(stores, "b", NULL, 2);
    take(stores, "c", "1", FAR - 1);
    assert_int_equal(stores->list[0].next, FAR);
    assert_true(has_row(stores, "a"));
    assert_false(has_row(stores, "b"));
    assert_true(has_row(stores, "c"));
    take(stores, "d", "1", FAR); /* a standby copy goes on and writes at once */
    assert_true(has_row(stores, "d"));
    st_stores_close(stores);
    world_close(&w);
}

static void what_is_gathered_is_bounded(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    char value[1024];
    world_open(&w);
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    struct st_stores *stores = open_stores(&w);
    follow(stores, &log, "one", 100 * FAR);
    int64_t offset = 0;
    for (; stores->list[0].next < 0 && offset < 10000; offset++) take(stores, "a", value, offset);
    assert_int_equal(stores->list[0].next, offset);
    assert_in_range(offset, 1000, 2100);
    assert_int_equal(stores->list[0].gathered.n, 0);
    assert_true(has_row(stores, "a"));
    st_stores_close(stores);
    world_close(&w);
}

/* As when a partition moved: it goes on where the family ends, and what was gathered comes again. */
static void a_reading_that_begins_anew_gathers_anew(void **state)
{
    (void)state;
    struct world w;
    struct st_feed log;
    struct aq_err err;
    world_open(&w);
    struct st_stores *stores = open_stores(&w);
    follow(stores, &log, "one", FAR);
    take(stores, "a", "1", 0);
    take(stores, "a", NULL, 1);
    take(stores, "a", "1", 0);
    assert_int_equal(st_kept_reach(&stores->list[0], 1, &err), 0);
    assert_true(has_row(stores, "a"));
    assert_int_equal(stores->list[0].next, 1);
    take(stores, "b", "1", 1);
    assert_int_equal(st_kept_wipe(&stores->list[0], &err), 0);
    assert_int_equal(st_kept_reach(&stores->list[0], FAR, &err), 0);
    assert_false(has_row(stores, "a"));
    assert_false(has_row(stores, "b"));
    st_stores_close(stores);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_are_open_once_at_a_time),
        cmocka_unit_test(rows_stay_with_their_changelog),
        cmocka_unit_test(rows_that_nothing_is_known_of_are_wiped),
        cmocka_unit_test(deleted_stores_are_gone),
        cmocka_unit_test(rows_that_lay_unused_too_long_are_read_anew),
        cmocka_unit_test(rows_whose_changelog_stands_still_do_not_age),
        cmocka_unit_test(far_from_the_end_rows_are_gathered),
        cmocka_unit_test(what_is_gathered_is_bounded),
        cmocka_unit_test(a_reading_that_begins_anew_gathers_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
