/* SPDX-License-Identifier: Apache-2.0
 *
 * Several workers of one application under faults, simulated: what the rounds over real brokers show (tests/fault/test_streams.c), in
 * seconds and by seed.
 */
#include <stdlib.h>

#include "tests/unit/streams/st_herd.h"

#define SEEDS     20
#define ROUND_MS  12000
#define FINISH_MS 30000
#define ANSWER_MS 1000 /* what a revocation may wait for */

static struct herd herd;

/* AQUEDUCT_SEEDS=1000 plays more worlds than there is time for every day. */
static uint64_t seeds(void)
{
    const char *text = getenv("AQUEDUCT_SEEDS");
    return text ? strtoull(text, NULL, 10) : SEEDS;
}

static int up(struct herd *h, int *ret_one)
{
    int n = 0;
    for (int i = 0; i < h->n; i++) {
        if (h->list[i].state != HERD_UP) continue;
        n++;
        if (herd_below(h, (uint64_t)n) == 0) *ret_one = i;
    }
    return n;
}

/* Something happens to one instance; another one takes its place when it is gone. */
static void strike(struct herd *h)
{
    int victim = 0;
    if (up(h, &victim) < 2) return;
    switch (herd_below(h, 4)) {
    case 0:
        herd_kill(h, victim);
        if (h->n < HERD_MAX) herd_start(h);
        return;
    case 1:
        h->list[victim].state = HERD_FROZEN;
        h->list[victim].thaw_us = aq_mono_us() + (int64_t)herd_below(h, 6000) * AQ_MS;
        return;
    case 2:
        herd_leave(h, victim);
        if (h->n < HERD_MAX) herd_start(h);
        return;
    default:
        if (h->n < HERD_MAX) herd_start(h);
    }
}

/* Fast and slow clusters, frequent and rare commits, a queue that takes a flight in parts, commits that fail. */
static void make_conditions(struct herd *h)
{
    kc_sim_set_latency(h->sim, (int64_t)herd_below(h, 30) * AQ_MS);
    struct st_settings *settings = &h->e.settings;
    if (herd_below(h, 2) == 0) settings->flow.in_flight_bytes = 64 << 10;
    if (herd_below(h, 2) == 0) settings->commit_interval_ms = settings->flow.commit_interval_ms = 25;
    if (herd_below(h, 2) == 0) herd_refusals = 30;
}

static struct herd_found play(struct herd *h, int guarantee, uint64_t seed)
{
    herd_open(h, guarantee, seed);
    make_conditions(h);
    for (int i = 0; i < 3; i++) herd_start(h);
    for (int ms = 0; ms < ROUND_MS; ms++) {
        /* Mostly a trickle, sometimes more than a flight holds. */
        if (ms % 10 == 0) herd_produce(h, herd_below(h, 200) == 0 ? 3000 : (int)herd_below(h, 12));
        if (herd_below(h, 900) == 0) strike(h);
        herd_turn(h);
    }
    bool whole = herd_catch_up(h, FINISH_MS);
    for (int i = 0; i < h->n; i++)
        if (h->list[i].state == HERD_UP) herd_leave(h, i);
    herd_turns(h, 3000);
    struct herd_found found = herd_check(h);
    if (!whole) print_error("seed %llu: not complete in time\n", (unsigned long long)seed);
    if (h->longest_revocation_ms > ANSWER_MS)
        fail_msg("seed %d: a revocation waited %d ms", (int)seed, (int)h->longest_revocation_ms);
    herd_close(h);
    return found;
}

static void exactly_once_holds_while_instances_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct herd_found found = play(&herd, ST_EXACTLY_ONCE, seed);
        if (found.lost || found.duplicated || found.reordered)
            fail_msg("seed %d: %d records, lost %d, duplicated %d, reordered %d", (int)seed,
                     (int)found.produced, (int)found.lost, (int)found.duplicated, (int)found.reordered);
    }
}

static void at_least_once_loses_nothing_while_instances_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        struct herd_found found = play(&herd, ST_AT_LEAST_ONCE, seed);
        if (found.lost) fail_msg("seed %d: %d of %d lost", (int)seed, (int)found.lost, (int)found.produced);
    }
}

/* An instance that leaves without a word, at any moment of its transactions, while those could stay open for a minute: the
 * ones who take over do not wait for that. */
static void what_a_dead_instance_left_open_is_ended(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        herd_open(&herd, ST_EXACTLY_ONCE, seed);
        struct st_settings *settings = &herd.e.settings;
        settings->transaction_timeout_ms = settings->flow.transaction_timeout_ms = 60000;
        for (int i = 0; i < 3; i++) herd_start(&herd);
        for (int ms = 0; ms < 4000 + (int)seed * 7; ms++) {
            herd_produce(&herd, (int)herd_below(&herd, 2));
            herd_turn(&herd);
        }
        herd_kill(&herd, (int)(seed % 3));
        herd_produce(&herd, 100);
        if (!herd_catch_up(&herd, HERD_SESSION_MS + 1500))
            fail_msg("seed %d: not complete in time", (int)seed);
        struct herd_found found = herd_check(&herd);
        assert_int_equal(found.duplicated + found.reordered, 0);
        herd_close(&herd);
    }
}

