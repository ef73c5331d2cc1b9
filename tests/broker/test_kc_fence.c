/* SPDX-License-Identifier: Apache-2.0
 *
 * Fencing and the barrier of a take-over on real brokers: who may commit, and what a new owner can and cannot see while
 * an earlier one has something pending.
 */
#include "tests/lib/kc_stage.h"

static void forged_generation_is_fenced(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    send_data(&stage, 5);
    struct kc_membership *forged = ops->membership_forge(stage.membership);
    assert_int_equal(commit(&stage, forged, 1, &err), AQ_E_FENCED);
    ops->membership_unref(forged);
    assert_int_equal(ops->txn_poll(stage.producer, NULL, NULL, NULL), KC_TXN_OPEN);
    abort_txn(&stage);
    assert_int_equal(count_committed(stage.topic), 0);

    /* The handle goes on with the right membership. */
    begin(&stage);
    send_data(&stage, 5);
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");
    assert_int_equal(count_committed(stage.topic), 5);
    tear_down(&stage);
}

/* The zombie: it still holds what it was given in generation 1, but the group has moved on. */
static void stale_owner_is_fenced_after_a_rebalance(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    send_data(&stage, 3);
    struct kc_member *rival = join(&stage);
    struct kc_member_event event;
    int64_t until = aq_mono_us() + 30 * AQ_SEC;
    bool settled = false;
    while (!settled && aq_mono_us() < until) {
        if (ops->member_poll(stage.member, &event) && event.kind != KC_MEMBER_ERROR) {
            kt_check(ops->member_answer(stage.member, &err), &err, "answer");
            settled = event.kind == KC_MEMBER_ASSIGNED;
        }
        if (ops->member_poll(rival, &event) && event.kind != KC_MEMBER_ERROR) {
            kt_check(ops->member_answer(rival, &err), &err, "answer");
        }
        aq_sleep_ms(5);
    }
    assert_true(settled);
    assert_int_equal(commit(&stage, stage.membership, 1, &err), AQ_E_FENCED);
    abort_txn(&stage);
    assert_int_equal(count_committed(stage.topic), 0);
    ops->member_close(rival, 5000);
    tear_down(&stage);
}

/* The barrier of a take-over: while a transaction holds the pointer, its offset is unknown, which is not "none". */
static void open_transaction_makes_the_pointer_unstable(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    int64_t at = send_position(&stage, "pending");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, stage.state, 0)->offset = at + 1;
    assert_null(rd_kafka_send_offsets_to_transaction(stage.producer->client.rk, list,
                                                     stage.membership->metadata, 10000));
    rd_kafka_topic_partition_list_destroy(list);

    struct kc_reader *reader = open_reader(&stage);
    struct kc_pointer pointers[2] = {{.partition = 0}, {.partition = 1}};
    kt_check(ops->reader_committed(reader, stage.state, pointers, 2, 4000, &err), &err, "committed");
    assert_int_equal(pointers[0].code, AQ_E_UNSTABLE);
    assert_int_equal(pointers[1].code, 0);
    assert_int_equal(pointers[1].offset, -1);

    /* The record is there for read_uncommitted eyes, and hidden from a scan up to the true end. */
    int64_t low = -1, high = -1;
    kt_check(ops->admin_watermarks(env.sink_admin, stage.state, 0, KT_TIMEOUT_MS, &low, &high, &err), &err,
             "watermarks");
    assert_int_equal(high, at + 1);
    struct kc_stored stored;
    assert_int_equal(
        ops->reader_scan_last(reader, stage.state, 0, AQ_LIT("pos"), high, 1500, &env.arena, &stored, &err),
        AQ_E_UNSTABLE);

    abort_txn(&stage);
    int64_t until = aq_mono_us() + 10 * AQ_SEC;
    do {
        kt_check(ops->reader_committed(reader, stage.state, pointers, 1, KT_TIMEOUT_MS, &err), &err,
                 "committed");
    } while (pointers[0].code == AQ_E_UNSTABLE && aq_mono_us() < until);
    assert_int_equal(pointers[0].code, 0);
    assert_int_equal(pointers[0].offset, -1);
    kt_check(ops->reader_scan_last(reader, stage.state, 0, AQ_LIT("pos"), high, KT_TIMEOUT_MS, &env.arena,
                                   &stored, &err),
             &err, "scan");
    assert_int_equal(stored.offset, -1); /* aborted */
    ops->reader_close(reader, 5000);
    tear_down(&stage);
}

