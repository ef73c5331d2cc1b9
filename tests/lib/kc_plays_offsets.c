/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays about the offsets a group commits, within a transaction and without one, and the records they point to.
 */
#include "tests/lib/kc_plays.h"
#include "tests/lib/kc_scene.h"

void kc_play_offsets_of_several_topics(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    const char *in = make_topic(scene, "in", 2, NULL, 0);
    struct kc_producer *producer = start_producer(scene, "txn");
    struct aq_err err = {0};
    begin(scene, producer);
    const struct kc_task_offset offsets[] = {
        {.partition = 2, .offset = 11, .metadata = "state"},
        {.topic = in, .partition = 0, .offset = 12},
        {.topic = in, .partition = 1, .offset = 0, .metadata = "in"},
    };
    must(scene->ops->txn_commit(producer, membership, state, offsets, 3, &err), &err, "commit");
    fprintf(scene->out, "commit: %s\n", code_name(wait_txn(scene, producer, KC_TXN_COMMITTING)));
    observe_pointer(scene, group, state, 0);
    observe_pointer(scene, group, state, 2);
    observe_pointer(scene, group, in, 0);
    observe_pointer(scene, group, in, 1);
    scene->ops->membership_unref(membership);
    close_producer(scene, producer);
    leave(scene, &node);
}

void kc_play_offsets_of_a_missing_topic(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    struct kc_producer *producer = start_producer(scene, "txn");
    struct aq_err err = {0};
    begin(scene, producer);
    const struct kc_task_offset offsets[] = {{.partition = 2, .offset = 11},
                                             {.topic = name_of(scene, "none"), .offset = 12}};
    must(scene->ops->txn_commit(producer, membership, state, offsets, 2, &err), &err, "commit");
    int64_t start = aq_mono_us();
    for (int i = 0; i < 100; i++) {
        turn(scene, &node);
        scene->ops->txn_poll(producer, NULL, NULL, NULL);
        aq_sleep_ms(5);
    }
    observe_held_pointer(scene, group, state, 2);
    int code = 0;
    while (aq_mono_us() - start < WAIT_US &&
           scene->ops->txn_poll(producer, &code, NULL, &err) == KC_TXN_COMMITTING) {
        turn(scene, &node); /* the member must stay one all the while */
        aq_sleep_ms(5);
    }
    fprintf(scene->out, "commit: %s, open %d, at the timeout %d\n", code_name(code),
            scene->ops->txn_poll(producer, NULL, NULL, NULL) == KC_TXN_OPEN,
            aq_mono_us() - start >= TXN_TIMEOUT_MS * AQ_MS - AQ_SEC);
    scene->ops->membership_unref(membership);
    close_producer(scene, producer);
    leave(scene, &node);
}

void kc_play_commits_without_transaction(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    scene->ops->membership_unref(membership);
    struct aq_err err = {0};
    const struct kc_task_offset offsets[] = {{.partition = 1, .offset = 5, .metadata = "m"},
                                             {.partition = 3, .offset = 0}};
    must(scene->ops->member_commit(node.member, offsets, 2, &err), &err, "commit");
    int code = 1;
    int64_t until = aq_mono_us() + WAIT_US;
    while (!scene->ops->member_commit_poll(node.member, &code) && aq_mono_us() < until) {
        turn(scene, &node);
        aq_sleep_ms(5);
    }
    fprintf(scene->out, "commit: %s\n", code_name(code));
    observe_pointer(scene, group, state, 1);
    observe_pointer(scene, group, state, 3);
    const struct kc_task_offset nowhere = {.topic = name_of(scene, "none"), .offset = 1};
    must(scene->ops->member_commit(node.member, &nowhere, 1, &err), &err, "commit");
    while (!scene->ops->member_commit_poll(node.member, &code) && aq_mono_us() < until) {
        turn(scene, &node);
        aq_sleep_ms(5);
    }
    fprintf(scene->out, "nowhere: %s\n", code_name(code));
    struct kc_reader *reader = NULL;
    must(scene->ops->reader_open(scene->cluster, "scene", group, &reader, &err), &err, "reader");
    code = scene->ops->reader_commit_stopped(reader, state, 1, 9, "reset", TIMEOUT_MS, &err);
    fprintf(scene->out, "running: %s\n", code_name(code));
    leave(scene, &node);
    code = scene->ops->reader_commit_stopped(reader, state, 1, 9, "reset", TIMEOUT_MS, &err);
    fprintf(scene->out, "stopped: %s\n", code_name(code));
    scene->ops->reader_close(reader, CLOSE_MS);
    observe_pointer(scene, group, state, 1);
}

static void observe_stored(struct scene *scene, struct kc_reader *reader, const char *topic, int64_t offset)
{
    struct aq_err err = {0};
    struct kc_stored stored = {.offset = offset};
    int code = scene->ops->reader_read(reader, topic, &stored, 1, TIMEOUT_MS, &scene->arena, &err);
    fprintf(scene->out, "read %" PRId64 ": %s", offset, code_name(code));
    if (code == 0) write_slice(scene, stored.value);
    fprintf(scene->out, "\n");
}

void kc_play_reading_stored_positions(void *arg)
{
    struct scene *scene = arg;
    struct node node;
    const char *group, *state;
    struct kc_membership *membership = set_up_group(scene, &node, &group, &state);
    struct kc_producer *producer = start_producer(scene, "txn");
    begin(scene, producer);
    send_values(scene, producer, state, 2, "kept");
    fprintf(scene->out, "commit: %s\n", code_name(commit(scene, producer, membership, state, 2)));
    begin(scene, producer);
    send_values(scene, producer, state, 1, "aborted");
    fprintf(scene->out, "abort: %s\n", code_name(abort_txn(scene, producer)));
    struct aq_err err = {0};
    struct kc_reader *reader = NULL;
    must(scene->ops->reader_open(scene->cluster, "scene", group, &reader, &err), &err, "reader");
    close_producer(scene, producer);
    producer = open_producer(scene, NULL);
    send_values(scene, producer, state, 1, "last");
    for (int64_t offset = 1; offset <= 5; offset++) observe_stored(scene, reader, state, offset);
    observe_stored(scene, reader, state, 100);
    const char *const keys[] = {"k", "other"};
    for (int i = 0; i < 2; i++) {
        struct kc_stored stored;
        must(scene->ops->reader_scan_last(reader, state, 0, aq_slice_str(keys[i]), 5, TIMEOUT_MS,
                                          &scene->arena, &stored, &err),
             &err, "scan");
        fprintf(scene->out, "last of %s before 5: %" PRId64 "\n", keys[i], stored.offset);
    }
    scene->ops->reader_close(reader, CLOSE_MS);
    scene->ops->membership_unref(membership);
    close_producer(scene, producer);
    leave(scene, &node);
}
