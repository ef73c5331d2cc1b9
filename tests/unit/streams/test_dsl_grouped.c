/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of the C DSL and what is made of them (aqueduct/grouped.h), in the test driver.
 */
#include "tests/unit/streams/dsl_aggregators.h"

/* ---- of streams --------------------------------------------------------------------------------------------------- */

static void records_are_counted_by_the_key_they_have(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_table *t = aq_grouped_count(aq_stream_group_by_key(dsl_stream(b, "in"), "g"), "n", &at_once);
    assert_string_equal(aq_table_store(t), "n");
    dsl_out(t);
    struct dsl_world w = dsl_go(b);
    w.numbers = true;
    dsl_in(&w, "in k=a@1 in l=a@2 in k=b@9 in k=@10 in k=c@3");
    dsl_expect(&w, "k=1@1 l=1@2 k=2@9 k=3@9");
    dsl_end(&w);
}

static void a_new_key_goes_through_a_topic_first(void **state)
{
    (void)state;
    const struct aq_group_options options = {.key_serde = "string", .partitions = 3};
    struct aq_streams_builder *b = dsl_builder();
    struct aq_stream *in = dsl_stream(b, "in");
    dsl_out(aq_grouped_count(aq_stream_group_by(in, "by-head", dsl_head, NULL, &options), "n", &at_once));
    struct aq_stream *headed = aq_stream_peek(aq_stream_select_key(in, "head", dsl_head, NULL), "look",
                                              (aq_action)(void *)NULL, NULL);
    assert_null(headed);
    dsl_refused(b, "peek 'look'");

    b = dsl_builder();
    in = dsl_stream(b, "in");
    dsl_out(aq_grouped_count(aq_stream_group_by(in, "by-head", dsl_head, NULL, &options), "n", &at_once));
    struct aq_stream *head = aq_stream_select_key(in, "head", dsl_head, NULL);
    struct aq_table *m = aq_grouped_count(aq_stream_group_by_key(head, "again"), "m", &at_once);
    aq_stream_to(aq_table_to_stream(m, "changes2"), "out2", "out2");
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    T_CHECK(aq_streams_describe(b, out) == 0, "%s", aq_streams_error(b));
    fclose(out);
    T_CHECK(strstr(text, "(topic: app-by-head-repartition)") &&
                strstr(text, "(topic: app-again-repartition)"),
            "%s", text);
    free(text);
    struct dsl_world w = dsl_go(b);
    w.numbers = true;
    dsl_in(&w, "in k=a:1@1 in l=a:2@2 in m=none@3 in n=b:1@4");
    dsl_expect(&w, "a=1@1 a=2@2 b=1@4");
    dsl_expect_of(&w, "out2", "a=1@1 a=2@2 b=1@4");
    dsl_end(&w);
}

static void values_are_reduced_two_at_a_time(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_stream_group_by_key(dsl_stream(b, "in"), "g");
    dsl_out(aq_grouped_reduce(g, "longest", longer, NULL, "mine", &at_once));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "in k=aa@1 in k=b@2 in k=ccc@3 in k=x@4 in k=y@5");
    dsl_expect(&w, "k=aa@1 k=aa@2 k=ccc@3 k=null@4 k=y@5");
    assert_false(dsl_try(&w, "in", "k", "bad", 6));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "'longest': not that"), "%s",
            aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);
}

static void records_are_aggregated_by_functions_of_the_program(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_stream_group_by_key(dsl_stream(b, "in"), "g");
    const struct aq_materialized how = {.store = "kept", .value_serde = "string", .without_cache = true};
    struct aq_table *t = aq_grouped_aggregate(g, "all", &whole, ":", &how);
    dsl_out(t);
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "in k=a@1 in k=b@2 in k=away@3 in k=c@4");
    dsl_expect(&w, "k=(:a)@1 k=(:ab)@2 k=null@3 k=(:c)@4");
    struct aq_test_row row;
    assert_true(aq_test_driver_row(w.driver, "kept", aq_slice_str("k"), &row));
    T_CHECK(aq_slice_equal(row.value, aq_slice_str(":c")), "%.*s", (int)row.value.len, row.value.ptr);
    assert_false(dsl_try(&w, "in", "k", "bad", 6));
    T_CHECK(strstr(aq_test_driver_error(w.driver), "it is bad"), "%s", aq_test_driver_error(w.driver));
    aq_test_driver_destroy(w.driver);
    aq_streams_builder_destroy(b);
}

