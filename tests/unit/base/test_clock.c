/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <cmocka.h>

#include "base/clock.h"

static void on_alarm(int sig)
{
    (void)sig;
}

static void test_sleep_lasts_through_signals(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, 5000}, {0, 5000}};
    setitimer(ITIMER_REAL, &often, NULL);
    int64_t start = aq_mono_us();
    aq_sleep_ms(60);
    int64_t took = aq_mono_us() - start;
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    assert_true(took >= 60 * AQ_MS);
    assert_true(took < 5 * AQ_SEC);
}

static void test_wall_clock_is_unix_time(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL);
    int64_t now = aq_wall_ms();
    assert_true(now / 1000 >= before && now / 1000 <= before + 2);
    int64_t start = aq_mono_us();
    aq_sleep_ms(0);
    aq_sleep_ms(-5);
    assert_true(aq_mono_us() >= start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleep_lasts_through_signals),
        cmocka_unit_test(test_wall_clock_is_unix_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
