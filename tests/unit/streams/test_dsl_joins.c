/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins of the C DSL (aqueduct/joins.h), in the test driver.
 */
#include "tests/unit/streams/dsl_world.h"

/* ---- two streams -------------------------------------------------------------------------------------------------- */

typedef struct aq_stream *stream_join(struct aq_stream *left, const char *name, struct aq_stream *right,
                                      const struct aq_join_windows *windows, aq_joiner join, void *user,
                                      const struct aq_joined *how);

static void streams_are_joined_when_their_times_are_near(void **state)
{
    (void)state;
    static const struct {
        stream_join *join;
        const char *out;
    } rows[] = {
        {aq_stream_join, "k=a-x@5 k=b-x@20"},
        {aq_stream_left_join, "k=a-x@5 k=b-x@20 l=c-null@1 k=d-null@21"},
        {aq_stream_outer_join, "k=a-x@5 k=b-x@20 l=c-null@1 m=null-y@2 k=d-null@21"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        const struct aq_join_windows windows = {.before_ms = 15, .after_ms = 5, .grace_ms = 100};
        const struct aq_joined how = {.store = "kept", .in_memory = true, .value_serde = "string"};
        struct aq_stream *joined =
            rows[i].join(dsl_stream(b, "a"), "j", dsl_stream(b, "b"), &windows, dsl_pair, NULL, &how);
        aq_stream_to(joined, "out", "out");
        struct dsl_world w = dsl_go(b);
        dsl_in(&w, "a k=a@1 a l=c@1 b k=x@5 b m=y@2 a k=b@20 a k=d@21 b k=late@1000");
        dsl_expect(&w, rows[i].out);
        struct aq_test_row row;
        assert_false(aq_test_driver_row(w.driver, "kept-left", aq_slice_str("k"), &row));
        T_CHECK(strstr(aq_test_driver_error(w.driver), "for its operator alone"), "%s",
                aq_test_driver_error(w.driver));
        aq_test_driver_destroy(w.driver);
        aq_streams_builder_destroy(b);
    }
}

static void streams_with_new_keys_meet_through_topics(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_join_windows near = aq_join_within(10, 0);
    struct aq_stream *a = aq_stream_select_key(dsl_stream(b, "a"), "head-a", dsl_head, NULL),
                     *c = aq_stream_select_key(dsl_stream(b, "b"), "head-b", dsl_head, NULL);
    aq_stream_to(aq_stream_join(a, "j", c, &near, dsl_pair, "/", NULL), "out", "out");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "a p=k:1@1 b q=k:2@2 b q=l:2@2");
    dsl_expect(&w, "k=k:1/k:2@2");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    aq_streams_describe(b, out);
    fclose(out);
    T_CHECK(strstr(text, "app-j-left-by-repartition") && strstr(text, "app-j-right-by-repartition"), "%s",
            text);
    free(text);
    dsl_end(&w);
}

static void a_stream_is_joined_with_itself(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_join_windows near = aq_join_within(10, 0);
    struct aq_stream *a = dsl_stream(b, "a");
    aq_stream_to(aq_stream_join(a, "j", a, &near, dsl_pair, NULL, NULL), "out", "out");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "a k=1@1");
    dsl_expect(&w, "k=1-1@1");
    assert_false(dsl_try(&w, "a", "k", "bad", 2));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "a bad left side"), "%s", aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);
}

/* ---- a stream and a table ----------------------------------------------------------------------------------------- */

static void records_get_the_row_of_their_key(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_stream *in = dsl_stream(b, "in");
    struct aq_table *t = dsl_table(b, "t", NULL);
    aq_stream_to(aq_stream_join_table(in, "j", t, dsl_pair, NULL, NULL), "out", "out");
    aq_stream_to(aq_stream_left_join_table(in, "l", t, dsl_pair, NULL, NULL), "out2", "out2");
    struct aq_stream *headed = aq_stream_select_key(in, "head", dsl_head, NULL);
    aq_stream_to(aq_stream_join_table(headed, "h", t, dsl_pair, NULL, NULL), "out3", "out3");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "in k=k:1@1 t k=x@9 in k=k:2@2 in l=3@3 t k=@10 in k=4@4");
    dsl_expect(&w, "k=k:2-x@2");
    dsl_expect_of(&w, "out2", "k=k:1-null@1 k=k:2-x@2 l=3-null@3 k=4-null@4");
    dsl_expect_of(&w, "out3", "k=k:2-x@2");
    dsl_end(&w);
}

