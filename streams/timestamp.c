/* SPDX-License-Identifier: Apache-2.0
 *
 * The four extractors of Kafka Streams, and the call that puts a record's place before an error. Nothing here keeps
 * anything between two records: partition time is the caller's.
 */
#include "streams/timestamp.h"

#include <inttypes.h>

#include "base/assert.h"

/* What the record says itself, or -1. */
static int64_t own_time(const struct aq_record *rec)
{
    return rec->time_type == AQ_TIME_NONE ? ST_NO_TIME : rec->timestamp;
}

static int fail_on_invalid(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                           struct aq_err *err)
{
    (void)user;
    (void)at;
    *ret_ms = own_time(rec);
    if (*ret_ms >= 0) return 0;
    return aq_fail(err, AQ_E_BAD_RECORD,
                   "the timestamp %" PRId64
                   " is negative; the producer is older than 0.10 or sets it by mistake; "
                   "another timestamp extractor can skip such records or give them another time",
                   *ret_ms);
}

static int skip_invalid(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                        struct aq_err *err)
{
    (void)user;
    (void)at;
    (void)err;
    *ret_ms = own_time(rec);
    return 0;
}

static int partition_time_on_invalid(void *user, const struct aq_record *rec, struct st_extract_at at,
                                     int64_t *ret_ms, struct aq_err *err)
{
    (void)user;
    int64_t own = own_time(rec);
    *ret_ms = own >= 0 ? own : at.partition_ms;
    if (*ret_ms >= 0) return 0;
    return aq_fail(
        err, AQ_E_BAD_RECORD,
        "the timestamp %" PRId64
        " is negative, and no record of the partition before it had one that could stand in for it",
        own);
}

static int wall_clock(void *user, const struct aq_record *rec, struct st_extract_at at, int64_t *ret_ms,
                      struct aq_err *err)
{
    (void)user;
    (void)rec;
    (void)err;
    *ret_ms = at.wall_ms;
    return 0;
}

const struct st_extractor ST_FAIL_ON_INVALID_TIMESTAMP = {fail_on_invalid, NULL};
const struct st_extractor ST_LOG_AND_SKIP_ON_INVALID_TIMESTAMP = {skip_invalid, NULL};
const struct st_extractor ST_USE_PARTITION_TIME_ON_INVALID_TIMESTAMP = {partition_time_on_invalid, NULL};
const struct st_extractor ST_WALLCLOCK_TIMESTAMP = {wall_clock, NULL};

int st_extract(const struct st_extractor *extractor, const struct aq_record *rec, struct st_extract_at at,
               int64_t *ret_ms, struct aq_err *err)
{
    AQ_ASSERT(extractor->extract && rec->batch && rec->batch->topic);
    *ret_ms = ST_NO_TIME;
    aq_err_clear(err);
    int rc = extractor->extract(extractor->user, rec, at, ret_ms, err);
    AQ_ASSERT(rc <= 0);
    if (rc == 0) return 0;
    /* The extractor's own code, also when nobody wants the sentence or the extractor wrote none. */
    if (err && err->code >= 0) aq_fail(err, rc, "the timestamp extractor failed");
    aq_err_in(err, "%s[%d]@%" PRId64, rec->batch->topic->text, rec->batch->partition, rec->offset);
    return rc;
}