static const char *built_in(const struct aq_built_in *how, const char *rows, char *got, size_t size)
{
    const char *topic = "in";
    const struct aq_consumed consumed = {
        .topics = &topic, .n_topics = 1, .key_serde = "string", .value_serde = "json"};
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_stream_group_by_key(aq_stream_from(b, "in", &consumed), "g");
    dsl_out(aq_grouped_built_in(g, "made", how, &at_once));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, rows);
    got[0] = 0;
    for (const char *line; (line = aq_test_driver_read_json(w.driver, "out"));)
        snprintf(got, size, "%s", strstr(line, "\"value\":"));
    dsl_end(&w);
    return got;
}

static void records_are_aggregated_by_functions_of_the_library(void **state)
{
    (void)state;
    static const struct {
        struct aq_built_in how;
        const char *last; /* result */
    } rows[] = {
        {{.function = "count"}, "3"},
        {{.function = "sum", .of = "value.n"}, "11"},
        {{.function = "sum", .of = "value.n", .as = "int64"}, "11"},
        {{.function = "avg", .of = "value.n", .as = "json"}, "3.6666666666666665"},
        {{.function = "min", .of = "value.n"}, "1"},
        {{.function = "max", .of = "value.n + 1"}, "9"},
        {{.function = "first"}, "{\"n\":2}"},
        {{.function = "last", .of = "value.n", .as = "int32"}, "1"},
        {{.function = "count_distinct", .of = "value.n"}, "3"},
        {{.function = "top_n", .of = "value.n", .n = 2, .keep = "value.n"}, "[8,2]"},
        {{.function = "collect", .of = "value.n", .limit = 5}, "[2,8,1]"},
    };
    char got[200], expected[200];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        built_in(&rows[i].how, "in k={\"n\":2}@1 in k={\"n\":8}@2 in k={\"n\":1}@3", got, sizeof(got));
        int n = snprintf(expected, sizeof(expected), "\"value\":%s,\"timestamp\"", rows[i].last);
        T_CHECK(strncmp(got, expected, (size_t)n) == 0, "%s: %s", rows[i].how.function, got);
    }
}

/* ---- of tables ---------------------------------------------------------------------------------------------------- */

static void rows_of_a_table_leave_their_groups_again(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_group_options options = {.partitions = 2};
    struct aq_grouped *g =
        aq_table_group_by(dsl_table(b, "t", &at_once), "by-head", dsl_head, NULL, &options);
    dsl_out(aq_grouped_count(g, "n", &at_once));
    aq_stream_to(aq_table_to_stream(aq_grouped_reduce(g, "r", longer, nothing_left, "mine", &at_once), "c2"),
                 "out2", "out2");
    aq_stream_to(aq_table_to_stream(aq_grouped_aggregate(g, "a", &whole, "", &at_once), "c3"), "out3",
                 "out3");
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "t k=a:1@1 t l=a:22@2 t k=b:3@3 t l=@4");
    dsl_expect_of(&w, "out2", "a=a:1@1 a=a:22@2 a=a:22@3 b=b:3@3 a=null@4");
    dsl_expect_of(&w, "out3", "a=(a:1)@1 a=(a:1a:22)@2 a=(a:22)@3 b=(b:3)@3 a=()@4");
    w.numbers = true;
    dsl_expect(&w, "a=1@1 a=2@2 a=1@3 b=1@3 a=0@4");
    dsl_end(&w);
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

static struct dsl_world count_in(const struct aq_windows *windows)
{
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_stream_group_by_key(dsl_stream(b, "in"), "g");
    dsl_out(aq_grouped_count(aq_grouped_windowed_by(g, windows), "n", &at_once));
    struct dsl_world w = dsl_go(b);
    w.windows = windows;
    w.numbers = true;
    return w;
}

static int note_row(void *user, const struct aq_test_row *row)
{
    int64_t n = -1;
    aq_read_int64(row->value, &n);
    t_note(user, 200, "%.*s[%lld,%lld]=%lld@%lld", (int)row->key.len, row->key.ptr, (long long)row->start_ms,
           (long long)row->end_ms, (long long)n, (long long)row->timestamp);
    return strlen(user) > 60;
}

static void expect_rows(struct dsl_world *w, const char *store, const char *key, const char *expected)
{
    char got[200] = "";
    int rc = aq_test_driver_rows(w->driver, store, key ? aq_slice_str(key) : aq_slice_null(), note_row, got);
    T_CHECK(rc == 0, "%s", aq_test_driver_error(w->driver));
    T_CHECK(strcmp(got, expected) == 0, "%s", got);
}

