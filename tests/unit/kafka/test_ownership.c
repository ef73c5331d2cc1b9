/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's share of tasks against a scripted group and scripted producers: what the host hears, in which order, and what
 * is committed and answered when. Source and sink are one cluster here, and no admin is opened by anything below the host.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/kafka/ownership_world.h"

static void an_ordinary_life(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    assert_false(kc_ownership_is_settled(&w.own));
    take_two(&w);
    assert_int_equal(w.found[0], -1); /* it never ran */
    assert_int_equal(w.own.tasks[2].state, KC_TASK_FOREIGN);
    work(&w, 1);
    step(&w);
    check_calls(&w, "begin own(1@1)");
    assert_false(kc_ownership_is_idle(&w.own));
    deliver_all(&w);
    step(&w);
    check_calls(&w, "commit 1:11");
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w);
    check_calls(&w, "committed(1)");
    assert_int_equal(w.own.tasks[1].seq, 1);
    assert_int_equal(w.own.committed_count, 1);
    assert_true(kc_ownership_is_idle(&w.own));
    kc_ownership_close(&w.own);
    check_calls(&w, "leave close close drop(0) drop(1)");
    end(&w);
}

static void a_stored_position_comes_with_its_task(void **state)
{
    (void)state;
    struct owner w;
    struct aq_arena arena;
    begin(&w, true);
    aq_arena_init(&arena, 1024);
    struct kc_snapshot snapshot = {.facts = w.facts, .task = 1, .seq = 7};
    w.next[1] = 42;
    give_positions(&w, 1, &arena, &snapshot.list, &snapshot.count);
    w.stored[1] = kc_snapshot_encode(&snapshot, &arena);
    w.pointer[1] = 5;
    kc_metadata_format(7, w.stored[1], w.metadata[1], sizeof(w.metadata[1]));
    take_two(&w);
    assert_int_equal(w.found[1], 42);
    assert_int_equal(w.own.tasks[1].seq, 7);
    assert_true(w.own.tasks[1].had_snapshot);
    assert_false(w.own.tasks[0].had_snapshot);
    assert_int_equal(w.own.tasks[1].pointer.offset, 5);
    end(&w);
    aq_arena_finish(&arena);
}

static void tasks_are_given_up_when_their_positions_are_committed(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    take_two(&w);
    w.own.lanes.list[0].cycle.conf.interval_us = INT64_MAX / 2;
    work(&w, 0);
    step(&w);
    check_calls(&w, "begin");
    group_says(&w, KC_MEMBER_REVOKED, first_two, 2);
    hear(&w);
    assert_false(kc_ownership_is_settled(&w.own));
    assert_false(kc_ownership_may_send(&w.own));
    step(&w);
    deliver_all(&w);
    hear(&w);
    step(&w);
    check_calls(&w, "own(0@1) commit 0:11"); /* and nothing is answered before it is through */
    hear(&w);
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w);
    hear(&w);
    check_calls(&w, "committed(0) drop(0) drop(1) answer");
    end(&w);
}

static void tasks_that_are_lost_are_never_committed(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    group_says(&w, KC_MEMBER_LOST, first_two, 2);
    hear(&w);
    check_calls(&w, "begin abort");
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w);
    hear(&w);
    check_calls(&w, "aborted rewind drop(0) drop(1) answer");
    end(&w);
}

static void a_revocation_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    group_says(&w, KC_MEMBER_REVOKED, first_two, 2);
    hear(&w);
    step(&w);
    check_calls(&w, "begin own(0@1)"); /* whose report never comes */
    w.now += 5 * AQ_SEC;
    hear(&w);
    check_calls(&w, "abort");
    end(&w);
}

/* The host has nothing of a task whose position was not found yet. */
static void only_what_was_taken_is_dropped(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    w.own.self_tested = true;
    w.answer[1] = AQ_E_UNSTABLE;
    group_says(&w, KC_MEMBER_ASSIGNED, first_two, 2);
    hear(&w);
    hear(&w);
    check_calls(&w, "answer take(0)");
    group_says(&w, KC_MEMBER_REVOKED, first_two, 2);
    hear(&w);
    hear(&w);
    check_calls(&w, "drop(0) answer");
    assert_int_equal(w.own.tasks[1].state, KC_TASK_FOREIGN);
    end(&w);
}

static void a_fenced_member_waits_for_the_group(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    step(&w);
    deliver_all(&w);
    step(&w);
    end_txn(&w.producers[0], KC_TXN_OPEN, AQ_E_FENCED);
    step(&w);
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w);
    check_calls(&w, "begin own(0@1) commit 0:11 abort fenced rewind");
    assert_int_equal(w.own.fenced_count, 1);
    assert_false(kc_ownership_is_settled(&w.own));
    group_says(&w, KC_MEMBER_ASSIGNED, first_two, 2);
    hear(&w);
    assert_true(kc_ownership_may_send(&w.own));
    end(&w);
}

