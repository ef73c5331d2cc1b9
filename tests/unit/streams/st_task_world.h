/* SPDX-License-Identifier: Apache-2.0
 *
 * A running task for tests: a topology of test-local processors, its outbox, input batches made in memory, and what lies in the
 * flights. An input batch frees its bytes when it is released, so an output that outlives its input shows under a sanitizer.
 */
#ifndef AQ_TESTS_ST_TASK_WORLD_H
#define AQ_TESTS_ST_TASK_WORLD_H

#include "base/mem.h"
#include "streams/error_policy.h"
#include "streams/task.h"
#include "tests/unit/streams/st_test.h"

#define FEEDS 4

/* One record of an input batch. headers: "name=value name=value", NULL for none. */
struct in {
    const char *key, *value;
    int64_t ms;
    const char *headers;
    bool timeless;
};

struct input {
    struct aq_batch batch;
    struct in *rows; /* copies; their bytes are in `texts` */
    char *texts;
    struct input *next;
    bool released;
};

struct world {
    struct st_topology *topology;
    struct st_plan *plan;
    struct st_findings findings;
    struct st_serdes defaults;
    struct st_serde_flow *flow;
    struct st_settings settings;
    struct aq_names names;
    struct st_outbox outbox;
    struct st_shop shop;
    struct st_feed feeds[FEEDS];
    size_t n_feeds;
    int64_t next[FEEDS]; /* offset of the record that is added next */
    struct st_task *task;
    struct input *inputs;
    int added, released;
    int64_t now_us, until_us;
    struct aq_err err;
    char log[2048];   /* what processors note */
    char acked[1024]; /* feeds whose acked mark moved */
};

/* ---- input batches ------------------------------------------------------------------------------------------------ */

static void load_headers(struct aq_record *rec)
{
    const struct in *row = rec->origin;
    struct words words;
    split(&words, row->headers ? row->headers : "");
    rec->n_headers = (uint16_t)words.count;
    rec->headers = aq_arena_alloc(&rec->batch->arena, (words.count + 1) * sizeof(*rec->headers));
    for (size_t i = 0; i < words.count; i++) {
        const char *equals = strchr(words.list[i], '=');
        assert_non_null(equals);
        struct aq_slice name = {words.list[i], (size_t)(equals - words.list[i])};
        rec->headers[i].name = aq_arena_copy(&rec->batch->arena, name);
        rec->headers[i].value = aq_arena_copy(&rec->batch->arena, aq_slice_str(equals + 1));
    }
}

static const struct aq_batch_source in_memory = {.load_headers = load_headers};

static void take_back(void *ctx, struct aq_batch *batch)
{
    struct world *w = ctx;
    struct input *input = batch->source_data;
    assert_false(input->released);
    input->released = true;
    assert_null(batch->next);
    w->released++;
    aq_batch_finish(batch);
    free(input->texts);
    free(input->rows);
}

