/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of the C DSL (aqueduct/table.h), in the test driver.
 */
#include "aqueduct/application.h"
#include "aqueduct/store.h"
#include "tests/unit/streams/dsl_world.h"

/* ---- one table ---------------------------------------------------------------------------------------------------- */

static bool is_long(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)user;
    if (aq_slice_equal(record->value, aq_slice_str("bad"))) aq_processor_fail(ctx, "a bad value");
    return record->value.len > 2;
}

static int doubled(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                   struct aq_slice *ret)
{
    assert_string_equal(user, "mine");
    assert_non_null(record->value.ptr);
    assert_string_equal(aq_processor_name(ctx), "doubled");
    if (record->value.len == 1) *ret = aq_slice_null();
    if (record->value.len > 2) *ret = dsl_text(ctx, record->value, "", record->value);
    return 0;
}

static void a_topic_is_a_table_and_its_changes_are_a_stream(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_table *t = dsl_table(b, "t", &at_once);
    assert_string_equal(aq_table_name(t), "t");
    assert_string_equal(aq_table_store(t), "t");
    dsl_out(t);
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=1@5 t l=2@6 t k=3@4 t k=@7 t k=4@8");
    dsl_expect(&w, "k=1@5 l=2@6 k=3@4 k=null@7 k=4@8");
    dsl_end(&w);
}

static void a_stream_becomes_a_table_and_a_new_key_goes_through_a_topic(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_stream *in = aq_stream_select_key(dsl_stream(b, "in"), "head", dsl_head, NULL);
    const struct aq_materialized how = {.store = "last", .without_cache = true, .in_memory = true};
    dsl_out(aq_stream_to_table(in, "t", &how));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "in k=a:1@5 in l=a:2@6 in m=nothing@7 in m=b:1@8");
    dsl_expect(&w, "a=a:1@5 a=a:2@6 b=b:1@8");
    struct aq_test_row row;
    assert_true(aq_test_driver_row(w.driver, "last", aq_slice_str("a"), &row));
    T_CHECK(aq_slice_equal(row.value, aq_slice_str("a:2")) && row.timestamp == 6, "%lld",
            (long long)row.timestamp);
    T_CHECK(row.start_ms == 0 && row.end_ms == 0 && aq_slice_equal(row.key, aq_slice_str("a")), "a window");
    dsl_end(&w);
}

static void rows_that_do_not_pass_a_filter_are_gone(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_table *t = dsl_table(b, "t", &at_once);
    dsl_out(aq_table_filter(t, "long", is_long, NULL, NULL));
    aq_stream_to(aq_table_to_stream(aq_table_filter_not(t, "short", is_long, NULL, NULL), "changes2"), "out2",
                 "out2");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=abc@1 t k=ab@2 t k=a@3 t k=@4 t l=@5");
    dsl_expect(&w, "k=abc@1 k=null@2");
    dsl_expect_of(&w, "out2", "k=ab@2 k=a@3 k=null@4");
    assert_false(dsl_try(&w, "t", "k", "bad", 6));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "'long': a bad value"), "%s",
            aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);
}

static void compat_is_silent_about_rows_of_kept_tables_that_never_passed(void **state)
{
    (void)state;
    static const char *const properties[] = {"compat=kafka-streams"};
    const struct aq_test_options options = {.properties = properties, .n_properties = 1};
    struct aq_streams_builder *b = dsl_builder();
    assert_int_equal(aq_streams_compat(b), 0);
    struct aq_table *t = dsl_table(b, "t", &at_once), *s = dsl_table(b, "s", &at_once);
    dsl_out(aq_table_filter(t, "long", is_long, NULL, NULL));
    struct aq_table *f = aq_table_filter(s, "f", is_long, NULL, NULL);
    aq_stream_to(aq_table_to_stream(f, "changes2"), "out2", "out2");
    struct aq_grouped *g = aq_table_group_by(aq_table_map_values(f, "doubled", doubled, "mine", NULL), "g",
                                             dsl_head, NULL, NULL);
    aq_stream_to(aq_table_to_stream(aq_grouped_count(g, "n", &at_once), "changes3"), "out3", "out3");
    struct dsl_world w = {.builder = b, .driver = aq_test_driver_create(b, &options)};
    dsl_in(&w, "t k=a@1 s k=a@2 s l=x:y@3");
    dsl_expect(&w, "");
    dsl_expect_of(&w, "out2", "l=x:y@3");
    w.numbers = true;
    dsl_expect_of(&w, "out3", "x=1@3");
    dsl_end(&w);

    b = dsl_builder();
    dsl_out(dsl_table(b, "t", NULL));
    struct aq_test_driver *driver = aq_test_driver_create(b, &options);
    T_CHECK(strstr(aq_test_driver_error(driver), "aq_streams_compat()"), "%s", aq_test_driver_error(driver));
    aq_test_driver_destroy(driver);
    static const char *const servers[] = {"compat=kafka-streams", "bootstrap.servers=127.0.0.1:1",
                                          "default.key.serde=string", "default.value.serde=string"};
    struct aq_application *app = aq_application_create(b, servers, 4);
    T_CHECK(strstr(aq_application_error(app), "aq_streams_compat()"), "%s", aq_application_error(app));
    aq_application_destroy(app);
    aq_streams_builder_destroy(b);
}

