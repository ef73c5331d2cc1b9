/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of sink topics: what is there, what is wanted, what could not be made, and when it is tried again.
 */
#include "kafka/sink_topics.h"

#include "tests/lib/check.h"

static void see(struct kc_sink_topics *topics, struct kc_topic *list, size_t n)
{
    struct kc_topics seen = {.list = list, .count = n};
    kc_sink_topics_update(topics, &seen);
}

static int32_t want(struct kc_sink_topics *topics, const char *name, int32_t least, int32_t wanted,
                    bool *asked)
{
    struct aq_err err = {0};
    return kc_sink_topics_want(topics, name, least, wanted, NULL, asked, &err);
}

static void a_topic_that_is_there(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    bool asked = true;
    kc_sink_topics_init(&topics, "route");
    see(&topics, (struct kc_topic[]){{.name = "a", .partitions = 3}, {.name = "b", .partitions = 6}}, 2);
    assert_int_equal(want(&topics, "b", 6, 6, &asked), 6);
    assert_false(asked);
    assert_int_equal(want(&topics, "a", 1, 6, &asked), 3);
    assert_false(kc_sink_topics_next(&topics, 0, &next));
    kc_sink_topics_finish(&topics);
}

static void a_topic_that_is_to_be_created(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    struct aq_err err = {0};
    bool asked = false;
    kc_sink_topics_init(&topics, "route");
    assert_int_equal(kc_sink_topics_want(&topics, "new", 4, 4, "old", &asked, &err), 0);
    assert_true(asked);
    assert_int_equal(want(&topics, "new", 4, 4, &asked), 0);
    assert_false(asked); /* once is enough */
    assert_true(kc_sink_topics_next(&topics, 0, &next));
    assert_string_equal(next.name, "new");
    assert_int_equal(next.partitions, 0);
    assert_int_equal(next.wanted, 4);
    assert_string_equal(next.copy_from, "old");
    kc_sink_topics_done(&topics, "new", 4, NULL, 0);
    assert_false(kc_sink_topics_next(&topics, 0, &next));
    assert_int_equal(want(&topics, "new", 4, 4, &asked), 4);
    kc_sink_topics_finish(&topics);
}

static void a_topic_that_is_to_grow(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    bool asked;
    kc_sink_topics_init(&topics, "route");
    see(&topics, (struct kc_topic[]){{.name = "a", .partitions = 3}}, 1);
    assert_int_equal(want(&topics, "a", 3, 3, &asked), 3);
    assert_int_equal(want(&topics, "a", 5, 5, &asked), 0);
    assert_true(asked);
    assert_int_equal(want(&topics, "a", 8, 8, &asked), 0);
    assert_true(asked);                                    /* more than before */
    assert_int_equal(want(&topics, "a", 3, 3, &asked), 3); /* who needs less goes on */
    assert_true(kc_sink_topics_next(&topics, 0, &next));
    assert_int_equal(next.partitions, 3);
    assert_int_equal(next.wanted, 8);
    kc_sink_topics_done(&topics, "a", 8, NULL, 0);
    assert_int_equal(want(&topics, "a", 8, 8, &asked), 8);
    assert_false(kc_sink_topics_next(&topics, 0, &next));
    kc_sink_topics_finish(&topics);
}

static void a_failure_is_told_and_tried_again_later(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    struct aq_err err, told = {0};
    bool asked;
    kc_sink_topics_init(&topics, "route");
    want(&topics, "a", 2, 2, &asked);
    aq_fail(&err, AQ_E_DENIED, "no right to create topic a");
    kc_sink_topics_done(&topics, "a", AQ_E_DENIED, &err, 1000);
    assert_int_equal(kc_sink_topics_want(&topics, "a", 2, 2, NULL, &asked, &told), AQ_E_DENIED);
    assert_string_equal(told.text, "no right to create topic a");
    assert_false(asked);
    assert_false(kc_sink_topics_next(&topics, 999, &next));
    assert_true(kc_sink_topics_next(&topics, 1000, &next));
    kc_sink_topics_done(&topics, "a", 2, NULL, 0);
    assert_int_equal(want(&topics, "a", 2, 2, &asked), 2);
    kc_sink_topics_finish(&topics);
}

static void somebody_else_created_it(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    struct aq_err err;
    bool asked;
    kc_sink_topics_init(&topics, "route");
    want(&topics, "a", 2, 2, &asked);
    aq_fail(&err, AQ_E_UNKNOWN_TOPIC, "create_topics = false");
    kc_sink_topics_done(&topics, "a", AQ_E_UNKNOWN_TOPIC, &err, 1000);
    see(&topics, (struct kc_topic[]){{.name = "a", .partitions = 2}}, 1);
    assert_int_equal(want(&topics, "a", 2, 2, &asked), 2);
    assert_false(kc_sink_topics_next(&topics, 5000, &next));
    kc_sink_topics_finish(&topics);
}

