/* SPDX-License-Identifier: Apache-2.0
 *
 * struct kc_ops over librdkafka.
 */
#include "kafka/rd/rd.h"

const char *kc_rd_version(void)
{
    return rd_kafka_version_str();
}

const struct kc_ops kc_rd_ops = {
    .name = "librdkafka",

    .admin_open = krd_admin_open,
    .admin_close = krd_admin_close,
    .admin_connect = krd_admin_connect,
    .admin_topics = krd_admin_topics,
    .admin_create_topic = krd_admin_create_topic,
    .admin_grow_topic = krd_admin_grow_topic,
    .admin_topic_configs = krd_admin_topic_configs,
    .admin_watermarks = krd_admin_watermarks,
    .admin_ends = krd_admin_ends,
    .admin_offset_for_time = krd_admin_offset_for_time,
    .admin_delete_records = krd_admin_delete_records,
    .admin_delete_topic = krd_admin_delete_topic,
    .admin_group_members = krd_admin_group_members,
    .admin_describe_group = krd_admin_describe_group,

    .consumer_open = krd_consumer_open,
    .consumer_close = krd_consumer_close,
    .consumer_assign = krd_consumer_assign,
    .consumer_unassign = krd_consumer_unassign,
    .consumer_poll = krd_consumer_poll,
    .consumer_event = krd_consumer_event,
    .consumer_known_end = krd_consumer_known_end,

    .member_open = krd_member_open,
    .member_poll = krd_member_poll,
    .member_answer = krd_member_answer,
    .member_membership = krd_member_membership,
    .membership_unref = krd_membership_unref,
    .membership_forge = krd_membership_forge,
    .member_commit = krd_member_commit,
    .member_commit_poll = krd_member_commit_poll,
    .member_close = krd_member_close,

    .producer_open = krd_producer_open,
    .producer_close = krd_producer_close,
    .producer_send = krd_producer_send,
    .producer_send_own = krd_producer_send_own,
    .producer_drain = krd_producer_drain,
    .producer_in_flight = krd_producer_in_flight,
    .producer_failure = krd_producer_failure,
    .producer_forget_failure = krd_producer_forget_failure,

    .txn_begin = krd_txn_begin,
    .txn_commit = krd_txn_commit,
    .txn_abort = krd_txn_abort,
    .txn_poll = krd_txn_poll,
    .txn_tainted = krd_txn_tainted,

    .reader_open = krd_reader_open,
    .reader_close = krd_reader_close,
    .reader_committed = krd_reader_committed,
    .reader_read = krd_reader_read,
    .reader_scan_last = krd_reader_scan_last,
    .reader_commit_stopped = krd_reader_commit_stopped,

    .producer_seen_versions = krd_producer_seen_versions,
    .reader_seen_versions = krd_reader_seen_versions,
};
