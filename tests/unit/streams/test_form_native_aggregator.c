/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators of a plugin (tests/plugins/aggregators.c) in a configuration: of streams, tables, sessions and in a cogroup.
 */
#include <dlfcn.h>

#include "streams/plugin.h"
#include "tests/unit/streams/form_run.h"

static const char *plugin_path(void)
{
    static char path[512];
    const char *tools = getenv("AQUEDUCT_TOOLS");
    assert_non_null(tools);
    snprintf(path, sizeof(path), "%s%s/plugins/aggregators.so", tools[0] == '/' ? "" : "./", tools);
    return path;
}

/* The lines with the path in place of each @. */
static const char *with_path(const char *lines)
{
    static char text[4096];
    char *at = text;
    for (; *lines; lines++) {
        if (*lines == '@')
            at += snprintf(at, 512, "%s", plugin_path());
        else
            *at++ = *lines;
    }
    *at = '\0';
    return text;
}

static void run(const char *lines, const struct form_step *steps, size_t n)
{
    struct form_run run;
    form_run_open(&run, HEAD, with_path(lines), 3);
    form_take(&run, steps, n);
    form_run_close(&run);
}

#define RUN_FORM(lines, steps) run(lines, steps, sizeof(steps) / sizeof((steps)[0]))
#define BYTES                  "library = \"@\"; aggregator = \"bytes\"; options = { factor = 10; }; "

static int alive(void)
{
    void *handle = dlopen(plugin_path(), RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(handle);
    int *count = dlsym(handle, "aggregators_alive");
    assert_non_null(count);
    int n = *count;
    dlclose(handle);
    return n;
}

static void a_stream_is_aggregated_in_c(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"in", "k", "{}", 1, "k=20@1"}, {"in", "k", "{\"a\":1}", 2, "k=90@2"}, {"in", "j", "1", 3, "j=10@3"}};
    RUN_FORM(IN "x = { type = \"aggregate\"; from = \"in\"; as = \"int64\"; " BYTES "};\n" OUT, steps);
    assert_int_equal(alive(), 0);
}

static void without_a_serde_results_are_as_values_came(void **state)
{
    (void)state;
    static const struct form_step steps[] = {{"in", "k", "{}", 1, "k={}@1"}, {"in", "k", "7", 2, "k=7@2"}};
    RUN_FORM(IN
             "x = { type = \"aggregate\"; from = \"in\"; library = \"@\"; aggregator = \"latest\"; };\n" OUT,
             steps);
}

static void a_row_of_a_table_leaves_its_group(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"t", "1", "\"a\"", 1, "a=30@1"},
        {"t", "2", "\"a\"", 2, "a=60@2"},
        {"t", "1", "\"b\"", 3, "a=30@3 b=30@3"},
    };
    RUN_FORM(
        "t = { type = \"table\"; topic = \"t\"; };\n"
        "x = { type = \"aggregate\"; from = \"t\"; by = \"value\"; as = \"int64\"; partitions = 1; " BYTES
        "};\n" OUT,
        steps);
}

static void sessions_are_merged_in_c(void **state)
{
    (void)state;
    static const struct form_step steps[] = {
        {"in", "k", "1", 10, "k[10,10]=10@10"},
        {"in", "k", "12", 25, "k[25,25]=20@25"},
        {"in", "k", "3", 18, "k[10,10]=null@10 k[25,25]=null@25 k[10,25]=40@25"},
    };
    RUN_FORM(IN "x = { type = \"aggregate\"; from = \"in\"; as = \"int64\"; cached = false; " BYTES
                "window = { type = \"session\"; gap = 10; grace = 20; }; };\n" OUT,
             steps);
}

static void each_input_of_a_cogroup_has_its_own(void **state)
{
    (void)state;
    static const struct form_step steps[] = {{"in", "k", "1", 1, "k=10@1"}, {"r", "k", "22", 2, "k=2010@2"}};
    RUN_FORM(
        IN
        "r = { type = \"source\"; topics = [\"r\"]; };\n"
        "x = { type = \"cogroup\"; as = \"int64\"; inputs = ( { from = \"in\"; " BYTES "},\n"
        "{ from = \"r\"; library = \"@\"; aggregator = \"bytes\"; options = { factor = 1000; }; } ); };\n" OUT,
        steps);
    assert_int_equal(alive(), 0);
}

static void expect_in(const char *lines, const char *words)
{
    char *said = complaints(with_path(lines));
    T_CHECK(strstr(said, words) != NULL, "'%s' is not in: %s", words, said);
    free(said);
}

static void what_an_aggregator_cannot_is_said(void **state)
{
    (void)state;
    expect_in(
        "t = { type = \"table\"; topic = \"t\"; };\nx = { type = \"aggregate\"; from = \"t\"; by = \"value\"; "
        "library = \"@\"; aggregator = \"latest\"; };\n" OUT,
        "t.conf:5:");
    expect_in(
        "t = { type = \"table\"; topic = \"t\"; };\nx = { type = \"aggregate\"; from = \"t\"; by = \"value\"; "
        "library = \"@\"; aggregator = \"latest\"; };\n" OUT,
        "its struct aq_aggregator has no subtract()");
    expect_in(IN "x = { type = \"aggregate\"; from = \"in\"; library = \"@\"; aggregator = \"latest\";\n"
                 "window = { type = \"session\"; gap = 10; }; };\n" OUT,
              "the plugin's aggregator has no merge()");
    expect_in(IN
              "x = { type = \"aggregate\"; from = \"in\"; library = \"@\"; aggregator = \"byte\"; };\n" OUT,
              "has no aggregator 'byte'; it has 'bytes', 'latest'");
    expect_in(IN
              "x = { type = \"aggregate\"; from = \"in\"; library = \"@\"; aggregator = \"bytes\"; };\n" OUT,
              "streams.topology.x.options: required option 'factor' is missing");
}

static int unload(void **state)
{
    (void)state;
    st_plugins_finish();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_aggregated_in_c),
        cmocka_unit_test(without_a_serde_results_are_as_values_came),
        cmocka_unit_test(a_row_of_a_table_leaves_its_group),
        cmocka_unit_test(sessions_are_merged_in_c),
        cmocka_unit_test(each_input_of_a_cogroup_has_its_own),
        cmocka_unit_test(what_an_aggregator_cannot_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, unload);
}
