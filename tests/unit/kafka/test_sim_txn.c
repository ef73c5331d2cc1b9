/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated transactions: the states, the fencing, the time-out, pending offsets.
 */
#include "tests/unit/kafka/sim_stage.h"

struct cast {
    struct stage stage;
    struct kc_member *member;
    struct kc_membership *membership;
    struct kc_producer *producer;
};

static void cast_open(struct cast *cast)
{
    stage_open(&cast->stage);
    add_topic(&cast->stage, "t", 1);
    add_topic(&cast->stage, "s", 2);
    cast->member = add_owner(&cast->stage, "g", "s", &cast->membership);
    cast->producer = add_ready_producer(&cast->stage, "id");
}

static void cast_close(struct cast *cast)
{
    end_producer(cast->producer);
    ops->membership_unref(cast->membership);
    ops->member_close(cast->member, 0);
    stage_close(&cast->stage);
}

static void commit_is_under_way_for_a_poll(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    struct kc_seen_versions seen;
    ops->producer_seen_versions(cast.producer, &seen);
    assert_int_equal(seen.txn_offset_commit, -1);
    assert_int_equal(ops->txn_begin(cast.producer, &stage->err), 0);
    assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_OPEN);
    send_value(stage, cast.producer, "t", 0, "a");
    pass_ms(stage, 5);
    int64_t started = aq_mono_us();
    const struct kc_task_offset offset = {.partition = 1, .offset = 3, .metadata = "m"};
    assert_int_equal(ops->txn_commit(cast.producer, cast.membership, "s", &offset, 1, &stage->err), 0);
    assert_string_equal(pointer_text(stage, "g", "s", 1), "-1 ");
    assert_false(kc_sim_quiescent(stage->sim));
    int code = 1;
    int64_t since = 0;
    assert_int_equal(ops->txn_poll(cast.producer, &code, &since, NULL), KC_TXN_COMMITTING);
    assert_int_equal(since, started);
    assert_string_equal(pointer_text(stage, "g", "s", 1), "UNSTABLE");
    assert_string_equal(pointer_text(stage, "g", "s", 0), "-1 ");
    assert_string_equal(read_from(stage, "t", 0, true), "|end 0");
    assert_int_equal(ops->txn_poll(cast.producer, &code, NULL, NULL), KC_TXN_READY);
    assert_int_equal(code, 0);
    assert_string_equal(pointer_text(stage, "g", "s", 1), "3 m");
    assert_string_equal(read_from(stage, "t", 0, true), "0:a |end 2");
    ops->producer_seen_versions(cast.producer, &seen);
    assert_int_equal(seen.txn_offset_commit, 3);
    assert_true(kc_sim_quiescent(stage->sim));
    cast_close(&cast);
}

static void aborted_offsets_leave_the_old_pointer(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    ops->txn_begin(cast.producer, &stage->err);
    assert_int_equal(commit_at(stage, cast.producer, cast.membership, "s", 1), 0);
    ops->txn_begin(cast.producer, &stage->err);
    const struct kc_task_offset offset = {.partition = 0, .offset = 2};
    ops->txn_commit(cast.producer, cast.membership, "s", &offset, 1, &stage->err);
    ops->txn_poll(cast.producer, NULL, NULL, NULL);
    assert_string_equal(pointer_text(stage, "g", "s", 0), "UNSTABLE");
    struct kc_producer *other = add_ready_producer(stage, "id"); /* the successor aborts it */
    assert_string_equal(pointer_text(stage, "g", "s", 0), "1 m");
    int code = 0;
    assert_int_equal(ops->txn_poll(cast.producer, &code, NULL, &stage->err), KC_TXN_FAILED);
    assert_int_equal(code, AQ_E_FENCED);
    end_producer(other);
    cast_close(&cast);
}

