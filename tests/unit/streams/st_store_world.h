/* SPDX-License-Identifier: Apache-2.0
 *
 * One aggregation with its stores, run by hand: records go in, and what goes on is kept as text, one word for each record:
 *
 *   A=0+1@5        key, value, timestamp; "-" is null
 *   A[0]=0+1@5     a window that starts at 0
 *   A[0,5]=…       a session from 0 to 5
 *   A=0+1@5(0)     with "(OLD)" when the row was something before
 *
 * Aggregators of its own: text begins with "0" and grows by "+VALUE" (null values by "+-"); two texts are merged "(a|b)"; the value "!"
 * makes the row go away, "?" is refused.
 */
#ifndef AQ_TESTS_ST_STORE_WORLD_H
#define AQ_TESTS_ST_STORE_WORLD_H

#include "base/mem.h"
#include "streams/ops/aggregation.h"
#include "streams/state/db.h"
#include "streams/task.h"
#include "streams/serde/windowed_key.h"
#include "tests/lib/check.h"

#define WORLD_INPUTS 2

struct store_world {
    struct st_db *db;
    struct st_db_batch *batch;
    struct st_state states[2];
    size_t n_states;
    struct st_topology *topology;
    struct aq_names names;
    struct st_outbox outbox;
    struct st_settings settings;
    struct st_shop shop;
    struct st_task task;
    struct st_aggregate op;
    bool windowed;
    struct st_plan_node plan[2 + WORLD_INPUTS];
    struct st_context aggregation, collector, inputs[WORLD_INPUTS];
    struct st_context *to_collector[1], *to_aggregation[1];
    struct st_state *stores[2];
    size_t n_inputs;
    uint64_t cache_bytes;
    struct aq_err err;
    char told[8192];
    const char *headers; /* of the last record told; "" for none */
};

/* ---- aggregators ---------------------------------------------------------------------------------------------------- */

/* What runs: results lie in memory that is given back with the next one, so that who keeps one shows under a sanitizer. */
struct text_running {
    const char *sign;
    char *last;
};

static inline struct aq_slice text_made(struct text_running *running, char *text)
{
    free(running->last);
    running->last = text;
    return aq_slice_str(text);
}

static inline int text_start(struct st_context *context, void *user, void **ret_running, struct aq_err *err)
{
    (void)context;
    (void)err;
    struct text_running *running = aq_calloc(1, sizeof(*running));
    running->sign = user;
    *ret_running = running;
    return 0;
}

static inline void text_stop(void *state)
{
    struct text_running *running = state;
    free(running->last);
    free(running);
}

static inline int text_add(struct st_context *context, void *state, struct aq_record *rec,
                           struct aq_slice acc, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    struct text_running *running = state;
    struct aq_slice value = aq_slice_is_null(rec->value) ? AQ_LIT("-") : rec->value;
    if (aq_slice_equal(value, AQ_LIT("?"))) return aq_fail(err, AQ_E_BAD_RECORD, "it cannot be added");
    *ret = AQ_NULL_SLICE;
    if (aq_slice_equal(value, AQ_LIT("!"))) return 0;
    if (aq_slice_is_null(acc)) acc = AQ_LIT("0");
    *ret = text_made(running,
                     t_printf("%.*s%s%.*s", (int)acc.len, acc.ptr, running->sign, (int)value.len, value.ptr));
    return 0;
}

static inline int text_merge(struct st_context *context, void *state, struct aq_slice key, struct aq_slice a,
                             struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)key;
    (void)err;
    *ret = text_made(state, t_printf("(%.*s|%.*s)", (int)a.len, a.ptr, (int)b.len, b.ptr));
    return 0;
}

static const struct st_aggregator_kind text_kind = {
    .name = "text", .start = text_start, .stop = text_stop, .add = text_add, .merge = text_merge};
static char plus[] = "+", minus[] = "-";

