/* SPDX-License-Identifier: Apache-2.0
 *
 * An ownership with a host that only takes notes, around the scripted client of the cycle's tests: a flow of TASKS tasks
 * whose group, coordinator and state topic say what a test tells them. Positions are looked up without a thread.
 */
#ifndef AQ_TESTS_UNIT_KAFKA_OWNERSHIP_WORLD_H
#define AQ_TESTS_UNIT_KAFKA_OWNERSHIP_WORLD_H

#include "kafka/ownership.h"
#include "tests/unit/kafka/cycle_world.h"

#include "base/log.h"

#define MOST_PRODUCERS 16
#define MOST_EVENTS    8

struct kc_reader {
    int opened;
};

struct owner {
    struct world base; /* log, membership, offsets of the last commit */
    struct kc_ops ops; /* a test may change them */
    struct kc_flow flow;
    struct kc_cluster cluster; /* the only one there is */
    struct kc_route_facts facts;
    struct kc_ownership own;
    struct kc_producer producers[MOST_PRODUCERS];
    int n_producers;
    struct kc_reader reader;
    struct kc_member_event events[MOST_EVENTS];
    int n_events;
    char instance_id[320];                                 /* the member's; "" none */
    char client_id[KC_CLIENT_ID_MAX + 1 + KC_ADDRESS_MAX]; /* the member's */
    /* the sink: what is committed, and what is stored */
    int64_t pointer[TASKS];
    int answer[TASKS]; /* code of each pointer */
    char metadata[TASKS][KC_METADATA_MAX];
    struct aq_slice stored[TASKS]; /* no value: the record does not come */
    bool asked[TASKS];
    int committed_calls, committed_rc;
    /* the host */
    int64_t next[TASKS];  /* its positions */
    int64_t found[TASKS]; /* what own() brought: the first position, -1 without a snapshot */
    int failures, last_failure;
    int64_t now;
};

static struct owner *owner; /* of the running test */

/* ---- the scripted client, as far as the cycle's has no use for it ----------------------------------------------------- */

static inline int fake_member_open(const struct kc_cluster *cluster, const struct kc_member_conf *conf,
                                   struct kc_member **ret, struct aq_err *err)
{
    (void)err;
    assert_ptr_equal(cluster, &owner->cluster);
    snprintf(owner->instance_id, sizeof(owner->instance_id), "%s",
             conf->instance_id ? conf->instance_id : "");
    snprintf(owner->client_id, sizeof(owner->client_id), "%s", conf->client_id);
    *ret = &owner->base.member;
    return 0;
}

static inline void fake_member_close(struct kc_member *member, int64_t deadline_ms)
{
    (void)member, (void)deadline_ms;
    note("leave");
}

static inline bool fake_member_poll(struct kc_member *member, struct kc_member_event *ret)
{
    (void)member;
    if (owner->n_events == 0 || owner->own.revoking) return false;
    *ret = owner->events[0];
    owner->n_events--;
    memmove(owner->events, owner->events + 1, (size_t)owner->n_events * sizeof(*ret));
    return true;
}

static inline int fake_member_answer(struct kc_member *member, struct aq_err *err)
{
    (void)member, (void)err;
    note("answer");
    return 0;
}

static inline int fake_producer_open(const struct kc_cluster *cluster, const struct kc_producer_conf *conf,
                                     struct kc_producer **ret, struct aq_err *err)
{
    (void)err;
    assert_ptr_equal(cluster, &owner->cluster);
    assert_true(owner->n_producers < MOST_PRODUCERS);
    *ret = &owner->producers[owner->n_producers++];
    **ret = (struct kc_producer){.state = conf->transactional_id ? KC_TXN_READY : KC_TXN_NONE,
                                 .room = -1,
                                 .next_offset = 10 * owner->n_producers};
    return 0;
}

static inline void fake_producer_close(struct kc_producer *p, int64_t deadline_ms,
                                       struct aq_batch **ret_batches)
{
    (void)deadline_ms;
    note("close");
    *ret_batches = NULL;
    p->state = KC_TXN_FAILED;
}

static inline void fake_drain(struct kc_producer *p, int wait_ms, struct kc_drained *ret)
{
    (void)p, (void)wait_ms;
    *ret = (struct kc_drained){0};
}

static inline void fake_forget_failure(struct kc_producer *p)
{
    p->failure = (struct kc_failure){0};
}

static inline bool fake_tainted(const struct kc_producer *p)
{
    assert_int_not_equal(p->state, KC_TXN_NONE);
    return false;
}

/* What the snapshot says of its first partition is enough to know it by. */
static inline int fake_send_position(struct kc_producer *p, const char *topic, int32_t partition,
                                     struct aq_slice key, struct aq_slice value, struct kc_ack *ack,
                                     struct aq_err *err)
{
    (void)key, (void)err;
    const char *next = memmem(value.ptr, value.len, "\"next\":", 7);
    assert_string_equal(topic, "state");
    assert_true(p->n_own < MOST_OWN);
    note("own(%d@%lld)", partition, next ? strtoll(next + 7, NULL, 10) : -1);
    p->own[p->n_own++] = ack;
    return 0;
}

