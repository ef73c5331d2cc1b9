/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to a running application, its worker turned by the test: what it answers while it has a partition, before, and afterwards.
 */
#include "base/hash.h"
#include "streams/query/query.h"
#include "tests/unit/streams/st_app_world.h"
#include "tests/unit/streams/st_count.h"

static void open_counting(struct world *w)
{
    *w = (struct world){.sim = kc_sim_open(7)};
    engine_init(&w->e, ST_EXACTLY_ONCE);
    w->e.settings.cache_bytes = 1 << 20;
    engine_source(&w->e, "in", "input");
    engine_count(&w->e, "in", NULL);
    kc_sim_cluster(w->sim, "test", &w->cluster);
    make_settings(w);
    w->outside = aq_clock_use(kc_sim_clock(w->sim));
    good(w, kc_sim_create_topic(&w->cluster, "input", 3, NULL, 0, &w->err));
}

static void start_worker(struct world *w)
{
    const struct st_worker_setup setup = {.ops = &kc_sim_ops,
                                          .settings = &w->e.settings,
                                          .plan = w->app->plan,
                                          .serdes = w->app->serdes,
                                          .catalog = w->app->catalog,
                                          .dbs = &w->app->dbs,
                                          .inline_lookup = true};
    w->worker = w->app->workers[0] = st_worker_create(&setup);
    good(w, st_worker_open(w->worker, &w->err));
}

static void start_counting(struct world *w)
{
    static const atomic_bool never = false;
    w->app = st_app_create(&kc_sim_ops, &w->e.settings, w->e.topology, &w->err);
    T_CHECK(w->app != NULL, "%s", w->err.text);
    good(w, st_catalog_connect(w->app->catalog, &never, &w->err));
    st_dbs_open_memory(&w->app->dbs);
    start_worker(w);
}

static struct st_ask *question(struct world *w, int32_t partition, const char *key)
{
    struct st_queries *queries = st_app_queries(w->app);
    struct st_ask *ask = st_ask_create();
    ask->question.of = st_queries_find(queries, "counts");
    ask->question.partition = partition;
    ask->question.slot = st_task_slot(ask->question.of->subtopology, partition, w->e.settings.flow.tasks);
    ask->question.key = key ? aq_slice_str(key) : AQ_NULL_SLICE;
    ask->question.most_rows = 100;
    return ask;
}

/* What the worker says in its next turn: "key=value …", or "!WHY". */
static void expect_answer(struct world *w, int32_t partition, const char *key, const char *expected)
{
    struct st_ask *ask = question(w, partition, key);
    char told[512] = "";
    assert_true(st_mailbox_post(&w->worker->mailbox, ask));
    st_worker_turn(w->worker, aq_mono_us(), 0);
    assert_true(st_ask_wait(ask, 1));
    const struct st_reply *reply = &ask->reply;
    if (reply->here != ST_HERE) snprintf(told, sizeof(told), "!%s", reply->why);
    for (uint32_t i = 0; i < reply->n_rows; i++)
        t_note(told, sizeof(told), "%.*s=%.*s", (int)reply->rows[i].bucket.len, reply->rows[i].bucket.ptr,
               (int)reply->rows[i].value.len, reply->rows[i].value.ptr);
    T_CHECK(strncmp(told, expected, strlen(expected)) == 0 && (!expected[0]) == (!told[0]), "'%s', not '%s'",
            told, expected);
    st_ask_unref(ask);
}

static void stop_counting(struct world *w)
{
    stop_app(w);
    st_app_destroy(w->app);
    close_world(w);
}

/* ---- committed only ----------------------------------------------------------------------------------------------- */

