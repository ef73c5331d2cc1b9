/* SPDX-License-Identifier: Apache-2.0
 *
 * suppress on the test driver, behind a table that a test fills: what comes in is what an aggregation would hand on. Keys of windows are
 * written "k@START" and "k@START/END".
 */
#ifndef AQ_TESTS_SUPPRESS_WORLD_H
#define AQ_TESTS_SUPPRESS_WORLD_H

#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "streams/ops/op_suppress.h"
#include "streams/serde/windowed_key.h"
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

static inline int start_rows(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)context;
    (void)user;
    (void)err;
    *ret_state = aq_calloc(1, sizeof(struct rows));
    return 0;
}

static inline void stop_rows(struct st_context *context, void *state)
{
    (void)context;
    free(state);
}

static inline struct known *find_known(struct rows *rows, struct aq_slice key)
{
    for (size_t i = 0; i < rows->n; i++)
        if (aq_slice_equal(aq_slice_str(rows->known[i].key), key)) return &rows->known[i];
    struct known *known = &rows->known[rows->n++];
    snprintf(known->key, sizeof(known->key), "%.*s", (int)key.len, key.ptr);
    return known;
}

static inline struct aq_slice window_of(const struct st_suppress *suppress, const char *text,
                                        struct aq_arena *arena)
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

static inline int change_row(struct st_context *context, void *state, struct aq_record *rec,
                             struct aq_err *err)
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

static inline int show_row(struct st_context *context, void *state, struct aq_record *rec, struct aq_err *err)
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

static inline void open_suppress(struct world *w)
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

static inline void open_window(struct world *w, enum st_suppress_until until, int64_t size, int64_t wait)
{
    *w = (struct world){.suppress = {.until = until, .size_ms = size, .wait_ms = wait}};
    open_suppress(w);
}

static inline void close_suppress(struct world *w)
{
    engine_stop(&w->engine);
}

static inline int pipe_row(struct world *w, const char *key, const char *value, int64_t timestamp)
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

#endif
