/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line itself: help for everything there is, usage errors, version, files that other commands
 * accept.
 */
#include "tests/cli/run.h"

/* Calls visit for the first word of every line of `aqueduct list KIND`. */
static size_t each_name(const char *kind, void (*visit)(const char *name))
{
    struct said said = RUN("list", kind);
    expect_code(&said, 0);
    size_t n = 0;
    char *rest = NULL;
    for (char *line = strtok_r(said.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[64];
        if (sscanf(line, " %63s", name) != 1) continue;
        visit(name);
        n++;
    }
    said_free(&said);
    return n;
}

static void help_has_every_form(const char *name)
{
    static const char *const forms[] = {"--quiet", "--markdown", "--man", "--sample"};
    for (size_t i = 0; i < 4; i++) {
        struct said said = RUN("help", forms[i], name);
        expect_code(&said, 0);
        T_CHECK(strlen(said.out) > (i == 3 ? 10 : 40), "help %s %s says: %s", forms[i], name, said.out);
        said_free(&said);
    }
}

static void command_has_help(const char *name)
{
    struct said said = RUN(name, "--help");
    expect_code(&said, 0);
    expect_text(said.out, "usage: aqueduct ");
    said_free(&said);
}

static void everything_has_help(void **state)
{
    (void)state;
    assert_true(each_name("commands", command_has_help) >= 9);
    assert_true(each_name("commands", help_has_every_form) >= 9);
    assert_true(each_name("sections", help_has_every_form) >= 6);
    assert_true(each_name("transforms", help_has_every_form) >= 8);
    assert_true(each_name("predicates", help_has_every_form) >= 3);
    assert_true(each_name("forms", help_has_every_form) >= 17);
}

static void a_command_and_a_section_of_one_name_are_both_explained(void **state)
{
    (void)state;
    struct said said = RUN("help", "streams");
    expect_code(&said, 0);
    expect_text(said.out, "usage: aqueduct streams ");
    expect_text(said.out, "streams (section)");
    expect_text(said.out, "commit_interval_ms");
    said_free(&said);
    said = RUN("help", "--sample", "streams");
    expect_code(&said, 0);
    T_CHECK(strstr(said.out, "usage:") == NULL, "a sample with a usage: %s", said.out);
    expect_text(said.out, "application_id");
    said_free(&said);
}

static void overview(void **state)
{
    (void)state;
    struct said said = RUN("help");
    expect_code(&said, 0);
    expect_text(said.out, "mirror");
    said_free(&said);
    said = RUN("--help");
    expect_code(&said, 0);
    expect_text(said.out, "Commands:");
    said_free(&said);
    said = run_with(NULL, (const char *const[]){NULL});
    expect_code(&said, 64);
    expect_text(said.err, "Commands:");
    said_free(&said);
}

static void usage_errors_end_with_64(void **state)
{
    (void)state;
    static const struct {
        const char *args[4];
        const char *part;
    } rows[] = {
        {{"brigde"}, "did you mean 'bridge'?"},
        {{"help", "MaskFeild"}, "did you mean 'MaskField'?"},
        {{"list", "nothing"}, "nothing"},
        {{"check", "--conect"}, "did you mean '--connect'?"},
        {{"check", "--connect=yes"}, "takes no value"},
        {{"check", "-c"}, "needs a value"},
        {{"--log-level", "loud", "version"}, "debug, info, warn, error"},
        {{"--log-format", "xml", "version"}, "logfmt or json"},
        {{"version", "now"}, "unexpected argument 'now'"},
        {{"mirror", "--from", "a:1", "x"}, "--to"},
        {{"positions", "--dry-run", "x.conf"}, "--reset"},
        {{"positions", "--reset", "noon", "x.conf"}, "earliest, latest"},
        {{"streams"}, "which configuration?"},
        {{"streams", "reset"}, "which configuration?"},
        {{"streams", "--plan", "x.conf"}, "streams reset"},
        {{"streams", "reset", "--to=noon", "x.conf"}, "earliest, latest"},
        {{"streams", "x.conf", "y.conf"}, "unexpected argument 'y.conf'"},
        {{"graph", "--format", "png", "x.conf"}, "dot, mermaid or svg"},
        {{"help", "repartiton"}, "did you mean 'repartition'?"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *args[5] = {rows[i].args[0], rows[i].args[1], rows[i].args[2], rows[i].args[3], NULL};
        struct said said = run_with(NULL, args);
        expect_code(&said, 64);
        expect_text(said.err, rows[i].part);
        expect_text(said.err, "help");
        said_free(&said);
    }
}

static void version(void **state)
{
    (void)state;
    struct said said = RUN("version");
    expect_code(&said, 0);
    static const char *const parts[] = {"aqueduct ", "librdkafka 2.", "libconfig 1.", "build ", "compiler "};
    for (size_t i = 0; i < 5; i++) expect_text(said.out, parts[i]);
    said_free(&said);
}

static void mirror_writes_a_file_that_check_accepts(void **state)
{
    (void)state;
    struct said said = RUN("mirror", "--from", "127.0.0.1:9092", "--to", "127.0.0.1:9192", "--name", "copy",
                           "--start", "timestamp=2024-05-01T12:00:00Z", "--delivery", "at_least_once",
                           "--stop-at-end", "--print-config", "orders.*", "billing.eu", "^\\d+$");
    expect_code(&said, 0);
    expect_text(said.out, "\"^orders.*\", \"billing.eu\", \"^\\\\d+$\"");
    char *path = write_file("mirror.conf", said.out);
    said_free(&said);
    said = RUN("check", path);
    expect_code(&said, 0);
    expect_text(said.out, "1 route, 2 clusters");
    said_free(&said);
    said = RUN("dump", path);
    expect_code(&said, 0);
    expect_text(said.out, "name = \"copy\";");
    expect_text(said.out, "delivery = \"at_least_once\";");
    expect_text(said.out, "stop_at_end = true;");
    said_free(&said);
    remove_file(path);
}

static void mirror_checks_what_it_is_given(void **state)
{
    (void)state;
    struct said said =
        RUN("mirror", "--from", "127.0.0.1:1", "--to", "127.0.0.1:2", "--delivery", "exactly_onec", "x");
    expect_code(&said, 78);
    expect_text(said.err, "exactly_onec");
    said_free(&said);
    said = RUN("mirror", "--from", "127.0.0.1:1", "--to", "127.0.0.1:2", "^(x");
    expect_code(&said, 78);
    said_free(&said);
}

/* The text after its first line, which names the file. */
static const char *body(const char *dump)
{
    const char *newline = strchr(dump, '\n');
    return newline ? newline + 1 : dump;
}

static void a_dump_means_the_same(void **state)
{
    (void)state;
    static const char *const files[] = {
        "minimal",        "mirror-regex",  "dead-letter",     "throttled",
        "two-routes",     "transforms",    "streams-metrics", "streams-route-by-value",
        "streams-branch", "streams-count", "streams-join",    "streams-sessions",
        "streams-cpu",    "streams-top",   "streams-global"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char *example = t_printf("conf/examples/%s.conf", files[i]);
        struct said first = RUN("dump", example);
        expect_code(&first, 0);
        char *path = write_file("dump.conf", first.out);
        struct said second = RUN("dump", path);
        expect_code(&second, 0);
        T_CHECK(strcmp(body(first.out), body(second.out)) == 0, "%s: first\n%s\nsecond\n%s", example,
                first.out, second.out);
        said_free(&first);
        said_free(&second);
        remove_file(path);
        free(example);
    }
}

static void the_sample_loads(void **state)
{
    (void)state;
    struct said said = RUN("help", "--sample");
    expect_code(&said, 0);
    char *path = write_file("sample.conf", said.out);
    said_free(&said);
    said = RUN("check", path);
    expect_code(&said, 0);
    said_free(&said);
    remove_file(path);
}

static void documents(void **state)
{
    (void)state;
    struct said said = RUN("help", "--man");
    expect_code(&said, 0);
    expect_text(said.out, ".TH AQUEDUCT 1");
    expect_text(said.out, ".SH EXIT STATUS");
    said_free(&said);
    said = RUN("help", "--man", "aqueduct.conf");
    expect_code(&said, 0);
    expect_text(said.out, ".TH AQUEDUCT.CONF 5");
    expect_text(said.out, ".SS MaskField");
    said_free(&said);
    said = RUN("help", "--markdown");
    expect_code(&said, 0);
    expect_text(said.out, "## MaskField");
    said_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_help),
        cmocka_unit_test(a_command_and_a_section_of_one_name_are_both_explained),
        cmocka_unit_test(overview),
        cmocka_unit_test(usage_errors_end_with_64),
        cmocka_unit_test(version),
        cmocka_unit_test(mirror_writes_a_file_that_check_accepts),
        cmocka_unit_test(mirror_checks_what_it_is_given),
        cmocka_unit_test(a_dump_means_the_same),
        cmocka_unit_test(the_sample_loads),
        cmocka_unit_test(documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
