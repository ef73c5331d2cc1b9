/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches of consumed records: the source functions that tie records to the librdkafka messages they borrow their bytes
 * from.
 *
 * Ordinary pass: a batch comes from the consumer's pool, krd_batch_append() pins one message per record (key, value and
 * timestamp are slices of it), aq_batch_release() comes back here and destroys the messages. Headers are parsed by the
 * client only when somebody asks or when they are sent on.
 * Failing pass: a record that could not be delivered gets its headers back (krd_record_put_headers), so that it is
 * whole for a retry or for the dead letter topic.
 *
 * Invariant: pins == number of records with an origin. A pinned message keeps its whole fetch answer in memory, so who
 * holds batches must bound them by bytes.
 * Threads: the consumer's owner.
 */
#include "base/assert.h"
#include "kafka/rd/rd.h"

static void load_headers(struct aq_record *rec)
{
    rd_kafka_headers_t *list = NULL;
    const rd_kafka_message_t *message = rec->origin;
    /* _NOENT: none. A parse error cannot be told from here; the record then goes on without headers, as it would for
     * any librdkafka consumer. */
    if (rd_kafka_message_headers(message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    size_t n = rd_kafka_header_cnt(list);
    AQ_ASSERT(n <= UINT16_MAX);
    struct aq_header *headers = aq_arena_alloc(&rec->batch->arena, n * sizeof(*headers));
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(list, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) break;
        headers[i].name = aq_slice_str(name);
        headers[i].value = aq_slice_of(value, value ? size : 0);
        rec->n_headers++;
    }
    rec->headers = headers;
}

static void read_message(struct aq_record *rec)
{
    const rd_kafka_message_t *message = rec->origin;
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    rec->key = aq_slice_of(message->key, message->key ? message->key_len : 0);
    rec->value = aq_slice_of(message->payload, message->payload ? message->len : 0);
    rec->timestamp = timestamp;
    rec->time_type = type == RD_KAFKA_TIMESTAMP_CREATE_TIME       ? AQ_TIME_CREATE
                     : type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME ? AQ_TIME_APPEND
                                                                  : AQ_TIME_NONE;
}

static void release(struct aq_batch *base)
{
    struct krd_batch *batch = (struct krd_batch *)base;
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < base->n; i++) {
        rd_kafka_message_t *message = base->records[i].origin;
        if (!message) continue;
        rd_kafka_message_destroy(message);
        dropped++;
    }
    AQ_ASSERT(dropped == batch->pins);
    batch->pins = 0;
}

const struct aq_batch_source krd_batch_source = {
    .load_headers = load_headers,
    .restore = read_message,
    .release = release,
};

void krd_record_put_headers(struct aq_record *rec, rd_kafka_headers_t *headers)
{
    AQ_ASSERT(rec->origin && headers);
    /* Replaces (and frees) a list the message may have parsed again meanwhile. */
    rd_kafka_message_set_headers(rec->origin, headers);
}

void krd_batch_append(struct aq_batch *batch, rd_kafka_message_t *message)
{
    AQ_DASSERT(!message->err);
    struct aq_record *rec = aq_batch_add(batch);
    rec->origin = message;
    read_message(rec);
    rec->offset = message->offset;
    rec->topic = batch->topic;
    rec->partition = -1;
#if KRD_AT_LEAST(2, 1)
    rec->leader_epoch = rd_kafka_message_leader_epoch(message);
#else
    rec->leader_epoch = -1;
#endif
    ((struct krd_batch *)batch)->pins++;
    batch->bytes += rec->key.len + rec->value.len;
}
