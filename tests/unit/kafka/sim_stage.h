/* SPDX-License-Identifier: Apache-2.0
 *
 * The stage of the simulation's own tests: one world with one cluster, its clock in use, and short words for what every
 * test does.
 */
#ifndef AQ_TESTS_UNIT_KAFKA_SIM_STAGE_H
#define AQ_TESTS_UNIT_KAFKA_SIM_STAGE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kafka/sim.h"

static const struct kc_ops *const ops = &kc_sim_ops;

struct stage {
    struct kc_sim *sim;
    struct kc_cluster cluster;
    struct kc_admin *admin;
    struct aq_names names;
    struct aq_arena arena;
    struct aq_err err;
};

static inline void stage_open_seed(struct stage *stage, uint64_t seed)
{
    *stage = (struct stage){.sim = kc_sim_open(seed)};
    aq_clock_use(kc_sim_clock(stage->sim));
    kc_sim_cluster(stage->sim, "one", &stage->cluster);
    aq_names_init(&stage->names);
    aq_arena_init(&stage->arena, 4096);
    assert_int_equal(ops->admin_open(&stage->cluster, "test", &stage->admin, &stage->err), 0);
}

static inline void stage_open(struct stage *stage)
{
    stage_open_seed(stage, 1);
}

static inline void stage_close(struct stage *stage)
{
    ops->admin_close(stage->admin);
    aq_names_finish(&stage->names);
    aq_arena_finish(&stage->arena);
    aq_clock_use(NULL);
    kc_sim_close(stage->sim);
}

static inline void add_topic(struct stage *stage, const char *topic, int32_t partitions)
{
    assert_int_equal(kc_sim_create_topic(&stage->cluster, topic, partitions, NULL, 0, &stage->err), 0);
}

/* Appends a record without a client; its offset. */
static inline int64_t put(struct stage *stage, const char *topic, int32_t partition, const char *value)
{
    struct kc_sim_record rec = {
        .partition = partition, .value = aq_slice_str(value), .timestamp = aq_wall_ms()};
    assert_int_equal(kc_sim_append(&stage->cluster, topic, &rec, &stage->err), 0);
    return rec.offset;
}

static inline void pass_ms(struct stage *stage, int64_t ms)
{
    kc_sim_advance(stage->sim, ms * AQ_MS);
}

/* ---- producers ------------------------------------------------------------------------------------------------------ */

static inline struct kc_producer *add_producer(struct stage *stage, const char *transactional_id)
{
    struct kc_producer *producer = NULL;
    const struct kc_producer_conf conf = {.client_id = "test",
                                          .transactional_id = transactional_id,
                                          .transaction_timeout_ms = 10000,
                                          .batch_bytes = 1 << 20,
                                          .queue_bytes = 1 << 20};
    assert_int_equal(ops->producer_open(&stage->cluster, &conf, &producer, &stage->err), 0);
    return producer;
}

static inline void end_producer(struct kc_producer *producer)
{
    struct aq_batch *left = NULL;
    ops->producer_close(producer, 0, &left);
    assert_null(left);
}

/* The slow call under way takes one poll and ends with the second. */
static inline int finish_call(struct stage *stage, struct kc_producer *producer)
{
    int code = 1;
    enum kc_txn_state before = ops->txn_poll(producer, NULL, NULL, NULL);
    assert_true(before == KC_TXN_STARTING || before == KC_TXN_COMMITTING || before == KC_TXN_ABORTING);
    assert_int_not_equal(ops->txn_poll(producer, &code, NULL, &stage->err), before);
    return code;
}

static inline struct kc_producer *add_ready_producer(struct stage *stage, const char *id)
{
    struct kc_producer *producer = add_producer(stage, id);
    assert_int_equal(finish_call(stage, producer), 0);
    assert_int_equal(ops->txn_poll(producer, NULL, NULL, NULL), KC_TXN_READY);
    return producer;
}

static inline struct aq_record *add_record(struct stage *stage, struct aq_batch *batch, const char *topic,
                                           int32_t partition, const char *value)
{
    struct aq_record *rec = aq_batch_add(batch);
    rec->topic = aq_names_intern(&stage->names, aq_slice_str(topic));
    rec->partition = partition;
    rec->value = aq_slice_str(value);
    rec->time_type = AQ_TIME_CREATE;
    rec->timestamp = aq_wall_ms();
    return rec;
}

/* Sends one record and takes its report; the ack's code. */
static inline int send_value(struct stage *stage, struct kc_producer *producer, const char *topic,
                             int32_t partition, const char *value)
{
    struct kc_ack ack;
    struct kc_drained drained;
    int code = ops->producer_send_own(producer, topic, partition, AQ_NULL_SLICE, aq_slice_str(value), &ack,
                                      &stage->err);
    if (code) return code;
    ops->producer_drain(producer, 0, &drained);
    assert_true(ack.done);
    return ack.code;
}