static void tumbling_windows_count_apart_and_can_be_read(void **state)
{
    (void)state;
    const struct aq_windows windows = aq_tumbling_windows(10, 5);
    struct dsl_world w = count_in(&windows);
    dsl_in(&w, "in k=a@1 in k=b@9 in k=c@10 in k=d@14 in k=late@15 in k=e@3 in l=f@16");
    dsl_expect(&w, "k[0,10]=1@1 k[0,10]=2@9 k[10,20]=1@10 k[10,20]=2@14 k[10,20]=3@15 l[10,20]=1@16");
    struct aq_test_row row;
    assert_true(aq_test_driver_window_row(w.driver, "n", aq_slice_str("k"), 0, &row));
    T_CHECK(row.start_ms == 0 && row.end_ms == 10 && row.timestamp == 9, "%lld", (long long)row.timestamp);
    assert_false(aq_test_driver_window_row(w.driver, "n", aq_slice_str("k"), 5, &row));
    expect_rows(&w, "n", "k", "k[0,10]=2@9 k[10,20]=3@15");
    expect_rows(&w, "n", NULL, "k[0,10]=2@9 k[10,20]=3@15 l[10,20]=1@16");
    assert_null(aq_test_driver_error(w.driver));
    dsl_end(&w);
}

static void windows_that_are_too_old_are_not_shown(void **state)
{
    (void)state;
    const struct aq_windows windows = aq_tumbling_windows(10, 5);
    struct dsl_world w = count_in(&windows);
    struct aq_test_row row;
    dsl_in(&w, "in k=a@1 in k=b@15");
    expect_rows(&w, "n", "k", "k[0,10]=1@1 k[10,20]=1@15");
    dsl_in(&w, "in k=c@20");
    expect_rows(&w, "n", NULL, "k[10,20]=1@15 k[20,30]=1@20");
    assert_false(aq_test_driver_window_row(w.driver, "n", aq_slice_str("k"), 0, &row));
    assert_true(aq_test_driver_window_row(w.driver, "n", aq_slice_str("k"), 10, &row));
    dsl_end(&w);
}

static void hopping_and_sliding_windows_overlap(void **state)
{
    (void)state;
    const struct aq_windows hopping = aq_hopping_windows(10, 5, 0);
    struct dsl_world w = count_in(&hopping);
    dsl_in(&w, "in k=a@7");
    dsl_expect(&w, "k[0,10]=1@7 k[5,15]=1@7");
    dsl_end(&w);

    const struct aq_windows sliding = aq_sliding_windows(10, 0);
    w = count_in(&sliding);
    dsl_in(&w, "in k=a@20 in k=b@25");
    dsl_expect(&w, "k[10,20]=1@20 k[21,31]=1@25 k[15,25]=2@25");
    dsl_end(&w);
}

static void sessions_grow_and_merge(void **state)
{
    (void)state;
    const struct aq_windows windows = aq_session_windows(5, 100);
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_grouped_windowed_by(aq_stream_group_by_key(dsl_stream(b, "in"), "g"), &windows);
    dsl_out(aq_grouped_aggregate(g, "s", &whole, "", &at_once));
    aq_stream_to(aq_table_to_stream(aq_grouped_reduce(g, "r", longer, NULL, "mine", &at_once), "c2"), "out2",
                 "out2");
    struct dsl_world w = dsl_go(b);
    w.windows = &windows;
    dsl_in(&w, "in k=a@10 in k=bb@20 in k=c@15");
    dsl_expect(&w, "k[10,10]=(a)@10 k[20,20]=(bb)@20 k[10,10]=null@10 k[20,20]=null@20 k[10,20]=(a+bbc)@20");
    dsl_expect_of(&w, "out2",
                  "k[10,10]=a@10 k[20,20]=bb@20 k[10,10]=null@10 k[20,20]=null@20 k[10,20]=bb@20");
    struct aq_test_row row;
    assert_true(aq_test_driver_session_row(w.driver, "r", aq_slice_str("k"), 10, 20, &row));
    T_CHECK(aq_slice_equal(row.value, aq_slice_str("bb")) && row.timestamp == 20 && row.end_ms == 20, "%lld",
            (long long)row.timestamp);
    assert_false(aq_test_driver_session_row(w.driver, "r", aq_slice_str("k"), 10, 10, &row));
    dsl_end(&w);
}

