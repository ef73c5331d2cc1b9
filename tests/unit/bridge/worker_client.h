/* SPDX-License-Identifier: Apache-2.0
 *
 * A scripted client for tests of a worker: the source hands out the batches and events a test has put into its lists, the
 * sink's producers do what the test tells them, and every call that changes something is noted in order. It fails the
 * test where a call breaks the rules by itself: a commit before every report is in, two commits at once, records sent
 * while another producer's are still under way, a drain while the helper thread has the producer.
 *
 * Threads: the worker looks up positions in a thread of its own; what it calls for that (reader_committed, watermarks or
 * ends of the state topic) touches nothing a test changes.
 */
#ifndef AQ_TESTS_UNIT_BRIDGE_WORKER_CLIENT_H
#define AQ_TESTS_UNIT_BRIDGE_WORKER_CLIENT_H

#include "bridge/worker.h"

#include "base/clock.h"
#include "tests/lib/check.h"

#define MOST           16
#define MOST_PRODUCERS 32
#define RECORD_BYTES   10

struct kc_membership {
    int references;
};

struct kc_member {
    struct kc_membership membership;
    bool committing;
    bool commit_over;
    bool has_event;
    struct kc_member_event event; /* handed out by the next poll */
};

struct kc_consumer {
    struct aq_batch batches[MOST]; /* in the order they are handed out */
    int arrived, handed_out, released;
    struct kc_event events[MOST];
    int n_events;
    int polls;
    int assign_rc;
};

struct kc_reader {
    int opened;
};

struct kc_producer {
    char name; /* 'a', 'b': the lanes of exactly_once; 'p': without transactions */
    enum kc_txn_state state;
    int ended_code; /* reported once by txn_poll */
    int begin_rc;
    bool tainted;
    struct aq_batch *sent[MOST]; /* not drained yet, oldest first */
    int n_sent, n_reported;
    struct kc_ack *own[MOST];
    int n_own;
    struct kc_failure failure;
};

struct world {
    struct conf_diags diags;
    struct conf_doc *doc;
    struct aq_arena arena;
    struct kc_cluster clusters[2];
    struct xf_library *library;
    struct br_route route;
    struct br_catalog *catalog;
    struct br_finish finish;
    struct br_worker *worker;
    struct kc_consumer consumer;
    struct kc_member member;
    struct kc_reader reader;
    struct kc_producer producers[MOST_PRODUCERS];
    int n_producers;
    int open_rc;        /* what producer_open returns */
    int32_t partitions; /* of the topic, on both sides */
    int64_t low, high;  /* of every source partition */
    int watermarks_rc;
    int64_t not_older;    /* what offset_for_time answers */
    int64_t next_own;     /* where the next position record will stand */
    uint32_t takes;       /* records a producer takes in one call; 0: all */
    int64_t refused;      /* offset of a record that producers refuse, */
    int refuse_rc;        /* and with what; 0: none */
    uint32_t refuse_from; /* those of its batch before this one they take */
    int64_t now;          /* of a test that calls the parts itself */
    char log[4096];       /* calls in order: "assign(0@9) a:begin a:send(10-14) a:own(15) …" */
};

static struct world *world; /* of the running test: the ops are handed only handles */

#define note(...) t_note(world->log, sizeof(world->log), __VA_ARGS__)

/* ---- admin and reader: a topic, watermarks, no position from earlier ------------------------------------------------- */

static inline int fake_topics(struct kc_admin *admin, int64_t timeout_ms, struct kc_topics *ret,
                              struct aq_err *err)
{
    (void)admin, (void)timeout_ms, (void)err;
    aq_arena_init(&ret->arena, 1024);
    ret->list = aq_arena_zalloc(&ret->arena, sizeof(*ret->list));
    ret->list[0] = (struct kc_topic){.name = "orders", .partitions = world->partitions};
    ret->count = 1;
    ret->brokers = 1;
    return 0;
}

static inline int fake_watermarks(struct kc_admin *admin, const char *topic, int32_t partition,
                                  int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high, struct aq_err *err)
{
    (void)admin, (void)partition, (void)timeout_ms;
    bool source = strcmp(topic, "orders") == 0;
    if (source && world->watermarks_rc) return aq_fail(err, world->watermarks_rc, "scripted");
    *ret_low = source ? world->low : 0;
    *ret_high = source ? world->high : 0;
    return 0;
}

/* Nothing was ever written to the state topic. */
static inline int fake_ends(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                            struct aq_err *err)
{
    (void)admin, (void)timeout_ms, (void)err;
    for (size_t i = 0; i < n; i++) list[i].end = 0;
    return 0;
}

