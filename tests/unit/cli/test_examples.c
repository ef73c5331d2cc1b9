/* SPDX-License-Identifier: Apache-2.0
 *
 * Every example in conf/examples loads without a complaint, and so does every example in an option table and every whole streams
 * section that README.md and doc/streams.md show.
 */
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/help.h"
#include "tests/lib/check.h"

static char secrets[] = "/tmp/aqueduct-examples.XXXXXX";

static void write_secret(const char *name)
{
    char *path = t_printf("%s/%s", secrets, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("not-a-real-password\n", file);
    fclose(file);
    chmod(path, 0600);
    free(path);
}

static const char *const secret_names[] = {"east_password", "west_password"};

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(secrets)) return -1;
    for (size_t i = 0; i < 2; i++) write_secret(secret_names[i]);
    unsetenv("CREDENTIALS_DIRECTORY");
    setenv("AQUEDUCT_SECRETS_DIR", secrets, 1);
    setenv("AQUEDUCT_SOURCE", "127.0.0.1:9092", 1);
    setenv("AQUEDUCT_SINK", "127.0.0.1:9192", 1);
    setenv("WEST_BROKERS", "west.example.org:9093", 1);
    const char *root = getenv("AQUEDUCT_SRC");
    return root ? chdir(root) : 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *path = t_printf("%s/%s", secrets, secret_names[i]);
        unlink(path);
        free(path);
    }
    return rmdir(secrets);
}

static void expect_clean(struct cli_config *config, const char *what)
{
    if (config->diags.count > 0) conf_diags_print(&config->diags, stderr);
    T_CHECK(config->diags.count == 0, "%s: %zu complaints", what, config->diags.count);
    bool routes = config->n_routes > 0 && config->n_clusters > 0;
    T_CHECK(routes || (config->streams.plan && config->streams.serdes), "%s is empty", what);
}

static void example_files_load(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("conf/examples/*.conf", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 12);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct cli_config config;
        cli_config_load(&config, found.gl_pathv[i], NULL, NULL, 0);
        expect_clean(&config, found.gl_pathv[i]);
        cli_config_finish(&config);
    }
    globfree(&found);
}

static void the_root_example_loads(void **state)
{
    (void)state;
    struct cli_config config;
    cli_config_load(&config, "example", cli_root_table.example, NULL, 0);
    expect_clean(&config, "the example of the root table");
    cli_config_finish(&config);
}

/* The examples of transforms and predicates, each in a library of its own with what it may refer to. */
static void kind_examples_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < xf_kind_count; i++) {
        const struct xf_kind *kind = xf_kinds[i];
        T_CHECK(kind->example, "%s has no example", kind->name);
        bool transform = kind->sort == XF_TRANSFORM;
        char *text = t_printf(
            "clusters = { a = { brokers = \"127.0.0.1:1\"; }; b = { brokers = \"127.0.0.1:2\"; }; };\n"
            "predicates = { zz_test = { type = \"HasHeaderKey\"; name = \"test\"; };\n"
            "  %s\n"
            "%s };\n"
            "transforms = { %s };\n"
            "routes = ( { name = \"r\"; from = \"a\"; to = \"b\"; topics = [\"t\"]; } );\n",
            transform ? "is_test = { type = \"HasHeaderKey\"; name = \"test\"; };" : "",
            transform ? "tombstone = { type = \"RecordIsTombstone\"; };" : kind->example,
            transform ? kind->example : "");
        struct cli_config config;
        cli_config_load(&config, kind->name, text, NULL, 0);
        if (config.diags.errors > 0) conf_diags_print(&config.diags, stderr);
        T_CHECK(config.diags.errors == 0, "%s: its example does not load:\n%s", kind->name, text);
        cli_config_finish(&config);
        free(text);
    }
}

static void the_streams_example_loads(void **state)
{
    (void)state;
    struct cli_config config;
    cli_config_load(&config, "example", st_settings_table.example, NULL, 0);
    expect_clean(&config, "the example of the settings");
    cli_config_finish(&config);
}

/* Every form, in a topology of its own that has it. */
static void form_examples_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < st_n_forms; i++) {
        const struct st_form *form = st_forms[i];
        T_CHECK(form->example, "%s has no example", form->name);
        char *text =
            t_printf("transforms = { mask = { type = \"MaskField\"; fields = [\"card\"]; }; };\n"
                     "streams = { application_id = \"example\"; bootstrap_servers = \"127.0.0.1:1\";\n"
                     "default_key_serde = \"string\"; default_value_serde = \"json\";\n"
                     "topology = {\n%s}; };\n",
                     form->example);
        struct cli_config config;
        cli_config_load(&config, form->name, text, NULL, 0);
        /* The shared object of the example is the reader's own; everything else about it must be right. */
        if (strcmp(form->name, "native") == 0)
            T_CHECK(config.diags.count == 1 && strstr(config.diags.list[0].text, "cannot be loaded"),
                    "%zu complaints about native", config.diags.count);
        else
            expect_clean(&config, form->name);
        bool has = false;
        for (size_t k = 0; k < config.streams.n_nodes; k++) has = has || config.streams.nodes[k].form == form;
        T_CHECK(has, "the example of %s has none", form->name);
        cli_config_finish(&config);
        free(text);
    }
}

static char *load_page(const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    assert_non_null(in);
    assert_true(getdelim(&text, &size, -1, in) > 0);
    fclose(in);
    return text;
}

/* A block with an ellipsis is a piece of a section, and says so. Returns how many were whole. */
static int load_sections_of(const char *path)
{
    char *page = load_page(path);
    int n = 0;
    for (const char *at = page; (at = strstr(at, "\n```\nstreams = {")) != NULL;) {
        at += strlen("\n```\n");
        const char *end = strstr(at, "\n```");
        assert_non_null(end);
        char *text = t_printf("%.*s\n", (int)(end - at), at);
        at = end;
        if (!strstr(text, "…")) {
            struct cli_config config;
            cli_config_load(&config, path, text, NULL, 0);
            expect_clean(&config, path);
            cli_config_finish(&config);
            n++;
        }
        free(text);
    }
    free(page);
    return n;
}

static void the_sections_of_the_pages_load(void **state)
{
    (void)state;
    assert_int_equal(load_sections_of("README.md"), 1);
    assert_int_equal(load_sections_of("doc/streams.md"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_files_load), cmocka_unit_test(the_root_example_loads),
        cmocka_unit_test(kind_examples_load), cmocka_unit_test(the_streams_example_loads),
        cmocka_unit_test(form_examples_load), cmocka_unit_test(the_sections_of_the_pages_load),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
