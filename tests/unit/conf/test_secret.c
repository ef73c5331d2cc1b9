/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "conf/secret.h"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/aq-secret-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    unsetenv("CREDENTIALS_DIRECTORY");
    return setenv("AQUEDUCT_SECRETS_DIR", dir, 1);
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

static void write_secret(const char *in, const char *name, const char *text, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", in, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static const char *expand(const char *raw, struct aq_err *err, struct aq_arena *arena, bool *ret_secret)
{
    const char *text = NULL;
    bool env;
    return conf_expand(raw, arena, &text, ret_secret, &env, err) ? NULL : text;
}

static void test_secret_files(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct aq_err err = {0};
    bool secret;
    write_secret(dir, "dc1", "pa55 word\n", 0600);
    assert_string_equal(expand("x=${secret:dc1}!", &err, &arena, &secret), "x=pa55 word!");
    assert_true(secret);
    write_secret(dir, "two", "line\n\n", 0400);
    assert_string_equal(expand("${secret:two}", &err, &arena, &secret), "line\n");

    write_secret(dir, "open", "value-of-open", 0644);
    assert_null(expand("${secret:open}", &err, &arena, &secret));
    assert_contains(err.text, "is open to others (mode 0644); run: chmod 600 ");
    assert_lacks(err.text, "value-of-open");
    write_secret(dir, "group", "value", 0640);
    assert_null(expand("${secret:group}", &err, &arena, &secret));
    assert_null(expand("${secret:absent}", &err, &arena, &secret));
    assert_contains(err.text, "absent: No such file or directory");
    assert_int_equal(err.code, AQ_E_CONFIG);
    static const char *const bad[] = {"${secret:../etc/passwd}", "${secret:}", "${secret:a/b}",
                                      "${secret:.}"};
    for (size_t i = 0; i < 4; i++) {
        assert_null(expand(bad[i], &err, &arena, &secret));
        assert_contains(err.text, "is not a file name");
    }
    aq_arena_finish(&arena);
}

static void test_systemd_credentials_come_first(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    struct aq_err err = {0};
    bool secret;
    char creds[128];
    snprintf(creds, sizeof(creds), "%s/creds", dir);
    mkdir(creds, 0700);
    setenv("CREDENTIALS_DIRECTORY", creds, 1);
    write_secret(dir, "both", "from-dir", 0600);
    write_secret(creds, "both", "from-systemd", 0440);
    assert_string_equal(expand("${secret:both}", &err, &arena, &secret), "from-systemd");
    write_secret(dir, "fallback", "from-fallback", 0600);
    assert_string_equal(expand("${secret:fallback}", &err, &arena, &secret), "from-fallback");
    /* A wrong mode is told, not hidden by the other directory's file. */
    chmod(creds, 0700);
    write_secret(creds, "both", "from-systemd", 0444);
    assert_null(expand("${secret:both}", &err, &arena, &secret));
    unsetenv("CREDENTIALS_DIRECTORY");
    aq_arena_finish(&arena);
}

static void test_forms(void **state)
{
    (void)state;
    struct aq_arena arena;
    aq_arena_init(&arena, 1024);
    setenv("AQ_T_SET", "v", 1);
    setenv("AQ_T_EMPTY", "", 1);
    unsetenv("AQ_T_UNSET");
    static const struct {
        const char *raw;
        const char *expected; /* NULL: an error */
    } rows[] = {
        {"plain", "plain"},
        {"${AQ_T_SET}${AQ_T_SET}", "vv"},
        {"${AQ_T_EMPTY}", ""},
        {"${AQ_T_EMPTY:-d}", "d"},
        {"${AQ_T_UNSET:-a:b?}", "a:b?"},
        {"${AQ_T_SET:-d}", "v"},
        {"${AQ_T_SET:?m}", "v"},
        {"$${AQ_T_SET}", "${AQ_T_SET}"},
        {"$AQ_T_SET $ $$ {}", "$AQ_T_SET $ $$ {}"},
        {"${AQ_T_UNSET}", NULL},
        {"${AQ_T_EMPTY:?m}", NULL},
        {"${AQ_T_SET", NULL},
        {"${}", NULL},
        {"${1}", NULL},
        {"${A-B}", NULL},
        {"${AQ_T_SET:+x}", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct aq_err err = {0};
        bool secret;
        const char *got = expand(rows[i].raw, &err, &arena, &secret);
        if (!rows[i].expected) {
            if (got) fail_msg("%s expands to %s", rows[i].raw, got);
            assert_true(err.text[0] != '\0');
        } else {
            assert_non_null(got);
            assert_string_equal(got, rows[i].expected);
        }
        if (!strstr(rows[i].raw, "${")) assert_ptr_equal(got, rows[i].raw);
    }
    aq_arena_finish(&arena);
}

static void test_mask(void **state)
{
    (void)state;
    conf_secret_remember("swordfish");
    conf_secret_remember("swordfish-long");
    conf_secret_remember("ab");
    conf_secret_remember("-----BEGIN KEY-----\nMIIabcdef\n-----END KEY-----\n");
    conf_secret_remember("true");
    conf_secret_remember("");
    conf_secret_remember(NULL);
    static const struct {
        const char *in;
        const char *out;
    } rows[] = {
        {"swordfish", "***"},
        {"x swordfish-long y swordfish", "x *** y ***"},
        {"swordfishswordfish", "******"},
        {"cab about ab, (ab)", "cab about **, (**)"},
        {"got MIIabcdef here", "got *** here"},
        {"true swor dfish", "true swor dfish"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128];
        strcpy(text, rows[i].in);
        conf_mask(text);
        assert_string_equal(text, rows[i].out);
    }
}

static void test_property_names(void **state)
{
    (void)state;
    static const char *const yes[] = {"sasl.password",
                                      "ssl.key.password",
                                      "ssl.keystore.password",
                                      "sasl.jaas.config",
                                      "sasl.oauthbearer.client.secret",
                                      "ssl.key.pem",
                                      "ssl.certificate.pem",
                                      "sasl.oauthbearer.config",
                                      "api_token",
                                      "SASL.PASSWORD"};
    static const char *const no[] = {"security.protocol",
                                     "ssl.key.location",
                                     "sasl.username",
                                     "client.id",
                                     "sasl.oauthbearer.token.endpoint.url",
                                     "linger.ms",
                                     ""};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) assert_true(conf_secret_property(yes[i]));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) assert_false(conf_secret_property(no[i]));
    assert_false(conf_secret_property(NULL));
}

