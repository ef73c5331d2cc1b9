/* SPDX-License-Identifier: Apache-2.0
 *
 * Producing with every part of a record in the test's hand: null or empty key and value, headers in order with
 * duplicates and nulls, timestamp, partition; plain or in transactions that commit or abort.
 */
#ifndef AQ_TESTS_LIB_PRODUCE_H
#define AQ_TESTS_LIB_PRODUCE_H

#include "base/slice.h"
#include "tests/lib/cluster.h"

struct t_header {
    const char *name;
    struct aq_slice value; /* AQ_NULL_SLICE: null */
};

struct t_record {
    struct aq_slice key; /* AQ_LIT("k"), aq_slice_str(text), AQ_NULL_SLICE */
    struct aq_slice value;
    const struct t_header *headers;
    size_t n_headers;
    int64_t timestamp; /* ms since 1970; 0: now */
    int partition;
    int64_t offset; /* when read */
};

struct t_producer;

/* Idempotent, acks=all, retries for ever. transactional_id NULL: no transactions. properties: "key=value", ended by
 * NULL; may be NULL. */
struct t_producer *t_producer_open(const char *brokers, const char *transactional_id,
                                   const char *const *properties);
/* Waits for all deliveries first. An open transaction is left open: that is how a test makes a dangling one. */
void t_producer_close(struct t_producer *producer);

/* Queues a copy. Fails the test when a delivery fails (at the next call). */
void t_send(struct t_producer *producer, const char *topic, const struct t_record *record);
/* Key and value as text (NULL: null), no headers. */
void t_send_text(struct t_producer *producer, const char *topic, int partition, const char *key,
                 const char *value);
/* Waits until everything sent is acknowledged. */
void t_flush(struct t_producer *producer);

void t_begin(struct t_producer *producer);
void t_commit(struct t_producer *producer);
void t_abort(struct t_producer *producer);

/* n records "k<i>" -> "v<i>" spread round-robin over the partitions, flushed: for tests that need just some records. */
void t_produce_some(const char *brokers, const char *topic, int partitions, int first, int n);

#endif
