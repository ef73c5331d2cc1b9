/* SPDX-License-Identifier: Apache-2.0
 *
 * Timestamp extractors: which moment a record stands for. Rules and names are those of Kafka Streams
 * (default.timestamp.extractor); all times are ms since 1970.
 *
 * A record without a timestamp (AQ_TIME_NONE) counts as one with -1. Negative is invalid. Partition time is the largest
 * timestamp of the records of the partition that were given to the task before, -1 when there is none yet.
 *
 * Ownership: nothing is kept; `user` belongs to whoever made the extractor. Threads: the task's own.
 */
#ifndef AQ_STREAMS_TIMESTAMP_H
#define AQ_STREAMS_TIMESTAMP_H

#include "base/err.h"
#include "base/record.h"

#define ST_NO_TIME (-1LL) /* of partition and stream time: no record yet */

struct st_extract_at {
    int64_t partition_ms; /* partition time, or ST_NO_TIME */
    int64_t wall_ms;      /* now */
};

struct st_extractor {
    /* Returns 0 with the timestamp in *ret_ms, where a negative one says that the record is to be skipped (and logged, by
     * the caller); or a negative code with a reason, which stops the task in front of the record. Does not change
     * the record. May be asked again about a record it has failed on. */
    int (*extract)(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                   struct aq_err *err);
    void *user;
};

/* What an invalid timestamp does: AQ_E_BAD_RECORD; the record is skipped; partition time stands in for it
 * (AQ_E_BAD_RECORD while that is unknown). The last one never looks at the record: all of them are from now. */
extern const struct st_extractor ST_FAIL_ON_INVALID_TIMESTAMP; /* Kafka Streams' default, and ours */
extern const struct st_extractor ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP;
extern const struct st_extractor ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP;
extern const struct st_extractor ST_WALLCLOCK_TIMESTAMP;

/* Asks the extractor. An error begins with the record's place: "orders[2]@981: …". */
int st_extract(const struct st_extractor *extractor, const struct aq_record *rec, struct st_extract_at at,
               int64_t *ret_ms, struct aq_err *err);

#endif
