/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps scenarios are made of. A scene has one cluster, one admin handle and a text; the steps wait in small sleeps,
 * which take no time where the clock is a virtual one. A step that should always work ends the program with the reason
 * when it does not.
 */
#ifndef AQ_TESTS_LIB_KC_SCENE_H
#define AQ_TESTS_LIB_KC_SCENE_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/lib/kc_scenarios.h"

#define WAIT_US        (30 * AQ_SEC)
#define TIMEOUT_MS     15000
#define TXN_TIMEOUT_MS 20000
#define CLOSE_MS       5000
#define PARTITIONS     4

struct scene {
    const struct kc_ops *ops;
    const struct kc_cluster *cluster;
    const struct kc_stage_hooks *hooks;
    const char *tag;
    struct kc_admin *admin;
    struct aq_arena arena;
    struct aq_names names;
    FILE *out;
};

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

static inline void must(int code, const struct aq_err *err, const char *what)
{
    if (code == 0) return;
    fprintf(stderr, "%s: %s (%s)\n", what, err->text, aq_code_name(code));
    exit(1);
}

static inline void give_up(const char *what)
{
    fprintf(stderr, "not within %lld s: %s\n", (long long)(WAIT_US / AQ_SEC), what);
    exit(1);
}

static inline const char *code_name(int code)
{
    return code ? aq_code_name(code) : "ok";
}

static inline const char *name_of(struct scene *scene, const char *stem)
{
    return aq_arena_printf(&scene->arena, "%s-%s", stem, scene->tag);
}

static inline const char *make_topic(struct scene *scene, const char *stem, int32_t partitions,
                                     const struct kc_config_entry *configs, size_t n_configs)
{
    struct aq_err err = {0};
    /* The records here are dated in the past, and a real broker's retention would delete them at any moment. */
    struct kc_config_entry all[4] = {{"retention.ms", "-1"}};
    for (size_t i = 0; i < n_configs && i < 3; i++) all[i + 1] = configs[i];
    const struct kc_topic_spec spec = {.name = name_of(scene, stem),
                                       .partitions = partitions,
                                       .replication_factor = 1,
                                       .configs = all,
                                       .n_configs = n_configs + 1};
    must(scene->ops->admin_create_topic(scene->admin, &spec, TIMEOUT_MS, &err), &err, "create topic");
    return spec.name;
}

static inline struct kc_producer *open_producer(struct scene *scene, const char *transactional_id)
{
    struct aq_err err = {0};
    struct kc_producer *producer = NULL;
    const struct kc_producer_conf conf = {.client_id = "scene",
                                          .transactional_id = transactional_id,
                                          .transaction_timeout_ms = TXN_TIMEOUT_MS,
                                          .delivery_timeout_ms = 30000,
                                          .linger_ms = 1,
                                          .batch_bytes = 100000,
                                          .queue_bytes = 1 << 20,
                                          .compression = "none",
                                          .failures_expected = true};
    must(scene->ops->producer_open(scene->cluster, &conf, &producer, &err), &err, "producer");
    return producer;
}

static inline void close_producer(struct scene *scene, struct kc_producer *producer)
{
    struct aq_batch *left = NULL;
    scene->ops->producer_close(producer, CLOSE_MS, &left);
    if (left) give_up("all batches back before the close");
}

/* Polls until the state is another one; the code of what has ended. */
static inline int wait_txn(struct scene *scene, struct kc_producer *producer, enum kc_txn_state state)
{
    struct aq_err err = {0};
    for (int64_t until = aq_mono_us() + WAIT_US; aq_mono_us() < until; aq_sleep_ms(5)) {
        int code = 0;
        if (scene->ops->txn_poll(producer, &code, NULL, &err) != state) return code;
    }
    give_up("transactional call");
    return 0;
}

static inline struct kc_producer *start_producer(struct scene *scene, const char *id)
{
    struct aq_err err = {0};
    struct kc_producer *producer = open_producer(scene, name_of(scene, id));
    must(wait_txn(scene, producer, KC_TXN_STARTING), &err, "start");
    return producer;
}

static inline void begin(struct scene *scene, struct kc_producer *producer)
{
    struct aq_err err = {0};
    must(scene->ops->txn_begin(producer, &err), &err, "begin");
}

static inline int commit(struct scene *scene, struct kc_producer *producer, struct kc_membership *membership,
                         const char *topic, int64_t offset)
{
    struct aq_err err = {0};
    const struct kc_task_offset pointer = {.partition = 0, .offset = offset, .metadata = "meta"};
    must(scene->ops->txn_commit(producer, membership, topic, &pointer, 1, &err), &err, "commit");
    return wait_txn(scene, producer, KC_TXN_COMMITTING);
}

static inline int abort_txn(struct scene *scene, struct kc_producer *producer)
{
    struct aq_err err = {0};
    must(scene->ops->txn_abort(producer, &err), &err, "abort");
    return wait_txn(scene, producer, KC_TXN_ABORTING);
}