static void only_what_is_committed_is_answered(void **state)
{
    (void)state;
    struct world w;
    open_counting(&w);
    w.e.settings.flow.commit_interval_ms = w.e.settings.commit_interval_ms = 60000;
    start_counting(&w);
    turn(&w, 400);
    expect_answer(&w, 0, "k0", "");
    append(&w, 0, 3);
    append(&w, 0, 3);
    uint64_t before = w.worker->shop.tally.processed;
    for (int i = 0; i < 1000 && w.worker->shop.tally.processed < before + 6; i++) turn(&w, 1);
    assert_int_equal(w.worker->shop.tally.processed, before + 6);
    expect_answer(&w, 0, "k0", "");
    expect_answer(&w, 0, NULL, "");
    kc_ownership_request(&w.worker->own);
    turn(&w, 400);
    expect_answer(&w, 0, "k0", "k0=2");
    expect_answer(&w, 1, "k1", "k1=2");
    expect_answer(&w, 1, "k0", ""); /* another partition's */
    expect_answer(&w, 2, NULL, "k2=2");
    stop_counting(&w);
}

static void positions_and_lag_come_with_the_answer(void **state)
{
    (void)state;
    struct world w;
    open_counting(&w);
    append(&w, 0, 9);
    start_counting(&w);
    turn(&w, 600);
    struct st_ask *ask = question(&w, 1, "k4");
    assert_true(st_mailbox_post(&w.worker->mailbox, ask));
    turn(&w, 1);
    assert_true(st_ask_wait(ask, 1));
    assert_int_equal(ask->reply.here, ST_HERE);
    assert_int_equal(ask->reply.n_rows, 1);
    assert_int_equal(ask->reply.n_stands, 1);
    assert_string_equal(ask->reply.stands[0].topic, "input");
    assert_int_equal(ask->reply.stands[0].partition, 1);
    assert_int_equal(ask->reply.stands[0].position, 3);
    assert_int_equal(ask->reply.stands[0].lag, 0);
    assert_true(ask->reply.changelog_position >= 3);
    assert_int_equal(ask->reply.changelog_lag, 0);
    assert_false(ask->reply.restoring || ask->reply.standby);
    st_ask_unref(ask);
    stop_counting(&w);
}

/* ---- another changelog's rows -------------------------------------------------------------------------------------- */

/* Puts what a disk that was away has into partition 0: a row, and the place in a changelog of another id where the one there is ends. */
static void leave_behind(struct world *w, int64_t end)
{
    struct st_stores *stores;
    struct st_feed log = {.topic_id = "another"};
    const struct st_stores_conf conf = {.dbs = &w->app->dbs,
                                        .subtopology = &w->app->plan->subtopologies[0],
                                        .partition = 0,
                                        .names = &w->worker->names};
    good(w, st_stores_delete(&w->app->dbs, conf.subtopology, 0, &w->err));
    good(w, st_stores_open(&conf, &stores, &w->err));
    struct st_kept *kept = &stores->list[0];
    st_kept_follow(kept, &log);
    kept->end = end;
    kept->restoring = true;
    kept->home->kind->batch_put(kept->home->batch, kept->state.family, AQ_LIT("ghost"), AQ_LIT("7"));
    good(w, st_kept_reach(kept, end, &w->err));
    st_stores_close(stores);
}

static void rows_of_another_changelog_that_ends_at_the_same_place_are_not_used(void **state)
{
    (void)state;
    struct world w;
    open_counting(&w);
    append(&w, 0, 3);
    start_counting(&w);
    turn(&w, 600);
    expect_answer(&w, 0, "k0", "k0=1");
    struct st_ask *ask = question(&w, 0, "k0");
    assert_true(st_mailbox_post(&w.worker->mailbox, ask));
    turn(&w, 1);
    assert_true(st_ask_wait(ask, 1));
    int64_t end = ask->reply.changelog_position;
    st_ask_unref(ask);
    st_app_stop(w.app);
    turn(&w, 1000);
    st_worker_close(w.worker);
    leave_behind(&w, end);
    st_worker_destroy(w.worker);
    start_worker(&w);
    turn(&w, 600);
    expect_answer(&w, 0, "ghost", "");
    expect_answer(&w, 0, "k0", "k0=1");
    stop_counting(&w);
}

/* ---- reasons ------------------------------------------------------------------------------------------------------ */

