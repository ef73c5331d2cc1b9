/* SPDX-License-Identifier: Apache-2.0
 *
 * Positions by topic: each topic is read on its own, from where it was left.
 */
#include "tests/unit/kafka/sim_stage.h"

static void expect_next(struct kc_sim_cursors *cursors, const char *topic, const char *value)
{
    struct kc_sim_record rec;
    assert_true(kc_sim_cursors_next(cursors, topic, &rec));
    assert_int_equal(rec.value.len, strlen(value));
    assert_memory_equal(rec.value.ptr, value, strlen(value));
}

static void each_topic_is_read_from_where_it_was_left(void **state)
{
    (void)state;
    struct stage stage;
    struct kc_sim_record none;
    stage_open(&stage);
    struct kc_sim_cursors cursors = {.cluster = &stage.cluster};
    add_topic(&stage, "a", 2);
    add_topic(&stage, "b", 1);
    put(&stage, "a", 0, "a1");
    put(&stage, "a", 1, "a2");
    put(&stage, "b", 0, "b1");
    expect_next(&cursors, "a", "a1");
    expect_next(&cursors, "b", "b1");
    expect_next(&cursors, "a", "a2");
    assert_false(kc_sim_cursors_next(&cursors, "a", &none));
    put(&stage, "a", 0, "a3");
    assert_false(kc_sim_cursors_next(&cursors, "b", &none));
    expect_next(&cursors, "a", "a3");
    kc_sim_cursors_finish(&cursors);
    stage_close(&stage);
}

static void a_topic_that_comes_later_is_read_from_its_start(void **state)
{
    (void)state;
    struct stage stage;
    struct kc_sim_record none;
    stage_open(&stage);
    struct kc_sim_cursors cursors = {.cluster = &stage.cluster};
    assert_false(kc_sim_cursors_next(&cursors, "late", &none));
    add_topic(&stage, "late", 1);
    put(&stage, "late", 0, "first");
    expect_next(&cursors, "late", "first");
    kc_sim_cursors_finish(&cursors);
    stage_close(&stage);
}

static void topics_are_listed_once_in_the_order_of_their_first_mention(void **state)
{
    (void)state;
    struct stage stage;
    struct kc_sim_record none;
    char name[16];
    stage_open(&stage);
    struct kc_sim_cursors cursors = {.cluster = &stage.cluster};
    for (int round = 0; round < 2; round++)
        for (int i = 20; i > 0; i--) {
            snprintf(name, sizeof(name), "t%d", i);
            if (i % 2 == 0)
                kc_sim_cursors_add(&cursors, name);
            else
                assert_false(kc_sim_cursors_next(&cursors, name, &none));
        }
    assert_int_equal(cursors.n, 20);
    assert_string_equal(cursors.names[0], "t20");
    assert_string_equal(cursors.names[19], "t1");
    kc_sim_cursors_finish(&cursors);
    assert_int_equal(cursors.n, 0);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_topic_is_read_from_where_it_was_left),
        cmocka_unit_test(a_topic_that_comes_later_is_read_from_its_start),
        cmocka_unit_test(topics_are_listed_once_in_the_order_of_their_first_mention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
