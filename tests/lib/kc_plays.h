/* SPDX-License-Identifier: Apache-2.0
 *
 * The plays behind tests/lib/kc_scenarios.c, one file a family. Each takes a struct scene (tests/lib/kc_scene.h) and
 * writes what it observes to the scene's text; what that must be stands beside its name in the table of scenarios.
 */
#ifndef AQ_TESTS_LIB_KC_PLAYS_H
#define AQ_TESTS_LIB_KC_PLAYS_H

/* kc_plays_log.c */
void kc_play_produce_and_consume(void *arg);
void kc_play_watermarks_and_times(void *arg);
void kc_play_offsets_out_of_range(void *arg);
void kc_play_refused_records(void *arg);

/* kc_plays_txn.c */
void kc_play_transactions_and_isolation(void *arg);
void kc_play_pointer_of_an_open_transaction(void *arg);
void kc_play_fencing_by_producer_epoch(void *arg);
void kc_play_failed_delivery_in_a_transaction(void *arg);

/* kc_plays_group.c */
void kc_play_rebalance_of_two_members(void *arg);
void kc_play_static_members(void *arg);
void kc_play_description_of_a_group(void *arg);
void kc_play_fencing_by_generation(void *arg);

/* kc_plays_offsets.c */
void kc_play_offsets_of_several_topics(void *arg);
void kc_play_offsets_of_a_missing_topic(void *arg);
void kc_play_commits_without_transaction(void *arg);
void kc_play_reading_stored_positions(void *arg);

#endif