/* The first value, handed back as it lies in the store, with a result of its own: "<value>". */
static inline int first_add(struct st_context *context, void *running, struct aq_record *rec,
                            struct aq_slice acc, struct aq_slice *ret, struct aq_err *err)
{
    (void)context;
    (void)running;
    (void)err;
    *ret = aq_slice_is_null(acc) ? rec->value : acc;
    if (aq_slice_equal(rec->value, AQ_LIT("!"))) *ret = AQ_NULL_SLICE;
    return 0;
}

static inline int first_result(struct st_context *context, void *running, struct aq_slice acc,
                               struct aq_slice *ret, struct aq_err *err)
{
    (void)running;
    (void)err;
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "<%.*s>", (int)acc.len, acc.ptr));
    return 0;
}

__attribute__((unused)) static const struct st_aggregator_kind first_kind = {
    .name = "first", .add = first_add, .result = first_result};

/* ---- what goes on --------------------------------------------------------------------------------------------------- */

static inline void tell_slice(char *to, size_t size, struct aq_slice s)
{
    size_t used = strlen(to);
    snprintf(to + used, size - used, "%.*s", s.ptr ? (int)s.len : 1, s.ptr ? s.ptr : "-");
}

static inline void tell_key(const struct store_world *w, char *to, size_t size, struct aq_slice bytes)
{
    struct st_windowed_key key;
    struct aq_err err;
    if (!w->windowed) {
        tell_slice(to, size, bytes);
        return;
    }
    bool session = w->op.windows.kind == ST_SESSION;
    int rc = st_windowed_key_decode(session ? ST_KEY_SESSION : ST_KEY_TIME, bytes, &key, &err);
    T_CHECK(rc == 0, "%s", err.text);
    tell_slice(to, size, key.key);
    size_t used = strlen(to);
    if (session)
        snprintf(to + used, size - used, "[%lld,%lld]", (long long)key.start, (long long)key.end);
    else
        snprintf(to + used, size - used, "[%lld]", (long long)key.start);
}

static inline int collect(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct store_world *w = state;
    const struct st_row row = st_row(context);
    char text[512] = "";
    (void)err;
    tell_key(w, text, sizeof(text), rec->key);
    strcat(text, "=");
    tell_slice(text, sizeof(text), rec->value);
    snprintf(text + strlen(text), 32, "@%lld", (long long)rec->timestamp);
    if (!aq_slice_is_null(row.old)) {
        strcat(text, "(");
        tell_slice(text, sizeof(text), row.old);
        strcat(text, ")");
    }
    assert_true(row.known);
    t_note(w->told, sizeof(w->told), "%s", text);
    w->headers = rec->n_headers > 0 ? rec->headers[0].name.ptr : "";
    return 0;
}

static const struct st_processor_kind collector_kind = {.name = "collect", .process = collect};

/* ---- building --------------------------------------------------------------------------------------------------------- */

static inline void open_states(struct store_world *w)
{
    const struct st_node *node = w->plan[0].node;
    w->n_states = node->n_stores;
    for (size_t i = 0; i < w->n_states; i++) {
        const struct st_state_conf conf = {.kind = &st_db_memory,
                                           .db = w->db,
                                           .family = node->stores[i]->name,
                                           .rest_len = node->stores[i]->conf.rest_len,
                                           .cache_bytes = w->cache_bytes};
        T_CHECK(st_state_open(&w->states[i], &conf, &w->err) == 0, "%s", w->err.text);
        w->stores[i] = &w->states[i];
    }
}

static inline void close_states(struct store_world *w)
{
    for (size_t i = 0; i < w->n_states; i++) st_state_close(&w->states[i]);
}

static inline void start_one(struct store_world *w, struct st_context *context)
{
    void *user = context->node->node->user;
    int rc = context->kind->start(context, user, &context->state, &w->err);
    T_CHECK(rc == 0, "%s", w->err.text);
}

static inline void start_all(struct store_world *w)
{
    for (size_t i = 0; i < w->n_inputs; i++) start_one(w, &w->inputs[i]);
    start_one(w, &w->aggregation);
}

static inline void stop_all(struct store_world *w)
{
    w->aggregation.kind->stop(&w->aggregation, w->aggregation.state);
    for (size_t i = 0; i < w->n_inputs; i++) w->inputs[i].kind->stop(&w->inputs[i], w->inputs[i].state);
}

