/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated groups: who owns what, under which generation, and who may commit.
 */
#include "tests/unit/kafka/sim_stage.h"

/* Both members after b has joined a's group and both have answered. */
static void rebalance(struct stage *stage, struct kc_member *a, struct kc_member *b)
{
    assert_string_equal(next_change(stage, b), "");
    assert_memory_equal(next_change(stage, a), "revoked", 7);
    assert_string_equal(next_change(stage, b), "");
    assert_memory_equal(next_change(stage, a), "assigned", 8);
    assert_memory_equal(next_change(stage, b), "assigned", 8);
}

static int commit_as(struct stage *stage, struct kc_membership *membership)
{
    struct kc_producer *producer = add_ready_producer(stage, "checker");
    assert_int_equal(ops->txn_begin(producer, &stage->err), 0);
    int code = commit_at(stage, producer, membership, "s", 1);
    if (code) abort_now(stage, producer);
    end_producer(producer);
    return code;
}

static void partitions_are_dealt_round_robin(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 5);
    struct kc_member *a = add_member(&stage, "g", "s", NULL);
    assert_null(ops->member_membership(a));
    assert_string_equal(next_change(&stage, a), "assigned 0 1 2 3 4");
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    assert_string_equal(next_change(&stage, b), "");
    assert_string_equal(next_change(&stage, a), "revoked 0 1 2 3 4");
    assert_null(ops->member_membership(a));
    assert_string_equal(next_change(&stage, b), ""); /* a has not joined again yet */
    const char *of_a = next_change(&stage, a);
    const char *of_b = next_change(&stage, b);
    bool a_first = strcmp(of_a, "assigned 0 2 4") == 0;
    assert_string_equal(a_first ? of_a : of_b, "assigned 0 2 4");
    assert_string_equal(a_first ? of_b : of_a, "assigned 1 3");
    ops->member_close(b, 0);
    assert_memory_equal(next_change(&stage, a), "revoked", 7);
    assert_string_equal(next_change(&stage, a), "assigned 0 1 2 3 4");
    ops->member_close(a, 0);
    stage_close(&stage);
}

