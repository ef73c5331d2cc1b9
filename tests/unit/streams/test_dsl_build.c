/* SPDX-License-Identifier: Apache-2.0
 *
 * Building with the installed calls: which nodes come of them, and which mistakes are told how.
 */
#include "aqueduct/streams.h"

#include "tests/unit/streams/st_run.h"

static const char *const in_topics[] = {"in"};
static const struct aq_consumed consumed = {
    .topics = in_topics, .n_topics = 1, .key_serde = "string", .value_serde = "json"};

static bool yes(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)ctx;
    (void)record;
    (void)user;
    return true;
}

static int same(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user,
                struct aq_slice *ret)
{
    (void)ctx;
    (void)user;
    *ret = record->value;
    return 0;
}

static int forward(struct aq_processor_context *ctx, void *state, const struct aq_stream_record *record)
{
    (void)state;
    return aq_processor_forward(ctx, record);
}

static const struct aq_processor through = {.abi = AQ_PROCESSOR_ABI, .process = forward};

static char *description(struct aq_streams_builder *builder)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    int rc = aq_streams_describe(builder, out);
    T_CHECK(rc == 0, "%s", aq_streams_error(builder));
    assert_int_equal(fclose(out), 0);
    return text;
}

static void expect_error(struct aq_streams_builder *builder, const char *part)
{
    const char *error = aq_streams_error(builder);
    T_CHECK(error && strstr(error, part), "%s", error ? error : "no error");
    aq_streams_builder_destroy(builder);
}

static void both_styles_build_the_same_topology(void **state)
{
    (void)state;
    struct aq_streams_builder *a = aq_streams_builder_create("app");
    struct aq_stream *in = aq_stream_from(a, "in", &consumed);
    struct aq_stream *processed = aq_stream_process(in, "clean", &through, NULL);
    struct aq_stream *cut = aq_stream_repartition(processed, "by-key", 4);
    aq_stream_to(cut, "out", "out");
    aq_stream_to_by(cut, "elsewhere", same, NULL);

    struct aq_streams_builder *b = aq_streams_builder_create("app");
    const char *from_in[] = {"in"}, *from_cut[] = {"by-key"};
    aq_topology_add_source(b, "in", &consumed);
    aq_topology_add_processor(b, "clean", &through, NULL, from_in, 1);
    aq_topology_add_repartition(b, "by-key", 4, NULL, 0);
    aq_topology_connect(b, "clean", "by-key");
    aq_topology_add_sink(b, "out", "out", from_cut, 1);
    aq_topology_add_sink_by(b, "elsewhere", same, NULL, from_cut, 1);

    char *one = description(a), *other = description(b);
    assert_string_equal(one, other);
    assert_non_null(strstr(one, "Sink: by-key-sink (topic: app-by-key-repartition)"));
    free(one);
    free(other);
    aq_streams_builder_destroy(a);
    aq_streams_builder_destroy(b);
}

static void a_split_is_shown_as_kafka_shows_it(void **state)
{
    (void)state;
    struct aq_streams_builder *builder = aq_streams_builder_create("app");
    const struct aq_branch branches[] = {{.name = "high", .test = yes}, {.name = "low", .test = yes}};
    struct aq_stream *by[3];
    assert_int_equal(aq_stream_split(aq_stream_from(builder, "in", &consumed), "by", branches, 2, "rest", by),
                     0);
    assert_string_equal(aq_stream_name(by[0]), "by-high");
    assert_string_equal(aq_stream_name(by[2]), "by-rest");
    struct aq_stream *others[] = {by[1], by[2]};
    aq_stream_to(aq_stream_merge(by[0], "all", others, 2), "out", "out");
    char *text = description(builder);
    assert_string_equal(text, "Topologies:\n"
                              "   Sub-topology: 0\n"
                              "    Source: in (topics: [in])\n"
                              "      --> by\n"
                              "    Processor: by (stores: [])\n"
                              "      --> by-high, by-low, by-rest\n"
                              "      <-- in\n"
                              "    Processor: by-high (stores: [])\n"
                              "      --> all\n"
                              "      <-- by\n"
                              "    Processor: by-low (stores: [])\n"
                              "      --> all\n"
                              "      <-- by\n"
                              "    Processor: by-rest (stores: [])\n"
                              "      --> all\n"
                              "      <-- by\n"
                              "    Processor: all (stores: [])\n"
                              "      --> out\n"
                              "      <-- by-high, by-low, by-rest\n"
                              "    Sink: out (topic: out)\n"
                              "      <-- all\n"
                              "\n");
    free(text);
    aq_streams_builder_destroy(builder);
}

