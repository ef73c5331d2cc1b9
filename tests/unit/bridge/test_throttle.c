/* SPDX-License-Identifier: Apache-2.0
 *
 * The throttle under a clock of the test's own: averages hold, debts are paid, idle time is not saved up.
 */
#include "bridge/throttle.h"

#include "base/clock.h"
#include "tests/lib/check.h"

/* Takes a batch whenever it is allowed; records in `us` of time, looked at every millisecond. */
static uint64_t run(struct br_throttle *throttle, int64_t *now, int64_t us, uint64_t batch, uint64_t bytes)
{
    uint64_t taken = 0;
    for (int64_t end = *now + us; *now < end; *now += AQ_MS) {
        if (!br_throttle_allows(throttle, *now)) continue;
        br_throttle_took(throttle, batch, batch * bytes);
        taken += batch;
    }
    return taken;
}

static void without_limits_everything_is_allowed(void **state)
{
    (void)state;
    struct br_throttle throttle;
    br_throttle_init(&throttle, 0, 0);
    for (int i = 0; i < 100; i++) {
        assert_true(br_throttle_allows(&throttle, 5));
        br_throttle_took(&throttle, UINT32_MAX, UINT64_MAX / 2);
    }
}

static void records_keep_to_the_average(void **state)
{
    (void)state;
    static const uint64_t batches[] = {1, 100, 5000};
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        struct br_throttle throttle;
        int64_t now = AQ_SEC;
        br_throttle_init(&throttle, 1000, 0);
        uint64_t taken = run(&throttle, &now, 20 * AQ_SEC, batches[i], 1000000);
        /* One batch more may be on credit, and a tenth of a second is in the bucket at the start. */
        T_CHECK(taken + batches[i] >= 20000 - 200 || batches[i] == 1, "batches of %lu: %lu",
                (unsigned long)batches[i], (unsigned long)taken);
        T_CHECK(taken <= 20000 + 100 + batches[i], "batches of %lu: %lu", (unsigned long)batches[i],
                (unsigned long)taken);
    }
}

static void bytes_keep_to_the_average(void **state)
{
    (void)state;
    struct br_throttle throttle;
    int64_t now = AQ_SEC;
    br_throttle_init(&throttle, 0, 1 << 20);
    uint64_t bytes = run(&throttle, &now, 10 * AQ_SEC, 64, 1024) * 1024;
    assert_in_range(bytes, 10 << 20, (10 << 20) + (1 << 18));
}

static void the_tighter_limit_counts(void **state)
{
    (void)state;
    struct br_throttle throttle;
    int64_t now = AQ_SEC;
    br_throttle_init(&throttle, 1000000, 10000);
    assert_in_range(run(&throttle, &now, 10 * AQ_SEC, 1, 100), 990, 1020);
    now = AQ_SEC;
    br_throttle_init(&throttle, 100, 1e12);
    assert_in_range(run(&throttle, &now, 10 * AQ_SEC, 1, 100), 990, 1020);
}

static void idle_time_is_not_saved_up(void **state)
{
    (void)state;
    struct br_throttle throttle;
    int64_t now = AQ_SEC;
    br_throttle_init(&throttle, 1000, 0);
    run(&throttle, &now, AQ_SEC, 10, 1);
    now += 3600 * AQ_SEC;
    assert_true(run(&throttle, &now, AQ_SEC, 10, 1) <= 1000 + 100 + 10);
}

static void a_large_batch_is_paid_back(void **state)
{
    (void)state;
    struct br_throttle throttle;
    int64_t now = AQ_SEC;
    br_throttle_init(&throttle, 1000, 0);
    assert_true(br_throttle_allows(&throttle, now));
    br_throttle_took(&throttle, 5100, 0); /* 100 were there */
    assert_false(br_throttle_allows(&throttle, now + AQ_MS));
    assert_false(br_throttle_allows(&throttle, now + 4990 * AQ_MS));
    assert_true(br_throttle_allows(&throttle, now + 5010 * AQ_MS));
}

/* A worker turns thousands of times a second: fractions of a record must add up. */
static void looking_often_changes_nothing(void **state)
{
    (void)state;
    struct br_throttle throttle;
    uint64_t taken = 0;
    br_throttle_init(&throttle, 10, 0);
    for (int64_t now = AQ_SEC; now < 11 * AQ_SEC; now += 50) {
        if (!br_throttle_allows(&throttle, now)) continue;
        br_throttle_took(&throttle, 1, 0);
        taken++;
    }
    assert_in_range(taken, 99, 103);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_everything_is_allowed),
        cmocka_unit_test(records_keep_to_the_average),
        cmocka_unit_test(bytes_keep_to_the_average),
        cmocka_unit_test(the_tighter_limit_counts),
        cmocka_unit_test(idle_time_is_not_saved_up),
        cmocka_unit_test(a_large_batch_is_paid_back),
        cmocka_unit_test(looking_often_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
