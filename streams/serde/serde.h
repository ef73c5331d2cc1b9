/* SPDX-License-Identifier: Apache-2.0
 *
 * Serdes: how the keys and values of streams lie in records. The bytes are those of the serdes in Kafka's Java client
 * (org.apache.kafka.common.serialization), so that Java programs read what we write and the other way round.
 *
 *   name    Java class in Serdes$                  bytes
 *   bytes   Bytes-, ByteArray-, ByteBufferSerde    as they are
 *   string  StringSerde                            UTF-8
 *   int32   IntegerSerde                           4, big-endian, two's complement
 *   int64   LongSerde                              8, big-endian, two's complement
 *   double  DoubleSerde                            8, IEEE 754, big-endian
 *   json    (none)                                 one JSON document (RFC 8259)
 *
 * and, for keys of windows (streams/serde/windowed_key.h), INNER being one of these:
 *
 *   time-windowed-INNER-SIZE   TimeWindowedSerializer      key and start; SIZE in ms, or with a unit: 60000, 1m
 *   session-windowed-INNER     SessionWindowedSerializer   key, end and start
 *
 * SIZE says where the window ends, which is not written; of sliding windows it is the difference.
 *
 * Null is null for every serde, in both directions; a record without bytes is an empty string, and no number.
 *
 * Where we are not Java's equal, on purpose:
 *   - Strings are not checked. Java puts U+FFFD in the place of malformed UTF-8 and so changes a value it only passed
 *     on; two different keys can become one. We forward the bytes.
 *   - A NaN that was read keeps its bits; Java writes every NaN as 7ff8000000000000. st_double() does the same for a
 *     computed one, whose bits would otherwise depend on the processor.
 *   - JSON is forwarded as it was written and read strictly. Connect's JSON serializer, the nearest that Java has,
 *     prints it anew, keeps one of two fields of a name, and takes no notice of what follows the first document.
 *
 * Ownership: slices are borrowed, never copied: what is read points into the bytes, what is written points into the
 * value or, for numbers and windowed keys, lies in the arena. Serdes live as long as the process; one of a kind, so that equal ones
 * have one address. Threads: none of its own; serdes are constant, and finding one may be done by several threads.
 */
#ifndef AQ_STREAMS_SERDE_SERDE_H
#define AQ_STREAMS_SERDE_SERDE_H

#include "base/arena.h"
#include "base/err.h"
#include "streams/serde/windowed_key.h"
#include "transforms/json_scan.h"

enum st_value_type {
    ST_VALUE_NULL,
    ST_VALUE_BYTES,
    ST_VALUE_STRING,
    ST_VALUE_INT64,
    ST_VALUE_DOUBLE,
    ST_VALUE_JSON,
    ST_VALUE_WINDOWED
};

/* A key or a value as operators see it. */
struct st_value {
    enum st_value_type type;
    union {
        struct aq_slice slice; /* bytes, string, json; never null */
        int64_t integer;
        double number;
        struct st_windowed_key
            windowed; /* end is known of both forms; the key inside is bytes of the inner serde */
    };
};

struct st_serde;

/* By its name in a configuration, or by the full name of the Java class it stands for. NULL with AQ_E_CONFIG in err, which
 * says what there is. */
const struct st_serde *st_serde_find(const char *name, struct aq_err *err);

const char *st_serde_name(const struct st_serde *serde);

/* What the serde reads and takes, besides null. */
enum st_value_type st_serde_type(const struct st_serde *serde);

/* 0, or AQ_E_BAD_RECORD: bytes of a length no such number has, text that is no JSON. fields is room to scan JSON in, the
 * caller's own from record to record (other serdes need none: NULL); afterwards it holds the top-level fields of an
 * object. */
int st_serde_read(const struct st_serde *serde, struct aq_slice bytes, struct json_fields *fields,
                  struct st_value *ret, struct aq_err *err);

/* 0, or AQ_E_BAD_RECORD: a value of another type than the serde's, an integer outside of int32. JSON is not scanned
 * again: it was when it was read, or else comes from a writer of ours. */
int st_serde_write(const struct st_serde *serde, const struct st_value *value, struct aq_arena *arena,
                   struct aq_slice *ret, struct aq_err *err);

/* ---- windowed keys ------------------------------------------------------------------------------------------------- */

/* The serde of keys of windows whose keys are in `inner`, which is not windowed itself. form: ST_KEY_TIME or ST_KEY_SESSION; size_ms:
 * of time windows, more than 0 (sliding windows of difference 0: 0); sessions: 0. */
const struct st_serde *st_serde_windowed(enum st_key_form form, const struct st_serde *inner,
                                         int64_t size_ms);
/* Of the key inside; NULL when it is not windowed. */
const struct st_serde *st_serde_inner(const struct st_serde *serde);
/* Of a windowed one. */
enum st_key_form st_serde_form(const struct st_serde *serde);
int64_t st_serde_size(const struct st_serde *serde);
/* How many bytes at the end of a key do not count when a partition is chosen: those of the window. All windows of a key go to the
 * partition of the key alone, as Kafka Streams' WindowedStreamPartitioner has it. serde may be NULL. */
size_t st_serde_tail(const struct st_serde *serde);

/* "a string", "null", ... for messages. */
const char *st_value_type_name(enum st_value_type type);

/* ---- values ------------------------------------------------------------------------------------------------------- */

/* type is BYTES, STRING or JSON; a null slice makes null. */
struct st_value st_slice(enum st_value_type type, struct aq_slice slice);
struct st_value st_int64(int64_t integer);
/* Of a computed number: any NaN becomes the one that Java writes. */
struct st_value st_double(double number);

/* ---- order -------------------------------------------------------------------------------------------------------- */

/* The order in which stores iterate, negative, 0 or positive: the bytes of the encoded keys, unsigned, a key before
 * those it is the beginning of. It is that of Java's Bytes.compareTo(), of Kafka Streams' sorted maps, and of RocksDB
 * when nobody gives it another. Neither key is null.
 *
 * It is an order of bytes, not of what they mean: negative integers come behind the positive ones, and doubles below zero
 * in reverse behind those above; strings come by code point. */
int st_key_compare(struct aq_slice a, struct aq_slice b);

#endif
