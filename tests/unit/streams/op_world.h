/* SPDX-License-Identifier: Apache-2.0
 *
 * One task of a configured topology, fed by hand: the nodes in `topology` must read the topic "in" and may write any. What they
 * write is kept as text, "TOPIC KEY=VALUE@TIMESTAMP" for each record, numbers written out, null as "-".
 */
#ifndef AQ_TESTS_OP_WORLD_H
#define AQ_TESTS_OP_WORLD_H

#include <inttypes.h>

#include "base/mem.h"
#include "cli/config.h"
#include "streams/task.h"
#include "tests/lib/check.h"

struct world {
    struct cli_config config;
    struct aq_names names;
    struct st_outbox outbox;
    struct st_shop shop;
    struct st_feed feed;
    struct st_task *task;
    int64_t offset;
    uint32_t shown; /* records of the open flight that were told */
    struct aq_err err;
    char told[4096];
};

static inline void give_back(void *ctx, struct aq_batch *batch)
{
    (void)ctx;
    aq_batch_finish(batch);
    free(batch);
}

static inline const struct st_plan_node *plan_node(const struct world *w, enum st_node_type type)
{
    const struct st_plan *plan = w->config.streams.plan;
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (plan->nodes[i].node->type == type) return &plan->nodes[i];
    return NULL;
}

/* settings: more lines of the streams group. */
static inline int world_try(struct world *w, const char *settings, const char *topology)
{
    memset(w, 0, sizeof(*w));
    char *text = t_printf("transforms = { tidy = { type = \"ReplaceField\"; exclude = [\"debug\"]; };\n"
                          "  keep = { type = \"Lua\"; where = \"value.n > 1\"; };\n"
                          "  away = { type = \"Lua\"; route = \"'elsewhere'\"; }; };\n"
                          "streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\";\n"
                          "default_key_serde = \"string\"; default_value_serde = \"json\"; %s\n"
                          "topology = {\n%s\n}; };\n",
                          settings, topology);
    cli_config_load(&w->config, "t.conf", text, NULL, 0);
    if (w->config.diags.count > 0) conf_diags_print(&w->config.diags, stderr);
    T_CHECK(w->config.diags.errors == 0, "%s", text);
    free(text);
    aq_names_init(&w->names);
    st_outbox_init(&w->outbox, give_back, w);
    w->shop = (struct st_shop){.settings = &w->config.settings,
                               .topology = w->config.streams.topology,
                               .names = &w->names,
                               .outbox = &w->outbox,
                               .serdes = w->config.streams.serdes,
                               .wall_ms = 1000000};
    w->feed = (struct st_feed){.topic = aq_names_intern(&w->names, AQ_LIT("in")),
                               .source = plan_node(w, ST_SOURCE),
                               .end = -1,
                               .committed = {.next = 0, .time_ms = ST_NO_TIME}};
    struct st_feed *feeds[] = {&w->feed};
    return st_task_create(&w->shop, &w->config.streams.plan->subtopologies[0], 0, 0, feeds, 1, NULL, &w->task,
                          &w->err);
}

static inline void world_open(struct world *w, const char *topology)
{
    int rc = world_try(w, "", topology);
    T_CHECK(rc == 0, "%s", w->err.text);
}

static inline void tell_part(struct world *w, struct aq_slice bytes, const struct st_serde *serde)
{
    struct st_value value = {.type = ST_VALUE_NULL};
    struct json_fields fields = {0};
    enum st_value_type type = st_serde_type(serde);
    if (aq_slice_is_null(bytes))
        t_note(w->told, sizeof(w->told), "-");
    else if (type == ST_VALUE_STRING || type == ST_VALUE_JSON || type == ST_VALUE_BYTES)
        t_note(w->told, sizeof(w->told), "%.*s", (int)bytes.len, bytes.ptr);
    else if (st_serde_read(serde, bytes, &fields, &value, &w->err) != 0)
        t_note(w->told, sizeof(w->told), "?");
    else if (type == ST_VALUE_INT64)
        t_note(w->told, sizeof(w->told), "%" PRId64, value.integer);
    else
        t_note(w->told, sizeof(w->told), "%g", value.number);
}

static inline void tell_new(struct world *w)
{
    const struct st_plan_node *sink = plan_node(w, ST_SINK);
    const struct aq_batch *batch = &w->outbox.open->batch;
    for (; w->shown < batch->n; w->shown++) {
        const struct aq_record *rec = &batch->records[w->shown];
        t_note(w->told, sizeof(w->told), "%s", rec->topic->text);
        tell_part(w, rec->key, w->shop.serdes->in[sink->index].key);
        tell_part(w, rec->value, w->shop.serdes->in[sink->index].value);
        t_note(w->told, sizeof(w->told), "@%" PRId64, rec->timestamp);
    }
}

/* Bytes that may hold zeros. Returns what st_task_run() says. */
static inline int feed_bytes(struct world *w, struct aq_slice key, struct aq_slice value, int64_t timestamp)
{
    struct aq_batch *batch = aq_calloc(1, sizeof(*batch));
    aq_batch_init(batch, 1);
    batch->topic = w->feed.topic;
    batch->partition = 0;
    struct aq_record *rec = aq_batch_add(batch);
    rec->key = aq_arena_copy(&batch->arena, key);
    rec->value = aq_arena_copy(&batch->arena, value);
    rec->timestamp = timestamp;
    rec->time_type = AQ_TIME_CREATE;
    rec->offset = w->offset++;
    rec->flags = AQ_REC_HEADERS_LOADED;
    w->told[0] = '\0';
    aq_err_clear(&w->err);
    st_task_add(w->task, &w->feed, batch);
    int64_t until;
    int rc = st_task_run(w->task, 100, 1000, &until, &w->err);
    tell_new(w);
    return rc;
}

static inline int feed(struct world *w, const char *key, const char *value, int64_t timestamp)
{
    return feed_bytes(w, aq_slice_str(key), aq_slice_str(value), timestamp);
}

/* What one record becomes. */
#define EXPECT(w, key, value, timestamp, expected)                                        \
    do {                                                                                  \
        int rc_ = feed(w, key, value, timestamp);                                         \
        T_CHECK(rc_ == 1, "%s", (w)->err.text);                                           \
        T_CHECK(strcmp((w)->told, expected) == 0, "'%s', not '%s'", (w)->told, expected); \
    } while (0)

/* A record that the task fails on, with this in the reason. */
#define EXPECT_FAILS(w, key, value, reason)                                                  \
    do {                                                                                     \
        int rc_ = feed(w, key, value, 1);                                                    \
        T_CHECK(rc_ == AQ_E_BAD_RECORD, "%d: %s (%s)", rc_, (w)->err.text, (w)->told);       \
        T_CHECK(strstr((w)->err.text, reason), "'%s' is not in: %s", reason, (w)->err.text); \
    } while (0)

static inline void world_close(struct world *w)
{
    st_task_destroy(w->task);
    st_outbox_clear(&w->outbox);
    st_outbox_finish(&w->outbox);
    aq_names_finish(&w->names);
    cli_config_finish(&w->config);
}

#endif
