/* SPDX-License-Identifier: Apache-2.0
 *
 * The state reader: a second consumer handle with the group's id that never joins it. It asks for committed pointers
 * and reads the records they point to, during take-over.
 *
 * Ordinary pass: krd_reader_committed() (OffsetFetch with require_stable, which the client derives from
 * isolation.level=read_committed) and krd_reader_read() of exactly the record before the pointer.
 * Failing pass: an open transaction on the pointer is UNSTABLE and the caller asks again: it is the barrier that keeps
 * an earlier owner's pending commit from being overlooked (without it 199 duplicates in 150 s of a fault test). When
 * the group's offsets are gone, krd_reader_scan_last() reads the partition up to a high watermark that the caller took
 * read_uncommitted after it was a member: up to the read_committed end would overlook open transactions in the same
 * way (23,529 duplicates).
 *
 * Trap: "no offset" and "unstable" look alike, offset -1001; only the codes tell, and both of them (the call's and the
 * partition's) must be looked at. On 2.0.2 an unstable offset is retried inside the call until it times out.
 *
 * Threads: one owner; calls wait up to their timeout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "kafka/rd/rd.h"

#define POLL_MS            5
#define LEADERS_TIMEOUT_MS 1000
#define FIRST_ASK_MS       300

struct kc_reader {
    struct krd_client client;
    char *group_id;
    bool leaders_known;
};

int krd_reader_open(const struct kc_cluster *cluster, const char *client_id, const char *group_id,
                    struct kc_reader **ret, struct aq_err *err)
{
    AQ_ASSERT(group_id);
    rd_kafka_conf_t *rk_conf = krd_conf_new(cluster, KRD_READER, client_id, err);
    if (!rk_conf) return err ? err->code : AQ_E_CONFIG;
    int code = krd_conf_set(rk_conf, "group.id", group_id, err);
    if (!code) code = krd_conf_set(rk_conf, "isolation.level", "read_committed", err);
    if (!code) code = krd_conf_set(rk_conf, "enable.partition.eof", "true", err);
    if (!code) code = krd_conf_set(rk_conf, "queued.max.messages.kbytes", "1024", err);
    if (code) {
        rd_kafka_conf_destroy(rk_conf);
        return code;
    }
    struct kc_reader *reader = aq_calloc(1, sizeof(*reader));
    code = krd_client_open(&reader->client, cluster, KRD_READER, reader, rk_conf, err);
    if (code) {
        free(reader);
        return code;
    }
    reader->group_id = aq_strdup(group_id);
    *ret = reader;
    return 0;
}

void krd_reader_close(struct kc_reader *reader, int64_t deadline_ms)
{
    if (!reader) return;
    if (!krd_client_close(&reader->client, false, deadline_ms)) return;
    krd_client_finish(&reader->client);
    free(reader->group_id);
    free(reader);
}

void krd_reader_seen_versions(const struct kc_reader *reader, struct kc_seen_versions *ret)
{
    struct kc_reader *r = (struct kc_reader *)reader;
    ret->txn_offset_commit = atomic_load(&r->client.traffic[KRD_TXN_OFFSET_COMMIT].version);
    ret->offset_fetch = atomic_load(&r->client.traffic[KRD_OFFSET_FETCH].version);
}

/* ---- committed ------------------------------------------------------------------------------------------------------ */

/* The call used up its time. An unreachable coordinator shows in the client's complaints; a silent time-out is the
 * client retrying an unstable offset. */
static int committed_timeout(struct kc_reader *reader, const char *topic, int64_t started_us,
                             struct aq_err *err)
{
    rd_kafka_poll(reader->client.rk, 0); /* serves the error callback */
    struct krd_note note;
    if (krd_last_note(&reader->client, started_us, &note)) {
        return aq_fail(err, AQ_E_TIMEOUT, "offsets of group %s for %s: %s", reader->group_id, topic,
                       note.text);
    }
    return aq_fail(err, AQ_E_UNSTABLE,
                   "an offset of group %s for %s on cluster %s is held by an open transaction",
                   reader->group_id, topic, reader->client.cluster);
}

