/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading simulated logs: both isolations, ends, ranges, deleted records and topics, and how long bytes live.
 */
#include "tests/unit/kafka/sim_stage.h"

static void open_transaction_holds_committed_readers_back(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    struct kc_producer *producer = add_ready_producer(&stage, "id");
    put(&stage, "t", 0, "a");
    assert_int_equal(ops->txn_begin(producer, &stage.err), 0);
    assert_int_equal(send_value(&stage, producer, "t", 0, "b"), 0);
    put(&stage, "t", 0, "c"); /* not of the transaction, but behind its first record */
    assert_string_equal(read_from(&stage, "t", 0, true), "0:a |end 1");
    assert_string_equal(read_from(&stage, "t", 0, false), "0:a 1:b 2:c |end 3");
    assert_string_equal(read_from(&stage, "t", 2, true), "|end 2"); /* above the stable end, inside the log */
    assert_int_equal(abort_now(&stage, producer), 0);
    assert_string_equal(read_from(&stage, "t", 0, true), "0:a 2:c |end 4");
    assert_string_equal(read_from(&stage, "t", 0, false), "0:a 1:b 2:c |end 4");
    end_producer(producer);
    stage_close(&stage);
}

static void two_transactions_end_in_any_order(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    add_topic(&stage, "s", 1);
    struct kc_membership *membership;
    struct kc_member *member = add_owner(&stage, "g", "s", &membership);
    struct kc_producer *one = add_ready_producer(&stage, "one");
    struct kc_producer *two = add_ready_producer(&stage, "two");
    assert_int_equal(ops->txn_begin(one, &stage.err), 0);
    assert_int_equal(ops->txn_begin(two, &stage.err), 0);
    send_value(&stage, one, "t", 0, "a");
    send_value(&stage, two, "t", 0, "b");
    send_value(&stage, one, "t", 0, "c");
    assert_int_equal(commit_at(&stage, two, membership, "s", 1), 0);
    assert_string_equal(read_from(&stage, "t", 0, true), "|end 0"); /* the older one holds all back */
    assert_int_equal(abort_now(&stage, one), 0);
    assert_string_equal(read_from(&stage, "t", 0, true), "1:b |end 5");
    ops->membership_unref(membership);
    ops->member_close(member, 0);
    end_producer(one);
    end_producer(two);
    stage_close(&stage);
}

