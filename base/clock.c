/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks and a sleep, and the virtual clock that may stand in for them. It belongs to one thread, so a
 * simulation disturbs nobody beside it; the real path pays one look at a thread-local pointer.
 */
#include "base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "base/assert.h"

static _Thread_local struct aq_virtual_clock *in_use;

struct aq_virtual_clock *aq_clock_use(struct aq_virtual_clock *clock)
{
    struct aq_virtual_clock *before = in_use;
    in_use = clock;
    return before;
}

void aq_clock_advance(struct aq_virtual_clock *clock, int64_t us)
{
    AQ_ASSERT(clock && us >= 0);
    clock->mono_us += us;
    clock->wall_us += us;
}

int64_t aq_mono_us(void)
{
    if (__builtin_expect(in_use != NULL, 0)) return in_use->mono_us;
    struct timespec ts;
    int rc = clock_gettime(CLOCK_MONOTONIC, &ts);
    AQ_ASSERT(rc == 0);
    return (int64_t)ts.tv_sec * AQ_SEC + ts.tv_nsec / 1000;
}

int64_t aq_wall_ms(void)
{
    if (__builtin_expect(in_use != NULL, 0)) return in_use->wall_us / AQ_MS;
    struct timespec ts;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    AQ_ASSERT(rc == 0);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void aq_sleep_ms(int64_t ms)
{
    if (ms <= 0) return;
    if (in_use) {
        aq_clock_advance(in_use, ms * AQ_MS);
        return;
    }
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