static void values_of_a_table_are_mapped_and_may_be_kept(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_materialized how = {.store = "doubles", .value_serde = "string", .without_cache = true};
    struct aq_table *t = aq_table_map_values(dsl_table(b, "t", &at_once), "doubled", doubled, "mine", &how);
    assert_string_equal(aq_table_store(t), "doubles");
    dsl_out(t);
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=abc@1 t k=ab@2 t l=xyz@3 t k=a@4");
    dsl_expect(&w, "k=abcabc@1 k=ab@2 l=xyzxyz@3 k=null@4");
    struct aq_test_row row;
    assert_false(aq_test_driver_row(w.driver, "doubles", aq_slice_str("k"), &row));
    assert_true(aq_test_driver_row(w.driver, "doubles", aq_slice_str("l"), &row));
    assert_true(aq_slice_equal(row.value, aq_slice_str("xyzxyz")));
    dsl_end(&w);
}

/* ---- suppress ----------------------------------------------------------------------------------------------------- */

static void changes_are_held_back_for_a_time(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_suppressed calm = {.until = AQ_UNTIL_TIME_LIMIT, .limit_ms = 10};
    dsl_out(aq_table_suppress(dsl_table(b, "t", &at_once), "calm", &calm));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=1@5 t k=2@6 t l=1@15");
    dsl_expect(&w, "k=2@6");
    dsl_in(&w, "t m=1@25");
    dsl_expect(&w, "l=1@15");
    dsl_end(&w);
}

static void too_many_changes_go_on_early_or_fail(void **state)
{
    (void)state;
    struct aq_suppressed calm = {.until = AQ_UNTIL_TIME_LIMIT, .limit_ms = 1000, .max_records = 1};
    struct aq_streams_builder *b = dsl_builder();
    dsl_out(aq_table_suppress(dsl_table(b, "t", &at_once), "calm", &calm));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=1@5 t l=1@6 t m=1@7");
    dsl_expect(&w, "k=1@5 l=1@6");
    dsl_end(&w);

    calm.when_full = AQ_FULL_SHUT_DOWN;
    b = dsl_builder();
    dsl_out(aq_table_suppress(dsl_table(b, "t", &at_once), "calm", &calm));
    w = dsl_go(b);
    dsl_in(&w, "t k=1@5");
    assert_false(dsl_try(&w, "t", "l", "1", 6));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "calm"), "%s", aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);
}

/* ---- processors read the stores of tables ------------------------------------------------------------------------- */

static int each_row(void *user, struct aq_slice key, struct aq_slice value)
{
    t_note(user, 64, "%.*s:%.*s", (int)key.len, key.ptr, (int)value.len, value.ptr);
    return 0;
}

static int read_table(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    char text[64] = "";
    struct aq_store *store = aq_processor_store(ctx, "t");
    struct aq_slice row;
    if (!store || aq_store_get(ctx, store, record->key, &row) < 0) return -1;
    if (aq_slice_equal(record->value, aq_slice_str("put"))) return aq_store_put(ctx, store, record->key, row);
    t_note(text, sizeof(text), "%.*s", (int)row.len, row.ptr);
    if (aq_store_range(ctx, store, aq_slice_null(), aq_slice_null(), each_row, text) < 0) return -1;
    struct aq_stream_record out = *record;
    out.value = aq_stream_copy(ctx, aq_slice_str(text));
    return aq_processor_forward(ctx, &out);
}

static void processors_read_the_store_of_a_table_and_do_not_write_it(void **state)
{
    (void)state;
    static const struct aq_processor reader = {.abi = AQ_PROCESSOR_ABI, .process = read_table};
    struct aq_streams_builder *b = dsl_builder();
    dsl_table(b, "t", NULL);
    aq_stream_to(aq_stream_process(dsl_stream(b, "in"), "reader", &reader, NULL), "out", "out");
    aq_topology_connect_store(b, "reader", "t");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=1@5 t l=2@6 in k=x@7");
    dsl_expect(&w, "k=1 k:1 l:2@7");
    assert_false(dsl_try(&w, "in", "k", "put", 8));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "that of a table"), "%s", aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);

    const struct aq_materialized how = {.history_ms = 10};
    b = dsl_builder();
    dsl_table(b, "t", &how);
    aq_stream_to(aq_stream_process(dsl_stream(b, "in"), "reader", &reader, NULL), "out", "out");
    aq_topology_connect_store(b, "reader", "t");
    w = dsl_go(b);
    assert_false(dsl_try(&w, "in", "k", "x", 8));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "not of keys and values"), "%s",
            aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);
}

