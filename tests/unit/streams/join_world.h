/* SPDX-License-Identifier: Apache-2.0
 *
 * A join of two streams on the test driver: topics "left" and "right", joined into "out".
 */
#ifndef AQ_TESTS_JOIN_WORLD_H
#define AQ_TESTS_JOIN_WORLD_H

#include <inttypes.h>
#include <stdlib.h>

#include "streams/ops/op_stream_join.h"
#include "streams/task.h"
#include "tests/lib/check.h"
#include "tests/unit/streams/st_engine.h"

#define BASE 1000 /* added to the times of rows: 0 is not written as such */

enum join_type { INNER, LEFT_JOIN, OUTER };

struct join_world {
    struct engine engine;
    const struct st_task *task; /* what runs */
    struct st_stream_join join;
    char told[16384];
};

/* In front of the sink: tells the world which task it is in. */
static inline int join_spy_start(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)err;
    ((struct join_world *)user)->task = context->task;
    *ret_state = NULL;
    return 0;
}

static const struct st_processor_kind join_spy = {
    .name = "spy", .start = join_spy_start, .process = engine_pass_on};

/* What the two sides counted. */
static inline void join_losses(const struct join_world *w, uint64_t *ret_late, uint64_t *ret_dropped)
{
    *ret_late = *ret_dropped = 0;
    for (size_t i = 0; i < w->task->subtopology->n_nodes; i++) {
        const struct st_context *context = &w->task->contexts[i];
        if (context->kind != &st_stream_join_side_kind) continue;
        *ret_late += context->late;
        *ret_dropped += context->dropped;
    }
}

static inline void join_conf(struct join_world *w, enum join_type type, int64_t before, int64_t after,
                             int64_t grace)
{
    *w = (struct join_world){0};
    w->join = (struct st_stream_join){.joiner = {.kind = &st_joiner_pair},
                                      .before_ms = before,
                                      .after_ms = after,
                                      .grace_ms = grace,
                                      .left_alone = type != INNER,
                                      .right_alone = type == OUTER};
}

/* self: the right side is the left topic as well. */
static inline void join_start(struct join_world *w, bool self)
{
    struct engine *e = &w->engine;
    engine_init(e, ST_EXACTLY_ONCE);
    engine_source(e, "l", "left");
    if (!self) engine_source(e, "r", "right");
    engine_good(e, st_add_stream_join(e->topology, "joined", &w->join, "l", self ? "l" : "r", NULL, &e->err));
    engine_good(e, st_add_processor(e->topology, "spy", &join_spy, w, engine_parent("joined"), &e->err));
    engine_sink(e, "out", "out", "spy");
    engine_start(e);
}

static inline void join_open(struct join_world *w, enum join_type type, int64_t before, int64_t after,
                             int64_t grace, bool compat)
{
    join_conf(w, type, before, after, grace);
    w->join.compat = compat;
    join_start(w, false);
}

static inline void join_close(struct join_world *w)
{
    engine_stop(&w->engine);
}

/* header: the value of a header "h"; NULL for none. */
static inline void join_feed(struct join_world *w, char side, const char *key, const char *value,
                             int64_t timestamp, const char *header)
{
    const struct aq_header headers[] = {{AQ_LIT("h"), aq_slice_str(header)}};
    const struct kc_sim_record rec = {.partition = 0,
                                      .key = aq_slice_str(key),
                                      .value = aq_slice_str(value),
                                      .timestamp = BASE + timestamp,
                                      .headers = headers,
                                      .n_headers = header ? 1 : 0};
    engine_good(&w->engine,
                st_driver_pipe(w->engine.driver, side == 'L' ? "left" : "right", &rec, &w->engine.err));
}

/* What came out since: "key:value@timestamp", and "{h}" behind it when there are headers. */
static inline const char *join_told(struct join_world *w)
{
    struct kc_sim_record rec;
    size_t at = 0, size = sizeof(w->told);
    w->told[0] = '\0';
    while (st_driver_read(w->engine.driver, "out", &rec)) {
        at += (size_t)snprintf(w->told + at, size - at, "%s%.*s:%.*s@%" PRId64, at ? " " : "",
                               rec.key.ptr ? (int)rec.key.len : 1, rec.key.ptr ? rec.key.ptr : "-",
                               (int)rec.value.len, rec.value.ptr, rec.timestamp - BASE);
        if (rec.n_headers > 0)
            at += (size_t)snprintf(w->told + at, size - at, "{%.*s}", (int)rec.headers[0].value.len,
                                   rec.headers[0].value.ptr);
        T_CHECK(at < size, "too much came out");
    }
    return w->told;
}

#define EXPECT(w, expected)                                                       \
    do {                                                                          \
        const char *told_ = join_told(w);                                         \
        T_CHECK(strcmp(told_, expected) == 0, "'%s', not '%s'", told_, expected); \
    } while (0)

/* One record, and what it makes. */
#define STEP(w, side, key, value, timestamp, expected)        \
    do {                                                      \
        join_feed(w, (side)[0], key, value, timestamp, NULL); \
        EXPECT(w, expected);                                  \
    } while (0)

#endif