static void asking_for_more_forgets_an_old_failure(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    struct aq_err err;
    bool asked;
    kc_sink_topics_init(&topics, "route");
    want(&topics, "a", 2, 2, &asked);
    aq_fail(&err, AQ_E_MISMATCH, "too few");
    kc_sink_topics_done(&topics, "a", AQ_E_MISMATCH, &err, 1000);
    assert_int_equal(want(&topics, "a", 3, 3, &asked), 0);
    assert_true(asked);
    assert_true(kc_sink_topics_next(&topics, 0, &next));
    kc_sink_topics_finish(&topics);
}

static void topics_in_error_are_not_there(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    bool asked;
    kc_sink_topics_init(&topics, "route");
    see(&topics, (struct kc_topic[]){{.name = "a", .partitions = 3, .error = AQ_E_DENIED}}, 1);
    assert_int_equal(want(&topics, "a", 1, 1, &asked), 0);
    assert_true(asked);
    kc_sink_topics_finish(&topics);
}

/* Its records are gone with it: made again in silence, nobody would know. */
static void a_topic_that_vanished_is_not_made_again(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    struct aq_err err;
    bool asked;
    kc_sink_topics_init(&topics, "route");
    want(&topics, "a", 2, 2, &asked);
    kc_sink_topics_done(&topics, "a", 2, NULL, 0);
    struct kc_topic without[] = {{.name = "b", .partitions = 1}};
    see(&topics, without, 1);
    assert_int_equal(want(&topics, "a", 2, 2, &asked),
                     2); /* one answer may come from a broker that lags behind */
    see(&topics, without, 1);
    assert_int_equal(kc_sink_topics_want(&topics, "a", 2, 2, NULL, &asked, &err), AQ_E_MISMATCH);
    assert_non_null(strstr(err.text, "sink topic a was deleted while the route was running"));
    assert_false(kc_sink_topics_next(&topics, INT64_MAX - 1, &next));
    see(&topics, (struct kc_topic[]){{.name = "a", .partitions = 2}}, 1); /* a broker that lagged behind */
    assert_int_equal(want(&topics, "a", 2, 2, &asked), 2);
    kc_sink_topics_finish(&topics);
}

/* A topic that had partitions enough from the first was never asked to be made; it is as precious. */
static void a_topic_that_was_always_there_is_not_made_again_either(void **state)
{
    (void)state;
    struct kc_sink_topics topics;
    struct aq_err err;
    bool asked;
    struct kc_topic with[] = {{.name = "a", .partitions = 4}},
                    troubled[] = {{.name = "a", .error = AQ_E_AGAIN}};
    kc_sink_topics_init(&topics, "route");
    see(&topics, with, 1);
    assert_int_equal(want(&topics, "a", 2, 2, &asked), 4);
    for (int i = 0; i < 3; i++) see(&topics, troubled, 1); /* leaders that move are no deletion */
    assert_int_equal(want(&topics, "a", 2, 2, &asked), 4);
    for (int i = 0; i < 2; i++) see(&topics, NULL, 0);
    assert_int_equal(kc_sink_topics_want(&topics, "a", 2, 2, NULL, &asked, &err), AQ_E_MISMATCH);
    kc_sink_topics_finish(&topics);
}

static void many_topics_in_any_order(void **state)
{
    (void)state;
    enum { N = 500 };
    struct kc_sink_topics topics;
    struct kc_sink_topic next;
    bool asked;
    kc_sink_topics_init(&topics, "route");
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%d", (i * 263) % N);
        assert_int_equal(want(&topics, name, 1, 1 + i % 5, &asked), 0);
    }
    for (size_t i = 1; i < topics.count; i++)
        assert_true(strcmp(topics.list[i - 1]->name, topics.list[i]->name) < 0);
    assert_int_equal(topics.count, N);
    int served = 0;
    for (; kc_sink_topics_next(&topics, 0, &next); served++)
        kc_sink_topics_done(&topics, next.name, next.wanted, NULL, 0);
    assert_int_equal(served, N);
    kc_sink_topics_finish(&topics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_that_is_there),
        cmocka_unit_test(a_topic_that_is_to_be_created),
        cmocka_unit_test(a_topic_that_is_to_grow),
        cmocka_unit_test(a_failure_is_told_and_tried_again_later),
        cmocka_unit_test(somebody_else_created_it),
        cmocka_unit_test(asking_for_more_forgets_an_old_failure),
        cmocka_unit_test(topics_in_error_are_not_there),
        cmocka_unit_test(a_topic_that_vanished_is_not_made_again),
        cmocka_unit_test(a_topic_that_was_always_there_is_not_made_again_either),
        cmocka_unit_test(many_topics_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
