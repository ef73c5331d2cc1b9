/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting at a bad moment: instances are started one after the other while the sink's brokers stop in order and come
 * back. Each of them must be running soon after the brokers are, and a stop must end each of them soon.
 *
 * What made it fail: metadata of a moment in which partitions had no leader any more was remembered by the client, and
 * the start went on asking its memory until connect_timeout, deaf to SIGTERM.
 */
#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/cluster.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define INSTANCES  12
#define APART_MS   100
#define BROKERS_MS 120000
#define START_MS   20000
#define STOP_MS    15000

static struct t_pair pair;
static struct t_process *instances[INSTANCES];

static bool all_started(void)
{
    for (int i = 0; i < INSTANCES; i++)
        if (!t_stderr_has(instances[i], "route started")) return false;
    return true;
}

static void tell_who_did_not(void)
{
    for (int i = 0; i < INSTANCES; i++)
        if (!t_stderr_has(instances[i], "route started"))
            fprintf(stderr, "instance %d:\n%s\n", i, t_stderr(instances[i]));
}

static void an_instance_that_starts_while_brokers_stop_runs_soon_after(void **state)
{
    (void)state;
    t_pair_open(&pair);
    struct t_name topic = t_unique("start"), route = t_unique("start");
    t_topic_create(pair.src, topic.text, 3, NULL);
    char *config =
        t_config(pair.source, pair.sink, "", "name = \"%s\"; topics = [\"%s\"];", route.text, topic.text);
    /* The state topic is there already: a route that runs for the first time creates it and asks otherwise. */
    struct t_process *first = t_bridge(config, NULL);
    T_CHECK(T_WAIT(START_MS, t_stderr_has(first, "tasks assigned")), "%s", t_stderr(first));
    t_bridge_stop(first, STOP_MS);

    struct t_process *restart = t_clusters_start("restart", "sink", 0);
    for (int i = 0; i < INSTANCES; i++) {
        instances[i] = t_bridge(config, NULL);
        t_sleep_ms(APART_MS);
    }
    T_CHECK(t_wait_exit(restart, BROKERS_MS) == 0, "restart: %s", t_stderr(restart));
    t_process_free(restart);
    if (!T_WAIT(START_MS, all_started())) {
        tell_who_did_not();
        T_FAIL("an instance has not started %d s after the brokers", START_MS / 1000);
    }
    for (int i = 0; i < INSTANCES; i++) t_signal(instances[i], SIGTERM);
    for (int i = 0; i < INSTANCES; i++) {
        int code = t_wait_exit(instances[i], STOP_MS);
        T_CHECK(code == 0, "instance %d: exit %d\n%s", i, code, t_stderr(instances[i]));
        t_process_free(instances[i]);
    }
    free(config);
    t_topic_delete(pair.src, topic.text);
    t_pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_that_starts_while_brokers_stop_runs_soon_after),
    };
    return cmocka_run_group_tests_name("starting at a bad moment", tests, NULL, NULL);
}