static inline int fake_reader_open(const struct kc_cluster *cluster, const char *client_id,
                                   const char *group_id, struct kc_reader **ret, struct aq_err *err)
{
    (void)client_id, (void)err;
    assert_ptr_equal(cluster, &owner->cluster);
    assert_string_equal(group_id, "g");
    owner->reader.opened++;
    *ret = &owner->reader;
    return 0;
}

static inline void fake_reader_close(struct kc_reader *reader, int64_t deadline_ms)
{
    (void)deadline_ms;
    reader->opened--;
}

static inline int fake_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list,
                                 size_t n, int64_t timeout_ms, struct aq_err *err)
{
    (void)reader, (void)timeout_ms;
    assert_string_equal(topic, "state");
    owner->committed_calls++;
    memset(owner->asked, 0, sizeof(owner->asked));
    for (size_t i = 0; i < n; i++) {
        int32_t task = list[i].partition;
        owner->asked[task] = true;
        list[i].offset = owner->pointer[task];
        list[i].code = owner->answer[task];
        snprintf(list[i].metadata, KC_METADATA_MAX, "%s", owner->metadata[task]);
    }
    return owner->committed_rc ? aq_fail(err, owner->committed_rc, "scripted") : 0;
}

static inline int fake_read(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                            int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err)
{
    (void)reader, (void)topic, (void)timeout_ms, (void)arena;
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(list[i].offset, owner->pointer[list[i].partition] - 1);
        list[i].value = owner->stored[list[i].partition];
        all = all && list[i].value.ptr;
    }
    return all ? 0 : aq_fail(err, AQ_E_TIMEOUT, "scripted");
}

/* Nothing was ever written to the state topic. */
static inline int fake_ends(struct kc_admin *admin, struct kc_end *list, size_t n, int64_t timeout_ms,
                            struct aq_err *err)
{
    (void)admin, (void)timeout_ms, (void)err;
    for (size_t i = 0; i < n; i++) list[i].end = 0;
    return 0;
}

static inline struct kc_ops owner_ops(void)
{
    struct kc_ops ops = fake_ops;
    ops.member_open = fake_member_open;
    ops.member_close = fake_member_close;
    ops.member_poll = fake_member_poll;
    ops.member_answer = fake_member_answer;
    ops.producer_open = fake_producer_open;
    ops.producer_close = fake_producer_close;
    ops.producer_send_own = fake_send_position;
    ops.producer_drain = fake_drain;
    ops.producer_forget_failure = fake_forget_failure;
    ops.txn_tainted = fake_tainted;
    ops.reader_open = fake_reader_open;
    ops.reader_close = fake_reader_close;
    ops.reader_committed = fake_committed;
    ops.reader_read = fake_read;
    ops.admin_ends = fake_ends;
    return ops;
}

/* ---- the host ------------------------------------------------------------------------------------------------------- */

static inline void note_own(void *ctx, int32_t task, const struct kc_snapshot *snapshot)
{
    struct owner *w = ctx;
    w->found[task] = snapshot ? snapshot->list[0].next : -1;
    note("take(%d)", task);
}

static inline void note_drop(void *ctx, int32_t task)
{
    (void)ctx;
    note("drop(%d)", task);
}

static inline void give_positions(void *ctx, int32_t task, struct aq_arena *arena,
                                  struct kc_position **ret_list, size_t *ret_count)
{
    struct owner *w = ctx;
    *ret_count = 1;
    *ret_list = aq_arena_zalloc(arena, sizeof(**ret_list));
    **ret_list = (struct kc_position){.topic = "in",
                                      .partition = task,
                                      .next = w->next[task],
                                      .leader_epoch = -1,
                                      .last_offset = -1,
                                      .time_ms = -1,
                                      .sink_offset = -1};
}

static inline void note_committed(void *ctx, int32_t task)
{
    (void)ctx;
    note("committed(%d)", task);
}

static inline void note_take_back(void *ctx, struct aq_batch *list)
{
    (void)ctx, (void)list;
    note("take_back");
}

static inline void note_rewind(void *ctx, int64_t now)
{
    (void)ctx, (void)now;
    note("rewind");
}

static inline void note_failure(void *ctx, const struct kc_failure *failure)
{
    struct owner *w = ctx;
    w->failures++;
    w->last_failure = failure->code;
}

static inline void note_cycle(void *ctx, enum kc_cycle_result result, int64_t now, int64_t took_us)
{
    (void)ctx, (void)now;
    assert_true(took_us >= 0);
    if (result == KC_CYCLE_FENCED) note("fenced");
    if (result == KC_CYCLE_ABORTED) note("aborted");
    if (result == KC_CYCLE_REPLACE) note("replace");
}

/* ---- steps of a test ------------------------------------------------------------------------------------------------ */

