/* SPDX-License-Identifier: Apache-2.0
 *
 * A topology of test-made processors on the test driver.
 */
#ifndef AQ_TESTS_ST_ENGINE_H
#define AQ_TESTS_ST_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "streams/driver.h"
#include "streams/processor.h"

struct engine {
    struct st_settings settings;
    struct st_topology *topology;
    struct st_driver *driver;
    int64_t wall_ms;
    int32_t partitions;
    struct aq_err err;
};

static inline void engine_good(struct engine *e, int rc)
{
    if (rc != 0) print_error("%s\n", e->err.text);
    assert_int_equal(rc, 0);
}

static inline void engine_init(struct engine *e, int guarantee)
{
    *e = (struct engine){0};
    e->topology = st_topology_create("app", &e->err);
    e->settings = (struct st_settings){.application_id = "app",
                                       .guarantee = guarantee,
                                       .threads = 1,
                                       .slots = 4,
                                       .commit_interval_ms = 100,
                                       .buffered_records_per_partition = 1000,
                                       .task_timeout_ms = 300000,
                                       .session_timeout_ms = 45000,
                                       .transaction_timeout_ms = 10000,
                                       .batch_bytes = 1 << 20,
                                       .in_flight_bytes = 8 << 20,
                                       .queue_bytes = 8 << 20,
                                       .refresh_interval_ms = 5000,
                                       .repartition_purge_interval_ms = 30000,
                                       .replication_factor = -1,
                                       .compression = "none",
                                       .key_serde = st_serde_find("string", &e->err),
                                       .value_serde = st_serde_find("string", &e->err)};
    e->settings.flow = (struct kc_flow){.noun = "application",
                                        .name = "app",
                                        .group = "app",
                                        .state_topic = "app" ST_STATE_SUFFIX,
                                        .tasks = 4,
                                        .exactly_once = guarantee == ST_EXACTLY_ONCE,
                                        .transactional_prefix = "app",
                                        .commit_interval_ms = 100,
                                        .delivery_timeout_ms = 120000,
                                        .batch_bytes = 1 << 20,
                                        .batch_records = 1000,
                                        .in_flight_bytes = 8 << 20,
                                        .compression = "none",
                                        .replication_factor = -1,
                                        .workers = 1,
                                        .reset_command = "aqueduct streams reset"};
}

static inline struct st_parents engine_parent(const char *name)
{
    static const char *names[8];
    static int at;
    at = (at + 1) % 8;
    names[at] = name;
    return (struct st_parents){.names = &names[at], .count = 1};
}

static inline void engine_source(struct engine *e, const char *name, const char *topic)
{
    const struct st_source_conf conf = {.topics = &topic, .n_topics = 1};
    engine_good(e, st_add_source(e->topology, name, &conf, &e->err));
}

static inline void engine_processor(struct engine *e, const char *name, const struct st_processor_kind *kind,
                                    const char *parent)
{
    engine_good(e, st_add_processor(e->topology, name, kind, NULL, engine_parent(parent), &e->err));
}

static inline void engine_sink(struct engine *e, const char *name, const char *topic, const char *parent)
{
    engine_good(e, st_add_sink(e->topology, name, topic, engine_parent(parent), &e->err));
}

static inline void engine_start(struct engine *e)
{
    const struct st_driver_setup setup = {.settings = &e->settings,
                                          .topology = e->topology,
                                          .partitions = e->partitions,
                                          .wall_ms = e->wall_ms};
    e->driver = st_driver_create(&setup, &e->err);
    engine_good(e, e->driver ? 0 : e->err.code);
}

static inline void engine_stop(struct engine *e)
{
    engine_good(e, st_driver_close(e->driver, &e->err));
    st_driver_destroy(e->driver);
    st_topology_destroy(e->topology);
}

static inline void engine_pipe(struct engine *e, const char *topic, const char *key, const char *value,
                               int64_t timestamp)
{
    const struct kc_sim_record rec = {
        .partition = -1, .key = aq_slice_str(key), .value = aq_slice_str(value), .timestamp = timestamp};
    engine_good(e, st_driver_pipe(e->driver, topic, &rec, &e->err));
}

static inline void engine_advance(struct engine *e, int64_t ms)
{
    engine_good(e, st_driver_advance(e->driver, ms, &e->err));
}

static inline void engine_expect(struct engine *e, const char *topic, const char *key, const char *value,
                                 int64_t timestamp)
{
    struct kc_sim_record rec;
    if (!st_driver_read(e->driver, topic, &rec)) fail_msg("nothing in %s", topic);
    if (!aq_slice_equal(rec.key, aq_slice_str(key)) || !aq_slice_equal(rec.value, aq_slice_str(value)))
        fail_msg("%s: %.*s=%.*s, expected %s=%s", topic, (int)rec.key.len, rec.key.ptr, (int)rec.value.len,
                 rec.value.ptr, key, value);
    assert_int_equal(rec.timestamp, timestamp);
}

static inline void engine_expect_no_more(struct engine *e, const char *topic)
{
    struct kc_sim_record rec;
    if (st_driver_read(e->driver, topic, &rec))
        fail_msg("%s: %.*s=%.*s was not expected", topic, (int)rec.key.len, rec.key.ptr, (int)rec.value.len,
                 rec.value.ptr);
}

static inline int engine_pass_on(struct st_context *context, void *state, struct aq_record *rec,
                                 struct aq_err *err)
{
    (void)state;
    return st_forward(context, rec, err);
}

static const struct st_processor_kind engine_pass = {.name = "pass", .process = engine_pass_on};

#endif