static void copy_metadata(const rd_kafka_topic_partition_t *one, char *ret, size_t size)
{
    size_t len = one->metadata ? one->metadata_size : 0;
    if (len >= size) len = size - 1;
    if (len) memcpy(ret, one->metadata, len);
    ret[len] = 0;
}

/* One entry's answer; its own code must be looked at, because "none" and "unstable" share the offset -1001. */
static int take_pointer(struct kc_reader *reader, const char *topic, const rd_kafka_topic_partition_t *one,
                        struct kc_pointer *ret, struct aq_err *err)
{
    ret->code = 0;
    ret->offset = -1;
    ret->metadata[0] = 0;
    if (one->err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT) {
        ret->code = AQ_E_UNSTABLE;
        return 0;
    }
    if (one->err) {
        return krd_fail(err, &reader->client, one->err, NULL, (struct krd_try){"read the offset of", "Read"},
                        "group %s for %s[%d]", reader->group_id, topic, one->partition);
    }
    ret->offset = one->offset >= 0 ? one->offset : -1;
    copy_metadata(one, ret->metadata, sizeof(ret->metadata));
    return 0;
}

static int ask_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                         int64_t timeout_ms, struct aq_err *err)
{
    int64_t started = aq_mono_us();
    rd_kafka_topic_partition_list_t *wanted = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) rd_kafka_topic_partition_list_add(wanted, topic, list[i].partition);
    rd_kafka_resp_err_t error = rd_kafka_committed(reader->client.rk, wanted, (int)timeout_ms);
    int code = 0;
    if (error == RD_KAFKA_RESP_ERR__TIMED_OUT)
        code = committed_timeout(reader, topic, started, err);
    else if (error && error != RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
        code = krd_fail(err, &reader->client, error, NULL, (struct krd_try){"read the offsets of", "Read"},
                        "group %s for %s", reader->group_id, topic);
    for (size_t i = 0; i < n && code == 0; i++) {
        rd_kafka_topic_partition_t *one =
            rd_kafka_topic_partition_list_find(wanted, topic, list[i].partition);
        AQ_ASSERT(one);
        code = take_pointer(reader, topic, one, &list[i], err);
    }
    rd_kafka_topic_partition_list_destroy(wanted);
    return code;
}

/* One unstable offset holds up the answer for all of them on 2.0.2 (the client repeats the request until its time is
 * over), so then they are asked for one by one, and the stable ones are known at once. */
int krd_reader_committed(struct kc_reader *reader, const char *topic, struct kc_pointer *list, size_t n,
                         int64_t timeout_ms, struct aq_err *err)
{
    AQ_ASSERT(topic && n > 0);
    int64_t slice_ms = timeout_ms < FIRST_ASK_MS ? timeout_ms : FIRST_ASK_MS;
    int64_t until_us = aq_mono_us() + timeout_ms * AQ_MS;
    int code = ask_committed(reader, topic, list, n, slice_ms, err);
    if (code != AQ_E_UNSTABLE) return code;
    for (size_t i = 0; i < n; i++) {
        int64_t left_ms = (until_us - aq_mono_us()) / AQ_MS;
        code = left_ms > 0
                   ? ask_committed(reader, topic, &list[i], 1, left_ms < slice_ms ? left_ms : slice_ms, err)
                   : AQ_E_UNSTABLE;
        if (code != 0 && code != AQ_E_UNSTABLE) return code;
        if (code) list[i].code = AQ_E_UNSTABLE;
    }
    aq_err_clear(err);
    return 0;
}

/* ---- reading records ------------------------------------------------------------------------------------------------ */

static int start_reading(struct kc_reader *reader, const char *topic, const struct kc_stored *list, size_t n,
                         struct aq_err *err)
{
    rd_kafka_topic_partition_list_t *wanted = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(wanted, topic, list[i].partition)->offset = list[i].offset;
    if (!reader->leaders_known) krd_learn_leaders(&reader->client, wanted, LEADERS_TIMEOUT_MS);
    reader->leaders_known = true;
    rd_kafka_resp_err_t error = rd_kafka_assign(reader->client.rk, wanted);
    rd_kafka_topic_partition_list_destroy(wanted);
    if (error) {
        return krd_fail(err, &reader->client, error, NULL, (struct krd_try){"read", "Read"}, "%s[%d]", topic,
                        list[0].partition);
    }
    return 0;
}

