/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage of the client layer's transaction tests: a data topic, a state topic, a member that owns it and a
 * transactional producer, all on the sink. White box: with kafka/rd/rd.h, to leave a transaction half-way, which struct
 * kc_ops never does.
 */
#ifndef AQ_TESTS_LIB_KC_STAGE_H
#define AQ_TESTS_LIB_KC_STAGE_H

#include "kafka/rd/rd.h"
#include "tests/lib/broker_fixture.h"

struct stage {
    const char *topic; /* data, on the sink */
    const char *state;
    const char *group;
    struct kc_member *member;
    struct kc_membership *membership;
    struct kc_producer *producer;
};

static inline void answer_until_assigned(struct kc_member *member)
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

static inline struct kc_member *join(const struct stage *stage)
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

static inline struct kc_producer *start_producer(void)
{
    struct aq_err err = {0};
    struct kc_producer *producer = kt_producer(&env.sink, kt_name(&env, "kt-txn"));
    kt_check(kt_wait_txn(producer, KC_TXN_STARTING, &err), &err, "start");
    assert_int_equal(ops->txn_poll(producer, NULL, NULL, NULL), KC_TXN_READY);
    return producer;
}

static inline void replace_producer(struct stage *stage)
{
    kt_close_producer(stage->producer);
    stage->producer = start_producer();
}

static inline void set_up(struct stage *stage)
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

static inline void tear_down(struct stage *stage)
{
    kt_close_producer(stage->producer);
    ops->membership_unref(stage->membership);
    ops->member_close(stage->member, 5000);
}

static inline void begin(struct stage *stage)
{
    struct aq_err err = {0};
    kt_check(ops->txn_begin(stage->producer, &err), &err, "begin");
}

static inline void fill(struct aq_batch *batch, const char *topic, int n)
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

static inline void send_data(struct stage *stage, int n)
{
    struct aq_batch batch;
    aq_batch_init(&batch, 16);
    fill(&batch, stage->topic, n);
    kt_send_all(stage->producer, &batch);
    aq_batch_finish(&batch);
}

static inline int64_t send_position(struct stage *stage, const char *text)
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

static inline int commit(struct stage *stage, struct kc_membership *membership, int64_t pointer,
                         struct aq_err *err)
{
    struct kc_task_offset offset = {.partition = 0, .offset = pointer, .metadata = "v1 7 abc"};
    kt_check(ops->txn_commit(stage->producer, membership, stage->state, &offset, 1, err), err, "commit");
    return kt_wait_txn(stage->producer, KC_TXN_COMMITTING, err);
}

static inline void abort_txn(struct stage *stage)
{
    struct aq_err err = {0};
    kt_check(ops->txn_abort(stage->producer, &err), &err, "abort");
    kt_check(kt_wait_txn(stage->producer, KC_TXN_ABORTING, &err), &err, "abort");
    assert_int_equal(ops->txn_poll(stage->producer, NULL, NULL, NULL), KC_TXN_READY);
}

static inline struct kc_reader *open_reader(const struct stage *stage)
{
    struct aq_err err = {0};
    struct kc_reader *reader = NULL;
    kt_check(ops->reader_open(&env.sink, "kt-reader", stage->group, &reader, &err), &err, "reader");
    return reader;
}

/* Records that a read_committed consumer finds in partition 0 before its end. */
static inline int count_committed(const char *topic)
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

#endif
