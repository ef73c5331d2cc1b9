/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct query` without an application: its words, and what it says when nobody answers. What it prints of rows is a broker test.
 */
#include "tests/cli/run.h"
#include "tests/lib/http.h"

static void expect_usage(const char *const *args, const char *words)
{
    struct said said = run_with(NULL, args);
    expect_code(&said, 64);
    expect_text(said.err, words);
    said_free(&said);
}

#define USAGE(words, ...) expect_usage((const char *const[]){"query", __VA_ARGS__, NULL}, words)

static void words_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    USAGE("which store?", "--server", "h:1");
    USAGE("what is asked for?", "--server", "h:1", "rows");
    USAGE("unexpected argument 'c'", "--server", "h:1", "rows", "b", "c");
    USAGE("behind STORE", "--server", "h:1", "--range", "a");
    USAGE("not several", "--server", "h:1", "rows", "k", "--all");
    USAGE("not several", "--server", "h:1", "rows", "k", "--range", "a", "b");
    USAGE("--limit is a number of rows", "--server", "h:1", "rows", "k", "--limit", "x");
    USAGE("a time is milliseconds", "--server", "h:1", "rows", "k", "--as-of", "noon");
    USAGE("a time is milliseconds", "--server", "h:1", "rows", "k", "--window", "noon", "-");
    USAGE("which configuration?", "rows", "k");
    USAGE("not both", "--server", "h:1", "-c", "x.conf", "rows", "k");
}

static void nobody_at_the_address_is_unreachable(void **state)
{
    (void)state;
    char server[32];
    snprintf(server, sizeof(server), "127.0.0.1:%d", t_free_port());
    struct said said = RUN("query", "--server", server, "rows", "k");
    expect_code(&said, 69);
    expect_text(said.err, "aqueduct query: no instance answers at ");
    expect_text(said.err, server);
    expect_text(said.err, "http = { listen = \"HOST:PORT\"; }");
    expect_text(said.err, "--server HOST:PORT");
    T_CHECK(strchr(said.err, '\n') == strrchr(said.err, '\n'), "more than one line: %s", said.err);
    said_free(&said);
}

static const char *file_with(const char *http, const char *more)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/aqueduct-query-conf.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *text = t_printf(
        "%s streams = { application_id = \"app\"; bootstrap_servers = \"127.0.0.1:1\"; %s\n"
        "default_key_serde = \"string\"; default_value_serde = \"string\";\n"
        "topology = { in = { type = \"source\"; topics = [\"t\"]; }; n = { type = \"count\"; from = \"in\"; };\n"
        "out = { type = \"sink\"; from = \"n\"; topic = \"o\"; }; }; };\n",
        http, more);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    free(text);
    close(fd);
    return path;
}

static void the_file_says_where_the_instance_is(void **state)
{
    (void)state;
    char http[96];
    int port = t_free_port();
    struct said said = RUN("query", "-c", file_with("", ""), "n", "k");
    expect_code(&said, 78);
    expect_text(said.err, "the file has no http section");
    said_free(&said);
    snprintf(http, sizeof(http), "http = { listen = \"127.0.0.1:%d\"; };", port);
    said = RUN("query", "-q", "-c", file_with(http, ""), "n", "k");
    expect_code(&said, 69);
    snprintf(http, sizeof(http), "no instance answers at 127.0.0.1:%d:", port);
    expect_text(said.err, http);
    said_free(&said);
}

static void an_address_at_which_nobody_answers_is_a_warning(void **state)
{
    (void)state;
    const char *more = "application_server = \"app-1:9464\";";
    struct said said = RUN("check", file_with("", more));
    expect_code(&said, 0);
    expect_text(said.err, "there is no section http");
    said_free(&said);
    said = RUN("check", file_with("http = { listen = \"10.0.0.7:9464\"; };", more));
    expect_text(said.err, "say http.queries = \"on\"");
    said_free(&said);
    said = RUN("check", file_with("http = { listen = \"10.0.0.7:9464\"; queries = \"on\"; };", more));
    T_CHECK(!strstr(said.err, "nobody answers"), "%s", said.err);
    expect_text(said.err, "topic names and rows of stores");
    said_free(&said);
    said = RUN("check", file_with("", "application_server = \"app-1\";"));
    expect_code(&said, 78);
    expect_text(said.err, "is not HOST:PORT");
    said_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_that_make_no_sense_are_refused),
        cmocka_unit_test(nobody_at_the_address_is_unreachable),
        cmocka_unit_test(the_file_says_where_the_instance_is),
        cmocka_unit_test(an_address_at_which_nobody_answers_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
