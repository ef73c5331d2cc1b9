/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading topics for tests and tools.
 *
 * An ordinary pass: bounds are asked from the leader; consume_start on the partition; messages arrive in blocks of
 * BLOCK; the end is reached when a message's offset or the end-of-partition event reaches `end` (the end of a log can
 * be a transaction marker, which never arrives as a message, so counting messages would wait for ever).
 * A failing pass: transport errors are left to the client, which reconnects; a minute without progress ends the test.
 *
 * The simple consumer is used because it needs no group: nothing is written to a cluster by looking at it. With
 * librdkafka before 2.2 a full fetch queue makes the fetching thread look away for up to a second; a watermark query
 * every few milliseconds (the waker thread) brings it back at once.
 * Threads: one owner per stream; the waker only calls the client, which is thread-safe.
 */
#include "tests/lib/read.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/lib/check.h"
#include "tests/lib/wait.h"

#define BLOCK    4096
#define STALL_MS 60000
#define WAKE_MS  5

struct t_stream {
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt; /* of the partition being read */
    char brokers[512];
    bool read_committed;
    bool worn; /* the client was stopped in the middle of a partition */
    char topic[256];
    int partition;
    int64_t end;
    bool done;
    rd_kafka_message_t *block[BLOCK];
    ssize_t n, at;
    pthread_t waker;
    bool has_waker;
    atomic_bool active, quit;
    pthread_mutex_t lock; /* topic and partition, for the waker */
};

static void *wake(void *arg)
{
    struct t_stream *stream = arg;
    while (!atomic_load(&stream->quit)) {
        t_sleep_ms(WAKE_MS);
        if (!atomic_load(&stream->active)) continue;
        char topic[sizeof stream->topic];
        pthread_mutex_lock(&stream->lock);
        int partition = stream->partition;
        memcpy(topic, stream->topic, sizeof topic);
        pthread_mutex_unlock(&stream->lock);
        int64_t low, high;
        rd_kafka_query_watermark_offsets(stream->rk, topic, partition, &low, &high, 1000);
    }
    return NULL;
}

/* A client of its own for the stream, with a waker if this librdkafka needs one. */
static void open_client(struct t_stream *stream)
{
    bool tunable = t_client_knows("fetch.queue.backoff.ms");
    const char *properties[] = {
        stream->read_committed ? "isolation.level=read_committed" : "isolation.level=read_uncommitted",
        "enable.partition.eof=true",
        "auto.offset.reset=error",
        "queued.max.messages.kbytes=32768",
        "queued.min.messages=1000000",
        "fetch.wait.max.ms=50",
        "fetch.error.backoff.ms=100",
        tunable ? "fetch.queue.backoff.ms=2" : NULL,
        NULL,
    };
    stream->rk = t_client(RD_KAFKA_CONSUMER, stream->brokers, properties);
    atomic_store(&stream->quit, false);
    stream->has_waker = !tunable && pthread_create(&stream->waker, NULL, wake, stream) == 0;
    stream->worn = false;
}

static void close_client(struct t_stream *stream)
{
    atomic_store(&stream->quit, true);
    if (stream->has_waker) pthread_join(stream->waker, NULL);
    rd_kafka_destroy(stream->rk);
}

struct t_stream *t_stream_open(const char *brokers, bool read_committed)
{
    struct t_stream *stream = t_alloc(sizeof *stream);
    snprintf(stream->brokers, sizeof stream->brokers, "%s", brokers);
    stream->read_committed = read_committed;
    pthread_mutex_init(&stream->lock, NULL);
    open_client(stream);
    return stream;
}

