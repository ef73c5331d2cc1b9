/* SPDX-License-Identifier: Apache-2.0
 *
 * The test driver for programs (aqueduct/testdriver.h) over streams/driver.h.
 *
 * An ordinary pass: create reads the properties (streams/api/api_settings.h) and opens a driver with them. Everything else is handed on.
 *
 * A failing pass: the first error stays in driver->err; from then on only what was written before can be read.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "streams/api/api_testdriver.h"
#include "streams/serde/json_record.h"

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void open_driver(struct aq_test_driver *driver, const struct aq_streams_builder *builder,
                        const struct aq_test_options *options)
{
    if (st_builder_verdict(builder, &driver->err) != 0) return;
    driver->has_settings = true;
    if (st_api_settings_read(builder->topology->application_id, "127.0.0.1:9092", options->properties,
                             options->n_properties, &driver->settings, &driver->err) != 0 ||
        st_builder_suits(builder, &driver->settings.settings, &driver->err) != 0)
        return;
    driver->topology = builder->topology;
    const struct st_driver_setup setup = {.settings = &driver->settings.settings,
                                          .topology = builder->topology,
                                          .partitions = options->partitions,
                                          .wall_ms = options->wall_clock_ms};
    driver->driver = st_driver_create(&setup, &driver->err);
}

struct aq_test_driver *aq_test_driver_create(const struct aq_streams_builder *builder,
                                             const struct aq_test_options *options)
{
    static const struct aq_test_options plain = {.n_properties = 0};
    AQ_ASSERT(builder);
    struct aq_test_driver *driver = aq_calloc(1, sizeof(*driver));
    if (!aq_log_enabled(AQ_DEBUG))
        aq_log_setup(AQ_WARN, AQ_LOG_LOGFMT); /* topics that are made are no news here */
    aq_arena_init(&driver->arena, 16384);
    open_driver(driver, builder, options ? options : &plain);
    AQ_ASSERT(driver->driver || driver->err.code != 0);
    return driver;
}

int aq_test_driver_close(struct aq_test_driver *driver)
{
    if (driver->err.code != 0) return driver->err.code;
    driver->closed = true;
    return st_driver_close(driver->driver, &driver->err);
}

void aq_test_driver_destroy(struct aq_test_driver *driver)
{
    if (!driver) return;
    st_driver_destroy(driver->driver);
    if (driver->has_settings) st_api_settings_finish(&driver->settings);
    aq_arena_finish(&driver->arena);
    free(driver);
}

const char *aq_test_driver_error(const struct aq_test_driver *driver)
{
    return driver->err.code != 0 ? driver->err.text : NULL;
}

int st_test_driver_verdict(struct aq_test_driver *driver)
{
    if (driver->err.code != 0) return driver->err.code;
    return driver->closed ? aq_fail(&driver->err, AQ_E_STOPPED, "the test driver was closed before") : 0;
}

/* ---- in ----------------------------------------------------------------------------------------------------------- */

int aq_test_driver_pipe(struct aq_test_driver *driver, const char *topic, const struct aq_test_record *record)
{
    AQ_ASSERT(topic && record && record->n_headers <= UINT16_MAX);
    int rc = st_test_driver_verdict(driver);
    if (rc != 0) return rc;
    bool now = record->timestamp == AQ_TEST_NOW;
    const struct kc_sim_record rec = {.partition = record->partition,
                                      .key = record->key,
                                      .value = record->value,
                                      .headers = record->headers,
                                      .n_headers = (uint16_t)record->n_headers,
                                      .timestamp =
                                          now ? st_driver_wall_ms(driver->driver) : record->timestamp};
    return st_driver_pipe(driver->driver, topic, &rec, &driver->err);
}

int aq_test_driver_pipe_json(struct aq_test_driver *driver, const char *line)
{
    AQ_ASSERT(line);
    struct st_json_record json;
    struct kc_sim_record rec;
    int rc = st_test_driver_verdict(driver);
    if (rc == 0) rc = st_json_record_read(aq_slice_str(line), &driver->arena, &json, &driver->err);
    if (rc != 0) return rc;
    if (!json.topic) return aq_fail(&driver->err, AQ_E_BAD_RECORD, "a record needs a topic");
    rc = st_json_record_encode(&json, st_driver_reads(driver->driver, json.topic),
                               st_driver_wall_ms(driver->driver), &driver->arena, &rec, &driver->err);
    return rc == 0 ? st_driver_pipe(driver->driver, json.topic, &rec, &driver->err) : rc;
}

int aq_test_driver_advance_wall_clock(struct aq_test_driver *driver, int64_t ms)
{
    int rc = st_test_driver_verdict(driver);
    if (rc == 0 && ms < 0) rc = aq_fail(&driver->err, AQ_E_INVALID, "the wall clock does not go back");
    return rc == 0 ? st_driver_advance(driver->driver, ms, &driver->err) : rc;
}

int64_t aq_test_driver_wall_clock(const struct aq_test_driver *driver)
{
    return driver->driver ? st_driver_wall_ms(driver->driver) : 0;
}

/* ---- out ---------------------------------------------------------------------------------------------------------- */

bool aq_test_driver_read(struct aq_test_driver *driver, const char *topic, struct aq_test_record *ret)
{
    AQ_ASSERT(topic && ret);
    struct kc_sim_record rec;
    if (!driver->driver || !st_driver_read(driver->driver, topic, &rec)) return false;
    *ret = (struct aq_test_record){.key = rec.key,
                                   .value = rec.value,
                                   .timestamp = rec.timestamp,
                                   .headers = rec.headers,
                                   .n_headers = rec.n_headers,
                                   .partition = rec.partition};
    return true;
}

const char *aq_test_driver_read_json(struct aq_test_driver *driver, const char *topic)
{
    AQ_ASSERT(topic);
    struct kc_sim_record rec;
    if (!driver->driver || !st_driver_read(driver->driver, topic, &rec)) return NULL;
    unsigned fields = ST_JSON_KEY | ST_JSON_VALUE | ST_JSON_TIMESTAMP;
    if (rec.n_headers > 0) fields |= ST_JSON_HEADERS;
    /* A copy of ours ends with a zero byte. */
    return st_json_record_print(&rec, NULL, st_driver_writes(driver->driver, topic), fields, &driver->arena)
        .ptr;
}
