/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the client layer alone moves records: consume from the source, produce to the sink, values uncopied,
 * nothing in between. What a bridge reaches at best.
 *
 *   kc_loop [records] [bytes] [commit_ms]     commit_ms > 0: exactly-once shaped, one transaction per interval
 */
#include <sys/resource.h>

#include "base/assert.h"
#include "tests/lib/broker_env.h"

#define PARTITIONS 4
#define FILL_BATCH 2000
#define DISTINCT   4096

/* Half of each value repeats, half is random letters: compresses about as JSON does. */
static char *make_values(size_t bytes)
{
    char *values = malloc(bytes * DISTINCT);
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < bytes * DISTINCT; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        values[i] = (char)(i / 16 % 2 ? "\"field\":\"value,\""[i % 16]
                                      : "abcdefghijklmnopqrstuvwxyz0123456789"[seed % 36]);
    }
    return values;
}

static void fill(struct kt_env *env, const char *topic, uint64_t records, size_t bytes)
{
    struct kc_producer *producer = kt_producer(&env->source, NULL);
    const struct aq_name *name = aq_names_intern(&env->names, aq_slice_str(topic));
    char *values = make_values(bytes);
    struct aq_batch batch;
    aq_batch_init(&batch, FILL_BATCH);
    batch.topic = name;
    for (uint64_t at = 0; at < records;) {
        batch.n = 0;
        for (uint32_t i = 0; i < FILL_BATCH && at < records; i++, at++) {
            struct aq_record *rec = aq_batch_add(&batch);
            rec->topic = name;
            rec->partition = (int32_t)(at / FILL_BATCH % PARTITIONS);
            rec->value = aq_slice_of(values + at % DISTINCT * bytes, bytes);
            rec->time_type = AQ_TIME_CREATE;
            rec->timestamp = aq_wall_ms();
        }
        kt_send_all(producer, &batch);
    }
    aq_batch_finish(&batch);
    kt_close_producer(producer);
    free(values);
}

struct loop {
    struct kc_consumer *consumer;
    struct kc_producer *producer;
    uint64_t acked;
    uint64_t polled;
    struct aq_batch *stuck;
    int64_t begun_us;
    uint64_t transactions;
    int64_t commit_us;
};

static void drain(struct loop *loop, int wait_ms)
{
    struct kc_drained drained;
    kc_rd_ops.producer_drain(loop->producer, wait_ms, &drained);
    loop->acked += drained.records;
    while (drained.done) {
        struct aq_batch *next = drained.done->next;
        aq_batch_release(drained.done);
        drained.done = next;
    }
    if (kc_rd_ops.producer_failure(loop->producer)->code) {
        fprintf(stderr, "%s\n", kc_rd_ops.producer_failure(loop->producer)->text);
        exit(1);
    }
}

static void turn(struct loop *loop, const struct aq_name *sink, int64_t now)
{
    struct aq_err err = {0};
    struct aq_batch *batch = loop->stuck;
    if (!batch) {
        batch = kc_rd_ops.consumer_poll(loop->consumer, now, 5);
        if (batch) {
            loop->polled += batch->n;
            for (uint32_t i = 0; i < batch->n; i++) {
                batch->records[i].topic = sink;
                batch->records[i].partition = batch->partition;
            }
        }
    }
    loop->stuck = NULL;
    if (batch) {
        int code = kc_rd_ops.producer_send(loop->producer, batch, &err);
        if (code == AQ_E_FULL) {
            loop->stuck = batch;
        } else {
            kt_check(code, &err, "send");
        }
    }
    drain(loop, loop->stuck ? 1 : 0);
    struct kc_event event;
    while (kc_rd_ops.consumer_event(loop->consumer, &event)) {
        if (event.kind != KC_EVENT_EOF) fprintf(stderr, "event: %s\n", event.text);
    }
}

/* The naive order: nothing is polled while the commit runs. */
static void end_transaction(struct loop *loop, struct kc_membership *membership, const char *state_topic)
{
    struct aq_err err = {0};
    struct kc_ack ack;
    kt_check(
        kc_rd_ops.producer_send_own(loop->producer, state_topic, 0, AQ_LIT("pos"), AQ_LIT("x"), &ack, &err),
        &err, "own");
    while (kc_rd_ops.producer_in_flight(loop->producer, NULL) > 0) drain(loop, 5);
    struct kc_task_offset offset = {.partition = 0, .offset = ack.offset + 1, .metadata = "v1"};
    kt_check(kc_rd_ops.txn_commit(loop->producer, membership, state_topic, &offset, 1, &err), &err, "commit");
    kt_check(kt_wait_txn(loop->producer, KC_TXN_COMMITTING, &err), &err, "commit");
    loop->transactions++;
    kt_check(kc_rd_ops.txn_begin(loop->producer, &err), &err, "begin");
    loop->begun_us = aq_mono_us();
}

