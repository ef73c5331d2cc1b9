/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables on the test driver: rows of inputs and what comes of each. What is written is told as text, "KEY=VALUE@TIMESTAMP" for each
 * record of the topic "out" with spaces between, null as "null".
 */
#ifndef AQ_TESTS_TABLE_WORLD_H
#define AQ_TESTS_TABLE_WORLD_H

#include "streams/ops/delay.h"
#include "streams/state/stamped.h"
#include "streams/ops/table_build.h"
#include "streams/state/versioned.h"
#include "tests/lib/check.h"
#include "tests/unit/streams/st_engine.h"

/* One record of an input topic, and all that comes of it. */
struct step {
    const char *topic, *key, *value; /* value NULL: a tombstone */
    int64_t ms;
    const char *expected;
};

/* How a table is kept. */
enum keeping { UNCACHED, CACHED, VERSIONED };

#define HISTORY_MS 300000

static const struct st_table_source plain_table = {0}, versioned_table = {.history_ms = HISTORY_MS};

static inline void table_store(struct engine *e, const char *name, const char *node, enum keeping keeping)
{
    const struct st_store_conf plain = {.timestamped = true, .uncached = keeping == UNCACHED};
    const struct st_store_conf versioned = st_versioned_conf();
    engine_good(e, st_add_store(e->topology, name, keeping == VERSIONED ? &versioned : &plain, &e->err));
    if (node) engine_good(e, st_connect_store(e->topology, node, name, &e->err));
}

/* The topic NAME as the table NAME, in the store NAME; its source is NAME-in. */
static inline struct st_table_ref table(struct engine *e, const char *name, enum keeping keeping)
{
    char *source = t_printf("%s-in", name);
    const struct st_table_source *user = keeping == VERSIONED ? &versioned_table : &plain_table;
    engine_source(e, source, name);
    engine_good(e, st_add_processor(e->topology, name, &st_table_source_kind, (void *)user,
                                    engine_parent(source), &e->err));
    table_store(e, name, name, keeping);
    free(source);
    return (struct st_table_ref){.node = name, .store = name};
}

/* Room for what cached stores hold back. */
static inline void table_init(struct engine *e)
{
    engine_init(e, ST_EXACTLY_ONCE);
    e->settings.cache_bytes = 10 << 20;
}

static inline void tell(struct engine *e, bool keys, char *told, size_t size)
{
    struct kc_sim_record rec;
    told[0] = '\0';
    while (st_driver_read(e->driver, "out", &rec)) {
        struct aq_slice key = rec.key.ptr ? rec.key : AQ_LIT("null");
        struct aq_slice value = rec.value.ptr ? rec.value : AQ_LIT("null");
        if (keys)
            t_note(told, size, "%.*s=%.*s@%lld", (int)key.len, key.ptr, (int)value.len, value.ptr,
                   (long long)rec.timestamp);
        else
            t_note(told, size, "%.*s@%lld", (int)value.len, value.ptr, (long long)rec.timestamp);
    }
}

static inline void take_step(struct engine *e, const struct step *step, bool keys)
{
    char told[2048];
    engine_pipe(e, step->topic, step->key, step->value, step->ms);
    tell(e, keys, told, sizeof(told));
    T_CHECK(strcmp(told, step->expected) == 0, "%s %s=%s@%lld: '%s', not '%s'", step->topic,
            step->key ? step->key : "null", step->value ? step->value : "null", (long long)step->ms, told,
            step->expected);
}

static inline void take_steps(struct engine *e, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) take_step(e, &steps[i], true);
}

#define TAKE(e, steps) take_steps(e, steps, sizeof(steps) / sizeof((steps)[0]))

#define LUA(lua_text)                                                                        \
    {                                                                                        \
        .form = LUA_EXPRESSION, .name = "test", .text = {"" lua_text, sizeof(lua_text) - 1}, \
        .instruction_limit = 1000000, .memory_limit = 16 << 20                               \
    }

#endif
