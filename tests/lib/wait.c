/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks for tests and tools, apart from base/clock.h, so that a mistake there cannot hide itself from its tests.
 */
#include "tests/lib/wait.h"

#include <errno.h>
#include <time.h>

static int64_t clock_us(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t t_now_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t t_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t t_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

void t_sleep_ms(int64_t ms)
{
    if (ms <= 0) return;
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}
