/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays about groups: who owns what after members come, go, and return under their old names, and whose commits a
 * group still takes.
 */
#include "tests/lib/kc_plays.h"
#include "tests/lib/kc_scene.h"

void kc_play_rebalance_of_two_members(void *arg)
{
    struct scene *scene = arg;
    struct node a, b;
    const char *group, *state;
    struct kc_membership *before = set_up_group(scene, &a, &group, &state);
    fprintf(scene->out, "membership: %d\n", before != NULL);
    join(scene, &b, group, state);
    settle(scene, &a, PARTITIONS / 2, &b, PARTITIONS / 2);
    int both = 0;
    for (int i = 0; i < PARTITIONS; i++) both += a.owned[i] && b.owned[i];
    int32_t members = -1;
    struct aq_err err = {0};
    must(scene->ops->admin_group_members(scene->admin, group, TIMEOUT_MS, &members, &err), &err, "members");
    fprintf(scene->out, "owned by both: %d of %d members\n", both, members);
    leave(scene, &b);
    settle(scene, &a, PARTITIONS, NULL, 0);
    fprintf(scene->out, "lost: %d\n", a.lost + b.lost);
    scene->ops->membership_unref(before);
    leave(scene, &a);
    must(scene->ops->admin_group_members(scene->admin, group, TIMEOUT_MS, &members, &err), &err, "members");
    fprintf(scene->out, "members: %d\n", members);
}

/* What the coordinator says that each member has, in the order of ids; -1: it is not settled. */
static int described(struct scene *scene, const char *group, const char *state, bool as_dealt[PARTITIONS])
{
    struct kc_group found;
    struct aq_err err = {0};
    must(scene->ops->admin_describe_group(scene->admin, group, state, TIMEOUT_MS, &found, &err), &err,
         "description");
    int n = found.stable ? (int)found.count : -1;
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < found.list[i].n_partitions; k++)
            as_dealt[found.list[i].partitions[k]] = found.list[i].partitions[k] % n == i;
    aq_arena_finish(&found.arena);
    return n;
}

void kc_play_description_of_a_group(void *arg)
{
    struct scene *scene = arg;
    static const char *const names[] = {"gamma", "alpha", "beta"};
    bool as_dealt[PARTITIONS] = {0};
    const char *state = make_topic(scene, "state", PARTITIONS, NULL, 0);
    const char *group = name_of(scene, "group");
    struct node nodes[3];
    fprintf(scene->out, "unknown: %d\n", described(scene, group, state, as_dealt));
    for (int n = 1; n <= 3; n++) {
        join_with(scene, &nodes[n - 1], group, state, names[n - 1], true);
        for (int64_t until = aq_mono_us() + WAIT_US; aq_mono_us() < until; aq_sleep_ms(5)) {
            for (int i = 0; i < n; i++) turn(scene, &nodes[i]);
            if (described(scene, group, state, as_dealt) == n) break;
        }
    }
    int dealt = 0;
    for (int i = 0; i < PARTITIONS; i++) dealt += as_dealt[i];
    fprintf(scene->out, "dealt in turn: %d of %d\n", dealt, PARTITIONS);
    for (int i = 0; i < 3; i++) leave(scene, &nodes[i]);
}

void kc_play_static_members(void *arg)
{
    struct scene *scene = arg;
    struct node a, b, c;
    const char *state = make_topic(scene, "state", PARTITIONS, NULL, 0);
    const char *group = name_of(scene, "group");
    join_as(scene, &a, group, state, "alpha");
    settle(scene, &a, PARTITIONS, NULL, 0);
    join_as(scene, &b, group, state, "beta");
    settle(scene, &a, PARTITIONS / 2, &b, PARTITIONS / 2);
    bool before[PARTITIONS];
    memcpy(before, b.owned, sizeof(before));
    int changes = a.changes;
    leave(scene, &b);
    join_as(scene, &b, group, state, "beta");
    settle(scene, &a, PARTITIONS / 2, &b, PARTITIONS / 2);
    fprintf(scene->out, "back: the same %d, others heard %d\n", memcmp(before, b.owned, sizeof(before)) == 0,
            a.changes - changes);
    /* Somebody else under the same name: the handle that had it is done for, whatever it still holds. */
    struct kc_membership *old = scene->ops->member_membership(b.member);
    join_as(scene, &c, group, state, "beta");
    for (int64_t until = aq_mono_us() + WAIT_US; aq_mono_us() < until && (!b.error || owned(&c) == 0);) {
        turn(scene, &a);
        turn(scene, &b);
        turn(scene, &c);
        aq_sleep_ms(5);
    }
    fprintf(scene->out, "replaced: %s, others heard %d\n", code_name(b.error), a.changes - changes);
    struct kc_producer *producer = start_producer(scene, "txn");
    begin(scene, producer);
    send_values(scene, producer, state, 1, "late");
    fprintf(scene->out, "commit: %s\n", code_name(commit(scene, producer, old, state, 1)));
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    close_producer(scene, producer);
    scene->ops->membership_unref(old);
    leave(scene, &b);
    leave(scene, &c);
    leave(scene, &a);
}

void kc_play_fencing_by_generation(void *arg)
{
    struct scene *scene = arg;
    struct node a, b;
    const char *group, *state;
    struct kc_membership *old = set_up_group(scene, &a, &group, &state);
    struct kc_producer *producer = start_producer(scene, "txn");
    join(scene, &b, group, state);
    settle(scene, &a, PARTITIONS / 2, &b, PARTITIONS / 2);
    begin(scene, producer);
    send_values(scene, producer, state, 1, "stale");
    int code = commit(scene, producer, old, state, 1);
    fprintf(scene->out, "stale: %s, open %d\n", code_name(code),
            scene->ops->txn_poll(producer, NULL, NULL, NULL) == KC_TXN_OPEN);
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    struct kc_membership *now = scene->ops->member_membership(a.member);
    struct kc_membership *forged = scene->ops->membership_forge(now);
    begin(scene, producer);
    send_values(scene, producer, state, 1, "forged");
    fprintf(scene->out, "forged: %s\n", code_name(commit(scene, producer, forged, state, 2)));
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    begin(scene, producer);
    send_values(scene, producer, state, 1, "good");
    fprintf(scene->out, "current: %s\n", code_name(commit(scene, producer, now, state, 3)));
    observe_pointer(scene, group, state, 0);
    wait_end(scene, state, 0, 6);
    observe(scene, state, 0, 0, true, false);
    scene->ops->membership_unref(old);
    scene->ops->membership_unref(now);
    scene->ops->membership_unref(forged);
    close_producer(scene, producer);
    leave(scene, &a);
    leave(scene, &b);
}
