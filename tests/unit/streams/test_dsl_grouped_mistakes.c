/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes with groups, windows and aggregations of the C DSL, and what is told about them.
 */
#include "tests/unit/streams/dsl_aggregators.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_with_groups_are_told),
        cmocka_unit_test(mistakes_with_built_ins_are_told),
        cmocka_unit_test(mistakes_with_windows_are_told),
        cmocka_unit_test(mistakes_with_suppress_and_windows_are_told),
        cmocka_unit_test(mistakes_with_cogroups_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