static void final_results_go_on_once_by_emit_and_by_suppress(void **state)
{
    (void)state;
    struct aq_windows updates = aq_tumbling_windows(10, 5), final = updates;
    final.emit = AQ_EMIT_CLOSE;
    const struct aq_suppressed until = {.until = AQ_UNTIL_WINDOW_CLOSES};
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_stream_group_by_key(dsl_stream(b, "in"), "g");
    dsl_out(aq_grouped_count(aq_grouped_windowed_by(g, &final), "n", NULL));
    struct aq_table *m = aq_grouped_count(aq_grouped_windowed_by(g, &updates), "m", NULL);
    aq_stream_to(aq_table_to_stream(aq_table_suppress(m, "held", &until), "c2"), "out2", "out2");
    struct dsl_world w = dsl_go(b);
    w.windows = &final;
    w.numbers = true;
    dsl_in(&w, "in k=a@1 in k=b@9 in k=c@14 in k=d@3");
    dsl_expect(&w, "");
    dsl_in(&w, "in k=e@15 in k=f@2 in k=g@26");
    dsl_expect(&w, "k[0,10]=3@9 k[10,20]=2@15");
    dsl_expect_of(&w, "out2", "k[0,10]=3@9 k[10,20]=2@15");
    dsl_end(&w);
}

static void windows_of_an_idle_partition_close_by_the_clock(void **state)
{
    (void)state;
    struct aq_windows windows = aq_tumbling_windows(10, 0);
    windows.emit = AQ_EMIT_CLOSE;
    windows.close_idle_ms = 1000;
    struct dsl_world w = count_in(&windows);
    dsl_in(&w, "in k=a@1");
    dsl_expect(&w, "");
    for (int i = 0; i < 8; i++) assert_int_equal(aq_test_driver_advance_wall_clock(w.driver, 1000), 0);
    dsl_expect(&w, "k[0,10]=1@1");
    dsl_end(&w);
}

static bool more_than_one(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    int64_t n = 0;
    (void)ctx;
    (void)user;
    return aq_read_int64(record->value, &n) && n > 1;
}

static int window_start(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                        struct aq_slice *ret)
{
    char text[32];
    struct aq_windowed_key key;
    if (!aq_read_windowed_key(record->key, user, &key)) return aq_processor_fail(ctx, "no window");
    snprintf(text, sizeof(text), "%lld", (long long)key.start_ms);
    *ret = aq_stream_copy(ctx, aq_slice_str(text));
    return 0;
}

static void rows_of_windows_are_filtered_and_grouped_like_others(void **state)
{
    (void)state;
    struct aq_windows windows = aq_tumbling_windows(10, 5);
    struct aq_streams_builder *b = dsl_builder();
    struct aq_grouped *g = aq_grouped_windowed_by(aq_stream_group_by_key(dsl_stream(b, "in"), "g"), &windows);
    struct aq_table *busy =
        aq_table_filter(aq_grouped_count(g, "n", &at_once), "busy", more_than_one, NULL, NULL);
    const struct aq_group_options options = {.key_serde = "string"};
    dsl_out(aq_grouped_count(aq_table_group_by(busy, "by-start", window_start, &windows, &options),
                             "per-window", &at_once));
    struct dsl_world w = dsl_go(b);
    w.numbers = true;
    dsl_in(&w, "in k=a@1 in k=b@2 in l=a@3 in l=b@4 in k=a@11 in k=c@12 in k=d@13");
    dsl_expect(&w, "0=1@2 0=2@4 10=1@12 10=1@13");
    dsl_end(&w);
}

/* ---- cogroup ------------------------------------------------------------------------------------------------------ */

static void several_streams_make_one_row(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    struct aq_stream *heads = aq_stream_select_key(dsl_stream(b, "right"), "head", dsl_head, NULL);
    const struct aq_cogroup_input inputs[] = {
        {.grouped = aq_stream_group_by_key(dsl_stream(b, "left"), "lefts"), .add = append},
        {.grouped = aq_stream_group_by_key(heads, "rights"), .add = prepend}};
    struct aq_aggregator rows = whole;
    rows.add = NULL;
    dsl_out(aq_cogroup("both", inputs, 2, NULL, &rows, ":", &at_once));
    struct dsl_world w = dsl_go(b);
    dsl_in(&w, "left k=a@1 right z=k:b@2 left k=c@3");
    dsl_expect(&w, "k=(:a)@1 k=(k:b:a)@2 k=(k:b:ac)@3");
    dsl_end(&w);
}

static void several_streams_meet_in_windows(void **state)
{
    (void)state;
    const struct aq_windows windows = aq_session_windows(5, 100);
    struct aq_streams_builder *b = dsl_builder();
    const char *topic = "right";
    const struct aq_consumed numbers = {
        .topics = &topic, .n_topics = 1, .key_serde = "string", .value_serde = "json"};
    const struct aq_cogroup_input inputs[] = {
        {.grouped = aq_stream_group_by_key(dsl_stream(b, "left"), "lefts"), .add = append},
        {.grouped = aq_stream_group_by_key(aq_stream_from(b, "right", &numbers), "rights"), .add = prepend}};
    const struct aq_materialized how = {.value_serde = "string", .without_cache = true};
    dsl_out(aq_cogroup("both", inputs, 2, &windows, &whole, "", &how));
    struct dsl_world w = dsl_go(b);
    w.windows = &windows;
    dsl_in(&w, "left k=a@10 right k=7@12");
    dsl_expect(&w, "k[10,10]=(a)@10 k[10,10]=null@10 k[10,12]=(7a)@12");
    dsl_end(&w);
}