static void end_is_told_once_for_each_position(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    struct kc_event event;
    assert_int_equal(ops->consumer_known_end(consumer, "t", 0), -1);
    ops->consumer_assign(consumer, "t", 0, 0, &stage, &stage.err);
    assert_null(ops->consumer_poll(consumer, 0, 0));
    assert_true(ops->consumer_event(consumer, &event));
    assert_int_equal(event.kind, KC_EVENT_EOF);
    assert_ptr_equal(event.owner, &stage);
    assert_null(ops->consumer_poll(consumer, 0, 0));
    assert_false(ops->consumer_event(consumer, &event));
    put(&stage, "t", 0, "a");
    assert_string_equal(read_text(&stage, consumer), "0:a |end 1");
    assert_int_equal(ops->consumer_known_end(consumer, "t", 0), 1);
    /* An end that waits is forgotten when records from behind it are handed out. */
    put(&stage, "t", 0, "b");
    struct aq_batch *batch = ops->consumer_poll(consumer, 0, 0);
    assert_int_equal(batch->n, 1);
    aq_batch_release(batch);
    assert_null(ops->consumer_poll(consumer, 0, 0));
    put(&stage, "t", 0, "c");
    batch = ops->consumer_poll(consumer, 0, 0);
    aq_batch_release(batch);
    assert_false(ops->consumer_event(consumer, &event));
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void batches_are_bounded_and_of_one_partition(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 3);
    for (int i = 0; i < 3000; i++) put(&stage, "t", i % 3, "value");
    struct kc_consumer *consumer = add_consumer(&stage, true, 7);
    int owners[3] = {0};
    int64_t next[3] = {0};
    for (int p = 0; p < 3; p++)
        ops->consumer_assign(consumer, "t", p, KC_OFFSET_EARLIEST, &owners[p], &stage.err);
    struct aq_batch *batch;
    while ((batch = ops->consumer_poll(consumer, 0, 0))) {
        assert_in_range(batch->n, 1, 7);
        assert_ptr_equal(batch->owner, &owners[batch->partition]);
        for (uint32_t i = 0; i < batch->n; i++) {
            assert_int_equal(batch->records[i].offset, next[batch->partition]++);
            assert_int_equal(batch->records[i].leader_epoch, 0);
            assert_int_equal(batch->records[i].partition, -1);
        }
        aq_batch_release(batch);
    }
    for (int p = 0; p < 3; p++) assert_int_equal(next[p], 1000);
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void batch_ends_with_the_record_that_reaches_its_bytes(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    for (int i = 0; i < 10; i++) put(&stage, "t", 0, "12345");
    struct kc_consumer *consumer = NULL;
    const struct kc_consumer_conf conf = {
        .client_id = "c", .group_id = "g", .queue_bytes = 1000, .batch_records = 100, .batch_bytes = 12};
    assert_int_equal(ops->consumer_open(&stage.cluster, &conf, &stage.names, &consumer, &stage.err), 0);
    ops->consumer_assign(consumer, "t", 0, 0, NULL, &stage.err);
    struct aq_batch *batch = ops->consumer_poll(consumer, 0, 0);
    assert_int_equal(batch->n, 3);
    assert_int_equal(batch->bytes, 15);
    aq_batch_release(batch);
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void bytes_outlive_deleted_records_and_topics(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    struct aq_header headers[] = {{AQ_LIT("h"), AQ_LIT("x")}, {AQ_LIT("n"), AQ_NULL_SLICE}};
    struct kc_sim_record rec = {
        .key = AQ_LIT("key"), .value = AQ_LIT("kept"), .headers = headers, .n_headers = 2, .timestamp = 5};
    assert_int_equal(kc_sim_append(&stage.cluster, "t", &rec, &stage.err), 0);
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    ops->consumer_assign(consumer, "t", 0, 0, NULL, &stage.err);
    struct aq_batch *batch = ops->consumer_poll(consumer, 0, 0);
    const struct kc_before before = {.topic = "t", .partition = 0, .offset = 1};
    assert_int_equal(ops->admin_delete_records(stage.admin, &before, 1, 0, &stage.err), 0);
    assert_int_equal(ops->admin_delete_topic(stage.admin, "t", 0, &stage.err), 0);
    struct aq_record *read = &batch->records[0];
    assert_true(aq_slice_equal(read->value, AQ_LIT("kept")));
    uint16_t n = 0;
    struct aq_header *list = aq_record_headers(read, &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name.ptr, "h");
    assert_true(aq_slice_equal(list[0].value, AQ_LIT("x")));
    assert_true(aq_slice_is_null(list[1].value));
    /* What steps change comes back with restore. */
    read->value = AQ_LIT("other");
    read->key = AQ_NULL_SLICE;
    read->timestamp = 77;
    aq_record_drop_headers(read, AQ_LIT("h"));
    aq_record_restore(read);
    assert_true(aq_slice_equal(read->value, AQ_LIT("kept")) && aq_slice_equal(read->key, AQ_LIT("key")));
    assert_int_equal(read->timestamp, 5);
    aq_record_headers(read, &n);
    assert_int_equal(n, 2);
    aq_batch_release(batch);
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void deleted_records_are_out_of_range(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    for (int i = 0; i < 500; i++) put(&stage, "t", 0, "x");
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    ops->consumer_assign(consumer, "t", 0, 0, NULL, &stage.err);
    aq_batch_release(ops->consumer_poll(consumer, 0, 0));
    const struct kc_before before = {.topic = "t", .partition = 0, .offset = 495};
    assert_int_equal(ops->admin_delete_records(stage.admin, &before, 1, 0, &stage.err), 0);
    assert_string_equal(read_text(&stage, consumer), "|range 10");
    struct kc_event event;
    assert_null(ops->consumer_poll(consumer, 0, 0));
    assert_false(ops->consumer_event(consumer, &event)); /* told once, then it rests */
    ops->consumer_assign(consumer, "t", 0, KC_OFFSET_EARLIEST, NULL, &stage.err);
    assert_string_equal(read_text(&stage, consumer), "495:x 496:x 497:x 498:x 499:x |end 500");
    ops->consumer_assign(consumer, "t", 0, 501, NULL, &stage.err);
    assert_string_equal(read_text(&stage, consumer), "|range 501");
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void recreated_topic_is_another_log(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    for (int i = 0; i < 5; i++) put(&stage, "t", 0, "old");
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    ops->consumer_assign(consumer, "t", 0, 5, NULL, &stage.err);
    assert_string_equal(read_text(&stage, consumer), "|end 5");
    ops->admin_delete_topic(stage.admin, "t", 0, &stage.err);
    assert_string_equal(read_text(&stage, consumer), "|partition 5");
    struct kc_event event;
    assert_null(ops->consumer_poll(consumer, 0, 0));
    assert_false(ops->consumer_event(consumer, &event));
    add_topic(&stage, "t", 1);
    put(&stage, "t", 0, "new");
    assert_string_equal(read_text(&stage, consumer), "|range 5");
    ops->consumer_assign(consumer, "t", 0, 0, NULL, &stage.err);
    assert_string_equal(read_text(&stage, consumer), "0:new |end 1");
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void unassigned_partition_gives_nothing(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    put(&stage, "t", 0, "a");
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    ops->consumer_assign(consumer, "t", 0, 1, NULL, &stage.err);
    assert_null(ops->consumer_poll(consumer, 0, 0)); /* leaves an end behind */
    assert_int_equal(ops->consumer_unassign(consumer, "t", 0, &stage.err), 0);
    put(&stage, "t", 0, "b");
    struct kc_event event;
    assert_null(ops->consumer_poll(consumer, 0, 0));
    assert_false(ops->consumer_event(consumer, &event));
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

static void waiting_takes_virtual_time(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "t", 1);
    kc_sim_set_latency(stage.sim, 30 * AQ_MS);
    struct kc_consumer *consumer = add_consumer(&stage, true, 10);
    ops->consumer_assign(consumer, "t", 0, 0, NULL, &stage.err);
    struct kc_event event;
    assert_null(ops->consumer_poll(consumer, 0, 0));
    while (ops->consumer_event(consumer, &event)) continue;
    struct kc_producer *producer = add_producer(&stage, NULL);
    struct kc_ack ack;
    ops->producer_send_own(producer, "t", 0, AQ_NULL_SLICE, AQ_LIT("a"), &ack, &stage.err);
    int64_t start = aq_mono_us();
    assert_null(ops->consumer_poll(consumer, start, 20));
    assert_int_equal(aq_mono_us() - start, 20 * AQ_MS);
    struct aq_batch *batch = ops->consumer_poll(consumer, aq_mono_us(), 20); /* it arrives meanwhile */
    assert_non_null(batch);
    assert_in_range(aq_mono_us() - start, 30 * AQ_MS, 31 * AQ_MS);
    aq_batch_release(batch);
    struct kc_drained drained;
    ops->producer_drain(producer, 0, &drained);
    assert_true(ack.done);
    end_producer(producer);
    ops->consumer_close(consumer, 0);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_transaction_holds_committed_readers_back),
        cmocka_unit_test(two_transactions_end_in_any_order),
        cmocka_unit_test(end_is_told_once_for_each_position),
        cmocka_unit_test(batches_are_bounded_and_of_one_partition),
        cmocka_unit_test(batch_ends_with_the_record_that_reaches_its_bytes),
        cmocka_unit_test(bytes_outlive_deleted_records_and_topics),
        cmocka_unit_test(deleted_records_are_out_of_range),
        cmocka_unit_test(recreated_topic_is_another_log),
        cmocka_unit_test(unassigned_partition_gives_nothing),
        cmocka_unit_test(waiting_takes_virtual_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
