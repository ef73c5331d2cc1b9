/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of the Processor API, in the test driver.
 */
#include "aqueduct/store.h"
#include "aqueduct/testdriver.h"
#include "tests/lib/check.h"

struct world {
    struct aq_streams_builder *builder;
    struct aq_test_driver *driver;
};

/* in -> p -> out, with the store "seen" of p. */
static void begin(struct world *w, const struct aq_processor *processor)
{
    static const char *const topics[] = {"in"}, *in[] = {"in"}, *p[] = {"p"};
    const struct aq_consumed consumed = {
        .topics = topics, .n_topics = 1, .key_serde = "string", .value_serde = "string"};
    w->builder = aq_streams_builder_create("app");
    aq_topology_add_source(w->builder, "in", &consumed);
    aq_topology_add_processor(w->builder, "p", processor, NULL, in, 1);
    aq_topology_add_sink(w->builder, "out", "out", p, 1);
    aq_topology_add_store(w->builder, "seen", NULL);
    aq_topology_connect_store(w->builder, "p", "seen");
    T_CHECK(aq_streams_error(w->builder) == NULL, "%s", aq_streams_error(w->builder));
    w->driver = aq_test_driver_create(w->builder, NULL);
}

static void end(struct world *w)
{
    aq_test_driver_destroy(w->driver);
    aq_streams_builder_destroy(w->builder);
}

static void pipe(struct world *w, const char *key, const char *value)
{
    const struct aq_test_record rec = {.key = aq_slice_str(key),
                                       .value = aq_slice_str(value),
                                       .timestamp = 5,
                                       .partition = AQ_TEST_ANY_PARTITION};
    aq_test_driver_pipe(w->driver, "in", &rec);
    T_CHECK(!aq_test_driver_error(w->driver), "%s", aq_test_driver_error(w->driver));
}

static void expect(struct world *w, const char *topic, const char *json)
{
    const char *line = aq_test_driver_read_json(w->driver, topic);
    T_CHECK(line && strcmp(line, json) == 0, "%s", line ? line : "nothing");
}

/* ---- what was there before ---------------------------------------------------------------------------------------- */

/* Sends on what the store had for the key, and keeps the value; "-" deletes it. */
static int swap(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    struct aq_store *seen = aq_processor_store(ctx, "seen");
    struct aq_slice old;
    int rc = seen ? aq_store_get(ctx, seen, record->key, &old) : -1;
    if (rc < 0) return rc;
    struct aq_stream_record out = *record;
    out.value = aq_stream_copy(ctx, old);
    bool away = aq_slice_equal(record->value, aq_slice_str("-"));
    rc = aq_store_put(ctx, seen, record->key, away ? (struct aq_slice){0} : record->value);
    return rc < 0 ? rc : aq_processor_forward(ctx, &out);
}

static void a_store_remembers(void **state)
{
    (void)state;
    const struct aq_processor swapping = {.abi = AQ_PROCESSOR_ABI, .process = swap};
    struct world w;
    begin(&w, &swapping);
    pipe(&w, "a", "1");
    pipe(&w, "a", "2");
    pipe(&w, "a", "-");
    pipe(&w, "a", "3");
    expect(&w, "out", "{\"key\":\"a\",\"value\":null,\"timestamp\":5}");
    expect(&w, "out", "{\"key\":\"a\",\"value\":\"1\",\"timestamp\":5}");
    expect(&w, "out", "{\"key\":\"a\",\"value\":\"2\",\"timestamp\":5}");
    expect(&w, "out", "{\"key\":\"a\",\"value\":null,\"timestamp\":5}");
    end(&w);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------- */

struct list {
    char text[64];
    int left;
};

static int add_key(void *user, struct aq_slice key, struct aq_slice value)
{
    struct list *list = user;
    t_note(list->text, sizeof(list->text), "%.*s=%.*s", (int)key.len, key.ptr, (int)value.len, value.ptr);
    return --list->left == 0;
}

/* Keeps the record and sends on what lies between "b" and "d", two at most. */
static int list_some(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    struct aq_store *seen = aq_processor_store(ctx, "seen");
    struct list list = {.left = 2};
    aq_store_put(ctx, seen, record->key, record->value);
    int rc = aq_store_range(ctx, seen, aq_slice_str("b"), aq_slice_str("d"), add_key, &list);
    if (rc < 0) return rc;
    struct aq_stream_record out = *record;
    out.value = aq_stream_copy(ctx, aq_slice_str(list.text));
    return aq_processor_forward(ctx, &out);
}

static void a_range_is_in_order_and_can_be_left(void **state)
{
    (void)state;
    const struct aq_processor listing = {.abi = AQ_PROCESSOR_ABI, .process = list_some};
    struct world w;
    begin(&w, &listing);
    pipe(&w, "e", "5");
    pipe(&w, "d", "4");
    pipe(&w, "b", "2");
    pipe(&w, "c", "3");
    expect(&w, "out", "{\"key\":\"e\",\"value\":\"\",\"timestamp\":5}");
    expect(&w, "out", "{\"key\":\"d\",\"value\":\"d=4\",\"timestamp\":5}");
    expect(&w, "out", "{\"key\":\"b\",\"value\":\"b=2 d=4\",\"timestamp\":5}");
    expect(&w, "out", "{\"key\":\"c\",\"value\":\"b=2 c=3\",\"timestamp\":5}");
    end(&w);
}

/* ---- mistakes ----------------------------------------------------------------------------------------------------- */

static int ask_for_another(struct aq_processor_context *ctx, void *state,
                           const struct aq_stream_record *record)
{
    (void)state;
    (void)record;
    return aq_processor_store(ctx, "others") ? 0 : -1;
}

static int put_null(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    return aq_store_put(ctx, aq_processor_store(ctx, "seen"), (struct aq_slice){0}, record->value);
}

static void expect_failure(int (*process)(struct aq_processor_context *, void *,
                                          const struct aq_stream_record *),
                           const char *reason)
{
    const struct aq_processor processor = {.abi = AQ_PROCESSOR_ABI, .process = process};
    struct world w;
    begin(&w, &processor);
    const struct aq_test_record rec = {.key = aq_slice_str("k"), .value = aq_slice_str("v")};
    assert_true(aq_test_driver_pipe(w.driver, "in", &rec) < 0);
    T_CHECK(strstr(aq_test_driver_error(w.driver), reason), "%s", aq_test_driver_error(w.driver));
    end(&w);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    expect_failure(ask_for_another, "'p' is connected to no store 'others'");
    expect_failure(put_null, "a store has no null key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_remembers),
        cmocka_unit_test(a_range_is_in_order_and_can_be_left),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
