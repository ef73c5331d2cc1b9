/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines of a topology in a file, run on the test driver: rows of inputs and what comes of each, in the topics out, a and b. What is written
 * is told as text, "KEY=VALUE@TIMESTAMP" for each record with spaces between, null as "null", int64 as a number; keys of windows are
 * "KEY[START]" and of sessions "KEY[START,END]".
 */
#ifndef AQ_TESTS_FORM_RUN_H
#define AQ_TESTS_FORM_RUN_H

#include "aqueduct/number.h"
#include "streams/driver.h"
#include "streams/serde/windowed_key.h"
#include "tests/unit/streams/form_world.h"

/* One record of an input topic, and all that comes of it. */
struct form_step {
    const char *topic, *key, *value; /* value NULL: a tombstone */
    int64_t ms;
    const char *expected;
};

struct form_run {
    struct cli_config config;
    struct st_driver *driver;
};

static inline void form_run_open(struct form_run *run, const char *head, const char *lines,
                                 int32_t partitions)
{
    struct aq_err err = {0};
    char *text = t_printf("%s%s" TAIL, head, lines);
    cli_config_load(&run->config, "t.conf", text, NULL, 0);
    char *said = printed(&run->config.diags);
    T_CHECK(run->config.diags.errors == 0, "%s\n%s", text, said);
    const struct st_driver_setup setup = {.settings = &run->config.settings,
                                          .topology = run->config.streams.topology,
                                          .partitions = partitions};
    run->driver = st_driver_create(&setup, &err);
    T_CHECK(run->driver != NULL, "%s: %s", lines, err.text);
    free(said);
    free(text);
}

static inline void form_run_close(struct form_run *run)
{
    struct aq_err err = {0};
    int rc = st_driver_close(run->driver, &err);
    T_CHECK(rc == 0, "%s", err.text);
    st_driver_destroy(run->driver);
    cli_config_finish(&run->config);
}

static inline const char *form_text(struct aq_slice bytes, const struct st_serde *serde, char *buf,
                                    size_t size)
{
    const struct st_serde *inner = serde ? st_serde_inner(serde) : NULL;
    struct st_windowed_key key;
    if (!bytes.ptr) return "null";
    if (inner) {
        bool session = strncmp(st_serde_name(serde), "session", 7) == 0;
        assert_int_equal(st_windowed_key_decode(session ? ST_KEY_SESSION : ST_KEY_TIME, bytes, &key, NULL),
                         0);
        int n = snprintf(buf, size, "%.*s[%lld", (int)key.key.len, key.key.ptr, (long long)key.start);
        if (session) n += snprintf(buf + n, size - (size_t)n, ",%lld", (long long)key.end);
        snprintf(buf + n, size - (size_t)n, "]");
    } else if (serde && strcmp(st_serde_name(serde), "int64") == 0) {
        snprintf(buf, size, "%lld", (long long)aq_be64_get(bytes.ptr));
    } else {
        snprintf(buf, size, "%.*s", (int)bytes.len, bytes.ptr);
    }
    return buf;
}

static inline void form_tell(struct form_run *run, char *told, size_t size)
{
    static const char *const topics[] = {"out", "a", "b"};
    char key[128], value[512];
    struct kc_sim_record rec;
    told[0] = '\0';
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        struct st_serdes serdes = st_driver_writes(run->driver, topics[i]);
        while (st_driver_read(run->driver, topics[i], &rec))
            t_note(told, size, "%s=%s@%lld", form_text(rec.key, serdes.key, key, sizeof(key)),
                   form_text(rec.value, serdes.value, value, sizeof(value)), (long long)rec.timestamp);
    }
}

static inline void form_take(struct form_run *run, const struct form_step *steps, size_t n)
{
    char told[4096];
    struct aq_err err = {0};
    for (size_t i = 0; i < n; i++) {
        const struct form_step *step = &steps[i];
        const struct kc_sim_record rec = {.partition = -1,
                                          .key = aq_slice_str(step->key),
                                          .value = aq_slice_str(step->value),
                                          .timestamp = step->ms};
        int rc = st_driver_pipe(run->driver, step->topic, &rec, &err);
        T_CHECK(rc == 0, "%s %s=%s: %s", step->topic, step->key, step->value, err.text);
        form_tell(run, told, sizeof(told));
        T_CHECK(strcmp(told, step->expected) == 0, "%s %s=%s@%lld: '%s', not '%s'", step->topic,
                step->key ? step->key : "null", step->value ? step->value : "null", (long long)step->ms, told,
                step->expected);
    }
}

/* The lines from start to end. */
#define FORM_RUN_BEHIND(head, lines, steps)                          \
    do {                                                             \
        struct form_run run_;                                        \
        form_run_open(&run_, head, lines, 3);                        \
        form_take(&run_, steps, sizeof(steps) / sizeof((steps)[0])); \
        form_run_close(&run_);                                       \
    } while (0)
#define FORM_RUN(lines, steps) FORM_RUN_BEHIND(HEAD, lines, steps)

#endif
