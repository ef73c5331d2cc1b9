/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress, row by row, behind a table that a test fills: what comes in is what an aggregation would hand on. Keys of windows are
 * written "k@START" and "k@START/END". The rows are those of Kafka Streams' SuppressScenarioTest where there is one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "streams/op_suppress.h"
#include "streams/windowed_key.h"
#include "tests/lib/check.h"
#include "tests/unit/streams/st_engine.h"

#define BASE 1000 /* added to the times of rows: 0 is not written as such */

struct world {
    struct engine engine;
    struct st_suppress suppress;
    bool show_old; /* results as "NEW(OLD)" */
    char told[8192];
};

/* ---- the table in front ---------------------------------------------------------------------------------------------- */

struct known {
    char key[32];
    char value[32]; /* "": null */
};

struct rows {
    struct known known[600];
    size_t n;
};

static int start_rows(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    *ret_state = aq_calloc(1, sizeof(struct rows));
    return 0;
}

static void stop_rows(struct st_context *context, void *state)
{
    (void)context;
    free(state);
}

static struct known *find_known(struct rows *rows, struct aq_slice key)
{
    for (size_t i = 0; i < rows->n; i++)
        if (aq_slice_equal(aq_slice_str(rows->known[i].key), key)) return &rows->known[i];
    struct known *known = &rows->known[rows->n++];
    snprintf(known->key, sizeof(known->key), "%.*s", (int)key.len, key.ptr);
    return known;
}

static struct aq_slice window_of(const struct st_suppress *suppress, const char *text, struct aq_arena *arena)
{
    const char *at = strchr(text, '@');
    if (!at) return aq_arena_copy(arena, aq_slice_str(text));
    char *end = NULL;
    struct st_windowed_key key = {.key = {text, (size_t)(at - text)},
                                  .start = BASE + strtoll(at + 1, &end, 10)};
    if (*end == '/') key.end = BASE + strtoll(end + 1, NULL, 10);
    bool session = suppress->until == ST_SUPPRESS_SESSION_WINDOW;
    return st_windowed_key_encode(session ? ST_KEY_SESSION : ST_KEY_TIME, &key, arena);
}

static int change_row(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    struct known *known = find_known(state, rec->key);
    struct aq_slice old =
        known->value[0] ? aq_arena_copy(st_arena(context), aq_slice_str(known->value)) : AQ_NULL_SLICE;
    const struct st_row row = {.old = old, .known = true, .is_latest = true};
    snprintf(known->value, sizeof(known->value), "%.*s", (int)rec->value.len,
             rec->value.ptr ? rec->value.ptr : "");
    rec->key = window_of(context->node->node->user, known->key, st_arena(context));
    return st_forward_row(context, rec, &row, err);
}

static const struct st_processor_kind table_kind = {
    .name = "rows", .start = start_rows, .process = change_row, .stop = stop_rows};

/* ---- what comes out -------------------------------------------------------------------------------------------------- */

static const char *window_text(const struct st_suppress *suppress, struct aq_slice bytes,
                               struct aq_arena *arena)
{
    struct st_windowed_key key;
    struct aq_err err = {0};
    bool session = suppress->until == ST_SUPPRESS_SESSION_WINDOW;
    if (suppress->until == ST_SUPPRESS_TIME_LIMIT)
        return aq_arena_printf(arena, "%.*s", (int)bytes.len, bytes.ptr);
    int rc = st_windowed_key_decode(session ? ST_KEY_SESSION : ST_KEY_TIME, bytes, &key, &err);
    T_CHECK(rc == 0, "%s", err.text);
    if (session)
        return aq_arena_printf(arena, "%.*s@%" PRId64 "/%" PRId64, (int)key.key.len, key.key.ptr,
                               key.start - BASE, key.end - BASE);
    return aq_arena_printf(arena, "%.*s@%" PRId64, (int)key.key.len, key.key.ptr, key.start - BASE);
}

