/* SPDX-License-Identifier: Apache-2.0
 *
 * Membership on a real coordinator: who owns which partitions of the state topic, under which generation.
 */
#include "kafka/rd/rd.h"
#include "tests/lib/broker_fixture.h"

#define PARTITIONS 8

struct node {
    struct kc_member *member;
    bool owned[PARTITIONS];
    int assigned; /* events of each kind so far */
    int revoked;
    int lost;
    bool pending; /* offered and not answered yet */
    struct kc_member_event event;
};

static void join_with(struct node *node, const char *group, const char *topic, const char *instance_id,
                      bool dealt)
{
    *node = (struct node){0};
    struct aq_err err = {0};
    struct kc_member_conf conf = {.client_id = "kt-member",
                                  .group_id = group,
                                  .topic = topic,
                                  .instance_id = instance_id,
                                  .dealt_in_turn = dealt,
                                  .session_timeout_ms = 6000,
                                  .max_poll_interval_ms = 60000};
    kt_check(ops->member_open(&env.sink, &conf, &node->member, &err), &err, "member");
}

static void join_as(struct node *node, const char *group, const char *topic, const char *instance_id)
{
    join_with(node, group, topic, instance_id, false);
}

static void join_dealt(struct node *node, const char *group, const char *topic)
{
    join_with(node, group, topic, NULL, true);
}

static void join(struct node *node, const char *group, const char *topic)
{
    join_as(node, group, topic, NULL);
}

static void answer(struct node *node)
{
    struct aq_err err = {0};
    bool gain = node->event.kind == KC_MEMBER_ASSIGNED;
    if (!node->event.incremental && gain) memset(node->owned, 0, sizeof(node->owned));
    for (size_t i = 0; i < node->event.n_partitions; i++) {
        assert_in_range(node->event.partitions[i], 0, PARTITIONS - 1);
        node->owned[node->event.partitions[i]] = gain;
    }
    kt_check(ops->member_answer(node->member, &err), &err, "answer");
    node->pending = false;
}

/* One round; leaves a change unanswered when hold is set. */
static void turn(struct node *node, bool hold)
{
    if (!node->pending && ops->member_poll(node->member, &node->event)) {
        if (node->event.kind == KC_MEMBER_ERROR) {
            fprintf(stderr, "member error: %s\n", node->event.text);
            return;
        }
        node->pending = true;
        node->assigned += node->event.kind == KC_MEMBER_ASSIGNED;
        node->revoked += node->event.kind == KC_MEMBER_REVOKED;
        node->lost += node->event.kind == KC_MEMBER_LOST;
    } else if (node->pending) {
        struct kc_member_event none;
        assert_false(ops->member_poll(node->member, &none)); /* nothing while one is unanswered */
    }
    if (node->pending && !hold) answer(node);
}

static int owned(const struct node *node)
{
    int n = 0;
    for (int i = 0; i < PARTITIONS; i++) n += node->owned[i];
    return n;
}

