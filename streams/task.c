/* SPDX-License-Identifier: Apache-2.0
 *
 * A running task.
 *
 * An ordinary pass: the worker adds a batch of a source partition; the choice says which record of all partitions is next; the record is
 * read by its source's serdes and walks through the processors (streams/context.c); then stream time has moved, and what is due by
 * it is called. The feed is touched, so that the flight that carries the outputs also carries how far the feed has come.
 *
 * A failing pass: key or value do not fit their serde, or a processor fails: streams/error_policy.c decides. When it says fail, st_task_run()
 * returns the code with the record's place; the worker ends or replaces the thread, and the position stays in front of the record.
 *
 * A task begins anew (st_task_create) at its committed marks after an abort; processors are started again, so what they kept in memory
 * is gone, as it would be after a crash.
 *
 * Invariants: processors are started in execution order and stopped in reverse; a view is open only while a record is on its way;
 * `source` points into an input batch that the choice still holds or that was pinned in this call at the earliest.
 */
#include "streams/task.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/error_policy.h"

/* ---- building ----------------------------------------------------------------------------------------------------- */

/* Index of each plan node in the task's contexts. */
static size_t *index_nodes(const struct st_task *task, size_t n_plan_nodes)
{
    const struct st_subtopology *sub = task->subtopology;
    size_t *at = aq_calloc(n_plan_nodes, sizeof(*at));
    for (size_t i = 0; i < sub->n_nodes; i++) at[sub->nodes[i]->index] = i;
    return at;
}

static void build_context(struct st_task *task, size_t i, const size_t *at)
{
    const struct st_plan_node *node = task->subtopology->nodes[i];
    const struct st_serdes *in = &task->shop->serdes->in[node->index];
    struct st_context *context = &task->contexts[i];
    const char *topic = st_plan_node_writes(node);
    AQ_ASSERT(node->node->type != ST_PROCESSOR || node->node->kind->process);
    AQ_ASSERT(node->node->type != ST_SINK || topic || node->node->chooser);
    context->task = task;
    context->node = node;
    context->key_serde = in->key;
    context->value_serde = in->value;
    context->key_tail = in->key ? (uint32_t)st_serde_tail(in->key) : 0;
    if (node->node->type == ST_PROCESSOR) context->kind = node->node->kind;
    if (topic) context->topic = aq_names_intern(task->shop->names, aq_slice_str(topic));
    context->n_children = node->n_children;
    context->children = aq_arena_alloc(&task->arena, node->n_children * sizeof(struct st_context *));
    for (size_t k = 0; k < node->n_children; k++)
        context->children[k] = &task->contexts[at[node->children[k]->index]];
    context->stores = aq_arena_alloc(&task->arena, node->node->n_stores * sizeof(struct st_state *));
    for (size_t k = 0; k < node->node->n_stores; k++)
        context->stores[k] = st_stores_find(task->stores, node->node->stores[k]);
}

/* The serde, if there are bytes it refuses. */
static const struct st_serde *checked(const struct st_serde *serde)
{
    enum st_value_type type = serde ? st_serde_type(serde) : ST_VALUE_BYTES;
    return type == ST_VALUE_BYTES || type == ST_VALUE_STRING ? NULL : serde;
}

static void build_contexts(struct st_task *task)
{
    const struct st_subtopology *sub = task->subtopology;
    size_t *at = index_nodes(task, task->shop->serdes->n);
    task->contexts = aq_arena_zalloc(&task->arena, sub->n_nodes * sizeof(*task->contexts));
    for (size_t i = 0; i < sub->n_nodes; i++) build_context(task, i, at);
    task->sources = aq_arena_zalloc(&task->arena, task->n_feeds * sizeof(struct st_context *));
    task->checks = aq_arena_zalloc(&task->arena, task->n_feeds * sizeof(struct st_serdes));
    for (size_t f = 0; f < task->n_feeds; f++) {
        struct st_context *source = &task->contexts[at[task->feeds[f]->source->index]];
        task->sources[f] = source;
        task->checks[f] = (struct st_serdes){checked(source->key_serde), checked(source->value_serde)};
    }
    free(at);
}

