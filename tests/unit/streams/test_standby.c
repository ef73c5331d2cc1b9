/* SPDX-License-Identifier: Apache-2.0
 *
 * Standby copies in a simulated herd: who keeps what, how little is restored when a process is lost, that a copy has what its
 * changelog has, and what becomes of stores that nobody here needs any more.
 */
#include <stdlib.h>

#include "tests/lib/check.h"
#include "tests/unit/streams/st_count.h"
#include "tests/unit/streams/st_herd.h"

#define RECORDS   3000
#define FINISH_MS 20000
#define CHANGELOG "app-counts-changelog"

static struct herd herd;
static int64_t copies; /* of the next world */
static int64_t cleanup_ms = 600000;

/* A key a record: the store grows with the input. */
static int keep_key(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    rec->key =
        aq_slice_str(aq_arena_printf(st_arena(context), "%d-%lld", rec->partition, (long long)rec->offset));
    return st_forward(context, rec, err);
}

static const struct st_processor_kind keying = {.name = "key", .changes_key = true, .process = keep_key};

static void build(struct herd *h)
{
    struct engine *e = &h->e;
    e->settings.cache_bytes = 0;
    e->settings.standby_replicas = copies;
    e->settings.state_cleanup_delay_ms = cleanup_ms;
    engine_source(e, "in", "input");
    engine_processor(e, "key", &keying, "in");
    engine_good(e, st_add_repartition(e->topology, "again", HERD_MIDDLE, engine_parent("key"), &e->err));
    engine_count(e, "again", NULL);
    engine_sink(e, "out", "output", "count");
}

static size_t outputs(struct herd *h)
{
    struct kc_sim_record rec;
    size_t n = 0;
    while (kc_sim_read(&h->cluster, "output", n, &rec, 1, &h->e.err) == 1) n++;
    return n;
}

static void wait_outputs(struct herd *h)
{
    size_t all = 0;
    for (int p = 0; p < HERD_PARTITIONS; p++) all += (size_t)h->produced[p];
    for (int ms = 0; ms < FINISH_MS && outputs(h) < all; ms += 100) herd_turns(h, 100);
    T_CHECK(outputs(h) == all, "%zu of %zu", outputs(h), all);
}

static uint64_t restored(const struct herd *h)
{
    uint64_t sum = 0;
    for (int i = 0; i < h->n; i++)
        if (h->list[i].state == HERD_UP) sum += aq_counter_get(&h->list[i].worker->counters.records_restored);
    return sum;
}

static uint64_t kept(const struct herd *h, int i)
{
    return aq_counter_get(&st_standby_counters(h->list[i].standby)->stores);
}

static void open_world(struct herd *h, int guarantee, int64_t n_copies, int instances)
{
    copies = n_copies;
    herd_open_with(h, guarantee, 3, build);
    for (int i = 0; i < instances; i++) herd_start(h);
    herd_turns(h, 4000);
    herd_produce(h, RECORDS);
    wait_outputs(h);
    herd_turns(h, 6000); /* the keepers have seen the group and caught up */
}

/* How many records the others restored when the first of three was killed. */
static uint64_t restored_after_a_death(int guarantee, int64_t n_copies)
{
    open_world(&herd, guarantee, n_copies, 3);
    uint64_t before = restored(&herd);
    herd_kill(&herd, 0);
    uint64_t of_dead = aq_counter_get(&herd.list[0].worker->counters.records_restored);
    herd_turns(&herd, HERD_SESSION_MS + 3000);
    herd_produce(&herd, 100);
    wait_outputs(&herd);
    uint64_t after = restored(&herd) + of_dead - before;
    herd_close(&herd);
    return after;
}

static void a_death_costs_little_with_a_copy_and_much_without(void **state)
{
    (void)state;
    for (int guarantee = ST_AT_LEAST_ONCE; guarantee <= ST_EXACTLY_ONCE; guarantee++) {
        uint64_t without = restored_after_a_death(guarantee, 0), with = restored_after_a_death(guarantee, 1);
        T_CHECK(without > RECORDS / 4, "only %llu without copies", (unsigned long long)without);
        T_CHECK(with < RECORDS / 100, "%llu with copies, %llu without", (unsigned long long)with,
                (unsigned long long)without);
    }
}

/* ---- who keeps what ------------------------------------------------------------------------------------------------- */

static void two_processes_keep_what_the_other_has(void **state)
{
    (void)state;
    open_world(&herd, ST_EXACTLY_ONCE, 1, 2);
    assert_int_equal(kept(&herd, 0) + kept(&herd, 1), HERD_MIDDLE);
    for (int i = 0; i < 2; i++) {
        const struct st_standby_counters *counters = st_standby_counters(herd.list[i].standby);
        assert_int_equal(aq_counter_get(&counters->lag), 0);
        assert_true(aq_counter_get(&counters->restored) > 0);
    }
    herd_leave(&herd, 1);
    herd_turns(&herd, 8000);
    assert_int_equal(kept(&herd, 0), 0); /* it has them all itself */
    herd_close(&herd);
}

