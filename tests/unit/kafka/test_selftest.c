/* SPDX-License-Identifier: Apache-2.0
 *
 * The self-test of exactly_once at the start: what counts as a sink that fences, and what does not.
 */
#include "tests/unit/kafka/ownership_world.h"

static struct kc_seen_versions versions;

static struct kc_membership *fake_forge(const struct kc_membership *membership)
{
    struct kc_membership *forged = (struct kc_membership *)membership;
    forged->references++;
    return forged;
}

static void fake_producer_versions(const struct kc_producer *producer, struct kc_seen_versions *ret)
{
    (void)producer;
    *ret = versions;
}

static void fake_reader_versions(const struct kc_reader *reader, struct kc_seen_versions *ret)
{
    (void)reader;
    *ret = versions;
}

/* A worker whose task is taken. */
static void set_up(struct owner *w)
{
    begin(w, true);
    w->ops.membership_forge = fake_forge;
    w->ops.producer_seen_versions = fake_producer_versions;
    w->ops.reader_seen_versions = fake_reader_versions;
    versions = (struct kc_seen_versions){.txn_offset_commit = 3, .offset_fetch = 7};
    w->own.assigned = true;
    w->own.tasks[0].state = KC_TASK_OWNED;
    w->own.tasks[0].pointer = (struct kc_pointer){.offset = 5};
}

/* … and whose test has offered its forged commit. */
static struct kc_producer *offer(struct owner *w)
{
    set_up(w);
    kc_selftest_turn(&w->own, w->now);
    check_calls(w, "begin commit 0:5");
    return &w->producers[w->n_producers - 1];
}

static void a_refused_generation_passes(void **state)
{
    (void)state;
    struct owner w;
    struct kc_producer *p = offer(&w);
    end_txn(p, KC_TXN_OPEN, AQ_E_FENCED);
    kc_selftest_turn(&w.own, w.now);
    assert_true(w.own.self_tested);
    check_calls(&w, "abort");
    end_txn(p, KC_TXN_READY, 0);
    kc_selftest_turn(&w.own, w.now);
    check_calls(&w, "close");
    kc_selftest_turn(&w.own, w.now);
    check_calls(&w, "");
    end(&w);
}

static void an_accepted_one_refuses_the_flow(void **state)
{
    (void)state;
    struct owner w;
    struct kc_producer *p = offer(&w);
    end_txn(p, KC_TXN_READY, 0);
    kc_selftest_turn(&w.own, w.now);
    assert_false(w.own.self_tested);
    assert_int_equal(w.own.err.code, AQ_E_UNSUPPORTED);
    end(&w);
}

static void a_producer_that_failed_proves_nothing(void **state)
{
    (void)state;
    struct owner w;
    struct kc_producer *p = offer(&w);
    end_txn(p, KC_TXN_FAILED, AQ_E_FENCED); /* its transaction timed out while brokers were away */
    kc_selftest_turn(&w.own, w.now);
    assert_false(w.own.self_tested);
    assert_int_equal(w.own.err.code, 0);
    check_calls(&w, "close");
    kc_selftest_turn(&w.own, w.now);
    check_calls(&w, "begin commit 0:5");
    end(&w);
}

static void old_protocol_versions_refuse_the_flow(void **state)
{
    (void)state;
    struct owner w;
    struct kc_producer *p = offer(&w);
    versions.txn_offset_commit = 2;
    end_txn(p, KC_TXN_OPEN, AQ_E_FENCED);
    kc_selftest_turn(&w.own, w.now);
    assert_false(w.own.self_tested);
    assert_int_equal(w.own.err.code, AQ_E_UNSUPPORTED);
    end_txn(p, KC_TXN_READY, 0);
    end(&w);
}

static void without_a_task_nothing_is_offered(void **state)
{
    (void)state;
    struct owner w;
    set_up(&w);
    w.own.tasks[0].state = KC_TASK_TAKING;
    kc_selftest_turn(&w.own, w.now);
    check_calls(&w, "");
    assert_int_equal(w.n_producers, KC_LANES + 1);
    assert_false(kc_ownership_may_send(&w.own));
    end(&w);
}

static void at_least_once_needs_none(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, false);
    kc_selftest_turn(&w.own, w.now);
    assert_true(w.own.self_tested);
    assert_int_equal(w.n_producers, 1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_generation_passes),
        cmocka_unit_test(an_accepted_one_refuses_the_flow),
        cmocka_unit_test(a_producer_that_failed_proves_nothing),
        cmocka_unit_test(old_protocol_versions_refuse_the_flow),
        cmocka_unit_test(without_a_task_nothing_is_offered),
        cmocka_unit_test(at_least_once_needs_none),
    };
    return cmocka_run_group_tests_name("self-test", tests, NULL, NULL);
}
