/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins: tests/plugins/NAME.c, built as shared objects, loaded by path and by a configuration.
 */
#include <dlfcn.h>

#include "streams/forms/form.h"
#include "streams/plugin.h"

#include "tests/unit/streams/st_run.h"

extern const struct st_form st_form_native;

static const char *plugin_path(const char *name)
{
    static char path[512];
    const char *tools = getenv("AQUEDUCT_TOOLS");
    assert_non_null(tools);
    snprintf(path, sizeof(path), "%s/plugins/%s", tools, name);
    return path;
}

/* ---- loading ------------------------------------------------------------------------------------------------------ */

static void expect_refusal(const char *path, const char *reason)
{
    struct aq_err err = {0};
    assert_null(st_plugin_load(path, &err));
    assert_int_equal(err.code, AQ_E_CONFIG);
    T_CHECK(strstr(err.text, reason) && strstr(err.text, path), "%s", err.text);
    assert_null(st_plugin_load(path, NULL));
}

static void a_good_plugin_is_loaded_once(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const struct st_plugin *plugin = st_plugin_load(plugin_path("sample.so"), &err);
    T_CHECK(plugin != NULL, "%s", err.text);
    assert_ptr_equal(st_plugin_load(plugin_path("sample.so"), &err), plugin);
    assert_string_equal(st_plugin_path(plugin), plugin_path("sample.so"));
    const struct st_plugin_part *scale = st_plugin_find(plugin, ST_PLUGIN_PROCESSOR, "scale", &err);
    assert_non_null(scale);
    assert_int_equal(scale->n_options, 5);
    assert_null(st_plugin_find(plugin, ST_PLUGIN_PROCESSOR, "scaled", &err));
    T_CHECK(strstr(err.text, "has no processor 'scaled'; it has 'scale', 'drop'"), "%s", err.text);
    st_plugins_finish();
}

static void what_is_no_plugin_is_refused_with_the_reason(void **state)
{
    (void)state;
    expect_refusal("/nonexistent/x.so", "cannot be loaded as a shared object");
    expect_refusal(plugin_path("no_descriptor.so"), "has no symbol aq_plugin");
    expect_refusal(plugin_path("other_abi.so"), "has the abi 4711, and this program knows 1 to 2");
    expect_refusal(plugin_path("bad_aggregator.so"), "aggregator 'sum': it has no add()");
    expect_refusal(plugin_path("unresolved.so"), "aq_processor_from_a_later_version");
    expect_refusal(plugin_path("bad_option.so"),
                   "processor 'p': its option list is faulty: p.count: default 'many'");
    expect_refusal(plugin_path("bad_processor.so"), "processor 'idle': it has no process()");
}

/* It was compiled when there were no aggregators: what is behind its last field is not looked at. */
static void a_plugin_of_an_older_version_is_loaded(void **state)
{
    (void)state;
    struct aq_err err = {0};
    const struct st_plugin *plugin = st_plugin_load(plugin_path("older_abi.so"), &err);
    T_CHECK(plugin != NULL, "%s", err.text);
    assert_non_null(st_plugin_find(plugin, ST_PLUGIN_PROCESSOR, "p", &err));
    assert_null(st_plugin_find(plugin, ST_PLUGIN_AGGREGATOR, "p", &err));
    T_CHECK(strstr(err.text, "has no aggregator 'p'; it has none"), "%s", err.text);
    st_plugins_finish();
}

/* ---- the form native ---------------------------------------------------------------------------------------------- */

struct world {
    struct aq_arena arena;
    struct conf_diags diags;
    struct conf_doc *doc;
    struct st_topology *topology;
    void *conf;
};

/* in -> n (native, with these lines in its group) -> out */
static void begin(struct world *w, const char *lines)
{
    static const char *const topics[] = {"in"};
    const struct st_source_conf source = {.topics = topics, .n_topics = 1};
    const char *in[] = {"in"}, *n[] = {"n"};
    struct aq_err err = {0};
    *w = (struct world){0};
    aq_arena_init(&w->arena, 1024);
    conf_diags_init(&w->diags);
    char *text = t_printf("n = { %s };\n", lines);
    assert_int_equal(conf_load_text(plugin_path("app.conf"), text, NULL, 0, &w->diags, &w->doc), 0);
    free(text);
    w->topology = st_topology_create("app", &err);
    assert_int_equal(st_add_source(w->topology, "in", &source, &err), 0);
    struct conf_node *group = conf_get(w->doc->root, "n");
    w->conf = aq_arena_zalloc(&w->arena, st_form_native.conf_size);
    const struct st_forming forming = {.topology = w->topology,
                                       .arena = &w->arena,
                                       .diags = &w->diags,
                                       .what = "streams.topology.n",
                                       .name = "n",
                                       .group = group,
                                       .parents = {.names = in, .count = 1}};
    if (opt_read(st_form_native.rows, group, forming.what, NULL, &w->arena, w->conf, &w->diags) == 0)
        st_form_native.add(&forming, w->conf);
    if (w->diags.errors > 0) return;
    const struct st_parents behind = {.names = n, .count = 1};
    T_CHECK(st_add_sink(w->topology, "out", "out", behind, &err) == 0, "%s", err.text);
}