static void stop_reading(struct kc_reader *reader)
{
    rd_kafka_assign(reader->client.rk, NULL);
}

/* The next record, EOF or failure; NULL when until_us has passed. Complaints that the client cures by itself (a leader
 * that moves) are waited out. */
static rd_kafka_message_t *next_message(struct kc_reader *reader, int64_t until_us)
{
    do {
        krd_wake(&reader->client); /* the assignment is a moment old */
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->client.rk, POLL_MS);
        if (!message) continue;
        switch ((int)message->err) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION: return message;
        default: rd_kafka_message_destroy(message);
        }
    } while (aq_mono_us() < until_us);
    return NULL;
}

static int message_fails(struct kc_reader *reader, const rd_kafka_message_t *message, const char *topic,
                         int32_t partition, int64_t offset, struct aq_err *err)
{
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        return aq_fail(err, AQ_E_STATE,
                       "%s[%d]@%" PRId64 " of cluster %s is not in the log any more, or not yet: %s", topic,
                       partition, offset, reader->client.cluster, rd_kafka_message_errstr(message));
    }
    return krd_fail(err, &reader->client, message->err, rd_kafka_message_errstr(message),
                    (struct krd_try){"read", "Read"}, "%s[%d]", topic, partition);
}

static void store(const rd_kafka_message_t *message, struct aq_arena *arena, struct kc_stored *ret)
{
    ret->offset = message->offset;
    ret->timestamp = rd_kafka_message_timestamp(message, NULL);
    ret->key = aq_arena_copy(arena, aq_slice_of(message->key, message->key ? message->key_len : 0));
    ret->value = aq_arena_copy(arena, aq_slice_of(message->payload, message->payload ? message->len : 0));
}

/* 1: go on polling; 0: found; else an error. */
static int check_read(struct kc_reader *reader, const rd_kafka_message_t *message, const char *topic,
                      struct kc_stored *wanted, struct aq_arena *arena, struct aq_err *err)
{
    bool eof = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (message->err && !eof)
        return message_fails(reader, message, topic, wanted->partition, wanted->offset, err);
    /* At or below the offset: the readable end has not got there yet, an open transaction may hold it. */
    if (eof && message->offset <= wanted->offset) return 1;
    if (!eof && message->offset < wanted->offset) return 1;
    if (!eof && message->offset == wanted->offset) {
        store(message, arena, wanted);
        return 0;
    }
    return aq_fail(err, AQ_E_STATE,
                   "%s[%d] of cluster %s has no committed record at offset %" PRId64 " (next: %" PRId64 ")",
                   topic, wanted->partition, reader->client.cluster, wanted->offset, message->offset);
}

static struct kc_stored *find_wanted(struct kc_stored *list, size_t n, int32_t partition)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].partition == partition) return &list[i];
    return NULL;
}

int krd_reader_read(struct kc_reader *reader, const char *topic, struct kc_stored *list, size_t n,
                    int64_t timeout_ms, struct aq_arena *arena, struct aq_err *err)
{
    AQ_ASSERT(n > 0);
    int64_t until_us = aq_mono_us() + timeout_ms * AQ_MS;
    for (size_t i = 0; i < n; i++) list[i].key = list[i].value = AQ_NULL_SLICE;
    int code = start_reading(reader, topic, list, n, err);
    if (code) return code;
    for (size_t missing = n; missing > 0 && code >= 0;) {
        rd_kafka_message_t *message = next_message(reader, until_us);
        if (!message) {
            code = aq_fail(err, AQ_E_TIMEOUT,
                           "%zu records of %s on cluster %s could not be read within %" PRId64 " ms", missing,
                           topic, reader->client.cluster, timeout_ms);
            break;
        }
        struct kc_stored *wanted = find_wanted(list, n, message->partition);
        AQ_ASSERT(wanted);
        /* What comes behind the record that was wanted is of no interest. */
        if (!wanted->value.ptr) {
            code = check_read(reader, message, topic, wanted, arena, err);
            missing -= code == 0;
        }
        rd_kafka_message_destroy(message);
    }
    stop_reading(reader);
    return code < 0 ? code : 0;
}

