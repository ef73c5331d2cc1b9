/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated producers outside transactions: what is taken, what is refused, what comes back and when.
 */
#include "tests/unit/kafka/sim_stage.h"

static void batches_come_back_by_the_drain(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 2);
    struct kc_producer *producer = add_producer(&stage, NULL);
    assert_int_equal(ops->txn_poll(producer, NULL, NULL, NULL), KC_TXN_NONE);
    struct aq_batch first, second, dropped;
    aq_batch_init(&first, 4);
    aq_batch_init(&second, 4);
    aq_batch_init(&dropped, 4);
    add_record(&stage, &first, "t", 0, "a");
    add_record(&stage, &first, "t", 1, "bb");
    add_record(&stage, &first, "t", 0, "skipped")->flags |= AQ_REC_SKIP;
    add_record(&stage, &second, "t", 0, "c");
    add_record(&stage, &dropped, "t", 0, "d")->flags |= AQ_REC_DROPPED;
    assert_int_equal(ops->producer_send(producer, &first, &stage.err), 0);
    assert_int_equal(ops->producer_send(producer, &second, &stage.err), 0);
    uint64_t bytes = 0;
    assert_int_equal(ops->producer_in_flight(producer, &bytes), 3);
    assert_int_equal(bytes, 4);
    assert_string_equal(read_from(&stage, "t", 0, false), "|end 0"); /* not there before it is drained */
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_int_equal(drained.records, 3);
    assert_int_equal(drained.bytes, 4);
    assert_true((drained.done == &first && first.next == &second) ||
                (drained.done == &second && second.next == &first));
    assert_int_equal(second.sink_offset, 1);
    assert_string_equal(second.sink_topic->text, "t");
    assert_int_equal(ops->producer_in_flight(producer, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(ops->producer_send(producer, &dropped, &stage.err), 0);
    ops->producer_drain(producer, 0, &drained);
    assert_ptr_equal(drained.done, &dropped);
    assert_int_equal(drained.records, 0);
    assert_string_equal(read_from(&stage, "t", 0, false), "0:a 1:c |end 2");
    aq_batch_finish(&first);
    aq_batch_finish(&second);
    aq_batch_finish(&dropped);
    end_producer(producer);
    stage_close(&stage);
}

static void full_queue_takes_the_rest_later(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    struct kc_producer *producer = NULL;
    const struct kc_producer_conf conf = {.client_id = "p", .batch_bytes = 100, .queue_bytes = 10};
    assert_int_equal(ops->producer_open(&stage.cluster, &conf, &producer, &stage.err), 0);
    struct aq_batch batch;
    aq_batch_init(&batch, 4);
    for (int i = 0; i < 5; i++) add_record(&stage, &batch, "t", 0, "12345");
    assert_int_equal(ops->producer_send(producer, &batch, &stage.err), AQ_E_FULL);
    assert_int_equal(batch.produced, 2);
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_null(drained.done); /* it is still the caller's */
    assert_int_equal(drained.records, 2);
    assert_int_equal(ops->producer_send(producer, &batch, &stage.err), AQ_E_FULL);
    ops->producer_drain(producer, 0, &drained);
    assert_int_equal(ops->producer_send(producer, &batch, &stage.err), 0);
    ops->producer_drain(producer, 0, &drained);
    assert_ptr_equal(drained.done, &batch);
    assert_int_equal(batch.sink_offset, 4);
    aq_batch_finish(&batch);
    end_producer(producer);
    stage_close(&stage);
}

static void latency_delays_logs_and_reports(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    kc_sim_set_latency(stage.sim, 100 * AQ_MS);
    struct kc_producer *producer = add_producer(&stage, NULL);
    struct kc_ack ack;
    struct kc_drained drained;
    assert_int_equal(ops->producer_send_own(producer, "t", 0, AQ_LIT("k"), AQ_LIT("v"), &ack, &stage.err), 0);
    ops->producer_drain(producer, 50, &drained);
    assert_false(ack.done);
    assert_true(kc_sim_quiescent(stage.sim)); /* what is scheduled is later */
    assert_int_equal(kc_sim_next_us(stage.sim), aq_mono_us() + 50 * AQ_MS + 1);
    pass_ms(&stage, 51);
    assert_string_equal(read_from(&stage, "t", 0, true), "0:v |end 1"); /* no drain is needed for that */
    assert_false(ack.done);
    assert_false(kc_sim_quiescent(stage.sim));
    ops->producer_drain(producer, 0, &drained);
    assert_true(ack.done && ack.code == 0 && ack.offset == 0);
    assert_true(kc_sim_quiescent(stage.sim));
    assert_int_equal(kc_sim_next_us(stage.sim), INT64_MAX);
    end_producer(producer);
    stage_close(&stage);
}

static void refused_request_fails_all_its_records(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    const struct kc_config_entry configs[] = {{"max.message.bytes", "200"}};
    assert_int_equal(kc_sim_create_topic(&stage.cluster, "t", 2, configs, 1, &stage.err), 0);
    struct kc_producer *producer = add_producer(&stage, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 4);
    char large[300];
    memset(large, 'x', sizeof(large));
    add_record(&stage, &batch, "t", 0, "innocent");
    add_record(&stage, &batch, "t", 0, "")->value = aq_slice_of(large, sizeof(large));
    assert_int_equal(ops->producer_send(producer, &batch, &stage.err), 0);
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_ptr_equal(drained.done, &batch);
    assert_int_equal(drained.records, 0);
    const struct kc_failure *failure = ops->producer_failure(producer);
    assert_int_equal(failure->code, AQ_E_TOO_LARGE);
    assert_ptr_equal(failure->rec, &batch.records[0]); /* a suspect, not the culprit */
    /* One by one the culprit is found, and the failure stays until it is forgotten. */
    assert_int_equal(send_value(&stage, producer, "t", 1, "good"), 0);
    assert_int_equal(ops->producer_failure(producer)->code, AQ_E_TOO_LARGE);
    ops->producer_forget_failure(producer);
    assert_int_equal(ops->producer_failure(producer)->code, 0);
    assert_string_equal(read_from(&stage, "t", 0, true), "|end 0");
    aq_batch_finish(&batch);
    end_producer(producer);
    stage_close(&stage);
}

static void unknown_places_and_dates_are_refused(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    const struct kc_config_entry configs[] = {{"message.timestamp.after.max.ms", "1000"}};
    assert_int_equal(kc_sim_create_topic(&stage.cluster, "t", 1, configs, 1, &stage.err), 0);
    struct kc_producer *producer = add_producer(&stage, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 4);
    add_record(&stage, &batch, "t", 3, "nowhere");
    assert_int_equal(ops->producer_send(producer, &batch, &stage.err), AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(batch.produced, 0);
    batch.records[0].partition = 0;
    batch.records[0].timestamp += 1001;
    assert_int_equal(ops->producer_send(producer, &batch, &stage.err), 0);
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_int_equal(ops->producer_failure(producer)->code, AQ_E_BAD_TIMESTAMP);
    ops->producer_forget_failure(producer);
    assert_int_equal(send_value(&stage, producer, "none", 0, "x"), AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(ops->producer_failure(producer)->code, AQ_E_UNKNOWN_TOPIC);
    assert_null(ops->producer_failure(producer)->rec);
    struct kc_ack ack;
    assert_int_equal(ops->producer_send_own(producer, "t", 9, AQ_NULL_SLICE, AQ_LIT("x"), &ack, &stage.err),
                     AQ_E_UNKNOWN_TOPIC);
    aq_batch_finish(&batch);
    end_producer(producer);
    stage_close(&stage);
}

static void timestamps_are_kept_or_made(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    const struct kc_config_entry configs[] = {{"message.timestamp.type", "LogAppendTime"}};
    add_topic(&stage, "t", 1);
    assert_int_equal(kc_sim_create_topic(&stage.cluster, "append", 1, configs, 1, &stage.err), 0);
    struct kc_producer *producer = add_producer(&stage, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 4);
    add_record(&stage, &batch, "t", 0, "a")->timestamp = 5;
    add_record(&stage, &batch, "t", 0, "b")->timestamp = 0; /* the client would take it for "now" */
    add_record(&stage, &batch, "t", 0, "c")->time_type = AQ_TIME_NONE;
    add_record(&stage, &batch, "append", 0, "d")->timestamp = 5;
    ops->producer_send(producer, &batch, &stage.err);
    pass_ms(&stage, 10);
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    aq_batch_finish(&batch);
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    ops->consumer_assign(consumer, "t", 0, 0, NULL, &stage.err);
    struct aq_batch *read = ops->consumer_poll(consumer, 0, 0);
    assert_int_equal(read->records[0].timestamp, 5);
    assert_int_equal(read->records[0].time_type, AQ_TIME_CREATE);
    assert_int_equal(read->records[1].timestamp, 1);
    assert_int_equal(read->records[2].timestamp, aq_wall_ms());
    aq_batch_release(read);
    ops->consumer_unassign(consumer, "t", 0, &stage.err);
    ops->consumer_assign(consumer, "append", 0, 0, NULL, &stage.err);
    read = ops->consumer_poll(consumer, 0, 0);
    assert_int_equal(read->records[0].timestamp, aq_wall_ms());
    assert_int_equal(read->records[0].time_type, AQ_TIME_APPEND);
    aq_batch_release(read);
    ops->consumer_close(consumer, 0);
    end_producer(producer);
    stage_close(&stage);
}

static void consumed_records_travel_on_with_their_headers(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "from", 1);
    add_topic(&stage, "to", 1);
    const struct aq_header headers[] = {{AQ_LIT("h"), AQ_LIT("x")}};
    struct kc_sim_record rec = {.value = AQ_LIT("v"), .headers = headers, .n_headers = 1, .timestamp = 9};
    kc_sim_append(&stage.cluster, "from", &rec, &stage.err);
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    struct kc_producer *producer = add_producer(&stage, NULL);
    ops->consumer_assign(consumer, "from", 0, 0, NULL, &stage.err);
    struct aq_batch *batch = ops->consumer_poll(consumer, 0, 0);
    batch->records[0].topic = aq_names_intern(&stage.names, AQ_LIT("to"));
    batch->records[0].partition = 0;
    assert_int_equal(ops->producer_send(producer, batch, &stage.err), 0);
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_ptr_equal(drained.done, batch);
    aq_batch_release(batch);
    struct kc_sim_record list[2];
    assert_int_equal(kc_sim_read(&stage.cluster, "to", 0, list, 2, &stage.err), 1);
    assert_int_equal(list[0].n_headers, 1);
    assert_true(aq_slice_equal(list[0].headers[0].value, AQ_LIT("x")));
    assert_int_equal(list[0].timestamp, 9);
    end_producer(producer);
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void closing_gives_batches_back_and_may_lose_their_records(void **state)
{
    (void)state;
    bool lost_all = false;
    bool kept_some = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct stage stage;
        stage_open_seed(&stage, seed);
        add_topic(&stage, "t", 1);
        struct kc_producer *producer = add_producer(&stage, NULL);
        struct aq_batch batch;
        aq_batch_init(&batch, 4);
        for (int i = 0; i < 3; i++) add_record(&stage, &batch, "t", 0, "x");
        assert_int_equal(ops->producer_send(producer, &batch, &stage.err), 0);
        struct aq_batch *left = NULL;
        ops->producer_close(producer, 0, &left);
        assert_ptr_equal(left, &batch);
        assert_null(left->next);
        int64_t low, high;
        ops->admin_watermarks(stage.admin, "t", 0, 0, &low, &high, &stage.err);
        lost_all |= high == 0;
        kept_some |= high > 0;
        aq_batch_finish(&batch);
        stage_close(&stage);
    }
    assert_true(lost_all && kept_some);
}

static void order_holds_within_a_partition_only(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct stage stage;
        stage_open(&stage);
        kc_sim_keep_order(stage.sim, keep);
        add_topic(&stage, "t", 4);
        struct kc_producer *producer = add_producer(&stage, NULL);
        struct aq_batch batch;
        aq_batch_init(&batch, 4);
        for (int i = 0; i < 400; i++) add_record(&stage, &batch, "t", i % 4, "x")->timestamp = i + 1;
        ops->producer_send(producer, &batch, &stage.err);
        struct kc_drained drained;
        ops->producer_drain(producer, 0, &drained);
        assert_int_equal(drained.records, 400);
        struct kc_sim_record list[400];
        assert_int_equal(kc_sim_read(&stage.cluster, "t", 0, list, 400, &stage.err), 400);
        int overtaken = 0;
        for (int i = 0; i < 400; i++) {
            assert_int_equal(list[i].timestamp, list[i].offset * 4 + list[i].partition + 1);
            overtaken += list[i].timestamp != i + 1;
        }
        if (keep) assert_int_equal(overtaken, 0);
        if (!keep) assert_true(overtaken > 0);
        aq_batch_finish(&batch);
        end_producer(producer);
        stage_close(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_come_back_by_the_drain),
        cmocka_unit_test(full_queue_takes_the_rest_later),
        cmocka_unit_test(latency_delays_logs_and_reports),
        cmocka_unit_test(refused_request_fails_all_its_records),
        cmocka_unit_test(unknown_places_and_dates_are_refused),
        cmocka_unit_test(timestamps_are_kept_or_made),
        cmocka_unit_test(consumed_records_travel_on_with_their_headers),
        cmocka_unit_test(closing_gives_batches_back_and_may_lose_their_records),
        cmocka_unit_test(order_holds_within_a_partition_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
