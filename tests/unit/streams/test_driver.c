/* SPDX-License-Identifier: Apache-2.0
 *
 * The test driver: the engine's own worker on a simulated cluster.
 */
#include "streams/driver.h"

#include "streams/processor.h"
#include "tests/unit/streams/st_engine.h"

static void a_record_walks_through_to_its_sink(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, ST_EXACTLY_ONCE);
    engine_source(&e, "in", "input");
    engine_processor(&e, "keep", &engine_pass, "in");
    engine_sink(&e, "out", "output", "keep");
    engine_start(&e);
    engine_pipe(&e, "input", "k", "v", 5);
    engine_expect(&e, "output", "k", "v", 5);
    engine_expect_no_more(&e, "output");
    engine_stop(&e);
}

static void a_repartition_is_written_and_read_again(void **state)
{
    (void)state;
    for (int guarantee = ST_AT_LEAST_ONCE; guarantee <= ST_EXACTLY_ONCE; guarantee++) {
        struct engine e;
        engine_init(&e, guarantee);
        engine_source(&e, "in", "input");
        assert_int_equal(st_add_repartition(e.topology, "again", 3, engine_parent("in"), &e.err), 0);
        engine_sink(&e, "out", "output", "again");
        engine_start(&e);
        for (int i = 0; i < 20; i++) {
            char key[8];
            snprintf(key, sizeof(key), "k%d", i);
            engine_pipe(&e, "input", key, "v", i + 1);
            engine_expect(&e, "output", key, "v", i + 1);
        }
        engine_expect_no_more(&e, "output");
        engine_stop(&e);
    }
}

/* A repartition is as wide as the topics in front of it, so one of them must be there from the start. */
static void topics_that_only_a_pattern_takes_can_be_there_from_the_start(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, ST_EXACTLY_ONCE);
    const struct st_source_conf conf = {.pattern = "in-.*"};
    const char *const topics[] = {"in-a", "in-a", "in-b"};
    engine_good(&e, st_add_source(e.topology, "in", &conf, &e.err));
    engine_good(&e, st_add_repartition(e.topology, "again", 0, engine_parent("in"), &e.err));
    engine_sink(&e, "out", "output", "again");
    const struct st_driver_setup setup = {
        .settings = &e.settings, .topology = e.topology, .partitions = 2, .topics = topics, .n_topics = 3};
    e.driver = st_driver_create(&setup, &e.err);
    engine_good(&e, e.driver ? 0 : e.err.code);
    engine_pipe(&e, "in-a", "k", "1", 5);
    engine_pipe(&e, "in-b", "k", "2", 6);
    engine_expect(&e, "output", "k", "1", 5);
    engine_expect(&e, "output", "k", "2", 6);
    engine_stop(&e);
}

static void serdes_of_topics_are_those_of_sources_and_sinks(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, ST_EXACTLY_ONCE);
    const struct st_serde *string = e.settings.key_serde, *int64 = st_serde_find("int64", &e.err);
    engine_source(&e, "in", "input");
    engine_source(&e, "numbers", "numbers");
    engine_good(&e, st_set_serdes(e.topology, "numbers", NULL, int64, &e.err));
    engine_sink(&e, "out", "output", "in");
    engine_sink(&e, "out2", "both", "in");
    engine_sink(&e, "out3", "both", "numbers");
    e.settings.dead_letter_topic = "dead";
    engine_start(&e);
    assert_ptr_equal(st_driver_reads(e.driver, "input").value, string);
    assert_ptr_equal(st_driver_reads(e.driver, "numbers").value, int64);
    assert_null(st_driver_reads(e.driver, "nobody").value);
    assert_ptr_equal(st_driver_writes(e.driver, "output").value, string);
    assert_ptr_equal(st_driver_writes(e.driver, "both").key, string);
    assert_null(st_driver_writes(e.driver, "both").value);
    assert_null(st_driver_writes(e.driver, "dead").value);
    engine_stop(&e);
}

static int tick(struct st_context *context, void *state, int64_t now_ms, struct aq_err *err)
{
    (void)state;
    struct aq_record rec = st_new_record(context);
    rec.key = AQ_LIT("tick");
    rec.value = aq_slice_str(aq_arena_printf(st_arena(context), "%lld", (long long)now_ms));
    return st_forward(context, &rec, err);
}

static int start_ticking(struct st_context *context, void *user, void **ret_state, struct aq_err *err)
{
    (void)user;
    *ret_state = NULL;
    return st_schedule(context, ST_WALL_CLOCK, 10, ST_DEFAULT_START, tick, err) ? 0 : err->code;
}

static const struct st_processor_kind ticker = {
    .name = "ticker", .start = start_ticking, .process = engine_pass_on};

static void the_wall_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct engine e;
    engine_init(&e, ST_EXACTLY_ONCE);
    e.wall_ms = 1000000;
    engine_source(&e, "in", "input");
    engine_processor(&e, "tick", &ticker, "in");
    engine_sink(&e, "out", "output", "tick");
    engine_start(&e);
    engine_expect_no_more(&e, "output");
    engine_advance(&e, 10);
    engine_expect(&e, "output", "tick", "1000010", 1000010);
    engine_advance(&e, 35);
    engine_expect(&e, "output", "tick", "1000045", 1000045);
    engine_advance(&e, 5);
    engine_expect(&e, "output", "tick", "1000050", 1000050);
    engine_expect_no_more(&e, "output");
    engine_stop(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_walks_through_to_its_sink),
        cmocka_unit_test(a_repartition_is_written_and_read_again),
        cmocka_unit_test(topics_that_only_a_pattern_takes_can_be_there_from_the_start),
        cmocka_unit_test(serdes_of_topics_are_those_of_sources_and_sinks),
        cmocka_unit_test(the_wall_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
