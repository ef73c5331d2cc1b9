/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions on real brokers: what commits, what comes back from an abort or a close, and when a producer must not be
 * used for another one.
 */
#include <signal.h>
#include <sys/wait.h>

#include "tests/lib/kc_stage.h"
#include "tests/lib/pair.h"

static void commit_moves_pointer_and_data_together(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    send_data(&stage, 10);
    int64_t at = send_position(&stage, "snapshot 1");
    kt_check(commit(&stage, stage.membership, at + 1, &err), &err, "commit");
    assert_int_equal(ops->txn_poll(stage.producer, NULL, NULL, NULL), KC_TXN_READY);
    assert_false(ops->txn_tainted(stage.producer));

    struct kc_reader *reader = open_reader(&stage);
    struct kc_pointer pointer = {.partition = 0};
    kt_check(ops->reader_committed(reader, stage.state, &pointer, 1, KT_TIMEOUT_MS, &err), &err, "committed");
    assert_int_equal(pointer.code, 0);
    assert_int_equal(pointer.offset, at + 1);
    assert_string_equal(pointer.metadata, "v1 7 abc");
    struct kc_stored stored = {.partition = 0, .offset = at};
    kt_check(ops->reader_read(reader, stage.state, &stored, 1, KT_TIMEOUT_MS, &env.arena, &err), &err,
             "read");
    assert_true(aq_slice_equal(stored.value, AQ_LIT("snapshot 1")));
    assert_true(aq_slice_equal(stored.key, AQ_LIT("pos")));
    assert_int_equal(count_committed(stage.topic), 10);

    struct kc_seen_versions versions;
    ops->producer_seen_versions(stage.producer, &versions);
    assert_true(versions.txn_offset_commit >= 3);
    ops->reader_seen_versions(reader, &versions);
    assert_true(versions.offset_fetch >= 7);
    ops->reader_close(reader, 5000);
    tear_down(&stage);
}

/* The pointer and the source's offsets are one commit: both are there, or neither. */
static void offsets_of_several_topics_go_into_one_commit(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    const char *orders = kt_topic(&env, env.sink_admin, "kt-orders", 2, NULL, 0);
    const struct kc_task_offset offsets[] = {{.partition = 0, .offset = 1, .metadata = "v1 7 abc"},
                                             {.topic = stage.topic, .partition = 0, .offset = 10},
                                             {.topic = orders, .partition = 1, .offset = 42}};
    begin(&stage);
    send_position(&stage, "snapshot 1");
    kt_check(ops->txn_commit(stage.producer, stage.membership, stage.state, offsets, 3, &err), &err,
             "commit");
    kt_check(kt_wait_txn(stage.producer, KC_TXN_COMMITTING, &err), &err, "commit");

    struct kc_reader *reader = open_reader(&stage);
    struct kc_pointer pointer = {.partition = 0}, source = {.partition = 0};
    struct kc_pointer list[] = {{.partition = 0}, {.partition = 1}};
    kt_check(ops->reader_committed(reader, stage.state, &pointer, 1, KT_TIMEOUT_MS, &err), &err, "pointer");
    kt_check(ops->reader_committed(reader, stage.topic, &source, 1, KT_TIMEOUT_MS, &err), &err, "source");
    kt_check(ops->reader_committed(reader, orders, list, 2, KT_TIMEOUT_MS, &err), &err, "orders");
    assert_int_equal(pointer.offset, 1);
    assert_string_equal(pointer.metadata, "v1 7 abc");
    assert_int_equal(source.offset, 10);
    assert_int_equal(list[0].offset, -1);
    assert_int_equal(list[1].offset, 42);
    ops->reader_close(reader, 5000);
    tear_down(&stage);
}

static void an_abort_of_delivered_records_leaves_the_producer_usable(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    send_data(&stage, 10);
    abort_txn(&stage);
    assert_false(ops->txn_tainted(stage.producer));
    begin(&stage);
    send_data(&stage, 5);
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");
    assert_int_equal(count_committed(stage.topic), 5);
    tear_down(&stage);
}

static void abort_gives_batches_back_whole(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    struct aq_batch batches[3];
    for (int i = 0; i < 3; i++) {
        aq_batch_init(&batches[i], 16);
        fill(&batches[i], stage.topic, 100);
        kt_check(ops->producer_send(stage.producer, &batches[i], &err), &err, "send");
    }
    uint64_t bytes = 0;
    assert_true(ops->producer_in_flight(stage.producer, &bytes) > 0);
    assert_true(bytes > 0);
    abort_txn(&stage);
    struct kc_drained drained;
    ops->producer_drain(stage.producer, 0, &drained);
    int back = 0;
    for (struct aq_batch *batch = drained.done; batch; batch = batch->next) {
        assert_int_equal(batch->outstanding, 0);
        assert_true(aq_slice_equal(batch->records[0].value, AQ_LIT("data")));
        back++;
    }
    assert_int_equal(back, 3);
    assert_int_equal(ops->producer_in_flight(stage.producer, &bytes), 0);
    assert_int_equal(bytes, 0);
    assert_int_equal(ops->producer_failure(stage.producer)->code,
                     0); /* thrown away on purpose is no failure */

    /* The client would give their sequence numbers to the next ones: tests/fault/test_lost_answer.c. */
    assert_true(ops->txn_tainted(stage.producer));
    assert_int_equal(ops->txn_begin(stage.producer, &err), AQ_E_FATAL);
    replace_producer(&stage);
    begin(&stage);
    batches[0].produced = 0;
    kt_send_all(stage.producer, &batches[0]);
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");
    assert_int_equal(count_committed(stage.topic), 100);
    for (int i = 0; i < 3; i++) aq_batch_finish(&batches[i]);
    tear_down(&stage);
}

