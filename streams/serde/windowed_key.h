/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that carry a window, as Kafka Streams writes them: the inner key's bytes, and a tail of fixed length. The format is
 * that of the serializers TimeWindowedSerializer and SessionWindowedSerializer and of the key schemas of its stores.
 *
 *   form          where                                        bytes
 *   ST_KEY_TIME     output topic of a time window                key, start
 *   ST_KEY_SESSION  output topic, store and changelog of a       key, end, start
 *                   session window
 *   ST_KEY_STORE    store and changelog of a time window         key, start, sequence
 *
 * start and end: ms since 1970, 8 bytes, big-endian. sequence: 4 bytes, big-endian; 0 unless the store keeps several
 * values for one key and window, as the stores of joins do. The end of a time window is not written; who reads it has to
 * know the size (st_window_end()).
 *
 * Windows neither start before 1970 nor end before they start: Java refuses such keys, and so do we. A key without any
 * bytes, which Java reads as null, is too short here. That a tail was cut off cannot be seen from what is left when that
 * is long enough for another.
 *
 * Order: by st_key_compare() the windows of one inner key follow each other by start and sequence (sessions by end, then
 * start), for no time is negative. Windows of different keys do NOT stay apart: when one key is the beginning of
 * another its windows can lie among the other's, so a scan of one key has to look at the length of what it finds.
 *
 * Ownership: what is decoded points into the bytes; what is encoded lies in the arena. Threads: none of its own.
 */
#ifndef AQ_STREAMS_SERDE_WINDOWED_KEY_H
#define AQ_STREAMS_SERDE_WINDOWED_KEY_H

#include "base/arena.h"
#include "base/err.h"

enum st_key_form { ST_KEY_TIME, ST_KEY_SESSION, ST_KEY_STORE };

struct st_windowed_key {
    struct aq_slice key; /* the inner one; may be empty, never null */
    int64_t start;       /* ms since 1970, inclusive */
    int64_t end;         /* sessions only: ms since 1970, inclusive; else 0 */
    int32_t sequence;    /* stores only; else 0 */
};

/* Bytes of the tail. */
size_t st_windowed_key_tail(enum st_key_form form);

/* Never null. What the form does not hold is not looked at; what it holds must be a window that can be. */
struct aq_slice st_windowed_key_encode(enum st_key_form form, const struct st_windowed_key *key,
                                       struct aq_arena *arena);

/* 0, or AQ_E_BAD_RECORD: null, too short for the tail, or a window that cannot be. */
int st_windowed_key_decode(enum st_key_form form, struct aq_slice bytes, struct st_windowed_key *ret,
                           struct aq_err *err);

/* Where Java's partitioner sends a windowed key: all windows of a key go to one partition, that of the inner key alone
 * (toPositive(murmur2(key)) % partitions). A partitioner that hashes the whole key is wrong for these topics. */
int32_t st_windowed_key_partition(const struct st_windowed_key *key, int32_t partitions);

/* Exclusive end of a time window of size ms; INT64_MAX where it would be later than that. */
int64_t st_window_end(int64_t start, int64_t size);

#endif
