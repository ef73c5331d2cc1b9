/* SPDX-License-Identifier: Apache-2.0
 *
 * Time. Turn functions are handed `now` (monotonic microseconds) by whoever drives them, so that a simulation can
 * hand them another; only the drivers and the log read the clock themselves.
 */
#ifndef AQ_BASE_CLOCK_H
#define AQ_BASE_CLOCK_H

#include <stdint.h>

#define AQ_MS  1000LL /* microseconds in a millisecond */
#define AQ_SEC 1000000LL

int64_t aq_mono_us(void); /* monotonic, for intervals and deadlines */
int64_t aq_wall_ms(void); /* UTC milliseconds since 1970, for record timestamps and the log */
void aq_sleep_ms(int64_t ms);

#endif