static void without_replicas_nothing_is_kept(void **state)
{
    (void)state;
    open_world(&herd, ST_EXACTLY_ONCE, 0, 2);
    assert_int_equal(kept(&herd, 0) + kept(&herd, 1), 0);
    herd_close(&herd);
}

/* ---- what is in a copy ---------------------------------------------------------------------------------------------- */

struct rows {
    size_t n;
};

static int count_row(void *ctx, struct aq_slice bucket, struct aq_slice rest, struct aq_slice value,
                     struct aq_err *err)
{
    struct rows *rows = ctx;
    (void)bucket, (void)rest, (void)err;
    assert_true(aq_slice_equal(value, AQ_LIT("1")));
    rows->n++;
    return 0;
}

static const struct st_subtopology *counting_part(const struct herd *h)
{
    for (size_t s = 0; s < h->plan->n_subtopologies; s++)
        if (h->plan->subtopologies[s].n_stores > 0) return &h->plan->subtopologies[s];
    fail_msg("no stores");
    return NULL;
}

static size_t rows_of_copy(struct herd *h, int i, int32_t partition)
{
    static const struct st_state_range all = {0};
    struct rows rows = {0};
    struct aq_slice value;
    struct st_stores *stores = st_standby_borrow(h->list[i].standby, counting_part(h), partition);
    if (!stores) return 0;
    struct st_state *copy = &stores->list[0].state;
    assert_int_equal(st_state_all(copy, &all, count_row, &rows, &h->e.err), 0);
    assert_int_equal(st_state_get(copy, AQ_LIT("nobody"), AQ_LIT(""), &value, &h->e.err), 0);
    assert_true(aq_slice_is_null(value));
    st_standby_give_back(h->list[i].standby, stores);
    return rows.n;
}

static void a_copy_can_be_read_while_it_is_kept(void **state)
{
    (void)state;
    open_world(&herd, ST_EXACTLY_ONCE, 1, 2);
    size_t before = 0, after = 0;
    for (int i = 0; i < 2; i++)
        for (int32_t p = 0; p < HERD_MIDDLE; p++) before += rows_of_copy(&herd, i, p);
    assert_int_equal(before, RECORDS);
    herd_produce(&herd, 500);
    wait_outputs(&herd);
    herd_turns(&herd, 500);
    for (int i = 0; i < 2; i++)
        for (int32_t p = 0; p < HERD_MIDDLE; p++) after += rows_of_copy(&herd, i, p);
    assert_int_equal(after, RECORDS + 500);
    herd_close(&herd);
}

static size_t rows_of_copies(struct herd *h, int i)
{
    size_t n = 0;
    for (int32_t p = 0; p < HERD_MIDDLE; p++) n += rows_of_copy(h, i, p);
    return n;
}

/* The keeper of one instance goes on; the others stand still. */
static void turn_keeper(struct herd *h, int i, int ms)
{
    while (ms-- > 0) {
        st_standby_turn(h->list[i].standby, aq_mono_us(), 0);
        kc_sim_advance(h->sim, 1000);
    }
}

static void make_changelog_anew(struct herd *h)
{
    struct kc_admin *admin = st_catalog_admin(h->list[0].catalog);
    engine_good(&h->e, kc_sim_ops.admin_delete_topic(admin, CHANGELOG, 1000, &h->e.err));
    engine_good(&h->e, kc_sim_create_topic(&h->cluster, CHANGELOG, HERD_MIDDLE, NULL, 0, &h->e.err));
}

static void a_copy_of_another_changelog_is_wiped(void **state)
{
    (void)state;
    open_world(&herd, ST_EXACTLY_ONCE, 1, 2);
    assert_true(rows_of_copies(&herd, 0) > 0);
    make_changelog_anew(&herd);
    turn_keeper(&herd, 0, 100);
    assert_int_equal(rows_of_copies(&herd, 0), 0);
    for (int32_t p = 0; p < HERD_MIDDLE; p++) {
        struct kc_sim_record rec = {.partition = p, .key = AQ_LIT("key"), .value = AQ_LIT("1")};
        engine_good(&herd.e, kc_sim_append(&herd.cluster, CHANGELOG, &rec, &herd.e.err));
    }
    turn_keeper(&herd, 0, 100);
    assert_int_equal(rows_of_copies(&herd, 0), kept(&herd, 0));
    herd_close(&herd);
}

/* A worker that took the task over would end with it; a keeper only does without the copy. */
static void a_changelog_that_lost_what_was_committed_is_not_kept(void **state)
{
    (void)state;
    open_world(&herd, ST_EXACTLY_ONCE, 1, 2);
    assert_true(kept(&herd, 0) > 0);
    make_changelog_anew(&herd);
    for (int32_t p = 0; p < HERD_MIDDLE; p++)
        assert_true(st_standby_yield(herd.list[0].standby, counting_part(&herd), p));
    turn_keeper(&herd, 0, 4000);
    assert_int_equal(kept(&herd, 0), 0);
    herd_close(&herd);
}

