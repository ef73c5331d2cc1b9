/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a record that cannot be read, processed or written: Kafka Streams' three exception handlers, and the dead letter
 * topic of KIP-1034. A dead letter is the source record as it was read: key, value, timestamp and headers, and besides, as text:
 *
 *   __streams.errors.exception   our error code ("BAD_RECORD")
 *   __streams.errors.message     the reason
 *   __streams.errors.stacktrace  where: "deserialization", "processing: node", "production: topic"
 *   __streams.errors.topic, __streams.errors.partition, __streams.errors.offset   of the source record
 *
 * It goes into the outbox like any output, so in exactly_once it is in the transaction. It is written when the handler goes on, not
 * when it fails: the record is then read again at the next start.
 *
 * Threads: the worker's own.
 */
#ifndef AQ_STREAMS_ERROR_POLICY_H
#define AQ_STREAMS_ERROR_POLICY_H

#include "streams/task.h"

enum st_stage { ST_STAGE_DESERIALIZATION, ST_STAGE_PROCESSING, ST_STAGE_PRODUCTION };

/* The handler's answer to an error: 0 when it goes on (logged, counted, dead-lettered), else err->code with the place added. `source`
 * NULL: a punctuation, of which there is nothing to dead-letter. `where`: name of the node or the topic. */
int st_policy_decide(struct st_shop *shop, enum st_stage stage, const struct aq_record *source,
                     const char *where, struct aq_err *err);

/* The end without asking the handler: err->code, with what happened and the place put before the reason. */
int st_policy_fail(enum st_stage stage, const struct aq_record *source, const char *where, const char *what,
                   struct aq_err *err);

#endif
