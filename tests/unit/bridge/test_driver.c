/* SPDX-License-Identifier: Apache-2.0
 *
 * A route on the test driver: the bridge's own worker between two simulated clusters.
 */
#include "bridge/driver.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/config.h"
#include "tests/lib/check.h"

struct desk {
    struct cli_config config;
    struct br_driver *driver;
    struct aq_err err;
};

static void start(struct desk *desk, const char *route, int32_t partitions)
{
    char *text =
        t_printf("clusters = { a = { brokers = \"127.0.0.1:1\"; }; b = { brokers = \"127.0.0.1:2\"; }; };\n"
                 "transforms = { mask = { type = \"MaskField\"; fields = [\"x\"]; replacement = \"*\"; };\n"
                 "  rename = { type = \"RegexRouter\"; regex = \"(.*)\"; replacement = \"a.$1\"; }; };\n"
                 "routes = ( { name = \"r\"; from = \"a\"; to = \"b\"; %s } );\n",
                 route);
    *desk = (struct desk){.err = {0}};
    aq_log_setup(AQ_ERROR, AQ_LOG_LOGFMT);
    bool good = cli_config_load(&desk->config, "test", text, NULL, 0);
    if (!good) conf_diags_print(&desk->config.diags, stderr);
    assert_true(good);
    free(text);
    const struct br_driver_setup setup = {
        .route = &desk->config.routes[0], .partitions = partitions, .wall_ms = 1000000};
    desk->driver = br_driver_create(&setup, &desk->err);
    T_CHECK(desk->driver, "%s", desk->err.text);
}

static void stop(struct desk *desk)
{
    br_driver_destroy(desk->driver);
    cli_config_finish(&desk->config);
}

static int pipe_in(struct desk *desk, const char *topic, const char *key, const char *value,
                   int32_t partition)
{
    const struct kc_sim_record rec = {
        .partition = partition, .key = aq_slice_str(key), .value = aq_slice_str(value), .timestamp = 5};
    return br_driver_pipe(desk->driver, topic, &rec, &desk->err);
}

static void expect(struct desk *desk, const char *topic, const char *key, const char *value,
                   int32_t partition)
{
    struct kc_sim_record rec;
    T_CHECK(br_driver_read(desk->driver, topic, &rec), "nothing in %s", topic);
    T_CHECK(aq_slice_equal(rec.key, aq_slice_str(key)) && aq_slice_equal(rec.value, aq_slice_str(value)),
            "%s: %.*s=%.*s", topic, (int)rec.key.len, rec.key.ptr, (int)rec.value.len, rec.value.ptr);
    assert_int_equal(rec.partition, partition);
    assert_int_equal(rec.timestamp, 5);
}

static void expect_no_more(struct desk *desk, const char *topic)
{
    struct kc_sim_record rec;
    assert_false(br_driver_read(desk->driver, topic, &rec));
}

static void a_record_goes_through_the_chain_to_the_sink(void **state)
{
    (void)state;
    static const char *const deliveries[] = {"exactly_once", "at_least_once"};
    for (size_t i = 0; i < 2; i++) {
        struct desk desk;
        char *route =
            t_printf("topics = [\"in\"]; chain = [\"mask\", \"rename\"]; delivery = \"%s\";", deliveries[i]);
        start(&desk, route, 3);
        assert_int_equal(pipe_in(&desk, "in", "k", "{\"x\":\"s\"}", 2), 0);
        expect(&desk, "a.in", "k", "{\"x\":\"*\"}", 2);
        expect_no_more(&desk, "a.in");
        for (int n = 0; n < 50; n++) {
            assert_int_equal(pipe_in(&desk, "in", "k", "{}", n % 3), 0);
            expect(&desk, "a.in", "k", "{}", n % 3);
        }
        const char *const *names;
        assert_int_equal(br_driver_topics(desk.driver, &names), 1);
        assert_string_equal(names[0], "a.in");
        assert_int_equal(br_driver_close(desk.driver, &desk.err), 0);
        stop(&desk);
        free(route);
    }
}

static void topics_of_an_expression_are_made_when_a_record_comes(void **state)
{
    (void)state;
    struct desk desk;
    start(&desk, "topics = [\"^in[.].*\"]; start = \"latest\";", 1);
    assert_int_equal(pipe_in(&desk, "in.a", "k", "1", -1), 0);
    assert_int_equal(pipe_in(&desk, "in.b", "k", "2", -1), 0);
    expect(&desk, "in.a", "k", "1", 0);
    expect(&desk, "in.b", "k", "2", 0);
    assert_int_equal(pipe_in(&desk, "other", "k", "2", -1), AQ_E_UNKNOWN_TOPIC);
    stop(&desk);
}

static void dead_letters_are_records_of_the_sink(void **state)
{
    (void)state;
    struct desk desk;
    start(
        &desk,
        "topics = [\"in\"]; chain = [\"mask\"]; errors = { tolerance = \"dead_letter\"; dead_letter_topic = \"dead\"; };",
        1);
    assert_int_equal(pipe_in(&desk, "in", "k", "{", -1), 0);
    assert_int_equal(pipe_in(&desk, "in", "k", "{}", -1), 0);
    expect(&desk, "dead", "k", "{", 0);
    expect(&desk, "in", "k", "{}", 0);
    expect_no_more(&desk, "dead");
    stop(&desk);
}

static void a_record_that_ends_the_route_fails_the_call(void **state)
{
    (void)state;
    struct desk desk;
    start(&desk, "topics = [\"in\"]; chain = [\"mask\"];", 1);
    assert_int_equal(pipe_in(&desk, "in", "k", "{}", -1), 0);
    assert_int_equal(pipe_in(&desk, "in", "k", "{", -1), AQ_E_BAD_RECORD);
    T_CHECK(strstr(desk.err.text, "in[0]@1: mask: "), "%s", desk.err.text);
    expect(&desk, "in", "k", "{}", 0);
    expect_no_more(&desk, "in");
    stop(&desk);
}

static void the_wall_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct desk desk;
    start(&desk, "topics = [\"in\"]; stop_at_end = true; records_per_second = 1;", 1);
    int64_t outside = aq_mono_us();
    assert_int_equal(br_driver_wall_ms(desk.driver), 1000000);
    for (int n = 0; n < 20; n++) assert_int_equal(pipe_in(&desk, "in", "k", "1", -1), 0);
    assert_int_equal(br_driver_wall_ms(desk.driver), 1000000);
    assert_int_equal(br_driver_advance(desk.driver, 86400000, &desk.err), 0);
    assert_int_equal(br_driver_wall_ms(desk.driver), 87400000);
    assert_int_equal(pipe_in(&desk, "in", "k", "2", -1), 0);
    for (int n = 0; n < 20; n++) expect(&desk, "in", "k", "1", 0);
    expect(&desk, "in", "k", "2", 0);
    assert_true(aq_mono_us() - outside < 60 * AQ_SEC); /* the caller's clock is its own */
    stop(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_goes_through_the_chain_to_the_sink),
        cmocka_unit_test(topics_of_an_expression_are_made_when_a_record_comes),
        cmocka_unit_test(dead_letters_are_records_of_the_sink),
        cmocka_unit_test(a_record_that_ends_the_route_fails_the_call),
        cmocka_unit_test(the_wall_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