static void a_table_with_a_history_shows_rows_as_they_were(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_materialized history = {.history_ms = 100};
    const struct aq_joined waiting = {.grace_ms = 10};
    struct aq_stream *in = dsl_stream(b, "in");
    struct aq_table *t = dsl_table(b, "t", &history);
    aq_stream_to(aq_stream_join_table(in, "j", t, dsl_pair, NULL, NULL), "out", "out");
    aq_stream_to(aq_stream_left_join_table(in, "w", t, dsl_pair, NULL, &waiting), "out2", "out2");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=old@10 t k=new@20 in k=a@15 in k=b@25 t k=newer@22 in k=c@36");
    dsl_expect(&w, "k=a-old@15 k=b-new@25 k=c-newer@36");
    dsl_expect_of(&w, "out2", "k=a-old@15 k=b-newer@25");
    struct aq_test_row row;
    assert_true(aq_test_driver_row(w.driver, "t", aq_slice_str("k"), &row));
    T_CHECK(aq_slice_equal(row.value, aq_slice_str("newer")) && row.timestamp == 22, "%lld",
            (long long)row.timestamp);
    assert_false(aq_test_driver_row(w.driver, "t", aq_slice_str("l"), &row));
    assert_null(aq_test_driver_error(w.driver));
    dsl_end(&w);
}

/* ---- a stream and a global table ---------------------------------------------------------------------------------- */

static void records_get_the_row_of_any_key_of_a_global_table(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const char *topic = "g";
    const struct aq_consumed consumed = dsl_consumed(&topic);
    struct aq_global_table *g = aq_global_table_from(b, "g", &consumed);
    struct aq_stream *in = dsl_stream(b, "in");
    aq_stream_to(aq_stream_join_global(in, "j", g, dsl_head, dsl_pair, NULL, NULL), "out", "out");
    aq_stream_to(aq_stream_left_join_global(in, "l", g, NULL, dsl_pair, NULL, NULL), "out2", "out2");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "g k=x@9 in m=k:1@1 in m=none@2 in k=l:1@3 g k=@10 in k=k:2@4");
    dsl_expect(&w, "m=k:1-x@1");
    dsl_expect_of(&w, "out2", "m=k:1-null@1 m=none-null@2 k=l:1-x@3 k=k:2-null@4");
    dsl_in(&w, "g k=y@11");
    struct aq_test_row row;
    assert_true(aq_test_driver_row(w.driver, "g", aq_slice_str("k"), &row));
    assert_true(aq_slice_equal(row.value, aq_slice_str("y")) && row.timestamp == 11);
    assert_false(aq_test_driver_row(w.driver, "g", aq_slice_str("l"), &row));
    assert_null(aq_test_driver_error(w.driver));
    dsl_end(&w);
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

typedef struct aq_table *table_join(struct aq_table *left, const char *name, struct aq_table *right,
                                    aq_joiner join, void *user, const struct aq_materialized *how);

static void tables_have_a_row_for_each_key(void **state)
{
    (void)state;
    static const struct {
        table_join *join;
        const char *out;
    } rows[] = {
        {aq_table_join, "k=a-x@2 k=null@4"},
        {aq_table_left_join, "k=a-null@1 k=a-x@2 k=a-null@4"},
        {aq_table_outer_join, "k=a-null@1 k=a-x@2 l=null-y@3 k=a-null@4"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        struct aq_table *left = dsl_table(b, "a", &at_once), *right = dsl_table(b, "b", &at_once);
        dsl_out(rows[i].join(left, "j", right, dsl_pair, NULL, NULL));
        struct dsl_world w = dsl_go(b);
        dsl_in(&w, "a k=a@1 b k=x@2 b l=y@3 b k=@4");
        dsl_expect(&w, rows[i].out);
        dsl_end(&w);
    }
}

static void joined_rows_are_kept_when_a_store_is_named(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_materialized kept = {.store = "pairs", .without_cache = true, .value_serde = "string"};
    struct aq_table *left = dsl_table(b, "a", &at_once), *right = dsl_table(b, "b", &at_once);
    struct aq_table *pairs = aq_table_join(left, "j", right, dsl_pair, NULL, &kept);
    dsl_out(aq_table_left_join(pairs, "again", left, dsl_pair, "+", NULL));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "a k=a@1 b k=x@2");
    dsl_expect(&w, "k=a-x+a@2");
    struct aq_test_row row;
    assert_true(aq_test_driver_row(w.driver, "pairs", aq_slice_str("k"), &row));
    assert_true(aq_slice_equal(row.value, aq_slice_str("a-x")) && row.timestamp == 2);
    dsl_end(&w);
}