struct scan {
    struct aq_slice key;
    int64_t end;
    rd_kafka_message_t *best;
};

/* Takes message over. 1: go on; 0: the end is reached; else an error. */
static int scan_one(struct kc_reader *reader, struct scan *scan, rd_kafka_message_t *message,
                    const char *topic, int32_t partition, struct aq_err *err)
{
    bool eof = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (message->err && !eof) {
        int code = message_fails(reader, message, topic, partition, message->offset, err);
        rd_kafka_message_destroy(message);
        return code;
    }
    /* Both say "everything committed below this offset has been seen". */
    int64_t reached = eof ? message->offset : message->offset + 1;
    bool matches = !eof && message->offset < scan->end &&
                   aq_slice_equal(aq_slice_of(message->key, message->key ? message->key_len : 0), scan->key);
    if (matches) {
        if (scan->best) rd_kafka_message_destroy(scan->best);
        scan->best = message;
    } else {
        rd_kafka_message_destroy(message);
    }
    return reached >= scan->end ? 0 : 1;
}

int krd_reader_scan_last(struct kc_reader *reader, const char *topic, int32_t partition, struct aq_slice key,
                         int64_t end, int64_t timeout_ms, struct aq_arena *arena, struct kc_stored *ret,
                         struct aq_err *err)
{
    *ret = (struct kc_stored){.partition = partition, .offset = -1};
    if (end <= 0) return 0;
    int64_t until_us = aq_mono_us() + timeout_ms * AQ_MS;
    struct scan scan = {.key = key, .end = end};
    const struct kc_stored start = {.partition = partition, .offset = RD_KAFKA_OFFSET_BEGINNING};
    int code = start_reading(reader, topic, &start, 1, err);
    if (code) return code;
    for (code = 1; code == 1;) {
        rd_kafka_message_t *message = next_message(reader, until_us);
        if (!message) {
            code = aq_fail(err, AQ_E_UNSTABLE,
                           "%s[%d] of cluster %s is not readable up to %" PRId64 " within %" PRId64
                           " ms: a transaction is still open, or the brokers are slow",
                           topic, partition, reader->client.cluster, end, timeout_ms);
            break;
        }
        code = scan_one(reader, &scan, message, topic, partition, err);
    }
    if (code == 0 && scan.best) store(scan.best, arena, ret);
    if (scan.best) rd_kafka_message_destroy(scan.best);
    stop_reading(reader);
    return code;
}

/* ---- committing for a stopped group --------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t wait_for_commit(rd_kafka_queue_t *queue, int64_t timeout_ms)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, (int)timeout_ms);
    if (!event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    if (!error && list && list->cnt) error = list->elems[0].err;
    rd_kafka_event_destroy(event);
    return error;
}

int krd_reader_commit_stopped(struct kc_reader *reader, const char *topic, int32_t partition, int64_t offset,
                              const char *metadata, int64_t timeout_ms, struct aq_err *err)
{
    AQ_ASSERT(offset >= 0);
    const struct kc_task_offset pointer = {.partition = partition, .offset = offset, .metadata = metadata};
    rd_kafka_topic_partition_list_t *list = krd_offset_list(topic, &pointer, 1);
    /* A commit without member and generation: brokers take it for a group that is empty and for no other. */
    rd_kafka_queue_t *queue = rd_kafka_queue_new(reader->client.rk);
    rd_kafka_resp_err_t error = rd_kafka_commit_queue(reader->client.rk, list, queue, NULL, NULL);
    if (!error) error = wait_for_commit(queue, timeout_ms);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    switch ((int)error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return 0;
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
        return aq_fail(err, AQ_E_BUSY, "group %s of cluster %s has running members: stop them first",
                       reader->group_id, reader->client.cluster);
    default:
        return krd_fail(err, &reader->client, error, NULL, (struct krd_try){"commit for", "Read"}, "group %s",
                        reader->group_id);
    }
}