/* ---- mistakes ----------------------------------------------------------------------------------------------------- */

static void mistakes_name_the_node_and_what_to_do(void **state)
{
    (void)state;
    const char *const two[] = {"t", "u"};
    struct aq_consumed consumed = {.topics = two, .n_topics = 2};
    struct aq_streams_builder *b = dsl_builder();
    aq_table_from(b, "t", &consumed, NULL);
    dsl_refused(b, "table 't': a table is of one topic");

    b = dsl_builder();
    struct aq_table *t = dsl_table(b, "t", NULL);
    assert_null(aq_table_filter(t, "f", NULL, NULL, NULL));
    assert_null(dsl_table(b, "u", NULL));
    assert_null(aq_table_to_stream(t, "s"));
    dsl_refused(b, "filter 'f': the function it is to call is NULL");

    b = dsl_builder();
    aq_table_map_values(dsl_table(b, "t", NULL), "m", NULL, NULL, NULL);
    dsl_refused(b, "map_values 'm': the function");

    b = dsl_builder();
    dsl_table(b, "t", NULL);
    const struct aq_materialized same = {.store = "t"};
    aq_stream_to_table(dsl_stream(b, "in"), "u", &same);
    dsl_refused(b, "'t'");

    b = dsl_builder();
    aq_table_filter(dsl_table(b, "t", NULL), "t", is_long, NULL, NULL);
    dsl_refused(b, "'t'");

    struct aq_materialized how = {.value_serde = "string"};
    b = dsl_builder();
    dsl_table(b, "t", &how);
    dsl_refused(b, "table 't': value_serde");

    b = dsl_builder();
    how = (struct aq_materialized){.value_serde = "strange"};
    aq_table_map_values(dsl_table(b, "t", NULL), "m", doubled, NULL, &how);
    dsl_refused(b, "map_values 'm': value_serde: ");

    b = dsl_builder();
    how = (struct aq_materialized){.history_ms = 5};
    aq_table_map_values(dsl_table(b, "t", NULL), "m", doubled, NULL, &how);
    dsl_refused(b, "only tables of topics and streams have a history");

    b = dsl_builder();
    how = (struct aq_materialized){.history_ms = -5};
    dsl_table(b, "t", &how);
    dsl_refused(b, "history_ms is -5");

    b = dsl_builder();
    how = (struct aq_materialized){.in_memory = true};
    aq_table_filter(dsl_table(b, "t", NULL), "f", is_long, NULL, &how);
    dsl_refused(b, "table 'f': its options say how rows are kept: name a store");

    b = dsl_builder();
    dsl_table(b, "t", NULL);
    assert_true(aq_streams_compat(b) < 0);
    dsl_refused(b, "call aq_streams_compat() before anything is added");

    assert_null(aq_table_filter(NULL, "f", is_long, NULL, NULL));
    assert_null(aq_table_name(NULL));
    assert_null(aq_table_store(NULL));
}

static void mistakes_with_suppress_are_told(void **state)
{
    (void)state;
    static const struct {
        struct aq_suppressed how;
        const char *part;
    } rows[] = {
        {{.until = AQ_UNTIL_TIME_LIMIT}, "limit_ms is needed"},
        {{.until = AQ_UNTIL_WINDOW_CLOSES}, "no windows that could close"},
        {{.limit_ms = 5, .when_full = AQ_FULL_SHUT_DOWN}, "nothing is ever full"},
        {{.limit_ms = 5, .close_idle_ms = 5}, "close_idle_ms closes windows"},
        {{.limit_ms = 5, .close_idle_ms = -5}, "close_idle_ms is negative"},
        {{.until = (enum aq_suppress_until)7, .limit_ms = 5}, "until is neither"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        assert_null(aq_table_suppress(dsl_table(b, "t", NULL), "s", &rows[i].how));
        dsl_refused(b, rows[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_a_table_and_its_changes_are_a_stream),
        cmocka_unit_test(a_stream_becomes_a_table_and_a_new_key_goes_through_a_topic),
        cmocka_unit_test(rows_that_do_not_pass_a_filter_are_gone),
        cmocka_unit_test(compat_is_silent_about_rows_of_kept_tables_that_never_passed),
        cmocka_unit_test(values_of_a_table_are_mapped_and_may_be_kept),
        cmocka_unit_test(changes_are_held_back_for_a_time),
        cmocka_unit_test(too_many_changes_go_on_early_or_fail),
        cmocka_unit_test(processors_read_the_store_of_a_table_and_do_not_write_it),
        cmocka_unit_test(mistakes_name_the_node_and_what_to_do),
        cmocka_unit_test(mistakes_with_suppress_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