static void tables_of_other_values_are_joined_when_the_result_is_said(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_table *n = aq_grouped_count(aq_stream_group_by_key(dsl_stream(b, "in"), "g"), "n", &at_once);
    struct aq_table *t = dsl_table(b, "t", &at_once);
    dsl_out(aq_table_join(t, "j", n, dsl_pair, NULL, NULL));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "in k=a@1 t k=x@2");
    char expected[] =
        "{\"key\":\"k\",\"value\":\"x-\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0001\","
        "\"timestamp\":2}";
    const char *got = aq_test_driver_read_json(w.driver, "out");
    T_CHECK(got && strcmp(got, expected) == 0, "%s", got ? got : "nothing");
    dsl_end(&w);
}

/* ---- foreign keys ------------------------------------------------------------------------------------------------- */

static void rows_get_the_row_they_name(void **state)
{
    (void)state;
    for (int left_alone = 0; left_alone < 2; left_alone++) {
        struct aq_streams_builder *b = dsl_builder();
        struct aq_table *left = dsl_table(b, "a", &at_once), *right = dsl_table(b, "b", &at_once);
        dsl_out(left_alone ? aq_table_foreign_key_left_join(left, "j", right, dsl_head, dsl_pair, NULL, NULL)
                           : aq_table_foreign_key_join(left, "j", right, dsl_head, dsl_pair, NULL, NULL));
        struct dsl_world w = dsl_go(b);
        dsl_in(&w, "b x=1@1 a k=x:a@2 a l=x:b@3 a m=none@4 b x=2@5 a k=y:a@6");
        dsl_expect(&w, left_alone ? "k=x:a-1@2 l=x:b-1@3 m=none-null@4 k=x:a-2@5 l=x:b-2@5 k=y:a-null@6"
                                  : "k=x:a-1@2 l=x:b-1@3 k=x:a-2@5 l=x:b-2@5 k=null@6");
        dsl_end(&w);
    }
}

static void foreign_keys_have_the_serde_of_the_right_table_and_results_that_of_the_left(void **state)
{
    (void)state;
    static const char *const properties[] = {"default.key.serde=bytes", "default.value.serde=json"};
    const struct aq_test_options options = {.properties = properties, .n_properties = 2};
    struct aq_streams_builder *b = dsl_builder();
    const char *topic = "b";
    const struct aq_consumed unsaid = {.topics = &topic, .n_topics = 1};
    const struct aq_materialized kept = {.store = "kept", .without_cache = true};
    struct aq_table *left = dsl_table(b, "a", &at_once), *right = aq_table_from(b, "b", &unsaid, &at_once);
    struct aq_table *t = aq_table_foreign_key_join(left, "j", right, dsl_head, dsl_pair, NULL, &kept);
    dsl_out(aq_grouped_count(aq_table_group_by(t, "g", dsl_head, NULL, NULL), "n", &at_once));
    aq_stream_to(aq_table_to_stream(t, "changes2"), "out2", "out2");
    struct dsl_world w = {.builder = b, .driver = aq_test_driver_create(b, &options)};
    dsl_in(&w, "b x=1@1 a k=x:a@2 a l=x:b@3");
    const char *got = aq_test_driver_read_json(w.driver, "out2");
    T_CHECK(got && strcmp(got, "{\"key\":\"k\",\"value\":\"x:a-1\",\"timestamp\":2}") == 0, "%s",
            got ? got : "nothing");
    w.numbers = true;
    dsl_expect(&w, "x=1@2 x=2@3");
    dsl_end(&w);
}

/* ---- mistakes ----------------------------------------------------------------------------------------------------- */

static bool yes(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)ctx;
    (void)record;
    (void)user;
    return true;
}