/* Works (the rest of the arguments) until the condition holds; asks it once a round. */
#define UNTIL(condition, ...)                                      \
    do {                                                           \
        int64_t until_ = aq_mono_us() + 30 * AQ_SEC;               \
        bool holds_;                                               \
        while (!(holds_ = (condition)) && aq_mono_us() < until_) { \
            __VA_ARGS__;                                           \
            aq_sleep_ms(5);                                        \
        }                                                          \
        if (!holds_) fail_msg("not within 30 s: %s", #condition);  \
    } while (0)

static void one_member_owns_all(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a;
    join(&a, group, topic);
    assert_null(ops->member_membership(a.member)); /* before the first assignment there is none */
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    struct kc_membership *membership = ops->member_membership(a.member);
    assert_non_null(membership);
    assert_true(membership->generation >= 1);
    assert_true(membership->member_id[0] != 0);
    assert_string_equal(membership->group_id, group);
    struct kc_membership *forged = ops->membership_forge(membership);
    assert_int_not_equal(forged->generation, membership->generation);
    assert_string_equal(forged->member_id, membership->member_id);
    ops->membership_unref(forged);
    ops->membership_unref(membership);
    int32_t members = 0;
    struct aq_err err = {0};
    kt_check(ops->admin_group_members(env.sink_admin, group, KT_TIMEOUT_MS, &members, &err), &err, "members");
    assert_int_equal(members, 1);
    ops->member_close(a.member, 5000);
    kt_check(ops->admin_group_members(env.sink_admin, group, KT_TIMEOUT_MS, &members, &err), &err, "members");
    assert_int_equal(members, 0);
}

static void second_member_takes_half_and_gives_it_back(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a, b;
    join(&a, group, topic);
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    struct kc_membership *before = ops->member_membership(a.member);
    join(&b, group, topic);
    UNTIL(owned(&a) == PARTITIONS / 2 && owned(&b) == PARTITIONS / 2, turn(&a, false); turn(&b, false));
    for (int i = 0; i < PARTITIONS; i++) assert_true(a.owned[i] != b.owned[i]);
    assert_int_equal(a.revoked, 1);
    assert_int_equal(a.lost + b.lost, 0);
    struct kc_membership *after = ops->member_membership(a.member);
    assert_true(after->generation > before->generation);
    ops->membership_unref(before);
    ops->membership_unref(after);
    ops->member_close(b.member, 5000);
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    ops->member_close(a.member, 5000);
}

/* The owner of a revoked task may finish first: the group waits, heartbeats go on, nobody is thrown out. */
static void revocation_waits_for_the_answer(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a, b;
    join(&a, group, topic);
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    join(&b, group, topic);
    UNTIL(a.pending, turn(&a, true); turn(&b, false));
    assert_int_equal(a.event.kind, KC_MEMBER_REVOKED);
    int64_t until = aq_mono_us() + 8 * AQ_SEC; /* longer than the session */
    while (aq_mono_us() < until) {
        turn(&a, true);
        turn(&b, false);
        assert_int_equal(owned(&b), 0);
        aq_sleep_ms(20);
    }
    struct kc_membership *membership = ops->member_membership(a.member);
    assert_non_null(membership); /* still the old generation: the last cycle may commit under it */
    ops->membership_unref(membership);
    answer(&a);
    if (!a.event.incremental) assert_null(ops->member_membership(a.member));
    memset(a.owned, 0, sizeof(a.owned));
    UNTIL(owned(&a) == PARTITIONS / 2 && owned(&b) == PARTITIONS / 2, turn(&a, false); turn(&b, false));
    assert_int_equal(a.lost, 0);
    ops->member_close(a.member, 5000);
    ops->member_close(b.member, 5000);
}

/* The share is one that anybody can compute: partition p is of member p mod n, in the order of ids. */
static bool is_dealt_in_turn(const char *group, const char *topic, const struct node *nodes, size_t n)
{
    struct kc_group found;
    struct aq_err err = {0};
    size_t dealt = 0, held = 0;
    kt_check(ops->admin_describe_group(env.sink_admin, group, topic, KT_TIMEOUT_MS, &found, &err), &err,
             "description");
    for (size_t i = 0; found.stable && i < found.count; i++) {
        const struct kc_group_member *member = &found.list[i];
        assert_string_equal(member->client_id, "kt-member");
        assert_int_equal(member->host[0], '/');
        assert_null(member->instance_id);
        for (size_t k = 0; k < member->n_partitions; k++) dealt += (size_t)member->partitions[k] % n == i;
    }
    for (size_t i = 0; i < n; i++) held += (size_t)owned(&nodes[i]);
    bool right = found.stable && found.count == n && dealt == PARTITIONS && held == PARTITIONS;
    aq_arena_finish(&found.arena);
    return right;
}

static void partitions_are_dealt_in_the_order_of_member_ids(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node nodes[3];
    for (size_t i = 0; i < 3; i++) {
        join_dealt(&nodes[i], group, topic);
        UNTIL(is_dealt_in_turn(group, topic, nodes, i + 1),
              for (size_t k = 0; k <= i; k++) turn(&nodes[k], false));
    }
    struct kc_group found;
    struct aq_err err = {0};
    kt_check(ops->admin_describe_group(env.sink_admin, group, topic, KT_TIMEOUT_MS, &found, &err), &err,
             "description");
    for (size_t i = 0; i < 3; i++) {
        struct kc_membership *membership = ops->member_membership(nodes[i].member);
        size_t at = 0;
        while (at < 3 && strcmp(found.list[at].member_id, membership->member_id) != 0) at++;
        assert_in_range(at, 0, 2);
        for (int p = 0; p < PARTITIONS; p++) assert_int_equal(nodes[i].owned[p], (size_t)p % 3 == at);
        ops->membership_unref(membership);
    }
    aq_arena_finish(&found.arena);
    for (size_t i = 0; i < 3; i++) ops->member_close(nodes[i].member, 5000);
}

static void more_members_than_partitions(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", 1, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a, b;
    join(&a, group, topic);
    UNTIL(owned(&a) == 1, turn(&a, false));
    join(&b, group, topic);
    UNTIL(b.assigned > 0 && owned(&a) + owned(&b) == 1, turn(&a, false); turn(&b, false));
    ops->member_close(a.member, 5000);
    ops->member_close(b.member, 5000);
}

static void missing_topic_is_told(void **state)
{
    (void)state;
    struct node a;
    join(&a, kt_name(&env, "kt-group"), kt_name(&env, "kt-no-such-topic"));
    struct kc_member_event event = {0};
    UNTIL(ops->member_poll(a.member, &event), (void)0);
    assert_int_equal(event.kind, KC_MEMBER_ERROR);
    assert_int_equal(event.code, AQ_E_UNKNOWN_TOPIC);
    ops->member_close(a.member, 5000);
}

static void commits_without_a_transaction(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a;
    join(&a, group, topic);
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    struct aq_err err = {0};
    const struct kc_task_offset offsets[] = {{.partition = 2, .offset = 17, .metadata = "v1 x"},
                                             {.partition = 3, .offset = 0, .metadata = NULL}};
    kt_check(ops->member_commit(a.member, offsets, 2, &err), &err, "commit");
    int code = -1;
    UNTIL(ops->member_commit_poll(a.member, &code), turn(&a, false));
    assert_int_equal(code, 0);
    ops->member_close(a.member, 5000);

    struct kc_reader *reader = NULL;
    kt_check(ops->reader_open(&env.sink, "kt-reader", group, &reader, &err), &err, "reader");
    struct kc_pointer list[] = {{.partition = 4}, {.partition = 2}, {.partition = 3}};
    kt_check(ops->reader_committed(reader, topic, list, 3, KT_TIMEOUT_MS, &err), &err, "get");
    for (int i = 0; i < 3; i++) assert_int_equal(list[i].code, 0);
    assert_int_equal(list[0].offset, -1);
    assert_int_equal(list[1].offset, 17);
    assert_string_equal(list[1].metadata, "v1 x");
    assert_int_equal(list[2].offset, 0);
    assert_string_equal(list[2].metadata, "");
    ops->reader_close(reader, 5000);
}

static void source_offsets_are_committed_with_the_pointers(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *orders = kt_topic(&env, env.sink_admin, "kt-orders", 2, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a;
    join(&a, group, topic);
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    struct aq_err err = {0};
    const struct kc_task_offset offsets[] = {{.partition = 2, .offset = 17, .metadata = "v1 x"},
                                             {.topic = orders, .partition = 1, .offset = 42}};
    kt_check(ops->member_commit(a.member, offsets, 2, &err), &err, "commit");
    int code = -1;
    UNTIL(ops->member_commit_poll(a.member, &code), turn(&a, false));
    assert_int_equal(code, 0);
    ops->member_close(a.member, 5000);

    struct kc_reader *reader = NULL;
    kt_check(ops->reader_open(&env.sink, "kt-reader", group, &reader, &err), &err, "reader");
    struct kc_pointer pointer = {.partition = 2}, list[] = {{.partition = 0}, {.partition = 1}};
    kt_check(ops->reader_committed(reader, topic, &pointer, 1, KT_TIMEOUT_MS, &err), &err, "pointer");
    kt_check(ops->reader_committed(reader, orders, list, 2, KT_TIMEOUT_MS, &err), &err, "orders");
    assert_int_equal(pointer.offset, 17);
    assert_int_equal(list[0].offset, -1);
    assert_int_equal(list[1].offset, 42);
    ops->reader_close(reader, 5000);
}

/* The group keeps the place of a member that has an instance id: the one that comes back has its partitions at once,
 * and the other member hears nothing of it. */
static void a_static_member_comes_back_to_its_partitions(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a, b, again;
    join_as(&a, group, topic, "instance-0");
    join_as(&b, group, topic, "instance-1");
    UNTIL(owned(&a) > 0 && owned(&b) > 0 && owned(&a) + owned(&b) == PARTITIONS,
          (turn(&a, false), turn(&b, false)));
    int before = owned(&b), assigned = b.assigned, revoked = b.revoked + b.lost;
    bool had[PARTITIONS];
    memcpy(had, a.owned, sizeof(had));
    ops->member_close(a.member, 5000);
    join_as(&again, group, topic, "instance-0");
    UNTIL(owned(&again) > 0, (turn(&again, false), turn(&b, false)));
    assert_memory_equal(again.owned, had, sizeof(had));
    assert_int_equal(owned(&b), before);
    assert_int_equal(b.assigned, assigned);
    assert_int_equal(b.revoked + b.lost, revoked);
    ops->member_close(again.member, 5000);
    ops->member_close(b.member, 5000);
}

/* Two processes under one instance id: the first hears that it was displaced, and does not go on as if nothing were. */
static void an_instance_id_in_use_twice_is_told(void **state)
{
    (void)state;
    const char *topic = kt_topic(&env, env.sink_admin, "kt-state", PARTITIONS, NULL, 0);
    const char *group = kt_name(&env, "kt-group");
    struct node a, b;
    join_as(&a, group, topic, "instance-0");
    UNTIL(owned(&a) == PARTITIONS, turn(&a, false));
    join_as(&b, group, topic, "instance-0");
    int code = 0;
    UNTIL(code != 0, {
        turn(&b, false);
        bool said = !a.pending && ops->member_poll(a.member, &a.event);
        if (said && a.event.kind == KC_MEMBER_ERROR) code = a.event.code;
        if (said && a.event.kind != KC_MEMBER_ERROR) answer(&a);
    });
    assert_int_equal(code, AQ_E_FENCED);
    UNTIL(owned(&b) == PARTITIONS, turn(&b, false));
    ops->member_close(a.member, 5000);
    ops->member_close(b.member, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_member_owns_all),
        cmocka_unit_test(second_member_takes_half_and_gives_it_back),
        cmocka_unit_test(revocation_waits_for_the_answer),
        cmocka_unit_test(partitions_are_dealt_in_the_order_of_member_ids),
        cmocka_unit_test(more_members_than_partitions),
        cmocka_unit_test(missing_topic_is_told),
        cmocka_unit_test(commits_without_a_transaction),
        cmocka_unit_test(source_offsets_are_committed_with_the_pointers),
        cmocka_unit_test(a_static_member_comes_back_to_its_partitions),
        cmocka_unit_test(an_instance_id_in_use_twice_is_told),
    };
    return cmocka_run_group_tests(tests, kt_setup, kt_teardown);
}
