/* SPDX-License-Identifier: Apache-2.0
 *
 * The scenarios that the simulation is held to (tests/lib/kc_scenarios.h), on real brokers. White box in one place:
 * struct kc_ops never leaves a transaction half-way.
 */
#include "kafka/rd/rd.h"
#include "tests/lib/broker_fixture.h"
#include "tests/lib/kc_scenarios.h"

static void leave_halfway(struct kc_producer *producer, struct kc_membership *membership, const char *topic,
                          int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = offset;
    assert_null(rd_kafka_send_offsets_to_transaction(producer->client.rk, list, membership->metadata, 10000));
    rd_kafka_topic_partition_list_destroy(list);
}

static void every_scenario_ends_as_expected(void **state)
{
    (void)state;
    const struct kc_stage_hooks hooks = {leave_halfway};
    int failed = 0;
    for (size_t i = 0; i < kc_scenarios_n; i++) {
        char *text = kc_scenario_play(&kc_scenarios[i], ops, &env.sink, &hooks, kt_name(&env, "scene"));
        if (strcmp(text, kc_scenarios[i].expected) != 0) {
            failed++;
            fprintf(stderr, "%s: observed\n%sexpected\n%s", kc_scenarios[i].name, text,
                    kc_scenarios[i].expected);
        }
        free(text);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_ends_as_expected),
    };
    return cmocka_run_group_tests(tests, kt_setup, kt_teardown);
}
