/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/property.h"

static const struct conf_pos place = {.file = "x.conf", .line = 3, .column = 7, .width = 4};

/* Checks one property; returns the complaint, "" when it is fine. Valid until the next call. */
static const char *complaint(const char *name, const char *value)
{
    static char text[1024];
    struct conf_diags diags;
    conf_diags_init(&diags);
    bool good = kc_property_check(name, value, place, &diags);
    text[0] = 0;
    assert_int_equal(good, diags.count == 0);
    assert_true(diags.count <= 1);
    if (diags.count) {
        assert_int_equal(diags.list[0].severity, CONF_ERROR);
        assert_int_equal(diags.list[0].pos.line, 3);
        strncpy(text, diags.list[0].text, sizeof(text) - 1);
    }
    conf_diags_finish(&diags);
    return text;
}

static void passes_through(void **state)
{
    (void)state;
    assert_string_equal(complaint("security.protocol", "SASL_SSL"), "");
    assert_string_equal(complaint("sasl.mechanism", "SCRAM-SHA-512"), "");
    assert_string_equal(complaint("sasl.username", "aqueduct"), "");
    assert_string_equal(complaint("sasl.password", "secret"), "");
    assert_string_equal(complaint("ssl.ca.location", "/etc/ssl/certs/ca-certificates.crt"), "");
    assert_string_equal(complaint("ssl.keystore.location", "/etc/aqueduct/key.p12"), "");
    assert_string_equal(complaint("socket.timeout.ms", "30000"), "");
    assert_string_equal(complaint("client.rack", "eu-1a"), "");
    assert_string_equal(complaint("compression.level", "5"), "");
    assert_string_equal(complaint("fetch.wait.max.ms", "500"), "");
}

static void forced_names_say_why(void **state)
{
    (void)state;
    const char *const names[] = {"enable.idempotence",
                                 "acks",
                                 "group.id",
                                 "transactional.id",
                                 "auto.offset.reset",
                                 "client.id",
                                 "enable.auto.commit",
                                 "partitioner",
                                 "isolation.level",
                                 "linger.ms",
                                 "bootstrap.servers",
                                 "message.max.bytes",
                                 "max.in.flight",
                                 "retries",
                                 "enable.partition.eof"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *text = complaint(names[i], "1");
        assert_non_null(strstr(text, names[i]));
        assert_null(strstr(text, "unknown"));
        assert_true(strlen(text) > strlen(names[i]) + 20);
    }
    assert_non_null(strstr(complaint("bootstrap.servers", "k1:9092"), "'brokers'"));
}

static void dangerous_names_are_refused(void **state)
{
    (void)state;
    const char *const names[] = {"sasl.kerberos.kinit.cmd",
                                 "plugin.library.paths",
                                 "ssl.engine.location",
                                 "ssl.engine.id",
                                 "ssl.providers",
                                 "sasl.oauthbearer.token.endpoint.url",
                                 "test.mock.num.brokers",
                                 "test.mock.broker.rtt",
                                 "debug",
                                 "opaque",
                                 "dr_msg_cb",
                                 "socket_cb",
                                 "interceptors",
                                 "enable.ssl.certificate.verification",
                                 "enable.sasl.oauthbearer.unsecure.jwt"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_non_null(strstr(complaint(names[i], "all"), "is refused"));
    }
}

static void foreign_names_are_answered_with_ours(void **state)
{
    (void)state;
    assert_non_null(strstr(complaint("sasl.jaas.config", "x"), "sasl.username"));
    assert_non_null(strstr(complaint("ssl.truststore.location", "x"), "ssl.ca.location"));
    assert_non_null(strstr(complaint("ssl.truststore.password", "x"), "ssl.ca.location"));
    assert_non_null(strstr(complaint("fetch.max.wait.ms", "1"), "fetch.wait.max.ms"));
    assert_non_null(strstr(complaint("producer.linger.ms", "1"), "without it"));
    assert_non_null(strstr(complaint("key.serializer", "x"), "bytes"));
}

static void unknown_names_get_a_suggestion(void **state)
{
    (void)state;
    assert_non_null(strstr(complaint("security.protokol", "ssl"), "did you mean 'security.protocol'?"));
    assert_non_null(strstr(complaint("boostrap.servers", "k"), "did you mean 'bootstrap.servers'?"));
    assert_non_null(strstr(complaint("no.such.thing.at.all.anywhere", "1"), "unknown client property"));
}

static void bad_values_are_the_librarys_words_but_never_a_secret(void **state)
{
    (void)state;
    assert_non_null(strstr(complaint("socket.timeout.ms", "soon"), "socket.timeout.ms"));
    assert_non_null(strstr(complaint("security.protocol", "carrier-pigeon"), "security.protocol"));
}

static void scope(void **state)
{
    (void)state;
    assert_true(kc_property_applies("security.protocol", true));
    assert_true(kc_property_applies("security.protocol", false));
    assert_false(kc_property_applies("fetch.wait.max.ms", true));
    assert_true(kc_property_applies("fetch.wait.max.ms", false));
    assert_true(kc_property_applies("compression.level", true));
    assert_false(kc_property_applies("compression.level", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_through),
        cmocka_unit_test(forced_names_say_why),
        cmocka_unit_test(dangerous_names_are_refused),
        cmocka_unit_test(foreign_names_are_answered_with_ours),
        cmocka_unit_test(unknown_names_get_a_suggestion),
        cmocka_unit_test(bad_values_are_the_librarys_words_but_never_a_secret),
        cmocka_unit_test(scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