static void mistakes_with_tables_are_told(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    assert_null(aq_table_join(dsl_table(b, "a", NULL), "j", dsl_table(b, "b", NULL), NULL, NULL, NULL));
    dsl_refused(b, "join 'j': the function it is to call is NULL");

    b = dsl_builder();
    assert_null(aq_table_left_join(dsl_table(b, "a", NULL), "j", NULL, dsl_pair, NULL, NULL));
    dsl_refused(b, "left_join 'j': its other side is NULL");

    b = dsl_builder();
    struct aq_streams_builder *other = dsl_builder();
    assert_null(
        aq_table_outer_join(dsl_table(b, "a", NULL), "j", dsl_table(other, "b", NULL), dsl_pair, NULL, NULL));
    dsl_refused(b, "outer_join 'j': its other side is of another builder");
    aq_streams_builder_destroy(other);

    b = dsl_builder();
    struct aq_table *f = aq_table_filter(dsl_table(b, "a", NULL), "f", yes, NULL, NULL);
    assert_null(aq_table_join(f, "j", dsl_table(b, "b", NULL), dsl_pair, NULL, NULL));
    dsl_refused(b, "rows of 'f' cannot be looked up: it does not keep its rows: name a store");

    b = dsl_builder();
    const struct aq_windows windows = aq_tumbling_windows(10, 0);
    struct aq_grouped *g = aq_stream_group_by_key(dsl_stream(b, "in"), "g");
    struct aq_table *n = aq_grouped_count(aq_grouped_windowed_by(g, &windows), "n", NULL);
    assert_null(aq_table_join(n, "j", dsl_table(b, "b", NULL), dsl_pair, NULL, NULL));
    dsl_refused(b, "rows of 'n' cannot be looked up: its rows are of windows");

    b = dsl_builder();
    const struct aq_built_in mean = {.function = "avg", .as = "double"};
    n = aq_grouped_built_in(aq_stream_group_by_key(dsl_stream(b, "in"), "g"), "n", &mean, NULL);
    assert_null(aq_stream_join_table(dsl_stream(b, "s"), "j", n, dsl_pair, NULL, NULL));
    dsl_refused(b, "rows of 'n' cannot be looked up: its store has what results are made of");

    b = dsl_builder();
    const char *topic = "b";
    const struct aq_consumed numbers = {
        .topics = &topic, .n_topics = 1, .key_serde = "int64", .value_serde = "string"};
    struct aq_table *t = aq_table_from(b, "b", &numbers, NULL);
    assert_null(aq_table_join(dsl_table(b, "a", NULL), "j", t, dsl_pair, NULL, NULL));
    dsl_refused(b, "the keys of 'a' are string and those of 'b' int64; they never meet");

    b = dsl_builder();
    struct aq_table *a = dsl_table(b, "a", NULL);
    t = aq_table_foreign_key_join(a, "j", dsl_table(b, "b", NULL), dsl_head, dsl_pair, NULL, NULL);
    assert_null(aq_table_group_by(t, "g", dsl_head, NULL, NULL));
    dsl_refused(b, "the table 'j' does not know what its rows were");

    assert_null(aq_table_join(NULL, "j", NULL, dsl_pair, NULL, NULL));
}

