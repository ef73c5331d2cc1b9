/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of the C DSL and what is made of them (aqueduct/grouped.h), in the test driver.
 */
#include "tests/unit/streams/dsl_world.h"

/* ---- aggregators -------------------------------------------------------------------------------------------------- */

static int start_row(struct aq_processor_context *ctx, void *user, struct aq_slice *ret)
{
    (void)ctx;
    *ret = aq_slice_str(user ? user : "");
    return 0;
}

static int append(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                  struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)user;
    if (aq_slice_equal(record->value, aq_slice_str("bad"))) return aq_processor_fail(ctx, "it is bad");
    *ret = aq_slice_equal(record->value, aq_slice_str("away")) ? aq_slice_null()
                                                               : dsl_text(ctx, aggregate, "", record->value);
    return 0;
}

static int prepend(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                   struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)user;
    *ret = dsl_text(ctx, record->value, "", aggregate);
    return 0;
}

/* The value is a part of the aggregate. */
static int cut_out(struct aq_processor_context *ctx, void *user, const struct aq_stream_record *record,
                   struct aq_slice aggregate, struct aq_slice *ret)
{
    (void)user;
    const char *at = memmem(aggregate.ptr, aggregate.len, record->value.ptr, record->value.len);
    if (!at) return aq_processor_fail(ctx, "it is not in there");
    const char *rest = at + record->value.len, *end = aggregate.ptr + aggregate.len;
    *ret = dsl_text(ctx, aq_slice_of(aggregate.ptr, (size_t)(at - aggregate.ptr)), "",
                    aq_slice_of(rest, (size_t)(end - rest)));
    return 0;
}

static int merge(struct aq_processor_context *ctx, void *user, struct aq_slice key, struct aq_slice first,
                 struct aq_slice second, struct aq_slice *ret)
{
    (void)user;
    (void)key;
    *ret = dsl_text(ctx, first, "+", second);
    return 0;
}

static int in_brackets(struct aq_processor_context *ctx, void *user, struct aq_slice aggregate,
                       struct aq_slice *ret)
{
    (void)user;
    *ret = dsl_text(ctx, dsl_text(ctx, aq_slice_str("("), "", aggregate), "", aq_slice_str(")"));
    return 0;
}

static const struct aq_aggregator whole = {.abi = AQ_AGGREGATOR_ABI,
                                           .init = start_row,
                                           .add = append,
                                           .subtract = cut_out,
                                           .merge = merge,
                                           .result = in_brackets};
static const struct aq_aggregator least = {.abi = AQ_AGGREGATOR_ABI, .init = start_row, .add = append};

static int longer(struct aq_processor_context *ctx, struct aq_slice aggregate, struct aq_slice value,
                  void *user, struct aq_slice *ret)
{
    assert_string_equal(user, "mine");
    if (aq_slice_equal(value, aq_slice_str("bad"))) return aq_processor_fail(ctx, "not that");
    if (value.len > aggregate.len) *ret = value;
    if (aq_slice_equal(value, aq_slice_str("x"))) *ret = aq_slice_null();
    return 0;
}

static int nothing_left(struct aq_processor_context *ctx, struct aq_slice aggregate, struct aq_slice value,
                        void *user, struct aq_slice *ret)
{
    (void)ctx;
    assert_string_equal(user, "mine");
    if (aq_slice_equal(aggregate, value)) *ret = aq_slice_null();
    return 0;
}

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

/* ---- mistakes ----------------------------------------------------------------------------------------------------- */

static struct aq_grouped *group(struct aq_streams_builder *b)
{
    return aq_stream_group_by_key(dsl_stream(b, "in"), "g");
}

static struct aq_grouped *group_of_table(struct aq_streams_builder *b)
{
    return aq_table_group_by(dsl_table(b, "t", NULL), "g", dsl_head, NULL, NULL);
}