static char *put_text(char **at, const char *text)
{
    if (!text) return NULL;
    char *copy = *at;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static size_t text_bytes(const struct in *rows, size_t n)
{
    size_t bytes = 1;
    for (size_t i = 0; i < n; i++)
        bytes +=
            (rows[i].key ? strlen(rows[i].key) + 1 : 0) + (rows[i].value ? strlen(rows[i].value) + 1 : 0);
    return bytes;
}

/* A batch of the feed with these records. */
__attribute__((unused)) static struct input *add_rows(struct world *w, size_t feed, const struct in *rows,
                                                      size_t n)
{
    struct input *input = aq_calloc(1, sizeof(*input));
    struct aq_batch *batch = &input->batch;
    input->next = w->inputs;
    w->inputs = input;
    input->rows = aq_calloc(n, sizeof(*rows));
    char *at = input->texts = aq_malloc(text_bytes(rows, n));
    aq_batch_init(batch, (uint32_t)n);
    batch->topic = w->feeds[feed].topic;
    batch->partition = w->feeds[feed].partition;
    batch->source = &in_memory;
    batch->source_data = input;
    for (size_t i = 0; i < n; i++) {
        input->rows[i] = rows[i];
        struct aq_record *rec = aq_batch_add(batch);
        rec->key = aq_slice_str(put_text(&at, rows[i].key));
        rec->value = aq_slice_str(put_text(&at, rows[i].value));
        rec->timestamp = rows[i].ms;
        rec->time_type = rows[i].timeless ? AQ_TIME_NONE : AQ_TIME_CREATE;
        rec->offset = w->next[feed]++;
        rec->origin = &input->rows[i];
    }
    w->added++;
    st_task_add(w->task, &w->feeds[feed], batch);
    return input;
}

__attribute__((unused)) static struct in row(const char *key, const char *value, int64_t ms)
{
    return (struct in){.key = key, .value = value, .ms = ms};
}

__attribute__((unused)) static struct in row_with(const char *key, const char *value, int64_t ms,
                                                  const char *headers)
{
    return (struct in){.key = key, .value = value, .ms = ms, .headers = headers};
}

/* Its timestamp field holds what it likes. */
__attribute__((unused)) static struct in timeless(const char *key, const char *value)
{
    return (struct in){.key = key, .value = value, .ms = 77, .timeless = true};
}

#define ADD(w, feed, ...)                               \
    add_rows(w, feed, (const struct in[]){__VA_ARGS__}, \
             sizeof((const struct in[]){__VA_ARGS__}) / sizeof(struct in))

/* ---- building ----------------------------------------------------------------------------------------------------- */

static const struct st_serde *serde(const char *name)
{
    struct aq_err err = {0};
    const struct st_serde *found = st_serde_find(name, &err);
    T_CHECK(found != NULL, "%s", err.text);
    return found;
}

__attribute__((unused)) static void begin(struct world *w)
{
    *w = (struct world){.topology = new_topology()};
    w->settings = (struct st_settings){.application_id = "app",
                                       .threads = 1,
                                       .in_flight_bytes = 64 << 20,
                                       .max_task_idle_ms = ST_NEVER_IDLE,
                                       .buffered_records_per_partition = 1000,
                                       .queue_bytes = 1 << 20};
    w->defaults = (struct st_serdes){serde("string"), serde("string")};
    aq_names_init(&w->names);
    st_outbox_init(&w->outbox, take_back, w);
    w->shop = (struct st_shop){.settings = &w->settings,
                               .topology = w->topology,
                               .names = &w->names,
                               .outbox = &w->outbox,
                               .wall_ms = 5000};
}

__attribute__((unused)) static void step(struct world *w, const char *name,
                                         const struct st_processor_kind *kind, void *user,
                                         const char *parents)
{
    struct words words;
    int rc = st_add_processor(w->topology, name, kind, user, parents_of(&words, parents), &w->err);
    T_CHECK(rc == 0, "%s", w->err.text);
}

__attribute__((unused)) static void serdes(struct world *w, const char *node, const char *key,
                                           const char *value)
{
    int rc = st_set_serdes(w->topology, node, key ? serde(key) : NULL, value ? serde(value) : NULL, &w->err);
    T_CHECK(rc == 0, "%s", w->err.text);
}

static void add_feed(struct world *w, const struct st_plan_node *node, const char *topic)
{
    assert_true(w->n_feeds < FEEDS);
    struct st_feed *feed = &w->feeds[w->n_feeds++];
    *feed = (struct st_feed){.topic = aq_names_intern(&w->names, aq_slice_str(topic)),
                             .source = node,
                             .internal = node->node->type == ST_REPARTITION,
                             .committed = {.next = 0, .time_ms = ST_NO_TIME}};
}

/* Plan, serdes and feeds of the sub-topology; partition 0 of each of its topics. */
__attribute__((unused)) static void prepare(struct world *w, uint32_t subtopology)
{
    w->plan = st_plan_create(w->topology, &w->err);
    T_CHECK(w->plan != NULL, "%s", w->err.text);
    st_findings_init(&w->findings);
    w->flow = st_serde_flow_create(w->plan, w->defaults, &w->findings);
    T_CHECK(w->flow != NULL, "%zu findings", w->findings.errors);
    w->shop.serdes = w->flow;
    const struct st_subtopology *sub = &w->plan->subtopologies[subtopology];
    for (size_t i = 0; i < sub->n_sources; i++) {
        const struct st_plan_node *node = sub->sources[i];
        if (node->node->type == ST_REPARTITION) add_feed(w, node, node->node->topic);
        for (size_t t = 0; t < node->node->n_topics; t++) add_feed(w, node, node->node->topics[t]);
    }
}

/* Where the feed begins. */
__attribute__((unused)) static void committed(struct world *w, size_t feed, int64_t next, int64_t time_ms)
{
    w->feeds[feed].committed = (struct st_mark){next, time_ms};
    w->next[feed] = next > 0 ? next : 0;
}

__attribute__((unused)) static int try_create(struct world *w, uint32_t subtopology)
{
    struct st_feed *feeds[FEEDS];
    for (size_t i = 0; i < w->n_feeds; i++) feeds[i] = &w->feeds[i];
    return st_task_create(&w->shop, &w->plan->subtopologies[subtopology], 0, 0, feeds, w->n_feeds, NULL,
                          &w->task, &w->err);
}

__attribute__((unused)) static void start(struct world *w)
{
    if (!w->plan) prepare(w, 0);
    T_CHECK(try_create(w, 0) == 0, "%s", w->err.text);
}

/* The tests' own processors are given the world. */
static struct world *world_of(struct st_context *context)
{
    return (struct world *)((char *)context->task->shop - offsetof(struct world, shop));
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

__attribute__((unused)) static int run(struct world *w)
{
    return st_task_run(w->task, UINT32_MAX, w->now_us, &w->until_us, &w->err);
}

__attribute__((unused)) static void run_all(struct world *w)
{
    T_CHECK(run(w) >= 0, "%s", w->err.text);
}

static void note_acked(void *ctx, struct st_feed *feed)
{
    struct world *w = ctx;
    t_note(w->acked, sizeof(w->acked), "%s:%lld@%lld", feed->topic->text, (long long)feed->acked.next,
           (long long)feed->acked.time_ms);
}

__attribute__((unused)) static void through(struct world *w, struct st_flight *flight)
{
    st_outbox_through(&w->outbox, flight, note_acked, w);
}

/* Closes the open flight and hands it over. */
__attribute__((unused)) static struct st_flight *send(struct world *w)
{
    st_outbox_close(&w->outbox, st_task_position);
    struct st_flight *flight = st_outbox_next(&w->outbox);
    if (flight) st_outbox_sent(&w->outbox, flight);
    return flight;
}

static void note_text(char *log, size_t size, const struct aq_record *rec)
{
    const char *key = rec->key.ptr ? rec->key.ptr : "null", *value = rec->value.ptr ? rec->value.ptr : "null";
    int key_len = rec->key.ptr ? (int)rec->key.len : 4, value_len = rec->value.ptr ? (int)rec->value.len : 4;
    t_note(log, size, "%s:%.*s=%.*s@%lld", rec->topic->text, key_len, key, value_len, value,
           (long long)rec->timestamp);
}

/* What the open flight holds, "out:k=v@10 out:k2=v2@20". It stays open. */
__attribute__((unused)) static void expect_open(struct world *w, const char *text)
{
    char log[4096] = "";
    const struct aq_batch *batch = &w->outbox.open->batch;
    for (uint32_t i = 0; i < batch->n; i++) note_text(log, sizeof(log), &batch->records[i]);
    assert_string_equal(log, text);
}

/* The same, and the flight is sent and acknowledged. */
__attribute__((unused)) static void expect_out(struct world *w, const char *text)
{
    expect_open(w, text);
    struct st_flight *flight = send(w);
    if (flight) through(w, flight);
}

__attribute__((unused)) static void expect_log(struct world *w, const char *text)
{
    assert_string_equal(w->log, text);
    w->log[0] = '\0';
}

__attribute__((unused)) static struct aq_record *made(struct world *w, uint32_t i)
{
    assert_true(i < w->outbox.open->batch.n);
    return &w->outbox.open->batch.records[i];
}

/* "name=value name=value". */
__attribute__((unused)) static void expect_headers(const struct aq_record *rec, const char *text)
{
    char log[2048] = "";
    for (uint16_t i = 0; i < rec->n_headers; i++)
        t_note(log, sizeof(log), "%s=%.*s", rec->headers[i].name.ptr, (int)rec->headers[i].value.len,
               rec->headers[i].value.ptr);
    assert_string_equal(log, text);
}

/* Everything that was given comes back, exactly once. */
__attribute__((unused)) static void finish(struct world *w)
{
    st_task_destroy(w->task);
    st_outbox_finish(&w->outbox);
    assert_int_equal(w->released, w->added);
    for (struct input *next, *input = w->inputs; input; input = next) {
        next = input->next;
        free(input);
    }
    st_serde_flow_destroy(w->flow);
    st_findings_finish(&w->findings);
    st_plan_destroy(w->plan);
    st_topology_destroy(w->topology);
    aq_names_finish(&w->names);
}

/* ---- processors --------------------------------------------------------------------------------------------------- */

static int pass_on(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    return st_forward(context, rec, err);
}

__attribute__((unused)) static const struct st_processor_kind pass_kind = {.name = "pass",
                                                                           .process = pass_on};

/* Puts the node's name behind the value. */
static int append_name(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    st_settle(context, rec);
    rec->value = aq_slice_str(aq_arena_printf(st_arena(context), "%.*s+%s", (int)rec->value.len,
                                              rec->value.ptr, context->node->name));
    return st_forward(context, rec, err);
}

__attribute__((unused)) static const struct st_processor_kind append_kind = {.name = "append",
                                                                             .process = append_name};

static int drop_it(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)context;
    (void)state;
    (void)rec;
    (void)err;
    return 0;
}

__attribute__((unused)) static const struct st_processor_kind drop_kind = {.name = "drop",
                                                                           .process = drop_it};

/* Notes the node's name and fails records whose value holds "bad"; hands the others on. */
static int fail_bad(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    struct world *w = world_of(context);
    t_note(w->log, sizeof(w->log), "%s:%.*s", context->node->name, (int)rec->value.len, rec->value.ptr);
    if (rec->value.len >= 3 && memcmp(rec->value.ptr, "bad", 3) == 0)
        return aq_fail(err, AQ_E_BAD_RECORD, "it is bad");
    return st_forward(context, rec, err);
}

__attribute__((unused)) static const struct st_processor_kind fail_kind = {.name = "fail",
                                                                           .process = fail_bad};

#endif