static void newer_producer_fences_deliveries(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    ops->txn_begin(cast.producer, &stage->err);
    send_value(stage, cast.producer, "t", 0, "old");
    struct kc_producer *newer = add_ready_producer(stage, "id");
    assert_string_equal(read_from(stage, "t", 0, true), "|end 2"); /* aborted by the start */
    assert_int_equal(send_value(stage, cast.producer, "t", 0, "late"), AQ_E_FENCED);
    assert_int_equal(ops->producer_failure(cast.producer)->code, AQ_E_FENCED);
    assert_int_equal(send_value(stage, cast.producer, "t", 0, "later"), AQ_E_FENCED);
    assert_int_equal(abort_now(stage, cast.producer), AQ_E_FENCED);
    assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_FAILED);
    assert_int_equal(ops->txn_begin(cast.producer, &stage->err), AQ_E_FENCED);
    ops->txn_begin(newer, &stage->err);
    assert_int_equal(send_value(stage, newer, "t", 0, "new"), 0);
    assert_int_equal(commit_at(stage, newer, cast.membership, "s", 1), 0);
    assert_string_equal(read_from(stage, "t", 0, true), "2:new |end 4");
    end_producer(newer);
    cast_close(&cast);
}

static void transaction_times_out_and_fences(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    ops->txn_begin(cast.producer, &stage->err);
    pass_ms(stage, 3000); /* no time runs before the first record */
    assert_string_equal(next_change(stage, cast.member), "");
    send_value(stage, cast.producer, "t", 0, "a");
    for (int i = 0; i < 3; i++) {
        pass_ms(stage, 3333);
        next_change(stage, cast.member);
    }
    assert_string_equal(read_from(stage, "t", 0, true), "|end 0");
    pass_ms(stage, 1);
    assert_string_equal(read_from(stage, "t", 0, true), "|end 2");
    assert_int_equal(commit_at(stage, cast.producer, cast.membership, "s", 1), AQ_E_FENCED);
    assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_FAILED);
    end_producer(cast.producer);
    cast.producer = add_ready_producer(stage, "id");
    ops->txn_begin(cast.producer, &stage->err);
    assert_int_equal(send_value(stage, cast.producer, "t", 0, "b"), 0);
    assert_int_equal(commit_at(stage, cast.producer, cast.membership, "s", 1), 0);
    cast_close(&cast);
}

static void failed_delivery_leaves_only_the_abort(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    ops->txn_begin(cast.producer, &stage->err);
    send_value(stage, cast.producer, "t", 0, "a");
    assert_int_equal(send_value(stage, cast.producer, "none", 0, "b"), AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(ops->producer_failure(cast.producer)->code, AQ_E_UNKNOWN_TOPIC);
    assert_int_equal(send_value(stage, cast.producer, "t", 0, "c"), AQ_E_TXN_ABORT);
    assert_int_equal(commit_at(stage, cast.producer, cast.membership, "s", 1), AQ_E_TXN_ABORT);
    assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_OPEN);
    assert_false(ops->txn_tainted(cast.producer));
    assert_int_equal(abort_now(stage, cast.producer), 0);
    assert_string_equal(read_from(stage, "t", 0, true), "|end 2");
    /* A record was thrown away: its number in the sequence must not be given to another. */
    assert_true(ops->txn_tainted(cast.producer));
    assert_int_equal(ops->txn_begin(cast.producer, &stage->err), AQ_E_FATAL);
    assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_FAILED);
    cast_close(&cast);
}

static void abort_with_records_on_their_way_may_taint(void **state)
{
    (void)state;
    int tainted = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct stage stage;
        stage_open_seed(&stage, seed);
        add_topic(&stage, "t", 1);
        struct kc_producer *producer = add_ready_producer(&stage, "id");
        struct aq_batch batch;
        aq_batch_init(&batch, 4);
        for (int i = 0; i < 3; i++) add_record(&stage, &batch, "t", 0, "x");
        ops->txn_begin(producer, &stage.err);
        ops->producer_send(producer, &batch, &stage.err);
        assert_int_equal(abort_now(&stage, producer), 0);
        struct kc_drained drained;
        ops->producer_drain(producer, 0, &drained);
        assert_ptr_equal(drained.done, &batch);
        assert_int_equal(ops->producer_failure(producer)->code, 0); /* no news: the owner wanted it so */
        assert_int_equal(ops->txn_tainted(producer), drained.records < 3);
        tainted += ops->txn_tainted(producer);
        assert_memory_equal(read_from(&stage, "t", 0, true), "|end", 4);
        aq_batch_finish(&batch);
        end_producer(producer);
        stage_close(&stage);
    }
    assert_in_range(tainted, 1, 19);
}

