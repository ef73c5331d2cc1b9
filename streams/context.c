/* SPDX-License-Identifier: Apache-2.0
 *
 * What processors call (streams/processor.h), and a record's way from node to node.
 *
 * An ordinary pass: st_enter() (streams/task.c) puts a source record on its stack and forwards it; each processor changes it and forwards
 * it, by function call, down to a sink, which copies the record's few words into the outbox. Nothing is allocated on the way. A
 * node with one child hands its very record on, with its document views open; one with several writes the views and gives each
 * child a copy.
 *
 * A failing pass: a processor returns a code. Here, at the node that failed, the processing handler decides: it goes on, and the
 * record counts as processed by everything below; or the code travels up, and the task ends in front of the record. What was
 * emitted before the failure stays emitted; in exactly_once it goes with the aborted transaction.
 *
 * Invariant: a view is never open on a record whose stack frame is gone (run_child() closes what its child left open).
 */
#include <stdio.h>

#include "base/assert.h"
#include "streams/error_policy.h"
#include "streams/global.h"
#include "streams/state/state.h"
#include "transforms/topic_name.h"

/* ---- views -------------------------------------------------------------------------------------------------------- */

/* Most records have none, and this is asked at every node. */
static inline bool any_open(const struct xf_views *views)
{
    return views->key.rec || views->value.rec;
}

struct xf_views *st_views(struct st_context *context)
{
    return &context->task->views;
}

void st_settle(struct st_context *context, struct aq_record *rec)
{
    (void)rec;
    struct xf_views *views = &context->task->views;
    if (any_open(views)) xf_views_write(views);
}

struct aq_names *st_names(struct st_context *context)
{
    return context->task->shop->names;
}

struct aq_arena *st_arena(struct st_context *context)
{
    return st_outbox_arena(context->task->shop->outbox);
}

/* ---- sinks -------------------------------------------------------------------------------------------------------- */

static int choose_topic(struct st_context *context, struct aq_record *rec, const struct aq_name **ret,
                        struct aq_err *err)
{
    const struct st_node *node = context->node->node;
    struct aq_slice topic;
    int rc = node->chooser->choose(context, context->state, rec, &topic, err);
    if (rc != 0) return rc;
    const char *fault = topic_name_fault(topic);
    if (fault)
        return aq_fail(err, AQ_E_BAD_RECORD, "the topic name '%.*s' %s", (int)topic.len,
                       topic.ptr ? topic.ptr : "", fault);
    *ret = aq_names_intern(st_names(context), topic);
    return 0;
}

static int write_record(struct st_context *context, struct aq_record *rec, struct aq_err *err)
{
    struct st_task *task = context->task;
    const struct aq_name *topic = context->topic;
    int rc = topic ? 0 : choose_topic(context, rec, &topic, err);
    if (rc != 0) return rc;
    st_settle(context, rec);
    /* Kafka Streams puts a filter before every repartition: without a key there is nothing to partition by. */
    if (context->node->side == ST_SINK_SIDE && aq_slice_is_null(rec->key)) {
        context->dropped++;
        task->shop->tally.dropped++;
        return 0;
    }
    /* All windows of a key lie in the partition of the key. */
    int32_t by_key = ST_BY_KEY - (int32_t)context->key_tail;
    st_outbox_add(task->shop->outbox, rec, topic, by_key, task->source);
    task->shop->tally.emitted++;
    return 0;
}

/* ---- forwarding --------------------------------------------------------------------------------------------------- */

/* A view that is open on another record holds edits of one that its processor has not handed on yet. */
static inline void settle_others(struct xf_views *views, const struct aq_record *rec)
{
    if (!any_open(views)) return;
    const struct aq_record *key = views->key.rec, *value = views->value.rec;
    if (__builtin_expect((key && key != rec) || (value && value != rec), 0)) xf_views_write(views);
}

/* What the processing error handler makes of a node's code; one that came without a reason gets one. */
__attribute__((noinline, cold)) static int decide(struct st_context *context, int rc, struct aq_err *err)
{
    AQ_ASSERT(rc < 0);
    if (err->code >= 0) aq_fail(err, rc, "it failed");
    err->code = rc;
    struct st_task *task = context->task;
    rc = st_policy_decide(task->shop, ST_STAGE_PROCESSING, task->source, context->node->name, err);
    task->policy_asked = rc != 0;
    return rc;
}

static int run_child(struct st_context *child, struct aq_record *rec, struct aq_err *err)
{
    struct st_task *task = child->task;
    child->records++;
    settle_others(&task->views, rec);
    int rc =
        child->kind ? child->kind->process(child, child->state, rec, err) : write_record(child, rec, err);
    if (any_open(&task->views)) xf_views_close(&task->views);
    if (__builtin_expect(task->policy_asked, 0)) return rc != 0 ? rc : err->code;
    if (__builtin_expect(rc == 0, 1)) return 0;
    /* Asked once, by the node that failed; the nodes above hand the verdict on, or it is handed on in their place. */
    return decide(child, rc, err);
}

