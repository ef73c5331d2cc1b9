/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks and a sleep.
 */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

#include "base/assert.h"

int64_t aq_mono_us(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_MONOTONIC, &ts);
    AQ_ASSERT(rc == 0);
    return (int64_t)ts.tv_sec * AQ_SEC + ts.tv_nsec / 1000;
}

int64_t aq_wall_ms(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    AQ_ASSERT(rc == 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void aq_sleep_ms(int64_t ms)
{
    if (ms <= 0) return;
    struct timespec until;
    int rc = clock_gettime(CLOCK_MONOTONIC, &until);
    AQ_ASSERT(rc == 0);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000L;
    }
    /* An absolute end, so that signals neither shorten nor stretch the sleep. */
    while ((rc = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)) == EINTR) {
    }
    AQ_ASSERT(rc == 0);
}