static int show_row(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
{
    (void)state;
    const struct world *w = context->node->node->user;
    struct aq_arena *arena = st_arena(context);
    const struct st_row row = st_row(context);
    rec->key = aq_slice_str(window_text(&w->suppress, rec->key, arena));
    if (w->show_old)
        rec->value = aq_slice_str(
            aq_arena_printf(arena, "%.*s(%.*s)", rec->value.ptr ? (int)rec->value.len : 1,
                            rec->value.ptr ? rec->value.ptr : "-", row.old.ptr ? (int)row.old.len : 1,
                            row.old.ptr ? row.old.ptr : "-"));
    T_CHECK(row.known, "nobody knows what the row was");
    return st_forward(context, rec, err);
}

static const struct st_processor_kind show_kind = {.name = "show", .process = show_row};

/* ---- the world ------------------------------------------------------------------------------------------------------- */

static void open_suppress(struct world *w)
{
    struct engine *e = &w->engine;
    engine_init(e, ST_EXACTLY_ONCE);
    e->wall_ms = 1000000;
    engine_source(e, "in", "in");
    engine_good(
        e, st_add_processor(e->topology, "rows", &table_kind, &w->suppress, engine_parent("in"), &e->err));
    engine_good(e, st_add_suppress(e->topology, "held", &w->suppress, "rows", NULL, &e->err));
    engine_good(e, st_add_processor(e->topology, "show", &show_kind, w, engine_parent("held"), &e->err));
    engine_sink(e, "out", "out", "show");
    engine_start(e);
}

static void open_window(struct world *w, enum st_suppress_until until, int64_t size, int64_t wait)
{
    *w = (struct world){.suppress = {.until = until, .size_ms = size, .wait_ms = wait}};
    open_suppress(w);
}

static void close_suppress(struct world *w)
{
    engine_stop(&w->engine);
}

static int pipe_row(struct world *w, const char *key, const char *value, int64_t timestamp)
{
    const struct aq_header headers[] = {{AQ_LIT("h"), aq_slice_str(value)}};
    const struct kc_sim_record rec = {.partition = 0,
                                      .key = aq_slice_str(key),
                                      .value = aq_slice_str(value),
                                      .timestamp = BASE + timestamp,
                                      .headers = headers,
                                      .n_headers = 1};
    return st_driver_pipe(w->engine.driver, "in", &rec, &w->engine.err);
}

static const char *told(struct world *w)
{
    struct kc_sim_record rec;
    size_t at = 0, size = sizeof(w->told);
    w->told[0] = '\0';
    while (st_driver_read(w->engine.driver, "out", &rec)) {
        at += (size_t)snprintf(w->told + at, size - at, "%s%.*s=%.*s@%" PRId64, at ? " " : "",
                               (int)rec.key.len, rec.key.ptr, rec.value.ptr ? (int)rec.value.len : 1,
                               rec.value.ptr ? rec.value.ptr : "-", rec.timestamp - BASE);
        T_CHECK(at < size && rec.n_headers == 1, "%zu, %u headers", at, rec.n_headers);
        bool own = w->show_old || aq_slice_equal(rec.headers[0].value, rec.value);
        T_CHECK(own, "%s has the header of another change", w->told);
    }
    return w->told;
}

#define EXPECT(w, expected)                                                       \
    do {                                                                          \
        const char *told_ = told(w);                                              \
        T_CHECK(strcmp(told_, expected) == 0, "'%s', not '%s'", told_, expected); \
    } while (0)

#define STEP(w, key, value, timestamp, expected)                       \
    do {                                                               \
        engine_good(&(w)->engine, pipe_row(w, key, value, timestamp)); \
        EXPECT(w, expected);                                           \
    } while (0)

/* ---- windows --------------------------------------------------------------------------------------------------------- */

static void time_windows_give_one_result_when_they_close(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 2, 1);
    STEP(&w, "k1@0", "1", 0, "");
    STEP(&w, "k1@0", "2", 1, "");
    STEP(&w, "k1@2", "1", 2, "");
    STEP(&w, "k1@0", "3", 1, "");
    STEP(&w, "k1@0", "4", 1, "");
    STEP(&w, "k1@4", "1", 5, "k1@0=4@1 k1@2=1@2");
    close_suppress(&w);
}

