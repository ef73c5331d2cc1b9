/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's share of the route's throttles: records and bytes per second. A batch is always taken whole; what it takes
 * beyond the allowance is paid back by waiting, so the average holds over any second or so.
 */
#ifndef AQ_BRIDGE_THROTTLE_H
#define AQ_BRIDGE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct br_throttle {
    double records_per_us; /* 0: unlimited */
    double bytes_per_us;
    double records; /* allowance; negative: in debt */
    double bytes;
    int64_t last_us;
};

void br_throttle_init(struct br_throttle *throttle, double records_per_second, double bytes_per_second);
/* True when more may be read at `now`. */
bool br_throttle_allows(struct br_throttle *throttle, int64_t now);
void br_throttle_took(struct br_throttle *throttle, uint64_t records, uint64_t bytes);

#endif
