/* SPDX-License-Identifier: Apache-2.0
 *
 * The map from source partitions to tasks. The vectors are fixed for ever: a change of any of them would let two owners
 * mirror one partition during an upgrade, so it needs a new KC_TASK_MAP_VERSION.
 */
#include "kafka/task_map.h"

#include "tests/lib/check.h"

static void fixed_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        int32_t partition;
        int32_t tasks;
        int32_t task;
    } rows[] = {
        {"orders", 0, 16, 12},
        {"orders", 1, 16, 13},
        {"orders", 15, 16, 11},
        {"orders", 16, 16, 12},
        {"orders.eu", 0, 16, 13},
        {"orders.eu", 7, 16, 4},
        {"payments", 0, 16, 12},
        {"payments", 0, 1, 0},
        {"payments", 5, 1, 0},
        {"payments", 0, 1024, 924},
        {"payments", 11, 7, 2},
        {"__consumer_offsets", 49, 16, 11},
        {"a", 0, 16, 12},
        {"a", 2147483647, 16, 11},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
         3, 64, 26},
    };
    assert_int_equal(KC_TASK_MAP_VERSION, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int32_t task = kc_task_of(rows[i].topic, rows[i].partition, rows[i].tasks);
        T_CHECK(task == rows[i].task, "%s[%d] of %d tasks: %d", rows[i].topic, rows[i].partition,
                rows[i].tasks, task);
    }
}

static void neighbours_lie_on_neighbours(void **state)
{
    (void)state;
    for (int32_t tasks = 1; tasks <= 17; tasks++) {
        for (int32_t p = 0; p < 50; p++) {
            int32_t here = kc_task_of("orders.eu", p, tasks), next = kc_task_of("orders.eu", p + 1, tasks);
            assert_in_range(here, 0, tasks - 1);
            assert_int_equal(next, (here + 1) % tasks);
        }
    }
}

/* The sum of hash and partition must not wrap: it would tear neighbours apart at 2^31. */
static void large_partition_numbers_do_not_wrap(void **state)
{
    (void)state;
    for (int32_t p = INT32_MAX - 40; p < INT32_MAX; p++) {
        int32_t here = kc_task_of("payments", p, 16), next = kc_task_of("payments", p + 1, 16);
        assert_in_range(here, 0, 15);
        assert_int_equal(next, (here + 1) % 16);
    }
}

/* Only the name and the number count: not which other topics there are, not where the text lies. */
static void nothing_else_decides(void **state)
{
    (void)state;
    char copy[] = "orders.eu";
    int32_t before = kc_task_of("orders.eu", 3, 16);
    for (int i = 0; i < 100; i++) {
        char other[32];
        snprintf(other, sizeof(other), "topic-%d", i);
        kc_task_of(other, i, 16);
    }
    assert_int_equal(kc_task_of(copy, 3, 16), before);
}

static void many_topics_spread_evenly(void **state)
{
    (void)state;
    int counts[16] = {0};
    for (int i = 0; i < 16000; i++) {
        char topic[32];
        snprintf(topic, sizeof(topic), "topic-%d", i);
        counts[kc_task_of(topic, 0, 16)]++;
    }
    for (int t = 0; t < 16; t++) T_CHECK(counts[t] > 850 && counts[t] < 1150, "task %d has %d", t, counts[t]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_vectors),
        cmocka_unit_test(neighbours_lie_on_neighbours),
        cmocka_unit_test(large_partition_numbers_do_not_wrap),
        cmocka_unit_test(nothing_else_decides),
        cmocka_unit_test(many_topics_spread_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