static void a_large_jump_closes_all_in_the_order_of_their_ends(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 2, 2);
    STEP(&w, "k1@0", "1", 0, "");
    STEP(&w, "k1@0", "2", 1, "");
    STEP(&w, "k1@2", "1", 2, "");
    STEP(&w, "k1@0", "3", 1, "");
    STEP(&w, "k1@2", "2", 3, "");
    STEP(&w, "k1@0", "4", 1, "");
    STEP(&w, "k1@4", "1", 4, "k1@0=4@1");
    STEP(&w, "k1@30", "1", 30, "k1@2=2@3 k1@4=1@4");
    close_suppress(&w);
}

static void sliding_windows_close_after_their_grace(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_SLIDING_WINDOW, 5, 15);
    STEP(&w, "k1@5", "5", 10, "");
    STEP(&w, "k1@11", "1", 11, "");
    STEP(&w, "k1@6", "5", 11, "");
    STEP(&w, "k1@11", "2", 13, "");
    STEP(&w, "k1@12", "1", 13, "");
    STEP(&w, "k1@8", "5", 13, "");
    STEP(&w, "k1@19", "1", 24, "");
    STEP(&w, "k1@85", "1", 90, "k1@5=5@10 k1@6=5@11 k1@8=5@13 k1@11=2@13 k1@12=1@13 k1@19=1@24");
    close_suppress(&w);
}

static void sessions_close_after_gap_and_grace(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_SESSION_WINDOW, 0, 5);
    STEP(&w, "k1@0/0", "1", 0, "");
    STEP(&w, "k1@0/0", NULL, 0, "");
    STEP(&w, "k1@0/5", "2", 5, "");
    STEP(&w, "k1@0/5", NULL, 5, "");
    STEP(&w, "k1@0/5", "3", 5, "");
    STEP(&w, "k2@11/11", "1", 11, "k1@0/5=3@5");
    STEP(&w, "k1@30/30", "1", 30, "k2@11/11=1@11");
    close_suppress(&w);
}

/* Aggregations take records up to the very end; Kafka Streams gives two results there. */
static void sliding_windows_and_sessions_give_no_second_result(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_SLIDING_WINDOW, 10, 5);
    STEP(&w, "k@14", "a+b", 24, "");
    STEP(&w, "k@19", "j", 29, "");
    STEP(&w, "k@14", "a+b+x", 24, "");
    STEP(&w, "k@20", "y", 30, "k@14=a+b+x@24");
    close_suppress(&w);

    w = (struct world){
        .suppress = {.until = ST_SUPPRESS_SLIDING_WINDOW, .size_ms = 10, .wait_ms = 5, .compat = true}};
    open_suppress(&w);
    STEP(&w, "k@14", "a+b", 24, "");
    STEP(&w, "k@19", "j", 29, "k@14=a+b@24");
    STEP(&w, "k@14", "a+b+x", 24, "k@14=a+b+x@24");
    close_suppress(&w);

    open_window(&w, ST_SUPPRESS_SESSION_WINDOW, 0, 5);
    STEP(&w, "k@0/5", "1", 5, "");
    STEP(&w, "m@10/10", "1", 10, "");
    STEP(&w, "m@11/11", "1", 11, "k@0/5=1@5");
    close_suppress(&w);
}

static void windows_that_end_together_come_in_the_order_of_their_keys(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 10, 0);
    STEP(&w, "c@0", "1", 1, "");
    STEP(&w, "a@0", "1", 2, "");
    STEP(&w, "b@0", "1", 3, "");
    STEP(&w, "a@0", "2", 4, "");
    STEP(&w, "aa@0", "1", 5, "");
    STEP(&w, "x@20", "1", 20, "a@0=2@4 aa@0=1@5 b@0=1@3 c@0=1@1");
    close_suppress(&w);
}

static void a_result_that_is_gone_is_not_told(void **state)
{
    (void)state;
    for (int compat = 0; compat <= 1; compat++) {
        struct world w = {.suppress = {.until = ST_SUPPRESS_TIME_WINDOW, .size_ms = 10, .compat = compat}};
        open_suppress(&w);
        STEP(&w, "a@0", "1", 1, "");
        STEP(&w, "b@0", NULL, 1, "");
        STEP(&w, "c@0", "1", 1, "");
        STEP(&w, "a@0", NULL, 2, "");
        STEP(&w, "c@0", NULL, 2, "");
        STEP(&w, "c@0", "2", 3, "");
        STEP(&w, "x@20", "1", 20, "c@0=2@3");
        close_suppress(&w);
    }
}

