/* SPDX-License-Identifier: Apache-2.0
 *
 * The source side of a worker against a scripted consumer: which records are taken and which are not, what is compared
 * after a take-over, what a pause means, and when nothing is polled at all. Every test fails when the guard it is named
 * after is taken out of bridge/intake.c. What the source says besides records is in test_intake_events.c.
 */
#include "tests/unit/bridge/intake_world.h"

/* ---- batches ---------------------------------------------------------------------------------------------------------- */

static void an_ordinary_batch(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    arrive(&w, p, 10, 5);
    struct aq_batch *batch = take(&w, 10, 14);
    check_marks(p, 15, 10);
    assert_int_equal(p->read.last_offset, 14);
    assert_int_equal(p->read.last_timestamp, time_at(14));
    assert_true(p->read.last_hash == kc_fingerprint(AQ_LIT("k"), AQ_LIT("v"), time_at(14)));
    assert_int_equal(p->count, 1);
    assert_int_equal(w.worker->in_flight, 5 * RECORD_BYTES);
    assert_int_equal(aq_counter_get(&w.worker->counters.records_read), 5);
    assert_int_equal(aq_counter_get(&w.worker->counters.bytes_read), 5 * RECORD_BYTES);
    acknowledge(&w, batch);
    check_marks(p, 15, 15);
    stop(&w);
}

static void known_records_are_never_taken_twice(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    arrive(&w, p, 5, 8);
    acknowledge(&w, take(&w, 10, 12));
    check_marks(p, 13, 13);
    assert_int_equal(aq_counter_get(&w.worker->counters.records_read), 3);
    arrive(&w, p, 11, 2);
    check_untaken(&w); /* not one that is new */
    check_marks(p, 13, 13);
    assert_false(p->untaken);
    arrive(&w, p, 12, 2);
    acknowledge(&w, take(&w, 13, 13));
    assert_int_equal(aq_counter_get(&w.worker->counters.records_read), 4);
    stop(&w);
}

/* ---- after a take-over ------------------------------------------------------------------------------------------------ */

static void the_last_record_mirrored_is_recognised_and_skipped(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    assert_true(p->verify);
    arrive(&w, p, 9, 6);
    acknowledge(&w, take(&w, 10, 14));
    assert_false(p->verify); /* once is enough */
    check_marks(p, 15, 15);
    assert_int_equal(w.worker->own.err.code, 0);
    stop(&w);
}

static void alone_it_is_not_worth_a_batch(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    arrive(&w, p, 9, 1);
    check_untaken(&w);
    assert_false(p->verify || p->untaken || p->suspect);
    check_marks(p, 10, 10);
    arrive(&w, p, 10, 2);
    acknowledge(&w, take(&w, 10, 11));
    stop(&w);
}

static void another_record_in_its_place_stops_the_route(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        int64_t later_ms;
    } rows[] = {{"k", "v", 1}, {"k", "w", 0}, {"l", "v", 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        start(&w, "");
        struct br_partition *p = reading(&w, 10, true);
        struct aq_record *first = &arrive(&w, p, 9, 6)->records[0];
        first->key = aq_slice_str(rows[i].key);
        first->value = aq_slice_str(rows[i].value);
        first->timestamp += rows[i].later_ms;
        check_untaken(&w);
        T_CHECK(w.worker->own.err.code == AQ_E_RECREATED, "row %zu: %d", i, w.worker->own.err.code);
        assert_int_equal(p->state, BR_PARTITION_HALTED);
        assert_int_equal(p->count, 0);
        check_marks(p, 10, 10);
        arrive(&w, p, 15, 2);
        check_untaken(&w); /* nor anything behind it */
        stop(&w);
    }
}

static void reported_it_is_read_from_where_the_log_begins(void **state)
{
    (void)state;
    struct world w;
    start(&w, "on_anomaly = \"report\";");
    struct br_partition *p = reading(&w, 10, true);
    w.low = 3;
    arrive(&w, p, 9, 6)->records[0].value = AQ_LIT("another");
    check_untaken(&w);
    assert_int_equal(w.worker->own.err.code, 0);
    assert_int_equal(p->reset_to, 3);
    w.worker->recheck_us = w.now + AQ_SEC;
    hear(&w);
    check_log(&w, "assign(0@3)");
    check_marks(p, 3, 3);
    assert_true(w.worker->tasks[0].write_first);
    stop(&w);
}

static void a_last_record_gone_by_compaction_is_no_anomaly(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    arrive(&w, p, 12, 3)->records[0].value = AQ_LIT("another"); /* nothing to compare it with */
    acknowledge(&w, take(&w, 12, 14));
    assert_int_equal(w.worker->own.err.code, 0);
    assert_false(p->verify);
    check_marks(p, 15, 15);
    stop(&w);
}

static void what_cannot_be_examined_now_is_not_taken(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, true);
    w.watermarks_rc = AQ_E_UNREACHABLE;
    arrive(&w, p, 9, 6)->records[0].value = AQ_LIT("another");
    check_untaken(&w);
    assert_int_equal(w.worker->own.err.code, 0);
    arrive(&w, p, 15, 1);
    check_untaken(&w);
    w.watermarks_rc = 0;
    hear(&w);
    check_log(&w, "assign(0@9)");
    assert_true(p->verify);
    arrive(&w, p, 9, 6)->records[0].value = AQ_LIT("another");
    check_untaken(&w);
    assert_int_equal(w.worker->own.err.code, AQ_E_RECREATED);
    stop(&w);
}

