/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions on real brokers: what commits, what is fenced, what an open transaction hides, and what comes back.
 * White box: kafka/rd/rd.h, to leave a transaction half-way, which struct kc_ops never does.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kafka/rd/rd.h"
#include "tests/lib/broker_env.h"

static struct kt_env env;
static const struct kc_ops *ops = &kc_rd_ops;

/* ---- helpers -------------------------------------------------------------------------------------------------------- */

struct stage {
    const char *topic; /* data, on the sink */
    const char *state;
    const char *group;
    struct kc_member *member;
    struct kc_membership *membership;
    struct kc_producer *producer;
};

static void answer_until_assigned(struct kc_member *member)
{
    struct aq_err err = {0};
    struct kc_member_event event;
    int64_t until = aq_mono_us() + 30 * AQ_SEC;
    while (aq_mono_us() < until) {
        if (ops->member_poll(member, &event)) {
            if (event.kind == KC_MEMBER_ERROR) continue;
            kt_check(ops->member_answer(member, &err), &err, "answer");
            if (event.kind == KC_MEMBER_ASSIGNED) return;
        }
        aq_sleep_ms(5);
    }
    fail_msg("not assigned within 30 s");
}

static struct kc_member *join(const struct stage *stage)
{
    struct aq_err err = {0};
    struct kc_member *member = NULL;
    struct kc_member_conf conf = {.client_id = "kt-member",
                                  .group_id = stage->group,
                                  .topic = stage->state,
                                  .session_timeout_ms = 6000,
                                  .max_poll_interval_ms = 60000};
    kt_check(ops->member_open(&env.sink, &conf, &member, &err), &err, "member");
    return member;
}

static struct kc_producer *start_producer(void)
{
    struct aq_err err = {0};
    struct kc_producer *producer = kt_producer(&env.sink, kt_name(&env, "kt-txn"));
    kt_check(kt_wait_txn(producer, KC_TXN_STARTING, &err), &err, "start");
    assert_int_equal(ops->txn_poll(producer, NULL, NULL, NULL), KC_TXN_READY);
    return producer;
}

static void set_up(struct stage *stage)
{
    *stage = (struct stage){0};
    stage->topic = kt_topic(&env, env.sink_admin, "kt-txn", 1, NULL, 0);
    stage->state = kt_topic(&env, env.sink_admin, "kt-txn-state", 2, NULL, 0);
    stage->group = kt_name(&env, "kt-group");
    stage->member = join(stage);
    answer_until_assigned(stage->member);
    stage->membership = ops->member_membership(stage->member);
    assert_non_null(stage->membership);
    stage->producer = start_producer();
}

static void tear_down(struct stage *stage)
{
    kt_close_producer(stage->producer);
    ops->membership_unref(stage->membership);
    ops->member_close(stage->member, 5000);
}

static void begin(struct stage *stage)
{
    struct aq_err err = {0};
    kt_check(ops->txn_begin(stage->producer, &err), &err, "begin");
}

static void fill(struct aq_batch *batch, const char *topic, int n)
{
    for (int i = 0; i < n; i++) {
        struct aq_record *rec = aq_batch_add(batch);
        rec->topic = aq_names_intern(&env.names, aq_slice_str(topic));
        rec->partition = 0;
        rec->offset = i;
        rec->value = AQ_LIT("data");
        rec->timestamp = aq_wall_ms();
        rec->time_type = AQ_TIME_CREATE;
    }
}

static void send_data(struct stage *stage, int n)
{
    struct aq_batch batch;
    aq_batch_init(&batch, 16);
    fill(&batch, stage->topic, n);
    kt_send_all(stage->producer, &batch);
    aq_batch_finish(&batch);
}

static int64_t send_position(struct stage *stage, const char *text)
{
    struct aq_err err = {0};
    struct kc_ack ack;
    struct kc_drained drained;
    kt_check(ops->producer_send_own(stage->producer, stage->state, 0, AQ_LIT("pos"), aq_slice_str(text), &ack,
                                    &err),
             &err, "position");
    while (!ack.done) ops->producer_drain(stage->producer, 10, &drained);
    assert_int_equal(ack.code, 0);
    assert_true(ack.offset >= 0);
    return ack.offset;
}

static int commit(struct stage *stage, struct kc_membership *membership, int64_t pointer, struct aq_err *err)
{
    struct kc_task_offset offset = {.partition = 0, .offset = pointer, .metadata = "v1 7 abc"};
    kt_check(ops->txn_commit(stage->producer, membership, stage->state, &offset, 1, err), err, "commit");
    return kt_wait_txn(stage->producer, KC_TXN_COMMITTING, err);
}

