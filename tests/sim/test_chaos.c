/* SPDX-License-Identifier: Apache-2.0
 *
 * Chaos in the streams engine (tests/sim/chaos.h): so many seeds for each shape of topology and each guarantee, and the seeds that once
 * found something, by name.
 *
 * AQUEDUCT_CHAOS_SEEDS=N      N seeds for each instead of the usual number
 * AQUEDUCT_CHAOS_FIRST=S      beginning with S instead of 1
 * AQUEDUCT_CHAOS_SEED=S       this seed alone, with the log
 * AQUEDUCT_CHAOS_TEST=GLOB    only the tests of this name
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/sim/chaos.h"

/* The sanitizers' build takes six times as long for a seed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define USUAL_SEEDS 100
#else
#define USUAL_SEEDS 600
#endif

static struct chaos_app apps[CHAOS_SHAPES];

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void run_seeds(enum chaos_shape shape, bool exactly_once)
{
    uint64_t first = number_of("AQUEDUCT_CHAOS_FIRST", 1), n = number_of("AQUEDUCT_CHAOS_SEEDS", USUAL_SEEDS);
    if (getenv("AQUEDUCT_CHAOS_SEED")) first = number_of("AQUEDUCT_CHAOS_SEED", 1), n = 1;
    for (uint64_t i = 0; i < n; i++) chaos_run(first + i, &apps[shape], shape, exactly_once);
}

static void exactly_once_through_one_repartition(void **state)
{
    (void)state;
    run_seeds(CHAOS_ONE_REPARTITION, true);
}

static void exactly_once_through_two_repartitions_and_branches(void **state)
{
    (void)state;
    run_seeds(CHAOS_TWO_REPARTITIONS, true);
}

static void at_least_once_through_one_repartition(void **state)
{
    (void)state;
    run_seeds(CHAOS_ONE_REPARTITION, false);
}

static void at_least_once_through_two_repartitions_and_branches(void **state)
{
    (void)state;
    run_seeds(CHAOS_TWO_REPARTITIONS, false);
}

/* ---- what was found, by what it was (the seed that finds it again without the mending) ------------------------------ */

static void the_end_of_a_partition_counts_before_its_first_commit(void **state)
{
    (void)state;
    chaos_run(181, &apps[CHAOS_ONE_REPARTITION], CHAOS_ONE_REPARTITION, true);
}

static void a_worker_that_loses_patience_while_it_is_revoked_answers_the_group(void **state)
{
    (void)state;
    chaos_run(41, &apps[CHAOS_ONE_REPARTITION], CHAOS_ONE_REPARTITION, true);
}

static void full_memory_does_not_stop_a_task_that_waits_for_another_partition(void **state)
{
    (void)state;
    chaos_run(2, &apps[CHAOS_TWO_REPARTITIONS], CHAOS_TWO_REPARTITIONS, true);
}

static int make_apps(void **state)
{
    (void)state;
    chaos_watch();
    aq_log_setup(getenv("AQUEDUCT_CHAOS_SEED") ? AQ_DEBUG : AQ_ERROR, AQ_LOG_LOGFMT);
    for (int i = 0; i < CHAOS_SHAPES; i++) chaos_app_init(&apps[i], (enum chaos_shape)i);
    return 0;
}

static int free_apps(void **state)
{
    (void)state;
    for (int i = 0; i < CHAOS_SHAPES; i++) chaos_app_finish(&apps[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_partition_counts_before_its_first_commit),
        cmocka_unit_test(a_worker_that_loses_patience_while_it_is_revoked_answers_the_group),
        cmocka_unit_test(full_memory_does_not_stop_a_task_that_waits_for_another_partition),
        cmocka_unit_test(exactly_once_through_one_repartition),
        cmocka_unit_test(exactly_once_through_two_repartitions_and_branches),
        cmocka_unit_test(at_least_once_through_one_repartition),
        cmocka_unit_test(at_least_once_through_two_repartitions_and_branches),
    };
    if (getenv("AQUEDUCT_CHAOS_TEST")) cmocka_set_test_filter(getenv("AQUEDUCT_CHAOS_TEST"));
    return cmocka_run_group_tests(tests, make_apps, free_apps);
}