static void refused_record_fails_the_transaction_only(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    const struct kc_config_entry strict = {"message.timestamp.after.max.ms", "1000"};
    stage.topic = kt_topic(&env, env.sink_admin, "kt-strict", 1, &strict, 1);
    struct aq_err err = {0};
    begin(&stage);
    struct aq_batch batch;
    aq_batch_init(&batch, 16);
    fill(&batch, stage.topic, 10);
    batch.records[7].timestamp += 86400000;
    kt_check(ops->producer_send(stage.producer, &batch, &err), &err, "send");
    struct kc_drained drained = {0};
    int64_t until = aq_mono_us() + 20 * AQ_SEC;
    while (!ops->producer_failure(stage.producer)->code && aq_mono_us() < until) {
        ops->producer_drain(stage.producer, 10, &drained);
    }
    assert_int_equal(ops->producer_failure(stage.producer)->code, AQ_E_BAD_TIMESTAMP);
    abort_txn(&stage);
    ops->producer_drain(stage.producer, 0, &drained);
    aq_batch_finish(&batch);

    assert_true(ops->txn_tainted(stage.producer));
    replace_producer(&stage);
    begin(&stage);
    send_data(&stage, 10);
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");
    assert_int_equal(count_committed(stage.topic), 10);
    tear_down(&stage);
}

/* A copy of a request whose answer was lost may arrive in the next transaction, so there must be no next one. */
static void lost_answer_taints_the_producer(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    send_data(&stage, 1);
    atomic_fetch_add(&stage.producer->client.traffic[KRD_END_TXN].sent,
                     1); /* as if sent twice, answered once */
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");
    assert_true(ops->txn_tainted(stage.producer));
    assert_int_equal(ops->txn_begin(stage.producer, &err), AQ_E_FATAL);
    assert_int_equal(ops->txn_poll(stage.producer, NULL, NULL, NULL), KC_TXN_FAILED);
    assert_int_equal(ops->txn_begin(stage.producer, &err), AQ_E_FATAL);
    assert_int_equal(count_committed(stage.topic), 1);
    tear_down(&stage);
}

/* The same with a broker that really falls silent for longer than a request may take. Committed or not, it shows. */
static void silent_broker_taints_the_producer(void **state)
{
    (void)state;
    struct kc_property impatient = {.name = "socket.timeout.ms", .value = "1500"};
    env.sink.properties = &impatient;
    env.sink.n_properties = 1;
    struct stage stage;
    set_up(&stage);
    env.sink.properties = NULL;
    env.sink.n_properties = 0;
    struct aq_err err = {0};
    begin(&stage);
    send_data(&stage, 1);
    t_clusters("pause", "sink", 0);
    struct kc_task_offset offset = {.partition = 0, .offset = 1, .metadata = NULL};
    kt_check(ops->txn_commit(stage.producer, stage.membership, stage.state, &offset, 1, &err), &err,
             "commit");
    aq_sleep_ms(4000);
    t_clusters("cont", "sink", 0);
    int code = kt_wait_txn(stage.producer, KC_TXN_COMMITTING, &err);
    fprintf(stderr, "commit over a silent broker: %s %s\n", code ? aq_code_name(code) : "0",
            code ? err.text : "");
    if (ops->txn_poll(stage.producer, NULL, NULL, NULL) == KC_TXN_OPEN) abort_txn(&stage);
    bool usable = ops->txn_poll(stage.producer, NULL, NULL, NULL) == KC_TXN_READY;
    assert_true(!usable || ops->txn_tainted(stage.producer));
    assert_int_not_equal(usable ? ops->txn_begin(stage.producer, &err) : -1, 0);
    tear_down(&stage);
}

static void close_with_batches_in_flight(void **state)
{
    (void)state;
    struct stage stage;
    set_up(&stage);
    struct aq_err err = {0};
    begin(&stage);
    struct aq_batch batches[4];
    for (int i = 0; i < 4; i++) {
        aq_batch_init(&batches[i], 16);
        fill(&batches[i], stage.topic, 1000);
        kt_check(ops->producer_send(stage.producer, &batches[i], &err), &err, "send");
    }
    struct aq_batch *back = NULL;
    int64_t started = aq_mono_us();
    ops->producer_close(stage.producer, 5000, &back);
    assert_true(aq_mono_us() - started < 6 * AQ_SEC);
    int n = 0;
    for (struct aq_batch *batch = back; batch; batch = batch->next) n++;
    assert_int_equal(n, 4);
    for (int i = 0; i < 4; i++) aq_batch_finish(&batches[i]);
    ops->membership_unref(stage.membership);
    ops->member_close(stage.member, 5000);
    assert_int_equal(count_committed(stage.topic), 0);
}

/* An empty list would be a commit without any fencing; it must never leave this layer. */
static void empty_offset_list_ends_the_process(void **state)
{
    (void)state;
    struct kc_task_offset none;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fclose(stderr);
        krd_offset_list("state", &none, 0);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_moves_pointer_and_data_together),
        cmocka_unit_test(offsets_of_several_topics_go_into_one_commit),
        cmocka_unit_test(an_abort_of_delivered_records_leaves_the_producer_usable),
        cmocka_unit_test(abort_gives_batches_back_whole),
        cmocka_unit_test(refused_record_fails_the_transaction_only),
        cmocka_unit_test(lost_answer_taints_the_producer),
        cmocka_unit_test(silent_broker_taints_the_producer),
        cmocka_unit_test(close_with_batches_in_flight),
        cmocka_unit_test(empty_offset_list_ends_the_process),
    };
    return cmocka_run_group_tests(tests, kt_setup, kt_teardown);
}
