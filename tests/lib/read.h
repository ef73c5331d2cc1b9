/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading topics to their end. A stream hands out one partition message by message with bounded memory (the checker
 * and the counters stand on it); t_read keeps everything, for tests that look at each record.
 */
#ifndef AQ_TESTS_LIB_READ_H
#define AQ_TESTS_LIB_READ_H

#include "tests/lib/produce.h"

/* ---- one partition after the other -------------------------------------------------------------------------------- */

struct t_stream;

struct t_stream *t_stream_open(const char *brokers, bool read_committed);
void t_stream_close(struct t_stream *stream);

/* Where a partition begins, and where it ends for this stream: the last stable offset when read_committed, else the
 * high watermark. False when nobody answers in time. */
bool t_stream_bounds(struct t_stream *stream, const char *topic, int partition, int64_t *ret_low,
                     int64_t *ret_end);

/* Starts at `from` and ends before `end` (both from t_stream_bounds). One partition at a time. */
void t_stream_start(struct t_stream *stream, const char *topic, int partition, int64_t from, int64_t end);
/* Next record, NULL after the last. Valid until the next call. Fails the test after a minute without progress. */
const rd_kafka_message_t *t_stream_next(struct t_stream *stream);
void t_stream_stop(struct t_stream *stream);

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

struct t_log {
    struct t_record *records; /* partition by partition, offsets ascending */
    size_t count;
    void *memory;
};

/* Every record up to the end as it is now. partition -1: all. A topic that does not exist gives an empty log. */
struct t_log *t_read(const char *brokers, const char *topic, int partition, bool read_committed);
void t_log_free(struct t_log *log);
/* First header of that name; NULL when there is none. */
const struct t_header *t_header_of(const struct t_record *record, const char *name);

/* Waits until no transaction is open in the topic: that of a killed program goes on until its time-out, and the end of one that was
 * committed comes to the partitions a moment after the commit was answered. False when one still is. */
bool t_wait_ended(const char *brokers, const char *topic, int64_t timeout_ms);
/* Number of read_committed records up to the end as it is now. */
int64_t t_count(const char *brokers, const char *topic);
/* Waits until t_count is at least n; the last count. */
int64_t t_wait_count(const char *brokers, const char *topic, int64_t n, int64_t timeout_ms);

/* ---- following ------------------------------------------------------------------------------------------------------ */

/* Counts the read_committed records of all partitions of a topic as they come. */
struct t_tail;
struct t_tail *t_tail_open(const char *brokers, const char *topic, int partitions);
void t_tail_close(struct t_tail *tail);
/* Reads what there is, for at most wait_ms; all records seen so far. */
int64_t t_tail_poll(struct t_tail *tail, int wait_ms);
/* Reads until it has seen at least n, for at most timeout_ms; all records seen so far. */
int64_t t_tail_wait(struct t_tail *tail, int64_t n, int64_t timeout_ms);

#endif