static void many_windows_are_let_go_at_once(void **state)
{
    (void)state;
    struct world w;
    char key[16], expected[8192] = "";
    open_window(&w, ST_SUPPRESS_TIME_WINDOW, 10, 0);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "k%03d@%d", (i * 7) % 50, i / 50 * 10);
        engine_good(&w.engine, pipe_row(&w, key, "1", 1));
    }
    size_t at = 0;
    for (int window = 0; window < 10; window++)
        for (int i = 0; i < 50; i++)
            at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%sk%03d@%d=1@1", at ? " " : "", i,
                                   window * 10);
    STEP(&w, "x@200", "1", 200, expected);
    close_suppress(&w);
}

/* ---- time limit ------------------------------------------------------------------------------------------------------ */

static void nothing_is_held_back_for_no_time(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_LIMIT, 0, 0);
    STEP(&w, "v1", "1", 0, "v1=1@0");
    STEP(&w, "v1", "0", 1, "v1=0@1");
    STEP(&w, "v2", "1", 1, "v2=1@1");
    STEP(&w, "v1", "1", 2, "v1=1@2");
    STEP(&w, "x", "1", 3, "x=1@3");
    close_suppress(&w);
}

static void the_limit_runs_from_the_first_change(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_LIMIT, 0, 2);
    STEP(&w, "v1", "1", 0, "");
    STEP(&w, "v1", "0", 1, "");
    STEP(&w, "v2", "1", 1, "");
    STEP(&w, "v1", "1", 2, "v1=1@2");
    STEP(&w, "tick", "1", 3, "v2=1@1");
    STEP(&w, "tick", "0", 4, "");
    STEP(&w, "tock", "1", 4, "");
    STEP(&w, "v3", "1", 5, "tick=0@4");
    close_suppress(&w);
}

static void a_limit_lets_nulls_through(void **state)
{
    (void)state;
    struct world w;
    open_window(&w, ST_SUPPRESS_TIME_LIMIT, 0, 10);
    STEP(&w, "b", "1", 0, "");
    STEP(&w, "a", "1", 0, "");
    STEP(&w, "a", NULL, 1, "");
    STEP(&w, "tick", "1", 10, "a=-@1 b=1@0");
    close_suppress(&w);
}

/* What was told before, not what came before. */
static void a_result_knows_what_was_told_before_it(void **state)
{
    (void)state;
    for (int compat = 0; compat <= 1; compat++) {
        struct world w = {.suppress = {.until = ST_SUPPRESS_TIME_LIMIT, .wait_ms = 2, .compat = compat},
                          .show_old = true};
        open_suppress(&w);
        STEP(&w, "a", "1", 0, "");
        STEP(&w, "a", "2", 1, "");
        STEP(&w, "a", "3", 2, compat ? "a=3(2)@2" : "a=3(-)@2");
        STEP(&w, "a", "4", 3, "");
        STEP(&w, "a", "5", 5, compat ? "a=5(4)@5" : "a=5(3)@5");
        close_suppress(&w);
    }
}

/* ---- bounds ---------------------------------------------------------------------------------------------------------- */

static void the_oldest_go_early_when_there_are_too_many(void **state)
{
    (void)state;
    struct world w = {
        .suppress = {
            .until = ST_SUPPRESS_TIME_LIMIT, .wait_ms = INT64_MAX, .max_records = 1, .emit_early = true}};
    open_suppress(&w);
    STEP(&w, "v1", "1", 0, "");
    STEP(&w, "v1", "0", 1, "");
    STEP(&w, "v2", "1", 1, "v1=0@1");
    STEP(&w, "v1", "1", 2, "v2=1@1");
    STEP(&w, "x", "1", 3, "v1=1@2");
    STEP(&w, "y", "1", 0, "y=1@0"); /* older than what is held back */
    close_suppress(&w);
}

static void bytes_are_counted(void **state)
{
    (void)state;
    char large[101];
    memset(large, 'v', 100);
    large[100] = '\0';
    struct world w = {
        .suppress = {
            .until = ST_SUPPRESS_TIME_LIMIT, .wait_ms = INT64_MAX, .max_bytes = 400, .emit_early = true}};
    open_suppress(&w);
    STEP(&w, "a", "1", 0, "");
    STEP(&w, "b", "1", 1, "");
    STEP(&w, "c", "1", 2, "");
    STEP(&w, "b", large, 3, "a=1@0");
    STEP(&w, "b", "2", 4, "");
    STEP(&w, "d", "1", 5, "");
    close_suppress(&w);
}

