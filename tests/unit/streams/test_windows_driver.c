/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations in windows on the test driver: through the engine's own commits, changelogs and wall clock.
 */
#include "base/hash.h"
#include "streams/serde/windowed_key.h"
#include "tests/unit/streams/st_window_count.h"

#define MINUTE 60000

static struct engine e;
static struct st_aggregate op;
static int32_t partitions = 1;

/* words -> counts (in these windows) -> out */
static void open_windows(struct st_aggregate conf, int64_t cache_bytes)
{
    op = conf;
    op.aggregator = (struct st_aggregator){.kind = &count_aggregator};
    st_windows_complete(&op.windows, false);
    engine_init(&e, ST_EXACTLY_ONCE);
    e.wall_ms = 1000 * MINUTE;
    e.partitions = partitions;
    e.settings.cache_bytes = cache_bytes;
    engine_source(&e, "in", "words");
    engine_good(&e, st_add_processor(e.topology, "counts", st_aggregate_kind_of(&op.windows, false), &op,
                                     engine_parent("in"), &e.err));
    engine_good(&e, st_aggregate_add_stores(e.topology, "counts", "counts", &op, true,
                                            (struct st_store_conf){0}, &e.err));
    engine_sink(&e, "out", "out", "counts");
    engine_start(&e);
}

static void expect_in(const char *topic, enum st_key_form form, const char *key, int64_t start, int64_t end,
                      const char *value, int64_t timestamp)
{
    struct kc_sim_record rec;
    struct st_windowed_key window;
    if (!st_driver_read(e.driver, topic, &rec)) fail_msg("nothing in %s", topic);
    engine_good(&e, st_windowed_key_decode(form, rec.key, &window, &e.err));
    assert_true(aq_slice_equal(window.key, aq_slice_str(key)));
    assert_int_equal(window.start, start);
    assert_int_equal(window.end, end);
    if (!aq_slice_equal(rec.value, aq_slice_str(value)))
        fail_msg("%.*s, not %s", (int)rec.value.len, rec.value.ptr ? rec.value.ptr : "",
                 value ? value : "null");
    assert_int_equal(rec.timestamp, timestamp);
}

static void every_update_goes_on_and_to_kafkas_changelog(void **state)
{
    (void)state;
    for (int cached = 0; cached < 2; cached++) {
        open_windows((struct st_aggregate){.windows = {.kind = ST_TUMBLING, .size_ms = MINUTE}},
                     cached ? 1 << 20 : 0);
        engine_pipe(&e, "words", "a", "x", 1);
        engine_pipe(&e, "words", "a", "x", MINUTE + 5);
        engine_pipe(&e, "words", "a", "x", MINUTE + 3);
        engine_pipe(&e, "words", "a", "late", 2);
        expect_in("out", ST_KEY_TIME, "a", 0, 0, "1", 1);
        expect_in("out", ST_KEY_TIME, "a", MINUTE, 0, "1", MINUTE + 5);
        expect_in("out", ST_KEY_TIME, "a", MINUTE, 0, "2", MINUTE + 5);
        engine_expect_no_more(&e, "out");
        expect_in("app-counts-changelog", ST_KEY_STORE, "a", 0, 0, "1", 1);
        expect_in("app-counts-changelog", ST_KEY_STORE, "a", MINUTE, 0, "1", MINUTE + 5);
        expect_in("app-counts-changelog", ST_KEY_STORE, "a", MINUTE, 0, "2", MINUTE + 5);
        engine_expect_no_more(&e, "app-counts-changelog");
        engine_stop(&e);
    }
}

static void sessions_go_to_kafkas_changelog(void **state)
{
    (void)state;
    open_windows((struct st_aggregate){.windows = {.kind = ST_SESSION, .size_ms = 10, .grace_ms = 100}}, 0);
    engine_pipe(&e, "words", "a", "x", 5);
    engine_pipe(&e, "words", "a", "x", 15);
    expect_in("out", ST_KEY_SESSION, "a", 5, 5, "1", 5);
    expect_in("out", ST_KEY_SESSION, "a", 5, 5, NULL, 5);
    expect_in("out", ST_KEY_SESSION, "a", 5, 15, "2", 15);
    engine_expect_no_more(&e, "out");
    expect_in("app-counts-changelog", ST_KEY_SESSION, "a", 5, 5, "1", 5);
    expect_in("app-counts-changelog", ST_KEY_SESSION, "a", 5, 5, NULL, 15);
    expect_in("app-counts-changelog", ST_KEY_SESSION, "a", 5, 15, "2", 15);
    engine_stop(&e);
}