static void stale_membership_is_told_and_can_be_aborted(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    struct kc_membership *forged = ops->membership_forge(cast.membership);
    ops->txn_begin(cast.producer, &stage->err);
    assert_int_equal(commit_at(stage, cast.producer, forged, "s", 4), AQ_E_FENCED);
    assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_OPEN);
    assert_int_equal(abort_now(stage, cast.producer), 0);
    assert_string_equal(pointer_text(stage, "g", "s", 0), "-1 ");
    ops->txn_begin(cast.producer, &stage->err);
    assert_int_equal(commit_at(stage, cast.producer, cast.membership, "s", 4), 0);
    ops->membership_unref(forged);
    cast_close(&cast);
}

/* Sends an offset of a topic that is there and of one that is not. */
static void commit_half(struct cast *cast)
{
    struct stage *stage = &cast->stage;
    ops->txn_begin(cast->producer, &stage->err);
    const struct kc_task_offset offsets[] = {{.partition = 0, .offset = 4}, {.topic = "none", .offset = 5}};
    assert_int_equal(ops->txn_commit(cast->producer, cast->membership, "s", offsets, 2, &stage->err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ops->txn_poll(cast->producer, NULL, NULL, NULL), KC_TXN_COMMITTING);
    assert_string_equal(pointer_text(stage, "g", "s", 0), "UNSTABLE");
}

static void offsets_of_unknown_topics_are_sent_until_the_timeout(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    commit_half(&cast);
    for (int i = 0; i < 2; i++) {
        pass_ms(stage, 4999);
        next_change(stage, cast.member);
        assert_int_equal(ops->txn_poll(cast.producer, NULL, NULL, NULL), KC_TXN_COMMITTING);
    }
    add_topic(stage, "none", 1); /* just in time */
    int code = 1;
    assert_int_equal(ops->txn_poll(cast.producer, &code, NULL, NULL), KC_TXN_READY);
    assert_int_equal(code, 0);
    assert_string_equal(pointer_text(stage, "g", "none", 0), "5 ");
    ops->admin_delete_topic(stage->admin, "none", 0, &stage->err);
    commit_half(&cast);
    struct aq_batch *left = NULL;
    ops->producer_close(cast.producer, 0, &left); /* gives up; what is pending stays so */
    assert_string_equal(pointer_text(stage, "g", "s", 0), "UNSTABLE");
    cast.producer = add_ready_producer(stage, "id");
    assert_string_equal(pointer_text(stage, "g", "s", 0), "4 ");
    cast_close(&cast);
}

static void closed_producer_leaves_its_transaction_open(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    ops->txn_begin(cast.producer, &stage->err);
    send_value(stage, cast.producer, "t", 0, "a");
    end_producer(cast.producer);
    assert_string_equal(read_from(stage, "t", 0, true), "|end 0");
    assert_true(kc_sim_next_us(stage->sim) < INT64_MAX);
    cast.producer = add_ready_producer(stage, "id");
    assert_string_equal(read_from(stage, "t", 0, true), "|end 2");
    cast_close(&cast);
}

/* Nobody can know how far it came; but it is all or nothing, by the transaction's time-out at the latest. */
static void abandoned_commit_is_whole_or_times_out(void **state)
{
    (void)state;
    int committed = 0, aborted = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct stage stage;
        struct kc_membership *membership;
        stage_open_seed(&stage, seed);
        add_topic(&stage, "t", 1);
        add_topic(&stage, "s", 2);
        struct kc_member *member = add_owner(&stage, "g", "s", &membership);
        struct kc_producer *producer = add_ready_producer(&stage, "id");
        assert_int_equal(ops->txn_begin(producer, &stage.err), 0);
        send_value(&stage, producer, "t", 0, "a");
        const struct kc_task_offset offset = {.partition = 1, .offset = 3, .metadata = "m"};
        assert_int_equal(ops->txn_commit(producer, membership, "s", &offset, 1, &stage.err), 0);
        kc_sim_abandon_producer(producer);
        end_producer(producer);
        pass_ms(&stage, 11000);
        bool whole = strcmp(pointer_text(&stage, "g", "s", 1), "3 m") == 0;
        if (!whole) assert_string_equal(pointer_text(&stage, "g", "s", 1), "-1 ");
        assert_string_equal(read_from(&stage, "t", 0, true), whole ? "0:a |end 2" : "|end 2");
        *(whole ? &committed : &aborted) += 1;
        ops->membership_unref(membership);
        ops->member_close(member, 0);
        stage_close(&stage);
    }
    assert_in_range(committed, 1, 39);
    assert_in_range(aborted, 1, 39);
}

