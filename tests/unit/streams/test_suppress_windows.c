/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts in windows, held back until these close: the whole of Kafka Streams' SuppressScenarioTest for windows, and the counts of an
 * aggregation that gives only final results beside it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "streams/ops/op_aggregate.h"
#include "streams/ops/op_suppress.h"
#include "streams/serde/windowed_key.h"
#include "tests/lib/check.h"
#include "tests/unit/streams/st_engine.h"

#define BASE 1000 /* added to the times of rows: 0 is not written as such */

static int count_add(struct st_context *context, void *running, struct aq_record *rec, struct aq_slice acc,
                     struct aq_slice *ret, struct aq_err *err)
{
    char text[32] = "0";
    (void)running;
    (void)rec;
    (void)err;
    if (!aq_slice_is_null(acc)) snprintf(text, sizeof(text), "%.*s", (int)acc.len, acc.ptr);
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "%d", atoi(text) + 1));
    return 0;
}

static int count_merge(struct st_context *context, void *running, struct aq_slice key, struct aq_slice a,
                       struct aq_slice b, struct aq_slice *ret, struct aq_err *err)
{
    char x[32], y[32];
    (void)running;
    (void)key;
    (void)err;
    snprintf(x, sizeof(x), "%.*s", (int)a.len, a.ptr);
    snprintf(y, sizeof(y), "%.*s", (int)b.len, b.ptr);
    *ret = aq_slice_str(aq_arena_printf(st_arena(context), "%d", atoi(x) + atoi(y)));
    return 0;
}

static const struct st_aggregator_kind counting = {.name = "count", .add = count_add, .merge = count_merge};

struct world {
    struct engine e;
    struct st_aggregate counts, finals;
    struct st_suppress suppress;
    char told[2][4096]; /* by suppress, by the aggregation that gives final results */
};

static void add_counts(struct world *w, const char *name, struct st_aggregate *op,
                       const struct st_windows *windows, enum st_emit emit)
{
    struct engine *e = &w->e;
    *op = (struct st_aggregate){.aggregator = {.kind = &counting}, .windows = *windows, .emit = emit};
    st_windows_complete(&op->windows, false);
    engine_good(e, st_add_processor(e->topology, name, st_aggregate_kind_of(&op->windows, false), op,
                                    engine_parent("in"), &e->err));
    engine_good(
        e, st_aggregate_add_stores(e->topology, name, name, op, true, (struct st_store_conf){0}, &e->err));
}

static void open_world(struct world *w, enum st_windows_kind kind, int64_t size, int64_t grace)
{
    struct engine *e = &w->e;
    const struct st_windows windows = {.kind = kind, .size_ms = size, .grace_ms = grace};
    *w = (struct world){0};
    engine_init(e, ST_EXACTLY_ONCE);
    engine_source(e, "in", "in");
    add_counts(w, "counts", &w->counts, &windows, ST_EMIT_UPDATES);
    add_counts(w, "finals", &w->finals, &windows, ST_EMIT_CLOSE);
    st_suppress_windows(&w->suppress, &w->counts.windows);
    engine_good(e, st_add_suppress(e->topology, "held", &w->suppress, "counts", NULL, &e->err));
    engine_sink(e, "out", "out", "held");
    engine_sink(e, "last", "finals", "finals");
    engine_start(e);
}

static void feed(struct world *w, const char *key, int64_t time)
{
    engine_pipe(&w->e, "in", key, "v", BASE + time);
}

static void tell(struct world *w, const char *topic, char *told, size_t size)
{
    struct kc_sim_record rec;
    struct st_windowed_key key;
    bool session = w->suppress.until == ST_SUPPRESS_SESSION_WINDOW;
    size_t at = 0;
    told[0] = '\0';
    while (st_driver_read(w->e.driver, topic, &rec)) {
        engine_good(&w->e,
                    st_windowed_key_decode(session ? ST_KEY_SESSION : ST_KEY_TIME, rec.key, &key, &w->e.err));
        int64_t end = session ? key.end : key.start + w->suppress.size_ms;
        at += (size_t)snprintf(told + at, size - at, "%s%.*s@%" PRId64 "/%" PRId64 "=%.*s@%" PRId64,
                               at ? " " : "", (int)key.key.len, key.key.ptr, key.start - BASE, end - BASE,
                               (int)rec.value.len, rec.value.ptr, rec.timestamp - BASE);
        T_CHECK(at < size, "too much");
    }
}

/* What came since, from both. */
static void expect(struct world *w, const char *expected)
{
    tell(w, "out", w->told[0], sizeof(w->told[0]));
    tell(w, "finals", w->told[1], sizeof(w->told[1]));
    T_CHECK(strcmp(w->told[0], expected) == 0, "'%s', not '%s'", w->told[0], expected);
    T_CHECK(strcmp(w->told[1], expected) == 0, "without suppress '%s', not '%s'", w->told[1], expected);
}

static void final_counts_of_time_windows(void **state)
{
    (void)state;
    struct world w;
    static const int64_t times[] = {0, 1, 2, 1, 0, 5, 0};
    open_world(&w, ST_TUMBLING, 2, 1);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) feed(&w, "k1", times[i]);
    expect(&w, "k1@0/2=4@1 k1@2/4=1@2");
    engine_stop(&w.e);
}

static void final_counts_after_a_large_jump(void **state)
{
    (void)state;
    struct world w;
    static const int64_t times[] = {0, 1, 2, 0, 3, 0, 4, 0};
    open_world(&w, ST_TUMBLING, 2, 2);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) feed(&w, "k1", times[i]);
    expect(&w, "k1@0/2=4@1");
    feed(&w, "k1", 30);
    expect(&w, "k1@2/4=2@3 k1@4/6=1@4");
    engine_stop(&w.e);
}

static void final_counts_of_sliding_windows(void **state)
{
    (void)state;
    struct world w;
    static const int64_t times[] = {10, 11, 10, 13, 10, 24, 5, 7};
    open_world(&w, ST_SLIDING, 5, 15);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) feed(&w, "k1", times[i]);
    feed(&w, "k1", 90);
    tell(&w, "out", w.told[0], sizeof(w.told[0]));
    /* BASE is no beginning of time, so there are windows in front of the first one, too. */
    T_CHECK(
        strstr(w.told[0], "k1@5/10=5@10 k1@6/11=5@11 k1@8/13=5@13 k1@11/16=2@13 k1@12/17=1@13 k1@19/24=1@24"),
        "%s", w.told[0]);
    tell(&w, "finals", w.told[1], sizeof(w.told[1]));
    T_CHECK(strcmp(w.told[0], w.told[1]) == 0, "'%s', without suppress '%s'", w.told[0], w.told[1]);
    engine_stop(&w.e);
}

static void final_counts_of_sessions(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, ST_SESSION, 5, 0);
    feed(&w, "k1", 0);
    feed(&w, "k1", 5);
    feed(&w, "k1", 1);
    expect(&w, "");
    feed(&w, "k2", 11);
    expect(&w, "k1@0/5=3@5");
    feed(&w, "k1", 5); /* late */
    feed(&w, "k1", 30);
    expect(&w, "k2@11/11=1@11");
    engine_stop(&w.e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(final_counts_of_time_windows),
        cmocka_unit_test(final_counts_after_a_large_jump),
        cmocka_unit_test(final_counts_of_sliding_windows),
        cmocka_unit_test(final_counts_of_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