static void a_commit_of_unknown_outcome_has_the_tasks_taken_again(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    step(&w);
    deliver_all(&w);
    step(&w);
    end_txn(&w.producers[0], KC_TXN_FAILED, AQ_E_FATAL);
    step(&w);
    check_calls(&w, "begin own(0@1) commit 0:11 replace close rewind drop(0) drop(1)");
    assert_int_equal(w.own.tasks[0].state, KC_TASK_TAKING);
    hear(&w);
    hear(&w);
    check_calls(&w, "take(0) take(1)");
    end(&w);
}

static void no_commit_starts_while_the_host_holds(void **state)
{
    (void)state;
    static const bool modes[] = {true, false};
    for (size_t i = 0; i < 2; i++) {
        struct owner w;
        begin(&w, modes[i]);
        take_two(&w);
        kc_ownership_hold(&w.own, true);
        work(&w, 0);
        kc_ownership_request(&w.own);
        for (int n = 0; n < 10; n++) step(&w);
        check_calls(&w, modes[i] ? "begin" : "");
        kc_ownership_hold(&w.own, false);
        step(&w);
        check_calls(&w, "own(0@1)");
        end(&w);
    }
}

static void source_offsets(void *ctx, int32_t task, struct aq_arena *arena, struct kc_task_offset **ret_list,
                           size_t *ret_count)
{
    struct owner *w = ctx;
    *ret_count = 1;
    *ret_list = aq_arena_zalloc(arena, sizeof(**ret_list));
    **ret_list = (struct kc_task_offset){.topic = "in/", .partition = task, .offset = w->next[task]};
}

static void source_offsets_are_in_the_commit(void **state)
{
    (void)state;
    struct owner w;
    prepare(&w, true);
    struct kc_ownership_host host = taking_notes(&w);
    host.offsets = source_offsets;
    open_with(&w, &host, 0);
    take_two(&w);
    work(&w, 1);
    step(&w);
    deliver_all(&w);
    step(&w);
    check_calls(&w, "begin own(1@1) commit 1:11 +in/1:1");
    end(&w);
}

/* ---- failures of records -------------------------------------------------------------------------------------------- */

static void a_refused_record_is_told_once(void **state)
{
    (void)state;
    struct owner w;
    struct aq_record rec = {0};
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    struct kc_lane *lane = &w.own.lanes.list[0];
    w.producers[0].failure = (struct kc_failure){.code = AQ_E_TOO_LARGE, .rec = &rec};
    kc_lane_tell_failure(&w.own.lanes, lane, false);
    kc_lane_tell_failure(&w.own.lanes, lane, false);
    assert_int_equal(w.failures, 1);
    step(&w);
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w); /* forgets it */
    assert_int_equal(w.failures, 1);
    assert_int_equal(w.producers[0].failure.code, 0);
    check_calls(&w, "begin abort aborted rewind");
    end(&w);
}

static void a_failure_that_may_be_anothers_is_told_at_the_end(void **state)
{
    (void)state;
    struct owner w;
    struct aq_record rec = {0};
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    w.producers[0].failure = (struct kc_failure){.code = AQ_E_DELIVERY, .rec = &rec};
    kc_lane_tell_failure(&w.own.lanes, &w.own.lanes.list[0], false);
    assert_int_equal(w.failures, 0);
    w.producers[0].failure.code = AQ_E_UNKNOWN_TOPIC; /* which caused it */
    step(&w);
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w);
    assert_int_equal(w.failures, 1);
    assert_int_equal(w.last_failure, AQ_E_UNKNOWN_TOPIC);
    end(&w);
}

static void a_cycle_that_is_given_up_says_why(void **state)
{
    (void)state;
    struct owner w;
    struct aq_err err;
    begin(&w, true);
    take_two(&w);
    work(&w, 0);
    aq_fail(&err, AQ_E_DENIED, "no right to write");
    kc_ownership_give_up(&w.own, &err, w.now);
    check_calls(&w, "begin abort");
    end_txn(&w.producers[0], KC_TXN_READY, 0);
    step(&w);
    assert_int_equal(w.own.err.code, AQ_E_DENIED);
    assert_string_equal(w.own.err.text, "no right to write");
    end(&w);
}

/* ---- the group's complaints ----------------------------------------------------------------------------------------- */

static void what_the_operator_must_change_ends_the_worker(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    group_complains(&w, AQ_E_UNREACHABLE);
    group_complains(&w, AQ_E_FENCED);
    hear(&w);
    assert_int_equal(w.own.err.code, 0);
    group_complains(&w, AQ_E_DENIED);
    hear(&w);
    assert_int_equal(w.own.err.code, AQ_E_DENIED);
    end(&w);
}

static void a_worker_may_join_later_and_leave_before(void **state)
{
    (void)state;
    struct owner w;
    prepare(&w, true);
    struct kc_ownership_host host = taking_notes(&w);
    open_delayed(&w, &host, 1, KC_JOIN_DELAY);
    kc_ownership_hear(&w.own, w.own.join_us - 1);
    assert_null(w.own.member);
    assert_true(kc_ownership_is_idle(&w.own));
    kc_ownership_hear(&w.own, w.own.join_us);
    assert_non_null(w.own.member);
    take_two(&w);
    assert_int_equal(w.own.tasks[1].state, KC_TASK_OWNED);
    end(&w);

    prepare(&w, true);
    host = taking_notes(&w);
    open_delayed(&w, &host, 1, KC_JOIN_DELAY);
    end(&w);
}