static inline void put_context(struct store_world *w, struct st_context *context, size_t place,
                               const char *name)
{
    struct st_node *node = st_find_node(w->topology, name);
    assert_non_null(node);
    w->plan[place] = (struct st_plan_node){.node = node, .name = node->name};
    *context = (struct st_context){.task = &w->task, .node = &w->plan[place], .kind = node->kind};
}

static inline void add_node(struct store_world *w, const char *name, const struct st_processor_kind *kind,
                            void *user, const char *const *parents, size_t n)
{
    const struct st_parents of = {.names = parents, .count = n};
    int rc = st_add_processor(w->topology, name, kind, user, of, &w->err);
    T_CHECK(rc == 0, "%s", w->err.text);
}

static inline void build_topology(struct store_world *w)
{
    static struct st_aggregator adders[WORLD_INPUTS] = {{.kind = &text_kind, .user = plus},
                                                        {.kind = &text_kind, .user = minus}};
    static const char *const names[] = {"in", "a", "b", "totals"};
    const struct st_source_conf source = {.topics = names, .n_topics = 1};
    w->topology = st_topology_create("app", &w->err);
    assert_non_null(w->topology);
    assert_int_equal(st_add_source(w->topology, "in", &source, &w->err), 0);
    for (size_t i = 0; i < w->n_inputs; i++)
        add_node(w, names[1 + i], &st_cogroup_input_kind, &adders[i], names, 1);
    const struct st_processor_kind *kind =
        st_aggregate_kind_of(w->windowed ? &w->op.windows : NULL, w->n_inputs > 0);
    add_node(w, "totals", kind, &w->op, w->n_inputs ? &names[1] : names, w->n_inputs ? w->n_inputs : 1);
    add_node(w, "collect", &collector_kind, NULL, &names[3], 1);
    int rc = st_aggregate_add_stores(w->topology, "totals", "totals", &w->op, w->windowed,
                                     (struct st_store_conf){.uncached = w->cache_bytes == 0}, &w->err);
    T_CHECK(rc == 0, "%s", w->err.text);
}

static inline void no_batches(void *ctx, struct aq_batch *batch)
{
    (void)ctx;
    (void)batch;
}

/* op: without an aggregator it gets text. cache_bytes 0: not cached. */
static inline void world_open(struct store_world *w, const struct st_aggregate *op, bool windowed,
                              uint64_t cache_bytes, size_t n_inputs)
{
    static const struct st_db_conf in_memory = {0};
    *w = (struct store_world){
        .op = *op, .windowed = windowed, .cache_bytes = cache_bytes, .n_inputs = n_inputs, .headers = ""};
    if (!w->op.aggregator.kind) w->op.aggregator = (struct st_aggregator){.kind = &text_kind, .user = plus};
    if (windowed) {
        st_windows_complete(&w->op.windows, w->op.compat);
        T_CHECK(st_windows_check(&w->op.windows, NULL, &w->err) == 0, "%s", w->err.text);
    }
    assert_int_equal(st_db_memory.open(&in_memory, &w->db, &w->err), 0);
    w->batch = st_db_memory.batch(w->db);
    build_topology(w);
    aq_names_init(&w->names);
    st_outbox_init(&w->outbox, no_batches, w);
    w->settings.cache_bytes = (int64_t)cache_bytes;
    w->shop = (struct st_shop){.settings = &w->settings,
                               .topology = w->topology,
                               .names = &w->names,
                               .outbox = &w->outbox,
                               .wall_ms = 1000000};
    w->task.shop = &w->shop;
    w->task.choice.stream_ms = ST_NO_TIME;
    aq_arena_init(&w->task.arena, 1024);
    xf_views_init(&w->task.views);
    put_context(w, &w->aggregation, 0, "totals");
    put_context(w, &w->collector, 1, "collect");
    w->collector.state = w;
    w->to_collector[0] = &w->collector;
    w->to_aggregation[0] = &w->aggregation;
    w->aggregation.children = w->to_collector;
    w->aggregation.n_children = 1;
    w->aggregation.stores = w->stores;
    for (size_t i = 0; i < n_inputs; i++) {
        put_context(w, &w->inputs[i], 2 + i, i == 0 ? "a" : "b");
        w->inputs[i].children = w->to_aggregation;
        w->inputs[i].n_children = 1;
    }
    open_states(w);
    start_all(w);
}