static inline int fake_offset_for_time(struct kc_admin *admin, const char *topic, int32_t partition,
                                       int64_t timestamp_ms, int64_t timeout_ms, int64_t *ret_offset,
                                       struct aq_err *err)
{
    (void)admin, (void)topic, (void)partition, (void)timestamp_ms, (void)timeout_ms, (void)err;
    *ret_offset = world->not_older;
    return 0;
}

static inline int fake_reader_open(const struct kc_cluster *cluster, const char *client_id,
                                   const char *group_id, struct kc_reader **ret, struct aq_err *err)
{
    (void)cluster, (void)client_id, (void)group_id, (void)err;
    *ret = &world->reader;
    world->reader.opened++;
    return 0;
}

static inline void fake_reader_close(struct kc_reader *reader, int64_t deadline_ms)
{
    (void)deadline_ms;
    reader->opened--;
}

static inline int fake_reader_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list,
                                        size_t n, int64_t timeout_ms, struct aq_err *err)
{
    (void)reader, (void)topic, (void)timeout_ms, (void)err;
    for (size_t i = 0; i < n; i++) list[i].offset = -1;
    return 0;
}

/* ---- consumer --------------------------------------------------------------------------------------------------------- */

static inline void fake_release(struct aq_batch *batch)
{
    batch->source = NULL;
    world->consumer.released++;
}

static const struct aq_batch_source fake_source = {.release = fake_release};

static inline int fake_consumer_open(const struct kc_cluster *cluster, const struct kc_consumer_conf *conf,
                                     struct aq_names *names, struct kc_consumer **ret, struct aq_err *err)
{
    (void)cluster, (void)conf, (void)names, (void)err;
    *ret = &world->consumer;
    return 0;
}

static inline void fake_consumer_close(struct kc_consumer *consumer, int64_t deadline_ms)
{
    (void)deadline_ms;
    T_CHECK(consumer->released == consumer->handed_out, "%d batches handed out, %d released",
            consumer->handed_out, consumer->released);
}

/* What was queued of a partition before it moved is never seen. */
static inline void forget_queued(struct kc_consumer *consumer, const void *owner)
{
    int kept = 0;
    for (int i = 0; i < consumer->n_events; i++)
        if (consumer->events[i].owner != owner) consumer->events[kept++] = consumer->events[i];
    consumer->n_events = kept;
    for (int i = consumer->handed_out; i < consumer->arrived; i++)
        T_CHECK(consumer->batches[i].owner != owner, "a batch is queued for a partition that moves: %s",
                world->log);
}

static inline int fake_assign(struct kc_consumer *consumer, const char *topic, int32_t partition,
                              int64_t offset, void *owner, struct aq_err *err)
{
    assert_string_equal(topic, "orders");
    note("assign(%d@%lld)", partition, (long long)offset);
    if (consumer->assign_rc) return aq_fail(err, consumer->assign_rc, "scripted");
    forget_queued(consumer, owner);
    return 0;
}

static inline int fake_unassign(struct kc_consumer *consumer, const char *topic, int32_t partition,
                                struct aq_err *err)
{
    (void)consumer, (void)topic, (void)err;
    note("unassign(%d)", partition);
    return 0;
}

static inline struct aq_batch *fake_poll(struct kc_consumer *consumer, int64_t now, int wait_ms)
{
    (void)now, (void)wait_ms;
    consumer->polls++;
    if (consumer->handed_out == consumer->arrived) return NULL;
    return &consumer->batches[consumer->handed_out++];
}

static inline bool fake_event(struct kc_consumer *consumer, struct kc_event *ret)
{
    if (consumer->n_events == 0) return false;
    *ret = consumer->events[0];
    consumer->n_events--;
    memmove(consumer->events, consumer->events + 1, (size_t)consumer->n_events * sizeof(*ret));
    return true;
}

static inline int64_t fake_known_end(struct kc_consumer *consumer, const char *topic, int32_t partition)
{
    (void)consumer, (void)topic, (void)partition;
    return -1;
}

/* ---- member --------------------------------------------------------------------------------------------------------- */

static inline int fake_member_open(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                                   struct kc_member **ret, struct aq_err *err)
{
    (void)cluster, (void)conf, (void)err;
    *ret = &world->member;
    return 0;
}

static inline void fake_member_close(struct kc_member *member, int64_t deadline_ms)
{
    (void)member, (void)deadline_ms;
}

static inline bool fake_member_poll(struct kc_member *member, struct kc_member_event *ret)
{
    if (!member->has_event) return false;
    *ret = member->event;
    member->has_event = false;
    return true;
}

static inline int fake_member_answer(struct kc_member *member, struct aq_err *err)
{
    (void)member, (void)err;
    note("answer");
    return 0;
}

