/* SPDX-License-Identifier: Apache-2.0
 *
 * Scenarios for every implementation of struct kc_ops, and what each must observe.
 */
#include "tests/lib/kc_scenarios.h"

#include "tests/lib/kc_scene.h"

/* ---- the scenarios -------------------------------------------------------------------------------------------------- */

static void produce_and_consume(void *arg)
{
    struct scene *scene = arg;
    const char *topic = make_topic(scene, "plain", 2, NULL, 0);
    struct kc_producer *producer = open_producer(scene, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    add_record(scene, &batch, topic, 0, "a", "one");
    struct aq_record *rec = add_record(scene, &batch, topic, 0, NULL, "two");
    aq_record_add_header(rec, AQ_LIT("h"), AQ_LIT("x"));
    aq_record_add_header(rec, AQ_LIT("n"), AQ_NULL_SLICE);
    add_record(scene, &batch, topic, 1, "b", "three");
    add_record(scene, &batch, topic, 0, "c", NULL);
    add_record(scene, &batch, topic, 0, "", "");
    add_record(scene, &batch, topic, 0, "d", "dropped")->flags |= AQ_REC_DROPPED;
    add_record(scene, &batch, topic, 0, "e", "epoch")->timestamp = 0;
    deliver(scene, producer, &batch);
    /* Which partition answers last is nobody's promise. */
    bool told = batch.sink_offset == (batch.sink_partition == 0 ? 4 : 0);
    fprintf(scene->out, "sink told %d failure %d in flight %" PRIu64 "\n", told,
            scene->ops->producer_failure(producer)->code, scene->ops->producer_in_flight(producer, NULL));
    aq_batch_finish(&batch);
    observe(scene, topic, 0, 0, true, true);
    observe(scene, topic, 1, KC_OFFSET_EARLIEST, false, true);
    observe(scene, topic, 0, 3, true, false);
    close_producer(scene, producer);
}

static void transactions_and_isolation(void *arg)
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

static void pointer_of_an_open_transaction(void *arg)
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

static void fencing_by_generation(void *arg)
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

static void fencing_by_producer_epoch(void *arg)
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

static void rebalance_of_two_members(void *arg)
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

static void offsets_of_several_topics(void *arg)
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

static void commits_without_transaction(void *arg)
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

static void watermarks_and_times(void *arg)
{
    struct scene *scene = arg;
    struct aq_err err = {0};
    const char *topic = make_topic(scene, "plain", 1, NULL, 0);
    observe_watermarks(scene, topic, 0);
    struct kc_producer *producer = open_producer(scene, NULL);
    send_values(scene, producer, topic, 3, "x");
    observe_watermarks(scene, topic, 0);
    observe_watermarks(scene, topic, 1);
    observe_watermarks(scene, name_of(scene, "none"), 0);
    for (int64_t ms = 1700000000000; ms <= 1700000000004; ms += 2) {
        int64_t offset = -1;
        must(scene->ops->admin_offset_for_time(scene->admin, topic, 0, ms, TIMEOUT_MS, &offset, &err), &err,
             "time");
        fprintf(scene->out, "time: %" PRId64 "\n", offset);
    }
    struct kc_end ends[] = {{.topic = topic, .partition = 0},
                            {.topic = topic, .partition = 1},
                            {.topic = name_of(scene, "none")}};
    must(scene->ops->admin_ends(scene->admin, ends, 3, TIMEOUT_MS, &err), &err, "ends");
    fprintf(scene->out, "ends: %" PRId64 " %" PRId64 " %" PRId64 "\n", ends[0].end, ends[1].end, ends[2].end);
    must(scene->ops->admin_grow_topic(scene->admin, topic, 2, TIMEOUT_MS, &err), &err, "grow");
    observe_watermarks(scene, topic, 1);
    close_producer(scene, producer);
}

static void offsets_out_of_range(void *arg)
{
    struct scene *scene = arg;
    const char *topic = make_topic(scene, "plain", 1, NULL, 0);
    struct kc_producer *producer = open_producer(scene, NULL);
    send_values(scene, producer, topic, 3, "x");
    observe(scene, topic, 0, 3, true, false);
    observe(scene, topic, 0, 100, true, false);
    observe(scene, topic, 0, 2, true, false);
    observe(scene, topic, 5, 0, true, false);
    close_producer(scene, producer);
}

static void refused_records(void *arg)
{
    struct scene *scene = arg;
    struct aq_err err = {0};
    const struct kc_config_entry configs[] = {{"max.message.bytes", "2000"}};
    const char *topic = make_topic(scene, "small", 1, configs, 1);
    struct kc_config_entry asked[] = {{.name = "max.message.bytes"}, {.name = "segment.ms"}};
    must(scene->ops->admin_topic_configs(scene->admin, topic, asked, 2, &scene->arena, TIMEOUT_MS, &err),
         &err, "configs");
    fprintf(scene->out, "configs: %s %s\n", asked[0].value, asked[1].value ? asked[1].value : "default");
    struct kc_producer *producer = open_producer(scene, NULL);
    struct aq_batch batch;
    aq_batch_init(&batch, 8);
    char *large = aq_arena_alloc(&scene->arena, 5000);
    memset(large, 'x', 5000);
    add_record(scene, &batch, topic, 0, "k", NULL)->value = aq_slice_of(large, 5000);
    deliver(scene, producer, &batch);
    const struct kc_failure *failure = scene->ops->producer_failure(producer);
    fprintf(scene->out, "large: %s, named %d\n", code_name(failure->code), failure->rec == &batch.records[0]);
    scene->ops->producer_forget_failure(producer);
    aq_batch_finish(&batch);
    aq_batch_init(&batch, 8);
    add_record(scene, &batch, topic, 0, "k", "fits");
    add_record(scene, &batch, topic, 7, "k", "nowhere");
    int code = scene->ops->producer_send(producer, &batch, &err);
    fprintf(scene->out, "partition: %s at %u\n", code_name(code), batch.produced);
    batch.records[1].flags |= AQ_REC_DROPPED;
    deliver(scene, producer, &batch);
    fprintf(scene->out, "failure: %s\n", code_name(scene->ops->producer_failure(producer)->code));
    aq_batch_finish(&batch);
    observe(scene, topic, 0, 0, true, false);
    const struct kc_topic_spec again = {.name = topic, .partitions = 1, .replication_factor = 1};
    code = scene->ops->admin_create_topic(scene->admin, &again, TIMEOUT_MS, &err);
    fprintf(scene->out, "again: %s\n", code_name(code));
    code = scene->ops->admin_grow_topic(scene->admin, topic, 1, TIMEOUT_MS, &err);
    fprintf(scene->out, "grow: %s\n", code_name(code));
    close_producer(scene, producer);
}

static void static_members(void *arg)
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

static void failed_delivery_in_a_transaction(void *arg)
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

static void observe_stored(struct scene *scene, struct kc_reader *reader, const char *topic, int64_t offset)
{
    struct aq_err err = {0};
    struct kc_stored stored = {.offset = offset};
    int code = scene->ops->reader_read(reader, topic, &stored, 1, TIMEOUT_MS, &scene->arena, &err);
    fprintf(scene->out, "read %" PRId64 ": %s", offset, code_name(code));
    if (code == 0) write_slice(scene, stored.value);
    fprintf(scene->out, "\n");
}

static void reading_stored_positions(void *arg)
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

static void offsets_of_a_missing_topic(void *arg)
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

const struct kc_scenario kc_scenarios[] = {
    {"produce and consume", produce_and_consume,
     "sink told 1 failure 0 in flight 0\n"
     "committed: 0 'one' 'a' 1700000000001/1; 1 'two' null 1700000000002/1 h= 'x' n= null; 2 null 'c' "
     "1700000000004/1; 3 '' '' 1700000000005/1; 4 'epoch' 'e' 1/1; | end 5\n"
     "uncommitted: 0 'three' 'b' 1700000000003/1; | end 1\n"
     "committed: 3 '' 4 'epoch' | end 5\n"},
    {"transactions and isolation", transactions_and_isolation,
     "commit: ok\n"
     "committed: 0 'kept' 1 'kept' | end 3\n"
     "committed: 0 'kept' 1 'kept' | end 3\n"
     "abort: ok\n"
     "committed: 0 'kept' 1 'kept' | end 6\n"
     "committed: 0 'kept' 1 'kept' | end 6\n"
     "uncommitted: 0 'kept' 1 'kept' 3 'aborted' 4 'aborted' 6 'open' | end 7\n"
     "watermarks: 0 7\n"
     "pointer: ok 7 'meta'\n"
     "abort: ok\n"
     "watermarks: 0 8\n"},
    {"pointer of an open transaction", pointer_of_an_open_transaction,
     "commit: ok\n"
     "pointer: ok 1 'meta'\n"
     "pointer: UNSTABLE -1 ''\n"
     "pointer: ok -1 ''\n"
     "pointer: ok 1 'meta'\n"
     "committed: 0 'first' | end 4\n"},
    {"fencing by generation", fencing_by_generation,
     "stale: FENCED, open 1\n"
     "abort: ok\n"
     "forged: FENCED\n"
     "abort: ok\n"
     "current: ok\n"
     "pointer: ok 3 'meta'\n"
     "committed: 4 'good' | end 6\n"},
    {"fencing by producer epoch", fencing_by_producer_epoch,
     "first: FENCED, failed 1\n"
     "begin: FENCED\n"
     "second: ok\n"
     "committed: 2 'kept' | end 4\n"},
    {"rebalance of two members", rebalance_of_two_members,
     "membership: 1\n"
     "owned by both: 0 of 2 members\n"
     "lost: 0\n"
     "members: 0\n"},
    {"offsets of several topics", offsets_of_several_topics,
     "commit: ok\n"
     "pointer: ok -1 ''\n"
     "pointer: ok 11 'state'\n"
     "pointer: ok 12 ''\n"
     "pointer: ok 0 'in'\n"},
    {"commits without a transaction", commits_without_transaction,
     "commit: ok\n"
     "pointer: ok 5 'm'\n"
     "pointer: ok 0 ''\n"
     "nowhere: UNKNOWN_TOPIC\n"
     "running: BUSY\n"
     "stopped: ok\n"
     "pointer: ok 9 'reset'\n"},
    {"watermarks and times", watermarks_and_times,
     "watermarks: 0 0\n"
     "watermarks: 0 3\n"
     "watermarks: UNKNOWN_TOPIC\n"
     "watermarks: UNKNOWN_TOPIC\n"
     "time: 0\n"
     "time: 1\n"
     "time: 3\n"
     "ends: 3 -1 -1\n"
     "watermarks: 0 0\n"},
    {"offsets out of range", offsets_out_of_range,
     "committed: | end 3\n"
     "committed: | out of range 100\n"
     "committed: 2 'x' | end 3\n"
     "committed: | partition\n"},
    {"refused records", refused_records,
     "configs: 2000 default\n"
     "large: TOO_LARGE, named 1\n"
     "partition: UNKNOWN_TOPIC at 1\n"
     "failure: ok\n"
     "committed: 0 'fits' | end 1\n"
     "again: EXISTS\n"
     "grow: CONFIG\n"},
    {"static members", static_members,
     "back: the same 1, others heard 0\n"
     "replaced: FENCED, others heard 0\n"
     "commit: FENCED\n"
     "abort: ok\n"},
    {"failed delivery in a transaction", failed_delivery_in_a_transaction,
     "failure: TOO_LARGE\n"
     "next: TXN_ABORT\n"
     "commit: TXN_ABORT, open 1\n"
     "abort: ok\n"
     "tainted: 1\n"
     "begin: FATAL\n"
     "committed: | end 2\n"
     "pointer: ok -1 ''\n"},
    {"reading stored positions", reading_stored_positions,
     "commit: ok\n"
     "abort: ok\n"
     "read 1: ok 'kept'\n"
     "read 2: STATE\n"
     "read 3: STATE\n"
     "read 4: STATE\n"
     "read 5: ok 'last'\n"
     "read 100: STATE\n"
     "last of k before 5: 1\n"
     "last of other before 5: -1\n"},
    {"offsets of a missing topic", offsets_of_a_missing_topic,
     "pointer: UNSTABLE -1 ''\n"
     "commit: TXN_ABORT, open 1, at the timeout 1\n"},
};
const size_t kc_scenarios_n = sizeof(kc_scenarios) / sizeof(kc_scenarios[0]);

char *kc_scenario_play(const struct kc_scenario *scenario, const struct kc_ops *ops,
                       const struct kc_cluster *cluster, const struct kc_stage_hooks *hooks, const char *tag)
{
    char *text = NULL;
    size_t size = 0;
    struct aq_err err = {0};
    struct scene scene = {.ops = ops, .cluster = cluster, .hooks = hooks, .tag = tag};
    aq_arena_init(&scene.arena, 4096);
    aq_names_init(&scene.names);
    scene.out = open_memstream(&text, &size);
    must(ops->admin_open(cluster, "scene-admin", &scene.admin, &err), &err, "admin");
    scenario->play(&scene);
    ops->admin_close(scene.admin);
    fclose(scene.out);
    aq_names_finish(&scene.names);
    aq_arena_finish(&scene.arena);
    return text;
}