/* The same with one that is only frozen, and wakes up when its tasks have other owners: it finds itself fenced, and goes on. */
static void an_instance_that_was_fenced_asleep_goes_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        herd_open(&herd, ST_EXACTLY_ONCE, seed);
        struct st_settings *settings = &herd.e.settings;
        settings->transaction_timeout_ms = settings->flow.transaction_timeout_ms = 60000;
        for (int i = 0; i < 2; i++) herd_start(&herd);
        for (int ms = 0; ms < 12000; ms++) {
            struct herd_instance *frozen = &herd.list[seed % 2];
            if (ms == 4000 + (int)seed * 7) {
                frozen->state = HERD_FROZEN;
                frozen->thaw_us = aq_mono_us() + (HERD_SESSION_MS + (int64_t)herd_below(&herd, 2500)) * AQ_MS;
            }
            herd_produce(&herd, (int)herd_below(&herd, 2));
            herd_turn(&herd);
        }
        assert_true(herd_catch_up(&herd, 3000));
        struct herd_found found = herd_check(&herd);
        assert_int_equal(found.duplicated + found.reordered, 0);
        for (int i = 0; i < 2; i++) assert_true(herd.list[i].worker->n_tasks > 0);
        herd_close(&herd);
    }
}

/* A member that hears of a rebalance with flights not handed over yet sends them and commits; it must not sit out the group's
 * patience (5 s) and throw its work away. */
static void a_revocation_under_load_is_answered_at_once(void **state)
{
    (void)state;
    int with_unsent = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        herd_open(&herd, ST_EXACTLY_ONCE, seed);
        herd_start(&herd);
        herd_turns(&herd, 2000);
        kc_sim_set_latency(herd.sim, 40000); /* flights pile up */
        struct st_worker *worker = herd.list[0].worker;
        struct kc_ownership *own = &worker->own;
        for (int ms = 0; ms < 300 + (int)seed * 7; ms++) {
            herd_produce(&herd, 8);
            herd_turn(&herd);
        }
        herd_start(&herd);
        for (int ms = 0; !own->revoking && ms < 5000; ms++) herd_turn(&herd);
        assert_true(own->revoking);
        with_unsent += worker->outbox.unsent != NULL;
        int answered_ms = 0;
        for (; own->revoking && answered_ms < 10000; answered_ms++) herd_turn(&herd);
        if (answered_ms > 500) fail_msg("seed %d: it took %d ms", (int)seed, answered_ms);
        assert_true(herd_catch_up(&herd, FINISH_MS));
        assert_true(herd.list[1].worker->n_tasks > 0);
        struct herd_found found = herd_check(&herd);
        assert_int_equal(found.duplicated + found.reordered, 0);
        herd_close(&herd);
    }
    assert_true(with_unsent > 0);
}

/* ---- one instance, and what happens to it -------------------------------------------------------------------------- */

static const struct st_feed *struck; /* the next event is about it */
static int64_t pretended_end;        /* of its log; -1: the true one */

static bool strange_event(struct kc_consumer *consumer, struct kc_event *ret)
{
    if (!struck) return kc_sim_ops.consumer_event(consumer, ret);
    const struct st_choice *choice = &struck->task->choice;
    *ret = (struct kc_event){.kind = KC_EVENT_OUT_OF_RANGE,
                             .owner = (void *)struck,
                             .code = AQ_E_OFFSET_LOST,
                             .offset = st_choice_fetched(choice, struck->index)};
    struck = NULL;
    return true;
}

static int strange_watermarks(struct kc_admin *admin, const char *topic, int32_t partition,
                              int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high, struct aq_err *err)
{
    int rc = kc_sim_ops.admin_watermarks(admin, topic, partition, timeout_ms, ret_low, ret_high, err);
    if (rc == 0 && pretended_end >= 0) *ret_high = pretended_end;
    return rc;
}

static const struct st_feed *some_feed(bool internal)
{
    for (const struct st_task *task = herd.list[0].worker->tasks; task; task = task->next)
        for (size_t i = 0; i < task->n_feeds; i++)
            if (task->feeds[i]->internal == internal && task->feeds[i]->committed.next > 10)
                return task->feeds[i];
    fail_msg("no feed has come that far");
    return NULL;
}

/* Some records are through, then a fetch of one partition is answered with OFFSET_OUT_OF_RANGE, then come others. */
static struct herd_found go_out_of_range(int guarantee, bool internal, int64_t end)
{
    herd_open(&herd, guarantee, 3);
    herd.ops.consumer_event = strange_event;
    herd.ops.admin_watermarks = strange_watermarks;
    herd_start(&herd);
    herd_turns(&herd, 1000);
    herd_produce(&herd, 500);
    assert_true(herd_catch_up(&herd, 5000));
    herd_turns(&herd, 300);
    pretended_end = end;
    struck = some_feed(internal);
    herd_turn(&herd);
    pretended_end = -1;
    herd_produce(&herd, 500);
    assert_true(herd_catch_up(&herd, 5000));
    struct herd_found found = herd_check(&herd);
    herd_close(&herd);
    return found;
}

