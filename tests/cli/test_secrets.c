/* SPDX-License-Identifier: Apache-2.0
 *
 * No secret in any output. Three are planted (environment, secret file, written out) and every way the
 * program has of saying something is searched for them.
 */
#include "tests/cli/run.h"
#include "tests/lib/http.h"

#define FROM_ENV  "planted-in-the-environment-71c"
#define FROM_FILE "planted-in-a-secret-file-e02"
#define LITERAL   "planted-in-the-file-itself-5ab"

static const char config[] =
    "clusters = {\n"
    "  dc1 = { brokers = \"127.0.0.1:%d\"; connect_timeout = \"1s\";\n"
    "    properties = [\"security.protocol=SASL_PLAINTEXT\", \"sasl.mechanisms=PLAIN\",\n"
    "      \"sasl.username=me\", \"sasl.password=${PLANTED}\"]; };\n"
    "  dc2 = { brokers = \"127.0.0.1:%d\"; connect_timeout = \"1s\";\n"
    "    properties = [\"security.protocol=SASL_PLAINTEXT\", \"sasl.mechanisms=PLAIN\",\n"
    "      \"sasl.username=me\", \"sasl.password=${secret:planted}\"]; };\n"
    "  dc3 = { brokers = \"127.0.0.1:%d\";\n"
    "    properties = [\"sasl.username=me\", \"sasl.password=" LITERAL "\"]; };\n"
    "};\n"
    "routes = ( { name = \"a\"; from = \"dc1\"; to = \"dc2\"; topics = [\"x\"]; } );\n"
    "%s";

struct plants {
    char *secret;
    char *dir;
    char *env[3];
};

static void plant(struct plants *plants)
{
    plants->secret = write_file("planted", FROM_FILE "\n");
    plants->dir = t_printf("AQUEDUCT_SECRETS_DIR=%.*s", (int)(strrchr(plants->secret, '/') - plants->secret),
                           plants->secret);
    plants->env[0] = plants->dir;
    plants->env[1] = "PLANTED=" FROM_ENV;
    plants->env[2] = NULL;
}

static void uproot(struct plants *plants)
{
    free(plants->dir);
    remove_file(plants->secret);
}

static void expect_silence(const char *what, const char *text)
{
    static const char *const secrets[] = {FROM_ENV, FROM_FILE, LITERAL};
    for (size_t i = 0; i < 3; i++) T_CHECK(!strstr(text, secrets[i]), "%s shows a secret:\n%s", what, text);
}

static void run_and_search(const struct plants *plants, int code, const char *const *args)
{
    struct said said = run_with((const char *const *)plants->env, args);
    expect_code(&said, code);
    expect_silence(args[0], said.out);
    expect_silence(args[0], said.err);
    said_free(&said);
}

static char *write_config(const char *more)
{
    int port = t_free_port();
    char *text = t_printf(config, port, port, port, more);
    char *path = write_file("secrets.conf", text);
    free(text);
    return path;
}

#define SEARCH(plants, code, ...) run_and_search(plants, code, (const char *const[]){__VA_ARGS__, NULL})

static void commands_keep_secrets(void **state)
{
    (void)state;
    struct plants plants;
    plant(&plants);
    char *path = write_config("");
    SEARCH(&plants, 0, "check", path);
    SEARCH(&plants, 0, "check", "--format", "json", path);
    SEARCH(&plants, 0, "dump", path);
    struct said said = run_with((const char *const *)plants.env, (const char *const[]){"dump", path, NULL});
    expect_text(said.out, "\"sasl.password=***\"");
    said_free(&said);
    remove_file(path);
    uproot(&plants);
}

static void errors_keep_secrets(void **state)
{
    (void)state;
    struct plants plants;
    plant(&plants);
    /* Mistakes on the very lines that hold secrets, so that the source line is quoted. */
    char *path = write_config("oops = \"" LITERAL "\";\n");
    SEARCH(&plants, 78, "check", path);
    SEARCH(&plants, 78, "check", "--format", "json", path);
    remove_file(path);
    char *text = t_printf(
        "clusters = {\n"
        "  dc1 = { brokers = \"127.0.0.1:1\"; properties = [\"sasl.password=%s\", \"sasl.pasword=%s\", "
        "\"sasl.password=${PLANTED}\", \"sasl.username=${secret:planted}\", \"no.such=1\"]; };\n"
        "};\n"
        "routes = ( { name = \"a\"; from = \"dc1\"; to = \"dc1\"; topics = [\"x\"]; } );\n",
        LITERAL, "harmless");
    path = write_file("secrets.conf", text);
    free(text);
    SEARCH(&plants, 78, "check", path);
    SEARCH(&plants, 78, "check", path, "-s", "clusters.dc1.brokrs=" FROM_ENV);
    remove_file(path);
    uproot(&plants);
}

static void runs_keep_secrets(void **state)
{
    (void)state;
    struct plants plants;
    plant(&plants);
    char *path = write_config("");
    SEARCH(&plants, 69, "bridge", "--log-level", "debug", path);
    SEARCH(&plants, 69, "bridge", "--log-level", "debug", "--log-format", "json", path);
    SEARCH(&plants, 69, "positions", path);
    SEARCH(&plants, 78, "check", "--connect", path);
    remove_file(path);
    uproot(&plants);
}

static void a_secret_others_can_read_is_refused(void **state)
{
    (void)state;
    struct plants plants;
    plant(&plants);
    chmod(plants.secret, 0644);
    char *path = write_config("");
    struct said said = run_with((const char *const *)plants.env, (const char *const[]){"check", path, NULL});
    expect_code(&said, 78);
    expect_text(said.err, "planted");
    expect_silence("check", said.err);
    said_free(&said);
    remove_file(path);
    uproot(&plants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_keep_secrets),
        cmocka_unit_test(errors_keep_secrets),
        cmocka_unit_test(runs_keep_secrets),
        cmocka_unit_test(a_secret_others_can_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
