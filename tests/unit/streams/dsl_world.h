/* SPDX-License-Identifier: Apache-2.0
 *
 * Topologies of the C DSL in the test driver: rows of inputs as text, and what comes out as text.
 *
 * In: "TOPIC KEY=VALUE@TIME", one behind the other, separated by spaces: "a k=1@5 b k=@6" (nothing behind "=": null).
 * Out: "KEY=VALUE@TIME" of one topic; keys of windows are "KEY[START,END]".
 */
#ifndef AQ_TESTS_DSL_WORLD_H
#define AQ_TESTS_DSL_WORLD_H

#include "aqueduct/grouped.h"
#include "aqueduct/joins.h"
#include "aqueduct/testdriver.h"
#include "tests/lib/check.h"

struct dsl_world {
    struct aq_streams_builder *builder;
    struct aq_test_driver *driver;
    const struct aq_windows *windows; /* of the keys that come out; NULL: none */
    bool numbers;                     /* values that come out are int64 */
    char text[4000];
};

__attribute__((unused)) static struct aq_streams_builder *dsl_builder(void)
{
    return aq_streams_builder_create("app");
}

/* Keys and values are strings. */
__attribute__((unused)) static struct aq_consumed dsl_consumed(const char *const *topic)
{
    return (struct aq_consumed){
        .topics = topic, .n_topics = 1, .key_serde = "string", .value_serde = "string"};
}

__attribute__((unused)) static struct aq_stream *dsl_stream(struct aq_streams_builder *builder,
                                                            const char *name)
{
    const struct aq_consumed consumed = dsl_consumed(&name);
    return aq_stream_from(builder, name, &consumed);
}

__attribute__((unused)) static struct aq_table *dsl_table(struct aq_streams_builder *builder,
                                                          const char *name, const struct aq_materialized *how)
{
    const struct aq_consumed consumed = dsl_consumed(&name);
    return aq_table_from(builder, name, &consumed, how);
}

/* Every change at once, so that tests see all of them. */
static const struct aq_materialized at_once = {.without_cache = true};

__attribute__((unused)) static void dsl_out(struct aq_table *table)
{
    aq_stream_to(aq_table_to_stream(table, "changes"), "out", "out");
}

__attribute__((unused)) static struct dsl_world dsl_go(struct aq_streams_builder *builder)
{
    struct dsl_world w = {.builder = builder};
    T_CHECK(!aq_streams_error(builder), "%s", aq_streams_error(builder));
    w.driver = aq_test_driver_create(builder, NULL);
    T_CHECK(!aq_test_driver_error(w.driver), "%s", aq_test_driver_error(w.driver));
    return w;
}

__attribute__((unused)) static void dsl_end(struct dsl_world *w)
{
    int rc = aq_test_driver_close(w->driver);
    T_CHECK(rc == 0, "%s", aq_test_driver_error(w->driver));
    aq_test_driver_destroy(w->driver);
    aq_streams_builder_destroy(w->builder);
}

/* Whether it was taken; the driver has the reason. */
__attribute__((unused)) static bool dsl_try(struct dsl_world *w, const char *topic, const char *key,
                                            const char *value, int64_t time_ms)
{
    const struct aq_test_record record = {.key = aq_slice_str(key),
                                          .value = *value ? aq_slice_str(value) : aq_slice_null(),
                                          .timestamp = time_ms,
                                          .partition = AQ_TEST_ANY_PARTITION};
    return aq_test_driver_pipe(w->driver, topic, &record) == 0;
}

__attribute__((unused)) static void dsl_in(struct dsl_world *w, const char *rows)
{
    char topic[32], key[32], value[64];
    long long time;
    int n = 0;
    for (const char *at = rows; *at; at += n) {
        value[0] = 0;
        bool null = sscanf(at, " %31s %31[^=]=@%lld%n", topic, key, &time, &n) == 3;
        if (!null && sscanf(at, " %31s %31[^=]=%63[^@]@%lld%n", topic, key, value, &time, &n) != 4)
            T_FAIL("no row: %s", at);
        T_CHECK(dsl_try(w, topic, key, value, time), "%s: %s", at, aq_test_driver_error(w->driver));
    }
}