static void mistakes_with_groups_are_told(void **state)
{
    (void)state;
    struct aq_streams_builder *b = dsl_builder();
    assert_null(aq_stream_group_by_key(dsl_stream(b, "in"), NULL));
    dsl_refused(b, "group '': it has no name");

    b = dsl_builder();
    const struct aq_group_options few = {.partitions = -1};
    assert_null(aq_stream_group_by(dsl_stream(b, "in"), "g", dsl_head, NULL, &few));
    dsl_refused(b, "partitions is -1");

    b = dsl_builder();
    assert_null(aq_stream_group_by(dsl_stream(b, "in"), "g", NULL, NULL, NULL));
    dsl_refused(b, "'g-select': the function it is to call is NULL");

    b = dsl_builder();
    const struct aq_group_options strange = {.key_serde = "strange"};
    assert_null(aq_table_group_by(dsl_table(b, "t", NULL), "g", dsl_head, NULL, &strange));
    dsl_refused(b, "group_by 'g': key_serde");

    b = dsl_builder();
    aq_grouped_count(group(b), "in", NULL);
    dsl_refused(b, "'in'");

    b = dsl_builder();
    aq_grouped_reduce(group(b), "r", NULL, NULL, NULL, NULL);
    dsl_refused(b, "reduce 'r': the function");

    b = dsl_builder();
    aq_grouped_reduce(group_of_table(b), "r", longer, NULL, "mine", NULL);
    dsl_refused(b, "reduce 'r': it cannot aggregate a table");

    b = dsl_builder();
    aq_grouped_aggregate(group_of_table(b), "a", &least, "", NULL);
    dsl_refused(b,
                "aggregate 'a': it cannot aggregate a table, whose rows leave their groups again: its struct "
                "aq_aggregator has no subtract()");

    b = dsl_builder();
    const struct aq_aggregator old = {.abi = 0, .add = append};
    aq_grouped_aggregate(group(b), "a", &old, NULL, NULL);
    dsl_refused(b, "aggregate 'a': its struct aq_aggregator has the abi 0");

    assert_null(aq_grouped_count(NULL, "n", NULL));
    assert_null(aq_grouped_windowed_by(NULL, NULL));
}

