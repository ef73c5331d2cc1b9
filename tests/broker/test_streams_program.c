/* SPDX-License-Identifier: Apache-2.0
 *
 * A C program that builds a topology and runs it on a real cluster, with the calls of the installed headers.
 */
#include <stdlib.h>

#include "aqueduct/application.h"
#include "base/clock.h"
#include "tests/lib/check.h"
#include "tests/lib/mirror.h"
#include "tests/lib/wait.h"

#define END_MS 60000

static bool is_even(struct aq_processor_context *ctx, const struct aq_stream_record *record, void *user)
{
    (void)ctx;
    (void)user;
    return record->value.len > 0 && (record->value.ptr[record->value.len - 1] - '0') % 2 == 0;
}

/* Only even values go on, through a repartition. */
static struct aq_streams_builder *build(const char *id, const char *in, const char *out)
{
    struct aq_streams_builder *builder = aq_streams_builder_create(id);
    const struct aq_consumed from = {.topics = &in, .n_topics = 1};
    struct aq_stream *even = aq_stream_filter(aq_stream_from(builder, "in", &from), "even", is_even, NULL);
    aq_stream_to(aq_stream_repartition(even, "again", 2), "out", out);
    T_CHECK(!aq_streams_error(builder), "%s", aq_streams_error(builder));
    return builder;
}

static struct aq_application *start(const struct aq_streams_builder *builder)
{
    char *brokers = t_printf("bootstrap.servers=%s", t_pair.source);
    const char *const properties[] = {brokers, "processing.guarantee=exactly_once_v2",
                                      "default.key.serde=string", "default.value.serde=string",
                                      "num.stream.threads=2"};
    struct aq_application *app = aq_application_create(builder, properties, 5);
    aq_application_start(app);
    T_CHECK(!aq_application_error(app), "%s", aq_application_error(app));
    free(brokers);
    return app;
}

static void expect_count(struct aq_application *app, const char *topic, int64_t n)
{
    bool there = T_WAIT(END_MS, aq_application_wait(app, 20) == AQ_APPLICATION_RUNNING &&
                                    t_count(t_pair.source, topic) >= n);
    T_CHECK(there && t_count(t_pair.source, topic) == n, "%lld of %lld records",
            (long long)t_count(t_pair.source, topic), (long long)n);
}

static void a_program_runs_its_topology_pauses_and_stops(void **state)
{
    (void)state;
    struct t_name id = t_unique("prog"), in = t_unique("in"), out = t_unique("out");
    t_topic_create(t_pair.src, in.text, 2, NULL);
    t_topic_create(t_pair.src, out.text, 2, NULL);
    struct aq_streams_builder *builder = build(id.text, in.text, out.text);
    struct aq_application *app = start(builder);
    t_produce_some(t_pair.source, in.text, 2, 0, 1000);
    expect_count(app, out.text, 500);

    aq_application_pause(app);
    t_produce_some(t_pair.source, in.text, 2, 1000, 100);
    int64_t until = aq_mono_us() + 2 * AQ_SEC; /* a pause can only be seen to last */
    while (aq_mono_us() < until) assert_int_equal(aq_application_wait(app, 50), AQ_APPLICATION_RUNNING);
    assert_int_equal(t_count(t_pair.source, out.text), 500);
    aq_application_resume(app);
    expect_count(app, out.text, 550);

    aq_application_stop(app);
    assert_true(T_WAIT(END_MS, aq_application_wait(app, 50) == AQ_APPLICATION_NOT_RUNNING));
    assert_null(aq_application_error(app));
    aq_application_destroy(app);
    aq_streams_builder_destroy(builder);
}

static void what_is_wrong_is_said_before_anything_starts(void **state)
{
    (void)state;
    struct aq_streams_builder *builder = build("app", "in", "out");
    const char *const properties[] = {"bootstrap.servers=127.0.0.1:1", "commit.interval=5"};
    struct aq_application *app = aq_application_create(builder, properties, 2);
    assert_non_null(strstr(aq_application_error(app), "commit.interval"));
    assert_true(aq_application_start(app) < 0);
    assert_int_equal(aq_application_wait(app, 0), AQ_APPLICATION_ERROR);
    aq_application_destroy(app);
    aq_streams_builder_destroy(builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_runs_its_topology_pauses_and_stops),
        cmocka_unit_test(what_is_wrong_is_said_before_anything_starts),
    };
    return cmocka_run_group_tests(tests, t_pair_setup, t_pair_teardown);
}
