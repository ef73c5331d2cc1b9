/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays about transactions: who sees what while one is open and after it, and what becomes of a producer that is
 * replaced or loses a delivery.
 */
#include "tests/lib/kc_plays.h"
#include "tests/lib/kc_scene.h"

void kc_play_transactions_and_isolation(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    const char *topic = make_topic(scene, "data", 1, NULL, 0);
    struct kc_producer *producer = start_producer(scene, "txn");
    begin(scene, producer);
    send_values(scene, producer, topic, 2, "kept");
    fprintf(scene->out, "commit: %s\n", code_name(commit(scene, producer, membership, state, 7)));
    struct kc_seen_versions seen;
    scene->ops->producer_seen_versions(producer, &seen);
    if (seen.txn_offset_commit < 3) fprintf(scene->out, "TxnOffsetCommit %d\n", seen.txn_offset_commit);
    wait_end(scene, topic, 0, 3);
    observe(scene, topic, 0, 0, true, false);
    begin(scene, producer);
    send_values(scene, producer, topic, 2, "aborted");
    observe(scene, topic, 0, 0, true, false);
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    wait_end(scene, topic, 0, 6);
    observe(scene, topic, 0, 0, true, false);
    begin(scene, producer);
    send_values(scene, producer, topic, 1, "open");
    turn(scene, &node);
    observe(scene, topic, 0, 0, true, false);
    observe(scene, topic, 0, 0, false, false);
    observe_watermarks(scene, topic, 0);
    observe_pointer(scene, group, state, 0);
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    wait_end(scene, topic, 0, 8);
    observe_watermarks(scene, topic, 0);
    scene->ops->membership_unref(membership);
    close_producer(scene, producer);
    leave(scene, &node);
}

void kc_play_pointer_of_an_open_transaction(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    struct kc_producer *producer = start_producer(scene, "txn");
    begin(scene, producer);
    send_values(scene, producer, state, 1, "first");
    fprintf(scene->out, "commit: %s\n", code_name(commit(scene, producer, membership, state, 1)));
    observe_pointer(scene, group, state, 0);
    begin(scene, producer);
    send_values(scene, producer, state, 1, "second");
    scene->hooks->leave_halfway(producer, membership, state, 3);
    observe_held_pointer(scene, group, state, 0);
    observe_pointer(scene, group, state, 1);
    /* A successor frees it. */
    struct kc_producer *successor = start_producer(scene, "txn");
    int64_t until = aq_mono_us() + 2 * AQ_SEC; /* its markers may take a moment */
    while (aq_mono_us() < until) {
        turn(scene, &node);
        aq_sleep_ms(20);
    }
    observe_pointer(scene, group, state, 0);
    wait_end(scene, state, 0, 4);
    observe(scene, state, 0, 0, true, false);
    scene->ops->membership_unref(membership);
    close_producer(scene, successor);
    close_producer(scene, producer);
    leave(scene, &node);
}

void kc_play_fencing_by_producer_epoch(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    struct kc_producer *first = start_producer(scene, "txn");
    begin(scene, first);
    send_values(scene, first, state, 1, "lost");
    struct kc_producer *second = start_producer(scene, "txn");
    int code = commit(scene, first, membership, state, 1);
    fprintf(scene->out, "first: %s, failed %d\n", code_name(code),
            scene->ops->txn_poll(first, NULL, NULL, NULL) == KC_TXN_FAILED);
    struct aq_err err = {0};
    fprintf(scene->out, "begin: %s\n", code_name(scene->ops->txn_begin(first, &err)));
    begin(scene, second);
    send_values(scene, second, state, 1, "kept");
    fprintf(scene->out, "second: %s\n", code_name(commit(scene, second, membership, state, 3)));
    wait_end(scene, state, 0, 4);
    observe(scene, state, 0, 0, true, false);
    scene->ops->membership_unref(membership);
    close_producer(scene, first);
    close_producer(scene, second);
    leave(scene, &node);
}

void kc_play_failed_delivery_in_a_transaction(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    const struct kc_config_entry configs[] = {{"max.message.bytes", "2000"}};
    const char *topic = make_topic(scene, "small", 1, configs, 1);
    struct kc_producer *producer = start_producer(scene, "txn");
    begin(scene, producer);
    send_values(scene, producer, topic, 1, "first");
    char *large = aq_arena_zalloc(&scene->arena, 5001);
    memset(large, 'x', 5000);
    send_values(scene, producer, topic, 1, large);
    fprintf(scene->out, "failure: %s\n", code_name(scene->ops->producer_failure(producer)->code));
    struct kc_ack ack;
    struct aq_err err = {0};
    int code = scene->ops->producer_send_own(producer, topic, 0, AQ_NULL_SLICE, AQ_LIT("next"), &ack, &err);
    fprintf(scene->out, "next: %s\n", code_name(code));
    code = commit(scene, producer, membership, state, 1);
    fprintf(scene->out, "commit: %s, open %d\n", code_name(code),
            scene->ops->txn_poll(producer, NULL, NULL, NULL) == KC_TXN_OPEN);
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    fprintf(scene->out, "tainted: %d\n", scene->ops->txn_tainted(producer));
    fprintf(scene->out, "begin: %s\n", code_name(scene->ops->txn_begin(producer, &err)));
    wait_end(scene, topic, 0, 2);
    observe(scene, topic, 0, 0, true, false);
    observe_pointer(scene, group, state, 0);
    scene->ops->membership_unref(membership);
    close_producer(scene, producer);
    leave(scene, &node);
}