static void operators_that_can_change_keys_say_so(void **state)
{
    (void)state;
    struct aq_streams_builder *builder = aq_streams_builder_create("app");
    struct aq_stream *in = aq_stream_from(builder, "in", &consumed);
    const struct aq_processor keeping = {.abi = AQ_PROCESSOR_ABI, .keeps_key = true, .process = forward};
    aq_stream_select_key(in, "rekey", same, NULL);
    aq_stream_map_values(in, "values", same, NULL);
    aq_stream_process(in, "any", &through, NULL);
    aq_stream_process(in, "kept", &keeping, NULL);
    assert_null(aq_streams_error(builder));
    assert_true(st_find_node(builder->topology, "rekey")->kind->changes_key);
    assert_false(st_find_node(builder->topology, "values")->kind->changes_key);
    assert_true(st_find_node(builder->topology, "any")->kind->changes_key);
    assert_false(st_find_node(builder->topology, "kept")->kind->changes_key);
    aq_streams_builder_destroy(builder);
}

static void the_first_error_stays_and_stops_the_rest(void **state)
{
    (void)state;
    struct aq_streams_builder *builder = aq_streams_builder_create("app");
    struct aq_stream *in = aq_stream_from(builder, "in", &consumed);
    assert_null(aq_stream_filter(in, "no spaces", yes, NULL));
    struct aq_stream *later = aq_stream_filter(in, "good", yes, NULL);
    assert_null(later);
    assert_null(aq_stream_map_values(later, "behind", same, NULL));
    assert_true(aq_stream_to(later, "out", "out") < 0);
    assert_true(aq_topology_connect(builder, "in", "good") < 0);
    assert_true(aq_streams_describe(builder, stderr) < 0);
    assert_null(st_find_node(builder->topology, "good"));
    struct aq_err err = {0};
    assert_int_equal(st_builder_verdict(builder, &err), AQ_E_CONFIG);
    assert_string_equal(err.text, aq_streams_error(builder));
    expect_error(builder, "processor 'no spaces'");
}

static void an_application_id_must_be_able_to_begin_a_topic(void **state)
{
    (void)state;
    struct aq_streams_builder *builder = aq_streams_builder_create("not/this");
    assert_null(aq_stream_from(builder, "in", &consumed));
    expect_error(builder, "application_id 'not/this'");
    expect_error(aq_streams_builder_create(NULL), "application_id");
    aq_streams_builder_destroy(NULL);
}

static void what_is_wrong_with_the_whole_can_be_mended(void **state)
{
    (void)state;
    struct aq_streams_builder *builder = aq_streams_builder_create("app");
    assert_true(aq_streams_describe(builder, stderr) < 0);
    T_CHECK(strstr(aq_streams_error(builder), "no source"), "%s", aq_streams_error(builder));
    aq_stream_to(aq_stream_from(builder, "in", &consumed), "out", "out");
    free(description(builder));
    assert_null(aq_streams_error(builder));
    aq_streams_builder_destroy(builder);
}

static struct aq_stream *start(struct aq_streams_builder **ret)
{
    *ret = aq_streams_builder_create("app");
    return aq_stream_from(*ret, "in", &consumed);
}

static void a_missing_function_is_told_with_its_node(void **state)
{
    (void)state;
    struct aq_streams_builder *b;
    aq_stream_filter(start(&b), "x", NULL, NULL);
    expect_error(b, "filter 'x': the function it is to call is NULL");
    aq_stream_flat_map(start(&b), "x", NULL, NULL);
    expect_error(b, "flat_map 'x'");
    aq_stream_foreach(start(&b), "x", NULL, NULL);
    expect_error(b, "foreach 'x'");
    aq_stream_to_by(start(&b), "x", NULL, NULL);
    expect_error(b, "sink 'x'");
    struct aq_branch branch = {.name = "a"};
    struct aq_stream *ret[1] = {(struct aq_stream *)&branch};
    assert_true(aq_stream_split(start(&b), "x", &branch, 1, NULL, ret) < 0);
    assert_null(ret[0]);
    expect_error(b, "split 'x'");
}

static void a_processor_must_be_of_this_abi_and_process(void **state)
{
    (void)state;
    struct aq_streams_builder *b;
    struct aq_processor old = through;
    old.abi = 77;
    aq_stream_process(start(&b), "x", &old, NULL);
    expect_error(b, "processor 'x': its struct aq_processor has the abi 77");
    struct aq_processor idle = {.abi = AQ_PROCESSOR_ABI};
    aq_stream_process(start(&b), "x", &idle, NULL);
    expect_error(b, "it has no process()");
    aq_stream_process(start(&b), "x", NULL, NULL);
    expect_error(b, "there is no struct aq_processor");
}