int st_forward(struct st_context *context, struct aq_record *rec, struct aq_err *err)
{
    context->task->has_row = false;
    if (__builtin_expect(context->n_children == 1, 1)) return run_child(context->children[0], rec, err);
    st_settle(context, rec);
    for (size_t i = 0; i < context->n_children; i++) {
        struct aq_record copy = *rec;
        int rc = run_child(context->children[i], &copy, err);
        if (rc != 0) return rc;
    }
    return 0;
}

int st_forward_child(struct st_context *context, size_t child, struct aq_record *rec, struct aq_err *err)
{
    AQ_ASSERT(child < context->n_children);
    context->task->has_row = false;
    return run_child(context->children[child], rec, err);
}

int st_forward_to(struct st_context *context, const char *child, struct aq_record *rec, struct aq_err *err)
{
    context->task->has_row = false;
    for (size_t i = 0; i < context->n_children; i++)
        if (strcmp(context->children[i]->node->name, child) == 0)
            return run_child(context->children[i], rec, err);
    return aq_fail(err, AQ_E_INVALID, "'%s' has no child '%s' to forward to", context->node->name, child);
}

int st_forward_row(struct st_context *context, struct aq_record *rec, const struct st_row *row,
                   struct aq_err *err)
{
    struct st_task *task = context->task;
    st_settle(context, rec);
    for (size_t i = 0; i < context->n_children; i++) {
        struct aq_record copy = *rec;
        task->row = *row;
        task->has_row = true;
        int rc = run_child(context->children[i], &copy, err);
        task->has_row = false;
        if (rc != 0) return rc;
    }
    return 0;
}

struct st_row st_row(const struct st_context *context)
{
    const struct st_task *task = context->task;
    return task->has_row ? task->row : (struct st_row){.old = AQ_NULL_SLICE, .is_latest = true};
}