/* ---- handing over --------------------------------------------------------------------------------------------------- */

static int32_t a_copy(struct herd *h, int i)
{
    int32_t p = 0;
    while (p < HERD_MIDDLE && rows_of_copy(h, i, p) == 0) p++;
    assert_true(p < HERD_MIDDLE);
    return p;
}

static void a_copy_is_handed_over_at_once_unless_it_is_being_used(void **state)
{
    (void)state;
    open_world(&herd, ST_EXACTLY_ONCE, 1, 2);
    const struct st_subtopology *sub = counting_part(&herd);
    struct st_standby *standby = herd.list[0].standby;
    int32_t p = a_copy(&herd, 0);
    const struct st_stores_conf conf = {
        .dbs = herd.list[0].disk, .subtopology = sub, .partition = p, .names = &herd.list[0].worker->names};
    struct st_stores *stores = NULL, *borrowed = st_standby_borrow(standby, sub, p);
    assert_non_null(borrowed);
    assert_false(st_standby_yield(standby, sub, p));
    assert_int_equal(st_stores_open(&conf, &stores, &herd.e.err), AQ_E_BUSY);
    st_standby_give_back(standby, borrowed);
    assert_true(st_standby_yield(standby, sub, p));
    assert_int_equal(st_stores_open(&conf, &stores, &herd.e.err), 0);
    assert_null(st_standby_borrow(standby, sub, p));
    turn_keeper(&herd, 0, 4000); /* the keeper wants it back, and does without */
    assert_null(st_standby_borrow(standby, sub, p));
    assert_int_equal(st_stores_delete(herd.list[0].disk, sub, p, &herd.e.err), AQ_E_BUSY);
    st_stores_close(stores);
    turn_keeper(&herd, 0, 1000);
    assert_true(rows_of_copy(&herd, 0, p) > 0);
    herd_close(&herd);
}

/* ---- leftovers ------------------------------------------------------------------------------------------------------ */

static size_t tasks_on_disk(const struct herd *h, int i)
{
    size_t n = 0;
    for (int32_t p = 0; p < HERD_MIDDLE; p++) n += st_stores_exist(h->list[i].disk, counting_part(h), p);
    return n;
}

static void stores_that_moved_away_are_deleted_in_the_end(void **state)
{
    (void)state;
    cleanup_ms = 10000;
    open_world(&herd, ST_EXACTLY_ONCE, 0, 1);
    assert_int_equal(tasks_on_disk(&herd, 0), HERD_MIDDLE);
    herd_start(&herd);
    herd_turns(&herd, 8000);
    assert_int_equal(tasks_on_disk(&herd, 0), HERD_MIDDLE); /* it may come back */
    herd_turns(&herd, 8000);
    size_t left = tasks_on_disk(&herd, 0);
    assert_true(left > 0 && left < HERD_MIDDLE);
    assert_int_equal(left + tasks_on_disk(&herd, 1), HERD_MIDDLE);
    herd_produce(&herd, 100);
    wait_outputs(&herd);
    herd_close(&herd);
    cleanup_ms = 600000;
}

static void nothing_is_deleted_while_the_group_is_not_settled(void **state)
{
    (void)state;
    cleanup_ms = 2000;
    open_world(&herd, ST_EXACTLY_ONCE, 0, 1);
    struct st_standby *standby = herd.list[0].standby;
    herd_start(&herd);
    for (int ms = 0; ms < 15000; ms++) {
        herd_turns(&herd, 1);
        st_standby_settled(standby, false);
        st_standby_turn(standby, aq_mono_us(), 0);
    }
    assert_int_equal(aq_counter_get(&st_standby_counters(standby)->deleted), 0);
    herd_close(&herd);
    cleanup_ms = 600000;
}

int main(void)
{
    aq_log_setup(getenv("AQUEDUCT_TEST_VERBOSE") ? AQ_DEBUG : AQ_ERROR, AQ_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_costs_little_with_a_copy_and_much_without),
        cmocka_unit_test(two_processes_keep_what_the_other_has),
        cmocka_unit_test(without_replicas_nothing_is_kept),
        cmocka_unit_test(a_copy_can_be_read_while_it_is_kept),
        cmocka_unit_test(a_copy_of_another_changelog_is_wiped),
        cmocka_unit_test(a_changelog_that_lost_what_was_committed_is_not_kept),
        cmocka_unit_test(a_copy_is_handed_over_at_once_unless_it_is_being_used),
        cmocka_unit_test(stores_that_moved_away_are_deleted_in_the_end),
        cmocka_unit_test(nothing_is_deleted_while_the_group_is_not_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
