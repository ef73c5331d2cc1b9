/* SPDX-License-Identifier: Apache-2.0
 *
 * Scenarios for every implementation of struct kc_ops, and what each must observe. The plays themselves are in
 * tests/lib/kc_plays_*.c.
 */
#include "tests/lib/kc_scenarios.h"

#include "tests/lib/kc_plays.h"
#include "tests/lib/kc_scene.h"

const struct kc_scenario kc_scenarios[] = {
    {"produce and consume", kc_play_produce_and_consume,
     "sink told 1 failure 0 in flight 0\n"
     "committed: 0 'one' 'a' 1700000000001/1; 1 'two' null 1700000000002/1 h= 'x' n= null; 2 null 'c' "
     "1700000000004/1; 3 '' '' 1700000000005/1; 4 'epoch' 'e' 1/1; | end 5\n"
     "uncommitted: 0 'three' 'b' 1700000000003/1; | end 1\n"
     "committed: 3 '' 4 'epoch' | end 5\n"},
    {"transactions and isolation", kc_play_transactions_and_isolation,
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
    {"pointer of an open transaction", kc_play_pointer_of_an_open_transaction,
     "commit: ok\n"
     "pointer: ok 1 'meta'\n"
     "pointer: UNSTABLE -1 ''\n"
     "pointer: ok -1 ''\n"
     "pointer: ok 1 'meta'\n"
     "committed: 0 'first' | end 4\n"},
    {"fencing by generation", kc_play_fencing_by_generation,
     "stale: FENCED, open 1\n"
     "abort: ok\n"
     "forged: FENCED\n"
     "abort: ok\n"
     "current: ok\n"
     "pointer: ok 3 'meta'\n"
     "committed: 4 'good' | end 6\n"},
    {"fencing by producer epoch", kc_play_fencing_by_producer_epoch,
     "first: FENCED, failed 1\n"
     "begin: FENCED\n"
     "second: ok\n"
     "committed: 2 'kept' | end 4\n"},
    {"rebalance of two members", kc_play_rebalance_of_two_members,
     "membership: 1\n"
     "owned by both: 0 of 2 members\n"
     "lost: 0\n"
     "members: 0\n"},
    {"offsets of several topics", kc_play_offsets_of_several_topics,
     "commit: ok\n"
     "pointer: ok -1 ''\n"
     "pointer: ok 11 'state'\n"
     "pointer: ok 12 ''\n"
     "pointer: ok 0 'in'\n"},
    {"commits without a transaction", kc_play_commits_without_transaction,
     "commit: ok\n"
     "pointer: ok 5 'm'\n"
     "pointer: ok 0 ''\n"
     "nowhere: UNKNOWN_TOPIC\n"
     "running: BUSY\n"
     "stopped: ok\n"
     "pointer: ok 9 'reset'\n"},
    {"watermarks and times", kc_play_watermarks_and_times,
     "watermarks: 0 0\n"
     "watermarks: 0 3\n"
     "watermarks: UNKNOWN_TOPIC\n"
     "watermarks: UNKNOWN_TOPIC\n"
     "time: 0\n"
     "time: 1\n"
     "time: 3\n"
     "ends: 3 -1 -1\n"
     "watermarks: 0 0\n"},
    {"offsets out of range", kc_play_offsets_out_of_range,
     "committed: | end 3\n"
     "committed: | out of range 100\n"
     "committed: 2 'x' | end 3\n"
     "committed: | partition\n"},
    {"refused records", kc_play_refused_records,
     "configs: 2000 default\n"
     "large: TOO_LARGE, named 1\n"
     "partition: UNKNOWN_TOPIC at 1\n"
     "failure: ok\n"
     "committed: 0 'fits' | end 1\n"
     "again: EXISTS\n"
     "grow: CONFIG\n"},
    {"static members", kc_play_static_members,
     "back: the same 1, others heard 0\n"
     "replaced: FENCED, others heard 0\n"
     "commit: FENCED\n"
     "abort: ok\n"},
    {"description of a group", kc_play_description_of_a_group,
     "unknown: -1\n"
     "dealt in turn: 4 of 4\n"},
    {"failed delivery in a transaction", kc_play_failed_delivery_in_a_transaction,
     "failure: TOO_LARGE\n"
     "next: TXN_ABORT\n"
     "commit: TXN_ABORT, open 1\n"
     "abort: ok\n"
     "tainted: 1\n"
     "begin: FATAL\n"
     "committed: | end 2\n"
     "pointer: ok -1 ''\n"},
    {"reading stored positions", kc_play_reading_stored_positions,
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
    {"offsets of a missing topic", kc_play_offsets_of_a_missing_topic,
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