static inline void world_close(struct store_world *w)
{
    stop_all(w);
    close_states(w);
    st_punctuations_finish(&w->task.punctuations);
    xf_views_finish(&w->task.views);
    aq_arena_finish(&w->task.arena);
    st_outbox_finish(&w->outbox);
    aq_names_finish(&w->names);
    st_topology_destroy(w->topology);
    st_db_memory.batch_destroy(w->batch);
    st_db_memory.close(w->db);
}

/* ---- running ---------------------------------------------------------------------------------------------------------- */

static inline int put_record(struct store_world *w, struct st_context *context, const char *key,
                             const char *value, int64_t ms)
{
    static struct aq_header header = {.name = {"h", 1}, .value = {"v", 1}};
    struct aq_record rec = {.key = aq_slice_str(key),
                            .value = aq_slice_str(value),
                            .timestamp = ms,
                            .time_type = AQ_TIME_CREATE,
                            .flags = AQ_REC_HEADERS_LOADED,
                            .headers = &header,
                            .n_headers = 1,
                            .batch = &w->outbox.open->batch};
    if (ms > w->task.choice.stream_ms) w->task.choice.stream_ms = ms;
    w->task.now_ms = ms;
    aq_err_clear(&w->err);
    context->records++;
    return context->kind->process(context, context->state, &rec, &w->err);
}

static inline void feed(struct store_world *w, const char *key, const char *value, int64_t ms)
{
    int rc = put_record(w, &w->aggregation, key, value, ms);
    T_CHECK(rc == 0, "%s", w->err.text);
}

static inline void expect_told(struct store_world *w, const char *expected)
{
    T_CHECK(strcmp(w->told, expected) == 0, "'%s', not '%s'", w->told, expected);
    w->told[0] = '\0';
}

/* What one record becomes. */
#define EXPECT(w, key, value, ms, expected) \
    do {                                    \
        feed(w, key, value, ms);            \
        expect_told(w, expected);           \
    } while (0)

static inline void flush_all(struct store_world *w)
{
    struct st_context *context = &w->aggregation;
    int rc = context->kind->flush(context, context->state, &w->err);
    T_CHECK(rc == 0, "%s", w->err.text);
}

/* The cycle is flushed, sealed and durable. */
static inline void commit(struct store_world *w)
{
    flush_all(w);
    for (size_t i = 0; i < w->n_states; i++) {
        st_table_seal(&w->states[i].table);
        st_state_write(&w->states[i], w->batch);
    }
    assert_int_equal(st_db_memory.batch_write(w->batch, &w->err), 0);
    for (size_t i = 0; i < w->n_states; i++) {
        st_table_committed(&w->states[i].table);
        st_state_trim(&w->states[i]);
    }
}

/* As an abort, or a crash, has it: what was not committed is gone. stream_ms: as the positions have it. */
static inline void restart(struct store_world *w, int64_t stream_ms)
{
    stop_all(w);
    close_states(w);
    w->task.choice.stream_ms = stream_ms;
    open_states(w);
    start_all(w);
}

/* Moves the wall clock, and calls what is due. */
static inline void let_pass(struct store_world *w, int64_t ms)
{
    w->shop.wall_ms += ms;
    int rc = st_punctuate_run(&w->task.punctuations, ST_WALL_CLOCK, w->shop.wall_ms, &w->err);
    T_CHECK(rc >= 0, "%s", w->err.text);
}

static inline void expect_counts(const struct store_world *w, uint64_t dropped, uint64_t late)
{
    T_CHECK(w->aggregation.dropped == dropped, "%llu", (unsigned long long)w->aggregation.dropped);
    T_CHECK(w->aggregation.late == late, "%llu", (unsigned long long)w->aggregation.late);
}

#endif
