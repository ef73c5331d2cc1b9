/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets (bridge/throttle.h). A bucket holds at most a tenth of a second's allowance, so that an idle time is not
 * followed by a burst.
 */
#include "bridge/throttle.h"

#include "base/assert.h"
#include "base/clock.h"

#define BURST_US (100 * AQ_MS)

void br_throttle_init(struct br_throttle *throttle, double records_per_second, double bytes_per_second)
{
    AQ_ASSERT(records_per_second >= 0 && bytes_per_second >= 0);
    *throttle = (struct br_throttle){.records_per_us = records_per_second / 1e6,
                                     .bytes_per_us = bytes_per_second / 1e6};
}

static double refill(double level, double per_us, int64_t elapsed_us)
{
    double full = per_us * (double)BURST_US;
    double more = level + per_us * (double)elapsed_us;
    return more < full ? more : full;
}

bool br_throttle_allows(struct br_throttle *throttle, int64_t now)
{
    if (throttle->records_per_us == 0 && throttle->bytes_per_us == 0) return true;
    int64_t elapsed = throttle->last_us ? now - throttle->last_us : BURST_US;
    throttle->last_us = now;
    throttle->records = refill(throttle->records, throttle->records_per_us, elapsed);
    throttle->bytes = refill(throttle->bytes, throttle->bytes_per_us, elapsed);
    bool records_ok = throttle->records_per_us == 0 || throttle->records > 0;
    bool bytes_ok = throttle->bytes_per_us == 0 || throttle->bytes > 0;
    return records_ok && bytes_ok;
}

void br_throttle_took(struct br_throttle *throttle, uint64_t records, uint64_t bytes)
{
    if (throttle->records_per_us > 0) throttle->records -= (double)records;
    if (throttle->bytes_per_us > 0) throttle->bytes -= (double)bytes;
}