static void too_many_end_the_task_when_none_may_go_early(void **state)
{
    (void)state;
    struct world w = {
        .suppress = {.until = ST_SUPPRESS_TIME_WINDOW, .size_ms = 10, .wait_ms = 0, .max_records = 2}};
    open_suppress(&w);
    STEP(&w, "a@0", "1", 0, "");
    STEP(&w, "b@0", "1", 0, "");
    STEP(&w, "a@0", "2", 0, "");
    int rc = pipe_row(&w, "c@0", "1", 0);
    T_CHECK(rc < 0 && strstr(w.engine.err.text, "max_records = 2"), "%d %s", rc, w.engine.err.text);
    st_driver_destroy(w.engine.driver);
    st_topology_destroy(w.engine.topology);
}

/* ---- the wall clock -------------------------------------------------------------------------------------------------- */

static void an_idle_partition_is_closed_by_the_wall_clock(void **state)
{
    (void)state;
    struct world w = {
        .suppress = {
            .until = ST_SUPPRESS_TIME_WINDOW, .size_ms = 1000, .wait_ms = 500, .idle_close_ms = 400}};
    open_suppress(&w);
    STEP(&w, "a@0", "1", 900, "");
    STEP(&w, "a@1000", "1", 1100, "");
    engine_advance(&w.engine, 300); /* not idle for long enough */
    EXPECT(&w, "");
    engine_advance(&w.engine, 100); /* 1500 */
    EXPECT(&w, "a@0=1@900");
    STEP(&w, "a@0", "2", 901, ""); /* late: its result is out */
    STEP(&w, "b@0", "1", 902, ""); /* not late: nobody said anything of b yet */
    STEP(&w, "c@1000", "1", 1500, "b@0=1@902");
    STEP(&w, "a@1000", "2", 1600, "");
    engine_advance(&w.engine, 900); /* 2500 */
    EXPECT(&w, "a@1000=2@1600 c@1000=1@1500");
    engine_advance(&w.engine, 100000);
    EXPECT(&w, "");
    STEP(&w, "a@1000", "3", 1700, "");
    STEP(&w, "a@5000", "1", 5000, ""); /* stream time is there, and nothing is told twice */
    STEP(&w, "a@9000", "1", 9000, "a@5000=1@5000");
    close_suppress(&w);
}

/* ---- random input ---------------------------------------------------------------------------------------------------- */

#define CELLS 40 /* keys and windows, or keys */

struct cell {
    char key[16];
    int64_t time; /* -1: nothing is held back */
    int64_t value, value_time;
};

struct model {
    const struct st_suppress *suppress;
    struct cell cells[CELLS];
    int64_t stream;
    uint64_t random;
    char told[8192];
};

static uint32_t draw(struct model *m, uint32_t n)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)((m->random >> 11) % n);
}

static bool is_final(const struct model *m)
{
    return m->suppress->until != ST_SUPPRESS_TIME_LIMIT;
}

static struct cell *oldest(struct model *m)
{
    struct cell *first = NULL;
    for (int i = 0; i < CELLS; i++) {
        struct cell *cell = &m->cells[i];
        if (cell->time < 0) continue;
        if (!first || cell->time < first->time ||
            (cell->time == first->time && strcmp(cell->key, first->key) < 0))
            first = cell;
    }
    return first;
}

static void let_one_go(struct model *m, struct cell *cell)
{
    char value[24] = "-";
    if (cell->value >= 0) snprintf(value, sizeof(value), "%d", (int)cell->value);
    size_t at = strlen(m->told);
    snprintf(m->told + at, sizeof(m->told) - at, "%s%s=%s@%" PRId64, at ? " " : "", cell->key, value,
             cell->value_time);
    cell->time = -1;
}

static int held_back(const struct model *m)
{
    int n = 0;
    for (int i = 0; i < CELLS; i++) n += m->cells[i].time >= 0;
    return n;
}