static void a_merge_needs_other_streams_of_its_builder(void **state)
{
    (void)state;
    struct aq_streams_builder *a, *b;
    struct aq_stream *foreign = start(&b);
    aq_stream_merge(start(&a), "m", NULL, 0);
    expect_error(a, "nothing to merge it with");
    aq_stream_merge(start(&a), "m", &foreign, 1);
    expect_error(a, "input 1 is a stream of another builder");
    struct aq_stream *none = NULL;
    aq_stream_merge(start(&a), "m", &none, 1);
    expect_error(a, "input 1 is NULL");
    aq_streams_builder_destroy(b);
}

static int64_t told_user;

static int extract(const struct aq_stream_record *record, int64_t partition_time_ms, void *user,
                   int64_t *ret_ms)
{
    (void)partition_time_ms;
    told_user = *(int64_t *)user;
    *ret_ms = record->timestamp + 1;
    return 0;
}

static void a_source_takes_a_rule_or_an_extractor_and_not_both(void **state)
{
    (void)state;
    struct aq_streams_builder *b = aq_streams_builder_create("app");
    struct aq_consumed from = consumed;
    from.timestamp = AQ_TIMESTAMP_WALL_CLOCK;
    from.reset = AQ_RESET_LATEST;
    aq_topology_add_source(b, "in", &from);
    assert_ptr_equal(st_find_node(b->topology, "in")->extractor, &ST_WALLCLOCK_TIMESTAMP);
    assert_int_equal(st_find_node(b->topology, "in")->reset, ST_LATEST);
    from.extractor = extract;
    aq_topology_add_source(b, "both", &from);
    expect_error(b, "source 'both': it has a timestamp rule and an extractor");
    b = aq_streams_builder_create("app");
    from.extractor = NULL;
    from.timestamp = (enum aq_timestamp_rule)99;
    aq_topology_add_source(b, "in", &from);
    expect_error(b, "99 is no timestamp rule");
}

static void serdes_are_found_by_name_or_refused(void **state)
{
    (void)state;
    struct aq_streams_builder *b;
    struct aq_stream *values = aq_stream_map_values(start(&b), "v", same, NULL);
    assert_ptr_equal(aq_stream_serdes(values, NULL, "int64"), values);
    assert_null(st_find_node(b->topology, "v")->key_serde);
    assert_string_equal(st_serde_name(st_find_node(b->topology, "v")->value_serde), "int64");
    assert_null(aq_stream_serdes(values, "varchar", NULL));
    expect_error(b, "'v': key: ");
}

static void an_extractor_of_the_program_gives_the_time(void **state)
{
    (void)state;
    int64_t user = 42;
    struct aq_streams_builder *b = aq_streams_builder_create("app");
    struct aq_consumed from = consumed;
    from.value_serde = NULL;
    from.extractor = extract;
    from.extractor_user = &user;
    aq_stream_to(aq_stream_from(b, "in", &from), "out", "out");
    struct run run;
    assert_int_equal(run_start(&run, b->topology), 0);
    told_user = 0;
    int n = run_text(&run, "k", "v", 10);
    T_CHECK(n == 1, "%s", run.err.text);
    assert_int_equal(told_user, 42);
    expect_output(&run, "out k=v@11{h=1}\n");
    run_stop(&run);
    aq_streams_builder_destroy(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_styles_build_the_same_topology),
        cmocka_unit_test(a_split_is_shown_as_kafka_shows_it),
        cmocka_unit_test(operators_that_can_change_keys_say_so),
        cmocka_unit_test(the_first_error_stays_and_stops_the_rest),
        cmocka_unit_test(an_application_id_must_be_able_to_begin_a_topic),
        cmocka_unit_test(what_is_wrong_with_the_whole_can_be_mended),
        cmocka_unit_test(a_missing_function_is_told_with_its_node),
        cmocka_unit_test(a_processor_must_be_of_this_abi_and_process),
        cmocka_unit_test(a_merge_needs_other_streams_of_its_builder),
        cmocka_unit_test(a_source_takes_a_rule_or_an_extractor_and_not_both),
        cmocka_unit_test(serdes_are_found_by_name_or_refused),
        cmocka_unit_test(an_extractor_of_the_program_gives_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