static struct kc_membership *join(struct kt_env *env, const char *topic, struct kc_member **ret)
{
    struct aq_err err = {0};
    struct kc_member_conf conf = {.client_id = "kt-member",
                                  .group_id = kt_name(env, "kt-group"),
                                  .topic = topic,
                                  .session_timeout_ms = 10000,
                                  .max_poll_interval_ms = 300000};
    kt_check(kc_rd_ops.member_open(&env->sink, &conf, ret, &err), &err, "member");
    struct kc_member_event event;
    for (;;) {
        if (kc_rd_ops.member_poll(*ret, &event)) {
            if (event.kind == KC_MEMBER_ASSIGNED) break;
            fprintf(stderr, "member: %s\n", event.text);
        }
        aq_sleep_ms(5);
    }
    kt_check(kc_rd_ops.member_answer(*ret, &err), &err, "answer");
    return kc_rd_ops.member_membership(*ret);
}

int main(int argc, char **argv)
{
    uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    size_t bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 500;
    int64_t commit_ms = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
    struct aq_err err = {0};
    struct kt_env env;
    kt_open(&env);
    const char *from = kt_topic(&env, env.source_admin, "kc-loop", PARTITIONS, NULL, 0);
    const char *to = kt_topic(&env, env.sink_admin, "kc-loop", PARTITIONS, NULL, 0);
    const char *state = kt_topic(&env, env.sink_admin, "kc-loop-state", 1, NULL, 0);
    fill(&env, from, records, bytes);

    struct kc_member *member = NULL;
    struct kc_membership *membership = commit_ms > 0 ? join(&env, state, &member) : NULL;
    struct loop loop = {.consumer = kt_consumer(&env, &env.source, true),
                        .producer =
                            kt_producer(&env.sink, commit_ms > 0 ? kt_name(&env, "kc-loop-txn") : NULL)};
    if (commit_ms > 0) {
        kt_check(kt_wait_txn(loop.producer, KC_TXN_STARTING, &err), &err, "start");
        kt_check(kc_rd_ops.txn_begin(loop.producer, &err), &err, "begin");
    }
    const struct aq_name *sink = aq_names_intern(&env.names, aq_slice_str(to));
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    getrusage(RUSAGE_SELF, &before);
    int64_t started = aq_mono_us();
    loop.begun_us = started;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        kt_check(kc_rd_ops.consumer_assign(loop.consumer, from, p, 0, &loop, &err), &err, "assign");
    }
    while (loop.acked < records) {
        int64_t now = aq_mono_us();
        turn(&loop, sink, now);
        if (member) {
            struct kc_member_event event;
            if (kc_rd_ops.member_poll(member, &event))
                fprintf(stderr, "member event %d: %s\n", event.kind, event.text);
        }
        if (commit_ms > 0 && !loop.stuck && now - loop.begun_us >= commit_ms * AQ_MS)
            end_transaction(&loop, membership, state);
    }
    if (commit_ms > 0) end_transaction(&loop, membership, state);
    int64_t took = aq_mono_us() - started;
    getrusage(RUSAGE_SELF, &after);
    double cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                 (double)(after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                 (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                          before.ru_stime.tv_usec) /
                     1e6;
    printf(
        "%" PRIu64
        " records of %zu bytes in %.2f s: %.0f records/s, %.0f MB/s, %.2f CPU s, peak memory %ld MB (%ld before), %" PRIu64
        " transactions\n",
        records, bytes, (double)took / 1e6, (double)records * 1e6 / (double)took,
        (double)(records * bytes) / (double)took, cpu, after.ru_maxrss / 1024, before.ru_maxrss / 1024,
        loop.transactions);

    kt_close_producer(loop.producer);
    kc_rd_ops.consumer_close(loop.consumer, 5000);
    if (membership) kc_rd_ops.membership_unref(membership);
    if (member) kc_rd_ops.member_close(member, 5000);
    kt_close(&env);
    return 0;
}
