/* SPDX-License-Identifier: Apache-2.0
 *
 * Time. Turn functions are handed `now` (monotonic microseconds) by whoever drives them, so that a simulation can
 * hand them another; only the drivers and the log read the clock themselves.
 */
#ifndef AQ_BASE_CLOCK_H
#define AQ_BASE_CLOCK_H

#include <stdint.h>

/* A clock that stands still until somebody moves it. The wall clock is its own number, so that it may start at any date;
 * whoever moves one moves the other. */
struct aq_virtual_clock {
    int64_t mono_us;
    int64_t wall_us; /* UTC microseconds since 1970 */
};

#define AQ_MS  1000LL /* microseconds in a millisecond */
#define AQ_SEC 1000000LL

int64_t aq_mono_us(void); /* monotonic, for intervals and deadlines */
int64_t aq_wall_ms(void); /* UTC milliseconds since 1970, for record timestamps and the log */
void aq_sleep_ms(int64_t ms);

/* From now on the calling thread's three functions above use this clock instead of the system's, and a sleep moves it; NULL:
 * the system's again. Other threads do not notice. Returns the clock used before. The clock stays the caller's. */
struct aq_virtual_clock *aq_clock_use(struct aq_virtual_clock *clock);
void aq_clock_advance(struct aq_virtual_clock *clock, int64_t us);

#endif