static inline struct kc_membership *fake_membership(struct kc_member *member)
{
    member->membership.references++;
    return &member->membership;
}

static inline void fake_unref(struct kc_membership *membership)
{
    assert_true(membership->references > 0);
    membership->references--;
}

static inline int fake_member_commit(struct kc_member *member, const struct kc_task_offset *offsets, size_t n,
                                     struct aq_err *err)
{
    (void)err;
    assert_true(n == 1 && !member->committing);
    note("pointers(%lld)", (long long)offsets[0].offset);
    member->committing = true;
    member->commit_over = false;
    return 0;
}

static inline bool fake_member_commit_poll(struct kc_member *member, int *ret_code)
{
    assert_true(member->committing);
    if (!member->commit_over) return false;
    member->committing = false;
    *ret_code = 0;
    return true;
}

/* ---- producers -------------------------------------------------------------------------------------------------------- */

static inline int fake_producer_open(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                                     struct kc_producer **ret, struct aq_err *err)
{
    (void)cluster;
    const char *id = conf->transactional_id;
    char name = id ? id[strlen(id) - 1] : 'p';
    note("%c:open", name);
    if (world->open_rc) return aq_fail(err, world->open_rc, "scripted");
    assert_true(world->n_producers < MOST_PRODUCERS);
    *ret = &world->producers[world->n_producers++];
    **ret = (struct kc_producer){.name = name, .state = id ? KC_TXN_READY : KC_TXN_NONE};
    return 0;
}

/* The first n batches, linked. */
static inline struct aq_batch *take_sent(struct kc_producer *p, int n)
{
    struct aq_batch *list = NULL;
    for (int i = n; i-- > 0; list = p->sent[i]) p->sent[i]->next = list;
    p->n_sent -= n;
    p->n_reported = 0;
    memmove(p->sent, p->sent + n, (size_t)p->n_sent * sizeof(*p->sent));
    return list;
}

static inline void fake_producer_close(struct kc_producer *p, int64_t deadline_ms,
                                       struct aq_batch **ret_batches)
{
    (void)deadline_ms;
    note("%c:close", p->name);
    *ret_batches = take_sent(p, p->n_sent);
    p->state = KC_TXN_FAILED;
}

static inline bool has_unreported(const struct kc_producer *p)
{
    return p->n_sent > p->n_reported || p->n_own > 0;
}

static inline int fake_send(struct kc_producer *p, struct aq_batch *batch, struct aq_err *err)
{
    uint32_t first = batch->produced;
    while (batch->records[first].flags & AQ_REC_SKIP) first++;
    uint32_t end = world->takes && first + world->takes < batch->n ? first + world->takes : batch->n;
    int rc = end < batch->n ? AQ_E_FULL : 0;
    for (uint32_t i = end; i-- > first && world->refuse_rc;) {
        if (batch->records[i].offset != world->refused || i < world->refuse_from) continue;
        if (batch->records[i].flags & (AQ_REC_DROPPED | AQ_REC_DEAD_LETTER)) continue;
        end = i;
        rc = world->refuse_rc;
    }
    if (end == first) return aq_fail(err, rc, "scripted");
    note("%c:send(%lld-%lld)", p->name, (long long)batch->records[first].offset,
         (long long)batch->records[end - 1].offset);
    assert_true(p->state == KC_TXN_OPEN || p->state == KC_TXN_NONE);
    for (int i = 0; i < world->n_producers; i++)
        T_CHECK(&world->producers[i] == p || !has_unreported(&world->producers[i]),
                "records overtake those of another producer: %s", world->log);
    batch->produced = end;
    if (rc != 0) return aq_fail(err, rc, "scripted");
    assert_true(p->n_sent < MOST);
    p->sent[p->n_sent++] = batch;
    return 0;
}

/* What the snapshot says of its first partition is enough to know it by. */
static inline int fake_send_own(struct kc_producer *p, const char *topic, int32_t partition,
                                struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                                struct aq_err *err)
{
    (void)key, (void)err;
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", (int)value.len, value.ptr);
    const char *next = strstr(text, "\"next\":");
    assert_string_equal(topic, world->route.state_topic);
    assert_int_equal(partition, 0);
    note("%c:own(%lld)", p->name, next ? strtoll(next + strlen("\"next\":"), NULL, 10) : -1);
    assert_true(p->n_own < MOST);
    p->own[p->n_own++] = ack;
    return 0;
}