void t_stream_close(struct t_stream *stream)
{
    if (!stream) return;
    t_stream_stop(stream);
    close_client(stream);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

bool t_stream_bounds(struct t_stream *stream, const char *topic, int partition, int64_t *ret_low,
                     int64_t *ret_end)
{
    /* Answered by the leader with the isolation level of this handle. */
    return T_WAIT(STALL_MS, rd_kafka_query_watermark_offsets(stream->rk, topic, partition, ret_low, ret_end,
                                                             5000) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void t_stream_start(struct t_stream *stream, const char *topic, int partition, int64_t from, int64_t end)
{
    T_CHECK(!stream->rkt, "one partition at a time");
    /* A client that was interrupted, or has read this very partition, may still hold messages and an end-of-partition
     * of the former start; a new one cannot. */
    if (stream->worn || (stream->partition == partition && strcmp(stream->topic, topic) == 0)) {
        close_client(stream);
        open_client(stream);
    }
    pthread_mutex_lock(&stream->lock);
    snprintf(stream->topic, sizeof stream->topic, "%s", topic);
    stream->partition = partition;
    pthread_mutex_unlock(&stream->lock);
    stream->end = end;
    stream->done = from >= end;
    stream->n = stream->at = 0;
    stream->rkt = rd_kafka_topic_new(stream->rk, topic, NULL);
    if (stream->done) return;
    if (rd_kafka_consume_start(stream->rkt, partition, from) != 0)
        T_FAIL("%s[%d]: %s", topic, partition, rd_kafka_err2str(rd_kafka_last_error()));
    atomic_store(&stream->active, true);
}

static void drop_block(struct t_stream *stream)
{
    for (ssize_t i = 0; i < stream->n; i++) rd_kafka_message_destroy(stream->block[i]);
    stream->n = stream->at = 0;
}

void t_stream_stop(struct t_stream *stream)
{
    if (!stream->rkt) return;
    drop_block(stream);
    stream->worn = !stream->done;
    if (atomic_exchange(&stream->active, false)) rd_kafka_consume_stop(stream->rkt, stream->partition);
    rd_kafka_topic_destroy(stream->rkt);
    stream->rkt = NULL;
}

/* True when the message is a record before the end; sets done at the end. */
static bool take(struct t_stream *stream, const rd_kafka_message_t *message)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        if (message->offset >= stream->end) stream->done = true;
        return !stream->done;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (message->offset >= stream->end) stream->done = true;
        return false;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        T_FAIL("reading %s[%d]: %s", stream->topic, stream->partition, rd_kafka_message_errstr(message));
    default: return false; /* the client goes on by itself */
    }
}

const rd_kafka_message_t *t_stream_next(struct t_stream *stream)
{
    int64_t deadline = 0;
    for (;;) {
        while (stream->at < stream->n) {
            const rd_kafka_message_t *message = stream->block[stream->at++];
            if (take(stream, message)) return message;
            if (stream->done) return NULL;
        }
        if (stream->done) return NULL;
        drop_block(stream);
        stream->n = rd_kafka_consume_batch(stream->rkt, stream->partition, 100, stream->block, BLOCK);
        if (stream->n > 0) continue;
        stream->n = 0;
        if (!deadline) deadline = t_now_ms() + STALL_MS;
        if (t_now_ms() > deadline)
            T_FAIL("%s[%d] gives nothing before its end %lld", stream->topic, stream->partition,
                   (long long)stream->end);
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

struct piece {
    struct piece *next;
    char bytes[];
};

static void *keep(struct t_log *log, size_t size)
{
    struct piece *piece = t_alloc(sizeof *piece + size);
    piece->next = log->memory;
    log->memory = piece;
    return piece->bytes;
}

static struct aq_slice keep_slice(struct t_log *log, const void *bytes, size_t size)
{
    if (!bytes) return AQ_NULL_SLICE;
    char *copy = keep(log, size + 1);
    memcpy(copy, bytes, size);
    return aq_slice_of(copy, size);
}

static void keep_headers(struct t_log *log, struct t_record *record, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    record->n_headers = rd_kafka_header_cnt(headers);
    struct t_header *kept = keep(log, record->n_headers * sizeof *kept);
    for (size_t i = 0; i < record->n_headers; i++) {
        const char *name;
        const void *value;
        size_t size;
        rd_kafka_header_get_all(headers, i, &name, &value, &size);
        kept[i].name = keep_slice(log, name, strlen(name)).ptr;
        kept[i].value = keep_slice(log, value, size);
    }
    record->headers = kept;
}

static void keep_record(struct t_log *log, const rd_kafka_message_t *message)
{
    if ((log->count & (log->count - 1)) == 0) {
        size_t room = log->count ? log->count * 2 : 1;
        log->records = t_realloc(log->records, room * sizeof *log->records);
    }
    struct t_record *record = &log->records[log->count++];
    rd_kafka_timestamp_type_t type;
    *record = (struct t_record){
        .key = keep_slice(log, message->key, message->key_len),
        .value = keep_slice(log, message->payload, message->len),
        .timestamp = rd_kafka_message_timestamp(message, &type),
        .partition = message->partition,
        .offset = message->offset,
    };
    keep_headers(log, record, message);
}

struct t_log *t_read(const char *brokers, const char *topic, int partition, bool read_committed)
{
    struct t_log *log = t_alloc(sizeof *log);
    struct t_cluster *cluster = t_cluster_open(brokers);
    int partitions = 0;
    /* Not knowing is not the same as not being there. */
    if (!T_WAIT(STALL_MS, (partitions = t_partitions(cluster, topic)) >= 0))
        T_FAIL("%s does not answer", brokers);
    t_cluster_close(cluster);
    struct t_stream *stream = t_stream_open(brokers, read_committed);
    for (int p = 0; p < partitions; p++) {
        if (partition >= 0 && p != partition) continue;
        int64_t low, end;
        T_CHECK(t_stream_bounds(stream, topic, p, &low, &end), "%s[%d]: no answer", topic, p);
        t_stream_start(stream, topic, p, low, end);
        const rd_kafka_message_t *message;
        while ((message = t_stream_next(stream))) keep_record(log, message);
        t_stream_stop(stream);
    }
    t_stream_close(stream);
    return log;
}

void t_log_free(struct t_log *log)
{
    if (!log) return;
    for (struct piece *piece = log->memory, *next; piece; piece = next) {
        next = piece->next;
        free(piece);
    }
    free(log->records);
    free(log);
}

const struct t_header *t_header_of(const struct t_record *record, const char *name)
{
    for (size_t i = 0; i < record->n_headers; i++) {
        if (strcmp(record->headers[i].name, name) == 0) return &record->headers[i];
    }
    return NULL;
}

static int64_t sum_of_ends(struct t_stream *stream, const char *topic, int partitions)
{
    int64_t sum = 0, low, end;
    for (int p = 0; p < partitions; p++) {
        T_CHECK(t_stream_bounds(stream, topic, p, &low, &end), "%s[%d]: no answer", topic, p);
        sum += end;
    }
    return sum;
}

bool t_wait_ended(const char *brokers, const char *topic, int64_t timeout_ms)
{
    struct t_cluster *cluster = t_cluster_open(brokers);
    int partitions = 0;
    T_CHECK(T_WAIT(STALL_MS, (partitions = t_partitions(cluster, topic)) > 0), "%s is not there", topic);
    t_cluster_close(cluster);
    struct t_stream *committed = t_stream_open(brokers, true), *all = t_stream_open(brokers, false);
    /* Something that is being written can make this wait longer, never end too early. */
    int64_t written, stable;
    bool ended = T_WAIT(timeout_ms, (stable = sum_of_ends(committed, topic, partitions),
                                     written = sum_of_ends(all, topic, partitions), stable == written));
    t_stream_close(all);
    t_stream_close(committed);
    return ended;
}

int64_t t_count(const char *brokers, const char *topic)
{
    struct t_log *log = t_read(brokers, topic, -1, true);
    int64_t count = (int64_t)log->count;
    t_log_free(log);
    return count;
}

int64_t t_wait_count(const char *brokers, const char *topic, int64_t n, int64_t timeout_ms)
{
    int64_t count = 0;
    (void)T_WAIT(timeout_ms, (count = t_count(brokers, topic)) >= n);
    return count;
}
