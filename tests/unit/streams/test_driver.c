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
        cmocka_unit_test(the_wall_clock_moves_only_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