struct aq_record st_new_record(struct st_context *context)
{
    struct st_task *task = context->task;
    struct st_outbox *outbox = task->shop->outbox;
    const struct aq_record *source = task->source;
    return (struct aq_record){.key = AQ_NULL_SLICE,
                              .value = AQ_NULL_SLICE,
                              .timestamp = task->now_ms,
                              .time_type = AQ_TIME_CREATE,
                              .offset = source ? source->offset : -1,
                              .topic = source ? source->topic : NULL,
                              .partition = source ? source->batch->partition : -1,
                              .leader_epoch = -1,
                              .flags = AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED,
                              .batch = &outbox->open->batch};
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

/* A schedule of one node: what the set calls, and what it calls on. */
struct st_scheduled {
    struct st_scheduled *next; /* spare */
    struct st_context *context;
    int (*call)(struct st_context *context, void *user, int64_t now_ms, struct aq_err *err);
    void *user; /* NULL: the processor's state, which does not exist yet while it starts */
};

static int call_punctuator(void *user, int64_t now_ms, struct aq_err *err)
{
    const struct st_scheduled *scheduled = user;
    struct st_context *context = scheduled->context;
    struct st_task *task = context->task;
    task->source = NULL;
    task->feed = NULL;
    task->now_ms = now_ms;
    task->policy_asked = false;
    task->shop->tally.punctuations++;
    int rc = scheduled->call(context, scheduled->user ? scheduled->user : context->state, now_ms, err);
    xf_views_close(&task->views);
    if (task->policy_asked) return rc != 0 ? rc : err->code;
    if (rc == 0) return 0;
    return decide(context, rc, err);
}

/* A processor may schedule and cancel with every record, and the arena lives as long as the task. */
static struct st_scheduled *take_scheduled(struct st_task *task)
{
    struct st_scheduled *scheduled = task->spare;
    if (!scheduled) return aq_arena_alloc(&task->arena, sizeof(*scheduled));
    task->spare = scheduled->next;
    return scheduled;
}

static void give_scheduled(struct st_task *task, struct st_scheduled *scheduled)
{
    scheduled->next = task->spare;
    task->spare = scheduled;
}

struct st_schedule *st_schedule_for(struct st_context *context, enum st_punctuation_type type,
                                    int64_t interval_ms, int64_t start_ms,
                                    int (*call)(struct st_context *context, void *user, int64_t now_ms,
                                                struct aq_err *err),
                                    void *user, struct aq_err *err)
{
    AQ_ASSERT(call);
    struct st_task *task = context->task;
    struct st_scheduled *scheduled = take_scheduled(task);
    *scheduled = (struct st_scheduled){.context = context, .call = call, .user = user};
    const struct st_punctuator punctuator = {
        .name = context->node->name, .call = call_punctuator, .user = scheduled};
    struct st_schedule *schedule = st_punctuate_schedule(&task->punctuations, type, interval_ms, start_ms,
                                                         task->shop->wall_ms, &punctuator, err);
    if (!schedule) give_scheduled(task, scheduled);
    return schedule;
}

struct st_schedule *st_schedule(struct st_context *context, enum st_punctuation_type type,
                                int64_t interval_ms, int64_t start_ms,
                                int (*call)(struct st_context *context, void *state, int64_t now_ms,
                                            struct aq_err *err),
                                struct aq_err *err)
{
    return st_schedule_for(context, type, interval_ms, start_ms, call, NULL, err);
}

void st_cancel(struct st_context *context, struct st_schedule *schedule)
{
    give_scheduled(context->task, st_punctuate_user(schedule));
    st_punctuate_cancel(&context->task->punctuations, schedule);
}

int64_t st_stream_ms(const struct st_context *context)
{
    return st_choice_stream_ms(&context->task->choice);
}

int64_t st_wall_ms(const struct st_context *context)
{
    return context->task->shop->wall_ms;
}

/* ---- stores -------------------------------------------------------------------------------------------------------- */

struct st_state *st_store(const struct st_context *context, size_t i)
{
    AQ_ASSERT(i < context->node->node->n_stores);
    return context->stores[i];
}

const struct st_global *st_global_table(const struct st_context *context, size_t i)
{
    const struct st_shop *shop = context->task->shop;
    AQ_ASSERT(i < context->node->node->n_globals && shop->globals);
    const struct st_global *global = st_globals_find(shop->globals, context->node->node->globals[i]->name);
    AQ_ASSERT(global);
    return global;
}

bool st_store_is_cached(const struct st_context *context, size_t i)
{
    AQ_ASSERT(i < context->node->node->n_stores);
    return !context->node->node->stores[i]->conf.uncached && context->task->shop->settings->cache_bytes > 0;
}

/* 1: it was not there and is not there. What nobody looked at before is looked at now, for what is gone. */
static int is_nothing(struct st_state *store, const struct st_table_change *change, struct aq_err *err)
{
    const struct st_entry *entry = change->entry;
    struct aq_slice was = change->old;
    if (entry->present) return 0;
    int rc = change->known
                 ? 0
                 : st_state_get_unchanged(store, st_entry_key(entry), st_entry_rest(entry), &was, err);
    return rc == 0 ? aq_slice_is_null(was) : rc;
}

/* Forwarding may change other stores, never this one: its user is the one who forwards. */
int st_each_change(struct st_context *context, size_t i, void *state, st_change_each *each,
                   struct aq_err *err)
{
    struct st_state *store = st_store(context, i);
    const struct st_changes *changes = st_table_changes(&store->table);
    for (uint32_t k = 0; k < changes->n; k++) {
        const struct st_table_change *change = st_change_at(changes, k);
        const struct st_entry *entry = change->entry;
        int rc = is_nothing(store, change, err);
        if (rc < 0) return rc;
        if (rc > 0) continue;
        context->task->policy_asked = false;
        rc = each(context, state, st_entry_key(entry), st_entry_rest(entry), st_entry_value(entry),
                  change->old, change->known, err);
        if (rc != 0 && !context->task->policy_asked) rc = decide(context, rc, err);
        if (rc != 0) return rc;
        if (st_outbox_is_full(context->task->shop->outbox))
            st_outbox_close(context->task->shop->outbox, st_task_position);
    }
    AQ_ASSERT(changes == st_table_changes(&store->table));
    return 0;
}

static int flush_context(struct st_context *context, struct aq_err *err)
{
    struct st_task *task = context->task;
    task->policy_asked = false;
    int rc = context->kind->flush(context, context->state, err);
    xf_views_close(&task->views);
    if (task->policy_asked) return rc != 0 ? rc : err->code;
    return rc == 0 ? 0 : decide(context, rc, err);
}

int st_task_flush(struct st_task *task, struct aq_err *err)
{
    task->source = NULL;
    task->feed = NULL;
    task->now_ms = st_choice_stream_ms(&task->choice);
    for (size_t i = 0; i < task->subtopology->n_nodes; i++) {
        struct st_context *context = &task->contexts[i];
        if (!context->kind || !context->kind->flush) continue;
        int rc = flush_context(context, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* ---- who and where ------------------------------------------------------------------------------------------------ */

const char *st_task_id(const struct st_context *context)
{
    return context->task->id;
}

const char *st_application_id(const struct st_context *context)
{
    return context->task->shop->topology->application_id;
}

void st_request_commit(struct st_context *context)
{
    context->task->shop->commit_requested = true;
}

const struct aq_record *st_source_record(const struct st_context *context)
{
    return context->task->source;
}
