/* SPDX-License-Identifier: Apache-2.0
 *
 * stop_at_end when the end is not easily told: several workers, between whom the group moves tasks while they work, and
 * a topic that goes on being written.
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/mirror.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define RECORDS    "200000"
#define PARTITIONS 8
#define END_MS     60000

static struct t_process *generate(const char *topic, const char *records, const char *rate)
{
    const char *argv[] = {t_tool("orders_gen"),
                          "--brokers",
                          t_pair.source,
                          "--topic",
                          topic,
                          "--records",
                          records,
                          "--rate",
                          rate,
                          "--keep",
                          NULL};
    return t_start(argv, NULL);
}

static void finish(struct t_process *generator)
{
    T_CHECK(t_wait_exit(generator, END_MS) == 0, "generator: %s", t_stderr(generator));
    t_process_free(generator);
}

/* The workers join their group one after the other; the first has all tasks for a while. The records take longer than
 * that, so that tasks move with work left to do. */
static void every_worker_waits_for_the_others(const char *delivery)
{
    struct t_name name = t_unique("orders.finish");
    t_topic_create(t_pair.src, name.text, PARTITIONS, "retention.ms=-1", NULL);
    finish(generate(name.text, RECORDS, "0"));
    char *config =
        t_config(t_pair.source, t_pair.sink, "",
                 "name = \"%s\"; topics = [\"%s\"]; workers = 3; delivery = \"%s\"; stop_at_end = true; "
                 "records_per_second = 40000;",
                 name.text, name.text, delivery);
    t_bridge_to_end(config, 0, END_MS);
    t_check_mirror(&t_pair, name.text, END_MS);
    free(config);
}

static void test_every_worker_waits_for_the_others_exactly_once(void **state)
{
    (void)state;
    every_worker_waits_for_the_others("exactly_once");
}

static void test_every_worker_waits_for_the_others_at_least_once(void **state)
{
    (void)state;
    every_worker_waits_for_the_others("at_least_once");
}

static void test_a_topic_that_is_being_written_has_an_end(void **state)
{
    (void)state;
    struct t_name name = t_unique("orders.live");
    t_topic_create(t_pair.src, name.text, PARTITIONS, "retention.ms=-1", NULL);
    struct t_process *generator = generate(name.text, "100000000", "20000");
    T_CHECK(T_WAIT(END_MS, t_log_span(t_pair.src, name.text) > 20000), "nothing is written");
    int64_t there = t_log_span(t_pair.src, name.text);
    char *config = t_config(t_pair.source, t_pair.sink, "",
                            "name = \"%s\"; topics = [\"%s\"]; stop_at_end = true;", name.text, name.text);
    t_bridge_to_end(config, 0, END_MS);
    T_CHECK(t_running(generator), "the generator has ended: %s", t_stderr(generator));
    T_CHECK(t_log_span(t_pair.dst, name.text) >= there, "%lld of %lld records",
            (long long)t_log_span(t_pair.dst, name.text), (long long)there);
    t_signal(generator, SIGTERM);
    finish(generator);
    free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_worker_waits_for_the_others_exactly_once),
        cmocka_unit_test(test_every_worker_waits_for_the_others_at_least_once),
        cmocka_unit_test(test_a_topic_that_is_being_written_has_an_end),
    };
    return cmocka_run_group_tests_name("the end of a route", tests, t_pair_setup, t_pair_teardown);
}