/* ---- stores ------------------------------------------------------------------------------------------------------- */

static int no_row(void *user, const struct aq_test_row *row)
{
    (void)user;
    (void)row;
    return 1;
}

static int one_row(void *user, const struct aq_test_row *row)
{
    assert_int_equal(row->key.len, 1);
    return ++*(int *)user == 3;
}

static void rows_are_found_in_whichever_task_has_them(void **state)
{
    (void)state;
    const struct aq_test_options options = {.partitions = 4};
    struct aq_streams_builder *b = dsl_builder();
    dsl_out(aq_grouped_count(aq_stream_group_by_key(dsl_stream(b, "in"), "g"), "n", NULL));
    struct dsl_world w = {.builder = b, .driver = aq_test_driver_create(b, &options)};
    dsl_in(&w, "in a=1@1 in b=1@1 in c=1@1 in d=1@1 in e=1@1 in f=1@1");
    struct aq_test_row row;
    for (const char *key = "abcdef"; *key; key++)
        T_CHECK(aq_test_driver_row(w.driver, "n", aq_slice_of(key, 1), &row), "%s", key);
    int n = 0;
    assert_int_equal(aq_test_driver_rows(w.driver, "n", aq_slice_null(), one_row, &n), 0);
    assert_int_equal(n, 3);
    n = 10;
    assert_int_equal(aq_test_driver_rows(w.driver, "n", aq_slice_null(), one_row, &n), 0);
    assert_int_equal(n, 16);
    dsl_end(&w);
}

static void wrong_questions_to_stores_fail_the_driver(void **state)
{
    (void)state;
    const struct aq_windows windows = aq_tumbling_windows(10, 0);
    struct aq_test_row row;
    for (int i = 0; i < 4; i++) {
        static const char *const parts[] = {"has no store 'other'; there are: n",
                                            "by aq_test_driver_window_row()", "a store has no null key",
                                            "closed"};
        struct dsl_world w = count_in(&windows);
        dsl_in(&w, "in k=a@1");
        if (i == 0) assert_true(aq_test_driver_rows(w.driver, "other", aq_slice_null(), no_row, NULL) < 0);
        if (i == 1) assert_false(aq_test_driver_row(w.driver, "n", aq_slice_str("k"), &row));
        if (i == 2) assert_false(aq_test_driver_window_row(w.driver, "n", aq_slice_null(), 0, &row));
        if (i == 3) aq_test_driver_close(w.driver);
        if (i == 3) assert_false(aq_test_driver_window_row(w.driver, "n", aq_slice_str("k"), 0, &row));
        const char *error = aq_test_driver_error(w.driver);
        T_CHECK(error && strstr(error, parts[i]), "%d: %s", i, error ? error : "no error");
        aq_test_driver_destroy(w.driver);
        aq_streams_builder_destroy(w.builder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_counted_by_the_key_they_have),
        cmocka_unit_test(a_new_key_goes_through_a_topic_first),
        cmocka_unit_test(values_are_reduced_two_at_a_time),
        cmocka_unit_test(records_are_aggregated_by_functions_of_the_program),
        cmocka_unit_test(records_are_aggregated_by_functions_of_the_library),
        cmocka_unit_test(rows_of_a_table_leave_their_groups_again),
        cmocka_unit_test(tumbling_windows_count_apart_and_can_be_read),
        cmocka_unit_test(hopping_and_sliding_windows_overlap),
        cmocka_unit_test(sessions_grow_and_merge),
        cmocka_unit_test(final_results_go_on_once_by_emit_and_by_suppress),
        cmocka_unit_test(windows_of_an_idle_partition_close_by_the_clock),
        cmocka_unit_test(rows_of_windows_are_filtered_and_grouped_like_others),
        cmocka_unit_test(several_streams_make_one_row),
        cmocka_unit_test(several_streams_meet_in_windows),
        cmocka_unit_test(windows_that_are_too_old_are_not_shown),
        cmocka_unit_test(rows_are_found_in_whichever_task_has_them),
        cmocka_unit_test(wrong_questions_to_stores_fail_the_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