static inline struct aq_record *add_record(struct scene *scene, struct aq_batch *batch, const char *topic,
                                           int32_t partition, const char *key, const char *value)
{
    struct aq_record *rec = aq_batch_add(batch);
    rec->topic = aq_names_intern(&scene->names, aq_slice_str(topic));
    rec->partition = partition;
    rec->key = aq_slice_str(key);
    rec->value = aq_slice_str(value);
    rec->timestamp = 1700000000000 + batch->n;
    rec->time_type = AQ_TIME_CREATE;
    return rec;
}

/* Hands the batch over and waits until it is back. */
static inline void deliver(struct scene *scene, struct kc_producer *producer, struct aq_batch *batch)
{
    struct aq_err err = {0};
    must(scene->ops->producer_send(producer, batch, &err), &err, "send");
    struct kc_drained drained = {0};
    for (int64_t until = aq_mono_us() + WAIT_US; aq_mono_us() < until;) {
        scene->ops->producer_drain(producer, 10, &drained);
        if (drained.done == batch) return;
    }
    give_up("delivery");
}

static inline void send_values(struct scene *scene, struct kc_producer *producer, const char *topic, int n,
                               const char *value)
{
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    for (int i = 0; i < n; i++) add_record(scene, &batch, topic, 0, "k", value);
    deliver(scene, producer, &batch);
    aq_batch_finish(&batch);
}

static inline void write_slice(struct scene *scene, struct aq_slice slice)
{
    if (aq_slice_is_null(slice)) {
        fprintf(scene->out, " null");
    } else {
        fprintf(scene->out, " '%.*s'", (int)slice.len, slice.ptr);
    }
}

static inline void write_batch(struct scene *scene, struct aq_batch *batch, bool whole)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        struct aq_record *rec = &batch->records[i];
        fprintf(scene->out, " %" PRId64, rec->offset);
        write_slice(scene, rec->value);
        if (!whole) continue;
        write_slice(scene, rec->key);
        fprintf(scene->out, " %" PRId64 "/%d", rec->timestamp, rec->time_type);
        uint16_t n = 0;
        const struct aq_header *headers = aq_record_headers(rec, &n);
        for (uint16_t h = 0; h < n; h++) {
            fprintf(scene->out, " %s=", headers[h].name.ptr);
            write_slice(scene, headers[h].value);
        }
        fprintf(scene->out, ";");
    }
}

/* Reads a partition up to its first event and writes down all of it. */
static inline void observe(struct scene *scene, const char *topic, int32_t partition, int64_t offset,
                           bool committed, bool whole)
{
    const struct kc_ops *ops = scene->ops;
    struct aq_err err = {0};
    struct kc_consumer *consumer = NULL;
    const struct kc_consumer_conf conf = {.client_id = "scene",
                                          .group_id = "scene-none",
                                          .read_committed = committed,
                                          .queue_bytes = 1 << 20,
                                          .batch_records = 100};
    must(ops->consumer_open(scene->cluster, &conf, &scene->names, &consumer, &err), &err, "consumer");
    must(ops->consumer_assign(consumer, topic, partition, offset, scene, &err), &err, "assign");
    fprintf(scene->out, "%s:", committed ? "committed" : "uncommitted");
    struct kc_event event = {0};
    bool told = false;
    for (int64_t until = aq_mono_us() + WAIT_US; !told && aq_mono_us() < until;) {
        struct aq_batch *batch = ops->consumer_poll(consumer, aq_mono_us(), 20);
        if (batch) {
            write_batch(scene, batch, whole);
            aq_batch_release(batch);
        }
        told = ops->consumer_event(consumer, &event);
    }
    if (!told) give_up("an event");
    static const char *const kinds[] = {"end", "out of range", "partition", "cluster"};
    fprintf(scene->out, " | %s", kinds[event.kind]);
    if (event.kind == KC_EVENT_EOF || event.kind == KC_EVENT_OUT_OF_RANGE)
        fprintf(scene->out, " %" PRId64, event.offset);
    fprintf(scene->out, "%s\n", event.owner == scene ? "" : " of nobody");
    ops->consumer_close(consumer, CLOSE_MS);
}

/* The markers of a transaction that has ended may take a moment to be in the log. */
static inline void wait_end(struct scene *scene, const char *topic, int32_t partition, int64_t end)
{
    struct aq_err err = {0};
    int64_t low, high = -1;
    for (int64_t until = aq_mono_us() + WAIT_US; high < end && aq_mono_us() < until;) {
        int code =
            scene->ops->admin_watermarks(scene->admin, topic, partition, TIMEOUT_MS, &low, &high, &err);
        if (code != 0 || high < end) aq_sleep_ms(5);
    }
}

static inline void observe_watermarks(struct scene *scene, const char *topic, int32_t partition)
{
    struct aq_err err = {0};
    int64_t low = -1;
    int64_t high = -1;
    int code = scene->ops->admin_watermarks(scene->admin, topic, partition, TIMEOUT_MS, &low, &high, &err);
    if (code) {
        fprintf(scene->out, "watermarks: %s\n", code_name(code));
    } else {
        fprintf(scene->out, "watermarks: %" PRId64 " %" PRId64 "\n", low, high);
    }
}

