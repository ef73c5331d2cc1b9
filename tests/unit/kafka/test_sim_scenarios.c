/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulation observes what real brokers do: the scenarios of tests/lib/kc_scenarios.h, which tests/broker runs, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kafka/sim.h"
#include "tests/lib/kc_scenarios.h"

#define SEEDS 20

/* The first poll of a commit sends the offsets; the second would end it. */
static void leave_halfway(struct kc_producer *producer, struct kc_membership *membership, const char *topic,
                          int64_t offset)
{
    struct aq_err err = {0};
    const struct kc_task_offset pointer = {.partition = 0, .offset = offset};
    assert_int_equal(kc_sim_ops.txn_commit(producer, membership, topic, &pointer, 1, &err), 0);
    assert_int_equal(kc_sim_ops.txn_poll(producer, NULL, NULL, NULL), KC_TXN_COMMITTING);
}

static void play(const struct kc_scenario *scenario, uint64_t seed, int64_t latency_us)
{
    const struct kc_stage_hooks hooks = {leave_halfway};
    struct kc_sim *sim = kc_sim_open(seed);
    kc_sim_set_latency(sim, latency_us);
    aq_clock_use(kc_sim_clock(sim));
    struct kc_cluster cluster;
    kc_sim_cluster(sim, "scene", &cluster);
    char *text = kc_scenario_play(scenario, &kc_sim_ops, &cluster, &hooks, "1");
    assert_string_equal(text, scenario->expected);
    free(text);
    aq_clock_use(NULL);
    kc_sim_close(sim);
}

static void every_scenario_ends_as_on_real_brokers(void **state)
{
    (void)state;
    for (size_t i = 0; i < kc_scenarios_n; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) play(&kc_scenarios[i], seed, 0);
}

static void latency_changes_nothing_but_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < kc_scenarios_n; i++) play(&kc_scenarios[i], i, 7 * AQ_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_ends_as_on_real_brokers),
        cmocka_unit_test(latency_changes_nothing_but_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
