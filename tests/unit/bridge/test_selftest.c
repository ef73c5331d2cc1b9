/* SPDX-License-Identifier: Apache-2.0
 *
 * The self-test of exactly_once at the start: what counts as a sink that fences, and what does not.
 */
#include "tests/unit/bridge/worker_world.h"

static struct kc_ops ops;
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

/* A worker whose task is taken and whose test has offered its forged commit. */
static struct kc_producer *offer(struct world *w)
{
    start(w, "");
    ops = fake_ops;
    ops.membership_forge = fake_forge;
    ops.producer_seen_versions = fake_producer_versions;
    ops.reader_seen_versions = fake_reader_versions;
    versions = (struct kc_seen_versions){.txn_offset_commit = 3, .offset_fetch = 7};
    w->worker->own.ops = &ops;
    w->worker->own.self_tested = false;
    w->worker->own.tasks[0].pointer = (struct kc_pointer){.offset = 5};
    kc_selftest_turn(&w->worker->own, w->now);
    check_log(w, "t:open t:begin t:commit(5)");
    return &w->producers[w->n_producers - 1];
}

static void end(struct world *w)
{
    w->worker->own.ops = &fake_ops;
    stop(w);
}

static void a_refused_generation_passes(void **state)
{
    (void)state;
    struct world w;
    struct kc_producer *p = offer(&w);
    end_call(p, KC_TXN_OPEN, AQ_E_FENCED);
    kc_selftest_turn(&w.worker->own, w.now);
    assert_true(w.worker->own.self_tested);
    check_log(&w, "t:abort");
    end_call(p, KC_TXN_READY, 0);
    kc_selftest_turn(&w.worker->own, w.now);
    check_log(&w, "t:close");
    kc_selftest_turn(&w.worker->own, w.now);
    check_log(&w, "");
    end(&w);
}

static void an_accepted_one_refuses_the_route(void **state)
{
    (void)state;
    struct world w;
    struct kc_producer *p = offer(&w);
    end_call(p, KC_TXN_READY, 0);
    kc_selftest_turn(&w.worker->own, w.now);
    assert_false(w.worker->own.self_tested);
    assert_int_equal(w.worker->own.err.code, AQ_E_UNSUPPORTED);
    end(&w);
}

static void a_producer_that_failed_proves_nothing(void **state)
{
    (void)state;
    struct world w;
    struct kc_producer *p = offer(&w);
    end_call(p, KC_TXN_FAILED, AQ_E_FENCED); /* its transaction timed out while brokers were away */
    kc_selftest_turn(&w.worker->own, w.now);
    assert_false(w.worker->own.self_tested);
    assert_int_equal(w.worker->own.err.code, 0);
    check_log(&w, "t:close");
    kc_selftest_turn(&w.worker->own, w.now);
    check_log(&w, "t:open t:begin t:commit(5)");
    end(&w);
}

static void old_protocol_versions_refuse_the_route(void **state)
{
    (void)state;
    struct world w;
    struct kc_producer *p = offer(&w);
    versions.txn_offset_commit = 2;
    end_call(p, KC_TXN_OPEN, AQ_E_FENCED);
    kc_selftest_turn(&w.worker->own, w.now);
    assert_false(w.worker->own.self_tested);
    assert_int_equal(w.worker->own.err.code, AQ_E_UNSUPPORTED);
    end_call(p, KC_TXN_READY, 0);
    end(&w);
}

static void without_a_task_nothing_is_offered(void **state)
{
    (void)state;
    struct world w;
    start(&w, "");
    w.worker->own.self_tested = false;
    w.worker->own.tasks[0].state = KC_TASK_TAKING;
    kc_selftest_turn(&w.worker->own, w.now);
    check_log(&w, "t:open");
    w.worker->own.self_tested = true;
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_generation_passes),
        cmocka_unit_test(an_accepted_one_refuses_the_route),
        cmocka_unit_test(a_producer_that_failed_proves_nothing),
        cmocka_unit_test(old_protocol_versions_refuse_the_route),
        cmocka_unit_test(without_a_task_nothing_is_offered),
    };
    return cmocka_run_group_tests_name("self-test", tests, NULL, NULL);
}