static void who_does_not_have_it_says_why(void **state)
{
    (void)state;
    struct world w;
    char why[256];
    open_counting(&w);
    append(&w, 0, 3);
    start_counting(&w);
    struct st_ask *ask = question(&w, 0, "k0");
    assert_int_equal(st_queries_ask(st_app_queries(w.app), ask, AQ_SEC, why), ST_NOT_HERE);
    assert_string_equal(why, "partition 0 is not here");
    st_ask_unref(ask);
    expect_answer(&w, 0, "k0", "!partition 0 is not here");
    turn(&w, 600);
    expect_answer(&w, 0, "k0", "k0=1");
    w.worker->own.fenced = true;
    expect_answer(&w, 0, "k0", "!the group is rebalancing, and partition 0 may be somebody else's by now");
    w.worker->own.fenced = false;
    ask = question(&w, 0, NULL);
    struct st_slot *slot = &w.worker->slots[ask->question.slot];
    st_ask_unref(ask);
    struct st_stores *stores = slot->stores;
    while (stores->partition != 0) stores = stores->next;
    stores->ready = false;
    stores->list[0].restoring = true;
    stores->list[0].restored = 3;
    stores->list[0].end = stores->list[0].next + 1;
    expect_answer(&w, 0, "k0", "!partition 0 is being restored: 75 % of its changelogs are read");
    ask = question(&w, 0, "k0");
    ask->question.stale = true;
    assert_true(st_mailbox_post(&w.worker->mailbox, ask));
    st_query_turn(w.worker, aq_mono_us());
    assert_true(ask->reply.here == ST_HERE && ask->reply.restoring && ask->reply.n_rows == 1);
    assert_int_equal(ask->reply.changelog_lag, 1);
    st_ask_unref(ask);
    stores->list[0].restoring = false;
    stores->ready = true;
    stop_counting(&w);
}

static void nobody_is_left_waiting_when_the_worker_ends(void **state)
{
    (void)state;
    struct world w;
    char why[256];
    open_counting(&w);
    append(&w, 0, 3);
    start_counting(&w);
    turn(&w, 600);
    struct st_ask *ask = question(&w, 0, "k0");
    st_app_stop(w.app);
    turn(&w, 1000);
    assert_true(st_mailbox_post(&w.worker->mailbox, ask)); /* behind its last turn */
    st_worker_close(w.worker);
    assert_true(st_ask_wait(ask, 1));
    assert_int_equal(ask->reply.here, ST_HERE_STOPPED);
    assert_false(st_mailbox_post(&w.worker->mailbox, ask));
    assert_int_equal(st_queries_ask(st_app_queries(w.app), ask, AQ_SEC, why), ST_NOT_HERE);
    st_ask_unref(ask);
    assert_int_equal(st_app_wait(w.app, 0, &w.err), ST_APP_NOT_RUNNING);
    st_app_destroy(w.app);
    close_world(&w);
}

static void keys_are_found_in_their_partition(void **state)
{
    (void)state;
    struct world w;
    open_counting(&w);
    start_counting(&w);
    turn(&w, 600);
    struct st_queries *queries = st_app_queries(w.app);
    const struct st_queryable *of = st_queries_find(queries, "counts");
    assert_null(st_queries_find(queries, "other"));
    assert_string_equal(st_queryable_kind(of), "key-value");
    assert_int_equal(st_queries_partitions(queries, of), 3);
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(st_queries_partition(queries, of, aq_slice_str(key)),
                         aq_partition_for_key(aq_slice_str(key), 3));
    }
    stop_counting(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_committed_is_answered),
        cmocka_unit_test(rows_of_another_changelog_that_ends_at_the_same_place_are_not_used),
        cmocka_unit_test(positions_and_lag_come_with_the_answer),
        cmocka_unit_test(who_does_not_have_it_says_why),
        cmocka_unit_test(nobody_is_left_waiting_when_the_worker_ends),
        cmocka_unit_test(keys_are_found_in_their_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