static void revoked_partitions_may_be_committed_until_the_answer(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 4);
    struct kc_membership *old;
    struct kc_member *a = add_owner(&stage, "g", "s", &old);
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    struct kc_member_event event;
    assert_false(ops->member_poll(b, &event));
    assert_true(ops->member_poll(a, &event));
    assert_int_equal(event.kind, KC_MEMBER_REVOKED);
    for (int i = 0; i < 5; i++) { /* longer than the session: heartbeats go on */
        pass_ms(&stage, 4000);
        assert_false(ops->member_poll(a, &event));
        assert_false(ops->member_poll(b, &event));
    }
    assert_int_equal(commit_as(&stage, old), 0);
    assert_int_equal(ops->member_answer(a, &stage.err), 0);
    assert_memory_equal(next_change(&stage, a), "assigned", 8);
    assert_int_equal(commit_as(&stage, old), AQ_E_FENCED);
    struct kc_membership *now = ops->member_membership(a);
    assert_int_equal(commit_as(&stage, now), 0);
    struct kc_membership *forged = ops->membership_forge(now);
    assert_int_equal(commit_as(&stage, forged), AQ_E_FENCED);
    ops->membership_unref(forged);
    ops->membership_unref(now);
    ops->membership_unref(old);
    ops->member_close(a, 0);
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void silent_member_loses_its_session(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_membership *old;
    struct kc_member *a = add_owner(&stage, "g", "s", &old);
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    rebalance(&stage, a, b);
    pass_ms(&stage, 4000);
    assert_string_equal(next_change(&stage, b), "");
    pass_ms(&stage, 4000); /* a was silent for 8 s */
    assert_memory_equal(next_change(&stage, b), "revoked", 7);
    assert_string_equal(next_change(&stage, b), "assigned 0 1");
    assert_int_equal(commit_as(&stage, old), AQ_E_FENCED);
    int32_t members = -1;
    assert_int_equal(ops->admin_group_members(stage.admin, "g", 0, &members, &stage.err), 0);
    assert_int_equal(members, 1);
    struct kc_member_event event;
    assert_true(ops->member_poll(a, &event));
    assert_int_equal(event.kind, KC_MEMBER_LOST);
    assert_int_equal(event.n_partitions, 1);
    assert_null(ops->member_membership(a));
    ops->member_answer(a, &stage.err);
    rebalance(&stage, b, a); /* comes back as a new member */
    ops->membership_unref(old);
    ops->member_close(a, 0);
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void abandoned_member_keeps_its_seat_for_its_session(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_member *a = add_member(&stage, "g", "s", NULL);
    assert_string_equal(next_change(&stage, a), "assigned 0 1");
    kc_sim_abandon_member(a);
    ops->member_close(a, 0);
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    int seconds = 0;
    while (strcmp(next_change(&stage, b), "assigned 0 1") != 0) {
        assert_in_range(++seconds, 1, 60);
        pass_ms(&stage, 1000);
    }
    assert_in_range(seconds, 5, 60);
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void member_that_never_answers_is_left_out(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_membership *old;
    struct kc_member *a = add_owner(&stage, "g", "s", &old);
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    struct kc_member_event event;
    ops->member_poll(b, &event);
    assert_true(ops->member_poll(a, &event));
    assert_int_equal(event.kind, KC_MEMBER_REVOKED);
    for (int i = 0; i < 13; i++) { /* 65 s: more than max_poll_interval_ms */
        pass_ms(&stage, 5000);
        ops->member_poll(a, &event);
        if (i < 11) assert_false(ops->member_poll(b, &event));
        if (i >= 11) next_change(&stage, b);
    }
    assert_int_equal(commit_as(&stage, old), AQ_E_FENCED);
    int32_t members = -1;
    ops->admin_group_members(stage.admin, "g", 0, &members, &stage.err);
    assert_int_equal(members, 1);
    ops->member_answer(a, &stage.err);
    ops->membership_unref(old);
    ops->member_close(a, 0);
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void static_member_gets_its_share_back(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 4);
    struct kc_member *a = add_member(&stage, "g", "s", "alpha");
    assert_string_equal(next_change(&stage, a), "assigned 0 1 2 3");
    struct kc_member *b = add_member(&stage, "g", "s", "beta");
    rebalance(&stage, a, b);
    struct kc_membership *of_a = ops->member_membership(a);
    struct kc_membership *of_b = ops->member_membership(b);
    ops->member_close(b, 0);
    pass_ms(&stage, 3000);
    assert_string_equal(next_change(&stage, a), ""); /* nobody hears of it */
    b = add_member(&stage, "g", "s", "beta");
    assert_string_equal(next_change(&stage, b), "assigned 1 3");
    assert_string_equal(next_change(&stage, a), "");
    assert_int_equal(commit_as(&stage, of_a), 0);           /* the same generation */
    assert_int_equal(commit_as(&stage, of_b), AQ_E_FENCED); /* but another member id */
    ops->membership_unref(of_b);
    of_b = ops->member_membership(b);
    assert_int_equal(commit_as(&stage, of_b), 0);
    ops->member_close(b, 0);
    pass_ms(&stage, 5000);
    assert_string_equal(next_change(&stage, a), "");
    pass_ms(&stage, 5000); /* now the seat is gone */
    assert_string_equal(next_change(&stage, a), "revoked 0 2");
    assert_string_equal(next_change(&stage, a), "assigned 0 1 2 3");
    ops->membership_unref(of_a);
    ops->membership_unref(of_b);
    ops->member_close(a, 0);
    stage_close(&stage);
}

static void second_holder_of_an_instance_id_fences_the_first(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_member *a = add_member(&stage, "g", "s", "alpha");
    assert_string_equal(next_change(&stage, a), "assigned 0 1");
    struct kc_member *b = add_member(&stage, "g", "s", "alpha");
    assert_string_equal(next_change(&stage, b), "assigned 0 1");
    assert_string_equal(next_change(&stage, a), "error FENCED");
    assert_string_equal(next_change(&stage, a), "");
    struct kc_membership *old = ops->member_membership(a);
    assert_int_equal(commit_as(&stage, old), AQ_E_FENCED);
    ops->membership_unref(old);
    ops->member_close(a, 0);
    assert_string_equal(next_change(&stage, b), "");
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void topic_is_waited_for_and_may_grow(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    struct kc_member *a = add_member(&stage, "g", "s", NULL);
    assert_string_equal(next_change(&stage, a), "error UNKNOWN_TOPIC");
    assert_string_equal(next_change(&stage, a), "");
    add_topic(&stage, "s", 1);
    assert_string_equal(next_change(&stage, a), "assigned 0");
    assert_int_equal(ops->admin_grow_topic(stage.admin, "s", 2, 0, &stage.err), 0);
    assert_string_equal(next_change(&stage, a), "revoked 0");
    assert_string_equal(next_change(&stage, a), "assigned 0 1");
    ops->member_close(a, 0);
    stage_close(&stage);
}

static void more_members_than_partitions(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 1);
    struct kc_member *a = add_member(&stage, "g", "s", NULL);
    assert_string_equal(next_change(&stage, a), "assigned 0");
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    assert_string_equal(next_change(&stage, b), "");
    assert_string_equal(next_change(&stage, a), "revoked 0");
    const char *of_a = next_change(&stage, a);
    const char *of_b = next_change(&stage, b);
    assert_int_equal(strlen(of_a) + strlen(of_b), strlen("assigned 0") + strlen("assigned"));
    ops->member_close(a, 0);
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void describe(struct stage *stage, const char *topic, struct kc_group *ret)
{
    assert_int_equal(ops->admin_describe_group(stage->admin, "g", topic, 0, ret, &stage->err), 0);
}

static void coordinator_describes_who_has_what(void **state)
{
    (void)state;
    struct stage stage;
    struct kc_group group;
    stage_open(&stage);
    add_topic(&stage, "s", 5);
    describe(&stage, "s", &group);
    assert_false(group.stable); /* nobody knows it */
    assert_int_equal(group.count, 0);
    aq_arena_finish(&group.arena);
    struct kc_member *a = add_member(&stage, "g", "s", NULL);
    struct kc_member *b = add_member(&stage, "g", "s", NULL);
    assert_memory_equal(next_change(&stage, a), "assigned", 8);
    assert_string_equal(next_change(&stage, b), "");
    describe(&stage, "s", &group);
    assert_false(group.stable); /* b waits for a */
    assert_int_equal(group.count, 2);
    for (size_t i = 0; i < 2; i++) assert_int_equal(group.list[i].n_partitions, 0);
    aq_arena_finish(&group.arena);
    assert_memory_equal(next_change(&stage, a), "revoked", 7);
    assert_memory_equal(next_change(&stage, a), "assigned", 8);
    describe(&stage, "s", &group);
    assert_true(group.stable);
    assert_true(strcmp(group.list[0].member_id, group.list[1].member_id) < 0);
    for (size_t i = 0; i < 2; i++) {
        const struct kc_group_member *member = &group.list[i];
        assert_string_equal(member->client_id, "test");
        assert_null(member->instance_id);
        assert_int_equal(member->n_partitions, 3 - i);
        for (size_t k = 0; k < member->n_partitions; k++)
            assert_int_equal(member->partitions[k], 2 * (int)k + (int)i);
    }
    aq_arena_finish(&group.arena);
    describe(&stage, "another topic", &group);
    assert_int_equal(group.list[0].n_partitions + group.list[1].n_partitions, 0);
    aq_arena_finish(&group.arena);
    ops->member_close(a, 0);
    ops->member_close(b, 0);
    stage_close(&stage);
}

static void names_of_static_members_are_described(void **state)
{
    (void)state;
    struct stage stage;
    struct kc_group group;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_member *a = add_member(&stage, "g", "s", "alpha");
    assert_string_equal(next_change(&stage, a), "assigned 0 1");
    ops->member_close(a, 0); /* without a word: the seat is kept */
    describe(&stage, "s", &group);
    assert_true(group.stable);
    assert_string_equal(group.list[0].instance_id, "alpha");
    assert_int_equal(group.list[0].n_partitions, 2);
    aq_arena_finish(&group.arena);
    stage_close(&stage);
}

static int commit_plain(struct stage *stage, struct kc_member *member, int64_t offset)
{
    const struct kc_task_offset pointer = {.partition = 0, .offset = offset, .metadata = "plain"};
    assert_int_equal(ops->member_commit(member, &pointer, 1, &stage->err), 0);
    int code = 1;
    assert_false(ops->member_commit_poll(member, &code));
    assert_true(ops->member_commit_poll(member, &code));
    return code;
}

static void plain_commits_are_fenced_too(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 2);
    struct kc_member *a = add_member(&stage, "g", "s", NULL);
    assert_int_equal(commit_plain(&stage, a, 1), AQ_E_FENCED); /* not a member yet */
    assert_memory_equal(next_change(&stage, a), "assigned", 8);
    assert_int_equal(commit_plain(&stage, a, 5), 0);
    assert_string_equal(pointer_text(&stage, "g", "s", 0), "5 plain");
    pass_ms(&stage, 7000);
    assert_int_equal(commit_plain(&stage, a, 6), AQ_E_FENCED); /* the session is over */
    assert_string_equal(pointer_text(&stage, "g", "s", 0), "5 plain");
    assert_string_equal(next_change(&stage, a), "lost 0 1");
    ops->member_close(a, 0);
    stage_close(&stage);
}

static void offsets_go_with_their_topic(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    add_topic(&stage, "s", 1);
    struct kc_reader *reader = NULL;
    assert_int_equal(ops->reader_open(&stage.cluster, "r", "g", &reader, &stage.err), 0);
    assert_int_equal(ops->reader_commit_stopped(reader, "s", 0, 4, NULL, 0, &stage.err), 0);
    assert_string_equal(pointer_text(&stage, "g", "s", 0), "4 ");
    assert_int_equal(ops->reader_commit_stopped(reader, "s", 1, 4, NULL, 0, &stage.err), AQ_E_UNKNOWN_TOPIC);
    ops->admin_delete_topic(stage.admin, "s", 0, &stage.err);
    add_topic(&stage, "s", 1);
    assert_string_equal(pointer_text(&stage, "g", "s", 0), "-1 ");
    ops->reader_close(reader, 0);
    stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_dealt_round_robin),
        cmocka_unit_test(revoked_partitions_may_be_committed_until_the_answer),
        cmocka_unit_test(silent_member_loses_its_session),
        cmocka_unit_test(abandoned_member_keeps_its_seat_for_its_session),
        cmocka_unit_test(member_that_never_answers_is_left_out),
        cmocka_unit_test(static_member_gets_its_share_back),
        cmocka_unit_test(second_holder_of_an_instance_id_fences_the_first),
        cmocka_unit_test(topic_is_waited_for_and_may_grow),
        cmocka_unit_test(more_members_than_partitions),
        cmocka_unit_test(coordinator_describes_who_has_what),
        cmocka_unit_test(names_of_static_members_are_described),
        cmocka_unit_test(plain_commits_are_fenced_too),
        cmocka_unit_test(offsets_go_with_their_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