static void an_instance_id_is_the_workers_own(void **state)
{
    (void)state;
    struct owner w;
    begin(&w, true);
    assert_string_equal(w.instance_id, "");
    end(&w);

    prepare(&w, true);
    w.flow.instance_id = "app-1";
    struct kc_ownership_host host = taking_notes(&w);
    open_with(&w, &host, 3);
    assert_string_equal(w.instance_id, "app-1-3");
    group_complains(&w, AQ_E_UNREACHABLE);
    hear(&w);
    assert_int_equal(w.own.err.code, 0);
    group_complains(&w, AQ_E_FENCED); /* another process has it */
    hear(&w);
    assert_int_equal(w.own.err.code, AQ_E_FATAL);
    assert_non_null(strstr(w.own.err.text, "app-1-3"));
    end(&w);
}

/* Whatever they begin with, ids end in what no other process on any machine has. */
static void client_ids_have_a_prefix_host_and_process(void **state)
{
    (void)state;
    struct owner w;
    char tail[32], longest[KC_CLIENT_PREFIX_MAX + 1] = "";
    begin(&w, true);
    char *ours = aq_strdup(w.client_id);
    assert_memory_equal(ours, "aqueduct-", 9);
    assert_memory_equal(w.own.instance, ours, strlen(w.own.instance));
    end(&w);

    memset(longest, 'x', KC_CLIENT_PREFIX_MAX);
    const char *const prefixes[] = {"shop-eu", longest};
    for (size_t i = 0; i < 2; i++) {
        prepare(&w, true);
        w.flow.client_prefix = prefixes[i];
        w.flow.address = "h:9464";
        struct kc_ownership_host host = taking_notes(&w);
        open_with(&w, &host, 3);
        size_t len = strlen(prefixes[i]);
        assert_memory_equal(w.client_id, prefixes[i], len);
        /* The host's name and the process number, as before; then the worker, its nonce, and where it answers. */
        const char *host_name = ours + strlen("aqueduct-");
        size_t same = (size_t)(strrchr(ours, '-') - host_name);
        assert_memory_equal(w.client_id + len + 1, host_name, same);
        snprintf(tail, sizeof(tail), "-%d-3", (int)getpid());
        size_t instance_len = strlen(w.own.instance);
        assert_string_equal(w.own.instance + instance_len - strlen(tail), tail);
        assert_memory_equal(w.client_id, w.own.instance, instance_len);
        snprintf(tail, sizeof(tail), ".%08x@h:9464", w.own.nonce);
        assert_string_equal(w.client_id + instance_len, tail);
        end(&w);
    }
    free(ours);
}

/* ---- backing off ---------------------------------------------------------------------------------------------------- */

static void aborts_in_a_row_make_pauses_that_grow(void **state)
{
    (void)state;
    static const int pauses_ms[] = {0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct owner w;
    begin(&w, true);
    take_two(&w);
    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        work(&w, 0);
        kc_ownership_abort(&w.own, w.now);
        end_txn(&w.producers[0], KC_TXN_READY, 0);
        w.own.pause_until_us = w.now;
        step(&w);
        int64_t pause = w.own.pause_until_us - w.now;
        T_CHECK(pause <= 0 ? pauses_ms[i] == 0 : pause == pauses_ms[i] * AQ_MS, "abort %zu: %lld us", i + 1,
                (long long)pause);
    }
    assert_int_equal(w.own.aborted, sizeof(pauses_ms) / sizeof(pauses_ms[0]));
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_life),
        cmocka_unit_test(a_stored_position_comes_with_its_task),
        cmocka_unit_test(tasks_are_given_up_when_their_positions_are_committed),
        cmocka_unit_test(tasks_that_are_lost_are_never_committed),
        cmocka_unit_test(a_revocation_does_not_wait_for_ever),
        cmocka_unit_test(only_what_was_taken_is_dropped),
        cmocka_unit_test(a_fenced_member_waits_for_the_group),
        cmocka_unit_test(a_commit_of_unknown_outcome_has_the_tasks_taken_again),
        cmocka_unit_test(no_commit_starts_while_the_host_holds),
        cmocka_unit_test(source_offsets_are_in_the_commit),
        cmocka_unit_test(a_refused_record_is_told_once),
        cmocka_unit_test(a_failure_that_may_be_anothers_is_told_at_the_end),
        cmocka_unit_test(a_cycle_that_is_given_up_says_why),
        cmocka_unit_test(what_the_operator_must_change_ends_the_worker),
        cmocka_unit_test(a_worker_may_join_later_and_leave_before),
        cmocka_unit_test(an_instance_id_is_the_workers_own),
        cmocka_unit_test(client_ids_have_a_prefix_host_and_process),
        cmocka_unit_test(aborts_in_a_row_make_pauses_that_grow),
    };
    return cmocka_run_group_tests_name("ownership", tests, NULL, NULL);
}