static void abort_txn(struct stage *stage)
{
    struct aq_err err = {0};
    kt_check(ops->txn_abort(stage->producer, &err), &err, "abort");
    kt_check(kt_wait_txn(stage->producer, KC_TXN_ABORTING, &err), &err, "abort");
    assert_int_equal(ops->txn_poll(stage->producer, NULL, NULL, NULL), KC_TXN_READY);
}

static struct kc_reader *open_reader(const struct stage *stage)
{
    struct aq_err err = {0};
    struct kc_reader *reader = NULL;
    kt_check(ops->reader_open(&env.sink, "kt-reader", stage->group, &reader, &err), &err, "reader");
    return reader;
}

/* Records that a read_committed consumer finds in partition 0 before its end. */
static int count_committed(const char *topic)
{
    struct aq_err err = {0};
    struct kc_consumer *consumer = kt_consumer(&env, &env.sink, true);
    kt_check(ops->consumer_assign(consumer, topic, 0, 0, consumer, &err), &err, "assign");
    int n = 0;
    bool end = false;
    int64_t until = aq_mono_us() + 20 * AQ_SEC;
    while (!end && aq_mono_us() < until) {
        struct aq_batch *batch = ops->consumer_poll(consumer, aq_mono_us(), 20);
        if (batch) {
            n += (int)batch->n;
            aq_batch_release(batch);
        }
        struct kc_event event;
        while (ops->consumer_event(consumer, &event)) end |= event.kind == KC_EVENT_EOF;
    }
    assert_true(end);
    ops->consumer_close(consumer, 5000);
    return n;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

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

    /* The client needs an epoch bump after that: up to two further aborts, then it works. */
    int code = -1;
    for (int tries = 0; tries < 3 && code != 0; tries++) {
        begin(&stage);
        struct aq_batch good;
        aq_batch_init(&good, 16);
        fill(&good, stage.topic, 10);
        code = ops->producer_send(stage.producer, &good, &err);
        until = aq_mono_us() + 20 * AQ_SEC;
        while (ops->producer_in_flight(stage.producer, NULL) &&
               !ops->producer_failure(stage.producer)->code && aq_mono_us() < until) {
            ops->producer_drain(stage.producer, 10, &drained);
        }
        if (ops->producer_failure(stage.producer)->code) code = ops->producer_failure(stage.producer)->code;
        if (code == 0) code = commit(&stage, stage.membership, 1, &err);
        if (code != 0) abort_txn(&stage);
        ops->producer_drain(stage.producer, 0, &drained);
        aq_batch_finish(&good);
    }
    assert_int_equal(code, 0);
    assert_int_equal(count_committed(stage.topic), 10);
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

static void clusters(const char *command)
{
    char line[512];
    snprintf(line, sizeof(line), "%s %s --name %s sink >/dev/null", getenv("AQUEDUCT_CLUSTERS_CMD"), command,
             getenv("AQUEDUCT_CLUSTERS_NAME"));
    if (system(line) != 0) fail_msg("%s", line);
}

/* The same with a broker that really falls silent for longer than a request may take. Committed or not, it shows. */
static void silent_broker_taints_the_producer(void **state)
{
    (void)state;
    if (!getenv("AQUEDUCT_CLUSTERS_CMD") || !getenv("AQUEDUCT_CLUSTERS_NAME")) skip();
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
    clusters("pause");
    struct kc_task_offset offset = {.partition = 0, .offset = 1, .metadata = NULL};
    kt_check(ops->txn_commit(stage.producer, stage.membership, stage.state, &offset, 1, &err), &err,
             "commit");
    aq_sleep_ms(4000);
    clusters("cont");
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

static int setup(void **state)
{
    (void)state;
    kt_open(&env);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kt_close(&env);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_moves_pointer_and_data_together),
        cmocka_unit_test(forged_generation_is_fenced),
        cmocka_unit_test(stale_owner_is_fenced_after_a_rebalance),
        cmocka_unit_test(open_transaction_makes_the_pointer_unstable),
        cmocka_unit_test(scan_finds_the_last_committed),
        cmocka_unit_test(abort_gives_batches_back_whole),
        cmocka_unit_test(refused_record_fails_the_transaction_only),
        cmocka_unit_test(second_producer_with_the_same_id_fences_the_first),
        cmocka_unit_test(lost_answer_taints_the_producer),
        cmocka_unit_test(silent_broker_taints_the_producer),
        cmocka_unit_test(close_with_batches_in_flight),
        cmocka_unit_test(empty_offset_list_ends_the_process),
        cmocka_unit_test(positions_can_be_reset_only_without_members),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
