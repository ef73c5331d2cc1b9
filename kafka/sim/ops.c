/* SPDX-License-Identifier: Apache-2.0
 *
 * struct kc_ops over simulated clusters.
 */
#include "kafka/sim/client.h"

const struct kc_ops kc_sim_ops = {
    .name = "simulation",

    .admin_open = sim_admin_open,
    .admin_close = sim_admin_close,
    .admin_connect = sim_admin_connect,
    .admin_topics = sim_admin_topics,
    .admin_create_topic = sim_admin_create_topic,
    .admin_grow_topic = sim_admin_grow_topic,
    .admin_topic_configs = sim_admin_topic_configs,
    .admin_watermarks = sim_admin_watermarks,
    .admin_ends = sim_admin_ends,
    .admin_offset_for_time = sim_admin_offset_for_time,
    .admin_delete_records = sim_admin_delete_records,
    .admin_delete_topic = sim_admin_delete_topic,
    .admin_group_members = sim_admin_group_members,
    .admin_describe_group = sim_admin_describe_group,

    .consumer_open = sim_consumer_open,
    .consumer_close = sim_consumer_close,
    .consumer_assign = sim_consumer_assign,
    .consumer_unassign = sim_consumer_unassign,
    .consumer_poll = sim_consumer_poll,
    .consumer_event = sim_consumer_event,
    .consumer_known_end = sim_consumer_known_end,

    .member_open = sim_member_open,
    .member_poll = sim_member_poll,
    .member_answer = sim_member_answer,
    .member_membership = sim_member_membership,
    .membership_unref = sim_membership_unref,
    .membership_forge = sim_membership_forge,
    .member_commit = sim_member_commit,
    .member_commit_poll = sim_member_commit_poll,
    .member_close = sim_member_close,

    .producer_open = sim_producer_open,
    .producer_close = sim_producer_close,
    .producer_send = sim_producer_send,
    .producer_send_own = sim_producer_send_own,
    .producer_drain = sim_producer_drain,
    .producer_in_flight = sim_producer_in_flight,
    .producer_failure = sim_producer_failure,
    .producer_forget_failure = sim_producer_forget_failure,

    .txn_begin = sim_txn_begin,
    .txn_commit = sim_txn_commit,
    .txn_abort = sim_txn_abort,
    .txn_poll = sim_txn_poll,
    .txn_tainted = sim_txn_tainted,

    .reader_open = sim_reader_open,
    .reader_close = sim_reader_close,
    .reader_committed = sim_reader_committed,
    .reader_read = sim_reader_read,
    .reader_scan_last = sim_reader_scan_last,
    .reader_commit_stopped = sim_reader_commit_stopped,

    .producer_seen_versions = sim_producer_seen_versions,
    .reader_seen_versions = sim_reader_seen_versions,
};