static int start_context(struct st_context *context, struct aq_err *err)
{
    const struct st_node *node = context->node->node;
    int rc = 0;
    if (context->kind && context->kind->start)
        rc = context->kind->start(context, node->user, &context->state, err);
    else if (!context->kind && !context->topic && node->chooser && node->chooser->start)
        rc = node->chooser->start(context, node->user, &context->state, err);
    return rc == 0 ? 0 : aq_err_in(err, "'%s' did not start", context->node->name);
}

static int start_contexts(struct st_task *task, struct aq_err *err)
{
    AQ_ASSERT(task->n_started == 0);
    for (size_t i = 0; i < task->subtopology->n_nodes; i++) {
        int rc = start_context(&task->contexts[i], err);
        if (rc != 0) return aq_err_in(err, "task %s", task->id);
        task->n_started++;
    }
    return 0;
}

static void stop_context(struct st_context *context)
{
    const struct st_node *node = context->node->node;
    if (context->kind && context->kind->stop)
        context->kind->stop(context, context->state);
    else if (!context->kind && !context->topic && node->chooser && node->chooser->stop)
        node->chooser->stop(context, context->state);
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

static void pin(void *user, struct aq_batch *batch)
{
    struct st_task *task = user;
    st_outbox_pin(task->shop->outbox, batch);
}

static const struct st_extractor *extractor_of(const struct st_task *task, const struct st_feed *feed)
{
    static const struct st_extractor *const named[] = {
        &ST_FAIL_ON_INVALID_TIMESTAMP, &ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP,
        &ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP, &ST_WALLCLOCK_TIMESTAMP};
    /* What we wrote into a repartition topic carries the time it was processed with. */
    if (feed->internal) return named[0];
    if (feed->source->node->extractor) return feed->source->node->extractor;
    size_t i = (size_t)task->shop->settings->extractor;
    AQ_ASSERT(i < sizeof(named) / sizeof(named[0]));
    return named[i];
}

static void open_feed(struct st_task *task, struct st_feed *feed, size_t index)
{
    /* Offsets begin at 0 somewhere; st_task_position() knows that this one stood for the beginning of the log. */
    int64_t position = feed->committed.next == KC_OFFSET_EARLIEST ? 0 : feed->committed.next;
    const struct st_choice_partition partition = {.topic = feed->topic,
                                                  .partition = feed->partition,
                                                  .extractor = *extractor_of(task, feed),
                                                  .position = position,
                                                  .partition_ms = feed->committed.time_ms};
    feed->task = task;
    feed->index = index;
    feed->paused = feed->held = false;
    st_choice_open(&task->choice, index, &partition);
}

/* Kafka Streams begins with the largest partition time, too: stream time is not kept by itself. */
static int64_t stored_stream_ms(struct st_feed **feeds, size_t n)
{
    int64_t stream_ms = ST_NO_TIME;
    for (size_t i = 0; i < n; i++)
        if (feeds[i]->committed.time_ms > stream_ms) stream_ms = feeds[i]->committed.time_ms;
    return stream_ms;
}

static void open_feeds(struct st_task *task)
{
    const struct st_settings *settings = task->shop->settings;
    const struct st_choice_conf conf = {
        .max_task_idle_ms = settings->max_task_idle_ms,
        .buffered_records_per_partition = (uint32_t)settings->buffered_records_per_partition,
        .buffered_bytes_per_partition = (uint64_t)st_thread_share(settings, settings->in_flight_bytes),
        .stream_ms = stored_stream_ms(task->feeds, task->n_feeds),
        .release = pin,
        .user = task};
    st_choice_init(&task->choice, &conf);
    for (size_t i = 0; i < task->n_feeds; i++) open_feed(task, task->feeds[i], i);
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

int st_task_create(struct st_shop *shop, const struct st_subtopology *subtopology, int32_t partition,
                   int32_t slot, struct st_feed **feeds, size_t n_feeds, struct st_stores *stores,
                   struct st_task **ret, struct aq_err *err)
{
    AQ_ASSERT(n_feeds > 0 && (subtopology->n_stores == 0 || (stores && stores->ready)));
    struct st_task *task = aq_calloc(1, sizeof(*task));
    *ret = NULL;
    task->shop = shop;
    task->subtopology = subtopology;
    task->partition = partition;
    task->slot = slot;
    task->stores = stores;
    snprintf(task->id, sizeof(task->id), "%u_%d", subtopology->number, partition);
    aq_arena_init(&task->arena, 4096);
    xf_views_init(&task->views);
    task->reading.name = "source";
    task->reading.views = &task->views;
    task->n_feeds = n_feeds;
    task->feeds = aq_arena_alloc(&task->arena, n_feeds * sizeof(struct st_feed *));
    memcpy(task->feeds, feeds, n_feeds * sizeof(struct st_feed *));
    open_feeds(task);
    task->now_ms = st_choice_stream_ms(&task->choice);
    build_contexts(task);
    int rc = start_contexts(task, err);
    if (rc != 0) {
        st_task_destroy(task);
        return rc;
    }
    *ret = task;
    return 0;
}

void st_task_destroy(struct st_task *task)
{
    if (!task) return;
    task->source = NULL;
    task->feed = NULL;
    while (task->n_started > 0) stop_context(&task->contexts[--task->n_started]);
    st_punctuations_finish(&task->punctuations);
    for (size_t i = 0; i < task->n_feeds; i++) {
        st_outbox_forget(task->shop->outbox, task->feeds[i]);
        task->feeds[i]->task = NULL;
        task->feeds[i]->touched = false;
    }
    st_choice_finish(&task->choice);
    xf_views_finish(&task->views);
    aq_arena_finish(&task->arena);
    free(task);
}

void st_task_add(struct st_task *task, struct st_feed *feed, struct aq_batch *batch)
{
    AQ_ASSERT(feed->task == task);
    st_choice_add(&task->choice, feed->index, batch);
}

void st_task_progress(struct st_task *task, struct st_feed *feed, int64_t fetched, int64_t end)
{
    AQ_ASSERT(feed->task == task);
    st_choice_progress(&task->choice, feed->index, fetched, end);
}

struct st_mark st_task_position(const struct st_feed *feed)
{
    AQ_ASSERT(feed->task);
    const struct st_choice *choice = &feed->task->choice;
    int64_t next = st_choice_position(choice, feed->index);
    if (feed->task->failed_feed == feed) next = feed->task->failed_offset;
    /* Nothing was read, and the log may begin later. */
    if (next == 0 && feed->committed.next < 0) next = feed->committed.next;
    return (struct st_mark){.next = next, .time_ms = st_choice_partition_ms(choice, feed->index)};
}

/* ---- one record --------------------------------------------------------------------------------------------------- */

/* Bytes that do not fit their serde. JSON is opened as a view, which the first step that works on fields finds open. */
static int check_part(struct st_task *task, struct aq_record *rec, enum xf_part part,
                      const struct st_serde *serde, struct aq_err *err)
{
    const char *name = part == XF_PART_KEY ? "key" : "value";
    struct aq_slice bytes = part == XF_PART_KEY ? rec->key : rec->value;
    if (aq_slice_is_null(bytes)) return 0;
    if (st_serde_type(serde) == ST_VALUE_JSON) {
        struct doc *doc;
        enum json_type type;
        struct json_error error;
        char text[128];
        if (xf_step_view(&task->reading, rec, part, &doc, &type, &error) != XF_BAD) return 0;
        return aq_fail(err, AQ_E_BAD_RECORD, "the %s is not JSON: %s", name,
                       json_error_text(&error, text, sizeof(text)));
    }
    struct st_value ignored;
    int rc = st_serde_read(serde, bytes, NULL, &ignored, err);
    return rc == 0 ? 0 : aq_err_in(err, "the %s", name);
}

static int enter(struct st_task *task, struct st_context *source, struct aq_record *read, struct aq_err *err)
{
    struct aq_record rec = *read;
    uint16_t n_headers;
    rec.headers = aq_record_headers(read, &n_headers);
    rec.n_headers = n_headers;
    rec.flags = AQ_REC_HEADERS_LOADED | AQ_REC_HEADERS_CHANGED;
    rec.timestamp = task->now_ms;
    rec.time_type = AQ_TIME_CREATE;
    rec.topic = read->batch->topic;
    rec.partition = read->batch->partition;
    rec.batch = &task->shop->outbox->open->batch;
    source->records++;
    const struct st_serdes *checks = &task->checks[task->feed->index];
    int rc = checks->key ? check_part(task, &rec, XF_PART_KEY, checks->key, err) : 0;
    if (rc == 0 && checks->value) rc = check_part(task, &rec, XF_PART_VALUE, checks->value, err);
    bool read_well = rc == 0;
    if (read_well) rc = st_forward(source, &rec, err);
    xf_views_close(&task->views);
    if (read_well) return rc;
    return st_policy_decide(task->shop, ST_STAGE_DESERIALIZATION, read, source->node->name, err);
}

static int process(struct st_task *task, const struct st_chosen *chosen, struct aq_err *err)
{
    task->feed = task->feeds[chosen->index];
    task->source = chosen->record;
    task->now_ms = chosen->timestamp_ms;
    task->policy_asked = false;
    st_outbox_touch(task->shop->outbox, task->feed);
    int rc = enter(task, task->sources[chosen->index], chosen->record, err);
    if (rc == 0) {
        task->shop->tally.processed++;
        return 0;
    }
    if (!task->failed_feed) {
        task->failed_feed = task->feed;
        task->failed_offset = chosen->record->offset;
    }
    return rc;
}

/* What is due by stream time, behind every record as Kafka Streams' test driver has it: so the same input gives the same output however
 * it was batched. */
static int punctuate_stream(struct st_task *task, struct aq_err *err)
{
    int64_t stream_ms = st_choice_stream_ms(&task->choice);
    if (stream_ms < st_punctuate_next_due(&task->punctuations, ST_STREAM_TIME)) return 0;
    int rc = st_punctuate_run(&task->punctuations, ST_STREAM_TIME, stream_ms, err);
    return rc < 0 ? rc : 0;
}

int st_task_run(struct st_task *task, uint32_t max, int64_t now_us, int64_t *ret_until_us, struct aq_err *err)
{
    struct st_chosen chosen = {.until_us = ST_NO_DEADLINE};
    int done = 0;
    *ret_until_us = ST_NO_DEADLINE;
    while ((uint32_t)done < max && !st_outbox_is_full(task->shop->outbox)) {
        int answer = st_choice_next(&task->choice, now_us, task->shop->wall_ms, &chosen, err);
        if (answer < 0) return answer;
        if (answer == ST_CHOICE_WAIT) *ret_until_us = chosen.until_us;
        if (answer != ST_CHOICE_RECORD) break;
        int rc = process(task, &chosen, err);
        if (rc == 0) rc = punctuate_stream(task, err);
        if (rc != 0) return rc;
        done++;
    }
    task->source = NULL;
    return done;
}

/* Outputs of a punctuation belong to no record; the position of the task goes with them, so that the cycle has something to commit. */
static void touch_all(struct st_task *task)
{
    for (size_t i = 0; i < task->n_feeds; i++) st_outbox_touch(task->shop->outbox, task->feeds[i]);
}

int st_task_punctuate(struct st_task *task, struct aq_err *err)
{
    if (task->shop->wall_ms < st_punctuate_next_due(&task->punctuations, ST_WALL_CLOCK)) return 0;
    touch_all(task);
    return st_punctuate_run(&task->punctuations, ST_WALL_CLOCK, task->shop->wall_ms, err);
}

int64_t st_task_changelog_ms(const struct st_task *task)
{
    int64_t stream_ms = st_choice_stream_ms(&task->choice);
    return stream_ms == ST_NO_TIME ? task->shop->wall_ms : stream_ms;
}

int64_t st_task_next_due_ms(const struct st_task *task)
{
    return st_punctuate_next_due(&task->punctuations, ST_WALL_CLOCK);
}

int st_production_error(struct st_shop *shop, struct aq_record *rec, int code, const char *reason,
                        struct aq_err *err)
{
    AQ_ASSERT(code < 0);
    const struct aq_record *source = st_outbox_source(rec);
    aq_fail(err, code, "%s", reason);
    if (rec->topic == shop->dead_letter)
        return st_policy_fail(ST_STAGE_PRODUCTION, source, rec->topic->text, "the dead letter was refused",
                              err);
    uint64_t letters = shop->tally.dead_letters;
    int rc = st_policy_decide(shop, ST_STAGE_PRODUCTION, source, rec->topic->text, err);
    if (rc != 0) return rc;
    if (shop->tally.dead_letters > letters) st_outbox_hold(shop->outbox, st_outbox_flight_of(rec->batch));
    rec->flags |= AQ_REC_DROPPED;
    return 0;
}