static void dsl_print_key(struct dsl_world *w, FILE *out, struct aq_slice bytes)
{
    struct aq_windowed_key key = {.key = bytes};
    if (w->windows) assert_true(aq_read_windowed_key(bytes, w->windows, &key));
    fprintf(out, "%.*s", (int)key.key.len, key.key.ptr);
    if (w->windows) fprintf(out, "[%lld,%lld]", (long long)key.start_ms, (long long)key.end_ms);
}

static void dsl_print_value(const struct dsl_world *w, FILE *out, struct aq_slice value)
{
    int64_t number = 0;
    if (!value.ptr)
        fputs("null", out);
    else if (w->numbers && aq_read_int64(value, &number))
        fprintf(out, "%lld", (long long)number);
    else
        fprintf(out, "%.*s", (int)value.len, value.ptr);
}

/* All that the topic has, not read yet. */
__attribute__((unused)) static void dsl_expect_of(struct dsl_world *w, const char *topic,
                                                  const char *expected)
{
    struct aq_test_record record;
    FILE *out = fmemopen(w->text, sizeof(w->text), "w");
    assert_non_null(out);
    for (int i = 0; aq_test_driver_read(w->driver, topic, &record); i++) {
        if (i) fputc(' ', out);
        dsl_print_key(w, out, record.key);
        fputc('=', out);
        dsl_print_value(w, out, record.value);
        fprintf(out, "@%lld", (long long)record.timestamp);
    }
    fclose(out);
    T_CHECK(strcmp(w->text, expected) == 0, "%s: %s", topic, w->text);
    w->text[0] = 0;
}

__attribute__((unused)) static void dsl_expect(struct dsl_world *w, const char *expected)
{
    dsl_expect_of(w, "out", expected);
}

/* The builder's error, which has this part; the builder is gone afterwards. */
__attribute__((unused)) static void dsl_refused(struct aq_streams_builder *builder, const char *part)
{
    const char *error = aq_streams_error(builder);
    T_CHECK(error && strstr(error, part), "%s", error ? error : "no error");
    aq_streams_builder_destroy(builder);
}

/* ---- callbacks ----------------------------------------------------------------------------------------------------- */

__attribute__((unused)) static struct aq_slice dsl_text(struct aq_processor_context *ctx, struct aq_slice a,
                                                        const char *between, struct aq_slice b)
{
    if (!a.ptr) a = aq_slice_str("null");
    if (!b.ptr) b = aq_slice_str("null");
    size_t n = strlen(between);
    char *bytes = aq_stream_alloc(ctx, a.len + n + b.len + 1);
    memcpy(bytes, a.ptr, a.len);
    memcpy(bytes + a.len, between, n);
    memcpy(bytes + a.len + n, b.ptr, b.len);
    return aq_slice_of(bytes, a.len + n + b.len);
}

/* "left-right"; "bad" on the left fails. */
__attribute__((unused)) static int dsl_pair(struct aq_processor_context *ctx, struct aq_slice key,
                                            struct aq_slice left, struct aq_slice right, void *user,
                                            struct aq_slice *ret)
{
    (void)key;
    if (aq_slice_equal(left, aq_slice_str("bad"))) return aq_processor_fail(ctx, "a bad left side");
    *ret = dsl_text(ctx, left, user ? user : "-", right);
    return 0;
}

/* What the value begins with, up to a ":"; null when there is none. */
__attribute__((unused)) static int dsl_head(struct aq_processor_context *ctx,
                                            const struct aq_stream_record *record, void *user,
                                            struct aq_slice *ret)
{
    (void)ctx;
    (void)user;
    const char *colon = memchr(record->value.ptr, ':', record->value.len);
    *ret = colon ? aq_slice_of(record->value.ptr, (size_t)(colon - record->value.ptr)) : aq_slice_null();
    return 0;
}

#endif