static inline int commit_at(struct stage *stage, struct kc_producer *producer,
                            struct kc_membership *membership, const char *topic, int64_t offset)
{
    const struct kc_task_offset pointer = {.partition = 0, .offset = offset, .metadata = "m"};
    assert_int_equal(ops->txn_commit(producer, membership, topic, &pointer, 1, &stage->err), 0);
    return finish_call(stage, producer);
}

static inline int abort_now(struct stage *stage, struct kc_producer *producer)
{
    assert_int_equal(ops->txn_abort(producer, &stage->err), 0);
    return finish_call(stage, producer);
}

/* ---- consumers ------------------------------------------------------------------------------------------------------ */

static inline struct kc_consumer *add_consumer(struct stage *stage, bool committed, uint32_t batch_records)
{
    struct kc_consumer *consumer = NULL;
    const struct kc_consumer_conf conf = {.client_id = "test",
                                          .group_id = "none",
                                          .read_committed = committed,
                                          .queue_bytes = 1 << 20,
                                          .batch_records = batch_records};
    assert_int_equal(ops->consumer_open(&stage->cluster, &conf, &stage->names, &consumer, &stage->err), 0);
    return consumer;
}

/* "offset:value offset:value … |end offset": what a consumer gets from here until its first event. */
static inline const char *read_text(struct stage *stage, struct kc_consumer *consumer)
{
    const char *text = "";
    struct kc_event event;
    for (int i = 0; i < 10000; i++) {
        struct aq_batch *batch = ops->consumer_poll(consumer, 0, 0);
        for (uint32_t r = 0; batch && r < batch->n; r++) {
            const struct aq_record *rec = &batch->records[r];
            text = aq_arena_printf(&stage->arena, "%s%lld:%.*s ", text, (long long)rec->offset,
                                   (int)rec->value.len, rec->value.ptr);
        }
        if (batch) aq_batch_release(batch);
        if (!ops->consumer_event(consumer, &event)) continue;
        static const char *const kinds[] = {"end", "range", "partition", "cluster"};
        return aq_arena_printf(&stage->arena, "%s|%s %lld", text, kinds[event.kind], (long long)event.offset);
    }
    fail_msg("no event");
    return NULL;
}

static inline const char *read_from(struct stage *stage, const char *topic, int64_t offset, bool committed)
{
    struct kc_consumer *consumer = add_consumer(stage, committed, 100);
    assert_int_equal(ops->consumer_assign(consumer, topic, 0, offset, stage, &stage->err), 0);
    const char *text = read_text(stage, consumer);
    ops->consumer_close(consumer, 0);
    return text;
}

/* ---- members -------------------------------------------------------------------------------------------------------- */

static inline struct kc_member *add_member(struct stage *stage, const char *group, const char *topic,
                                           const char *instance_id)
{
    struct kc_member *member = NULL;
    const struct kc_member_conf conf = {.client_id = "test",
                                        .group_id = group,
                                        .topic = topic,
                                        .instance_id = instance_id,
                                        .session_timeout_ms = 6000,
                                        .max_poll_interval_ms = 60000};
    assert_int_equal(ops->member_open(&stage->cluster, &conf, &member, &stage->err), 0);
    return member;
}

/* Polls until something happens, at most three times; "" or "assigned 0 1 2", answered. */
static inline const char *next_change(struct stage *stage, struct kc_member *member)
{
    struct kc_member_event event;
    bool some = false;
    for (int i = 0; i < 3 && !some; i++) some = ops->member_poll(member, &event);
    if (!some) return "";
    if (event.kind == KC_MEMBER_ERROR)
        return aq_arena_printf(&stage->arena, "error %s", aq_code_name(event.code));
    static const char *const kinds[] = {"assigned", "revoked", "lost"};
    const char *text = kinds[event.kind];
    for (size_t i = 0; i < event.n_partitions; i++)
        text = aq_arena_printf(&stage->arena, "%s %d", text, event.partitions[i]);
    assert_int_equal(ops->member_answer(member, &stage->err), 0);
    return text;
}

/* The only member of a group, with what it may commit under. */
static inline struct kc_member *add_owner(struct stage *stage, const char *group, const char *topic,
                                          struct kc_membership **ret)
{
    struct kc_member *member = add_member(stage, group, topic, NULL);
    assert_memory_equal(next_change(stage, member), "assigned", 8);
    *ret = ops->member_membership(member);
    assert_non_null(*ret);
    return member;
}

static inline const char *pointer_text(struct stage *stage, const char *group, const char *topic,
                                       int32_t partition)
{
    struct kc_reader *reader = NULL;
    assert_int_equal(ops->reader_open(&stage->cluster, "test", group, &reader, &stage->err), 0);
    struct kc_pointer pointer = {.partition = partition};
    assert_int_equal(ops->reader_committed(reader, topic, &pointer, 1, 1000, &stage->err), 0);
    ops->reader_close(reader, 0);
    if (pointer.code) return aq_code_name(pointer.code);
    return aq_arena_printf(&stage->arena, "%lld %s", (long long)pointer.offset, pointer.metadata);
}

/* True when calling this ends the process. */
static inline bool aborts(void (*call)(void *arg), void *arg)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        call(arg);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