static void mistakes_with_built_ins_are_told(void **state)
{
    (void)state;
    static const struct {
        struct aq_built_in how;
        const char *part;
    } rows[] = {
        {{.function = "median"}, "aggregate 'a': there is no function 'median'"},
        {{.function = NULL}, "there is no function ''"},
        {{.function = "count", .of = "value"}, "count: it takes whole records"},
        {{.function = "sum", .n = 5}, "n is for top_n"},
        {{.function = "sum", .keep = "value"}, "keep is for top_n"},
        {{.function = "sum", .limit = 5}, "limit is for collect"},
        {{.function = "top_n", .of = "value"}, "it needs n"},
        {{.function = "collect", .limit = -1}, "limit is 1 to 1000000"},
        {{.function = "sum", .of = "value +"}, "of"},
        {{.function = "sum", .as = "strange"}, "as: "},
        {{.function = "count", .as = "double"}, "as: count gives no double"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        assert_null(aq_grouped_built_in(group(b), "a", &rows[i].how, NULL));
        dsl_refused(b, rows[i].part);
    }
    struct aq_streams_builder *b = dsl_builder();
    const struct aq_built_in largest = {.function = "max"};
    assert_null(aq_grouped_built_in(group_of_table(b), "a", &largest, NULL));
    dsl_refused(b, "it cannot aggregate a table");
}

static void mistakes_with_windows_are_told(void **state)
{
    (void)state;
    const struct {
        struct aq_windows windows;
        const char *part;
    } rows[] = {
        {aq_tumbling_windows(0, 0), "group 'g': windows: the size of tumbling windows is 0 ms"},
        {aq_tumbling_windows(5, -1), "a grace of -1 ms"},
        {aq_hopping_windows(5, 6, 0), "advance by 6 ms"},
        {aq_windows_of(AQ_SLIDING, 5, 5, 0), "only hopping windows have an advance"},
        {aq_windows_of((enum aq_windows_kind)9, 5, 0, 0), "of no kind there is"},
        {{.size_ms = 5, .retention_ms = 4}, "rows are kept for 4 ms"},
        {{.size_ms = 5, .emit = (enum aq_emit)5}, "emit is neither"},
        {{.size_ms = 5, .close_idle_ms = 5}, "only AQ_EMIT_CLOSE looks at"},
        {{.size_ms = 5, .close_idle_ms = -5}, "close_idle_ms is negative"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        assert_null(aq_grouped_windowed_by(group(b), &rows[i].windows));
        dsl_refused(b, rows[i].part);
    }
    const struct aq_windows windows = aq_tumbling_windows(10, 0), sessions = aq_session_windows(10, 0);
    struct aq_streams_builder *b = dsl_builder();
    assert_null(aq_grouped_windowed_by(group(b), NULL));
    dsl_refused(b, "there are none (NULL)");
    b = dsl_builder();
    assert_null(aq_grouped_windowed_by(aq_grouped_windowed_by(group(b), &windows), &windows));
    dsl_refused(b, "it has windows already");
    b = dsl_builder();
    assert_null(aq_grouped_windowed_by(group_of_table(b), &windows));
    dsl_refused(b, "rows of a table have no windows");
    b = dsl_builder();
    assert_null(aq_grouped_aggregate(aq_grouped_windowed_by(group(b), &sessions), "a", &least, "", NULL));
    dsl_refused(b, "aggregate 'a': a record between two sessions makes them one");
}

static void mistakes_with_suppress_and_windows_are_told(void **state)
{
    (void)state;
    struct aq_windows windows = aq_tumbling_windows(10, 0);
    static const struct {
        struct aq_suppressed how;
        const char *part;
    } rows[] = {
        {{.until = AQ_UNTIL_WINDOW_CLOSES, .limit_ms = 5}, "limit_ms is for AQ_UNTIL_TIME_LIMIT"},
        {{.until = AQ_UNTIL_WINDOW_CLOSES, .max_bytes = 5, .when_full = AQ_FULL_EMIT_EARLY},
         "results of windows are final"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_streams_builder *b = dsl_builder();
        struct aq_table *n = aq_grouped_count(aq_grouped_windowed_by(group(b), &windows), "n", NULL);
        assert_null(aq_table_suppress(n, "s", &rows[i].how));
        dsl_refused(b, rows[i].part);
    }
    const struct aq_suppressed until = {.until = AQ_UNTIL_WINDOW_CLOSES, .close_idle_ms = 50};
    struct aq_streams_builder *b = dsl_builder();
    dsl_out(aq_table_suppress(aq_grouped_count(aq_grouped_windowed_by(group(b), &windows), "n", NULL), "s",
                              &until));
    struct aq_test_driver *driver = aq_test_driver_create(b, NULL);
    T_CHECK(strstr(aq_test_driver_error(driver), "suppress 's': close_idle_ms is 50"), "%s",
            aq_test_driver_error(driver));
    aq_test_driver_destroy(driver);
    aq_streams_builder_destroy(b);

    windows.emit = AQ_EMIT_CLOSE;
    b = dsl_builder();
    assert_null(aq_table_suppress(aq_grouped_count(aq_grouped_windowed_by(group(b), &windows), "n", NULL),
                                  "s", &until));
    dsl_refused(b, "their results are final already");
}

static void mistakes_with_cogroups_are_told(void **state)
{
    (void)state;
    const struct aq_windows windows = aq_tumbling_windows(10, 0), sessions = aq_session_windows(10, 0);
    struct aq_streams_builder *b = dsl_builder();
    struct aq_cogroup_input inputs[] = {{.grouped = group(b), .add = append},
                                        {.grouped = NULL, .add = append}};
    assert_null(aq_cogroup("c", inputs, 2, NULL, &whole, NULL, NULL));
    dsl_refused(b, "cogroup 'c': its other side is NULL");

    b = dsl_builder();
    inputs[0].grouped = aq_grouped_windowed_by(group(b), &windows);
    assert_null(aq_cogroup("c", inputs, 1, NULL, &whole, NULL, NULL));
    dsl_refused(b, "the group 'g' has windows; give them to the cogroup instead");

    b = dsl_builder();
    inputs[0].grouped = group_of_table(b);
    assert_null(aq_cogroup("c", inputs, 1, NULL, &whole, NULL, NULL));
    dsl_refused(b, "the group 'g' is of a table");

    b = dsl_builder();
    inputs[0].grouped = group(b);
    assert_null(aq_cogroup("c", inputs, 1, NULL, NULL, NULL, NULL));
    dsl_refused(b, "cogroup 'c': there is no struct aq_aggregator");

    b = dsl_builder();
    inputs[0].grouped = group(b);
    assert_null(aq_cogroup("c", inputs, 1, &sessions, &least, NULL, NULL));
    dsl_refused(b, "has no merge()");

    b = dsl_builder();
    inputs[0] = (struct aq_cogroup_input){.grouped = group(b)};
    assert_null(aq_cogroup("c", inputs, 1, NULL, &whole, NULL, NULL));
    dsl_refused(b, "cogroup 'c': the function it is to call is NULL");
}

static int no_row(void *user, const struct aq_test_row *row)
{
    (void)user;
    (void)row;
    return 1;
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
        cmocka_unit_test(mistakes_with_groups_are_told),
        cmocka_unit_test(mistakes_with_built_ins_are_told),
        cmocka_unit_test(mistakes_with_windows_are_told),
        cmocka_unit_test(mistakes_with_suppress_and_windows_are_told),
        cmocka_unit_test(mistakes_with_cogroups_are_told),
        cmocka_unit_test(wrong_questions_to_stores_fail_the_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
