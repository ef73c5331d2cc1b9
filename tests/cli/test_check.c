/* SPDX-License-Identifier: Apache-2.0
 *
 * `aqueduct check`: every mistake at once, each with its place; refusals with their reasons; overrides.
 */
#include "tests/cli/run.h"

static const char eight_mistakes[] =
    "clusters = {\n"
    "  dc1 = { brokers = \"127.0.0.1:9092\"; };\n"
    "  dc2 = { };\n" /* 1: brokers missing */
    "};\n"
    "transforms = {\n"
    "  mask = { type = \"MaskField\"; fields = [\"email\"]; replacment = \"x\"; };\n" /* 2: typo */
    "  trim = { type = \"RepalceField\"; exclude = [\"debug\"]; };\n"                 /* 3: typo in a type */
    "  drop = { type = \"Filter\"; predicate = \"nobody\"; };\n" /* 4: unknown predicate */
    "};\n"
    "routes = (\n"
    "  { name = \"orders\"; from = \"dc1\"; to = \"dc3\"; topics = [\"orders\"];\n" /* 5: unknown cluster */
    "    chain = [\"maks\"];\n"                                                     /* 6: unknown transform */
    "    commit_interval = 2592000000; }\n" /* 7: wraps in libconfig */
    ");\n"
    "htpp = { listen = \"127.0.0.1:9464\"; };\n"; /* 8: unknown section */

/* Lines of the form PATH:LINE:COLUMN: error: … */
static size_t count_located(const char *text, const char *path)
{
    size_t n = 0, len = strlen(path);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        int at, column, end = 0;
        if (strncmp(line, path, len) == 0 &&
            sscanf(line + len, ":%d:%d: error: %n", &at, &column, &end) == 2 && end > 0)
            n++;
    }
    return n;
}

static void eight_mistakes_are_eight_located_errors(void **state)
{
    (void)state;
    char *path = write_file("eight.conf", eight_mistakes);
    struct said said = RUN("check", "-c", path);
    expect_code(&said, 78);
    T_CHECK(count_located(said.err, path) == 8, "%zu located errors:\n%s", count_located(said.err, path),
            said.err);
    static const char *const parts[] = {":3:",  "brokers",
                                        ":6:",  "did you mean 'replacement'?",
                                        ":7:",  "did you mean 'ReplaceField'?",
                                        ":8:",  "nobody",
                                        ":11:", "dc3",
                                        ":12:", "did you mean 'mask'?",
                                        ":13:", "2592000000",
                                        ":15:", "did you mean 'http'?",
                                        "^~~"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) expect_text(said.err, parts[i]);
    said_free(&said);

    said = RUN("bridge", path);
    expect_code(&said, 78); /* a wrong configuration never starts */
    said_free(&said);

    said = RUN("check", "--format", "json", path);
    expect_code(&said, 78);
    T_CHECK(said.out[0] == '[' || said.out[0] == '{', "%s", said.out);
    expect_text(said.out, "RepalceField");
    said_free(&said);
    remove_file(path);
}

static void a_good_file_says_so(void **state)
{
    (void)state;
    struct said said = RUN("check", "conf/examples/two-routes.conf");
    expect_code(&said, 0);
    expect_text(said.out, "configuration is correct: 2 routes, 2 clusters, 2 transforms");
    said_free(&said);
    said = RUN("check", "--format=json", "-c", "conf/examples/minimal.conf");
    expect_code(&said, 0);
    said_free(&said);
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct said said = RUN("check", "-c", "/nonexistent/aqueduct.conf");
    expect_code(&said, 78);
    expect_text(said.err, "/nonexistent/aqueduct.conf");
    said_free(&said);
    said = RUN("check");
    expect_code(&said, 64);
    said_free(&said);
    said = RUN("check", "-c", "a.conf", "b.conf");
    expect_code(&said, 64);
    said_free(&said);

    char *path = write_file("open.conf", "clusters = {\n/* never closed\n};\n");
    said = RUN("check", path);
    expect_code(&said, 78);
    expect_text(said.err, "open.conf:2:");
    said_free(&said);
    remove_file(path);
}