static inline void look_at_pointer(struct scene *scene, const char *group, const char *topic,
                                   int32_t partition, int64_t patience_us)
{
    struct aq_err err = {0};
    struct kc_reader *reader = NULL;
    must(scene->ops->reader_open(scene->cluster, "scene", group, &reader, &err), &err, "reader");
    struct kc_pointer pointer = {.partition = partition};
    int64_t until = aq_mono_us() + patience_us;
    do must(scene->ops->reader_committed(reader, topic, &pointer, 1, TIMEOUT_MS, &err), &err, "committed");
    while (pointer.code == AQ_E_UNSTABLE && aq_mono_us() < until);
    fprintf(scene->out, "pointer: %s %" PRId64 " '%s'\n", code_name(pointer.code),
            pointer.code ? -1 : pointer.offset, pointer.code ? "" : pointer.metadata);
    struct kc_seen_versions seen;
    scene->ops->reader_seen_versions(reader, &seen);
    if (seen.offset_fetch < 7) fprintf(scene->out, "OffsetFetch %d\n", seen.offset_fetch);
    scene->ops->reader_close(reader, CLOSE_MS);
}

/* One that nobody holds, or not for long; one that an open transaction holds. */
static inline void observe_pointer(struct scene *scene, const char *group, const char *topic,
                                   int32_t partition)
{
    look_at_pointer(scene, group, topic, partition, WAIT_US);
}

static inline void observe_held_pointer(struct scene *scene, const char *group, const char *topic,
                                        int32_t partition)
{
    look_at_pointer(scene, group, topic, partition, 0);
}

/* ---- members -------------------------------------------------------------------------------------------------------- */

struct node {
    struct kc_member *member;
    bool owned[PARTITIONS];
    int changes; /* assignments, revocations and losses so far */
    int lost;
    int error; /* the last one told */
};

static inline void join_with(struct scene *scene, struct node *node, const char *group, const char *topic,
                             const char *instance_id, bool dealt_in_turn)
{
    struct aq_err err = {0};
    *node = (struct node){0};
    const struct kc_member_conf conf = {.client_id = "scene",
                                        .group_id = group,
                                        .topic = topic,
                                        .instance_id = instance_id,
                                        .dealt_in_turn = dealt_in_turn,
                                        .session_timeout_ms = 6000,
                                        .max_poll_interval_ms = 60000};
    must(scene->ops->member_open(scene->cluster, &conf, &node->member, &err), &err, "member");
}

/* instance_id NULL: a dynamic member. */
static inline void join_as(struct scene *scene, struct node *node, const char *group, const char *topic,
                           const char *instance_id)
{
    join_with(scene, node, group, topic, instance_id, false);
}

static inline void join(struct scene *scene, struct node *node, const char *group, const char *topic)
{
    join_as(scene, node, group, topic, NULL);
}

static inline void turn(struct scene *scene, struct node *node)
{
    struct aq_err err = {0};
    struct kc_member_event event;
    if (!node->member || !scene->ops->member_poll(node->member, &event)) return;
    if (event.kind == KC_MEMBER_ERROR) {
        node->error = event.code;
        return;
    }
    node->changes++;
    bool gain = event.kind == KC_MEMBER_ASSIGNED;
    node->lost += event.kind == KC_MEMBER_LOST;
    if (!event.incremental && gain) memset(node->owned, 0, sizeof(node->owned));
    for (size_t i = 0; i < event.n_partitions; i++) node->owned[event.partitions[i]] = gain;
    must(scene->ops->member_answer(node->member, &err), &err, "answer");
}

static inline int owned(const struct node *node)
{
    int n = 0;
    for (int i = 0; i < PARTITIONS; i++) n += node->owned[i];
    return n;
}

/* Lets both take turns until they own so many. */
static inline void settle(struct scene *scene, struct node *a, int a_owns, struct node *b, int b_owns)
{
    for (int64_t until = aq_mono_us() + WAIT_US; aq_mono_us() < until; aq_sleep_ms(5)) {
        turn(scene, a);
        if (b) turn(scene, b);
        if (owned(a) == a_owns && (!b || owned(b) == b_owns)) return;
    }
    give_up("the group's assignment");
}

static inline void leave(struct scene *scene, struct node *node)
{
    scene->ops->member_close(node->member, CLOSE_MS);
    node->member = NULL;
}

/* A state topic with as many partitions as nodes look at, and the group's only member. */
static inline struct kc_membership *set_up_group(struct scene *scene, struct node *node,
                                                 const char **ret_group, const char **ret_state)
{
    *ret_state = make_topic(scene, "state", PARTITIONS, NULL, 0);
    *ret_group = name_of(scene, "group");
    join(scene, node, *ret_group, *ret_state);
    settle(scene, node, PARTITIONS, NULL, 0);
    return scene->ops->member_membership(node->member);
}

#endif