static const char *const planted[] = {
    "g = { key = \"PLANTED-1\"; unknwn = 1; };",
    "g = { unknwn = 1; key = \"PLANTED-2\"; };",
    "g = { key = PLANTED-3; };",
    "g = { key = \"PLANTED-4\" nn = yes; };",
    "g = { password = \"PLANTED-5; };\nh = \"x\";",
    "g = { password = \"PLANTED-6\" oops; };",
    "g = { password = PLANTED-7; };",
    "g = { properties = [ \"sasl.password=PLANTED-8\", \"ssl.key.pem=PLANTED-8b\" 5 ]; };",
    "g = { properties = [ \"sasl.password=PLANTED-9\", ]; };",
    "g = { key = \"PLANTED-10\"; n = \"PLANTED-10\"; };",
    "g = { key = \"one\nPLANTED-11\"; m = 2; };",
    "g = { password = \"one\nPLANTED-12\" \"PLANTED-12b\"; m = yes; };",
    "g = { key = \"${secret:planted}\"; n = \"${secret:planted}\"; };",
    "g = { properties = [ \"a=${secret:planted}\" ]; n = \"${AQ_T_PLANTED}\"; };",
    "g = { key = [ \"PLANTED-13\" ]; n = no; };",
    "g = { key = 5; url = \"https://u:PLANTED-14@host/\"; };",
    "g = { key = \"PLANTED\" \"-15\"; unknwn = 1; };",
    "g = { key = { x = \"PLANTED-16\"; }; };",
};

/* A planted secret is in no output, wherever the mistake next to it stands. */
static void test_planted_secrets_never_come_out(void **state)
{
    (void)state;
    struct target {
        const char *key;
        int64_t n;
        struct opt_strings properties;
    } t;
    const struct opt_row rows[] = {
        {.name = "key",
         .kind = OPT_STRING,
         .offset = offsetof(struct target, key),
         .flags = OPT_SECRET,
         .help = "."},
        {.name = "n", .kind = OPT_INT, .offset = offsetof(struct target, n), .help = "."},
        {.name = "properties",
         .kind = OPT_STRINGS,
         .offset = offsetof(struct target, properties),
         .help = "."},
        {0},
    };
    write_secret(dir, "planted", "PLANTED-FILE", 0600);
    setenv("AQ_T_PLANTED", "PLANTED-FILE", 1);
    for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
        struct loaded l = load(planted[i]);
        if (l.doc) {
            struct conf_node *g = conf_get(l.doc->root, "g");
            if (g) opt_read(rows, g, "g", NULL, &l.doc->arena, &t, &l.diags);
            again(&l);
        }
        char *json = printed(&l.diags, true);
        if (strstr(l.text, "PLANTED-") || strstr(json, "PLANTED-"))
            fail_msg("row %zu:\n%s%s", i, l.text, json);
        if (l.diags.errors == 0 && i != 15) fail_msg("row %zu has no finding to print", i);
        if (l.doc && conf_get(l.doc->root, "g")) {
            char *dump = NULL;
            size_t size;
            FILE *out = open_memstream(&dump, &size);
            opt_print_effective(rows, &t, 2, out);
            fclose(out);
            if (strstr(dump, "PLANTED-")) fail_msg("row %zu: dump:\n%s", i, dump);
            free(dump);
        }
        free(json);
        unload(&l);
    }
    const char *overrides[] = {"clusters.a.password=PLANTED-20", "g.x.y.password.z=PLANTED-21",
                               "routes.[0].sasl_password=PLANTED-22", "password", NULL};
    struct loaded l = load_with("clusters = 5; routes = ( );", overrides);
    assert_true(l.diags.errors >= 2);
    assert_lacks(l.text, "PLANTED-20");
    assert_lacks(l.text, "PLANTED-22");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_files),   cmocka_unit_test(test_systemd_credentials_come_first),
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_mask),
        cmocka_unit_test(test_property_names), cmocka_unit_test(test_planted_secrets_never_come_out),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