static void overrides_are_checked_and_win(void **state)
{
    (void)state;
    struct said said = RUN("check", "-s", "routes.payments.workers=2", "conf/examples/minimal.conf");
    expect_code(&said, 0);
    said_free(&said);
    said = RUN("dump", "-s", "routes.payments.workers=2", "-s", "routes.payments.workers=3",
               "conf/examples/minimal.conf");
    expect_code(&said, 0);
    expect_text(said.out, "workers = 3;");
    said_free(&said);
    said = RUN("check", "-s", "routes.payments.wrokers=2", "conf/examples/minimal.conf");
    expect_code(&said, 78);
    expect_text(said.err, "did you mean 'workers'?");
    expect_text(said.err, "-s");
    said_free(&said);
    said = RUN("check", "-s", "routes", "conf/examples/minimal.conf");
    expect_code(&said, 64);
    said_free(&said);
}

static void warnings_do_not_fail(void **state)
{
    (void)state;
    char *path =
        write_file("warn.conf", "clusters = {\n"
                                "  dc1 = { brokers = \"192.0.2.1:9092\"; };\n"
                                "  dc2 = { brokers = \"127.0.0.1:9192\"; };\n"
                                "};\n"
                                "routes = (\n"
                                "  { name = \"a\"; from = \"dc1\"; to = \"dc2\"; topics = [\"orders\"]; },\n"
                                "  { name = \"b\"; from = \"dc1\"; to = \"dc2\"; topics = [\"^ord.*\"]; }\n"
                                ");\n"
                                "http = { listen = \"0.0.0.0:9464\"; };\n");
    struct said said = RUN("check", path);
    expect_code(&said, 0);
    expect_text(said.err, "not encrypted");
    expect_text(said.err, "both write into topic 'orders'");
    expect_text(said.err, "can be reached from other machines");
    expect_text(said.out, "3 warnings");
    said_free(&said);
    remove_file(path);
}

static void names_are_unique(void **state)
{
    (void)state;
    char *path =
        write_file("twice.conf", "clusters = {\n"
                                 "  dc1 = { brokers = \"127.0.0.1:9092\"; };\n"
                                 "  dc2 = { brokers = \"127.0.0.1:9192\"; };\n"
                                 "};\n"
                                 "routes = (\n"
                                 "  { name = \"a\"; from = \"dc1\"; to = \"dc2\"; topics = [\"x\"]; },\n"
                                 "  { name = \"a\"; from = \"dc1\"; to = \"dc2\"; topics = [\"y\"]; }\n"
                                 ");\n");
    struct said said = RUN("check", path);
    expect_code(&said, 78);
    expect_text(said.err, "already defined at line 6");
    said_free(&said);
    remove_file(path);
}

static void dangerous_properties_are_refused(void **state)
{
    (void)state;
    static const char *const properties[] = {
        "plugin.library.paths=/tmp/evil.so",
        "sasl.kerberos.kinit.cmd=rm -rf /",
        "ssl.engine.location=/tmp/evil.so",
        "test.mock.num.brokers=3",
        "enable.idempotence=false",
        "transactional.id=mine",
        "group.id=mine",
        "enable.auto.commit=true",
    };
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        char *text =
            t_printf("clusters = {\n"
                     "  dc1 = { brokers = \"127.0.0.1:9092\"; properties = [\"%s\"]; };\n"
                     "  dc2 = { brokers = \"127.0.0.1:9192\"; };\n"
                     "};\n"
                     "routes = ( { name = \"a\"; from = \"dc1\"; to = \"dc2\"; topics = [\"x\"]; } );\n",
                     properties[i]);
        char *path = write_file("property.conf", text);
        struct said said = RUN("check", path);
        T_CHECK(said.code == 78, "%s is accepted", properties[i]);
        char *name = t_printf("%.*s", (int)strcspn(properties[i], "="), properties[i]);
        expect_text(said.err, name);
        expect_text(said.err, "property.conf:2:");
        free(name);
        free(text);
        said_free(&said);
        remove_file(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_mistakes_are_eight_located_errors),
        cmocka_unit_test(a_good_file_says_so),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(overrides_are_checked_and_win),
        cmocka_unit_test(warnings_do_not_fail),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(dangerous_properties_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
