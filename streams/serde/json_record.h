/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as lines of JSON, for tests and tools: one object a line, with the fields "topic", "key", "value",
 * "timestamp", "headers" and "partition", none of them required here.
 *
 *   {"topic":"orders","key":"o-1","value":{"amount":5},"timestamp":44,"headers":[["kind","x"],["trace",null]]}
 *
 * Key and value, by serde: string and bytes are the text of a JSON string; int32 and int64 an integer; double a
 * number, or one of the texts "NaN", "Infinity", "-Infinity"; json the bytes of the value as they stand in the line;
 * a windowed key is {"key":…,"start":0,"end":60000}, its key by the serde inside, its end optional where the serde knows it;
 * null is null for all of them. Bytes that are no such thing are written {"$hex":"00ff"} or, when they are UTF-8,
 * {"$text":"no number"}: for every serde, in both directions. Without a serde (what wrote the bytes is not known)
 * JSON is taken and printed as JSON, the rest as a text.
 *
 * Headers are an array of ["name", value] in order, or an object; a header's value is that of the serde bytes. The
 * timestamp is in ms since 1970.
 *
 * Ownership: results point into the line and the arena. Errors: AQ_E_BAD_RECORD with the field, and the byte of
 * broken JSON.
 * Threads: none of its own.
 */
#ifndef AQ_STREAMS_SERDE_JSON_RECORD_H
#define AQ_STREAMS_SERDE_JSON_RECORD_H

#include "kafka/sim.h"
#include "streams/serde/serde_flow.h"

enum st_json_field {
    ST_JSON_TOPIC = 1u << 0,
    ST_JSON_KEY = 1u << 1,
    ST_JSON_VALUE = 1u << 2,
    ST_JSON_TIMESTAMP = 1u << 3,
    ST_JSON_HEADERS = 1u << 4,
    ST_JSON_PARTITION = 1u << 5,
};

/* A line, before it is known in which serdes its key and value are. */
struct st_json_record {
    unsigned given;      /* of enum st_json_field */
    const char *topic;   /* NULL unless given */
    struct aq_slice key; /* JSON text; "null" unless given */
    struct aq_slice value;
    struct aq_header *headers;
    uint16_t n_headers;
    bool headers_by_name; /* they were given as an object, which has no order */
    int64_t timestamp;
    int32_t partition; /* -1 unless given */
};

int st_json_record_read(struct aq_slice text, struct aq_arena *arena, struct st_json_record *ret,
                        struct aq_err *err);
/* The record itself; timestamp is for a line without one. */
int st_json_record_encode(const struct st_json_record *json, struct st_serdes serdes, int64_t timestamp,
                          struct aq_arena *arena, struct kc_sim_record *ret, struct aq_err *err);

/* One key or value: JSON text (valid) to bytes, and bytes to JSON text in one line or as the json bytes have it.
 * serde NULL: not known. */
int st_json_encode(const struct st_serde *serde, struct aq_slice text, struct aq_arena *arena,
                   struct aq_slice *ret, struct aq_err *err);
struct aq_slice st_json_decode(const struct st_serde *serde, struct aq_slice bytes, struct aq_arena *arena);

/* The way back. The fields that are asked for (enum st_json_field), in the order of that enum; topic may be NULL when
 * it is not among them. */
struct aq_slice st_json_record_print(const struct kc_sim_record *rec, const char *topic,
                                     struct st_serdes serdes, unsigned fields, struct aq_arena *arena);

#endif