/* value -1: null. end: of the window. */
static void model_row(struct model *m, struct cell *cell, int64_t end, int64_t value, int64_t time)
{
    bool past =
        m->suppress->until == ST_SUPPRESS_SLIDING_WINDOW || m->suppress->until == ST_SUPPRESS_SESSION_WINDOW;
    if (time > m->stream) m->stream = time;
    if (cell->time < 0) cell->time = is_final(m) ? end : time;
    cell->value = value;
    cell->value_time = time;
    if (is_final(m) && value < 0) cell->time = -1;
    for (struct cell *first = oldest(m); first; first = oldest(m)) {
        int64_t due = first->time + m->suppress->wait_ms + (past ? 1 : 0);
        bool full = m->suppress->max_records > 0 && held_back(m) > (int)m->suppress->max_records;
        if (due > m->stream && !full) return;
        let_one_go(m, first);
    }
}

static void random_row(struct world *w, struct model *m, int i, int64_t *now)
{
    int key = (int)draw(m, 4), window = (int)draw(m, CELLS / 4);
    int64_t size = w->suppress.size_ms, end = window * 3 + size;
    struct cell *cell = &m->cells[key * (CELLS / 4) + window];
    char value[16];
    bool session = w->suppress.until == ST_SUPPRESS_SESSION_WINDOW;
    snprintf(cell->key, sizeof(cell->key), is_final(m) ? session ? "%c@%d/%d" : "%c@%d" : "%c%02d", 'a' + key,
             window * 3, (int)end);
    *now += draw(m, 3) ? 0 : draw(m, 3);
    int64_t time = *now - (draw(m, 3) ? 0 : (int64_t)draw(m, 5));
    if (time < 0) time = 0;
    bool gone = draw(m, 5) == 0;
    snprintf(value, sizeof(value), "%d", i);
    m->told[0] = '\0';
    model_row(m, cell, end, gone ? -1 : i, time);
    engine_good(&w->engine, pipe_row(w, cell->key, gone ? NULL : value, time));
    EXPECT(w, m->told);
}

static void what_comes_out_is_what_the_rule_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w = {.show_old = false};
        struct model m = {.random = seed * 0x9e3779b97f4a7c15u, .stream = -1};
        enum st_suppress_until until = (enum st_suppress_until)draw(&m, 4);
        bool windows = until != ST_SUPPRESS_TIME_LIMIT;
        w.suppress = (struct st_suppress){
            .until = until, .size_ms = windows ? 1 + draw(&m, 8) : 0, .wait_ms = draw(&m, 12)};
        if (!windows && draw(&m, 2)) {
            w.suppress.max_records = 1 + draw(&m, 5);
            w.suppress.emit_early = true;
        }
        open_suppress(&w);
        m.suppress = &w.suppress;
        for (int i = 0; i < CELLS; i++) m.cells[i].time = -1;
        int64_t now = 0;
        for (int i = 0; i < 150; i++) random_row(&w, &m, i, &now);
        close_suppress(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_windows_give_one_result_when_they_close),
        cmocka_unit_test(a_large_jump_closes_all_in_the_order_of_their_ends),
        cmocka_unit_test(sliding_windows_close_after_their_grace),
        cmocka_unit_test(sessions_close_after_gap_and_grace),
        cmocka_unit_test(sliding_windows_and_sessions_give_no_second_result),
        cmocka_unit_test(windows_that_end_together_come_in_the_order_of_their_keys),
        cmocka_unit_test(a_result_that_is_gone_is_not_told),
        cmocka_unit_test(many_windows_are_let_go_at_once),
        cmocka_unit_test(nothing_is_held_back_for_no_time),
        cmocka_unit_test(the_limit_runs_from_the_first_change),
        cmocka_unit_test(a_limit_lets_nulls_through),
        cmocka_unit_test(a_result_knows_what_was_told_before_it),
        cmocka_unit_test(the_oldest_go_early_when_there_are_too_many),
        cmocka_unit_test(bytes_are_counted),
        cmocka_unit_test(too_many_end_the_task_when_none_may_go_early),
        cmocka_unit_test(an_idle_partition_is_closed_by_the_wall_clock),
        cmocka_unit_test(what_comes_out_is_what_the_rule_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