static void a_final_result_comes_with_the_record_that_moves_time_past_it(void **state)
{
    (void)state;
    for (int cached = 0; cached < 2; cached++) {
        open_windows(
            (struct st_aggregate){.windows = {.kind = ST_TUMBLING, .size_ms = MINUTE}, .emit = ST_EMIT_CLOSE},
            cached ? 1 << 20 : 0);
        engine_pipe(&e, "words", "a", "x", 1);
        engine_pipe(&e, "words", "a", "x", 2);
        engine_pipe(&e, "words", "b", "x", MINUTE - 1);
        engine_expect_no_more(&e, "out");
        engine_pipe(&e, "words", "c", "x", 10 * MINUTE);
        expect_in("out", ST_KEY_TIME, "a", 0, 0, "2", 2);
        expect_in("out", ST_KEY_TIME, "b", 0, 0, "1", MINUTE - 1);
        engine_pipe(&e, "words", "a", "x", 3);
        engine_expect_no_more(&e, "out");
        engine_stop(&e);
    }
}

static void an_idle_partition_is_closed_by_the_wall_clock(void **state)
{
    (void)state;
    open_windows((struct st_aggregate){.windows = {.kind = ST_TUMBLING, .size_ms = MINUTE, .grace_ms = 1000},
                                       .emit = ST_EMIT_CLOSE,
                                       .close_idle_ms = 10000},
                 0);
    engine_pipe(&e, "words", "a", "x", 30000);
    engine_advance(&e, 9000);
    engine_expect_no_more(&e, "out");
    engine_advance(&e, 21000); /* 60000 */
    engine_expect_no_more(&e, "out");
    engine_advance(&e, 2500);
    expect_in("out", ST_KEY_TIME, "a", 0, 0, "1", 30000);
    engine_pipe(&e, "words", "a", "late", 59999);
    engine_advance(&e, 10 * MINUTE);
    engine_expect_no_more(&e, "out");
    /* Nothing went on in between, so time stood still by the wall clock. */
    engine_pipe(&e, "words", "b", "x", 62500);
    engine_advance(&e, 2 * MINUTE);
    expect_in("out", ST_KEY_TIME, "b", MINUTE, 0, "1", 62500);
    engine_expect_no_more(&e, "out");
    engine_stop(&e);
}

/* The key alone decides, so that a consumer of one partition sees all windows of its keys. */
static void windows_of_a_key_lie_in_the_partition_of_the_key(void **state)
{
    (void)state;
    struct kc_sim_record rec;
    struct st_windowed_key window;
    bool used[4] = {false};
    int n = 0;
    partitions = 4;
    open_windows((struct st_aggregate){.windows = {.kind = ST_TUMBLING, .size_ms = MINUTE}}, 0);
    for (int i = 0; i < 40; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i % 8);
        engine_pipe(&e, "words", key, "x", i * MINUTE);
    }
    for (; st_driver_read(e.driver, "out", &rec); n++) {
        engine_good(&e, st_windowed_key_decode(ST_KEY_TIME, rec.key, &window, &e.err));
        assert_int_equal(rec.partition, aq_partition_for_key(window.key, 4));
        used[rec.partition] = true;
    }
    assert_int_equal(n, 40);
    assert_true(used[0] + used[1] + used[2] + used[3] > 1);
    engine_stop(&e);
    partitions = 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_update_goes_on_and_to_kafkas_changelog),
        cmocka_unit_test(sessions_go_to_kafkas_changelog),
        cmocka_unit_test(a_final_result_comes_with_the_record_that_moves_time_past_it),
        cmocka_unit_test(an_idle_partition_is_closed_by_the_wall_clock),
        cmocka_unit_test(windows_of_a_key_lie_in_the_partition_of_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