static void deleted_topic_does_not_stop_a_commit(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    struct stage *stage = &cast.stage;
    ops->txn_begin(cast.producer, &stage->err);
    send_value(stage, cast.producer, "t", 0, "a");
    ops->admin_delete_topic(stage->admin, "t", 0, &stage->err);
    assert_int_equal(commit_at(stage, cast.producer, cast.membership, "s", 4), 0);
    add_topic(stage, "t", 1);
    assert_string_equal(read_from(stage, "t", 0, true), "|end 0");
    cast_close(&cast);
}

static void too_long_a_timeout_is_refused(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    struct kc_producer *producer = NULL;
    const struct kc_producer_conf conf = {.client_id = "p",
                                          .transactional_id = "id",
                                          .transaction_timeout_ms = 900001,
                                          .batch_bytes = 1,
                                          .queue_bytes = 1};
    assert_int_equal(ops->producer_open(&stage.cluster, &conf, &producer, &stage.err), 0);
    assert_int_equal(finish_call(&stage, producer), AQ_E_FATAL);
    assert_int_equal(ops->txn_poll(producer, NULL, NULL, NULL), KC_TXN_FAILED);
    end_producer(producer);
    stage_close(&stage);
}

static void commit_nothing(void *arg)
{
    struct cast *cast = arg;
    const struct kc_task_offset offset = {.offset = 1};
    ops->txn_commit(cast->producer, cast->membership, "s", &offset, 0, &cast->stage.err);
}

static void drain_while_committing(void *arg)
{
    struct cast *cast = arg;
    const struct kc_task_offset offset = {.offset = 1};
    struct kc_drained drained;
    ops->txn_commit(cast->producer, cast->membership, "s", &offset, 1, &cast->stage.err);
    ops->producer_drain(cast->producer, 0, &drained);
}

static void misuse_ends_the_process(void **state)
{
    (void)state;
    struct cast cast;
    cast_open(&cast);
    ops->txn_begin(cast.producer, &cast.stage.err);
    assert_true(aborts(commit_nothing, &cast));
    assert_true(aborts(drain_while_committing, &cast));
    assert_int_equal(abort_now(&cast.stage, cast.producer), 0);
    cast_close(&cast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_is_under_way_for_a_poll),
        cmocka_unit_test(aborted_offsets_leave_the_old_pointer),
        cmocka_unit_test(newer_producer_fences_deliveries),
        cmocka_unit_test(transaction_times_out_and_fences),
        cmocka_unit_test(failed_delivery_leaves_only_the_abort),
        cmocka_unit_test(abort_with_records_on_their_way_may_taint),
        cmocka_unit_test(stale_membership_is_told_and_can_be_aborted),
        cmocka_unit_test(offsets_of_unknown_topics_are_sent_until_the_timeout),
        cmocka_unit_test(closed_producer_leaves_its_transaction_open),
        cmocka_unit_test(abandoned_commit_is_whole_or_times_out),
        cmocka_unit_test(deleted_topic_does_not_stop_a_commit),
        cmocka_unit_test(too_long_a_timeout_is_refused),
        cmocka_unit_test(misuse_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