static void mistakes_with_streams_are_told(void **state)
{
    (void)state;
    const struct aq_join_windows good = aq_join_within(10, 0);
    const struct {
        const struct aq_join_windows *windows;
        struct aq_joined how;
        const char *part;
    } rows[] = {
        {NULL, {.value_serde = NULL}, "join 'j': there are no windows (NULL)"},
        {&(const struct aq_join_windows){.before_ms = 5, .after_ms = -6},
         {.value_serde = NULL},
         "less than 0"},
        {&(const struct aq_join_windows){.before_ms = 5, .grace_ms = -6},
         {.value_serde = NULL},
         "grace_ms is negative"},
        {&good, {.grace_ms = 5}, "the grace of two streams is that of their windows"},
        {&good, {.grace_ms = -5}, "grace_ms is negative"},
        {&good, {.value_serde = "strange"}, "join 'j': value_serde"},
        {&good, {.store = "no name/"}, "no name/"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        assert_null(aq_stream_join(dsl_stream(b, "a"), "j", dsl_stream(b, "b"), rows[i].windows, dsl_pair,
                                   NULL, &rows[i].how));
        dsl_refused(b, rows[i].part);
    }
    struct aq_streams_builder *b = dsl_builder();
    assert_null(aq_stream_join(dsl_stream(b, "a"), "j", dsl_stream(b, "b"), &good, NULL, NULL, NULL));
    dsl_refused(b, "join 'j': the function it is to call is NULL");
    assert_null(aq_stream_outer_join(NULL, "j", NULL, &good, dsl_pair, NULL, NULL));
}

static void mistakes_with_a_stream_and_a_table_are_told(void **state)
{
    (void)state;
    static const struct {
        struct aq_joined how;
        const char *part;
    } rows[] = {
        {{.in_memory = true}, "store and in_memory are for two streams"},
        {{.grace_ms = 101}, "grace_ms: the table 't' has to know what its rows were"},
    };
    const struct aq_materialized history = {.history_ms = 100};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        struct aq_table *t = dsl_table(b, "t", &history);
        assert_null(aq_stream_join_table(dsl_stream(b, "in"), "j", t, dsl_pair, NULL, &rows[i].how));
        dsl_refused(b, rows[i].part);
    }
    const char *two[] = {"g", "h"};
    struct aq_consumed consumed = dsl_consumed(two);
    struct aq_streams_builder *b = dsl_builder();
    struct aq_global_table *g = aq_global_table_from(b, "g", &consumed);
    assert_null(aq_stream_join_global(dsl_stream(b, "in"), "j", g, NULL, dsl_pair, NULL, &rows[1].how));
    dsl_refused(b, "a global table keeps no time with streams");
    b = dsl_builder();
    consumed.n_topics = 2;
    assert_null(aq_global_table_from(b, "g", &consumed));
    dsl_refused(b, "global table 'g': a table is of one topic");
    b = dsl_builder();
    consumed.n_topics = 1;
    consumed.reset = AQ_RESET_LATEST;
    assert_null(aq_global_table_from(b, "g", &consumed));
    dsl_refused(b, "read from its beginning");
    b = dsl_builder();
    consumed.reset = AQ_RESET_EARLIEST;
    consumed.timestamp = AQ_TIMESTAMP_SKIP;
    assert_null(aq_global_table_from(b, "g", &consumed));
    dsl_refused(b, "nothing looks at the time");
}

static void sides_need_equally_many_partitions(void **state)
{
    (void)state;
    const struct aq_join_windows near = aq_join_within(10, 0);
    struct aq_streams_builder *b = dsl_builder();
    struct aq_stream *three = aq_stream_repartition(dsl_stream(b, "a"), "cut", 3);
    aq_stream_to(aq_stream_join(three, "j", dsl_stream(b, "b"), &near, dsl_pair, NULL, NULL), "out", "out");
    T_CHECK(!aq_streams_error(b), "%s", aq_streams_error(b));
    struct aq_test_driver *driver = aq_test_driver_create(b, NULL);
    const char *error = aq_test_driver_error(driver);
    T_CHECK(error && strstr(error, "app-cut-repartition") && strstr(error, "3"), "%s",
            error ? error : "no error");
    aq_test_driver_destroy(driver);
    aq_streams_builder_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_joined_when_their_times_are_near),
        cmocka_unit_test(streams_with_new_keys_meet_through_topics),
        cmocka_unit_test(a_stream_is_joined_with_itself),
        cmocka_unit_test(records_get_the_row_of_their_key),
        cmocka_unit_test(a_table_with_a_history_shows_rows_as_they_were),
        cmocka_unit_test(records_get_the_row_of_any_key_of_a_global_table),
        cmocka_unit_test(tables_have_a_row_for_each_key),
        cmocka_unit_test(joined_rows_are_kept_when_a_store_is_named),
        cmocka_unit_test(tables_of_other_values_are_joined_when_the_result_is_said),
        cmocka_unit_test(rows_get_the_row_they_name),
        cmocka_unit_test(foreign_keys_have_the_serde_of_the_right_table_and_results_that_of_the_left),
        cmocka_unit_test(mistakes_with_tables_are_told),
        cmocka_unit_test(mistakes_with_streams_are_told),
        cmocka_unit_test(mistakes_with_a_stream_and_a_table_are_told),
        cmocka_unit_test(sides_need_equally_many_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