static void end(struct world *w)
{
    st_form_native.release(w->conf);
    st_topology_destroy(w->topology);
    conf_doc_destroy(w->doc);
    conf_diags_finish(&w->diags);
    aq_arena_finish(&w->arena);
    st_plugins_finish();
}

static struct aq_slice int64_bytes(int64_t number)
{
    static char bytes[8];
    aq_be64_put(bytes, (uint64_t)number);
    return aq_slice_of(bytes, sizeof(bytes));
}

static int *alive(void)
{
    void *handle = dlopen(plugin_path("sample.so"), RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(handle);
    int *count = dlsym(handle, "sample_alive");
    assert_non_null(count);
    dlclose(handle);
    return count;
}

static void a_processor_of_a_plugin_runs_with_its_options(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "library = \"./sample.so\"; processor = \"scale\"; value_serde = \"int64\"; "
              "options = { factor = 2.5; negate = true; wait = \"1s\"; label = \"me\"; };");
    T_CHECK(w.diags.errors == 0, "%s", w.diags.list[0].text);
    assert_int_equal(*alive(), 1);
    assert_false(st_find_node(w.topology, "n")->kind->changes_key);
    struct run run;
    T_CHECK(run_start(&run, w.topology) == 0, "%s", run.err.text);
    assert_int_equal(run_record(&run, aq_slice_str("k"), int64_bytes(4), 5), 1);
    /* -(4 * 2.5 + 3 + 1000) */
    expect_output(&run, "out k=\\ff\\ff\\ff\\ff\\ff\\ff\\fc\\0b@5{by=me}\n");
    assert_int_equal(run_text(&run, "k", "abc", 6), AQ_E_BAD_RECORD);
    T_CHECK(strstr(run.err.text, "'n': 3 bytes are no int64"), "%s", run.err.text);
    run_stop(&run);
    st_form_native.release(w.conf);
    assert_int_equal(*alive(), 0);
    end(&w);
}

static void a_processor_without_options_needs_no_group(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "library = \"sample.so\"; processor = \"drop\";");
    T_CHECK(w.diags.errors == 0, "%s", w.diags.list[0].text);
    struct run run;
    assert_int_equal(run_start(&run, w.topology), 0);
    assert_int_equal(run_text(&run, "k", "v", 5), 1);
    expect_output(&run, "");
    run_stop(&run);
    end(&w);
}

static void expect_complaint(const char *lines, const char *text, int column)
{
    struct world w;
    begin(&w, lines);
    T_CHECK(w.diags.errors == 1, "%zu errors", w.diags.errors);
    T_CHECK(strstr(w.diags.list[0].text, text), "%s", w.diags.list[0].text);
    T_CHECK(w.diags.list[0].pos.line == 1 && w.diags.list[0].pos.column >= column, "%d:%d",
            w.diags.list[0].pos.line, w.diags.list[0].pos.column);
    end(&w);
}

#define SCALE "library = \"./sample.so\"; processor = \"scale\"; "

static void complaints_have_the_place_of_the_option(void **state)
{
    (void)state;
    expect_complaint("library = \"./none.so\"; processor = \"x\";", "streams.topology.n: plugin ", 17);
    expect_complaint("library = \"./sample.so\"; processor = \"x\";", "has no processor 'x'", 43);
    expect_complaint(SCALE, "streams.topology.n.options: required option 'factor' is missing", 1);
    expect_complaint(SCALE "options = { factor = \"big\"; };",
                     "options: factor: must be a number, not string", 50);
    expect_complaint(SCALE "options = { factor = 1; colour = 3; };", "unknown option 'colour'", 50);
    expect_complaint(SCALE "options = { factor = 1; plus = true; };", "options: plus: ", 50);
    expect_complaint(SCALE "options = { factor = 0.0; };",
                     "the processor 'scale' refuses its options: a factor of 0 loses everything", 50);
    expect_complaint(SCALE "options = { factor = 1; }; key_serde = \"text\";", "streams.topology.n: ", 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_plugin_is_loaded_once),
        cmocka_unit_test(what_is_no_plugin_is_refused_with_the_reason),
        cmocka_unit_test(a_plugin_of_an_older_version_is_loaded),
        cmocka_unit_test(a_processor_of_a_plugin_runs_with_its_options),
        cmocka_unit_test(a_processor_without_options_needs_no_group),
        cmocka_unit_test(complaints_have_the_place_of_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
