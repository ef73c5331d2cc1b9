/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka clusters inside this process, made by the client library for its own tests: enough of a broker to
 * produce, fetch and form groups, over real sockets on loopback. For `aqueduct demo` only. They isolate
 * nothing (an open transaction's records are visible), forget old records beyond a few megabytes, and know no
 * admin requests.
 *
 * Threads: one owner; all calls block up to their time-out.
 */
#ifndef AQ_KAFKA_MOCK_H
#define AQ_KAFKA_MOCK_H

#include "base/err.h"
#include "base/slice.h"

struct kc_mock;

int kc_mock_open(struct kc_mock **ret, struct aq_err *err);
void kc_mock_close(struct kc_mock *mock);
const char *kc_mock_brokers(const struct kc_mock *mock);
int kc_mock_create_topic(struct kc_mock *mock, const char *topic, int32_t partitions, struct aq_err *err);

/* Fills key and value of record number i into buf; the slices point into it. */
typedef void kc_mock_make(uint32_t i, char *buf, size_t size, struct aq_slice *key, struct aq_slice *value);
/* Produces n records, partitioned by key. */
int kc_mock_produce(struct kc_mock *mock, const char *topic, uint32_t n, kc_mock_make *make,
                    int64_t timeout_ms, struct aq_err *err);

struct kc_mock_record {
    int32_t partition;
    int64_t offset;
    struct aq_slice key;
    struct aq_slice value;
};
typedef void kc_mock_visit(void *arg, const struct kc_mock_record *record);
/* Reads the topic from its beginning to the end of every partition. */
int kc_mock_read(struct kc_mock *mock, const char *topic, int32_t partitions, int64_t timeout_ms,
                 kc_mock_visit *visit, void *arg, struct aq_err *err);

#endif