static inline void fake_drain(struct kc_producer *p, int wait_ms, struct kc_drained *ret)
{
    (void)wait_ms;
    T_CHECK(p->state != KC_TXN_COMMITTING && p->state != KC_TXN_ABORTING,
            "%c is drained while its helper thread has it: %s", p->name, world->log);
    *ret = (struct kc_drained){0};
    for (int i = 0; i < p->n_reported; i++) ret->records += p->sent[i]->n;
    ret->done = take_sent(p, p->n_reported);
}

static inline uint64_t fake_in_flight(const struct kc_producer *p, uint64_t *ret_bytes)
{
    assert_null(ret_bytes);
    return (uint64_t)(p->n_sent + p->n_own);
}

static inline const struct kc_failure *fake_failure(const struct kc_producer *p)
{
    return &p->failure;
}

static inline void fake_forget_failure(struct kc_producer *p)
{
    p->failure.code = 0;
}

static inline int fake_begin(struct kc_producer *p, struct aq_err *err)
{
    note("%c:begin", p->name);
    if (p->begin_rc) return aq_fail(err, p->begin_rc, "scripted");
    assert_int_equal(p->state, KC_TXN_READY);
    p->state = KC_TXN_OPEN;
    p->failure.code = 0;
    return 0;
}

static inline int fake_txn_commit(struct kc_producer *p, struct kc_membership *membership, const char *topic,
                                  const struct kc_task_offset *offsets, size_t n, struct aq_err *err)
{
    (void)membership, (void)topic, (void)err;
    note("%c:commit(%lld)", p->name, (long long)offsets[0].offset);
    assert_true(n == 1);
    T_CHECK(p->n_sent == 0 && p->n_own == 0, "commit before every report is in: %s", world->log);
    for (int i = 0; i < world->n_producers; i++)
        T_CHECK(world->producers[i].state != KC_TXN_COMMITTING, "two commits at once: %s", world->log);
    assert_int_equal(p->state, KC_TXN_OPEN);
    p->state = KC_TXN_COMMITTING;
    return 0;
}

/* A slow call has ended; an abort brings back what was in flight. */
static inline void end_call(struct kc_producer *p, enum kc_txn_state state, int code)
{
    if (p->state == KC_TXN_ABORTING) {
        p->n_reported = p->n_sent;
        p->n_own = 0;
    }
    p->state = state;
    p->ended_code = code;
}

static inline int fake_abort(struct kc_producer *p, struct aq_err *err)
{
    (void)err;
    note("%c:abort", p->name);
    assert_int_equal(p->state, KC_TXN_OPEN);
    p->state = KC_TXN_ABORTING;
    return 0;
}

static inline enum kc_txn_state fake_txn_poll(struct kc_producer *p, int *ret_code, int64_t *ret_started_us,
                                              struct aq_err *err)
{
    if (ret_code) *ret_code = p->ended_code;
    if (ret_code && p->ended_code) aq_fail(err, p->ended_code, "scripted");
    if (ret_code) p->ended_code = 0;
    if (ret_started_us) *ret_started_us = aq_mono_us();
    return p->state;
}

static inline bool fake_tainted(const struct kc_producer *p)
{
    assert_int_not_equal(p->state, KC_TXN_NONE); /* there is nothing to ask for then */
    return p->tainted;
}

static const struct kc_ops fake_ops = {
    .name = "scripted",
    .admin_topics = fake_topics,
    .admin_watermarks = fake_watermarks,
    .admin_ends = fake_ends,
    .admin_offset_for_time = fake_offset_for_time,
    .consumer_open = fake_consumer_open,
    .consumer_close = fake_consumer_close,
    .consumer_assign = fake_assign,
    .consumer_unassign = fake_unassign,
    .consumer_poll = fake_poll,
    .consumer_event = fake_event,
    .consumer_known_end = fake_known_end,
    .member_open = fake_member_open,
    .member_close = fake_member_close,
    .member_poll = fake_member_poll,
    .member_answer = fake_member_answer,
    .member_membership = fake_membership,
    .membership_unref = fake_unref,
    .member_commit = fake_member_commit,
    .member_commit_poll = fake_member_commit_poll,
    .producer_open = fake_producer_open,
    .producer_close = fake_producer_close,
    .producer_send = fake_send,
    .producer_send_own = fake_send_own,
    .producer_drain = fake_drain,
    .producer_in_flight = fake_in_flight,
    .producer_failure = fake_failure,
    .producer_forget_failure = fake_forget_failure,
    .txn_begin = fake_begin,
    .txn_commit = fake_txn_commit,
    .txn_abort = fake_abort,
    .txn_poll = fake_txn_poll,
    .txn_tainted = fake_tainted,
    .reader_open = fake_reader_open,
    .reader_close = fake_reader_close,
    .reader_committed = fake_reader_committed,
};

#endif
