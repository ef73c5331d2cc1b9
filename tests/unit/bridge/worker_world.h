/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole worker around the scripted client: a route with one task, which is the worker's own, and the steps that tests
 * of its parts have in common. A commit is due at every turn (the interval is nothing), so that no test waits for the
 * clock.
 */
#ifndef AQ_TESTS_UNIT_BRIDGE_WORKER_WORLD_H
#define AQ_TESTS_UNIT_BRIDGE_WORKER_WORLD_H

#include "tests/unit/bridge/worker_client.h"

#include "base/log.h"

/* ---- the worker ------------------------------------------------------------------------------------------------------- */

static inline void read_route(struct world *w, const char *options)
{
    conf_diags_init(&w->diags);
    aq_arena_init(&w->arena, 4096);
    char *text = t_printf("routes = ( { name = \"r\"; from = \"dc1\"; to = \"dc2\"; topics = [\"orders\"]; "
                          "tasks = 1; %s } );\n",
                          options);
    assert_int_equal(conf_load_text("t", text, NULL, 0, &w->diags, &w->doc), 0);
    free(text);
    kc_cluster_from_brokers("dc1", "127.0.0.1:1", &w->arena, &w->clusters[0]);
    kc_cluster_from_brokers("dc2", "127.0.0.1:2", &w->arena, &w->clusters[1]);
    xf_library_load(NULL, NULL, XF_SAFE, &w->diags, &w->library);
    br_route_read(conf_get(w->doc->root, "routes")->first, w->clusters, 2, w->library, &w->arena, &w->diags,
                  &w->route);
    if (w->diags.errors) conf_diags_print(&w->diags, stderr);
    assert_int_equal(w->diags.errors, 0);
    w->route.commit_interval_ms = w->route.flow.commit_interval_ms = 0;
}

/* A worker in its group, which owns the only task there is; nothing of it is read yet. */
static inline void start(struct world *w, const char *options)
{
    struct aq_err err = {0};
    memset(w, 0, sizeof(*w));
    world = w;
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    read_route(w, options);
    for (int i = 0; i < MOST; i++) aq_batch_init(&w->consumer.batches[i], 8);
    w->partitions = 1;
    w->high = 1000;
    w->now = 5 * AQ_SEC;
    br_finish_init(&w->finish, 1);
    w->catalog = br_catalog_create(&fake_ops, &w->route);
    assert_int_equal(br_catalog_refresh(w->catalog, &err), 0);
    w->worker = br_worker_create(&fake_ops, &w->route, w->catalog, &w->finish, 0);
    assert_int_equal(br_worker_open(w->worker, &err), 0);
    w->worker->own.assigned = w->worker->own.self_tested = true;
    w->worker->own.tasks[0].state = KC_TASK_OWNED;
    w->log[0] = '\0';
}

static inline void stop(struct world *w)
{
    br_worker_close(w->worker);
    br_worker_destroy(w->worker);
    T_CHECK(w->member.membership.references == 0, "membership references: %d",
            w->member.membership.references);
    assert_int_equal(w->reader.opened, 0);
    br_catalog_destroy(w->catalog);
    for (int i = 0; i < MOST; i++) aq_batch_finish(&w->consumer.batches[i]);
    br_route_finish(&w->route);
    xf_library_destroy(w->library);
    conf_doc_destroy(w->doc);
    conf_diags_finish(&w->diags);
    aq_arena_finish(&w->arena);
    world = NULL;
}

/* ---- what the source has to say --------------------------------------------------------------------------------------- */

static inline int64_t time_at(int64_t offset)
{
    return 1000 + offset;
}

/* n records from `first` on will be handed out by the next poll but those that are queued before. */
static inline struct aq_batch *arrive(struct world *w, struct br_partition *p, int64_t first, int n)
{
    assert_true(w->consumer.arrived < MOST);
    struct aq_batch *batch = &w->consumer.batches[w->consumer.arrived++];
    batch->topic = p->topic;
    batch->partition = p->partition;
    batch->owner = p;
    batch->source = &fake_source;
    batch->sink_offset = -1;
    for (int i = 0; i < n; i++) {
        struct aq_record *rec = aq_batch_add(batch);
        rec->offset = first + i;
        rec->timestamp = time_at(rec->offset);
        rec->time_type = AQ_TIME_CREATE;
        rec->key = AQ_LIT("k");
        rec->value = AQ_LIT("v");
    }
    batch->bytes = (uint64_t)n * RECORD_BYTES;
    return batch;
}

static inline void say(struct world *w, const struct kc_event *event)
{
    assert_true(w->consumer.n_events < MOST);
    w->consumer.events[w->consumer.n_events++] = *event;
}

static inline void say_end(struct world *w, struct br_partition *p, int64_t offset)
{
    say(w, &(struct kc_event){.kind = KC_EVENT_EOF, .owner = p, .offset = offset});
}

/* ---- steps of a test ------------------------------------------------------------------------------------------------ */

/* A partition mirrored up to `next`, as a take-over finds it. */
static inline struct br_partition *mirrored(struct world *w, int32_t number, int64_t next)
{
    struct br_partition *p = br_task_add(w->worker, 0, "orders", number);
    br_partition_set(
        p, &(struct br_mark){.next = next,
                             .last_offset = next - 1,
                             .last_timestamp = time_at(next - 1),
                             .last_hash = kc_fingerprint(AQ_LIT("k"), AQ_LIT("v"), time_at(next - 1)),
                             .leader_epoch = -1});
    p->has_position = true;
    w->worker->own.tasks[0].had_snapshot = true;
    return p;
}

/* The machine that runs the test may stand still as long as it likes, and the sink is quick whatever it does. */
static inline void forget_time(struct world *w)
{
    w->worker->awake_us = 0;
    w->worker->answer_us = 0;
}

/* One round of the worker; false when it has ended. */
static inline bool turn(struct world *w)
{
    forget_time(w);
    return br_worker_turn(w->worker, aq_mono_us());
}

/* Delivery reports of everything under way, positions included. */
static inline void deliver(struct world *w)
{
    for (int i = 0; i < w->n_producers; i++) {
        struct kc_producer *p = &w->producers[i];
        p->n_reported = p->n_sent;
        for (int j = 0; j < p->n_own; j++)
            *p->own[j] = (struct kc_ack){.done = true, .offset = w->next_own++};
        p->n_own = 0;
    }
}

static inline void check_log(struct world *w, const char *expected)
{
    T_CHECK(strcmp(w->log, expected) == 0, "\n  calls:    %s\n  expected: %s", w->log, expected);
    w->log[0] = '\0';
}

#endif