static void scan_finds_the_last_committed(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    send_position(&stage, "first");
    int64_t at = send_position(&stage, "second");
    kt_check(commit(&stage, stage.membership, at + 1, &err), &err, "commit");
    begin(&stage);
    send_position(&stage, "aborted");
    abort_txn(&stage);
    struct kc_reader *reader = open_reader(&stage);
    struct kc_stored stored;
    int64_t low = -1, high = -1;
    kt_check(ops->admin_watermarks(env.sink_admin, stage.state, 0, KT_TIMEOUT_MS, &low, &high, &err), &err,
             "watermarks");
    kt_check(ops->reader_scan_last(reader, stage.state, 0, AQ_LIT("pos"), high, KT_TIMEOUT_MS, &env.arena,
                                   &stored, &err),
             &err, "scan");
    assert_int_equal(stored.offset, at);
    assert_true(aq_slice_equal(stored.value, AQ_LIT("second")));
    kt_check(ops->reader_scan_last(reader, stage.state, 0, AQ_LIT("other"), high, KT_TIMEOUT_MS, &env.arena,
                                   &stored, &err),
             &err, "scan");
    assert_int_equal(stored.offset, -1);

    /* A pointer to something that is not a committed record is an error, not a guess. */
    stored = (struct kc_stored){.partition = 0, .offset = at + 1}; /* the commit marker */
    assert_int_equal(ops->reader_read(reader, stage.state, &stored, 1, 5000, &env.arena, &err), AQ_E_STATE);
    stored = (struct kc_stored){.partition = 0, .offset = 1000};
    assert_int_equal(ops->reader_read(reader, stage.state, &stored, 1, 5000, &env.arena, &err), AQ_E_STATE);
    ops->reader_close(reader, 5000);
    tear_down(&stage);
}

static void second_producer_with_the_same_id_fences_the_first(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    kt_close_producer(stage.producer);
    struct aq_err err = {0};
    const char *id = kt_name(&env, "kt-same");
    stage.producer = kt_producer(&env.sink, id);
    kt_check(kt_wait_txn(stage.producer, KC_TXN_STARTING, &err), &err, "start");
    begin(&stage);
    send_data(&stage, 1);
    struct kc_producer *second = kt_producer(&env.sink, id);
    kt_check(kt_wait_txn(second, KC_TXN_STARTING, &err), &err, "start");
    assert_int_equal(commit(&stage, stage.membership, 1, &err), AQ_E_FENCED);
    assert_int_equal(ops->txn_poll(stage.producer, NULL, NULL, NULL), KC_TXN_FAILED);
    kt_close_producer(second);
    assert_int_equal(count_committed(stage.topic), 0);
    tear_down(&stage);
}

static void positions_can_be_reset_only_without_members(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    struct kc_reader *reader = open_reader(&stage);
    assert_int_equal(ops->reader_commit_stopped(reader, stage.state, 0, 5, "reset", KT_TIMEOUT_MS, &err),
                     AQ_E_BUSY);
    tear_down(&stage);
    kt_check(ops->reader_commit_stopped(reader, stage.state, 0, 5, "reset", KT_TIMEOUT_MS, &err), &err,
             "reset");
    struct kc_pointer pointer = {.partition = 0};
    kt_check(ops->reader_committed(reader, stage.state, &pointer, 1, KT_TIMEOUT_MS, &err), &err, "committed");
    assert_int_equal(pointer.offset, 5);
    assert_string_equal(pointer.metadata, "reset");
    ops->reader_close(reader, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_generation_is_fenced),
        cmocka_unit_test(stale_owner_is_fenced_after_a_rebalance),
        cmocka_unit_test(open_transaction_makes_the_pointer_unstable),
        cmocka_unit_test(scan_finds_the_last_committed),
        cmocka_unit_test(second_producer_with_the_same_id_fences_the_first),
        cmocka_unit_test(positions_can_be_reset_only_without_members),
    };
    return cmocka_run_group_tests(tests, kt_setup, kt_teardown);
}