static inline struct kc_ownership_host taking_notes(struct owner *w)
{
    return (struct kc_ownership_host){.ctx = w,
                                      .own = note_own,
                                      .drop = note_drop,
                                      .positions = give_positions,
                                      .committed = note_committed,
                                      .take_back = note_take_back,
                                      .rewind = note_rewind,
                                      .failure = note_failure,
                                      .cycle_done = note_cycle};
}

/* Everything but open: a test may change flow and host. */
static inline void prepare(struct owner *w, bool exactly_once)
{
    memset(w, 0, sizeof(*w));
    owner = w;
    world = &w->base;
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    w->now = 5 * AQ_SEC;
    w->base.first = (struct kc_membership){.references = 1, .generation = 1};
    w->base.member = (struct kc_member){.current = &w->base.first};
    w->ops = owner_ops();
    w->cluster = (struct kc_cluster){.name = "dc1", .brokers = "127.0.0.1:1"};
    w->flow = (struct kc_flow){.noun = "application",
                               .name = "app",
                               .group = "g",
                               .state_topic = "state",
                               .source = &w->cluster,
                               .sink = &w->cluster,
                               .tasks = TASKS,
                               .exactly_once = exactly_once,
                               .transactional_prefix = "app",
                               .session_timeout_ms = 6000,
                               .transaction_timeout_ms = 10000,
                               .workers = 1,
                               .compression = "none",
                               .at_least_once_hint = "at_least_once"};
    /* A map of the layer above's own. */
    w->facts = (struct kc_route_facts){
        .route = "app", .source_id = "c", .sink_id = "c", .tasks = TASKS, .map_version = 2};
    for (int i = 0; i < TASKS; i++) w->pointer[i] = -1;
}

static inline void open_delayed(struct owner *w, const struct kc_ownership_host *host, int index,
                                int64_t delay_us)
{
    struct aq_err err = {0};
    const struct kc_ownership_setup setup = {.ops = &w->ops,
                                             .flow = &w->flow,
                                             .facts = &w->facts,
                                             .index = index,
                                             .host = *host,
                                             .inline_lookup = true};
    kc_ownership_init(&w->own, &setup);
    w->own.join_delay_us = delay_us;
    assert_int_equal(kc_ownership_open(&w->own, &err), 0);
    w->base.log[0] = '\0';
}

static inline void open_with(struct owner *w, const struct kc_ownership_host *host, int index)
{
    open_delayed(w, host, index, 0);
}

static inline void begin(struct owner *w, bool exactly_once)
{
    prepare(w, exactly_once);
    struct kc_ownership_host host = taking_notes(w);
    open_with(w, &host, 0);
}

static inline void end(struct owner *w)
{
    kc_ownership_close(&w->own);
    kc_ownership_finish(&w->own);
    assert_int_equal(w->reader.opened, 0);
    T_CHECK(w->base.first.references == 1, "membership references: %d", w->base.first.references);
    owner = NULL;
    world = NULL;
}

static inline void group_says(struct owner *w, enum kc_member_event_kind kind, const int32_t *tasks, size_t n)
{
    assert_true(w->n_events < MOST_EVENTS);
    w->events[w->n_events++] =
        (struct kc_member_event){.kind = kind, .partitions = tasks, .n_partitions = n, .text = "scripted"};
}

static inline void group_complains(struct owner *w, int code)
{
    group_says(w, KC_MEMBER_ERROR, NULL, 0);
    w->events[w->n_events - 1].code = code;
}

static inline void hear(struct owner *w)
{
    kc_ownership_hear(&w->own, w->now);
}

static inline void step(struct owner *w)
{
    w->now += AQ_MS;
    kc_ownership_step(&w->own, w->now);
}

static inline void check_calls(struct owner *w, const char *expected)
{
    check_log(&w->base, expected);
    w->base.log[0] = '\0';
}

static const int32_t first_two[] = {0, 1};

/* Tasks 0 and 1 are ours, and their positions known. */
static inline void take_two(struct owner *w)
{
    w->own.self_tested = true;
    group_says(w, KC_MEMBER_ASSIGNED, first_two, 2);
    hear(w); /* asks */
    hear(w); /* takes the answer */
    check_calls(w, "answer take(0) take(1)");
    assert_true(kc_ownership_may_send(&w->own));
}

/* A record of the task goes to the producer and is acknowledged at once. */
static inline void work(struct owner *w, int32_t task)
{
    assert_true(kc_ownership_accepts(&w->own, w->now));
    w->next[task]++;
    kc_ownership_touch(&w->own, task);
}

static inline void deliver_all(struct owner *w)
{
    for (int i = 0; i < w->n_producers; i++) {
        struct kc_producer *p = &w->producers[i];
        for (int j = 0; j < p->n_own; j++)
            *p->own[j] = (struct kc_ack){.done = true, .offset = p->next_offset++};
        p->n_own = 0;
    }
}

static inline void end_txn(struct kc_producer *p, enum kc_txn_state state, int code)
{
    p->state = state;
    p->ended_code = code;
}

#endif
