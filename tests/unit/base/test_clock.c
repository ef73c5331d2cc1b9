/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
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

static void virtual_clock_stands_still_until_it_is_moved(void **state)
{
    (void)state;
    struct aq_virtual_clock clock = {.mono_us = 5 * AQ_SEC, .wall_us = 1000 * AQ_MS};
    assert_null(aq_clock_use(&clock));
    assert_int_equal(aq_mono_us(), 5 * AQ_SEC);
    assert_int_equal(aq_mono_us(), 5 * AQ_SEC);
    assert_int_equal(aq_wall_ms(), 1000);
    aq_clock_advance(&clock, 7 * AQ_MS);
    assert_int_equal(aq_mono_us(), 5 * AQ_SEC + 7 * AQ_MS);
    assert_int_equal(aq_wall_ms(), 1007);
    assert_ptr_equal(aq_clock_use(NULL), &clock);
    assert_true(aq_wall_ms() > 1500000000000);
}

static void sleep_moves_a_virtual_clock_and_takes_no_time(void **state)
{
    (void)state;
    int64_t start = aq_mono_us();
    struct aq_virtual_clock clock = {0};
    aq_clock_use(&clock);
    aq_sleep_ms(3600 * 1000);
    aq_sleep_ms(0);
    aq_sleep_ms(-1);
    assert_int_equal(aq_mono_us(), 3600 * AQ_SEC);
    assert_int_equal(aq_wall_ms(), 3600 * 1000);
    aq_clock_use(NULL);
    assert_true(aq_mono_us() - start < 60 * AQ_SEC);
}

static void *read_clock(void *arg)
{
    *(int64_t *)arg = aq_wall_ms();
    return NULL;
}

static void virtual_clock_is_one_threads_own(void **state)
{
    (void)state;
    struct aq_virtual_clock clock = {0};
    aq_clock_use(&clock);
    int64_t seen = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_clock, &seen), 0);
    pthread_join(thread, NULL);
    assert_int_equal(aq_wall_ms(), 0);
    aq_clock_use(NULL);
    assert_true(seen > 1500000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleep_lasts_through_signals),
        cmocka_unit_test(test_wall_clock_is_unix_time),
        cmocka_unit_test(virtual_clock_stands_still_until_it_is_moved),
        cmocka_unit_test(sleep_moves_a_virtual_clock_and_takes_no_time),
        cmocka_unit_test(virtual_clock_is_one_threads_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
