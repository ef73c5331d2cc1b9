/* SPDX-License-Identifier: Apache-2.0
 *
 * A topology run without a broker, for tests: the engine itself on a simulated cluster in this process, in the
 * caller's thread, with a clock that moves only when it is told to. Like Kafka Streams' TopologyTestDriver.
 *
 *   struct aq_test_driver *d = aq_test_driver_create(builder, NULL);
 *   aq_test_driver_pipe_json(d, "{\"topic\": \"orders\", \"key\": \"o-1\", \"value\": 1200}");
 *   const char *out = aq_test_driver_read_json(d, "orders.big");
 *   if (aq_test_driver_error(d)) …
 *   aq_test_driver_destroy(d);
 *
 * A call returns when nothing is left to do: what was piped in has gone through every sub-topology, is committed, and
 * what came of it can be read.
 *
 * Errors: the driver keeps the first one, the builder's included. Every call after it does nothing but fail, except
 * those that read. Calls return 0 or a negative number.
 * Ownership: the builder outlives the driver and does not change meanwhile; one builder may have many drivers, one
 * after the other or side by side. Threads: a driver belongs to the thread that made it.
 */
#ifndef AQUEDUCT_TESTDRIVER_H
#define AQUEDUCT_TESTDRIVER_H

#include "aqueduct/streams.h"

#ifdef __cplusplus
extern "C" {
#endif

struct aq_test_driver;

/* All zero is good. */
struct aq_test_options {
    /* Settings of the application in the names of Kafka Streams: "processing.guarantee=exactly_once_v2",
     * "default.key.serde=string". */
    const char *const *properties;
    size_t n_properties;
    int32_t partitions;    /* of the topics that sources read; 0: 1 */
    int64_t wall_clock_ms; /* where the wall clock starts, ms since 1970; 0: 2024-01-01T00:00:00Z */
};

#define AQ_TEST_ANY_PARTITION (-1) /* the key decides */
#define AQ_TEST_NOW           (-1) /* the driver's wall clock */

struct aq_test_record {
    struct aq_slice key; /* null is legal */
    struct aq_slice value;
    int64_t timestamp; /* ms since 1970, or AQ_TEST_NOW */
    const struct aq_header *headers;
    size_t n_headers;
    int32_t partition; /* or AQ_TEST_ANY_PARTITION */
};

/* Never NULL; options may be. Source topics exist afterwards, and processors are started. The engine's log on
 * standard error is at warnings from then on. */
AQ_API struct aq_test_driver *aq_test_driver_create(const struct aq_streams_builder *builder,
                                                    const struct aq_test_options *options);
/* Stops in order: processors are closed, and what they still emit is committed and may be read. May be left out. */
AQ_API int aq_test_driver_close(struct aq_test_driver *driver);
/* NULL does nothing. */
AQ_API void aq_test_driver_destroy(struct aq_test_driver *driver);
/* The first error; NULL while there is none. Valid as long as the driver. */
AQ_API const char *aq_test_driver_error(const struct aq_test_driver *driver);

/* ---- in ----------------------------------------------------------------------------------------------------------- */

/* The bytes are copied. It is an error when no source reads the topic. */
AQ_API int aq_test_driver_pipe(struct aq_test_driver *driver, const char *topic,
                               const struct aq_test_record *record);
/* A record as a line of JSON with topic, key, value, timestamp, headers and partition, of which only the topic must
 * be there; key and value as the serdes of the source have them (doc/testing.md). */
AQ_API int aq_test_driver_pipe_json(struct aq_test_driver *driver, const char *line);
/* Moves the wall clock in one step: each punctuation that is due is called once. */
AQ_API int aq_test_driver_advance_wall_clock(struct aq_test_driver *driver, int64_t ms);
AQ_API int64_t aq_test_driver_wall_clock(const struct aq_test_driver *driver);

/* ---- out ---------------------------------------------------------------------------------------------------------- */

/* The next record of a topic that was not read yet; false: there is none. Its bytes live as long as the driver. */
AQ_API bool aq_test_driver_read(struct aq_test_driver *driver, const char *topic, struct aq_test_record *ret);
/* The same as JSON in one line: {"key":…,"value":…,"timestamp":…,"headers":[["name","text"]]}, headers only when
 * there are some; key and value as the serdes of the sink have them. NULL: there is none. Valid as long as the
 * driver. */
AQ_API const char *aq_test_driver_read_json(struct aq_test_driver *driver, const char *topic);

/* ---- stores, by name: getKeyValueStore(), getWindowStore() and getSessionStore() of TopologyTestDriver ---------------- */

struct aq_test_row {
    struct aq_slice key;      /* of a window or session without it */
    struct aq_slice value;    /* as the store has it: of an average what it is made of */
    int64_t start_ms, end_ms; /* of the window or session, the end as in aqueduct/windows.h; else 0 */
    int64_t timestamp;        /* ms since 1970: of the row; of a session its end; -1: the store keeps none */
};

/* True with the row, whose bytes live as long as the driver; false: there is none, or it failed, as by a store that the topology
 * does not have, that is closed, or is of another kind. Where several tasks have the key, in one of them. A table with a history
 * shows the row as it is now; a global table is asked by its own name. */
AQ_API bool aq_test_driver_row(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                               struct aq_test_row *ret);
AQ_API bool aq_test_driver_window_row(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                                      int64_t start_ms, struct aq_test_row *ret);
AQ_API bool aq_test_driver_session_row(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                                       int64_t start_ms, int64_t end_ms, struct aq_test_row *ret);

/* 0: go on; 1: that was enough. */
typedef int (*aq_test_row_each)(void *user, const struct aq_test_row *row);
/* The rows of a key, or with a null key all, by task, key and time. Not of tables with a history, nor of global ones. 0, or a negative number. */
AQ_API int aq_test_driver_rows(struct aq_test_driver *driver, const char *store, struct aq_slice key,
                               aq_test_row_each each, void *user);

/* ---- keys and values of a type: texts are aq_slice_str(), numbers are read by aq_read_int64() and its like --------- */

struct aq_test_number {
    char bytes[8];
};

static inline struct aq_slice aq_test_int32(struct aq_test_number *room, int32_t number)
{
    aq_be32_put(room->bytes, (uint32_t)number);
    return aq_slice_of(room->bytes, 4);
}

static inline struct aq_slice aq_test_int64(struct aq_test_number *room, int64_t number)
{
    aq_be64_put(room->bytes, (uint64_t)number);
    return aq_slice_of(room->bytes, 8);
}

static inline struct aq_slice aq_test_double(struct aq_test_number *room, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    aq_be64_put(room->bytes, bits);
    return aq_slice_of(room->bytes, 8);
}

/* Key and value, now, to the partition of the key. */
static inline int aq_test_driver_pipe_pair(struct aq_test_driver *driver, const char *topic,
                                           struct aq_slice key, struct aq_slice value)
{
    struct aq_test_record record;
    memset(&record, 0, sizeof(record));
    record.key = key;
    record.value = value;
    record.timestamp = AQ_TEST_NOW;
    record.partition = AQ_TEST_ANY_PARTITION;
    return aq_test_driver_pipe(driver, topic, &record);
}

#ifdef __cplusplus
}
#endif

#endif