/* ---- pauses ----------------------------------------------------------------------------------------------------------- */

static void a_process_that_stood_still_suspects_what_it_reads(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false), *halted = mirrored(&w, 1, 20);
    halted->state = BR_PARTITION_HALTED;
    int64_t before = aq_mono_us();
    w.worker->awake_us = before - 600 * AQ_MS;
    arrive(&w, p, 10, 1);
    assert_null(br_intake_poll(w.worker, w.now)); /* not even what was fetched before */
    assert_true(p->suspect && p->untaken && w.worker->suspects);
    assert_false(halted->suspect);
    assert_true(w.worker->awake_us >= before);
    hear(&w);
    check_log(&w, "assign(0@9)");
    stop(&w);
}

static void also_when_it_may_not_read(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    w.worker->own.rewind_due = true;
    w.worker->awake_us = aq_mono_us() - 600 * AQ_MS;
    assert_null(br_intake_poll(w.worker, w.now));
    assert_true(p->suspect);
    stop(&w);
}

static void the_first_look_at_the_clock_is_no_pause(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    w.worker->awake_us = 0;
    assert_null(br_intake_poll(w.worker, w.now));
    assert_false(p->suspect);
    assert_true(w.worker->awake_us > 0);
    stop(&w);
}

/* ---- bounds ----------------------------------------------------------------------------------------------------------- */

static void check_polls(struct world *w, bool expected, const char *bound)
{
    int before = w->consumer.polls;
    assert_null(poll_once(w));
    T_CHECK((w->consumer.polls > before) == expected, "%s: %d polls", bound, w->consumer.polls - before);
}

static void bytes_in_flight_are_bounded(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    w.worker->in_flight = (uint64_t)w.route.in_flight_bytes - 1;
    check_polls(&w, true, "a byte below the limit");
    w.worker->in_flight++;
    check_polls(&w, false, "at the limit");
    w.worker->in_flight = 0;
    stop(&w);
}

static void nothing_is_polled_before_the_rewind(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    check_polls(&w, true, "an ordinary turn");
    w.worker->own.rewind_due = true;
    check_polls(&w, false, "a rewind is due");
    stop(&w);
}

static void nothing_is_polled_while_the_group_settles(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    bool *const unsettled[] = {&w.worker->own.revoking, &w.worker->own.fenced};
    for (size_t i = 0; i < sizeof(unsettled) / sizeof(unsettled[0]); i++) {
        *unsettled[i] = true;
        check_polls(&w, false, i ? "fenced" : "revoking");
        *unsettled[i] = false;
        check_polls(&w, true, "settled");
    }
    w.worker->own.assigned = false;
    check_polls(&w, false, "never assigned");
    stop(&w);
}

static void nothing_is_polled_on_the_way_out(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    w.worker->state = BR_WORKER_DRAINING;
    check_polls(&w, false, "draining");
    stop(&w);
}

static void a_broken_producer_gets_no_more_than_one_batch(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    struct br_partition *p = reading(&w, 10, false);
    w.worker->own.lanes.sending->cycle.state = KC_CYCLE_BROKEN;
    check_polls(&w, true, "nothing is queued");
    arrive(&w, p, 10, 1);
    br_outflow_enqueue(w.worker, poll_once(&w));
    check_polls(&w, false, "a batch is queued");
    w.worker->own.lanes.sending->cycle.state = KC_CYCLE_IDLE;
    check_polls(&w, true, "the producer is back");
    stop(&w);
}

static void nothing_is_polled_while_backing_off(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    w.worker->own.pause_until_us = w.now + 1;
    check_polls(&w, false, "backing off");
    w.now++;
    check_polls(&w, true, "backed off");
    stop(&w);
}

static void what_was_read_counts_against_the_allowance(void **state)
{
    (void)state;
    struct world w;
    start(&w, "records_per_second = 10;"); /* a bucket of one record */
    struct br_partition *p = reading(&w, 10, false);
    arrive(&w, p, 10, 3);
    acknowledge(&w, take(&w, 10, 12));
    check_polls(&w, false, "two records in debt");
    w.now += 210 * AQ_MS;
    check_polls(&w, true, "the debt is paid");
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_batch),
        cmocka_unit_test(known_records_are_never_taken_twice),
        cmocka_unit_test(the_last_record_mirrored_is_recognised_and_skipped),
        cmocka_unit_test(alone_it_is_not_worth_a_batch),
        cmocka_unit_test(another_record_in_its_place_stops_the_route),
        cmocka_unit_test(reported_it_is_read_from_where_the_log_begins),
        cmocka_unit_test(a_last_record_gone_by_compaction_is_no_anomaly),
        cmocka_unit_test(what_cannot_be_examined_now_is_not_taken),
        cmocka_unit_test(a_process_that_stood_still_suspects_what_it_reads),
        cmocka_unit_test(also_when_it_may_not_read),
        cmocka_unit_test(the_first_look_at_the_clock_is_no_pause),
        cmocka_unit_test(bytes_in_flight_are_bounded),
        cmocka_unit_test(nothing_is_polled_before_the_rewind),
        cmocka_unit_test(nothing_is_polled_while_the_group_settles),
        cmocka_unit_test(nothing_is_polled_on_the_way_out),
        cmocka_unit_test(a_broken_producer_gets_no_more_than_one_batch),
        cmocka_unit_test(nothing_is_polled_while_backing_off),
        cmocka_unit_test(what_was_read_counts_against_the_allowance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
