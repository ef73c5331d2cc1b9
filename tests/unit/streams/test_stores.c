/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor with a store on the test driver: what goes on and when, and what its changelog gets.
 */
#include "tests/unit/streams/st_count.h"

static struct engine e;

static void open_counting(const struct st_store_conf *store, int64_t cache_bytes)
{
    engine_init(&e, ST_EXACTLY_ONCE);
    e.settings.cache_bytes = cache_bytes;
    engine_source(&e, "in", "words");
    engine_count(&e, "in", store);
    engine_sink(&e, "out", "counts", "count");
    engine_start(&e);
}

static void every_change_goes_on_and_to_the_changelog(void **state)
{
    (void)state;
    open_counting(NULL, 0);
    engine_pipe(&e, "words", "a", "x", 1);
    engine_pipe(&e, "words", "b", "x", 2);
    engine_pipe(&e, "words", "a", "x", 3);
    engine_expect(&e, "counts", "a", "1", 1);
    engine_expect(&e, "counts", "b", "1", 2);
    engine_expect(&e, "counts", "a", "2", 3);
    engine_expect_no_more(&e, "counts");
    engine_expect(&e, "app-counts-changelog", "a", "1", 1);
    engine_expect(&e, "app-counts-changelog", "b", "1", 2);
    engine_expect(&e, "app-counts-changelog", "a", "2", 3);
    engine_expect_no_more(&e, "app-counts-changelog");
    engine_stop(&e);
}

static void a_cached_store_lets_go_at_the_commit(void **state)
{
    (void)state;
    open_counting(NULL, 1 << 20);
    engine_pipe(&e, "words", "a", "x", 1);
    engine_expect(&e, "counts", "a", "1", 1);
    engine_pipe(&e, "words", "a", "x", 2);
    engine_expect(&e, "counts", "a", "2", 2);
    engine_expect_no_more(&e, "counts");
    engine_stop(&e);
}

static void a_store_may_have_no_changelog(void **state)
{
    (void)state;
    const struct st_store_conf conf = {.without_changelog = true};
    open_counting(&conf, 0);
    engine_pipe(&e, "words", "a", "x", 1);
    engine_expect(&e, "counts", "a", "1", 1);
    const char *const *topics;
    size_t n = st_driver_topics(e.driver, &topics);
    for (size_t i = 0; i < n; i++) assert_null(strstr(topics[i], "changelog"));
    engine_stop(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_goes_on_and_to_the_changelog),
        cmocka_unit_test(a_cached_store_lets_go_at_the_commit),
        cmocka_unit_test(a_store_may_have_no_changelog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