static void a_position_inside_the_log_is_read_on_from(void **state)
{
    (void)state;
    for (int internal = 0; internal < 2; internal++)
        for (int guarantee = ST_AT_LEAST_ONCE; guarantee <= ST_EXACTLY_ONCE; guarantee++) {
            struct herd_found found = go_out_of_range(guarantee, internal, -1);
            assert_int_equal(found.lost + found.duplicated + found.reordered, 0);
        }
}

static void a_log_that_lost_its_tail_is_read_from_its_start(void **state)
{
    (void)state;
    struct herd_found found = go_out_of_range(ST_EXACTLY_ONCE, false, 5);
    assert_int_equal(found.lost, 0);
    assert_true(found.duplicated > 0);
}

static void what_the_sink_refuses_does_not_hold_up_the_commits(void **state)
{
    (void)state;
    for (int guarantee = ST_AT_LEAST_ONCE; guarantee <= ST_EXACTLY_ONCE; guarantee++) {
        herd_open(&herd, guarantee, 5);
        herd.e.settings.on_production = ST_ON_ERROR_CONTINUE;
        herd.e.settings.dead_letter_topic = "dead";
        herd_start(&herd);
        herd_turns(&herd, 1000);
        for (int i = 0; i < 20; i++) {
            herd_produce(&herd, 20);
            if (i % 5 == 2) herd_produce_one(&herd, "big");
            herd_turns(&herd, 30);
        }
        herd_turns(&herd, 20000);
        struct herd_found found = herd_check(&herd);
        struct kc_sim_record letter;
        assert_int_equal(found.lost, 4);
        assert_int_equal(kc_sim_read(&herd.cluster, "dead", 3, &letter, 1, &herd.e.err), 1);
        if (guarantee == ST_EXACTLY_ONCE) {
            assert_int_equal(found.duplicated, 0);
            assert_int_equal(kc_sim_read(&herd.cluster, "dead", 4, &letter, 1, &herd.e.err), 0);
        }
        herd_close(&herd);
    }
}

/* An application of many instances begins on an empty cluster, and may not create sinks. */
static void a_repartition_topic_that_was_just_made_is_waited_for(void **state)
{
    (void)state;
    herd_open(&herd, ST_EXACTLY_ONCE, 1);
    herd.e.settings.create_topics = false;
    herd_start(&herd);
    struct st_catalog *catalog = herd.list[0].catalog;
    struct aq_err err = {0};
    engine_good(&herd.e, st_catalog_refresh(catalog, &herd.e.err));
    assert_int_equal(st_catalog_partitions(catalog, "app-again-repartition", &err), HERD_MIDDLE);
    herd_close(&herd);
}

/* The most flights that were with the producer at a time over so many turns under load. */
static uint32_t most_under_way(int ms)
{
    uint32_t most = 0;
    for (; ms > 0; ms--) {
        herd_produce(&herd, 8);
        herd_turn(&herd);
        uint32_t n = herd.list[0].worker->outbox.under_way;
        if (n > most) most = n;
    }
    return most;
}

static void a_slow_cluster_has_one_flight_at_a_time(void **state)
{
    (void)state;
    herd_open(&herd, ST_AT_LEAST_ONCE, 1);
    herd_start(&herd);
    herd_turns(&herd, 2000);
    assert_int_equal(most_under_way(500), 2);
    kc_sim_set_latency(herd.sim, 40000);
    most_under_way(2000); /* it takes some answers to notice */
    assert_int_equal(most_under_way(500), 1);
    herd_close(&herd);
}

int main(void)
{
    aq_log_setup(getenv("AQUEDUCT_TEST_VERBOSE") ? AQ_DEBUG : AQ_ERROR, AQ_LOG_LOGFMT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repartition_topic_that_was_just_made_is_waited_for),
        cmocka_unit_test(a_position_inside_the_log_is_read_on_from),
        cmocka_unit_test(a_log_that_lost_its_tail_is_read_from_its_start),
        cmocka_unit_test(what_the_sink_refuses_does_not_hold_up_the_commits),
        cmocka_unit_test(what_a_dead_instance_left_open_is_ended),
        cmocka_unit_test(an_instance_that_was_fenced_asleep_goes_on),
        cmocka_unit_test(a_revocation_under_load_is_answered_at_once),
        cmocka_unit_test(a_slow_cluster_has_one_flight_at_a_time),
        cmocka_unit_test(exactly_once_holds_while_instances_come_and_go),
        cmocka_unit_test(at_least_once_loses_nothing_while_instances_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
